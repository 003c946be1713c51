/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator that a command gives its pipeline: a jemalloc arena of its own where weir was built
 * with jemalloc, so that a report tells what the tables take; else the C library's.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_ARENA_H
#define WEIR_TOOLS_ARENA_H

#include <weir.h>

#define CLI_ARENA_JEMALLOC "jemalloc"
#define CLI_ARENA_LIBC "libc"

struct weir_jemalloc;

struct cli_arena {
	const char *name; /* of the allocator: one of those above */
	struct weir_jemalloc *jemalloc;
	/* Read by cli_arena_read; 0 where the allocator does not tell. */
	uint64_t allocated_bytes;
	uint64_t resident_bytes;
};

/* Whether there is another than the C library's. */
bool cli_arena_have_jemalloc(void);

/* 0, with *ret_allocator to be used until cli_arena_close; or a code. */
int cli_arena_open(struct cli_arena *arena, bool jemalloc, struct weir_allocator *ret_allocator);

/* What is allocated now, into the arena's fields. */
void cli_arena_read(struct cli_arena *arena);

/* After the pipeline is closed. */
void cli_arena_close(struct cli_arena *arena);

#endif
