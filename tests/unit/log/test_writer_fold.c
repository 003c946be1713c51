/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever stands in the lanes, good or not, the writer's tables are the fold of the log:
 *         recovery takes every record that the writer took, and comes to the same tables. And each
 *         lane's tickets are decided in order and told once. Rules: L5, L7, L8, L10, L15, L19.
 * Method: seeded owners of five lanes that send events, runs, stamps, settles, definitions, seeks,
 *         some of them wrong; and one that sends records with bytes changed at random. The bed
 *         folds every batch that completes through wr_decide(replay) and compares at the end of a
 *         life.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include <weir/error.h>

#include "io/sim/prng.h"
#include "tests/support/log_bed.h"

#define GOOD_LANES 4u /* 0 settles, 1 to 3 carry data; 4 is the one that cannot be trusted */
#define BAD_LANE 4u

static struct log_bed bed;
static struct wr_prng prng;
static uint64_t seed;
static struct {
	uint64_t told[LOG_BED_LANES]; /* tickets, in order */
	uint64_t accepted, refused, poisoned, duplicates;
} counts;

static uint32_t below(uint32_t bound)
{
	return (uint32_t)wr_prng_below(&prng, bound);
}

static uint32_t any_topic(void)
{
	return below(wr_catalog_topic_count(&bed.tables.catalog) + 1);
}

/* ---- what owners send; 0: the lane is full, which is an answer too ---- */

static void send_event(uint32_t lane)
{
	(void)log_bed_event(&bed, lane, any_topic(), below(1000), below(300));
}

static void send_stamped(uint32_t lane)
{
	uint64_t count = wr_load_relaxed(&bed.tables.producers.count);
	struct wr_producer_stamp stamp = {.id = below((uint32_t)count + 1), .epoch = 1};
	if (stamp.id < count) {
		struct wr_producer_row *row = &bed.tables.producers.rows[stamp.id];
		stamp.epoch = (uint32_t)wr_load_relaxed(&row->epoch) - below(2);
		stamp.sequence = wr_load_relaxed(&row->last_producer_seq) + below(3);
	}
	(void)log_bed_stamped(&bed, lane, any_topic(), &stamp);
}

/* Topics with a window are those that were defined with one; elsewhere a key is refused. */
static void send_keyed(uint32_t lane)
{
	uint64_t count = wr_load_relaxed(&bed.tables.producers.count);
	struct wr_producer_stamp stamp = {.id = 0, .epoch = 1};
	bool stamped = count > 0 && below(3) == 0;
	if (stamped) {
		stamp.id = below((uint32_t)count);
		struct wr_producer_row *row = &bed.tables.producers.rows[stamp.id];
		stamp.epoch = (uint32_t)wr_load_relaxed(&row->epoch);
		stamp.sequence = wr_load_relaxed(&row->last_producer_seq) + 1;
	}
	(void)log_bed_keyed(&bed, lane, any_topic(), below(60), stamped ? &stamp : NULL);
}

static void send_keyed_run(uint32_t lane)
{
	static _Alignas(8) uint8_t run[4096];
	uint32_t records = 2 + below(12), at = WR_RECORD_HEAD_BYTES, topic = any_topic();
	for (uint32_t i = 0; i < records; i++)
		at += below(3) == 0 ? log_bed_write_event(run + at, any_topic(), i, below(50))
				    : log_bed_write_keyed(run + at, topic, below(400), NULL);
	log_bed_write_run_head(run, records, at - WR_RECORD_HEAD_BYTES);
	(void)log_bed_hand_over(&bed, lane, run, at);
}

/* A named producer gives up what it was refused, or a little less or more. */
static void send_skip(uint32_t lane)
{
	_Alignas(8) uint8_t record[64];
	uint64_t count = wr_load_relaxed(&bed.tables.producers.count);
	struct wr_control_skip skip = {.epoch = 1, .sequence = below(20)};
	uint32_t id = below((uint32_t)count + 1);
	if (id < count)
		skip.epoch = (uint32_t)wr_load_relaxed(&bed.tables.producers.rows[id].epoch);
	wr_control_write(record, WR_KIND_PRODUCER_SKIP, id, 0, NULL, 0, &skip, sizeof skip);
	(void)log_bed_hand_over(&bed, lane, record, ((struct wr_record *)record)->bytes);
}

