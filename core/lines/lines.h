/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who speaks: a threshold of levels, a rate for each event, and the callback behind them
 * (weir/log.h). One struct for each thing that speaks: a pipeline, a run.
 *
 * Rates are token buckets: `burst` lines at once, and one more for each interval since. Their state
 * is under a spinlock that is held for some instructions, never during the callback, so lines of
 * two threads may reach it in any order. The threshold is looked at before the lock.
 *
 * Nothing allocates; time comes from the caller.
 *
 * Thread: any.
 */
#ifndef WR_LINES_LINES_H
#define WR_LINES_LINES_H

#include <stdarg.h>

#include "core/base/atomic.h"
#include "core/base/pause.h"
#include "core/lines/events.h"

/* Of a message, with its 0. */
#define WR_LINE_TEXT_BYTES 512u

struct wr_speaker {
	weir_log_fn fn; /* NULL: nothing is said */
	void *context;
	const char *pipeline; /* or NULL; outlives it */
	wr_atomic_u32 level;
	wr_spinlock lock;
	/* under `lock` */
	uint64_t burst_ns, interval_ns; /* interval 0: not limited */
	struct {
		uint64_t free_at_ns; /* when its bucket is full again */
		uint64_t suppressed;
	} events[WR_EVENTS];
	wr_atomic_u64 suppressed; /* of all events; relaxed reads without the lock may be late */
};

/* What time the caller says it is. */
struct wr_line_time {
	uint64_t mono_ns;
	uint64_t wall_ns;
};

/* 0, or which field cannot be: "burst", "rate_per_s", "level". */
const char *wr_log_limits_fault(const struct weir_log_limits *limits);

void wr_speaker_init(struct wr_speaker *s, weir_log_fn fn, void *context, const char *pipeline,
		     const struct weir_log_limits *limits);

/* From now on; what the buckets have is kept, as far as the new burst goes. */
void wr_speaker_limit(struct wr_speaker *s, const struct weir_log_limits *limits);

/* Would a line of this event go out, but for its rate? */
bool wr_speaker_hears(const struct wr_speaker *s, enum wr_event event);

/* Is there something that wr_speaker_tell_suppressed() may tell? */
static inline bool wr_speaker_holds_back(const struct wr_speaker *s)
{
	return wr_load_relaxed(&s->suppressed) != 0;
}

/* Says it, or counts it. */
void wr_speaker_say(struct wr_speaker *s, struct wr_line_time now, enum wr_event event,
		    const struct weir_log_field *fields, uint32_t field_count, const char *message);

/* Tells of what is held back, by events whose buckets have room again; `all`: at the end, of all.
 * To be called now and then. */
void wr_speaker_tell_suppressed(struct wr_speaker *s, struct wr_line_time now, bool all);

/* ---- fields ---- */

static inline struct weir_log_field wr_field_u64(const char *key, uint64_t value)
{
	return (struct weir_log_field){.key = key, .type = WEIR_LOG_U64, .u64 = value};
}

static inline struct weir_log_field wr_field_text(const char *key, const char *value)
{
	return (struct weir_log_field){.key = key, .type = WEIR_LOG_TEXT, .text = value};
}

static inline struct weir_log_field wr_field_bool(const char *key, bool value)
{
	return (struct weir_log_field){.key = key, .type = WEIR_LOG_BOOL, .boolean = value};
}

/* A code of weir's, or -errno. */
static inline struct weir_log_field wr_field_code(int value)
{
	return (struct weir_log_field){.key = "code", .type = WEIR_LOG_I64, .i64 = value};
}

/* Two arguments: fields, and how many. */
#define WR_FIELDS(...)                                                                             \
	(const struct weir_log_field[]){__VA_ARGS__},                                              \
		(uint32_t)(sizeof((const struct weir_log_field[]){__VA_ARGS__}) /                  \
			   sizeof(struct weir_log_field))
#define WR_NO_FIELDS NULL, 0

#endif
