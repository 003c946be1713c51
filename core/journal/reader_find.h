/* SPDX-License-Identifier: Apache-2.0 */
/* How the reader finds the extent: shared by reader.c and reader_find.c. Thread: the reader's. */
#ifndef WR_JOURNAL_READER_FIND_H
#define WR_JOURNAL_READER_FIND_H

#include "core/base/assert.h"
#include "core/journal/format.h"
#include "core/journal/reader.h"

/* The segment that holds a sequence, and what bounds it. */
struct wr_reader_place {
	struct wr_segment_found segment;
	bool has_next;
	uint64_t next_first_seq; /* of the segment behind it */
	uint64_t limit_seq;      /* nothing above is handed out */
};

/* What begins an extent. */
enum wr_reader_found {
	WR_READER_NOTHING = 0, /* never written, or in an older life of the file only */
	WR_READER_BATCH,       /* a good header of this segment, within the limit */
	WR_READER_BEYOND,      /* one above the limit */
	WR_READER_DAMAGE,
};

/* 0 or WEIR_E_TRUNCATED. */
int wr_reader_locate(struct wr_reader *r, uint64_t seq, uint64_t up_to_seq,
		     struct wr_reader_place *ret_place);
/* T1: whether its segment has been retired meanwhile: its file may be another one, or gone. */
bool wr_reader_has_left(struct wr_reader *r, const struct wr_reader_place *p);
/* Reads the first block of an extent. */
int wr_reader_header(struct wr_reader *r, const struct wr_reader_place *p, uint64_t index,
		     enum wr_reader_found *ret_found, struct wr_batch_header *ret_header);
/* The last extent whose first sequence is known to be <= seq, and that sequence. */
int wr_reader_find_extent(struct wr_reader *r, const struct wr_reader_place *p, uint64_t seq,
			  uint64_t *ret_index, uint64_t *ret_first_seq);

static inline struct wr_unpack_source wr_reader_source(const struct wr_reader *r,
						       const struct wr_reader_place *p)
{
	return (struct wr_unpack_source){r->storage, p->segment.file, p->segment.segment_id};
}

static inline uint64_t wr_reader_extent_count(const struct wr_reader *r)
{
	return wr_extent_count(r->table->segment_bytes, r->table->chunk_bytes);
}

#endif
