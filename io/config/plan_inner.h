/* SPDX-License-Identifier: Apache-2.0 */
/* What plan.c and the files that look for what is lacking share. */
#ifndef WR_CONFIG_PLAN_INNER_H
#define WR_CONFIG_PLAN_INNER_H

#include <stdio.h>

#include "io/config/plan.h"

/* Of a search for what is lacking. */
struct wr_plan_search {
	const struct wr_plan_input *input;
	struct wr_plan *plan;
	struct wr_cpu_set own;      /* CPUs that threads have for themselves */
	struct wr_cpu_set spinning; /* and spin on */
};

/* plan_lacks.c: compares a plan that is otherwise complete with what the machine has. */
void wr_plan_find_lacks(const struct wr_plan_input *input, struct wr_plan *plan);

/* plan_limits.c: of that, limits of the process, and memory that is set aside. */
void wr_plan_find_limits(struct wr_plan_search *search);

/* plan_run.c: what the sources and sinks of a config have open, and which of their files, folders
 * and programs are not there. */
void wr_plan_run(const struct weir_config *config, struct wr_plan_run *ret_run);
void wr_plan_find_run(struct wr_plan_search *search);

/* plan_bridges.c: the same of its bridges, counted; and of files of secrets and certificates, and
 * variables of the environment, those that are not there. */
uint32_t wr_plan_bridges(const struct weir_config *config);
void wr_plan_find_bridges(struct wr_plan_search *search);

/* plan_serve.c: the same of the server beside a run: its token, the folder of its socket. */
void wr_plan_find_serve(struct wr_plan_search *search);

/* plan_serve.c: the folder of the file that spans are written to. */
void wr_plan_find_traces(struct wr_plan_search *search);

/* Gives a lack the place of a key, if there is a config that has it. */
void wr_plan_place(const struct wr_plan_search *search, struct wr_plan_lack *lack,
		   const char *path);

/* The sentence; the way to mend it is written by the caller into the answer. */
struct wr_plan_lack *wr_plan_lack(struct wr_plan_search *search, enum wr_lack_weight weight,
				  const char *id, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define WR_PLAN_MEND(lack_, ...) ((void)snprintf((lack_)->fix, sizeof(lack_)->fix, __VA_ARGS__))

/* In whole MiB, upwards, for sentences. */
static inline unsigned long long wr_plan_mib(uint64_t bytes)
{
	return bytes / (1u << 20) + (bytes % (1u << 20) != 0);
}

#endif
