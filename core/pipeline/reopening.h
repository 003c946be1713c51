/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open after the process had died, of a subscription that counts attempts: that it died is
 * durable before anything is handed out again, or who dies each time at once would die for the
 * first time, each time. After a clean close it is said that what was in hand alone did no harm.
 *
 * For queues (share_suspects.c) and partitions (row_letters.c), which know whether there is
 * anything to say. All of it is the group step's.
 */
#ifndef WR_PIPELINE_REOPENING_H
#define WR_PIPELINE_REOPENING_H

#include <stdbool.h>
#include <stdint.h>

struct wr_reply;
struct wr_subscription_live;

enum wr_reopening_state {
	WR_REOPENED = 0,
	WR_REOPEN_WANTED, /* the record that says so is to be written */
	WR_REOPEN_ASKED,  /* it is on its way */
	WR_REOPEN_WAITS,  /* it is not durable */
};

struct wr_reopening {
	enum wr_reopening_state state;
	uint64_t record_seq; /* WAITS */
	uint64_t said_us;    /* append time that the record says */
};

/* One step further, if there is one. Whether it is still under way. */
bool wr_reopening_step(struct wr_subscription_live *live, int *ret_work);
/* The answer to the record (WR_RAISE_CRASHED). */
void wr_reopening_answered(struct wr_subscription_live *live, const struct wr_reply *reply);

#endif
