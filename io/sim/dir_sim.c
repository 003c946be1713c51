/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated medium's directory, its life, and the doors by which tests reach into it. See
 * disk_sim.h.
 *
 * Entries stand in the order in which they were made, which draws go by, and are found by a table
 * of their names: most simulated journals have tens of files, some have thousands. A free inode and
 * what is to go are found by walking. The memory of a file is kept when it goes, for the next one.
 */
#include "io/sim/disk_sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/hash_murmur2.h"

/* Whose memory a medium keeps that begins anew; that of a large journal is given back. */
#define FILES_KEPT 1024u

/* --- names ------------------------------------------------------------------------------------ */

/* Where a name stands in the table, or would. There is always a free place. */
static uint32_t *place_of(const struct wr_sim_disk *disk, const char *name)
{
	for (uint32_t hash = wr_hash_murmur2(name, strlen(name));; hash++) {
		uint32_t *place = &disk->names[hash & disk->name_mask];
		if (*place == 0 || strcmp(disk->entries[*place - 1].name, name) == 0)
			return place;
	}
}

/* After entries went, or others stand there. */
static void index_names(struct wr_sim_disk *disk)
{
	if (disk->names == NULL)
		return;
	memset(disk->names, 0, (disk->name_mask + 1ull) * sizeof *disk->names);
	for (uint32_t i = 0; i < disk->entry_count; i++)
		*place_of(disk, disk->entries[i].name) = i + 1;
}

static void free_inode(struct wr_sim_inode *inode)
{
	free(inode->cache);
	free(inode->durable);
	free(inode->dirty);
	*inode = (struct wr_sim_inode){.cache = NULL};
}

void wr_sim_disk_reset(struct wr_sim_disk *disk, uint64_t seed, const struct wr_fault_plan *plan)
{
	*disk = (struct wr_sim_disk){
		.inodes = disk->inodes,
		.inode_capacity = disk->inode_capacity,
		.entries = disk->entries,
		.entry_capacity = disk->entry_capacity,
		.names = disk->names,
		.name_mask = disk->name_mask,
		.earlier = {.bytes = disk->earlier.bytes,
			    .capacity_bytes = disk->earlier.capacity_bytes},
	};
	for (uint32_t i = FILES_KEPT; i < disk->inode_capacity; i++)
		free_inode(&disk->inodes[i]);
	index_names(disk);
	wr_prng_init(&disk->prng, seed);
	if (plan != NULL)
		disk->plan = *plan;
	else
		wr_fault_plan_init(&disk->plan);
	wr_clock_sim_init(&disk->own_clock);
	disk->clock = &disk->own_clock;
}

struct wr_sim_disk *wr_sim_disk_create(uint64_t seed, const struct wr_fault_plan *plan)
{
	struct wr_sim_disk *disk = calloc(1, sizeof *disk);

	if (disk != NULL)
		wr_sim_disk_reset(disk, seed, plan);
	return disk;
}

void wr_sim_disk_destroy(struct wr_sim_disk *disk)
{
	if (disk == NULL)
		return;
	for (uint32_t i = 0; i < disk->inode_capacity; i++)
		free_inode(&disk->inodes[i]);
	free(disk->inodes);
	free(disk->entries);
	free(disk->names);
	free(disk->earlier.bytes);
	free(disk);
}

/* Room for so many entries, and for twice as many names: 0 or -ENOMEM. */
static int reserve_entries(struct wr_sim_disk *disk, uint32_t capacity)
{
	if (capacity <= disk->entry_capacity)
		return 0;
	struct wr_sim_entry *entries = realloc(disk->entries, capacity * sizeof *entries);
	if (entries == NULL)
		return -ENOMEM;
	disk->entries = entries;
	const uint32_t count = (uint32_t)wr_power_of_two_above(2ull * capacity);
	uint32_t *names = realloc(disk->names, count * sizeof *names);
	if (names == NULL)
		return -ENOMEM;
	disk->names = names;
	disk->name_mask = count - 1;
	disk->entry_capacity = capacity;
	index_names(disk);
	return 0;
}

static struct wr_sim_entry *entry_of(const struct wr_sim_disk *disk, const char *name)
{
	uint32_t number = disk->entry_count > 0 ? *place_of(disk, name) : 0;

	return number != 0 ? &disk->entries[number - 1] : NULL;
}

