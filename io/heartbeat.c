/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_pipeline_beat(): rounds of runners, which each of them counts anyway. A runner that sleeps
 * for want of work is woken, so that silence means that it cannot move.
 */
#include <stdio.h>
#include <string.h>

#include <weir/notify.h>

#include "io/host.h"

static bool has_moved(struct wr_runner *runner, uint64_t *rounds, bool begun)
{
	uint64_t now = wr_load_relaxed(&runner->rounds);
	bool moved = !begun || now != *rounds;
	*rounds = now;
	wr_park_wake(runner->parker);
	return moved;
}

int weir_pipeline_beat(struct weir_pipeline *pipeline, struct weir_beat *beat)
{
	struct wr_io_host *h = pipeline->host.context;
	struct wr_runner *runners[3] = {
		&h->log, wr_load_relaxed(&h->journal_running) != 0 ? &h->journal : NULL,
		wr_load_relaxed(&h->group_running) != 0 ? &h->group : NULL};
	int rc = 0;
	if (wr_pipeline_is_copy(pipeline))
		return WEIR_E_CLOSED;
	for (uint32_t i = 0; i < 3; i++) {
		if (runners[i] == NULL || has_moved(runners[i], &beat->rounds[i], beat->begun))
			continue;
		(void)snprintf(beat->stuck, sizeof beat->stuck, "%s", runners[i]->name);
		rc = WEIR_E_AGAIN;
	}
	beat->begun = true;
	return rc;
}
