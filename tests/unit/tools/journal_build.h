/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes small journals byte by byte, with the encoders of the format and plain files, without the
 * writer or the journal step: what the CLI reads is then known exactly, and any byte can be wrong.
 *
 * Chunks of 64 KiB, two a segment, in a directory of its own that build_fini() removes.
 * Thread: main of a test.
 */
#ifndef WEIR_TESTS_TOOLS_JOURNAL_BUILD_H
#define WEIR_TESTS_TOOLS_JOURNAL_BUILD_H

#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/crc32c.h"
#include "core/journal/format.h"
#include "core/port/storage.h"
#include "core/record/control.h"
#include "core/record/encode.h"
#include "core/record/epoch.h"
#include "core/record/section.h"
#include "tests/support/real_data.h"

#define BUILD_CHUNK_BYTES 65536u
#define BUILD_SEGMENT_BYTES (WR_BLOCK_BYTES + 2 * BUILD_CHUNK_BYTES)

struct build {
	char dir[TEST_PATH_BYTES];
	struct wr_superblock superblock;
	uint64_t next_seq;
	uint64_t time_us; /* of the next batch */
	uint64_t durable_seq;
	uint64_t segment_id; /* 0: none yet */
	uint32_t file_number;
	uint64_t offset;
	uint32_t chain;
	uint32_t epoch;
	uint32_t used_bytes; /* of the open batch's body */
	uint32_t record_count;
	uint8_t batch[BUILD_CHUNK_BYTES] __attribute__((aligned(4096)));
};

static inline void build_put(const struct build *b, const char *name, const void *bytes,
			     size_t length_bytes, uint64_t offset)
{
	char path[TEST_PATH_BYTES + 64];

	snprintf(path, sizeof path, "%s/%s", b->dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	cr_assert(fd >= 0, "%s", path);
	cr_assert_eq(pwrite(fd, bytes, length_bytes, (off_t)offset), (ssize_t)length_bytes);
	close(fd);
}

static inline void build_superblock(struct build *b)
{
	uint8_t block[WR_BLOCK_BYTES];

	b->superblock.version++;
	b->superblock.epoch = b->epoch;
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++) {
		wr_superblock_encode(&b->superblock, copy, block);
		build_put(b, WR_SUPERBLOCK_NAME, block, sizeof block, copy * WR_BLOCK_BYTES);
	}
}

static inline void build_segment_name(const struct build *b, char *to)
{
	wr_segment_name(to, 0, b->file_number);
}

/* A file with the next id; the log goes on in it. */
static inline void build_segment(struct build *b)
{
	uint8_t block[WR_BLOCK_BYTES];
	char name[WR_STORAGE_NAME_MAX + 1];
	char path[TEST_PATH_BYTES + 64];
	struct wr_segment_header header = {.segment_id = ++b->segment_id,
					   .segment_bytes = BUILD_SEGMENT_BYTES,
					   .epoch = b->epoch,
					   .chunk_bytes = BUILD_CHUNK_BYTES,
					   .block_bytes = WR_BLOCK_BYTES,
					   .assigned_us = b->time_us};

	b->file_number = (uint32_t)b->segment_id;
	memcpy(header.uuid, b->superblock.uuid, sizeof header.uuid);
	wr_segment_header_encode(&header, block);
	build_segment_name(b, name);
	build_put(b, name, block, sizeof block, 0);
	snprintf(path, sizeof path, "%s/%s", b->dir, name);
	cr_assert_eq(truncate(path, BUILD_SEGMENT_BYTES), 0);
	b->offset = WR_BLOCK_BYTES;
}

