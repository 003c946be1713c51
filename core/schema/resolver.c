/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the actions, by resolver.h. The pairs and their verdicts are those of check.h, so a
 * branch of a union is chosen by what can really be read. No recursion.
 */
#include "core/schema/resolver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/resolver.h>

#include "core/schema/check.h"
#include "core/schema/fallback.h"

#define POOL_MAX (1u << 20)
#define STEPS_MAX (1u << 22)

struct making {
	struct weir_resolver *v;
	struct wr_pairs pairs;
	uint32_t *todo; /* pairs whose action is still to be found, room for all */
	uint32_t todo_count;
	int code;
};

/* The action of a pair: found later, if it was not yet. */
static uint32_t action_of(struct making *m, uint32_t r, uint32_t w)
{
	uint32_t index = wr_pairs_find(&m->pairs, r, w);

	if (!m->pairs.pairs[index].is_told)
		m->todo[m->todo_count++] = index;
	m->pairs.pairs[index].is_told = true;
	return index;
}

static void add_step(struct making *m, uint32_t kind, uint32_t first, uint32_t count)
{
	struct weir_resolver *v = m->v;

	if (m->code == 0 && v->step_count == v->step_capacity) {
		void *steps = v->steps;
		m->code = wr_schema_grow(&v->allocator, &steps, &v->step_capacity, sizeof *v->steps,
					 STEPS_MAX);
		v->steps = steps;
	}
	if (m->code == 0)
		v->steps[v->step_count++] = (struct wr_step){kind, first, count};
}

static void add_number(struct making *m, uint32_t number)
{
	struct weir_resolver *v = m->v;

	if (m->code == 0 && v->number_count == v->number_capacity) {
		void *numbers = v->numbers;
		m->code = wr_schema_grow(&v->allocator, &numbers, &v->number_capacity,
					 sizeof *v->numbers, STEPS_MAX);
		v->numbers = numbers;
	}
	if (m->code == 0)
		v->numbers[v->number_count++] = number;
}

static void grow_pool(struct making *m)
{
	void *pool = m->v->pool;

	m->code = wr_schema_grow(&m->v->allocator, &pool, &m->v->pool_capacity, 1, POOL_MAX);
	m->v->pool = pool;
}

/* A default of the reader's, in binary, into the pool. */
static void add_default(struct making *m, const struct wr_schema_field *field)
{
	struct weir_resolver *v = m->v;

	if (v->pool_capacity == 0)
		grow_pool(m);
	while (m->code == 0) {
		struct wr_sink sink = {.bytes = v->pool + v->pool_bytes,
				       .capacity_bytes = v->pool_capacity - v->pool_bytes};
		m->code = wr_schema_fallback_encode(v->reader, field->node, field->fallback, &sink);
		if (m->code == 0) {
			uint32_t first = v->pool_bytes;
			v->pool_bytes += (uint32_t)sink.used_bytes;
			add_step(m, WR_STEP_DEFAULT, first, (uint32_t)sink.used_bytes);
			return;
		}
		if (m->code == WEIR_E_TOO_BIG)
			grow_pool(m);
	}
}

/* --- records ---------------------------------------------------------------------------------- */

/* The writer's fields that are read, in the reader's order, have rising numbers? */
static bool is_in_order(const struct making *m, const struct wr_schema_node *r)
{
	uint32_t last = WR_SCHEMA_NONE;

	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t found = wr_pairs_field(&m->pairs, &m->v->reader->fields[r->first + i]);
		if (found == WR_SCHEMA_NONE)
			continue;
		if (last != WR_SCHEMA_NONE && found <= last)
			return false;
		last = found;
	}
	return true;
}

static void find_in_order(struct making *m, const struct wr_schema_node *r,
			  const struct wr_schema_node *w)
{
	uint32_t next = w->first; /* of the writer's, not passed yet */

	for (uint32_t i = 0; i < r->count && m->code == 0; i++) {
		const struct wr_schema_field *field = &m->v->reader->fields[r->first + i];
		uint32_t found = wr_pairs_field(&m->pairs, field);
		if (found == WR_SCHEMA_NONE) {
			add_default(m, field);
			continue;
		}
		if (found > next)
			add_step(m, WR_STEP_PASS, next, found - next);
		add_step(m, WR_STEP_DO, action_of(m, field->node, m->v->writer->fields[found].node),
			 found);
		next = found + 1;
	}
	if (w->first + w->count > next)
		add_step(m, WR_STEP_PASS, next, w->first + w->count - next);
}

