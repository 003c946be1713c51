/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/topic_asked.h"

#include <stdio.h>
#include <string.h>

#include "tools/weir/args.h"

static bool is_missing(const struct topic_asked *asked)
{
	return asked->name != NULL && !asked->is_there;
}

void topic_asked_see(struct topic_asked *asked, const char *name)
{
	asked->is_there =
		asked->is_there || (asked->name != NULL && strcmp(name, asked->name) == 0);
}

void topic_asked_wait(struct topic_asked *asked)
{
	if (!is_missing(asked) || asked->waits)
		return;
	asked->waits = true;
	fprintf(stderr, "weir: there is no topic \"%s\" in this journal yet: waiting for it\n",
		asked->name);
}

int topic_asked_end(const struct topic_asked *asked, int code)
{
	/* Where the log is damaged it may have been there. */
	if (code != CLI_EXIT_OK || !is_missing(asked) || asked->waits)
		return code;
	fprintf(stderr, "weir: there is no topic \"%s\" in this journal\n", asked->name);
	return CLI_EXIT_NOT_FOUND;
}
