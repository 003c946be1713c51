/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading half: struct weir_metrics behind weir/metrics.h. What is read is a stranger's: its
 * head and tables are copied once and checked, with every offset and size, before anything is
 * followed; slots are copied twice, and taken where both copies are the same and the stamp is even
 * (layout.h, ME1). Text is cut and freed of what a terminal would obey when it is copied.
 *
 * The source says how bytes come: io/metrics.c has a file's, and a pipeline's own memory.
 */
#ifndef WR_METRICS_READER_H
#define WR_METRICS_READER_H

#include <stdbool.h>

#include "core/metrics/layout.h"

struct wr_metrics_source {
	/* 0, or -errno; WEIR_E_CORRUPT where it ends before. A word is copied whole (acquire). */
	int (*read)(void *context, uint64_t offset, void *to, size_t bytes);
	void *context;
	uint64_t bytes; /* how much there is */
};

struct wr_metrics_scope_view {
	char name[WR_MS_NAME_BYTES];
	char label_names[WEIR_METRICS_LABELS_MAX][WR_MS_LABEL_NAME_BYTES];
	uint32_t label_bytes[WEIR_METRICS_LABELS_MAX];
	uint32_t labels;
	uint32_t slots, slot_bytes, cells_at;
	uint32_t metric_first, metrics;
	uint64_t slots_at;
	uint32_t used; /* as of the last update */
	uint8_t *copy; /* [slots × slot_bytes] */
};

struct wr_metric_view {
	char name[WR_MM_NAME_BYTES];
	char unit[WR_MM_UNIT_BYTES];
	char help[WR_MM_HELP_BYTES];
	uint32_t scope;
	uint32_t kind;
	uint32_t cell;
	uint32_t buckets, sub_bits;
	uint64_t per_unit;
};

struct weir_metrics {
	struct wr_metrics_source source;
	void (*source_close)(void *context);
	uint8_t head[WR_METRICS_HEAD_BYTES];
	uint64_t round[(WR_MH_ROUND_END - WR_MH_ROUND) / 8];
	uint32_t scope_count, metric_count, error_count, error_bytes;
	uint64_t scopes_at, errors_at;
	struct wr_metrics_scope_view *scopes;
	struct wr_metric_view *metrics;
	uint8_t *errors;  /* copies */
	uint8_t *scratch; /* two of scratch_bytes */
	size_t scratch_bytes;
};

/*
 * Reads head and tables, allocates (malloc's, by io's alloc), takes the first copy. On failure
 * everything is given back, and the source is not closed. The problem's text is filled in.
 */
int wr_metrics_reader_init(struct weir_metrics *m, const struct wr_metrics_source *source,
			   void *(*alloc)(size_t count, size_t bytes), void (*give_back)(void *p),
			   struct weir_problem *problem);
void wr_metrics_reader_fini(struct weir_metrics *m, void (*give_back)(void *p));
/* All but whether the process lives, and how long ago its last round was. */
void wr_metrics_tell_about(const struct weir_metrics *m, struct weir_metrics_about *ret_about);

#endif
