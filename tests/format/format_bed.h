/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the format share: lives that leave every kind of record in a journal, and the
 * question whether the command and the reader that was written from the page alone
 * (read_journal.py) see the same.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_FORMAT_BED_H
#define WR_TESTS_FORMAT_BED_H

#include "tests/support/pipeline_fixture.h"

extern struct fixture format_fixture;

/* Runs `body` in a child process; its exit status, or 128 + the signal that ended it. */
int format_in_child(void (*body)(const char *argument), const char *argument);
/* The path of a file of the fixture's directory. */
void format_path(char to[TEST_PATH_BYTES], const char *name);

/* Opens, publishes, reads and acknowledges; `how`: any character, then k: dies, or c: closes. */
void format_live(const char *how);
/* The same, closed, until `segments` (decimal) more are packed; by the fixture's options. */
void format_live_packed(const char *segments);
/*
 * The same; of segments whose events stand many in a batch, compressed with LZ4 (l) or Zstandard
 * (z), which the build has.
 */
void format_live_compressed(const char *how);
bool format_has_codec(char how);
/* The same, and the topic grows to twice its partitions in between. */
void format_live_grown(const char *how);
/* The same, until events of a topic that is compacted have left; the first time in a journal. */
void format_live_compacted(const char *unused);
/* A key is erased, and nothing of it is left. */
void format_live_erased(const char *unused);
/* Until four segments were retired and used again; by the fixture's options. */
void format_live_long(const char *unused);

/* Both end the process. The dump goes to a file; the script compares with it, or is silent. */
void format_dump(const char *to);
void format_run_script(const char *dump_path);
#define FORMAT_NOT_READ_HERE 77 /* the script's status, where Python lacks what it needs */
/* One TAP line: of the fixture's directory both say the same; dump.json is made in it. Skipped
 * where Python lacks Zstandard. */
void format_check_both(const char *what);

#endif
