/* SPDX-License-Identifier: Apache-2.0 */
/* See log_builder.h. Whatever fails in here is the test's own fault and ends it. */
#include "tests/support/log_builder.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/crc32c.h"
#include "core/record/left_out.h"
#include "core/record/section.h"

#define SECTOR_BYTES 512u
#define PAYLOAD_BYTES_MIN 16u

/* --- files ------------------------------------------------------------------------------------ */

static void write_file(struct log_builder *b, const char *name, const void *bytes, uint32_t length,
		       uint64_t offset)
{
	const struct wr_storage_ops *ops = b->storage->ops;
	uint32_t file;

	WR_ASSERT(ops->file_open(b->storage, name, WR_FILE_CREATE, &file) == 0);
	WR_ASSERT(ops->write(b->storage, file, bytes, length, offset) == 0);
	WR_ASSERT(ops->file_close(b->storage, file) == 0);
	WR_ASSERT(ops->sync_dir(b->storage) == 0);
}

static void write_segment(struct log_builder *b, uint32_t file_number, const void *bytes,
			  uint32_t length, uint64_t offset)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, 0, file_number);
	write_file(b, name, bytes, length, offset);
}

static void write_header(struct log_builder *b, uint32_t file_number, uint64_t segment_id)
{
	uint8_t *block = aligned_alloc(WR_BLOCK_BYTES, WR_BLOCK_BYTES);
	struct wr_segment_header header = {
		.segment_id = segment_id,
		.segment_bytes = b->segment_bytes,
		.epoch = b->epoch,
		.chunk_bytes = b->chunk_bytes,
		.block_bytes = WR_BLOCK_BYTES,
		.assigned_us = b->time_us,
		.previous_segment_id = b->superblock.newest_segment_id,
	};

	WR_ASSERT(block != NULL);
	memcpy(header.uuid, b->superblock.uuid, sizeof header.uuid);
	wr_segment_header_encode(&header, block);
	write_segment(b, file_number, block, WR_BLOCK_BYTES, 0);
	free(block);
}

uint32_t log_builder_spare(struct log_builder *b, uint64_t segment_id)
{
	uint32_t file_number = b->next_file_number++;
	uint8_t *zeros = aligned_alloc(WR_BLOCK_BYTES, b->segment_bytes);

	WR_ASSERT(zeros != NULL);
	memset(zeros, 0, b->segment_bytes);
	write_segment(b, file_number, zeros, (uint32_t)b->segment_bytes, 0);
	free(zeros);
	if (segment_id != 0)
		write_header(b, file_number, segment_id);
	return file_number;
}

static void enter(struct log_builder *b, uint32_t file_number)
{
	b->superblock.newest_segment_id = b->next_segment_id;
	if (b->superblock.oldest_segment_id == 0) {
		b->superblock.oldest_segment_id = b->next_segment_id;
		b->superblock.oldest_seq = b->next_seq;
	}
	log_builder_write_superblock(b);
	b->file_number = file_number;
	b->segment_id = b->next_segment_id++;
	b->offset = WR_BLOCK_BYTES;
}

void log_builder_segment(struct log_builder *b)
{
	enter(b, log_builder_spare(b, b->next_segment_id));
}

void log_builder_recycle(struct log_builder *b, uint32_t file_number)
{
	/* It was the oldest: the superblock goes on to the next before its header goes. */
	for (uint32_t i = 0; i < b->batch_count; i++) {
		if (b->batches[i].file_number == file_number)
			continue;
		b->superblock.oldest_segment_id = b->batches[i].segment_id;
		b->superblock.oldest_seq = b->batches[i].header.first_seq;
		break;
	}
	log_builder_write_superblock(b);
	write_header(b, file_number, b->next_segment_id);
	enter(b, file_number);
}

void log_builder_write_superblock(struct log_builder *b)
{
	uint8_t *blocks = aligned_alloc(WR_BLOCK_BYTES, WR_SUPERBLOCK_COPIES * WR_BLOCK_BYTES);

	WR_ASSERT(blocks != NULL);
	b->superblock.version++;
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++)
		wr_superblock_encode(&b->superblock, copy, blocks + copy * WR_BLOCK_BYTES);
	write_file(b, WR_SUPERBLOCK_NAME, blocks, WR_SUPERBLOCK_COPIES * WR_BLOCK_BYTES, 0);
	free(blocks);
}

