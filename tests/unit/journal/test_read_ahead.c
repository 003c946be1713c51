/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   who reads through the window gets the bytes that the storage has, keeps it busy while a
 *         run lasts, sees what changed when a place is read again, and hears of failures as without
 *         it.
 * Method: a storage of this test's own: files of a known pattern, requests that take their bytes
 *         when they are submitted and are done in reverse order.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/journal/read_ahead.h"
#include "io/sim/memory_sim.h"

#define MIB (1u << 20)
#define FILES 2u
#define FILE_BYTES (24u * MIB + 8192u)

static struct {
	struct wr_storage base;
	uint8_t version;
	int enter_code;
	uint64_t broken_offset; /* a read that covers it fails with broken_code */
	int broken_code;
	int bytes_code, poll_code; /* of all calls */
	uint32_t submits_left;     /* until they are refused; 0: they are not */
	bool entered, ended;
	struct wr_io *queue[WR_READ_AHEAD_DEPTH];
	uint32_t flying, flying_most;
	uint32_t requests, reads, leaves;
} medium;

static struct wr_memory_sim memory;
static struct wr_storage *storage;
static uint8_t *buffer;

/* Of a block the first bytes come again, as many as a byte has values. */
#define BLOCK_BYTES 4096u
#define PERIOD_BYTES 256u

static uint8_t byte_at(uint32_t file, uint64_t offset)
{
	return (uint8_t)(offset * 31 + offset / BLOCK_BYTES * 7 + file * 101 + medium.version);
}

static int64_t give(uint32_t file, uint8_t *to, uint32_t length, uint64_t offset)
{
	uint32_t got = 0;

	if (medium.broken_code != 0 && medium.broken_offset >= offset &&
	    medium.broken_offset < offset + length)
		return medium.broken_code;
	/* Copied where that is possible: byte by byte an emulator takes seconds. */
	while (got < length && offset + got < FILE_BYTES) {
		uint32_t in_period = (uint32_t)((offset + got) % PERIOD_BYTES), count = 1;
		if (got >= PERIOD_BYTES && (offset + got) % BLOCK_BYTES >= PERIOD_BYTES) {
			count = PERIOD_BYTES - in_period;
			count = count < length - got ? count : length - got;
			memcpy(to + got, to + got - PERIOD_BYTES, count);
		} else {
			to[got] = byte_at(file, offset + got);
		}
		got += count;
	}
	return got;
}

static int medium_bytes(struct wr_storage *s, uint32_t file, uint64_t *ret_bytes)
{
	(void)s, (void)file;
	*ret_bytes = FILE_BYTES;
	return medium.bytes_code;
}

static int64_t medium_read(struct wr_storage *s, uint32_t file, void *to, uint32_t length,
			   uint64_t offset)
{
	(void)s;
	medium.reads++;
	return give(file, to, length, offset);
}

static int medium_enter(struct wr_storage *s)
{
	(void)s;
	cr_assert_not(medium.entered);
	medium.entered = medium.enter_code == 0;
	return medium.enter_code;
}

static int medium_leave(struct wr_storage *s)
{
	(void)s;
	cr_assert(medium.entered);
	cr_assert_eq(medium.flying, 0);
	medium.leaves++;
	return 0;
}

static int medium_submit(struct wr_storage *s, struct wr_io *io)
{
	(void)s;
	cr_assert(medium.entered);
	if (medium.submits_left == 1)
		return -EAGAIN;
	medium.submits_left -= medium.submits_left > 0 ? 1 : 0;
	cr_assert_lt(medium.flying, WR_READ_AHEAD_DEPTH);
	cr_assert_eq(io->offset_bytes % 4096 + io->length_bytes % 4096, 0);
	cr_assert_leq(io->offset_bytes + io->length_bytes, FILE_BYTES);
	int64_t n = give(io->file, io->buffer, io->length_bytes, io->offset_bytes);
	io->result = n < 0 ? (int32_t)n : 0;
	medium.queue[medium.flying++] = io;
	medium.requests++;
	if (medium.flying > medium.flying_most)
		medium.flying_most = medium.flying;
	return 0;
}

