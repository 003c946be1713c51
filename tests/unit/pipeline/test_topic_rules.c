/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: each topic has one matcher of the filters over it, which stays when another topic's change;
 * a filter that was refused leaves nothing behind. What of an event cannot be told is told for each
 * subscription by what it asks itself.
 *
 * Method: the router's rules are looked at between control calls. Events with more headers, and
 * with more array elements, than are looked at; lag says who wants them.
 */
#include <errno.h>

#include "core/pipeline/route_rules.h"
#include "tests/unit/pipeline/filtering_bed.h"

TestSuite(topic_rules, .fini = end, .timeout = 60);

static uint32_t made_over(const char *name, const char *const *topics, uint32_t topic_count,
			  const struct filter_case *c)
{
	struct weir_subscription_options o;
	struct weir_subscription_filter filter = filter_of(c);
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = topics;
	o.topic_count = topic_count;
	o.filter = &filter;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0, "%s: %s %s", name,
		     problem.field, problem.text);
	return id;
}

static const struct wr_rules_topic *rules_of(uint32_t number)
{
	return &f.pipeline->router.rules->topics[number];
}

Test(topic_rules, a_topic_keeps_its_matcher_when_others_change)
{
	static const char *const work[] = {"work"}, *const both[] = {"work", "other"},
				 *const last[] = {"other"};
	begin(FIXTURE_DURABLE);
	uint32_t first = made_over("first", work, 1, &cases[LATE]);
	const struct wr_topic_matcher *of_work = rules_of(topic)->matcher;
	const struct weir_match *match = f.pipeline->router.rules->match;
	cr_assert(of_work != NULL && match != NULL);
	cr_expect_null(rules_of(other)->matcher);
	uint32_t second = made_over("second", last, 1, &cases[DIRECT]);
	cr_expect_eq(rules_of(topic)->matcher, of_work);
	cr_expect_eq(of_work->users, 1);
	cr_expect_neq(rules_of(other)->matcher, NULL);
	cr_expect_eq(f.pipeline->router.rules->match, match, "there is room in it");
	uint32_t third = made_over("third", both, 2, &cases[RED]);
	cr_expect_neq(rules_of(topic)->matcher, of_work);
	cr_expect_eq(rules_of(topic)->rule_count, 2);
	cr_expect_eq(rules_of(other)->rule_count, 2);
	publish(0, 300);
	uint32_t others = 0, reds = 0;
	for (uint64_t n = 0; n < 300; n++) {
		others += n % 4 == 3 && is_c3(n);
		reds += is_red(n);
	}
	cr_expect_eq(exact_lag(first, NULL), wanted_of(0, 300, is_late));
	cr_expect_eq(exact_lag(second, NULL), others);
	cr_expect_eq(exact_lag(third, NULL), reds);
	reopen();
	cr_expect_eq(exact_lag(first, NULL), wanted_of(0, 300, is_late));
	cr_expect_eq(exact_lag(third, NULL), reds);
}

/* Its number is given again, to a filter of another text. */
Test(topic_rules, a_filter_that_was_refused_is_not_taken_for_the_next_one)
{
	static const char long_key[] = "order.this.key.is.too.long.for.what.is.left.of.the.room";
	static const struct filter_case large = {.filter = {.term_count = 1},
						 .terms = {TERM(WEIR_FILTER_DIRECT, long_key)}};
	struct weir_subscription_filter filter = filter_of(&large);
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.filter_bytes_max = 64;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
	uint32_t id = made("one", WEIR_ORDER_PARTITION, NULL);
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem),
		     WEIR_E_FULL);
	(void)change(id, &cases[DIRECT]);
	publish(0, 100);
	cr_expect_eq(exact_lag(id, NULL), wanted_of(0, 100, is_c3));
}

/* ---- what cannot be told ---- */

#define HEADERS (WR_ROUTE_HEADERS_MAX + 1u)
#define ELEMENTS 17000u

/* An event that is "order.c3" and red, and has the header last, and {"t":1} behind the elements. */
static void publish_large(size_t header_count, size_t element_count)
{
	static char names[HEADERS][8], payload[ELEMENTS * 8 + 64];
	static struct weir_header headers[HEADERS];
	struct weir_event event = {.topic = topic,
				   .key = "order.c3",
				   .key_bytes = 8,
				   .payload = payload,
				   .headers = headers,
				   .header_count = header_count};
	uint64_t ticket;
	for (size_t i = 0; i < header_count; i++) {
		bool is_last = i + 1 == header_count;
		int bytes = snprintf(names[i], sizeof names[i], "h%zu", i);
		headers[i] = (struct weir_header){.name = is_last ? "color" : names[i],
						  .name_bytes = (uint16_t)(is_last ? 5 : bytes),
						  .value = "red",
						  .value_bytes = 3};
	}
	size_t at = (size_t)snprintf(payload, sizeof payload, "{\"a\":[{\"c\":1}");
	for (size_t i = 0; i < element_count; i++)
		at += (size_t)snprintf(payload + at, sizeof payload - at, ",{\"b\":1}");
	at += (size_t)snprintf(payload + at, sizeof payload - at, "],\"t\":1}");
	event.payload_bytes = at;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
}