/* --- life ------------------------------------------------------------------------------------- */

void log_builder_init(struct log_builder *b, struct wr_storage *storage, uint32_t chunk_bytes,
		      uint32_t extents)
{
	memset(b, 0, sizeof *b);
	b->storage = storage;
	b->chunk_bytes = chunk_bytes;
	b->segment_bytes = WR_BLOCK_BYTES + (uint64_t)chunk_bytes * extents;
	b->next_segment_id = 1;
	b->next_seq = 1;
	b->time_us = 1000000;
	b->superblock = (struct wr_superblock){
		.log_count = 1,
		.block_bytes = WR_BLOCK_BYTES,
		.chunk_bytes = chunk_bytes,
		.segment_bytes = b->segment_bytes,
	};
	memset(b->superblock.uuid, 0xab, sizeof b->superblock.uuid);
	b->buffer = aligned_alloc(WR_BLOCK_BYTES, chunk_bytes);
	WR_ASSERT(b->buffer != NULL);
	log_builder_write_superblock(b);
}

void log_builder_fini(struct log_builder *b)
{
	for (uint32_t i = 0; i < LOG_BUILDER_BATCHES_MAX; i++)
		free(b->batches[i].held);
	free(b->buffer);
	b->buffer = NULL;
}

/* --- batches ---------------------------------------------------------------------------------- */

static uint32_t rest_bytes(const struct log_builder *b)
{
	uint64_t index = (b->offset - WR_BLOCK_BYTES) / b->chunk_bytes;
	return (uint32_t)(wr_extent_offset(b->chunk_bytes, index + 1) - b->offset);
}

static struct log_batch *new_batch(struct log_builder *b)
{
	WR_ASSERT(b->batch_count < LOG_BUILDER_BATCHES_MAX);
	struct log_batch *batch = &b->batches[b->batch_count++];
	free(batch->held);
	*batch = (struct log_batch){
		.segment_id = b->segment_id,
		.offset = b->offset,
		.file_number = b->file_number,
		.chain = b->chain,
		.durable_seq = b->durable_seq,
		.last_segment_id = b->last_segment_id,
		.end_offset = b->end_offset,
		.last_epoch = b->last_epoch,
	};
	return batch;
}

/* The batch is open in the buffer, its records are in. */
static void place(struct log_builder *b, uint32_t body_bytes, uint32_t record_count,
		  uint32_t skip_bytes)
{
	struct log_batch *batch = new_batch(b);
	const struct wr_batch_place where = {b->superblock.uuid, 0, b->segment_id, b->offset};
	uint32_t seed = wr_batch_seed(b->superblock.uuid, b->segment_id);
	const struct wr_batch_seal seal = {
		.place = &where,
		.seed = seed,
		.body_bytes = body_bytes,
		.record_count = record_count,
		.skip_bytes = skip_bytes,
		.body_crc_part = wr_crc32c(seed, b->buffer + WR_BATCH_HEADER_BYTES, body_bytes),
		.durable_seq = b->durable_seq,
		.chain = b->chain,
	};
	uint32_t bytes = wr_batch_seal(b->buffer, &seal, &b->chain);

	WR_ASSERT((uint64_t)bytes + skip_bytes <= rest_bytes(b));
	memcpy(&batch->header, b->buffer, sizeof batch->header);
	if (b->hold) {
		batch->held = aligned_alloc(WR_BLOCK_BYTES, bytes);
		WR_ASSERT(batch->held != NULL);
		memcpy(batch->held, b->buffer, bytes);
	} else {
		write_segment(b, b->file_number, b->buffer, bytes, b->offset);
	}
	b->offset += bytes + skip_bytes;
	b->next_seq += record_count;
	if (!b->hold_durable)
		b->durable_seq = b->next_seq - 1;
	b->last_segment_id = b->segment_id;
	b->end_offset = b->offset;
	b->last_epoch = b->epoch;
}