static inline void build_seal_kind(struct build *b, enum wr_batch_kind kind, uint32_t skip_bytes)
{
	struct wr_batch_place place = {.uuid = b->superblock.uuid,
				       .segment_id = b->segment_id,
				       .segment_offset = b->offset};
	uint32_t seed = wr_batch_seed(b->superblock.uuid, b->segment_id);
	struct wr_batch_seal seal = {
		.place = &place,
		.seed = seed,
		.body_bytes = b->used_bytes,
		.record_count = b->record_count,
		.skip_bytes = skip_bytes,
		.body_crc_part = wr_crc32c(seed, b->batch + WR_BATCH_HEADER_BYTES, b->used_bytes),
		.durable_seq = b->durable_seq,
		.chain = b->chain,
	};
	char name[WR_STORAGE_NAME_MAX + 1];

	wr_batch_open(b->batch, kind, 0, b->epoch, b->next_seq, b->time_us);
	uint32_t batch_bytes = wr_batch_seal(b->batch, &seal, &b->chain);
	build_segment_name(b, name);
	build_put(b, name, b->batch, batch_bytes, b->offset);
	b->offset += batch_bytes + skip_bytes;
	b->next_seq += b->record_count;
	b->time_us += 1000000;
	b->used_bytes = 0;
	b->record_count = 0;
}

/* Writes the open batch. */
static inline void build_seal(struct build *b)
{
	build_seal_kind(b, WR_BATCH_DATA, 0);
}

/* Says that everything before is durable. */
static inline void build_evidence(struct build *b)
{
	b->durable_seq = b->next_seq - 1;
	build_seal_kind(b, WR_BATCH_EVIDENCE, 0);
}

/* Closes what is left of the segment with fillers and goes on in the next. */
static inline void build_roll(struct build *b)
{
	b->durable_seq = b->next_seq - 1;
	while (b->offset < BUILD_SEGMENT_BYTES) {
		uint32_t into = (uint32_t)((b->offset - WR_BLOCK_BYTES) % BUILD_CHUNK_BYTES);
		build_seal_kind(b, WR_BATCH_FILLER, BUILD_CHUNK_BYTES - into - WR_BLOCK_BYTES);
	}
	build_segment(b);
}

static inline void build_record(struct build *b, enum wr_kind kind, uint8_t flags, uint32_t topic,
				uint32_t hash, const void *key, size_t key_bytes,
				const void *payload, size_t payload_bytes)
{
	uint8_t *to = b->batch + WR_BATCH_HEADER_BYTES + b->used_bytes;

	cr_assert(b->used_bytes + key_bytes + payload_bytes + 64 < BUILD_CHUNK_BYTES - 256);
	wr_control_write(to, kind, topic, hash, key, (uint32_t)key_bytes, payload,
			 (uint32_t)payload_bytes);
	struct wr_record *head = (struct wr_record *)to;
	head->flags = flags;
	head->time_delta_us = b->record_count;
	b->used_bytes += wr_record_stride(head->bytes);
	b->record_count++;
}

/* An event of topic 0 that a named producer published. */
static inline void build_stamped(struct build *b, const char *key,
				 const struct wr_producer_stamp *stamp)
{
	struct weir_event event = {.key = key, .key_bytes = strlen(key)};
	struct wr_encoding encoding;
	uint8_t *to = b->batch + WR_BATCH_HEADER_BYTES + b->used_bytes;

	cr_assert_eq(wr_encode_measure(&event, (struct wr_encode_topic){.partition_count = 4}, true,
				       0, &encoding),
		     0);
	wr_encode_end(to, encoding.stride);
	(void)wr_encode_head(&event, &encoding, stamp, to);
	((struct wr_record *)to)->time_delta_us = b->record_count;
	b->used_bytes += encoding.stride;
	b->record_count++;
}

/* An event of topic 0 in partition `hash` modulo 4. */
static inline void build_event(struct build *b, uint32_t partition, const char *key,
			       const char *payload)
{
	build_record(b, WR_KIND_EVENT,
		     (uint8_t)(WR_RECORD_PARTITION_EXPLICIT |
			       (payload == NULL ? WR_RECORD_NULL_PAYLOAD : 0)),
		     0, partition, key != NULL ? key : "", key != NULL ? strlen(key) : 0,
		     payload != NULL ? payload : "", payload != NULL ? strlen(payload) : 0);
}

/* The first record of an epoch. */
static inline void build_epoch(struct build *b, uint64_t end_segment_id, uint64_t end_offset)
{
	uint8_t payload[WR_EPOCH_START_BYTES];
	struct wr_epoch_start start = {.end_segment_id = end_segment_id,
				       .end_offset = end_offset,
				       .last_seq = b->next_seq - 1,
				       .header_crc = b->chain,
				       .epoch = b->epoch - 1,
				       .wall_us = b->time_us};

	wr_epoch_start_encode(&start, payload);
	build_record(b, WR_KIND_EPOCH_START, 0, 0, 0, "", 0, payload, sizeof payload);
}

