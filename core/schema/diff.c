/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed from one schema to another: the two are gone through side by side, the new one as
 * the reader, each pair of types once.
 */
#include <errno.h>
#include <string.h>

#include "core/schema/js_schema.h"
#include "core/schema/pairs.h"
#include "core/schema/trail.h"

struct diff {
	struct wr_pairs pairs;   /* the new schema as the reader */
	struct wr_pairs reverse; /* the old one as the reader */
	struct wr_trail trail;
	weir_schema_difference_fn *on_difference;
	void *context;
	int told;
	char before[WR_TRAIL_TEXT_BYTES];
	char after[WR_TRAIL_TEXT_BYTES];
};

/* before and after are filled in. */
static void tell(struct diff *d, uint32_t place, const char *word, enum weir_schema_change change)
{
	char path[WR_TRAIL_PATH_BYTES];
	struct weir_schema_difference difference = {
		.change = change,
		.path = wr_trail_path(&d->trail, place, word, path),
		.before = d->before,
		.after = d->after,
	};

	d->told++;
	d->on_difference(d->context, &difference);
}

static void push(struct diff *d, uint32_t parent, const char *word, uint32_t index, uint32_t r,
		 uint32_t w)
{
	struct wr_trail_place place = {
		.parent = parent, .word = word, .index = index, .r = r, .w = w};

	wr_trail_push(&d->trail, wr_trail_add(&d->trail, &place));
}

static void write_name(char to[WR_TRAIL_TEXT_BYTES], const struct weir_schema *s, uint32_t name)
{
	uint32_t bytes;
	const char *text = wr_schema_text_of(s, name, &bytes);

	wr_trail_say(to, "%.*s", (int)bytes, text);
}

static void write_default(char to[WR_TRAIL_TEXT_BYTES], const struct weir_schema *s,
			  const struct wr_schema_field *field)
{
	struct wr_schema_range at = field->fallback;

	if (at.end == 0)
		wr_trail_say(to, "no default");
	else
		wr_trail_say(to, "default %.*s", (int)(at.end - at.start), s->text + at.start);
}

/* "total: long, default 0" */
static void write_field(char to[WR_TRAIL_TEXT_BYTES], const struct weir_schema *s,
			const struct wr_schema_field *field)
{
	char type[WR_TRAIL_TEXT_BYTES / 2];
	char fallback[WR_TRAIL_TEXT_BYTES];
	uint32_t bytes;
	const char *name = wr_schema_text_of(s, field->name, &bytes);

	write_default(fallback, s, field);
	wr_trail_say(to, "%.*s: %s, %s", (int)bytes, name,
		     wr_schema_describe(s, field->node, type, sizeof type), fallback);
}

static void compare_defaults(struct diff *d, uint32_t place, const struct wr_schema_field *r,
			     const struct wr_schema_field *w)
{
	write_default(d->before, d->pairs.w, w);
	write_default(d->after, d->pairs.r, r);
	if (strcmp(d->before, d->after) != 0)
		tell(d, place, "default", WEIR_SCHEMA_CHANGE_DEFAULT);
}

/* A field of the new record. */
static void compare_field(struct diff *d, uint32_t at, uint32_t i, const struct wr_schema_field *r)
{
	uint32_t found = wr_pairs_field(&d->pairs, r);
	struct wr_trail_place place = {.parent = at, .word = "fields", .index = i};
	uint32_t here = wr_trail_add(&d->trail, &place);

	if (here == WR_SCHEMA_NONE)
		return;
	if (found >= WR_FIELD_AMBIGUOUS) {
		d->before[0] = '\0';
		write_field(d->after, d->pairs.r, r);
		tell(d, here, NULL, WEIR_SCHEMA_CHANGE_FIELD_ADDED);
		return;
	}
	const struct wr_schema_field *w = &d->pairs.w->fields[found];
	if (!wr_schema_same_text(d->pairs.r, r->name, d->pairs.w, w->name)) {
		write_name(d->before, d->pairs.w, w->name);
		write_name(d->after, d->pairs.r, r->name);
		tell(d, here, "name", WEIR_SCHEMA_CHANGE_NAME);
	}
	compare_defaults(d, here, r, w);
}

