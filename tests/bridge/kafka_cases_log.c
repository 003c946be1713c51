/* SPDX-License-Identifier: Apache-2.0 */
/* See kafka_cases.h: logs, bridges, and what came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bridge/kafka_cases.h"

#define NUMBERS_MAX 100000u
/* Those without a key are in order by the partition of Kafka's, up to six: number modulo 60. */
#define CLASSES 60u

static struct weir_kafka_property properties[8];
static uint32_t property_count;

static void need(int rc, const char *what, const struct weir_problem *why)
{
	if (rc < 0)
		(void)printf("# %s: %s %s %s\n", what, weir_strerror(rc), why->field, why->text);
	cases_need(rc >= 0, what);
}

static void property(const char *name, const char *value)
{
	cases_need(property_count < sizeof properties / sizeof *properties, "room for a property");
	properties[property_count++] = (struct weir_kafka_property){name, value};
}

void cases_login(const char *servers, const char *user, const char *secret)
{
	const char *plain = getenv("KAFKA_SERVERS");
	property_count = 0;
	property("bootstrap.servers", servers != NULL ? servers : plain);
	property("topic.metadata.refresh.interval.ms", "500");
	if (user == NULL)
		return;
	property("security.protocol", "SASL_PLAINTEXT");
	property("sasl.mechanisms", "PLAIN");
	property("sasl.username", user);
	property("sasl.password", secret);
}

void cases_tls(const char *servers, const char *ca_file, const char *user, const char *secret)
{
	cases_login(servers, user, secret);
	property("security.protocol", user != NULL ? "SASL_SSL" : "SSL"); // the last one counts
	property("ssl.ca.location", ca_file);
}

void cases_certificate(const char *cert_file, const char *key_file)
{
	property("ssl.certificate.location", cert_file);
	property("ssl.key.location", key_file);
}

/* ---- logs ------------------------------------------------------------------------------------ */

static uint32_t topic_of(struct log *l, const char *name, uint32_t partitions, uint32_t versions)
{
	struct weir_topic_options options;
	struct weir_problem why = {0};
	uint32_t id = 0;
	weir_topic_options_init(&options);
	options.name = name;
	options.partitions = partitions;
	options.versioned_keys = versions;
	need(weir_topic_create(l->pipeline, &options, &id, &why), name, &why);
	return id;
}

uint32_t log_subscription_of(struct log *l, const char *name, const char *topic)
{
	struct weir_subscription_options options;
	struct weir_problem why = {0};
	uint32_t id = 0;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = &topic;
	options.topic_count = 1;
	need(weir_subscription_create(l->pipeline, &options, &id, &why), name, &why);
	return id;
}

uint32_t log_subscription(struct log *l, const char *name)
{
	return log_subscription_of(l, name, "sent");
}

void log_open(struct log *l, const char *name, uint32_t partitions)
{
	struct weir_options options;
	struct weir_problem why = {0};
	if (property_count == 0)
		cases_login(NULL, NULL, NULL);
	*l = (struct log){0};
	const char *parent = getenv("TMPDIR");
	/* Not where somebody stands, who may stand in a tree of sources. */
	(void)snprintf(l->dir, sizeof l->dir, "%.900s/kafka-case.%d.%s",
		       parent != NULL ? parent : "/tmp", (int)getpid(), name);
	weir_options_init(&options);
	options.dir = l->dir;
	options.segment_bytes = 8u << 20;
	options.versioned_keys_max = 64;
	need(weir_open(&options, &l->pipeline, &why), name, &why);
	l->sent = topic_of(l, "sent", partitions, 0);
	l->came = topic_of(l, "came", partitions, 0);
	l->dead = topic_of(l, "dead", 1, 0);
	l->positions = topic_of(l, "positions", 1, 64);
	l->subscription = log_subscription(l, "first");
	l->everything = log_subscription_of(l, "everything", "came");
	need(weir_producer_open(l->pipeline, NULL, &l->producer, &why), name, &why);
}

