/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polling: where a member stands in the log and what it hands out.
 *
 * It scans the column of a chunk (four bytes a record) against a bitmap of the tags of its
 * partitions, and touches only the records that hit (L6). Below what is in memory it reads chunks
 * that the group step brought from disk, in the same way, until it is back. One pin, one chunk.
 */
#include <errno.h>

#include "core/pipeline/catchup.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/hand_out.h"
#include "core/pipeline/member_times.h"
#include "core/pipeline/router.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/span_notes.h"
#include "core/pipeline/transaction.h"

static struct wr_subscription_live *subscription_of(struct weir_member *m)
{
	return &m->pipeline->subscriptions[m->subscription];
}

void wr_member_unpin(struct weir_member *m)
{
	if (m->place == WR_PLACE_NONE)
		return;
	wr_chunks_unpin(m->pin);
	m->place = WR_PLACE_NONE;
	m->chunk = NULL;
}

void wr_member_move_to(struct weir_member *m, uint64_t seq)
{
	/* What a handler has in hand lies in the chunk that is pinned: until the next poll. */
	if (m->item_next < m->item_count && !WR_BUG(HANDLER_UNPINNED))
		m->moved = true;
	else
		wr_member_unpin(m);
	m->scan_seq = seq;
}

/* ---- finding the chunk ---- */

void wr_member_stand_in(struct weir_member *m, enum wr_place place, struct wr_chunk *chunk)
{
	m->place = place;
	m->chunk = chunk;
	m->batch_index = 0;
}

/* In memory? The last chunk that begins at or below scan_seq, pinned. */
bool wr_member_find_live(struct weir_member *m)
{
	struct wr_chunks *chunks = &m->pipeline->chunks;
	uint64_t ordinal;
	if (!wr_chunks_find(chunks, m->pin, m->scan_seq, &ordinal))
		return false;
	struct wr_chunk *chunk = wr_chunks_pin(chunks, m->pin, ordinal);
	if (chunk == NULL)
		return false;
	wr_member_stand_in(m, WR_PLACE_LIVE, chunk);
	m->ordinal = ordinal;
	return true;
}

void wr_member_want_nothing(struct weir_member *m)
{
	if (wr_load_relaxed(&m->wanted_seq) != 0)     /* own */
		wr_store_release(&m->wanted_seq, 0u); /* U1 */
}

/* What the reader may not have any more: the member goes on after it, its rows are told. */
static void skip_gap(struct weir_member *m, uint64_t end_seq)
{
	wr_pipeline_say(m->pipeline, WR_EVENT_MEMBER_OVERTAKEN,
			WR_FIELDS(wr_field_text("member", m->name),
				  wr_field_u64("from_sequence", m->scan_seq),
				  wr_field_u64("to_sequence", end_seq)),
			"%s was overtaken, and goes on at %llu instead of %llu", m->name,
			(unsigned long long)end_seq, (unsigned long long)m->scan_seq);
	m->gap_end = end_seq;
	m->gap_row = 0;
	m->scan_seq = end_seq;
}

bool wr_member_oldest_in_memory(struct weir_member *m, uint64_t *ret_seq)
{
	struct wr_chunks *chunks = &m->pipeline->chunks;
	for (;;) {
		uint64_t head = wr_load_acquire(&chunks->head);   /* C1 */
		uint64_t floor = wr_load_acquire(&chunks->floor); /* a hint: the pin decides */
		if (floor >= head)
			return false;
		struct wr_chunk *chunk = wr_chunks_pin(chunks, m->pin, floor);
		if (chunk == NULL)
			continue;
		*ret_seq = chunk->first_seq;
		wr_chunks_unpin(m->pin);
		return true;
	}
}

