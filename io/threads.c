/* SPDX-License-Identifier: Apache-2.0 */
/* Which steps run on which thread, how those wait, and the same by hand. */
#include "io/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/posix/cancel.h"
#include "io/posix/thread_posix.h"
#include "io/thread/park_futex.h"
#include "io/thread/scheduling.h"

/* Bytes of a writer's round: the runner's budget is handed to every step of the log thread. */
#define LOG_BUDGET_BYTES (1024u * 1024)

#define NAME_CHARACTERS 15u /* of a thread: what the kernel keeps */

static bool packs(const struct wr_io_host *h)
{
	return h->options.pack != WEIR_PACK_NO && h->options.dir != NULL;
}

/* A helper: it sleeps most of the time, where the helpers are. */
static struct weir_thread_options helper_options(const struct wr_io_host *h)
{
	const struct weir_cpu_list *cpus = &h->options.housekeeping;
	struct weir_thread_options thread = {.wait = WEIR_WAIT_PARK, .cpu_count = cpus->cpu_count};
	memcpy(thread.cpus, cpus->cpus, sizeof thread.cpus);
	return thread;
}

static bool has_journal_thread(const struct wr_io_host *h)
{
	return h->options.journal_thread == WEIR_JOURNAL_THREAD_YES;
}

static void plan_of(struct wr_thread_plan *plan, const char *name,
		    const struct weir_thread_options *o)
{
	*plan = (struct wr_thread_plan){.name = name,
					.wait = o->wait,
					.cpu_count = o->cpu_count,
					.cpus = o->cpus,
					.scheduler = o->scheduler,
					.priority = o->priority};
}

/* One more sentence about what is not as it was asked. */
static void add_note(struct wr_io_host *h, const struct weir_problem *note)
{
	size_t used = strlen(h->thread_note);
	(void)snprintf(h->thread_note + used, sizeof h->thread_note - used, "%s%s: %s",
		       used > 0 ? "; " : "", note->field, note->text);
}

/* What the checks say: an error, or so many threads that are degraded, of which one is told. */
static int take_verdict(struct wr_io_host *h, int verdict, const struct weir_problem *said,
			struct weir_problem *problem)
{
	if (verdict > 0)
		add_note(h, said);
	else if (verdict < 0 && problem != NULL)
		*problem = *said;
	return verdict < 0 ? verdict : 0;
}

/* The CPUs of the helpers: a manual pipeline has them too. */
static int plan_helpers(struct wr_io_host *h, struct weir_problem *problem)
{
	struct weir_problem said = {0};
	int rc = wr_affinity_set_of(&h->affinity, "housekeeping", &h->options.housekeeping,
				    &h->helper_cpus, &said);
	return take_verdict(h, rc, &said, problem);
}

int wr_host_plan_threads(struct wr_io_host *h, struct weir_problem *problem)
{
	struct weir_options *o = &h->options;
	struct wr_thread_plan plans[4];
	struct weir_thread_options *options[4] = {&o->log, &o->group, &o->handler, &o->journal};
	struct weir_problem said = {0};
	uint32_t count = has_journal_thread(h) ? 4 : 3;
	const struct wr_scheduling_rules rules = {
		.strict = o->strict_threads,
		.helpers = o->dir != NULL ? &h->helper_cpus : NULL,
		.try_class = wr_thread_try_class,
	};
	int rc = plan_helpers(h, problem);
	if (rc < 0 || o->manual)
		return rc;
	plan_of(&plans[0], "log", &o->log);
	plan_of(&plans[1], "group", &o->group);
	plan_of(&plans[2], "handler", &o->handler);
	plan_of(&plans[3], "journal", &o->journal);
	plans[2].threads_max = o->members_max;
	rc = wr_affinity_check(&h->affinity, plans, count, o->strict_threads, &said);
	rc = take_verdict(h, rc, &said, problem);
	if (rc == 0) {
		rc = wr_scheduling_check(&h->affinity, plans, count, &rules, &said);
		rc = take_verdict(h, rc, &said, problem);
	}
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		options[i]->wait = plans[i].wait;
		options[i]->scheduler = plans[i].scheduler;
		options[i]->priority = plans[i].priority;
	}
	return rc;
}

