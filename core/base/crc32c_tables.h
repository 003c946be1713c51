/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The constant tables of crc32c.c. They are complete at compile time, so no constructor has to run
 * before the first checksum and no thread can see a half-made table.
 *
 * A CRC register is a linear function of its bits: the value for n is the XOR of the values for
 * the bits that are set in n. So only the values of single bits are written out, and macros make
 * the rows of 16 and 256 from them. tests/unit/base/test_crc32c.c checks every entry that is
 * used against a CRC computed bit by bit.
 *
 * slice[k][n]       the register after byte n and k zero bytes, from register 0 (slicing by 8)
 * shift_<B>[p][n]   the register n << 4p after B zero bytes: multiplication by x^(8B)
 */
#ifndef WR_BASE_CRC32C_TABLES_H
#define WR_BASE_CRC32C_TABLES_H

#include <stdint.h>

/* clang-format off */
#define WR_CRC_4_(n, a, b, c, d)                                                                   \
	(((n) & 1 ? (a) : 0u) ^ ((n) & 2 ? (b) : 0u) ^ ((n) & 4 ? (c) : 0u) ^ ((n) & 8 ? (d) : 0u))
#define WR_CRC_ROW_16(a, b, c, d)                                                                  \
	{WR_CRC_4_(0, a, b, c, d),  WR_CRC_4_(1, a, b, c, d),  WR_CRC_4_(2, a, b, c, d),           \
	 WR_CRC_4_(3, a, b, c, d),  WR_CRC_4_(4, a, b, c, d),  WR_CRC_4_(5, a, b, c, d),           \
	 WR_CRC_4_(6, a, b, c, d),  WR_CRC_4_(7, a, b, c, d),  WR_CRC_4_(8, a, b, c, d),           \
	 WR_CRC_4_(9, a, b, c, d),  WR_CRC_4_(10, a, b, c, d), WR_CRC_4_(11, a, b, c, d),          \
	 WR_CRC_4_(12, a, b, c, d), WR_CRC_4_(13, a, b, c, d), WR_CRC_4_(14, a, b, c, d),          \
	 WR_CRC_4_(15, a, b, c, d)}

#define WR_CRC_8_(n, a, b, c, d, e, f, g, h)                                                       \
	(WR_CRC_4_(n, a, b, c, d) ^ WR_CRC_4_((n) >> 4, e, f, g, h))
#define WR_CRC_FOUR_(n, ...)                                                                       \
	WR_CRC_8_(n, __VA_ARGS__), WR_CRC_8_((n) + 1, __VA_ARGS__),                                \
	WR_CRC_8_((n) + 2, __VA_ARGS__), WR_CRC_8_((n) + 3, __VA_ARGS__)
#define WR_CRC_SIXTEEN_(n, ...)                                                                    \
	WR_CRC_FOUR_(n, __VA_ARGS__), WR_CRC_FOUR_((n) + 4, __VA_ARGS__),                          \
	WR_CRC_FOUR_((n) + 8, __VA_ARGS__), WR_CRC_FOUR_((n) + 12, __VA_ARGS__)
#define WR_CRC_SIXTY_FOUR_(n, ...)                                                                 \
	WR_CRC_SIXTEEN_(n, __VA_ARGS__), WR_CRC_SIXTEEN_((n) + 16, __VA_ARGS__),                   \
	WR_CRC_SIXTEEN_((n) + 32, __VA_ARGS__), WR_CRC_SIXTEEN_((n) + 48, __VA_ARGS__)
#define WR_CRC_ROW_256(...)                                                                        \
	{WR_CRC_SIXTY_FOUR_(0, __VA_ARGS__), WR_CRC_SIXTY_FOUR_(64, __VA_ARGS__),                  \
	 WR_CRC_SIXTY_FOUR_(128, __VA_ARGS__), WR_CRC_SIXTY_FOUR_(192, __VA_ARGS__)}

