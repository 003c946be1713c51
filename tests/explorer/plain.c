/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain memory. The sources are compiled with -fsanitize=thread, and these are the functions that
 * such code calls, in place of ThreadSanitizer's runtime: so each plain access of the real
 * sources is seen.
 *
 * Plain memory is real memory; executions are replayed in an order that follows from their graph,
 * so what a plain load finds is right as long as there is no race. For each byte the last load
 * and store of each thread is remembered by how many events of its thread came before it. An
 * access is ordered behind an earlier one when the thread's hb clock has the event that came
 * after that; if it is not, and one of the two stores, that is a data race. Atomic accesses count
 * as well against plain ones.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/explorer/engine.h"
#include "tests/explorer/plain.h"

#define SLOTS 8192u

enum access { PLAIN_LOAD = 0, PLAIN_STORE, ATOMIC_LOAD, ATOMIC_STORE, ACCESS_KINDS };

/* Eight bytes of memory. */
struct shadow {
	uintptr_t key;
	uint64_t run;
	uint16_t when[ACCESS_KINDS][THREADS_MAX][8]; /* events before it + 1; 0: none */
	uint16_t last[ACCESS_KINDS][THREADS_MAX];    /* the largest of the eight */
	const void *from[ACCESS_KINDS][THREADS_MAX];
};

static struct shadow shadows[SLOTS];
static unsigned shadow_count;

static const char *const words[ACCESS_KINDS] = {"load", "store", "atomic load", "atomic store"};

void plain_reset(void)
{
	/* The table is emptied by the number of the run. */
	shadow_count = 0;
}

static struct shadow *shadow_of(uintptr_t key)
{
	unsigned i = (unsigned)((key * 0x9e3779b97f4a7c15ull) >> 40) % SLOTS;
	for (;; i = (i + 1) % SLOTS) {
		struct shadow *s = &shadows[i];
		if (s->run != run.number) {
			WR_ASSERT(++shadow_count < SLOTS / 2);
			s->run = run.number;
			s->key = key;
			memset(s->when, 0, sizeof s->when);
			memset(s->last, 0, sizeof s->last);
			return s;
		}
		if (s->key == key)
			return s;
	}
}

static void race(const struct shadow *s, enum access kind, unsigned thread, enum access now,
		 const void *from)
{
	char what[EXPLORER_WHAT_BYTES], first[64], second[64];
	report_place(first, sizeof first, s->from[kind][thread], kind >= ATOMIC_LOAD);
	report_place(second, sizeof second, from, now >= ATOMIC_LOAD);
	(void)snprintf(what, sizeof what, "data race: T%u's %s at %s and T%u's %s at %s", thread,
		       words[kind], first, run.current, words[now], second);
	explore_bug(what);
}

/* Whether two of these kinds conflict: one of them stores, and one of them is plain. */
static bool conflicts(unsigned a, unsigned b)
{
	return (a % 2 == 1 || b % 2 == 1) && (a < ATOMIC_LOAD || b < ATOMIC_LOAD);
}

static void look(struct shadow *s, unsigned first, unsigned end, enum access now, const void *from)
{
	const struct run_thread *me = &run.threads[run.current];
	for (unsigned t = 0; t < run.thread_count; t++) {
		if (t == run.current)
			continue;
		for (unsigned kind = 0; kind < ACCESS_KINDS; kind++) {
			if (s->last[kind][t] <= me->hb[t] || !conflicts(kind, now))
				continue;
			for (unsigned b = first; b < end; b++)
				if (s->when[kind][t][b] > me->hb[t])
					race(s, (enum access)kind, t, now, from);
		}
	}
	for (unsigned b = first; b < end; b++)
		s->when[now][run.current][b] = (uint16_t)(me->played + 1u);
	s->last[now][run.current] = (uint16_t)(me->played + 1u);
	s->from[now][run.current] = from;
}

static void touch(const void *place, size_t bytes, enum access kind, const void *from)
{
	if (!run.in_threads || threads_is_stack(place))
		return;
	uintptr_t at = (uintptr_t)place, end = at + bytes;
	while (at < end) {
		uintptr_t next = (at | 7u) + 1;
		unsigned first = at & 7u, last = next < end ? 8u : (unsigned)(end - (next - 8));
		look(shadow_of(at >> 3), first, last, kind, from);
		at = next;
	}
}

void plain_atomic(const void *place, unsigned bytes, bool is_store, const void *from)
{
	touch(place, bytes, is_store ? ATOMIC_STORE : ATOMIC_LOAD, from);
}

#define FROM __builtin_return_address(0)

#define PLAIN_HOOKS(bytes)                                                                         \
	void __tsan_read##bytes(void *p)                                                           \
	{                                                                                          \
		touch(p, bytes, PLAIN_LOAD, FROM);                                                 \
	}                                                                                          \
	void __tsan_write##bytes(void *p)                                                          \
	{                                                                                          \
		touch(p, bytes, PLAIN_STORE, FROM);                                                \
	}                                                                                          \
	void __tsan_unaligned_read##bytes(void *p)                                                 \
	{                                                                                          \
		touch(p, bytes, PLAIN_LOAD, FROM);                                                 \
	}                                                                                          \
	void __tsan_unaligned_write##bytes(void *p)                                                \
	{                                                                                          \
		touch(p, bytes, PLAIN_STORE, FROM);                                                \
	}

PLAIN_HOOKS(1)
PLAIN_HOOKS(2)
PLAIN_HOOKS(4)
PLAIN_HOOKS(8)
PLAIN_HOOKS(16)

void __tsan_read_range(void *p, size_t bytes)
{
	touch(p, bytes, PLAIN_LOAD, FROM);
}

void __tsan_write_range(void *p, size_t bytes)
{
	touch(p, bytes, PLAIN_STORE, FROM);
}

void *explorer_memcpy(void *to, const void *from, size_t bytes)
{
	touch(from, bytes, PLAIN_LOAD, FROM);
	touch(to, bytes, PLAIN_STORE, FROM);
	return memcpy(to, from, bytes);
}

void *explorer_memset(void *to, int byte, size_t bytes)
{
	touch(to, bytes, PLAIN_STORE, FROM);
	return memset(to, byte, bytes);
}

void __tsan_init(void)
{
}

void __tsan_func_entry(void *from)
{
	(void)from;
}

void __tsan_func_exit(void)
{
}
