/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values and operators in a field's list: which forms there are, and what each becomes.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/route/compile.h"

/* What an operator is compiled by: behind its name, to the end of its operand. */
struct operator_row {
	const char *name;
	int (*compile)(struct wr_compile *c, struct wr_condition *condition);
	enum wr_condition_kind kind;
	enum wr_condition_kind
		case_kind; /* with {"equals-ignore-case": ...}; the same: there is none */
	bool in_sns;
};

static const struct operator_row *operator_of(const struct wr_compile *c);

/* ---- values ---- */

static int take_text(struct wr_compile *c, struct wr_condition *condition)
{
	condition->text = wr_compile_string(c, &condition->text_bytes);
	return condition->text != NULL ? 0 : -ENOMEM;
}

int wr_compile_text(struct wr_compile *c, struct wr_condition *ret_condition)
{
	struct wr_address address;
	int rc = take_text(c, ret_condition);
	ret_condition->kind = WR_CONDITION_TEXT;
	if (rc == 0 && wr_address_parse(ret_condition->text, ret_condition->text_bytes, &address)) {
		ret_condition->kind = WR_CONDITION_ADDRESS;
		ret_condition->block.first = address;
		ret_condition->block.mask_bits = (uint8_t)(address.length_bytes * 8);
	}
	return rc;
}

int wr_compile_number(struct wr_compile *c, struct wr_condition *ret_condition)
{
	ret_condition->kind = WR_CONDITION_NUMBER;
	ret_condition->low = wr_json_f64(&c->json);
	ret_condition->text = c->filter->pattern + c->json.start;
	ret_condition->text_bytes = c->json.end - c->json.start;
	return 0;
}

/* ---- operands ---- */

static int compile_exists(struct wr_compile *c, struct wr_condition *condition)
{
	if (c->json.token != WR_JSON_TRUE && c->json.token != WR_JSON_FALSE)
		return wr_compile_refuse(c, "exists takes true or false, not %s",
					 wr_compile_token_name(c));
	condition->kind = c->json.token == WR_JSON_TRUE ? WR_CONDITION_EXISTS : WR_CONDITION_ABSENT;
	return 0;
}

static int must_be_text(struct wr_compile *c)
{
	if (c->json.token == WR_JSON_STRING)
		return 0;
	return wr_compile_refuse(
		c, "%s takes one string, not %s%s", c->operator, wr_compile_token_name(c),
		c->json.token == WR_JSON_ARRAY ? ": for several write one such object for each"
					       : "");
}

/* {"equals-ignore-case": TEXT} behind its '{'. */
static int compile_case_inside(struct wr_compile *c, struct wr_condition *condition)
{
	int rc = wr_compile_next(c);
	if (rc == 0 &&
	    (c->json.token != WR_JSON_NAME || !wr_json_equals(&c->json, "equals-ignore-case", 18)))
		return wr_compile_refuse(c,
					 "inside %s there may be a string or "
					 "{\"equals-ignore-case\": STRING}, nothing else",
					 c->operator);
	if (rc == 0)
		rc = wr_compile_next(c);
	if (rc == 0)
		rc = must_be_text(c);
	if (rc == 0)
		rc = take_text(c, condition);
	if (rc == 0)
		rc = wr_compile_next(c);
	if (rc == 0 && c->json.token != WR_JSON_OBJECT_END)
		return wr_compile_refuse(c, "an operator is an object of one name");
	return rc;
}

static int compile_text_operator(struct wr_compile *c, struct wr_condition *condition)
{
	const struct operator_row *row = operator_of(c);
	condition->kind = row->kind;
	if (c->json.token == WR_JSON_OBJECT && row->case_kind != row->kind && !c->is_sns) {
		condition->kind = row->case_kind;
		return compile_case_inside(c, condition);
	}
	int rc = must_be_text(c);
	return rc == 0 ? take_text(c, condition) : rc;
}

