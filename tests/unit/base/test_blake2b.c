/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   BLAKE2b is the one of RFC 7693, keyed or not, of any length, in pieces of any size.
 * Method: the example and the self-test of the RFC (appendices A and E), the first keyed vector of
 *         its authors, and a personalised one that Python's hashlib made.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "core/base/blake2b.h"

static void expect_hex(const uint8_t *bytes, size_t count, const char *hex)
{
	char text[129];

	for (size_t i = 0; i < count; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	cr_expect_str_eq(text, hex);
}

Test(blake2b, gives_the_examples_that_were_published)
{
	uint8_t key[64], out[64];
	struct wr_blake2b b;

	wr_blake2b_begin(&b, 64, NULL, 0, NULL);
	wr_blake2b_feed(&b, "abc", 3);
	wr_blake2b_end(&b, out);
	expect_hex(out, 64,
		   "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
		   "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
	for (unsigned i = 0; i < 64; i++)
		key[i] = (uint8_t)i;
	wr_blake2b_begin(&b, 64, key, 64, NULL);
	wr_blake2b_end(&b, out);
	expect_hex(out, 64,
		   "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
		   "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568");
	wr_blake2b_begin(&b, 16, key, 32, "weir link");
	wr_blake2b_feed(&b, "weir", 4);
	wr_blake2b_end(&b, out);
	expect_hex(out, 16, "35f0f22769c0927ad81060d9e499f02a");
}

/* The RFC's generator of inputs and keys. */
static void draw(uint8_t *to, size_t count, uint32_t seed)
{
	uint32_t a = 0xdead4badu * seed, b = 1;

	for (size_t i = 0; i < count; i++) {
		uint32_t t = a + b;
		a = b;
		b = t;
		to[i] = (uint8_t)(t >> 24);
	}
}

/* In pieces of `piece` bytes. */
static void hash(uint8_t *to, uint32_t to_bytes, const uint8_t *key, uint32_t key_bytes,
		 const uint8_t *from, size_t count, size_t piece)
{
	struct wr_blake2b b;

	wr_blake2b_begin(&b, to_bytes, key, key_bytes, NULL);
	for (size_t at = 0; at < count; at += piece)
		wr_blake2b_feed(&b, from + at, count - at < piece ? count - at : piece);
	wr_blake2b_end(&b, to);
}

Test(blake2b, passes_the_self_test_of_its_rfc_in_pieces_of_any_size)
{
	static const uint32_t out_bytes[] = {20, 32, 48, 64};
	static const uint32_t in_bytes[] = {0, 3, 128, 129, 255, 1024};
	static const size_t pieces[] = {1, 7, 127, 128, 129, 1024};
	uint8_t in[1024], key[64], out[64];

	for (unsigned p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
		struct wr_blake2b all;
		wr_blake2b_begin(&all, 32, NULL, 0, NULL);
		for (unsigned i = 0; i < 4; i++) {
			for (unsigned j = 0; j < 6; j++) {
				draw(in, in_bytes[j], in_bytes[j]);
				hash(out, out_bytes[i], NULL, 0, in, in_bytes[j], pieces[p]);
				wr_blake2b_feed(&all, out, out_bytes[i]);
				draw(key, out_bytes[i], out_bytes[i]);
				hash(out, out_bytes[i], key, out_bytes[i], in, in_bytes[j],
				     pieces[p]);
				wr_blake2b_feed(&all, out, out_bytes[i]);
			}
		}
		wr_blake2b_end(&all, out);
		expect_hex(out, 32,
			   "c23a7800d98123bd10f506c61e29da5603d763b8bbad2e737f5e765a7bccd475");
	}
}
