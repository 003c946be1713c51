/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: kept, sorted, told. */
#include "io/config/diagnostic.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Of a long line so many bytes are shown, around what is wrong. */
#define SHOWN_BYTES 120u
#define SHOWN_BEFORE_BYTES 60u

static const char *text_of(struct wr_config_findings *findings, const char *format, va_list list)
{
	const char *text = wr_config_vtext(findings->arena, format, list);
	if (text == NULL)
		findings->out_of_memory = true;
	return text != NULL ? text : "";
}

static struct weir_config_diagnostic *add(struct wr_config_findings *findings,
					  enum weir_config_severity severity,
					  struct wr_config_place place, const char *format,
					  va_list list)
{
	struct weir_config_diagnostic *d = &findings->items[findings->count];
	findings->at[findings->count] = place.at;
	if (findings->count < WR_CONFIG_FINDINGS_MAX)
		findings->count++;
	else
		findings->left_out++;
	if (severity == WEIR_CONFIG_ERROR)
		findings->error_count++;
	*d = (struct weir_config_diagnostic){.severity = severity,
					     .line = place.line,
					     .column = place.column,
					     .columns = place.columns};
	/* What is left out is not printed into memory, either: there may be a million of them. */
	d->text = findings->left_out > 0 ? "" : text_of(findings, format, list);
	return d;
}

struct weir_config_diagnostic *wr_config_error(struct wr_config_findings *findings,
					       struct wr_config_place place, const char *format,
					       ...)
{
	va_list list;
	va_start(list, format);
	struct weir_config_diagnostic *d = add(findings, WEIR_CONFIG_ERROR, place, format, list);
	va_end(list);
	return d;
}

struct weir_config_diagnostic *wr_config_warning(struct wr_config_findings *findings,
						 struct wr_config_place place, const char *format,
						 ...)
{
	va_list list;
	va_start(list, format);
	struct weir_config_diagnostic *d = add(findings, WEIR_CONFIG_WARNING, place, format, list);
	va_end(list);
	return d;
}

void wr_config_note(struct wr_config_findings *findings, struct weir_config_diagnostic *of,
		    const char *format, ...)
{
	va_list list;
	va_start(list, format);
	if (findings->left_out == 0)
		of->note = text_of(findings, format, list);
	va_end(list);
}

void wr_config_help(struct wr_config_findings *findings, struct weir_config_diagnostic *of,
		    const char *format, ...)
{
	va_list list;
	va_start(list, format);
	if (findings->left_out == 0)
		of->help = text_of(findings, format, list);
	va_end(list);
}

static bool is_behind(const struct weir_config_diagnostic *a,
		      const struct weir_config_diagnostic *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

/* Insertion: at most 100, nearly in order, and what is at one place keeps its order. */
void wr_config_findings_sort(struct wr_config_findings *findings)
{
	for (uint32_t i = 1; i < findings->count; i++) {
		struct weir_config_diagnostic d = findings->items[i];
		size_t byte = findings->at[i];
		uint32_t to = i;
		for (; to > 0 && is_behind(&findings->items[to - 1], &d); to--) {
			findings->items[to] = findings->items[to - 1];
			findings->at[to] = findings->at[to - 1];
		}
		findings->items[to] = d;
		findings->at[to] = byte;
	}
}

/* The line, and below it the mark. Tabs stay tabs on both, so that they are equally wide. */
static void put_source(const struct wr_config_source *source,
		       const struct weir_config_diagnostic *d, size_t byte,
		       struct wr_config_text *text)
{
	size_t bytes;
	const char *line = wr_config_line(source, d->line, &bytes);
	size_t at = byte - (size_t)(line - source->text);
	size_t from = 0;
	size_t shown = bytes;

	if (bytes > SHOWN_BYTES) {
		from = at > SHOWN_BEFORE_BYTES ? at - SHOWN_BEFORE_BYTES : 0;
		while (from > 0 && ((unsigned char)line[from] & 0xc0) == 0x80)
			from--;
		shown = bytes - from > SHOWN_BYTES ? SHOWN_BYTES : bytes - from;
	}
	wr_config_put(text, "%5u | %s", d->line, from > 0 ? "..." : "");
	wr_config_put_shown(text, line + from, shown);
	wr_config_put(text, "%s\n      | %s", from + shown < bytes ? "..." : "",
		      from > 0 ? "   " : "");
	for (size_t i = from; i < at;) {
		size_t length = wr_config_character(line + i, bytes - i);
		wr_config_put_n(text, line[i] == '\t' ? "\t" : " ", 1);
		i += length > 0 ? length : 1;
	}
	wr_config_put_n(text, "^", 1);
	/* The mark ends where the line shown ends. */
	for (uint32_t i = 1; i < d->columns && at + i < from + shown; i++)
		wr_config_put_n(text, "~", 1);
	wr_config_put_n(text, "\n", 1);
}

void wr_config_findings_print(const struct wr_config_findings *findings,
			      struct wr_config_text *text)
{
	const struct wr_config_source *source = findings->source;
	for (uint32_t i = 0; i < findings->count; i++) {
		const struct weir_config_diagnostic *d = &findings->items[i];
		wr_config_put(text, "%s:%u:%u: %s: %s\n", source->name, d->line, d->column,
			      d->severity == WEIR_CONFIG_ERROR ? "error" : "warning", d->text);
		put_source(source, d, findings->at[i], text);
		if (d->note != NULL)
			wr_config_put(text, "      = note: %s\n", d->note);
		if (d->help != NULL)
			wr_config_put(text, "      = help: %s\n", d->help);
	}
	if (findings->left_out > 0)
		wr_config_put(text, "%s: and %u more\n", source->name, findings->left_out);
	if (findings->only_form)
		wr_config_put(text,
			      "%s: what its keys and values say was not looked at: that comes when "
			      "it can be read\n",
			      source->name);
}
