/* SPDX-License-Identifier: Apache-2.0 */
/* Control calls that give a subscription a filter: among the files of subscriptions. */
#ifndef WR_PIPELINE_SUBSCRIPTION_FILTER_H
#define WR_PIPELINE_SUBSCRIPTION_FILTER_H

#include <weir/filtering.h>

#include "core/pipeline/router.h"
#include "core/record/filter_record.h"

/* Where a control record of `payload_bytes` and a name is put together. */
struct wr_filter_call {
	uint8_t *record; /* room for the record; NULL: none was taken */
	size_t record_bytes;
	uint8_t *filter; /* in it: where the payload of a FILTER record goes, encoded */
	uint32_t filter_bytes;
	bool copies; /* it wants what nobody else does */
	bool binds;  /* it is a binding's */
};

/*
 * Checks a filter (NULL: everything is wanted) and puts it together in memory of its own; `before`
 * bytes of payload may go in front of it. 0, -EINVAL, WEIR_E_TOO_BIG, -ENOMEM.
 */
int wr_filter_call_begin(struct weir_pipeline *p, const struct weir_subscription_filter *filter,
			 struct wr_filter_call *ret, struct weir_problem *problem);
/* The same of one that is as the record has it. */
int wr_filter_call_of(struct weir_pipeline *p, const struct wr_filter_view *filter,
		      struct wr_filter_call *ret, struct weir_problem *problem);
void wr_filter_call_end(struct weir_pipeline *p, struct wr_filter_call *call);

/*
 * Compiles it with all others and has the router take that, before its record is in the log. The
 * subscription is `id`, or will be. Under the control lock.
 */
int wr_filter_call_compile(struct weir_pipeline *p, const struct wr_filter_call *call, uint32_t id,
			   const uint32_t *topics, uint32_t topic_count,
			   struct weir_problem *problem);

/* Of a subscription that is there: the whole change, if it is one. Under the control lock. */
int wr_filter_call_change(struct weir_pipeline *p, const struct wr_filter_call *call, uint32_t id,
			  uint64_t *ret_sequence, struct weir_problem *problem);

/*
 * Makes a subscription with the filter of the call, or finds it and changes that; under the control
 * lock (subscription.c).
 */
int wr_subscription_create_filtered(struct weir_pipeline *p,
				    const struct weir_subscription_options *o,
				    const struct wr_filter_call *call, uint32_t *ret_id,
				    struct weir_problem *problem);

/* The public struct as the record has it; NULL: everything. 0, -EINVAL, WEIR_E_TOO_BIG. */
int wr_filter_view_of(const struct weir_subscription_filter *filter, struct wr_filter_view *ret,
		      struct weir_problem *problem);

#endif
