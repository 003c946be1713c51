/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir top` shows what is there: sorted, filtered, cut to any width, and nothing of a name
 *         that would move a terminal's cursor; it ends by its key and by a signal, pauses, follows
 *         a new size, and goes on when the pipeline that it watches is killed.
 * Method: rows built by hand, and their text compared; then the command in a child, on a
 *         pseudo-terminal, beside a pipeline of another child.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "tests/support/capture.h"
#include "tests/support/pipeline_fixture.h"

#include "tools/weir/args.h"
#include "tools/weir/top/screen.h"

static struct look look;
static struct find found;
static struct screen screen;
static struct view view;

static struct look_row *subscription(const char *name, uint64_t events, uint64_t age_ns)
{
	struct look_row *row = look_add(&look.tables[LOOK_SUBSCRIPTION]);

	cr_assert_not_null(row);
	(void)snprintf(row->name, sizeof row->name, "%s", name);
	row->values[SUBSCRIPTION_EVENTS] = events;
	row->values[SUBSCRIPTION_BYTES] = 64 * events;
	row->values[SUBSCRIPTION_AGE_NS] = age_ns;
	row->values[SUBSCRIPTION_EXACT] = 1;
	row->values[SUBSCRIPTION_MEMBERS] = 2;
	row->rate = (double)events / 2;
	for (uint32_t i = 0; i < 4; i++)
		row->history[row->history_count++] = i * events / 3;
	return row;
}

static void setup(void)
{
	memset(&look, 0, sizeof look);
	view = (struct view){.sort = SORT_EVENTS};
	found = (struct find){.looks = {&look}, .count = 1};
	look.about = (struct weir_metrics_about){.name = "orders",
						 .state = WEIR_METRICS_RUNNING,
						 .pid = 4711,
						 .opened_ns = 1000000000,
						 .told_ns = 3662000000000,
						 .age_ns = 84000000};
	look.rates[LOOK_RECORDS] = 1210000;
	look.rates[LOOK_BATCH_BYTES] = 64 << 20;
	look.numbers[LOOK_BACKLOG] = 412;
	look.numbers[LOOK_MEMORY_BYTES] = 84 << 20;
	look.history[look.history_count++] = 605000;
	look.history[look.history_count++] = 1210000;
	(void)subscription("risk", 300, 300000);
	(void)subscription("audit", 91204, 74000000);
	(void)subscription("books", 0, 0);
}

static void teardown(void)
{
	for (int i = 0; i < LOOK_KINDS; i++)
		free(look.tables[i].rows);
	screen_fini(&screen);
}

TestSuite(top, .init = setup, .fini = teardown, .timeout = 60);

static const char *row_of(uint32_t columns, uint32_t index)
{
	cr_assert(screen_build(&screen, &found, &view, columns));
	cr_assert_lt(index, screen.count);
	return screen.rows[index].text;
}

Test(top, a_pipeline_is_shown)
{
	static const char *const wanted[] = {
		"orders  running  process 4711  open 01:01:01  written 84.0 ms ago",
		"log     1.21 M records/s  ▄█  64.0 MiB/s  not durable 412",
		"disk  none: in memory  memory 84.0 MiB",
		"",
		"SUBSCRIPTION               EVENTS      BYTES       AGE   DONE/s MEM LAG",
		"audit                      91 204    5.6 MiB   74.0 ms   45.6 K   2 ▁▃▆█",
		"risk                          300   18.8 KiB  300.0 us    150.0   2 ▁▃▆█",
		"books                           0        0 B         -      0.0   2 ▁▁▁▁",
	};

	for (uint32_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		cr_expect_str_eq(row_of(79, i), wanted[i]);
	cr_expect_eq(screen.count, 8u);
	cr_expect_eq(screen.head_count, 3u);
	cr_expect_eq(screen.rows[4].style, SCREEN_HEADING);
}

Test(top, rows_are_sorted_and_filtered)
{
	view.sort = SORT_NAME;
	cr_expect_eq(strncmp(row_of(79, 6), "books ", 6), 0);
	view.reverse = true;
	cr_expect_eq(strncmp(row_of(79, 5), "risk ", 5), 0);
	view.sort = SORT_AGE;
	cr_expect_eq(strncmp(row_of(79, 5), "books ", 6), 0);
	view = (struct view){.filter = "is"};
	cr_expect_eq(strncmp(row_of(79, 5), "risk ", 5), 0);
	cr_expect_eq(screen.count, 6u);
}

Test(top, what_failed_stands_behind_a_subscription)
{
	struct look_row *risk = &look.tables[LOOK_SUBSCRIPTION].rows[0];
	risk->values[SUBSCRIPTION_DEAD_LETTERS] = 3;
	risk->values[SUBSCRIPTION_REDELIVERIES] = 1200;
	cr_expect_not_null(strstr(row_of(120, 6), " dead 3 again 1 200"), "%s", row_of(120, 6));
	cr_expect_null(strstr(row_of(120, 5), "dead"), "of the others nothing failed");
}

/* What is told of a lag that gets less by so many events a second. */
static const char *done_in(uint64_t events, double fall)
{
	struct look_row *risk = &look.tables[LOOK_SUBSCRIPTION].rows[0];
	view.sort = SORT_NAME;
	risk->values[SUBSCRIPTION_EVENTS] = events;
	risk->fall = fall;
	const char *at = strstr(row_of(120, 7), " done in ");
	return at != NULL ? at : "";
}

Test(top, how_long_lag_will_take_is_told_where_it_gets_less)
{
	cr_expect_str_eq(done_in(300, 100), " done in 3.00 s");
	cr_expect_str_eq(done_in(1000000, 100), " done in 02:46:40");
	cr_expect_str_eq(done_in(0, 100), "", "there is none");
	cr_expect_str_eq(done_in(300, 0), "", "nobody reads");
	cr_expect_str_eq(done_in(300, -5), "", "more comes than is read");
	look.tables[LOOK_SUBSCRIPTION].rows[0].values[SUBSCRIPTION_EXACT] = 0;
	cr_expect_null(strstr(done_in(300, 100), "done"), "how many there are is not known");
	look.tables[LOOK_SUBSCRIPTION].rows[0].values[SUBSCRIPTION_EXACT] = 1;
	look.about.state = WEIR_METRICS_SILENT;
	cr_expect_str_eq(done_in(300, 100), "", "nor what it does now");
}

Test(top, stages_are_shown)
{
	struct look_row *stage = look_add(&look.tables[LOOK_STAGE]);

	cr_assert_not_null(stage);
	(void)snprintf(stage->name, sizeof stage->name, "price");
	stage->values[STAGE_WORKERS] = 2;
	stage->values[STAGE_DROPPED] = 71;
	stage->values[STAGE_REFUSED] = 3;
	stage->rate = 45600;
	stage->byte_rate = 120;
	cr_expect_str_eq(
		row_of(79, 9),
		"STAGE                  WORKERS    ITEMS/s   PUSHED/s    DROPPED  REFUSED");
	cr_expect_str_eq(
		row_of(79, 10),
		"price                        2     45.6 K      120.0         71        3");
}

/* No width is too small, and no name does anything to a terminal. */
Test(top, any_width_and_any_name)
{
	(void)subscription("\033[2Jcle\x9b\xffr\xc2\x9b\n", 5, 1);
	(void)subscription("größe-a-name-that-is-longer-than-there-is-room-for", 6, 1);
	for (uint32_t columns = 1; columns <= 300; columns++) {
		cr_assert(screen_build(&screen, &found, &view, columns));
		for (uint32_t i = 0; i < screen.count; i++) {
			const struct screen_row *row = &screen.rows[i];
			cr_assert_leq(row->columns, columns);
			cr_assert_leq(row->columns, SCREEN_COLUMNS_MAX);
			cr_assert_eq(strlen(row->text), row->bytes);
			for (const char *at = row->text; *at != '\0'; at++)
				cr_assert((unsigned char)*at >= 0x20 && *at != 0x7f);
		}
	}
	view.filter[0] = 'c', view.filter[1] = 'l', view.filter[2] = 'e';
	cr_expect_eq(strncmp(row_of(79, 5), "?[2Jcle?", 8), 0, "%s", row_of(79, 5));
	view = (struct view){.ascii = true, .filter = "gr"};
	cr_expect_eq(strncmp(row_of(79, 5), "gr??e-a-name", 12), 0, "%s", row_of(79, 5));
	cr_expect_not_null(strstr(row_of(79, 5), " _,=#"), "%s", row_of(79, 5));
	found.count = 0;
	cr_expect_str_eq(row_of(79, 0), "weir top: no pipeline runs here");
}

Test(top, what_is_bad_stands_out)
{
	look.about.state = WEIR_METRICS_DEAD;
	look.about.age_ns = 5000000000;
	(void)row_of(79, 0);
	cr_expect_eq(screen.rows[0].style, SCREEN_BAD);
	cr_expect_not_null(strstr(screen.rows[5].text, "5.07 s"), "%s", screen.rows[5].text);
	look.tables[LOOK_SUBSCRIPTION].rows[1].values[SUBSCRIPTION_MEMBERS] = 0;
	(void)row_of(79, 0);
	cr_expect_eq(screen.rows[5].style, SCREEN_BAD, "nobody reads it");
	struct look_row *alert = look_add(&look.tables[LOOK_ALERT]);
	cr_assert_not_null(alert);
	(void)snprintf(alert->name, sizeof alert->name, "far behind");
	(void)snprintf(alert->of, sizeof alert->of, "audit");
	alert->values[ALERT_FIRING] = 1;
	alert->values[ALERT_VALUE] = 91204;
	alert->values[ALERT_RAISE_AT] = 5000;
	alert->values[ALERT_CHANGED_NS] = 2000000000;
	cr_expect_str_eq(row_of(79, 5), "far behind             audit             FIRES    2.00 s"
					"       91 204 of 5 000");
	cr_expect_eq(screen.rows[5].style, SCREEN_BAD);
	static const struct {
		const char *kind, *shown;
	} numbers[] = {
		{"lag_events", "91 204 of 5 000"},          {"lag_age", "91.2 us of 5.0 us"},
		{"bridge_down", "91.2 us of 5.0 us"},       {"free_bytes", "89.1 KiB of 4.9 KiB"},
		{"bridge_dead_letters", "91 204 of 5 000"},
	};
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(numbers); i++) {
		(void)snprintf(alert->also, sizeof alert->also, "%s", numbers[i].kind);
		cr_expect_not_null(strstr(row_of(100, 5), numbers[i].shown), "%s: %s",
				   numbers[i].kind, row_of(100, 5));
	}
	look.error_count = 1;
	look.errors[0] = (struct weir_metrics_error){
		.code = -5, .count = 2, .last_ns = 1000000000, .text = "the disk is gone"};
	(void)row_of(79, 0);
	cr_expect_not_null(strstr(screen.rows[screen.count - 1].text, "the disk is gone"));
}

static struct look_row *bridge(const char *name, uint64_t state)
{
	struct look_row *row = look_add(&look.tables[LOOK_BRIDGE]);

	cr_assert_not_null(row);
	(void)snprintf(row->name, sizeof row->name, "%s", name);
	row->values[BRIDGE_STATE] = state;
	row->values[BRIDGE_LAG_EVENTS] = 1500;
	row->values[BRIDGE_RETRIES] = 3;
	row->values[BRIDGE_DEAD_LETTERS] = 12;
	row->rate = 2500;
	row->byte_rate = 2 << 20;
	return row;
}

Test(top, bridges_are_shown_with_their_last_error)
{
	(void)bridge("out", 2);
	bridge("in", 4)->values[BRIDGE_DOWN_NS] = 1;
	struct look_row *error = look_add(&look.tables[LOOK_BRIDGE_ERROR]);
	cr_assert_not_null(error);
	(void)snprintf(error->name, sizeof error->name, "in");
	(void)snprintf(error->of, sizeof error->of, "nobody answers");
	error->values[BRIDGE_ERROR_TIMES] = 3;
	error->values[BRIDGE_ERROR_LAST_NS] = 1000000000;
	static const char *const wanted[] = {
		"",
		"BRIDGE                      STATE   EVENTS/s    BYTES/s        LAG  LOST DEAD",
		"out                       running      2.5 K    2.0 MiB      1 500    3   12",
		"in                       retrying      2.5 K    2.0 MiB      1 500    3   12",
	};
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(wanted); i++)
		cr_expect_str_eq(row_of(100, 8 + i), wanted[i]);
	cr_expect_eq(screen.rows[10].style, SCREEN_PLAIN);
	cr_expect_eq(screen.rows[11].style, SCREEN_BAD);
	cr_expect_eq(strncmp(row_of(100, 12), "       3  1970-01-01", 20), 0, "%s",
		     row_of(100, 12));
	cr_expect_not_null(strstr(row_of(100, 12), "  nobody answers"), "%s", row_of(100, 12));
	look.about.state = WEIR_METRICS_DEAD;
	cr_expect_not_null(strstr(row_of(100, 10), " dead "), "nobody is there who would say");
	cr_expect_eq(screen.rows[10].style, SCREEN_BAD);
}

/* --- on a terminal ---------------------------------------------------------------------------- */

static char folder[64];
static struct fixture f;

static pid_t begin_pipeline(void)
{
	int ready[2];
	char byte;

	(void)snprintf(folder, sizeof folder, "/tmp/weir-test-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(pipe(ready), 0);
	(void)fflush(NULL);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		fixture_init(&f, FIXTURE_MEMORY);
		f.options.name = "watched";
		f.options.metrics_dir = folder;
		fixture_open(&f);
		uint32_t topic = fixture_topic(&f, "trades", 1);
		(void)fixture_subscription(&f, "audit", "trades");
		struct weir_producer *producer = fixture_producer(&f, NULL);
		fixture_wait(producer, fixture_publish(producer, topic, 0, 25));
		(void)!write(ready[1], "r", 1);
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	return child;
}

static void end_pipeline(pid_t child)
{
	char command[128];
	int status;

	(void)kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, &status, 0), child);
	(void)snprintf(command, sizeof command, "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}

/* A service has a user of its own; who looks as another one is told where. */
Test(top, pipelines_of_another_user_are_told_of)
{
	static struct capture c;
	char own[64], wanted[160];
	struct stat st;

	(void)weir_metrics_default_dir(own, sizeof own);
	(void)snprintf(folder, sizeof folder, "/dev/shm/weir-4%09d", (int)getpid());
	if (stat("/dev/shm", &st) != 0 || mkdir(folder, 0700) != 0)
		cr_skip_test("there is no /dev/shm to make a folder in");
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.name = "service";
	f.options.metrics_dir = folder;
	fixture_open(&f);
	CAPTURE(&c, cmd_top, "top", "--once", "no such pipeline of anybody's");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	(void)snprintf(wanted, sizeof wanted, "--metrics-dir %s\n", folder);
	cr_expect(capture_has(c.err, wanted), "%s", c.err);
	(void)snprintf(wanted, sizeof wanted, "--metrics-dir %s\n", own);
	cr_expect(!capture_has(c.err, wanted), "its own is no other's: %s", c.err);
	CAPTURE(&c, cmd_top, "top", "--once", "--metrics-dir", folder, "no such pipeline");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_expect(!capture_has(c.err, "user"), "who says where is not told where: %s", c.err);
	fixture_end(&f);
	(void)rmdir(folder);
}

#ifdef WR_HAVE_NCURSES
static char shown[1 << 20];
static size_t shown_bytes;

/* Reads what the terminal gets until `text` is in it, from `from` on. */
static bool wait_for(int terminal, size_t from, const char *text)
{
	for (uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS; fixture_now_ns() < end_ns;) {
		struct pollfd ready = {.fd = terminal, .events = POLLIN};
		if (shown_bytes > from && strstr(shown + from, text) != NULL)
			return true;
		if (poll(&ready, 1, 100) <= 0)
			continue;
		ssize_t n = read(terminal, shown + shown_bytes, sizeof shown - shown_bytes - 1);
		if (n <= 0)
			break;
		/* strstr() is to see all of it. */
		for (ssize_t i = 0; i < n; i++)
			if (shown[shown_bytes + (size_t)i] == '\0')
				shown[shown_bytes + (size_t)i] = ' ';
		shown_bytes += (size_t)n;
		shown[shown_bytes] = '\0';
	}
	return shown_bytes > from && strstr(shown + from, text) != NULL;
}

static pid_t begin_top(int *ret_terminal, const char *type, unsigned short lines)
{
	const struct winsize size = {.ws_row = lines, .ws_col = 80};

	(void)fflush(NULL);
	pid_t child = forkpty(ret_terminal, NULL, NULL, &size);
	cr_assert_geq(child, 0);
	if (child == 0) {
		char *arguments[] = {(char[]){"top"}, (char[]){"--interval"},
				     (char[]){"0.1"}, (char[]){"--metrics-dir"},
				     folder,          NULL};
		(void)setenv("TERM", type, 1);
		(void)unsetenv("LC_ALL");
		(void)alarm(60);
		_exit(cmd_top(5, arguments));
	}
	return child;
}

/* Its exit code; what it still writes is read, so that it is not held up. */
static int end_of(pid_t child, int terminal)
{
	int status = -1;

	(void)wait_for(terminal, shown_bytes, "there is no such text");
	cr_assert_eq(waitpid(child, &status, 0), child);
	(void)close(terminal);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Test(top, it_lives_on_a_terminal)
{
	static const struct winsize small = {.ws_row = 8, .ws_col = 40};
	pid_t pipeline = begin_pipeline();
	int terminal;
	pid_t top = begin_top(&terminal, "xterm", 24);

	cr_expect(wait_for(terminal, 0, "watched  running"), "%s", shown);
	cr_expect(wait_for(terminal, 0, "audit"), "%s", shown);
	cr_expect(wait_for(terminal, 0, "q end"), "%s", shown);
	size_t from = shown_bytes;
	cr_assert_eq(write(terminal, "p", 1), 1);
	cr_expect(wait_for(terminal, from, "PAUSED"), "%s", shown + from);
	cr_assert_eq(write(terminal, "ps", 2), 2);
	cr_expect(wait_for(terminal, from, "byte"), "%s", shown + from);
	from = shown_bytes;
	cr_assert_eq(ioctl(terminal, TIOCSWINSZ, &small), 0);
	cr_expect(wait_for(terminal, from, "SUBSCR"), "%s", shown + from);
	from = shown_bytes;
	cr_assert_eq(kill(pipeline, SIGKILL), 0);
	cr_expect(wait_for(terminal, from, "dead"), "%s", shown + from);
	cr_assert_eq(write(terminal, "q", 1), 1);
	cr_expect_eq(end_of(top, terminal), CLI_EXIT_OK);
	end_pipeline(pipeline);
}

Test(top, a_poor_terminal_and_a_signal)
{
	pid_t pipeline = begin_pipeline();
	int terminal;
	pid_t top = begin_top(&terminal, "vt100", 2);

	cr_expect(wait_for(terminal, 0, "watched  running"), "%s", shown);
	cr_assert_eq(kill(top, SIGTERM), 0);
	cr_expect_eq(end_of(top, terminal), 130);
	shown_bytes = 0;
	top = begin_top(&terminal, "no-such-terminal", 24);
	cr_expect_eq(end_of(top, terminal), CLI_EXIT_USAGE);
	cr_expect_not_null(strstr(shown, "this terminal is not known"), "%s", shown);
	end_pipeline(pipeline);
}
#endif

Test(top, it_needs_no_terminal_for_one_look)
{
	if (fixture_emulated()) /* other processes have other start times there */
		return;
	static struct capture c;
	pid_t pipeline = begin_pipeline();

	CAPTURE(&c, cmd_top, "top", "--metrics-dir", folder, "--once", "--interval", "0.3");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_expect(capture_has(c.out, "watched  running  process "), "%s", c.out);
	cr_expect(capture_has(c.out, "\naudit                          25 "), "%s", c.out);
	cr_expect(capture_has(c.out, "\ntrades                              25 "), "%s", c.out);
	CAPTURE(&c, cmd_top, "top", "--metrics-dir", folder, "--json", "--interval", "0.1");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_expect(capture_has(c.out, "\"lag_events\": 25,"), "%s", c.out);
	CAPTURE(&c, cmd_top, "top", "--metrics-dir", folder);
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "no terminal, or no ncurses");
	cr_expect(capture_has(c.err, "--once"), "%s", c.err);
	end_pipeline(pipeline);
}
