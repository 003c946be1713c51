/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a manual pipeline belongs to no thread: any may step it, one at a time, and any may close
 *         it, with writes under way. Who waits while another steps gets what it waits for. And an
 *         io_uring that breaks holds no close up.
 * Method: threads that live for a few steps each, on both backends; a thread asleep in a step; and
 *         a ring whose descriptor is taken away under the pipeline.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>

#include "core/base/atomic.h"
#include "tests/support/break_uring.h"
#include "tests/support/pipeline_fixture.h"

#define SECOND_NS 1000000000ull

static struct fixture f;
static struct weir_producer *producer;
static uint32_t topic;

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(by_hand, .fini = teardown, .timeout = 60);

static void begin(enum weir_io io, int kind)
{
	if (io == WEIR_IO_URING && !fixture_has_uring())
		cr_skip_test("io_uring is refused here, or left out");
	fixture_init(&f, kind);
	f.options.io = io;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	producer = fixture_producer(&f, NULL);
}

static void close_clean(uint64_t events)
{
	struct weir_close_report report;
	struct weir_info info;
	fixture_close(&f, &report);
	cr_expect(report.clean);
	cr_expect_eq(report.undurable_events + report.dropped_events, 0);
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect(info.recovery.clean);
	uint32_t id = fixture_subscription(&f, "all", "work");
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_expect_eq(fixture_poll(member, NULL, 0, (uint32_t)events, false), events);
}

static void run_on_a_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, run, argument), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

static void *publish_and_wait(void *ret_code)
{
	uint64_t ticket = fixture_publish(producer, topic, 0, 3);
	*(int *)ret_code = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS);
	return NULL;
}

static void take_turns(enum weir_io io)
{
	int code = 1;
	begin(io, FIXTURE_DURABLE | FIXTURE_MANUAL);
	for (int i = 0; i < 20; i++) {
		run_on_a_thread(publish_and_wait, &code);
		cr_assert_eq(code, 0, "a thread's: %s", weir_error_name(code));
		(void)publish_and_wait(&code);
		cr_assert_eq(code, 0, "main's: %s", weir_error_name(code));
	}
	close_clean(120);
}

Test(by_hand, threads_step_one_after_the_other_with_io_uring)
{
	take_turns(WEIR_IO_URING);
}

Test(by_hand, threads_step_one_after_the_other_with_posix)
{
	take_turns(WEIR_IO_POSIX);
}

/* Ends while what it handed over is being written. */
static void *publish_and_step(void *unused)
{
	(void)unused;
	(void)fixture_publish(producer, topic, 0, 20);
	fixture_need(weir_step(f.pipeline, 0) >= 0, "a step");
	return NULL;
}

static void leave_writes_behind(enum weir_io io)
{
	begin(io, FIXTURE_DURABLE | FIXTURE_MANUAL);
	for (int i = 0; i < 200; i++)
		run_on_a_thread(publish_and_step, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	close_clean(4001);
}

Test(by_hand, a_thread_may_end_with_writes_under_way_with_io_uring)
{
	leave_writes_behind(WEIR_IO_URING);
}

Test(by_hand, a_thread_may_end_with_writes_under_way_with_posix)
{
	leave_writes_behind(WEIR_IO_POSIX);
}

static void *close_here(void *ret_report)
{
	int rc = weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, ret_report);
	f.pipeline = NULL;
	fixture_need(rc == 0, "a close by another thread");
	return NULL;
}

static void close_elsewhere(enum weir_io io)
{
	struct weir_close_report report;
	begin(io, FIXTURE_DURABLE | FIXTURE_MANUAL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 300));
	(void)fixture_publish(producer, topic, 0, 300);
	cr_assert_geq(weir_step(f.pipeline, 0), 0);
	run_on_a_thread(close_here, &report);
	cr_expect(report.clean);
	cr_expect_eq(report.undurable_events + report.dropped_events, 0);
	fixture_open(&f);
}

Test(by_hand, another_thread_may_close_with_writes_under_way_with_io_uring)
{
	close_elsewhere(WEIR_IO_URING);
}

Test(by_hand, another_thread_may_close_with_writes_under_way_with_posix)
{
	close_elsewhere(WEIR_IO_POSIX);
}

/* ---- two at once ---- */

static wr_atomic_u32 may_end;

static void *step_until_told(void *ret_code)
{
	int rc = 0;
	/* AGAIN: the other thread has a step of its own under way. */
	while ((rc >= 0 || rc == WEIR_E_AGAIN) && wr_load_seq(&may_end) == 0)
		rc = weir_step(f.pipeline, SECOND_NS / 10);
	*(int *)ret_code = rc == WEIR_E_AGAIN ? 0 : rc;
	return NULL;
}

