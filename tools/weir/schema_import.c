/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another registry lists of its schemas, registered here with the same ids and versions:
 * [{"subject": ..., "version": ..., "id": ..., "schemaType": "AVRO", "schema": "...",
 *   "references": [{"name": ..., "subject": ..., "version": ...}]}, ...]
 * Members that are not known are passed over. What is referred to stands before who refers to it,
 * as a registry lists it by id.
 *
 * Thread: main.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/registry.h>

#include "core/json/json_read.h"
#include "tools/weir/args.h"
#include "tools/weir/schema_file.h"
#include "tools/weir/schema_registry.h"

#define FILE_BYTES_MAX (256u << 20)

struct listed {
	char *subject;
	char *type;
	char *text;
	uint64_t id;
	uint64_t version;
	bool is_deleted;
	struct weir_schema_reference references[WEIR_SCHEMA_REFERENCES_MAX];
	uint32_t reference_count;
	bool is_good;
};

static char *text_of(struct wr_json *j, bool *good)
{
	size_t bytes;
	char *text;
	if (j->token != WR_JSON_STRING) {
		*good = false;
		return NULL;
	}
	bytes = wr_json_string(j, NULL, 0);
	text = malloc(bytes + 1);
	if (text == NULL) {
		*good = false;
		return NULL;
	}
	wr_json_string(j, text, bytes);
	text[bytes] = '\0';
	return text;
}

static uint64_t number_of(struct wr_json *j, bool *good)
{
	uint64_t n = 0;
	if (j->token != WR_JSON_NUMBER || !wr_json_u64(j, &n) || n > UINT32_MAX)
		*good = false;
	return n;
}

static void put(char **to, char *text)
{
	free(*to);
	*to = text;
}

static void read_reference(struct wr_json *j, struct listed *l)
{
	char *name = NULL, *subject = NULL;
	uint64_t version = 0;
	if (j->token != WR_JSON_OBJECT || l->reference_count == WEIR_SCHEMA_REFERENCES_MAX) {
		l->is_good = false;
		return;
	}
	while (wr_json_next(j) == WR_JSON_NAME) {
		bool is_name = wr_json_equals(j, "name", 4);
		bool is_subject = wr_json_equals(j, "subject", 7);
		bool is_version = wr_json_equals(j, "version", 7);
		wr_json_next(j);
		if (is_name)
			put(&name, text_of(j, &l->is_good));
		else if (is_subject)
			put(&subject, text_of(j, &l->is_good));
		else if (is_version)
			version = number_of(j, &l->is_good);
		wr_json_skip(j);
	}
	l->references[l->reference_count++] = (struct weir_schema_reference){
		.name = name, .subject = subject, .version = (uint32_t)version};
}

static void read_references(struct wr_json *j, struct listed *l)
{
	if (j->token == WR_JSON_NULL)
		return;
	if (j->token != WR_JSON_ARRAY) {
		l->is_good = false;
		return;
	}
	while (l->is_good && wr_json_next(j) == WR_JSON_OBJECT)
		read_reference(j, l);
	l->is_good = l->is_good && j->token == WR_JSON_ARRAY_END;
}

static void read_listed(struct wr_json *j, struct listed *l)
{
	while (l->is_good && wr_json_next(j) == WR_JSON_NAME) {
		struct wr_json name = *j;
		wr_json_next(j);
		if (wr_json_equals(&name, "subject", 7))
			put(&l->subject, text_of(j, &l->is_good));
		else if (wr_json_equals(&name, "schemaType", 10))
			put(&l->type, text_of(j, &l->is_good));
		else if (wr_json_equals(&name, "schema", 6))
			put(&l->text, text_of(j, &l->is_good));
		else if (wr_json_equals(&name, "version", 7))
			l->version = number_of(j, &l->is_good);
		else if (wr_json_equals(&name, "id", 2))
			l->id = number_of(j, &l->is_good);
		else if (wr_json_equals(&name, "references", 10))
			read_references(j, l);
		else if (wr_json_equals(&name, "deleted", 7))
			l->is_deleted = j->token == WR_JSON_TRUE;
		else
			wr_json_skip(j);
	}
}

