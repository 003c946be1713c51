/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of a journal that no process has open. What is listed as JSON is what the REST
 * interface of Confluent's registry lists of its schemas, and can be imported again.
 *
 * Thread: main.
 */
#include "tools/weir/schema_registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/pipeline.h>
#include <weir/registry.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/owned.h"
#include "tools/weir/schema_file.h"

static struct {
	uint64_t version;
	const char *set;
	unsigned format;
	unsigned listed;
	struct cli_strings references;
	bool deleted;
	bool for_good;
	bool dry_run;
	bool json;
	struct owned_limits limits;
} choices;

static const char *const listed_formats[] = {"all", "avro", "json", NULL};

static const struct cli_option register_options[] = {
	{.name = "format",
	 .type = CLI_ENUM,
	 .target = &choices.format,
	 .choices = schema_file_formats,
	 .fallback = "avro",
	 .help = "of the schema: json is JSON Schema"},
	{.name = "reference",
	 .type = CLI_STRINGS,
	 .target = &choices.references,
	 .value_name = "N=S:V",
	 .help = "what the schema calls N is version V of subject S; several times"},
	{.name = "dry-run",
	 .type = CLI_FLAG,
	 .target = &choices.dry_run,
	 .help = "say whether it would be registered, and leave it"},
	OWNED_OPTIONS(choices.limits),
};

static const struct cli_option ls_options[] = {
	{.name = "deleted",
	 .type = CLI_FLAG,
	 .target = &choices.deleted,
	 .help = "what is deleted, too"},
	{.name = "format",
	 .type = CLI_ENUM,
	 .target = &choices.listed,
	 .choices = listed_formats,
	 .fallback = "all",
	 .help = "only schemas of this format"},
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option show_options[] = {
	{.name = "version",
	 .type = CLI_NUMBER,
	 .target = &choices.version,
	 .min = 1,
	 .max = UINT32_MAX,
	 .value_name = "N",
	 .help = "this one, also if it is deleted; without it the newest"},
	OWNED_OPTIONS(choices.limits),
};

static const struct cli_option delete_options[] = {
	{.name = "version",
	 .type = CLI_NUMBER,
	 .target = &choices.version,
	 .min = 1,
	 .max = UINT32_MAX,
	 .value_name = "N",
	 .help = "this one; without it all of the subject"},
	{.name = "for-good",
	 .type = CLI_FLAG,
	 .target = &choices.for_good,
	 .help = "what is deleted already: no new event may have it"},
	OWNED_OPTIONS(choices.limits),
};

static const struct cli_option level_options[] = {
	{.name = "set",
	 .type = CLI_STRING,
	 .target = &choices.set,
	 .value_name = "L",
	 .help = "the new level; of a subject also \"default\": that of all"},
	OWNED_OPTIONS(choices.limits),
};

static const struct cli_option import_options[] = {
	OWNED_OPTIONS(choices.limits),
};

enum { REGISTER, LS, SHOW, DELETE, LEVEL, IMPORT, COMMANDS };

static const struct cli_command commands[COMMANDS] = {
	[REGISTER] = {.name = "schema register",
		      .arguments = "DIR SUBJECT FILE",
		      .summary = "Make the schema in FILE the next version of a subject.",
		      .description = "Exit code 8: its level forbids it, and it is said why.",
		      .options = register_options,
		      .option_count = WR_ARRAY_COUNT(register_options),
		      .arguments_min = 3,
		      .arguments_max = 3},
	[LS] = {.name = "schema ls",
		.arguments = "DIR [SUBJECT]",
		.summary = "List the versions of all subjects, or of one.",
		.options = ls_options,
		.option_count = WR_ARRAY_COUNT(ls_options),
		.arguments_min = 1,
		.arguments_max = 2},
	[SHOW] = {.name = "schema show",
		  .arguments = "DIR SUBJECT",
		  .summary = "Print the schema of a version.",
		  .options = show_options,
		  .option_count = WR_ARRAY_COUNT(show_options),
		  .arguments_min = 2,
		  .arguments_max = 2},
	[DELETE] = {.name = "schema delete",
		    .arguments = "DIR SUBJECT",
		    .summary = "Delete a version, or a subject: a mark first, then for good.",
		    .options = delete_options,
		    .option_count = WR_ARRAY_COUNT(delete_options),
		    .arguments_min = 2,
		    .arguments_max = 2},
	[LEVEL] = {.name = "schema level",
		   .arguments = "DIR [SUBJECT]",
		   .summary = "Print or set the level of a subject, or of all others.",
		   .options = level_options,
		   .option_count = WR_ARRAY_COUNT(level_options),
		   .arguments_min = 1,
		   .arguments_max = 2},
	[IMPORT] =
		{.name = "schema import",
		 .arguments = "DIR FILE",
		 .summary = "Register what another registry lists, with its ids and versions.",
		 .description =
			 "FILE is what weir schema ls --json prints, or GET /schemas of "
			 "Confluent's\nregistry; - is standard input. What is there already stays "
			 "as it is. No level\nis looked at: it was accepted elsewhere.",
		 .options = import_options,
		 .option_count = WR_ARRAY_COUNT(import_options),
		 .arguments_min = 2,
		 .arguments_max = 2},
};

static int failed(const char *what, int code, const struct weir_problem *problem)
{
	return cli_fail(what, code, problem->text[0] != '\0' ? problem : NULL);
}

/* One obstacle may stand in the way of several older versions, and either way. */
static void tell(void *context, const struct weir_schema_issue *issue)
{
	(void)context;
	printf("  %s %s: %s (live version %u, counted from the oldest, %s)\n",
	       weir_schema_issue_name(issue->kind), issue->path, issue->message,
	       issue->version_index + 1, issue->is_forward ? "reads it" : "is read with it");
	printf("    why: %s\n", issue->explanation);
	printf("    fix: %s\n", issue->fix);
}

_Static_assert(CLI_STRINGS_MAX <= WEIR_SCHEMA_REFERENCES_MAX, "read_references()");

/* NAME=SUBJECT:VERSION. Each is cut off where it ends; the name may have both signs in it. */
static bool reference_of(char *text, struct weir_schema_reference *ret)
{
	char *sign = strrchr(text, '='), *colon = sign != NULL ? strrchr(sign, ':') : NULL, *end;
	if (sign == NULL || sign == text || colon == NULL || colon == sign + 1 || colon[1] < '1' ||
	    colon[1] > '9')
		return false;
	unsigned long version = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || version > UINT32_MAX)
		return false;
	*sign = *colon = '\0';
	*ret = (struct weir_schema_reference){
		.name = text, .subject = sign + 1, .version = (uint32_t)version};
	return true;
}

