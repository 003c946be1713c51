/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   0 silent. One flipped bit in any batch of a closed journal is reported by `weir journal
 *         verify` (exit code 6) with segment, offset and a range of sequences of at most that
 *         batch, and everything else is still served; any other flipped bit is reported and mended
 *         by the next open, or changes nothing that anybody reads. A tail that was never finished
 *         is reported, exit code 0. A file that lost its end never loses an event silently.
 * Method: a journal that the library made on a real file system (flip_bed.c). Bits are turned over
 *         one by one and back again; each time the journal is looked at from outside, and now and
 *         then a copy is opened and read by a subscription, and the command is run. A push takes
 *         every n-th bit, with other n where a block is all payload; --all takes every bit of every
 *         block that is not zero, and every length.
 *
 * The same over simulated storage, and what recovery makes of it: test_recovery_sweep.c.
 * Plain main(), TAP: it forks.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/sanitizer.h"
#include "core/journal/format.h"
#include "tests/crash/flip_bed.h"
#include "tests/support/capture.h"
#include "tools/weir/args.h"

#define SLOWER (WR_UNDER_ASAN ? 5u : 1u)

static struct bed bed;
static struct look look;
static struct capture captured;
static bool all;
static uint64_t stride_scale = 1; /* where everything is slow */

static struct {
	uint64_t flips;
	uint64_t corrupt; /* reported as such */
	uint64_t told;    /* reported as harmless */
	uint64_t nothing; /* nobody reads it */
	uint64_t reopened;
	uint64_t commands;
} sum;

static void note_place(const struct bed_region *r, uint64_t at, unsigned bit, const char *what)
{
	tap_note("%s byte %llu bit %u: %s", bed.files[r->file].name, (unsigned long long)at, bit,
		 what);
}

static void flip(const struct bed_region *r, uint64_t at, unsigned bit)
{
	int fd = bed.files[r->file].fd;
	uint8_t byte = 0;

	if (pread(fd, &byte, 1, (off_t)at) != 1)
		abort();
	byte ^= (uint8_t)(1u << bit);
	if (pwrite(fd, &byte, 1, (off_t)at) != 1)
		abort();
}

/* --- one flipped bit ------------------------------------------------------------------------ */

static const char *judge_batch(const struct bed_region *r)
{
	const struct weir_journal_damage *d = &look.corrupt;

	if (look.code != 0)
		return "the journal cannot be read any more";
	if (look.report.corrupt_count != 1 || look.damage_count != 1)
		return "not reported once, as corruption";
	if (strcmp(d->file, bed.files[r->file].name) != 0 || d->offset != r->offset)
		return "reported with another file or offset";
	if (d->first_sequence < r->first_sequence || d->end_sequence > r->end_sequence ||
	    d->first_sequence >= d->end_sequence)
		return "reported with a range that is not of the batch";
	if (!bed_has_all_but(&bed, look.events, look.event_count, r->first_sequence,
			     r->end_sequence))
		return "events outside of the batch are missing or changed";
	sum.corrupt++;
	return NULL;
}

static const char *judge_other(void)
{
	if (look.code != 0)
		return "the journal cannot be read any more";
	if (look.report.corrupt_count != 0)
		return "reported as corruption, and no event is affected";
	if (!bed_has_all_but(&bed, look.events, look.event_count, 0, 0))
		return "events are missing or changed";
	sum.told += look.damage_count > 0;
	sum.nothing += look.damage_count == 0;
	return NULL;
}

