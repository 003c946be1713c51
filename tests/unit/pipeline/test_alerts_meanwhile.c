/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an alert of a filtered subscription is raised though events go on coming, and one that is
 * raised before its topic is made is published when that is; if none comes, that is said, once.
 *
 * Method: a pipeline by hand, whose writer, or whose rules, are made to step alone.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/pipeline/alerts.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/unit/pipeline/alerts_heard.h"

#define MS 1000000ull
#define S (1000 * MS)

static struct fixture f;

TestSuite(alerts_meanwhile, .timeout = 120);

static uint32_t make_filtered(const char *topic)
{
	const struct weir_filter_term term = {
		.kind = WEIR_FILTER_DIRECT, .pattern = "this", .pattern_bytes = 4};
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
	struct weir_subscription_options o;
	uint32_t id;

	weir_subscription_options_init(&o);
	o.name = "billing";
	o.topics = &topic;
	o.topic_count = 1;
	o.filter = &filter;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	return id;
}

static void publish_this(struct weir_producer *producer, uint32_t topic)
{
	static const struct weir_event of = {
		.key = "this", .key_bytes = 4, .payload = "x", .payload_bytes = 1};
	struct weir_event event = of;
	uint64_t ticket, visible = wr_writer_visible_seq(&f.pipeline->writer);

	event.topic = topic;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	cr_assert_geq(wr_writer_step(&f.pipeline->writer, 0), 0);
	cr_assert_gt(wr_writer_visible_seq(&f.pipeline->writer), visible);
}

/* With all that there is. */
static bool was_looked_at(uint32_t id)
{
	return f.pipeline->subscriptions[id].scan.looked_to >=
	       wr_writer_visible_seq(&f.pipeline->writer);
}

/* There always is one that came since the last look, and is not counted: by the writer alone. */
Test(alerts_meanwhile, one_of_a_filtered_subscription_is_raised_while_events_come)
{
	static const struct weir_alert_rule rule = {.name = "behind",
						    .kind = WEIR_ALERT_LAG_EVENTS,
						    .raise_at = 10,
						    .clear_at = 0,
						    .hold_ns = 3600 * S};
	struct weir_lag lag = {0};

	alerts_open(&f, FIXTURE_DURABLE | FIXTURE_MANUAL, &rule);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	uint32_t id = make_filtered("orders");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	for (uint32_t i = 0; i < 10; i++)
		publish_this(producer, topic);
	for (uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	     (lag.events < 10 || !lag.exact || !was_looked_at(id)) && fixture_now_ns() < until;) {
		cr_assert_geq(weir_step(f.pipeline, MS), 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	}
	cr_assert(lag.exact && lag.events == 10);
	uint64_t now_ns = wr_clock_mono_ns(f.pipeline->host.clock);
	for (uint32_t i = 0; i < 4; i++) {
		publish_this(producer, topic);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
		cr_expect_not(lag.exact, "one has come that is not counted");
		now_ns += 1801 * S;
		wr_alerts_step(f.pipeline, now_ns);
	}
	cr_expect_eq(heard.raised, 1);
	cr_expect_eq(heard.value, 10, "as of the last look");
	fixture_end(&f);
}

/* A disk never has so much. */
static const struct weir_alert_rule full = {.name = "full",
					    .kind = WEIR_ALERT_FREE_BYTES,
					    .raise_at = 1ull << 62,
					    .clear_at = 1ull << 63};

static void await_raised(void)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (heard.raised == 0 && fixture_now_ns() < until)
		cr_assert_geq(weir_step(f.pipeline, MS), 0);
	cr_assert_eq(heard.raised, 1);
}

static uint32_t alerts_published(uint32_t id)
{
	struct weir_lag lag = {0};
	cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	return (uint32_t)lag.events;
}

Test(alerts_meanwhile, one_that_is_raised_before_its_topic_is_made_is_published_in_it)
{
	struct weir_item item;

	alerts_open(&f, FIXTURE_DURABLE | FIXTURE_MANUAL, &full);
	await_raised();
	wr_alerts_step(f.pipeline, wr_clock_mono_ns(f.pipeline->host.clock) + S);
	(void)fixture_topic(&f, "alerts", 1);
	struct weir_member *watcher =
		fixture_member(&f, fixture_subscription(&f, "watch", "alerts"), NULL);
	cr_assert_eq(fixture_poll(watcher, &item, 1, 1, true), 1);
	cr_expect_not_null(strstr((const char *)item.payload, "\"state\":\"raised\""), "%.*s",
			   (int)item.payload_bytes, (const char *)item.payload);
	fixture_end(&f);
}

Test(alerts_meanwhile, a_topic_is_not_awaited_for_long)
{
	alerts_open(&f, FIXTURE_DURABLE | FIXTURE_MANUAL, &full);
	await_raised();
	wr_alerts_step(f.pipeline, wr_clock_mono_ns(f.pipeline->host.clock) + 61 * S);
	(void)fixture_topic(&f, "alerts", 1);
	uint32_t id = fixture_subscription(&f, "watch", "alerts");
	wr_alerts_step(f.pipeline, wr_clock_mono_ns(f.pipeline->host.clock) + 62 * S);
	cr_assert_geq(weir_step(f.pipeline, MS), 0);
	cr_expect_eq(alerts_published(id), 0, "it was given up");
	fixture_end(&f);
}
