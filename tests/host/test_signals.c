/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   signals and cancellation are the program's: a storm of them at a thread that waits in a
 *         call changes nothing of what the call returns, with SA_RESTART or without; weir's threads
 *         take none; and no call is a cancellation point, so that a cancelled thread ends where the
 *         program says, with nothing of weir half done.
 * Method: a thread waits in each call that can wait, another sends it signals as fast as it can
 *         (or cancels it) before what it waits for is brought about. Handlers note which thread
 *         they run on; /proc says what weir's threads block.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/sanitizer.h"
#include "tests/support/pipeline_fixture.h"

#if WR_UNDER_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define STORM_NS 150000000u

static struct fixture f;
static uint32_t topic, id;

static void teardown(void)
{
	fixture_end(&f);
}

static void begin(int kind)
{
	fixture_begin(&f, kind);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
}

TestSuite(signals, .fini = teardown, .timeout = 60);

/* ---- who takes them ---- */

static wr_atomic_u64 taken, taken_elsewhere;
static wr_atomic_u32 own_threads[8]; /* the test's: all that may take a signal */

static uint32_t this_thread(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

static void note_own_thread(void)
{
	for (int i = 0; i < 8; i++) {
		uint32_t none = 0;
		if (wr_cas_acq_rel(&own_threads[i], &none, this_thread()))
			return;
	}
}

static void on_signal(int number)
{
	bool own = false;
	int before = errno;
	(void)number;
	for (int i = 0; i < 8; i++)
		own = own || wr_load_seq(&own_threads[i]) == this_thread();
	(void)wr_add_seq(own ? &taken : &taken_elsewhere, 1u);
	errno = before;
}

static void handle_signals(int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
}

/* ---- who waits ---- */

static struct weir_producer *producer;
static struct weir_member *member;
static wr_atomic_u32 waiting, came_back, may_end;
static int result, result_after;

/* Fills the lane: nobody takes its answers, so that it comes to a halt. */
static int wait_in_publish(void)
{
	uint64_t number = 1;
	struct weir_event event = fixture_event(topic, NULL, &number);
	int rc;
	while ((rc = weir_publish(producer, &event, NULL)) == 0)
		;
	return rc;
}

static int wait_in_poll(void)
{
	struct weir_item item;
	int rc = weir_poll(member, &item, 1, WEIR_FOREVER);
	return rc == 1 ? weir_ack(member, &item) : rc;
}

/* Each until the deadline, and one event more in between. */
static int wait_in_commit(void)
{
	uint64_t end_ns = fixture_now_ns() + 2u * STORM_NS;
	uint64_t number = 7, ticket;
	struct weir_event event = fixture_event(topic, NULL, &number);
	struct weir_item item;
	do {
		int rc = weir_publish(producer, &event, &ticket);
		if (rc == 0)
			rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
		if (rc == 0)
			rc = weir_poll(member, &item, 1, WEIR_FOREVER) == 1 ? 0 : -1;
		if (rc == 0)
			rc = weir_ack(member, &item);
		if (rc == 0)
			rc = weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
		if (rc != 0)
			return rc;
	} while (fixture_now_ns() < end_ns);
	return 0;
}

static int wait_in_once(void)
{
	uint64_t end_ns = fixture_now_ns() + 2u * STORM_NS;
	uint64_t number = 7;
	struct weir_event event = fixture_event(topic, NULL, &number);
	int rc;
	do
		rc = weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DURABLE, WEIR_FOREVER, NULL);
	while (rc == 0 && fixture_now_ns() < end_ns);
	return rc;
}

