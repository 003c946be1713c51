/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datum of Avro as JSON. What comes out is counted in any case, and written as long as there is
 * room. Numbers are written without the locale's decimal point.
 *
 * Recursion follows the values as they lie inside one another, WEIR_SCHEMA_DATA_DEPTH_MAX deep.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/json/json_read.h"
#include "core/json/utf8.h"
#include "core/schema/data.h"

/* Decimals of more bytes are written as strings of bytes: nobody computes with them. */
#define DECIMAL_BYTES_MAX 64u

struct writing {
	const struct weir_schema *s;
	struct wr_data in;
	char *out;
	size_t out_bytes;
	size_t bytes;
	bool is_avros; /* Avro's own encoding */
};

static bool write_value(struct writing *w, uint32_t node);

static void put_n(struct writing *w, const void *text, size_t count)
{
	if (w->bytes <= w->out_bytes && count <= w->out_bytes - w->bytes && count > 0)
		memcpy(w->out + w->bytes, text, count);
	w->bytes += count;
}

static void put(struct writing *w, const char *text)
{
	put_n(w, text, strlen(text));
}

/* --- text ------------------------------------------------------------------------------------- */

static void put_ascii(struct writing *w, uint8_t c)
{
	static const char short_ones[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char text[8];

	for (const char *at = short_ones; *at != '\0'; at += 2)
		if ((uint8_t)at[0] == c) {
			put_n(w, "\\", 1);
			put_n(w, at + 1, 1);
			return;
		}
	snprintf(text, sizeof text, "\\u%04x", c);
	put(w, text);
}

/* UTF-8 that was looked at: only what JSON does not allow as it is gets an escape. */
static void put_text(struct writing *w, const uint8_t *text, size_t count)
{
	size_t plain = 0;

	put(w, "\"");
	for (size_t i = 0; i < count; i++) {
		if (text[i] >= 0x20 && text[i] != '"' && text[i] != '\\' && text[i] != 0x7f)
			continue;
		put_n(w, text + plain, i - plain);
		put_ascii(w, text[i]);
		plain = i + 1;
	}
	put_n(w, text + plain, count - plain);
	put(w, "\"");
}

/* Each byte a character from U+0000 to U+00FF. */
static void put_latin(struct writing *w, const uint8_t *bytes, size_t count)
{
	put(w, "\"");
	for (size_t i = 0; i < count; i++) {
		uint8_t c = bytes[i];
		uint8_t two[2] = {(uint8_t)(0xc0 | c >> 6), (uint8_t)(0x80 | (c & 0x3f))};
		if (c >= 0x80)
			put_n(w, two, 2);
		else if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
			put_ascii(w, c);
		else
			put_n(w, &c, 1);
	}
	put(w, "\"");
}

static void put_name(struct writing *w, uint32_t name)
{
	uint32_t bytes;
	const char *text = wr_schema_text_of(w->s, name, &bytes);

	put_n(w, text, bytes);
}

static bool write_text(struct writing *w)
{
	size_t count;

	if (!wr_data_length(&w->in, &count))
		return false;
	if (wr_utf8_good_bytes(w->in.at, count) != count)
		return wr_data_wrong(&w->in, -EINVAL, "a string that is not UTF-8");
	put_text(w, w->in.at, count);
	w->in.at += count;
	return true;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void put_long(struct writing *w, int64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)n);
	put(w, text);
}

/* The locale's decimal point, whatever it is, becomes '.'. */
static void plain_point(char *text)
{
	char *to = text;

	for (const char *at = text; *at != '\0'; at++) {
		bool kept = (*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || *at == 'e';
		if (kept)
			*to++ = *at;
		else if (to == text || to[-1] != '.')
			*to++ = '.';
	}
	*to = '\0';
}

/* The fewest digits that are read back as the same number. */
static void put_double(struct writing *w, double d, bool is_float)
{
	char text[40];
	struct wr_json j;

	if (!isfinite(d)) {
		put(w, isnan(d) ? "\"NaN\"" : d < 0 ? "\"-Infinity\"" : "\"Infinity\"");
		return;
	}
	for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, d);
		plain_point(text);
		wr_json_init(&j, text, strlen(text), 0);
		wr_json_next(&j);
		double again = wr_json_f64(&j);
		if (is_float ? (float)again == (float)d : again == d)
			break;
	}
	put(w, text);
}

