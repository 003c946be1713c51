/* SPDX-License-Identifier: Apache-2.0 */
/* Config files in tests. */
#include "tests/support/config_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char report[1 << 18];

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

const char *config_report_n(const char *yaml, size_t bytes)
{
	struct weir_config *config = NULL;
	int rc = weir_config_parse("x", yaml, bytes, WEIR_CONFIG_ANY_MACHINE, &config, NULL);
	must(rc >= 0, weir_strerror(rc));
	must(weir_config_report(config, report, sizeof report) < sizeof report, "a long report");
	weir_config_destroy(config);
	return report;
}

const char *config_report(const char *yaml)
{
	return config_report_n(yaml, strlen(yaml));
}

struct weir_config *config_good(const char *yaml)
{
	struct weir_config *config = NULL;
	int rc = weir_config_parse("x", yaml, strlen(yaml), WEIR_CONFIG_ANY_MACHINE, &config, NULL);
	if (rc > 0)
		(void)weir_config_report(config, report, sizeof report);
	must(rc == 0, rc > 0 ? report : weir_strerror(rc));
	return config;
}

char *config_read_file(const char *path, size_t *ret_bytes)
{
	const char *root = getenv("WEIR_TEST_SOURCE");
	char full[512];
	(void)snprintf(full, sizeof full, "%s/%s", root != NULL ? root : ".", path);
	FILE *file = fopen(full, "rb");
	must(file != NULL, full);
	char *text = calloc(1, 1 << 20);
	must(text != NULL, "no memory");
	*ret_bytes = fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
	return text;
}
