/* SPDX-License-Identifier: Apache-2.0 */
/* A manual pipeline is stepped until its metrics have gone round so often: what they say is new. */
#ifndef WR_TESTS_METRICS_ROUNDS_H
#define WR_TESTS_METRICS_ROUNDS_H

#include <criterion/criterion.h>

#include <weir.h>

#include "core/pipeline/metrics.h"
#include "core/pipeline/pipeline.h"

static inline void metrics_rounds(struct weir_pipeline *pipeline, uint64_t count)
{
	const uint64_t *rounds = &pipeline->metrics->cells.rounds;
	uint64_t wanted = *rounds + count;

	while (*rounds < wanted)
		cr_assert_geq(weir_step(pipeline, 1000000u), 0);
}

#endif