int32_t wr_sim_disk_find(const struct wr_sim_disk *disk, const char *name)
{
	const struct wr_sim_entry *entry = entry_of(disk, name);
	return entry != NULL ? entry->now : WR_SIM_NONE;
}

/* Empties the file behind an inode and keeps its memory: what lies beyond its end is zero. */
static void clear_inode(struct wr_sim_inode *inode)
{
	if (inode->capacity_bytes > 0) {
		const uint64_t end_bytes = wr_min_u64(
			wr_max_u64(inode->bytes, inode->durable_bytes), inode->filled_bytes);
		memset(inode->cache, 0, end_bytes);
		memset(inode->durable, 0, end_bytes);
		memset(inode->dirty, 0,
		       (inode->capacity_bytes / WR_SIM_SECTOR_BYTES + 63) / 64 *
			       sizeof *inode->dirty);
	}
	inode->bytes = 0;
	inode->durable_bytes = 0;
	inode->filled_bytes = 0;
	inode->handle_count = 0;
	inode->is_dirty = false;
	inode->differs = false;
}

/* Room for so many: 0 or -ENOMEM. */
static int reserve_inodes(struct wr_sim_disk *disk, uint32_t count)
{
	if (count <= disk->inode_capacity)
		return 0;
	const uint32_t capacity = (uint32_t)wr_max_u64(count, 2ull * disk->inode_capacity);
	struct wr_sim_inode *inodes = realloc(disk->inodes, capacity * sizeof *inodes);
	if (inodes == NULL)
		return -ENOMEM;
	memset(inodes + disk->inode_capacity, 0,
	       (capacity - disk->inode_capacity) * sizeof *inodes);
	disk->inodes = inodes;
	disk->inode_capacity = capacity;
	return 0;
}

static int32_t take_inode(struct wr_sim_disk *disk)
{
	for (uint32_t i = 0; i < disk->inode_count; i++) {
		if (disk->inodes[i].used)
			continue;
		clear_inode(&disk->inodes[i]);
		disk->inodes[i].used = true;
		return (int32_t)i;
	}
	if (reserve_inodes(disk, disk->inode_count + 1) < 0)
		return -ENOMEM;
	const int32_t inode = (int32_t)disk->inode_count++;
	clear_inode(&disk->inodes[inode]);
	disk->inodes[inode].used = true;
	return inode;
}

static struct wr_sim_entry *take_entry(struct wr_sim_disk *disk, const char *name)
{
	struct wr_sim_entry *entry = entry_of(disk, name);

	if (entry != NULL)
		return entry;
	if (disk->entry_count == disk->entry_capacity &&
	    reserve_entries(disk, disk->entry_capacity == 0 ? 8 : disk->entry_capacity * 2) < 0)
		return NULL;
	entry = &disk->entries[disk->entry_count++];
	memset(entry, 0, sizeof *entry);
	memcpy(entry->name, name, strnlen(name, WR_STORAGE_NAME_MAX));
	entry->now = WR_SIM_NONE;
	entry->durable = WR_SIM_NONE;
	*place_of(disk, entry->name) = disk->entry_count;
	return entry;
}

int32_t wr_sim_disk_make(struct wr_sim_disk *disk, const char *name)
{
	struct wr_sim_entry *entry = take_entry(disk, name);

	if (entry == NULL)
		return -ENOMEM;
	const int32_t inode = take_inode(disk);
	if (inode >= 0)
		entry->now = inode;
	return inode;
}

int wr_sim_disk_unlink(struct wr_sim_disk *disk, const char *name)
{
	struct wr_sim_entry *entry = entry_of(disk, name);

	if (entry == NULL || entry->now == WR_SIM_NONE)
		return -ENOENT;
	entry->now = WR_SIM_NONE;
	wr_sim_disk_collect(disk);
	return 0;
}

void wr_sim_disk_unlink_inode(struct wr_sim_disk *disk, int32_t inode)
{
	for (uint32_t i = 0; i < disk->entry_count; i++)
		if (disk->entries[i].now == inode)
			disk->entries[i].now = WR_SIM_NONE;
	wr_sim_disk_collect(disk);
}

void wr_sim_disk_sync_dir(struct wr_sim_disk *disk)
{
	for (uint32_t i = 0; i < disk->entry_count; i++)
		disk->entries[i].durable = disk->entries[i].now;
	wr_sim_disk_collect(disk);
}

uint64_t wr_sim_disk_used_bytes(const struct wr_sim_disk *disk)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < disk->inode_count; i++)
		if (disk->inodes[i].used)
			used += disk->inodes[i].bytes;
	return used;
}

