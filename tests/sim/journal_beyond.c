/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_beyond.h. Thread: the simulation's. */
#include "tests/sim/journal_beyond.h"

#include "core/base/bits.h"
#include "core/journal/format.h"
#include "core/record/batch.h"

static const enum wr_fault faults[JOURNAL_BEYOND_FAULTS] = {
	WR_FAULT_LOST_WRITE, WR_FAULT_MISDIRECTED_WRITE, WR_FAULT_DUPLICATED_WRITE,
	WR_FAULT_SYNC_LIE, WR_FAULT_ROT};

uint32_t journal_beyond_arm(struct wr_sim_disk *disk, uint64_t seed)
{
	const uint32_t which = (uint32_t)(seed % JOURNAL_BEYOND_FAULTS);
	/* Rot comes at a power cut, and there is one at most; of the others, one of some writes. */
	const uint32_t chance_ppm = faults[which] == WR_FAULT_ROT        ? 1000000
				    : faults[which] == WR_FAULT_SYNC_LIE ? 500000
									 : 50000;

	wr_fault_plan_heal(&disk->plan);
	disk->plan.chance_ppm[faults[which]] = chance_ppm;
	disk->plan.budget_all = journal_beyond_is_lie(which) ? WR_BUDGET_NONE : 1;
	return which;
}

uint64_t journal_beyond_taken(const struct wr_sim_disk *disk, uint32_t which)
{
	return disk->plan.taken[faults[which]];
}

bool journal_beyond_is_lie(uint32_t which)
{
	return faults[which] == WR_FAULT_SYNC_LIE;
}

static uint64_t attested_in(const uint8_t *file, uint64_t bytes, const uint8_t *uuid,
			    uint32_t log_id)
{
	struct wr_batch_place place = {.uuid = uuid, .log_id = log_id};
	struct wr_segment_header header;
	uint64_t attested = 0;

	if (bytes < WR_BLOCK_BYTES || wr_segment_header_decode(file, &header) != WR_BLOCK_VALID)
		return 0;
	place.segment_id = header.segment_id;
	for (uint64_t at = WR_BLOCK_BYTES; at + WR_BLOCK_BYTES <= bytes; at += WR_BLOCK_BYTES) {
		place.segment_offset = at;
		if (wr_batch_check(file + at, bytes - at, &place) == WR_BATCH_VALID)
			attested = wr_max_u64(
				attested,
				((const struct wr_batch_header *)(file + at))->durable_seq);
	}
	return attested;
}

uint64_t journal_beyond_attested(const struct wr_sim_disk *disk, const uint8_t *uuid,
				 uint32_t log_id)
{
	uint32_t of_log, number;
	uint64_t attested = 0;

	for (uint32_t i = 0; i < disk->entry_count; i++) {
		const struct wr_sim_entry *entry = &disk->entries[i];
		if (entry->now == WR_SIM_NONE ||
		    !wr_segment_name_parse(entry->name, &of_log, &number) || of_log != log_id)
			continue;
		const struct wr_sim_inode *inode = &disk->inodes[entry->now];
		if (inode->bytes > 0)
			attested = wr_max_u64(
				attested, attested_in(inode->cache, inode->bytes, uuid, log_id));
	}
	return attested;
}
