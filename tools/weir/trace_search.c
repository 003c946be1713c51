/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/trace_search.h"

#include <stdlib.h>
#include <string.h>

#include <weir/sharing.h>

#include "tools/weir/journal_print.h"

#define FIRST_ROOM 64u
#define STOP 1

static bool is_same(struct text a, struct text b)
{
	return a.at != NULL && b.at != NULL && a.bytes == b.bytes &&
	       memcmp(a.at, b.at, a.bytes) == 0;
}

static struct text text_of(const void *bytes, uint32_t length_bytes)
{
	return (struct text){length_bytes > 0 ? bytes : NULL, length_bytes};
}

/* An event of the walk, as it comes by. */
struct passing {
	const struct weir_journal_events *events;
	size_t index;
	const struct weir_item *item;
	struct weir_ids ids;
	struct text id, correlation, causation, copy_of;
	struct text place; /* none unless somebody looks at it */
	struct weir_origin origin;
	bool died; /* and has that */
	char place_text[WEIR_POS_TEXT_BYTES];
	char copy_text[WEIR_POS_TEXT_BYTES];
};

static struct text copied_place(struct passing *p)
{
	struct weir_pos pos;
	if (!journal_copy_of(p->item, &pos))
		return (struct text){0};
	return text_of(p->copy_text, weir_pos_text(&pos, p->copy_text));
}

static struct text place_of(struct passing *p)
{
	struct weir_pos pos = weir_item_pos(p->item);
	if (p->place.at == NULL)
		p->place = text_of(p->place_text, weir_pos_text(&pos, p->place_text));
	return p->place;
}

/* What its effects have as their causation id. */
static struct text own_id(struct passing *p)
{
	return p->id.at != NULL ? p->id : place_of(p);
}

static bool has_trace_id(const struct trace_search *s, const struct weir_ids *ids)
{
	struct weir_traceparent parent;
	return s->is_trace_id && ids->traceparent_bytes > 0 &&
	       weir_traceparent_parse(ids->traceparent, ids->traceparent_bytes, &parent) == 0 &&
	       memcmp(parent.trace_id, s->trace_id, sizeof parent.trace_id) == 0;
}

static bool is_asked(const struct trace_search *s, const struct passing *p)
{
	const struct weir_item *item = p->item;
	if (s->id.at == NULL)
		return item->sequence == s->sequence;
	if (is_same(p->id, s->id))
		return true;
	struct weir_pos pos = weir_item_pos(item);
	return (s->is_place && weir_pos_compare(&pos, &s->place) == 0) || has_trace_id(s, &p->ids);
}

static bool belongs(const struct trace_search *s, struct passing *p)
{
	if (text_map_find(&s->found, p->causation, NULL) ||
	    text_map_find(&s->flows, p->correlation, NULL) ||
	    text_map_find(&s->flows, p->id, NULL) || text_map_find(&s->wanted, p->id, NULL) ||
	    text_map_find(&s->found, p->copy_of, NULL) ||
	    text_map_find(&s->flows, p->copy_of, NULL) ||
	    text_map_find(&s->wanted, p->copy_of, NULL))
		return true;
	if (!s->looks_at_places)
		return false;
	struct text place = place_of(p);
	return text_map_find(&s->flows, place, NULL) || text_map_find(&s->wanted, place, NULL);
}

/* ---- what is learned of an event ---- */

/* True: it was not known. */
static bool look_for(struct trace_search *s, struct text_map *map, struct text text)
{
	struct text copy;
	struct weir_pos pos;
	if (text_map_find(map, text, NULL))
		return false;
	if (!text_pool_copy(&s->kept, text, &copy) || !text_map_put(map, copy, 0)) {
		s->full = true;
		return false;
	}
	s->looks_at_places = s->looks_at_places || weir_pos_parse(text.at, text.bytes, &pos) == 0;
	return true;
}

static void learn(struct trace_search *s, struct passing *p, bool asked)
{
	if (asked) {
		/* Of a flow that begins here nothing stands before. */
		struct text own = own_id(p);
		struct text flow = p->correlation.at != NULL ? p->correlation : own;
		if (look_for(s, &s->flows, flow) && !is_same(flow, own))
			s->again = true;
	}
	const struct text before[] = {p->causation, p->copy_of};
	for (size_t i = 0; i < 2; i++)
		if (before[i].at != NULL && !text_map_find(&s->found, before[i], NULL) &&
		    look_for(s, &s->wanted, before[i]))
			s->again = true;
}

