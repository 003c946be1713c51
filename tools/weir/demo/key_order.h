/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does each key see its events in order, each once? Keeps, for every key, the index of the last
 * event seen: a table of 64-bit hashes of keys, 16 bytes a key. (Two keys with one hash would be
 * watched as one, which is stricter, not laxer: all indexes come from one ascending stream.)
 *
 * Thread: one at a time. Allocates as it grows.
 */
#ifndef WEIR_TOOLS_DEMO_KEY_ORDER_H
#define WEIR_TOOLS_DEMO_KEY_ORDER_H

#include "tools/weir/demo/text.h"

struct demo_key_order {
	struct demo_key_last *slots;
	size_t slot_count;
	size_t used_count;
};

int demo_key_order_init(struct demo_key_order *order);
void demo_key_order_fini(struct demo_key_order *order);

/* 0: in order; 1: a violation, `index` is not above the last one of this key; -ENOMEM. */
int demo_key_order_see(struct demo_key_order *order, struct demo_text key, uint64_t index);

#endif
