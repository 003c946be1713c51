/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the explorer itself is right: it shows every outcome that C11 allows and none that it
 *         forbids, each execution once, and as many as there are.
 * Method: the litmus tests of the literature, with every combination of orders that matters: the
 * one weak
 *         outcome is asserted to be seen, or not to be, and the number of executions is asserted.
 *         Then random programs, whose number of executions is counted by force as well (brute.c).
 *
 * usage: litmus [random programs [seed]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/program.h"

struct litmus {
	const char *name, *text;
	const char *weak; /* an outcome; '.' stands for anything */
	bool allowed;
	uint64_t executions;
};

static const struct litmus tests[] = {
	/* Message passing. */
	{"MP relaxed", "Wx1rlx Wy1rlx | Ryrlx Rxrlx", "10/..", true, 4},
	{"MP release, relaxed", "Wx1rlx Wy1rel | Ryrlx Rxrlx", "10/..", true, 4},
	{"MP relaxed, acquire", "Wx1rlx Wy1rlx | Ryacq Rxrlx", "10/..", true, 4},
	{"MP release, acquire", "Wx1rlx Wy1rel | Ryacq Rxrlx", "10/..", false, 3},
	{"MP seq_cst on the flag", "Wx1rlx Wy1sc | Rysc Rxrlx", "10/..", false, 3},
	{"MP seq_cst on the data only", "Wx1sc Wy1rlx | Ryrlx Rxsc", "10/..", true, 4},
	/* Release sequences: a read-modify-write goes on with it, a later store does not. */
	{"MP through a relaxed add", "Wx1rlx Wy1rel | Ay1rlx | Ryacq Rxrlx", ".20/..", false, 9},
	{"MP through a relaxed exchange", "Wx1rlx Wy1rel | Xy3rlx | Ryacq Rxrlx", "130/1.", false,
	 9},
	{"MP, another's store ends the sequence", "Wx1rlx Wy1rel | Wy3rlx | Ryacq Rxrlx", "30/..",
	 true, 10},
	{"MP, an own relaxed store ends it", "Wx1rlx Wy1rel Wy2rlx | Ryacq Rxrlx", "20/..", true,
	 5},
	{"MP by a relaxed read of the add", "Wx1rlx Ay1rel | Ryacq Rxrlx", "010/..", false, 3},
	{"MP by an acquiring exchange", "Wx1rlx Wy1rel | Xy2acq Rxrlx", "10/..", false, 3},
	{"MP by a releasing exchange", "Wx1rlx Wy1rel | Xy2rel Rxrlx", "10/..", true, 4},
	/* Store buffering. */
	{"SB relaxed", "Wx1rlx Ryrlx | Wy1rlx Rxrlx", "00/..", true, 4},
	{"SB release, acquire", "Wx1rel Ryacq | Wy1rel Rxacq", "00/..", true, 4},
	{"SB seq_cst", "Wx1sc Rysc | Wy1sc Rxsc", "00/..", false, 3},
	{"SB, one load acquire", "Wx1sc Ryacq | Wy1sc Rxsc", "00/..", true, 4},
	{"SB, one store release", "Wx1rel Rysc | Wy1sc Rxsc", "00/..", true, 4},
	{"SB by exchanges", "Xx1sc Rysc | Xy1sc Rxsc", "0000/..", false, 3},
	{"SB by acq_rel exchanges", "Xx1ar Ryacq | Xy1ar Rxacq", "0000/..", true, 4},
	/* Asymmetric fences: a heavy one on one side suffices for light ones on the other. */
	{"SB heavy, light", "Wx1rlx F Ryrlx | Wy1rlx f Rxrlx", "00/..", false, 3},
	{"SB light, light", "Wx1rlx f Ryrlx | Wy1rlx f Rxrlx", "00/..", true, 4},
	{"SB heavy, nothing", "Wx1rlx F Ryrlx | Wy1rlx Rxrlx", "00/..", true, 4},
	{"SB heavy, heavy", "Wx1rlx F Ryrlx | Wy1rlx F Rxrlx", "00/..", false, 3},
	/* Load buffering: not shown (no cycle in program order and rf), see docs/internals. */
	{"LB relaxed", "Rxrlx Wy1rlx | Ryrlx Wx1rlx", "11/..", false, 3},
	{"LB acquire", "Rxacq Wy1rel | Ryacq Wx1rel", "11/..", false, 3},
	/* Two readers that disagree about the order of independent writes. */
	{"IRIW relaxed", "Wx1rlx | Wy1rlx | Rxrlx Ryrlx | Ryrlx Rxrlx", "1010/..", true, 16},
	{"IRIW acquire", "Wx1rel | Wy1rel | Rxacq Ryacq | Ryacq Rxacq", "1010/..", true, 16},
	{"IRIW seq_cst", "Wx1sc | Wy1sc | Rxsc Rysc | Rysc Rxsc", "1010/..", false, 15},
	{"IRIW, one load acquire", "Wx1sc | Wy1sc | Rxsc Ryacq | Rysc Rxsc", "1010/..", true, 16},
	/* Coherence. */
	{"CoRR", "Wx1rlx | Rxrlx Rxrlx", "10/.", false, 3},
	{"CoRR of two stores", "Wx1rlx | Wx2rlx | Rxrlx Rxrlx | Rxrlx Rxrlx", "1221/.", false, 72},
	{"CoWR", "Wx1rlx Rxrlx | Wx2rlx", "2/1", false, 3},
	{"CoRW", "Rxrlx Wx1rlx | Wx2rlx", "2/2", false, 3},
	{"CoWW", "Wx1rlx Wx2rlx", "/1", false, 1},
	{"CoRR by seq_cst", "Wx1sc | Rxsc Rxsc", "10/.", false, 3},
	/* Stores against stores. */
	{"2+2W relaxed", "Wx1rlx Wy2rlx | Wy1rlx Wx2rlx", "/11", true, 4},
	{"2+2W release", "Wx1rel Wy2rel | Wy1rel Wx2rel", "/11", true, 4},
	{"2+2W seq_cst", "Wx1sc Wy2sc | Wy1sc Wx2sc", "/11", false, 3},
	{"2+2W, one release", "Wx1sc Wy2rel | Wy1sc Wx2sc", "/11", true, 4},
	/* Causality through a third thread. */
	{"ISA2 release, acquire", "Wx1rlx Wy1rel | Ryacq Wz1rel | Rzacq Rxrlx", "110/...", false,
	 7},
	{"ISA2, middle relaxed", "Wx1rlx Wy1rel | Ryrlx Wz1rel | Rzacq Rxrlx", "110/...", true, 8},
	{"ISA2, middle store relaxed", "Wx1rlx Wy1rel | Ryacq Wz1rlx | Rzacq Rxrlx", "110/...",
	 true, 8},
	{"ISA2, last relaxed", "Wx1rlx Wy1rel | Ryacq Wz1rel | Rzrlx Rxrlx", "110/...", true, 8},
	{"ISA2 relaxed", "Wx1rlx Wy1rlx | Ryrlx Wz1rlx | Rzrlx Rxrlx", "110/...", true, 8},
	/* Read to write, and write to read causality. */
	{"WRC release, acquire", "Wx1rel | Rxacq Wy1rel | Ryacq Rxrlx", "110/..", false, 7},
	{"WRC relaxed", "Wx1rlx | Rxrlx Wy1rlx | Ryrlx Rxrlx", "110/..", true, 8},
	{"R release", "Wx1rel Wy1rel | Wy2rel Rxacq", "0/.2", true, 4},
	{"R seq_cst", "Wx1sc Wy1sc | Wy2sc Rxsc", "0/.2", false, 3},
	{"S release, acquire", "Wx2rlx Wy1rel | Ryacq Wx1rlx", "1/2.", false, 3},
	{"S relaxed", "Wx2rlx Wy1rlx | Ryrlx Wx1rlx", "1/2.", true, 4},
	/* Read-modify-writes. */
	{"two adds", "Ax1rlx | Ax1rlx", "00/.", false, 2},
	{"three adds", "Ax1rlx | Ax1rlx | Ax1rlx", "0../1", false, 6},
	{"one of two swaps wins", "C01rlx | C02rlx", "00/.", false, 2},
	{"a store between", "Ax1rlx | Wx5rlx", "0/6", false, 2},
};

static unsigned tests_run, tests_failed;
static const char *weak;
static bool weak_seen;

static void tap(bool ok, const char *what)
{
	tests_run++;
	tests_failed += ok ? 0 : 1;
	(void)printf("%sok %u - %s\n", ok ? "" : "not ", tests_run, what);
}

static bool matches(const char *pattern, const char *text)
{
	for (; *pattern != '\0' && *text != '\0'; pattern++, text++)
		if (*pattern != '.' && *pattern != *text)
			return false;
	return *pattern == *text;
}

static void look(const char *outcome)
{
	weak_seen = weak_seen || matches(weak, outcome);
}

static void run_litmus(const struct litmus *l)
{
	static struct explorer_result result;
	struct program p;
	char what[160];
	(void)snprintf(what, sizeof what, "%s: %s is %s, in %" PRIu64 " executions", l->name,
		       l->weak, l->allowed ? "allowed" : "forbidden", l->executions);
	if (!program_parse(&p, l->text)) {
		(void)printf("# not a program: %s\n", l->text);
		tap(false, what);
		return;
	}
	weak = l->weak;
	weak_seen = false;
	program_explore(&p, look, &result);
	bool ok = result.is_complete && weak_seen == l->allowed &&
		  result.executions == l->executions && result.blocked == 0;
	/* A swap that fails has no store: the other way of counting does not know it. */
	ok = ok && (strchr(l->text, 'C') != NULL || program_count_by_force(&p) == l->executions);
	if (!ok)
		(void)printf("# %s: seen %d, executions %" PRIu64 ", bug %s\n%s", l->text,
			     weak_seen, result.executions, result.what, result.trace);
	tap(ok, what);
}

/* ---- random programs ---- */

static uint64_t seed;

static unsigned draw(unsigned count)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % count;
}

