/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for what jobs over dead letters have left in a journal, beside what the program has planned:
 * so nothing that somebody redrives keeps a program from opening, or takes a place from it
 * (docs/design/room-for-redrives.md).
 *
 * How much there is is found by recovery, in the checkpoint or behind it, when the tables are made
 * and nothing is changed yet. Then they are made anew, with more places; chunks and lanes, which
 * are large, stay.
 *
 * Thread: the one that opens.
 */
#include <errno.h>

#include "core/pipeline/redrive.h"

#define PIPELINE_OUTSTANDING_MAX (1u << 22)

uint32_t wr_planned_outstanding(const struct weir_pipeline *p)
{
	return p->options.outstanding_max - p->redrive_room.outstanding;
}

/* The options with so much room, and what they take. False: a pipeline may not have it. */
static bool with_room(const struct weir_pipeline *p, const struct wr_redrive_room *room,
		      struct weir_options *ret, struct weir_memory_plan *ret_plan)
{
	struct weir_options more = p->options;
	more.subscriptions_max += room->subscriptions - p->redrive_room.subscriptions;
	more.outstanding_max = wr_planned_outstanding(p) + room->outstanding;
	return wr_pipeline_check(&more, ret, ret_plan, NULL) == 0;
}

int wr_redrive_make_room(struct weir_pipeline *p, uint32_t jobs)
{
	const struct wr_host *host = &p->host;
	struct wr_memory *memory = host->memory;
	enum wr_memory_writer writer = memory->writer;
	struct weir_memory_plan plan;
	struct weir_options more;
	struct wr_redrive_room room = {
		.subscriptions = jobs,
		.outstanding =
			(uint32_t)wr_min_u64((uint64_t)jobs * WR_REDRIVE_OUTSTANDING_MAX,
					     PIPELINE_OUTSTANDING_MAX - wr_planned_outstanding(p)),
	};
	bool may_have = host->metrics == NULL || host->metrics_again != NULL;
	if (!may_have || !with_room(p, &room, &more, &plan)) {
		room = (struct wr_redrive_room){.is_over = true};
		if (!with_room(p, &room, &more, &plan))
			return -EINVAL;
	}
	wr_pipeline_free_places(p);
	p->options = more;
	p->plan = plan;
	p->redrive_room = room;
	memory->writer = WR_WRITTEN_BY_LOG;
	int rc = wr_pipeline_make_places(p);
	memory->writer = writer;
	if (rc == 0 && host->metrics != NULL && host->metrics_again != NULL) {
		p->host.metrics = host->metrics_again(host->context, plan.metrics_bytes);
		rc = p->host.metrics != NULL ? 0 : -ENOMEM;
	}
	return rc;
}
