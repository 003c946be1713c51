/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The explorer's side of include/weir/ring_atomic.h: what that asks of a model checker. It is
 * included before everything else (-include) in the sources that the explorer runs.
 */
#ifndef WR_EXPLORER_RING_MODEL_H
#define WR_EXPLORER_RING_MODEL_H

#include "tests/explorer/atomic_model.h"

#define WEIR_RING_ATOMICS

typedef wr_atomic_u32 weir_ring_u32;
typedef wr_atomic_u64 weir_ring_u64;

#define weir_ring_load_relaxed(p) WR_MODEL_LOAD(p, ORDER_RELAXED, "load_relaxed(" #p ")")
#define weir_ring_load_acquire(p) WR_MODEL_LOAD(p, ORDER_ACQUIRE, "load_acquire(" #p ")")
#define weir_ring_load_seq(p) WR_MODEL_LOAD(p, ORDER_SEQ, "load_seq(" #p ")")
#define weir_ring_store_relaxed(p, v) WR_MODEL_STORE(p, v, ORDER_RELAXED, "store_relaxed(" #p ")")
#define weir_ring_store_release(p, v) WR_MODEL_STORE(p, v, ORDER_RELEASE, "store_release(" #p ")")
#define weir_ring_store_seq(p, v) WR_MODEL_STORE(p, v, ORDER_SEQ, "store_seq(" #p ")")
#define weir_ring_cas_relaxed(p, expected, v)                                                      \
	WR_MODEL_CAS(p, expected, v, ORDER_RELAXED, ORDER_RELAXED, "cas_relaxed(" #p ")")
#define weir_ring_cas_release(p, expected, v)                                                      \
	WR_MODEL_CAS(p, expected, v, ORDER_RELEASE, ORDER_RELAXED, "cas_release(" #p ")")
#define weir_ring_cas_seq(p, expected, v)                                                          \
	WR_MODEL_CAS(p, expected, v, ORDER_SEQ, ORDER_RELAXED, "cas_seq(" #p ")")
#define weir_ring_cas_acq_rel(p, expected, v)                                                      \
	WR_MODEL_CAS(p, expected, v, ORDER_ACQ_REL, ORDER_ACQUIRE, "cas_acq_rel(" #p ")")
#define weir_ring_or_seq(p, v) WR_MODEL_RMW(p, v, RMW_OR, ORDER_SEQ, "or_seq(" #p ")")
#define weir_ring_and_seq(p, v) WR_MODEL_RMW(p, v, RMW_AND, ORDER_SEQ, "and_seq(" #p ")")
#define weir_ring_compiler_barrier()                                                               \
	__extension__({                                                                            \
		WR_MODEL_SITE(KIND_LIGHT, ORDER_SEQ, ORDER_RELAXED, "compiler_barrier()");         \
		explorer_fence(&explorer_site);                                                    \
	})

#endif
