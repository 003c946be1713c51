/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir schema check|fingerprint|diff|validate|decode|bench`, by <weir/schema.h>: for a person, and
 * for a job that must fail when a schema would break its readers. The rest is in schema_registry.c.
 *
 * Exit codes: 8 when the schemas are not compatible, 2 for what is no schema.
 *
 * Thread: main.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <weir/resolver.h>
#include <weir/schema.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/schema_decode.h"
#include "tools/weir/schema_diff.h"
#include "tools/weir/schema_file.h"
#include "tools/weir/schema_registry.h"

#define VERSIONS_MAX 1000
#define REGISTRY_WORDS "register|ls|show|delete|level|import"

/* One command line a process: the tables point here. */
static struct {
	const char *level;
	const char *writer;
	const char *reader;
	unsigned format;
	bool explain;
	bool json;
	bool canonical;
	bool prefix;
	bool avro_json;
	uint64_t seconds_ns;
	uint64_t work_max;
} choices;

#define OPTION_FORMAT                                                                              \
	{                                                                                          \
		.name = "format", .type = CLI_ENUM, .target = &choices.format,                     \
		.choices = schema_file_formats, .fallback = "avro",                                \
		.help = "of the schemas: json is JSON Schema"                                      \
	}

static const struct cli_option check_options[] = {
	{.name = "level",
	 .type = CLI_STRING,
	 .target = &choices.level,
	 .fallback = "BACKWARD",
	 .value_name = "L",
	 .help = "NONE, BACKWARD, FORWARD, FULL, each with _TRANSITIVE, or STRICT"},
	OPTION_FORMAT,
	{.name = "writer",
	 .type = CLI_STRING,
	 .target = &choices.writer,
	 .value_name = "FILE",
	 .help = "instead of versions: what was written with this schema ..."},
	{.name = "reader",
	 .type = CLI_STRING,
	 .target = &choices.reader,
	 .value_name = "FILE",
	 .help = "... is to be read with this one"},
	{.name = "explain",
	 .type = CLI_FLAG,
	 .target = &choices.explain,
	 .help = "what each issue means, and what to do about it"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option fingerprint_options[] = {
	{.name = "canonical",
	 .type = CLI_FLAG,
	 .target = &choices.canonical,
	 .help = "print the canonical form instead"},
	OPTION_FORMAT,
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option diff_options[] = {
	OPTION_FORMAT,
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option validate_options[] = {
	OPTION_FORMAT,
	{.name = "prefix",
	 .type = CLI_FLAG,
	 .target = &choices.prefix,
	 .help = "the data begin with a byte 0 and an id of 4 bytes"},
	{.name = "work-max",
	 .type = CLI_NUMBER,
	 .target = &choices.work_max,
	 .value_name = "N",
	 .help = "steps that one of JSON may cost [16777216, and one for each byte]"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option decode_options[] = {
	{.name = "writer",
	 .type = CLI_STRING,
	 .target = &choices.writer,
	 .value_name = "FILE",
	 .help = "the schema that the data were written with; needed"},
	{.name = "reader",
	 .type = CLI_STRING,
	 .target = &choices.reader,
	 .value_name = "FILE",
	 .help = "the schema to read them with; without it the same"},
	{.name = "prefix",
	 .type = CLI_FLAG,
	 .target = &choices.prefix,
	 .help = "the data begin with a byte 0 and an id of 4 bytes"},
	{.name = "avro-json",
	 .type = CLI_FLAG,
	 .target = &choices.avro_json,
	 .help = "Avro's own JSON: values of unions with the branch's name"},
};

static const struct cli_option bench_options[] = {
	{.name = "seconds",
	 .type = CLI_DURATION,
	 .target = &choices.seconds_ns,
	 .fallback = "3s",
	 .value_name = "N",
	 .help = "how long to measure"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command commands[] = {
	{.name = "schema check",
	 .arguments = "[OLD ... NEW]",
	 .summary = "May the schema in NEW follow those in OLD, the last of which is the newest?",
	 .description =
		 "BACKWARD: NEW reads what the last OLD wrote. FORWARD: the other way round.\n"
		 "FULL: both. _TRANSITIVE: with every OLD. STRICT: FULL_TRANSITIVE, no type\n"
		 "changes at all, and a field comes or goes only with a default.\n"
		 "Exit codes: 0 it may, 8 it may not, 2 a file holds no schema.",
	 .options = check_options,
	 .option_count = WR_ARRAY_COUNT(check_options),
	 .arguments_max = VERSIONS_MAX},
	{.name = "schema fingerprint",
	 .arguments = "FILE ...",
	 .summary = "Print the CRC-64-AVRO fingerprint of each schema's canonical form.",
	 .options = fingerprint_options,
	 .option_count = WR_ARRAY_COUNT(fingerprint_options),
	 .arguments_min = 1,
	 .arguments_max = VERSIONS_MAX},
	{.name = "schema diff",
	 .arguments = "OLD NEW",
	 .summary = "Print what changed from one schema to the other, and who can still read whom.",
	 .options = diff_options,
	 .option_count = WR_ARRAY_COUNT(diff_options),
	 .arguments_min = 2,
	 .arguments_max = 2},
	{.name = "schema decode",
	 .arguments = "DATA",
	 .summary = "Print a datum of Avro binary as JSON, as another schema sees it.",
	 .description = "DATA is a file with one datum, at most 1 MiB; - is standard input.\n"
			"Exit code 2: it is none, or the reader cannot read it.",
	 .options = decode_options,
	 .option_count = WR_ARRAY_COUNT(decode_options),
	 .arguments_min = 1,
	 .arguments_max = 1},
	{.name = "schema bench",
	 .summary = "Measure how many records of ten fields a core resolves in a second.",
	 .description =
		 "To the same schema, to a newer one (two fields wider, one not read, one with\n"
		 "a default), and to the same fields in another order. Seconds are those of its\n"
		 "CPU time.",
	 .options = bench_options,
	 .option_count = WR_ARRAY_COUNT(bench_options)},
	{.name = "schema validate",
	 .arguments = "SCHEMA DATA ...",
	 .summary = "Are the data what the schema says?",
	 .description =
		 "Each file is one payload, at most 1 MiB; - is standard input.\n"
		 "Exit codes: 0 all are, 8 one is not, and it is said why, 2 SCHEMA is none.",
	 .options = validate_options,
	 .option_count = WR_ARRAY_COUNT(validate_options),
	 .arguments_min = 2,
	 .arguments_max = VERSIONS_MAX},
};

/* --- check ------------------------------------------------------------------------------------ */

struct check {
	char **paths; /* of the versions; the last one is the new schema */
	struct weir_schema **schemas;
	int count;
	const char *writer; /* of the issue that is told */
	const char *reader;
	enum weir_schema_level level;
	bool is_pair; /* --writer and --reader */
	struct json_out json;
};

static void tell(void *context, const struct weir_schema_issue *issue)
{
	struct check *c = context;
	const char *kind = weir_schema_issue_name(issue->kind);

	if (!c->is_pair) {
		const char *old = c->paths[issue->version_index];
		const char *next = c->paths[c->count - 1];
		c->reader = issue->is_forward ? old : next;
		c->writer = issue->is_forward ? next : old;
	}
	if (choices.json) {
		json_object(&c->json, NULL);
		json_text(&c->json, "kind", kind);
		json_text(&c->json, "path", issue->path);
		json_text(&c->json, "message", issue->message);
		json_text(&c->json, "explanation", issue->explanation);
		json_text(&c->json, "fix", issue->fix);
		json_text(&c->json, "reader", c->reader);
		json_text(&c->json, "writer", c->writer);
		json_close(&c->json);
		return;
	}
	printf("  %s %s: %s\n", kind, issue->path, issue->message);
	if (!choices.explain)
		return;
	printf("    reader: %s, writer: %s\n", c->reader, c->writer);
	printf("    why: %s\n", issue->explanation);
	printf("    fix: %s\n", issue->fix);
}

static void begin(struct check *c)
{
	if (!choices.json)
		return;
	json_begin(&c->json, stdout, JSON_PRETTY);
	json_object(&c->json, NULL);
}

/* The verdict stands first, so it is found before the issues are told. */
static int ask(struct check *c, weir_schema_issue_fn *on_issue)
{
	if (c->is_pair)
		return weir_schema_can_read(c->schemas[1], c->schemas[0], on_issue, c);
	return weir_schema_may_follow(c->schemas[c->count - 1],
				      (const struct weir_schema *const *)c->schemas,
				      (uint32_t)c->count - 1, c->level, on_issue, c);
}

static void print_verdict(struct check *c, bool good)
{
	const char *next = c->paths[c->count - 1];
	const char *verdict = good ? "compatible" : "NOT compatible";

	if (choices.json) {
		json_bool(&c->json, "compatible", good);
		if (!c->is_pair)
			json_text(&c->json, "level", weir_schema_level_name(c->level));
		json_array(&c->json, "issues");
	} else if (c->is_pair) {
		printf("%s: %s %s what %s wrote\n", verdict, c->reader,
		       good ? "reads" : "cannot read", c->writer);
	} else {
		printf("%s: %s, %s, after %d earlier %s\n", verdict, next,
		       weir_schema_level_name(c->level), c->count - 1,
		       c->count == 2 ? "version" : "versions");
	}
}

static int too_much(int code)
{
	struct weir_problem problem = {.code = code};

	if (code == WEIR_E_TOO_BIG)
		snprintf(problem.text, sizeof problem.text,
			 "there is more to compare than the limits allow: smaller schemas, or "
			 "fewer values and branches");
	return cli_fail("schema check", code, &problem);
}

static int judge(struct check *c)
{
	int good = ask(c, NULL);

	if (good < 0)
		return too_much(good);
	begin(c);
	print_verdict(c, good == 1);
	if (good == 0)
		good = ask(c, tell);
	if (choices.json && json_end(&c->json) < 0)
		return CLI_EXIT_IO;
	if (good < 0)
		return too_much(good);
	return good == 1 ? CLI_EXIT_OK : CLI_EXIT_SCHEMA;
}

static int check_files(struct check *c)
{
	int exit_code = CLI_EXIT_OK;

	c->schemas = calloc((size_t)c->count, sizeof(struct weir_schema *));
	if (c->schemas == NULL)
		return cli_fail("schema check", -ENOMEM, NULL);
	for (int i = 0; i < c->count && exit_code == CLI_EXIT_OK; i++)
		c->schemas[i] = schema_file_read(c->paths[i], schema_file_flags(choices.format),
						 &exit_code);
	if (exit_code == CLI_EXIT_OK)
		exit_code = judge(c);
	for (int i = 0; i < c->count; i++)
		weir_schema_free(c->schemas[i]);
	free(c->schemas);
	return exit_code;
}

static int run_check(int argc, char **argv)
{
	const struct cli_command *command = &commands[0];
	struct check c = {.paths = argv, .count = argc};
	int level = weir_schema_level_parse(choices.level);

	if (level < 0)
		return cli_usage(command, "there is no level \"%s\"", choices.level);
	c.level = (enum weir_schema_level)level;
	if (choices.writer == NULL && choices.reader == NULL) {
		if (argc < 1)
			return cli_usage(command, "no file: give the versions, the new one last");
		return check_files(&c);
	}
	if (choices.writer == NULL || choices.reader == NULL)
		return cli_usage(command, "--writer and --reader belong together");
	if (argc > 0 || cli_given(command, "level"))
		return cli_usage(command, "--writer and --reader stand in place of versions");
	char *pair[2] = {strdup(choices.writer), strdup(choices.reader)};
	c.paths = pair;
	c.count = 2;
	c.is_pair = true;
	c.writer = choices.writer;
	c.reader = choices.reader;
	int exit_code = pair[0] != NULL && pair[1] != NULL ? check_files(&c)
							   : cli_fail("check", -ENOMEM, NULL);
	free(pair[0]);
	free(pair[1]);
	return exit_code;
}

/* --- fingerprint ------------------------------------------------------------------------------ */

static char *canonical_text(const struct weir_schema *schema)
{
	size_t bytes = weir_schema_canonical(schema, NULL, 0);
	char *text = malloc(bytes + 1);

	if (text != NULL) {
		weir_schema_canonical(schema, text, bytes);
		text[bytes] = '\0';
	}
	return text;
}

static int print_fingerprint(const char *path, const struct weir_schema *schema, struct json_out *j)
{
	uint64_t n = weir_schema_fingerprint(schema);
	char *text = canonical_text(schema);
	char hex[20];

	if (text == NULL)
		return cli_fail(path, -ENOMEM, NULL);
	snprintf(hex, sizeof hex, "%016" PRIx64, n);
	if (choices.json) {
		json_object(j, NULL);
		json_text(j, "file", path);
		json_text(j, "crc_64_avro", hex);
		json_i64(j, "crc_64_avro_signed", (int64_t)n);
		json_hex(j, "crc_64_avro_bytes", &n, sizeof n);
		json_text(j, "canonical", text);
		json_close(j);
	} else {
		printf("%s", choices.canonical ? text : hex);
		printf(choices.canonical ? "\n" : "  %s\n", path);
	}
	free(text);
	return CLI_EXIT_OK;
}

static int run_fingerprint(int argc, char **argv)
{
	struct json_out j;
	int exit_code = CLI_EXIT_OK;

	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_object(&j, NULL);
		json_array(&j, "schemas");
	}
	for (int i = 0; i < argc && exit_code == CLI_EXIT_OK; i++) {
		/* Defaults are no part of a canonical form. */
		uint32_t flags = schema_file_flags(choices.format);
		struct weir_schema *schema = schema_file_read(
			argv[i], flags != 0 ? flags : WEIR_SCHEMA_ANY_DEFAULT, &exit_code);
		if (schema != NULL)
			exit_code = print_fingerprint(argv[i], schema, &j);
		weir_schema_free(schema);
	}
	if (choices.json && json_end(&j) < 0)
		return CLI_EXIT_IO;
	return exit_code;
}

/* --- diff ------------------------------------------------------------------------------------- */

static int run_diff(int argc, char **argv)
{
	int exit_code = CLI_EXIT_OK;
	uint32_t flags = schema_file_flags(choices.format);
	struct weir_schema *old = schema_file_read(argv[0], flags, &exit_code);
	struct weir_schema *next =
		old != NULL ? schema_file_read(argv[1], flags, &exit_code) : NULL;

	(void)argc;
	if (next != NULL)
		exit_code = schema_diff_print(old, next, argv[0], argv[1], choices.json);
	weir_schema_free(old);
	weir_schema_free(next);
	return exit_code;
}

/* --- validate ----------------------------------------------------------------------------------
 */

/* One payload: whether it is what the schema says. */
static bool validate_one(const struct weir_schema *schema, const char *path, struct json_out *j,
			 int *exit_code)
{
	struct weir_problem problem = {0};
	size_t bytes = 0, before = choices.prefix ? WEIR_SCHEMA_PREFIX_BYTES : 0;
	char *data = schema_file_text(path, &bytes, exit_code);
	uint32_t id;
	if (data == NULL)
		return false;
	if (bytes > WEIR_SCHEMA_TEXT_BYTES_MAX) {
		free(data);
		snprintf(problem.text, sizeof problem.text, "larger than 1 MiB");
		*exit_code = cli_fail(path, -EFBIG, &problem);
		return false;
	}
	int code = choices.prefix ? weir_schema_prefix_get(data, bytes, &id) : 0;
	if (code != 0)
		snprintf(problem.text, sizeof problem.text,
			 "it does not begin with a byte 0 and an id");
	else
		code = weir_schema_validate_within(schema, data + before, bytes - before,
						   choices.work_max, &problem);
	free(data);
	if (choices.json) {
		json_object(j, NULL);
		json_text(j, "file", path);
		json_bool(j, "valid", code == 0);
		json_text(j, "path", code == 0 ? NULL : problem.field);
		json_text(j, "problem", code == 0 ? NULL : problem.text);
		json_close(j);
	} else if (code == 0) {
		printf("valid: %s\n", path);
	} else {
		printf("NOT valid: %s: %s: %s\n", path, problem.field, problem.text);
	}
	return code == 0;
}

static int run_validate(int argc, char **argv)
{
	int exit_code = CLI_EXIT_OK;
	struct json_out j;
	bool good = true;
	struct weir_schema *schema =
		schema_file_read(argv[0], schema_file_flags(choices.format), &exit_code);

	if (schema == NULL)
		return exit_code;
	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_array(&j, NULL);
	}
	for (int i = 1; i < argc && exit_code == CLI_EXIT_OK; i++)
		good &= validate_one(schema, argv[i], &j, &exit_code);
	weir_schema_free(schema);
	if (choices.json && json_end(&j) < 0)
		return CLI_EXIT_IO;
	return exit_code != CLI_EXIT_OK ? exit_code : good ? CLI_EXIT_OK : CLI_EXIT_SCHEMA;
}

/* --- decode, bench
 * ------------------------------------------------------------------------------ */

static int run_decode(int argc, char **argv)
{
	struct schema_decode how = {
		.writer = choices.writer,
		.reader = choices.reader,
		.prefix = choices.prefix,
		.avros_json = choices.avro_json,
	};

	(void)argc;
	if (how.writer == NULL)
		return cli_usage(&commands[3], "--writer is needed: bytes of Avro do not say what "
					       "they are");
	return schema_decode_print(&how, argv[0]);
}

static int run_bench(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return schema_bench_print(choices.seconds_ns, choices.json);
}

/* --- the group -------------------------------------------------------------------------------- */

int cmd_schema(int argc, char **argv)
{
	static int (*const runs[])(int argc, char **argv) = {
		run_check, run_fingerprint, run_diff, run_decode, run_bench, run_validate};
	static const char *const names[] = {"check",    "fingerprint", "diff", "decode", "bench",
					    "validate", "register",    "ls",   "show",   "delete",
					    "level",    "import",      NULL};
	static const struct cli_command group = {
		.name = "schema",
		.arguments = "check|fingerprint|diff|validate|decode|bench|" REGISTRY_WORDS " ...",
		.summary = "Compare schemas before they are used, and keep them in a journal.",
		.description = "weir schema check --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a word that is none of them: complained of below */
	};
	int first = 0, exit_code;

	if (schema_registry_command(argc, argv, &exit_code))
		return exit_code;
	for (size_t i = 0; argc >= 2 && i < WR_ARRAY_COUNT(runs); i++) {
		if (strcmp(argv[1], names[i]) != 0)
			continue;
		memset(&choices, 0, sizeof choices);
		int code = cli_parse(&commands[i], argc - 1, argv + 1, &first);
		if (code != CLI_GO_ON)
			return code;
		return runs[i](argc - 1 - first, argv + 1 + first);
	}
	return cli_no_such(&group, names, argc, argv);
}
