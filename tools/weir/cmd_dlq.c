/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir dlq ls|show|redrive|purge DIR TOPIC`: the letters of a dead-letter topic that nobody has
 * handled yet, in a journal that no process has open (owned.h).
 *
 * Looking changes nothing but the epoch that each open begins; redrive and purge are jobs of
 * <weir/dead_letters.h>.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/dead_letters.h>
#include <weir/journal.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/dlq_job.h"
#include "tools/weir/dlq_letters.h"
#include "tools/weir/interrupt.h"
#include "tools/weir/json_out.h"
#include "tools/weir/owned.h"
#include "tools/weir/scan_progress.h"

#define STOP 1

/* One command line a process: the tables point here. */
static struct {
	bool json, hex, to_json, all, dry_run, force;
	uint64_t reason, first, last, count, rate;
	const char *subscription, *key, *into;
	struct owned_limits limits;
} choices;

#define WHICH                                                                                      \
	{.name = "subscription",                                                                   \
	 .type = CLI_STRING,                                                                       \
	 .target = &choices.subscription,                                                          \
	 .value_name = "NAME",                                                                     \
	 .help = "only those that died in it"},                                                    \
		{.name = "key",                                                                    \
		 .type = CLI_WORDS,                                                                \
		 .target = &choices.key,                                                           \
		 .value_name = "KEY",                                                              \
		 .help = "only of this key"},                                                      \
		{.name = "reason",                                                                 \
		 .type = CLI_NUMBER,                                                               \
		 .target = &choices.reason,                                                        \
		 .max = UINT32_MAX,                                                                \
		 .help = "only with this reason of the last rejection"},                           \
		{.name = "from",                                                                   \
		 .type = CLI_NUMBER,                                                               \
		 .target = &choices.first,                                                         \
		 .help = "first letter: its sequence"},                                            \
		{.name = "to",                                                                     \
		 .type = CLI_NUMBER,                                                               \
		 .target = &choices.last,                                                          \
		 .help = "last letter, inclusive"},                                                \
		{.name = "count",                                                                  \
		 .short_name = 'n',                                                                \
		 .type = CLI_NUMBER,                                                               \
		 .target = &choices.count,                                                         \
		 .help = "at most so many"},                                                       \
	{                                                                                          \
		.name = "hex", .type = CLI_FLAG, .target = &choices.hex,                           \
		.help = "KEY, keys and payloads in hexadecimal"                                    \
	}

#define DRY_RUN                                                                                    \
	{                                                                                          \
		.name = "dry-run", .type = CLI_FLAG, .target = &choices.dry_run,                   \
		.help = "say what would be done, and do nothing"                                   \
	}

#define FORCE                                                                                      \
	{                                                                                          \
		.name = "force", .type = CLI_FLAG, .target = &choices.force,                       \
		.help = "also a topic that holds no letters: those to come are kept"               \
	}

static const struct cli_option ls_options[] = {
	WHICH,
	{.name = "all",
	 .type = CLI_FLAG,
	 .target = &choices.all,
	 .help = "also those that are handled, while the log has them"},
	OWNED_OPTIONS(choices.limits),
	{.name = "json",
	 .type = CLI_FLAG,
	 .target = &choices.json,
	 .help = "one JSON object a line"},
};

static const struct cli_option show_options[] = {
	{.name = "hex",
	 .type = CLI_FLAG,
	 .target = &choices.hex,
	 .help = "keys and payloads in hexadecimal"},
	OPTION_TO_JSON(&choices.to_json),
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option redrive_options[] = {
	WHICH,
	{.name = "into",
	 .type = CLI_STRING,
	 .target = &choices.into,
	 .value_name = "TOPIC",
	 .help = "there instead of where each came from"},
	{.name = "rate", .type = CLI_RATE, .target = &choices.rate, .help = "letters a second"},
	DRY_RUN,
	FORCE,
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option purge_options[] = {
	WHICH,
	{.name = "all", .type = CLI_FLAG, .target = &choices.all, .help = "all of them"},
	DRY_RUN,
	FORCE,
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

enum { LS, SHOW, REDRIVE, PURGE };

static const struct cli_command commands[] = {
	[LS] = {.name = "dlq ls",
		.arguments = "DIR TOPIC",
		.summary = "List the dead letters of a topic that nobody has handled.",
		.options = ls_options,
		.option_count = WR_ARRAY_COUNT(ls_options),
		.arguments_min = 2,
		.arguments_max = 2},
	[SHOW] = {.name = "dlq show",
		  .arguments = "DIR TOPIC SEQUENCE",
		  .summary = "Print one dead letter: origin, ids, headers, payload.",
		  .options = show_options,
		  .option_count = WR_ARRAY_COUNT(show_options),
		  .arguments_min = 3,
		  .arguments_max = 3},
	[REDRIVE] =
		{.name = "dlq redrive",
		 .arguments = "DIR TOPIC",
		 .summary = "Bring dead letters back to where they died, each once.",
		 .description =
			 "Where a key is parked behind its dead event, the event is handed out\n"
			 "again in its subscription, first of its key, and the others follow.\n"
			 "Else a copy is published to the topic that it came from. What was done\n"
			 "when it is interrupted is done; the next run goes on.",
		 .options = redrive_options,
		 .option_count = WR_ARRAY_COUNT(redrive_options),
		 .arguments_min = 2,
		 .arguments_max = 2},
	[PURGE] = {.name = "dlq purge",
		   .arguments = "DIR TOPIC",
		   .summary = "Throw dead letters away; keys parked behind them go on.",
		   .options = purge_options,
		   .option_count = WR_ARRAY_COUNT(purge_options),
		   .arguments_min = 2,
		   .arguments_max = 2},
};

/* --- which ------------------------------------------------------------------------------------ */

struct dlq {
	const char *dir;
	struct weir_pipeline *pipeline;
	uint32_t topic;
	uint32_t into; /* UINT32_MAX: back */
	struct dlq_filter filter;
	uint8_t *key; /* from hexadecimal */
	struct dlq_print print;
	struct scan_progress progress;
	uint64_t found, damaged;
	uint64_t parked;          /* of those found */
	uint64_t letters, others; /* events of the topic that are such, and those that are not */
	bool prints;
	bool looks_for_one; /* letter, whichever it is */
};

static int not_found(const char *what, const char *name)
{
	fprintf(stderr, "weir: there is no %s \"%s\" in this journal\n", what, name);
	return CLI_EXIT_NOT_FOUND;
}

static int find_names(struct dlq *d, const char *topic)
{
	d->into = UINT32_MAX;
	if (weir_topic_find(d->pipeline, topic, &d->topic) != 0)
		return not_found("topic", topic);
	if (choices.into != NULL && weir_topic_find(d->pipeline, choices.into, &d->into) != 0)
		return not_found("topic", choices.into);
	if (choices.subscription != NULL &&
	    weir_subscription_find(d->pipeline, choices.subscription, &d->filter.subscription) != 0)
		return not_found("subscription", choices.subscription);
	return CLI_GO_ON;
}

static int set_key(struct dlq *d, const struct cli_command *command)
{
	if (choices.key == NULL)
		return CLI_GO_ON;
	d->filter.key = choices.key;
	d->filter.key_bytes = strlen(choices.key);
	if (!choices.hex)
		return CLI_GO_ON;
	d->key = cli_unhex(choices.key, &d->filter.key_bytes);
	d->filter.key = d->key;
	return d->key != NULL ? CLI_GO_ON
			      : cli_usage(command, "\"%s\" is not hexadecimal", choices.key);
}

/* --- looking ---------------------------------------------------------------------------------- */

static int see_damage(void *context, const struct weir_journal_damage *damage)
{
	struct dlq *d = context;
	d->damaged += damage->corrupt ? 1 : 0;
	if (damage->corrupt)
		journal_print_damage(stderr, damage);
	return 0;
}

static int see_segment(void *context, const struct weir_journal_segment *segment)
{
	struct dlq *d = context;
	scan_progress_segment(&d->progress, segment, d->found);
	return 0;
}

static void print_letter(struct dlq *d, const struct weir_item *letter,
			 const struct weir_origin *origin, enum weir_letter_state state)
{
	struct json_out j;
	scan_progress_clear(&d->progress);
	if (!choices.json) {
		dlq_print_letter(&d->print, stdout, letter, origin, state);
		return;
	}
	json_begin(&j, stdout, d->print.whole ? JSON_PRETTY : JSON_LINE);
	dlq_json_letter(&d->print, &j, letter, origin, state);
	(void)json_end(&j);
}

static int see_event(struct dlq *d, const struct weir_journal_events *events, size_t index)
{
	const struct weir_item *item = &events->items[index];
	struct weir_journal_event event;
	struct weir_origin origin;
	enum weir_letter_state state;
	if (item->topic != d->topic)
		return 0;
	/* What a redrive brought back, or a binding copied, is none; what that could not transform
	 * is seen, and left by jobs. */
	bool has_origin = weir_item_origin(item, &origin) && origin.topic != d->topic;
	bool is_letter = has_origin && !origin.bound;
	bool is_shown = is_letter || (has_origin && origin.untransformed && d->prints);
	d->letters += is_letter || is_shown ? 1 : 0;
	d->others += is_letter || is_shown ? 0 : 1;
	if (is_letter && d->looks_for_one)
		return STOP;
	if (!is_shown || !dlq_matches(&d->filter, item, &origin))
		return 0;
	if (weir_letter_state(d->pipeline, d->topic, item->sequence, &origin, &state) != 0)
		return 0;
	/* `purge --all` means all that wait. */
	if (state == WEIR_LETTER_HANDLED && !d->print.whole && !(choices.all && d->prints))
		return 0;
	d->found++;
	d->parked += state == WEIR_LETTER_PARKED ? 1 : 0;
	weir_journal_event_read(events, index, &event);
	payload_json_make(&d->print.state.json, &event);
	if (d->prints)
		print_letter(d, item, &origin, state);
	return choices.count != 0 && d->found >= choices.count ? STOP : 0;
}

static int see_events(void *context, const struct weir_journal_events *events)
{
	int code = 0;
	for (size_t i = 0; code == 0 && i < events->count; i++)
		code = see_event(context, events, i);
	return code;
}

/* Walks over the log, whose pipeline is open and rests. An exit code, or CLI_GO_ON. */
static int look(struct dlq *d)
{
	struct weir_journal_visitor visitor;
	struct weir_problem problem = {0};
	weir_journal_visitor_init(&visitor);
	visitor.cached = true;
	visitor.from_sequence = d->filter.first_sequence;
	visitor.events = see_events;
	visitor.schemas = d->print.state.json.is_asked;
	visitor.damage = see_damage;
	visitor.segment = see_segment;
	visitor.context = d;
	scan_progress_begin(&d->progress, d->dir);
	int rc = weir_journal_inspect(d->dir, &visitor, NULL, &problem);
	scan_progress_clear(&d->progress);
	if (rc < 0)
		return cli_fail(d->dir, rc, problem.text[0] != '\0' ? &problem : NULL);
	return d->damaged > 0 ? CLI_EXIT_DAMAGE : CLI_GO_ON;
}

static bool holds_others_only(const struct dlq *d)
{
	return d->letters == 0 && d->others > 0;
}

static int run_ls(struct dlq *d, const char *topic)
{
	d->prints = true;
	int code = look(d);
	if (!choices.json && code == CLI_GO_ON)
		printf("%llu letters\n", (unsigned long long)d->found);
	/* Perhaps another one was meant. A range may have left them out. */
	if (code == CLI_GO_ON && choices.first == 0 && holds_others_only(d))
		fprintf(stderr, "weir: topic \"%s\" holds events and no dead letter\n", topic);
	return code == CLI_GO_ON ? CLI_EXIT_OK : code;
}

static int run_show(struct dlq *d)
{
	d->prints = true;
	d->print.whole = true;
	int code = look(d);
	if (code == CLI_GO_ON && d->found == 0) {
		fprintf(stderr, "weir: there is no letter with sequence %llu in this topic\n",
			(unsigned long long)d->filter.first_sequence);
		return CLI_EXIT_NOT_FOUND;
	}
	return code == CLI_GO_ON ? CLI_EXIT_OK : code;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void report(const struct weir_redrive_progress *progress)
{
	struct json_out j;
	if (!choices.json) {
		printf("%llu letters looked at, %llu matched: %llu redriven in place, %llu by a "
		       "copy, %llu purged%s\n",
		       (unsigned long long)progress->looked, (unsigned long long)progress->matched,
		       (unsigned long long)progress->in_place, (unsigned long long)progress->copied,
		       (unsigned long long)progress->purged, choices.dry_run ? " (a dry run)" : "");
		return;
	}
	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	json_u64(&j, "looked", progress->looked);
	json_u64(&j, "matched", progress->matched);
	json_u64(&j, "in_place", progress->in_place);
	json_u64(&j, "copied", progress->copied);
	json_u64(&j, "purged", progress->purged);
	json_bool(&j, "done", progress->done);
	json_bool(&j, "dry_run", choices.dry_run);
	json_close(&j);
	(void)json_end(&j);
}

/* What a job would do. */
static int run_dry(struct dlq *d, enum weir_redrive_action action)
{
	struct weir_redrive_progress progress = {.done = true};
	int code = look(d);
	uint64_t in_place = d->into == UINT32_MAX ? d->parked : 0;
	progress.looked = progress.matched = d->found;
	if (action == WEIR_REDRIVE_PURGE) {
		progress.purged = d->found;
	} else {
		progress.in_place = in_place;
		progress.copied = d->found - in_place;
	}
	report(&progress);
	return code == CLI_GO_ON ? CLI_EXIT_OK : code;
}

/*
 * Nobody who has the journal open here names dead letters: whether a topic is one of them is told
 * by a job that was over it, or by the letters that it holds. CLI_GO_ON: it is; CLI_EXIT_OK: it is
 * empty, and nothing is to be done with it; or what was told to stderr.
 */
static int is_of_letters(struct dlq *d, const char *topic)
{
	struct dlq probe = {
		.dir = d->dir, .pipeline = d->pipeline, .topic = d->topic, .looks_for_one = true};
	int code = look(&probe);
	if (code != CLI_GO_ON)
		return code;
	if (!holds_others_only(&probe))
		return probe.letters > 0 ? CLI_GO_ON : CLI_EXIT_OK;
	fprintf(stderr,
		"weir: topic \"%s\" holds events and no dead letter: a job over it would keep them "
		"from retention for good; is it another topic, or --force?\n",
		topic);
	return CLI_EXIT_NOT_FOUND;
}

static int run_job(struct dlq *d, enum weir_redrive_action action, const char *topic)
{
	struct weir_redrive_options options;
	struct weir_redrive_progress progress = {.done = true};
	struct weir_problem problem = {0};
	if (choices.dry_run)
		return run_dry(d, action);
	weir_redrive_options_init(&options);
	options.dead_letters = d->topic;
	options.action = action;
	options.to_topic = d->into;
	options.per_second = choices.rate < UINT32_MAX ? (uint32_t)choices.rate : 0;
	options.left_max = 65536;
	options.letters_max = choices.count;
	options.subscription = d->filter.subscription;
	options.reason = d->filter.reason;
	options.key = d->filter.key;
	options.key_bytes = d->filter.key_bytes;
	options.first_sequence = d->filter.first_sequence;
	options.end_sequence =
		d->filter.last_sequence != UINT64_MAX ? d->filter.last_sequence + 1 : UINT64_MAX;
	options.adopt = choices.force;
	int rc = dlq_job_run(d->pipeline, &options, &progress, &problem);
	if (rc == WEIR_E_UNKNOWN_NAME) {
		int code = is_of_letters(d, topic);
		if (code == CLI_EXIT_OK) {
			progress.done = true;
			report(&progress);
		}
		if (code != CLI_GO_ON)
			return code;
		options.adopt = true;
		rc = dlq_job_run(d->pipeline, &options, &progress, &problem);
	}
	report(&progress);
	if (rc == -EINTR)
		return INTERRUPT_EXIT;
	return rc == 0 ? CLI_EXIT_OK
		       : cli_fail(d->dir, rc, problem.text[0] != '\0' ? &problem : NULL);
}

/* --- the group of commands -------------------------------------------------------------------- */

static bool any_is_named(void)
{
	return choices.all || choices.subscription != NULL || choices.key != NULL ||
	       choices.reason != UINT64_MAX || choices.first != 0 || choices.last != UINT64_MAX ||
	       choices.count != 0;
}

static int run(const struct cli_command *command, int which, char **arguments)
{
	struct dlq d = {
		.dir = arguments[0],
		.filter = {.subscription = UINT32_MAX,
			   .reason = choices.reason,
			   .first_sequence = choices.first,
			   .last_sequence = choices.last},
		.print = {.hex = choices.hex, .state.json.is_asked = choices.to_json},
	};
	int code = set_key(&d, command);
	if (code == CLI_GO_ON && which == PURGE && !any_is_named())
		code = cli_usage(command, "say which, or --all");
	if (code == CLI_GO_ON && which == SHOW) {
		const struct cli_option number = {.type = CLI_NUMBER,
						  .target = &d.filter.first_sequence};
		char why[128];
		if (cli_parse_value(&number, arguments[2], why, sizeof why) != 0)
			code = cli_usage(command, "SEQUENCE %s", why);
		d.filter.last_sequence = d.filter.first_sequence;
	}
	if (code == CLI_GO_ON)
		code = owned_open(d.dir, &choices.limits, &d.pipeline);
	if (code == CLI_GO_ON) {
		d.print.pipeline = d.pipeline;
		code = find_names(&d, arguments[1]);
		if (code == CLI_GO_ON)
			code = which == LS      ? run_ls(&d, arguments[1])
			       : which == SHOW  ? run_show(&d)
			       : which == PURGE ? run_job(&d, WEIR_REDRIVE_PURGE, arguments[1])
						: run_job(&d, WEIR_REDRIVE, arguments[1]);
		code = owned_close(d.pipeline, d.dir, code);
	}
	free(d.key);
	payload_json_fini(&d.print.state.json);
	return code;
}

int cmd_dlq(int argc, char **argv)
{
	static const char *const names[] = {"ls", "show", "redrive", "purge", NULL};
	static const struct cli_command group = {
		.name = "dlq",
		.arguments = "ls|show|redrive|purge DIR TOPIC",
		.summary = "Dead letters of a journal that no process has open.",
		.description = "weir dlq ls --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a word that is none of them: complained of below */
	};
	int first = 0, i = 0;

	memset(&choices, 0, sizeof choices);
	choices.reason = choices.last = UINT64_MAX;
	int code = cli_parse_group(&group, names, commands, argc, argv, &i, &first);
	return code != CLI_GO_ON ? code : run(&commands[i], i, argv + first);
}