/* A big-endian number in two's complement, `scale` digits of it behind the point. */
static void put_decimal(struct writing *w, const uint8_t *bytes, size_t count, uint32_t scale)
{
	uint8_t number[DECIMAL_BYTES_MAX];
	char digits[3 * DECIMAL_BYTES_MAX + 8];
	size_t n = sizeof digits;
	bool minus = count > 0 && bytes[0] >= 0x80;
	uint32_t carry = 1;
	uint32_t placed = 0;
	bool more = true;

	for (size_t i = count; i-- > 0;) {
		uint32_t byte = minus ? (uint8_t)~bytes[i] + carry : bytes[i];
		carry = byte >> 8;
		number[i] = (uint8_t)byte;
	}
	/* Digits come from the last on; one stands before the point in any case. */
	while (n > 1 && (more || placed <= scale)) {
		uint32_t rest = 0;
		more = false;
		for (size_t i = 0; i < count; i++) {
			rest = rest << 8 | number[i];
			number[i] = (uint8_t)(rest / 10);
			more = more || number[i] != 0;
			rest %= 10;
		}
		if (placed == scale && scale > 0)
			digits[--n] = '.';
		digits[--n] = (char)('0' + rest);
		placed++;
	}
	if (minus)
		put(w, "-");
	put_n(w, digits + n, sizeof digits - n);
}

/* --- bytes, by logical type ------------------------------------------------------------------- */

