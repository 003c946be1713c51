/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/writer.h"

#include <errno.h>
#include <string.h>

#include "core/base/bug.h"
#include "core/base/probe.h"

#define ROUND_BYTES (1024u * 1024)
#define SETTLE_QUANTUM_BYTES (64u * 1024)
#define DATA_QUANTUM_BYTES (256u * 1024)

int wr_writer_init(struct wr_writer *w, struct wr_memory *memory, struct wr_chunks *chunks,
		   struct wr_tables *tables, struct wr_lane *lanes, uint32_t lane_count,
		   struct wr_journal_link *link, struct wr_clock *clock,
		   const struct wr_writer_options *options)
{
	*w = (struct wr_writer){
		.chunks = chunks,
		.tables = tables,
		.lanes = lanes,
		.lane_count = lane_count,
		.link = link,
		.options = *options,
		.next_seq = options->next_seq,
		.chain = options->chain,
		.checkpoint_bytes_since = options->checkpoint_bytes_ago,
		.checkpoint_keys_bytes = wr_keys_save_bytes(&tables->keys) +
					 wr_versions_save_bytes(&tables->versions),
		/* Recovery has made durable what it found. */
		.captured_needed_seq = wr_settle_needed_seq(&tables->settle),
		.moved_needed_seq = UINT64_MAX,
		.first_record_done = options->first_record_bytes == 0,
		.filters_seen = UINT64_MAX,
	};
	if (options->chain_link != NULL)
		memcpy(w->chain_link, options->chain_link, sizeof w->chain_link);
	w->has_chain_link = options->chain_link != NULL;
	wr_room_init(&w->room);
	w->undo.capacity = options->run_records_max * WR_UNDO_CELLS;
	w->undo.entries =
		memory->ops->alloc(memory, w->undo.capacity * sizeof *w->undo.entries, 64);
	w->taken = memory->ops->alloc(memory, lane_count * sizeof *w->taken, 64);
	if (w->undo.entries == NULL || w->taken == NULL || wr_writer_copiers_init(w, memory) != 0) {
		wr_writer_fini(w, memory);
		return -ENOMEM;
	}
	wr_append_clock_init(&w->clock, clock, options->last_time_us);
	wr_writer_stamp_round(w);
	w->active_ns = w->clock.boot_seen_ns;
	w->now_us = w->clock.now_us;
	wr_store_relaxed(&w->visible_seq, w->next_seq - 1);
	return 0;
}

void wr_writer_fini(struct wr_writer *w, struct wr_memory *memory)
{
	if (w->undo.entries != NULL)
		memory->ops->free(memory, w->undo.entries,
				  w->undo.capacity * sizeof *w->undo.entries);
	w->undo.entries = NULL;
	if (w->taken != NULL)
		memory->ops->free(memory, w->taken, w->lane_count * sizeof *w->taken);
	w->taken = NULL;
	wr_writer_copiers_fini(w, memory);
}

/*
 * The owner is gone: free the lane once everything of it is decided and its last mark has come
 * through (with seal_before_ack that is later than its commit's completion). The next owner's
 * tickets begin at 1 again, and nothing of them is durable. False: not yet.
 */
static bool free_closed_lane(struct wr_writer *w, struct wr_lane *lane)
{
	if (w->link != NULL) {
		struct wr_lane_durable *d = &w->link->lanes[lane->index];
		/* After a failure nothing comes through any more, and nothing is waited for. */
		if (wr_load_acquire(&w->link->failed) == 0 && /* D1 */
		    (lane->marked != lane->ordered_own ||
		     wr_load_acquire(&d->durable_ticket) != lane->ordered_own) && /* D1 */
		    !WR_BUG(LANE_FREED_TOO_EARLY))
			return false;
		wr_store_relaxed(&d->written_ticket, 0u); /* S1: published by the state */
		wr_store_relaxed(&d->durable_ticket, 0u);
	}
	wr_store_release(&lane->state, (uint32_t)WR_LANE_FREE); /* S1 */
	return true;
}

