/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline, from inside: the one place where log, journal, groups and members meet. io/open.c
 * makes one from options and ports, and drives its steps by runners or by hand.
 */
#ifndef WR_PIPELINE_PIPELINE_H
#define WR_PIPELINE_PIPELINE_H

#include <weir.h>

#include "core/base/bug.h"
#include "core/base/seen.h"
#include "core/journal/journal.h"
#include "core/journal/reader.h"
#include "core/lines/lines.h"
#include "core/log/writer.h"
#include "core/pipeline/carry.h"
#include "core/pipeline/control.h"
#include "core/pipeline/host.h"
#include "core/pipeline/member.h"
#include "core/pipeline/producer.h"
#include "core/pipeline/raise.h"
#include "core/pipeline/step.h"
#include "core/pipeline/subscription_live.h"
#include "core/port/sleepers.h"
#include "core/record/encode.h"

/* The router (router.h): its rules, and the control call that gives it others. */
struct wr_rules;
struct wr_rules_pendings;
struct wr_router {
	struct wr_rules *rules; /* the group step's; NULL: no subscription has a filter */
	struct wr_rules *next;  /* the control call's, as the next one */
	struct wr_rules *old;
	struct wr_rules *newest; /* the control call's: those that the next ones follow */
	const struct wr_rules_pendings *ahead; /* whose records are to come, though it has them */
	wr_atomic_u64 asked;                   /* RT3: counts rules that were handed over */
	wr_atomic_u64 taken;                   /* RT3: those that the router has */
	wr_atomic_u64 seen;                    /* RT3: changes of filters that it has seen */
	wr_atomic_u64 unknown;                 /* events that could not be looked at */
	struct wr_seen looked; /* the group step's: what was looked at since the open */
};

/* As many runs that were timed may wait for the journal. */
#define WR_ACK_SAMPLES 512u

/* What is counted for metrics alone. */
struct wr_tallies {
	struct wr_writer_tally writer;
	struct wr_journal_tally journal;
	struct wr_ack_sample samples[WR_ACK_SAMPLES];
};

/*
 * Pins behind those of the members. The last is held for one look at a column, by who moves the
 * durable gate: the pool has no chunk for it.
 */
enum { WR_PIN_GROUP = 0, WR_PIN_CONTROL = 1, WR_PINS_KEPT = 2, WR_PIN_GATE = 2, WR_PINS_RESERVED };

/* Members that wait at a gate, and what they were told of it: by who moves it (gate_sleepers.c). */
struct wr_gate_sleepers {
	struct wr_sleepers sleepers;
	uint64_t told_end;      /* one beyond the last sequence */
	uint64_t pass_gate_seq; /* wr_pass_gate_seq() as it was then */
	uint64_t held_end;      /* told_end when a lane lacked room, and all were woken */
};

/* Slots of the catch-up pool beyond one a member. */
#define WR_CATCHUP_SPARE 2u

#define WR_CONTROL_LANE 0u
#define WR_GROUP_LANE 1u
#define WR_SHARED_LANE 2u
#define WR_LANES_RESERVED 3u

/* Sequences after which an idle row's progress is moved on, so that it holds nothing back (L20). */
#define WR_PASS_EVERY (1u << 20)

/* What the group adds to the largest event there may be, to make a dead letter of it. */
#define WR_RUN_MARGIN_BYTES 512u

/* Buffers of the shared lane: how many threads may publish through it at once. */
#define WR_SHARED_BUFFERS 64u

/*
 * What jobs over dead letters have left in the journal is beside what the program has planned
 * (redrive_room.c): so much of options.subscriptions_max and outstanding_max.
 */
struct wr_redrive_room {
	uint32_t subscriptions;
	uint32_t outstanding;
	bool is_over; /* a pipeline may have no more: they count as what the program has */
};

struct weir_pipeline {
	/* Looked at by every publish: 0, or the code that refuses it, negated. */
	WR_LINE_ALIGNED wr_atomic_u32 refuse;
	/* F2. 0, or WEIR_E_NO_ROOM, negated: events are refused for now (WEIR_NO_ROOM_REFUSE). The
	 * journal step's. A look that comes late costs an event too many or too few. */
	wr_atomic_u32 no_room;
	/* This is a copy in a child of the process: lanes and files are the parent's. */
	wr_atomic_u32 forked;
	/* Rounds of metrics, from 1; 0: there are none. By the group step, relaxed (sampler.h). */
	wr_atomic_u32 round;

