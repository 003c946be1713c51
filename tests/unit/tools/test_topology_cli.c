/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir topology` draws what is there: every CPU once, within the width, with the threads
 *         on their cores; and says as JSON what it draws.
 * Method: machines of tests/data/topology, one drawing compared letter by letter, all of them by
 *         their properties at every width; the command in a child process.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "tests/support/capture.h"
#include "tests/support/place_bed.h"
#include "tools/weir/args.h"
#include "tools/weir/topology_draw.h"

static const char *const machines[] = {"two_sockets", "big_little", "isolated", "two_cpus",
				       "one_cpu_cpuset"};

static struct capture c;
static char drawn[65536];

#define RUN(...) CAPTURE(&c, cmd_topology, "topology", __VA_ARGS__)

static const char *machine_path(const char *name)
{
	static char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/tests/data/topology/%s.xml",
		       getenv("WEIR_TEST_SOURCE"), name);
	return path;
}

static void draw(int columns, bool color, bool utf8)
{
	struct topology_drawing drawing = {
		.topology = bed.topology,
		.affinity = &bed.affinity,
		.placement = &bed.placement,
		.requests = bed.requests,
		.columns = columns,
		.color = color,
		.utf8 = utf8,
	};
	FILE *to = tmpfile();
	cr_assert_not_null(to);
	topology_draw(to, &drawing);
	capture_read(to, drawn, sizeof drawn);
}

/* The log on the isolated core; 17 is avoided; the mask lacks 4-7 and the second socket's second
 * threads. Labels have nine characters. */
Test(topology_cli, a_drawing)
{
	bed_open("two_sockets");
	bed_mask("0-3,8-23");
	bed.policy.avoid = bed_cpus("17");
	wr_cpu_set_add(&bed.topology->isolated, 3);
	for (uint32_t i = 0; i < bed.topology->cpu_count; i++)
		bed.topology->cpus[i].isolated = bed.topology->cpus[i].cpu == 3;
	bed_ask("log", "auto", WEIR_WAIT_SPIN, 1);
	bed_ask("orders_journal", "10", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "none", WEIR_WAIT_ADAPTIVE, 1);
	bed_place();
	draw(100, false, false);
	cr_assert_str_eq(drawn, "package 0, node 0\n"
				"   L3 0\n"
				"  +-----------+-----------+-----------+-----------+\n"
				"  |  0  16    |  1  17a   |  2  18    |  3i 19    |\n"
				"  | helpers   |           |           | log!      |\n"
				"  +-----------+-----------+-----------+-----------+\n"
				"   L3 1\n"
				"  +-----------+-----------+-----------+-----------+\n"
				"  |  4x 20    |  5x 21    |  6x 22    |  7x 23    |\n"
				"  +-----------+-----------+-----------+-----------+\n"
				"package 1, node 1\n"
				"   L3 2\n"
				"  +-----------+-----------+-----------+-----------+\n"
				"  |  8  24x   |  9  25x   | 10  26x   | 11  27x   |\n"
				"  |           |           | orders_j! |           |\n"
				"  +-----------+-----------+-----------+-----------+\n"
				"   L3 3\n"
				"  +-----------+-----------+-----------+-----------+\n"
				"  | 12  28x   | 13  29x   | 14  30x   | 15  31x   |\n"
				"  +-----------+-----------+-----------+-----------+\n"
				"  x  not allowed   a  avoided   i  isolated\n");
	bed_close();
}

static void assert_all_cpus_once(int columns)
{
	uint32_t seen[64] = {0};
	uint32_t count = 0;
	char *rest = NULL;
	for (char *line = strtok_r(drawn, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		cr_assert_leq((int)strlen(line), columns, "%d: %s", columns, line);
		cr_assert_neq(line[strlen(line) - 1], ' ', "%s", line);
		/* Lines of CPUs begin with a bar and a number. */
		if (line[2] != '|' || strspn(line + 3, " 0123456789xai|") != strlen(line + 3))
			continue;
		for (char *p = line; *p != '\0'; p++) {
			if (*p < '0' || *p > '9')
				continue;
			unsigned long cpu = strtoul(p, &p, 10);
			/* The capacities of big_little are no CPUs. */
			if (cpu < 64)
				count += seen[cpu]++ == 0;
			p--;
		}
	}
	cr_assert_eq(count, bed.topology->cpu_count);
	for (uint32_t cpu = 0; cpu < 64; cpu++)
		cr_assert_leq(seen[cpu], 1);
}

Test(topology_cli, every_cpu_once_at_every_width)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(machines); i++) {
		bed_open(machines[i]);
		bed_ask_defaults();
		bed_place();
		for (int columns = 20; columns < 200; columns++) {
			draw(columns, false, false);
			assert_all_cpus_once(columns);
		}
		bed_close();
	}
}

/* The journal spins on the second thread of the group's core; beside the log there are two. */
Test(topology_cli, who_spins_is_drawn_before_others_of_the_core)
{
	bed_open("two_sockets");
	bed_ask("log", "2", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("group", "5", WEIR_WAIT_PARK, 1);
	bed_ask("orders_journal", "21", WEIR_WAIT_SPIN, 1);
	bed_ask("source", "2", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("sink", "18", WEIR_WAIT_ADAPTIVE, 1);
	bed_place();
	cr_assert_eq(bed.result, 0);
	draw(60, false, false);
	cr_assert(capture_has(drawn, "  | helpers   |           | log+2     |           |\n"), "%s",
		  drawn);
	cr_assert(capture_has(drawn, "  |           | orders!+1 |           |           |\n"), "%s",
		  drawn);
	bed_close();
}

/* Strips of two cores are too narrow for "(more)". */
Test(topology_cli, titles_are_not_cut)
{
	bed_open("two_sockets");
	bed_place();
	for (int columns = 20; columns < 60; columns++) {
		draw(columns, false, false);
		char *rest = NULL;
		for (char *line = strtok_r(drawn, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest)) {
			const char *end = strstr(line, "(m");
			cr_assert(end == NULL || strncmp(end, "(more)", 6) == 0, "%d: %s", columns,
				  line);
		}
	}
	draw(12, false, false);
	cr_assert(capture_has(drawn, "L3 0 ..\n"), "%s", drawn);
	bed_close();
}

Test(topology_cli, color_and_boxes_change_nothing_else)
{
	char plain[sizeof drawn];
	bed_open("isolated");
	bed_ask_defaults();
	bed_place();
	draw(60, false, false);
	memcpy(plain, drawn, sizeof plain);
	draw(60, true, false);
	cr_assert(capture_has(drawn, "\033[1;32mlog"));
	size_t at = 0;
	for (size_t i = 0; drawn[i] != '\0'; i++) {
		if (drawn[i] == '\033')
			while (drawn[++i] != 'm')
				;
		else
			cr_assert_eq(drawn[i], plain[at++]);
	}
	cr_assert_eq(plain[at], '\0');
	draw(60, false, true);
	cr_assert(capture_has(drawn, "┌───"));
	cr_assert_not(capture_has(drawn, "+"));
	bed_close();
}

Test(topology_cli, the_command_draws_another_machine)
{
	cr_assert_eq(setenv("LC_ALL", "C", 1), 0);
	RUN("--from", machine_path("two_sockets"));
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "32 CPUs, 16 cores, 4 level-3 caches of 16.0 MiB, 2 NUMA "
				     "nodes, 2 packages"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "weir may use 0-31\n"));
	cr_assert(capture_has(c.out, "| helpers | log     | journal | group   |"), "%s", c.out);
	cr_assert(capture_has(c.out, "  journal        2                  adaptive  a core of its "
				     "own\n"));
	cr_assert(capture_has(c.out,
			      "  helpers        0,16               park      files made ahead, "
			      "workers of io_uring\n"));
	cr_assert_str_eq(c.err, "");
	RUN("--from", machine_path("one_cpu_cpuset"));
	cr_assert(capture_has(c.out, "| 0  | 1x |"), "%s", c.out);
	cr_assert(capture_has(c.out, "shared: 1 usable core, fewer than 4"));
	cr_assert(capture_has(c.out, "x  not allowed"));
}

Test(topology_cli, the_command_draws_this_machine)
{
	RUN("--no-color");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert_eq(strncmp(c.out, "this machine", 12), 0);
	cr_assert(capture_has(c.out, "  log  "));
}

Test(topology_cli, json_says_the_same)
{
	RUN("--json", "--from", machine_path("big_little"));
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "\"cores\": 8,"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"kinds\": 2,"));
	cr_assert(capture_has(c.out, "\"capacity\": 1024,"));
	cr_assert(capture_has(c.out, "\"quota_cpus\": null"));
	cr_assert(capture_has(c.out, "\"name\": \"log\",\n      \"count\": 1,\n      \"how\": "
				     "\"core\",\n      \"cpus\": [\n        4\n      ]"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "\"housekeeping\": [\n    0\n  ]"), "%s", c.out);
}

Test(topology_cli, what_is_no_machine_is_said_with_its_file)
{
	RUN("--from", "/nonexistent.xml");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d", c.exit_code);
	cr_assert_str_eq(c.out, "");
	cr_assert(capture_has(c.err, "/nonexistent.xml: No such file"), "%s", c.err);
	RUN("--from", "/proc/self/status");
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG, "%d %s", c.exit_code, c.err);
	cr_assert(capture_has(c.err, "is not hwloc's XML"), "%s", c.err);
	RUN("more");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
}

/* What the command says of a config; "" where it says no more than of the machine. */
static const char *ways_of(const char *yaml, bool json)
{
	char path[] = "/tmp/weir-ways-XXXXXX";
	int file = mkstemp(path);
	cr_assert(file >= 0);
	cr_assert_eq(write(file, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	close(file);
	RUN("--config", path, json ? "--json" : "--no-color");
	unlink(path);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	const char *ways = strstr(c.out, json ? "  \"ways\"" : "ways of events\n");
	return ways != NULL ? ways : "";
}

Test(topology_cli, ways_of_events_stand_below)
{
	static const char yaml[] =
		"topics:\n"
		"  - {name: orders, unrouted: lost}\n  - {name: audit}\n  - {name: lost}\n"
		"  - {name: copies}\n  - {name: alone}\n"
		"bindings:\n"
		"  - name: to-audit\n    source: orders\n    target: audit\n"
		"    filter: {all: [{topic: 'a.#'}]}\n    transform: '{\"Input\": \"1\"}'\n"
		"    dead_letters: lost\n"
		"  - {name: on, source: audit, target: copies}\n";
	cr_assert_eq(setenv("LC_ALL", "C", 1), 0);
	cr_expect_str_eq(ways_of(yaml, false), "ways of events\n"
					       "  orders\n"
					       "  |- to-audit, filtered, transformed -> audit\n"
					       "  |  `- on -> copies\n"
					       "  |- to-audit, not transformed -> lost\n"
					       "  `- unrouted -> lost\n");
	cr_assert_eq(setenv("LC_ALL", "C.UTF-8", 1), 0);
	cr_expect_not_null(strstr(ways_of(yaml, false), "\n  │  └─ on → copies\n"));
	cr_expect_str_eq(ways_of("topics: [{name: a}]\n", false), "");
	const char *json = ways_of(yaml, true);
	cr_expect_not_null(strstr(json, "\"what\": \"not transformed\",\n"
					"      \"name\": \"to-audit\",\n"
					"      \"from\": \"orders\",\n"
					"      \"to\": \"lost\",\n"),
			   "%s", json);
	cr_expect_not_null(strstr(ways_of("topics: [{name: a}]\n", true), "\"ways\": []"));
}
