/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of packing share: the rig with a packer, and what there is on its medium. */
#ifndef WR_TESTS_PACKING_BED_H
#define WR_TESTS_PACKING_BED_H

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/journal/journal_internal.h"
#include "core/journal/reader.h"
#include "io/sim/storage_sim.h"
#include "tests/support/journal_rig.h"

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options o;

static inline void setup(void)
{
	disk = wr_sim_disk_create(7, NULL);
	o = journal_rig_defaults(disk);
	o.checkpoint_bytes = WR_BLOCK_BYTES;
	o.journal.pack = true;
}

static inline void teardown(void)
{
	wr_sim_disk_destroy(disk);
}

static inline void open_rig(void)
{
	cr_assert_eq(journal_rig_open(&rig, &o), 0, "%s", rig.problem.text);
	cr_assert(journal_rig_settle(&rig));
}

static inline void append(uint32_t count)
{
	cr_assert(journal_rig_append(&rig, count));
}

static inline struct wr_journal_stats stats(void)
{
	struct wr_journal_stats s;

	wr_journal_stats(rig.journal, &s);
	return s;
}

static inline void pack(void)
{
	cr_assert(journal_rig_pack(&rig));
}

static inline uint32_t packed_live(void)
{
	uint32_t count = 0;

	for (uint32_t n = 0; n < wr_segment_live_count(&rig.table); n++)
		count += wr_segment_is_packed(wr_segment_live(&rig.table, n));
	return count;
}

static inline uint32_t segment_files(uint64_t *ret_bytes)
{
	uint32_t count = 0, log_id, number;

	*ret_bytes = 0;
	for (uint32_t i = 0; i < disk->entry_count; i++) {
		uint64_t bytes;
		if (!wr_segment_name_parse(disk->entries[i].name, &log_id, &number) ||
		    wr_sim_disk_peek(disk, disk->entries[i].name, &bytes) == NULL)
			continue;
		*ret_bytes += bytes;
		count++;
	}
	return count;
}

/* Files of packed segments, drafts among them. */
static inline uint32_t packed_files(void)
{
	uint32_t count = 0, log_id, number;

	for (uint32_t i = 0; i < disk->entry_count; i++) {
		uint64_t bytes;
		const uint8_t *content = wr_sim_disk_peek(disk, disk->entries[i].name, &bytes);
		count += content != NULL && bytes >= WR_BLOCK_BYTES &&
			 wr_segment_name_parse(disk->entries[i].name, &log_id, &number) &&
			 wr_packed_is_header(content);
	}
	return count;
}

static inline void read_all(void)
{
	const uint32_t most = rig.table.chunk_bytes / WR_BLOCK_BYTES;
	struct wr_extent_batch batches[16];
	struct wr_extent_view view = {.batches = batches, .batches_max = most};
	uint8_t *buffer = aligned_alloc(WR_BLOCK_BYTES, rig.table.chunk_bytes);
	uint64_t last = journal_rig_durable(&rig);
	struct wr_reader reader;

	cr_assert_leq(most, 16u);
	cr_assert_eq(wr_reader_init(&reader, &rig.table, rig.storage, &rig.memory.base), 0);
	for (uint64_t seq = wr_segment_oldest_seq(&rig.table); seq <= last; seq = view.end_seq)
		cr_assert_eq(wr_reader_load(&reader, seq, last, buffer, &view, &rig.problem), 0,
			     "%lu: %s", seq, rig.problem.text);
	wr_reader_fini(&reader, &rig.memory.base);
	free(buffer);
}

#endif