/* The test's own files are cancellation points: only weir's calls may be reached. */
static int open_and_close(void)
{
	uint64_t end_ns = fixture_now_ns() + 2u * STORM_NS;
	int rc, before;
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	do {
		struct fixture other;
		struct weir_problem problem = {0};
		fixture_init(&other, FIXTURE_DURABLE);
		(void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
		rc = weir_open(&other.options, &other.pipeline, &problem);
		if (rc == 0) {
			(void)fixture_topic(&other, "work", 1);
			rc = weir_close(other.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
			other.pipeline = NULL;
		}
		(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
		fixture_end(&other);
	} while (rc == 0 && fixture_now_ns() < end_ns);
	(void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	return rc;
}

struct wait {
	const char *name;
	int (*wait)(void);
	int wanted;
};

static const struct wait waits[] = {
	{.name = "weir_publish", .wait = wait_in_publish, .wanted = WEIR_E_CLOSED},
	{.name = "weir_poll", .wait = wait_in_poll, .wanted = 0},
	{.name = "weir_wait, weir_member_commit", .wait = wait_in_commit, .wanted = 0},
	{.name = "weir_publish_once", .wait = wait_in_once, .wanted = 0},
	{.name = "weir_open, weir_close", .wait = open_and_close, .wanted = 0},
};

/* A cancelled thread leaves frames that nobody returns from: AddressSanitizer would keep them. */
static void leave_frames(void *unused)
{
	(void)unused;
#if WR_UNDER_ASAN
	__asan_handle_no_return();
#endif
}

static void *run(void *argument)
{
	const struct wait *w = argument;
	note_own_thread();
	wr_store_seq(&waiting, 1u);
	result = w->wait();
	wr_store_seq(&came_back, 1u);
	/* Not a cancellation point, so that what follows is seen. */
	while (wr_load_seq(&may_end) == 0)
		(void)syscall(SYS_sched_yield);
	pthread_cleanup_push(leave_frames, NULL);
	pthread_testcancel();
	pthread_cleanup_pop(0);
	result_after = 1; /* never, for who was cancelled */
	return NULL;
}

static pthread_t begin_to_wait(const struct wait *w)
{
	pthread_t thread;
	struct weir_producer_options o;
	begin(FIXTURE_DURABLE);
	weir_producer_options_init(&o);
	/* For publish: nobody takes the answers. */
	o.want_sequences = w->wait == wait_in_publish;
	o.block_timeout_ns = 10 * FIXTURE_LONG_NS;
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &producer, NULL), 0);
	member = fixture_member(&f, id, NULL);
	note_own_thread();
	cr_assert_eq(pthread_create(&thread, NULL, run, (void *)(uintptr_t)w), 0);
	while (wr_load_seq(&waiting) == 0)
		fixture_sleep_ns(1000000u);
	return thread;
}

/* Brings about what is waited for. */
static void end_the_wait(const struct wait *w)
{
	if (w->wait == wait_in_poll) {
		struct weir_producer *other = fixture_producer(&f, NULL);
		fixture_wait(other, fixture_publish(other, topic, 0, 1));
	}
	if (w->wait == wait_in_publish) {
		cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL), 0);
		f.pipeline = NULL;
	}
	while (wr_load_seq(&came_back) == 0)
		fixture_sleep_ns(1000000u);
}

static void storm(pthread_t thread, bool at_process)
{
	uint64_t end_ns = fixture_now_ns() + STORM_NS;
	while (fixture_now_ns() < end_ns) {
		(void)pthread_kill(thread, SIGUSR1);
		if (at_process)
			(void)kill(getpid(), SIGALRM);
		(void)sched_yield();
	}
}

static void weather(const struct wait *w, int flags)
{
	handle_signals(flags);
	pthread_t thread = begin_to_wait(w);
	storm(thread, true);
	cr_expect(w->wanted == 0 && w->wait != wait_in_poll ? true : wr_load_seq(&came_back) == 0,
		  "%s came back before there was anything: %s", w->name, weir_error_name(result));
	end_the_wait(w);
	wr_store_seq(&may_end, 1u);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_eq(result, w->wanted, "%s: %s", w->name, weir_error_name(result));
	cr_expect_gt(wr_load_seq(&taken), 50);
	cr_expect_eq(wr_load_seq(&taken_elsewhere), 0, "a thread of weir's took a signal");
}

/* By number: each case is a process of its own, with addresses of its own. */
static int which[] = {0, 1, 2, 3, 4};

#define COUNT (sizeof waits / sizeof *waits)

_Static_assert(sizeof which / sizeof *which == COUNT, "one number each");

ParameterizedTestParameters(signals, a_storm_without_restart_changes_no_result)
{
	return cr_make_param_array(int, which, COUNT);
}

