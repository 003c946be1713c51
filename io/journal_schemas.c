/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of a journal that is read from outside: from its newest checkpoint, and from the
 * records behind that as they pass, decided as the owner's writer decided them (L15). A schema is
 * read at its first event. What was deleted keeps its text and its id, so events below the
 * checkpoint find theirs, too.
 *
 * A record that does not come out as it says (one before it is damaged, or was trimmed) ends it: no
 * schema that came later is believed, and the reason is told with each event.
 *
 * Read-only. Thread: the caller's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/resolver.h>
#include <weir/sharing.h>

#include "core/pipeline/registry_text.h"
#include "io/journal_inspect.h"

/* What events and records can name; memory that is not used is not touched. */
#define TYPES_MAX 65535u
#define TOPICS_MAX 65536u
#define BYTES_MAX (64u << 20)

struct wr_inspect_schemas {
	struct wr_schemas table;
	struct weir_schema *known[TYPES_MAX + 1];
	bool looked[TYPES_MAX + 1];
	uint64_t seq; /* all up to it is in the table */
	bool is_broken;
	char why[256];
};

int wr_inspect_schemas_open(struct wr_inspect *in)
{
	const struct wr_schemas_limits limits = {
		.schemas_max = TYPES_MAX, .bytes_max = BYTES_MAX, .topics_max = TOPICS_MAX};
	struct wr_inspect_schemas *s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	int code = wr_schemas_init(&s->table, &in->memory.memory, &limits);
	if (code != 0) {
		free(s);
		return code;
	}
	in->schemas = s;
	return 0;
}

void wr_inspect_schemas_close(struct wr_inspect *in)
{
	struct wr_inspect_schemas *s = in->schemas;
	if (s == NULL)
		return;
	for (uint32_t type = 1; type <= TYPES_MAX; type++)
		weir_schema_free(s->known[type]);
	wr_schemas_fini(&s->table, &in->memory.memory);
	free(s);
	in->schemas = NULL;
}

bool wr_inspect_schemas_begin(struct wr_inspect *in, uint64_t checkpoint_seq)
{
	struct wr_inspect_schemas *s = in->schemas;
	if (s == NULL || checkpoint_seq <= s->seq)
		return false;
	wr_schemas_reset(&s->table);
	s->seq = checkpoint_seq;
	s->is_broken = false;
	return true;
}

void wr_inspect_schemas_section(struct wr_inspect *in, uint32_t version, const uint8_t *bytes,
				uint32_t length_bytes)
{
	struct wr_inspect_schemas *s = in->schemas;
	if (wr_schemas_load(&s->table, version, TOPICS_MAX, bytes, length_bytes) == 0)
		return;
	wr_schemas_reset(&s->table);
	s->is_broken = true;
}

void wr_inspect_take_schema(struct wr_inspect *in, const struct wr_record *head, uint64_t seq)
{
	struct wr_inspect_schemas *s = in->schemas;
	struct wr_schemas_given given;
	struct wr_schema_record r;
	struct wr_record_view view;
	if (seq <= s->seq || s->is_broken)
		return;
	s->seq = seq;
	s->is_broken =
		!wr_record_view(head, head->bytes, &view) || !wr_schema_record_read(&view, &r) ||
		wr_schemas_decide(&s->table, &view, TOPICS_MAX, &given) != 0 ||
		(r.op == WR_SCHEMA_REGISTER &&
		 (head->topic != given.type || r.id != given.id || r.version != given.version));
}

/* --- events ----------------------------------------------------------------------------------- */

static void complain(struct wr_inspect_schemas *s, struct weir_journal_event *event,
		     const char *why)
{
	snprintf(s->why, sizeof s->why, "%s%s", why,
		 s->is_broken ? " (a record of the registry before it is damaged)" : "");
	event->schema_problem = s->why;
}

/* Read at its first event; what cannot be read is told with each. */
static void find_schema(struct wr_inspect_schemas *s, uint32_t type,
			struct weir_journal_event *event)
{
	struct weir_problem problem = {0};
	char why[160];
	if (type == 0 || type > wr_schemas_type_count(&s->table)) {
		complain(s, event, "the registry has no schema of its type");
		return;
	}
	event->schema_id = s->table.types[type].id;
	if (!s->looked[type]) {
		struct wr_schema_text text = wr_schema_text_at(&s->table, type);
		s->looked[type] = true;
		(void)wr_registry_text_read(&s->table, &text, NULL, &s->known[type], &problem);
	}
	event->schema = s->known[type];
	if (event->schema != NULL)
		return;
	snprintf(why, sizeof why, "schema %u cannot be read here%s%.100s", event->schema_id,
		 problem.text[0] != '\0' ? ": " : "", problem.text);
	complain(s, event, why);
}

static bool find_by_prefix(struct wr_inspect_schemas *s, struct weir_journal_event *event)
{
	const struct weir_item *item = &event->item;
	char why[80];
	uint32_t id;
	if (weir_schema_prefix_get(item->payload, item->payload_bytes, &id) != 0)
		return false;
	uint32_t type = wr_schemas_type_of_id(&s->table, id);
	event->schema_id = id;
	event->schema_prefix_bytes = WEIR_SCHEMA_PREFIX_BYTES;
	if (type != 0) {
		find_schema(s, type, event);
		return true;
	}
	snprintf(why, sizeof why, "the registry has no schema with the id %u", id);
	complain(s, event, why);
	return true;
}

void wr_inspect_fill_schema(struct wr_inspect *in, struct weir_journal_event *event)
{
	struct wr_inspect_schemas *s = in->schemas;
	const struct weir_item *item = &event->item;
	struct weir_origin origin;
	event->schema = NULL;
	event->schema_problem = NULL;
	event->schema_id = event->schema_prefix_bytes = 0;
	if (event->control || item->payload == NULL)
		return;
	/* A dead letter, or what was redriven, is as the topic had it where it was published. */
	uint32_t topic = weir_item_origin(item, &origin) ? origin.topic : item->topic;
	uint32_t word = topic < TOPICS_MAX ? wr_schemas_topic(&s->table, topic) : 0;
	if ((word & WR_SCHEMA_PREFIX) != 0) {
		if (!find_by_prefix(s, event))
			complain(s, event, "the payload does not begin with a byte 0 and an id");
	} else if (word != 0 && item->type != 0) {
		find_schema(s, item->type, event);
	} else if (word >> WR_SCHEMA_TOPIC_SHIFT == 0 && item->type == 0) {
		/* As who brings events of elsewhere publishes them: the topic has no subject. */
		if (wr_schemas_type_count(&s->table) > 0)
			(void)find_by_prefix(s, event);
	} else if (s->is_broken) {
		complain(s, event, "its schema is not known");
	}
}
