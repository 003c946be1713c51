/* SPDX-License-Identifier: Apache-2.0 */
/* See serve_token.h. */
#include "tools/weir/serve_token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/weir/args.h"
#include "tools/weir/lines.h"

int serve_token_read(const char *path, char to[SERVE_TOKEN_ROOM])
{
	struct stat about;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return lines_fail(WR_EVENT_SERVE_NO_TOKEN, path, -errno, NULL);
	if (fstat(fileno(file), &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		lines_say(WR_EVENT_SERVE_TOKEN_READABLE, WR_FIELDS(wr_field_text("file", path)),
			  "%s: others may read or change the token: chmod 600", path);
	bool good = fgets(to, SERVE_TOKEN_ROOM, file) != NULL;
	(void)fclose(file);
	if (!good) {
		lines_say(WR_EVENT_SERVE_NO_TOKEN, WR_FIELDS(wr_field_text("file", path)),
			  "%s: there is no token in it", path);
		return CLI_EXIT_USAGE;
	}
	to[strcspn(to, "\r\n")] = '\0';
	return CLI_GO_ON;
}
