/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long what a member does takes, for metrics: until an event is delivered, is handled, is
 * settled. Sampled (core/base/sampler.h): the member's thread tells of some, by a ring of its
 * slot's, and the group step counts them in the subscription's histograms with each round of
 * metrics. Behind a full ring the next sample stands for what was left out.
 *
 * Thread: the member's; wr_member_times_take(): the group step's.
 */
#ifndef WR_PIPELINE_MEMBER_TIMES_H
#define WR_PIPELINE_MEMBER_TIMES_H

#include "core/pipeline/pipeline.h"

enum wr_time_kind { WR_TIME_DELIVERY = 0, WR_TIME_HANDLER, WR_TIME_SOJOURN, WR_TIME_KINDS };

struct wr_time_sample {
	uint64_t ns;
	uint32_t weight;
	uint32_t subscription;
	enum wr_time_kind kind;
};

#define WR_TIME_SAMPLES 256u

struct wr_member_times {
	struct wr_spsc ring; /* member → group step; from one occupant to the next by M1 */
	struct wr_time_sample samples[WR_TIME_SAMPLES];
};

/* A slot's new occupant. */
void wr_member_times_begin(struct weir_member *m);
/* The oldest that was told; false: there is none. Once the member's thread is gone, too. */
bool wr_member_times_take(struct wr_member_times *t, struct wr_time_sample *ret_sample);

/*
 * When the batch of an item, which it stands at, was on the medium, by the monotonic clock; 0: it
 * comes from there, or nobody waited for that.
 */
uint64_t wr_member_durable_ns(struct weir_member *m, const struct weir_item *item);

void wr_member_tell_delivered(struct weir_member *m, const struct weir_item *items, uint32_t count);
void wr_member_tell_settled(struct weir_member *m, uint64_t append_time_us);
void wr_member_tell_handled(struct weir_member *m, uint64_t ns);

/* A poll's items; what they lie in is pinned. */
static inline void wr_member_delivered(struct weir_member *m, const struct weir_item *items,
				       uint32_t count)
{
	uint32_t round = wr_load_relaxed(&m->pipeline->round);

	m->delivered += count;
	wr_store_relaxed(&m->delivered_told, m->delivered);
	m->picked_us = items[count / 2].append_time_us;
	/* So that an acknowledgement need not look at the round. */
	wr_sampler_see(&m->settling, m->settled, round);
	wr_sampler_see(&m->handling, m->handled, round);
	if (WR_UNLIKELY(wr_sampler_is_due(&m->delivering, m->delivered, round)))
		wr_member_tell_delivered(m, items, count);
}

/* At each flush: what was settled since is on its way to the log, or waits for room in the lane. */
static inline void wr_member_tell_count(struct weir_member *m)
{
	wr_store_relaxed(&m->settled_told, m->settled);
}

/* Events acknowledged, by the append time of one of them. */
static inline void wr_member_settled(struct weir_member *m, uint64_t events,
				     uint64_t append_time_us)
{
	m->settled += events;
	if (WR_UNLIKELY(m->settled >= m->settling.next))
		wr_member_tell_settled(m, append_time_us);
}

static inline void wr_member_handled(struct weir_member *m, uint64_t ns)
{
	if (WR_UNLIKELY(++m->handled >= m->handling.next))
		wr_member_tell_handled(m, ns);
}

#endif
