/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing two JSON Schemas: what js_check.c and js_branches.c share. */
#ifndef WR_SCHEMA_JS_COMPARE_H
#define WR_SCHEMA_JS_COMPARE_H

#include "core/schema/js_schema.h"
#include "core/schema/pairs.h"
#include "core/schema/trail.h"

/* Of both nodes of a pair: the reader's node is one of the writer's schema, and the other way. */
#define WR_JS_TURNED 0x80000000u
/* The same, of a pair below a `not`: what is said to be good has to be. Where the rules are looser
 * at the top, they are those of Confluent's registry, and say "compatible" of what is not. */
#define WR_JS_STRICT 0x40000000u
#define WR_JS_MARKS (WR_JS_TURNED | WR_JS_STRICT)
#define WR_JS_COMPARE_WORK_MAX (UINT64_C(1) << 25)

struct wr_js_compare {
	struct wr_pairs pairs;
	struct wr_trail trail;
	uint32_t place; /* of the pair that is told */
	uint64_t work;
	int code;
	bool is_bad; /* the pair that is looked at */
	bool is_telling;
};

/* A pair without references. */
struct wr_js_sides {
	const struct wr_json_schema *old_schema;
	const struct wr_json_schema *new_schema;
	const struct wr_js_node *o;
	const struct wr_js_node *n;
	uint32_t old_node;
	uint32_t new_node;
	uint32_t marks; /* WR_JS_ */
};

/* The verdict of parts of the two, as far as it is known: good until it is found bad. */
bool wr_js_good(struct wr_js_compare *c, const struct wr_js_sides *s, uint32_t old_node,
		uint32_t new_node, bool turns);

/* The pair is bad; telling, it says why, at the place that `step` leads to. */
void wr_js_bad(struct wr_js_compare *c, struct wr_trail_place step,
	       enum weir_schema_issue_kind kind, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* With the texts of both as the message: "5, was 7". */
void wr_js_bad_texts(struct wr_js_compare *c, const struct wr_js_sides *s,
		     struct wr_trail_place step, enum weir_schema_issue_kind kind,
		     struct wr_schema_range was, struct wr_schema_range now);

/* enum and const. */
void wr_js_compare_values(struct wr_js_compare *c, const struct wr_js_sides *s);

/* allOf, anyOf, oneOf on either side. true: all is said of the pair. */
bool wr_js_compare_branches(struct wr_js_compare *c, const struct wr_js_sides *s);

/* "string", "allOf". Static. */
const char *wr_js_kind_word(const struct wr_js_node *n);

#endif
