/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an alert is raised once its number has been at its mark for the hold time, and is over once
 * it has been back for as long; it is told to the callback, on its topic and in the metrics; rules
 * that cannot be are refused with what is wrong.
 *
 * Method: pipelines of the test's, by hand.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/pipeline/bridge_cells.h"
#include "core/pipeline/metrics.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/unit/pipeline/alerts_heard.h"
#include "tests/unit/pipeline/metrics_rounds.h"

#define MS 1000000ull
#define S (1000 * MS)

/* ---- in a pipeline ---- */

static struct fixture f;

/* Until the callback came so often, or for long. */
static bool await(const uint32_t *count, uint32_t wanted)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (*count < wanted && fixture_now_ns() < until)
		cr_assert_geq(weir_step(f.pipeline, MS), 0);
	return *count == wanted;
}

static uint64_t firing(void)
{
	struct weir_metrics *m = NULL;
	struct weir_metrics_object o;
	uint32_t at = 0;
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	int metric = weir_metrics_find(m, "weir_alert_firing");
	cr_assert(metric >= 0 && weir_metrics_next(m, "alert", &at, &o));
	cr_assert_str_eq(o.label_values[0], "behind");
	cr_assert_str_eq(o.label_values[1], "lag_events");
	cr_assert_str_eq(o.label_values[2], "billing");
	uint64_t value = weir_metrics_value(m, &o, (uint32_t)metric);
	weir_metrics_close(m);
	return value;
}

Test(alerts, a_rule_is_told_four_times_and_when_it_is_over)
{
	static const struct weir_alert_rule rule = {.name = "behind",
						    .kind = WEIR_ALERT_LAG_EVENTS,
						    .raise_at = 100,
						    .clear_at = 10,
						    .hold_ns = 150 * MS};
	struct weir_item item;

	alerts_open(&f, FIXTURE_DURABLE | FIXTURE_MANUAL, &rule);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	(void)fixture_topic(&f, "alerts", 1);
	uint32_t id = fixture_subscription(&f, "billing", "orders");
	uint32_t watch = fixture_subscription(&f, "watch", "alerts");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 200));
	cr_assert(await(&heard.raised, 1));
	cr_expect_eq(heard.value, 200);
	cr_expect_str_eq(heard.rule, "behind");
	cr_expect_str_eq(heard.subscription, "billing");
	cr_expect_eq(firing(), 1);
	struct weir_member *watcher = fixture_member(&f, watch, NULL);
	cr_assert_eq(fixture_poll(watcher, &item, 1, 1, true), 1);
	cr_expect(item.key_bytes == 14 && memcmp(item.key, "behind/billing", 14) == 0);
	cr_expect(
		strstr((const char *)item.payload,
		       "{\"alert\":\"behind\",\"kind\":\"lag_events\",\"subscription\":\"billing\","
		       "\"state\":\"raised\",\"value\":200,\"raise_at\":100,\"clear_at\":10,") ==
			item.payload,
		"%.*s", (int)item.payload_bytes, (const char *)item.payload);
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, NULL, 0, 200, true), 200);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER), 0);
	cr_assert(await(&heard.cleared, 1));
	cr_expect_eq(heard.raised, 1);
	cr_expect_eq(firing(), 0);
	cr_assert_eq(fixture_poll(watcher, &item, 1, 1, true), 1);
	cr_expect_not_null(
		strstr((const char *)item.payload, "\"state\":\"cleared\",\"value\":0,"));
	fixture_end(&f);
}

static void expect_told(struct weir_member *watcher, const char *state)
{
	struct weir_item item;

	cr_assert_eq(fixture_poll(watcher, &item, 1, 1, true), 1);
	cr_expect_not_null(strstr((const char *)item.payload, state), "%.*s",
			   (int)item.payload_bytes, (const char *)item.payload);
}

