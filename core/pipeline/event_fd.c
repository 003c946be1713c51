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

void wr_event_fds_signal(struct weir_pipeline *p, bool by_journal)
{
	if (wr_load_seq(&p->events_open) == 0) /* E2 */
		return;
	for (uint32_t i = 0; i < p->options.producers_max + p->options.members_max; i++) {
		struct wr_event_fd *event = &p->events[i];
		/* Armed as seen here: by_journal was there before. E1 */
		if (wr_load_seq(&event->armed) != 0 &&
		    (wr_load_relaxed(&event->by_journal) != 0) == by_journal)
			wr_event_fd_signal(p, event);
	}
}

/*
 * Who armed a descriptor sleeps outside, but it is a sleeper all the same, of the symmetric kind
 * (park.h): what descriptors tell is published by wr_publish_round_u64(), and `armed` is stored and
 * looked at seq_cst.
 */
void wr_event_fd_arm(struct wr_event_fd *event)
{
	if (!event->wanted || wr_load_relaxed(&event->armed) != 0)
		return;
	wr_store_seq(&event->armed, 1u); /* E1: the caller looks again after this */
}

int wr_event_fd_get(struct weir_pipeline *p, struct wr_event_fd *event, bool by_journal)
{
	if (event->fd < 0) {
		int fd = p->host.event_open(p->host.context);
		if (fd < 0)
			return fd;
		event->fd = fd;
	}
	event->wanted = true;
	wr_store_relaxed(&event->by_journal, by_journal ? 1u : 0u); /* published by E1 */
	wr_add_seq(&p->events_open, 1u); /* E2: before it is armed, for who moves the gates */
	wr_event_fd_arm(event);
	/* What came before this call is signalled too: one poll in vain at worst. */
	wr_event_fd_signal(p, event);
	return event->fd;
}

void wr_event_fd_drop(struct wr_event_fd *event)
{
	event->wanted = false;
	wr_store_seq(&event->armed, 0u); /* E1 */
}
