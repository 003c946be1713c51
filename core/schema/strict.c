/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STRICT: the founding rule. What was published is read for years, by programs of other people,
 * so a type never changes, not even to a wider one, and a field comes or goes only with a
 * default.
 *
 * The walk looks at the two schemas side by side, the new one as the reader. What it does not
 * look at (symbols of enums, and whether Avro could read at all) FULL does afterwards, both
 * ways: what STRICT lets pass, old and new readers read.
 */
#include <errno.h>
#include <stdio.h>

#include "core/schema/check.h"
#include "core/schema/trail.h"

struct strict {
	struct wr_pairs seen;  /* the new schema as the reader */
	struct wr_pairs names; /* the old one as the reader: which of its fields are still there */
	struct wr_trail trail;
	char message[WR_TRAIL_TEXT_BYTES];
	char explanation[WR_TRAIL_TEXT_BYTES];
	char fix[WR_TRAIL_TEXT_BYTES];
};

static void tell(struct strict *t, uint32_t place, const char *word,
		 enum weir_schema_issue_kind kind)
{
	wr_trail_tell(&t->trail, place, word, kind, t->message, t->explanation, t->fix);
}

static void tell_changed(struct strict *t, uint32_t place, uint32_t r, uint32_t w)
{
	char before[300];
	char now[300];

	wr_schema_describe(t->seen.w, w, before, sizeof before);
	wr_schema_describe(t->seen.r, r, now, sizeof now);
	wr_trail_say(t->message, "type changed from %s to %s", before, now);
	wr_trail_say(t->explanation,
		     "STRICT lets no type change, not even to a wider one: consumers that are "
		     "not Avro's, and stored events, know the old one");
	wr_trail_say(t->fix,
		     "keep %s, and add a field of another name, with a default, for the new type",
		     before);
	tell(t, place, NULL, WEIR_SCHEMA_TYPE_CHANGED);
}

static void push(struct strict *t, uint32_t parent, const char *word, uint32_t index, uint32_t r,
		 uint32_t w)
{
	struct wr_trail_place place = {
		.parent = parent, .word = word, .index = index, .r = r, .w = w};

	wr_trail_push(&t->trail, wr_trail_add(&t->trail, &place));
}

static void tell_branch(struct strict *t, uint32_t place, const struct weir_schema *s,
			uint32_t branch, bool is_new)
{
	char name[300];

	wr_schema_describe(s, branch, name, sizeof name);
	wr_trail_say(t->message, "the union %s %s", is_new ? "got" : "lost", name);
	wr_trail_say(t->explanation,
		     "STRICT lets no type change: a union is the set of its branches");
	wr_trail_say(t->fix,
		     "%s %s; a field of another name, with a default, can have another union",
		     is_new ? "take away" : "put back", name);
	tell(t, place, NULL, WEIR_SCHEMA_TYPE_CHANGED);
}

static void go_to_union(struct strict *t, uint32_t at, const struct wr_schema_node *r,
			const struct wr_schema_node *w)
{
	const struct wr_pairs *p = &t->seen;

	for (uint32_t i = r->count; i-- > 0;) {
		uint32_t branch = p->r->lists[r->first + i];
		uint32_t before = wr_pairs_branch(p, branch, w);
		if (before != WR_SCHEMA_NONE)
			push(t, at, NULL, i, branch, before);
		else
			tell_branch(t, at, p->r, branch, true);
	}
	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t branch = p->w->lists[w->first + i];
		bool is_there = false;
		for (uint32_t k = 0; k < r->count && !is_there; k++)
			is_there = wr_pairs_same_branch(p, p->r->lists[r->first + k], branch);
		if (!is_there)
			tell_branch(t, at, p->w, branch, false);
	}
}

/* "optional" and without a default: what it lacks. */
static const char *null_hint(const struct weir_schema *s, uint32_t node)
{
	const struct wr_schema_node *n = &s->nodes[node];

	for (uint32_t i = 0; n->type == WEIR_SCHEMA_UNION && i < n->count; i++)
		if (s->nodes[s->lists[n->first + i]].type == WEIR_SCHEMA_NULL)
			return " (it may be null, but is not null by itself: \"default\": null)";
	return "";
}

static void tell_added(struct strict *t, uint32_t place, const struct wr_schema_field *field)
{
	uint32_t bytes;
	const char *name = wr_schema_text_of(t->seen.r, field->name, &bytes);

	wr_trail_say(t->message, "required field added: %.*s", (int)bytes, name);
	wr_trail_say(t->explanation,
		     "events that are there already have no field \"%.*s\", and nothing stands "
		     "in for it",
		     (int)bytes, name);
	wr_trail_say(t->fix, "give field \"%.*s\" a \"default\"%s", (int)bytes, name,
		     null_hint(t->seen.r, field->node));
	tell(t, place, NULL, WEIR_SCHEMA_REQUIRED_FIELD_ADDED);
}

