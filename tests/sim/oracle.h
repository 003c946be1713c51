/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold, kept outside the core: a copy of every record that became visible, in order, with
 * who handed it over and what was promised about it; and for each partition of each subscription
 * what the log says of its progress. Everything is folded from the records alone, and folded anew
 * when a recovery comes back with fewer of them.
 */
#ifndef WR_SIM_ORACLE_H
#define WR_SIM_ORACLE_H

#include "tests/sim/world.h"

#define ORACLE_RECORDS_MAX 40000u
#define ORACLE_BYTES_MAX (24u * 1024 * 1024)
#define ORACLE_SOURCES_MAX 128u
#define ORACLE_KS_MAX 2048u
#define ORACLE_PARTITIONS_MAX 4u
#define ORACLE_ROWS_MAX 8u
#define ORACLE_GENERATIONS_MAX 1024u

#define ORACLE_DELIVERED 1u
#define ORACLE_ACKED 2u
#define ORACLE_MISSED 4u /* in a gap that was acknowledged */

struct oracle_record {
	uint32_t at, bytes; /* in oracle.bytes */
	uint32_t source, k;
	uint32_t epoch;
	uint32_t index; /* in its partition's list */
	uint64_t time_us;
	uint8_t kind;
	uint8_t topic;
	uint8_t partition;
};

struct oracle_source {
	bool named;
	bool closed;
	uint32_t last_k;    /* in the log */
	uint32_t durable_k; /* acknowledged at that level */
	uint32_t written_k;
	uint32_t seq_of[ORACLE_KS_MAX];
};

struct oracle_list {
	uint32_t count;
	uint32_t seqs[ORACLE_RECORDS_MAX];
};

/* A partition of a subscription. */
struct oracle_row {
	uint32_t topic, partition;
	uint64_t position;             /* as folded */
	uint32_t generation;           /* as folded */
	uint64_t durable_position;     /* promised by a commit */
	uint32_t delivered_generation; /* highest in which something was handed out */
	uint32_t next_index;           /* of the partition's list: what comes next in it */
	uint64_t start_of[ORACLE_GENERATIONS_MAX];
};

struct oracle_subscription {
	bool exists;
	uint32_t row_count;
	enum weir_level gate;
	enum weir_when_slow when_slow;
	bool may_gap;
	bool loose; /* a seek: what was acknowledged is handed out again */
	uint32_t seeks_open;
	uint64_t seek_target;
	uint64_t start_target; /* where it is to begin; 0: with its own record */
	struct oracle_row rows[ORACLE_ROWS_MAX];
	uint8_t flags[ORACLE_RECORDS_MAX];
};

struct oracle {
	uint64_t end_seq;    /* last record tapped */
	uint64_t kept_seq;   /* durable, as seen, or found by a recovery */
	uint64_t cached_seq; /* written when the process died while the power stayed on */
	uint64_t shadow_seq; /* applied to the shadow tables */
	uint64_t tap_ordinal;
	uint32_t bytes_used;
	uint32_t source_count;
	bool power_went; /* between the last life and this: what was only written is void */
	struct oracle_record records[ORACLE_RECORDS_MAX];
	struct oracle_source sources[ORACLE_SOURCES_MAX];
	struct oracle_list lists[WORLD_TOPICS][ORACLE_PARTITIONS_MAX];
	struct oracle_subscription subscriptions[WORLD_SUBSCRIPTIONS];
	uint8_t bytes[ORACLE_BYTES_MAX];
};

extern struct oracle oracle;

void oracle_reset(void);
/* oracle.c: the log */
void oracle_tap(void);
void oracle_look(void);
void oracle_recovered(void);
void oracle_verify_medium(bool live);
/* The first record that is still there, durable, and not of before this time. */
uint64_t oracle_find_time(uint64_t time_us);
void oracle_compare_tables(void);
uint32_t oracle_source_new(bool named);
/* oracle_fold.c: records to rows and sources; `checked`: seen for the first time. */
void oracle_fold(uint64_t seq, bool checked);
void oracle_fold_reset(void);
/* oracle_groups.c: deliveries, acks, lag */
void oracle_delivered(struct world_member *m, const struct weir_item *item);
void oracle_check_lent(const struct world_member *m);
void oracle_acked(struct world_member *m, const struct weir_item *item);
void oracle_committed(struct world_member *m, const struct weir_assignment *a, uint32_t count);
void oracle_check_lag(uint32_t subscription);
void oracle_check_retention(void);
void oracle_check_drained(uint32_t subscription);
uint32_t oracle_first_index(const struct oracle_list *list, uint64_t seq);

#endif
