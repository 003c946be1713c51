/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: one JSON value with <NAME> in it. It is checked as a copy in which what stands outside
 * of quotes is a number of the same length, by the reader of JSON that everything is checked with;
 * then cut into parts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/json/utf8.h"
#include "core/route/filter.h"
#include "core/route/transform.h"

static const char where[] = "InputTemplate";

struct cutting {
	struct weir_transform *transform;
	const char *text;
	size_t bytes;
	bool *used;
	struct weir_problem *problem;
	struct wr_part *parts;
	size_t part_count;
	char *kept; /* text of the parts, without spaces */
	size_t kept_bytes, part_first;
};

static size_t characters(const char *text, size_t bytes)
{
	size_t count = 0;
	for (size_t i = 0; i < bytes; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

static int refuse(const struct cutting *c, size_t at, const char *text)
{
	return wr_route_refuse(c->problem, -EINVAL, where, sizeof where - 1, "at character %zu: %s",
			       characters(c->text, at) + 1, text);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The '>' of a place that begins here; 0: the text ends, or the quotes do. */
static size_t end_of_place(const struct cutting *c, size_t at, bool in_string)
{
	for (size_t i = at + 1; i < c->bytes; i++) {
		if (c->text[i] == '>')
			return i;
		if (in_string && c->text[i] == '"')
			return 0;
		if (c->text[i] == '\\')
			i++;
	}
	return 0;
}

/* ---- is it JSON? ---- */

/* A number instead of each place outside of quotes. False: one of them has no end. */
static bool fill_in(const struct cutting *c, char *copy, size_t *ret_at)
{
	bool in_string = false;
	for (size_t i = 0; i < c->bytes; i++) {
		char now = c->text[i];
		if (now == '"')
			in_string = !in_string;
		else if (in_string && now == '\\')
			i++;
		if (in_string || now != '<')
			continue;
		size_t end = end_of_place(c, i, false);
		*ret_at = i;
		if (end == 0)
			return false;
		memset(copy + i, '1', end - i + 1);
		i = end;
	}
	return true;
}

static int check_token(const struct cutting *c, const struct wr_json *j)
{
	if (j->token == WR_JSON_NAME)
		for (size_t i = j->start; i < j->end; i++) {
			if (c->text[i] == '<' && end_of_place(c, i, true) != 0)
				return refuse(c, i, "a variable cannot be (in) a member's name");
			i += c->text[i] == '\\';
		}
	if (j->token != WR_JSON_NUMBER)
		return 0;
	for (size_t i = j->start; i < j->end; i++)
		if (c->text[i] == '<' && (i != j->start || end_of_place(c, i, false) != j->end - 1))
			return refuse(c, i,
				      "outside of quotes a variable is a whole value: put what "
				      "belongs to it in quotes, or a ',' before the next");
	return 0;
}

static int check(struct cutting *c)
{
	struct wr_json j;
	char why[160];
	size_t at = 0;
	char *copy = wr_arena_copy(&c->transform->arena, c->text, c->bytes);
	if (copy == NULL)
		return -ENOMEM;
	if (!fill_in(c, copy, &at))
		return refuse(c, at, "'<' begins a variable, and there is no '>' behind it");
	wr_json_init(&j, copy, c->bytes, WR_JSON_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END) {
		int rc = j.token != WR_JSON_BAD ? check_token(c, &j) : -EINVAL;
		if (j.token == WR_JSON_BAD)
			return wr_route_refuse(c->problem, rc, where, sizeof where - 1,
					       "a template is one JSON value, a text in quotes: %s",
					       wr_json_explain(&j, why, sizeof why));
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- parts ---- */

static void end_text(struct cutting *c)
{
	if (c->kept_bytes > c->part_first)
		c->parts[c->part_count++] =
			(struct wr_part){.kind = WR_PART_TEXT,
					 .text = c->kept + c->part_first,
					 .text_bytes = c->kept_bytes - c->part_first};
	c->part_first = c->kept_bytes;
}

static bool is_text(const char *text, const char *name, size_t bytes)
{
	return strlen(text) == bytes && memcmp(text, name, bytes) == 0;
}

static bool find(struct cutting *c, const char *name, size_t bytes, struct wr_part *part)
{
	static const char *const facts[] = {
#define FACT_NAME(name, text) text,
		WR_FACT_MAP(FACT_NAME)
#undef FACT_NAME
	};
	const struct weir_transform *t = c->transform;
	for (uint32_t v = 0; v < t->variable_count; v++) {
		if (t->variables[v].name_bytes != bytes ||
		    memcmp(t->variables[v].name, name, bytes) != 0)
			continue;
		part->kind = WR_PART_VARIABLE;
		part->index = v;
		c->used[v] = true;
		return true;
	}
	for (uint32_t f = 0; f < WR_ARRAY_COUNT(facts); f++)
		if (is_text(facts[f], name, bytes)) {
			part->kind = WR_PART_FACT;
			part->index = f;
			return true;
		}
	return false;
}

static int add_place(struct cutting *c, size_t at, size_t end, bool in_string)
{
	struct wr_part part = {.in_string = in_string};
	const char *name = c->text + at + 1;
	size_t bytes = end - at - 1;
	char text[160];
	if (!find(c, name, bytes, &part)) {
		if (is_text("aws.events.rule-arn", name, bytes))
			return refuse(c, at,
				      "there are no ARNs in weir: <weir.subscription> is "
				      "who the event is transformed for");
		(void)snprintf(text, sizeof text,
			       "<%.*s> is no variable: InputPathsMap has none of this name, and "
			       "it is none of those that are reserved",
			       (int)wr_min_u64(bytes, 60), name);
		return refuse(c, at, text);
	}
	end_text(c);
	c->parts[c->part_count++] = part;
	return 0;
}

static int cut(struct cutting *c)
{
	bool in_string = false;
	for (size_t i = 0; i < c->bytes; i++) {
		char now = c->text[i];
		size_t end = now == '<' ? end_of_place(c, i, in_string) : 0;
		if (end != 0) {
			int rc = add_place(c, i, end, in_string);
			if (rc != 0)
				return rc;
			i = end;
			continue;
		}
		if (!in_string && is_space(now))
			continue;
		c->kept[c->kept_bytes++] = now;
		if (now == '"')
			in_string = !in_string;
		else if (in_string && now == '\\')
			c->kept[c->kept_bytes++] = c->text[++i];
	}
	end_text(c);
	return 0;
}

int wr_transform_template(struct weir_transform *transform, const char *text, size_t bytes,
			  bool *used, struct weir_problem *problem)
{
	struct cutting c = {.transform = transform,
			    .text = text,
			    .bytes = bytes,
			    .used = used,
			    .problem = problem};
	size_t places = 0;
	if (wr_utf8_good_bytes(text, bytes) == bytes &&
	    characters(text, bytes) > WEIR_TEMPLATE_CHARACTERS_MAX)
		return wr_route_refuse(problem, WEIR_E_TOO_BIG, where, sizeof where - 1,
				       "a template has at most %u characters; this one has %zu",
				       WEIR_TEMPLATE_CHARACTERS_MAX, characters(text, bytes));
	for (size_t i = 0; i < bytes; i++)
		places += text[i] == '<';
	c.parts = wr_arena_take(&transform->arena, 2 * places + 1, sizeof *c.parts);
	c.kept = wr_arena_take(&transform->arena, bytes + 1, 1);
	if (c.parts == NULL || c.kept == NULL)
		return -ENOMEM;
	int rc = check(&c);
	if (rc == 0)
		rc = cut(&c);
	transform->parts = c.parts;
	transform->part_count = c.part_count;
	return rc;
}
