/* SPDX-License-Identifier: Apache-2.0 */
/* weir_schema_parse(), and the types that have no name: by parse.h. */
#include "core/schema/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/schema/canonical.h"
#include "core/schema/fallback.h"
#include "core/schema/js_schema.h"

/* --- what is wrong, and where ----------------------------------------------------------------- */

void wr_schema_step_in(struct wr_schema_parser *p, const char *word, uint32_t index)
{
	WR_ASSERT(p->step_count < WR_SCHEMA_STEPS_MAX);
	p->steps[p->step_count++] = (struct wr_schema_step){word, index};
}

void wr_schema_step_out(struct wr_schema_parser *p)
{
	p->step_count--;
}

/* "/fields/2/type"; of a path that is too long its end, which says most. */
static void path_write(const struct wr_schema_parser *p, char *to, size_t to_bytes)
{
	char text[WR_SCHEMA_STEPS_MAX * 24];
	size_t n = 0;

	for (uint32_t i = 0; i < p->step_count; i++) {
		const struct wr_schema_step *step = &p->steps[i];
		if (step->word != NULL)
			n += (size_t)snprintf(text + n, sizeof text - n, "/%s", step->word);
		if (step->index != WR_SCHEMA_NONE)
			n += (size_t)snprintf(text + n, sizeof text - n, "/%u", step->index);
	}
	if (n == 0)
		text[n++] = '/';
	if (n < to_bytes)
		snprintf(to, to_bytes, "%.*s", (int)n, text);
	else
		snprintf(to, to_bytes, "...%s", text + (n - (to_bytes - 4)));
}

int wr_schema_wrong(struct wr_schema_parser *p, int code, uint32_t at, const char *format, ...)
{
	struct wr_json j;
	uint32_t line;
	uint32_t column;
	va_list arguments;

	if (p->problem == NULL)
		return code;
	wr_json_init(&j, p->s->text + p->part_start, p->s->text_bytes - p->part_start, 0);
	wr_json_place(&j, at > p->part_start ? at - p->part_start : 0, &line, &column);
	p->problem->code = code;
	path_write(p, p->problem->field, sizeof p->problem->field);
	int n = snprintf(p->problem->text, sizeof p->problem->text, "line %u, column %u: ", line,
			 column);
	va_start(arguments, format);
	vsnprintf(p->problem->text + n, sizeof p->problem->text - (size_t)n, format, arguments);
	va_end(arguments);
	return code;
}

int wr_schema_wrong_before(struct weir_problem *problem, int code, const char *text)
{
	if (problem != NULL) {
		problem->code = code;
		snprintf(problem->field, sizeof problem->field, "/");
		snprintf(problem->text, sizeof problem->text, "%.200s", text);
	}
	return code;
}

/* --- values where they stand ------------------------------------------------------------------ */

void wr_schema_json_at(const struct weir_schema *s, struct wr_schema_range at, struct wr_json *ret)
{
	wr_json_init(ret, s->text + at.start, at.end - at.start, WR_JSON_DEPTH_MAX);
	wr_json_next(ret);
}

bool wr_schema_string_at(const struct weir_schema *s, const struct wr_schema_value *value,
			 char to[WEIR_SCHEMA_NAME_BYTES_MAX + 1], size_t *ret_bytes)
{
	struct wr_json j;

	if (value->token != WR_JSON_STRING)
		return false;
	wr_schema_json_at(s, value->at, &j);
	*ret_bytes = wr_json_string(&j, to, WEIR_SCHEMA_NAME_BYTES_MAX);
	if (*ret_bytes > WEIR_SCHEMA_NAME_BYTES_MAX)
		return false;
	to[*ret_bytes] = '\0';
	return true;
}

int wr_schema_parse_members(struct wr_schema_parser *p, const struct wr_schema_value *object,
			    struct wr_schema_members *ret_members)
{
	static const char *const words[WR_MEMBERS] = {
		[WR_MEMBER_TYPE] = "type",           [WR_MEMBER_NAME] = "name",
		[WR_MEMBER_NAMESPACE] = "namespace", [WR_MEMBER_ALIASES] = "aliases",
		[WR_MEMBER_FIELDS] = "fields",       [WR_MEMBER_SYMBOLS] = "symbols",
		[WR_MEMBER_ITEMS] = "items",         [WR_MEMBER_VALUES] = "values",
		[WR_MEMBER_SIZE] = "size",           [WR_MEMBER_DEFAULT] = "default",
		[WR_MEMBER_ORDER] = "order",         [WR_MEMBER_LOGICAL_TYPE] = "logicalType",
		[WR_MEMBER_PRECISION] = "precision", [WR_MEMBER_SCALE] = "scale",
	};
	struct wr_json j;

