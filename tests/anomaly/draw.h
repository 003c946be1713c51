/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small log that drawn histories come from. It is no model of weir: it is the least that does
 * right what the rules speak of.
 *
 *   draw.c         the log: sends of all kinds, transactions, crashes, states; and who comes next
 *   draw_groups.c  groups that own partitions, and their end
 *   draw_leases.c  the group that leases, its dead letters, redrives
 *
 * Topics 1 and 2 have two partitions, and topic 1 may grow to four; topic 9 has the dead letters of
 * group 3. Group 1 reads both topics and only what is durable, group 2 reads topic 1 from memory,
 * of which it may want some kinds only; group 3 leases topic 2 by keys, group 9 reads the dead
 * letters.
 */
#ifndef WR_ANOMALY_DRAW_H
#define WR_ANOMALY_DRAW_H

#include "io/sim/prng.h"
#include "tests/anomaly/history.h"

#define DRAW_EVENTS_MAX 600u
#define DRAW_KEYS 6u
#define DRAW_ROWS 11u
#define DRAW_GROWN 4u /* partitions of topic 1 */
#define DRAW_GROUPS 10u
#define DRAW_KINDS 3u
#define DRAW_FILTERS_MAX 8u
#define DRAW_FILTERED_GROUP 2u
#define DRAW_PRODUCERS 3u
#define DRAW_LEASERS 3u
#define DRAW_LEASE_NS 2000u
#define DRAW_DEAD_TOPIC 9u
#define DRAW_LEASE_GROUP 3u
#define DRAW_DEAD_GROUP 9u

struct draw_event {
	uint64_t offset, value, key;
	uint32_t topic, partition;
	uint8_t kind;
	uint32_t delivered; /* by bits of groups */
	bool gone;          /* a recovery cut it away */
	/* Of the group that leases. */
	bool settled, leased;
	uint32_t lease_process, lease_call;
	uint64_t lease_until;
};

/* A partition of a group that owns it. */
struct draw_row {
	uint32_t group, topic, partition;
	uint32_t generation, process;
	uint64_t position, safe_position; /* next to be acknowledged; what a crash leaves of it */
	uint64_t next;                    /* next to be handed out */
};

struct draw_filter {
	uint64_t offset, unwanted;
};

struct draw {
	struct history *to;
	struct wr_prng prng;
	uint64_t time, value, dedup;
	uint64_t seq, written, durable;
	uint64_t grown; /* where topic 1 has; 0: not yet */
	uint32_t filter_count;
	struct draw_filter filters[DRAW_FILTERS_MAX];
	uint64_t erased[3][DRAW_KEYS + 1]; /* of topics 1 and 2: what stands below */
	uint32_t process, call;
	uint32_t event_count;
	struct draw_event events[DRAW_EVENTS_MAX];
	struct draw_row rows[DRAW_ROWS];
	uint32_t producers[DRAW_PRODUCERS];
	uint32_t leasers[DRAW_LEASERS];
};

static inline uint64_t draw_below(struct draw *d, uint64_t bound)
{
	return wr_prng_below(&d->prng, bound);
}
static inline bool draw_one_in(struct draw *d, uint64_t n)
{
	return wr_prng_below(&d->prng, n) == 0;
}
/* Puts it into the history; time goes on. */
void draw_say(struct draw *d, struct history_op op);
static inline uint8_t draw_kind_of(uint64_t value)
{
	return (uint8_t)(1 + value % DRAW_KINDS);
}
/* Appends; NULL: the log is full. */
struct draw_event *draw_append(struct draw *d, uint32_t topic, uint64_t key, uint64_t value);
/* Its key was, behind it: of a dead letter, in topic 2. */
static inline bool draw_is_erased(const struct draw *d, const struct draw_event *e)
{
	return e->offset < d->erased[e->topic == DRAW_DEAD_TOPIC ? 2 : e->topic][e->key];
}
/* An operation about an event. */
struct history_op draw_about(const struct draw_event *e, enum history_f f, uint32_t process);

/* draw_groups.c */
void draw_groups_begin(struct draw *d);
void draw_groups_act(struct draw *d);
void draw_groups_recover(struct draw *d);
void draw_groups_grow(struct draw *d);
void draw_groups_filter(struct draw *d);
void draw_groups_compact(struct draw *d);
void draw_groups_drain(struct draw *d);

/* draw_leases.c */
void draw_leases_act(struct draw *d);
void draw_leases_recover(struct draw *d);
void draw_leases_drain(struct draw *d);

#endif