/* Raised, over and raised again while there is no room: told of each, in order, when there is. */
Test(alerts, changes_that_find_no_room_wait_for_it)
{
	static const struct weir_alert_rule rule = {
		.name = "behind", .kind = WEIR_ALERT_LAG_EVENTS, .raise_at = 100, .clear_at = 10};
	struct wr_shared_buffer *taken[WR_SHARED_BUFFERS];
	uint32_t count = 0;

	alerts_open(&f, FIXTURE_DURABLE | FIXTURE_MANUAL, &rule);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	(void)fixture_topic(&f, "alerts", 1);
	uint32_t id = fixture_subscription(&f, "billing", "orders");
	struct weir_member *watcher =
		fixture_member(&f, fixture_subscription(&f, "watch", "alerts"), NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	while (count < WR_SHARED_BUFFERS &&
	       (taken[count] = wr_shared_take(&f.pipeline->shared)) != NULL)
		count++;
	cr_assert_eq(count, WR_SHARED_BUFFERS);
	for (uint32_t turn = 0; turn < 2; turn++) {
		fixture_wait(producer,
			     fixture_publish(producer, topic, turn * 200ull, turn * 200ull + 200));
		cr_assert(await(&heard.raised, turn + 1));
		if (turn == 1)
			break;
		cr_assert_eq(fixture_poll(member, NULL, 0, 200, true), 200);
		cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER), 0);
		cr_assert(await(&heard.cleared, 1));
	}
	while (count > 0)
		wr_shared_give(&f.pipeline->shared, taken[--count]);
	expect_told(watcher, "\"state\":\"raised\",\"value\":200,");
	expect_told(watcher, "\"state\":\"cleared\",\"value\":0,");
	expect_told(watcher, "\"state\":\"raised\",\"value\":200,");
	fixture_end(&f);
}

Test(alerts, what_an_open_finds_is_not_told_at_once)
{
	struct weir_alert_rule rule = {.name = "old",
				       .kind = WEIR_ALERT_LAG_AGE,
				       .subscription = "billing",
				       .raise_at = 1,
				       .clear_at = 0,
				       .hold_ns = 400 * MS};

	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	(void)fixture_subscription(&f, "billing", "orders");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 10));
	fixture_close(&f, NULL);
	f.options.alerts = &rule;
	f.options.alert_count = 1;
	f.options.alert_fn = hear;
	f.options.alert_context = &heard;
	uint64_t opened = fixture_now_ns();
	fixture_open(&f);
	cr_assert(await(&heard.raised, 1));
	cr_expect_geq(fixture_now_ns() - opened, 400 * MS);
	fixture_end(&f);
}

/* ---- other rules while it runs ---- */

/* How many alerts the metrics tell of, and the mark of the first, which counts events. */
static uint32_t alerts_shown(uint64_t *ret_raise_at)
{
	struct weir_metrics *m = NULL;
	struct weir_metrics_object o;
	uint32_t at = 0, count = 0;
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	int metric = weir_metrics_find(m, "weir_alert_raise_at_events");
	if (weir_metrics_next(m, "alert_events", &at, &o))
		*ret_raise_at = weir_metrics_value(m, &o, (uint32_t)metric);
	for (at = 0; weir_metrics_next(m, "alert", &at, &o);)
		count++;
	weir_metrics_close(m);
	return count;
}

/* What the metrics say of the number of a kind: an object of the unit; -1: it has none there. */
static double number_shown(const char *kind, const char *object, const char *name)
{
	struct weir_metrics *m = NULL;
	struct weir_metrics_object o;
	struct weir_metric about;
	double number = -1;
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	int metric = weir_metrics_find(m, name);
	cr_assert(metric >= 0 && weir_metrics_metric(m, (uint32_t)metric, &about) == 0, "%s", name);
	for (uint32_t at = 0; weir_metrics_next(m, object, &at, &o);)
		if (strcmp(o.label_values[1], kind) == 0)
			number = (double)weir_metrics_value(m, &o, (uint32_t)metric) /
				 (double)about.per_unit;
	weir_metrics_close(m);
	return number;
}

static void run_for(uint64_t ns)
{
	uint64_t until = fixture_now_ns() + ns;
	while (fixture_now_ns() < until)
		cr_assert_geq(weir_step(f.pipeline, MS), 0);
}

