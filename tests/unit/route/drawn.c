/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/route/drawn.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/bits.h"

static const char *const names[] = {"a", "b", "c", "d", "a.b", "d.a", "", "\\u0061"};
static const char *const values[] = {
	"\"\"",
	"\"a\"",
	"\"ab\"",
	"\"abc\"",
	"\"B\"",
	"\"aB\\u0043\"",
	"\"x*y\"",
	"0",
	"1",
	"-1",
	"1.5",
	"15e-1",
	"2",
	"1e2",
	"100",
	"1e400",
	"true",
	"false",
	"null",
	"\"1\"",
	"\"10.0.0.1\"",
	"\"10.0.0.01\"",
	"\"10.9.9.9\"",
	"\"::1\"",
	"\"0:0::1\"",
	"\"\303\244\"",
	"\"\303\204\"",
	"12345678901234567890",
	"1234567890.12345",
	"\"a\\\"b\\\\\"",
	"\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\"",
};
static const char *const conditions[] = {
	"{\"prefix\":\"a\"}",
	"{\"prefix\":\"\"}",
	"{\"prefix\":\"ab\"}",
	"{\"prefix\":{\"equals-ignore-case\":\"A\"}}",
	"{\"suffix\":\"c\"}",
	"{\"suffix\":\"\"}",
	"{\"suffix\":{\"equals-ignore-case\":\"Bc\"}}",
	"{\"equals-ignore-case\":\"b\"}",
	"{\"equals-ignore-case\":\"\303\244\"}",
	"{\"equals-ignore-case\":\"ABC\"}",
	"{\"wildcard\":\"a*\"}",
	"{\"wildcard\":\"*c\"}",
	"{\"wildcard\":\"*b*\"}",
	"{\"wildcard\":\"ab\"}",
	"{\"wildcard\":\"x\\\\*y\"}",
	"{\"wildcard\":\"a*c\"}",
	"{\"anything-but\":\"a\"}",
	"{\"anything-but\":[1,2]}",
	"{\"anything-but\":[\"ab\",\"\"]}",
	"{\"anything-but\":{\"prefix\":\"a\"}}",
	"{\"anything-but\":{\"suffix\":[\"b\",\"c\"]}}",
	"{\"anything-but\":{\"wildcard\":\"*b*\"}}",
	"{\"anything-but\":{\"equals-ignore-case\":\"b\"}}",
	"{\"numeric\":[\"<\",1]}",
	"{\"numeric\":[\">=\",1.5]}",
	"{\"numeric\":[\">\",0,\"<\",2]}",
	"{\"numeric\":[\">=\",-1,\"<=\",1]}",
	"{\"numeric\":[\"=\",100]}",
	"{\"numeric\":[\">\",1e3]}",
	"{\"cidr\":\"10.0.0.0/8\"}",
	"{\"cidr\":\"10.0.0.0/30\"}",
	"{\"cidr\":\"::/64\"}",
	"{\"exists\":true}",
	"{\"exists\":false}",
	"{\"exists\":true}",
};

uint32_t drawn_below(struct drawn *d, uint32_t below)
{
	d->seed ^= d->seed << 13;
	d->seed ^= d->seed >> 7;
	d->seed ^= d->seed << 17;
	return (uint32_t)((d->seed >> 11) % below);
}

static void put(struct drawn *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct drawn *d, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(d->text + d->bytes, sizeof d->text - d->bytes, format, arguments);
	va_end(arguments);
	d->bytes =
		d->bytes + (size_t)n < sizeof d->text ? d->bytes + (size_t)n : sizeof d->text - 1;
}

static const char *one_of(struct drawn *d, const char *const *list, size_t count)
{
	return list[drawn_below(d, (uint32_t)count)];
}

static void put_list(struct drawn *d)
{
	uint32_t count = 1 + drawn_below(d, 3);
	put(d, "[");
	for (uint32_t i = 0; i < count; i++)
		put(d, "%s%s", i > 0 ? "," : "",
		    drawn_below(d, 2) == 0 ? one_of(d, values, WR_ARRAY_COUNT(values))
					   : one_of(d, conditions, WR_ARRAY_COUNT(conditions)));
	put(d, "]");
}

static void put_fields(struct drawn *d, int depth)
{
	uint32_t count = 1 + drawn_below(d, 3);
	for (uint32_t i = 0; i < count; i++) {
		put(d, "%s", i > 0 ? "," : "");
		if (depth > 0 && drawn_below(d, 6) == 0) {
			put(d, "\"$or\":[{");
			put_fields(d, depth - 1);
			put(d, "},{");
			put_fields(d, depth - 1);
			put(d, "}]");
			continue;
		}
		put(d, "\"%s\":", one_of(d, names, WR_ARRAY_COUNT(names)));
		if (depth > 0 && drawn_below(d, 3) == 0) {
			put(d, "{");
			put_fields(d, depth - 1);
			put(d, "}");
		} else {
			put_list(d);
		}
	}
}

void drawn_pattern(struct drawn *d, int is_flat)
{
	d->bytes = 0;
	put(d, "{");
	put_fields(d, is_flat ? 0 : 2);
	put(d, "}");
}

static void put_value(struct drawn *d, int depth)
{
	uint32_t kind = depth > 0 ? drawn_below(d, 6) : 2;
	uint32_t count = drawn_below(d, 4);
	if (kind > 1) {
		put(d, "%s", one_of(d, values, WR_ARRAY_COUNT(values)));
		return;
	}
	put(d, kind == 0 ? "{" : "[ ");
	for (uint32_t i = 0; i < count; i++) {
		put(d, "%s", i > 0 ? " ,\n" : "");
		if (kind == 0)
			put(d, "\"%s\" :\t", one_of(d, names, WR_ARRAY_COUNT(names)));
		put_value(d, depth - 1);
	}
	put(d, kind == 0 ? "}" : "]");
}

void drawn_event(struct drawn *d)
{
	uint32_t count = drawn_below(d, 6);
	d->bytes = 0;
	put(d, "{");
	for (uint32_t i = 0; i < count; i++) {
		put(d, "%s\"%s\":", i > 0 ? "," : "", one_of(d, names, WR_ARRAY_COUNT(names)));
		put_value(d, 4);
	}
	put(d, "}");
}

void drawn_key(struct drawn *d, int is_pattern)
{
	static const char *const words[] = {"a", "b", "", "ab", "*", "#"};
	uint32_t count = drawn_below(d, 6);
	d->bytes = 0;
	d->text[0] = '\0';
	for (uint32_t i = 0; i < count; i++)
		put(d, "%s%s", i > 0 ? "." : "", one_of(d, words, is_pattern ? 6 : 4));
}
