/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   filters of subscriptions and subjects of topics reach the program as options; what is
 *         wrong with a pattern is told at its place in the file; what `explain` prints reads as the
 *         same; an opened pipeline has them, and another filter in the file is a change of it.
 * Method: texts through the public API, the report searched for its lines; a pipeline in memory and
 *         one with a journal that is opened with the next version of its file.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/config_bed.h"
#include "tests/support/pipeline_fixture.h"

#define FILTERED(filter)                                                                           \
	"topics: [{name: a}]\nsubscriptions:\n  - name: s\n    topics: [a]\n    filter:\n" filter

static const struct weir_subscription_filter *filter_in(struct weir_config *config)
{
	uint32_t count;
	const struct weir_subscription_options *o = weir_config_subscriptions(config, &count);
	cr_assert_eq(count, 1);
	cr_assert_not_null(o->filter);
	return o->filter;
}

static void expect_term(const struct weir_filter_term *term, enum weir_filter_kind kind,
			bool negated, const char *pattern)
{
	cr_expect_eq(term->kind, kind);
	cr_expect_eq(term->negated, negated);
	cr_expect_eq(term->pattern_bytes, strlen(pattern));
	cr_expect_eq(memcmp(term->pattern, pattern, term->pattern_bytes), 0);
}

static const char of_each_kind[] =
	FILTERED("      any:\n"
		 "        - direct: \"a b\"\n"
		 "        - topic: orders.*.#\n"
		 "        - headers: '{\"x-match\": \"any\", \"a\": null}'\n"
		 "        - eventbridge: '{\"a\": [{\"prefix\": \"b\"}]}'\n"
		 "        - sns_attributes: '{\"a\": [\"b\"]}'\n"
		 "        - sns_body: '{\"a\": [{\"exists\": true}]}'\n"
		 "        - eventbridge_headers: '{\"a\": [{\"suffix\": \"b\"}]}'\n"
		 "        - not: {topic: orders.x}\n"
		 "        - {not: {sns_body: '{\"a\": [\"b\"]}'}}\n");

static void expect_each_kind(const struct weir_subscription_filter *filter)
{
	const struct weir_filter_term *terms = filter->terms;
	cr_assert_eq(filter->term_count, 9);
	cr_expect_eq(filter->join, WEIR_FILTER_ANY);
	expect_term(&terms[0], WEIR_FILTER_DIRECT, false, "a b");
	expect_term(&terms[1], WEIR_FILTER_TOPIC, false, "orders.*.#");
	expect_term(&terms[2], WEIR_FILTER_HEADERS, false, "{\"x-match\": \"any\", \"a\": null}");
	expect_term(&terms[3], WEIR_FILTER_EVENTBRIDGE, false, "{\"a\": [{\"prefix\": \"b\"}]}");
	expect_term(&terms[4], WEIR_FILTER_SNS_ATTRIBUTES, false, "{\"a\": [\"b\"]}");
	expect_term(&terms[5], WEIR_FILTER_SNS_BODY, false, "{\"a\": [{\"exists\": true}]}");
	expect_term(&terms[6], WEIR_FILTER_EVENTBRIDGE_HEADERS, false,
		    "{\"a\": [{\"suffix\": \"b\"}]}");
	expect_term(&terms[7], WEIR_FILTER_TOPIC, true, "orders.x");
	expect_term(&terms[8], WEIR_FILTER_SNS_BODY, true, "{\"a\": [\"b\"]}");
}

Test(routing_keys, filters_become_options, .timeout = 60)
{
	struct weir_config *config = config_good(of_each_kind);
	expect_each_kind(filter_in(config));
	size_t bytes = weir_config_explain(config, NULL, NULL, 0);
	char *text = malloc(bytes + 1);
	cr_assert_eq(weir_config_explain(config, NULL, text, bytes + 1), bytes);
	weir_config_destroy(config);
	config = config_good(text);
	expect_each_kind(filter_in(config));
	weir_config_destroy(config);
	free(text);
	config = config_good(FILTERED("      {all: [{topic: a}]}\n"));
	cr_expect_eq(filter_in(config)->join, WEIR_FILTER_ALL);
	weir_config_destroy(config);
}

Test(routing_keys, a_subject_becomes_an_option, .timeout = 60)
{
	uint32_t count;
	struct weir_config *config = config_good(
		"topics:\n  - {name: a, schema: orders-value}\n  - {name: b}\n"
		"  - {name: c, schema: {subject: c-value, prefix: yes, validate: yes}}\n");
	const struct weir_topic_options *o = weir_config_topics(config, &count);
	cr_assert_eq(count, 3);
	cr_expect_str_eq(o[0].schema->subject, "orders-value");
	cr_expect(!o[0].schema->prefix && !o[0].schema->validate);
	cr_expect_null(o[1].schema);
	cr_expect_str_eq(o[2].schema->subject, "c-value");
	cr_expect(o[2].schema->prefix && o[2].schema->validate);
	weir_config_destroy(config);
}

