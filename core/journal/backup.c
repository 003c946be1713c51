/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk of verify.c, with every batch that it accepts written to the same place of a file of the
 * copy. So what is copied has been verified, and is copied from the memory that was verified.
 *
 * The order makes the cut consistent. First the superblock is read: a batch that is acknowledged by
 * then lies at or before the newest segment on record (I6), so a copy that ends behind that one, or
 * where the log ends, has all of them. Then the files are listed, then the checkpoints are read:
 * retention never passes the older of them, so the oldest segment listed lies below what they say
 * is needed. Then the log is copied, oldest first; groups only move on meanwhile, so what they need
 * at the cut is there. Last, the superblock once more: what its features say of batches it said
 * before those were written.
 *
 * The owner does not wait. When it uses a segment again before that was copied, all that was copied
 * has left the log as well, and the copy begins anew with what is there now. An owner that writes
 * as fast as the copy does would win each time: so later tries begin further up, between the oldest
 * segment and the one that a checkpoint needs, and at last there, where retention does not come.
 *
 * Damage is believed when two looks in a row find it in one place. What a walk sees of an owner
 * that uses hundreds of segments a second again is of different moments, and can look like a log
 * that lacks a segment; the next look is at other moments. What is damaged stays so.
 *
 * Files are written in full, with zeros where the log has none: so an open goes on in them, and
 * uses them again, without asking the file system for room (promise P4).
 *
 * Thread: the caller's. Blocks. Memory: BUFFER_BYTES and what verify.c takes.
 */
#include "core/journal/backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/journal/scan.h"

#define BUFFER_BYTES (4u << 20)
#define TRIES_MAX 64u
#define LEADS 8u /* tries until the copy begins with what is needed */
#define STOP 1
#define LOOKS_MAX 8u /* that find damage, each elsewhere */

struct backup {
	struct wr_storage *from;
	struct wr_storage *to;
	struct wr_memory *memory;
	const struct wr_backup_options *options;
	struct wr_backup_report *report;
	struct weir_problem *problem;
	struct wr_verify_report source; /* of this try */
	int code;                       /* why a callback stopped the walk; 0: the cut is reached */
	struct wr_damage suspect;       /* what the look before this one stopped at */
	bool is_suspicious; /* it has stopped at something that must be looked at again */
	uint32_t looks;     /* that did */
	uint64_t segments_total;
	uint64_t bound_id; /* nothing above it is copied */

	bool has_checkpoint[WR_CHECKPOINT_COPIES];
	struct wr_checkpoint_header checkpoints[WR_CHECKPOINT_COPIES];
	uint64_t needed_seq; /* the least that they need; 0: none of them is whole */

	/* The file that is being written. */
	bool is_open;
	uint32_t file;
	uint64_t written_bytes; /* on the medium */
	uint8_t *buffer;        /* what comes behind that */
	uint32_t fill;
	int write_code; /* why nothing is written any more in this try */

	uint64_t first_id;
	bool has_last;
	struct wr_batch_header last;
};

/* --- problems --------------------------------------------------------------------------------- */

static int fail(struct backup *b, int code, const char *field, const char *text)
{
	struct weir_problem *p = b->problem;

	if (p == NULL)
		return code;
	*p = (struct weir_problem){.code = code};
	(void)snprintf(p->field, sizeof p->field, "%.47s", field);
	(void)snprintf(p->text, sizeof p->text, "%s", text);
	return code;
}

/* In a callback of the walk. */
static int stop(struct backup *b, int code)
{
	b->code = code;
	return STOP;
}

static int fail_write(struct backup *b, int code)
{
	char text[160];

	(void)snprintf(text, sizeof text, "the copy cannot be written: %.100s",
		       weir_strerror(code));
	return fail(b, code, "destination", text);
}

static int fail_room(struct backup *b, uint64_t wanted, uint64_t free_bytes)
{
	char text[160];

	(void)snprintf(text, sizeof text,
		       "the copy takes %llu bytes and more, and %llu are free there: nothing was "
		       "left there",
		       (unsigned long long)wanted, (unsigned long long)free_bytes);
	return fail(b, -ENOSPC, "destination", text);
}

