/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of the writer: when one is opened, sealed, filled up, attested, and when the tables are
 * captured for a checkpoint.
 *
 * When to seal: nothing in flight → at once; something in flight → when the batch is large, or
 * when a completion has come since the last seal; a full chunk → at once. So a
 * batch is what gathered while the medium was busy, and nothing waits for a timer.
 */
#include "core/log/writer.h"

#include <string.h>

#include "core/base/bug.h"
#include "core/base/crc32c.h"

#define SEAL_BYTES (256u * 1024)
/* A batch of so much takes the medium so long that more is to be done meanwhile. */
#define NAP_BYTES (64u * 1024)
/* A slow medium is waited for in naps; one that does not answer, awake. */
#define NAP_NS 300000u
#define NAPS_MAX 16u

static uint64_t medium_seq(const struct wr_writer *w)
{
	return wr_load_acquire(&w->link->medium_seq); /* D1 */
}

static bool can_commit(struct wr_writer *w)
{
	return wr_spsc_room(&w->link->commits_ring) > 0 &&
	       wr_spsc_room_for(&w->link->marks_ring, w->lane_count) >= w->lane_count;
}

/* For each lane that had tickets decided since its last mark: up to which. */
static uint32_t push_marks(struct wr_writer *w)
{
	struct wr_journal_link *link = w->link;
	uint32_t count = 0;
	for (uint32_t i = 0; i < w->taken_count; i++) {
		struct wr_lane *lane = &w->lanes[w->taken[i]];
		if (lane->marked == lane->ordered_own)
			continue;
		lane->marked = lane->ordered_own;
		link->marks[wr_spsc_push_index(&link->marks_ring, count++)] =
			(struct wr_lane_mark){.lane = lane->index, .ticket = lane->ordered_own};
	}
	wr_spsc_push(&link->marks_ring, count);
	return count;
}

static struct wr_batch_place place_of(const struct wr_writer *w, uint32_t chunk_offset)
{
	return (struct wr_batch_place){
		.uuid = w->options.uuid,
		.log_id = w->options.log_id,
		.segment_id = w->chunk->extent.segment_id,
		.segment_offset = w->chunk->extent.segment_offset + chunk_offset,
	};
}

/* Of the batch that was begun last in it. */
static wr_atomic_u64 *last_durable_ns(struct wr_chunk *chunk)
{
	return &chunk->durable_ns[wr_load_relaxed(&chunk->batch_count) - 1]; /* own */
}

/* The header of `kind` stands at chunk_offset, opened; seals it and hands it to the journal. */
static void commit(struct wr_writer *w, uint32_t chunk_offset, uint32_t skip_bytes)
{
	struct wr_journal_link *link = w->link;
	uint8_t *bytes = w->chunk->writable + chunk_offset;
	const struct wr_batch_header *header = (const struct wr_batch_header *)bytes;
	struct wr_batch_place place = place_of(w, chunk_offset);
	bool data = header->batch_kind == WR_BATCH_DATA;
	struct wr_batch_seal seal = {
		.place = &place,
		.seed = w->seed,
		.body_bytes =
			data ? w->chunk->used_bytes - chunk_offset - WR_BATCH_HEADER_BYTES : 0,
		.record_count = data ? w->chunk->record_count - w->batch_first_index : 0,
		.skip_bytes = skip_bytes,
		.body_crc_part = data ? w->batch_crc : w->seed,
		.durable_seq = WR_BUG(ATTESTS_UNWRITTEN) ? w->next_seq - 1 : medium_seq(w),
		.chain = w->chain,
		.chain_key = w->options.chain_key,
		.link_before = w->has_chain_link ? w->chain_link : NULL,
	};
	uint32_t batch_bytes = wr_batch_seal(bytes, &seal, &w->chain);
	if (WR_BUG(FILLER_NOT_CHAINED) && header->batch_kind == WR_BATCH_FILLER)
		w->chain = seal.chain;
	if (seal.chain_key != NULL) {
		memcpy(w->chain_link, header->link, sizeof w->chain_link);
		w->has_chain_link = true;
	}
	w->attested_seq = seal.durable_seq;
	w->last_segment_id = place.segment_id;
	w->last_offset = place.segment_offset;
	w->last_end_offset = place.segment_offset + batch_bytes + skip_bytes;
	w->chunk->used_bytes = chunk_offset + batch_bytes;

	link->commits[wr_spsc_push_index(&link->commits_ring, 0)] = (struct wr_commit){
		.bytes = w->chunk->readable + chunk_offset,
		.batch_bytes = batch_bytes,
		.file = w->chunk->extent.file,
		.segment_id = place.segment_id,
		.segment_offset = place.segment_offset,
		.first_seq = data ? w->batch_first_seq : w->next_seq,
		.end_seq = w->next_seq,
		.durable_seq = seal.durable_seq,
		.time_us = header->time_base_us,
		.durable_ns = data && w->tally != NULL ? last_durable_ns(w->chunk) : NULL,
		.header_crc = w->chain,
		.mark_count = push_marks(w),
	};
	wr_spsc_push(&link->commits_ring, 1);
	w->commits_pushed++;
	w->commits_done_at_seal = w->commits_done;
	w->chunk->last_commit = w->commits_pushed;
	w->checkpoint_bytes_since += batch_bytes;
	wr_store_relaxed(&w->stats.commits, w->commits_pushed);
}

