/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BLAKE2b (RFC 7693), keyed and personalised, of 1 to 64 bytes of output: for evidence that holds
 * against who knows everything but the key. Why this one: docs/design/chain-of-tags.md.
 *
 * A state is begun once for a key and a purpose, copied for each message, fed, and ended.
 * Thread: any. Pure functions.
 */
#ifndef WR_BASE_BLAKE2B_H
#define WR_BASE_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

#define WR_BLAKE2B_BLOCK_BYTES 128u
#define WR_BLAKE2B_KEY_MAX 64u
#define WR_BLAKE2B_PERSON_BYTES 16u

struct wr_blake2b {
	uint64_t h[8];
	uint64_t count[2];
	uint32_t output_bytes;
	uint32_t held_bytes;
	uint8_t held[WR_BLAKE2B_BLOCK_BYTES];
};

/* `key` NULL with 0 bytes: none. `person`: up to 16 characters that say what it is for; or NULL. */
void wr_blake2b_begin(struct wr_blake2b *b, uint32_t output_bytes, const void *key,
		      uint32_t key_bytes, const char *person);
void wr_blake2b_feed(struct wr_blake2b *b, const void *bytes, size_t count);
/* `to` has output_bytes. */
void wr_blake2b_end(struct wr_blake2b *b, void *to);

#endif
