/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/route_rules.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/bug.h"
#include "core/pipeline/route_rings.h"
#include "core/pipeline/router.h"

/* ---- making them ---- */

static void *from_memory(void *context, size_t bytes, size_t align)
{
	struct wr_memory *memory = context;
	return memory->ops->alloc(memory, bytes, align);
}

static void to_memory(void *context, void *p, size_t bytes)
{
	struct wr_memory *memory = context;
	memory->ops->free(memory, p, bytes);
}

/* What goes into the rules, in the order of its programs. */
struct source {
	uint32_t subscription;
	uint64_t number;
	const uint8_t *bytes;
	uint32_t length_bytes;
	const uint32_t *topics;
	uint32_t topic_count;
};

static const uint8_t everything[WR_FILTER_HEAD_BYTES];

/*
 * Whether it is looked at for, and has no filter: its first one was refused by the writer. It wants
 * everything, and that has to be said.
 */
static bool wants_everything(struct weir_pipeline *p, const struct wr_rules_pending *pending,
			     uint32_t id)
{
	return wr_filters_count(&p->tables.filters, id) == 0 && !WR_BUG(REFUSED_WANTS_NOTHING) &&
	       wr_route_of(&p->subscriptions[id]) != NULL &&
	       (pending == NULL || pending->subscription != id);
}

/* Calls `take` for each filter. The one before a first filter is there from the beginning. */
static int for_each(struct weir_pipeline *p, const struct wr_rules_pending *pending,
		    int (*take)(void *context, const struct source *source), void *context)
{
	const struct wr_filters *f = &p->tables.filters;
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	int rc = 0;
	for (uint32_t id = 0; id < count; id++) {
		const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
		struct source source = {
			.subscription = id, .topics = s->topics, .topic_count = s->topic_count};
		uint64_t newest = wr_filters_count(f, id);
		uint64_t oldest = newest < WR_FILTER_VERSIONS ? 1 : newest - WR_FILTER_VERSIONS + 1;
		for (uint64_t n = oldest; rc == 0 && n <= newest; n++) {
			const struct wr_filter_version *v = wr_filters_version(f, id, n);
			if (v == NULL)
				continue;
			source.number = n;
			source.bytes = f->text + v->place;
			source.length_bytes = v->bytes;
			rc = take(context, &source);
		}
		if (rc == 0 && wants_everything(p, pending, id)) {
			source.number = 1;
			source.bytes = everything;
			source.length_bytes = sizeof everything;
			rc = take(context, &source);
		}
	}
	if (pending == NULL || rc != 0)
		return rc;
	struct source source = {
		.subscription = pending->subscription,
		.topics = pending->topics,
		.topic_count = pending->topic_count,
		.number = wr_filters_count(f, pending->subscription) + 1,
		.bytes = everything,
		.length_bytes = sizeof everything,
	};
	if (pending->subscription < count && source.number == 1) {
		rc = take(context, &source);
		source.number = 2;
	}
	source.bytes = pending->bytes;
	source.length_bytes = pending->length_bytes;
	return rc == 0 ? take(context, &source) : rc;
}

static int count_one(void *context, const struct source *source)
{
	struct wr_rules *rules = context;
	struct wr_filter_view view;
	if (!wr_filter_read(source->bytes, source->length_bytes, &view))
		return WEIR_E_CORRUPT;
	rules->program_count++;
	rules->rule_count += view.term_count;
	rules->copying += view.join == WR_FILTER_JOIN_NOBODY ? 1 : 0;
	rules->transforming += view.transform.text != NULL ? 1 : 0;
	for (uint32_t i = 0; i < view.term_count; i++)
		rules->shares += view.terms[i].kind == WEIR_FILTER_HASH ? source->topic_count : 0;
	return 0;
}

struct builder {
	struct weir_pipeline *pipeline;
	struct wr_rules *rules;
	struct weir_filter **filters; /* [rule_count] */
	uint32_t rule_count;          /* so far, as the one below */
	uint32_t program_count;
	struct weir_problem *problem;
};

/* Which filter it is, in front of what is wrong with it; the end is cut off where that is long. */
static void name_term(struct builder *b, const struct source *source, uint32_t term)
{
	const struct wr_subscription *s =
		&b->pipeline->tables.catalog.subscriptions[source->subscription];
	struct weir_problem *problem = b->problem;
	char prefix[128];
	if (problem == NULL)
		return;
	if (source->topics == s->topics)
		(void)snprintf(prefix, sizeof prefix, "subscription '%.60s', term %u: ", s->name,
			       term);
	else
		(void)snprintf(prefix, sizeof prefix, "term %u: ", term);
	size_t bytes = strlen(prefix);
	memmove(problem->text + bytes, problem->text, sizeof problem->text - bytes);
	memcpy(problem->text, prefix, bytes);
	problem->text[sizeof problem->text - 1] = '\0';
}

