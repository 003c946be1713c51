/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal benchmark's conductor: opens, fills the files, runs one load after the other. See
 * journal.h.
 *
 * Failure modes: a producer that fails, and acknowledgements that stop coming, end the load with
 * that code; producers are joined in any case.
 *
 * Thread: the caller's.
 */
#include "bench/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/harness.h"

#define LOG_NAME "bench-log"
#define JOURNAL_NAME "bench-journal"
#define TICK_NS 10000000u
#define CLOSE_NS 20000000000ull
#define QUIET_NS 120000000u /* longer than weir's evidence_delay_ns */
#define QUIET_MAX_NS 10000000000ull

static bool interrupted(const struct journal_bench *bench)
{
	wr_atomic_u32 *flag = bench->settings.interrupted;

	return flag != NULL && wr_load_relaxed(flag) != 0;
}

/* --- counters -------------------------------------------------------------------------------- */

/* What the process had written to block devices; 0 where the kernel does not tell. */
static uint64_t process_write_bytes(void)
{
	char line[128];
	unsigned long long bytes = 0;
	FILE *f = fopen("/proc/self/io", "re");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "write_bytes: %llu", &bytes) == 1)
			break;
	(void)fclose(f);
	return bytes;
}

/* Of a thread that ends meanwhile it is what the thread itself said. */
static uint64_t producer_cpu_ns(const struct journal_producer *p)
{
	struct timespec t;
	clockid_t clock;
	bool told = pthread_getcpuclockid(p->thread, &clock) == 0 && clock_gettime(clock, &t) == 0;
	uint64_t at_end_ns = wr_load_relaxed(&p->cpu_ns);

	if (at_end_ns != 0 || !told)
		return at_end_ns;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct counters {
	uint64_t at_ns;
	uint64_t acked;
	uint64_t process_cpu_ns;
	uint64_t producer_cpu_ns;
	uint64_t log_cpu_ns;
	uint64_t journal_cpu_ns;
	uint64_t write_bytes;
	struct weir_info info;
};

static void read_info(struct journal_bench *bench, struct weir_info *info)
{
	memset(info, 0, sizeof *info);
	info->struct_bytes = sizeof *info;
	(void)!weir_pipeline_info(bench->pipeline, info);
}

static void read_counters(struct journal_bench *bench, uint32_t producer_count, struct counters *c)
{
	*c = (struct counters){.at_ns = 0};
	for (uint32_t i = 0; i < producer_count; i++) {
		c->acked += wr_load_relaxed(&bench->producers[i].acked);
		c->producer_cpu_ns += producer_cpu_ns(&bench->producers[i]);
	}
	c->at_ns = bench_now_ns();
	c->process_cpu_ns = bench_cpu_ns();
	c->write_bytes = process_write_bytes();
	read_info(bench, &c->info);
	for (uint32_t i = 0; i < c->info.thread_count; i++) {
		const struct weir_thread_info *t = &c->info.threads[i];
		if (strcmp(t->name, LOG_NAME) == 0)
			c->log_cpu_ns = t->cpu_ns;
		else if (strcmp(t->name, JOURNAL_NAME) == 0)
			c->journal_cpu_ns = t->cpu_ns;
	}
}

static void subtract(const struct counters *from, const struct counters *to,
		     struct journal_round *round)
{
	round->elapsed_ns = to->at_ns - from->at_ns;
	round->cpu_events = to->acked - from->acked;
	round->log_cpu_ns = to->log_cpu_ns - from->log_cpu_ns;
	round->journal_cpu_ns = to->journal_cpu_ns - from->journal_cpu_ns;
	round->producer_cpu_ns = to->producer_cpu_ns - from->producer_cpu_ns;
	uint64_t known_ns = round->log_cpu_ns + round->journal_cpu_ns + round->producer_cpu_ns;
	uint64_t process_ns = to->process_cpu_ns - from->process_cpu_ns;
	round->other_cpu_ns = process_ns > known_ns ? process_ns - known_ns : 0;
	round->batches = to->info.batches - from->info.batches;
	round->batch_bytes = to->info.batch_bytes - from->info.batch_bytes;
	round->writes = to->info.journal_writes - from->info.journal_writes;
	round->syncs = to->info.syncs - from->info.syncs;
	round->process_write_bytes = to->write_bytes - from->write_bytes;
}

/* --- open and close -------------------------------------------------------------------------- */

static void make_options(const struct journal_settings *s, struct weir_options *o)
{
	weir_options_init(o);
	o->name = "bench";
	o->dir = s->dir;
	o->io = s->io;
	o->segment_bytes = s->segment_bytes;
	o->retention_bytes = s->retention_bytes;
	o->producers_max = JOURNAL_PRODUCERS_MAX;
	if (s->undurable_bytes != 0)
		o->undurable_bytes = s->undurable_bytes;
	if (s->lane_bytes != 0)
		o->lane_bytes = (uint32_t)s->lane_bytes;
	if (s->batches_in_flight != 0)
		o->batches_in_flight_max = (uint32_t)s->batches_in_flight;
	o->pool_bytes = wr_max_u64(o->pool_bytes, 2 * o->undurable_bytes);
	o->log.wait = s->wait;
	o->journal.wait = s->wait;
	o->group.wait = s->wait;
	(void)snprintf(o->log.name, sizeof o->log.name, "%s", LOG_NAME);
	(void)snprintf(o->journal.name, sizeof o->journal.name, "%s", JOURNAL_NAME);
}

int journal_bench_open(const struct journal_settings *settings, struct journal_bench **ret_bench,
		       struct weir_problem *problem)
{
	struct journal_bench *bench = aligned_alloc(WR_LINE_BYTES, sizeof *bench);
	struct weir_options options;
	struct weir_topic_options topic;

	if (bench == NULL)
		return -ENOMEM;
	memset(bench, 0, sizeof *bench);
	bench->settings = *settings;
	make_options(settings, &options);
	int code = weir_open(&options, &bench->pipeline, problem);
	if (code == 0) {
		weir_topic_options_init(&topic);
		topic.name = "bench";
		code = weir_topic_create(bench->pipeline, &topic, &bench->topic, problem);
	}
	if (code < 0) {
		(void)journal_bench_close(bench);
		return code;
	}
	*ret_bench = bench;
	return 0;
}

int journal_bench_close(struct journal_bench *bench)
{
	int code = 0;

	if (bench == NULL)
		return 0;
	if (bench->pipeline != NULL)
		code = weir_close(bench->pipeline, WEIR_CLOSE_DRAIN, CLOSE_NS, NULL);
	free(bench);
	return code;
}

void journal_bench_info(struct journal_bench *bench, struct journal_bench_info *ret_info)
{
	struct weir_info info;

	read_info(bench, &info);
	*ret_info = (struct journal_bench_info){.journal_thread = false};
	(void)snprintf(ret_info->backend, sizeof ret_info->backend, "%s", info.backend);
	(void)snprintf(ret_info->engine, sizeof ret_info->engine, "%s", info.engine);
	(void)snprintf(ret_info->reason, sizeof ret_info->reason, "%s", info.backend_reason);
	for (uint32_t i = 0; i < info.thread_count; i++)
		ret_info->journal_thread |= strcmp(info.threads[i].name, JOURNAL_NAME) == 0;
}

/* --- a load ---------------------------------------------------------------------------------- */

/* Sleeps until then; false when the load ends before. */
static bool wait_until(const struct journal_bench *bench, uint64_t until_ns)
{
	for (uint64_t now_ns = bench_now_ns(); now_ns < until_ns; now_ns = bench_now_ns()) {
		if (interrupted(bench) || wr_load_relaxed(&bench->stop) != 0)
			return false;
		bench_sleep_ns(wr_min_u64(until_ns - now_ns, TICK_NS));
	}
	return true;
}

static int start_producers(struct journal_bench *bench, const struct journal_load *load)
{
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < load->producer_count; i++)
		code = journal_producer_init(&bench->producers[i], bench, load, i);
	bench->start_ns = bench_now_ns();
	bench->from_ns = bench->start_ns + load->warmup_ns;
	bench->to_ns = bench->from_ns + load->length_ns;
	for (uint32_t i = 0; code == 0 && i < load->producer_count; i++) {
		struct journal_producer *p = &bench->producers[i];
		p->measure_from_ns = bench->from_ns;
		code = -pthread_create(&p->thread, NULL, journal_producer_main, p);
		p->started = code == 0;
	}
	return code;
}

