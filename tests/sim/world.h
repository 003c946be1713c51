/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated world of sim_pipeline: one pipeline over a faulty medium, its steps, its clock, and
 * who uses it (producers, members), all on one thread and all drawn from one seed. The medium and
 * the clock outlive the pipeline; producers and members die with it.
 *
 *   world.c          life: open, steps, crash, close
 *   world_host.c     what the pipeline runs in
 *   world_memory.c   memory that is kept from one life to the next, and counted
 *   world_publish.c  what producers do
 *   world_repeats.c  events under an idempotency key that another one has
 *   world_members.c  what members do
 *   world_handlers.c members that weir polls for
 *   world_queues.c   subscriptions that are shared, and what their members do
 *   world_tries.c    events of partitions that fail, and what their members say of them
 *   world_replays.c  replays to chosen subscriptions
 *   world_transactions.c  what members publish and acknowledge in one run
 *   world_filters.c  what subscriptions want, and how that changes
 *   world_trouble.c  what the swarm adds: freezes, full disks, clocks that jump, and what must hold
 *   world_growth.c   topics that grow
 *   world_schemas.c  the registry of schemas, and what it has to say
 *   world_compaction.c  topics that are compacted, and what may leave them
 *   world_erasure.c  keys that are erased, and what is left of them
 *   world_retention.c   what topics keep, and what leaves by that
 *   world_snapshots.c   snapshots of keys, damaged ones, and what they and the rest come to
 *   world_drain.c    the end, when nothing goes wrong any more
 *   world_history.c  writes down what users are told, for the anomaly checker
 *   oracle*.c        what must hold, told by the world of everything that happens
 *
 * A check that fails prints one line with the command that replays it, and gives the seed up.
 */
#ifndef WR_SIM_WORLD_H
#define WR_SIM_WORLD_H

#include <setjmp.h>

#include "core/journal/journal_internal.h"
#include "core/pipeline/pipeline.h"
#include "io/sim/storage_sim.h"
#include "tests/anomaly/history.h"
#include "tests/sim/situations.h"
#include "tests/sim/swarm.h"

#define WORLD_TOPICS 2u     /* that somebody publishes to */
#define WORLD_DEAD 2u       /* the topic of dead letters, where there are some */
#define WORLD_TOPICS_MAX 3u /* with it */
#define WORLD_SUBSCRIPTIONS 3u
#define WORLD_LATE 2u /* the subscription that is made some time, anywhere */
#define WORLD_PRODUCERS 4u
#define WORLD_MEMBERS 4u
#define WORLD_MEMBER_SLOTS (WORLD_MEMBERS + 1u) /* with a replay's */
#define WORLD_NAMES 2u
#define WORLD_REPLAYS 3u
/* Idempotency keys that a topic remembers: more than one that is sent again ever waits for. */
#define WORLD_KEYS 24u
#define WORLD_EVENT_KEYS 6u
#define WORLD_VERSIONED 0u /* the topic whose keys have versions */
#define WORLD_HELD_MAX 64u
#define WORLD_LENT_MAX 24u
#define WORLD_ACKED_MAX 256u
#define WORLD_OUTSTANDING 24u /* of all queues together */
#define WORLD_TICKETS 1024u
#define WORLD_TXNS 6u /* of a member, on their way */
#define WORLD_TXN_SOURCES 40u
#define WORLD_FILTER_TERMS 3u
#define WORLD_SCHEMAS 12u
#define WORLD_SUMS (WORLD_EVENT_KEYS + 1u) /* of each key, and of all */
#define WORLD_PAST 4u
#define WORLD_SNAPSHOTS 2u /* that are kept of each sum */
#define WORLD_CHUNK_BYTES 16384u
#define WORLD_SCHEMA_BYTES 4096u
#define WORLD_TRIES_DELAY_MAX_NS 6000000u /* that a member asks for */
#define DRAIN_ROUNDS_MAX 20000u

/* What one ticket handed over: events first_k .. last_k of the source; 0: must be refused. */
struct world_ticket {
	uint32_t first_k, last_k;
	uint32_t call;
	uint64_t rests_on; /* visible when it was handed over, and so ordered before it */
	uint32_t key_k;    /* the number that its idempotency key says; 0: it has none */
	uint64_t version;  /* that it is to have, or nothing is written; 0: any */
};

