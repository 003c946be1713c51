/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever marks, settles, rejects and runs stand in the lanes, good or not, the writer's
 *         tables are the fold of the log; a settle in a run that is refused leaves nothing behind.
 *         Rules: L7, L8, L15, L19.
 * Method: a seeded owner of the control lane that sends records of two shared subscriptions, and
 *         runs of dead letters (an event and its settle) that are refused now and then, beside
 *         lanes with data. The bed folds each batch as recovery does, and compares at the end.
 */
#include <criterion/criterion.h>

#include <weir/error.h>

#include "io/sim/prng.h"
#include "tests/support/log_bed.h"
#include "tests/support/share_records.h"

#define QUEUES 2u
#define RUNS_MAX 6u

static struct log_bed bed;
static struct wr_prng prng;
static uint32_t topic;
static uint64_t accepted, refused;
static _Alignas(8) uint8_t record[4096];

static uint32_t below(uint32_t bound)
{
	return (uint32_t)wr_prng_below(&prng, bound);
}

static void make_queue(const char *name, uint32_t order)
{
	uint8_t payload[WR_CONTROL_SUBSCRIPTION_BYTES_MAX];
	struct wr_control_subscription s = {.topic_count = 1,
					    .start = WR_START_NEWEST,
					    .topics = {topic},
					    .order = order,
					    .outstanding_max = 40};
	uint32_t bytes = wr_control_subscription_put(&s, false, payload);
	wr_control_write(record, WR_KIND_SUBSCRIPTION, 0, 0, name, (uint32_t)strlen(name), payload,
			 bytes);
	((struct wr_record *)record)->flags |= WR_RECORD_WANTS_REPLY;
	(void)log_bed_hand_over(&bed, 0, record,
				wr_record_stride(((struct wr_record *)record)->bytes));
	(void)log_bed_step(&bed);
	cr_assert_eq(log_bed_reply(&bed, 0).code, 0);
}

static void hand_over(uint32_t bytes)
{
	(void)log_bed_hand_over(&bed, 0, record, wr_record_stride(bytes));
}

static void send_mark(uint32_t queue)
{
	struct wr_mark_event events[8];
	const struct wr_outstanding_list *list = &bed.tables.outstanding.lists[queue];
	struct wr_mark_head head = {.from = list->frontier + (below(15) == 0 ? 1 : 0), .keyed = 1};
	uint64_t next = head.from, end = bed.writer.next_seq;
	while (head.count < 8 && next + 2 < end && below(8) > 0) {
		struct wr_mark_event *event = &events[head.count++];
		*event = (struct wr_mark_event){
			.seq = next + below(2), .key = 1 + below(3), .bytes = 1 + below(300)};
		event->row = below(20) == 0 ? 4 : below(4);
		next = event->seq + 1;
	}
	head.to = next + (below(30) == 0 ? 100000 : 0);
	hand_over(share_write_mark(record, queue, &head, events));
}

/* Of what is outstanding now, from a drawn place on; what is in the lane is not known here. */
static uint32_t draw_runs(uint32_t queue, struct wr_settle_run *runs)
{
	const struct wr_outstanding *o = &bed.tables.outstanding;
	uint32_t count = 0;
	for (uint32_t at = o->lists[queue].first; at != WR_NO_ENTRY && count < RUNS_MAX;
	     at = o->entries[at].next) {
		const struct wr_outstanding_entry *e = &o->entries[at];
		if (below(3) == 0)
			continue;
		runs[count] = (struct wr_settle_run){
			.first = e->seq, .last = e->seq, .count = 1, .generation = e->generation};
		for (; e->next != WR_NO_ENTRY && below(2) == 0; runs[count].count++) {
			at = e->next;
			e = &o->entries[at];
			runs[count].last = e->seq;
		}
		runs[count].generation += below(10) == 0;
		count++;
	}
	return count;
}

static void send_settle(uint32_t queue)
{
	struct wr_settle_run runs[RUNS_MAX];
	uint32_t count = draw_runs(queue, runs);
	if (count > 0)
		hand_over(share_write_settle(record, queue, runs, count));
}

