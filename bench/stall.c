/* SPDX-License-Identifier: Apache-2.0 */
/* See stall.h: the stop, the watching, the run. */
#include "bench/stall.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/harness.h"

const char *const stall_who_names[STALL_WHO + 1] = {"producer", "consumer", "writer", NULL};
const char *const stall_watcher_names[STALL_WATCHERS] = {"producers", "consumers",
							 "consumers_of_stopped"};

/* For the handler: the run that there is. */
static struct stall *running;

static void on_stall(int signal_number)
{
	struct stall *s = running;
	int kept_errno = errno;
	uint64_t from_ns = bench_now_ns();
	uint64_t end_ns = from_ns + s->settings->stop_ns;
	const struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000u),
				     .tv_nsec = (long)(end_ns % 1000000000u)};

	(void)signal_number;
	wr_store_relaxed(&s->from_ns, from_ns);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) {
	}
	wr_store_relaxed(&s->to_ns, bench_now_ns());
	errno = kept_errno;
}

void stall_hold(struct stall_thread *t)
{
	struct stall *s = t->stall;

	if (!t->stopped || t->held || wr_load_relaxed(&s->asked) == 0)
		return;
	t->held = true;
	wr_store_relaxed(&s->holding, 1u);
	while (wr_load_relaxed(&s->to_ns) == 0 && wr_load_relaxed(&s->stop) == 0)
		(void)sched_yield();
}

void stall_fail(struct stall *s, int code)
{
	wr_store_relaxed(&s->failed, (uint32_t)code);
	wr_store_relaxed(&s->stop, 1u);
	wr_store_relaxed(&s->drained, 1u);
}

void stall_begin(struct stall_thread *t)
{
	struct stall *s = t->stall;

	(void)ring_thread_place(0, s->cpus, s->cpu_count, t->place, s->settings->pin, false);
	while (wr_load_acquire(&s->go) == 0)
		bench_sleep_ns(100000);
}

bool stall_until(struct stall *s, uint64_t due_ns)
{
	while (wr_load_relaxed(&s->stop) == 0) {
		if (bench_now_ns() >= due_ns)
			return true;
		(void)sched_yield();
	}
	return false;
}

void stall_record(struct stall_thread *t, enum stall_watcher watcher, uint64_t due_ns,
		  uint64_t now_ns)
{
	struct stall *s = t->stall;
	struct stall_watch *w = t->watches[watcher];
	uint64_t latency_ns = now_ns > due_ns ? now_ns - due_ns : 1;
	uint64_t window = (now_ns - s->start_ns) / STALL_WINDOW_NS;

	histogram_record(wr_load_relaxed(&s->from_ns) == 0 ? w->before : w->since, latency_ns);
	if (window < STALL_WINDOWS && latency_ns > w->worst[window])
		w->worst[window] = latency_ns;
}

void stall_consumed(struct stall_thread *t, const struct stall_item *item, uint64_t now_ns)
{
	const struct stall *s = t->stall;
	bool of_stopped =
		item->producer < s->producer_count && s->producers[item->producer].stopped;

	t->count++;
	t->sum += item->producer * 1000003u + item->number;
	if (!t->stopped)
		stall_record(t, of_stopped ? STALL_POP_OF_STOPPED : STALL_POP, item->due_ns,
			     now_ns);
}

bool stall_has(uint32_t shape, enum stall_who who)
{
	return who != STALL_WRITER || shape == STALL_PIPELINE;
}

uint64_t stall_recovery_ns(const uint64_t *worst, uint32_t window_count, uint64_t to_ns,
			   uint64_t limit_ns)
{
	uint64_t recovered_ns = to_ns;
	uint32_t good = 0;

	for (uint64_t w = to_ns / STALL_WINDOW_NS; w < window_count; w++) {
		if (worst[w] == 0)
			continue;
		if (worst[w] > limit_ns) {
			recovered_ns = (w + 1) * STALL_WINDOW_NS;
			good = 0;
		} else if (++good == STALL_GOOD_WINDOWS) {
			return recovered_ns - to_ns;
		}
	}
	return STALL_NEVER;
}

/* --- the run --------------------------------------------------------------------------------- */