/* Outputs first_k .. last_k of a member's source, and acknowledgements. */
struct world_txn {
	uint64_t ticket;
	uint64_t rests_on;
	uint32_t first_k, last_k;
	uint32_t call;
	bool is_bad; /* it must be refused */
};

struct world_producer {
	struct weir_producer *handle;
	uint32_t source;
	uint32_t next_k;
	enum weir_level level;
	bool named;
	bool wants_sequences;
	bool fenced;    /* another holder of its name was opened */
	bool is_stuck;  /* a full queue refused it: all behind that is, too */
	bool busy;      /* inside a blocking call */
	uint32_t claim; /* k of the open claim; 0: none */
	size_t claim_bytes;
	uint32_t process;    /* in a history */
	uint64_t told;       /* tickets answered */
	uint64_t ticket_end; /* none from here on was told here */
	struct world_ticket tickets[WORLD_TICKETS];
};

struct world_member {
	struct weir_member *handle;
	uint32_t subscription;
	uint32_t process, call; /* in a history */
	bool busy;
	bool is_handled; /* by a handler: weir polls */
	bool is_static;
	bool is_fenced; /* another one has its instance id, and it heard of it */
	uint32_t held_count;
	uint32_t naps; /* turns that it lets pass, with what it was lent in hand */
	uint32_t lent_count;
	/* Its transactions; of none yet the level is DEFAULT. */
	enum weir_level txn_level;
	uint32_t txn_source, txn_next_k;
	uint32_t txn_first, txn_end; /* ordinals into txns */
	uint32_t txn_refusals;
	uint32_t acked_count;
	/* Not cleared: so many of each are there. */
	struct weir_item held[WORLD_HELD_MAX]; /* copies, for their acks */
	struct weir_item lent[WORLD_LENT_MAX]; /* by the last poll, until the next */
	struct world_txn txns[WORLD_TXNS];
	uint32_t acked[WORLD_ACKED_MAX]; /* of a queue: since the last durable commit */
};

struct world_handlers {
	bool present;
	struct wr_prng prng;
	/* By the slots of members. */
	bool runs[WORLD_MEMBER_SLOTS];
	bool is_inside[WORLD_MEMBER_SLOTS];
	struct wr_step steps[WORLD_MEMBER_SLOTS];
};

/* What a seed has of them: no partitions that move, but events that are shared. */
struct world_queue {
	enum weir_order order; /* PARTITION: it is none */
	uint32_t outstanding_max;
	uint32_t attempts_max;
	bool single_active;
	bool has_dead_letters;
	uint64_t lease_ns;
	uint64_t retry_delay_min_ns;
	uint64_t retry_delay_max_ns;
	uint64_t delay_ns;
	uint64_t time_to_live_ns; /* 0: none is too old */
	bool parks;               /* what is dead keeps its key */
	bool priorities;
	uint64_t length_max, length_bytes_max; /* 0: none */
	bool refuses;                          /* when_long: what is too much, not the oldest */
};

/* What a seed has, where events of partitions fail. */
struct world_tries {
	bool has_dead_letters;
	uint32_t attempts_max;
	uint64_t retry_delay_min_ns;
	uint64_t retry_delay_max_ns;
	uint64_t age_max_ns; /* 0: none is too old */
};

/* A replay to subscriptions: what it is asked for, each time, and what was told of it. */
struct world_replay {
	uint32_t subscriptions; /* bits */
	bool has_topic, is_memory;
	bool is_drawn; /* from_seq */
	uint32_t topic;
	uint64_t from_seq, end_seq; /* end 0: nobody was told that it is open */
	uint64_t there_seq;         /* when it was opened last, the log had all below */
	bool is_over;               /* completed, or cancelled: durably so */
};

/* What a topic keeps, in this life; 0: whatever the log does. */
struct world_kept {
	uint64_t time_ns, bytes;
};

/* What events come to, in the head of somebody who outlives the pipeline. */
struct world_sums {
	uint64_t start_seq; /* of those above it */
	uint64_t seq;       /* up to this one */
	uint64_t of[WORLD_SUMS];
};

