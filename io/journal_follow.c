/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_journal_follow(): reading along behind a running owner (L36).
 *
 * Happy path: a verifying walk finds the batch that holds the wanted sequence. From there headers
 * are scanned forward, over fillers and segments, each bound to the one before by its chain; each
 * says how far the log is durable, and batches below that are read whole, verified and shown.
 *
 * What else can happen:
 *   nothing valid at the place   not written yet, or half written: idle, look again
 *   the owner was reopened       the epoch in the superblock rises, and the log may go on
 *                                elsewhere: find the place anew by a verifying walk
 *   a later segment has begun    so it does not go on here: the same
 *   the segment was recycled     what was shown attested does not verify any more: the same
 * The verifying walk reads the whole journal, unless the visitor says `begin_near`, so it is
 * repeated at doubling intervals as long as it does not help. Ranges that are passed over by it are
 * reported: retired, or corrupt.
 *
 * Bound: at most PENDING_MAX batches that are not yet attested are remembered.
 *
 * Thread: the caller's. Read-only.
 */
#include "core/journal/unpack.h"
#include "io/journal_inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_MAX 64u
#define RELOCATE_IDLES_MIN 4u
#define RELOCATE_IDLES_MAX 1024u
#define LOCATED 1
#define CHUNK_BYTES_MAX (1u << 30)

struct pending {
	uint64_t segment_id;
	uint64_t offset;
	uint64_t end_seq;
	uint32_t batch_bytes;
	uint32_t file;
	bool packed;
};

struct follow {
	struct wr_inspect in;
	struct wr_superblock superblock;
	uint8_t *buffer; /* a chunk */
	bool located;
	bool moved;           /* the owner was reopened, or the log went on elsewhere */
	uint64_t next_seq;    /* to be shown next; 0: whatever is the oldest */
	uint64_t durable_seq; /* highest that a header seen attests */
	uint64_t segment_id;  /* where the next header is looked for */
	uint64_t offset;
	uint32_t chain;
	uint32_t file;
	bool file_open;
	bool packed;             /* `file` is (core/journal/packed.h) */
	struct wr_unpack unpack; /* made with the first of them */
	uint32_t old_file;       /* of the segment before, while `pending` still needs it */
	bool old_open;
	struct pending pending[PENDING_MAX];
	uint32_t pending_head;
	uint32_t pending_count;
	uint32_t idle_count; /* in a row */
	uint32_t relocate_after;
	/* Of the verifying walk. */
	uint64_t corrupt_end_seq; /* damage reported up to here */
	uint64_t located_first_seq;
};

static void close_files(struct follow *f)
{
	if (f->file_open)
		f->in.storage->ops->file_close(f->in.storage, f->file);
	if (f->old_open)
		f->in.storage->ops->file_close(f->in.storage, f->old_file);
	f->file_open = false;
	f->old_open = false;
}

/* The newest good copy; else as wr_verify_superblock(). */
static int read_superblock(struct follow *f, struct wr_superblock *ret_superblock,
			   struct weir_problem *reterr_problem)
{
	return wr_verify_superblock(f->in.storage, &f->in.memory.memory, ret_superblock,
				    reterr_problem);
}

/* --- segments --------------------------------------------------------------------------------- */

struct segment_search {
	struct follow *follow;
	bool exact; /* this id; else the lowest above it */
	uint64_t wanted_id;
	uint64_t found_id; /* 0: none */
	bool packed;
	uint32_t generation; /* where packed */
	char name[WR_STORAGE_NAME_MAX + 1];
};