static const uint32_t slice[8][256] = {
	WR_CRC_ROW_256(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu,
		       0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u),
	WR_CRC_ROW_256(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u,
		       0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u),
	WR_CRC_ROW_256(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u,
		       0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u),
	WR_CRC_ROW_256(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u,
		       0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu),
	WR_CRC_ROW_256(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u,
		       0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu),
	WR_CRC_ROW_256(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu,
		       0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u),
	WR_CRC_ROW_256(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u,
		       0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u),
	WR_CRC_ROW_256(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau,
		       0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u),
};

static const uint32_t shift_1360[8][16] = {
	WR_CRC_ROW_16(0x79113270u, 0xf22264e0u, 0xe1a8bf31u, 0xc6bd0893u),
	WR_CRC_ROW_16(0x889667d7u, 0x14c0b95fu, 0x298172beu, 0x5302e57cu),
	WR_CRC_ROW_16(0xa605caf8u, 0x49e7e301u, 0x93cfc602u, 0x2273faf5u),
	WR_CRC_ROW_16(0x44e7f5eau, 0x89cfebd4u, 0x1673a159u, 0x2ce742b2u),
	WR_CRC_ROW_16(0x59ce8564u, 0xb39d0ac8u, 0x62d66361u, 0xc5acc6c2u),
	WR_CRC_ROW_16(0x8eb5fb75u, 0x1887801bu, 0x310f0036u, 0x621e006cu),
	WR_CRC_ROW_16(0xc43c00d8u, 0x8d947741u, 0x1ec49873u, 0x3d8930e6u),
	WR_CRC_ROW_16(0x7b1261ccu, 0xf624c398u, 0xe9a5f1c1u, 0xd6a79573u),
};

static const uint32_t shift_336[8][16] = {
	WR_CRC_ROW_16(0x8f158014u, 0x1bc776d9u, 0x378eedb2u, 0x6f1ddb64u),
	WR_CRC_ROW_16(0xde3bb6c8u, 0xb99b1b61u, 0x76da4033u, 0xedb48066u),
	WR_CRC_ROW_16(0xde85763du, 0xb8e69a8bu, 0x742143e7u, 0xe84287ceu),
	WR_CRC_ROW_16(0xd569796du, 0xaf3e842bu, 0x5b917ea7u, 0xb722fd4eu),
	WR_CRC_ROW_16(0x6ba98c6du, 0xd75318dau, 0xab4a4745u, 0x5378f87bu),
	WR_CRC_ROW_16(0xa6f1f0f6u, 0x480f971du, 0x901f2e3au, 0x25d22a85u),
	WR_CRC_ROW_16(0x4ba4550au, 0x9748aa14u, 0x2b7d22d9u, 0x56fa45b2u),
	WR_CRC_ROW_16(0xadf48b64u, 0x5e056039u, 0xbc0ac072u, 0x7df9f615u),
};

static const uint32_t shift_80[8][16] = {
	WR_CRC_ROW_16(0x083a6eecu, 0x1074ddd8u, 0x20e9bbb0u, 0x41d37760u),
	WR_CRC_ROW_16(0x83a6eec0u, 0x02a1ab71u, 0x054356e2u, 0x0a86adc4u),
	WR_CRC_ROW_16(0x150d5b88u, 0x2a1ab710u, 0x54356e20u, 0xa86adc40u),
	WR_CRC_ROW_16(0x5539ce71u, 0xaa739ce2u, 0x510b4f35u, 0xa2169e6au),
	WR_CRC_ROW_16(0x41c14a25u, 0x8382944au, 0x02e95e65u, 0x05d2bccau),
	WR_CRC_ROW_16(0x0ba57994u, 0x174af328u, 0x2e95e650u, 0x5d2bcca0u),
	WR_CRC_ROW_16(0xba579940u, 0x71434471u, 0xe28688e2u, 0xc0e16735u),
	WR_CRC_ROW_16(0x842eb89bu, 0x0db107c7u, 0x1b620f8eu, 0x36c41f1cu),
};
/* clang-format on */

#endif
