/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/room.h"

#include <stdbool.h>

#include "core/base/assert.h"

/* The last so many are all noted; before them marks stand at a sixteenth of their distance. */
#define DENSE_MARKS 64u
#define PART 16u

void wr_room_init(struct wr_room *room)
{
	room->opened = 0;
	room->count = 0;
}

/* Leaves out those whose neighbours are near enough to one another for where they stand. */
static void thin(struct wr_room *room)
{
	uint32_t kept = 1; /* the first stays */
	for (uint32_t i = 1; i < room->count; i++) {
		uint64_t before = room->marks[kept - 1].ordinal;
		bool is_dense = i + DENSE_MARKS >= room->count;
		uint64_t behind = is_dense ? 0 : room->marks[i + 1].ordinal;
		if (is_dense || (behind - before) * PART > room->opened - behind)
			room->marks[kept++] = room->marks[i];
	}
	room->count = kept;
}

void wr_room_opened(struct wr_room *room, uint64_t first_seq, uint64_t chunks)
{
	/* One that held no record begins where the next one does. */
	if (room->count == 0 || room->marks[room->count - 1].first_seq != first_seq) {
		if (room->count == WR_ROOM_MARKS)
			thin(room);
		WR_ASSERT(room->count < WR_ROOM_MARKS);
		room->marks[room->count++] =
			(struct wr_room_mark){.first_seq = first_seq, .ordinal = room->opened};
	}
	room->opened += chunks;
}

uint64_t wr_room_chunks_from(const struct wr_room *room, uint64_t seq)
{
	uint32_t low = 0, high = room->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (room->marks[middle].first_seq <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	return room->opened - (low > 0 ? room->marks[low - 1].ordinal : 0);
}