/* Which one this file is, whose first block is in the buffer; 0: none of this journal. */
static uint64_t segment_in(struct follow *f, uint32_t file, bool *ret_packed,
			   uint32_t *ret_generation)
{
	struct wr_segment_header header;
	struct wr_packed_header packed;
	enum wr_block_verdict verdict = WR_BLOCK_BAD;
	bool from_copy;
	uint64_t bytes = 0;

	*ret_packed = false;
	if (wr_segment_header_decode(f->buffer, &header) == WR_BLOCK_VALID)
		return memcmp(header.uuid, f->superblock.uuid, WR_UUID_BYTES) == 0
			       ? header.segment_id
			       : 0;
	if (f->in.storage->ops->file_bytes(f->in.storage, file, &bytes) < 0 ||
	    wr_unpack_look(f->in.storage, file, bytes, f->buffer, f->buffer + WR_BLOCK_BYTES,
			   &verdict, &packed, &from_copy) < 0 ||
	    verdict != WR_BLOCK_VALID || packed.state != WR_PACKED_SEGMENT ||
	    memcmp(packed.uuid, f->superblock.uuid, WR_UUID_BYTES) != 0)
		return 0;
	*ret_packed = true;
	*ret_generation = packed.generation;
	return packed.segment_id;
}

/* Bytes of a segment, whichever way it is kept. */
static int read_segment(struct follow *f, uint32_t file, uint64_t segment_id, bool packed,
			uint32_t length_bytes, uint64_t offset)
{
	const struct wr_superblock *s = &f->superblock;
	const struct wr_unpack_source from = {f->in.storage, file, segment_id};

	if (!packed)
		return wr_inspect_read(&f->in, file, f->buffer, length_bytes, offset);
	if (f->unpack.memory == NULL) {
		int code = wr_unpack_init(&f->unpack, f->in.storage, &f->in.memory.memory, s->uuid,
					  0, s->chunk_bytes, s->segment_bytes, true);
		if (code < 0)
			return code;
	}
	int64_t n = wr_unpack_read(&f->unpack, &from, f->buffer, length_bytes, offset);
	if (n < 0)
		return (int)n;
	return n == (int64_t)length_bytes ? 0 : -EIO;
}

static int look_at_file(void *context, const char *name)
{
	struct segment_search *search = context;
	struct follow *f = search->follow;
	struct wr_storage *storage = f->in.storage;
	uint32_t log_id;
	uint32_t file_number;
	uint32_t file;
	uint64_t id = 0;
	uint32_t generation = 0;
	bool packed = false;

	if (!wr_segment_name_parse(name, &log_id, &file_number) || log_id != 0)
		return 0;
	if (storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &file) < 0)
		return 0;
	if (wr_inspect_read(&f->in, file, f->buffer, WR_BLOCK_BYTES, 0) == 0)
		id = segment_in(f, file, &packed, &generation);
	storage->ops->file_close(storage, file);
	if (id == 0)
		return 0;
	bool fits = search->exact ? id == search->wanted_id
				  : id > search->wanted_id &&
					    (search->found_id == 0 || id < search->found_id);
	/* Of a segment and what was packed from it, the packed one stays, whichever came first; of
	 * those the one that was packed last. */
	bool is_later = packed && (!search->packed || generation > search->generation);
	if (id == search->found_id ? is_later : fits) {
		search->found_id = id;
		search->packed = packed;
		search->generation = generation;
		snprintf(search->name, sizeof search->name, "%s", name);
	}
	return 0;
}

/* 0 and the open file; -ENOENT. */
static int find_segment(struct follow *f, bool exact, uint64_t wanted_id, uint64_t *ret_id,
			uint32_t *ret_file, bool *ret_packed)
{
	struct wr_storage *storage = f->in.storage;
	struct segment_search search = {.follow = f, .exact = exact, .wanted_id = wanted_id};

	int code = storage->ops->file_each(storage, look_at_file, &search);
	if (code < 0)
		return code;
	if (search.found_id == 0)
		return -ENOENT;
	*ret_id = search.found_id;
	*ret_packed = search.packed;
	return storage->ops->file_open(storage, search.name, WR_FILE_READ_ONLY, ret_file);
}

/* --- the verifying walk ----------------------------------------------------------------------- */

