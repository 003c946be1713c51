/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/registry_text.h"

#include <errno.h>

#include "core/pipeline/pipeline.h"
#include "core/schema/js_schema.h"

/* All that a schema refers to, theirs included. */
#define PARTS_MAX (2 * WR_SCHEMA_REFERENCES_MAX)

/*
 * What a schema refers to, what that needs first: of Avro the types that stand before it in the
 * text that is read, each once; of JSON Schemas documents, each once by each of its names.
 */
struct parts {
	struct wr_schemas *schemas;
	uint32_t types[PARTS_MAX];
	struct wr_schema_reference names[PARTS_MAX]; /* by which it is referred to: JSON */
	uint32_t count;
	uint32_t depth; /* of those that are not among them yet: what they refer to is looked at */
	uint32_t format;
	size_t text_bytes;
};

static int add_part(struct parts *parts, uint32_t type, const struct wr_schema_reference *name);

/* References lead to what was registered before, so that there are no circles. */
static int add_references(struct parts *parts, const uint8_t *references, uint32_t bytes)
{
	struct wr_schema_reference r;
	uint32_t at = 0;
	int rc = 0;
	while (rc == 0 && wr_schema_reference_next(references, bytes, &at, &r))
		rc = r.entry < wr_schemas_entry_count(parts->schemas)
			     ? add_part(parts, parts->schemas->entries[r.entry].type, &r)
			     : WEIR_E_UNKNOWN_NAME;
	return rc;
}

static bool same_name(const struct wr_schema_reference *a, const struct wr_schema_reference *b)
{
	return a->name_bytes == b->name_bytes && memcmp(a->name, b->name, a->name_bytes) == 0;
}

/* 1: it is there; 0: it is not; WEIR_E_EXISTS: another one is there by its name. */
static int find_part(const struct parts *parts, uint32_t type,
		     const struct wr_schema_reference *name)
{
	for (uint32_t i = 0; i < parts->count; i++) {
		if (parts->format == WR_SCHEMA_FORMAT_AVRO) {
			if (parts->types[i] == type)
				return 1;
		} else if (same_name(&parts->names[i], name)) {
			return parts->types[i] == type ? 1 : WEIR_E_EXISTS;
		}
	}
	return 0;
}

static int add_part(struct parts *parts, uint32_t type, const struct wr_schema_reference *name)
{
	const struct wr_schema_type *t = &parts->schemas->types[type];
	int found = find_part(parts, type, name);
	if (found != 0)
		return found == 1 ? 0 : found;
	/* Each of those becomes a part, too: so that this is as deep as there may be parts. */
	if (parts->count + parts->depth == PARTS_MAX)
		return WEIR_E_TOO_BIG;
	parts->depth++;
	int rc = add_references(parts, parts->schemas->arena + t->at, t->reference_bytes);
	parts->depth--;
	/* What it refers to may have its name. */
	if (rc == 0 && find_part(parts, type, name) != 0)
		rc = WEIR_E_EXISTS;
	if (rc != 0)
		return rc;
	parts->names[parts->count] = *name;
	parts->types[parts->count++] = type;
	parts->text_bytes += t->text_bytes + 1;
	return 0;
}

/* "[first,second,this]": with what it refers to before it. */
static int read_parts(const struct weir_allocator *allocator, const struct parts *parts,
		      const uint8_t *text, uint32_t text_bytes, struct weir_schema **ret_schema,
		      struct weir_problem *problem)
{
	size_t bytes = parts->text_bytes + text_bytes + 2, at = 0;
	char *whole = wr_schema_alloc(allocator, bytes);
	if (whole == NULL)
		return -ENOMEM;
	whole[at++] = '[';
	for (uint32_t i = 0; i < parts->count; i++) {
		const struct wr_schema_type *t = &parts->schemas->types[parts->types[i]];
		memcpy(whole + at, parts->schemas->arena + t->at + t->reference_bytes,
		       t->text_bytes);
		at += t->text_bytes;
		whole[at++] = ',';
	}
	memcpy(whole + at, text, text_bytes);
	whole[at + text_bytes] = ']';
	int rc = wr_schema_parse_parts(whole, bytes, allocator, ret_schema, problem);
	wr_schema_free(allocator, whole, bytes);
	return rc;
}

/* The documents of what it refers to stay where they are: the names are what leads to them. */
static int read_json(const struct weir_allocator *allocator, const struct parts *parts,
		     const uint8_t *text, uint32_t text_bytes, struct weir_schema **ret_schema,
		     struct weir_problem *problem)
{
	struct wr_js_part documents[PARTS_MAX];
	for (uint32_t i = 0; i < parts->count; i++) {
		const struct wr_schema_type *t = &parts->schemas->types[parts->types[i]];
		documents[i] = (struct wr_js_part){
			.name = parts->names[i].name,
			.name_bytes = parts->names[i].name_bytes,
			.text = parts->schemas->arena + t->at + t->reference_bytes,
			.text_bytes = t->text_bytes,
		};
	}
	return wr_json_schema_parse(text, text_bytes, documents, parts->count, allocator,
				    ret_schema, problem);
}

static int read_text(const struct weir_allocator *allocator, const struct parts *parts,
		     const uint8_t *text, uint32_t text_bytes, struct weir_schema **ret_schema,
		     struct weir_problem *problem)
{
	if (parts->format == WR_SCHEMA_FORMAT_JSON)
		return read_json(allocator, parts, text, text_bytes, ret_schema, problem);
	return parts->count == 0
		       ? weir_schema_parse(text, text_bytes, 0, allocator, ret_schema, problem)
		       : read_parts(allocator, parts, text, text_bytes, ret_schema, problem);
}

static int references_problem(struct weir_problem *problem, int code)
{
	switch (code) {
	case WEIR_E_TOO_BIG:
		return wr_problem_set(problem, code, "references",
				      "with theirs, it refers to more than 64 schemas");
	case WEIR_E_EXISTS:
		return wr_problem_set(problem, -EINVAL, "references",
				      "with theirs, two schemas are referred to by one name: $ref "
				      "could mean either");
	default:
		return wr_problem_set(problem, code, "references", weir_strerror(code));
	}
}

int wr_registry_text_read(struct wr_schemas *schemas, const struct wr_schema_text *text,
			  const struct weir_allocator *allocator, struct weir_schema **ret_schema,
			  struct weir_problem *reterr_problem)
{
	struct parts parts = {.schemas = schemas, .format = text->format};
	int rc = add_references(&parts, text->tail, text->reference_bytes);
	if (rc != 0)
		return references_problem(reterr_problem, rc);
	return read_text(allocator, &parts, text->tail + text->reference_bytes, text->text_bytes,
			 ret_schema, reterr_problem);
}