static void send_reject(uint32_t queue)
{
	struct wr_settle_run runs[RUNS_MAX];
	if (draw_runs(queue, runs) == 0)
		return;
	struct wr_reject reject = {
		.seq = runs[0].first,
		.generation = runs[0].generation,
		.verdict = WR_VERDICT_RETRY + below(WR_VERDICT_DEAD),
		.failed_us = 1 + below(1000),
		.not_before_us = below(1000),
		.reason = below(9),
	};
	hand_over(share_write_reject(record, queue, &reject));
}

/* Dead letters: copies and settles; and in some a record that is refused, at any place. */
static void send_run(void)
{
	uint32_t at = WR_RECORD_HEAD_BYTES, records = 0;
	bool bad = below(2) == 0;
	for (uint32_t i = 0; i < 1 + below(3); i++) {
		struct wr_settle_run runs[RUNS_MAX];
		uint32_t queue = below(QUEUES), count = draw_runs(queue, runs);
		at += log_bed_write_event(record + at, topic, i, below(60));
		records++;
		if (count == 0)
			continue;
		at += wr_record_stride(share_write_settle(record + at, queue, runs, count));
		records++;
	}
	if (bad) {
		at += log_bed_write_event(record + at, 7, 0, 8); /* no such topic */
		records++;
	}
	log_bed_write_run_head(record, records, at - WR_RECORD_HEAD_BYTES);
	(void)log_bed_hand_over(&bed, 0, record, at);
}

static void read_answers(void)
{
	const struct wr_reply *reply;
	while ((reply = wr_lane_reply_peek(&bed.lanes[0])) != NULL) {
		refused += reply->code != 0;
		wr_lane_reply_take(&bed.lanes[0]);
	}
}

static void something_happens(void)
{
	uint32_t queue = below(QUEUES), what = below(100);
	if (what < 25)
		(void)log_bed_event(&bed, 1 + below(3), topic, below(1000), below(200));
	else if (what < 40)
		send_mark(queue);
	else if (what < 50)
		send_settle(queue);
	else if (what < 57)
		send_reject(queue);
	else if (what < 65)
		send_run();
	else if (what < 70)
		read_answers();
	else if (what < 90)
		(void)log_bed_step(&bed);
	else
		(void)log_bed_complete(&bed, below(4));
	if (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 32)
		log_bed_offer(&bed, 1, below(8) == 0);
}

static void live(uint64_t seed)
{
	wr_prng_init(&prng, seed);
	cr_log_info("seed %llu", (unsigned long long)seed);
	topic = log_bed_start(&bed, &(struct log_bed_options){.checkpoint_bytes = 40000,
							      .seal_before_ack = seed % 3 == 0});
	make_queue("keyed", WR_ORDER_KEY);
	make_queue("free", WR_ORDER_NONE);
	for (uint32_t i = 0; i < 2500; i++) {
		something_happens();
		if (below(50) == 0)
			wr_store_release(&bed.link.checkpoint.state, (uint32_t)WR_CHECKPOINT_IDLE);
	}
	read_answers();
	while (wr_spsc_room_for(&bed.link.extents_ring, LOG_BED_EXTENTS) > 0)
		log_bed_offer(&bed, 1, false);
	log_bed_settle_down(&bed);
	read_answers();
	cr_expect_eq(wr_load_relaxed(&bed.lanes[0].state), WR_LANE_OPEN);
	for (uint32_t queue = 0; queue < QUEUES; queue++) {
		struct wr_settle_row *row =
			&bed.tables.settle.rows[bed.tables.catalog.subscriptions[queue].row_first];
		accepted += wr_load_relaxed(&row->position) > 1;
		for (uint32_t r = 0; r < 4; r++)
			accepted += wr_load_relaxed(&row[r].events);
	}
	log_bed_end(&bed);
}

Test(outstanding_fold, the_tables_are_the_fold_of_the_log, .timeout = 120)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		live(seed);
	cr_expect_gt(accepted, 40 * 50);
	cr_expect_gt(refused, 40 * 20);
}