struct world_snapshot {
	uint64_t seq; /* 0: there is none */
	bool is_damaged, is_lost;
};

struct world_snapshots {
	struct world_sums sums;
	struct world_sums past[WORLD_PAST]; /* a ring */
	uint32_t past_count;
	struct world_snapshot kept[WORLD_SUMS][WORLD_SNAPSHOTS]; /* the newest first */
};

/* What a subscription wants: numbers of terms in world_filters.c. */
struct world_filter {
	bool any;
	uint32_t term_count; /* 0: everything */
	uint8_t terms[WORLD_FILTER_TERMS];
	bool negated[WORLD_FILTER_TERMS];
};

struct world {
	uint64_t seed;
	struct wr_prng prng;
	struct wr_sim_disk *disk;
	struct wr_storage *storage;
	struct weir_pipeline *pipeline;
	struct weir_options options;
	struct weir_memory_plan plan;
	struct weir_problem problem;
	struct wr_step steps[3];
	struct wr_step pack; /* with options.pack: of the seed, and with draws of its own */
	struct wr_prng pack_prng;
	uint64_t cuts;     /* power cuts of the disk when this life began */
	uint64_t requests; /* of memory, when the open was over */
	uint64_t recycled; /* segments, as seen last */
	uint32_t life;
	bool healing;    /* the last life: nothing goes wrong */
	bool was_closed; /* the life before this ended in order */
	bool memory_only;
	uint32_t once_source; /* of events without a producer; 0: a new one is due */
	uint32_t once_k;      /* the next of them */
	bool once_open;       /* it may be in the log already */
	struct wr_prng keys_prng;
	bool repeats_keys; /* in this seed */
	struct wr_prng repeats_prng;
	bool grows; /* topics do, in this seed */
	struct wr_prng growth_prng;
	bool has_schemas; /* this seed */
	struct wr_prng schemas_prng;
	bool compacts; /* this seed */
	bool compacted[WORLD_TOPICS_MAX];
	uint64_t compact_lag_s, tombstone_s;
	bool pass_seen;             /* the one that is under way */
	uint64_t left_out_seen;     /* by this owner */
	struct wr_pack_job leaving; /* what a segment is written anew for; end_seq 0: none was */
	bool erases;                /* this seed */
	struct wr_prng erase_prng;
	uint64_t erased_seen; /* up to here the medium was looked at, in this life */
	bool retires;         /* this seed */
	struct world_kept kept[WORLD_TOPICS_MAX]; /* told last */
	struct wr_prng retention_prng;
	uint64_t retiring_seq;     /* the segment that was written anew last */
	bool retiring_seen;        /* and is still being written */
	uint64_t retention_now_us; /* the latest, in this life */
	uint64_t oldest_seen;
	bool has_snapshots;
	struct world_snapshots snapshots;
	struct wr_prng snapshots_prng;
	bool has_transactions;
	uint32_t txn_sources; /* of this seed */
	struct wr_prng txn_prng;
	bool has_filters;
	struct wr_prng filters_prng;
	bool tracing;
	struct swarm swarm;
	uint64_t jumped_ns;   /* that somebody slept, or blocked in a frozen medium */
	uint64_t due_ns;      /* the deadline of the blocking call under way; 0: none */
	uint32_t full_rounds; /* until there is room again; 0: the disk is not full */
	bool inside_step;
	uint32_t depth;        /* of actions inside blocking calls */
	uint32_t waited;       /* rounds of the blocking call under way */
	uint32_t quiet_rounds; /* since a step had anything to do, or something completed */
	uint64_t trace_hash;
	uint32_t topics[WORLD_TOPICS_MAX];
	bool has_queues;
	bool has_terms; /* and their events are not for at once, or not for ever */
	bool has_priorities;
	struct world_queue queues[WORLD_SUBSCRIPTIONS];
	bool refuses;                           /* some queue does */
	bool queue_is_set[WORLD_SUBSCRIPTIONS]; /* in this life */
	bool has_tries;
	struct world_tries tries[WORLD_SUBSCRIPTIONS];
	struct wr_prng tries_prng;
	bool has_replays;
	struct world_replay replays[WORLD_REPLAYS];
	struct wr_prng replays_prng;
	struct weir_replay_to *replay_job; /* of this life; NULL: none is open */
	uint32_t replay_number;            /* what it is of */
	struct world_producer producers[WORLD_PRODUCERS];
	struct world_member members[WORLD_MEMBERS];
	struct world_handlers handlers;
	jmp_buf give_up;
	uint64_t sometimes[SOMETIMES_COUNT];
	uint64_t cycles;         /* lives begun, over all seeds */
	struct history *history; /* NULL: nobody wants one */
	bool is_mute;            /* what the oracle sees is for the checker of histories to find */
	uint64_t history_base_ns, history_last_ns;
	uint32_t process_last, call_last; /* that have a number in it */
};

