/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word moves the register by word * x^(8 * (behind + 4)) modulo the polynomial, so the one that
 * is looked for is difference * x^-(8 * (behind + 4)). The polynomial has a constant term: x has an
 * inverse. All reflected, as in crc32c.c: the highest bit is the coefficient of x^0.
 */
#include "core/base/crc32c_balance.h"

#define POLYNOMIAL 0x82f63b78u
#define ONE 0x80000000u
/* x^-1: the register from which one step leads to ONE. */
#define X_INVERSE (((ONE ^ POLYNOMIAL) << 1) | 1u)

/* Modulo the polynomial. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = ONE; bit != 0; bit >>= 1) {
		if ((a & bit) != 0)
			product ^= b;
		b = (b & 1) != 0 ? (b >> 1) ^ POLYNOMIAL : b >> 1;
	}
	return product;
}

uint32_t wr_crc32c_balance(uint32_t difference, uint64_t behind_bytes)
{
	uint32_t word = difference, power = X_INVERSE;

	for (uint64_t bits = 8 * (behind_bytes + 4); bits != 0; bits >>= 1) {
		if ((bits & 1) != 0)
			word = multiply(word, power);
		power = multiply(power, power);
	}
	return word;
}
