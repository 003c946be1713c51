/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled transformer, and what its parts mean.
 *
 * The paths of its variables are a tree of steps: a payload is read once, and what the tree does
 * not lead to is skipped. A step of the tree at which a variable ends has a slot: the range of the
 * value in the payload, found in that pass. What a path says behind a wildcard is looked for when
 * the value is written, in its range.
 *
 * The template is a list of parts, minified: text as it is, and places where something is filled
 * in, each in a string or as a value.
 *
 *   transform.c           a definition, made and given back
 *   transform_path.c      paths, and their tree
 *   transform_template.c  templates
 *   transform_read.c      the pass over a payload
 *   transform_run.c       what is written
 *
 * Thread: any. Immutable once compiled.
 */
#ifndef WR_ROUTE_TRANSFORM_H
#define WR_ROUTE_TRANSFORM_H

#include <weir/transform.h>

#include "core/json/json_read.h"
#include "core/route/arena.h"

/* Of one path: each has a '.' or '[' and more behind it. */
#define WR_PATH_STEPS_MAX (WEIR_TRANSFORM_NAME_BYTES_MAX / 2)
#define WR_STEP_NONE UINT32_MAX

enum wr_path_step_kind {
	WR_STEP_NAME,  /* a member */
	WR_STEP_INDEX, /* an element */
	WR_STEP_ALL,   /* each member or element */
};

struct wr_path_step {
	enum wr_path_step_kind kind;
	const char *name;
	uint32_t name_bytes;
	uint32_t index;
};

struct wr_value_path {
	const struct wr_path_step *steps;
	uint32_t step_count;
	uint32_t plain_count; /* of them, in front of the first ALL */
};

/* A place in the tree; the first one is the payload itself. */
struct wr_path_node {
	struct wr_path_step step;
	uint32_t parent, first_child, next; /* WR_STEP_NONE: none */
	uint32_t slot;                      /* of the value there; WR_STEP_NONE: nobody wants it */
	uint32_t first_slot, end_slot;      /* its own and those below: they lie together */
};

struct wr_variable {
	const char *name;
	uint32_t name_bytes;
	struct wr_value_path path;
	uint32_t slot;
};

/* What a place in a template stands for, beside variables. */
#define WR_FACT_MAP(X)                                                                             \
	X(PAYLOAD, "weir.payload")                                                                 \
	X(KEY, "weir.key")                                                                         \
	X(TOPIC, "weir.topic")                                                                     \
	X(PARTITION, "weir.partition")                                                             \
	X(SEQUENCE, "weir.sequence")                                                               \
	X(TIME, "weir.time")                                                                       \
	X(SUBSCRIPTION, "weir.subscription")                                                       \
	X(EVENT_ID, "weir.event-id")                                                               \
	X(CORRELATION_ID, "weir.correlation-id")                                                   \
	X(EVENT, "aws.events.event")                                                               \
	X(AWS_PAYLOAD, "aws.events.event.json")                                                    \
	X(AWS_TIME, "aws.events.event.ingestion-time")                                             \
	X(AWS_RULE_NAME, "aws.events.rule-name")

enum wr_fact {
#define WR_FACT_ENUM(name, text) WR_FACT_##name,
	WR_FACT_MAP(WR_FACT_ENUM)
#undef WR_FACT_ENUM
		WR_FACT_COUNT,
};

enum wr_part_kind {
	WR_PART_TEXT,     /* text */
	WR_PART_VARIABLE, /* index: of a variable */
	WR_PART_FACT,     /* index: enum wr_fact */
};

struct wr_part {
	enum wr_part_kind kind;
	bool in_string;
	uint32_t index;
	const char *text;
	size_t text_bytes;
};

struct weir_transform {
	struct wr_arena arena;
	const struct wr_variable *variables;
	uint32_t variable_count;
	const struct wr_path_node *nodes; /* the tree */
	uint32_t slot_count;
	const struct wr_part *parts;
	size_t part_count;
	bool reads_payload; /* any part of it */
	bool must_be_there; /* InputPath: nothing there is an error */
};

/* A value in a payload; end 0: there is none. */
struct wr_value_range {
	size_t start, end;
};

/* What a path says; refused with the problem's field `where`. Steps are in the arena. */
int wr_transform_path(struct wr_arena *arena, const char *where, const char *text, size_t bytes,
		      struct wr_value_path *ret_path, struct weir_problem *problem);
/* The tree of all variables that `used` has set; sets their slots. False: no memory. */
bool wr_transform_tree(struct weir_transform *transform, struct wr_variable *variables,
		       const bool *used);

/* Fills the parts; `used` [variables] is set for those that are in it. */
int wr_transform_template(struct weir_transform *transform, const char *text, size_t bytes,
			  bool *used, struct weir_problem *problem);

/* One pass over a payload: the ranges [slot_count] of what is wanted. 0, or -EINVAL. */
int wr_transform_read(const struct weir_transform *transform, const void *payload, size_t bytes,
		      struct wr_value_range *ranges, struct weir_problem *problem);
/*
 * Calls `take` for each value that these steps lead to, in a range that was read before; it says
 * whether to go on.
 */
void wr_transform_walk(const uint8_t *payload, struct wr_value_range range,
		       const struct wr_path_step *steps, uint32_t step_count,
		       bool (*take)(void *context, const struct wr_value_range *value),
		       void *context);

/* Everything but the default allocator: io/route.c. */
int wr_transform_create(const void *text, size_t text_bytes, const struct weir_allocator *allocator,
			struct weir_transform **ret_transform, struct weir_problem *problem);

#endif
