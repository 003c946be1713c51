/* SPDX-License-Identifier: Apache-2.0 */
#include "core/schema/js_keywords.h"

#include <string.h>

#include "core/base/bits.h"

static const struct {
	const char *text;
	enum wr_js_shape shape;
} words[WR_JS_WORDS] = {
	[WR_JS_WORD_SCHEMA] = {"$schema", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_ID] = {"$id", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_REF] = {"$ref", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_TYPE] = {"type", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_ENUM] = {"enum", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_CONST] = {"const", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_DEFAULT] = {"default", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_PROPERTIES] = {"properties", WR_JS_SHAPE_NAMED},
	[WR_JS_WORD_REQUIRED] = {"required", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_ADDITIONAL_PROPERTIES] = {"additionalProperties", WR_JS_SHAPE_SCHEMA},
	[WR_JS_WORD_MIN_PROPERTIES] = {"minProperties", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_MAX_PROPERTIES] = {"maxProperties", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_ITEMS] = {"items", WR_JS_SHAPE_SCHEMAS},
	[WR_JS_WORD_PREFIX_ITEMS] = {"prefixItems", WR_JS_SHAPE_SCHEMAS},
	[WR_JS_WORD_ADDITIONAL_ITEMS] = {"additionalItems", WR_JS_SHAPE_SCHEMA},
	[WR_JS_WORD_MIN_ITEMS] = {"minItems", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_MAX_ITEMS] = {"maxItems", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_UNIQUE_ITEMS] = {"uniqueItems", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_MINIMUM] = {"minimum", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_MAXIMUM] = {"maximum", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_EXCLUSIVE_MINIMUM] = {"exclusiveMinimum", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_EXCLUSIVE_MAXIMUM] = {"exclusiveMaximum", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_MULTIPLE_OF] = {"multipleOf", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_MIN_LENGTH] = {"minLength", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_MAX_LENGTH] = {"maxLength", WR_JS_SHAPE_VALUE},
	[WR_JS_WORD_ALL_OF] = {"allOf", WR_JS_SHAPE_SCHEMAS},
	[WR_JS_WORD_ANY_OF] = {"anyOf", WR_JS_SHAPE_SCHEMAS},
	[WR_JS_WORD_ONE_OF] = {"oneOf", WR_JS_SHAPE_SCHEMAS},
	[WR_JS_WORD_NOT] = {"not", WR_JS_SHAPE_SCHEMA},
	[WR_JS_WORD_DEFS] = {"$defs", WR_JS_SHAPE_NAMED},
	[WR_JS_WORD_DEFINITIONS] = {"definitions", WR_JS_SHAPE_NAMED},
};

static const char *const annotations[] = {
	"title",      "description", "examples",  "$comment",        "format",
	"deprecated", "readOnly",    "writeOnly", "contentEncoding", "contentMediaType"};

/* Of tools: what they say to themselves. */
static const char *const prefixes[] = {"x-", "connect.", "confluent:"};

#define NO_REGEX "it is a regular expression, and weir has no engine for them whose time is bounded"

static const struct {
	const char *text;
	const char *reason;
} refused[] = {
	{"pattern", NO_REGEX},
	{"patternProperties", NO_REGEX},
	{"propertyNames", "list the names in properties and say additionalProperties: false"},
	{"if", "say it with oneOf or anyOf"},
	{"then", "say it with oneOf or anyOf"},
	{"else", "say it with oneOf or anyOf"},
	{"dependencies", "say it with oneOf or anyOf"},
	{"dependentRequired", "say it with oneOf or anyOf"},
	{"dependentSchemas", "say it with oneOf or anyOf"},
	{"contains", "say what all items are, with items"},
	{"minContains", "say what all items are, with items"},
	{"maxContains", "say what all items are, with items"},
	{"contentSchema", "what is encoded in a string is not looked into"},
	{"unevaluatedProperties", "say additionalProperties in the object that lists them"},
	{"unevaluatedItems", "say items behind prefixItems"},
	{"$anchor", "refer to it by its place, #/$defs/NAME"},
	{"$dynamicAnchor", "refer to it by its place, #/$defs/NAME"},
	{"$dynamicRef", "refer to it by its place, #/$defs/NAME"},
	{"$recursiveRef", "refer to it by its place, #/$defs/NAME"},
	{"$recursiveAnchor", "refer to it by its place, #/$defs/NAME"},
	{"id", "that is draft 4: $id names a document"},
};

static bool begins(const struct wr_json *name, const char *prefix)
{
	size_t bytes = strlen(prefix);
	return name->end - name->start - 2 >= bytes &&
	       memcmp(name->text + name->start + 1, prefix, bytes) == 0;
}

enum wr_js_word wr_js_word_of(const struct wr_json *name, const char **ret_reason)
{
	for (uint32_t i = 0; i < WR_JS_WORDS; i++)
		if (wr_json_equals(name, words[i].text, strlen(words[i].text)))
			return (enum wr_js_word)i;
	for (size_t i = 0; i < WR_ARRAY_COUNT(annotations); i++)
		if (wr_json_equals(name, annotations[i], strlen(annotations[i])))
			return WR_JS_ANNOTATION;
	for (size_t i = 0; i < WR_ARRAY_COUNT(prefixes); i++)
		if (begins(name, prefixes[i]))
			return WR_JS_ANNOTATION;
	*ret_reason = "it is no keyword of draft 7 or 2020-12; where it is a note of a tool's, "
		      "begin its name with x-";
	for (size_t i = 0; i < WR_ARRAY_COUNT(refused); i++)
		if (wr_json_equals(name, refused[i].text, strlen(refused[i].text)))
			*ret_reason = refused[i].reason;
	return WR_JS_REFUSED;
}

const char *wr_js_word_text(enum wr_js_word word)
{
	return word < WR_JS_WORDS ? words[word].text : "";
}

enum wr_js_shape wr_js_word_shape(enum wr_js_word word)
{
	return word < WR_JS_WORDS ? words[word].shape : WR_JS_SHAPE_VALUE;
}
