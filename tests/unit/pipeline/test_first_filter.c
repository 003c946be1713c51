/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a subscription that gets its first filter, or is refused it, while others have theirs and
 * members are reading, gets all that it wants; what a member holds from before reaches over nothing
 * that a later filter wants.
 *
 * Method: as test_filtering.c.
 */
#include <errno.h>

#include "tests/unit/pipeline/filtering_bed.h"

TestSuite(first_filter, .fini = end, .timeout = 60);

/* ---- a first filter, beside others ---- */

static int try_change(uint32_t id, const struct filter_case *c)
{
	struct weir_subscription_filter filter = filter_of(c);
	return weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem);
}

/* It has none, and wants everything, also when others get theirs. */
Test(first_filter, who_was_refused_a_first_filter_goes_on_to_get_everything)
{
	static const struct filter_case wrong = {
		.filter = {.term_count = 1},
		.terms = {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"a\":[]}")}};
	static const char long_key[] = "order.this.key.is.too.long.for.what.is.left.of.the.room";
	static const struct filter_case large = {.filter = {.term_count = 1},
						 .terms = {TERM(WEIR_FILTER_DIRECT, long_key)}};
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.filter_bytes_max = 64;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
	uint32_t filtered = made("filtered", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	const uint32_t plain[] = {made("wrong", WEIR_ORDER_PARTITION, NULL),
				  made("large", WEIR_ORDER_PARTITION, NULL),
				  made("queue", WEIR_ORDER_NONE, NULL)};
	publish(0, 100);
	cr_expect_eq(try_change(plain[0], &wrong), -EINVAL);
	publish(100, 150);
	for (int i = 1; i < 3; i++)
		cr_expect_eq(try_change(plain[i], &large), WEIR_E_FULL);
	publish(150, 200);
	(void)change(filtered, &cases[NOTHING]);
	publish(200, 300);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(exact_lag(plain[i], NULL), wanted_of(0, 300, is_any), "%d", i);
		cr_expect_eq(read_all(plain[i]), wanted_of(0, 300, is_any), "%d", i);
		(void)expect_seen("everything", 0, 300, is_any);
	}
	cr_expect_eq(read_all(filtered), wanted_of(0, 200, is_c3));
}

/* What a member stands in from disk was not looked at for a filter that was not there yet. */
Test(first_filter, a_first_filter_is_given_to_who_reads_from_disk)
{
	struct weir_item items[8];
	begin(FIXTURE_DURABLE);
	uint32_t id = made("old", WEIR_ORDER_PARTITION, NULL);
	publish(0, OLD);
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, items, 8, 8, true), 8);
	cr_assert_eq(member->place, WR_PLACE_CATCHUP);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	(void)change(id, &cases[LATE]);
	publish(OLD, OLD + 400);
	uint32_t wanted = wanted_of(0, OLD, is_any) + wanted_of(OLD, OLD + 400, is_late);
	uint32_t count = 8 + fixture_poll(member, NULL, 0, wanted - 8, false);
	count += fixture_poll_rest(member);
	cr_assert_eq(weir_ack_all(member), 0);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(count, wanted);
	cr_expect_eq(exact_lag(id, NULL), 0);
}

static uint32_t poll_some(struct weir_member *member, struct weir_item *items, uint32_t items_max)
{
	int n = weir_poll(member, items, items_max, 3000000u);
	cr_assert_geq(n, 0, "%s", weir_strerror(n));
	return (uint32_t)n;
}

/* Polls all there is, and acknowledges what was held before as it was handed out then. */
static void acknowledge_as_held(struct weir_member *member, const struct weir_item *held,
				uint32_t n)
{
	struct weir_item items[64];
	for (uint32_t m; (m = poll_some(member, items, 64)) > 0;)
		for (uint32_t i = m; i-- > 0;) {
			const struct weir_item *item = &items[i];
			for (uint32_t h = 0; h < n; h++)
				if (held[h].sequence == items[i].sequence)
					item = &held[h];
			seen[number_of(&items[i])]++;
			cr_assert_eq(weir_ack(member, item), 0);
		}
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

/*
 * What is held from before a rewind and a change of the filter reaches over what was not wanted
 * where it stands: the change counts from its record on, so that stays unwanted.
 */
Test(first_filter, what_is_held_over_a_rewind_reaches_over_nothing_that_a_new_filter_wants)
{
	static const int next[] = {LATE, NOTHING, RED, DIRECT};
	struct weir_item held[16];
	begin(FIXTURE_DURABLE);
	uint32_t id = made("held", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	struct weir_member *member = fixture_member(&f, id, NULL);
	bool (*wants)(uint64_t) = is_c3;
	memset(seen, 0, sizeof seen);
	for (uint32_t round = 0; round < 5; round++) {
		bool (*wanted)(uint64_t) = cases[next[round % 4]].wants;
		uint64_t first = 400 * (uint64_t)round;
		publish(first, first + 200);
		uint32_t n = poll_some(member, held, 16);
		cr_assert(n > 0 || wants == is_none);
		cr_assert_eq(weir_member_rewind(member), 0);
		(void)change(id, &cases[next[round % 4]]);
		publish(first + 200, first + 400);
		acknowledge_as_held(member, held, n);
		cr_expect_eq(exact_lag(id, NULL), 0, "round %u", round);
		(void)expect_seen("before", first, first + 200, wants);
		(void)expect_seen("behind", first + 200, first + 400, wanted);
		wants = wanted;
	}
}
