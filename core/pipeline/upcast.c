/* SPDX-License-Identifier: Apache-2.0 */
/* Items in their newest form: the program's steps from type to type, one after the other. */
#include <errno.h>
#include <stdio.h>

#include <weir/sharing.h>
#include <weir/upcast.h>

#include "core/pipeline/pipeline.h"

/* The step for a type of a topic: the topic's own before that of any. */
static const struct weir_upcaster *find(const struct weir_upcaster *steps, size_t count,
					uint32_t topic, uint16_t type)
{
	const struct weir_upcaster *any = NULL;
	for (size_t i = 0; i < count; i++) {
		if (steps[i].from_type != type)
			continue;
		if (steps[i].topic == topic)
			return &steps[i];
		if (steps[i].topic == WEIR_UPCAST_ANY_TOPIC)
			any = &steps[i];
	}
	return any;
}

static int refuse(struct weir_problem *problem, size_t step, const char *why)
{
	char text[sizeof problem->text];
	(void)snprintf(text, sizeof text, "step %zu: %s", step, why);
	return wr_problem_set(problem, -EINVAL, "steps", text);
}

/* From a step on there are as many steps as there are at all: it is a circle. */
static bool is_endless(const struct weir_upcaster *steps, size_t count, size_t first)
{
	const struct weir_upcaster *step = &steps[first];
	uint32_t topic = step->topic;
	for (size_t taken = 0; step != NULL; taken++) {
		if (taken == count)
			return true;
		step = find(steps, count, topic, step->to_type);
	}
	return false;
}

int weir_upcasters_check(const struct weir_upcaster *steps, size_t count,
			 struct weir_problem *reterr_problem)
{
	for (size_t i = 0; i < count; i++) {
		if (steps[i].cast == NULL)
			return refuse(reterr_problem, i, "it has no function");
		if (steps[i].from_type == steps[i].to_type)
			return refuse(reterr_problem, i,
				      "it leads to the type that it begins with");
		for (size_t k = 0; k < i; k++)
			if (steps[k].topic == steps[i].topic &&
			    steps[k].from_type == steps[i].from_type)
				return refuse(reterr_problem, i,
					      "another one begins with its type, too");
	}
	for (size_t i = 0; i < count; i++)
		if (is_endless(steps, count, i))
			return refuse(reterr_problem, i, "it is in a circle, or leads into one");
	return 0;
}

int weir_upcast(const struct weir_upcaster *steps, size_t count, const struct weir_item *item,
		void *buffer, size_t buffer_bytes, struct weir_item *ret_item)
{
	struct weir_item now = *item;
	struct weir_origin origin;
	size_t half = buffer_bytes / 2;
	size_t taken = 0;
	if (item->kind != WEIR_ITEM_EVENT || item->payload == NULL) {
		*ret_item = now;
		return 0;
	}
	uint32_t topic = weir_item_origin(item, &origin) ? origin.topic : item->topic;
	for (;;) {
		const struct weir_upcaster *step = find(steps, count, topic, now.type);
		if (step == NULL)
			break;
		if (taken == count)
			return -ELOOP;
		/* The payload so far is in the other half. */
		uint8_t *to = (uint8_t *)buffer + taken % 2 * half;
		int64_t bytes = step->cast(step->context, &now, to, half);
		if (bytes < 0)
			return (int)bytes;
		if ((uint64_t)bytes > half || bytes > UINT32_MAX)
			return WEIR_E_TOO_BIG;
		now.type = step->to_type;
		now.payload = to;
		now.payload_bytes = (uint32_t)bytes;
		taken++;
	}
	*ret_item = now;
	return (int)taken;
}
