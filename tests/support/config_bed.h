/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Config files in tests: a text in, the report or the config out. Read for any machine, so that the
 * result is the same on all of them.
 *
 * Thread: main of a test.
 */
#ifndef WEIR_TESTS_CONFIG_BED_H
#define WEIR_TESTS_CONFIG_BED_H

#include <stddef.h>

#include <weir/config.h>

/* The report on a text that is called "x"; valid until the next call. */
const char *config_report(const char *yaml);
const char *config_report_n(const char *yaml, size_t bytes);

/* A config without errors; aborts with the report otherwise. */
struct weir_config *config_good(const char *yaml);

/* A file of the source tree, with a NUL behind; the caller frees it. Aborts if it is not there. */
char *config_read_file(const char *path, size_t *ret_bytes);

#endif
