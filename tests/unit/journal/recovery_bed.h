/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of recovery share: a builder on a simulated medium, and the two questions that all
 * of them ask of an open: is the log what the builder says, or is it refused with the right range?
 */
#ifndef WR_TESTS_RECOVERY_BED_H
#define WR_TESTS_RECOVERY_BED_H

#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "io/sim/storage_sim.h"
#include "tests/support/log_builder.h"
#include "tests/support/log_probe.h"

#define CHUNK_BYTES (4u * WR_BLOCK_BYTES)
#define EXTENTS 3u
#define SECTORS_ALL UINT64_MAX

static struct wr_sim_disk *disk;
static struct wr_storage *storage;
static struct log_builder b;
static struct log_probe p;

static inline void setup(void)
{
	disk = wr_sim_disk_create(1, NULL);
	cr_assert_not_null(disk);
	const struct wr_storage_options options = {.sim_disk = disk};
	cr_assert_eq(wr_storage_sim_open(&options, &storage), 0);
	log_builder_init(&b, storage, CHUNK_BYTES, EXTENTS);
}

static inline void teardown(void)
{
	log_builder_fini(&b);
	storage->ops->fini(storage);
	wr_sim_disk_destroy(disk);
}

/* Opens, and expects the log to be exactly what the builder says. */
static inline void expect_whole(void)
{
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0, "%d %s", p.result, p.problem.text);
	cr_expect_eq(p.recovered.next_seq, b.next_seq);
	cr_expect_eq(p.recovered.chain, b.chain);
	cr_expect_eq(p.recovered.end_segment_id, b.last_segment_id);
	cr_expect_eq(p.recovered.end_offset, b.end_offset);
	cr_expect_eq(p.recovered.end_epoch, b.last_epoch);
	int r = log_probe_read_all(&p);
	cr_expect_eq(r, 0, "read: %d at %lu: %s", r, p.read_seq, p.problem.text);
	cr_expect(p.is_sound, "sequence %lu is not what was written", p.unsound_seq);
	cr_expect_eq(p.read_seq, b.next_seq);
}

static inline void expect_corrupt(uint64_t first_seq, uint64_t end_seq)
{
	struct wr_sim_disk *before = wr_sim_disk_clone(disk);

	cr_assert_eq(log_probe_open(&p, disk, &b, false), WEIR_E_CORRUPT, "%d", p.result);
	cr_expect_eq(p.report.corrupt_first_seq, first_seq, "first %lu",
		     p.report.corrupt_first_seq);
	cr_expect_eq(p.report.corrupt_end_seq, end_seq, "end %lu", p.report.corrupt_end_seq);
	cr_expect_neq(p.problem.text[0], '\0');
	cr_expect_eq(p.problem.code, WEIR_E_CORRUPT);
	log_probe_close(&p);
	/* The medium is as it was. */
	for (uint32_t i = 0; i < before->entry_count; i++) {
		uint64_t bytes_before, bytes;
		const uint8_t *was =
			wr_sim_disk_peek(before, before->entries[i].name, &bytes_before);
		const uint8_t *is = wr_sim_disk_peek(disk, before->entries[i].name, &bytes);
		if (was == NULL)
			continue;
		cr_assert_eq(bytes, bytes_before);
		cr_expect_eq(memcmp(is, was, bytes), 0, "%s changed", before->entries[i].name);
	}
	wr_sim_disk_destroy(before);
}

static inline void damage(uint32_t batch_index, uint64_t at)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	const struct log_batch *batch = &b.batches[batch_index];

	wr_segment_name(name, 0, batch->file_number);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, batch->offset + at, 3), 0);
}

static inline void put(uint32_t file_number, uint64_t offset, const uint8_t *bytes, uint32_t length)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint32_t file;

	wr_segment_name(name, 0, file_number);
	cr_assert_eq(storage->ops->file_open(storage, name, 0, &file), 0);
	cr_assert_eq(storage->ops->write(storage, file, bytes, length, offset), 0);
	cr_assert_eq(storage->ops->file_close(storage, file), 0);
}

static inline void copy_block(const struct log_batch *from, uint32_t to_file, uint64_t to_offset)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t bytes;
	uint8_t *block = aligned_alloc(WR_BLOCK_BYTES, WR_BLOCK_BYTES);

	wr_segment_name(name, 0, from->file_number);
	memcpy(block, wr_sim_disk_peek(disk, name, &bytes) + from->offset, WR_BLOCK_BYTES);
	put(to_file, to_offset, block, WR_BLOCK_BYTES);
	free(block);
}

static inline void zero_batch(uint32_t batch_index)
{
	const struct log_batch *batch = &b.batches[batch_index];
	uint8_t *zeros = aligned_alloc(WR_BLOCK_BYTES, batch->header.batch_bytes);

	memset(zeros, 0, batch->header.batch_bytes);
	put(batch->file_number, batch->offset, zeros, batch->header.batch_bytes);
	free(zeros);
}

/* Another number in a fixed block of a file (format.h), which is sealed as if weir had said so. */
static inline void change_block(const char *name, uint64_t block_offset, size_t at, uint64_t value,
				size_t value_bytes)
{
	uint64_t bytes;
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	cr_assert_not_null(content, "%s", name);
	uint8_t *changed = malloc(bytes);

	memcpy(changed, content, bytes);
	memcpy(changed + block_offset + at, &value, value_bytes);
	wr_put_u32(changed + block_offset + 508, wr_crc32c(1, changed + block_offset, 508));
	cr_assert_eq(wr_sim_disk_put(disk, name, changed, bytes), 0);
	free(changed);
}

static inline uint64_t seq_of(uint32_t batch_index)
{
	return b.batches[batch_index].header.first_seq;
}

/* An epoch with so many batches of three events, one block each. */
static inline void build(uint32_t batch_count)
{
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < batch_count; i++)
		log_builder_batch(&b, 3, 100);
}

#endif
