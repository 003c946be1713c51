/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libraries that compress packed segments, behind core/port/codec.h: those that this build was
 * made with. Every storage says them to whoever reads or packs on it.
 */
#ifndef WR_CODEC_CODECS_H
#define WR_CODEC_CODECS_H

#include "core/port/codec.h"

#ifdef WR_HAVE_LZ4
extern const struct wr_codec wr_codec_lz4;
#endif
#ifdef WR_HAVE_ZSTD
extern const struct wr_codec wr_codec_zstd;
#endif

/* By number, WR_CODEC_COUNT of them; NULL where this build lacks one. */
const struct wr_codec *const *wr_codecs(void);

#endif
