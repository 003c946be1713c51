/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   R13: where no copy of the superblock is good, a journal that was being made is gone on
 *         with, and one that was lost is refused by name; a look from outside says the same as an
 *         open does.
 * Method: everything that may be left of JOURNAL, of the segments and of the checkpoints, in every
 *         combination, on a simulated medium: verify and then an open of the same directory.
 */
#include "core/journal/verify.h"
#include "tests/unit/journal/recovery_bed.h"

#define READ_ONE (16u * WR_BLOCK_BYTES) /* what one read of a checkpoint takes */

enum left_of_journal { GONE, EMPTY, ZEROS, GARBAGE, SHORT_GARBAGE, TWO_BAD_COPIES, JOURNALS };
enum left_of_segments { NO_SEGMENT, SPARES, USED, HEADLESS, SEGMENTS };
enum left_of_checkpoints { NO_CHECKPOINT, NEVER_WRITTEN, WRITTEN, BODY_ALONE, LAST_BYTE, KINDS };

static struct weir_problem verify_problem;

static void put_file(const char *name, const void *content, uint64_t bytes)
{
	cr_assert_eq(wr_sim_disk_put(disk, name, content, bytes), 0);
}

static void leave_journal(enum left_of_journal kind)
{
	static uint8_t content[WR_SUPERBLOCK_COPIES * WR_BLOCK_BYTES];
	uint64_t bytes;

	memset(content, kind == ZEROS || kind == EMPTY ? 0 : 0x5a, sizeof content);
	switch (kind) {
	case GONE:
		cr_assert_eq(wr_sim_disk_remove(disk, WR_SUPERBLOCK_NAME), 0);
		return;
	case TWO_BAD_COPIES:
		/* The first pair was torn, and the second never begun. */
		memcpy(content, wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &bytes),
		       2ull * WR_BLOCK_BYTES);
		content[100] ^= 1;
		content[WR_BLOCK_BYTES + 100] ^= 1;
		put_file(WR_SUPERBLOCK_NAME, content, 2ull * WR_BLOCK_BYTES);
		return;
	default:
		put_file(WR_SUPERBLOCK_NAME, content,
			 kind == EMPTY           ? 0
			 : kind == SHORT_GARBAGE ? 100
						 : sizeof content);
	}
}

static bool leave_segments(enum left_of_segments kind)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	for (uint32_t number = 0; kind == NO_SEGMENT || kind == SPARES; number++) {
		wr_segment_name(name, 0, number);
		if (wr_sim_disk_remove(disk, name) != 0)
			break;
	}
	if (kind == SPARES) {
		log_builder_spare(&b, 0);
		log_builder_spare(&b, 9);
	}
	if (kind == HEADLESS)
		cr_assert_eq(wr_sim_disk_corrupt(disk, "0-00000000.seg", 8, 1), 0);
	return kind == USED || kind == HEADLESS;
}

static bool leave_checkpoints(enum left_of_checkpoints kind)
{
	static uint8_t zeros[READ_ONE + 3 * WR_BLOCK_BYTES];
	uint64_t bytes;

	memset(zeros, 0, sizeof zeros);
	switch (kind) {
	case NO_CHECKPOINT:
		break;
	case LAST_BYTE:
		zeros[sizeof zeros - 1] = 1;
		put_file("0-checkpoint.0", zeros, sizeof zeros);
		break;
	case NEVER_WRITTEN:
		put_file("0-checkpoint.0", zeros, sizeof zeros);
		put_file("0-checkpoint.1", zeros, 0);
		break;
	default:
		log_builder_checkpoint(&b, 1, 1, 300);
		memcpy(zeros, wr_sim_disk_peek(disk, "0-checkpoint.1", &bytes),
		       2ull * WR_BLOCK_BYTES);
		if (kind == BODY_ALONE)
			memset(zeros, 0, WR_BLOCK_BYTES);
		put_file("0-checkpoint.1", zeros, 2ull * WR_BLOCK_BYTES);
	}
	return kind == WRITTEN || kind == BODY_ALONE || kind == LAST_BYTE;
}

static int verify(void)
{
	const struct wr_verify_visitor nobody = {.context = NULL};
	struct wr_verify_report report;

	memset(&verify_problem, 0, sizeof verify_problem);
	wr_memory_sim_init(&p.memory, NULL);
	int r = wr_verify_run(storage, &p.memory.base, 0, UINT64_MAX, &nobody, &report,
			      &verify_problem);
	cr_expect_eq(p.memory.live_count, 0);
	return r;
}