static void add_topics(struct builder *b, const struct source *source)
{
	const struct weir_pipeline *p = b->pipeline;
	uint32_t mask = wr_chunks_tag_mask(&p->chunks);
	for (uint32_t t = 0; t < source->topic_count; t++) {
		const struct wr_topic *topic = &p->tables.catalog.topics[source->topics[t]];
		for (uint32_t i = 0; i < topic->partitions; i++) {
			uint32_t tag = (topic->tag_base + i) & mask;
			b->rules->tags[tag / 64] |= 1ull << (tag % 64);
		}
	}
}

static int add_transform(struct builder *b, const struct wr_filter_transform *from,
			 struct wr_program *program)
{
	program->on_failure = from->on_failure;
	program->dead_letters = from->dead_letters;
	if (from->text == NULL)
		return 0;
	return wr_transform_create(from->text, from->text_bytes, &b->rules->allocator,
				   &program->transform, b->problem);
}

/* Another thing is hashed by who is a member now: the one that comes would get what others do. */
static int check_ring(struct builder *b, const struct source *source,
		      const struct wr_hash_term *term, uint32_t topic)
{
	const struct wr_filters *f = &b->pipeline->tables.filters;
	const struct wr_ring *other = wr_rings_other(b->rules->rings, topic, term);
	for (uint32_t m = other != NULL ? other->first : 0; m != 0;
	     m = b->rules->rings->members[m - 1].next) {
		const struct wr_program *program =
			&b->rules->programs[b->rules->rings->members[m - 1].program];
		if (program->subscription != source->subscription &&
		    program->number == wr_filters_count(f, program->subscription))
			return wr_route_refuse(
				b->problem, -EINVAL, "ring", 4,
				"the members of '%.*s' hash something else: a ring has one "
				"hash-header or hash-property, or the key",
				(int)term->ring_bytes, term->ring);
	}
	return 0;
}

static int add_share(struct builder *b, const struct source *source,
		     const struct wr_filter_term *from)
{
	struct wr_hash_term term;
	int rc = wr_hash_term_read(from->pattern, from->pattern_bytes, &term, b->problem);
	bool is_pending = source->number >
			  wr_filters_count(&b->pipeline->tables.filters, source->subscription);
	for (uint32_t t = 0; t < source->topic_count && rc == 0; t++) {
		rc = is_pending ? check_ring(b, source, &term, source->topics[t]) : 0;
		if (rc == 0)
			wr_rings_add(b->rules->rings, source->topics[t], &term,
				     source->subscription, b->program_count, b->rule_count);
	}
	return rc;
}

/* A rule of the matcher, or a share of a ring. */
static int add_term(struct builder *b, const struct source *source,
		    const struct wr_filter_term *term)
{
	if (term->kind == WEIR_FILTER_HASH)
		return add_share(b, source, term);
	return wr_filter_create((enum weir_filter_kind)term->kind, term->pattern,
				term->pattern_bytes, &b->rules->allocator,
				&b->filters[b->rule_count], b->problem);
}

static int build_one(void *context, const struct source *source)
{
	struct builder *b = context;
	struct wr_rules *rules = b->rules;
	struct wr_filter_view view;
	(void)wr_filter_read(source->bytes, source->length_bytes, &view);
	struct wr_program *program = &rules->programs[b->program_count];
	*program = (struct wr_program){
		.subscription = source->subscription,
		.number = source->number,
		.first_rule = b->rule_count,
		.term_count = view.term_count,
		.join = view.join,
		.binds = view.binds,
		.target = view.target,
	};
	int failed = add_transform(b, &view.transform, program);
	if (failed != 0)
		return failed;
	for (uint32_t i = 0; i < view.term_count; i++) {
		const struct wr_filter_term *term = &view.terms[i];
		int rc = add_term(b, source, term);
		if (rc != 0) {
			name_term(b, source, i);
			return rc;
		}
		program->negated |= term->negated ? 1u << i : 0;
		rules->reads_payloads |=
			term->kind == WEIR_FILTER_EVENTBRIDGE || term->kind == WEIR_FILTER_SNS_BODY;
		rules->reads_headers |= term->kind == WEIR_FILTER_HEADERS ||
					term->kind == WEIR_FILTER_SNS_ATTRIBUTES;
		rules->program_of[b->rule_count++] = b->program_count;
	}
	program->alone = view.term_count > 0 && program->negated == 0 &&
			 (view.term_count == 1 || view.join == WR_FILTER_JOIN_ANY);
	uint32_t topic = source->topics[0];
	if (view.join != WR_FILTER_JOIN_NOBODY) {
		if (!program->alone)
			rules->asked[rules->asked_count++] = b->program_count;
	} else if (rules->copied_by[topic] == 0) {
		rules->copied_by[topic] = b->program_count + 1; /* its others come behind it */
	}
	b->program_count++;
	add_topics(b, source);
	return 0;
}