void wr_sim_disk_collect(struct wr_sim_disk *disk)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < disk->inode_count; i++)
		disk->inodes[i].reached = false;
	for (uint32_t i = 0; i < disk->entry_count; i++) {
		const struct wr_sim_entry entry = disk->entries[i];
		if (entry.now == WR_SIM_NONE && entry.durable == WR_SIM_NONE)
			continue;
		if (entry.now != WR_SIM_NONE)
			disk->inodes[entry.now].reached = true;
		if (entry.durable != WR_SIM_NONE)
			disk->inodes[entry.durable].reached = true;
		disk->entries[kept++] = entry;
	}
	if (kept < disk->entry_count) {
		disk->entry_count = kept;
		index_names(disk);
	}
	disk->loose_count = 0;
	for (uint32_t i = 0; i < disk->inode_count; i++) {
		struct wr_sim_inode *inode = &disk->inodes[i];
		const bool is_loose = inode->used && !inode->reached && inode->handle_count > 0;
		disk->loose_count += is_loose;
		inode->used = inode->used && (inode->reached || is_loose);
	}
}

void wr_sim_disk_handle_closed(struct wr_sim_disk *disk, int32_t inode)
{
	if (--disk->inodes[inode].handle_count == 0 && disk->loose_count > 0)
		wr_sim_disk_collect(disk);
}

void wr_sim_disk_trip_at(struct wr_sim_disk *disk, uint64_t n, int code)
{
	disk->trip_at = n > 0 ? disk->op_count + n : 0;
	disk->trip_code = code;
	disk->trip_on = false;
}

void wr_sim_disk_trip_from(struct wr_sim_disk *disk, uint64_t n, int code)
{
	wr_sim_disk_trip_at(disk, n, code);
	disk->trip_on = true;
}

void wr_sim_disk_freeze(struct wr_sim_disk *disk, uint64_t ns)
{
	disk->frozen_until_ns = disk->clock->mono_ns + ns;
	wr_sim_disk_trace(disk, ns, disk->clock->mono_ns);
}

void wr_sim_disk_thaw(struct wr_sim_disk *disk)
{
	if (disk->frozen_until_ns > disk->clock->mono_ns) {
		const uint64_t ns = disk->frozen_until_ns - disk->clock->mono_ns;
		wr_clock_sim_advance(disk->clock, ns);
		disk->blocked_ns += ns;
	}
	disk->frozen_until_ns = 0;
}

int wr_sim_disk_corrupt(struct wr_sim_disk *disk, const char *name, uint64_t offset_bytes,
			unsigned bit)
{
	const int32_t inode = wr_sim_disk_find(disk, name);

	if (inode < 0)
		return -ENOENT;
	if (offset_bytes >= disk->inodes[inode].bytes || bit > 7)
		return -EINVAL;
	disk->inodes[inode].cache[offset_bytes] ^= (uint8_t)(1u << bit);
	disk->inodes[inode].durable[offset_bytes] ^= (uint8_t)(1u << bit);
	disk->inodes[inode].filled_bytes =
		wr_max_u64(disk->inodes[inode].filled_bytes, offset_bytes + 1);
	return 0;
}

int wr_sim_disk_truncate(struct wr_sim_disk *disk, const char *name, uint64_t bytes)
{
	const int32_t index = wr_sim_disk_find(disk, name);

	if (index < 0)
		return -ENOENT;
	int code = wr_sim_inode_reserve(disk, index, bytes);
	if (code < 0)
		return code;
	struct wr_sim_inode *inode = &disk->inodes[index];
	if (bytes < inode->bytes) {
		const uint64_t gone = wr_max_u64(inode->bytes, inode->durable_bytes) - bytes;
		memset(inode->cache + bytes, 0, gone);
		memset(inode->durable + bytes, 0, gone);
	}
	inode->bytes = bytes;
	inode->durable_bytes = bytes;
	return 0;
}

int wr_sim_disk_put(struct wr_sim_disk *disk, const char *name, const void *content, uint64_t bytes)
{
	(void)wr_sim_disk_unlink(disk, name);
	const int32_t inode = wr_sim_disk_make(disk, name);
	if (inode < 0)
		return inode;
	int code = wr_sim_inode_reserve(disk, inode, bytes);
	if (code < 0)
		return code;
	wr_sim_inode_write(disk, inode, content, bytes, 0);
	wr_sim_inode_sync(disk, inode, bytes, 0);
	entry_of(disk, name)->durable = inode;
	wr_sim_disk_collect(disk);
	return 0;
}

