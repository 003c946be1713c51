/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is read from left to right: indentation, "- " as often as it comes, then scalars with what
 * separates them. What is open from line to line is only brackets. Where something is refused, the
 * rest of its line is left out, and the next one is read: so several mistakes are told at once.
 */
#include "io/config/subset.h"

#include <string.h>

#include "io/config/unquote.h"

struct lines {
	struct wr_config_findings *findings;
	char *tame;
	const char *text; /* of the whole source */
	size_t at;        /* in it */
	size_t end;       /* of this line */
	uint32_t depth;   /* brackets that are open */
	char closers[WR_CONFIG_DEPTH_MAX];
	size_t openers[WR_CONFIG_DEPTH_MAX]; /* where */
	bool begun;                          /* there was something but comments */
	uint32_t marks;                      /* scalars, brackets, commas, dashes */
	bool stop;
};

static char at(const struct lines *l, size_t offset)
{
	return l->at + offset < l->end ? l->text[l->at + offset] : '\0';
}

static bool is_gap(char c)
{
	return c == ' ' || c == '\0';
}

static bool is_bracket(char c)
{
	return c == '[' || c == ']' || c == '{' || c == '}';
}

/* Does the colon there separate a key from its value? Elsewhere it is part of a text. */
static bool separates(const struct lines *l, size_t offset)
{
	char next = at(l, offset + 1);
	return at(l, offset) == ':' && (is_gap(next) || next == '\t' ||
					(l->depth > 0 && (next == ',' || is_bracket(next))));
}

/* An error, and the end of this line. */
static void refuse(struct lines *l, size_t from, size_t bytes, const char *why, const char *help)
{
	struct wr_config_findings *findings = l->findings;
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_place_of(findings->source, from, bytes), "%s", why);
	if (help != NULL)
		wr_config_help(findings, d, "%s", help);
	l->at = l->end;
}

/* Bytes of the word at hand, for a mark under it. */
static size_t word_bytes(const struct lines *l)
{
	size_t bytes = 1;
	while (!is_gap(at(l, bytes)) && at(l, bytes) != ',' && !is_bracket(at(l, bytes)))
		bytes++;
	return bytes;
}

/* Bytes of the quoted scalar at hand up to its closing quote, or 0: it has none. */
static size_t quoted_bytes(const struct lines *l)
{
	char quote = at(l, 0);
	for (size_t bytes = 1; l->at + bytes < l->end; bytes++) {
		char c = at(l, bytes);
		bool escapes = (c == '\\' && quote == '"') ||
			       (c == quote && quote == '\'' && at(l, bytes + 1) == quote);
		if (c == quote && !escapes)
			return bytes;
		bytes += escapes ? 1 : 0;
	}
	return 0;
}

static void take_quoted(struct lines *l)
{
	size_t bytes = quoted_bytes(l);
	size_t text_bytes;
	struct wr_config_fault fault;
	if (bytes == 0) {
		refuse(l, l->at, 1, "this quote is not closed on its line",
		       "within a text, \" is written \\\" and ' is written ''");
		return;
	}
	char next = at(l, bytes + 1);
	bool ends = is_gap(next) || separates(l, bytes + 1) ||
		    (l->depth > 0 && (next == ',' || is_bracket(next)));
	if (!ends)
		refuse(l, l->at + bytes + 1, 1, "something directly behind a quote",
		       next == ':' ? "write a space behind the colon" : NULL);
	else if (at(l, 0) == '"' && wr_config_unquote_double(l->text + l->at + 1, bytes - 1, NULL,
							     &text_bytes, &fault) < 0)
		refuse(l, l->at + 1 + fault.at, fault.bytes, fault.why, fault.help);
	else
		l->at += bytes + 1;
}

/* Up to ": ", " #", the end of the line, and in brackets up to what separates there. */
static void take_plain(struct lines *l)
{
	for (; l->at < l->end; l->at++) {
		char c = at(l, 0);
		if (c == '\t' || (c == ' ' && at(l, 1) == '#') || separates(l, 0) ||
		    (l->depth > 0 && (c == ',' || is_bracket(c))))
			return;
	}
}

static void take_bracket(struct lines *l)
{
	char c = at(l, 0);
	if (c == '[' || c == '{') {
		if (l->depth == WR_CONFIG_DEPTH_MAX) {
			refuse(l, l->at, 1, "more than 32 levels", NULL);
			l->stop = true;
			return;
		}
		l->openers[l->depth] = l->at;
		l->closers[l->depth++] = c == '[' ? ']' : '}';
		l->at++;
	} else if (l->depth > 0 && l->closers[l->depth - 1] == c) {
		l->depth--;
		l->at++;
	} else {
		refuse(l, l->at, 1, "this bracket closes nothing", NULL);
		l->stop = true; /* what is open from here on is anyone's guess */
	}
}

