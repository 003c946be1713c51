/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to C11 atomics. Nothing else in weir includes <stdatomic.h>, so that a model can be
 * put behind these names and the real sources run on it (-DWR_EXPLORE: docs/internals/explorer.md).
 *
 * Every use has a label that names its partner, by folder (docs/internals/memory-model.md).
 * No fences (ThreadSanitizer cannot see them), no volatile, no unlabelled seq_cst.
 */
#ifndef WR_BASE_ATOMIC_H
#define WR_BASE_ATOMIC_H

#ifdef WR_EXPLORE
#include "tests/explorer/atomic_model.h"
#else

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic(uint32_t) wr_atomic_u32;
typedef _Atomic(uint64_t) wr_atomic_u64;
typedef _Atomic(void *) wr_atomic_ptr;

#define wr_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define wr_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define wr_load_seq(p) atomic_load_explicit((p), memory_order_seq_cst)
#define wr_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define wr_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define wr_store_seq(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)

/* Read-modify-write, for cold paths and shared lanes only: the hot path has none. */
#define wr_add_seq(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define wr_sub_seq(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_seq_cst)
#define wr_or_seq(p, v) atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define wr_and_seq(p, v) atomic_fetch_and_explicit((p), (v), memory_order_seq_cst)
#define wr_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define wr_add_acq_rel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define wr_exchange_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define wr_cas_acq_rel(p, expected, v)                                                             \
	atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acq_rel,        \
						memory_order_acquire)
#define wr_cas_seq(p, expected, v)                                                                 \
	atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_seq_cst,        \
						memory_order_seq_cst)
#define wr_cas_weak_acq_rel(p, expected, v)                                                        \
	atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_acq_rel,          \
					      memory_order_acquire)

/* Keeps the compiler from moving accesses; the CPU's half is done by the sleeper (park.h). */
#define wr_compiler_barrier() atomic_signal_fence(memory_order_seq_cst)

#endif /* WR_EXPLORE */
#endif
