/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines by table: one array of struct cli_option for each command says name, type, where
 * the value goes, the default and the help. From it come parsing (getopt_long), --help, the check
 * of ranges and the "did you mean". So that what the help says is what the program does.
 *
 *   static const char *const modes[] = {"auto", "uring", "posix", NULL};
 *   const struct cli_option options[] = {
 *           {.name = "seconds", .type = CLI_DURATION, .target = &length_ns, .fallback = "15s",
 *            .value_name = "N", .help = "how long to run"},
 *           {.name = "io", .type = CLI_ENUM, .target = &io, .choices = modes, .fallback = "auto",
 *            .help = "storage backend"},
 *           CLI_OPTION_JSON(&json),
 *   };
 *   const struct cli_command command = {.name = "demo", .summary = "...", .options = options,
 *                                       .option_count = 3};
 *   int first = 0;
 *   int exit_code = cli_parse(&command, argc, argv, &first);
 *   if (exit_code != CLI_GO_ON)
 *           return exit_code;
 *
 * --help, --version and --no-color are understood by every command. argv[0] is the command's own
 * word; arguments that are not options are argv[first] .. argv[argc - 1] afterwards.
 *
 * Thread: main, before any other is started (getopt_long keeps its state in globals).
 */
#ifndef WEIR_TOOLS_ARGS_H
#define WEIR_TOOLS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weir/error.h>

/* What a process of weir says to the shell. */
enum cli_exit {
	CLI_EXIT_OK = 0,
	CLI_EXIT_FAILED = 1,
	CLI_EXIT_USAGE = 2,
	CLI_EXIT_CONFIG = 3,
	CLI_EXIT_NOT_FOUND = 4,
	CLI_EXIT_IN_USE = 5,
	CLI_EXIT_DAMAGE = 6,
	CLI_EXIT_IO = 7,
	CLI_EXIT_SCHEMA = 8,
	CLI_EXIT_THRESHOLD = 9,
	CLI_EXIT_DEGRADED = 10,
	CLI_EXIT_FORMAT = 11,
	CLI_EXIT_UNDRAINED = 12,
};

#define CLI_GO_ON (-1)          /* cli_parse: the options are set, run the command */
#define CLI_RATE_MAX UINT64_MAX /* what a CLI_RATE is for "max" */
#define CLI_OPTIONS_MAX 40

enum cli_type {
	CLI_FLAG,     /* bool; takes no value */
	CLI_NUMBER,   /* uint64_t; "1000000", "1_000_000", "5M" (decimal K, M, G) */
	CLI_SIZE,     /* uint64_t bytes; "4096", "64KiB", "1.5GiB"; K and KB mean KiB */
	CLI_DURATION, /* uint64_t ns; "250us", "1.5s", "2m", "1h"; a bare number is seconds */
	CLI_RATE,     /* uint64_t a second; as CLI_NUMBER, or "max": CLI_RATE_MAX */
	CLI_STRING,   /* const char *; not empty */
	CLI_ENUM,     /* unsigned: index in `choices` */
	CLI_POINT,    /* struct cli_point: a place in a log */
	CLI_STRINGS,  /* struct cli_strings; not empty, may be given several times */
	CLI_WORDS,    /* const char *; may be empty: an empty key is a key */
};

/* A place in a log: "4711", "2026-01-31T12:00:00Z" (offset or Z; no zone: UTC), "-5m". */
enum cli_point_kind { CLI_POINT_NONE = 0, CLI_POINT_SEQUENCE, CLI_POINT_TIME, CLI_POINT_AGO };

struct cli_point {
	enum cli_point_kind kind;
	uint64_t value; /* sequence; µs since 1970; ns before now */
};

#define CLI_STRINGS_MAX 16u

struct cli_strings {
	const char *items[CLI_STRINGS_MAX];
	uint32_t count;
};

struct cli_option {
	const char *name; /* without dashes */
	char short_name;  /* 0: none */
	enum cli_type type;
	void *target;           /* what the type says; written only when given, or by `fallback` */
	const char *fallback;   /* the default, parsed as if it were given; NULL: target stays */
	const char *value_name; /* in the help; NULL: one by type */
	const char *help;
	const char *const *choices; /* CLI_ENUM: NULL ends */
	uint64_t min;               /* for numbers */
	uint64_t max;               /* 0: none */
};

#define CLI_OPTION_JSON(to)                                                                        \
	{                                                                                          \
		.name = "json", .type = CLI_FLAG, .target = (to),                                  \
		.help = "print one JSON document instead of text"                                  \
	}

struct cli_command {
	const char *name;        /* after "weir": "demo", "journal dump" */
	const char *arguments;   /* "DIR"; NULL: takes none */
	const char *summary;     /* one line */
	const char *description; /* more lines for --help, or NULL */
	const struct cli_option *options;
	size_t option_count; /* at most CLI_OPTIONS_MAX */
	int arguments_min;
	int arguments_max;
};