int wr_sim_disk_remove(struct wr_sim_disk *disk, const char *name)
{
	int code = wr_sim_disk_unlink(disk, name);

	if (code == 0)
		wr_sim_disk_sync_dir(disk);
	return code;
}

const uint8_t *wr_sim_disk_peek(const struct wr_sim_disk *disk, const char *name,
				uint64_t *ret_bytes)
{
	static const uint8_t empty[1];
	const int32_t inode = wr_sim_disk_find(disk, name);

	if (inode < 0)
		return NULL;
	*ret_bytes = disk->inodes[inode].bytes;
	return disk->inodes[inode].cache != NULL ? disk->inodes[inode].cache : empty;
}

static int copy_inode(struct wr_sim_disk *to_disk, int32_t index, const struct wr_sim_inode *from)
{
	struct wr_sim_inode *to = &to_disk->inodes[index];

	to->used = from->used;
	if (!from->used)
		return 0;
	/* By capacity: two equal media then have equal tables and behave alike. */
	if (to->capacity_bytes < from->capacity_bytes) {
		to->bytes = 0;
		int code = wr_sim_inode_reserve(to_disk, index, from->capacity_bytes);
		if (code < 0)
			return code;
	}
	const uint64_t words = (from->capacity_bytes / WR_SIM_SECTOR_BYTES + 63) / 64;
	const uint64_t all_words = (to->capacity_bytes / WR_SIM_SECTOR_BYTES + 63) / 64;
	if (from->capacity_bytes > 0) {
		memcpy(to->cache, from->cache, from->capacity_bytes);
		memcpy(to->durable, from->durable, from->capacity_bytes);
		memcpy(to->dirty, from->dirty, words * sizeof *to->dirty);
	}
	if (to->capacity_bytes > from->capacity_bytes) {
		const uint64_t more = to->capacity_bytes - from->capacity_bytes;
		memset(to->cache + from->capacity_bytes, 0, more);
		memset(to->durable + from->capacity_bytes, 0, more);
		memset(to->dirty + words, 0, (all_words - words) * sizeof *to->dirty);
	}
	to->bytes = from->bytes;
	to->durable_bytes = from->durable_bytes;
	to->filled_bytes = from->filled_bytes;
	to->handle_count = 0;
	to->is_dirty = from->is_dirty;
	to->differs = from->differs;
	return 0;
}

static int copy_tables(const struct wr_sim_disk *from, struct wr_sim_disk *to)
{
	if (reserve_inodes(to, from->inode_count) < 0)
		return -ENOMEM;
	if (to->inode_count < from->inode_count)
		to->inode_count = from->inode_count;
	if (reserve_entries(to, from->entry_count) < 0)
		return -ENOMEM;
	if (from->entry_count > 0)
		memcpy(to->entries, from->entries, from->entry_count * sizeof *to->entries);
	to->entry_count = from->entry_count;
	index_names(to);
	return 0;
}

int wr_sim_disk_copy_to(const struct wr_sim_disk *from, struct wr_sim_disk *to)
{
	int code = copy_tables(from, to);

	if (code < 0)
		return code;
	/* No limit while copying: the original obeyed it. */
	to->plan.capacity_bytes = 0;
	for (uint32_t i = 0; i < to->inode_count; i++)
		to->inodes[i].used = false;
	for (uint32_t i = 0; i < from->inode_count; i++) {
		code = copy_inode(to, (int32_t)i, &from->inodes[i]);
		if (code < 0)
			return code;
	}
	to->prng = from->prng;
	to->plan = from->plan;
	*to->clock = *from->clock;
	to->lock_owner = NULL;
	to->op_count = from->op_count;
	to->trip_at = 0;
	to->loose_count = from->loose_count;
	to->frozen_until_ns = 0;
	to->earlier.length_bytes = 0;
	to->power_cut_count = from->power_cut_count;
	to->trace = from->trace;
	return 0;
}

struct wr_sim_disk *wr_sim_disk_clone(const struct wr_sim_disk *disk)
{
	struct wr_sim_disk *copy = wr_sim_disk_create(0, &disk->plan);

	if (copy != NULL && wr_sim_disk_copy_to(disk, copy) < 0) {
		wr_sim_disk_destroy(copy);
		copy = NULL;
	}
	return copy;
}
