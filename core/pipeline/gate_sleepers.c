/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members that sleep in a poll, or behind a descriptor, and threads of handlers, are woken by what
 * came for them, and by nothing else that comes often: a busy log would wake each of them in every
 * round, for nothing, at the expense of the thread that orders it. What came is told by the tags in
 * the column of its chunk (L6), which are only looked at while somebody sleeps. All of them are
 * woken where
 *
 *   another chunk was begun       who stands in the one before would be overtaken, or hold it, or
 *                                 hold back producers (`block`)
 *   something is to leave the log, and they may stand in front of its end (wr_pass_gate_seq()):
 *                                 at the first move that sees that, and until they were told of
 *                                 what lies beyond it
 *   a lane lacks room             nothing more comes before they have read what there is
 *
 * Threads: visible_sleepers are told by the log step, durable_sleepers by the journal step; where a
 * lane lacks room the log step wakes both.
 */
#include "core/pipeline/pipeline.h"

/* So many chunks may lie between what is durable and what is open. */
#define CHUNKS_BACK 16u

/* Of control records nobody hears here. */
static uint64_t tags_of(const struct weir_pipeline *p, const struct wr_chunk *chunk,
			uint64_t from_seq, uint64_t end_seq)
{
	const uint32_t *column = chunk->column + (from_seq - chunk->first_seq);
	uint32_t mask = wr_chunks_tag_mask(&p->chunks);
	uint64_t tags = 0;

	for (uint64_t i = 0; i < end_seq - from_seq; i++) {
		uint32_t tag = column[i] & mask;
		tags |= (uint64_t)(tag != WR_TAG_CONTROL) << (tag % 64);
	}
	return tags;
}

/* What lies within a chunk, behind its first record; of anything else: all. */
static uint64_t visible_tags(struct weir_pipeline *p, uint64_t from_seq, uint64_t end_seq)
{
	const struct wr_chunk *chunk = p->writer.chunk;

	if (WR_BUG(CHUNK_TURNS_UNSEEN) && chunk != NULL)
		from_seq = wr_max_u64(from_seq, chunk->first_seq);
	else if (chunk == NULL || from_seq <= chunk->first_seq)
		return WR_WANTS_ALL;
	return tags_of(p, chunk, from_seq, end_seq);
}

/* The same of what may lie in a chunk that is being written out, and is free as soon as it is. */
static uint64_t durable_tags(struct weir_pipeline *p, uint64_t from_seq, uint64_t end_seq)
{
	struct wr_pin *pin = &p->chunks.pins[p->options.members_max + WR_PIN_GATE];
	uint64_t head = wr_load_acquire(&p->chunks.head); /* C1 */
	uint64_t least = head > CHUNKS_BACK ? head - CHUNKS_BACK : 0;

	for (uint64_t ordinal = head; ordinal-- > least;) {
		uint64_t tags = WR_WANTS_ALL;
		struct wr_chunk *chunk = wr_chunks_pin(&p->chunks, pin, ordinal);
		if (chunk == NULL)
			break;
		bool is_beyond = chunk->first_seq >= end_seq;
		if (chunk->first_seq < from_seq && wr_chunk_end(chunk, end_seq - 1) == end_seq)
			tags = tags_of(p, chunk, from_seq, end_seq);
		wr_chunks_unpin(pin);
		if (!is_beyond)
			return tags;
	}
	return WR_WANTS_ALL;
}

/* Who sleeps in an event loop of its own has a place here, too, and is told by its descriptor. */
static void notify(struct weir_pipeline *p, struct wr_gate_sleepers *g, uint64_t asleep,
		   uint64_t came)
{
	wr_event_fds_signal_places(p, wr_sleepers_notify(&g->sleepers, asleep, came));
}

static void tell(struct weir_pipeline *p, struct wr_gate_sleepers *g, uint64_t end_seq,
		 uint64_t (*tags_between)(struct weir_pipeline *p, uint64_t from_seq,
					  uint64_t end_seq))
{
	uint64_t from_seq = g->told_end;

	g->told_end = end_seq;
	uint64_t asleep = wr_sleepers_at(&g->sleepers);
	if (asleep == 0)
		return;
	uint64_t gate_seq = wr_pass_gate_seq(p), came = 0;
	if (gate_seq != 0 && (gate_seq != g->pass_gate_seq || from_seq <= gate_seq))
		came = WR_WANTS_ALL;
	else if (end_seq > from_seq)
		came = tags_between(p, from_seq, end_seq);
	g->pass_gate_seq = gate_seq;
	notify(p, g, asleep, came);
}

void wr_gate_visible_moved(struct weir_pipeline *p)
{
	tell(p, &p->visible_sleepers, wr_load_relaxed(&p->writer.visible_seq) + 1, /* own */
	     visible_tags);
}

void wr_gate_durable_moved(struct weir_pipeline *p)
{
	tell(p, &p->durable_sleepers, wr_load_relaxed(&p->link.durable_seq) + 1, /* own */
	     durable_tags);
}

/* Who has read all that there is has nothing to tell, and is left alone until more has come. */
static void wake_all(struct weir_pipeline *p, struct wr_gate_sleepers *g, uint64_t gate_seq)
{
	if (g->held_end == gate_seq + 1)
		return;
	g->held_end = gate_seq + 1;
	notify(p, g, wr_sleepers_at(&g->sleepers), WR_WANTS_ALL);
}

void wr_gates_lack_room(struct weir_pipeline *p)
{
	wake_all(p, &p->visible_sleepers, wr_load_relaxed(&p->writer.visible_seq)); /* own */
	if (p->journal != NULL)
		wake_all(p, &p->durable_sleepers, wr_park_look_u64(&p->link.durable_seq)); /* D1 */
}

static void end(struct wr_sleepers *s)
{
	for (uint32_t i = 0; i < WR_SLEEPER_PLACES; i++)
		wr_park_wake(&s->places[i].parker);
}

void wr_gates_end(struct weir_pipeline *p)
{
	end(&p->visible_sleepers.sleepers);
	end(&p->durable_sleepers.sleepers);
}
