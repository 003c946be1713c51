/* SPDX-License-Identifier: Apache-2.0 */
/* Texts, and schemas as a whole: by js_parse.h. */
#include "core/schema/js_parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/schema/canonical.h"
#include "core/schema/js_value.h"
#include "core/schema/pairs.h"

#define TABLE_MAX (1u << 22)
#define PARTS_MAX 16u
#define TEXT_DEPTH_MAX (3 * WEIR_SCHEMA_DEPTH_MAX)

/* --- what is wrong, and where ----------------------------------------------------------------- */

static const struct wr_js_document *document_of(const struct wr_json_schema *s, size_t at)
{
	uint32_t i = 0;
	while (i + 1 < s->document_count && at >= s->documents[i].at.end)
		i++;
	return &s->documents[i];
}

char *wr_js_schema_path(const struct wr_json_schema *s, size_t at, char *to, size_t to_bytes)
{
	const struct wr_js_document *d = document_of(s, at);
	int n = 0;
	if (d->name.end > d->name.start && to_bytes > 32)
		n = snprintf(to, to_bytes / 2, "%.*s#", (int)(d->name.end - d->name.start),
			     (const char *)s->text + d->name.start);
	size_t used = n < 0 ? 0 : (size_t)n < to_bytes / 2 ? (size_t)n : to_bytes / 2 - 1;
	wr_js_path(s->text + d->at.start, d->at.end - d->at.start, at - d->at.start, to + used,
		   to_bytes - used);
	return to;
}

int wr_js_wrong(struct wr_js_parser *p, int code, uint32_t at, const char *format, ...)
{
	const struct wr_js_document *d = document_of(p->s, at);
	struct wr_json j;
	uint32_t line, column;
	va_list arguments;
	if (p->problem == NULL)
		return code;
	p->problem->code = code;
	wr_js_schema_path(p->s, at, p->problem->field, sizeof p->problem->field);
	wr_json_init(&j, p->s->text + d->at.start, d->at.end - d->at.start, 0);
	wr_json_place(&j, at - d->at.start, &line, &column);
	int n = snprintf(p->problem->text, sizeof p->problem->text, "line %u, column %u: ", line,
			 column);
	va_start(arguments, format);
	(void)vsnprintf(p->problem->text + n, sizeof p->problem->text - (size_t)n, format,
			arguments);
	va_end(arguments);
	return code;
}

/* --- tables ----------------------------------------------------------------------------------- */

static int reserve(struct wr_js_parser *p, void **table, uint32_t *capacity, uint32_t needed,
		   size_t element_bytes)
{
	int code = 0;
	while (code == 0 && *capacity < needed)
		code = wr_schema_grow(&p->schema->allocator, table, capacity, element_bytes,
				      TABLE_MAX);
	return code == 0 ? 0 : wr_js_wrong(p, code, 0, "%s", weir_strerror(code));
}

int wr_js_node_new(struct wr_js_parser *p, enum wr_js_kind kind, struct wr_schema_range at,
		   uint32_t *ret_node)
{
	struct wr_json_schema *s = p->s;
	void *nodes = s->nodes;
	int code = reserve(p, &nodes, &s->node_capacity, s->node_count + 1, sizeof *s->nodes);
	s->nodes = nodes;
	if (code != 0)
		return code;
	s->nodes[s->node_count] = (struct wr_js_node){
		.kind = (uint8_t)kind,
		.at = at,
		.least = WR_JS_NO_COUNT,
		.most = WR_JS_NO_COUNT,
		.target = WR_SCHEMA_NONE,
		.items = WR_SCHEMA_NONE,
	};
	*ret_node = s->node_count++;
	return 0;
}

int wr_js_list_new(struct wr_js_parser *p, uint32_t count, uint32_t *ret_first)
{
	struct wr_json_schema *s = p->s;
	void *lists = s->lists;
	int code = reserve(p, &lists, &s->list_capacity, s->list_count + count, sizeof *s->lists);
	s->lists = lists;
	*ret_first = s->list_count;
	s->list_count += code == 0 ? count : 0;
	return code;
}

