/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a schema from JSON. The text is looked at once as a whole (is it JSON, how much will
 * there be of everything), then the block is allocated, then types are read where they stand. An
 * object is read in two goes, since its members come in any order: first where each one is, then
 * what it is.
 *
 * Recursion follows the types as they lie inside one another, WEIR_SCHEMA_DEPTH_MAX deep.
 */
#ifndef WR_SCHEMA_PARSE_H
#define WR_SCHEMA_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/json/json_read.h"
#include "core/schema/schema.h"

/* The members that mean something. */
enum wr_schema_member {
	WR_MEMBER_TYPE,
	WR_MEMBER_NAME,
	WR_MEMBER_NAMESPACE,
	WR_MEMBER_ALIASES,
	WR_MEMBER_FIELDS,
	WR_MEMBER_SYMBOLS,
	WR_MEMBER_ITEMS,
	WR_MEMBER_VALUES,
	WR_MEMBER_SIZE,
	WR_MEMBER_DEFAULT,
	WR_MEMBER_ORDER,
	WR_MEMBER_LOGICAL_TYPE,
	WR_MEMBER_PRECISION,
	WR_MEMBER_SCALE,
	WR_MEMBERS,
};

/* A value where it stands. */
struct wr_schema_value {
	struct wr_schema_range at;
	enum wr_json_token token; /* WR_JSON_NONE: it is not there */
};

struct wr_schema_members {
	struct wr_schema_value of[WR_MEMBERS];
	uint32_t start; /* of the object */
};

/* "fields" and 3, or "items" alone (WR_SCHEMA_NONE), or a branch alone (no word). */
struct wr_schema_step {
	const char *word;
	uint32_t index;
};

#define WR_SCHEMA_STEPS_MAX (3 * WEIR_SCHEMA_DEPTH_MAX + 8)

struct wr_schema_parser {
	struct weir_schema *s;
	struct weir_problem *problem; /* or NULL */
	uint32_t flags;
	uint32_t part_start; /* lines are counted from here */
	uint32_t depth;
	uint32_t marks; /* the last one given */
	uint32_t step_count;
	uint64_t work; /* of checking defaults */
	struct wr_schema_step steps[WR_SCHEMA_STEPS_MAX];
};

/* A type, of any form, in namespace `space`. 0, or what weir_schema_parse() returns. */
int wr_schema_parse_type(struct wr_schema_parser *p, const struct wr_schema_value *value,
			 uint32_t space, uint32_t *ret_node);

/* Of an object {"type": "record" ...}: `members` is where what stands. */
int wr_schema_parse_record(struct wr_schema_parser *p, const struct wr_schema_members *members,
			   uint32_t space, uint32_t *ret_node);
int wr_schema_parse_enum(struct wr_schema_parser *p, const struct wr_schema_members *members,
			 uint32_t space, uint32_t *ret_node);
int wr_schema_parse_fixed(struct wr_schema_parser *p, const struct wr_schema_members *members,
			  uint32_t space, uint32_t *ret_node);

/* Sets the node's logical type, if the members name one that fits. */
void wr_schema_parse_logical(struct wr_schema_parser *p, const struct wr_schema_members *members,
			     struct wr_schema_node *node);

/* Where each member of the object stands. */
int wr_schema_parse_members(struct wr_schema_parser *p, const struct wr_schema_value *object,
			    struct wr_schema_members *ret_members);

/* The named type that a name stands for, seen from a namespace; WR_SCHEMA_NONE. */
uint32_t wr_schema_type_find(const struct weir_schema *s, const char *name, size_t bytes,
			     uint32_t space);

/* A reader over the value, its first token taken. */
void wr_schema_json_at(const struct weir_schema *s, struct wr_schema_range at, struct wr_json *ret);

/* The value, if it is a string of at most WEIR_SCHEMA_NAME_BYTES_MAX: true. */
bool wr_schema_string_at(const struct weir_schema *s, const struct wr_schema_value *value,
			 char to[WEIR_SCHEMA_NAME_BYTES_MAX + 1], size_t *ret_bytes);

/* A node of a type, all else nothing. */
uint32_t wr_schema_node_new(struct weir_schema *s, uint8_t type, uint32_t at);

void wr_schema_step_in(struct wr_schema_parser *p, const char *word, uint32_t index);
void wr_schema_step_out(struct wr_schema_parser *p);

/* Sets the steps to where this field is defined. */
void wr_schema_path_to_field(struct wr_schema_parser *p, uint32_t field);

/* Says what is wrong with a text as a whole; the problem may be NULL. Returns the code. */
int wr_schema_wrong_before(struct weir_problem *problem, int code, const char *text);

/* Says what is wrong at this byte of the text, and returns the code. */
int wr_schema_wrong(struct wr_schema_parser *p, int code, uint32_t at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
