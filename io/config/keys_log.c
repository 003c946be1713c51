/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of log: which lines weir and `weir run` say, and how they look. */
#include <stddef.h>

#include "io/config/keys_inner.h"

static const struct wr_config_choice level_choices[] = {
	{"off", WEIR_LOG_OFF, "nothing"},
	{"error", WEIR_LOG_ERROR, "what stays so until somebody acts"},
	{"warning", WEIR_LOG_WARNING, "and what is not as it should be"},
	{"info", WEIR_LOG_INFO, "and what changed"},
	{"debug", WEIR_LOG_DEBUG, "and what explains the others"},
	{0},
};

static const struct wr_config_choice format_choices[] = {
	{"text", WEIR_LOG_AS_TEXT, "for people"},
	{"json", WEIR_LOG_AS_JSON, "an object a line, with fields"},
	{0},
};

static const struct wr_config_key log_keys[] = {
	{.name = "level",
	 OPTION(log_limits.level),
	 .type = WR_CONFIG_CHOICE,
	 .choices = level_choices,
	 .fallback = "info",
	 .live = true,
	 .doc = "Which lines there are: this level and worse; a reload changes it"},
	{.name = "format",
	 VALUE(log_format),
	 .type = WR_CONFIG_CHOICE,
	 .choices = format_choices,
	 .fallback = "text",
	 .live = true,
	 .doc = "Of `weir run`: how they look on standard error; a reload changes it"},
	{.name = "burst",
	 OPTION(log_limits.burst),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1000000,
	 .fallback = "20",
	 .live = true,
	 .doc = "Lines of one event that may come at once; a reload changes it"},
	{.name = "rate",
	 OPTION(log_limits.rate_per_s),
	 .type = WR_CONFIG_COUNT,
	 .max = 1000000,
	 .fallback = "1",
	 .live = true,
	 .doc = "Lines of one event a second after that; 0: they are not limited; a reload changes "
		"it"},
	{0},
};

const struct wr_config_section wr_config_log = {.keys = log_keys};
