/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compilers of JSON patterns share: the reader, where in the pattern it is, and how to
 * say so. Part of core/route/compile*.c, and for nobody else.
 */
#ifndef WR_ROUTE_COMPILE_H
#define WR_ROUTE_COMPILE_H

#include "core/json/json_read.h"
#include "core/route/filter.h"

#define WR_COMPILE_DEPTH_MAX 100u

struct wr_compile {
	struct weir_filter *filter;
	struct weir_problem *problem;
	struct wr_json json;
	char *path; /* names so far, joined by dots; room for all of the pattern */
	size_t path_bytes;
	uint32_t depth;       /* names in it */
	size_t index;         /* of the condition in its field's list, from 1; 0: none */
	const char *operator; /* of it, or NULL */
	bool is_sns;
	bool is_flat;            /* SNS_ATTRIBUTES: nothing nests */
	uint32_t top_name_count; /* members of the outermost object; a $or is one */
	uint32_t or_depth;       /* $or around here */
};

/* Refuses with the place where the compiler is. -EINVAL. */
int wr_compile_refuse(struct wr_compile *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The next token; a document that is damaged there is refused: a negative code, else 0. */
int wr_compile_next(struct wr_compile *c);

/* The current string or name, in the filter's arena. NULL: no memory. */
char *wr_compile_string(struct wr_compile *c, size_t *ret_bytes);

/* What the current token is called when it is not what was wanted. */
const char *wr_compile_token_name(const struct wr_compile *c);

/* A string of a field's list; a number or literal; an object of one operator, behind its '{'. */
int wr_compile_text(struct wr_compile *c, struct wr_condition *ret_condition);
int wr_compile_number(struct wr_compile *c, struct wr_condition *ret_condition);
int wr_compile_expression(struct wr_compile *c, struct wr_condition *ret_condition);

/* Gives the leaves their ranks, if it matters in which order AWS looks at them. */
int wr_compile_rank(struct wr_compile *c, struct wr_alternative *a);

/* Refuses wildcards that cost too much together, and what SNS has no room for. */
int wr_compile_check_cost(struct wr_compile *c);
int wr_compile_check_sns(struct wr_compile *c);

/* Is this a name that a field inside $or must not have? */
bool wr_compile_is_reserved(const char *name, size_t bytes);

#endif