static int medium_poll(struct wr_storage *s, uint64_t wait_ns)
{
	(void)s, (void)wait_ns;
	if (medium.poll_code < 0) {
		medium.flying = 0; /* nobody has the buffers any more */
		return medium.poll_code;
	}
	cr_assert_gt(medium.flying, 0, "nothing would ever come");
	struct wr_io *io = medium.queue[--medium.flying];
	io->done(io);
	return 1;
}

static int medium_close(struct wr_storage *s, uint32_t file)
{
	(void)s;
	for (uint32_t i = 0; i < medium.flying; i++)
		cr_assert_neq(medium.queue[i]->file, file, "closed in use");
	return 0;
}

static void medium_fini(struct wr_storage *s)
{
	(void)s;
	cr_assert_eq(medium.flying, 0);
	medium.ended = true;
}

static const struct wr_storage_ops medium_ops = {
	.file_close = medium_close,
	.file_bytes = medium_bytes,
	.read = medium_read,
	.enter = medium_enter,
	.leave = medium_leave,
	.submit = medium_submit,
	.poll = medium_poll,
	.fini = medium_fini,
};

static void setup(void)
{
	medium.base = (struct wr_storage){.ops = &medium_ops, .depth_max = WR_READ_AHEAD_DEPTH};
	wr_memory_sim_init(&memory, NULL);
	buffer = malloc(2 * MIB);
	cr_assert_not_null(buffer);
	cr_assert_eq(wr_read_ahead_open(&medium.base, &memory.base, &storage), 0);
}

static void teardown(void)
{
	storage->ops->fini(storage);
	cr_expect(medium.ended);
	cr_expect_eq(medium.leaves, medium.entered ? 1 : 0);
	cr_expect_eq(memory.live_count, 0);
	free(buffer);
}

TestSuite(read_ahead, .init = setup, .fini = teardown);

/* Reads, and compares with what the storage has now. The count. */
static int64_t expect_read(uint32_t file, uint32_t length, uint64_t offset)
{
	memset(buffer, 0xee, length);
	int64_t n = storage->ops->read(storage, file, buffer, length, offset);
	uint64_t there = offset < FILE_BYTES ? wr_min_u64(length, FILE_BYTES - offset) : 0;

	cr_assert_eq(n, (int64_t)there, "%ld of %u at %lu", (long)n, length, offset);
	for (uint64_t i = 0; i < there; i += 13)
		if (buffer[i] != byte_at(file, offset + i))
			cr_assert_fail("file %u, byte %lu", file, offset + i);
	return n;
}

Test(read_ahead, a_run_gives_the_files_bytes_in_pieces_of_any_size)
{
	static const uint32_t lengths[] = {MIB, 256u << 10, MIB + 4096, 2 * MIB, 12288};

	for (size_t i = 0; i < WR_ARRAY_COUNT(lengths); i++)
		for (uint32_t file = 0; file < FILES; file++)
			for (uint64_t at = 4096; expect_read(file, lengths[i], at) > 0;)
				at += lengths[i];
	cr_expect_eq(medium.flying_most, WR_READ_AHEAD_DEPTH, "the storage is kept busy");
	cr_expect_gt(medium.requests, 2 * WR_ARRAY_COUNT(lengths) * 20);
}

Test(read_ahead, single_reads_and_short_rests_are_passed_on)
{
	expect_read(0, 8192, 0);
	expect_read(1, 8192, 0);
	expect_read(0, 4096, 5 * MIB);
	for (uint64_t at = FILE_BYTES - 2 * MIB; at < FILE_BYTES; at += 65536)
		expect_read(0, 65536, at);
	cr_expect_eq(medium.requests, 0);
	cr_expect_not(medium.entered);
}

Test(read_ahead, a_step_forward_within_the_window_goes_on)
{
	expect_read(0, 65536, 0);
	expect_read(0, 65536, 65536);
	uint32_t reads = medium.reads;
	expect_read(0, 65536, 2 * MIB + 4096); /* a filler's rest is skipped */
	expect_read(0, 65536, 3 * MIB);
	cr_expect_eq(medium.reads, reads);
	expect_read(0, 65536, 20 * MIB); /* beyond it: the run is over */
	cr_expect_eq(medium.flying, 0);
}

