/* SPDX-License-Identifier: Apache-2.0 */
/* See sweep.h: the options that a life draws. */
#include <stdlib.h>
#include <string.h>

#include "tests/crash/sweep.h"

#define MS_NS UINT64_C(1000000)

void sweep_draw_options(struct weir_options *options, struct wr_prng *prng)
{
	weir_options_init(options);
	options->chunk_bytes = 16u << 10;
	options->segment_bytes = 64u << 10;
	options->segments_ahead = (uint32_t)wr_prng_between(prng, 1, 3);
	options->pool_bytes = 512u << 10;
	options->undurable_bytes = (16u << 10) * wr_prng_between(prng, 2, 8);
	options->lane_bytes = 64u << 10;
	options->member_lane_bytes = 64u << 10;
	options->checkpoint_bytes = 32u << 10;
	options->partitions_max = 16;
	options->topics_max = 4;
	options->subscriptions_max = 4;
	options->named_producers_max = 8;
	options->producers_max = 4;
	options->members_max = 4;
	options->batches_in_flight_max = (uint32_t)wr_prng_between(prng, 1, 4);
	options->evidence_delay_ns = wr_prng_chance(prng, 500000) ? MS_NS : 50 * MS_NS;
	options->seal_before_ack = wr_prng_chance(prng, 200000);
	options->journal_thread =
		wr_prng_chance(prng, 300000) ? WEIR_JOURNAL_THREAD_YES : WEIR_JOURNAL_THREAD_AUTO;
	options->io = wr_prng_chance(prng, 500000) ? WEIR_IO_POSIX : WEIR_IO_AUTO;
	const char *io = getenv("WEIR_TEST_IO");
	if (io != NULL && strcmp(io, "posix") == 0)
		options->io = WEIR_IO_POSIX;
	else if (io != NULL && strcmp(io, "uring") == 0)
		options->io = WEIR_IO_URING;
}
