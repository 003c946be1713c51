/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir topic ls|grow DIR [TOPIC PARTITIONS]`: the topics of a journal that no process has open
 * (owned.h), how many partitions they have, and more of them.
 *
 * Thread: main.
 */
#include <string.h>

#include <weir/binding.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/owned.h"

/* One command line a process: the tables point here. */
static struct {
	bool json;
	uint64_t partitions;
	struct owned_limits limits;
} choices;

static const struct cli_option options[] = {
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option partitions_argument = {
	.name = "PARTITIONS",
	.type = CLI_NUMBER,
	.target = &choices.partitions,
	.min = 1,
	.max = 1u << 20,
};

enum { LS, GROW };

static const struct cli_command commands[] = {
	[LS] = {.name = "topic ls",
		.arguments = "DIR",
		.summary = "List the topics of a journal, and how many partitions they have.",
		.options = options,
		.option_count = WR_ARRAY_COUNT(options),
		.arguments_min = 1,
		.arguments_max = 1},
	[GROW] = {.name = "topic grow",
		  .arguments = "DIR TOPIC PARTITIONS",
		  .summary = "Give a topic more partitions: a multiple of what it has.",
		  .description =
			  "Up to the partitions_max that it was made with. Each key stays in "
			  "order.",
		  .options = options,
		  .option_count = WR_ARRAY_COUNT(options),
		  .arguments_min = 3,
		  .arguments_max = 3},
};

/* Where events of it are copied to, by bindings and as what nobody wants. */
static void print_copies(struct weir_pipeline *p, uint32_t topic, struct json_out *j)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_binding binding;
	const char *target;
	if (j != NULL)
		json_array(j, "copies");
	for (uint32_t id = 0; weir_subscription_info(p, id, &info) == 0; id++) {
		if (weir_binding_info(p, id, &binding) != 0 || binding.source != topic ||
		    weir_topic_info(p, binding.target, &target, NULL) != 0)
			continue;
		if (j == NULL) {
			printf("  %s %s (%s)\n", binding.unrouted ? "unrouted to" : "copied to",
			       target, info.name);
			continue;
		}
		json_object(j, NULL);
		json_text(j, "what", binding.unrouted ? "unrouted" : "binding");
		json_text(j, "target", target);
		json_text(j, "subscription", info.name);
		json_close(j);
	}
	if (j != NULL)
		json_close(j);
}

static void one(struct weir_pipeline *p, uint32_t topic, struct json_out *j)
{
	const char *name;
	uint32_t partitions, partitions_max;
	if (weir_topic_info(p, topic, &name, NULL) != 0 ||
	    weir_topic_partitions(p, topic, &partitions, &partitions_max) != 0)
		return;
	if (j != NULL) {
		json_object(j, NULL);
		json_text(j, "name", name);
		json_u64(j, "partitions", partitions);
		json_u64(j, "partitions_max", partitions_max);
		print_copies(p, topic, j);
		json_close(j);
	} else if (partitions_max > partitions) {
		printf("%s: %u partitions, up to %u\n", name, partitions, partitions_max);
	} else {
		printf("%s: %u partitions\n", name, partitions);
	}
	if (j == NULL)
		print_copies(p, topic, NULL);
}

static int run_ls(struct weir_pipeline *p, uint32_t only)
{
	struct json_out j;
	uint32_t partitions;
	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_array(&j, NULL);
	}
	for (uint32_t id = 0; weir_topic_partitions(p, id, &partitions, NULL) == 0; id++)
		if (only == UINT32_MAX || only == id)
			one(p, id, choices.json ? &j : NULL);
	if (!choices.json)
		return CLI_EXIT_OK;
	json_close(&j);
	(void)json_end(&j);
	return CLI_EXIT_OK;
}

static int run_grow(struct weir_pipeline *p, const char *name)
{
	struct weir_problem problem = {0};
	uint32_t topic;
	if (weir_topic_find(p, name, &topic) != 0) {
		fprintf(stderr, "weir: there is no topic \"%s\" in this journal\n", name);
		return CLI_EXIT_NOT_FOUND;
	}
	int rc = weir_topic_grow(p, topic, (uint32_t)choices.partitions, &problem);
	return rc != 0 ? cli_fail(name, rc, &problem) : run_ls(p, topic);
}

static int run(const struct cli_command *command, int which, char **arguments)
{
	struct weir_pipeline *p;
	char why[100];
	if (which == GROW &&
	    cli_parse_value(&partitions_argument, arguments[2], why, sizeof why) != 0)
		return cli_usage(command, "PARTITIONS %s", why);
	int code = owned_open(arguments[0], &choices.limits, &p);
	if (code != CLI_GO_ON)
		return code;
	code = which == GROW ? run_grow(p, arguments[1]) : run_ls(p, UINT32_MAX);
	return owned_close(p, arguments[0], code);
}

int cmd_topic(int argc, char **argv)
{
	static const char *const names[] = {"ls", "grow", NULL};
	static const struct cli_command group = {
		.name = "topic",
		.arguments = "ls|grow DIR",
		.summary = "Topics of a journal that no process has open.",
		.description = "weir topic ls --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a word that is none of them: complained of below */
	};
	int first = 0, i = 0;

	memset(&choices, 0, sizeof choices);
	int code = cli_parse_group(&group, names, commands, argc, argv, &i, &first);
	return code != CLI_GO_ON ? code : run(&commands[i], i, argv + first);
}