static void open_batch(struct log_builder *b, enum wr_batch_kind kind)
{
	wr_batch_open(b->buffer, kind, 0, b->epoch, b->next_seq, b->time_us);
}

void log_builder_evidence(struct log_builder *b)
{
	open_batch(b, WR_BATCH_EVIDENCE);
	place(b, 0, 0, 0);
}

void log_builder_filler(struct log_builder *b)
{
	uint32_t rest = rest_bytes(b);

	if ((b->offset - WR_BLOCK_BYTES) % b->chunk_bytes == 0)
		return; /* nothing of this extent was used */
	open_batch(b, WR_BATCH_FILLER);
	place(b, 0, 0, rest - WR_BLOCK_BYTES);
}

/* Makes room for a batch of so many bytes. */
static void make_room(struct log_builder *b, uint32_t bytes)
{
	WR_ASSERT(bytes <= b->chunk_bytes);
	if (b->offset < b->segment_bytes && rest_bytes(b) < bytes)
		log_builder_filler(b);
	if (b->segment_id == 0 || b->offset >= b->segment_bytes)
		log_builder_segment(b);
}

static uint8_t payload_byte(uint64_t seq, uint32_t epoch, uint32_t at)
{
	return (uint8_t)((seq * 31 + epoch * 7 + at) & 0xff);
}

static uint32_t put_event(uint8_t *to, uint64_t seq, uint32_t epoch, uint32_t delta_us,
			  uint32_t payload_bytes)
{
	struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + payload_bytes,
		.topic = 1,
		.time_delta_us = delta_us,
		.kind = WR_KIND_EVENT,
		.flags = WR_RECORD_KEYLESS,
	};
	uint32_t stride = wr_record_stride(head.bytes);

	WR_ASSERT(payload_bytes >= PAYLOAD_BYTES_MIN);
	memset(to, 0, stride);
	memcpy(to, &head, sizeof head);
	to += WR_RECORD_HEAD_BYTES;
	wr_put_u64(to, seq);
	wr_put_u64(to + 8, epoch);
	for (uint32_t at = PAYLOAD_BYTES_MIN; at < payload_bytes; at++)
		to[at] = payload_byte(seq, epoch, at);
	return stride;
}

void log_builder_batch(struct log_builder *b, uint32_t record_count, uint32_t payload_bytes)
{
	uint32_t stride = wr_record_stride(WR_RECORD_HEAD_BYTES + payload_bytes), used = 0;

	make_room(b, (uint32_t)wr_round_up(WR_BATCH_HEADER_BYTES + record_count * stride,
					   WR_BLOCK_BYTES));
	open_batch(b, WR_BATCH_DATA);
	for (uint32_t i = 0; i < record_count; i++)
		used += put_event(b->buffer + WR_BATCH_HEADER_BYTES + used, b->next_seq + i,
				  b->epoch, i, payload_bytes);
	place(b, used, record_count, 0);
	b->time_us += record_count;
}

void log_builder_record(struct log_builder *b, const struct wr_record *head, const void *content)
{
	uint8_t *to = b->buffer + WR_BATCH_HEADER_BYTES;

	WR_ASSERT(head->bytes % 8 == 0 && head->bytes >= sizeof *head);
	make_room(b, (uint32_t)wr_round_up(WR_BATCH_HEADER_BYTES + head->bytes, WR_BLOCK_BYTES));
	open_batch(b, WR_BATCH_DATA);
	memcpy(to, head, sizeof *head);
	memcpy(to + sizeof *head, content, head->bytes - sizeof *head);
	place(b, head->bytes, 1, 0);
	b->time_us++;
}

void log_builder_start(struct log_builder *b, const struct wr_epoch_start *start)
{
	const struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + WR_EPOCH_START_BYTES,
		.kind = WR_KIND_EPOCH_START,
		.flags = WR_RECORD_KEYLESS,
	};
	uint8_t payload[WR_EPOCH_START_BYTES];

	wr_epoch_start_encode(start, payload);
	log_builder_record(b, &head, payload);
}

struct wr_epoch_start log_builder_end(const struct log_builder *b)
{
	return (struct wr_epoch_start){
		.end_segment_id = b->last_segment_id,
		.end_offset = b->end_offset,
		.last_seq = b->next_seq - 1,
		.header_crc = b->chain,
		.epoch = b->last_epoch,
		.wall_us = b->time_us,
	};
}

