/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a followed file was rotated to: which they are, which of them came next, and whether
 * somebody still writes to one.
 *
 * Beside "app.log" that is what has its name with a number or a date behind it ("app.log.1",
 * "app.log-20260131"), or before its ending ("app-2026-01-31.log"); not "app.log.gz", which cannot
 * be read, nor "app.log.err", which is another log.
 *
 * Thread: any.
 */
#ifndef WEIR_TOOLS_RUN_ROTATION_H
#define WEIR_TOOLS_RUN_ROTATION_H

#include <stdbool.h>
#include <stddef.h>

/* Is `name` what a file `of` may have been rotated to? Names without folders. */
bool run_rotation_is_name(const char *name, const char *of);

/*
 * The file that was made next after the one that is open as `file`, and before the one that has the
 * name `path` now: its path into `to`. False: there is none, and `path` itself comes next. Told by
 * the time when they were made, or, where the file system keeps none, written last.
 */
bool run_rotation_next(const char *path, int file, char *to, size_t to_bytes);

/*
 * Has anybody this file open for writing? 1, 0, or -1: it cannot be known (it belongs to somebody
 * else, or the file system does not say). Asked by a lease, which is given back at once.
 */
int run_rotation_has_writer(int file);

#endif