extern struct world world;
extern const uint32_t world_partitions[WORLD_TOPICS_MAX];

/* Fails the seed: prints, and does not return. */
_Noreturn void world_fail(const char *what, uint64_t a, uint64_t b);
static inline void world_check(bool good, const char *what, uint64_t a, uint64_t b)
{
	if (!good && !world.is_mute)
		world_fail(what, a, b);
}
void world_note(const char *what, uint64_t a, uint64_t b);
static inline uint64_t world_below(uint64_t bound)
{
	return wr_prng_below(&world.prng, bound);
}
static inline bool world_one_in(uint64_t n)
{
	return wr_prng_below(&world.prng, n) == 0;
}
static inline void world_sometimes(enum sometimes what)
{
	world.sometimes[what]++;
}

/* By the records of the seed: what is full is the disk, and not the log (known-gaps.md). */
static inline void world_segments_at_least(struct weir_options *o, uint32_t segments)
{
	if (o->segments_max < segments)
		o->segments_max = segments;
}

/* world_memory.c */
struct wr_memory *world_memory(void);
uint64_t world_memory_requests(void);
/* A seed begins: what it maps is filled anew. */
void world_memory_begin(void);
/* Everything was given back? Begins anew in any case. */
bool world_memory_reset(void);
/* A new medium, in the memory of the last one; and it is not used any more. */
struct wr_sim_disk *world_disk_begin(uint64_t seed, const struct wr_fault_plan *plan);
void world_disk_end(void);

/* world.c */
/* A round of steps in a drawn order, and the medium. False: this life is over. */
bool world_round(void);
bool world_is_dead(void);
bool world_has_failed(void);
void world_run_seed(void);

/* world_publish.c */
/* An event as its publisher has it, and is about to hand it over; the same, to be looked at. */
void world_event(uint32_t source, uint32_t k, struct weir_event *event);
void world_event_of(uint32_t source, uint32_t k, struct weir_event *event);
const char *world_key_text(uint32_t number);
/* Which of the events' keys that is; WORLD_EVENT_KEYS: none. */
uint32_t world_key_number(const void *key, uint32_t key_bytes);
void world_producer_act(struct world_producer *p, bool may_block);
void world_producer_open(struct world_producer *p);
void world_producers_forget(void);
void world_publish_once(void);
bool world_producer_is_done(struct world_producer *p);
/* Hands over a run that has to be refused. */
void world_producer_offend(struct world_producer *p);

/* Told that everything of a source up to number k has reached a level. */
void world_promised(uint32_t source, uint32_t k, enum weir_level level);

/* world_repeats.c */
void world_repeats_begin(void);
void world_repeats_act(void);

/* world_transactions.c */
void world_transactions_begin(void);
/* What a member of partitions does with them, perhaps. */
bool world_transactions_act(struct world_member *m);
/* Whether one was refused, or may have been: what it polled comes again. */
bool world_member_may_go_back(const struct world_member *m);

