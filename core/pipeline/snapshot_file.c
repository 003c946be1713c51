/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/snapshot_file.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/siphash.h"

static const char magic[8] = {'W', 'E', 'I', 'R', 'S', 'N', 'A', 'P'};

enum {
	AT_FORMAT = 8,
	AT_FEATURES = 12,
	AT_UUID = 16,
	AT_LOG = 32,
	AT_EPOCH = 36,
	AT_SEQUENCE = 40,
	AT_APPEND_TIME = 48,
	AT_EVENT_TIME = 56,
	AT_TAKEN = 64,
	AT_STATE_BYTES = 72,
	AT_BODY_CRC = 80,
	AT_RECORD_CRC = 84,
	AT_SCHEMA_VERSION = 88,
	AT_FLAGS = 92,
	AT_KEY_BYTES = 96,
	AT_NAME_BYTES = 100,
	AT_NAME = 104,
	AT_CRC = WR_SNAPSHOT_HEADER_BYTES - 4,
};

void wr_snapshot_encode(const struct wr_snapshot_header *h, const struct wr_snapshot_id *id,
			uint8_t block[WR_SNAPSHOT_HEADER_BYTES])
{
	memset(block, 0, WR_SNAPSHOT_HEADER_BYTES);
	memcpy(block, magic, sizeof magic);
	wr_put_u16(block + AT_FORMAT, WR_SNAPSHOT_FORMAT);
	memcpy(block + AT_UUID, h->uuid, WR_UUID_BYTES);
	wr_put_u32(block + AT_LOG, h->log_id);
	wr_put_u32(block + AT_EPOCH, h->epoch);
	wr_put_u64(block + AT_SEQUENCE, h->sequence);
	wr_put_u64(block + AT_APPEND_TIME, h->append_time_us);
	wr_put_u64(block + AT_EVENT_TIME, h->event_time_us);
	wr_put_u64(block + AT_TAKEN, h->taken_us);
	wr_put_u64(block + AT_STATE_BYTES, h->state_bytes);
	wr_put_u32(block + AT_BODY_CRC, h->body_crc);
	wr_put_u32(block + AT_RECORD_CRC, h->record_crc);
	wr_put_u32(block + AT_SCHEMA_VERSION, id->schema_version);
	wr_put_u32(block + AT_FLAGS, h->flags);
	wr_put_u32(block + AT_KEY_BYTES, id->key_bytes);
	wr_put_u32(block + AT_NAME_BYTES, id->name_bytes);
	memcpy(block + AT_NAME, id->name, id->name_bytes);
	wr_put_u32(block + AT_CRC, wr_crc32c(WR_SNAPSHOT_CRC_SEED, block, AT_CRC));
}

static bool is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, WR_SNAPSHOT_HEADER_BYTES - 1) == 0;
}

enum wr_snapshot_verdict wr_snapshot_decode(const uint8_t block[WR_SNAPSHOT_HEADER_BYTES],
					    struct wr_snapshot_header *ret)
{
	if (is_zero(block))
		return WR_SNAPSHOT_CUT_SHORT;
	if (memcmp(block, magic, sizeof magic) != 0 ||
	    wr_get_u32(block + AT_CRC) != wr_crc32c(WR_SNAPSHOT_CRC_SEED, block, AT_CRC))
		return WR_SNAPSHOT_DAMAGED;
	if (wr_get_u16(block + AT_FORMAT) != WR_SNAPSHOT_FORMAT ||
	    wr_get_u32(block + AT_FEATURES) != 0)
		return WR_SNAPSHOT_NEWER;
	*ret = (struct wr_snapshot_header){
		.log_id = wr_get_u32(block + AT_LOG),
		.epoch = wr_get_u32(block + AT_EPOCH),
		.sequence = wr_get_u64(block + AT_SEQUENCE),
		.append_time_us = wr_get_u64(block + AT_APPEND_TIME),
		.event_time_us = wr_get_u64(block + AT_EVENT_TIME),
		.taken_us = wr_get_u64(block + AT_TAKEN),
		.state_bytes = wr_get_u64(block + AT_STATE_BYTES),
		.body_crc = wr_get_u32(block + AT_BODY_CRC),
		.record_crc = wr_get_u32(block + AT_RECORD_CRC),
		.schema_version = wr_get_u32(block + AT_SCHEMA_VERSION),
		.flags = wr_get_u32(block + AT_FLAGS),
		.key_bytes = wr_get_u32(block + AT_KEY_BYTES),
		.name_bytes = wr_get_u32(block + AT_NAME_BYTES),
		.name = (const char *)block + AT_NAME,
	};
	memcpy(ret->uuid, block + AT_UUID, WR_UUID_BYTES);
	if (ret->name_bytes > WR_SNAPSHOT_NAME_BYTES_MAX || ret->key_bytes > 65535 ||
	    ret->state_bytes > WEIR_SNAPSHOT_BYTES_MAX)
		return WR_SNAPSHOT_DAMAGED;
	return WR_SNAPSHOT_GOOD;
}

