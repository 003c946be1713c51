/* SPDX-License-Identifier: Apache-2.0 */
/* The stack of places, and their paths: by trail.h. */
#include "core/schema/trail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/schema/pairs.h"

/* Places are at most a few for each pair. */
#define PLACES_MAX (8u * WR_PAIRS_MAX)

void wr_trail_init(struct wr_trail *t, const struct weir_allocator *allocator,
		   weir_schema_issue_fn *on_issue, void *context)
{
	memset(t, 0, sizeof *t);
	t->allocator = allocator;
	t->on_issue = on_issue;
	t->context = context;
}

void wr_trail_fini(struct wr_trail *t)
{
	wr_schema_free(t->allocator, t->places, t->place_capacity * sizeof *t->places);
	wr_schema_free(t->allocator, t->stack, t->stack_capacity * sizeof *t->stack);
}

uint32_t wr_trail_add(struct wr_trail *t, const struct wr_trail_place *place)
{
	if (t->code == 0 && t->place_count == t->place_capacity) {
		void *places = t->places;
		t->code = wr_schema_grow(t->allocator, &places, &t->place_capacity,
					 sizeof *t->places, PLACES_MAX);
		t->places = places;
	}
	if (t->code != 0)
		return WR_SCHEMA_NONE;
	t->places[t->place_count] = *place;
	return t->place_count++;
}

void wr_trail_push(struct wr_trail *t, uint32_t place)
{
	if (t->code == 0 && t->depth == t->stack_capacity) {
		void *stack = t->stack;
		t->code = wr_schema_grow(t->allocator, &stack, &t->stack_capacity, sizeof *t->stack,
					 PLACES_MAX);
		t->stack = stack;
	}
	if (t->code == 0)
		t->stack[t->depth++] = place;
}

uint32_t wr_trail_pop(struct wr_trail *t)
{
	return t->code != 0 || t->depth == 0 ? WR_SCHEMA_NONE : t->stack[--t->depth];
}

/* One step with its slashes, from the end of the buffer backwards. false: there is no room. */
static bool step_before(char *to, size_t *at, const struct wr_trail_place *place)
{
	char text[192];
	int n = 0;

	if (place->word != NULL)
		n += snprintf(text + n, sizeof text - (size_t)n, "/%s", place->word);
	if (place->name != NULL)
		n += snprintf(text + n, sizeof text - (size_t)n, "/%.*s",
			      (int)(place->name_bytes < 120 ? place->name_bytes : 120),
			      place->name);
	if (place->index != WR_SCHEMA_NONE)
		n += snprintf(text + n, sizeof text - (size_t)n, "/%u", place->index);
	if (*at < (size_t)n + 4)
		return false;
	*at -= (size_t)n;
	memcpy(to + *at, text, (size_t)n);
	return true;
}

char *wr_trail_path(const struct wr_trail *t, uint32_t place, const char *word,
		    char to[WR_TRAIL_PATH_BYTES])
{
	size_t at = WR_TRAIL_PATH_BYTES - 1;
	struct wr_trail_place last = {.word = word, .index = WR_SCHEMA_NONE};

	to[at] = '\0';
	if (word != NULL)
		step_before(to, &at, &last);
	while (place != WR_SCHEMA_NONE && step_before(to, &at, &t->places[place]))
		place = t->places[place].parent;
	if (place != WR_SCHEMA_NONE) {
		at -= 3;
		memcpy(to + at, "...", 3);
	}
	if (to[at] == '\0')
		to[--at] = '/';
	memmove(to, to + at, WR_TRAIL_PATH_BYTES - at);
	return to;
}

void wr_trail_say(char *to, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(to, WR_TRAIL_TEXT_BYTES, format, arguments);
	va_end(arguments);
}

void wr_trail_tell(struct wr_trail *t, uint32_t place, const char *word,
		   enum weir_schema_issue_kind kind, const char *message, const char *explanation,
		   const char *fix)
{
	char path[WR_TRAIL_PATH_BYTES];

	t->told++;
	if (t->on_issue == NULL)
		return;
	t->issue.kind = kind;
	t->issue.path = wr_trail_path(t, place, word, path);
	t->issue.message = message;
	t->issue.explanation = explanation;
	t->issue.fix = fix;
	t->on_issue(t->context, &t->issue);
}