static int init_runner(struct wr_io_host *h, struct wr_runner *runner,
		       const struct weir_thread_options *thread, const char *suffix,
		       struct wr_parker *parker, uint32_t budget)
{
	char name[64];
	/* The suffix, which tells them apart, is never cut. */
	int room = (int)NAME_CHARACTERS - (int)strlen("-") - (int)strlen(suffix);
	(void)snprintf(name, sizeof name, "%.*s-%s", room < 10 ? room : 10, h->options.name,
		       suffix);
	struct wr_runner_config config = {
		.thread = *thread,
		.name = name,
		.parker = parker,
		.cpus = &h->affinity.allowed,
		.usable_cpus = wr_affinity_usable_cpus(&h->affinity),
		.budget = budget,
	};
	return wr_runner_init(runner, &config);
}

static int add_log_steps(struct wr_io_host *h)
{
	struct weir_pipeline *p = h->pipeline;
	struct wr_step step;
	wr_pipeline_writer_step(p, &step);
	int rc = wr_runner_add_step(&h->log, &step);
	if (rc != 0 || p->journal == NULL)
		return rc;
	wr_pipeline_journal_step(p, &step);
	return wr_runner_add_step(has_journal_thread(h) ? &h->journal : &h->log, &step);
}

static int init_runners(struct wr_io_host *h)
{
	const struct weir_options *o = &h->options;
	struct weir_pipeline *p = h->pipeline;
	int rc = init_runner(h, &h->log, &o->log, "log", &p->log_parker, LOG_BUDGET_BYTES);
	if (rc == 0 && has_journal_thread(h))
		rc = init_runner(h, &h->journal, &o->journal, "jrnl", &p->journal_parker, 0);
	if (rc == 0 && !o->manual)
		rc = init_runner(h, &h->group, &o->group, "group", &p->group_parker, 0);
	const struct weir_thread_options helper = helper_options(h);
	if (rc == 0 && packs(h) && !o->manual)
		rc = init_runner(h, &h->pack, &helper, "pack", &p->pack_parker, 0);
	return rc;
}

/* Alerts of steps that stand still: first of all, so that the group step leaves them alone. */
static int start_watch(struct wr_io_host *h)
{
	const struct weir_thread_options helper = helper_options(h);
	struct wr_step step;
	if (h->options.manual || !wr_pipeline_watch_step(h->pipeline, &step))
		return 0;
	int rc = init_runner(h, &h->watch, &helper, "watch", &h->pipeline->watch_parker, 0);
	if (rc == 0)
		rc = wr_runner_add_step(&h->watch, &step);
	if (rc == 0)
		rc = wr_runner_start(&h->watch);
	wr_store_relaxed(&h->watch_running, rc == 0);
	return rc;
}

int wr_host_start_threads(struct wr_io_host *h, struct weir_problem *problem)
{
	const struct weir_options *o = &h->options;
	struct wr_step step;
	int rc = init_runners(h);
	if (rc == 0)
		rc = add_log_steps(h);
	wr_pipeline_group_step(h->pipeline, &step);
	if (rc == 0)
		rc = wr_runner_add_step(o->manual ? &h->log : &h->group, &step);
	wr_pipeline_pack_step(h->pipeline, &step);
	if (rc == 0 && packs(h))
		rc = wr_runner_add_step(o->manual ? &h->log : &h->pack, &step);
	if (rc != 0)
		return wr_problem_in_words(problem, rc);
	if (o->manual) {
		wr_store_relaxed(&h->log_running, 1u); /* by hand, from the first step on */
		return 0;
	}
	rc = start_watch(h);
	if (rc != 0)
		return wr_problem_set(problem, rc, "watch", weir_strerror(rc));
	if (has_journal_thread(h)) {
		rc = wr_runner_start(&h->journal);
		if (rc != 0)
			return wr_problem_set(problem, rc, "journal", weir_strerror(rc));
		wr_store_relaxed(&h->journal_running, 1u);
	}
	rc = wr_runner_start(&h->log);
	if (rc != 0)
		return wr_problem_set(problem, rc, "log", weir_strerror(rc));
	wr_store_relaxed(&h->log_running, 1u);
	rc = wr_runner_start(&h->group);
	if (rc != 0)
		return wr_problem_set(problem, rc, "group", weir_strerror(rc));
	wr_store_relaxed(&h->group_running, 1u);
	rc = packs(h) ? wr_runner_start(&h->pack) : 0;
	if (rc != 0)
		return wr_problem_set(problem, rc, "pack", weir_strerror(rc));
	wr_store_relaxed(&h->pack_running, packs(h));
	return 0;
}

