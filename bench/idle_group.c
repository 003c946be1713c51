/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one more group costs a pipeline that runs, while nothing comes for it: CPU time of an event
 * that is published, handed out to a member of a group and acknowledged, in memory, with an idle
 * group beside that and without one. The idle group reads another topic, in which there is nothing.
 * What its member does:
 *
 *   sleeps  it never polls: what the group costs the steps
 *   polls   each IDLE_TURNS-th time that the other one does, as by a timeout of 25 ms at a million
 *           events a second, and looks through all that has come since: what that costs a thread
 *   waits   on a thread of its own, in weir_poll()
 *   loops   on a thread of its own, in poll(2) on its descriptor, as an event loop does
 *
 * In the first two all of it is on one thread, which calls the steps (weir_options.manual): so its
 * CPU time is all that there is, whoever else the machine runs, and waiting is not in it. In the
 * others the pipeline has its own threads, and the CPU time of the waiting one is told apart from
 * that of all others, which has the waking in it. Rounds with and without by turns, each in a
 * pipeline of its own; the first of a pair is the other one each time. It ends with a line of JSON:
 * medians, and the median of what the idle one adds within a pair, in percent.
 *
 *   bench_idle_group [EVENTS [PAIRS [sleeps|polls|waits|loops]]]      500,000 a round, 31, sleeps
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir.h>

#include "bench/harness.h"
#include "core/base/atomic.h"

#define AT_ONCE 256u
#define IDLE_TURNS 100u
#define PAYLOAD_BYTES 64u
#define PAIRS_MAX 999u
#define GROUPS 2u
#define WAIT_NS 50000000u /* of the one that waits, until it looks whether it is to end */

struct bed {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_member *members[GROUPS]; /* of the one that runs, and of the idle one */
	uint32_t topic;
	uint64_t turn;
	pthread_t waiting; /* the idle one's, if there is one */
	bool has_waiting;
	wr_atomic_u32 ends;
};

static bool idle_polls, idle_waits, idle_loops;
static double waiting_ns; /* of the last round: its CPU time for each event */

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
	options.manual = !idle_waits;
	int rc = weir_open(&options, &bed->pipeline, &why);
	if (rc != 0)
		return fail("weir_open", rc, &why);
	if (add_group(bed, "busy", &bed->topic, &bed->members[0]) != 0 ||
	    (idle && add_group(bed, "idle", &other, &bed->members[1]) != 0))
		return 1;
	rc = weir_producer_open(bed->pipeline, NULL, &bed->producer, &why);
	return rc != 0 ? fail("weir_producer_open", rc, &why) : 0;
}

static void *wait_for_nothing(void *context)
{
	struct bed *bed = context;
	struct weir_item item;
	while (wr_load_acquire(&bed->ends) == 0)
		if (weir_poll(bed->members[1], &item, 1, WAIT_NS) != 0)
			break;
	return NULL;
}

static void *loop_for_nothing(void *context)
{
	struct bed *bed = context;
	struct pollfd look = {.fd = weir_member_eventfd(bed->members[1]), .events = POLLIN};
	struct weir_item item;
	uint64_t signals;
	while (wr_load_acquire(&bed->ends) == 0 && weir_poll(bed->members[1], &item, 1, 0) == 0)
		if (poll(&look, 1, WAIT_NS / 1000000) == 1 &&
		    read(look.fd, &signals, sizeof signals) < 0)
			break;
	return NULL;
}

static int begin_waiting(struct bed *bed)
{
	if (!idle_waits || bed->members[1] == NULL)
		return 0;
	bed->has_waiting =
		pthread_create(&bed->waiting, NULL,
			       idle_loops ? loop_for_nothing : wait_for_nothing, bed) == 0;
	return bed->has_waiting ? 0 : fail("pthread_create", -1, NULL);
}

static void end_waiting(struct bed *bed)
{
	wr_store_release(&bed->ends, 1u);
	if (bed->has_waiting)
		(void)pthread_join(bed->waiting, NULL);
}