static void *take_array(struct wr_rules *rules, size_t count, size_t each)
{
	return rules->memory->ops->alloc(rules->memory, (count + 1) * each, 64);
}

static void give_array(struct wr_rules *rules, void *array, size_t count, size_t each)
{
	if (array != NULL)
		rules->memory->ops->free(rules->memory, array, (count + 1) * each);
}

void wr_rules_destroy(struct wr_rules *rules)
{
	if (rules == NULL)
		return;
	for (uint32_t i = 0; rules->programs != NULL && i < rules->program_count; i++)
		weir_transform_destroy(rules->programs[i].transform);
	give_array(rules, rules->transformed, rules->transformed_max, 1);
	wr_rings_destroy(rules->memory, rules->rings);
	weir_match_destroy(rules->match);
	weir_matcher_destroy(rules->matcher);
	give_array(rules, rules->plain_from, rules->topics_max, sizeof *rules->plain_from);
	give_array(rules, rules->copied_by, rules->topics_max, sizeof *rules->copied_by);
	give_array(rules, rules->tags, rules->tag_words, sizeof *rules->tags);
	give_array(rules, rules->asked, rules->program_count, sizeof *rules->asked);
	give_array(rules, rules->held, rules->rule_count, sizeof *rules->held);
	give_array(rules, rules->hits, rules->rule_count, sizeof *rules->hits);
	give_array(rules, rules->program_of, rules->rule_count, sizeof *rules->program_of);
	give_array(rules, rules->programs, rules->program_count, sizeof *rules->programs);
	rules->memory->ops->free(rules->memory, rules, sizeof *rules);
}

static bool take_arrays(struct wr_rules *rules)
{
	rules->programs = take_array(rules, rules->program_count, sizeof *rules->programs);
	rules->program_of = take_array(rules, rules->rule_count, sizeof *rules->program_of);
	rules->hits = take_array(rules, rules->rule_count, sizeof *rules->hits);
	rules->held = take_array(rules, rules->rule_count, sizeof *rules->held);
	rules->asked = take_array(rules, rules->program_count, sizeof *rules->asked);
	rules->tags = take_array(rules, rules->tag_words, sizeof *rules->tags);
	rules->copied_by = take_array(rules, rules->topics_max, sizeof *rules->copied_by);
	rules->plain_from = take_array(rules, rules->topics_max, sizeof *rules->plain_from);
	rules->rings = wr_rings_create(rules->memory, rules->shares, rules->topics_max);
	if (rules->transforming > 0)
		rules->transformed = take_array(rules, rules->transformed_max, 1);
	return (rules->transforming == 0 || rules->transformed != NULL) &&
	       (rules->shares == 0 || rules->rings != NULL) && rules->programs != NULL &&
	       rules->program_of != NULL && rules->hits != NULL && rules->held != NULL &&
	       rules->asked != NULL && rules->tags != NULL && rules->copied_by != NULL &&
	       rules->plain_from != NULL;
}

static int make_matcher(struct builder *b)
{
	struct wr_rules *rules = b->rules;
	if (rules->rule_count == 0)
		return 0;
	int rc = wr_matcher_create((const struct weir_filter *const *)b->filters, rules->rule_count,
				   &rules->allocator, &rules->matcher, b->problem);
	if (rc != 0)
		return rc;
	/* The largest event there may be; who reads only keys needs next to nothing. */
	bool reads = rules->reads_payloads || rules->reads_headers;
	return wr_match_create(rules->matcher, reads ? wr_run_bytes_max(&b->pipeline->options) : 64,
			       &rules->allocator, &rules->match, b->problem);
}

