/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline benchmark's conductor: opens, starts members, waits until every partition has an
 * owner, starts producers, warms up, measures, drains, adds up.
 *
 * The measured time begins at a moment while everything runs and ends when everything that was
 * published is handled and its progress has the level: work that was under way at the beginning is
 * done inside, and not counted.
 *
 * Failure modes: any call that fails, and a stall (nothing moves for stall_ns), ends the run with
 * what was being done; all threads are joined in any case.
 *
 * Thread: the caller's.
 */
#include "bench/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness.h"
#include "bench/pipeline_threads.h"
#include "io/thread/affinity.h"

#define TICK_NS 10000000u
#define CALLBACK_TICKS 10u

void bench_fail(struct bench_run *run, const char *what, int code,
		const struct weir_problem *problem)
{
	pthread_mutex_lock(&run->problem_lock);
	if (run->code == 0) {
		run->code = code;
		snprintf(run->what, sizeof run->what, "%s", what);
		if (problem != NULL && problem->code != 0)
			run->problem = *problem;
	}
	pthread_mutex_unlock(&run->problem_lock);
	wr_store_relaxed(&run->failed, 1);
}

int bench_failure(struct bench_run *run)
{
	pthread_mutex_lock(&run->problem_lock);
	int code = run->code;
	pthread_mutex_unlock(&run->problem_lock);
	return code;
}

int bench_pin(const struct weir_cpu_list *list, uint32_t index)
{
	return list->cpu_count == 0 ? 0
				    : wr_affinity_pin(&list->cpus[index % list->cpu_count], 1);
}

uint64_t bench_handled(const struct bench_run *run)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < run->settings->member_count; i++)
		sum += wr_load_relaxed(&run->members[i].handled);
	return sum;
}

uint64_t bench_published(const struct bench_run *run)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < run->settings->producer_count; i++)
		sum += wr_load_relaxed(&run->producers[i].published);
	return sum;
}

bool pipeline_has_faults(const struct pipeline_faults *f)
{
	return (f->lost | f->damaged | f->disordered | f->repeated | f->missing | f->refused |
		f->unanswered) != 0;
}

static bool interrupted(const struct bench_run *run)
{
	wr_atomic_u32 *flag = run->settings->interrupted;

	return flag != NULL && wr_load_relaxed(flag) != 0;
}

/* Latency of at most about a million events a second is recorded. */
static uint32_t sampling(const struct pipeline_settings *settings)
{
	if (settings->rate == PIPELINE_RATE_MAX)
		return BURST_EVENTS;
	uint64_t every = settings->rate / 1000000;
	return every == 0 ? 1 : every > 1000 ? 1000 : (uint32_t)every;
}

static int open_all(struct bench_run *run)
{
	const struct pipeline_settings *settings = run->settings;
	struct weir_options options = settings->options;
	struct weir_topic_options topic;
	struct weir_subscription_options subscription;
	static const char *const topics[] = {"bench"};

	options.producers_max = (uint32_t)settings->producer_count;
	options.members_max = (uint32_t)settings->member_count;
	if (options.partitions_max < settings->partition_count)
		options.partitions_max = (uint32_t)settings->partition_count;
	snprintf(run->stage, sizeof run->stage, "opening the pipeline");
	int code = weir_open(&options, &run->pipeline, &run->stage_problem);
	if (code < 0)
		return code;
	snprintf(run->stage, sizeof run->stage, "making the topic");
	weir_topic_options_init(&topic);
	topic.name = topics[0];
	topic.partitions = (uint32_t)settings->partition_count;
	code = weir_topic_create(run->pipeline, &topic, &run->topic, &run->stage_problem);
	if (code < 0)
		return code;
	snprintf(run->stage, sizeof run->stage, "making the subscription");
	weir_subscription_options_init(&subscription);
	subscription.name = "bench";
	subscription.topics = topics;
	subscription.topic_count = 1;
	subscription.gate = settings->gate;
	subscription.when_slow = settings->when_slow;
	return weir_subscription_create(run->pipeline, &subscription, &run->subscription,
					&run->stage_problem);
}

static int start_members(struct bench_run *run)
{
	for (uint32_t i = 0; i < run->settings->member_count; i++) {
		snprintf(run->stage, sizeof run->stage, "joining member %u", i + 1);
		int code = bench_member_init(&run->members[i], run, i);
		if (code < 0)
			return code;
	}
	for (uint32_t i = 0; i < run->settings->member_count; i++) {
		struct bench_member *m = &run->members[i];
		int code = pthread_create(&m->thread, NULL, bench_member_main, m);
		if (code != 0)
			return -code;
		m->started = true;
	}
	return 0;
}

/* Until the members own all partitions: before, throughput would be that of some of them. */
static int await_assignment(struct bench_run *run)
{
	uint64_t deadline_ns = bench_now_ns() + run->settings->stall_ns;

	snprintf(run->stage, sizeof run->stage, "waiting for partitions to be assigned");
	for (;;) {
		uint64_t assigned = 0;
		for (uint64_t i = 0; i < run->settings->member_count; i++)
			assigned += wr_load_relaxed(&run->members[i].assigned);
		if (assigned == run->settings->partition_count)
			return 0;
		if (wr_load_relaxed(&run->failed) != 0)
			return bench_failure(run);
		if (interrupted(run))
			return -EINTR;
		if (bench_now_ns() > deadline_ns)
			return -ETIMEDOUT;
		bench_sleep_ns(1000000);
	}
}

