/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics/layout.h"

#include <string.h>

#include "core/base/bits.h"

static uint32_t cells_of(enum weir_metric_kind kind)
{
	return kind == WEIR_METRIC_HISTOGRAM ? WR_METRICS_HISTOGRAM_CELLS : 1;
}

/* The cells of each scope, and which of them is whose. */
static void place_metrics(struct wr_metrics_layout *l, uint32_t cells[WR_SCOPES])
{
	for (uint32_t m = 0; m < WR_METRIC_COUNT; m++) {
		const uint32_t scope = wr_metric_infos[m].scope;
		if (l->scopes[scope].metrics++ == 0)
			l->scopes[scope].metric_first = m;
		l->cell_of[m] = cells[scope];
		cells[scope] += cells_of(wr_metric_infos[m].kind);
	}
}

static uint32_t labels_end(uint32_t scope)
{
	uint32_t end = WR_SLOT_LABELS;

	for (uint32_t i = 0; i < WEIR_METRICS_LABELS_MAX; i++)
		end += wr_metric_scopes[scope].labels[i].bytes;
	return end;
}

void wr_metrics_lay_out(const struct wr_metrics_limits *limits, struct wr_metrics_layout *l)
{
	uint32_t cells[WR_SCOPES] = {0};

	memset(l, 0, sizeof *l);
	place_metrics(l, cells);
	l->scopes_at = WR_METRICS_HEAD_BYTES;
	l->metrics_at = l->scopes_at + WR_SCOPES * WR_METRICS_SCOPE_BYTES;
	l->errors_at = l->metrics_at + (uint64_t)WR_METRIC_COUNT * WR_METRICS_METRIC_BYTES;
	uint64_t at = l->errors_at + (uint64_t)WR_METRICS_ERRORS * WR_METRICS_ERROR_BYTES;
	for (uint32_t scope = 0; scope < WR_SCOPES; scope++) {
		struct wr_metrics_place *place = &l->scopes[scope];
		place->slots = (uint32_t)wr_min_u64(limits->slots[scope], WR_METRICS_SLOTS_MAX);
		place->cells_at = labels_end(scope);
		place->slot_bytes = place->cells_at + cells[scope] * 8;
		place->slots_at = at;
		at += (uint64_t)place->slots * place->slot_bytes;
	}
	l->bytes = wr_round_up(at, 4096);
}
