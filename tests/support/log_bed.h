/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log without the rest of the pipeline: tables, chunks, lanes, a writer, a simulated clock and
 * parkers, and the journal's side of struct wr_journal_link played by hand. Nothing happens until a
 * test says so: log_bed_step() is one round of the writer, log_bed_complete() one commit
 * that reached the medium.
 *
 * The journal's side is an oracle as well. Every batch that completes is held against its format
 * (place, chain, checksums), and its records are folded into tables of their own, as recovery would
 * (L15). log_bed_check_fold() then compares: what the writer believes is what the log says. In a
 * memory-only bed it folds the live chunks, so that nothing may have been recycled.
 *
 * One thread.
 */
#ifndef WR_TESTS_LOG_BED_H
#define WR_TESTS_LOG_BED_H

#include "core/log/writer.h"
#include "io/posix/memory_posix.h"
#include "io/sim/clock_sim.h"
#include "io/sim/memory_sim.h"
#include "io/sim/park_sim.h"

#define LOG_BED_LANES 6u
#define LOG_BED_EXTENTS 64u
#define LOG_BED_COMMITS 16u
#define LOG_BED_MARKS 128u
#define LOG_BED_HOLDS 2u

struct log_bed_options {
	bool memory_only;
	bool seal_before_ack;
	uint32_t chunk_bytes;          /* 0: 16 KiB */
	uint32_t chunk_count;          /* 0: 12 */
	uint32_t lane_bytes;           /* 0: 64 KiB */
	uint32_t reply_count;          /* 0: 1024 */
	uint32_t run_records_max;      /* 0: 64 */
	uint32_t undurable_chunks_max; /* 0: 4 */
	uint32_t extents;              /* offered at the start; 0: 32 */
	uint64_t checkpoint_bytes;
	uint64_t next_seq; /* 0: 1 */
	const void *first_record;
	uint32_t first_record_bytes;
};

struct log_bed {
	struct log_bed_options o;
	struct wr_memory_posix posix;
	struct wr_memory_sim memory;
	struct wr_clock_sim clock;
	struct wr_park_sim parks;
	struct wr_parker writer_parker;
	struct wr_tables_limits limits;
	struct wr_tables tables;
	struct wr_chunks chunks;
	struct wr_lane lanes[LOG_BED_LANES];
	struct wr_hold holds[LOG_BED_HOLDS];
	struct wr_writer writer;

	/* The journal's side. */
	struct wr_journal_link link;
	struct wr_extent extents[LOG_BED_EXTENTS];
	struct wr_commit commits[LOG_BED_COMMITS];
	struct wr_lane_mark marks[LOG_BED_MARKS];
	struct wr_lane_durable durable[LOG_BED_LANES];
	uint64_t extents_offered;
	uint32_t chain;
	uint64_t folded_seq;   /* next to be folded */
	uint64_t data_batches; /* completed so far, by kind */
	uint64_t filler_batches;
	uint64_t evidence_batches;
	uint64_t empty_commits;
	uint64_t attested_seq; /* durable_seq of the last completed header */
	struct wr_tables shadow;
};

/* Everything made; the lanes are FREE. options NULL: all defaults. Asserts that it works. */
void log_bed_init(struct log_bed *bed, const struct log_bed_options *options);
/* And lane 0 open for settles, 1 to 3 for data, and a topic of four partitions: its id. */
uint32_t log_bed_start(struct log_bed *bed, const struct log_bed_options *options);
/* The same, and what that wrote has reached the medium. */
uint32_t log_bed_start_settled(struct log_bed *bed, const struct log_bed_options *options);
/* log_bed_end(), and then log_bed_start_settled() with other options. */
uint32_t log_bed_restart(struct log_bed *bed, const struct log_bed_options *options);
/* log_bed_check_fold() and log_bed_fini(). */
void log_bed_end(struct log_bed *bed);
/* Everything given back; asserts that nothing is left. */
void log_bed_fini(struct log_bed *bed);

/* ---- what owners do ---- */

/* Copies a record, or a whole run, of `bytes` into a lane, visible: its ticket; 0: no room. */
uint64_t log_bed_hand_over(struct log_bed *bed, uint32_t lane, const void *record, uint32_t bytes);
/* A plain event with a payload of so many bytes. */
uint64_t log_bed_event(struct log_bed *bed, uint32_t lane, uint32_t topic, uint32_t hash,
		       uint32_t payload_bytes);
/* An event of a named producer. */
uint64_t log_bed_stamped(struct log_bed *bed, uint32_t lane, uint32_t topic,
			 const struct wr_producer_stamp *stamp);
/* An event with an idempotency key, and a stamp unless NULL. */
uint64_t log_bed_keyed(struct log_bed *bed, uint32_t lane, uint32_t topic, uint32_t key,
		       const struct wr_producer_stamp *stamp);
uint64_t log_bed_progress(struct log_bed *bed, uint32_t lane, uint32_t subscription, uint32_t row,
			  const struct wr_control_progress *progress);
uint64_t log_bed_generation(struct log_bed *bed, uint32_t lane, uint32_t subscription, uint32_t row,
			    uint32_t generation, uint64_t position);
/* Control with an answer: steps the writer once. The reply's code; the id in *ret_id. */
int log_bed_topic(struct log_bed *bed, uint32_t lane, const char *name, uint32_t partitions,
		  uint32_t *ret_id);
/* The same with a window of idempotency keys. */
int log_bed_window(struct log_bed *bed, uint32_t lane, const char *name, uint32_t keys,
		   uint64_t span_us, uint32_t *ret_id);
int log_bed_subscription(struct log_bed *bed, uint32_t lane, const char *name,
			 const uint32_t *topics, uint32_t topic_count, uint32_t start,
			 uint64_t start_seq, uint32_t *ret_id);
int log_bed_producer(struct log_bed *bed, uint32_t lane, const char *name, uint32_t *ret_id);
/* The oldest reply, taken; asserts that there is one. */
struct wr_reply log_bed_reply(struct log_bed *bed, uint32_t lane);

/* A plain event at `to`: its stride. */
uint32_t log_bed_write_event(void *to, uint32_t topic, uint32_t hash, uint32_t payload_bytes);
/* One with an idempotency key. */
uint32_t log_bed_write_keyed(void *to, uint32_t topic, uint32_t key,
			     const struct wr_producer_stamp *stamp);
/* The head of a run of `records` in `bytes`, at `to`. */
void log_bed_write_run_head(void *to, uint32_t records, uint32_t bytes);

/* A subscription that blocks keeps what is at or above seq in memory. */
void log_bed_hold(struct log_bed *bed, uint32_t holder, uint64_t seq);

/* ---- what the writer and the journal do ---- */

/* One round, 10 µs after the last one. What it returned. */
int log_bed_step(struct log_bed *bed);
void log_bed_offer(struct log_bed *bed, uint32_t count, bool reserve);
/* Commits pushed and not completed. */
uint32_t log_bed_in_flight(struct log_bed *bed);
/* Up to `count` commits reach the medium, in order. How many did. */
uint32_t log_bed_complete(struct log_bed *bed, uint32_t count);
/* Rounds and completions until neither does anything. */
void log_bed_settle_down(struct log_bed *bed);
/* Seals and completes what is left, then asserts that the tables equal the fold of the log. */
void log_bed_check_fold(struct log_bed *bed);
/* The record `seq` in a live chunk; asserts that it is there. */
struct wr_record_view log_bed_record(struct log_bed *bed, uint64_t seq);

/* The chunk of that ordinal, which must be there. */
struct wr_chunk *log_bed_chunk(struct log_bed *bed, uint64_t ordinal);

#endif
