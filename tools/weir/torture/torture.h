/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir torture`: what it does to journals of its own, and what came of it.
 *
 *   room.c           the directory that it made, and nothing else
 *   sweep_*.c        children that publish and consume, killed, some of them on a disk that fails
 *   flip.c           damage to copies of what they left
 *   report.c         the verdict
 *
 * Thread: main. Children are forks, so no thread of weir's may be in this process.
 */
#ifndef WEIR_TOOLS_TORTURE_TORTURE_H
#define WEIR_TOOLS_TORTURE_TORTURE_H

#include <stdio.h>

#include "tools/weir/torture/look.h"
#include "tools/weir/torture/sweep.h"

/* ---- the room ---- */

#define ROOM_PATH_BYTES 512

/* A directory made by this process, and held open. */
struct room {
	char path[ROOM_PATH_BYTES];
	int parent_fd;
	int fd;
	bool is_kept;
};

/* Makes PARENT/weir-torture-XXXXXX. 0 or -errno. */
int room_make(const char *parent, struct room *ret_room);
/* Removes the files of a directory in the room, and the directory; -ENOENT is none. */
int room_empty(const struct room *room, const char *name);
/* Removes all of it. What has been put in its place meanwhile is left alone. */
int room_remove(struct room *room);
/* "PATH/name"; ROOM_PATH_BYTES + 64. */
#define ROOM_NAME_BYTES (ROOM_PATH_BYTES + 64)
void room_path(const struct room *room, const char *name, char to[ROOM_NAME_BYTES]);

/* ---- damage ---- */

enum flip_kind { FLIP_BIT, FLIP_CUT, FLIP_ZERO };
#define FLIP_KINDS 3u

struct flip_sum {
	uint64_t done[FLIP_KINDS]; /* a bit turned over, a file cut, a sector zeroed */
	uint64_t detected;         /* told as corruption, or the journal is refused */
	uint64_t mended;           /* told, and no event is touched */
	uint64_t unseen;           /* nobody reads what was damaged */
	uint64_t reopened;         /* of all, copies that a pipeline was opened on, too */
	uint64_t silent;           /* must be 0 */
};

struct flip_run {
	const struct room *room;
	struct flip_sum sum;
	bool (*is_stopped)(void *context);
	/* Called with each look at a damaged copy, before it is judged. NULL: not. */
	void (*looked)(void *context, struct look *look);
	void *context;
	struct look *whole; /* of flip_init() */
	struct look *look;
	char fault[512];
};

bool flip_init(struct flip_run *run); /* false: no memory */
void flip_fini(struct flip_run *run);

/*
 * Damages copies of the journal in the room's directory `name`, which nobody has open, by draws of
 * `seed`, until `end_ns` and at least once. False: run->fault.
 */
bool flip_journal(struct flip_run *run, const char *name, uint64_t seed, uint64_t end_ns);

/* ---- the whole ---- */

/* Tests of the verdict put a fault of their own here; NULL in the command. */
struct torture_hooks {
	void (*killed)(void *context, const char *journal);
	void (*looked)(void *context, struct look *look);
};
extern struct torture_hooks torture_hooks;

struct torture {
	struct room room;
	struct sweep_run sweep;
	struct flip_run flip;
	const char *parent; /* where the room is */
	uint64_t seed;      /* of the first journal; the next has the next one */
	uint64_t failed_seed;
	uint64_t length_ns;
	uint64_t begun_ns;
	uint64_t elapsed_ns;
	const char *fault; /* NULL: none */
	bool is_interrupted;
	bool is_terminal; /* progress is shown */
	uint64_t shown_ns;
};

/* report.c */
void torture_print(FILE *to, const struct torture *t);
int torture_print_json(FILE *to, const struct torture *t);
/* Over the last one, now and then. */
void torture_progress(struct torture *t);
void torture_progress_end(struct torture *t);

#endif