static void set_rules(const struct weir_alert_rule *rules, uint32_t count)
{
	cr_assert_eq(weir_pipeline_alerts_set(f.pipeline, rules, count, NULL), 0);
}

Test(alerts, rules_change_while_it_runs)
{
	struct weir_alert_rule rules[2] = {
		{"behind", WEIR_ALERT_LAG_EVENTS, NULL, NULL, 100, 10, 0},
		{"heavy", WEIR_ALERT_LAG_EVENTS, "billing", NULL, 150, 10, 0},
	};
	uint64_t mark = 0;

	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.alert_topic = "alerts";
	f.options.alert_fn = hear;
	f.options.alert_context = &heard;
	f.options.metrics_dir = "none";
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	(void)fixture_topic(&f, "alerts", 1);
	(void)fixture_subscription(&f, "billing", "orders");
	struct weir_member *watcher =
		fixture_member(&f, fixture_subscription(&f, "watch", "alerts"), NULL);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 200));
	run_for(150 * MS);
	cr_expect_eq(heard.raised, 0, "without rules nothing is raised");
	/* Added. */
	set_rules(rules, 1);
	cr_assert(await(&heard.raised, 1));
	cr_expect_str_eq(heard.subscription, "billing");
	expect_told(watcher, "\"alert\":\"behind\",\"kind\":\"lag_events\"");
	/* Other marks, and one more: the raised one is not raised again. */
	rules[0].raise_at = 190;
	set_rules(rules, 2);
	cr_assert(await(&heard.raised, 2));
	cr_expect_str_eq(heard.rule, "heavy");
	expect_told(watcher, "\"alert\":\"heavy\"");
	(void)alerts_shown(&mark);
	cr_expect_eq(mark, 190, "%lu", (unsigned long)mark);
	/* Its new mark is in force: below it, it is over. */
	rules[0].raise_at = 1000;
	rules[0].clear_at = 500;
	set_rules(rules, 2);
	cr_assert(await(&heard.cleared, 1));
	cr_expect_str_eq(heard.rule, "behind");
	expect_told(watcher, "\"state\":\"cleared\"");
	/* Of the same name, of another kind: another one; what was raised is over. */
	rules[1].kind = WEIR_ALERT_LAG_AGE;
	rules[1].raise_at = UINT64_MAX;
	set_rules(rules, 2);
	cr_assert(await(&heard.cleared, 2));
	cr_expect_str_eq(heard.rule, "heavy");
	expect_told(watcher, "\"alert\":\"heavy\"");
	/* Gone while raised: told to be over, with the number that it had. */
	rules[0].raise_at = 100;
	rules[0].clear_at = 10;
	set_rules(rules, 1);
	cr_assert(await(&heard.raised, 3));
	set_rules(NULL, 0);
	cr_assert(await(&heard.cleared, 3));
	cr_expect(heard.value == 200 && strcmp(heard.rule, "behind") == 0);
	expect_told(watcher, "\"state\":\"raised\"");
	expect_told(watcher, "\"state\":\"cleared\",\"value\":200,");
	cr_expect_eq(alerts_shown(&mark), 0);
	fixture_end(&f);
}

