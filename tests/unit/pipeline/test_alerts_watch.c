/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an alert tells of what stands still: a group step, though that judges the other rules, and
 * sits in a callback; a packing thread; a handler; a bridge. Two judges never call at once.
 *
 * Method: the watch by hand on a clock that is a number; then pipelines whose callbacks, handlers
 * and bridges come back when the alert, or the metrics, have told of them, and not before.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/journal/journal_internal.h"
#include "core/pipeline/bridge_cells.h"
#include "core/pipeline/metrics.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/unit/pipeline/metrics_rounds.h"

#define MS 1000000ull
#define S (1000 * MS)

static struct fixture f;

static struct {
	wr_atomic_u32 raised, cleared; /* of `rule` */
	const char *rule;
	wr_atomic_u32 inside, met;
	wr_atomic_u32 shown; /* by the metrics, while the callback stood */
	void (*act)(const struct weir_alert *alert);
	char subscription[32], bridge[32];
} heard;

static void hear(void *context, const struct weir_alert *alert)
{
	(void)context;
	if (wr_add_relaxed(&heard.inside, 1) != 0)
		wr_store_relaxed(&heard.met, 1u);
	if (heard.act != NULL)
		heard.act(alert);
	if (strcmp(alert->rule, heard.rule) == 0) {
		(void)snprintf(heard.subscription, sizeof heard.subscription, "%s",
			       alert->subscription != NULL ? alert->subscription : "");
		(void)snprintf(heard.bridge, sizeof heard.bridge, "%s",
			       alert->bridge != NULL ? alert->bridge : "");
		(void)wr_add_acq_rel(alert->raised ? &heard.raised : &heard.cleared, 1);
	}
	(void)wr_add_relaxed(&heard.inside, UINT32_MAX);
}

static void open_with(int kind, const struct weir_alert_rule *rules, uint32_t count,
		      const char *heard_rule)
{
	memset(&heard, 0, sizeof heard);
	heard.rule = heard_rule;
	fixture_init(&f, kind);
	f.options.alerts = rules;
	f.options.alert_count = count;
	f.options.alert_topic = "alerts";
	f.options.alert_fn = hear;
	f.options.metrics_dir = "none";
	fixture_open(&f);
}

/* Until it is true, or for long; by hand where nobody else steps. */
static bool await(bool (*is_true)(void))
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (!is_true() && fixture_now_ns() < until)
		if (f.options.manual)
			cr_assert_geq(weir_step(f.pipeline, MS), 0);
		else
			fixture_sleep_ns(MS);
	return is_true();
}

static bool is_raised(void)
{
	return wr_load_acquire(&heard.raised) != 0;
}

static bool is_cleared(void)
{
	return wr_load_acquire(&heard.cleared) != 0;
}

/* As the metrics say, of what stands still. */
static bool is_shown(void)
{
	struct weir_metrics *m = NULL;
	struct weir_metrics_object o;
	uint64_t firing = 0, age_ns = 0;
	fixture_need(weir_metrics_open_own(f.pipeline, &m, NULL) == 0, "metrics");
	int metric = weir_metrics_find(m, "weir_alert_firing");
	for (uint32_t at = 0; weir_metrics_next(m, "alert", &at, &o);)
		if (strcmp(o.label_values[0], "stuck") == 0)
			firing = weir_metrics_value(m, &o, (uint32_t)metric);
	metric = weir_metrics_find(m, "weir_alert_value_seconds");
	for (uint32_t at = 0; weir_metrics_next(m, "alert_age", &at, &o);)
		if (strcmp(o.label_values[1], "stuck_age") == 0)
			age_ns = weir_metrics_value(m, &o, (uint32_t)metric);
	weir_metrics_close(m);
	return firing == 1 && age_ns > 0;
}

/* ---- the group step ---- */

/* Its rounds are made here, and so is the time. */
Test(alerts_watch, a_group_step_that_does_not_go_round_is_told_after_the_hold_time)
{
	static const struct weir_alert_rule rule = {.name = "stuck",
						    .kind = WEIR_ALERT_STUCK_AGE,
						    .raise_at = 5 * S,
						    .clear_at = S,
						    .hold_ns = 2 * S};
	open_with(FIXTURE_MEMORY | FIXTURE_MANUAL, &rule, 1, "stuck");
	const uint64_t begin = fixture_now_ns();
	uint64_t at = begin;

	/* While it goes round, however late. */
	for (; at < begin + 60 * S; at += S) {
		wr_store_relaxed(&f.pipeline->round, (uint32_t)(100 + at / S));
		wr_alerts_watch(f.pipeline, at);
	}
	cr_expect(!is_raised());
	/* Nor when the whole process stood, the watch included. */
	wr_alerts_watch(f.pipeline, at += 60 * S);
	wr_alerts_watch(f.pipeline, at += 2 * S);
	wr_alerts_watch(f.pipeline, at += 2 * S);
	cr_expect(!is_raised());
	wr_store_relaxed(&f.pipeline->round, 99u);
	uint64_t stood = at;
	for (; at < stood + 7 * S; at += 100 * MS) {
		wr_alerts_watch(f.pipeline, at);
		cr_assert(!is_raised(), "after %lu ms", (unsigned long)((at - stood) / MS));
	}
	wr_alerts_watch(f.pipeline, at);
	cr_expect(is_raised());
	cr_expect(is_shown());
	uint64_t back = at;
	for (; at < back + 2 * S; at += 100 * MS) {
		wr_store_relaxed(&f.pipeline->round, 7u + (uint32_t)(at / MS));
		wr_alerts_watch(f.pipeline, at);
		cr_assert(!is_cleared());
	}
	wr_store_relaxed(&f.pipeline->round, 1u);
	wr_alerts_watch(f.pipeline, at);
	cr_expect(is_cleared() && !is_shown());
	wr_store_relaxed(&f.pipeline->round, 0u);
	fixture_end(&f);
}

