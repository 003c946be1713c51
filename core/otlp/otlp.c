/* SPDX-License-Identifier: Apache-2.0 */
#include "core/otlp/otlp.h"

#include <errno.h>
#include <string.h>

#include <weir/base.h>

#include "core/base/bits.h"
#include "core/json/utf8.h"

#define STRING_OF(x) #x
#define VERSION_TEXT(a, b, c) STRING_OF(a) "." STRING_OF(b) "." STRING_OF(c)

static const char digits[] = "0123456789abcdef";
static const char tail[] = "]}]}]}\n";

/* Room for what ends a line is kept. */
#define ROOM_BYTES (WR_OTLP_LINE_BYTES - sizeof tail)

/* ---- bytes ---- */

static void put(struct wr_otlp *o, const void *bytes, size_t count)
{
	if (o->overflow || count > ROOM_BYTES - o->used_bytes) {
		o->overflow = true;
		return;
	}
	memcpy(o->buffer + o->used_bytes, bytes, count);
	o->used_bytes += (uint32_t)count;
}

static void put_text(struct wr_otlp *o, const char *text)
{
	put(o, text, strlen(text));
}

static void put_number(struct wr_otlp *o, uint64_t number)
{
	char text[20];
	size_t at = sizeof text;
	do {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put(o, text + at, sizeof text - at);
}

static void put_hex(struct wr_otlp *o, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char two[] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
		put(o, two, sizeof two);
	}
}

static void put_id(struct wr_otlp *o, uint64_t id)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(id >> (56 - 8 * i));
	put_hex(o, bytes, sizeof bytes);
}

static void put_character(struct wr_otlp *o, const uint8_t *at, size_t length)
{
	const char escape[] = {'\\', 'u', '0', '0', digits[at[0] >> 4], digits[at[0] & 15]};
	if (at[0] < 0x20) {
		put(o, escape, sizeof escape);
		return;
	}
	if (at[0] == '"' || at[0] == '\\')
		put(o, "\\", 1);
	put(o, at, length);
}

/* Between quotes. */
static void put_string(struct wr_otlp *o, const void *text, size_t text_bytes, size_t bytes_max)
{
	const uint8_t *at = text;
	put(o, "\"", 1);
	for (size_t i = 0; i < text_bytes && !o->overflow;) {
		size_t length = wr_utf8_length(at + i, text_bytes - i);
		if (i + (length > 0 ? length : 1) > bytes_max)
			break;
		if (length > 0)
			put_character(o, at + i, length);
		else
			put_text(o, "\xef\xbf\xbd");
		i += length > 0 ? length : 1;
	}
	put(o, "\"", 1);
}

/* ---- lines ---- */

int wr_otlp_init(struct wr_otlp *o, char *buffer, const char *service, const uint8_t *journal,
		 int (*line_fn)(void *context, const char *line, size_t line_bytes), void *context)
{
	size_t service_bytes = strlen(service);
	if (service_bytes == 0 || service_bytes > WR_OTLP_SERVICE_BYTES ||
	    wr_utf8_good_bytes(service, service_bytes) != service_bytes)
		return -EINVAL;
	*o = (struct wr_otlp){.buffer = buffer, .line_fn = line_fn, .context = context};
	put_text(o, "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
		    "{\"key\":\"service.name\",\"value\":{\"stringValue\":");
	put_string(o, service, service_bytes, service_bytes);
	put_text(o, "}},{\"key\":\"weir.journal\",\"value\":{\"stringValue\":\"");
	put_hex(o, journal, WR_TRACE_ID_BYTES);
	put_text(o,
		 "\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"weir\",\"version\":\"" VERSION_TEXT(
			 WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR,
			 WEIR_VERSION_PATCH) "\"},\"spans\":[");
	o->head_bytes = o->used_bytes;
	return 0;
}

int wr_otlp_flush(struct wr_otlp *o)
{
	if (o->span_count > 0 && o->code == 0) {
		memcpy(o->buffer + o->used_bytes, tail, sizeof tail - 1);
		o->code = o->line_fn(o->context, o->buffer, o->used_bytes + sizeof tail - 1);
		o->lines++;
	}
	o->used_bytes = o->head_bytes;
	o->span_count = 0;
	return o->code;
}

/* ---- spans ---- */

