/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A placement in a few lines: a machine of tests/data/topology, what the process may use of it,
 * what is asked for, and the plan as a line of text.
 *
 *   bed_open("two_sockets");
 *   bed_mask("0-3");
 *   bed_ask("log", "auto", WEIR_WAIT_SPIN, 1);
 *   bed_expect("log=1! | 0,16");
 *
 * The line has, for each request, what it was given, and then the housekeeping set:
 *
 *   log=1       a core of its own, by one of its CPUs; several threads: 7+1
 *   log=1!      and they spin there (?: yield, .: park, nothing: adaptive)
 *   log=(4-5)   on any CPU of a list
 *   log=*       anywhere; *(0-3): anywhere within
 *   log=-       not started
 *   log=*~      anything less than asked for has a tilde at the end
 */
#ifndef WR_TESTS_PLACE_BED_H
#define WR_TESTS_PLACE_BED_H

#include "io/config/place.h"

struct place_bed {
	struct wr_topology *topology;
	struct wr_affinity affinity;
	struct wr_place_policy policy;
	struct wr_place_request requests[WR_PLACE_REQUESTS_MAX];
	uint32_t request_count;
	struct wr_placement placement;
	int result;
};

extern struct place_bed bed;

void bed_open(const char *machine);
void bed_close(void);
void bed_mask(const char *cpus);
/* The grammar of io/config/cpus.h. */
struct wr_cpu_request bed_cpus(const char *text);
void bed_ask(const char *name, const char *cpus, enum weir_wait wait, uint32_t count);
/* log, journal where there is room, group: all auto and adaptive. */
void bed_ask_defaults(void);
void bed_place(void);
char *bed_line(char to[512]);

/* Plans; no problem, and this line. */
#define bed_expect(wanted)                                                                         \
	do {                                                                                       \
		char bed_line_text[512];                                                           \
		bed_place();                                                                       \
		cr_assert_eq(bed.result, 0, "%s", bed.placement.problems[0].text);                 \
		cr_assert_str_eq(bed_line(bed_line_text), wanted);                                 \
	} while (0)

#endif