/*
 * Sets defaults, then what was given. CLI_GO_ON; CLI_EXIT_OK after --help or --version (printed to
 * stdout); CLI_EXIT_USAGE after a complaint (to stderr). argv may be reordered.
 */
int cli_parse(const struct cli_command *command, int argc, char **argv, int *ret_first);

/* Was this option on the command line of the last cli_parse (not just its default)? */
bool cli_given(const struct cli_command *command, const char *name);

void cli_print_help(const struct cli_command *command, FILE *to);
void cli_print_version(FILE *to);

/*
 * One value of a type into `option->target`. 0, or -EINVAL with the reason in `why` (for people:
 * "is not a size: ...").
 */
int cli_parse_value(const struct cli_option *option, const char *text, char *why, size_t why_bytes);

/* Bytes from digits, with 0x before them or not, to be freed; NULL: it is something else. */
uint8_t *cli_unhex(const char *text, size_t *ret_bytes);

/* "weir: TEXT" to stderr, then "try ..." : CLI_EXIT_USAGE. */
int cli_usage(const struct cli_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Which of `names` (NULL ends) argv[1] is: its place, or -1: then cli_no_such(). */
int cli_which(const char *const *names, int argc, char **argv);
/*
 * The end of a command that is a group of others (`names`; NULL ends): argv[1] is none of them. Its
 * help and version, or the complaint, with the name that is nearest.
 */
int cli_no_such(const struct cli_command *group, const char *const *names, int argc, char **argv);

/*
 * Reads the command line of a group: which of `commands` (in the order of `names`) argv[1] is, and
 * its options. CLI_GO_ON: *ret_which is its place and argv[*ret_first] its first argument; else the
 * exit code.
 */
int cli_parse_group(const struct cli_command *group, const char *const *names,
		    const struct cli_command *commands, int argc, char **argv, int *ret_which,
		    int *ret_first);

/* "weir: what: why (CODE)" to stderr; the exit code of a weir code. problem may be NULL. */
int cli_fail(const char *what, int code, const struct weir_problem *problem);
enum cli_exit cli_exit_of(int code);

/* May escape sequences go to `to`? A terminal, no NO_COLOR, no --no-color, TERM not "dumb". */
bool cli_color(FILE *to);

/* Columns of the terminal behind `to`; 100 when it is none. */
int cli_columns(FILE *to);

/*
 * Numbers for people, into `to`, which is returned. "1 234 567"; "64.0 MiB"; "5.00 M";
 * "12.3 us" from ns; "2026-01-31T12:00:00.000000Z" from µs since 1970 ("-" for 0).
 */
#define CLI_TEXT_BYTES 40
char *cli_text_count(char to[CLI_TEXT_BYTES], uint64_t n);
char *cli_text_bytes(char to[CLI_TEXT_BYTES], uint64_t bytes);
char *cli_text_rate(char to[CLI_TEXT_BYTES], double a_second);
char *cli_text_ns(char to[CLI_TEXT_BYTES], uint64_t ns);
char *cli_text_time(char to[CLI_TEXT_BYTES], uint64_t time_us);

/* The commands. argv[0] is the command's word. They return an exit code. */
int cmd_bridge(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_archive(int argc, char **argv);
int cmd_dlq(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_group(int argc, char **argv);
int cmd_journal(int argc, char **argv);
int cmd_journal_audit(int argc, char **argv);  /* of cmd_journal() */
int cmd_journal_erase(int argc, char **argv);  /* likewise */
int cmd_journal_backup(int argc, char **argv); /* the same: backup and restore */
int cmd_bench(int argc, char **argv);
int cmd_bench_all(int argc, char **argv); /* of cmd_bench(), as those below */
int cmd_bench_journal(int argc, char **argv);
int cmd_bench_pipeline(int argc, char **argv);
int cmd_bench_everything(int argc, char **argv);
int cmd_bench_replay(int argc, char **argv);
int cmd_bench_ring(int argc, char **argv);
int cmd_bench_stall(int argc, char **argv);
int cmd_lag(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_serve(int argc, char **argv); /* where libweir-serve is (WR_HAVE_SERVE) */
int cmd_torture(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_topic(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_route(int argc, char **argv);
int cmd_route_bench(int argc, char **argv); /* of cmd_route(), as the next one */
int cmd_route_test(int argc, char **argv);
/* Where libweir-config is (WR_HAVE_CONFIG). */
int cmd_config(int argc, char **argv);
int cmd_config_diff(int argc, char **argv); /* of cmd_config() */
int cmd_config_plan(int argc, char **argv); /* the same */
int cmd_topology(int argc, char **argv);
int cmd_run(int argc, char **argv);

/*
 * Whoever starts a program with a standard stream closed leaves its number to the next file that is
 * opened: what is said would be written into a segment of the journal. The stream gets a file that
 * refuses instead: standard input cannot be read, standard output and error cannot be written.
 */
void cli_fill_standard_streams(void);

#endif
