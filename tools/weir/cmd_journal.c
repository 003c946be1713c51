/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir journal ls|dump|verify|tail DIR`: a journal seen from outside, by <weir/journal.h> only.
 * Read-only; works while the owner is running. `audit` is cmd_audit.c, `backup` and `restore` are
 * cmd_backup.c.
 *
 * Exit codes: 6 when acknowledged events are damaged or missing; 11 when a newer weir wrote the
 * journal, which says nothing of its health; 0 for a torn tail and for harmless damage, which are
 * reported all the same.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/journal.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/journal_chain.h"
#include "tools/weir/journal_print.h"
#include "tools/weir/json_out.h"
#include "tools/weir/range.h"
#include "tools/weir/topic_asked.h"

#define IDLE_NS 100000000
#define TAIL_MAX 1000000u
#define STOP 1

/* One command line a process: the tables point here. */
static struct {
	bool json;
	bool hex;
	bool to_json;
	bool control;
	bool follow;
	bool count_given;
	uint64_t count;
	uint64_t threads;
	bool chain;
	const char *key_file;
	const char *head;
	const char *topic;
	struct cli_point from;
	struct cli_point to;
} choices;

static const struct cli_option ls_options[] = {
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option verify_options[] = {
	{.name = "threads",
	 .type = CLI_NUMBER,
	 .target = &choices.threads,
	 .fallback = "1",
	 .min = 1,
	 .max = 64,
	 .help = "each verifies a range of segments"},
	{.name = "chain",
	 .type = CLI_FLAG,
	 .target = &choices.chain,
	 .help = "prove the chain that the batches carry under a key"},
	{.name = "key-file",
	 .type = CLI_STRING,
	 .target = &choices.key_file,
	 .value_name = "FILE",
	 .help = "with --chain: the key's 32 to 64 bytes"},
	{.name = "expect",
	 .type = CLI_STRING,
	 .target = &choices.head,
	 .value_name = "HEAD",
	 .help = "with --chain: a head that was noted has to be there"},
	CLI_OPTION_JSON(&choices.json),
};

#define OPTIONS_OF_EVENTS                                                                          \
	{.name = "topic",                                                                          \
	 .type = CLI_STRING,                                                                       \
	 .target = &choices.topic,                                                                 \
	 .value_name = "NAME",                                                                     \
	 .help = "only events of this topic"},                                                     \
		{.name = "control",                                                                \
		 .type = CLI_FLAG,                                                                 \
		 .target = &choices.control,                                                       \
		 .help = "show weir's own records too"},                                           \
		{.name = "hex",                                                                    \
		 .type = CLI_FLAG,                                                                 \
		 .target = &choices.hex,                                                           \
		 .help = "keys and payloads in hexadecimal"},                                      \
		OPTION_TO_JSON(&choices.to_json),                                                  \
	{                                                                                          \
		.name = "json", .type = CLI_FLAG, .target = &choices.json,                         \
		.help = "one JSON object a line"                                                   \
	}

static const struct cli_option dump_options[] = {
	{.name = "from",
	 .type = CLI_POINT,
	 .target = &choices.from,
	 .help = "first: a sequence, a time (2026-01-31T12:00:00Z), or -5m"},
	{.name = "to",
	 .type = CLI_POINT,
	 .target = &choices.to,
	 .help = "last, inclusive: the same"},
	{.name = "count",
	 .short_name = 'n',
	 .type = CLI_NUMBER,
	 .target = &choices.count,
	 .help = "at most so many"},
	OPTIONS_OF_EVENTS,
};

static const struct cli_option tail_options[] = {
	{.name = "count",
	 .short_name = 'n',
	 .type = CLI_NUMBER,
	 .target = &choices.count,
	 .fallback = "10",
	 .max = TAIL_MAX,
	 .help = "begin with the last so many"},
	{.name = "follow",
	 .short_name = 'f',
	 .type = CLI_FLAG,
	 .target = &choices.follow,
	 .help = "go on with what is appended, until interrupted"},
	OPTIONS_OF_EVENTS,
};

static const struct cli_command commands[] = {
	{.name = "journal ls",
	 .arguments = "DIR",
	 .summary = "List the segments of a journal.",
	 .options = ls_options,
	 .option_count = WR_ARRAY_COUNT(ls_options),
	 .arguments_min = 1,
	 .arguments_max = 1},
	{.name = "journal dump",
	 .arguments = "DIR",
	 .summary = "Print the events of a journal, one a line.",
	 .options = dump_options,
	 .option_count = WR_ARRAY_COUNT(dump_options),
	 .arguments_min = 1,
	 .arguments_max = 1},
	{.name = "journal verify",
	 .arguments = "DIR",
	 .summary = "Check every byte of a journal.",
	 .description =
		 "Exit code 6: acknowledged events are damaged or missing. A torn tail (never\n"
		 "acknowledged) and harmless damage are reported, with exit code 0. Exit code\n"
		 "11: a newer weir wrote it, and this one cannot tell.",
	 .options = verify_options,
	 .option_count = WR_ARRAY_COUNT(verify_options),
	 .arguments_min = 1,
	 .arguments_max = 1},
	{.name = "journal tail",
	 .arguments = "DIR",
	 .summary = "Print the last events of a journal, and those that come.",
	 .description = "Following shows what the journal attests as durable.",
	 .options = tail_options,
	 .option_count = WR_ARRAY_COUNT(tail_options),
	 .arguments_min = 1,
	 .arguments_max = 1},
};

/* --- what all of them do ---------------------------------------------------------------------- */

struct walk {
	struct json_out json;
	struct journal_print print;
	uint64_t shown;
	uint64_t corrupt_count;
	uint64_t segments;
	bool progress; /* a terminal is behind stderr */
	/* tail: the last sequences, as a ring */
	uint64_t *last;
	uint64_t last_seen;
	struct topic_asked topic; /* dump and tail */
};

static int failed(const char *dir, int code, const struct weir_problem *problem)
{
	/* The directory's own words; where there are none, its name. */
	return cli_fail(dir, code, problem->text[0] != '\0' ? problem : NULL);
}

static bool wanted(const struct weir_journal_event *event)
{
	if (choices.topic == NULL)
		return true;
	return event->topic_name != NULL && strcmp(event->topic_name, choices.topic) == 0;
}

/* --- ls --------------------------------------------------------------------------------------- */

static int ls_segment(void *context, const struct weir_journal_segment *segment)
{
	struct walk *walk = context;

	if (choices.json)
		journal_json_segment(&walk->json, segment);
	else
		journal_print_segment(stdout, segment, walk->segments == 0);
	walk->segments++;
	return 0;
}

static int run_ls(const char *dir)
{
	struct walk walk = {0};
	struct weir_journal_visitor visitor;
	struct weir_journal_report report = {0};
	struct weir_problem problem = {0};

	weir_journal_visitor_init(&visitor);
	visitor.segment = ls_segment;
	visitor.context = &walk;
	if (choices.json) {
		json_begin(&walk.json, stdout, JSON_PRETTY);
		json_object(&walk.json, NULL);
		json_array(&walk.json, "segments");
	}
	int code = weir_journal_inspect(dir, &visitor, &report, &problem);
	if (choices.json) {
		json_close(&walk.json);
		if (code == 0)
			journal_json_report(&walk.json, &report);
		if (json_end(&walk.json) < 0)
			return CLI_EXIT_IO;
	} else if (code == 0) {
		journal_print_totals(stdout, &report);
	}
	if (code < 0)
		return failed(dir, code, &problem);
	return report.corrupt_count > 0 ? CLI_EXIT_DAMAGE : CLI_EXIT_OK;
}

/* --- verify ----------------------------------------------------------------------------------- */

static int verify_progress(void *context, uint64_t segments)
{
	const struct walk *walk = context;

	if (walk->progress)
		fprintf(stderr, "\r%llu segments verified   ", (unsigned long long)segments);
	return 0;
}

static int verify_segment(void *context, const struct weir_journal_segment *segment)
{
	struct walk *walk = context;

	walk->segments++;
	if (walk->progress && choices.threads == 1)
		fprintf(stderr, "\r%llu segments verified, to sequence %llu   ",
			(unsigned long long)walk->segments,
			(unsigned long long)(segment->end_sequence > 0 ? segment->end_sequence - 1
								       : 0));
	return 0;
}

static int verify_damage(void *context, const struct weir_journal_damage *damage)
{
	struct walk *walk = context;

	if (walk->progress)
		fprintf(stderr, "\r%60s\r", "");
	if (choices.json)
		journal_json_damage(&walk->json, damage);
	else
		journal_print_damage(stdout, damage);
	return 0;
}

static int verify_chain(const char *dir)
{
	if (cli_given(&commands[2], "threads"))
		return cli_usage(&commands[2],
				 "--threads does not go with --chain: one thread follows it");
	return journal_chain_run(&commands[2], dir, choices.key_file, choices.head, choices.json);
}

static int run_verify(const char *dir)
{
	if (choices.chain)
		return verify_chain(dir);
	if (choices.key_file != NULL || choices.head != NULL)
		return cli_usage(&commands[2], "--%s goes with --chain",
				 choices.key_file != NULL ? "key-file" : "expect");
	struct walk walk = {0};
	struct weir_journal_visitor visitor;
	struct weir_journal_report report = {0};
	struct weir_problem problem = {0};

	weir_journal_visitor_init(&visitor);
	visitor.segment = verify_segment;
	visitor.damage = verify_damage;
	visitor.threads = (uint32_t)choices.threads;
	visitor.progress = verify_progress;
	visitor.context = &walk;
	walk.progress = isatty(STDERR_FILENO) == 1;
	if (choices.json) {
		json_begin(&walk.json, stdout, JSON_PRETTY);
		json_object(&walk.json, NULL);
		json_array(&walk.json, "damages");
	}
	int code = weir_journal_inspect(dir, &visitor, &report, &problem);
	if (walk.progress)
		fprintf(stderr, "\r%60s\r", "");
	if (choices.json) {
		json_close(&walk.json);
		if (code == 0) {
			json_bool(&walk.json, "ok", report.corrupt_count == 0);
			journal_json_report(&walk.json, &report);
		}
		if (json_end(&walk.json) < 0)
			return CLI_EXIT_IO;
	} else if (code == 0) {
		journal_print_verdict(stdout, &report);
	}
	if (code < 0)
		return failed(dir, code, &problem);
	return report.corrupt_count > 0 ? CLI_EXIT_DAMAGE : CLI_EXIT_OK;
}

/* --- dump and tail ---------------------------------------------------------------------------- */

static int show_event(void *context, const struct weir_journal_event *event)
{
	struct walk *walk = context;

	if (!wanted(event))
		return 0;
	if (choices.count_given && walk->shown == choices.count)
		return STOP;
	walk->shown++;
	if (choices.json)
		journal_json_event(&walk->print, stdout, event, choices.hex);
	else
		journal_print_event(&walk->print, stdout, event, choices.hex);
	/* Nobody reads on: a pipe that closed, a disk that is full. main() says so. */
	return ferror(stdout) != 0 ? STOP : 0;
}

static int show_damage(void *context, const struct weir_journal_damage *damage)
{
	struct walk *walk = context;

	walk->corrupt_count += damage->corrupt ? 1 : 0;
	/* Beside the events, never among them. */
	fflush(stdout);
	journal_print_damage(stderr, damage);
	return 0;
}

/* The exit code of a walk that is through. */
static int shown(const struct walk *walk)
{
	return topic_asked_end(&walk->topic,
			       walk->corrupt_count > 0 ? CLI_EXIT_DAMAGE : CLI_EXIT_OK);
}

static void see_topic(void *context, const char *name)
{
	struct walk *walk = context;

	topic_asked_see(&walk->topic, name);
}

static int run_dump(const char *dir)
{
	struct walk walk = {.print.json.is_asked = choices.to_json, .topic.name = choices.topic};
	struct weir_journal_visitor visitor;
	struct weir_problem problem = {0};

	if (range_is_backwards(&choices.from, &choices.to))
		return cli_usage(&commands[1], "the range ends before it begins");
	weir_journal_visitor_init(&visitor);
	visitor.schemas = choices.to_json;
	range_set(&visitor, &choices.from, &choices.to);
	visitor.control = choices.control;
	visitor.event = show_event;
	visitor.topic = see_topic;
	visitor.damage = show_damage;
	visitor.context = &walk;
	int code = weir_journal_inspect(dir, &visitor, NULL, &problem);
	payload_json_fini(&walk.print.json);
	return code < 0 ? failed(dir, code, &problem) : shown(&walk);
}

static int remember_events(void *context, const struct weir_journal_events *events)
{
	struct walk *walk = context;
	struct weir_journal_event event;

	for (size_t i = 0; i < events->count; i++) {
		if (choices.topic != NULL) {
			weir_journal_event_read(events, i, &event);
			if (!wanted(&event))
				continue;
		}
		walk->last[walk->last_seen++ % choices.count] = events->items[i].sequence;
	}
	return 0;
}

static int tail_idle(void *context)
{
	const struct timespec pause = {.tv_nsec = IDLE_NS};
	struct walk *walk = context;

	topic_asked_wait(&walk->topic);
	if (fflush(stdout) != 0)
		return STOP;
	nanosleep(&pause, NULL);
	return 0;
}

/* The sequence from which the last `count` wanted events come: one walk to find it. */
static int find_tail(const char *dir, struct walk *walk, struct weir_journal_visitor *visitor,
		     uint64_t *ret_end_sequence, struct weir_problem *reterr_problem)
{
	struct weir_journal_report report = {0};

	if (choices.count > 0) {
		walk->last = calloc(choices.count, sizeof *walk->last);
		if (walk->last == NULL)
			return -ENOMEM;
		visitor->events = remember_events;
	}
	int code = weir_journal_inspect(dir, visitor, &report, reterr_problem);
	if (walk->last_seen == 0)
		visitor->from_sequence = report.last_sequence + 1;
	else if (walk->last_seen <= choices.count)
		visitor->from_sequence = walk->last[0];
	else
		visitor->from_sequence = walk->last[walk->last_seen % choices.count];
	*ret_end_sequence = report.last_sequence + 1;
	free(walk->last);
	walk->last = NULL;
	return code;
}

static int run_tail(const char *dir)
{
	struct walk walk = {.print.json.is_asked = choices.to_json, .topic.name = choices.topic};
	struct weir_journal_visitor visitor;
	struct weir_problem problem = {0};
	uint64_t end_sequence = 0;

	weir_journal_visitor_init(&visitor);
	visitor.control = choices.control;
	visitor.topic = see_topic;
	visitor.context = &walk;
	choices.count_given = false;
	int code = find_tail(dir, &walk, &visitor, &end_sequence, &problem);
	if (code < 0)
		return failed(dir, code, &problem);
	visitor.events = NULL;
	visitor.event = show_event;
	visitor.schemas = choices.to_json;
	visitor.damage = show_damage;
	visitor.idle = tail_idle;
	if (choices.follow) {
		code = weir_journal_follow(dir, &visitor, &problem);
	} else {
		/* What a running owner appends between the two walks is not of the last `count`. */
		visitor.end_sequence = end_sequence;
		code = weir_journal_inspect(dir, &visitor, NULL, &problem);
	}
	payload_json_fini(&walk.print.json);
	return code < 0 ? failed(dir, code, &problem) : shown(&walk);
}

/* --- the group -------------------------------------------------------------------------------- */

int cmd_journal(int argc, char **argv)
{
	static int (*const runs[])(const char *dir) = {run_ls, run_dump, run_verify, run_tail};
	static const char *const names[] = {"ls",     "dump",    "verify", "tail", "audit",
					    "backup", "restore", "erase",  NULL};
	static const struct cli_command group = {
		.name = "journal",
		.arguments = "ls|dump|verify|tail|audit|backup|restore|erase DIR",
		.summary = "Look at a journal or copy it, read-only, also while its owner runs; or "
			   "erase a key.",
		.description = "weir journal ls --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a word that is none of them: complained of below */
	};
	int first = 0, i = cli_which(names, argc, argv);

	if (i < 0)
		return cli_no_such(&group, names, argc, argv);
	if (strcmp(names[i], "audit") == 0)
		return cmd_journal_audit(argc - 1, argv + 1);
	if (strcmp(names[i], "erase") == 0)
		return cmd_journal_erase(argc - 1, argv + 1);
	if (i >= (int)WR_ARRAY_COUNT(commands))
		return cmd_journal_backup(argc - 1, argv + 1);
	memset(&choices, 0, sizeof choices);
	int code = cli_parse(&commands[i], argc - 1, argv + 1, &first);
	if (code != CLI_GO_ON)
		return code;
	choices.count_given = cli_given(&commands[i], "count");
	return runs[i](argv[1 + first]);
}
