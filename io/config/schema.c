/* SPDX-License-Identifier: Apache-2.0 */
/* The table as a JSON Schema. */
#include "io/config/schema.h"

#include <inttypes.h>
#include <string.h>

#include <weir/config.h>

#include "io/config/value.h"

/* Digits, with '_' between them, and up to six behind a point. */
#define NUMBER "[0-9][0-9_]*(\\.[0-9][0-9_]*)?"
#define NAME_PATTERN "^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
#define CPU_ITEM "[0-9]+(-[0-9]+(:[0-9]+)?)?"
#define CPU_LIST CPU_ITEM "(, *" CPU_ITEM ")*"
#define CPU_RANGE "\"minimum\": 0, \"maximum\": 8191"
/* What is a text here may look like something else to who reads the YAML first. */
#define ANY_SCALAR "\"string\", \"number\", \"boolean\""
#define NUMBER_OR_TEXT "\"string\", \"integer\""

static void put_object(struct wr_config_text *text, const struct wr_config_section *section,
		       unsigned depth, bool may_be_empty);

static void indent(struct wr_config_text *text, unsigned depth)
{
	wr_config_put_n(text, "\n", 1);
	wr_config_put_repeat(text, ' ', 2ul * depth);
}

/* "key": with its comma and line; the value follows. */
static void put_key(struct wr_config_text *text, unsigned depth, bool first, const char *key)
{
	if (!first)
		wr_config_put_n(text, ",", 1);
	indent(text, depth);
	wr_config_put_json(text, key);
	wr_config_put(text, ": ");
}

static void put_string(struct wr_config_text *text, unsigned depth, const char *key,
		       const char *value)
{
	put_key(text, depth, false, key);
	wr_config_put_json(text, value);
}

static void put_description(struct wr_config_text *text, unsigned depth,
			    const struct wr_config_key *key)
{
	char room[1024] = "";
	char range[96] = "";
	struct wr_config_text all = {.to = room, .room_bytes = sizeof room};
	struct wr_config_text ends = {.to = range, .room_bytes = sizeof range};
	wr_config_put(&all, "%s.", key->doc);
	for (const struct wr_config_choice *choice = key->choices;
	     choice != NULL && choice->name != NULL; choice++)
		wr_config_put(&all, " %s: %s.", choice->name, choice->doc);
	if ((key->type == WR_CONFIG_SIZE || key->type == WR_CONFIG_DURATION ||
	     key->type == WR_CONFIG_COUNT || key->type == WR_CONFIG_RATE) &&
	    wr_config_range_format(key, &ends))
		wr_config_put(&all, " Range: %s.", range);
	if (key->absent != NULL)
		wr_config_put(&all, " Default: %s.", key->absent);
	put_key(text, depth, true, "description");
	wr_config_put_json(text, room);
}

static void put_pattern(struct wr_config_text *text, unsigned depth, const char *types,
			const char *pattern)
{
	put_key(text, depth, false, "type");
	wr_config_put(text, "[%s]", types);
	put_string(text, depth, "pattern", pattern);
}

static void put_number(struct wr_config_text *text, unsigned depth, const struct wr_config_key *key)
{
	const char *pattern = key->type == WR_CONFIG_SIZE ? "^" NUMBER
							    "( ?([KkMmGgTt]([Ii]?[Bb])?|[Bb]))?$"
							  : "^" NUMBER "( ?[KkMmGg])?$";
	if (key->type == WR_CONFIG_DURATION) {
		put_key(text, depth, false, "type");
		wr_config_put(text, "\"string\"");
		put_string(
			text, depth, "pattern",
			"^" NUMBER
			" ?([Nn][Ss]|[Uu\xc2\xb5\xce\xbc][Ss]|[Mm][Ss]|[Ss]|[Mm]|[Mm][Ii][Nn]|[Hh]|"
			"[Dd])$");
		return;
	}
	put_pattern(text, depth, NUMBER_OR_TEXT, pattern);
	put_key(text, depth, false, "minimum");
	wr_config_put(text, "%" PRIu64, key->min);
	if (key->max == 0)
		return;
	put_key(text, depth, false, "maximum");
	wr_config_put(text, "%" PRIu64, key->max);
}

static void put_choice(struct wr_config_text *text, unsigned depth,
		       const struct wr_config_choice *choices)
{
	put_key(text, depth, false, "enum");
	wr_config_put(text, "[");
	for (const struct wr_config_choice *choice = choices; choice->name != NULL; choice++) {
		bool yes = strcmp(choice->name, "yes") == 0 || strcmp(choice->name, "on") == 0;
		bool no = strcmp(choice->name, "no") == 0 || strcmp(choice->name, "off") == 0;
		wr_config_put(text, "%s", choice != choices ? ", " : "");
		wr_config_put_json(text, choice->name);
		bool null = strcmp(choice->name, "null") == 0;
		wr_config_put(text, "%s", yes ? ", true" : no ? ", false" : null ? ", null" : "");
	}
	wr_config_put(text, "]");
}