/* A character that cannot begin a scalar here, with the reason; NULL: it can. */
static const char *why_not(const struct lines *l, const char **ret_help)
{
	*ret_help = "if it is text, put it in quotes";
	switch (at(l, 0)) {
	case '&':
		return "anchors are not for config files: write the value out";
	case '*':
		return "aliases are not for config files: write the value out";
	case '!':
		return "tags are not for config files: each key knows its type";
	case '|':
	case '>':
		return "texts of more than one line: no key takes one";
	case '%':
		return "directives are not for config files";
	case '@':
	case '`':
	case '#':
	case ',':
	case ']':
	case '}':
		return "no value can begin like this";
	case '?':
		*ret_help = "write key: value";
		return is_gap(at(l, 1)) || at(l, 1) == '\t' ? "keys are words" : NULL;
	case '-':
		*ret_help = "each \"- \" begins a line";
		return is_gap(at(l, 1)) || at(l, 1) == '\t' ? "a list item in the wrong place"
							    : NULL;
	default:
		return NULL;
	}
}

static void take_scalar(struct lines *l)
{
	const char *help;
	const char *why = why_not(l, &help);
	if (why != NULL)
		refuse(l, l->at, word_bytes(l), why, help);
	else if (at(l, 0) == '"' || at(l, 0) == '\'')
		take_quoted(l);
	else
		take_plain(l);
}

/* Each node has a scalar or a bracket, and at most a comma and a dash. What cannot be within the
 * limit ends here; libfyaml would take 200 bytes of memory for each comma. */
static void count_mark(struct lines *l)
{
	if (l->marks++ < 3 * WR_CONFIG_NODES_MAX)
		return;
	refuse(l, l->at, 1, "more than 10000 keys and values", NULL);
	l->stop = true;
}

static void take_line(struct lines *l)
{
	while (at(l, 0) == ' ')
		l->at++;
	while (l->depth == 0 && at(l, 0) == '-' && is_gap(at(l, 1))) {
		l->at++;
		count_mark(l);
		while (at(l, 0) == ' ')
			l->at++;
	}
	while (l->at < l->end && !l->stop) {
		char c = at(l, 0);
		bool first = l->at == 0 || l->text[l->at - 1] == ' ' ||
			     l->text[l->at - 1] == '\n' || l->text[l->at - 1] == '\r';
		if (c == ' ') {
			l->at++;
			continue;
		}
		if (c == '\t') {
			refuse(l, l->at, 1, "a tab", "write spaces");
			return;
		}
		if (c == '#' && first) {
			memset(l->tame + l->at, ' ', l->end - l->at);
			return;
		}
		l->begun = true;
		if (separates(l, 0)) {
			l->at++;
			continue;
		}
		count_mark(l);
		if (l->stop)
			return;
		if (c == ',' && l->depth > 0)
			l->at++;
		else if ((is_bracket(c) && l->depth > 0) || c == '[' || c == '{')
			take_bracket(l);
		else
			take_scalar(l);
	}
}

/* "---" and "..." in the first column; true: the line is dealt with. */
static bool take_document_mark(struct lines *l)
{
	bool start = l->end - l->at >= 3 && memcmp(l->text + l->at, "---", 3) == 0;
	bool stop = l->end - l->at >= 3 && memcmp(l->text + l->at, "...", 3) == 0;
	if ((!start && !stop) || !(is_gap(at(l, 3)) || at(l, 3) == '\t'))
		return false;
	if (stop || l->begun) {
		refuse(l, l->at, 3, "a config file is one document", NULL);
		return true;
	}
	memset(l->tame + l->at, ' ', 3);
	l->begun = true;
	l->at += 3;
	while (at(l, 0) == ' ')
		l->at++;
	if (l->at == l->end || at(l, 0) == '#')
		return false; // of a comment, take_line() takes care
	refuse(l, l->at, 1, "--- stands alone on its line", NULL);
	return true;
}

bool wr_config_subset(struct wr_config_findings *findings, char *tame)
{
	const struct wr_config_source *source = findings->source;
	uint32_t errors_before = findings->error_count;
	struct lines l = {.findings = findings, .tame = tame, .text = source->text};

	memcpy(tame, source->text, source->bytes);
	for (uint32_t i = 1; i <= source->line_count && !l.stop; i++) {
		size_t bytes;
		const char *line = wr_config_line(source, i, &bytes);
		l.at = (size_t)(line - source->text);
		l.end = l.at + bytes;
		if (!take_document_mark(&l))
			take_line(&l);
	}
	/* Behind a line that was not read to its end, nobody knows what is open. */
	if (l.depth > 0 && findings->error_count == errors_before)
		refuse(&l, l.openers[l.depth - 1], 1, "this bracket is never closed", NULL);
	return findings->error_count == errors_before;
}
