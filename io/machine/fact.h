/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fact out of one file of /proc or /sys, below a root: "" is the running system, else a tree
 * with proc/ and sys/, as tests build it and people send it.
 *
 * Every file is optional: containers hide them, architectures lack them, and who reads is better
 * with one fact less than not at all.
 *
 * Thread: any; no state.
 */
#ifndef WR_MACHINE_FACT_H
#define WR_MACHINE_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_FACT_TEXT_BYTES 8192u

/* The text of root + path ("/proc/..."), cut at the buffer; false when there is none. */
bool wr_fact_text(const char *root, const char *path, char to[WR_FACT_TEXT_BYTES]);

/* What stands behind a name at the beginning of a line, or NULL. */
const char *wr_fact_behind(const char *text, const char *name);

/* Up to the first white space. */
void wr_fact_word(const char *text, char *to, size_t to_bytes);

/* The first word of a file, or "". */
void wr_fact_word_of(const char *root, const char *path, char *to, size_t to_bytes);

/* The word in brackets of a file, "always [madvise] never"; unchanged without one. */
void wr_fact_choice(const char *root, const char *path, char *to, size_t to_bytes);

/* The number in the file dir + "/" + name; false, and 0, where there is no such file. */
bool wr_fact_number(const char *root, const char *dir, const char *name, uint64_t *ret_number);

#endif
