/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the checker share. Everything is an index into one of its lists. */
#ifndef WR_ANOMALY_CHECKER_INTERNAL_H
#define WR_ANOMALY_CHECKER_INTERNAL_H

#include "tests/anomaly/checker.h"

#define LIFE_END UINT32_MAX /* an entry that still stands */

/* Between two recoveries. */
struct life {
	uint64_t cut;   /* the last offset that the recovery before it left */
	uint32_t lower; /* the next life whose cut is lower */
	uint32_t line;  /* its recovery */
	uint8_t level;  /* what the crash before it spared; 0: there was none */
	uint8_t worst;  /* the highest of those that follow it */
};

/* A partition of a topic. */
struct place {
	uint32_t topic, partition;
	uint32_t first_rank, end_rank; /* in the version order */
	uint32_t rows;                 /* first row of it; each knows the next */
	uint64_t read_max;             /* highest offset that anybody read */
};

/* An event that stands somewhere, for some lives. */
struct entry {
	uint64_t offset, value, key;
	uint64_t version;  /* 0: not known */
	uint64_t acked_ns; /* UINT64_MAX: nobody was told of it */
	uint32_t place;
	uint32_t first_life, end_life;
	uint32_t line;
	uint32_t older;         /* at the same offset */
	uint32_t next_of_value; /* of the same value */
	uint32_t rank;
	uint32_t durable_line; /* handed out to who is handed only that */
	uint32_t leaves_life;  /* from then on a compaction may have taken it; LIFE_END: never */
	bool read;
};

/* One try to send a value. */
struct attempt {
	uint32_t value;
	uint32_t line, end_line; /* end_line: TABLE_NONE, never told */
	uint32_t life;           /* of the answer */
	uint32_t next;           /* of the same value */
	uint8_t type;            /* as the answer: INFO where there was none */
	uint8_t level;
};

struct value {
	uint64_t value;
	uint32_t first_attempt, last_attempt, attempt_count;
	uint32_t entries;
	uint32_t read_line; /* first; TABLE_NONE */
	uint32_t read_life;
	uint32_t attempts_before_read;
	uint32_t redrives;
	uint32_t redrive_line; /* the last one so far, as the groups are gone through */
	uint32_t giveup_line;  /* likewise */
	uint32_t dead_line;    /* the first one of all groups */
	uint32_t topic;
	uint8_t kind;
	uint32_t dead_topic; /* that its dead letters are in, */
	uint64_t dead_of;    /* and whose they are: bits of groups */
	bool committed;
};

/* A transaction, or whatever else is done in one call. */
struct call {
	uint32_t txn; /* line of its end, or of its begin; TABLE_NONE: it is no transaction */
	uint32_t life;
	uint32_t last_attempt;
	uint32_t standing, missing; /* of its events, at the end */
	uint32_t missing_line;
	uint32_t node; /* of the graph */
	uint8_t type;  /* of the transaction's end */
};

struct group {
	uint32_t group;
	uint32_t drain_line;
	uint64_t seek_below;          /* the highest target of a seek */
	uint32_t loose_life;          /* in which somebody sought; TABLE_NONE */
	uint32_t seeks, seeks_so_far; /* the second as the groups are gone through */
	uint64_t delay, lives;        /* of a queue's events */
	uint32_t filters;             /* the newest; TABLE_NONE: it never had one */
	uint8_t gate;
	bool shared, keyed, gaps;
};

/* A key was erased: what stands below. */
struct erasure {
	uint64_t offset, key;
	uint32_t topic;
	uint32_t first_life, end_life;
	uint32_t told_line; /* TABLE_NONE: nobody was told */
};

/* Of a topic, below an offset. */
struct compaction {
	uint64_t offset;
	uint32_t topic, life;
};

/* What a group does not want from an offset on. */
struct filter {
	uint64_t offset, unwanted;
	uint32_t first_life, end_life;
	uint32_t older;
};

/* A partition of a group. */
struct row {
	uint32_t group, place, next_of_place;
	uint64_t start; /* of the subscription */
	uint64_t position, position_max;
	uint64_t polled_max; /* of what stands to the end */
	uint64_t committed[HISTORY_DURABLE + 1];
	uint32_t committed_line;
	uint32_t generation;      /* highest that was handed out */
	uint32_t generation_line; /* when it was first */
	uint32_t assigned;        /* highest that was assigned */
	uint32_t assigned_life;   /* of the last one */
	uint32_t gaps, gap_count; /* sorted */
	bool placed;              /* its position is known */
};