/* A pipeline on a copy: what is damaged is refused, what is not is served, and mended. */
static const char *judge_reopened(const struct bed_region *r)
{
	char copy[TEST_PATH_BYTES + 16];

	snprintf(copy, sizeof copy, "%s/copy", bed.parent);
	if (!bed_copy(&bed, copy))
		return "no copy could be made";
	int rc = bed_reopen(copy, &look);
	const char *fault = NULL;
	if (r->kind == BED_BATCH) {
		if (rc != WEIR_E_CORRUPT)
			fault = "opened and read to the end, without a word";
		for (uint32_t i = 0; i < look.event_count && fault == NULL; i++)
			if (look.events[i].sequence >= r->first_sequence)
				fault = "served at or behind the damage";
	} else if (rc != 0) {
		fault = "not opened, or not read to the end";
	} else if (!bed_has_all_but(&bed, look.events, look.event_count, 0, 0)) {
		fault = "opened, and served other events";
	}
	if (fault == NULL && r->kind == BED_SUPERBLOCK) {
		look_at(copy, &look);
		if (look.code != 0 || look.damage_count != 0)
			fault = "the next open did not mend it";
	}
	test_dir_remove(copy);
	sum.reopened++;
	return fault;
}

static const char *judge_command(const struct bed_region *r)
{
	char sequences[64];

	capture_run(&captured, cmd_journal, "journal",
		    (const char *const[]){"verify", bed.dir, NULL});
	sum.commands++;
	if (r->kind != BED_BATCH)
		return captured.exit_code == CLI_EXIT_OK ? NULL : "exit code is not 0";
	snprintf(sequences, sizeof sequences, "%llu", (unsigned long long)r->first_sequence);
	if (captured.exit_code != CLI_EXIT_DAMAGE)
		return "exit code is not 6";
	if (!capture_has(captured.out, bed.files[r->file].name) ||
	    !capture_has(captured.out, sequences))
		return "segment or sequence are not named";
	return NULL;
}

static bool try_bit(const struct bed_region *r, uint64_t at, unsigned bit)
{
	const char *fault;

	flip(r, at, bit);
	look_at(bed.dir, &look);
	fault = r->kind == BED_BATCH ? judge_batch(r) : judge_other();
	/* Reading a copy takes fifty times as long: a sample, of every kind. */
	if (fault == NULL && sum.flips % (all ? 499 : 151 * stride_scale) == 0)
		fault = judge_reopened(r);
	if (fault == NULL && sum.flips % (all ? 4999 : 307 * stride_scale) == 0)
		fault = judge_command(r);
	flip(r, at, bit);
	sum.flips++;
	if (fault != NULL)
		note_place(r, at, bit, fault);
	return fault == NULL;
}

/* --- all of them ---------------------------------------------------------------------------- */

