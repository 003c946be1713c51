/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a config file, its lines, and places in it. A column counts characters (code points)
 * from 1, a tab being one; a line ends with LF, CR LF or a lone CR, as in YAML.
 *
 * Before anything else sees the text it is checked here: at most 1 MiB, UTF-8 through and through,
 * no control characters. So the parser behind never meets a NUL or a broken sequence, and what is
 * quoted in an error cannot play with a terminal.
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_SOURCE_H
#define WR_CONFIG_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "io/config/arena.h"
#include "io/config/text.h"

#define WR_CONFIG_TEXT_BYTES_MAX (1u << 20)

struct wr_config_place {
	uint32_t line;    /* from 1; 0: the file as a whole */
	uint32_t column;  /* from 1 */
	uint32_t columns; /* characters at fault, on that line; at least 1 */
	size_t at;        /* the first of them: its byte in the text */
};

struct wr_config_source {
	const char *name; /* of the file, for messages */
	const char *text;
	size_t bytes;
	uint32_t line_count;
	uint32_t *line_starts; /* byte offsets, line_count of them */
	/* Characters before each block of WR_CONFIG_BLOCK_BYTES: so a column costs the same on a
	 * line of a million bytes. */
	uint32_t *characters_before;
};

#define WR_CONFIG_BLOCK_BYTES 4096u

/* Copies name and text into the arena and finds the lines. 0 or -ENOMEM; bytes are within the
 * limit. A byte order mark at the start is left out. */
int wr_config_source_init(struct wr_config_source *source, struct wr_config_arena *arena,
			  const char *name, const char *text, size_t bytes);

/* The first byte from `from` on that a config must not have, with what it is; `bytes`: there is
 * none. */
size_t wr_config_source_fault(const struct wr_config_source *source, size_t from,
			      const char **ret_why);

/* The place of a span of bytes; `at` may be the end of the text. What goes on over the end of the
 * line is cut there. */
struct wr_config_place wr_config_place_of(const struct wr_config_source *source, size_t at,
					  size_t bytes);

/* One line, without what ends it. */
const char *wr_config_line(const struct wr_config_source *source, uint32_t line, size_t *ret_bytes);

#endif
