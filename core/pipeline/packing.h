/* SPDX-License-Identifier: Apache-2.0 */
/* What options.pack asks of the codecs. Pure function. */
#ifndef WR_PIPELINE_PACKING_H
#define WR_PIPELINE_PACKING_H

#include <weir/options.h>

#include "core/port/codec.h"

/* How frames of packed segments are compressed: enum wr_codec_number. */
static inline uint32_t wr_pack_codec(enum weir_pack pack)
{
	return pack == WEIR_PACK_LZ4    ? WR_CODEC_LZ4
	       : pack == WEIR_PACK_ZSTD ? WR_CODEC_ZSTD
					: WR_CODEC_NONE;
}

#endif
