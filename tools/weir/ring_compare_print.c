/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_compare.h: as text and as JSON. Thread: main. */
#include <string.h>

#include "tools/weir/json_out.h"
#include "tools/weir/ring_compare.h"

static double now_median(const struct ring_report *now, uint32_t index)
{
	struct ring_summary s;

	ring_summarize(&now->cells[index], 1, now->rounds, &s);
	return s.median[0];
}

void ring_compare_text(const struct ring_report *now, const struct ring_comparison *c, FILE *to)
{
	const char *line = c->differences;

	fprintf(to, "\ncompared    with %s, weir %s\n", c->old->file, c->old->weir);
	if (c->other_machine)
		fputs("CAREFUL     ANOTHER MACHINE: the ratios say nothing about weir\n", to);
	while (*line != '\0') {
		size_t bytes = strcspn(line, "\n");
		fprintf(to, "differs     %.*s\n", (int)bytes, line);
		line += bytes + (line[bytes] == '\n');
	}
	fputs("\nshape     payload batch  wait  P:C      then       now   now/then\n", to);
	for (uint32_t i = 0; i < now->cell_count; i++) {
		const struct ring_cell *cell = &now->cells[i].cell;
		const struct ring_cell_change *change = &c->cells[i];
		fprintf(to, "%-9s %4u B %4u  %-8s %u:%u ", ring_shape_names[cell->shape],
			cell->payload_bytes, cell->batch, ring_wait_names[cell->wait],
			cell->producers, cell->consumers);
		if (change->change == RING_NEW)
			fprintf(to, "%9s %9.2f   new\n", "-", now_median(now, i));
		else
			fprintf(to, "%9.2f %9.2f   x%.3f (%.3f .. %.3f) %s\n", change->old_median,
				now_median(now, i), change->ratio, change->low, change->high,
				ring_change_names[change->change]);
	}
	fprintf(to, "\ncells       %u better, %u worse, %u the same, %u new, %u not measured now\n",
		c->counts[RING_BETTER], c->counts[RING_WORSE], c->counts[RING_SAME],
		c->counts[RING_NEW], c->gone);
	if (c->rtt_ratio > 0)
		fprintf(to, "round trip  p50 %llu ns then, %llu now: x%.3f\n",
			(unsigned long long)c->old->rtt_p50, (unsigned long long)now->rtt.weir.p50,
			c->rtt_ratio);
}

static void change_json(struct json_out *j, const struct ring_report *now,
			const struct ring_comparison *c, uint32_t index)
{
	const struct ring_cell *cell = &now->cells[index].cell;
	const struct ring_cell_change *change = &c->cells[index];

	json_object(j, NULL);
	json_text(j, "shape", ring_shape_names[cell->shape]);
	json_u64(j, "payload_bytes", cell->payload_bytes);
	json_u64(j, "batch", cell->batch);
	json_text(j, "wait", ring_wait_names[cell->wait]);
	json_f64(j, "weir_mops", now_median(now, index), 3);
	if (change->change != RING_NEW) {
		json_f64(j, "old_mops", change->old_median, 3);
		json_f64(j, "ratio", change->ratio, 4);
		json_f64(j, "ratio_low", change->low, 4);
		json_f64(j, "ratio_high", change->high, 4);
	}
	json_text(j, "change", ring_change_names[change->change]);
	json_close(j);
}

void ring_compare_json(struct json_out *j, const struct ring_report *now,
		       const struct ring_comparison *c)
{
	if (c == NULL) {
		json_null(j, "compare");
		return;
	}
	json_object(j, "compare");
	json_text(j, "file", c->old->file);
	json_text(j, "weir", c->old->weir);
	json_bool(j, "other_machine", c->other_machine);
	json_text(j, "differences", c->differences[0] != '\0' ? c->differences : NULL);
	json_array(j, "cells");
	for (uint32_t i = 0; i < now->cell_count; i++)
		change_json(j, now, c, i);
	json_close(j);
	json_u64(j, "cells_better", c->counts[RING_BETTER]);
	json_u64(j, "cells_worse", c->counts[RING_WORSE]);
	json_u64(j, "cells_same", c->counts[RING_SAME]);
	json_u64(j, "cells_new", c->counts[RING_NEW]);
	json_u64(j, "cells_gone", c->gone);
	json_f64(j, "slower", c->slower, 4);
	if (c->rtt_ratio > 0)
		json_f64(j, "rtt_ratio", c->rtt_ratio, 4);
	else
		json_null(j, "rtt_ratio");
	json_close(j);
}
