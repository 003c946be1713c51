/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the placement: what requests name, whether the machine is shared, who may spin by
 * the quota, lists, housekeeping, and then one core for each thread that leaves it to weir.
 *
 * Thread: any; no state.
 */
#include "io/config/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "io/config/place_inner.h"

/* "1.50 CPUs (cgroup /x)" */
static char *quota_text(const struct wr_place_work *w, char to[160])
{
	uint64_t quota = w->affinity->quota_millicpus;
	(void)snprintf(to, 160, "%llu.%02u CPUs (cgroup %.100s)",
		       (unsigned long long)(quota / 1000), (unsigned)(quota % 1000 / 10),
		       w->affinity->cgroup);
	return to;
}

static void decide_shared(struct wr_place_work *w)
{
	struct wr_placement *out = w->out;
	char quota[160];
	enum wr_place_shared shared = w->policy->shared;
	bool by_quota = out->quota_millicpus < out->allowed_count * 1000ull;
	bool by_cores = out->core_count < WR_PLACE_CORES_MIN;
	out->is_shared =
		shared == WR_SHARED_YES || (shared == WR_SHARED_AUTO && (by_quota || by_cores));
	if (!out->is_shared)
		return;
	if (shared == WR_SHARED_YES)
		(void)snprintf(out->shared_why, sizeof out->shared_why, "machine.shared is yes");
	else if (by_quota)
		(void)snprintf(out->shared_why, sizeof out->shared_why,
			       "%u CPUs, but a quota of %.100s", out->allowed_count,
			       quota_text(w, quota));
	else
		(void)snprintf(out->shared_why, sizeof out->shared_why,
			       "%u usable core%s, fewer than %u", out->core_count,
			       out->core_count == 1 ? "" : "s", WR_PLACE_CORES_MIN);
}

static bool wants_to_spin(const struct wr_place_work *w, uint32_t index)
{
	return w->requests[index].wait == WEIR_WAIT_SPIN && w->out->placed[index].count > 0;
}

static void start_placed(struct wr_place_work *w)
{
	struct wr_affinity affinity = *w->affinity;
	affinity.allowed_count = w->out->allowed_count;
	bool has_room = wr_affinity_usable_cpus(&affinity) >= WR_JOURNAL_THREAD_CPUS;
	for (uint32_t i = 0; i < w->request_count; i++) {
		const struct wr_place_request *r = &w->requests[i];
		struct wr_placed *placed = &w->out->placed[i];
		placed->count = r->if_room && !has_room ? 0 : w->counts[i];
		if (placed->count == 0)
			continue;
		placed->how = WR_PLACED_ANYWHERE;
		placed->wait = r->wait == WEIR_WAIT_DEFAULT || r->wait == WEIR_WAIT_SPIN
				       ? WEIR_WAIT_ADAPTIVE
				       : r->wait;
	}
}

/* Threads of a request, cut to the quota where the list says how many there are. */
static uint32_t fit_list(struct wr_place_work *w, uint32_t index, uint64_t spinner_count)
{
	struct wr_placed *placed = &w->out->placed[index];
	uint64_t quota = w->out->quota_millicpus / 1000;
	uint64_t left = quota > spinner_count ? quota - spinner_count : 0;
	if (w->requests[index].count == WR_PLACE_BY_LIST && left > 0 && left < placed->count)
		placed->count = (uint32_t)left;
	return placed->count;
}

