/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the library says of config files: for check_schema.py, which has thousands of them and would
 * else start a process for each. A line of standard input is a file (JSON on one line, which is
 * YAML); a line of standard output is the answer: "ok" or "errors", and the texts of the errors,
 * each behind a tabulator.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/config.h>

/* One text, on one line. */
static void put(const char *text)
{
	putchar('\t');
	for (; *text != '\0'; text++)
		putchar(*text == '\t' || *text == '\n' ? ' ' : *text);
}

static int judge(const char *line, size_t bytes)
{
	struct weir_config *config;
	uint32_t count;
	int rc = weir_config_parse("x", line, bytes, WEIR_CONFIG_ANY_MACHINE, &config, NULL);
	if (rc < 0)
		return rc;
	const struct weir_config_diagnostic *d = weir_config_diagnostics(config, &count);
	fputs(rc == 0 ? "ok" : "errors", stdout);
	for (uint32_t i = 0; i < count; i++)
		if (d[i].severity == WEIR_CONFIG_ERROR)
			put(d[i].text);
	putchar('\n');
	weir_config_destroy(config);
	return 0;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;
	int rc = 0;
	while (rc == 0 && (bytes = getline(&line, &room, stdin)) >= 0)
		rc = judge(line, (size_t)bytes);
	free(line);
	if (rc < 0)
		fprintf(stderr, "%s\n", weir_strerror(rc));
	return rc < 0 || fflush(stdout) != 0 ? 1 : 0;
}