	WR_LINE_ALIGNED struct weir_options options; /* as checked, defaults filled in */
	struct wr_host host;
	struct weir_memory_plan plan;
	char name[33];
	struct wr_chunks chunks;
	struct wr_tables tables;
	struct wr_lane *lanes;
	uint32_t lane_count;
	wr_atomic_ptr *known; /* [schemas_max + 1] of schemas, by type; SC4 (registry.h) */
	struct wr_writer writer;
	struct wr_shared shared;
	struct wr_hold *holds; /* [subscriptions_max] */

	/* With a journal. */
	struct wr_segment_table segments;
	struct wr_recovered recovered;
	struct wr_journal_link link;
	struct wr_journal *journal;
	wr_atomic_u64 *policies; /* [topics_max], compaction_keys: what topics ask for. Relaxed */
	struct wr_retire_topic *retention; /* [topics_max], options.topic_retention: the same */
	uint8_t *erase_room;     /* wr_erase_bytes(), options.erasures_max: the packer's */
	wr_atomic_u32 beside;    /* ER3 */
	struct wr_reader reader; /* of the group step */
	struct wr_catchup *catchup;
	struct wr_reader control_reader; /* of control calls, under the control lock */
	uint8_t *control_buffer;         /* one chunk */
	struct wr_extent_batch *control_batches;
	uint64_t *wanted;      /* [members_max] of the group step: what members wait for on disk */
	uint32_t wanted_count; /* when it last looked */
	struct wr_redrive_room redrive_room;
	struct wr_recovery_report recovery;
	uint64_t recovery_ns;

	/* Records of the group under way, in the order of its lane's tickets. */
	struct wr_raise *raises; /* ring, as large as the lane's replies */
	uint64_t lag_checked_ns;
	uint64_t lag_walk_bytes;     /* WR_LAG_WALK_BYTES; fewer in simulation */
	struct wr_carrying carrying; /* the group step's */
	uint64_t group_seen_seq;     /* the group step's: growths up to it are known to groups */
	uint64_t group_idle_ns;      /* until when the group step may be left alone */
	uint32_t run_bytes_max;      /* of users' runs */
	uint64_t short_until_ns;     /* the group's: rows are looked at for the writer; 0: no */
	uint64_t pass_every;         /* WR_PASS_EVERY; fewer in simulation */
	struct wr_subscription_live *subscriptions; /* [subscriptions_max] */
	struct weir_producer *producers;            /* [producers_max] */
	struct weir_member *members;                /* [members_max] */
	struct wr_event_fd *events;                 /* [producers_max + members_max] */
	wr_spinlock registry;                       /* slots of producers and members */
	uint64_t producers_opened;                  /* under it */
	uint64_t members_joined;                    /* the group step's */
	wr_atomic_u64 members_held;                 /* M3: up to which one holds are published */
	struct wr_pipeline_metrics *metrics;        /* NULL: none (metrics.h) */
	struct wr_tallies *tallies;                 /* NULL: none */
	wr_atomic_ptr span_notes;                   /* SN1: struct wr_span_notes; NULL: none yet */
	bool spans_open;                            /* under it: there is an exporter */

	/* One control call at a time; who comes second sleeps. */
	wr_atomic_u32 control_held; /* O1 */
	struct wr_parker control_parker;

	struct wr_parker log_parker;     /* writer and, without a thread of its own, journal */
	struct wr_parker journal_parker; /* journal with a thread of its own */
	struct wr_parker group_parker;
	struct wr_parker pack_parker;  /* options.pack: nobody wakes it but its own clock */
	struct wr_parker watch_parker; /* of alerts.h: the same */
	/* With a journal thread: counted up after the link's rings were given something. */
	wr_atomic_u64 commits_bell; /* J1: writer → journal */
	wr_atomic_u64 moved_bell;   /* J2: journal → writer */
	/*
	 * 1 once anybody has acted on the order alone: a subscription with the gate MEMORY, a
	 * producer of that level. It stays. Relaxed: a late look costs a nap too many.
	 */
	wr_atomic_u32 order_watched;
	/* Who waits at a gate for whatever comes: replays. */
	struct wr_parker visible_parker;          /* at the memory gate */
	struct wr_parker durable_parker;          /* at the durable gate */
	struct wr_gate_sleepers visible_sleepers; /* and members: the log step's */
	struct wr_gate_sleepers durable_sleepers; /* the journal step's */

