/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `type`, and the keywords that are about values of one type. Without `type` the keywords say
 * nothing of other values: {"minLength": 1} takes every number.
 */
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/schema/js_parse.h"
#include "core/schema/js_value.h"

static const struct {
	const char *name;
	enum wr_js_kind kind;
	uint8_t flags;
} types[] = {
	{"null", WR_JS_NULL, 0},     {"boolean", WR_JS_BOOLEAN, 0},
	{"number", WR_JS_NUMBER, 0}, {"integer", WR_JS_NUMBER, WR_JS_INTEGER},
	{"string", WR_JS_STRING, 0}, {"object", WR_JS_OBJECT, 0},
	{"array", WR_JS_ARRAY, 0},
};

static bool has(const struct wr_js_words *w, enum wr_js_word word)
{
	return w->of[word].token != WR_JSON_NONE;
}

/* --- limits ----------------------------------------------------------------------------------- */

static int read_count(struct wr_js_parser *p, const struct wr_js_words *w, enum wr_js_word word,
		      uint64_t *ret)
{
	const struct wr_schema_value *value = &w->of[word];
	if (value->token == WR_JSON_NONE)
		return 0;
	struct wr_decimal d = wr_js_decimal_at(p->s, value->at);
	if (value->token == WR_JSON_NUMBER && wr_decimal_count(&d, ret))
		return 0;
	return wr_js_wrong(p, -EINVAL, value->at.start, "%s is a whole number from 0 to 2^53",
			   wr_js_word_text(word));
}

static int read_bounds(struct wr_js_parser *p, const struct wr_js_words *w, uint32_t node)
{
	for (uint32_t i = 0; i < WR_JS_BOUNDS; i++) {
		enum wr_js_word word = (enum wr_js_word)(WR_JS_WORD_MINIMUM + i);
		const struct wr_schema_value *value = &w->of[word];
		uint64_t digits;
		if (value->token == WR_JSON_NONE)
			continue;
		if (value->token != WR_JSON_NUMBER)
			return wr_js_wrong(p, -EINVAL, value->at.start, "%s is a number%s",
					   wr_js_word_text(word),
					   value->token == WR_JSON_TRUE ? " since draft 6" : "");
		struct wr_decimal d = wr_js_decimal_at(p->s, value->at);
		if (i == WR_JS_MULTIPLE_OF && (d.first == NULL || d.is_negative))
			return wr_js_wrong(p, -EINVAL, value->at.start, "multipleOf is above 0");
		if (i == WR_JS_MULTIPLE_OF && !wr_decimal_digits(&d, &digits))
			return wr_js_wrong(p, WEIR_E_TOO_BIG, value->at.start,
					   "multipleOf has more than 18 digits");
		p->s->nodes[node].bounds[i] = value->at;
	}
	return 0;
}

/* Schemas of what a keyword says of one value: `additionalProperties` and so on. */
static int read_rest(struct wr_js_parser *p, const struct wr_js_words *w, enum wr_js_word word,
		     uint32_t node)
{
	const struct wr_schema_value *value = &w->of[word];
	uint32_t target = WR_SCHEMA_NONE;
	if (value->token == WR_JSON_NONE)
		return 0;
	int code = wr_js_parse_schema(p, value, &target);
	if (code != 0)
		return code;
	/* true is as if nothing was said, false closes; {} is open, too, and said. */
	if (value->token == WR_JSON_FALSE)
		p->s->nodes[node].flags |= WR_JS_CLOSED;
	else if (value->token != WR_JSON_TRUE)
		p->s->nodes[node].target = target;
	return 0;
}

/* --- objects ---------------------------------------------------------------------------------- */

uint32_t wr_js_name_hash(const struct wr_json *name)
{
	uint8_t text[256];
	size_t bytes = wr_json_string(name, text, sizeof text);
	uint32_t h = 2166136261u ^ (uint32_t)bytes;
	for (size_t i = 0; bytes <= sizeof text && i < bytes; i++)
		h = (h ^ text[i]) * 16777619u;
	return h;
}

static uint32_t find_among(const struct wr_json_schema *s, uint32_t first, uint32_t count,
			   const struct wr_json *name)
{
	uint32_t hash = wr_js_name_hash(name);
	for (uint32_t i = first; i < first + count; i++) {
		const struct wr_js_property *property = &s->properties[i];
		struct wr_json j;
		if (property->hash != hash)
			continue;
		wr_js_json_at(s, property->name, &j);
		size_t bytes = j.end - j.start - 2;
		if (!j.escaped ? wr_json_equals(name, j.text + j.start + 1, bytes)
			       : wr_js_same_string(name, &j))
			return i;
	}
	return WR_SCHEMA_NONE;
}

