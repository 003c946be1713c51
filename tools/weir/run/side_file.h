/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far an output file is: the file beside it, "out.jsonl.weir". It makes output and progress one
 * thing: a commit makes the output durable first, then writes here how long it is and which events
 * are in it, and only then are they acknowledged in the log. After a crash the output is cut to the
 * length that stands here, and events that are in it are passed over when they come again.
 *
 * Progress is a sequence for each partition: a member gets its partitions one after another, so
 * events of all of them are not in one order.
 *
 *   0       header, one block of 4096:
 *             0  "weir-out"            8  u32 format, 1      12  u32 entries
 *            16  uuid of the journal  32  u32 subscription   36  u32 CRC32C of bytes 0 .. 36
 *   4096    slot 0, then slot 1, each in whole blocks:
 *             0  u64 generation        8  u64 bytes of output
 *            16  u32 entries          20  u32 CRC32C of the slot with this field 0
 *            24  entries of 16: u32 topic, u32 partition, u64 next sequence
 *
 * Little endian. A commit writes the slot that the last one did not write, so one of them is good
 * whenever the other is torn; the higher generation counts. The file has its full size from the
 * start: a commit needs no room on the disk.
 *
 * Thread: one at a time.
 */
#ifndef WEIR_TOOLS_RUN_SIDE_FILE_H
#define WEIR_TOOLS_RUN_SIDE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/weir/run/life.h"

struct run_side_entry {
	uint32_t topic;
	uint32_t partition;
	uint64_t next_sequence; /* events below are in the output */
};

struct run_side {
	int file;
	uint8_t uuid[16];
	uint32_t subscription;
	struct run_side_entry *entries; /* sorted by topic and partition */
	uint32_t entry_count;
	uint64_t generation;
	uint64_t output_bytes;
	uint8_t *slot; /* room for one */
	size_t slot_bytes;
};

/*
 * Opens the side file that is there.
 *
 * @param side  uuid, subscription, entries and entry_count are set: what it has to be of; entries
 *              with next_sequence 0
 * @return 1: it was there, and entries and output_bytes are what it says; 0: there is none; -code
 *         with the fault: of another journal or subscription, damaged, or not to be read
 */
int run_side_open(struct run_side *side, const char *path, struct run_fault *fault);

/* Makes one, durable, for an output of side->output_bytes. 0, or -code with the fault. */
int run_side_create(struct run_side *side, const char *path, struct run_fault *fault);

/* Entries and output_bytes, durable. 0, or -errno. */
int run_side_commit(struct run_side *side);

/* The entry of a partition, or NULL. */
struct run_side_entry *run_side_find(struct run_side *side, uint32_t topic, uint32_t partition);

/* Gives file and slot back; the entries are the caller's. */
void run_side_close(struct run_side *side);

/* Makes the entry of `path` in its folder durable. 0 or -errno. */
int run_sync_folder_of(const char *path);

#endif
