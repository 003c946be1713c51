/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan in a few lines: the machine "two_sockets" of place_bed.h with its default requests, good
 * in every respect until a test makes one thing bad, and a journal that is to be made in a folder
 * of the test's.
 *
 *   TestSuite(NAME, .init = set_up, .fini = tear_down);
 *   machine.memory_limit_bytes = ...;
 *   assert_lack(WR_LACK_STOPS, "memory", "a part of the text", "a part of the fix");
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_PLAN_BED_H
#define WR_TESTS_PLAN_BED_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <weir.h>

#include "io/config/plan.h"
#include "tests/support/fake_root.h"
#include "tests/support/place_bed.h"

#define MIB (1ull << 20)

static struct weir_options options;
static struct wr_machine machine;
static struct wr_plan plan;
static struct weir_problem problem;
static char journal[4096];

/* Of the requests of the bed: log, journal, group, and a handler where one is asked for. */
static const struct weir_thread_options *const threads[] = {&options.log, &options.journal,
							    &options.group, &options.handler};

static inline void set_up(void)
{
	bed_open("two_sockets");
	bed_ask_defaults();
	fake_root_make();
	(void)snprintf(journal, sizeof journal, "%s/journal", fake_root);
	weir_options_init(&options);
	options.dir = journal;
	options.retention_bytes = 128 * MIB;
	wr_machine_read(fake_root, &bed.topology->present, &machine);
}

static inline void tear_down(void)
{
	bed_close();
	fake_root_remove();
}

static inline int make(void)
{
	struct wr_plan_input input = {
		.options = &options,
		.topology = bed.topology,
		.affinity = &bed.affinity,
		.policy = &bed.policy,
		.requests = bed.requests,
		.threads = threads,
		.request_count = bed.request_count,
		.machine = &machine,
	};
	return wr_plan_make(&input, &plan, &problem);
}

/* Plans; the only thing that lacks is this. */
static inline void assert_lack(enum wr_lack_weight weight, const char *id, const char *text,
			       const char *fix)
{
	cr_assert_eq(make(), 0, "%s", problem.text);
	cr_assert_eq(plan.lack_count, 1, "%u, the last: %s", plan.lack_count,
		     plan.lack_count > 0 ? plan.lacks[plan.lack_count - 1].text : "");
	cr_assert_str_eq(plan.lacks[0].id, id);
	cr_assert_eq(plan.lacks[0].weight, weight);
	cr_assert_not_null(strstr(plan.lacks[0].text, text), "%s", plan.lacks[0].text);
	cr_assert_not_null(strstr(plan.lacks[0].fix, fix), "%s", plan.lacks[0].fix);
}

static inline void assert_no_lack(void)
{
	cr_assert_eq(make(), 0, "%s", problem.text);
	cr_assert_eq(plan.lack_count, 0, "%s", plan.lacks[0].text);
}

#endif
