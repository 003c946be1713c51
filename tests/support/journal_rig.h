/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal as it runs, for tests: a simulated medium, recovery, the journal step and the mini
 * writer, on one thread. Opening goes the way that the pipeline goes, so that what a test leaves
 * behind is what the next open finds.
 */
#ifndef WR_TESTS_JOURNAL_RIG_H
#define WR_TESTS_JOURNAL_RIG_H

#include "core/journal/journal.h"
#include "core/journal/recovery.h"
#include "core/log/append_clock.h"
#include "io/sim/disk_sim.h"
#include "io/sim/memory_sim.h"
#include "tests/support/mini_writer.h"

struct journal_rig_options {
	struct wr_sim_disk *disk; /* outlives the rig */
	uint32_t chunk_bytes;
	uint32_t extents;               /* of a segment */
	uint32_t depth_max;             /* of the storage; 0: its own choice */
	uint32_t checkpoint_bytes;      /* of the writer's buffer; 0: none are taken */
	uint64_t checkpoint_more_bytes; /* behind them; link.checkpoint.more is the test's */
	uint32_t segments_max;          /* 0: recovery's default */
	bool has_no_problem;            /* a start has nowhere to say why it fails */
	bool stamped; /* by the log's append clock, each time that journal_rig_stamp() is called */
	struct wr_journal_options journal;
	const struct wr_recovery_sink *sink;        /* NULL: what is recovered is not looked at */
	const struct wr_chain_secret *chain_secret; /* NULL: batches have no links */
};

struct journal_rig {
	struct journal_rig_options o;
	struct wr_storage *storage;
	struct wr_memory_sim memory;
	struct wr_segment_table table;
	struct wr_recovered recovered;
	struct wr_recovery_report report;
	struct wr_journal_link link;
	struct wr_journal *journal;
	struct mini_writer writer;
	struct wr_append_clock append; /* stamped */
	struct weir_problem problem;
	uint8_t *checkpoint_buffer;
	uint64_t moved_count;
	bool has_writer;
};

/* The options of most tests: chunks of 16 KiB, four to a segment, two lanes. */
struct journal_rig_options journal_rig_defaults(struct wr_sim_disk *disk);

/*
 * Recovers, creates, starts, enters, and appends the epoch-start record. On failure everything is
 * given back and the code of what failed is returned; rig->problem says more.
 */
int journal_rig_open(struct journal_rig *rig, const struct journal_rig_options *options);
/* Gives everything back; also after a crash. What was in flight comes home first, if it can. */
void journal_rig_close(struct journal_rig *rig);
/* Seals, evidence, waits, writes the clean mark, then closes. On failure it is still open. */
int journal_rig_close_clean(struct journal_rig *rig);
/* The power goes. Only close is left. */
void journal_rig_crash(struct journal_rig *rig);

/* What is appended from now on has the append time of now. */
void journal_rig_stamp(struct journal_rig *rig);

/* One step. */
int journal_rig_step(struct journal_rig *rig);
/* Steps, and waits in the storage when there is nothing to do, until all commits are done. */
bool journal_rig_drain(struct journal_rig *rig);
/* The same until nothing is to be prepared or written any more. */
bool journal_rig_settle(struct journal_rig *rig);

/* So many batches of one event, each durable before the next: as much padding as there can be. */
bool journal_rig_append(struct journal_rig *rig, uint32_t batch_count);
/* Packer and journal, until neither has anything to do. */
bool journal_rig_pack(struct journal_rig *rig);

/* Positions. */
uint64_t journal_rig_durable(struct journal_rig *rig);
uint64_t journal_rig_written(struct journal_rig *rig);
bool journal_rig_failed(struct journal_rig *rig);

#endif
