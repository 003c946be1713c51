/* SPDX-License-Identifier: Apache-2.0 */
/* The set of pairs, and fields and types by name: by pairs.h. */
#include "core/schema/pairs.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"

int wr_schema_grow(const struct weir_allocator *allocator, void **array, uint32_t *capacity,
		   size_t element_bytes, uint32_t most)
{
	uint32_t wanted = *capacity == 0 ? 64 : 2 * *capacity;

	if (wanted > most)
		wanted = most;
	if (wanted <= *capacity)
		return WEIR_E_TOO_BIG;
	void *larger = wr_schema_alloc(allocator, wanted * element_bytes);
	if (larger == NULL)
		return -ENOMEM;
	if (*capacity > 0)
		memcpy(larger, *array, *capacity * element_bytes);
	wr_schema_free(allocator, *array, *capacity * element_bytes);
	*array = larger;
	*capacity = wanted;
	return 0;
}

int wr_pairs_init(struct wr_pairs *p, const struct weir_schema *r, const struct weir_schema *w)
{
	const struct weir_allocator *a = &r->allocator;

	memset(p, 0, sizeof *p);
	p->r = r;
	p->w = w;
	p->name_of = wr_schema_alloc(a, (r->name_count + 1) * sizeof *p->name_of);
	p->field_of = wr_schema_alloc(a, (w->name_count + 1) * sizeof *p->field_of);
	p->field_mark = wr_schema_alloc(a, (w->name_count + 1) * sizeof *p->field_mark);
	if (p->name_of == NULL || p->field_of == NULL || p->field_mark == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->name_count; i++)
		p->name_of[i] = wr_schema_name_find(w, r->pool + r->names[i].at, r->names[i].bytes);
	return 0;
}

void wr_pairs_fini(struct wr_pairs *p)
{
	const struct weir_allocator *a = &p->r->allocator;

	wr_schema_free(a, p->name_of, (p->r->name_count + 1) * sizeof *p->name_of);
	wr_schema_free(a, p->field_of, (p->w->name_count + 1) * sizeof *p->field_of);
	wr_schema_free(a, p->field_mark, (p->w->name_count + 1) * sizeof *p->field_mark);
	wr_schema_free(a, p->pairs, p->capacity * sizeof *p->pairs);
	wr_schema_free(a, p->buckets, 2 * (size_t)p->capacity * sizeof *p->buckets);
}

static uint32_t bucket_of(const struct wr_pairs *p, uint32_t r, uint32_t w)
{
	return wr_spread((uint64_t)r << 32 | w, 2 * p->capacity - 1);
}

uint32_t wr_pairs_find(const struct wr_pairs *p, uint32_t r, uint32_t w)
{
	if (p->capacity == 0)
		return WR_SCHEMA_NONE;
	uint32_t i = p->buckets[bucket_of(p, r, w)];
	while (i != 0 && (p->pairs[i - 1].r != r || p->pairs[i - 1].w != w))
		i = p->pairs[i - 1].next;
	return i == 0 ? WR_SCHEMA_NONE : i - 1;
}

static void link_in(struct wr_pairs *p, uint32_t index)
{
	uint32_t *bucket = &p->buckets[bucket_of(p, p->pairs[index].r, p->pairs[index].w)];

	p->pairs[index].next = *bucket;
	*bucket = index + 1;
}