static void send_run(uint32_t lane)
{
	static _Alignas(8) uint8_t run[8192];
	uint32_t records = 1 + below(12), at = WR_RECORD_HEAD_BYTES;
	for (uint32_t i = 0; i < records; i++)
		at += log_bed_write_event(run + at, any_topic(), i, below(120));
	log_bed_write_run_head(run, records, at - WR_RECORD_HEAD_BYTES);
	(void)log_bed_hand_over(&bed, lane, run, at);
}

static void send_settle(void)
{
	uint32_t count = wr_catalog_subscription_count(&bed.tables.catalog);
	uint32_t id = below(count + 1), row = 0;
	uint64_t position = 1, generation = 0;
	if (id < count) {
		const struct wr_subscription *s = &bed.tables.catalog.subscriptions[id];
		row = below(s->row_count + 1);
		struct wr_settle_row *r =
			&bed.tables.settle.rows[s->row_first + row % s->row_count];
		position = wr_load_relaxed(&r->position);
		generation = wr_load_relaxed(&r->generation);
	}
	uint32_t wrong = below(8) == 0;
	if (below(4) == 0) {
		uint64_t to = below(2) == 0 ? WR_POSITION_KEEP : below(200);
		(void)log_bed_generation(&bed, 0, id, row, (uint32_t)generation + 1 + wrong, to);
		return;
	}
	struct wr_control_progress progress = {
		.generation = (uint32_t)generation,
		.from = position + wrong,
		.to = position + wrong + below(20),
		.events = below(20),
		.bytes = below(1000),
	};
	(void)log_bed_progress(&bed, 0, id, row, &progress);
}

static void define_something(void)
{
	char name[16];
	uint32_t topics[2] = {any_topic(), any_topic()};
	(void)snprintf(name, sizeof name, "%s%u", below(10) == 0 ? "/" : "n", below(12));
	/* The answer is taken by whoever reads lane 0 next. */
	switch (below(4)) {
	case 0:
		(void)log_bed_topic(&bed, 5, name, below(9), NULL);
		break;
	case 3:
		(void)log_bed_window(&bed, 5, name, 1 + below(200), below(2) * 3000, NULL);
		break;
	case 1:
		(void)log_bed_subscription(&bed, 5, name, topics, 1 + below(2), below(3), below(50),
					   NULL);
		break;
	default:
		(void)log_bed_producer(&bed, 5, name, NULL);
	}
}

/* One record or run, some of its bytes changed. Poisons the lane, or is decided like any other. */
static void send_rubbish(void)
{
	_Alignas(8) uint8_t bytes[512] = {0};
	struct wr_producer_stamp stamp = {.id = 0, .epoch = 1, .sequence = 1};
	uint32_t length = 0;
	switch (below(3)) {
	case 0:
		length = log_bed_write_event(bytes, 0, below(9), below(100));
		break;
	case 1:
		length = 48;
		*(struct wr_record *)bytes =
			(struct wr_record){.bytes = 48, .option_bytes = 24, .kind = WR_KIND_EVENT};
		(void)wr_option_put(bytes + WR_RECORD_HEAD_BYTES, WR_OPTION_PRODUCER, &stamp,
				    sizeof stamp);
		break;
	default:
		for (uint32_t i = 0; i < 3; i++)
			length += log_bed_write_event(bytes + WR_RECORD_HEAD_BYTES + length, 0, i,
						      below(40));
		log_bed_write_run_head(bytes, 3, length);
		length += WR_RECORD_HEAD_BYTES;
	}
	for (uint32_t i = 0; i <= below(4); i++)
		bytes[below(below(2) == 0 ? 48 : length)] = (uint8_t)wr_prng_next(&prng);
	(void)log_bed_hand_over(&bed, BAD_LANE, bytes, length);
}

static void reopen_bad_lane(void)
{
	struct wr_lane *lane = &bed.lanes[BAD_LANE];
	uint32_t state = wr_load_relaxed(&lane->state);
	counts.poisoned += state == WR_LANE_POISONED;
	if (state == WR_LANE_OPEN || state == WR_LANE_POISONED)
		wr_lane_close(lane);
	else if (state == WR_LANE_FREE)
		wr_lane_open(lane, below(2) == 0 ? WR_LANE_DATA : WR_LANE_SETTLE, below(2) == 0);
}

