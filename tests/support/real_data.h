/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real event streams that tests run on, TAP lines for programs with a main() of their own, and
 * directories for journals.
 *
 * The data is not part of the tree: it lies in the folder that WEIR_TEST_DATA names, or in
 * ../shared/data beside the source root (tests run there). Where it is not, who needs it is
 * skipped, with a line that says so.
 *
 * Thread: the main thread.
 */
#ifndef WEIR_TESTS_REAL_DATA_H
#define WEIR_TESTS_REAL_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir.h>

#define TEST_PATH_BYTES 512

/* The path of a file of the data, into `to`. False: it is not there. */
bool real_data_find(const char *name, char to[TEST_PATH_BYTES]);

/* Unpacks an .xz file by `xz -dc` into a new temporary file. False: no xz, or it failed. */
bool real_data_unpack(const char *path, char to[TEST_PATH_BYTES]);

/*
 * A new empty directory on a file system of a disk, and its end. What cannot be removed, or is gone
 * already, ends the program: somebody still writes there, and a test that leaves something behind
 * has failed.
 */
void test_dir_make(char to[TEST_PATH_BYTES]);
void test_dir_remove(const char *dir);

/* The backend that WEIR_TEST_IO names, or what was there. */
void test_io(enum weir_io *io);

/* Options for a pipeline in `dir`, with the backend that WEIR_TEST_IO names. */
void test_options(struct weir_options *options, const char *dir);

/* TAP: a case, a line of comment, a skipped case, the plan. */
bool tap_check(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tap_skip(const char *why);
/* Prints the plan; what main() returns. */
int tap_end(void);

/* A seed from WEIR_TEST_SEED, else from the clock. Printed, so that a failure can be run again. */
uint64_t test_seed(void);

#endif
