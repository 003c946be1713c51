/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control calls: what changes the tables of a pipeline is a record that its caller hands to the
 * writer, by the one lane that all of them share, one call at a time under the control lock.
 *
 * Who gives up waiting leaves an answer behind, which the next call passes over: what was asked for
 * may still be done.
 */
#ifndef WR_PIPELINE_CONTROL_H
#define WR_PIPELINE_CONTROL_H

#include "core/log/lane.h"

struct weir_pipeline;

void wr_control_lock(struct weir_pipeline *p);
/* The same within a time: 0, -ETIMEDOUT, or why the pipeline refuses. */
int wr_control_lock_for(struct weir_pipeline *p, uint64_t timeout_ns);
void wr_control_unlock(struct weir_pipeline *p);

/*
 * Hands one control record to the writer and waits for the answer, and until that answer may be
 * told (ordered, and durable with a journal): the reply's code. `record` is a lane record.
 */
int wr_control_call(struct weir_pipeline *p, const void *record, uint32_t bytes,
		    struct wr_reply *ret_reply);
/* The same within a time. -ETIMEDOUT: with a ticket in the reply it was ordered, and that is what
 * is not known to be durable; without one nothing is known. */
int wr_control_call_for(struct weir_pipeline *p, const void *record, uint32_t bytes,
			uint64_t timeout_ns, struct wr_reply *ret_reply);

#endif
