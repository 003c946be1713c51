/* SPDX-License-Identifier: Apache-2.0 */
/* Findings about the kernel: its version, io_uring, the clock, limits of the process. */
#include <errno.h>
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/doctor/doctor.h"

static void judge_version(struct doctor *d)
{
	const struct wr_system *s = &d->system;
	if (s->kernel_version == 0) {
		doctor_find(d, DOCTOR_NOTE, "kernel", "its release cannot be read");
		return;
	}
	bool has_ring = s->kernel_version >= WR_KERNEL(5, 11);
	bool has_deferred = s->kernel_version >= WR_KERNEL(6, 1);
	struct doctor_finding *f = doctor_find(d,
					       has_deferred ? DOCTOR_OK
					       : has_ring   ? DOCTOR_NOTE
							    : DOCTOR_COSTS,
					       "kernel", "Linux %s", s->kernel);
	if (has_deferred)
		return;
	DOCTOR_FIX(f, "Linux 6.1 or later");
	if (has_ring)
		DOCTOR_COST(f, "io_uring_setup(2)",
			    "no deferred task work (6.1): the kernel interrupts the journal's "
			    "thread to end a write");
	else
		DOCTOR_COST(f, "io/uring/probe.c",
			    "weir's use of io_uring needs 5.11: helper threads write instead");
}

/* ---- io_uring ---- */

static void judge_seccomp(struct doctor *d)
{
	if (d->system.seccomp == 2)
		doctor_find(d, d->uring_code == 0 ? DOCTOR_OK : DOCTOR_NOTE, "seccomp",
			    "a filter is on this process%s",
			    d->uring_code == 0 ? "; it lets io_uring through" : "");
}

static void cost_of_helpers(struct doctor_finding *f)
{
	DOCTOR_COST(f, DOCTOR_GUIDE,
		    "helper threads write instead: latency is the same, the process takes 5%% more "
		    "CPU time at 100 000 durable events/s");
}

static void judge_uring(struct doctor *d)
{
	struct doctor_finding *f;
	judge_seccomp(d);
	if (doctor_is_here(d) && !d->has_liburing) {
		f = doctor_find(d, DOCTOR_COSTS, "io_uring",
				"this weir was built without liburing");
		DOCTOR_FIX(
			f,
			"apt-get install liburing-dev; meson setup --reconfigure BUILD; ninja -C "
			"BUILD install");
		cost_of_helpers(f);
		return;
	}
	if (d->uring_code == 0) {
		const char *mode = strstr(d->uring, ": ");
		doctor_find(d, DOCTOR_OK, "io_uring", "%s", mode != NULL ? mode + 2 : "allowed");
		return;
	}
	f = doctor_find(d, DOCTOR_COSTS, "io_uring", "refused (%s)%s%s",
			weir_error_name(d->uring_code), d->uring[0] != '\0' ? ": " : "", d->uring);
	DOCTOR_FIX(f, "%s", wr_machine_mend_uring(&d->machine, d->uring_code));
	cost_of_helpers(f);
}

/* ---- the clock ---- */

/* Those that are read without a system call; "" is not known. */
static bool is_fast_clock(const char *name)
{
	static const char *const fast[] = {"tsc", "kvm-clock", "arch_sys_counter",
					   "hyperv_clocksource_tsc_page", "riscv_clocksource"};
	for (size_t i = 0; i < sizeof fast / sizeof fast[0]; i++)
		if (strcmp(name, fast[i]) == 0)
			return true;
	return name[0] == '\0';
}

static void judge_clock(struct doctor *d)
{
	const struct wr_system *s = &d->system;
	const char *name = s->clock_source[0] != '\0' ? s->clock_source : "not readable";
	bool is_slow = !is_fast_clock(s->clock_source);
	struct doctor_finding *f;
	if (d->clock_ns > 0)
		f = doctor_find(d, is_slow ? DOCTOR_COSTS : DOCTOR_OK, "clock",
				"%s: %.0f ns a reading", name, d->clock_ns);
	else
		f = doctor_find(d, is_slow ? DOCTOR_COSTS : DOCTOR_OK, "clock", "%s", name);
	if (!is_slow)
		return;
	DOCTOR_COST(
		f, doctor_is_here(d) ? DOCTOR_MEASURED : "vdso(7)",
		"each reading is a system call, and every batch, latency and time-out reads it");
	if (strstr(s->clock_sources, "tsc") != NULL)
		DOCTOR_FIX(f, "echo tsc >/sys/devices/system/clocksource/clocksource0/"
			      "current_clocksource");
	else
		DOCTOR_FIX(f, "booted with tsc=reliable, where the CPU's time stamps are constant");
}