static int locate_batch(void *context, const struct wr_batch_header *batch)
{
	struct follow *f = context;

	/* What stands before the place is not shown, but names what comes. */
	wr_inspect_names(&f->in, batch);
	f->located = true;
	f->moved = batch->epoch != f->superblock.epoch;
	f->segment_id = batch->segment_id;
	f->located_first_seq = batch->first_seq;
	if (batch->first_seq + batch->record_count > f->next_seq) {
		f->offset = batch->segment_offset;
		f->chain = batch->chain;
		return LOCATED;
	}
	/* The last one that stays: the log goes on behind it. */
	f->offset = batch->segment_offset + batch->batch_bytes;
	f->chain = batch->header_crc;
	f->located_first_seq = f->next_seq;
	return 0;
}

static int locate_damage(void *context, const struct wr_damage *damage)
{
	struct follow *f = context;

	if (!damage->corrupt || damage->end_seq <= f->next_seq ||
	    damage->end_seq <= f->corrupt_end_seq)
		return 0;
	f->corrupt_end_seq = damage->end_seq;
	return wr_inspect_damage(&f->in, damage);
}

/* Events between what was shown and what is there now: gone, or damaged, which was told already. */
static int report_skipped(struct follow *f)
{
	struct weir_journal_damage public = {.kind = WEIR_JOURNAL_RETIRED,
					     .first_sequence = f->next_seq,
					     .end_sequence = f->located_first_seq};

	if (f->next_seq <= 1 || f->located_first_seq <= f->next_seq ||
	    f->corrupt_end_seq > f->next_seq || f->in.visitor.damage == NULL)
		return 0;
	snprintf(public.text, sizeof public.text,
		 "these events were retired before they were read");
	return f->in.visitor.damage(f->in.visitor.context, &public);
}

/* 0: `located` says whether there is anything to start from. */
static int locate(struct follow *f, struct weir_problem *reterr_problem)
{
	struct wr_verify_visitor walk = {.damage = locate_damage,
					 .batch = locate_batch,
					 .context = f,
					 .begin_seq = f->in.visitor.begin_near ? f->next_seq : 0};
	struct wr_verify_report report = {0};
	struct wr_superblock superblock;

	close_files(f);
	f->located = false;
	f->moved = false;
	f->pending_count = 0;
	wr_unpack_forget(&f->unpack); /* numbers of files mean others now */
	int code = read_superblock(f, &superblock, reterr_problem);
	if (code < 0)
		return code;
	/* Another journal in the same place: nothing shown so far belongs to it. */
	if (memcmp(superblock.uuid, f->superblock.uuid, WR_UUID_BYTES) != 0)
		return -ESTALE;
	f->superblock = superblock;
	code = wr_verify_run(f->in.storage, &f->in.memory.memory, 0, UINT64_MAX, &walk, &report,
			     reterr_problem);
	if (code < 0 || (code != 0 && code != LOCATED) || !f->located)
		return code;
	/* What an owner left that died is attested by the next one's first batch, in a segment that
	 * the headers from the place on do not lead to. */
	f->durable_seq = wr_max_u64(f->durable_seq, report.durable_seq);
	code = find_segment(f, true, f->segment_id, &f->segment_id, &f->file, &f->packed);
	if (code == -ENOENT) {
		/* Recycled in between: look again at the next idle. */
		f->located = false;
		return 0;
	}
	if (code < 0)
		return code;
	f->file_open = true;
	code = report_skipped(f);
	if (f->located_first_seq > f->next_seq)
		f->next_seq = f->located_first_seq;
	return code;
}

/* --- reading along ---------------------------------------------------------------------------- */

static uint64_t extent_end(const struct follow *f, uint64_t offset)
{
	uint64_t chunk_bytes = f->superblock.chunk_bytes;

	return WR_BLOCK_BYTES + ((offset - WR_BLOCK_BYTES) / chunk_bytes + 1) * chunk_bytes;
}

