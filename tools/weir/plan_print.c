/* SPDX-License-Identifier: Apache-2.0 */
/* See plan_print.h; the JSON half is plan_json.c. */
#include "tools/weir/plan_print.h"

#include <string.h>

#include <weir/alerts.h>

#include "tools/weir/args.h"

static const char *wait_name(enum weir_wait wait)
{
	static const char *const names[] = {"adaptive", "spin", "adaptive", "yield", "park"};
	return names[wait];
}

const char *plan_scheduler_name(enum weir_scheduler scheduler)
{
	static const char *const names[] = {"other", "batch", "fifo", "rr"};
	return names[scheduler];
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* ---- machine and threads ---- */

void plan_print_machine(FILE *to, const struct plan_threads *threads)
{
	const struct wr_topology *t = threads->topology;
	const struct wr_placement *p = threads->placement;
	char text[CLI_TEXT_BYTES];
	char list[100];
	fprintf(to, "%s%s%s\n", t->origin, t->model[0] != '\0' ? ": " : "", t->model);
	fprintf(to, "  %u CPU%s, %u core%s", t->cpu_count, plural(t->cpu_count), t->core_count,
		plural(t->core_count));
	if (t->l3_count > 0)
		fprintf(to, ", %u level-3 cache%s of %s", t->l3_count, plural(t->l3_count),
			cli_text_bytes(text, t->l3_bytes));
	fprintf(to, ", %u NUMA node%s, %u package%s", t->node_count, plural(t->node_count),
		t->package_count, plural(t->package_count));
	if (t->memory_bytes > 0)
		fprintf(to, ", %s", cli_text_bytes(text, t->memory_bytes));
	wr_cpu_set_format(&p->allowed, list, sizeof list);
	fprintf(to, "\n  weir may use %s", list);
	if (p->quota_millicpus != WR_QUOTA_NONE)
		fprintf(to, ", a quota of %.2f CPUs", (double)p->quota_millicpus / 1000);
	if (threads->affinity->cgroup[0] != '\0')
		fprintf(to, " (cgroup %s)", threads->affinity->cgroup);
	fputc('\n', to);
	if (p->is_shared)
		fprintf(to, "  shared: %s; nothing is pinned by itself, nothing spins\n",
			p->shared_why);
}

static void placed_set(const struct wr_placed *placed, char *to, size_t to_bytes)
{
	struct wr_cpu_set set = {{0}};
	for (uint32_t i = 0; i < placed->cpu_count; i++)
		wr_cpu_set_add(&set, placed->cpus[i]);
	wr_cpu_set_format(&set, to, to_bytes);
}

/* The cores on which a thread may run. */
static struct wr_cpu_set cores_of(const struct plan_threads *threads,
				  const struct wr_placed *placed)
{
	struct wr_cpu_set cpus = {{0}};
	struct wr_cpu_set cores = {{0}};
	for (uint32_t i = 0; i < placed->cpu_count; i++)
		wr_cpu_set_add(&cpus, placed->cpus[i]);
	if (placed->cpu_count == 0)
		cpus = threads->placement->allowed;
	for (uint32_t i = 0; i < threads->topology->cpu_count; i++)
		if (wr_cpu_set_has(&cpus, threads->topology->cpus[i].cpu))
			wr_cpu_set_add(&cores, threads->topology->cpus[i].core);
	return cores;
}

/* Who else may run on a core of this thread's; NULL: nobody of those that have their places. */
static const char *guest_of(const struct plan_threads *threads, uint32_t index)
{
	const struct wr_placement *p = threads->placement;
	const struct wr_cpu_set own = cores_of(threads, &p->placed[index]);
	for (uint32_t i = 0; i < p->placed_count; i++) {
		const struct wr_cpu_set others = cores_of(threads, &p->placed[i]);
		if (i == index || p->placed[i].how == WR_PLACED_NOT)
			continue;
		for (uint32_t core = 0; core < threads->topology->core_count; core++)
			if (wr_cpu_set_has(&own, core) && wr_cpu_set_has(&others, core))
				return threads->requests->items[i].name;
	}
	return NULL;
}

static void print_how(FILE *to, const struct plan_threads *threads, uint32_t index)
{
	const struct wr_placed *placed = &threads->placement->placed[index];
	const char *guest = guest_of(threads, index);
	if (placed->how == WR_PLACED_ANYWHERE)
		fputs("not pinned", to);
	else if (placed->how == WR_PLACED_LIST)
		fputs("any of these", to);
	else if (guest != NULL)
		fprintf(to, "a core%s that %.32s may use, too", placed->count > 1 ? " each" : "",
			guest);
	else
		fputs(placed->count > 1 ? "a core each" : "a core of its own", to);
}

static void print_thread(FILE *to, const struct plan_threads *threads, uint32_t index)
{
	const char *request = threads->requests->items[index].name;
	const struct wr_placed *placed = &threads->placement->placed[index];
	const struct weir_thread_options *options = threads->requests->threads[index];
	char name[48];
	char cpus[48] = "anywhere";
	(void)snprintf(name, sizeof name, "%.32s", request);
	if (placed->count > 1)
		(void)snprintf(name, sizeof name, "%.32s x %u", request, placed->count);
	if (placed->cpu_count > 0)
		placed_set(placed, cpus, sizeof cpus);
	fprintf(to, "  %-14s %-18s %-9s ", name, cpus, wait_name(placed->wait));
	print_how(to, threads, index);
	if (options->scheduler != WEIR_SCHEDULER_OTHER)
		fprintf(to, ", %s", plan_scheduler_name(options->scheduler));
	if (options->priority > 0)
		fprintf(to, " %u", options->priority);
	fputc('\n', to);
}

/* Whom housekeeping is for. weir's allocators have no threads. */
static void print_helpers(FILE *to, const struct plan_threads *threads)
{
	bool has_journal = threads->requests->items[WR_CONFIG_JOURNAL].count > 0;
	char list[64];
	const char *what = "files made ahead, workers of io_uring";
	if (!has_journal)
		what = "there are none without a journal";
	else if (threads->options->io == WEIR_IO_POSIX)
		what = "files made ahead, writes and syncs";
	wr_cpu_set_format(&threads->placement->housekeeping, list, sizeof list);
	fprintf(to, "  %-14s %-18s %-9s %s\n", "helpers", list[0] != '\0' ? list : "anywhere",
		has_journal ? "park" : "", what);
}

bool plan_has_watch(const struct plan_threads *threads)
{
	const struct weir_options *o = threads->options;
	for (uint32_t i = 0; i < o->alert_count; i++)
		if (o->alerts[i].kind == WEIR_ALERT_STUCK_AGE)
			return true;
	return false;
}

/* Those that no key of `threads` is about. */
static void print_beside(FILE *to, const struct plan_threads *threads)
{
	char list[64];
	wr_cpu_set_format(&threads->placement->housekeeping, list, sizeof list);
	if (plan_has_watch(threads))
		fprintf(to, "  %-14s %-18s %-9s %s\n", "watch", list[0] != '\0' ? list : "anywhere",
			"park", "looks for stuck_age");
	if (threads->serves)
		fprintf(to, "  serve x %-6u %-18s %-9s %s\n", PLAN_SERVE_THREADS, "anywhere",
			"park", "answers, and calls of the registry");
}

void plan_print_threads(FILE *to, const struct plan_threads *threads)
{
	const struct wr_placement *p = threads->placement;
	fprintf(to, "  %-14s %-18s %s\n", "thread", "CPUs", "waits");
	for (uint32_t i = 0; i < p->placed_count; i++)
		if (p->placed[i].how != WR_PLACED_NOT)
			print_thread(to, threads, i);
	print_helpers(to, threads);
	print_beside(to, threads);
	for (uint32_t i = 0; i < p->placed_count; i++)
		if (p->placed[i].note[0] != '\0')
			fprintf(to, "  note: %s: %s\n", threads->requests->items[i].name,
				p->placed[i].note);
}

/* ---- memory, disk, descriptors ---- */

static void print_bytes(FILE *to, const char *name, uint64_t bytes, const char *what)
{
	char text[CLI_TEXT_BYTES];
	fprintf(to, "  %-14s %11s  %s\n", name, cli_text_bytes(text, bytes), what);
}

static void print_memory(FILE *to, const struct wr_plan *plan, const struct weir_options *options)
{
	const struct weir_memory_plan *m = &plan->memory;
	char what[64];
	fputs("memory\n", to);
	(void)snprintf(what, sizeof what, "%u chunks and their tags", m->chunk_count);
	print_bytes(to, "chunks", m->chunks_bytes, what);
	print_bytes(to, "lanes", m->lanes_bytes, "of all producers and members");
	if (m->catchup_bytes > 0)
		print_bytes(to, "catch-up", m->catchup_bytes, "for readers that are behind");
	print_bytes(to, "tables", m->tables_bytes, "topics, subscriptions, producers, progress");
	if (plan->rings.count > 0) {
		(void)snprintf(what, sizeof what, "%u between stages, with weir_stages_open()",
			       plan->rings.count);
		print_bytes(to, "rings", plan->rings.bytes, what);
	}
	print_bytes(to, "total", m->total_bytes + plan->rings.bytes,
		    "reserved and touched at open");
	print_bytes(to, "mapped", plan->address_bytes,
		    "of address space: chunks and lanes twice, stacks");
	if (m->huge_bytes > 0) {
		(void)snprintf(what, sizeof what, "%llu pages of %s that are set aside",
			       (unsigned long long)(m->huge_bytes / options->huge_page_bytes),
			       options->huge_page_bytes > 2u << 20 ? "1 GiB" : "2 MiB");
		print_bytes(to, "huge pages", m->huge_bytes, what);
	}
	if (plan->locked_bytes > 0)
		print_bytes(to, "locked", plan->locked_bytes,
			    "never swapped, and counted by the limit memlock");
}

static void print_disk(FILE *to, const struct wr_plan_disk *disk,
		       const struct weir_options *options)
{
	char text[CLI_TEXT_BYTES];
	char what[160];
	if (!disk->is_needed)
		return;
	fputs("disk\n", to);
	if (disk->segment_bytes != options->segment_bytes) {
		(void)snprintf(what, sizeof what,
			       "segments of the journal that is there, which keeps them: "
			       "journal.segment, %s, is of new ones",
			       cli_text_bytes(text, options->segment_bytes));
		print_bytes(to, "made with", disk->segment_bytes, what);
	}
	(void)snprintf(what, sizeof what, "%u segments of %s ahead, two checkpoints",
		       disk->segments_ahead, cli_text_bytes(text, disk->file_bytes));
	print_bytes(to, "at open", disk->first_bytes, what);
	if (disk->retention_bytes == 0 && disk->retention_time_ns != 0)
		fprintf(to, "  %-14s %11s  %s\n", "at most", "no end",
			"as much as comes within journal.retention_time");
	else if (disk->retention_bytes == 0)
		fprintf(to, "  %-14s %11s  %s\n", "at most", "no end",
			"everything is kept: journal.retention is not set");
	else if (disk->most_bytes == UINT64_MAX)
		fprintf(to, "  %-14s %11s  %s\n", "at most", "no end", "retention has no effect");
	else
		print_bytes(to, "at most", disk->most_bytes,
			    "while no subscription holds more than retention");
	print_bytes(to, "checkpoint", disk->checkpoint_bytes, "of log between two of them");
	if (disk->dir.total_bytes > 0) {
		(void)snprintf(what, sizeof what, "in %.120s%s", disk->dir.place,
			       disk->dir.is_there ? "" : ", where it will be made");
		print_bytes(to, "free", disk->dir.free_bytes, what);
	}
}

static void print_descriptors(FILE *to, const struct wr_plan *plan)
{
	const struct wr_plan_descriptors *d = &plan->descriptors;
	char text[CLI_TEXT_BYTES];
	fputs("descriptors\n", to);
	fprintf(to, "  %-14s %11s  ", "at most", cli_text_count(text, d->total));
	if (plan->disk.is_needed)
		fprintf(to, "%u segments, %u others of the journal, ", d->segments, d->fixed);
	fprintf(to, "%u eventfds if asked for\n", d->events);
	if (d->run.others > 0)
		fprintf(to,
			"  %-14s %11s  of them: %u of sources, %u of sinks, %u of bridges, %u of "
			"serve, %u others\n",
			"weir run",
			cli_text_count(text, d->run.sources + d->run.sinks + d->run.bridges +
						     d->run.serve + d->run.connections +
						     d->run.others),
			d->run.sources, d->run.sinks, d->run.bridges,
			d->run.serve + d->run.connections, d->run.others);
	if (!plan->knows_machine || plan->machine.descriptors.soft == WR_MACHINE_NO_LIMIT)
		return;
	fprintf(to, "  %-14s %11s  of the whole process (ulimit -n)\n", "allowed",
		cli_text_count(text, plan->machine.descriptors.soft));
}

static void print_lack(FILE *to, const struct wr_plan_lack *lack, const char *file)
{
	static const char *const weights[] = {
		[WR_LACK_SLOWS] = "slows", [WR_LACK_LATER] = "later", [WR_LACK_STOPS] = "stops"};
	fprintf(to, "  %s  ", weights[lack->weight]);
	if (lack->line > 0)
		fprintf(to, "%s:%u:%u: ", file, lack->line, lack->column);
	fprintf(to, "%s\n         fix: %s\n", lack->text, lack->fix);
}

void plan_print(FILE *to, const struct wr_plan *plan, const struct weir_options *options,
		const char *file)
{
	print_memory(to, plan, options);
	print_disk(to, &plan->disk, options);
	print_descriptors(to, plan);
	fputs("the machine lacks\n", to);
	if (!plan->knows_machine) {
		fputs("  unknown: of another machine only a description is read; plan it there\n",
		      to);
		return;
	}
	for (uint32_t i = 0; i < plan->lack_count; i++)
		print_lack(to, &plan->lacks[i], file);
	if (plan->lack_count == 0)
		fputs("  nothing\n", to);
}