int wr_js_properties_new(struct wr_js_parser *p, uint32_t count, uint32_t *ret_first)
{
	struct wr_json_schema *s = p->s;
	void *properties = s->properties;
	int code = reserve(p, &properties, &s->property_capacity, s->property_count + count,
			   sizeof *s->properties);
	s->properties = properties;
	*ret_first = s->property_count;
	s->property_count += code == 0 ? count : 0;
	return code;
}

/* --- values where they stand ------------------------------------------------------------------ */

void wr_js_json_at(const struct wr_json_schema *s, struct wr_schema_range at, struct wr_json *ret)
{
	wr_json_init(ret, s->text + at.start, at.end - at.start, WR_JSON_DEPTH_MAX);
	(void)wr_json_next(ret);
}

struct wr_schema_value wr_js_value_take(struct wr_json *j, uint32_t base)
{
	struct wr_schema_value value = {.token = j->token};
	value.at.start = base + (uint32_t)j->start;
	(void)wr_json_skip(j);
	value.at.end = base + (uint32_t)j->end;
	return value;
}

uint32_t wr_js_element_count(const struct wr_json_schema *s, struct wr_schema_range at)
{
	struct wr_json j;
	uint32_t count = 0;
	wr_js_json_at(s, at, &j);
	while (wr_json_next(&j) != WR_JSON_ARRAY_END && j.token != WR_JSON_OBJECT_END &&
	       j.token != WR_JSON_BAD && wr_json_skip(&j))
		count++;
	return count;
}

struct wr_decimal wr_js_decimal_at(const struct wr_json_schema *s, struct wr_schema_range at)
{
	return wr_decimal_of(s->text + at.start, at.end - at.start);
}

static int read_words(struct wr_js_parser *p, const struct wr_schema_value *object,
		      struct wr_js_words *ret)
{
	const char *reason = "";
	struct wr_json j;
	memset(ret, 0, sizeof *ret);
	ret->at = object->at;
	wr_js_json_at(p->s, object->at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		uint32_t name_at = object->at.start + (uint32_t)j.start;
		int name_bytes = (int)(j.end - j.start);
		const char *name = (const char *)j.text + j.start;
		enum wr_js_word word = wr_js_word_of(&j, &reason);
		(void)wr_json_next(&j);
		struct wr_schema_value value = wr_js_value_take(&j, object->at.start);
		if (word == WR_JS_REFUSED)
			return wr_js_wrong(p, -EINVAL, name_at, "%.*s is not supported: %s",
					   name_bytes < 80 ? name_bytes : 80, name, reason);
		if (word == WR_JS_ANNOTATION)
			continue;
		if (ret->of[word].token != WR_JSON_NONE)
			return wr_js_wrong(p, -EINVAL, name_at,
					   "%.*s comes twice: readers differ on which counts",
					   name_bytes, name);
		ret->of[word] = value;
	}
	return 0;
}

/* --- a schema --------------------------------------------------------------------------------- */

static int link_node(struct wr_json_schema *s, uint32_t node)
{
	uint32_t *head = &s->heads[s->nodes[node].at.start & (s->head_count - 1)];
	s->next[s->nodes[node].at.start] = *head;
	*head = node + 1;
	return 0;
}

int wr_js_parse_list(struct wr_js_parser *p, const struct wr_schema_value *value,
		     uint32_t *ret_first, uint32_t *ret_count)
{
	struct wr_json j;
	uint32_t count = wr_js_element_count(p->s, value->at);
	int code = wr_js_list_new(p, count, ret_first);
	wr_js_json_at(p->s, value->at, &j);
	for (uint32_t i = 0; code == 0 && i < count; i++) {
		uint32_t node = 0;
		(void)wr_json_next(&j);
		struct wr_schema_value one = wr_js_value_take(&j, value->at.start);
		code = wr_js_parse_schema(p, &one, &node);
		if (code == 0)
			p->s->lists[*ret_first + i] = node;
	}
	*ret_count = count;
	return code;
}

