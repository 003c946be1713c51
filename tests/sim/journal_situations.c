/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_situations.h. */
#include "tests/sim/journal_situations.h"

#include <inttypes.h>
#include <stdio.h>

void journal_situations_of_life(uint64_t sometimes[SOMETIMES_COUNT], struct wr_journal *journal)
{
	struct wr_journal_stats stats;

	wr_journal_stats(journal, &stats);
	sometimes[SOMETIMES_MERGED] += stats.writes < stats.batches;
	sometimes[SOMETIMES_DROPPED] += stats.segments_dropped;
	sometimes[SOMETIMES_REMOVED] += stats.segments_removed;
	sometimes[SOMETIMES_PACKED] += stats.segments_packed;
	sometimes[SOMETIMES_PACK_FAILED] += stats.pack_failures;
}

bool journal_situations_say(const uint64_t sometimes[SOMETIMES_COUNT], uint64_t failures,
			    bool whole)
{
	static const char *const text[] = {
#define SOMETIMES_TEXT(name, text) text,
		SOMETIMES_MAP(SOMETIMES_TEXT)
#undef SOMETIMES_TEXT
	};
	bool all = true;

	for (uint32_t i = 0; i < SOMETIMES_COUNT; i++) {
		printf("# %8" PRIu64 " %s\n", sometimes[i], text[i]);
		all = all && sometimes[i] > 0;
	}
	printf("%s 1 - nothing acknowledged is lost and nothing else is found\n",
	       failures == 0 ? "ok" : "not ok");
	if (whole)
		printf("%s 2 - every situation was there\n", all ? "ok" : "not ok");
	else
		printf("ok 2 - every situation was there # SKIP only some seeds\n");
	return failures == 0 && (!whole || all);
}
