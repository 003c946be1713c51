/* SPDX-License-Identifier: Apache-2.0 */
/* See plan_print.h; the fields are in docs/reference/cli.md. */
#include "tools/weir/plan_print.h"

static void json_set(struct json_out *j, const char *key, const struct wr_cpu_set *set)
{
	json_array(j, key);
	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX; cpu++)
		if (wr_cpu_set_has(set, cpu))
			json_u64(j, NULL, cpu);
	json_close(j);
}

static void json_limit(struct json_out *j, const char *key, uint64_t limit)
{
	if (limit == UINT64_MAX)
		json_null(j, key);
	else
		json_u64(j, key, limit);
}

static void json_cpu(struct json_out *j, const struct wr_topology_cpu *cpu)
{
	json_object(j, NULL);
	json_u64(j, "cpu", cpu->cpu);
	json_u64(j, "core", cpu->core);
	json_u64(j, "sibling", cpu->sibling);
	if (cpu->l3 == WR_TOPOLOGY_NONE)
		json_null(j, "l3");
	else
		json_u64(j, "l3", cpu->l3);
	json_u64(j, "node", cpu->node);
	json_u64(j, "package", cpu->package);
	json_u64(j, "kind", cpu->kind);
	json_u64(j, "capacity", cpu->capacity);
	json_bool(j, "isolated", cpu->isolated);
	json_close(j);
}

static void json_placed(struct json_out *j, const char *name, const struct wr_placed *placed,
			const struct weir_thread_options *options)
{
	static const char *const hows[] = {
		[WR_PLACED_NOT] = "not_started",
		[WR_PLACED_ANYWHERE] = "anywhere",
		[WR_PLACED_LIST] = "list",
		[WR_PLACED_CORE] = "core",
	};
	static const char *const waits[] = {"adaptive", "spin", "adaptive", "yield", "park"};
	json_object(j, NULL);
	json_text(j, "name", name);
	json_u64(j, "count", placed->count);
	json_text(j, "how", hows[placed->how]);
	json_array(j, "cpus");
	for (uint32_t i = 0; i < placed->cpu_count; i++)
		json_u64(j, NULL, placed->cpus[i]);
	json_close(j);
	json_text(j, "wait", placed->how == WR_PLACED_NOT ? NULL : waits[placed->wait]);
	json_text(j, "scheduler", plan_scheduler_name(options->scheduler));
	json_u64(j, "priority", options->priority);
	json_bool(j, "degraded", placed->degraded);
	json_text(j, "note", placed->note);
	json_close(j);
}

/* Threads that nobody asks for by name. */
static void json_beside(struct json_out *j, const struct plan_threads *threads)
{
	static const struct weir_thread_options none;
	struct wr_placed placed = {.how = WR_PLACED_ANYWHERE, .count = 1, .wait = WEIR_WAIT_PARK};
	const struct wr_cpu_set *helpers = &threads->placement->housekeeping;

	if (threads->serves) {
		placed.count = PLAN_SERVE_THREADS;
		json_placed(j, "serve", &placed, &none);
		placed.count = 1;
	}
	if (!plan_has_watch(threads))
		return;
	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX && placed.cpu_count < WEIR_CPUS_MAX; cpu++)
		if (wr_cpu_set_has(helpers, cpu))
			placed.cpus[placed.cpu_count++] = (uint16_t)cpu;
	placed.how = placed.cpu_count > 0 ? WR_PLACED_LIST : WR_PLACED_ANYWHERE;
	json_placed(j, "watch", &placed, &none);
}

void plan_json_threads(struct json_out *j, const struct plan_threads *threads)
{
	const struct wr_topology *t = threads->topology;
	const struct wr_placement *p = threads->placement;
	json_object(j, "machine");
	json_text(j, "origin", t->origin);
	json_text(j, "model", t->model);
	json_u64(j, "cores", t->core_count);
	json_u64(j, "l3_caches", t->l3_count);
	json_u64(j, "l3_bytes", t->l3_bytes);
	json_u64(j, "nodes", t->node_count);
	json_u64(j, "packages", t->package_count);
	json_u64(j, "kinds", t->kind_count);
	json_u64(j, "memory_bytes", t->memory_bytes);
	json_array(j, "cpus");
	for (uint32_t i = 0; i < t->cpu_count; i++)
		json_cpu(j, &t->cpus[i]);
	json_close(j);
	json_close(j);
	json_set(j, "allowed", &p->allowed);
	json_set(j, "avoided", &p->avoided);
	if (p->quota_millicpus == WR_QUOTA_NONE)
		json_null(j, "quota_cpus");
	else
		json_f64(j, "quota_cpus", (double)p->quota_millicpus / 1000, 3);
	json_text(j, "cgroup", threads->affinity->cgroup);
	json_bool(j, "shared", p->is_shared);
	json_text(j, "shared_why", p->shared_why);
	json_array(j, "threads");
	for (uint32_t i = 0; i < p->placed_count; i++)
		json_placed(j, threads->requests->items[i].name, &p->placed[i],
			    threads->requests->threads[i]);
	json_beside(j, threads);
	json_close(j);
	json_set(j, "housekeeping", &p->housekeeping);
}

