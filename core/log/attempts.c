/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/attempts.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

#define ATTEMPTS_VERSION 1u
#define CELLS 8u
#define ENTRY_BYTES (8u + CELLS * 8u)
#define CRASHES_SHIFT 32
/* Crashes with an event in hand, at one place, that another row is believed to have done. */
#define DOUBTS_MAX 2u

_Static_assert(sizeof(struct wr_attempts_row) == CELLS * 8, "all of them are saved");

static wr_atomic_u64 *cell_of(struct wr_attempts_row *r, uint32_t index)
{
	return (wr_atomic_u64 *)r + index;
}

int wr_attempts_init(struct wr_attempts *a, struct wr_memory *memory, uint32_t rows_max)
{
	a->rows_max = rows_max;
	a->rows = memory->ops->alloc(memory, rows_max * sizeof *a->rows, 64);
	if (a->rows == NULL)
		return -ENOMEM;
	wr_attempts_reset(a);
	return 0;
}

void wr_attempts_fini(struct wr_attempts *a, struct wr_memory *memory)
{
	if (a->rows != NULL)
		memory->ops->free(memory, a->rows, a->rows_max * sizeof *a->rows);
	a->rows = NULL;
}

void wr_attempts_reset(struct wr_attempts *a)
{
	for (uint32_t r = 0; r < a->rows_max; r++)
		for (uint32_t i = 0; i < CELLS; i++)
			wr_store_relaxed(cell_of(&a->rows[r], i), 0u);
}

static uint64_t position_of(struct wr_settle *settle, uint32_t row)
{
	return wr_load_relaxed(&settle->rows[row].position);
}

static bool is_live(struct wr_attempts_row *r, uint64_t position)
{
	uint64_t seq = wr_load_relaxed(&r->seq);
	return seq != 0 && seq >= position;
}

static uint32_t crashes_of(struct wr_attempts_row *r)
{
	return (uint32_t)(wr_load_relaxed(&r->flags) >> CRASHES_SHIFT);
}

void wr_attempts_read(struct wr_attempts *a, struct wr_settle *settle, uint32_t row,
		      struct wr_attempts_entry *ret)
{
	struct wr_attempts_row *r = &a->rows[row];
	uint64_t position = position_of(settle, row);
	uint64_t counts = wr_load_relaxed(&r->counts), flags = wr_load_relaxed(&r->flags);
	*ret = (struct wr_attempts_entry){0};
	ret->alone = crashes_of(r) >= WR_CRASHES_ALONE &&
		     wr_load_relaxed(&r->crash_from) == position && !WR_BUG(TRIED_TOGETHER);
	if (!is_live(r, position))
		return;
	ret->seq = wr_load_relaxed(&r->seq);
	ret->first_failed_us = wr_load_relaxed(&r->first_failed_us);
	ret->last_failed_us = wr_load_relaxed(&r->last_failed_us);
	ret->not_before_us = wr_load_relaxed(&r->not_before_us);
	ret->said_seq = wr_load_relaxed(&r->said_seq);
	ret->attempts = (uint32_t)counts;
	ret->reason = (uint32_t)(counts >> 32);
	ret->dead = (flags & WR_ATTEMPTS_DEAD) != 0;
	ret->expired = (flags & WR_ATTEMPTS_EXPIRED) != 0;
	ret->in_hand = (flags & WR_ATTEMPTS_IN_HAND) != 0;
}

/* ---- deciding ---- */

/* The row's entry is of that event from here on, of which nothing is known yet. */
static void begin(struct wr_attempts_row *r, uint64_t event_seq)
{
	uint64_t crashes = wr_load_relaxed(&r->flags) >> CRASHES_SHIFT << CRASHES_SHIFT;
	wr_store_relaxed(&r->seq, event_seq);
	wr_store_relaxed(&r->first_failed_us, 0u);
	wr_store_relaxed(&r->last_failed_us, 0u);
	wr_store_relaxed(&r->not_before_us, 0u);
	wr_store_relaxed(&r->said_seq, 0u);
	wr_store_relaxed(&r->counts, 0u);
	wr_store_relaxed(&r->flags, crashes);
}

static void set_flags(struct wr_attempts_row *r, uint64_t flags)
{
	uint64_t crashes = wr_load_relaxed(&r->flags) >> CRASHES_SHIFT << CRASHES_SHIFT;
	wr_store_relaxed(&r->flags, crashes | flags);
}

