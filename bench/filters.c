/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events through subscriptions with filters, beside as many without: published, looked at, handed
 * out to a member of each subscription and acknowledged, all by one thread that runs the steps
 * itself, in a log in memory: what an event costs, and no waiting. An event has 64 bytes of JSON
 * with one of SUBSCRIPTIONS kinds; each filter wants one kind. Without a filter each member gets
 * all events and looks for its kind itself.
 *
 * The two take turns, ROUNDS times; it ends with a line of JSON that has the medians. A member that
 * gets other events than its own ends the program with a failure.
 *
 *   bench_filters [EVENTS] [SUBSCRIPTIONS] [ROUNDS] [topic|eventbridge]    200,000, 10, 5, topic
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

#include "bench/harness.h"

#define SUBSCRIPTIONS_MAX 1000u
#define ROUNDS_MAX 99u
#define PORTION 1000u /* events published before they are read */
#define POLLED 256
#define PAYLOAD_BYTES 64

struct side {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_member **members; /* [subscriptions] */
	uint32_t topic;
	bool filtered;
	double rates[ROUNDS_MAX];
};

struct run {
	uint64_t events;
	uint32_t subscriptions, rounds;
	enum weir_filter_kind kind;
	struct side sides[2];
};

static int fail(const char *what, int code, const struct weir_problem *why)
{
	fprintf(stderr, "bench_filters: %s: %s %s\n", what, weir_error_name(code),
		why != NULL ? why->text : "");
	return code != 0 ? code : -1;
}

/* ---- two pipelines ---- */

static int join(const struct run *run, struct side *side, uint32_t number)
{
	static const char *const topics[] = {"events"};
	char name[32], pattern[64];
	struct weir_subscription_options o;
	struct weir_problem why = {0};
	const struct weir_filter_term term = {
		.kind = run->kind,
		.pattern = pattern,
		.pattern_bytes = (size_t)snprintf(
			pattern, sizeof pattern,
			run->kind == WEIR_FILTER_TOPIC ? "*.k%u" : "{\"kind\": [\"k%u\"]}",
			number)};
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
	uint32_t id;
	(void)snprintf(name, sizeof name, "s%u", number);
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = topics;
	o.topic_count = 1;
	o.start = WEIR_START_OLDEST;
	o.filter = side->filtered ? &filter : NULL;
	int rc = weir_subscription_create(side->pipeline, &o, &id, &why);
	if (rc == 0)
		rc = weir_member_join(side->pipeline, id, NULL, &side->members[number], &why);
	return rc != 0 ? fail("subscription", rc, &why) : 0;
}

static int open_side(const struct run *run, struct side *side)
{
	struct weir_options o;
	struct weir_topic_options topic;
	struct weir_problem why = {0};
	weir_options_init(&o);
	o.manual = true;
	o.subscriptions_max = run->subscriptions;
	o.members_max = run->subscriptions;
	o.filter_bytes_max = 1u << 20;
	side->members = calloc(run->subscriptions, sizeof(struct weir_member *));
	if (side->members == NULL)
		return fail("calloc", -1, NULL);
	int rc = weir_open(&o, &side->pipeline, &why);
	if (rc != 0)
		return fail("weir_open", rc, &why);
	weir_topic_options_init(&topic);
	topic.name = "events";
	rc = weir_topic_create(side->pipeline, &topic, &side->topic, &why);
	if (rc == 0)
		rc = weir_producer_open(side->pipeline, NULL, &side->producer, &why);
	if (rc != 0)
		return fail("weir_topic_create", rc, &why);
	for (uint32_t i = 0; i < run->subscriptions && rc == 0; i++)
		rc = join(run, side, i);
	return rc;
}

/* ---- a round ---- */

static int publish(const struct run *run, struct side *side, uint64_t number)
{
	char key[32], payload[PAYLOAD_BYTES + 1];
	unsigned kind = (unsigned)(number % run->subscriptions);
	struct weir_event event = {.topic = side->topic,
				   .key = key,
				   .payload = payload,
				   .payload_bytes = PAYLOAD_BYTES};
	event.key_bytes = (size_t)snprintf(key, sizeof key, "event.k%u", kind);
	int bytes = snprintf(payload, sizeof payload,
			     "{\"number\":%012" PRIu64 ",\"kind\":\"k%u\",", 1 + number, kind);
	(void)snprintf(payload + bytes, sizeof payload - (size_t)bytes, "\"pad\":\"%*s\"}",
		       PAYLOAD_BYTES - bytes - 9, "");
	return weir_publish(side->producer, &event, NULL);
}