uint32_t wr_js_property_find(const struct wr_json_schema *s, const struct wr_js_node *object,
			     const struct wr_json *name)
{
	return find_among(s, object->first, object->count, name);
}

static void put_name(struct wr_js_parser *p, uint32_t at, const struct wr_json *j, uint32_t base)
{
	p->s->properties[at] = (struct wr_js_property){
		.name = {base + (uint32_t)j->start, base + (uint32_t)j->end},
		.hash = wr_js_name_hash(j),
		.node = WR_SCHEMA_NONE,
	};
}

static int read_properties(struct wr_js_parser *p, const struct wr_schema_value *value,
			   uint32_t first, uint32_t *count)
{
	struct wr_json j;
	wr_js_json_at(p->s, value->at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		uint32_t node = 0, base = value->at.start;
		if (find_among(p->s, first, *count, &j) != WR_SCHEMA_NONE)
			return wr_js_wrong(p, -EINVAL, base + (uint32_t)j.start,
					   "the property comes twice: readers differ on which "
					   "counts");
		put_name(p, first + *count, &j, base);
		(void)wr_json_next(&j);
		struct wr_schema_value one = wr_js_value_take(&j, base);
		int code = wr_js_parse_schema(p, &one, &node);
		if (code != 0)
			return code;
		p->s->properties[first + (*count)++].node = node;
	}
	return 0;
}

static int read_required(struct wr_js_parser *p, const struct wr_schema_value *value,
			 uint32_t first, uint32_t *count)
{
	struct wr_json j;
	wr_js_json_at(p->s, value->at, &j);
	while (wr_json_next(&j) != WR_JSON_ARRAY_END) {
		if (j.token != WR_JSON_STRING)
			return wr_js_wrong(p, -EINVAL, value->at.start + (uint32_t)j.start,
					   "required is an array of names");
		uint32_t found = find_among(p->s, first, *count, &j);
		if (found == WR_SCHEMA_NONE) {
			found = first + (*count)++;
			put_name(p, found, &j, value->at.start);
		}
		p->s->properties[found].is_required = true;
	}
	return 0;
}

static int parse_object(struct wr_js_parser *p, const struct wr_js_words *w, uint32_t node)
{
	const struct wr_schema_value *properties = &w->of[WR_JS_WORD_PROPERTIES];
	const struct wr_schema_value *required = &w->of[WR_JS_WORD_REQUIRED];
	uint32_t room = 0, first = 0, count = 0;
	if (has(w, WR_JS_WORD_PROPERTIES) && properties->token != WR_JSON_OBJECT)
		return wr_js_wrong(p, -EINVAL, properties->at.start,
				   "properties is an object of schemas");
	if (has(w, WR_JS_WORD_REQUIRED) && required->token != WR_JSON_ARRAY)
		return wr_js_wrong(p, -EINVAL, required->at.start, "required is an array of names");
	room += has(w, WR_JS_WORD_PROPERTIES) ? wr_js_element_count(p->s, properties->at) : 0;
	room += has(w, WR_JS_WORD_REQUIRED) ? wr_js_element_count(p->s, required->at) : 0;
	if (room > 2 * WR_JS_PROPERTIES_MAX)
		return wr_js_wrong(p, WEIR_E_TOO_BIG, w->at.start,
				   "an object has more than %u properties", WR_JS_PROPERTIES_MAX);
	int code = wr_js_properties_new(p, room, &first);
	if (code == 0 && has(w, WR_JS_WORD_PROPERTIES))
		code = read_properties(p, properties, first, &count);
	if (code == 0 && has(w, WR_JS_WORD_REQUIRED))
		code = read_required(p, required, first, &count);
	if (code == 0 && count > WR_JS_PROPERTIES_MAX)
		code = wr_js_wrong(p, WEIR_E_TOO_BIG, w->at.start,
				   "an object has more than %u properties", WR_JS_PROPERTIES_MAX);
	if (code == 0)
		code = read_rest(p, w, WR_JS_WORD_ADDITIONAL_PROPERTIES, node);
	p->s->nodes[node].first = first;
	p->s->nodes[node].count = count;
	if (code == 0)
		code = read_count(p, w, WR_JS_WORD_MIN_PROPERTIES, &p->s->nodes[node].least);
	if (code == 0)
		code = read_count(p, w, WR_JS_WORD_MAX_PROPERTIES, &p->s->nodes[node].most);
	return code;
}