	wr_atomic_u32 sharing_count; /* X2: shared or filtered ones: the group follows the log */
	struct wr_router router;
	wr_atomic_u32 events_open; /* descriptors handed out: > 0 and they are looked at */
	wr_atomic_u32 keyless;     /* counts events without a key that came without a producer */
	wr_atomic_u32 callers;     /* Y1: threads inside a call that has slept, or may */
	wr_atomic_u32 borrowed;    /* Z1: after the close, members with a pin, and the closer */
	wr_atomic_u32 closed;      /* Z1: 1: whoever gives the last pin back frees it all */
	_Alignas(8) uint8_t epoch_record[128];
	struct weir_problem problem; /* of FAILED; written before `refuse` */
	bool said_low_space;         /* the same, of room on the file system */
	uint64_t poisoned_told;      /* the log step's: descriptors were told of so many lanes */
	bool said_no_room;           /* the journal step's: options.log_fn was told */
	struct wr_speaker speaker;   /* options.log_fn */
	uint64_t held_back_ns;       /* the group step's: when it tells of lines held back */
};

/* ---- life, for io ---- */

int wr_pipeline_check(const struct weir_options *options, struct weir_options *ret_checked,
		      struct weir_memory_plan *ret_plan, struct weir_problem *reterr_problem);
/* -EINVAL, and a problem, when a call that makes something has no place for it, or no options. */
int wr_null_check(const void *options, const void *result, struct weir_problem *problem);
void wr_tables_limits_of(const struct weir_options *options, struct wr_tables_limits *ret_limits);
/* Whether an event has no idempotency key, or its topic, which exists, has a window. */
static inline bool wr_pipeline_takes_key(const struct weir_pipeline *p,
					 const struct weir_event *event)
{
	return !wr_event_has_key(event) || wr_keys_window(&p->tables.keys, event->topic) != NULL;
}

/*
 * Whether a topic takes an event with this type and payload, by the schema that it follows: 0 and
 * the type, WEIR_E_UNKNOWN_SCHEMA, WEIR_E_NOT_A_DATUM. The last word has the writer.
 */
int wr_registry_admit(struct weir_pipeline *p, uint32_t word, uint32_t type, const void *payload,
		      size_t payload_bytes, uint32_t *ret_type,
		      struct weir_problem *reterr_problem);

/* The same for a topic that exists; most follow none. */
static inline int wr_pipeline_admit(struct weir_pipeline *p, const struct weir_event *event,
				    struct wr_encoding *encoding)
{
	uint32_t word = wr_schemas_topic(&p->tables.schemas, event->topic);
	if (WR_LIKELY(word >> WR_SCHEMA_TOPIC_SHIFT == 0))
		return 0;
	uint32_t type = event->type;
	int rc =
		wr_registry_admit(p, word, type, event->payload, event->payload_bytes, &type, NULL);
	encoding->head.type = (uint16_t)type;
	return rc;
}

/* What an event of a topic, which exists, is encoded by. */
static inline struct wr_encode_topic wr_pipeline_topic(const struct weir_pipeline *p,
						       uint32_t topic)
{
	return (struct wr_encode_topic){
		.partition_count = wr_topic_in_force(&p->tables.catalog.topics[topic]),
		.versioned = wr_versions_topic(&p->tables.versions, topic) != NULL,
	};
}

/* Replies that a lane of so many bytes has room for. */
uint64_t wr_reply_count(uint32_t lane_bytes);
/* The largest run of users, and a lane in which the group has room for one and its margin. */
uint32_t wr_run_bytes_max(const struct weir_options *options);
uint32_t wr_group_lane_bytes(const struct weir_options *options);
/* The largest event that the shared lane takes, encoded. */
uint32_t wr_shared_event_bytes(const struct weir_options *options);
int wr_pipeline_create(const struct weir_options *checked, const struct weir_memory_plan *plan,
		       const struct wr_host *host, struct weir_pipeline **ret_pipeline,
		       struct weir_problem *reterr_problem);
