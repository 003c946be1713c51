/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns and events drawn from a seed, out of few names and values, so that they often meet.
 * Some of the patterns are refused.
 */
#ifndef WEIR_TESTS_ROUTE_DRAWN_H
#define WEIR_TESTS_ROUTE_DRAWN_H

#include <stddef.h>
#include <stdint.h>

#define DRAWN_BYTES_MAX 4096u

struct drawn {
	uint64_t seed;
	size_t bytes;
	char text[DRAWN_BYTES_MAX]; /* ends with a 0 */
};

uint32_t drawn_below(struct drawn *d, uint32_t below);

/* Into d->text. `is_flat`: for attributes. */
void drawn_pattern(struct drawn *d, int is_flat);
void drawn_event(struct drawn *d);
void drawn_key(struct drawn *d, int is_pattern);

#endif
