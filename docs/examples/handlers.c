/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers on weir's own threads: the program gives a function, weir polls, calls it for each
 * event, in order for each key, and acknowledges what it took. Each member has a thread of its own.
 *
 * Here the log is in memory only (no options.dir), the threads sleep when there is nothing to do,
 * and they are pinned to one CPU that this process may use.
 */
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include <weir.h>

#define EVENTS 20000u
#define WORKERS 2u

/* One each: only its own thread touches it, until weir_member_leave() has come back. */
struct worker {
	struct weir_member *member;
	uint64_t handled;
};

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	struct worker *worker = context;
	(void)member;
	if (item->kind == WEIR_ITEM_EVENT)
		worker->handled++;
	return WEIR_HANDLED_OK;
}

/* The first CPU that this process may use, or none. */
static void pin(struct weir_thread_options *thread)
{
	cpu_set_t allowed;
	if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
		return;
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed)) {
			thread->cpus[0] = (uint16_t)cpu;
			thread->cpu_count = 1;
			return;
		}
}

static int publish_all(struct weir_pipeline *pipeline, uint32_t topic, struct weir_problem *why)
{
	struct weir_producer_options options;
	struct weir_producer *producer;
	weir_producer_options_init(&options);
	options.no_acks = true; // in memory there is nothing to wait for
	int rc = weir_producer_open(pipeline, &options, &producer, why);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < EVENTS && rc == 0; i++) {
		uint32_t key = i % 100;
		struct weir_event event = {.topic = topic,
					   .key = &key,
					   .key_bytes = sizeof key,
					   .payload = &i,
					   .payload_bytes = sizeof i};
		rc = weir_publish(producer, &event, NULL);
	}
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	return rc != 0 ? rc : closed;
}

static int wait_until_handled(struct weir_pipeline *pipeline, uint32_t subscription)
{
	const struct timespec a_moment = {.tv_nsec = 5000000};
	struct weir_lag lag;
	int rc;
	while ((rc = weir_lag(pipeline, subscription, &lag)) == 0 && lag.events > 0)
		nanosleep(&a_moment, NULL);
	return rc;
}

static int run(struct weir_pipeline *pipeline, struct worker *workers, struct weir_problem *why)
{
	static const char *const topics[] = {"work"};
	struct weir_topic_options topic;
	struct weir_subscription_options reading;
	struct weir_info info = {.struct_bytes = sizeof info};
	uint32_t work, subscription;

	weir_topic_options_init(&topic);
	topic.name = topics[0];
	topic.partitions = 8;
	weir_subscription_options_init(&reading);
	reading.name = "workers";
	reading.topics = topics;
	reading.topic_count = 1;
	reading.when_slow = WEIR_SLOW_BLOCK; // in memory: rather wait than miss an event
	int rc = weir_topic_create(pipeline, &topic, &work, why);
	if (rc == 0)
		rc = weir_subscription_create(pipeline, &reading, &subscription, why);
	for (uint32_t i = 0; i < WORKERS && rc == 0; i++) {
		struct weir_member_options options;
		weir_member_options_init(&options);
		options.handler = handle;
		options.handler_context = &workers[i];
		rc = weir_member_join(pipeline, subscription, &options, &workers[i].member, why);
	}
	if (rc == 0)
		rc = publish_all(pipeline, work, why);
	if (rc == 0)
		rc = wait_until_handled(pipeline, subscription);
	if (rc == 0)
		rc = weir_pipeline_info(pipeline, &info);
	for (uint32_t i = 0; i < info.thread_count; i++)
		printf("%-16s %s, CPU %d\n", info.threads[i].name,
		       info.threads[i].pinned ? "pinned" : "not pinned", info.threads[i].last_cpu);
	for (uint32_t i = 0; i < WORKERS && rc == 0; i++)
		rc = weir_member_leave(workers[i].member, WEIR_FOREVER);
	return rc;
}

int main(void)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_problem why = {.text = ""};
	struct worker workers[WORKERS] = {0};

	weir_options_init(&options);
	options.name = "handlers";
	options.handler.wait = WEIR_WAIT_PARK;
	pin(&options.handler);
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = run(pipeline, workers, &why);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	uint64_t handled = workers[0].handled + workers[1].handled;
	printf("%llu events handled\n", (unsigned long long)handled);
	return handled == EVENTS ? 0 : 1;
}
