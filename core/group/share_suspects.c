/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspects: what was outstanding when the process died, more than once (core/log/suspects.h says
 * when). They are handed out one at a time, and nothing else beside them:
 *
 *   NONE    nobody has anything: a suspect that is ready is chosen
 *   ASKED   the record that it is in hand is on its way
 *   WAITS   it is ordered, and not durable yet
 *   MAY     it may be granted
 *   OUT     it was; until it is settled, has failed, or comes back
 *
 * Those that failed least go first, so that innocents are through before what kills.
 */
#include "core/base/bug.h"
#include "core/group/share.h"

bool wr_share_isolates(const struct wr_share *s)
{
	return s->isolates && s->suspect_count > 0;
}

void wr_share_trust(struct wr_share *s)
{
	s->isolates = false;
	s->suspects_end = s->suspect_count = s->ready_suspects = 0;
	s->alone = WR_ALONE_NONE;
}

static bool is_anything_out(const struct wr_share *s)
{
	for (uint32_t i = 0; i < s->options.members_max; i++)
		if (s->members[i].present && s->members[i].out > 0)
			return true;
	return false;
}

static struct wr_share_event *choose(struct wr_share *s)
{
	struct wr_share_event *chosen = NULL;
	for (uint32_t at = s->oldest; at != WR_SHARE_NONE; at = s->events[at].after) {
		struct wr_share_event *e = &s->events[at];
		if (e->seq >= s->suspects_end)
			break;
		if (e->state == WR_SHARE_READY &&
		    (chosen == NULL || e->attempts < chosen->attempts))
			chosen = e;
	}
	return chosen;
}

static bool is_had(const struct wr_share_event *e)
{
	return e->state == WR_SHARE_LEASED || e->state == WR_SHARE_ASKED ||
	       e->state == WR_SHARE_ANSWERED;
}

/* The one that was chosen is where it was; false: nothing is alone any more. */
static int look_after(struct wr_share *s, uint64_t durable_seq)
{
	const struct wr_share_event *e = wr_share_find(s, s->alone_seq);
	bool is_ready = e != NULL && e->state == WR_SHARE_READY;
	bool is_out = s->alone == WR_ALONE_OUT && e != NULL && is_had(e);
	if (s->alone == WR_ALONE_WAITS && is_ready && s->alone_from <= durable_seq) {
		s->alone = WR_ALONE_MAY;
		return 1;
	}
	if (is_out || (is_ready && s->alone != WR_ALONE_OUT))
		return 0;
	/* Given back, and no record says so. */
	if (is_ready && e->generation == s->alone_generation &&
	    s->ports->in_hand(s->ports->context, NULL) != 0)
		return 0;
	s->alone = WR_ALONE_NONE;
	return 1;
}

int wr_share_step_suspects(struct wr_share *s, uint64_t durable_seq)
{
	if (!wr_share_isolates(s)) {
		s->alone = WR_ALONE_NONE;
		return 0;
	}
	int done = 0;
	if (s->alone == WR_ALONE_ASKED)
		return 0;
	if (s->alone != WR_ALONE_NONE && (done = look_after(s, durable_seq)) == 0)
		return 0;
	if (s->alone != WR_ALONE_NONE || s->ready_suspects == 0 || is_anything_out(s) ||
	    !wr_share_has_reader(s))
		return done;
	struct wr_share_event *e = choose(s);
	if (e == NULL || s->ports->in_hand(s->ports->context, e) != 0)
		return done;
	s->alone = WR_ALONE_ASKED;
	s->alone_seq = e->seq;
	s->alone_generation = e->generation;
	return done + 1;
}

void wr_share_in_hand(struct wr_share *s, uint64_t seq, bool done, uint64_t record_seq)
{
	if (s->alone != WR_ALONE_ASKED || s->alone_seq != seq)
		return;
	s->alone = done ? WR_ALONE_WAITS : WR_ALONE_NONE;
	s->alone_from = WR_BUG(IN_HAND_NOT_DURABLE) ? 0 : record_seq;
}

struct wr_share_event *wr_share_next_alone(struct wr_share *s)
{
	if (s->alone == WR_ALONE_MAY) {
		struct wr_share_event *e = wr_share_find(s, s->alone_seq);
		if (e == NULL || e->state != WR_SHARE_READY)
			return NULL;
		s->alone = WR_ALONE_OUT;
		return e;
	}
	/* While all suspects wait for something, others go on. */
	bool waits = s->alone != WR_ALONE_NONE || s->ready_suspects > 0;
	return waits ? NULL : wr_share_most_urgent(s);
}
