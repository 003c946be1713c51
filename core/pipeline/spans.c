/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exporter of a running pipeline: a replay that follows the log gives it the events, in order,
 * and members' notes (span_notes.h) say what was done with them. An event is durable when it comes;
 * a note may come before its event, of a member that reads ahead of the durable gate, and waits in
 * its ring then.
 *
 * Times of notes and of durability are of the monotonic clock; they are told by the log's append
 * time, which they are put beside at each step: so a span does not end before it begins because the
 * wall clock was set.
 *
 * Thread: whoever steps it.
 */
#include "core/pipeline/spans.h"

#include <errno.h>

#include "core/base/deadline.h"
#include "core/otlp/spans.h"
#include "core/pipeline/member_times.h"
#include "core/pipeline/replay.h"
#include "core/pipeline/span_notes.h"

#define EVENTS_DEFAULT 16384u
#define EVENTS_MIN 16u
#define EVENTS_MAX 1048576u
#define ITEMS 256u
/* Notes ring no bell: so long at most they wait where no event comes. */
#define NAP_NS 10000000u
#define LOOKS 4

struct weir_spans {
	struct weir_pipeline *pipeline;
	struct weir_replay *replay;
	struct wr_span_notes *notes;
	struct wr_spans out;
	size_t block_bytes;
	int64_t offset_ns; /* from the monotonic clock to append time */
	uint64_t events, missed, forgotten;
	uint64_t lost_before; /* by members, when it was opened */
	struct weir_item items[ITEMS];
	char line[WR_OTLP_LINE_BYTES];
	_Alignas(8) uint8_t table[];
};

void weir_span_options_init(struct weir_span_options *options)
{
	*options = (struct weir_span_options){.struct_bytes = sizeof *options,
					      .service = "weir",
					      .ratio = 1,
					      .events_max = EVENTS_DEFAULT};
}

int wr_span_options_check(const struct weir_span_options *o, struct weir_problem *problem)
{
	if (o == NULL || o->struct_bytes != sizeof *o)
		return wr_problem_set(problem, -EINVAL, "options",
				      "options from weir_span_options_init()");
	if (o->line_fn == NULL)
		return wr_problem_set(problem, -EINVAL, "line_fn", "somebody has to get the lines");
	if (!(o->ratio >= 0 && o->ratio <= 1))
		return wr_problem_set(problem, -EINVAL, "ratio", "0 to 1");
	if (o->events_max < EVENTS_MIN || o->events_max > EVENTS_MAX)
		return wr_problem_set(problem, -EINVAL, "events_max", "16 to 1048576");
	return 0;
}

static const char *topic_name(void *context, uint32_t topic)
{
	struct weir_spans *s = context;
	struct wr_catalog *catalog = &s->pipeline->tables.catalog;
	return topic < wr_catalog_topic_count(catalog) ? catalog->topics[topic].name : NULL;
}

static const char *group_name(void *context, uint32_t subscription)
{
	struct weir_spans *s = context;
	struct wr_catalog *catalog = &s->pipeline->tables.catalog;
	return subscription < wr_catalog_subscription_count(catalog)
		       ? catalog->subscriptions[subscription].name
		       : NULL;
}

/* ---- opening and closing ---- */

static const uint8_t *journal_id(struct weir_pipeline *p)
{
	return p->journal != NULL ? p->recovered.superblock.uuid : p->host.new_uuid;
}

/* The notes, which are made once. */
static int take_notes(struct weir_spans *s, uint64_t ratio)
{
	struct weir_pipeline *p = s->pipeline;
	struct wr_memory *memory = p->host.memory;
	uint32_t members_max = p->options.members_max;
	size_t bytes = wr_span_notes_bytes(members_max);
	struct wr_span_notes *made = memory->ops->alloc(memory, bytes, WR_LINE_BYTES);
	if (made == NULL)
		return -ENOMEM;
	wr_span_notes_init(made, members_max, journal_id(p));
	wr_spinlock_lock(&p->registry);
	bool is_open = p->spans_open;
	if (!is_open) {
		p->spans_open = true;
		s->notes = wr_span_notes_of(p);
		if (s->notes == NULL) {
			s->notes = made;
			made = NULL;
			wr_store_release(&p->span_notes, s->notes); /* SN1 */
		}
		wr_store_relaxed(&s->notes->ratio, ratio);
		wr_store_relaxed(&s->notes->on, 1u);
	}
	wr_spinlock_unlock(&p->registry);
	if (made != NULL)
		memory->ops->free(memory, made, bytes);
	return is_open ? -EBUSY : 0;
}