static void read_answers(uint32_t lane)
{
	const struct wr_reply *reply;
	uint64_t ordered = wr_lane_ordered(&bed.lanes[lane]);
	while ((reply = wr_lane_reply_peek(&bed.lanes[lane])) != NULL) {
		cr_assert_gt(reply->ticket, counts.told[lane], "seed %llu",
			     (unsigned long long)seed);
		cr_assert_leq(reply->ticket, ordered);
		cr_assert_lt(reply->after_seq, bed.writer.next_seq);
		cr_assert(reply->code == 0 || reply->sequence == 0 ||
			  (reply->code == WEIR_E_DUPLICATE && reply->sequence <= reply->after_seq));
		counts.duplicates += reply->code == WEIR_E_DUPLICATE;
		counts.told[lane] = reply->ticket;
		counts.refused += reply->code != 0;
		wr_lane_reply_take(&bed.lanes[lane]);
	}
}

static void something_happens(void)
{
	uint32_t lane = 1 + below(GOOD_LANES - 1), what = below(100);
	if (what < 12)
		send_event(lane);
	else if (what < 20)
		send_keyed(lane);
	else if (what < 24)
		send_keyed_run(lane);
	else if (what < 25)
		send_skip(lane);
	else if (what < 35)
		send_stamped(lane);
	else if (what < 45)
		send_run(lane);
	else if (what < 57)
		send_settle();
	else if (what < 60)
		define_something();
	else if (what < 66 && wr_load_relaxed(&bed.lanes[BAD_LANE].state) == WR_LANE_OPEN)
		send_rubbish();
	else if (what < 69)
		reopen_bad_lane();
	else if (what < 76)
		read_answers(below(GOOD_LANES));
	else if (what < 90)
		(void)log_bed_step(&bed);
	else
		(void)log_bed_complete(&bed, below(4));
	if (below(500) == 0)
		wr_clock_sim_jump_wall(&bed.clock, (int64_t)below(2000000000) - 1000000000);
	if (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 32)
		log_bed_offer(&bed, 1, below(8) == 0);
}

static void live(uint64_t of_seed)
{
	seed = of_seed;
	wr_prng_init(&prng, seed);
	memset(counts.told, 0, sizeof counts.told);
	log_bed_init(&bed, &(struct log_bed_options){
				   .seal_before_ack = seed % 3 == 0,
				   .checkpoint_bytes = 40000,
				   .reply_count = 64,
			   });
	wr_lane_open(&bed.lanes[0], WR_LANE_SETTLE, true);
	for (uint32_t lane = 1; lane < GOOD_LANES; lane++)
		wr_lane_open(&bed.lanes[lane], WR_LANE_DATA, true);
	wr_lane_open(&bed.lanes[5], WR_LANE_SETTLE, true);
	for (uint32_t i = 0; i < 4000; i++) {
		something_happens();
		if (below(50) == 0)
			wr_store_release(&bed.link.checkpoint.state, (uint32_t)WR_CHECKPOINT_IDLE);
	}
	/* A journal gives each checkpoint back; until then a window may have to wait for it. */
	wr_store_release(&bed.link.checkpoint.state, (uint32_t)WR_CHECKPOINT_IDLE);
	while (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 0)
		log_bed_offer(&bed, 1, false);
	log_bed_settle_down(&bed);
	for (uint32_t lane = 0; lane < GOOD_LANES; lane++) {
		read_answers(lane);
		cr_assert_eq(wr_lane_ordered(&bed.lanes[lane]), bed.lanes[lane].handed_over,
			     "seed %llu lane %u", (unsigned long long)seed, lane);
		cr_assert_eq(wr_load_relaxed(&bed.durable[lane].durable_ticket),
			     bed.lanes[lane].handed_over);
		cr_assert_eq(wr_load_relaxed(&bed.lanes[lane].state), WR_LANE_OPEN);
	}
	counts.accepted += bed.writer.next_seq;
	log_bed_check_fold(&bed);
	log_bed_fini(&bed);
}

static void live_through(uint64_t first, uint64_t count)
{
	for (uint64_t s = first; s < first + count; s++) {
		cr_log_info("seed %llu", (unsigned long long)s);
		live(s);
	}
	/* The lives were worth it: some of everything happened. */
	cr_expect_gt(counts.accepted, count * 500);
	cr_expect_gt(counts.refused, count * 100);
	cr_expect_gt(counts.poisoned, count * 5);
	cr_expect_gt(counts.duplicates, count * 5);
}

Test(writer_fold, the_tables_are_the_fold_of_the_log)
{
	live_through(1, 50);
}

Test(writer_fold, and_again_with_other_seeds)
{
	live_through(1001, 50);
}
