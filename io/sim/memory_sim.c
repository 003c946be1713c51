/* SPDX-License-Identifier: Apache-2.0 */
/* See memory_sim.h. Thread: as the memory below. */
#include "io/sim/memory_sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

#define PAGE_BYTES 4096u

static bool strikes(struct wr_memory_sim *sim)
{
	sim->request_count++;
	if (sim->fail_at == 0 || sim->request_count < sim->fail_at)
		return false;
	return sim->fail_on || sim->request_count == sim->fail_at;
}

/* The counters of the memory below are this one's. */
static void mirror(struct wr_memory_sim *sim)
{
	if (sim->below == NULL)
		return;
	sim->base.alloc_bytes = sim->below->alloc_bytes;
	sim->base.map_bytes = sim->below->map_bytes;
}

static void *plain_alloc(size_t bytes, size_t align)
{
	size_t whole = (size_t)wr_round_up(bytes > 0 ? bytes : 1, align);
	void *p = aligned_alloc(align, whole);

	if (p != NULL)
		memset(p, 0, whole);
	return p;
}

static void *sim_alloc(struct wr_memory *m, size_t bytes, size_t align)
{
	struct wr_memory_sim *sim = (struct wr_memory_sim *)m;
	void *p;

	if (strikes(sim))
		return NULL;
	if (sim->below != NULL)
		p = sim->below->ops->alloc(sim->below, bytes, align);
	else
		p = plain_alloc(bytes, align < sizeof(void *) ? sizeof(void *) : align);
	if (p != NULL) {
		sim->live_count++;
		m->alloc_bytes += bytes;
	}
	mirror(sim);
	return p;
}

static void sim_free(struct wr_memory *m, void *p, size_t bytes)
{
	struct wr_memory_sim *sim = (struct wr_memory_sim *)m;

	if (p == NULL)
		return;
	if (sim->below != NULL)
		sim->below->ops->free(sim->below, p, bytes);
	else
		free(p);
	sim->live_count--;
	m->alloc_bytes -= bytes;
	mirror(sim);
}

static int sim_map_ring(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	struct wr_memory_sim *sim = (struct wr_memory_sim *)m;

	if (strikes(sim))
		return -ENOMEM;
	if (sim->below == NULL)
		return -ENOTSUP;
	int code = sim->below->ops->map_ring(sim->below, bytes, ret_mapping);
	if (code == 0)
		sim->live_count++;
	mirror(sim);
	return code;
}

static int sim_map_pool(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	struct wr_memory_sim *sim = (struct wr_memory_sim *)m;
	int code = 0;

	if (strikes(sim))
		return -ENOMEM;
	if (sim->below != NULL) {
		code = sim->below->ops->map_pool(sim->below, bytes, ret_mapping);
	} else {
		uint8_t *p = plain_alloc(bytes, PAGE_BYTES);
		if (p == NULL)
			return -ENOMEM;
		*ret_mapping = (struct wr_mapping){.writable = p, .readable = p, .bytes = bytes};
		m->map_bytes += bytes;
	}
	if (code == 0)
		sim->live_count++;
	mirror(sim);
	return code;
}

static void sim_unmap(struct wr_memory *m, struct wr_mapping *mapping)
{
	struct wr_memory_sim *sim = (struct wr_memory_sim *)m;

	if (mapping->writable == NULL)
		return;
	sim->live_count--;
	if (sim->below != NULL) {
		sim->below->ops->unmap(sim->below, mapping);
	} else {
		free(mapping->writable);
		m->map_bytes -= mapping->bytes;
		*mapping = (struct wr_mapping){0};
	}
	mirror(sim);
}

static void sim_payload(struct wr_memory *m, void *p, size_t bytes, bool begins)
{
	struct wr_memory_sim *sim = (struct wr_memory_sim *)m;

	if (sim->below != NULL && sim->below->ops->payload != NULL)
		sim->below->ops->payload(sim->below, p, bytes, begins);
}

static const struct wr_memory_ops sim_ops = {
	.alloc = sim_alloc,
	.free = sim_free,
	.map_ring = sim_map_ring,
	.map_pool = sim_map_pool,
	.unmap = sim_unmap,
	.payload = sim_payload,
};

void wr_memory_sim_init(struct wr_memory_sim *sim, struct wr_memory *below)
{
	*sim = (struct wr_memory_sim){.base = {.ops = &sim_ops}, .below = below};
	mirror(sim);
}

void wr_memory_sim_fail(struct wr_memory_sim *sim, uint64_t k, bool on)
{
	sim->fail_at = k > 0 ? sim->request_count + k : 0;
	sim->fail_on = on;
}
