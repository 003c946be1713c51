/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One extent of cold data, verified. See reader.h.
 *
 * What bounds it: nothing above `limit_seq` is handed out, which is the caller's durable sequence
 * and the last sequence in front of the next segment, whichever is lower. The second bound is the
 * epoch rule (R6): a trimmed batch has a sequence that the next epoch gave again, and that epoch
 * begins in a segment of its own, or exactly where its predecessor ended, with nothing left behind
 * that place (recovery_resume.c). So the reader needs no record of epochs.
 *
 * What is known beforehand: the first sequence of a segment (the table) and of an extent whose
 * first header is good. From there every batch has to continue the one before, in sequence, epoch
 * and chain; a later epoch may begin where it says that this one ended. Where one does not, the
 * extent is read once more (its owner may have been writing it) and walked from its beginning: what
 * was good in the first reading need not be in the second, if the segment is retired and used again
 * meanwhile. Then the next good header is looked for: if it continues the sequence, only blocks
 * without records were damaged; if not, what lies between is lost and is said to be, to whom asks
 * for it.
 *
 * Thread: any number of readers, each in one thread. Blocks. Allocates at init only.
 */
#include "core/journal/reader_find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/record/epoch.h"

#define READ_BYTES_MAX (1u << 20)

int wr_reader_init(struct wr_reader *r, struct wr_segment_table *table, struct wr_storage *storage,
		   struct wr_memory *memory)
{
	r->table = table;
	r->storage = storage;
	r->unpack = (struct wr_unpack){.memory = NULL};
	r->next_segment_id = r->next_index = r->next_seq = 0;
	r->scratch = wr_memory_alloc_payload(memory, WR_BLOCK_BYTES);
	if (r->scratch == NULL)
		return -ENOMEM;
	if (!table->has_packed)
		return 0;
	int rc = wr_unpack_init(&r->unpack, storage, memory, table->uuid, table->log_id,
				table->chunk_bytes, table->segment_bytes, false);
	return rc == 0 ? wr_unpack_decoders(&r->unpack, table->codecs) : rc;
}

void wr_reader_fini(struct wr_reader *r, struct wr_memory *memory)
{
	wr_memory_free_payload(memory, r->scratch, WR_BLOCK_BYTES);
	r->scratch = NULL;
	wr_unpack_fini(&r->unpack);
}

/* --- problems --------------------------------------------------------------------------------- */

static int fail_corrupt(struct wr_reader *r, const struct wr_reader_place *p, uint64_t offset,
			uint64_t first_seq, uint64_t end_seq, struct weir_problem *reterr_problem)
{
	struct wr_segment_found now;

	/* T1: the segment may have been retired meanwhile, and its file be another one by now. */
	if (!wr_segment_find(r->table, first_seq, &now))
		return WEIR_E_TRUNCATED;
	if (reterr_problem == NULL)
		return WEIR_E_CORRUPT;
	*reterr_problem = (struct weir_problem){.code = WEIR_E_CORRUPT};
	(void)snprintf(reterr_problem->field, sizeof reterr_problem->field, "segment %llu",
		       (unsigned long long)p->segment.segment_id);
	(void)snprintf(reterr_problem->text, sizeof reterr_problem->text,
		       "log %u, segment %llu, offset %llu: sequences %llu to %llu are damaged",
		       r->table->log_id, (unsigned long long)p->segment.segment_id,
		       (unsigned long long)offset, (unsigned long long)first_seq,
		       (unsigned long long)(end_seq - 1));
	return WEIR_E_CORRUPT;
}

static int fail_reading(struct wr_reader *r, const struct wr_reader_place *p, int code,
			struct weir_problem *reterr_problem)
{
	if (code < 0 && wr_reader_has_left(r, p))
		return WEIR_E_TRUNCATED;
	if (reterr_problem == NULL || code >= 0)
		return code;
	*reterr_problem = (struct weir_problem){.code = code};
	(void)snprintf(reterr_problem->field, sizeof reterr_problem->field, "segment %llu",
		       (unsigned long long)p->segment.segment_id);
	(void)snprintf(reterr_problem->text, sizeof reterr_problem->text,
		       "log %u: reading segment %llu failed", r->table->log_id,
		       (unsigned long long)p->segment.segment_id);
	return code;
}

