/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binary search over the first headers of extents, by sequence and by time: a few blocks are read
 * for each answer. A damaged header in the way is stepped over to the right; the extent that it
 * begins is then entered from its neighbour (reader.c).
 *
 * Time: append time never goes back within a log (L17), so it orders extents as sequences do.
 * Thread: the reader's.
 */
#include "core/journal/reader_find.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/record/record.h"

int wr_reader_locate(struct wr_reader *r, uint64_t seq, uint64_t up_to_seq,
		     struct wr_reader_place *ret_place)
{
	struct wr_segment_found next;

	if (!wr_segment_find(r->table, seq, &ret_place->segment))
		return WEIR_E_TRUNCATED;
	ret_place->has_next = wr_segment_next(r->table, ret_place->segment.segment_id, &next);
	ret_place->next_first_seq = ret_place->has_next ? next.first_seq : 0;
	ret_place->limit_seq = up_to_seq;
	if (ret_place->has_next)
		ret_place->limit_seq = wr_min_u64(up_to_seq, next.first_seq - 1);
	/* A segment that was entered between the two look-ups begins above `seq`, too. */
	WR_DEBUG(ret_place->limit_seq >= seq);
	return 0;
}

/* Into the scratch block: the first of an extent, of which a packed file has the header. */
static int64_t read_first(struct wr_reader *r, const struct wr_reader_place *p, uint64_t index)
{
	const struct wr_unpack_source from = wr_reader_source(r, p);

	if (!p->segment.packed)
		return r->storage->ops->read(r->storage, p->segment.file, r->scratch,
					     WR_BLOCK_BYTES,
					     wr_extent_offset(r->table->chunk_bytes, index));
	int code = wr_unpack_first(&r->unpack, &from, index, r->scratch);
	return code < 0 ? code : (int64_t)WR_BLOCK_BYTES;
}

bool wr_reader_has_left(struct wr_reader *r, const struct wr_reader_place *p)
{
	struct wr_segment_found now;

	return !wr_segment_next(r->table, p->segment.segment_id - 1, &now) ||
	       now.segment_id != p->segment.segment_id;
}

int wr_reader_header(struct wr_reader *r, const struct wr_reader_place *p, uint64_t index,
		     enum wr_reader_found *ret_found, struct wr_batch_header *ret_header)
{
	struct wr_batch_place place = {r->table->uuid, r->table->log_id, p->segment.segment_id,
				       wr_extent_offset(r->table->chunk_bytes, index)};
	struct wr_batch_header h;

	*ret_found = WR_READER_NOTHING;
	int64_t n = read_first(r, p, index);
	if (n < 0)
		return wr_reader_has_left(r, p) ? WEIR_E_TRUNCATED : (int)n;
	if (n < WR_BLOCK_BYTES) {
		*ret_found = WR_READER_DAMAGE; /* files do not shrink */
		return 0;
	}
	memcpy(&h, r->scratch, sizeof h);
	enum wr_batch_verdict verdict = wr_batch_check_header(&h, r->table->chunk_bytes, &place);
	if (verdict == WR_BATCH_ZERO)
		return 0;
	if (verdict == WR_BATCH_VALID && wr_place_is_sound(&h, r->table->chunk_bytes)) {
		*ret_found = h.first_seq <= p->limit_seq ? WR_READER_BATCH : WR_READER_BEYOND;
		*ret_header = h;
		return 0;
	}
	place.segment_id = h.segment_id;
	bool is_stale = h.segment_id != p->segment.segment_id &&
			wr_batch_check_header(&h, r->table->chunk_bytes, &place) == WR_BATCH_VALID;
	*ret_found = is_stale ? WR_READER_NOTHING : WR_READER_DAMAGE;
	return 0;
}

/* What the search asks of a header. */
struct question {
	bool by_time;
	uint64_t value; /* a sequence, or a time */
};

static bool lies_at_or_before(const struct question *q, const struct wr_batch_header *h)
{
	return q->by_time ? h->time_base_us < q->value : h->first_seq <= q->value;
}

/* The last extent that lies at or before; extent 0 is taken to. */
static int search(struct wr_reader *r, const struct wr_reader_place *p, const struct question *q,
		  uint64_t *ret_index, uint64_t *ret_first_seq)
{
	uint64_t low = 0, high = wr_reader_extent_count(r);

	*ret_first_seq = p->segment.first_seq;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2, at = middle;
		struct wr_batch_header h;
		enum wr_reader_found found;
		do {
			int code = wr_reader_header(r, p, at, &found, &h);
			if (code < 0)
				return code;
		} while (found == WR_READER_DAMAGE && ++at < high);
		if (found == WR_READER_BATCH && lies_at_or_before(q, &h)) {
			low = at;
			*ret_first_seq = h.first_seq;
		} else {
			high = middle;
		}
	}
	*ret_index = low;
	return 0;
}