/* Joins and adds up; the first code of a producer, if one failed. */
static int end_producers(struct journal_bench *bench, const struct journal_load *load,
			 struct journal_round *round)
{
	int code = 0;

	for (uint32_t i = 0; i < load->producer_count; i++) {
		struct journal_producer *p = &bench->producers[i];
		if (p->started)
			(void)pthread_join(p->thread, NULL);
		if (p->ack != NULL && round->ack != NULL)
			histogram_add(round->ack, p->ack);
		round->events += p->measured;
		round->late_count += p->late_count;
		code = code == 0 ? p->code : code;
		journal_producer_fini(p);
	}
	return code;
}

int journal_bench_run(struct journal_bench *bench, const struct journal_load *load,
		      struct journal_round *ret_round)
{
	struct journal_round round = {.ack = ret_round->ack};
	struct counters from, to;

	wr_store_relaxed(&bench->stop, 0u);
	bench->producers =
		aligned_alloc(WR_LINE_BYTES, load->producer_count * sizeof *bench->producers);
	if (bench->producers == NULL)
		return -ENOMEM;
	memset(bench->producers, 0, load->producer_count * sizeof *bench->producers);
	int code = start_producers(bench, load);
	bool whole = code == 0 && wait_until(bench, bench->from_ns);
	if (whole) {
		read_counters(bench, load->producer_count, &from);
		whole = wait_until(bench, bench->to_ns);
	}
	if (whole) {
		read_counters(bench, load->producer_count, &to);
		subtract(&from, &to, &round);
	}
	/* With a rate, producers end by themselves with the last event that is due. */
	if (!whole || load->rate == JOURNAL_SATURATED)
		wr_store_relaxed(&bench->stop, 1u);
	int producer_code = end_producers(bench, load, &round);
	free(bench->producers);
	bench->producers = NULL;
	if (load->rate == JOURNAL_SATURATED)
		round.events = round.cpu_events;
	if (code == 0)
		code = producer_code;
	if (code == 0 && !whole)
		code = -EINTR;
	*ret_round = round;
	return code;
}

/* Until the process writes nothing for a while: segments that are made ahead, the last evidence. */
static void wait_quiet(const struct journal_bench *bench)
{
	uint64_t end_ns = bench_now_ns() + QUIET_MAX_NS;
	uint64_t before = UINT64_MAX;

	while (!interrupted(bench) && bench_now_ns() < end_ns) {
		uint64_t now = process_write_bytes();
		if (now == before)
			break;
		before = now;
		bench_sleep_ns(QUIET_NS);
	}
}

int journal_bench_fill(struct journal_bench *bench, uint64_t time_max_ns)
{
	uint64_t end_ns = bench_now_ns() + time_max_ns;
	const struct journal_load load = {
		.rate = JOURNAL_SATURATED, .producer_count = 1, .length_ns = 20000000};
	struct weir_info info;
	int code;

	do {
		struct journal_round round = {.ack = NULL};
		code = journal_bench_run(bench, &load, &round);
		read_info(bench, &info);
	} while (code == 0 && info.segments_recycled < 2 && bench_now_ns() < end_ns);
	wait_quiet(bench);
	return code;
}
