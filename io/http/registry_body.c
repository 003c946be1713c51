/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of requests: a schema to be registered, looked up or checked, and objects of one string.
 *
 * All of a body is read before anything of it is believed. What a registry of Confluent's may be
 * asked for and this one cannot do (other types than Avro and JSON, rules, metadata, an id of one's
 * own) is refused, and not left out.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/json/json_read.h"
#include "io/http/registry.h"

#define DEPTH_MAX 64u

struct reading {
	struct wr_http_request *r;
	struct wr_http_schema_body *to;
	struct wr_json j;
	size_t used;
	bool has_schema;
};

/* The whole body is one JSON object, or the answer says 400. */
static bool is_object(struct wr_http_request *r)
{
	struct wr_json j;
	char why[200];
	wr_json_init(&j, r->body, r->body_bytes, DEPTH_MAX);
	bool good = wr_json_next(&j) == WR_JSON_OBJECT;
	while (good && j.token != WR_JSON_END && j.token != WR_JSON_BAD)
		wr_json_next(&j);
	if (good && j.token == WR_JSON_END)
		return true;
	wr_http_fail(r, 400, "the body is no JSON object: %s",
		     j.token == WR_JSON_BAD ? wr_json_explain(&j, why, sizeof why)
					    : "it is something else");
	return false;
}

/* The current string, in the block and terminated. NULL: it is none, or has a 0 in it. */
static const char *take_text(struct reading *g, size_t *ret_bytes)
{
	char *to = g->to->block + g->used;
	if (g->j.token != WR_JSON_STRING)
		return NULL;
	/* Escapes only shrink: all strings of a body fit where the body would. */
	size_t bytes = wr_json_string(&g->j, to, g->r->body_bytes - g->used);
	to[bytes] = '\0';
	g->used += bytes + 1;
	*ret_bytes = bytes;
	return memchr(to, '\0', bytes) == NULL ? to : NULL;
}

static bool wrong(struct reading *g, const char *what)
{
	wr_http_fail(g->r, 42201, "Invalid schema: %s", what);
	return false;
}

static bool read_reference(struct reading *g)
{
	struct weir_registration *to = &g->to->registration;
	struct weir_schema_reference reference = {.name = NULL};
	size_t bytes;
	if (g->j.token != WR_JSON_OBJECT)
		return wrong(g, "a reference is an object of name, subject and version");
	if (to->reference_count == WEIR_SCHEMA_REFERENCES_MAX)
		return wrong(g, "a schema has at most 32 references");
	while (wr_json_next(&g->j) == WR_JSON_NAME) {
		struct wr_json name = g->j;
		int64_t n = 0;
		wr_json_next(&g->j);
		if (wr_json_equals(&name, "name", 4))
			reference.name = take_text(g, &bytes);
		else if (wr_json_equals(&name, "subject", 7))
			reference.subject = take_text(g, &bytes);
		else if (wr_json_equals(&name, "version", 7) && g->j.token == WR_JSON_NUMBER &&
			 wr_json_i64(&g->j, &n) && n > 0 && n <= INT32_MAX)
			reference.version = (uint32_t)n;
		else
			wr_json_skip(&g->j);
	}
	if (reference.name == NULL || reference.subject == NULL || reference.version == 0)
		return wrong(g, "a reference has a name, a subject and a version");
	g->to->references[to->reference_count++] = reference;
	return true;
}

static bool read_references(struct reading *g)
{
	if (g->j.token == WR_JSON_NULL)
		return true;
	if (g->j.token != WR_JSON_ARRAY)
		return wrong(g, "references are an array");
	g->to->registration.reference_count = 0;
	while (wr_json_next(&g->j) != WR_JSON_ARRAY_END)
		if (!read_reference(g))
			return false;
	return true;
}

