/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: the writer hands its tables over as bytes, the journal puts them into the older of
 * two files. First the body, then the header that vouches for it: until the header is durable, the
 * file's old header does not match the body any more and the other file counts. Nothing has to be
 * invalidated first.
 *
 * A checkpoint is written only when the batch that it names is on the medium and acknowledged: a
 * checkpoint ahead of the log would bring back what was never acknowledged. The sequence alone does
 * not say so: the named batch may be evidence or a filler, which hold none. A checkpoint on such a
 * batch, found after a crash that lost the one before it, would have recovery jump over a hole.
 *
 * A part of the body may come from elsewhere than the job's buffer, piece by piece while the writer
 * goes on (`more` in core/record/link.h): then all of it goes through a piece of our own.
 *
 * A failed checkpoint is no failure of the log (the log is all there): it is counted, the slot goes
 * back to the writer, and the older checkpoint counts on. Since a failed file stays failed (S5) and
 * the other file must not be risked, no further one is written until the next open, and retention
 * does not move beyond what the two on the medium allow.
 *
 * Invariants: last_seq[] describes what is durable, and changes after the header. So does
 * needed_seq[], but it is lowered before: a header whose write fails may be there all the same.
 * Thread: the step's; wr_journal_checkpoint_start on the thread that opens.
 */
#include "core/journal/journal_internal.h"

#include <errno.h>

#include "core/base/bug.h"
#include "core/base/crc32c.h"

#define BODY_SEED 1u

/* --- files ------------------------------------------------------------------------------------ */

/* Writes zeros from `from` to `to`; the size of the file is durable when this returns. */
static int zero_fill(struct wr_journal *j, uint32_t file, uint64_t from, uint64_t to)
{
	memset(j->blocks, 0, WR_JOURNAL_BLOCKS_BYTES);
	while (from < to) {
		uint32_t length = (uint32_t)wr_min_u64(to - from, WR_JOURNAL_BLOCKS_BYTES);
		int r = j->storage->ops->write(j->storage, file, j->blocks, length, from);
		if (r < 0)
			return r;
		from += length;
	}
	return 0;
}

int wr_journal_checkpoint_start(struct wr_journal *j)
{
	struct wr_journal_checkpoint *c = &j->checkpoint;
	const struct wr_storage_ops *ops = j->storage->ops;
	uint64_t wanted = (uint64_t)WR_BLOCK_BYTES + j->link->checkpoint.buffer_bytes +
			  wr_round_up(j->link->checkpoint.more_bytes_max, WR_BLOCK_BYTES);

	if (j->link->checkpoint.buffer_bytes == 0)
		return 0; /* this pipeline takes none */
	if (j->storage->file_bytes_max != 0 && wanted > j->storage->file_bytes_max)
		return -EFBIG;
	c->file_bytes = UINT64_MAX;
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++) {
		char name[WR_STORAGE_NAME_MAX + 1];
		uint64_t bytes = 0;
		wr_checkpoint_name(name, j->table->log_id, copy);
		int r = ops->file_open(j->storage, name, WR_FILE_CREATE | WR_FILE_KEEP,
				       &c->file[copy]);
		if (r == 0)
			r = ops->file_bytes(j->storage, c->file[copy], &bytes);
		/* What is there stays: it may be the checkpoint that recovery just used. */
		if (r == 0 && bytes < wanted)
			r = zero_fill(j, c->file[copy], wr_round_up(bytes, WR_BLOCK_BYTES), wanted);
		if (r == 0)
			r = ops->sync_file(j->storage, c->file[copy]);
		if (r < 0) {
			c->file_bytes = 0;
			return r;
		}
		c->file_bytes = wr_min_u64(c->file_bytes, wr_max_u64(bytes, wanted));
	}
	return ops->sync_dir(j->storage);
}

/* --- the step's share ------------------------------------------------------------------------- */

static uint64_t body_bytes(const struct wr_checkpoint_job *job)
{
	return job->bytes + job->more_bytes;
}

