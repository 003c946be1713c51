/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command that goes on says while it runs: lines (weir/log.h) to standard error, by a thread
 * that writes, so that a pipe that nobody reads holds up nobody; and a progress line below them.
 *
 * Before lines_open() and after lines_close() a line is written where it is said, as text.
 *
 * Thread: any, but for lines_open() and lines_close(), which are main's.
 */
#ifndef WEIR_TOOLS_LINES_H
#define WEIR_TOOLS_LINES_H

#include <stdbool.h>

#include "core/lines/lines.h"
#include "tools/weir/args.h"

/* --log-level and --log-format. */
struct lines_choices {
	unsigned level;  /* LINES_UNSET: as the config says, or info */
	unsigned format; /* LINES_UNSET: as the config says, or text */
};

extern const char *const lines_levels[];
extern const char *const lines_formats[];

/* Of the tables above: what was not said. */
enum { LINES_UNSET = 0 };

#define LINES_OPTIONS(of)                                                                          \
	{.name = "log-level",                                                                      \
	 .type = CLI_ENUM,                                                                         \
	 .target = &(of).level,                                                                    \
	 .choices = lines_levels,                                                                  \
	 .fallback = "default",                                                                    \
	 .help = "lines of this level and worse"},                                                 \
	{                                                                                          \
		.name = "log-format", .type = CLI_ENUM, .target = &(of).format,                    \
		.choices = lines_formats, .fallback = "default",                                   \
		.help = "how lines look on standard error"                                         \
	}

/* What was chosen on the command line, over what the config says. */
void lines_choose(const struct lines_choices *choices, struct weir_log_limits *limits,
		  enum weir_log_format *format);

/* 0 or -errno. `pipeline`: its name, or NULL. */
int lines_open(const char *pipeline, const struct weir_log_limits *limits,
	       enum weir_log_format format);
/* Other limits and another format from now on. */
void lines_set(const struct weir_log_limits *limits, enum weir_log_format format);
/* Writes what is left, for a moment, and ends. */
void lines_close(void);

enum weir_log_format lines_format(void);

/* A line of this command's; the fields are WR_FIELDS(...) or WR_NO_FIELDS. */
void lines_say(enum wr_event event, const struct weir_log_field *fields, uint32_t field_count,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* cli_fail() as a line of `event`: what failed, and how. The exit code. */
int lines_fail(enum wr_event event, const char *what, int code, const struct weir_problem *problem);

/* A line of weir's: a weir_log_fn without context. */
void lines_take(void *context, const struct weir_log_line *line);

/* To be called now and then: what was held back is told. */
void lines_tell_suppressed(void);

/* The progress line, rewritten; NULL takes it away. On a terminal only: the caller has looked. */
void lines_show(const char *text);

/* Text as it is, in order with lines: a report. */
void lines_put(const char *text, size_t bytes);

#endif
