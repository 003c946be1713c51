/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the writer gets another chunk. Data is held back by three things, each with a reserve that
 * only settles and control may use, because they are what ends the shortage (L11, L24, L31):
 *   what is visible but not durable has reached its limit    WR_CONTROL_CHUNKS more
 *   the pool has no chunk that nobody needs                   WR_CONTROL_CHUNKS kept free
 *   no extent is prepared on disk                             the extents of the reserve segment
 *                                                             (but not for evidence alone)
 *
 * A chunk that control opened out of a reserve is `kept`: data stays out of it, too, until the
 * shortage is over, or else it would eat the reserve up behind control's back.
 *
 * With seal_before_ack nothing becomes durable before a later block attests it. The last chunk of
 * the reserve is that block's: a backlog that has been written, up to the end of a chunk, would
 * wait for room for it for ever.
 */
#include "core/log/writer.h"

#include "core/base/bug.h"

/* Chunks kept for readers who come behind those that are not durable. */
#define LIVE_DURABLE_CHUNKS 8u

/* Chunks from the first that is not wholly durable up to the head. */
static uint64_t undurable_chunks(struct wr_writer *w)
{
	uint64_t head = wr_load_relaxed(&w->chunks->head);         /* own */
	uint64_t durable = wr_load_acquire(&w->link->durable_seq); /* D1 */
	while (w->durable_ordinal < head) {
		struct wr_chunk *chunk = wr_chunks_by_ordinal(w->chunks, w->durable_ordinal);
		uint64_t end = chunk != NULL ? wr_load_relaxed(&chunk->end_seq) : 1; /* own */
		if (end == 0 || end > durable + 1)
			break;
		w->durable_ordinal++;
	}
	return head - w->durable_ordinal;
}

uint64_t wr_writer_held_seq(const struct wr_writer *w)
{
	uint64_t held = UINT64_MAX;
	for (uint32_t i = 0; i < w->hold_count; i++)
		held = wr_min_u64(held, wr_park_look_u64(&w->holds[i].seq)); /* H1 */
	return held;
}

/* The next extent, left in the ring. */
static bool peek_extent(struct wr_writer *w, bool control, struct wr_extent *ret)
{
	struct wr_journal_link *link = w->link;
	if (wr_spsc_ready(&link->extents_ring) == 0)
		return false;
	*ret = link->extents[wr_spsc_pop_index(&link->extents_ring, 0)];
	/* One of the reserve is anybody's again once others follow it. */
	return ret->reserve == 0 || control || wr_load_acquire(&link->starved) == 0; /* D2 */
}

/*
 * The last segment is opened for what it frees, and settles, and opens after a crash, have nothing
 * but its blocks: so one that only attests what is there waits for another, or rides on the next
 * settle.
 */
bool wr_writer_block_may_go(struct wr_writer *w)
{
	struct wr_extent extent;

	if ((w->chunk != NULL && wr_writer_room(w) > 0) || peek_extent(w, false, &extent))
		return true;
	if (WR_BUG(EVIDENCE_TAKES_THE_RESERVE))
		return true;
	return peek_extent(w, true, &extent) && extent.segment_id == w->last_segment_id;
}

/* Which chunks may be used again; without_holds: what subscriptions hold does not count. */
static struct wr_chunk_limits limits_of(const struct wr_writer *w, bool without_holds)
{
	struct wr_chunk_limits limits = {
		.reusable_seq = w->next_seq,
		.commits_done = UINT64_MAX,
	};
	if (w->link != NULL) {
		limits.reusable_seq = wr_load_acquire(&w->link->durable_seq) + 1; /* D1 */
		limits.commits_done = w->commits_done;
	}
	if (!without_holds)
		limits.reusable_seq = wr_min_u64(limits.reusable_seq, wr_writer_held_seq(w));
	return limits;
}

uint64_t wr_writer_chunks_to_be_had(struct wr_writer *w, uint64_t most)
{
	struct wr_chunk_limits limits = limits_of(w, false);
	return wr_chunks_to_be_had(w->chunks, &limits, most);
}

