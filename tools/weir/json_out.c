/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON without a tree: a stack of what is open, and text that is escaped as it goes out.
 *
 * Thread: one at a time for each struct json_out. Errors stay in the stream until json_end().
 */
#include "tools/weir/json_out.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/json/utf8.h"

void json_begin(struct json_out *j, FILE *to, enum json_style style)
{
	*j = (struct json_out){.to = to, .style = style};
	j->empty[0] = true;
}

static void new_line(struct json_out *j)
{
	if (j->style != JSON_PRETTY)
		return;
	fputc('\n', j->to);
	for (unsigned i = 0; i < j->depth; i++)
		fputs("  ", j->to);
}

/* What stands before a value: the comma, the line, the key. */
static void lead(struct json_out *j, const char *key)
{
	if (j->depth > 0) {
		if (!j->empty[j->depth])
			fputc(',', j->to);
		new_line(j);
	}
	j->empty[j->depth] = false;
	if (key != NULL)
		fprintf(j->to, j->style == JSON_PRETTY ? "\"%s\": " : "\"%s\":", key);
}

static void open_scope(struct json_out *j, const char *key, char opener, char closer)
{
	WR_ASSERT(j->depth + 1 < JSON_DEPTH_MAX);
	lead(j, key);
	fputc(opener, j->to);
	j->depth++;
	j->empty[j->depth] = true;
	j->closer[j->depth] = closer;
}

void json_object(struct json_out *j, const char *key)
{
	open_scope(j, key, '{', '}');
}

void json_array(struct json_out *j, const char *key)
{
	open_scope(j, key, '[', ']');
}

void json_close(struct json_out *j)
{
	WR_ASSERT(j->depth > 0);
	bool empty = j->empty[j->depth];
	char closer = j->closer[j->depth];
	j->depth--;
	if (!empty)
		new_line(j);
	fputc(closer, j->to);
}

size_t json_utf8_bytes(const void *bytes, size_t length_bytes)
{
	return wr_utf8_good_bytes(bytes, length_bytes);
}

bool json_is_utf8(const void *bytes, size_t length_bytes)
{
	return json_utf8_bytes(bytes, length_bytes) == length_bytes;
}

static void put_character(struct json_out *j, uint8_t c)
{
	static const char escapes[] = "\bb\tt\nn\ff\rr\"\"\\\\";

	for (size_t i = 0; escapes[i] != '\0'; i += 2)
		if ((uint8_t)escapes[i] == c) {
			fputc('\\', j->to);
			fputc(escapes[i + 1], j->to);
			return;
		}
	/* DEL is allowed in JSON and plays tricks on terminals. */
	if (c < 0x20 || c == 0x7f)
		fprintf(j->to, "\\u%04x", c);
	else
		fputc(c, j->to);
}

static void put_text(struct json_out *j, const uint8_t *p, size_t length_bytes)
{
	fputc('"', j->to);
	for (size_t i = 0; i < length_bytes;) {
		size_t n = wr_utf8_length(p + i, length_bytes - i);
		if (n == 0) {
			fputs("\\ufffd", j->to);
			i++;
		} else if (n == 1) {
			put_character(j, p[i]);
			i++;
		} else {
			fwrite(p + i, 1, n, j->to);
			i += n;
		}
	}
	fputc('"', j->to);
}

void json_text_n(struct json_out *j, const char *key, const void *text, size_t bytes)
{
	if (text == NULL) {
		json_null(j, key);
		return;
	}
	lead(j, key);
	put_text(j, text, bytes);
}

void json_text(struct json_out *j, const char *key, const char *text)
{
	json_text_n(j, key, text, text != NULL ? strlen(text) : 0);
}

void json_hex(struct json_out *j, const char *key, const void *bytes, size_t length_bytes)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	lead(j, key);
	fputc('"', j->to);
	for (size_t i = 0; i < length_bytes; i++) {
		fputc(digits[p[i] >> 4], j->to);
		fputc(digits[p[i] & 15], j->to);
	}
	fputc('"', j->to);
}

void json_ready(struct json_out *j, const char *key, const char *json, size_t json_bytes)
{
	while (json_bytes > 0 && json[json_bytes - 1] == '\n')
		json_bytes--;
	lead(j, key);
	(void)fwrite(json, 1, json_bytes, j->to);
}

void json_u64(struct json_out *j, const char *key, uint64_t n)
{
	lead(j, key);
	fprintf(j->to, "%" PRIu64, n);
}

void json_i64(struct json_out *j, const char *key, int64_t n)
{
	lead(j, key);
	fprintf(j->to, "%" PRId64, n);
}

void json_f64(struct json_out *j, const char *key, double n, int digits)
{
	if (!isfinite(n)) {
		json_null(j, key);
		return;
	}
	lead(j, key);
	fprintf(j->to, "%.*f", digits, n);
}

void json_bool(struct json_out *j, const char *key, bool b)
{
	lead(j, key);
	fputs(b ? "true" : "false", j->to);
}

void json_null(struct json_out *j, const char *key)
{
	lead(j, key);
	fputs("null", j->to);
}

int json_end(struct json_out *j)
{
	while (j->depth > 0)
		json_close(j);
	fputc('\n', j->to);
	if (j->style == JSON_PRETTY && fflush(j->to) != 0)
		return -EIO;
	return ferror(j->to) != 0 ? -EIO : 0;
}
