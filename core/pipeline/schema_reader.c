/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of all versions read as one schema: a resolver for each type, made when the reader is, or
 * at the first event of a type that came later. Whose cannot be read is remembered as such.
 *
 * Thread: the reader's.
 */
#include <errno.h>

#include <weir/sharing.h>

#include "core/pipeline/registry.h"
#include "core/schema/schema.h"

struct of_type {
	struct weir_resolver *resolver;
	bool as_it_is; /* JSON, which needs none */
	bool looked;
};

struct weir_schema_reader {
	struct weir_pipeline *pipeline;
	const struct weir_schema *schema;
	size_t block_bytes;
	uint32_t type_max;
	struct of_type types[]; /* [type_max + 1] */
};

/* JSON is lent, if the reader takes whatever the writer's schema does. */
static int look_at_json(struct weir_schema_reader *r, const struct weir_schema *writer,
			struct of_type *of, struct weir_problem *problem)
{
	int rc = weir_schema_can_read(r->schema, writer, NULL, NULL);
	if (rc == -ENOMEM)
		return wr_problem_in_words(problem, rc);
	of->looked = true;
	of->as_it_is = rc == 1;
	return rc == 1 ? 0
		       : wr_problem_set(problem, WEIR_E_INCOMPATIBLE, "",
					rc == 0 ? "the reader's JSON Schema does not take all that "
						  "the event's does"
						: "there is more to compare than the limits allow");
}

static int look(struct weir_schema_reader *r, uint32_t type, struct weir_problem *problem)
{
	const struct wr_known_schema *known = wr_registry_known(r->pipeline, type);
	struct of_type *of = &r->types[type];
	if (known == NULL)
		return wr_problem_set(problem, WEIR_E_UNKNOWN_SCHEMA, "",
				      "the schema that the event was written with is not there, "
				      "or cannot be read here");
	if (known->schema->json != NULL && r->schema->json != NULL)
		return look_at_json(r, known->schema, of, problem);
	int rc = weir_resolver_create(known->schema, r->schema, &of->resolver, problem);
	if (rc == -ENOMEM)
		return rc;
	of->looked = true;
	return rc == 0 ? 0 : WEIR_E_INCOMPATIBLE;
}

static int make_ready(struct weir_schema_reader *r, uint32_t subject)
{
	uint32_t count = wr_schemas_type_count(&r->pipeline->tables.schemas);
	struct weir_problem problem;
	for (uint32_t type = 1; type <= count; type++)
		if ((subject == UINT32_MAX ||
		     wr_schemas_is_of(&r->pipeline->tables.schemas, type, subject)) &&
		    look(r, type, &problem) == -ENOMEM)
			return -ENOMEM;
	return 0;
}

int weir_schema_reader_create(struct weir_pipeline *p, const struct weir_schema *schema,
			      const char *subject, struct weir_schema_reader **ret_reader,
			      struct weir_problem *reterr_problem)
{
	uint32_t number = UINT32_MAX;
	int rc = wr_null_check(schema, ret_reader, reterr_problem);
	if (rc != 0)
		return rc;
	if (p->options.schemas_max == 0)
		return wr_problem_set(reterr_problem, WEIR_E_FULL, "schemas_max",
				      "the pipeline has no registry: set schemas_max");
	if (subject != NULL) {
		number = wr_schemas_subject(&p->tables.schemas, subject, strlen(subject));
		if (number == UINT32_MAX)
			return wr_problem_set(reterr_problem, WEIR_E_UNKNOWN_NAME, "subject",
					      "there is no such subject");
	}
	size_t bytes = sizeof(struct weir_schema_reader) +
		       (p->options.schemas_max + 1) * sizeof(struct of_type);
	struct weir_schema_reader *r = wr_schema_alloc(&p->options.allocator, bytes);
	if (r == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	r->pipeline = p;
	r->schema = schema;
	r->block_bytes = bytes;
	r->type_max = p->options.schemas_max;
	rc = make_ready(r, number);
	if (rc != 0) {
		weir_schema_reader_free(r);
		return wr_problem_in_words(reterr_problem, rc);
	}
	*ret_reader = r;
	return 0;
}

void weir_schema_reader_free(struct weir_schema_reader *reader)
{
	if (reader == NULL)
		return;
	for (uint32_t type = 1; type <= reader->type_max; type++)
		weir_resolver_free(reader->types[type].resolver);
	wr_schema_free(&reader->pipeline->options.allocator, reader, reader->block_bytes);
}

/*
 * Whether the id stands before the payload: as the topic has it that it was published to. A dead
 * letter, or what was redriven, is a copy of what was published to another one.
 */
static bool has_prefix(struct wr_schemas *s, const struct weir_item *item)
{
	struct weir_origin origin;
	uint32_t topic = weir_item_origin(item, &origin) ? origin.topic : item->topic;
	return topic < s->limits.topics_max && (wr_schemas_topic(s, topic) & WR_SCHEMA_PREFIX) != 0;
}

/* The datum of an item, without its prefix, and how its type is read. */
static int begin(struct weir_schema_reader *r, const struct weir_item *item,
		 const uint8_t **ret_data, size_t *ret_bytes, struct weir_problem *problem)
{
	struct wr_schemas *s = &r->pipeline->tables.schemas;
	*ret_data = item->payload;
	*ret_bytes = item->payload_bytes;
	if (item->kind != WEIR_ITEM_EVENT || item->type == 0 || item->type > r->type_max)
		return wr_problem_set(problem, WEIR_E_UNKNOWN_SCHEMA, "",
				      "the event carries no schema that is known here");
	if (has_prefix(s, item)) {
		uint32_t id;
		if (weir_schema_prefix_get(item->payload, item->payload_bytes, &id) != 0)
			return wr_problem_set(problem, WEIR_E_NOT_A_DATUM, "",
					      "the payload does not begin with a byte 0 and an id");
		*ret_data += WEIR_SCHEMA_PREFIX_BYTES;
		*ret_bytes -= WEIR_SCHEMA_PREFIX_BYTES;
	}
	if (!r->types[item->type].looked)
		return look(r, item->type, problem);
	return r->types[item->type].resolver != NULL || r->types[item->type].as_it_is
		       ? 0
		       : wr_problem_set(problem, WEIR_E_INCOMPATIBLE, "",
					"no event of that schema can be read as this reader's");
}

int weir_schema_reader_read(struct weir_schema_reader *reader, const struct weir_item *item,
			    void *to, size_t to_bytes, const void **ret_data, size_t *ret_bytes,
			    struct weir_problem *reterr_problem)
{
	const uint8_t *data;
	size_t data_bytes;
	if (item->kind == WEIR_ITEM_EVENT && item->payload == NULL) {
		*ret_data = NULL;
		*ret_bytes = 0;
		return 0;
	}
	int rc = begin(reader, item, &data, &data_bytes, reterr_problem);
	if (rc != 0)
		return rc;
	const struct weir_resolver *resolver = reader->types[item->type].resolver;
	if (resolver == NULL || weir_resolver_is_identity(resolver)) {
		*ret_data = data;
		*ret_bytes = data_bytes;
		return 0;
	}
	rc = weir_resolve(resolver, data, data_bytes, to, to_bytes, ret_bytes, reterr_problem);
	if (rc == 0)
		*ret_data = to;
	if (rc == 0 || rc == -ENOBUFS)
		return rc;
	if (reterr_problem != NULL)
		reterr_problem->code = WEIR_E_NOT_A_DATUM;
	return WEIR_E_NOT_A_DATUM;
}
