/* SPDX-License-Identifier: Apache-2.0 */
/* What the two kinds of plants share: what stands in a drawn history, and fresh names. */
#ifndef WR_ANOMALY_PLANT_INTERNAL_H
#define WR_ANOMALY_PLANT_INTERNAL_H

#include "io/sim/prng.h"
#include "tests/anomaly/draw.h"
#include "tests/anomaly/plant.h"

/* An event that stands to the end, and the poll that found it first. */
struct standing {
	uint64_t offset, value, key;
	uint32_t topic, partition;
	uint32_t line;
};

struct plot {
	struct history *to;
	struct wr_prng prng;
	uint64_t value, offset, time; /* above everything in the history */
	uint32_t process, call;
	struct list standing; /* by topic, partition, offset */
};

static inline uint64_t plot_below(struct plot *p, uint64_t bound)
{
	return wr_prng_below(&p->prng, bound);
}
static inline const struct standing *plot_standing(const struct plot *p, uint32_t index)
{
	return list_get(&p->standing, index);
}
/* Its key was erased behind it, or a compaction may have taken it. */
bool plot_may_be_gone(const struct plot *p, const struct standing *s);
/* The same of one of its key, wherever it stands. */
bool plot_may_be_gone_anywhere(const struct plot *p, const struct standing *s);
/* A line of the history that has this f and type, and fits; TABLE_NONE: some tries found none. */
uint32_t plot_find(struct plot *p, enum history_f f, enum history_type type,
		   bool (*fits)(struct plot *p, uint32_t line));
static inline struct history_op *plot_op(const struct plot *p, uint32_t line)
{
	return history_op(p->to, line);
}
/* Puts it at `*at`, with the time of what stands before it, and moves *at behind it. */
void plot_put(struct plot *p, uint32_t *at, struct history_op op);

/* plant_edits.c: lines of the history are changed, taken out or said twice. */
bool plant_edit(struct plot *p, enum rule rule);
/* plant_scenes.c: somebody new does something in the midst of it. */
bool plant_scene(struct plot *p, enum rule rule);

#endif
