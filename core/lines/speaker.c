/* SPDX-License-Identifier: Apache-2.0 */
/* See lines.h. A bucket is a time: when it is full again. A line takes an interval of it. */
#include "core/lines/lines.h"

#include <stdio.h>

#include "core/base/bits.h"

#define NS_PER_S 1000000000u
#define MOST 1000000u

const char *wr_log_limits_fault(const struct weir_log_limits *l)
{
	if ((unsigned)l->level > WEIR_LOG_DEBUG)
		return "level";
	if (l->burst < 1 || l->burst > MOST)
		return "burst";
	return l->rate_per_s > MOST ? "rate_per_s" : NULL;
}

void wr_speaker_limit(struct wr_speaker *s, const struct weir_log_limits *limits)
{
	uint64_t interval_ns = limits->rate_per_s != 0 ? NS_PER_S / limits->rate_per_s : 0;

	wr_store_relaxed(&s->level, (uint32_t)limits->level);
	wr_spinlock_lock(&s->lock);
	s->interval_ns = interval_ns;
	s->burst_ns = interval_ns * limits->burst;
	wr_spinlock_unlock(&s->lock);
}

void wr_speaker_init(struct wr_speaker *s, weir_log_fn fn, void *context, const char *pipeline,
		     const struct weir_log_limits *limits)
{
	s->fn = fn;
	s->context = context;
	s->pipeline = pipeline;
	wr_store_relaxed(&s->suppressed, 0u);
	for (uint32_t i = 0; i < WR_EVENTS; i++)
		s->events[i].free_at_ns = s->events[i].suppressed = 0;
	wr_spinlock_init(&s->lock);
	wr_speaker_limit(s, limits);
}

bool wr_speaker_hears(const struct wr_speaker *s, enum wr_event event)
{
	return s->fn != NULL && (uint32_t)wr_events[event].level <= wr_load_relaxed(&s->level);
}

/* Somebody asked, and gets all of it: a list of keys is no flood. */
static bool is_answer(enum wr_event event)
{
	return event == WR_EVENT_RELOAD_DONE || event == WR_EVENT_RELOAD_LEFT ||
	       event == WR_EVENT_RELOAD_REFUSED || event == WR_EVENT_RELOAD_TAKEN ||
	       event == WR_EVENT_RELOAD_WARNING;
}

/* Under the lock. */
static bool has_room(const struct wr_speaker *s, enum wr_event event, uint64_t now_ns)
{
	uint64_t full_ns = s->events[event].free_at_ns;
	uint64_t owed_ns = full_ns > now_ns ? full_ns - now_ns : 0;

	return s->interval_ns == 0 || is_answer(event) || owed_ns + s->interval_ns <= s->burst_ns;
}

/* Under the lock: one line goes out. How many were held back before it. */
static uint64_t take_one(struct wr_speaker *s, enum wr_event event, uint64_t now_ns)
{
	uint64_t suppressed = s->events[event].suppressed;

	s->events[event].free_at_ns =
		wr_max_u64(wr_min_u64(s->events[event].free_at_ns, now_ns + s->burst_ns), now_ns) +
		s->interval_ns;
	s->events[event].suppressed = 0;
	wr_store_relaxed(&s->suppressed, wr_load_relaxed(&s->suppressed) - suppressed);
	return suppressed;
}

static void hand_over(const struct wr_speaker *s, struct wr_line_time now, enum wr_event event,
		      struct weir_log_line *line)
{
	line->event = wr_events[event].name;
	line->time_ns = now.wall_ns;
	line->pipeline = s->pipeline;
	s->fn(s->context, line);
}

void wr_speaker_say(struct wr_speaker *s, struct wr_line_time now, enum wr_event event,
		    const struct weir_log_field *fields, uint32_t field_count, const char *message)
{
	struct weir_log_line line = {.level = wr_events[event].level,
				     .message = message,
				     .fields = fields,
				     .field_count = field_count};

	if (!wr_speaker_hears(s, event))
		return;
	wr_spinlock_lock(&s->lock);
	bool goes = has_room(s, event, now.mono_ns);
	if (goes) {
		line.suppressed_count = take_one(s, event, now.mono_ns);
	} else {
		s->events[event].suppressed++;
		wr_store_relaxed(&s->suppressed, wr_load_relaxed(&s->suppressed) + 1);
	}
	wr_spinlock_unlock(&s->lock);
	if (goes)
		hand_over(s, now, event, &line);
}

/* The next event from `from` on that has something to tell; WR_EVENTS: none. */
static uint32_t next_suppressed(struct wr_speaker *s, uint64_t now_ns, bool all, uint32_t from,
				uint64_t *ret_count)
{
	uint32_t found = WR_EVENTS;

	wr_spinlock_lock(&s->lock);
	for (uint32_t i = from; i < WR_EVENTS && found == WR_EVENTS; i++)
		if (s->events[i].suppressed != 0 && (all || has_room(s, (enum wr_event)i, now_ns)))
			found = i;
	if (found < WR_EVENTS)
		*ret_count = take_one(s, (enum wr_event)found, now_ns);
	wr_spinlock_unlock(&s->lock);
	return found;
}

void wr_speaker_tell_suppressed(struct wr_speaker *s, struct wr_line_time now, bool all)
{
	char message[WR_LINE_TEXT_BYTES];
	uint64_t count = 0;

	if (s->fn == NULL || !wr_speaker_holds_back(s))
		return;
	for (uint32_t i = next_suppressed(s, now.mono_ns, all, 0, &count); i < WR_EVENTS;
	     i = next_suppressed(s, now.mono_ns, all, i + 1, &count)) {
		const struct weir_log_field fields[] = {wr_field_text("of", wr_events[i].name),
							wr_field_u64("count", count)};
		/* As bad as what it tells of: who does not hear that, does not miss this. */
		struct weir_log_line line = {.level = wr_events[i].level,
					     .message = message,
					     .fields = fields,
					     .field_count = 2};
		(void)snprintf(message, sizeof message, "%llu lines of %s were held back",
			       (unsigned long long)count, wr_events[i].name);
		if (wr_speaker_hears(s, (enum wr_event)i))
			hand_over(s, now, WR_EVENT_LOG_SUPPRESSED, &line);
	}
}
