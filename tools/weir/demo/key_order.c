/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing; keys are never removed. Index 0 marks a free slot: indexes
 * begin with 1.
 */
#include "tools/weir/demo/key_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct demo_key_last {
	uint64_t hash;
	uint64_t index;
};

static uint64_t hash_of(struct demo_text key)
{
	uint64_t hash = key.bytes;
	size_t at = 0;

	for (; at + 8 <= key.bytes; at += 8) {
		uint64_t word;
		memcpy(&word, key.at + at, sizeof word);
		hash = demo_mix(hash ^ word);
	}
	uint64_t word = 0;
	if (at < key.bytes)
		memcpy(&word, key.at + at, key.bytes - at);
	return demo_mix(hash ^ word);
}

int demo_key_order_init(struct demo_key_order *order)
{
	*order = (struct demo_key_order){.slot_count = 256};
	order->slots = calloc(order->slot_count, sizeof *order->slots);
	return order->slots != NULL ? 0 : -ENOMEM;
}

void demo_key_order_fini(struct demo_key_order *order)
{
	free(order->slots);
	*order = (struct demo_key_order){0};
}

static struct demo_key_last *slot_of(struct demo_key_last *slots, size_t slot_count, uint64_t hash)
{
	size_t at = (size_t)hash & (slot_count - 1);
	while (slots[at].index != 0 && slots[at].hash != hash)
		at = (at + 1) & (slot_count - 1);
	return &slots[at];
}

static int grow(struct demo_key_order *order)
{
	size_t slot_count = order->slot_count * 2;
	struct demo_key_last *slots = calloc(slot_count, sizeof *slots);
	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < order->slot_count; i++)
		if (order->slots[i].index != 0)
			*slot_of(slots, slot_count, order->slots[i].hash) = order->slots[i];
	free(order->slots);
	order->slots = slots;
	order->slot_count = slot_count;
	return 0;
}

int demo_key_order_see(struct demo_key_order *order, struct demo_text key, uint64_t index)
{
	uint64_t hash = hash_of(key);
	struct demo_key_last *last = slot_of(order->slots, order->slot_count, hash);

	if (last->index == 0) {
		if ((order->used_count + 1) * 10 >= order->slot_count * 7) {
			if (grow(order) < 0)
				return -ENOMEM;
			last = slot_of(order->slots, order->slot_count, hash);
		}
		order->used_count++;
		last->hash = hash;
	}
	if (index <= last->index)
		return 1;
	last->index = index;
	return 0;
}