uint64_t wr_writer_needed_seq(const struct wr_writer *w)
{
	uint64_t needed = wr_min_u64(wr_settle_needed_seq(&w->tables->settle), w->next_seq);
	for (uint32_t i = 0; i < w->hold_count; i++)
		needed = wr_min_u64(needed, wr_load_acquire(&w->holds[i].count_seq)); /* H2 */
	return needed;
}

/*
 * Retention's gate (D3) goes up only by what is durable: by what the checkpoint before this one
 * took, whose batch is, since its slot is back; less where a position was moved to since then. What
 * was acknowledged after that may be lost in a crash, and a position that comes back must find what
 * it needs.
 */
static uint64_t durably_needed_seq(const struct wr_writer *w)
{
	return wr_min_u64(wr_min_u64(w->captured_needed_seq, w->moved_needed_seq),
			  wr_writer_needed_seq(w));
}

/*
 * On a full disk, and where data waits for room, nothing is appended that would make the next
 * checkpoint due, and retention never passes the older of two: so every step forward of what is
 * needed is worth one, and then one more, or else acknowledgements would free nothing (L31).
 */
static bool checkpoint_frees(const struct wr_writer *w)
{
	uint64_t kept =
		wr_min_u64(w->checkpoint_gates[1], wr_load_relaxed(&w->link->needed_seq)); /* own */
	return w->options.retires && w->options.checkpoint_bytes != 0 &&
	       (w->is_held || wr_load_acquire(&w->link->starved) != 0) && /* D2 */
	       kept < wr_min_u64(wr_writer_needed_seq(w), w->next_seq - 1);
}

/* What is to be erased leaves the medium below two checkpoints only (journal_erase.c). */
static bool checkpoint_erases(const struct wr_writer *w)
{
	uint64_t wanted = wr_load_acquire(&w->link->gate_seq); /* ER2 */
	uint64_t kept =
		wr_min_u64(w->checkpoint_gates[1], wr_load_relaxed(&w->link->needed_seq)); /* own */
	return wanted > kept && w->options.checkpoint_bytes != 0 &&
	       wanted <= wr_min_u64(wr_writer_needed_seq(w), w->next_seq - 1);
}

static bool checkpoint_is_wanted(const struct wr_writer *w)
{
	return checkpoint_frees(w) || checkpoint_erases(w);
}

/* What the journal writes out is not needed any more: the rings of keys may go on (K2). */
void wr_writer_checkpoint_seen(struct wr_writer *w)
{
	if (wr_tables_captured(w->tables) &&
	    wr_load_acquire(&w->link->checkpoint.state) == WR_CHECKPOINT_IDLE) /* K1 */
		wr_tables_release(w->tables);
}

