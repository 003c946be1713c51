/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and columns of a text, and what must not be in it. */
#include "io/config/source.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"

/* Bytes of what ends a line here, or 0. */
static size_t line_end(const char *text, size_t bytes)
{
	if (bytes == 0 || (text[0] != '\n' && text[0] != '\r'))
		return 0;
	return text[0] == '\r' && bytes > 1 && text[1] == '\n' ? 2 : 1;
}

static uint32_t find_lines(const char *text, size_t bytes, uint32_t *starts)
{
	uint32_t count = 1;
	if (starts != NULL)
		starts[0] = 0;
	for (size_t at = 0; at < bytes;) {
		size_t end = line_end(text + at, bytes - at);
		at += end > 0 ? end : 1;
		if (end == 0)
			continue;
		if (starts != NULL)
			starts[count] = (uint32_t)at;
		count++;
	}
	return count;
}

/* Line ends of other standards, marks of byte order, and what turns the direction of writing: no
 * editor shows them, and a reader sees another file than the parser. */
static bool is_invisible(const uint8_t *b, size_t length)
{
	if (length != 3)
		return false;
	if (b[0] == 0xef)
		return b[1] == 0xbb && b[2] == 0xbf;
	return b[0] == 0xe2 && ((b[1] == 0x80 && b[2] >= 0xa8 && b[2] <= 0xae) ||
				(b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9));
}

static const char *why_not(const uint8_t *b, size_t length)
{
	if (length == 0)
		return "this is not UTF-8";
	if (b[0] == 0)
		return "a NUL byte";
	if (b[0] == 0x1b)
		return "an escape character";
	if ((b[0] < 0x20 && b[0] != '\t' && b[0] != '\n' && b[0] != '\r') || b[0] == 0x7f ||
	    (b[0] == 0xc2 && b[1] < 0xa0))
		return "a control character";
	return is_invisible(b, length) ? "an invisible character" : NULL;
}

size_t wr_config_source_fault(const struct wr_config_source *source, size_t from,
			      const char **ret_why)
{
	for (size_t at = from; at < source->bytes;) {
		size_t length = wr_config_character(source->text + at, source->bytes - at);
		*ret_why = why_not((const uint8_t *)source->text + at, length);
		if (*ret_why != NULL)
			return at;
		at += length;
	}
	return source->bytes;
}

const char *wr_config_line(const struct wr_config_source *source, uint32_t line, size_t *ret_bytes)
{
	size_t start = source->line_starts[line - 1];
	size_t end = line < source->line_count ? source->line_starts[line] : source->bytes;
	while (end > start && (source->text[end - 1] == '\n' || source->text[end - 1] == '\r'))
		end--;
	*ret_bytes = end - start;
	return source->text + start;
}

/* How many characters begin there. */
static uint32_t characters(const char *text, size_t bytes)
{
	uint32_t count = 0;
	for (size_t i = 0; i < bytes; i++)
		count += ((uint8_t)text[i] & 0xc0) != 0x80 ? 1 : 0;
	return count;
}

/* The same between two places of the text. */
static uint32_t characters_between(const struct wr_config_source *source, size_t from, size_t to)
{
	size_t first = from / WR_CONFIG_BLOCK_BYTES;
	size_t last = to / WR_CONFIG_BLOCK_BYTES;
	if (to - from < WR_CONFIG_BLOCK_BYTES)
		return characters(source->text + from, to - from);
	return source->characters_before[last] - source->characters_before[first] -
	       characters(source->text + first * WR_CONFIG_BLOCK_BYTES,
			  from % WR_CONFIG_BLOCK_BYTES) +
	       characters(source->text + last * WR_CONFIG_BLOCK_BYTES, to % WR_CONFIG_BLOCK_BYTES);
}

static void count_characters(const struct wr_config_source *source)
{
	uint32_t count = 0;
	for (size_t at = 0; at <= source->bytes; at += WR_CONFIG_BLOCK_BYTES) {
		source->characters_before[at / WR_CONFIG_BLOCK_BYTES] = count;
		count += characters(source->text + at,
				    wr_min_u64(WR_CONFIG_BLOCK_BYTES, source->bytes - at));
	}
}

int wr_config_source_init(struct wr_config_source *source, struct wr_config_arena *arena,
			  const char *name, const char *text, size_t bytes)
{
	if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		bytes -= 3;
	}
	source->bytes = bytes;
	source->name = wr_config_copy(arena, name, strlen(name));
	source->text = wr_config_copy(arena, text, bytes);
	source->line_count = find_lines(text, bytes, NULL);
	source->line_starts = wr_config_alloc(arena, source->line_count * sizeof(uint32_t));
	source->characters_before =
		wr_config_alloc(arena, (bytes / WR_CONFIG_BLOCK_BYTES + 1) * sizeof(uint32_t));
	if (source->name == NULL || source->text == NULL || source->line_starts == NULL ||
	    source->characters_before == NULL)
		return -ENOMEM;
	(void)find_lines(text, bytes, source->line_starts);
	count_characters(source);
	return 0;
}

struct wr_config_place wr_config_place_of(const struct wr_config_source *source, size_t at,
					  size_t bytes)
{
	uint32_t low = 0;
	uint32_t high = source->line_count;
	size_t line_bytes;
	at = at < source->bytes ? at : source->bytes;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (source->line_starts[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	(void)wr_config_line(source, low + 1, &line_bytes);
	size_t start = source->line_starts[low];
	size_t from = start + wr_min_u64(at - start, line_bytes);
	size_t to = from + wr_min_u64(bytes, start + line_bytes - from);
	uint32_t columns = characters_between(source, from, to);
	return (struct wr_config_place){.line = low + 1,
					.column = characters_between(source, start, from) + 1,
					.columns = columns > 0 ? columns : 1,
					.at = from};
}
