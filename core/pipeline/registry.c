/* SPDX-License-Identifier: Apache-2.0 */
/* What the registry holds, for whoever asks, and what was read of it: registry.h. */
#include "core/pipeline/registry.h"

#include <errno.h>
#include <stdio.h>

#include "core/schema/schema.h"

int wr_registry_read(struct weir_pipeline *p, const struct wr_schema_text *text,
		     struct wr_known_schema **ret_known, struct weir_problem *reterr_problem)
{
	const struct weir_allocator *allocator = &p->options.allocator;
	struct wr_known_schema *known = wr_schema_alloc(allocator, sizeof *known);
	int rc = known != NULL ? wr_registry_text_read(&p->tables.schemas, text, allocator,
						       &known->schema, reterr_problem)
			       : wr_problem_in_words(reterr_problem, -ENOMEM);
	if (rc != 0) {
		wr_registry_forget(p, known);
		return rc;
	}
	/* Avro's events are validated by reading them as themselves; without it none is. */
	if (text->format == WR_SCHEMA_FORMAT_AVRO &&
	    weir_resolver_create(known->schema, known->schema, &known->check, NULL) == -ENOMEM) {
		wr_registry_forget(p, known);
		return -ENOMEM;
	}
	*ret_known = known;
	return 0;
}

void wr_registry_forget(struct weir_pipeline *p, struct wr_known_schema *known)
{
	if (known == NULL)
		return;
	weir_resolver_free(known->check);
	weir_schema_free(known->schema);
	wr_schema_free(&p->options.allocator, known, sizeof *known);
}

void wr_registry_keep(struct weir_pipeline *p, uint32_t type, struct wr_known_schema *known)
{
	if (wr_load_relaxed(&p->known[type]) != NULL) // own: under the control lock
		wr_registry_forget(p, known);
	else
		wr_store_release(&p->known[type], known); /* SC4 */
}

void wr_registry_know(struct weir_pipeline *p, uint32_t type)
{
	struct wr_known_schema *known;
	if (wr_registry_known(p, type) != NULL)
		return;
	struct wr_schema_text text = wr_schema_text_at(&p->tables.schemas, type);
	if (wr_registry_read(p, &text, &known, NULL) == 0)
		wr_registry_keep(p, type, known);
}

static size_t known_bytes(struct weir_pipeline *p)
{
	return (p->options.schemas_max + 1) * sizeof *p->known;
}

int wr_registry_open(struct weir_pipeline *p)
{
	struct wr_schemas *s = &p->tables.schemas;
	struct weir_problem problem = {0};
	if (p->options.schemas_max == 0)
		return 0;
	p->known = p->host.memory->ops->alloc(p->host.memory, known_bytes(p), 64);
	if (p->known == NULL)
		return -ENOMEM;
	for (uint32_t type = 1; type <= wr_schemas_type_count(s); type++) {
		struct wr_schema_text text = wr_schema_text_at(s, type);
		struct wr_known_schema *known;
		int rc = wr_registry_read(p, &text, &known, &problem);
		if (rc == -ENOMEM)
			return rc;
		if (rc == 0)
			wr_registry_keep(p, type, known);
		else
			wr_pipeline_say(p, WR_EVENT_SCHEMA_UNREADABLE,
					WR_FIELDS(wr_field_u64("schema_id", s->types[type].id)),
					"schema %u cannot be read: %s %s", s->types[type].id,
					problem.field, problem.text);
	}
	return 0;
}

void wr_registry_close(struct weir_pipeline *p)
{
	if (p->known == NULL)
		return;
	for (uint32_t type = 1; type <= p->options.schemas_max; type++)
		wr_registry_forget(p, wr_load_relaxed(&p->known[type])); // nobody else is left
	p->host.memory->ops->free(p->host.memory, p->known, known_bytes(p));
	p->known = NULL;
}

/* --- how long it waits ------------------------------------------------------------------------ */

static _Thread_local uint64_t patience_ns; /* 0: for ever */

void weir_registry_timeout_set(uint64_t timeout_ns)
{
	patience_ns = timeout_ns;
}

int wr_registry_lock(struct weir_pipeline *p)
{
	if (patience_ns != 0)
		return wr_control_lock_for(p, patience_ns);
	wr_control_lock(p);
	return 0;
}

int wr_registry_call(struct weir_pipeline *p, const void *record, struct wr_reply *ret_reply)
{
	return wr_control_call_for(p, record, ((const struct wr_record *)record)->bytes,
				   patience_ns != 0 ? patience_ns : WEIR_FOREVER, ret_reply);
}