int wr_rules_create(struct weir_pipeline *p, const struct wr_rules_pending *pending,
		    struct wr_rules **ret_rules, struct weir_problem *problem)
{
	struct wr_memory *memory = p->host.memory;
	struct wr_rules *rules = memory->ops->alloc(memory, sizeof *rules, 64);
	if (rules == NULL)
		return wr_problem_set(problem, -ENOMEM, "filter", weir_strerror(-ENOMEM));
	rules->memory = memory;
	rules->allocator =
		(struct weir_allocator){.alloc = from_memory, .free = to_memory, .context = memory};
	rules->topics_max = p->options.topics_max;
	rules->transformed_max = wr_run_bytes_max(&p->options);
	rules->tag_words = (wr_chunks_tag_mask(&p->chunks) + 64) / 64;
	struct builder b = {.pipeline = p, .rules = rules, .problem = problem};
	int rc = for_each(p, pending, count_one, rules);
	if (rc == 0 && !take_arrays(rules))
		rc = -ENOMEM;
	if (rc == 0) {
		b.filters = take_array(rules, rules->rule_count, sizeof(void *));
		rc = b.filters != NULL ? 0 : -ENOMEM;
	}
	if (rc != 0)
		(void)wr_problem_set(problem, rc, "filter", weir_strerror(rc));
	if (rc == 0)
		rc = for_each(p, pending, build_one, &b);
	if (rc == 0)
		rc = make_matcher(&b);
	for (uint32_t i = 0; b.filters != NULL && i < rules->rule_count; i++)
		weir_filter_destroy(b.filters[i]);
	give_array(rules, b.filters, rules->rule_count, sizeof(void *));
	if (rc != 0) {
		wr_rules_destroy(rules);
		return rc;
	}
	*ret_rules = rules;
	return 0;
}

/* ---- matching ---- */

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

/* Whether a program that is asked for each event wants this one. */
static bool holds(const struct wr_rules *rules, const struct wr_program *program)
{
	bool any = program->join == WR_FILTER_JOIN_ANY;
	if (program->term_count == 0)
		return true;
	for (uint32_t i = 0; i < program->term_count; i++) {
		bool held = rules->held[program->first_rule + i] == rules->event;
		if ((held != ((program->negated >> i & 1) != 0)) == any)
			return any;
	}
	return !any;
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

/* Nobody loses an event because it could not be looked at. */
static void take_unknown(struct wr_rules *rules, uint64_t seq,
			 void (*take)(void *context, const struct wr_program *program),
			 void *context)
{
	for (uint32_t i = 0; i < rules->program_count; i++)
		if (wr_program_counts_at(&rules->programs[i], seq) &&
		    rules->programs[i].join != WR_FILTER_JOIN_NOBODY)
			take(context, &rules->programs[i]);
}

struct owned {
	struct wr_rules *rules;
	void (*take)(void *context, const struct wr_program *program);
	void *context;
};

static void own(void *context, const struct wr_ring_member *member)
{
	const struct owned *o = context;
	const struct wr_program *program = &o->rules->programs[member->program];
	o->rules->held[member->rule] = o->rules->event;
	if (program->alone)
		o->take(o->context, program);
}

bool wr_rules_run(struct wr_rules *rules, const struct wr_record *record, uint64_t seq,
		  void (*take)(void *context, const struct wr_program *program), void *context)
{
	struct weir_routed event = {0};
	struct wr_record_view view;
	int count = 0;
	rules->event++;
	if (rules->match != NULL) {
		if (!wr_record_view(record, record->bytes, &view))
			count = -EINVAL;
		event.key = (const char *)view.key;
		event.key_bytes = record->key_bytes;
		if (rules->reads_payloads) {
			event.payload = view.payload;
			event.payload_bytes = view.payload_bytes;
		}
		if (count == 0 && rules->reads_headers && !gather_headers(rules, &view, &event))
			count = WEIR_E_TOO_BIG;
		if (count == 0)
			count = weir_match_run(rules->match, &event, rules->hits,
					       rules->rule_count);
		if (count < 0) {
			take_unknown(rules, seq, take, context);
			return false;
		}
	}
	for (int i = 0; i < count; i++) {
		uint32_t rule = rules->hits[i];
		const struct wr_program *program = &rules->programs[rules->program_of[rule]];
		rules->held[rule] = rules->event;
		if (program->alone && wr_program_counts_at(program, seq))
			take(context, program);
	}
	if (rules->rings != NULL)
		wr_rings_run(rules, &view, seq, own,
			     &(struct owned){.rules = rules, .take = take, .context = context});
	for (uint32_t i = 0; i < rules->asked_count; i++) {
		const struct wr_program *program = &rules->programs[rules->asked[i]];
		if (wr_program_counts_at(program, seq) && holds(rules, program))
			take(context, program);
	}
	return true;
}