/* ---- names ---- */

/* It finds files, and keeps nothing secret: anybody may know how. */
static uint64_t hash_of(uint32_t salt, const void *bytes, uint32_t byte_count)
{
	uint8_t secret[WR_SIPHASH_SECRET_BYTES] = {0};
	uint64_t hash[2];
	wr_put_u32(secret, salt);
	wr_siphash128(secret, bytes, byte_count, hash);
	return hash[0];
}

/* "snap-NAME-KEY-", or without the key "snap-NAME-". */
static int put_prefix(char *to, size_t to_bytes, const struct wr_snapshot_id *id, bool any_key)
{
	uint64_t name = hash_of(id->schema_version, id->name, id->name_bytes);
	if (any_key)
		return snprintf(to, to_bytes, "snap-%016llx-", (unsigned long long)name);
	uint64_t key = id->key == NULL ? 0 : hash_of(1, id->key, id->key_bytes);
	return snprintf(to, to_bytes, "snap-%016llx-%016llx-", (unsigned long long)name,
			(unsigned long long)key);
}

void wr_snapshot_file_name(char to[WR_STORAGE_NAME_MAX + 1], const struct wr_snapshot_id *id,
			   uint64_t sequence)
{
	int used = put_prefix(to, WR_STORAGE_NAME_MAX + 1, id, false);
	(void)snprintf(to + used, WR_STORAGE_NAME_MAX + 1 - (size_t)used, "%016llx.wsn",
		       (unsigned long long)sequence);
}

/* 16 digits as snprintf() writes them. */
static bool parse_hex(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	for (int i = 0; i < 16; i++) {
		char c = text[i];
		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*ret = value;
	return true;
}

bool wr_snapshot_file_is_of(const char *name, const struct wr_snapshot_id *id, bool any_key,
			    uint64_t *ret_sequence)
{
	char prefix[WR_STORAGE_NAME_MAX + 1];
	size_t used = (size_t)put_prefix(prefix, sizeof prefix, id, any_key);
	uint64_t key;
	if (strncmp(name, prefix, used) != 0)
		return false;
	const char *rest = name + used;
	if (any_key) {
		if (strlen(rest) < 17 || !parse_hex(rest, &key) || rest[16] != '-')
			return false;
		rest += 17;
	}
	return strlen(rest) == 20 && parse_hex(rest, ret_sequence) &&
	       strcmp(rest + 16, ".wsn") == 0;
}

bool wr_snapshot_file_is_one(const char *name)
{
	uint64_t part;
	if (strncmp(name, "snap-", 5) != 0 || strlen(name) != 5 + 3 * 17 + 3)
		return false;
	return parse_hex(name + 5, &part) && name[21] == '-' && parse_hex(name + 22, &part) &&
	       name[38] == '-' && parse_hex(name + 39, &part) && strcmp(name + 55, ".wsn") == 0;
}
