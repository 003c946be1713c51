/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: what is in the files, when they are written, and what a failure costs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/base/crc32c.h"
#include "core/journal/journal_internal.h"
#include "tests/support/case.h"
#include "tests/support/journal_rig.h"
#include "tests/support/refusing_storage.h"

#define BUFFER_BYTES (12u * WR_BLOCK_BYTES)

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;

static void set_up(void)
{
	disk = wr_sim_disk_create(13, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.checkpoint_bytes = BUFFER_BYTES;
}

static void tear_down(void)
{
	journal_rig_close(&rig);
	cr_assert_eq(rig.memory.live_count, 0);
	wr_sim_disk_destroy(disk);
}

static void open_rig(void)
{
	int r = journal_rig_open(&rig, &options);
	cr_assert_eq(r, 0, "%d %s", r, rig.problem.text);
	cr_assert(journal_rig_settle(&rig));
}

static struct wr_journal_stats stats(void)
{
	struct wr_journal_stats s;
	wr_journal_stats(rig.journal, &s);
	return s;
}

static void append(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(mini_writer_append(&rig.writer, 0, i, 64), MINI_WRITER_DONE);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
}

/* Captures `bytes` bytes of `fill` without waiting for anything. */
static void capture(uint32_t bytes, int fill)
{
	memset(rig.checkpoint_buffer, fill, bytes);
	cr_assert(mini_writer_checkpoint(&rig.writer, bytes, 1));
}

static bool is_back(void)
{
	return wr_load_acquire(&rig.link.checkpoint.state) == WR_CHECKPOINT_IDLE;
}

static void wait_until_back(void)
{
	for (uint32_t i = 0; i < 10000 && !is_back(); i++)
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
	cr_assert(is_back());
}

static const uint8_t *copy_content(uint32_t copy)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t bytes = 0;

	wr_checkpoint_name(name, 0, copy);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	cr_assert_not_null(content);
	cr_assert_eq(bytes, BUFFER_BYTES + options.checkpoint_more_bytes + WR_BLOCK_BYTES);
	return content;
}

static bool copy_is_valid(uint32_t copy, struct wr_checkpoint_header *ret_header)
{
	const uint8_t *content = copy_content(copy);
	return wr_checkpoint_header_decode(content, ret_header) == WR_BLOCK_VALID &&
	       ret_header->body_crc ==
		       wr_crc32c(1, content + WR_BLOCK_BYTES, ret_header->body_bytes);
}

TestSuite(journal_checkpoint, .init = set_up);

CASE(journal_checkpoint, both_files_are_there_with_their_full_size_before_the_first_step)
{
	open_rig();
	for (uint32_t copy = 0; copy < 2; copy++) {
		const uint8_t *content = copy_content(copy);
		for (uint32_t i = 0; i < BUFFER_BYTES + WR_BLOCK_BYTES; i++)
			cr_assert_eq(content[i], 0);
	}
}

CASE(journal_checkpoint, header_and_body_say_what_was_captured)
{
	struct wr_checkpoint_header header;

	open_rig();
	append(10);
	cr_assert(journal_rig_drain(&rig));
	memset(rig.checkpoint_buffer, 0x99, BUFFER_BYTES); /* of an older one */
	capture(30001, 0x11);
	wait_until_back();
	cr_assert(copy_is_valid(0, &header));
	cr_assert_eq(header.body_bytes, 30001);
	cr_assert_eq(header.last_seq, rig.writer.next_seq - 1);
	cr_assert_eq(header.segment_id, rig.writer.last_segment_id);
	cr_assert_eq(header.segment_offset, rig.writer.last_offset);
	cr_assert_eq(header.batch_header_crc, rig.writer.last_header_crc);
	cr_assert_eq(header.needed_seq, 1);
	cr_assert_eq(header.epoch, rig.recovered.epoch);
	cr_assert_eq(memcmp(header.uuid, rig.table.uuid, sizeof header.uuid), 0);
	cr_assert_eq(copy_content(0)[WR_BLOCK_BYTES + 30001], 0);
	cr_assert_eq(stats().checkpoints, 1);
	cr_assert_eq(stats().checkpoint_seq, rig.writer.next_seq - 1);
}

