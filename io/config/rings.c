/* SPDX-License-Identifier: Apache-2.0 */
/* Which ring a row of the file is: its shape by the workers on each side, and its memory. */
#include "io/config/rings.h"

#include <string.h>

#include "core/base/bits.h"

#define HUGE_PAGE_BYTES (2ull << 20)
#define PAGE_BYTES 4096u

uint32_t wr_config_find_stage(const struct wr_config_values *values, const char *name)
{
	const struct wr_config_stage *stages = values->stages.items;
	uint32_t i = 0;
	while (i < values->stages.count &&
	       (stages[i].name == NULL || name == NULL || strcmp(stages[i].name, name) != 0))
		i++;
	return i;
}

uint32_t wr_config_workers(const struct wr_config_values *values, const char *name)
{
	const struct wr_config_stage *stages = values->stages.items;
	uint32_t i = wr_config_find_stage(values, name);
	return i < values->stages.count ? stages[i].workers : 0;
}

uint32_t wr_config_feeders(const struct wr_config_values *values, const struct wr_config_ring *ring)
{
	const char *const *from = ring->from.items;
	uint32_t count = 0;
	for (uint32_t i = 0; i < ring->from.count; i++)
		count += wr_config_workers(values, from[i]);
	return count;
}

enum wr_config_shape wr_config_shape(const struct wr_config_values *values,
				     const struct wr_config_ring *ring)
{
	bool several_push = wr_config_feeders(values, ring) > 1;
	bool several_pop = wr_config_workers(values, ring->to) > 1;
	if (ring->shape != WR_CONFIG_SHAPE_AUTO)
		return (enum wr_config_shape)ring->shape;
	if (several_pop)
		return several_push ? WR_CONFIG_SHAPE_MPMC : WR_CONFIG_SHAPE_SPMC;
	return several_push ? WR_CONFIG_SHAPE_MPSC : WR_CONFIG_SHAPE_SPSC;
}

static enum weir_wait wait_of(const struct wr_config_values *values, const char *name)
{
	const struct wr_config_stage *stages = values->stages.items;
	uint32_t i = wr_config_find_stage(values, name);
	return i < values->stages.count ? stages[i].thread.wait : WEIR_WAIT_DEFAULT;
}

void wr_config_ring_options(const struct wr_config_values *values,
			    const struct wr_config_ring *ring,
			    struct weir_ring_options *ret_options)
{
	enum wr_config_shape shape = wr_config_shape(values, ring);
	uint32_t feeders = wr_config_feeders(values, ring);
	uint32_t workers = wr_config_workers(values, ring->to);
	bool is_broadcast = shape == WR_CONFIG_SHAPE_BROADCAST;
	weir_ring_options_init(ret_options);
	ret_options->producers = shape == WR_CONFIG_SHAPE_SPSC || shape == WR_CONFIG_SHAPE_SPMC ||
						 (is_broadcast && feeders == 1)
					 ? WEIR_RING_ONE_PRODUCER
					 : WEIR_RING_MANY_PRODUCERS;
	ret_options->consumers = is_broadcast ? WEIR_RING_EVERY_CONSUMER
				 : shape == WR_CONFIG_SHAPE_SPSC || shape == WR_CONFIG_SHAPE_MPSC
					 ? WEIR_RING_ONE_CONSUMER
					 : WEIR_RING_SHARING_CONSUMERS;
	ret_options->producers_max = feeders;
	ret_options->consumers_max = workers;
	ret_options->slot_bytes = ring->slot_bytes;
	ret_options->capacity = ring->capacity;
	ret_options->huge_pages = values->options.huge_pages;
	/* Who spins or yields does so by itself (stage_worker.c). */
	ret_options->wait =
		wait_of(values, ring->to) == WEIR_WAIT_PARK ? WEIR_WAIT_PARK : WEIR_WAIT_ADAPTIVE;
}

void wr_config_rings_memory(const struct wr_config_values *values,
			    struct wr_config_rings_memory *ret_memory)
{
	const struct wr_config_ring *rings = values->rings.items;
	enum weir_huge_pages huge = values->options.huge_pages;
	*ret_memory = (struct wr_config_rings_memory){.count = values->rings.count};
	for (uint32_t i = 0; i < values->rings.count; i++) {
		struct weir_ring_options options;
		uint64_t bytes;
		wr_config_ring_options(values, &rings[i], &options);
		if (weir_ring_memory_bytes(&options, &bytes, NULL) < 0)
			continue;
		ret_memory->bytes += wr_round_up(
			bytes, huge == WEIR_HUGE_PAGES_OFF ? PAGE_BYTES : HUGE_PAGE_BYTES);
		if (huge == WEIR_HUGE_PAGES_TRY || huge == WEIR_HUGE_PAGES_REQUIRE)
			ret_memory->huge_bytes += wr_round_up(bytes, HUGE_PAGE_BYTES);
	}
}
