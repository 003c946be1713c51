/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a pipeline loses nothing, repeats nothing without saying so and keeps each key's order,
 *         whatever its threads do at the same time, and so over closes and opens (P1, P5, P7).
 * Method: the public API alone, first on a memory-only log, then on a journal in a directory of
 *         its own. In each round sources publish in every form, members poll, join and leave,
 *         handlers run and stop, one subscription is seeked about, alerts come; then everything is
 *         drained, or aborted, while readers are at work. The next round opens what the last one
 *         left. At the end all is read, and counted against what was accepted and acknowledged.
 *         Pools, lanes and segments are tiny: members fall behind, and catch up from disk.
 *
 * usage: pipeline [milliseconds of a round]
 */
#include "tests/stress/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAG_LIMIT 200u

struct pipeline_stress stress;

static unsigned tests_run, tests_failed;

void fault(const char *what, uint64_t a, uint64_t b)
{
	if (wr_add_relaxed(&stress.faults, 1u) < 10) {
		(void)printf("# round %u: %s: %llu %llu\n", stress.round, what,
			     (unsigned long long)a, (unsigned long long)b);
		(void)fflush(stdout);
	}
}

static void tap(bool ok, const char *what)
{
	tests_run++;
	tests_failed += ok ? 0 : 1;
	(void)printf("%sok %u - %s, %s\n", ok ? "" : "not ", tests_run,
		     stress.durable ? "journal" : "memory only", what);
	(void)fflush(stdout);
}

/* --- one round -------------------------------------------------------------------------------- */

static uint32_t subscription(const char *name, enum weir_when_slow when_slow,
			     struct lag_alert *alert)
{
	static const char *const topics[] = {"events"};
	struct weir_subscription_options options;
	struct weir_problem problem;
	uint32_t id;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = topics;
	options.topic_count = 1;
	options.when_slow = when_slow;
	options.gate = WEIR_LEVEL_DEFAULT;
	if (alert != NULL) {
		options.lag_events_max = alert->limit;
		options.lag_fn = on_lag;
		options.lag_context = alert;
	}
	fixture_need(weir_subscription_create(stress.f.pipeline, &options, &id, &problem) == 0,
		     problem.text);
	return id;
}

static void open_round(struct lag_alert *alert)
{
	/* In memory nothing else could hand out what was overtaken: producers wait instead. */
	enum weir_when_slow when_slow = stress.durable ? WEIR_SLOW_CATCH_UP : WEIR_SLOW_BLOCK;
	fixture_open(&stress.f);
	stress.topic = fixture_topic(&stress.f, "events", PARTITIONS);
	stress.polled = subscription("polled", when_slow, NULL);
	stress.handled = subscription("handled", when_slow, NULL);
	stress.sought = subscription("sought", WEIR_SLOW_GAP, alert);
	wr_store_relaxed(&stress.stop_publishing, 0u);
	wr_store_relaxed(&stress.stop_reading, 0u);
}

/* True once nothing is left to read for the two that must see all of it. */
static bool all_is_settled(void)
{
	for (uint64_t waited = 0; waited < FIXTURE_LONG_NS; waited += 2000000) {
		struct weir_lag polled, handled;
		fixture_need(weir_lag(stress.f.pipeline, stress.polled, &polled) == 0 &&
				     weir_lag(stress.f.pipeline, stress.handled, &handled) == 0,
			     "lag");
		if (polled.events == 0 && handled.events == 0)
			return true;
		fixture_sleep_ns(2000000);
	}
	return false;
}

static void *look_on(void *unused)
{
	struct weir_info before, info;
	(void)unused;
	fixture_info(&stress.f, &before);
	while (wr_load_relaxed(&stress.stop_reading) == 0) {
		fixture_info(&stress.f, &info);
		if (info.visible_sequence < before.visible_sequence ||
		    info.durable_sequence < before.durable_sequence ||
		    info.written_sequence < before.written_sequence || info.refused_events != 0)
			fault("positions that cannot be", info.visible_sequence,
			      info.durable_sequence);
		before = info;
		if (info.segments_packed > wr_load_relaxed(&stress.packed))
			wr_store_relaxed(&stress.packed, info.segments_packed);
		fixture_sleep_ns(3000000);
	}
	return NULL;
}

static wr_atomic_u64 quiet_polls; /* begun and come back: odd while it is inside */

static int poll_quiet(struct weir_member *member, struct weir_item *item)
{
	(void)wr_add_relaxed(&quiet_polls, 1u);
	int rc = weir_poll(member, item, 1, WEIR_FOREVER);
	(void)wr_add_relaxed(&quiet_polls, 1u);
	return rc;
}

/* A member that waits for ever, on a topic that nothing comes on; the close tells it. */
static void *wait_for_the_close(void *member)
{
	struct weir_item item;
	int rc;
	/* In memory it is told of gaps: what it reads nothing of goes by. */
	while ((rc = poll_quiet(member, &item)) == 1 && item.kind == WEIR_ITEM_GAP)
		(void)weir_ack_all(member);
	if (rc != WEIR_E_CLOSED)
		fault("who waits in a poll was told of no close", (uint64_t)-rc, 0);
	return NULL;
}