/* Into `to`, which has room for WEIR_SCHEMA_REFERENCES_MAX. The texts are in *ret_block. */
static int read_references(struct weir_schema_reference *to, char **ret_block)
{
	const struct cli_strings *given = &choices.references;
	size_t bytes = 1, at = 0;
	for (uint32_t i = 0; i < given->count; i++)
		bytes += strlen(given->items[i]) + 1;
	char *block = *ret_block = malloc(bytes);
	if (block == NULL)
		return cli_fail("--reference", -ENOMEM, NULL);
	for (uint32_t i = 0; i < given->count; i++) {
		size_t one = strlen(given->items[i]) + 1;
		memcpy(block + at, given->items[i], one);
		if (!reference_of(block + at, &to[i]))
			return cli_usage(&commands[REGISTER],
					 "--reference %s: NAME=SUBJECT:VERSION was expected",
					 given->items[i]);
		at += one;
	}
	return CLI_EXIT_OK;
}

static int register_text(struct weir_pipeline *p, const struct weir_registration *asks,
			 const char *path)
{
	struct weir_problem problem = {0};
	struct weir_schema_version version = {0};
	int rc = choices.dry_run ? weir_registry_check(p, asks, tell, NULL, &problem)
				 : weir_registry_register(p, asks, &version, tell, NULL, &problem);
	if (rc == WEIR_E_INCOMPATIBLE || (choices.dry_run && rc == 0)) {
		printf("NOT compatible: %s by the level of %s\n", path, asks->subject);
		return CLI_EXIT_SCHEMA;
	}
	if (rc < 0)
		return failed(path, rc, &problem);
	if (choices.dry_run)
		printf("compatible: %s by the level of %s\n", path, asks->subject);
	else
		printf("%s version %u id %u\n", version.subject, version.version, version.id);
	return CLI_EXIT_OK;
}

static int run_register(struct weir_pipeline *p, int count, char **arguments)
{
	struct weir_schema_reference references[WEIR_SCHEMA_REFERENCES_MAX];
	struct weir_registration asks;
	char *block = NULL, *text = NULL;
	int code = read_references(references, &block);
	size_t bytes;
	(void)count;
	if (code == CLI_EXIT_OK)
		text = schema_file_text(arguments[2], &bytes, &code);
	if (text == NULL) {
		free(block);
		return code;
	}
	weir_registration_init(&asks);
	asks.subject = arguments[1];
	asks.text = text;
	asks.text_bytes = bytes;
	asks.format = choices.format == 1 ? WEIR_SCHEMA_FORMAT_JSON : WEIR_SCHEMA_FORMAT_AVRO;
	asks.references = references;
	asks.reference_count = (uint32_t)choices.references.count;
	code = register_text(p, &asks, arguments[2]);
	free(block);
	free(text);
	return code;
}

