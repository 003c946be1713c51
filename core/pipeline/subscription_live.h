/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription is while the pipeline is open; the log holds the rest. */
#ifndef WR_PIPELINE_SUBSCRIPTION_LIVE_H
#define WR_PIPELINE_SUBSCRIPTION_LIVE_H

#include <weir/subscription.h>

#include "core/group/group.h"
#include "core/log/catalog.h"
#include "core/pipeline/failures.h"

struct wr_sharing;
struct wr_copier;

/* What a row of it has still to process, as far as that is counted (lag.c). */
struct wr_lag_count {
	uint64_t from_seq, end_seq; /* what is still to be walked over; from == end: nothing */
	int64_t events, bytes;      /* counted so far, less what is settled of it already */
	/* H4: 1: of a filtered subscription: the router counts what comes from end_seq on. */
	wr_atomic_u32 routed;
	int64_t ahead_events, ahead_bytes; /* of `events` and `bytes`, what it has counted */
	wr_atomic_u64 told_seq;            /* H4: the walk is here; UINT64_MAX: through */
	bool lost; /* some of it left the log uncounted: lag is not exact until it begins anew */
	/*
	 * H4, for any thread: events and bytes as above (two's complement), and the row's anew_seq
	 * that they are complete for.
	 */
	wr_atomic_u64 told_events, told_bytes;
	wr_atomic_u64 complete_for;
	uint64_t
		settled_to; /* nothing unsettled lies below, where a topic can grow; as of a look */
	uint64_t empty_to;  /* nor below this, of any topic; 0 when counting begins anew */
};

/* The walk for the oldest unsettled event (lag_oldest.c), all of it the group step's. */
struct wr_lag_scan {
	uint64_t from_seq; /* below it nothing is unsettled; 0: the walk begins anew */
	uint64_t next_seq; /* nor below this; where it was found, or is looked for next */
	bool found;
	bool passed_over;   /* some that are unsettled, as they are gone: not by what was found */
	uint32_t row;       /* of what was found; WR_LAG_DAMAGED: it cannot be read */
	uint64_t retry_ns;  /* when what cannot be read is tried again */
	uint64_t looked_to; /* what was visible at the last look */
	uint64_t told_to;   /* what it told holds for all up to here, if it is exact */
};

#define WR_LAG_DAMAGED UINT32_MAX

struct wr_subscription_live {
	wr_atomic_u32 started; /* X1: its group exists */
	struct wr_group group;
	struct wr_group_ports ports;
	struct weir_pipeline *pipeline;
	uint32_t id;
	uint64_t recovered_end; /* events below may have been handed out by an earlier run */
	uint32_t topic_partitions[WR_SUBSCRIPTION_TOPICS_MAX]; /* laid out */
	uint32_t topic_in_force[WR_SUBSCRIPTION_TOPICS_MAX];   /* as its group knows */
	uint32_t topic_made_with[WR_SUBSCRIPTION_TOPICS_MAX];
	bool can_grow;          /* some topic of it */
	uint64_t growths_seen;  /* of the catalog's, by its group */
	uint32_t *row_of_topic; /* [topics_max] first row of a topic, UINT32_MAX: not read */
	uint64_t *told_from;    /* [row_count] nothing below is unsettled; its owner began there */
	size_t anew_bytes;
	struct wr_lag_count *anew; /* [row_count] counted from a seek's target to its record */
	/* Options of this run: set by weir_subscription_create, read by steps and members. */
	wr_atomic_u32 gate;      /* enum weir_level */
	wr_atomic_u32 when_slow; /* enum weir_when_slow */
	wr_atomic_u32 holds;     /* it keeps a place, for nobody: no lag */
	wr_atomic_u32 assignor;  /* enum weir_assignor, which is enum wr_assignor */
	wr_atomic_u64 session_timeout_ns;
	wr_atomic_u64 lag_events_max;
	wr_atomic_u64 lag_time_max_ns;
	struct wr_failures failures; /* what becomes of events that fail, by any order */
	/* Under the registry lock. */
	void (*lag_fn)(void *context, uint32_t subscription, const struct weir_lag *lag,
		       bool above);
	void *lag_context;
	bool lag_above;
	uint64_t sought_to; /* the group's: a seek left what is below, and not all of it is counted;
	                       0: it is */
	uint64_t detachments; /* the group's: times that it was too slow (WEIR_SLOW_DETACH) */
	/* Requests to the group step, made under the control lock; the last one counts. */
	wr_atomic_u64 seek_asked;    /* W1: counts requests; seek_position is set before */
	wr_atomic_u64 seek_done;     /* W1: requests up to this one are ordered, or were replaced */
	uint64_t seek_taken;         /* the group's: the request that it is at */
	wr_atomic_u64 seek_position; /* may be a later request's already: that is taken next */
	wr_atomic_u32 seek_oldest;   /* likewise: 1: to the oldest that there is */
	/* Lag, published by the group step. */
	wr_atomic_u64 lag_oldest_us;  /* append time of the oldest unsettled event; 0: none */
	wr_atomic_u32 lag_time_exact; /* H6: 1: it was found, as of the last look */
	struct wr_lag_scan scan;
	struct wr_sharing *sharing; /* NULL: not shared, or not started */
	struct wr_copier *copier;   /* NULL: it is not one of weir's own that copies */
	wr_atomic_ptr route;        /* RT0: struct wr_route; NULL: it has no filter */
	wr_atomic_ptr transforms;   /* MT1: struct wr_member_transform, the newest; NULL: none */
	uint64_t passed_ns;         /* when it was looked for because that is waited for (ER2) */
	uint64_t passed_seq;        /* the end when what nobody needs was passed over last */
	uint64_t oldest_us;         /* of lag_oldest_us: the group's own */
};

#endif
