/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `bridges` are read as they are meant; what does not go together is told at its place; a
 *         program gets the drivers' own options, and no secret.
 * Method: texts through the public API, the report compared by its lines; what is explained is
 *         read again and explained again.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/config_bed.h"

#define TOPICS                                                                                     \
	"limits: {versioned_keys: 1000, idempotency_keys: 1000}\n"                                 \
	"topics: [{name: a, idempotency: {keys: 1000}}, {name: b}, {name: p, versioned_keys: "     \
	"1000}]\n"                                                                                 \
	"subscriptions: [{name: s, topics: [a]}, {name: q, topics: [a], order: none}, {name: w, "  \
	"topics: [a], sink: null}, {name: s2, topics: [a]}]\n"
#define HEAD "journal: {dir: j/}\n" TOPICS

static const char *const whole =
	HEAD "threads: {bridge: {cpus: none, name: br, stack: 8MiB}}\n"
	     "bridges:\n"
	     "  - name: out\n"
	     "    subscription: s\n"
	     "    to:\n"
	     "      kafka:\n"
	     "        properties: {bootstrap.servers: \"k:9092\", linger.ms: 5}\n"
	     "        property_files: {sasl.password: /run/p}\n"
	     "        property_env: {ssl.key.password: KEY}\n"
	     "        topic: far\n"
	     "        group: mine\n"
	     "        transaction_events: 500\n"
	     "        transaction_time: 20ms\n"
	     "    dead_letters: b\n"
	     "    state_dir: /var/x\n"
	     "    retry_min: 1s\n"
	     "    retry_max: 2m\n"
	     "    drain: 3s\n"
	     "  - name: in\n"
	     "    topic: a\n"
	     "    positions: p\n"
	     "    from:\n"
	     "      kafka: {properties: {bootstrap.servers: k}, topics: [x, ^y.*], group: g,\n"
	     "        start: newest, skip_unusable: yes}\n"
	     "  - name: rout\n"
	     "    subscription: q\n"
	     "    to:\n"
	     "      rabbitmq:\n"
	     "        server: {host: h, port: 7, vhost: v, user: u, password_env: PW, tls: yes,\n"
	     "          ca_file: ca, cert_file: c, key_file: k, external: yes, timeout: 3s,\n"
	     "          heartbeat: 4s}\n"
	     "        exchange: e\n"
	     "        routing_key: \"x.{key}\"\n"
	     "        declare: fanout\n"
	     "        window: 7\n"
	     "        confirm_timeout: 5s\n"
	     "        message_max: 1MiB\n"
	     "  - name: rin\n"
	     "    topic: a\n"
	     "    dead_letters: b\n"
	     "    from:\n"
	     "      rabbitmq: {server: {password: pw, no_verify: yes, tls: yes}, queue: q,\n"
	     "        declare: quorum, exchange: e, binding_key: 'k.*', prefetch: 9, key: header,\n"
	     "        key_header: id, no_dedup: yes, deaths_max: 3, when_refused: reject,\n"
	     "        message_max: 2KiB}\n"
	     "  - {name: plain, subscription: s2, to: {rabbitmq: {}}}\n";

Test(bridge_keys, kafka_is_read_as_it_is_meant)
{
	struct weir_config *config = config_good(whole);
	uint32_t count;
	const struct weir_config_bridge *b = weir_config_bridges(config, &count);
	cr_assert_eq(count, 5);
	cr_assert_str_eq(b[0].name, "out");
	cr_assert_eq(b[0].direction, WEIR_BRIDGE_SINK);
	cr_assert_eq(b[0].system, WEIR_CONFIG_SYSTEM_KAFKA);
	cr_assert_str_eq(b[0].subscription, "s");
	cr_assert(b[0].topic == NULL && b[0].positions == NULL);
	cr_assert_str_eq(b[0].dead_letters, "b");
	cr_assert_str_eq(b[0].state_dir, "/var/x");
	cr_assert_eq(b[0].retry_min_ns, 1000000000u);
	cr_assert_eq(b[0].retry_max_ns, 120000000000u);
	cr_assert_eq(b[0].drain_ns, 3000000000u);
	const struct weir_kafka_sink_options *sink = b[0].kafka_sink;
	cr_assert_eq(sink->struct_bytes, sizeof *sink);
	cr_assert_eq(sink->property_count, 2);
	cr_assert_str_eq(sink->properties[1].name, "linger.ms");
	cr_assert_str_eq(sink->properties[1].value, "5");
	cr_assert_str_eq(sink->topic, "far");
	cr_assert_str_eq(sink->group, "mine");
	cr_assert_eq(sink->transaction_events_max, 500);
	cr_assert_eq(sink->transaction_time_ns, 20000000);
	cr_assert_eq(b[0].secret_count, 2);
	cr_assert_str_eq(b[0].secrets[0].name, "sasl.password");
	cr_assert_str_eq(b[0].secrets[0].file, "/run/p");
	cr_assert(b[0].secrets[0].env == NULL && b[0].secrets[1].file == NULL);
	cr_assert_str_eq(b[0].secrets[1].env, "KEY");
	cr_assert_eq(b[1].direction, WEIR_BRIDGE_SOURCE);
	cr_assert_str_eq(b[1].positions, "p");
	cr_assert_str_eq(b[1].state_dir, "j.bridges", "beside the journal, not in it");
	const struct weir_kafka_source_options *source = b[1].kafka_source;
	cr_assert_eq(source->struct_bytes, sizeof *source);
	cr_assert_eq(source->topic_count, 2);
	cr_assert_str_eq(source->topics[1], "^y.*");
	cr_assert(source->start_newest && source->skip_unusable);
	cr_assert_str_eq(source->group, "g");
	weir_config_destroy(config);
}

