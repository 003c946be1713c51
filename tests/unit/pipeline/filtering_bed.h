/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of filters on subscriptions have in common: events with a key of two words, a
 * header and a JSON payload, each of which follows from the event's number, so that a function says
 * what is wanted; filters; and reading everything there is.
 */
#ifndef TESTS_UNIT_PIPELINE_FILTERING_BED_H
#define TESTS_UNIT_PIPELINE_FILTERING_BED_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define OLD 24000u /* so many that the first are on disk only */

static struct fixture f;
static uint32_t topic, other;
static struct weir_producer *producer;
static struct weir_problem problem;

static inline void begin(int kind)
{
	fixture_begin(&f, kind | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
}

static inline void end(void)
{
	fixture_end(&f);
}

static inline void reopen(void)
{
	fixture_close(&f, NULL);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
}

/* ---- events ---- */

static inline uint64_t publish_one(uint32_t to, uint64_t number)
{
	char key[32], payload[64];
	struct weir_header header = {.name = "color",
				     .value = number % 3 == 0 ? "red" : "blue",
				     .value_bytes = number % 3 == 0 ? 3 : 4};
	header.name_bytes = 5;
	struct weir_event event = {
		.topic = to, .key = key, .payload = payload, .headers = &header, .header_count = 1};
	event.key_bytes = (size_t)snprintf(key, sizeof key, "order.c%u", (unsigned)(number % 10));
	event.payload_bytes =
		(size_t)snprintf(payload, sizeof payload, "{\"n\":%06llu,\"t\":%u}",
				 (unsigned long long)(100000 + number), (unsigned)(number % 100));
	uint64_t ticket;
	fixture_need(weir_publish(producer, &event, &ticket) == 0, "publishing");
	if (number % 128 == 0)
		(void)weir_producer_poll_acks(producer);
	return ticket;
}

/* Every fourth goes to a topic that nobody reads. */
static inline void publish(uint64_t first, uint64_t end_number)
{
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end_number; n++)
		ticket = publish_one(n % 4 == 3 ? other : topic, n);
	fixture_wait(producer, ticket);
}

static inline uint64_t number_of(const struct weir_item *item)
{
	char text[8] = {0};
	cr_assert_geq(item->payload_bytes, 11u);
	memcpy(text, (const char *)item->payload + 5, 6);
	return strtoull(text, NULL, 10) - 100000;
}

/* ---- filters ---- */

#define TERM(of_kind, text)                                                                        \
	{                                                                                          \
		.kind = (of_kind), .pattern = (text), .pattern_bytes = sizeof(text) - 1            \
	}
#define NOT(of_kind, text)                                                                         \
	{                                                                                          \
		.kind = (of_kind), .pattern = (text), .pattern_bytes = sizeof(text) - 1,           \
		.negated = true                                                                    \
	}

static inline bool is_c3(uint64_t n)
{
	return n % 10 == 3;
}

static inline bool is_any(uint64_t n)
{
	(void)n;
	return true;
}

static inline bool is_none(uint64_t n)
{
	(void)n;
	return false;
}

static inline bool is_red(uint64_t n)
{
	return n % 3 == 0;
}

static inline bool is_late(uint64_t n)
{
	return n % 100 >= 90;
}

static inline bool is_blue_c3(uint64_t n)
{
	return !is_red(n) && is_c3(n);
}

static inline bool is_late_or_c3(uint64_t n)
{
	return is_late(n) || is_c3(n);
}

static inline bool is_not_red_or_late(uint64_t n)
{
	return !is_red(n) || is_late(n);
}

