/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/chain.h"

#include <string.h>

#include "core/base/bug.h"
#include "core/base/bytes.h"

#define LINK_AT offsetof(struct wr_batch_header, link)
#define LINK_END (LINK_AT + WR_CHAIN_LINK_BYTES)
#define TAG_AT offsetof(struct wr_batch_header, tag)
#define CRC_AT offsetof(struct wr_batch_header, header_crc)

_Static_assert(TAG_AT + WR_CHAIN_TAG_BYTES == CRC_AT, "what the link covers ends with the tag");

void wr_chain_key_make(struct wr_chain_key *key, const struct wr_chain_secret *secret,
		       const uint8_t uuid[WR_UUID_BYTES], uint32_t log_id)
{
	uint8_t own[32], log[4];
	struct wr_blake2b b;

	wr_put_u32(log, log_id);
	wr_blake2b_begin(&b, sizeof own, secret->bytes, secret->count, "weir chain key");
	wr_blake2b_feed(&b, uuid, WR_UUID_BYTES);
	wr_blake2b_feed(&b, log, sizeof log);
	wr_blake2b_end(&b, own);
	wr_blake2b_begin(&key->link, WR_CHAIN_LINK_BYTES, own, sizeof own, "weir link");
	wr_blake2b_begin(&key->tag, WR_CHAIN_TAG_BYTES, own, sizeof own, "weir tag");
	wr_blake2b_begin(&b, sizeof key->check, own, sizeof own, "weir check");
	wr_blake2b_end(&b, key->check);
}

static void tag_of(const struct wr_chain_key *key, const struct wr_batch_header *h,
		   uint8_t to[WR_CHAIN_TAG_BYTES])
{
	const uint8_t *bytes = (const void *)h;
	struct wr_blake2b b = key->tag;

	wr_blake2b_feed(&b, bytes, LINK_AT);
	wr_blake2b_feed(&b, bytes + LINK_END, TAG_AT - LINK_END);
	wr_blake2b_feed(&b, bytes + WR_BATCH_HEADER_BYTES,
			WR_BUG(TAG_OF_HEADER) ? 0 : h->body_bytes);
	wr_blake2b_end(&b, to);
}

static void link_of(const struct wr_chain_key *key, const uint8_t *before,
		    const struct wr_batch_header *h, uint8_t to[WR_CHAIN_LINK_BYTES])
{
	static const uint8_t none[WR_CHAIN_LINK_BYTES];
	const uint8_t *bytes = (const void *)h;
	struct wr_blake2b b = key->link;

	wr_blake2b_feed(&b, before != NULL && !WR_BUG(LINK_TO_NOTHING) ? before : none,
			WR_CHAIN_LINK_BYTES);
	wr_blake2b_feed(&b, bytes, LINK_AT);
	wr_blake2b_feed(&b, bytes + LINK_END, CRC_AT - LINK_END);
	wr_blake2b_end(&b, to);
}

void wr_chain_seal(const struct wr_chain_key *key, const uint8_t *before, void *batch)
{
	struct wr_batch_header *h = batch;

	h->features_may |= WR_BATCH_LINKED | (before == NULL ? WR_BATCH_LINK_BEGINS : 0);
	tag_of(key, h, h->tag);
	link_of(key, before, h, h->link);
}

/* In a time that tells nothing of where they differ. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t count)
{
	uint8_t difference = 0;

	for (size_t i = 0; i < count; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

bool wr_chain_link_is_good(const struct wr_chain_key *key, const uint8_t *before,
			   const struct wr_batch_header *header)
{
	uint8_t link[WR_CHAIN_LINK_BYTES];

	link_of(key, (header->features_may & WR_BATCH_LINK_BEGINS) != 0 ? NULL : before, header,
		link);
	return is_same(link, header->link, sizeof link);
}

bool wr_chain_tag_is_good(const struct wr_chain_key *key, const void *batch)
{
	const struct wr_batch_header *h = batch;
	uint8_t tag[WR_CHAIN_TAG_BYTES];

	tag_of(key, h, tag);
	return is_same(tag, h->tag, sizeof tag);
}