/* Each number is told in one unit, and in no other, also when its place was another kind's. */
Test(alerts, a_number_has_a_unit)
{
	struct weir_alert_rule rules[] = {
		{"old", WEIR_ALERT_LAG_AGE, NULL, NULL, 90 * S, 30 * S, 0},
		{"heavy", WEIR_ALERT_LAG_BYTES, NULL, NULL, 1 << 20, 1 << 10, 0},
		{"many", WEIR_ALERT_LAG_EVENTS, NULL, NULL, 1000, 10, 0},
	};

	alerts_open(&f, FIXTURE_MEMORY | FIXTURE_MANUAL, &rules[0]);
	(void)fixture_topic(&f, "orders", 1);
	(void)fixture_subscription(&f, "billing", "orders");
	set_rules(rules, 3);
	metrics_rounds(f.pipeline, 2);
	cr_expect_eq(number_shown("lag_age", "alert_age", "weir_alert_raise_at_seconds"), 90);
	cr_expect_eq(number_shown("lag_age", "alert_age", "weir_alert_clear_at_seconds"), 30);
	cr_expect_eq(number_shown("lag_bytes", "alert_bytes", "weir_alert_raise_at_bytes"),
		     1 << 20);
	cr_expect_eq(number_shown("lag_events", "alert_events", "weir_alert_value_events"), 0);
	cr_expect_eq(number_shown("lag_age", "alert_events", "weir_alert_value_events"), -1);
	cr_expect_eq(number_shown("lag_bytes", "alert_age", "weir_alert_value_seconds"), -1);
	rules[0] = rules[2]; /* in the place of the age */
	set_rules(rules, 1);
	metrics_rounds(f.pipeline, 2);
	cr_expect_eq(number_shown("lag_events", "alert_events", "weir_alert_raise_at_events"),
		     1000);
	cr_expect_eq(number_shown("lag_age", "alert_age", "weir_alert_raise_at_seconds"), -1);
	fixture_end(&f);
}

Test(alerts, rules_that_cannot_be_change_nothing)
{
	const struct weir_alert_rule good = {
		"behind", WEIR_ALERT_LAG_EVENTS, "billing", NULL, 100, 10, 0};
	const struct weir_alert_rule bad = {"behind", WEIR_ALERT_LAG_EVENTS, NULL, NULL, 1, 1, 0};
	const struct weir_alert_rule each = {"each", WEIR_ALERT_LAG_BYTES, NULL, NULL, 1, 0, 0};
	struct weir_problem problem = {0};

	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	f.options.alerts = &good;
	f.options.alert_count = 1;
	f.options.alert_instances_max = f.options.subscriptions_max - 1;
	f.options.alert_fn = hear;
	f.options.alert_context = &heard;
	fixture_open(&f);
	cr_expect_eq(weir_pipeline_alerts_set(f.pipeline, &bad, 1, &problem), -EINVAL);
	cr_expect_not_null(strstr(problem.text, "rule 0 (behind)"));
	cr_expect_eq(weir_pipeline_alerts_set(f.pipeline, NULL, 1, &problem), -EINVAL);
	cr_expect_eq(weir_pipeline_alerts_set(f.pipeline, &each, WEIR_ALERTS_MAX + 1, &problem),
		     -EINVAL);
	cr_expect_eq(weir_pipeline_alerts_set(f.pipeline, &each, 1, &problem), WEIR_E_FULL);
	cr_expect_str_eq(problem.field, "alert_instances_max");
	uint32_t topic = fixture_topic(&f, "orders", 1);
	(void)fixture_subscription(&f, "billing", "orders");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	(void)fixture_publish(producer, topic, 0, 200);
	cr_assert(await(&heard.raised, 1), "the rules of the open are in force");
	cr_expect_str_eq(heard.rule, "behind");
	fixture_end(&f);
}

