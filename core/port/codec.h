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

struct wr_codec {
	const char *name;
	uint32_t level_max; /* levels are 1 … level_max; 0: the library's own */
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

/* What to say where a build lacks it. */
static inline const char *wr_codec_lack(uint32_t number)
{
	return number == WR_CODEC_LZ4
		       ? "packed segments are compressed with LZ4, and this weir was built "
			 "without liblz4: nothing was changed"
		       : "packed segments are compressed with Zstandard, and this weir was built "
			 "without libzstd: nothing was changed";
}

#endif