/* --- one extent ------------------------------------------------------------------------------- */

/* The state of a walk through one extent. */
struct walk {
	struct wr_reader *r;
	const struct wr_reader_place *p;
	uint64_t extent;    /* offset in the file */
	uint64_t first_seq; /* where it begins */
	uint8_t *buffer;
	uint32_t available_bytes;
	bool was_read_again;
	uint32_t at;  /* offset in the extent */
	uint64_t seq; /* expected there */
	uint32_t chain;
	uint32_t epoch; /* 0: any, with any chain */
	struct wr_extent_view *view;
	uint64_t hole_end_seq; /* the walk ended in front of a hole that ends here; 0: it did not */
};

/* Into the buffer, and the walk is at its beginning: nothing that is in it was looked at. */
static int read_extent(struct walk *w)
{
	uint32_t chunk_bytes = w->r->table->chunk_bytes, got = 0;

	w->at = 0;
	w->seq = w->first_seq;
	w->chain = 0;
	w->epoch = 0;
	w->view->batch_count = 0;
	w->view->first_seq = w->first_seq;
	if (w->p->segment.packed) {
		const struct wr_unpack_source from = wr_reader_source(w->r, w->p);
		w->available_bytes = chunk_bytes;
		return wr_unpack_extent(&w->r->unpack, &from,
					(w->extent - WR_BLOCK_BYTES) / chunk_bytes, w->buffer);
	}
	while (got < chunk_bytes) {
		uint32_t length = (uint32_t)wr_min_u64(chunk_bytes - got, READ_BYTES_MAX);
		int64_t n = w->r->storage->ops->read(w->r->storage, w->p->segment.file,
						     w->buffer + got, length, w->extent + got);
		if (n < 0)
			return (int)n;
		got += (uint32_t)n;
		if ((uint32_t)n < length)
			break; /* the file ends here: R8, what is missing is absent */
	}
	w->available_bytes = got;
	return 0;
}

/* Is there a good header at this place of the buffer (and, with `whole`, a good body)? */
static bool is_batch(const struct walk *w, uint32_t at, bool whole)
{
	const struct wr_batch_place place = {w->r->table->uuid, w->r->table->log_id,
					     w->p->segment.segment_id, w->extent + at};
	uint32_t rest_bytes = w->r->table->chunk_bytes - at;
	const struct wr_batch_header *h = (const void *)(w->buffer + at);

	if (at >= w->available_bytes || w->available_bytes - at < WR_BLOCK_BYTES ||
	    wr_batch_check_header(h, rest_bytes, &place) != WR_BATCH_VALID ||
	    !wr_place_is_sound(h, rest_bytes))
		return false;
	return !whole || (h->batch_bytes <= w->available_bytes - at &&
			  wr_batch_check(h, rest_bytes, &place) == WR_BATCH_VALID);
}

/* A later epoch that names exactly this place as the end of the one that the walk is in. */
static bool is_next_epoch(const struct walk *w, const struct wr_batch_header *h)
{
	struct wr_epoch_start start;

	return h->epoch > w->epoch && wr_epoch_start_of(h, &start) && start.epoch == w->epoch &&
	       start.end_segment_id == w->p->segment.segment_id &&
	       start.end_offset == w->extent + w->at && start.last_seq == w->seq - 1 &&
	       start.header_crc == w->chain;
}

static bool continues(const struct walk *w)
{
	const struct wr_batch_header *h = (const void *)(w->buffer + w->at);

	return is_batch(w, w->at, true) && h->first_seq == w->seq &&
	       (w->epoch == 0 ||
		(h->chain == w->chain && (h->epoch == w->epoch || is_next_epoch(w, h))));
}