/* Everything stopped: no step runs any more, nobody is inside a call. */
void wr_pipeline_destroy(struct weir_pipeline *p);

/* The steps, in the order in which one thread runs them. */
void wr_pipeline_writer_step(struct weir_pipeline *p, struct wr_step *ret_step);
void wr_pipeline_journal_step(struct weir_pipeline *p, struct wr_step *ret_step);
/*
 * What stands below it is to be written anew (ER2), or to leave by retention: positions that hold
 * it up are moved on though little came. 0: nothing is.
 */
static inline uint64_t wr_pass_gate_seq(struct weir_pipeline *p)
{
	uint64_t gate_seq = wr_load_acquire(&p->link.gate_seq); /* ER2 */
	if (WR_BUG(IDLE_HOLDS_RETENTION))
		return gate_seq;
	return wr_max_u64(gate_seq, wr_load_relaxed(&p->link.wanted_seq));
}

/* Whether a position is to be moved over what is nobody's there, by a record. */
static inline bool wr_pass_is_due(struct weir_pipeline *p, uint64_t from, uint64_t to)
{
	return to > from && (to - from >= p->pass_every || from < wr_pass_gate_seq(p));
}

/* Of the policies of topics. */
static inline size_t wr_pipeline_policies_bytes(const struct weir_options *o)
{
	return o->topics_max * sizeof(wr_atomic_u64);
}

/* With options.pack; blocks on the medium, beside the others or between them. */
void wr_pipeline_pack_step(struct weir_pipeline *p, struct wr_step *ret_step);
void wr_pipeline_group_step(struct weir_pipeline *p, struct wr_step *ret_step);
/* For a thread that nothing else has, before there are threads. False: no alert wants one. */
bool wr_pipeline_watch_step(struct weir_pipeline *p, struct wr_step *ret_step);
void wr_member_handler_step(struct weir_member *member, struct wr_step *ret_step);

/* Refuse with this code from now on, and wake every waiter. The first code stays. */
void wr_pipeline_refuse(struct weir_pipeline *p, int code);
void wr_pipeline_wake_all(struct weir_pipeline *p);
/* Lanes empty, handlers ended, everything ordered durable. */
bool wr_pipeline_drained(struct weir_pipeline *p);
/* At a clean close, between the journal's steps, until it says true: seals and attests the end. */
bool wr_pipeline_finish(struct weir_pipeline *p);
/* After that: the clean mark. Blocking. */
int wr_pipeline_close_clean(struct weir_pipeline *p);
/* Nobody is in a poll: after a refusal that is seen, nobody will be. */
bool wr_pipeline_polls_ended(struct weir_pipeline *p);
/*
 * The last of a close: true when nothing is borrowed and everything may be freed now; else who
 * gives the last pin back frees it through host.release.
 */
bool wr_pipeline_keep_borrowed(struct weir_pipeline *p);
/* A member with a pin came back after the refusal. The last one frees the pipeline. */
void wr_pipeline_give_back(struct weir_member *member);
/* All of weir_info but the threads. */
int wr_pipeline_info(struct weir_pipeline *p, struct weir_info *info);
void wr_pipeline_close_report(struct weir_pipeline *p, struct weir_close_report *report);

/* ---- inside ---- */

static inline int wr_pipeline_refused(struct weir_pipeline *p)
{
	return -(int)wr_load_seq(&p->refuse); /* F1: pairs with wr_pipeline_refuse */
}

/* The same for an event: where there is no room on the disk, it may be refused (NO_ROOM_REFUSE). */
static inline int wr_pipeline_refused_event(struct weir_pipeline *p)
{
	int rc = wr_pipeline_refused(p);

	return WR_UNLIKELY(rc != 0) ? rc : -(int)wr_load_relaxed(&p->no_room);
}

/* The same for a call that takes a lock: its holder may wait for the thread that a step runs on. */
static inline int wr_pipeline_refused_call(struct weir_pipeline *p)
{
	int rc = wr_pipeline_refused(p);

	return rc == 0 && p->host.inside_step(p->host.context) ? WEIR_E_AGAIN : rc;
}

/* Whether this is a copy that fork() made: refused like after a close, and never taken apart. */
static inline bool wr_pipeline_is_copy(struct weir_pipeline *p)
{
	return wr_load_relaxed(&p->forked) != 0; /* set before the child's first instruction */
}

