/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the file of a pipeline's metrics is laid out. Little-endian on both platforms; all offsets
 * are multiples of 8, so that each number is one word which is stored and loaded whole.
 *
 * Head, 4096 bytes:
 *       0  8  "weirmtr1"
 *       8  4  version of the layout: 1. A reader refuses a higher one
 *      12  4  bytes of the head
 *      16  8  bytes of the file
 *      24  4  scopes (kinds of objects)      28  4  metrics
 *      32  8  offset of the scopes           40  8  offset of the metrics
 *      48  8  offset of the errors           56  4  places for errors   60  4  bytes of each
 *      64  8  pid   72  8  its start, in clock ticks after boot (/proc/PID/stat)
 *      80  8  its PID namespace, mixed with the boot's id: another machine's is another
 *      88  8  opened, wall clock, ns
 *      96  8  interval of the rounds, ns    104  8  0 (older ones: places that there are not)
 *     112    what changes (ME1): 112 8 stamp; 120 8 state; 128 8 boot clock, 136 8 wall clock of
 *            the last round, ns; 144 8 rounds; 152 8 errors in use; 160 8 errors left out;
 *            168 8 objects without a place (0 in older ones)
 *     256 40  name  296 32  version of weir  328 1024  the journal's directory
 *
 * Scope, 256 bytes: 0 32 name; 32 4 labels; 36 4 slots; 40 8 offset of the slots; 48 4 bytes of a
 * slot; 52 4 offset of the cells in a slot; 56 4 its first metric; 60 4 its metrics; 64 32×4 names
 * of labels; 192 4×4 bytes of their values; 208 8 slots that were ever in use.
 *
 * Metric, 256 bytes: 0 64 name; 64 16 unit; 80 4 kind; 84 4 its first cell; 88 8 parts of the unit;
 * 96 4 buckets; 100 4 sub bits; 104 152 help. A histogram's cells: count, sum, greatest, buckets.
 * Names of metrics and labels are of [A-Za-z0-9_]; a metric is of one scope. Readers refuse kinds
 * that they do not know: another kind is another version of the layout.
 *
 * Slot: 0 8 stamp; 8 8 generation (0: nobody's); 16 values of labels; cells. An error, 256 bytes:
 * 0 8 stamp; 8 8 1: in use; 16 8 code; 24 8 count; 32 8 first, 40 8 last wall clock, ns; 48 text.
 *
 *   ME1  A slot's stamp is odd while it is being written, and rises with each change; the words
 *        behind it are stored by release, and loaded by acquire. Whoever has loaded a word of a
 *        change finds its odd stamp, or a later one, when he looks again: so a copy between two
 *        equal even stamps is of one moment. One thread writes.
 */
#ifndef WR_METRICS_LAYOUT_H
#define WR_METRICS_LAYOUT_H

#include <stddef.h>

#include "core/base/tally.h"
#include "core/metrics/table.h"

#define WR_METRICS_MAGIC 0x3172746d72696577ull /* "weirmtr1" */
#define WR_METRICS_LAYOUT 1u
#define WR_METRICS_HEAD_BYTES 4096u
#define WR_METRICS_SCOPE_BYTES 256u
#define WR_METRICS_METRIC_BYTES 256u
#define WR_METRICS_ERROR_BYTES 256u
#define WR_METRICS_ERRORS 64u
/* Of one kind; what is beyond has no place. */
#define WR_METRICS_SLOTS_MAX 1024u
#define WR_METRICS_FILE_BYTES_MAX (256ull << 20)

#define WR_METRICS_SUB_BITS WR_TALLY_SUB_BITS
#define WR_METRICS_BUCKETS WR_TALLY_BUCKETS
#define WR_METRICS_HISTOGRAM_CELLS (3u + WR_METRICS_BUCKETS)

/* Offsets, as above. */
enum {
	WR_MH_MAGIC = 0,
	WR_MH_LAYOUT = 8,
	WR_MH_HEAD_BYTES = 12,
	WR_MH_FILE_BYTES = 16,
	WR_MH_SCOPES = 24,
	WR_MH_METRICS = 28,
	WR_MH_SCOPES_AT = 32,
	WR_MH_METRICS_AT = 40,
	WR_MH_ERRORS_AT = 48,
	WR_MH_ERRORS = 56,
	WR_MH_ERROR_BYTES = 60,
	WR_MH_PID = 64,
	WR_MH_PID_START = 72,
	WR_MH_PID_SPACE = 80,
	WR_MH_OPENED = 88,
	WR_MH_INTERVAL = 96,
	WR_MH_ROUND = 112,
	WR_MH_STATE = 120,
	WR_MH_BOOT = 128,
	WR_MH_WALL = 136,
	WR_MH_ROUNDS = 144,
	WR_MH_ERRORS_USED = 152,
	WR_MH_ERRORS_LEFT = 160,
	WR_MH_LEFT_OUT = 168,
	WR_MH_ROUND_END = 176,
	WR_MH_NAME = 256,
	WR_MH_NAME_BYTES = 40,
	WR_MH_VERSION = 296,
	WR_MH_VERSION_BYTES = 32,
	WR_MH_DIR = 328,
	WR_MH_DIR_BYTES = 1024,

	WR_MS_NAME = 0,
	WR_MS_NAME_BYTES = 32,
	WR_MS_LABELS = 32,
	WR_MS_SLOTS = 36,
	WR_MS_SLOTS_AT = 40,
	WR_MS_SLOT_BYTES = 48,
	WR_MS_CELLS_AT = 52,
	WR_MS_METRIC_FIRST = 56,
	WR_MS_METRICS = 60,
	WR_MS_LABEL_NAMES = 64,
	WR_MS_LABEL_NAME_BYTES = 32,
	WR_MS_LABEL_BYTES = 192,
	WR_MS_USED = 208,

	WR_MM_NAME = 0,
	WR_MM_NAME_BYTES = 64,
	WR_MM_UNIT = 64,
	WR_MM_UNIT_BYTES = 16,
	WR_MM_KIND = 80,
	WR_MM_CELL = 84,
	WR_MM_PER_UNIT = 88,
	WR_MM_BUCKETS = 96,
	WR_MM_SUB_BITS = 100,
	WR_MM_HELP = 104,
	WR_MM_HELP_BYTES = 152,

	WR_SLOT_STAMP = 0,
	WR_SLOT_GENERATION = 8,
	WR_SLOT_LABELS = 16,

	WR_ME_CODE = 16,
	WR_ME_COUNT = 24,
	WR_ME_FIRST = 32,
	WR_ME_LAST = 40,
	WR_ME_TEXT = 48,
};

/* What the state word says. */
enum { WR_METRICS_OPEN = 1, WR_METRICS_FAILED = 2, WR_METRICS_CLOSED = 3 };

/* Where everything is, for so many slots. */
struct wr_metrics_place {
	uint64_t slots_at;
	uint32_t slots;
	uint32_t slot_bytes;
	uint32_t cells_at;
	uint32_t metric_first, metrics;
};

struct wr_metrics_layout {
	struct wr_metrics_place scopes[WR_SCOPES];
	uint32_t cell_of[WR_METRIC_COUNT];
	uint64_t scopes_at, metrics_at, errors_at;
	uint64_t bytes; /* of the file: whole pages of 4096 */
};

/* How many objects there may be of each kind. */
struct wr_metrics_limits {
	uint64_t slots[WR_SCOPES];
};

void wr_metrics_lay_out(const struct wr_metrics_limits *limits, struct wr_metrics_layout *ret);

#endif
