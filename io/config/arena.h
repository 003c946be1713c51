/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one config: its tree, its texts, its findings. All of it is given back at once, so no
 * part needs to be tracked, whatever error ended the reading.
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_ARENA_H
#define WR_CONFIG_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct wr_config_block;

/* All zero is an empty arena. */
struct wr_config_arena {
	struct wr_config_block *blocks; /* the newest first: what is left of it is handed out */
};

/* Zeroed, aligned for every type; NULL when there is no memory. */
void *wr_config_alloc(struct wr_config_arena *arena, size_t bytes);

/* A copy that ends in NUL, or NULL. */
char *wr_config_copy(struct wr_config_arena *arena, const char *text, size_t bytes);

/* As vsnprintf() would print it, as long as it is; NULL when there is no memory. */
char *wr_config_vtext(struct wr_config_arena *arena, const char *format, va_list list)
	__attribute__((format(printf, 2, 0)));

void wr_config_arena_fini(struct wr_config_arena *arena);

#endif