static void find_again(struct making *m, const struct wr_schema_node *r,
		       const struct wr_schema_node *w)
{
	if (w->count > WR_SLOTS_MAX) {
		m->code = WEIR_E_TOO_BIG;
		return;
	}
	for (uint32_t i = 0; i < r->count && m->code == 0; i++) {
		const struct wr_schema_field *field = &m->v->reader->fields[r->first + i];
		uint32_t found = wr_pairs_field(&m->pairs, field);
		if (found == WR_SCHEMA_NONE)
			add_default(m, field);
		else
			add_step(m, WR_STEP_AT,
				 action_of(m, field->node, m->v->writer->fields[found].node),
				 found - w->first);
	}
}

static void find_record(struct making *m, struct wr_action *a, const struct wr_schema_node *r,
			const struct wr_schema_node *w)
{
	wr_pairs_index_fields(&m->pairs, a->w);
	for (uint32_t i = 0; i < r->count; i++) {
		const struct wr_schema_field *field = &m->v->reader->fields[r->first + i];
		uint32_t found = wr_pairs_field(&m->pairs, field);
		if (found == WR_FIELD_AMBIGUOUS ||
		    (found == WR_SCHEMA_NONE && field->fallback.end == 0)) {
			a->kind = WR_ACTION_REFUSE;
			a->why = "the reader's record has a field that was not written, and no "
				 "default for it";
			return;
		}
	}
	bool in_order = is_in_order(m, r);
	a->kind = in_order ? WR_ACTION_RECORD : WR_ACTION_RECORD_AGAIN;
	a->first = m->v->step_count;
	if (in_order)
		find_in_order(m, r, w);
	else
		find_again(m, r, w);
	a->count = m->v->step_count - a->first;
}

/* --- other types ------------------------------------------------------------------------------ */

static void find_enum(struct making *m, struct wr_action *a, const struct wr_schema_node *r,
		      const struct wr_schema_node *w)
{
	a->kind = WR_ACTION_ENUM;
	a->first = m->v->number_count;
	m->pairs.mark++;
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t name = m->pairs.name_of[m->v->reader->lists[r->first + i]];
		if (name == WR_SCHEMA_NONE)
			continue;
		m->pairs.field_mark[name] = m->pairs.mark;
		m->pairs.field_of[name] = i;
	}
	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t name = m->v->writer->lists[w->first + i];
		add_number(m, m->pairs.field_mark[name] == m->pairs.mark ? m->pairs.field_of[name]
									 : r->default_symbol);
	}
}

/* How well a branch of the reader's fits, from 1 (best) to 4; 0: not at all. */
static int fit_of(const struct making *m, uint32_t branch, uint32_t w)
{
	const struct wr_schema_node *r = &m->v->reader->nodes[branch];
	const struct wr_schema_node *n = &m->v->writer->nodes[w];
	bool good = m->pairs.pairs[wr_pairs_find(&m->pairs, branch, w)].is_compatible;

	if (r->type != n->type)
		return good ? 3 : 0;
	if (!wr_schema_is_named(r->type))
		return good ? 1 : 4;
	if (!wr_pairs_names_match(&m->pairs, branch, w))
		return 0;
	if (!good)
		return 4;
	bool same_space = (r->space == WR_SCHEMA_NONE && n->space == WR_SCHEMA_NONE) ||
			  (r->space != WR_SCHEMA_NONE && n->space != WR_SCHEMA_NONE &&
			   m->pairs.name_of[r->space] == n->space);
	return same_space ? 1 : 2;
}

static void find_reader_union(struct making *m, struct wr_action *a, const struct wr_schema_node *r)
{
	int best = 5;

	a->kind = WR_ACTION_REFUSE;
	a->why = "no branch of the reader's union takes what was written";
	for (uint32_t i = 0; i < r->count; i++) {
		int fit = fit_of(m, m->v->reader->lists[r->first + i], a->w);
		if (fit == 0 || fit >= best)
			continue;
		best = fit;
		a->kind = WR_ACTION_READER_UNION;
		a->count = i;
	}
	if (a->kind == WR_ACTION_READER_UNION)
		a->first = action_of(m, m->v->reader->lists[r->first + a->count], a->w);
}

static void find_writer_union(struct making *m, struct wr_action *a, const struct wr_schema_node *w)
{
	a->kind = WR_ACTION_WRITER_UNION;
	a->first = m->v->number_count;
	for (uint32_t i = 0; i < w->count; i++)
		add_number(m, action_of(m, a->r, m->v->writer->lists[w->first + i]));
}

