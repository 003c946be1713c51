/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk through two schemas that tells what it finds: a stack of places to go to, each of which
 * knows where it was come from, so that its path can be written. In place of recursion, whose
 * depth a chain of named types would decide.
 *
 * Thread: the caller's. Memory: an allocator, freed by wr_trail_fini().
 */
#ifndef WR_SCHEMA_TRAIL_H
#define WR_SCHEMA_TRAIL_H

#include "core/schema/schema.h"

/* A path is cut in the middle where it has more characters. */
#define WR_TRAIL_PATH_BYTES 1024u
#define WR_TRAIL_TEXT_BYTES 768u

struct wr_trail_place {
	uint32_t parent;  /* WR_SCHEMA_NONE at the root */
	const char *word; /* "fields", "type"; NULL: the index alone */
	uint32_t index;   /* WR_SCHEMA_NONE: the word alone */
	const char *name; /* behind the word, before the index; need not end with a 0; or NULL */
	uint32_t name_bytes;
	/* What is there, for the walk. A place with `issue` is told when its turn comes. */
	uint32_t r;
	uint32_t w;
	bool is_issue;
	enum weir_schema_issue_kind kind;
	uint32_t subject; /* of the issue: a field */
};

struct wr_trail {
	const struct weir_allocator *allocator;
	struct wr_trail_place *places;
	uint32_t *stack;
	uint32_t place_count;
	uint32_t place_capacity;
	uint32_t depth;
	uint32_t stack_capacity;
	int code; /* the first failure; nothing is pushed any more */
	/* What each issue says of itself. */
	struct weir_schema_issue issue;
	weir_schema_issue_fn *on_issue;
	void *context;
	uint32_t told;
};

void wr_trail_init(struct wr_trail *t, const struct weir_allocator *allocator,
		   weir_schema_issue_fn *on_issue, void *context);
void wr_trail_fini(struct wr_trail *t);

/* The place's index, to be the parent of others; WR_SCHEMA_NONE when the trail has failed. */
uint32_t wr_trail_add(struct wr_trail *t, const struct wr_trail_place *place);

/* It will be gone to: the last one that was pushed comes first. */
void wr_trail_push(struct wr_trail *t, uint32_t place);

/* The next place; WR_SCHEMA_NONE: there is none. */
uint32_t wr_trail_pop(struct wr_trail *t);

/* "/fields/1/type", "/" for the root; with `word` behind it if there is one. */
char *wr_trail_path(const struct wr_trail *t, uint32_t place, const char *word,
		    char to[WR_TRAIL_PATH_BYTES]);

/* A text of WR_TRAIL_TEXT_BYTES, cut where it is longer. */
void wr_trail_say(char *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells an issue at a place. */
void wr_trail_tell(struct wr_trail *t, uint32_t place, const char *word,
		   enum weir_schema_issue_kind kind, const char *message, const char *explanation,
		   const char *fix);

#endif
