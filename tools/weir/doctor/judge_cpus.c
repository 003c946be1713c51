/* SPDX-License-Identifier: Apache-2.0 */
/* Findings about CPUs: how many, how fast they wake, and who else has them. */
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/doctor/doctor.h"

/* From so many CPUs on some can be given away. */
#define CPUS_FOR_PINNING 4u
#define SLOW_WAKE_US 50u
#define LATE_WAKE_NS 500000u

static void judge_cpuset(struct doctor *d)
{
	uint32_t online = wr_cpu_set_count(&d->system.online);
	uint32_t allowed = d->affinity.allowed_count;
	char list[64];
	wr_cpu_set_format(&d->affinity.allowed, list, sizeof list);
	if (allowed == 0) {
		doctor_find(d, DOCTOR_NOTE, "cpus", "which CPUs may be used cannot be read");
		return;
	}
	struct doctor_finding *f =
		doctor_find(d, allowed < 2 ? DOCTOR_COSTS : DOCTOR_OK, "cpus",
			    "%u of %u may be used: %s%s%s", allowed, online > 0 ? online : allowed,
			    list, d->system.has_hypervisor ? "; a virtual machine" : "",
			    d->system.in_container ? "; a container" : "");
	if (allowed >= 2)
		return;
	DOCTOR_COST(
		f, "docs/guide/tuning.md",
		"producers, the log, the journal and readers take turns on one CPU: each hop is a "
		"switch of threads, and medians are about twice as long");
	DOCTOR_FIX(f, "taskset -c 0-3 PROGRAM, in a unit file AllowedCPUs=0-3, docker run "
		      "--cpuset-cpus 0-3");
}

static void judge_quota(struct doctor *d)
{
	uint64_t quota = d->affinity.quota_millicpus;
	const struct wr_system *s = &d->system;
	if (quota == WR_QUOTA_NONE) {
		doctor_find(d, DOCTOR_OK, "quota", "no CPU quota");
		return;
	}
	bool was_stopped = s->quota_stopped > 0;
	struct doctor_finding *f =
		doctor_find(d, was_stopped ? DOCTOR_COSTS : DOCTOR_NOTE, "quota",
			    "%.2f CPUs (cgroup %s)", (double)quota / 1000, d->affinity.cgroup);
	if (was_stopped)
		DOCTOR_COST(f, "its cpu.stat",
			    "all threads were stopped in %llu of %llu periods, %.0f ms each time",
			    (unsigned long long)s->quota_stopped,
			    (unsigned long long)s->quota_periods,
			    (double)s->quota_stopped_us / 1000 / (double)s->quota_stopped);
	else
		DOCTOR_COST(f, "cgroups(7)",
			    "who uses it up stands still for the rest of each 100 ms; weir lets "
			    "nothing "
			    "spin below four CPUs' worth");
	DOCTOR_FIX(
		f,
		"CPUQuota= of the unit file empty, docker run without --cpus, Kubernetes without "
		"a CPU limit or with the static CPU manager");
}

/* ---- how fast they wake ---- */

static void judge_governor(struct doctor *d)
{
	const struct wr_machine *m = &d->machine;
	char list[64];
	if (wr_cpu_set_count(&m->slow) == 0) {
		doctor_find(d, DOCTOR_OK, "governor",
			    "performance, or the kernel does not set the frequency");
		return;
	}
	wr_cpu_set_format(&m->slow, list, sizeof list);
	struct doctor_finding *f =
		doctor_find(d, DOCTOR_COSTS, "governor", "\"%s\" on CPUs %s", m->governor, list);
	DOCTOR_COST(f, "the kernel's admin-guide/pm/cpufreq.rst",
		    "a core slows down while threads wait and is fast again only after some "
		    "milliseconds of work: each event after a pause meets a slow core");
	DOCTOR_FIX(f, "cpupower -c %s frequency-set -g performance", list);
}

static void judge_idle(struct doctor *d)
{
	const struct wr_system *s = &d->system;
	if (s->idle_name[0] == '\0')
		return;
	bool is_deep = s->idle_wake_us > SLOW_WAKE_US;
	struct doctor_finding *f = doctor_find(
		d, is_deep ? DOCTOR_COSTS : DOCTOR_OK, "idle",
		"the deepest idle state is %s, left in %u us (governor %s)", s->idle_name,
		s->idle_wake_us, s->idle_governor[0] != '\0' ? s->idle_governor : "not known");
	if (!is_deep)
		return;
	DOCTOR_COST(f, "cpuidle's own figure",
		    "up to %u us more for each thread that is woken on a core which slept",
		    s->idle_wake_us);
	DOCTOR_FIX(f,
		   "cpupower idle-set -D %u, or booted with intel_idle.max_cstate=1 "
		   "processor.max_cstate=1",
		   SLOW_WAKE_US);
}

static void judge_turbo(struct doctor *d)
{
	if (d->system.turbo == WR_SYSTEM_UNKNOWN)
		return;
	if (d->system.turbo == 1) {
		doctor_find(
			d, DOCTOR_OK, "turbo",
			"on: fastest, and figures of a benchmark depend on the neighbours' load");
		return;
	}
	struct doctor_finding *f = doctor_find(d, DOCTOR_NOTE, "turbo", "off");
	DOCTOR_COST(f, "the kernel's admin-guide/pm/intel_pstate.rst",
		    "cores stay at their base frequency: slower, and even");
	DOCTOR_FIX(f, "echo 0 >/sys/devices/system/cpu/intel_pstate/no_turbo, or echo 1 "
		      ">/sys/devices/system/cpu/cpufreq/boost");
}