static void begin_epoch(struct log_builder *b)
{
	const struct wr_epoch_start start = log_builder_end(b);

	b->superblock.epoch = b->epoch;
	b->superblock.clean = 0;
	b->superblock.clean_segment_id = b->superblock.clean_offset = 0;
	b->superblock.clean_last_seq = 0;
	b->superblock.clean_header_crc = 0;
	log_builder_write_superblock(b);
	if (!b->hold_durable)
		b->durable_seq = b->next_seq - 1;
	log_builder_start(b, &start);
}

void log_builder_epoch(struct log_builder *b)
{
	/* As recovery leaves it: up to the segment in which the log ended. */
	b->superblock.newest_segment_id = b->last_segment_id;
	if (b->last_segment_id == 0)
		b->superblock.oldest_segment_id = 0;
	b->epoch = b->superblock.epoch + 1;
	log_builder_segment(b);
	begin_epoch(b);
}

void log_builder_resume(struct log_builder *b)
{
	uint64_t used = b->offset - WR_BLOCK_BYTES;

	b->epoch = b->superblock.epoch + 1;
	b->offset = WR_BLOCK_BYTES +
		    (used + b->chunk_bytes - 1) / b->chunk_bytes * (uint64_t)b->chunk_bytes;
	if (b->offset >= b->segment_bytes)
		log_builder_segment(b);
	begin_epoch(b);
}

void log_builder_go_on(struct log_builder *b)
{
	b->superblock.newest_segment_id = b->last_segment_id;
	b->epoch = b->superblock.epoch + 1;
	WR_ASSERT(b->offset < b->segment_bytes);
	begin_epoch(b);
}

void log_builder_close(struct log_builder *b)
{
	if (b->offset < b->segment_bytes && rest_bytes(b) >= 2 * WR_BLOCK_BYTES)
		log_builder_evidence(b);
	if (b->offset < b->segment_bytes)
		log_builder_filler(b);
	b->superblock.clean = 1;
	b->superblock.clean_segment_id = b->last_segment_id;
	b->superblock.clean_offset = b->end_offset;
	b->superblock.clean_last_seq = b->next_seq - 1;
	b->superblock.clean_header_crc = b->chain;
	log_builder_write_superblock(b);
}

void log_builder_checkpoint(struct log_builder *b, uint32_t copy, uint64_t needed_seq,
			    uint32_t body_bytes)
{
	const struct log_batch *last = &b->batches[b->batch_count - 1];
	uint32_t room = (uint32_t)wr_round_up(body_bytes + 64, WR_BLOCK_BYTES);
	uint8_t *blocks = aligned_alloc(WR_BLOCK_BYTES, WR_BLOCK_BYTES + room);
	char name[WR_STORAGE_NAME_MAX + 1];

	WR_ASSERT(blocks != NULL);
	memset(blocks, 0, WR_BLOCK_BYTES + room);
	struct wr_sink sink = {.bytes = blocks + WR_BLOCK_BYTES, .capacity_bytes = room};
	size_t at = wr_section_begin(&sink, WR_SECTION_CATALOG, 1, 0);
	wr_sink_u64(&sink, b->next_seq - 1);
	for (uint32_t i = 8; i < body_bytes; i++)
		*wr_put(&sink, 1) = payload_byte(b->next_seq, copy, i);
	wr_section_end(&sink, at);
	struct wr_checkpoint_header header = {
		.epoch = b->epoch,
		.last_seq = b->next_seq - 1,
		.segment_id = last->segment_id,
		.segment_offset = last->offset,
		.needed_seq = needed_seq,
		.batch_header_crc = last->header.header_crc,
		.body_bytes = (uint32_t)sink.used_bytes,
		.body_crc = wr_crc32c(1, sink.bytes, sink.used_bytes),
	};
	memcpy(header.uuid, b->superblock.uuid, sizeof header.uuid);
	wr_checkpoint_header_encode(&header, blocks);
	wr_checkpoint_name(name, 0, copy);
	write_file(b, name, blocks, WR_BLOCK_BYTES + room, 0);
	free(blocks);
}