static enum explorer_order draw_order(char kind)
{
	static const enum explorer_order of_load[] = {ORDER_RELAXED, ORDER_ACQUIRE, ORDER_SEQ};
	static const enum explorer_order of_store[] = {ORDER_RELAXED, ORDER_RELEASE, ORDER_SEQ};
	if (kind == 'R')
		return of_load[draw(3)];
	if (kind == 'W')
		return of_store[draw(3)];
	return (enum explorer_order)draw(5);
}

static void draw_program(struct program *p)
{
	static const char kinds[] = "WWWWWRRRRRRAXFf";
	unsigned events = 0, stores = 0;
	memset(p, 0, sizeof *p);
	p->thread_count = 2 + draw(3);
	p->place_count = 1 + draw(3);
	for (unsigned t = 0; t < p->thread_count; t++) {
		unsigned length = 1 + draw(p->thread_count == 2 ? 5 : 3);
		for (unsigned i = 0; i < length && events < 9 && stores < 6; i++) {
			struct operation *o = &p->operations[t][p->length[t]++];
			o->kind = kinds[draw(sizeof kinds - 1)];
			o->place = (uint8_t)draw(p->place_count);
			o->value = (uint8_t)(1 + draw(4));
			o->order = draw_order(o->kind);
			if (o->kind == 'F' || o->kind == 'f')
				o->order = ORDER_SEQ;
			events += o->kind == 'A' || o->kind == 'X' ? 2 : 1;
			stores += strchr("WAX", o->kind) != NULL ? 1 : 0;
		}
	}
}

static bool random_is_right(uint64_t *executions)
{
	static struct explorer_result result;
	struct program p;
	char text[256];
	draw_program(&p);
	uint64_t expected = program_count_by_force(&p);
	program_explore(&p, NULL, &result);
	*executions += result.executions;
	if (result.is_complete && result.executions == expected && result.blocked == 0)
		return true;
	program_print(&p, text, sizeof text);
	(void)printf("# %s: %" PRIu64 " executions, by force %" PRIu64 ", %s\n%s", text,
		     result.executions, expected, result.what, result.trace);
	return false;
}

int main(int argc, char **argv)
{
	unsigned programs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 300;
	uint64_t executions = 0;
	bool all_right = true;
	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	(void)printf("1..%zu\n", sizeof tests / sizeof tests[0] + 1);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		run_litmus(&tests[i]);
	for (unsigned i = 0; i < programs && all_right; i++)
		all_right = random_is_right(&executions);
	(void)printf("# %u random programs, %" PRIu64 " executions\n", programs, executions);
	tap(all_right, "random programs have as many executions as there are by force");
	return tests_failed == 0 ? 0 : 1;
}