/*
 * Copies the tables for the journal to write: as they are at the end of the last batch, behind
 * which nothing was appended. True when it did.
 */
static bool capture_checkpoint(struct wr_writer *w)
{
	struct wr_checkpoint_job *job = &w->link->checkpoint;
	/* Four times its size at least (L30): the windows of keys make most of that. */
	if (w->options.checkpoint_bytes == 0 ||
	    (w->checkpoint_bytes_since <
		     wr_max_u64(w->options.checkpoint_bytes, 4 * w->checkpoint_keys_bytes) &&
	     !checkpoint_is_wanted(w)))
		return false;
	if (wr_load_acquire(&job->state) != WR_CHECKPOINT_IDLE) /* K1 */
		return false;
	struct wr_sink sink = {.bytes = job->buffer, .capacity_bytes = job->buffer_bytes};
	wr_tables_save_small(w->tables, &sink);
	WR_ASSERT(!sink.failed);
	job->bytes = (uint32_t)sink.used_bytes;
	/* Read by the journal while we go on. */
	job->more_bytes = wr_tables_capture(w->tables);
	w->checkpoint_keys_bytes =
		job->more_bytes + w->tables->saved_rare_bytes + w->tables->filters.used_bytes;
	job->header_crc = w->chain;
	job->last_seq = w->next_seq - 1;
	job->segment_id = w->last_segment_id;
	job->segment_offset = w->last_offset;
	job->needed_seq = wr_writer_needed_seq(w);
	wr_store_release(&w->link->needed_seq, durably_needed_seq(w)); /* D3 */
	w->captured_needed_seq = job->needed_seq;
	w->moved_needed_seq = UINT64_MAX;
	wr_store_release(&job->state, (uint32_t)WR_CHECKPOINT_CAPTURED); /* K1 */
	w->checkpoint_bytes_since = 0;
	w->checkpoint_gates[1] = w->checkpoint_gates[0];
	w->checkpoint_gates[0] = wr_min_u64(job->needed_seq, job->last_seq);
	return true;
}

static void seal_data(struct wr_writer *w)
{
	WR_ASSERT(wr_writer_has_records(w));
	w->batch_open = false;
	if (w->link == NULL) {
		w->chunk->used_bytes = (uint32_t)wr_round_up(w->chunk->used_bytes, WR_BLOCK_BYTES);
		return;
	}
	commit(w, w->batch_place, 0);
	(void)capture_checkpoint(w);
}

/* A block without records: FILLER or EVIDENCE. */
static void commit_block(struct wr_writer *w, enum wr_batch_kind kind, uint32_t skip_bytes)
{
	uint32_t at = w->chunk->used_bytes;
	wr_batch_open(w->chunk->writable + at, kind, w->options.log_id, w->options.epoch,
		      w->next_seq, w->now_us);
	commit(w, at, skip_bytes);
}

/* Closes the chunk: a filler for what is left of its extent. The batch is sealed. */
static bool close_chunk(struct wr_writer *w)
{
	uint32_t left = wr_writer_room(w);
	if (w->link != NULL && left > 0) {
		if (!can_commit(w))
			return false;
		commit_block(w, WR_BATCH_FILLER, left - WR_BLOCK_BYTES);
	}
	wr_store_release(&w->chunk->end_seq, w->next_seq); /* C2 */
	w->chunk = NULL;
	return true;
}

static void open_batch(struct wr_writer *w)
{
	struct wr_chunk *chunk = w->chunk;
	w->batch_open = true;
	w->batch_place = chunk->used_bytes;
	w->batch_first_index = chunk->record_count;
	w->batch_first_seq = w->next_seq;
	w->batch_time_us = w->now_us;
	w->batch_crc = w->seed;
	wr_batch_open(chunk->writable + chunk->used_bytes, WR_BATCH_DATA, w->options.log_id,
		      w->options.epoch, w->next_seq, w->now_us);
	chunk->used_bytes += WR_BATCH_HEADER_BYTES;
}

