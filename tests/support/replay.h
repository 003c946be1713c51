/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of the log in step with the file that was published: every event must be the file's next
 * one, byte for byte. Builds the books twice, from the file and from the log's bytes, compares them
 * at each of the exchange's own snapshots, and these with the books.
 *
 * Thread: one. Allocates.
 */
#ifndef WEIR_TESTS_REPLAY_H
#define WEIR_TESTS_REPLAY_H

#include <weir.h>

#include "tools/weir/demo/snapshot.h"
#include "tools/weir/demo/source.h"

#define REPLAY_DEAD_IDS 65536u
#define REPLAY_TOP_LEVELS 5u
#define REPLAY_PARTITIONS_MAX 64u

/* What a reader has found. */
struct verdict {
	uint64_t event_count;
	uint64_t wrong_count;   /* not the event that the file has at this place, byte for byte */
	uint64_t unequal_count; /* snapshots at which file and log gave different books */
	bool equal_at_end;
	struct demo_snapshot_score score; /* of the last 60% */
};

struct replay {
	struct demo_source *source;
	struct demo_books direct; /* from the file */
	struct demo_books books;  /* from the log */
	uint64_t event_total;
	struct verdict verdict;
	struct replay_copy *copies; /* what was polled, to be taken in log order */
	size_t copy_count;
	uint64_t last_sequence[REPLAY_PARTITIONS_MAX];
};

/* The number that the test gave the event, from its event id; 0: it has none. */
uint64_t replay_index_of(const struct weir_item *item);

/* False: no memory. */
bool replay_init(struct replay *replay, const struct demo_input *input, uint64_t total);

/* The next event of the log. 0 or -ENOMEM. */
int replay_item(struct replay *replay, const struct weir_item *item);

/*
 * A polled item. A member gets each partition in order; a partition that it was assigned later may
 * begin further back in the log. So items are checked for order in their partition, copied, and
 * taken by replay_copies() in the order of their sequences. 0, -ENOMEM, or -EPROTO: out of order,
 * or no event.
 */
int replay_keep(struct replay *replay, const struct weir_item *item);
int replay_copies(struct replay *replay);

/* Frees everything. */
struct verdict replay_end(struct replay *replay);

#endif