static void wait_beside_a_stepper(enum weir_io io)
{
	pthread_t thread;
	int code = 1, again = 0;
	begin(io, FIXTURE_DURABLE | FIXTURE_MANUAL);
	cr_assert_eq(pthread_create(&thread, NULL, step_until_told, &code), 0);
	/* It sleeps in its step most of the time, and a sleep is part of the step. */
	for (int i = 0; i < 100 && again == 0; i++) {
		fixture_sleep_ns(SECOND_NS / 100);
		int rc = weir_step(f.pipeline, 0);
		cr_assert(rc >= 0 || rc == WEIR_E_AGAIN, "%s", weir_error_name(rc));
		again += rc == WEIR_E_AGAIN;
	}
	cr_expect_eq(again, 1, "two threads step at once");
	for (int i = 0; i < 50; i++)
		fixture_wait(producer, fixture_publish(producer, topic, 0, 2));
	wr_store_seq(&may_end, 1u);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_geq(code, 0, "%s", weir_error_name(code));
	close_clean(100);
}

Test(by_hand, who_waits_while_another_steps_is_served_by_it_with_io_uring)
{
	wait_beside_a_stepper(WEIR_IO_URING);
}

Test(by_hand, who_waits_while_another_steps_is_served_by_it_with_posix)
{
	wait_beside_a_stepper(WEIR_IO_POSIX);
}

/* ---- a ring that breaks ---- */

static void close_broken(int kind, enum weir_close_mode mode)
{
	struct weir_close_report report;
	begin(WEIR_IO_URING, kind);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 5));
	(void)fixture_publish(producer, topic, 0, 200);
	if (f.options.manual)
		cr_assert_geq(weir_step(f.pipeline, 0), 0);
	cr_assert_eq(break_uring(), 1);
	uint64_t before = fixture_now_ns();
	int rc = weir_close(f.pipeline, mode, 2 * SECOND_NS, &report);
	f.pipeline = NULL;
	/* Neither asks anything of the ring when all that was under way had ended before. */
	uint64_t left = report.undurable_events + report.dropped_events;
	cr_expect(rc == WEIR_E_FAILED || (rc == 0 && (mode == WEIR_CLOSE_ABORT || left == 0)),
		  "%s, %lu left", weir_error_name(rc), left);
	cr_expect_lt(fixture_now_ns() - before, 10 * SECOND_NS);
	cr_expect(!report.clean);
	rc = WEIR_E_FAILED;
	/* The lock is the kernel's until it is through with what it was asked. */
	struct weir_problem problem = {0};
	for (int i = 0; i < 1000 && rc != 0; i++) {
		rc = weir_open(&f.options, &f.pipeline, &problem);
		cr_assert(rc == 0 || rc == WEIR_E_LOCKED, "%s: %s", weir_error_name(rc),
			  problem.text);
		fixture_sleep_ns(SECOND_NS / 100);
	}
	cr_expect_eq(rc, 0);
}

Test(by_hand, a_ring_that_breaks_holds_no_drain_up)
{
	close_broken(FIXTURE_DURABLE, WEIR_CLOSE_DRAIN);
}

Test(by_hand, a_ring_that_breaks_holds_no_drain_by_hand_up)
{
	close_broken(FIXTURE_DURABLE | FIXTURE_MANUAL, WEIR_CLOSE_DRAIN);
}

Test(by_hand, a_ring_that_breaks_is_told_of_by_an_abort)
{
	close_broken(FIXTURE_DURABLE | FIXTURE_MANUAL, WEIR_CLOSE_ABORT);
}

/* ---- leaving while nobody gets on ---- */

static wr_atomic_u32 in_handler, may_return;

static enum weir_handled sleep_in_item(void *context, struct weir_member *member,
				       const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	wr_store_seq(&in_handler, 1u);
	while (wr_load_seq(&may_return) == 0)
		fixture_sleep_ns(1000000u);
	return WEIR_HANDLED_OK;
}

Test(by_hand, a_leave_ends_at_its_deadline_and_its_slot_is_given_back_later)
{
	struct weir_member_options o;
	struct weir_member *sleeper = NULL, *member, *next = NULL;
	struct weir_item item;
	pthread_t thread;
	int code = 1;
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	f.options.members_max = 2;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	producer = fixture_producer(&f, NULL);
	uint32_t id = fixture_subscription(&f, "all", "work");
	uint32_t other = fixture_subscription(&f, "other", "work");
	member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 1));
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_assert_eq(weir_ack(member, &item), 0);
	weir_member_options_init(&o);
	o.handler = sleep_in_item;
	cr_assert_eq(weir_member_join(f.pipeline, other, &o, &sleeper, NULL), 0);
	/* Its item is part of a step: nothing else gets on meanwhile. */
	cr_assert_eq(pthread_create(&thread, NULL, step_until_told, &code), 0);
	while (wr_load_seq(&in_handler) == 0)
		fixture_sleep_ns(1000000u);
	uint64_t before = fixture_now_ns();
	int rc = weir_member_leave(member, SECOND_NS / 5);
	cr_expect_eq(rc, -ETIMEDOUT, "%s", weir_error_name(rc));
	cr_expect_lt(fixture_now_ns() - before, 5 * SECOND_NS);
	wr_store_seq(&may_return, 1u);
	rc = weir_member_join(f.pipeline, id, NULL, &next, NULL);
	cr_assert_eq(rc, 0, "its slot: %s", weir_error_name(rc));
	wr_store_seq(&may_end, 1u);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_geq(code, 0);
	cr_expect(fixture_owns(next, 1), "its partition");
	cr_expect_eq(weir_member_leave(next, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_leave(sleeper, FIXTURE_LONG_NS), 0);
}