/* Where the structure is, and where there are only bytes under a checksum. */
static uint64_t stride_at(const struct bed_region *r, uint64_t at)
{
	uint64_t into = at - r->offset;

	if (all)
		return 1;
	if (r->kind == BED_BATCH || r->kind == BED_EMPTY_BATCH)
		return (into < WR_BATCH_HEADER_BYTES ? 7 : 211) * stride_scale;
	return (into % WR_BLOCK_BYTES < 512 ? 11 : 401) * stride_scale;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static unsigned flip_region(const struct bed_region *r)
{
	uint8_t block[WR_BLOCK_BYTES];
	unsigned faults = 0;

	for (uint64_t base = r->offset; base < r->offset + r->bytes; base += WR_BLOCK_BYTES) {
		ssize_t n = pread(bed.files[r->file].fd, block, sizeof block, (off_t)base);
		if (n <= 0 || is_zero(block, (size_t)n))
			continue;
		for (uint64_t at = base; at < base + (uint64_t)n; at++)
			for (unsigned bit = 0; bit < 8 && faults < 5; bit++)
				if ((at * 8 + bit) % stride_at(r, at) == 0)
					faults += !try_bit(r, at, bit);
	}
	return faults;
}

static void flip_all(void)
{
	static const char *const names[] = {"superblock", "segment header", "checkpoint", "batch",
					    "filler and evidence"};

	for (unsigned kind = 0; kind < 5; kind++) {
		unsigned faults = 0;
		uint64_t before = sum.flips;
		for (uint32_t i = 0; i < bed.region_count; i++)
			if (bed.regions[i].kind == (enum bed_kind)kind)
				faults += flip_region(&bed.regions[i]);
		tap_check(faults == 0 && sum.flips > before,
			  "%s: %llu bits turned over, none is silent", names[kind],
			  (unsigned long long)(sum.flips - before));
	}
	tap_note("%llu bits: %llu corruption, %llu harmless and told, %llu read by nobody; %llu "
		 "opened by a pipeline, %llu by the command",
		 (unsigned long long)sum.flips, (unsigned long long)sum.corrupt,
		 (unsigned long long)sum.told, (unsigned long long)sum.nothing,
		 (unsigned long long)sum.reopened, (unsigned long long)sum.commands);
}

/* --- a file that lost its end --------------------------------------------------------------- */

static const struct bed_region *last_batch(enum bed_kind kind)
{
	const struct bed_region *last = NULL;

	for (uint32_t i = 0; i < bed.region_count; i++)
		if (bed.regions[i].kind == kind &&
		    (last == NULL || bed.regions[i].first_sequence > last->first_sequence))
			last = &bed.regions[i];
	return last;
}

/* How many of the bed's events are there, if they are its beginning; UINT32_MAX: they are not. */
static uint32_t prefix_of(const struct look *of)
{
	for (uint32_t i = 0; i < of->event_count; i++)
		if (i >= bed.event_count || of->events[i].sequence != bed.events[i].sequence ||
		    of->events[i].hash != bed.events[i].hash)
			return UINT32_MAX;
	return of->event_count;
}

static const char *judge_cut(uint64_t length, uint64_t records_end)
{
	look_at(bed.dir, &look);
	uint32_t prefix = prefix_of(&look);
	if (look.code != 0)
		return "the journal cannot be read any more";
	if (prefix == UINT32_MAX)
		return "what is left is not the beginning of what was";
	if (length >= records_end)
		return prefix == bed.event_count && look.report.corrupt_count == 0
			       ? NULL
			       : "no record was cut, and some are missing";
	return look.report.corrupt_count > 0 ? NULL : "acknowledged records are gone, silently";
}

static void cut_last_segment(void)
{
	const struct bed_region *r = last_batch(BED_BATCH);
	const struct bed_file *f = &bed.files[r->file];
	uint64_t records_end = r->offset + r->bytes;
	uint8_t *whole = malloc(f->bytes);
	unsigned faults = 0, lengths = 0;

	if (whole == NULL || pread(f->fd, whole, f->bytes, 0) != (ssize_t)f->bytes)
		abort();
	for (uint64_t length = 0; length < f->bytes && faults < 5; length++) {
		uint64_t into = length % WR_BLOCK_BYTES;
		bool near = into < 2 || into == WR_BLOCK_BYTES - 1 || into == 128 || into == 512;
		if (!all && length % (1999 * stride_scale) != 0 &&
		    !(near && (length / WR_BLOCK_BYTES) % stride_scale == 0))
			continue;
		if (ftruncate(f->fd, (off_t)length) != 0)
			abort();
		const char *fault = judge_cut(length, records_end);
		if (fault == NULL && length < records_end && lengths % 16 == 0) {
			fault = judge_command(r);
			if (fault != NULL && captured.exit_code == CLI_EXIT_DAMAGE)
				fault = NULL; /* the range begins at the first batch that was cut */
		}
		if (fault != NULL)
			tap_note("%s cut to %llu bytes: %s", f->name, (unsigned long long)length,
				 fault);
		faults += fault != NULL;
		lengths++;
		if (pwrite(f->fd, whole, f->bytes, 0) != (ssize_t)f->bytes)
			abort();
	}
	free(whole);
	tap_check(faults == 0, "the last segment cut to %u lengths: no record is lost silently",
		  lengths);
}

/* --- a tail that was never finished --------------------------------------------------------- */

/*
 * The process died with its last batch written and nothing behind it that attests it (L29). If the
 * write had been cut, at any byte, nobody could have been told that it was durable.
 */
static const char *judge_torn(const struct bed_region *r, uint64_t kept)
{
	look_at(bed.dir, &look);
	if (look.code != 0 || look.report.corrupt_count != 0)
		return "taken for corruption";
	if (bed_has_all_but(&bed, look.events, look.event_count, 0, 0))
		return NULL; /* only padding was cut */
	if (!bed_has_all_but(&bed, look.events, look.event_count, r->first_sequence,
			     r->end_sequence))
		return "events of other batches are missing or changed";
	if (kept > 0 && look.torn_count != 1)
		return "not reported";
	return NULL;
}

static void tear_last_batch(void)
{
	const struct bed_region *r = last_batch(BED_BATCH);
	const struct bed_file *f = &bed.files[r->file];
	static const uint8_t zeros[WR_BLOCK_BYTES * 16];
	uint8_t whole[WR_BLOCK_BYTES * 16];
	char copy[TEST_PATH_BYTES + 16];
	unsigned faults = 0, tears = 0;

	if (r->bytes > sizeof whole ||
	    pread(f->fd, whole, r->bytes, (off_t)r->offset) != (ssize_t)r->bytes)
		abort();
	snprintf(copy, sizeof copy, "%s/copy", bed.parent);
	for (uint64_t kept = 0; kept < r->bytes && faults < 5; kept++) {
		if (!all && kept > 4 && kept % (41 * stride_scale) != 0)
			continue;
		off_t at = (off_t)(r->offset + kept);
		if (pwrite(f->fd, zeros, r->bytes - kept, at) != (ssize_t)(r->bytes - kept))
			abort();
		const char *fault = judge_torn(r, kept);
		bool was_torn = look.torn_count > 0;
		if (fault == NULL && was_torn && tears % 16 == 0) {
			capture_run(&captured, cmd_journal, "journal",
				    (const char *const[]){"verify", bed.dir, NULL});
			if (captured.exit_code != CLI_EXIT_OK || !capture_has(captured.out, "torn"))
				fault = "the command does not say that a tail is torn, with exit 0";
			if (!bed_copy(&bed, copy) || bed_reopen(copy, &look) != 0 ||
			    !bed_has_all_but(&bed, look.events, look.event_count, r->first_sequence,
					     r->end_sequence))
				fault = "it cannot be opened and read up to the tear";
			test_dir_remove(copy);
		}
		if (fault != NULL)
			tap_note("%llu bytes of the last batch: %s", (unsigned long long)kept,
				 fault);
		faults += fault != NULL;
		tears++;
		if (pwrite(f->fd, whole, r->bytes, (off_t)r->offset) != (ssize_t)r->bytes)
			abort();
	}
	tap_check(faults == 0,
		  "the last batch torn at %u places: reported, exit 0, nothing else "
		  "is lost",
		  tears);
}

/* Memory is as good as a disk here, and does not wear: thousands of files are written. */
static void prefer_memory(void)
{
	if (getenv("TMPDIR") == NULL && access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 1);
}

int main(int argc, char **argv)
{
	all = argc > 1 && strcmp(argv[1], "--all") == 0;
	stride_scale = getenv("WEIR_TEST_EMULATED") != NULL ? 13 : SLOWER;
	prefer_memory();
	bool is_made = bed_make(&bed, true);
	if (!tap_check(is_made, "a journal of two lives, closed: whole, %u events",
		       bed.event_count)) {
		bed_remove(&bed);
		return tap_end();
	}
	flip_all();
	cut_last_segment();
	bed_remove(&bed);
	is_made = bed_make(&bed, false);
	if (tap_check(is_made, "a journal whose process died: whole, %u events", bed.event_count))
		tear_last_batch();
	bed_remove(&bed);
	return tap_end();
}