/* ---- the packing thread ---- */

/* In a step of the packer's: so it was there for ten seconds, and the watch looks. */
static int stand_in_packer(void *context)
{
	struct wr_packer *packer = f.pipeline->journal->packer;
	uint64_t inside_ns = wr_load_relaxed(&packer->inside_ns);
	(void)context;
	fixture_need(inside_ns != 0, "a packer that says that it is inside");
	wr_store_relaxed(&packer->inside_ns, inside_ns - 10 * S);
	wr_alerts_watch(f.pipeline, fixture_now_ns());
	fixture_need(is_raised() && is_shown(), "an alert, while the packer stands");
	return 0;
}

Test(alerts_watch, a_packing_thread_that_does_not_come_back_is_told)
{
	static const struct weir_alert_rule rule = {
		.name = "stuck", .kind = WEIR_ALERT_STUCK_AGE, .raise_at = 5 * S, .clear_at = S};
	memset(&heard, 0, sizeof heard);
	heard.rule = "stuck";
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.alerts = &rule;
	f.options.alert_count = 1;
	f.options.alert_fn = hear;
	f.options.metrics_dir = "none";
	f.options.pack = WEIR_PACK_PADDING;
	f.options.erasures_max = 10;
	fixture_open(&f);
	f.pipeline->journal->packer->erase.beside = stand_in_packer;
	uint32_t topic = fixture_topic(&f, "orders", 1);
	cr_assert_eq(weir_erase_key(f.pipeline, topic, "k", 1, NULL, NULL), 0);
	cr_expect(await(is_raised));
	cr_expect(await(is_cleared), "it has come back");
	fixture_end(&f);
}

static const struct weir_alert_rule stuck_and_behind[] = {
	{"behind", WEIR_ALERT_LAG_EVENTS, "billing", NULL, 1, 0, 0},
	{"stuck", WEIR_ALERT_STUCK_AGE, NULL, NULL, 400 * MS, 350 * MS, 0},
};

static void stand_in_lag(void *context, uint32_t subscription, const struct weir_lag *lag,
			 bool above)
{
	(void)context, (void)subscription, (void)lag;
	/* In the group's thread. */
	if (above)
		fixture_need(await(is_raised) && await(is_shown),
			     "an alert, while the group's step stands");
}

Test(alerts_watch, a_group_step_in_a_callback_is_told_by_the_thread_that_watches)
{
	static const char *const topics[] = {"orders"};
	struct weir_subscription_options s;
	struct weir_item item;
	struct weir_info info;
	uint32_t id = 0;
	bool has_thread = false;

	open_with(FIXTURE_DURABLE, &stuck_and_behind[1], 1, "stuck");
	fixture_info(&f, &info);
	for (uint32_t i = 0; i < info.thread_count; i++)
		has_thread = has_thread || strstr(info.threads[i].name, "-watch") != NULL;
	cr_expect(has_thread);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	(void)fixture_topic(&f, "alerts", 1);
	uint32_t watch = fixture_subscription(&f, "watch", "alerts");
	weir_subscription_options_init(&s);
	s.name = "billing";
	s.topics = topics;
	s.topic_count = 1;
	s.lag_events_max = 10;
	s.lag_fn = stand_in_lag;
	cr_assert_eq(weir_subscription_create(f.pipeline, &s, &id, NULL), 0);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 20));
	cr_expect(await(is_raised));
	cr_expect(await(is_cleared), "it goes on");
	struct weir_member *watcher = fixture_member(&f, watch, NULL);
	cr_assert_eq(fixture_poll(watcher, &item, 1, 1, true), 1);
	cr_expect(item.key_bytes == 5 && memcmp(item.key, "stuck", 5) == 0);
	cr_assert_eq(fixture_poll(watcher, &item, 1, 1, true), 1);
	cr_expect_not_null(strstr((const char *)item.payload, "\"state\":\"cleared\""));
	fixture_end(&f);
}

static void stand_in_alert(const struct weir_alert *alert)
{
	if (strcmp(alert->rule, "behind") != 0 || !alert->raised)
		return;
	fixture_need(await(is_shown), "metrics, while the callback stands");
	wr_store_release(&heard.shown, 1u);
}

