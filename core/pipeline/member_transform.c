/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/member_transform.h"

#include <errno.h>
#include <stddef.h>

#include "core/pipeline/event_json.h"

static struct wr_member_transform *newest_of(const struct wr_subscription_live *live)
{
	return wr_load_acquire(&live->transforms); /* MT1 */
}

static bool has_text(const struct wr_member_transform *t, const uint8_t *text, uint32_t text_bytes)
{
	return t->text_bytes == text_bytes &&
	       (text_bytes == 0 || memcmp(t->text, text, text_bytes) == 0);
}

/* Whether a list has to get it. */
static bool is_news(const struct wr_member_transform *newest, uint64_t number, const uint8_t *text,
		    uint32_t text_bytes)
{
	if (newest == NULL)
		return text_bytes > 0;
	return number > newest->number && !has_text(newest, text, text_bytes);
}

int wr_member_transform_create(const struct weir_allocator *allocator,
			       const struct wr_subscription_live *live, uint64_t number,
			       const struct wr_filter_transform *from,
			       struct wr_member_transform **ret, struct weir_problem *problem)
{
	const struct wr_member_transform *newest = newest_of(live);
	uint32_t count = 0;
	*ret = NULL;
	if (newest != NULL && !is_news(newest, number, from->text, from->text_bytes))
		return 0;
	for (const struct wr_member_transform *t = newest; t != NULL; t = t->before)
		count++;
	if (count >= WR_MEMBER_TRANSFORMS_MAX)
		return wr_problem_set(
			problem, WEIR_E_FULL, "transform",
			"it was changed 256 times since the pipeline was opened; what "
			"was replaced is given back at a close");
	size_t bytes = sizeof **ret + from->text_bytes;
	struct wr_member_transform *t =
		allocator->alloc(allocator->context, bytes, _Alignof(max_align_t));
	if (t == NULL)
		return wr_problem_set(problem, -ENOMEM, "transform", weir_strerror(-ENOMEM));
	*t = (struct wr_member_transform){
		.number = number, .block_bytes = bytes, .text_bytes = from->text_bytes};
	if (from->text_bytes > 0) {
		memcpy(t->text, from->text, from->text_bytes);
		int rc = wr_transform_create(t->text, t->text_bytes, allocator, &t->transform,
					     problem);
		if (rc != 0) {
			allocator->free(allocator->context, t, bytes);
			return rc;
		}
	}
	*ret = t;
	return 0;
}

void wr_member_transform_free(struct wr_memory *memory, struct wr_member_transform *t)
{
	if (t == NULL)
		return;
	weir_transform_destroy(t->transform);
	memory->ops->free(memory, t, t->block_bytes);
}

void wr_member_transform_use(struct wr_subscription_live *live, struct wr_member_transform **taken,
			     uint64_t from_seq)
{
	struct wr_member_transform *t = *taken, *newest = newest_of(live);
	if (t == NULL || !is_news(newest, t->number, t->text, t->text_bytes))
		return;
	t->before = newest;
	t->from_seq = from_seq;
	*taken = NULL;
	wr_store_release(&live->transforms, t); /* MT1 */
}

void wr_member_transforms_free(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	struct wr_member_transform *t = newest_of(live);
	while (t != NULL) {
		struct wr_member_transform *before = t->before;
		wr_member_transform_free(p->host.memory, t);
		t = before;
	}
}

/* ---- the public door ---- */

/* Fields, whatever encodes them: JSON that is made of them takes the end of the room. */
static int take_json(struct weir_pipeline *p, const struct weir_item *item, uint8_t *to,
		     size_t *to_bytes, struct weir_transform_event *event,
		     struct weir_problem *problem)
{
	struct wr_record_view view;
	struct wr_event_json json;
	/* Somebody's own payload is looked at as it is. */
	if (p->options.schemas_max == 0 || item->record == NULL ||
	    !wr_record_view(item->record, item->record_bytes, &view) ||
	    view.payload != item->payload)
		return 0;
	int rc = wr_event_json(p, item->record, &view, (char *)to, *to_bytes, &json);
	if (rc != 0)
		return wr_event_json_refuse(problem, rc);
	event->payload = json.bytes;
	event->payload_bytes = json.count;
	if (json.bytes != to || json.count == 0)
		return 0;
	*to_bytes -= json.count;
	event->payload = memmove(to + *to_bytes, to, json.count);
	return 0;
}

int64_t weir_member_transform(struct weir_member *m, const struct weir_item *item, void *to,
			      size_t to_bytes, const void **ret_payload,
			      struct weir_problem *reterr_problem)
{
	struct weir_pipeline *p = m->pipeline;
	const struct wr_catalog *catalog = &p->tables.catalog;
	const struct wr_member_transform *t = newest_of(&p->subscriptions[m->subscription]);
	struct weir_transform_event event;
	if (item->kind != WEIR_ITEM_EVENT)
		return wr_problem_set(reterr_problem, -EINVAL, "item", "it is no event");
	while (t != NULL && t->from_seq > item->sequence)
		t = t->before;
	/* What says that a key is gone goes on saying so. */
	if (t == NULL || t->transform == NULL || item->payload == NULL) {
		*ret_payload = item->payload;
		return (int64_t)item->payload_bytes;
	}
	weir_item_to_transform(item, &event);
	event.topic = catalog->topics[item->topic].name;
	event.subscription = catalog->subscriptions[m->subscription].name;
	int rc = t->transform->reads_payload
			 ? take_json(p, item, to, &to_bytes, &event, reterr_problem)
			 : 0;
	if (rc != 0)
		return rc;
	int64_t bytes = weir_transform_run(t->transform, &event, to, to_bytes, reterr_problem);
	if (bytes >= 0)
		*ret_payload = to;
	return bytes;
}