void wr_otlp_span(struct wr_otlp *o, const struct wr_span *s)
{
	/* A line that is more than half full may have no room for the largest one. */
	if (o->span_count == WR_OTLP_LINE_SPANS || o->used_bytes > WR_OTLP_LINE_BYTES / 2)
		(void)wr_otlp_flush(o);
	o->span_at = o->used_bytes;
	o->overflow = o->has_attributes = o->has_links = false;
	put_text(o, o->span_count > 0 ? ",{\"traceId\":\"" : "{\"traceId\":\"");
	put_hex(o, s->trace_id, WR_TRACE_ID_BYTES);
	put_text(o, "\",\"spanId\":\"");
	put_id(o, s->span_id);
	if (s->tracestate_bytes > 0 && s->tracestate_bytes <= WR_OTLP_STATE_BYTES) {
		put_text(o, "\",\"traceState\":");
		put_string(o, s->tracestate, s->tracestate_bytes, s->tracestate_bytes);
		put_text(o, ",\"parentSpanId\":\"");
	} else {
		put_text(o, "\",\"parentSpanId\":\"");
	}
	if (s->parent_id != 0)
		put_id(o, s->parent_id);
	/* Whether the parent is remote is told by two bits above the context's own eight. */
	put_text(o, "\",\"flags\":");
	put_number(o, s->flags | 0x100u | (s->parent_is_remote ? 0x200u : 0u));
	put_text(o, ",\"name\":");
	char name[WR_OTLP_TEXT_BYTES + 32];
	size_t operation_bytes = strlen(s->operation);
	size_t topic_bytes = wr_min_u64(strlen(s->topic), WR_OTLP_TEXT_BYTES);
	memcpy(name, s->operation, operation_bytes);
	name[operation_bytes] = ' ';
	memcpy(name + operation_bytes + 1, s->topic, topic_bytes);
	put_string(o, name, operation_bytes + 1 + topic_bytes, sizeof name);
	put_text(o, ",\"kind\":");
	put_number(o, (uint64_t)s->kind);
	put_text(o, ",\"startTimeUnixNano\":\"");
	put_number(o, s->start_ns);
	put_text(o, "\",\"endTimeUnixNano\":\"");
	put_number(o, wr_max_u64(s->start_ns, s->end_ns));
	put_text(o, "\"");
}

static void begin_attribute(struct wr_otlp *o, const char *key)
{
	put_text(o, o->has_attributes ? ",{\"key\":\"" : ",\"attributes\":[{\"key\":\"");
	put_text(o, key);
	put_text(o, "\",\"value\":{");
	o->has_attributes = true;
}

void wr_otlp_text(struct wr_otlp *o, const char *key, const void *text, size_t text_bytes)
{
	begin_attribute(o, key);
	put_text(o, "\"stringValue\":");
	put_string(o, text, text_bytes, WR_OTLP_TEXT_BYTES);
	put_text(o, "}}");
}

void wr_otlp_number(struct wr_otlp *o, const char *key, uint64_t number)
{
	begin_attribute(o, key);
	put_text(o, "\"intValue\":\"");
	put_number(o, wr_min_u64(number, INT64_MAX));
	put_text(o, "\"}}");
}

void wr_otlp_true(struct wr_otlp *o, const char *key)
{
	begin_attribute(o, key);
	put_text(o, "\"boolValue\":true}}");
}

static void end_attributes(struct wr_otlp *o)
{
	if (o->has_attributes)
		put_text(o, "]");
	o->has_attributes = false;
}

void wr_otlp_link(struct wr_otlp *o, const uint8_t *trace_id, uint64_t span_id)
{
	end_attributes(o);
	put_text(o, o->has_links ? ",{\"traceId\":\"" : ",\"links\":[{\"traceId\":\"");
	put_hex(o, trace_id, WR_TRACE_ID_BYTES);
	put_text(o, "\",\"spanId\":\"");
	put_id(o, span_id);
	put_text(o, "\"}");
	o->has_links = true;
}

void wr_otlp_span_end(struct wr_otlp *o, const char *error)
{
	end_attributes(o);
	if (o->has_links)
		put_text(o, "]");
	if (error != NULL) {
		put_text(o, ",\"status\":{\"message\":");
		put_string(o, error, strlen(error), WR_OTLP_TEXT_BYTES);
		put_text(o, ",\"code\":2}");
	}
	put_text(o, "}");
	if (o->overflow) {
		o->used_bytes = o->span_at;
		o->overflow = false;
		o->too_large++;
		return;
	}
	o->span_count++;
	o->spans++;
}
