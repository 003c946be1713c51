/* SPDX-License-Identifier: Apache-2.0 */
/* See bed.h. */
#include "tests/unit/rabbitmq/bed.h"

#include <string.h>

#define MILLISECOND_NS 1000000ull

static void begin(struct bed *b)
{
	struct weir_topic_options topic;
	peer_begin(&b->peer);
	fixture_init(&b->f, FIXTURE_MEMORY);
	b->f.options.idempotency_keys_max = 4096;
	b->f.options.versioned_keys_max = 64;
	b->f.options.log_fn = b->log_fn;
	fixture_open(&b->f);
	weir_topic_options_init(&topic);
	topic.name = "t";
	topic.partitions = 2;
	topic.idempotency_keys = 1024;
	fixture_need(weir_topic_create(b->f.pipeline, &topic, &b->topic, NULL) == 0, "a topic");
	b->dead = fixture_topic(&b->f, "dead", 1);
	b->subscription = fixture_subscription(&b->f, "s", "t");
	weir_bridge_options_init(&b->options);
	b->options.name = "b";
	b->options.manual = true;
	b->options.retry_min_ns = b->options.retry_max_ns = MILLISECOND_NS;
	b->options.ops = weir_rabbitmq_ops();
}

static void fill(struct bed *b, struct weir_rabbitmq_server *server)
{
	server->host = "127.0.0.1";
	server->port = b->peer.port;
	server->timeout_ns = 100 * MILLISECOND_NS;
	server->heartbeat_ns = 0;
}

void bed_begin_sink(struct bed *b)
{
	begin(b);
	b->producer = fixture_producer(&b->f, NULL);
	b->options.direction = WEIR_BRIDGE_SINK;
	b->options.subscription = b->subscription;
	weir_rabbitmq_sink_options_init(&b->sink);
	b->sink.routing_key = "{topic}.{key}";
	b->sink.exchange = "x";
	b->sink.confirm_timeout_ns = 100 * MILLISECOND_NS;
	fill(b, &b->sink.server);
}

void bed_begin_source(struct bed *b)
{
	begin(b);
	b->options.direction = WEIR_BRIDGE_SOURCE;
	weir_rabbitmq_source_options_init(&b->source);
	b->source.queue = "q";
	b->source.topic = b->topic;
	b->source.message_bytes_max = 1024;
	fill(b, &b->source.server);
}

void bed_start(struct bed *b)
{
	struct weir_rabbitmq *rabbitmq = NULL;
	struct weir_problem why = {0};
	int rc = b->options.direction == WEIR_BRIDGE_SINK
			 ? weir_rabbitmq_sink_create(&b->sink, &rabbitmq, &why)
			 : weir_rabbitmq_source_create(&b->source, &rabbitmq, &why);
	fixture_need(rc == 0, why.text);
	b->options.self = rabbitmq;
	rc = weir_bridge_start(b->f.pipeline, &b->options, &b->bridge, &why);
	fixture_need(rc == 0, why.text);
}

int bed_stop(struct bed *b)
{
	int rc = b->bridge == NULL ? 0 : weir_bridge_stop(b->bridge);
	b->bridge = NULL;
	if (b->peer.port != 0)
		peer_end(&b->peer);
	b->peer.port = 0;
	return rc;
}

void bed_end(struct bed *b)
{
	(void)bed_stop(b);
	(void)weir_producer_close(b->producer, FIXTURE_LONG_NS);
	fixture_end(&b->f);
}

void bed_publish(struct bed *b, const char *key)
{
	uint64_t ticket;
	b->published++;
	const struct weir_ids ids = {.traceparent = BED_PARENT,
				     .traceparent_bytes = sizeof BED_PARENT - 1,
				     .tracestate = "vendor=7",
				     .tracestate_bytes = 8};
	const struct weir_event event = {.topic = b->topic,
					 .ids = &ids,
					 .key = key,
					 .key_bytes = strlen(key),
					 .payload = &b->published,
					 .payload_bytes = sizeof b->published};
	fixture_need(weir_publish(b->producer, &event, &ticket) == 0, "a publish");
	fixture_wait(b->producer, ticket);
}

struct weir_bridge_status bed_status(struct bed *b)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	fixture_need(weir_bridge_status(b->bridge, &status) == 0, "a status");
	return status;
}

bool bed_step_to(struct bed *b, enum weir_bridge_state state)
{
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (bed_status(b).state != state && fixture_now_ns() < end_ns)
		(void)weir_bridge_step(b->bridge, MILLISECOND_NS);
	return bed_status(b).state == state;
}

bool bed_step_until(struct bed *b, uint64_t events)
{
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_bridge_status status = bed_status(b);
	while (status.events + status.repeats + status.dead_letters < events &&
	       fixture_now_ns() < end_ns) {
		(void)weir_bridge_step(b->bridge, MILLISECOND_NS);
		status = bed_status(b);
	}
	return status.events + status.repeats + status.dead_letters >= events;
}

bool bed_step_until_why(struct bed *b, const char *part)
{
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS / 6;
	while (strstr(bed_status(b).why, part) == NULL && fixture_now_ns() < end_ns)
		(void)weir_bridge_step(b->bridge, MILLISECOND_NS);
	return strstr(bed_status(b).why, part) != NULL;
}

uint64_t bed_lag(struct bed *b, uint32_t subscription)
{
	struct weir_lag lag;
	fixture_need(weir_lag(b->f.pipeline, subscription, &lag) == 0, "a lag");
	return lag.events;
}