static int parse_branches(struct wr_js_parser *p, const struct wr_js_words *words,
			  enum wr_js_word word, enum wr_js_kind kind, uint32_t *parts,
			  uint32_t *part_count)
{
	const struct wr_schema_value *value = &words->of[word];
	uint32_t first = 0, count = 0, node = 0;
	if (value->token == WR_JSON_NONE)
		return 0;
	if (value->token != WR_JSON_ARRAY || wr_js_element_count(p->s, value->at) == 0)
		return wr_js_wrong(p, -EINVAL, value->at.start,
				   "%s is an array of at least one schema", wr_js_word_text(word));
	int code = wr_js_parse_list(p, value, &first, &count);
	if (code == 0 && count > WR_JS_BRANCHES_MAX)
		return wr_js_wrong(p, WEIR_E_TOO_BIG, value->at.start,
				   "%s has more than %u branches", wr_js_word_text(word),
				   WR_JS_BRANCHES_MAX);
	if (code == 0)
		code = wr_js_node_new(p, kind, words->at, &node);
	if (code != 0)
		return code;
	p->s->nodes[node].first = first;
	p->s->nodes[node].count = count;
	parts[(*part_count)++] = node;
	return 0;
}

static int parse_values(struct wr_js_parser *p, const struct wr_js_words *words,
			enum wr_js_word word, enum wr_js_kind kind, uint32_t *parts,
			uint32_t *part_count)
{
	const struct wr_schema_value *value = &words->of[word];
	uint32_t node = 0;
	if (value->token == WR_JSON_NONE)
		return 0;
	if (word == WR_JS_WORD_ENUM &&
	    (value->token != WR_JSON_ARRAY || wr_js_element_count(p->s, value->at) == 0))
		return wr_js_wrong(p, -EINVAL, value->at.start,
				   "enum is an array of at least one value");
	if (word == WR_JS_WORD_REF && value->token != WR_JSON_STRING)
		return wr_js_wrong(p, -EINVAL, value->at.start, "$ref is a string");
	int code = wr_js_node_new(p, kind, words->at, &node);
	if (code != 0)
		return code;
	p->s->nodes[node].values = value->at;
	parts[(*part_count)++] = node;
	return 0;
}

static int parse_not(struct wr_js_parser *p, const struct wr_js_words *words, uint32_t *parts,
		     uint32_t *part_count)
{
	uint32_t node = 0, target = 0;
	if (words->of[WR_JS_WORD_NOT].token == WR_JSON_NONE)
		return 0;
	int code = wr_js_parse_schema(p, &words->of[WR_JS_WORD_NOT], &target);
	if (code == 0)
		code = wr_js_node_new(p, WR_JS_NOT, words->at, &node);
	if (code != 0)
		return code;
	p->s->nodes[node].target = target;
	parts[(*part_count)++] = node;
	return 0;
}

/* $defs, definitions: nothing by themselves, references lead there. */
static int parse_definitions(struct wr_js_parser *p, const struct wr_schema_value *value)
{
	struct wr_json j;
	uint32_t node;
	if (value->token == WR_JSON_NONE)
		return 0;
	if (value->token != WR_JSON_OBJECT)
		return wr_js_wrong(p, -EINVAL, value->at.start, "an object of schemas is expected");
	wr_js_json_at(p->s, value->at, &j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		(void)wr_json_next(&j);
		struct wr_schema_value one = wr_js_value_take(&j, value->at.start);
		int code = wr_js_parse_schema(p, &one, &node);
		if (code != 0)
			return code;
	}
	return 0;
}

/* Draft 7 says that what stands beside $ref is ignored: what would constrain is refused instead. */
static int check_beside_ref(struct wr_js_parser *p, const struct wr_js_words *words)
{
	if (words->of[WR_JS_WORD_REF].token == WR_JSON_NONE || p->document->is_2020)
		return 0;
	for (uint32_t i = 0; i < WR_JS_WORDS; i++)
		if (words->of[i].token != WR_JSON_NONE && i != WR_JS_WORD_REF &&
		    i != WR_JS_WORD_DEFAULT && i != WR_JS_WORD_DEFS &&
		    i != WR_JS_WORD_DEFINITIONS && i != WR_JS_WORD_SCHEMA && i != WR_JS_WORD_ID)
			return wr_js_wrong(p, -EINVAL, words->of[i].at.start,
					   "draft 7 ignores %s beside $ref: put the two into an "
					   "allOf, or say 2020-12 in $schema",
					   wr_js_word_text((enum wr_js_word)i));
	return 0;
}

