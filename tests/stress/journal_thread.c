/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   writer and journal on a thread each wake one another: an event that comes after a pause
 *         of any length becomes durable at once, and so does the batch that is sealed only when the
 *         one before it has come back.
 * Method: a pipeline with journal_thread, its threads asleep as soon as they can; events one by one
 *         and in bursts, with pauses from none to longer than it takes both to fall asleep, each
 *         waited for. A wake-up that is missed is a wait that does not end.
 *
 * Plain main(), TAP: concurrency under ThreadSanitizer too.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/sim/prng.h"
#include "tests/support/real_data.h"

#define SECOND_NS UINT64_C(1000000000)
#define ROUNDS 300u

static int publish_burst(struct weir_producer *producer, uint32_t topic, uint64_t count)
{
	const struct weir_event event = {.topic = topic, .payload = "x", .payload_bytes = 1};
	uint64_t ticket = 0;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < count; i++)
		rc = weir_publish(producer, &event, &ticket);
	return rc == 0 ? weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, SECOND_NS * 20) : rc;
}

static int run_rounds(struct weir_pipeline *pipeline, unsigned *ret_rounds)
{
	struct weir_topic_options topic_options;
	struct weir_producer_options producer_options;
	struct weir_producer *producer;
	struct wr_prng prng;
	uint32_t topic;

	weir_topic_options_init(&topic_options);
	topic_options.name = "t";
	weir_producer_options_init(&producer_options);
	int rc = weir_topic_create(pipeline, &topic_options, &topic, NULL);
	if (rc == 0)
		rc = weir_producer_open(pipeline, &producer_options, &producer, NULL);
	if (rc != 0)
		return rc;
	wr_prng_init(&prng, 7);
	for (*ret_rounds = 0; rc == 0 && *ret_rounds < ROUNDS; ++*ret_rounds) {
		const struct timespec pause = {.tv_nsec = (long)wr_prng_below(&prng, 2000000)};
		rc = publish_burst(producer, topic, wr_prng_between(&prng, 1, 20));
		if (wr_prng_chance(&prng, 500000))
			nanosleep(&pause, NULL);
	}
	int closed = weir_producer_close(producer, SECOND_NS * 20);
	return rc == 0 ? closed : rc;
}

static void run(enum weir_io io, enum weir_wait wait, const char *name)
{
	char dir[TEST_PATH_BYTES];
	struct weir_options options;
	struct weir_pipeline *pipeline;
	unsigned rounds = 0;

	test_dir_make(dir);
	test_options(&options, dir);
	if (options.io == WEIR_IO_AUTO)
		options.io = io;
	options.chunk_bytes = 64u << 10;
	options.segment_bytes = 256u << 10;
	options.journal_thread = true;
	options.evidence_delay_ns = 1000000;
	options.log.wait = options.journal.wait = wait;
	int rc = weir_open(&options, &pipeline, NULL);
	if (rc == 0) {
		rc = run_rounds(pipeline, &rounds);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 20, NULL);
		rc = rc == 0 ? closed : rc;
	}
	tap_check(rc == 0 && rounds == ROUNDS, "%s: %u bursts became durable, each at once (%s)",
		  name, rounds, weir_error_name(rc));
	test_dir_remove(dir);
}

int main(void)
{
	run(WEIR_IO_AUTO, WEIR_WAIT_ADAPTIVE, "adaptive");
	run(WEIR_IO_AUTO, WEIR_WAIT_PARK, "parked at once");
	run(WEIR_IO_POSIX, WEIR_WAIT_PARK, "posix, parked at once");
	return tap_end();
}
