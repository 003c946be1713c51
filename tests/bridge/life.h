/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One life of a process with two logs and two bridges: what is published in the first goes out to a
 * broker and comes back into the second. tools/bridge-test kills it, and the broker, again and
 * again, and has the second log audited at the end.
 *
 * Common to all brokers; a broker's part makes the two drivers.
 */
#ifndef WEIR_TESTS_BRIDGE_LIFE_H
#define WEIR_TESTS_BRIDGE_LIFE_H

#include <weir.h>

struct life {
	const char *dir;
	struct weir_pipeline *out;
	struct weir_pipeline *in;
	uint32_t out_topic;
	uint32_t out_subscription;
	uint32_t in_topic;
	uint32_t in_dead;
	uint32_t in_everything; /* a subscription that nobody reads: its lag counts */
};

/* Fill in what a bridge needs of its driver. Says why not on stderr. */
struct life_system {
	const char *name;
	bool (*make_sink)(const struct life *life, struct weir_bridge_options *options);
	bool (*make_source)(const struct life *life, struct weir_bridge_options *options);
};

#ifdef WR_HAVE_KAFKA
extern const struct life_system life_kafka;
#endif
#ifdef WR_HAVE_RABBITMQ
extern const struct life_system life_rabbitmq;
#endif

#endif