static void tell_removed(struct strict *t, uint32_t place, const struct wr_schema_field *field)
{
	uint32_t bytes;
	const char *name = wr_schema_text_of(t->seen.w, field->name, &bytes);

	wr_trail_say(t->message, "required field removed: %.*s", (int)bytes, name);
	wr_trail_say(t->explanation,
		     "consumers with the old schema ask for field \"%.*s\", and have no default "
		     "for it",
		     (int)bytes, name);
	wr_trail_say(t->fix, "keep field \"%.*s\"; one with a default can go", (int)bytes, name);
	tell(t, place, "fields", WEIR_SCHEMA_REQUIRED_FIELD_REMOVED);
}

static void go_to_record(struct strict *t, uint32_t at, uint32_t ri, uint32_t wi)
{
	const struct wr_schema_node *r = &t->seen.r->nodes[ri];
	const struct wr_schema_node *w = &t->seen.w->nodes[wi];

	/* Told now, in order; what lies inside comes after that. */
	wr_pairs_index_fields(&t->seen, wi);
	for (uint32_t i = r->count; i-- > 0;) {
		const struct wr_schema_field *field = &t->seen.r->fields[r->first + i];
		uint32_t found = wr_pairs_field(&t->seen, field);
		struct wr_trail_place place = {.parent = at, .word = "fields", .index = i};
		if (found < WR_FIELD_AMBIGUOUS)
			push(t, wr_trail_add(&t->trail, &place), "type", WR_SCHEMA_NONE,
			     field->node, t->seen.w->fields[found].node);
	}
	for (uint32_t i = 0; i < r->count; i++) {
		const struct wr_schema_field *field = &t->seen.r->fields[r->first + i];
		struct wr_trail_place place = {.parent = at, .word = "fields", .index = i};
		if (field->fallback.end == 0 && wr_pairs_field(&t->seen, field) == WR_SCHEMA_NONE)
			tell_added(t, wr_trail_add(&t->trail, &place), field);
	}
	wr_pairs_index_fields(&t->names, ri);
	for (uint32_t i = 0; i < w->count; i++) {
		const struct wr_schema_field *field = &t->seen.w->fields[w->first + i];
		if (field->fallback.end == 0 &&
		    wr_pairs_field_named(&t->names, field->name) == WR_SCHEMA_NONE)
			tell_removed(t, at, field);
	}
}

static void go_to(struct strict *t, uint32_t at, uint32_t ri, uint32_t wi)
{
	const struct wr_schema_node *r = &t->seen.r->nodes[ri];
	const struct wr_schema_node *w = &t->seen.w->nodes[wi];

	if (r->type != w->type || r->size != w->size || r->logical != w->logical ||
	    r->precision != w->precision || r->scale != w->scale ||
	    (wr_schema_is_named(r->type) && !wr_pairs_names_match(&t->seen, ri, wi)))
		tell_changed(t, at, ri, wi);
	else if (r->type == WEIR_SCHEMA_ARRAY)
		push(t, at, "items", WR_SCHEMA_NONE, r->first, w->first);
	else if (r->type == WEIR_SCHEMA_MAP)
		push(t, at, "values", WR_SCHEMA_NONE, r->first, w->first);
	else if (r->type == WEIR_SCHEMA_UNION)
		go_to_union(t, at, r, w);
	else if (r->type == WEIR_SCHEMA_RECORD)
		go_to_record(t, at, ri, wi);
}

static int walk(struct strict *t)
{
	uint32_t at;

	push(t, WR_SCHEMA_NONE, NULL, WR_SCHEMA_NONE, t->seen.r->root, t->seen.w->root);
	while ((at = wr_trail_pop(&t->trail)) != WR_SCHEMA_NONE) {
		struct wr_trail_place place = t->trail.places[at];
		uint32_t index;
		int code = wr_pairs_add(&t->seen, place.r, place.w, &index);
		if (code != 0)
			return code;
		if (t->seen.pairs[index].is_told)
			continue;
		t->seen.pairs[index].is_told = true;
		go_to(t, at, place.r, place.w);
	}
	return t->trail.code;
}

int wr_strict(const struct weir_schema *next, const struct weir_schema *old,
	      const struct weir_schema_issue *issue, weir_schema_issue_fn *on_issue, void *context)
{
	struct strict t;

	wr_trail_init(&t.trail, &next->allocator, on_issue, context);
	t.trail.issue = *issue;
	int code = wr_pairs_init(&t.seen, next, old);
	int second = wr_pairs_init(&t.names, old, next);
	if (code == 0)
		code = second;
	if (code == 0)
		code = walk(&t);
	if (code == 0)
		code = t.trail.told == 0;
	wr_pairs_fini(&t.seen);
	wr_pairs_fini(&t.names);
	wr_trail_fini(&t.trail);
	return code;
}
