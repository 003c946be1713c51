/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bridge_life live SYSTEM DIR     publishes up to the number in DIR/upto, which may grow;
 *                                 ends by itself when DIR/end is there and everything has come back
 * bridge_life audit DIR           counts what is in the second log, one line of JSON
 *
 * Event i (from 1) has the number i as its payload and i % KEYS as its key. The producer has a
 * name, so that each event is in the first log once, whatever kills the process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bridge/life.h"

#define KEYS 101u
#define PARTITIONS 4u

static int fail(const char *what, int rc, const struct weir_problem *why)
{
	fprintf(stderr, "%s: %s %s %s\n", what, weir_strerror(rc), why->field, why->text);
	return 1;
}

static bool read_number(const char *dir, const char *name, uint64_t *ret)
{
	char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return false;
	bool good = fscanf(f, "%" SCNu64, ret) == 1;
	(void)fclose(f);
	return good;
}

static int open_log(const char *dir, const char *name, struct weir_pipeline **ret,
		    struct weir_problem *why)
{
	char path[512];
	struct weir_options options;
	weir_options_init(&options);
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	options.dir = path;
	options.segment_bytes = 8u << 20;
	options.idempotency_keys_max = 1u << 20;
	options.versioned_keys_max = 64;
	return weir_open(&options, ret, why);
}

static int make_topic(struct weir_pipeline *p, const char *name, uint32_t window, uint32_t *ret,
		      struct weir_problem *why)
{
	struct weir_topic_options topic;
	weir_topic_options_init(&topic);
	topic.name = name;
	topic.partitions = PARTITIONS;
	topic.idempotency_keys = window;
	return weir_topic_create(p, &topic, ret, why);
}

static int make_subscription(struct weir_pipeline *p, const char *name, const char *topic,
			     uint32_t *ret, struct weir_problem *why)
{
	struct weir_subscription_options options;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = &topic;
	options.topic_count = 1;
	options.session_timeout_ns = 30000000000u;
	return weir_subscription_create(p, &options, ret, why);
}

static int begin(struct life *life, struct weir_problem *why)
{
	int rc = open_log(life->dir, "out.journal", &life->out, why);
	if (rc == 0)
		rc = open_log(life->dir, "in.journal", &life->in, why);
	if (rc == 0)
		rc = make_topic(life->out, "sent", 0, &life->out_topic, why);
	if (rc == 0)
		rc = make_subscription(life->out, "bridge", "sent", &life->out_subscription, why);
	if (rc == 0)
		rc = make_topic(life->in, "came", 1u << 18, &life->in_topic, why);
	if (rc == 0)
		rc = make_topic(life->in, "dead", 0, &life->in_dead, why);
	if (rc == 0)
		rc = make_subscription(life->in, "everything", "came", &life->in_everything, why);
	return rc;
}

/* ---- live ------------------------------------------------------------------------------------ */

static void told(void *context, const char *name, enum weir_bridge_state state, const char *why)
{
	(void)context;
	fprintf(stderr, "%d %s is %s%s%s\n", (int)getpid(), name, weir_bridge_state_name(state),
		why[0] != 0 ? ": " : "", why);
}

static struct weir_bridge *start(struct weir_pipeline *p, struct weir_bridge_options *options)
{
	struct weir_problem why = {0};
	struct weir_bridge *bridge = NULL;
	options->retry_min_ns = 50000000u;
	options->retry_max_ns = 1000000000u;
	options->state_fn = told;
	int rc = weir_bridge_start(p, options, &bridge, &why);
	if (rc != 0)
		(void)fail("weir_bridge_start", rc, &why);
	return bridge;
}

/* Publish up to `end`; 0, or what a call said. */
static int publish(struct weir_producer *producer, uint32_t topic, uint64_t *at, uint64_t end)
{
	while (*at <= end) {
		char payload[24], key[16];
		int payload_bytes = snprintf(payload, sizeof payload, "%" PRIu64, *at);
		int key_bytes = snprintf(key, sizeof key, "key-%u", (unsigned)(*at % KEYS));
		const struct weir_event event = {.topic = topic,
						 .key = key,
						 .key_bytes = (size_t)key_bytes,
						 .payload = payload,
						 .payload_bytes = (size_t)payload_bytes};
		int rc = weir_publish(producer, &event, NULL);
		if (rc != 0)
			return rc;
		++*at;
	}
	return 0;
}

static bool is_running(struct weir_bridge *bridge)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	return weir_bridge_status(bridge, &status) == 0 && status.state == WEIR_BRIDGE_RUNNING;
}

static bool is_over(const struct life *life, struct weir_bridge *source, uint64_t published)
{
	uint64_t end;
	struct weir_lag out, in;
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	return read_number(life->dir, "end", &end) && published >= end &&
	       weir_lag(life->out, life->out_subscription, &out) == 0 && out.events == 0 &&
	       weir_lag(life->in, life->in_everything, &in) == 0 && in.events >= end &&
	       weir_bridge_status(source, &status) == 0 && status.lag_events == 0;
}

