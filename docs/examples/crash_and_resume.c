/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A named producer goes on after a crash without loss and without repeat.
 *
 * A child process publishes the numbers 1, 2, 3 ... and is killed with SIGKILL in the middle of it.
 * A second child opens the same journal, asks weir_producer_last() how far the log came, and goes
 * on behind that. At the end a subscription reads the log: every number is there, once, in order.
 *
 * Run it again on the same directory, and it goes on where it was.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir.h>

#define NUMBERS 20000u

struct source {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	uint32_t topic;
	uint64_t last; // the last number that the log holds
};

static int fail(const char *what, int rc, const struct weir_problem *why)
{
	fprintf(stderr, "%s: %s %s %s\n", what, weir_error_name(rc), why->field, why->text);
	return rc;
}

/* Opens the journal and takes the name: whoever held it before is fenced. */
static int open_source(const char *dir, struct source *source)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_producer_options producer;
	struct weir_producer_last last;
	struct weir_problem why = {.text = ""};

	weir_options_init(&options);
	options.dir = dir;
	options.segment_bytes = 4 << 20;
	weir_topic_options_init(&topic);
	topic.name = "numbers";
	weir_producer_options_init(&producer);
	producer.name = "source";
	int rc = weir_open(&options, &source->pipeline, &why);
	if (rc != 0)
		return fail("open", rc, &why);
	rc = weir_topic_create(source->pipeline, &topic, &source->topic, &why);
	if (rc == 0)
		rc = weir_producer_open(source->pipeline, &producer, &source->producer, &why);
	if (rc == 0)
		rc = weir_producer_last(source->producer, &last);
	if (rc != 0) {
		weir_close(source->pipeline, WEIR_CLOSE_ABORT, 0, NULL);
		return fail("producer", rc, &why);
	}
	source->last = last.producer_sequence;
	return 0;
}

/* A number is the producer sequence that its event gets: weir counts from 1 as well. */
static int publish_number(struct source *source, uint64_t number, uint64_t *ret_ticket)
{
	struct weir_event event = {
		.topic = source->topic, .payload = &number, .payload_bytes = sizeof number};
	return weir_publish(source->producer, &event, ret_ticket);
}

/* First child: publishes until it is killed, and says once when something is durable. */
static int publish_for_ever(const char *dir, int ready_fd)
{
	struct source source;
	uint64_t ticket;
	int rc = open_source(dir, &source);
	for (uint64_t n = source.last + 1; rc == 0; n++) {
		rc = publish_number(&source, n, &ticket);
		if (rc == 0 && n == source.last + NUMBERS / 2) {
			rc = weir_wait(source.producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
			if (rc == 0 && write(ready_fd, "!", 1) != 1)
				rc = -1;
		}
	}
	return 1;
}

/* Second child: goes on behind the last number in the log, and ends in order. */
static int resume(const char *dir)
{
	struct source source;
	uint64_t ticket = 0;
	int rc = open_source(dir, &source);
	if (rc != 0)
		return 1;
	printf("the log holds the numbers up to %llu\n", (unsigned long long)source.last);
	uint64_t end = source.last + NUMBERS;
	for (uint64_t n = source.last + 1; n <= end && rc == 0; n++)
		rc = publish_number(&source, n, &ticket);
	if (rc == 0)
		rc = weir_wait(source.producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	int closed = weir_close(source.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && closed == 0 ? 0 : 1;
}

/* Reads what this subscription has not acknowledged yet; numbers must follow one another. */
static int check(struct weir_member *member, struct weir_pipeline *pipeline, uint32_t subscription)
{
	struct weir_item items[256];
	struct weir_lag lag;
	uint64_t before = 0, count = 0, number;
	int rc = weir_lag(pipeline, subscription, &lag);
	while (rc == 0 && (lag.events > 0 || !lag.exact)) {
		int polled = weir_poll(member, items, 256, 100000000);
		for (int i = 0; i < polled; i++, count++, before = number) {
			memcpy(&number, items[i].payload, sizeof number);
			if (before != 0 && number != before + 1)
				return fail("missing or twice", -1, &(struct weir_problem){0});
		}
		rc = polled < 0 ? polled : weir_ack_all(member);
		if (rc == 0)
			rc = weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
		if (rc == 0)
			rc = weir_lag(pipeline, subscription, &lag);
	}
	printf("%llu numbers, each once, the last is %llu\n", (unsigned long long)count,
	       (unsigned long long)before);
	return rc == 0 && count > 0 ? 0 : 1;
}

static int read_back(const char *dir)
{
	static const char *const topics[] = {"numbers"};
	struct source source;
	struct weir_subscription_options options;
	struct weir_member_options membership;
	struct weir_member *member = NULL;
	struct weir_problem why = {.text = ""};
	uint32_t subscription;
	int rc = open_source(dir, &source);
	if (rc != 0)
		return 1;
	weir_subscription_options_init(&options);
	options.name = "checker";
	options.topics = topics;
	options.topic_count = 1;
	weir_member_options_init(&membership);
	rc = weir_subscription_create(source.pipeline, &options, &subscription, &why);
	if (rc == 0)
		rc = weir_member_join(source.pipeline, subscription, &membership, &member, &why);
	rc = rc == 0 ? check(member, source.pipeline, subscription) : fail("member", rc, &why);
	int left = weir_member_leave(member, WEIR_FOREVER);
	int closed = weir_close(source.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && left == 0 && closed == 0 ? 0 : 1;
}

static int wait_for(pid_t child)
{
	int status;
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "crash_and_resume.journal";
	int ready[2];
	char mark;
	if (pipe(ready) != 0)
		return 1;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		_exit(publish_for_ever(dir, ready[1]));
	close(ready[1]);
	bool was_ready = child > 0 && read(ready[0], &mark, 1) == 1;
	if (child > 0)
		kill(child, SIGKILL);
	if (!was_ready || wait_for(child) != -1) {
		fprintf(stderr, "the first child did not come to publishing\n");
		return 1;
	}
	puts("killed while it was publishing");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		int rc = resume(dir);
		fflush(stdout);
		_exit(rc);
	}
	return child > 0 && wait_for(child) == 0 ? read_back(dir) : 1;
}