static int fail_damage(struct backup *b, const struct wr_damage *d)
{
	char text[208], range[56];

	if (d->end_seq == UINT64_MAX)
		(void)snprintf(range, sizeof range, "from %llu on",
			       (unsigned long long)d->first_seq);
	else
		(void)snprintf(range, sizeof range, "%llu to %llu",
			       (unsigned long long)d->first_seq,
			       (unsigned long long)(d->end_seq - 1));
	(void)snprintf(text, sizeof text, "%.90s (segment %llu, offset %llu): sequences %s",
		       d->text, (unsigned long long)d->segment_id, (unsigned long long)d->offset,
		       range);
	return fail(b, WEIR_E_CORRUPT, d->file[0] != '\0' ? d->file : "segments", text);
}

/* --- the files of the copy -------------------------------------------------------------------- */

bool wr_backup_makes(const char *name)
{
	uint32_t log_id, file_number;
	char checkpoint[WR_STORAGE_NAME_MAX + 1];

	if (strcmp(name, WR_SUPERBLOCK_NAME) == 0 ||
	    wr_segment_name_parse(name, &log_id, &file_number))
		return true;
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++) {
		wr_checkpoint_name(checkpoint, 0, copy);
		if (strcmp(name, checkpoint) == 0)
			return true;
	}
	return false;
}

static int open_new(struct backup *b, const char *name, uint32_t *ret_file)
{
	return b->to->ops->file_open(b->to, name, WR_FILE_CREATE | WR_FILE_EXCLUSIVE | WR_FILE_KEEP,
				     ret_file);
}

static int tell_progress(struct backup *b)
{
	const struct wr_backup_progress progress = {
		.segments = b->report->segment_count - (b->is_open ? 1 : 0),
		.segments_total = b->segments_total,
		.written_bytes = b->report->written_bytes,
		.last_seq = b->report->last_seq,
		.tries = b->report->tries,
	};

	return b->options->progress != NULL ? b->options->progress(b->options->context, &progress)
					    : 0;
}

/* 0, or write_code. */
static int flush(struct backup *b)
{
	if (b->write_code != 0 || b->fill == 0)
		return b->write_code;
	int r = b->to->ops->write(b->to, b->file, b->buffer, b->fill, b->written_bytes);
	if (r < 0)
		return b->write_code = fail_write(b, r);
	b->written_bytes += b->fill;
	b->report->written_bytes += b->fill;
	b->fill = 0;
	return b->write_code = tell_progress(b);
}

/* The next bytes of the file; NULL: zeros. flush() says whether they could be written. */
static void put(struct backup *b, const uint8_t *bytes, uint64_t length_bytes)
{
	while (b->write_code == 0 && length_bytes > 0) {
		uint32_t part = (uint32_t)wr_min_u64(length_bytes, BUFFER_BYTES - b->fill);
		if (bytes != NULL) {
			memcpy(b->buffer + b->fill, bytes, part);
			bytes += part;
		} else {
			memset(b->buffer + b->fill, 0, part);
		}
		b->fill += part;
		length_bytes -= part;
		if (b->fill == BUFFER_BYTES)
			(void)flush(b);
	}
}

/* Zeros up to a place, which is not behind what was put. */
static void put_zeros_to(struct backup *b, uint64_t offset)
{
	uint64_t at = b->written_bytes + b->fill;

	if (offset < at)
		b->write_code = fail(b, -EIO, "segments", "the journal did not keep still");
	else
		put(b, NULL, offset - at);
}

static int end_segment(struct backup *b)
{
	if (!b->is_open)
		return 0;
	put_zeros_to(b, b->source.superblock.segment_bytes);
	int r = flush(b);
	b->is_open = false;
	(void)b->to->ops->file_close(b->to, b->file);
	return r == 0 ? tell_progress(b) : r;
}

/* A header of its own: what the source's may have lost is proven by the walk. */
static void put_header(struct backup *b, const struct wr_batch_header *first)
{
	const struct wr_superblock *s = &b->source.superblock;
	uint8_t block[WR_BLOCK_BYTES] = {0};
	struct wr_segment_header header = {
		.segment_id = first->segment_id,
		.segment_bytes = s->segment_bytes,
		.epoch = first->epoch,
		.chunk_bytes = s->chunk_bytes,
		.block_bytes = WR_BLOCK_BYTES,
		.assigned_us = first->time_base_us,
		.previous_segment_id = b->has_last ? b->last.segment_id : 0,
	};

	memcpy(header.uuid, s->uuid, sizeof header.uuid);
	wr_segment_header_encode(&header, block);
	put(b, block, sizeof block);
}

