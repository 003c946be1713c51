/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zstandard frames, one for each piece, without a checksum of their own: weir has one over what is
 * stored, and each batch has its own. A decoder takes what fills the room that it is given and
 * nothing else, whatever the frame says of its size.
 */
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#include "io/codec/codecs.h"

/*
 * The library takes what it works in with the first piece, and keeps it: so the first one is here,
 * of the largest size, and what is packed later wants no memory.
 */
static bool warm_up(ZSTD_CCtx *c, uint32_t bytes_max)
{
	size_t room = ZSTD_compressBound(bytes_max);
	void *from = calloc(1, bytes_max), *to = malloc(room);
	bool good = from != NULL && to != NULL &&
		    !ZSTD_isError(ZSTD_compress2(c, to, room, from, bytes_max));

	free(from);
	free(to);
	return good;
}

static void encoder_destroy(void *encoder)
{
	(void)ZSTD_freeCCtx(encoder);
}

static int encoder_create(uint32_t level, uint32_t bytes_max, void **ret_encoder)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	if (c == NULL)
		return -ENOMEM;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, (int)level)) ||
	    !warm_up(c, bytes_max)) {
		encoder_destroy(c);
		return -ENOMEM;
	}
	*ret_encoder = c;
	return 0;
}

static uint32_t encode(void *encoder, const void *from, uint32_t from_bytes, void *to,
		       uint32_t to_bytes)
{
	size_t n = ZSTD_compress2(encoder, to, to_bytes, from, from_bytes);

	return ZSTD_isError(n) ? 0 : (uint32_t)n;
}

static int decoder_create(void **ret_decoder)
{
	*ret_decoder = ZSTD_createDCtx();
	return *ret_decoder != NULL ? 0 : -ENOMEM;
}

static void decoder_destroy(void *decoder)
{
	(void)ZSTD_freeDCtx(decoder);
}

static bool decode(void *decoder, const void *from, uint32_t from_bytes, void *to,
		   uint32_t to_bytes)
{
	return ZSTD_decompressDCtx(decoder, to, to_bytes, from, from_bytes) == to_bytes;
}

const struct wr_codec wr_codec_zstd = {
	.encoder_create = encoder_create,
	.encoder_destroy = encoder_destroy,
	.encode = encode,
	.decoder_create = decoder_create,
	.decoder_destroy = decoder_destroy,
	.decode = decode,
};
