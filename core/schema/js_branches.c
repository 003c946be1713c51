/* SPDX-License-Identifier: Apache-2.0 */
/* Values, and schemas of several schemas, compared; and how an obstacle is told: js_compare.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/schema/js_compare.h"
#include "core/schema/js_issues.h"
#include "core/schema/js_value.h"

/* --- telling ---------------------------------------------------------------------------------- */

const char *wr_js_kind_word(const struct wr_js_node *n)
{
	static const char *const words[] = {
		[WR_JS_ANY] = "anything",    [WR_JS_NEVER] = "nothing", [WR_JS_NULL] = "null",
		[WR_JS_BOOLEAN] = "boolean", [WR_JS_NUMBER] = "number", [WR_JS_STRING] = "string",
		[WR_JS_OBJECT] = "object",   [WR_JS_ARRAY] = "array",   [WR_JS_ENUM] = "enum",
		[WR_JS_CONST] = "const",     [WR_JS_NOT] = "not",       [WR_JS_ALL_OF] = "allOf",
		[WR_JS_ANY_OF] = "anyOf",    [WR_JS_ONE_OF] = "oneOf",  [WR_JS_REF] = "$ref",
	};
	return (n->flags & WR_JS_INTEGER) != 0 ? "integer" : words[n->kind];
}

static void words_of(enum weir_schema_issue_kind kind, const char **ret_explanation,
		     const char **ret_fix)
{
	switch (kind) {
#define ISSUE_WORDS(name, explanation, fix)                                                        \
	case WEIR_SCHEMA_##name:                                                                   \
		*ret_explanation = explanation;                                                    \
		*ret_fix = fix;                                                                    \
		break;
		WR_JS_ISSUE_MAP(ISSUE_WORDS)
#undef ISSUE_WORDS
	default:
		*ret_explanation = "values of the old type are not taken by the new one";
		*ret_fix = "keep the type, or let anyOf take both";
	}
}

void wr_js_bad(struct wr_js_compare *c, struct wr_trail_place step,
	       enum weir_schema_issue_kind kind, const char *format, ...)
{
	char message[WR_TRAIL_TEXT_BYTES];
	const char *explanation, *fix;
	va_list arguments;
	uint32_t place = c->place;
	c->is_bad = true;
	if (!c->is_telling)
		return;
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	step.parent = place;
	if (step.word != NULL)
		place = wr_trail_add(&c->trail, &step);
	if (c->trail.code != 0)
		return;
	words_of(kind, &explanation, &fix);
	wr_trail_tell(&c->trail, place, NULL, kind, message, explanation, fix);
}

static int shown(struct wr_schema_range at)
{
	return (int)(at.end - at.start < 60 ? at.end - at.start : 60);
}

