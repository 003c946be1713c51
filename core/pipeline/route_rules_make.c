/* SPDX-License-Identifier: Apache-2.0 */
/* Rules made of what the log has, and of what a control call is about to give it. */
#include "core/pipeline/rules_builder.h"

#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/route_rings.h"
#include "core/pipeline/router.h"

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

static const uint8_t everything[WR_FILTER_HEAD_BYTES];

/* What is about to be given to it; NULL: nothing. */
static const struct wr_rules_pending *pending_of(const struct wr_rules_pendings *pendings,
						 uint32_t id)
{
	for (uint32_t i = 0; i < pendings->count; i++)
		if (pendings->list[i].subscription == id)
			return &pendings->list[i];
	return NULL;
}

/*
 * Whether it is looked at for, and has no filter: its first one was refused by the writer. It wants
 * everything, and that has to be said. So it does until a first one that it is about to get counts.
 */
static bool wants_everything(struct weir_pipeline *p, const struct wr_rules_pending *pending,
			     uint32_t id)
{
	if (wr_filters_count(&p->tables.filters, id) > 0)
		return false;
	return pending != NULL ||
	       (!WR_BUG(REFUSED_WANTS_NOTHING) && wr_route_of(&p->subscriptions[id]) != NULL);
}

typedef int take_fn(void *context, const struct wr_rule_source *source);

/* Of one that the log has: its filters that are kept, and behind them what it is about to get. */
static int for_each_of(struct weir_pipeline *p, uint32_t id, const struct wr_rules_pending *pending,
		       take_fn *take, void *context)
{
	const struct wr_filters *f = &p->tables.filters;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
	struct wr_rule_source source = {
		.subscription = id, .topics = s->topics, .topic_count = s->topic_count};
	uint64_t newest = wr_filters_count(f, id);
	uint64_t oldest = newest < WR_FILTER_VERSIONS ? 1 : newest - WR_FILTER_VERSIONS + 1;
	int rc = 0;
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
		newest = source.number = 1;
		source.bytes = everything;
		source.length_bytes = sizeof everything;
		rc = take(context, &source);
	}
	if (pending == NULL || rc != 0)
		return rc;
	source.number = newest + 1;
	source.bytes = pending->bytes;
	source.length_bytes = pending->length_bytes;
	return take(context, &source);
}

/*
 * Calls `take` for each filter: those of one subscription side by side, in the order in which they
 * were given. The one before a first filter is there from the beginning.
 */
static int for_each(struct weir_pipeline *p, const struct wr_rules_pendings *pendings,
		    take_fn *take, void *context)
{
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	int rc = 0;
	for (uint32_t id = 0; rc == 0 && id < count; id++)
		rc = for_each_of(p, id, pending_of(pendings, id), take, context);
	for (uint32_t i = 0; rc == 0 && i < pendings->count; i++) {
		const struct wr_rules_pending *pending = &pendings->list[i];
		const struct wr_rule_source source = {
			.subscription = pending->subscription,
			.topics = pending->topics,
			.topic_count = pending->topic_count,
			.number = 1,
			.bytes = pending->bytes,
			.length_bytes = pending->length_bytes,
		};
		if (pending->subscription >= count)
			rc = take(context, &source);
	}
	return rc;
}

static int count_one(void *context, const struct wr_rule_source *source)
{
	struct wr_rules *rules = context;
	struct wr_filter_view view;
	if (!wr_filter_read(source->bytes, source->length_bytes, &view))
		return WEIR_E_CORRUPT;
	rules->program_count++;
	rules->rule_count += view.term_count;
	rules->topic_program_count += source->topic_count;
	rules->topic_rule_count += source->topic_count * view.term_count;
	rules->copying += view.join == WR_FILTER_JOIN_NOBODY ? 1 : 0;
	rules->transforming += view.binds && view.transform.text != NULL ? 1 : 0;
	for (uint32_t i = 0; i < view.term_count; i++)
		rules->shares += view.terms[i].kind == WEIR_FILTER_HASH ? source->topic_count : 0;
	return 0;
}

