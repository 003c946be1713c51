/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and their sectors. See disk_sim.h; the directory and the tests' doors are dir_sim.c.
 *
 * Invariants: bytes beyond a file's size are zero in both images, up to its capacity. A sector that
 * is not dirty is the same in both, unless `differs`.
 */
#include "io/sim/disk_sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

#define ALL_PPM 1000000u

void wr_sim_disk_trace(struct wr_sim_disk *disk, uint64_t what, uint64_t where)
{
	uint64_t h = disk->trace;

	/* A multiply-xor step: order and values matter, which is all that is asked. */
	h = (h ^ what) * 0x9E3779B97F4A7C15ull;
	h = (h ^ (h >> 29) ^ where) * 0xBF58476D1CE4E5B9ull;
	disk->trace = h ^ (h >> 32);
}

int wr_sim_disk_operation(struct wr_sim_disk *disk, uint64_t what, uint64_t where)
{
	disk->op_count++;
	wr_sim_disk_trace(disk, what, where);
	bool trips = disk->trip_at != 0 && (disk->trip_on ? disk->op_count >= disk->trip_at
							  : disk->op_count == disk->trip_at);
	return trips ? disk->trip_code : 0;
}

int wr_sim_inode_reserve(struct wr_sim_disk *disk, int32_t inode_index, uint64_t bytes)
{
	struct wr_sim_inode *inode = &disk->inodes[inode_index];

	if (bytes <= inode->bytes)
		return 0;
	if (disk->plan.capacity_bytes != 0 &&
	    wr_sim_disk_used_bytes(disk) + (bytes - inode->bytes) > disk->plan.capacity_bytes)
		return -ENOSPC;
	if (bytes <= inode->capacity_bytes)
		return 0;
	uint64_t capacity =
		wr_round_up(wr_max_u64(bytes, inode->capacity_bytes * 2), WR_STORAGE_BLOCK_BYTES);
	uint64_t words = (capacity / WR_SIM_SECTOR_BYTES + 63) / 64;
	uint64_t old_words = (inode->capacity_bytes / WR_SIM_SECTOR_BYTES + 63) / 64;
	/* Each is kept as soon as it is there: the images may be larger than capacity_bytes. */
	uint8_t *image = realloc(inode->cache, capacity);
	if (image == NULL)
		return -ENOMEM;
	inode->cache = image;
	image = realloc(inode->durable, capacity);
	if (image == NULL)
		return -ENOMEM;
	inode->durable = image;
	uint64_t *dirty = realloc(inode->dirty, words * sizeof *dirty);
	if (dirty == NULL)
		return -ENOMEM;
	inode->dirty = dirty;
	memset(inode->cache + inode->capacity_bytes, 0, capacity - inode->capacity_bytes);
	memset(inode->durable + inode->capacity_bytes, 0, capacity - inode->capacity_bytes);
	memset(inode->dirty + old_words, 0, (words - old_words) * sizeof *dirty);
	inode->capacity_bytes = capacity;
	return 0;
}

static bool sector_is_dirty(const struct wr_sim_inode *inode, uint64_t sector)
{
	return (inode->dirty[sector / 64] >> sector % 64 & 1u) != 0;
}

static void note_filled(struct wr_sim_inode *inode, uint64_t end_bytes)
{
	inode->filled_bytes = wr_max_u64(inode->filled_bytes, end_bytes);
}

/* From an image into the other one. */
static void copy_range(const struct wr_sim_inode *inode, uint8_t *to, const uint8_t *from,
		       uint64_t offset_bytes, uint64_t end_bytes)
{
	end_bytes = wr_min_u64(end_bytes, inode->filled_bytes);
	if (offset_bytes < end_bytes)
		memcpy(to + offset_bytes, from + offset_bytes, end_bytes - offset_bytes);
}

static void copy_sector(uint8_t *to, const uint8_t *from, uint64_t sector)
{
	memcpy(to + sector * WR_SIM_SECTOR_BYTES, from + sector * WR_SIM_SECTOR_BYTES,
	       WR_SIM_SECTOR_BYTES);
}

/* The kernel may have written older, dirty content back before it is overwritten. */
static void maybe_write_back(struct wr_sim_disk *disk, struct wr_sim_inode *inode,
			     uint64_t first_sector, uint64_t end_sector)
{
	for (uint64_t i = first_sector; i < end_sector; i++)
		if (sector_is_dirty(inode, i) && wr_prng_chance(&disk->prng, ALL_PPM / 2))
			copy_sector(inode->durable, inode->cache, i);
}