static int begin_segment(struct backup *b, const struct wr_batch_header *first)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	int r = end_segment(b);

	if (r != 0)
		return r;
	wr_segment_name(name, 0, (uint32_t)b->report->segment_count);
	r = open_new(b, name, &b->file);
	if (r < 0)
		return fail_write(b, r);
	b->is_open = true;
	b->written_bytes = 0;
	b->fill = 0;
	b->report->segment_count++;
	if (!b->has_last) {
		b->first_id = first->segment_id;
		b->report->first_seq = first->first_seq;
	}
	put_header(b, first);
	return 0;
}

/* --- what the walk tells ---------------------------------------------------------------------- */

static int on_begin(void *context, uint64_t segment_count)
{
	struct backup *b = context;
	const struct wr_superblock *s = &b->source.superblock;
	uint64_t wanted =
		(segment_count * s->segment_bytes) + WR_SUPERBLOCK_COPIES * WR_BLOCK_BYTES;
	uint64_t free_bytes = 0;

	b->segments_total = segment_count;
	b->bound_id = s->newest_segment_id;
	if (b->to->file_bytes_max != 0 && s->segment_bytes > b->to->file_bytes_max)
		return stop(b, fail(b, -EFBIG, "destination",
				    "segment files are larger than this process may write "
				    "(RLIMIT_FSIZE): ulimit -f unlimited"));
	int r = b->to->ops->free_bytes(b->to, &free_bytes);
	if (r < 0)
		return stop(b, fail_write(b, r));
	return free_bytes < wanted ? stop(b, fail_room(b, wanted, free_bytes)) : 0;
}

/* Body and header; which of the two files count is seen at the cut. */
static int on_checkpoint(void *context, uint32_t copy, const struct wr_checkpoint_header *header,
			 const uint8_t *body)
{
	struct backup *b = context;
	uint8_t block[WR_BLOCK_BYTES] = {0};
	char name[WR_STORAGE_NAME_MAX + 1];

	wr_checkpoint_name(name, 0, copy);
	int r = open_new(b, name, &b->file);
	if (r < 0)
		return stop(b, fail_write(b, r));
	b->has_checkpoint[copy] = true;
	b->checkpoints[copy] = *header;
	b->bound_id = wr_max_u64(b->bound_id, header->segment_id);
	b->written_bytes = 0;
	b->fill = 0;
	wr_checkpoint_header_encode(header, block);
	put(b, block, sizeof block);
	put(b, body, header->body_bytes);
	put_zeros_to(b, wr_round_up(b->written_bytes + b->fill, WR_BLOCK_BYTES));
	r = flush(b);
	(void)b->to->ops->file_close(b->to, b->file);
	return r != 0 ? stop(b, r) : 0;
}

/* Whether the look before this one stopped at the same damage, or there were looks enough. */
static bool is_confirmed(struct backup *b, const struct wr_damage *d)
{
	bool same = b->looks > 0 && b->suspect.kind == d->kind &&
		    b->suspect.segment_id == d->segment_id && b->suspect.offset == d->offset &&
		    b->suspect.first_seq == d->first_seq;

	b->suspect = *d;
	return same || b->looks++ == LOOKS_MAX;
}

static int on_damage(void *context, const struct wr_damage *damage)
{
	struct backup *b = context;

	if (!damage->corrupt)
		return 0;
	if (!b->options->damaged && !is_confirmed(b, damage)) {
		b->is_suspicious = true;
		return stop(b, WEIR_E_AGAIN);
	}
	if (b->options->damage != NULL)
		b->options->damage(b->options->context, damage);
	return b->options->damaged ? 0 : stop(b, fail_damage(b, damage));
}