static void put_uuid(struct writing *w, const uint8_t *bytes)
{
	char text[40];
	size_t n = 0;

	for (int i = 0; i < 16; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%02x",
				      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
	put_text(w, (const uint8_t *)text, n);
}

static bool write_bytes(struct writing *w, const struct wr_schema_node *n)
{
	size_t count = n->size;

	if (n->type == WEIR_SCHEMA_BYTES && !wr_data_length(&w->in, &count))
		return false;
	if (count > (size_t)(w->in.end - w->in.at))
		return wr_data_wrong(&w->in, -EINVAL, "the data end in a value");
	const uint8_t *at = w->in.at;
	w->in.at += count;
	if (!w->is_avros && n->logical == WR_LOGICAL_DECIMAL && count <= DECIMAL_BYTES_MAX &&
	    n->scale <= 2 * DECIMAL_BYTES_MAX)
		put_decimal(w, at, count, n->scale);
	else if (!w->is_avros && n->logical == WR_LOGICAL_UUID && count == 16)
		put_uuid(w, at);
	else
		put_latin(w, at, count);
	return true;
}

/* --- what has parts --------------------------------------------------------------------------- */

static bool write_items(struct writing *w, const struct wr_schema_node *n)
{
	bool map = n->type == WEIR_SCHEMA_MAP;
	bool is_first = true;
	uint64_t count;
	size_t bytes;

	put(w, map ? "{" : "[");
	do {
		if (!wr_data_block(&w->in, &count, &bytes))
			return false;
		const uint8_t *begin = w->in.at;
		for (uint64_t i = 0; i < count; i++) {
			if (w->in.work_left == 0)
				return wr_data_enter(&w->in, 1);
			w->in.work_left--;
			put(w, is_first ? "" : ",");
			is_first = false;
			if (map && !write_text(w))
				return false;
			put(w, map ? ":" : "");
			if (!write_value(w, n->first))
				return false;
		}
		if (bytes != SIZE_MAX && (size_t)(w->in.at - begin) != bytes)
			return wr_data_wrong(&w->in, -EINVAL,
					     "a block has not the bytes that it says it has");
	} while (count > 0);
	put(w, map ? "}" : "]");
	return true;
}

static bool write_record(struct writing *w, const struct wr_schema_node *n)
{
	put(w, "{");
	for (uint32_t i = 0; i < n->count; i++) {
		const struct wr_schema_field *field = &w->s->fields[n->first + i];
		put(w, i > 0 ? ",\"" : "\"");
		put_name(w, field->name);
		put(w, "\":");
		if (!write_value(w, field->node))
			return false;
	}
	put(w, "}");
	return true;
}

static bool write_union(struct writing *w, const struct wr_schema_node *n)
{
	char name[2 * WEIR_SCHEMA_NAME_BYTES_MAX + 2];
	uint32_t branch;

	if (!wr_data_index(&w->in, n->count, "a branch that the union has not", &branch))
		return false;
	uint32_t node = w->s->lists[n->first + branch];
	if (!w->is_avros || w->s->nodes[node].type == WEIR_SCHEMA_NULL)
		return write_value(w, node);
	wr_schema_full_name(w->s, node, name, sizeof name);
	put(w, "{");
	put_text(w, (const uint8_t *)name, strlen(name));
	put(w, ":");
	if (!write_value(w, node))
		return false;
	put(w, "}");
	return true;
}

static bool write_parts(struct writing *w, const struct wr_schema_node *n)
{
	bool good;

	if (!wr_data_enter(&w->in, 1 + (n->type == WEIR_SCHEMA_RECORD ? n->count : 0)))
		return false;
	if (n->type == WEIR_SCHEMA_RECORD)
		good = write_record(w, n);
	else if (n->type == WEIR_SCHEMA_UNION)
		good = write_union(w, n);
	else
		good = write_items(w, n);
	wr_data_leave(&w->in);
	return good;
}

static bool write_float(struct writing *w, bool is_float)
{
	size_t bytes = is_float ? sizeof(float) : sizeof(double);
	float f;
	double d;

	if (bytes > (size_t)(w->in.end - w->in.at))
		return wr_data_wrong(&w->in, -EINVAL, "the data end in a value");
	memcpy(is_float ? (void *)&f : (void *)&d, w->in.at, bytes);
	w->in.at += bytes;
	put_double(w, is_float ? (double)f : d, is_float);
	return true;
}

static bool write_value(struct writing *w, uint32_t node)
{
	const struct wr_schema_node *n = &w->s->nodes[node];
	const uint8_t *at = w->in.at;
	uint32_t index;
	int64_t number;

	switch ((enum weir_schema_type)n->type) {
	case WEIR_SCHEMA_NULL:
		put(w, "null");
		return true;
	case WEIR_SCHEMA_BOOLEAN:
		if (!wr_data_pass(&w->in, w->s, node))
			return false;
		put(w, *at == 1 ? "true" : "false");
		return true;
	case WEIR_SCHEMA_INT:
	case WEIR_SCHEMA_LONG:
		if (!(n->type == WEIR_SCHEMA_INT ? wr_data_int(&w->in, &number)
						 : wr_data_long(&w->in, &number)))
			return false;
		put_long(w, number);
		return true;
	case WEIR_SCHEMA_FLOAT:
	case WEIR_SCHEMA_DOUBLE:
		return write_float(w, n->type == WEIR_SCHEMA_FLOAT);
	case WEIR_SCHEMA_STRING:
		return write_text(w);
	case WEIR_SCHEMA_BYTES:
	case WEIR_SCHEMA_FIXED:
		return write_bytes(w, n);
	case WEIR_SCHEMA_ENUM:
		if (!wr_data_index(&w->in, n->count, "a symbol that the enum has not", &index))
			return false;
		put(w, "\"");
		put_name(w, w->s->lists[n->first + index]);
		put(w, "\"");
		return true;
	case WEIR_SCHEMA_RECORD:
	case WEIR_SCHEMA_ARRAY:
	case WEIR_SCHEMA_MAP:
	case WEIR_SCHEMA_UNION:
	case WEIR_SCHEMA_JSON_VALUE: // no node of Avro's is one
		break;
	}
	return write_parts(w, n);
}

int weir_schema_to_json(const struct weir_schema *schema, const void *data, size_t data_bytes,
			uint32_t flags, char *to, size_t to_bytes, size_t *ret_bytes,
			struct weir_problem *reterr_problem)
{
	struct writing w = {
		.s = schema,
		.out = to,
		.out_bytes = to_bytes,
		.is_avros = (flags & WEIR_SCHEMA_JSON_AVRO) != 0,
	};

	wr_data_begin(&w.in, data, data_bytes);
	if (schema->json != NULL)
		wr_data_wrong(&w.in, -EINVAL, "it is JSON already: the schema is no Avro schema");
	else if ((flags & ~WEIR_SCHEMA_JSON_AVRO) != 0)
		wr_data_wrong(&w.in, -EINVAL, "flags has a bit that is unknown");
	else if (write_value(&w, schema->root) && w.in.at != w.in.end)
		wr_data_wrong(&w.in, -EINVAL, "there are more bytes than the datum has");
	if (w.in.code != 0)
		return wr_data_tell(&w.in, reterr_problem);
	*ret_bytes = w.bytes;
	return w.bytes > to_bytes ? -ENOBUFS : 0;
}
