/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of a plan. Those of a journal are worked out here, from how core/journal keeps its
 * files: each segment has a header block; `segments_ahead`, one in reserve and those whose extents
 * are offered are there before they are needed, and stay open with those that were used last. Live
 * are those that retention holds, or all since the older of two checkpoints if that is more:
 * retention never passes it. tests/unit/config/test_plan.c compares them with a pipeline that is
 * opened.
 *
 * Thread: any; no state.
 */
#include "io/config/plan.h"

#include <errno.h>

#include "core/base/bits.h"
#include "io/config/config.h"
#include "io/config/plan_inner.h"

/* Of a segment and of the superblock: docs/reference/journal-format.md. */
#define BLOCK_BYTES 4096u
#define SUPERBLOCK_BYTES (4u * BLOCK_BYTES)
#define CHECKPOINT_BYTES (64ull << 20)
/* core/journal: extents that are offered before they are needed, and the one that is in use. */
#define EXTENTS_OFFERED 9u
/* Threads that make files ahead, and, without io_uring, that write. */
#define HELPERS 1u
#define HELPERS_POSIX 3u
/* Of the server beside a run: two, of 512 KiB each. */
#define SERVE_STACKS_BYTES (2 * (512u << 10))
#define MIB (1ull << 20)

/* 0: no end. */
static uint64_t most_segments(const struct weir_options *o, const struct wr_plan_disk *disk)
{
	if (o->retention_bytes == 0)
		return 0;
	uint64_t bytes = wr_max_u64(o->retention_bytes, 2 * disk->checkpoint_bytes);
	uint64_t kept = bytes / disk->segment_bytes + (bytes % disk->segment_bytes != 0);
	/* The one where it begins, and the one that is written to. */
	return kept + 2 + disk->segments_ahead;
}

static void plan_disk(const struct wr_plan_input *input, const struct weir_memory_plan *memory,
		      struct wr_plan_disk *disk)
{
	const struct weir_options *o = input->options;
	disk->is_needed = o->dir != NULL;
	if (!disk->is_needed)
		return;
	if (input->machine != NULL)
		wr_machine_read_dir(o->dir, &disk->dir);
	/* A journal keeps the sizes that it was made with. */
	bool is_made = disk->dir.segment_bytes != 0;
	disk->segment_bytes = is_made ? disk->dir.segment_bytes : o->segment_bytes;
	disk->file_bytes = disk->segment_bytes + BLOCK_BYTES;
	uint64_t extents = disk->segment_bytes / (is_made ? disk->dir.chunk_bytes : o->chunk_bytes);
	disk->segments_ahead =
		o->segments_ahead + 1 + (uint32_t)((EXTENTS_OFFERED + extents - 1) / extents);
	disk->retention_bytes = o->retention_bytes;
	disk->retention_time_ns = o->retention_time_ns;
	uint64_t asked = o->checkpoint_bytes != 0 ? o->checkpoint_bytes : CHECKPOINT_BYTES;
	disk->checkpoint_bytes = wr_max_u64(asked, 4 * memory->checkpoint_bytes);
	uint64_t others = SUPERBLOCK_BYTES +
			  2 * (BLOCK_BYTES + wr_round_up(memory->checkpoint_bytes, BLOCK_BYTES));
	disk->first_bytes = disk->segments_ahead * disk->file_bytes + others;
	uint64_t segments = most_segments(o, disk);
	disk->most_bytes = UINT64_MAX;
	if (segments != 0 && segments < UINT64_MAX / disk->file_bytes)
		disk->most_bytes = segments * disk->file_bytes + others;
}

static void plan_descriptors(const struct wr_plan_input *input, const struct wr_plan_disk *disk,
			     struct wr_plan_descriptors *d)
{
	const struct weir_options *o = input->options;
	d->room_bytes = UINT64_MAX;
	d->events = o->producers_max + o->members_max;
	d->fixed = disk->is_needed ? WR_PLAN_DESCRIPTORS : 1;
	if (input->config != NULL)
		wr_plan_run(input->config, &d->run);
	d->total = d->fixed + d->events + d->run.sources + d->run.sinks + d->run.bridges +
		   d->run.serve + d->run.connections + d->run.others;
	if (!disk->is_needed)
		return;
	uint64_t segments = most_segments(o, disk);
	uint64_t open = disk->segments_ahead + 1 + WR_PLAN_DESCRIPTORS_IDLE;
	d->segments = (uint32_t)(segments == 0 ? open : wr_min_u64(segments, open));
	d->total += d->segments;
	d->room_bytes = o->segments_max * disk->segment_bytes;
}