static void failed(struct wr_attempts_row *r, const struct wr_reject *reject, uint64_t seq,
		   uint64_t flags)
{
	uint32_t attempts = (uint32_t)wr_load_relaxed(&r->counts);
	if (attempts < UINT32_MAX && !WR_BUG(TRY_NOT_COUNTED))
		attempts++;
	wr_store_relaxed(&r->counts, (uint64_t)reject->reason << 32 | attempts);
	if (wr_load_relaxed(&r->first_failed_us) == 0)
		wr_store_relaxed(&r->first_failed_us, reject->failed_us);
	wr_store_relaxed(&r->last_failed_us, reject->failed_us);
	wr_store_relaxed(&r->not_before_us, reject->not_before_us);
	wr_store_relaxed(&r->said_seq, seq);
	set_flags(r, flags);
}

static bool any_in_hand(struct wr_attempts *a, struct wr_settle *settle,
			const struct wr_subscription *s, uint32_t but)
{
	for (uint32_t row = s->row_first; row < s->row_first + s->row_count; row++) {
		struct wr_attempts_row *r = &a->rows[row];
		if (row != but && is_live(r, position_of(settle, row)) &&
		    (wr_load_relaxed(&r->flags) & WR_ATTEMPTS_IN_HAND) != 0)
			return true;
	}
	return false;
}

/* Crashes at a place that the row has left say nothing of it any more. */
static void forget_old_crashes(struct wr_attempts_row *r, uint64_t position)
{
	if (wr_load_relaxed(&r->crash_from) != position)
		wr_store_relaxed(&r->flags, wr_load_relaxed(&r->flags) & UINT32_MAX);
}

static int decide_of_event(struct wr_attempts *a, struct wr_settle *settle,
			   const struct wr_subscription *s, uint32_t row,
			   const struct wr_reject *reject, uint64_t seq)
{
	struct wr_attempts_row *r = &a->rows[row];
	uint64_t position = position_of(settle, row);
	bool fails = reject->verdict == WR_VERDICT_RETRY || reject->verdict == WR_VERDICT_DEAD ||
		     reject->verdict == WR_VERDICT_EXPIRED;
	if (reject->generation != wr_load_relaxed(&settle->rows[row].generation)) /* own */
		return WEIR_E_FENCED;
	/* What it takes for settled before its event the log has not: it would never come again. */
	if (reject->generation != 0 && !WR_BUG(REFUSED_OWNER_REJECTS) &&
	    reject->generation == wr_load_relaxed(&settle->rows[row].refused_generation)) /* own */
		return WEIR_E_FENCED;
	if (reject->seq < position)
		return WEIR_E_FENCED;
	bool live = is_live(r, position);
	if (live && wr_load_relaxed(&r->seq) != reject->seq)
		return WEIR_E_OUT_OF_SEQUENCE;
	if (reject->verdict == WR_VERDICT_IN_HAND && any_in_hand(a, settle, s, row))
		return WEIR_E_FULL;
	if (!live)
		begin(r, reject->seq);
	/* What goes alone begins so: the row has gone on by itself since. */
	if (!live && reject->verdict != WR_VERDICT_IN_HAND)
		forget_old_crashes(r, position);
	if (fails)
		failed(r, reject, seq,
		       reject->verdict == WR_VERDICT_DEAD      ? WR_ATTEMPTS_DEAD
		       : reject->verdict == WR_VERDICT_EXPIRED ? WR_ATTEMPTS_EXPIRED
							       : 0);
	else
		set_flags(r, reject->verdict == WR_VERDICT_IN_HAND ? WR_ATTEMPTS_IN_HAND : 0);
	return 0;
}

static void out_of_hand(struct wr_attempts *a, struct wr_settle *settle,
			const struct wr_subscription *s)
{
	for (uint32_t row = s->row_first; row < s->row_first + s->row_count; row++) {
		struct wr_attempts_row *r = &a->rows[row];
		set_flags(r, wr_load_relaxed(&r->flags) & (WR_ATTEMPTS_DEAD | WR_ATTEMPTS_EXPIRED));
		forget_old_crashes(r, position_of(settle, row));
	}
}