/* Shows the oldest pending batch. 0; what the visitor returned; -EAGAIN: it is there no more. */
static int show_pending(struct follow *f)
{
	const struct pending *p = &f->pending[f->pending_head];
	struct wr_batch_place place = {.uuid = f->superblock.uuid,
				       .segment_id = p->segment_id,
				       .segment_offset = p->offset};

	if (read_segment(f, p->file, p->segment_id, p->packed, p->batch_bytes, p->offset) < 0 ||
	    wr_batch_check(f->buffer, p->batch_bytes, &place) != WR_BATCH_VALID)
		return -EAGAIN;
	f->in.visitor.from_sequence = wr_max_u64(f->in.visitor.from_sequence, f->next_seq);
	int code = wr_inspect_batch(&f->in, (const struct wr_batch_header *)f->buffer);
	f->next_seq = p->end_seq;
	f->pending_head = (f->pending_head + 1) % PENDING_MAX;
	f->pending_count--;
	return code;
}

static void remember(struct follow *f, const struct wr_batch_header *h)
{
	uint32_t slot = (f->pending_head + f->pending_count) % PENDING_MAX;

	f->pending[slot] = (struct pending){.segment_id = h->segment_id,
					    .offset = h->segment_offset,
					    .end_seq = h->first_seq + h->record_count,
					    .batch_bytes = h->batch_bytes,
					    .file = f->file,
					    .packed = f->packed};
	f->pending_count++;
}

/* The first header of the next segment must follow ours. True when the scan goes on there. */
static bool enter_next_segment(struct follow *f)
{
	struct wr_batch_header *h = (struct wr_batch_header *)f->buffer;
	uint64_t id;
	uint32_t file;
	bool packed;

	if (f->old_open && f->pending_count > 0 && f->pending[f->pending_head].file == f->old_file)
		return false;
	if (find_segment(f, false, f->segment_id, &id, &file, &packed) < 0)
		return false;
	struct wr_batch_place place = {
		.uuid = f->superblock.uuid, .segment_id = id, .segment_offset = WR_BLOCK_BYTES};
	if (read_segment(f, file, id, packed, WR_BLOCK_BYTES, WR_BLOCK_BYTES) < 0 ||
	    wr_batch_check_header(f->buffer, f->superblock.chunk_bytes, &place) != WR_BATCH_VALID) {
		f->in.storage->ops->file_close(f->in.storage, file);
		return false;
	}
	/* It goes on there, but not behind what we have seen: the end here was trimmed. */
	if (h->chain != f->chain) {
		f->moved = true;
		f->in.storage->ops->file_close(f->in.storage, file);
		return false;
	}
	if (f->old_open)
		f->in.storage->ops->file_close(f->in.storage, f->old_file);
	f->old_file = f->file;
	f->old_open = f->file_open;
	f->file = file;
	f->packed = packed;
	f->file_open = true;
	f->segment_id = id;
	f->offset = WR_BLOCK_BYTES;
	return true;
}

/* One header forward. True when there was one. */
static bool scan(struct follow *f)
{
	const struct wr_batch_header *h = (const struct wr_batch_header *)f->buffer;

	if (f->pending_count == PENDING_MAX)
		return false;
	if (f->offset >= f->superblock.segment_bytes)
		return enter_next_segment(f);
	struct wr_batch_place place = {.uuid = f->superblock.uuid,
				       .segment_id = f->segment_id,
				       .segment_offset = f->offset};
	uint64_t room_bytes = extent_end(f, f->offset) - f->offset;
	if (read_segment(f, f->file, f->segment_id, f->packed, WR_BLOCK_BYTES, f->offset) < 0 ||
	    wr_batch_check_header(f->buffer, room_bytes, &place) != WR_BATCH_VALID ||
	    h->chain != f->chain)
		return false;
	f->durable_seq = wr_max_u64(f->durable_seq, h->durable_seq);
	if (h->batch_kind == WR_BATCH_DATA && h->first_seq + h->record_count > f->next_seq)
		remember(f, h);
	if (h->epoch == f->superblock.epoch)
		f->moved = false;
	f->chain = h->header_crc;
	f->offset += (uint64_t)h->batch_bytes + h->skip_bytes;
	return true;
}

