/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/route_rules.h"

#include "core/base/bug.h"
#include "core/pipeline/event_json.h"
#include "core/pipeline/route_rings.h"
#include "core/pipeline/router.h"

static bool has_name(const struct wr_rules *rules, size_t count, const char *name, size_t bytes)
{
	for (size_t i = 0; i < count; i++)
		if (rules->headers[i].name_bytes == bytes &&
		    memcmp(rules->headers[i].name, name, bytes) == 0)
			return true;
	return false;
}

/* The event's headers; of several of one name the first. False: there are too many. */
static bool gather_headers(struct wr_rules *rules, const struct wr_record_view *view,
			   struct weir_routed *event)
{
	struct wr_option option;
	size_t count = 0;
	for (uint32_t at = 0; (at = wr_option_next(view, at, &option)) != 0;) {
		if (option.tag != WR_OPTION_HEADER || option.value_bytes < 2)
			continue;
		size_t name_bytes = wr_get_u16(option.value);
		const char *name = (const char *)option.value + 2;
		if (name_bytes > (size_t)option.value_bytes - 2 ||
		    has_name(rules, count, name, name_bytes))
			continue;
		if (count == WR_ROUTE_HEADERS_MAX)
			return false;
		rules->headers[count++] = (struct weir_typed_header){
			.name = name,
			.name_bytes = name_bytes,
			.kind = WEIR_VALUE_TEXT,
			.value = name + name_bytes,
			.value_bytes = option.value_bytes - 2 - name_bytes,
		};
	}
	event->headers = rules->headers;
	event->header_count = count;
	return true;
}

/* The event's payload, as patterns see it. False: that cannot be told. */
static bool take_payload(struct wr_rules *rules, const struct wr_record *record,
			 const struct wr_record_view *view, struct weir_routed *event)
{
	struct wr_event_json json = {.bytes = view->payload, .count = view->payload_bytes};
	if (rules->json != NULL &&
	    wr_event_json(rules->pipeline, record, view, rules->json, rules->json_max, &json) != 0)
		return false;
	event->payload = json.bytes;
	event->payload_bytes = json.count;
	return true;
}

enum told { NOT_WANTED, WANTED, UNKNOWN };

/* Whether a program that is asked for each event wants this one. */
static enum told holds(const struct wr_rules *rules, const struct wr_program *program)
{
	bool any = program->join == WR_FILTER_JOIN_ANY, is_unknown = false;
	if (program->term_count == 0)
		return WANTED;
	for (uint32_t i = 0; i < program->term_count; i++) {
		uint32_t rule = program->first_rule + i;
		bool held = rules->held[rule] == rules->event;
		if (rules->unknown[rule] == rules->event)
			is_unknown = true;
		else if ((held != ((program->negated >> i & 1) != 0)) == any)
			return any ? WANTED : NOT_WANTED;
	}
	return is_unknown ? UNKNOWN : any ? NOT_WANTED : WANTED;
}

/* ---- what nobody wants ---- */

static bool has_program(const struct wr_rules *rules, uint32_t subscription)
{
	for (uint32_t i = 0; i < rules->program_count; i++)
		if (rules->programs[i].subscription == subscription)
			return true;
	return false;
}

void wr_rules_look_for_plain(struct wr_rules *rules, struct weir_pipeline *p)
{
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	if (rules->copying == 0)
		return;
	for (uint32_t t = 0; t < rules->topics_max && rules->plain_count == 0; t++)
		rules->plain_from[t] = UINT64_MAX;
	for (; rules->plain_count < count; rules->plain_count++) {
		const struct wr_subscription *s =
			&p->tables.catalog.subscriptions[rules->plain_count];
		uint64_t made = WR_BUG(UNROUTED_MADE_LATER) ? 0 : s->made_seq;
		/* Who gets its first filter has a program before its record is in the log. */
		for (uint32_t i = 0; i < s->topic_count && !has_program(rules, rules->plain_count);
		     i++)
			rules->plain_from[s->topics[i]] =
				wr_min_u64(rules->plain_from[s->topics[i]], made);
	}
}

const struct wr_program *wr_rules_program(const struct wr_rules *rules, uint32_t subscription,
					  uint64_t seq)
{
	for (uint32_t i = 0; i < rules->program_count; i++)
		if (rules->programs[i].subscription == subscription &&
		    wr_program_counts_at(&rules->programs[i], seq))
			return &rules->programs[i];
	return NULL;
}

