/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of libweir-rabbitmq share: a small pipeline, a peer, and a bridge between the two,
 * stepped by the test. Delays between attempts are a millisecond, timeouts 100 ms. */
#ifndef WR_TESTS_RABBITMQ_BED_H
#define WR_TESTS_RABBITMQ_BED_H

#include <weir/rabbitmq.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/unit/rabbitmq/peer.h"

struct bed {
	struct fixture f;
	struct peer peer;
	struct weir_rabbitmq_sink_options sink;
	struct weir_rabbitmq_source_options source;
	struct weir_bridge_options options;
	weir_log_fn log_fn; /* before it begins; NULL: lines are not heard */
	struct weir_bridge *bridge;
	struct weir_producer *producer;
	uint32_t topic;
	uint32_t dead;
	uint32_t subscription;
	uint64_t published;
};

void bed_begin_sink(struct bed *b);
void bed_begin_source(struct bed *b);
/* Start the bridge with the options as they are. */
void bed_start(struct bed *b);
/* Stops the bridge and the peer: what that has seen may be looked at. 0, or what the stop said. */
int bed_stop(struct bed *b);
void bed_end(struct bed *b);

/* Publish one event with a key; its payload is its number, from 1. It is of a trace: this parent,
 * and the state "vendor=7". */
#define BED_PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
void bed_publish(struct bed *b, const char *key);
struct weir_bridge_status bed_status(struct bed *b);
/* Step until the state is there. False: it is not in FIXTURE_LONG_NS. */
bool bed_step_to(struct bed *b, enum weir_bridge_state state);
/* Step until so many events were counted, in and out, repeats and dead letters included. */
bool bed_step_until(struct bed *b, uint64_t events);
/* Step until its trouble says this. */
bool bed_step_until_why(struct bed *b, const char *part);
/* How many of a subscription's events nobody has acknowledged. */
uint64_t bed_lag(struct bed *b, uint32_t subscription);

#endif
