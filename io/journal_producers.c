/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who published an event that is looked at from outside: the stamp that events of named producers
 * carry, and the name that its id has by a checkpoint or by a record that came by.
 *
 * Bytes are hostile: what does not fit is left out, and the events are shown without names.
 */
#include <stdlib.h>
#include <string.h>

#include "core/record/section.h"
#include "io/journal_inspect.h"

/* Ids must not make a table of gigabytes. */
#define PRODUCERS_MAX 1048576u
#define PRODUCERS_VERSION 1u

/* Out of memory only costs a name. */
static void add(struct wr_inspect *in, uint32_t id, const void *name, size_t name_bytes)
{
	if (id >= PRODUCERS_MAX || !wr_name_valid(name, name_bytes))
		return;
	if (id >= in->producer_count) {
		uint32_t count = id + 1 + id / 2;
		char **grown = realloc(in->producers, count * sizeof *grown);
		if (grown == NULL)
			return;
		memset(grown + in->producer_count, 0, (count - in->producer_count) * sizeof *grown);
		in->producers = grown;
		in->producer_count = count;
	}
	/* Names are never given again: an id that is known has this one. */
	if (in->producers[id] != NULL)
		return;
	char *copy = malloc(name_bytes + 1);
	if (copy == NULL)
		return;
	memcpy(copy, name, name_bytes);
	copy[name_bytes] = '\0';
	in->producers[id] = copy;
}

void wr_inspect_producers_section(struct wr_inspect *in, uint32_t version, const uint8_t *bytes,
				  uint32_t length_bytes)
{
	struct wr_cursor c = wr_cursor_over(bytes, length_bytes);
	if (version != PRODUCERS_VERSION)
		return;
	uint32_t count = wr_take_u32(&c);
	for (uint32_t id = 0; id < count && !c.failed; id++) {
		uint32_t name_bytes = wr_take_u32(&c);
		const uint8_t *name = wr_take(&c, name_bytes);
		wr_take(&c, 24); /* epoch, its last sequence, the log's */
		if (!c.failed)
			add(in, id, name, name_bytes);
	}
}

void wr_inspect_take_producer(struct wr_inspect *in, const struct wr_record *head)
{
	struct wr_control_producer control;
	struct wr_record_view view;
	if (wr_record_view(head, head->bytes, &view) && wr_control_producer_read(&view, &control))
		add(in, head->topic, view.key, head->key_bytes);
}

void wr_inspect_fill_producer(const struct wr_inspect *in, const struct wr_record *head,
			      struct weir_journal_event *event)
{
	struct wr_producer_stamp stamp;
	struct wr_record_view view;
	struct wr_option option;
	event->producer_name = NULL;
	event->producer_epoch = 0;
	event->producer_sequence = 0;
	if (!wr_record_view(head, head->bytes, &view) ||
	    !wr_option_find(&view, WR_OPTION_PRODUCER, &option) ||
	    option.value_bytes != sizeof stamp)
		return;
	memcpy(&stamp, option.value, sizeof stamp);
	bool is_known = stamp.id < in->producer_count && in->producers[stamp.id] != NULL;
	event->producer_name = is_known ? in->producers[stamp.id] : "";
	event->producer_epoch = stamp.epoch;
	event->producer_sequence = stamp.sequence;
}

void wr_inspect_forget_producers(struct wr_inspect *in)
{
	for (uint32_t id = 0; id < in->producer_count; id++)
		free(in->producers[id]);
	free(in->producers);
	in->producers = NULL;
	in->producer_count = 0;
}