static int check_head(struct wr_js_parser *p, const struct wr_js_words *words)
{
	bool is_root = p->depth == 1;
	for (uint32_t i = WR_JS_WORD_SCHEMA; i <= WR_JS_WORD_ID; i++) {
		const struct wr_schema_value *value = &words->of[i];
		if (value->token == WR_JSON_NONE)
			continue;
		if (!is_root)
			return wr_js_wrong(p, -EINVAL, value->at.start,
					   "%s inside a document is not supported: references are "
					   "told from the document as a whole",
					   wr_js_word_text((enum wr_js_word)i));
		if (value->token != WR_JSON_STRING)
			return wr_js_wrong(p, -EINVAL, value->at.start, "%s is a string",
					   wr_js_word_text((enum wr_js_word)i));
	}
	return check_beside_ref(p, words);
}

static int parse_parts(struct wr_js_parser *p, const struct wr_js_words *words, uint32_t *parts,
		       uint32_t *part_count)
{
	static const struct {
		enum wr_js_word word;
		enum wr_js_kind kind;
	} values[] = {{WR_JS_WORD_REF, WR_JS_REF},
		      {WR_JS_WORD_ENUM, WR_JS_ENUM},
		      {WR_JS_WORD_CONST, WR_JS_CONST}},
	  branches[] = {{WR_JS_WORD_ALL_OF, WR_JS_ALL_OF},
			{WR_JS_WORD_ANY_OF, WR_JS_ANY_OF},
			{WR_JS_WORD_ONE_OF, WR_JS_ONE_OF}};
	int code = check_head(p, words);
	for (size_t i = 0; code == 0 && i < WR_ARRAY_COUNT(values); i++)
		code = parse_values(p, words, values[i].word, values[i].kind, parts, part_count);
	for (size_t i = 0; code == 0 && i < WR_ARRAY_COUNT(branches); i++)
		code = parse_branches(p, words, branches[i].word, branches[i].kind, parts,
				      part_count);
	if (code == 0)
		code = parse_not(p, words, parts, part_count);
	if (code == 0)
		code = wr_js_parse_types(p, words, parts, part_count);
	if (code == 0)
		code = parse_definitions(p, &words->of[WR_JS_WORD_DEFS]);
	if (code == 0)
		code = parse_definitions(p, &words->of[WR_JS_WORD_DEFINITIONS]);
	return code;
}

static int parse_object(struct wr_js_parser *p, const struct wr_schema_value *value,
			uint32_t *ret_node)
{
	uint32_t parts[PARTS_MAX], part_count = 0, first = 0;
	struct wr_js_words words;
	int code = read_words(p, value, &words);
	if (code == 0)
		code = parse_parts(p, &words, parts, &part_count);
	if (code != 0)
		return code;
	*ret_node = parts[0];
	if (part_count != 1)
		code = wr_js_node_new(p, part_count == 0 ? WR_JS_ANY : WR_JS_ALL_OF, value->at,
				      ret_node);
	if (code == 0 && part_count > 1)
		code = wr_js_list_new(p, part_count, &first);
	if (code != 0)
		return code;
	struct wr_js_node *node = &p->s->nodes[*ret_node];
	if (part_count > 1) {
		memcpy(&p->s->lists[first], parts, part_count * sizeof *parts);
		node->first = first;
		node->count = part_count;
	}
	if (words.of[WR_JS_WORD_DEFAULT].token != WR_JSON_NONE)
		node->flags |= WR_JS_DEFAULT;
	return 0;
}

int wr_js_parse_schema(struct wr_js_parser *p, const struct wr_schema_value *value,
		       uint32_t *ret_node)
{
	int code;
	*ret_node = 0;
	if (p->depth == WEIR_SCHEMA_DEPTH_MAX)
		return wr_js_wrong(p, WEIR_E_TOO_BIG, value->at.start,
				   "schemas lie more than %u deep inside one another",
				   WEIR_SCHEMA_DEPTH_MAX);
	p->depth++;
	if (value->token == WR_JSON_OBJECT)
		code = parse_object(p, value, ret_node);
	else if (value->token == WR_JSON_TRUE || value->token == WR_JSON_FALSE)
		code = wr_js_node_new(p, value->token == WR_JSON_TRUE ? WR_JS_ANY : WR_JS_NEVER,
				      value->at, ret_node);
	else
		code = wr_js_wrong(p, -EINVAL, value->at.start,
				   "a schema is an object, true or false");
	p->depth--;
	return code == 0 ? link_node(p->s, *ret_node) : code;
}

