/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridges both ways to a Kafka that is none: it answers what no broker says, refuses connections,
 * or never answers. They are retrying, say why, take nothing for sent or read, and are stopped
 * while they wait for an answer. Method: a listener of the test's own, and waits for what a bridge
 * says: a step of a manual one is an attempt; the one that is stopped has a thread, and has said in
 * open() what it waits for. No clock judges: where a machine stands still for seconds an attempt
 * may end otherwise, and the next one ends as it should; a stop that hangs ends by the suite's
 * limit.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/unit/kafka/kafka_bed.h"
#include "tests/unit/kafka/kafka_sink_fixture.h"

#define EVENTS 3
#define NEVER_NS (20 * FIXTURE_LONG_NS)
#define SOON_NS 1000000ull
#define LIMIT_NS (6 * FIXTURE_LONG_NS)

enum nobody_kind { NONSENSE, REFUSED, SILENT };

static const struct nobody_case {
	enum nobody_kind kind;
	const char *says;
	const char *patience_ms; /* librdkafka's with a broker that is silent */
} cases[] = {{NONSENSE, "does not speak Kafka", "300000"},
	     {REFUSED, "refused", "300000"},
	     {SILENT, "imed out", "1000"}};

struct nobody {
	enum nobody_kind kind;
	int listener;
	pthread_t thread;
	char server[32];
};

static void *answer(void *context)
{
	const struct nobody *nobody = context;
	static const char nonsense[] = "HTTP/1.1 400 Bad Request\r\n\r\n\xff\xff\xff\xff\xff\xff";
	char room[512];
	for (int one; (one = accept(nobody->listener, NULL, NULL)) >= 0;) {
		while (recv(one, room, sizeof room, 0) > 0)
			if (nobody->kind == NONSENSE &&
			    send(one, nonsense, sizeof nonsense, MSG_NOSIGNAL) < 0)
				break;
		(void)close(one);
	}
	return NULL;
}

static void nobody_begin(struct nobody *nobody, enum nobody_kind kind)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof address;
	nobody->kind = kind;
	(void)snprintf(nobody->server, sizeof nobody->server, "127.0.0.1:1");
	if (kind == REFUSED)
		return;
	nobody->listener = socket(AF_INET, SOCK_STREAM, 0);
	fixture_need(bind(nobody->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
			     listen(nobody->listener, 8) == 0 &&
			     getsockname(nobody->listener, (struct sockaddr *)&address, &bytes) ==
				     0,
		     "a listener");
	(void)snprintf(nobody->server, sizeof nobody->server, "127.0.0.1:%d",
		       ntohs(address.sin_port));
	fixture_need(pthread_create(&nobody->thread, NULL, answer, nobody) == 0, "a thread");
}

/* After its bridges: it reads what they say until they have gone. */
static void nobody_end(struct nobody *nobody)
{
	if (nobody->kind == REFUSED)
		return;
	(void)shutdown(nobody->listener, SHUT_RDWR);
	(void)pthread_join(nobody->thread, NULL);
	(void)close(nobody->listener);
}

/* ---- bridges --------------------------------------------------------------------------------- */

struct scene {
	struct fixture f;
	struct weir_producer *producer;
	uint32_t topic, positions;
	struct nobody nobody;
	struct weir_kafka_property properties[2];
};

static void begin(struct scene *s, enum nobody_kind kind)
{
	struct weir_topic_options o;
	memset(s, 0, sizeof *s);
	nobody_begin(&s->nobody, kind);
	fixture_init(&s->f, FIXTURE_DURABLE);
	s->f.options.versioned_keys_max = 64;
	fixture_open(&s->f);
	s->topic = fixture_topic(&s->f, "t", 1);
	(void)fixture_subscription(&s->f, "s", "t");
	weir_topic_options_init(&o);
	o.name = "positions";
	o.versioned_keys = 32;
	fixture_need(weir_topic_create(s->f.pipeline, &o, &s->positions, NULL) == 0, "a topic");
	s->producer = fixture_producer(&s->f, NULL);
	kafka_sink_publish(s->producer, s->topic, 0, EVENTS);
	s->properties[0] = (struct weir_kafka_property){.name = "bootstrap.servers",
							.value = s->nobody.server};
}

static void end(struct scene *s)
{
	(void)weir_producer_close(s->producer, WEIR_FOREVER);
	fixture_end(&s->f);
	nobody_end(&s->nobody);
}