static uint64_t body_write_bytes(const struct wr_checkpoint_job *job)
{
	return wr_round_up(body_bytes(job), WR_BLOCK_BYTES);
}

/* The slot goes back; what the writer puts into it next is taken at a later step. */
static int give_back(struct wr_journal *j)
{
	j->checkpoint.phase = WR_JOURNAL_CHECKPOINT_NONE;
	/* K1: pairs with the writer's acquire load. */
	wr_store_release(&j->link->checkpoint.state, (uint32_t)WR_CHECKPOINT_IDLE);
	j->moved = true;
	return 1;
}

static int give_up(struct wr_journal *j)
{
	wr_journal_cell_add(&j->cells.checkpoint_failures, 1);
	return give_back(j);
}

static int succeed(struct wr_journal *j)
{
	struct wr_journal_checkpoint *c = &j->checkpoint;
	const struct wr_checkpoint_job *job = &j->link->checkpoint;

	c->needed_seq[c->copy] = job->needed_seq;
	c->last_seq[c->copy] = job->last_seq;
	c->copy ^= 1u;
	j->files.retention_changed = true;
	wr_journal_cell_add(&j->cells.checkpoints, 1);
	wr_journal_cell_set(&j->cells.checkpoint_seq, job->last_seq);
	return give_back(j);
}

static bool batch_is_there(const struct wr_journal *j, const struct wr_checkpoint_job *job)
{
	if (job->last_seq > j->durable_seq)
		return false;
	if (job->segment_id != j->medium_segment_id)
		return job->segment_id < j->medium_segment_id; /* ids ascend with the log */
	return job->segment_offset <= j->medium_offset;
}

/* Takes what the writer left, once it is acknowledged. */
static int take_job(struct wr_journal *j)
{
	struct wr_journal_checkpoint *c = &j->checkpoint;
	struct wr_checkpoint_job *job = &j->link->checkpoint;

	/* K1: pairs with the writer's release store: fields and buffer are the journal's now. */
	if (wr_load_acquire(&job->state) != WR_CHECKPOINT_CAPTURED)
		return 0;
	if (!batch_is_there(j, job) && !WR_BUG(CHECKPOINT_AHEAD))
		return 0;
	if (c->file_bytes == 0 || job->bytes > job->buffer_bytes ||
	    job->more_bytes > job->more_bytes_max || body_bytes(job) > UINT32_MAX ||
	    WR_BLOCK_BYTES + body_write_bytes(job) > c->file_bytes)
		return give_up(j);
	if (c->piece == NULL)
		memset(job->buffer + job->bytes, 0, body_write_bytes(job) - job->bytes);
	c->at_bytes = 0;
	c->fetched = false;
	c->body_crc = BODY_SEED;
	c->phase = body_bytes(job) > 0 ? WR_JOURNAL_CHECKPOINT_BODY : WR_JOURNAL_CHECKPOINT_HEADER;
	return 1;
}

static int submit_or_give_up(struct wr_journal *j)
{
	int r = wr_journal_task_submit(j, &j->checkpoint.task);
	if (r == -EAGAIN)
		return 0; /* at the next step */
	return r == 0 ? 1 : give_up(j);
}

/* Fills the piece with the body from at_bytes on: of the buffer, of what comes behind it, zeros. */
static void fetch(struct wr_journal_checkpoint *c, const struct wr_checkpoint_job *job,
		  uint32_t length)
{
	uint64_t at = c->at_bytes, end = at + length, used = 0;
	if (at < job->bytes) {
		used = wr_min_u64(end, job->bytes) - at;
		memcpy(c->piece, job->buffer + at, used);
	}
	uint64_t more = wr_min_u64(end, body_bytes(job));
	if (at + used < more) {
		job->more(job->more_context, at + used - job->bytes, c->piece + used,
			  (uint32_t)(more - at - used));
		used = more - at;
	}
	memset(c->piece + used, 0, length - used);
}

