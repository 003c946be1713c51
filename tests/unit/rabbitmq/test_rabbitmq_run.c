/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir run` has the bridges of a config speak AMQP: out with confirms, and in; what a
 *         config file leaves out is what the driver's init function has.
 * Method: the command in a child process, a scripted broker (peer.h) in this one.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/config_bed.h"
#include "tests/support/run_bed.h"
#include "tests/unit/rabbitmq/peer.h"
#include <weir/rabbitmq.h>

#define SUBSCRIPTION "subscriptions: [{name: o, topics: [t]}]\n"

Test(rabbitmq_run, a_sink_of_a_config_publishes_and_ends_when_all_is_confirmed)
{
	static struct peer peer;
	peer_begin(&peer);
	run_bed_fresh();
	run_bed_put("secret", "guest\n");
	run_bed_put(
		"c.yaml",
		RUN_BED_JOURNAL
		"sources: [{name: s, topic: t, from: {file: in}}]\n" SUBSCRIPTION
		"bridges: [{name: out, subscription: o, to: {rabbitmq: {exchange: e, routing_key: "
		"'x.{topic}', server: {host: 127.0.0.1, port: %u, password_file: secret}}}}]\n",
		peer.port);
	run_bed_put("in", "one\ntwo\nthree\n");
	int code = run_bed_run("c.yaml");
	cr_expect_eq(code, 0);
	cr_expect(run_bed_says("bridge out: rabbitmq sink, 3 events") && run_bed_says(", 0 left"));
	run_bed_end_all();
	peer_end(&peer);
	cr_assert_eq(peer.message_count, 3);
	uint32_t seen = 0;
	for (uint32_t i = 0; i < 3; i++) {
		cr_expect_str_eq(peer.messages[i].routing_key, "x.t");
		seen |= strcmp(peer.messages[i].body, "one") == 0     ? 1
			: strcmp(peer.messages[i].body, "two") == 0   ? 2
			: strcmp(peer.messages[i].body, "three") == 0 ? 4
								      : 8;
	}
	cr_expect_eq(seen, 7);
}

Test(rabbitmq_run, a_source_of_a_config_acknowledges_what_is_durable)
{
	static struct peer peer;
	memset(&peer.script, 0, sizeof peer.script);
	peer.script.delivery_count = 2;
	peer.script.deliveries[0].body = amqp_cstring_bytes("first");
	peer.script.deliveries[1].body = amqp_cstring_bytes("second");
	peer_begin(&peer);
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_SMALL
		    "topics: [{name: t}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n"
		    "bridges: [{name: in, topic: t, from: {rabbitmq: {queue: q, no_dedup: "
		    "yes, server: {host: 127.0.0.1, port: %u}}}}]\n",
		    peer.port);
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", sizeof "first\nsecond\n" - 1);
	while (peer_acked_count(&peer) < 2) {
		const struct timespec moment = {.tv_nsec = 1000000};
		(void)nanosleep(&moment, NULL);
	}
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	cr_expect_eq(code, 0);
	cr_expect_str_eq(run_bed_get("out"), "first\nsecond\n");
	cr_expect(run_bed_says("bridge in: rabbitmq source, 2 events"));
	run_bed_end_all();
	peer_end(&peer);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define HEAD                                                                                       \
	"limits: {idempotency_keys: 9}\ntopics: [{name: a, idempotency: {keys: 9}}]\n"             \
	"subscriptions: [{name: s, topics: [a], session_timeout: 1h}]\nbridges:\n"
#define OUT(text) HEAD "  - {name: o, subscription: s, to: {rabbitmq: {" text "}}}\n"
#define IN(text) HEAD "  - {name: i, topic: a, from: {rabbitmq: {queue: q" text "}}}\n"

static void expect_same_server(const struct weir_rabbitmq_server *a,
			       const struct weir_rabbitmq_server *b)
{
	cr_expect_str_eq(a->host, b->host);
	cr_expect_eq(a->port, b->port);
	cr_expect_str_eq(a->vhost, b->vhost);
	cr_expect_str_eq(a->user, b->user);
	cr_expect_str_eq(a->password, b->password);
	cr_expect(a->tls == b->tls && a->no_verify == b->no_verify && a->external == b->external);
	cr_expect(a->ca_file == b->ca_file && a->cert_file == b->cert_file &&
		  a->key_file == b->key_file);
	cr_expect_eq(a->timeout_ns, b->timeout_ns);
	cr_expect_eq(a->heartbeat_ns, b->heartbeat_ns);
}

Test(rabbitmq_run, what_a_config_leaves_out_is_the_drivers_default)
{
	struct weir_rabbitmq_sink_options sink;
	struct weir_rabbitmq_source_options source;
	uint32_t count;
	struct weir_config *config =
		config_good(OUT("") "  - {name: i, topic: a, from: {rabbitmq: {queue: q}}}\n");
	const struct weir_rabbitmq_sink_options *out =
		weir_config_bridges(config, &count)[0].rabbitmq_sink;
	const struct weir_rabbitmq_source_options *in =
		weir_config_bridges(config, &count)[1].rabbitmq_source;
	weir_rabbitmq_sink_options_init(&sink);
	expect_same_server(&out->server, &sink.server);
	cr_expect_str_eq(out->exchange, sink.exchange);
	cr_expect_str_eq(out->routing_key, sink.routing_key);
	cr_expect(out->declare == sink.declare && out->window == sink.window);
	cr_expect_eq(out->confirm_timeout_ns, sink.confirm_timeout_ns);
	cr_expect_eq(out->message_bytes_max, sink.message_bytes_max);
	weir_rabbitmq_source_options_init(&source);
	expect_same_server(&in->server, &source.server);
	cr_expect(in->declare == source.declare && in->exchange == source.exchange);
	cr_expect_str_eq(in->binding_key, source.binding_key);
	cr_expect(in->prefetch == source.prefetch && in->key == source.key);
	cr_expect(in->key_header == source.key_header && in->no_dedup == source.no_dedup);
	cr_expect_eq(in->deaths_max, source.deaths_max);
	cr_expect_eq(in->when_refused, source.when_refused);
	cr_expect_eq(in->message_bytes_max, source.message_bytes_max);
	cr_expect(in->topic == source.topic && in->dead_letters == source.dead_letters);
	weir_config_destroy(config);
}

static int create(const struct weir_config_bridge *b)
{
	struct weir_rabbitmq *driver = NULL;
	int rc;
	if (b->rabbitmq_sink != NULL) {
		rc = weir_rabbitmq_sink_create(b->rabbitmq_sink, &driver, NULL);
	} else {
		struct weir_rabbitmq_source_options o = *b->rabbitmq_source;
		o.topic = 0;
		rc = weir_rabbitmq_source_create(&o, &driver, NULL);
	}
	weir_rabbitmq_destroy(driver);
	return rc;
}

Test(rabbitmq_run, ranges_end_where_the_drivers_do)
{
	static const char *const ends[] = {
		OUT("window: 1, confirm_timeout: 100ms, server: {timeout: 100ms, heartbeat: 0s, "
		    "port: 1}"),
		OUT("window: 8192, confirm_timeout: 10m, server: {timeout: 10m, heartbeat: 60000s, "
		    "port: 65535}"),
		IN(", prefetch: 1, message_max: 1KiB"),
		IN(", prefetch: 65535, message_max: 64MiB, deaths_max: 4294967295"),
	};
	static const char *const beyond[] = {
		OUT("window: 0"),
		OUT("window: 8193"),
		OUT("confirm_timeout: 99ms"),
		OUT("confirm_timeout: 601s"),
		OUT("server: {timeout: 99ms}"),
		OUT("server: {timeout: 601s}"),
		OUT("server: {heartbeat: 60001s}"),
		OUT("server: {port: 65536}"),
		IN(", prefetch: 0"),
		IN(", prefetch: 65536"),
		IN(", message_max: 1023"),
		IN(", message_max: 65MiB"),
	};
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		uint32_t count;
		struct weir_config *config = config_good(ends[i]);
		cr_expect_eq(create(weir_config_bridges(config, &count)), 0, "%s", ends[i]);
		weir_config_destroy(config);
	}
	for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
		cr_expect(strstr(config_report(beyond[i]), "error: ") != NULL, "%s", beyond[i]);
}
