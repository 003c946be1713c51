/* SPDX-License-Identifier: Apache-2.0 */
/* Types that have a name: records, enums, fixed; and logical types. By parse.h. */
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/schema/parse.h"

/* --- names ------------------------------------------------------------------------------------ */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!is_letter(text[i]) && (i == 0 || text[i] < '0' || text[i] > '9'))
			return false;
	return bytes > 0;
}

/* Parts between dots, none empty; registries have seen more than letters in them. */
static bool is_namespace(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		char c = text[i];
		if ((unsigned char)c <= ' ' || c == 0x7f || c == '"' || c == '\\')
			return false;
		if (c == '.' && (i == 0 || i + 1 == bytes || text[i - 1] == '.'))
			return false;
	}
	return true;
}

struct name {
	uint32_t space;
	uint32_t name;
};

/* "a.b.C" is C in a.b, whatever `space` is; ".C" is C in none. false: it is no name. */
static bool name_split(struct weir_schema *s, const char *text, size_t bytes, uint32_t space,
		       struct name *ret_name)
{
	size_t space_bytes = bytes;

	while (space_bytes > 0 && text[space_bytes - 1] != '.')
		space_bytes--;
	if (!is_name(text + space_bytes, bytes - space_bytes))
		return false;
	if (space_bytes > 0) {
		if (space_bytes > 1 && !is_namespace(text, space_bytes - 1))
			return false;
		space = space_bytes == 1 ? WR_SCHEMA_NONE
					 : wr_schema_name_put(s, text, space_bytes - 1);
	}
	ret_name->space = space;
	ret_name->name = wr_schema_name_put(s, text + space_bytes, bytes - space_bytes);
	return true;
}

static uint32_t find_in(const struct weir_schema *s, uint32_t name, uint32_t space)
{
	uint32_t node = s->names[name].node;

	while (node != WR_SCHEMA_NONE && s->nodes[node].space != space)
		node = s->nodes[node].same_name;
	return node;
}

uint32_t wr_schema_type_find(const struct weir_schema *s, const char *name, size_t bytes,
			     uint32_t space)
{
	size_t space_bytes = bytes;

	while (space_bytes > 0 && name[space_bytes - 1] != '.')
		space_bytes--;
	uint32_t number = wr_schema_name_find(s, name + space_bytes, bytes - space_bytes);
	if (number == WR_SCHEMA_NONE)
		return WR_SCHEMA_NONE;
	if (space_bytes == 1)
		return find_in(s, number, WR_SCHEMA_NONE);
	if (space_bytes > 1) {
		uint32_t other = wr_schema_name_find(s, name, space_bytes - 1);
		return other == WR_SCHEMA_NONE ? WR_SCHEMA_NONE : find_in(s, number, other);
	}
	uint32_t node = find_in(s, number, space);
	/* As in Java: what is not in this namespace may be in none. */
	return node != WR_SCHEMA_NONE ? node : find_in(s, number, WR_SCHEMA_NONE);
}

