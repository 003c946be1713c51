/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RabbitMQ's part of life.h. The broker is where RABBITMQ_HOST and RABBITMQ_PORT say: those of
 * tools/with-rabbitmq. The queue is durable, of the type in RABBITMQ_QUEUE_TYPE. RABBITMQ_TLS has
 * it go by TLS; RABBITMQ_NO_DEDUP leaves the idempotency keys out, to see that the audit finds
 * repeats.
 */
#include <stdio.h>
#include <stdlib.h>

#include <weir/rabbitmq.h>

#include "tests/bridge/life.h"

#define QUEUE "weir-bridge-test"

static bool find_server(struct weir_rabbitmq_server *server)
{
	const char *host = getenv("RABBITMQ_HOST"), *port = getenv("RABBITMQ_PORT");
	if (host == NULL || port == NULL) {
		fprintf(stderr, "RABBITMQ_HOST and RABBITMQ_PORT are not set\n");
		return false;
	}
	server->host = host;
	server->port = (uint32_t)strtoul(port, NULL, 10);
	if (getenv("RABBITMQ_TLS") != NULL) {
		const char *tls_port = getenv("RABBITMQ_TLS_PORT");
		server->tls = true;
		server->host = "localhost";
		server->port = tls_port == NULL ? 0 : (uint32_t)strtoul(tls_port, NULL, 10);
		server->ca_file = getenv("RABBITMQ_CA_FILE");
	}
	server->heartbeat_ns = 2000000000u;
	server->timeout_ns = 5000000000u;
	return true;
}

static bool made(int rc, const struct weir_problem *why)
{
	if (rc != 0)
		fprintf(stderr, "rabbitmq: %s %s\n", why->field, why->text);
	return rc == 0;
}

static bool make_sink(const struct life *life, struct weir_bridge_options *options)
{
	struct weir_rabbitmq_sink_options sink;
	struct weir_rabbitmq *rabbitmq;
	struct weir_problem why = {0};
	(void)life;
	weir_rabbitmq_sink_options_init(&sink);
	sink.routing_key = QUEUE;
	sink.confirm_timeout_ns = 5000000000u;
	if (!find_server(&sink.server) ||
	    !made(weir_rabbitmq_sink_create(&sink, &rabbitmq, &why), &why))
		return false;
	options->ops = weir_rabbitmq_ops();
	options->self = rabbitmq;
	return true;
}

static bool make_source(const struct life *life, struct weir_bridge_options *options)
{
	struct weir_rabbitmq_source_options source;
	struct weir_rabbitmq *rabbitmq;
	struct weir_problem why = {0};
	const char *type = getenv("RABBITMQ_QUEUE_TYPE");
	weir_rabbitmq_source_options_init(&source);
	source.queue = QUEUE;
	source.declare = type != NULL ? type : "classic";
	source.topic = life->in_topic;
	source.dead_letters = life->in_dead;
	source.no_dedup = getenv("RABBITMQ_NO_DEDUP") != NULL;
	if (!find_server(&source.server) ||
	    !made(weir_rabbitmq_source_create(&source, &rabbitmq, &why), &why))
		return false;
	options->ops = weir_rabbitmq_ops();
	options->self = rabbitmq;
	return true;
}

const struct life_system life_rabbitmq = {
	.name = "rabbitmq", .make_sink = make_sink, .make_source = make_source};
