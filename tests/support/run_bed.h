/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir run` in tests: each case has a folder of its own as working directory, configs are written
 * there, the command runs in a child process, and what it said is kept. What cannot be set up, or
 * does not come for minutes, ends the program.
 *
 * Thread: main of a test.
 */
#ifndef WEIR_TESTS_RUN_BED_H
#define WEIR_TESTS_RUN_BED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The beginnings of a config: a journal in "j" and little memory; with a topic "t". */
#define RUN_BED_SMALL                                                                              \
	"name: life\n"                                                                             \
	"journal: {dir: j, segment: 1MiB}\n"                                                       \
	"memory: {chunk: 64KiB, pool: 2MiB, undurable: 1MiB, lane: 256KiB, member_lane: 64KiB}\n"
#define RUN_BED_JOURNAL RUN_BED_SMALL "topics: [{name: t, partitions: 2}]\n"

extern char run_bed_said[16384]; /* what the last command wrote to standard error */
extern char run_bed_text[65536]; /* what run_bed_get() has read */

void run_bed_must(bool good, const char *what);

/* A new folder, and we are in it; the one before goes. */
void run_bed_fresh(void);
void run_bed_end_all(void);

/* Files of the folder. */
void run_bed_put(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *run_bed_get(const char *name);
uint64_t run_bed_bytes(const char *name);
void run_bed_wait_for_bytes(const char *name, uint64_t bytes);

/* The command. What it says goes into the file "said", its standard output into "stdout". */
pid_t run_bed_start(const char *config);
int run_bed_end(pid_t child); /* its exit code; 128 + N: a signal ended it */
int run_bed_run(const char *config);
void run_bed_wait_for_word(const char *word);

/* Called in the command's process before it begins; NULL: nothing. */
extern void (*run_bed_before)(void);

/* Did it say this? Shows what it said where not. */
bool run_bed_says(const char *text);

#endif
