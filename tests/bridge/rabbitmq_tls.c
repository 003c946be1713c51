/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a bridge tells a broker that it trusts from a stranger, and one of another name; and is
 *         told from a stranger by a broker that asks for certificates. Whom it does not trust gets
 *         nothing, and says why.
 * Method: a real node, by hand. Each case is a sink of its own with ten events; what it says is
 *         looked for, or that all of them went out, which the broker has confirmed.
 *
 *             tools/with-rabbitmq build/tests/bridge_rabbitmq_tls
 *             tools/with-rabbitmq --mutual build/tests/bridge_rabbitmq_tls
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir.h>
#include <weir/rabbitmq.h>

#define EVENTS 10u
#define WAIT_MS 30000u
#define STATE_DIR "rabbitmq-tls.state"

struct tls_case {
	const char *name;
	const char *host;
	const char *ca, *cert, *key; /* variables of the environment; NULL: none */
	bool external;
	const char *why; /* what it says; NULL: all goes out */
};

static const struct tls_case one_way[] = {
	{"an authority that signed it", "localhost", "CA_FILE", NULL, NULL, false, NULL},
	{"an authority that did not", "localhost", "OTHER_CA_FILE", NULL, NULL, false,
	 "peer cert verification failed"},
	{"another name", "127.0.0.1", "CA_FILE", NULL, NULL, false, "hostname verification failed"},
};

static const struct tls_case mutual[] = {
	{"no certificate", "localhost", "CA_FILE", NULL, NULL, false, "SSL error"},
	{"one that nobody there has signed", "localhost", "CA_FILE", "OTHER_CA_FILE",
	 "OTHER_CA_KEY_FILE", false, "SSL error"},
	{"one that they know, and a password", "localhost", "CA_FILE", "CERT_FILE", "KEY_FILE",
	 false, NULL},
	{"one that they know, as the user", "localhost", "CA_FILE", "CERT_FILE", "KEY_FILE", true,
	 NULL},
	{"one that names no user", "localhost", "CA_FILE", "OTHER_CERT_FILE", "OTHER_KEY_FILE",
	 true, "ACCESS_REFUSED"},
};

static unsigned tests, bad;

static void need(bool good, const char *what)
{
	if (good)
		return;
	(void)printf("Bail out! %s\n", what);
	exit(1);
}

static const char *variable(const char *name)
{
	char full[64];
	if (name == NULL)
		return NULL;
	(void)snprintf(full, sizeof full, "RABBITMQ_%s", name);
	return getenv(full);
}

static void nap(void)
{
	const struct timespec moment = {.tv_nsec = 20000000};
	(void)nanosleep(&moment, NULL);
}

/* Nobody reads what goes out: the broker returns it, and it is a dead letter. */
static struct weir_pipeline *open_log(uint32_t *ret_subscription, uint32_t *ret_dead)
{
	static const char *const topics[] = {"work"};
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_subscription_options subscription;
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	uint32_t id;
	weir_options_init(&options);
	weir_topic_options_init(&topic);
	weir_subscription_options_init(&subscription);
	topic.name = subscription.name = "work";
	subscription.topics = topics;
	subscription.topic_count = 1;
	need(weir_open(&options, &pipeline, NULL) == 0, "a log");
	need(weir_topic_create(pipeline, &topic, &id, NULL) == 0, "a topic");
	topic.name = "dead";
	need(weir_topic_create(pipeline, &topic, ret_dead, NULL) == 0, "a topic of dead letters");
	need(weir_subscription_create(pipeline, &subscription, ret_subscription, NULL) == 0,
	     "a subscription");
	need(weir_producer_open(pipeline, NULL, &producer, NULL) == 0, "a producer");
	for (uint32_t i = 0; i < EVENTS; i++) {
		const struct weir_event event = {.topic = id, .payload = "x", .payload_bytes = 1};
		need(weir_publish(producer, &event, NULL) == 0, "an event");
	}
	need(weir_producer_close(producer, WEIR_FOREVER) == 0, "events in the log");
	return pipeline;
}