static void judge_wakes(struct doctor *d)
{
	char p50[CLI_TEXT_BYTES];
	char p99[CLI_TEXT_BYTES];
	if (d->wakes == NULL || d->wakes->count == 0)
		return;
	uint64_t late_ns = histogram_quantile(d->wakes, 990000);
	bool is_late = histogram_quantile(d->wakes, 500000) > LATE_WAKE_NS;
	cli_text_ns(p50, histogram_quantile(d->wakes, 500000));
	cli_text_ns(p99, late_ns);
	struct doctor_finding *f = doctor_find(
		d,
		is_late                  ? DOCTOR_COSTS
		: late_ns > LATE_WAKE_NS ? DOCTOR_NOTE
					 : DOCTOR_OK,
		"wake_up", "a thread that slept comes %s late at p50, %s at p99", p50, p99);
	if (late_ns <= LATE_WAKE_NS)
		return;
	DOCTOR_COST(
		f, DOCTOR_MEASURED,
		"every hop to a thread that parks has this in it: other work is on the CPUs, or "
		"they sleep deeply, or the hypervisor gives them late");
	DOCTOR_FIX(f,
		   "CPUs without other work (threads.*.cpus, machine.avoid), scheduler: fifo; see "
		   "governor and idle");
}

/* ---- who else has them ---- */

static void judge_siblings(struct doctor *d)
{
	if (d->system.smt == WR_SYSTEM_UNKNOWN)
		return;
	if (!d->machine.smt_active) {
		doctor_find(d, DOCTOR_OK, "siblings", "one CPU a core");
		return;
	}
	struct doctor_finding *f =
		doctor_find(d, DOCTOR_NOTE, "siblings", "two CPUs share each core (SMT)");
	DOCTOR_COST(
		f, "docs/guide/tuning.md",
		"to a thread that spins: whatever runs on the second CPU of its core takes half "
		"of it");
	DOCTOR_FIX(f, "echo off >/sys/devices/system/cpu/smt/control");
}

/* All CPUs but the first half, at most: somebody has to do the rest. */
static void free_list(const struct doctor *d, char *to, size_t to_bytes)
{
	struct wr_cpu_set set = {{0}};
	uint32_t skipped = 0;
	uint32_t count = d->affinity.allowed_count;
	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX; cpu++)
		if (wr_cpu_set_has(&d->affinity.allowed, cpu) && ++skipped > count / 2)
			wr_cpu_set_add(&set, cpu);
	wr_cpu_set_format(&set, to, to_bytes);
}

static void judge_ticks(struct doctor *d)
{
	struct wr_cpu_set ticking = d->system.isolated;
	struct wr_cpu_set calling = d->system.isolated;
	char list[64];
	for (size_t i = 0; i < WR_CPUS_MAX / 64; i++) {
		ticking.words[i] &= ~d->machine.tickless.words[i];
		calling.words[i] &=
			~(d->system.no_callbacks.words[i] | d->machine.tickless.words[i]);
	}
	if (wr_cpu_set_count(&ticking) + wr_cpu_set_count(&calling) == 0)
		return;
	wr_cpu_set_format(&ticking, list, sizeof list);
	struct doctor_finding *f =
		doctor_find(d, DOCTOR_NOTE, "ticks", "CPUs %s are isolated, and have timer ticks%s",
			    list, wr_cpu_set_count(&calling) > 0 ? " and RCU callbacks" : "");
	DOCTOR_COST(f, "the kernel's timers/no_hz.rst",
		    "to a thread that spins there: interrupts of some microseconds, 100 to 1000 a "
		    "second");
	DOCTOR_FIX(f, "booted with nohz_full=%s rcu_nocbs=%s", list, list);
}

static void judge_isolation(struct doctor *d)
{
	uint32_t isolated = wr_cpu_set_count(&d->system.isolated);
	char list[64];
	if (isolated > 0) {
		wr_cpu_set_format(&d->system.isolated, list, sizeof list);
		doctor_find(d, DOCTOR_OK, "isolation", "CPUs %s are isolated", list);
		judge_ticks(d);
		return;
	}
	if (d->affinity.allowed_count < CPUS_FOR_PINNING) {
		doctor_find(d, DOCTOR_OK, "isolation", "none, and too few CPUs to isolate any");
		return;
	}
	free_list(d, list, sizeof list);
	struct doctor_finding *f = doctor_find(d, DOCTOR_NOTE, "isolation", "no CPU is isolated");
	DOCTOR_COST(
		f, "docs/guide/tuning.md",
		"to a thread that spins: the kernel runs other threads there, for milliseconds");
	DOCTOR_FIX(f, "booted with isolcpus=managed_irq,domain,%s nohz_full=%s rcu_nocbs=%s", list,
		   list, list);
}

void doctor_judge_cpus(struct doctor *d)
{
	judge_cpuset(d);
	judge_quota(d);
	judge_governor(d);
	judge_idle(d);
	judge_turbo(d);
	judge_wakes(d);
	judge_siblings(d);
	judge_isolation(d);
}