static const char *const wrong_keys[][2] = {
	{FILTERED("      any:\n        - {topic: a, direct: b}\n"),
	 "x:7:11: error: subscriptions[0].filter.any[0] needs one of direct, topic"},
	{FILTERED("      any:\n        - {}\n"), "x:7:11: error: subscriptions[0].filter.any"},
	{FILTERED("      any:\n        - text\n"), "x:7:11: error: subscriptions[0].filter"},
	{FILTERED("      any:\n        - not: {}\n"),
	 "x:7:11: error: subscriptions[0].filter.any[0].not needs one of"},
	{FILTERED("      any:\n        - {not: {not: {topic: a}}}\n"), "unknown key \"not\""},
	{FILTERED("      any:\n        - topik: a\n"), "did you mean \"topic\"?"},
	{FILTERED("      any: []\n"), "x:6:12: error: subscriptions[0].filter.any is empty"},
	{FILTERED("      {}\n"), "x:5:5: error: subscriptions[0].filter needs one of all, any"},
	{FILTERED("      {all: [{topic: a}], any: [{topic: b}]}\n"), "needs one of all, any"},
	{FILTERED("      all:\n        - eventbridge: '{\"t\": [\"x\"], \"n\": "
		  "[{\"numerik\": 1}]}'\n"),
	 "x:7:38: error: eventbridge: \"n[0]\": there is no operator \"numerik\""},
	/* A name that stands there twice is not chosen from. */
	{FILTERED("      all:\n        - eventbridge: "
		  "'{\"a\": {\"n\": 1}, \"n\": [\"x\"]}'\n"),
	 "x:7:24: error: eventbridge: \"a.n\""},
	{FILTERED("      all:\n        - not: {sns_body: '{\"a\": [{\"wildcard\": "
		  "\"x\"}]}'}\n"),
	 "x:7:29: error: sns_body: \"a[0]\""},
	{FILTERED("      all:\n        - headers: '{\"x-match\": \"some\"}'\n"),
	 "x:7:22: error: headers: "},
	{FILTERED("      all:\n        - eventbridge: '{\"a\": '\n"), "is no JSON"},
	{"topics: [{name: a, schema: {prefix: yes}}]\n", "subject"},
	{"topics: [{name: a, unrouted: b}]\n", "x:1:30: error: there is no topic"},
	{"topics: [{name: a}]\nbindings: [{name: w, source: a, target: b}]\n",
	 "x:2:41: error: there is no topic"},
	{"topics: [{name: a}]\nbindings: [{name: w, source: a, target: a}]\n",
	 "x:2:41: error: the source itself"},
	{"topics: [{name: a}, {name: b}]\nsubscriptions: [{name: w, topics: [a]}]\n"
	 "bindings: [{name: w, source: a, target: b}]\n",
	 "x:3:19: error: a second subscription \"w\""},
	{"topics: [{name: a}, {name: b}]\nlimits: {subscriptions: 1}\nbindings:\n"
	 "  - {name: v, source: a, target: b}\n  - {name: v, source: b, target: a}\n",
	 "x:5:12: error: a second binding \"v\""},
	{"topics: [{name: a}, {name: b}]\nbindings: [{name: v, source: a, target: b, "
	 "filter: {all: [{eventbridge: '{\"k\": 1}'}]}}]\n",
	 "eventbridge: \"k\": "},
	{"topics: [{name: a}, {name: b}]\nbindings: [{name: v, source: a, target: b, "
	 "transform: '{\"InputTemplate\": \"<x>\"}'}]\n",
	 "x:2:55: error: InputTemplate: at character 1: <x> is no variable"},
	{"topics: [{name: a}]\nsubscriptions: [{name: s, topics: [a], "
	 "transform: '{\"InputTemplate\": \"<x>\"}'}]\n",
	 "x:2:51: error: InputTemplate: at character 1: <x> is no variable"},
	{"topics: [{name: a}, {name: b}]\nbindings: [{name: v, source: a, target: b, "
	 "filter: {all: [{hash: '{\"ring\": \"r\", \"weight\": 0}'}]}}]\n",
	 "error: hash: \"weight\": a number from 1 to 1000"},
	{"topics: [{name: a}, {name: b}]\nbindings: [{name: v, source: a, target: b, "
	 "filter: {all: [{not: {hash: '{\"ring\": \"r\"}'}}]}}]\n",
	 "error: hash: not in a `not`"},
	{"topics: [{name: a}, {name: b}]\nbindings: [{name: v, source: a, target: b, "
	 "filter: {any: [{hash: '{\"ring\": \"r\"}'}, {direct: k}]}}]\n",
	 "error: hash: in `all` only"},
	{"topics: [{name: a}, {name: b}]\nbindings: [{name: v, source: a, target: b, "
	 "on_failure: pass}]\n",
	 "x:2:56: error: there is no transform"},
	{"topics: [{name: a}, {name: b}]\nbindings: [{name: v, source: a, target: b, "
	 "transform: '{\"Input\": \"1\"}', on_failure: pass, dead_letters: b}]\n",
	 "dead_letters says what becomes of it"},
	{"topics: [{name: a}, {name: b}]\nbindings: [{name: v, source: a, target: b, "
	 "transform: '{\"Input\": \"1\"}', dead_letters: c}]\n",
	 "error: there is no topic"},
	{"topics: [{name: a, unrouted: a}]\n",
	 "x:1:30: error: what nobody wants would come back to \"a\""},
	{"topics:\n  - {name: a, unrouted: b}\n  - {name: b, unrouted: c}\n"
	 "  - {name: c, unrouted: b}\n",
	 "x:3:25: error: what nobody wants would come back to \"b\""},
	{"topics: [{name: a, schema: a b}]\n", "is not a name"},
};

