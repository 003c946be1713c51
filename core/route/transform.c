/* SPDX-License-Identifier: Apache-2.0 */
/* Transformers, made of their JSON and given back. */
#include "core/route/transform.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "core/route/filter.h"

/* What the JSON says, as it is found. */
struct definition {
	struct weir_transform *transform;
	struct wr_json json;
	struct weir_problem *problem;
	struct wr_variable *variables;
	struct text {
		char *text; /* without escapes; NULL: it is not there */
		size_t bytes;
	} input, path, template;
	bool has_paths, has_transformer;
};

static int refuse(struct definition *d, const char *where, const char *text)
{
	return wr_route_refuse(d->problem, -EINVAL, where, strlen(where), "%s", text);
}

static int next(struct definition *d)
{
	char why[160];
	if (wr_json_next(&d->json) != WR_JSON_BAD)
		return 0;
	return wr_route_refuse(d->problem, -EINVAL, "", 0, "a transformer is a JSON object: %s",
			       wr_json_explain(&d->json, why, sizeof why));
}

/* The current string or name. */
static bool take_text(struct definition *d, struct text *ret)
{
	size_t room = d->json.end - d->json.start - 2;
	ret->text = wr_arena_take(&d->transform->arena, room + 1, 1);
	ret->bytes = ret->text != NULL ? wr_json_string(&d->json, ret->text, room) : 0;
	return ret->text != NULL;
}

/* ---- InputPathsMap ---- */

static int check_name(struct definition *d, const char *field, const struct text *name)
{
	if (name->bytes == 0 || name->bytes > WEIR_TRANSFORM_NAME_BYTES_MAX)
		return wr_route_refuse(d->problem, name->bytes == 0 ? -EINVAL : WEIR_E_TOO_BIG,
				       field, strlen(field),
				       "a variable's name has 1 to %u characters",
				       WEIR_TRANSFORM_NAME_BYTES_MAX);
	for (size_t i = 0; i < name->bytes; i++) {
		char c = name->text[i];
		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		      c == '_' || c == '-'))
			return refuse(d, field,
				      "a variable's name has letters, digits, '-' and '_'; those "
				      "with dots are reserved");
	}
	return 0;
}

/* A name that comes again counts by its last path, as it does for AWS. */
static struct wr_variable *variable_of(struct definition *d, const struct text *name)
{
	uint32_t count = d->transform->variable_count;
	for (uint32_t v = 0; v < count; v++)
		if (d->variables[v].name_bytes == name->bytes &&
		    memcmp(d->variables[v].name, name->text, name->bytes) == 0)
			return &d->variables[v];
	if (count == WEIR_TRANSFORM_VARIABLES_MAX)
		return NULL;
	d->transform->variable_count++;
	d->variables[count] =
		(struct wr_variable){.name = name->text, .name_bytes = (uint32_t)name->bytes};
	return &d->variables[count];
}

static int take_variable(struct definition *d)
{
	struct text name, path;
	char field[80];
	if (!take_text(d, &name))
		return -ENOMEM;
	(void)snprintf(field, sizeof field, "InputPathsMap.%.60s", name.text);
	int rc = check_name(d, field, &name);
	if (rc != 0)
		return rc;
	struct wr_variable *variable = variable_of(d, &name);
	if (variable == NULL)
		return wr_route_refuse(d->problem, WEIR_E_TOO_BIG, "InputPathsMap", 13,
				       "there are more than %u variables",
				       WEIR_TRANSFORM_VARIABLES_MAX);
	rc = next(d);
	if (rc != 0)
		return rc;
	if (d->json.token != WR_JSON_STRING)
		return refuse(d, field, "a path is a string");
	if (!take_text(d, &path))
		return -ENOMEM;
	return wr_transform_path(&d->transform->arena, field, path.text, path.bytes,
				 &variable->path, d->problem);
}

static int take_paths(struct definition *d)
{
	if (d->has_paths)
		return refuse(d, "InputPathsMap", "it is there twice");
	d->has_paths = true;
	if (d->json.token != WR_JSON_OBJECT)
		return refuse(d, "InputPathsMap", "an object of variables and their paths");
	int rc = next(d);
	while (rc == 0 && d->json.token == WR_JSON_NAME) {
		rc = take_variable(d);
		if (rc == 0)
			rc = next(d);
	}
	return rc;
}

/* ---- the object ---- */

static int take_member(struct definition *d, bool inside);

static int take_members(struct definition *d, bool inside)
{
	int rc = d->json.token == WR_JSON_OBJECT ? next(d)
						 : refuse(d, inside ? "InputTransformer" : "",
							  "a transformer is a JSON object");
	while (rc == 0 && d->json.token == WR_JSON_NAME) {
		rc = take_member(d, inside);
		if (rc == 0)
			rc = next(d);
	}
	return rc;
}

static int take_string(struct definition *d, const char *name, struct text *to)
{
	if (to->text != NULL)
		return refuse(d, name, "it is there twice");
	if (d->json.token != WR_JSON_STRING)
		return refuse(d, name, "it is a string");
	return take_text(d, to) ? 0 : -ENOMEM;
}