/* --- back and forth --------------------------------------------------------------------------- */

void log_builder_rewind(struct log_builder *b, uint32_t batch_index)
{
	const struct log_batch *batch = &b->batches[batch_index];

	b->segment_id = batch->segment_id;
	b->file_number = batch->file_number;
	b->offset = batch->offset;
	b->next_seq = batch->header.first_seq;
	b->chain = batch->chain;
	b->durable_seq = batch->durable_seq;
	b->last_segment_id = batch->last_segment_id;
	b->end_offset = batch->end_offset;
	b->last_epoch = batch->last_epoch;
	b->batch_count = batch_index;
}

void log_builder_land(struct log_builder *b, uint32_t batch_index, uint64_t sectors)
{
	const struct log_batch *batch = &b->batches[batch_index];
	const struct wr_storage_ops *ops = b->storage->ops;
	uint8_t *block = aligned_alloc(WR_BLOCK_BYTES, WR_BLOCK_BYTES);
	char name[WR_STORAGE_NAME_MAX + 1];
	uint32_t file;

	wr_segment_name(name, 0, batch->file_number);
	WR_ASSERT(block != NULL && batch->held != NULL);
	WR_ASSERT(ops->file_open(b->storage, name, 0, &file) == 0);
	for (uint32_t at = 0; at < batch->header.batch_bytes; at += WR_BLOCK_BYTES) {
		uint32_t first = at / SECTOR_BYTES;
		if (((sectors >> first) & 0xff) == 0)
			continue;
		WR_ASSERT(ops->read(b->storage, file, block, WR_BLOCK_BYTES, batch->offset + at) ==
			  WR_BLOCK_BYTES);
		for (uint32_t i = 0; i < WR_BLOCK_BYTES / SECTOR_BYTES; i++)
			if ((sectors >> (first + i)) & 1)
				memcpy(block + i * SECTOR_BYTES,
				       batch->held + at + i * SECTOR_BYTES, SECTOR_BYTES);
		WR_ASSERT(ops->write(b->storage, file, block, WR_BLOCK_BYTES, batch->offset + at) ==
			  0);
	}
	WR_ASSERT(ops->file_close(b->storage, file) == 0);
	free(block);
}

/* --- what the log holds ----------------------------------------------------------------------- */

const struct log_batch *log_builder_find(const struct log_builder *b, uint64_t seq)
{
	uint32_t low = 0, high = b->batch_count;

	/* Batches ascend; those without records begin with the sequence that comes next. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct wr_batch_header *h = &b->batches[middle].header;
		if (h->first_seq + h->record_count <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == b->batch_count || b->batches[low].header.first_seq > seq)
		return NULL;
	return &b->batches[low];
}

bool log_builder_matches(const struct log_builder *b, uint64_t seq, uint32_t epoch,
			 const struct wr_record_view *view)
{
	const struct log_batch *batch = log_builder_find(b, seq);

	if (batch == NULL || batch->header.epoch != epoch)
		return false;
	if (view->head->kind == WR_KIND_EPOCH_START)
		return seq == batch->header.first_seq;
	if (b->leaves_out != NULL && b->leaves_out(seq))
		return view->head->kind == WR_KIND_LEFT_OUT && wr_left_out_is_sound(view->head);
	if (view->head->kind != WR_KIND_EVENT || view->payload_bytes < PAYLOAD_BYTES_MIN ||
	    wr_get_u64(view->payload) != seq || wr_get_u64(view->payload + 8) != epoch)
		return false;
	for (uint32_t at = PAYLOAD_BYTES_MIN; at < view->payload_bytes; at++)
		if (view->payload[at] != payload_byte(seq, epoch, at))
			return false;
	return true;
}

void log_builder_torn(struct log_builder *b)
{
	b->hold = b->hold_durable = true;
	for (uint32_t i = 0; i < 9; i++)
		log_builder_batch(b, 3, 100);
	for (uint32_t i = 7; i < b->batch_count; i++)
		log_builder_land(b, i, UINT64_MAX);
	log_builder_rewind(b, 6);
	b->hold = b->hold_durable = false;
}
