/* SPDX-License-Identifier: Apache-2.0 */
/* See side_file.h. */
#include "tools/weir/run/side_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/error.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"

#define BLOCK_BYTES 4096u
#define MAGIC "weir-out"
#define FORMAT 1u
#define HEADER_CRC_AT 36u
#define SLOT_CRC_AT 20u
#define SLOT_HEAD_BYTES 24u
#define ENTRY_BYTES 16u
#define PATH_BYTES 4096

static int fail(struct run_fault *fault, int code, const char *path)
{
	run_fault_set(fault, code, "%s: %s", path, weir_strerror(code));
	return code;
}

/* All of it, or -errno. */
static int write_at(int file, const void *bytes, size_t length_bytes, uint64_t offset)
{
	const uint8_t *from = bytes;
	while (length_bytes > 0) {
		ssize_t n = pwrite(file, from, length_bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		offset += (uint64_t)n;
		length_bytes -= (size_t)n;
	}
	return 0;
}

/* What is there, up to length_bytes; the rest is 0. 0 or -errno. */
static int read_at(int file, void *bytes, size_t length_bytes, uint64_t offset)
{
	uint8_t *to = bytes;
	memset(bytes, 0, length_bytes);
	while (length_bytes > 0) {
		ssize_t n = pread(file, to, length_bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		to += n;
		offset += (uint64_t)n;
		length_bytes -= (size_t)n;
	}
	return 0;
}

int run_sync_folder_of(const char *path)
{
	char room[PATH_BYTES];
	(void)snprintf(room, sizeof room, "%s", path);
	int folder = open(dirname(room), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	int code = fsync(folder) < 0 ? -errno : 0;
	close(folder);
	return code;
}

/* ---- the two parts --------------------------------------------------------------------------- */

static void encode_header(const struct run_side *side, uint8_t block[BLOCK_BYTES])
{
	memset(block, 0, BLOCK_BYTES);
	memcpy(block, MAGIC, 8);
	wr_put_u32(block + 8, FORMAT);
	wr_put_u32(block + 12, side->entry_count);
	memcpy(block + 16, side->uuid, sizeof side->uuid);
	wr_put_u32(block + 32, side->subscription);
	wr_put_u32(block + HEADER_CRC_AT, wr_crc32c(0, block, HEADER_CRC_AT));
}

static void encode_slot(struct run_side *side)
{
	uint8_t *slot = side->slot;
	memset(slot, 0, side->slot_bytes);
	wr_put_u64(slot, side->generation);
	wr_put_u64(slot + 8, side->output_bytes);
	wr_put_u32(slot + 16, side->entry_count);
	for (uint32_t i = 0; i < side->entry_count; i++) {
		uint8_t *at = slot + SLOT_HEAD_BYTES + (size_t)i * ENTRY_BYTES;
		wr_put_u32(at, side->entries[i].topic);
		wr_put_u32(at + 4, side->entries[i].partition);
		wr_put_u64(at + 8, side->entries[i].next_sequence);
	}
	wr_put_u32(slot + SLOT_CRC_AT, wr_crc32c(0, slot, side->slot_bytes));
}

/* Is what lies in side->slot a good slot of these entries? */
static bool is_good_slot(const struct run_side *side)
{
	uint8_t *slot = side->slot;
	uint32_t crc = wr_get_u32(slot + SLOT_CRC_AT);
	wr_put_u32(slot + SLOT_CRC_AT, 0);
	if (wr_get_u64(slot) == 0 || wr_get_u32(slot + 16) != side->entry_count ||
	    wr_crc32c(0, slot, side->slot_bytes) != crc)
		return false;
	for (uint32_t i = 0; i < side->entry_count; i++) {
		const uint8_t *at = slot + SLOT_HEAD_BYTES + (size_t)i * ENTRY_BYTES;
		if (wr_get_u32(at) != side->entries[i].topic ||
		    wr_get_u32(at + 4) != side->entries[i].partition)
			return false;
	}
	return true;
}

static void take_slot(struct run_side *side)
{
	side->generation = wr_get_u64(side->slot);
	side->output_bytes = wr_get_u64(side->slot + 8);
	for (uint32_t i = 0; i < side->entry_count; i++)
		side->entries[i].next_sequence =
			wr_get_u64(side->slot + SLOT_HEAD_BYTES + (size_t)i * ENTRY_BYTES + 8);
}

static bool reserve(struct run_side *side)
{
	size_t bytes = SLOT_HEAD_BYTES + (size_t)side->entry_count * ENTRY_BYTES;
	side->slot_bytes = (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
	side->slot = malloc(side->slot_bytes);
	return side->slot != NULL;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int check_header(const struct run_side *side, const char *path, const uint8_t *block,
			struct run_fault *fault)
{
	if (memcmp(block, MAGIC, 8) != 0 ||
	    wr_get_u32(block + HEADER_CRC_AT) != wr_crc32c(0, block, HEADER_CRC_AT)) {
		run_fault_set(fault, WEIR_E_CORRUPT,
			      "%s is damaged, or not weir's: how far the output is cannot be known",
			      path);
		return WEIR_E_CORRUPT;
	}
	if (wr_get_u32(block + 8) != FORMAT) {
		run_fault_set(fault, WEIR_E_FORMAT, "%s was written by a newer weir", path);
		return WEIR_E_FORMAT;
	}
	if (memcmp(block + 16, side->uuid, sizeof side->uuid) != 0 ||
	    wr_get_u32(block + 32) != side->subscription ||
	    wr_get_u32(block + 12) != side->entry_count) {
		run_fault_set(fault, WEIR_E_EXISTS,
			      "%s belongs to another %s: take another file, or move this one and "
			      "its output away",
			      path,
			      memcmp(block + 16, side->uuid, sizeof side->uuid) != 0
				      ? "journal"
				      : "subscription");
		return WEIR_E_EXISTS;
	}
	return 0;
}

static int read_slots(struct run_side *side, const char *path, struct run_fault *fault)
{
	bool found = false;
	for (uint32_t i = 0; i < 2; i++) {
		int rc = read_at(side->file, side->slot, side->slot_bytes,
				 BLOCK_BYTES + i * side->slot_bytes);
		if (rc < 0)
			return fail(fault, rc, path);
		if (!is_good_slot(side) || (found && wr_get_u64(side->slot) < side->generation))
			continue;
		take_slot(side);
		found = true;
	}
	if (found)
		return 0;
	run_fault_set(fault, WEIR_E_CORRUPT,
		      "%s is damaged in both places: how far the output is cannot be known", path);
	return WEIR_E_CORRUPT;
}

int run_side_open(struct run_side *side, const char *path, struct run_fault *fault)
{
	uint8_t block[BLOCK_BYTES];
	side->slot = NULL;
	side->file = open(path, O_RDWR | O_CLOEXEC);
	if (side->file < 0)
		return errno == ENOENT ? 0 : fail(fault, -errno, path);
	int rc = reserve(side) ? read_at(side->file, block, sizeof block, 0) : -ENOMEM;
	if (rc < 0)
		rc = fail(fault, rc, path);
	else
		rc = check_header(side, path, block, fault);
	if (rc == 0)
		rc = read_slots(side, path, fault);
	if (rc < 0)
		run_side_close(side);
	return rc < 0 ? rc : 1;
}

int run_side_create(struct run_side *side, const char *path, struct run_fault *fault)
{
	uint8_t block[BLOCK_BYTES];
	char fresh[PATH_BYTES];
	(void)snprintf(fresh, sizeof fresh, "%.4000s.new", path);
	side->slot = NULL;
	side->generation = 1;
	side->file = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (side->file < 0)
		return fail(fault, -errno, fresh);
	int rc = reserve(side) ? 0 : -ENOMEM;
	if (rc == 0) {
		encode_header(side, block);
		rc = write_at(side->file, block, sizeof block, 0);
	}
	/* Both slots: the room of the second is there before it is needed. */
	for (uint32_t i = 0; i < 2 && rc == 0; i++) {
		encode_slot(side);
		rc = write_at(side->file, side->slot, side->slot_bytes,
			      BLOCK_BYTES + i * side->slot_bytes);
	}
	if (rc == 0 && fsync(side->file) < 0)
		rc = -errno;
	if (rc == 0 && rename(fresh, path) < 0)
		rc = -errno;
	if (rc == 0)
		rc = run_sync_folder_of(path);
	if (rc == 0)
		return 0;
	(void)unlink(fresh);
	run_side_close(side);
	return fail(fault, rc, path);
}

int run_side_commit(struct run_side *side)
{
	side->generation++;
	encode_slot(side);
	int rc = write_at(side->file, side->slot, side->slot_bytes,
			  BLOCK_BYTES + (side->generation & 1) * side->slot_bytes);
	if (rc == 0 && fdatasync(side->file) < 0)
		rc = -errno;
	return rc;
}

struct run_side_entry *run_side_find(struct run_side *side, uint32_t topic, uint32_t partition)
{
	uint32_t low = 0;
	uint32_t high = side->entry_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct run_side_entry *entry = &side->entries[middle];
		if (entry->topic == topic && entry->partition == partition)
			return entry;
		if (entry->topic < topic || (entry->topic == topic && entry->partition < partition))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void run_side_close(struct run_side *side)
{
	if (side->file >= 0)
		close(side->file);
	free(side->slot);
	side->file = -1;
	side->slot = NULL;
}