static void put_cpus(struct wr_config_text *text, unsigned depth)
{
	put_key(text, depth, false, "anyOf");
	wr_config_put(text, "[");
	indent(text, depth + 1);
	wr_config_put(text, "{\"type\": \"integer\", " CPU_RANGE "},");
	indent(text, depth + 1);
	wr_config_put(text, "{\"type\": \"string\", \"pattern\": ");
	wr_config_put_json(text, "^(auto|none|(\\+|node:|core:|l3:)?" CPU_LIST ")$");
	wr_config_put(text, "},");
	indent(text, depth + 1);
	wr_config_put(text, "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": "
			    "[\"integer\", \"string\"], " CPU_RANGE ", \"pattern\": ");
	wr_config_put_json(text, "^" CPU_LIST "$");
	wr_config_put(text, "}}");
	indent(text, depth);
	wr_config_put(text, "]");
}

/* What a scalar of this type looks like; behind the description. */
static void put_scalar(struct wr_config_text *text, unsigned depth, const struct wr_config_key *key,
		       enum wr_config_type type)
{
	switch (type) {
	case WR_CONFIG_BOOL:
		put_key(text, depth, false, "enum");
		wr_config_put(text, "[\"yes\", \"no\", true, false]");
		break;
	case WR_CONFIG_COUNT:
	case WR_CONFIG_SIZE:
	case WR_CONFIG_DURATION:
		put_number(text, depth, key);
		break;
	case WR_CONFIG_RATE:
		put_pattern(text, depth, "\"string\"", "^" NUMBER "( ?[KkMmGg])?/s$");
		break;
	case WR_CONFIG_CHOICE:
		put_choice(text, depth, key->choices);
		break;
	case WR_CONFIG_NAME:
		put_pattern(text, depth, ANY_SCALAR, NAME_PATTERN);
		put_key(text, depth, false, "maxLength");
		wr_config_put(text, "%" PRIu64, key->type == WR_CONFIG_LIST ? 200 : key->max);
		break;
	case WR_CONFIG_WORD:
		put_pattern(text, depth, ANY_SCALAR, "^.+$");
		put_key(text, depth, false, "maxLength");
		wr_config_put(text, "%u", key->bytes - 1);
		break;
	case WR_CONFIG_POINT:
		put_pattern(text, depth, "\"string\"",
			    "^(oldest|newest|sequence [0-9][0-9_]*|time [0-9].*)$");
		break;
	case WR_CONFIG_CPUS:
		put_cpus(text, depth);
		break;
	case WR_CONFIG_NUMA:
		put_key(text, depth, false, "anyOf");
		wr_config_put(text, "[{\"enum\": [false]}, {\"type\": \"string\", \"pattern\": ");
		wr_config_put_json(text, "^(auto|off|false|interleave|node:[0-9]+)$");
		wr_config_put(text, "}]");
		break;
	default:
		put_pattern(text, depth, ANY_SCALAR, "^.+$");
		break;
	}
}

static void put_one_property(struct wr_config_text *text, unsigned depth)
{
	put_key(text, depth, false, "minProperties");
	wr_config_put(text, "1");
	put_key(text, depth, false, "maxProperties");
	wr_config_put(text, "1");
}

static void put_list(struct wr_config_text *text, unsigned depth, const struct wr_config_key *key)
{
	put_key(text, depth, false, "type");
	wr_config_put(text, key->min > 0 ? "\"array\"" : "[\"array\", \"null\"]");
	if (key->min > 0) {
		put_key(text, depth, false, "minItems");
		wr_config_put(text, "%" PRIu64, key->min);
	}
	if (key->max > 0) {
		put_key(text, depth, false, "maxItems");
		wr_config_put(text, "%" PRIu64, key->max);
	}
	put_key(text, depth, false, "items");
	wr_config_put(text, "{");
	if (wr_config_key_lists_maps(key)) {
		put_object(text, key->section, depth + 1, false);
		if (key->item == WR_CONFIG_ONE_OF)
			put_one_property(text, depth + 1);
	} else {
		put_key(text, depth + 1, true, "description");
		wr_config_put_json(text, wr_config_type_shape(key->item));
		put_scalar(text, depth + 1, key, key->item);
	}
	indent(text, depth);
	wr_config_put(text, "}");
}

static void put_default(struct wr_config_text *text, unsigned depth,
			const struct wr_config_key *key)
{
	bool is_number = key->type == WR_CONFIG_COUNT &&
			 key->fallback[strspn(key->fallback, "0123456789")] == '\0';
	put_key(text, depth, false, "default");
	if (is_number)
		wr_config_put(text, "%s", key->fallback);
	else
		wr_config_put_json(text, key->fallback);
}