/* --- texts ------------------------------------------------------------------------------------ */

static int look_at(const void *text, size_t bytes, struct weir_problem *problem)
{
	struct wr_json j;
	char why[256];
	if (bytes > WEIR_SCHEMA_TEXT_BYTES_MAX)
		return wr_schema_wrong_before(problem, WEIR_E_TOO_BIG,
					      "the text of a schema is at most 1 MiB long");
	wr_json_init(&j, text, bytes, TEXT_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END && j.token != WR_JSON_BAD)
		;
	if (j.token == WR_JSON_END)
		return 0;
	wr_json_explain(&j, why, sizeof why);
	return wr_schema_wrong_before(problem,
				      j.error == WR_JSON_E_DEPTH ? WEIR_E_TOO_BIG : -EINVAL, why);
}

static struct weir_schema *create(size_t bytes, uint32_t document_count,
				  const struct weir_allocator *allocator)
{
	struct weir_schema *schema = wr_schema_alloc(allocator, sizeof *schema);
	if (schema == NULL)
		return NULL;
	schema->allocator = *allocator;
	schema->block_bytes = sizeof *schema;
	struct wr_json_schema *s = schema->json = wr_schema_alloc(allocator, sizeof *s);
	if (s != NULL) {
		s->text_bytes = (uint32_t)bytes;
		s->head_count = (uint32_t)wr_power_of_two_above(bytes / 16 + 8);
		s->document_count = document_count;
		s->text = wr_schema_alloc(allocator, bytes + 1);
		s->next = wr_schema_alloc(allocator, (bytes + 1) * sizeof *s->next);
		s->heads = wr_schema_alloc(allocator, s->head_count * sizeof *s->heads);
		s->documents = wr_schema_alloc(allocator, document_count * sizeof *s->documents);
	}
	if (s != NULL && s->text != NULL && s->next != NULL && s->heads != NULL &&
	    s->documents != NULL)
		return schema;
	wr_json_schema_free(schema);
	return NULL;
}

static struct wr_schema_range put_text(struct wr_json_schema *s, uint32_t *at, const void *text,
				       size_t bytes)
{
	struct wr_schema_range range = {*at, *at + (uint32_t)bytes};
	if (bytes > 0)
		memcpy(s->text + *at, text, bytes);
	*at += (uint32_t)bytes;
	return range;
}

/* Draft 7 where nothing is said; others than the two are refused. */
static int read_dialect(struct wr_js_parser *p, struct wr_js_document *d)
{
	static const struct {
		const char *uri;
		bool is_2020;
	} known[] = {
		{"http://json-schema.org/draft-07/schema", false},
		{"http://json-schema.org/draft-07/schema#", false},
		{"https://json-schema.org/draft-07/schema", false},
		{"https://json-schema.org/draft-07/schema#", false},
		{"https://json-schema.org/draft/2020-12/schema", true},
		{"https://json-schema.org/draft/2020-12/schema#", true},
	};
	struct wr_json j;
	wr_js_json_at(p->s, d->at, &j);
	if (j.token != WR_JSON_OBJECT)
		return 0;
	while (wr_json_next(&j) == WR_JSON_NAME) {
		bool is_it = wr_json_equals(&j, "$schema", 7);
		(void)wr_json_next(&j);
		for (size_t i = 0; is_it && j.token == WR_JSON_STRING; i++) {
			if (i == WR_ARRAY_COUNT(known))
				return wr_js_wrong(p, -EINVAL, d->at.start + (uint32_t)j.start,
						   "this draft is not supported: say draft-07 or "
						   "2020-12");
			if (!wr_json_equals(&j, known[i].uri, strlen(known[i].uri)))
				continue;
			d->is_2020 = known[i].is_2020;
			break;
		}
		(void)wr_json_skip(&j);
	}
	return 0;
}