/* Has the owner been reopened, or does the log go on elsewhere? */
static void look_around(struct follow *f)
{
	struct wr_superblock superblock;

	if (read_superblock(f, &superblock, NULL) == 0) {
		if (superblock.epoch != f->superblock.epoch) {
			f->moved = true;
			f->relocate_after = RELOCATE_IDLES_MIN;
			f->superblock.epoch = superblock.epoch;
		}
		/* A clean end: all of it is durable, whether or not a header could still say so. */
		if (superblock.clean != 0 && superblock.epoch == f->superblock.epoch)
			f->durable_seq = wr_max_u64(f->durable_seq, superblock.clean_last_seq);
	}
	/* At the end of a segment scan() looks for the next one itself. */
	if (f->idle_count % 10 == 0 && f->offset < f->superblock.segment_bytes)
		enter_next_segment(f);
}

static int idle(struct follow *f, struct weir_problem *reterr_problem)
{
	int code = f->in.visitor.idle(f->in.visitor.context);

	if (code != 0)
		return code;
	f->idle_count++;
	if (f->located)
		look_around(f);
	if (f->located && !f->moved)
		return 0;
	/* Without a place there is next to nothing to read: no need to wait longer and longer. */
	if (f->idle_count < (f->located ? f->relocate_after : RELOCATE_IDLES_MIN))
		return 0;
	f->idle_count = 0;
	if (f->relocate_after < RELOCATE_IDLES_MAX)
		f->relocate_after *= 2;
	return locate(f, reterr_problem);
}

static int follow(struct follow *f, struct weir_problem *reterr_problem)
{
	int code = locate(f, reterr_problem);

	while (code == 0) {
		bool worked = false;
		if (f->located && f->pending_count > 0 &&
		    f->pending[f->pending_head].end_seq <= f->durable_seq + 1) {
			code = show_pending(f);
			worked = code != -EAGAIN;
			if (code == -EAGAIN) {
				f->located = false;
				code = 0;
			}
		} else if (f->located) {
			worked = scan(f);
		}
		if (worked) {
			f->idle_count = 0;
			f->relocate_after = RELOCATE_IDLES_MIN;
		} else if (code == 0) {
			code = idle(f, reterr_problem);
		}
	}
	return code;
}

int weir_journal_follow(const char *dir, const struct weir_journal_visitor *visitor,
			struct weir_problem *reterr_problem)
{
	if (visitor == NULL || visitor->idle == NULL)
		return -EINVAL;
	struct follow *f = calloc(1, sizeof *f);
	if (f == NULL)
		return -ENOMEM;
	f->next_seq = visitor->from_sequence;
	f->relocate_after = RELOCATE_IDLES_MIN;
	if (reterr_problem != NULL)
		*reterr_problem = (struct weir_problem){0};
	int code = wr_inspect_open(&f->in, dir, visitor, reterr_problem);
	if (code == 0)
		code = read_superblock(f, &f->superblock, reterr_problem);
	if (code == 0 && (f->superblock.chunk_bytes < WR_BLOCK_BYTES ||
			  f->superblock.chunk_bytes > CHUNK_BYTES_MAX ||
			  f->superblock.chunk_bytes % WR_BLOCK_BYTES != 0))
		code = WEIR_E_CORRUPT;
	if (code == 0) {
		struct wr_memory *memory = &f->in.memory.memory;
		size_t buffer_bytes = f->superblock.chunk_bytes;
		f->buffer = memory->ops->alloc(memory, buffer_bytes, WR_BLOCK_BYTES);
		code = f->buffer != NULL ? follow(f, reterr_problem) : -ENOMEM;
		close_files(f);
		wr_unpack_fini(&f->unpack);
		if (f->buffer != NULL)
			memory->ops->free(memory, f->buffer, buffer_bytes);
	}
	if (code < 0 && reterr_problem != NULL && reterr_problem->code == 0) {
		reterr_problem->code = code;
		snprintf(reterr_problem->text, sizeof reterr_problem->text, "%s: %s", dir,
			 weir_strerror(code));
	}
	wr_inspect_close(&f->in);
	free(f);
	return code;
}
