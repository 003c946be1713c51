/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   0 silent losses where whole blocks go wrong. Whatever block of whatever file is zeroed,
 *         changes its place with another one, or is cut off with all behind it: the log is served
 *         whole, or refused with a range that begins at what is gone; a look from outside shows no
 *         batch that was not written, and where one is missing it says so.
 * Method: a journal with segments plain and packed, spares, both checkpoints, several epochs. Every
 *         block is zeroed, every two of a file are swapped, and each with the one at its place in
 *         the other files; every file is cut at every block, and one byte to either side. With
 *         WEIR_TEST_ALL (tools/soak) of a larger journal, and any two blocks of any two files.
 *
 * Single bits, and cuts at every sector: test_recovery_sweep.c, test_packed.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/journal/verify.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

#define FILES_MAX 64u

TestSuite(block_sweep, .init = setup, .fini = teardown);

struct file {
	char name[WR_STORAGE_NAME_MAX + 1];
	uint8_t *whole;
	uint64_t bytes;
};

static struct file files[FILES_MAX];
static uint32_t file_count;
static bool all;

static struct {
	uint64_t tries;
	uint64_t whole;   /* opened, and read to the end */
	uint64_t refused; /* by the open */
	uint64_t told;    /* by the reader, below the checkpoints */
	uint64_t lost;    /* batches that the look from outside does not show */
} tally;

/* --- the journal ------------------------------------------------------------------------------ */

static void append(uint32_t batch_count)
{
	for (uint32_t i = 0; i < batch_count; i++) {
		log_builder_batch(&b, 1 + i % 3, i % 5 == 0 ? 1900 : 40 + i);
		if (i % 11 == 9)
			log_builder_evidence(&b);
	}
}

static void note_files(void)
{
	file_count = 0;
	for (uint32_t i = 0; i < disk->entry_count; i++) {
		struct file *f = &files[file_count];
		const uint8_t *content = wr_sim_disk_peek(disk, disk->entries[i].name, &f->bytes);
		if (content == NULL)
			continue;
		cr_assert_lt(file_count, FILES_MAX);
		(void)snprintf(f->name, sizeof f->name, "%s", disk->entries[i].name);
		f->whole = malloc(f->bytes);
		memcpy(f->whole, content, f->bytes);
		file_count++;
	}
}

static void forget_files(void)
{
	for (uint32_t i = 0; i < file_count; i++)
		free(files[i].whole);
}

/* Closed in order: all of it is attested, so nothing of it may go without a word. */
static void build_all(bool checkpoints)
{
	all = getenv("WEIR_TEST_ALL") != NULL;
	memset(&tally, 0, sizeof tally);
	log_builder_epoch(&b);
	append(all ? 60 : 18);
	log_builder_epoch(&b);
	append(2);
	cr_assert_gt(pack_bed_all(disk, storage, true), 1);
	b.superblock.features_must |= WR_SUPERBLOCK_PACKED;
	append(all ? 60 : 14);
	if (checkpoints)
		log_builder_checkpoint(&b, 0, 1, 100);
	append(2);
	if (checkpoints)
		log_builder_checkpoint(&b, 1, 1, 5000);
	log_builder_go_on(&b);
	append(3);
	(void)log_builder_spare(&b, 0);
	log_builder_close(&b);
	note_files();
	expect_whole();
	log_probe_close(&p);
}

/* --- judging ---------------------------------------------------------------------------------- */

struct seen {
	bool batches[LOG_BUILDER_BATCHES_MAX];
	bool is_foreign; /* one was shown that was never written, or is another now */
	bool has_copy;   /* R12: a header that changed its place makes two files one segment */
};

static struct seen seen; /* by the look that judge() begins with */

static int note_batch(void *context, const struct wr_batch_header *h)
{
	(void)context;
	for (uint32_t i = 0; i < b.batch_count; i++) {
		if (memcmp(&b.batches[i].header, h, sizeof *h) != 0)
			continue;
		seen.is_foreign |= seen.batches[i];
		seen.batches[i] = true;
		return 0;
	}
	seen.is_foreign = true;
	return 0;
}

