/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic "work" of four partitions, one "dead", a producer, and options of a shared subscription
 * "queue" over the first: what tests of queues begin with. For Criterion cases, one thread.
 */
#ifndef WR_TESTS_QUEUE_BED_H
#define WR_TESTS_QUEUE_BED_H

#include "tests/support/pipeline_fixture.h"

#define EVENTS 300u
#define MS 1000000ull

struct queue_bed {
	struct fixture f;
	uint32_t topic, dead_topic;
	struct weir_producer *producer;
	struct weir_subscription_options options;
	struct weir_problem problem;
};

extern struct queue_bed queue_bed;

void queue_begin(int kind);
void queue_end(void);
/* The subscription, made or found. */
uint32_t queue_make(void);
struct weir_member *queue_join(uint32_t id, uint32_t in_flight_max);
/* Numbers first .. end - 1, durable. */
void queue_publish(uint64_t first, uint64_t end);
void queue_publish_keyed(uint64_t key, uint64_t number);
/* The next item, which must come; not acknowledged. */
struct weir_item queue_next(struct weir_member *member);
/* The next ones are numbers from `first` on, acknowledged and durably so. */
void queue_take(struct weir_member *member, uint64_t first, uint64_t count);
void queue_commit(struct weir_member *member);
/* Once it is exact. */
uint64_t queue_lag(uint32_t id);
/* Behind a step. */
struct weir_queue_counts queue_counts(uint32_t id);
void queue_reopen(void);
/* Counts the numbers that come, acknowledging each, until `count_max` have. */
uint32_t queue_drain(struct weir_member *member, uint32_t *seen, uint32_t count_max);

#endif
