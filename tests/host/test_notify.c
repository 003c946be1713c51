/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a service manager is told what sd_notify(3) has, over sockets with a path and without;
 *         the watchdog is fed while threads move, and not while one does not; time is asked for by
 *         who works.
 * Method: a socket of the test's own in the manager's place. Pipelines whose threads sleep, whose
 *         group thread is held in a callback, and that nobody steps.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/notify.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define MS 1000000u
#define PATIENCE_MS 30000 /* for what has to come */

static struct fixture f;
static int manager = -1;
static char address[108]; /* as NOTIFY_SOCKET has it */
static char heard[WEIR_NOTIFY_BYTES_MAX + 1];
static struct weir_notifier *notifier;

static void listen_at(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	memcpy(at.sun_path, name, length);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	(void)snprintf(address, sizeof address, "%s", name);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(manager, (struct sockaddr *)&at,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
		     0);
}

static void listen_abstract(void)
{
	char name[64];
	(void)snprintf(name, sizeof name, "@weir-notify-%d", (int)getpid());
	listen_at(name);
}

/* Emulated, or sanitized, a start takes so much CPU time that it asks for more. */
static bool passes_over_time = true;

/* The next message within a time; "": none came. */
static const char *hear(uint32_t timeout_ms)
{
	static const char time_asked[] = "EXTEND_TIMEOUT_USEC=";
	struct timeval time = {.tv_sec = timeout_ms / 1000,
			       .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000 + 1)};
	(void)setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
	do {
		ssize_t bytes = recv(manager, heard, sizeof heard - 1, 0);
		heard[bytes > 0 ? bytes : 0] = '\0';
	} while (passes_over_time && strncmp(heard, time_asked, sizeof time_asked - 1) == 0);
	return heard;
}

/* Those before it are passed over. */
static bool hear_with(const char *words, uint32_t messages)
{
	while (messages-- > 0 && hear(PATIENCE_MS)[0] != '\0')
		if (strstr(heard, words) != NULL)
			return true;
	return false;
}

static wr_atomic_u32 is_moving, lines_heard, looks;

/* From the notifier's thread. */
static void hear_line(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (strcmp(line->event, "service.stuck") == 0 &&
	    strcmp(line->message, "the press does not move: the watchdog waits") == 0)
		wr_store_release(&lines_heard, wr_load_relaxed(&lines_heard) + 1);
}

static void open_notifier(uint64_t watchdog_ns)
{
	struct weir_problem problem = {0};
	struct weir_notifier_options options;
	weir_notifier_options_init(&options);
	options.log_fn = hear_line;
	options.socket = address;
	options.watchdog_ns = watchdog_ns;
	cr_assert_eq(weir_notifier_open(&options, &notifier, &problem), 0, "%s", problem.text);
}

static void end(void)
{
	weir_notifier_close(notifier);
	notifier = NULL;
	if (manager >= 0)
		close(manager);
	manager = -1;
	if (address[0] == '/')
		(void)unlink(address);
	fixture_end(&f);
	passes_over_time = true;
}

TestSuite(notify, .fini = end, .timeout = 60);