static inline uint64_t wr_pipeline_gate_seq(struct weir_pipeline *p, enum weir_level gate)
{
	if (gate == WEIR_LEVEL_MEMORY || WR_BUG(SERVED_BEFORE_DURABLE))
		return wr_park_look_u64(&p->writer.visible_seq); /* G1 */
	return wr_park_look_u64(&p->link.durable_seq);           /* D1 */
}

/* The group step's own: for one look at a time. */
static inline struct wr_pin *wr_group_pin(struct weir_pipeline *p)
{
	return &p->chunks.pins[p->options.members_max + WR_PIN_GROUP];
}

/* The host has decided where it was left to it. */
static inline bool wr_pipeline_has_journal_thread(const struct weir_pipeline *p)
{
	return p->options.journal_thread == WEIR_JOURNAL_THREAD_YES;
}

/*
 * Y1: a close frees nothing before everybody who stays has gone. A call that touches the pipeline
 * after a wait stays from before the wait to its last touch; where it is woken by the close, that
 * is all that keeps the memory under it.
 */
static inline void wr_pipeline_stay(struct weir_pipeline *p)
{
	wr_add_seq(&p->callers, 1u); /* Y1 */
}

static inline void wr_pipeline_go(struct weir_pipeline *p)
{
	wr_sub_seq(&p->callers, 1u); /* Y1: nothing of p is touched after this */
}

/*
 * Waits until done() says so: 0, -ETIMEDOUT, or the code that the pipeline refuses with. Who needs
 * the pipeline after it stays (above).
 */
int wr_pipeline_wait(struct weir_pipeline *p, struct wr_parker *parker, bool (*done)(void *context),
		     void *context, uint64_t timeout_ns);
/* A wait at a gate, of who has a place among its sleepers, and can say what it wants. */
struct wr_gate_wait {
	struct wr_sleepers *sleepers;
	uint32_t place;
	/* What it has to be woken for; after a look that found nothing there may be more of it. */
	uint64_t (*wants)(void *context);
	bool (*done)(void *context);
	void *context;
};
int wr_pipeline_wait_at_gate(struct weir_pipeline *p, const struct wr_gate_wait *wait,
			     uint64_t timeout_ns);
/* For several waits in one call: when all of them end, and what is left of that, 0: nothing. */
uint64_t wr_pipeline_deadline_ns(struct weir_pipeline *p, uint64_t timeout_ns);
uint64_t wr_pipeline_left_ns(struct weir_pipeline *p, uint64_t deadline_ns);

/* Tables, and what there is of each subscription; and gone again. */
int wr_pipeline_make_places(struct weir_pipeline *p);
void wr_pipeline_free_places(struct weir_pipeline *p);
/* At open, with a journal: recovery, and what it finds into the tables. */
int wr_pipeline_recover(struct weir_pipeline *p, struct weir_problem *problem);
/* The writer's and the journal's calls (`context`: the pipeline): wake who waits for it. */
void wr_pipeline_visible_moved(void *context);
void wr_pipeline_durable_moved(void *context);

/*
 * What a sleeper at a gate wants: the tags of its rows, folded to 64 bits; or just not to stay
 * behind, where another thread tells it what came.
 */
#define WR_WANTS_TO_MOVE_ON 1ull
/* Wake those who want any of what moved a gate; all of them, where a lane lacks room. */
void wr_gate_visible_moved(struct weir_pipeline *p);
void wr_gate_durable_moved(struct weir_pipeline *p);
void wr_gates_lack_room(struct weir_pipeline *p);
void wr_gates_end(struct weir_pipeline *p);

/* Of the log that is walked over at a look at lag, of a subscription; one chunk at least. */
#define WR_LAG_WALK_BYTES (4ull << 20)
/* The group step's share: what is to be counted is, in portions; who asked is alerted. */
int wr_lag_step(struct weir_pipeline *p);
/* Rows that nobody owns are moved on over what is none of theirs (pass.c). */
void wr_pass_idle(struct weir_pipeline *p, struct wr_subscription_live *live, uint64_t visible);
/* Rows whose last seek or gap was not seen yet begin to count anew, and hold what they count. */
void wr_lag_begin(struct weir_pipeline *p, struct wr_subscription_live *live);
/* Tells of a count that was changed, for the row's anew_seq. */
void wr_lag_tell(struct wr_lag_count *count, uint64_t anew_seq);
/* A row's unsettled events and bytes; *ret_exact: as of `visible`, which was loaded before. */
int64_t wr_lag_of_row(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
		      uint64_t visible, int64_t *ret_bytes, bool *ret_exact);