static void check_one(uint32_t journal, uint32_t segments, uint32_t checkpoints)
{
	setup();
	build(30);
	bool is_lost = leave_checkpoints(checkpoints); /* the builder's last batch is in it */
	is_lost |= leave_segments(segments);
	leave_journal(journal);
	int seen = verify();
	cr_expect_eq(seen, is_lost ? WEIR_E_CORRUPT : -ENOENT, "%u %u %u: %d %s", journal, segments,
		     checkpoints, seen, verify_problem.text);
	cr_expect_eq(verify_problem.code, seen);
	cr_expect_str_eq(verify_problem.field, WR_SUPERBLOCK_NAME);
	cr_expect_neq(strstr(verify_problem.text, "yet") != NULL, is_lost || journal == GONE, "%s",
		      verify_problem.text);
	if (is_lost) {
		expect_corrupt(1, UINT64_MAX);
		cr_expect_eq(
			strncmp(p.problem.text, verify_problem.text, strlen(verify_problem.text)),
			0, "%s", p.problem.text);
	} else {
		cr_assert_eq(log_probe_open(&p, disk, NULL, false), 0, "%u %u %u: %s", journal,
			     segments, checkpoints, p.problem.text);
		cr_expect(p.report.created);
		log_probe_close(&p);
		cr_expect_eq(verify(), 0, "%s", verify_problem.text);
	}
	teardown();
}

Test(remains, verify_and_an_open_say_the_same_of_whatever_is_left)
{
	for (uint32_t journal = 0; journal < JOURNALS; journal++)
		for (uint32_t segments = 0; segments < SEGMENTS; segments++)
			for (uint32_t checkpoints = 0; checkpoints < KINDS; checkpoints++)
				check_one(journal, segments, checkpoints);
}

Test(remains, the_problem_names_what_is_missing_and_what_is_there)
{
	setup();
	build(30);
	log_builder_checkpoint(&b, 1, 1, 300);
	leave_journal(GONE);
	expect_corrupt(1, UINT64_MAX);
	cr_expect_str_eq(p.problem.field, "JOURNAL");
	cr_expect(strstr(p.problem.text, "JOURNAL is missing") != NULL, "%s", p.problem.text);
	cr_expect(strstr(p.problem.text, "0-00000000.seg holds events") != NULL, "%s",
		  p.problem.text);
	leave_segments(NO_SEGMENT);
	expect_corrupt(1, UINT64_MAX);
	cr_expect(strstr(p.problem.text, "JOURNAL is missing") != NULL, "%s", p.problem.text);
	cr_expect(strstr(p.problem.text, "(0-*.seg) of 0-checkpoint.1 are missing") != NULL, "%s",
		  p.problem.text);
	cr_expect(strstr(p.problem.text, "nothing was changed") != NULL, "%s", p.problem.text);
	leave_journal(GARBAGE);
	expect_corrupt(1, UINT64_MAX);
	cr_expect(strstr(p.problem.text, "no copy of the superblock in JOURNAL is good") != NULL,
		  "%s", p.problem.text);
	teardown();
}

/* A newer weir may have made it (R10): nothing is said of its health, nothing is made beside it. */
Test(remains, a_newer_checkpoint_is_not_taken_for_rubbish)
{
	uint8_t block[WR_BLOCK_BYTES];
	uint64_t bytes;

	setup();
	build(3);
	log_builder_checkpoint(&b, 0, 1, 100);
	memcpy(block, wr_sim_disk_peek(disk, "0-checkpoint.0", &bytes), sizeof block);
	wr_put_u16(block + 8, WR_JOURNAL_FORMAT + 1);
	wr_put_u32(block + 508, wr_crc32c(1, block, 508));
	put_file("0-checkpoint.0", block, sizeof block);
	leave_segments(NO_SEGMENT);
	leave_journal(GONE);
	cr_expect_eq(verify(), WEIR_E_FORMAT, "%s", verify_problem.text);
	cr_expect_eq(log_probe_open(&p, disk, NULL, false), WEIR_E_FORMAT, "%s", p.problem.text);
	log_probe_close(&p);
	cr_expect_null(wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &bytes));
	teardown();
}

/* The medium fails at any one read of what is left: that is said, and no journal is made. */
Test(remains, a_read_that_fails_is_no_proof_that_nothing_was_there)
{
	for (uint32_t n = 1;; n++) {
		setup();
		build(3);
		log_builder_checkpoint(&b, 0, 1, 100);
		leave_segments(NO_SEGMENT);
		leave_journal(EMPTY);
		wr_sim_disk_trip_at(disk, n, -EIO);
		int r = log_probe_open(&p, disk, NULL, false);
		log_probe_close(&p);
		cr_assert_lt(r, 0, "%u", n);
		cr_expect_eq(wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &(uint64_t){0}) != NULL,
			     true);
		teardown();
		if (r == WEIR_E_CORRUPT) {
			cr_expect_gt(n, 2, "nothing failed");
			break;
		}
		cr_expect_eq(r, -EIO, "%u: %d", n, r);
	}
}
