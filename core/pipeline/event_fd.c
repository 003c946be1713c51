/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of members and producers: signalled once, until their owner arms them again. */
#include "core/pipeline/pipeline.h"

void wr_event_fd_signal(struct weir_pipeline *p, struct wr_event_fd *event)
{
	/* Usually nobody asked for one: one load of a line that does not change. */
	if (WR_LIKELY(wr_load_seq(&event->armed) == 0)) /* E1 */
		return;
	if (wr_exchange_acq_rel(&event->armed, 0u) != 0) /* E1 */
		p->host.event_signal(p->host.context, event->fd);
}

static void signal_those(struct weir_pipeline *p, bool all, enum wr_event_by by)
{
	if (wr_load_seq(&p->events_open) == 0) /* E2 */
		return;
	for (uint32_t i = 0; i < p->options.producers_max + p->options.members_max; i++) {
		struct wr_event_fd *event = &p->events[i];
		/* Armed as seen here: what it waits for was there before. E1 */
		if (wr_load_seq(&event->armed) != 0 &&
		    (all || wr_load_relaxed(&event->by) == (uint32_t)by))
			wr_event_fd_signal(p, event);
	}
}

void wr_event_fds_signal(struct weir_pipeline *p, enum wr_event_by by)
{
	signal_those(p, false, by);
}

void wr_event_fds_signal_all(struct weir_pipeline *p)
{
	signal_those(p, true, WR_EVENT_APART);
}

/*
 * Whose place it is armed its descriptor before it said there what it wants (PK5, PK6): who took
 * that sees the descriptor armed. Others at the place are told in vain.
 */
void wr_event_fds_signal_places(struct weir_pipeline *p, uint64_t places)
{
	if (places == 0 || wr_load_seq(&p->events_open) == 0) /* E2 */
		return;
	for (; places != 0; places &= places - 1)
		for (uint32_t slot = (uint32_t)__builtin_ctzll(places);
		     slot < p->options.members_max; slot += WR_SLEEPER_PLACES)
			wr_event_fd_signal(p, p->members[slot].event);
}

/*
 * Who armed a descriptor sleeps outside, but it is a sleeper all the same, of the symmetric kind
 * (park.h): what descriptors tell is published by wr_publish_round_u64(), and `armed` is stored and
 * looked at seq_cst. One that is armed is armed anew where it waits for others: either they see
 * that, or what they published is seen behind it.
 */
void wr_event_fd_arm(struct wr_event_fd *event, enum wr_event_by by)
{
	if (!event->wanted || (wr_load_relaxed(&event->armed) != 0 &&
			       wr_load_relaxed(&event->by) == (uint32_t)by)) /* own */
		return;
	wr_store_relaxed(&event->by, by); /* published by E1 */
	wr_store_seq(&event->armed, 1u);  /* E1: the caller looks again after this */
}

int wr_event_fd_get(struct weir_pipeline *p, struct wr_event_fd *event, enum wr_event_by by)
{
	if (event->fd < 0) {
		int fd = p->host.event_open(p->host.context);
		if (fd < 0)
			return fd;
		event->fd = fd;
	}
	event->wanted = true;
	wr_add_seq(&p->events_open, 1u); /* E2: before it is armed, for who moves the gates */
	wr_event_fd_arm(event, by);
	/* What came before this call is signalled too: one poll in vain at worst. */
	wr_event_fd_signal(p, event);
	return event->fd;
}

void wr_event_fd_drop(struct wr_event_fd *event)
{
	event->wanted = false;
	wr_store_seq(&event->armed, 0u); /* E1 */
}
