/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the limits of the process and the memory that is set aside lack for a plan: each compared
 * with what the options ask for, in the kernel's own units, so that the fix can be typed as it is.
 *
 * Thread: any; no state.
 */
#include "core/base/bits.h"
#include "io/config/plan_inner.h"
#include "io/config/text.h"
#include "io/config/threads.h"

/* Of threads, in one sentence. */
#define NAMES_SHOWN 4u

/* ---- locked memory ---- */

static unsigned long long kib(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

static void find_memlock(struct wr_plan_search *s)
{
	const struct wr_machine *m = s->input->machine;
	uint64_t wanted = s->plan->locked_bytes;
	if (m->may_lock || wanted <= m->locked.soft)
		return;
	struct wr_plan_lack *to =
		wr_plan_lack(s, WR_LACK_STOPS, "memlock",
			     "memory.lock locks up to %llu KiB, the process may lock %llu KiB",
			     kib(wanted), kib(m->locked.soft));
	if (wanted <= m->locked.hard)
		WR_PLAN_MEND(to,
			     "ulimit -l %llu, in a unit file LimitMEMLOCK=%lluK, and what the "
			     "program locks; or CAP_IPC_LOCK",
			     kib(wanted), kib(wanted));
	else
		WR_PLAN_MEND(
			to,
			"LimitMEMLOCK=%lluK in the unit file (the hard limit is %llu KiB), and "
			"what the program locks; or CAP_IPC_LOCK",
			kib(wanted), kib(m->locked.hard));
}

/* ---- address space ---- */

/* The program has its own besides: what this one has now is the least of it. */
static void find_addresses(struct wr_plan_search *s)
{
	const struct wr_machine *m = s->input->machine;
	uint64_t wanted = s->plan->address_bytes + m->mapped_bytes;
	if (wanted <= m->address_bytes.soft)
		return;
	struct wr_plan_lack *to = wr_plan_lack(
		s, WR_LACK_STOPS, "address_space",
		"weir maps up to %llu MiB (chunks and lanes are seen twice, and threads have "
		"stacks) beside %llu MiB of a program, the process may map %llu MiB",
		wr_plan_mib(s->plan->address_bytes), wr_plan_mib(m->mapped_bytes),
		(unsigned long long)(m->address_bytes.soft >> 20));
	if (wanted <= m->address_bytes.hard)
		WR_PLAN_MEND(to,
			     "ulimit -v unlimited (%llu is the least), in a unit file "
			     "LimitAS=infinity; or less of memory.pool and memory.lane",
			     kib(wanted));
	else
		WR_PLAN_MEND(to,
			     "LimitAS=infinity in the unit file (the hard limit is %llu KiB), or "
			     "less of memory.pool and memory.lane",
			     kib(m->address_bytes.hard));
}

/* ---- huge pages ---- */

/* The node that chunks and lanes of producers are to lie on; -1: no certain one. */
static int wanted_node(const struct wr_plan_search *s)
{
	const struct weir_options *o = s->input->options;
	const struct wr_placed *log = &s->plan->placement.placed[0];
	int node = -1;
	if (o->numa == WEIR_NUMA_NODE)
		return (int)o->numa_node;
	if (o->numa != WEIR_NUMA_AUTO)
		return -1;
	for (uint32_t i = 0; i < log->cpu_count; i++) {
		const struct wr_topology_cpu *cpu =
			wr_topology_find(s->input->topology, log->cpus[i]);
		if (cpu == NULL || (i > 0 && cpu->node != node))
			return -1;
		node = cpu->node;
	}
	return node;
}

static void find_pages_of_node(struct wr_plan_search *s, const struct wr_machine_pages *pages,
			       uint64_t wanted, const char *size)
{
	const struct weir_options *o = s->input->options;
	int node = s->input->topology->node_count > 1 ? wanted_node(s) : -1;
	if (node < 0 || (uint32_t)node >= pages->node_count || wanted <= pages->node_unused[node])
		return;
	WR_PLAN_MEND(wr_plan_lack(s, WR_LACK_SLOWS, "hugetlb_node",
				  "up to %llu huge pages of %s are to lie on node %d, which has "
				  "%llu free: the rest comes from other nodes",
				  (unsigned long long)wanted, size, node,
				  (unsigned long long)pages->node_unused[node]),
		     "%llu more in /sys/devices/system/node/node%d/hugepages/hugepages-%ukB/"
		     "nr_hugepages",
		     (unsigned long long)(wanted - pages->node_unused[node]), node,
		     o->huge_page_bytes / 1024);
}

/* Asked for, and nothing is as large as one; `require` is refused by the core. */
static void find_small(struct wr_plan_search *s, const char *size, bool is_large)
{
	if (s->input->options->huge_pages != WEIR_HUGE_PAGES_TRY)
		return;
	WR_PLAN_MEND(wr_plan_lack(s, WR_LACK_SLOWS, "hugetlb",
				  "pool and lanes are each smaller than a huge page of %s: all of "
				  "them have small ones",
				  size),
		     "a memory.pool of %s%s", is_large ? "1GiB" : "2MiB",
		     is_large ? ", or memory.huge_page_size: 2MiB" : "");
}

/* Those that are set aside. */
static void find_pages(struct wr_plan_search *s)
{
	const struct weir_options *o = s->input->options;
	const struct wr_machine_pages *pages =
		wr_machine_pages_of(s->input->machine, o->huge_page_bytes);
	bool is_large = o->huge_page_bytes > 2u << 20;
	const char *size = is_large ? "1 GiB" : "2 MiB";
	uint64_t wanted = s->plan->memory.huge_bytes / o->huge_page_bytes;
	/* Those of rings are always of 2 MiB. */
	if (!is_large)
		wanted += s->plan->rings.huge_bytes / o->huge_page_bytes;
	bool is_required = o->huge_pages == WEIR_HUGE_PAGES_REQUIRE;
	enum wr_lack_weight weight = is_required ? WR_LACK_STOPS : WR_LACK_SLOWS;
	if (wanted == 0) {
		find_small(s, size, is_large);
		return;
	}
	if (!pages->is_there) {
		WR_PLAN_MEND(wr_plan_lack(s, weight, "hugetlb",
					  "this kernel has no huge pages of %s", size),
			     is_large ? "memory.huge_page_size: 2MiB, or a CPU that has them"
				      : "a kernel with CONFIG_HUGETLBFS, or memory.huge_pages: "
					"transparent");
		return;
	}
	if (wanted <= pages->unused) {
		find_pages_of_node(s, pages, wanted, size);
		return;
	}
	struct wr_plan_lack *to = wr_plan_lack(
		s, weight, "hugetlb",
		"%llu huge pages of %s are asked for, %llu of %llu are free%s",
		(unsigned long long)wanted, size, (unsigned long long)pages->unused,
		(unsigned long long)pages->total, is_required ? "" : ": the rest is small ones");
	unsigned long long all = pages->total + wanted - pages->unused;
	if (is_large)
		WR_PLAN_MEND(to, "booted with hugepagesz=1G hugepages=%llu", all);
	else
		WR_PLAN_MEND(to,
			     "echo %llu >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
			     all);
}

/* Transparent ones, of shared memory. */
static void find_transparent(struct wr_plan_search *s)
{
	const char *mode = s->input->machine->shared_pages;
	if (s->input->options->huge_pages != WEIR_HUGE_PAGES_TRANSPARENT || mode[0] != 'd')
		return;
	WR_PLAN_MEND(wr_plan_lack(s, WR_LACK_SLOWS, "transparent",
				  "the kernel is told to deny huge pages to shared memory, which "
				  "chunks and lanes are"),
		     "echo never >/sys/kernel/mm/transparent_hugepage/shmem_enabled (weir asks by "
		     "name)");
}

/* ---- scheduling classes ---- */

static bool is_real_time(const struct weir_thread_options *o)
{
	return o->scheduler == WEIR_SCHEDULER_FIFO || o->scheduler == WEIR_SCHEDULER_RR;
}

/* Of a request's name. */
static const char *prefix(uint32_t index)
{
	return index < WR_CONFIG_STAGES ? "threads." : "stage ";
}

/* How many handlers there will be is not known: they are there when somebody joins. */
static bool is_started(const struct wr_plan_search *s, uint32_t index)
{
	return s->plan->placement.placed[index].how != WR_PLACED_NOT || index == WR_CONFIG_HANDLER;
}

static bool is_class_had(const struct wr_plan_search *s, const struct weir_thread_options *thread)
{
	const struct wr_machine *m = s->input->machine;
	return m->may_schedule || thread->priority <= m->real_time.soft;
}

/* Who asks for real time and may not have it; of any. */
static bool is_class_lacking(const struct wr_plan_search *s, uint32_t index)
{
	const struct weir_thread_options *thread = s->input->threads[index];
	return is_started(s, index) && is_real_time(thread) && !is_class_had(s, thread);
}

/* "threads.log, threads.journal and 3 more": as many as there is room for. */
static void put_lacking(const struct wr_plan_search *s, uint32_t count, char *to, size_t to_bytes)
{
	struct wr_config_text text = {.to = to, .room_bytes = to_bytes};
	uint32_t shown = count <= NAMES_SHOWN ? count : NAMES_SHOWN - 1;
	uint32_t put = 0;
	for (uint32_t i = 0; i < s->input->request_count && put < shown; i++) {
		if (!is_class_lacking(s, i))
			continue;
		put++;
		wr_config_put(&text, "%s%s%.24s",
			      put == 1       ? ""
			      : put == count ? " and "
					     : ", ",
			      prefix(i), s->input->requests[i].name);
	}
	if (shown < count)
		wr_config_put(&text, " and %u more", count - shown);
}

/* One line for all of them, with the priority that does for each. */
static void find_real_time(struct wr_plan_search *s)
{
	const struct weir_options *o = s->input->options;
	char names[140] = "";
	uint32_t count = 0;
	uint32_t priority = 0;
	for (uint32_t i = 0; i < s->input->request_count; i++) {
		if (!is_class_lacking(s, i))
			continue;
		count++;
		priority = (uint32_t)wr_max_u64(priority, s->input->threads[i]->priority);
	}
	if (count == 0)
		return;
	put_lacking(s, count, names, sizeof names);
	bool one = count == 1;
	struct wr_plan_lack *to =
		wr_plan_lack(s, o->strict_threads ? WR_LACK_STOPS : WR_LACK_SLOWS, "real_time",
			     "%s %s for real time with priority %s%u, the process may have %llu%s",
			     names, one ? "asks" : "ask", one ? "" : "up to ", priority,
			     (unsigned long long)s->input->machine->real_time.soft,
			     o->strict_threads ? ""
			     : one             ? ": it runs as any thread"
					       : ": they run as any thread");
	WR_PLAN_MEND(to, "ulimit -r %u, in a unit file LimitRTPRIO=%u; or CAP_SYS_NICE", priority,
		     priority);
}

static bool never_waits(const struct wr_plan_search *s, uint32_t index)
{
	const struct wr_placed *placed = &s->plan->placement.placed[index];
	/* Handlers that have no place yet wait as they were asked to. */
	enum weir_wait wait =
		placed->how != WR_PLACED_NOT ? placed->wait : s->input->requests[index].wait;
	return is_started(s, index) && is_real_time(s->input->threads[index]) &&
	       (wait == WEIR_WAIT_SPIN || wait == WEIR_WAIT_YIELD);
}

/* Who may have the class, never waits, and would be stopped. */
static void find_throttling(struct wr_plan_search *s)
{
	for (uint32_t i = 0; i < s->input->request_count; i++) {
		if (!never_waits(s, i) || !s->input->machine->stops_real_time)
			continue;
		WR_PLAN_MEND(
			wr_plan_lack(s, WR_LACK_SLOWS, "throttling",
				     "the kernel stops real-time threads that never wait for a "
				     "part of each second, as %s%s",
				     prefix(i), s->input->requests[i].name),
			"sysctl -w kernel.sched_rt_runtime_us=-1, or a class of other: on a "
			"CPU of its own it is not taken off it either");
		return;
	}
}

/* ---- who never runs ---- */

static struct wr_cpu_set cpus_of(const struct wr_plan_search *s, const struct wr_placed *placed)
{
	struct wr_cpu_set set = {{0}};
	for (uint32_t i = 0; i < placed->cpu_count; i++)
		wr_cpu_set_add(&set, placed->cpus[i]);
	return placed->cpu_count > 0 ? set : s->input->affinity->allowed;
}

/* A CPU in both; WR_CPUS_MAX: none. */
static uint32_t shared_cpu(const struct wr_cpu_set *a, const struct wr_cpu_set *b)
{
	uint32_t cpu = 0;
	while (cpu < WR_CPUS_MAX && !(wr_cpu_set_has(a, cpu) && wr_cpu_set_has(b, cpu)))
		cpu++;
	return cpu;
}

/* Handlers that may come at once are more than the CPUs that they share. */
static bool has_twin(const struct wr_plan_search *s, uint32_t index)
{
	const struct wr_placed *placed = &s->plan->placement.placed[index];
	return index == WR_CONFIG_HANDLER && placed->cpu_count > 0 &&
	       s->input->options->members_max > placed->cpu_count;
}

/* The thread, or the helpers, that the real-time thread `index` would keep from running. */
static const char *find_victim(const struct wr_plan_search *s, uint32_t index, uint32_t *ret_cpu)
{
	const struct wr_placement *p = &s->plan->placement;
	const struct wr_cpu_set own = cpus_of(s, &p->placed[index]);
	bool is_anywhere = wr_cpu_set_count(&p->housekeeping) == 0;
	for (uint32_t i = 0; i < p->placed_count; i++) {
		const struct wr_cpu_set other = cpus_of(s, &p->placed[i]);
		*ret_cpu = shared_cpu(&own, &other);
		if (i != index && is_started(s, i) && *ret_cpu < WR_CPUS_MAX)
			return s->input->requests[i].name;
	}
	if (has_twin(s, index)) {
		*ret_cpu = p->placed[index].cpus[0];
		return "another handler";
	}
	*ret_cpu = shared_cpu(&own, is_anywhere ? &s->input->affinity->allowed : &p->housekeeping);
	return s->plan->disk.is_needed && *ret_cpu < WR_CPUS_MAX ? "the helpers" : NULL;
}

/*
 * weir_open() refuses that of its own threads; of others it does not know, and they would stand
 * still for good. Without the right to its class it runs as any thread, and starves nobody.
 */
static void find_starving(struct wr_plan_search *s)
{
	for (uint32_t i = 0; i < s->input->request_count; i++) {
		uint32_t cpu = WR_CPUS_MAX;
		const char *victim = NULL;
		if (never_waits(s, i) && is_class_had(s, s->input->threads[i]))
			victim = find_victim(s, i, &cpu);
		if (victim == NULL)
			continue;
		const char *name = s->input->requests[i].name;
		WR_PLAN_MEND(wr_plan_lack(s, WR_LACK_STOPS, "starving",
					  "%s%s is real time and never waits: on CPU %u it would "
					  "keep %s from ever running",
					  prefix(i), name, cpu, victim),
			     "cpus of one CPU for %s, and lists without it for all others and for "
			     "machine.housekeeping; or wait: park",
			     name);
		return;
	}
}

/* ---- sizes of files ---- */

/* Of segments, and of memory too: chunks are a file to the kernel. */
static void find_file_size(struct wr_plan_search *s)
{
	uint64_t limit = s->input->machine->file_bytes.soft;
	uint64_t chunks = (uint64_t)s->plan->memory.chunk_count * s->input->options->chunk_bytes;
	uint64_t largest = wr_max_u64(s->plan->disk.file_bytes, chunks);
	if (largest <= limit)
		return;
	WR_PLAN_MEND(
		wr_plan_lack(s, WR_LACK_STOPS, "file_size",
			     "files and memory objects of up to %llu MiB are made, the process "
			     "may make them of %llu KiB",
			     wr_plan_mib(largest), kib(limit)),
		"ulimit -f unlimited, in a unit file LimitFSIZE=infinity");
}

void wr_plan_find_limits(struct wr_plan_search *search)
{
	find_memlock(search);
	find_addresses(search);
	find_pages(search);
	find_transparent(search);
	find_real_time(search);
	find_throttling(search);
	find_starving(search);
	find_file_size(search);
}
