/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a member that leaves after the journal has failed takes nothing with it that the group
 *         still writes to: its messages are on the way, and no answer of the writer comes any more.
 *         And what was refused before the failure is still refused to who asks after it.
 * Method: the steps of a manual pipeline are run one by one, so that the journal fails between the
 *         writer's answer and the group's look at it. An allocator fills what is given back and
 *         never uses it again: whoever writes there leaves a trace.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "core/pipeline/step.h"
#include "tests/support/pipeline_fixture.h"

#define FILL 0xa5
#define GIVEN_BACK_MAX 4096u

static struct fixture f;

static struct {
	uint8_t *bytes;
	size_t count;
} given_back[GIVEN_BACK_MAX];
static size_t given_back_count;

static void *take(void *context, size_t bytes, size_t align)
{
	(void)context;
	size_t least = align < 64 ? 64 : align;
	void *p = aligned_alloc(least, (bytes + least - 1) / least * least);
	return p != NULL ? memset(p, 0, bytes) : NULL;
}

static void give(void *context, void *p, size_t bytes)
{
	(void)context;
	cr_assert_lt(given_back_count, GIVEN_BACK_MAX);
	memset(p, FILL, bytes);
	given_back[given_back_count].bytes = p;
	given_back[given_back_count++].count = bytes;
}

static size_t count_changed(void)
{
	size_t changed = 0;
	for (size_t i = 0; i < given_back_count; i++)
		for (size_t k = 0; k < given_back[i].count; k++)
			changed += given_back[i].bytes[k] != FILL;
	return changed;
}

static void setup(void)
{
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.allocator = (struct weir_allocator){.alloc = take, .free = give};
	fixture_open(&f);
}

static void teardown(void)
{
	fixture_end(&f);
	for (size_t i = 0; i < given_back_count; i++)
		free(given_back[i].bytes);
}

TestSuite(failed, .init = setup, .fini = teardown, .timeout = 60);

static void fail_journal(void)
{
	wr_publish_round_u32(&f.pipeline->link.failed, 1u);
	wr_pipeline_refuse(f.pipeline, WEIR_E_FAILED);
}

/* Each step once, in the order in which a pipeline's threads may come. */
static void run_group(void)
{
	struct wr_step step;
	wr_pipeline_group_step(f.pipeline, &step);
	(void)step.run(step.self, 0);
}

static void run_writer(void)
{
	struct wr_step step;
	wr_pipeline_writer_step(f.pipeline, &step);
	(void)step.run(step.self, 0);
}

static struct weir_member *join(void)
{
	struct weir_member *member = NULL;
	(void)fixture_topic(&f, "orders", 4);
	uint32_t subscription = fixture_subscription(&f, "books", "orders");
	cr_assert_eq(weir_member_join(f.pipeline, subscription, NULL, &member, NULL), 0);
	return member;
}

static void close_failed(void)
{
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL), WEIR_E_FAILED);
	f.pipeline = NULL;
	cr_expect_eq(count_changed(), 0, "%zu bytes were written to after they were given back",
		     count_changed());
}

Test(failed, a_poll_that_does_not_wait_says_so_too)
{
	struct weir_member *member = join();
	struct weir_item items[4];
	cr_expect_eq(weir_poll(member, items, 4, 0), 0);
	fail_journal();
	cr_expect_eq(weir_poll(member, items, 4, 0), WEIR_E_FAILED);
	cr_expect_eq(weir_poll(member, items, 4, 1000000), WEIR_E_FAILED);
	(void)weir_member_leave(member, 0);
	close_failed();
}

Test(failed, a_member_may_leave_while_its_partitions_are_on_the_way_to_it)
{
	struct weir_member *member = join();
	run_group();
	run_writer();
	fail_journal();
	cr_expect_eq(weir_member_leave(member, 0), 0);
	for (int i = 0; i < 4; i++)
		run_group();
	close_failed();
}

Test(failed, and_while_the_writer_never_answers)
{
	struct weir_member *member = join();
	run_group();
	fail_journal();
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	for (int i = 0; i < 4; i++) {
		run_writer();
		run_group();
	}
	close_failed();
}

Test(failed, and_when_it_owns_some)
{
	struct weir_member *member = join();
	cr_assert(fixture_owns(member, 4));
	fail_journal();
	(void)weir_member_leave(member, 0);
	for (int i = 0; i < 4; i++)
		run_group();
	close_failed();
}

static struct weir_producer *open_source(void)
{
	return fixture_producer(&f, "source");
}

Test(failed, what_was_refused_before_it_is_refused_after_it)
{
	uint32_t topic = fixture_topic(&f, "orders", 1);
	struct weir_producer *old = open_source();
	struct weir_producer *new = open_source();
	uint64_t ticket = fixture_publish(old, topic, 0, 1);
	/* Decided, and the medium hears nothing of it. */
	run_writer();
	fail_journal();
	cr_expect_eq(weir_producer_poll_acks(old), 1, "told as unknown");
	int rc = weir_wait(old, ticket, WEIR_LEVEL_MEMORY, 0);
	cr_expect_eq(rc, WEIR_E_FENCED, "%s", weir_error_name(rc));
	rc = weir_wait(old, ticket, WEIR_LEVEL_DURABLE, 0);
	cr_expect_eq(rc, WEIR_E_FAILED, "%s", weir_error_name(rc));
	(void)weir_producer_close(old, 0);
	(void)weir_producer_close(new, 0);
	close_failed();
}