/* world_filters.c */
void world_filters_begin(void);
uint32_t world_filter_bytes_max(void);
void world_filters_options(struct weir_options *o);
/* Gives somebody another filter, perhaps. */
void world_filters_act(void);
/* What one is made with; NULL: nothing. Until the next call. */
const struct weir_subscription_filter *world_filter_of_new(void);
/* Gives an event a header, perhaps. */
void world_filters_event(uint64_t hash, struct weir_header *header, struct weir_event *event);
/* What filters ask for: which key and which value of the header. */
void world_filters_traits(const struct wr_record_view *view, uint8_t *ret_key, uint8_t *ret_value);
bool world_filter_wants(const struct world_filter *filter, uint8_t key, uint8_t value);
/* For a history: which events filters tell apart, and which of those one does not want, in bits. */
uint8_t world_filters_kind(const struct weir_event *event);
uint64_t world_filters_unwanted(const struct world_filter *filter);
/* As it stands in a record. False: it is none of this world's. */
bool world_filter_read(const uint8_t *bytes, uint32_t length_bytes, struct world_filter *ret);

/* world_host.c: all but the storage */
void world_host(struct wr_host *ret_host);

/* world_trouble.c */
/* What every backend does at open: clean pages are not trusted. */
void world_drop_clean_pages(void);
/* No file can be made in this open; it is over, and `had_none`: the one before found no room. */
bool world_trouble_full_open(uint32_t tries);
void world_trouble_check_room(bool is_full, bool had_none);
/* The faults of a life, and what may happen in it. */
void world_trouble_begin(void);
/* Something of the swarm's, perhaps. */
void world_trouble_act(void);
/* After each round. */
void world_trouble_round(void);
/* Whoever waits for room waits for another life, with a higher limit of files. */
bool world_trouble_needs_files(void);
/* Somebody sleeps on purpose: nobody else's deadline counts it. */
void world_jump(uint64_t ns);
/* Around each call that may block for `timeout_ns`. */
struct world_call {
	uint64_t began_ns, due_ns, jumped_ns, outer_due_ns;
	bool was_frozen;
};
struct world_call world_call_begin(uint64_t timeout_ns);
void world_call_end(const struct world_call *call, const char *what);
/*
 * weir-sim's: what happens seldom is reached in fewer steps. The other programs draw as ever: what
 * they are to find has its seeds (tests/bugs/detections.h).
 */
bool world_hurries(void);
/* No step has had anything to do for so long that time goes by in larger steps. */
bool world_is_quiet(void);
/* The medium is looked at, and waited for, perhaps. */
void world_let_time_pass(bool waits);
/* A life is over: what its medium did, and that FAILED had a reason. */
void world_trouble_end(void);

/* world_drain.c */
void world_drain(void);

/* world_growth.c */
void world_growth_begin(void);
/* What a topic is laid out for, and what it is made, or found, with. */
uint32_t world_laid_out(uint32_t topic);
void world_growth_define(uint32_t topic, struct weir_topic_options *o);
/* What waits for much of the log to come, or goes over much of it at once, is done more often. */
void world_growth_opened(void);
/* One grows, perhaps. */
void world_growth_act(void);

/* world_schemas.c: of a seed that has a registry; what a recovery has to find. */
void world_schemas_begin(void);
void world_schemas_options(struct weir_options *options);
void world_schemas_act(void);
void world_schemas_recovered(void);

/* world_compaction.c */
void world_compaction_begin(void);
void world_compaction_options(struct weir_options *o);
void world_compaction_define(uint32_t topic, struct weir_topic_options *o);
/* Gives an event no payload, perhaps; what it is says a header, of which the value is `id`. */
void world_compaction_event(uint64_t hash, struct weir_header *header, uint8_t id[8],
			    struct weir_event *event);
/* An owner begins; its journal is about to step; its users keep up with it for a while, perhaps;
 * it has stepped; its life ends. */
void world_compaction_opened(void);
void world_compaction_nudge(void);
void world_compaction_act(void);
void world_compaction_look(void);
void world_compaction_end(void);

/* world_erasure.c */
void world_erasure_begin(void);
void world_erasure_options(struct weir_options *o);
/* Fills an event's payload with whose it is. */
void world_erasure_payload(uint32_t source, uint32_t k, uint8_t *payload, size_t *bytes);
/* What a recovery found; something is about to step; a key is erased, perhaps; the journal has
 * stepped; a life ends; all that was asked for comes to its end. */