static int note_damage(void *context, const struct wr_damage *damage)
{
	(void)context;
	seen.has_copy |= damage->kind == WR_DAMAGE_SEGMENT_COPY;
	return 0;
}

static bool is_gone(uint32_t batch)
{
	return !seen.batches[batch] && b.batches[batch].header.record_count > 0;
}

/* The first sequence that is not shown; 0: all are. */
static uint64_t first_missing(void)
{
	for (uint32_t i = 0; i < b.batch_count; i++)
		if (is_gone(i))
			return b.batches[i].header.first_seq;
	return 0;
}

/* Whether a range begins with a batch that is gone, and has all of it. */
static bool is_missing(uint64_t first_seq, uint64_t end_seq)
{
	for (uint32_t i = 0; i < b.batch_count; i++)
		if (is_gone(i) && b.batches[i].header.first_seq == first_seq)
			return end_seq >= first_seq + b.batches[i].header.record_count;
	return false;
}

static bool has_superblock(void)
{
	uint64_t bytes;
	const uint8_t *content = wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &bytes);

	return content != NULL && bytes >= WR_BLOCK_BYTES;
}

/* From outside: NULL, or what is wrong. *ret_missing: the first sequence that is not there. */
static const char *look(uint64_t *ret_missing)
{
	const struct wr_verify_visitor visitor = {.any_batch = note_batch, .damage = note_damage};
	struct wr_verify_report report;
	struct weir_problem problem;
	struct wr_memory_sim memory;

	memset(&seen, 0, sizeof seen);
	wr_memory_sim_init(&memory, NULL);
	int r = wr_verify_run(storage, &memory.base, 0, UINT64_MAX, &visitor, &report, &problem);
	*ret_missing = r == 0 ? first_missing() : 1;
	if (memory.live_count != 0)
		return "memory is left";
	if (r == WEIR_E_CORRUPT && !has_superblock())
		return NULL; /* refused: no copy of it is left */
	if (r != 0)
		return "it cannot be looked at";
	if (seen.is_foreign)
		return "a batch is shown that was never written";
	if (*ret_missing != 0 && report.corrupt_count == 0)
		return "batches are missing, and nothing is said";
	if (*ret_missing == 0 && report.corrupt_count != 0 && !seen.has_copy)
		return "corruption is told, and nothing is missing";
	tally.lost += *ret_missing != 0;
	return NULL;
}

/* By an open, against what is missing: NULL, or what is wrong. */
static const char *open_it(uint64_t missing)
{
	const char *fault = NULL;
	int r = log_probe_open(&p, disk, &b, true);

	if (r == WEIR_E_CORRUPT) {
		tally.refused++;
		if (missing == 0 && !seen.has_copy)
			fault = "refused, and nothing is missing";
		else if (missing != 0 && !seen.has_copy && has_superblock() &&
			 !is_missing(p.report.corrupt_first_seq, p.report.corrupt_end_seq))
			fault = "refused with another range";
	} else if (r != 0) {
		fault = "another code";
	} else {
		r = log_probe_read_all(&p);
		if (!p.is_sound)
			fault = "other records are served";
		else if (p.recovered.next_seq != b.next_seq || p.report.oldest_seq != 1)
			fault = "the log has another end";
		else if (r == 0 && missing != 0)
			fault = "served whole, and batches are missing";
		else if (r == WEIR_E_CORRUPT && p.read_seq != missing)
			fault = "the reader stops elsewhere";
		else if (r != 0 && r != WEIR_E_CORRUPT)
			fault = "the reader fails otherwise";
		tally.whole += r == 0;
		tally.told += r != 0;
	}
	log_probe_close(&p);
	return fault;
}

static void judge(const char *what, const struct file *f, uint64_t at, const struct file *g,
		  uint64_t to)
{
	uint64_t missing;
	const char *fault = look(&missing);

	if (fault == NULL)
		fault = open_it(missing);
	tally.tries++;
	cr_assert_null(fault, "%s %s %lu, %s %lu: %s (%lu is missing; %d, %lu to %lu)", what,
		       f->name, at, g->name, to, fault, missing, p.result,
		       p.report.corrupt_first_seq, p.report.corrupt_end_seq);
}

