/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine lacks for a plan, and the way to mend it: one question a function. Only what
 * matters to this plan is said: a governor where threads have cores, isolation where some spin.
 *
 * Thread: any; no state.
 */
#include <errno.h>
#include <stdarg.h>

#include "core/base/bits.h"
#include "io/config/plan_inner.h"

#define MIB (1ull << 20)

struct wr_plan_lack *wr_plan_lack(struct wr_plan_search *search, enum wr_lack_weight weight,
				  const char *id, const char *format, ...)
{
	/* There is room for one of each kind. */
	struct wr_plan_lack *to = &search->plan->lacks[search->plan->lack_count++];
	va_list arguments;
	*to = (struct wr_plan_lack){.weight = weight, .id = id};
	va_start(arguments, format);
	(void)vsnprintf(to->text, sizeof to->text, format, arguments);
	va_end(arguments);
	return to;
}

/* ---- what keeps it from opening ---- */

static void find_memory(struct wr_plan_search *l)
{
	const struct wr_machine *m = l->input->machine;
	uint64_t total = l->plan->memory.total_bytes + l->plan->rings.bytes;
	if (total > m->memory_limit_bytes) {
		WR_PLAN_MEND(
			wr_plan_lack(l, WR_LACK_STOPS, "memory",
				     "%llu MiB are reserved at open, the cgroup allows %llu MiB",
				     wr_plan_mib(total), wr_plan_mib(m->memory_limit_bytes)),
			"memory.max of %llu MiB and what the program needs, or less of "
			"memory.pool, "
			"memory.lane and limits",
			wr_plan_mib(total));
	} else if (m->memory_available_bytes != 0 && total > m->memory_available_bytes) {
		WR_PLAN_MEND(
			wr_plan_lack(
				l, WR_LACK_STOPS, "memory",
				"%llu MiB are reserved at open, the machine has %llu MiB available",
				wr_plan_mib(total), wr_plan_mib(m->memory_available_bytes)),
			"less of memory.pool, memory.lane and limits");
	}
}

/* How much of this room retention may hold, beside what is there before and behind it. */
static uint64_t retention_for(const struct wr_plan_search *l, uint64_t room)
{
	const struct wr_plan_disk *disk = &l->plan->disk;
	uint64_t others = disk->first_bytes - disk->segments_ahead * disk->file_bytes;
	uint64_t segments = room > others ? (room - others) / disk->file_bytes : 0;
	uint64_t beside = disk->segments_ahead + 2;
	return segments > beside ? (segments - beside) * disk->segment_bytes : 0;
}

/* A journal that is there already, and does not go with the options. */
static void find_journal(struct wr_plan_search *l)
{
	const struct wr_machine_dir *dir = &l->plan->disk.dir;
	uint32_t asked = l->input->options->chunk_bytes;
	if (dir->journal_code != 0)
		WR_PLAN_MEND(wr_plan_lack(l, WR_LACK_STOPS, "journal",
					  "the journal in %.60s: %.150s", dir->place,
					  dir->journal_text),
			     "weir journal verify %.200s says more", dir->place);
	if (dir->chunk_bytes == 0 || dir->chunk_bytes == asked)
		return;
	struct wr_plan_lack *to = wr_plan_lack(
		l, WR_LACK_STOPS, "chunk",
		"memory.chunk is %u KiB, the journal in %.80s has chunks of %u KiB, and keeps them",
		asked / 1024, dir->place, dir->chunk_bytes / 1024);
	wr_plan_place(l, to, "memory.chunk");
	WR_PLAN_MEND(to, "memory.chunk: %uKiB, or another journal.dir", dir->chunk_bytes / 1024);
}

static void find_directory(struct wr_plan_search *l)
{
	const struct wr_plan_disk *disk = &l->plan->disk;
	const struct wr_machine_dir *dir = &disk->dir;
	if (!disk->is_needed)
		return;
	if (!dir->is_makeable) {
		WR_PLAN_MEND(wr_plan_lack(l, WR_LACK_STOPS, "dir",
					  "%.120s is not a directory that may be written",
					  dir->place),
			     "mkdir -p %.100s; chown of it to the user of the service", dir->place);
		return;
	}
	find_journal(l);
	uint64_t there = dir->file_count * disk->file_bytes;
	uint64_t first = disk->first_bytes > there ? disk->first_bytes - there : 0;
	uint64_t room = there + dir->free_bytes;
	if (dir->total_bytes == 0)
		return;
	if (first > dir->free_bytes)
		WR_PLAN_MEND(
			wr_plan_lack(l, WR_LACK_STOPS, "disk",
				     "the first segments take %llu MiB, %.100s has %llu MiB free",
				     wr_plan_mib(first), dir->place, wr_plan_mib(dir->free_bytes)),
			"a smaller journal.segment or journal.segments_ahead, or a larger disk");
	else if (disk->most_bytes != UINT64_MAX && disk->most_bytes > room)
		WR_PLAN_MEND(
			wr_plan_lack(
				l, WR_LACK_LATER, "disk",
				"retention lets it grow to %llu MiB, %.90s has room for %llu MiB",
				wr_plan_mib(disk->most_bytes), dir->place, wr_plan_mib(room)),
			"a journal.retention of %llu MiB or less, or a larger disk",
			(unsigned long long)(retention_for(l, room) / MIB));
}