static int take_member(struct definition *d, bool inside)
{
	struct text name;
	if (!take_text(d, &name))
		return -ENOMEM;
	int rc = next(d);
	if (rc != 0)
		return rc;
	if (strcmp(name.text, "InputTemplate") == 0)
		return take_string(d, "InputTemplate", &d->template);
	if (strcmp(name.text, "InputPathsMap") == 0)
		return take_paths(d);
	if (!inside && strcmp(name.text, "Input") == 0)
		return take_string(d, "Input", &d->input);
	if (!inside && strcmp(name.text, "InputPath") == 0)
		return take_string(d, "InputPath", &d->path);
	if (!inside && strcmp(name.text, "InputTransformer") == 0) {
		if (d->has_transformer)
			return refuse(d, "InputTransformer", "it is there twice");
		d->has_transformer = true;
		return take_members(d, true);
	}
	return wr_route_refuse(d->problem, -EINVAL, name.text, name.bytes,
			       "a transformer has Input, InputPath, or InputTemplate with or "
			       "without InputPathsMap");
}

/* ---- what it is ---- */

static int make_constant(struct definition *d)
{
	struct wr_json j;
	struct wr_part *part = wr_arena_take(&d->transform->arena, 1, sizeof *part);
	char why[160];
	if (part == NULL)
		return -ENOMEM;
	wr_json_init(&j, d->input.text, d->input.bytes, WR_JSON_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END)
		if (j.token == WR_JSON_BAD)
			return wr_route_refuse(d->problem, -EINVAL, "Input", 5,
					       "it is a text that is JSON: %s",
					       wr_json_explain(&j, why, sizeof why));
	*part = (struct wr_part){
		.kind = WR_PART_TEXT, .text = d->input.text, .text_bytes = d->input.bytes};
	d->transform->parts = part;
	d->transform->part_count = 1;
	return 0;
}

static int make_path(struct definition *d, bool *used)
{
	struct wr_part *part = wr_arena_take(&d->transform->arena, 1, sizeof *part);
	if (part == NULL)
		return -ENOMEM;
	*part = (struct wr_part){.kind = WR_PART_VARIABLE};
	d->transform->parts = part;
	d->transform->part_count = 1;
	d->transform->must_be_there = true;
	d->transform->variable_count = 1;
	used[0] = true;
	return wr_transform_path(&d->transform->arena, "InputPath", d->path.text, d->path.bytes,
				 &d->variables[0].path, d->problem);
}

static int make(struct definition *d)
{
	bool used[WEIR_TRANSFORM_VARIABLES_MAX] = {0};
	bool fills = d->template.text != NULL || d->has_paths || d->has_transformer;
	int given = (d->input.text != NULL) + (d->path.text != NULL) + fills;
	struct weir_transform *t = d->transform;
	int rc;
	if (given != 1)
		return refuse(d, "",
			      "one of Input, InputPath and InputTemplate has to be there, and no "
			      "more than one");
	if (fills && (d->template.text == NULL || d->template.bytes == 0))
		return refuse(d, "InputTemplate", "there is none, or it is empty");
	if (fills)
		rc = wr_transform_template(t, d->template.text, d->template.bytes, used,
					   d->problem);
	else
		rc = d->input.text != NULL ? make_constant(d) : make_path(d, used);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < t->part_count; i++) {
		const struct wr_part *part = &t->parts[i];
		t->reads_payload |=
			part->kind == WR_PART_VARIABLE ||
			(part->kind == WR_PART_FACT &&
			 (part->index == WR_FACT_PAYLOAD || part->index == WR_FACT_EVENT ||
			  part->index == WR_FACT_AWS_PAYLOAD));
	}
	return wr_transform_tree(t, d->variables, used) ? 0 : -ENOMEM;
}

static int compile(struct definition *d, const void *text, size_t bytes)
{
	d->variables = wr_arena_take(&d->transform->arena, WEIR_TRANSFORM_VARIABLES_MAX,
				     sizeof *d->variables);
	d->transform->variables = d->variables;
	if (d->variables == NULL)
		return -ENOMEM;
	wr_json_init(&d->json, text, bytes, WR_JSON_DEPTH_MAX);
	int rc = next(d);
	if (rc == 0)
		rc = take_members(d, false);
	if (rc == 0)
		rc = next(d); /* nothing behind it */
	return rc == 0 ? make(d) : rc;
}

int wr_transform_create(const void *text, size_t text_bytes, const struct weir_allocator *allocator,
			struct weir_transform **ret_transform, struct weir_problem *problem)
{
	if (text_bytes > WEIR_TRANSFORM_BYTES_MAX)
		return wr_route_refuse(problem, WEIR_E_TOO_BIG, "", 0,
				       "a transformer has at most %u bytes; this one has %zu",
				       WEIR_TRANSFORM_BYTES_MAX, text_bytes);
	struct weir_transform *t =
		allocator->alloc(allocator->context, sizeof *t, _Alignof(max_align_t));
	int rc = t != NULL ? 0 : -ENOMEM;
	if (rc == 0) {
		*t = (struct weir_transform){0};
		wr_arena_init(&t->arena, allocator);
		struct definition d = {.transform = t, .problem = problem};
		rc = compile(&d, text, text_bytes);
	}
	if (rc == 0) {
		*ret_transform = t;
		return 0;
	}
	weir_transform_destroy(t);
	return rc == -ENOMEM ? wr_route_refuse(problem, rc, "", 0, "there is no memory") : rc;
}

void weir_transform_destroy(struct weir_transform *transform)
{
	if (transform == NULL)
		return;
	struct weir_allocator allocator = transform->arena.allocator;
	wr_arena_fini(&transform->arena);
	allocator.free(allocator.context, transform, sizeof *transform);
}
