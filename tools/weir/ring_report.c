/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_report.h. */
#include "tools/weir/ring_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/bench_machine_json.h"
#include "tools/weir/json_out.h"
#include "tools/weir/ring_compare.h"
#include "tools/weir/ring_report_peers.h"
#include "tools/weir/ring_threshold.h"

const char *const ring_verdict_names[] = {NULL, "win", "tie", "loss"};

static int ascending(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return a < b ? -1 : a > b;
}

bool ring_with_fan(const struct ring_cell_result *cell, uint32_t peer)
{
	return cell->has_fan && cell->by_producer[peer];
}

void ring_ratio_to(const struct ring_cell_result *cell, uint32_t peer, uint32_t rounds,
		   struct ring_ratio *ret_ratio)
{
	double sorted[RING_ROUNDS_MAX];
	const double *own = ring_with_fan(cell, peer) ? cell->fan_mops : cell->mops[0];
	*ret_ratio = (struct ring_ratio){.verdict = RING_ALONE};
	if (!cell->ran[0] || !cell->ran[peer])
		return;
	for (uint32_t r = 0; r < rounds; r++)
		sorted[r] =
			fmax(own[r], RING_MOPS_LEAST) / fmax(cell->mops[peer][r], RING_MOPS_LEAST);
	qsort(sorted, rounds, sizeof sorted[0], ascending);
	uint32_t cut = rounds >= 5 ? 1 : 0;
	ret_ratio->median = sorted[rounds / 2];
	ret_ratio->low = sorted[cut];
	ret_ratio->high = sorted[rounds - 1 - cut];
	ret_ratio->verdict = ret_ratio->low > 1    ? RING_WIN
			     : ret_ratio->high < 1 ? RING_LOSS
						   : RING_TIE;
}

static void spread(const double *mops, uint32_t rounds, double *ret_median, double *ret_least,
		   double *ret_most)
{
	double sorted[RING_ROUNDS_MAX];
	memcpy(sorted, mops, rounds * sizeof sorted[0]);
	qsort(sorted, rounds, sizeof sorted[0], ascending);
	*ret_median = sorted[rounds / 2];
	*ret_least = sorted[0];
	*ret_most = sorted[rounds - 1];
}

void ring_summarize(const struct ring_cell_result *cell, uint32_t peer_count, uint32_t rounds,
		    struct ring_summary *s)
{
	*s = (struct ring_summary){.best_peer = -1};
	if (cell->has_fan)
		spread(cell->fan_mops, rounds, &s->fan_median, &s->fan_least, &s->fan_most);
	for (uint32_t p = 0; p < peer_count; p++) {
		struct ring_ratio ratio;
		if (!cell->ran[p])
			continue;
		spread(cell->mops[p], rounds, &s->median[p], &s->least[p], &s->most[p]);
		if (p == 0)
			continue;
		ring_ratio_to(cell, p, rounds, &ratio);
		if (ratio.verdict == RING_ALONE || (s->best_peer >= 0 && ratio.median >= s->ratio))
			continue;
		s->best_peer = (int)p;
		s->with_fan = ring_with_fan(cell, p);
		s->ratio = ratio.median;
		s->ratio_low = ratio.low;
		s->ratio_high = ratio.high;
		s->verdict = ratio.verdict;
	}
}

void ring_report_warnings(const struct ring_report *r, char *text, size_t text_bytes)
{
	const struct bench_machine *m = &r->machine;
	size_t at = 0;
	text[0] = '\0';
	if (r->load > 0.3 * m->cpus_allowed && !r->fifo)
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "other work runs here (load %.1f on %u CPUs)\n", r->load,
				       m->cpus_allowed);
	if (at < text_bytes && m->cpus_allowed < 2)
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "one CPU: producers and consumers take turns\n");
	if (at < text_bytes && strcmp(m->governor, "n/a") != 0 &&
	    strcmp(m->governor, "performance") != 0)
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "the governor is %s: the clock changes while it measures\n",
				       m->governor);
	if (at < text_bytes && strcmp(m->isolated, "none") == 0)
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "no CPU is isolated: the kernel runs other work on each\n");
	if (at < text_bytes && m->virtual_machine)
		at += (size_t)snprintf(text + at, text_bytes - at,
				       "a virtual machine: its host takes time that is not seen\n");
	if (at < text_bytes && !r->pinned)
		(void)snprintf(text + at, text_bytes - at,
			       "threads are not pinned: they move between cores\n");
}

