/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a reader with one JSON Schema take what a writer with another wrote? By the rules of
 * Confluent's registry, kind by kind: what the new schema takes away is an obstacle. The writer's
 * schema is the old one of a pair, the reader's the new one.
 *
 * Recursive schemas: as in check.h a pair is good unless something says that it is not, and all
 * pairs are looked at again until nothing changes, the last found first. `not` turns a pair round:
 * the old schema's is then the new one (TURNED). That keeps the largest fixed point: no verdict
 * ever becomes good because another one became bad. Below a `not` a loose rule would take for an
 * obstacle's absence what is none, so those are off (STRICT).
 *
 * One function, compare(), decides and tells: deciding it asks for the verdicts of parts, telling
 * it goes on into those that are bad.
 */
#include "core/schema/js_compare.h"

#include <errno.h>
#include <string.h>

/* --- pairs ------------------------------------------------------------------------------------ */

static struct wr_js_sides sides_of(const struct wr_js_compare *c, uint32_t r, uint32_t w)
{
	bool is_turned = (r & WR_JS_TURNED) != 0;
	const struct wr_json_schema *reader = c->pairs.r->json, *writer = c->pairs.w->json;
	struct wr_js_sides s = {.marks = r & WR_JS_MARKS};
	s.new_schema = is_turned ? writer : reader;
	s.old_schema = is_turned ? reader : writer;
	s.new_node = wr_js_behind(s.new_schema, r & ~WR_JS_MARKS);
	s.old_node = wr_js_behind(s.old_schema, w & ~WR_JS_MARKS);
	s.n = &s.new_schema->nodes[s.new_node];
	s.o = &s.old_schema->nodes[s.old_node];
	return s;
}

bool wr_js_good(struct wr_js_compare *c, const struct wr_js_sides *s, uint32_t old_node,
		uint32_t new_node, bool turns)
{
	uint32_t marks = turns ? (s->marks ^ WR_JS_TURNED) | WR_JS_STRICT : s->marks, index;
	int code;
	/* Turned round, the old schema's part is the new one of the pair. */
	uint32_t r =
		wr_js_behind(turns ? s->old_schema : s->new_schema, turns ? old_node : new_node);
	uint32_t w =
		wr_js_behind(turns ? s->new_schema : s->old_schema, turns ? new_node : old_node);
	if (c->code != 0)
		return true;
	code = wr_pairs_add(&c->pairs, r | marks, w | marks, &index);
	if (code != 0) {
		c->code = code;
		return true;
	}
	return c->pairs.pairs[index].is_compatible;
}

/* A part: bad, and so is the whole. Told at its own place, later. */
static void part(struct wr_js_compare *c, const struct wr_js_sides *s, uint32_t old_node,
		 uint32_t new_node, struct wr_trail_place place)
{
	if (wr_js_good(c, s, old_node, new_node, false))
		return;
	c->is_bad = true;
	if (!c->is_telling)
		return;
	place.parent = c->place;
	place.r = new_node | s->marks;
	place.w = old_node | s->marks;
	uint32_t at = wr_trail_add(&c->trail, &place);
	if (at != WR_SCHEMA_NONE)
		wr_trail_push(&c->trail, at);
}

#define AT(step) ((struct wr_trail_place){.word = (step), .index = WR_SCHEMA_NONE})

/* --- limits ----------------------------------------------------------------------------------- */

struct kinds {
	enum weir_schema_issue_kind added;
	enum weir_schema_issue_kind changed;
};

/* A limit that is new, or tighter: `sign` is 1 where a larger one is tighter. */
static void compare_count(struct wr_js_compare *c, const char *word, uint64_t before, uint64_t now,
			  int sign, struct kinds kinds)
{
	if (now == before || now == WR_JS_NO_COUNT)
		return;
	if (before == WR_JS_NO_COUNT)
		wr_js_bad(c, AT(word), kinds.added, "%llu, was not there", (unsigned long long)now);
	else if (sign > 0 ? now > before : now < before)
		wr_js_bad(c, AT(word), kinds.changed, "%llu, was %llu", (unsigned long long)now,
			  (unsigned long long)before);
}

static void compare_counts(struct wr_js_compare *c, const struct wr_js_sides *s, const char *least,
			   struct kinds least_kinds, const char *most, struct kinds most_kinds)
{
	compare_count(c, least, s->o->least, s->n->least, 1, least_kinds);
	compare_count(c, most, s->o->most, s->n->most, -1, most_kinds);
}

