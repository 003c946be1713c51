/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the hash is SipHash-2-4 with 128 bits, at every length of the last word.
 * Method: vectors that `openssl mac -macopt size:16 SIPHASH` gives (key and input are 0, 1, 2 ...;
 *         the first two are the first of the reference's).
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "core/base/siphash.h"

static void expect(size_t count, const char *hex)
{
	uint8_t secret[WR_SIPHASH_SECRET_BYTES], input[64];
	char got[33];
	uint64_t hash[2];
	for (uint8_t i = 0; i < 64; i++)
		input[i] = i;
	for (uint8_t i = 0; i < sizeof secret; i++)
		secret[i] = i;
	wr_siphash128(secret, input, count, hash);
	for (uint32_t i = 0; i < 16; i++)
		(void)snprintf(got + 2 * i, 3, "%02X",
			       (unsigned)(hash[i / 8] >> (8 * (i % 8)) & 0xff));
	cr_expect_str_eq(got, hex, "%zu bytes", count);
}

Test(siphash, it_is_the_hash_of_the_reference)
{
	expect(0, "A3817F04BA25A8E66DF67214C7550293");
	expect(1, "DA87C1D86B99AF44347659119B22FC45");
	expect(7, "A1F1EBBED8DBC153C0B84AA61FF08239");
	expect(8, "3B62A9BA6258F5610F83E264F31497B4");
	expect(15, "5493E99933B0A8117E08EC0F97CFC3D9");
	expect(16, "6EE2A4CA67B054BBFD3315BF85230577");
	expect(36, "3DC47D1F29C448461E9E76ED904F6711");
	expect(63, "5150D1772F50834A503E069A973FBD7C");
}

Test(siphash, another_secret_is_another_hash)
{
	const uint8_t one[WR_SIPHASH_SECRET_BYTES] = {1}, two[WR_SIPHASH_SECRET_BYTES] = {2};
	uint64_t a[2], b[2];
	wr_siphash128(one, "key", 3, a);
	wr_siphash128(two, "key", 3, b);
	cr_expect(a[0] != b[0] && a[1] != b[1]);
}
