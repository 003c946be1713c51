/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   every path of CRC32C gives the one standard value.
 * Method: published vectors (RFC 3720 B.4), then a CRC made bit by bit, which shares no table with
 *         the code under test, over every length around the block sizes, every alignment, and
 *         every way to split a buffer in two.
 */
#include <criterion/criterion.h>

#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "core/base/crc32c.h"
#include "io/posix/cpu_crc.h"

typedef uint32_t (*crc_fn)(uint32_t seed, const void *bytes, size_t length_bytes);

static const crc_fn paths[] = {wr_crc32c, wr_crc32c_portable, wr_crc32c_chains};
#define PATHS (sizeof paths / sizeof paths[0])

static uint32_t crc_bit_by_bit(uint32_t seed, const uint8_t *p, size_t bytes)
{
	uint32_t crc = ~seed;
	for (size_t i = 0; i < bytes; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
	}
	return ~crc;
}

static uint8_t noise[3 * 4096 + 64];

static bool cpu_has_crc(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("sse4.2") != 0;
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
	return false;
#endif
}

static void fill_with_noise(void)
{
	wr_cpu_crc_use(); /* as each way in does; x86-64 needs no telling */
	uint64_t x = 0x9e3779b97f4a7c15ull;
	for (size_t i = 0; i < sizeof noise; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		noise[i] = (uint8_t)(x >> 32);
	}
}

TestSuite(crc32c, .init = fill_with_noise);

Test(crc32c, gives_the_published_values)
{
	uint8_t up[32], down[32], zeros[32], ones[32];
	for (int i = 0; i < 32; i++) {
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
		zeros[i] = 0x00;
		ones[i] = 0xff;
	}
	for (size_t k = 0; k < PATHS; k++) {
		cr_assert_eq(paths[k](0, "123456789", 9), 0xe3069283u);
		cr_assert_eq(paths[k](0, "", 0), 0u);
		cr_assert_eq(paths[k](0, "a", 1), 0xc1d04330u);
		cr_assert_eq(paths[k](0, zeros, 32), 0x8a9136aau);
		cr_assert_eq(paths[k](0, ones, 32), 0x62a8ab43u);
		cr_assert_eq(paths[k](0, up, 32), 0x46dd794eu);
		cr_assert_eq(paths[k](0, down, 32), 0x113fdb5cu);
	}
}

Test(crc32c, agrees_with_a_bitwise_crc_for_every_length_up_to_two_blocks)
{
	/* Grown byte by byte, so the reference costs one byte a length. */
	uint32_t expected = 0;
	for (size_t bytes = 0; bytes <= 2 * 4096 + 16; bytes++) {
		if (bytes > 0)
			expected = crc_bit_by_bit(expected, noise + bytes - 1, 1);
		for (size_t k = 0; k < PATHS; k++)
			cr_assert_eq(paths[k](0, noise, bytes), expected, "path %zu, %zu bytes", k,
				     bytes);
	}
}

Test(crc32c, does_not_depend_on_alignment)
{
	static const size_t lengths[] = {1,    7,    8,    9,    63,   239,  240,
					 241,  247,  480,  1007, 1008, 1009, 4079,
					 4080, 4081, 4096, 8160, 8192, 12288};
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		for (size_t shift = 0; shift < 16; shift++) {
			uint32_t expected = crc_bit_by_bit(7, noise + shift, lengths[i]);
			for (size_t k = 0; k < PATHS; k++)
				cr_assert_eq(paths[k](7, noise + shift, lengths[i]), expected,
					     "path %zu, %zu bytes at +%zu", k, lengths[i], shift);
		}
}

Test(crc32c, of_two_parts_chained_is_the_crc_of_the_whole)
{
	const size_t bytes = 4096 + 300;
	uint32_t whole = crc_bit_by_bit(0, noise, bytes);
	for (size_t cut = 0; cut <= bytes; cut++)
		for (size_t k = 0; k < PATHS; k++) {
			uint32_t first = paths[k](0, noise, cut);
			cr_assert_eq(paths[(k + 1) % PATHS](first, noise + cut, bytes - cut), whole,
				     "cut at %zu", cut);
		}
}

Test(crc32c, takes_every_seed)
{
	/* The seed goes through the shift tables: each of its bits reaches each of their rows. */
	for (uint32_t bit = 0; bit < 32; bit++)
		for (size_t bytes = 240; bytes <= 4080; bytes += 240) {
			uint32_t expected = crc_bit_by_bit(1u << bit, noise, bytes);
			cr_assert_eq(wr_crc32c(1u << bit, noise, bytes), expected);
			cr_assert_eq(wr_crc32c_portable(1u << bit, noise, bytes), expected);
			cr_assert_eq(wr_crc32c_chains(1u << bit, noise, bytes), expected);
		}
}

Test(crc32c, every_flipped_bit_of_a_block_changes_it)
{
	uint32_t whole = wr_crc32c(0, noise, 4096);
	for (size_t bit = 0; bit < 4096 * 8; bit++) {
		noise[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		cr_assert_neq(wr_crc32c(0, noise, 4096), whole, "bit %zu", bit);
		noise[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}

Test(crc32c, names_its_engine_and_uses_the_cpus_instructions_where_it_has_them)
{
	const char *engine = wr_crc32c_engine();
	cr_assert(strcmp(engine, "sse4.2") == 0 || strcmp(engine, "sse4.2, vpclmulqdq") == 0 ||
		  strcmp(engine, "armv8-crc") == 0 || strcmp(engine, "portable") == 0);
	cr_assert_eq(strcmp(engine, "portable") != 0, cpu_has_crc());
}

Test(crc32c, gives_the_same_whether_told_of_hardware_or_not)
{
	uint32_t expected = crc_bit_by_bit(0, noise, 10000);
	cr_assert_eq(wr_crc32c(0, noise, 10000), expected);
	wr_crc32c_use_hardware(false);
#if defined(__aarch64__)
	cr_assert_str_eq(wr_crc32c_engine(), "portable");
#endif
	cr_assert_eq(wr_crc32c(0, noise, 10000), expected);
}
