/* SPDX-License-Identifier: Apache-2.0 */
/* See filter_option.h. */
#include "tools/weir/filter_option.h"

#include <string.h>

const char *const filter_option_kinds[] = {
	"eventbridge", "topic", "direct", "headers", "sns", "eventbridge-headers", NULL};
static const enum weir_filter_kind kinds[] = {
	WEIR_FILTER_EVENTBRIDGE, WEIR_FILTER_TOPIC,          WEIR_FILTER_DIRECT,
	WEIR_FILTER_HEADERS,     WEIR_FILTER_SNS_ATTRIBUTES, WEIR_FILTER_EVENTBRIDGE_HEADERS};

enum weir_filter_kind filter_option_kind(const struct filter_option *option)
{
	return kinds[option->kind];
}

int filter_option_make(const struct cli_command *command, const struct filter_option *option,
		       struct weir_filter **ret_filter)
{
	struct weir_problem why = {0};
	*ret_filter = NULL;
	if (option->pattern == NULL ||
	    weir_filter_create(filter_option_kind(option), option->pattern, strlen(option->pattern),
			       NULL, ret_filter, &why) == 0)
		return CLI_GO_ON;
	return cli_usage(command, "--filter: %s%s%s", why.field, why.field[0] != '\0' ? ": " : "",
			 why.text);
}