void log_close(struct log *l)
{
	char command[sizeof l->dir + 16];
	(void)weir_producer_close(l->producer, WEIR_FOREVER);
	(void)weir_close(l->pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", l->dir);
	cases_need(system(command) == 0, "a log that is removed");
}

void log_publish_bytes(struct log *l, const char *bytes, size_t size)
{
	const struct weir_event event = {.topic = l->sent,
					 .key = "k",
					 .key_bytes = 1,
					 .payload = bytes,
					 .payload_bytes = size};
	cases_need(weir_publish(l->producer, &event, NULL) == 0, "a publish");
}

void log_publish(struct log *l, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char payload[24], key[16];
		struct weir_event event = {.topic = l->sent, .key = key, .payload = payload};
		l->published++;
		event.payload_bytes = (size_t)snprintf(payload, sizeof payload, "%llu",
						       (unsigned long long)l->published);
		event.key_bytes =
			(size_t)snprintf(key, sizeof key, "k%u", (unsigned)(l->published % 7));
		cases_need(weir_publish(l->producer, &event, NULL) == 0, "a publish");
	}
}

/* ---- bridges --------------------------------------------------------------------------------- */

static struct weir_bridge *start(struct log *l, struct weir_bridge_options *options,
				 const char *name)
{
	struct weir_problem why = {0};
	struct weir_bridge *bridge = NULL;
	options->name = name;
	options->retry_min_ns = 50000000u;
	options->retry_max_ns = 1000000000u;
	need(weir_bridge_start(l->pipeline, options, &bridge, &why), name, &why);
	return bridge;
}

struct weir_bridge *log_sink(struct log *l, const char *name, const char *group,
			     uint32_t subscription, const char *topic, uint32_t transaction_ms)
{
	struct weir_kafka_sink_options sink;
	struct weir_bridge_options options;
	struct weir_problem why = {0};
	weir_bridge_options_init(&options);
	weir_kafka_sink_options_init(&sink);
	options.subscription = subscription;
	options.dead_letters = l->dead;
	sink.properties = properties;
	sink.property_count = property_count;
	sink.group = group;
	sink.topic = topic;
	sink.transaction_time_ns = transaction_ms * 1000000ull;
	need(weir_kafka_sink_create(&sink, &options, &why), name, &why);
	return start(l, &options, name);
}

struct weir_bridge *log_source(struct log *l, const char *name, const char *group,
			       const char *topic, bool newest)
{
	struct weir_kafka_source_options source;
	struct weir_bridge_options options;
	struct weir_problem why = {0};
	weir_bridge_options_init(&options);
	weir_kafka_source_options_init(&source);
	options.positions = l->positions;
	source.properties = properties;
	source.property_count = property_count;
	source.group = group;
	source.topics = &topic;
	source.topic_count = 1;
	source.topic = l->came;
	source.start_newest = newest;
	need(weir_kafka_source_create(&source, &options, &why), name, &why);
	return start(l, &options, name);
}

struct weir_bridge_status cases_look(struct weir_bridge *bridge)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	cases_need(weir_bridge_status(bridge, &status) == 0, "a status");
	return status;
}

bool cases_wait_state(struct weir_bridge *bridge, enum weir_bridge_state state)
{
	for (uint32_t ms = 0; ms < CASES_WAIT_MS && cases_look(bridge).state != state; ms += 20)
		cases_nap_ms(20);
	return cases_look(bridge).state == state;
}

bool cases_wait_why(struct weir_bridge *bridge, const char *part)
{
	struct weir_bridge_status status = cases_look(bridge);
	for (uint32_t ms = 0; ms < CASES_WAIT_MS && strstr(status.why, part) == NULL; ms += 20) {
		cases_nap_ms(20);
		status = cases_look(bridge);
	}
	return strstr(status.why, part) != NULL;
}

static uint64_t lag_of(struct log *l, uint32_t subscription)
{
	struct weir_lag lag;
	cases_need(weir_lag(l->pipeline, subscription, &lag) == 0, "a lag");
	return lag.events;
}

