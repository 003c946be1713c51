/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the log lies behind a sequence, in chunks: what is still to be copied or settled is
 * measured by it. The writer notes where its chunks begin; of those far back only some, so that the
 * notes have room for a log of any length: what lies behind a sequence is told a sixteenth and a
 * chunk too large at most, and never too small.
 *
 * What there was before this open is noted by its segments.
 *
 * Thread: the writer's.
 */
#ifndef WR_LOG_ROOM_H
#define WR_LOG_ROOM_H

#include <stdint.h>

#define WR_ROOM_MARKS 512u

struct wr_room_mark {
	uint64_t first_seq;
	uint64_t ordinal; /* of the chunk that begins with it, counted from the log's beginning */
};

struct wr_room {
	uint64_t opened; /* chunks so far */
	uint32_t count;
	struct wr_room_mark marks[WR_ROOM_MARKS]; /* ascending */
};

void wr_room_init(struct wr_room *room);
/* More chunks, the first of which begins with first_seq; they may have no record. */
void wr_room_opened(struct wr_room *room, uint64_t first_seq, uint64_t chunks);
/* Chunks from the one that holds `seq` to the last one; 0: there is none. */
uint64_t wr_room_chunks_from(const struct wr_room *room, uint64_t seq);

#endif