/* Of this thread, which does all; with threads of the pipeline's: of all of the process. */
static uint64_t all_cpu_ns(void)
{
	return idle_waits ? bench_cpu_ns() : bench_thread_cpu_ns();
}

static uint64_t waiting_cpu_ns(const struct bed *bed)
{
	struct timespec t = {0};
	clockid_t clock;
	if (bed->has_waiting && pthread_getcpuclockid(bed->waiting, &clock) == 0)
		(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One poll of each member that is to; what came. Negative: it failed. */
static int poll_all(struct bed *bed)
{
	static struct weir_item items[AT_ONCE];
	int got[GROUPS] = {0};
	uint32_t polls = idle_polls && bed->turn++ % IDLE_TURNS == 0 ? GROUPS : 1;
	for (uint32_t i = 0; i < polls && bed->members[i] != NULL; i++) {
		got[i] = weir_poll(bed->members[i], items, AT_ONCE, idle_waits ? WAIT_NS : 0);
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
	uint64_t began_ns = all_cpu_ns(), waiting_began_ns = waiting_cpu_ns(bed);
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
		int rc = idle_waits ? 0 : weir_step(bed->pipeline, 0);
		int got = rc >= 0 ? poll_all(bed) : rc;
		if (got < 0)
			return fail("poll", got, NULL);
		handled += (uint64_t)got;
		idle_turns = got > 0 ? 0 : idle_turns + 1;
	}
	uint64_t waited_ns = waiting_cpu_ns(bed) - waiting_began_ns;
	*ret_ns = (double)(all_cpu_ns() - began_ns - waited_ns) / (double)events;
	waiting_ns = (double)waited_ns / (double)events;
	return handled == events ? 0 : fail("events are missing", -1, NULL);
}

static int round_of(bool idle, uint64_t events, double *ret_ns)
{
	struct bed bed;
	int rc = begin(&bed, idle);
	if (rc == 0)
		rc = begin_waiting(&bed);
	/* What is taken once, and pages that are touched first. */
	if (rc == 0)
		rc = run(&bed, events / 10 + 1, ret_ns);
	if (rc == 0)
		rc = run(&bed, events, ret_ns);
	end_waiting(&bed);
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
	static double ns[GROUPS][PAIRS_MAX], more[PAIRS_MAX], waiting[PAIRS_MAX];
	uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 500000;
	uint32_t pairs = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 31;
	const char *idle_one = argc > 3 ? argv[3] : "sleeps";
	int rc = 0;
	idle_polls = strcmp(idle_one, "polls") == 0;
	idle_loops = strcmp(idle_one, "loops") == 0;
	idle_waits = idle_loops || strcmp(idle_one, "waits") == 0;
	if (!idle_polls && !idle_waits && strcmp(idle_one, "sleeps") != 0)
		return fail("the idle one sleeps, polls, waits or loops", -EINVAL, NULL);
	if (events == 0 || pairs == 0 || pairs > PAIRS_MAX)
		return fail("EVENTS and PAIRS (1 to 999)", -EINVAL, NULL);
	for (uint32_t i = 0; i < pairs && rc == 0; i++) {
		for (uint32_t turn = 0; turn < GROUPS && rc == 0; turn++) {
			bool idle = (turn + i) % GROUPS != 0;
			rc = round_of(idle, events, &ns[idle ? 1 : 0][i]);
			waiting[i] = idle ? waiting_ns : waiting[i];
		}
		more[i] = (ns[1][i] / ns[0][i] - 1) * 100;
	}
	if (rc != 0)
		return rc;
	printf("{\"events\": %" PRIu64
	       ", \"pairs\": %u, \"idle_member\": \"%s\", \"cpu_ns_per_event\": %.1f, "
	       "\"with_an_idle_group\": %.1f, \"more_percent\": %.2f, "
	       "\"waiting_thread_ns_per_event\": %.2f}\n",
	       events, pairs, idle_one, median_of(ns[0], pairs), median_of(ns[1], pairs),
	       median_of(more, pairs), median_of(waiting, pairs));
	return 0;
}
