/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir group ls|describe|lag|reset DIR [NAME]`: the subscriptions of a journal that no process has
 * open (owned.h): where they stand, what they have still to process, and moving them.
 *
 * Thread: main.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/binding.h>
#include <weir/dead_letters.h>
#include <weir/event.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/owned.h"

#define STEP_NS 10000000u
#define COUNT_STEPS 3000u
#define SEEK_NS 60000000000u

/* One command line a process: the tables point here. */
static struct {
	bool json, to_beginning, to_end, dry_run;
	uint64_t to_sequence;
	struct cli_point to_time;
	struct owned_limits limits;
} choices;

static const struct cli_option options_of_looks[] = {
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option reset_options[] = {
	{.name = "to-beginning",
	 .type = CLI_FLAG,
	 .target = &choices.to_beginning,
	 .help = "the first event that is still there"},
	{.name = "to-end",
	 .type = CLI_FLAG,
	 .target = &choices.to_end,
	 .help = "behind the last: what is published from now on"},
	{.name = "to-sequence",
	 .type = CLI_NUMBER,
	 .target = &choices.to_sequence,
	 .min = 1,
	 .help = "this sequence is next"},
	{.name = "to-time",
	 .type = CLI_POINT,
	 .target = &choices.to_time,
	 .help = "appended from then on: 2026-01-31T12:00:00Z, or -5m"},
	{.name = "dry-run",
	 .type = CLI_FLAG,
	 .target = &choices.dry_run,
	 .help = "say where it stands, and leave it"},
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

enum { LS, DESCRIBE, LAG, RESET };

static const struct cli_command commands[] = {
	[LS] = {.name = "group ls",
		.arguments = "DIR",
		.summary = "List the subscriptions of a journal.",
		.options = options_of_looks,
		.option_count = WR_ARRAY_COUNT(options_of_looks),
		.arguments_min = 1,
		.arguments_max = 1},
	[DESCRIBE] = {.name = "group describe",
		      .arguments = "DIR NAME",
		      .summary = "Where each partition of a subscription stands.",
		      .options = options_of_looks,
		      .option_count = WR_ARRAY_COUNT(options_of_looks),
		      .arguments_min = 2,
		      .arguments_max = 2},
	[LAG] = {.name = "group lag",
		 .arguments = "DIR [NAME]",
		 .summary = "What subscriptions have still to process.",
		 .options = options_of_looks,
		 .option_count = WR_ARRAY_COUNT(options_of_looks),
		 .arguments_min = 1,
		 .arguments_max = 2},
	[RESET] = {.name = "group reset",
		   .arguments = "DIR NAME",
		   .summary = "Move a subscription: what lies behind the place comes again.",
		   .description = "One of --to-beginning, --to-end, --to-sequence and --to-time.",
		   .options = reset_options,
		   .option_count = WR_ARRAY_COUNT(reset_options),
		   .arguments_min = 2,
		   .arguments_max = 2},
};

static const char *const order_names[] = {"partition", "key", "none"};

/* --- what all of them do ---------------------------------------------------------------------- */

/* Counted, where counting began anew, and the oldest found: a moment of steps. */
static struct weir_lag lag_of(struct weir_pipeline *p, uint32_t id)
{
	struct weir_lag lag = {.exact = false};
	for (uint32_t i = 0; i < COUNT_STEPS; i++) {
		if (weir_step(p, STEP_NS) < 0 || weir_lag(p, id, &lag) != 0 ||
		    (lag.exact && lag.time_exact))
			break;
	}
	return lag;
}

static void print_lag(const struct weir_lag *lag)
{
	char bytes[CLI_TEXT_BYTES], age[CLI_TEXT_BYTES];
	printf(" lag %s%llu events, %s, %s", lag->exact ? "" : "about ",
	       (unsigned long long)lag->events, cli_text_bytes(bytes, lag->bytes),
	       cli_text_ns(age, lag->time_ns));
	if (lag->parked > 0)
		printf(", %llu parked", (unsigned long long)lag->parked);
	putchar('\n');
}

static void json_lag(struct json_out *j, const struct weir_lag *lag)
{
	json_u64(j, "lag_events", lag->events);
	json_u64(j, "lag_bytes", lag->bytes);
	json_u64(j, "lag_time_ns", lag->time_ns);
	json_u64(j, "parked", lag->parked);
	json_bool(j, "exact", lag->exact);
	json_bool(j, "time_exact", lag->time_exact);
}

static const char *topic_name(struct weir_pipeline *p, uint32_t id)
{
	const char *name;
	return weir_topic_info(p, id, &name, NULL) == 0 ? name : "?";
}

/* Where one of weir's own copies to. */
static const char *target_name(struct weir_pipeline *p, const struct weir_binding *binding)
{
	return binding->target == WEIR_BINDING_NONE ? "nowhere" : topic_name(p, binding->target);
}

/* To be freed; NULL: it has none, or there is no memory. */
static char *transform_text(struct weir_pipeline *p, uint32_t id,
			    const struct weir_binding *binding)
{
	char *text = binding->transform_bytes > 0 ? malloc(binding->transform_bytes + 1) : NULL;
	int bytes =
		text != NULL ? weir_binding_transform(p, id, text, binding->transform_bytes) : 0;
	if (text != NULL)
		text[bytes > 0 ? bytes : 0] = '\0';
	return text;
}

static const char *const failure_names[] = {"wait", "pass", "dead_letter"};

static void json_transform(struct weir_pipeline *p, struct json_out *j, uint32_t id,
			   const struct weir_binding *binding)
{
	char *text = transform_text(p, id, binding);
	if (text == NULL)
		return;
	json_text(j, "transform", text);
	json_text(j, "on_failure", failure_names[binding->on_failure]);
	if (binding->dead_letters != WEIR_BINDING_NONE)
		json_text(j, "dead_letters", topic_name(p, binding->dead_letters));
	free(text);
}

/* Below its subscription. */
static void print_transform(struct weir_pipeline *p, uint32_t id)
{
	struct weir_binding binding;
	char *text =
		weir_binding_info(p, id, &binding) == 0 ? transform_text(p, id, &binding) : NULL;
	if (text == NULL)
		return;
	bool dies = binding.dead_letters != WEIR_BINDING_NONE;
	printf("  transform  %s\n  on failure %s%s\n", text,
	       dies ? "to " : failure_names[binding.on_failure],
	       dies ? topic_name(p, binding.dead_letters) : "");
	free(text);
}

static void json_binding(struct weir_pipeline *p, struct json_out *j, const char *name)
{
	struct weir_binding binding;
	uint32_t id;
	if (weir_subscription_find(p, name, &id) != 0 || weir_binding_info(p, id, &binding) != 0)
		return;
	json_object(j, "copies");
	json_text(j, "what", binding.unrouted ? "unrouted" : "binding");
	if (binding.target != WEIR_BINDING_NONE)
		json_text(j, "target", topic_name(p, binding.target));
	json_transform(p, j, id, &binding);
	json_close(j);
}

static void print_binding(struct weir_pipeline *p, const char *name)
{
	struct weir_binding binding;
	uint32_t id;
	if (weir_subscription_find(p, name, &id) == 0 && weir_binding_info(p, id, &binding) == 0)
		printf(", %s %s%s", binding.unrouted ? "unrouted to" : "copied to",
		       target_name(p, &binding), binding.transform_bytes > 0 ? " transformed" : "");
}

static void json_info(struct weir_pipeline *p, struct json_out *j,
		      const struct weir_subscription_info *info)
{
	json_text(j, "name", info->name);
	json_text(j, "order", order_names[info->order]);
	json_array(j, "topics");
	for (uint32_t i = 0; i < info->topic_count; i++)
		json_text(j, NULL, topic_name(p, info->topics[i]));
	json_close(j);
	json_binding(p, j, info->name);
	json_u64(j, "partitions", info->partition_count);
	json_u64(j, "position", info->position);
	if (info->detached)
		json_bool(j, "detached", true);
	if (info->order == WEIR_ORDER_PARTITION)
		return;
	json_u64(j, "outstanding", info->outstanding);
	json_u64(j, "outstanding_max", info->outstanding_max);
}

static void print_info(struct weir_pipeline *p, const struct weir_subscription_info *info)
{
	printf("%s: order %s,", info->name, order_names[info->order]);
	for (uint32_t i = 0; i < info->topic_count; i++)
		printf(" %s", topic_name(p, info->topics[i]));
	print_binding(p, info->name);
	printf(", %s %llu", info->detached ? "detached at" : "next",
	       (unsigned long long)info->position);
	if (info->order != WEIR_ORDER_PARTITION)
		printf(", %llu of %u outstanding", (unsigned long long)info->outstanding,
		       info->outstanding_max);
}

/* --- the commands ----------------------------------------------------------------------------- */

static void one(struct weir_pipeline *p, uint32_t id, struct json_out *j)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_lag lag = lag_of(p, id);
	if (weir_subscription_info(p, id, &info) != 0)
		return;
	if (j == NULL) {
		print_info(p, &info);
		putchar(',');
		print_lag(&lag);
		return;
	}
	json_object(j, NULL);
	json_info(p, j, &info);
	json_lag(j, &lag);
	json_close(j);
}

/* All of them, or one. */
static int run_ls(struct weir_pipeline *p, uint32_t only)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct json_out j;
	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_array(&j, NULL);
	}
	for (uint32_t id = 0; weir_subscription_info(p, id, &info) == 0; id++)
		if (only == UINT32_MAX || only == id)
			one(p, id, choices.json ? &j : NULL);
	if (!choices.json)
		return CLI_EXIT_OK;
	json_close(&j);
	(void)json_end(&j);
	return CLI_EXIT_OK;
}

static void print_counts(struct weir_pipeline *p, uint32_t id, struct json_out *j)
{
	struct weir_queue_counts counts;
	if (weir_queue_counts(p, id, &counts) != 0)
		return;
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = {{"ready", counts.ready},
		    {"delayed", counts.delayed},
		    {"behind", counts.behind},
		    {"dying", counts.dying},
		    {"dead_keys", counts.parked}};
	for (size_t i = 0; i < WR_ARRAY_COUNT(rows); i++) {
		if (j != NULL)
			json_u64(j, rows[i].name, rows[i].count);
		else if (rows[i].count > 0)
			printf("  %-10s %llu\n", rows[i].name, (unsigned long long)rows[i].count);
	}
}

static void print_partition(struct weir_pipeline *p, const struct weir_subscription_partition *of,
			    struct json_out *j)
{
	char bytes[CLI_TEXT_BYTES];
	if (j == NULL) {
		printf("  %s[%u] next %llu, generation %llu, lag %s%llu events, %s",
		       topic_name(p, of->topic), of->partition, (unsigned long long)of->position,
		       (unsigned long long)of->generation, of->exact ? "" : "about ",
		       (unsigned long long)of->lag_events, cli_text_bytes(bytes, of->lag_bytes));
		if (of->failed_sequence != 0)
			printf(", %llu failed %u times", (unsigned long long)of->failed_sequence,
			       of->attempts);
		putchar('\n');
		return;
	}
	json_object(j, NULL);
	json_text(j, "topic", topic_name(p, of->topic));
	json_u64(j, "partition", of->partition);
	json_u64(j, "position", of->position);
	json_u64(j, "generation", of->generation);
	json_u64(j, "lag_events", of->lag_events);
	json_u64(j, "lag_bytes", of->lag_bytes);
	json_bool(j, "exact", of->exact);
	if (of->failed_sequence != 0) {
		json_u64(j, "failed_sequence", of->failed_sequence);
		json_u64(j, "attempts", of->attempts);
	}
	json_close(j);
}

/* The filter that it has, if it has one. */
static void print_filter(struct weir_pipeline *p, uint32_t id, struct json_out *j)
{
	static const char *const kinds[] = {
		[WEIR_FILTER_FANOUT] = "fanout",
		[WEIR_FILTER_DIRECT] = "direct",
		[WEIR_FILTER_TOPIC] = "topic",
		[WEIR_FILTER_HEADERS] = "headers",
		[WEIR_FILTER_EVENTBRIDGE] = "eventbridge",
		[WEIR_FILTER_SNS_ATTRIBUTES] = "sns-attributes",
		[WEIR_FILTER_SNS_BODY] = "sns-body",
		[WEIR_FILTER_HASH] = "hash",
		[WEIR_FILTER_EVENTBRIDGE_HEADERS] = "eventbridge-headers",
	};
	struct weir_subscription_filter filter;
	int bytes = weir_subscription_filter(p, id, NULL, 0, &filter);
	void *to = bytes > 0 ? malloc((size_t)bytes) : NULL;
	if (to == NULL || weir_subscription_filter(p, id, to, (size_t)bytes, &filter) != bytes) {
		free(to);
		return;
	}
	const char *join = filter.join == WEIR_FILTER_ANY ? "any" : "all";
	if (j == NULL && filter.transform != NULL)
		printf("  transform  %.*s\n", (int)filter.transform_bytes,
		       (const char *)filter.transform);
	if (j != NULL && filter.transform != NULL)
		json_text_n(j, "transform", filter.transform, filter.transform_bytes);
	if (j != NULL) {
		json_object(j, "filter");
		json_text(j, "join", join);
		json_array(j, "terms");
	}
	for (uint32_t i = 0; i < filter.term_count; i++) {
		const struct weir_filter_term *term = &filter.terms[i];
		if (j == NULL) {
			printf("  %-10s %s%s %.*s\n",
			       filter.term_count == 1           ? "filter"
			       : filter.join == WEIR_FILTER_ANY ? "filter any"
								: "filter all",
			       term->negated ? "not " : "", kinds[term->kind],
			       (int)term->pattern_bytes, (const char *)term->pattern);
			continue;
		}
		json_object(j, NULL);
		json_text(j, "kind", kinds[term->kind]);
		json_text_n(j, "pattern", term->pattern, term->pattern_bytes);
		json_bool(j, "negated", term->negated);
		json_close(j);
	}
	if (j != NULL) {
		json_close(j);
		json_close(j);
	}
	free(to);
}

static int run_describe(struct weir_pipeline *p, uint32_t id)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_subscription_partition of;
	struct weir_lag lag = lag_of(p, id);
	struct json_out j, *to = choices.json ? &j : NULL;
	if (weir_subscription_info(p, id, &info) != 0)
		return CLI_EXIT_NOT_FOUND;
	if (to != NULL) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_object(&j, NULL);
		json_info(p, &j, &info);
		json_lag(&j, &lag);
	} else {
		print_info(p, &info);
		putchar(',');
		print_lag(&lag);
	}
	if (info.order != WEIR_ORDER_PARTITION)
		print_counts(p, id, to);
	print_filter(p, id, to);
	if (to == NULL)
		print_transform(p, id);
	if (to != NULL)
		json_array(&j, "of");
	for (uint32_t i = 0; weir_subscription_partition(p, id, i, &of) == 0; i++)
		print_partition(p, &of, to);
	if (to == NULL)
		return CLI_EXIT_OK;
	json_close(&j);
	json_close(&j);
	(void)json_end(&j);
	return CLI_EXIT_OK;
}

static uint64_t time_of(const struct cli_point *point)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	uint64_t now_us = (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
	if (point->kind == CLI_POINT_TIME)
		return point->value;
	return point->value / 1000 < now_us ? now_us - point->value / 1000 : 0;
}

static int run_reset(struct weir_pipeline *p, uint32_t id, const char *name)
{
	struct weir_problem problem = {0};
	enum weir_seek_to to = choices.to_beginning       ? WEIR_SEEK_OLDEST
			       : choices.to_end           ? WEIR_SEEK_NEWEST
			       : choices.to_sequence != 0 ? WEIR_SEEK_SEQUENCE
							  : WEIR_SEEK_TIME;
	uint64_t at = to == WEIR_SEEK_SEQUENCE ? choices.to_sequence
		      : to == WEIR_SEEK_TIME   ? time_of(&choices.to_time)
					       : 0;
	if (!choices.dry_run) {
		int rc = weir_subscription_seek(p, id, to, at, SEEK_NS, &problem);
		if (rc != 0)
			return cli_fail(name, rc, problem.text[0] != '\0' ? &problem : NULL);
	}
	return run_describe(p, id);
}

/* --- the group of commands -------------------------------------------------------------------- */

/* One place, and no more. */
static int check_reset(const struct cli_command *command)
{
	int places = (choices.to_beginning ? 1 : 0) + (choices.to_end ? 1 : 0) +
		     (choices.to_sequence != 0 ? 1 : 0) +
		     (choices.to_time.kind != CLI_POINT_NONE ? 1 : 0);
	if (places != 1)
		return cli_usage(command, "one of --to-beginning, --to-end, --to-sequence and "
					  "--to-time says where to");
	if (choices.to_time.kind == CLI_POINT_SEQUENCE)
		return cli_usage(command, "--to-time is a time; a sequence is for --to-sequence");
	return CLI_GO_ON;
}

static int run(const struct cli_command *command, int which, int count, char **arguments)
{
	struct weir_pipeline *p;
	uint32_t id = UINT32_MAX;
	int code = which == RESET ? check_reset(command) : CLI_GO_ON;
	if (code == CLI_GO_ON)
		code = owned_open(arguments[0], &choices.limits, &p);
	if (code != CLI_GO_ON)
		return code;
	if (count > 1 && weir_subscription_find(p, arguments[1], &id) != 0) {
		fprintf(stderr, "weir: there is no subscription \"%s\" in this journal\n",
			arguments[1]);
		code = CLI_EXIT_NOT_FOUND;
	} else if (which == RESET) {
		code = run_reset(p, id, arguments[1]);
	} else {
		code = which == DESCRIBE ? run_describe(p, id) : run_ls(p, id);
	}
	return owned_close(p, arguments[0], code);
}

int cmd_group(int argc, char **argv)
{
	static const char *const names[] = {"ls", "describe", "lag", "reset", NULL};
	static const struct cli_command group = {
		.name = "group",
		.arguments = "ls|describe|lag|reset DIR",
		.summary = "Subscriptions of a journal that no process has open.",
		.description = "weir group ls --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a word that is none of them: complained of below */
	};
	int first = 0, i = 0;

	memset(&choices, 0, sizeof choices);
	int code = cli_parse_group(&group, names, commands, argc, argv, &i, &first);
	return code != CLI_GO_ON ? code : run(&commands[i], i, argc - first, argv + first);
}