static int live(struct life *life, const struct life_system *system)
{
	struct weir_problem why = {0};
	struct weir_producer *producer = NULL;
	struct weir_producer_last last;
	struct weir_producer_options options;
	struct weir_bridge_options sink, source;
	const struct timespec nap = {.tv_nsec = 5000000};
	int rc = begin(life, &why);
	weir_producer_options_init(&options);
	options.name = "feed";
	if (rc == 0)
		rc = weir_producer_open(life->out, &options, &producer, &why);
	if (rc == 0)
		rc = weir_producer_last(producer, &last);
	if (rc != 0)
		return fail("opening", rc, &why);
	weir_bridge_options_init(&sink);
	sink.name = "out";
	sink.direction = WEIR_BRIDGE_SINK;
	sink.subscription = life->out_subscription;
	weir_bridge_options_init(&source);
	source.name = "in";
	source.direction = WEIR_BRIDGE_SOURCE;
	if (!system->make_source(life, &source) || !system->make_sink(life, &sink))
		return 1;
	/* The source first: it makes what the sink sends to. */
	struct weir_bridge *in = start(life->in, &source);
	while (in != NULL && !is_running(in))
		(void)nanosleep(&nap, NULL);
	struct weir_bridge *out = in == NULL ? NULL : start(life->out, &sink);
	if (out == NULL)
		return 1;
	uint64_t at = last.producer_sequence + 1, upto = 0;
	do {
		(void)nanosleep(&nap, NULL);
		if (read_number(life->dir, "upto", &upto))
			rc = publish(producer, life->out_topic, &at, upto);
	} while (rc == 0 && !is_over(life, in, at - 1));
	/* What would come twice comes now: the source goes on for a moment. */
	(void)sleep(1);
	if (rc != 0)
		return fail("publishing", rc, &why);
	rc = weir_bridge_stop(out);
	int stopped = weir_bridge_stop(in);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	(void)weir_close(life->out, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	(void)weir_close(life->in, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 ? stopped != 0 : 1;
}

/* ---- audit ----------------------------------------------------------------------------------- */

struct audit {
	uint64_t published;
	uint8_t *times; /* how often each was there, up to 255 */
	uint64_t last[KEYS];
	uint64_t delivered, duplicates, strangers;
	bool reordered[KEYS];
};

static void look_at(struct audit *a, const struct weir_item *item)
{
	char text[24] = "";
	if (item->kind != WEIR_ITEM_EVENT || item->payload_bytes >= sizeof text) {
		a->strangers++;
		return;
	}
	memcpy(text, item->payload, item->payload_bytes);
	uint64_t number = strtoull(text, NULL, 10);
	if (number == 0 || number > a->published) {
		a->strangers++;
		return;
	}
	uint32_t key = (uint32_t)(number % KEYS);
	if (a->times[number]++ != 0) {
		a->duplicates++;
		return;
	}
	a->delivered++;
	if (number < a->last[key])
		a->reordered[key] = true;
	a->last[key] = number;
}

static int audit(struct life *life)
{
	static struct audit a;
	struct weir_problem why = {0};
	struct weir_member *member = NULL;
	struct weir_item items[256];
	struct weir_lag dead;
	uint32_t subscription;
	int rc = begin(life, &why);
	if (rc == 0)
		rc = make_subscription(life->in, "audit", "came", &subscription, &why);
	if (rc == 0)
		rc = weir_member_join(life->in, subscription, NULL, &member, &why);
	struct weir_producer_options options;
	struct weir_producer *producer = NULL;
	struct weir_producer_last last = {0};
	weir_producer_options_init(&options);
	options.name = "feed";
	if (rc == 0)
		rc = weir_producer_open(life->out, &options, &producer, &why);
	if (rc == 0)
		rc = weir_producer_last(producer, &last);
	if (rc != 0)
		return fail("opening for the audit", rc, &why);
	a.published = last.producer_sequence;
	a.times = calloc(a.published + 1, 1);
	if (a.times == NULL)
		return fail("memory", -ENOMEM, &why);
	int count;
	while ((count = weir_poll(member, items, 256, 2000000000u)) > 0) {
		for (int i = 0; i < count; i++)
			look_at(&a, &items[i]);
	}
	uint32_t reordered = 0;
	for (uint32_t i = 0; i < KEYS; i++)
		reordered += a.reordered[i];
	uint32_t letters;
	rc = make_subscription(life->in, "letters", "dead", &letters, &why);
	if (rc == 0)
		rc = weir_lag(life->in, letters, &dead);
	if (rc != 0)
		return fail("dead letters", rc, &why);
	printf("{\"published\": %" PRIu64 ", \"delivered\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"duplicates\": %" PRIu64 ", \"reordered_keys\": %u, \"strangers\": %" PRIu64
	       ", \"dead_letters\": %" PRIu64 "}\n",
	       a.published, a.delivered, a.published - a.delivered, a.duplicates, reordered,
	       a.strangers, dead.events);
	free(a.times);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	(void)weir_member_leave(member, WEIR_FOREVER);
	(void)weir_close(life->out, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	(void)weir_close(life->in, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return count < 0;
}

static const struct life_system *const systems[] = {
#ifdef WR_HAVE_KAFKA
	&life_kafka,
#endif
#ifdef WR_HAVE_RABBITMQ
	&life_rabbitmq,
#endif
	NULL,
};

int main(int argc, char **argv)
{
	struct life life = {.dir = argc > 2 ? argv[argc - 1] : ""};
	if (argc == 3 && strcmp(argv[1], "audit") == 0)
		return audit(&life);
	for (size_t i = 0; argc == 4 && strcmp(argv[1], "live") == 0 && systems[i] != NULL; i++) {
		if (strcmp(systems[i]->name, argv[2]) == 0)
			return live(&life, systems[i]);
	}
	fprintf(stderr, "usage: bridge_life live SYSTEM DIR, or bridge_life audit DIR; systems:");
	for (size_t i = 0; systems[i] != NULL; i++)
		fprintf(stderr, " %s", systems[i]->name);
	fprintf(stderr, "\n");
	return 2;
}
