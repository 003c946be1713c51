/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics/layout.h"

#include <string.h>

#include "core/base/bits.h"

static uint32_t cells_of(enum weir_metric_kind kind)
{
	return kind == WEIR_METRIC_HISTOGRAM ? WR_METRICS_HISTOGRAM_CELLS : 1;
}

static void lay_out_scope(uint32_t scope, struct wr_metrics_layout *l)
{
	struct wr_metrics_place *place = &l->scopes[scope];
	uint32_t cells = 0;

	place->cells_at = WR_SLOT_LABELS;
	for (uint32_t i = 0; i < WEIR_METRICS_LABELS_MAX; i++)
		place->cells_at += wr_metric_scopes[scope].labels[i].bytes;
	for (uint32_t m = 0; m < WR_METRIC_COUNT; m++) {
		if (wr_metric_infos[m].scope != scope)
			continue;
		if (place->metrics++ == 0)
			place->metric_first = m;
		l->cell_of[m] = cells;
		cells += cells_of(wr_metric_infos[m].kind);
	}
	place->slot_bytes = place->cells_at + cells * 8;
}

void wr_metrics_lay_out(const struct wr_metrics_limits *limits, struct wr_metrics_layout *l)
{
	memset(l, 0, sizeof *l);
	l->scopes_at = WR_METRICS_HEAD_BYTES;
	l->metrics_at = l->scopes_at + WR_SCOPES * WR_METRICS_SCOPE_BYTES;
	l->errors_at = l->metrics_at + (uint64_t)WR_METRIC_COUNT * WR_METRICS_METRIC_BYTES;
	uint64_t at = l->errors_at + (uint64_t)WR_METRICS_ERRORS * WR_METRICS_ERROR_BYTES;
	for (uint32_t scope = 0; scope < WR_SCOPES; scope++) {
		struct wr_metrics_place *place = &l->scopes[scope];
		place->slots = (uint32_t)wr_min_u64(limits->slots[scope], WR_METRICS_SLOTS_MAX);
		lay_out_scope(scope, l);
		place->slots_at = at;
		at += (uint64_t)place->slots * place->slot_bytes;
	}
	l->bytes = wr_round_up(at, 4096);
}
