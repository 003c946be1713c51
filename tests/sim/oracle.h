/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold, kept outside the core: a copy of every record that became visible, in order, with
 * who handed it over and what was promised about it; and for each partition of each subscription
 * what the log says of its progress. Everything is folded from the records alone, and folded anew
 * when a recovery comes back with fewer of them.
 */
#ifndef WR_SIM_ORACLE_H
#define WR_SIM_ORACLE_H

#include "tests/sim/world_history.h"

#define ORACLE_RECORDS_MAX 40000u
#define ORACLE_BYTES_MAX (24u * 1024 * 1024)
#define ORACLE_SOURCES_MAX 128u
#define ORACLE_KS_MAX 2048u
#define ORACLE_PARTITIONS_MAX 8u
#define ORACLE_ROWS_MAX 16u
#define ORACLE_GROWTHS_MAX 4u
#define ORACLE_GENERATIONS_MAX 1024u
#define ORACLE_FILTERS_MAX 64u
#define ORACLE_FILTERS_KEPT 4u
#define ORACLE_ERASURES_MAX 64u

#define ORACLE_DELIVERED 1u
#define ORACLE_ACKED 2u
#define ORACLE_MISSED 4u /* in a gap that was acknowledged */
#define ORACLE_BURIED 8u /* its dead letter settled it, while it lies below the position */

struct oracle_record {
	uint32_t at, bytes; /* in oracle.bytes */
	uint32_t source, k;
	uint32_t epoch;
	uint32_t index; /* in its partition's list */
	uint64_t time_us;
	uint8_t kind;
	uint8_t topic;
	uint8_t partition;
	uint8_t key, value; /* what filters ask for */
	uint8_t copied;     /* by which replays, in bits */
	uint8_t address;    /* of a copy: for whom, in bits */
	uint32_t copy_of;
	bool may_leave;  /* a pass of compaction began that does not need it */
	bool may_retire; /* its topic kept no more of it */
	bool left;
};

struct oracle_source {
	bool named;
	bool closed;
	uint32_t last_k;    /* in the log */
	uint32_t durable_k; /* acknowledged at that level */
	uint32_t written_k;
	uint32_t seq_of[ORACLE_KS_MAX];
	uint32_t made_at[ORACLE_KS_MAX]; /* where the log ended when it was handed over last */
	/* Of a member's transactions: of each number its run, and some are in no log. */
	bool has_runs;
	uint16_t run_first[ORACLE_KS_MAX], run_last[ORACLE_KS_MAX];
	bool run_settles[ORACLE_KS_MAX];
	uint8_t run_of[ORACLE_KS_MAX]; /* subscription */
};

struct oracle_list {
	uint32_t count;
	uint32_t seqs[ORACLE_RECORDS_MAX];
};

/* A partition of a subscription. */
struct oracle_row {
	uint32_t topic, partition;
	uint64_t position;             /* as folded */
	uint64_t detached_seq;         /* its record, as folded; 0: it is not */
	uint32_t generation;           /* as folded */
	uint64_t durable_position;     /* promised by a commit */
	uint32_t delivered_generation; /* highest in which something was handed out */
	uint32_t next_index;           /* of the partition's list: what comes next in it */
	uint64_t start_of[ORACLE_GENERATIONS_MAX];
};

struct oracle_filter {
	uint64_t from_seq;
	struct world_filter filter;
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
	bool seeks_oldest;
	uint64_t start_target; /* where it is to begin; 0: with its own record */
	uint32_t filter_first; /* the oldest that is kept */
	uint32_t filter_count; /* 0: it never had one */
	struct oracle_filter filters[ORACLE_FILTERS_MAX];
	struct oracle_row rows[ORACLE_ROWS_MAX];
	uint8_t flags[ORACLE_RECORDS_MAX];
};

#define ORACLE_UNTAKEN 0u
#define ORACLE_OUTSTANDING 1u
#define ORACLE_SETTLED 2u

/* An event of a queue. */
struct oracle_shared {
	/* As the log says. */
	uint8_t state;
	bool dead;   /* it was rejected as dead */
	bool parked; /* its key waits behind it */
	uint32_t generation;
	uint32_t attempts;
	uint64_t counted_seq;               /* the record that counted the last attempt */
	uint64_t place;                     /* of its copy further on; 0: it lies where it was */
	uint64_t copy;                      /* likewise, also when it counts no more */
	uint64_t not_before_us, expires_us; /* append time */
	/* In this life: by whom it was handed out last, until when, and what he said of it. */
	uint32_t holder; /* 0: nobody has it */
	uint64_t leased_until_ns;
	uint64_t retry_from_ns;
	uint64_t wanted_ns; /* that its rejection asked for */
	uint32_t acked_generation;
	uint32_t rejected_generation;
	/* Over all lives. */
	uint32_t attempts_seen; /* as it was handed out last */
	bool kept;              /* it was told that it is settled durably */
};

