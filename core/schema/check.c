/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict, by check.h. No recursion: chains of named types decide how far pairs reach. */
#include "core/schema/check.h"

#include <errno.h>
#include <string.h>

/* Looks at pairs, all together: a few for each pair are enough, unless somebody made it hard. */
#define LOOKS_MAX (1u << 26)

bool wr_schema_promotes(uint8_t writer, uint8_t reader)
{
	switch ((enum weir_schema_type)reader) {
	case WEIR_SCHEMA_LONG:
		return writer == WEIR_SCHEMA_INT;
	case WEIR_SCHEMA_FLOAT:
		return writer == WEIR_SCHEMA_INT || writer == WEIR_SCHEMA_LONG;
	case WEIR_SCHEMA_DOUBLE:
		return writer == WEIR_SCHEMA_INT || writer == WEIR_SCHEMA_LONG ||
		       writer == WEIR_SCHEMA_FLOAT;
	case WEIR_SCHEMA_BYTES:
		return writer == WEIR_SCHEMA_STRING;
	case WEIR_SCHEMA_STRING:
		return writer == WEIR_SCHEMA_BYTES;
	default:
		return false;
	}
}

/* Has the reader's enum every symbol of the writer's? */
static bool has_symbols(struct wr_pairs *p, const struct wr_schema_node *r,
			const struct wr_schema_node *w)
{
	uint32_t found = 0;

	p->mark++;
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t name = p->name_of[p->r->lists[r->first + i]];
		if (name != WR_SCHEMA_NONE)
			p->field_mark[name] = p->mark;
	}
	for (uint32_t i = 0; i < w->count; i++)
		found += p->field_mark[p->w->lists[w->first + i]] == p->mark;
	return found == w->count;
}

/* A field that is there once, or has a default. */
static bool has_fields(struct wr_pairs *p, const struct wr_schema_node *r, uint32_t w)
{
	wr_pairs_index_fields(p, w);
	for (uint32_t i = 0; i < r->count; i++) {
		const struct wr_schema_field *field = &p->r->fields[r->first + i];
		uint32_t found = wr_pairs_field(p, field);
		if (found == WR_FIELD_AMBIGUOUS ||
		    (found == WR_SCHEMA_NONE && field->fallback.end == 0))
			return false;
	}
	return true;
}

/* Does something stand in the way whatever their parts are? */
static bool is_local_bad(struct wr_pairs *p, uint32_t ri, uint32_t wi)
{
	const struct wr_schema_node *r = &p->r->nodes[ri];
	const struct wr_schema_node *w = &p->w->nodes[wi];

	if (r->type == WEIR_SCHEMA_UNION || w->type == WEIR_SCHEMA_UNION)
		return false;
	if (r->type != w->type)
		return !wr_schema_promotes(w->type, r->type);
	if (wr_schema_is_named(r->type) && !wr_pairs_names_match(p, ri, wi))
		return true;
	if (r->type == WEIR_SCHEMA_FIXED)
		return r->size != w->size;
	if (r->type == WEIR_SCHEMA_ENUM)
		return r->default_symbol == WR_SCHEMA_NONE && !has_symbols(p, r, w);
	return r->type == WEIR_SCHEMA_RECORD && !has_fields(p, r, wi);
}

/* What is done with a part of a pair: 0 goes on, anything else ends it and is returned. */
typedef int part_fn(struct wr_pairs *p, uint32_t r, uint32_t w);

static int each_part(struct wr_pairs *p, uint32_t ri, uint32_t wi, part_fn *part)
{
	const struct wr_schema_node *r = &p->r->nodes[ri];
	const struct wr_schema_node *w = &p->w->nodes[wi];
	int code = 0;

	if (w->type == WEIR_SCHEMA_UNION) {
		for (uint32_t i = 0; i < w->count && code == 0; i++)
			code = part(p, ri, p->w->lists[w->first + i]);
	} else if (r->type == WEIR_SCHEMA_UNION) {
		for (uint32_t i = 0; i < r->count && code == 0; i++)
			code = part(p, p->r->lists[r->first + i], wi);
	} else if (r->type != w->type) {
		return 0;
	} else if (r->type == WEIR_SCHEMA_ARRAY || r->type == WEIR_SCHEMA_MAP) {
		code = part(p, r->first, w->first);
	} else if (r->type == WEIR_SCHEMA_RECORD) {
		wr_pairs_index_fields(p, wi);
		for (uint32_t i = 0; i < r->count && code == 0; i++) {
			const struct wr_schema_field *field = &p->r->fields[r->first + i];
			uint32_t found = wr_pairs_field(p, field);
			if (found < WR_FIELD_AMBIGUOUS)
				code = part(p, field->node, p->w->fields[found].node);
		}
	}
	return code;
}

static int add_part(struct wr_pairs *p, uint32_t r, uint32_t w)
{
	uint32_t index;

	return wr_pairs_add(p, r, w, &index);
}

static int is_bad(struct wr_pairs *p, uint32_t r, uint32_t w)
{
	return !p->pairs[wr_pairs_find(p, r, w)].is_compatible;
}

static int is_good(struct wr_pairs *p, uint32_t r, uint32_t w)
{
	return p->pairs[wr_pairs_find(p, r, w)].is_compatible;
}

static bool look_again(struct wr_pairs *p, const struct wr_pair *pair)
{
	bool any = p->r->nodes[pair->r].type == WEIR_SCHEMA_UNION &&
		   p->w->nodes[pair->w].type != WEIR_SCHEMA_UNION;

	/* Of a reader's union one branch is enough; of anything else all parts count. */
	if (any)
		return each_part(p, pair->r, pair->w, is_good) != 0;
	return each_part(p, pair->r, pair->w, is_bad) == 0;
}

int wr_check(struct wr_pairs *p, const struct weir_schema *r, const struct weir_schema *w)
{
	uint32_t root;
	uint64_t looks = 0;
	bool changed = true;
	int code = wr_pairs_init(p, r, w);

	if (code == 0)
		code = wr_pairs_add(p, r->root, w->root, &root);
	for (uint32_t i = 0; code == 0 && i < p->count; i++) {
		struct wr_pair pair = p->pairs[i];
		p->pairs[i].is_local_bad = is_local_bad(p, pair.r, pair.w);
		p->pairs[i].is_compatible = !p->pairs[i].is_local_bad;
		code = each_part(p, pair.r, pair.w, add_part);
	}
	/* Parts come behind what they are parts of, so the last one is looked at first. */
	while (code == 0 && changed) {
		changed = false;
		looks += p->count;
		if (looks > LOOKS_MAX)
			return WEIR_E_TOO_BIG;
		for (uint32_t i = p->count; i-- > 0;) {
			struct wr_pair *pair = &p->pairs[i];
			if (pair->is_compatible && !look_again(p, pair)) {
				pair->is_compatible = false;
				changed = true;
			}
		}
	}
	return code;
}