/* Pages that are set aside are never swapped, and count against no limit; those that are not to be
 * had are small ones, which do. */
static uint64_t locked_bytes(const struct wr_plan_input *input,
			     const struct weir_memory_plan *memory)
{
	const struct weir_options *o = input->options;
	const struct wr_machine *m = input->machine;
	if (!o->lock_memory)
		return 0;
	bool are_had = o->huge_pages == WEIR_HUGE_PAGES_REQUIRE;
	if (!are_had && m != NULL)
		are_had = memory->huge_bytes / o->huge_page_bytes <=
			  wr_machine_pages_of(m, o->huge_page_bytes)->unused;
	return memory->total_bytes - (are_had ? memory->huge_bytes : 0);
}

/* Of a thread that asks for no size, as the C library takes it. */
static uint64_t stack_bytes(const struct wr_plan_input *input)
{
	uint64_t limit = input->machine != NULL ? input->machine->stack_bytes.soft : 8 * MIB;
	return limit == WR_MACHINE_NO_LIMIT ? 2 * MIB : limit;
}

/*
 * What is seen twice (L5): chunks, lanes, the pool for catching up. Threads whose number nobody
 * knows here, handlers and those of the program, come beside.
 */
static uint64_t address_bytes(const struct wr_plan_input *input, const struct wr_plan *plan)
{
	const struct weir_options *o = input->options;
	const struct weir_memory_plan *m = &plan->memory;
	const struct wr_machine *machine = input->machine;
	uint64_t views =
		(uint64_t)m->chunk_count * o->chunk_bytes + m->lanes_bytes + m->catchup_bytes;
	uint64_t stack = stack_bytes(input);
	uint64_t stacks = 0;
	for (uint32_t i = 0; i < plan->placement.placed_count; i++) {
		uint64_t own = input->threads[i]->stack_bytes;
		if (plan->placement.placed[i].how != WR_PLACED_NOT)
			stacks += plan->placement.placed[i].count * (own != 0 ? own : stack);
	}
	bool writes = o->io == WEIR_IO_POSIX || (machine != NULL && machine->uring_code != 0);
	if (input->config != NULL && input->config->values.serve_listen != NULL)
		stacks += SERVE_STACKS_BYTES;
	if (o->dir != NULL)
		stacks += (writes ? HELPERS_POSIX : HELPERS) * stack;
	/* Views of huge pages begin at one: more is asked for, and given back. */
	uint64_t slack = o->huge_pages != WEIR_HUGE_PAGES_OFF ? o->huge_page_bytes : 0;
	return m->total_bytes + views + plan->rings.bytes + stacks + slack;
}

int wr_plan_memory(const struct weir_options *options, struct weir_memory_plan *ret_plan,
		   struct weir_problem *reterr_problem)
{
	/* Who steps by hand has no threads to be looked at; memory is the same. */
	struct weir_options o = *options;
	o.manual = true;
	o.housekeeping.cpu_count = 0;
	return weir_memory_plan(&o, ret_plan, reterr_problem);
}

int wr_plan_make(const struct wr_plan_input *input, struct wr_plan *ret_plan,
		 struct weir_problem *reterr_problem)
{
	*ret_plan = (struct wr_plan){.knows_machine = input->machine != NULL};
	int rc = wr_plan_memory(input->options, &ret_plan->memory, reterr_problem);
	int placed = wr_place(input->topology, input->affinity, input->policy, input->requests,
			      input->request_count, &ret_plan->placement);
	if (rc != 0 || placed != 0)
		return rc != 0 ? rc : placed;
	ret_plan->rings = input->rings;
	ret_plan->address_bytes = address_bytes(input, ret_plan);
	ret_plan->locked_bytes = locked_bytes(input, &ret_plan->memory);
	plan_disk(input, &ret_plan->memory, &ret_plan->disk);
	plan_descriptors(input, &ret_plan->disk, &ret_plan->descriptors);
	if (input->machine != NULL) {
		ret_plan->machine = *input->machine;
		wr_plan_find_lacks(input, ret_plan);
	}
	return 0;
}