enum round_end { SETTLED, DRAINED, ABORTED };

struct round_threads {
	pthread_t sources[SOURCES], polling[2], handlers, seeking, looking, waiting;
};

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
	fixture_need(pthread_create(thread, NULL, run, argument) == 0, "a thread");
}

static void start_readers(struct round_threads *t)
{
	start(&t->polling[0], reader_polling, t);
	start(&t->polling[1], reader_polling, NULL);
	start(&t->handlers, reader_handlers, NULL);
	start(&t->seeking, reader_seeking, NULL);
	start(&t->looking, look_on, NULL);
}

static void join_readers(struct round_threads *t)
{
	wr_store_relaxed(&stress.stop_reading, 1u);
	(void)pthread_join(t->polling[0], NULL);
	(void)pthread_join(t->polling[1], NULL);
	(void)pthread_join(t->handlers, NULL);
	(void)pthread_join(t->seeking, NULL);
	(void)pthread_join(t->looking, NULL);
}

/* Who may begin another call must not meet a close: nothing comes any more, so it stays inside. */
static void let_it_wait(void)
{
	uint64_t polls = wr_load_relaxed(&quiet_polls);
	for (uint32_t same = 0; same < 10; same++) {
		fixture_sleep_ns(1000000);
		uint64_t now = wr_load_relaxed(&quiet_polls);
		if (now != polls || now % 2 == 0)
			same = 0;
		polls = now;
	}
}

static void close_round(enum round_end end, pthread_t waiting)
{
	struct weir_close_report report;
	let_it_wait();
	int rc = weir_close(stress.f.pipeline, end == ABORTED ? WEIR_CLOSE_ABORT : WEIR_CLOSE_DRAIN,
			    FIXTURE_LONG_NS, &report);
	stress.f.pipeline = NULL;
	(void)pthread_join(waiting, NULL);
	if (rc != 0 || (end != ABORTED && (report.dropped_events != 0 ||
					   report.undurable_events != 0 || !report.clean)))
		fault("the close did not end well", (uint64_t)-rc, report.dropped_events);
	if (report.borrowed_members != 0)
		fault("members were said to hold something", report.borrowed_members, 0);
}

/* One event for each partition, and until all of them have been read. */
static void publish_some(void)
{
	struct weir_producer *producer = fixture_producer(&stress.f, NULL);
	for (uint32_t p = 0; p < PARTITIONS; p++) {
		const struct body body = {.source = WARM_UP};
		const struct event_key key = {.source = WARM_UP};
		const struct weir_event event = {
			.topic = stress.topic,
			.partition_set = true,
			.partition = p,
			.key = &key,
			.key_bytes = sizeof key,
			.payload = &body,
			.payload_bytes = sizeof body,
		};
		fixture_need(weir_publish(producer, &event, NULL) == 0, "a first event");
	}
	if (weir_producer_close(producer, FIXTURE_LONG_NS) != 0 || !all_is_settled())
		fault("the first events were not settled", 0, 0);
}

static void run_round(uint32_t round, uint32_t milliseconds, enum round_end end, bool publishes)
{
	static struct lag_alert alert;
	static void *(*const sources[SOURCES])(void *) = {source_unnamed, source_named,
							  source_once};
	struct round_threads t;
	alert = (struct lag_alert){.limit = LAG_LIMIT};
	stress.round = round;
	open_round(&alert);
	uint32_t quiet_topic = fixture_topic(&stress.f, "quiet", 1);
	struct weir_member *quiet =
		fixture_member(&stress.f, fixture_subscription(&stress.f, "quiet", "quiet"), NULL);
	(void)quiet_topic;
	fixture_need(fixture_owns(quiet, 1), "the quiet partition");
	start(&t.waiting, wait_for_the_close, quiet);
	start_readers(&t);
	/* In memory only what has a member is held back for it: they are all there first. */
	if (!stress.durable)
		publish_some();
	for (uint32_t i = 0; publishes && i < SOURCES; i++)
		start(&t.sources[i], sources[i], NULL);
	fixture_sleep_ns(milliseconds * 1000000ull);
	wr_store_release(&stress.stop_publishing, 1u);
	for (uint32_t i = 0; publishes && i < SOURCES; i++)
		(void)pthread_join(t.sources[i], NULL);
	if (end == SETTLED && !all_is_settled())
		fault("what was published was not settled in time", 0, 0);
	join_readers(&t);
	close_round(end, t.waiting);
}

/* --- the verdict ------------------------------------------------------------------------------ */

static uint64_t sum(const uint64_t *counts)
{
	uint64_t total = 0;
	for (uint32_t key = 0; key < KEYS; key++)
		total += counts[key];
	return total;
}

/*
 * Everything accepted is there, each key from its first to its last event; where a close aborted,
 * a source's last ones may be missing, but none that was acknowledged.
 */