/* ---- what is kept of it ---- */

static struct text kind_of(const struct weir_item *item)
{
	struct weir_header header;
	for (uint32_t place = weir_item_header(item, 0, &header); place != 0;
	     place = weir_item_header(item, place, &header))
		if (header.name_bytes == 4 && memcmp(header.name, "type", 4) == 0)
			return text_of(header.value, header.value_bytes);
	return (struct text){0};
}

static bool make_room(struct trace_search *s)
{
	if (s->count < s->room)
		return true;
	uint32_t room = s->room > 0 ? 2 * s->room : FIRST_ROOM;
	size_t more_bytes = (room - s->room) * sizeof *s->events;
	if (s->room > UINT32_MAX / 4 || !text_budget_take(&s->budget, more_bytes))
		return false;
	struct trace_event *grown = realloc(s->events, room * sizeof *grown);
	if (grown == NULL)
		return false;
	s->events = grown;
	s->room = room;
	return true;
}

static bool copy_texts(struct trace_search *s, const struct passing *p, struct trace_event *e)
{
	const struct weir_item *item = p->item;
	struct weir_journal_event event;
	weir_journal_event_read(p->events, p->index, &event);
	const char *topic = event.topic_name;
	struct text name = {topic, topic != NULL ? (uint32_t)strlen(topic) : 0};
	return text_pool_copy(&s->pool, name, &e->topic) &&
	       text_pool_copy(&s->pool, text_of(item->key, item->key_bytes), &e->key) &&
	       text_pool_copy(&s->pool, kind_of(item), &e->kind) &&
	       text_pool_copy(&s->pool, p->id, &e->event_id) &&
	       text_pool_copy(&s->pool, p->correlation, &e->correlation_id) &&
	       text_pool_copy(&s->pool, p->causation, &e->causation_id) &&
	       text_pool_copy(&s->pool, p->copy_of, &e->copy_of) &&
	       text_pool_copy(&s->pool, text_of(p->ids.traceparent, p->ids.traceparent_bytes),
			      &e->traceparent) &&
	       text_pool_copy(&s->pool, text_of(p->ids.tracestate, p->ids.tracestate_bytes),
			      &e->tracestate);
}

static void link_to_cause(struct trace_search *s, uint32_t index)
{
	struct trace_event *e = &s->events[index];
	uint32_t parent;
	if (!text_map_find(&s->found, e->copy_of, &parent) &&
	    !text_map_find(&s->found, e->causation_id, &parent))
		return;
	struct trace_event *cause = &s->events[parent];
	e->parent = parent;
	if (cause->last_child == TRACE_NONE)
		cause->first_child = index;
	else
		s->events[cause->last_child].next_child = index;
	cause->last_child = index;
}

/*
 * A letter, and no copy of it: the first with its origin, in another topic than what died. Nobody
 * handled it in the stead of that, but for who reads the letters.
 */
static bool is_letter(const struct trace_search *s, const struct passing *p,
		      const struct trace_event *e)
{
	if (!e->died || e->topic_id == p->origin.topic)
		return false;
	if (e->parent == TRACE_NONE)
		return true;
	uint32_t i = s->events[e->parent].first_child;
	for (; i != TRACE_NONE; i = s->events[i].next_child) {
		const struct trace_event *other = &s->events[i];
		if (other != e && other->died && other->died_in == e->died_in &&
		    other->last_failed_us == e->last_failed_us)
			return false;
	}
	return true;
}

/* False: it does not fit. */
static bool keep(struct trace_search *s, struct passing *p, bool asked)
{
	const struct weir_item *item = p->item;
	if (!make_room(s))
		return false;
	uint32_t index = s->count;
	struct trace_event *e = &s->events[index];
	*e = (struct trace_event){
		.sequence = item->sequence,
		.append_time_us = item->append_time_us,
		.event_time_us = weir_item_event_time_us(item),
		.epoch = item->epoch,
		.topic_id = item->topic,
		.partition = item->partition,
		.type = item->type,
		.died = p->died,
		.died_in = p->origin.subscription,
		.last_failed_us = p->origin.last_failed_us,
		.asked = asked,
		.parent = TRACE_NONE,
		.first_child = TRACE_NONE,
		.last_child = TRACE_NONE,
		.next_child = TRACE_NONE,
	};
	struct text place;
	if (!copy_texts(s, p, e) || !text_pool_copy(&s->pool, place_of(p), &place))
		return false;
	link_to_cause(s, index);
	/* By either of its names; of two events of one name the later one is the cause of what
	 * follows. A letter is that only while there is nothing else of its name. */
	bool names = e->event_id.at != NULL &&
		     !(is_letter(s, p, e) && text_map_find(&s->found, e->event_id, NULL));
	if (!text_map_put(&s->found, place, index) ||
	    (names && !text_map_put(&s->found, e->event_id, index)))
		return false;
	s->count++;
	return true;
}