static void mend(const struct file *f)
{
	cr_assert_eq(wr_sim_disk_put(disk, f->name, f->whole, f->bytes), 0);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

static bool is_tried(void)
{
	static uint32_t place;

	return place++ % log_probe_places_each() == 0;
}

static uint64_t block_bytes(const struct file *f, uint64_t at)
{
	return f->bytes - at < WR_BLOCK_BYTES ? f->bytes - at : WR_BLOCK_BYTES;
}

static void zero_blocks(const struct file *f)
{
	uint8_t *bytes = malloc(f->bytes);

	for (uint64_t at = 0; at < f->bytes; at += WR_BLOCK_BYTES) {
		if (!is_tried())
			continue;
		memcpy(bytes, f->whole, f->bytes);
		memset(bytes + at, 0, block_bytes(f, at));
		cr_assert_eq(wr_sim_disk_put(disk, f->name, bytes, f->bytes), 0);
		judge("zero", f, at, f, at);
	}
	mend(f);
	free(bytes);
}

/* One block each, of one file or of two. */
static void swap(const struct file *f, uint64_t at, const struct file *g, uint64_t to)
{
	uint64_t length =
		block_bytes(f, at) < block_bytes(g, to) ? block_bytes(f, at) : block_bytes(g, to);
	uint8_t *first, *second;

	if (memcmp(f->whole + at, g->whole + to, length) == 0 || !is_tried())
		return;
	first = malloc(f->bytes);
	second = f == g ? first : malloc(g->bytes);
	memcpy(first, f->whole, f->bytes);
	memcpy(second, g->whole, g->bytes);
	memcpy(first + at, g->whole + to, length);
	memcpy(second + to, f->whole + at, length);
	cr_assert_eq(wr_sim_disk_put(disk, f->name, first, f->bytes), 0);
	if (f != g)
		cr_assert_eq(wr_sim_disk_put(disk, g->name, second, g->bytes), 0);
	judge("swap", f, at, g, to);
	mend(f);
	mend(g);
	if (f != g)
		free(second);
	free(first);
}

static void swap_blocks(uint32_t index)
{
	const struct file *f = &files[index];

	for (uint64_t at = 0; at < f->bytes; at += WR_BLOCK_BYTES) {
		for (uint64_t to = at + WR_BLOCK_BYTES; to < f->bytes; to += WR_BLOCK_BYTES)
			swap(f, at, f, to);
		for (uint32_t k = index + 1; k < file_count; k++)
			for (uint64_t to = all ? 0 : at; to < files[k].bytes;
			     to += all ? WR_BLOCK_BYTES : files[k].bytes)
				swap(f, at, &files[k], to);
	}
}

static void cut(const struct file *f)
{
	for (uint64_t at = 0; at < f->bytes; at += WR_BLOCK_BYTES) {
		for (uint64_t length = at > 0 ? at - 1 : 0; length <= at + 1; length++) {
			if (length >= f->bytes || !is_tried())
				continue;
			cr_assert_eq(wr_sim_disk_truncate(disk, f->name, length), 0);
			judge("cut", f, length, f, f->bytes);
			mend(f);
		}
	}
}

static void sweep(bool checkpoints)
{
	build_all(checkpoints);
	for (uint32_t i = 0; i < file_count; i++) {
		zero_blocks(&files[i]);
		swap_blocks(i);
		cut(&files[i]);
	}
	cr_log_info("%lu tries on %u files: %lu whole, %lu refused, %lu told by the reader, %lu "
		    "with batches that are gone",
		    tally.tries, file_count, tally.whole, tally.refused, tally.told, tally.lost);
	cr_expect_gt(tally.tries, 500u / log_probe_places_each());
	cr_expect_gt(tally.whole, 100u / log_probe_places_each());
	cr_expect_gt(tally.refused, 100u / log_probe_places_each());
	cr_expect_gt(tally.lost, 100u / log_probe_places_each());
	cr_expect(!checkpoints || tally.told > 100u / log_probe_places_each());
	forget_files();
}

Test(block_sweep, no_block_goes_without_a_word)
{
	sweep(false);
}

Test(block_sweep, nor_below_a_checkpoint)
{
	sweep(true);
}
