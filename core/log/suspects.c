/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/suspects.h"

#include <weir/error.h>

#include "core/base/bug.h"

#define CRASHES_ALONE 2u

struct wr_suspects wr_suspects_after(const struct wr_outstanding *o, uint32_t id, bool crashed)
{
	const struct wr_outstanding_list *list = &o->lists[id];
	bool any = list->first != WR_NO_ENTRY;
	bool suspects = any && o->entries[list->first].seq < list->suspects_end;
	struct wr_suspects after = {.end = list->suspects_end,
				    .crashes = list->crashes,
				    .forgiven = list->forgiven != 0};
	if (crashed && !suspects) {
		after.end = any ? list->frontier : 0;
		after.crashes = any ? 1 : 0;
		after.forgiven = false;
	} else if (crashed && list->crashes < CRASHES_ALONE) {
		after.forgiven = !after.forgiven && list->progress != 0;
		after.crashes += after.forgiven ? 0 : 1;
	} else if (crashed && list->in_hand == 0) {
		after.end = list->frontier;
	}
	after.alone = after.crashes >= CRASHES_ALONE && !WR_BUG(SUSPECTS_NOT_ALONE);
	return after;
}

static void crashed(struct wr_outstanding *o, uint32_t id, const struct wr_reject *reject)
{
	struct wr_outstanding_list *list = &o->lists[id];
	struct wr_suspects after = wr_suspects_after(o, id, true);
	struct wr_outstanding_entry *e =
		list->in_hand != 0 ? wr_outstanding_find(o, id, list->in_hand) : NULL;
	if (e != NULL) {
		if (++e->generation > list->top_generation)
			list->top_generation = e->generation;
		if (!WR_BUG(CRASH_NOT_COUNTED))
			e->attempts++;
		if (e->first_failed_us == 0)
			e->first_failed_us = reject->failed_us;
		e->last_failed_us = reject->failed_us;
		e->not_before_us = 0;
		e->reason = 0;
		e->said_seq = 0; // nobody said why
	}
	list->suspects_end = after.end;
	list->crashes = after.crashes;
	list->forgiven = after.forgiven;
	list->progress = 0;
	list->in_hand = 0;
}

int wr_suspects_decide(struct wr_outstanding *o, uint32_t id, const struct wr_reject *reject,
		       uint32_t *ret_generation)
{
	*ret_generation = 0;
	if (reject->verdict == WR_VERDICT_CRASHED) {
		crashed(o, id, reject);
		return 0;
	}
	if (reject->verdict == WR_VERDICT_OUT_OF_HAND) {
		o->lists[id].in_hand = 0;
		return 0;
	}
	const struct wr_outstanding_entry *e = wr_outstanding_find(o, id, reject->seq);
	if (e == NULL || e->generation != reject->generation || (e->dead & WR_ENTRY_PARKED) != 0)
		return WEIR_E_FENCED;
	*ret_generation = e->generation;
	o->lists[id].in_hand = e->seq;
	return 0;
}
