/* SPDX-License-Identifier: Apache-2.0 */
/* See driver.h: options, their copies, and the functions that a bridge calls. */
#include "io/rabbitmq/driver.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS_MIN 100000000ull
#define TIMEOUT_NS_MAX 600000000000ull
#define HEARTBEAT_NS_MAX 60000000000000ull // 60000 s: AMQP has 16 bits for them
#define STACK_BYTES_MIN (4u << 20)
#define BODY_BYTES_MIN 1024u
#define BODY_BYTES_MAX (64u << 20)

static int wrong(struct weir_problem *problem, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int wrong(struct weir_problem *problem, const char *field, const char *format, ...)
{
	va_list arguments;
	if (problem == NULL)
		return -EINVAL;
	problem->code = -EINVAL;
	(void)snprintf(problem->field, sizeof problem->field, "%s", field);
	va_start(arguments, format);
	(void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static void server_init(struct weir_rabbitmq_server *server)
{
	*server = (struct weir_rabbitmq_server){
		.host = "localhost",
		.vhost = "/",
		.user = "guest",
		.password = "guest",
		.timeout_ns = 10000000000u,
		.heartbeat_ns = 10000000000u,
	};
}

void weir_rabbitmq_sink_options_init(struct weir_rabbitmq_sink_options *options)
{
	*options = (struct weir_rabbitmq_sink_options){
		.struct_bytes = sizeof *options,
		.exchange = "",
		.routing_key = "{topic}",
		.window = 1024,
		.confirm_timeout_ns = 20000000000u,
		.message_bytes_max = 128u << 20,
	};
	server_init(&options->server);
}

void weir_rabbitmq_source_options_init(struct weir_rabbitmq_source_options *options)
{
	*options = (struct weir_rabbitmq_source_options){
		.struct_bytes = sizeof *options,
		.topic = UINT32_MAX,
		.binding_key = "#",
		.prefetch = 1024,
		.dead_letters = UINT32_MAX,
		.message_bytes_max = 1u << 20,
	};
	server_init(&options->server);
}

/* ---- checks ---------------------------------------------------------------------------------- */

struct text_rule {
	const char *field;
	const char *value;
	size_t bytes_max;
	bool needed;
};

static int check_texts(const struct text_rule *rules, size_t count, struct weir_problem *problem)
{
	for (size_t i = 0; i < count; i++) {
		size_t bytes = rules[i].value == NULL ? 0 : strlen(rules[i].value);
		if (rules[i].needed && bytes == 0)
			return wrong(problem, rules[i].field, "is needed");
		if (bytes > rules[i].bytes_max)
			return wrong(problem, rules[i].field, "has %zu bytes, and may have %zu",
				     bytes, rules[i].bytes_max);
	}
	return 0;
}

static int check_server(const struct weir_rabbitmq_server *s, struct weir_problem *problem)
{
	const struct text_rule rules[] = {
		{"server.host", s->host, 255, true},
		{"server.vhost", s->vhost, WR_RABBIT_SHORT_BYTES, true},
		{"server.user", s->user, 255, true},
		{"server.password", s->password, 255, false},
		{"server.ca_file", s->ca_file, 4096, s->tls && !s->no_verify},
		{"server.cert_file", s->cert_file, 4096, s->key_file != NULL},
		{"server.key_file", s->key_file, 4096, s->cert_file != NULL},
	};
	int rc = check_texts(rules, sizeof rules / sizeof rules[0], problem);
	if (rc != 0)
		return rc;
	if (s->port > 65535)
		return wrong(problem, "server.port", "is %u, and ports end at 65535", s->port);
	if (!s->tls && (s->ca_file != NULL || s->cert_file != NULL))
		return wrong(problem, "server.tls", "is off, and there are files for it");
	if (s->external && (!s->tls || s->cert_file == NULL))
		return wrong(problem, "server.external",
			     "needs tls, and a cert_file that it names");
	if (s->timeout_ns < TIMEOUT_NS_MIN || s->timeout_ns > TIMEOUT_NS_MAX)
		return wrong(problem, "server.timeout_ns", "is not within 100 ms .. 10 min");
	if (s->heartbeat_ns > HEARTBEAT_NS_MAX ||
	    (s->heartbeat_ns != 0 && s->heartbeat_ns < 1000000000u))
		return wrong(problem, "server.heartbeat_ns", "is neither 0 nor 1 s .. 60000 s");
	return 0;
}

static int check_sink(const struct weir_rabbitmq_sink_options *o, struct weir_problem *problem)
{
	const struct text_rule rules[] = {
		{"exchange", o->exchange, WR_RABBIT_SHORT_BYTES, false},
		{"declare", o->declare, WR_RABBIT_SHORT_BYTES, o->declare != NULL},
	};
	int rc = check_texts(rules, sizeof rules / sizeof rules[0], problem);
	if (rc == 0)
		rc = check_server(&o->server, problem);
	if (rc != 0)
		return rc;
	if (o->exchange == NULL || o->routing_key == NULL)
		return wrong(problem, o->exchange == NULL ? "exchange" : "routing_key", "is NULL");
	const char *why = wr_rabbit_template_check(o->routing_key);
	if (why != NULL)
		return wrong(problem, "routing_key", "%s", why);
	if (o->declare != NULL && o->exchange[0] == 0)
		return wrong(problem, "declare", "the default exchange cannot be made");
	if (o->window == 0 || o->window > WR_RABBIT_WINDOW_MAX)
		return wrong(problem, "window", "is %u, and may be 1 .. %u", o->window,
			     WR_RABBIT_WINDOW_MAX);
	if (o->confirm_timeout_ns < TIMEOUT_NS_MIN || o->confirm_timeout_ns > TIMEOUT_NS_MAX)
		return wrong(problem, "confirm_timeout_ns", "is not within 100 ms .. 10 min");
	return 0;
}

static int check_source(const struct weir_rabbitmq_source_options *o, struct weir_problem *problem)
{
	const struct text_rule rules[] = {
		{"queue", o->queue, WR_RABBIT_SHORT_BYTES, true},
		{"declare", o->declare, WR_RABBIT_SHORT_BYTES, o->declare != NULL},
		{"exchange", o->exchange, WR_RABBIT_SHORT_BYTES, o->exchange != NULL},
		{"binding_key", o->binding_key, WR_RABBIT_SHORT_BYTES, false},
		{"key_header", o->key_header, WR_RABBIT_SHORT_BYTES,
		 o->key == WEIR_RABBITMQ_KEY_HEADER},
	};
	int rc = check_texts(rules, sizeof rules / sizeof rules[0], problem);
	if (rc == 0)
		rc = check_server(&o->server, problem);
	if (rc != 0)
		return rc;
	if (o->exchange != NULL && o->declare == NULL)
		return wrong(problem, "exchange", "a queue is bound only where it is declared");
	if (o->exchange != NULL && o->binding_key == NULL)
		return wrong(problem, "binding_key", "is NULL");
	if (o->topic == UINT32_MAX)
		return wrong(problem, "topic", "is needed");
	if (o->dead_letters == o->topic)
		return wrong(problem, "dead_letters", "is the topic itself");
	if ((unsigned)o->key > WEIR_RABBITMQ_KEY_NONE)
		return wrong(problem, "key", "is none of its values");
	if ((unsigned)o->when_refused > WEIR_RABBITMQ_REFUSED_REJECT)
		return wrong(problem, "when_refused", "is none of its values");
	if (o->prefetch == 0 || o->prefetch > WR_RABBIT_PREFETCH_MAX)
		return wrong(problem, "prefetch", "is %u, and may be 1 .. %u", o->prefetch,
			     WR_RABBIT_PREFETCH_MAX);
	if (o->message_bytes_max < BODY_BYTES_MIN || o->message_bytes_max > BODY_BYTES_MAX)
		return wrong(problem, "message_bytes_max", "is not within 1 KiB .. 64 MiB");
	return 0;
}

/* ---- making one ------------------------------------------------------------------------------ */

/* Move the texts that the options point to into one block of the driver's. */
static int keep_texts(struct weir_rabbitmq *r, const char **texts[], size_t count)
{
	size_t bytes = 1;
	for (size_t i = 0; i < count; i++)
		bytes += *texts[i] == NULL ? 0 : strlen(*texts[i]) + 1;
	char *at = r->texts = malloc(bytes);
	if (at == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (*texts[i] == NULL)
			continue;
		size_t text_bytes = strlen(*texts[i]) + 1;
		memcpy(at, *texts[i], text_bytes);
		*texts[i] = at;
		at += text_bytes;
	}
	return 0;
}

#define SERVER_TEXTS(r)                                                                            \
	&(r)->server.host, &(r)->server.vhost, &(r)->server.user, &(r)->server.password,           \
		&(r)->server.ca_file, &(r)->server.cert_file, &(r)->server.key_file

static void finish(struct weir_rabbitmq *r)
{
	if (r->server.port == 0)
		r->server.port = r->server.tls ? 5671 : 5672;
	r->link.server = &r->server;
	r->link.fd = -1;
}

static int no_memory(struct weir_rabbitmq *r, struct weir_problem *problem)
{
	weir_rabbitmq_destroy(r);
	(void)wrong(problem, "", "no memory for a bridge to RabbitMQ");
	if (problem != NULL)
		problem->code = -ENOMEM;
	return -ENOMEM;
}

int weir_rabbitmq_sink_create(const struct weir_rabbitmq_sink_options *options,
			      struct weir_rabbitmq **ret_rabbitmq,
			      struct weir_problem *reterr_problem)
{
	if (options == NULL || options->struct_bytes != sizeof *options)
		return wrong(reterr_problem, "struct_bytes", "call the init function first");
	int rc = check_sink(options, reterr_problem);
	if (rc != 0)
		return rc;
	struct weir_rabbitmq *r = calloc(1, sizeof *r);
	if (r == NULL)
		return no_memory(r, reterr_problem);
	struct wr_rabbit_sink *s = &r->sink;
	r->is_sink = true;
	s->options = *options;
	r->server = options->server;
	const char **texts[] = {SERVER_TEXTS(r), &s->options.exchange, &s->options.routing_key,
				&s->options.declare};
	s->items = calloc(options->window, sizeof *s->items);
	s->slots = calloc(options->window, sizeof *s->slots);
	s->order = calloc(options->window, sizeof *s->order);
	if (s->items == NULL || s->slots == NULL || s->order == NULL ||
	    keep_texts(r, texts, sizeof texts / sizeof texts[0]) != 0)
		return no_memory(r, reterr_problem);
	s->out.routing_key = s->options.routing_key;
	s->out.message_bytes_max = s->options.message_bytes_max;
	finish(r);
	*ret_rabbitmq = r;
	return 0;
}

int weir_rabbitmq_source_create(const struct weir_rabbitmq_source_options *options,
				struct weir_rabbitmq **ret_rabbitmq,
				struct weir_problem *reterr_problem)
{
	if (options == NULL || options->struct_bytes != sizeof *options)
		return wrong(reterr_problem, "struct_bytes", "call the init function first");
	int rc = check_source(options, reterr_problem);
	if (rc != 0)
		return rc;
	struct weir_rabbitmq *r = calloc(1, sizeof *r);
	if (r == NULL)
		return no_memory(r, reterr_problem);
	struct wr_rabbit_source *s = &r->source;
	s->options = *options;
	r->server = options->server;
	const char **texts[] = {SERVER_TEXTS(r),         &s->options.queue,
				&s->options.declare,     &s->options.exchange,
				&s->options.binding_key, &s->options.key_header};
	s->pending = calloc(options->prefetch, sizeof *s->pending);
	r->room = malloc(options->message_bytes_max);
	if (s->pending == NULL || r->room == NULL ||
	    keep_texts(r, texts, sizeof texts / sizeof texts[0]) != 0)
		return no_memory(r, reterr_problem);
	r->link.room = r->room;
	r->link.room_bytes = options->message_bytes_max;
	s->in.topic = options->topic;
	s->in.key = options->key;
	s->in.key_header = s->options.key_header;
	s->in.dedup = !options->no_dedup;
	finish(r);
	*ret_rabbitmq = r;
	return 0;
}

void weir_rabbitmq_destroy(struct weir_rabbitmq *r)
{
	if (r == NULL)
		return;
	if (r->is_sink) {
		free(r->sink.items);
		free(r->sink.slots);
		free(r->sink.order);
	} else {
		free(r->source.pending);
	}
	free(r->room);
	free(r->texts);
	free(r);
}

/* ---- what a bridge calls --------------------------------------------------------------------- */

/* librabbitmq takes tables apart by recursion, without a limit: as deep as a frame has room for,
 * which takes less than 3 MiB of stack (test_rabbitmq_source.c). */
static int check_stack(struct weir_bridge *bridge)
{
	pthread_attr_t attributes;
	void *base;
	size_t bytes;
	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return weir_bridge_lost(bridge, "no memory to look at the stack");
	(void)pthread_attr_getstack(&attributes, &base, &bytes);
	(void)pthread_attr_destroy(&attributes);
	size_t left = (size_t)((char *)__builtin_frame_address(0) - (char *)base);
	return left >= STACK_BYTES_MIN
		       ? 0
		       : weir_bridge_failed(bridge,
					    "its thread has %zu KiB of stack left, and a "
					    "hostile broker needs 4096: thread.stack_bytes",
					    left / 1024);
}

static int open_driver(void *self, struct weir_bridge *bridge)
{
	struct weir_rabbitmq *r = self;
	r->link.bridge = bridge;
	int rc = check_stack(bridge);
	if (rc != 0)
		return rc;
	return r->is_sink ? wr_rabbit_sink_open(r, bridge) : wr_rabbit_source_open(r, bridge);
}

static int step_driver(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct weir_rabbitmq *r = self;
	return r->is_sink ? wr_rabbit_sink_step(r, bridge, timeout_ns)
			  : wr_rabbit_source_step(r, bridge, timeout_ns);
}

static int drain_driver(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct weir_rabbitmq *r = self;
	return r->is_sink ? wr_rabbit_sink_drain(r, bridge, timeout_ns)
			  : wr_rabbit_source_drain(r, bridge, timeout_ns);
}

static void close_driver(void *self, struct weir_bridge *bridge)
{
	struct weir_rabbitmq *r = self;
	(void)bridge;
	wr_rabbit_link_close(&r->link);
	if (r->is_sink)
		r->sink.count = 0;
	else
		wr_rabbit_source_close(r);
}

static void destroy_driver(void *self)
{
	weir_rabbitmq_destroy(self);
}

const struct weir_bridge_ops *weir_rabbitmq_ops(void)
{
	static const struct weir_bridge_ops ops = {
		.struct_bytes = sizeof ops,
		.system = "rabbitmq",
		.open = open_driver,
		.step = step_driver,
		.drain = drain_driver,
		.close = close_driver,
		.destroy = destroy_driver,
	};
	return &ops;
}
