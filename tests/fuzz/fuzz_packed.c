/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever stands in packed segments, opening, reading and verifying the journal end, stay
 *         within their buffers, and give the same answer twice.
 * Method: structure-aware: edits (journal_edits.h) of a journal whose sealed segments are packed,
 *         with a draft beside them, with a plain file that a packed one stands for, and with
 *         frames that are compressed, by each codec that this build has. Replayed as a test by
 *         replay.c.
 */
#include "tests/fuzz/journal_edits.h"
#include "tests/support/pack_bed.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

/* Two segments more, of which the first is packed and compressed. */
static void add_compressed(struct log_builder *b, struct wr_storage *storage)
{
	for (uint32_t codec = 1; codec < WR_CODEC_COUNT; codec++) {
		if (wr_codec_of(storage, codec) == NULL)
			continue;
		log_builder_epoch(b);
		for (uint32_t i = 0; i < 6; i++)
			log_builder_batch(b, 3, 1200);
		log_builder_epoch(b);
		log_builder_batch(b, 1, 60);
		pack_bed_codec = codec;
		WR_ASSERT(pack_bed_all(whole, storage, true) >= 0);
	}
	pack_bed_codec = WR_CODEC_NONE;
}

static void build(void)
{
	static struct log_builder b;
	const struct wr_storage_options options = {.sim_disk = whole};
	struct wr_storage *storage;
	struct log_probe p;

	WR_ASSERT(wr_storage_sim_open(&options, &storage) == 0);
	log_builder_init(&b, storage, 4 * WR_BLOCK_BYTES, 3);
	memcpy(uuid, b.superblock.uuid, sizeof uuid);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 22; i++)
		log_builder_batch(&b, 1 + i % 4, 30 + 40 * (i % 5));
	log_builder_evidence(&b);
	log_builder_epoch(&b);
	WR_ASSERT(pack_bed_all(whole, storage, true) > 1);
	/* The superblock goes on from what the builder knows. */
	b.superblock.features_must |= WR_SUPERBLOCK_PACKED;
	add_compressed(&b, storage);
	for (uint32_t i = 0; i < 16; i++)
		log_builder_batch(&b, 1 + i % 3, 30 + 40 * (i % 4));
	log_builder_checkpoint(&b, 0, 4, 100);
	log_builder_epoch(&b);
	log_builder_batch(&b, 2, 60);
	WR_ASSERT(log_probe_open(&p, whole, NULL, true) == 0);
	uint32_t live = wr_segment_live_count(&p.table);
	WR_ASSERT(live > 3 && pack_bed_one(&p, storage, live - 2, false) == 0);
	WR_ASSERT(pack_bed_one(&p, storage, live - 3, true) == 0);
	log_probe_close(&p);
	log_builder_close(&b);
	log_builder_fini(&b);
	storage->ops->fini(storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	edits_begin(build);
	edits_try(bytes, length_bytes);
	return 0;
}