static void leave_notes(struct weir_spans *s)
{
	struct weir_pipeline *p = s->pipeline;
	wr_spinlock_lock(&p->registry);
	wr_store_relaxed(&s->notes->on, 0u);
	p->spans_open = false;
	wr_spinlock_unlock(&p->registry);
}

static uint64_t lost_by_members(const struct weir_spans *s)
{
	uint64_t lost = 0;
	for (uint32_t i = 0; i <= s->pipeline->options.members_max; i++)
		lost += wr_load_relaxed(&s->notes->slots[i].lost);
	return lost;
}

/* All topics, those that come later too. */
static int open_replay(struct weir_spans *s, const struct weir_span_options *o,
		       struct weir_problem *problem)
{
	struct weir_pipeline *p = s->pipeline;
	struct weir_replay_options options;
	weir_replay_options_init(&options);
	options.follow = true;
	options.gate = p->journal != NULL ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
	options.from_sequence = o->from_sequence != 0 ? o->from_sequence
						      : wr_pipeline_gate_seq(p, options.gate) + 1;
	int rc = weir_replay_open(p, &options, &s->replay, problem);
	if (rc != 0)
		return rc;
	size_t tag_words = (wr_chunks_tag_mask(&p->chunks) + 64) / 64;
	memset(s->replay->tags, 0xff, tag_words * sizeof *s->replay->tags);
	s->replay->slot->tells_no_spans = true;
	return 0;
}

static int set_up(struct weir_spans *s, const struct weir_span_options *o,
		  struct weir_problem *problem)
{
	const uint8_t *journal = journal_id(s->pipeline);
	s->out.ratio = wr_trace_ratio(o->ratio);
	s->out.topic = topic_name;
	s->out.group = group_name;
	s->out.context = s;
	wr_traced_init(&s->out.table, o->events_max, journal, s->table);
	if (o->service == NULL ||
	    wr_otlp_init(&s->out.out, s->line, o->service, journal, o->line_fn, o->context) != 0)
		return wr_problem_set(problem, -EINVAL, "service", "1 to 128 bytes of UTF-8");
	int rc = take_notes(s, s->out.ratio);
	if (rc != 0)
		return wr_problem_set(problem, rc, "",
				      rc == -EBUSY ? "the pipeline has an exporter of spans already"
						   : weir_strerror(rc));
	for (uint32_t i = 0; i <= s->pipeline->options.members_max; i++)
		while (wr_span_note_peek(&s->notes->slots[i]) != NULL)
			wr_span_note_take(&s->notes->slots[i]); /* for the one before */
	s->lost_before = lost_by_members(s);
	rc = open_replay(s, o, problem);
	if (rc != 0)
		leave_notes(s);
	return rc;
}