/* --- who asks --------------------------------------------------------------------------------- */

void wr_registry_tell(struct weir_pipeline *p, uint32_t entry, struct weir_schema_version *ret)
{
	struct wr_schemas *s = &p->tables.schemas;
	struct wr_schema_entry *e = &s->entries[entry];
	const struct wr_schema_type *t = &s->types[e->type];
	struct wr_schema_reference r;
	uint32_t at = 0;
	*ret = (struct weir_schema_version){
		.subject = s->subjects[e->subject].name,
		.version = e->version,
		.id = t->id,
		.type = (uint16_t)e->type,
		.state = (enum weir_schema_state)wr_load_relaxed(&e->state),
		.text = (const char *)s->arena + t->at + t->reference_bytes,
		.text_bytes = t->text_bytes,
		.place = entry,
		.format = t->format == WR_SCHEMA_FORMAT_JSON ? WEIR_SCHEMA_FORMAT_JSON
							     : WEIR_SCHEMA_FORMAT_AVRO,
	};
	while (wr_schema_reference_next(s->arena + t->at, t->reference_bytes, &at, &r))
		ret->reference_count++;
}

int weir_registry_version(struct weir_pipeline *p, const char *subject, uint32_t version,
			  struct weir_schema_version *ret_version)
{
	struct wr_schemas *s = &p->tables.schemas;
	uint32_t number =
		subject != NULL ? wr_schemas_subject(s, subject, strlen(subject)) : UINT32_MAX;
	uint32_t entry = number != UINT32_MAX ? wr_schemas_version(s, number, version) : UINT32_MAX;
	if (entry == UINT32_MAX)
		return WEIR_E_UNKNOWN_NAME;
	wr_registry_tell(p, entry, ret_version);
	return 0;
}

int weir_registry_id(struct weir_pipeline *p, uint32_t id, struct weir_schema_version *ret_version)
{
	struct wr_schemas *s = &p->tables.schemas;
	uint32_t type = wr_schemas_type_of_id(s, id);
	uint32_t entry = type != 0 ? wr_load_acquire(&s->types[type].entry) : 0; /* SC2 */
	if (entry == 0)
		return WEIR_E_UNKNOWN_SCHEMA;
	wr_registry_tell(p, entry - 1, ret_version);
	return 0;
}

int weir_registry_at(struct weir_pipeline *p, uint32_t place,
		     struct weir_schema_version *ret_version)
{
	if (place >= wr_schemas_entry_count(&p->tables.schemas))
		return WEIR_E_UNKNOWN_NAME;
	wr_registry_tell(p, place, ret_version);
	return 0;
}

int weir_registry_reference(struct weir_pipeline *p, const struct weir_schema_version *version,
			    uint32_t index, struct weir_schema_reference *ret_reference,
			    size_t *ret_name_bytes)
{
	struct wr_schemas *s = &p->tables.schemas;
	struct wr_schema_reference r;
	uint32_t at = 0;
	if (version->place >= wr_schemas_entry_count(s))
		return WEIR_E_UNKNOWN_NAME;
	const struct wr_schema_type *t = &s->types[s->entries[version->place].type];
	for (uint32_t i = 0;
	     wr_schema_reference_next(s->arena + t->at, t->reference_bytes, &at, &r); i++) {
		if (i != index)
			continue;
		const struct wr_schema_entry *e = &s->entries[r.entry];
		*ret_reference = (struct weir_schema_reference){
			.name = (const char *)r.name,
			.subject = s->subjects[e->subject].name,
			.version = e->version,
		};
		*ret_name_bytes = r.name_bytes;
		return 0;
	}
	return WEIR_E_UNKNOWN_NAME;
}

const struct weir_schema *weir_registry_schema(struct weir_pipeline *p, uint16_t type)
{
	const struct wr_known_schema *known = wr_registry_known(p, type);
	return known != NULL ? known->schema : NULL;
}

int weir_registry_level(struct weir_pipeline *p, const char *subject, bool *ret_own)
{
	struct wr_schemas *s = &p->tables.schemas;
	uint32_t number = UINT32_MAX;
	if (p->options.schemas_max == 0)
		return WEIR_E_UNKNOWN_NAME;
	if (subject != NULL) {
		number = wr_schemas_subject(s, subject, strlen(subject));
		if (number == UINT32_MAX)
			return WEIR_E_UNKNOWN_NAME;
	}
	if (ret_own != NULL)
		*ret_own = number != UINT32_MAX &&
			   wr_load_relaxed(&s->subjects[number].level) != WR_SCHEMA_LEVEL_NONE_OWN;
	return (int)wr_schemas_level(s, number);
}