static struct weir_bridge *start(struct weir_pipeline *pipeline, uint32_t subscription,
				 uint32_t dead, const struct tls_case *c)
{
	struct weir_bridge_options options;
	struct weir_rabbitmq_sink_options sink;
	struct weir_rabbitmq *rabbitmq;
	struct weir_bridge *bridge;
	struct weir_problem why = {0};
	weir_rabbitmq_sink_options_init(&sink);
	sink.exchange = "amq.fanout"; /* there from the start; nobody is bound to it */
	sink.server.host = c->host;
	sink.server.port = (uint32_t)atoi(getenv("RABBITMQ_TLS_PORT"));
	sink.server.tls = true;
	sink.server.ca_file = variable(c->ca);
	sink.server.cert_file = variable(c->cert);
	sink.server.key_file = variable(c->key);
	sink.server.external = c->external;
	sink.server.timeout_ns = 5000000000u;
	int rc = weir_rabbitmq_sink_create(&sink, &rabbitmq, &why);
	if (rc != 0)
		(void)printf("# %s: %s\n", why.field, why.text);
	need(rc == 0, "a sink");
	weir_bridge_options_init(&options);
	options.name = "tls";
	options.direction = WEIR_BRIDGE_SINK;
	options.subscription = subscription;
	options.dead_letters = dead;
	options.ops = weir_rabbitmq_ops();
	options.self = rabbitmq;
	rc = weir_bridge_start(pipeline, &options, &bridge, &why);
	if (rc != 0)
		(void)printf("# %s: %s\n", why.field, why.text);
	need(rc == 0, "a bridge");
	return bridge;
}

/* Until it says what it should, or has sent everything. */
static bool came_to_it(struct weir_bridge *bridge, const struct tls_case *c,
		       struct weir_bridge_status *status)
{
	for (uint32_t ms = 0; ms < WAIT_MS; ms += 20) {
		status->struct_bytes = sizeof *status;
		need(weir_bridge_status(bridge, status) == 0, "a look at the bridge");
		bool is_in_trouble = status->state == WEIR_BRIDGE_RETRYING ||
				     status->state == WEIR_BRIDGE_FAILED;
		if (c->why == NULL && status->state == WEIR_BRIDGE_RUNNING &&
		    status->events + status->dead_letters >= EVENTS)
			return true;
		if (c->why != NULL && is_in_trouble)
			return strstr(status->why, c->why) != NULL;
		nap();
	}
	return false;
}

static void try(const struct tls_case *c)
{
	struct weir_bridge_status status = {0};
	uint32_t subscription, dead;
	struct weir_pipeline *pipeline = open_log(&subscription, &dead);
	struct weir_bridge *bridge = start(pipeline, subscription, dead, c);
	bool good = came_to_it(bridge, c, &status) && (c->why == NULL || status.events == 0);
	(void)printf("%s %u - %s # %s %s\n", good ? "ok" : "not ok", ++tests, c->name,
		     weir_bridge_state_name(status.state), status.why);
	bad += !good;
	(void)weir_bridge_stop(bridge);
	(void)weir_close(pipeline, WEIR_CLOSE_ABORT, 0, NULL);
}

int main(void)
{
	bool is_mutual = getenv("RABBITMQ_CERT_FILE") != NULL;
	const struct tls_case *cases = is_mutual ? mutual : one_way;
	size_t count =
		is_mutual ? sizeof mutual / sizeof *mutual : sizeof one_way / sizeof *one_way;
	if (getenv("RABBITMQ_TLS_PORT") == NULL) {
		(void)printf("1..0 # SKIP tools/with-rabbitmq, and openssl\n");
		return 0;
	}
	(void)printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++)
		try(&cases[i]);
	return bad > 0;
}
