/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   an alert goes all four ways at once, and each tells the same at every moment: the
 *         callback, the event on the topic of alerts, the metric, the line of `weir status`. None
 *         at the start, none before the hold time is over, none while the number swings between
 *         the marks; raised once, over once.
 * Method: a pipeline whose host is the test's: one thread runs its steps, and its clock is the
 *         simulated one, which moves when the test says so. So hold times are passed to the tenth
 *         of a second, in no time, and the same way each time.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/pipeline/metrics.h"
#include "core/pipeline/pipeline.h"
#include "core/pipeline/step.h"
#include "io/posix/memory_posix.h"
#include "io/sim/clock_sim.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/unit/pipeline/alerts_heard.h"

#include "tools/weir/top/look.h"
#include "tools/weir/top/print.h"

#define MS 1000000ull
#define S (1000 * MS)
#define ROUNDS_MAX 10000u

static struct fixture f; /* the pipeline alone is set */
static struct wr_clock_sim clock_sim;
static struct wr_memory_posix memory;
static struct wr_step steps[2];
static bool inside;
static void *cells;

static uint32_t orders;
static struct weir_producer *producer;
static struct weir_member *billing, *watcher;

/* ---- the host ---- */

static int run_once(void)
{
	int work = 0;

	inside = true;
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(steps); i++)
		work += steps[i].run(steps[i].self, 64);
	inside = false;
	return work;
}

/* For a call that waits: time goes on only where there is nothing to do. */
static int run_steps(void *context, uint64_t wait_ns)
{
	int work = run_once();

	(void)context;
	if (work == 0)
		wr_clock_sim_advance(&clock_sim, wr_min_u64(wait_ns, MS));
	return 1;
}

static bool inside_step(void *context)
{
	(void)context;
	return inside;
}

static uintptr_t thread(void *context)
{
	(void)context;
	return 1;
}

static void event_signal(void *context, int fd)
{
	(void)context, (void)fd;
}

static void nobody_sleeps(void)
{
}

static void no_sleep(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	(void)parker, (void)word, (void)timeout_ns;
	cr_assert_fail("a sleep on the only thread");
}

static void no_wake(struct wr_parker *parker)
{
	(void)parker;
}

static const struct wr_park_ops park_ops = {nobody_sleeps, no_sleep, no_wake};

/* Until `ns` later, in looks of 50 ms; all that there is to do at each of them is done. */
static void pass(uint64_t ns)
{
	for (uint64_t passed = 0; passed < ns; passed += 50 * MS) {
		wr_clock_sim_advance(&clock_sim, 50 * MS);
		for (uint32_t i = 0; run_once() != 0; i++)
			cr_assert_lt(i, ROUNDS_MAX, "the steps find no end");
	}
}

static const struct weir_alert_rule rule = {.name = "behind",
					    .kind = WEIR_ALERT_LAG_EVENTS,
					    .subscription = "billing",
					    .raise_at = 100,
					    .clear_at = 10,
					    .hold_ns = 5 * S};

static void setup(void)
{
	struct wr_metrics_layout layout;
	struct weir_options options;
	struct weir_memory_plan plan;
	struct weir_problem why = {0};
	struct wr_host host = {
		.memory = &memory.memory,
		.clock = &clock_sim.base,
		.park_ops = &park_ops,
		.inside_step = inside_step,
		.thread = thread,
		.run_steps = run_steps,
		.event_signal = event_signal,
		.metrics_journal = "",
	};

	wr_clock_sim_init(&clock_sim);
	cr_assert_eq(wr_memory_posix_init(&memory, NULL), 0);
	weir_options_init(&options);
	options.name = "alerted";
	options.manual = true;
	options.chunk_bytes = FIXTURE_CHUNK_BYTES;
	options.lane_bytes = FIXTURE_LANE_BYTES;
	options.alerts = &rule;
	options.alert_count = 1;
	options.alert_topic = "alerts";
	options.alert_fn = hear;
	options.alert_context = &heard;
	cr_assert_eq(wr_pipeline_check(&options, &options, &plan, &why), 0, "%s", why.text);
	wr_metrics_plan(&options, &layout);
	cells = calloc(1, layout.bytes);
	cr_assert_not_null(cells);
	host.metrics = cells;
	memset(host.new_uuid, 1, sizeof host.new_uuid);
	memset(host.secret, 1, sizeof host.secret);
	cr_assert_eq(wr_pipeline_create(&options, &plan, &host, &f.pipeline, &why), 0, "%s",
		     why.text);
	wr_pipeline_writer_step(f.pipeline, &steps[0]);
	wr_pipeline_group_step(f.pipeline, &steps[1]);
	orders = fixture_topic(&f, "orders", 1);
	(void)fixture_topic(&f, "alerts", 1);
	billing = fixture_member(&f, fixture_subscription(&f, "billing", "orders"), NULL);
	watcher = fixture_member(&f, fixture_subscription(&f, "watch", "alerts"), NULL);
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	wr_pipeline_destroy(f.pipeline);
	free(cells);
}