static void compare_multiple(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	struct wr_schema_range was = s->o->bounds[WR_JS_MULTIPLE_OF];
	struct wr_schema_range now = s->n->bounds[WR_JS_MULTIPLE_OF];
	struct wr_decimal a = wr_js_decimal_at(s->old_schema, was);
	struct wr_decimal b = wr_js_decimal_at(s->new_schema, now);
	if (now.end == 0 || (was.end != 0 && wr_decimal_is_multiple(&a, &b)))
		return;
	wr_js_bad_texts(c, s, AT("multipleOf"),
			was.end == 0                     ? WEIR_SCHEMA_MULTIPLE_OF_ADDED
			: wr_decimal_is_multiple(&b, &a) ? WEIR_SCHEMA_MULTIPLE_OF_EXPANDED
							 : WEIR_SCHEMA_MULTIPLE_OF_CHANGED,
			was, now);
}

static void compare_numbers(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	static const struct {
		const char *word;
		int sign;
		struct kinds kinds;
	} bounds[WR_JS_MULTIPLE_OF] = {
		{"minimum", 1, {WEIR_SCHEMA_MINIMUM_ADDED, WEIR_SCHEMA_MINIMUM_INCREASED}},
		{"maximum", -1, {WEIR_SCHEMA_MAXIMUM_ADDED, WEIR_SCHEMA_MAXIMUM_DECREASED}},
		{"exclusiveMinimum",
		 1,
		 {WEIR_SCHEMA_EXCLUSIVE_MINIMUM_ADDED, WEIR_SCHEMA_EXCLUSIVE_MINIMUM_INCREASED}},
		{"exclusiveMaximum",
		 -1,
		 {WEIR_SCHEMA_EXCLUSIVE_MAXIMUM_ADDED, WEIR_SCHEMA_EXCLUSIVE_MAXIMUM_DECREASED}},
	};
	for (uint32_t i = 0; i < WR_JS_MULTIPLE_OF; i++) {
		struct wr_schema_range was = s->o->bounds[i], now = s->n->bounds[i];
		if (now.end == 0)
			continue;
		struct wr_decimal a = wr_js_decimal_at(s->old_schema, was);
		struct wr_decimal b = wr_js_decimal_at(s->new_schema, now);
		if (was.end == 0 || bounds[i].sign * wr_decimal_compare(&b, &a) > 0)
			wr_js_bad_texts(c, s, AT(bounds[i].word),
					was.end == 0 ? bounds[i].kinds.added
						     : bounds[i].kinds.changed,
					was, now);
	}
	compare_multiple(c, s);
	if ((s->n->flags & WR_JS_INTEGER) != 0 && (s->o->flags & WR_JS_INTEGER) == 0)
		wr_js_bad(c, AT("type"), WEIR_SCHEMA_TYPE_NARROWED, "integer, was number");
}

/* --- objects ---------------------------------------------------------------------------------- */

static struct wr_trail_place at_property(const struct wr_js_sides *s, const char *word,
					 const struct wr_js_property *p, bool is_new)
{
	const struct wr_json_schema *schema = is_new ? s->new_schema : s->old_schema;
	return (struct wr_trail_place){
		.word = word,
		.index = WR_SCHEMA_NONE,
		.name = (const char *)schema->text + p->name.start + 1,
		.name_bytes = p->name.end - p->name.start - 2,
	};
}

static const struct wr_js_property *other_property(const struct wr_json_schema *from,
						   const struct wr_js_property *p,
						   const struct wr_json_schema *in,
						   const struct wr_js_node *object)
{
	struct wr_json name;
	wr_js_json_at(from, p->name, &name);
	uint32_t found = wr_js_property_find(in, object, &name);
	return found != WR_SCHEMA_NONE ? &in->properties[found] : NULL;
}

static bool is_described(const struct wr_js_property *p)
{
	return p != NULL && p->node != WR_SCHEMA_NONE;
}

static bool is_open(const struct wr_js_node *n)
{
	return (n->flags & WR_JS_CLOSED) == 0 && n->target == WR_SCHEMA_NONE;
}

/* No validator fills a default in: that it does is one of the loose rules. */
static bool has_default(const struct wr_js_sides *s, const struct wr_js_property *p)
{
	return (s->marks & WR_JS_STRICT) == 0 && is_described(p) &&
	       (s->new_schema->nodes[p->node].flags & WR_JS_DEFAULT) != 0;
}

