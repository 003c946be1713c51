/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many events a second a sink brings to Kafka: for tools/measure/kafka_sink.sh, which has a
 * broker and Kafka's own load generator beside it.
 *
 * usage: bridge_kafka_rate make TOPIC PARTITIONS    a topic of Kafka's
 *        bridge_kafka_rate drop TOPIC
 *        bridge_kafka_rate marks TOPIC RECORDS      transactions of RECORDS in it, one number
 *        bridge_kafka_rate send TOPIC PARTITIONS EVENTS BYTES TRANSACTION_EVENTS DIR
 *                               [NAME=VALUE...]
 *                                                  events a second, one number
 * The broker is where KAFKA_SERVERS says. NAME=VALUE: properties of the sink.
 *
 * `send` publishes EVENTS of BYTES into a journal in DIR, durable, while the sink sends them: at
 * most three transactions ahead of it, so that both go on all the time. The clock starts at the
 * first publish, the bridge being connected, and stops when the last transaction has ended and is
 * acknowledged to the log. A transaction ends with TRANSACTION_EVENTS, or after a second.
 *
 * `marks`: each transaction leaves one record of Kafka's own in each partition that it wrote to, so
 * the ends of the partitions say how many there were, when all wrote to all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <librdkafka/rdkafka.h>
#include <weir.h>
#include <weir/kafka.h>

#define PROPERTIES_MAX 16
#define ANSWER_MS 30000
#define CONNECT_S 60

static int fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "%s: %s\n", what, why);
	return 1;
}

static rd_kafka_t *client(void)
{
	char why[256] = "no memory";
	const char *servers = getenv("KAFKA_SERVERS");
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	(void)rd_kafka_conf_set(conf, "bootstrap.servers", servers != NULL ? servers : "", NULL, 0);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
	if (rk == NULL)
		(void)fail("a client of Kafka", why);
	return rk;
}

static int make(const char *name, int partitions)
{
	char why[256] = "";
	rd_kafka_t *rk = client();
	if (rk == NULL)
		return 1;
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, why, sizeof why);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	if (topic == NULL)
		return fail(name, why);
	rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
	size_t count = 0;
	const rd_kafka_topic_result_t **results =
		event != NULL ? rd_kafka_CreateTopics_result_topics(
					rd_kafka_event_CreateTopics_result(event), &count)
			      : NULL;
	bool good = count == 1 && rd_kafka_topic_result_error(results[0]) == 0;
	if (!good)
		(void)fail(name, count == 1 ? rd_kafka_topic_result_error_string(results[0])
					    : "no answer");
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return good ? 0 : 1;
}

static int drop(const char *name)
{
	rd_kafka_t *rk = client();
	if (rk == NULL)
		return 1;
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
	bool good = event != NULL && rd_kafka_event_error(event) == 0;
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_DeleteTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return good ? 0 : fail(name, "not removed");
}

static int marks(const char *name, int64_t records)
{
	const struct rd_kafka_metadata *metadata;
	int64_t ends = 0, low, high;
	rd_kafka_t *rk = client();
	if (rk == NULL)
		return 1;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	if (rd_kafka_metadata(rk, 0, topic, &metadata, ANSWER_MS) != 0)
		return fail(name, "no answer");
	int partitions = metadata->topics[0].partition_cnt;
	for (int i = 0; i < partitions; i++) {
		if (rd_kafka_query_watermark_offsets(rk, name, i, &low, &high, ANSWER_MS) != 0)
			return fail(name, "no end of a partition");
		ends += high;
	}
	(void)printf("%.0f\n", partitions > 0 ? (double)(ends - records) / partitions : 0);
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return 0;
}

/* ---- send ------------------------------------------------------------------------------------ */

struct sending {
	const char *topic, *dir;
	uint32_t partitions, transaction_events;
	uint64_t events;
	size_t bytes;
	struct weir_kafka_property properties[PROPERTIES_MAX];
	uint32_t property_count;

	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_bridge *bridge;
	uint32_t id, subscription;
};

static double now_s(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void nap(void)
{
	const struct timespec time = {.tv_nsec = 1000000};
	(void)nanosleep(&time, NULL);
}

static struct weir_bridge_status look(struct sending *s)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	(void)weir_bridge_status(s->bridge, &status);
	return status;
}

static int open_log(struct sending *s, struct weir_problem *why)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_subscription_options subscription;
	weir_options_init(&options);
	options.dir = s->dir;
	weir_topic_options_init(&topic);
	topic.name = "events";
	topic.partitions = s->partitions;
	weir_subscription_options_init(&subscription);
	subscription.name = "kafka";
	subscription.topics = &topic.name;
	subscription.topic_count = 1;
	int rc = weir_open(&options, &s->pipeline, why);
	if (rc == 0)
		rc = weir_topic_create(s->pipeline, &topic, &s->id, why);
	if (rc == 0)
		rc = weir_subscription_create(s->pipeline, &subscription, &s->subscription, why);
	return rc == 0 ? weir_producer_open(s->pipeline, NULL, &s->producer, why) : rc;
}