static void stop_runner(struct wr_runner *runner, bool running)
{
	if (!running)
		return;
	wr_runner_stop(runner);
	(void)wr_runner_join(runner);
}

static void stop_own(struct wr_runner *runner, wr_atomic_u32 *running)
{
	stop_runner(runner, wr_load_relaxed(running) != 0); /* own */
	wr_store_relaxed(running, 0u);
}

void wr_host_stop_threads(struct wr_io_host *h)
{
	stop_own(&h->watch, &h->watch_running);
	stop_own(&h->pack, &h->pack_running);
	stop_own(&h->group, &h->group_running);
	stop_own(&h->log, &h->log_running);
	stop_own(&h->journal, &h->journal_running);
	if (h->pipeline != NULL)
		wr_journal_pack_end(h->pipeline->journal);
}

/* Whose it is to stop: of a leave and a close that meet, one joins the thread. */
static bool take_handler(struct wr_io_host *h, struct wr_handler_thread *t)
{
	wr_spinlock_lock(&h->handlers_lock);
	bool running = t->running;
	t->running = false;
	wr_spinlock_unlock(&h->handlers_lock);
	return running;
}

void wr_host_stop_handlers(struct wr_io_host *h)
{
	wr_spinlock_lock(&h->handlers_lock);
	h->handlers_over = true;
	wr_spinlock_unlock(&h->handlers_lock);
	for (uint32_t i = 0; i < h->options.members_max; i++) {
		bool running = take_handler(h, &h->handlers[i]);
		stop_runner(&h->handlers[i].runner, running);
	}
}

bool wr_host_inside_step(void *context)
{
	(void)context;
	return wr_runner_current() != NULL;
}

/* Its address is the thread's. */
static _Thread_local char here;

uintptr_t wr_host_thread(void *context)
{
	(void)context;
	return (uintptr_t)&here;
}

/* By hand: one round; when it did nothing, a sleep until somebody wakes it, and another round. */
int wr_host_run_steps(void *context, uint64_t wait_ns)
{
	struct wr_io_host *h = context;
	int cancel = wr_cancel_defer();
	int rc = wr_runner_run_or_wait(&h->log, wait_ns);
	wr_cancel_restore(cancel);
	return rc;
}

/*
 * Of a list of CPUs for handlers that spin each takes one that no other has, while there are any:
 * two on one CPU would be in each other's way for as long as a time slice.
 */
static void choose_cpu(struct wr_io_host *h, struct wr_handler_thread *t,
		       struct weir_thread_options *thread)
{
	uint32_t chosen = 0;
	if (thread->wait != WEIR_WAIT_SPIN || thread->cpu_count < 2)
		return;
	wr_spinlock_lock(&h->handlers_lock);
	for (uint32_t least = UINT32_MAX, c = 0; c < thread->cpu_count; c++) {
		uint32_t users = 0;
		for (uint32_t i = 0; i < h->options.members_max; i++)
			users += h->handlers[i].cpu_place == c + 1;
		if (users < least) {
			least = users;
			chosen = c;
		}
	}
	t->cpu_place = chosen + 1;
	wr_spinlock_unlock(&h->handlers_lock);
	thread->cpus[0] = thread->cpus[chosen];
	thread->cpu_count = 1;
}