/* Behind what is in memory. 0, or what the group step found on disk. */
static int find_behind(struct weir_member *m)
{
	struct weir_pipeline *p = m->pipeline;
	uint64_t oldest;
	if (p->catchup == NULL ||
	    wr_load_relaxed(&subscription_of(m)->when_slow) == WEIR_SLOW_GAP) {
		if (wr_member_oldest_in_memory(m, &oldest) && oldest > m->scan_seq)
			skip_gap(m, oldest);
		return 0;
	}
	struct wr_catchup_slot *slot = wr_catchup_pin(p->catchup, m->pin, m->scan_seq);
	if (slot != NULL && m->route != NULL && !wr_route_has_slot(m->route, slot) &&
	    !WR_BUG(CATCHUP_UNROUTED)) {
		wr_chunks_unpin(m->pin); /* the group looks at what is in it when it is asked */
		slot = NULL;
	}
	if (slot != NULL) {
		wr_member_stand_in(m, WR_PLACE_CATCHUP, &slot->chunk);
		wr_publish_u64(&m->wanted_seq, m->scan_seq); /* U1: keeps the next one coming */
		return 0;
	}
	int failure = -(int)wr_load_acquire(&m->catchup_failure); /* U1 */
	if (failure != 0) {
		bool is_here = m->failure_seq == m->scan_seq; /* or of a place that it has left */
		wr_store_release(&m->catchup_failure, 0u);    /* U1: the next poll asks again */
		if (is_here && failure != WEIR_E_TRUNCATED) {
			/* Until then nobody reads for it. */
			wr_store_release(&m->wanted_seq, 0u); /* U1 */
			return failure;
		}
		oldest = wr_segment_oldest_seq(&p->segments);
		if (is_here && oldest > m->scan_seq)
			skip_gap(m, oldest);
		if (is_here)
			return 0;
	}
	/* Told once for each request, also where what it wants was just read ahead. */
	wr_store_release(&m->wanted_seq, m->scan_seq);                    /* U1 */
	wr_publish_u64(&m->requests, wr_load_relaxed(&m->requests) + 1u); /* U1 */
	wr_park_notify(&p->group_parker);
	return 0;
}

int wr_member_find_chunk(struct weir_member *m)
{
	if (wr_member_find_live(m)) {
		wr_member_want_nothing(m);
		return 0;
	}
	return find_behind(m);
}

uint64_t wr_member_chunk_limit(struct weir_member *m, uint64_t gate_seq)
{
	if (m->place == WR_PLACE_LIVE) {
		uint64_t end = wr_chunk_end(m->chunk, gate_seq);
		return m->route == NULL || WR_BUG(READS_UNROUTED)
			       ? end
			       : wr_min_u64(end, wr_route_live_end(m->route, m->chunk));
	}
	return wr_min_u64(wr_load_relaxed(&m->chunk->end_seq), gate_seq + 1); /* under V2 */
}

bool wr_member_leave_chunk(struct weir_member *m)
{
	uint64_t end = wr_load_acquire(&m->chunk->end_seq); /* C2 */
	if (end == 0 || m->scan_seq < end)
		return false;
	bool live = m->place == WR_PLACE_LIVE;
	wr_member_unpin(m);
	if (!live)
		return true;
	/* The next ordinal, directly: what follows a closed chunk, if it was opened already. */
	struct wr_chunks *chunks = &m->pipeline->chunks;
	if (m->ordinal + 1 >= wr_load_acquire(&chunks->head)) /* C1 */
		return false;
	struct wr_chunk *chunk = wr_chunks_pin(chunks, m->pin, m->ordinal + 1);
	if (chunk == NULL)
		return true; /* overtaken: wr_member_find_chunk() sees */
	m->ordinal++;
	wr_member_stand_in(m, WR_PLACE_LIVE, chunk);
	return true;
}

/* ---- handing out ---- */

/* The member's row of a record, or NULL when it is not for this member now. */
static struct wr_member_row *row_of(struct weir_member *m, const struct wr_record *r, uint64_t seq,
				    uint32_t *ret_partition)
{
	struct weir_pipeline *p = m->pipeline;
	if (!wr_record_is_for(r, m->subscription) || r->topic >= p->options.topics_max)
		return NULL;
	uint32_t first = subscription_of(m)->row_of_topic[r->topic];
	if (first == UINT32_MAX)
		return NULL;
	*ret_partition = wr_topic_partition(&p->tables.catalog.topics[r->topic], r, seq);
	struct wr_member_row *row = &m->rows[first + *ret_partition];
	if (row->generation == 0 || row->revoked || row->blocked || seq < row->next_out)
		return NULL;
	return row;
}