/* --- arrays ----------------------------------------------------------------------------------- */

/*
 * 2020-12: prefixItems, and items for the rest. Draft 7: items as an array, and additionalItems for
 * the rest; items as a schema is for all, and additionalItems is then ignored by that draft.
 */
static int read_items(struct wr_js_parser *p, const struct wr_js_words *w, uint32_t node)
{
	const struct wr_schema_value *items = &w->of[WR_JS_WORD_ITEMS];
	const struct wr_schema_value *prefix = &w->of[WR_JS_WORD_PREFIX_ITEMS];
	enum wr_js_word rest = WR_JS_WORD_ITEMS;
	uint32_t first = 0, count = 0, all = WR_SCHEMA_NONE;
	bool is_2020 = p->document->is_2020;
	if (is_2020 ? has(w, WR_JS_WORD_ADDITIONAL_ITEMS) || items->token == WR_JSON_ARRAY
		    : has(w, WR_JS_WORD_PREFIX_ITEMS))
		return wr_js_wrong(p, -EINVAL, w->at.start,
				   is_2020 ? "an array of items and additionalItems are draft 7's: "
					     "2020-12 has prefixItems and items"
					   : "prefixItems is of 2020-12: draft 7 has an array of "
					     "items and additionalItems");
	if (!is_2020 && items->token == WR_JSON_ARRAY) {
		prefix = items;
		rest = WR_JS_WORD_ADDITIONAL_ITEMS;
	} else if (has(w, WR_JS_WORD_ADDITIONAL_ITEMS)) {
		return wr_js_wrong(p, -EINVAL, w->of[WR_JS_WORD_ADDITIONAL_ITEMS].at.start,
				   "draft 7 ignores additionalItems without an array of items");
	}
	if (prefix->token != WR_JSON_NONE && prefix->token != WR_JSON_ARRAY)
		return wr_js_wrong(p, -EINVAL, prefix->at.start,
				   "prefixItems is an array of schemas");
	if (prefix->token == WR_JSON_NONE) {
		int code = has(w, rest) ? wr_js_parse_schema(p, items, &all) : 0;
		p->s->nodes[node].items = all;
		return code;
	}
	int code = wr_js_parse_list(p, prefix, &first, &count);
	p->s->nodes[node].first = first;
	p->s->nodes[node].count = count;
	return code == 0 ? read_rest(p, w, rest, node) : code;
}

static int parse_array(struct wr_js_parser *p, const struct wr_js_words *w, uint32_t node)
{
	const struct wr_schema_value *unique = &w->of[WR_JS_WORD_UNIQUE_ITEMS];
	int code = read_items(p, w, node);
	if (code != 0)
		return code;
	if (has(w, WR_JS_WORD_UNIQUE_ITEMS) && unique->token != WR_JSON_TRUE &&
	    unique->token != WR_JSON_FALSE)
		return wr_js_wrong(p, -EINVAL, unique->at.start, "uniqueItems is true or false");
	if (unique->token == WR_JSON_TRUE)
		p->s->nodes[node].flags |= WR_JS_UNIQUE;
	code = read_count(p, w, WR_JS_WORD_MIN_ITEMS, &p->s->nodes[node].least);
	return code == 0 ? read_count(p, w, WR_JS_WORD_MAX_ITEMS, &p->s->nodes[node].most) : code;
}

/* --- types ------------------------------------------------------------------------------------ */

/* The bits of types[] that `type` names; 0 where it is not there. */
static int read_types(struct wr_js_parser *p, const struct wr_schema_value *value, uint32_t *ret)
{
	struct wr_json j;
	*ret = 0;
	if (value->token == WR_JSON_NONE)
		return 0;
	wr_js_json_at(p->s, value->at, &j);
	bool is_list = j.token == WR_JSON_ARRAY;
	if (is_list)
		(void)wr_json_next(&j);
	do {
		uint32_t i = 0;
		while (i < WR_ARRAY_COUNT(types) &&
		       (j.token != WR_JSON_STRING ||
			!wr_json_equals(&j, types[i].name, strlen(types[i].name))))
			i++;
		if (i == WR_ARRAY_COUNT(types) || (*ret & 1u << i) != 0)
			return wr_js_wrong(p, -EINVAL, value->at.start + (uint32_t)j.start,
					   "type is null, boolean, number, integer, string, object "
					   "or array, or a list of them, each once");
		*ret |= 1u << i;
	} while (is_list && wr_json_next(&j) != WR_JSON_ARRAY_END);
	return 0;
}