static bool read_type(struct reading *g)
{
	size_t bytes;
	if (g->j.token == WR_JSON_NULL)
		return true;
	const char *name = take_text(g, &bytes);
	for (int i = 0;
	     name != NULL && weir_schema_format_name((enum weir_schema_format)i)[0] != '\0'; i++) {
		enum weir_schema_format format = (enum weir_schema_format)i;
		if (strcmp(name, weir_schema_format_name(format)) != 0)
			continue;
		g->to->registration.format = format;
		return true;
	}
	wr_http_fail(
		g->r, 42201,
		"Invalid schema type %.64s: this registry keeps AVRO (also if nothing is said) "
		"and JSON",
		name != NULL ? name : "(no string)");
	return false;
}

/* -1, 0 and null mean that there is none. */
static bool read_number(struct reading *g)
{
	int64_t n = 0;
	if (g->j.token == WR_JSON_NULL ||
	    (g->j.token == WR_JSON_NUMBER && wr_json_i64(&g->j, &n) && n <= 0))
		return true;
	wr_http_fail(g->r, 42205,
		     "Subject %.200s is not in import mode: ids and versions are given by the "
		     "registry (weir schema import takes those of another one)",
		     g->to->registration.subject);
	return false;
}

static bool read_unknown(struct reading *g, const struct wr_json *name)
{
	bool is_rules = wr_json_equals(name, "ruleSet", 7);
	if ((!is_rules && !wr_json_equals(name, "metadata", 8)) || g->j.token == WR_JSON_NULL) {
		wr_json_skip(&g->j);
		return true;
	}
	if (is_rules) {
		wr_http_fail(g->r, 42210, "rules are not kept by weir's registry");
		return false;
	}
	return wrong(g, "metadata are not kept by weir's registry");
}

static bool read_member(struct reading *g, const struct wr_json *name)
{
	struct weir_registration *to = &g->to->registration;
	if (wr_json_equals(name, "schema", 6)) {
		to->text = take_text(g, &to->text_bytes);
		g->has_schema = to->text != NULL;
		return g->has_schema || wrong(g, "the schema is a string of JSON");
	}
	if (wr_json_equals(name, "schemaType", 10))
		return read_type(g);
	if (wr_json_equals(name, "references", 10))
		return read_references(g);
	if (wr_json_equals(name, "id", 2) || wr_json_equals(name, "version", 7))
		return read_number(g);
	return read_unknown(g, name);
}

bool wr_http_schema_body_read(struct wr_http_request *r, const char *subject,
			      struct wr_http_schema_body *ret)
{
	struct reading g = {.r = r, .to = ret};
	bool good = is_object(r);
	if (!good)
		return false;
	weir_registration_init(&ret->registration);
	ret->registration.subject = subject;
	ret->registration.references = ret->references;
	ret->block = malloc(r->body_bytes + 1);
	if (ret->block == NULL) {
		wr_http_fail(r, 50001, "no memory");
		return false;
	}
	wr_json_init(&g.j, r->body, r->body_bytes, DEPTH_MAX);
	wr_json_next(&g.j);
	while (good && wr_json_next(&g.j) == WR_JSON_NAME) {
		struct wr_json name = g.j;
		wr_json_next(&g.j);
		good = read_member(&g, &name);
	}
	if (good && !g.has_schema)
		good = wrong(&g, "there is no schema");
	if (!good)
		wr_http_schema_body_free(ret);
	return good;
}

void wr_http_schema_body_free(struct wr_http_schema_body *body)
{
	free(body->block);
	body->block = NULL;
}

bool wr_http_member_read(struct wr_http_request *r, const char *name, char *to, size_t to_bytes)
{
	struct wr_json j;
	bool found = false;
	if (!is_object(r))
		return false;
	wr_json_init(&j, r->body, r->body_bytes, DEPTH_MAX);
	wr_json_next(&j);
	while (wr_json_next(&j) == WR_JSON_NAME) {
		bool is_it = wr_json_equals(&j, name, strlen(name));
		wr_json_next(&j);
		if (is_it && j.token == WR_JSON_STRING) {
			size_t bytes = wr_json_string(&j, NULL, 0);
			found = bytes < to_bytes;
			if (found) {
				(void)wr_json_string(&j, to, to_bytes);
				to[bytes] = '\0';
			}
		}
		wr_json_skip(&j);
	}
	if (!found)
		to[0] = '\0';
	return true;
}
