/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever stands in a journal's directory, opening, reading and verifying it end, stay
 *         within their buffers, and give the same answer twice.
 * Method: structure-aware: edits (journal_edits.h) of a whole journal of several epochs, segments
 *         and checkpoints. Replayed as a test by replay.c.
 */
#include "tests/fuzz/journal_edits.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

/* Two epochs with a trimmed tail between them, a third in the same segment, checkpoints. */
static void build(void)
{
	static struct log_builder b;
	const struct wr_storage_options options = {.sim_disk = whole};
	struct wr_storage *storage;

	WR_ASSERT(wr_storage_sim_open(&options, &storage) == 0);
	log_builder_init(&b, storage, 4 * WR_BLOCK_BYTES, 3);
	memcpy(uuid, b.superblock.uuid, sizeof uuid);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 14; i++)
		log_builder_batch(&b, 1 + i % 4, 30 + 300 * (i % 5));
	b.hold = b.hold_durable = true;
	uint32_t held = b.batch_count;
	log_builder_batch(&b, 2, 40);
	log_builder_batch(&b, 2, 40);
	log_builder_land(&b, held + 1, UINT64_MAX);
	log_builder_rewind(&b, held);
	b.hold = b.hold_durable = false;
	log_builder_epoch(&b);
	log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 0, 4, 100);
	log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 1, 4, 5000);
	log_builder_close(&b);
	log_builder_resume(&b);
	log_builder_batch(&b, 3, 100);
	log_builder_close(&b);
	log_builder_spare(&b, 40);
	log_builder_fini(&b);
	storage->ops->fini(storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	edits_begin(build);
	edits_try(bytes, length_bytes);
	return 0;
}
