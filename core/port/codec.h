/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the journal asks of a library that compresses: whole pieces of a known size, to and fro. A
 * storage says which there are (storage.h); io/codec has them, and a build may lack any.
 *
 * What is decoded comes from a medium and may be anything: a decoder writes no byte beyond the room
 * that it is given, and takes nothing that does not fill it exactly.
 *
 * Thread: an encoder, or a decoder, is for one at a time. Memory: theirs is their library's, taken
 * when they are made.
 */
#ifndef WR_PORT_CODEC_H
#define WR_PORT_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/port/storage.h"

/* The numbers are in the format (docs/reference/journal-format.md). */
enum wr_codec_number { WR_CODEC_NONE = 0, WR_CODEC_LZ4 = 1, WR_CODEC_ZSTD = 2 };
#define WR_CODEC_COUNT 3u

/* Levels are 1 to this, and 0 is the library's own. Those of Zstandard above it take much memory,
 * and give little for pieces of a chunk. */
#define WR_CODEC_LZ4_LEVEL_MAX 12u
#define WR_CODEC_ZSTD_LEVEL_MAX 19u

static inline uint32_t wr_codec_level_max(uint32_t number)
{
	return number == WR_CODEC_LZ4    ? WR_CODEC_LZ4_LEVEL_MAX
	       : number == WR_CODEC_ZSTD ? WR_CODEC_ZSTD_LEVEL_MAX
					 : 0;
}

struct wr_codec {
	/* For pieces of so many bytes at most. 0 or -ENOMEM. Destroyers take NULL. */
	int (*encoder_create)(uint32_t level, uint32_t bytes_max, void **ret_encoder);
	void (*encoder_destroy)(void *encoder);
	/* The bytes used of `to`; 0: it does not fit, or could not be done. */
	uint32_t (*encode)(void *encoder, const void *from, uint32_t from_bytes, void *to,
			   uint32_t to_bytes);
	int (*decoder_create)(void **ret_decoder);
	void (*decoder_destroy)(void *decoder);
	/* True: `to` is full, and `from` was used up. */
	bool (*decode)(void *decoder, const void *from, uint32_t from_bytes, void *to,
		       uint32_t to_bytes);
};

/* NULL: not in this build, or no such number. */
static inline const struct wr_codec *wr_codec_of(const struct wr_storage *s, uint32_t number)
{
	return s->codecs != NULL && number < WR_CODEC_COUNT ? s->codecs[number] : NULL;
}

#define WR_CODEC_LACK(name, library)                                                               \
	"packed segments are compressed with " name ", and this weir was built without " library

/* What to say where a build lacks it. */
static inline const char *wr_codec_lack(uint32_t number, bool read_only)
{
	if (number == WR_CODEC_LZ4)
		return read_only ? WR_CODEC_LACK("LZ4", "liblz4")
				 : WR_CODEC_LACK("LZ4", "liblz4") ": nothing was changed";
	return read_only ? WR_CODEC_LACK("Zstandard", "libzstd")
			 : WR_CODEC_LACK("Zstandard", "libzstd") ": nothing was changed";
}

#endif
