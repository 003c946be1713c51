/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the way of a reader, in the order of its fields: only pairs that are not
 * compatible are gone into, each once. Messages are those of Avro's Java library.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/check.h"
#include "core/schema/trail.h"

struct telling {
	struct wr_pairs *p;
	struct wr_trail trail;
	char message[WR_TRAIL_TEXT_BYTES];
	char explanation[WR_TRAIL_TEXT_BYTES];
	char fix[WR_TRAIL_TEXT_BYTES];
	char reader_name[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	char writer_name[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
};

static void tell(struct telling *t, uint32_t place, const char *word,
		 enum weir_schema_issue_kind kind)
{
	wr_trail_tell(&t->trail, place, word, kind, t->message, t->explanation, t->fix);
}

static void name_both(struct telling *t, uint32_t r, uint32_t w)
{
	wr_schema_full_name(t->p->r, r, t->reader_name, sizeof t->reader_name);
	wr_schema_full_name(t->p->w, w, t->writer_name, sizeof t->writer_name);
}

static void tell_types(struct telling *t, uint32_t place, uint32_t r, uint32_t w)
{
	uint8_t reader = t->p->r->nodes[r].type;
	uint8_t writer = t->p->w->nodes[w].type;

	wr_trail_say(t->message, "reader type: %s not compatible with writer type: %s",
		     wr_schema_type_capitals(reader), wr_schema_type_capitals(writer));
	wr_trail_say(t->explanation, "what was written as %s cannot be read as %s",
		     wr_schema_type_word(writer), wr_schema_type_word(reader));
	if (wr_schema_promotes(reader, writer))
		wr_trail_say(
			t->fix,
			"keep %s here: a %s is read as %s, not the other way round; or add a field"
			" of "
			"another name with a default",
			wr_schema_type_word(writer), wr_schema_type_word(reader),
			wr_schema_type_word(writer));
	else
		wr_trail_say(
			t->fix,
			"keep %s here, or make it a union of both; or add a field of another name "
			"with "
			"a default",
			wr_schema_type_word(writer));
	tell(t, place, NULL, WEIR_SCHEMA_TYPE_MISMATCH);
}

static void tell_names(struct telling *t, uint32_t place, uint32_t r, uint32_t w)
{
	name_both(t, r, w);
	wr_trail_say(t->message, "expected: %s", t->writer_name);
	wr_trail_say(t->explanation, "the writer calls it \"%s\" and the reader \"%s\"",
		     t->writer_name, t->reader_name);
	wr_trail_say(t->fix, "add \"aliases\": [\"%s\"] to \"%s\", or give it its old name back",
		     t->writer_name, t->reader_name);
	tell(t, place, "name", WEIR_SCHEMA_NAME_MISMATCH);
}

static void tell_size(struct telling *t, uint32_t place, const struct wr_schema_node *r,
		      const struct wr_schema_node *w)
{
	wr_trail_say(t->message, "expected: %u, found: %u", w->size, r->size);
	wr_trail_say(t->explanation, "what was written has %u bytes, and the reader takes %u",
		     w->size, r->size);
	wr_trail_say(t->fix, "keep \"size\": %u; another size is another type, with another name",
		     w->size);
	tell(t, place, "size", WEIR_SCHEMA_FIXED_SIZE_MISMATCH);
}

struct symbol {
	const char *text;
	uint32_t bytes;
};

static int compare_symbols(const void *a, const void *b)
{
	const struct symbol *x = a;
	const struct symbol *y = b;
	int order = memcmp(x->text, y->text, x->bytes < y->bytes ? x->bytes : y->bytes);

	return order != 0 ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* "[B, D]": what the reader lacks, in order; cut where there is no room. How many, or -ENOMEM. */
static int write_symbols(struct telling *t, const struct wr_schema_node *r,
			 const struct wr_schema_node *w)
{
	struct wr_pairs *p = t->p;
	const struct weir_allocator *a = &p->r->allocator;
	size_t list_bytes = (w->count + 1) * sizeof(struct symbol);
	struct symbol *list = wr_schema_alloc(a, list_bytes);
	uint32_t count = 0;
	size_t n = 0;

	if (list == NULL)
		return -ENOMEM;
	p->mark++;
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t name = p->name_of[p->r->lists[r->first + i]];
		if (name != WR_SCHEMA_NONE)
			p->field_mark[name] = p->mark;
	}
	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t name = p->w->lists[w->first + i];
		if (p->field_mark[name] != p->mark) {
			list[count].text = wr_schema_text_of(p->w, name, &list[count].bytes);
			count++;
		}
	}
	qsort(list, count, sizeof *list, compare_symbols);
	t->message[n++] = '[';
	for (uint32_t i = 0; i < count && n < sizeof t->message - 1; i++)
		n += (size_t)snprintf(t->message + n, sizeof t->message - n, "%s%.*s",
				      i > 0 ? ", " : "", (int)list[i].bytes, list[i].text);
	if (n >= sizeof t->message - 1)
		n = sizeof t->message - 2;
	t->message[n] = ']';
	t->message[n + 1] = '\0';
	wr_schema_free(a, list, list_bytes);
	return (int)count;
}

static void tell_symbols(struct telling *t, uint32_t place, const struct wr_schema_node *r,
			 const struct wr_schema_node *w)
{
	int count = write_symbols(t, r, w);

	if (count < 0)
		t->trail.code = count;
	if (count <= 0)
		return;
	wr_trail_say(t->explanation,
		     "what was written with one of these symbols has no place in the reader");
	wr_trail_say(
		t->fix,
		"keep the symbols, or give the reader's enum a \"default\" that stands for what "
		"it does not know");
	tell(t, place, "symbols", WEIR_SCHEMA_MISSING_ENUM_SYMBOLS);
}

static void tell_branch(struct telling *t, uint32_t place, const struct wr_schema_node *r,
			uint32_t w)
{
	const struct wr_schema_node *writer = &t->p->w->nodes[w];

	wr_schema_full_name(t->p->w, w, t->writer_name, sizeof t->writer_name);
	wr_trail_say(t->message, "reader union lacking writer type: %s",
		     wr_schema_type_capitals(writer->type));
	wr_trail_say(t->explanation, "no branch of the reader's union reads \"%s\"",
		     t->writer_name);
	wr_trail_say(t->fix, "add \"%s\" to the union, or keep it", t->writer_name);
	for (uint32_t i = 0; i < r->count && wr_schema_is_named(writer->type); i++) {
		uint32_t branch = t->p->r->lists[r->first + i];
		if (t->p->r->nodes[branch].type != writer->type ||
		    !wr_pairs_names_match(t->p, branch, w))
			continue;
		wr_trail_say(
			t->explanation,
			"the reader's branch \"%s\" has the name, and cannot read what was written",
			t->writer_name);
		wr_trail_say(
			t->fix,
			"compare \"%s\" of both schemas by itself: what lies inside it is in the "
			"way",
			t->writer_name);
	}
	tell(t, place, NULL, WEIR_SCHEMA_MISSING_UNION_BRANCH);
}

static void tell_field(struct telling *t, uint32_t place, const struct wr_trail_place *at)
{
	const struct wr_schema_field *field = &t->p->r->fields[at->subject];
	const struct wr_schema_node *type = &t->p->r->nodes[field->node];
	uint32_t bytes;
	const char *name = wr_schema_text_of(t->p->r, field->name, &bytes);

	if (at->kind == WEIR_SCHEMA_AMBIGUOUS_FIELD_ALIAS) {
		wr_trail_say(t->message, "several fields of the writer match: %.*s", (int)bytes,
			     name);
		wr_trail_say(t->explanation,
			     "the writer has more than one field with this name or one of its "
			     "aliases");
		wr_trail_say(t->fix, "take the alias away that stands for another field");
		tell(t, place, NULL, at->kind);
		return;
	}
	wr_trail_say(t->message, "%.*s", (int)bytes, name);
	wr_trail_say(t->explanation,
		     "the writer has no field \"%.*s\", and the reader no default for it%s",
		     (int)bytes, name,
		     type->type == WEIR_SCHEMA_ENUM && type->default_symbol != WR_SCHEMA_NONE
			     ? ": the default of an enum is not that of a field"
			     : "");
	wr_trail_say(t->fix,
		     "give field \"%.*s\" a \"default\"; or, if it had another name, that name as "
		     "an alias",
		     (int)bytes, name);
	tell(t, place, NULL, at->kind);
}

/* The pair, if something stands in its way and it was not told yet. */
static void visit(struct telling *t, uint32_t parent, const char *word, uint32_t index, uint32_t r,
		  uint32_t w)
{
	struct wr_trail_place place = {
		.parent = parent, .word = word, .index = index, .r = r, .w = w};

	if (!t->p->pairs[wr_pairs_find(t->p, r, w)].is_compatible)
		wr_trail_push(&t->trail, wr_trail_add(&t->trail, &place));
}

/* The last field first: it lies deepest on the stack. The writer's fields are indexed. */
static void push_fields(struct telling *t, uint32_t parent, const struct wr_schema_node *r)
{
	for (uint32_t i = r->count; i-- > 0;) {
		const struct wr_schema_field *field = &t->p->r->fields[r->first + i];
		uint32_t found = wr_pairs_field(t->p, field);
		struct wr_trail_place place = {
			.parent = parent, .word = "fields", .index = i, .subject = r->first + i};
		if (found < WR_FIELD_AMBIGUOUS) {
			uint32_t node = t->p->w->fields[found].node;
			if (t->p->pairs[wr_pairs_find(t->p, field->node, node)].is_compatible)
				continue;
			visit(t, wr_trail_add(&t->trail, &place), "type", WR_SCHEMA_NONE,
			      field->node, node);
		} else if (found == WR_FIELD_AMBIGUOUS || field->fallback.end == 0) {
			place.is_issue = true;
			place.kind = found == WR_FIELD_AMBIGUOUS
					     ? WEIR_SCHEMA_AMBIGUOUS_FIELD_ALIAS
					     : WEIR_SCHEMA_READER_FIELD_MISSING_DEFAULT_VALUE;
			wr_trail_push(&t->trail, wr_trail_add(&t->trail, &place));
		}
	}
}

static void go_to(struct telling *t, uint32_t at, uint32_t ri, uint32_t wi)
{
	const struct wr_schema_node *r = &t->p->r->nodes[ri];
	const struct wr_schema_node *w = &t->p->w->nodes[wi];

	if (w->type == WEIR_SCHEMA_UNION && r->type != WEIR_SCHEMA_UNION) {
		for (uint32_t i = w->count; i-- > 0;)
			visit(t, at, NULL, i, ri, t->p->w->lists[w->first + i]);
	} else if (w->type == WEIR_SCHEMA_UNION) {
		for (uint32_t i = 0; i < w->count && t->trail.code == 0; i++) {
			uint32_t branch = t->p->w->lists[w->first + i];
			struct wr_trail_place place = {.parent = at, .index = i};
			if (!t->p->pairs[wr_pairs_find(t->p, ri, branch)].is_compatible)
				tell_branch(t, wr_trail_add(&t->trail, &place), r, branch);
		}
	} else if (r->type == WEIR_SCHEMA_UNION) {
		tell_branch(t, at, r, wi);
	} else if (r->type != w->type) {
		tell_types(t, at, ri, wi);
	} else if (r->type == WEIR_SCHEMA_ARRAY) {
		visit(t, at, "items", WR_SCHEMA_NONE, r->first, w->first);
	} else if (r->type == WEIR_SCHEMA_MAP) {
		visit(t, at, "values", WR_SCHEMA_NONE, r->first, w->first);
	} else if (wr_schema_is_named(r->type)) {
		if (!wr_pairs_names_match(t->p, ri, wi))
			tell_names(t, at, ri, wi);
		if (r->type == WEIR_SCHEMA_FIXED && r->size != w->size)
			tell_size(t, at, r, w);
		if (r->type == WEIR_SCHEMA_ENUM && r->default_symbol == WR_SCHEMA_NONE)
			tell_symbols(t, at, r, w);
		if (r->type == WEIR_SCHEMA_RECORD) {
			wr_pairs_index_fields(t->p, wi);
			push_fields(t, at, r);
		}
	}
}

int wr_check_tell(struct wr_pairs *p, const struct weir_schema_issue *issue,
		  weir_schema_issue_fn *on_issue, void *context)
{
	struct telling t = {.p = p};
	struct wr_trail_place root = {.parent = WR_SCHEMA_NONE, .index = WR_SCHEMA_NONE};
	uint32_t at;

	wr_trail_init(&t.trail, &p->r->allocator, on_issue, context);
	t.trail.issue = *issue;
	root.r = p->r->root;
	root.w = p->w->root;
	wr_trail_push(&t.trail, wr_trail_add(&t.trail, &root));
	while ((at = wr_trail_pop(&t.trail)) != WR_SCHEMA_NONE) {
		struct wr_trail_place place = t.trail.places[at];
		if (place.is_issue) {
			tell_field(&t, at, &place);
			continue;
		}
		struct wr_pair *pair = &p->pairs[wr_pairs_find(p, place.r, place.w)];
		if (pair->is_told)
			continue;
		pair->is_told = true;
		go_to(&t, at, place.r, place.w);
	}
	int code = t.trail.code;
	wr_trail_fini(&t.trail);
	return code;
}
