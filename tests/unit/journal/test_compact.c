/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   which event of a key a pass takes for its newest: a key is one of its topic, and of the
 *         partition where an event asked for one; a pass knows nothing of what is too young, nor of
 *         what lies behind its end, and ends where the log cannot be read.
 * Method: the builder's log with events of one key, a pass over it, and the pass's rule asked about
 *         each of them.
 */
#include "core/journal/compact.h"
#include "tests/support/case.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(compact, .init = setup);

#define TOPICS 2u
#define KEYS 8u /* in 16 places */
#define SECOND_US 1000000ull

static wr_atomic_u64 policies[TOPICS];
static struct wr_compact compact;
static struct wr_memory_sim memory;
static bool is_open;

static void tear_down(void)
{
	if (is_open) {
		wr_compact_fini(&compact);
		log_probe_close(&p);
		cr_assert_eq(memory.live_count, 0);
	}
	is_open = false;
	teardown();
}

/* Events without a payload, all of one key. */
static struct wr_record event_of(uint32_t topic, uint32_t partition_or_hash, bool is_placed)
{
	return (struct wr_record){
		.bytes = WR_RECORD_HEAD_BYTES + 8,
		.kind = WR_KIND_EVENT,
		.topic = topic,
		.key_bytes = 8,
		.key_hash = partition_or_hash,
		.flags = is_placed ? WR_RECORD_PARTITION_EXPLICIT : 0,
	};
}

static uint64_t append(struct wr_record event)
{
	log_builder_record(&b, &event, "one key");
	return b.next_seq - 1;
}

/* All topics are asked; of the log as far as it has come now. */
static void open_log(uint64_t lag_s)
{
	const struct wr_compact_options options = {
		.keys_max = KEYS, .topics = policies, .topic_count = TOPICS, .secret = {1, 2, 3}};

	for (uint32_t i = 0; i < TOPICS; i++)
		wr_store_relaxed(&policies[i], wr_compact_policy(lag_s, 0));
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0, "%s", p.problem.text);
	cr_assert_eq(wr_compact_init(&compact, &p.table, p.storage, &memory.base, &options), 0);
	is_open = true;
	(void)wr_compact_look(&compact);
}

/* What it ended with; where: compact.at_seq. */
static int pass(uint64_t end_seq, uint64_t now_us)
{
	const struct wr_compact_pass about = {.from_seq = 1, .end_seq = end_seq, .now_us = now_us};
	int r = 1;

	wr_compact_begin(&compact, &about);
	for (uint32_t i = 0; r > 0; i++) {
		cr_assert_lt(i, 100u);
		r = wr_compact_step(&compact);
	}
	return r;
}

static bool leaves(uint64_t seq, struct wr_record event)
{
	const struct wr_record_view view = {.head = &event, .key = (const uint8_t *)"one key"};

	return compact.rule.why(compact.rule.context, seq, b.time_us, &view) ==
	       WR_LEFT_OUT_COMPACTED;
}

CASE(compact, a_key_is_one_of_its_topic_and_of_the_partition_that_was_asked_for)
{
	const struct wr_record events[] = {
		event_of(0, 77, false), event_of(0, 0, true), event_of(0, 1, true),
		event_of(1, 77, false), event_of(0, 0, true), event_of(0, 77, false),
	};
	const bool is_hidden[] = {true, true, false, false, false, false};
	const uint32_t count = sizeof events / sizeof events[0];
	uint64_t seqs[6];

	log_builder_epoch(&b);
	for (uint32_t i = 0; i < count; i++)
		seqs[i] = append(events[i]);
	open_log(0);
	cr_assert_eq(pass(b.next_seq, b.time_us), 0);
	cr_expect_eq(compact.key_count, 4u);
	for (uint32_t i = 0; i < count; i++)
		cr_expect_eq(leaves(seqs[i], events[i]), is_hidden[i], "%u", i);
}

CASE(compact, keys_that_meet_in_the_table_are_told_apart)
{
	uint64_t first[KEYS];

	log_builder_epoch(&b);
	for (uint32_t i = 0; i < KEYS; i++)
		first[i] = append(event_of(0, i, true));
	for (uint32_t i = 0; i < KEYS; i += 2)
		(void)append(event_of(0, i, true));
	open_log(0);
	cr_assert_eq(pass(b.next_seq, b.time_us), 0);
	cr_expect_eq(compact.key_count, KEYS);
	for (uint32_t i = 0; i < KEYS; i++)
		cr_expect_eq(leaves(first[i], event_of(0, i, true)), i % 2 == 0, "%u", i);
}

CASE(compact, a_pass_ends_in_front_of_what_is_too_young)
{
	const struct wr_record event = event_of(0, 77, false);

	log_builder_epoch(&b);
	b.time_us = 100 * SECOND_US;
	uint64_t old = append(event), next = append(event);
	b.time_us = 150 * SECOND_US;
	uint64_t young = append(event);
	open_log(60);
	cr_assert_eq(pass(b.next_seq, 170 * SECOND_US), 0);
	cr_expect_eq(compact.at_seq, young);
	cr_expect(leaves(old, event));
	cr_expect_not(leaves(next, event), "the young one hides nothing yet");
	cr_assert_eq(pass(b.next_seq, 210 * SECOND_US), 0);
	cr_expect_eq(compact.at_seq, b.next_seq);
	cr_expect(leaves(next, event));
	/* And none is older than a clock that is behind it. */
	cr_assert_eq(pass(b.next_seq, 99 * SECOND_US), 0);
	cr_expect_eq(compact.at_seq, old);
}

/* Which may be in the middle of a batch. */
CASE(compact, what_lies_behind_the_end_of_a_pass_hides_nothing)
{
	const struct wr_record event = event_of(0, 77, false);

	log_builder_epoch(&b);
	uint64_t first = append(event);
	log_builder_batch(&b, 3, 100);
	uint64_t end = b.next_seq - 2;
	(void)append(event);
	open_log(0);
	cr_assert_eq(pass(end, b.time_us), 0);
	cr_expect_eq(compact.at_seq, end);
	cr_expect_not(leaves(first, event));
	cr_assert_eq(pass(b.next_seq, b.time_us), 0);
	cr_expect(leaves(first, event));
}

CASE(compact, a_pass_ends_where_the_log_cannot_be_read)
{
	const struct wr_record event = event_of(0, 77, false);

	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 5; i++)
		(void)append(event);
	open_log(0);
	damage(3, 30);
	cr_expect_eq(pass(b.next_seq, b.time_us), WEIR_E_CORRUPT);
	cr_expect_lt(compact.at_seq, b.next_seq);
}