static void find_descriptors(struct wr_plan_search *l)
{
	const struct wr_plan_disk *disk = &l->plan->disk;
	const struct wr_plan_descriptors *d = &l->plan->descriptors;
	const struct wr_machine_limit *limit = &l->input->machine->descriptors;
	uint64_t first = d->fixed + disk->segments_ahead + d->run.sources + d->run.sinks +
			 d->run.bridges + d->run.serve + d->run.others;
	unsigned long long total = d->total;
	if (d->total > limit->soft) {
		struct wr_plan_lack *to = wr_plan_lack(
			l, first > limit->soft ? WR_LACK_STOPS : WR_LACK_LATER, "descriptors",
			"weir takes up to %llu descriptors, the process may have %llu", total,
			(unsigned long long)limit->soft);
		if (d->total <= limit->hard)
			WR_PLAN_MEND(
				to,
				"ulimit -n %llu, in a unit file LimitNOFILE=%llu, and what the "
				"program needs",
				total, total);
		else
			WR_PLAN_MEND(
				to,
				"LimitNOFILE=%llu in the unit file (the hard limit is %llu), or a "
				"larger journal.segment",
				total, (unsigned long long)limit->hard);
		return;
	}
	/* Everything is kept: does something else end before the disk does? */
	uint64_t room = disk->dir.file_count * disk->file_bytes + disk->dir.free_bytes;
	if (!disk->is_needed || disk->retention_bytes != 0 || disk->dir.total_bytes == 0 ||
	    l->input->options->when_no_room == WEIR_NO_ROOM_DROP_OLDEST || d->room_bytes >= room)
		return;
	struct wr_plan_lack *to = wr_plan_lack(
		l, WR_LACK_LATER, "segments",
		"without journal.retention the journal ends at %llu MiB, with its segment %u",
		wr_plan_mib(d->room_bytes), l->input->options->segments_max);
	uint64_t wanted = wr_power_of_two_above(room / (l->input->options->segments_max + 1));
	if (disk->dir.segment_bytes == 0)
		WR_PLAN_MEND(to,
			     "journal.retention, more limits.segments, or before the journal is "
			     "made a journal.segment of %llu MiB",
			     wr_plan_mib(wanted));
	else
		WR_PLAN_MEND(to, "journal.retention, or more limits.segments");
}

static void find_uring(struct wr_plan_search *l)
{
	const struct wr_machine *m = l->input->machine;
	enum weir_io io = l->input->options->io;
	if (!l->plan->disk.is_needed || io == WEIR_IO_POSIX || m->uring_code == 0)
		return;
	enum wr_lack_weight weight = io == WEIR_IO_URING ? WR_LACK_STOPS : WR_LACK_SLOWS;
	const char *then = io == WEIR_IO_URING ? "" : ": helper threads write instead";
	struct wr_plan_lack *to = wr_plan_lack(l, weight, "io_uring", "io_uring is refused (%s)%s",
					       weir_error_name(m->uring_code), then);
	WR_PLAN_MEND(to, "%s", wr_machine_mend_uring(m, m->uring_code));
}

/* ---- what makes it slow ---- */

static void find_governor(struct wr_plan_search *l)
{
	const struct wr_machine *m = l->input->machine;
	struct wr_cpu_set slow = l->own;
	char list[64];
	for (size_t i = 0; i < WR_ARRAY_COUNT(slow.words); i++)
		slow.words[i] &= m->slow.words[i];
	if (wr_cpu_set_count(&slow) == 0)
		return;
	wr_cpu_set_format(&slow, list, sizeof list);
	WR_PLAN_MEND(wr_plan_lack(l, WR_LACK_SLOWS, "governor",
				  "the governor \"%s\" slows CPUs %s down while threads wait",
				  m->governor, list),
		     "cpupower -c %s frequency-set -g performance", list);
}