int wr_attempts_decide(struct wr_attempts *a, struct wr_settle *settle, struct wr_undo *undo,
		       const struct wr_subscription *s, uint32_t row,
		       const struct wr_reject *reject, uint64_t seq)
{
	/* Alone, never in a run: it is not taken back. */
	if (undo->entries != NULL || row >= s->row_count)
		return -EINVAL;
	switch (reject->verdict) {
	case WR_VERDICT_RETRY:
	case WR_VERDICT_DEAD:
	case WR_VERDICT_EXPIRED:
	case WR_VERDICT_RELEASED:
	case WR_VERDICT_IN_HAND:
		if (reject->seq == 0 || reject->seq >= seq)
			return -EINVAL;
		return decide_of_event(a, settle, s, s->row_first + row, reject, seq);
	case WR_VERDICT_OUT_OF_HAND:
		out_of_hand(a, settle, s);
		return 0;
	default:
		return -EINVAL;
	}
}

/* A row that was doing something when the process died: one more, at the same place. */
static void met_crash(struct wr_attempts_row *r, uint64_t position, uint32_t least)
{
	uint64_t flags = wr_load_relaxed(&r->flags) & UINT32_MAX;
	uint64_t crashes = wr_load_relaxed(&r->crash_from) == position ? crashes_of(r) + 1u : 1;
	crashes = wr_max_u64(crashes, least);
	wr_store_relaxed(&r->crash_from, position);
	wr_store_relaxed(&r->flags, wr_min_u64(crashes, UINT32_MAX) << CRASHES_SHIFT | flags);
}

/* A crash, as the rows of a subscription see it. */
struct crash {
	struct wr_attempts *a;
	struct wr_settle *settle;
	const struct wr_subscription *s;
	bool (*is_idle)(void *context, uint32_t row);
	void *context;
};

/* Whether the row is there, and had something to do. */
static bool was_busy(const struct crash *c, uint32_t i)
{
	return !wr_position_is_nowhere(position_of(c->settle, c->s->row_first + i)) &&
	       !c->is_idle(c->context, i);
}

/* The row whose event was in hand: there is one at most. s->row_count: there is none. */
static uint32_t row_in_hand(const struct crash *c)
{
	uint32_t i = 0;
	for (; i < c->s->row_count; i++) {
		struct wr_attempts_row *r = &c->a->rows[c->s->row_first + i];
		uint64_t position = position_of(c->settle, c->s->row_first + i);
		if (!wr_position_is_nowhere(position) && is_live(r, position) &&
		    (wr_load_relaxed(&r->flags) & WR_ATTEMPTS_IN_HAND) != 0)
			break;
	}
	return i;
}

/*
 * Whether the events of a row go alone: it stands where it was at the crash, at one that was in
 * hand, or right behind that. Who went on by itself since has left all of these.
 */
static bool goes_alone(const struct crash *c, uint32_t i)
{
	struct wr_attempts_row *r = &c->a->rows[c->s->row_first + i];
	uint64_t position = position_of(c->settle, c->s->row_first + i);
	uint64_t seq = wr_load_relaxed(&r->seq);

	return crashes_of(r) >= WR_CRASHES_ALONE &&
	       (wr_load_relaxed(&r->crash_from) == position || (seq != 0 && seq + 1 >= position));
}

/*
 * Whether another row, whose events did not go alone, may have done it. That ends: all that were
 * busy go alone from here on, and it is believed so often only at one place.
 *
 * The crashes are those of where the row was at the last one (crash_from), also where what is in
 * hand now is the event behind that. Then that one may be told to have failed, once, though another
 * did it: one attempt too many, and no more, since the count begins anew at its place. To count no
 * crash of another place here would be another decision about records that are in logs already.
 */
static bool is_in_doubt(const struct crash *c, uint32_t in_hand)
{
	if (in_hand == c->s->row_count || WR_BUG(DIED_OF_ANOTHER) ||
	    crashes_of(&c->a->rows[c->s->row_first + in_hand]) >= WR_CRASHES_ALONE + DOUBTS_MAX)
		return false;
	for (uint32_t i = 0; i < c->s->row_count; i++)
		if (i != in_hand && was_busy(c, i) && !goes_alone(c, i))
			return true;
	return false;
}

