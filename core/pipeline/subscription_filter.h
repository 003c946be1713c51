/* SPDX-License-Identifier: Apache-2.0 */
/* Control calls that give a subscription a filter: among the files of subscriptions. */
#ifndef WR_PIPELINE_SUBSCRIPTION_FILTER_H
#define WR_PIPELINE_SUBSCRIPTION_FILTER_H

#include <weir/filtering.h>

#include "core/pipeline/route_rules.h"
#include "core/pipeline/router.h"
#include "core/record/filter_record.h"

/* What a queue that refuses what is too much may not have. */
#define WR_REFUSES_WITHOUT                                                                         \
	"a queue that refuses what is too much has no filter: the writer would have to ask it; a " \
	"topic of its own, filled by a binding, comes to the same"

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

/* Whether it is the one in force. To want everything is what a subscription without one does. */
bool wr_filter_call_is_the_same(const struct weir_pipeline *p, const struct wr_filter_call *call,
				uint32_t id);
/* Compiles all that the log has with these, and has the router take that. */
int wr_filters_compile(struct weir_pipeline *p, const struct wr_rules_pendings *pendings,
		       struct weir_problem *problem);

/* ---- several, one after the other (subscription_many.c) ---- */

/* What can be said of a subscription before it is made. */
struct wr_filter_wish {
	struct wr_filter_call call;
	const char *name; /* NULL: a topic of it is not there */
	bool has_filter;
	uint32_t topic_count; /* of one that is not there yet */
	uint32_t topics[WR_SUBSCRIPTION_TOPICS_MAX];
};

/* How each of a list is made: by its index. */
struct wr_filter_many {
	/* What the options say of themselves, into `call`, which is ended for it. */
	int (*read)(struct weir_pipeline *p, void *context, uint32_t index,
		    struct wr_filter_wish *wish, struct weir_problem *problem);
	/* The rest of the wish; under the control lock, as the next one. */
	void (*wish)(struct weir_pipeline *p, void *context, uint32_t index,
		     struct wr_filter_wish *wish);
	int (*make)(struct weir_pipeline *p, void *context, uint32_t index,
		    const struct wr_filter_wish *wish, struct weir_problem *problem);
	void *context;
};

/*
 * All of them, in their order, with their filters compiled at once. 0, or what is wrong with the
 * one at *ret_index, before which all are made; or with all of them, before any is.
 */
int wr_filters_make_many(struct weir_pipeline *p, const struct wr_filter_many *many, uint32_t count,
			 uint32_t *ret_index, struct weir_problem *problem);

/* ---- one ---- */

/* Of a subscription that is there: the whole change, if it is one. Under the control lock. */
int wr_filter_call_change(struct weir_pipeline *p, const struct wr_filter_call *call, uint32_t id,
			  uint64_t *ret_sequence, struct weir_problem *problem);

/* 0, or what is wrong with options that need no look at what there is (subscription.c). */
int wr_subscription_check(struct weir_pipeline *p, const struct weir_subscription_options *o,
			  struct weir_problem *problem);
/*
 * Makes a subscription, or finds it; under the control lock (subscription.c). `wants`: with the
 * filter of the call; else without one, or with the one that it has.
 */
int wr_subscription_make(struct weir_pipeline *p, const struct weir_subscription_options *o,
			 const struct wr_filter_call *call, bool wants, uint32_t *ret_id,
			 struct weir_problem *problem);

/* The public struct as the record has it; NULL: everything. 0, -EINVAL, WEIR_E_TOO_BIG. */
int wr_filter_view_of(const struct weir_subscription_filter *filter, struct wr_filter_view *ret,
		      struct weir_problem *problem);

#endif
