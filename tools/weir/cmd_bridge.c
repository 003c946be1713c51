/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bridge ls|status|pause|resume [WHERE] [NAME]`: bridges to other systems, shown and steered
 * by the files of their state_dir: beside the process that has them, and after it has died.
 *
 * Thread: main.
 */
#include <string.h>
#include <time.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/bridge_where.h"
#include "tools/weir/json_out.h"
#include "tools/weir/top/find.h"

#define LOOK_NS 50000000
#define SECOND_NS 1000000000ull

/* One command line a process: the tables point here. */
static struct {
	const char *metrics_dir;
	uint64_t wait_ns;
	bool json;
	bool all;
} choices;

static const struct cli_option look_options[] = {
	FIND_OPTION_DIR(&choices.metrics_dir),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_option steer_options[] = {
	{.name = "all",
	 .type = CLI_FLAG,
	 .target = &choices.all,
	 .help = "all bridges of WHERE, without a NAME"},
	{.name = "wait",
	 .type = CLI_DURATION,
	 .target = &choices.wait_ns,
	 .value_name = "T",
	 .max = 3600 * SECOND_NS,
	 .help = "wait until it is so, for T at most; exit code 1 if it is not"},
	FIND_OPTION_DIR(&choices.metrics_dir),
	CLI_OPTION_JSON(&choices.json),
};

enum { LS, STATUS, PAUSE, RESUME };

#define WHERE_HELP                                                                                 \
	"WHERE is a state_dir, a journal's directory (with bridges beside it, as config files\n"   \
	"have them unless they say otherwise), a config file, or a pipeline's name or process.\n"

static const struct cli_command commands[] = {
	[LS] = {.name = "bridge ls",
		.arguments = "[WHERE]",
		.summary = "List bridges, and how they are.",
		.description = WHERE_HELP "Without it: all pipelines of this user.",
		.options = look_options,
		.option_count = WR_ARRAY_COUNT(look_options),
		.arguments_min = 0,
		.arguments_max = 1},
	[STATUS] = {.name = "bridge status",
		    .arguments = "WHERE [NAME]",
		    .summary = "How bridges are, for people and for scripts.",
		    .description = WHERE_HELP
		    "Exit codes: 0 each runs, connects, or rests as it is to (paused, stopped);\n"
		    "1 one is retrying, or failed, or its process died;\n"
		    "4 there is none such; 11 a newer weir has them.",
		    .options = look_options,
		    .option_count = WR_ARRAY_COUNT(look_options),
		    .arguments_min = 1,
		    .arguments_max = 2},
	[PAUSE] = {.name = "bridge pause",
		   .arguments = "WHERE NAME",
		   .summary = "Have a bridge finish what is under way, and rest.",
		   .description = WHERE_HELP
		   "It stays so over restarts, until `weir bridge resume`; one that does not\n"
		   "run is paused when it starts.",
		   .options = steer_options,
		   .option_count = WR_ARRAY_COUNT(steer_options),
		   .arguments_min = 1,
		   .arguments_max = 2},
	[RESUME] = {.name = "bridge resume",
		    .arguments = "WHERE NAME",
		    .summary =
			    "Have a bridge go on: after a pause, a failure, or without its delay.",
		    .description = WHERE_HELP,
		    .options = steer_options,
		    .option_count = WR_ARRAY_COUNT(steer_options),
		    .arguments_min = 1,
		    .arguments_max = 2},
};

static struct bridge_where where;

/* ---- printing -------------------------------------------------------------------------------- */

static void print_row(const struct bridge_state *s)
{
	char events[CLI_TEXT_BYTES], lag[CLI_TEXT_BYTES];
	const char *why = s->code != 0 ? bridge_state_fault(s) : s->why;
	printf("%-24s %-9s %-7s %-10s %14s %14s%s%s%s\n", s->name, s->system, s->direction,
	       bridge_state_shown(s), cli_text_count(events, s->events),
	       cli_text_count(lag, s->lag_events),
	       s->is_to_pause && strcmp(bridge_state_shown(s), "paused") != 0 ? "  to be paused"
									      : "",
	       why[0] != '\0' ? "  " : "", why);
}

static void print_whole(const char *dir, const struct bridge_state *s)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES], e[CLI_TEXT_BYTES];
	const char *shown = bridge_state_shown(s);
	printf("%s: %s", s->name, shown);
	if (s->code != 0) {
		printf(": %s\n  files   %s\n", bridge_state_fault(s), dir);
		return;
	}
	printf("%s%s%s since %s%s\n", strcmp(shown, "dead") == 0 ? ", it was " : "",
	       strcmp(shown, "dead") == 0 ? s->state : "", strcmp(shown, "dead") == 0 ? "," : "",
	       cli_text_time(a, s->since_us),
	       s->is_to_pause && strcmp(shown, "paused") != 0 ? ", to be paused" : "");
	printf("  %s %s, process %llu%s\n", s->system, s->direction, (unsigned long long)s->process,
	       s->is_alive ? "" : " (gone)");
	printf("  moved   %s events, %s; %s were there already, %s given up\n",
	       cli_text_count(a, s->events), cli_text_bytes(b, s->bytes),
	       cli_text_count(c, s->repeats), cli_text_count(e, s->dead_letters));
	printf("  behind  %s events, the oldest %s old\n", cli_text_count(a, s->lag_events),
	       cli_text_ns(b, s->lag_time_ns));
	if (s->attempts > 0)
		printf("  failed  %s attempts since it last ran\n", cli_text_count(a, s->attempts));
	if (s->why[0] != '\0')
		printf("  why     %s\n", s->why);
	printf("  files   %s\n", dir);
}

static void put_json(struct json_out *j, const char *dir, const struct bridge_state *s)
{
	json_object(j, NULL);
	json_text(j, "name", s->name);
	json_text(j, "dir", dir);
	json_text(j, "state", bridge_state_shown(s));
	json_bool(j, "alive", s->is_alive);
	json_bool(j, "to_pause", s->is_to_pause);
	json_bool(j, "well", bridge_state_is_well(s));
	if (s->code != 0) {
		json_text(j, "fault", bridge_state_fault(s));
		json_close(j);
		return;
	}
	json_text(j, "said", s->state);
	json_text(j, "system", s->system);
	json_text(j, "direction", s->direction);
	json_text(j, "why", s->why[0] != '\0' ? s->why : NULL);
	json_u64(j, "since_us", s->since_us);
	json_u64(j, "process", s->process);
	json_u64(j, "events", s->events);
	json_u64(j, "bytes", s->bytes);
	json_u64(j, "repeats", s->repeats);
	json_u64(j, "dead_letters", s->dead_letters);
	json_u64(j, "attempts", s->attempts);
	json_u64(j, "lag_events", s->lag_events);
	json_u64(j, "lag_time_ns", s->lag_time_ns);
	json_close(j);
}

/* `only`: of that name; NULL: all. */
static void print(bool whole, const char *only)
{
	struct json_out j;
	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_object(&j, NULL);
		json_array(&j, "bridges");
	} else if (!whole) {
		printf("%-24s %-9s %-7s %-10s %14s %14s\n", "bridge", "system", "way", "state",
		       "events", "behind");
	}
	for (uint32_t d = 0; d < where.count; d++)
		for (uint32_t i = 0; i < where.dirs[d].count; i++) {
			const struct bridge_state *s = &where.dirs[d].items[i];
			if (only != NULL && strcmp(s->name, only) != 0)
				continue;
			if (choices.json)
				put_json(&j, where.dirs[d].dir, s);
			else if (whole)
				print_whole(where.dirs[d].dir, s);
			else
				print_row(s);
		}
	if (!choices.json)
		return;
	json_close(&j);
	json_close(&j);
	(void)json_end(&j);
}

/* The worst of them. */
static int judge(const char *only)
{
	int exit_code = CLI_EXIT_OK;
	for (uint32_t d = 0; d < where.count; d++)
		for (uint32_t i = 0; i < where.dirs[d].count; i++) {
			const struct bridge_state *s = &where.dirs[d].items[i];
			if (bridge_state_is_well(s) || (only != NULL && strcmp(s->name, only) != 0))
				continue;
			exit_code = CLI_EXIT_FAILED;
			if (s->code != 0)
				return (int)cli_exit_of(s->code);
		}
	return exit_code;
}

/* ---- steering -------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* A failure from before the wish is none of this attempt's. */
static bool has_failed_anew(const struct bridge_state *s, uint64_t since_us)
{
	return strcmp(bridge_state_shown(s), "failed") == 0 && s->since_us != since_us;
}

/* True: it is as it was asked to be. */
static bool wait_for(const char *dir, struct bridge_state *s, bool pause)
{
	const struct timespec moment = {.tv_nsec = LOOK_NS};
	const char *wanted = pause ? "paused" : "running";
	uint64_t end_ns = now_ns() + choices.wait_ns;
	uint64_t since_us = s->since_us;
	for (;;) {
		bridge_state_look(dir, s);
		if (strcmp(bridge_state_shown(s), wanted) == 0)
			return true;
		if (now_ns() >= end_ns || !s->is_alive || (!pause && has_failed_anew(s, since_us)))
			return false;
		(void)nanosleep(&moment, NULL);
	}
}

static int steer(const char *dir, struct bridge_state *s, bool pause)
{
	int rc = pause ? bridge_state_pause(dir, s) : bridge_state_resume(dir, s);
	if (rc < 0) {
		fprintf(stderr, "weir: %s/%s: %s\n", dir, s->name, weir_strerror(rc));
		return (int)cli_exit_of(rc);
	}
	bridge_state_look(dir, s);
	if (!s->is_alive && !choices.json)
		printf("%s: it does not run now; %s\n", s->name,
		       pause ? "it will be paused when it starts" : "it will not be paused");
	if (choices.wait_ns == 0 || !s->is_alive || wait_for(dir, s, pause))
		return CLI_EXIT_OK;
	fprintf(stderr, "weir: %s: it is not %s, but %s%s%s\n", s->name,
		pause ? "paused" : "running", bridge_state_shown(s), s->why[0] != '\0' ? ": " : "",
		s->why);
	return CLI_EXIT_FAILED;
}

/* The wish for all of them, then the wait for each. */
static int steer_all(bool pause)
{
	int exit_code = CLI_EXIT_OK;
	for (uint32_t d = 0; d < where.count; d++)
		for (uint32_t i = 0; i < where.dirs[d].count; i++) {
			int code = steer(where.dirs[d].dir, &where.dirs[d].items[i], pause);
			exit_code = exit_code == CLI_EXIT_OK ? code : exit_code;
		}
	return exit_code;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int no_such(const char *in, const char *name, const char *nearest)
{
	fprintf(stderr, "weir: %s: there is no bridge \"%s\"%s%s%s\n", in, name,
		nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "?" : "");
	return CLI_EXIT_NOT_FOUND;
}

static int run_named(int which, const char *in, const char *name)
{
	const char *dir = NULL, *nearest = NULL;
	struct bridge_state *s = bridge_where_find(&where, name, &dir, &nearest);
	if (s == NULL)
		return no_such(in, name, nearest);
	if (which == STATUS) {
		print(true, name);
		return judge(name);
	}
	int code = steer(dir, s, which == PAUSE);
	if (choices.json || s->is_alive)
		print(false, name);
	return code;
}

static int run(int which, int argc, char **argv)
{
	const struct cli_command *command = &commands[which];
	const char *in = argc > 0 ? argv[0] : NULL;
	if ((which == PAUSE || which == RESUME) && choices.all != (argc < 2))
		return cli_usage(command, argc < 2 ? "which bridge? Its NAME, or --all"
						   : "a NAME or --all, not both");
	int code = bridge_where_read(&where, choices.metrics_dir, in);
	if (code == CLI_GO_ON && argc > 1) {
		code = run_named(which, in, argv[1]);
	} else if (code == CLI_GO_ON) {
		code = which == PAUSE || which == RESUME ? steer_all(which == PAUSE) : CLI_EXIT_OK;
		print(which == STATUS, NULL);
		code = which == STATUS ? judge(NULL) : code;
	}
	bridge_where_free(&where);
	return code;
}

int cmd_bridge(int argc, char **argv)
{
	static const char *const names[] = {"ls", "status", "pause", "resume", NULL};
	static const struct cli_command group = {
		.name = "bridge",
		.arguments = "ls|status|pause|resume WHERE",
		.summary = "Bridges to other systems: how they are, and steering them.",
		.description = "weir bridge ls --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a word that is none of them: complained of below */
	};
	int first = 0, i = 0;

	memset(&choices, 0, sizeof choices);
	int code = cli_parse_group(&group, names, commands, argc, argv, &i, &first);
	return code != CLI_GO_ON ? code : run(i, argc - first, argv + first);
}
