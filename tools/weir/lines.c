/* SPDX-License-Identifier: Apache-2.0 */
/* See lines.h. */
#include "tools/weir/lines.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000u
#define LINE_BYTES 4096u
#define CLOSE_NS (2ull * NS_PER_S)

/* In the order of enum weir_log_level, one further. */
const char *const lines_levels[] = {"default", "off", "error", "warning", "info", "debug", NULL};
/* In the order of enum weir_log_format. */
const char *const lines_formats[] = {"default", "text", "json", NULL};

static struct {
	struct weir_log_writer *writer; /* NULL: not open */
	struct wr_speaker speaker;
	wr_atomic_u32 format;  /* enum weir_log_format */
	wr_atomic_u32 showing; /* somebody has shown progress */
	/* Lines and progress are one after another; lines take it only where there is progress. */
	pthread_mutex_t lock;
	bool line_is_open; /* under `lock` */
} lines = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct wr_line_time now(void)
{
	struct timespec mono, wall;
	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	return (struct wr_line_time){
		.mono_ns = (uint64_t)mono.tv_sec * NS_PER_S + (uint64_t)mono.tv_nsec,
		.wall_ns = (uint64_t)wall.tv_sec * NS_PER_S + (uint64_t)wall.tv_nsec};
}

void lines_choose(const struct lines_choices *choices, struct weir_log_limits *limits,
		  enum weir_log_format *format)
{
	if (choices->level != LINES_UNSET)
		limits->level = (enum weir_log_level)(choices->level - 1);
	if (choices->format != LINES_UNSET)
		*format = (enum weir_log_format)choices->format;
}

int lines_open(const char *pipeline, const struct weir_log_limits *limits,
	       enum weir_log_format format)
{
	struct weir_log_writer_options options;
	weir_log_writer_options_init(&options);
	options.format = format;
	wr_store_relaxed(&lines.format, (uint32_t)format);
	wr_store_relaxed(&lines.showing, 0u);
	lines.line_is_open = false;
	wr_speaker_init(&lines.speaker, lines_take, NULL, pipeline, limits);
	return weir_log_writer_open(&options, &lines.writer, NULL);
}

void lines_set(const struct weir_log_limits *limits, enum weir_log_format format)
{
	wr_speaker_limit(&lines.speaker, limits);
	wr_store_relaxed(&lines.format, (uint32_t)format);
	(void)weir_log_writer_set_format(lines.writer, format);
}

void lines_close(void)
{
	if (lines.writer == NULL)
		return;
	wr_speaker_tell_suppressed(&lines.speaker, now(), true);
	weir_log_writer_close(lines.writer, CLOSE_NS);
	lines.writer = NULL;
}

enum weir_log_format lines_format(void)
{
	return (enum weir_log_format)wr_load_relaxed(&lines.format);
}

void lines_say(enum wr_event event, const struct weir_log_field *fields, uint32_t field_count,
	       const char *format, ...)
{
	char text[1024];
	va_list list;
	va_start(list, format);
	(void)vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (lines.writer != NULL)
		wr_speaker_say(&lines.speaker, now(), event, fields, field_count, text);
	else
		fprintf(stderr, "weir: %s\n", text);
}

int lines_fail(enum wr_event event, const char *what, int code, const struct weir_problem *problem)
{
	bool told = problem != NULL && problem->text[0] != '\0';
	bool has_field = told && problem->field[0] != '\0';
	if (lines.writer == NULL)
		return cli_fail(what, code, problem);
	lines_say(event,
		  WR_FIELDS(wr_field_text("what", what), wr_field_code(code),
			    wr_field_text("field", has_field ? problem->field : NULL)),
		  "%s: %s%s%s (%s)", what, has_field ? problem->field : "", has_field ? ": " : "",
		  told ? problem->text : weir_strerror(code), weir_error_name(code));
	return (int)cli_exit_of(code);
}

/* Above the progress line: that is taken away, and comes again when it is shown next. */
static void take_above(const struct weir_log_line *line)
{
	static const char away[] = "\r\033[K";
	char text[sizeof away - 1 + LINE_BYTES];
	pthread_mutex_lock(&lines.lock);
	size_t before = lines.line_is_open ? sizeof away - 1 : 0;
	memcpy(text, away, before);
	size_t bytes = weir_log_format(lines_format(), line, text + before, LINE_BYTES);
	lines.line_is_open = false;
	(void)weir_log_writer_put(lines.writer, text, before + bytes);
	pthread_mutex_unlock(&lines.lock);
}

void lines_take(void *context, const struct weir_log_line *line)
{
	char text[LINE_BYTES];
	(void)context;
	if (lines.writer == NULL) {
		size_t bytes = weir_log_format(WEIR_LOG_AS_TEXT, line, text, sizeof text);
		(void)fwrite(text, 1, bytes, stderr);
	} else if (wr_load_relaxed(&lines.showing) == 0) {
		weir_log_writer_take(lines.writer, line);
	} else {
		take_above(line);
	}
}

void lines_tell_suppressed(void)
{
	wr_speaker_tell_suppressed(&lines.speaker, now(), false);
}

void lines_show(const char *text)
{
	char shown[LINE_BYTES];
	if (lines.writer == NULL)
		return;
	wr_store_relaxed(&lines.showing, 1u);
	pthread_mutex_lock(&lines.lock);
	int bytes = 0;
	if (text != NULL)
		bytes = snprintf(shown, sizeof shown, "\r%.4000s\033[K", text);
	else if (lines.line_is_open)
		bytes = snprintf(shown, sizeof shown, "\r\033[K");
	lines.line_is_open = text != NULL;
	if (bytes > 0)
		(void)weir_log_writer_put(lines.writer, shown, (size_t)bytes);
	pthread_mutex_unlock(&lines.lock);
}

void lines_put(const char *text, size_t bytes)
{
	if (lines.writer != NULL)
		(void)weir_log_writer_put(lines.writer, text, bytes);
	else
		(void)fwrite(text, 1, bytes, stderr);
}
