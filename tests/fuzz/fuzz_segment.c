/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   batches with hostile headers and bodies behind good checksums are taken or refused, and
 *         never read beyond; what recovery takes, the reader and verify take too.
 * Method: structure-aware. The input is a list of batches: a head of 16 bytes that says how its
 *         header departs from the right one, and the body, byte for byte. They are sealed with good
 *         checksums and written one behind the other into one segment. Replayed by replay.c.
 *
 *         head: u8 kind, u8 departures (bit i: field i is `value` off), u16 body_bytes,
 *               u32 value, u16 record_count, u8 durable_behind, 5 unused
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/crc32c.h"
#include "core/journal/verify.h"
#include "io/sim/storage_sim.h"
#include "tests/support/log_builder.h"
#include "tests/support/log_probe.h"

#define HEAD_BYTES 16u
#define CHUNK_BYTES (4u * WR_BLOCK_BYTES)
#define EXTENTS 3u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

static struct wr_sim_disk *empty;
static struct wr_sim_disk *disk;
static struct log_builder b;

/* One batch of the input at the builder's place; bytes of the input that it took, 0: no more. */
static size_t put_batch(uint8_t *file, const uint8_t *bytes, size_t length_bytes)
{
	if (length_bytes < HEAD_BYTES || b.offset >= b.segment_bytes)
		return 0;
	uint32_t value = wr_get_u32(bytes + 4);
	uint32_t body_bytes = wr_get_u16(bytes + 2);
	uint64_t extent = (b.offset - WR_BLOCK_BYTES) / CHUNK_BYTES;
	uint64_t rest = wr_extent_offset(CHUNK_BYTES, extent + 1) - b.offset;
	if (body_bytes > length_bytes - HEAD_BYTES)
		body_bytes = (uint32_t)(length_bytes - HEAD_BYTES);
	if (body_bytes > rest - WR_BATCH_HEADER_BYTES)
		body_bytes = (uint32_t)(rest - WR_BATCH_HEADER_BYTES);
	uint8_t *to = file + b.offset;
	uint32_t seed = wr_batch_seed(b.superblock.uuid, b.segment_id);
	uint32_t batch_bytes =
		(uint32_t)wr_round_up(WR_BATCH_HEADER_BYTES + body_bytes, WR_BLOCK_BYTES);
	struct wr_batch_header h = {
		.magic = WR_BATCH_MAGIC,
		.format = WR_BATCH_FORMAT,
		.batch_kind = (uint16_t)(bytes[0] % 5),
		.epoch = b.epoch,
		.first_seq = b.next_seq,
		.time_base_us = b.time_us,
		.body_bytes = body_bytes,
		.batch_bytes = batch_bytes,
		.record_count = wr_get_u16(bytes + 8),
		.durable_seq = b.next_seq - 1 - wr_min_u64(bytes[10], b.next_seq - 1),
		.segment_id = b.segment_id,
		.segment_offset = b.offset,
		.chain = b.chain,
	};
	h.skip_bytes = h.batch_kind == WR_BATCH_FILLER ? (uint32_t)rest - batch_bytes : 0;
	h.first_seq += bytes[1] & 1 ? value : 0;
	h.epoch += bytes[1] & 2 ? value : 0;
	h.durable_seq += bytes[1] & 4 ? value : 0;
	h.record_count += bytes[1] & 8 ? value : 0;
	h.body_bytes += bytes[1] & 16 ? value : 0;
	h.batch_bytes += bytes[1] & 32 ? value : 0;
	h.skip_bytes += bytes[1] & 64 ? value : 0;
	h.chain += bytes[1] & 128 ? value : 0;
	memcpy(to + WR_BATCH_HEADER_BYTES, bytes + HEAD_BYTES, body_bytes);
	h.body_crc =
		wr_crc32c(seed, to + WR_BATCH_HEADER_BYTES, batch_bytes - WR_BATCH_HEADER_BYTES);
	h.header_crc = wr_crc32c(seed, &h, offsetof(struct wr_batch_header, header_crc));
	memcpy(to, &h, sizeof h);
	b.offset += batch_bytes +
		    wr_round_down(wr_min_u64(h.skip_bytes, rest - batch_bytes), WR_BLOCK_BYTES);
	b.next_seq += h.record_count;
	b.chain = h.header_crc;
	return HEAD_BYTES + body_bytes;
}

static void start(void)
{
	const struct wr_storage_options options = {.sim_disk = empty};
	struct wr_storage *storage;

	WR_ASSERT(wr_storage_sim_open(&options, &storage) == 0);
	log_builder_init(&b, storage, CHUNK_BYTES, EXTENTS);
	log_builder_epoch(&b);
	storage->ops->fini(storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	const struct wr_verify_visitor visitor = {.context = NULL};
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t file_bytes;
	struct log_probe p;
	size_t taken;

	if (empty == NULL) {
		empty = wr_sim_disk_create(1, NULL);
		disk = wr_sim_disk_create(1, NULL);
		WR_ASSERT(empty != NULL && disk != NULL);
		start();
	}
	struct log_builder before = b;
	WR_ASSERT(wr_sim_disk_copy_to(empty, disk) == 0);
	wr_segment_name(name, 0, b.file_number);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &file_bytes);
	uint8_t *file = malloc(file_bytes);
	WR_ASSERT(file != NULL);
	memcpy(file, content, file_bytes);
	while ((taken = put_batch(file, bytes, length_bytes)) > 0) {
		bytes += taken;
		length_bytes -= taken;
	}
	WR_ASSERT(wr_sim_disk_put(disk, name, file, file_bytes) == 0);
	free(file);
	if (log_probe_open(&p, disk, NULL, false) == 0) {
		struct wr_verify_report report;
		struct weir_problem problem;
		uint64_t last_seq = p.recovered.next_seq - 1;
		WR_ASSERT(log_probe_read_all(&p) == 0 && p.read_seq == last_seq + 1);
		WR_ASSERT(wr_verify_run(p.storage, &p.memory.base, 0, UINT64_MAX, &visitor, &report,
					&problem) == 0);
		WR_ASSERT(report.record_count == last_seq && report.corrupt_count == 0);
	}
	log_probe_close(&p);
	b = before;
	return 0;
}
