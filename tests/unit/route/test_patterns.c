/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a pattern means what RabbitMQ, EventBridge and SNS mean by it, and what they refuse is
 *         refused, with the place and a sentence.
 * Method: tables of pattern, event and answer, asked of weir_filter_match(); each answer again of
 *         weir_filter_explain(), whose verdicts have to add up to it. No pattern that is cut short
 *         anywhere is taken for another one.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/route.h>

#include "tests/unit/route/cases.h"

static const enum weir_filter_kind kinds[] = {
	['e'] = WEIR_FILTER_EVENTBRIDGE, ['t'] = WEIR_FILTER_TOPIC,
	['d'] = WEIR_FILTER_DIRECT,      ['f'] = WEIR_FILTER_FANOUT,
	['b'] = WEIR_FILTER_SNS_BODY,    ['s'] = WEIR_FILTER_SNS_ATTRIBUTES};

struct told {
	bool is_hit;  /* of the alternative in hand, so far */
	bool any_hit; /* of those before */
	uint32_t alternative;
	uint32_t count;
};

static void count_leaf(void *context, const struct weir_leaf *leaf)
{
	struct told *told = context;
	cr_assert(leaf->verdict >= WEIR_LEAF_MATCHED && leaf->verdict <= WEIR_LEAF_APART);
	if (told->count == 0 || leaf->alternative != told->alternative) {
		told->any_hit = told->any_hit || (told->count > 0 && told->is_hit);
		told->is_hit = true;
		told->alternative = leaf->alternative;
	}
	told->is_hit = told->is_hit && leaf->verdict == WEIR_LEAF_MATCHED;
	told->count++;
}

static struct weir_routed routed_of(char kind, const char *event)
{
	struct weir_routed routed = {0};
	if (kind == 'e' || kind == 'b') {
		routed.payload = event;
		routed.payload_bytes = strlen(event);
	} else {
		routed.key = event;
		routed.key_bytes = strlen(event);
	}
	return routed;
}

static void check(const struct route_case *c)
{
	struct weir_filter *filter = NULL;
	struct weir_problem problem = {0};
	struct weir_routed routed = routed_of(c->kind, c->event);
	int rc = weir_filter_create(kinds[(unsigned char)c->kind], c->pattern, strlen(c->pattern),
				    NULL, &filter, &problem);
	if (c->answer == REFUSED) {
		cr_assert(rc == -EINVAL || rc == WEIR_E_TOO_BIG, "%s was not refused", c->pattern);
		cr_assert(problem.code == rc && problem.text[0] != '\0');
		return;
	}
	cr_assert(rc == 0, "%s was refused: %s: %s", c->pattern, problem.field, problem.text);
	int answer = weir_filter_match(filter, &routed, &problem);
	cr_expect(answer == (int)c->answer, "%s on %s: %d (%s)", c->pattern, c->event, answer,
		  problem.text);
	struct told told = {.is_hit = true};
	cr_assert_eq(weir_filter_explain(filter, &routed, count_leaf, &told, &problem), answer);
	if (told.count > 0 && answer >= 0)
		cr_expect((told.any_hit || told.is_hit) == (answer == 1), "verdicts of %s on %s",
			  c->pattern, c->event);
	weir_filter_destroy(filter);
}

static void check_all(const struct route_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&cases[i]);
}

Test(patterns, topic_keys_are_rabbitmqs)
{
	check_all(topic_cases, topic_case_count);
}

Test(patterns, eventbridge_values_and_paths)
{
	check_all(path_cases, path_case_count);
}

Test(patterns, eventbridge_operators)
{
	check_all(operator_cases, operator_case_count);
}

Test(patterns, sns_policies)
{
	check_all(sns_cases, sns_case_count);
}

struct verdicts {
	enum weir_leaf_verdict list[4];
	const char *values[4];
	int count;
};

static void keep_leaf(void *context, const struct weir_leaf *leaf)
{
	struct verdicts *v = context;
	cr_assert_lt(v->count, 4);
	v->values[v->count] = leaf->value;
	v->list[v->count++] = leaf->verdict;
}