static void find_promotion(struct wr_action *a, uint8_t reader, uint8_t writer)
{
	static const struct {
		uint8_t writer;
		uint8_t reader;
		uint8_t kind;
	} kinds[] = {
		{WEIR_SCHEMA_INT, WEIR_SCHEMA_LONG, WR_ACTION_COPY},
		{WEIR_SCHEMA_INT, WEIR_SCHEMA_FLOAT, WR_ACTION_INT_TO_FLOAT},
		{WEIR_SCHEMA_INT, WEIR_SCHEMA_DOUBLE, WR_ACTION_INT_TO_DOUBLE},
		{WEIR_SCHEMA_LONG, WEIR_SCHEMA_FLOAT, WR_ACTION_LONG_TO_FLOAT},
		{WEIR_SCHEMA_LONG, WEIR_SCHEMA_DOUBLE, WR_ACTION_LONG_TO_DOUBLE},
		{WEIR_SCHEMA_FLOAT, WEIR_SCHEMA_DOUBLE, WR_ACTION_FLOAT_TO_DOUBLE},
		{WEIR_SCHEMA_STRING, WEIR_SCHEMA_BYTES, WR_ACTION_COPY},
		{WEIR_SCHEMA_BYTES, WEIR_SCHEMA_STRING, WR_ACTION_BYTES_TO_STRING},
	};

	a->kind = WR_ACTION_REFUSE;
	a->why = "what was written is of a type that the reader's does not take";
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].writer == writer && kinds[i].reader == reader)
			a->kind = kinds[i].kind;
}

static void find_action(struct making *m, uint32_t index)
{
	struct wr_action *a = &m->v->actions[index];
	const struct wr_schema_node *r = &m->v->reader->nodes[m->pairs.pairs[index].r];
	const struct wr_schema_node *w = &m->v->writer->nodes[m->pairs.pairs[index].w];

	a->r = m->pairs.pairs[index].r;
	a->w = m->pairs.pairs[index].w;
	if (w->type == WEIR_SCHEMA_UNION) {
		find_writer_union(m, a, w);
	} else if (r->type == WEIR_SCHEMA_UNION) {
		find_reader_union(m, a, r);
	} else if (r->type != w->type) {
		find_promotion(a, r->type, w->type);
	} else if (wr_schema_is_named(r->type) && !wr_pairs_names_match(&m->pairs, a->r, a->w)) {
		a->kind = WR_ACTION_REFUSE;
		a->why = "what was written is of a type with another name";
	} else if (r->type == WEIR_SCHEMA_RECORD) {
		find_record(m, a, r, w);
	} else if (r->type == WEIR_SCHEMA_ENUM) {
		find_enum(m, a, r, w);
	} else if (r->type == WEIR_SCHEMA_ARRAY || r->type == WEIR_SCHEMA_MAP) {
		a->kind = WR_ACTION_ITEMS;
		a->first = action_of(m, r->first, w->first);
	} else if (r->type == WEIR_SCHEMA_FIXED && r->size != w->size) {
		a->kind = WR_ACTION_REFUSE;
		a->why = "what was written is a fixed of another size";
	} else {
		a->kind = WR_ACTION_COPY;
	}
}

/* --- what is copied as it is ------------------------------------------------------------------ */

static bool steps_copy(const struct weir_resolver *v, const struct wr_action *a)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct wr_step *step = &v->steps[a->first + i];
		if (step->kind != WR_STEP_DO || !v->actions[step->first].is_copy)
			return false;
	}
	return true;
}

/* Branch i is read as branch i, and as it is? */
static bool branches_copy(const struct weir_resolver *v, const struct wr_action *a)
{
	const struct wr_schema_node *w = &v->writer->nodes[a->w];

	if (v->reader->nodes[a->r].type != WEIR_SCHEMA_UNION)
		return false;
	for (uint32_t i = 0; i < w->count; i++) {
		const struct wr_action *branch = &v->actions[v->numbers[a->first + i]];
		if (branch->kind != WR_ACTION_READER_UNION || branch->count != i ||
		    !v->actions[branch->first].is_copy)
			return false;
	}
	return true;
}

static bool would_copy(const struct weir_resolver *v, const struct wr_action *a)
{
	switch ((enum wr_action_kind)a->kind) {
	case WR_ACTION_COPY:
		return true;
	case WR_ACTION_ENUM:
		for (uint32_t i = 0; i < v->writer->nodes[a->w].count; i++)
			if (v->numbers[a->first + i] != i)
				return false;
		return true;
	case WR_ACTION_RECORD:
		return steps_copy(v, a);
	case WR_ACTION_ITEMS:
		return v->actions[a->first].is_copy;
	case WR_ACTION_WRITER_UNION:
		return branches_copy(v, a);
	default:
		return false;
	}
}