struct oracle_queue {
	uint64_t frontier, position; /* the lowest that is outstanding, wherever it lies */
	bool has_carried;            /* some may lie elsewhere */
	uint64_t touched_end;        /* of its events */
	uint32_t first_generation, top_generation;
	/* What was outstanding when the process died, as the log says. */
	uint64_t suspects_end, in_hand, in_hand_record;
	uint32_t crashes;
	bool progress, forgiven;
	bool length_known;     /* by the writer, without a count of the group's */
	uint64_t refuses_from; /* in this life, where it does */
	struct oracle_shared events[ORACLE_RECORDS_MAX];
};

/* The event of a partition that is tried. */
struct oracle_tried {
	/* As the log says. */
	uint64_t seq; /* 0: none; below the row's position: none any more */
	uint32_t attempts, reason;
	uint64_t counted_seq; /* the record that counted the last attempt */
	uint32_t doubts;      /* crashes with it in hand that may have counted, too */
	bool dead, expired, in_hand;
	uint64_t in_hand_record;
	uint64_t crash_from; /* where the row was at the last crash that found something to do */
	uint32_t crashes;
	uint32_t alone_generation; /* who is to be handed its events one at a time */
	uint32_t alone_left;
	/* In this life: what its owner said, and when it may come again. */
	uint64_t said_seq;
	uint32_t said_generation, said_reason;
	enum weir_verdict said_verdict;
	uint64_t said_from_ns, retry_from_ns; /* the second once the log has it */
	uint64_t buried_to, buried_record;    /* where its last letter moved the row to */
	uint64_t gap_end;                     /* that an owner was told of */
};

struct oracle_tries {
	uint32_t made_epoch; /* of the subscription */
	uint32_t crashes;    /* that the log was told of */
	uint64_t opened_seq; /* where it was told last how the life before had ended */
	struct oracle_tried rows[ORACLE_ROWS_MAX];
};

/* From that record on a topic has so many partitions. */
struct oracle_growth {
	uint64_t seq;
	uint32_t partitions;
};

/* A record that erases a key. */
struct oracle_erasure {
	uint64_t seq;
	uint32_t topic; /* WORLD_TOPICS_MAX: all */
	uint32_t key;
};

struct oracle {
	uint64_t end_seq;    /* last record tapped */
	uint64_t kept_seq;   /* durable, as seen, or found by a recovery */
	uint64_t cached_seq; /* written when the process died while the power stayed on */
	uint64_t shadow_seq; /* applied to the shadow tables */
	uint64_t tap_ordinal;
	uint32_t bytes_used;
	uint32_t looks; /* at what was packed */
	uint32_t source_count;
	uint64_t versions[WORLD_EVENT_KEYS];   /* of the keys of WORLD_VERSIONED */
	uint32_t partitions[WORLD_TOPICS_MAX]; /* as folded */
	uint32_t growth_count[WORLD_TOPICS_MAX];
	struct oracle_growth growths[WORLD_TOPICS_MAX][ORACLE_GROWTHS_MAX];
	uint64_t letter_seq; /* a dead letter whose event is to be settled by the next record */
	uint64_t letter_of_seq;
	const struct oracle_row *letter_row; /* of a partition's */
	uint32_t erasure_count;
	struct oracle_erasure erasures[ORACLE_ERASURES_MAX];
	/* What stands below is erased. */
	uint64_t erased_below[WORLD_TOPICS_MAX + 1][WORLD_EVENT_KEYS];
	uint32_t run_left; /* outputs that must follow at once */
	bool power_went;   /* between the last life and this: what was only written is void */
	struct oracle_record records[ORACLE_RECORDS_MAX];
	struct oracle_source sources[ORACLE_SOURCES_MAX];
	struct oracle_list lists[WORLD_TOPICS_MAX][ORACLE_PARTITIONS_MAX];
	struct oracle_subscription subscriptions[WORLD_SUBSCRIPTIONS];
	struct oracle_queue queues[WORLD_SUBSCRIPTIONS];
	struct oracle_tries tries[WORLD_SUBSCRIPTIONS];
	uint64_t replays[WORLD_REPLAYS]; /* the last event that was copied */
	uint8_t bytes[ORACLE_BYTES_MAX];
};