static int compile_wildcard(struct wr_compile *c, struct wr_condition *condition)
{
	size_t at = 0;
	int rc = must_be_text(c);
	condition->kind = WR_CONDITION_WILDCARD;
	if (rc == 0)
		rc = take_text(c, condition);
	if (rc < 0)
		return rc;
	const char *wrong = wr_wildcard_parse(&c->filter->arena, condition->text,
					      condition->text_bytes, &condition->wildcard, &at);
	if (wrong != NULL)
		return wr_compile_refuse(c, "%s (byte %zu of the string)", wrong, at + 1);
	return condition->wildcard.tokens != NULL ? 0 : -ENOMEM;
}

static int compile_block(struct wr_compile *c, struct wr_condition *condition)
{
	int rc = must_be_text(c);
	condition->kind = WR_CONDITION_BLOCK;
	if (rc == 0)
		rc = take_text(c, condition);
	if (rc < 0)
		return rc;
	const char *wrong =
		wr_address_block_parse(condition->text, condition->text_bytes, &condition->block);
	if (wrong != NULL)
		return wr_compile_refuse(c, "%s, as in \"10.0.0.0/8\" or \"2001:db8::/32\"", wrong);
	return 0;
}

/* ---- numeric ---- */

/* Is the number that the reader stands on beyond those of a double: too large, or too small? */
static bool is_beyond(const struct wr_compile *c, double number)
{
	if (fpclassify(number) != FP_ZERO)
		return !isfinite(number);
	for (size_t i = c->json.start; i < c->json.end; i++) {
		uint8_t digit = c->json.text[i];
		if (digit >= '1' && digit <= '9')
			return true;
		if (digit == 'e' || digit == 'E')
			break;
	}
	return false;
}

/* The current string as one of = < <= > >=; 0: it is none. The second character is '=' or 0. */
static char comparison_of(const struct wr_compile *c, bool *ret_in)
{
	static const char *const signs[] = {"=", "<", "<=", ">", ">="};
	for (size_t i = 0; i < WR_ARRAY_COUNT(signs); i++) {
		if (c->json.token != WR_JSON_STRING ||
		    !wr_json_equals(&c->json, signs[i], strlen(signs[i])))
			continue;
		*ret_in = signs[i][0] == '=' || signs[i][1] == '=';
		return signs[i][0];
	}
	return 0;
}

static int take_bound(struct wr_compile *c, double *ret_bound)
{
	int rc = wr_compile_next(c);
	if (rc < 0)
		return rc;
	if (c->json.token != WR_JSON_NUMBER)
		return wr_compile_refuse(c, "behind a comparison stands a number, not %s",
					 wr_compile_token_name(c));
	*ret_bound = wr_json_f64(&c->json);
	if (is_beyond(c, *ret_bound))
		return wr_compile_refuse(c, "the number is beyond those of a double");
	return 0;
}

static int take_range_end(struct wr_compile *c, struct wr_condition *condition)
{
	int rc;
	char sign = comparison_of(c, &condition->high_in);
	if (sign != '<')
		return wr_compile_refuse(c, "behind a lower bound there may be an upper one, \"<\" "
					    "or \"<=\", as in [\">\", 0, \"<=\", 5]");
	if ((rc = take_bound(c, &condition->high)) < 0)
		return rc;
	if (!(condition->low < condition->high))
		return wr_compile_refuse(c, "the lower bound must be less than the upper one");
	return wr_compile_next(c);
}

