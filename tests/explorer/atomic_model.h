/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The explorer's side of core/base/atomic.h: the same names, on a memory where a load may choose
 * which store it reads (docs/internals/explorer.md). The sources of weir are compiled with
 * -DWR_EXPLORE and are otherwise the same; they are compiled with -fsanitize=thread, too, and the
 * explorer is the runtime that this calls, so that it sees their plain accesses.
 */
#ifndef WR_EXPLORER_ATOMIC_MODEL_H
#define WR_EXPLORER_ATOMIC_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/explorer/model.h"

/* Structs, so that a use that goes round the names does not compile. */
typedef struct {
	uint32_t value;
} wr_atomic_u32;
typedef struct {
	uint64_t value;
} wr_atomic_u64;
typedef struct {
	void *value;
} wr_atomic_ptr;

/* A site of its own for each use: its address stands in a section that the explorer walks. */
#define WR_MODEL_SITE(kind_, order_, fail_, what_)                                                 \
	static struct explorer_site explorer_site = {.file = __FILE__,                             \
						     .function = __func__,                         \
						     .what = what_,                                \
						     .line = __LINE__,                             \
						     .kind = kind_,                                \
						     .order = order_,                              \
						     .fail_order = fail_,                          \
						     .order_now = order_,                          \
						     .fail_order_now = fail_};                     \
	static struct explorer_site *const explorer_site_at                                        \
		__attribute__((section("explorer_sites"), used)) = &explorer_site;                 \
	(void)explorer_site_at

#define WR_MODEL_LOAD(p, order_, what_)                                                            \
	__extension__({                                                                            \
		WR_MODEL_SITE(KIND_LOAD, order_, ORDER_RELAXED, what_);                            \
		(__typeof__((p)->value))explorer_load(&explorer_site, (p), sizeof *(p));           \
	})
#define WR_MODEL_STORE(p, v, order_, what_)                                                        \
	__extension__({                                                                            \
		WR_MODEL_SITE(KIND_STORE, order_, ORDER_RELAXED, what_);                           \
		explorer_store(&explorer_site, (p), sizeof *(p),                                   \
			       (uint64_t)(__typeof__((p)->value))(v));                             \
	})
#define WR_MODEL_RMW(p, v, op_, order_, what_)                                                     \
	__extension__({                                                                            \
		WR_MODEL_SITE(KIND_RMW, order_, ORDER_RELAXED, what_);                             \
		(__typeof__((p)->value))explorer_rmw(&explorer_site, (p), sizeof *(p), op_,        \
						     (uint64_t)(__typeof__((p)->value))(v));       \
	})
/* A weak one never fails by itself here: it would only be asked again. */
#define WR_MODEL_CAS(p, expected, v, order_, fail_, what_)                                         \
	__extension__({                                                                            \
		WR_MODEL_SITE(KIND_CAS, order_, fail_, what_);                                     \
		uint64_t explorer_found = (uint64_t) * (expected);                                 \
		bool explorer_done =                                                               \
			explorer_cas(&explorer_site, (p), sizeof *(p), &explorer_found,            \
				     (uint64_t)(__typeof__((p)->value))(v));                       \
		if (!explorer_done)                                                                \
			*(expected) = (__typeof__(*(expected)))explorer_found;                     \
		explorer_done;                                                                     \
	})

#define wr_load_relaxed(p) WR_MODEL_LOAD(p, ORDER_RELAXED, "wr_load_relaxed(" #p ")")
#define wr_load_acquire(p) WR_MODEL_LOAD(p, ORDER_ACQUIRE, "wr_load_acquire(" #p ")")
#define wr_load_seq(p) WR_MODEL_LOAD(p, ORDER_SEQ, "wr_load_seq(" #p ")")
#define wr_store_relaxed(p, v) WR_MODEL_STORE(p, v, ORDER_RELAXED, "wr_store_relaxed(" #p ")")
#define wr_store_release(p, v) WR_MODEL_STORE(p, v, ORDER_RELEASE, "wr_store_release(" #p ")")
#define wr_store_seq(p, v) WR_MODEL_STORE(p, v, ORDER_SEQ, "wr_store_seq(" #p ")")
#define wr_add_seq(p, v) WR_MODEL_RMW(p, v, RMW_ADD, ORDER_SEQ, "wr_add_seq(" #p ")")
#define wr_sub_seq(p, v) WR_MODEL_RMW(p, v, RMW_SUB, ORDER_SEQ, "wr_sub_seq(" #p ")")
#define wr_or_seq(p, v) WR_MODEL_RMW(p, v, RMW_OR, ORDER_SEQ, "wr_or_seq(" #p ")")
#define wr_and_seq(p, v) WR_MODEL_RMW(p, v, RMW_AND, ORDER_SEQ, "wr_and_seq(" #p ")")
#define wr_add_relaxed(p, v) WR_MODEL_RMW(p, v, RMW_ADD, ORDER_RELAXED, "wr_add_relaxed(" #p ")")
#define wr_add_acq_rel(p, v) WR_MODEL_RMW(p, v, RMW_ADD, ORDER_ACQ_REL, "wr_add_acq_rel(" #p ")")
#define wr_exchange_acq_rel(p, v)                                                                  \
	WR_MODEL_RMW(p, v, RMW_EXCHANGE, ORDER_ACQ_REL, "wr_exchange_acq_rel(" #p ")")
#define wr_cas_acq_rel(p, expected, v)                                                             \
	WR_MODEL_CAS(p, expected, v, ORDER_ACQ_REL, ORDER_ACQUIRE, "wr_cas_acq_rel(" #p ")")
#define wr_cas_seq(p, expected, v)                                                                 \
	WR_MODEL_CAS(p, expected, v, ORDER_SEQ, ORDER_SEQ, "wr_cas_seq(" #p ")")
#define wr_cas_weak_acq_rel(p, expected, v)                                                        \
	WR_MODEL_CAS(p, expected, v, ORDER_ACQ_REL, ORDER_ACQUIRE, "wr_cas_weak_acq_rel(" #p ")")

#define wr_compiler_barrier()                                                                      \
	__extension__({                                                                            \
		WR_MODEL_SITE(KIND_LIGHT, ORDER_SEQ, ORDER_RELAXED, "wr_compiler_barrier()");      \
		explorer_fence(&explorer_site);                                                    \
	})

#endif
