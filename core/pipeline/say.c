/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to the user in words: problems, and lines for log_fn. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/pipeline/metrics.h"
#include "core/pipeline/pipeline.h"

/* How often the group step tells of lines that were held back. */
#define HELD_BACK_NS 1000000000u

static struct wr_line_time line_time(struct weir_pipeline *p)
{
	return (struct wr_line_time){.mono_ns = wr_clock_mono_ns(p->host.clock),
				     .wall_ns = wr_clock_wall_ns(p->host.clock)};
}

void wr_pipeline_say(struct weir_pipeline *p, enum wr_event event,
		     const struct weir_log_field *fields, uint32_t field_count, const char *format,
		     ...)
{
	char text[WR_LINE_TEXT_BYTES];
	va_list arguments;
	if (p->metrics == NULL && !wr_speaker_hears(&p->speaker, event))
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	wr_metrics_say(p, 0, text);
	wr_speaker_say(&p->speaker, line_time(p), event, fields, field_count, text);
}

void wr_pipeline_say_at_open(struct weir_pipeline *p, enum wr_event event,
			     const struct weir_log_field *fields, uint32_t field_count,
			     const char *format, ...)
{
	char text[WR_LINE_TEXT_BYTES];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	wr_speaker_say(&p->speaker, line_time(p), event, fields, field_count, text);
}

int wr_log_limits_check(const struct weir_log_limits *limits, const char *name,
			struct weir_problem *problem)
{
	const char *fault = wr_log_limits_fault(limits);
	char field[sizeof problem->field];
	if (fault == NULL)
		return 0;
	(void)snprintf(field, sizeof field, "%s%s%s", name, name[0] != '\0' ? "." : "", fault);
	return wr_problem_set(problem, -EINVAL, field,
			      fault[0] == 'l'   ? "not a level"
			      : fault[0] == 'b' ? "out of range: 1 to 1000000"
						: "out of range: 0 to 1000000");
}

int weir_pipeline_log_set(struct weir_pipeline *pipeline, const struct weir_log_limits *limits,
			  struct weir_problem *reterr_problem)
{
	int rc = wr_log_limits_check(limits, "", reterr_problem);
	if (rc == 0)
		wr_speaker_limit(&pipeline->speaker, limits);
	return rc;
}

void wr_pipeline_say_error(struct weir_pipeline *p, enum wr_event event, int code, const char *text)
{
	wr_metrics_say(p, code, text);
	wr_speaker_say(&p->speaker, line_time(p), event, WR_FIELDS(wr_field_code(code)), text);
}

uint64_t wr_pipeline_tell_held_back(struct weir_pipeline *p, uint64_t now_ns)
{
	if (!wr_speaker_holds_back(&p->speaker)) {
		p->held_back_ns = now_ns + HELD_BACK_NS;
		return UINT64_MAX;
	}
	if (now_ns >= p->held_back_ns) {
		wr_speaker_tell_suppressed(&p->speaker, line_time(p), false);
		p->held_back_ns = now_ns + HELD_BACK_NS;
	}
	return p->held_back_ns - now_ns;
}

void wr_pipeline_end_lines(struct weir_pipeline *p)
{
	wr_speaker_tell_suppressed(&p->speaker, line_time(p), true);
}

int wr_problem_set(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem == NULL)
		return code;
	problem->code = code;
	size_t i = 0;
	for (; field[i] != '\0' && i < sizeof problem->field - 1; i++)
		problem->field[i] = field[i];
	problem->field[i] = '\0';
	for (i = 0; text[i] != '\0' && i < sizeof problem->text - 1; i++)
		problem->text[i] = text[i];
	problem->text[i] = '\0';
	return code;
}

int wr_problem_in_words(struct weir_problem *problem, int code)
{
	return code == 0 ? 0 : wr_problem_set(problem, code, "", weir_strerror(code));
}