/* ---- limits ---- */

static void judge_descriptors(struct doctor *d)
{
	const struct wr_machine_limit *limit = &d->machine.descriptors;
	bool is_low = limit->soft < 256;
	struct doctor_finding *f;
	if (limit->soft == WR_MACHINE_NO_LIMIT)
		f = doctor_find(d, DOCTOR_OK, "descriptors", "no limit");
	else
		f = doctor_find(d,
				limit->soft < 32 ? DOCTOR_STOPS
				: is_low         ? DOCTOR_NOTE
						 : DOCTOR_OK,
				"descriptors", "%llu", (unsigned long long)limit->soft);
	if (!is_low)
		return;
	DOCTOR_COST(f, "weir config plan",
		    "a journal has some 50 files open at once, beside those of the program");
	DOCTOR_FIX(f, "ulimit -n 1024, in a unit file LimitNOFILE=1024");
}

/* A segment is 64 MiB unless a config says otherwise, and memory for chunks is a file, too. */
static void judge_file_size(struct doctor *d)
{
	const struct wr_machine_limit *limit = &d->machine.file_bytes;
	if (limit->soft == WR_MACHINE_NO_LIMIT)
		return;
	bool is_low = limit->soft < 65u << 20;
	struct doctor_finding *f =
		doctor_find(d, is_low ? DOCTOR_STOPS : DOCTOR_NOTE, "file_size",
			    "files of at most %llu KiB", (unsigned long long)limit->soft / 1024);
	DOCTOR_COST(
		f, "include/weir/options.h",
		is_low ? "segments are 64 MiB unless journal.segment says otherwise: none can be "
			 "made"
		       : "larger segments and pools than that cannot be made");
	DOCTOR_FIX(f, "ulimit -f unlimited, in a unit file LimitFSIZE=infinity");
}

static void judge_real_time(struct doctor *d)
{
	const struct wr_machine *m = &d->machine;
	if (m->may_schedule || m->real_time.soft > 0) {
		doctor_find(d, DOCTOR_OK, "real_time", "scheduler: fifo and rr are granted");
		if (m->stops_real_time) {
			struct doctor_finding *f = doctor_find(
				d, DOCTOR_NOTE, "throttling",
				"real-time threads that never wait are stopped for a part of each "
				"second");
			DOCTOR_COST(f, "sched(7)",
				    "50 ms of stillness a second for a thread that "
				    "spins with fifo or rr, and none for others");
			DOCTOR_FIX(f, "sysctl -w kernel.sched_rt_runtime_us=-1");
		}
		return;
	}
	struct doctor_finding *f =
		doctor_find(d, DOCTOR_NOTE, "real_time", "no right to scheduler: fifo or rr");
	DOCTOR_COST(
		f, "docs/guide/tuning.md",
		"threads that ask for them run as any thread; on a machine with other work that "
		"is up to half of p99");
	DOCTOR_FIX(f, "ulimit -r 10, in a unit file LimitRTPRIO=10; or CAP_SYS_NICE");
}

static void judge_limits(struct doctor *d)
{
	if (!d->machine.knows_limits) {
		doctor_find(d, DOCTOR_NOTE, "limits", "those of the process cannot be read");
		return;
	}
	judge_descriptors(d);
	judge_file_size(d);
	judge_real_time(d);
}

static void judge_core_dumps(struct doctor *d)
{
	const char *pattern = d->system.core_pattern;
	if (pattern[0] == '\0')
		return;
	bool is_relative = pattern[0] != '|' && pattern[0] != '/';
	struct doctor_finding *f = doctor_find(d, is_relative ? DOCTOR_NOTE : DOCTOR_OK,
					       "core_dumps", "core_pattern is \"%s\"", pattern);
	if (!is_relative)
		return;
	DOCTOR_COST(f, "core(5)",
		    "a crash writes its dump into the working directory, perhaps onto "
		    "the journal's disk; events are not in it unless memory.in_core_dumps");
	DOCTOR_FIX(f, "sysctl -w kernel.core_pattern=/var/crash/core.%%p, with a directory that is "
		      "there; or ulimit -c 0");
}

void doctor_judge_kernel(struct doctor *d)
{
	judge_version(d);
	judge_uring(d);
	judge_clock(d);
	judge_limits(d);
	judge_core_dumps(d);
}