static int start_producers(struct bench_run *run)
{
	for (uint32_t i = 0; i < run->settings->producer_count; i++) {
		snprintf(run->stage, sizeof run->stage, "opening producer %u", i + 1);
		int code = bench_producer_init(&run->producers[i], run, i);
		if (code < 0)
			return code;
	}
	run->start_ns = bench_now_ns();
	for (uint32_t i = 0; i < run->settings->producer_count; i++) {
		struct bench_producer *p = &run->producers[i];
		int code = pthread_create(&p->thread, NULL, bench_producer_main, p);
		if (code != 0)
			return -code;
		p->started = true;
	}
	return 0;
}

/* Sleeps until then; false when the run ends before. */
static bool wait_until(struct bench_run *run, uint64_t until_ns)
{
	for (uint32_t ticks = 0;; ticks++) {
		uint64_t now_ns = bench_now_ns();
		if (wr_load_relaxed(&run->failed) != 0 || interrupted(run))
			return false;
		if (now_ns >= until_ns)
			return true;
		if (run->settings->tick != NULL && ticks % CALLBACK_TICKS == 0)
			run->settings->tick(run->settings->tick_context, bench_published(run),
					    bench_handled(run));
		bench_sleep_ns(until_ns - now_ns < TICK_NS ? until_ns - now_ns : TICK_NS);
	}
}

static void join_producers(struct bench_run *run)
{
	wr_store_relaxed(&run->stop, 1);
	for (uint64_t i = 0; i < run->settings->producer_count; i++)
		if (run->producers[i].started) {
			pthread_join(run->producers[i].thread, NULL);
			run->producers[i].started = false;
		}
}

/* Until every member has its progress at the level. The latest of their times, or a code. */
static int await_members(struct bench_run *run, uint64_t *ret_end_ns)
{
	uint64_t deadline_ns = bench_now_ns() + run->settings->stall_ns;
	uint64_t handled = 0;

	for (;;) {
		uint64_t done = 0;
		uint64_t end_ns = 0;
		for (uint64_t i = 0; i < run->settings->member_count; i++) {
			uint64_t at_ns = wr_load_relaxed(&run->members[i].committed_ns);
			done += at_ns != 0;
			end_ns = wr_max_u64(end_ns, at_ns);
		}
		*ret_end_ns = end_ns;
		if (done == run->settings->member_count)
			return 0;
		if (wr_load_relaxed(&run->failed) != 0)
			return bench_failure(run);
		uint64_t now = bench_handled(run);
		if (now != handled) {
			handled = now;
			deadline_ns = bench_now_ns() + run->settings->stall_ns;
		} else if (bench_now_ns() > deadline_ns) {
			return -ETIMEDOUT;
		}
		bench_sleep_ns(200000);
	}
}

static void read_info(struct bench_run *run, struct weir_info *ret_info)
{
	memset(ret_info, 0, sizeof *ret_info);
	ret_info->struct_bytes = sizeof *ret_info;
	if (weir_pipeline_info(run->pipeline, ret_info) < 0)
		snprintf(ret_info->backend, sizeof ret_info->backend, "n/a");
}

static int measure(struct bench_run *run, struct pipeline_result *result)
{
	const struct pipeline_settings *settings = run->settings;
	struct weir_info before;
	uint64_t end_ns = 0;

	snprintf(run->stage, sizeof run->stage, "running");
	wait_until(run, run->start_ns + settings->warmup_ns);
	read_info(run, &before);
	uint64_t from_ns = bench_now_ns();
	uint64_t from_cpu_ns = bench_cpu_ns();
	uint64_t from_events = bench_published(run);
	wr_store_relaxed(&run->measure_from_ns, from_ns);
	wait_until(run, from_ns + settings->length_ns);
	wr_store_relaxed(&run->stop, 1);
	uint64_t stop_ns = bench_now_ns();
	join_producers(run);
	wr_store_relaxed(&run->target, bench_published(run));
	snprintf(run->stage, sizeof run->stage, "draining");
	int code = bench_failure(run);
	if (code == 0)
		code = await_members(run, &end_ns);
	result->cpu_ns = bench_cpu_ns() - from_cpu_ns;
	result->total_events = bench_published(run);
	result->events = result->total_events - from_events;
	result->publish_ns = stop_ns - from_ns;
	result->elapsed_ns = (end_ns != 0 ? end_ns : bench_now_ns()) - from_ns;
	read_info(run, &result->info);
	result->syncs = result->info.syncs - before.syncs;
	result->batches = result->info.batches - before.batches;
	result->batch_bytes = result->info.batch_bytes - before.batch_bytes;
	result->journal_writes = result->info.journal_writes - before.journal_writes;
	result->submissions = result->info.submissions - before.submissions;
	if (settings->measured != NULL)
		settings->measured(settings->measured_context);
	if (code == 0 && interrupted(run))
		code = -EINTR;
	return code;
}

