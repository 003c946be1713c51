/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscriptions of a journal that is looked at from outside: their names, and which partition a row
 * of one is; by the checkpoints, and by the records that come by.
 *
 * Bytes are hostile: what does not fit is left out, and is not known then. Thread: the caller's.
 */
#include <stdlib.h>
#include <string.h>

#include "core/record/section.h"
#include "io/journal_inspect.h"

/* Ids must not make a table of gigabytes. */
#define SUBSCRIPTIONS_MAX 65536u

/* Out of memory only costs a name. */
static struct wr_inspect_subscription *make(struct wr_inspect *in, uint32_t id)
{
	if (id >= SUBSCRIPTIONS_MAX)
		return NULL;
	if (id >= in->subscription_count) {
		uint32_t count = id + 1 + id / 2;
		struct wr_inspect_subscription *grown =
			realloc(in->subscriptions, count * sizeof *grown);
		if (grown == NULL)
			return NULL;
		memset(grown + in->subscription_count, 0,
		       (count - in->subscription_count) * sizeof *grown);
		in->subscriptions = grown;
		in->subscription_count = count;
	}
	return &in->subscriptions[id];
}

static void name_it(struct wr_inspect_subscription *s, const void *name, size_t name_bytes)
{
	if (s == NULL || !wr_name_valid(name, name_bytes))
		return;
	memcpy(s->name, name, name_bytes);
	s->name[name_bytes] = '\0';
}

void wr_inspect_subscriptions_section(struct wr_inspect *in, struct wr_cursor *c, uint32_t count)
{
	for (uint32_t id = 0; id < count && !c->failed; id++) {
		uint32_t name_bytes = wr_take_u32(c);
		uint32_t topic_count = wr_take_u32(c);
		wr_take(c, 12); /* tag, start */
		const uint8_t *name = wr_take(c, name_bytes);
		const uint8_t *topics = wr_take(c, (size_t)topic_count * sizeof(uint32_t));
		if (c->failed || topic_count > WR_SUBSCRIPTION_TOPICS_MAX)
			return;
		struct wr_inspect_subscription *s = make(in, id);
		if (s == NULL || s->topic_count != 0)
			continue;
		name_it(s, name, name_bytes);
		s->topic_count = topic_count;
		memcpy(s->topics, topics, topic_count * sizeof(uint32_t));
	}
}

void wr_inspect_filters_section(struct wr_inspect *in, const uint8_t *bytes, uint32_t length_bytes)
{
	struct wr_cursor c = wr_cursor_over(bytes, length_bytes);
	while (c.left_bytes > 0 && !c.failed) {
		uint32_t id = wr_take_u32(&c);
		uint32_t kept = wr_take_u32(&c);
		wr_take_u64(&c); /* how many there have been */
		for (uint32_t n = 0; n < kept && !c.failed; n++) {
			wr_take_u64(&c); /* from where */
			wr_take(&c, wr_take_u32(&c));
		}
		struct wr_inspect_subscription *s = c.failed ? NULL : make(in, id);
		if (s != NULL)
			s->is_filtered = true;
	}
}

void wr_inspect_take_subscription(struct wr_inspect *in, const struct wr_record_view *view)
{
	struct wr_control_subscription control;
	struct wr_inspect_subscription *s;
	uint32_t filter_bytes;
	if (view->head->kind == WR_KIND_FILTER) {
		s = make(in, view->head->topic);
		if (s != NULL)
			s->is_filtered = true;
		return;
	}
	if (!wr_control_subscription_read(view, &control))
		return;
	s = make(in, view->head->topic);
	if (s == NULL)
		return;
	name_it(s, view->key, view->head->key_bytes);
	s->topic_count = control.topic_count;
	memcpy(s->topics, control.topics, control.topic_count * sizeof(uint32_t));
	if (wr_control_subscription_filter(view, &filter_bytes) != NULL)
		s->is_filtered = true;
}

bool wr_inspect_row(const struct wr_inspect *in, uint32_t subscription, uint32_t row,
		    uint32_t *ret_topic, uint32_t *ret_partition)
{
	if (subscription >= in->subscription_count)
		return false;
	const struct wr_inspect_subscription *s = &in->subscriptions[subscription];
	for (uint32_t i = 0; i < s->topic_count; i++) {
		uint32_t topic = s->topics[i];
		uint32_t rooms = topic < in->topic_count ? in->topics[topic].partitions_max : 0;
		if (rooms == 0)
			return false; /* its definition is not known: nor where the next begins */
		if (row < rooms) {
			*ret_topic = topic;
			*ret_partition = row;
			return true;
		}
		row -= rooms;
	}
	return false;
}
