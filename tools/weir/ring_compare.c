/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_compare.h: the arithmetic. Thread: main; pure. */
#include "tools/weir/ring_compare.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const ring_change_names[] = {"new", "same", "better", "worse"};

static int ascending(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return a < b ? -1 : a > b;
}

static double median_of(const double *sorted, size_t count)
{
	return count % 2 != 0 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static double median_of_rounds(const double *rounds, uint32_t count)
{
	double sorted[RING_ROUNDS_MAX];

	memcpy(sorted, rounds, count * sizeof sorted[0]);
	qsort(sorted, count, sizeof sorted[0], ascending);
	return median_of(sorted, count);
}

/*
 * How many quotients at each end are outside the 95% interval: the rank statistic of Mann and
 * Whitney, as normally distributed (for 4 to 10 rounds a side it gives what the exact tables give).
 */
static size_t ranks_outside(uint32_t n, uint32_t m)
{
	double products = (double)n * m;
	double rank = products / 2 - 1.96 * sqrt(products * (n + m + 1) / 12);

	return rank >= 1 ? (size_t)rank - 1 : 0;
}

void ring_compare_cell(const double *now, uint32_t now_count, const double *then,
		       uint32_t then_count, struct ring_cell_change *ret_change)
{
	static double quotients[RING_ROUNDS_MAX * RING_ROUNDS_MAX];
	size_t count = 0;
	size_t outside = ranks_outside(now_count, then_count);

	for (uint32_t i = 0; i < now_count; i++)
		for (uint32_t k = 0; k < then_count; k++)
			quotients[count++] =
				fmax(now[i], RING_MOPS_LEAST) / fmax(then[k], RING_MOPS_LEAST);
	qsort(quotients, count, sizeof quotients[0], ascending);
	*ret_change = (struct ring_cell_change){
		.old_median = median_of_rounds(then, then_count),
		.ratio = median_of(quotients, count),
		.low = quotients[outside],
		.high = quotients[count - 1 - outside],
		.change = RING_SAME,
	};
	if (ret_change->low > 1)
		ret_change->change = RING_BETTER;
	else if (ret_change->high < 1)
		ret_change->change = RING_WORSE;
}

static bool same_cell(const struct ring_cell *a, const struct ring_cell *b)
{
	return a->shape == b->shape && a->payload_bytes == b->payload_bytes &&
	       a->batch == b->batch && a->wait == b->wait && a->producers == b->producers &&
	       a->consumers == b->consumers && a->capacity == b->capacity;
}

static const struct ring_old_cell *find(const struct ring_old *old, const struct ring_cell *cell)
{
	for (uint32_t i = 0; i < old->cell_count; i++)
		if (same_cell(&old->cells[i].cell, cell))
			return &old->cells[i];
	return NULL;
}

static void differ(struct ring_comparison *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void differ(struct ring_comparison *c, const char *format, ...)
{
	size_t at = strlen(c->differences);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(c->differences + at, sizeof c->differences - at, format, arguments);
	va_end(arguments);
}

static bool differ_text(struct ring_comparison *c, const char *what, const char *then,
			const char *now)
{
	if (strcmp(then, now) == 0)
		return false;
	differ(c, "%s: %s then, %s now\n", what, then, now);
	return true;
}

static const char *yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

static void compare_circumstances(const struct ring_report *now, struct ring_comparison *c)
{
	const struct ring_old *old = c->old;
	const struct bench_machine *a = &old->machine, *b = &now->machine;

	c->other_machine |= differ_text(c, "CPU", a->cpu, b->cpu);
	c->other_machine |= differ_text(c, "kernel", a->kernel, b->kernel);
	c->other_machine |= differ_text(c, "governor", a->governor, b->governor);
	c->other_machine |= differ_text(c, "isolated CPUs", a->isolated, b->isolated);
	if (a->cpus_allowed != b->cpus_allowed || a->cpus_online != b->cpus_online) {
		differ(c, "CPUs: %u of %u then, %u of %u now\n", a->cpus_allowed, a->cpus_online,
		       b->cpus_allowed, b->cpus_online);
		c->other_machine = true;
	}
	(void)differ_text(c, "pinned", yes_no(old->pinned), yes_no(now->pinned));
	(void)differ_text(c, "SCHED_FIFO", yes_no(old->fifo), yes_no(now->fifo));
	if (old->length_ns != now->length_ns)
		differ(c, "length of a round: %.0f ms then, %.0f ms now\n",
		       (double)old->length_ns / 1e6, (double)now->length_ns / 1e6);
}

void ring_compare(const struct ring_report *now, const struct ring_old *old,
		  struct ring_comparison *ret_comparison)
{
	struct ring_comparison *c = ret_comparison;
	uint32_t matched = 0;

	memset(c, 0, sizeof *c);
	c->old = old;
	compare_circumstances(now, c);
	for (uint32_t i = 0; i < now->cell_count; i++) {
		const struct ring_cell_result *cell = &now->cells[i];
		const struct ring_old_cell *then = find(old, &cell->cell);
		struct ring_cell_change *change = &c->cells[i];
		if (then != NULL) {
			ring_compare_cell(cell->mops[0], now->rounds, then->mops, then->rounds,
					  change);
			matched++;
		}
		c->counts[change->change]++;
		if (change->change == RING_WORSE && 1 - change->ratio > c->slower)
			c->slower = 1 - change->ratio;
	}
	c->gone = old->cell_count - matched;
	if (old->has_rtt && now->has_rtt && old->rtt_p50 > 0)
		c->rtt_ratio = (double)now->rtt.weir.p50 / (double)old->rtt_p50;
}

#ifndef WR_HAVE_JANSSON

bool ring_has_compare(void)
{
	return false;
}

int ring_old_read(const char *path, struct ring_old *ret_old, char *why, size_t why_bytes)
{
	(void)path;
	(void)ret_old;
	(void)snprintf(why, why_bytes, "weir was built without jansson");
	return -ENOTSUP;
}

#endif
