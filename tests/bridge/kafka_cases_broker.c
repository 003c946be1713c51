/* SPDX-License-Identifier: Apache-2.0 */
/* See kafka_cases.h: topics of Kafka's, and what is in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "tests/bridge/kafka_cases.h"

#define NUMBERS_MAX 100000u
#define CLASSES 64u

static int checks, failures;

/* ---- what is found --------------------------------------------------------------------------- */

void cases_check(bool good, const char *text)
{
	checks++;
	failures += !good;
	(void)printf("%s %d - %s\n", good ? "ok" : "not ok", checks, text);
	(void)fflush(stdout);
}

void cases_skip(const char *text)
{
	(void)printf("ok %d # SKIP %s\n", ++checks, text);
}

int cases_end(void)
{
	(void)printf("1..%d\n", checks);
	return failures == 0 ? 0 : 1;
}

void cases_need(bool good, const char *what)
{
	if (good)
		return;
	(void)printf("Bail out! %s\n", what);
	exit(1);
}

void cases_nap_ms(uint32_t ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	(void)nanosleep(&time, NULL);
}

void cases_control(const char *what)
{
	const char *control = getenv("KAFKA_CONTROL");
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		(void)execl(control, control, what, (char *)NULL);
		_exit(127);
	}
	cases_need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, what);
}

/* ---- topics ---------------------------------------------------------------------------------- */

static rd_kafka_t *client(rd_kafka_type_t type)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);
	(void)rd_kafka_conf_set(conf, "bootstrap.servers", getenv("KAFKA_SERVERS"), NULL, 0);
	if (type == RD_KAFKA_CONSUMER) {
		(void)rd_kafka_conf_set(conf, "group.id", "cases", NULL, 0);
		(void)rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
		(void)rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
	}
	rd_kafka_t *rk = rd_kafka_new(type, conf, NULL, 0);
	cases_need(rk != NULL, "a client of Kafka");
	return rk;
}

void cases_topic(const char *name, int partitions, const char *max_bytes)
{
	rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, NULL, 0);
	if (max_bytes != NULL)
		(void)rd_kafka_NewTopic_set_config(topic, "max.message.bytes", max_bytes);
	rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, (int)CASES_WAIT_MS);
	cases_need(event != NULL && rd_kafka_event_error(event) == 0, "a topic of Kafka's");
	rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	cases_nap_ms(200); // until the broker leads them
}

void cases_grow(const char *name, int partitions)
{
	rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_NewPartitions_t *more =
		rd_kafka_NewPartitions_new(name, (size_t)partitions, NULL, 0);
	rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, (int)CASES_WAIT_MS);
	cases_need(event != NULL && rd_kafka_event_error(event) == 0, "more partitions");
	rd_kafka_event_destroy(event);
	rd_kafka_NewPartitions_destroy(more);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	cases_nap_ms(200);
}

int64_t cases_end_of(const char *topic, int partition)
{
	int64_t low = 0, high = 0;
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(rk, topic, partition, &low,
								    &high, (int)CASES_WAIT_MS);
	cases_need(code == RD_KAFKA_RESP_ERR_NO_ERROR, "the end of a partition");
	rd_kafka_destroy(rk);
	return high;
}

void cases_write(const char *topic, int partitions, uint64_t first, uint64_t end,
		 const char *parent)
{
	rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
	for (uint64_t number = first; number < end; number++) {
		char text[24];
		size_t bytes =
			(size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
		rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
		if (parent != NULL)
			(void)rd_kafka_header_add(headers, "traceparent", -1, parent, -1);
		rd_kafka_resp_err_t code = rd_kafka_producev(
			rk, RD_KAFKA_V_TOPIC(topic),
			RD_KAFKA_V_PARTITION((int32_t)(number % (uint64_t)partitions)),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(text, bytes),
			RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
		cases_need(code == RD_KAFKA_RESP_ERR_NO_ERROR, "a message to Kafka");
	}
	cases_need(rd_kafka_flush(rk, (int)CASES_WAIT_MS) == 0, "messages in Kafka");
	rd_kafka_destroy(rk);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct found {
	uint8_t times[NUMBERS_MAX];
	uint64_t last[CLASSES]; /* of a key */
	uint64_t end, count, strangers, twice, reordered;
	const char *parent;
	int parents;
};

static void take(struct found *f, const rd_kafka_message_t *message)
{
	char text[24] = "";
	rd_kafka_headers_t *headers;
	const void *value;
	size_t bytes;
	if (f->parent != NULL && rd_kafka_message_headers(message, &headers) == 0 &&
	    rd_kafka_header_get_last(headers, "traceparent", &value, &bytes) == 0)
		f->parents += bytes == strlen(f->parent) && memcmp(value, f->parent, bytes) == 0;
	memcpy(text, message->payload, message->len < 23 ? message->len : 23);
	uint64_t number = strtoull(text, NULL, 10);
	if (number == 0 || number > f->end || number >= NUMBERS_MAX) {
		f->strangers++;
		return;
	}
	f->count++;
	f->twice += f->times[number]++ > 0;
	if (message->key != NULL) {
		f->reordered += number < f->last[number % 7];
		f->last[number % 7] = number;
	}
}

/* A commit is answered before its marks are in the partitions, which end before it until then: a
 * number that is not there yet is waited for. */
static void read_all(struct found *f, const char *topic, int partitions)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	int ends = 0, quiet_ms = 0;
	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
	cases_need(rd_kafka_assign(rk, list) == 0, "a reader of Kafka");
	bool is_counted = f->end != UINT64_MAX;
	while ((ends < partitions || (is_counted && f->count - f->twice < f->end)) &&
	       quiet_ms < (int)CASES_WAIT_MS) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
		if (message == NULL) {
			quiet_ms += 100;
			continue;
		}
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			ends++;
		else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			take(f, message);
		rd_kafka_message_destroy(message);
	}
	cases_need(ends >= partitions, "a topic to its end");
	rd_kafka_topic_partition_list_destroy(list);
	(void)rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

void cases_check_topic(const char *topic, int partitions, uint64_t end, const char *text)
{
	static struct found f;
	char line[200];
	f = (struct found){.end = end};
	read_all(&f, topic, partitions);
	uint64_t lost = end - (f.count - f.twice);
	(void)snprintf(line, sizeof line,
		       "%s: %llu, lost %llu, twice %llu, reordered %llu, strangers %llu", text,
		       (unsigned long long)end, (unsigned long long)lost,
		       (unsigned long long)f.twice, (unsigned long long)f.reordered,
		       (unsigned long long)f.strangers);
	cases_check(lost == 0 && f.twice == 0 && f.reordered == 0 && f.strangers == 0, line);
}

int cases_count_parents(const char *topic, int partitions, const char *parent)
{
	static struct found f;
	f = (struct found){.end = UINT64_MAX, .parent = parent};
	read_all(&f, topic, partitions);
	return f.parents;
}
