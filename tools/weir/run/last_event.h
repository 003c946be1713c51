/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event that is in the log already: where a followed file was read to stands in a header of it.
 *
 * Thread: any.
 */
#ifndef WEIR_TOOLS_RUN_LAST_EVENT_H
#define WEIR_TOOLS_RUN_LAST_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "tools/weir/run/life.h"

/*
 * The value of the header `name` of the event at `sequence`, into `to`; "" when it has none, or has
 * been retired. Reads the journal up to there. 0, or -code with the fault.
 */
int run_event_header(const char *journal, uint64_t sequence, const char *name, char *to,
		     size_t to_bytes, const struct run_life *life, struct run_fault *fault);

#endif
