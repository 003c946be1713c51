/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bridges (io/bridge/) tell of themselves in the metrics. A bridge has a place, whose cells
 * its thread alone writes; the group step copies them ten times a second, into the file and for the
 * alerts. Neither waits for the other: a copy that was changed meanwhile is taken again, and where
 * that goes on, the one before stays until the next round (core/metrics/stamp.h, ME1).
 *
 *   place = wr_bridge_place_take(p, name)
 *   wr_bridge_place_tell(place, &told) ...      as often as something has changed
 *   wr_bridge_place_give(p, place)              then it is nobody's
 *
 * Failure modes: metrics that the pipeline does not have, no place that is free, or another bridge
 * of this name (Prometheus refuses two series of one name): NULL, with which tell and give do
 * nothing; the latter two stand in the table of errors.
 *
 * Thread: take and give: any. tell: one at a time for each place. The others: the group step's.
 */
#ifndef WR_PIPELINE_BRIDGE_CELLS_H
#define WR_PIPELINE_BRIDGE_CELLS_H

#include "core/base/atomic.h"
#include "core/pipeline/pipeline.h"

/* Bridges that have a place. */
#define WR_BRIDGE_PLACES 64u
#define WR_BRIDGE_NAME_ROOM 104u /* 100, as io/bridge/ allows them */
#define WR_BRIDGE_DIR_ROOM 512u

/* Times are the mono clock's, in ns, but where they say wall clock. Unused bytes of text are 0. */
struct wr_bridge_told {
	uint64_t number;       /* whose it is: no two have the same. 0: nobody's */
	uint64_t subscription; /* a sink's; UINT64_MAX: it is a source */
	uint64_t state;        /* enum weir_bridge_state */
	uint64_t state_ns;     /* since then */
	uint64_t down_ns;      /* it is to run, and has not since then; 0: all is well */
	uint64_t moved_ns;     /* events moved then, or it was started */
	uint64_t step_ns; /* a step of it began then: not told, wr_bridge_place_step() says it */
	uint64_t events, bytes, repeats, dead_letters;
	uint64_t connections, retries, failures, attempts;
	uint64_t lag_events; /* a source's */
	/* The last error, one after the other without another; wall clock. */
	uint64_t error_times, error_first_ns, error_last_ns;
	char name[WR_BRIDGE_NAME_ROOM];
	char system[16];
	char error[256];
	char state_dir[WR_BRIDGE_DIR_ROOM]; /* a whole path; "": it has none, or a longer one */
};

#define WR_BRIDGE_TOLD_WORDS (sizeof(struct wr_bridge_told) / 8u)
_Static_assert(sizeof(struct wr_bridge_told) % 8 == 0, "it is told in words");

struct wr_bridge_place {
	uint64_t number;                              /* the owner's */
	char name[WR_BRIDGE_NAME_ROOM];               /* the same, to tell another one by */
	wr_atomic_u64 slot[1 + WR_BRIDGE_TOLD_WORDS]; /* a stamp, then what is told */
	wr_atomic_u64 step_ns;                        /* relaxed: it goes with nothing else */
};

struct wr_bridge_places {
	struct wr_bridge_place places[WR_BRIDGE_PLACES];
	bool taken[WR_BRIDGE_PLACES]; /* under the lock of the metrics, as is: */
	uint64_t numbers;             /* given so far */
	/* The group step's: as of the last round, and whose objects there are. */
	struct wr_bridge_told told[WR_BRIDGE_PLACES];
	uint64_t shown[WR_BRIDGE_PLACES];
};

struct wr_bridge_place *wr_bridge_place_take(struct weir_pipeline *p, const char *name);
void wr_bridge_place_give(struct weir_pipeline *p, struct wr_bridge_place *place);
/* `told->number` is not looked at: it is the place's. */
void wr_bridge_place_tell(struct wr_bridge_place *place, const struct wr_bridge_told *told);
/* A step of it begins: each of them, and where nothing changes, too. */
void wr_bridge_place_step(struct wr_bridge_place *place, uint64_t now_ns);

/* Copies all of them, and puts them into the file. */
void wr_bridges_put(struct weir_pipeline *p, uint64_t now_ns);
/* As of the last round; NULL: there is none at this place. */
const struct wr_bridge_told *wr_bridges_at(const struct weir_pipeline *p, uint32_t place);
/* The same by its name. */
const struct wr_bridge_told *wr_bridges_find(const struct weir_pipeline *p, const char *name);

#endif