static void give_cpu_back(struct wr_io_host *h, struct wr_handler_thread *t)
{
	wr_spinlock_lock(&h->handlers_lock);
	t->cpu_place = 0;
	wr_spinlock_unlock(&h->handlers_lock);
}

int wr_host_handler_start(void *context, struct weir_member *member)
{
	struct wr_io_host *h = context;
	struct wr_handler_thread *t = &h->handlers[member->slot];
	struct wr_step step;
	char suffix[24];
	wr_member_handler_step(member, &step);
	if (h->options.manual)
		return wr_runner_add_step(&h->log, &step);
	(void)snprintf(suffix, sizeof suffix, "h%u", member->slot);
	struct weir_thread_options thread = h->options.handler;
	choose_cpu(h, t, &thread);
	int rc = init_runner(h, &t->runner, &thread, suffix, member->gate_parker, 0);
	if (rc == 0)
		rc = wr_runner_add_step(&t->runner, &step);
	if (rc == 0)
		rc = wr_runner_start(&t->runner);
	/* From here on weir_pipeline_info looks at the runner, and a close stops it. */
	bool is_started = rc == 0;
	wr_spinlock_lock(&h->handlers_lock);
	t->running = is_started && !h->handlers_over;
	if (is_started && h->handlers_over)
		rc = WEIR_E_CLOSED;
	wr_spinlock_unlock(&h->handlers_lock);
	if (rc == WEIR_E_CLOSED)
		stop_runner(&t->runner, is_started);
	if (rc != 0)
		give_cpu_back(h, t);
	return rc;
}

void wr_host_handler_stop(void *context, struct weir_member *member)
{
	struct wr_io_host *h = context;
	struct wr_handler_thread *t = &h->handlers[member->slot];
	struct wr_step step;
	wr_member_handler_step(member, &step);
	if (h->options.manual) {
		(void)wr_runner_remove_step(&h->log, &step);
		return;
	}
	bool running = take_handler(h, t);
	int cancel = wr_cancel_defer(); /* it joins */
	stop_runner(&t->runner, running);
	give_cpu_back(h, t);
	wr_cancel_restore(cancel);
}

static void tell_thread(struct weir_info *info, struct wr_runner *runner)
{
	struct wr_runner_stats stats;
	if (info->thread_count == WEIR_THREADS_MAX)
		return;
	wr_runner_stats(runner, &stats);
	struct weir_thread_info *t = &info->threads[info->thread_count++];
	*t = (struct weir_thread_info){
		.wait = runner->wait,
		.scheduler = runner->scheduler,
		.priority = runner->priority,
		.pinned = runner->cpu_count > 0,
		.last_cpu = stats.last_cpu,
		.cpu_ns = stats.cpu_ns,
		.loops = stats.rounds,
		.parks = stats.parks,
	};
	(void)snprintf(t->name, sizeof t->name, "%s", runner->name);
}

void wr_host_thread_infos(struct wr_io_host *h, struct weir_info *info)
{
	(void)snprintf(info->thread_note, sizeof info->thread_note, "%s", h->thread_note);
	tell_thread(info, &h->log);
	if (wr_load_relaxed(&h->journal_running) != 0)
		tell_thread(info, &h->journal);
	if (wr_load_relaxed(&h->group_running) != 0)
		tell_thread(info, &h->group);
	if (wr_load_relaxed(&h->pack_running) != 0)
		tell_thread(info, &h->pack);
	if (wr_load_relaxed(&h->watch_running) != 0)
		tell_thread(info, &h->watch);
	wr_spinlock_lock(&h->handlers_lock);
	for (uint32_t i = 0; i < h->options.members_max; i++)
		if (h->handlers[i].running)
			tell_thread(info, &h->handlers[i].runner);
	wr_spinlock_unlock(&h->handlers_lock);
}