/* Absence in an array: it holds without a value, or the value is told that is in its way. */
Test(patterns, absence_in_an_array_is_told)
{
	static const struct {
		const char *event;
		int answer;
		enum weir_leaf_verdict a, b;
		char value; /* that decided b */
	} rows[] = {
		{"{\"d\":[{\"a\":1},{\"b\":2}]}", 1, WEIR_LEAF_MATCHED, WEIR_LEAF_MATCHED, 0},
		{"{\"d\":[{\"a\":1,\"b\":2}]}", 0, WEIR_LEAF_MATCHED, WEIR_LEAF_PRESENT, '2'},
		{"{\"d\":[{\"b\":2},{\"b\":3}]}", 0, WEIR_LEAF_NO_VALUE, WEIR_LEAF_PRESENT, '2'},
		{"{\"d\":{\"a\":1}}", 1, WEIR_LEAF_MATCHED, WEIR_LEAF_MATCHED, 0},
	};
	static const char pattern[] = "{\"d\":{\"a\":[1],\"b\":[{\"exists\":false}]}}";
	struct weir_filter *filter = NULL;
	cr_assert_eq(weir_filter_create(WEIR_FILTER_EVENTBRIDGE, pattern, sizeof pattern - 1, NULL,
					&filter, NULL),
		     0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct weir_routed event = routed_of('e', rows[i].event);
		struct verdicts v = {.count = 0};
		cr_assert_eq(weir_filter_explain(filter, &event, keep_leaf, &v, NULL),
			     rows[i].answer);
		cr_expect_eq(v.count, 2);
		cr_expect_eq(v.list[0], rows[i].a, "row %zu", i);
		cr_expect_eq(v.list[1], rows[i].b, "row %zu", i);
		cr_expect_eq(v.values[1] != NULL ? v.values[1][0] : 0, rows[i].value, "row %zu", i);
	}
	weir_filter_destroy(filter);
}

Test(patterns, what_is_cut_short_is_refused)
{
	static const char whole[] =
		"{\"a\":[1,\"x\",{\"prefix\":\"p\"},{\"anything-but\":{\"suffix\":[\"a\",\"b\"]}},"
		"{\"numeric\":[\">\",0,\"<=\",5]}],\"$or\":[{\"b\":[true]},{\"c\":[null]}]}";
	for (size_t bytes = 0; bytes < sizeof whole - 1; bytes++) {
		struct weir_filter *filter = NULL;
		struct weir_problem problem = {0};
		cr_assert_eq(weir_filter_create(WEIR_FILTER_EVENTBRIDGE, whole, bytes, NULL,
						&filter, &problem),
			     -EINVAL);
		cr_assert_null(filter);
	}
}

Test(patterns, a_refusal_names_the_place_and_the_way_out)
{
	struct weir_filter *filter = NULL;
	struct weir_problem problem = {0};
	static const char pattern[] = "{\"detail\":{\"state\":[\"a\",{\"prefix\":[\"b\"]}]}}";
	cr_assert_eq(weir_filter_create(WEIR_FILTER_EVENTBRIDGE, pattern, sizeof pattern - 1, NULL,
					&filter, &problem),
		     -EINVAL);
	cr_assert_str_eq(problem.field, "detail.state[1].prefix");
	cr_assert_not_null(strstr(problem.text, "one string, not a list"));
	cr_assert_not_null(strstr(problem.text, "for several write one such object for each"));
}

Test(patterns, limits_are_told)
{
	struct weir_filter *filter = NULL;
	struct weir_problem problem = {0};
	static char pattern[WEIR_PATTERN_BYTES_MAX + 2];
	memset(pattern, ' ', sizeof pattern);
	memcpy(pattern, "{\"a\":[1]}", 9);
	cr_assert_eq(weir_filter_create(WEIR_FILTER_EVENTBRIDGE, pattern, WEIR_PATTERN_BYTES_MAX,
					NULL, &filter, &problem),
		     0);
	weir_filter_destroy(filter);
	cr_assert_eq(weir_filter_create(WEIR_FILTER_EVENTBRIDGE, pattern,
					WEIR_PATTERN_BYTES_MAX + 1, NULL, &filter, &problem),
		     WEIR_E_TOO_BIG);
	/* Two to the tenth alternatives are more than a thousand. */
	size_t at = 0;
	pattern[at++] = '{';
	for (int i = 0; i < 10; i++)
		at += (size_t)snprintf(pattern + at, 80,
				       "%s\"f%d\":{\"$or\":[{\"a\":[1]},{\"b\":[1]}]}",
				       i > 0 ? "," : "", i);
	pattern[at++] = '}';
	cr_assert_eq(
		weir_filter_create(WEIR_FILTER_EVENTBRIDGE, pattern, at, NULL, &filter, &problem),
		WEIR_E_TOO_BIG);
}

Test(patterns, a_payload_that_is_no_object_is_an_error)
{
	struct weir_filter *filter = NULL;
	struct weir_problem problem = {0};
	struct weir_routed bad = routed_of('e', "[1]");
	cr_assert_eq(weir_filter_create(WEIR_FILTER_EVENTBRIDGE, "{\"a\":[1]}", 9, NULL, &filter,
					&problem),
		     0);
	cr_assert_eq(weir_filter_match(filter, &bad, &problem), -EINVAL);
	bad = routed_of('e', "{\"a\":1} x");
	cr_assert_eq(weir_filter_match(filter, &bad, &problem), -EINVAL);
	cr_assert_eq(weir_filter_match(filter, &(struct weir_routed){0}, &problem), -EINVAL);
	weir_filter_destroy(filter);
}
