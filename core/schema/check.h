/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a reader read what a writer writes? By Avro's schema resolution, as SchemaCompatibility of
 * its Java library decides it.
 *
 * Recursive types: a pair is compatible unless something says that it is not. That is the largest
 * fixed point: all pairs begin as compatible, and are looked at again until nothing changes. (Java
 * keeps the verdict of a pair that was reached while another one was still open, which can be wrong
 * for types that recurse through the branch of a union.)
 */
#ifndef WR_SCHEMA_CHECK_H
#define WR_SCHEMA_CHECK_H

#include "core/schema/pairs.h"

/* int to long and so on; both of primitive types, and different. */
bool wr_schema_promotes(uint8_t writer, uint8_t reader);

/*
 * All pairs that count for the two roots, each with its verdict; the roots are pair 0. 0, or a
 * negative code. wr_pairs_fini() either way.
 */
int wr_check(struct wr_pairs *p, const struct weir_schema *r, const struct weir_schema *w);

/* Tells what stands in the way of pair 0. 0 or a negative code. */
int wr_check_tell(struct wr_pairs *p, const struct weir_schema_issue *issue,
		  weir_schema_issue_fn *on_issue, void *context);

/*
 * STRICT, of a new schema and the one before it: 1, 0, or a negative code.
 */
int wr_strict(const struct weir_schema *next, const struct weir_schema *old,
	      const struct weir_schema_issue *issue, weir_schema_issue_fn *on_issue, void *context);

#endif
