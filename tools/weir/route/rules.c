/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/route/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json/json_read.h"

#define FIELDS_MAX 65536u
#define DEPTH_MAX 16u

static uint32_t draw(struct rule_source *s, uint32_t below)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return (uint32_t)((s->seed >> 11) % below);
}

/* The scalar that the reader stands on, if it is a text or a number. */
static int add_field(struct rule_source *s, const struct wr_json *j, const char *path)
{
	struct rule_field f = {.is_number = j->token == WR_JSON_NUMBER};
	if ((!f.is_number && j->token != WR_JSON_STRING) || j->end - j->start >= sizeof f.text ||
	    s->count == FIELDS_MAX)
		return 0;
	if ((s->count & (s->count - 1)) == 0) {
		size_t room = s->count == 0 ? 1 : s->count * 2;
		struct rule_field *more = realloc(s->fields, room * sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		s->fields = more;
	}
	snprintf(f.path, sizeof f.path, "%s", path);
	memcpy(f.text, j->text + j->start, j->end - j->start);
	if (f.is_number)
		f.number = wr_json_f64(j);
	s->fields[s->count++] = f;
	return 0;
}

int rule_source_add(struct rule_source *source, const char *event, size_t bytes)
{
	struct wr_json j;
	char path[sizeof source->fields->path] = "";
	size_t ends[DEPTH_MAX + 1] = {0}, at = 0;
	int rc = 0;
	wr_json_init(&j, event, bytes, DEPTH_MAX);
	if (wr_json_next(&j) != WR_JSON_OBJECT)
		return -EINVAL;
	while (rc == 0 && wr_json_next(&j) != WR_JSON_END && j.token != WR_JSON_BAD) {
		if (j.token == WR_JSON_NAME) {
			at = ends[j.depth];
			size_t name_bytes = j.end - j.start - 2;
			if (j.escaped || at + name_bytes + 2 > sizeof path) {
				(void)wr_json_skip(&j);
				continue;
			}
			if (at > 0)
				path[at++] = '.';
			memcpy(path + at, j.text + j.start + 1, name_bytes);
			at += name_bytes;
			path[at] = '\0';
		} else if (j.token == WR_JSON_OBJECT) {
			ends[j.depth] = at;
		} else if (j.token == WR_JSON_ARRAY) {
			(void)wr_json_skip(&j);
		} else if (j.token != WR_JSON_OBJECT_END) {
			rc = add_field(source, &j, path);
		}
	}
	source->event_count++;
	return rc < 0 ? rc : j.token == WR_JSON_BAD ? -EINVAL : 0;
}

static int compare_paths(const void *a, const void *b)
{
	const struct rule_field *x = a, *y = b;
	return strcmp(x->path, y->path);
}

void rule_source_settle(struct rule_source *source)
{
	size_t kept = 0;
	if (source->count > 0)
		qsort(source->fields, source->count, sizeof *source->fields, compare_paths);
	for (size_t from = 0, end; from < source->count; from = end) {
		for (end = from; end < source->count &&
				 compare_paths(&source->fields[from], &source->fields[end]) == 0;)
			end++;
		if ((end - from) * 2 < source->event_count)
			continue;
		memmove(&source->fields[kept], &source->fields[from],
			(end - from) * sizeof *source->fields);
		kept += end - from;
	}
	source->count = kept;
}

void rule_source_end(struct rule_source *source)
{
	free(source->fields);
	*source = (struct rule_source){0};
}

static bool is_ascii(const char *text)
{
	while (*text > 0)
		text++;
	return *text == '\0';
}

/* A text near the value: with others behind it, or behind its beginning. */
static void draw_text(struct rule_source *s, const struct rule_field *f, char *to, size_t to_bytes)
{
	size_t bytes = strlen(f->text);
	bool has_escape = strchr(f->text, '\\') != NULL || !is_ascii(f->text);
	bool is_as_it_is = draw(s, 1024) == 0 || has_escape;
	bool is_prefix = draw(s, 3) == 0 && bytes > 6 && !has_escape;
	size_t kept = bytes - 2 - (is_prefix ? draw(s, (uint32_t)bytes - 4) : 0);
	if (is_prefix && is_as_it_is)
		snprintf(to, to_bytes, "{\"prefix\":\"%.*s\"}", (int)bytes - 3, f->text + 1);
	else if (is_as_it_is)
		snprintf(to, to_bytes, "%s", f->text);
	else if (is_prefix)
		snprintf(to, to_bytes, "{\"prefix\":\"%.*s%x\"}", (int)kept, f->text + 1,
			 draw(s, 1u << 30));
	else
		snprintf(to, to_bytes, "\"%.*s%x\"", (int)kept, f->text + 1, draw(s, 1u << 30));
}

static void draw_number(struct rule_source *s, const struct rule_field *f, char *to,
			size_t to_bytes)
{
	double from = draw(s, 1024) == 0 ? f->number : f->number + 0.25 + draw(s, 1000000);
	if (draw(s, 2) == 0)
		snprintf(to, to_bytes, "%.17g", from);
	else
		snprintf(to, to_bytes, "{\"numeric\":[\">=\",%.17g,\"<\",%.17g]}", from,
			 from + 0.5);
}

/* Not one that the next event has, too, if there are others: what all have tells nothing apart. */
static const struct rule_field *draw_rare(struct rule_source *s)
{
	const struct rule_field *f = NULL;
	for (int tries = 0; tries < 8; tries++) {
		size_t at = draw(s, (uint32_t)s->count), next = (at + 1) % s->count;
		f = &s->fields[at];
		if (strcmp(f->path, s->fields[next].path) != 0 ||
		    strcmp(f->text, s->fields[next].text) != 0)
			break;
	}
	return f;
}

void rule_source_draw(struct rule_source *source, char *to, size_t to_bytes)
{
	char wanted[320];
	const struct rule_field *f = &source->fields[draw(source, (uint32_t)source->count)];
	const struct rule_field *more =
		source->is_near ? draw_rare(source)
				: &source->fields[draw(source, (uint32_t)source->count)];
	if (source->is_near)
		snprintf(wanted, sizeof wanted, "%s", f->text);
	else if (f->is_number)
		draw_number(source, f, wanted, sizeof wanted);
	else
		draw_text(source, f, wanted, sizeof wanted);
	if ((!source->is_near && draw(source, 2) == 0) || strcmp(f->path, more->path) == 0)
		snprintf(to, to_bytes, "{\"%s\":[%s]}", f->path, wanted);
	else
		snprintf(to, to_bytes, "{\"%s\":[%s],\"%s\":[%s]}", f->path, wanted, more->path,
			 more->text);
}
