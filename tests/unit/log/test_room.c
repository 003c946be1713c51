/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what lies behind a sequence is never told too small, and a sixteenth and a chunk too
 *         large at most, however long the log is.
 * Method: logs of many chunks, with some that hold no record, measured against the plain sum.
 */
#include <criterion/criterion.h>

#include "core/log/room.h"

#define CHUNKS 200000u

static uint64_t first_seq[CHUNKS + 1];

Test(room_marks, what_lies_behind_is_told_closely_and_never_too_small)
{
	static struct wr_room room;
	uint64_t seq = 100;
	wr_room_init(&room);
	wr_room_opened(&room, 1, 7);
	cr_expect_eq(wr_room_chunks_from(&room, 1), 7, "a segment is one piece");
	for (uint32_t i = 0; i < CHUNKS; i++) {
		first_seq[i] = seq;
		wr_room_opened(&room, seq, 1);
		seq += i % 11 == 3 ? 0 : 1 + i % 5;
		if ((i & (i - 1)) != 0 && i != CHUNKS - 1)
			continue;
		for (uint32_t k = 0; k <= i; k += 1 + k / 50) {
			uint32_t last = i - k;
			uint64_t told = wr_room_chunks_from(&room, first_seq[last]);
			cr_assert_geq(told, k + 1, "%u of %u", last, i);
			cr_assert_leq(told, k + 2 + (k + 2) / 15, "%u of %u: %llu", last, i,
				      (unsigned long long)told);
		}
		cr_expect_eq(wr_room_chunks_from(&room, 99), i + 8);
	}
	cr_expect_lt(room.count, WR_ROOM_MARKS);
}
