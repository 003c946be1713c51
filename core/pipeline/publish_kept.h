/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps the log going is an event itself, here and there: a position that retention waits for
 * is written anew. Were that data, a log without room for data would wait for it for ever.
 */
#ifndef WR_PIPELINE_PUBLISH_KEPT_H
#define WR_PIPELINE_PUBLISH_KEPT_H

#include <weir/event.h>

struct weir_pipeline;

/*
 * One event, by the lane of control calls, which has all the room that there is (L11); durable when
 * it comes back. The event expects a version of its key. For a few small ones, whose places before
 * are given up then.
 *
 * 0, *ret_sequence; WEIR_E_CONFLICT; -ETIMEDOUT: it may be in the log; WEIR_E_TOO_BIG: some 2 KiB;
 * or why the pipeline refuses it. Thread: any that may call the pipeline.
 */
int wr_publish_kept(struct weir_pipeline *p, const struct weir_event *event, uint64_t timeout_ns,
		    uint64_t *ret_sequence);

#endif