/* Whether it has none for certain. */
bool wr_lag_row_is_settled(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
			   uint64_t visible);
/*
 * weir_lag() for the group step, of one that has started: exact also where a filtered one has still
 * to count what came since its last look, which in a busy log there always is.
 */
void wr_lag_of_look(struct weir_pipeline *p, uint32_t subscription, struct weir_lag *ret_lag);
/* Keeps from retention what a subscription has still to count (H2): after `anew` was changed. */
void wr_lag_hold(struct wr_subscription_live *live);

/*
 * Makes sure that a subscription's group exists; under the control lock (`made`, if it was not
 * there before), or at open.
 */
int wr_subscription_start(struct weir_pipeline *p, uint32_t id, bool made);
/* The row whose position is that of a row: of a shared subscription there is one for all. */
struct wr_settle_row *wr_position_row(struct weir_pipeline *p, const struct wr_subscription *s,
				      uint32_t row);
/*
 * Until done() or until none of these lanes is on its way out: who closed a moment ago has given
 * his slot back, and the writer frees its lane when the last mark of it has come through.
 */
void wr_pipeline_wait_for_slot(struct weir_pipeline *p, uint32_t first_lane, uint32_t lane_count,
			       bool (*done)(void *context), void *context);
/* Whether weir_producer_poll_acks() would take an answer out of the ring now. */
bool wr_producer_has_answers(struct weir_producer *producer);

/* Tells options.log_fn, if there is one, and notes it in the metrics: for what is rare and worth a
 * line. The fields are WR_FIELDS(...) or WR_NO_FIELDS. */
void wr_pipeline_say(struct weir_pipeline *p, enum wr_event event,
		     const struct weir_log_field *fields, uint32_t field_count, const char *format,
		     ...) __attribute__((format(printf, 5, 6)));
/* The same of an error that has a code; a text of at most 207 bytes. */
void wr_pipeline_say_error(struct weir_pipeline *p, enum wr_event event, int code,
			   const char *text);
/* The same as wr_pipeline_say(), of what weir_info says and the metrics need not. */
void wr_pipeline_say_at_open(struct weir_pipeline *p, enum wr_event event,
			     const struct weir_log_field *fields, uint32_t field_count,
			     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* 0; -EINVAL, and which field of `name` cannot be. */
int wr_log_limits_check(const struct weir_log_limits *limits, const char *name,
			struct weir_problem *problem);
/* The group step's share: lines that were held back are told of. Its next time, in ns from now. */
uint64_t wr_pipeline_tell_held_back(struct weir_pipeline *p, uint64_t now_ns);
/* The same of all, at the end. */
void wr_pipeline_end_lines(struct weir_pipeline *p);
int wr_problem_set(struct weir_problem *problem, int code, const char *field, const char *text);
/* Of no field, in the words of the code; 0 stays 0, and says nothing. */
int wr_problem_in_words(struct weir_problem *problem, int code);
/* An options struct whose weir_..._init() was never called, or another library's: -EINVAL. */
int wr_init_check(size_t struct_bytes, size_t expected_bytes, const char *init,
		  struct weir_problem *problem);

/*
 * Signals a descriptor if it is armed. Called by the side that published: all those that wait for
 * its moves; those of members whose places at a gate were told (sleepers.h); or all there are.
 */
void wr_event_fd_signal(struct weir_pipeline *p, struct wr_event_fd *event);
void wr_event_fds_signal(struct weir_pipeline *p, enum wr_event_by by);
void wr_event_fds_signal_places(struct weir_pipeline *p, uint64_t places);
void wr_event_fds_signal_all(struct weir_pipeline *p);
/* Arms it: look at the condition again after this. */
void wr_event_fd_arm(struct wr_event_fd *event, enum wr_event_by by);
int wr_event_fd_get(struct weir_pipeline *p, struct wr_event_fd *event, enum wr_event_by by);
/* The owner of the slot goes; the descriptor stays for the next one. */
void wr_event_fd_drop(struct wr_event_fd *event);

#endif
