/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir archive create|ls|rm|replay|replays|cancel DIR`: archives of a journal that no process has
 * open (owned.h), and replays to subscriptions, from an archive or from the log.
 *
 * An archive is a topic "archive.NAME" that the binding of the same name fills.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/binding.h>
#include <weir/replay_to.h>

#include "core/base/bits.h"
#include "tools/weir/archive_replay.h"
#include "tools/weir/args.h"
#include "tools/weir/filter_option.h"
#include "tools/weir/interrupt.h"
#include "tools/weir/json_out.h"
#include "tools/weir/owned.h"
#include "tools/weir/range.h"

#define PREFIX "archive."
#define NAME_BYTES_MAX 192u

/* One command line a process: the tables point here. */
static struct {
	bool json, hex, from_oldest;
	uint64_t rate, pace;
	const char *topic, *archive, *key;
	struct filter_option filter;
	struct cli_strings subscriptions;
	struct cli_point from, to;
	struct owned_limits limits;
} choices;

static const struct cli_option create_options[] = {
	{.name = "topic",
	 .type = CLI_STRING,
	 .target = &choices.topic,
	 .value_name = "TOPIC",
	 .help = "whose events are kept"},
	FILTER_OPTIONS(choices.filter),
	{.name = "from-oldest",
	 .type = CLI_FLAG,
	 .target = &choices.from_oldest,
	 .help = "what the log has now, too"},
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option ls_options[] = {
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option replay_options[] = {
	{.name = "subscription",
	 .type = CLI_STRINGS,
	 .target = &choices.subscriptions,
	 .value_name = "NAME",
	 .help = "who gets it; up to five times"},
	{.name = "archive",
	 .type = CLI_STRING,
	 .target = &choices.archive,
	 .value_name = "ARCHIVE",
	 .help = "what is replayed: of this archive"},
	{.name = "topic",
	 .type = CLI_STRING,
	 .target = &choices.topic,
	 .value_name = "TOPIC",
	 .help = "or of this topic of the log; without both, of all topics"},
	{.name = "from",
	 .type = CLI_POINT,
	 .target = &choices.from,
	 .help = "first: a sequence, an append time (2026-01-31T12:00:00Z), or -5m"},
	{.name = "to",
	 .type = CLI_POINT,
	 .target = &choices.to,
	 .help = "last, inclusive: the same"},
	{.name = "key",
	 .type = CLI_STRING,
	 .target = &choices.key,
	 .value_name = "KEY",
	 .help = "only events of this key (with --hex in hexadecimal)"},
	FILTER_OPTIONS(choices.filter),
	{.name = "rate",
	 .type = CLI_RATE,
	 .target = &choices.rate,
	 .fallback = "max",
	 .help = "events a second, at most"},
	{.name = "pace",
	 .type = CLI_NUMBER,
	 .target = &choices.pace,
	 .max = 1000000,
	 .help = "per cent of the pace at which they were appended"},
	{.name = "hex", .type = CLI_FLAG, .target = &choices.hex, .help = "KEY in hexadecimal"},
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

enum { CREATE, LS, RM, REPLAY, REPLAYS, CANCEL };

static const struct cli_command commands[] = {
	[CREATE] = {.name = "archive create",
		    .arguments = "DIR NAME",
		    .summary = "Keep events of a topic apart, to be replayed.",
		    .description = "They are copied to the topic archive.NAME, from now on, once\n"
				   "and in order, whatever program has the journal open.",
		    .options = create_options,
		    .option_count = WR_ARRAY_COUNT(create_options),
		    .arguments_min = 2,
		    .arguments_max = 2},
	[LS] = {.name = "archive ls",
		.arguments = "DIR",
		.summary = "List archives.",
		.options = ls_options,
		.option_count = WR_ARRAY_COUNT(ls_options),
		.arguments_min = 1,
		.arguments_max = 1},
	[RM] = {.name = "archive rm",
		.arguments = "DIR NAME",
		.summary = "Archive nothing more; what is there can still be replayed.",
		.options = ls_options,
		.option_count = WR_ARRAY_COUNT(ls_options),
		.arguments_min = 2,
		.arguments_max = 2},
	[REPLAY] = {.name = "archive replay",
		    .arguments = "DIR REPLAY",
		    .summary = "Give chosen subscriptions a range once more, each event once.",
		    .description =
			    "REPLAY is a name, for this replay alone. Copies come behind what the\n"
			    "subscriptions have, marked, and nobody else sees them. One that was\n"
			    "interrupted, or whose process died, goes on by its name from where\n"
			    "it was to the end that it had.",
		    .options = replay_options,
		    .option_count = WR_ARRAY_COUNT(replay_options),
		    .arguments_min = 2,
		    .arguments_max = 2},
	[REPLAYS] = {.name = "archive replays",
		     .arguments = "DIR",
		     .summary = "List replays to subscriptions, and how far they are.",
		     .options = ls_options,
		     .option_count = WR_ARRAY_COUNT(ls_options),
		     .arguments_min = 1,
		     .arguments_max = 1},
	[CANCEL] = {.name = "archive cancel",
		    .arguments = "DIR REPLAY",
		    .summary = "Cancel a replay for good; what was copied stays.",
		    .options = ls_options,
		    .option_count = WR_ARRAY_COUNT(ls_options),
		    .arguments_min = 2,
		    .arguments_max = 2},
};

static int not_found(const char *what, const char *name)
{
	fprintf(stderr, "weir: there is no %s \"%s\" in this journal\n", what, name);
	return CLI_EXIT_NOT_FOUND;
}

/* Of the topic and the binding. False: it is too long. */
static bool full_name(const char *name, char to[NAME_BYTES_MAX + sizeof PREFIX])
{
	int bytes = snprintf(to, NAME_BYTES_MAX + sizeof PREFIX, PREFIX "%.*s", (int)NAME_BYTES_MAX,
			     name);
	return bytes > 0 && strlen(name) <= NAME_BYTES_MAX;
}

/* ---- archives ---- */

static int print_archives(struct weir_pipeline *p, const char *only)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_binding binding;
	struct json_out j;
	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_array(&j, NULL);
	}
	for (uint32_t id = 0; weir_subscription_info(p, id, &info) == 0; id++) {
		const char *source = "?", *name = info.name + strlen(PREFIX);
		if (strncmp(info.name, PREFIX, strlen(PREFIX)) != 0 ||
		    (only != NULL && strcmp(only, name) != 0) ||
		    weir_binding_info(p, id, &binding) != 0 || binding.unrouted ||
		    weir_topic_info(p, binding.source, &source, NULL) != 0)
			continue;
		bool goes_on = binding.target != WEIR_BINDING_NONE;
		if (!choices.json) {
			printf("%s: of topic %s, in topic %s%s\n", name, source, info.name,
			       goes_on ? "" : ", nothing more is archived");
			continue;
		}
		json_object(&j, NULL);
		json_text(&j, "name", name);
		json_text(&j, "topic", info.name);
		json_text(&j, "source", source);
		json_bool(&j, "archives", goes_on);
		json_close(&j);
	}
	if (choices.json) {
		json_close(&j);
		(void)json_end(&j);
	}
	return CLI_EXIT_OK;
}

static int run_create(struct weir_pipeline *p, const char *name)
{
	char full[NAME_BYTES_MAX + sizeof PREFIX];
	struct weir_topic_options topic;
	struct weir_binding_options binding;
	struct weir_problem problem = {0};
	const struct weir_filter_term term = {
		.kind = filter_option_kind(&choices.filter),
		.pattern = choices.filter.pattern,
		.pattern_bytes =
			choices.filter.pattern != NULL ? strlen(choices.filter.pattern) : 0};
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
	weir_topic_options_init(&topic);
	weir_binding_options_init(&binding);
	if (weir_topic_find(p, choices.topic, &binding.source) != 0)
		return not_found("topic", choices.topic);
	if (!full_name(name, full)) {
		fprintf(stderr, "weir: the name has more than %u bytes\n", NAME_BYTES_MAX);
		return CLI_EXIT_USAGE;
	}
	uint32_t before;
	bool was_there = weir_subscription_find(p, full, &before) == 0;
	topic.name = full;
	binding.name = full;
	binding.filter = choices.filter.pattern != NULL ? &filter : NULL;
	binding.start = choices.from_oldest ? WEIR_START_OLDEST : WEIR_START_NEWEST;
	int rc = weir_topic_create(p, &topic, &binding.target, &problem);
	if (rc == 0)
		rc = weir_binding_create(p, &binding, NULL, &problem);
	/* Or whoever asks for it a second time thinks that it has what was before. */
	if (rc == 0 && was_there && choices.from_oldest)
		fprintf(stderr,
			"weir: archive \"%s\" was there, and goes on from where it is: "
			"--from-oldest is for a new one\n",
			name);
	return rc != 0 ? cli_fail(name, rc, &problem) : print_archives(p, name);
}

static int run_rm(struct weir_pipeline *p, const char *name)
{
	char full[NAME_BYTES_MAX + sizeof PREFIX];
	struct weir_problem problem = {0};
	uint32_t id;
	if (!full_name(name, full) || weir_subscription_find(p, full, &id) != 0)
		return not_found("archive", name);
	int rc = weir_binding_remove(p, id, &problem);
	return rc != 0 ? cli_fail(name, rc, &problem) : print_archives(p, name);
}

/* ---- replays ---- */

static const char *const states[] = {
	[WEIR_REPLAY_RUNNING] = "running",
	[WEIR_REPLAY_COMPLETED] = "completed",
	[WEIR_REPLAY_CANCELLED] = "cancelled",
};

static int run_replays(struct weir_pipeline *p)
{
	struct weir_replay_to_status s;
	struct json_out j;
	uint32_t place = 0;
	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_array(&j, NULL);
	}
	while (weir_replay_to_each(p, &place, &s)) {
		if (!choices.json) {
			printf("%s: %s, at %llu of %llu\n", s.name, states[s.state],
			       (unsigned long long)s.next_sequence,
			       (unsigned long long)s.end_sequence);
			continue;
		}
		json_object(&j, NULL);
		json_text(&j, "name", s.name);
		json_text(&j, "state", states[s.state]);
		json_u64(&j, "next_sequence", s.next_sequence);
		json_u64(&j, "end_sequence", s.end_sequence);
		json_close(&j);
	}
	if (choices.json) {
		json_close(&j);
		(void)json_end(&j);
	}
	return CLI_EXIT_OK;
}

static void report(const char *name, const struct weir_replay_to_progress *progress)
{
	struct json_out j;
	if (!choices.json) {
		printf("%s: %s, %llu events copied, %llu left out, %llu gaps\n", name,
		       states[progress->state], (unsigned long long)progress->events,
		       (unsigned long long)progress->left_out, (unsigned long long)progress->gaps);
		return;
	}
	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "name", name);
	json_text(&j, "state", states[progress->state]);
	json_u64(&j, "events", progress->events);
	json_u64(&j, "left_out", progress->left_out);
	json_u64(&j, "gaps", progress->gaps);
	json_u64(&j, "next_sequence", progress->next_sequence);
	json_u64(&j, "end_sequence", progress->end_sequence);
	json_close(&j);
	(void)json_end(&j);
}

/* Names to ids. An exit code, or CLI_GO_ON. */
static int find_names(struct weir_pipeline *p, uint32_t *ids, struct weir_replay_to_options *o,
		      uint32_t *topic)
{
	char full[NAME_BYTES_MAX + sizeof PREFIX];
	const char *name = choices.topic;
	for (uint32_t i = 0; i < choices.subscriptions.count; i++)
		if (weir_subscription_find(p, choices.subscriptions.items[i], &ids[i]) != 0)
			return not_found("subscription", choices.subscriptions.items[i]);
	o->subscriptions = ids;
	o->subscription_count = choices.subscriptions.count;
	if (choices.archive != NULL) {
		if (!full_name(choices.archive, full) || weir_topic_find(p, full, topic) != 0)
			return not_found("archive", choices.archive);
	} else if (name != NULL && weir_topic_find(p, name, topic) != 0) {
		return not_found("topic", name);
	}
	if (choices.archive != NULL || name != NULL) {
		o->from.topics = topic;
		o->from.topic_count = 1;
	}
	return CLI_GO_ON;
}

static void set_range(struct weir_replay_options *from)
{
	const struct range_place place = {&from->from_sequence, &from->end_sequence,
					  &from->from_time_us, &from->end_time_us};
	range_put(&place, &choices.from, &choices.to);
	from->per_second = choices.rate < UINT32_MAX ? (uint32_t)choices.rate : 0;
	from->pace_percent = (uint32_t)choices.pace;
}

static bool is_at_its_end(struct weir_pipeline *p, const char *name)
{
	struct weir_replay_to_status s;
	for (uint32_t place = 0; weir_replay_to_each(p, &place, &s);)
		if (strcmp(s.name, name) == 0)
			return s.state == WEIR_REPLAY_COMPLETED;
	return false;
}

static int run_replay(struct weir_pipeline *p, const char *name, const struct weir_filter *filter,
		      const void *key, size_t key_bytes)
{
	uint32_t ids[CLI_STRINGS_MAX], topic = 0;
	struct weir_replay_to_options o;
	struct weir_replay_to_progress progress = {0};
	struct weir_problem problem = {0};
	weir_replay_to_options_init(&o);
	o.name = name;
	o.from.filter = filter;
	o.from.key = key;
	o.from.key_bytes = key_bytes;
	set_range(&o.from);
	int code = find_names(p, ids, &o, &topic);
	if (code != CLI_GO_ON)
		return code;
	bool was_at_its_end = is_at_its_end(p, name);
	int rc = archive_replay_run(p, &o, &progress, &problem);
	if (rc != 0 && rc != -EINTR)
		return cli_fail(name, rc, problem.text[0] != '\0' ? &problem : NULL);
	report(name, &progress);
	if (rc == 0 && was_at_its_end)
		fprintf(stderr,
			"weir: the replay \"%s\" was completed before: nothing is copied again, a "
			"name is for one replay\n",
			name);
	return rc == -EINTR ? INTERRUPT_EXIT : CLI_EXIT_OK;
}

static int run_cancel(struct weir_pipeline *p, const char *name)
{
	int rc = weir_replay_to_cancel(p, name);
	if (rc == WEIR_E_UNKNOWN_NAME)
		return not_found("replay", name);
	if (rc == -EALREADY) {
		fprintf(stderr, "weir: the replay \"%s\" is at its end, or was cancelled\n", name);
		return CLI_EXIT_FAILED;
	}
	return rc != 0 ? cli_fail(name, rc, NULL) : run_replays(p);
}

/* ---- the group of commands ---- */

static int check(const struct cli_command *command, int which)
{
	if (which == CREATE && choices.topic == NULL)
		return cli_usage(command, "--topic says whose events are kept");
	if (which != REPLAY)
		return CLI_GO_ON;
	if (choices.subscriptions.count == 0 || choices.subscriptions.count > WEIR_REPLAY_TO_MAX)
		return cli_usage(command, "--subscription says who gets it, one to five times");
	if (choices.archive != NULL && choices.topic != NULL)
		return cli_usage(command, "--archive, or --topic");
	return choices.rate != 0 ? CLI_GO_ON : cli_usage(command, "a rate of 0 would copy nothing");
}

static int run(const struct cli_command *command, int which, char **arguments)
{
	struct weir_pipeline *p;
	struct weir_filter *filter = NULL;
	size_t key_bytes = choices.key != NULL ? strlen(choices.key) : 0;
	uint8_t *bytes = NULL;
	int code = check(command, which);
	if (code == CLI_GO_ON && choices.key != NULL && choices.hex &&
	    (bytes = cli_unhex(choices.key, &key_bytes)) == NULL)
		code = cli_usage(command, "\"%s\" is not hexadecimal", choices.key);
	if (code == CLI_GO_ON)
		code = filter_option_make(command, &choices.filter, &filter);
	if (code == CLI_GO_ON)
		code = owned_open(arguments[0], &choices.limits, &p);
	if (code == CLI_GO_ON) {
		const void *key = bytes != NULL ? (const void *)bytes : choices.key;
		code = which == CREATE    ? run_create(p, arguments[1])
		       : which == LS      ? print_archives(p, NULL)
		       : which == RM      ? run_rm(p, arguments[1])
		       : which == REPLAYS ? run_replays(p)
		       : which == CANCEL  ? run_cancel(p, arguments[1])
					  : run_replay(p, arguments[1], filter, key, key_bytes);
		code = owned_close(p, arguments[0], code);
	}
	weir_filter_destroy(filter);
	free(bytes);
	return code;
}

int cmd_archive(int argc, char **argv)
{
	static const char *const names[] = {"create",  "ls",     "rm", "replay",
					    "replays", "cancel", NULL};
	static const struct cli_command group = {
		.name = "archive",
		.arguments = "create|ls|rm|replay|replays|cancel DIR",
		.summary = "Archives, and replays to subscriptions, of a journal that no process "
			   "has open.",
		.description = "weir archive create --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a word that is none of them: complained of below */
	};
	int first = 0, i = 0;

	memset(&choices, 0, sizeof choices);
	int code = cli_parse_group(&group, names, commands, argc, argv, &i, &first);
	return code != CLI_GO_ON ? code : run(&commands[i], i, argv + first);
}
