/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir doctor` finds what is wrong with a machine and nothing where all is well, in the
 *         group and with the fix that belong to it; it works where nothing can be read, and leaves
 *         nothing behind.
 * Method: made-up machines of tests/data/doctor/, unpacked into a tree for --from, judged by the
 *         JSON and the exit code; and this machine, of which only what a test sets is expected.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/support/capture.h"
#include "tests/support/fake_root.h"
#include "tools/weir/args.h"
#include "tools/weir/doctor/doctor.h"
#ifdef WR_HAVE_CONFIG
#include "tools/weir/config_machine.h"
#endif

static struct capture c;

TestSuite(doctor, .init = fake_root_make, .fini = fake_root_remove);

#define DOCTOR(...) CAPTURE(&c, cmd_doctor, "doctor", __VA_ARGS__)

/* ---- made-up machines ---- */

static void put_link(const char *path, const char *target)
{
	char full[PATH_MAX];
	/* A file beside it makes the folders. */
	(void)snprintf(full, sizeof full, "%.*s/beside", (int)(strrchr(path, '/') - path), path);
	fake_root_put(full, "");
	(void)snprintf(full, sizeof full, "%s/%s", fake_root, path);
	cr_assert_eq(symlink(target, full), 0);
}

static void put_entry(char *name, const char *text)
{
	char *arrow = strstr(name, " -> ");
	if (arrow == NULL) {
		fake_root_put(name, text);
		return;
	}
	*arrow = '\0';
	put_link(name, arrow + 4);
}

/* "= PATH" begins a file, up to the next of these lines. */
static void unpack(const char *machine)
{
	char path[PATH_MAX];
	char line[1024];
	char name[512] = "";
	char text[8192] = "";
	(void)snprintf(path, sizeof path, "%s/tests/data/doctor/%s.txt", getenv("WEIR_TEST_SOURCE"),
		       machine);
	FILE *file = fopen(path, "re");
	cr_assert_not_null(file, "%s", path);
	while (fgets(line, sizeof line, file) != NULL) {
		if (line[0] == '#')
			continue;
		if (strncmp(line, "= ", 2) != 0) {
			cr_assert_lt(strlen(text) + strlen(line), sizeof text);
			memcpy(text + strlen(text), line, strlen(line) + 1);
			continue;
		}
		if (name[0] != '\0')
			put_entry(name, text);
		(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(line + 2, "\n"), line + 2);
		text[0] = '\0';
	}
	put_entry(name, text);
	cr_assert_eq(fclose(file), 0);
}

static void ask(const char *dir)
{
	DOCTOR("--from", fake_root, "--json", dir);
	cr_assert_str_eq(c.err, "");
}

/* One finding of this name and weight, with these words somewhere in it. */
static void assert_found(const char *id, const char *weight, const char *words)
{
	char head[200];
	char all[4096];
	(void)snprintf(head, sizeof head, "\"id\": \"%s\",\n      \"weight\": \"%s\"", id, weight);
	const char *at = strstr(c.out, head);
	cr_assert_not_null(at, "%s is not %s in %s", id, weight, c.out);
	(void)snprintf(all, sizeof all, "%.*s", (int)(strstr(at, "\n    }") - at), at);
	cr_assert(capture_has(all, words), "%s is not in %s", words, all);
}

static void assert_not_found(const char *id)
{
	char head[200];
	(void)snprintf(head, sizeof head, "\"id\": \"%s\"", id);
	cr_assert_not(capture_has(c.out, head), "%s", c.out);
}

Test(doctor, a_machine_that_was_set_up_costs_nothing)
{
	unpack("server");
	ask("/var/lib/a place/orders");
	cr_assert_eq(c.exit_code, 0, "%s", c.out);
	cr_assert(capture_has(c.out, "\"ok\": true"));
	cr_assert(
		capture_has(c.out, "\"cannot_work\": 0,\n  \"costs\": 0,\n  \"worth_knowing\": 0,"),
		"%s", c.out);
	assert_found("kernel", "ok", "Linux 6.1.0-18-amd64");
	assert_found("io_uring", "ok", "allowed");
	assert_found("clock", "ok", "tsc");
	assert_found("idle", "ok", "C1, left in 2 us");
	assert_found("isolation", "ok", "CPUs 4-7");
	assert_found("file_system", "ok", "xfs (/dev/nvme1n1p1 on /var/lib/a place)");
	assert_found("device", "ok", "nvme1n1: solid, blocks of 4096 bytes");
	assert_found("cache", "ok", "write through");
	assert_found("scheduler", "ok", "none");
	assert_found("interrupts", "ok", "those of nvme1n1 come to CPUs 0-2");
	assert_found("hugetlb", "ok", "256 huge pages");
	/* Of another machine nothing is measured. */
	cr_assert(capture_has(c.out, "\"sync_direct_us\": null"));
	cr_assert(capture_has(c.out, "\"clock_ns\": null"));
	assert_not_found("wake_up");
	assert_not_found("dir");
	/* The longest mount point above it counts, and only whole names of it. */
	ask("/var/lib/ab");
	assert_found("file_system", "ok", "ext4 (/dev/nvme0n1p2 on /)");
	ask("/var/lib/a/b");
	assert_found("file_system", "cannot_work", "tmpfs");
}

Test(doctor, a_neglected_machine_cannot_work)
{
	unpack("neglected");
	ask("/var/lib/orders");
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED);
	assert_found("kernel", "costs", "Linux 6.1 or later");
	assert_found("io_uring", "costs", "sysctl -w kernel.io_uring_disabled=0");
	assert_found("clock", "costs", "booted with tsc=reliable");
	assert_found("descriptors", "cannot_work", "LimitNOFILE=1024");
	assert_found("file_size", "cannot_work", "files of at most 8192 KiB");
	assert_found("real_time", "worth_knowing", "LimitRTPRIO=10");
	assert_found("core_dumps", "worth_knowing", "core.%p");
	assert_found("quota", "costs", "stopped in 10 of 400 periods, 30 ms each time");
	assert_found("governor", "costs", "cpupower -c 1,3 frequency-set -g performance");
	assert_found("idle", "costs", "up to 890 us more");
	assert_found("turbo", "worth_knowing", "off");
	assert_found("siblings", "worth_knowing", "echo off >/sys/devices/system/cpu/smt/control");
	assert_found("isolation", "worth_knowing", "isolcpus=managed_irq,domain,2-3 nohz_full=2-3");
	assert_found("memory", "cannot_work", "95.4 MiB is what the cgroup allows");
	assert_found("memlock", "worth_knowing", "64.0 KiB may be locked");
	assert_found("huge_pages", "costs", "echo madvise");
	assert_found("transparent", "costs", "deny");
	assert_found("hugetlb", "worth_knowing", "0 huge pages");
	assert_found("swap", "costs", "488.3 MiB in use, swappiness 60");
	assert_found("overcommit", "cannot_work", "48.8 MiB may still be promised");
	assert_found("mount", "cannot_work", "mounted with nobarrier");
	cr_assert(capture_has(c.out, "mounted with data=journal"));
	cr_assert(capture_has(c.out, "mounted with sync"));
	cr_assert(capture_has(c.out, "mounted with discard"));
	assert_found("device", "costs", "sda: it rotates");
	assert_found("cache", "worth_knowing", "no FUA");
	assert_found("scheduler", "costs", "echo none >/sys/block/sda/queue/scheduler");
	/* Every cost has its source, and every finding that is not well its fix. */
	cr_assert(capture_has(c.out, "\"source\": \"the kernel's"));
	const char *ok = strstr(c.out, "\"weight\": \"ok\"");
	const char *no_fix = strstr(c.out, "\"fix\": null");
	const char *no_source = strstr(c.out, "\"source\": null");
	cr_assert(ok != NULL && no_fix > ok && no_source > ok, "%s", c.out);
}

Test(doctor, a_container)
{
	unpack("container");
	ask("/data");
	cr_assert_eq(c.exit_code, CLI_EXIT_DEGRADED);
	assert_found("kernel", "worth_knowing", "no deferred task work");
	assert_found("io_uring", "costs", "kernel.io_uring_group");
	assert_found("seccomp", "worth_knowing", "a filter");
	assert_found("cpus", "costs", "1 of 8 may be used: 2; a virtual machine; a container");
	assert_found("quota", "worth_knowing", "0.50 CPUs");
	assert_found("memlock", "worth_knowing", "8.0 MiB");
	assert_found("file_system", "costs", "docker run -v");
	assert_found("device", "worth_knowing", "cannot be seen");
	assert_not_found("idle");
	assert_not_found("cache");
	ask("/scratch/orders");
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED);
	assert_found("file_system", "cannot_work", "it is memory");
	ask("/share");
	assert_found("file_system", "costs", "a trip to a server");
	ask("/odd");
	assert_found("file_system", "costs", "fuse.sshfs");
	ask("/closed");
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED);
	assert_found("mount", "cannot_work", "mount -o remount,rw /closed");
}

Test(doctor, a_virtual_machine)
{
	unpack("guest");
	ask("/orders");
	assert_found("device", "worth_knowing", "vda: a virtual disk");
	assert_found("cache", "worth_knowing", "of the host");
	assert_found("interrupts", "ok", "CPUs 1:");
	assert_found("seccomp", "ok", "lets io_uring through");
	assert_found("throttling", "worth_knowing", "sched_rt_runtime_us=-1");
	assert_found("quota", "ok", "no CPU quota");
	assert_found("clock", "ok", "kvm-clock");
	assert_found("mount", "worth_knowing", "mount -o remount,nodiscard /;");
	cr_assert_eq(c.exit_code, 0, "%s", c.out);
	ask("/data");
	assert_found("file_system", "worth_knowing", "chattr +C");
	assert_found("device", "worth_knowing", "vdb: a virtual disk");
	assert_found("cache", "ok", "writes may pass through");
	assert_not_found("interrupts");
	ask("/mapped");
	assert_found("device", "worth_knowing", "lsblk -s /dev/dm-0");
	ask("/image");
	assert_found("device", "worth_knowing", "a file that is mounted as a disk");
}

Test(doctor, where_nothing_can_be_read_nothing_is_claimed)
{
	ask("/data");
	cr_assert_eq(c.exit_code, 0, "%s", c.out);
	assert_found("kernel", "worth_knowing", "cannot be read");
	assert_found("cpus", "worth_knowing", "cannot be read");
	assert_found("file_system", "worth_knowing", "cannot be read");
	assert_found("limits", "worth_knowing", "cannot be read");
	assert_not_found("descriptors");
	assert_not_found("memlock");
	assert_not_found("swap");
	assert_not_found("siblings");
	fake_root_put("proc/self/mountinfo",
		      "rubbish\n1 2 3\n36 35 98:0 / /d rw -\n - - - - - - -\n");
	fake_root_put("proc/sys/kernel/osrelease", "rubbish\n");
	fake_root_put("proc/interrupts", "\n:\n12\n");
	fake_root_put("sys/devices/system/cpu/online", "x\n");
	ask("/d");
	cr_assert_eq(c.exit_code, 0, "%s", c.out);
	assert_found("file_system", "worth_knowing", "cannot be read");
}

/* ---- this machine ---- */

Test(doctor, of_this_machine_the_disk_is_measured_and_nothing_is_left)
{
	DOCTOR("--sync-time", "20ms", "--json", fake_root);
	cr_assert(c.exit_code == 0 || c.exit_code == CLI_EXIT_DEGRADED ||
			  c.exit_code == CLI_EXIT_FAILED,
		  "%d: %s", c.exit_code, c.err);
	cr_assert_str_eq(c.err, "");
	cr_assert_not(capture_has(c.out, "\"sync_buffered_us\": null"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"id\": \"sync_buffered\""));
	cr_assert(capture_has(c.out, "\"id\": \"direct\""));
	cr_assert_not(capture_has(c.out, "\"clock_ns\": null"));
	cr_assert_not(capture_has(c.out, "\"wake_up_us\": null"));
	/* One that is not there yet: its parent is looked at, and it is not made. */
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/new", fake_root);
	DOCTOR("--sync-time", "0", path);
	cr_assert(capture_has(c.out, "/new can be made"), "%s", c.out);
	cr_assert_not(capture_has(c.out, "sync_buffered"));
	cr_assert_eq(rmdir(fake_root), 0, "the directory is not empty");
	cr_assert_eq(mkdir(fake_root, 0700), 0);
}

Test(doctor, groups_are_printed_the_worst_first)
{
	unpack("neglected");
	DOCTOR("--from", fake_root, "/");
	const char *stops = strstr(c.out, "cannot work\n");
	const char *costs = strstr(c.out, "\ncosts you\n");
	const char *notes = strstr(c.out, "\nworth knowing\n");
	const char *ok = strstr(c.out, "\nok\n");
	cr_assert(stops == c.out && stops < costs && costs < notes && notes < ok, "%s", c.out);
	cr_assert(capture_has(c.out, "\n  swap          1.9 GiB, 488.3 MiB in use, swappiness 60\n"
				     "                costs: a page of a chunk or lane"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "\n                fix:   cpupower -c 1,3 frequency-set -g "
				     "performance\n"));
	cr_assert(capture_has(c.out, " cannot work, "));
}

Test(doctor, a_directory_that_cannot_be)
{
	DOCTOR("/dev/null/orders");
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_assert(capture_has(c.out, "/dev/null is not a directory that may be written"), "%s",
		  c.out);
}

Test(doctor, wrong_command_lines)
{
	DOCTOR("--from", fake_root, "--config", "x.yaml");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	DOCTOR("--from", fake_root, "relative");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	DOCTOR("one", "two");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
}

#ifdef WR_HAVE_CONFIG

static const char *write_config(const char *text)
{
	static char path[PATH_MAX];
	fake_root_put("x.yaml", text);
	(void)snprintf(path, sizeof path, "%s/x.yaml", fake_root);
	return path;
}

/* 25 descriptors are few in general; for this file they are exactly too few. */
Test(doctor, what_a_config_lacks_takes_the_place_of_what_is_said_in_general)
{
	struct rlimit few = {.rlim_cur = 25, .rlim_max = 25};
	char text[PATH_MAX + 200];
	(void)snprintf(
		text, sizeof text,
		"version: 1\njournal: {dir: %s/orders, retention: 128MiB, segments_ahead: 16}\n",
		fake_root);
	const char *config = write_config(text);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	DOCTOR("--config", config, "--sync-time", "0", "--json");
	cr_assert_eq(c.exit_code, CLI_EXIT_FAILED, "%s", c.err);
	assert_found("descriptors", "cannot_work", "weir takes up to 64 descriptors");
	assert_found("descriptors", "cannot_work", "this config's pipeline does not open");
	cr_assert(capture_has(c.out, "/orders can be made"), "%s", c.out);
	const char *first = strstr(c.out, "\"id\": \"descriptors\"");
	cr_assert_null(strstr(first + 1, "\"id\": \"descriptors\""));
	cr_assert_not(capture_has(c.out, "\"found\": \"25\""));
	DOCTOR("--config", write_config("version: 1\n"), "--sync-time", "20ms", "--json");
	cr_assert(capture_has(c.out, "\"dir\": null"), "%s", c.out);
	assert_not_found("file_system");
	assert_not_found("sync_buffered");
	DOCTOR("--config", write_config("version: 2\n"), "--json");
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
}

Test(doctor, a_thread_that_spins_where_the_disk_interrupts)
{
	static struct doctor d;
	struct config_machine m;
	char xml[PATH_MAX];
	(void)snprintf(xml, sizeof xml, "%s/tests/data/topology/two_sockets.xml",
		       getenv("WEIR_TEST_SOURCE"));
	const char *config = write_config("version: 1\n"
					  "journal: {dir: /tmp/weir-orders-of-a-test}\n"
					  "threads:\n"
					  "  log: {cpus: [5], wait: spin}\n"
					  "  journal: {cpus: [6]}\n");
	cr_assert_eq(config_machine_load(config, xml, &m), CLI_GO_ON);
	const struct wr_machine_limit none = {WR_MACHINE_NO_LIMIT, WR_MACHINE_NO_LIMIT};
	d.machine.descriptors = d.machine.locked = d.machine.file_bytes = none;
	d.machine.memory_limit_bytes = WR_MACHINE_NO_LIMIT;
	(void)snprintf(d.disk.name, sizeof d.disk.name, "vda");
	wr_cpu_set_add(&d.disk.interrupt_cpus, 6);
	cr_assert_eq(doctor_judge_plan(&d, &m), 0);
	cr_assert_null(doctor_finding_of(&d, "interrupts"));
	d.finding_count = 0;
	wr_cpu_set_add(&d.disk.interrupt_cpus, 5);
	cr_assert_eq(doctor_judge_plan(&d, &m), 0);
	const struct doctor_finding *f = doctor_finding_of(&d, "interrupts");
	cr_assert_not_null(f);
	cr_assert_eq(f->weight, DOCTOR_COSTS);
	cr_assert(capture_has(f->found, "spin on CPUs 5, where interrupts of vda"), "%s", f->found);
	cr_assert(capture_has(f->fix, "avoid: \"5\""));
	config_machine_free(&m);
}

#endif