Test(read_ahead, what_is_read_again_is_asked_for_again)
{
	expect_read(0, 65536, 0);
	expect_read(0, 65536, 65536);
	expect_read(0, 65536, 2 * 65536);
	medium.version++;
	expect_read(0, 65536, 2 * 65536);
	expect_read(0, 65536, 3 * 65536);
	expect_read(0, 65536, 4 * 65536);
	medium.version++;
	expect_read(1, 65536, 0);
	expect_read(0, 65536, 5 * 65536);
}

Test(read_ahead, a_failure_is_the_storages_own_and_ends_with_it)
{
	medium.broken_offset = 3 * MIB + 5;
	medium.broken_code = -EIO;
	uint64_t at = 0;
	for (; at + 65536 <= medium.broken_offset; at += 65536)
		expect_read(0, 65536, at);
	cr_expect_eq(storage->ops->read(storage, 0, buffer, 65536, at), -EIO);
	cr_expect_eq(storage->ops->read(storage, 0, buffer, 65536, at), -EIO);
	expect_read(0, 65536, at + 65536);
	medium.broken_code = 0;
	expect_read(0, 65536, at);
	cr_expect_lt(expect_read(0, MIB, 24 * MIB), MIB, "the end of the file");
}

Test(read_ahead, without_threads_or_memory_it_only_reads)
{
	medium.enter_code = -EAGAIN;
	for (uint64_t at = 0; at < 6 * MIB; at += MIB)
		expect_read(0, MIB, at);
	cr_expect_eq(medium.requests, 0);
	cr_expect_eq(medium.reads, 6);
}

Test(read_ahead, a_file_is_not_closed_under_a_request)
{
	for (uint64_t at = 0; at < 2 * MIB; at += 65536)
		expect_read(0, 65536, at);
	cr_assert_gt(medium.flying, 0);
	cr_expect_eq(storage->ops->file_close(storage, 1), 0);
	cr_expect_gt(medium.flying, 0);
	cr_expect_eq(storage->ops->file_close(storage, 0), 0);
	cr_expect_eq(medium.flying, 0);
	cr_expect_eq(storage->ops->write(storage, 0, buffer, 4096, 0), -EROFS);
	cr_expect_eq(storage->ops->enter(storage), -EBUSY);
	cr_expect_eq(storage->ops->poll(storage, 0), -EINVAL);
}

/* To the end of file 0, in chunks as a log is read, and on in file 1. */
static void read_both(void)
{
	for (uint64_t at = 4096; expect_read(0, MIB, at) > 0; at += MIB)
		if (at == 4096)
			storage->ops->follows(storage, 0, 1, 4096);
	for (uint64_t at = 4096; at < 4 * MIB; at += MIB)
		expect_read(1, MIB, at);
}

Test(read_ahead, a_run_goes_on_into_the_file_that_follows)
{
	read_both();
	uint32_t reads = medium.reads;
	cr_expect_leq(reads, 3, "the first, and the ends of the file");
	expect_read(1, MIB, 5 * MIB); /* over a gap */
	cr_expect_eq(medium.reads, reads);
	medium.version++;
	expect_read(0, MIB, 4096); /* back: the run is over */
	cr_expect_eq(medium.flying, 0);
}

/* What was read of the rest of the first one is in the way of nothing. */
Test(read_ahead, who_leaves_a_file_before_its_end_finds_the_one_that_follows)
{
	for (uint64_t left = 8; left > 4; left--)
		expect_read(0, MIB, FILE_BYTES - left * MIB);
	storage->ops->follows(storage, 0, 1, 4096);
	expect_read(0, MIB, FILE_BYTES - 4 * MIB);
	uint32_t reads = medium.reads;
	expect_read(1, MIB, 4096);
	cr_expect_eq(medium.reads, reads);
}

