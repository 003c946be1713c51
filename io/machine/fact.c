/* SPDX-License-Identifier: Apache-2.0 */
/* See fact.h. */
#include "io/machine/fact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/posix/text_file.h"

bool wr_fact_text(const char *root, const char *path, char to[WR_FACT_TEXT_BYTES])
{
	return wr_text_read_in(root, path + 1, to, WR_FACT_TEXT_BYTES);
}

const char *wr_fact_behind(const char *text, const char *name)
{
	size_t bytes = strlen(name);
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, bytes) == 0)
			return line + bytes;
	}
	return NULL;
}

void wr_fact_word(const char *text, char *to, size_t to_bytes)
{
	(void)snprintf(to, to_bytes, "%.*s", (int)strcspn(text, " \t\n"), text);
}

void wr_fact_word_of(const char *root, const char *path, char *to, size_t to_bytes)
{
	char text[WR_FACT_TEXT_BYTES];
	wr_fact_word(wr_fact_text(root, path, text) ? text : "", to, to_bytes);
}

void wr_fact_choice(const char *root, const char *path, char *to, size_t to_bytes)
{
	char text[WR_FACT_TEXT_BYTES];
	if (!wr_fact_text(root, path, text))
		return;
	const char *at = strchr(text, '[');
	size_t bytes = at != NULL ? strcspn(at + 1, "]") : 0;
	if (bytes < to_bytes)
		(void)snprintf(to, to_bytes, "%.*s", (int)bytes, at != NULL ? at + 1 : "");
}

bool wr_fact_number(const char *root, const char *dir, const char *name, uint64_t *ret_number)
{
	char path[512];
	char text[WR_FACT_TEXT_BYTES];
	int length = snprintf(path, sizeof path, "%s/%s", dir, name);
	*ret_number = 0;
	if (length < 0 || (size_t)length >= sizeof path || !wr_fact_text(root, path, text))
		return false;
	*ret_number = strtoull(text, NULL, 10);
	return true;
}
