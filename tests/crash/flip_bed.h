/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small journal made by the library itself, on a real file system, and what it holds: every event
 * and every block that is not zero. What a test damages is held against this.
 *
 * The journal has two lives (two epochs), several segments, batches of one and of several blocks,
 * fillers and evidence, and both checkpoints. The first life is closed in order, the second as the
 * test says: also by the death of its process before anything attests its last batches.
 *
 * Thread: main.
 */
#ifndef WEIR_TESTS_CRASH_FLIP_BED_H
#define WEIR_TESTS_CRASH_FLIP_BED_H

#include <stdbool.h>
#include <stdint.h>

#include <weir.h>

#include "tests/support/real_data.h"
#include "tools/weir/torture/look.h"

#define BED_FILES_MAX 64u
#define BED_REGIONS_MAX 512u

enum bed_kind { BED_SUPERBLOCK, BED_SEGMENT_HEADER, BED_CHECKPOINT, BED_BATCH, BED_EMPTY_BATCH };

struct bed_file {
	char name[64];
	int fd;
	uint64_t bytes;
};

/* Blocks of a file that belong together. */
struct bed_region {
	enum bed_kind kind;
	uint32_t file;
	uint64_t offset;
	uint64_t bytes;
	uint64_t first_sequence; /* of a batch; end is exclusive */
	uint64_t end_sequence;
};

struct bed {
	char parent[TEST_PATH_BYTES];
	char dir[TEST_PATH_BYTES];
	struct bed_file files[BED_FILES_MAX];
	uint32_t file_count;
	struct bed_region regions[BED_REGIONS_MAX];
	uint32_t region_count;
	struct look_event events[LOOK_EVENTS_MAX];
	uint32_t event_count;
};

/* Makes the journal in a directory of its own. False: it could not be made. */
bool bed_make(struct bed *bed, bool clean);
void bed_remove(struct bed *bed);

/* Options that open it. */
void bed_options(struct weir_options *options, const char *dir);

/* Are these all events, but for those from `first` to `end` (exclusive)? */
bool bed_has_all_but(const struct bed *bed, const struct look_event *events, uint32_t count,
		     uint64_t first, uint64_t end);

/* A copy of all files in `to`, which is made if it is not there. */
bool bed_copy(const struct bed *bed, const char *to);

/*
 * Opens a journal with a pipeline and reads all with a new subscription. 0, or what weir_open() or
 * weir_poll() said; what was read is in `ret_look`, also then.
 */
int bed_reopen(const char *dir, struct look *ret_look);

#endif
