/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_log_format(): a line as text or JSON, written into what room there is. A line that does not
 * fit is written again with less: its texts are cut more and more, then its fields go. So the JSON
 * is whole in any case, and no second buffer is needed.
 */
#include <stdio.h>
#include <string.h>

#include <weir/log.h>

#include "core/json/utf8.h"

#define NS_PER_S 1000000000u
#define NS_PER_MS 1000000u
#define S_PER_DAY 86400u
#define NO_LIMIT SIZE_MAX
#define EVENT_BYTES 32u

/* How a line is written, and to where. */
struct output {
	char *to;
	size_t room;
	size_t bytes; /* beyond `room`: it did not fit */
	size_t text_bytes_max;
	bool cut;
};

static void put(struct output *o, const char *text, size_t bytes)
{
	if (o->bytes <= o->room && bytes <= o->room - o->bytes)
		memcpy(o->to + o->bytes, text, bytes);
	o->bytes += bytes;
}

static void say(struct output *o, const char *text)
{
	put(o, text, strlen(text));
}

static void say_u64(struct output *o, uint64_t value)
{
	char digits[24];
	put(o, digits, (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value));
}

/* ---- time ---- */

/* Days since 1970-01-01 as a date, by eras of 400 years that begin in March. */
static void date_of(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	uint64_t shifted = days + 719468;
	uint64_t era = shifted / 146097;
	uint64_t of_era = shifted % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153; /* from March on */

	*ret_day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (unsigned)(month < 10 ? month + 3 : month - 9);
	*ret_year = (unsigned)(year + era * 400 + (*ret_month <= 2));
}

static void say_time(struct output *o, uint64_t time_ns)
{
	char text[80];
	unsigned year, month, day;
	uint64_t s = time_ns / NS_PER_S;
	unsigned of_day = (unsigned)(s % S_PER_DAY);

	date_of(s / S_PER_DAY, &year, &month, &day);
	put(o, text,
	    (size_t)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month,
			     day, of_day / 3600, of_day / 60 % 60, of_day % 60,
			     (unsigned)(time_ns % NS_PER_S / NS_PER_MS)));
}

/* ---- characters ---- */

/* Control characters of 8 bits (U+0080 .. U+009F), one of which begins escapes of a terminal; what
 * turns the direction of writing, or ends a line elsewhere (U+2028 ..). */