/* The quota goes to the first who ask. */
static void decide_spinning(struct wr_place_work *w)
{
	uint64_t spinner_count = 0;
	char quota[160];
	for (uint32_t i = 0; i < w->request_count; i++) {
		if (!wants_to_spin(w, i))
			continue;
		uint64_t count = fit_list(w, i, spinner_count);
		if (w->out->is_shared)
			wr_place_degrade(w, i, "%s: the machine is shared (%s)",
					 w->requests[i].cpus.kind == WR_CPUS_AUTO
						 ? "waits adaptively, not pinned"
						 : "waits adaptively",
					 w->out->shared_why);
		else if (w->requests[i].cpus.kind == WR_CPUS_NONE)
			wr_place_degrade(w, i,
					 "waits adaptively: only a thread with a core of its own "
					 "spins, and cpus is none");
		else if ((spinner_count + count) * 1000 > w->out->quota_millicpus)
			wr_place_degrade(w, i,
					 "waits adaptively: spinning would use up the quota of "
					 "%.100s, %u other thread%s already",
					 quota_text(w, quota), (unsigned)spinner_count,
					 spinner_count == 1 ? " spins" : "s spin");
		else {
			w->may_spin[i] = true;
			spinner_count += count;
		}
	}
}

/* Up to WEIR_CPUS_MAX of a set, one of each core before the siblings. */
static void give_set(struct wr_place_work *w, struct wr_placed *placed,
		     const struct wr_cpu_set *set)
{
	struct wr_cpu_set rest = *set;
	struct wr_cpu_set given = {{0}};
	for (uint32_t sibling = 0; !wr_place_is_empty(&rest); sibling++)
		for (uint32_t cpu = 0; (cpu = wr_place_next(&rest, cpu)) < WR_CPUS_MAX; cpu++) {
			if (wr_place_cpu(w, cpu)->sibling != sibling)
				continue;
			rest.words[cpu / 64] &= ~(1ull << cpu % 64);
			if (wr_cpu_set_count(&given) < WEIR_CPUS_MAX)
				wr_cpu_set_add(&given, cpu);
		}
	placed->cpu_count = 0;
	for (uint32_t cpu = 0; (cpu = wr_place_next(&given, cpu)) < WR_CPUS_MAX; cpu++)
		placed->cpus[placed->cpu_count++] = (uint16_t)cpu;
}

/* Not pinned, but kept out of what it may not use, or where it would disturb. */
static void give_anywhere(struct wr_place_work *w, uint32_t index)
{
	struct wr_placed *placed = &w->out->placed[index];
	struct wr_cpu_set set = w->out->allowed;
	if (w->requests[index].cpus.kind == WR_CPUS_AUTO) {
		struct wr_cpu_set spared = w->usable;
		for (uint32_t cpu = 0; (cpu = wr_place_next(&spared, cpu)) < WR_CPUS_MAX; cpu++)
			if (w->spinner[wr_place_cpu(w, cpu)->core] != WR_PLACE_NOBODY)
				spared.words[cpu / 64] &= ~(1ull << cpu % 64);
		set = wr_place_is_empty(&spared) ? w->usable : spared;
	}
	placed->how = WR_PLACED_ANYWHERE;
	placed->cpu_count = 0;
	if (memcmp(&set, &w->affinity->allowed, sizeof set) != 0)
		give_set(w, placed, &set);
}

static void place_lists(struct wr_place_work *w)
{
	struct wr_placement *out = w->out;
	wr_place_match_spinners(w);
	for (uint32_t i = 0; i < w->request_count; i++) {
		struct wr_placed *placed = &out->placed[i];
		bool is_absent = w->absent[i][0] != '\0';
		if (placed->count == 0 || (wr_place_is_empty(&w->named[i]) && !is_absent))
			continue;
		if (w->policy->shared == WR_SHARED_YES) {
			wr_place_degrade(w, i, "not pinned: machine.shared is yes%s%s%s",
					 is_absent ? " (" : "", w->absent[i], is_absent ? ")" : "");
			continue;
		}
		if (placed->how != WR_PLACED_CORE) {
			placed->how = WR_PLACED_LIST;
			give_set(w, placed, &w->named[i]);
		}
	}
}