/* Is this field of the old record still there, under its name or as an alias? */
static bool is_still_there(const struct diff *d, const struct wr_schema_node *r,
			   const struct wr_schema_field *old)
{
	if (wr_pairs_field_named(&d->reverse, old->name) != WR_SCHEMA_NONE)
		return true;
	for (uint32_t i = 0; i < r->count; i++) {
		const struct wr_schema_field *field = &d->pairs.r->fields[r->first + i];
		for (uint32_t k = 0; k < field->alias_count; k++)
			if (d->pairs.name_of[d->pairs.r->lists[field->alias_first + k]] ==
			    old->name)
				return true;
	}
	return false;
}

static void compare_records(struct diff *d, uint32_t at, uint32_t ri, uint32_t wi)
{
	const struct wr_schema_node *r = &d->pairs.r->nodes[ri];
	const struct wr_schema_node *w = &d->pairs.w->nodes[wi];

	wr_pairs_index_fields(&d->pairs, wi);
	wr_pairs_index_fields(&d->reverse, ri);
	uint32_t here = d->trail.place_count;
	for (uint32_t i = 0; i < r->count; i++)
		compare_field(d, at, i, &d->pairs.r->fields[r->first + i]);
	/* What lies inside comes next, the first field's first: it is pushed last. */
	for (uint32_t i = r->count; i-- > 0 && d->trail.code == 0;) {
		const struct wr_schema_field *field = &d->pairs.r->fields[r->first + i];
		uint32_t found = wr_pairs_field(&d->pairs, field);
		if (found < WR_FIELD_AMBIGUOUS)
			push(d, here + i, "type", WR_SCHEMA_NONE, field->node,
			     d->pairs.w->fields[found].node);
	}
	for (uint32_t i = 0; i < w->count; i++) {
		const struct wr_schema_field *old = &d->pairs.w->fields[w->first + i];
		if (is_still_there(d, r, old))
			continue;
		write_field(d->before, d->pairs.w, old);
		d->after[0] = '\0';
		tell(d, at, "fields", WEIR_SCHEMA_CHANGE_FIELD_REMOVED);
	}
}

/* What of the first list of symbols is not in the second. */
static void compare_symbols(struct diff *d, uint32_t at, const struct wr_pairs *p,
			    const struct wr_schema_node *r, const struct wr_schema_node *w,
			    bool added)
{
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t symbol = p->r->lists[r->first + i];
		bool found = false;
		for (uint32_t k = 0; k < w->count && !found; k++)
			found = p->w->lists[w->first + k] == p->name_of[symbol];
		if (found)
			continue;
		d->before[0] = d->after[0] = '\0';
		write_name(added ? d->after : d->before, p->r, symbol);
		tell(d, at, "symbols",
		     added ? WEIR_SCHEMA_CHANGE_SYMBOL_ADDED : WEIR_SCHEMA_CHANGE_SYMBOL_REMOVED);
	}
}

static void compare_unions(struct diff *d, uint32_t at, const struct wr_schema_node *r,
			   const struct wr_schema_node *w)
{
	const struct wr_pairs *p = &d->pairs;

	for (uint32_t i = r->count; i-- > 0;) {
		uint32_t branch = p->r->lists[r->first + i];
		uint32_t before = wr_pairs_branch(p, branch, w);
		if (before != WR_SCHEMA_NONE) {
			push(d, at, NULL, i, branch, before);
			continue;
		}
		d->before[0] = '\0';
		wr_schema_describe(p->r, branch, d->after, sizeof d->after);
		tell(d, at, NULL, WEIR_SCHEMA_CHANGE_BRANCH_ADDED);
	}
	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t branch = p->w->lists[w->first + i];
		bool found = false;
		for (uint32_t k = 0; k < r->count && !found; k++)
			found = wr_pairs_same_branch(p, p->r->lists[r->first + k], branch);
		if (found)
			continue;
		wr_schema_describe(p->w, branch, d->before, sizeof d->before);
		d->after[0] = '\0';
		tell(d, at, NULL, WEIR_SCHEMA_CHANGE_BRANCH_REMOVED);
	}
}

