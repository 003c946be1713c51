/* SPDX-License-Identifier: Apache-2.0 */
/* Slips of the hand, counted. */
#include "core/text/nearest.h"

#include <stddef.h>
#include <string.h>

#define WORD_BYTES_MAX 40

/* Edits (insert, delete, change, swap of neighbours) that make a of b, or many if one is long. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_BYTES_MAX + 1];
	size_t a_bytes = strlen(a);
	size_t b_bytes = strlen(b);
	unsigned *before = rows[0];
	unsigned *last = rows[1];
	unsigned *row = rows[2];

	if (a_bytes > WORD_BYTES_MAX || b_bytes > WORD_BYTES_MAX)
		return WORD_BYTES_MAX;
	for (size_t j = 0; j <= b_bytes; j++)
		last[j] = (unsigned)j;
	memset(before, 0, sizeof rows[0]);
	for (size_t i = 1; i <= a_bytes; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_bytes; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		unsigned *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_bytes];
}

const char *wr_nearest(const char *word, const char *const *candidates)
{
	const char *nearest = NULL;
	size_t word_bytes = strlen(word);
	/* Above a third of the word wrong it is another word, not a slip. */
	unsigned best = (unsigned)(word_bytes / 3 + 1);

	for (size_t i = 0; candidates[i] != NULL; i++) {
		unsigned distance = edit_distance(word, candidates[i]);
		/* Nothing of it is left: "x" is no slip of "a". */
		if (distance >= word_bytes)
			continue;
		if (word_bytes >= 2 && strncmp(word, candidates[i], word_bytes) == 0)
			distance = 1;
		if (distance < best || (distance == best && nearest == NULL)) {
			best = distance;
			nearest = candidates[i];
		}
	}
	return nearest;
}
