/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event that is in the log already, looked at again: where a followed file was read to stands in
 * a header of it, and a file that is read anew has to have the same one at its place.
 *
 * Thread: any.
 */
#ifndef WEIR_TOOLS_RUN_LAST_EVENT_H
#define WEIR_TOOLS_RUN_LAST_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include <weir.h>

#include "tools/weir/run/life.h"

/*
 * Calls `look` with the event at `sequence`, unless it has been retired, or `stop` is raised first.
 * Reads the journal's segment up to there. 0, or -code with the fault.
 */
int run_event_look(const char *journal, uint64_t sequence,
		   void (*look)(void *context, const struct weir_item *item), void *context,
		   const struct run_life *life, struct run_fault *fault);

/* The value of the header `name`, into `to`; "" when it has none, or a longer one. */
void run_event_header(const struct weir_item *item, const char *name, char *to, size_t to_bytes);

#endif
