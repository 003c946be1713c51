/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk beside an owner that is at work: whether damage that it met is there, and where it goes on
 * when its segments were used again. Part of verify.c, and for nobody else.
 *
 * Damage is believed when two looks find it in one place, or when the owner has not changed which
 * segments there are since the walk began. What a walk sees of an owner that uses hundreds of
 * segments a second again is of different moments, and can look like a log that lacks a segment;
 * the next look is at other moments. What is damaged stays so.
 *
 * Where the owner used a segment's file again, the superblock and the directory are read anew. What
 * the superblock still counts to the log was packed, and the new list has the packed file: the walk
 * stands in it where it stood, and leaves nothing out. What the superblock does not count has left
 * the log: the walk goes on with what is there now. Either way it ends at the latest with what was
 * there when that happened first: else it would not end before the owner rests. How often it may be
 * overtaken is counted from the last batch that it came to.
 *
 * Thread: see scan.h.
 */
#ifndef WR_JOURNAL_VERIFY_LIVE_H
#define WR_JOURNAL_VERIFY_LIVE_H

#include "core/journal/scan.h"

struct wr_verify_live {
	bool may_have_retired; /* as wr_scan_begin() is told */
	bool is_dense;         /* rather than leave out what has left the log: WEIR_E_AGAIN */
	bool is_overtaken;     /* it has left something out */
	/* The end of the last batch that was visited. */
	uint64_t at_id;
	uint64_t at_offset;
	uint32_t looks;           /* that found damage since, each elsewhere */
	uint32_t overtaken_count; /* since then, too */
	bool has_suspect;
	struct wr_scan_stop suspect; /* what the look before this one stopped at */
	uint64_t bound_id;           /* where it ends, from the first new list on; 0: none yet */
};

/* A batch that the walk came to: 1: visit it; 0: it was visited in an earlier look; -1: it lies
 * behind what is to be seen, and the walk is over. */
int wr_verify_live_batch(struct wr_verify_live *live, const struct wr_scan_batch *batch);

/* WEIR_E_CORRUPT: 1: it is so; 0: the scan was begun anew, look again; or a negative code, as of
 * wr_verify_run(). */
int wr_verify_live_damage(struct wr_verify_live *live, struct wr_scan *scan,
			  struct wr_superblock *superblock);

enum wr_verify_went {
	WR_VERIFY_ENDS = 0, /* nothing is there that is to be seen */
	WR_VERIFY_STANDS,   /* where it stood, in the packed file of its segment */
	WR_VERIFY_LOOKS,    /* somewhere before that: look again, all was seen up to there */
	WR_VERIFY_GOES_ON,  /* behind what has left the log */
};

/*
 * WEIR_E_AGAIN from the segment `last_id`: enum wr_verify_went, or a negative code. WEIR_E_AGAIN:
 * it was overtaken too often, or, dense, at all.
 */
int wr_verify_live_overtaken(struct wr_verify_live *live, struct wr_scan *scan,
			     struct wr_superblock *superblock, uint64_t last_id);

/* A segment of the log that the walk does not come to any more. */
static inline bool wr_verify_live_is_beyond(const struct wr_verify_live *live,
					    const struct wr_scan_segment *s)
{
	return live->bound_id != 0 && s->first_valid && !s->excluded &&
	       s->segment_id > live->bound_id;
}

#endif