void wr_sim_inode_write(struct wr_sim_disk *disk, int32_t inode_index, const uint8_t *bytes,
			uint64_t length_bytes, uint64_t offset_bytes)
{
	struct wr_sim_inode *inode = &disk->inodes[inode_index];
	const uint64_t end_bytes = offset_bytes + length_bytes;
	const uint64_t first_sector = offset_bytes / WR_SIM_SECTOR_BYTES;
	const uint64_t end_sector = (end_bytes + WR_SIM_SECTOR_BYTES - 1) / WR_SIM_SECTOR_BYTES;

	if (length_bytes == 0)
		return;
	WR_ASSERT(end_bytes <= inode->capacity_bytes);
	if (inode->is_dirty)
		maybe_write_back(disk, inode, first_sector, end_sector);
	if (bytes != NULL) {
		memcpy(inode->cache + offset_bytes, bytes, length_bytes);
		note_filled(inode, end_bytes);
	} else if (offset_bytes < inode->bytes) { /* what lies beyond the end is zero */
		memset(inode->cache + offset_bytes, 0, length_bytes);
	}
	for (uint64_t i = first_sector; i < end_sector; i++)
		inode->dirty[i / 64] |= 1ull << i % 64;
	inode->is_dirty = true;
	if (end_bytes > inode->bytes)
		inode->bytes = end_bytes;
}

static uint64_t word_count(const struct wr_sim_inode *inode)
{
	return (inode->capacity_bytes / WR_SIM_SECTOR_BYTES + 63) / 64;
}

static bool any_dirty(const struct wr_sim_inode *inode)
{
	for (uint64_t i = 0; i < word_count(inode); i++)
		if (inode->dirty[i] != 0)
			return true;
	return false;
}

/*
 * The first run of dirty sectors among `count` of one word: *ret_first (the end of them: there is
 * none), and how many. None of it is dirty any more.
 */
static uint64_t take_run(struct wr_sim_inode *inode, uint64_t sector, uint64_t count,
			 uint64_t *ret_first)
{
	uint64_t *word = &inode->dirty[sector / 64];
	const uint64_t some = UINT64_MAX >> (64 - count) << sector % 64;
	const uint64_t dirty = *word & some;

	*ret_first = sector + count;
	if (dirty == 0)
		return 0;
	const unsigned first = (unsigned)__builtin_ctzll(dirty);
	const uint64_t behind = ~(dirty >> first);
	const unsigned length = behind != 0 ? (unsigned)__builtin_ctzll(behind) : 64;

	*ret_first = sector / 64 * 64 + first;
	*word &= ~(UINT64_MAX >> (64 - length) << first);
	return length;
}

void wr_sim_inode_sync(struct wr_sim_disk *disk, int32_t inode_index, uint64_t length_bytes,
		       uint64_t offset_bytes)
{
	struct wr_sim_inode *inode = &disk->inodes[inode_index];
	const uint64_t end_bytes = wr_min_u64(offset_bytes + length_bytes, inode->bytes);
	const uint64_t end_sector = (end_bytes + WR_SIM_SECTOR_BYTES - 1) / WR_SIM_SECTOR_BYTES;

	if (!inode->is_dirty)
		return;
	for (uint64_t i = offset_bytes / WR_SIM_SECTOR_BYTES; i < end_sector;) {
		const uint64_t count =
			take_run(inode, i, wr_min_u64(end_sector - i, 64 - i % 64), &i);
		copy_range(inode, inode->durable, inode->cache, i * WR_SIM_SECTOR_BYTES,
			   (i + count) * WR_SIM_SECTOR_BYTES);
		i += count;
	}
	inode->durable_bytes = inode->bytes;
	inode->is_dirty = any_dirty(inode);
}

void wr_sim_inode_sync_failed(struct wr_sim_disk *disk, int32_t inode_index)
{
	struct wr_sim_inode *inode = &disk->inodes[inode_index];

	if (!inode->is_dirty)
		return;
	for (uint64_t word = 0; word < word_count(inode); word++) {
		for (uint64_t left = inode->dirty[word]; left != 0; left &= left - 1) {
			const uint64_t sector = word * 64 + (uint64_t)__builtin_ctzll(left);
			if (wr_prng_chance(&disk->prng, ALL_PPM / 2))
				copy_sector(inode->durable, inode->cache, sector);
		}
		inode->dirty[word] = 0;
	}
	inode->differs = true;
	/* The size may or may not have made it. */
	if (wr_prng_chance(&disk->prng, ALL_PPM / 2))
		inode->durable_bytes = inode->bytes;
	inode->is_dirty = inode->durable_bytes != inode->bytes;
}

/* Half of the new content, or nothing that anybody ever wrote. */
static void tear_sector(struct wr_sim_disk *disk, struct wr_sim_inode *inode, uint64_t sector)
{
	disk->lost.torn++;
	uint8_t *to = inode->durable + sector * WR_SIM_SECTOR_BYTES;
	const uint8_t *from = inode->cache + sector * WR_SIM_SECTOR_BYTES;

	if (wr_prng_chance(&disk->prng, ALL_PPM / 2)) {
		wr_prng_fill(&disk->prng, to, WR_SIM_SECTOR_BYTES);
		note_filled(inode, (sector + 1) * WR_SIM_SECTOR_BYTES);
		return;
	}
	memcpy(to, from, wr_prng_below(&disk->prng, WR_SIM_SECTOR_BYTES));
}