static int compile_numeric(struct wr_compile *c, struct wr_condition *condition)
{
	double bound = 0;
	bool in = false;
	if (c->json.token != WR_JSON_ARRAY)
		return wr_compile_refuse(c, "numeric takes a list, as in [\">\", 0, \"<=\", 5]");
	int rc = wr_compile_next(c);
	if (rc < 0)
		return rc;
	char sign = comparison_of(c, &in);
	if (sign == 0)
		return wr_compile_refuse(c, "numeric begins with one of \"=\", \"<\", \"<=\", "
					    "\">\", \">=\"");
	if ((rc = take_bound(c, &bound)) < 0)
		return rc;
	*condition = (struct wr_condition){.kind = WR_CONDITION_RANGE,
					   .low = sign == '<' ? -INFINITY : bound,
					   .high = sign == '>' ? INFINITY : bound,
					   .low_in = sign == '<' || in,
					   .high_in = sign == '>' || in};
	rc = wr_compile_next(c);
	if (rc == 0 && c->json.token != WR_JSON_ARRAY_END && sign == '>')
		rc = take_range_end(c, condition);
	if (rc == 0 && c->json.token != WR_JSON_ARRAY_END)
		return wr_compile_refuse(c, "there is too much in the list: a range has its lower "
					    "bound first, as in [\">\", 0, \"<=\", 5]");
	if (rc == 0 && sign == '=') {
		condition->kind = WR_CONDITION_NUMBER;
		condition->low = bound;
	}
	return rc;
}

/* ---- anything-but ---- */

/* One of what is excluded; the operator that it is for is c->operator. */
static int compile_excluded(struct wr_compile *c, struct wr_condition *one,
			    const struct operator_row *inner)
{
	if (inner != NULL) {
		const char *before = c->operator;
		c->operator= inner->name;
		int rc = must_be_text(c);
		one->kind = inner->kind;
		if (rc == 0 && inner->kind == WR_CONDITION_WILDCARD)
			rc = compile_wildcard(c, one);
		else if (rc == 0)
			rc = take_text(c, one);
		if (rc == 0 && one->text_bytes == 0 &&
		    (one->kind == WR_CONDITION_PREFIX || one->kind == WR_CONDITION_SUFFIX))
			rc = wr_compile_refuse(c,
					       "an empty string is at both ends of every string: "
					       "nothing would be left");
		c->operator= before;
		return rc;
	}
	if (c->json.token == WR_JSON_NUMBER) {
		int rc = wr_compile_number(c, one);
		if (rc == 0 && is_beyond(c, one->low))
			rc = wr_compile_refuse(c, "the number is beyond those of a double");
		return rc;
	}
	one->kind = WR_CONDITION_TEXT;
	if (c->json.token == WR_JSON_STRING)
		return take_text(c, one);
	return wr_compile_refuse(c, "anything-but excludes strings or numbers, not %s",
				 wr_compile_token_name(c));
}

/* One, or a list of them all of one kind. */
static int compile_excluded_list(struct wr_compile *c, struct wr_condition *condition,
				 const struct operator_row *inner)
{
	struct wr_condition *list = NULL;
	size_t room = 0;
	bool is_list = c->json.token == WR_JSON_ARRAY;
	int rc = is_list ? wr_compile_next(c) : 0;
	while (rc == 0 && c->json.token != WR_JSON_ARRAY_END) {
		void *grown = list;
		if (!wr_arena_grow(&c->filter->arena, &grown, &room, condition->but_count,
				   sizeof *list))
			return -ENOMEM;
		list = grown;
		struct wr_condition *one = &list[condition->but_count];
		*one = (struct wr_condition){0};
		rc = compile_excluded(c, one, inner);
		if (rc == 0 && one->kind != list[0].kind)
			rc = wr_compile_refuse(c, "anything-but excludes strings or numbers, not "
						  "both in one list: write two of them");
		condition->but = list;
		condition->but_count++;
		if (!is_list)
			return rc;
		if (rc == 0)
			rc = wr_compile_next(c);
	}
	if (rc == 0 && condition->but_count == 0)
		return wr_compile_refuse(c, "the list is empty: write what is excluded, or "
					    "{\"exists\": true}");
	return rc;
}