int weir_topic_schema(struct weir_pipeline *p, uint32_t topic, struct weir_topic_schema *ret_schema)
{
	struct wr_schemas *s = &p->tables.schemas;
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	uint32_t word = wr_schemas_topic(s, topic);
	*ret_schema = (struct weir_topic_schema){
		.subject = word >> WR_SCHEMA_TOPIC_SHIFT != 0
				   ? s->subjects[wr_schemas_topic_subject(word)].name
				   : NULL,
		.prefix = (word & WR_SCHEMA_PREFIX) != 0,
		.validate = (word & WR_SCHEMA_VALIDATED) != 0,
	};
	return 0;
}

/* --- at publish ------------------------------------------------------------------------------- */

static int refuse(struct weir_problem *problem, int code, const char *text)
{
	return problem != NULL ? wr_problem_set(problem, code, "", text) : code;
}

/* Every byte of a payload, read as its own schema says. */
static int validate(struct weir_pipeline *p, uint32_t type, const uint8_t *data, size_t data_bytes,
		    struct weir_problem *problem)
{
	const struct wr_known_schema *known = wr_registry_known(p, type);
	uint8_t nothing;
	size_t bytes;
	if (known != NULL && known->schema->json != NULL) {
		if (weir_schema_validate_within(known->schema, data, data_bytes,
						p->options.validate_work_max, problem) == 0)
			return 0;
		if (problem != NULL)
			problem->code = WEIR_E_NOT_A_DATUM;
		return WEIR_E_NOT_A_DATUM;
	}
	if (known == NULL || known->check == NULL)
		return refuse(problem, WEIR_E_UNKNOWN_SCHEMA,
			      "the schema cannot be read here, so that nothing can be validated");
	int rc = weir_resolve(known->check, data, data_bytes, &nothing, 0, &bytes, problem);
	if (rc == 0 || rc == -ENOBUFS)
		return 0;
	if (problem != NULL)
		problem->code = WEIR_E_NOT_A_DATUM;
	return WEIR_E_NOT_A_DATUM;
}

int wr_registry_admit(struct weir_pipeline *p, uint32_t word, uint32_t type, const void *payload,
		      size_t payload_bytes, uint32_t *ret_type, struct weir_problem *problem)
{
	struct wr_schemas *s = &p->tables.schemas;
	const uint8_t *data = payload;
	uint32_t id;
	if (payload == NULL && type == 0)
		return 0;
	if ((word & WR_SCHEMA_PREFIX) != 0 && payload != NULL) {
		if (weir_schema_prefix_get(payload, payload_bytes, &id) != 0)
			return refuse(problem, WEIR_E_NOT_A_DATUM,
				      "the payload does not begin with a byte 0 and an id");
		uint32_t found = wr_schemas_type_of_id(s, id);
		if (found == 0 || (type != 0 && type != found))
			return refuse(problem, WEIR_E_UNKNOWN_SCHEMA,
				      "no schema has the id before the payload, or the event's "
				      "type is of another one");
		*ret_type = type = found;
		data += WEIR_SCHEMA_PREFIX_BYTES;
		payload_bytes -= WEIR_SCHEMA_PREFIX_BYTES;
	}
	if (!wr_schemas_is_of(s, type, wr_schemas_topic_subject(word)))
		return refuse(problem, WEIR_E_UNKNOWN_SCHEMA,
			      type == 0 ? "the event has no type, and its topic follows a subject"
					: "the event's schema is no version of the subject that "
					  "its topic follows");
	if ((word & WR_SCHEMA_VALIDATED) == 0 || payload == NULL)
		return 0;
	return validate(p, type, data, payload_bytes, problem);
}

int weir_event_schema_check(struct weir_pipeline *p, const struct weir_event *event,
			    struct weir_problem *reterr_problem)
{
	if (event->topic >= wr_catalog_topic_count(&p->tables.catalog))
		return refuse(reterr_problem, WEIR_E_UNKNOWN_NAME, "there is no such topic");
	uint32_t word = wr_schemas_topic(&p->tables.schemas, event->topic), type = event->type;
	if (word >> WR_SCHEMA_TOPIC_SHIFT == 0)
		return 0;
	return wr_registry_admit(p, word, type, event->payload, event->payload_bytes, &type,
				 reterr_problem);
}
