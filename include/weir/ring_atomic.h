/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The atomics of the rings: what C11's <stdatomic.h> says, in the compilers' own words, because a
 * program in C++17 cannot include <stdatomic.h>. Not for programs: weir/ring.h includes it.
 *
 * Everything that the rings share between threads goes through these names and no other. A model
 * checker defines WEIR_RING_ATOMICS, the two types and every macro below before weir/ring.h is
 * included, and runs the real sources of the rings (include/weir/ring*.h, core/ring/) on its own
 * memory. Labels and their partners: docs/internals/memory-model.md.
 */
#ifndef WEIR_RING_ATOMIC_H
#define WEIR_RING_ATOMIC_H

#include <weir/base.h>

#ifndef WEIR_RING_ATOMICS
#define WEIR_RING_ATOMICS

typedef uint32_t weir_ring_u32;
typedef uint64_t weir_ring_u64;

#define weir_ring_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define weir_ring_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define weir_ring_load_seq(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define weir_ring_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define weir_ring_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define weir_ring_store_seq(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)

/* *expected becomes what was found where it fails, then relaxed (acquire in the last). */
#define weir_ring_cas_relaxed(p, expected, v)                                                      \
	__atomic_compare_exchange_n((p), (expected), (v), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define weir_ring_cas_seq(p, expected, v)                                                          \
	__atomic_compare_exchange_n((p), (expected), (v), true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define weir_ring_cas_acq_rel(p, expected, v)                                                      \
	__atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

#define weir_ring_or_seq(p, v) __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define weir_ring_and_seq(p, v) __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)

/* Keeps the compiler from moving accesses; the CPU's half is done by the sleeper. */
#define weir_ring_compiler_barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
#endif
