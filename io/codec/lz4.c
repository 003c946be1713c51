/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LZ4 blocks, without a frame around them: sizes and checksums are weir's own. Level 1 is the fast
 * one; those above are LZ4HC's, which the same decoder reads.
 */
#include <errno.h>
#include <limits.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>

#include "core/base/bug.h"
#include "io/codec/codecs.h"

#define LEVEL_HIGH 2u /* from here on LZ4HC */

_Static_assert(WR_CODEC_LZ4_LEVEL_MAX <= LZ4HC_CLEVEL_MAX, "the library has them");

struct encoder {
	uint32_t level;
	uint64_t state[]; /* the library's; it has to be aligned as that */
};

static int encoder_create(uint32_t level, uint32_t bytes_max, void **ret_encoder)
{
	int state_bytes = level >= LEVEL_HIGH ? LZ4_sizeofStateHC() : LZ4_sizeofState();
	struct encoder *e = malloc(sizeof *e + (size_t)state_bytes);

	(void)bytes_max;
	if (e == NULL)
		return -ENOMEM;
	e->level = level;
	*ret_encoder = e;
	return 0;
}

static uint32_t encode(void *encoder, const void *from, uint32_t from_bytes, void *to,
		       uint32_t to_bytes)
{
	struct encoder *e = encoder;
	int n;

	if (from_bytes > LZ4_MAX_INPUT_SIZE || to_bytes > INT_MAX)
		return 0;
	if (e->level >= LEVEL_HIGH)
		n = LZ4_compress_HC_extStateHC(e->state, from, to, (int)from_bytes, (int)to_bytes,
					       (int)e->level);
	else
		n = LZ4_compress_fast_extState(e->state, from, to, (int)from_bytes, (int)to_bytes,
					       1);
	return n > 0 ? (uint32_t)n : 0;
}

static int decoder_create(void **ret_decoder)
{
	*ret_decoder = NULL; /* it has no state */
	return 0;
}

static void decoder_destroy(void *decoder)
{
	(void)decoder;
}

static bool decode(void *decoder, const void *from, uint32_t from_bytes, void *to,
		   uint32_t to_bytes)
{
	(void)decoder;
	if (from_bytes > INT_MAX || to_bytes > INT_MAX)
		return false;
	int n = LZ4_decompress_safe(from, to, (int)from_bytes, (int)to_bytes);
	return n == (int)to_bytes || (n > 0 && WR_BUG(SHORT_FRAME_TAKEN));
}

const struct wr_codec wr_codec_lz4 = {
	.encoder_create = encoder_create,
	.encoder_destroy = free,
	.encode = encode,
	.decoder_create = decoder_create,
	.decoder_destroy = decoder_destroy,
	.decode = decode,
};
