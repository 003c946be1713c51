/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   tag and link of a batch are those that the page on the format says, and each byte that
 *         they are of is in them: no other header, body, batch before or key has the same.
 * Method: numbers that Python's hashlib.blake2b made of the same bytes; then one bit after the
 *         other.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/record/chain.h"

#define BODY_BYTES 100u
#define LOG_ID 3u
#define LINK_AT offsetof(struct wr_batch_header, link)
#define TAG_AT offsetof(struct wr_batch_header, tag)
#define CRC_AT offsetof(struct wr_batch_header, header_crc)

_Alignas(64) static uint8_t batch[WR_BATCH_HEADER_BYTES + BODY_BYTES + 8];
static uint8_t before[WR_CHAIN_LINK_BYTES];
static struct wr_chain_key key;

static const struct wr_batch_header *header(void)
{
	return (const void *)batch;
}

static void make_key(struct wr_chain_key *to, uint32_t log_id)
{
	struct wr_chain_secret secret = {.count = 40};
	uint8_t uuid[WR_UUID_BYTES];

	for (uint32_t i = 0; i < secret.count; i++)
		secret.bytes[i] = (uint8_t)(i * 7 + 1);
	for (uint32_t i = 0; i < sizeof uuid; i++)
		uuid[i] = (uint8_t)i;
	wr_chain_key_make(to, &secret, uuid, log_id);
}

static void setup(void)
{
	make_key(&key, LOG_ID);
	for (uint32_t i = 0; i < WR_BATCH_HEADER_BYTES; i++)
		batch[i] = (uint8_t)(i * 37 + 11);
	for (uint32_t i = 0; i < sizeof batch - WR_BATCH_HEADER_BYTES; i++)
		batch[WR_BATCH_HEADER_BYTES + i] = (uint8_t)(i * 5 + 3);
	for (uint32_t i = 0; i < sizeof before; i++)
		before[i] = (uint8_t)(200 + i);
	wr_put_u32(batch + offsetof(struct wr_batch_header, features_may), 0);
	wr_put_u32(batch + offsetof(struct wr_batch_header, body_bytes), BODY_BYTES);
}

TestSuite(links, .init = setup);

static void expect_hex(const uint8_t *bytes, size_t count, const char *hex)
{
	char text[2 * 32 + 1];

	for (size_t i = 0; i < count; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	cr_expect_str_eq(text, hex, "%s, not %s", text, hex);
}

Test(links, they_are_what_the_page_on_the_format_says)
{
	expect_hex(key.check, sizeof key.check, "0b9332f4ad2dcf8e0427363f2cb1990d");
	wr_chain_seal(&key, NULL, batch);
	cr_expect_eq(header()->features_may, WR_BATCH_LINKED | WR_BATCH_LINK_BEGINS);
	expect_hex(header()->tag, sizeof header()->tag, "9b24cfb380b49f5484f02249");
	expect_hex(header()->link, sizeof header()->link, "3664c3d3facd752b46b1d670c4ba3e0b");
	setup();
	wr_chain_seal(&key, before, batch);
	cr_expect_eq(header()->features_may, WR_BATCH_LINKED);
	expect_hex(header()->tag, sizeof header()->tag, "b3ce9a71ae3fc66f58f150d1");
	expect_hex(header()->link, sizeof header()->link, "4de4dcda7de2b44d60d950f8bcf78da5");
}

static bool is_of_tag(uint32_t at)
{
	bool is_of_header = at < LINK_AT || (at >= LINK_AT + WR_CHAIN_LINK_BYTES && at < CRC_AT);
	bool is_of_body = at >= WR_BATCH_HEADER_BYTES && at < WR_BATCH_HEADER_BYTES + BODY_BYTES;

	return is_of_header || is_of_body;
}

Test(links, no_bit_of_what_they_are_of_can_change)
{
	const uint32_t bytes_at = offsetof(struct wr_batch_header, body_bytes);

	wr_chain_seal(&key, before, batch);
	cr_assert(wr_chain_tag_is_good(&key, batch));
	cr_assert(wr_chain_link_is_good(&key, before, header()));
	for (uint32_t bit = 0; bit < 8 * sizeof batch; bit++) {
		uint32_t at = bit / 8;
		batch[at] ^= (uint8_t)(1u << bit % 8);
		/* How long the body is everybody has looked at before. */
		if (at < bytes_at || at >= bytes_at + 4)
			cr_expect_eq(wr_chain_tag_is_good(&key, batch), !is_of_tag(at), "bit %u",
				     bit);
		cr_expect_eq(wr_chain_link_is_good(&key, before, header()), at >= CRC_AT, "bit %u",
			     bit);
		batch[at] ^= (uint8_t)(1u << bit % 8);
	}
	for (uint32_t bit = 0; bit < 8 * sizeof before; bit++) {
		before[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_not(wr_chain_link_is_good(&key, before, header()), "bit %u", bit);
		before[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cr_assert(wr_chain_tag_is_good(&key, batch));
	cr_assert(wr_chain_link_is_good(&key, before, header()));
}

Test(links, of_another_log_they_are_others)
{
	struct wr_chain_key other;

	make_key(&other, LOG_ID + 1);
	wr_chain_seal(&key, before, batch);
	cr_expect_not(wr_chain_tag_is_good(&other, batch));
	cr_expect_not(wr_chain_link_is_good(&other, before, header()));
	cr_expect_neq(memcmp(key.check, other.check, sizeof key.check), 0);
}

/* What it is told came before is nothing to one that says that the chain begins with it. */
Test(links, one_that_begins_has_nothing_before_it)
{
	static const uint8_t none[WR_CHAIN_LINK_BYTES];

	wr_chain_seal(&key, NULL, batch);
	cr_expect(wr_chain_link_is_good(&key, before, header()));
	cr_expect(wr_chain_link_is_good(&key, none, header()));
	setup();
	wr_chain_seal(&key, none, batch);
	cr_expect(wr_chain_link_is_good(&key, none, header()));
	cr_expect_not(wr_chain_link_is_good(&key, before, header()));
}