void wr_js_bad_texts(struct wr_js_compare *c, const struct wr_js_sides *s,
		     struct wr_trail_place step, enum weir_schema_issue_kind kind,
		     struct wr_schema_range was, struct wr_schema_range now)
{
	const char *new_text = (const char *)s->new_schema->text + now.start;
	const char *old_text = (const char *)s->old_schema->text + was.start;
	if (was.end == 0)
		wr_js_bad(c, step, kind, "%.*s, was not there", shown(now), new_text);
	else
		wr_js_bad(c, step, kind, "%.*s, was %.*s", shown(now), new_text, shown(was),
			  old_text);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool same_text(struct wr_js_compare *c, const struct wr_json_schema *s,
		      struct wr_schema_range at, const struct wr_json_schema *t,
		      struct wr_schema_range other)
{
	uint64_t work = WR_JS_COMPARE_WORK_MAX, all = work;
	struct wr_json a, b;
	wr_js_json_at(s, at, &a);
	wr_js_json_at(t, other, &b);
	bool same = wr_js_equal(&a, &b, &work);
	c->work += all - work;
	return same;
}

/* Is each value of `a` in `b`? */
static bool has_all(struct wr_js_compare *c, const struct wr_json_schema *s,
		    struct wr_schema_range b, const struct wr_json_schema *t,
		    struct wr_schema_range a)
{
	struct wr_json each;
	wr_js_json_at(t, a, &each);
	while (wr_json_next(&each) != WR_JSON_ARRAY_END && c->work <= WR_JS_COMPARE_WORK_MAX) {
		struct wr_json in;
		bool found = false;
		wr_js_json_at(s, b, &in);
		while (!found && wr_json_next(&in) != WR_JSON_ARRAY_END &&
		       c->work <= WR_JS_COMPARE_WORK_MAX) {
			uint64_t work = WR_JS_COMPARE_WORK_MAX, all = work;
			struct wr_json one = each, other = in;
			found = wr_js_equal(&one, &other, &work);
			(void)wr_js_pass(&in, &work);
			c->work += all - work;
		}
		if (!found)
			return false;
		(void)wr_json_skip(&each);
	}
	return true;
}

void wr_js_compare_values(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	struct wr_trail_place step = {.word = wr_js_kind_word(s->n), .index = WR_SCHEMA_NONE};
	if (s->n->kind == WR_JS_CONST) {
		if (!same_text(c, s->old_schema, s->o->values, s->new_schema, s->n->values))
			wr_js_bad_texts(c, s, step, WEIR_SCHEMA_CONST_CHANGED, s->o->values,
					s->n->values);
		return;
	}
	if (has_all(c, s->new_schema, s->n->values, s->old_schema, s->o->values))
		return;
	wr_js_bad_texts(c, s, step,
			has_all(c, s->old_schema, s->o->values, s->new_schema, s->n->values)
				? WEIR_SCHEMA_ENUM_ARRAY_NARROWED
				: WEIR_SCHEMA_ENUM_ARRAY_CHANGED,
			s->o->values, s->n->values);
}

/* --- branches --------------------------------------------------------------------------------- */

static bool is_branches(const struct wr_js_node *n)
{
	return n->kind == WR_JS_ALL_OF || n->kind == WR_JS_ANY_OF || n->kind == WR_JS_ONE_OF;
}

/* Branches, each once: those that say the same in two places count as one. What one schema of the
 * text became (a list of types beside an anyOf) are different ones. */
static uint32_t take_branches(struct wr_js_compare *c, const struct wr_json_schema *s,
			      const struct wr_js_node *n, uint32_t to[WR_JS_BRANCHES_MAX])
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		const struct wr_js_node *one = &s->nodes[s->lists[n->first + i]];
		uint32_t k = 0;
		for (; k < count; k++) {
			const struct wr_js_node *other = &s->nodes[to[k]];
			if (one->at.start != other->at.start && one->kind == other->kind &&
			    one->flags == other->flags && same_text(c, s, one->at, s, other->at))
				break;
		}
		if (k == count)
			to[count++] = s->lists[n->first + i];
	}
	return count;
}

/* A way to one more pair, with what was paired before moved on where it must be. */
static bool pair_up(const uint64_t *may, uint32_t old_index, uint32_t new_count, uint64_t *tried,
		    uint8_t *taken_by)
{
	for (uint32_t i = 0; i < new_count; i++) {
		if ((may[old_index] >> i & 1) == 0 || (*tried >> i & 1) != 0)
			continue;
		*tried |= UINT64_C(1) << i;
		if (taken_by[i] == UINT8_MAX ||
		    pair_up(may, taken_by[i], new_count, tried, taken_by)) {
			taken_by[i] = (uint8_t)old_index;
			return true;
		}
	}
	return false;
}

/* How many of the old branches can each have a new one of its own that takes what it took. */
static uint32_t pairs_of(const uint64_t *may, uint32_t old_count, uint32_t new_count)
{
	uint8_t taken_by[WR_JS_BRANCHES_MAX];
	uint32_t found = 0;
	memset(taken_by, UINT8_MAX, sizeof taken_by);
	for (uint32_t i = 0; i < old_count; i++) {
		uint64_t tried = 0;
		found += pair_up(may, i, new_count, &tried, taken_by);
	}
	return found;
}

/* --- below a `not` ---------------------------------------------------------------------------- */

/* Null, a boolean, a number and so on: WR_JS_ANY where it may be one of several. */
static uint8_t type_of(const struct wr_json_schema *s, uint32_t node)
{
	const struct wr_js_node *n = &s->nodes[wr_js_behind(s, node)];
	return n->kind >= WR_JS_NULL && n->kind <= WR_JS_ARRAY && (n->flags & WR_JS_TYPED) != 0
		       ? n->kind
		       : WR_JS_ANY;
}

/* No value is taken by two branches, as far as their types say: then oneOf is anyOf. */
static bool are_disjoint(const struct wr_json_schema *s, const struct wr_js_node *n)
{
	uint32_t seen = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		uint8_t type = type_of(s, s->lists[n->first + i]);
		if (type == WR_JS_ANY || (seen >> type & 1) != 0)
			return false;
		seen |= UINT32_C(1) << type;
	}
	return true;
}

