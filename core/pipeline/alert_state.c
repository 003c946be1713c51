/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/alert_state.h"

enum wr_alert_change wr_alert_look(struct wr_alert_state *s, const struct wr_alert_marks *marks,
				   uint64_t value, uint64_t now_ns)
{
	bool falls = marks->kind == WEIR_ALERT_FREE_BYTES;
	bool is_bad = falls ? value <= marks->raise_at : value >= marks->raise_at;
	bool is_good = falls ? value >= marks->clear_at : value <= marks->clear_at;

	s->value = value;
	if (s->raised ? !is_good : !is_bad) {
		s->pending = false;
		return WR_ALERT_NOTHING;
	}
	if (!s->pending)
		s->pending_ns = now_ns;
	s->pending = true;
	if (now_ns - s->pending_ns < marks->hold_ns)
		return WR_ALERT_NOTHING;
	s->pending = false;
	s->raised = !s->raised;
	s->since_ns = now_ns;
	s->raised_count += s->raised;
	return s->raised ? WR_ALERT_RAISED : WR_ALERT_CLEARED;
}

void wr_alert_skip(struct wr_alert_state *s)
{
	s->pending = false;
}

void wr_alert_end(struct wr_alert_state *s, uint64_t now_ns)
{
	s->pending = false;
	s->raised = false;
	s->value = 0;
	s->since_ns = now_ns;
}

uint64_t wr_alert_last_minute(struct wr_alert_window *w, uint64_t counter, uint64_t now_ns)
{
	uint64_t piece = now_ns / WR_ALERT_PIECE_NS;

	if (!w->begun || piece - w->piece >= WR_ALERT_PIECES) {
		/* Nobody looked for a minute: what came meanwhile came just now. */
		for (uint32_t i = 0; i < WR_ALERT_PIECES; i++)
			w->at[i] = w->begun ? w->last : counter;
		w->piece = piece;
	}
	while (w->piece < piece)
		w->at[++w->piece % WR_ALERT_PIECES] = w->last;
	w->begun = true;
	w->last = counter;
	return counter - w->at[(piece + 1) % WR_ALERT_PIECES];
}