const struct wr_program *wr_rules_newest_transform(const struct wr_rules *rules,
						   uint32_t subscription)
{
	const struct wr_program *newest = NULL;
	for (uint32_t i = 0; i < rules->program_count; i++) {
		const struct wr_program *program = &rules->programs[i];
		/* One that is not in the log yet counts nowhere. */
		if (program->subscription == subscription && program->transform != NULL &&
		    program->from_seq < program->end_seq)
			newest = program; /* they are in order */
	}
	return newest;
}

void wr_rules_take_unrouted(const struct wr_rules *rules, uint32_t topic, uint64_t seq,
			    void (*take)(void *context, const struct wr_program *program),
			    void *context)
{
	uint32_t first = rules->copied_by[topic];
	if (first == 0 || rules->plain_from[topic] <= seq)
		return;
	uint32_t subscription = rules->programs[first - 1].subscription;
	for (uint32_t i = first - 1; i < rules->program_count; i++) {
		const struct wr_program *program = &rules->programs[i];
		if (program->subscription != subscription)
			return;
		if (wr_program_counts_at(program, seq) && program->target != WR_TARGET_NONE)
			take(context, program);
	}
}

/* ---- an event ---- */

struct looking {
	struct wr_rules *rules;
	const struct wr_rules_topic *topic;
	uint64_t seq;
	bool told;
	void (*take)(void *context, const struct wr_program *program);
	void *context;
};

/* All of the topic. */
static bool take_unknown(const struct looking *l)
{
	for (uint32_t i = 0; i < l->topic->program_count; i++) {
		uint32_t number = l->rules->programs_of[l->topic->first_program + i];
		const struct wr_program *program = &l->rules->programs[number];
		if (wr_program_counts_at(program, l->seq) && program->join != WR_FILTER_JOIN_NOBODY)
			l->take(l->context, program);
	}
	return false;
}

static void take_rule(struct looking *l, uint32_t rule, bool is_unknown)
{
	struct wr_rules *rules = l->rules;
	const struct wr_program *program = &rules->programs[rules->program_of[rule]];
	(is_unknown ? rules->unknown : rules->held)[rule] = rules->event;
	if (!program->alone || !wr_program_counts_at(program, l->seq))
		return;
	l->told = l->told && !is_unknown;
	l->take(l->context, program);
}

/* The event is in the member's share. */
static void own(void *context, const struct wr_ring_member *member)
{
	take_rule(context, member->rule, false);
}

/* Rules of the topic's matcher that hold, and that cannot be told. False: none of them can. */
static bool match(struct looking *l, const struct wr_record *record)
{
	struct wr_rules *rules = l->rules;
	const struct wr_topic_matcher *m = l->topic->matcher;
	const uint32_t *rules_of = rules->rules_of + l->topic->first_rule;
	struct weir_routed event = {0};
	struct wr_record_view view;
	uint8_t missing = 0;
	if (!wr_record_view(record, record->bytes, &view))
		return false;
	event.key = (const char *)view.key;
	event.key_bytes = record->key_bytes;
	if (m->reads_payloads && !take_payload(rules, record, &view, &event))
		missing |= WR_ASKS_PAYLOAD;
	if (m->reads_headers && !gather_headers(rules, &view, &event))
		missing |= WR_ASKS_HEADERS;
	int count =
		wr_match_run_each(rules->match, m->matcher, &event, rules->hits, rules->rule_count);
	for (int i = 0; i < count; i++)
		take_rule(l, rules_of[rules->hits[i] & ~WR_MATCH_UNKNOWN],
			  (rules->hits[i] & WR_MATCH_UNKNOWN) != 0);
	for (uint32_t i = 0; i < l->topic->rule_count && missing != 0; i++)
		if ((rules->asks[rules_of[i]] & missing) != 0)
			take_rule(l, rules_of[i], true);
	if (rules->rings != NULL)
		wr_rings_run(rules, &view, l->seq, own, l);
	return count >= 0;
}

bool wr_rules_run(struct wr_rules *rules, const struct wr_record *record, uint64_t seq,
		  void (*take)(void *context, const struct wr_program *program), void *context)
{
	struct looking l = {.rules = rules,
			    .topic = &rules->topics[record->topic],
			    .seq = seq,
			    .told = true,
			    .take = take,
			    .context = context};
	rules->event++;
	if (l.topic->matcher != NULL && !match(&l, record))
		return take_unknown(&l);
	for (uint32_t i = 0; i < l.topic->asked_count; i++) {
		uint32_t number = rules->asked_of[l.topic->first_program + i];
		const struct wr_program *program = &rules->programs[number];
		enum told told =
			wr_program_counts_at(program, seq) ? holds(rules, program) : NOT_WANTED;
		l.told = l.told && told != UNKNOWN;
		if (told != NOT_WANTED)
			take(context, program);
	}
	return l.told;
}
