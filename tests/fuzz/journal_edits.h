/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers of whole journals share: the edits that an input is, and what must hold
 * afterwards.
 *
 * An input is a list of edits of 8 bytes {u8 what, u8 file, u16 place, u32 value}. An edit with the
 * high bit of `what` set also makes the checksums of the block around it good again, in a packed
 * file those of its batch, frame, index and header, so that hostile numbers get past them.
 */
#ifndef WR_TESTS_JOURNAL_EDITS_H
#define WR_TESTS_JOURNAL_EDITS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/crc32c.h"
#include "core/journal/packed.h"
#include "core/journal/verify.h"
#include "io/sim/storage_sim.h"
#include "tests/support/log_builder.h"
#include "tests/support/log_probe.h"

#define EDIT_BYTES 8u
#define EDITS_MAX 64u
#define RESEAL 0x80u
#define FILE_BYTES_MAX (128u << 10)
#define DISK_BYTES_MAX (4u << 20) /* a size that lies shall not fill the memory */

static struct wr_sim_disk *whole;
static struct wr_sim_disk *disk;
static uint8_t uuid[WR_UUID_BYTES];

/* --- edits ------------------------------------------------------------------------------------ */

static void reseal_batch(uint8_t *at, uint64_t left_bytes)
{
	struct wr_batch_header h;
	memcpy(&h, at, sizeof h);
	uint32_t seed = wr_batch_seed(uuid, h.segment_id);
	if (h.batch_bytes > WR_BATCH_HEADER_BYTES && h.batch_bytes <= left_bytes)
		h.body_crc = wr_crc32c(seed, at + WR_BATCH_HEADER_BYTES,
				       h.batch_bytes - WR_BATCH_HEADER_BYTES);
	h.header_crc = wr_crc32c(seed, &h, offsetof(struct wr_batch_header, header_crc));
	memcpy(at, &h, sizeof h);
}

static void reseal(uint8_t *content, uint64_t bytes, uint64_t place)
{
	uint64_t at = wr_round_down(place, WR_BLOCK_BYTES);

	if (bytes - at < WR_BLOCK_BYTES)
		return;
	/* An edit in the middle of a batch: the batch begins some blocks before. */
	for (uint32_t back = 0; back < 4; back++, at -= WR_BLOCK_BYTES) {
		uint8_t *block = content + at;
		if (wr_get_u32(block) == WR_BATCH_MAGIC) {
			reseal_batch(block, bytes - at);
			return;
		}
		if (memcmp(block, "WEIR", 4) == 0) {
			uint32_t body_bytes = wr_get_u32(block + 76);
			if (memcmp(block, "WEIRCKPT", 8) == 0 &&
			    body_bytes <= bytes - at - WR_BLOCK_BYTES)
				wr_put_u32(block + 80,
					   wr_crc32c(1, block + WR_BLOCK_BYTES, body_bytes));
			wr_put_u32(block + 508, wr_crc32c(1, block, 508));
			return;
		}
		if (at == 0)
			return;
	}
}

_Static_assert(offsetof(struct wr_checkpoint_header, body_bytes) == 76, "reseal()");
_Static_assert(offsetof(struct wr_checkpoint_header, body_crc) == 80, "reseal()");

/* The batch in a frame that the place lies in: it begins at a multiple of 8. */
static void reseal_in_frame(uint8_t *frame, uint64_t bytes, uint64_t at)
{
	for (uint64_t back = wr_round_down(at, 8);; back -= 8) {
		struct wr_batch_header h;
		if (bytes - back >= sizeof h && wr_get_u32(frame + back) == WR_BATCH_MAGIC) {
			memcpy(&h, frame + back, sizeof h);
			uint32_t seed = wr_batch_seed(uuid, h.segment_id);
			h.header_crc =
				wr_crc32c(seed, &h, offsetof(struct wr_batch_header, header_crc));
			memcpy(frame + back, &h, sizeof h);
			return;
		}
		if (back == 0)
			return;
	}
}

/* From the inside out: batch, frame, index, header; and the header's copy. */
static void reseal_packed(uint8_t *content, uint64_t bytes, uint64_t place)
{
	struct wr_packed_header h;
	struct wr_packed_entry e;

	memcpy(&h, content, sizeof h);
	uint64_t index_bytes = wr_packed_index_bytes(h.segment_bytes, h.chunk_bytes);
	if (bytes < 2 * WR_BLOCK_BYTES || index_bytes > bytes - 2 * WR_BLOCK_BYTES)
		return;
	uint8_t *index = content + WR_BLOCK_BYTES;
	for (uint64_t i = 0; i < h.frame_count && (i + 1) * sizeof e <= index_bytes; i++) {
		memcpy(&e, index + i * sizeof e, sizeof e);
		if (e.offset >= bytes || e.stored_bytes > bytes - e.offset)
			continue;
		if (place >= e.offset && place - e.offset < e.stored_bytes)
			reseal_in_frame(content + e.offset, e.stored_bytes, place - e.offset);
		e.crc = wr_crc32c(1, content + e.offset, e.stored_bytes);
		memcpy(index + i * sizeof e, &e, sizeof e);
	}
	h.index_crc = wr_crc32c(1, index, index_bytes);
	h.crc = wr_crc32c(1, &h, offsetof(struct wr_packed_header, crc));
	memcpy(content, &h, sizeof h);
}