static void add_topics(struct wr_rules_builder *b, const struct wr_rule_source *source)
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

/* Of one whose members transform; and, when they did, of one whose members do not. */
static int add_for_members(struct wr_rules_builder *b, const struct wr_rule_source *source,
			   const struct wr_filter_transform *from, struct wr_program *program)
{
	const struct wr_subscription_live *live = &b->pipeline->subscriptions[source->subscription];
	if (from->text == NULL && b->made_for != source->subscription + 1 &&
	    wr_load_acquire(&live->transforms) == NULL) /* MT1 */
		return 0;
	b->made_for = source->subscription + 1;
	return wr_member_transform_create(&b->rules->allocator, live, source->number, from,
					  &program->for_members, b->problem);
}

static int add_transform(struct wr_rules_builder *b, const struct wr_rule_source *source,
			 const struct wr_filter_view *view, struct wr_program *program)
{
	const struct wr_filter_transform *from = &view->transform;
	program->on_failure = from->on_failure;
	program->dead_letters = from->dead_letters;
	if (!view->binds && view->join != WR_FILTER_JOIN_NOBODY)
		return add_for_members(b, source, from, program);
	if (from->text == NULL)
		return 0;
	return wr_transform_create(from->text, from->text_bytes, &b->rules->allocator,
				   &program->transform, b->problem);
}

/* Whether somebody else is a member of the ring: by its newest filter, or by one that it is about
 * to get. */
static bool is_somebodys(const struct wr_rules_builder *b, const struct wr_ring *ring,
			 uint32_t subscription)
{
	const struct wr_filters *f = &b->pipeline->tables.filters;
	for (uint32_t m = ring->first; m != 0; m = b->rules->rings->members[m - 1].next) {
		const struct wr_program *program =
			&b->rules->programs[b->rules->rings->members[m - 1].program];
		if (program->subscription != subscription &&
		    program->number >= wr_filters_count(f, program->subscription))
			return true;
	}
	return false;
}

/* Another thing is hashed by who is a member now: the one that comes would get what others do. */
static int check_ring(struct wr_rules_builder *b, const struct wr_rule_source *source,
		      const struct wr_hash_term *term, uint32_t topic)
{
	const struct wr_rings *rings = b->rules->rings;
	const struct wr_ring *other = wr_rings_other(rings, topic, term, NULL);
	for (; other != NULL; other = wr_rings_other(rings, topic, term, other))
		if (is_somebodys(b, other, source->subscription))
			return wr_route_refuse(
				b->problem, -EINVAL, "ring", 4,
				"the members of '%.*s' hash something else: a ring has one "
				"hash-header or hash-property, or the key",
				(int)term->ring_bytes, term->ring);
	return 0;
}

