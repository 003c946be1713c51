/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir lag` and `weir status` find a pipeline by its name, directory and process, say what
 *         it is at, and tell a script by the exit code: above a limit, below it, no such name, a
 *         pipeline that is dead, a file that is none.
 * Method: a pipeline of this process, and one of a child that is killed, with files in a folder of
 *         the test's; commands in a child process, judged by text, JSON and exit code.
 */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/bridge.h>

#include "core/pipeline/bridge_cells.h"
#include "tests/support/capture.h"
#include "tests/support/pipeline_fixture.h"

#include "tools/weir/args.h"
#include "tools/weir/top/find.h"
#include "tools/weir/top/lag_limit.h"

#define EVENTS 25u

static struct fixture f;
static struct capture c;
static char folder[64];
static char pid[24];

static void setup(void)
{
	(void)snprintf(folder, sizeof folder, "/tmp/weir-test-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
}

static void teardown(void)
{
	char command[128];

	fixture_end(&f);
	(void)snprintf(command, sizeof command, "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}

TestSuite(lag_cli, .init = setup, .fini = teardown, .timeout = 60);

/* One that was lost twice, and has moved seven events. */
static void tell_bridge(void)
{
	struct wr_bridge_place *place = wr_bridge_place_take(f.pipeline, "out");
	struct wr_bridge_told told = {.subscription = 0,
				      .state = WEIR_BRIDGE_RUNNING,
				      .state_ns = fixture_now_ns(),
				      .events = 7,
				      .bytes = 700,
				      .dead_letters = 3,
				      .connections = 2,
				      .retries = 2,
				      .error_times = 2,
				      .error_first_ns = 1000000000,
				      .error_last_ns = 2000000000};
	(void)snprintf(told.name, sizeof told.name, "out");
	(void)snprintf(told.system, sizeof told.system, "kafka");
	(void)snprintf(told.error, sizeof told.error, "nobody answers");
	wr_bridge_place_tell(place, &told);
}

static uint32_t tell_stages(void *context, struct weir_stage_info *ret_infos, uint32_t count)
{
	static const struct weir_stage_info told[] = {
		{.name = "price",
		 .workers = 2,
		 .calls = 9,
		 .items = 40,
		 .pushed = 33,
		 .dropped = 7},
		{.name = "book", .workers = 1, .workers_ended = 1, .refused = 5}};

	(void)context;
	for (uint32_t i = 0; i < 2 && i < count; i++)
		ret_infos[i] = told[i];
	return 2;
}

/* A pipeline with 25 events that nobody has read, and alerts of that, once its file says so. */
static void begin(void)
{
	static const struct weir_alert_rule rules[] = {
		{"far", WEIR_ALERT_LAG_EVENTS, NULL, NULL, 10, 5, 0},
		{"late", WEIR_ALERT_LAG_AGE, "audit", NULL, 1000000, 0, 0},
	};
	struct find found;
	const struct look_row *row = NULL;

	fixture_init(&f, FIXTURE_DURABLE);
	f.options.name = "orders";
	f.options.metrics_dir = folder;
	f.options.alerts = rules;
	f.options.alert_count = 2;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "trades", 1);
	(void)fixture_subscription(&f, "audit", "trades");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, EVENTS));
	tell_bridge();
	cr_assert_eq(weir_metrics_stages(f.pipeline, tell_stages, NULL), 0);
	for (uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS; fixture_now_ns() < end_ns;) {
		cr_assert_eq(find_open(&found, folder, "orders"), CLI_GO_ON);
		row = look_find(found.looks[0], LOOK_SUBSCRIPTION, "audit");
		bool is_told = row != NULL && row->values[SUBSCRIPTION_EVENTS] == EVENTS &&
			       look_find(found.looks[0], LOOK_STAGE, "book") != NULL &&
			       look_find(found.looks[0], LOOK_BRIDGE, "out") != NULL;
		for (uint32_t i = 0; i < 2 && is_told; i++) {
			row = look_find(found.looks[0], LOOK_ALERT, rules[i].name);
			is_told = row != NULL && row->values[ALERT_FIRING] != 0;
		}
		find_close(&found);
		if (is_told)
			return;
		fixture_sleep_ns(10000000);
	}
	cr_assert_fail("the file never said %u", EVENTS);
}

#define LAG(...) CAPTURE(&c, cmd_lag, "lag", "--metrics-dir", folder, __VA_ARGS__)
#define STATUS(...) CAPTURE(&c, cmd_status, "status", "--metrics-dir", folder, __VA_ARGS__)

Test(lag_cli, lag_is_told_and_judged)
{
	if (fixture_emulated()) /* other processes have other start times there */
		return;
	begin();
	LAG("orders");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_expect(capture_has(c.out, "orders    audit                   25  "), "%s", c.out);
	LAG(pid);
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	LAG(f.dir);
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	LAG("--fail-above", "25", "--fail-above", "1GB", "--fail-above", "audit=1h");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s%s", c.out, c.err);
	LAG("--fail-above", "24");
	cr_expect_eq(c.exit_code, CLI_EXIT_THRESHOLD);
	cr_expect(capture_has(c.out, "  above 24\n"), "%s", c.out);
	LAG("--fail-above", "audit=1B");
	cr_expect_eq(c.exit_code, CLI_EXIT_THRESHOLD);
	LAG("--fail-above", "1us");
	cr_expect_eq(c.exit_code, CLI_EXIT_THRESHOLD);
	LAG("--json", "--fail-above", "24");
	cr_expect_eq(c.exit_code, CLI_EXIT_THRESHOLD);
	cr_expect(capture_has(c.out, "\"lag_events\": 25,"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"drain_ns\": null,"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"above\": true"), "%s", c.out);
	LAG("--watch", "-n", "2", "--interval", "0.1", "--json");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	const char *second = strchr(c.out, '\n');
	cr_assert_not_null(second);
	cr_expect_eq(strncmp(second, "\n{\"pipelines\"", 13), 0, "%s", c.out);
}

/* One event fails as often as it may, the next one once. */
static void fail_some(struct weir_member *member)
{
	const struct weir_rejection again = {.delay_ns = 0};
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	uint32_t left = 3;
	while (left > 0 && fixture_now_ns() < end_ns) {
		struct weir_item item;
		if (weir_poll(member, &item, 1, 10000000) != 1)
			continue;
		cr_assert_eq(weir_reject(member, &item, &again), 0);
		left--;
	}
	cr_assert_eq(left, 0);
}

Test(lag_cli, what_gets_less_comes_to_an_end)
{
	const struct look_row *row;
	struct find found;
	uint32_t id;
	if (fixture_emulated())
		return;
	begin();
	cr_assert_eq(find_open(&found, folder, "orders"), CLI_GO_ON);
	struct look *look = found.looks[0];
	row = look_find(look, LOOK_SUBSCRIPTION, "audit");
	cr_expect_eq(look_drain_ns(look, row), UINT64_MAX, "one look cannot say");
	cr_assert_eq(weir_subscription_find(f.pipeline, "audit", &id), 0);
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, NULL, 0, 10, true), 10);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		fixture_sleep_ns(10000000);
		find_look(&found);
		row = look_find(look, LOOK_SUBSCRIPTION, "audit");
	} while ((row->values[SUBSCRIPTION_EVENTS] != EVENTS - 10 ||
		  look_drain_ns(look, row) == UINT64_MAX) &&
		 fixture_now_ns() < until_ns);
	cr_expect_eq(row->values[SUBSCRIPTION_EVENTS], EVENTS - 10);
	cr_expect(row->fall > 0 && row->fall < 1e9, "%f", row->fall);
	cr_expect_eq(look_drain_ns(look, row), (uint64_t)((EVENTS - 10) / row->fall * 1e9));
	find_close(&found);
}

Test(lag_cli, what_failed_is_told)
{
	struct weir_subscription_options o;
	struct find found;
	static const char *const topics[] = {"trades"};
	uint32_t id = 0;
	const struct look_row *row = NULL;

	if (fixture_emulated()) /* other processes have other start times there */
		return;
	begin();
	(void)fixture_topic(&f, "dead", 1);
	weir_subscription_options_init(&o);
	o.name = "flaky";
	o.topics = topics;
	o.topic_count = 1;
	o.attempts_max = 2;
	o.dead_letters = "dead";
	fixture_need(weir_subscription_create(f.pipeline, &o, &id, NULL) == 0, "a subscription");
	struct weir_member *member = fixture_member(&f, id, "m");
	fail_some(member);
	for (uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS; fixture_now_ns() < end_ns;
	     fixture_sleep_ns(10000000)) {
		cr_assert_eq(find_open(&found, folder, "orders"), CLI_GO_ON);
		row = look_find(found.looks[0], LOOK_SUBSCRIPTION, "flaky");
		bool is_told = row != NULL && row->values[SUBSCRIPTION_DEAD_LETTERS] == 1 &&
			       row->values[SUBSCRIPTION_REDELIVERIES] > 0;
		find_close(&found);
		if (is_told)
			break;
	}
	LAG("orders");
	cr_expect(capture_has(c.out, "  1 dead letters  "), "%s", c.out);
	cr_expect(capture_has(c.out, " delivered again"), "%s", c.out);
	cr_expect(!capture_has(c.out, " parked"), "nothing is: %s", c.out);
	LAG("orders", "--json");
	cr_expect(capture_has(c.out, "\"dead_letters\": 1,"), "%s", c.out);
	STATUS("orders");
	cr_expect(capture_has(c.out, "  1 dead letters  "), "%s", c.out);
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
}

Test(lag_cli, what_is_not_there_is_said)
{
	char path[128];

	begin();
	LAG("nothing");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_expect(capture_has(c.err, "no pipeline \"nothing\" in "), "%s", c.err);
	LAG("--fail-above", "nobody=5");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	LAG("--fail-above", "5x");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	LAG("--fail-above", "=5");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	(void)snprintf(path, sizeof path, "%s/rubbish", folder);
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file);
	cr_assert_geq(fputs("not a file of metrics", file), 0);
	cr_assert_eq(fclose(file), 0);
	LAG(path);
	cr_expect_eq(c.exit_code, CLI_EXIT_DAMAGE, "%d %s", c.exit_code, c.err);
	LAG("orders");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "another file is nobody's trouble");
	CAPTURE(&c, cmd_status, "status", "--metrics-dir", "/nowhere/at/all");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_expect(capture_has(c.err, "/nowhere/at/all"), "%s", c.err);
	(void)snprintf(path, sizeof path, "%s/empty", folder);
	cr_assert_eq(mkdir(path, 0700), 0);
	CAPTURE(&c, cmd_lag, "lag", "--metrics-dir", path, "--fail-above", "5");
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_expect(capture_has(c.err, "no pipeline runs"), "%s", c.err);
}

Test(lag_cli, status_is_one_screen)
{
	if (fixture_emulated()) /* other processes have other start times there */
		return;
	begin();
	STATUS("orders");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s%s", c.out, c.err);
	cr_expect(capture_has(c.out, "orders is running: process "), "%s", c.out);
	cr_expect(capture_has(c.out, f.dir), "%s", c.out);
	cr_expect(capture_has(c.out, "  topic    trades: 25 events, "), "%s", c.out);
	cr_expect(capture_has(c.out, "audit                   25  "), "%s", c.out);
	cr_expect(capture_has(c.out, "  bridge   out: to kafka, running for 00:0"), "%s", c.out);
	cr_expect(capture_has(c.out, "; 7 events, 700 B, "), "%s", c.out);
	cr_expect(capture_has(c.out, "lag 25 events of audit, the oldest since "), "%s", c.out);
	cr_expect(capture_has(c.out, "; connected 2 times, lost 2, failed 0; 3 DEAD LETTERS\n"),
		  "%s", c.out);
	cr_expect(capture_has(c.out, ": nobody answers\n"), "%s", c.out);
	cr_expect(capture_has(c.out, "  stage    price: 40 items, 33 handed on, 9 calls; "
				     "0.0 items/s; workers 2; 7 DROPPED\n"),
		  "%s", c.out);
	cr_expect(capture_has(c.out, "  stage    book: 0 items, 0 handed on, 0 calls; "
				     "0.0 items/s; workers 1, of them ended 1; 5 refused\n"),
		  "%s", c.out);
	cr_expect(capture_has(c.out, "  ALERT    far audit: 25, raised at 10, for "), "%s", c.out);
	cr_expect(capture_has(c.out, "  ALERT    late audit: "), "%s", c.out);
	cr_expect(capture_has(c.out, ", raised at 1.0 ms, for "), "%s", c.out);
	STATUS("--json");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	cr_expect(capture_has(c.out, "\"system\": \"kafka\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"subscription\": \"audit\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"first_ns\": 1000000000"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"text\": \"nobody answers\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"state\": \"running\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"name\": \"trades\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"workers_ended\": 1,"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"dropped\": 7,"), "%s", c.out);
	STATUS("nothing");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
}

/* Its lag is what it was, and gets older; a script is told, and not that all is well. */
Test(lag_cli, a_killed_pipeline_is_dead)
{
	int status, ready[2];
	char byte;

	cr_assert_eq(pipe(ready), 0);
	(void)fflush(NULL);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		begin();
		(void)!write(ready[1], "r", 1);
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	STATUS("orders");
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED, "%s", c.out);
	cr_expect(capture_has(c.out, "orders is dead: process "), "%s", c.out);
	LAG("orders");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	cr_expect(capture_has(c.out, "  25  "), "%s", c.out);
	cr_expect(capture_has(c.out, "  dead\n"), "%s", c.out);
	LAG("orders", "--fail-above", "25");
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_expect(capture_has(c.err, "is dead: its figures are "), "%s", c.err);
	LAG("orders", "--fail-above", "24");
	cr_expect_eq(c.exit_code, CLI_EXIT_THRESHOLD);
	LAG("--fail-above", "24");
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED, "nobody asked for it by its name");
}

/* Below a limit counts for nothing then, but for another subscription's. */
Test(lag_cli, nothing_is_certain_while_events_are_counted_or_the_oldest_is_looked_for)
{
	static const char *const texts[] = {"5", "audit=5", "audit=1h"};
	struct look_row row = {.name = "audit"};
	struct lag_limit l;
	char why[256];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		cr_assert_eq(lag_limit_parse(&l, texts[i], why, sizeof why), 0);
		int exact = l.kind == LIMIT_AGE ? SUBSCRIPTION_TIME_EXACT : SUBSCRIPTION_EXACT;
		row.values[SUBSCRIPTION_EXACT] = row.values[SUBSCRIPTION_TIME_EXACT] = 1;
		cr_expect(lag_limit_is_certain(&l, &row), "%s", texts[i]);
		row.values[exact] = 0;
		cr_expect_not(lag_limit_is_certain(&l, &row), "%s", texts[i]);
	}
	row.values[SUBSCRIPTION_EXACT] = 0;
	cr_assert_eq(lag_limit_parse(&l, "other=5", why, sizeof why), 0);
	cr_expect(lag_limit_is_certain(&l, &row));
}

Test(lag_cli, limits_are_events_bytes_or_ages)
{
	static const struct {
		const char *text, *subscription;
		enum lag_limit_kind kind;
		uint64_t most;
	} cases[] = {
		{"5000", "", LIMIT_EVENTS, 5000},
		{"2M", "", LIMIT_EVENTS, 2000000},
		{"a=b=7", "a=b", LIMIT_EVENTS, 7},
		{"64MiB", "", LIMIT_BYTES, 64 << 20},
		{"audit=100B", "audit", LIMIT_BYTES, 100},
		{"1.5s", "", LIMIT_AGE, 1500000000},
		{"2m", "", LIMIT_AGE, 120000000000},
		{"audit=250ms", "audit", LIMIT_AGE, 250000000},
	};
	static const char *const wrong[] = {"", "=5", "audit=", "five", "5x", "-5", "MiB"};
	struct lag_limit l;
	char why[256];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_eq(lag_limit_parse(&l, cases[i].text, why, sizeof why), 0, "%s: %s",
			     cases[i].text, why);
		cr_expect_str_eq(l.subscription, cases[i].subscription);
		cr_expect_eq(l.kind, cases[i].kind, "%s", cases[i].text);
		cr_expect_eq(l.most, cases[i].most, "%s", cases[i].text);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_expect_neq(lag_limit_parse(&l, wrong[i], why, sizeof why), 0, "%s", wrong[i]);
}