/* Finds the lanes that are somebody's, reads their tails once. Bytes that wait in them. */
static uint64_t look_at_lanes(struct wr_writer *w)
{
	uint64_t waiting = 0;
	w->taken_count = 0;
	for (uint32_t i = 0; i < w->lane_count; i++) {
		struct wr_lane *lane = &w->lanes[i];
		uint32_t state = wr_load_acquire(&lane->state); /* S1 */
		if (state == WR_LANE_FREE)
			continue;
		uint64_t bytes = 0;
		if (!lane->poisoned)
			bytes = wr_lane_peek_tail(lane);
		if (bytes > lane->capacity_bytes || bytes % WR_RECORD_ALIGN != 0) {
			wr_writer_poison(w, lane);
			wr_lane_shut_out(lane);
			w->has_decided = true;
			bytes = 0;
		}
		if (bytes == 0 && state == WR_LANE_CLOSING && free_closed_lane(w, lane))
			continue;
		waiting += bytes;
		w->taken[w->taken_count++] = i;
	}
	return waiting;
}

static void publish_visible(struct wr_writer *w)
{
	if (wr_load_relaxed(&w->visible_seq) == w->next_seq - 1) /* own */
		return;
	wr_publish_round_u64(&w->visible_seq, w->next_seq - 1); /* G1 */
}

/* Of runs that were timed: those that are decided. Two looks at the clock for all of them. */
static void tell_samples(struct wr_writer *w, struct wr_lane *lane, uint64_t begun_ns)
{
	struct wr_spsc *ring = &lane->sample_ring;
	uint64_t now_ns = wr_clock_mono_ns(w->clock.clock);

	for (; wr_spsc_ready(ring) > 0; wr_spsc_pop(ring, 1)) {
		const struct wr_lane_sample s = lane->samples[wr_spsc_pop_index(ring, 0)];
		if (s.ticket > lane->ordered_own)
			break;
		wr_tally_record_many(&w->tally->wait_ns, begun_ns - wr_min_u64(s.at_ns, begun_ns),
				     s.weight);
		wr_tally_record_many(&w->tally->ordered_ns, now_ns - wr_min_u64(s.at_ns, now_ns),
				     s.weight);
		if (w->link == NULL)
			continue;
		w->weight_left += s.weight;
		if (wr_spsc_room(&w->link->samples_ring) == 0)
			continue; /* the next one stands for it, too */
		w->link->samples[wr_spsc_push_index(&w->link->samples_ring, 0)] =
			(struct wr_ack_sample){
				.seq = w->next_seq - 1, .at_ns = s.at_ns, .weight = w->weight_left};
		wr_spsc_push(&w->link->samples_ring, 1);
		w->weight_left = 0;
	}
}

/* One lane's turn. False when there is no room for its kind in this round. */
static bool serve(struct wr_writer *w, struct wr_lane *lane, uint32_t bytes_max, uint64_t *taken)
{
	if (lane->head_own == lane->tail_round)
		return true;
	bool blocked;
	bool timed = w->tally != NULL && wr_spsc_ready(&lane->sample_ring) > 0;
	uint64_t begun_ns = timed ? wr_clock_mono_ns(w->clock.clock) : 0;
	uint64_t ordered = lane->ordered_own;
	uint64_t bytes = wr_writer_take(w, lane, bytes_max, &blocked);
	if (lane->ordered_own != ordered) {
		/* The gate first: who learns that a ticket is ordered finds it visible. */
		publish_visible(w);
		wr_lane_publish_taken(lane);
		WR_PROBE3(ordered, (uintptr_t)lane, lane->ordered_own, w->next_seq - 1);
		w->has_decided = true;
		if (timed)
			tell_samples(w, lane, begun_ns);
	}
	if (WR_UNLIKELY(lane->poisoned)) {
		wr_lane_shut_out(lane);
		w->has_decided = true;
	}
	*taken += bytes;
	return !blocked;
}

/* They take turns too: in a shortage the first may use up all the room that there is. */
static uint64_t serve_settles(struct wr_writer *w)
{
	uint64_t taken = 0;
	for (uint32_t i = 0; i < w->taken_count && !WR_BUG(SETTLES_ARE_DATA); i++) {
		struct wr_lane *lane = &w->lanes[w->taken[(w->turn + i) % w->taken_count]];
		if (lane->kind != WR_LANE_DATA && !serve(w, lane, SETTLE_QUANTUM_BYTES, &taken)) {
			w->lacks_room = true;
			break;
		}
	}
	return taken;
}