Test(bridge_keys, rabbitmq_is_read_as_it_is_meant)
{
	struct weir_config *config = config_good(whole);
	uint32_t count;
	const struct weir_config_bridge *b = weir_config_bridges(config, &count);
	const struct weir_rabbitmq_sink_options *sink = b[2].rabbitmq_sink;
	const struct weir_rabbitmq_server *server = &sink->server;
	cr_assert_eq(b[2].system, WEIR_CONFIG_SYSTEM_RABBITMQ);
	cr_assert_eq(sink->struct_bytes, sizeof *sink);
	cr_assert_str_eq(server->host, "h");
	cr_assert_eq(server->port, 7);
	cr_assert_str_eq(server->vhost, "v");
	cr_assert_str_eq(server->user, "u");
	cr_assert(server->tls && !server->no_verify && server->external);
	cr_assert_str_eq(server->ca_file, "ca");
	cr_assert_str_eq(server->cert_file, "c");
	cr_assert_str_eq(server->key_file, "k");
	cr_assert_eq(server->timeout_ns, 3000000000u);
	cr_assert_eq(server->heartbeat_ns, 4000000000u);
	cr_assert_eq(b[2].secret_count, 1);
	cr_assert_str_eq(b[2].secrets[0].name, "password");
	cr_assert_str_eq(b[2].secrets[0].env, "PW");
	cr_assert_str_eq(sink->exchange, "e");
	cr_assert_str_eq(sink->routing_key, "x.{key}");
	cr_assert_str_eq(sink->declare, "fanout");
	cr_assert_eq(sink->window, 7);
	cr_assert_eq(sink->confirm_timeout_ns, 5000000000u);
	cr_assert_eq(sink->message_bytes_max, 1u << 20);
	const struct weir_rabbitmq_source_options *source = b[3].rabbitmq_source;
	cr_assert_eq(source->struct_bytes, sizeof *source);
	cr_assert_str_eq(b[3].dead_letters, "b");
	cr_assert_str_eq(source->server.password, "pw");
	cr_assert(source->server.tls && source->server.no_verify);
	cr_assert_eq(b[3].secret_count, 0);
	cr_assert_str_eq(source->queue, "q");
	cr_assert_str_eq(source->declare, "quorum");
	cr_assert_str_eq(source->exchange, "e");
	cr_assert_str_eq(source->binding_key, "k.*");
	cr_assert_eq(source->prefetch, 9);
	cr_assert_eq(source->key, WEIR_RABBITMQ_KEY_HEADER);
	cr_assert_str_eq(source->key_header, "id");
	cr_assert(source->no_dedup && source->deaths_max == 3);
	cr_assert_eq(source->when_refused, WEIR_RABBITMQ_REFUSED_REJECT);
	cr_assert_eq(source->message_bytes_max, 2048);
	sink = b[4].rabbitmq_sink;
	cr_assert_str_eq(sink->server.password, "guest");
	cr_assert_str_eq(sink->exchange, "");
	cr_assert(sink->declare == NULL && sink->server.port == 0);
	weir_config_destroy(config);
}

Test(bridge_keys, each_has_a_thread_as_the_file_says)
{
	struct weir_config *config = config_good(whole);
	struct weir_thread_options thread;
	cr_assert_eq(weir_config_thread(config, WEIR_CONFIG_THREAD_OF_BRIDGE, 4, &thread), 0);
	cr_assert_str_eq(thread.name, "br4");
	cr_assert_eq(thread.stack_bytes, 8u << 20);
	cr_assert_eq(thread.cpu_count, 0, "those of housekeeping");
	cr_assert_lt(weir_config_thread(config, WEIR_CONFIG_THREAD_OF_BRIDGE, 5, &thread), 0);
	weir_config_destroy(config);
}

