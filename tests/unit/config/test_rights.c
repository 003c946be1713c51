/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   classes and spinning are judged where the threads of a file have their places: on this
 *         machine by its CPUs and by the rights of the process, and not at all for another one.
 * Method: whole files through weir_config_parse() and `weir config plan`. The machine (two CPUs)
 *         and the right to real time are the test's: the linker leads the questions here (--wrap).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>

#include <weir/config.h>

#include "io/config/topology.h"
#include "io/machine/machine.h"
#include "io/thread/affinity.h"
#include "tests/support/capture.h"
#include "tools/weir/args.h"

int __wrap_wr_affinity_scan(const char *root, struct wr_affinity *ret_affinity);
int __wrap_wr_topology_read(const char *root, struct wr_topology **ret_topology,
			    struct weir_problem *problem);
int __wrap_wr_thread_try_class(enum weir_scheduler scheduler, uint32_t priority);
void __real_wr_machine_read(const char *root, const struct wr_cpu_set *cpus,
			    struct wr_machine *machine);
void __wrap_wr_machine_read(const char *root, const struct wr_cpu_set *cpus,
			    struct wr_machine *machine);

static bool has_right;
static uint64_t quota_millicpus = WR_QUOTA_NONE;
static struct capture c;
static char config[] = "/tmp/weir-rights-XXXXXX";
static char another[PATH_MAX];
static char report[16384];

static struct wr_topology *two_cpus(void)
{
	struct wr_topology *topology = NULL;
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/tests/data/topology/two_cpus.xml",
		       getenv("WEIR_TEST_SOURCE"));
	cr_assert_eq(wr_topology_read_xml(path, &topology, NULL), 0);
	return topology;
}

int __wrap_wr_topology_read(const char *root, struct wr_topology **ret_topology,
			    struct weir_problem *problem)
{
	(void)root;
	(void)problem;
	*ret_topology = two_cpus();
	return 0;
}

int __wrap_wr_affinity_scan(const char *root, struct wr_affinity *ret_affinity)
{
	struct wr_topology *topology = two_cpus();
	(void)root;
	wr_topology_affinity(topology, ret_affinity);
	wr_topology_destroy(topology);
	ret_affinity->quota_millicpus = quota_millicpus;
	return 0;
}

int __wrap_wr_thread_try_class(enum weir_scheduler scheduler, uint32_t priority)
{
	(void)priority;
	return scheduler == WEIR_SCHEDULER_OTHER || has_right ? 0 : -EPERM;
}

void __wrap_wr_machine_read(const char *root, const struct wr_cpu_set *cpus,
			    struct wr_machine *machine)
{
	__real_wr_machine_read(root, cpus, machine);
	machine->may_schedule = has_right;
	machine->real_time = (struct wr_machine_limit){0, 0};
}

static void set_up(void)
{
	int fd = mkstemp(config);
	cr_assert_geq(fd, 0);
	cr_assert_eq(close(fd), 0);
	(void)snprintf(another, sizeof another, "%s/tests/data/topology/two_sockets.xml",
		       getenv("WEIR_TEST_SOURCE"));
}

static void tear_down(void)
{
	cr_assert_eq(unlink(config), 0);
}

TestSuite(rights, .init = set_up, .fini = tear_down);

/* The report on a text called "x"; plans read the same from a file. */
static const char *check(const char *yaml, unsigned flags)
{
	struct weir_config *read = NULL;
	FILE *file = fopen(config, "we");
	cr_assert_not_null(file);
	cr_assert_geq(fputs(yaml, file), 0);
	cr_assert_eq(fclose(file), 0);
	int rc = weir_config_parse("x", yaml, strlen(yaml), flags, &read, NULL);
	cr_assert_geq(rc, 0);
	(void)weir_config_report(read, report, sizeof report);
	cr_assert_eq(rc > 0, report[0] != '\0', "%s", report);
	weir_config_destroy(read);
	return report;
}