static const struct filter_case {
	const char *name;
	bool (*wants)(uint64_t number);
	struct weir_subscription_filter filter;
	struct weir_filter_term terms[2];
} cases[] = {
	{"direct", is_c3, {.term_count = 1}, {TERM(WEIR_FILTER_DIRECT, "order.c3")}},
	{"topic", is_c3, {.term_count = 1}, {TERM(WEIR_FILTER_TOPIC, "#.c3")}},
	{"fanout", is_any, {.term_count = 1}, {{.kind = WEIR_FILTER_FANOUT}}},
	{"nothing", is_none, {.term_count = 1}, {TERM(WEIR_FILTER_DIRECT, "order.c33")}},
	{"headers", is_red, {.term_count = 1}, {TERM(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}")}},
	{"attributes",
	 is_red,
	 {.term_count = 1},
	 {TERM(WEIR_FILTER_SNS_ATTRIBUTES, "{\"color\":[{\"prefix\":\"r\"}]}")}},
	{"pattern",
	 is_late,
	 {.term_count = 1},
	 {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"t\":[{\"numeric\":[\">=\",90]}]}")}},
	{"policy",
	 is_late,
	 {.term_count = 1},
	 {TERM(WEIR_FILTER_SNS_BODY, "{\"t\":[{\"numeric\":[\">=\",90]}]}")}},
	{"all",
	 is_blue_c3,
	 {.join = WEIR_FILTER_ALL, .term_count = 2},
	 {TERM(WEIR_FILTER_DIRECT, "order.c3"), NOT(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}")}},
	{"any",
	 is_late_or_c3,
	 {.join = WEIR_FILTER_ANY, .term_count = 2},
	 {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"t\":[{\"numeric\":[\">=\",90]}]}"),
	  TERM(WEIR_FILTER_TOPIC, "*.c3")}},
	{"any-not",
	 is_not_red_or_late,
	 {.join = WEIR_FILTER_ANY, .term_count = 2},
	 {NOT(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}"),
	  TERM(WEIR_FILTER_EVENTBRIDGE, "{\"t\":[{\"numeric\":[\">=\",90]}]}")}},
	{"header-pattern",
	 is_red,
	 {.term_count = 1},
	 {TERM(WEIR_FILTER_EVENTBRIDGE_HEADERS,
	       "{\"color\":[{\"anything-but\":{\"wildcard\":\"bl*\"}}],"
	       "\"t\":[{\"exists\":false}]}")}},
};

enum { DIRECT = 0, NOTHING = 3, LATE = 6, RED = 11 };

static inline struct weir_subscription_filter filter_of(const struct filter_case *c)
{
	struct weir_subscription_filter filter = c->filter;
	filter.terms = c->terms;
	return filter;
}

static inline int make(const char *name, enum weir_order order,
		       const struct weir_subscription_filter *filter, uint32_t *ret_id)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options o;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = topics;
	o.topic_count = 1;
	o.order = order;
	o.filter = filter;
	o.outstanding_max = order == WEIR_ORDER_PARTITION ? 0 : 64;
	return weir_subscription_create(f.pipeline, &o, ret_id, &problem);
}

static inline uint32_t made(const char *name, enum weir_order order, const struct filter_case *c)
{
	struct weir_subscription_filter filter;
	uint32_t id;
	if (c != NULL)
		filter = filter_of(c);
	cr_assert_eq(make(name, order, c != NULL ? &filter : NULL, &id), 0, "%s: %s %s", name,
		     problem.field, problem.text);
	return id;
}

static inline uint64_t change(uint32_t id, const struct filter_case *c)
{
	struct weir_subscription_filter filter;
	uint64_t sequence = 0;
	if (c != NULL)
		filter = filter_of(c);
	cr_assert_eq(weir_subscription_set_filter(f.pipeline, id, c != NULL ? &filter : NULL,
						  &sequence, &problem),
		     0, "%s %s", problem.field, problem.text);
	return sequence;
}

/* ---- reading ---- */

static inline uint64_t exact_lag(uint32_t id, struct weir_lag *ret)
{
	struct weir_lag lag;
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	} while (!lag.exact && fixture_now_ns() < deadline);
	cr_expect(lag.exact);
	if (ret != NULL)
		*ret = lag;
	return lag.events;
}

static uint32_t seen[OLD];

/* All that comes, acknowledged: how many. */
static inline uint32_t read_all(uint32_t id)
{
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_item items[64];
	uint32_t count = 0, in_vain = 0;
	memset(seen, 0, sizeof seen);
	while (exact_lag(id, NULL) > 0 && in_vain < 20) {
		int n = weir_poll(member, items, 64, 50000000u);
		in_vain = n == 0 ? in_vain + 1 : 0;
		cr_assert_geq(n, 0, "%s", weir_strerror(n));
		for (int i = 0; i < n; i++) {
			cr_assert_eq(items[i].kind, WEIR_ITEM_EVENT);
			cr_assert_lt(number_of(&items[i]), OLD);
			seen[number_of(&items[i])]++;
			cr_assert_eq(weir_ack(member, &items[i]), 0);
		}
		count += (uint32_t)n;
		cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS), 0);
	}
	cr_expect_eq(fixture_poll_rest(member), 0, "and then nothing");
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	return count;
}

/* What one stretch of numbers should have brought. */
static inline uint32_t expect_seen(const char *what, uint64_t first, uint64_t end_number,
				   bool (*wants)(uint64_t))
{
	uint32_t wanted = 0, wrong = 0;
	for (uint64_t n = first; n < end_number; n++) {
		uint32_t should = n % 4 != 3 && wants(n) ? 1 : 0;
		wanted += should;
		wrong += seen[n] != should;
	}
	cr_expect_eq(wrong, 0, "%s: %u of %u wanted are wrong", what, wrong, wanted);
	return wanted;
}

static inline uint32_t wanted_of(uint64_t first, uint64_t end_number, bool (*wants)(uint64_t))
{
	uint32_t wanted = 0;
	for (uint64_t n = first; n < end_number; n++)
		wanted += n % 4 != 3 && wants(n);
	return wanted;
}

#endif
