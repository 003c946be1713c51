/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The word that brings a CRC32C back: of bytes that were changed, four others can be chosen such
 * that the sum is what it was. The sum is linear, so what a word adds to it depends on nothing but
 * the word and how many bytes stand behind it. Pure function. Thread: any. Wait-free.
 */
#ifndef WR_BASE_CRC32C_BALANCE_H
#define WR_BASE_CRC32C_BALANCE_H

#include <stdint.h>

/*
 * The little-endian word that changes the sum by `difference` (the sum there is, exclusive-or the
 * one wanted) when it takes the place of four zero bytes with `behind_bytes` behind them.
 */
uint32_t wr_crc32c_balance(uint32_t difference, uint64_t behind_bytes);

#endif