CASE(journal_checkpoint, the_two_files_take_turns)
{
	struct wr_checkpoint_header header;

	open_rig();
	for (uint32_t i = 0; i < 6; i++) {
		append(1);
		cr_assert(journal_rig_drain(&rig));
		capture(100 * i + 1, (int)i);
		wait_until_back();
		cr_assert(copy_is_valid(i % 2, &header));
		cr_assert_eq(header.last_seq, rig.writer.next_seq - 1);
		if (i > 0) {
			cr_assert(copy_is_valid(1 - i % 2, &header));
			cr_assert_eq(header.last_seq, rig.writer.next_seq - 2);
		}
	}
}

CASE(journal_checkpoint, it_waits_until_its_batch_is_acknowledged)
{
	struct wr_checkpoint_header header;

	options.journal.seal_before_ack = true;
	open_rig();
	append(10);
	cr_assert(journal_rig_drain(&rig));
	capture(100, 1);
	for (uint32_t i = 0; i < 50; i++) {
		(void)journal_rig_step(&rig);
		(void)rig.storage->ops->poll(rig.storage, 1000000);
	}
	cr_assert_not(is_back());
	cr_assert_not(copy_is_valid(0, &header));
	cr_assert_eq(mini_writer_evidence(&rig.writer), MINI_WRITER_DONE);
	wait_until_back();
	cr_assert(copy_is_valid(0, &header));
}

CASE(journal_checkpoint, one_on_a_batch_without_records_waits_for_that_batch)
{
	open_rig();
	append(10);
	cr_assert(journal_rig_drain(&rig));
	/* The sequence is durable, the batch that the checkpoint will name is not. */
	cr_assert_eq(mini_writer_evidence(&rig.writer), MINI_WRITER_DONE);
	capture(100, 1);
	(void)journal_rig_step(&rig);
	cr_assert_not(wr_journal_is_idle(rig.journal));
	while (!mini_writer_is_drained(&rig.writer)) {
		cr_assert_eq(copy_content(0)[WR_BLOCK_BYTES], 0, "the body is ahead of the batch");
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
	}
	wait_until_back();
	cr_assert_eq(stats().checkpoints, 1);
}

CASE(journal_checkpoint, one_without_a_body_is_a_header)
{
	struct wr_checkpoint_header header;

	open_rig();
	append(1);
	cr_assert(journal_rig_drain(&rig));
	capture(0, 0);
	wait_until_back();
	cr_assert(copy_is_valid(0, &header));
	cr_assert_eq(header.body_bytes, 0);
}

CASE(journal_checkpoint, one_that_fills_the_buffer_fits)
{
	struct wr_checkpoint_header header;

	open_rig();
	append(1);
	cr_assert(journal_rig_drain(&rig));
	capture(BUFFER_BYTES, 7);
	wait_until_back();
	cr_assert(copy_is_valid(0, &header));
	cr_assert_eq(stats().checkpoint_failures, 0);
}

CASE(journal_checkpoint, a_failed_one_is_counted_and_the_other_copy_and_the_log_are_whole)
{
	struct wr_checkpoint_header header;

	open_rig();
	append(1);
	cr_assert(journal_rig_drain(&rig));
	capture(100, 1);
	wait_until_back();
	disk->plan.chance_ppm[WR_FAULT_WRITE_ERROR] = 1000000;
	disk->plan.budget[WR_FAULT_WRITE_ERROR] = 1;
	disk->plan.budget_all = 1;
	capture(100, 2);
	wait_until_back();
	cr_assert_eq(stats().checkpoint_failures, 1);
	cr_assert_eq(stats().checkpoints, 1);
	append(20);
	cr_assert(journal_rig_drain(&rig));
	capture(100, 3);
	wait_until_back();
	cr_assert_eq(stats().checkpoint_failures, 2, "a failed file stays failed (S5)");
	cr_assert(copy_is_valid(0, &header));
	cr_assert_not(journal_rig_failed(&rig));
}

