/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a bridge stands in the metrics of its pipeline, as long as it lives: its state, what it
 *         moved and gave up, how often it was lost, its last error with its times, which stays when
 *         it runs again; an alert is raised of one that does not run; more bridges than there are
 *         places for run all the same.
 * Method: manual bridges whose driver does as it is told, and the pipeline's own metrics.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

#include "core/base/bits.h"
#include "core/pipeline/bridge_cells.h"
#include "tests/support/pipeline_fixture.h"

#define MS 1000000ull

enum act { NOTHING, MOVE, BURY, HAND_OVER, CONFIRM, LOSE, LOSE_OTHERWISE, GIVE_UP };

struct driver {
	enum act act;
	struct weir_item handed_over; /* as a broker has it that has not confirmed yet */
	bool is_handed_over;
};

static int fail_as_told(const struct driver *d, struct weir_bridge *bridge)
{
	if (d->act == LOSE)
		return weir_bridge_lost(bridge, "nobody answers");
	if (d->act == LOSE_OTHERWISE)
		return weir_bridge_lost(bridge, "it says nonsense");
	return d->act == GIVE_UP ? weir_bridge_failed(bridge, "wrong password") : 0;
}

static int driver_open(void *self, struct weir_bridge *bridge)
{
	return fail_as_told(self, bridge);
}

/* One event: the other side takes it at once, and confirms it when it is told to. */
static int hand_over(struct driver *d, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	if (!d->is_handed_over) {
		int rc = weir_poll(weir_bridge_member(bridge), &d->handed_over, 1, timeout_ns);
		d->is_handed_over = rc == 1;
		return rc;
	}
	if (d->act == HAND_OVER)
		return 0;
	weir_bridge_count(bridge, 1, d->handed_over.payload_bytes, 0);
	d->is_handed_over = false;
	return weir_ack(weir_bridge_member(bridge), &d->handed_over) < 0 ? -1 : 1;
}

static int driver_step(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct driver *d = self;
	struct weir_item item;

	if (d->act == HAND_OVER || d->act == CONFIRM)
		return hand_over(d, bridge, timeout_ns);
	if (d->act != MOVE && d->act != BURY)
		return fail_as_told(d, bridge);
	int rc = weir_poll(weir_bridge_member(bridge), &item, 1, timeout_ns);
	if (rc <= 0)
		return rc;
	if (d->act == BURY) {
		rc = weir_bridge_dead_letter(bridge, &item, "too large for it");
		return rc < 0 ? rc : 1;
	}
	weir_bridge_count(bridge, 1, item.payload_bytes, 0);
	return weir_ack(weir_bridge_member(bridge), &item) < 0 ? -1 : 1;
}

static void driver_close(void *self, struct weir_bridge *bridge)
{
	(void)self;
	(void)bridge;
}

static const struct weir_bridge_ops ops = {.struct_bytes = sizeof ops,
					   .system = "nothing",
					   .open = driver_open,
					   .step = driver_step,
					   .close = driver_close};

static struct fixture f;
static struct weir_metrics *metrics;

static struct weir_bridge_options options_of(struct driver *d, enum weir_bridge_direction direction)
{
	struct weir_bridge_options o;
	weir_bridge_options_init(&o);
	o.name = "b";
	o.direction = direction;
	o.ops = &ops;
	o.self = d;
	o.manual = true;
	o.retry_min_ns = o.retry_max_ns = MS;
	return o;
}

static struct weir_bridge *start(const struct weir_bridge_options *o)
{
	struct weir_bridge *bridge = NULL;
	struct weir_problem problem = {0};
	fixture_need(weir_bridge_start(f.pipeline, o, &bridge, &problem) == 0, problem.text);
	return bridge;
}

/* What the metrics say of the first bridge; UINT64_MAX: there is none. */
static uint64_t value(const char *kind, const char *name)
{
	struct weir_metrics_object object;
	uint32_t at = 0;
	int metric = weir_metrics_find(metrics, name);
	cr_assert_geq(metric, 0, "%s", name);
	if (!weir_metrics_next(metrics, kind, &at, &object))
		return UINT64_MAX;
	return weir_metrics_value(metrics, &object, (uint32_t)metric);
}

