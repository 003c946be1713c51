/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a JSON Schema. A first look says whether each text is JSON; then schemas are read where
 * they stand, an object in two goes (where each keyword is, then what it says); references are
 * followed when all is there, since they lead anywhere.
 *
 * Recursion follows the schemas as they lie inside one another, WEIR_SCHEMA_DEPTH_MAX deep.
 */
#ifndef WR_SCHEMA_JS_PARSE_H
#define WR_SCHEMA_JS_PARSE_H

#include "core/schema/js_keywords.h"
#include "core/schema/js_schema.h"
#include "core/schema/parse.h"

struct wr_js_words {
	struct wr_schema_value of[WR_JS_WORDS];
	struct wr_schema_range at; /* of the object */
};

struct wr_js_parser {
	struct weir_schema *schema;
	struct wr_json_schema *s;
	struct weir_problem *problem; /* or NULL */
	const struct wr_js_document *document;
	uint32_t depth;
	uint64_t work; /* of following references */
};

/* A schema where it stands. 0, or what weir_schema_parse() returns. */
int wr_js_parse_schema(struct wr_js_parser *p, const struct wr_schema_value *value,
		       uint32_t *ret_node);

/* What `type` and the keywords of each type say: at most 4 nodes more in parts. */
int wr_js_parse_types(struct wr_js_parser *p, const struct wr_js_words *words, uint32_t *parts,
		      uint32_t *part_count);

/* All references: where they lead, and that none leads to itself. */
int wr_js_refs_follow(struct wr_js_parser *p);

/* A node, all else nothing; room for `count` in lists or properties, that are filled in later. */
int wr_js_node_new(struct wr_js_parser *p, enum wr_js_kind kind, struct wr_schema_range at,
		   uint32_t *ret_node);
int wr_js_list_new(struct wr_js_parser *p, uint32_t count, uint32_t *ret_first);
int wr_js_properties_new(struct wr_js_parser *p, uint32_t count, uint32_t *ret_first);

/* The elements of an array or members of an object that stands at `at`. */
uint32_t wr_js_element_count(const struct wr_json_schema *s, struct wr_schema_range at);

/* The value that the current token begins; the reader is behind it then. */
struct wr_schema_value wr_js_value_take(struct wr_json *j, uint32_t base);

/* An array of schemas into a list of nodes. */
int wr_js_parse_list(struct wr_js_parser *p, const struct wr_schema_value *value,
		     uint32_t *ret_first, uint32_t *ret_count);

int wr_js_wrong(struct wr_js_parser *p, int code, uint32_t at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
