/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that leave a simulated journal: by compaction, since a later one of their key stays, and
 * since their key was erased. In one seed of sixteen of each, and in one both. Events of these have
 * a key, and say whose they are; some stand for the record that erases a key. What leaves has to
 * be one of those, and to stay away; when all is said to be erased, no file has a byte of it.
 *
 * What is drawn here is of its own, so that the other seeds of sim_journal stay as they were.
 */
#ifndef WR_SIM_JOURNAL_LEAVES_H
#define WR_SIM_JOURNAL_LEAVES_H

#include "tests/sim/journal_age.h"

#define JOURNAL_LEAVES_KEYS 5u
#define JOURNAL_LEAVES_ERASURES 12u

struct journal_erasure {
	uint64_t seq;
	uint64_t order; /* of all that was ever appended: also of what a crash took */
	uint8_t key;
};

enum journal_wish {
	JOURNAL_WISHES_NOTHING = 0,
	JOURNAL_WISHES_A_SEGMENT,
	JOURNAL_WISHES_A_CHECKPOINT,
};

struct journal_leaves {
	struct wr_prng prng;
	bool compacts; /* this seed */
	bool erases;
	wr_atomic_u64 topics[2];
	wr_atomic_u64 end_seq;
	uint64_t order;
	uint64_t kept_seq; /* durable, as was seen last */
	uint64_t seen_seq; /* erased up to here, and looked at */
	uint32_t erasure_count;
	struct journal_erasure erasures[JOURNAL_LEAVES_ERASURES];
	uint8_t key[JOURNAL_AGE_SEQ_MAX + 1]; /* from 1 on; 0: it has none */
	bool left[JOURNAL_AGE_SEQ_MAX + 1];
	const char *wrong; /* what does not hold; NULL: nothing */
	/* Events that left for either reason, looks at media, passes that a crash ended. */
	uint64_t compacted_count, erased_count, done_count, cut_count;
};

void journal_leaves_init(struct journal_leaves *l, uint64_t seed);
void journal_leaves_options(struct journal_leaves *l, struct wr_journal_options *o);
/* Of an event that is about to be appended: what it is to be, instead of `id`. */
uint64_t journal_leaves_id(struct journal_leaves *l, struct journal_rig *rig, uint64_t id);
/* It was; or something else was. */
void journal_leaves_appended(struct journal_leaves *l, const struct journal_rig *rig, uint64_t seq,
			     bool is_event);
/* An open found so much; one of a journal with damage beyond the promise may find less. */
void journal_leaves_recovered(struct journal_leaves *l, const struct journal_rig *rig,
			      uint64_t last_seq);
/* After each act: the journal looks for what to do, perhaps, and what it has said is looked at. */
void journal_leaves_pass(struct journal_leaves *l, struct journal_rig *rig);
/* What the log is asked for. */
enum journal_wish journal_leaves_wish(struct journal_leaves *l, const struct journal_rig *rig);
/* For wr_verify_run(): `context` is the struct. */
int journal_leaves_batch(void *context, const struct wr_batch_header *batch);
/* Something is still to be erased. */
bool journal_leaves_waits(const struct journal_leaves *l, const struct journal_rig *rig);
/* What there was of it, into a run's situations. */
void journal_leaves_count(const struct journal_leaves *l, uint64_t *sometimes);
/* A life ends. */
void journal_leaves_end(struct journal_leaves *l, const struct journal_rig *rig);

#endif
