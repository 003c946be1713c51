/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's small files in /proc and /sys: read whole, never cached. Thread: any; no state.
 */
#ifndef WR_POSIX_TEXT_FILE_H
#define WR_POSIX_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* The text of a file, cut at the buffer; false when it cannot be read or is empty. */
bool wr_text_read(const char *path, char *ret_text, size_t text_bytes);

/* The same of `dir` + "/" + `name`. */
bool wr_text_read_in(const char *dir, const char *name, char *ret_text, size_t text_bytes);

#endif
