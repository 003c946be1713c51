/* SPDX-License-Identifier: Apache-2.0 */
#include "io/codec/codecs.h"

const struct wr_codec *const *wr_codecs(void)
{
	static const struct wr_codec *const codecs[WR_CODEC_COUNT] = {
		[WR_CODEC_NONE] = NULL,
#ifdef WR_HAVE_LZ4
		[WR_CODEC_LZ4] = &wr_codec_lz4,
#endif
#ifdef WR_HAVE_ZSTD
		[WR_CODEC_ZSTD] = &wr_codec_zstd,
#endif
	};

	return codecs;
}