/* ---- the walk ---- */

static int see_event(struct trace_search *s, const struct weir_journal_events *events, size_t index)
{
	struct passing p = {.events = events, .index = index, .item = &events->items[index]};
	weir_item_ids(p.item, &p.ids);
	p.id = text_of(p.ids.event_id, p.ids.event_id_bytes);
	p.correlation = text_of(p.ids.correlation_id, p.ids.correlation_id_bytes);
	p.causation = text_of(p.ids.causation_id, p.ids.causation_id_bytes);
	p.died = weir_item_origin(p.item, &p.origin) && !p.origin.bound && !p.origin.unrouted;
	p.copy_of = copied_place(&p);
	bool asked = is_asked(s, &p);
	if (!asked && !belongs(s, &p))
		return 0;
	learn(s, &p, asked);
	if (s->full || !keep(s, &p, asked)) {
		s->full = true;
		return STOP;
	}
	return 0;
}

static int see_events(void *context, const struct weir_journal_events *events)
{
	int code = 0;
	for (size_t i = 0; code == 0 && i < events->count; i++)
		code = see_event(context, events, i);
	return code;
}

static int see_segment(void *context, const struct weir_journal_segment *segment)
{
	struct trace_search *s = context;
	scan_progress_segment(&s->progress, segment, s->count);
	return 0;
}

static int see_damage(void *context, const struct weir_journal_damage *damage)
{
	struct trace_search *s = context;
	/* Each walk meets it again. */
	if (!damage->corrupt || s->walks > 1)
		return 0;
	s->damages++;
	scan_progress_clear(&s->progress);
	return s->damage(s->context, damage);
}

static void forget_events(struct trace_search *s)
{
	text_map_clear(&s->found);
	text_pool_clear(&s->pool);
	s->count = 0;
}

static int walk(struct trace_search *s, const char *dir, struct weir_problem *problem)
{
	struct weir_journal_visitor visitor;
	weir_journal_visitor_init(&visitor);
	visitor.events = see_events;
	visitor.segment = see_segment;
	visitor.damage = see_damage;
	visitor.context = s;
	s->again = false;
	s->walks++;
	scan_progress_begin(&s->progress, dir);
	int code = weir_journal_inspect(dir, &visitor, NULL, problem);
	scan_progress_clear(&s->progress);
	return code < 0 ? code : 0;
}

/* 32 digits, as they stand in a traceparent. */
static bool take_trace_id(struct trace_search *s)
{
	char text[WEIR_TRACEPARENT_BYTES] = "00-";
	struct weir_traceparent parent;
	if (s->id.bytes != 2 * sizeof s->trace_id)
		return false;
	memcpy(text + 3, s->id.at, s->id.bytes);
	memcpy(text + 3 + s->id.bytes, "-0000000000000001-00", 20);
	if (weir_traceparent_parse(text, 55, &parent) != 0)
		return false;
	memcpy(s->trace_id, parent.trace_id, sizeof s->trace_id);
	return true;
}

int trace_search_run(struct trace_search *s, const char *dir, struct weir_problem *problem)
{
	s->budget.max_bytes = s->memory_max;
	s->pool.budget = s->kept.budget = &s->budget;
	s->flows.budget = s->wanted.budget = s->found.budget = &s->budget;
	if (s->id.at != NULL) {
		s->is_place = weir_pos_parse(s->id.at, s->id.bytes, &s->place) == 0;
		s->is_trace_id = take_trace_id(s);
		(void)look_for(s, &s->flows, s->id); /* it may be a correlation id */
	}
	int code = walk(s, dir, problem);
	while (code == 0 && s->again && !s->full && s->walks < TRACE_WALKS_MAX) {
		forget_events(s);
		code = walk(s, dir, problem);
	}
	s->cut_short = s->again && !s->full;
	return code;
}

void trace_search_end(struct trace_search *s)
{
	forget_events(s);
	text_map_clear(&s->flows);
	text_map_clear(&s->wanted);
	text_pool_clear(&s->kept);
	free(s->events);
	s->events = NULL;
}
