/* SPDX-License-Identifier: Apache-2.0 */
/* See bench/ring.h. */
#include "bench/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "bench/harness.h"
#include "core/base/pause.h"

#define ring_add_acq_rel(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)

const char *const ring_shape_names[RING_SHAPES + 1] = {"spsc", "mpsc",      "spmc",
						       "mpmc", "multicast", NULL};
const char *const ring_wait_names[] = {"default", "spin", "adaptive", "yield", "park"};

void ring_cell_sides(struct ring_cell *cell, uint32_t many_producers, uint32_t many_consumers)
{
	bool many_push = cell->shape == RING_MPSC || cell->shape == RING_MPMC;
	bool many_pop = cell->shape != RING_SPSC && cell->shape != RING_MPSC;
	cell->producers = many_push ? many_producers : 1;
	cell->consumers = many_pop ? many_consumers : 1;
}

uint32_t ring_cpus_allowed(uint32_t *cpus, uint32_t most)
{
	cpu_set_t allowed;
	uint32_t count = 0;
	if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
		return 0;
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE && count < most; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[count++] = cpu;
	return count;
}

int ring_thread_place(pid_t thread, const uint32_t *cpus, uint32_t cpu_count, uint32_t nth,
		      bool pin, bool fifo)
{
	struct sched_param priority = {.sched_priority = 1};
	cpu_set_t one;
	int code = 0;
	if (pin && cpu_count > 0) {
		CPU_ZERO(&one);
		CPU_SET(cpus[nth % cpu_count], &one);
		if (sched_setaffinity(thread, sizeof one, &one) != 0)
			code = -errno;
	}
	/* Refused without the right to: the run is then what it would be without. */
	if (fifo)
		(void)sched_setscheduler(thread, SCHED_FIFO, &priority);
	return code;
}

void ring_pause(void)
{
	wr_pause();
}

/* Every thread is there before any starts. */
static void meet(struct ring_run *run)
{
	(void)ring_add_acq_rel(&run->ready, 1u);
	while (weir_ring_load_acquire(&run->go) == 0)
		(void)sched_yield();
}

bool ring_takes_fifo(const struct ring_run *run)
{
	return run->fifo && run->cell.producers + run->cell.consumers <= run->cpu_count;
}

static void *produce(void *argument)
{
	struct ring_side *s = argument;
	struct ring_run *run = s->run;
	(void)ring_thread_place(0, run->cpus, run->cpu_count, s->index, run->pin,
				ring_takes_fifo(run));
	meet(run);
	if (!run->thwarted)
		run->peer->produce(s);
	if (ring_add_acq_rel(&run->left, UINT32_MAX) == 1)
		run->peer->finish(run);
	return NULL;
}

static void *consume(void *argument)
{
	struct ring_side *s = argument;
	struct ring_run *run = s->run;
	(void)ring_thread_place(0, run->cpus, run->cpu_count, run->cell.producers + s->index,
				run->pin, ring_takes_fifo(run));
	meet(run);
	run->peer->consume(s);
	return NULL;
}

/* Counts, sums and order. */
int ring_judge(struct ring_run *run, uint64_t start_ns)
{
	uint64_t pushed = 0, pushed_sum = 0, popped = 0, popped_sum = 0, faults = 0, end_ns = 0;
	bool each = run->cell.shape == RING_MULTICAST;
	for (uint32_t i = 0; i < run->cell.producers; i++) {
		pushed += run->producers[i].count;
		pushed_sum += run->producers[i].sum;
		faults += run->producers[i].faults;
	}
	for (uint32_t i = 0; i < run->cell.consumers; i++) {
		const struct ring_side *s = &run->consumers[i];
		popped += s->count;
		popped_sum += s->sum;
		faults += s->faults + (each && (s->count != pushed || s->sum != pushed_sum));
		end_ns = wr_max_u64(end_ns, s->end_ns);
	}
	if (!each && (popped != pushed || popped_sum != pushed_sum))
		faults++;
	run->items = pushed;
	run->mops = (double)pushed * 1e3 / (double)wr_max_u64(end_ns - start_ns, 1);
	return faults == 0 ? 0 : -EPROTO;
}

static uint32_t start_all(struct ring_run *run, pthread_t *threads)
{
	uint32_t started = 0;
	for (uint32_t i = 0; i < run->cell.consumers; i++)
		if (pthread_create(&threads[started], NULL, consume, &run->consumers[i]) == 0)
			started++;
	for (uint32_t i = 0; i < run->cell.producers; i++)
		if (pthread_create(&threads[started], NULL, produce, &run->producers[i]) == 0)
			started++;
	return started;
}

int ring_run(struct ring_run *run)
{
	pthread_t threads[2 * RING_SIDE_MAX];
	uint32_t wanted = run->cell.producers + run->cell.consumers;
	struct sched_param above = {.sched_priority = 2}, none = {0};

	for (uint32_t i = 0; i < RING_SIDE_MAX; i++) {
		run->producers[i] = (struct ring_side){.run = run, .index = i};
		run->consumers[i] = (struct ring_side){.run = run, .index = i};
	}
	run->why[0] = '\0';
	run->cpu_count = ring_cpus_allowed(run->cpus, WR_ARRAY_COUNT(run->cpus));
	if (run->peer->run != NULL)
		return run->peer->run(run);
	weir_ring_store_relaxed(&run->ready, 0u);
	weir_ring_store_relaxed(&run->go, 0u);
	weir_ring_store_relaxed(&run->stop, 0u);
	weir_ring_store_relaxed(&run->finished, 0u);
	weir_ring_store_relaxed(&run->left, run->cell.producers);
	int code = run->peer->open(run);
	if (code < 0)
		return code;
	/* Above the threads that it has to start and to stop. */
	if (ring_takes_fifo(run))
		(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &above);
	uint32_t started = start_all(run, threads);
	while (weir_ring_load_acquire(&run->ready) < started)
		bench_sleep_ns(100000);
	/* Who is missing was refused by the system: let the others end at once. */
	run->thwarted = started < wanted;
	if (run->thwarted)
		run->peer->finish(run);
	uint64_t start_ns = bench_now_ns();
	weir_ring_store_release(&run->go, 1u);
	if (started == wanted)
		bench_sleep_ns(run->length_ns);
	weir_ring_store_relaxed(&run->stop, 1u);
	for (uint32_t i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	if (ring_takes_fifo(run))
		(void)pthread_setschedparam(pthread_self(), SCHED_OTHER, &none);
	code = started < wanted ? -EAGAIN : ring_judge(run, start_ns);
	run->peer->close(run);
	return code;
}