void world_erasure_opened(void);
void world_erasure_nudge(void);
void world_erasure_act(void);
void world_erasure_look(void);
void world_erasure_end(void);
void world_erasure_drain(void);

/* world_retention.c; as those above */
void world_retention_begin(void);
void world_retention_options(struct weir_options *o);
void world_retention_define(uint32_t topic, struct weir_topic_options *o);
void world_retention_opened(void);
void world_retention_nudge(void);
void world_retention_act(void);
void world_retention_look(void);

/* world_snapshots.c */
void world_snapshots_begin(void);
void world_snapshots_options(struct weir_options *o);
/* Somebody takes one, loads one, or damages one, perhaps; all that there are at the end. */
void world_snapshots_act(void);
void world_snapshots_drain(void);

/* world_handlers.c */
void world_handlers_begin(void);
/* A life is over. */
void world_handlers_forget(void);
int world_handler_start(void *context, struct weir_member *member);
void world_handler_stop(void *context, struct weir_member *member);
/* The step of one of them, perhaps: what it did. */
int world_handlers_round(void);
/* Makes it a member with a handler, perhaps. */
bool world_handlers_draw(struct world_member *m, struct weir_member_options *o);

/* world_queues.c */
/* Which subscriptions are queues in this seed, and how they are. */
void world_queues_begin(void);
/* Gives an event terms, perhaps. */
void world_queues_event(uint64_t hash, struct weir_delivery *delivery, struct weir_event *event);
/* Somebody redrives what is parked, or gives it up, perhaps. */
void world_queues_act(void);
/* The end of what is parked now. */
void world_queues_drain(void);
static inline bool world_is_queue(uint32_t subscription)
{
	return world.queues[subscription].order != WEIR_ORDER_PARTITION;
}
void world_queue_options(uint32_t subscription, struct weir_subscription_options *o);
uint32_t world_queue_in_flight(void);
/* Which subscription somebody joins, where there are queues. */
uint32_t world_queues_draw(void);
/* What a member of one does. */
void world_queue_act(struct world_member *m, bool may_block);

/* world_tries.c */
/* Whether events of partitions fail in it, where there are no queues. */
bool world_tries_seed(uint64_t seed);
void world_tries_begin(void);
void world_tries_options(uint32_t subscription, struct weir_subscription_options *o);
/* Which subscription somebody joins. */
uint32_t world_tries_draw(void);
/* What a member of partitions rejects, perhaps; what a handler says of an item. */
bool world_tries_act(struct world_member *m);
enum weir_handled world_tries_handled(struct world_member *m, struct weir_member *member,
				      const struct weir_item *item);
static inline bool world_has_letters(void)
{
	return world.has_queues || world.has_tries;
}

/* world_replays.c */
void world_replays_begin(void);
void world_replays_options(struct weir_options *o);
/* One is opened, stepped, closed or cancelled, perhaps; all come to their end; a life ends in
 * order; or it dies. */
void world_replays_act(void);
void world_replays_drain(void);
void world_replays_close(void);
void world_replays_forget(void);

/* world_members.c */
void world_member_poll(struct world_member *m);
/* Acknowledges held item i. False: it stays. */
bool world_member_ack(struct world_member *m, uint32_t i);
void world_member_drop(struct world_member *m, uint32_t i);
void world_member_commit(struct world_member *m, bool may_block);
void world_member_sleep(struct world_member *m);
void world_member_act(struct world_member *m, bool may_block);
void world_member_join(struct world_member *m, uint32_t subscription);
void world_member_leave(struct world_member *m);
void world_members_forget(void);
void world_member_drain(struct world_member *m);
void world_seek(void);
/* Whether it is detached when it is too slow; a seek, perhaps, where it is. */
bool world_detaches(uint32_t subscription);
void world_attach_act(uint32_t one_in);
/* Of a queue of which some lies beyond all other places, at times: to the oldest. */
void world_seek_beyond(void);
/* The first record that is still to be had. */
uint64_t world_oldest(void);
/* Makes a subscription, or finds it, with the options that the seed gives it. False: it failed. */
bool world_subscribe(uint32_t s);
/* Nothing below is needed by what the two checkpoints know of. */
uint64_t world_checkpoints_need(void);

#endif