static void take(struct walk *w)
{
	const struct wr_batch_header *h = (const void *)(w->buffer + w->at);
	struct wr_extent_view *view = w->view;

	if (h->batch_kind == WR_BATCH_DATA) {
		WR_ASSERT(view->batch_count < view->batches_max);
		view->batches[view->batch_count++] = (struct wr_extent_batch){
			.place_bytes = w->at,
			.record_count = h->record_count,
			.first_seq = h->first_seq,
		};
	}
	w->at += h->batch_bytes + h->skip_bytes;
	w->seq = h->first_seq + h->record_count;
	w->chain = h->header_crc;
	w->epoch = h->epoch;
}

/* The next good header behind `at` that does not go back; 0: none. */
static uint32_t find_follower(const struct walk *w)
{
	uint32_t chunk_bytes = w->r->table->chunk_bytes;

	for (uint32_t at = w->at + WR_BLOCK_BYTES; at < chunk_bytes; at += WR_BLOCK_BYTES) {
		const struct wr_batch_header *h = (const void *)(w->buffer + at);
		if (is_batch(w, at, false) && h->first_seq >= w->seq && h->epoch >= w->epoch)
			return at;
	}
	return 0;
}

/*
 * Nothing continues here. 1: look again; 0: the walk is over. Resumes behind the hole when that is
 * where `seq` is, or when there is no hole but only a damaged filler or evidence.
 */
static int handle_hole(struct walk *w, uint64_t seq)
{
	if (!w->was_read_again) {
		w->was_read_again = true;
		/* Its file may have been closed, and the handle be that of another of its kind. */
		wr_unpack_forget(&w->r->unpack);
		int r = read_extent(w);
		return r < 0 ? r : 1;
	}
	uint32_t follower = find_follower(w);
	if (follower == 0)
		return 0;
	const struct wr_batch_header *h = (const void *)(w->buffer + follower);
	if (h->first_seq > w->seq && seq < h->first_seq) {
		w->hole_end_seq = h->first_seq;
		return 0;
	}
	if (h->first_seq > w->seq) {
		w->view->batch_count = 0;
		w->view->first_seq = h->first_seq;
	}
	w->at = follower;
	w->seq = h->first_seq;
	w->epoch = 0;
	return 1;
}

static int walk_extent(struct walk *w, uint64_t seq)
{
	const uint32_t chunk_bytes = w->r->table->chunk_bytes;
	int r = read_extent(w);

	w->view->segment_offset = w->extent;
	while (r >= 0 && w->at < chunk_bytes && w->seq <= w->p->limit_seq) {
		if (continues(w)) {
			take(w);
			continue;
		}
		r = handle_hole(w, seq);
		if (r == 0)
			break;
	}
	return r < 0 ? r : 0;
}

/* Will nothing more be written here that the caller has not seen? */
static int look_at_end(struct walk *w, uint64_t index, uint64_t up_to_seq)
{
	const struct wr_reader_place *p = w->p;
	struct wr_extent_view *view = w->view;
	uint32_t chunk_bytes = w->r->table->chunk_bytes;
	const struct wr_batch_header *h = (const void *)(w->buffer + w->at);
	struct wr_batch_header next;

	if (w->at < chunk_bytes && w->seq > p->limit_seq && is_batch(w, w->at, true) &&
	    h->batch_kind == WR_BATCH_FILLER && h->first_seq == w->seq)
		w->at = chunk_bytes;
	view->segment_id = p->segment.segment_id;
	view->end_seq = wr_min_u64(w->seq, p->limit_seq + 1);
	view->closed = w->at >= chunk_bytes || (p->has_next && w->seq >= p->next_first_seq);
	if (view->closed || w->seq > up_to_seq || index + 1 >= wr_reader_extent_count(w->r))
		return 0;
	/* An epoch may have ended here without a filler, or the filler may be damaged. */
	enum wr_reader_found found;
	int r = wr_reader_header(w->r, p, index + 1, &found, &next);
	view->closed = r >= 0 && found == WR_READER_BATCH && next.first_seq == w->seq;
	return r;
}

