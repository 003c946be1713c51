/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a snapshot: one block of header, then key and state, up to the next whole block. The
 * body is durable before the header is written, so a file whose header is good was whole once; what
 * became of it since is for the body's checksum to say.
 *
 *   header    0  magic "WEIRSNAP"       8  u16 format, 1      10  u16 zero
 *            12  u32 features_must     16  uuid of the journal
 *            32  u32 log id            36  u32 epoch          40  u64 sequence
 *            48  u64 append time µs    56  u64 event time µs  64  u64 taken, µs since 1970
 *            72  u64 state bytes       80  u32 body crc       84  u32 record crc
 *            88  u32 schema version    92  u32 flags          96  u32 key bytes
 *           100  u32 name bytes       104  name, 200 bytes    zeros
 *          4092  u32 crc of all before
 *   body   4096  key, state
 *
 * Checksums are CRC32C, seed 1, so that zeros are no header. The record crc is of the record at
 * `sequence`, as the log has it: what tells this life of the log from another one.
 *
 *   name   snap-NAME-KEY-SEQUENCE.wsn, each 16 hexadecimal digits: a hash of name and schema
 *          version, a hash of the key. They only find the file; the header says whose it is.
 *
 * Pure: no I/O in here. Bytes that no writer wrote are told, and never trusted.
 */
#ifndef WR_PIPELINE_SNAPSHOT_FILE_H
#define WR_PIPELINE_SNAPSHOT_FILE_H

#include <weir/snapshot.h>

#include "core/port/storage.h"
#include "core/record/batch.h"

#define WR_SNAPSHOT_FORMAT 1u
#define WR_SNAPSHOT_HEADER_BYTES WR_STORAGE_BLOCK_BYTES
#define WR_SNAPSHOT_NAME_BYTES_MAX 200u
#define WR_SNAPSHOT_COMPLETE 1u /* of flags */
#define WR_SNAPSHOT_CRC_SEED 1u

/* Whose it is. */
struct wr_snapshot_id {
	const char *name;
	uint32_t name_bytes;
	uint32_t schema_version;
	const void *key; /* NULL: of all keys */
	uint32_t key_bytes;
};

struct wr_snapshot_header {
	uint8_t uuid[WR_UUID_BYTES];
	uint32_t log_id;
	uint32_t epoch;
	uint64_t sequence;
	uint64_t append_time_us;
	uint64_t event_time_us;
	uint64_t taken_us;
	uint64_t state_bytes;
	uint32_t body_crc;
	uint32_t record_crc;
	uint32_t schema_version;
	uint32_t flags;
	uint32_t key_bytes;
	uint32_t name_bytes;
	const char *name; /* into the block that was read */
};

enum wr_snapshot_verdict {
	WR_SNAPSHOT_GOOD = 0,
	WR_SNAPSHOT_CUT_SHORT, /* no header: the file was never finished */
	WR_SNAPSHOT_DAMAGED,
	WR_SNAPSHOT_NEWER, /* of a newer weir */
};

void wr_snapshot_encode(const struct wr_snapshot_header *h, const struct wr_snapshot_id *id,
			uint8_t block[WR_SNAPSHOT_HEADER_BYTES]);
enum wr_snapshot_verdict wr_snapshot_decode(const uint8_t block[WR_SNAPSHOT_HEADER_BYTES],
					    struct wr_snapshot_header *ret_header);
/* Key and state of a snapshot, in whole blocks. */
static inline uint64_t wr_snapshot_body_bytes(uint64_t key_bytes, uint64_t state_bytes)
{
	uint64_t block = WR_STORAGE_BLOCK_BYTES;
	return (key_bytes + state_bytes + block - 1) / block * block;
}

void wr_snapshot_file_name(char to[WR_STORAGE_NAME_MAX + 1], const struct wr_snapshot_id *id,
			   uint64_t sequence);
/* Whether a file is, by its name, a snapshot. */
bool wr_snapshot_file_is_one(const char *name);
/* Whether a file is, by its name, a snapshot of this id; with any_key of any key of its name. */
bool wr_snapshot_file_is_of(const char *name, const struct wr_snapshot_id *id, bool any_key,
			    uint64_t *ret_sequence);

#endif