/* An open batch without records, because room was made and nothing came: taken back. */
static void drop_empty_batch(struct wr_writer *w)
{
	if (!w->batch_open || wr_writer_has_records(w))
		return;
	w->batch_open = false;
	w->chunk->used_bytes = w->batch_place;
}

bool wr_writer_make_room(struct wr_writer *w, uint32_t bytes, bool control)
{
	for (;;) {
		if (!control && w->chunk != NULL && w->chunk_is_kept && !wr_writer_data_may_go(w))
			return false;
		if (w->batch_open) {
			bool fits = wr_writer_room(w) >= bytes;
			if (fits && w->now_us - w->batch_time_us <= UINT32_MAX)
				return true;
			if (wr_writer_has_records(w)) {
				if (w->link != NULL && !can_commit(w))
					return false;
				seal_data(w);
			} else {
				drop_empty_batch(w);
			}
		} else if (w->chunk == NULL) {
			if (!wr_writer_open_chunk(w, control))
				return false;
		} else if (wr_writer_room(w) < WR_BATCH_HEADER_BYTES + bytes) {
			if (!close_chunk(w))
				return false;
		} else {
			open_batch(w);
		}
	}
}

static bool evidence_is_due(struct wr_writer *w)
{
	uint64_t medium = medium_seq(w);
	if (WR_BUG(NO_IDLE_EVIDENCE))
		return false;
	if (medium <= w->attested_seq || medium < w->next_seq - 1)
		return w->options.seal_before_ack && medium > w->attested_seq;
	return w->options.seal_before_ack ||
	       w->clock.boot_seen_ns - w->active_ns >= w->options.evidence_delay_ns;
}

/* With seal_before_ack an acknowledgement waits for it: that is worth the reserve. */
static bool evidence_may_go(struct wr_writer *w)
{
	return w->options.seal_before_ack || wr_writer_block_may_go(w);
}

/* A block for FILLER or EVIDENCE at the end of the chunk, in a new one if need be. */
static bool make_block(struct wr_writer *w)
{
	drop_empty_batch(w);
	if (w->chunk != NULL && wr_writer_room(w) == 0 && !close_chunk(w))
		return false;
	return (w->chunk != NULL || wr_writer_open_chunk_to_attest(w)) && can_commit(w);
}

/*
 * Lanes with nothing but refusals since their last mark are told too: what the refusals depend on
 * is durable once everything before this is (L9).
 */
static int mark_refusals(struct wr_writer *w)
{
	struct wr_journal_link *link = w->link;
	bool any = false;
	for (uint32_t i = 0; i < w->taken_count && !any; i++)
		any = w->lanes[w->taken[i]].marked != w->lanes[w->taken[i]].ordered_own;
	if (!any || !can_commit(w) || WR_BUG(REFUSALS_UNMARKED))
		return 0;
	link->commits[wr_spsc_push_index(&link->commits_ring, 0)] = (struct wr_commit){
		.segment_id = w->last_segment_id,
		.segment_offset = w->last_offset,
		.first_seq = w->next_seq,
		.end_seq = w->next_seq,
		.durable_seq = w->attested_seq,
		.header_crc = w->chain,
		.mark_count = push_marks(w),
	};
	wr_spsc_push(&link->commits_ring, 1);
	w->commits_pushed++;
	return 1;
}

int wr_writer_seal_if_due(struct wr_writer *w)
{
	if (w->link == NULL)
		return 0;
	if (!wr_writer_has_records(w) && mark_refusals(w) > 0)
		return 1;
	if (!wr_writer_has_records(w) && w->commits_pushed > 0 && checkpoint_is_wanted(w) &&
	    capture_checkpoint(w))
		return 1;
	uint64_t in_flight = w->commits_pushed - w->commits_done;
	if (!wr_writer_has_records(w)) {
		if (in_flight > 0 || !evidence_is_due(w) || !evidence_may_go(w) || !make_block(w))
			return 0;
		commit_block(w, WR_BATCH_EVIDENCE, 0);
		return 1;
	}
	bool large = w->chunk->used_bytes - w->batch_place >= SEAL_BYTES;
	bool completed = w->commits_done != w->commits_done_at_seal;
	if (in_flight > 0 &&
	    (in_flight >= w->options.batches_in_flight_max || !(large || completed)))
		return 0;
	if (!can_commit(w))
		return 0;
	seal_data(w);
	return 1;
}

