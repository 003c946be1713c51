/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pipeline tells of itself in its file of metrics (core/metrics/). Everything that is
 * counted has a cell of its owner's already: the group step looks at them (relaxed) ten times a
 * second and writes the file, alone. So nothing of this is on an event's way, no cache line of the
 * hot path is shared with a reader, and the file has one writer.
 *
 * Thread: the group step's; once it has been joined, the closing one's. wr_metrics_say(): any.
 */
#ifndef WR_PIPELINE_METRICS_H
#define WR_PIPELINE_METRICS_H

#include "core/base/pause.h"
#include "core/metrics/cells.h"
#include "core/pipeline/alerts.h"
#include "core/pipeline/bridge_cells.h"
#include "core/pipeline/pipeline.h"
#include "core/pipeline/stage_cells.h"

#define WR_METRICS_INTERVAL_NS 100000000u

struct wr_pipeline_metrics {
	struct wr_metrics cells;
	uint64_t due_ns;       /* mono clock */
	uint64_t free_bytes;   /* as of the last look at the file system */
	uint64_t free_look_ns; /* when the next one is due */
	bool free_is_known;
	struct wr_alerts alerts;
	struct wr_bridge_places *bridges;
	struct wr_stage_cells *stages;
	char alert_topic[WR_NAME_BYTES_MAX + 1]; /* "": none */
	wr_spinlock lock;                        /* of the errors, and of the round beside them */
	bool closed;
	wr_atomic_u32 threads_there; /* ME2: the host has started them */
	/* Who was in which slot: a number of the occupant's, 0: nobody. */
	uint64_t *producers;           /* [producers_max] */
	uint64_t *members;             /* [members_max]; twice, and 1 where its name has a number */
	struct weir_info *info;        /* scratch */
	struct wr_member_times *times; /* [members_max] */
};

/* What the file of such a pipeline takes, and what is allocated beside it. */
void wr_metrics_plan(const struct weir_options *options, struct wr_metrics_layout *ret_layout);
uint64_t wr_metrics_table_bytes(const struct weir_options *options);

/* At open, last; host.metrics is set. 0, -ENOMEM. */
int wr_metrics_open(struct weir_pipeline *p);
/* The group step's share. Returns when it is due again, in ns. */
uint64_t wr_metrics_step(struct weir_pipeline *p, uint64_t now_ns);
/* The last round: nobody steps any more. Then the memory may go. */
void wr_metrics_close(struct weir_pipeline *p);
void wr_metrics_free(struct weir_pipeline *p);
/* The host's threads are there, and stay until the group's is joined. */
void wr_metrics_threads_there(struct weir_pipeline *p);
/* An error, or a note (code 0). Any thread. */
void wr_metrics_say(struct weir_pipeline *p, int code, const char *text);

#endif
