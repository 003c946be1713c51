/* SPDX-License-Identifier: Apache-2.0 */
/* The table: stages of a program's own pipeline, and the rings that join them. */
#include "io/config/keys_inner.h"

/* ---- stages ---- */

#define STAGE(member) AT(struct wr_config_stage, member)

static const struct wr_config_key stage_keys[] = {
	{.name = "name",
	 STAGE(name),
	 .type = WR_CONFIG_NAME,
	 .max = 32,
	 .required = true,
	 .doc = "Its name: the program has a function for it, and its threads are called so"},
	{.name = "workers",
	 STAGE(workers),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = WR_CONFIG_WORKERS_MAX,
	 .fallback = "1",
	 .doc = "Threads that run it, beside one another"},
	{.name = "source",
	 STAGE(is_source),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "It makes its items itself: no ring leads to it"},
	{.name = "batch",
	 STAGE(batch),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 65536,
	 .fallback = "64",
	 .doc = "Items that its function is called with at most"},
	CPUS_KEY(STAGE(cpus)),
	WAIT_KEY(STAGE(thread.wait)),
	CLASS_KEYS(STAGE, thread, 64 * KIB),
	{0},
};

const struct wr_config_section wr_config_stages = {.keys = stage_keys,
						   .struct_bytes = sizeof(struct wr_config_stage)};

/* ---- rings ---- */

#define RING(member) AT(struct wr_config_ring, member)

static const struct wr_config_choice shape_choices[] = {
	{"auto", WR_CONFIG_SHAPE_AUTO, "by the workers on each side: one of the next four"},
	{"spsc", WR_CONFIG_SHAPE_SPSC, "one pushes, one pops"},
	{"mpsc", WR_CONFIG_SHAPE_MPSC, "several push, one pops"},
	{"spmc", WR_CONFIG_SHAPE_SPMC, "one pushes, several share"},
	{"mpmc", WR_CONFIG_SHAPE_MPMC, "several push, several share"},
	{"broadcast", WR_CONFIG_SHAPE_BROADCAST, "each worker behind it sees every item"},
	{0},
};

static const struct wr_config_choice full_choices[] = {
	{"wait", WR_CONFIG_FULL_WAIT, "the worker that pushes waits for room"},
	{"drop", WR_CONFIG_FULL_DROP, "the item is dropped, and counted"},
	{"refuse", WR_CONFIG_FULL_REFUSE, "the function is told, and decides"},
	{0},
};

static const struct wr_config_key ring_keys[] = {
	{.name = "from",
	 RING(from),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_NAME,
	 .min = 1,
	 .max = WR_CONFIG_STAGES_MAX,
	 .required = true,
	 .doc = "The stages that push into it"},
	{.name = "to",
	 RING(to),
	 .type = WR_CONFIG_NAME,
	 .max = 32,
	 .required = true,
	 .doc = "The stage that pops from it: each has one ring into it"},
	{.name = "slot",
	 RING(slot_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 1,
	 .max = 16 * MIB,
	 .required = true,
	 .doc = "Size of an item"},
	{.name = "capacity",
	 RING(capacity),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1ull << 30,
	 .power_of_two = true,
	 .fallback = "4_096",
	 .doc = "Items that it holds"},
	{.name = "shape",
	 RING(shape),
	 .type = WR_CONFIG_CHOICE,
	 .choices = shape_choices,
	 .fallback = "auto",
	 .doc = "Who pushes and who pops"},
	{.name = "full",
	 RING(full),
	 .type = WR_CONFIG_CHOICE,
	 .choices = full_choices,
	 .fallback = "wait",
	 .doc = "What a push does when there is no room"},
	{0},
};

const struct wr_config_section wr_config_rings = {.keys = ring_keys,
						  .struct_bytes = sizeof(struct wr_config_ring)};
