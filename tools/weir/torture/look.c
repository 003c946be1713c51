/* SPDX-License-Identifier: Apache-2.0 */
/* See look.h. */
#include "tools/weir/torture/look.h"

#include <string.h>

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
	return hash;
}

void look_keep(struct look *look, const struct weir_item *item)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	const uint64_t numbers[] = {item->sequence,       item->epoch,     item->topic,
				    item->type,           item->key_bytes, item->payload_bytes,
				    item->payload == NULL};

	hash = hash_bytes(hash, numbers, sizeof numbers);
	hash = hash_bytes(hash, item->key, item->key_bytes);
	hash = hash_bytes(hash, item->payload, item->payload_bytes);
	if (look->event_count < LOOK_EVENTS_MAX)
		look->events[look->event_count++] =
			(struct look_event){.sequence = item->sequence, .hash = hash};
	else
		look->more_count++;
}

static int on_events(void *context, const struct weir_journal_events *events)
{
	for (size_t i = 0; i < events->count; i++)
		look_keep(context, &events->items[i]);
	return 0;
}

static int on_damage(void *context, const struct weir_journal_damage *damage)
{
	struct look *look = context;

	if (look->damage_count++ == 0)
		look->first = *damage;
	if (damage->corrupt && !look->corrupt.corrupt)
		look->corrupt = *damage;
	look->torn_count += damage->kind == WEIR_JOURNAL_TORN_TAIL;
	return 0;
}

void look_at(const char *dir, struct look *ret_look)
{
	struct weir_journal_visitor visitor;

	ret_look->event_count = ret_look->more_count = 0;
	ret_look->damage_count = ret_look->torn_count = 0;
	memset(&ret_look->corrupt, 0, sizeof ret_look->corrupt);
	memset(&ret_look->first, 0, sizeof ret_look->first);
	weir_journal_visitor_init(&visitor);
	visitor.events = on_events;
	visitor.damage = on_damage;
	visitor.context = ret_look;
	ret_look->code = weir_journal_inspect(dir, &visitor, &ret_look->report, NULL);
}

bool look_has_all_but(const struct look_event *whole, uint32_t whole_count,
		      const struct look_event *events, uint32_t count, uint64_t first, uint64_t end)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < whole_count; i++) {
		const struct look_event *expected = &whole[i];
		if (expected->sequence >= first && expected->sequence < end)
			continue;
		if (at == count || events[at].sequence != expected->sequence ||
		    events[at].hash != expected->hash)
			return false;
		at++;
	}
	return at == count;
}

bool look_has_only(const struct look_event *whole, uint32_t whole_count,
		   const struct look_event *events, uint32_t count)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < count; i++, at++) {
		while (at < whole_count && whole[at].sequence < events[i].sequence)
			at++;
		if (at == whole_count || whole[at].sequence != events[i].sequence ||
		    whole[at].hash != events[i].hash)
			return false;
	}
	return true;
}