/* Whether an event is of a member's kind, by its key. */
static bool is_own(const struct weir_item *item, uint32_t number)
{
	char key[32];
	size_t bytes = (size_t)snprintf(key, sizeof key, "event.k%u", number);
	return item->key_bytes == bytes && memcmp(item->key, key, bytes) == 0;
}

/* What a member has now. Its own events among it; a negative code. */
static int64_t take(const struct side *side, uint32_t number, uint64_t *ret_items)
{
	struct weir_item items[POLLED];
	int64_t own = 0;
	int count;
	while ((count = weir_poll(side->members[number], items, POLLED, 0)) > 0) {
		for (int i = 0; i < count; i++)
			own += is_own(&items[i], number) ? 1 : 0;
		*ret_items += (uint64_t)count;
		int rc = weir_ack_all(side->members[number]);
		if (rc != 0)
			return rc;
	}
	return count < 0 ? count : own;
}

/* Publishes one portion and reads it. */
static int move(const struct run *run, struct side *side, uint64_t first, uint64_t count)
{
	uint64_t own = 0, items = 0;
	uint64_t all = side->filtered ? count : count * run->subscriptions;
	uint64_t until_ns = bench_now_ns() + 20000000000u;
	int rc = 0;
	for (uint64_t n = first; n < first + count && rc == 0; n++)
		rc = publish(run, side, n);
	while (rc == 0 && items < all && bench_now_ns() < until_ns) {
		rc = weir_step(side->pipeline, 0);
		for (uint32_t i = 0; i < run->subscriptions && rc >= 0; i++) {
			int64_t found = take(side, i, &items);
			rc = found < 0 ? (int)found : 0;
			own += found > 0 ? (uint64_t)found : 0;
		}
	}
	if (rc != 0)
		return fail("a portion", rc, NULL);
	return own == count && items == all ? 0 : fail("other events than their own", 0, NULL);
}

static int measure(const struct run *run, struct side *side, uint32_t round)
{
	uint64_t began_ns = bench_now_ns();
	int rc = 0;
	for (uint64_t n = 0; n < run->events && rc == 0; n += PORTION)
		rc = move(run, side, n,
			  run->events - n < PORTION ? run->events - n : (uint64_t)PORTION);
	side->rates[round] = (double)run->events * 1e9 / (double)(bench_now_ns() - began_ns);
	return rc;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(struct side *side, uint32_t rounds)
{
	qsort(side->rates, rounds, sizeof side->rates[0], by_size);
	return side->rates[rounds / 2];
}

static int run_all(struct run *run)
{
	int rc = 0;
	for (int s = 0; s < 2 && rc == 0; s++)
		rc = open_side(run, &run->sides[s]);
	for (uint32_t round = 0; round < run->rounds && rc == 0; round++)
		for (int s = 0; s < 2 && rc == 0; s++)
			rc = measure(run, &run->sides[s], round);
	if (rc != 0)
		return rc;
	double filtered = median(&run->sides[0], run->rounds);
	double plain = median(&run->sides[1], run->rounds);
	printf("{\"events\": %" PRIu64 ", \"subscriptions\": %u, \"rounds\": %u, \"kind\": \"%s\", "
	       "\"filtered_events_per_s\": %.0f, \"unfiltered_events_per_s\": %.0f, "
	       "\"ratio\": %.2f}\n",
	       run->events, run->subscriptions, run->rounds,
	       run->kind == WEIR_FILTER_TOPIC ? "topic" : "eventbridge", filtered, plain,
	       filtered / plain);
	return 0;
}

int main(int argc, char **argv)
{
	static struct run run;
	run.events = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
	run.subscriptions = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 10;
	run.rounds = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 5;
	run.kind = argc > 4 && strcmp(argv[4], "eventbridge") == 0 ? WEIR_FILTER_EVENTBRIDGE
								   : WEIR_FILTER_TOPIC;
	run.sides[0].filtered = true;
	if (run.events == 0 || run.subscriptions == 0 || run.subscriptions > SUBSCRIPTIONS_MAX ||
	    run.rounds == 0 || run.rounds > ROUNDS_MAX) {
		(void)fail("EVENTS, SUBSCRIPTIONS (1 to 1000), ROUNDS (1 to 99)", -EINVAL, NULL);
		return 1;
	}
	int rc = run_all(&run);
	for (int s = 0; s < 2; s++) {
		for (uint32_t i = 0; i < run.subscriptions && run.sides[s].members != NULL; i++)
			(void)weir_member_leave(run.sides[s].members[i], WEIR_FOREVER);
		(void)weir_close(run.sides[s].pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		free(run.sides[s].members);
	}
	return rc == 0 ? 0 : 1;
}
