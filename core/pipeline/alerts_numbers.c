/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that rules of alerts look at. */
#include "core/base/bits.h"
#include "core/pipeline/alerts.h"
#include "core/pipeline/metrics.h"
#include "core/pipeline/sharing.h"

/* A group step that is this late, by its rounds of metrics, is one that has work to do. */
#define GROUP_LATE_NS (3ull * WR_METRICS_INTERVAL_NS)

static bool waits_for_writer(struct weir_pipeline *p)
{
	bool waits = false;

	for (uint32_t i = 0; i < p->lane_count && !waits; i++) {
		struct wr_lane *lane = &p->lanes[i];
		uint64_t head = wr_load_acquire(&lane->head);            /* A2 */
		waits = wr_load_acquire(&lane->state) == WR_LANE_OPEN && /* S1 */
			wr_load_acquire(&lane->tail) != head;            /* A1 */
	}
	return waits;
}

void wr_alerts_look_at_steps(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_alerts *a = &p->metrics->alerts;
	struct wr_writer_stats *stats = &p->writer.stats;
	/* A round that is held back is one: producers wait then, and the writer does not. */
	uint64_t rounds = wr_load_relaxed(&stats->rounds);
	uint64_t durable = p->journal != NULL ? wr_load_acquire(&p->link.durable_seq) /* D1 */
					      : UINT64_MAX;
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	uint32_t group_round = wr_load_relaxed(&p->round);

	if (!a->looked || rounds != a->taken_rounds || !waits_for_writer(p))
		a->taken_ns = now_ns;
	if (!a->looked || durable >= visible || durable != a->durable_seq)
		a->durable_ns = now_ns;
	/*
	 * It goes round whatever there is to do: it writes the metrics. What this thread has not
	 * seen, in a process that was stopped, or for want of a CPU, does not count.
	 */
	if (!a->looked || group_round != a->group_round)
		a->group_ns = now_ns;
	else if (now_ns - a->looked_ns > WR_METRICS_INTERVAL_NS)
		a->group_ns += now_ns - a->looked_ns - WR_METRICS_INTERVAL_NS;
	a->looked = true;
	a->looked_ns = now_ns;
	a->taken_rounds = rounds;
	a->durable_seq = durable;
	a->group_round = group_round;
	uint64_t group_age = now_ns - a->group_ns;
	uint64_t pack_age = p->journal != NULL ? wr_journal_pack_inside_ns(p->journal, now_ns) : 0;
	a->stuck_ns = wr_max_u64(wr_max_u64(now_ns - a->taken_ns, now_ns - a->durable_ns),
				 wr_max_u64(group_age > GROUP_LATE_NS ? group_age : 0, pack_age));
}

/* What it gave up of its events, whatever became of them. */
static uint64_t given_up(struct wr_subscription_live *live)
{
	const struct wr_sharing *sharing = live->sharing;
	return wr_load_relaxed(&live->failures.buried) +
	       (sharing != NULL ? wr_load_relaxed(&sharing->dropped) : 0);
}

/* Of its members the one that has not come back for longest, from a handler or to a poll. */
static uint64_t idle_age(struct weir_pipeline *p, uint32_t id, uint64_t now_ns)
{
	uint64_t oldest_ns = 0;

	for (uint32_t i = 0; i < p->options.members_max; i++) {
		struct weir_member *m = &p->members[i];
		uint32_t state = wr_load_acquire(&m->state); /* M1 */
		if ((state != WR_MEMBER_JOINED && state != WR_MEMBER_LEAVING) ||
		    m->subscription != id)
			continue;
		uint64_t polled_ns = wr_load_relaxed(&m->polled_ns); /* WR_POLLED_NOW: it waits */
		if (polled_ns < now_ns)
			oldest_ns = wr_max_u64(oldest_ns, now_ns - polled_ns);
	}
	return oldest_ns;
}

/* While the oldest is looked for, an age that is high enough raises a rule, and none clears it. */
static bool is_age_known(const struct weir_lag *lag, const struct wr_alert_marks *marks)
{
	return lag->time_exact || lag->time_ns >= marks->raise_at;
}

bool wr_alert_number(struct weir_pipeline *p, struct wr_alert *alert,
		     const struct wr_alert_marks *marks, uint32_t id, uint64_t now_ns,
		     uint64_t *ret_value)
{
	enum weir_alert_kind kind = marks->kind;
	struct wr_sharing *sharing = p->subscriptions[id].sharing;
	struct weir_lag lag;

	switch (kind) {
	case WEIR_ALERT_LAG_EVENTS:
	case WEIR_ALERT_LAG_BYTES:
	case WEIR_ALERT_LAG_AGE:
	case WEIR_ALERT_PARKED:
		wr_lag_of_look(p, id, &lag);
		if (!lag.exact && kind != WEIR_ALERT_PARKED)
			return false;
		if (kind == WEIR_ALERT_LAG_AGE && !is_age_known(&lag, marks))
			return false;
		*ret_value = kind == WEIR_ALERT_LAG_EVENTS  ? lag.events
			     : kind == WEIR_ALERT_LAG_BYTES ? lag.bytes
			     : kind == WEIR_ALERT_LAG_AGE   ? lag.time_ns
							    : lag.parked;
		return true;
	case WEIR_ALERT_DEAD_LETTERS:
		*ret_value = wr_alert_last_minute(&alert->window, given_up(&p->subscriptions[id]),
						  now_ns);
		return true;
	case WEIR_ALERT_LEASE_AGE:
		if (sharing != NULL)
			*ret_value = wr_share_lease_age_ns(&sharing->share, now_ns);
		return sharing != NULL;
	case WEIR_ALERT_FREE_BYTES:
		*ret_value = p->metrics->free_bytes;
		return p->metrics->free_bytes != 0 || p->metrics->free_is_known;
	case WEIR_ALERT_STUCK_AGE:
		*ret_value = p->metrics->alerts.stuck_ns;
		return true;
	case WEIR_ALERT_IDLE_AGE:
		*ret_value = idle_age(p, id, now_ns);
		return true;
	case WEIR_ALERT_BRIDGE_DOWN:
	case WEIR_ALERT_BRIDGE_DEAD_LETTERS:
	case WEIR_ALERT_BRIDGE_STUCK_AGE:
		break; /* wr_alert_bridge_number() */
	}
	return false;
}

static uint64_t since(uint64_t ns, uint64_t now_ns)
{
	return ns != 0 && now_ns > ns ? now_ns - ns : 0;
}

uint64_t wr_alert_bridge_number(struct wr_alert *alert, enum weir_alert_kind kind,
				const struct wr_bridge_told *told, uint64_t now_ns)
{
	if (kind == WEIR_ALERT_BRIDGE_DEAD_LETTERS)
		return wr_alert_last_minute(&alert->window, told->dead_letters, now_ns);
	return since(kind == WEIR_ALERT_BRIDGE_DOWN ? told->down_ns : told->step_ns, now_ns);
}
