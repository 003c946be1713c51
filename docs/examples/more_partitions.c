/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More partitions, and each key in order: a topic keeps its number, so a second topic follows it.
 *
 * From when the second topic is there, everything is published to it. Members read the first one to
 * its end, and only then the second: an event of a key never is handed out before an earlier one,
 * though the key is in another partition now. Whoever opens the journal, after a crash as well,
 * sees by the names of the topics how far it came: nothing else has to be remembered.
 *
 * Run it again on the same directory: it goes on with the second topic.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

#define KEYS 12u
#define EVENTS 600u
#define SECOND_NS 1000000000ull

/* The topics that followed one another, the first one first. */
static const struct {
	const char *topic, *subscription;
	uint32_t partitions;
} steps[] = {{"orders", "billing", 2}, {"orders.2", "billing.2", 8}};

struct service {
	struct weir_pipeline *pipeline;
	uint32_t topics[2], subscriptions[2];
	unsigned step;          // that is published to
	uint64_t numbers[KEYS]; // of each key, the last that was handed out
	uint32_t partitions[KEYS], moved;
};

static int fail(const char *what, int rc, const struct weir_problem *why)
{
	fprintf(stderr, "%s: %s %s %s\n", what, weir_error_name(rc), why->field, why->text);
	return rc;
}

/* The topic and its subscription, which begins with the topic: no event can be left out. */
static int take_step(struct service *s, unsigned step)
{
	struct weir_topic_options topic;
	struct weir_subscription_options reading;
	struct weir_problem why = {.text = ""};
	weir_topic_options_init(&topic);
	topic.name = steps[step].topic;
	topic.partitions = steps[step].partitions;
	int rc = weir_topic_create(s->pipeline, &topic, &s->topics[step], &why);
	weir_subscription_options_init(&reading);
	reading.name = steps[step].subscription;
	reading.topics = &steps[step].topic;
	reading.topic_count = 1;
	if (rc == 0)
		rc = weir_subscription_create(s->pipeline, &reading, &s->subscriptions[step], &why);
	s->step = step;
	return rc == 0 ? 0 : fail(steps[step].topic, rc, &why);
}

/* All publishers of a log are in its process, so that they change over together: they are ended
 * before the next topic is made, and begin with it. One producer stands for all of them here. */
static int publish(struct service *s, uint64_t first, uint64_t count)
{
	struct weir_producer *producer;
	struct weir_problem why = {.text = ""};
	uint64_t ticket = 0;
	int rc = weir_producer_open(s->pipeline, NULL, &producer, &why);
	if (rc != 0)
		return fail("a producer", rc, &why);
	for (uint64_t number = first; number < first + count && rc == 0; number++) {
		uint32_t key = (uint32_t)(number % KEYS);
		struct weir_event event = {.topic = s->topics[s->step],
					   .key = &key,
					   .key_bytes = sizeof key,
					   .payload = &number,
					   .payload_bytes = sizeof number};
		rc = weir_publish(producer, &event, &ticket);
	}
	if (rc == 0)
		rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	return rc != 0 || closed != 0 ? fail("publishing", rc != 0 ? rc : closed, &why) : 0;
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

/* Until nothing is left of it. */
static int read_step(struct service *s, unsigned step)
{
	struct weir_member *member;
	struct weir_problem why = {.text = ""};
	struct weir_item items[64];
	struct weir_lag lag = {.events = 1};
	int rc = weir_member_join(s->pipeline, s->subscriptions[step], NULL, &member, &why);
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
			rc = weir_lag(s->pipeline, s->subscriptions[step], &lag);
	}
	int left = weir_member_leave(member, WEIR_FOREVER);
	return rc != 0 ? rc : left;
}

static int run(struct service *s)
{
	uint32_t there;
	uint64_t count = EVENTS / 2;
	int rc = take_step(s, 0);
	if (rc == 0 && weir_topic_find(s->pipeline, steps[1].topic, &there) == 0)
		rc = take_step(s, 1); // it came so far before
	bool is_first = s->step == 0;
	if (rc == 0)
		rc = publish(s, 1, count);
	if (rc == 0 && is_first)
		rc = take_step(s, 1); // nobody publishes to the first one from here on
	if (rc == 0)
		rc = publish(s, 1 + count, count);
	for (unsigned step = 0; step <= s->step && rc == 0; step++)
		rc = read_step(s, step);
	if (rc == 0)
		printf("%u keys in order, %u of them in another partition than before\n", KEYS,
		       s->moved);
	return rc == 0 && (s->moved > 0) != is_first ? -1 : rc;
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