Test(read_ahead, a_file_that_was_to_follow_may_go_or_not_come)
{
	expect_read(0, MIB, 0);
	storage->ops->follows(storage, 0, 1, 4096);
	for (uint64_t at = MIB; at < 20 * MIB; at += MIB)
		expect_read(0, MIB, at);
	cr_expect_eq(storage->ops->file_close(storage, 1), 0);
	for (uint64_t at = 20 * MIB; expect_read(0, MIB, at) > 0;)
		at += MIB;
	cr_expect_eq(medium.flying, 0);
	read_both();
	storage->ops->follows(storage, 0, 1, 0); /* of a file that is not read now */
	expect_read(1, MIB, 6 * MIB);
}

/* --- what else may fail ----------------------------------------------------------------------- */

Test(read_ahead, without_memory_there_is_none_or_it_only_reads)
{
	struct wr_storage *another;

	wr_memory_sim_fail(&memory, 1, false);
	cr_expect_eq(wr_read_ahead_open(&medium.base, &memory.base, &another), -ENOMEM);
	wr_memory_sim_fail(&memory, 1, false);
	for (uint64_t at = 0; at < 6 * MIB; at += MIB)
		expect_read(0, MIB, at);
	cr_expect_eq(medium.requests, 0);
	cr_expect_not(medium.entered);
}

Test(read_ahead, a_file_whose_size_is_not_known_is_only_read)
{
	medium.bytes_code = -EIO;
	for (uint64_t at = 0; at < 6 * MIB; at += MIB)
		expect_read(0, MIB, at);
	cr_expect_eq(medium.requests, 0);
	/* Nor is one that follows read ahead then. */
	medium.bytes_code = 0;
	expect_read(0, MIB, 6 * MIB);
	cr_assert_gt(medium.requests, 0);
	storage->ops->follows(storage, 0, 1, 4096);
	medium.bytes_code = -EIO;
	uint64_t at = 7 * MIB;
	while (expect_read(0, MIB, at) > 0)
		at += MIB;
	cr_expect_eq(medium.flying, 0);
}

Test(read_ahead, what_the_storage_takes_no_more_of_is_read_as_it_comes)
{
	medium.submits_left = 4;
	for (uint64_t at = 0; at < 12 * MIB; at += MIB)
		expect_read(0, MIB, at);
	cr_expect_eq(medium.requests, 3);
	cr_expect_eq(medium.flying, 0);
	medium.submits_left = 0;
	expect_read(0, MIB, 12 * MIB);
	cr_expect_gt(medium.requests, 3, "and again when it takes some");
}

Test(read_ahead, an_engine_that_broke_is_not_waited_for)
{
	for (uint64_t at = 0; at < 4 * MIB; at += MIB)
		expect_read(0, MIB, at);
	cr_assert_gt(medium.flying, 0);
	medium.poll_code = -EIO;
	medium.submits_left = 1;
	for (uint64_t at = 4 * MIB; at < 20 * MIB; at += MIB)
		expect_read(0, MIB, at);
	cr_expect_eq(medium.flying, 0);
}

Test(read_ahead, what_is_no_step_of_the_run_ends_it)
{
	expect_read(0, 100, 0);
	expect_read(0, 100, 100); /* next, and not at a block: no run begins there */
	cr_expect_eq(medium.requests, 0);
	read_both();
	cr_assert_gt(medium.flying, 0);
	storage->ops->follows(storage, 1, 0, 4096);
	cr_expect_eq(storage->ops->file_close(storage, 0), 0, "which was to follow");
	expect_read(1, MIB, 4 * MIB);
	/* Another file, of which nothing was read ahead. */
	expect_read(0, MIB, 20 * MIB);
	cr_expect_eq(medium.flying, 0);
	/* The one that follows, beyond what of it was read ahead. */
	for (uint64_t at = 4096; at < 23 * MIB; at += MIB) {
		expect_read(0, MIB, at);
		if (at == 4096)
			storage->ops->follows(storage, 0, 1, 4096);
	}
	cr_assert_gt(medium.flying, 0);
	/* It is in the file behind by now: of the one that is read nothing follows any more. */
	storage->ops->follows(storage, 0, 0, 0);
	expect_read(1, MIB, 20 * MIB);
	cr_expect_eq(medium.flying, 0);
}
