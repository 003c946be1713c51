/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   docs/reference/journal-format.md says what a journal is: a reader that was written from
 *         it alone (read_journal.py) finds the same records as `weir journal dump`, and sees
 *         damage where that sees it.
 * Method: journals made through the public API: with keys, tombstones, empty payloads, explicit
 *         partitions, ids, headers, runs and progress; over lives that were killed and lives that
 *         were closed; with segments that were retired and used again. The script compares field
 *         by field. Then one bit of a batch in the middle is flipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/format/format_bed.h"

/* A bit of the batch in the middle of the first segment: block by block, the first that holds. */
static void flip_a_bit(void)
{
	char path[TEST_PATH_BYTES];
	uint8_t block[4096];
	format_path(path, "0-00000000.seg");
	int file = open(path, O_RDWR | O_CLOEXEC);
	fixture_need(file >= 0, path);
	for (off_t at = 5 * 4096;; at += 4096) {
		fixture_need(pread(file, block, sizeof block, at) == sizeof block, "a batch");
		if (memcmp(block, "WEIR", 4) != 0 || block[6] != 1)
			continue;
		block[200] ^= 4;
		fixture_need(pwrite(file, block, sizeof block, at) == sizeof block, "a write");
		break;
	}
	(void)close(file);
}

/* Away with the newest segment that holds batches, of a copy, and back. */
static bool newest_is_missed(void)
{
	char path[TEST_PATH_BYTES], aside[TEST_PATH_BYTES], newest[TEST_PATH_BYTES] = "";
	uint64_t newest_id = 0;
	uint8_t blocks[2 * 4096];

	for (unsigned number = 0; number < 64; number++) {
		char name[32];
		uint64_t id;
		(void)snprintf(name, sizeof name, "0-%08u.seg", number);
		format_path(path, name);
		int file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		bool whole = pread(file, blocks, sizeof blocks, 0) == sizeof blocks;
		(void)close(file);
		memcpy(&id, blocks + 4096 + 88, sizeof id);
		if (!whole || memcmp(blocks + 4096, "WEIR", 4) != 0 || id <= newest_id)
			continue;
		newest_id = id;
		memcpy(newest, path, sizeof newest);
	}
	format_path(path, "dump.json");
	format_path(aside, "aside");
	fixture_need(newest_id != 0 && rename(newest, aside) == 0, "a segment");
	int dumped = format_in_child(format_dump, path),
	    read = format_in_child(format_run_script, NULL);
	fixture_need(rename(aside, newest) == 0, "the segment again");
	if (dumped != 6 || read != 1)
		tap_note("without %s: %d and %d", newest, dumped, read);
	return dumped == 6 && read == 1;
}

static void check_compressed(const char *how)
{
	if (!format_has_codec(how[0])) {
		tap_skip("this build lacks the library");
		return;
	}
	fixture_init(&format_fixture, FIXTURE_DURABLE);
	format_fixture.options.chunk_bytes = 32u << 10;
	format_fixture.options.segment_bytes = 64u << 10;
	fixture_need(format_in_child(format_live_compressed, how) == 0, "a life that compresses");
	format_check_both(how[0] == 'l' ? "segments compressed by LZ4"
					: "segments compressed by Zstandard");
	fixture_end(&format_fixture);
}

int main(void)
{
	if (system("python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null") !=
	    0) {
		tap_skip("there is no python3");
		return tap_end();
	}
	fixture_init(&format_fixture, FIXTURE_DURABLE);
	fixture_need(format_in_child(format_live, "1k") == 128 + SIGKILL, "a life that is killed");
	format_check_both("a journal whose owner was killed");
	tap_check(newest_is_missed(), "its newest segment is missed by both, if it is lost");
	fixture_need(format_in_child(format_live, "2c") == 0 &&
			     format_in_child(format_live, "3k") == 128 + SIGKILL &&
			     format_in_child(format_live, "4c") == 0,
		     "lives of both kinds");
	format_check_both("four lives, closed and killed by turns");
	flip_a_bit();
	char path[TEST_PATH_BYTES];
	format_path(path, "dump.json");
	tap_check(format_in_child(format_dump, path) == 6 &&
			  format_in_child(format_run_script, NULL) == 1,
		  "a bit in the middle is damage to both");
	fixture_end(&format_fixture);
	fixture_init(&format_fixture, FIXTURE_DURABLE);
	format_fixture.options.retention_bytes = 1u << 20;
	format_fixture.options.checkpoint_bytes = 256u << 10;
	fixture_need(format_in_child(format_live_long, NULL) == 0, "a long life");
	format_check_both("segments that were retired and used again");
	fixture_end(&format_fixture);
	fixture_init(&format_fixture, FIXTURE_DURABLE);
	format_fixture.options.chunk_bytes = 32u << 10;
	format_fixture.options.segment_bytes = 128u << 10;
	fixture_need(format_in_child(format_live_packed, "2") == 0, "a life that packs");
	format_check_both("segments that were packed");
	fixture_need(format_in_child(format_live_packed, "1") == 0 &&
			     format_in_child(format_live, "5k") == 128 + SIGKILL,
		     "a life that packs more, and one that is killed");
	format_check_both("more of them, behind a life that was killed");
	fixture_end(&format_fixture);
	check_compressed("l");
	check_compressed("z");
	fixture_init(&format_fixture, FIXTURE_DURABLE);
	format_fixture.options.chunk_bytes = 32u << 10;
	format_fixture.options.segment_bytes = 64u << 10;
	fixture_need(format_in_child(format_live_compacted, NULL) == 0, "a life that compacts");
	format_check_both("segments that events were left out of");
	fixture_end(&format_fixture);
	fixture_init(&format_fixture, FIXTURE_DURABLE);
	format_fixture.options.chunk_bytes = 32u << 10;
	format_fixture.options.segment_bytes = 64u << 10;
	fixture_need(format_in_child(format_live_erased, NULL) == 0, "a life that erases a key");
	format_check_both(
		"a key that was erased, a replay to a subscription, and an event that failed");
	fixture_end(&format_fixture);
	return tap_end();
}