	memset(ret_members, 0, sizeof *ret_members);
	ret_members->start = object->at.start;
	wr_schema_json_at(p->s, object->at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		uint32_t name_at = object->at.start + (uint32_t)j.start;
		uint32_t i = 0;
		while (i < WR_MEMBERS && !wr_json_equals(&j, words[i], strlen(words[i])))
			i++;
		enum wr_json_token token = wr_json_next(&j);
		uint32_t start = (uint32_t)j.start;
		wr_json_skip(&j);
		if (i == WR_MEMBERS)
			continue;
		if (ret_members->of[i].token != WR_JSON_NONE)
			return wr_schema_wrong(p, -EINVAL, name_at,
					       "\"%s\" comes twice: readers differ on which counts",
					       words[i]);
		ret_members->of[i].token = token;
		ret_members->of[i].at.start = object->at.start + start;
		ret_members->of[i].at.end = object->at.start + (uint32_t)j.end;
	}
	return 0;
}

uint32_t wr_schema_node_new(struct weir_schema *s, uint8_t type, uint32_t at)
{
	s->nodes[s->node_count] = (struct wr_schema_node){
		.type = type,
		.space = WR_SCHEMA_NONE,
		.name = WR_SCHEMA_NONE,
		.default_symbol = WR_SCHEMA_NONE,
		.same_name = WR_SCHEMA_NONE,
		.at = at,
	};
	return s->node_count++;
}

/* --- types ------------------------------------------------------------------------------------ */

static bool is_primitive(const char *word, uint8_t *ret_type)
{
	for (uint8_t type = WEIR_SCHEMA_NULL; type <= WEIR_SCHEMA_STRING; type++)
		if (strcmp(word, wr_schema_type_word(type)) == 0) {
			*ret_type = type;
			return true;
		}
	return false;
}

