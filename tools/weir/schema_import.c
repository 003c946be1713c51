/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another registry lists of its schemas, registered here with the same ids and versions:
 * [{"subject": ..., "version": ..., "id": ..., "schemaType": "AVRO" or "JSON", "schema": "...",
 *   "references": [{"name": ..., "subject": ..., "version": ...}]}, ...]
 * Members that are not known are passed over. Versions of a subject stand in their order; what is
 * referred to may stand behind who refers to it, as registries list by the names of subjects.
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
	bool is_done;
};

struct list {
	struct listed *rows;
	size_t count;
	size_t room;
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
	if (strlen(text) != bytes) /* a \u0000: neither a name nor a schema has one */
		*good = false;
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

static int check(const struct listed *l)
{
	if (!l->is_good || l->subject == NULL || l->text == NULL || l->id == 0 || l->version == 0) {
		fputs("weir: an element has no subject, version, id and schema: is this what a "
		      "registry lists?\n",
		      stderr);
		return CLI_EXIT_USAGE;
	}
	if (l->type != NULL && weir_schema_format_parse(l->type) < 0) {
		fprintf(stderr, "weir: %s version %u is %s: only AVRO and JSON can be imported\n",
			l->subject, (unsigned)l->version, l->type);
		return CLI_EXIT_USAGE;
	}
	return CLI_EXIT_OK;
}

static int take(struct weir_pipeline *p, const struct listed *l)
{
	struct weir_problem problem = {0};
	struct weir_schema_version version;
	struct weir_registration asks;
	weir_registration_init(&asks);
	asks.subject = l->subject;
	asks.text = l->text;
	asks.text_bytes = strlen(l->text);
	asks.references = l->references;
	asks.reference_count = l->reference_count;
	asks.id = (uint32_t)l->id;
	asks.version = (uint32_t)l->version;
	asks.unchecked = true;
	if (l->type != NULL)
		asks.format = (enum weir_schema_format)weir_schema_format_parse(l->type);
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

/* Whether it refers to a version that is still to come; or one of its subject before it is. */
static bool has_to_wait(const struct list *list, size_t which)
{
	const struct listed *l = &list->rows[which];
	for (size_t i = 0; i < list->count; i++) {
		const struct listed *other = &list->rows[i];
		if (other->is_done || i == which)
			continue;
		if (i < which && strcmp(other->subject, l->subject) == 0)
			return true;
		for (uint32_t k = 0; k < l->reference_count; k++)
			if (l->references[k].subject != NULL &&
			    l->references[k].version == other->version &&
			    strcmp(l->references[k].subject, other->subject) == 0)
				return true;
	}
	return false;
}

/* Round by round, until none is left, or all that are left wait for one another. */
static int take_all(struct weir_pipeline *p, struct list *list)
{
	size_t left = list->count, before;
	do {
		before = left;
		for (size_t i = 0; i < list->count; i++) {
			if (list->rows[i].is_done || has_to_wait(list, i))
				continue;
			int code = take(p, &list->rows[i]);
			if (code != CLI_EXIT_OK)
				return code;
			list->rows[i].is_done = true;
			left--;
		}
	} while (left > 0 && left < before);
	for (size_t i = 0; left > 0 && i < list->count; i++)
		if (!list->rows[i].is_done) {
			fprintf(stderr,
				"weir: %s version %u and %zu others wait for one another: versions "
				"of a subject out of order, or references in a circle\n",
				list->rows[i].subject, (unsigned)list->rows[i].version, left - 1);
			return CLI_EXIT_USAGE;
		}
	return CLI_EXIT_OK;
}

static struct listed *next_row(struct list *list)
{
	if (list->count == list->room) {
		size_t room = list->room == 0 ? 64 : list->room * 2;
		struct listed *rows = realloc(list->rows, room * sizeof *rows);
		if (rows == NULL)
			return NULL;
		list->rows = rows;
		list->room = room;
	}
	list->rows[list->count] = (struct listed){.is_good = true};
	return &list->rows[list->count++];
}

/* What is listed, but for what is deleted; nothing is registered before all of it was read. */
static int read_list(struct wr_json *j, struct list *list)
{
	int code = CLI_EXIT_OK;
	while (code == CLI_EXIT_OK && wr_json_next(j) != WR_JSON_ARRAY_END) {
		struct listed *l = next_row(list);
		if (l == NULL) {
			fputs("weir: there is no memory for the list\n", stderr);
			return CLI_EXIT_IO;
		}
		l->is_good = j->token == WR_JSON_OBJECT;
		read_listed(j, l);
		code = check(l);
		if (code == CLI_EXIT_OK && l->is_deleted) {
			listed_free(l);
			list->count--;
		}
	}
	return code;
}

int schema_import(struct weir_pipeline *p, const char *path)
{
	struct list list = {0};
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
	if (code == CLI_EXIT_OK)
		code = read_list(&j, &list);
	if (code == CLI_EXIT_OK)
		code = take_all(p, &list);
	for (size_t i = 0; i < list.count; i++)
		listed_free(&list.rows[i]);
	free(list.rows);
	free(text);
	return code;
}