Test(alerts, rules_that_cannot_be_are_refused)
{
	static const struct {
		struct weir_alert_rule rule;
		const char *why;
	} cases[] = {
		{{"", WEIR_ALERT_PARKED, NULL, NULL, 1, 0, 0}, "a name is"},
		{{"a b", WEIR_ALERT_PARKED, NULL, NULL, 1, 0, 0}, "a name is"},
		{{"x", 0, NULL, NULL, 1, 0, 0}, "not a kind"},
		{{"x", 13, NULL, NULL, 1, 0, 0}, "not a kind"},
		{{"x", WEIR_ALERT_STUCK_AGE, "billing", NULL, 1, 0, 0}, "of the pipeline"},
		{{"x", WEIR_ALERT_BRIDGE_DOWN, "billing", NULL, 1, 0, 0}, "of a bridge"},
		{{"x", WEIR_ALERT_PARKED, NULL, "out", 1, 0, 0}, "not of a bridge"},
		{{"x", WEIR_ALERT_FREE_BYTES, NULL, "out", 1, 2, 0}, "not of a bridge"},
		{{"x", WEIR_ALERT_BRIDGE_DOWN, NULL, "o/ut", 1, 0, 0}, "no name"},
		{{"x", WEIR_ALERT_IDLE_AGE, NULL, "out", 1, 0, 0}, "not of a bridge"},
		{{"x", WEIR_ALERT_BRIDGE_STUCK_AGE, "billing", NULL, 1, 0, 0}, "of a bridge"},
		{{"x", WEIR_ALERT_PARKED, "a/b", NULL, 1, 0, 0}, "no name"},
		{{"x", WEIR_ALERT_PARKED, NULL, NULL, 1, 1, 0}, "less than"},
		{{"x", WEIR_ALERT_FREE_BYTES, NULL, NULL, 1, 2, 0}, "has none"},
		{{"x", WEIR_ALERT_PARKED, NULL, NULL, 1, 0, 3601 * S}, "an hour"},
		{{"first", WEIR_ALERT_PARKED, NULL, NULL, 1, 0, 0}, "another rule"},
	};
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		const struct weir_alert_rule rules[] = {
			{"first", WEIR_ALERT_LAG_BYTES, NULL, NULL, 2, 1, 0}, cases[i].rule};
		struct weir_memory_plan plan;
		struct weir_problem problem = {0};
		f.options.alerts = rules;
		f.options.alert_count = 2;
		cr_expect_eq(weir_memory_plan(&f.options, &plan, &problem), -EINVAL, "case %zu", i);
		cr_expect_str_eq(problem.field, "alerts");
		cr_expect_not_null(strstr(problem.text, cases[i].why), "%zu: %s", i, problem.text);
	}
	f.options.alert_count = 0;
	f.options.alerts = NULL;
	fixture_end(&f);
}

/* ---- of bridges ---- */

static void tell_bridge(struct wr_bridge_place *place, const char *name, uint64_t down_ns,
			uint64_t dead_letters)
{
	struct wr_bridge_told told = {
		.subscription = UINT64_MAX, .down_ns = down_ns, .dead_letters = dead_letters};
	(void)snprintf(told.name, sizeof told.name, "%s", name);
	wr_bridge_place_tell(place, &told);
}

static uint32_t alert_objects(void)
{
	struct weir_metrics *m = NULL;
	struct weir_metrics_object o;
	uint32_t count = 0;
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	for (uint32_t at = 0; weir_metrics_next(m, "alert", &at, &o);)
		count++;
	weir_metrics_close(m);
	return count;
}

/* Of each bridge by its name, though one comes to the place that another had. */
Test(alerts, a_bridge_that_does_not_run_is_told_and_one_that_is_gone_has_no_trouble)
{
	static const struct weir_alert_rule rule = {.name = "down",
						    .kind = WEIR_ALERT_BRIDGE_DOWN,
						    .raise_at = MS,
						    .clear_at = 0,
						    .hold_ns = 20 * MS};
	struct weir_item item;

	alerts_open(&f, FIXTURE_MEMORY | FIXTURE_MANUAL, &rule);
	(void)fixture_topic(&f, "alerts", 1);
	struct weir_member *watcher =
		fixture_member(&f, fixture_subscription(&f, "watch", "alerts"), NULL);
	struct wr_bridge_place *place = wr_bridge_place_take(f.pipeline, "out");
	uint64_t long_ago = fixture_now_ns();

	tell_bridge(place, "out", long_ago, 0);
	cr_assert(await(&heard.raised, 1));
	cr_expect_str_eq(heard.bridge, "out");
	cr_expect_str_eq(heard.subscription, "");
	cr_assert_eq(fixture_poll(watcher, &item, 1, 1, true), 1);
	cr_expect(item.key_bytes == 8 && memcmp(item.key, "down/out", 8) == 0);
	tell_bridge(place, "out", 0, 0);
	cr_assert(await(&heard.cleared, 1));
	cr_assert_eq(fixture_poll(watcher, &item, 1, 1, true), 1);

	tell_bridge(place, "out", long_ago, 0);
	cr_assert(await(&heard.raised, 2));
	wr_bridge_place_give(f.pipeline, place);
	place = wr_bridge_place_take(f.pipeline, "other");
	tell_bridge(place, "other", long_ago, 0);
	cr_assert(await(&heard.cleared, 2));
	cr_expect_str_eq(heard.bridge, "out");
	cr_assert(await(&heard.raised, 3));
	cr_expect_str_eq(heard.bridge, "other");
	cr_expect_eq(alert_objects(), 1);
	wr_bridge_place_give(f.pipeline, place);
	cr_assert(await(&heard.cleared, 3));
	cr_assert_eq(fixture_poll(watcher, &item, 1, 4, true), 4);
	cr_expect(item.key_bytes == 10 && memcmp(item.key, "down/other", 10) == 0);
	cr_expect_not_null(strstr((const char *)item.payload, ",\"bridge\":\"other\"}"));
	fixture_end(&f);
}