static int parse_documents(struct wr_js_parser *p)
{
	int code = 0;
	for (uint32_t i = 0; code == 0 && i < p->s->document_count; i++) {
		struct wr_js_document *d = &p->s->documents[i];
		struct wr_json j;
		uint32_t root = 0;
		p->document = d;
		code = read_dialect(p, d);
		wr_js_json_at(p->s, d->at, &j);
		struct wr_schema_value value = wr_js_value_take(&j, d->at.start);
		if (code == 0)
			code = wr_js_parse_schema(p, &value, &root);
		if (i == 0)
			p->schema->root = root;
	}
	if (code == 0)
		code = wr_js_refs_follow(p);
	return code;
}

static int parse_texts(struct weir_schema *schema, const void *text, size_t text_bytes,
		       const struct wr_js_part *parts, uint32_t part_count,
		       struct weir_problem *problem)
{
	struct wr_json_schema *s = schema->json;
	struct wr_js_parser p = {.schema = schema, .s = s, .problem = problem};
	uint32_t at = 0;
	s->documents[0].at = put_text(s, &at, text, text_bytes);
	for (uint32_t i = 0; i < part_count; i++)
		s->documents[i + 1].at = put_text(s, &at, parts[i].text, parts[i].text_bytes);
	for (uint32_t i = 0; i < part_count; i++)
		s->documents[i + 1].name = put_text(s, &at, parts[i].name, parts[i].name_bytes);
	int code = parse_documents(&p);
	if (code != 0)
		return code;
	code = wr_json_schema_canonical_make(schema);
	if (code != 0)
		return wr_schema_wrong_before(problem, code, "there is no memory for the schema");
	schema->fingerprint = wr_crc64_avro(WR_CRC64_AVRO_EMPTY, s->canonical, s->canonical_bytes);
	return 0;
}

int wr_json_schema_parse(const void *text, size_t text_bytes, const struct wr_js_part *parts,
			 uint32_t part_count, const struct weir_allocator *allocator,
			 struct weir_schema **ret_schema, struct weir_problem *reterr_problem)
{
	static const struct weir_allocator the_librarys = {NULL, NULL, NULL};
	size_t bytes = text_bytes;
	int code = look_at(text, text_bytes, reterr_problem);
	for (uint32_t i = 0; code == 0 && i < part_count; i++) {
		code = look_at(parts[i].text, parts[i].text_bytes, reterr_problem);
		bytes += parts[i].text_bytes + parts[i].name_bytes;
		if (code == 0 && bytes > 4 * (size_t)WEIR_SCHEMA_TEXT_BYTES_MAX)
			code = wr_schema_wrong_before(
				reterr_problem, WEIR_E_TOO_BIG,
				"with what it refers to the text is over 4 MiB long");
	}
	if (code != 0)
		return code;
	struct weir_schema *schema =
		create(bytes, part_count + 1, allocator != NULL ? allocator : &the_librarys);
	if (schema == NULL)
		return wr_schema_wrong_before(reterr_problem, -ENOMEM,
					      "there is no memory for the schema");
	code = parse_texts(schema, text, text_bytes, parts, part_count, reterr_problem);
	if (code != 0) {
		wr_json_schema_free(schema);
		return code;
	}
	*ret_schema = schema;
	return 0;
}

void wr_json_schema_free(struct weir_schema *schema)
{
	struct weir_allocator allocator = schema->allocator;
	const struct weir_allocator *a = &allocator;
	struct wr_json_schema *s = schema->json;
	if (s != NULL) {
		wr_schema_free(a, s->text, (size_t)s->text_bytes + 1);
		wr_schema_free(a, s->next, ((size_t)s->text_bytes + 1) * sizeof *s->next);
		wr_schema_free(a, s->heads, s->head_count * sizeof *s->heads);
		wr_schema_free(a, s->documents, s->document_count * sizeof *s->documents);
		wr_schema_free(a, s->nodes, s->node_capacity * sizeof *s->nodes);
		wr_schema_free(a, s->properties, s->property_capacity * sizeof *s->properties);
		wr_schema_free(a, s->lists, s->list_capacity * sizeof *s->lists);
		wr_schema_free(a, s->canonical, s->canonical_bytes);
		wr_schema_free(a, s, sizeof *s);
	}
	wr_schema_free(a, schema, sizeof *schema);
}