extern struct oracle oracle;

void oracle_reset(void);
/* oracle.c: the log */
void oracle_tap(void);
void oracle_look(void);
void oracle_recovered(void);
void oracle_verify_medium(bool live);
/* The same of one segment that was just packed, while the owner is at work. */
void oracle_look_at_packed(const struct wr_pack_job *job);
/* The first record that is still there, durable, and not of before this time. */
uint64_t oracle_find_time(uint64_t time_us);
/* Whether some partition of it is. */
bool oracle_is_detached(uint32_t subscription);
void oracle_compare_tables(void);
uint32_t oracle_source_new(bool named);
/* oracle_fold.c: records to rows and sources; `checked`: seen for the first time. */
void oracle_fold(uint64_t seq, bool checked);
void oracle_fold_reset(void);
/* An event of a topic gets its place in a partition. */
void oracle_place_event(uint64_t seq, const struct wr_record_view *view);
/* The first of its keys' wanted events, before it was there, that is not settled; 0: none. */
uint64_t oracle_unsettled_before(uint32_t subscription, const struct oracle_row *row);
/* oracle_groups.c: deliveries, acks, lag */
void oracle_delivered(struct world_member *m, const struct weir_item *item);
/* An item comes again because a transaction was refused. */
bool oracle_went_back(const struct world_member *m, const struct weir_item *item);
void oracle_check_lent(const struct world_member *m);
void oracle_acked(struct world_member *m, const struct weir_item *item);
void oracle_committed(struct world_member *m, const struct weir_assignment *a, uint32_t count);
/* Events that somebody has still to settle, their bytes, and the oldest of them. */
void oracle_recount(uint32_t subscription, uint64_t *ret_events, uint64_t *ret_bytes,
		    uint64_t *ret_oldest_seq);
void oracle_check_lag(uint32_t subscription);
void oracle_check_retention(void);
void oracle_check_drained(uint32_t subscription);
uint32_t oracle_first_index(const struct oracle_list *list, uint64_t seq);
/* What an event is and must be, whoever is handed it. */
void oracle_check_event(const struct oracle_subscription *sub, const struct weir_item *item);
/* world_compaction.c: what compaction takes. */
/* The record says on the medium that the event was left out. */
void oracle_left_out(uint64_t seq, const struct wr_record *r);
/* Nothing but what has left lies between the two. */
bool oracle_same_place(uint64_t a_seq, uint64_t b_seq);
/* world_erasure.c: what was erased. */
void oracle_erasures_reset(void);
void oracle_erasure_fold(uint64_t seq, const struct wr_record_view *view);
/* By a record of the log: nobody is handed it any more. */
bool oracle_is_erased(uint64_t seq);
/* The item stands for one, and says so. No member that polls is handed one. */
bool oracle_erased_item(const struct world_member *m, const struct weir_item *item);
/* And that is durable: it may leave. */
bool oracle_may_be_erased(uint64_t seq);
/* Who handed an event over, and its number there. False: it does not say. */
bool oracle_identity(const struct wr_record_view *view, uint32_t *ret_source, uint32_t *ret_k);
/* oracle_replays.c: copies for chosen subscriptions */
void oracle_replay_fold(uint64_t seq, const struct wr_record_view *view, bool checked);
void oracle_replays_fold_anew(void);
/* It was told to be at its end. */
void oracle_replay_completed(uint32_t number);
void oracle_replay_check_item(const struct weir_item *item);
static inline bool oracle_has_event(const struct oracle_record *o)
{
	return o->kind == WR_KIND_EVENT || o->kind == WR_KIND_ADDRESSED;
}
/* oracle_filters.c: what subscriptions want */
void oracle_filters_reset(void);
/* `is_first`: it was made with it. */
void oracle_filter_fold(uint64_t seq, uint32_t subscription, const uint8_t *bytes,
			uint32_t length_bytes, bool is_first);
/* Where the oldest that is kept began: what it wants of what lies below, nobody knows any more. */
uint64_t oracle_filters_from(uint32_t subscription);
bool oracle_wants(uint32_t subscription, uint64_t seq);
/* The first from `index` on that is wanted, or the list's end. */
uint32_t oracle_wanted_from(uint32_t subscription, const struct oracle_list *list, uint32_t index);
/* oracle_queues.c: what the log says of queues, */
void oracle_queue_fold(uint64_t seq, const struct wr_record_view *view, bool checked);
void oracle_queue_moved(uint64_t seq, uint32_t subscription,
			const struct wr_control_generation *control, bool checked);
