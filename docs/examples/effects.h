/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Effects in a database of your own, each exactly once: what stands in it beside them.
 *
 * weir hands an event out at least once: a process that dies between its effect and its
 * acknowledgement gets it again. So the effect and a mark that it is done are written in one
 * transaction of the database, and what has its mark is passed over. Two kinds of marks:
 *
 *   weir_position  for members of partitions: one row for each partition, with the position behind
 *                  the last event whose effect is there, and the fence of its owner
 *   weir_done      for queues, whose events come in any order: one row for each event, by its id
 *
 * The fence. A partition may have two owners for a moment: one that sleeps, whose session is over,
 * and the next one. The later one has the higher fence: it is made of the log's epoch, which rises
 * with each open, and of the partition's generation, which rises with each owner. Before an owner
 * handles its first event it claims the partition: its fence goes into the row, and the position is
 * read back. From then on nobody older gets anything into the database.
 *
 * effects_sqlite.c and effects_postgresql.c are the same for two databases; database.c is the
 * program, docs/guide/databases.md the page. Thread: one at a time has a connection.
 */
#ifndef EFFECTS_H
#define EFFECTS_H

#include <stddef.h>
#include <stdint.h>

struct effects; // a connection

enum effects_answer {
	EFFECTS_FAILED = -4, // effects_why() says what the database said
	EFFECTS_BUSY = -3,   // another transaction was in the way: roll back, begin again
	EFFECTS_FENCED =
		-2, // a later owner has claimed the partition; others of the transaction stand
	EFFECTS_REPEAT = -1, // the effect of this event is there
	EFFECTS_OK = 0,
};

/* Where: a file's name, or what PQconnectdb() takes. Makes the tables that are not there yet. */
enum effects_answer effects_open(const char *where, struct effects **ret_effects);
void effects_close(struct effects *effects);
const char *effects_why(const struct effects *effects);

/* A transaction. Each call until the commit belongs to it; after FAILED or BUSY: rollback, which
 * is also allowed where none has begun. */
enum effects_answer effects_begin(struct effects *effects);
enum effects_answer effects_commit(struct effects *effects);
void effects_rollback(struct effects *effects);

/* A partition of a subscription, and who has it. */
struct effects_owner {
	const char *subscription;
	uint32_t topic, partition;
	uint32_t epoch;      // of the pipeline: weir_info.epoch
	uint32_t generation; // of the partition: weir_item.generation
};

/* Before the owner's first event. The position: what is below it is done; 0 where the partition is
 * new to the database. */
enum effects_answer effects_claim(struct effects *effects, const struct effects_owner *owner,
				  uint64_t *ret_position);

/* OK: the effect of the event at `sequence` is yours to write, in this transaction. */
enum effects_answer effects_pass(struct effects *effects, const struct effects_owner *owner,
				 uint64_t sequence);

/* The same for an event that comes in any order, by what tells it from all others. */
enum effects_answer effects_once(struct effects *effects, const char *subscription, const void *id,
				 size_t id_bytes);

/* The effect of this example: an order is booked. */
enum effects_answer effects_book(struct effects *effects, const char *subscription, uint64_t order);

/* Statements without parameters; one that yields a number. Nothing from an event goes in here. */
enum effects_answer effects_run(struct effects *effects, const char *sql);
enum effects_answer effects_number(struct effects *effects, const char *sql, int64_t *ret_number);

static inline int64_t effects_fence(const struct effects_owner *owner)
{
	return (int64_t)((uint64_t)owner->epoch << 32 | owner->generation);
}

#endif
