/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/fields.h"

#include <errno.h>
#include <string.h>

#include "core/json/json_read.h"

struct frame {
	size_t path_bytes; /* of what it is the value of */
	uint32_t context;  /* of what lies in it */
	uint32_t array;    /* 0: it is an object */
};

struct walk {
	struct wr_fields *fields;
	struct wr_json json;
	char *path;
	size_t path_bytes;
	struct frame *frames;
	uint32_t depth;
};

int wr_fields_init(struct wr_fields *fields, const struct weir_filter *filter,
		   struct weir_problem *problem)
{
	*fields = (struct wr_fields){.leaf_count = filter->leaf_count, .problem = problem};
	wr_arena_init(&fields->arena, &filter->arena.allocator);
	fields->leaves = wr_arena_take(&fields->arena, filter->leaf_count, sizeof *fields->leaves);
	fields->first_of_path = wr_arena_take(&fields->arena, filter->leaf_count, sizeof(uint32_t));
	fields->contexts = wr_arena_take(&fields->arena, 4, sizeof *fields->contexts);
	fields->context_room = 4;
	fields->context_count = 1;
	if (fields->arena.failed)
		return -ENOMEM;
	for (size_t i = 0; i < filter->alternative_count; i++)
		for (size_t k = 0; k < filter->alternatives[i].leaf_count; k++) {
			const struct wr_leaf *leaf = filter->alternatives[i].leaves[k];
			fields->leaves[leaf->id] = leaf;
		}
	for (uint32_t i = 0; i < filter->leaf_count; i++) {
		const struct wr_leaf *leaf = fields->leaves[i];
		uint32_t first = 0;
		while (leaf != NULL && first < i &&
		       (fields->leaves[first] == NULL ||
			fields->leaves[first]->path_bytes != leaf->path_bytes ||
			memcmp(fields->leaves[first]->path, leaf->path, leaf->path_bytes) != 0))
			first++;
		fields->first_of_path[i] = leaf != NULL ? first : UINT32_MAX;
	}
	return 0;
}

void wr_fields_fini(struct wr_fields *fields)
{
	wr_arena_fini(&fields->arena);
}

/* UINT32_MAX: no leaf asks for it. */
static uint32_t leaf_of(const struct wr_fields *f, const char *path, size_t path_bytes)
{
	for (uint32_t i = 0; i < f->leaf_count; i++)
		if (f->first_of_path[i] == i && f->leaves[i]->path_bytes == path_bytes &&
		    memcmp(f->leaves[i]->path, path, path_bytes) == 0)
			return i;
	return UINT32_MAX;
}

static int add_found(struct wr_fields *f, const struct wr_found *found)
{
	void *list = f->found;
	if (!wr_arena_grow(&f->arena, &list, &f->found_room, f->found_count, sizeof *f->found))
		return -ENOMEM;
	f->found = list;
	f->found[f->found_count++] = *found;
	return 0;
}

/* The scalar that the reader stands on. */
static int add_scalar(struct wr_fields *f, const struct wr_json *j, uint32_t leaf, uint32_t context)
{
	const uint8_t *raw = j->text + j->start;
	struct wr_found found = {.leaf = leaf,
				 .context = context,
				 .raw = (const char *)raw,
				 .raw_bytes = j->end - j->start,
				 .raw_at = j->start};
	struct wr_value *v = &found.value;
	v->text = raw;
	v->text_bytes = found.raw_bytes;
	switch (j->token) {
	case WR_JSON_STRING:
		v->kind = WR_VALUE_TEXT;
		v->text++;
		v->text_bytes -= 2;
		if (j->escaped) {
			uint8_t *own = wr_arena_take(&f->arena, v->text_bytes + 1, 1);
			if (own == NULL)
				return -ENOMEM;
			v->text_bytes = wr_json_string(j, own, v->text_bytes);
			v->text = own;
		}
		break;
	case WR_JSON_NUMBER:
		v->kind = WR_VALUE_NUMBER;
		v->number = wr_json_f64(j);
		break;
	case WR_JSON_TRUE:
		v->kind = WR_VALUE_TRUE;
		break;
	case WR_JSON_FALSE:
		v->kind = WR_VALUE_FALSE;
		break;
	default:
		v->kind = WR_VALUE_NULL;
	}
	return add_found(f, &found);
}

/* ---- payload ---- */

static int new_context(struct wr_fields *f, uint32_t parent, uint32_t array, uint32_t *ret_context)
{
	void *list = f->contexts;
	if (!wr_arena_grow(&f->arena, &list, &f->context_room, f->context_count,
			   sizeof *f->contexts))
		return -ENOMEM;
	f->contexts = list;
	f->contexts[f->context_count] = (struct wr_context){parent, array};
	*ret_context = (uint32_t)f->context_count++;
	return 0;
}

/* An object or array begins: as an element of an array it is a context. */
static int push(struct walk *w, bool is_array)
{
	struct frame *in = w->depth > 0 ? &w->frames[w->depth - 1] : NULL;
	uint32_t context = in != NULL ? in->context : 0;
	if (in != NULL && in->array != 0) {
		int rc = new_context(w->fields, in->context, in->array, &context);
		if (rc < 0)
			return rc;
	}
	w->frames[w->depth++] =
		(struct frame){w->path_bytes, context, is_array ? ++w->fields->array_count : 0};
	return 0;
}