/* Of what was in hand enough is known, and of who may have died beside it: they go alone. */
void wr_attempts_crashed(struct wr_attempts *a, struct wr_settle *settle,
			 const struct wr_subscription *s, const struct wr_reject *reject,
			 uint64_t seq, bool (*is_idle)(void *context, uint32_t row), void *context)
{
	const struct crash c = {a, settle, s, is_idle, context};
	uint32_t in_hand = row_in_hand(&c);
	uint32_t least = in_hand < s->row_count ? WR_CRASHES_ALONE : 1;
	bool in_doubt = is_in_doubt(&c, in_hand);

	for (uint32_t i = 0; i < s->row_count; i++) {
		struct wr_attempts_row *r = &a->rows[s->row_first + i];
		uint64_t position = position_of(settle, s->row_first + i);
		if (i == in_hand && in_doubt)
			set_flags(r, 0);
		else if (i == in_hand)
			failed(r, reject, seq, 0);
		if (i == in_hand || was_busy(&c, i))
			met_crash(r, position, least);
		else
			forget_old_crashes(r, position);
	}
}

void wr_attempts_raised(struct wr_attempts *a, struct wr_settle *settle, struct wr_undo *undo,
			uint32_t row, bool moved)
{
	struct wr_attempts_row *r = &a->rows[row];
	uint64_t flags = wr_load_relaxed(&r->flags);
	uint64_t then = flags & ~(uint64_t)WR_ATTEMPTS_IN_HAND;
	/* The next owner has its events go alone only where the row was at the crash. */
	if (wr_load_relaxed(&r->crash_from) != position_of(settle, row))
		then &= UINT32_MAX;
	if (moved && wr_load_relaxed(&r->seq) != 0)
		wr_cell_set(undo, &r->seq, 0);
	else if (then != flags)
		wr_cell_set(undo, &r->flags, then);
}

/* ---- checkpoints ---- */

size_t wr_attempts_save_bytes_max(uint32_t rows_max)
{
	return 64 + (size_t)rows_max * ENTRY_BYTES;
}

static bool is_blank(struct wr_attempts_row *r)
{
	uint64_t any = 0;
	for (uint32_t i = 0; i < CELLS; i++)
		any |= wr_load_relaxed(cell_of(r, i)); /* own */
	return any == 0;
}

void wr_attempts_save(struct wr_attempts *a, uint32_t rows_used, struct wr_sink *sink)
{
	uint32_t count = 0;
	for (uint32_t row = 0; row < rows_used; row++)
		count += !is_blank(&a->rows[row]);
	if (count == 0 || WR_BUG(TRIES_NOT_SAVED))
		return; /* a log in which nothing failed is as before there was this */
	size_t place = wr_section_begin(sink, WR_SECTION_ATTEMPTS, ATTEMPTS_VERSION, 0);
	wr_sink_u32(sink, count);
	wr_sink_u32(sink, 0);
	for (uint32_t row = 0; row < rows_used; row++) {
		if (is_blank(&a->rows[row]))
			continue;
		wr_sink_u32(sink, row);
		wr_sink_u32(sink, 0);
		for (uint32_t i = 0; i < CELLS; i++)
			wr_sink_u64(sink, wr_load_relaxed(cell_of(&a->rows[row], i))); /* own */
	}
	wr_section_end(sink, place);
}

int wr_attempts_load(struct wr_attempts *a, uint32_t version, uint32_t rows_used,
		     const uint8_t *bytes, uint32_t length_bytes)
{
	if (version != ATTEMPTS_VERSION)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t count = wr_take_u32(&in), least = 0;
	if (wr_take_u32(&in) != 0 || in.left_bytes != (size_t)count * ENTRY_BYTES)
		return WEIR_E_CORRUPT;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t row = wr_take_u32(&in);
		if (wr_take_u32(&in) != 0 || row < least || row >= rows_used)
			return WEIR_E_CORRUPT;
		for (uint32_t k = 0; k < CELLS; k++)
			wr_store_relaxed(cell_of(&a->rows[row], k), wr_take_u64(&in));
		if ((wr_load_relaxed(&a->rows[row].flags) & UINT32_MAX) >
		    (WR_ATTEMPTS_DEAD | WR_ATTEMPTS_EXPIRED | WR_ATTEMPTS_IN_HAND))
			return WEIR_E_CORRUPT;
		least = row + 1;
	}
	return in.failed ? WEIR_E_CORRUPT : 0;
}