static bool says_of(const struct wr_js_words *w, enum wr_js_kind kind)
{
	static const struct {
		enum wr_js_kind kind;
		uint8_t first;
		uint8_t last;
	} of[] = {
		{WR_JS_OBJECT, WR_JS_WORD_PROPERTIES, WR_JS_WORD_MAX_PROPERTIES},
		{WR_JS_ARRAY, WR_JS_WORD_ITEMS, WR_JS_WORD_UNIQUE_ITEMS},
		{WR_JS_NUMBER, WR_JS_WORD_MINIMUM, WR_JS_WORD_MULTIPLE_OF},
		{WR_JS_STRING, WR_JS_WORD_MIN_LENGTH, WR_JS_WORD_MAX_LENGTH},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(of); i++)
		for (uint32_t word = of[i].first; of[i].kind == kind && word <= of[i].last; word++)
			if (w->of[word].token != WR_JSON_NONE)
				return true;
	return false;
}

static int parse_kind(struct wr_js_parser *p, const struct wr_js_words *w, enum wr_js_kind kind,
		      uint8_t flags, uint32_t *ret_node)
{
	int code = wr_js_node_new(p, kind, w->at, ret_node);
	if (code != 0)
		return code;
	p->s->nodes[*ret_node].flags = flags;
	switch (kind) {
	case WR_JS_OBJECT:
		return parse_object(p, w, *ret_node);
	case WR_JS_ARRAY:
		return parse_array(p, w, *ret_node);
	case WR_JS_NUMBER:
		return read_bounds(p, w, *ret_node);
	case WR_JS_STRING:
		code = read_count(p, w, WR_JS_WORD_MIN_LENGTH, &p->s->nodes[*ret_node].least);
		return code == 0 ? read_count(p, w, WR_JS_WORD_MAX_LENGTH,
					      &p->s->nodes[*ret_node].most)
				 : code;
	default:
		return 0;
	}
}

/* Keywords of a type that is not among those named are read all the same: they may be wrong. */
static int parse_others(struct wr_js_parser *p, const struct wr_js_words *w, uint32_t kinds,
			uint32_t *parts, uint32_t *part_count)
{
	static const enum wr_js_kind all[] = {WR_JS_OBJECT, WR_JS_ARRAY, WR_JS_NUMBER,
					      WR_JS_STRING};
	int code = 0;
	for (size_t i = 0; code == 0 && i < WR_ARRAY_COUNT(all); i++) {
		uint32_t node;
		if ((kinds & 1u << all[i]) != 0 || !says_of(w, all[i]))
			continue;
		code = parse_kind(p, w, all[i], 0, &node);
		if (code == 0 && kinds == 0)
			parts[(*part_count)++] = node;
	}
	return code;
}

int wr_js_parse_types(struct wr_js_parser *p, const struct wr_js_words *w, uint32_t *parts,
		      uint32_t *part_count)
{
	uint32_t named = 0, kinds = 0, first = 0, count = 0, of_all = 0, node = 0;
	uint32_t nodes[WR_ARRAY_COUNT(types)];
	int code = read_types(p, &w->of[WR_JS_WORD_TYPE], &named);
	for (uint32_t i = 0; code == 0 && i < WR_ARRAY_COUNT(types); i++) {
		if ((named & 1u << i) == 0)
			continue;
		code = parse_kind(p, w, types[i].kind, types[i].flags | WR_JS_TYPED, &node);
		kinds |= 1u << types[i].kind;
		nodes[count++] = node;
	}
	if (code == 0)
		code = parse_others(p, w, kinds, parts, part_count);
	if (code != 0 || count == 0)
		return code;
	if (count == 1) {
		parts[(*part_count)++] = nodes[0];
		return 0;
	}
	code = wr_js_list_new(p, count, &first);
	if (code == 0)
		code = wr_js_node_new(p, WR_JS_ANY_OF, w->at, &of_all);
	if (code != 0)
		return code;
	memcpy(&p->s->lists[first], nodes, count * sizeof *nodes);
	p->s->nodes[of_all].first = first;
	p->s->nodes[of_all].count = count;
	parts[(*part_count)++] = of_all;
	return 0;
}
