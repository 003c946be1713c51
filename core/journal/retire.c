/* SPDX-License-Identifier: Apache-2.0 */
/* See retire.h. */
#include "core/journal/retire.h"

#include <errno.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

static enum wr_left_out why(void *context, uint64_t seq, uint64_t time_us,
			    const struct wr_record_view *event)
{
	const struct wr_retire *r = context;
	uint32_t topic = event->head->topic;

	(void)seq;
	(void)time_us;
	return topic < r->options.topic_count && r->passed[topic] != 0 ? WR_LEFT_OUT_RETIRED
								       : WR_LEFT_OUT_NOT;
}

static enum wr_left_out count(void *context, uint64_t seq, uint64_t time_us,
			      const struct wr_record_view *event)
{
	const struct wr_retire *r = context;
	uint32_t topic = event->head->topic;

	(void)seq;
	(void)time_us;
	/* A copy of what a queue has outstanding is none of its topic's: it goes when that does. */
	if (topic < r->options.topic_count && event->head->kind != WR_KIND_CARRIED)
		r->counts[topic] += wr_record_stride(event->head->bytes);
	return WR_LEFT_OUT_NOT;
}

uint64_t wr_retire_bytes(uint32_t topic_count)
{
	return topic_count * (sizeof(struct wr_retire_state) + sizeof(uint8_t) + sizeof(uint64_t));
}

int wr_retire_init(struct wr_retire *r, struct wr_memory *memory,
		   const struct wr_retire_options *options)
{
	size_t topics = options->topic_count;

	*r = (struct wr_retire){
		.memory = memory,
		.options = *options,
		.rule = {.why = why, .context = r},
		.count_rule = {.why = count, .context = r},
	};
	r->states = memory->ops->alloc(memory, topics * sizeof *r->states, WR_LINE_BYTES);
	r->passed = memory->ops->alloc(memory, topics * sizeof *r->passed, WR_LINE_BYTES);
	r->counts = memory->ops->alloc(memory, topics * sizeof *r->counts, WR_LINE_BYTES);
	if (r->states != NULL && r->passed != NULL && r->counts != NULL)
		return 0;
	wr_retire_fini(r);
	return -ENOMEM;
}

void wr_retire_fini(struct wr_retire *r)
{
	struct wr_memory *memory = r->memory;
	size_t topics = r->options.topic_count;

	if (memory == NULL)
		return;
	if (r->states != NULL)
		memory->ops->free(memory, r->states, topics * sizeof *r->states);
	if (r->passed != NULL)
		memory->ops->free(memory, r->passed, topics * sizeof *r->passed);
	if (r->counts != NULL)
		memory->ops->free(memory, r->counts, topics * sizeof *r->counts);
	r->memory = NULL;
}

uint32_t wr_retire_defined(const struct wr_retire_options *options)
{
	/* Relaxed: a batch that the step has seen came behind the topics of its events. */
	return (uint32_t)wr_min_u64(wr_load_relaxed(options->defined), options->topic_count);
}

bool wr_retire_is_wanted(const struct wr_retire_options *options)
{
	uint32_t defined = wr_retire_defined(options);

	for (uint32_t i = 0; i < defined; i++)
		if (wr_load_relaxed(&options->topics[i].time_us) != 0 ||
		    wr_load_relaxed(&options->topics[i].bytes) != 0)
			return true;
	return false;
}

/* --- what was seen ---------------------------------------------------------------------------- */

static bool asks_as_seen(const struct wr_retire *r, uint32_t topic)
{
	const struct wr_retire_topic *asks = &r->options.topics[topic];
	const struct wr_retire_state *s = &r->states[topic];

	return wr_load_relaxed(&asks->time_us) == s->seen_us &&
	       wr_load_relaxed(&asks->bytes) == s->seen_bytes;
}

bool wr_retire_all_ask_as_seen(const struct wr_retire *r)
{
	uint32_t defined = wr_retire_defined(&r->options);

	for (uint32_t topic = 0; topic < defined && !WR_BUG(TOPIC_KEEPS_AS_BEFORE); topic++)
		if (!asks_as_seen(r, topic))
			return false;
	return true;
}

bool wr_retire_passed_ask_as_seen(const struct wr_retire *r)
{
	for (uint32_t topic = 0; topic < r->options.topic_count; topic++)
		if (r->passed[topic] != 0 && !asks_as_seen(r, topic) &&
		    !WR_BUG(TOPIC_LEAVES_AS_BEFORE))
			return false;
	return true;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static struct wr_retire_mark *mark_of(struct wr_retire_state *s, uint32_t n)
{
	return &s->marks[(s->mark_first + n) % WR_RETIRE_MARKS];
}

void wr_retire_count_anew(struct wr_retire_state *s, uint64_t from_at)
{
	s->counts = true;
	s->counted_at = from_at;
	s->counted_bytes = 0;
	s->mark_first = s->mark_count = 0;
}

/* The sum as it is at the beginning of this segment, if that is a step further. */
static void put_mark(struct wr_retire_state *s, uint64_t at, uint64_t step_bytes)
{
	struct wr_retire_mark *last = s->mark_count > 0 ? mark_of(s, s->mark_count - 1) : NULL;

	if (last != NULL && s->counted_bytes == last->count_bytes) {
		last->at = at; /* nothing of it stands between */
		return;
	}
	if (last != NULL && s->counted_bytes - last->count_bytes < step_bytes)
		return;
	if (s->mark_count == WR_RETIRE_MARKS) {
		s->mark_first = (s->mark_first + 1) % WR_RETIRE_MARKS;
		s->mark_count--;
	}
	*mark_of(s, s->mark_count++) =
		(struct wr_retire_mark){.at = at, .count_bytes = s->counted_bytes};
}

void wr_retire_count(struct wr_retire_state *s, uint64_t at, uint64_t bytes, uint64_t keeps_bytes)
{
	/* Rounded up: so many steps are not less than what it keeps. */
	put_mark(s, at, keeps_bytes / WR_RETIRE_STEPS + (keeps_bytes % WR_RETIRE_STEPS != 0));
	s->counted_bytes += bytes;
	s->counted_at = at + 1;
}

void wr_retire_count_again(struct wr_retire_state *s, uint64_t at, uint64_t oldest_at)
{
	if (s->counted_at <= at)
		return;
	while (s->mark_count > 0 && mark_of(s, s->mark_count - 1)->at > at)
		s->mark_count--;
	if (s->mark_count == 0) {
		wr_retire_count_anew(s, oldest_at);
		return;
	}
	const struct wr_retire_mark *last = mark_of(s, s->mark_count - 1);
	s->counted_at = last->at;
	s->counted_bytes = last->count_bytes;
}

uint64_t wr_retire_bytes_floor(const struct wr_retire_state *s, uint64_t keeps_bytes)
{
	if (WR_BUG(TOPIC_KEEPS_LESS))
		keeps_bytes /= 2;
	for (uint32_t n = s->mark_count; n-- > 0;) {
		const struct wr_retire_mark *m = &s->marks[(s->mark_first + n) % WR_RETIRE_MARKS];
		if (s->counted_bytes - m->count_bytes >= keeps_bytes)
			return m->at;
	}
	return 0;
}
