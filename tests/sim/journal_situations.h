/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of sim_journal is in, and counts. */
#ifndef WR_SIM_JOURNAL_SITUATIONS_H
#define WR_SIM_JOURNAL_SITUATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/journal/journal.h"

/* Situations that a run must have been in; one that never came is a hole in the simulation. */
#define SOMETIMES_MAP(X)                                                                           \
	X(POWER_CUT, "power cuts in a life")                                                       \
	X(POWER_CUT_IN_OPEN, "power cuts in recovery or start")                                    \
	X(KILL, "deaths of the process")                                                           \
	X(CLEAN, "clean closes")                                                                   \
	X(FAILED, "journals that failed for good")                                                 \
	X(TRIMMED, "torn tails")                                                                   \
	X(TRIMMED_HOLE, "torn tails with valid batches behind a hole")                             \
	X(UNACKED_FOUND, "records found that were never acknowledged")                             \
	X(CHECKPOINT_USED, "recoveries from a checkpoint")                                         \
	X(RETIRED, "logs whose beginning was retired")                                             \
	X(AGED, "segments that went because they were too old")                                    \
	X(REMOVED, "segment files that went from the disk")                                        \
	X(CLOCK_SET, "steps of the wall clock")                                                    \
	X(PACKED, "segments that were packed")                                                     \
	X(PACKED_FOUND, "packed segments found by an open")                                        \
	X(PACK_FAILED, "segments that could not be packed")                                        \
	X(COMPACTED, "events that compaction left out")                                            \
	X(ERASED, "events that were erased, and left")                                             \
	X(ERASURES_DONE, "looks at media that have nothing more of what was erased")               \
	X(LEAVING_CUT, "lives that ended while events were leaving")                               \
	X(CHAINED, "batches whose link and tag are proven")                                        \
	X(CHAINED_LATE, "walks through a log in which a chain begins")                             \
	X(DROPPED, "segments that went because no file could be made")                             \
	X(RESUMED, "segments gone on in after a clean close")                                      \
	X(STARVED, "writers without an extent")                                                    \
	X(MERGED, "writes of several batches")                                                     \
	X(OPEN_ERROR, "opens that an I/O error ended")                                             \
	X(VERIFIED, "logs that were read from end to end")                                         \
	X(LOSS_REFUSED, "journals refused because a segment file was lost")                        \
	X(LOSS_OF_SPARE, "lost segment files with nothing in them")                                \
	X(BEYOND, "writes acknowledged and lost")                                                  \
	X(BEYOND_MISDIRECTED, "writes to another place")                                           \
	X(BEYOND_DUPLICATED, "writes that happened once more")                                     \
	X(BEYOND_LIE, "lives in which syncs lied")                                                 \
	X(BEYOND_ROT, "bits that rotted")                                                          \
	X(BEYOND_REFUSED, "journals refused after one of those")                                   \
	X(BEYOND_WHOLE, "logs that were whole after one of those")                                 \
	X(BEYOND_UNKNOWABLE, "losses that nothing on the medium attests")

enum sometimes {
#define SOMETIMES_ENUM(name, text) SOMETIMES_##name,
	SOMETIMES_MAP(SOMETIMES_ENUM)
#undef SOMETIMES_ENUM
		SOMETIMES_COUNT
};

/* What the owner of a life has done. */
void journal_situations_of_life(uint64_t sometimes[SOMETIMES_COUNT], struct wr_journal *journal);
/* The report. `whole`: of all seeds, so that each situation has to have been there. False: it
 * tells of a failure. */
bool journal_situations_say(const uint64_t sometimes[SOMETIMES_COUNT], uint64_t failures,
			    bool whole);

#endif
