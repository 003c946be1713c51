/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a rule is raised and when it is over (weir/alerts.h): a function of what it was, the number
 * and the time. Pure.
 */
#ifndef WR_PIPELINE_ALERT_STATE_H
#define WR_PIPELINE_ALERT_STATE_H

#include <weir/alerts.h>

/* A minute, in pieces. */
#define WR_ALERT_PIECES 12u
#define WR_ALERT_PIECE_NS 5000000000u

struct wr_alert_marks {
	enum weir_alert_kind kind;
	uint64_t raise_at, clear_at, hold_ns;
};

struct wr_alert_state {
	bool raised;
	bool pending;        /* the number has been on the other side since then */
	uint64_t pending_ns; /* mono clock */
	uint64_t since_ns;   /* of the last change; 0: none */
	uint64_t raised_count;
	uint64_t value;
};

enum wr_alert_change { WR_ALERT_NOTHING = 0, WR_ALERT_RAISED, WR_ALERT_CLEARED };

/* The number is known to be `value` now. */
enum wr_alert_change wr_alert_look(struct wr_alert_state *s, const struct wr_alert_marks *marks,
				   uint64_t value, uint64_t now_ns);
/* It is not known: what was about to change begins anew. */
void wr_alert_skip(struct wr_alert_state *s);
/* What it was raised for is gone: it is over, and its number is 0. */
void wr_alert_end(struct wr_alert_state *s, uint64_t now_ns);

/*
 * How much a counter rose within the last minute. `begun` with zeros behind it: the counter began
 * at 0, and what it has at the first look came just now. Not begun: the first look is where it
 * begins.
 */
struct wr_alert_window {
	bool begun;
	uint64_t last;                /* the counter at the last look */
	uint64_t piece;               /* number of the last piece */
	uint64_t at[WR_ALERT_PIECES]; /* the counter when each began */
};
uint64_t wr_alert_last_minute(struct wr_alert_window *w, uint64_t counter, uint64_t now_ns);

#endif