static const char *label(const char *kind, uint32_t index)
{
	struct weir_metrics_object object;
	uint32_t at = 0;
	return weir_metrics_next(metrics, kind, &at, &object) ? object.label_values[index] : "";
}

/* Steps the bridge (NULL: none) until the group step has told what is within the two. */
static void await_range(struct weir_bridge *bridge, const char *kind, const char *name,
			uint64_t least, uint64_t most)
{
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS, now;
	do {
		if (bridge == NULL || weir_bridge_step(bridge, MS) == 0)
			fixture_sleep_ns(MS);
		cr_assert_eq(weir_metrics_update(metrics), 0);
		now = value(kind, name);
	} while ((now < least || now > most) && fixture_now_ns() < end_ns);
	cr_assert(now >= least && now <= most, "%s is %llu", name, (unsigned long long)now);
}

static void await(struct weir_bridge *bridge, const char *kind, const char *name, uint64_t wanted)
{
	await_range(bridge, kind, name, wanted, wanted);
}

static void begin(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.metrics_dir = "none";
	fixture_open(&f);
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &metrics, NULL), 0);
}

static void end(void)
{
	weir_metrics_close(metrics);
	fixture_end(&f);
}

Test(bridge_metrics, tell_what_it_does_and_what_ails_it)
{
	struct driver d = {.act = LOSE};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SINK);
	begin();
	uint32_t topic = fixture_topic(&f, "t", 1);
	o.dead_letters = fixture_topic(&f, "dead", 1);
	o.subscription = fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 10));
	cr_expect_eq(value("bridge", "weir_bridge_state"), UINT64_MAX);
	struct weir_bridge *bridge = start(&o);

	await_range(bridge, "bridge_error", "weir_bridge_error_times", 3, UINT64_MAX - 1);
	cr_expect_str_eq(label("bridge_error", 0), "b");
	cr_expect_str_eq(label("bridge_error", 1), "nobody answers");
	cr_expect_geq(value("bridge", "weir_bridge_retries"), 3);
	cr_expect_gt(value("bridge", "weir_bridge_down_seconds"), 0);
	cr_expect_gt(value("bridge_error", "weir_bridge_error_last_timestamp_seconds"),
		     value("bridge_error", "weir_bridge_error_first_timestamp_seconds"));
	cr_expect_str_eq(label("bridge", 0), "b");
	cr_expect_str_eq(label("bridge", 1), "nothing");
	cr_expect_str_eq(label("bridge", 2), "sink");
	cr_expect_str_eq(label("bridge", 3), "s");
	await(NULL, "bridge", "weir_bridge_lag_events", 10);
	cr_expect_gt(value("bridge", "weir_bridge_lag_seconds"), 0);
	d.act = LOSE_OTHERWISE;
	uint64_t lost = value("bridge", "weir_bridge_retries");
	await_range(bridge, "bridge", "weir_bridge_retries", lost + 2, UINT64_MAX - 1);
	cr_expect_str_eq(label("bridge_error", 1), "it says nonsense");
	d.act = GIVE_UP;
	await(bridge, "bridge", "weir_bridge_state", WEIR_BRIDGE_FAILED);
	cr_expect_eq(value("bridge", "weir_bridge_failures"), 1);
	cr_expect_gt(value("bridge", "weir_bridge_down_seconds"), 0);

	d.act = MOVE;
	cr_assert_eq(weir_bridge_resume(bridge), 0);
	await(bridge, "bridge", "weir_bridge_events", 10);
	cr_expect_eq(value("bridge", "weir_bridge_state"), WEIR_BRIDGE_RUNNING);
	cr_expect_eq(value("bridge", "weir_bridge_connections"), 1);
	cr_expect_eq(value("bridge", "weir_bridge_moved_bytes"), 10 * sizeof(uint64_t));
	cr_expect_eq(value("bridge", "weir_bridge_down_seconds"), 0);
	cr_expect_str_eq(label("bridge_error", 1), "wrong password", "what ailed it last is kept");
	d.act = BURY;
	fixture_wait(producer, fixture_publish(producer, topic, 10, 13));
	await(bridge, "bridge", "weir_bridge_dead_letters", 3);
	cr_expect_eq(value("bridge", "weir_bridge_events"), 10);
	d.act = NOTHING;
	await(bridge, "bridge", "weir_bridge_lag_events", 0);
	cr_assert_eq(weir_bridge_pause(bridge), 0);
	await(bridge, "bridge", "weir_bridge_state", WEIR_BRIDGE_PAUSED);
	cr_expect_eq(value("bridge", "weir_bridge_down_seconds"), 0, "it rests");
	/* Nobody steps it; then somebody does. */
	await_range(NULL, "bridge", "weir_bridge_stuck_seconds", 500 * MS, UINT64_MAX - 1);
	await_range(bridge, "bridge", "weir_bridge_stuck_seconds", 0, 300 * MS);

	cr_expect_eq(weir_bridge_stop(bridge), 0);
	await(NULL, "bridge", "weir_bridge_state", UINT64_MAX);
	cr_expect_str_eq(label("bridge_error", 0), "", "nor is its error there");
	bridge = start(&o);
	await(bridge, "bridge", "weir_bridge_connections", 1);
	cr_expect_eq(value("bridge", "weir_bridge_dead_letters"), 0, "it is another one");
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	end();
}