struct gap {
	uint64_t first, end;
	uint32_t row;
};

/* From there on a topic has so many partitions, until a recovery cuts that away. */
struct growth {
	uint64_t offset;
	uint32_t topic, partitions;
	uint32_t first_life, end_life;
};

/* An event of a group. */
struct gv {
	uint32_t delivered_line;
	uint32_t acked_line, acked_generation, acked_life;
	uint32_t lease_line, lease_call, lease_life;
	uint64_t lease_until;
	uint32_t next_in_flight; /* of its key */
	uint32_t dead_line, dead_life;
	uint32_t settled_line, settled_life; /* of a queue: told by a commit */
	uint8_t settled_level;
	uint32_t taken_call; /* 0: nobody said so */
	bool expired, leased, in_flight;
};

/* A key of a group. */
struct key {
	uint32_t first; /* the last event of it that was handed out for the first time */
	uint32_t seeks; /* of the group, then */
	uint32_t generation;
	uint32_t in_flight; /* the first event that was leased and may still be */
	uint32_t parked;    /* behind this one, which is dead */
	uint32_t parked_line, parked_life;
};

/* Versions of a key of a topic, as its events are gone through. */
struct versioned {
	uint32_t last; /* TABLE_NONE: none yet, or it has ended */
	bool unclear;  /* it was ended by an event that nobody knows the place of */
};

struct process {
	uint32_t invoke_line; /* of its last poll */
	uint32_t left_line;
	uint32_t cursors;
};

/* How far a process has read a partition. */
struct cursor {
	uint64_t offset;
	uint32_t group, place, generation, call, line;
	uint32_t next; /* of the process */
	bool rewinds;  /* what it got and has not settled comes again */
};

/* Of the graph of transactions. */
struct node {
	uint32_t line;
	uint32_t first_edge;
	uint32_t index, low; /* 0: not seen yet */
	uint32_t stack;      /* the one below, while on it */
	uint32_t parent, next_edge;
	bool on_stack;
};

struct edge {
	uint32_t to, next;
};

struct checker {
	const struct history *history;
	const struct checker_options *options;
	struct verdict *verdict;

	struct list lives, places, entries, attempts, values, calls, groups, rows, gaps, gvs;
	struct list op_entry;            /* of each operation; or TABLE_NONE */
	struct list order;               /* entries in the version order */
	struct list versioned, in_topic; /* the second: entries by topics and offsets */
	struct list cursors, keys, processes, nodes, edges;
	struct list starts, numbers, growths, filters, erasures, compactions;
	struct table place_at, entry_at, value_at, call_at, group_at, row_at, gv_at;
	struct table start_at, owner_at, cursor_at, last_send_at, key_at, topic_start_at;
	struct table seen_at, dedup_at, forget_at, state_at, process_at, home_at;
	struct table versioned_at, later_at, unplaced_at;
};

/* checker.c */
void checker_found(struct checker *c, enum rule rule, uint32_t line, uint32_t other);
static inline const struct history_op *checker_op(const struct checker *c, uint32_t line)
{
	return history_op(c->history, line);
}
/* A thing of a list, found by two numbers; made if it is not there: then *ret_made. */
void *checker_at(struct table *table, struct list *list, uint64_t a, uint64_t b, bool *ret_made);
void *checker_find(const struct table *table, const struct list *list, uint64_t a, uint64_t b);
static inline struct entry *checker_entry(const struct checker *c, uint32_t index)
{
	return list_get(&c->entries, index);
}
static inline uint32_t checker_index(const struct list *list, const void *of)
{
	return (uint32_t)(((const char *)of - (const char *)list->at) / list->size);
}
/* It is among the dead letters of a group, which need not have been handed it: what was about to
 * be when its process died may have failed by that. */
static inline bool checker_died(const struct value *v, uint32_t group)
{
	return (v->dead_of >> group % 64 & 1) != 0;
}
/* Both stood in the log at one time. */
static inline bool checker_together(const struct entry *a, const struct entry *b)
{
	return a->first_life < b->end_life && b->first_life < a->end_life;
}
/* In order of offsets of a place, then of lives. */
static inline struct entry *checker_ranked(const struct checker *c, uint32_t rank)
{
	return checker_entry(c, *(uint32_t *)list_get(&c->order, rank));
}
/* The first rank of a place at or above an offset. */
uint32_t checker_rank_from(const struct checker *c, const struct place *place, uint64_t offset);