static void place_housekeeping(struct wr_place_work *w)
{
	bool is_auto = w->policy->housekeeping.kind == WR_CPUS_AUTO;
	if (w->policy->shared == WR_SHARED_YES)
		w->out->housekeeping = (struct wr_cpu_set){{0}};
	else if (is_auto && !w->out->is_shared && w->out->core_count >= WR_PLACE_CORES_MIN)
		wr_place_choose_housekeeping(w);
	w->kept = w->out->housekeeping;
}

static void place_one(struct wr_place_work *w, uint32_t index)
{
	struct wr_placed *placed = &w->out->placed[index];
	char quota[160];
	if (w->out->is_shared) {
		/* One note is enough: it says already that the machine is shared. */
		if (!placed->degraded)
			wr_place_degrade(w, index, "not pinned: the machine is shared (%s)",
					 w->out->shared_why);
		return;
	}
	if (placed->count > w->pins_left) {
		wr_place_degrade(w, index, "not pinned: the quota of %.100s has no room for it",
				 quota_text(w, quota));
		return;
	}
	if (w->may_spin[index] && wr_place_take_cores(w, index, true)) {
		placed->wait = WEIR_WAIT_SPIN;
	} else if (wr_place_take_cores(w, index, false)) {
		if (w->may_spin[index])
			wr_place_degrade(w, index,
					 "waits adaptively: on each core that is left another "
					 "thread spins");
	} else {
		wr_place_degrade_for_cores(w, index);
		return;
	}
	w->pins_left -= placed->count;
}

static void place_autos(struct wr_place_work *w)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < w->request_count; i++)
		if (w->requests[i].cpus.kind == WR_CPUS_AUTO)
			count += w->out->placed[i].count;
	wr_place_choose_home(w, (uint32_t)wr_min_u64(count, w->pins_left));
	for (uint32_t i = 0; i < w->request_count; i++)
		if (w->requests[i].cpus.kind == WR_CPUS_AUTO && w->out->placed[i].count > 0)
			place_one(w, i);
	/* Only now it is known where nobody may disturb. */
	for (uint32_t i = 0; i < w->request_count; i++)
		if (w->out->placed[i].how == WR_PLACED_ANYWHERE)
			give_anywhere(w, i);
}

/* Everybody who spins on a core that this list has a CPU of. */
static void remark_on_rivals(const struct wr_place_work *w, struct wr_placed *placed)
{
	bool is_told[WR_PLACE_REQUESTS_MAX] = {false};
	size_t used = 0;
	for (uint32_t i = 0; i < placed->cpu_count; i++) {
		uint16_t rival = w->spinner[wr_place_cpu(w, placed->cpus[i])->core];
		if (rival == WR_PLACE_NOBODY || is_told[rival])
			continue;
		is_told[rival] = true;
		int length = snprintf(placed->note + used, sizeof placed->note - used,
				      used == 0 ? "may run on CPU %u, on whose core %s spins"
						: ", and on CPU %u, with %s",
				      placed->cpus[i], w->requests[rival].name);
		if (length < 0 || (size_t)length >= sizeof placed->note - used) {
			placed->note[used] = '\0';
			return;
		}
		used += (size_t)length;
	}
}

/* A list that others may disturb, or be disturbed by. */
static void remark_on_list(struct wr_place_work *w, uint32_t index)
{
	struct wr_placed *placed = &w->out->placed[index];
	char list[64];
	uint32_t named_count = wr_cpu_set_count(&w->named[index]);
	struct wr_cpu_set isolated = w->named[index];
	wr_place_intersect(&isolated, &w->topology->isolated);
	if (named_count > placed->cpu_count) {
		(void)snprintf(placed->note, sizeof placed->note,
			       "on %u of %u CPUs: no more fit into struct weir_thread_options",
			       placed->cpu_count, named_count);
		return;
	}
	if (placed->cpu_count > 1 && !wr_place_is_empty(&isolated)) {
		wr_cpu_set_format(&isolated, list, sizeof list);
		(void)snprintf(placed->note, sizeof placed->note,
			       "CPUs %s are isolated: the kernel moves no thread between them, "
			       "it stays on the first",
			       list);
		return;
	}
	remark_on_rivals(w, placed);
}