static bool nothing_is_missing(const struct sight *sight, uint32_t round, bool aborted)
{
	bool good = true;
	for (uint32_t s = 0; s < SOURCES; s++) {
		uint64_t seen = sum(sight->seen[round][s]);
		uint64_t published = sum(stress.published[round][s]);
		if (seen > published || (!aborted && seen != published) ||
		    seen < stress.acked[round][s]) {
			(void)printf("# round %u, source %u: %llu published, %llu acknowledged, "
				     "%llu seen\n",
				     round, s, (unsigned long long)published,
				     (unsigned long long)stress.acked[round][s],
				     (unsigned long long)seen);
			good = false;
		}
	}
	return good;
}

static void reset(bool durable)
{
	memset(&stress, 0, sizeof stress);
	stress.durable = durable;
	fixture_init(&stress.f, durable ? FIXTURE_DURABLE : FIXTURE_MEMORY);
	stress.f.options.pool_bytes = 1u << 20;
	stress.f.options.producers_max = 4;
	stress.f.options.members_max = 8;
	stress.f.options.retention_bytes = 0;
	/* Segments change their files while members catch up from them. */
	stress.f.options.pack = durable ? WEIR_PACK_PADDING : WEIR_PACK_NO;
}

static void report(void)
{
	(void)printf("# %llu items polled, %llu handled, %llu again; %llu batches, %llu claims, "
		     "%llu runs, %llu given up, %llu not accepted; %llu joins, %llu stops, %llu "
		     "seeks, %llu alerts, %llu commits, %llu segments packed\n",
		     (unsigned long long)wr_load_relaxed(&stress.sights[0].items),
		     (unsigned long long)wr_load_relaxed(&stress.sights[1].items),
		     (unsigned long long)(wr_load_relaxed(&stress.sights[0].redelivered) +
					  wr_load_relaxed(&stress.sights[1].redelivered)),
		     (unsigned long long)wr_load_relaxed(&stress.batches),
		     (unsigned long long)wr_load_relaxed(&stress.claims),
		     (unsigned long long)wr_load_relaxed(&stress.runs),
		     (unsigned long long)wr_load_relaxed(&stress.aborts),
		     (unsigned long long)wr_load_relaxed(&stress.full),
		     (unsigned long long)wr_load_relaxed(&stress.joins),
		     (unsigned long long)wr_load_relaxed(&stress.stops),
		     (unsigned long long)wr_load_relaxed(&stress.seeks),
		     (unsigned long long)wr_load_relaxed(&stress.alerts),
		     (unsigned long long)wr_load_relaxed(&stress.commits),
		     (unsigned long long)wr_load_relaxed(&stress.packed));
}

static bool saw_enough(void)
{
	return wr_load_relaxed(&stress.batches) > 0 && wr_load_relaxed(&stress.claims) > 0 &&
	       wr_load_relaxed(&stress.runs) > 0 && wr_load_relaxed(&stress.aborts) > 0 &&
	       wr_load_relaxed(&stress.joins) > 10 && wr_load_relaxed(&stress.seeks) > 0 &&
	       wr_load_relaxed(&stress.commits) > 0 &&
	       wr_load_relaxed(&stress.sights[0].items) > 500 &&
	       wr_load_relaxed(&stress.sights[1].items) > 500;
}

/* In memory each round is a log of its own, and what is not read by its end is gone. */
static void memory_only(uint32_t milliseconds)
{
	reset(false);
	run_round(0, milliseconds, SETTLED, true);
	run_round(1, milliseconds, ABORTED, true);
	report();
	tap(nothing_is_missing(&stress.sights[0], 0, false) &&
		    nothing_is_missing(&stress.sights[1], 0, false),
	    "all that was published was polled and handled");
	tap(wr_load_relaxed(&stress.faults) == 0 && saw_enough(), "order, answers and closes");
	fixture_end(&stress.f);
}

static void with_a_journal(uint32_t milliseconds)
{
	bool good = true;
	reset(true);
	run_round(0, milliseconds, DRAINED, true);
	run_round(1, milliseconds, ABORTED, true);
	run_round(2, milliseconds, SETTLED, true);
	run_round(3, milliseconds, ABORTED, true);
	run_round(4, 0, SETTLED, false); /* reads what is left */
	report();
	for (uint32_t round = 0; round < ROUNDS; round++)
		for (uint32_t i = 0; i < 2; i++)
			good &= nothing_is_missing(&stress.sights[i], round, round % 2 == 1);
	tap(good, "all that was published was polled and handled");
	tap(wr_load_relaxed(&stress.faults) == 0 && saw_enough(), "order, answers and closes");
	fixture_end(&stress.f);
}

int main(int argc, char **argv)
{
	uint32_t milliseconds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 250;
	(void)printf("1..4\n");
	memory_only(milliseconds);
	with_a_journal(milliseconds);
	return tests_failed == 0 ? 0 : 1;
}