static char *explained(const char *yaml)
{
	struct weir_config *config = config_good(yaml);
	size_t bytes = weir_config_explain(config, NULL, NULL, 0);
	char *text = malloc(bytes + 1);
	cr_assert(bytes > 0 && text != NULL);
	(void)weir_config_explain(config, NULL, text, bytes + 1);
	weir_config_destroy(config);
	return text;
}

Test(bridge_keys, what_is_explained_means_the_same)
{
	char *first = explained(whole);
	char *second = explained(first);
	char *third = explained(second);
	cr_assert_str_eq(second, third);
	cr_assert_not_null(strstr(first, "property_files: {sasl.password: /run/p}"));
	cr_assert_not_null(strstr(first, "routing_key: \"x.{key}\""));
	cr_assert_not_null(strstr(first, "declare: quorum"));
	free(first);
	free(second);
	free(third);
}

/* ---- mistakes ---- */

#define OUT(text) HEAD "bridges:\n  - {name: o, subscription: s, " text "}\n"
#define IN(text) HEAD "bridges:\n  - {name: o, topic: a, " text "}\n"
#define KAFKA "kafka: {properties: {bootstrap.servers: k}}"

static const struct {
	const char *yaml;
	const char *line; /* of the report */
} mistakes[] = {
	{HEAD "bridges:\n  - {name: o, subscription: z, to: {" KAFKA "}}\n",
	 "x:6:29: error: there is no subscription \"z\""},
	{HEAD "bridges:\n  - {name: o, subscription: s3, to: {" KAFKA "}}\n",
	 "there is no subscription \"s3\"; did you mean \"s\"?"},
	{HEAD "bridges:\n  - {name: o, subscription: q, to: {" KAFKA "}}\n",
	 "x:6:29: error: subscription: Kafka's positions are of partitions"},
	{HEAD "bridges:\n  - {name: o, subscription: w, to: {rabbitmq: {}}}\n",
	 "subscription: it has a sink of its own"},
	{"topics: [{name: a}]\nsubscriptions: [{name: s, topics: [a], transform: '{\"Input\": "
	 "\"1\"}'}]\nbridges:\n  - {name: o, subscription: s, to: {rabbitmq: {}}}\n",
	 "x:4:29: error: subscription: it has a transformer, which a bridge does not apply"},
	{HEAD "bridges:\n  - {name: o, to: {rabbitmq: {}}}\n",
	 "x:6:5: error: a bridge with to has a subscription, whose events go out"},
	{HEAD "bridges:\n  - {name: o, topic: a}\n",
	 "x:6:5: error: a bridge has one of to and from\n"},
	{OUT("to: {rabbitmq: {}}, from: {rabbitmq: {queue: q}}"),
	 "a bridge has one of to and from, not both"},
	{OUT("to: {kafca: {}}"),
	 "x:6:37: error: unknown key \"kafca\" in bridges[0].to; did you mean \"kafka\"?"},
	{OUT("to: {kafka: {}, rabbitmq: {}}"), "bridges[0].to needs one of kafka, rabbitmq"},
	{OUT("to: kafka"), "bridges[0].to needs one of kafka, rabbitmq"},
	{OUT("to: {kafka: {propertys: {}}}"),
	 "unknown key \"propertys\" in bridges[0].to.kafka; did you mean \"properties\"?"},
	{OUT("to: {kafka: {properties: {a: b}, property_env: {a: A}}}"),
	 "error: a second property \"a\""},
	{OUT("to: {kafka: {transaction_time: 1m}}"), "\"1m\" is too large"},
	{OUT("topic: a, to: {" KAFKA "}"), "topic: this is of bridges with from only"},
	{OUT("dead_letters: a, to: {" KAFKA "}"),
	 "x:6:46: error: dead_letters: its subscription reads this topic"},
	{HEAD "bridges:\n  - {name: o, subscription: s, to: {kafka: {group: g}}}\n"
	      "  - {name: p, subscription: s2, to: {kafka: {group: g}}}\n",
	 "x:7:53: error: a second bridge to Kafka of the group \"g\""},
	{OUT("dead_letters: c, to: {" KAFKA "}"), "there is no topic \"c\""},
	{OUT("state_dir: j, to: {" KAFKA "}"), "state_dir: this is the journal's"},
	{OUT("retry_max: 1ms, to: {" KAFKA "}"), "retry_max: it is less than retry_min"},
	{OUT("to: {rabbitmq: {declare: topik, exchange: e}}"), "did you mean topic?"},
	{OUT("to: {rabbitmq: {declare: topic}}"), "declare: the default exchange cannot be made"},
	{OUT("to: {rabbitmq: {confirm_timeout: 10m}}"),
	 "confirm_timeout: a member that waits so long is taken for dead"},
	{OUT("to: {rabbitmq: {server: {heartbeat: 1500ms}}}"), "heartbeat: AMQP has whole seconds"},
	{OUT("to: {rabbitmq: {server: {password: a, password_file: b}}}"),
	 "password_file: the password is said twice"},
	{OUT("to: {rabbitmq: {server: {ca_file: a}}}"), "ca_file: this is of tls only"},
	{OUT("to: {rabbitmq: {server: {tls: yes}}}"),
	 "tls: nobody says who may have signed the certificate"},
	{OUT("to: {rabbitmq: {server: {tls: yes, ca_file: a, key_file: k}}}"),
	 "key_file: a certificate and its key go together"},
	{IN("from: {" KAFKA "}"), "x:6:32: error: bridges[0].from.kafka has no topics"},
	{IN("from: {kafka: {topics: []}}"), "bridges[0].from.kafka.topics is empty: at least 1"},
	{IN("from: {kafka: {topics: [x]}}"), "x:6:5: error: a bridge from Kafka has positions"},
	{IN("positions: b, from: {kafka: {topics: [x]}}"),
	 "positions: the keys of this topic have no versions"},
	{IN("positions: pp, from: {kafka: {topics: [x]}}"),
	 "there is no topic \"pp\"; did you mean \"p\"?"},
	{IN("positions: p, dead_letters: b, from: {kafka: {topics: [x]}}"),
	 "dead_letters: a bridge from Kafka has none"},
	{IN("positions: p, from: {rabbitmq: {queue: q}}"),
	 "positions: this is of bridges from Kafka only"},
	{IN("subscription: s, from: {rabbitmq: {queue: q}}"),
	 "subscription: this is of bridges with to only"},
	{IN("dead_letters: a, from: {rabbitmq: {queue: q}}"),
	 "dead_letters: this is where its events go"},
	{IN("from: {rabbitmq: {queue: q, exchange: e}}"),
	 "exchange: a queue is bound only where it is declared"},
	{IN("from: {rabbitmq: {queue: q, binding_key: e}}"),
	 "binding_key: this is of bindings only"},
	{IN("from: {rabbitmq: {queue: q, key_header: e}}"), "key_header: nobody looks at it"},
	{IN("from: {rabbitmq: {queue: q, key: header}}"),
	 "key_header: there is none, and key: header wants one"},
	{IN("from: {rabbitmq: {}}"), "bridges[0].from.rabbitmq has no queue"},
	{HEAD "bridges:\n  - {name: o, topic: b, from: {rabbitmq: {queue: q}}}\n",
	 "topic: it has no window of idempotency keys"},
	{HEAD "bridges:\n  - {name: o, subscription: s, to: {rabbitmq: {}}}\n"
	      "  - {name: o, subscription: s, to: {rabbitmq: {}}}\n",
	 "x:7:12: error: a second bridge \"o\""},
	{HEAD "bridges:\n  - {name: o, subscription: s, to: {rabbitmq: {}}}\n"
	      "  - {name: p, subscription: s, to: {rabbitmq: {}}}\n",
	 "x:7:29: error: a second bridge of subscription \"s\""},
	{HEAD "threads: {bridge: {stack: 1MiB}}\nbridges:\n"
	      "  - {name: o, subscription: s, to: {rabbitmq: {}}}\n",
	 "x:5:27: error: threads.bridge.stack: a bridge to or from RabbitMQ needs 4 MiB"},
	{"limits: {members: 1}\ntopics: [{name: a}]\n"
	 "subscriptions: [{name: s, topics: [a]}, {name: t, topics: [a]}]\nbridges:\n"
	 "  - {name: o, subscription: s, to: {rabbitmq: {}}}\n"
	 "  - {name: p, subscription: t, to: {rabbitmq: {}}}\n",
	 "bridges: with what they take there are 2 members, and limits.members is 1"},
	{TOPICS "bridges:\n  - {name: o, subscription: s, to: {rabbitmq: {}}}\n",
	 "warning: without a journal what was under way is lost with the process"},
};

Test(bridge_keys, what_cannot_be_is_told_at_its_place)
{
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		const char *report = config_report(mistakes[i].yaml);
		cr_expect(strstr(report, mistakes[i].line) != NULL, "no \"%s\" in\n%s",
			  mistakes[i].line, report);
	}
}