/* A header whose write fails may be on the medium: an open would ask for all that it needs. */
CASE(journal_checkpoint, what_a_failed_one_needs_stays)
{
	struct wr_checkpoint_header header;

	open_rig();
	append(60);
	cr_assert(journal_rig_drain(&rig));
	for (int i = 0; i < 2; i++) {
		cr_assert(mini_writer_checkpoint(&rig.writer, 100, 50));
		wait_until_back();
	}
	cr_assert_eq(wr_journal_gate(rig.journal), 50);
	cr_assert(mini_writer_checkpoint(&rig.writer, 100, 10));
	while (rig.journal->checkpoint.phase != WR_JOURNAL_CHECKPOINT_HEADER)
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
	disk->plan.chance_ppm[WR_FAULT_SYNC_ERROR] = 1000000;
	disk->plan.budget[WR_FAULT_SYNC_ERROR] = 1;
	disk->plan.budget_all = 1;
	wait_until_back();
	cr_assert_eq(stats().checkpoint_failures, 1);
	cr_assert(copy_is_valid(0, &header));
	cr_expect_eq(header.needed_seq, 10, "it is there");
	cr_expect_eq(wr_journal_gate(rig.journal), 10);
}

CASE(journal_checkpoint, a_journal_without_a_buffer_gives_the_slot_back)
{
	static uint8_t nothing[WR_BLOCK_BYTES];

	options.checkpoint_bytes = 0;
	open_rig();
	append(1);
	cr_assert(journal_rig_drain(&rig));
	rig.link.checkpoint.buffer = nothing;
	rig.link.checkpoint.buffer_bytes = sizeof nothing;
	cr_assert(mini_writer_checkpoint(&rig.writer, 10, 1));
	wait_until_back();
	cr_assert_eq(stats().checkpoint_failures, 1);
}

CASE(journal_checkpoint, a_smaller_file_is_extended_and_keeps_its_content)
{
	static uint8_t old[2 * WR_BLOCK_BYTES];
	char name[WR_STORAGE_NAME_MAX + 1];

	options.checkpoint_bytes = 0;
	open_rig();
	cr_assert_eq(journal_rig_close_clean(&rig), 0);
	options.checkpoint_bytes = BUFFER_BYTES;
	memset(old, 0x77, sizeof old);
	wr_checkpoint_name(name, 0, 1);
	cr_assert_eq(wr_sim_disk_put(disk, name, old, sizeof old), 0);
	open_rig();
	cr_assert_eq(memcmp(copy_content(1), old, sizeof old), 0);
}

CASE(journal_checkpoint, files_that_are_larger_than_the_process_may_write_are_refused)
{
	open_rig();
	rig.storage->file_bytes_max = BUFFER_BYTES;
	cr_expect_eq(wr_journal_checkpoint_start(rig.journal), -EFBIG);
	rig.storage->file_bytes_max = BUFFER_BYTES + WR_BLOCK_BYTES;
	cr_expect_eq(wr_journal_checkpoint_start(rig.journal), 0);
}

/* What does not fit is given up, counted, and the writer may go on. */
CASE(journal_checkpoint, a_job_that_does_not_fit_its_files_is_given_up)
{
	struct wr_checkpoint_job *job = &rig.link.checkpoint;

	open_rig();
	append(1);
	cr_assert(journal_rig_drain(&rig));
	const uint64_t file_bytes = rig.journal->checkpoint.file_bytes;
	for (uint32_t i = 0; i < 5; i++) {
		capture(100, 1);
		if (i == 0)
			job->bytes = BUFFER_BYTES + 1;
		if (i == 1)
			job->more_bytes = 1;
		if (i == 2)
			job->more_bytes = job->more_bytes_max = 1ull << 32;
		if (i == 3)
			rig.journal->checkpoint.file_bytes = WR_BLOCK_BYTES;
		if (i == 4)
			rig.journal->checkpoint.file_bytes = 0;
		wait_until_back();
		cr_expect_eq(stats().checkpoint_failures, i + 1);
		job->more_bytes = job->more_bytes_max = 0;
	}
	rig.journal->checkpoint.file_bytes = file_bytes;
	capture(100, 1);
	wait_until_back();
	cr_expect_eq(stats().checkpoints, 1);
}

