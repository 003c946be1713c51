/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4 with 128 bits of output: a keyed hash of bytes that strangers choose. Who does not
 * know the secret can neither aim at a place in a table nor make two inputs meet (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF"; the 128-bit variant of its reference vectors).
 * Thread: any. Pure function.
 */
#ifndef WR_BASE_SIPHASH_H
#define WR_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define WR_SIPHASH_SECRET_BYTES 16u

/* The first 8 bytes of the output as a little-endian number, then the last 8. */
void wr_siphash128(const uint8_t secret[WR_SIPHASH_SECRET_BYTES], const void *bytes, size_t count,
		   uint64_t ret_hash[2]);

#endif