int weir_spans_open(struct weir_pipeline *p, const struct weir_span_options *o,
		    struct weir_spans **ret_spans, struct weir_problem *reterr_problem)
{
	struct wr_memory *memory;
	int rc = wr_null_check(o, ret_spans, reterr_problem);
	if (rc == 0)
		rc = wr_span_options_check(o, reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	memory = p->host.memory;
	size_t bytes = sizeof(struct weir_spans) + wr_traced_bytes(o->events_max);
	struct weir_spans *s = memory->ops->alloc(memory, bytes, WR_LINE_BYTES);
	if (s == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	s->pipeline = p;
	s->block_bytes = bytes;
	rc = set_up(s, o, reterr_problem);
	if (rc != 0) {
		memory->ops->free(memory, s, bytes);
		return rc;
	}
	*ret_spans = s;
	return 0;
}

void weir_spans_close(struct weir_spans *s)
{
	if (s == NULL)
		return;
	struct wr_memory *memory = s->pipeline->host.memory;
	(void)wr_otlp_flush(&s->out.out);
	leave_notes(s);
	weir_replay_close(s->replay);
	memory->ops->free(memory, s, s->block_bytes);
}

/* ---- going on ---- */

static uint64_t told_ns(const struct weir_spans *s, uint64_t mono_ns)
{
	return mono_ns != 0 ? mono_ns + (uint64_t)s->offset_ns : 0;
}

static void see_clocks(struct weir_spans *s)
{
	struct weir_pipeline *p = s->pipeline;
	uint64_t append_ns = wr_writer_append_now_us(&p->writer) * 1000;
	s->offset_ns = (int64_t)(append_ns - wr_clock_mono_ns(p->host.clock));
}

static void see_item(struct weir_spans *s, const struct weir_item *item)
{
	if (item->kind != WEIR_ITEM_EVENT) {
		s->missed += item->end_sequence - item->sequence;
		return;
	}
	uint64_t durable_ns = told_ns(s, wr_member_durable_ns(s->replay->slot, item));
	if (wr_spans_event(&s->out, item, durable_ns) != NULL)
		s->events++;
}

static const char *error_of(enum wr_span_outcome outcome)
{
	switch (outcome) {
	case WR_SPAN_FAILED:
		return "failed";
	case WR_SPAN_DEAD:
		return "dead";
	case WR_SPAN_REFUSED:
		return "refused";
	case WR_SPAN_EXPIRED:
		return "lease over";
	case WR_SPAN_HANDLED:
	case WR_SPAN_RELEASED:
		break;
	}
	return NULL;
}

static void see_note(struct weir_spans *s, struct wr_traced *e, const struct wr_span_note *note)
{
	struct weir_pipeline *p = s->pipeline;
	bool is_replay = note->subscription == UINT32_MAX, is_again = note->attempts > 1;
	bool at_memory =
		!is_replay && wr_load_relaxed(&p->subscriptions[note->subscription].gate) ==
				      (uint32_t)WEIR_LEVEL_MEMORY;
	struct wr_handling h = {
		.subscription = note->subscription,
		.attempt = note->attempts,
		.generation = note->generation,
		.delivered_ns = told_ns(s, note->delivered_ns),
		.begun_ns = told_ns(s, note->begun_ns),
		.ended_ns = told_ns(s, note->ended_ns),
		.turn = note->turn,
		.error = error_of(note->outcome),
		.reason = note->reason,
		.redelivered = note->redelivered || is_again,
		.replay = is_replay,
	};
	if (!h.redelivered && !is_replay)
		h.ready_ns = at_memory ? e->append_us * 1000 : e->ready_ns;
	if (note->outcome != WR_SPAN_RELEASED)
		wr_spans_handled(&s->out, e, &h);
}

/* What was told of events that have come by. */
static int see_notes(struct weir_spans *s)
{
	uint64_t next_seq = s->replay->slot->scan_seq;
	int count = 0;
	uint32_t of_group = s->pipeline->options.members_max;
	/* The group's first: what it tells of is handed out again behind that. */
	for (uint32_t n = 0; n <= of_group; n++) {
		uint32_t i = n == 0 ? of_group : n - 1;
		struct wr_span_slot *slot = &s->notes->slots[i];
		const struct wr_span_note *note;
		while ((note = wr_span_note_peek(slot)) != NULL && note->sequence < next_seq) {
			struct wr_traced *e = wr_traced_find(&s->out.table, note->sequence);
			if (e != NULL)
				see_note(s, e, note);
			else if (i != of_group) /* which does not know what is sampled */
				s->forgotten++;
			wr_span_note_take(slot);
			count++;
		}
	}
	return count;
}

static int look(struct weir_spans *s, uint64_t timeout_ns)
{
	int count = weir_replay_next(s->replay, s->items, ITEMS, timeout_ns);
	if (count < 0)
		return count;
	see_clocks(s);
	for (int i = 0; i < count; i++)
		see_item(s, &s->items[i]);
	int notes = see_notes(s);
	/* A line that is not full goes when it has caught up. */
	if (count < (int)ITEMS)
		(void)wr_otlp_flush(&s->out.out);
	return s->out.out.code != 0 ? s->out.out.code : count + notes;
}

static bool is_behind(struct weir_spans *s)
{
	const struct weir_member *m = s->replay->slot;
	return wr_pipeline_gate_seq(s->pipeline, m->gate) >= m->scan_seq;
}

int weir_spans_step(struct weir_spans *s, uint64_t timeout_ns)
{
	struct wr_clock *clock = s->pipeline->host.clock;
	uint64_t now_ns = wr_clock_mono_ns(clock);
	uint64_t until_ns = wr_deadline_ns(now_ns, timeout_ns);
	int rc = s->out.out.code != 0 ? s->out.out.code : look(s, 0);
	/* Between two chunks there is nothing, and there may be more. */
	for (int looks = 0; rc == 0 && looks < LOOKS && is_behind(s); looks++)
		rc = look(s, 0);
	while (rc == 0 && (now_ns = wr_clock_mono_ns(clock)) < until_ns)
		rc = look(s, wr_min_u64(until_ns - now_ns, NAP_NS));
	return rc;
}

void weir_spans_report(const struct weir_spans *s, struct weir_span_report *ret_report)
{
	*ret_report = (struct weir_span_report){
		.events = s->events,
		.spans = s->out.out.spans,
		.lines = s->out.out.lines,
		.too_large = s->out.out.too_large,
		.missed = s->missed,
		.lost = lost_by_members(s) - s->lost_before,
		.forgotten = s->forgotten,
		.next_sequence = s->replay->slot->scan_seq,
	};
}