/* A journal of one epoch with the topic "orders" (4 partitions); sequences 1 and 2 are taken. */
static inline void build_init(struct build *b)
{
	uint32_t partitions = 4;

	memset(b, 0, sizeof *b);
	test_dir_make(b->dir);
	memcpy(b->superblock.uuid, "a-uuid-of-16-byt", WR_UUID_BYTES);
	b->superblock.log_count = 1;
	b->superblock.block_bytes = WR_BLOCK_BYTES;
	b->superblock.chunk_bytes = BUILD_CHUNK_BYTES;
	b->superblock.segment_bytes = BUILD_SEGMENT_BYTES;
	b->superblock.created_us = 1700000000000000;
	b->next_seq = 1;
	b->epoch = 1;
	b->time_us = 1700000000000000;
	build_superblock(b);
	build_segment(b);
	build_epoch(b, 0, 0);
	build_record(b, WR_KIND_TOPIC, 0, 0, 0, "orders", 6, &partitions, sizeof partitions);
	build_seal(b);
}

/* A checkpoint at the last sequence: nothing before the current segment is needed any more. */
static inline void build_checkpoint(struct build *b)
{
	uint8_t bytes[2 * WR_BLOCK_BYTES] = {0};
	struct wr_sink sink = {.bytes = bytes + WR_BLOCK_BYTES, .capacity_bytes = WR_BLOCK_BYTES};
	struct wr_checkpoint_header header = {.epoch = b->epoch,
					      .last_seq = b->next_seq - 1,
					      .needed_seq = b->next_seq - 1,
					      .segment_id = b->segment_id,
					      .batch_header_crc = b->chain};

	size_t place = wr_section_begin(&sink, WR_SECTION_CATALOG, 1, 0);
	wr_sink_u32(&sink, 1); /* topics */
	wr_sink_u32(&sink, 0); /* subscriptions */
	wr_sink_u64(&sink, 5); /* next tag */
	wr_sink_u32(&sink, 6);
	wr_sink_u32(&sink, 4);
	wr_sink_u32(&sink, 1);
	wr_sink_bytes(&sink, "orders", 6);
	for (int i = 0; i < 8; i++)
		wr_sink_u64(&sink, 0); /* events and bytes of four partitions */
	wr_section_end(&sink, place);
	place = wr_section_begin(&sink, WR_SECTION_PRODUCERS, 1, 0);
	wr_sink_u32(&sink, 1);
	wr_sink_u32(&sink, 4);
	wr_sink_bytes(&sink, "shop", 4);
	for (int i = 0; i < 3; i++)
		wr_sink_u64(&sink, 1); /* epoch, its last sequence, the log's */
	wr_section_end(&sink, place);
	cr_assert_not(sink.failed);
	memcpy(header.uuid, b->superblock.uuid, sizeof header.uuid);
	header.body_bytes = (uint32_t)sink.used_bytes;
	header.body_crc = wr_crc32c(1, sink.bytes, sink.used_bytes);
	wr_checkpoint_header_encode(&header, bytes);
	build_put(b, "0-checkpoint.0", bytes, sizeof bytes, 0);
}

/* Sequences 3 .. 7 in two batches; all attested. */
static inline void build_sample(struct build *b)
{
	build_init(b);
	build_event(b, 0, "k1", "first");
	build_event(b, 1, NULL, "tab\there");
	build_seal(b);
	build_event(b, 2, "k2", NULL);
	build_event(b, 3, "\xff\x01", "\x80\x81");
	build_event(b, 5, "k1", "\x1b[31m\"quoted\"");
	build_seal(b);
	build_evidence(b);
}

static inline void build_fini(struct build *b)
{
	test_dir_remove(b->dir);
}

/* Turns one bit of a file over. */
static inline void build_flip(const struct build *b, const char *name, uint64_t offset)
{
	char path[TEST_PATH_BYTES + 64];
	uint8_t byte;

	snprintf(path, sizeof path, "%s/%s", b->dir, name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0);
	cr_assert_eq(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 0x10;
	cr_assert_eq(pwrite(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
}

#endif
