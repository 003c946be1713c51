/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages of a config in programs that run them: a text in, running stages out. What cannot be set
 * up ends the program.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_STAGES_BED_H
#define WR_TESTS_STAGES_BED_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/stages.h>

#include "tests/support/real_data.h"

#define SECOND UINT64_C(1000000000)
#define LONG (300 * SECOND)

static char why_text[256];

static inline void must(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s: %s\n", what, why_text);
	exit(1);
}

static inline struct weir_config *parse(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
static inline struct weir_config *parse(const char *format, ...)
{
	char text[8000];
	char report[4000];
	struct weir_config *config;
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	int rc = weir_config_parse("stages", text, strlen(text), 0, &config, NULL);
	if (rc > 0) {
		weir_config_report(config, report, sizeof report);
		printf("%s", report);
	}
	must(rc == 0, "parse");
	return config;
}

static inline struct weir_stages *open_stages(const struct weir_config *config,
					      const struct weir_stage_function *functions,
					      uint32_t count)
{
	struct weir_stages *stages = NULL;
	struct weir_problem why = {0};
	int rc = weir_stages_open(config, functions, count, &stages, &why);
	(void)snprintf(why_text, sizeof why_text, "%s", why.text);
	must(rc == 0, "open");
	return stages;
}

#endif