static int grow(struct wr_pairs *p)
{
	const struct weir_allocator *a = &p->r->allocator;
	uint32_t old_capacity = p->capacity;
	void *pairs = p->pairs;
	uint32_t capacity = p->capacity;
	int code = wr_schema_grow(a, &pairs, &capacity, sizeof *p->pairs, WR_PAIRS_MAX);

	if (code != 0)
		return code;
	p->pairs = pairs;
	/* What fini frees goes by one capacity: both are of it, or the old buckets stay. */
	uint32_t *buckets = wr_schema_alloc(a, 2 * (size_t)capacity * sizeof *buckets);
	if (buckets == NULL) {
		wr_schema_free(a, p->pairs, capacity * sizeof *p->pairs);
		p->pairs = NULL;
		wr_schema_free(a, p->buckets, 2 * (size_t)old_capacity * sizeof *p->buckets);
		p->buckets = NULL;
		p->capacity = 0;
		return -ENOMEM;
	}
	wr_schema_free(a, p->buckets, 2 * (size_t)old_capacity * sizeof *p->buckets);
	p->buckets = buckets;
	p->capacity = capacity;
	for (uint32_t i = 0; i < p->count; i++)
		link_in(p, i);
	return 0;
}

int wr_pairs_add(struct wr_pairs *p, uint32_t r, uint32_t w, uint32_t *ret_index)
{
	*ret_index = wr_pairs_find(p, r, w);
	if (*ret_index != WR_SCHEMA_NONE)
		return 0;
	if (p->count == p->capacity) {
		int code = grow(p);
		if (code != 0)
			return code;
	}
	p->pairs[p->count] = (struct wr_pair){.r = r, .w = w, .is_compatible = true};
	link_in(p, p->count);
	*ret_index = p->count++;
	return 0;
}

void wr_pairs_index_fields(struct wr_pairs *p, uint32_t w)
{
	const struct wr_schema_node *n = &p->w->nodes[w];

	p->mark++;
	for (uint32_t i = 0; i < n->count; i++) {
		uint32_t name = p->w->fields[n->first + i].name;
		p->field_mark[name] = p->mark;
		p->field_of[name] = n->first + i;
	}
}

uint32_t wr_pairs_field_named(const struct wr_pairs *p, uint32_t reader_name)
{
	uint32_t name = p->name_of[reader_name];

	if (name == WR_SCHEMA_NONE || p->field_mark[name] != p->mark)
		return WR_SCHEMA_NONE;
	return p->field_of[name];
}

uint32_t wr_pairs_field(const struct wr_pairs *p, const struct wr_schema_field *reader_field)
{
	uint32_t found = wr_pairs_field_named(p, reader_field->name);

	for (uint32_t i = 0; i < reader_field->alias_count; i++) {
		uint32_t alias = p->r->lists[reader_field->alias_first + i];
		uint32_t other = wr_pairs_field_named(p, alias);
		if (other == WR_SCHEMA_NONE || other == found)
			continue;
		if (found != WR_SCHEMA_NONE)
			return WR_FIELD_AMBIGUOUS;
		found = other;
	}
	return found;
}

bool wr_pairs_names_match(const struct wr_pairs *p, uint32_t r, uint32_t w)
{
	const struct wr_schema_node *reader = &p->r->nodes[r];
	const struct wr_schema_node *writer = &p->w->nodes[w];

	if (p->name_of[reader->name] == writer->name)
		return true;
	for (uint32_t i = 0; i < reader->alias_count; i++) {
		const uint32_t *alias = &p->r->lists[reader->alias_first + 2 * i];
		uint32_t space = alias[0] == WR_SCHEMA_NONE ? WR_SCHEMA_NONE : p->name_of[alias[0]];
		if (p->name_of[alias[1]] == writer->name && space == writer->space &&
		    (alias[0] == WR_SCHEMA_NONE) == (writer->space == WR_SCHEMA_NONE))
			return true;
	}
	return false;
}

bool wr_pairs_same_branch(const struct wr_pairs *p, uint32_t r, uint32_t w)
{
	uint8_t type = p->r->nodes[r].type;

	return type == p->w->nodes[w].type &&
	       (!wr_schema_is_named(type) || wr_pairs_names_match(p, r, w));
}

uint32_t wr_pairs_branch(const struct wr_pairs *p, uint32_t r, const struct wr_schema_node *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (wr_pairs_same_branch(p, r, p->w->lists[w->first + i]))
			return p->w->lists[w->first + i];
	return WR_SCHEMA_NONE;
}