/* The members of a schema of a map. */
static void put_map(struct wr_config_text *text, unsigned depth, const struct wr_config_key *key)
{
	put_object(text, key->section, depth, key->type == WR_CONFIG_MAP);
	if (key->type == WR_CONFIG_ONE_OF)
		put_one_property(text, depth);
}

/* A single value, or the map that it is short for. */
static void put_with_shorthand(struct wr_config_text *text, unsigned depth,
			       const struct wr_config_key *key)
{
	const struct wr_config_key *inner =
		wr_config_key_find(key->section, key->shorthand, strlen(key->shorthand));
	put_key(text, depth, false, "anyOf");
	wr_config_put(text, "[");
	indent(text, depth + 1);
	wr_config_put(text, "{");
	put_description(text, depth + 2, inner);
	put_scalar(text, depth + 2, inner, inner->type);
	indent(text, depth + 1);
	wr_config_put(text, "},");
	indent(text, depth + 1);
	wr_config_put(text, "{");
	put_map(text, depth + 2, key);
	indent(text, depth + 1);
	wr_config_put(text, "}");
	indent(text, depth);
	wr_config_put(text, "]");
}

static void put_pairs(struct wr_config_text *text, unsigned depth, const struct wr_config_key *key)
{
	put_key(text, depth, false, "type");
	wr_config_put(text, "[\"object\", \"null\"]");
	put_key(text, depth, false, "maxProperties");
	wr_config_put(text, "%" PRIu64, key->max);
	put_key(text, depth, false, "additionalProperties");
	wr_config_put(text, "false");
	put_key(text, depth, false, "patternProperties");
	wr_config_put(text, "{");
	put_key(text, depth + 1, true, NAME_PATTERN);
	wr_config_put(text, "{\"type\": [" ANY_SCALAR "], \"pattern\": \"^.+$\"}");
	indent(text, depth);
	wr_config_put(text, "}");
}

static void put_property(struct wr_config_text *text, const struct wr_config_key *key,
			 unsigned depth, bool first)
{
	put_key(text, depth, first, key->name);
	wr_config_put(text, "{");
	put_description(text, depth + 1, key);
	if (key->shorthand != NULL) {
		put_with_shorthand(text, depth + 1, key);
	} else if (wr_config_key_nests(key) && key->type != WR_CONFIG_LIST) {
		wr_config_put_n(text, ",", 1);
		put_map(text, depth + 1, key);
	} else if (key->type == WR_CONFIG_PAIRS) {
		put_pairs(text, depth + 1, key);
	} else if (key->type == WR_CONFIG_LIST) {
		put_list(text, depth + 1, key);
	} else {
		put_scalar(text, depth + 1, key, key->type);
	}
	if (key->fallback != NULL)
		put_default(text, depth + 1, key);
	indent(text, depth);
	wr_config_put(text, "}");
}

/* The members of a schema of an object. */
static void put_object(struct wr_config_text *text, const struct wr_config_section *section,
		       unsigned depth, bool may_be_empty)
{
	bool first = true;
	uint32_t required = 0;
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++)
		required += key->required ? 1 : 0;
	put_key(text, depth, true, "type");
	wr_config_put(text,
		      may_be_empty && required == 0 ? "[\"object\", \"null\"]" : "\"object\"");
	put_key(text, depth, false, "additionalProperties");
	wr_config_put(text, "false");
	if (required > 0) {
		put_key(text, depth, false, "required");
		wr_config_put(text, "[");
		for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
			if (!key->required)
				continue;
			wr_config_put(text, "%s", first ? "" : ", ");
			wr_config_put_json(text, key->name);
			first = false;
		}
		wr_config_put(text, "]");
	}
	put_key(text, depth, false, "properties");
	wr_config_put(text, "{");
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++)
		put_property(text, key, depth + 1, key == section->keys);
	indent(text, depth);
	wr_config_put(text, "}");
}

void wr_config_schema_put(struct wr_config_text *text)
{
	wr_config_put(text, "{");
	put_key(text, 1, true, "$schema");
	wr_config_put_json(text, "https://json-schema.org/draft/2020-12/schema");
	put_string(text, 1, "title", "weir configuration file");
	wr_config_put_n(text, ",", 1);
	put_object(text, &wr_config_file, 1, true);
	wr_config_put(text, "\n}\n");
}

size_t weir_config_schema(enum weir_config_format format, char *to, size_t to_bytes)
{
	struct wr_config_text text = {.to = to, .room_bytes = to_bytes};
	if (to_bytes > 0)
		to[0] = '\0';
	if (format == WEIR_CONFIG_JSON_SCHEMA)
		wr_config_schema_put(&text);
	else if (format == WEIR_CONFIG_MARKDOWN)
		wr_config_reference_put(&text);
	return text.bytes;
}