static bool was_shown(void)
{
	return wr_load_acquire(&heard.shown) != 0;
}

static bool is_called_late(void)
{
	return wr_load_acquire(&heard.raised) == wr_load_acquire(&heard.cleared) && !is_shown();
}

/* The alert's own callback may be what stands: one at a time is in it, and the rest tells. */
Test(alerts_watch, a_group_step_in_the_callback_of_alerts_is_told_by_the_metrics)
{
	open_with(FIXTURE_MEMORY, stuck_and_behind, 2, "stuck");
	heard.act = stand_in_alert;
	uint32_t topic = fixture_topic(&f, "orders", 1);
	(void)fixture_subscription(&f, "billing", "orders");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	(void)fixture_publish(producer, topic, 0, 20);
	cr_expect(await(was_shown)); /* it may be over by the time that this thread looks */
	cr_expect(await(is_called_late));
	cr_expect_eq(wr_load_relaxed(&heard.met), 0, "two were in it at once");
	fixture_end(&f);
}

Test(alerts_watch, a_rule_that_comes_later_is_looked_at_without_a_thread)
{
	static const struct weir_alert_rule rule = {
		.name = "stuck", .kind = WEIR_ALERT_STUCK_AGE, .raise_at = 5 * S, .clear_at = S};
	struct weir_alert_rule many[WR_WATCHED_RULES_MAX + 1];
	struct weir_problem problem = {0};

	open_with(FIXTURE_MEMORY | FIXTURE_MANUAL, NULL, 0, "stuck");
	cr_assert_eq(weir_pipeline_alerts_set(f.pipeline, &rule, 1, NULL), 0);
	metrics_rounds(f.pipeline, 2);
	cr_expect_eq(f.pipeline->metrics->alerts.watch.now.rule_count, 1);
	cr_expect(!f.pipeline->metrics->alerts.has_watch_thread && !is_raised());
	for (uint32_t i = 0; i < WR_WATCHED_RULES_MAX + 1; i++) {
		static char names[WR_WATCHED_RULES_MAX + 1][8];
		(void)snprintf(names[i], sizeof names[i], "r%u", i);
		many[i] = rule;
		many[i].name = names[i];
	}
	cr_expect_eq(weir_pipeline_alerts_set(f.pipeline, many, WR_WATCHED_RULES_MAX, NULL), 0);
	cr_expect_eq(weir_pipeline_alerts_set(f.pipeline, many, WR_WATCHED_RULES_MAX + 1, &problem),
		     -EINVAL);
	cr_expect_not_null(strstr(problem.text, "8 rules"), "%s", problem.text);
	fixture_end(&f);
}

/* ---- handlers and bridges ---- */

static enum weir_handled stand_in_handler(void *context, struct weir_member *member,
					  const struct weir_item *item)
{
	(void)context, (void)member, (void)item;
	fixture_need(await(is_raised), "an alert, while the handler stands");
	return WEIR_HANDLED_OK;
}

Test(alerts_watch, a_handler_that_does_not_come_back_is_told)
{
	static const struct weir_alert_rule rule = {.name = "idle",
						    .kind = WEIR_ALERT_IDLE_AGE,
						    .raise_at = 300 * MS,
						    .clear_at = 200 * MS};
	struct weir_member_options o;
	struct weir_member *member = NULL;

	open_with(FIXTURE_MEMORY, &rule, 1, "idle");
	uint32_t topic = fixture_topic(&f, "orders", 1);
	uint32_t id = fixture_subscription(&f, "billing", "orders");
	(void)fixture_subscription(&f, "other", "orders");
	weir_member_options_init(&o);
	o.handler = stand_in_handler;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	fixture_sleep_ns(400 * MS);
	cr_expect(!is_raised(), "who has nothing to do is not away");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	(void)fixture_publish(producer, topic, 0, 1);
	cr_expect(await(is_raised));
	cr_expect_str_eq(heard.subscription, "billing");
	cr_expect(await(is_cleared), "it has come back");
	fixture_end(&f);
}

Test(alerts_watch, a_bridge_whose_driver_does_not_come_back_is_told)
{
	static const struct weir_alert_rule rule = {.name = "bridge",
						    .kind = WEIR_ALERT_BRIDGE_STUCK_AGE,
						    .raise_at = S,
						    .clear_at = 500 * MS};
	struct wr_bridge_told told = {.subscription = UINT64_MAX, .name = "out"};

	open_with(FIXTURE_MEMORY | FIXTURE_MANUAL, &rule, 1, "bridge");
	struct wr_bridge_place *place = wr_bridge_place_take(f.pipeline, "out");
	wr_bridge_place_step(place, fixture_now_ns() - 2 * S);
	wr_bridge_place_tell(place, &told);
	cr_expect(await(is_raised));
	cr_expect_str_eq(heard.bridge, "out");
	wr_bridge_place_step(place, fixture_now_ns());
	cr_expect(await(is_cleared));
	wr_bridge_place_give(f.pipeline, place);
	fixture_end(&f);
}
