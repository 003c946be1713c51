/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values that an event has of the fields of one filter: the payload's, or those of attributes.
 * Part of the filter-by-filter way of matching; matcher.h has the other.
 *
 * Thread: one at a time. Memory: an arena of its own.
 */
#ifndef WR_ROUTE_FIELDS_H
#define WR_ROUTE_FIELDS_H

#include "core/route/filter.h"
#include "core/route/join.h"

struct wr_found {
	uint32_t leaf; /* whose path it has; of several such leaves, the first */
	uint32_t context;
	struct wr_value value;
	const char *raw; /* as it stands in the payload or the header; NULL: it has no text */
	size_t raw_bytes;
	size_t raw_at;
};

struct wr_fields {
	struct wr_arena arena;
	const struct wr_leaf **leaves; /* by id; NULL: in no alternative */
	uint32_t *first_of_path;       /* by id: the id of the first leaf of the same path */
	uint32_t leaf_count;
	struct wr_found *found;
	size_t found_count;
	size_t found_room;
	struct wr_context *contexts;
	size_t context_count;
	size_t context_room;
	uint32_t array_count;
	struct weir_problem *problem; /* may be NULL */
};

int wr_fields_init(struct wr_fields *fields, const struct weir_filter *filter,
		   struct weir_problem *problem);
void wr_fields_fini(struct wr_fields *fields);

/* 1: it was read; 0: it is no JSON object; or negative. */
int wr_fields_read_payload(struct wr_fields *fields, const struct weir_routed *event);
int wr_fields_read_attributes(struct wr_fields *fields, const struct weir_routed *event);

#endif
