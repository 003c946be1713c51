/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink waits for an answer of Kafka's: see sink.h. A broker that hangs says nothing for as long
 * as it likes, and the bridge runs all that time: so whoever looks is told, from a second on, and
 * each time the status is written anew. One whose brokers are down is lost after some seconds,
 * whatever the limit is.
 */
#include <inttypes.h>
#include <stdio.h>

#include "io/kafka/sink.h"

#define SECOND_NS 1000000000ull
/* For an answer that is on its way when the bridge is asked to stop: its drain has its own time. */
#define STOPPING_NS (5 * SECOND_NS)

void wr_kafka_wait_begin(struct wr_kafka_sink *s, uint64_t limit_ns, bool is_drain)
{
	uint64_t now = wr_kafka_now_ns();
	s->wait = (struct wr_kafka_wait){
		.begun_ns = now, .end_ns = now + limit_ns, .is_drain = is_drain};
}

static void tell(struct wr_kafka_sink *s, struct weir_bridge *bridge, const char *doing,
		 uint64_t waited_ns)
{
	char text[256];
	(void)snprintf(text, sizeof text, "%s: Kafka has not answered for %" PRIu64 " s", doing,
		       (uint64_t)(waited_ns / SECOND_NS));
	weir_bridge_note(bridge, text);
	s->wait.is_told = true;
}

int wr_kafka_wait_on(struct wr_kafka_sink *s, struct weir_bridge *bridge, const char *doing)
{
	struct wr_kafka_wait *wait = &s->wait;
	int rc = wr_kafka_check(bridge, &s->client);
	if (rc < 0)
		return rc;
	uint64_t now = wr_kafka_now_ns();
	if (now - wait->begun_ns >= SECOND_NS)
		tell(s, bridge, doing, now - wait->begun_ns);
	/* Here the status is written, too. */
	bool is_stopping = weir_bridge_is_stopping(bridge);
	if (is_stopping && !wait->is_drain && wait->end_ns > now + STOPPING_NS)
		wait->end_ns = now + STOPPING_NS;
	return now >= wait->end_ns || weir_bridge_is_aborting(bridge) ? 1 : 0;
}

void wr_kafka_wait_end(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	if (s->wait.is_told)
		weir_bridge_note(bridge, "");
	s->wait.is_told = false;
}
