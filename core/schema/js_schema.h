/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON Schema as it is kept (include/weir/schema.h says which profile). Each schema in the text
 * becomes one node, or several where it says several things: {"type": "string", "enum": [...]} is
 * ALL of a STRING and an ENUM, a list of types is ANY_OF them. So each node has one kind of
 * question, and a pair of nodes is compared by one rule, which is also how Confluent's registry
 * sees them.
 *
 * Values, limits and names stay where they are in the text, which is kept: that of the schema, and
 * behind it those that it refers to. Nothing changes after it was parsed.
 */
#ifndef WR_SCHEMA_JS_SCHEMA_H
#define WR_SCHEMA_JS_SCHEMA_H

#include "core/json/json_read.h"
#include "core/schema/js_decimal.h"
#include "core/schema/schema.h"

enum wr_js_kind {
	WR_JS_ANY,   /* {} and true */
	WR_JS_NEVER, /* false */
	WR_JS_NULL,
	WR_JS_BOOLEAN,
	WR_JS_NUMBER,
	WR_JS_STRING,
	WR_JS_OBJECT,
	WR_JS_ARRAY,
	WR_JS_ENUM,
	WR_JS_CONST,
	WR_JS_NOT,
	WR_JS_ALL_OF,
	WR_JS_ANY_OF,
	WR_JS_ONE_OF,
	WR_JS_REF,
};

enum wr_js_flag {
	WR_JS_TYPED = 1,   /* other types are refused; else only values of this one are looked at */
	WR_JS_INTEGER = 2, /* NUMBER */
	WR_JS_UNIQUE = 4,  /* ARRAY */
	WR_JS_CLOSED = 8,  /* OBJECT, ARRAY: additionalProperties, additionalItems is false */
	WR_JS_DEFAULT = 16, /* it has a default */
};

enum wr_js_bound {
	WR_JS_MINIMUM,
	WR_JS_MAXIMUM,
	WR_JS_EXCLUSIVE_MINIMUM,
	WR_JS_EXCLUSIVE_MAXIMUM,
	WR_JS_MULTIPLE_OF,
	WR_JS_BOUNDS,
};

#define WR_JS_NO_COUNT UINT64_MAX
#define WR_JS_PROPERTIES_MAX 1024u /* of one object */
#define WR_JS_BRANCHES_MAX 64u     /* of one allOf, anyOf, oneOf */

struct wr_js_node {
	uint8_t kind;
	uint8_t flags;
	struct wr_schema_range at;                   /* of the schema that it comes from */
	struct wr_schema_range bounds[WR_JS_BOUNDS]; /* NUMBER; end is 0 where there is none */
	uint64_t least; /* STRING, ARRAY, OBJECT: how long; WR_JS_NO_COUNT: nothing is said */
	uint64_t most;
	uint32_t target; /* REF, NOT: node; OBJECT, ARRAY: of what is additional, or none */
	uint32_t items;  /* ARRAY: of all items, where there are no prefixItems; or none */
	uint32_t first;  /* OBJECT: property; ARRAY (prefixItems), *_OF: in lists */
	uint32_t count;
	struct wr_schema_range values; /* ENUM: the array; CONST: the value; REF: the reference */
};

struct wr_js_property {
	struct wr_schema_range name; /* with its quotes */
	uint32_t hash;               /* of its characters */
	uint32_t node;               /* WR_SCHEMA_NONE: it is required, and not described */
	bool is_required;
};

/* One text: the first is the schema's own. */
struct wr_js_document {
	struct wr_schema_range at;
	struct wr_schema_range name; /* as $ref names it: in the text */
	bool is_2020;
};

struct wr_json_schema {
	uint8_t *text;
	uint32_t text_bytes; /* with the names of documents behind the documents */
	struct wr_js_document *documents;
	struct wr_js_node *nodes;
	struct wr_js_property *properties;
	uint32_t *lists;
	uint32_t *heads; /* byte of the text to node: buckets; chains by `next` */
	uint32_t *next;
	char *canonical;
	size_t canonical_bytes;
	uint32_t document_count;
	uint32_t node_count, node_capacity;
	uint32_t property_count, property_capacity;
	uint32_t list_count, list_capacity;
	uint32_t head_count;
};

/* What a schema refers to, by the name that it uses. */
struct wr_js_part {
	const void *name;
	size_t name_bytes;
	const void *text;
	size_t text_bytes;
};

/* weir_schema_parse() of a JSON Schema. `parts` are the texts that it or one of them refers to. */
int wr_json_schema_parse(const void *text, size_t text_bytes, const struct wr_js_part *parts,
			 uint32_t part_count, const struct weir_allocator *allocator,
			 struct weir_schema **ret_schema, struct weir_problem *reterr_problem);
void wr_json_schema_free(struct weir_schema *schema);

/* Sorted and without annotations: 0 or -ENOMEM. s->json->canonical. */
int wr_json_schema_canonical_make(struct weir_schema *s);

/* weir_schema_validate_within(). */
int wr_json_schema_validate(const struct weir_schema *schema, const void *data, size_t data_bytes,
			    uint64_t work_max, struct weir_problem *reterr_problem);

/* weir_schema_can_read(), with what its issues have in common: 1, 0 or a negative code. */
int wr_json_schema_reads(const struct weir_schema *reader, const struct weir_schema *writer,
			 const struct weir_schema_issue *issue, weir_schema_issue_fn *on_issue,
			 void *context);

/* weir_schema_diff(). */
int wr_json_schema_diff(const struct weir_schema *old, const struct weir_schema *next,
			weir_schema_difference_fn *on_difference, void *context);

/* The node behind references. */
uint32_t wr_js_behind(const struct wr_json_schema *s, uint32_t node);

/* A reader over a value of the text, its first token taken. */
void wr_js_json_at(const struct wr_json_schema *s, struct wr_schema_range at, struct wr_json *ret);

/* Of an object the property with the current name or string, or WR_SCHEMA_NONE. */
uint32_t wr_js_property_find(const struct wr_json_schema *s, const struct wr_js_node *object,
			     const struct wr_json *name);
uint32_t wr_js_name_hash(const struct wr_json *name);

struct wr_decimal wr_js_decimal_at(const struct wr_json_schema *s, struct wr_schema_range at);

/* The place of a byte in its document, "/properties/x"; of another one with its name before. */
char *wr_js_schema_path(const struct wr_json_schema *s, size_t at, char *to, size_t to_bytes);

#endif
