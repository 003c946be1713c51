/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of the lines that a source has read and the log has not decided yet: what it refuses for
 * now is made into events once more. Lines are numbered as the events that they are, densely.
 *
 * A ring of places. Each keeps its memory for the next line, unless that was a long one.
 *
 * Thread: the source's own.
 */
#ifndef WEIR_TOOLS_RUN_KEPT_LINES_H
#define WEIR_TOOLS_RUN_KEPT_LINES_H

#include "tools/weir/run/source.h"

#define RUN_KEPT_LINES 4096u
#define RUN_KEPT_BYTES (UINT64_C(8) << 20)

struct run_kept_line {
	struct run_line line; /* `at` is the copy */
	char place[RUN_PLACE_BYTES];
	char *text;
	size_t room_bytes;
};

struct run_kept_lines {
	struct run_kept_line *lines; /* [RUN_KEPT_LINES] */
	uint64_t first;              /* the event that the oldest is */
	uint64_t end;                /* behind the newest */
	uint64_t bytes;              /* of all */
};

/* The first line will be this event. 0 or -ENOMEM. */
int run_kept_init(struct run_kept_lines *kept, uint64_t first);
void run_kept_fini(struct run_kept_lines *kept);

/* Whether one more may be added, however long it is. */
bool run_kept_has_room(const struct run_kept_lines *kept);
/* 0 or -ENOMEM. */
int run_kept_add(struct run_kept_lines *kept, const struct run_line *line, const char *place);
/* Those below are not needed any more. */
void run_kept_drop(struct run_kept_lines *kept, uint64_t first);
/* One that is there; lent until it is dropped. */
const struct run_kept_line *run_kept_at(const struct run_kept_lines *kept, uint64_t event);

#endif