static int add_share(struct wr_rules_builder *b, const struct wr_rule_source *source,
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

/* What is copied, if nobody else wants it, and by whom it is asked for each event. */
static void settle_program(struct wr_rules_builder *b, const struct wr_rule_source *source,
			   struct wr_program *program)
{
	struct wr_rules *rules = b->rules;
	uint32_t topic = source->topics[0];
	program->alone = program->term_count > 0 && program->negated == 0 &&
			 (program->term_count == 1 || program->join == WR_FILTER_JOIN_ANY);
	if (program->join == WR_FILTER_JOIN_NOBODY && rules->copied_by[topic] == 0)
		rules->copied_by[topic] = b->program_count + 1; /* its others come behind it */
	for (uint32_t i = 0; i < source->topic_count; i++) {
		rules->topics[source->topics[i]].program_count++;
		rules->topics[source->topics[i]].rule_count += program->term_count;
	}
}

static uint8_t asks_of(enum weir_filter_kind kind)
{
	return wr_kind_asks_headers(kind)   ? WR_ASKS_HEADERS
	       : wr_kind_asks_payload(kind) ? WR_ASKS_PAYLOAD
					    : 0;
}

static int build_one(void *context, const struct wr_rule_source *source)
{
	struct wr_rules_builder *b = context;
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
	int failed = add_transform(b, source, &view, program);
	if (failed != 0)
		return failed;
	for (uint32_t i = 0; i < view.term_count; i++) {
		const struct wr_filter_term *term = &view.terms[i];
		int rc = term->kind == WEIR_FILTER_HASH ? add_share(b, source, term) : 0;
		if (rc != 0) {
			wr_rules_name_term(b, source, i);
			return rc;
		}
		program->negated |= term->negated ? 1u << i : 0;
		rules->asks[b->rule_count] = asks_of((enum weir_filter_kind)term->kind);
		rules->program_of[b->rule_count++] = b->program_count;
	}
	settle_program(b, source, program);
	b->sources[b->program_count++] = *source;
	add_topics(b, source);
	return 0;
}

/* The lists of topics, one after the other, in the order of programs. */
static void list_by_topic(struct wr_rules_builder *b)
{
	struct wr_rules *rules = b->rules;
	uint32_t rule = 0, place = 0;
	for (uint32_t t = 0; t < rules->topics_max; t++) {
		struct wr_rules_topic *topic = &rules->topics[t];
		topic->first_rule = rule;
		topic->first_program = place;
		rule += topic->rule_count;
		place += topic->program_count;
		topic->rule_count = topic->program_count = 0;
	}
	for (uint32_t i = 0; i < rules->program_count; i++) {
		const struct wr_program *program = &rules->programs[i];
		for (uint32_t k = 0; k < b->sources[i].topic_count; k++) {
			struct wr_rules_topic *topic = &rules->topics[b->sources[i].topics[k]];
			rules->programs_of[topic->first_program + topic->program_count++] = i;
			if (!program->alone && program->join != WR_FILTER_JOIN_NOBODY)
				rules->asked_of[topic->first_program + topic->asked_count++] = i;
			for (uint32_t term = 0; term < program->term_count; term++)
				rules->rules_of[topic->first_rule + topic->rule_count++] =
					program->first_rule + term;
		}
	}
}

void wr_rules_destroy(struct wr_rules *rules)
{
	if (rules == NULL)
		return;
	for (uint32_t i = 0; rules->programs != NULL && i < rules->program_count; i++) {
		weir_transform_destroy(rules->programs[i].transform);
		wr_member_transform_free(rules->memory, rules->programs[i].for_members);
	}
	for (uint32_t t = 0; rules->topics != NULL && t < rules->topics_max; t++)
		wr_rules_topic_free(rules, rules->topics[t].matcher);
	wr_rings_destroy(rules->memory, rules->rings);
	weir_match_destroy(rules->match);
	wr_rules_array_free(rules, rules->json, rules->json_max, 1);
	wr_rules_array_free(rules, rules->transformed, rules->transformed_max, 1);
	wr_rules_array_free(rules, rules->plain_from, rules->topics_max, sizeof *rules->plain_from);
	wr_rules_array_free(rules, rules->copied_by, rules->topics_max, sizeof *rules->copied_by);
	wr_rules_array_free(rules, rules->tags, rules->tag_words, sizeof *rules->tags);
	wr_rules_array_free(rules, rules->asked_of, rules->topic_program_count,
			    sizeof *rules->asked_of);
	wr_rules_array_free(rules, rules->programs_of, rules->topic_program_count,
			    sizeof *rules->programs_of);
	wr_rules_array_free(rules, rules->rules_of, rules->topic_rule_count,
			    sizeof *rules->rules_of);
	wr_rules_array_free(rules, rules->unknown, rules->rule_count, sizeof *rules->unknown);
	wr_rules_array_free(rules, rules->held, rules->rule_count, sizeof *rules->held);
	wr_rules_array_free(rules, rules->hits, rules->rule_count, sizeof *rules->hits);
	wr_rules_array_free(rules, rules->asks, rules->rule_count, 1);
	wr_rules_array_free(rules, rules->program_of, rules->rule_count, sizeof *rules->program_of);
	wr_rules_array_free(rules, rules->programs, rules->program_count, sizeof *rules->programs);
	wr_rules_array_free(rules, rules->topics, rules->topics_max, sizeof *rules->topics);
	rules->memory->ops->free(rules->memory, rules, sizeof *rules);
}

static bool take_arrays(struct wr_rules *rules)
{
	rules->topics = wr_rules_array(rules, rules->topics_max, sizeof *rules->topics);
	rules->programs = wr_rules_array(rules, rules->program_count, sizeof *rules->programs);
	rules->program_of = wr_rules_array(rules, rules->rule_count, sizeof *rules->program_of);
	rules->asks = wr_rules_array(rules, rules->rule_count, 1);
	rules->hits = wr_rules_array(rules, rules->rule_count, sizeof *rules->hits);
	rules->held = wr_rules_array(rules, rules->rule_count, sizeof *rules->held);
	rules->unknown = wr_rules_array(rules, rules->rule_count, sizeof *rules->unknown);
	rules->rules_of = wr_rules_array(rules, rules->topic_rule_count, sizeof *rules->rules_of);
	rules->programs_of =
		wr_rules_array(rules, rules->topic_program_count, sizeof *rules->programs_of);
	rules->asked_of =
		wr_rules_array(rules, rules->topic_program_count, sizeof *rules->asked_of);
	rules->tags = wr_rules_array(rules, rules->tag_words, sizeof *rules->tags);
	rules->copied_by = wr_rules_array(rules, rules->topics_max, sizeof *rules->copied_by);
	rules->plain_from = wr_rules_array(rules, rules->topics_max, sizeof *rules->plain_from);
	rules->rings = wr_rings_create(rules->memory, rules->shares, rules->topics_max);
	if (rules->transforming > 0)
		rules->transformed = wr_rules_array(rules, rules->transformed_max, 1);
	return (rules->transforming == 0 || rules->transformed != NULL) &&
	       (rules->shares == 0 || rules->rings != NULL) && rules->topics != NULL &&
	       rules->programs != NULL && rules->program_of != NULL && rules->asks != NULL &&
	       rules->hits != NULL && rules->held != NULL && rules->unknown != NULL &&
	       rules->rules_of != NULL && rules->programs_of != NULL && rules->asked_of != NULL &&
	       rules->tags != NULL && rules->copied_by != NULL && rules->plain_from != NULL;
}

/*
 * What an event is matched in, for the largest matcher and the largest event there may be (who
 * reads only keys needs next to nothing). If that of the rules before will do, these get it when
 * they follow them. A new one has room for twice as much.
 */
static int make_match(struct wr_rules_builder *b)
{
	struct wr_rules *rules = b->rules;
	const struct weir_match *before = b->before != NULL ? b->before->match : NULL;
	struct wr_match_rooms rooms = {0};
	size_t payload_bytes_max = 64;
	bool is_needed = false;
	for (uint32_t t = 0; t < rules->topics_max; t++) {
		const struct wr_topic_matcher *m = rules->topics[t].matcher;
		if (m == NULL)
			continue;
		is_needed = true;
		wr_match_rooms_for(&rooms, m->matcher);
		if (m->reads_payloads || m->reads_headers)
			payload_bytes_max = wr_run_bytes_max(&b->pipeline->options);
	}
	if (!is_needed || (before != NULL && wr_match_has_rooms(before, &rooms, payload_bytes_max)))
		return 0;
	size_t *counts[] = {&rooms.branches, &rooms.members, &rooms.rules,  &rooms.paths,
			    &rooms.leaves,   &rooms.words,   &rooms.headers};
	for (size_t i = 0; i < WR_ARRAY_COUNT(counts); i++)
		*counts[i] *= 2;
	return wr_match_create_rooms(&rooms, payload_bytes_max, &rules->allocator, &rules->match,
				     b->problem);
}

void wr_rules_follow(struct wr_rules *rules, struct wr_rules *before)
{
	if (rules == NULL || rules->match != NULL || before == NULL)
		return;
	rules->match = before->match;
	before->match = NULL;
}

/* As much JSON as is matched: what is larger cannot be told. */
static int make_json_room(struct wr_rules_builder *b)
{
	struct wr_rules *rules = b->rules;
	const struct weir_options *o = &b->pipeline->options;
	bool is_asked = rules->transforming > 0;
	for (uint32_t t = 0; t < rules->topics_max; t++)
		is_asked |= rules->topics[t].matcher != NULL &&
			    rules->topics[t].matcher->reads_payloads;
	if (!is_asked || o->schemas_max == 0)
		return 0;
	rules->json_max = wr_run_bytes_max(o);
	rules->json = wr_rules_array(rules, rules->json_max, 1);
	return rules->json != NULL ? 0 : wr_rules_no_memory(b->problem);
}

static int build(struct wr_rules_builder *b, const struct wr_rules_pendings *pendings)
{
	struct wr_rules *rules = b->rules;
	int rc = for_each(b->pipeline, pendings, build_one, b);
	if (rc != 0)
		return rc;
	list_by_topic(b);
	for (uint32_t t = 0; t < rules->topics_max && rc == 0; t++)
		if (rules->topics[t].rule_count > 0)
			rc = wr_rules_make_topic(b, t);
	if (rc == 0)
		rc = make_json_room(b);
	return rc == 0 ? make_match(b) : rc;
}

static bool builder_begin(struct wr_rules_builder *b)
{
	struct wr_rules *rules = b->rules;
	b->sources = wr_rules_array(rules, rules->program_count, sizeof *b->sources);
	b->filters = wr_rules_array(rules, rules->rule_count, sizeof *b->filters);
	b->of_topic = wr_rules_array(rules, rules->rule_count, sizeof *b->of_topic);
	return b->sources != NULL && b->filters != NULL && b->of_topic != NULL;
}

static void builder_end(struct wr_rules_builder *b)
{
	struct wr_rules *rules = b->rules;
	for (uint32_t i = 0; b->filters != NULL && i < rules->rule_count; i++)
		weir_filter_destroy(b->filters[i]);
	wr_rules_array_free(rules, b->of_topic, rules->rule_count, sizeof *b->of_topic);
	wr_rules_array_free(rules, b->filters, rules->rule_count, sizeof *b->filters);
	wr_rules_array_free(rules, b->sources, rules->program_count, sizeof *b->sources);
}

int wr_rules_create(struct weir_pipeline *p, const struct wr_rules_pendings *pendings,
		    struct wr_rules *before, struct wr_rules **ret_rules,
		    struct weir_problem *problem)
{
	struct wr_memory *memory = p->host.memory;
	struct wr_rules *rules = memory->ops->alloc(memory, sizeof *rules, 64);
	if (rules == NULL)
		return wr_rules_no_memory(problem);
	rules->pipeline = p;
	rules->memory = memory;
	rules->allocator =
		(struct weir_allocator){.alloc = from_memory, .free = to_memory, .context = memory};
	rules->topics_max = p->options.topics_max;
	rules->transformed_max = wr_run_bytes_max(&p->options);
	rules->tag_words = (wr_chunks_tag_mask(&p->chunks) + 64) / 64;
	struct wr_rules_builder b = {
		.pipeline = p, .rules = rules, .before = before, .problem = problem};
	int rc = for_each(p, pendings, count_one, rules);
	if (rc == 0 && !(take_arrays(rules) && builder_begin(&b)))
		rc = -ENOMEM;
	if (rc != 0)
		(void)wr_problem_set(problem, rc, "filter", weir_strerror(rc));
	else
		rc = build(&b, pendings);
	builder_end(&b);
	if (rc != 0) {
		wr_rules_destroy(rules);
		return rc;
	}
	*ret_rules = rules;
	return 0;
}