/* --- a body of which a part is fetched -------------------------------------------------------- */

#define MORE_BYTES (10u * WR_BLOCK_BYTES)
#define COPIED 0xc0 /* what the buffer is full of */

static uint64_t fetched_bytes; /* so far, of what comes behind the buffer */

static uint8_t more_at(uint64_t at)
{
	return (uint8_t)(at % 191); /* never COPIED */
}

static void give_more(void *context, uint64_t at, uint8_t *to, uint32_t bytes)
{
	(void)context;
	cr_expect_eq(at, fetched_bytes, "in order, and each byte once");
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = more_at(at + i);
	fetched_bytes = at + bytes;
}

static void expect_body(uint32_t copy, uint32_t bytes, uint32_t more_bytes)
{
	struct wr_checkpoint_header header;
	const uint8_t *body = copy_content(copy) + WR_BLOCK_BYTES;
	uint32_t wrong = 0, end = bytes + more_bytes;

	cr_assert(copy_is_valid(copy, &header));
	cr_expect_eq(header.body_bytes, end);
	for (uint32_t i = 0; i < bytes; i++)
		wrong += body[i] != COPIED;
	for (uint32_t i = 0; i < more_bytes; i++)
		wrong += body[bytes + i] != more_at(i);
	for (uint32_t i = end; i < wr_round_up(end, WR_BLOCK_BYTES); i++)
		wrong += body[i] != 0;
	cr_expect_eq(wrong, 0u, "%u of %u and %u", wrong, bytes, more_bytes);
}

/* Also where the storage has no room for a write at once: it is not fetched again. */
CASE(journal_checkpoint, what_is_fetched_stands_behind_what_was_copied)
{
	static const uint32_t parts[][2] = {
		{30001, 40000}, /* one ends in the middle of a piece, the other of a block */
		{4 * WR_BLOCK_BYTES, 5 * WR_BLOCK_BYTES}, /* one fills a piece */
		{100, 0},
		{0, 100},
		{BUFFER_BYTES, MORE_BYTES},
	};

	options.checkpoint_more_bytes = MORE_BYTES;
	open_rig();
	rig.link.checkpoint.more = give_more;
	append(1);
	cr_assert(journal_rig_drain(&rig));
	for (uint32_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		fetched_bytes = 0;
		capture(parts[i][0], COPIED);
		rig.link.checkpoint.more_bytes = parts[i][1];
		refusing_put_on(rig.storage, WR_IO_WRITE, -EAGAIN, 2);
		wait_until_back();
		refusing_take_off(rig.storage);
		cr_expect_eq(refusing.left, 0u);
		cr_expect_eq(fetched_bytes, parts[i][1]);
		cr_expect_eq(stats().checkpoints, i + 1);
		expect_body(i % 2, parts[i][0], parts[i][1]);
	}
	cr_expect_eq(stats().checkpoint_failures, 0u);
}

CASE(journal_checkpoint, one_that_the_storage_does_not_take_is_given_up)
{
	open_rig();
	append(1);
	cr_assert(journal_rig_drain(&rig));
	capture(100, 1);
	refusing_put_on(rig.storage, WR_IO_WRITE, -EIO, 1);
	wait_until_back();
	refusing_take_off(rig.storage);
	cr_expect_eq(stats().checkpoint_failures, 1u);
	cr_expect_eq(stats().checkpoints, 0u);
	cr_expect_not(journal_rig_failed(&rig));
}