bool wr_writer_data_may_go(struct wr_writer *w)
{
	struct wr_extent extent;
	if (w->link != NULL && (undurable_chunks(w) > w->options.undurable_chunks_max ||
				!peek_extent(w, false, &extent)))
		return false;
	struct wr_chunk_limits limits = limits_of(w, false);
	if (!wr_chunks_keep_free(w->chunks, &limits, WR_CONTROL_CHUNKS))
		return false;
	w->chunk_is_kept = false;
	return true;
}

bool wr_writer_data_is_refused(struct wr_writer *w)
{
	struct wr_extent extent;
	if (w->link != NULL && wr_load_acquire(&w->link->full) != 0) /* D2 */
		return true;
	/* The journal ends that by itself. */
	if (w->link != NULL && (undurable_chunks(w) >= w->options.undurable_chunks_max ||
				!peek_extent(w, false, &extent)))
		return false;
	struct wr_chunk_limits limits = limits_of(w, false);
	if (wr_chunks_keep_free(w->chunks, &limits, WR_CONTROL_CHUNKS + 1))
		return false;
	return wr_writer_held_seq(w) < limits_of(w, true).reusable_seq;
}

static struct wr_chunk *open_for_control(struct wr_writer *w)
{
	struct wr_chunk_limits limits = limits_of(w, false);
	w->chunk_is_kept = true;
	struct wr_chunk *chunk = wr_chunks_open(w->chunks, &limits, w->next_seq, 0);
	if (chunk != NULL)
		return chunk;
	/*
	 * A hold yields to settles and control: its holder catches up, or gets a gap. By one chunk,
	 * or else data would go on with what the hold lost beyond that.
	 */
	limits = limits_of(w, true);
	limits.sparingly = true;
	return wr_chunks_open(w->chunks, &limits, w->next_seq, 0);
}

/* `more`: chunks beyond the limit of what is not durable. */
static bool open_chunk(struct wr_writer *w, bool control, uint32_t more)
{
	struct wr_extent extent = {0};
	uint32_t undurable_max = w->options.undurable_chunks_max;
	bool short_of_data = false;
	if (w->link != NULL) {
		uint64_t undurable = undurable_chunks(w);
		short_of_data = undurable >= undurable_max || !peek_extent(w, false, &extent);
		if (undurable >= undurable_max + more || !peek_extent(w, control, &extent))
			return false;
	}
	struct wr_chunk *chunk = NULL;
	if (!short_of_data) {
		struct wr_chunk_limits limits = limits_of(w, false);
		/* Without a journal the pool is all that there is of the log. */
		if (w->link != NULL)
			limits.live_max = (uint64_t)undurable_max + LIVE_DURABLE_CHUNKS;
		w->chunk_is_kept = false;
		chunk = wr_chunks_open(w->chunks, &limits, w->next_seq, WR_CONTROL_CHUNKS);
	}
	if (chunk == NULL && control)
		chunk = open_for_control(w);
	if (chunk == NULL)
		return false;
	if (w->link != NULL) {
		wr_spsc_pop(&w->link->extents_ring, 1);
		w->seed = wr_batch_seed(w->options.uuid, extent.segment_id);
	}
	chunk->extent = extent;
	chunk->used_bytes = extent.used_bytes;
	w->chunk = chunk;
	wr_room_opened(&w->room, w->next_seq, 1);
	return true;
}

bool wr_writer_open_chunk(struct wr_writer *w, bool control)
{
	bool is_kept = w->options.seal_before_ack && !WR_BUG(EVIDENCE_WITHOUT_ROOM);
	return open_chunk(w, control, control ? WR_CONTROL_CHUNKS - (is_kept ? 1 : 0) : 0);
}

bool wr_writer_open_chunk_to_attest(struct wr_writer *w)
{
	return open_chunk(w, true, WR_CONTROL_CHUNKS);
}