Test(alerts, dead_letters_of_a_bridge_are_counted_anew_when_it_is_started_again)
{
	static const struct weir_alert_rule rule = {.name = "dead",
						    .kind = WEIR_ALERT_BRIDGE_DEAD_LETTERS,
						    .bridge = "out",
						    .raise_at = 5,
						    .clear_at = 0};

	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	f.options.alert_fn = hear;
	f.options.alert_context = &heard;
	f.options.metrics_dir = "none";
	fixture_open(&f);
	struct wr_bridge_place *first = wr_bridge_place_take(f.pipeline, "in");
	struct wr_bridge_place *place = wr_bridge_place_take(f.pipeline, "out");
	tell_bridge(first, "in", 0, 0);
	tell_bridge(place, "out", 0, 1000);
	set_rules(&rule, 1);
	metrics_rounds(f.pipeline, 2);
	cr_expect_eq(heard.raised, 0, "what was there before the rule");
	tell_bridge(first, "in", 0, 1000);
	metrics_rounds(f.pipeline, 2);
	cr_expect_eq(heard.raised, 0, "that is another one");
	tell_bridge(place, "out", 0, 1004);
	metrics_rounds(f.pipeline, 2);
	cr_expect_eq(heard.raised, 0);
	wr_bridge_place_give(f.pipeline, place);
	place = wr_bridge_place_take(f.pipeline, "out");
	tell_bridge(place, "out", 0, 4);
	metrics_rounds(f.pipeline, 2);
	cr_expect_eq(heard.raised, 0, "less than before is not a huge number");
	tell_bridge(place, "out", 0, 5);
	cr_assert(await(&heard.raised, 1));
	cr_expect_eq(heard.value, 5);
	wr_bridge_place_give(f.pipeline, place);
	wr_bridge_place_give(f.pipeline, first);
	cr_assert(await(&heard.cleared, 1));
	fixture_end(&f);
}

/* With what is given up before a rule of the open has looked: nobody else has told of it. */
Test(alerts, what_is_given_up_before_the_first_look_counts)
{
	static const struct weir_alert_rule rules[] = {
		{"bridge", WEIR_ALERT_BRIDGE_DEAD_LETTERS, NULL, NULL, 1, 0, 0},
		{"queue", WEIR_ALERT_DEAD_LETTERS, NULL, NULL, 60, 0, 0},
	};

	alerts_open(&f, FIXTURE_MEMORY | FIXTURE_MANUAL, &rules[0]);
	struct wr_bridge_place *place = wr_bridge_place_take(f.pipeline, "out");
	tell_bridge(place, "out", 0, 1);
	cr_assert(await(&heard.raised, 1));
	cr_expect_eq(heard.value, 1);
	set_rules(&rules[1], 1);
	cr_assert(await(&heard.cleared, 1));
	/* Also of one that is made when the rule is there. */
	(void)fixture_topic(&f, "orders", 1);
	uint32_t id = fixture_subscription(&f, "billing", "orders");
	(void)wr_add_relaxed(&f.pipeline->subscriptions[id].failures.buried, 60u);
	cr_assert(await(&heard.raised, 2));
	cr_expect_eq(heard.value, 60);
	cr_expect_str_eq(heard.subscription, "billing");
	wr_bridge_place_give(f.pipeline, place);
	fixture_end(&f);
}