#define REMOVED_NOT_COVERED WEIR_SCHEMA_PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
#define ITEM_REMOVED_NOT_COVERED                                                                   \
	WEIR_SCHEMA_ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL

static void compare_removed(struct wr_js_compare *c, const struct wr_js_sides *s,
			    const struct wr_js_property *was)
{
	struct wr_trail_place place = at_property(s, "properties", was, false);
	if (is_open(s->n))
		return;
	if (s->n->target != WR_SCHEMA_NONE) {
		if (!wr_js_good(c, s, was->node, s->n->target, false))
			wr_js_bad(c, place, REMOVED_NOT_COVERED,
				  "it is not listed any more, and additionalProperties is another "
				  "schema");
	} else if (s->old_schema->nodes[wr_js_behind(s->old_schema, was->node)].kind !=
		   WR_JS_NEVER) {
		wr_js_bad(c, place, WEIR_SCHEMA_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL,
			  "it is not listed any more, and additionalProperties is false");
	}
}

static void compare_added(struct wr_js_compare *c, const struct wr_js_sides *s,
			  const struct wr_js_property *now)
{
	struct wr_trail_place place = at_property(s, "properties", now, true);
	uint32_t node = wr_js_behind(s->new_schema, now->node);
	if (is_open(s->o)) {
		if (s->new_schema->nodes[node].kind != WR_JS_ANY)
			wr_js_bad(c, place, WEIR_SCHEMA_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL,
				  "it was not listed, and could be anything");
		return;
	}
	if (s->o->target != WR_SCHEMA_NONE && !wr_js_good(c, s, s->o->target, now->node, false))
		wr_js_bad(c, place,
			  WEIR_SCHEMA_PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
			  "it was not listed, and additionalProperties is another schema");
	if (now->is_required && !has_default(s, now))
		wr_js_bad(c, place, WEIR_SCHEMA_REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL,
			  "it is required, and was not listed");
}

/* What is required and was not; of a property that is new in `properties` above. */
static void compare_required(struct wr_js_compare *c, const struct wr_js_sides *s,
			     const struct wr_js_property *was, const struct wr_js_property *now)
{
	bool is_new_there = is_described(now) && !is_described(was) && !is_open(s->o);
	if (now->is_required && (was == NULL || !was->is_required) && !is_new_there &&
	    !has_default(s, now))
		wr_js_bad(c, at_property(s, "required", now, true),
			  WEIR_SCHEMA_REQUIRED_ATTRIBUTE_ADDED, "required, was optional");
}

/* The schema of what is not listed, of objects and of arrays. */
static void compare_rest(struct wr_js_compare *c, const struct wr_js_sides *s, const char *word,
			 enum weir_schema_issue_kind removed, enum weir_schema_issue_kind narrowed)
{
	bool was_closed = (s->o->flags & WR_JS_CLOSED) != 0;
	bool is_closed = (s->n->flags & WR_JS_CLOSED) != 0;
	if (was_closed != is_closed) {
		if (is_closed)
			wr_js_bad(c, AT(word), removed, "false, was allowed");
	} else if (s->n->target != WR_SCHEMA_NONE && s->o->target == WR_SCHEMA_NONE) {
		if (!is_closed)
			wr_js_bad(c, AT(word), narrowed, "a schema, was anything");
	} else if (s->n->target != WR_SCHEMA_NONE) {
		part(c, s, s->o->target, s->n->target, AT(word));
	}
}

static void compare_objects(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	c->work += 1 + (uint64_t)s->o->count * s->n->count / 8;
	for (uint32_t i = 0; i < s->o->count; i++) {
		const struct wr_js_property *was = &s->old_schema->properties[s->o->first + i];
		const struct wr_js_property *now =
			other_property(s->old_schema, was, s->new_schema, s->n);
		if (!is_described(was))
			continue;
		if (is_described(now))
			part(c, s, was->node, now->node, at_property(s, "properties", now, true));
		else
			compare_removed(c, s, was);
	}
	for (uint32_t i = 0; i < s->n->count; i++) {
		const struct wr_js_property *now = &s->new_schema->properties[s->n->first + i];
		const struct wr_js_property *was =
			other_property(s->new_schema, now, s->old_schema, s->o);
		if (is_described(now) && !is_described(was))
			compare_added(c, s, now);
		compare_required(c, s, was, now);
	}
	compare_rest(c, s, "additionalProperties", WEIR_SCHEMA_ADDITIONAL_PROPERTIES_REMOVED,
		     WEIR_SCHEMA_ADDITIONAL_PROPERTIES_NARROWED);
	compare_counts(c, s, "minProperties",
		       (struct kinds){WEIR_SCHEMA_MIN_PROPERTIES_ADDED,
				      WEIR_SCHEMA_MIN_PROPERTIES_INCREASED},
		       "maxProperties",
		       (struct kinds){WEIR_SCHEMA_MAX_PROPERTIES_ADDED,
				      WEIR_SCHEMA_MAX_PROPERTIES_DECREASED});
}