TestSuite(alert_ways, .init = setup, .fini = teardown, .timeout = 120);

/* ---- what is to be handled ---- */

static void more(uint64_t count)
{
	static uint64_t published;

	(void)fixture_publish(producer, orders, published, published + count);
	published += count;
}

static void handle(uint32_t count)
{
	cr_assert_eq(fixture_poll(billing, NULL, 0, count, true), count);
	cr_assert_eq(weir_member_commit(billing, WEIR_LEVEL_MEMORY, WEIR_FOREVER), 0);
}

/* ---- the four ways ---- */

/* As many alerts as its topic has told of since the start, raised and over. */
static struct heard on_topic;

static void read_topic(void)
{
	struct weir_item item;

	while (weir_poll(watcher, &item, 1, 0) == 1) {
		const char *text = (const char *)item.payload;
		cr_assert_eq(strncmp(text, "{\"alert\":\"behind\",\"kind\":\"lag_events\",", 38), 0,
			     "%.*s", (int)item.payload_bytes, text);
		on_topic.raised += strstr(text, "\"state\":\"raised\",") != NULL;
		on_topic.cleared += strstr(text, "\"state\":\"cleared\",") != NULL;
		const char *value = strstr(text, "\"value\":");
		cr_assert_not_null(value);
		on_topic.value = strtoull(value + 8, NULL, 10);
		cr_assert_eq(weir_ack(watcher, &item), 0);
	}
}

static void look_at_status(bool firing, uint32_t raised, uint64_t value)
{
	struct look look = {0};
	char line[96], *text = NULL;
	size_t bytes = 0;

	cr_assert_eq(weir_metrics_open_own(f.pipeline, &look.metrics, NULL), 0);
	cr_assert_eq(look_again(&look), 0);
	const struct look_row *row = look_find(&look, LOOK_ALERT, "behind");
	cr_assert_not_null(row);
	cr_expect_eq(row->values[ALERT_FIRING], firing, "the metric");
	cr_expect_eq(row->values[ALERT_RAISED], raised, "the metric");
	cr_expect_eq(row->values[ALERT_VALUE], value, "the metric: %llu",
		     (unsigned long long)row->values[ALERT_VALUE]);
	FILE *to = open_memstream(&text, &bytes);
	cr_assert_not_null(to);
	print_status(&look, to);
	cr_assert_eq(fclose(to), 0);
	(void)snprintf(line, sizeof line, "\n  ALERT    behind billing: %llu, raised at 100, for ",
		       (unsigned long long)value);
	cr_expect_eq(strstr(text, line) != NULL, firing, "%s", text);
	cr_expect_eq(strstr(text, "ALERT") != NULL, firing, "%s", text);
	free(text);
	look_close(&look);
}

/* So often by now, and the number at the last change (0: none) and now. */
static void expect(uint32_t raised, uint32_t cleared, uint64_t changed_at, uint64_t value)
{
	cr_expect_eq(heard.raised, raised, "the callback: %u", heard.raised);
	cr_expect_eq(heard.cleared, cleared, "the callback: %u", heard.cleared);
	cr_expect_eq(heard.value, changed_at, "the callback: %llu",
		     (unsigned long long)heard.value);
	read_topic();
	cr_expect_eq(on_topic.raised, raised, "the topic: %u", on_topic.raised);
	cr_expect_eq(on_topic.cleared, cleared, "the topic: %u", on_topic.cleared);
	cr_expect_eq(on_topic.value, changed_at, "the topic: %llu",
		     (unsigned long long)on_topic.value);
	look_at_status(raised > cleared, raised, value);
}

Test(alert_ways, each_tells_the_same_at_every_moment)
{
	/* At the start a number beyond its mark is nothing yet. */
	more(200);
	pass(4800 * MS);
	expect(0, 0, 0, 200);
	/* Back for a moment: the hold time begins anew. */
	handle(150);
	pass(S);
	expect(0, 0, 0, 50);
	more(150);
	pass(4800 * MS);
	expect(0, 0, 0, 200);
	pass(400 * MS);
	expect(1, 0, 200, 200);
	/* Below the high mark, above the low one: it stays, however long. */
	handle(150);
	pass(60 * S);
	expect(1, 0, 200, 50);
	more(100);
	pass(60 * S);
	expect(1, 0, 200, 150);
	/* At the low mark, and not for long enough. */
	handle(140);
	pass(4800 * MS);
	expect(1, 0, 200, 10);
	more(1);
	pass(S);
	expect(1, 0, 200, 11);
	handle(1);
	pass(4800 * MS);
	expect(1, 0, 200, 10);
	pass(400 * MS);
	expect(1, 1, 10, 10);
	/* Once more, from the mark itself on; what stays below it raises nothing. */
	more(89);
	pass(60 * S);
	expect(1, 1, 10, 99);
	more(1);
	pass(4800 * MS);
	expect(1, 1, 10, 100);
	pass(400 * MS);
	expect(2, 1, 100, 100);
}