static void listed_free(struct listed *l)
{
	for (uint32_t i = 0; i < l->reference_count; i++) {
		free((char *)(uintptr_t)l->references[i].name);
		free((char *)(uintptr_t)l->references[i].subject);
	}
	free(l->subject);
	free(l->type);
	free(l->text);
}

static int take(struct weir_pipeline *p, const struct listed *l)
{
	struct weir_problem problem = {0};
	struct weir_schema_version version;
	struct weir_registration asks;
	if (!l->is_good || l->subject == NULL || l->text == NULL || l->id == 0 || l->version == 0) {
		fputs("weir: an element has no subject, version, id and schema: is this what a "
		      "registry lists?\n",
		      stderr);
		return CLI_EXIT_USAGE;
	}
	if (l->type != NULL && strcmp(l->type, "AVRO") != 0) {
		fprintf(stderr, "weir: %s version %u is %s: only Avro can be imported\n",
			l->subject, (unsigned)l->version, l->type);
		return CLI_EXIT_USAGE;
	}
	weir_registration_init(&asks);
	asks.subject = l->subject;
	asks.text = l->text;
	asks.text_bytes = strlen(l->text);
	asks.references = l->references;
	asks.reference_count = l->reference_count;
	asks.id = (uint32_t)l->id;
	asks.version = (uint32_t)l->version;
	asks.unchecked = true;
	int rc = weir_registry_register(p, &asks, &version, NULL, NULL, &problem);
	if (rc != 0) {
		fprintf(stderr, "weir: %s version %u:\n", l->subject, (unsigned)l->version);
		return cli_fail(l->subject, rc, problem.text[0] != '\0' ? &problem : NULL);
	}
	printf("%s version %u id %u\n", version.subject, version.version, version.id);
	return CLI_EXIT_OK;
}

/* All of it is JSON before anything is registered. */
static int check_whole(const char *path, const char *text, size_t bytes)
{
	struct wr_json j;
	char why[256];
	wr_json_init(&j, text, bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&j) != WR_JSON_ARRAY && j.token != WR_JSON_BAD) {
		fprintf(stderr, "weir: %s: an array of schemas was expected\n", path);
		return CLI_EXIT_USAGE;
	}
	while (wr_json_next(&j) != WR_JSON_END && j.token != WR_JSON_BAD)
		;
	if (j.token == WR_JSON_END)
		return CLI_EXIT_OK;
	fprintf(stderr, "weir: %s: %s\n", path, wr_json_explain(&j, why, sizeof why));
	return CLI_EXIT_USAGE;
}

static char *whole_file(const char *path, size_t *ret_bytes)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	size_t room = 65536, used = 0;
	char *text = file != NULL ? malloc(room) : NULL;
	while (text != NULL) {
		size_t n = fread(text + used, 1, room - used, file);
		used += n;
		if (n == 0 || used == FILE_BYTES_MAX)
			break;
		if (used < room)
			continue;
		char *more = realloc(text, room * 2);
		if (more == NULL)
			free(text);
		room *= 2;
		text = more;
	}
	if (text != NULL && ferror(file)) {
		free(text);
		text = NULL;
	}
	if (file != NULL && file != stdin)
		fclose(file);
	*ret_bytes = used;
	return text;
}

int schema_import(struct weir_pipeline *p, const char *path)
{
	struct wr_json j;
	size_t bytes;
	char *text = whole_file(path, &bytes);
	if (text == NULL) {
		fprintf(stderr, "weir: %s cannot be read\n", path);
		return CLI_EXIT_IO;
	}
	int code = check_whole(path, text, bytes);
	wr_json_init(&j, text, bytes, WR_JSON_DEPTH_MAX);
	(void)wr_json_next(&j);
	while (code == CLI_EXIT_OK && wr_json_next(&j) == WR_JSON_OBJECT) {
		struct listed listed = {.is_good = true};
		read_listed(&j, &listed);
		if (!listed.is_deleted)
			code = take(p, &listed);
		listed_free(&listed);
	}
	free(text);
	return code;
}
