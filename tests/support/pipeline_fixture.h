/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small pipeline for tests of the public API: its directory, its options, and the steps that
 * every test takes (a topic, a subscription, a producer, a member, numbered events out and in).
 * It works under Criterion and in programs with a main() of their own: what is no part of the test
 * and fails all the same ends the process with a line that says what it was.
 *
 * The sizes are small, so that lanes fill, chunks turn and segments roll within a few thousand
 * events, and a case takes milliseconds. WEIR_TEST_IO chooses the backend, as in all tests.
 *
 * Thread: the one that made it; handles are as the API says.
 */
#ifndef WR_TESTS_PIPELINE_FIXTURE_H
#define WR_TESTS_PIPELINE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <weir.h>

#include "tests/support/real_data.h"

/* Ends a wait that would hang; nothing that works waits so long. */
#define FIXTURE_LONG_NS 30000000000ull

#define FIXTURE_CHUNK_BYTES (64u * 1024)
#define FIXTURE_LANE_BYTES (64u * 1024)

struct fixture {
	char dir[TEST_PATH_BYTES]; /* "": memory only */
	struct weir_options options;
	struct weir_pipeline *pipeline; /* NULL: not open */
};

/* Where a pipeline keeps its log, and who runs it. */
enum fixture_kind {
	FIXTURE_DURABLE = 0,
	FIXTURE_MEMORY = 1,
	FIXTURE_MANUAL = 2, /* to be combined: the test runs the steps */
};

/* A directory of its own and small options; nothing is open. */
void fixture_init(struct fixture *f, int kind);
/* Closes what is open, and removes the directory. */
void fixture_end(struct fixture *f);
/* With the options as they are now. */
void fixture_open(struct fixture *f);
/* Drains; the report, which may be NULL. */
void fixture_close(struct fixture *f, struct weir_close_report *ret_report);
/* init and open. */
void fixture_begin(struct fixture *f, int kind);

uint32_t fixture_topic(struct fixture *f, const char *name, uint32_t partitions);
/* Reads one topic from the oldest on. */
uint32_t fixture_subscription(struct fixture *f, const char *name, const char *topic);
/* Unnamed with NULL; blocks when full. */
struct weir_producer *fixture_producer(struct fixture *f, const char *name);
struct weir_member *fixture_member(struct fixture *f, uint32_t subscription, const char *name);

/* An event whose payload is `number` (it must outlive the publish), and key `key` unless 0. */
struct weir_event fixture_event(uint32_t topic, const uint64_t *key, const uint64_t *number);
/* Publishes numbers first .. end - 1 without a key; the last ticket. */
uint64_t fixture_publish(struct weir_producer *producer, uint32_t topic, uint64_t first,
			 uint64_t end);
/* Waits for a ticket at the producer's level: it must come without a refusal. */
void fixture_wait(struct weir_producer *producer, uint64_t ticket);
/* Its payload as a number. */
uint64_t fixture_number(const struct weir_item *item);

/*
 * Polls until `count` items have come or FIXTURE_LONG_NS are over, and acknowledges each if `ack`.
 * Copies of the last items_max of them are in `items`, which may be NULL. How many came.
 */
uint32_t fixture_poll(struct weir_member *member, struct weir_item *items, uint32_t items_max,
		      uint32_t count, bool ack);
/* Polls for a moment: how many came. On a manual pipeline all there is comes in that moment. */
uint32_t fixture_poll_rest(struct weir_member *member);
/* Polls until the member owns so many partitions. False: it does not come to it. */
bool fixture_owns(struct weir_member *member, int partitions);

/* ---- a log of small segments, which are written anew ---- */

/* Before the open: two chunks each, of which two are in memory; a checkpoint for each chunk. */
void fixture_small_segments(struct fixture *f);
/* Events of 4000 bytes without a key, durable: 300 of them and nothing of before is in memory, in
 * the newest segments, or above a checkpoint. */
void fixture_fill(struct weir_producer *producer, uint32_t topic, uint32_t count);

/* ---- replays ---- */

/* All that there is, item by item. */
void fixture_replay(struct fixture *f, void (*take)(void *context, const struct weir_item *item),
		    void *context);
/* A replay to one subscription, of a topic or UINT32_MAX, to its end; how many were copied. */
uint64_t fixture_replay_to(struct fixture *f, const char *name, uint32_t subscription,
			   uint32_t topic);

void fixture_info(struct fixture *f, struct weir_info *ret_info);

/* A manual pipeline steps until it has had nothing to do for a while. */
void fixture_settle(struct fixture *f);
/* Whether a descriptor of weir's was signalled; the signal is taken. */
bool fixture_signalled(int fd);

/* Ends the process when `good` is false: the test could not be set up. */
void fixture_need(bool good, const char *what);
uint64_t fixture_now_ns(void);
void fixture_sleep_ns(uint64_t ns);
/* Whether this machine lets a program use io_uring, and the test may. */
bool fixture_has_uring(void);
/* Running under an emulator that does not show all of the kernel. */
bool fixture_emulated(void);

#endif