double ring_report_geomean(const struct ring_report *r, uint32_t *ret_lost)
{
	double logs = 0;
	uint32_t count = 0;
	*ret_lost = 0;
	for (uint32_t i = 0; i < r->cell_count; i++) {
		struct ring_summary s;
		ring_summarize(&r->cells[i], r->peer_count, r->rounds, &s);
		if (s.best_peer < 0)
			continue;
		logs += log(s.ratio);
		count++;
		*ret_lost += s.verdict == RING_LOSS;
	}
	return count == 0 ? 0 : exp(logs / count);
}

static void line_out(const struct ring_report *r, const struct ring_cell_result *cell, FILE *to)
{
	const struct ring_cell *c = &cell->cell;
	struct ring_summary s;
	ring_summarize(cell, r->peer_count, r->rounds, &s);
	fprintf(to, "%-9s %4u B %4u  %-8s %u:%u %9.2f  (%.2f .. %.2f)", ring_shape_names[c->shape],
		c->payload_bytes, c->batch, ring_wait_names[c->wait], c->producers, c->consumers,
		s.median[0], s.least[0], s.most[0]);
	for (uint32_t p = 1; p < r->peer_count; p++)
		if (cell->ran[p])
			fprintf(to, "  %s %.2f", r->peers[p]->name, s.median[p]);
	if (cell->has_fan)
		fprintf(to, "  weir fan %.2f", s.fan_median);
	if (s.best_peer >= 0)
		fprintf(to, "  x%.2f (%.2f .. %.2f) %s%s", s.ratio, s.ratio_low, s.ratio_high,
			ring_verdict_names[s.verdict], s.with_fan ? " of the fan" : "");
	fputc('\n', to);
}

static void trip_out(const char *name, const struct ring_trip_times *t, FILE *to)
{
	fprintf(to, "%-17s p50 %llu ns, p99 %llu, p99.9 %llu\n", name, (unsigned long long)t->p50,
		(unsigned long long)t->p99, (unsigned long long)t->p999);
}