static void add_name(struct walk *w)
{
	const struct frame *in = &w->frames[w->depth - 1];
	w->path_bytes = in->path_bytes;
	if (w->depth > 1)
		w->path[w->path_bytes++] = '.';
	w->path_bytes += wr_json_string(&w->json, w->path + w->path_bytes, SIZE_MAX);
}

static int take(struct walk *w)
{
	const struct frame *in = &w->frames[w->depth - 1];
	switch (w->json.token) {
	case WR_JSON_NAME:
		add_name(w);
		return 0;
	case WR_JSON_OBJECT:
	case WR_JSON_ARRAY:
		return push(w, w->json.token == WR_JSON_ARRAY);
	case WR_JSON_OBJECT_END:
	case WR_JSON_ARRAY_END:
		w->depth--;
		if (w->depth > 0)
			w->path_bytes = w->frames[w->depth - 1].path_bytes;
		return 0;
	default:
		break;
	}
	uint32_t leaf = leaf_of(w->fields, w->path, w->path_bytes);
	return leaf != UINT32_MAX ? add_scalar(w->fields, &w->json, leaf, in->context) : 0;
}

static int bad_payload(const struct walk *w)
{
	char why[160];
	int code = w->json.error == WR_JSON_E_DEPTH ? WEIR_E_TOO_BIG : -EINVAL;
	return wr_route_refuse(w->fields->problem, code, "payload", 7, "%s",
			       wr_json_explain(&w->json, why, sizeof why));
}

int wr_fields_read_payload(struct wr_fields *fields, const struct weir_routed *event)
{
	struct walk w = {.fields = fields};
	int rc = 0;
	w.path = wr_arena_take(&fields->arena, event->payload_bytes + 1, 1);
	w.frames = wr_arena_take(&fields->arena, WR_JSON_DEPTH_MAX + 1, sizeof *w.frames);
	if (fields->arena.failed)
		return -ENOMEM;
	wr_json_init(&w.json, event->payload, event->payload_bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&w.json) != WR_JSON_OBJECT) {
		if (w.json.token == WR_JSON_BAD)
			return bad_payload(&w);
		return wr_route_refuse(fields->problem, -EINVAL, "payload", 7,
				       "the event is not a JSON object");
	}
	rc = push(&w, false);
	while (rc == 0 && wr_json_next(&w.json) != WR_JSON_END) {
		if (w.json.token == WR_JSON_BAD)
			return bad_payload(&w);
		rc = take(&w);
	}
	return rc < 0 ? rc : 1;
}

/* ---- attributes ---- */

static int read_list(struct wr_fields *f, const struct weir_typed_header *header, uint32_t leaf)
{
	struct wr_json j;
	char why[160];
	int rc = 0;
	wr_json_init(&j, header->value, header->value_bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&j) == WR_JSON_ARRAY)
		while (rc == 0 && wr_json_next(&j) != WR_JSON_END && j.token != WR_JSON_BAD) {
			if (j.token == WR_JSON_OBJECT || j.token == WR_JSON_ARRAY)
				(void)wr_json_skip(&j);
			else if (j.token != WR_JSON_ARRAY_END)
				rc = add_scalar(f, &j, leaf, 0);
		}
	if (j.token != WR_JSON_BAD)
		return rc;
	return wr_route_refuse(f->problem, -EINVAL, header->name, header->name_bytes,
			       "the attribute's list is no JSON: %s",
			       wr_json_explain(&j, why, sizeof why));
}

static int read_attribute(struct wr_fields *f, const struct weir_typed_header *header)
{
	struct wr_found found = {.leaf = leaf_of(f, header->name, header->name_bytes)};
	struct wr_value *v = &found.value;
	if (found.leaf == UINT32_MAX || header->kind == WEIR_VALUE_BINARY)
		return 0;
	switch (header->kind) {
	case WEIR_VALUE_JSON:
		return read_list(f, header, found.leaf);
	case WEIR_VALUE_TEXT:
		v->kind = WR_VALUE_TEXT;
		v->text = header->value != NULL ? header->value : (const void *)"";
		v->text_bytes = header->value_bytes;
		found.raw = header->value;
		found.raw_bytes = header->value_bytes;
		break;
	case WEIR_VALUE_INTEGER:
	case WEIR_VALUE_REAL:
		v->kind = WR_VALUE_NUMBER;
		v->text = (const uint8_t *)"";
		v->number =
			header->kind == WEIR_VALUE_REAL ? header->real : (double)header->integer;
		break;
	case WEIR_VALUE_BOOLEAN:
		v->kind = header->boolean ? WR_VALUE_TRUE : WR_VALUE_FALSE;
		break;
	default:
		v->kind = WR_VALUE_NULL;
	}
	return add_found(f, &found);
}

int wr_fields_read_attributes(struct wr_fields *fields, const struct weir_routed *event)
{
	for (size_t i = 0; i < event->header_count; i++) {
		int rc = read_attribute(fields, &event->headers[i]);
		if (rc < 0)
			return rc;
	}
	return 1;
}