static struct weir_bridge *start_sink(struct scene *s, bool manual)
{
	static struct kafka_bed no_bed;
	struct kafka_sink o = kafka_sink_of(&s->f, &no_bed);
	o.kafka.properties = s->properties;
	o.kafka.property_count = 2;
	o.bridge.retry_min_ns = o.bridge.retry_max_ns = manual ? SOON_NS : NEVER_NS;
	o.bridge.manual = manual;
	return kafka_sink_start(&s->f, &o);
}

static struct weir_bridge *start_source(struct scene *s, bool manual)
{
	static const char *const topics[] = {"in"};
	struct weir_kafka_source_options o;
	struct weir_bridge_options general;
	struct weir_problem problem = {0};
	struct weir_bridge *bridge = NULL;
	weir_kafka_source_options_init(&o);
	weir_bridge_options_init(&general);
	o.properties = s->properties;
	o.property_count = 2;
	o.topics = topics;
	o.topic_count = 1;
	o.topic = s->topic;
	general.name = "in";
	general.positions = s->positions;
	general.retry_min_ns = general.retry_max_ns = manual ? SOON_NS : NEVER_NS;
	general.manual = manual;
	int rc = weir_kafka_source_create(&o, &general, &problem);
	if (rc == 0)
		rc = weir_bridge_start(s->f.pipeline, &general, &bridge, &problem);
	fixture_need(rc == 0, problem.text);
	return bridge;
}

typedef struct weir_bridge *(*start_fn)(struct scene *, bool manual);

static void set_patience(struct scene *s, const char *ms)
{
	s->properties[1] =
		(struct weir_kafka_property){.name = "api.version.request.timeout.ms", .value = ms};
}

static void expect_nothing_moved(const struct weir_bridge_status *status)
{
	cr_expect_eq(status->events, 0);
	cr_expect_eq(status->bytes, 0);
	cr_expect_eq(status->repeats, 0);
	cr_expect_eq(status->dead_letters, 0);
}

static void expect_all_left(struct scene *s)
{
	struct weir_lag lag;
	uint32_t id;
	cr_assert_eq(weir_subscription_find(s->f.pipeline, "s", &id), 0);
	cr_assert_eq(weir_lag(s->f.pipeline, id, &lag), 0);
	cr_expect_eq(lag.events, EVENTS, "nothing is taken for sent, and nothing came in");
}

static bool is_told(const struct weir_bridge_status *status, const char *says)
{
	return status->state == WEIR_BRIDGE_RETRYING && strstr(status->why, says) != NULL;
}

static void try_it(struct scene *s, start_fn start, const struct nobody_case *of)
{
	set_patience(s, of->patience_ms);
	struct weir_bridge *bridge = start(s, true);
	struct weir_bridge_status status = kafka_sink_look(bridge);
	uint64_t end_ns = fixture_now_ns() + LIMIT_NS;
	while (!is_told(&status, of->says) && status.state != WEIR_BRIDGE_FAILED &&
	       fixture_now_ns() < end_ns) {
		(void)weir_bridge_step(bridge, SOON_NS);
		status = kafka_sink_look(bridge);
	}
	cr_expect(is_told(&status, of->says), "%s: %s", weir_bridge_state_name(status.state),
		  status.why);
	cr_expect_geq(status.attempts, 1);
	expect_nothing_moved(&status);
	(void)weir_bridge_stop(bridge);
	expect_all_left(s);
}

/* While it waits for an answer: of one that is silent, for as long as it waits at all. */
static void stop_while_it_asks(struct scene *s, start_fn start)
{
	set_patience(s, "300000");
	struct weir_bridge *bridge = start(s, false);
	uint64_t end_ns = fixture_now_ns() + LIMIT_NS;
	struct weir_bridge_status status;
	while ((status = kafka_sink_look(bridge)).why[0] == '\0' && fixture_now_ns() < end_ns)
		fixture_sleep_ns(SOON_NS);
	cr_expect_str_neq(status.why, "");
	cr_expect(status.state == WEIR_BRIDGE_CONNECTING || status.state == WEIR_BRIDGE_RETRYING,
		  "%s", weir_bridge_state_name(status.state));
	expect_nothing_moved(&status);
	(void)weir_bridge_stop(bridge);
	expect_all_left(s);
}

static void meet(start_fn start)
{
	static struct scene s;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin(&s, cases[i].kind);
		try_it(&s, start, &cases[i]);
		stop_while_it_asks(&s, start);
		end(&s);
	}
}

TestSuite(kafka_nobody, .timeout = 600);

Test(kafka_nobody, a_sink_says_what_is_wrong_and_stops)
{
	meet(start_sink);
}

Test(kafka_nobody, a_source_says_what_is_wrong_and_stops)
{
	meet(start_source);
}
