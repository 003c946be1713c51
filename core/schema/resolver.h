/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done with a value of the writer's to make it one of the reader's: an action for each pair
 * of types, found once. A record's action is a list of steps. Where the fields that are read
 * stand in the same order in both, the steps follow the writer's bytes; where they do not, the
 * record is passed over first and the place of each field kept.
 *
 * What would come out as it goes in is one step, however much it is: passed over, then copied.
 */
#ifndef WR_SCHEMA_RESOLVER_H
#define WR_SCHEMA_RESOLVER_H

#include "core/schema/pairs.h"

/* Fields of a record that stands in another order. */
#define WR_SLOTS_MAX 256u

enum wr_action_kind {
	WR_ACTION_NONE = 0, /* not found yet */
	WR_ACTION_COPY,     /* as it is */
	WR_ACTION_INT_TO_FLOAT,
	WR_ACTION_INT_TO_DOUBLE,
	WR_ACTION_LONG_TO_FLOAT,
	WR_ACTION_LONG_TO_DOUBLE,
	WR_ACTION_FLOAT_TO_DOUBLE,
	WR_ACTION_BYTES_TO_STRING,
	WR_ACTION_ENUM,         /* first: in numbers, the reader's index of each symbol */
	WR_ACTION_RECORD,       /* first, count: steps, in the writer's order */
	WR_ACTION_RECORD_AGAIN, /* the same, but the places of fields are found first */
	WR_ACTION_ITEMS,        /* first: the action of items or values */
	WR_ACTION_WRITER_UNION, /* first: in numbers, an action for each branch */
	WR_ACTION_READER_UNION, /* count: the branch; first: the action */
	WR_ACTION_REFUSE,       /* why */
};

struct wr_action {
	uint8_t kind;
	bool is_copy; /* of what has parts: all of them are */
	uint32_t w;   /* nodes */
	uint32_t r;
	uint32_t first;
	uint32_t count;
	const char *why;
};

enum wr_step_kind {
	WR_STEP_COPY,    /* so many fields of the writer, from `first` on, as they are */
	WR_STEP_PASS,    /* so many that nobody reads */
	WR_STEP_DO,      /* first: the action */
	WR_STEP_DEFAULT, /* count bytes from first on in the pool */
	WR_STEP_AT,      /* RECORD_AGAIN: count: slot; first: the action */
};

struct wr_step {
	uint32_t kind;
	uint32_t first;
	uint32_t count;
};

struct weir_resolver {
	struct weir_allocator allocator;
	const struct weir_schema *writer;
	const struct weir_schema *reader;
	struct wr_action *actions; /* of pairs, by their number; 0 is the roots' */
	struct wr_step *steps;
	uint32_t *numbers;
	uint8_t *pool;
	uint32_t action_count;
	uint32_t step_count;
	uint32_t number_count;
	uint32_t pool_bytes;
	uint32_t step_capacity;
	uint32_t number_capacity;
	uint32_t pool_capacity;
};

#endif