static bool is_trick(const uint8_t *at, size_t length)
{
	if (length == 2)
		return at[0] == 0xc2 && at[1] < 0xa0;
	return length == 3 && at[0] == 0xe2 &&
	       ((at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) ||
		(at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

static void put_escaped(struct output *o, const uint8_t *at, size_t length)
{
	char text[8];

	for (size_t i = 0; i < length; i++)
		put(o, text, (size_t)snprintf(text, sizeof text, "\\x%02x", at[i]));
}

/* As text: what is printable, and the rest as \xNN; a backslash stays one. */
static void put_plain(struct output *o, const uint8_t *at, size_t length)
{
	if (length > 1 && !is_trick(at, length))
		put(o, (const char *)at, length);
	else if (length == 1 && at[0] >= ' ' && at[0] != 127)
		put(o, (const char *)at, 1);
	else
		put_escaped(o, at, length != 0 ? length : 1);
}

static void put_json_character(struct output *o, const uint8_t *at, size_t length)
{
	static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	char text[8];
	const char *found = length == 1 && at[0] != 0 ? strchr(escaped, at[0]) : NULL;

	if (found != NULL) {
		text[0] = '\\';
		text[1] = letters[found - escaped];
		put(o, text, 2);
	} else if (length == 0) {
		say(o, "\\ufffd");
	} else if (length == 1 && (at[0] < ' ' || at[0] == 127)) {
		put(o, text, (size_t)snprintf(text, sizeof text, "\\u%04x", at[0]));
	} else if (length == 2 && is_trick(at, length)) {
		put(o, text, (size_t)snprintf(text, sizeof text, "\\u%04x", at[1]));
	} else {
		put(o, (const char *)at, length);
	}
}

/* Whole characters of it, as many as may be. */
static void put_text(struct output *o, const char *text,
		     void (*put_one)(struct output *o, const uint8_t *at, size_t length))
{
	size_t bytes = strlen(text);
	size_t kept = bytes < o->text_bytes_max ? bytes : o->text_bytes_max;
	const uint8_t *at = (const uint8_t *)text;

	for (size_t i = 0; i < kept;) {
		size_t length = wr_utf8_length(at + i, bytes - i);
		if (length > kept - i)
			break;
		put_one(o, at + i, length);
		i += length != 0 ? length : 1;
	}
	o->cut = o->cut || kept < bytes;
}

/* A name of weir's, whole; anything else is cut. */
static void put_event(struct output *o, const char *event,
		      void (*put_one)(struct output *o, const uint8_t *at, size_t length))
{
	size_t text_bytes_max = o->text_bytes_max;

	if (o->text_bytes_max < EVENT_BYTES)
		o->text_bytes_max = EVENT_BYTES;
	put_text(o, event, put_one);
	o->text_bytes_max = text_bytes_max;
}

static void say_json_text(struct output *o, const char *text)
{
	if (text == NULL) {
		say(o, "null");
		return;
	}
	say(o, "\"");
	put_text(o, text, put_json_character);
	say(o, "\"");
}

/* ---- lines ---- */

static void write_text(struct output *o, const struct weir_log_line *line)
{
	say_time(o, line->time_ns);
	say(o, " ");
	say(o, weir_log_level_name(line->level));
	say(o, " ");
	put_event(o, line->event, put_plain);
	say(o, " ");
	if (line->pipeline != NULL) {
		put_text(o, line->pipeline, put_plain);
		say(o, ": ");
	}
	put_text(o, line->message, put_plain);
	if (o->cut)
		say(o, "...");
	if (line->suppressed_count != 0) {
		say(o, " (");
		say_u64(o, line->suppressed_count);
		say(o, " more before it were held back)");
	}
	say(o, "\n");
}

static void write_value(struct output *o, const struct weir_log_field *f)
{
	char digits[24];

	switch (f->type) {
	case WEIR_LOG_U64:
		say_u64(o, f->u64);
		break;
	case WEIR_LOG_I64:
		put(o, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)f->i64));
		break;
	case WEIR_LOG_BOOL:
		say(o, f->boolean ? "true" : "false");
		break;
	case WEIR_LOG_TEXT:
		say_json_text(o, f->text);
		break;
	default:
		say(o, "null");
	}
}

static void write_json(struct output *o, const struct weir_log_line *line, bool with_fields)
{
	say(o, "{\"time\":\"");
	say_time(o, line->time_ns);
	say(o, "\",\"level\":\"");
	say(o, weir_log_level_name(line->level));
	say(o, "\",\"event\":\"");
	put_event(o, line->event, put_json_character);
	say(o, "\"");
	if (line->pipeline != NULL) {
		say(o, ",\"pipeline\":");
		say_json_text(o, line->pipeline);
	}
	say(o, ",\"message\":");
	say_json_text(o, line->message);
	if (line->suppressed_count != 0) {
		say(o, ",\"suppressed\":");
		say_u64(o, line->suppressed_count);
	}
	say(o, ",\"fields\":{");
	for (uint32_t i = 0; with_fields && i < line->field_count; i++) {
		say(o, i > 0 ? "," : "");
		say_json_text(o, line->fields[i].key);
		say(o, ":");
		write_value(o, &line->fields[i]);
	}
	o->cut = o->cut || (!with_fields && line->field_count > 0);
	say(o, o->cut ? "},\"cut\":true}\n" : "}}\n");
}

size_t weir_log_format(enum weir_log_format format, const struct weir_log_line *line, char *to,
		       size_t to_bytes)
{
	static const struct {
		size_t text_bytes_max;
		bool with_fields;
	} tries[] = {{NO_LIMIT, true}, {4096, true}, {1024, true}, {256, true}, {64, true},
		     {256, false},     {64, false},  {16, false},  {8, false}};

	if (to_bytes < WEIR_LOG_LINE_BYTES_MIN ||
	    (format != WEIR_LOG_AS_TEXT && format != WEIR_LOG_AS_JSON))
		return 0;
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		struct output o = {
			.to = to, .room = to_bytes, .text_bytes_max = tries[i].text_bytes_max};
		if (format == WEIR_LOG_AS_JSON)
			write_json(&o, line, tries[i].with_fields);
		else
			write_text(&o, line);
		if (o.bytes <= to_bytes)
			return o.bytes;
	}
	return 0;
}