/* --- arrays ----------------------------------------------------------------------------------- */

static void compare_item_removed(struct wr_js_compare *c, const struct wr_js_sides *s,
				 uint32_t node, struct wr_trail_place place)
{
	if (is_open(s->n))
		return;
	if (s->n->target != WR_SCHEMA_NONE) {
		if (!wr_js_good(c, s, node, s->n->target, false))
			wr_js_bad(c, place, ITEM_REMOVED_NOT_COVERED,
				  "it is not listed any more, and the items behind the list are "
				  "others");
	} else if (s->old_schema->nodes[wr_js_behind(s->old_schema, node)].kind != WR_JS_NEVER) {
		wr_js_bad(c, place, WEIR_SCHEMA_ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL,
			  "it is not listed any more, and there may be no others");
	}
}

static void compare_item_added(struct wr_js_compare *c, const struct wr_js_sides *s, uint32_t node,
			       struct wr_trail_place place)
{
	if (is_open(s->o)) {
		if (s->new_schema->nodes[wr_js_behind(s->new_schema, node)].kind != WR_JS_ANY)
			wr_js_bad(c, place, WEIR_SCHEMA_ITEM_ADDED_TO_OPEN_CONTENT_MODEL,
				  "it was not listed, and could be anything");
	} else if (s->o->target != WR_SCHEMA_NONE && !wr_js_good(c, s, s->o->target, node, false)) {
		wr_js_bad(c, place,
			  WEIR_SCHEMA_ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
			  "it was not listed, and the items behind the list were others");
	}
}

static void compare_arrays(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	uint32_t most = s->o->count > s->n->count ? s->o->count : s->n->count;
	if (s->n->items != WR_SCHEMA_NONE && s->o->items != WR_SCHEMA_NONE)
		part(c, s, s->o->items, s->n->items, AT("items"));
	else if (s->n->items != WR_SCHEMA_NONE)
		wr_js_bad(c, AT("items"), WEIR_SCHEMA_SCHEMA_ADDED, "a schema, was anything");
	for (uint32_t i = 0; i < most; i++) {
		struct wr_trail_place place = {.word = "items", .index = i};
		uint32_t was = i < s->o->count ? s->old_schema->lists[s->o->first + i] : 0;
		uint32_t now = i < s->n->count ? s->new_schema->lists[s->n->first + i] : 0;
		if (i < s->o->count && i < s->n->count)
			part(c, s, was, now, place);
		else if (i < s->o->count)
			compare_item_removed(c, s, was, place);
		else
			compare_item_added(c, s, now, place);
	}
	compare_rest(c, s, "additionalItems", WEIR_SCHEMA_ADDITIONAL_ITEMS_REMOVED,
		     WEIR_SCHEMA_ADDITIONAL_ITEMS_NARROWED);
	compare_counts(
		c, s, "minItems",
		(struct kinds){WEIR_SCHEMA_MIN_ITEMS_ADDED, WEIR_SCHEMA_MIN_ITEMS_INCREASED},
		"maxItems",
		(struct kinds){WEIR_SCHEMA_MAX_ITEMS_ADDED, WEIR_SCHEMA_MAX_ITEMS_DECREASED});
	if ((s->n->flags & WR_JS_UNIQUE) != 0 && (s->o->flags & WR_JS_UNIQUE) == 0)
		wr_js_bad(c, AT("uniqueItems"), WEIR_SCHEMA_UNIQUE_ITEMS_ADDED, "true, was false");
}

/* --- kinds ------------------------------------------------------------------------------------ */