/* The types that need more than their name. */
static bool is_complex(const char *word)
{
	static const char *const words[] = {"record", "error", "enum", "array",
					    "map",    "fixed", "union"};

	for (size_t i = 0; i < WR_ARRAY_COUNT(words); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* A name that stands for a type. */
static int parse_reference(struct wr_schema_parser *p, const struct wr_schema_value *value,
			   uint32_t space, uint32_t *ret_node)
{
	char word[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	size_t bytes;
	uint8_t type;

	if (!wr_schema_string_at(p->s, value, word, &bytes))
		return wr_schema_wrong(p, WEIR_E_TOO_BIG, value->at.start,
				       "a name of a type is longer than %u bytes",
				       WEIR_SCHEMA_NAME_BYTES_MAX);
	if (is_primitive(word, &type)) {
		*ret_node = wr_schema_node_new(p->s, type, value->at.start);
		return 0;
	}
	*ret_node = wr_schema_type_find(p->s, word, bytes, space);
	if (*ret_node != WR_SCHEMA_NONE)
		return 0;
	if (is_complex(word))
		return wr_schema_wrong(
			p, -EINVAL, value->at.start,
			"\"%s\" needs more than its name: write {\"type\": \"%s\", ...}", word,
			word);
	return wr_schema_wrong(p, -EINVAL, value->at.start,
			       "there is no type \"%.80s\": a named type is defined before it is "
			       "used, in the order of the text",
			       word);
}

/* Names that two branches must not share: of a named type its own, of others the type. */
static int check_branches(struct wr_schema_parser *p, uint32_t first, uint32_t count)
{
	struct weir_schema *s = p->s;
	uint32_t seen = 0; /* of unnamed types, a bit each */
	uint32_t mark = ++p->marks;

	for (uint32_t i = 0; i < count; i++) {
		const struct wr_schema_node *n = &s->nodes[s->lists[first + i]];
		bool twice = false;
		if (!wr_schema_is_named(n->type)) {
			twice = (seen >> n->type & 1) != 0;
			seen |= 1u << n->type;
		} else if (s->names[n->name].mark != mark) {
			s->names[n->name].mark = mark;
		} else {
			for (uint32_t k = 0; k < i; k++)
				twice = twice || s->lists[first + k] == s->lists[first + i];
		}
		if (!twice)
			continue;
		char name[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
		wr_schema_full_name(s, s->lists[first + i], name, sizeof name);
		wr_schema_step_in(p, NULL, i);
		return wr_schema_wrong(p, -EINVAL, n->at,
				       "a union has \"%.80s\" twice: a reader could not tell them "
				       "apart",
				       name);
	}
	return 0;
}

static int parse_union(struct wr_schema_parser *p, const struct wr_schema_value *value,
		       uint32_t space, uint32_t *ret_node)
{
	struct weir_schema *s = p->s;
	struct wr_json j;
	uint32_t count = 0;

	*ret_node = wr_schema_node_new(s, WEIR_SCHEMA_UNION, value->at.start);
	wr_schema_json_at(s, value->at, &j);
	for (; wr_json_next(&j) != WR_JSON_ARRAY_END; count++)
		wr_json_skip(&j);
	uint32_t first = s->list_count;
	s->list_count += count;
	wr_schema_json_at(s, value->at, &j);
	for (uint32_t i = 0; i < count; i++) {
		struct wr_schema_value branch = {.token = wr_json_next(&j)};
		uint32_t node;
		branch.at.start = value->at.start + (uint32_t)j.start;
		wr_json_skip(&j);
		branch.at.end = value->at.start + (uint32_t)j.end;
		wr_schema_step_in(p, NULL, i);
		int code = wr_schema_parse_type(p, &branch, space, &node);
		if (code == 0 && s->nodes[node].type == WEIR_SCHEMA_UNION)
			code = wr_schema_wrong(p, -EINVAL, branch.at.start,
					       "a union lies in a union: write its branches into "
					       "the outer one");
		if (code != 0)
			return code;
		wr_schema_step_out(p);
		s->lists[first + i] = node;
	}
	s->nodes[*ret_node].first = first;
	s->nodes[*ret_node].count = count;
	return check_branches(p, first, count);
}

/* {"type": "array", "items": ...} and {"type": "map", "values": ...}. */
static int parse_container(struct wr_schema_parser *p, const struct wr_schema_members *members,
			   uint8_t type, uint32_t space, uint32_t *ret_node)
{
	bool array = type == WEIR_SCHEMA_ARRAY;
	const char *word = array ? "items" : "values";
	const struct wr_schema_value *inner =
		&members->of[array ? WR_MEMBER_ITEMS : WR_MEMBER_VALUES];
	uint32_t node;

	*ret_node = wr_schema_node_new(p->s, type, members->start);
	if (inner->token == WR_JSON_NONE)
		return wr_schema_wrong(p, -EINVAL, members->start,
				       "\"%s\" is missing: of what type they are in this %s", word,
				       wr_schema_type_word(type));
	wr_schema_step_in(p, word, WR_SCHEMA_NONE);
	int code = wr_schema_parse_type(p, inner, space, &node);
	if (code != 0)
		return code;
	wr_schema_step_out(p);
	p->s->nodes[*ret_node].first = node;
	p->s->nodes[*ret_node].count = 1;
	wr_schema_parse_logical(p, members, &p->s->nodes[*ret_node]);
	return 0;
}

static int parse_object(struct wr_schema_parser *p, const struct wr_schema_value *value,
			uint32_t space, uint32_t *ret_node)
{
	struct wr_schema_members members;
	char word[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	size_t bytes;
	uint8_t type;
	int code = wr_schema_parse_members(p, value, &members);

	if (code != 0)
		return code;
	const struct wr_schema_value *type_value = &members.of[WR_MEMBER_TYPE];
	if (type_value->token == WR_JSON_NONE)
		return wr_schema_wrong(
			p, -EINVAL, value->at.start,
			"\"type\" is missing: an object has to say which type it is");
	if (type_value->token == WR_JSON_OBJECT || type_value->token == WR_JSON_ARRAY)
		return wr_schema_wrong(p, -EINVAL, type_value->at.start,
				       "\"type\" of a type is a name: write what stands inside it "
				       "here, without the object around it");
	if (!wr_schema_string_at(p->s, type_value, word, &bytes))
		return wr_schema_wrong(p, -EINVAL, type_value->at.start,
				       "\"type\" is the name of a type, in double quotes");
	if (is_primitive(word, &type)) {
		*ret_node = wr_schema_node_new(p->s, type, value->at.start);
		wr_schema_parse_logical(p, &members, &p->s->nodes[*ret_node]);
		return 0;
	}
	if (strcmp(word, "record") == 0 || strcmp(word, "error") == 0)
		return wr_schema_parse_record(p, &members, space, ret_node);
	if (strcmp(word, "enum") == 0)
		return wr_schema_parse_enum(p, &members, space, ret_node);
	if (strcmp(word, "fixed") == 0)
		return wr_schema_parse_fixed(p, &members, space, ret_node);
	if (strcmp(word, "array") == 0)
		return parse_container(p, &members, WEIR_SCHEMA_ARRAY, space, ret_node);
	if (strcmp(word, "map") == 0)
		return parse_container(p, &members, WEIR_SCHEMA_MAP, space, ret_node);
	return parse_reference(p, type_value, space, ret_node);
}

int wr_schema_parse_type(struct wr_schema_parser *p, const struct wr_schema_value *value,
			 uint32_t space, uint32_t *ret_node)
{
	int code;

	if (p->depth == WEIR_SCHEMA_DEPTH_MAX)
		return wr_schema_wrong(p, WEIR_E_TOO_BIG, value->at.start,
				       "types lie more than %u deep inside one another",
				       WEIR_SCHEMA_DEPTH_MAX);
	p->depth++;
	if (value->token == WR_JSON_STRING)
		code = parse_reference(p, value, space, ret_node);
	else if (value->token == WR_JSON_OBJECT)
		code = parse_object(p, value, space, ret_node);
	else if (value->token == WR_JSON_ARRAY)
		code = parse_union(p, value, space, ret_node);
	else
		code = wr_schema_wrong(p, -EINVAL, value->at.start,
				       "a type is a name in double quotes, an object, or an array "
				       "of the types of a union");
	p->depth--;
	return code;
}

/* --- the whole -------------------------------------------------------------------------------- */

struct sizes {
	uint32_t strings;
	uint32_t containers;
};

static int look_at_all(const void *text, size_t text_bytes, struct sizes *ret_sizes,
		       struct weir_problem *problem)
{
	struct wr_json j;
	char why[sizeof problem->text];

	wr_json_init(&j, text, text_bytes, WR_JSON_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END && j.token != WR_JSON_BAD) {
		ret_sizes->strings += j.token == WR_JSON_STRING || j.token == WR_JSON_NAME;
		ret_sizes->containers += j.token == WR_JSON_OBJECT || j.token == WR_JSON_ARRAY;
	}
	if (j.token == WR_JSON_END)
		return 0;
	wr_json_explain(&j, why, sizeof why);
	return wr_schema_wrong_before(problem,
				      j.error == WR_JSON_E_DEPTH ? WEIR_E_TOO_BIG : -EINVAL, why);
}

static void *part(uint8_t *block, size_t at)
{
	return block != NULL ? block + at : NULL;
}

/* Lays everything out behind `block`, which may be NULL: then only the size is found. */
static size_t lay_out(struct weir_schema *s, uint8_t *block, const struct sizes *sizes)
{
	size_t total = sizeof *s;
	size_t values = (size_t)sizes->strings + sizes->containers + 1;
	size_t names = 2 * (size_t)sizes->strings + 1;

	s->bucket_count = (uint32_t)wr_power_of_two_above(names);
	s->nodes = part(block, wr_add_part(&total, values * sizeof *s->nodes));
	s->fields = part(block, wr_add_part(&total, values * sizeof *s->fields));
	s->names = part(block, wr_add_part(&total, names * sizeof *s->names));
	s->lists = part(block, wr_add_part(&total, 2 * values * sizeof *s->lists));
	s->buckets = part(block, wr_add_part(&total, s->bucket_count * sizeof *s->buckets));
	s->pool = part(block, wr_add_part(&total, s->text_bytes + 1));
	s->text = part(block, wr_add_part(&total, s->text_bytes + 1));
	return total;
}

static struct weir_schema *create(const void *text, size_t text_bytes, const struct sizes *sizes,
				  const struct weir_allocator *allocator)
{
	struct weir_schema measured = {.text_bytes = (uint32_t)text_bytes};
	size_t block_bytes = lay_out(&measured, NULL, sizes);
	struct weir_schema *s = wr_schema_alloc(allocator, block_bytes);

	if (s == NULL)
		return NULL;
	s->allocator = *allocator;
	s->block_bytes = block_bytes;
	s->text_bytes = (uint32_t)text_bytes;
	lay_out(s, (uint8_t *)s, sizes);
	memcpy((uint8_t *)s + (s->text - (const uint8_t *)s), text, text_bytes);
	return s;
}

/* An array of schemas, the last of which is meant. */
static int parse_parts(struct wr_schema_parser *p)
{
	struct weir_schema *s = p->s;
	struct wr_json j;
	int code = -EINVAL;

	wr_json_init(&j, s->text, s->text_bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&j) != WR_JSON_ARRAY)
		return wr_schema_wrong(p, -EINVAL, 0, "not an array of schemas");
	while (wr_json_next(&j) != WR_JSON_ARRAY_END) {
		struct wr_schema_value part = {.token = j.token};
		part.at.start = p->part_start = (uint32_t)j.start;
		wr_json_skip(&j);
		part.at.end = (uint32_t)j.end;
		code = wr_schema_parse_type(p, &part, WR_SCHEMA_NONE, &s->root);
		if (code != 0)
			break;
	}
	return code;
}

static int parse_all(struct weir_schema *s, uint32_t flags, bool parts,
		     struct weir_problem *problem)
{
	struct wr_schema_parser p = {.s = s, .problem = problem, .flags = flags};
	struct wr_schema_value root;
	struct wr_json j;
	int code;

	if (parts) {
		code = parse_parts(&p);
		return code == 0 ? wr_schema_fallbacks_check(&p) : code;
	}

	wr_json_init(&j, s->text, s->text_bytes, WR_JSON_DEPTH_MAX);
	root.token = wr_json_next(&j);
	root.at.start = (uint32_t)j.start;
	wr_json_skip(&j);
	root.at.end = (uint32_t)j.end;
	code = wr_schema_parse_type(&p, &root, WR_SCHEMA_NONE, &s->root);
	if (code == 0 && (flags & WEIR_SCHEMA_ANY_DEFAULT) == 0)
		code = wr_schema_fallbacks_check(&p);
	return code;
}

static int parse(const void *text, size_t text_bytes, uint32_t flags, bool parts,
		 const struct weir_allocator *allocator, struct weir_schema **ret_schema,
		 struct weir_problem *reterr_problem)
{
	static const struct weir_allocator the_librarys = {NULL, NULL, NULL};
	struct sizes sizes = {0, 0};

	if (flags == WEIR_SCHEMA_JSON && !parts)
		return wr_json_schema_parse(text, text_bytes, NULL, 0, allocator, ret_schema,
					    reterr_problem);
	if ((flags & ~WEIR_SCHEMA_ANY_DEFAULT) != 0)
		return wr_schema_wrong_before(reterr_problem, -EINVAL,
					      "flags has a bit that is unknown");
	if (text_bytes > WEIR_SCHEMA_TEXT_BYTES_MAX)
		return wr_schema_wrong_before(reterr_problem, WEIR_E_TOO_BIG,
					      "the text of a schema is at most 1 MiB long");
	int code = look_at_all(text, text_bytes, &sizes, reterr_problem);
	if (code != 0)
		return code;
	struct weir_schema *s =
		create(text, text_bytes, &sizes, allocator != NULL ? allocator : &the_librarys);
	if (s == NULL)
		return wr_schema_wrong_before(reterr_problem, -ENOMEM,
					      "there is no memory for the schema");
	code = parse_all(s, flags, parts, reterr_problem);
	if (code != 0) {
		weir_schema_free(s);
		return code;
	}
	s->fingerprint = wr_schema_fingerprint_of(s);
	*ret_schema = s;
	return 0;
}

int weir_schema_parse(const void *text, size_t text_bytes, uint32_t flags,
		      const struct weir_allocator *allocator, struct weir_schema **ret_schema,
		      struct weir_problem *reterr_problem)
{
	return parse(text, text_bytes, flags, false, allocator, ret_schema, reterr_problem);
}

int wr_schema_parse_parts(const void *text, size_t text_bytes,
			  const struct weir_allocator *allocator, struct weir_schema **ret_schema,
			  struct weir_problem *reterr_problem)
{
	return parse(text, text_bytes, 0, true, allocator, ret_schema, reterr_problem);
}

void weir_schema_free(struct weir_schema *schema)
{
	if (schema == NULL)
		return;
	if (schema->json != NULL) {
		wr_json_schema_free(schema);
		return;
	}
	struct weir_allocator allocator = schema->allocator;
	wr_schema_free(&allocator, schema, schema->block_bytes);
}

enum weir_schema_type weir_schema_type_of(const struct weir_schema *schema)
{
	if (schema->json != NULL)
		return WEIR_SCHEMA_JSON_VALUE;
	return (enum weir_schema_type)schema->nodes[schema->root].type;
}
