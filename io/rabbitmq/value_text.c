/* SPDX-License-Identifier: Apache-2.0 */
/* See map.h: values of AMQP's tables as text. Events have bytes in their headers, and no types. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/rabbitmq/map.h"

/* Tables in tables; what lies deeper is null. */
#define DEPTH_MAX 8

struct writer {
	char *room;
	size_t room_bytes;
	size_t used;
	bool full;
};

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *w, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int bytes =
		w->full ? -1
			: vsnprintf(w->room + w->used, w->room_bytes - w->used, format, arguments);
	va_end(arguments);
	if (bytes < 0 || (size_t)bytes >= w->room_bytes - w->used)
		w->full = true;
	else
		w->used += (size_t)bytes;
}

static void put_string(struct writer *w, amqp_bytes_t text)
{
	put(w, "\"");
	for (size_t i = 0; i < text.len && !w->full; i++) {
		uint8_t c = ((const uint8_t *)text.bytes)[i];
		if (c == '"' || c == '\\')
			put(w, "\\%c", c);
		else if (c < 0x20)
			put(w, "\\u%04x", c);
		else
			put(w, "%c", c);
	}
	put(w, "\"");
}

/* true: it was a number, and is written. */
static bool put_number(struct writer *w, const amqp_field_value_t *value)
{
	switch (value->kind) {
	case AMQP_FIELD_KIND_BOOLEAN:
		put(w, "%s", value->value.boolean ? "true" : "false");
		break;
	case AMQP_FIELD_KIND_I8:
		put(w, "%d", value->value.i8);
		break;
	case AMQP_FIELD_KIND_U8:
		put(w, "%u", value->value.u8);
		break;
	case AMQP_FIELD_KIND_I16:
		put(w, "%d", value->value.i16);
		break;
	case AMQP_FIELD_KIND_U16:
		put(w, "%u", value->value.u16);
		break;
	case AMQP_FIELD_KIND_I32:
		put(w, "%" PRId32, value->value.i32);
		break;
	case AMQP_FIELD_KIND_U32:
		put(w, "%" PRIu32, value->value.u32);
		break;
	case AMQP_FIELD_KIND_I64:
		put(w, "%" PRId64, value->value.i64);
		break;
	case AMQP_FIELD_KIND_U64:
	case AMQP_FIELD_KIND_TIMESTAMP:
		put(w, "%" PRIu64, value->value.u64);
		break;
	case AMQP_FIELD_KIND_F32:
		put(w, "%.9g", (double)value->value.f32);
		break;
	case AMQP_FIELD_KIND_F64:
		put(w, "%.17g", value->value.f64);
		break;
	case AMQP_FIELD_KIND_DECIMAL:
		put(w, "%" PRIu32 "e-%u", value->value.decimal.value,
		    value->value.decimal.decimals);
		break;
	default:
		return false;
	}
	return true;
}

static void put_value(struct writer *w, const amqp_field_value_t *value, int depth)
{
	if (put_number(w, value))
		return;
	switch (value->kind) {
	case AMQP_FIELD_KIND_UTF8:
	case AMQP_FIELD_KIND_BYTES:
		put_string(w, value->value.bytes);
		return;
	case AMQP_FIELD_KIND_ARRAY:
		if (depth == DEPTH_MAX)
			break;
		put(w, "[");
		for (int i = 0; i < value->value.array.num_entries && !w->full; i++) {
			put(w, "%s", i > 0 ? "," : "");
			put_value(w, &value->value.array.entries[i], depth + 1);
		}
		put(w, "]");
		return;
	case AMQP_FIELD_KIND_TABLE:
		if (depth == DEPTH_MAX)
			break;
		put(w, "{");
		for (int i = 0; i < value->value.table.num_entries && !w->full; i++) {
			put(w, "%s", i > 0 ? "," : "");
			put_string(w, value->value.table.entries[i].key);
			put(w, ":");
			put_value(w, &value->value.table.entries[i].value, depth + 1);
		}
		put(w, "}");
		return;
	default:
		break;
	}
	put(w, "null");
}

size_t wr_rabbit_value_text(const amqp_field_value_t *value, char *room, size_t room_bytes,
			    amqp_bytes_t *ret)
{
	if (value->kind == AMQP_FIELD_KIND_UTF8 || value->kind == AMQP_FIELD_KIND_BYTES) {
		*ret = value->value.bytes;
		return 0;
	}
	struct writer w = {.room = room, .room_bytes = room_bytes};
	put_value(&w, value, 0);
	*ret = (amqp_bytes_t){.len = w.used, .bytes = room};
	return w.full ? WR_RABBIT_NO_ROOM : w.used;
}