int wr_reader_find_extent(struct wr_reader *r, const struct wr_reader_place *p, uint64_t seq,
			  uint64_t *ret_index, uint64_t *ret_first_seq)
{
	const struct question q = {.by_time = false, .value = seq};
	return search(r, p, &q, ret_index, ret_first_seq);
}

/* --- by time ---------------------------------------------------------------------------------- */

/*
 * The last segment that begins before a time, else the oldest. Bisects the sequences, since those
 * are what the table can be asked for; each turn leaves at least one segment behind.
 */
static int find_segment(struct wr_reader *r, uint64_t oldest_seq, uint64_t time_us,
			uint64_t up_to_seq, struct wr_reader_place *ret_place)
{
	uint64_t high = up_to_seq;
	int code = wr_reader_locate(r, oldest_seq, up_to_seq, ret_place);

	while (code >= 0 && ret_place->limit_seq < high) {
		uint64_t first_above = ret_place->limit_seq + 1;
		struct wr_reader_place middle;
		struct wr_batch_header h;
		enum wr_reader_found found = WR_READER_NOTHING;
		code = wr_reader_locate(r, first_above + (high - first_above) / 2, up_to_seq,
					&middle);
		if (code >= 0)
			code = wr_reader_header(r, &middle, 0, &found, &h);
		if (code < 0)
			break;
		/* A damaged one counts as early: the search goes on behind it, and ends in it. */
		if (found != WR_READER_BATCH || h.time_base_us < time_us)
			*ret_place = middle;
		else
			high = middle.segment.first_seq - 1;
	}
	return code;
}

/* In a verified extent: the first record at or after a time; 0: none. */
static uint64_t find_in_view(const uint8_t *buffer, const struct wr_extent_view *view,
			     uint64_t time_us)
{
	for (uint32_t i = 0; i < view->batch_count; i++) {
		const struct wr_extent_batch *b = &view->batches[i];
		const struct wr_batch_header *h = (const void *)(buffer + b->place_bytes);
		const uint8_t *body = (const uint8_t *)h + WR_BATCH_HEADER_BYTES;
		uint64_t seq = h->first_seq;
		struct wr_record_view record;
		for (uint32_t at = 0;
		     at < h->body_bytes && wr_record_view(body + at, h->body_bytes - at, &record);
		     at += wr_record_stride(record.head->bytes), seq++)
			if (h->time_base_us + record.head->time_delta_us >= time_us)
				return seq;
	}
	return 0;
}

static int find_time(struct wr_reader *r, uint64_t time_us, uint64_t up_to_seq, uint8_t *buffer,
		     struct wr_extent_view *view, uint64_t *ret_seq,
		     struct weir_problem *reterr_problem)
{
	const struct question q = {.by_time = true, .value = time_us};
	struct wr_reader_place p;
	uint64_t index, seq;

	uint64_t oldest_seq = wr_segment_oldest_seq(r->table);
	*ret_seq = up_to_seq + 1;
	if (oldest_seq == 0 || oldest_seq > up_to_seq)
		return 0;
	int code = find_segment(r, oldest_seq, time_us, up_to_seq, &p);
	if (code >= 0)
		code = search(r, &p, &q, &index, &seq);
	if (code < 0)
		return code;
	/* The extent that was found, and if all of it is earlier, the first record behind it. */
	while (seq <= up_to_seq) {
		code = wr_reader_load(r, seq, up_to_seq, buffer, view, reterr_problem);
		if (code < 0)
			return code;
		uint64_t found_seq = find_in_view(buffer, view, time_us);
		if (found_seq != 0) {
			*ret_seq = wr_min_u64(found_seq, up_to_seq + 1);
			return 0;
		}
		seq = view->end_seq;
	}
	return 0;
}

int wr_reader_find_time(struct wr_reader *r, uint64_t time_us, uint64_t up_to_seq, uint8_t *buffer,
			struct wr_extent_view *view, uint64_t *ret_seq,
			struct weir_problem *reterr_problem)
{
	uint32_t side = wr_inside_enter(&r->table->inside); /* once more by each load */
	int code = find_time(r, time_us, up_to_seq, buffer, view, ret_seq, reterr_problem);
	wr_inside_leave(&r->table->inside, side);
	return code;
}
