/* SPDX-License-Identifier: Apache-2.0 */
/* See kept_lines.h. */
#include "tools/weir/run/kept_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BYTES 256u
#define LONG_BYTES 4096u /* longer ones give their memory back */

int run_kept_init(struct run_kept_lines *kept, uint64_t first)
{
	*kept = (struct run_kept_lines){.first = first, .end = first};
	kept->lines = calloc(RUN_KEPT_LINES, sizeof *kept->lines);
	return kept->lines != NULL ? 0 : -ENOMEM;
}

void run_kept_fini(struct run_kept_lines *kept)
{
	for (uint32_t i = 0; kept->lines != NULL && i < RUN_KEPT_LINES; i++)
		free(kept->lines[i].text);
	free(kept->lines);
	kept->lines = NULL;
}

static struct run_kept_line *place_of(const struct run_kept_lines *kept, uint64_t event)
{
	return &kept->lines[event % RUN_KEPT_LINES];
}

bool run_kept_has_room(const struct run_kept_lines *kept)
{
	return kept->end - kept->first < RUN_KEPT_LINES && kept->bytes < RUN_KEPT_BYTES;
}

int run_kept_add(struct run_kept_lines *kept, const struct run_line *line, const char *place)
{
	struct run_kept_line *to = place_of(kept, kept->end);
	if (to->text == NULL || to->room_bytes < line->length_bytes) {
		size_t room = line->length_bytes > LEAST_BYTES ? line->length_bytes : LEAST_BYTES;
		free(to->text);
		to->text = malloc(room);
		to->room_bytes = to->text != NULL ? room : 0;
		if (to->text == NULL)
			return -ENOMEM;
	}
	memcpy(to->text, line->at, line->length_bytes);
	to->line = *line;
	to->line.at = to->text;
	memcpy(to->place, place, sizeof to->place);
	kept->bytes += line->length_bytes;
	kept->end++;
	return 0;
}

void run_kept_drop(struct run_kept_lines *kept, uint64_t first)
{
	for (; kept->first < first && kept->first < kept->end; kept->first++) {
		struct run_kept_line *one = place_of(kept, kept->first);
		kept->bytes -= one->line.length_bytes;
		if (one->room_bytes <= LONG_BYTES)
			continue;
		free(one->text);
		one->text = NULL;
		one->room_bytes = 0;
	}
}

const struct run_kept_line *run_kept_at(const struct run_kept_lines *kept, uint64_t event)
{
	return place_of(kept, event);
}
