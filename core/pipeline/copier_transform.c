/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a binding's transformer makes of an event that is copied. Payloads of a run lie in a block
 * of the rules (route_rules.h) until the run is handed over, which is in the same step.
 *
 * What is done with an event that cannot be transformed is said by the binding's newest
 * transformer: so who has one that waits for an event can let it go, by another rule for failures.
 */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/copier.h"
#include "core/pipeline/event_json.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/route_rules.h"
#include "core/record/origin.h"

/* Of a payload that may be, whatever else the event has. */
static uint32_t room_of(const struct weir_pipeline *p, const struct wr_record_view *view)
{
	uint32_t others = view->head->bytes - view->payload_bytes + WR_RECORD_ALIGN;
	return p->run_bytes_max > others ? p->run_bytes_max - others : 0;
}

static struct weir_transform_event event_of(const struct weir_pipeline *p,
					    const struct wr_record_view *view,
					    const struct wr_origin *origin, uint64_t append_time_us)
{
	const struct wr_catalog *catalog = &p->tables.catalog;
	struct wr_option option;
	struct weir_transform_event event = {
		.payload = view->payload,
		.payload_bytes = view->payload_bytes,
		.key = view->key,
		.key_bytes = view->head->key_bytes,
		.topic = catalog->topics[origin->topic].name,
		.subscription = catalog->subscriptions[origin->subscription].name,
		.sequence = origin->seq,
		.partition = origin->partition,
		.append_time_us = append_time_us,
	};
	if (wr_option_find(view, WR_OPTION_EVENT_ID, &option)) {
		event.event_id = option.value;
		event.event_id_bytes = option.value_bytes;
	}
	if (wr_option_find(view, WR_OPTION_CORRELATION, &option)) {
		event.correlation_id = option.value;
		event.correlation_id_bytes = option.value_bytes;
	}
	return event;
}

/* Fields, whatever encodes them. */
static int take_json(struct weir_pipeline *p, const struct wr_record_view *view,
		     struct weir_transform_event *event, struct weir_problem *problem)
{
	struct wr_rules *rules = p->router.rules;
	struct wr_event_json json;
	if (rules->json == NULL)
		return 0;
	int rc = wr_event_json(p, view->head, view, rules->json, rules->json_max, &json);
	if (rc != 0)
		return wr_event_json_refuse(problem, rc);
	event->payload = json.bytes;
	event->payload_bytes = json.count;
	return 0;
}

static enum wr_copier_made fail(const struct wr_rules *rules, const struct wr_program *program,
				struct wr_copier_transform *t, const struct weir_problem *problem)
{
	const struct wr_program *newest = wr_rules_newest_transform(rules, program->subscription);
	newest = newest != NULL ? newest : program;
	(void)snprintf(t->why, sizeof t->why, "the one at %llu cannot be transformed: %s%s%s",
		       (unsigned long long)t->origin->seq, problem->field,
		       problem->field[0] != '\0' ? ": " : "", problem->text);
	if (newest->on_failure == WR_TRANSFORM_WAIT)
		return WR_COPIER_WAITS;
	if (newest->on_failure == WR_TRANSFORM_DEAD_LETTER)
		t->target = newest->dead_letters;
	t->origin->flags |= WR_ORIGIN_UNTRANSFORMED;
	t->origin->reason = (uint32_t)-problem->code;
	return WR_COPIER_AS_IT_IS;
}

enum wr_copier_made wr_copier_transform(struct weir_pipeline *p, const struct wr_program *program,
					struct wr_record_view *view, uint64_t append_time_us,
					struct wr_copier_transform *t)
{
	struct wr_rules *rules = p->router.rules;
	struct weir_problem problem = {0};
	/* What says that a key is gone says so in the target, too. */
	if (program->transform == NULL || view->payload == NULL)
		return WR_COPIER_AS_IT_IS;
	struct weir_transform_event event = event_of(p, view, t->origin, append_time_us);
	if (program->transform->reads_payload && take_json(p, view, &event, &problem) != 0)
		return fail(rules, program, t, &problem);
	uint32_t most = room_of(p, view);
	uint32_t room =
		(uint32_t)wr_min_u64(most, rules->transformed_max - rules->transformed_bytes);
	uint8_t *to = rules->transformed + rules->transformed_bytes;
	int64_t bytes = weir_transform_run(program->transform, &event, to, room, &problem);
	if (bytes == WEIR_E_TOO_BIG && room < most)
		return WR_COPIER_NEXT_RUN;
	if (bytes < 0)
		return fail(rules, program, t, &problem);
	rules->transformed_bytes += (uint32_t)bytes;
	view->payload = to;
	view->payload_bytes = (uint32_t)bytes;
	return WR_COPIER_TRANSFORMED;
}