/* Somebody else's threads on the second half of a spinner's core. */
static void find_siblings(struct wr_plan_search *l)
{
	const struct wr_topology *t = l->input->topology;
	struct wr_cpu_set siblings = {{0}};
	char list[64];
	for (uint32_t i = 0; i < t->cpu_count; i++) {
		const struct wr_topology_cpu *c = &t->cpus[i];
		if (!wr_cpu_set_has(&l->spinning, c->cpu))
			continue;
		/* The CPUs of a core stand side by side. */
		for (uint32_t k = i - c->sibling; k < t->cpu_count && t->cpus[k].core == c->core;
		     k++)
			if (k != i)
				wr_cpu_set_add(&siblings, t->cpus[k].cpu);
	}
	if (!l->input->machine->smt_active || wr_cpu_set_count(&siblings) == 0)
		return;
	wr_cpu_set_format(&siblings, list, sizeof list);
	WR_PLAN_MEND(
		wr_plan_lack(
			l, WR_LACK_SLOWS, "siblings",
			"CPUs %s share the cores of threads that spin, and other processes may "
			"run there",
			list),
		"echo off >/sys/devices/system/cpu/smt/control, or offline them: chcpu -d %s",
		list);
}

static void find_isolation(struct wr_plan_search *l)
{
	struct wr_cpu_set open = l->spinning;
	char list[40];
	for (size_t i = 0; i < WR_ARRAY_COUNT(open.words); i++)
		open.words[i] &= ~l->input->topology->isolated.words[i];
	if (wr_cpu_set_count(&open) == 0)
		return;
	wr_cpu_set_format(&open, list, sizeof list);
	WR_PLAN_MEND(
		wr_plan_lack(l, WR_LACK_SLOWS, "isolation",
			     "threads spin on CPUs %s, where the kernel runs other threads, too",
			     list),
		"a cgroup with cpuset.cpus=%s and cpuset.cpus.partition=isolated, or booted with "
		"isolcpus=managed_irq,domain,%s nohz_full=%s rcu_nocbs=%s",
		list, list, list, list);
}

static void find_ticks(struct wr_plan_search *l)
{
	struct wr_cpu_set ticking = l->spinning;
	char list[64];
	for (size_t i = 0; i < WR_ARRAY_COUNT(ticking.words); i++)
		ticking.words[i] &= l->input->topology->isolated.words[i] &
				    ~l->input->machine->tickless.words[i];
	if (wr_cpu_set_count(&ticking) == 0)
		return;
	wr_cpu_set_format(&ticking, list, sizeof list);
	WR_PLAN_MEND(
		wr_plan_lack(l, WR_LACK_SLOWS, "ticks",
			     "CPUs %s are isolated, but the timer still interrupts who spins there",
			     list),
		"booted with nohz_full=%s rcu_nocbs=%s", list, list);
}

static void find_huge_pages(struct wr_plan_search *l)
{
	const char *mode = l->input->machine->huge_pages;
	if (mode[0] != 'a')
		return;
	WR_PLAN_MEND(
		wr_plan_lack(
			l, WR_LACK_SLOWS, "huge_pages",
			"transparent huge pages are \"always\": the kernel stops threads of the "
			"program "
			"while it makes room for one"),
		"echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
}

void wr_plan_find_lacks(const struct wr_plan_input *input, struct wr_plan *plan)
{
	struct wr_plan_search l = {.input = input, .plan = plan};
	for (uint32_t i = 0; i < plan->placement.placed_count; i++) {
		const struct wr_placed *placed = &plan->placement.placed[i];
		for (uint32_t k = 0; k < placed->cpu_count; k++) {
			if (placed->how != WR_PLACED_CORE)
				continue;
			wr_cpu_set_add(&l.own, placed->cpus[k]);
			if (placed->wait == WEIR_WAIT_SPIN)
				wr_cpu_set_add(&l.spinning, placed->cpus[k]);
		}
	}
	find_memory(&l);
	find_directory(&l);
	find_descriptors(&l);
	wr_plan_find_run(&l);
	wr_plan_find_bridges(&l);
	wr_plan_find_serve(&l);
	wr_plan_find_traces(&l);
	wr_plan_find_limits(&l);
	find_uring(&l);
	find_governor(&l);
	find_siblings(&l);
	find_isolation(&l);
	find_ticks(&l);
	find_huge_pages(&l);
}
