/* SPDX-License-Identifier: Apache-2.0 */
/* The pass over a payload, and the walk below a wildcard: both by the reader of core/json. */
#include <errno.h>
#include <string.h>

#include <weir/error.h>

#include "core/route/filter.h"
#include "core/route/transform.h"

/* An object or array that is being read. */
struct frame {
	uint32_t node; /* in the tree; in a walk the step that its members or elements are */
	uint32_t index;
	size_t start;
};

static bool opens(const struct wr_json *j)
{
	return j->token == WR_JSON_OBJECT || j->token == WR_JSON_ARRAY;
}

/* ---- the tree ---- */

static uint32_t child_of(const struct weir_transform *t, const struct wr_json *j,
			 const struct frame *in)
{
	uint32_t at = t->nodes[in->node].first_child;
	for (; at != WR_STEP_NONE; at = t->nodes[at].next) {
		const struct wr_path_step *step = &t->nodes[at].step;
		if (j->token == WR_JSON_NAME
			    ? step->kind == WR_STEP_NAME &&
				      wr_json_equals(j, step->name, step->name_bytes)
			    : step->kind == WR_STEP_INDEX && step->index == in->index)
			break;
	}
	return at;
}

static void set_range(const struct weir_transform *t, struct wr_value_range *ranges, uint32_t node,
		      size_t start, size_t end)
{
	if (t->nodes[node].slot != WR_STEP_NONE)
		ranges[t->nodes[node].slot] = (struct wr_value_range){start, end};
}

/* What a member of the same name had before does not count. */
static void forget(const struct weir_transform *t, struct wr_value_range *ranges, uint32_t node)
{
	for (uint32_t s = t->nodes[node].first_slot; s < t->nodes[node].end_slot; s++)
		ranges[s] = (struct wr_value_range){0};
}

/*
 * The value that begins with the current token is that of `node`. True: it is looked into, and
 * *frame is it.
 */
static bool take_value(const struct weir_transform *t, struct wr_json *j,
		       struct wr_value_range *ranges, uint32_t node, struct frame *frame)
{
	size_t start = j->start;
	if (opens(j) && t->nodes[node].first_child != WR_STEP_NONE) {
		*frame = (struct frame){.node = node, .start = start};
		return true;
	}
	if (wr_json_skip(j))
		set_range(t, ranges, node, start, j->end);
	return false;
}

int wr_transform_read(const struct weir_transform *t, const void *payload, size_t bytes,
		      struct wr_value_range *ranges, struct weir_problem *problem)
{
	struct frame frames[WR_PATH_STEPS_MAX + 1];
	struct wr_json j;
	uint32_t depth = 0;
	char why[160];
	memset(ranges, 0, t->slot_count * sizeof *ranges);
	wr_json_init(&j, payload, bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&j) != WR_JSON_BAD && take_value(t, &j, ranges, 0, &frames[0]))
		depth = 1;
	while (depth > 0 && j.token != WR_JSON_BAD) {
		struct frame *in = &frames[depth - 1];
		enum wr_json_token token = wr_json_next(&j);
		if (token == WR_JSON_OBJECT_END || token == WR_JSON_ARRAY_END) {
			set_range(t, ranges, in->node, in->start, j.end);
			depth--;
			continue;
		}
		uint32_t child = child_of(t, &j, in);
		in->index++;
		if (child == WR_STEP_NONE) {
			(void)wr_json_skip(&j);
			continue;
		}
		if (token == WR_JSON_NAME) {
			forget(t, ranges, child);
			if (wr_json_next(&j) == WR_JSON_BAD)
				break;
		}
		if (take_value(t, &j, ranges, child, &frames[depth]))
			depth++;
	}
	if (j.token != WR_JSON_BAD && wr_json_next(&j) == WR_JSON_END)
		return 0;
	return wr_route_refuse(problem, -EINVAL, "payload", 7, "the payload is no JSON: %s",
			       wr_json_explain(&j, why, sizeof why));
}

/* ---- below a wildcard ---- */

static bool leads_on(const struct wr_path_step *step, const struct wr_json *j, uint32_t index)
{
	switch (step->kind) {
	case WR_STEP_ALL:
		return true;
	case WR_STEP_NAME:
		return j->token == WR_JSON_NAME && wr_json_equals(j, step->name, step->name_bytes);
	default:
		return j->token != WR_JSON_NAME && step->index == index;
	}
}

void wr_transform_walk(const uint8_t *payload, struct wr_value_range range,
		       const struct wr_path_step *steps, uint32_t step_count,
		       bool (*take)(void *context, const struct wr_value_range *value),
		       void *context)
{
	struct frame frames[WR_PATH_STEPS_MAX + 1];
	struct wr_json j;
	uint32_t depth = 0;
	wr_json_init(&j, payload + range.start, range.end - range.start, WR_JSON_DEPTH_MAX);
	(void)wr_json_next(&j);
	if (opens(&j))
		frames[depth++] = (struct frame){0};
	while (depth > 0 && j.token != WR_JSON_BAD) {
		struct frame *in = &frames[depth - 1];
		enum wr_json_token token = wr_json_next(&j);
		if (token == WR_JSON_OBJECT_END || token == WR_JSON_ARRAY_END) {
			depth--;
			continue;
		}
		if (!leads_on(&steps[in->node], &j, in->index++)) {
			(void)wr_json_skip(&j);
			continue;
		}
		uint32_t next = in->node + 1;
		if (token == WR_JSON_NAME)
			(void)wr_json_next(&j);
		size_t start = j.start;
		if (next < step_count && opens(&j)) {
			frames[depth++] = (struct frame){.node = next};
			continue;
		}
		if (!wr_json_skip(&j) || next < step_count)
			continue;
		const struct wr_value_range value = {range.start + start, range.start + j.end};
		if (!take(context, &value))
			return;
	}
}
