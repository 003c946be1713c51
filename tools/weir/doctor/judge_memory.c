/* SPDX-License-Identifier: Apache-2.0 */
/* Findings about memory: limits, huge pages, swap. */
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/doctor/doctor.h"

/* Chunks, lanes and tables of a pipeline with every default: some 150 MiB. */
#define DEFAULT_BYTES (192ull << 20)

static void judge_amount(struct doctor *d)
{
	const struct wr_machine *m = &d->machine;
	char text[CLI_TEXT_BYTES];
	bool is_limited = m->memory_limit_bytes != WR_MACHINE_NO_LIMIT &&
			  (m->memory_available_bytes == 0 ||
			   m->memory_limit_bytes < m->memory_available_bytes);
	uint64_t bytes = is_limited ? m->memory_limit_bytes : m->memory_available_bytes;
	if (bytes == 0)
		return;
	struct doctor_finding *f =
		doctor_find(d, bytes < DEFAULT_BYTES ? DOCTOR_STOPS : DOCTOR_OK, "memory", "%s %s",
			    cli_text_bytes(text, bytes),
			    is_limited ? "is what the cgroup allows" : "are available");
	if (bytes >= DEFAULT_BYTES)
		return;
	DOCTOR_COST(f, "weir config plan",
		    "a pipeline with every default reserves more than that when it opens");
	DOCTOR_FIX(f,
		   is_limited
			   ? "MemoryMax=512M in the unit file, docker run --memory 512m; or less "
			     "of memory.pool and memory.lane"
			   : "less of memory.pool and memory.lane");
}

static void judge_memlock(struct doctor *d)
{
	const struct wr_machine *m = &d->machine;
	char text[CLI_TEXT_BYTES];
	if (!m->may_lock && !m->knows_limits)
		return; /* told once: judge_limits() */
	if (m->may_lock || m->locked.soft == WR_MACHINE_NO_LIMIT) {
		doctor_find(d, DOCTOR_OK, "memlock", "any amount of memory may be locked");
		return;
	}
	bool is_low = m->locked.soft < DEFAULT_BYTES;
	struct doctor_finding *f =
		doctor_find(d, is_low ? DOCTOR_NOTE : DOCTOR_OK, "memlock", "%s may be locked",
			    cli_text_bytes(text, m->locked.soft));
	if (!is_low)
		return;
	DOCTOR_COST(f, "getrlimit(2)",
		    "memory.lock: yes does not open; without it nothing is lost");
	DOCTOR_FIX(f,
		   "ulimit -l unlimited, in a unit file LimitMEMLOCK=infinity, docker run --ulimit "
		   "memlock=-1; or CAP_IPC_LOCK");
}

/* ---- huge pages ---- */

static void judge_transparent(struct doctor *d)
{
	const char *mode = d->machine.huge_pages;
	if (mode[0] == '\0')
		return;
	bool is_always = strcmp(mode, "always") == 0;
	struct doctor_finding *f = doctor_find(d, is_always ? DOCTOR_COSTS : DOCTOR_OK,
					       "huge_pages", "transparent ones: %s", mode);
	if (!is_always)
		return;
	DOCTOR_COST(f, "the kernel's admin-guide/mm/transhuge.rst",
		    "the kernel may stop a thread of the program while it makes room for one");
	DOCTOR_FIX(f, "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
}

/* Chunks and lanes are shared memory to the kernel. */
static void judge_shared(struct doctor *d)
{
	const char *mode = d->machine.shared_pages;
	if (mode[0] == '\0')
		return;
	bool is_denied = strcmp(mode, "deny") == 0;
	struct doctor_finding *f =
		doctor_find(d, is_denied ? DOCTOR_COSTS : DOCTOR_OK, "transparent",
			    "transparent huge pages of shared memory: %s", mode);
	if (!is_denied)
		return;
	DOCTOR_COST(f, "docs/guide/tuning.md",
		    "memory.huge_pages: transparent gives none: a disk gets pieces of 4 KiB");
	DOCTOR_FIX(f, "echo never >/sys/kernel/mm/transparent_hugepage/shmem_enabled (weir asks by "
		      "name)");
}

static void judge_set_aside(struct doctor *d)
{
	const struct wr_machine_pages *pages = &d->machine.pages_2m;
	struct doctor_finding *f;
	if (!pages->is_there) {
		doctor_find(d, DOCTOR_NOTE, "hugetlb", "no huge pages of 2 MiB that are set aside");
		return;
	}
	f = doctor_find(d, pages->unused > 0 ? DOCTOR_OK : DOCTOR_NOTE, "hugetlb",
			"%llu huge pages of 2 MiB are set aside, %llu to be had",
			(unsigned long long)pages->total, (unsigned long long)pages->unused);
	if (pages->unused > 0)
		return;
	DOCTOR_COST(f, "docs/guide/threads.md",
		    "memory.huge_pages: require does not open, try takes small pages; off and "
		    "transparent need none");
	DOCTOR_FIX(f, "echo 128 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
}

/* ---- swap ---- */

static void judge_swap(struct doctor *d)
{
	const struct wr_system *s = &d->system;
	char all[CLI_TEXT_BYTES];
	char used[CLI_TEXT_BYTES];
	if (!s->knows_memory)
		return;
	if (s->swap_bytes == 0) {
		doctor_find(d, DOCTOR_OK, "swap", "none");
		return;
	}
	struct doctor_finding *f =
		doctor_find(d, s->swap_used_bytes > 0 ? DOCTOR_COSTS : DOCTOR_NOTE, "swap",
			    "%s, %s in use, swappiness %d", cli_text_bytes(all, s->swap_bytes),
			    cli_text_bytes(used, s->swap_used_bytes), s->swappiness);
	DOCTOR_COST(
		f, "the kernel's admin-guide/sysctl/vm.rst",
		"a page of a chunk or lane that was swapped out is read from disk in the middle of "
		"a publish");
	DOCTOR_FIX(f, "memory: {lock: yes}, or MemorySwapMax=0 in the unit file, or swapoff -a");
}

static void judge_overcommit(struct doctor *d)
{
	const struct wr_system *s = &d->system;
	char text[CLI_TEXT_BYTES];
	if (s->overcommit != 2)
		return;
	uint64_t room = s->commit_limit_bytes > s->committed_bytes
				? s->commit_limit_bytes - s->committed_bytes
				: 0;
	struct doctor_finding *f =
		doctor_find(d, room < DEFAULT_BYTES ? DOCTOR_STOPS : DOCTOR_NOTE, "overcommit",
			    "vm.overcommit_memory is 2, and %s may still be promised",
			    cli_text_bytes(text, room));
	DOCTOR_COST(
		f, "proc_sys_vm(5)",
		"all memory is asked for when a pipeline opens: with less it does not open, later "
		"nothing is needed");
	DOCTOR_FIX(f, "sysctl -w vm.overcommit_memory=0, or a larger vm.overcommit_ratio");
}

void doctor_judge_memory(struct doctor *d)
{
	judge_amount(d);
	judge_memlock(d);
	judge_transparent(d);
	judge_shared(d);
	judge_set_aside(d);
	judge_swap(d);
	judge_overcommit(d);
}