static uint64_t serve_data(struct wr_writer *w, uint64_t bytes_max)
{
	uint64_t taken = 0, may = wr_writer_data_bytes(w);
	w->turn++;
	bytes_max = wr_min_u64(bytes_max, wr_max_u64(may, 1));
	for (uint32_t k = 0; k < w->taken_count && taken < bytes_max; k++) {
		struct wr_lane *lane = &w->lanes[w->taken[(w->turn + k) % w->taken_count]];
		if ((lane->kind != WR_LANE_DATA && !WR_BUG(SETTLES_ARE_DATA)) ||
		    lane->head_own == lane->tail_round)
			continue;
		uint64_t quantum = wr_min_u64(DATA_QUANTUM_BYTES, may - taken);
		if (may == 0 || !serve(w, lane, (uint32_t)quantum, &taken)) {
			wr_store_relaxed(&w->stats.held_rounds,
					 wr_load_relaxed(&w->stats.held_rounds) + 1); /* own */
			w->lacks_room = true;
			break;
		}
	}
	return taken;
}

/* The record that opens the epoch, before anything else of it. */
bool wr_writer_open_epoch(struct wr_writer *w)
{
	uint32_t stride = wr_record_stride(w->options.first_record_bytes);
	if (!wr_writer_make_room(w, stride, true))
		return false;
	wr_keys_epoch(&w->tables->keys, w->now_us);
	wr_writer_append_own(w, w->options.first_record, w->options.first_record_bytes);
	w->first_record_done = true;
	publish_visible(w);
	return true;
}

void wr_writer_stamp_round(struct wr_writer *w)
{
	w->now_us = wr_append_clock_now_us(&w->clock);
	uint64_t offset_us = w->now_us - w->clock.boot_seen_ns / 1000;
	if (wr_load_relaxed(&w->append_minus_boot_us) != offset_us) /* own */
		wr_store_relaxed(&w->append_minus_boot_us, offset_us);
}

uint64_t wr_writer_append_now_us(struct wr_writer *w)
{
	return wr_clock_boot_ns(w->clock.clock) / 1000 + wr_load_relaxed(&w->append_minus_boot_us);
}

int wr_writer_step(void *writer, uint32_t budget)
{
	struct wr_writer *w = writer;
	if (w->link != NULL) {
		if (wr_load_acquire(&w->link->failed) != 0) { /* D1 */
			(void)look_at_lanes(w);
			return 0;
		}
		uint64_t done = wr_load_acquire(&w->link->commits_done); /* D1 */
		if (done != w->commits_done)
			w->active_ns = w->clock.boot_seen_ns;
		w->commits_done = done;
		wr_writer_checkpoint_seen(w);
	}
	uint64_t first_seq = w->next_seq;
	uint64_t taken = 0;
	w->lacks_room = false;
	wr_writer_stamp_round(w);
	if (!w->first_record_done && !wr_writer_open_epoch(w))
		return 0;
	wr_lengths_follow(w->tables);
	if (w->shared != NULL)
		wr_shared_feed(w->shared);
	if (look_at_lanes(w) > 0) {
		uint64_t round_bytes = budget != 0 ? budget : ROUND_BYTES;
		taken = serve_settles(w);
		/* At least a quarter of the round is left for data (L11). */
		uint64_t left = taken < round_bytes - round_bytes / 4 ? round_bytes - taken
								      : round_bytes / 4;
		taken += serve_data(w, left);
	}
	if (w->shared != NULL)
		(void)wr_shared_answer(w->shared);
	int work = 0;
	if (w->link != NULL && wr_writer_roll(w) > 0) {
		publish_visible(w);
		work++;
	}
	work += wr_writer_seal_if_due(w);
	if (w->next_seq != first_seq) {
		w->active_ns = w->clock.boot_seen_ns;
		wr_store_relaxed(&w->stats.records, w->next_seq - w->options.next_seq);
	}
	/* Refusals move no sequence, but who waits for decisions waits for them, too. */
	if ((w->next_seq != first_seq || w->has_decided) && w->moved != NULL)
		w->moved(w->moved_context);
	w->has_decided = false;
	wr_store_relaxed(&w->stats.rounds, wr_load_relaxed(&w->stats.rounds) + 1); /* own */
	return work + (int)wr_min_u64(taken, INT32_MAX / 2);
}

bool wr_writer_is_idle(struct wr_writer *w)
{
	if (w->link == NULL)
		return look_at_lanes(w) == 0;
	if (wr_load_acquire(&w->link->failed) != 0) /* D1 */
		return true;
	return look_at_lanes(w) == 0 && !wr_writer_has_records(w) &&
	       wr_load_acquire(&w->link->commits_done) == w->commits_pushed; /* D1 */
}