static int start(struct sending *s, struct weir_problem *why)
{
	struct weir_bridge_options bridge;
	struct weir_kafka_sink_options sink;
	weir_bridge_options_init(&bridge);
	bridge.name = s->topic;
	bridge.subscription = s->subscription;
	weir_kafka_sink_options_init(&sink);
	sink.topic = s->topic;
	sink.properties = s->properties;
	sink.property_count = s->property_count;
	sink.transaction_events_max = s->transaction_events;
	sink.transaction_time_ns = 1000000000u;
	int rc = weir_kafka_sink_create(&sink, &bridge, why);
	return rc == 0 ? weir_bridge_start(s->pipeline, &bridge, &s->bridge, why) : rc;
}

static int publish(struct sending *s, double *ret_seconds)
{
	uint64_t lead = 3 * (uint64_t)s->transaction_events, sent = 0;
	struct weir_bridge_status status = look(s);
	char *payload = malloc(s->bytes);
	if (payload == NULL)
		return fail("memory", "none");
	for (size_t i = 0; i < s->bytes; i++)
		payload[i] = (char)('A' + rand() % 26); // as the load generator's
	/* A new broker makes its own topics first: the bridge tries again. */
	double begun = now_s();
	while (status.state != WEIR_BRIDGE_RUNNING && status.state != WEIR_BRIDGE_FAILED &&
	       now_s() < begun + CONNECT_S) {
		nap();
		status = look(s);
	}
	begun = now_s();
	while (status.events < s->events && status.state == WEIR_BRIDGE_RUNNING) {
		for (; sent < s->events && sent < status.events + lead; sent++) {
			const struct weir_event event = {.topic = s->id,
							 .partition_set = true,
							 .partition =
								 (uint32_t)(sent % s->partitions),
							 .payload = payload,
							 .payload_bytes = s->bytes};
			int rc = weir_publish(s->producer, &event, NULL);
			if (rc != 0)
				return fail("a publish", weir_strerror(rc));
		}
		nap();
		status = look(s);
	}
	*ret_seconds = now_s() - begun;
	free(payload);
	return status.state == WEIR_BRIDGE_RUNNING
		       ? 0
		       : fail(weir_bridge_state_name(status.state), status.why);
}

static int send_all(struct sending *s)
{
	struct weir_problem why = {0};
	double seconds = 0;
	int rc = open_log(s, &why);
	if (rc == 0)
		rc = start(s, &why);
	if (rc != 0)
		return fail(why.field, why.text);
	rc = publish(s, &seconds);
	(void)weir_bridge_stop(s->bridge);
	(void)weir_producer_close(s->producer, WEIR_FOREVER);
	(void)weir_close(s->pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	if (rc == 0)
		(void)printf("%.0f\n", (double)s->events / seconds);
	return rc;
}

static int parse(struct sending *s, int argc, char **argv)
{
	const char *servers = getenv("KAFKA_SERVERS");
	*s = (struct sending){.topic = argv[2], .dir = argv[7], .property_count = 1};
	s->partitions = (uint32_t)strtoul(argv[3], NULL, 10);
	s->events = strtoull(argv[4], NULL, 10);
	s->bytes = strtoul(argv[5], NULL, 10);
	s->transaction_events = (uint32_t)strtoul(argv[6], NULL, 10);
	s->properties[0] =
		(struct weir_kafka_property){"bootstrap.servers", servers != NULL ? servers : ""};
	for (int i = 8; i < argc && s->property_count < PROPERTIES_MAX; i++) {
		char *equals = strchr(argv[i], '=');
		if (equals == NULL)
			return fail(argv[i], "NAME=VALUE");
		*equals = '\0';
		s->properties[s->property_count++] =
			(struct weir_kafka_property){argv[i], equals + 1};
	}
	return s->partitions > 0 && s->events > 0 && s->bytes > 0
		       ? 0
		       : fail("usage", "PARTITIONS, EVENTS and BYTES are over 0");
}

int main(int argc, char **argv)
{
	struct sending sending;
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], (int)strtol(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "drop") == 0)
		return drop(argv[2]);
	if (argc == 4 && strcmp(argv[1], "marks") == 0)
		return marks(argv[2], strtoll(argv[3], NULL, 10));
	if (argc >= 8 && strcmp(argv[1], "send") == 0)
		return parse(&sending, argc, argv) != 0 || send_all(&sending) != 0;
	(void)fprintf(stderr, "usage: bridge_kafka_rate make TOPIC PARTITIONS | drop TOPIC | "
			      "marks TOPIC RECORDS | send TOPIC PARTITIONS EVENTS BYTES "
			      "TRANSACTION_EVENTS DIR [NAME=VALUE...]\n");
	return 2;
}
