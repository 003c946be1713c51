/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of strings of a schema, the words for types, and memory. The table's hash has a fixed
 * key: a text of a megabyte that was made to collide costs seconds, once, and whoever registers
 * schemas is not a stranger.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/hash_murmur2.h"
#include "core/schema/schema.h"

static const char *const type_words[][2] = {
	[WEIR_SCHEMA_NULL] = {"null", "NULL"},       [WEIR_SCHEMA_BOOLEAN] = {"boolean", "BOOLEAN"},
	[WEIR_SCHEMA_INT] = {"int", "INT"},          [WEIR_SCHEMA_LONG] = {"long", "LONG"},
	[WEIR_SCHEMA_FLOAT] = {"float", "FLOAT"},    [WEIR_SCHEMA_DOUBLE] = {"double", "DOUBLE"},
	[WEIR_SCHEMA_BYTES] = {"bytes", "BYTES"},    [WEIR_SCHEMA_STRING] = {"string", "STRING"},
	[WEIR_SCHEMA_RECORD] = {"record", "RECORD"}, [WEIR_SCHEMA_ENUM] = {"enum", "ENUM"},
	[WEIR_SCHEMA_ARRAY] = {"array", "ARRAY"},    [WEIR_SCHEMA_MAP] = {"map", "MAP"},
	[WEIR_SCHEMA_UNION] = {"union", "UNION"},    [WEIR_SCHEMA_FIXED] = {"fixed", "FIXED"},
};

const char *wr_schema_type_word(uint8_t type)
{
	return type_words[type][0];
}

const char *wr_schema_type_capitals(uint8_t type)
{
	return type_words[type][1];
}

const char *wr_schema_logical_word(uint8_t logical)
{
	static const char *const words[] = {
		[WR_LOGICAL_NONE] = "none",
		[WR_LOGICAL_DECIMAL] = "decimal",
		[WR_LOGICAL_BIG_DECIMAL] = "big-decimal",
		[WR_LOGICAL_UUID] = "uuid",
		[WR_LOGICAL_DATE] = "date",
		[WR_LOGICAL_TIME_MILLIS] = "time-millis",
		[WR_LOGICAL_TIME_MICROS] = "time-micros",
		[WR_LOGICAL_TIMESTAMP_MILLIS] = "timestamp-millis",
		[WR_LOGICAL_TIMESTAMP_MICROS] = "timestamp-micros",
		[WR_LOGICAL_TIMESTAMP_NANOS] = "timestamp-nanos",
		[WR_LOGICAL_LOCAL_TIMESTAMP_MILLIS] = "local-timestamp-millis",
		[WR_LOGICAL_LOCAL_TIMESTAMP_MICROS] = "local-timestamp-micros",
		[WR_LOGICAL_LOCAL_TIMESTAMP_NANOS] = "local-timestamp-nanos",
		[WR_LOGICAL_DURATION] = "duration",
	};
	return words[logical];
}

const char *wr_schema_text_of(const struct weir_schema *s, uint32_t name, uint32_t *ret_bytes)
{
	if (name == WR_SCHEMA_NONE) {
		*ret_bytes = 0;
		return "";
	}
	*ret_bytes = s->names[name].bytes;
	return (const char *)s->pool + s->names[name].at;
}

static uint32_t find_hashed(const struct weir_schema *s, const void *text, size_t bytes,
			    uint32_t hash)
{
	uint32_t i = s->buckets[hash & (s->bucket_count - 1)];

	/* 0 ends a bucket; numbers are kept one higher. */
	for (; i != 0; i = s->names[i - 1].next) {
		const struct wr_schema_name *name = &s->names[i - 1];
		if (name->hash == hash && name->bytes == bytes &&
		    memcmp(s->pool + name->at, text, bytes) == 0)
			return i - 1;
	}
	return WR_SCHEMA_NONE;
}

uint32_t wr_schema_name_find(const struct weir_schema *s, const void *text, size_t bytes)
{
	return find_hashed(s, text, bytes, wr_hash_murmur2(text, bytes));
}

uint32_t wr_schema_name_put(struct weir_schema *s, const void *text, size_t bytes)
{
	uint32_t hash = wr_hash_murmur2(text, bytes);
	uint32_t found = find_hashed(s, text, bytes, hash);

	if (found != WR_SCHEMA_NONE)
		return found;
	uint32_t *bucket = &s->buckets[hash & (s->bucket_count - 1)];
	s->names[s->name_count] = (struct wr_schema_name){
		.at = s->pool_bytes,
		.bytes = (uint32_t)bytes,
		.hash = hash,
		.next = *bucket,
		.node = WR_SCHEMA_NONE,
	};
	if (bytes > 0)
		memcpy(s->pool + s->pool_bytes, text, bytes);
	s->pool_bytes += (uint32_t)bytes;
	*bucket = ++s->name_count;
	return s->name_count - 1;
}

bool wr_schema_same_text(const struct weir_schema *s, uint32_t a, const struct weir_schema *t,
			 uint32_t b)
{
	uint32_t a_bytes;
	uint32_t b_bytes;
	const char *a_text = wr_schema_text_of(s, a, &a_bytes);
	const char *b_text = wr_schema_text_of(t, b, &b_bytes);

	return a_bytes == b_bytes && memcmp(a_text, b_text, a_bytes) == 0;
}

char *wr_schema_full_name(const struct weir_schema *s, uint32_t node, char *to, size_t to_bytes)
{
	const struct wr_schema_node *n = &s->nodes[node];
	uint32_t space_bytes;
	uint32_t name_bytes;

	if (!wr_schema_is_named(n->type)) {
		snprintf(to, to_bytes, "%s", wr_schema_type_word(n->type));
		return to;
	}
	const char *space = wr_schema_text_of(s, n->space, &space_bytes);
	const char *name = wr_schema_text_of(s, n->name, &name_bytes);
	snprintf(to, to_bytes, "%.*s%s%.*s", (int)space_bytes, space, space_bytes > 0 ? "." : "",
		 (int)name_bytes, name);
	return to;
}

char *wr_schema_describe(const struct weir_schema *s, uint32_t node, char *to, size_t to_bytes)
{
	const struct wr_schema_node *n = &s->nodes[node];
	char name[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	size_t used = (size_t)snprintf(to, to_bytes, "%s", wr_schema_type_word(n->type));

	if (wr_schema_is_named(n->type) && used < to_bytes)
		used += (size_t)snprintf(to + used, to_bytes - used, " %s",
					 wr_schema_full_name(s, node, name, sizeof name));
	if (n->type == WEIR_SCHEMA_FIXED && used < to_bytes)
		used += (size_t)snprintf(to + used, to_bytes - used, " of %u bytes", n->size);
	if (n->logical == WR_LOGICAL_DECIMAL && used < to_bytes)
		snprintf(to + used, to_bytes - used, ", decimal(%u, %u)", n->precision, n->scale);
	else if (n->logical != WR_LOGICAL_NONE && used < to_bytes)
		snprintf(to + used, to_bytes - used, ", %s", wr_schema_logical_word(n->logical));
	return to;
}

void *wr_schema_alloc(const struct weir_allocator *allocator, size_t bytes)
{
	if (allocator->alloc != NULL)
		return allocator->alloc(allocator->context, bytes, 16);
	return calloc(1, bytes);
}

void wr_schema_free(const struct weir_allocator *allocator, void *p, size_t bytes)
{
	if (p == NULL)
		return;
	if (allocator->free != NULL)
		allocator->free(allocator->context, p, bytes);
	else
		free(p);
}
