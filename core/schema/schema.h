/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Avro schema as it is kept: nodes, fields and lists of numbers in one block, names as
 * numbers of a table, so that two of them are compared as numbers. A named type that is used
 * twice is one node, so a recursive type is a circle. Nothing changes after weir_schema_parse():
 * any number of threads may look. Of a JSON Schema all that is in `json` (js_schema.h).
 */
#ifndef WR_SCHEMA_SCHEMA_H
#define WR_SCHEMA_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include <weir/schema.h>

#define WR_SCHEMA_NONE UINT32_MAX

enum wr_schema_logical {
	WR_LOGICAL_NONE = 0,
	WR_LOGICAL_DECIMAL,
	WR_LOGICAL_BIG_DECIMAL,
	WR_LOGICAL_UUID,
	WR_LOGICAL_DATE,
	WR_LOGICAL_TIME_MILLIS,
	WR_LOGICAL_TIME_MICROS,
	WR_LOGICAL_TIMESTAMP_MILLIS,
	WR_LOGICAL_TIMESTAMP_MICROS,
	WR_LOGICAL_TIMESTAMP_NANOS,
	WR_LOGICAL_LOCAL_TIMESTAMP_MILLIS,
	WR_LOGICAL_LOCAL_TIMESTAMP_MICROS,
	WR_LOGICAL_LOCAL_TIMESTAMP_NANOS,
	WR_LOGICAL_DURATION,
};

/* Bytes of the schema's text, half open. */
struct wr_schema_range {
	uint32_t start;
	uint32_t end; /* 0: there are none */
};

struct wr_schema_node {
	uint8_t type;    /* enum weir_schema_type */
	uint8_t logical; /* enum wr_schema_logical; one that does not fit the type is none */
	uint32_t space;  /* named types: number of the namespace, WR_SCHEMA_NONE for none */
	uint32_t name;   /* and of the name in it */
	uint32_t
		first; /* record: field; enum: symbol in lists; union: branch in lists; else node */
	uint32_t count;       /* of fields, symbols, branches; 1 for the items of an array or map */
	uint32_t alias_first; /* in lists: {space, name} for each */
	uint32_t alias_count;
	uint32_t size;           /* fixed: bytes */
	uint32_t default_symbol; /* enum: its index, or WR_SCHEMA_NONE */
	uint32_t precision;      /* decimal */
	uint32_t scale;
	uint32_t same_name; /* the next named type with this name, in another namespace */
	uint32_t at;        /* where it stands in the text */
};

struct wr_schema_field {
	uint32_t name;
	uint32_t node;
	uint32_t alias_first; /* in lists: a name for each */
	uint32_t alias_count;
	struct wr_schema_range fallback; /* its default value, as JSON */
};

/* A string of the table. */
struct wr_schema_name {
	uint32_t at; /* in the pool */
	uint32_t bytes;
	uint32_t hash;
	uint32_t next; /* in its bucket, one higher; 0 ends it */
	uint32_t node; /* the first type with this name; WR_SCHEMA_NONE */
	uint32_t mark; /* while it is parsed: who had it last */
};

struct wr_json_schema;

struct weir_schema {
	struct weir_allocator allocator;
	size_t block_bytes;
	const uint8_t *text;
	uint32_t text_bytes;
	struct wr_schema_node *nodes;
	struct wr_schema_field *fields;
	struct wr_schema_name *names;
	uint32_t *lists;
	uint32_t *buckets;
	uint8_t *pool;
	uint32_t node_count;
	uint32_t field_count;
	uint32_t name_count;
	uint32_t list_count;
	uint32_t bucket_count; /* a power of two */
	uint32_t pool_bytes;
	uint32_t root;
	uint64_t fingerprint;
	struct wr_json_schema *json; /* NULL: it is Avro's. Else the root is one of its nodes */
};


static inline bool wr_schema_is_named(uint8_t type)
{
	return type == WEIR_SCHEMA_RECORD || type == WEIR_SCHEMA_ENUM || type == WEIR_SCHEMA_FIXED;
}

/* "INT", "RECORD": as messages and canonical forms have them, in capitals or not. Static. */
const char *wr_schema_type_word(uint8_t type);
const char *wr_schema_type_capitals(uint8_t type);
const char *wr_schema_logical_word(uint8_t logical);

/* The bytes of a name; "" for WR_SCHEMA_NONE. */
const char *wr_schema_text_of(const struct weir_schema *s, uint32_t name, uint32_t *ret_bytes);

/* The number of a string, or WR_SCHEMA_NONE. */
uint32_t wr_schema_name_find(const struct weir_schema *s, const void *text, size_t bytes);

/* The same, and it is put into the table, which has room for it. */
uint32_t wr_schema_name_put(struct weir_schema *s, const void *text, size_t bytes);

/* Is name a of schema s the same text as name b of schema t? */
bool wr_schema_same_text(const struct weir_schema *s, uint32_t a, const struct weir_schema *t,
			 uint32_t b);

/*
 * The name of a type with its namespace, for a person; of a type without a name, the type. Cut
 * where there is no room; returns `to`.
 */
char *wr_schema_full_name(const struct weir_schema *s, uint32_t node, char *to, size_t to_bytes);

/* A type as a person would write it: with its name, size and logical type. Cut; returns `to`. */
char *wr_schema_describe(const struct weir_schema *s, uint32_t node, char *to, size_t to_bytes);

/*
 * weir_schema_parse() of an array of schemas, each of which may name the types of those before it.
 * The last one is meant; lines are counted from where it begins.
 */
int wr_schema_parse_parts(const void *text, size_t text_bytes,
			  const struct weir_allocator *allocator, struct weir_schema **ret_schema,
			  struct weir_problem *reterr_problem);

/* From any allocator: all NULL is the C library's. Zeroed. */
void *wr_schema_alloc(const struct weir_allocator *allocator, size_t bytes);
void wr_schema_free(const struct weir_allocator *allocator, void *p, size_t bytes);

#endif
