/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histories of the real library that is killed: a child opens a journal, publishes, consumes,
 * seeks, and writes down what it asks for and is told, into memory that it shares with its parent
 * and that outlives it. The parent kills it at a drawn moment, reads what is in the journal, and
 * lets the next child go on in it; the last one goes on until everything was handed out, and
 * closes.
 *
 *   live_child.c      a life: opens, makes topics, groups and threads, drains, closes
 *   live_producer.c   a thread that publishes
 *   live_member.c     a thread that polls
 *   live_transact.c   its transactions
 *   live_worker.c     a thread that takes from a queue
 *   test_kills.c      the parent
 *
 * A slot is taken by one addition and marked when it is filled, so the order of the slots is one in
 * which everything could have happened: what is asked for is written down before the call, what was
 * told after it. A slot that its writer did not live to fill is none.
 */
#ifndef WR_ANOMALY_LIVE_H
#define WR_ANOMALY_LIVE_H

#include <weir.h>

#include "core/base/atomic.h"
#include "io/sim/prng.h"
#include "tests/anomaly/history.h"

#define LIVE_OPS_MAX 400000u
#define LIVE_TOPICS 2u  /* that producers publish to */
#define LIVE_DEAD 2u    /* the topic of dead letters */
#define LIVE_OUTPUTS 3u /* the one of what transactions publish */
#define LIVE_TOPICS_ALL 4u
#define LIVE_GROUPS 2u /* that read partitions; queues come behind them */
#define LIVE_JOBS 2u   /* in order of keys, with dead letters */
#define LIVE_TASKS 3u  /* in no order, with none */
#define LIVE_GROUPS_ALL 4u
#define LIVE_PRODUCERS 3u /* the first one has a name */
#define LIVE_MEMBERS 3u
#define LIVE_WORKERS 4u
#define LIVE_KEYS 6u
/* Idempotency keys that a topic remembers: more than come between an event and its repeat. */
#define LIVE_WINDOW 4000u
#define LIVE_PARTITIONS_MAX 4u
#define LIVE_LOG_GROUP 100u /* the parent, who reads the journal */
#define LIVE_NAMED_VALUES (UINT64_C(1) << 40)
#define LIVE_OUTPUT_VALUES (UINT64_C(1) << 41)

enum live_state { LIVE_BORN, LIVE_RUNNING, LIVE_OVER };

struct live_slot {
	struct history_op op;
	wr_atomic_u32 is_filled;
};

struct live_shared {
	wr_atomic_u64 used; /* slots; more than there are: it is full */
	wr_atomic_u64 value_last;
	wr_atomic_u64 output_last;
	wr_atomic_u32 process_last;
	wr_atomic_u32 call_last;
	wr_atomic_u32 state;
	wr_atomic_u32 has_fault;
	char fault[512];
	struct live_slot slots[LIVE_OPS_MAX];
};

struct live_plan {
	const char *dir;
	enum weir_io io;
	bool has_io;
	uint64_t seed;
	bool seeks, is_last;
};

/* A life, in this process; what it exits with. */
struct live {
	const struct live_plan *plan;
	struct live_shared *shared;
	struct weir_pipeline *pipeline;
	uint32_t topics[LIVE_TOPICS_ALL];
	uint32_t groups[LIVE_GROUPS_ALL];
	wr_atomic_u32 stop_producers, stop_members;
	wr_atomic_u32 producers_done;
};

extern const uint32_t live_partitions[LIVE_TOPICS_ALL];

int live_child(const struct live_plan *plan, struct live_shared *shared);
void live_say(struct live_shared *shared, struct history_op op);
bool live_is_full(const struct live_shared *shared);
/* The first of them is kept. */
void live_fault(struct live_shared *shared, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What a value is: its topic by number, its key, the partition that the key puts it in. */
uint32_t live_topic_of(uint64_t value);
uint64_t live_key_of(uint64_t value);
uint32_t live_partition_of(uint64_t value);
/* Its key as it is published. */
void live_key_text(uint64_t value, char text[8]);

struct live_thread {
	struct live *live;
	uint32_t index;
};
/* For pthread_create(), with a struct live_thread. */
void *live_producer(void *context);
void *live_member(void *context);
void *live_worker(void *context);

/* ---- a member's, between its files ---- */

#define LIVE_HELD_MAX 128u

struct live_row {
	uint32_t generation;
	uint64_t start;
};

struct live_member {
	struct live *live;
	struct weir_member *handle;
	struct wr_prng prng;
	uint32_t group, process, call;
	struct live_row rows[LIVE_TOPICS][LIVE_PARTITIONS_MAX];
	uint32_t held_count;
	struct weir_item held[LIVE_HELD_MAX];
};

void live_say_ack(const struct live_member *m, const struct weir_item *item,
		  enum history_type type);
void live_transact(struct live_member *m);

#endif