static void compare_kind(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	if ((s->n->flags & WR_JS_TYPED) != 0 && (s->o->flags & WR_JS_TYPED) == 0)
		wr_js_bad(c, AT("type"), WEIR_SCHEMA_TYPE_NARROWED,
			  "it is named, and other types were allowed");
	switch (s->n->kind) {
	case WR_JS_NUMBER:
		compare_numbers(c, s);
		break;
	case WR_JS_STRING:
		compare_counts(c, s, "minLength",
			       (struct kinds){WEIR_SCHEMA_MIN_LENGTH_ADDED,
					      WEIR_SCHEMA_MIN_LENGTH_INCREASED},
			       "maxLength",
			       (struct kinds){WEIR_SCHEMA_MAX_LENGTH_ADDED,
					      WEIR_SCHEMA_MAX_LENGTH_DECREASED});
		break;
	case WR_JS_OBJECT:
		compare_objects(c, s);
		break;
	case WR_JS_ARRAY:
		compare_arrays(c, s);
		break;
	case WR_JS_ENUM:
	case WR_JS_CONST:
		wr_js_compare_values(c, s);
		break;
	case WR_JS_NOT:
		if (!wr_js_good(c, s, s->o->target, s->n->target, true))
			wr_js_bad(c, AT("not"), WEIR_SCHEMA_NOT_TYPE_EXTENDED,
				  "it refuses what it did not refuse");
		break;
	default:
		break;
	}
}

static void compare(struct wr_js_compare *c, uint32_t r, uint32_t w)
{
	struct wr_js_sides s = sides_of(c, r, w);
	c->work++;
	c->is_bad = false;
	if (wr_js_compare_branches(c, &s))
		return;
	if (s.o->kind == s.n->kind)
		compare_kind(c, &s);
	else if (s.o->kind != WR_JS_NEVER && s.n->kind != WR_JS_ANY)
		wr_js_bad(c, AT(NULL), WEIR_SCHEMA_TYPE_CHANGED, "%s, was %s", wr_js_kind_word(s.n),
			  wr_js_kind_word(s.o));
}

/* --- all of it -------------------------------------------------------------------------------- */

/* 0 or a negative code; the verdicts are in the pairs. */
static int decide(struct wr_js_compare *c)
{
	bool changed = true;
	while (changed && c->code == 0) {
		uint32_t count = c->pairs.count;
		changed = false;
		for (uint32_t i = count; i-- > 0 && c->code == 0;) {
			struct wr_pair pair = c->pairs.pairs[i];
			if (!pair.is_compatible)
				continue;
			compare(c, pair.r, pair.w);
			if (c->work > WR_JS_COMPARE_WORK_MAX)
				return WEIR_E_TOO_BIG;
			if (c->is_bad) {
				c->pairs.pairs[i].is_compatible = false;
				changed = true;
			}
		}
		changed |= c->pairs.count > count;
	}
	return c->code;
}

static int tell(struct wr_js_compare *c, uint32_t r, uint32_t w)
{
	struct wr_trail_place root = {
		.parent = WR_SCHEMA_NONE, .index = WR_SCHEMA_NONE, .r = r, .w = w};
	uint32_t at = wr_trail_add(&c->trail, &root);
	c->is_telling = true;
	if (at != WR_SCHEMA_NONE)
		wr_trail_push(&c->trail, at);
	while ((at = wr_trail_pop(&c->trail)) != WR_SCHEMA_NONE) {
		struct wr_trail_place place = c->trail.places[at];
		struct wr_js_sides s = sides_of(c, place.r, place.w);
		uint32_t index =
			wr_pairs_find(&c->pairs, s.new_node | s.marks, s.old_node | s.marks);
		if (index == WR_SCHEMA_NONE || c->pairs.pairs[index].is_told)
			continue;
		c->pairs.pairs[index].is_told = true;
		c->place = at;
		c->work = 0; /* what was decided within the limit is told within it */
		compare(c, place.r, place.w);
	}
	return c->trail.code;
}

int wr_json_schema_reads(const struct weir_schema *reader, const struct weir_schema *writer,
			 const struct weir_schema_issue *issue, weir_schema_issue_fn *on_issue,
			 void *context)
{
	struct wr_js_compare c = {.code = 0};
	uint32_t r = wr_js_behind(reader->json, reader->root);
	uint32_t w = wr_js_behind(writer->json, writer->root), root;
	int code = wr_pairs_init(&c.pairs, reader, writer);
	wr_trail_init(&c.trail, &reader->allocator, on_issue, context);
	c.trail.issue = *issue;
	if (code == 0)
		code = wr_pairs_add(&c.pairs, r, w, &root);
	if (code == 0)
		code = decide(&c);
	if (code == 0) {
		code = c.pairs.pairs[0].is_compatible;
		if (code == 0 && on_issue != NULL)
			code = tell(&c, r, w);
	}
	wr_trail_fini(&c.trail);
	wr_pairs_fini(&c.pairs);
	return code;
}