static bool make_thread(struct stall *s, struct stall_thread *t, uint32_t index, uint32_t place,
			bool stopped)
{
	*t = (struct stall_thread){.stall = s, .index = index, .place = place, .stopped = stopped};
	for (uint32_t i = 0; i < STALL_WATCHERS; i++) {
		struct stall_watch *w = calloc(1, sizeof *w);
		t->watches[i] = w;
		if (w == NULL)
			return false;
		w->before = histogram_create();
		w->since = histogram_create();
		if (w->before == NULL || w->since == NULL)
			return false;
	}
	return true;
}

static void free_thread(struct stall_thread *t)
{
	for (uint32_t i = 0; i < STALL_WATCHERS; i++) {
		if (t->watches[i] == NULL)
			continue;
		histogram_destroy(t->watches[i]->before);
		histogram_destroy(t->watches[i]->since);
		free(t->watches[i]);
	}
}

static bool make_threads(struct stall *s)
{
	enum stall_who who = s->settings->who;
	uint32_t place = 0;
	bool good = true;

	for (uint32_t i = 0; i < s->producer_count; i++)
		good &= make_thread(s, &s->producers[i], i, place++,
				    who == STALL_PRODUCER && i == 0);
	for (uint32_t i = 0; i < s->consumer_count; i++)
		good &= make_thread(s, &s->consumers[i], i, place++,
				    who == STALL_CONSUMER && i == 0);
	return good & make_thread(s, &s->writer, 0, place, who == STALL_WRITER);
}

static void start(struct stall *s, struct stall_thread *t, void *(*entry)(void *))
{
	int code = pthread_create(&t->thread, NULL, entry, t);

	t->started = code == 0;
	if (code != 0)
		stall_fail(s, -code);
}

static void join(struct stall_thread *t)
{
	if (t->started)
		(void)pthread_join(t->thread, NULL);
	t->started = false;
}

static struct stall_thread *stopped_thread(struct stall *s)
{
	return s->settings->who == STALL_PRODUCER   ? &s->producers[0]
	       : s->settings->who == STALL_CONSUMER ? &s->consumers[0]
						    : &s->writer;
}

static bool going(struct stall *s)
{
	return wr_load_relaxed(&s->failed) == 0;
}

/* The stop itself: brought to its place, stopped, and awake again. */
static void stop_it(struct stall *s)
{
	struct stall_thread *t = stopped_thread(s);

	wr_store_relaxed(&s->asked, 1u);
	while (going(s) && s->settings->who != STALL_WRITER && wr_load_relaxed(&s->holding) == 0)
		bench_sleep_ns(50000);
	if (!going(s))
		return;
	(void)pthread_kill(t->thread, STALL_SIGNAL);
	while (going(s) && wr_load_relaxed(&s->to_ns) == 0)
		bench_sleep_ns(50000);
}

static void conduct(struct stall *s, const struct stall_kind *kind)
{
	int code = kind->open(s);
	if (code < 0)
		stall_fail(s, code);
	else if (kind->write != NULL)
		start(s, &s->writer, kind->write);
	for (uint32_t i = 0; code == 0 && i < s->consumer_count; i++)
		start(s, &s->consumers[i], kind->consume);
	/* Members that have no partitions yet would see everything late. */
	while (code == 0 && going(s) && kind->write != NULL &&
	       wr_load_relaxed(&s->assigned) < s->consumer_count)
		bench_sleep_ns(1000000);
	s->start_ns = bench_now_ns();
	for (uint32_t i = 0; code == 0 && i < s->producer_count; i++)
		start(s, &s->producers[i], kind->produce);
	wr_store_release(&s->go, 1u);
	if (going(s))
		bench_sleep_ns(s->settings->before_ns);
	stop_it(s);
	if (going(s))
		bench_sleep_ns(s->settings->after_ns);
	wr_store_relaxed(&s->stop, 1u);
	for (uint32_t i = 0; i < s->producer_count; i++)
		join(&s->producers[i]);
	if (code == 0)
		kind->finish(s);
	for (uint32_t i = 0; i < s->consumer_count; i++)
		join(&s->consumers[i]);
	if (kind->leave != NULL && code == 0)
		kind->leave(s);
	wr_store_relaxed(&s->writer_stop, 1u);
	join(&s->writer);
}

/* Every consumer that sees everything, or all together, what was pushed. */
static int judge(const struct stall *s)
{
	bool each = s->settings->shape == RING_MULTICAST;
	uint64_t pushed = 0, pushed_sum = 0, seen = 0, seen_sum = 0;

	for (uint32_t i = 0; i < s->producer_count; i++) {
		pushed += s->producers[i].count;
		pushed_sum += s->producers[i].sum;
	}
	for (uint32_t i = 0; i < s->consumer_count; i++) {
		seen += s->consumers[i].count;
		seen_sum += s->consumers[i].sum;
	}
	uint64_t times = each ? s->consumer_count : 1;
	return seen == pushed * times && seen_sum == pushed_sum * times ? 0 : -EPROTO;
}

