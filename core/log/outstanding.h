/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is outstanding of shared subscriptions (order KEY or NONE): events that their group has
 * taken charge of and nobody has settled. Up to the frontier every event of a subscription is
 * settled but for these; so the lowest place of them, or the frontier, is its position (L19).
 *
 * An event that stays long costs an entry, however much is settled behind it; a bitmap above the
 * position would grow with that instead (docs/design/outstanding-events.md).
 *
 * An entry's generation is raised by each REJECT: a settle that names an older one is that of a
 * lease that is over, and counts for nothing. One writer; nobody else looks, but for the counts.
 */
#ifndef WR_LOG_OUTSTANDING_H
#define WR_LOG_OUTSTANDING_H

#include "core/log/catalog.h"
#include "core/log/settle.h"
#include "core/record/share.h"

#define WR_NO_ENTRY UINT32_MAX

/* On its way to the dead letters; and there, but kept here with its key, until it is redriven. */
#define WR_ENTRY_DEAD 1u
#define WR_ENTRY_PARKED 2u

struct wr_outstanding_entry {
	uint64_t seq;
	uint64_t key; /* wr_share_key() */
	uint64_t first_failed_us;
	uint64_t last_failed_us;
	uint64_t not_before_us; /* of its delay, or of the last reject */
	uint64_t expires_us;    /* 0: never */
	uint64_t place;         /* where its copy lies (carried.h); 0: it lies where it was */
	uint64_t said_seq;      /* of the last record that counted an attempt; 0: none did */
	uint32_t subscription;
	uint32_t row;
	uint32_t bytes;
	uint32_t generation; /* from 1 */
	uint32_t attempts;   /* that failed */
	uint32_t reason;
	uint16_t dead; /* WR_ENTRY_DEAD, WR_ENTRY_PARKED */
	uint16_t priority;
	uint32_t prev, next;             /* of its subscription, by sequence */
	uint32_t place_prev, place_next; /* of those that were carried, by place */
	uint32_t chain; /* of its bucket; when it is none: of those free, or pending */
};

struct wr_outstanding_list {
	uint64_t frontier;
	uint32_t first, last;
	uint32_t first_here; /* the lowest that lies where it was */
	uint32_t carried_first, carried_last;
	/*
	 * What is taken begins in first_generation, and none is above top_generation. A move raises
	 * both: what was said of an event before it says nothing of the same event taken again.
	 */
	uint32_t first_generation, top_generation;
	/* What was outstanding when the process died, and since then (suspects.h). */
	uint64_t suspects_end; /* those below it; 0: none */
	uint64_t in_hand;      /* the one that was handed out alone; 0: none */
	uint32_t crashes;
	uint32_t progress;   /* 1: a suspect was settled or failed since the last crash */
	uint32_t forgiven;   /* 1: a crash before it was not counted for that */
	wr_atomic_u64 count; /* anybody may look (relaxed) */
};

struct wr_outstanding_limits {
	uint32_t entries_max; /* of all subscriptions together */
	uint32_t subscriptions_max;
};

struct wr_outstanding {
	struct wr_outstanding_limits limits;
	struct wr_outstanding_entry *entries;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t free;
	uint32_t free_count;
	uint32_t pending;                  /* settled by a run that may be taken back */
	struct wr_outstanding_list *lists; /* by subscription */
};

size_t wr_outstanding_bytes(const struct wr_outstanding_limits *limits);
int wr_outstanding_init(struct wr_outstanding *o, struct wr_memory *memory,
			const struct wr_outstanding_limits *limits);
void wr_outstanding_fini(struct wr_outstanding *o, struct wr_memory *memory);
void wr_outstanding_reset(struct wr_outstanding *o);

/* A new subscription: nothing taken, the frontier at its start. Its rows are started already. */
void wr_outstanding_start(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			  const struct wr_subscription *s);

/*
 * A record of subscription `id`. 0; -EINVAL (malformed, no such row), WEIR_E_OUT_OF_SEQUENCE (a
 * mark that does not begin at the frontier), WEIR_E_FULL, WEIR_E_FENCED (nothing that it names is
 * outstanding under that generation).
 */
int wr_outstanding_mark(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			const struct wr_subscription *s, const struct wr_mark_view *mark);
/* `keep`: wr_outstanding_undo() or _keep() follows. *ret_ignored: entries that count for nothing.*/
int wr_outstanding_settle(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			  const struct wr_subscription *s, const struct wr_settle_view *view,
			  bool keep, uint32_t *ret_ignored);
/*
 * `seq`: of the record.
 * *ret_generation: the one in force, also where it is refused; 0: it is not outstanding. What ends
 * a parked event and finds none: WEIR_E_OUT_OF_SEQUENCE. In a run it is the last record: only what
 * it settles can be taken back (`keep`, as above).
 */
int wr_outstanding_reject(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			  const struct wr_subscription *s, const struct wr_reject *reject,
			  uint64_t seq, bool keep, uint32_t *ret_generation);

/*
 * All that is outstanding is so no more, and the frontier is there (a seek). Not in a run. Where
 * `carried_stay`, what was carried from below the place stays: nobody who reads on from there
 * finds it. It begins anew, from the first attempt, with what it has of a delay and a time of its
 * own, and is not settled: the rows are counted anew before.
 */
void wr_outstanding_move(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
			 const struct wr_subscription *s, uint64_t position, bool carried_stay);

/* For carried.c: as it follows from where the entries lie. */
void wr_outstanding_set_position(struct wr_outstanding *o, struct wr_settle *settle, uint32_t id,
				 const struct wr_subscription *s);

/* What a run has settled is outstanding again, or for good gone. */
void wr_outstanding_undo(struct wr_outstanding *o, struct wr_settle *settle,
			 struct wr_catalog *catalog);
void wr_outstanding_keep(struct wr_outstanding *o);

/* NULL: settled, or not taken yet. */
struct wr_outstanding_entry *wr_outstanding_find(struct wr_outstanding *o, uint32_t id,
						 uint64_t seq);

size_t wr_outstanding_save_bytes_max(const struct wr_outstanding_limits *limits);
void wr_outstanding_save(struct wr_outstanding *o, struct wr_catalog *catalog,
			 struct wr_sink *sink);
/* Behind catalog and settle. */
int wr_outstanding_load(struct wr_outstanding *o, struct wr_catalog *catalog, uint32_t version,
			const uint8_t *bytes, uint32_t length_bytes);

#endif