Test(notify, an_address_is_a_path_or_an_abstract_name_and_nothing_else)
{
	char longest[110];
	memset(longest, 'x', sizeof longest);
	longest[0] = '@';
	longest[108] = '\0';
	static const struct {
		const char *socket;
		int code;
	} cases[] = {
		{NULL, 0},
		{"", 0},
		{"relative/path", -EINVAL},
		{"@", -EINVAL},
		{"/", -EINVAL},
		{"vsock:2:1234", -EAFNOSUPPORT},
		{"/nowhere/there/is/one", -ENOENT},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(weir_notify_send(cases[i].socket, "READY=1"), cases[i].code,
			     "case %zu", i);
	cr_expect_eq(weir_notify_send(longest, "READY=1"), -EINVAL);
	longest[107] = '\0'; /* 107 bytes: the longest there is */
	cr_expect_eq(weir_notify_send(longest, "READY=1"), -ECONNREFUSED);

	char path[64];
	(void)snprintf(path, sizeof path, "/tmp/weir-notify-%d", (int)getpid());
	listen_at(path);
	cr_expect_eq(weir_notify_send(path, "READY=1\nSTATUS=by a path"), 0);
	cr_expect_str_eq(hear(PATIENCE_MS), "READY=1\nSTATUS=by a path");
	cr_expect_eq(weir_notify_send(path, ""), -EINVAL);
	char *large = calloc(1, WEIR_NOTIFY_BYTES_MAX + 2);
	memset(large, 'y', WEIR_NOTIFY_BYTES_MAX + 1);
	cr_expect_eq(weir_notify_send(path, large), -EINVAL, "a message has an end");
	free(large);
}

Test(notify, a_service_says_that_it_is_ready_reloads_and_stops)
{
	unsigned long long first_us = 0, second_us = 0;
	char long_status[400];
	listen_abstract();
	open_notifier(0);
	cr_expect_eq(weir_notifier_ready(notifier, "one\nREADY=0\ttwo"), 0);
	cr_expect_str_eq(hear(PATIENCE_MS), "READY=1\nSTATUS=one READY=0 two",
			 "a status is one line: it cannot say anything else");
	cr_expect_eq(weir_notifier_status(notifier, NULL), 0, "nothing to say");
	cr_expect_eq(weir_notifier_status(notifier, "10 published"), 0);
	cr_expect_str_eq(hear(PATIENCE_MS), "STATUS=10 published");
	cr_expect_eq(weir_notifier_reloading(notifier, "reading"), 0);
	cr_expect_eq(sscanf(hear(PATIENCE_MS), "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reading",
			    &first_us),
		     1, "%s", heard);
	cr_expect_eq(weir_notifier_reloading(notifier, NULL), 0);
	cr_expect_eq(sscanf(hear(PATIENCE_MS), "RELOADING=1\nMONOTONIC_USEC=%llu", &second_us), 1);
	cr_expect(first_us > 0 && second_us >= first_us);
	cr_expect_eq(weir_notifier_ready(notifier, NULL), 0);
	cr_expect_str_eq(hear(PATIENCE_MS), "READY=1\n");
	cr_expect_eq(weir_notifier_stopping(notifier, 7000 * (uint64_t)MS, "draining"), 0);
	cr_expect_str_eq(hear(PATIENCE_MS),
			 "STOPPING=1\nEXTEND_TIMEOUT_USEC=7000000\nSTATUS=draining");
	for (size_t i = 0; i + 1 < sizeof long_status; i += 2)
		memcpy(long_status + i, "\xc3\xa4", 2); // "ä"
	long_status[sizeof long_status - 2] = '\0';
	cr_expect_eq(weir_notifier_status(notifier, long_status), 0);
	cr_expect_eq(strlen(hear(PATIENCE_MS)), sizeof "STATUS=" - 1 + 254,
		     "cut between two characters, not in one");
}

static void wait_for_line(void)
{
	uint64_t until = fixture_now_ns() + PATIENCE_MS * (uint64_t)MS;
	while (wr_load_acquire(&lines_heard) == 0 && fixture_now_ns() < until)
		fixture_sleep_ns(MS);
}

static void wait_for_looks(uint32_t count)
{
	uint64_t until = fixture_now_ns() + PATIENCE_MS * (uint64_t)MS;
	uint32_t first = wr_load_seq(&looks);
	while (wr_load_seq(&looks) - first < count && fixture_now_ns() < until)
		fixture_sleep_ns(MS);
}

static bool moves(void *context, char *stuck, size_t stuck_bytes)
{
	(void)context;
	(void)snprintf(stuck, stuck_bytes, "the press");
	(void)wr_add_seq(&looks, 1u);
	return wr_load_relaxed(&is_moving) != 0;
}

Test(notify, the_watchdog_is_fed_while_everything_moves_and_is_told_what_does_not)
{
	listen_abstract();
	open_notifier(20 * MS);
	cr_expect_eq(weir_notifier_ready(notifier, "at work"), 0);
	cr_expect(hear_with("READY=1", 1));
	cr_expect_str_eq(hear(60), "", "nothing is watched: nothing is known, nothing is said");
	wr_store_relaxed(&is_moving, 1);
	cr_expect_eq(weir_notifier_watch(notifier, moves, NULL), 0);
	cr_expect_eq(weir_notifier_watch(notifier, moves, NULL), WEIR_E_EXISTS);
	for (int i = 0; i < 3; i++)
		cr_expect_str_eq(hear(PATIENCE_MS), "WATCHDOG=1");
	wr_store_relaxed(&is_moving, 0);
	cr_expect(hear_with("STATUS=the press does not move", 1000), "%s", heard);
	cr_expect_str_eq(hear(60), "", "it was told once, and feeds nothing");
	wait_for_line(); // a moment after the message
	cr_expect_eq(wr_load_acquire(&lines_heard), 1, "and said as a line");
	wr_store_relaxed(&is_moving, 1);
	cr_expect_str_eq(hear(PATIENCE_MS), "STATUS=at work\nWATCHDOG=1", "it goes on");
	/* Nothing is fed while this is told: there is room for it, however long a thread takes. */
	wr_store_relaxed(&is_moving, 0);
	cr_expect(hear_with("STATUS=the press does not move", 1000), "%s", heard);
	cr_expect_eq(weir_notifier_stopping(notifier, 1000 * (uint64_t)MS, NULL), 0);
	cr_expect(hear_with("STOPPING=1", 1));
	wr_store_relaxed(&is_moving, 1);
	cr_expect_str_eq(hear(PATIENCE_MS), "STATUS=at work\nWATCHDOG=1", "also while it stops");
	weir_notifier_unwatch(notifier, moves, NULL);
	weir_notifier_unwatch(notifier, moves, &f); // was never watched
}

/* Its queue is full of what it has not read when something comes to a stand, and again when it goes
 * on. */
Test(notify, a_manager_that_reads_late_is_told_what_does_not_move)
{
	listen_abstract();
	open_notifier(20 * MS);
	cr_expect_eq(weir_notifier_ready(notifier, "at work"), 0);
	wr_store_relaxed(&is_moving, 1);
	cr_expect_eq(weir_notifier_watch(notifier, moves, NULL), 0);
	while (weir_notify_send(address, "STATUS=more") == 0)
		;
	wr_store_relaxed(&is_moving, 0);
	wait_for_line();
	cr_expect(hear_with("STATUS=the press does not move", 1000), "%s", heard);
	cr_expect_str_eq(hear(60), "", "once");
	cr_expect_eq(wr_load_acquire(&lines_heard), 1);
	while (weir_notify_send(address, "STATUS=more") == 0)
		;
	wr_store_relaxed(&is_moving, 1);
	wait_for_looks(2);
	cr_expect(hear_with("STATUS=at work\nWATCHDOG=1", 1000), "%s", heard);
}

static void burn(uint64_t ns)
{
	struct timespec now;
	do
		(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec < ns);
}

Test(notify, who_works_gets_time_for_it_and_who_stands_still_does_not)
{
	struct timespec now;
	passes_over_time = false;
	listen_abstract();
	open_notifier(0);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	burn((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + 5 * MS);
	cr_expect_str_eq(hear(PATIENCE_MS), "EXTEND_TIMEOUT_USEC=30000000", "a recovery, say");
	/* A look may have come in between, and the rest counts at the next one. */
	for (int i = 0; i < 3 && heard[0] != '\0'; i++)
		(void)hear(2500);
	cr_expect_str_eq(heard, "", "it stands still now");
}

Test(notify, a_child_s_notifier_says_nothing)
{
	int status = 0;
	listen_abstract();
	open_notifier(0);
	pid_t child = fork();
	if (child == 0) {
		bool good = weir_notifier_ready(notifier, "child") == WEIR_E_CLOSED &&
			    weir_notifier_status(notifier, "child") == WEIR_E_CLOSED &&
			    weir_notifier_watch(notifier, moves, NULL) == WEIR_E_CLOSED;
		weir_notifier_close(notifier);
		_exit(good ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0);
	cr_expect_eq(weir_notifier_ready(notifier, "parent"), 0);
	cr_expect_str_eq(hear(PATIENCE_MS), "READY=1\nSTATUS=parent");
}

Test(notify, without_a_manager_nothing_is_sent_and_nothing_fails)
{
	struct weir_notifier_options options;
	struct weir_problem problem = {0};
	weir_notifier_options_init(&options);
	cr_assert_eq(weir_notifier_open(&options, &notifier, NULL), 0);
	cr_expect_eq(weir_notifier_ready(notifier, "nobody"), 0);
	cr_expect_eq(weir_notifier_reloading(notifier, "nobody"), 0);
	cr_expect_eq(weir_notifier_stopping(notifier, WEIR_FOREVER, "nobody"), 0);
	struct weir_notifier *other = NULL;
	options.watchdog_ns = 1;
	cr_expect_eq(weir_notifier_open(&options, &other, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "watchdog_ns");
	options.watchdog_ns = 0;
	options.socket = "no path";
	cr_expect_eq(weir_notifier_open(&options, &other, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "socket");
}

/* ---- pipelines ---- */

static int gate[2]; /* a pipe that the callback reads from */

static void hold(void *context, uint32_t subscription, const struct weir_lag *lag, bool above)
{
	char byte;
	(void)context;
	(void)subscription;
	(void)lag;
	if (above)
		(void)!read(gate[0], &byte, 1);
}

/* Looks until one says this. */
static bool looks_until(struct weir_beat *beat, int code)
{
	uint64_t until = fixture_now_ns() + PATIENCE_MS * (uint64_t)MS;
	while (fixture_now_ns() < until) {
		if (weir_pipeline_beat(f.pipeline, beat) == code)
			return true;
		fixture_sleep_ns(20 * MS);
	}
	return false;
}

Test(notify, threads_that_sleep_move_and_one_that_is_held_does_not)
{
	struct weir_subscription_options o;
	struct weir_beat beat = {0};
	uint32_t id;
	cr_assert_eq(pipe(gate), 0);
	fixture_init(&f, FIXTURE_MEMORY);
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "t", 1);
	const char *topics[] = {"t"};
	weir_subscription_options_init(&o);
	o.name = "slow";
	o.topics = topics;
	o.topic_count = 1;
	o.lag_events_max = 1;
	o.lag_fn = hold;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	cr_assert_eq(weir_pipeline_beat(f.pipeline, &beat), 0, "the first look");
	cr_assert(looks_until(&beat, 0), "nothing to do is no stand-still");
	struct weir_producer *p = fixture_producer(&f, "p");
	for (uint64_t i = 0; i < 4; i++)
		(void)fixture_publish(p, topic, i, i + 1);
	/* Twice in a row: once it may just have been slow. */
	cr_assert(looks_until(&beat, WEIR_E_AGAIN));
	const struct timespec moment = {.tv_nsec = 300 * MS};
	(void)nanosleep(&moment, NULL);
	cr_expect_neq(weir_pipeline_beat(f.pipeline, &beat), WEIR_E_CLOSED);
	(void)nanosleep(&moment, NULL);
	cr_expect_eq(weir_pipeline_beat(f.pipeline, &beat), WEIR_E_AGAIN);
	cr_expect_not_null(strstr(beat.stuck, "group"), "%s", beat.stuck);
	cr_assert_eq(write(gate[1], "g", 1), 1);
	cr_expect(looks_until(&beat, 0), "it goes on");
	close(gate[1]); /* whatever comes now is not held */
}

Test(notify, a_pipeline_that_nobody_steps_does_not_move)
{
	struct weir_beat beat = {0};
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	fixture_open(&f);
	cr_expect_eq(weir_pipeline_beat(f.pipeline, &beat), 0);
	cr_expect_eq(weir_pipeline_beat(f.pipeline, &beat), WEIR_E_AGAIN);
	cr_expect_not_null(strstr(beat.stuck, "log"), "%s", beat.stuck);
	cr_expect_geq(weir_step(f.pipeline, 0), 0);
	cr_expect_eq(weir_pipeline_beat(f.pipeline, &beat), 0);
}