void ring_report_text(const struct ring_report *r, FILE *to)
{
	char warnings[512];
	uint32_t lost;
	double mean = ring_report_geomean(r, &lost);
	fprintf(to, "cpu         %s, %u of %u CPUs, governor %s, isolated %s\nkernel      %s\n",
		r->machine.cpu, r->machine.cpus_allowed, r->machine.cpus_online,
		r->machine.governor, r->machine.isolated, r->machine.kernel);
	fprintf(to, "rounds      %u of %.0f ms each, contenders in turn%s%s\n", r->rounds,
		(double)r->length_ns / 1e6, r->pinned ? ", pinned" : "",
		r->fifo ? ", SCHED_FIFO where there are CPUs enough" : "");
	ring_report_warnings(r, warnings, sizeof warnings);
	char *rest = NULL;
	for (char *line = strtok_r(warnings, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		fprintf(to, "careful     %s\n", line);
	fputs("\nshape     payload batch  wait  P:C   M items/s  (least .. most)\n", to);
	for (uint32_t i = 0; i < r->cell_count; i++)
		line_out(r, &r->cells[i], to);
	ring_report_peers_text(r, to);
	if (mean > 0)
		fprintf(to, "\nweir to the best peer, geometric mean: x%.2f; cells lost: %u\n",
			mean, lost);
	if (r->has_rtt) {
		fputc('\n', to);
		trip_out("round trip", &r->rtt.weir, to);
		trip_out("  one line alone", &r->rtt.line, to);
		trip_out("  a line each way", &r->rtt.pair, to);
	}
	if (r->comparison != NULL)
		ring_compare_text(r, r->comparison, to);
	ring_threshold_text(r->thresholds, r->threshold_count, to);
}

static void rounds_json(struct json_out *j, const char *name, const double *mops, uint32_t rounds)
{
	json_array(j, name);
	for (uint32_t i = 0; i < rounds; i++)
		json_f64(j, NULL, mops[i], 3);
	json_close(j);
}

static void cell_json(struct json_out *j, const struct ring_report *r,
		      const struct ring_cell_result *cell)
{
	struct ring_summary s;
	ring_summarize(cell, r->peer_count, r->rounds, &s);
	json_object(j, NULL);
	json_text(j, "shape", ring_shape_names[cell->cell.shape]);
	json_u64(j, "payload_bytes", cell->cell.payload_bytes);
	json_u64(j, "batch", cell->cell.batch);
	json_text(j, "wait", ring_wait_names[cell->cell.wait]);
	json_u64(j, "producers", cell->cell.producers);
	json_u64(j, "consumers", cell->cell.consumers);
	json_u64(j, "capacity", cell->cell.capacity);
	json_text(j, "weir_with", s.with_fan ? "fan" : "ring");
	json_f64(j, "weir_mops", s.with_fan ? s.fan_median : s.median[0], 3);
	json_f64(j, "weir_mops_least", s.with_fan ? s.fan_least : s.least[0], 3);
	json_f64(j, "weir_mops_most", s.with_fan ? s.fan_most : s.most[0], 3);
	rounds_json(j, "weir_mops_rounds", cell->mops[0], r->rounds);
	if (cell->has_fan)
		rounds_json(j, "fan_mops_rounds", cell->fan_mops, r->rounds);
	else
		json_null(j, "fan_mops_rounds");
	json_text(j, "best_peer", s.best_peer >= 0 ? r->peers[s.best_peer]->name : NULL);
	if (s.best_peer >= 0) {
		json_f64(j, "best_peer_mops", s.median[s.best_peer], 3);
		json_f64(j, "ratio", s.ratio, 3);
		json_f64(j, "ratio_low", s.ratio_low, 3);
		json_f64(j, "ratio_high", s.ratio_high, 3);
	}
	json_text(j, "verdict", ring_verdict_names[s.verdict]);
	json_close(j);
}

int ring_report_json(const struct ring_report *r, FILE *to)
{
	struct json_out j;
	char warnings[512];
	uint32_t lost;
	double mean = ring_report_geomean(r, &lost);
	json_begin(&j, to, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "benchmark", "ring");
	json_text(&j, "weir", weir_version());
	json_u64(&j, "rounds", r->rounds);
	json_u64(&j, "round_ns", r->length_ns);
	json_bool(&j, "pinned", r->pinned);
	json_bool(&j, "fifo", r->fifo);
	json_array(&j, "cells");
	for (uint32_t i = 0; i < r->cell_count; i++)
		cell_json(&j, r, &r->cells[i]);
	json_close(&j);
	ring_report_peers_json(&j, r);
	json_u64(&j, "cells_lost", lost);
	if (mean > 0)
		json_f64(&j, "geomean_ratio", mean, 3);
	else
		json_null(&j, "geomean_ratio");
	if (r->has_rtt) {
		json_object(&j, "rtt_ns");
		json_u64(&j, "weir_p50", r->rtt.weir.p50);
		json_u64(&j, "weir_p99", r->rtt.weir.p99);
		json_u64(&j, "weir_p999", r->rtt.weir.p999);
		json_u64(&j, "floor_p50", r->rtt.line.p50);
		json_u64(&j, "floor_p99", r->rtt.line.p99);
		json_u64(&j, "floor_p999", r->rtt.line.p999);
		json_u64(&j, "pair_p50", r->rtt.pair.p50);
		json_u64(&j, "pair_p99", r->rtt.pair.p99);
		json_u64(&j, "pair_p999", r->rtt.pair.p999);
		json_close(&j);
	} else {
		json_null(&j, "rtt_ns");
	}
	bench_machine_json_begin(&j, &r->machine);
	json_f64(&j, "load", r->load, 2);
	json_close(&j);
	ring_report_warnings(r, warnings, sizeof warnings);
	json_text(&j, "warnings", warnings[0] != '\0' ? warnings : NULL);
	ring_compare_json(&j, r, r->comparison);
	ring_threshold_json(&j, r->thresholds, r->threshold_count);
	return json_end(&j);
}