static void remark_on_spinner(struct wr_place_work *w, uint32_t index)
{
	const struct wr_cpu_set *helpers = &w->out->housekeeping;
	for (uint32_t cpu = 0; (cpu = wr_place_next(helpers, cpu)) < WR_CPUS_MAX; cpu++) {
		struct wr_placed *placed = &w->out->placed[index];
		if (w->spinner[wr_place_cpu(w, cpu)->core] != index)
			continue;
		(void)snprintf(placed->note, sizeof placed->note,
			       "helpers may run on CPU %u, on the core where it spins", cpu);
		return;
	}
}

/* What works as asked, but not as somebody may think. */
static void remark(struct wr_place_work *w, uint32_t index)
{
	const struct wr_placed *placed = &w->out->placed[index];
	if (placed->note[0] != '\0')
		return;
	if (placed->how == WR_PLACED_LIST)
		remark_on_list(w, index);
	else if (placed->how == WR_PLACED_CORE && placed->wait == WEIR_WAIT_SPIN)
		remark_on_spinner(w, index);
}

static bool is_too_much(struct wr_place_work *w)
{
	uint64_t threads = 0;
	for (uint32_t i = 0; i < w->request_count; i++)
		threads += w->counts[i];
	if (threads <= WR_PLACE_THREADS_MAX)
		return false;
	struct wr_place_problem *p = wr_place_problem(w, WR_PLACE_OF_REQUESTS);
	(void)snprintf(p->text, sizeof p->text, "%llu threads, at most %u",
		       (unsigned long long)threads, WR_PLACE_THREADS_MAX);
	return true;
}

static void place_all(struct wr_place_work *w)
{
	struct wr_placement *out = w->out;
	for (uint32_t i = 0; i < w->topology->cpu_count; i++)
		w->at[w->topology->cpus[i].cpu] = (uint16_t)i;
	memset(w->spinner, 0xff, sizeof w->spinner);
	out->quota_millicpus = w->affinity->quota_millicpus;
	out->placed_count = w->request_count;
	w->pins_left = out->quota_millicpus == WR_QUOTA_NONE
			       ? UINT32_MAX
			       : (uint32_t)wr_max_u64(
					 1, wr_min_u64(out->quota_millicpus / 1000, WR_CPUS_MAX));
	wr_place_resolve(w);
	if (is_too_much(w) || out->problem_count > 0)
		return;
	decide_shared(w);
	start_placed(w);
	decide_spinning(w);
	place_lists(w);
	place_housekeeping(w);
	place_autos(w);
	for (uint32_t i = 0; i < w->request_count; i++)
		remark(w, i);
}

int wr_place(const struct wr_topology *topology, const struct wr_affinity *affinity,
	     const struct wr_place_policy *policy, const struct wr_place_request *requests,
	     uint32_t request_count, struct wr_placement *ret_placement)
{
	*ret_placement = (struct wr_placement){0};
	if (request_count > WR_PLACE_REQUESTS_MAX)
		return -EINVAL;
	struct wr_place_work *w = calloc(1, sizeof *w);
	if (w == NULL)
		return -ENOMEM;
	w->topology = topology;
	w->affinity = affinity;
	w->policy = policy;
	w->requests = requests;
	w->request_count = request_count;
	w->out = ret_placement;
	place_all(w);
	free(w);
	return ret_placement->problem_count > 0 ? -EINVAL : 0;
}

void wr_placed_to_options(const struct wr_placed *placed, struct weir_thread_options *ret_options)
{
	ret_options->wait = placed->wait;
	ret_options->cpu_count = placed->cpu_count;
	memcpy(ret_options->cpus, placed->cpus, placed->cpu_count * sizeof placed->cpus[0]);
}
