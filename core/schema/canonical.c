/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form (Avro specification, "Transforming into Parsing Canonical Form"):
 * primitives by name, full names, no attribute but type, name, fields, symbols, items, values
 * and size, in the order name, type, fields, symbols, items, values, size, no blanks. Names need
 * no escapes: what would need one is not taken by the parser.
 *
 * A named type stands in full where it comes first. Nodes have their numbers in the order of the
 * text, so that is where its number is higher than all before it: no list of seen types is needed.
 * Recursion is as deep as the text's, WEIR_SCHEMA_DEPTH_MAX.
 */
#include "core/schema/canonical.h"

#include <stdio.h>
#include <string.h>

#include "core/schema/js_schema.h"

struct walk {
	const struct weir_schema *s;
	uint32_t seen; /* nodes below this one have been written */
	char *to;      /* NULL: only counted, or checksummed */
	size_t to_bytes;
	size_t bytes;
	bool with_crc;
	uint64_t crc;
};

/* Four bits at a time: the table of 16 is made where it is needed. */
static void crc_table(uint64_t table[16])
{
	for (uint32_t i = 0; i < 16; i++) {
		uint64_t crc = i;
		for (int k = 0; k < 4; k++)
			crc = crc >> 1 ^ (WR_CRC64_AVRO_EMPTY & (0 - (crc & 1)));
		table[i] = crc;
	}
}

uint64_t wr_crc64_avro(uint64_t seed, const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	uint64_t table[16];

	crc_table(table);
	for (size_t i = 0; i < count; i++) {
		seed = seed >> 4 ^ table[(seed ^ at[i]) & 15];
		seed = seed >> 4 ^ table[(seed ^ at[i] >> 4) & 15];
	}
	return seed;
}

static void put_n(struct walk *w, const char *text, size_t bytes)
{
	if (w->with_crc)
		w->crc = wr_crc64_avro(w->crc, text, bytes);
	if (w->bytes < w->to_bytes) {
		size_t room = w->to_bytes - w->bytes;
		memcpy(w->to + w->bytes, text, bytes < room ? bytes : room);
	}
	w->bytes += bytes;
}

static void put(struct walk *w, const char *text)
{
	put_n(w, text, strlen(text));
}

static void put_name(struct walk *w, uint32_t name)
{
	uint32_t bytes;
	const char *text = wr_schema_text_of(w->s, name, &bytes);

	put_n(w, text, bytes);
}

/* "space.name" in quotes. */
static void put_full_name(struct walk *w, const struct wr_schema_node *n)
{
	put(w, "\"");
	if (n->space != WR_SCHEMA_NONE) {
		put_name(w, n->space);
		put(w, ".");
	}
	put_name(w, n->name);
	put(w, "\"");
}

static void walk_node(struct walk *w, uint32_t node);

static void walk_named(struct walk *w, const struct wr_schema_node *n)
{
	char size[24];

	put(w, "{\"name\":");
	put_full_name(w, n);
	put(w, ",\"type\":\"");
	put(w, wr_schema_type_word(n->type));
	put(w, "\"");
	if (n->type == WEIR_SCHEMA_FIXED) {
		snprintf(size, sizeof size, ",\"size\":%u}", n->size);
		put(w, size);
		return;
	}
	put(w, n->type == WEIR_SCHEMA_RECORD ? ",\"fields\":[" : ",\"symbols\":[");
	for (uint32_t i = 0; i < n->count; i++) {
		put(w, i > 0 ? "," : "");
		if (n->type == WEIR_SCHEMA_ENUM) {
			put(w, "\"");
			put_name(w, w->s->lists[n->first + i]);
			put(w, "\"");
			continue;
		}
		const struct wr_schema_field *field = &w->s->fields[n->first + i];
		put(w, "{\"name\":\"");
		put_name(w, field->name);
		put(w, "\",\"type\":");
		walk_node(w, field->node);
		put(w, "}");
	}
	put(w, "]}");
}

static void walk_node(struct walk *w, uint32_t node)
{
	const struct wr_schema_node *n = &w->s->nodes[node];
	bool is_first = node >= w->seen;

	w->seen = is_first ? node + 1 : w->seen;
	if (wr_schema_is_named(n->type)) {
		if (is_first)
			walk_named(w, n);
		else
			put_full_name(w, n);
	} else if (n->type == WEIR_SCHEMA_UNION) {
		put(w, "[");
		for (uint32_t i = 0; i < n->count; i++) {
			put(w, i > 0 ? "," : "");
			walk_node(w, w->s->lists[n->first + i]);
		}
		put(w, "]");
	} else if (n->type == WEIR_SCHEMA_ARRAY || n->type == WEIR_SCHEMA_MAP) {
		put(w, n->type == WEIR_SCHEMA_ARRAY ? "{\"type\":\"array\",\"items\":"
						    : "{\"type\":\"map\",\"values\":");
		walk_node(w, n->first);
		put(w, "}");
	} else {
		put(w, "\"");
		put(w, wr_schema_type_word(n->type));
		put(w, "\"");
	}
}

size_t weir_schema_canonical(const struct weir_schema *schema, char *to, size_t to_bytes)
{
	struct walk w = {.s = schema, .to = to, .to_bytes = to_bytes};

	if (schema->json != NULL) {
		size_t bytes = schema->json->canonical_bytes;
		if (to_bytes > 0)
			memcpy(to, schema->json->canonical, bytes < to_bytes ? bytes : to_bytes);
		return bytes;
	}
	walk_node(&w, schema->root);
	return w.bytes;
}

uint64_t wr_schema_fingerprint_of(const struct weir_schema *s)
{
	struct walk w = {.s = s, .with_crc = true, .crc = WR_CRC64_AVRO_EMPTY};

	walk_node(&w, s->root);
	return w.crc;
}

uint64_t weir_schema_fingerprint(const struct weir_schema *schema)
{
	return schema->fingerprint;
}
