/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled pattern, and what its parts mean.
 *
 * A pattern over JSON is a choice of alternatives; an alternative is a list of leaves, all of which
 * must hold; a leaf is a field and a list of conditions, one of which must hold for one value of
 * the field. A field is the text of its path, names joined by dots: whether a dot was in a name or
 * between two is not kept apart, neither in patterns nor in events, as AWS does it.
 *
 * Thread: any. Immutable once compiled.
 */
#ifndef WR_ROUTE_FILTER_H
#define WR_ROUTE_FILTER_H

#include <weir/route.h>

#include "core/route/address.h"
#include "core/route/arena.h"
#include "core/route/wildcard.h"

enum wr_condition_kind {
	WR_CONDITION_TEXT,    /* text */
	WR_CONDITION_NUMBER,  /* low; not finite: the digits in text */
	WR_CONDITION_LITERAL, /* literal */
	WR_CONDITION_ADDRESS, /* block: one address, whatever its spelling */
	WR_CONDITION_PREFIX,  /* text */
	WR_CONDITION_SUFFIX,
	WR_CONDITION_EQUALS_CASE, /* text, without regard to case; so the next two */
	WR_CONDITION_PREFIX_CASE,
	WR_CONDITION_SUFFIX_CASE,
	WR_CONDITION_WILDCARD,     /* wildcard */
	WR_CONDITION_RANGE,        /* low, high, and whether they are in it */
	WR_CONDITION_BLOCK,        /* block */
	WR_CONDITION_EXISTS,       /* nothing: any value */
	WR_CONDITION_ABSENT,       /* holds where the field has no value */
	WR_CONDITION_ANYTHING_BUT, /* a value that none of `but` holds for */
};

enum wr_value_kind {
	WR_VALUE_TEXT,
	WR_VALUE_NUMBER,
	WR_VALUE_TRUE,
	WR_VALUE_FALSE,
	WR_VALUE_NULL,
};

/* One value of an event. */
struct wr_value {
	enum wr_value_kind kind;
	const uint8_t *text; /* TEXT without escapes; NUMBER its digits */
	size_t text_bytes;
	double number;
};

struct wr_condition {
	enum wr_condition_kind kind;
	enum wr_value_kind literal;
	const char *text;
	size_t text_bytes;
	double low;
	double high;
	bool low_in;
	bool high_in;
	struct wr_wildcard wildcard;
	struct wr_address_block block;
	const struct wr_condition *but;
	size_t but_count;
};

struct wr_leaf {
	const char *path;
	size_t path_bytes;
	const struct wr_condition *conditions;
	size_t condition_count;
	bool wants_absent; /* one of them is ABSENT */
	uint32_t depth;    /* names on the way to it, as the pattern nests them */
	size_t at;         /* of the conditions in the pattern */
	size_t bytes;
	uint32_t id; /* from 0, in the order of the pattern; one in several alternatives once */
};

struct wr_alternative {
	const struct wr_leaf **leaves;
	const uint16_t
		*ranks; /* of the leaves, by path; NULL: none of them wants its field absent */
	size_t leaf_count;
	size_t leaf_room;
};

/* What a pattern of a kind looks at, beside keys. */
static inline bool wr_kind_asks_headers(enum weir_filter_kind kind)
{
	return kind == WEIR_FILTER_HEADERS || kind == WEIR_FILTER_SNS_ATTRIBUTES ||
	       kind == WEIR_FILTER_EVENTBRIDGE_HEADERS;
}

static inline bool wr_kind_asks_payload(enum weir_filter_kind kind)
{
	return kind == WEIR_FILTER_EVENTBRIDGE || kind == WEIR_FILTER_SNS_BODY;
}

enum wr_headers_match { WR_HEADERS_ALL, WR_HEADERS_ANY };

/* One argument of a headers binding. */
struct wr_argument {
	struct weir_typed_header header; /* its texts are copies */
	size_t at;                       /* of its value in the pattern */
	size_t bytes;
};

struct weir_filter {
	enum weir_filter_kind kind;
	struct wr_arena arena;
	const char *pattern; /* a copy */
	size_t pattern_bytes;

	const struct wr_alternative *alternatives; /* EVENTBRIDGE, SNS */
	size_t alternative_count;
	uint32_t leaf_count;

	const struct wr_argument *arguments; /* HEADERS, without x-match */
	size_t argument_count;
	enum wr_headers_match headers_match;
	bool with_x;
};

/* Does the condition hold for this value? ABSENT never does. */
bool wr_condition_holds(const struct wr_condition *condition, const struct wr_value *value);

/* Does one of the leaf's? */
bool wr_leaf_holds(const struct wr_leaf *leaf, const struct wr_value *value);

static inline bool wr_filter_asks_headers(const struct weir_filter *filter)
{
	return wr_kind_asks_headers(filter->kind);
}

static inline bool wr_filter_asks_payload(const struct weir_filter *filter)
{
	return wr_kind_asks_payload(filter->kind);
}

/* A problem with `where` (its end, if it is long) and a sentence. Returns `code`. */
int wr_route_refuse(struct weir_problem *problem, int code, const char *where, size_t where_bytes,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The compilers. They fill what their kind needs; `filter->pattern` is there. */
int wr_route_compile_json(struct weir_filter *filter, struct weir_problem *problem);
int wr_route_compile_headers(struct weir_filter *filter, struct weir_problem *problem);
int wr_route_take_arguments(struct weir_filter *filter, const struct weir_typed_header *arguments,
			    size_t count, struct weir_problem *problem);

/* Everything but the default allocator: io/route.c. */
int wr_filter_create(enum weir_filter_kind kind, const void *pattern, size_t pattern_bytes,
		     const struct weir_allocator *allocator, struct weir_filter **ret_filter,
		     struct weir_problem *problem);
int wr_filter_create_headers(const struct weir_typed_header *arguments, size_t count,
			     const struct weir_allocator *allocator,
			     struct weir_filter **ret_filter, struct weir_problem *problem);

typedef void wr_leaf_fn(void *context, const struct weir_leaf *leaf);

/* How they match; `tell` may be NULL. 1, 0, or negative. */
int wr_route_match_headers(const struct weir_filter *filter, const struct weir_routed *event,
			   wr_leaf_fn *tell, void *context);
int wr_route_match_json(const struct weir_filter *filter, const struct weir_routed *event,
			wr_leaf_fn *tell, void *context, struct weir_problem *problem);

#endif
