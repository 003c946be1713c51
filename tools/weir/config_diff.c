/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir config diff OLD NEW`: which values differ, and which of them a running `weir run` takes
 * when it is told to read its file again.
 *
 * Thread: main.
 */
#include <stdio.h>
#include <stdlib.h>

#include <weir/config.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"

static bool want_json;

static const struct cli_option options[] = {CLI_OPTION_JSON(&want_json)};

static const struct cli_command command = {
	.name = "config diff",
	.arguments = "OLD NEW",
	.summary = "Show what differs between two config files, and what takes a restart.",
	.description =
		"What a reload (SIGHUP) of weir run takes is marked so; of the rest it says\n"
		"why a restart is needed, or that the log refuses it then, too. Exit codes:\n"
		"0 nothing needs a restart, 9 something does, 3 one of the files has errors.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 2,
	.arguments_max = 2,
};

struct printing {
	struct json_out json;
	bool needs_restart;
};

static void print_change(void *context, const struct weir_config_change *c)
{
	struct printing *p = context;
	p->needs_restart |= !c->at_reload;
	if (!want_json) {
		printf("%s: %s -> %s (%s%s)\n", c->key, c->before != NULL ? c->before : "-",
		       c->after != NULL ? c->after : "-",
		       c->at_reload    ? "at a reload"
		       : c->is_refused ? "refused at a restart: "
				       : "at a restart: ",
		       c->at_reload ? "" : c->why);
		return;
	}
	json_object(&p->json, NULL);
	json_text(&p->json, "key", c->key);
	json_text(&p->json, "before", c->before);
	json_text(&p->json, "after", c->after);
	json_bool(&p->json, "at_reload", c->at_reload);
	json_text(&p->json, "why", c->why);
	json_bool(&p->json, "is_refused", c->is_refused);
	json_close(&p->json);
}

/* Errors are told as `weir config check` tells them. CLI_GO_ON, or an exit code. */
static int load(const char *path, struct weir_config **ret_config)
{
	struct weir_problem problem = {0};
	int errors = weir_config_load(path, WEIR_CONFIG_ANY_MACHINE, ret_config, &problem);
	if (errors == 0)
		return CLI_GO_ON;
	if (errors < 0)
		return cli_fail("config", errors, &problem);
	size_t bytes = weir_config_report(*ret_config, NULL, 0);
	char *text = malloc(bytes + 1);
	if (text != NULL) {
		(void)weir_config_report(*ret_config, text, bytes + 1);
		fputs(text, stderr);
	}
	free(text);
	return CLI_EXIT_CONFIG;
}

int cmd_config_diff(int argc, char **argv)
{
	struct weir_config *before = NULL, *after = NULL;
	struct printing p = {.needs_restart = false};
	int first = 0;
	want_json = false;
	int code = cli_parse(&command, argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	code = load(argv[first], &before);
	if (code == CLI_GO_ON)
		code = load(argv[first + 1], &after);
	if (code == CLI_GO_ON) {
		if (want_json) {
			json_begin(&p.json, stdout, JSON_PRETTY);
			json_object(&p.json, NULL);
			json_array(&p.json, "changes");
		}
		int rc = weir_config_diff(before, after, print_change, &p);
		if (want_json)
			(void)json_end(&p.json);
		code = rc < 0            ? cli_fail("config", rc, NULL)
		       : p.needs_restart ? CLI_EXIT_THRESHOLD
					 : CLI_EXIT_OK;
	}
	weir_config_destroy(before);
	weir_config_destroy(after);
	return code;
}