ParameterizedTest(int *i, signals, a_storm_without_restart_changes_no_result)
{
	weather(&waits[*i], 0);
}

ParameterizedTestParameters(signals, a_storm_with_restart_changes_no_result)
{
	return cr_make_param_array(int, which, COUNT);
}

ParameterizedTest(int *i, signals, a_storm_with_restart_changes_no_result)
{
	weather(&waits[*i], SA_RESTART);
}

ParameterizedTestParameters(signals, a_thread_that_is_cancelled_ends_where_the_program_says)
{
	return cr_make_param_array(int, which, COUNT);
}

/* The call goes on, and returns what it would have; then others go on, and a close is clean. */
ParameterizedTest(int *i, signals, a_thread_that_is_cancelled_ends_where_the_program_says)
{
	const struct wait *w = &waits[*i];
	void *end = NULL;
	pthread_t thread = begin_to_wait(w);
	fixture_sleep_ns(20000000u);
	cr_assert_eq(pthread_cancel(thread), 0);
	fixture_sleep_ns(50000000u);
	end_the_wait(w);
	wr_store_seq(&may_end, 1u);
	cr_assert_eq(pthread_join(thread, &end), 0);
	cr_expect_eq(end, PTHREAD_CANCELED);
	cr_expect_eq(result_after, 0);
	cr_expect_eq(result, w->wanted, "%s: %s", w->name, weir_error_name(result));
	if (f.pipeline == NULL)
		return;
	struct weir_producer *other = fixture_producer(&f, NULL);
	fixture_wait(other, fixture_publish(other, topic, 0, 10));
	struct weir_close_report report;
	fixture_close(&f, &report);
	cr_expect(report.clean);
}

/* ---- what weir's threads block ---- */

/* The mask in /proc/self/task/ID/status; 0 when there is none. */
static uint64_t blocked_of(const char *task, char name[32])
{
	char path[64], line[256];
	uint64_t mask = 0;
	(void)snprintf(path, sizeof path, "/proc/self/task/%.20s/status", task);
	FILE *status = fopen(path, "re");
	if (status == NULL)
		return 0;
	while (fgets(line, sizeof line, status) != NULL) {
		if (strncmp(line, "Name:\t", 6) == 0)
			(void)sscanf(line + 6, "%31[^\n]", name);
		if (strncmp(line, "SigBlk:\t", 8) == 0)
			mask = strtoull(line + 8, NULL, 16);
	}
	(void)fclose(status);
	return mask;
}

static enum weir_handled handle(void *context, struct weir_member *handled,
				const struct weir_item *item)
{
	(void)context;
	(void)handled;
	(void)item;
	return WEIR_HANDLED_OK;
}

Test(signals, threads_of_weir_block_all_but_their_own_faults)
{
	static const int asynchronous[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE, SIGALRM,
					   SIGUSR1, SIGUSR2, SIGCHLD, SIGPROF, SIGWINCH};
	struct weir_member_options o;
	struct weir_member *handled;
	uint32_t seen = 0;
	if (fixture_emulated())
		cr_skip("an emulator has masks of its own");
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.journal_thread = WEIR_JOURNAL_THREAD_YES;
	(void)snprintf(f.options.log.name, sizeof f.options.log.name, "weir-a");
	f.options.name = "weir";
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	weir_member_options_init(&o);
	o.handler = handle;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &handled, NULL), 0);
	producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	DIR *tasks = opendir("/proc/self/task");
	cr_assert_not_null(tasks);
	for (struct dirent *e = readdir(tasks); e != NULL; e = readdir(tasks)) {
		char name[32] = "";
		uint64_t mask = blocked_of(e->d_name, name);
		if (strncmp(name, "weir-", 5) != 0)
			continue;
		seen++;
		for (size_t i = 0; i < sizeof asynchronous / sizeof *asynchronous; i++)
			cr_expect((mask >> (asynchronous[i] - 1) & 1) != 0,
				  "%s does not block signal %d", name, asynchronous[i]);
	}
	(void)closedir(tasks);
	cr_expect_geq(seen, 4, "log, journal, group, a handler, a helper");
}