/* The namespace that a type says it is in. */
static int space_read(struct wr_schema_parser *p, const struct wr_schema_members *members,
		      uint32_t *space)
{
	const struct wr_schema_value *value = &members->of[WR_MEMBER_NAMESPACE];
	char text[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	size_t bytes;

	if (value->token == WR_JSON_NONE || value->token == WR_JSON_NULL)
		return 0;
	if (!wr_schema_string_at(p->s, value, text, &bytes) || !is_namespace(text, bytes))
		return wr_schema_wrong(p, -EINVAL, value->at.start,
				       "\"namespace\" is names with dots between them: "
				       "\"com.example.orders\"");
	*space = bytes == 0 ? WR_SCHEMA_NONE : wr_schema_name_put(p->s, text, bytes);
	return 0;
}

static int aliases_read(struct wr_schema_parser *p, const struct wr_schema_members *members,
			uint32_t node)
{
	struct weir_schema *s = p->s;
	const struct wr_schema_value *value = &members->of[WR_MEMBER_ALIASES];
	struct wr_json j;

	s->nodes[node].alias_first = s->list_count;
	if (value->token == WR_JSON_NONE)
		return 0;
	if (value->token != WR_JSON_ARRAY)
		return wr_schema_wrong(p, -EINVAL, value->at.start,
				       "\"aliases\" is an array of names");
	wr_schema_json_at(s, value->at, &j);
	while (wr_json_next(&j) != WR_JSON_ARRAY_END) {
		struct wr_schema_value alias = {.token = j.token};
		char text[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
		size_t bytes;
		struct name name;
		alias.at.start = value->at.start + (uint32_t)j.start;
		alias.at.end = value->at.start + (uint32_t)j.end;
		if (!wr_schema_string_at(s, &alias, text, &bytes) ||
		    !name_split(s, text, bytes, s->nodes[node].space, &name))
			return wr_schema_wrong(p, -EINVAL, alias.at.start,
					       "an alias is the name that the type had: letters, "
					       "digits and _, with or without its namespace");
		s->lists[s->list_count++] = name.space;
		s->lists[s->list_count++] = name.name;
		s->nodes[node].alias_count++;
	}
	return 0;
}

/* A new named type: its name, where it is found from now on, and its aliases. */
static int named_new(struct wr_schema_parser *p, const struct wr_schema_members *members,
		     uint8_t type, uint32_t space, uint32_t *ret_node)
{
	struct weir_schema *s = p->s;
	const struct wr_schema_value *value = &members->of[WR_MEMBER_NAME];
	char text[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	size_t bytes;
	struct name name;
	const char *word = wr_schema_type_word(type);
	int code = space_read(p, members, &space);

	if (code != 0)
		return code;
	if (value->token == WR_JSON_NONE)
		return wr_schema_wrong(p, -EINVAL, members->start,
				       "\"name\" is missing: this %s has to have one", word);
	if (!wr_schema_string_at(s, value, text, &bytes) ||
	    !name_split(s, text, bytes, space, &name))
		return wr_schema_wrong(p, -EINVAL, value->at.start,
				       "\"name\" is letters, digits and _, not a digit first, with "
				       "or without a namespace and a dot before it");
	for (uint8_t t = WEIR_SCHEMA_NULL; t <= WEIR_SCHEMA_STRING; t++)
		if (name.space == WR_SCHEMA_NONE && strcmp(text, wr_schema_type_word(t)) == 0)
			return wr_schema_wrong(
				p, -EINVAL, value->at.start,
				"\"%s\" is a type of Avro: choose another name, or a "
				"namespace",
				text);
	if (find_in(s, name.name, name.space) != WR_SCHEMA_NONE)
		return wr_schema_wrong(p, -EINVAL, value->at.start,
				       "\"%.80s\" is defined already: where it is used again, its "
				       "name alone stands",
				       text);
	*ret_node = wr_schema_node_new(s, type, members->start);
	struct wr_schema_node *n = &s->nodes[*ret_node];
	n->space = name.space;
	n->name = name.name;
	n->same_name = s->names[name.name].node;
	s->names[name.name].node = *ret_node;
	return aliases_read(p, members, *ret_node);
}

/* --- records ---------------------------------------------------------------------------------- */

static int field_aliases(struct wr_schema_parser *p, const struct wr_schema_members *members,
			 struct wr_schema_field *field)
{
	struct weir_schema *s = p->s;
	const struct wr_schema_value *value = &members->of[WR_MEMBER_ALIASES];
	struct wr_json j;

	field->alias_first = s->list_count;
	if (value->token == WR_JSON_NONE)
		return 0;
	if (value->token != WR_JSON_ARRAY)
		return wr_schema_wrong(p, -EINVAL, value->at.start,
				       "\"aliases\" is an array of names");
	wr_schema_json_at(s, value->at, &j);
	while (wr_json_next(&j) != WR_JSON_ARRAY_END) {
		struct wr_schema_value alias = {.token = j.token};
		char text[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
		size_t bytes;
		alias.at.start = value->at.start + (uint32_t)j.start;
		alias.at.end = value->at.start + (uint32_t)j.end;
		if (!wr_schema_string_at(s, &alias, text, &bytes))
			return wr_schema_wrong(p, -EINVAL, alias.at.start,
					       "an alias is the name that the field had, in double "
					       "quotes");
		s->lists[s->list_count++] = wr_schema_name_put(s, text, bytes);
		field->alias_count++;
	}
	return 0;
}

static int order_check(struct wr_schema_parser *p, const struct wr_schema_value *value)
{
	static const char *const orders[] = {"ascending", "descending", "ignore"};
	struct wr_json j;

	if (value->token == WR_JSON_NONE)
		return 0;
	if (value->token == WR_JSON_STRING) {
		wr_schema_json_at(p->s, value->at, &j);
		for (size_t i = 0; i < WR_ARRAY_COUNT(orders); i++)
			if (wr_json_equals(&j, orders[i], strlen(orders[i])))
				return 0;
	}
	return wr_schema_wrong(p, -EINVAL, value->at.start,
			       "\"order\" is \"ascending\", \"descending\" or \"ignore\"");
}

static int field_read(struct wr_schema_parser *p, const struct wr_schema_value *value,
		      uint32_t space, struct wr_schema_field *field)
{
	struct weir_schema *s = p->s;
	struct wr_schema_members members;
	char text[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	size_t bytes;

	if (value->token != WR_JSON_OBJECT)
		return wr_schema_wrong(p, -EINVAL, value->at.start,
				       "a field is an object {\"name\": ..., \"type\": ...}");
	int code = wr_schema_parse_members(p, value, &members);
	if (code != 0)
		return code;
	if (members.of[WR_MEMBER_NAME].token == WR_JSON_NONE)
		return wr_schema_wrong(p, -EINVAL, value->at.start, "a field without \"name\"");
	if (!wr_schema_string_at(s, &members.of[WR_MEMBER_NAME], text, &bytes) ||
	    !is_name(text, bytes))
		return wr_schema_wrong(p, -EINVAL, members.of[WR_MEMBER_NAME].at.start,
				       "the name of a field is letters, digits and _, not a digit "
				       "first");
	field->name = wr_schema_name_put(s, text, bytes);
	if (members.of[WR_MEMBER_TYPE].token == WR_JSON_NONE)
		return wr_schema_wrong(p, -EINVAL, value->at.start,
				       "field \"%.80s\" has no \"type\"", text);
	code = order_check(p, &members.of[WR_MEMBER_ORDER]);
	if (code == 0)
		code = field_aliases(p, &members, field);
	if (code != 0)
		return code;
	if (members.of[WR_MEMBER_DEFAULT].token != WR_JSON_NONE)
		field->fallback = members.of[WR_MEMBER_DEFAULT].at;
	wr_schema_step_in(p, "type", WR_SCHEMA_NONE);
	code = wr_schema_parse_type(p, &members.of[WR_MEMBER_TYPE], space, &field->node);
	if (code == 0)
		wr_schema_step_out(p);
	return code;
}

int wr_schema_parse_record(struct wr_schema_parser *p, const struct wr_schema_members *members,
			   uint32_t space, uint32_t *ret_node)
{
	struct weir_schema *s = p->s;
	const struct wr_schema_value *fields = &members->of[WR_MEMBER_FIELDS];
	struct wr_json j;
	uint32_t count = 0;
	int code = named_new(p, members, WEIR_SCHEMA_RECORD, space, ret_node);

	if (code != 0)
		return code;
	if (fields->token != WR_JSON_ARRAY)
		return wr_schema_wrong(p, -EINVAL, members->start,
				       "a record has \"fields\", an array, which may be empty");
	wr_schema_json_at(s, fields->at, &j);
	for (; wr_json_next(&j) != WR_JSON_ARRAY_END; count++)
		wr_json_skip(&j);
	uint32_t first = s->field_count;
	s->field_count += count;
	s->nodes[*ret_node].first = first;
	s->nodes[*ret_node].count = count;
	wr_schema_json_at(s, fields->at, &j);
	for (uint32_t i = 0; i < count; i++) {
		struct wr_schema_value value = {.token = wr_json_next(&j)};
		value.at.start = fields->at.start + (uint32_t)j.start;
		wr_json_skip(&j);
		value.at.end = fields->at.start + (uint32_t)j.end;
		wr_schema_step_in(p, "fields", i);
		code = field_read(p, &value, s->nodes[*ret_node].space, &s->fields[first + i]);
		if (code != 0)
			return code;
		wr_schema_step_out(p);
	}
	uint32_t mark = ++p->marks;
	for (uint32_t i = 0; i < count; i++) {
		struct wr_schema_name *name = &s->names[s->fields[first + i].name];
		wr_schema_step_in(p, "fields", i);
		if (name->mark == mark)
			return wr_schema_wrong(
				p, -EINVAL, fields->at.start, "field \"%.*s\" comes twice",
				(int)wr_min_u64(name->bytes, 80), s->pool + name->at);
		name->mark = mark;
		wr_schema_step_out(p);
	}
	return 0;
}

/* --- enum, fixed ------------------------------------------------------------------------------ */

static int enum_default(struct wr_schema_parser *p, const struct wr_schema_members *members,
			struct wr_schema_node *n)
{
	struct weir_schema *s = p->s;
	const struct wr_schema_value *value = &members->of[WR_MEMBER_DEFAULT];
	char text[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	size_t bytes;

	if (value->token == WR_JSON_NONE || value->token == WR_JSON_NULL)
		return 0;
	if (wr_schema_string_at(s, value, text, &bytes)) {
		uint32_t name = wr_schema_name_find(s, text, bytes);
		for (uint32_t i = 0; i < n->count && name != WR_SCHEMA_NONE; i++)
			if (s->lists[n->first + i] == name) {
				n->default_symbol = i;
				return 0;
			}
	}
	return wr_schema_wrong(p, -EINVAL, value->at.start,
			       "\"default\" of an enum is one of its symbols");
}

int wr_schema_parse_enum(struct wr_schema_parser *p, const struct wr_schema_members *members,
			 uint32_t space, uint32_t *ret_node)
{
	struct weir_schema *s = p->s;
	const struct wr_schema_value *symbols = &members->of[WR_MEMBER_SYMBOLS];
	struct wr_json j;
	int code = named_new(p, members, WEIR_SCHEMA_ENUM, space, ret_node);

	if (code != 0)
		return code;
	if (symbols->token != WR_JSON_ARRAY)
		return wr_schema_wrong(p, -EINVAL, members->start,
				       "an enum has \"symbols\", an array of names");
	struct wr_schema_node *n = &s->nodes[*ret_node];
	uint32_t mark = ++p->marks;
	n->first = s->list_count;
	wr_schema_json_at(s, symbols->at, &j);
	for (; wr_json_next(&j) != WR_JSON_ARRAY_END; n->count++) {
		struct wr_schema_value symbol = {.token = j.token};
		char text[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
		size_t bytes;
		symbol.at.start = symbols->at.start + (uint32_t)j.start;
		symbol.at.end = symbols->at.start + (uint32_t)j.end;
		wr_schema_step_in(p, "symbols", n->count);
		if (!wr_schema_string_at(s, &symbol, text, &bytes) || !is_name(text, bytes))
			return wr_schema_wrong(p, -EINVAL, symbol.at.start,
					       "a symbol is letters, digits and _, not a digit "
					       "first");
		uint32_t name = wr_schema_name_put(s, text, bytes);
		if (s->names[name].mark == mark)
			return wr_schema_wrong(p, -EINVAL, symbol.at.start,
					       "symbol \"%.80s\" comes twice", text);
		s->names[name].mark = mark;
		s->lists[s->list_count++] = name;
		wr_schema_step_out(p);
	}
	return enum_default(p, members, n);
}

/* A whole number from 0 to 2^31 - 1. */
static bool number_at(const struct weir_schema *s, const struct wr_schema_value *value,
		      uint32_t *ret_n)
{
	struct wr_json j;
	uint64_t n;

	if (value->token != WR_JSON_NUMBER)
		return false;
	wr_schema_json_at(s, value->at, &j);
	if (!wr_json_u64(&j, &n) || n > INT32_MAX)
		return false;
	*ret_n = (uint32_t)n;
	return true;
}

int wr_schema_parse_fixed(struct wr_schema_parser *p, const struct wr_schema_members *members,
			  uint32_t space, uint32_t *ret_node)
{
	const struct wr_schema_value *size = &members->of[WR_MEMBER_SIZE];
	uint32_t bytes = 0;
	int code = named_new(p, members, WEIR_SCHEMA_FIXED, space, ret_node);

	if (code != 0)
		return code;
	if (!number_at(p->s, size, &bytes))
		return wr_schema_wrong(
			p, -EINVAL, size->token == WR_JSON_NONE ? members->start : size->at.start,
			"\"size\" of a fixed is how many bytes it has: a whole "
			"number, 0 or more");
	p->s->nodes[*ret_node].size = bytes;
	wr_schema_parse_logical(p, members, &p->s->nodes[*ret_node]);
	return 0;
}

/* --- logical types ---------------------------------------------------------------------------- */

/* How many decimal digits a signed number of so many bytes holds, whatever they are. */
static uint64_t digits_of(uint32_t bytes)
{
	return bytes == 0 ? 0 : (uint64_t)((8.0 * bytes - 1.0) * 0.30102999566398119521);
}

static void decimal_read(struct wr_schema_parser *p, const struct wr_schema_members *members,
			 struct wr_schema_node *n)
{
	const struct wr_schema_value *scale = &members->of[WR_MEMBER_SCALE];
	uint32_t precision = 0;
	uint32_t digits = 0;

	if (!number_at(p->s, &members->of[WR_MEMBER_PRECISION], &precision) || precision == 0)
		return;
	if (scale->token != WR_JSON_NONE && !number_at(p->s, scale, &digits))
		return;
	if (digits > precision || (n->type == WEIR_SCHEMA_FIXED && precision > digits_of(n->size)))
		return;
	n->logical = WR_LOGICAL_DECIMAL;
	n->precision = precision;
	n->scale = digits;
}

void wr_schema_parse_logical(struct wr_schema_parser *p, const struct wr_schema_members *members,
			     struct wr_schema_node *n)
{
	static const struct {
		uint8_t logical;
		uint8_t type;
		uint32_t size; /* of a fixed */
	} kinds[] = {
		{WR_LOGICAL_BIG_DECIMAL, WEIR_SCHEMA_BYTES, 0},
		{WR_LOGICAL_UUID, WEIR_SCHEMA_STRING, 0},
		{WR_LOGICAL_UUID, WEIR_SCHEMA_FIXED, 16},
		{WR_LOGICAL_DATE, WEIR_SCHEMA_INT, 0},
		{WR_LOGICAL_TIME_MILLIS, WEIR_SCHEMA_INT, 0},
		{WR_LOGICAL_TIME_MICROS, WEIR_SCHEMA_LONG, 0},
		{WR_LOGICAL_TIMESTAMP_MILLIS, WEIR_SCHEMA_LONG, 0},
		{WR_LOGICAL_TIMESTAMP_MICROS, WEIR_SCHEMA_LONG, 0},
		{WR_LOGICAL_TIMESTAMP_NANOS, WEIR_SCHEMA_LONG, 0},
		{WR_LOGICAL_LOCAL_TIMESTAMP_MILLIS, WEIR_SCHEMA_LONG, 0},
		{WR_LOGICAL_LOCAL_TIMESTAMP_MICROS, WEIR_SCHEMA_LONG, 0},
		{WR_LOGICAL_LOCAL_TIMESTAMP_NANOS, WEIR_SCHEMA_LONG, 0},
		{WR_LOGICAL_DURATION, WEIR_SCHEMA_FIXED, 12},
	};
	char word[WEIR_SCHEMA_NAME_BYTES_MAX + 1];
	size_t bytes;

	if (!wr_schema_string_at(p->s, &members->of[WR_MEMBER_LOGICAL_TYPE], word, &bytes))
		return;
	if (strcmp(word, "decimal") == 0 &&
	    (n->type == WEIR_SCHEMA_BYTES || n->type == WEIR_SCHEMA_FIXED))
		decimal_read(p, members, n);
	for (size_t i = 0; i < WR_ARRAY_COUNT(kinds); i++)
		if (kinds[i].type == n->type && kinds[i].size == n->size &&
		    strcmp(word, wr_schema_logical_word(kinds[i].logical)) == 0)
			n->logical = kinds[i].logical;
}
