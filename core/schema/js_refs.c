/* SPDX-License-Identifier: Apache-2.0 */
/*
 * $ref: "#" and "#/$defs/NAME" in the document itself, "NAME" and "NAME#/..." in one that it refers
 * to, its own $id before the '#' or not. The place is a JSON Pointer (RFC 6901) in a URI fragment,
 * and has to be one where a schema stands.
 */
#include <errno.h>
#include <string.h>

#include "core/schema/js_parse.h"
#include "core/schema/js_value.h"

/* What following may cost in all: a text is looked through up to where each reference leads. */
#define WORK_MAX (UINT64_C(1) << 28)
#define TARGET_BYTES_MAX 1024u

static const struct wr_js_document *own_document(const struct wr_json_schema *s, uint32_t at)
{
	uint32_t i = 0;
	while (i + 1 < s->document_count && at >= s->documents[i].at.end)
		i++;
	return &s->documents[i];
}

static bool is_id_of(const struct wr_json_schema *s, const struct wr_js_document *d,
		     const char *name, size_t bytes)
{
	struct wr_json j;
	bool found = false;
	wr_js_json_at(s, d->at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		bool is_it = wr_json_equals(&j, "$id", 3);
		(void)wr_json_next(&j);
		found |= is_it && j.token == WR_JSON_STRING && wr_json_equals(&j, name, bytes);
		(void)wr_json_skip(&j);
	}
	return found;
}