/* Everything is, until something says that it is not: recursive types too. */
static void find_copies(struct weir_resolver *v)
{
	bool changed = true;

	for (uint32_t i = 0; i < v->action_count; i++)
		v->actions[i].is_copy = v->actions[i].kind != WR_ACTION_NONE;
	while (changed) {
		changed = false;
		for (uint32_t i = v->action_count; i-- > 0;) {
			struct wr_action *a = &v->actions[i];
			if (a->is_copy && !would_copy(v, a)) {
				a->is_copy = false;
				changed = true;
			}
		}
	}
}

/* Neighbours that are copied become one step. Steps of a record stay within their place. */
static void join_copies(struct weir_resolver *v, struct wr_action *a)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < a->count; i++) {
		struct wr_step step = v->steps[a->first + i];
		struct wr_step *last = used > 0 ? &v->steps[a->first + used - 1] : NULL;
		if (step.kind == WR_STEP_DO && v->actions[step.first].is_copy)
			step = (struct wr_step){WR_STEP_COPY, step.count, 1};
		if (step.kind == WR_STEP_COPY && last != NULL && last->kind == WR_STEP_COPY &&
		    last->first + last->count == step.first)
			last->count++;
		else
			v->steps[a->first + used++] = step;
	}
	a->count = used;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int make(struct making *m)
{
	struct weir_resolver *v = m->v;

	m->code = wr_check(&m->pairs, v->reader, v->writer);
	if (m->code != 0)
		return m->code;
	v->action_count = m->pairs.count;
	v->actions = wr_schema_alloc(&v->allocator, v->action_count * sizeof *v->actions);
	m->todo = wr_schema_alloc(&v->allocator, v->action_count * sizeof *m->todo);
	if (v->actions == NULL || m->todo == NULL)
		return -ENOMEM;
	action_of(m, v->reader->root, v->writer->root);
	while (m->todo_count > 0 && m->code == 0)
		find_action(m, m->todo[--m->todo_count]);
	if (m->code != 0)
		return m->code;
	find_copies(v);
	for (uint32_t i = 0; i < v->action_count; i++)
		if (v->actions[i].kind == WR_ACTION_RECORD)
			join_copies(v, &v->actions[i]);
	return 0;
}

static int say(struct weir_problem *problem, int code, const char *text)
{
	if (problem != NULL) {
		problem->code = code;
		snprintf(problem->field, sizeof problem->field, "reader");
		snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

int weir_resolver_create(const struct weir_schema *writer, const struct weir_schema *reader,
			 struct weir_resolver **ret_resolver, struct weir_problem *reterr_problem)
{
	if (writer->json != NULL || reader->json != NULL)
		return say(reterr_problem, -EINVAL, "JSON is read as it is: only Avro is resolved");
	struct weir_resolver *v = wr_schema_alloc(&reader->allocator, sizeof *v);
	struct making m = {.v = v};

	if (v == NULL)
		return say(reterr_problem, -ENOMEM, "there is no memory for the resolver");
	v->allocator = reader->allocator;
	v->writer = writer;
	v->reader = reader;
	int code = make(&m);
	wr_pairs_fini(&m.pairs);
	wr_schema_free(&v->allocator, m.todo, v->action_count * sizeof *m.todo);
	if (code == 0 && v->actions[0].kind == WR_ACTION_REFUSE)
		code = say(reterr_problem, -EINVAL, v->actions[0].why);
	else if (code != 0)
		say(reterr_problem, code,
		    code == WEIR_E_TOO_BIG ? "there is more to compare, a default or a record in "
					     "another order is larger, than the limits allow"
		    : code == -ENOMEM      ? "there is no memory for the resolver"
					   : "a default does not fit its type");
	if (code != 0)
		weir_resolver_free(v);
	else
		*ret_resolver = v;
	return code;
}

void weir_resolver_free(struct weir_resolver *resolver)
{
	if (resolver == NULL)
		return;
	struct weir_allocator a = resolver->allocator;
	wr_schema_free(&a, resolver->actions, resolver->action_count * sizeof *resolver->actions);
	wr_schema_free(&a, resolver->steps, resolver->step_capacity * sizeof *resolver->steps);
	wr_schema_free(&a, resolver->numbers,
		       resolver->number_capacity * sizeof *resolver->numbers);
	wr_schema_free(&a, resolver->pool, resolver->pool_capacity);
	wr_schema_free(&a, resolver, sizeof *resolver);
}

bool weir_resolver_is_identity(const struct weir_resolver *resolver)
{
	return resolver->actions[0].is_copy;
}
