/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of struct wr_journal_link for tests: takes extents, builds real batches with
 * wr_batch_open/seal, pushes commits and marks. No lanes' rings, no decisions, no threads: what the
 * journal is given, and nothing else. One thread.
 *
 * It keeps the rules that the journal may rely on: extents are used in order and each from its
 * beginning, marks are pushed before their batch, medium_seq is read after room was seen, a chunk's
 * bytes stay until commits_done says that they are free.
 */
#ifndef WR_TESTS_MINI_WRITER_H
#define WR_TESTS_MINI_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/record/batch.h"
#include "core/record/epoch.h"
#include "core/record/link.h"

#define MINI_WRITER_CHUNKS 80u
#define MINI_WRITER_LANES_MAX 8u

struct mini_writer_options {
	struct wr_journal_link *link;
	const uint8_t *uuid;
	uint32_t log_id;
	uint32_t epoch;
	uint32_t chunk_bytes;
	uint64_t next_seq;
	uint32_t chain;
	const struct wr_chain_key *chain_key; /* outlives the writer; NULL: batches have no links */
	const uint8_t *chain_link;            /* of the batch before; NULL: the chain begins */
};

struct mini_writer {
	struct mini_writer_options o;
	uint64_t next_seq;
	uint64_t time_us;
	uint32_t chain;
	bool has_link;
	uint8_t link[WR_CHAIN_LINK_BYTES]; /* of the batch before */
	uint8_t *chunks;
	uint64_t chunk_free_at[MINI_WRITER_CHUNKS]; /* when so many commits are done */
	struct wr_extent extent;
	bool has_extent;
	uint32_t chunk;
	uint32_t used_bytes; /* of the chunk, sealed or open */
	bool is_open;
	uint32_t batch_at;
	uint64_t first_seq;
	uint32_t record_count;
	uint64_t ticket[MINI_WRITER_LANES_MAX];
	bool touched[MINI_WRITER_LANES_MAX];
	uint64_t commits_pushed;
	uint64_t extents_taken;
	/* Called for each batch when it was pushed; ticket[] is as its marks say. May be NULL. */
	void (*sealed)(void *context, uint64_t first_seq, uint64_t end_seq);
	void *sealed_context;
	/* The last batch that was sealed. */
	uint64_t last_segment_id;
	uint64_t last_offset;
	uint64_t end_offset; /* where the next one would stand */
	uint32_t last_header_crc;
	uint8_t key; /* of the events that are appended, one byte of it; 0: they have none */
};

enum mini_writer_result {
	MINI_WRITER_DONE = 0,
	MINI_WRITER_NO_EXTENT, /* or only one of the reserve, and this is an event */
	MINI_WRITER_NO_ROOM,   /* in the rings, or no free chunk */
};

void mini_writer_init(struct mini_writer *w, const struct mini_writer_options *options);
void mini_writer_fini(struct mini_writer *w);

/* One event of `record_bytes` (>= 40) with `id` as its first payload bytes. Takes next_seq. */
enum mini_writer_result mini_writer_append(struct mini_writer *w, uint32_t lane, uint64_t id,
					   uint32_t record_bytes);
/* The first record of an epoch; may use the reserve. */
enum mini_writer_result mini_writer_epoch_start(struct mini_writer *w,
						const struct wr_epoch_start *predecessor);
/* Something that may use the reserve: a settle. */
enum mini_writer_result mini_writer_settle(struct mini_writer *w, uint32_t lane);
/* Seals the open batch, if there is one. */
enum mini_writer_result mini_writer_seal(struct mini_writer *w);
/* Seals, then one block of evidence. */
enum mini_writer_result mini_writer_evidence(struct mini_writer *w);
/* Seals, then closes the extent so that the next batch goes to another one. */
enum mini_writer_result mini_writer_close_extent(struct mini_writer *w);
/* Whether all that was pushed is done. */
bool mini_writer_is_drained(struct mini_writer *w);
/* The last checkpoint is written, and its buffer the caller's again. */
bool mini_writer_checkpoint_is_free(const struct mini_writer *w);
/* A checkpoint of what is sealed; false when the slot is not free. The buffer is the caller's. */
bool mini_writer_checkpoint(struct mini_writer *w, uint32_t bytes, uint64_t needed_seq);
/* The same with one section of zeros in it, as long as fits: it can be recovered from. */
bool mini_writer_whole_checkpoint(struct mini_writer *w, uint32_t bytes, uint64_t needed_seq);

#endif