/* `seq` is not in the extent where it has to be: are there good batches further on? */
static int fail_hole(struct wr_reader *r, const struct wr_reader_place *p, const struct walk *w,
		     uint64_t index, struct weir_problem *reterr_problem)
{
	uint64_t end_seq = w->hole_end_seq != 0 ? w->hole_end_seq : p->limit_seq + 1;

	for (uint64_t i = index + 1; w->hole_end_seq == 0 && i < wr_reader_extent_count(r); i++) {
		struct wr_batch_header next;
		enum wr_reader_found found;
		int code = wr_reader_header(r, p, i, &found, &next);
		if (code < 0)
			return fail_reading(r, p, code, reterr_problem);
		if (found != WR_READER_BATCH || next.first_seq < w->seq)
			continue;
		end_seq = wr_min_u64(end_seq, next.first_seq);
		break;
	}
	return fail_corrupt(r, p, w->extent + w->at, w->seq, end_seq, reterr_problem);
}

/*
 * The extent to begin with. A search takes a read for each of its steps, as long as the extent
 * itself: none for who reads on, nor for who begins a segment.
 */
static int find_first(struct wr_reader *r, const struct wr_reader_place *p, uint64_t seq,
		      uint64_t *ret_index, uint64_t *ret_first_seq)
{
	bool reads_on = seq == r->next_seq && p->segment.segment_id == r->next_segment_id;

	*ret_first_seq = seq;
	*ret_index = reads_on ? r->next_index : 0;
	if (reads_on || seq == p->segment.first_seq)
		return 0;
	return wr_reader_find_extent(r, p, seq, ret_index, ret_first_seq);
}

/* Of an extent that was walked to its end, and all of it handed out: the next begins behind it. */
static void note_next(struct wr_reader *r, const struct walk *w, uint64_t index)
{
	const struct wr_extent_view *view = w->view;
	bool is_known =
		view->closed && view->end_seq == w->seq && index + 1 < wr_reader_extent_count(r);

	r->next_seq = is_known ? w->seq : 0;
	r->next_segment_id = view->segment_id;
	r->next_index = index + 1;
}

static int load(struct wr_reader *r, uint64_t seq, uint64_t up_to_seq, uint8_t *buffer,
		struct wr_extent_view *view, struct weir_problem *reterr_problem)
{
	struct wr_reader_place p;
	uint64_t index, first_seq;

	if (seq > up_to_seq || seq == 0)
		return WEIR_E_TRUNCATED;
	int code = wr_reader_locate(r, seq, up_to_seq, &p);
	if (code < 0)
		return code;
	code = find_first(r, &p, seq, &index, &first_seq);
	r->next_seq = 0;
	if (code < 0)
		return fail_reading(r, &p, code, reterr_problem);
	for (;;) {
		struct walk w = {
			.r = r,
			.p = &p,
			.extent = wr_extent_offset(r->table->chunk_bytes, index),
			.buffer = buffer,
			.first_seq = first_seq,
			.view = view,
		};
		code = walk_extent(&w, seq);
		if (code >= 0 && seq < w.seq)
			code = look_at_end(&w, index, up_to_seq);
		else if (code >= 0 &&
			 (w.hole_end_seq != 0 || index + 1 >= wr_reader_extent_count(r)))
			return fail_hole(r, &p, &w, index, reterr_problem);
		if (code >= 0 && seq < w.seq)
			note_next(r, &w, index);
		if (code < 0 || seq < w.seq)
			return fail_reading(r, &p, code, reterr_problem);
		/* Not here. It is behind the damage that begins the next extent, or lost. */
		enum wr_reader_found found;
		struct wr_batch_header next;
		code = wr_reader_header(r, &p, index + 1, &found, &next);
		if (code < 0)
			return fail_reading(r, &p, code, reterr_problem);
		if (found != WR_READER_DAMAGE &&
		    !(found == WR_READER_BATCH && next.first_seq <= seq))
			return fail_hole(r, &p, &w, index, reterr_problem);
		first_seq = w.seq;
		index++;
	}
}

int wr_reader_load(struct wr_reader *r, uint64_t seq, uint64_t up_to_seq, uint8_t *buffer,
		   struct wr_extent_view *view, struct weir_problem *reterr_problem)
{
	uint32_t side = wr_inside_enter(&r->table->inside);
	int code = load(r, seq, up_to_seq, buffer, view, reterr_problem);
	wr_inside_leave(&r->table->inside, side);
	return code;
}
