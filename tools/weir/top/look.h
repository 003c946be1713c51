/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir top`, `weir status` and `weir lag` know of a pipeline: its file of metrics
 * (weir/metrics.h) as plain rows, with rates from one look to the next. Metrics are found by their
 * names: what the pipeline's weir does not count is 0 here, or has no row.
 *
 * Rates are of the time between two writings of the file, not between two looks: a file that was
 * not written meanwhile keeps its rates, and one whose owner is gone has none.
 *
 * Thread: one at a time for each struct look. Memory is taken as rows get more.
 */
#ifndef WEIR_TOOLS_TOP_LOOK_H
#define WEIR_TOOLS_TOP_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/metrics.h>

#define LOOK_NAME_BYTES 208u
#define LOOK_OF_BYTES 256u
#define LOOK_HISTORY 30u
#define LOOK_LATENCIES_MAX 64u
#define LOOK_ERRORS_MAX 32u

enum look_kind {
	LOOK_SUBSCRIPTION,
	LOOK_TOPIC,
	LOOK_PRODUCER,
	LOOK_MEMBER,
	LOOK_THREAD,
	LOOK_ALERT,
	LOOK_BRIDGE,
	LOOK_BRIDGE_ERROR,
	LOOK_STAGE,
	LOOK_KINDS
};

/* The values of a row, by kind: what is looked up under which name stands in look.c. */
enum {
	SUBSCRIPTION_EVENTS, /* lag */
	SUBSCRIPTION_BYTES,
	SUBSCRIPTION_AGE_NS,
	SUBSCRIPTION_EXACT,
	SUBSCRIPTION_TIME_EXACT,
	SUBSCRIPTION_MEMBERS,
	SUBSCRIPTION_SETTLED, /* its rate is `rate` */
	SUBSCRIPTION_OUTSTANDING,
	SUBSCRIPTION_DELAYED,
	SUBSCRIPTION_PARKED,
	SUBSCRIPTION_DEAD_LETTERS,
	SUBSCRIPTION_REDELIVERIES,

	TOPIC_EVENTS = 0, /* its rate is `rate` */
	TOPIC_BYTES,      /* `byte_rate` */
	TOPIC_PARTITIONS,

	PRODUCER_ORDERED = 0, /* `rate` */
	PRODUCER_BYTES,       /* `byte_rate` */
	PRODUCER_REFUSED,
	PRODUCER_WAITING_BYTES,

	MEMBER_IDLE_NS = 0,
	MEMBER_DELIVERED,
	MEMBER_SETTLED, /* `rate` */
	MEMBER_SESSION_OVER,
	MEMBER_READS_DISK,

	THREAD_CPU_NS = 0, /* `rate`: ns a second */
	THREAD_PARKS,      /* `byte_rate`: parks a second */
	THREAD_LAST_CPU,   /* from 1 */

	ALERT_FIRING = 0,
	ALERT_RAISED, /* how often */
	ALERT_VALUE,
	ALERT_RAISE_AT,
	ALERT_CLEAR_AT,
	ALERT_CHANGED_NS,

	BRIDGE_STATE = 0, /* look_bridge_state() */
	BRIDGE_STATE_NS,
	BRIDGE_DOWN_NS,
	BRIDGE_IDLE_NS,
	BRIDGE_EVENTS, /* its rate is `rate` */
	BRIDGE_BYTES,  /* `byte_rate` */
	BRIDGE_REPEATS,
	BRIDGE_DEAD_LETTERS,
	BRIDGE_CONNECTIONS,
	BRIDGE_RETRIES,
	BRIDGE_FAILURES,
	BRIDGE_ATTEMPTS,
	BRIDGE_LAG_EVENTS,
	BRIDGE_LAG_NS,

	BRIDGE_ERROR_TIMES = 0, /* its text is `of` */
	BRIDGE_ERROR_FIRST_NS,
	BRIDGE_ERROR_LAST_NS,

	STAGE_WORKERS = 0,
	STAGE_ENDED, /* of the workers */
	STAGE_CALLS,
	STAGE_ITEMS,  /* its rate is `rate` */
	STAGE_PUSHED, /* `byte_rate`: items a second */
	STAGE_DROPPED,
	STAGE_REFUSED,

	LOOK_VALUES = 14
};

struct look_row {
	char name[LOOK_NAME_BYTES];
	char of[LOOK_OF_BYTES]; /* of a member: its subscription; of a producer: its name */
	char also[24];          /* of a bridge: sink or source; of an alert: its kind */
	char more[16];          /* of a bridge: the other side's system */
	bool is_of_bridge;      /* of an alert: `of` is a bridge */
	uint32_t index;
	uint64_t generation;
	uint64_t values[LOOK_VALUES];
	double rate;
	double byte_rate;
	double fall; /* of a subscription: events a second by which its lag gets less, of late */
	uint64_t history[LOOK_HISTORY]; /* of a subscription: events of lag, the newest last */
	uint32_t history_count;
};

struct look_table {
	struct look_row *rows;
	uint32_t count;
	uint32_t room;
};

/* Of the pipeline itself. */
enum look_number {
	LOOK_EPOCH,
	LOOK_VISIBLE,
	LOOK_DURABLE,
	LOOK_BACKLOG,
	LOOK_RECORDS,
	LOOK_BATCH_BYTES,
	LOOK_REFUSED,
	LOOK_HELD,
	LOOK_LOG_BYTES,
	LOOK_SEGMENTS_LIVE,
	LOOK_SEGMENTS_SPARE,
	LOOK_NO_ROOM,
	LOOK_SEGMENTS_DROPPED,
	LOOK_LOW_SPACE,
	LOOK_FREE_BYTES,
	LOOK_MEMORY_BYTES,
	LOOK_UNROUTED,
	LOOK_NUMBERS
};

/* A histogram of times, since the look before, or since the open where nothing came since. */
struct look_latency {
	char name[64]; /* the metric's, without weir_ and _seconds, and its labels */
	uint64_t count;
	uint64_t p50_ns, p90_ns, p99_ns, p999_ns;
	uint64_t greatest_ns; /* since the open */
};

struct look {
	struct weir_metrics *metrics; /* NULL: made by hand, in a test */
	struct weir_metrics_about about;
	uint64_t numbers[LOOK_NUMBERS];
	double rates[LOOK_NUMBERS];   /* a second; of counters */
	double history[LOOK_HISTORY]; /* records a second, the newest last */
	uint32_t history_count;
	struct look_table tables[LOOK_KINDS];
	struct look_table before[LOOK_KINDS];
	struct look_latency latencies[LOOK_LATENCIES_MAX];
	uint32_t latency_count;
	uint64_t *buckets[LOOK_LATENCIES_MAX]; /* of the look before */
	uint64_t buckets_of[LOOK_LATENCIES_MAX];
	uint32_t bucket_counts[LOOK_LATENCIES_MAX];
	struct weir_metrics_error errors[LOOK_ERRORS_MAX]; /* the last ones */
	uint32_t error_count;
	uint32_t looks;
	bool no_memory; /* rows are missing */
};

/* Opens a file and looks once. 0 or a code; the problem says why. */
int look_open(struct look *l, const char *path, struct weir_problem *reterr_problem);
/* Looks again. 0 or a code: then all is as it was. */
int look_again(struct look *l);
void look_close(struct look *l);

/* Is there anybody who still writes it? */
bool look_is_alive(const struct look *l);
/* Age of the oldest event of a subscription's lag: it gets older where nobody writes the file. */
uint64_t look_lag_ns(const struct look *l, const struct look_row *subscription);
/*
 * Until a subscription's lag is worked off, if it goes on getting less as it did of late; 0: there
 * is none; UINT64_MAX: it does not, or nobody can say.
 */
uint64_t look_drain_ns(const struct look *l, const struct look_row *subscription);
/* "running", "silent", "closed", "dead", "failed". */
const char *look_state(const struct look *l);
/* "running" ...; "dead" where nobody is there any more who would say. */
const char *look_bridge_state(const struct look *l, const struct look_row *bridge);
/* Neither runs nor rests because somebody wants it to. */
bool look_bridge_is_bad(const struct look *l, const struct look_row *bridge);
/* A row by its name, or NULL. */
const struct look_row *look_find(const struct look *l, enum look_kind kind, const char *name);
/* Makes room for one more row at the end, of zeros; NULL: no memory. */
struct look_row *look_add(struct look_table *t);

#endif
