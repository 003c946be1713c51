/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: handles do not survive fork(): in a child every call returns WEIR_E_CLOSED, at once, and
 * changes nothing of the parent's, whatever the parent had open; and a child holds no directory.
 *
 * Method: the process forks with a claim, a run and items in hand. The child makes each call and
 * ends with the number of the first that returned something else; an alarm ends it if one hangs.
 * The parent then goes on with what it had, and all events are there once.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define HANGS_S 20u

static struct fixture f;
static uint32_t topic, id;
static uint64_t done_ticket;
static struct weir_producer *claiming, *running;
static struct weir_member *member;
static void *room;

static void teardown(void)
{
	fixture_end(&f);
}

/* In hand: a claim, a run of one event, an item. */
static void begin(int kind)
{
	uint64_t number = 1;
	struct weir_item item;
	fixture_begin(&f, kind);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	claiming = fixture_producer(&f, NULL);
	running = fixture_producer(&f, "source");
	member = fixture_member(&f, id, NULL);
	done_ticket = fixture_publish(claiming, topic, 0, 1);
	fixture_wait(claiming, done_ticket);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	struct weir_event event = fixture_event(topic, NULL, &number);
	cr_assert_eq(weir_claim(claiming, &event, 8, &room), 0);
	memcpy(room, &number, sizeof number);
	cr_assert_eq(weir_run_begin(running, 400), 0);
	number = 2;
	cr_assert_eq(weir_run_add(running, &event), 0);
}

/* What each call returns, in a child; true when it is closed. */
static bool call(int which)
{
	static struct weir_item items[4];
	struct weir_topic_options t;
	struct weir_subscription_options s;
	struct weir_producer_options p;
	struct weir_member_options m;
	struct weir_producer *producer;
	struct weir_member *joined;
	const char *name = "work";
	uint64_t number = 77;
	uint32_t ret;
	struct weir_event event = fixture_event(topic, NULL, &number);
	weir_topic_options_init(&t);
	t.name = "another";
	weir_subscription_options_init(&s);
	s.name = "another";
	s.topics = &name;
	s.topic_count = 1;
	weir_producer_options_init(&p);
	weir_member_options_init(&m);
	switch (which) {
	case 1:
		return weir_topic_create(f.pipeline, &t, &ret, NULL) == WEIR_E_CLOSED;
	case 2:
		return weir_subscription_create(f.pipeline, &s, &ret, NULL) == WEIR_E_CLOSED;
	case 3:
		return weir_producer_open(f.pipeline, &p, &producer, NULL) == WEIR_E_CLOSED;
	case 4:
		return weir_member_join(f.pipeline, id, &m, &joined, NULL) == WEIR_E_CLOSED;
	case 5:
		return weir_publish(claiming, &event, NULL) == WEIR_E_CLOSED;
	case 6:
		return weir_commit(claiming, 8, NULL) == WEIR_E_CLOSED;
	case 7:
		return weir_run_add(running, &event) == WEIR_E_CLOSED;
	case 8:
		return weir_run_commit(running, NULL) == WEIR_E_CLOSED;
	case 9:
		return weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, WEIR_FOREVER,
					 NULL) == WEIR_E_CLOSED;
	case 10:
		return weir_poll(member, items, 4, WEIR_FOREVER) == WEIR_E_CLOSED;
	case 11:
		return weir_member_commit(member, WEIR_LEVEL_MEMORY, WEIR_FOREVER) == WEIR_E_CLOSED;
	case 12:
		return weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, WEIR_FOREVER,
					      NULL) == WEIR_E_CLOSED;
	case 13:
		return !f.options.manual || weir_step(f.pipeline, 1000000u) == WEIR_E_CLOSED;
	case 14:
		return weir_member_leave(member, WEIR_FOREVER) == WEIR_E_CLOSED;
	case 15:
		return weir_producer_close(running, WEIR_FOREVER) == WEIR_E_CLOSED;
	case 16:
		return weir_close(f.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL) ==
		       WEIR_E_CLOSED;
	case 17:
		return weir_producer_poll_acks(claiming) == WEIR_E_CLOSED;
	case 18:
		return weir_wait(claiming, done_ticket, WEIR_LEVEL_MEMORY, WEIR_FOREVER) ==
		       WEIR_E_CLOSED;
	default:
		return false;
	}
}