#define ALONE                                                                                      \
	"journal: {dir: /tmp/weir-rights-of-a-test}\n"                                             \
	"machine: {shared: no, housekeeping: \"1\"}\n"                                             \
	"threads:\n"                                                                               \
	"  log: {cpus: 0, wait: spin, scheduler: fifo, priority: 1}\n"                             \
	"  journal: {cpus: 1}\n"                                                                   \
	"  handler: {cpus: 1}\n"

Test(rights, real_time_that_spins_on_a_cpu_of_its_own_is_accepted)
{
	has_right = true;
	cr_assert_str_eq(check(ALONE "  group: {cpus: 1}\n", 0), "");
	CAPTURE(&c, cmd_config_plan, "plan", config);
	cr_assert(capture_has(c.out, "the machine lacks\n"), "%s%s", c.out, c.err);
	cr_assert_not(capture_has(c.out, "never waits: on CPU"), "%s", c.out);
}

Test(rights, what_would_starve_another_is_told_at_its_place_and_in_the_plan)
{
	has_right = true;
	(void)check(ALONE "  group: {cpus: 0-1}\n", 0);
	cr_assert(capture_has(report, "x:4:41: error: threads.log.scheduler: a FIFO thread that "
				      "spins starves CPU 0, where group may run too"),
		  "%s", report);
	/* In the words of a file. */
	cr_assert(capture_has(report, "or let it wait adaptively\n"), "%s", report);
	CAPTURE(&c, cmd_config_plan, "plan", config);
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED, "%s", c.err);
	cr_assert(capture_has(c.out, "  stops  threads.log is real time and never waits: on CPU 0 "
				     "it would keep group from ever running"),
		  "%s", c.out);
}

/* Handlers have no place before they join; weir_open() looks at all that there may be. */
Test(rights, handlers_that_would_starve_are_told_too)
{
	has_right = true;
	(void)check("machine: {shared: no}\n"
		    "threads: {handler: {wait: spin, scheduler: rr, priority: 1}}\n",
		    0);
	cr_assert(capture_has(report, "threads.handler.scheduler: a FIFO or RR thread that spins "
				      "starves everybody else on its CPU"),
		  "%s", report);
	CAPTURE(&c, cmd_config_plan, "plan", config);
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED, "%s", c.err);
	cr_assert(capture_has(c.out, "  stops  threads.handler is real time and never waits"), "%s",
		  c.out);
	(void)check("machine: {shared: no}\n"
		    "threads:\n"
		    "  log: {cpus: 0}\n"
		    "  group: {cpus: 0}\n"
		    "  handler: {cpus: 1, wait: spin, scheduler: rr, priority: 1}\n",
		    0);
	cr_assert(capture_has(report, "there may be more of them than CPUs in the list"), "%s",
		  report);
	CAPTURE(&c, cmd_config_plan, "plan", config);
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED, "%s", c.err);
	cr_assert(capture_has(c.out, "on CPU 1 it would keep another handler from ever running"),
		  "%s", c.out);
}

#define STRICT                                                                                     \
	"machine: {strict: yes, shared: no}\n"                                                     \
	"threads: {log: {cpus: 0, scheduler: fifo, priority: 7}}\n"

Test(rights, a_class_that_is_not_to_be_had_is_an_error_of_this_machine_only)
{
	has_right = false;
	(void)check(STRICT, 0);
	cr_assert(capture_has(report, "x:2:37: error: threads.log.scheduler: class FIFO, priority "
				      "7, is refused (EPERM)"),
		  "%s", report);
	CAPTURE(&c, cmd_config_plan, "plan", config);
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED, "%s", c.err);
	cr_assert(capture_has(c.out, "  stops  threads.log asks for real time with priority 7"),
		  "%s", c.out);
	cr_assert_str_eq(check(STRICT, WEIR_CONFIG_ANY_MACHINE), "");
	CAPTURE(&c, cmd_config_plan, "plan", "--from", another, config);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	has_right = true;
	cr_assert_str_eq(check(STRICT, 0), "");
}

