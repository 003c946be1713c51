/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo's last act: a consumer that fails. The first events of the source go to a queue of their
 * own, in order by key, with parked keys. Its handler has a fault: some orders it cannot process.
 * They become dead letters, and their keys wait; all others go on. Then the process is killed.
 *
 * What the operator does next: the dead letters are redriven, as `weir dlq redrive` does it, and a
 * process with a handler that is mended goes on. In the end every event was processed once, in the
 * order of its key, and the books are those of a reference that never saw weir.
 *
 * Thread: the parent's only one; the processes that have threads are children.
 */
#ifndef WEIR_TOOLS_DEMO_REPAIR_H
#define WEIR_TOOLS_DEMO_REPAIR_H

#include "tools/weir/demo/shared.h"

struct demo_repair {
	uint64_t event_count;  /* 0: the source has none with a key, and there was nothing to do */
	uint64_t letter_count; /* dead letters */
	uint64_t parked_count; /* events that waited for them, they included */
	uint64_t redriven_count;
	uint64_t unrepaired_count; /* without the redrive: books that would differ */
	uint64_t wrong_count;      /* events not processed or out of order, and books that differ */
};

/* 0, or negative with what failed and why. */
int demo_repair_run(const struct demo_plan *plan, struct demo_repair *ret_repair,
		    const char **ret_what, struct weir_problem *ret_problem);

#endif
