/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32C by carry-less multiplication, 64 bytes an instruction, on x86-64 CPUs with AVX-512 and
 * VPCLMULQDQ: for long inputs in one stream, several times as fast as chains of the CRC
 * instruction, and as fast as a cache gives the bytes. Part of crc32c.c, and for nobody else.
 *
 * Thread: any. No state.
 */
#ifndef WR_BASE_CRC32C_WIDE_H
#define WR_BASE_CRC32C_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_CRC32C_WIDE_BYTES_MIN 256u /* below, the chains are quicker */

#if defined(__x86_64__)
#define WR_CRC32C_WIDE 1

bool wr_crc32c_wide_is_here(void);

/*
 * The register (not inverted) behind as many whole steps of 64 bytes as `length_bytes` holds, which
 * is at least 256. *ret_done: how many bytes these are.
 */
uint32_t wr_crc32c_wide(uint32_t crc, const uint8_t *bytes, size_t length_bytes, size_t *ret_done);
#endif

#endif