/* A size between the one that was synced and the one that was not, in whole sectors. */
static uint64_t draw_size(struct wr_sim_disk *disk, const struct wr_sim_inode *inode)
{
	const uint64_t low = wr_min_u64(inode->durable_bytes, inode->bytes);
	const uint64_t high = wr_max_u64(inode->durable_bytes, inode->bytes);

	switch (low == high ? 0 : wr_prng_below(&disk->prng, 3)) {
	case 0:
		return high;
	case 1:
		return low;
	default:
		return wr_max_u64(low, wr_round_down(wr_prng_between(&disk->prng, low, high),
						     WR_SIM_SECTOR_BYTES));
	}
}

static void settle_inode(struct wr_sim_disk *disk, struct wr_sim_inode *inode, uint32_t keep_ppm)
{
	if ((!inode->is_dirty && !inode->differs) || inode->capacity_bytes == 0)
		return;
	for (uint64_t word = 0; word < word_count(inode); word++) {
		for (uint64_t left = inode->dirty[word]; left != 0; left &= left - 1) {
			const uint64_t sector = word * 64 + (uint64_t)__builtin_ctzll(left);
			if (wr_prng_chance(&disk->prng, keep_ppm))
				copy_sector(inode->durable, inode->cache, sector);
			else if (wr_prng_chance(&disk->prng, disk->plan.torn_ppm))
				tear_sector(disk, inode, sector);
		}
		inode->dirty[word] = 0;
	}
	const uint64_t high = wr_max_u64(inode->durable_bytes, inode->bytes);
	const uint64_t wanted = inode->bytes;
	inode->bytes = draw_size(disk, inode);
	disk->lost.sizes += inode->bytes != wanted;
	inode->durable_bytes = inode->bytes;
	const uint64_t end =
		wr_min_u64(wr_round_up(high, WR_SIM_SECTOR_BYTES), inode->capacity_bytes);
	memset(inode->durable + inode->bytes, 0, end - inode->bytes);
	copy_range(inode, inode->cache, inode->durable, 0, end);
	inode->is_dirty = false;
	inode->differs = false;
}

static void rot(struct wr_sim_disk *disk)
{
	if (disk->entry_count == 0 || !wr_fault_take(&disk->plan, &disk->prng, WR_FAULT_ROT))
		return;
	const struct wr_sim_entry *entry =
		&disk->entries[wr_prng_below(&disk->prng, disk->entry_count)];
	if (entry->now == WR_SIM_NONE || disk->inodes[entry->now].bytes == 0)
		return;
	const uint64_t bit = wr_prng_below(&disk->prng, disk->inodes[entry->now].bytes * 8);
	(void)wr_sim_disk_corrupt(disk, entry->name, bit / 8, (unsigned)(bit % 8));
}

void wr_sim_disk_power_cut(struct wr_sim_disk *disk)
{
	uint32_t keep_ppm = disk->plan.keep_ppm;

	/* First what is in flight: it may reach the medium, too. */
	while (disk->attached != NULL) {
		struct wr_sim_attached *attached = disk->attached;
		disk->attached = attached->next;
		attached->power_cut(attached);
	}
	if (keep_ppm == WR_CHANCE_DRAWN) {
		/* Whole batches survive or go only if the sectors agree now and then. */
		switch (wr_prng_below(&disk->prng, 4)) {
		case 0:
			keep_ppm = 0;
			break;
		case 1:
			keep_ppm = ALL_PPM;
			break;
		default:
			keep_ppm = (uint32_t)wr_prng_below(&disk->prng, ALL_PPM);
			break;
		}
	}
	for (uint32_t i = 0; i < disk->inode_count; i++)
		if (disk->inodes[i].used)
			settle_inode(disk, &disk->inodes[i], keep_ppm);
	for (uint32_t i = 0; i < disk->entry_count; i++) {
		struct wr_sim_entry *entry = &disk->entries[i];
		if (entry->now != entry->durable && wr_prng_chance(&disk->prng, ALL_PPM / 2))
			entry->durable = entry->now;
		disk->lost.names += entry->now != entry->durable;
		entry->now = entry->durable;
	}
	for (uint32_t i = 0; i < disk->inode_count; i++)
		disk->inodes[i].handle_count = 0;
	disk->lock_owner = NULL;
	disk->trip_at = 0;
	disk->frozen_until_ns = 0;
	disk->power_cut_count++;
	wr_sim_disk_collect(disk);
	rot(disk);
	wr_sim_disk_trace(disk, disk->power_cut_count, keep_ppm);
}