static bool hand_out(struct weir_member *m, uint32_t index, uint64_t seq, struct weir_item *item)
{
	uint32_t place = wr_column_place(&m->pipeline->chunks, m->chunk->column[index]);
	const struct wr_record *r = (const struct wr_record *)(m->chunk->readable + place);
	uint32_t partition;
	struct wr_member_row *row = row_of(m, r, seq, &partition);
	if (row == NULL ||
	    (WR_UNLIKELY(row->tried) && !wr_member_may_try(m, (uint32_t)(row - m->rows), seq)))
		return false;
	wr_member_fill_item(m, index, seq, r, partition, item);
	item->flags = (seq < row->redelivered_below ? WEIR_ITEM_REDELIVERED : 0) |
		      wr_member_replay_flag(r);
	item->attempts = 1;
	item->generation = row->generation;
	item->from_sequence = row->next_from;
	row->next_from = row->next_out = seq + 1;
	if (WR_LIKELY(seq >= row->gap_end)) {
		row->handed_events++;
		row->handed_bytes += r->bytes;
	}
	if (WR_UNLIKELY(row->tried))
		item->attempts = wr_member_begin_try(m, (uint32_t)(row - m->rows), seq);
	return WR_LIKELY(seq >= m->erased_end) || !wr_member_leave_erased(m, r, item);
}

/*
 * Records are scattered over the chunk, and mostly in another core's cache. So they are asked for a
 * while before they are looked at, or each would cost a whole round trip; and each line once, where
 * they lie side by side.
 */
#define HITS_AHEAD 16u
#define LINE_BYTES 64u
#define LINES_ASKED 3u

static const uint8_t *ask_for(const uint8_t *record, const uint8_t *asked)
{
	const uint8_t *line = record - (uintptr_t)record % LINE_BYTES;
	const uint8_t *end = line + (size_t)LINES_ASKED * LINE_BYTES;
	if (line < asked && asked <= end)
		line = asked;
	for (; line < end; line += LINE_BYTES)
		__builtin_prefetch(line);
	return end;
}

/*
 * Over what is not for it, many at a time, by what is left of the tags when they are folded to 64
 * bits (a tag has more). Where events of others stand between its own that would cost more than it
 * saves.
 */
#define MISSES_BEFORE 8u
#define SKIPPED_AT_ONCE 16u

static inline uint32_t skip(const uint32_t *column, uint32_t index, uint32_t end, uint64_t folded)
{
	for (; end - index >= SKIPPED_AT_ONCE; index += SKIPPED_AT_ONCE) {
		uint64_t tags = 0;
		for (uint32_t i = 0; i < SKIPPED_AT_ONCE; i++)
			tags |= 1ull << (column[index + i] % 64);
		if ((tags & folded) != 0)
			break;
	}
	return index;
}

