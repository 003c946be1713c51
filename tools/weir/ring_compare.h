/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench ring --compare OLD.json`: an earlier run beside this one, cell by cell.
 *
 * Two runs share no rounds, so nothing can be paired: every round of now is set against every round
 * of then. The ratio of a cell is the median of these quotients (as of Hodges and Lehmann), the
 * interval is the rank interval that belongs to it (95%; with three rounds or fewer on each side it
 * is the whole range). A cell is better or worse when the whole interval is on one side of 1, else
 * the same. What that cannot see is a machine that was slower as a whole: so machine, way of
 * measuring and version of both are compared, too, and every difference is told.
 *
 * Thread: main. Pure, but for ring_old_read().
 */
#ifndef WEIR_TOOLS_RING_COMPARE_H
#define WEIR_TOOLS_RING_COMPARE_H

#include "tools/weir/ring_report.h"

struct json_out;

enum ring_change { RING_NEW, RING_SAME, RING_BETTER, RING_WORSE };

extern const char *const ring_change_names[]; /* of enum ring_change */

struct ring_old_cell {
	struct ring_cell cell;
	uint32_t rounds;
	double mops[RING_ROUNDS_MAX]; /* weir's */
};

/* A run that was written down with --json. */
struct ring_old {
	char file[256];
	char weir[32]; /* version */
	struct bench_machine machine;
	uint64_t length_ns;
	uint32_t rounds;
	bool pinned;
	bool fifo;
	bool has_rtt;
	uint64_t rtt_p50;
	uint64_t rtt_p99;
	struct ring_old_cell cells[RING_CELLS_MAX];
	uint32_t cell_count;
};

struct ring_cell_change {
	enum ring_change change;
	double old_median; /* million items a second; the rest is 0 when the cell is new */
	double ratio;      /* of now to then */
	double low;
	double high;
};

struct ring_comparison {
	const struct ring_old *old;
	struct ring_cell_change cells[RING_CELLS_MAX]; /* by the index of now */
	uint32_t counts[4];                            /* by enum ring_change */
	uint32_t gone;    /* cells of then that were not measured now */
	double slower;    /* the most that a worse cell has lost: 0.05 is 5%; 0: none is worse */
	double rtt_ratio; /* p50 of now to then; 0: one of them has none */
	bool other_machine;
	char differences[768]; /* of machine and of measuring, a line each */
};

/* False where weir was built without jansson: ring_old_read() is not there then. */
bool ring_has_compare(void);

/*
 * Reads what `weir bench ring --json` printed. 0; -errno of the file; -EINVAL for what is no such
 * document, with the reason in `why`: what is wrong, and where.
 */
int ring_old_read(const char *path, struct ring_old *ret_old, char *why, size_t why_bytes);

void ring_compare_cell(const double *now, uint32_t now_count, const double *then,
		       uint32_t then_count, struct ring_cell_change *ret_change);
/* `old` stays in use. */
void ring_compare(const struct ring_report *now, const struct ring_old *old,
		  struct ring_comparison *ret_comparison);

void ring_compare_text(const struct ring_report *now, const struct ring_comparison *c, FILE *to);
/* A member "compare" of what is open; null for NULL. */
void ring_compare_json(struct json_out *j, const struct ring_report *now,
		       const struct ring_comparison *c);

#endif
