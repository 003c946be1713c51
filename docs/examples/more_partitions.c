/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More partitions, and each key in order: a topic grows while it is published to and read.
 *
 * It was made with room for it. Half of the keys, where it doubles, go on in partitions that are
 * new; those are handed to nobody before everything is settled that the keys have in the partition
 * where they were. The publisher and the reader do nothing about it.
 *
 * Run it again on the same directory: it has its eight partitions already.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

#define KEYS 12u
#define EVENTS 600u
#define SECOND_NS 1000000000ull

static const char *const name = "orders";

struct service {
	struct weir_pipeline *pipeline;
	uint32_t topic, subscription;
	uint64_t numbers[KEYS]; // of each key, the last that was handed out
	uint32_t partitions[KEYS], moved;
};

static int fail(const char *what, int rc, const struct weir_problem *why)
{
	fprintf(stderr, "%s: %s %s %s\n", what, weir_error_name(rc), why->field, why->text);
	return rc;
}

/* Whoever opens the journal finds the topic with as many partitions as it has by now. */
static int define(struct service *s)
{
	struct weir_topic_options topic;
	struct weir_subscription_options reading;
	struct weir_problem why = {.text = ""};
	int rc = weir_topic_find(s->pipeline, name, &s->topic);
	if (rc == WEIR_E_UNKNOWN_NAME) {
		weir_topic_options_init(&topic);
		topic.name = name;
		topic.partitions = 2;
		topic.partitions_max = 8; // room that costs some memory, and cannot be had later
		rc = weir_topic_create(s->pipeline, &topic, &s->topic, &why);
	}
	weir_subscription_options_init(&reading);
	reading.name = "billing";
	reading.topics = &name;
	reading.topic_count = 1;
	if (rc == 0)
		rc = weir_subscription_create(s->pipeline, &reading, &s->subscription, &why);
	return rc == 0 ? 0 : fail(name, rc, &why);
}

static int publish(struct service *s, struct weir_producer *producer, uint64_t first,
		   uint64_t count)
{
	struct weir_problem why = {.text = ""};
	uint64_t ticket = 0;
	int rc = 0;
	for (uint64_t number = first; number < first + count && rc == 0; number++) {
		uint32_t key = (uint32_t)(number % KEYS);
		struct weir_event event = {.topic = s->topic,
					   .key = &key,
					   .key_bytes = sizeof key,
					   .payload = &number,
					   .payload_bytes = sizeof number};
		rc = weir_publish(producer, &event, &ticket);
	}
	if (rc == 0)
		rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	return rc != 0 ? fail("publishing", rc, &why) : 0;
}

static bool is_in_order(struct service *s, const struct weir_item *item)
{
	uint32_t key;
	uint64_t number;
	memcpy(&key, item->key, sizeof key);
	memcpy(&number, item->payload, sizeof number);
	bool good = number > s->numbers[key];
	s->moved += s->numbers[key] != 0 && s->partitions[key] != item->partition;
	s->numbers[key] = number;
	s->partitions[key] = item->partition;
	return good;
}

/* Until nothing is left. */
static int read_all(struct service *s)
{
	struct weir_member *member;
	struct weir_problem why = {.text = ""};
	struct weir_item items[64];
	struct weir_lag lag = {.events = 1};
	int rc = weir_member_join(s->pipeline, s->subscription, NULL, &member, &why);
	if (rc != 0)
		return fail("joining", rc, &why);
	while (rc == 0 && (lag.events > 0 || !lag.exact)) {
		int count = weir_poll(member, items, 64, SECOND_NS / 10);
		for (int i = 0; i < count && rc == 0; i++)
			if (items[i].kind == WEIR_ITEM_EVENT && !is_in_order(s, &items[i]))
				rc = fail("a key is out of order", -1, &why);
		if (count < 0)
			rc = fail("a poll", count, &why);
		if (rc == 0)
			rc = weir_ack_all(member);
		if (rc == 0)
			rc = weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
		if (rc == 0)
			rc = weir_lag(s->pipeline, s->subscription, &lag);
	}
	int left = weir_member_leave(member, WEIR_FOREVER);
	return rc != 0 ? rc : left;
}

static int run(struct service *s)
{
	struct weir_producer *producer;
	struct weir_problem why = {.text = ""};
	int rc = define(s);
	if (rc == 0)
		rc = weir_producer_open(s->pipeline, NULL, &producer, &why);
	if (rc != 0)
		return rc;
	rc = publish(s, producer, 1, EVENTS / 2);
	if (rc == 0)
		rc = weir_topic_grow(s->pipeline, s->topic, 8, &why); // it has them: 0 as well
	if (rc == 0)
		rc = publish(s, producer, 1 + EVENTS / 2, EVENTS / 2);
	else
		fail("growing", rc, &why);
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	if (rc == 0)
		rc = closed != 0 ? closed : read_all(s);
	if (rc == 0)
		printf("%u keys in order, %u of them in another partition than before\n", KEYS,
		       s->moved);
	return rc;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_problem why = {.text = ""};
	struct service s = {.moved = 0};
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "more_partitions.journal";
	options.segment_bytes = 4 << 20;
	int rc = weir_open(&options, &s.pipeline, &why);
	if (rc != 0)
		return fail("opening", rc, &why) != 0;
	rc = run(&s);
	int closed = weir_close(s.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && closed == 0 ? 0 : 1;
}