bool log_wait_sent(struct log *l, uint32_t subscription)
{
	uint64_t ticket = 0;
	const struct weir_event event = {.topic = l->dead, .payload = "", .payload_bytes = 0};
	/* What was published is in the log, and in the lag, before this. */
	cases_need(weir_publish(l->producer, &event, &ticket) == 0 &&
			   weir_wait(l->producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0,
		   "a publish");
	for (uint32_t ms = 0; ms < CASES_WAIT_MS && lag_of(l, subscription) > 0; ms += 20)
		cases_nap_ms(20);
	return lag_of(l, subscription) == 0;
}

bool log_wait_came(struct log *l, uint64_t count)
{
	for (uint32_t ms = 0; ms < CASES_WAIT_MS && lag_of(l, l->everything) < count; ms += 20)
		cases_nap_ms(20);
	return lag_of(l, l->everything) == count;
}

bool log_wait_positions(struct log *l, uint64_t count)
{
	uint32_t id = log_subscription_of(l, "looks-at-positions", "positions");
	for (uint32_t ms = 0; ms < CASES_WAIT_MS && lag_of(l, id) < count; ms += 20)
		cases_nap_ms(20);
	return lag_of(l, id) >= count;
}

/* ---- what came ------------------------------------------------------------------------------- */

struct found {
	uint8_t times[NUMBERS_MAX];
	uint64_t last[2][CLASSES]; /* without a key, with one */
	uint64_t end, count, twice, reordered, strangers;
	const char *parent;
	int parents;
};

static void take(struct found *f, const struct weir_item *item)
{
	char text[24] = "";
	struct weir_ids ids;
	memcpy(text, item->payload, item->payload_bytes < 23 ? item->payload_bytes : 23);
	uint64_t number = strtoull(text, NULL, 10);
	weir_item_ids(item, &ids);
	if (f->parent != NULL && ids.traceparent_bytes == strlen(f->parent))
		f->parents += memcmp(ids.traceparent, f->parent, ids.traceparent_bytes) == 0;
	if (item->kind != WEIR_ITEM_EVENT || number == 0 || number > f->end ||
	    number >= NUMBERS_MAX) {
		f->strangers++;
		return;
	}
	uint64_t *last =
		item->key != NULL ? &f->last[1][number % 7] : &f->last[0][number % CLASSES];
	f->count++;
	f->twice += f->times[number]++ > 0;
	f->reordered += number < *last;
	*last = number;
}

static void read_came(struct log *l, struct found *f, const char *name)
{
	struct weir_item items[64];
	struct weir_problem why = {0};
	struct weir_member *member = NULL;
	uint32_t id = log_subscription_of(l, name, "came");
	need(weir_member_join(l->pipeline, id, NULL, &member, &why), name, &why);
	int count;
	while ((count = weir_poll(member, items, 64, 1000000000u)) > 0) {
		for (int i = 0; i < count; i++)
			take(f, &items[i]);
		cases_need(weir_ack_all(member) == 0, "an acknowledgement");
	}
	(void)weir_member_leave(member, WEIR_FOREVER);
}

void log_check_came(struct log *l, uint64_t end, const char *text)
{
	static struct found f;
	char line[200];
	f = (struct found){.end = end};
	read_came(l, &f, "audit");
	uint64_t lost = end - (f.count - f.twice);
	(void)snprintf(line, sizeof line,
		       "%s: %llu, lost %llu, twice %llu, reordered %llu, strangers %llu", text,
		       (unsigned long long)end, (unsigned long long)lost,
		       (unsigned long long)f.twice, (unsigned long long)f.reordered,
		       (unsigned long long)f.strangers);
	cases_check(lost == 0 && f.twice == 0 && f.reordered == 0 && f.strangers == 0, line);
}

void log_check_parents(struct log *l, const char *parent, int count)
{
	static struct found f;
	f = (struct found){.end = UINT64_MAX, .parent = parent};
	read_came(l, &f, "parents");
	cases_check(f.parents == count, "traceparent comes with the event");
}
