/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/route/drawn_near.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"

#define TEXT_BYTES 80u

static const char *const names[] = {
	"id", "user.login", "user.url", "a name of twenty-1", "a name of twenty-2", "tags"};

static void put(struct drawn *d, const char *text)
{
	size_t bytes = strlen(text);
	memcpy(d->text + d->bytes, text, bytes + 1);
	d->bytes += bytes;
}

/* One of 600. */
static void draw_text(struct drawn *d, char text[TEXT_BYTES])
{
	static const char *const heads[] = {"", "u", "https://a.test/users/", "https://a.test/"};
	static const char *const tails[] = {"", "Z", "/commits/a.b.c", "-main"};
	uint32_t which = drawn_below(d, 600);
	snprintf(text, TEXT_BYTES, "%s%.*s%x%s", heads[which % 4], (int)(which % 9), "kkkkKkkk",
		 which * 2654435761u >> (which % 3) * 8, tails[which / 4 % 4]);
}

static void put_number(struct drawn *d)
{
	char text[40];
	snprintf(text, sizeof text, "%s%u%s", drawn_below(d, 8) == 0 ? "-" : "",
		 drawn_below(d, 300), drawn_below(d, 3) == 0 ? ".5" : "");
	put(d, text);
}

static void put_range(struct drawn *d)
{
	put(d, drawn_below(d, 2) == 0 ? "{\"numeric\":[\">\"," : "{\"numeric\":[\"<=\",");
	put_number(d);
	put(d, "]}");
}

/* What is asked of a text: all of it, or what is left of it when it is cut. */
static void put_wanted(struct drawn *d)
{
	static const char *const forms[][2] = {
		{"", ""},
		{"{\"prefix\":", "}"},
		{"{\"suffix\":", "}"},
		{"{\"equals-ignore-case\":", "}"},
		{"{\"prefix\":{\"equals-ignore-case\":", "}}"},
		{"{\"suffix\":{\"equals-ignore-case\":", "}}"},
		{"{\"anything-but\":{\"prefix\":", "}}"},
		{"{\"wildcard\":", "}"},
	};
	char text[TEXT_BYTES + 4];
	uint32_t form = drawn_below(d, 16);
	if (form >= WR_ARRAY_COUNT(forms))
		form %= 3; /* those that are looked up most */
	text[0] = '"';
	draw_text(d, text + 1);
	char *from = text;
	size_t bytes = strlen(text + 1), kept = drawn_below(d, (uint32_t)bytes + 1);
	if (bytes > 0 && drawn_below(d, 2) == 0)
		text[1 + drawn_below(d, (uint32_t)bytes)] ^= 1;
	if (form == 2 || form == 5) {
		from = text + bytes - kept;
		from[0] = '"';
	} else if (form != 0 && form != 3) {
		kept += form == 6 && kept == 0; /* anything but any text: it is refused */
		text[1 + kept] = '\0';
		bytes = kept;
	}
	put(d, forms[form][0]);
	put(d, from);
	put(d, form == 7 && strchr(text, '*') == NULL ? "*\"" : "\"");
	put(d, forms[form][1]);
}

static void put_name(struct drawn *d, const char *name)
{
	put(d, "\"");
	put(d, name);
	put(d, "\":");
}

void drawn_near_pattern(struct drawn *d)
{
	uint32_t count = 1 + drawn_below(d, 3), field = drawn_below(d, 6);
	d->bytes = 0;
	put(d, "{");
	for (uint32_t i = 0; i < count; i++, field = (field + 1) % 6) {
		put(d, i > 0 ? "," : "");
		put_name(d, names[field]);
		put(d, "[");
		for (uint32_t more = drawn_below(d, 4) == 0; more < 2; more++) {
			if (field == 0 && drawn_below(d, 2) == 0)
				put_range(d);
			else if (field == 0)
				put_number(d);
			else
				put_wanted(d);
			put(d, more == 0 ? "," : "");
		}
		put(d, "]");
	}
	put(d, "}");
}

static void put_text(struct drawn *d)
{
	char text[TEXT_BYTES];
	draw_text(d, text);
	put(d, "\"");
	put(d, text);
	put(d, "\"");
}

void drawn_near_event(struct drawn *d)
{
	d->bytes = 0;
	put(d, "{\"id\":");
	put_number(d);
	put(d, ",\"user\":{\"login\":");
	put_text(d);
	put(d, ",\"url\":");
	put_text(d);
	put(d, "},\"a name of twenty-1\":");
	put_text(d);
	put(d, ",\"a name of twenty-3\":0,\"a name of twenty-2\":");
	put_text(d);
	put(d, ",\"tags\":[");
	for (uint32_t i = drawn_below(d, 3); i > 0; i--) {
		put_text(d);
		put(d, i > 1 ? "," : "");
	}
	put(d, "]}");
}
