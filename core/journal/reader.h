/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading cold data: finds the extent that holds a sequence, reads it, and hands it out only when
 * every batch up to the durable sequence has been verified (L26). Used by catch-up, seek by time,
 * the CLI and the tests; any number of readers beside the journal, each in one thread. Blocks on
 * the medium; allocates nothing after init.
 *
 * Errors: WEIR_E_TRUNCATED  the sequence was retired (or is not there yet: above `up_to_seq`)
 *         WEIR_E_CORRUPT    damage in a retained segment; the problem names file, offset, range
 */
#ifndef WR_JOURNAL_READER_H
#define WR_JOURNAL_READER_H

#include "core/journal/segment.h"
#include "core/journal/unpack.h"
#include "core/record/batch.h"

#include <weir/error.h>

/* A verified batch inside an extent's buffer. */
struct wr_extent_batch {
	uint32_t place_bytes; /* of its header in the buffer */
	uint32_t record_count;
	uint64_t first_seq;
};

/* One extent, as it was read. */
struct wr_extent_view {
	uint64_t segment_id;
	uint64_t segment_offset;
	uint64_t first_seq; /* of its first record */
	uint64_t end_seq;   /* one beyond the last verified record */
	bool closed;        /* nothing more will be written here: the next extent follows */
	uint32_t batch_count;
	struct wr_extent_batch *batches; /* data batches only; the caller's array */
	uint32_t batches_max;            /* chunk_bytes / 4096 is always enough */
};

struct wr_reader {
	struct wr_segment_table *table;
	struct wr_storage *storage;
	uint8_t *scratch;        /* one block, aligned */
	struct wr_unpack unpack; /* where the table has packed segments */
	/* Behind what was loaded last, if that was all of an extent: who reads on is not searched
	 * for. next_seq 0: not known. */
	uint64_t next_segment_id;
	uint64_t next_index;
	uint64_t next_seq;
};

int wr_reader_init(struct wr_reader *r, struct wr_segment_table *table, struct wr_storage *storage,
		   struct wr_memory *memory);
void wr_reader_fini(struct wr_reader *r, struct wr_memory *memory);

/*
 * Reads the extent that holds `seq` into `buffer` (chunk_bytes, block aligned) and verifies what
 * it holds up to `up_to_seq`. `view->batches` and batches_max are set by the caller. The epoch
 * rules apply: what lies beyond the recorded end of an epoch is not handed out.
 */
int wr_reader_load(struct wr_reader *r, uint64_t seq, uint64_t up_to_seq, uint8_t *buffer,
		   struct wr_extent_view *view, struct weir_problem *reterr_problem);

/*
 * The first retained sequence whose append time is >= time_us, or up_to_seq + 1 when there is
 * none. Binary search over batch headers, then one extent.
 */
int wr_reader_find_time(struct wr_reader *r, uint64_t time_us, uint64_t up_to_seq, uint8_t *buffer,
			struct wr_extent_view *view, uint64_t *ret_seq,
			struct weir_problem *reterr_problem);

#endif
