/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of OTLP, looked at: by tests/format/check_otlp.py, which knows the format alone and is left
 * out where there is no Python, and by the words in them.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_OTLP_CHECK_H
#define WR_TESTS_OTLP_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"

static inline uint32_t otlp_count(const char *text, const char *what)
{
	uint32_t count = 0;
	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		count++;
	return count;
}

/* Spans, not counting what they are linked to. */
static inline uint32_t otlp_spans(const char *text)
{
	return otlp_count(text, "\"startTimeUnixNano\":");
}

/* The span that has `what` in it, as text, into `to`: from its traceId to the next one's. */
static inline const char *otlp_span(const char *text, const char *name, const char *what, char *to,
				    size_t to_bytes)
{
	static const char first[] = "{\"traceId\":", last[] = "\",\"flags\":";
	to[0] = '\0';
	for (const char *at = strstr(text, last); at != NULL; at = strstr(at + 1, last)) {
		const char *begin = at, *next = strstr(at + 1, last), *end = at + strlen(at);
		while (begin > text && strncmp(begin, first, sizeof first - 1) != 0)
			begin--;
		if (next != NULL)
			for (end = next; strncmp(end, first, sizeof first - 1) != 0;)
				end--;
		snprintf(to, to_bytes, "%.*s", (int)(end - begin), begin);
		if (strstr(to, name) != NULL && strstr(to, what) != NULL)
			return to;
	}
	to[0] = '\0';
	return to;
}

/* The member of a span: 16 or 32 digits. "": it has none. */
static inline const char *otlp_id(const char *span, const char *member, char to[33])
{
	char quoted[64];
	snprintf(quoted, sizeof quoted, "\"%s\":\"", member);
	const char *at = strstr(span, quoted);
	snprintf(to, 33, "%.*s",
		 at != NULL ? (int)strspn(at + strlen(quoted), "0123456789abcdef") : 0,
		 at != NULL ? at + strlen(quoted) : "");
	return to;
}

/* Whether they are OTLP, and so many spans: by Python, where there is one. */
static inline bool otlp_is_good(const char *lines, uint32_t spans)
{
	char path[] = "/tmp/weir-otlp-XXXXXX", command[1024];
	const char *source = getenv("WEIR_TEST_SOURCE");
	if (source == NULL ||
	    system("python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null") != 0)
		return true;
	int file = mkstemp(path);
	fixture_need(file >= 0, "a file for lines of OTLP");
	size_t bytes = strlen(lines);
	fixture_need(write(file, lines, bytes) == (ssize_t)bytes, "a write");
	(void)close(file);
	snprintf(command, sizeof command,
		 "python3 '%s/tests/format/check_otlp.py' %s --spans %u >/dev/null", source, path,
		 spans);
	bool good = system(command) == 0;
	(void)unlink(path);
	return good;
}

#endif