Test(routing_keys, what_is_wrong_is_told_at_its_place, .timeout = 60)
{
	for (size_t i = 0; i < sizeof wrong_keys / sizeof wrong_keys[0]; i++) {
		const char *report = config_report(wrong_keys[i][0]);
		cr_expect_not_null(strstr(report, wrong_keys[i][1]), "%s\nlacks: %s\nis: %s",
				   wrong_keys[i][0], wrong_keys[i][1], report);
	}
}

/* ---- opened ---- */

static struct fixture f;

static void begin(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
}

static void finish(void)
{
	fixture_end(&f);
}

/* The pattern of the only term that the subscription has then. */
static void open_and_expect(const char *rest, const char *pattern)
{
	static char yaml[4096];
	struct weir_subscription_filter filter = {0};
	struct weir_pipeline *p = NULL;
	struct weir_topic_schema schema;
	struct weir_binding binding;
	struct weir_problem why;
	_Alignas(16) char room[256];
	uint32_t id = 0, target = 0;
	(void)snprintf(
		yaml, sizeof yaml,
		"journal: {dir: \"%s\", segment: 1MiB}\n"
		"memory: {chunk: 64KiB, pool: 1MiB, undurable: 512KiB, lane: 64KiB, "
		"member_lane: 64KiB}\nlimits: {schemas: 4}\n"
		"topics: [{name: a, schema: a-value, unrouted: b}, {name: b}, {name: c}, {name: "
		"d}]\n"
		"bindings:\n  - name: way\n    source: a\n    target: c\n"
		"    filter: {all: [{topic: x.#}]}\n"
		"    transform: '{\"Input\": \"1\"}'\n    dead_letters: d\n"
		"subscriptions:\n  - {name: s, topics: [a]%s}\n",
		f.dir, rest);
	struct weir_config *config = config_good(yaml);
	cr_assert_eq(weir_config_open(config, NULL, &p, &why), 0, "%s", why.text);
	weir_config_destroy(config);
	cr_assert_eq(weir_topic_schema(p, 0, &schema), 0);
	cr_expect_str_eq(schema.subject, "a-value");
	cr_assert_eq(weir_topic_unrouted(p, 0, &target, NULL), 0);
	cr_expect_eq(target, 1);
	cr_assert_eq(weir_subscription_find(p, "way", &id), 0);
	cr_assert_eq(weir_binding_info(p, id, &binding), 0);
	cr_expect(binding.transform_bytes == 14 && binding.dead_letters == 3 &&
		  binding.on_failure == WEIR_TRANSFORM_DEAD_LETTER);
	cr_expect(binding.source == 0 && binding.target == 2 && !binding.unrouted);
	cr_assert_geq(weir_subscription_filter(p, id, room, sizeof room, &filter), 0);
	cr_assert_eq(filter.term_count, 1);
	expect_term(&filter.terms[0], WEIR_FILTER_TOPIC, false, "x.#");
	cr_assert_eq(weir_subscription_find(p, "s", &id), 0);
	cr_assert_geq(weir_subscription_filter(p, id, room, sizeof room, &filter), 0);
	cr_assert_eq(filter.term_count, 1);
	expect_term(&filter.terms[0], WEIR_FILTER_TOPIC, false, pattern);
	cr_expect_eq(filter.transform_bytes, strstr(rest, "transform") != NULL ? 14 : 0);
	cr_assert_eq(weir_close(p, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
}

Test(routing_keys, another_filter_in_a_file_is_a_change, .init = begin, .fini = finish)
{
	open_and_expect(", filter: {all: [{topic: a.*}]}", "a.*");
	open_and_expect(", filter: {any: [{topic: b.*}]}", "b.*");
	/* Without one it stays as it is. */
	open_and_expect("", "b.*");
	open_and_expect(", filter: {any: [{topic: b.*}]}, transform: '{\"Input\": \"1\"}'", "b.*");
}