#define CALLS 18

static void expect_child_is_refused(void)
{
	int status;
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		(void)alarm(HANGS_S);
		for (int i = 1; i <= CALLS; i++)
			if (!call(i))
				_exit(i);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "the child hangs, or died of signal %d", WTERMSIG(status));
	cr_assert_eq(WEXITSTATUS(status), 0, "call %d was not refused", WEXITSTATUS(status));
}

/* The claim and the run go on where they were, and nothing of the child's is in the log. */
static void expect_all_is_there(void)
{
	uint64_t ticket, number = 3;
	struct weir_item item;
	struct weir_event event = fixture_event(topic, NULL, &number);
	cr_assert_eq(weir_run_add(running, &event), 0);
	cr_assert_eq(weir_commit(claiming, 8, &ticket), 0);
	fixture_wait(claiming, ticket);
	cr_assert_eq(weir_run_commit(running, &ticket), 0);
	fixture_wait(running, ticket);
	for (uint64_t i = 1; i < 4; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_expect_eq(fixture_number(&item), i);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	struct weir_info info;
	fixture_info(&f, &info);
	cr_expect_eq(info.topic_count, 1);
	cr_expect_eq(info.subscription_count, 1);
}

TestSuite(fork, .fini = teardown, .timeout = 60);

Test(fork, a_child_is_refused_by_a_pipeline_with_threads)
{
	begin(FIXTURE_DURABLE);
	expect_child_is_refused();
	expect_all_is_there();
	fixture_close(&f, NULL);
}

Test(fork, a_child_is_refused_by_a_manual_pipeline)
{
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	expect_child_is_refused();
	expect_all_is_there();
	fixture_close(&f, NULL);
}

Test(fork, a_child_is_refused_by_a_log_in_memory)
{
	begin(FIXTURE_MEMORY);
	expect_child_is_refused();
	expect_all_is_there();
	fixture_close(&f, NULL);
}

static pid_t fork_sleeper(void)
{
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

Test(fork, a_child_that_lives_on_does_not_keep_the_directory)
{
	int status;
	fixture_begin(&f, FIXTURE_DURABLE);
	pid_t child = fork_sleeper();
	fixture_close(&f, NULL);
	struct weir_problem problem = {0};
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	cr_expect_eq(rc, 0, "%s: %s", weir_error_name(rc), problem.text);
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
}

/* --- while it opens and closes ---------------------------------------------------------------- */

static wr_atomic_u32 handling, closing, stopping;
static pid_t sleepers[256];
static wr_atomic_u32 sleeper_count;

static void end_sleepers(void)
{
	int status;
	for (uint32_t i = 0; i < wr_load_seq(&sleeper_count); i++) {
		cr_assert_eq(kill(sleepers[i], SIGKILL), 0);
		cr_assert_eq(waitpid(sleepers[i], &status, 0), sleepers[i]);
	}
	wr_store_seq(&sleeper_count, 0u);
}

static enum weir_handled forks_in_a_close(void *context, struct weir_member *m,
					  const struct weir_item *item)
{
	(void)context, (void)m, (void)item;
	wr_store_seq(&handling, 1u);
	while (wr_load_seq(&closing) == 0)
		fixture_sleep_ns(1000000u);
	fixture_sleep_ns(100000000u); /* the close waits for this handler */
	sleepers[0] = fork_sleeper();
	wr_store_seq(&sleeper_count, 1u);
	return WEIR_HANDLED_OK;
}

Test(fork, a_child_made_during_a_close_does_not_keep_the_directory)
{
	struct weir_member_options options;
	struct weir_member *handler;
	fixture_begin(&f, FIXTURE_DURABLE);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	weir_member_options_init(&options);
	options.handler = forks_in_a_close;
	cr_assert_eq(weir_member_join(f.pipeline, id, &options, &handler, NULL), 0);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	while (wr_load_seq(&handling) == 0)
		fixture_sleep_ns(1000000u);
	wr_store_seq(&closing, 1u);
	fixture_close(&f, NULL);
	cr_assert_eq(wr_load_seq(&sleeper_count), 1u);
	struct weir_problem problem = {0};
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	cr_expect_eq(rc, 0, "%s: %s", weir_error_name(rc), problem.text);
	end_sleepers();
}

static void *forks_all_the_time(void *context)
{
	(void)context;
	while (wr_load_seq(&stopping) == 0 && wr_load_seq(&sleeper_count) < 256) {
		sleepers[wr_load_seq(&sleeper_count)] = fork_sleeper();
		wr_store_seq(&sleeper_count, wr_load_seq(&sleeper_count) + 1);
		fixture_sleep_ns(1000000u);
	}
	return NULL;
}

Test(fork, children_made_at_any_time_of_an_open_do_not_keep_the_directory)
{
	pthread_t forks;
	if (fixture_emulated())
		cr_skip_test(
			"qemu-user: a child of a process with threads may hang in the emulator, "
			"before weir's own handler of fork() lets the directory go");
	fixture_init(&f, FIXTURE_DURABLE);
	cr_assert_eq(pthread_create(&forks, NULL, forks_all_the_time, NULL), 0);
	for (int i = 0; i < 1000 && wr_load_seq(&sleeper_count) < 256; i++) {
		struct weir_problem problem = {0};
		int rc = weir_open(&f.options, &f.pipeline, &problem);
		cr_expect_eq(rc, 0, "open %d: %s: %s", i, weir_error_name(rc), problem.text);
		if (rc != 0)
			break;
		fixture_close(&f, NULL);
	}
	wr_store_seq(&stopping, 1u);
	cr_assert_eq(pthread_join(forks, NULL), 0);
	end_sleepers();
}

Test(fork, a_child_of_an_owner_that_died_does_not_keep_the_directory)
{
	int status, ready[2];
	pid_t ids[2] = {0};
	fixture_init(&f, FIXTURE_DURABLE);
	cr_assert_eq(pipe(ready), 0);
	ids[0] = fork();
	cr_assert_geq(ids[0], 0);
	if (ids[0] == 0) {
		fixture_open(&f);
		pid_t child = fork_sleeper();
		if (write(ready[1], &child, sizeof child) != sizeof child)
			_exit(1);
		for (;;)
			pause();
	}
	cr_assert_eq(read(ready[0], &ids[1], sizeof ids[1]), sizeof ids[1]);
	cr_assert_eq(kill(ids[0], SIGKILL), 0);
	cr_assert_eq(waitpid(ids[0], &status, 0), ids[0]);
	struct weir_problem problem = {0};
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	cr_expect_eq(kill(ids[1], SIGKILL), 0);
	cr_expect_eq(rc, 0, "%s: %s", weir_error_name(rc), problem.text);
}

Test(fork, a_child_may_open_a_pipeline_of_its_own)
{
	int status;
	struct fixture own;
	begin(FIXTURE_DURABLE);
	fixture_init(&own, FIXTURE_DURABLE);
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		(void)alarm(HANGS_S);
		fixture_open(&own);
		uint32_t t = fixture_topic(&own, "own", 1);
		struct weir_producer *producer = fixture_producer(&own, NULL);
		fixture_wait(producer, fixture_publish(producer, t, 0, 100));
		fixture_close(&own, NULL);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	expect_all_is_there();
	fixture_end(&own);
}
