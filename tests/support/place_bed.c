/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/place_bed.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place_bed bed;

void bed_open(const char *machine)
{
	char path[PATH_MAX];
	struct weir_problem problem = {0};
	(void)snprintf(path, sizeof path, "%s/tests/data/topology/%s.xml",
		       getenv("WEIR_TEST_SOURCE"), machine);
	memset(&bed, 0, sizeof bed);
	cr_assert_eq(wr_topology_read_xml(path, &bed.topology, &problem), 0, "%s", problem.text);
	wr_topology_affinity(bed.topology, &bed.affinity);
}

void bed_close(void)
{
	wr_topology_destroy(bed.topology);
	bed.topology = NULL;
}

void bed_mask(const char *cpus)
{
	cr_assert_eq(wr_cpu_set_parse(cpus, &bed.affinity.allowed), 0);
	bed.affinity.allowed_count = wr_cpu_set_count(&bed.affinity.allowed);
}

struct wr_cpu_request bed_cpus(const char *text)
{
	static const struct {
		const char *prefix;
		enum wr_cpu_request_kind kind;
	} kinds[] = {{"node:", WR_CPUS_NODE},
		     {"core:", WR_CPUS_CORE},
		     {"l3:", WR_CPUS_L3},
		     {"+", WR_CPUS_RELATIVE},
		     {"", WR_CPUS_LIST}};
	struct wr_cpu_request request = {.kind = WR_CPUS_AUTO};
	if (strcmp(text, "auto") == 0)
		return request;
	request.kind = WR_CPUS_NONE;
	if (strcmp(text, "none") == 0)
		return request;
	size_t i = 0;
	while (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
		i++;
	request.kind = kinds[i].kind;
	cr_assert_eq(wr_cpu_set_parse(text + strlen(kinds[i].prefix), &request.set), 0, "%s", text);
	return request;
}

void bed_ask(const char *name, const char *cpus, enum weir_wait wait, uint32_t count)
{
	bed.requests[bed.request_count++] = (struct wr_place_request){
		.name = name, .cpus = bed_cpus(cpus), .wait = wait, .count = count};
}

void bed_ask_defaults(void)
{
	bed_ask("log", "auto", WEIR_WAIT_DEFAULT, 1);
	bed_ask("journal", "auto", WEIR_WAIT_DEFAULT, 1);
	bed.requests[bed.request_count - 1].if_room = true;
	bed_ask("group", "auto", WEIR_WAIT_DEFAULT, 1);
}

void bed_place(void)
{
	bed.result = wr_place(bed.topology, &bed.affinity, &bed.policy, bed.requests,
			      bed.request_count, &bed.placement);
}

static void list_text(const struct wr_placed *placed, char *to, size_t to_bytes)
{
	struct wr_cpu_set set = {{0}};
	for (uint32_t i = 0; i < placed->cpu_count; i++)
		wr_cpu_set_add(&set, placed->cpus[i]);
	wr_cpu_set_format(&set, to, to_bytes);
}

static void placed_text(const struct wr_placed *placed, char *to, size_t to_bytes)
{
	char list[100];
	size_t used = 0;
	list_text(placed, list, sizeof list);
	switch (placed->how) {
	case WR_PLACED_NOT:
		(void)snprintf(to, to_bytes, "-");
		break;
	case WR_PLACED_ANYWHERE:
		(void)snprintf(to, to_bytes, placed->cpu_count > 0 ? "*(%s)" : "*", list);
		break;
	case WR_PLACED_LIST:
		(void)snprintf(to, to_bytes, "(%s)", list);
		break;
	case WR_PLACED_CORE:
		for (uint32_t i = 0; i < placed->cpu_count; i++)
			used += (size_t)snprintf(to + used, to_bytes - used, "%s%u",
						 i > 0 ? "+" : "", placed->cpus[i]);
		break;
	}
}

char *bed_line(char to[512])
{
	static const char waits[] = {
		[WEIR_WAIT_DEFAULT] = 'D', [WEIR_WAIT_SPIN] = '!', [WEIR_WAIT_ADAPTIVE] = 0,
		[WEIR_WAIT_YIELD] = '?',   [WEIR_WAIT_PARK] = '.',
	};
	char cpus[200];
	size_t used = 0;
	for (uint32_t i = 0; i < bed.placement.placed_count; i++) {
		const struct wr_placed *placed = &bed.placement.placed[i];
		char wait[2] = {placed->how != WR_PLACED_NOT ? waits[placed->wait] : '\0', '\0'};
		placed_text(placed, cpus, sizeof cpus);
		used += (size_t)snprintf(to + used, 512 - used, "%s=%s%s%s ", bed.requests[i].name,
					 cpus, wait, placed->degraded ? "~" : "");
	}
	wr_cpu_set_format(&bed.placement.housekeeping, cpus, sizeof cpus);
	(void)snprintf(to + used, 512 - used, "| %s", cpus);
	return to;
}
