/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keywords of JSON Schema: those that weir knows, those that say nothing about what is valid,
 * and those that it refuses, each with the reason. Static tables.
 */
#ifndef WR_SCHEMA_JS_KEYWORDS_H
#define WR_SCHEMA_JS_KEYWORDS_H

#include "core/json/json_read.h"

enum wr_js_word {
	WR_JS_WORD_SCHEMA,
	WR_JS_WORD_ID,
	WR_JS_WORD_REF,
	WR_JS_WORD_TYPE,
	WR_JS_WORD_ENUM,
	WR_JS_WORD_CONST,
	WR_JS_WORD_DEFAULT,
	WR_JS_WORD_PROPERTIES,
	WR_JS_WORD_REQUIRED,
	WR_JS_WORD_ADDITIONAL_PROPERTIES,
	WR_JS_WORD_MIN_PROPERTIES,
	WR_JS_WORD_MAX_PROPERTIES,
	WR_JS_WORD_ITEMS,
	WR_JS_WORD_PREFIX_ITEMS,
	WR_JS_WORD_ADDITIONAL_ITEMS,
	WR_JS_WORD_MIN_ITEMS,
	WR_JS_WORD_MAX_ITEMS,
	WR_JS_WORD_UNIQUE_ITEMS,
	WR_JS_WORD_MINIMUM, /* the bounds stand as in enum wr_js_bound */
	WR_JS_WORD_MAXIMUM,
	WR_JS_WORD_EXCLUSIVE_MINIMUM,
	WR_JS_WORD_EXCLUSIVE_MAXIMUM,
	WR_JS_WORD_MULTIPLE_OF,
	WR_JS_WORD_MIN_LENGTH,
	WR_JS_WORD_MAX_LENGTH,
	WR_JS_WORD_ALL_OF,
	WR_JS_WORD_ANY_OF,
	WR_JS_WORD_ONE_OF,
	WR_JS_WORD_NOT,
	WR_JS_WORD_DEFS,
	WR_JS_WORD_DEFINITIONS,
	WR_JS_WORDS,
	WR_JS_ANNOTATION = WR_JS_WORDS,
	WR_JS_REFUSED,
};

/* What a keyword's value is made of. */
enum wr_js_shape {
	WR_JS_SHAPE_VALUE, /* any JSON */
	WR_JS_SHAPE_SCHEMA,
	WR_JS_SHAPE_SCHEMAS, /* an array of them; items: a schema or an array */
	WR_JS_SHAPE_NAMED,   /* an object of them */
};

/* The keyword of the current name. WR_JS_REFUSED: *ret_reason says why. */
enum wr_js_word wr_js_word_of(const struct wr_json *name, const char **ret_reason);
const char *wr_js_word_text(enum wr_js_word word);
enum wr_js_shape wr_js_word_shape(enum wr_js_word word);

#endif