/* From an event's append to its being confirmed: its subscription's sojourn has that. */
Test(bridge_metrics, how_long_events_take_is_told_by_their_subscription)
{
	static const char sojourn[] = "weir_subscription_sojourn_seconds";
	const uint64_t kept_ns = 30 * MS;
	struct driver d = {.act = HAND_OVER};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SINK);
	struct weir_metrics_object object;
	struct weir_metrics_histogram histogram;
	uint32_t at = 0;
	begin();
	uint32_t topic = fixture_topic(&f, "t", 1);
	o.subscription = fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	struct weir_bridge *bridge = start(&o);
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (!d.is_handed_over && fixture_now_ns() < end_ns)
		(void)weir_bridge_step(bridge, MS);
	cr_assert(d.is_handed_over);
	fixture_sleep_ns(kept_ns);
	await(NULL, "subscription", "weir_subscription_lag_events", 1);
	cr_expect_eq(value("subscription", sojourn), 0, "it is delivered, and not confirmed");
	d.act = CONFIRM;
	await(bridge, "subscription", sojourn, 1);
	cr_assert(weir_metrics_next(metrics, "subscription", &at, &object));
	cr_assert_eq(weir_metrics_histogram(metrics, &object,
					    (uint32_t)weir_metrics_find(metrics, sojourn),
					    &histogram),
		     0);
	cr_expect_geq(histogram.sum, kept_ns);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	end();
}

Test(bridge_metrics, more_of_them_than_have_places_run_all_the_same)
{
	struct driver d = {.act = NOTHING};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SOURCE);
	struct weir_bridge *bridges[WR_BRIDGE_PLACES + 1];
	struct weir_metrics_error error = {.count = 0};
	char names[WR_BRIDGE_PLACES + 1][8];
	begin();
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(bridges); i++) {
		(void)snprintf(names[i], sizeof names[i], "b%u", i);
		o.name = names[i];
		bridges[i] = start(&o);
		(void)weir_bridge_step(bridges[i], 0);
	}
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	cr_assert_eq(weir_bridge_status(bridges[WR_BRIDGE_PLACES], &status), 0);
	cr_expect_eq(status.state, WEIR_BRIDGE_RUNNING);
	/* Nothing else is said here. */
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (weir_metrics_error(metrics, 0, &error) != 0 && fixture_now_ns() < end_ns)
		cr_assert_eq(weir_metrics_update(metrics), 0);
	cr_expect_eq(error.count, 1);
	cr_expect_not_null(strstr(error.text, "a bridge has no place in the metrics"));
	/* Two of one name would be two series of one name. */
	cr_expect_eq(weir_bridge_stop(bridges[1]), 0);
	o.name = names[0];
	bridges[1] = start(&o);
	while (weir_metrics_error(metrics, 1, &error) != 0 && fixture_now_ns() < end_ns)
		cr_assert_eq(weir_metrics_update(metrics), 0);
	cr_expect_not_null(strstr(error.text, "another one has its name"), "%s", error.text);
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(bridges); i++)
		cr_expect_eq(weir_bridge_stop(bridges[i]), 0);
	end();
}
