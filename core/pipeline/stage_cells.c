/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/stage_cells.h"

#include <errno.h>

#include "core/pipeline/metrics.h"

int weir_metrics_stages(struct weir_pipeline *p, weir_stages_look_fn look, void *context)
{
	int rc = 0;

	if (p->metrics == NULL)
		return 0;
	struct wr_stage_cells *cells = p->metrics->stages;
	wr_spinlock_lock(&cells->lock);
	if (cells->look != NULL && cells->context != context) {
		rc = look != NULL ? -EBUSY : 0;
	} else {
		cells->number += cells->look == NULL && look != NULL;
		cells->look = look;
		cells->context = context;
	}
	wr_spinlock_unlock(&cells->lock);
	return rc;
}

static void put_one(struct wr_metrics *m, uint32_t index, const struct weir_stage_info *info,
		    bool fresh)
{
	const char *labels[] = {info->name};
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_STAGE, index, labels, fresh);

	wr_metrics_put(m, slot, WR_METRIC_STAGE_WORKERS, info->workers);
	wr_metrics_put(m, slot, WR_METRIC_STAGE_ENDED, info->workers_ended);
	wr_metrics_put(m, slot, WR_METRIC_STAGE_CALLS, info->calls);
	wr_metrics_put(m, slot, WR_METRIC_STAGE_ITEMS, info->items);
	wr_metrics_put(m, slot, WR_METRIC_STAGE_PUSHED, info->pushed);
	wr_metrics_put(m, slot, WR_METRIC_STAGE_DROPPED, info->dropped);
	wr_metrics_put(m, slot, WR_METRIC_STAGE_REFUSED, info->refused);
	wr_metrics_end(slot);
}

void wr_stages_put(struct weir_pipeline *p)
{
	struct wr_stage_cells *cells = p->metrics->stages;
	struct wr_metrics *m = &p->metrics->cells;
	uint32_t count = 0;

	wr_spinlock_lock(&cells->lock);
	bool fresh = cells->number != cells->shown_number;
	if (cells->look != NULL)
		count = cells->look(cells->context, cells->infos, WEIR_STAGES_SHOWN_MAX);
	if (count > WEIR_STAGES_SHOWN_MAX) {
		m->left_out += count - WEIR_STAGES_SHOWN_MAX;
		count = WEIR_STAGES_SHOWN_MAX;
	}
	for (uint32_t i = 0; i < count; i++)
		put_one(m, i, &cells->infos[i], fresh);
	cells->shown_number = cells->number;
	wr_spinlock_unlock(&cells->lock);
	for (uint32_t i = count; i < cells->shown_count; i++)
		wr_metrics_drop(m, WR_SCOPE_STAGE, i);
	cells->shown_count = count;
}
