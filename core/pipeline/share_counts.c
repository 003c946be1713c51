/* SPDX-License-Identifier: Apache-2.0 */
/* What a shared subscription has in hand, as the group's step has left it. */
#include <errno.h>

#include "core/pipeline/sharing.h"

int weir_queue_counts(struct weir_pipeline *p, uint32_t subscription, struct weir_queue_counts *ret)
{
	/* X1: not started, it is being made just now. */
	if (subscription >= wr_catalog_subscription_count(&p->tables.catalog) ||
	    wr_load_acquire(&p->subscriptions[subscription].started) == 0)
		return WEIR_E_UNKNOWN_NAME;
	struct wr_sharing *sharing = p->subscriptions[subscription].sharing;
	if (sharing == NULL)
		return -EINVAL;
	uint64_t in[WR_SHARE_STATES];
	for (uint32_t i = 0; i < WR_SHARE_STATES; i++)
		in[i] = wr_load_relaxed(&sharing->in_state[i]);
	*ret = (struct weir_queue_counts){
		.ready = in[WR_SHARE_READY],
		.leased = in[WR_SHARE_LEASED],
		.delayed = in[WR_SHARE_DELAYED],
		.behind = in[WR_SHARE_BEHIND],
		.dying = in[WR_SHARE_DEAD],
		.parked = in[WR_SHARE_PARKED],
		.moving = in[WR_SHARE_MARKED] + in[WR_SHARE_ASKED] + in[WR_SHARE_ANSWERED] +
			  in[WR_SHARE_UNDURABLE] + in[WR_SHARE_CARRIED],
		.overflowed = wr_load_relaxed(&sharing->overflowed),
		.expired = wr_load_relaxed(&sharing->expired),
		.dropped = wr_load_relaxed(&sharing->dropped),
		.refused = wr_load_relaxed(&p->tables.lengths.of[subscription].refused),
	};
	return 0;
}