static void poke(uint8_t *content, uint64_t bytes, const uint8_t *edit)
{
	uint64_t place = (uint64_t)wr_get_u16(edit + 2) * 4 % bytes;
	uint64_t block = wr_round_down(place, WR_BLOCK_BYTES);
	uint32_t value = wr_get_u32(edit + 4);
	uint64_t other = wr_round_down((uint64_t)value * WR_BLOCK_BYTES % bytes, WR_BLOCK_BYTES);

	switch (edit[0] % 8) {
	case 0:
		content[place] ^= (uint8_t)value;
		break;
	case 1:
		if (bytes - place >= 4)
			wr_put_u32(content + place, value);
		break;
	case 2:
		if (bytes - place >= 8)
			wr_put_u64(content + place, (uint64_t)(int64_t)(int32_t)value);
		break;
	case 3:
		memset(content + block, 0, wr_min_u64(bytes - block, WR_BLOCK_BYTES));
		break;
	case 4:
		if (bytes - block >= WR_BLOCK_BYTES && bytes - other >= WR_BLOCK_BYTES)
			memmove(content + block, content + other, WR_BLOCK_BYTES);
		break;
	default:
		/* A small step up or down: lengths and sequences that are almost right. */
		if (bytes - place >= 4)
			wr_put_u32(content + place,
				   wr_get_u32(content + place) + value % 256u - 128u);
		break;
	}
	if ((edit[0] & RESEAL) && bytes >= WR_BLOCK_BYTES && wr_packed_is_header(content))
		reseal_packed(content, bytes, place);
	else if (edit[0] & RESEAL)
		reseal(content, bytes, place);
}

static void apply(const uint8_t *edit)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t bytes;

	if (disk->entry_count == 0) /* every file was removed */
		return;
	struct wr_sim_entry *entry = &disk->entries[edit[1] % disk->entry_count];
	if (entry->now == WR_SIM_NONE)
		return;
	memcpy(name, entry->name, sizeof name);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	if (edit[0] % 32 == 30) {
		uint64_t to_bytes = wr_get_u16(edit + 2) * 64ull % FILE_BYTES_MAX;
		WR_ASSERT(wr_sim_disk_truncate(disk, name, to_bytes) == 0);
		return;
	}
	if (edit[0] % 32 == 31) {
		WR_ASSERT(wr_sim_disk_remove(disk, name) == 0);
		return;
	}
	if (content == NULL || bytes == 0)
		return;
	uint8_t *copy = malloc(bytes);
	WR_ASSERT(copy != NULL);
	memcpy(copy, content, bytes);
	poke(copy, bytes, edit);
	WR_ASSERT(wr_sim_disk_put(disk, name, copy, bytes) == 0);
	free(copy);
}

/* --- what must hold --------------------------------------------------------------------------- */

static void look_from_outside(uint64_t *ret_records)
{
	const struct wr_storage_options options = {.sim_disk = disk, .read_only = true};
	const struct wr_verify_visitor visitor = {.context = NULL};
	struct wr_verify_report report;
	struct wr_memory_sim memory;
	struct wr_storage *storage;
	struct weir_problem problem;

	wr_memory_sim_init(&memory, NULL);
	WR_ASSERT(wr_storage_sim_open(&options, &storage) == 0);
	(void)wr_verify_run(storage, &memory.base, 0, UINT64_MAX, &visitor, &report, &problem);
	*ret_records = report.record_count;
	WR_ASSERT(memory.live_count == 0);
	storage->ops->fini(storage);
}

/* Makes the journal that is edited, once. */
static void edits_begin(void (*build)(void))
{
	if (whole != NULL)
		return;
	whole = wr_sim_disk_create(1, NULL);
	disk = wr_sim_disk_create(1, NULL);
	WR_ASSERT(whole != NULL && disk != NULL);
	build();
	whole->plan.capacity_bytes = DISK_BYTES_MAX;
}

static void edits_try(const uint8_t *bytes, size_t length_bytes)
{
	struct log_probe first, second;
	uint64_t records = 0;

	WR_ASSERT(wr_sim_disk_copy_to(whole, disk) == 0);
	for (size_t i = 0; i < EDITS_MAX && (i + 1) * EDIT_BYTES <= length_bytes; i++)
		apply(bytes + i * EDIT_BYTES);
	look_from_outside(&records);
	(void)log_probe_open(&first, disk, NULL, false);
	if (first.result == 0)
		(void)log_probe_read_all(&first);
	(void)log_probe_open(&second, disk, NULL, false);
	/* Idempotent: the same end, an epoch later; or the same refusal. */
	WR_ASSERT(second.result == first.result || first.report.created);
	if (first.result == 0 && second.result == 0) {
		WR_ASSERT(second.recovered.next_seq == first.recovered.next_seq);
		WR_ASSERT(second.recovered.chain == first.recovered.chain);
		WR_ASSERT(second.recovered.epoch == first.recovered.epoch + 1);
		WR_ASSERT(first.fed_next_seq == 0 ||
			  first.fed_next_seq == first.recovered.next_seq);
	}
	log_probe_close(&second);
	log_probe_close(&first);
}

#endif
