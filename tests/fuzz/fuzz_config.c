/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a hostile config file never crashes, hangs, leaks or reads out of bounds; what is said of
 *         it is in order; and what is taken means the same when it is read back.
 * Method: the input is the file. Its findings must have places that exist, sorted, and a report
 *         without control characters. A file without errors is explained, the explanation is read
 *         as a file, and its explanation in turn must say the same, byte for byte: every value has
 *         the form that it is written in. Replayed by replay.c.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weir/config.h>

#include "core/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

static struct weir_config *parse(const char *text, size_t bytes, int *ret_errors)
{
	struct weir_config *config = NULL;
	*ret_errors =
		weir_config_parse("fuzz", text, bytes, WEIR_CONFIG_ANY_MACHINE, &config, NULL);
	WR_ASSERT(*ret_errors >= 0 || bytes > WEIR_CONFIG_BYTES_MAX);
	return config;
}

static void check_findings(const struct weir_config *config, int errors, uint32_t line_max)
{
	uint32_t count = 0;
	uint32_t error_count = 0;
	const struct weir_config_diagnostic *d = weir_config_diagnostics(config, &count);
	for (uint32_t i = 0; i < count; i++) {
		WR_ASSERT(d[i].line >= 1 && d[i].line <= line_max);
		WR_ASSERT(d[i].column >= 1 && d[i].columns >= 1);
		WR_ASSERT(d[i].text[0] != '\0');
		WR_ASSERT(i == 0 || d[i].line > d[i - 1].line ||
			  (d[i].line == d[i - 1].line && d[i].column >= d[i - 1].column));
		error_count += d[i].severity == WEIR_CONFIG_ERROR ? 1 : 0;
	}
	WR_ASSERT(error_count == (uint32_t)errors || count == 100);
	WR_ASSERT((weir_config_options(config) == NULL) == (errors > 0));
}

static void check_report(const struct weir_config *config)
{
	size_t bytes = weir_config_report(config, NULL, 0);
	char *text = malloc(bytes + 1);
	WR_ASSERT(text != NULL && weir_config_report(config, text, bytes + 1) == bytes);
	WR_ASSERT(strlen(text) == bytes);
	for (size_t i = 0; i < bytes; i++)
		WR_ASSERT((uint8_t)text[i] >= 0x20 || text[i] == '\n' || text[i] == '\t');
	free(text);
}

static char *explain(const struct weir_config *config, size_t *ret_bytes)
{
	size_t bytes = weir_config_explain(config, NULL, NULL, 0);
	char *text = malloc(bytes + 1);
	WR_ASSERT(bytes > 0 && text != NULL);
	WR_ASSERT(weir_config_explain(config, NULL, text, bytes + 1) == bytes);
	*ret_bytes = bytes;
	return text;
}

/* The explanation of an explanation; frees the latter. */
static char *explain_again(char *text, size_t *bytes)
{
	int errors;
	struct weir_config *config = parse(text, *bytes, &errors);
	WR_ASSERT(errors == 0);
	free(text);
	text = explain(config, bytes);
	weir_config_destroy(config);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	int errors;
	uint32_t line_max = 1;
	struct weir_config *config = parse((const char *)bytes, length_bytes, &errors);
	if (config == NULL)
		return 0;
	for (size_t i = 0; i < length_bytes; i++)
		line_max += bytes[i] == '\n' || bytes[i] == '\r' ? 1 : 0;
	check_findings(config, errors, line_max);
	check_report(config);
	if (errors == 0) {
		size_t first_bytes;
		size_t second_bytes;
		char *first = explain_again(explain(config, &first_bytes), &first_bytes);
		char *copy = malloc(first_bytes + 1);
		WR_ASSERT(copy != NULL);
		memcpy(copy, first, first_bytes + 1);
		second_bytes = first_bytes;
		char *second = explain_again(copy, &second_bytes);
		WR_ASSERT(first_bytes == second_bytes && memcmp(first, second, first_bytes) == 0);
		free(first);
		free(second);
	}
	weir_config_destroy(config);
	return 0;
}
