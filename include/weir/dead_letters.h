/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What becomes of dead letters, and of the keys that are parked behind them (sharing.h).
 */
#ifndef WEIR_DEAD_LETTERS_H
#define WEIR_DEAD_LETTERS_H

#include <weir/sharing.h>

WEIR_DECLS_BEGIN

/**
 * Give up a parked event: it is settled, and the later events of its key go on without it, in
 * order. Its dead letter stays where it is, and is from then on like one of a subscription that
 * parks nothing.
 *
 * Thread: any but weir's own. Blocks: for one commit. Allocates: never.
 * @param subscription  whose members could not process it: weir_origin.subscription
 * @param sequence      it has in the log: weir_origin.sequence
 * @return 0: durably so; -ENOENT (nothing is parked there: it was redriven or given up before),
 *         WEIR_E_UNKNOWN_NAME (no such subscription), -EINVAL (it is not shared), WEIR_E_AGAIN (on
 *         one of weir's threads), WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_parked_give_up(struct weir_pipeline *pipeline,
						 uint32_t subscription, uint64_t sequence);

WEIR_DECLS_END
#endif
