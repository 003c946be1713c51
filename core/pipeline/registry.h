/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry as a running pipeline has it: the log's table (core/log/schemas.h), and beside it
 * what was read of each schema. That comes from the allocator when a schema is registered, or at
 * open, on the thread that does that; so publish and poll find it ready.
 *
 *   SC4  a type's pointer (under the control lock, or at open): who sees it sees the schema whole.
 *        It stays until the pipeline goes
 */
#ifndef WR_PIPELINE_REGISTRY_H
#define WR_PIPELINE_REGISTRY_H

#include <weir/registry.h>

#include "core/pipeline/pipeline.h"
#include "core/pipeline/registry_text.h"

struct wr_known_schema {
	struct weir_schema *schema;
	struct weir_resolver
		*check; /* from itself to itself: NULL if it cannot be made, or is JSON */
};

/* Reads what recovery found. What cannot be read is said, and not known. */
int wr_registry_open(struct weir_pipeline *p);
void wr_registry_close(struct weir_pipeline *p);

/* NULL: not there, or not read yet. */
static inline const struct wr_known_schema *wr_registry_known(struct weir_pipeline *p,
							      uint32_t type)
{
	return p->known != NULL && type <= p->options.schemas_max
		       ? wr_load_acquire(&p->known[type]) /* SC4 */
		       : NULL;
}

/*
 * A schema from its text and what that refers to. A block that wr_registry_forget() frees.
 */
int wr_registry_read(struct weir_pipeline *p, const struct wr_schema_text *text,
		     struct wr_known_schema **ret_known, struct weir_problem *reterr_problem);
void wr_registry_forget(struct weir_pipeline *p, struct wr_known_schema *known);
/* Under the control lock: known from now on, if it is not already; it is taken in any case. */
void wr_registry_keep(struct weir_pipeline *p, uint32_t type, struct wr_known_schema *known);

/* Under the control lock: knows it from the log's table, where whoever registered it did not wait
 * for the answer. */
void wr_registry_know(struct weir_pipeline *p, uint32_t type);

/* wr_control_lock() and wr_control_call() for as long as weir_registry_timeout_set() says. */
int wr_registry_lock(struct weir_pipeline *p);
int wr_registry_call(struct weir_pipeline *p, const void *record, struct wr_reply *ret_reply);

/* A version, for who asks. */
void wr_registry_tell(struct weir_pipeline *p, uint32_t entry,
		      struct weir_schema_version *ret_version);

#endif