static void json_disk(struct json_out *j, const struct wr_plan_disk *disk)
{
	if (!disk->is_needed) {
		json_null(j, "disk");
		return;
	}
	json_object(j, "disk");
	json_u64(j, "at_open_bytes", disk->first_bytes);
	json_limit(j, "at_most_bytes", disk->most_bytes);
	json_u64(j, "segment_file_bytes", disk->file_bytes);
	json_u64(j, "segments_ahead", disk->segments_ahead);
	json_u64(j, "retention_bytes", disk->retention_bytes);
	json_u64(j, "retention_time_ns", disk->retention_time_ns);
	json_u64(j, "checkpoint_interval_bytes", disk->checkpoint_bytes);
	if (disk->dir.total_bytes > 0)
		json_u64(j, "free_bytes", disk->dir.free_bytes);
	else
		json_null(j, "free_bytes");
	if (disk->dir.segment_bytes > 0) {
		json_object(j, "journal");
		json_u64(j, "chunk_bytes", disk->dir.chunk_bytes);
		json_u64(j, "segment_bytes", disk->dir.segment_bytes);
		json_close(j);
	} else {
		json_null(j, "journal");
	}
	json_close(j);
}

static void json_descriptors(struct json_out *j, const struct wr_plan *plan)
{
	const struct wr_plan_descriptors *d = &plan->descriptors;
	json_object(j, "descriptors");
	json_u64(j, "at_most", d->total);
	json_u64(j, "fixed", d->fixed);
	json_u64(j, "segments", d->segments);
	json_u64(j, "events", d->events);
	if (d->run.others > 0) {
		json_object(j, "run");
		json_u64(j, "sources", d->run.sources);
		json_u64(j, "sinks", d->run.sinks);
		json_u64(j, "bridges", d->run.bridges);
		json_u64(j, "serve", d->run.serve);
		json_u64(j, "connections", d->run.connections);
		json_u64(j, "others", d->run.others);
		json_close(j);
	} else {
		json_null(j, "run");
	}
	json_limit(j, "allowed", plan->knows_machine ? plan->machine.descriptors.soft : UINT64_MAX);
	json_close(j);
}

static void json_lack(struct json_out *j, const struct wr_plan_lack *lack)
{
	static const char *const weights[] = {
		[WR_LACK_SLOWS] = "slows", [WR_LACK_LATER] = "later", [WR_LACK_STOPS] = "stops"};
	json_object(j, NULL);
	json_text(j, "id", lack->id);
	json_text(j, "weight", weights[lack->weight]);
	json_limit(j, "line", lack->line > 0 ? lack->line : UINT64_MAX);
	json_limit(j, "column", lack->line > 0 ? lack->column : UINT64_MAX);
	json_text(j, "text", lack->text);
	json_text(j, "fix", lack->fix);
	json_close(j);
}

void plan_json(struct json_out *j, const struct wr_plan *plan)
{
	json_object(j, "memory");
	json_u64(j, "chunks_bytes", plan->memory.chunks_bytes);
	json_u64(j, "lanes_bytes", plan->memory.lanes_bytes);
	json_u64(j, "catchup_bytes", plan->memory.catchup_bytes);
	json_u64(j, "tables_bytes", plan->memory.tables_bytes);
	json_u64(j, "rings_bytes", plan->rings.bytes);
	json_u64(j, "total_bytes", plan->memory.total_bytes + plan->rings.bytes);
	json_u64(j, "address_bytes", plan->address_bytes);
	json_u64(j, "huge_bytes", plan->memory.huge_bytes);
	json_u64(j, "locked_bytes", plan->locked_bytes);
	json_u64(j, "chunk_count", plan->memory.chunk_count);
	json_close(j);
	json_disk(j, &plan->disk);
	json_descriptors(j, plan);
	if (!plan->knows_machine) {
		json_null(j, "lacks");
		return;
	}
	json_array(j, "lacks");
	for (uint32_t i = 0; i < plan->lack_count; i++)
		json_lack(j, &plan->lacks[i]);
	json_close(j);
}