static const struct {
	struct filter_case filter;
	uint32_t of_headers;  /* whether it gets an event of too many headers, */
	uint32_t of_elements; /* or of too many elements */
} rows[] = {
	{{"another-key", NULL, {.term_count = 1}, {TERM(WEIR_FILTER_DIRECT, "order.c4")}}, 0, 0},
	{{"a-key", NULL, {.term_count = 1}, {TERM(WEIR_FILTER_TOPIC, "*.c3")}}, 1, 1},
	{{"no-header", NULL, {.term_count = 1}, {NOT(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}")}},
	 1,
	 0},
	{{"a-header", NULL, {.term_count = 1}, {TERM(WEIR_FILTER_HEADERS, "{\"color\":\"blue\"}")}},
	 1,
	 0},
	{{"attributes", NULL, {.term_count = 1}, {TERM(WEIR_FILTER_SNS_ATTRIBUTES, "{\"q\":[1]}")}},
	 1,
	 0},
	{{"a-payload", NULL, {.term_count = 1}, {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"t\":[2]}")}},
	 0,
	 0},
	{{"elements",
	  NULL,
	  {.term_count = 1},
	  {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"a\":{\"b\":[1],\"c\":[1]}}")}},
	 0,
	 1},
	{{"no-such-elements",
	  NULL,
	  {.term_count = 1},
	  {NOT(WEIR_FILTER_EVENTBRIDGE, "{\"a\":{\"c\":[1],\"b\":[1]}}")}},
	 1,
	 1},
	{{"all-one-is-false",
	  NULL,
	  {.join = WEIR_FILTER_ALL, .term_count = 2},
	  {NOT(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}"), TERM(WEIR_FILTER_DIRECT, "order.c4")}},
	 0,
	 0},
	{{"any-one-is-true",
	  NULL,
	  {.join = WEIR_FILTER_ANY, .term_count = 2},
	  {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"a\":{\"b\":[1],\"c\":[1]}}"),
	   TERM(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}")}},
	 1,
	 1},
};

Test(topic_rules, what_cannot_be_told_is_told_by_what_each_asks)
{
	uint32_t ids[WR_ARRAY_COUNT(rows)];
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	f.options.subscriptions_max = 16;
	f.options.partitions_max = 64;
	f.options.chunk_bytes = 1u << 20;
	f.options.segment_bytes = 4u << 20;
	f.options.lane_bytes = 1u << 20;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
	for (size_t i = 0; i < WR_ARRAY_COUNT(rows); i++)
		ids[i] = made(rows[i].filter.name, WEIR_ORDER_PARTITION, &rows[i].filter);
	publish_large(HEADERS, 1);
	for (size_t i = 0; i < WR_ARRAY_COUNT(rows); i++)
		cr_expect_eq(exact_lag(ids[i], NULL), rows[i].of_headers, "%s, headers",
			     rows[i].filter.name);
	uint64_t unknown = wr_load_relaxed(&f.pipeline->router.unknown);
	cr_expect_eq(unknown, 1u);
	publish_large(1, ELEMENTS);
	for (size_t i = 0; i < WR_ARRAY_COUNT(rows); i++)
		cr_expect_eq(exact_lag(ids[i], NULL), rows[i].of_headers + rows[i].of_elements,
			     "%s, elements", rows[i].filter.name);
	cr_expect_eq(wr_load_relaxed(&f.pipeline->router.unknown), unknown + 1);
	unknown = wr_load_relaxed(&f.pipeline->router.unknown);
	publish_large(1, 1);
	cr_expect_eq(exact_lag(ids[1], NULL), 3u, "a key");
	cr_expect_eq(wr_load_relaxed(&f.pipeline->router.unknown), unknown, "it can be told");
	/* Who comes later stands elsewhere: it looks at all of them once more. */
	uint32_t late = made("late", WEIR_ORDER_PARTITION, &rows[0].filter);
	cr_expect_eq(exact_lag(late, NULL), exact_lag(ids[0], NULL));
	cr_expect_eq(wr_load_relaxed(&f.pipeline->router.unknown), unknown, "each is counted once");
}