/* What all threads saw, after they have ended. */
static void add_up(struct bench_run *run, struct pipeline_result *result)
{
	const struct pipeline_settings *settings = run->settings;
	struct pipeline_faults *faults = &result->faults;

	for (uint64_t i = 0; i < settings->member_count; i++) {
		const struct bench_member *m = &run->members[i];
		faults->damaged += m->damaged;
		faults->disordered += m->disordered;
		faults->repeated += m->repeated;
		faults->missing += m->missing;
		result->redelivered += m->redelivered;
		if (m->handle != NULL)
			histogram_add(result->handle, m->handle);
	}
	for (uint64_t i = 0; i < settings->producer_count; i++) {
		const struct bench_producer *p = &run->producers[i];
		uint64_t count = 0;
		uint64_t sum = 0;
		for (uint64_t k = 0; k < settings->member_count; k++) {
			count += run->members[k].counts != NULL ? run->members[k].counts[i] : 0;
			sum += run->members[k].sums != NULL ? run->members[k].sums[i] : 0;
		}
		if (count < p->ordinal)
			faults->lost += p->ordinal - count;
		/* As many as were published, but not the same. Sums that wrap compare as well. */
		else if (count > p->ordinal ||
			 sum != (p->ordinal % 2 == 0 ? p->ordinal / 2 * (p->ordinal + 1)
						     : (p->ordinal + 1) / 2 * p->ordinal))
			faults->damaged++;
		faults->refused += p->refused;
		faults->unanswered += p->ordinal - wr_min_u64(p->ordinal, p->acked + p->refused);
		result->ack_samples_dropped += p->samples_dropped;
		if (p->ack != NULL)
			histogram_add(result->ack, p->ack);
	}
}

static int make_run(struct bench_run *run)
{
	const struct pipeline_settings *settings = run->settings;
	size_t member_bytes = settings->member_count * sizeof *run->members;
	size_t producer_bytes = settings->producer_count * sizeof *run->producers;

	run->sample_every = sampling(settings);
	run->measure_from_ns = UINT64_MAX;
	run->target = UINT64_MAX;
	pthread_mutex_init(&run->problem_lock, NULL);
	run->last = calloc(settings->producer_count * settings->partition_count, sizeof *run->last);
	run->members = aligned_alloc(WR_LINE_BYTES, member_bytes);
	run->producers = aligned_alloc(WR_LINE_BYTES, producer_bytes);
	if (run->last == NULL || run->members == NULL || run->producers == NULL)
		return -ENOMEM;
	memset(run->members, 0, member_bytes);
	memset(run->producers, 0, producer_bytes);
	return 0;
}

static void end_run(struct bench_run *run)
{
	const struct pipeline_settings *settings = run->settings;

	if (run->producers != NULL)
		for (uint64_t i = 0; i < settings->producer_count; i++)
			bench_producer_fini(&run->producers[i]);
	if (run->members != NULL)
		for (uint64_t i = 0; i < settings->member_count; i++)
			bench_member_fini(&run->members[i]);
	free(run->producers);
	free(run->members);
	free(run->last);
	pthread_mutex_destroy(&run->problem_lock);
}

int pipeline_run(const struct pipeline_settings *settings, struct pipeline_result *ret_result)
{
	struct bench_run run = {.settings = settings};
	int code = make_run(&run);

	memset(ret_result, 0, sizeof *ret_result);
	ret_result->ack = histogram_create();
	ret_result->handle = histogram_create();
	ret_result->sample_every = run.sample_every;
	if (ret_result->ack == NULL || ret_result->handle == NULL)
		code = -ENOMEM;
	if (code == 0)
		code = open_all(&run);
	if (code == 0)
		code = start_members(&run);
	if (code == 0)
		code = await_assignment(&run);
	if (code == 0)
		code = start_producers(&run);
	if (code == 0)
		code = measure(&run, ret_result);
	/* Whatever happened: nobody may be left running over memory that goes. */
	if (code < 0 && code != -EINTR)
		wr_store_relaxed(&run.failed, 1);
	if (code == -EINTR && wr_load_relaxed(&run.target) == UINT64_MAX)
		wr_store_relaxed(&run.failed, 1);
	if (run.producers != NULL)
		join_producers(&run);
	for (uint64_t i = 0; run.members != NULL && i < settings->member_count; i++)
		if (run.members[i].started)
			pthread_join(run.members[i].thread, NULL);
	if (run.members != NULL && run.producers != NULL && ret_result->handle != NULL &&
	    ret_result->ack != NULL)
		add_up(&run, ret_result);
	ret_result->problem = run.code != 0 ? run.problem : run.stage_problem;
	memcpy(ret_result->what, run.code != 0 ? run.what : run.stage, sizeof ret_result->what);
	end_run(&run);
	int close_code = weir_close(run.pipeline, WEIR_CLOSE_DRAIN, settings->stall_ns, NULL);
	if (code == 0 && close_code < 0) {
		snprintf(ret_result->what, sizeof ret_result->what, "closing the pipeline");
		code = close_code;
	}
	return code;
}