static int on_batch(void *context, const struct wr_batch_header *batch)
{
	struct backup *b = context;
	int r = 0;

	/* Where nothing is on record, the log's end is all there is. */
	if (batch->segment_id > b->bound_id && b->bound_id != 0)
		return STOP;
	if (WR_BUG(BACKUP_WITHOUT_NEWEST) && batch->segment_id == b->bound_id)
		return STOP;
	if (!b->has_last || batch->segment_id != b->last.segment_id)
		r = begin_segment(b, batch);
	if (r != 0)
		return stop(b, r);
	put_zeros_to(b, batch->segment_offset);
	put(b, (const uint8_t *)batch, batch->batch_bytes);
	b->last = *batch;
	b->has_last = true;
	b->report->last_seq = batch->first_seq + batch->record_count - 1;
	b->report->record_count += batch->record_count;
	return b->write_code != 0 ? stop(b, b->write_code) : 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Whether an open of the copy finds its batch, and everything that it says is needed. */
static bool is_usable(const struct backup *b, const struct wr_checkpoint_header *c)
{
	bool is_before_cut =
		c->segment_id < b->last.segment_id || (c->segment_id == b->last.segment_id &&
						       c->segment_offset <= b->last.segment_offset);

	return b->has_last && is_before_cut && c->segment_id >= b->first_id &&
	       c->last_seq <= b->report->last_seq &&
	       b->report->first_seq <= wr_min_u64(wr_max_u64(c->needed_seq, 1), c->last_seq);
}

static int choose_checkpoints(struct backup *b)
{
	bool had_any = b->has_checkpoint[0] || b->has_checkpoint[1];
	char name[WR_STORAGE_NAME_MAX + 1];

	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++) {
		if (!b->has_checkpoint[copy])
			continue;
		if (is_usable(b, &b->checkpoints[copy])) {
			b->report->checkpoint_seq = wr_max_u64(b->report->checkpoint_seq,
							       b->checkpoints[copy].last_seq);
			continue;
		}
		wr_checkpoint_name(name, 0, copy);
		int r = b->to->ops->file_remove(b->to, name);
		if (r < 0)
			return fail_write(b, r);
		b->has_checkpoint[copy] = false;
	}
	if (b->report->checkpoint_seq != 0 || b->report->first_seq <= 1 || b->options->damaged)
		return 0;
	if (had_any)
		return WEIR_E_AGAIN; /* the owner was faster than this try */
	return fail(b, WEIR_E_CORRUPT, "checkpoints",
		    "no checkpoint is whole, and the log without its first events needs one");
}

/*
 * What a reader must know. The superblock says so before the first batch needs it; one that was
 * read when this began may not yet: so it is read once more, behind the last batch that is copied.
 */
static int add_features(struct backup *b, struct wr_superblock *s)
{
	struct wr_superblock now;
	int r = wr_verify_superblock(b->from, b->memory, &now, b->problem);

	if (r < 0)
		return r;
	if (memcmp(now.uuid, s->uuid, WR_UUID_BYTES) != 0)
		return fail(b, -ESTALE, WR_SUPERBLOCK_NAME, "another journal has taken its place");
	if (!WR_BUG(BACKUP_FEATURES_OF_BEFORE)) {
		s->features_must |= now.features_must;
		memcpy(s->chain_check, now.chain_check, sizeof s->chain_check);
	}
	s->features_must &= ~WR_SUPERBLOCK_PACKED; /* the copy is plain */
	return 0;
}

/* The journal as if its owner had closed it at the cut. */
static int write_superblock(struct backup *b)
{
	struct wr_superblock s = b->source.superblock;
	const struct wr_batch_header *last = &b->last;
	uint32_t file;
	int r = add_features(b, &s);

	if (r < 0)
		return r;
	s.clean = b->has_last ? 1 : 0;
	s.clean_segment_id = last->segment_id;
	s.clean_offset = last->segment_offset + last->batch_bytes + last->skip_bytes;
	s.clean_last_seq = b->report->last_seq;
	s.clean_header_crc = last->header_crc;
	s.oldest_segment_id = b->first_id;
	s.oldest_seq = b->report->first_seq;
	s.newest_segment_id = last->segment_id;
	s.durable_seq = b->report->last_seq;
	s.erased_seq = 0; /* who opens the copy looks again */
	if (last->epoch > s.epoch)
		s.epoch = last->epoch; /* its owner was opened again meanwhile */
	r = open_new(b, WR_SUPERBLOCK_NAME, &file);
	if (r < 0)
		return fail_write(b, r);
	r = wr_superblock_write(b->to, b->memory, file, 0, &s);
	(void)b->to->ops->file_close(b->to, file);
	b->report->superblock = s;
	return r < 0 ? fail_write(b, r) : 0;
}

static int finish(struct backup *b)
{
	int r = end_segment(b);

	if (r == 0)
		r = choose_checkpoints(b);
	if (r != 0)
		return r;
	/* The names of what it speaks of are durable before the superblock is. */
	r = WR_BUG(BACKUP_NAMES_UNSYNCED) ? 0 : b->to->ops->sync_dir(b->to);
	if (r < 0)
		return fail_write(b, r);
	r = write_superblock(b);
	if (r != 0)
		return r;
	r = b->to->ops->sync_dir(b->to);
	return r < 0 ? fail_write(b, r) : 0;
}

