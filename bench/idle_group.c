/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one more group costs a pipeline that runs, while nothing comes for it: CPU time of an event
 * that is published, handed out to a member of a group and acknowledged, in memory, with an idle
 * group beside that and without one. The idle group reads another topic, in which there is nothing.
 * Its member never polls ("sleeps"); or, with "polls", it polls each IDLE_TURNS-th time that the
 * other one does, as by a timeout of 25 ms at a million events a second, and looks through all that
 * has come since: that is what it costs a thread of its own, and the first what it costs the steps.
 * What it takes to wake a member that waits in weir_poll() on a thread of its own is in neither.
 *
 * All of it is on one thread, which calls the steps (weir_options.manual): so its CPU time is all
 * that there is, whoever else the machine runs, and waiting is not in it. Rounds with and without
 * by turns, each in a pipeline of its own; the first of a pair is the other one each time. It ends
 * with a line of JSON: medians, and the median of what the idle one adds within a pair, in percent.
 *
 *   bench_idle_group [EVENTS [PAIRS [sleeps|polls]]]      500,000 a round, 31, sleeps
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

#include "bench/harness.h"

#define AT_ONCE 256u
#define IDLE_TURNS 100u
#define PAYLOAD_BYTES 64u
#define PAIRS_MAX 999u
#define GROUPS 2u

struct bed {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_member *members[GROUPS]; /* of the one that runs, and of the idle one */
	uint32_t topic;
	uint64_t turn;
};

static bool idle_polls;

static int fail(const char *what, int code, const struct weir_problem *why)
{
	fprintf(stderr, "bench_idle_group: %s: %s %s\n", what, weir_error_name(code),
		why != NULL ? why->text : "");
	return 1;
}

static int add_group(struct bed *bed, const char *name, uint32_t *ret_topic,
		     struct weir_member **ret_member)
{
	struct weir_topic_options topic;
	struct weir_subscription_options subscription;
	struct weir_problem why = {0};
	uint32_t id;
	weir_topic_options_init(&topic);
	topic.name = name;
	topic.partitions = 4;
	int rc = weir_topic_create(bed->pipeline, &topic, ret_topic, &why);
	weir_subscription_options_init(&subscription);
	subscription.name = name;
	subscription.topics = &name;
	subscription.topic_count = 1;
	if (rc == 0)
		rc = weir_subscription_create(bed->pipeline, &subscription, &id, &why);
	if (rc == 0)
		rc = weir_member_join(bed->pipeline, id, NULL, ret_member, &why);
	return rc != 0 ? fail(name, rc, &why) : 0;
}

static int begin(struct bed *bed, bool idle)
{
	struct weir_options options;
	struct weir_problem why = {0};
	uint32_t other;
	*bed = (struct bed){0};
	weir_options_init(&options);
	options.manual = true;
	int rc = weir_open(&options, &bed->pipeline, &why);
	if (rc != 0)
		return fail("weir_open", rc, &why);
	if (add_group(bed, "busy", &bed->topic, &bed->members[0]) != 0 ||
	    (idle && add_group(bed, "idle", &other, &bed->members[1]) != 0))
		return 1;
	rc = weir_producer_open(bed->pipeline, NULL, &bed->producer, &why);
	return rc != 0 ? fail("weir_producer_open", rc, &why) : 0;
}

/* One poll of each member that is to; what came. Negative: it failed. */
static int poll_all(struct bed *bed)
{
	static struct weir_item items[AT_ONCE];
	int got[GROUPS] = {0};
	uint32_t polls = idle_polls && bed->turn++ % IDLE_TURNS == 0 ? GROUPS : 1;
	for (uint32_t i = 0; i < polls && bed->members[i] != NULL; i++) {
		got[i] = weir_poll(bed->members[i], items, AT_ONCE, 0);
		int rc = got[i] > 0 ? weir_ack_all(bed->members[i]) : got[i];
		if (rc < 0)
			return rc;
	}
	return got[1] == 0 ? got[0] : -1; /* nobody publishes for it */
}

/* The CPU time of all events, from the first to the last that is acknowledged. 0 or 1. */
static int run(struct bed *bed, uint64_t events, double *ret_ns)
{
	uint8_t payload[PAYLOAD_BYTES] = {0};
	uint64_t published = 0, handled = 0, idle_turns = 0;
	uint64_t began_ns = bench_thread_cpu_ns();
	while (handled < events && idle_turns < 1000000) {
		uint64_t until = published + AT_ONCE < events ? published + AT_ONCE : events;
		for (; handled + AT_ONCE > published && published < until; published++) {
			const struct weir_event event = {.topic = bed->topic,
							 .key = &published,
							 .key_bytes = sizeof published,
							 .payload = payload,
							 .payload_bytes = sizeof payload};
			int rc = weir_publish(bed->producer, &event, NULL);
			if (rc != 0)
				return fail("weir_publish", rc, NULL);
		}
		int rc = weir_step(bed->pipeline, 0);
		int got = rc >= 0 ? poll_all(bed) : rc;
		if (got < 0)
			return fail("poll", got, NULL);
		handled += (uint64_t)got;
		idle_turns = got > 0 ? 0 : idle_turns + 1;
	}
	*ret_ns = (double)(bench_thread_cpu_ns() - began_ns) / (double)events;
	return handled == events ? 0 : fail("events are missing", -1, NULL);
}

static int round_of(bool idle, uint64_t events, double *ret_ns)
{
	struct bed bed;
	int rc = begin(&bed, idle);
	/* What is taken once, and pages that are touched first. */
	if (rc == 0)
		rc = run(&bed, events / 10 + 1, ret_ns);
	if (rc == 0)
		rc = run(&bed, events, ret_ns);
	for (uint32_t i = 0; i < GROUPS; i++)
		if (bed.members[i] != NULL)
			weir_release(bed.members[i]);
	if (bed.pipeline != NULL &&
	    weir_close(bed.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL) != 0)
		rc = 1;
	return rc;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median_of(double *values, uint32_t count)
{
	qsort(values, count, sizeof *values, by_size);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

int main(int argc, char **argv)
{
	static double ns[GROUPS][PAIRS_MAX], more[PAIRS_MAX];
	uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 500000;
	uint32_t pairs = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 31;
	int rc = 0;
	idle_polls = argc > 3 && strcmp(argv[3], "polls") == 0;
	if (events == 0 || pairs == 0 || pairs > PAIRS_MAX)
		return fail("EVENTS and PAIRS (1 to 999)", -1, NULL);
	for (uint32_t i = 0; i < pairs && rc == 0; i++) {
		for (uint32_t turn = 0; turn < GROUPS && rc == 0; turn++) {
			bool idle = (turn + i) % GROUPS != 0;
			rc = round_of(idle, events, &ns[idle ? 1 : 0][i]);
		}
		more[i] = (ns[1][i] / ns[0][i] - 1) * 100;
	}
	if (rc != 0)
		return rc;
	printf("{\"events\": %" PRIu64
	       ", \"pairs\": %u, \"idle_polls\": %s, \"cpu_ns_per_event\": %.1f, "
	       "\"with_an_idle_group\": %.1f, \"more_percent\": %.2f}\n",
	       events, pairs, idle_polls ? "true" : "false", median_of(ns[0], pairs),
	       median_of(ns[1], pairs), median_of(more, pairs));
	return 0;
}