static const struct wr_js_document *document_named(const struct wr_json_schema *s, uint32_t at,
						   const char *name, size_t bytes)
{
	const struct wr_js_document *own = own_document(s, at);
	if (bytes == 0 || is_id_of(s, own, name, bytes))
		return own;
	for (uint32_t i = 1; i < s->document_count; i++) {
		const struct wr_js_document *d = &s->documents[i];
		if (d->name.end - d->name.start == bytes &&
		    memcmp(s->text + d->name.start, name, bytes) == 0)
			return d;
	}
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One step of the pointer, without its escapes: first those of the URI. *at is behind it then. */
static size_t take_step(const char **at, const char *end, char *to)
{
	size_t bytes = 0, used = 0;
	const char *from = *at;
	for (; from < end && *from != '/'; from++) {
		char c = *from;
		if (c == '%' && end - from > 2 && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
			c = (char)(hex(from[1]) << 4 | hex(from[2]));
			from += 2;
		}
		to[bytes++] = c;
	}
	for (size_t i = 0; i < bytes; i++) {
		bool is_escape =
			to[i] == '~' && i + 1 < bytes && (to[i + 1] == '0' || to[i + 1] == '1');
		i += is_escape;
		to[used++] = !is_escape ? to[i] : to[i] == '0' ? '~' : '/';
	}
	*at = from;
	return used;
}

/* Where the current value has this member or element: the reader's token begins it. */
static bool go_into(struct wr_json *j, const char *step, size_t bytes)
{
	if (j->token == WR_JSON_OBJECT) {
		while (wr_json_next(j) == WR_JSON_NAME) {
			bool is_it = wr_json_equals(j, step, bytes);
			if (is_it) {
				(void)wr_json_next(j);
				return true;
			}
			if (!wr_json_skip(j))
				return false;
		}
		return false;
	}
	uint32_t index = 0;
	for (size_t i = 0; i < bytes && index < UINT32_MAX / 20; i++) {
		if (step[i] < '0' || step[i] > '9')
			return false;
		index = 10 * index + (uint32_t)(step[i] - '0');
	}
	if (j->token != WR_JSON_ARRAY || bytes == 0)
		return false;
	for (; wr_json_next(j) != WR_JSON_ARRAY_END; index--) {
		if (index == 0)
			return true;
		if (!wr_json_skip(j))
			return false;
	}
	return false;
}

/* The byte of the text that a pointer leads to, or WR_SCHEMA_NONE. */
static uint32_t follow_pointer(const struct wr_json_schema *s, const struct wr_js_document *d,
			       const char *at, const char *end)
{
	char step[TARGET_BYTES_MAX];
	struct wr_json j;
	wr_js_json_at(s, d->at, &j);
	while (at < end) {
		if (*at != '/')
			return WR_SCHEMA_NONE;
		at++;
		size_t bytes = take_step(&at, end, step);
		if (!go_into(&j, step, bytes))
			return WR_SCHEMA_NONE;
	}
	return d->at.start + (uint32_t)j.start;
}

static uint32_t node_at(const struct wr_json_schema *s, uint32_t at)
{
	if (at >= s->text_bytes)
		return WR_SCHEMA_NONE;
	uint32_t i = s->heads[at & (s->head_count - 1)];
	while (i != 0 && s->nodes[i - 1].at.start != at)
		i = s->next[s->nodes[i - 1].at.start];
	return i == 0 ? WR_SCHEMA_NONE : i - 1;
}

static int follow(struct wr_js_parser *p, uint32_t node)
{
	struct wr_json_schema *s = p->s;
	struct wr_schema_range at = s->nodes[node].values;
	char target[TARGET_BYTES_MAX];
	struct wr_json j;
	wr_js_json_at(s, at, &j);
	size_t bytes = wr_json_string(&j, target, sizeof target);
	if (bytes > sizeof target)
		return wr_js_wrong(p, WEIR_E_TOO_BIG, at.start, "a $ref has more than %u bytes",
				   TARGET_BYTES_MAX);
	const char *hash = memchr(target, '#', bytes);
	size_t name_bytes = hash != NULL ? (size_t)(hash - target) : bytes;
	const char *pointer = target + name_bytes + (hash != NULL);
	const struct wr_js_document *d = document_named(s, at.start, target, name_bytes);
	if (d == NULL)
		return wr_js_wrong(p, -EINVAL, at.start,
				   "%.*s is neither a part of this document (#/...) nor the name "
				   "of a reference that was registered with it",
				   (int)(name_bytes < 80 ? name_bytes : 80), target);
	uint32_t place = follow_pointer(s, d, pointer, target + bytes);
	uint32_t found = node_at(s, place);
	p->work += place != WR_SCHEMA_NONE ? place - d->at.start : 0;
	p->work += name_bytes > 0 ? s->documents[0].at.end : 0;
	if (p->work > WORK_MAX)
		return wr_js_wrong(p, WEIR_E_TOO_BIG, at.start,
				   "there are too many references in so large a text");
	if (found == WR_SCHEMA_NONE)
		return wr_js_wrong(p, -EINVAL, at.start, "no schema stands where $ref leads");
	s->nodes[node].target = found;
	return 0;
}

uint32_t wr_js_behind(const struct wr_json_schema *s, uint32_t node)
{
	while (s->nodes[node].kind == WR_JS_REF)
		node = s->nodes[node].target;
	return node;
}

/* --- no end ----------------------------------------------------------------------------------- */

/* The i-th node that looks at the same value as this one, or WR_SCHEMA_NONE. */
static uint32_t same_value(const struct wr_json_schema *s, uint32_t node, uint32_t i)
{
	const struct wr_js_node *n = &s->nodes[node];
	if (n->kind == WR_JS_REF || n->kind == WR_JS_NOT)
		return i == 0 ? n->target : WR_SCHEMA_NONE;
	if (n->kind == WR_JS_ALL_OF || n->kind == WR_JS_ANY_OF || n->kind == WR_JS_ONE_OF)
		return i < n->count ? s->lists[n->first + i] : WR_SCHEMA_NONE;
	return WR_SCHEMA_NONE;
}

struct going {
	uint32_t node;
	uint32_t next;
};

enum { NEW, OPEN, CLOSED };

/* Depth first, with a stack of its own: a node that is met while it is open refers to itself. */
static int look_from(struct wr_js_parser *p, uint32_t root, uint8_t *states, struct going *stack)
{
	uint32_t depth = 0;
	stack[depth++] = (struct going){root, 0};
	states[root] = OPEN;
	while (depth > 0) {
		struct going *top = &stack[depth - 1];
		uint32_t child = same_value(p->s, top->node, top->next++);
		if (child == WR_SCHEMA_NONE) {
			states[top->node] = CLOSED;
			depth--;
		} else if (states[child] == OPEN) {
			return wr_js_wrong(p, -EINVAL, p->s->nodes[child].at.start,
					   "the schema refers to itself for the same value: no "
					   "value is ever decided on");
		} else if (states[child] == NEW) {
			states[child] = OPEN;
			stack[depth++] = (struct going){child, 0};
		}
	}
	return 0;
}

static int check_ends(struct wr_js_parser *p)
{
	const struct weir_allocator *a = &p->schema->allocator;
	uint32_t count = p->s->node_count;
	uint8_t *states = wr_schema_alloc(a, count + 1);
	struct going *stack = wr_schema_alloc(a, (count + 1) * sizeof *stack);
	int code = states == NULL || stack == NULL
			   ? wr_js_wrong(p, -ENOMEM, 0, "there is no memory for the schema")
			   : 0;
	for (uint32_t i = 0; code == 0 && i < count; i++)
		if (states[i] == NEW)
			code = look_from(p, i, states, stack);
	wr_schema_free(a, states, count + 1);
	wr_schema_free(a, stack, (count + 1) * sizeof *stack);
	return code;
}

int wr_js_refs_follow(struct wr_js_parser *p)
{
	int code = 0;
	for (uint32_t i = 0; code == 0 && i < p->s->node_count; i++)
		if (p->s->nodes[i].kind == WR_JS_REF)
			code = follow(p, i);
	return code == 0 ? check_ends(p) : code;
}
