/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packed file is, from the same two blocks as a plain one (scan_segments.c): its header, or
 * the copy at its end, says which segment it is; the index that stands behind the header has the
 * header of its first batch. No frame is read here.
 *
 * A file that is no segment, nor of the size of one, is asked for a copy: so the header may rot.
 * Thread: see scan.h.
 */
#include "core/journal/scan.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

static int use_unpack(struct wr_scan *scan)
{
	if (scan->unpack.memory != NULL)
		return 0;
	return wr_unpack_init(&scan->unpack, scan->storage, scan->memory, scan->superblock->uuid,
			      scan->log_id, scan->chunk_bytes, scan->segment_bytes, false);
}

/*
 * Its first block of batches, as it would stand in a plain file: the first batch's header, which
 * proves itself. Its records stay unread, as those of a longer one do.
 */
static int judge_packed_first(struct wr_scan *scan, struct wr_scan_segment *s)
{
	const struct wr_unpack_source from = {scan->storage, s->file, s->segment_id};
	int r = use_unpack(scan);

	if (r == 0)
		r = wr_unpack_first(&scan->unpack, &from, 0, scan->probe + WR_BLOCK_BYTES);
	if (r < 0)
		return r;
	enum wr_batch_verdict verdict = wr_scan_check_header(scan, scan->probe + WR_BLOCK_BYTES,
							     s->segment_id, WR_BLOCK_BYTES);
	if (verdict == WR_BATCH_UNKNOWN)
		return WEIR_E_FORMAT;
	s->first_valid = verdict == WR_BATCH_VALID;
	if (!s->first_valid)
		return 0;
	memcpy(&s->first, scan->probe + WR_BLOCK_BYTES, sizeof s->first);
	return 0;
}

int wr_scan_judge_packed(struct wr_scan *scan, struct wr_scan_segment *s, bool *ret_is)
{
	enum wr_block_verdict verdict;
	struct wr_packed_header h;
	bool is_odd = s->file_bytes != scan->segment_bytes;

	*ret_is = false;
	/* A plain file has one size, a packed one another: its copy is looked for only there. */
	if (!is_odd && !wr_packed_is_header(scan->probe))
		return 0;
	int r = wr_unpack_look(scan->storage, s->file, s->file_bytes, scan->probe,
			       scan->probe + 2 * WR_BLOCK_BYTES, &verdict, &h, &s->header_copy);
	if (r < 0)
		return r;
	if (verdict == WR_BLOCK_UNKNOWN)
		return WEIR_E_FORMAT;
	if (verdict != WR_BLOCK_VALID)
		return 0;
	*ret_is = true;
	s->foreign = memcmp(h.uuid, scan->superblock->uuid, WR_UUID_BYTES) != 0 ||
		     h.log_id != scan->log_id;
	s->first_foreign = s->foreign && h.state == WR_PACKED_SEGMENT;
	s->draft = h.state == WR_PACKED_DRAFT && !WR_BUG(PACKED_DRAFT_COUNTS);
	if (s->foreign || s->draft || h.chunk_bytes != scan->chunk_bytes ||
	    h.segment_bytes != scan->segment_bytes)
		return 0;
	scan->lacks = wr_packed_lacks(&h, scan->storage);
	if (scan->lacks != WR_CODEC_NONE)
		return WEIR_E_FORMAT;
	scan->codecs |= wr_packed_codecs(&h);
	s->packed = s->header_valid = true;
	s->segment_id = h.segment_id;
	s->previous_id = h.previous_segment_id;
	s->generation = WR_BUG(GENERATION_IGNORED) ? 0 : h.generation;
	scan->durable_seq = wr_max_u64(scan->durable_seq, h.end_seq - 1);
	/* As large as it was made to be: else it is cut (R8, R11), as a plain one would be. */
	if (s->stored_bytes >= h.file_bytes)
		s->file_bytes = scan->segment_bytes;
	r = judge_packed_first(scan, s);
	s->may_start = s->first_valid && h.starts != 0;
	return r;
}
