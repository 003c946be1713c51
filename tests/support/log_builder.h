/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds journal directories batch by batch, for tests of what reads them. It knows the format
 * (docs/reference/journal-format.md) and none of weir's writing code but the codec of a batch, so
 * a misunderstanding between the two shows.
 *
 * It writes through the blocking calls of any storage. Every batch that it placed is remembered,
 * so that a test can damage one, or go back in front of it (as recovery does after a torn tail) and
 * let another life begin there. The superblock's record of the segments follows by itself: what
 * was entered is on record, and what recovery left out no longer. With `hold` set, batches are kept
 * in memory instead of written: those are in flight, and the test decides what of them reaches the
 * medium.
 */
#ifndef WR_TESTS_LOG_BUILDER_H
#define WR_TESTS_LOG_BUILDER_H

#include <stdbool.h>

#include "core/journal/format.h"
#include "core/port/memory.h"
#include "core/port/storage.h"
#include "core/record/epoch.h"

#define LOG_BUILDER_BATCHES_MAX 512u

/* A batch on the medium, and the state in front of it. */
struct log_batch {
	struct wr_batch_header header;
	uint64_t segment_id;
	uint64_t offset;
	uint32_t file_number;
	uint8_t *held; /* its bytes, while it is in flight */
	uint32_t chain;
	uint64_t durable_seq;
	uint32_t last_file_number;
	uint64_t last_segment_id;
	uint64_t end_offset;
	uint32_t last_epoch;
};

struct log_builder {
	struct wr_storage *storage;
	uint32_t chunk_bytes;
	uint64_t segment_bytes;
	struct wr_superblock superblock;
	uint64_t next_segment_id;
	uint32_t next_file_number;
	uint64_t time_us; /* of the next batch; one on with each record */

	/* The state: where the next batch goes, and what it has to say. */
	uint64_t segment_id; /* 0: none yet */
	uint32_t file_number;
	uint64_t offset;
	uint32_t epoch;
	uint64_t next_seq;
	uint32_t chain;
	uint64_t durable_seq; /* what the next header attests; follows by itself unless held */
	bool hold_durable;    /* durable_seq is the test's */
	bool hold;
	/* The end of what was written, for the next epoch start. */
	uint64_t last_segment_id;
	uint64_t end_offset;
	uint32_t last_epoch;

	struct log_batch batches[LOG_BUILDER_BATCHES_MAX];
	uint32_t batch_count;
	uint8_t *buffer; /* one chunk */
	/* Which events are expected to be left out; NULL: none. */
	bool (*leaves_out)(uint64_t seq);
};

/* A journal without a batch. The first epoch begins with log_builder_epoch(). */
void log_builder_init(struct log_builder *b, struct wr_storage *storage, uint32_t chunk_bytes,
		      uint32_t extents);
void log_builder_fini(struct log_builder *b);

/* A new epoch in a segment of its own, as after a crash at the end of one. */
void log_builder_epoch(struct log_builder *b);
/* A new epoch in the next extent, as after a clean close. */
void log_builder_resume(struct log_builder *b);
/* A new epoch exactly where the log ended, as after a crash with room in its last segment. */
void log_builder_go_on(struct log_builder *b);
/* Where the log ends now, as the next epoch start says it. */
struct wr_epoch_start log_builder_end(const struct log_builder *b);
/*
 * A batch of the epoch b->epoch with one record, whatever that says, or with one that says that the
 * epoch starts: log_builder_epoch() and its like call the latter with what is true.
 */
void log_builder_record(struct log_builder *b, const struct wr_record *head, const void *content);
void log_builder_start(struct log_builder *b, const struct wr_epoch_start *start);
/* Events of `payload_bytes` (>= 16) each; rolls to the next extent or segment as needed. */
void log_builder_batch(struct log_builder *b, uint32_t record_count, uint32_t payload_bytes);
void log_builder_evidence(struct log_builder *b);
/* Closes the extent. Nothing when it is full. */
void log_builder_filler(struct log_builder *b);
/* Evidence, filler, and the clean mark. */
void log_builder_close(struct log_builder *b);
/* The next batch goes to a new segment file. */
void log_builder_segment(struct log_builder *b);
/* Makes the next segment go into this file, with what is in it, as recycling does. */
void log_builder_recycle(struct log_builder *b, uint32_t file_number);
/* A file that is zero but for a header, if `segment_id` is not 0. Returns its number. */
uint32_t log_builder_spare(struct log_builder *b, uint64_t segment_id);
/* The tables as of the last batch: `body_bytes` of one section. */
void log_builder_checkpoint(struct log_builder *b, uint32_t copy, uint64_t needed_seq,
			    uint32_t body_bytes);
/* Back in front of a batch: it and what follows stay on the medium and are no part of the log. */
void log_builder_rewind(struct log_builder *b, uint32_t batch_index);
/* Nine batches that were under way, of which those from batch 7 on arrived; back to batch 6. */
void log_builder_torn(struct log_builder *b);
/* Writes the held batch, or only the sectors whose bit is set (bit i: sector i of the batch). */
void log_builder_land(struct log_builder *b, uint32_t batch_index, uint64_t sectors);
void log_builder_write_superblock(struct log_builder *b);

/* The batch of the log that holds a sequence; NULL when there is none. */
const struct log_batch *log_builder_find(const struct log_builder *b, uint64_t seq);
/* Whether a record is what this log holds at `seq`. */
bool log_builder_matches(const struct log_builder *b, uint64_t seq, uint32_t epoch,
			 const struct wr_record_view *view);

#endif