/* First in its segment, so that each has a record. */
static bool append_mark(struct wr_writer *w)
{
	_Alignas(8) uint8_t record[WR_RECORD_HEAD_BYTES + WR_ERASE_BYTES];
	uint8_t payload[WR_ERASE_BYTES];
	wr_erase_put(&(struct wr_erase){.is_mark = true}, payload);
	wr_control_write(record, WR_KIND_ERASE, WR_ERASE_ALL_TOPICS, 0, NULL, 0, payload,
			 sizeof payload);
	if (!wr_writer_make_room(w, sizeof record, false))
		return false;
	((struct wr_batch_header *)(w->chunk->writable + w->batch_place))->features_must |=
		WR_BATCH_ERASURES;
	wr_writer_append_own(w, record, sizeof record);
	return true;
}

int wr_writer_roll(struct wr_writer *w)
{
	uint64_t past = wr_load_acquire(&w->link->roll_past_id); /* ER2 */
	if (past == 0 || w->last_segment_id == 0 || w->last_segment_id > past)
		return 0;
	if (w->chunk == NULL)
		return wr_writer_open_chunk(w, false) ? 1 : 0;
	if (w->chunk->extent.segment_id > past)
		return !wr_writer_has_records(w) && append_mark(w) ? 1 : 0;
	if (wr_writer_has_records(w)) {
		if (w->commits_pushed - w->commits_done >= w->options.batches_in_flight_max ||
		    !can_commit(w))
			return 0;
		seal_data(w);
	}
	drop_empty_batch(w);
	return close_chunk(w) ? 1 : 0;
}

uint64_t wr_writer_idle_ns(void *writer)
{
	struct wr_writer *w = writer;
	if (w->link == NULL || wr_writer_has_records(w) ||
	    wr_load_acquire(&w->link->failed) != 0) /* D1 */
		return UINT64_MAX;
	if (medium_seq(w) <= w->attested_seq || medium_seq(w) < w->next_seq - 1)
		return UINT64_MAX;
	if (!evidence_may_go(w))
		return UINT64_MAX; /* an extent that is offered wakes */
	uint64_t idle = w->clock.boot_seen_ns - w->active_ns;
	return idle < w->options.evidence_delay_ns ? w->options.evidence_delay_ns - idle : 0;
}

uint64_t wr_writer_nap_ns(struct wr_writer *w)
{
	if (w->link == NULL || w->commits_pushed - w->commits_done != 1 ||
	    w->last_end_offset - w->last_offset > NAP_BYTES ||
	    wr_load_acquire(&w->link->failed) != 0) /* D1 */
		return 0;
	if (w->nap_commit != w->commits_pushed)
		w->nap_count = 0;
	w->nap_commit = w->commits_pushed;
	return w->nap_count++ < NAPS_MAX ? NAP_NS : 0;
}

int wr_writer_finish(struct wr_writer *w)
{
	if (w->link == NULL || wr_load_acquire(&w->link->failed) != 0) /* D1 */
		return 1;
	w->commits_done = wr_load_acquire(&w->link->commits_done); /* D1 */
	wr_writer_stamp_round(w);
	if (!w->first_record_done && !wr_writer_open_epoch(w))
		return 0;
	if (wr_writer_has_records(w)) {
		if (can_commit(w))
			seal_data(w);
		return 0;
	}
	if (w->commits_done != w->commits_pushed)
		return 0;
	/* On a full disk the clean mark attests it alone. */
	if (w->attested_seq < w->next_seq - 1 && evidence_may_go(w)) {
		if (make_block(w))
			commit_block(w, WR_BATCH_EVIDENCE, 0);
		return 0;
	}
	drop_empty_batch(w);
	if (w->chunk == NULL)
		return 1;
	(void)close_chunk(w);
	return 0;
}