/* checker_things.c */
void checker_lives(struct checker *c);
uint32_t checker_place(struct checker *c, uint32_t topic, uint32_t partition);
struct value *checker_value(struct checker *c, uint64_t value);
/* In its topic: what is known of a dead one may be its letter alone. */
bool checker_is_placed(const struct checker *c, const struct value *v);
struct call *checker_call(struct checker *c, uint32_t number);
/* What stands at an offset in a life, or TABLE_NONE. */
uint32_t checker_find_entry(const struct checker *c, uint32_t place, uint64_t offset,
			    uint32_t life);
/* The first life in which what was first seen in `life` at `offset` is gone. */
uint32_t checker_end_of(const struct checker *c, uint32_t life, uint64_t offset);
struct group *checker_group(struct checker *c, uint32_t group);
struct row *checker_row(struct checker *c, uint32_t group, uint32_t place);
/* A value that was told safe at a level in a life is not lost by any crash since. */
bool checker_is_safe(const struct checker *c, uint8_t level, uint32_t life);

/* checker_log.c: it was answered ok, and what was answered still holds. */
bool checker_is_committed(const struct checker *c, const struct value *v, const struct attempt *a);

/* checker_homes.c: a topic grows. */
void checker_grow(struct checker *c, const struct history_op *op, uint32_t life);

/* checker_owed.c: what a group wants is told; what a compaction may take. */
void checker_compact(struct checker *c, const struct history_op *op, uint32_t life);
void checker_leaves(struct checker *c);
void checker_filter(struct checker *c, const struct history_op *op, uint32_t life);
/* By the filter that is in force at an offset in a life. */
bool checker_wants(const struct checker *c, const struct group *g, const struct value *v,
		   uint64_t offset, uint32_t life);
void checker_erase(struct checker *c, uint32_t line, uint32_t life);
/* The erasure above an event that was told before a line; NULL. */
const struct erasure *checker_erased_before(const struct checker *c, const struct entry *e,
					    uint32_t line);
/* The event was dead behind an erasure of it. */
bool checker_died_erased(const struct checker *c, const struct entry *e, uint64_t letter,
			 uint32_t life);
/* Whether a group has to be handed it, as things stand in a life. */
bool checker_is_owed(const struct checker *c, uint32_t group, const struct entry *e, uint32_t life);
/* The same, wherever it may stand. */
bool checker_is_owed_anywhere(const struct checker *c, const struct group *g,
			      const struct value *v);
static inline uint32_t checker_last_life(const struct checker *c)
{
	return c->lives.count - 1;
}

/* The parts, in this order. */
void checker_log(struct checker *c);
void checker_homes(struct checker *c);
void checker_sends(struct checker *c);
void checker_polls(struct checker *c);
void checker_groups(struct checker *c);
void checker_ends(struct checker *c);
void checker_txns(struct checker *c);
void checker_versions(struct checker *c);

/* checker_leases.c, called by checker_groups.c */
struct gv *checker_gv(struct checker *c, uint32_t group, uint32_t entry, bool *ret_made);
struct key *checker_key(struct checker *c, uint32_t group, const struct entry *e);
struct process *checker_process(struct checker *c, uint32_t process);
/* It was handed out, with a lease. */
void checker_lease(struct checker *c, const struct group *g, uint32_t line, uint32_t life);
/* It is given up: not while somebody has it. */
void checker_taken_away(struct checker *c, const struct gv *gv, uint32_t line, uint32_t life);
/* It went into the dead letters. */
void checker_die(struct checker *c, uint32_t line, uint32_t life);
/* It was handed out: not if its key waits. */
void checker_parked(struct checker *c, uint32_t line, uint32_t life);
/* It was handed out, or acknowledged: not if it is dead. */
void checker_alive(struct checker *c, struct gv *gv, const struct entry *e, uint32_t line,
		   uint32_t life);

/* checker_terms.c: it was leased, neither before its time nor behind it. */
void checker_terms(struct checker *c, const struct group *g, uint32_t line, uint32_t life);
/* and behind nothing that is less urgent. */
void checker_urgency(struct checker *c, uint32_t line);

/* checker_ends.c */
bool checker_is_excused(const struct checker *c, const struct row *row, uint64_t offset);

#endif