/* One piece of a chunk's size at a time: batches go between them. */
static int submit_body(struct wr_journal *j)
{
	struct wr_journal_checkpoint *c = &j->checkpoint;
	const struct wr_checkpoint_job *job = &j->link->checkpoint;
	uint32_t length =
		(uint32_t)wr_min_u64(body_write_bytes(job) - c->at_bytes, j->table->chunk_bytes);

	/* Once each: it is fetched in order, and what was fetched may be overwritten. */
	if (c->piece != NULL && !c->fetched) {
		fetch(c, job, length);
		c->fetched = true;
		j->moved = true; /* the writer may wait for it */
	}

	c->task.io = (struct wr_io){
		.kind = WR_IO_WRITE,
		.flags = WR_BUG(CHECKPOINT_UNSYNCED) ? 0 : WR_IO_DURABLE,
		.file = c->file[c->copy],
		.length_bytes = length,
		.offset_bytes = (uint64_t)WR_BLOCK_BYTES + c->at_bytes,
		.buffer = c->piece != NULL ? c->piece : job->buffer + c->at_bytes,
	};
	return submit_or_give_up(j);
}

static int submit_header(struct wr_journal *j)
{
	struct wr_journal_checkpoint *c = &j->checkpoint;
	const struct wr_checkpoint_job *job = &j->link->checkpoint;
	uint8_t *block = j->blocks + WR_BLOCK_BYTES;
	struct wr_checkpoint_header header = {
		.log_id = j->table->log_id,
		.epoch = j->epoch,
		.last_seq = job->last_seq,
		.segment_id = job->segment_id,
		.segment_offset = job->segment_offset,
		.needed_seq = job->needed_seq,
		.batch_header_crc = job->header_crc,
		.body_bytes = (uint32_t)body_bytes(job),
		.body_crc = c->body_crc,
	};

	memcpy(header.uuid, j->table->uuid, sizeof header.uuid);
	memset(block, 0, WR_BLOCK_BYTES);
	wr_checkpoint_header_encode(&header, block);
	if (!WR_BUG(FAILED_CHECKPOINT_FORGOTTEN))
		c->needed_seq[c->copy] = wr_min_u64(c->needed_seq[c->copy], job->needed_seq);
	c->task.io = (struct wr_io){
		.kind = WR_IO_WRITE,
		.flags = WR_IO_DURABLE,
		.file = c->file[c->copy],
		.length_bytes = WR_BLOCK_BYTES,
		.offset_bytes = 0,
		.buffer = block,
	};
	return submit_or_give_up(j);
}

/* A piece of the body is durable: its share of the checksum, and what comes next. */
static int body_came_back(struct wr_journal *j)
{
	struct wr_journal_checkpoint *c = &j->checkpoint;
	const struct wr_checkpoint_job *job = &j->link->checkpoint;
	uint32_t used =
		(uint32_t)wr_min_u64(c->task.io.length_bytes, body_bytes(job) - c->at_bytes);

	c->body_crc = wr_crc32c(c->body_crc, c->task.io.buffer, used);
	c->at_bytes += c->task.io.length_bytes;
	c->fetched = false;
	if (c->at_bytes >= body_bytes(job))
		c->phase = WR_JOURNAL_CHECKPOINT_HEADER;
	return 1;
}

int wr_journal_checkpoint_step(struct wr_journal *j)
{
	struct wr_journal_checkpoint *c = &j->checkpoint;
	int work = 0;

	if (c->task.busy)
		return 0;
	if (c->task.done) {
		c->task.done = false;
		if (c->task.io.result != 0)
			return give_up(j);
		if (c->phase == WR_JOURNAL_CHECKPOINT_HEADER)
			return succeed(j);
		work += body_came_back(j);
	}
	if (c->phase == WR_JOURNAL_CHECKPOINT_NONE)
		work += take_job(j);
	if (c->phase == WR_JOURNAL_CHECKPOINT_BODY)
		work += submit_body(j);
	else if (c->phase == WR_JOURNAL_CHECKPOINT_HEADER)
		work += submit_header(j);
	return work;
}