static void add_watch(const struct stall_thread *t, uint32_t watcher, struct histogram *before,
		      struct histogram *since, struct stall_seen *seen)
{
	const struct stall_watch *w = t->watches[watcher];

	if (w == NULL)
		return;
	histogram_add(before, w->before);
	histogram_add(since, w->since);
	for (uint32_t i = 0; i < STALL_WINDOWS; i++)
		seen->worst[i] = wr_max_u64(seen->worst[i], w->worst[i]);
}

static int add_up(const struct stall *s, struct stall_result *result)
{
	struct histogram *before = histogram_create(), *since = histogram_create();
	bool good = before != NULL && since != NULL;

	for (uint32_t k = 0; good && k < STALL_WATCHERS; k++) {
		struct stall_seen *seen = &result->seen[k];
		histogram_reset(before);
		histogram_reset(since);
		for (uint32_t i = 0; i < s->producer_count; i++)
			add_watch(&s->producers[i], k, before, since, seen);
		for (uint32_t i = 0; i < s->consumer_count; i++)
			add_watch(&s->consumers[i], k, before, since, seen);
		seen->before_count = before->count;
		seen->before_p50 = histogram_quantile(before, 500000);
		seen->before_p99 = histogram_quantile(before, 990000);
		seen->count = since->count;
		seen->p50 = histogram_quantile(since, 500000);
		seen->p99 = histogram_quantile(since, 990000);
		seen->p999 = histogram_quantile(since, 999000);
		seen->p9999 = histogram_quantile(since, 999900);
		seen->greatest = histogram_quantile(since, 1000000);
		seen->recovery_ns = stall_recovery_ns(seen->worst, result->window_count,
						      result->to_ns, 2 * seen->before_p99);
	}
	histogram_destroy(before);
	histogram_destroy(since);
	return good ? 0 : -ENOMEM;
}

static void count_windows(const struct stall *s, struct stall_result *result)
{
	uint64_t windows = (bench_now_ns() - s->start_ns) / STALL_WINDOW_NS + 1;

	result->from_ns = wr_load_relaxed(&s->from_ns) - s->start_ns;
	result->to_ns = wr_load_relaxed(&s->to_ns) - s->start_ns;
	result->window_count = (uint32_t)wr_min_u64(windows, STALL_WINDOWS);
}

int stall_run(const struct stall_settings *settings, struct stall_result *ret_result)
{
	const struct stall_kind *kind =
		settings->shape == STALL_PIPELINE ? &stall_kind_pipeline : &stall_kind_ring;
	struct ring_cell cell = {.shape = (enum ring_shape)settings->shape};
	struct sigaction action = {.sa_handler = on_stall}, old_action;
	struct stall *s = aligned_alloc(WR_LINE_BYTES, wr_round_up(sizeof *s, WR_LINE_BYTES));

	if (s == NULL)
		return -ENOMEM;
	memset(s, 0, sizeof *s);
	memset(ret_result, 0, sizeof *ret_result);
	s->settings = settings;
	if (settings->shape == STALL_PIPELINE)
		cell.producers = cell.consumers = 2;
	else
		ring_cell_sides(&cell, 2, 2);
	s->producer_count = cell.producers;
	s->consumer_count = cell.consumers;
	s->cpu_count = ring_cpus_allowed(s->cpus, WR_ARRAY_COUNT(s->cpus));
	running = s;
	int code = make_threads(s) ? 0 : -ENOMEM;
	if (code == 0) {
		(void)sigaction(STALL_SIGNAL, &action, &old_action);
		conduct(s, kind);
		count_windows(s, ret_result);
		code = (int)wr_load_relaxed(&s->failed);
		int close_code = kind->close(s);
		code = code == 0 ? close_code : code;
		(void)sigaction(STALL_SIGNAL, &old_action, NULL);
	}
	if (code == 0)
		code = judge(s);
	if (code == 0)
		code = add_up(s, ret_result);
	for (uint32_t i = 0; i < 2; i++) {
		free_thread(&s->producers[i]);
		free_thread(&s->consumers[i]);
	}
	free_thread(&s->writer);
	free(s);
	return code;
}