static bool is_exact(const struct wr_js_sides *s)
{
	return s->n->kind != WR_JS_ONE_OF || s->n->count == 1 || (s->marks & WR_JS_STRICT) == 0 ||
	       are_disjoint(s->new_schema, s->n);
}

/* Each branch of one oneOf is one of the other's, neither more nor less: so exactly one takes a
 * value here where exactly one takes it there. */
static bool are_the_same(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	uint64_t may[WR_JS_BRANCHES_MAX] = {0};
	if (s->o->kind != WR_JS_ONE_OF || s->o->count != s->n->count)
		return false;
	for (uint32_t i = 0; i < s->o->count; i++)
		for (uint32_t k = 0; k < s->n->count; k++) {
			uint32_t was = s->old_schema->lists[s->o->first + i];
			uint32_t now = s->new_schema->lists[s->n->first + k];
			if (wr_js_good(c, s, was, now, false) && wr_js_good(c, s, was, now, true))
				may[i] |= UINT64_C(1) << k;
		}
	return pairs_of(may, s->o->count, s->n->count) == s->o->count;
}

static bool may_become(const struct wr_js_node *o, const struct wr_js_node *n)
{
	if (o->kind == n->kind || n->kind == WR_JS_ANY_OF)
		return true;
	return o->count == 1 && (n->kind == WR_JS_ONE_OF || n->count == 1);
}

static void compare_both(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	struct wr_trail_place step = {.word = wr_js_kind_word(s->n), .index = WR_SCHEMA_NONE};
	uint32_t old_nodes[WR_JS_BRANCHES_MAX], new_nodes[WR_JS_BRANCHES_MAX];
	uint64_t may[WR_JS_BRANCHES_MAX] = {0};
	if (!may_become(s->o, s->n)) {
		wr_js_bad(c, step, WEIR_SCHEMA_COMBINED_TYPE_CHANGED, "%s, was %s",
			  wr_js_kind_word(s->n), wr_js_kind_word(s->o));
		return;
	}
	if (!is_exact(s)) {
		if (!are_the_same(c, s))
			wr_js_bad(c, step, WEIR_SCHEMA_COMBINED_TYPE_SUBSCHEMAS_CHANGED,
				  "two branches of oneOf may take one value");
		return;
	}
	uint32_t old_count = take_branches(c, s->old_schema, s->o, old_nodes);
	uint32_t new_count = take_branches(c, s->new_schema, s->n, new_nodes);
	if (old_count < new_count && s->n->kind == WR_JS_ALL_OF)
		wr_js_bad(c, step, WEIR_SCHEMA_PRODUCT_TYPE_EXTENDED, "%u branches, were %u",
			  new_count, old_count);
	if (old_count > new_count && s->n->kind != WR_JS_ALL_OF)
		wr_js_bad(c, step, WEIR_SCHEMA_SUM_TYPE_NARROWED, "%u branches, were %u", new_count,
			  old_count);
	for (uint32_t i = 0; i < old_count; i++)
		for (uint32_t k = 0; k < new_count; k++)
			if (wr_js_good(c, s, old_nodes[i], new_nodes[k], false))
				may[i] |= UINT64_C(1) << k;
	if (pairs_of(may, old_count, new_count) < (old_count < new_count ? old_count : new_count))
		wr_js_bad(c, step, WEIR_SCHEMA_COMBINED_TYPE_SUBSCHEMAS_CHANGED,
			  "a branch takes less than before");
}

bool wr_js_compare_branches(struct wr_js_compare *c, const struct wr_js_sides *s)
{
	bool was = is_branches(s->o), is = is_branches(s->n);
	if (was && is) {
		compare_both(c, s);
		return true;
	}
	/* What all of several schemas took, any of them took. */
	for (uint32_t i = 0; was && (s->o->count == 1 || s->o->kind == WR_JS_ALL_OF); i++) {
		if (i == s->o->count)
			return false;
		if (wr_js_good(c, s, s->old_schema->lists[s->o->first + i], s->new_node, false))
			return true;
	}
	if (!is || (s->n->count > 1 && s->n->kind == WR_JS_ALL_OF) || !is_exact(s))
		return false;
	for (uint32_t i = 0; i < s->n->count; i++)
		if (wr_js_good(c, s, s->old_node, s->new_schema->lists[s->n->first + i], false))
			return true;
	return false;
}