static void compare(struct diff *d, uint32_t at, uint32_t ri, uint32_t wi)
{
	const struct wr_schema_node *r = &d->pairs.r->nodes[ri];
	const struct wr_schema_node *w = &d->pairs.w->nodes[wi];

	wr_schema_describe(d->pairs.w, wi, d->before, sizeof d->before);
	wr_schema_describe(d->pairs.r, ri, d->after, sizeof d->after);
	bool other_type = r->type != w->type || r->size != w->size || r->logical != w->logical ||
			  r->precision != w->precision || r->scale != w->scale;
	if (other_type)
		tell(d, at, NULL, WEIR_SCHEMA_CHANGE_TYPE);
	else if (strcmp(d->before, d->after) != 0)
		tell(d, at, "name", WEIR_SCHEMA_CHANGE_NAME);
	if (r->type != w->type)
		return;
	if (r->type == WEIR_SCHEMA_RECORD) {
		compare_records(d, at, ri, wi);
	} else if (r->type == WEIR_SCHEMA_ENUM) {
		compare_symbols(d, at, &d->pairs, r, w, true);
		compare_symbols(d, at, &d->reverse, w, r, false);
	} else if (r->type == WEIR_SCHEMA_UNION) {
		compare_unions(d, at, r, w);
	} else if (r->type == WEIR_SCHEMA_ARRAY) {
		push(d, at, "items", WR_SCHEMA_NONE, r->first, w->first);
	} else if (r->type == WEIR_SCHEMA_MAP) {
		push(d, at, "values", WR_SCHEMA_NONE, r->first, w->first);
	}
}

static int walk(struct diff *d)
{
	uint32_t at;

	push(d, WR_SCHEMA_NONE, NULL, WR_SCHEMA_NONE, d->pairs.r->root, d->pairs.w->root);
	while ((at = wr_trail_pop(&d->trail)) != WR_SCHEMA_NONE) {
		struct wr_trail_place place = d->trail.places[at];
		uint32_t index;
		int code = wr_pairs_add(&d->pairs, place.r, place.w, &index);
		if (code != 0)
			return code;
		if (d->pairs.pairs[index].is_told)
			continue;
		d->pairs.pairs[index].is_told = true;
		compare(d, at, place.r, place.w);
	}
	return d->trail.code != 0 ? d->trail.code : d->told;
}

int weir_schema_diff(const struct weir_schema *old, const struct weir_schema *next,
		     weir_schema_difference_fn *on_difference, void *context)
{
	if ((old->json != NULL) != (next->json != NULL)) {
		struct weir_schema_difference format = {
			.change = WEIR_SCHEMA_CHANGE_TYPE,
			.path = "/",
			.before = old->json != NULL ? "JSON Schema" : "Avro",
			.after = next->json != NULL ? "JSON Schema" : "Avro",
		};
		on_difference(context, &format);
		return 1;
	}
	if (old->json != NULL)
		return wr_json_schema_diff(old, next, on_difference, context);
	struct diff d = {.on_difference = on_difference, .context = context};

	wr_trail_init(&d.trail, &next->allocator, NULL, NULL);
	int code = wr_pairs_init(&d.pairs, next, old);
	int second = wr_pairs_init(&d.reverse, old, next);
	if (code == 0)
		code = second;
	if (code == 0)
		code = walk(&d);
	wr_pairs_fini(&d.pairs);
	wr_pairs_fini(&d.reverse);
	wr_trail_fini(&d.trail);
	return code;
}