#define STAGES(first, second)                                                                      \
	"machine: {shared: no}\n"                                                                  \
	"stages:\n"                                                                                \
	"  - {name: parse, source: yes, " first "}\n"                                              \
	"  - {name: price, " second "}\n"                                                          \
	"rings: [{from: [parse], to: price, slot: 64}]\n"

/* As those of weir's own threads: the same rules, and told at the stage. */
Test(rights, stages_are_judged_as_threads_are)
{
	has_right = true;
	(void)check(STAGES("cpus: 0, wait: spin, scheduler: fifo, priority: 1", "cpus: 0-1"), 0);
	cr_assert(capture_has(report, "x:3:64: error: stages[0].scheduler: a FIFO thread that "
				      "spins starves CPU 0, where price may run too"),
		  "%s", report);
	(void)check(STAGES("cpus: 0", "cpus: 1, workers: 2, wait: yield, scheduler: rr, "
				      "priority: 3"),
		    0);
	cr_assert(capture_has(report, "x:4:64: error: stages[1].scheduler: FIFO or RR threads that "
				      "spin need a CPU each"),
		  "%s", report);
	(void)check(STAGES("cpus: 0", "cpus: 7"), 0);
	cr_assert(capture_has(report, "x:4:25: error: CPU 7 does not exist"), "%s", report);
	/* A CPU of its own; another machine; a right that is not needed, as it is not had. */
	cr_assert_str_eq(
		check(STAGES("cpus: 0, wait: spin, scheduler: fifo, priority: 1", "cpus: 1"), 0),
		"");
	cr_assert_str_eq(
		check(STAGES("cpus: 0, wait: spin, scheduler: fifo, priority: 1", "cpus: 0-1"),
		      WEIR_CONFIG_ANY_MACHINE),
		"");
	has_right = false;
	cr_assert_str_eq(check(STAGES("scheduler: fifo, priority: 1", "cpus: 0-1"), 0), "");
	(void)check("machine: {strict: yes, shared: no}\n"
		    "stages: [{name: only, source: yes, cpus: none, scheduler: batch}]\n",
		    0);
	cr_assert(capture_has(report, "x:2:59: error: stages[0].scheduler: class BATCH"), "%s",
		  report);
}

#define THREE_SPIN                                                                                 \
	"journal: {dir: /tmp/weir-rights-of-a-test}\n"                                             \
	"machine: {strict: yes}\n"                                                                 \
	"threads: {log: {wait: spin}, journal: {own: yes, wait: spin}, group: {wait: spin}}\n"

Test(rights, spinners_are_counted_on_the_machine_that_they_are_for)
{
	(void)check(THREE_SPIN, 0);
	cr_assert(capture_has(report, "x:3:23: error: waits adaptively, not pinned"), "%s", report);
	cr_assert_str_eq(check(THREE_SPIN, WEIR_CONFIG_ANY_MACHINE), "");
	CAPTURE(&c, cmd_config_plan, "plan", "--from", another, config);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert_str_eq(c.err, "");
	cr_assert(capture_has(c.out, "  group          3                  spin      a core of its"),
		  "%s", c.out);
}

Test(rights, what_a_quota_has_no_room_for_is_told_once)
{
	quota_millicpus = 1500;
	(void)check("machine: {strict: yes, shared: no}\n"
		    "threads: {log: {wait: spin}, group: {wait: spin}}\n",
		    0);
	const char *first = strstr(report, "x:2:44: error: ");
	cr_assert_eq(first, report, "%s", report);
	cr_assert_null(strstr(report + 1, "x:2:"), "%s", report);
	cr_assert(capture_has(report, "1 other thread spins already; not pinned: "), "%s", report);
}
