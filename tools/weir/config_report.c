/* SPDX-License-Identifier: Apache-2.0 */
/* See config_report.h. */
#include "tools/weir/config_report.h"

#include <stdlib.h>

#include "tools/weir/args.h"

int config_report(const struct weir_config *config)
{
	uint32_t count;
	uint32_t errors = 0;
	const struct weir_config_diagnostic *d = weir_config_diagnostics(config, &count);
	size_t bytes = weir_config_report(config, NULL, 0);
	char *text = bytes > 0 ? malloc(bytes + 1) : NULL;
	if (text != NULL) {
		(void)weir_config_report(config, text, bytes + 1);
		fputs(text, stderr);
		free(text);
	}
	for (uint32_t i = 0; i < count; i++)
		errors += d[i].severity == WEIR_CONFIG_ERROR;
	if (errors == 0)
		return CLI_GO_ON;
	fprintf(stderr, "%u error%s\n", errors, errors == 1 ? "" : "s");
	return CLI_EXIT_CONFIG;
}