static int remove_if_there(struct backup *b, const char *name)
{
	int r = b->to->ops->file_remove(b->to, name);

	return r == -ENOENT ? 0 : r;
}

/* The superblock first: what is left of a copy that is not whole has none. */
static int wipe(struct backup *b)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	int r = 0;

	if (b->is_open)
		(void)b->to->ops->file_close(b->to, b->file);
	b->is_open = false;
	r = remove_if_there(b, WR_SUPERBLOCK_NAME);
	for (uint32_t copy = 0; r == 0 && copy < WR_CHECKPOINT_COPIES; copy++) {
		wr_checkpoint_name(name, 0, copy);
		r = remove_if_there(b, name);
	}
	for (uint64_t i = 0; r == 0 && i < b->report->segment_count; i++) {
		wr_segment_name(name, 0, (uint32_t)i);
		r = remove_if_there(b, name);
	}
	return r;
}

/* --- a try ------------------------------------------------------------------------------------ */

/* Where it begins; 0: with the oldest segment. By what the try before has seen. */
static uint64_t begin_seq(const struct backup *b)
{
	uint64_t oldest_seq = b->source.superblock.oldest_seq;
	uint64_t lead = wr_min_u64(b->report->tries - 1, LEADS);

	if (lead == 0 || b->needed_seq <= oldest_seq)
		return 0;
	return lead == LEADS ? b->needed_seq
			     : oldest_seq + (b->needed_seq - oldest_seq) / LEADS * lead;
}

static void note_needed(struct backup *b)
{
	uint64_t needed_seq = UINT64_MAX;

	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++)
		if (b->has_checkpoint[copy])
			needed_seq =
				wr_min_u64(needed_seq, wr_min_u64(b->checkpoints[copy].needed_seq,
								  b->checkpoints[copy].last_seq));
	if (needed_seq != UINT64_MAX)
		b->needed_seq = needed_seq;
}

static int try_once(struct backup *b)
{
	const struct wr_verify_visitor visitor = {
		.damage = on_damage,
		.context = b,
		.begin_seq = begin_seq(b),
		.begin = on_begin,
		.checkpoint = on_checkpoint,
		.any_batch = on_batch,
		.is_dense = !WR_BUG(BACKUP_OVER_A_HOLE),
	};
	struct wr_backup_report fresh = {.tries = b->report->tries};

	*b->report = fresh;
	b->code = b->write_code = 0;
	b->first_id = 0;
	b->has_last = false;
	b->last = (struct wr_batch_header){.epoch = 0};
	memset(b->has_checkpoint, 0, sizeof b->has_checkpoint);
	int r = wr_verify_run(b->from, b->memory, 0, UINT64_MAX, &visitor, &b->source, b->problem);
	b->report->corrupt_count = b->source.corrupt_count;
	b->report->harmless_count = b->source.harmless_count;
	note_needed(b);
	if (r == STOP)
		r = b->code;
	return r == 0 ? finish(b) : r;
}

int wr_backup_run(struct wr_storage *from, struct wr_storage *to, struct wr_memory *memory,
		  const struct wr_backup_options *options, struct wr_backup_report *ret_report,
		  struct weir_problem *reterr_problem)
{
	struct backup b = {
		.from = from,
		.to = to,
		.memory = memory,
		.options = options,
		.report = ret_report,
		.problem = reterr_problem,
	};
	int r = WEIR_E_AGAIN;

	*ret_report = (struct wr_backup_report){.tries = 0};
	b.buffer = wr_memory_alloc_payload(memory, BUFFER_BYTES);
	if (b.buffer == NULL)
		return fail(&b, -ENOMEM, "journal", "no memory to copy with");
	while (r == WEIR_E_AGAIN && ret_report->tries < TRIES_MAX) {
		/* A second look at damage is no further try: it begins where the first did. */
		ret_report->tries += b.is_suspicious ? 0 : 1;
		b.is_suspicious = false;
		r = try_once(&b);
		int wiped = r != 0 ? wipe(&b) : 0;
		if (r == WEIR_E_AGAIN && wiped < 0)
			r = fail_write(&b, wiped);
	}
	wr_memory_free_payload(memory, b.buffer, BUFFER_BYTES);
	if (r == WEIR_E_AGAIN)
		return fail(&b, r, "retention_bytes",
			    "the owner uses segments again faster than they can be copied: keep "
			    "more of the log, or copy to a faster disk");
	return r;
}
