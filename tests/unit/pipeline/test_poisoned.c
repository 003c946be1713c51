/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a stray store into a producer's lane costs what stood behind it, and nothing else: what
 *         came before is told as durable, what did not is told as lost, nobody waits for ever, and
 *         other producers do not notice. Rules: L5, L8.
 * Method: a manual pipeline, and a hand that writes into the lane before the writer looks.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/case.h"
#include "tests/support/pipeline_fixture.h"

static struct fixture f;
static uint32_t topic;
static struct weir_ack_range told[8];
static uint32_t told_count;

static void set_up(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
}

static void tear_down(void)
{
	fixture_end(&f);
}

TestSuite(poisoned, .init = set_up);

static void hear(void *context, const struct weir_ack_range *range)
{
	(void)context;
	cr_assert_lt(told_count, WR_ARRAY_COUNT(told));
	told[told_count++] = *range;
}

static struct weir_producer *hearing(void)
{
	struct weir_producer_options options;
	struct weir_producer *producer = NULL;
	weir_producer_options_init(&options);
	options.when_full = WEIR_FULL_TRY;
	options.ack_fn = hear;
	cr_assert_eq(weir_producer_open(f.pipeline, &options, &producer, NULL), 0);
	return producer;
}

/* Three events, then one whose first word somebody wrote over, then two. */
static void publish_and_spoil(struct weir_producer *producer)
{
	cr_assert_eq(fixture_publish(producer, topic, 0, 3), 3);
	uint64_t place = producer->lane->write_at;
	cr_assert_eq(fixture_publish(producer, topic, 3, 6), 6);
	wr_put_u32(producer->lane->bytes + place, UINT32_MAX);
}

CASE(poisoned, what_came_before_is_durable_and_the_rest_is_lost)
{
	struct weir_producer *producer = hearing();
	publish_and_spoil(producer);
	for (uint64_t ticket = 1; ticket <= 6; ticket++)
		cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS),
			     ticket <= 3 ? 0 : WEIR_E_POISONED, "ticket %llu",
			     (unsigned long long)ticket);
	cr_expect_eq(weir_producer_poll_acks(producer), 6);
	cr_assert_eq(told_count, 2);
	cr_expect_eq(told[0].first_ticket, 1);
	cr_expect_eq(told[0].last_ticket, 3);
	cr_expect_eq(told[0].code, 0);
	cr_expect_eq(told[1].first_ticket, 4);
	cr_expect_eq(told[1].last_ticket, 6);
	cr_expect_eq(told[1].code, WEIR_E_POISONED);
	cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0, "it knows already");
}

/* Told as lost, it would be sent again, and be there twice. */
CASE(poisoned, what_is_in_the_log_and_not_yet_durable_is_waited_for)
{
	struct weir_producer *producer = hearing();
	publish_and_spoil(producer);
	cr_assert_geq(wr_writer_step(&f.pipeline->writer, 0), 0);
	cr_assert_eq(wr_load_relaxed(&producer->lane->state), WR_LANE_POISONED);
	cr_expect_eq(weir_wait(producer, 3, WEIR_LEVEL_DURABLE, 0), -ETIMEDOUT);
	cr_expect_eq(weir_wait(producer, 4, WEIR_LEVEL_DURABLE, 0), WEIR_E_POISONED);
	cr_expect_eq(weir_producer_poll_acks(producer), 0, "in the order of the tickets");
	cr_expect_eq(weir_wait(producer, 3, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), WEIR_E_POISONED);
}

CASE(poisoned, others_do_not_notice_and_the_slot_is_used_again)
{
	struct weir_producer *other = fixture_producer(&f, NULL);
	for (uint32_t i = 0; i < 3 * f.options.producers_max; i++) {
		struct weir_producer *producer = hearing();
		publish_and_spoil(producer);
		fixture_wait(other, fixture_publish(other, topic, 100, 110));
		cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), WEIR_E_POISONED);
		fixture_wait(other, fixture_publish(other, topic, 110, 111));
	}
	struct weir_close_report report;
	fixture_close(&f, &report);
}
