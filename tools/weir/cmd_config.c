/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir config check|explain|schema`: config files, by <weir/config.h> and, for who misspells a
 * key, the nearest one (`plan` is config_plan.c's). Findings go to standard error as a compiler's
 * do, or as JSON to standard output; what was asked for goes to standard output.
 *
 * Exit codes: 3 when the file has errors.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/config.h>

#include "core/base/bits.h"
#include "io/config/config.h"
#include "io/config/explain.h"
#include "tools/weir/args.h"
#include "tools/weir/bridge_check.h"
#include "tools/weir/json_out.h"

/* One command line a process: the tables point here. */
static struct {
	bool json;
	bool any_machine;
	unsigned format;
} choices;

static const char *const formats[] = {"json", "markdown", NULL};

#define OPTION_ANY_MACHINE                                                                         \
	{                                                                                          \
		.name = "any-machine", .type = CLI_FLAG, .target = &choices.any_machine,           \
		.help = "the file is for another machine: leave its CPUs unchecked"                \
	}

static const struct cli_option check_options[] = {
	OPTION_ANY_MACHINE,
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option explain_options[] = {
	OPTION_ANY_MACHINE,
};

static const struct cli_option schema_options[] = {
	{.name = "format",
	 .type = CLI_ENUM,
	 .target = &choices.format,
	 .choices = formats,
	 .fallback = "json",
	 .help = "a JSON Schema, or the reference page"},
};

static const struct cli_command commands[] = {
	{.name = "config check",
	 .arguments = "FILE",
	 .summary = "Find every mistake in a config file; - is standard input.",
	 .description = "Exit code 3: there are errors. Warnings are no errors.",
	 .options = check_options,
	 .option_count = WR_ARRAY_COUNT(check_options),
	 .arguments_min = 1,
	 .arguments_max = 1},
	{.name = "config explain",
	 .arguments = "[FILE] [KEY]",
	 .summary = "Show the values in force, where each comes from, and what it does.",
	 .description =
		 "Without a file: the defaults. Of one key (journal.segment) all that is known:\n"
		 "what is the name of a key is taken as that, else it is a file.",
	 .options = explain_options,
	 .option_count = WR_ARRAY_COUNT(explain_options),
	 .arguments_max = 2},
	{.name = "config schema",
	 .summary = "Print what a config file may contain, for editors.",
	 .options = schema_options,
	 .option_count = WR_ARRAY_COUNT(schema_options)},
};

/* --- texts of the library --------------------------------------------------------------------- */

struct source {
	const struct weir_config *config;
	const char *key;
	enum weir_config_format format;
};

static size_t report(const struct source *s, char *to, size_t to_bytes)
{
	return weir_config_report(s->config, to, to_bytes);
}

static size_t explain(const struct source *s, char *to, size_t to_bytes)
{
	return weir_config_explain(s->config, s->key, to, to_bytes);
}

static size_t schema(const struct source *s, char *to, size_t to_bytes)
{
	return weir_config_schema(s->format, to, to_bytes);
}

/* A text of any length: measured, made, written. False: it is empty, or there is no memory. */
static bool write_text(const struct source *s,
		       size_t (*make)(const struct source *s, char *to, size_t to_bytes), FILE *to)
{
	size_t bytes = make(s, NULL, 0);
	char *text = bytes > 0 ? malloc(bytes + 1) : NULL;
	if (text == NULL)
		return false;
	(void)make(s, text, bytes + 1);
	fwrite(text, 1, bytes, to);
	free(text);
	return true;
}

/* --- check ------------------------------------------------------------------------------------ */

static int load(const char *path, struct weir_config **ret_config)
{
	struct weir_problem problem = {0};
	bool is_stdin = strcmp(path, "-") == 0;
	int rc = weir_config_load(is_stdin ? "/dev/stdin" : path,
				  choices.any_machine ? WEIR_CONFIG_ANY_MACHINE : 0, ret_config,
				  &problem);
	if (rc == 0)
		rc = (int)bridge_check(*ret_config, choices.any_machine);
	return rc < 0 ? -cli_fail("config", rc, &problem) : rc;
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void count(const struct weir_config *config, uint32_t *ret_warnings)
{
	uint32_t all;
	const struct weir_config_diagnostic *d = weir_config_diagnostics(config, &all);
	*ret_warnings = 0;
	for (uint32_t i = 0; i < all; i++)
		*ret_warnings += d[i].severity == WEIR_CONFIG_WARNING ? 1 : 0;
}

static void print_json(const char *path, const struct weir_config *config, uint32_t errors,
		       uint32_t warnings)
{
	struct json_out j;
	uint32_t all;
	const struct weir_config_diagnostic *d = weir_config_diagnostics(config, &all);
	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "file", path);
	json_bool(&j, "ok", errors == 0);
	json_u64(&j, "errors", errors);
	json_u64(&j, "warnings", warnings);
	json_bool(&j, "only_form", config->findings.only_form);
	json_array(&j, "diagnostics");
	for (uint32_t i = 0; i < all; i++) {
		json_object(&j, NULL);
		json_text(&j, "severity", d[i].severity == WEIR_CONFIG_ERROR ? "error" : "warning");
		json_u64(&j, "line", d[i].line);
		json_u64(&j, "column", d[i].column);
		json_u64(&j, "columns", d[i].columns);
		json_text(&j, "text", d[i].text);
		json_text(&j, "note", d[i].note);
		json_text(&j, "help", d[i].help);
		json_close(&j);
	}
	(void)json_end(&j);
}

static int run_check(int argc, char **argv)
{
	struct weir_config *config = NULL;
	uint32_t warnings;
	int errors = load(argv[0], &config);
	(void)argc;
	if (errors < 0)
		return -errors;
	struct source s = {.config = config};
	count(config, &warnings);
	if (choices.json) {
		print_json(argv[0], config, (uint32_t)errors, warnings);
	} else {
		(void)write_text(&s, report, stderr);
		if (errors > 0)
			fprintf(stderr, "%d error%s\n", errors, plural((uint32_t)errors));
		else if (warnings > 0)
			printf("%s: no errors, %u warning%s\n", argv[0], warnings,
			       plural(warnings));
		else
			printf("%s: no errors\n", argv[0]);
	}
	weir_config_destroy(config);
	return errors > 0 ? CLI_EXIT_CONFIG : CLI_EXIT_OK;
}

/* --- explain, schema -------------------------------------------------------------------------- */

static int refuse_key(const char *key, const char *what)
{
	char nearest[128];
	bool is_near = wr_config_nearest_key(key, nearest, sizeof nearest);
	return cli_usage(&commands[1], "there is no %s \"%s\"%s%s%s", what, key,
			 is_near ? "; did you mean \"" : "", is_near ? nearest : "",
			 is_near ? "\"?" : "");
}

/* A word that was to be a key: no file has this name, and a key has nearly. */
static bool is_slip(const char *word)
{
	char nearest[128];
	return strchr(word, '/') == NULL && access(word, F_OK) != 0 && errno == ENOENT &&
	       wr_config_nearest_key(word, nearest, sizeof nearest);
}

static int run_explain(int argc, char **argv)
{
	struct weir_config *config = NULL;
	bool is_key = argc == 1 && weir_config_explain(NULL, argv[0], NULL, 0) > 0;
	const char *file = argc > 0 && !is_key ? argv[0] : NULL;
	struct source s = {.key = is_key ? argv[0] : argc == 2 ? argv[1] : NULL};
	if (argc == 1 && !is_key && is_slip(argv[0]))
		return refuse_key(argv[0], "file and no key");
	int errors = file != NULL ? load(file, &config) : 0;
	int code = CLI_EXIT_OK;
	if (errors < 0)
		return -errors;
	s.config = config;
	if (errors > 0) {
		(void)write_text(&s, report, stderr);
		fprintf(stderr, "%d error%s\n", errors, plural((uint32_t)errors));
		code = CLI_EXIT_CONFIG;
	} else if (!write_text(&s, explain, stdout)) {
		code = refuse_key(s.key, "key");
	}
	weir_config_destroy(config);
	return code;
}

static int run_schema(int argc, char **argv)
{
	struct source s = {.format = choices.format == 0 ? WEIR_CONFIG_JSON_SCHEMA
							 : WEIR_CONFIG_MARKDOWN};
	(void)argc;
	(void)argv;
	return write_text(&s, schema, stdout) ? CLI_EXIT_OK : cli_fail("schema", -ENOMEM, NULL);
}

/* --- the group -------------------------------------------------------------------------------- */

int cmd_config(int argc, char **argv)
{
	static int (*const runs[])(int argc, char **argv) = {run_check, run_explain, run_schema};
	static const char *const names[] = {"check", "explain", "schema", "plan", "diff", NULL};
	static const struct cli_command group = {
		.name = "config",
		.arguments = "check|diff|explain|plan|schema [FILE]",
		.summary = "Check config files, explain and compare them, plan what they take.",
		.description = "weir config check --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a word that is none of them: complained of below */
	};
	int first = 0;

	if (argc >= 2 && strcmp(argv[1], "diff") == 0)
		return cmd_config_diff(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "plan") == 0)
		return cmd_config_plan(argc - 1, argv + 1);
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
