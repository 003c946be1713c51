/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to the user in words: problems, and lines for log_fn. */
#include <stdarg.h>
#include <stdio.h>

#include "core/pipeline/metrics.h"
#include "core/pipeline/pipeline.h"

void wr_pipeline_say(struct weir_pipeline *p, const char *format, ...)
{
	char text[256];
	va_list arguments;
	if (p->options.log_fn == NULL && p->metrics == NULL)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	wr_metrics_say(p, 0, text);
	if (p->options.log_fn != NULL)
		p->options.log_fn(p->options.log_context, text);
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
