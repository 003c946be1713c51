/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That there is no room for another segment, for who asks and for who listens.
 *
 * Who asks (no_room_code) is told how it is: data waits, and no segment is on its way to it, until
 * data can go on. A segment that becomes no more than the reserve does not change that, nor do
 * spares that are kept for others (journal_ahead.c).
 *
 * Who listens (no_room_told) is told of a want at once, and of its end only when it has lasted:
 * where retention just keeps up, each segment that it gives back ends the want for as long as that
 * segment lasts, and would be a pair of lines in somebody's log. Room has to have lasted for a
 * second, and for twice as long each time that another want came all the same, up to a quarter of
 * an hour; an hour without a want begins anew. So a lasting end is told within a second, and who is
 * always short of room is told a dozen times in the first hour and four times in each later one.
 *
 * Room on the medium runs low before it is gone: low_space_bytes is asked for before a file is
 * made, a packed one too, which is all the room that a log takes. So a log that only uses files
 * again asks nothing.
 *
 * Thread: the step's, and the one that opens.
 */
#include "core/journal/journal_internal.h"

#include <errno.h>

#include "core/base/bug.h"

#define HOLD_MIN_NS 1000000000ull
#define HOLD_MAX_NS (900 * HOLD_MIN_NS)
#define FORGET_NS (3600 * HOLD_MIN_NS)

static void tell(struct wr_journal *j, uint32_t code)
{
	wr_store_relaxed(&j->cells.no_room_told, code);
	j->moved = true;
}

static void tell_want(struct wr_journal *j, uint32_t told, uint32_t code)
{
	struct wr_journal_room *room = &j->room;

	room->has_room = false;
	if (told != 0)
		return; /* it came back */
	if (room->hold_ns == 0 || wr_clock_mono_ns(j->clock) - room->ended_ns >= FORGET_NS)
		room->hold_ns = HOLD_MIN_NS;
	else
		room->hold_ns = wr_min_u64(2 * room->hold_ns, HOLD_MAX_NS);
	tell(j, code);
}

static void tell_end(struct wr_journal *j)
{
	struct wr_journal_room *room = &j->room;
	uint64_t now_ns = wr_clock_mono_ns(j->clock);

	if (!room->has_room) {
		room->has_room = true;
		room->ended_ns = now_ns;
	}
	if (now_ns - room->ended_ns < room->hold_ns)
		return;
	room->has_room = false;
	tell(j, 0);
}

void wr_journal_room_note(struct wr_journal *j)
{
	const struct wr_journal_files *f = &j->files;
	uint32_t before = wr_load_relaxed(&j->cells.no_room_code);
	uint32_t told = wr_load_relaxed(&j->cells.no_room_told);
	bool one_is_coming = f->header_phase != WR_JOURNAL_READY_NONE ||
			     (wr_journal_pickable(j) > 0 && !f->spare_refused);
	bool is_for_data = one_is_coming && !wr_journal_ahead_is_held(j);
	int held_code = is_for_data ? 0 : wr_journal_ahead_code(j);
	uint32_t code = before;

	if (held_code < 0) {
		code = (uint32_t)-held_code;
		wr_journal_drop_if_wanted(j, held_code);
	} else if (!f->starved) {
		code = 0;
	} else if (f->prepare_code < 0 && !one_is_coming) {
		code = (uint32_t)-f->prepare_code;
	}
	if (code != before) {
		wr_store_relaxed(&j->cells.no_room_code, code);
		wr_store_release(&j->link->full, code != 0 ? 1u : 0u); /* D2 */
		j->moved = true; /* who refuses events for it has to know */
	}
	if (code != 0)
		tell_want(j, told, code);
	else if (told != 0)
		tell_end(j);
}

/* --- room on the medium ----------------------------------------------------------------------- */

static void set_low(struct wr_journal *j, bool low)
{
	if (low == (wr_load_relaxed(&j->cells.low_space) != 0))
		return;
	wr_store_relaxed(&j->cells.low_space, low ? 1u : 0u);
	j->moved = true;
}

int wr_journal_room_look(struct wr_journal *j)
{
	uint64_t mark = j->options.low_space_bytes;
	uint64_t one = j->table->segment_bytes, free_bytes;

	/* Who cannot say leaves it to the file that is made. */
	if (mark == 0 || j->storage->ops->free_bytes(j->storage, &free_bytes) < 0)
		return 0;
	wr_journal_cell_set(&j->cells.free_bytes, free_bytes);
	if ((free_bytes < one || free_bytes - one < mark) && !WR_BUG(LOW_SPACE_PASSED)) {
		set_low(j, true);
		return -ENOSPC;
	}
	/* A file more than there has to be: an end that is told shall last. */
	if (free_bytes - one - mark >= one)
		set_low(j, false);
	return 0;
}

void wr_journal_room_made(struct wr_journal *j, int code)
{
	if (code == -ENOSPC || code == -EDQUOT)
		set_low(j, true);
	else if (code == 0 && j->options.low_space_bytes == 0)
		set_low(j, false);
}

uint64_t wr_journal_room_idle_ns(const struct wr_journal *j, uint64_t now_ns)
{
	const struct wr_journal_room *room = &j->room;
	uint64_t lasted_ns = now_ns - room->ended_ns;

	if (!room->has_room)
		return UINT64_MAX;
	return lasted_ns < room->hold_ns ? room->hold_ns - lasted_ns : 0;
}
