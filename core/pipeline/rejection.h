/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_reject(): what events of queues (share_ack.c) and of partitions (member_tries.c) have in
 * common when they fail. Thread: the member's.
 */
#ifndef WR_PIPELINE_REJECTION_H
#define WR_PIPELINE_REJECTION_H

#include <weir/sharing.h>

#include "core/pipeline/member.h"
#include "core/record/share.h"

/* Each with a rejection that may be said of an item of theirs: 0, or why not (weir/sharing.h). */
int wr_sharing_reject(struct weir_member *m, const struct weir_item *item,
		      const struct weir_rejection *r);
int wr_member_reject(struct weir_member *m, const struct weir_item *item,
		     const struct weir_rejection *r);

/* Whether a transaction is open. A handler's that has published nothing is not needed: it ends. */
bool wr_rejection_is_held_up(struct weir_member *m);
/*
 * The record of a failed attempt, now: `attempts` have failed, this one included. *ret_delay_ns:
 * until the next one, 0 where there is none to wait for.
 */
struct wr_reject wr_rejection_of(struct weir_member *m, const struct weir_item *item,
				 const struct weir_rejection *r, uint32_t attempts,
				 uint64_t *ret_delay_ns);
/* A REJECT in the member's lane, handed over; its ticket, 0: there is no room. */
uint64_t wr_rejection_write(struct weir_member *m, uint32_t row, const struct wr_reject *reject,
			    const char *text);
/* It was: probes and spans are told. */
void wr_rejection_done(struct weir_member *m, const struct weir_item *item,
		       const struct weir_rejection *r, uint32_t attempts);

#endif