/* Scans the column up to end_seq for the member's tags. Items handed out. */
static inline __attribute__((always_inline)) uint32_t
scan_for(struct weir_member *m, const wr_atomic_u64 *wanted, uint64_t end_seq,
	 struct weir_item *items, uint32_t items_max)
{
	const struct wr_chunks *chunks = &m->pipeline->chunks;
	const uint32_t *column = m->chunk->column;
	const uint64_t *tags = m->tags;
	uint32_t tag_mask = wr_chunks_tag_mask(chunks);
	uint64_t first_seq = m->chunk->first_seq;
	uint32_t index = (uint32_t)(m->scan_seq - first_seq);
	uint32_t end = (uint32_t)(end_seq - first_seq);
	const uint8_t *asked = NULL; /* up to here */
	uint32_t hits[HITS_AHEAD];
	uint32_t found = 0, taken = 0, count = 0, missed = 0;
	for (;;) {
		/* No more than can be handed out: what is found is. */
		for (; index < end && found - taken < HITS_AHEAD &&
		       count + (found - taken) < items_max;
		     index++) {
			if (wanted != NULL && (index = wr_route_next(wanted, index, end)) == end)
				break;
			uint32_t tag = column[index] & tag_mask;
			if (((tags[tag / 64] >> (tag % 64)) & 1) == 0) {
				if (wanted == NULL && ++missed == MISSES_BEFORE) {
					missed = 0;
					index = skip(column, index + 1, end, m->tags_folded) - 1;
				}
				continue;
			}
			missed = 0;
			asked = ask_for(m->chunk->readable + wr_column_place(chunks, column[index]),
					asked);
			hits[found++ % HITS_AHEAD] = index;
		}
		if (found == taken)
			break;
		uint32_t hit = hits[taken++ % HITS_AHEAD];
		if (hand_out(m, hit, first_seq + hit, &items[count])) {
			if (WR_BUG(POLL_TURNED_AROUND) && count > 0) {
				struct weir_item before = items[count - 1];
				items[count - 1] = items[count];
				items[count] = before;
			}
			count++;
		} else if (WR_BUG(HIT_LEFT_OUT) && taken < found)
			taken++;
	}
	m->scan_seq = first_seq + index;
	return count;
}

/* The bits of what its filter wants, in the chunk that it stands in. */
static const wr_atomic_u64 *wanted_in(const struct weir_member *m)
{
	return m->place == WR_PLACE_LIVE ? wr_route_live_bits(m->route, m->chunk->slot)
					 : wr_route_behind_bits(m->route, m->chunk->slot);
}

static uint32_t scan(struct weir_member *m, uint64_t end_seq, struct weir_item *items,
		     uint32_t items_max)
{
	return m->route == NULL ? scan_for(m, NULL, end_seq, items, items_max)
				: scan_for(m, wanted_in(m), end_seq, items, items_max);
}

/*
 * A chunk that has left memory while it was pinned: nobody looks at what it holds any more. What
 * the filter wants of it is found out when it comes from disk.
 */
static bool leave_unrouted(struct weir_member *m, uint64_t limit, uint64_t gate_seq)
{
	if (m->route == NULL || m->place != WR_PLACE_LIVE || limit > m->scan_seq ||
	    m->ordinal >= wr_load_relaxed(&m->pipeline->chunks.floor) || /* a hint */
	    wr_chunk_end(m->chunk, gate_seq) <= m->scan_seq)
		return false;
	wr_member_unpin(m);
	return true;
}

/* One gap item for each row that had something in the gap, or may have had. */
static uint32_t hand_out_gaps(struct weir_member *m, struct weir_item *items, uint32_t items_max)
{
	uint32_t count = 0;
	for (; m->gap_row < m->row_count && count < items_max; m->gap_row++) {
		struct wr_member_row *row = &m->rows[m->gap_row];
		if (row->generation == 0 || row->revoked || row->next_out >= m->gap_end ||
		    (row->tried && !wr_member_gap_tried(m, m->gap_row, m->gap_end)))
			continue;
		items[count++] = (struct weir_item){
			.kind = WEIR_ITEM_GAP,
			.topic = row->topic,
			.partition = row->partition,
			.sequence = row->next_out,
			.end_sequence = m->gap_end,
			.generation = row->generation,
			.from_sequence = row->next_from,
		};
		row->next_from = row->next_out = m->gap_end;
		wr_member_begin_gap(m, m->gap_row, m->gap_end);
	}
	if (m->gap_row == m->row_count)
		m->gap_end = 0;
	return count;
}

/*
 * What a `block` subscription keeps in memory for this member: what it reads next, and in a
 * memory-only log what is in hand too, since nothing else could hand it out again.
 */