/* Given before a seek that is on its way, and polled before its member can know. */
bool oracle_queue_is_over(const struct world_member *m, const struct weir_item *item);
void oracle_queue_raise(uint32_t subscription, uint64_t seq);
uint64_t oracle_queue_lowest_place(uint32_t subscription);
uint64_t oracle_queue_copy(uint32_t subscription, uint64_t seq);
/* Whether some of it can be found by a seek to the oldest only. */
bool oracle_queue_lies_beyond(uint32_t subscription);
void oracle_queue_carried(uint64_t seq, const struct wr_record_view *view, bool checked);
/* Whether an event lies there by now that somebody has still to settle. */
bool oracle_queues_need(uint64_t place);
/* Where an event of a queue lies. */
uint64_t oracle_queue_place(uint32_t subscription, uint64_t seq);
/* The first that is parked; 0: none is. */
uint64_t oracle_queue_parked(uint32_t subscription);
/* What parks an event, or ends that. False: the record says something else. */
bool oracle_queue_fold_parked(uint64_t seq, uint32_t subscription, const struct wr_reject *reject,
			      bool checked);
/* Of an event that was in hand: it is settled, or has failed. */
void oracle_queue_suspect_moved(struct oracle_queue *queue, uint64_t seq, bool progress);
void oracle_queue_move_position(uint32_t subscription, bool checked);
/* A record says so of an event: its time to live was over. */
bool oracle_queue_is_expired(const struct oracle_shared *e, uint64_t seq, uint64_t record_seq);
/* It may be one of too many. */
bool oracle_queue_may_be_dropped(uint32_t subscription, const struct oracle_shared *e);
void oracle_queue_letter(uint64_t seq, const struct wr_record_view *view, bool checked);
void oracle_queue_start(uint32_t subscription, uint64_t start_seq);
/* All is folded anew from the first record on; what lies above last_seq never was. */
void oracle_queues_fold_anew(uint64_t last_seq);
void oracle_queues_compare(void);
void oracle_queues_check_kept(void);
bool oracle_queue_is_settled(uint32_t subscription, uint64_t seq);
bool oracle_is_copy(const struct oracle_record *of, const struct wr_record_view *letter);
/* and what its members see. */
void oracle_queue_delivered(struct world_member *m, const struct weir_item *item);
void oracle_queue_acked(struct world_member *m, const struct weir_item *item);
void oracle_queue_fenced(struct world_member *m, const struct weir_item *item);
void oracle_queue_rejected(struct world_member *m, const struct weir_item *item, uint64_t delay_ns);
void oracle_queue_extended(struct world_member *m, const struct weir_item *item);
void oracle_queue_committed(struct world_member *m, int rc, enum weir_level level);
/* The library still knows of it, whether its lease is over or not. */
bool oracle_queue_is_held(const struct world_member *m, const struct weir_item *item);
void oracle_queue_left(struct world_member *m);
/* oracle_lengths.c: how long queues are that refuse what is too much */
/* It has its options in this life; it was made, or moved. */
void oracle_length_begins(uint32_t subscription);
void oracle_length_moved(uint32_t subscription, uint64_t record_seq, uint64_t position);
/* An event is next in the log; a record was folded; so many events at once were refused for it. */
void oracle_length_event(uint64_t seq, uint32_t topic);
void oracle_length_fold(uint64_t seq);
void oracle_length_refused(uint32_t subscription, uint64_t handed_seq, uint32_t events);
/* oracle_tries.c: what the log says of events of partitions that failed, */
void oracle_try_fold(uint64_t seq, const struct wr_record_view *view, bool checked);
void oracle_try_letter(uint64_t seq, const struct wr_record_view *view, bool checked);
/* Progress: of the letter before it, if there is one. */
void oracle_try_buried(uint64_t seq, uint32_t subscription, const struct oracle_row *row,
		       const struct wr_control_progress *progress);
bool oracle_try_moved(uint32_t subscription, uint32_t row, uint64_t position);
void oracle_tries_made(uint64_t seq, uint32_t subscription);
/* A row has another generation, and perhaps another position. */
void oracle_try_raised(uint32_t subscription, uint32_t row, bool is_moved);
void oracle_tries_fold_anew(void);
void oracle_tries_compare(void);
/* and what members see. */
void oracle_try_delivered(const struct world_member *m, const struct weir_item *item);
/* Nothing before it, in its partition, is left to be acknowledged. */
bool oracle_try_is_first(const struct world_member *m, const struct weir_item *item);
void oracle_try_rejected(struct world_member *m, const struct weir_item *item,
			 const struct weir_rejection *rejection);

#endif