static void json_version(struct weir_pipeline *p, struct json_out *j,
			 const struct weir_schema_version *v)
{
	struct weir_schema_reference reference;
	size_t bytes;
	json_object(j, NULL);
	json_text(j, "subject", v->subject);
	json_u64(j, "version", v->version);
	json_u64(j, "id", v->id);
	json_text(j, "schemaType", weir_schema_format_name(v->format));
	json_array(j, "references");
	for (uint32_t i = 0; weir_registry_reference(p, v, i, &reference, &bytes) == 0; i++) {
		json_object(j, NULL);
		json_text_n(j, "name", reference.name, bytes);
		json_text(j, "subject", reference.subject);
		json_u64(j, "version", reference.version);
		json_close(j);
	}
	json_close(j);
	json_text_n(j, "schema", v->text, v->text_bytes);
	if (v->state != WEIR_SCHEMA_LIVE)
		json_bool(j, "deleted", true);
	json_close(j);
}

static int run_ls(struct weir_pipeline *p, int count, char **arguments)
{
	static const char *const states[] = {"", ", deleted", ", deleted for good"};
	struct weir_schema_version v;
	struct json_out j;
	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_array(&j, NULL);
	}
	for (uint32_t i = 0; weir_registry_at(p, i, &v) == 0; i++) {
		if ((count > 1 && strcmp(arguments[1], v.subject) != 0) ||
		    (v.state != WEIR_SCHEMA_LIVE && !choices.deleted) ||
		    (choices.listed != 0 && choices.listed != 1u + (unsigned)v.format))
			continue;
		if (choices.json)
			json_version(p, &j, &v);
		else
			printf("%s version %u id %u, %zu bytes%s%s\n", v.subject, v.version, v.id,
			       v.text_bytes, v.format == WEIR_SCHEMA_FORMAT_JSON ? ", JSON" : "",
			       states[v.state]);
	}
	if (!choices.json)
		return CLI_EXIT_OK;
	json_close(&j);
	return json_end(&j) < 0 ? CLI_EXIT_IO : CLI_EXIT_OK;
}

static int run_show(struct weir_pipeline *p, int count, char **arguments)
{
	struct weir_schema_version v;
	int rc = weir_registry_version(p, arguments[1], (uint32_t)choices.version, &v);
	(void)count;
	if (rc != 0) {
		fprintf(stderr, "weir: there is no such version of \"%s\" in this journal\n",
			arguments[1]);
		return CLI_EXIT_NOT_FOUND;
	}
	printf("%.*s\n", (int)v.text_bytes, v.text);
	return CLI_EXIT_OK;
}

static int run_delete(struct weir_pipeline *p, int count, char **arguments)
{
	struct weir_problem problem = {0};
	int rc = weir_registry_delete(p, arguments[1], (uint32_t)choices.version, choices.for_good,
				      &problem);
	(void)count;
	return rc == 0 ? CLI_EXIT_OK : failed(arguments[1], rc, &problem);
}

static int run_level(struct weir_pipeline *p, int count, char **arguments)
{
	const char *subject = count > 1 ? arguments[1] : NULL;
	struct weir_problem problem = {0};
	bool own = true;
	if (choices.set != NULL) {
		int level = subject != NULL && strcmp(choices.set, "default") == 0
				    ? WEIR_SCHEMA_LEVEL_OF_ALL
				    : weir_schema_level_parse(choices.set);
		if (level < 0 && level != WEIR_SCHEMA_LEVEL_OF_ALL)
			return cli_usage(&commands[LEVEL], "there is no level \"%s\"", choices.set);
		int rc = weir_registry_level_set(p, subject, level, &problem);
		if (rc != 0)
			return failed(arguments[0], rc, &problem);
	}
	int level = weir_registry_level(p, subject, &own);
	if (level < 0) {
		fprintf(stderr, "weir: there is no subject \"%s\" in this journal\n",
			subject != NULL ? subject : "");
		return CLI_EXIT_NOT_FOUND;
	}
	printf("%s%s\n", weir_schema_level_name((enum weir_schema_level)level),
	       subject != NULL && !own ? " (of all)" : "");
	return CLI_EXIT_OK;
}

static int run_import(struct weir_pipeline *p, int count, char **arguments)
{
	(void)count;
	return schema_import(p, arguments[1]);
}

bool schema_registry_command(int argc, char **argv, int *ret_exit_code)
{
	static int (*const runs[COMMANDS])(struct weir_pipeline * p, int count,
					   char **arguments) = {
		run_register, run_ls, run_show, run_delete, run_level, run_import};
	struct weir_pipeline *p;
	int first = 0;

	for (int i = 0; argc >= 2 && i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name + strlen("schema ")) != 0)
			continue;
		memset(&choices, 0, sizeof choices);
		int code = cli_parse(&commands[i], argc - 1, argv + 1, &first);
		char **arguments = argv + 1 + first;
		if (code == CLI_GO_ON)
			code = owned_open(arguments[0], &choices.limits, &p);
		if (code == CLI_GO_ON)
			code = owned_close(p, arguments[0],
					   runs[i](p, argc - 1 - first, arguments));
		*ret_exit_code = code;
		return true;
	}
	return false;
}
