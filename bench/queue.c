/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deliveries of a queue: events that are in the log are handed out by lease to members, one by one
 * acknowledged, and settled. Durable: an event counts as delivered when its settle is a durable
 * record of the log; the clock runs from the first poll until nothing is left.
 *
 * Events have 64 bytes and one of a thousand keys. Each has to be handed out once and, with order
 * KEY, in the order of its key; a member that sees otherwise ends the program with a failure. The
 * members are threads that poll 256 at once and do nothing else. It ends with a line of JSON.
 *
 *   bench_queue [EVENTS] [MEMBERS] [none|key] [DIR]      1,000,000, 2, none, a folder of its own
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

#include "bench/harness.h"
#include "core/base/atomic.h"

#define KEYS 1000u
#define MEMBERS_MAX 16u
#define POLLED 256
#define PAYLOAD_BYTES 64u
#define OUTSTANDING (1u << 16)

struct shared {
	struct weir_pipeline *pipeline;
	uint32_t topic, subscription;
	uint64_t events;
	bool by_key;
	wr_atomic_u32 *handed;       /* by number: how often */
	wr_atomic_u64 last_of[KEYS]; /* number + 1 of the last one of a key */
	wr_atomic_u64 faults, done;
	wr_atomic_u32 stop;
};

static int fail(const char *what, int code, const struct weir_problem *why)
{
	fprintf(stderr, "bench_queue: %s: %s %s\n", what, weir_error_name(code),
		why != NULL ? why->text : "");
	return 1;
}

static int fill(struct shared *s)
{
	struct weir_problem why = {0};
	struct weir_producer *producer;
	uint8_t payload[PAYLOAD_BYTES] = {0};
	int rc = weir_producer_open(s->pipeline, NULL, &producer, &why);
	if (rc != 0)
		return fail("weir_producer_open", rc, &why);
	for (uint64_t n = 0; n < s->events && rc == 0; n++) {
		uint32_t key = (uint32_t)(n % KEYS);
		const struct weir_event event = {.topic = s->topic,
						 .key = &key,
						 .key_bytes = sizeof key,
						 .payload = payload,
						 .payload_bytes = sizeof payload};
		memcpy(payload, &n, sizeof n);
		rc = weir_publish(producer, &event, NULL);
	}
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	rc = rc != 0 ? rc : closed;
	return rc != 0 ? fail("publish", rc, NULL) : 0;
}

/* Once each; a key's next one comes after it was acknowledged, so one member looks at a time. */
static void look_at(struct shared *s, const struct weir_item *item)
{
	uint64_t n;
	memcpy(&n, item->payload, sizeof n);
	bool is_right = n < s->events && wr_add_relaxed(&s->handed[n], 1u) == 0;
	if (is_right && s->by_key) {
		uint64_t last = wr_load_acquire(&s->last_of[n % KEYS]);
		is_right = last == 0 || last + KEYS == n + 1;
		wr_store_release(&s->last_of[n % KEYS], n + 1);
	}
	if (!is_right)
		(void)wr_add_relaxed(&s->faults, 1u);
}

static void *work(void *context)
{
	struct shared *s = context;
	struct weir_problem why = {0};
	struct weir_member *member;
	struct weir_item items[POLLED];
	int rc = weir_member_join(s->pipeline, s->subscription, NULL, &member, &why);
	if (rc != 0)
		(void)wr_add_relaxed(&s->faults, (uint64_t)(1 + fail("join", rc, &why)));
	while (rc >= 0 && wr_load_acquire(&s->stop) == 0) {
		rc = weir_poll(member, items, POLLED, 1000000);
		for (int i = 0; i < rc; i++) {
			look_at(s, &items[i]);
			int acked = weir_ack(member, &items[i]);
			if (acked != 0)
				(void)wr_add_relaxed(&s->faults,
						     (uint64_t)(1 + fail("ack", acked, NULL)));
		}
		if (rc > 0)
			(void)wr_add_relaxed(&s->done, (uint64_t)rc);
	}
	if (rc >= 0)
		rc = weir_member_leave(member, WEIR_FOREVER);
	if (rc < 0)
		(void)wr_add_relaxed(&s->faults, (uint64_t)(1 + fail("member", rc, NULL)));
	return NULL;
}

