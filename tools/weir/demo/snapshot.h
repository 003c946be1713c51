/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange's own snapshots of its book, against ours: an oracle that nobody here wrote.
 *
 * Thread: any; there is no state.
 */
#ifndef WEIR_TOOLS_DEMO_SNAPSHOT_H
#define WEIR_TOOLS_DEMO_SNAPSHOT_H

#include "tools/weir/demo/book.h"

#define DEMO_SNAPSHOT_DEPTH_MAX 20

struct demo_snapshot_score {
	uint64_t snapshot_count;
	uint64_t level_count; /* levels that were compared, both sides */
	uint64_t equal_count; /* of them: same place, same price, same amount */
};

/*
 * Compares the best `depth` levels of each side with `line` ({"bids": [[price, amount], ...],
 * "asks": ...}, or a line of the feed that ends with it) and adds to the score. A level that the
 * snapshot has and the book has not is unequal; levels that the snapshot does not have are not
 * compared. False: the line is no snapshot, and nothing was added.
 */
bool demo_snapshot_compare(const struct demo_books *books, uint32_t instrument,
			   struct demo_text line, size_t depth, struct demo_snapshot_score *score);

#endif
