/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two schemas side by side: a set of pairs (node of the reader, node of the writer), so that
 * each is looked at once however the types recurse, and which field of the writer is the
 * reader's.
 *
 * Thread: the caller's. Memory: the reader's allocator, freed by wr_pairs_fini().
 */
#ifndef WR_SCHEMA_PAIRS_H
#define WR_SCHEMA_PAIRS_H

#include "core/schema/schema.h"

/* More pairs than this are not compared: WEIR_E_TOO_BIG. */
#define WR_PAIRS_MAX (1u << 20)

struct wr_pair {
	uint32_t r;
	uint32_t w;
	uint32_t next; /* in its bucket, one higher; 0 ends it */
	bool is_compatible;
	bool is_local_bad; /* whatever their parts are */
	bool is_told;
};

struct wr_pairs {
	const struct weir_schema *r;
	const struct weir_schema *w;
	struct wr_pair *pairs;
	uint32_t *buckets;
	uint32_t count;
	uint32_t capacity; /* buckets are twice as many */
	/* Of each name of the reader the number in the writer's table. */
	uint32_t *name_of;
	/* Of each name of the writer: the field of the record that was indexed last. */
	uint32_t *field_of;
	uint32_t *field_mark;
	uint32_t mark;
};

#define WR_FIELD_AMBIGUOUS (WR_SCHEMA_NONE - 1)

/* 0 or -ENOMEM; wr_pairs_fini() either way. */
int wr_pairs_init(struct wr_pairs *p, const struct weir_schema *r, const struct weir_schema *w);
void wr_pairs_fini(struct wr_pairs *p);

/* The pair's index, or WR_SCHEMA_NONE. */
uint32_t wr_pairs_find(const struct wr_pairs *p, uint32_t r, uint32_t w);

/* The same; a new one is put in (compatible). Negative: WEIR_E_TOO_BIG, -ENOMEM. */
int wr_pairs_add(struct wr_pairs *p, uint32_t r, uint32_t w, uint32_t *ret_index);

/* From now on wr_pairs_field() looks in this record of the writer. */
void wr_pairs_index_fields(struct wr_pairs *p, uint32_t w);

/*
 * The index in fields of the writer's field that has the reader's name, or one of its aliases;
 * WR_SCHEMA_NONE; WR_FIELD_AMBIGUOUS: several have.
 */
uint32_t wr_pairs_field(const struct wr_pairs *p, const struct wr_schema_field *reader_field);

/* The same by the name alone. */
uint32_t wr_pairs_field_named(const struct wr_pairs *p, uint32_t reader_name);

/* Do these named types match: names without namespaces are equal, or the writer's full name is an
 * alias of the reader's. */
bool wr_pairs_names_match(const struct wr_pairs *p, uint32_t r, uint32_t w);

/* Are these two branches of unions the same one, before and after? Of the same type and, if
 * they have names, matching ones. */
bool wr_pairs_same_branch(const struct wr_pairs *p, uint32_t r, uint32_t w);

/* The writer's union's branch that is the same one, or WR_SCHEMA_NONE. */
uint32_t wr_pairs_branch(const struct wr_pairs *p, uint32_t r, const struct wr_schema_node *w);

/* A larger array: its elements keep their places. 0, WEIR_E_TOO_BIG above `most`, -ENOMEM. */
int wr_schema_grow(const struct weir_allocator *allocator, void **array, uint32_t *capacity,
		   size_t element_bytes, uint32_t most);

#endif