static void tell_reading(struct weir_member *m)
{
	uint64_t seq = m->scan_seq;
	for (uint32_t r = 0; m->pipeline->journal == NULL && r < m->row_count; r++) {
		struct wr_member_row *row = &m->rows[r];
		/* What it is left with does not begin below what is kept for it. */
		wr_member_step_over(m, row);
		if (row->generation != 0 && (row->acked != row->next_from || row->blocked))
			seq = wr_min_u64(seq, row->acked);
	}
	wr_store_relaxed(&m->reading_seq, seq);
}

static int read_on(struct weir_member *m, uint64_t gate_seq, struct weir_item *items,
		   uint32_t items_max)
{
	while (m->scan_seq <= gate_seq) {
		if (m->place == WR_PLACE_NONE) {
			int rc = wr_member_find_chunk(m);
			if (rc != 0)
				return rc;
			if (m->gap_end != 0)
				return (int)hand_out_gaps(m, items, items_max);
			if (m->place == WR_PLACE_NONE)
				return 0;
		}
		uint64_t limit = wr_member_chunk_limit(m, gate_seq);
		uint32_t count = limit > m->scan_seq ? scan(m, limit, items, items_max) : 0;
		if (count > 0)
			return (int)count;
		if (!wr_member_leave_chunk(m) && !leave_unrouted(m, limit, gate_seq))
			break;
	}
	return 0;
}

/*
 * Its subscription got its first filter: what it reads from disk was not looked at for that, and
 * has to be asked for again.
 */
static void see_route(struct weir_member *m)
{
	struct wr_route *route = wr_route_of(subscription_of(m));
	if (route != m->route && m->place == WR_PLACE_CATCHUP)
		wr_member_unpin(m);
	m->route = route;
}

int wr_member_say_detached(struct weir_member *m)
{
	wr_member_unpin(m);
	wr_member_want_nothing(m);
	wr_store_relaxed(&m->reading_seq, UINT64_MAX);
	m->gap_end = 0;
	return wr_problem_set(&m->problem, WEIR_E_DETACHED, "when_slow",
			      "the subscription was too slow, and is detached: seek to where it is "
			      "to go on");
}

int wr_member_poll(struct weir_member *m, struct weir_item *items, uint32_t items_max)
{
	struct weir_pipeline *p = m->pipeline;
	if (m->sharing != NULL)
		return wr_sharing_poll(m, items, items_max);
	if (wr_load_relaxed(&m->polled_ns) != WR_POLLED_NOW) /* own */
		wr_store_relaxed(&m->polled_ns, wr_clock_mono_ns(p->host.clock));
	/*
	 * Before what the group has to say: who does not see yet that it has lost a row (N3) goes
	 * no further than the gate was then, and what lies below that is handed to the next owner
	 * as a repeat.
	 */
	uint64_t gate_seq = wr_pipeline_gate_seq(p, m->gate);
	m->erased_end = wr_erased_end(p);
	see_route(m);
	wr_member_take_replies(m);
	wr_member_take_messages(m);
	wr_member_rewind_rows(m);
	if (WR_UNLIKELY(m->tried_count > 0))
		wr_member_tend_tried(m);
	if (WR_UNLIKELY(m->return_seq != 0))
		wr_member_come_back(m);
	(void)wr_member_flush(m);
	if (m->owned_count == 0) {
		wr_member_unpin(m);
		wr_member_want_nothing(m);
		wr_store_relaxed(&m->reading_seq, UINT64_MAX); /* who has nothing holds nothing */
		return wr_load_relaxed(&m->fenced_out) != 0 ? WEIR_E_FENCED : 0;
	}
	if (WR_UNLIKELY(m->detached))
		return wr_member_say_detached(m);
	bool is_blocking = wr_load_relaxed(&subscription_of(m)->when_slow) == WEIR_SLOW_BLOCK;
	if (is_blocking)
		tell_reading(m);
	if (m->gap_end != 0) {
		uint32_t gaps = hand_out_gaps(m, items, items_max);
		if (gaps > 0)
			return (int)gaps;
	}
	int count = read_on(m, gate_seq, items, items_max);
	/* Who found nothing may not look again before the gate moves. */
	if (count == 0 && is_blocking)
		tell_reading(m);
	return count;
}