static int compile_anything_but(struct wr_compile *c, struct wr_condition *condition)
{
	condition->kind = WR_CONDITION_ANYTHING_BUT;
	if (c->json.token != WR_JSON_OBJECT)
		return compile_excluded_list(c, condition, NULL);
	int rc = wr_compile_next(c);
	if (rc < 0)
		return rc;
	const struct operator_row *inner = c->json.token == WR_JSON_NAME ? operator_of(c) : NULL;
	bool is_one =
		inner != NULL &&
		(inner->kind == WR_CONDITION_PREFIX ||
		 (!c->is_sns &&
		  (inner->compile == compile_text_operator || inner->compile == compile_wildcard) &&
		  inner->kind != WR_CONDITION_TEXT));
	if (!is_one)
		return wr_compile_refuse(c, c->is_sns
						    ? "inside anything-but SNS has prefix, and no "
						      "other operator"
						    : "inside anything-but there may be prefix, "
						      "suffix, equals-ignore-case or wildcard");
	if ((rc = wr_compile_next(c)) == 0 && c->is_sns)
		rc = must_be_text(c);
	if (rc == 0)
		rc = compile_excluded_list(c, condition, inner);
	if (rc == 0)
		rc = wr_compile_next(c);
	if (rc == 0 && c->json.token != WR_JSON_OBJECT_END)
		return wr_compile_refuse(c, "an operator is an object of one name");
	return rc;
}

/* ---- the table ---- */

static const struct operator_row operators[] = {
	{"anything-but", compile_anything_but, WR_CONDITION_ANYTHING_BUT, WR_CONDITION_ANYTHING_BUT,
	 true},
	{"cidr", compile_block, WR_CONDITION_BLOCK, WR_CONDITION_BLOCK, true},
	{"equals-ignore-case", compile_text_operator, WR_CONDITION_EQUALS_CASE,
	 WR_CONDITION_EQUALS_CASE, true},
	{"exactly", compile_text_operator, WR_CONDITION_TEXT, WR_CONDITION_TEXT, false},
	{"exists", compile_exists, WR_CONDITION_EXISTS, WR_CONDITION_EXISTS, true},
	{"numeric", compile_numeric, WR_CONDITION_RANGE, WR_CONDITION_RANGE, true},
	{"prefix", compile_text_operator, WR_CONDITION_PREFIX, WR_CONDITION_PREFIX_CASE, true},
	{"suffix", compile_text_operator, WR_CONDITION_SUFFIX, WR_CONDITION_SUFFIX_CASE, true},
	{"wildcard", compile_wildcard, WR_CONDITION_WILDCARD, WR_CONDITION_WILDCARD, false},
};

/* Of the name that the reader stands on, or of the operator that it is in. */
static const struct operator_row *operator_of(const struct wr_compile *c)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(operators); i++) {
		const char *name = operators[i].name;
		if (c->json.token == WR_JSON_NAME ? wr_json_equals(&c->json, name, strlen(name))
						  : c->operator== name)
			return &operators[i];
	}
	return NULL;
}

int wr_compile_expression(struct wr_compile *c, struct wr_condition *ret_condition)
{
	int rc = wr_compile_next(c);
	if (rc < 0)
		return rc;
	if (c->json.token != WR_JSON_NAME)
		return wr_compile_refuse(c, "the object is empty: write an operator, as in "
					    "{\"prefix\": \"a\"}");
	const struct operator_row *row = operator_of(c);
	if (row == NULL || (c->is_sns && !row->in_sns)) {
		char name[40] = "";
		size_t bytes = wr_json_string(&c->json, name, sizeof name - 1);
		return wr_compile_refuse(
			c,
			"there is no operator \"%.39s%s\": there are%s anything-but, cidr, "
			"equals-ignore-case, exists, numeric, prefix, suffix",
			name, bytes > sizeof name - 1 ? "..." : "", c->is_sns ? "" : " wildcard,");
	}
	c->operator= row->name;
	if ((rc = wr_compile_next(c)) == 0)
		rc = row->compile(c, ret_condition);
	if (rc == 0)
		rc = wr_compile_next(c);
	if (rc == 0 && c->json.token != WR_JSON_OBJECT_END)
		return wr_compile_refuse(c,
					 "an operator is an object of one name: write several as "
					 "several objects in the list");
	c->operator= NULL;
	return rc;
}
