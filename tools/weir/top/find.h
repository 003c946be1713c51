/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pipelines there are on this machine: the files of a directory of metrics, opened. A file
 * stays behind when its process dies, and says so (look_state()).
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TOP_FIND_H
#define WEIR_TOOLS_TOP_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/weir/args.h"
#include "tools/weir/top/look.h"

#define FIND_MAX 256u

struct find {
	struct look *looks[FIND_MAX];
	char *paths[FIND_MAX];
	uint64_t inodes[FIND_MAX]; /* of the files: another one may come to a path */
	uint32_t count;
	uint32_t beyond; /* files that were not opened, since there are too many */
	uint32_t more;   /* files that could not be opened */
	int code;        /* of the last of these */
	char why[512];   /* and what it is */
};

#define FIND_OPTION_DIR(to)                                                                        \
	{                                                                                          \
		.name = "metrics-dir", .type = CLI_STRING, .target = (to), .value_name = "D",      \
		.help = "where the files of metrics are, instead of /dev/shm/weir-UID"             \
	}

/*
 * Opens all that `which` names, sorted by name and process: a pipeline's name, its journal's
 * directory, the number of its process, or a file of metrics; NULL: all. What is gone from the
 * directory stays until find_close(). Where there is none at all, and no `dir` was named, other
 * users' are told on stderr.
 *
 * @return CLI_GO_ON, for all also if there is none (count is 0 then); or an exit code after a
 *         complaint: CLI_EXIT_NOT_FOUND: none is what `which` names
 */
int find_open(struct find *f, const char *dir, const char *which);
/* Pipelines that have come since, quietly; what could not be read or opened is counted anew. */
void find_more(struct find *f, const char *dir, const char *which);
/* Looks at all of them again. */
void find_look(struct find *f);
/* Warns on stderr of files that could not be read, or are too many. */
void find_warn(const struct find *f);
void find_close(struct find *f);

#endif
