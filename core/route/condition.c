/* SPDX-License-Identifier: Apache-2.0 */
/* What a condition means for one value. */
#include <math.h>
#include <string.h>

#include "core/route/case_fold.h"
#include "core/route/filter.h"

static bool text_is(const struct wr_condition *c, const struct wr_value *v)
{
	return c->text_bytes == v->text_bytes && memcmp(c->text, v->text, v->text_bytes) == 0;
}

static bool number_holds(const struct wr_condition *c, const struct wr_value *v)
{
	if (v->kind != WR_VALUE_NUMBER)
		return false;
	if (c->kind == WR_CONDITION_NUMBER)
		return isfinite(c->low) ? !(v->number < c->low) && !(v->number > c->low)
					: text_is(c, v);
	/* A bound that is none is infinite, and a number beyond all doubles is within no range. */
	return isfinite(v->number) && (c->low_in ? v->number >= c->low : v->number > c->low) &&
	       (c->high_in ? v->number <= c->high : v->number < c->high);
}

static bool address_holds(const struct wr_condition *c, const struct wr_value *v)
{
	struct wr_address address;
	if (!wr_address_parse((const char *)v->text, v->text_bytes, &address))
		return false;
	if (c->kind == WR_CONDITION_BLOCK)
		return wr_address_block_has(&c->block, &address);
	return address.length_bytes == c->block.first.length_bytes &&
	       memcmp(address.bytes, c->block.first.bytes, address.length_bytes) == 0;
}

static bool case_holds(const struct wr_condition *c, const struct wr_value *v)
{
	const uint8_t *pattern = (const uint8_t *)c->text;
	if (c->kind == WR_CONDITION_SUFFIX_CASE)
		return wr_case_ends(pattern, c->text_bytes, v->text, v->text_bytes) != WR_CASE_NONE;
	size_t taken = wr_case_begins(pattern, c->text_bytes, v->text, v->text_bytes);
	return c->kind == WR_CONDITION_PREFIX_CASE ? taken != WR_CASE_NONE : taken == v->text_bytes;
}

static bool text_holds(const struct wr_condition *c, const struct wr_value *v)
{
	if (v->kind != WR_VALUE_TEXT)
		return false;
	switch (c->kind) {
	case WR_CONDITION_TEXT:
		return text_is(c, v);
	case WR_CONDITION_PREFIX:
		return c->text_bytes <= v->text_bytes &&
		       memcmp(c->text, v->text, c->text_bytes) == 0;
	case WR_CONDITION_SUFFIX:
		return c->text_bytes <= v->text_bytes &&
		       memcmp(c->text, v->text + v->text_bytes - c->text_bytes, c->text_bytes) == 0;
	case WR_CONDITION_WILDCARD:
		return wr_wildcard_matches(&c->wildcard, v->text, v->text_bytes);
	case WR_CONDITION_ADDRESS:
	case WR_CONDITION_BLOCK:
		return address_holds(c, v);
	default:
		return case_holds(c, v);
	}
}

bool wr_condition_holds(const struct wr_condition *condition, const struct wr_value *value)
{
	switch (condition->kind) {
	case WR_CONDITION_NUMBER:
	case WR_CONDITION_RANGE:
		return number_holds(condition, value);
	case WR_CONDITION_LITERAL:
		return value->kind == condition->literal;
	case WR_CONDITION_EXISTS:
		return true;
	case WR_CONDITION_ABSENT:
		return false;
	case WR_CONDITION_ANYTHING_BUT:
		for (size_t i = 0; i < condition->but_count; i++)
			if (wr_condition_holds(&condition->but[i], value))
				return false;
		return true;
	default:
		return text_holds(condition, value);
	}
}

bool wr_leaf_holds(const struct wr_leaf *leaf, const struct wr_value *value)
{
	for (size_t i = 0; i < leaf->condition_count; i++)
		if (wr_condition_holds(&leaf->conditions[i], value))
			return true;
	return false;
}