/* Until all is settled, durably, or nothing moves for long. 0 or 1. */
static int wait_for_all(struct shared *s)
{
	uint64_t moved_ns = bench_now_ns(), done = 0;
	struct weir_lag lag = {.events = 1};
	while (bench_now_ns() - moved_ns < 20000000000u && wr_load_relaxed(&s->faults) == 0) {
		uint64_t now = wr_load_relaxed(&s->done);
		moved_ns = now != done ? bench_now_ns() : moved_ns;
		done = now;
		int rc = weir_lag(s->pipeline, s->subscription, &lag);
		if (rc != 0)
			return fail("weir_lag", rc, NULL);
		if (lag.events == 0)
			return 0;
		bench_sleep_ns(1000000);
	}
	fprintf(stderr, "bench_queue: %" PRIu64 " events are left\n", lag.events);
	return 1;
}

static int open_queue(struct shared *s, const char *dir)
{
	static const char *const topics[] = {"work"};
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_subscription_options subscription;
	struct weir_problem why = {0};
	weir_options_init(&options);
	options.dir = dir;
	options.outstanding_max = OUTSTANDING;
	int rc = weir_open(&options, &s->pipeline, &why);
	if (rc != 0)
		return fail("weir_open", rc, &why);
	weir_topic_options_init(&topic);
	topic.name = topics[0];
	topic.partitions = 4;
	rc = weir_topic_create(s->pipeline, &topic, &s->topic, &why);
	weir_subscription_options_init(&subscription);
	subscription.name = "queue";
	subscription.topics = topics;
	subscription.topic_count = 1;
	subscription.order = s->by_key ? WEIR_ORDER_KEY : WEIR_ORDER_NONE;
	subscription.outstanding_max = OUTSTANDING;
	if (rc == 0)
		rc = weir_subscription_create(s->pipeline, &subscription, &s->subscription, &why);
	return rc != 0 ? fail("define", rc, &why) : 0;
}

static int measure(struct shared *s, uint32_t members)
{
	pthread_t threads[MEMBERS_MAX];
	uint64_t began_ns = bench_now_ns(), cpu_ns = bench_cpu_ns();
	for (uint32_t i = 0; i < members; i++)
		if (pthread_create(&threads[i], NULL, work, s) != 0)
			return fail("pthread_create", -1, NULL);
	int rc = wait_for_all(s);
	double seconds = (double)(bench_now_ns() - began_ns) / 1e9;
	double cpu = (double)(bench_cpu_ns() - cpu_ns) / (double)s->events;
	wr_store_release(&s->stop, 1u);
	for (uint32_t i = 0; i < members; i++)
		(void)pthread_join(threads[i], NULL);
	bool right = rc == 0 && wr_load_relaxed(&s->faults) == 0 &&
		     wr_load_relaxed(&s->done) == s->events;
	printf("{\"events\": %" PRIu64 ", \"members\": %u, \"order\": \"%s\", "
	       "\"deliveries_per_s\": %.0f, \"cpu_ns_per_delivery\": %.0f, \"right\": %s}\n",
	       s->events, members, s->by_key ? "key" : "none", (double)s->events / seconds, cpu,
	       right ? "true" : "false");
	return right ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct shared s;
	char made[] = "/var/tmp/bench-queue-XXXXXX";
	s.events = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	uint32_t members = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 2;
	s.by_key = argc > 3 && strcmp(argv[3], "key") == 0;
	const char *dir = argc > 4 ? argv[4] : mkdtemp(made);
	s.handed = calloc(s.events + 1, sizeof *s.handed);
	if (dir == NULL || s.handed == NULL || s.events == 0 || members == 0 ||
	    members > MEMBERS_MAX)
		return fail("EVENTS and MEMBERS (1 to 16)", -EINVAL, NULL);
	int rc = open_queue(&s, dir);
	if (rc == 0)
		rc = fill(&s);
	if (rc == 0)
		rc = measure(&s, members);
	if (s.pipeline != NULL && weir_close(s.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL) != 0)
		rc = 1;
	if (argc <= 4)
		(void)bench_tree_remove(dir);
	free(s.handed);
	return rc;
}
