/* SPDX-License-Identifier: Apache-2.0 */
/* The table: bridges to and from RabbitMQ. Ranges are those of weir_rabbitmq_*_create(). */
#include "io/config/keys_inner.h"

#define SERVER(member) AT(struct wr_config_rabbitmq, member)
#define SINK(member) AT(struct wr_config_rabbitmq_sink, member)
#define SOURCE(member) AT(struct wr_config_rabbitmq_source, member)

#define SECOND 1000000000ull
#define MILLISECOND 1000000ull

/* ---- where the broker is ---- */

static const struct wr_config_key server_keys[] = {
	{.name = "host",
	 SERVER(server.host),
	 .type = WR_CONFIG_TEXT,
	 .fallback = "localhost",
	 .doc = "Name or address"},
	{.name = "port",
	 SERVER(server.port),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 65535,
	 .absent = "5672, or 5671 with tls",
	 .doc = "Its port"},
	{.name = "vhost",
	 SERVER(server.vhost),
	 .type = WR_CONFIG_TEXT,
	 .fallback = "/",
	 .doc = "The virtual host"},
	{.name = "user",
	 SERVER(server.user),
	 .type = WR_CONFIG_TEXT,
	 .fallback = "guest",
	 .doc = "Who logs in; RabbitMQ lets guest in from its own host only"},
	{.name = "password",
	 SERVER(server.password),
	 .type = WR_CONFIG_TEXT,
	 .absent = "that of the two keys below, or guest",
	 .doc = "In clear, for whoever reads the file or what is made of it"},
	{.name = "password_file",
	 SERVER(password_file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "another one",
	 .doc = "The password is the content of this file, without a line feed at its end"},
	{.name = "password_env",
	 SERVER(password_env),
	 .type = WR_CONFIG_TEXT,
	 .absent = "another one",
	 .doc = "The password is that of this variable of the environment"},
	{.name = "external",
	 SERVER(server.external),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Log in as who cert_file names, without user and password (EXTERNAL)"},
	{.name = "tls", SERVER(server.tls), .type = WR_CONFIG_BOOL, .fallback = "no", .doc = "TLS"},
	{.name = "ca_file",
	 SERVER(server.ca_file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none; tls needs it",
	 .doc = "PEM: who may have signed the broker's certificate"},
	{.name = "cert_file",
	 SERVER(server.cert_file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "PEM: a certificate of one's own, with key_file"},
	{.name = "key_file",
	 SERVER(server.key_file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "PEM: its key"},
	{.name = "no_verify",
	 SERVER(server.no_verify),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Take any certificate; for tests"},
	{.name = "timeout",
	 SERVER(server.timeout_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 100 * MILLISECOND,
	 .max = 600 * SECOND,
	 .fallback = "10s",
	 .doc = "For the connection, and for each answer"},
	{.name = "heartbeat",
	 SERVER(server.heartbeat_ns),
	 .type = WR_CONFIG_DURATION,
	 .max = 60000 * SECOND,
	 .fallback = "10s",
	 .doc = "Whole seconds; 0s: none, and a broker that is cut off is noticed late"},
	{0},
};

static const struct wr_config_section server_section = {.keys = server_keys};

#define SERVER_KEY(at)                                                                             \
	{                                                                                          \
		.name = "server", at(common), .type = WR_CONFIG_MAP, .section = &server_section,   \
		.doc = "Where the broker is, and who logs in"                                      \
	}

/* ---- out ---- */

/* Their names are AMQP's. */
static const struct wr_config_choice exchange_choices[] = {
	{"direct", 1, "the routing key is the binding key"},
	{"topic", 2, "by words of the routing key"},
	{"fanout", 3, "to every queue that is bound"},
	{"headers", 4, "by headers"},
	{0},
};

static const struct wr_config_key sink_keys[] = {
	SERVER_KEY(SINK),
	{.name = "exchange",
	 SINK(options.exchange),
	 .type = WR_CONFIG_TEXT,
	 .absent = "the default exchange, where the routing key is the name of a queue",
	 .doc = "The exchange that it publishes to"},
	{.name = "routing_key",
	 SINK(options.routing_key),
	 .type = WR_CONFIG_TEXT,
	 .fallback = "{topic}",
	 .doc = "A template: {topic}, {key} and {type} are the event's, {{ is a brace"},
	{.name = "declare",
	 SINK(declare),
	 .type = WR_CONFIG_CHOICE,
	 .choices = exchange_choices,
	 .absent = "the exchange has to be there",
	 .doc = "Make the exchange, durable, of this type, or find it as such"},
	{.name = "window",
	 SINK(options.window),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 8192,
	 .fallback = "1024",
	 .doc = "Events that are published, and then waited for"},
	{.name = "confirm_timeout",
	 SINK(options.confirm_timeout_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 100 * MILLISECOND,
	 .max = 600 * SECOND,
	 .fallback = "20s",
	 .doc = "Without a confirm for so long the connection is taken for lost"},
	{.name = "message_max",
	 SINK(options.message_bytes_max),
	 .type = WR_CONFIG_SIZE,
	 .fallback = "128MiB",
	 .doc = "Larger payloads are dead letters: the broker's max_message_size"},
	{0},
};

const struct wr_config_section wr_config_rabbitmq_sink = {.keys = sink_keys};

/* ---- in ---- */

static const struct wr_config_choice queue_choices[] = {
	{"classic", 1, "on one node"},
	{"quorum", 2, "on most nodes of a cluster"},
	{0},
};

static const struct wr_config_choice key_choices[] = {
	{"auto", WEIR_RABBITMQ_KEY_AUTO, "the header weir-key, else the routing key"},
	{"routing", WEIR_RABBITMQ_KEY_ROUTING, "the routing key"},
	{"header", WEIR_RABBITMQ_KEY_HEADER, "that of key_header; without it the event has none"},
	{"none", WEIR_RABBITMQ_KEY_NONE, "events have no key"},
	{0},
};

static const struct wr_config_choice refused_choices[] = {
	{"fail", WEIR_RABBITMQ_REFUSED_FAIL, "the bridge fails, and the message stays"},
	{"reject", WEIR_RABBITMQ_REFUSED_REJECT,
	 "to the queue's dead-letter exchange; a queue without one drops it"},
	{0},
};

static const struct wr_config_key source_keys[] = {
	SERVER_KEY(SOURCE),
	{.name = "queue",
	 SOURCE(options.queue),
	 .type = WR_CONFIG_TEXT,
	 .required = true,
	 .doc = "The queue that it consumes"},
	{.name = "declare",
	 SOURCE(declare),
	 .type = WR_CONFIG_CHOICE,
	 .choices = queue_choices,
	 .absent = "the queue has to be there",
	 .doc = "Make the queue, durable, of this type, or find it as such"},
	{.name = "exchange",
	 SOURCE(options.exchange),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "With declare: an exchange that the queue is bound to"},
	{.name = "binding_key",
	 SOURCE(options.binding_key),
	 .type = WR_CONFIG_TEXT,
	 .fallback = "#",
	 .doc = "With exchange: what the queue wants of it"},
	{.name = "prefetch",
	 SOURCE(options.prefetch),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 65535,
	 .fallback = "1024",
	 .doc = "Messages that are taken, and not yet acknowledged"},
	{.name = "key",
	 SOURCE(options.key),
	 .type = WR_CONFIG_CHOICE,
	 .choices = key_choices,
	 .fallback = "auto",
	 .doc = "Where the key of an event is from"},
	{.name = "key_header",
	 SOURCE(options.key_header),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "With key: header, its name"},
	{.name = "no_dedup",
	 SOURCE(options.no_dedup),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "A message-id is no idempotency key: for topics without a window"},
	{.name = "deaths_max",
	 SOURCE(options.deaths_max),
	 .type = WR_CONFIG_COUNT,
	 .max = UINT32_MAX,
	 .fallback = "0",
	 .doc = "A message that has died or was delivered so often is refused; 0: however often"},
	{.name = "when_refused",
	 SOURCE(options.when_refused),
	 .type = WR_CONFIG_CHOICE,
	 .choices = refused_choices,
	 .fallback = "fail",
	 .doc = "What becomes of a message that cannot be an event, without dead_letters"},
	{.name = "message_max",
	 SOURCE(options.message_bytes_max),
	 .type = WR_CONFIG_SIZE,
	 .min = KIB,
	 .max = 64 * MIB,
	 .fallback = "1MiB",
	 .doc = "Memory for one message: larger ones are refused"},
	{0},
};

const struct wr_config_section wr_config_rabbitmq_source = {.keys = source_keys};
