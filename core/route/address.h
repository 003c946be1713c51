/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses and CIDR blocks as text. IPv4 is four decimal numbers (leading zeros do not make
 * them octal), IPv6 is RFC 4291's text without a dotted tail, any spelling of the same address
 * being the same. An IPv4 address is never in an IPv6 block.
 *
 * Thread: any. Pure functions.
 */
#ifndef WR_ROUTE_ADDRESS_H
#define WR_ROUTE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_address {
	uint8_t length_bytes; /* 4 or 16 */
	uint8_t bytes[16];
};

struct wr_address_block {
	struct wr_address first; /* bits behind the mask are 0 */
	uint8_t mask_bits;
};

bool wr_address_parse(const char *text, size_t bytes, struct wr_address *ret_address);

/* NULL, or what is wrong, as a static clause. */
const char *wr_address_block_parse(const char *text, size_t bytes,
				   struct wr_address_block *ret_block);

/* Zeroes what stands behind the mask. */
void wr_address_mask(struct wr_address *address, unsigned mask_bits);

bool wr_address_block_has(const struct wr_address_block *block, const struct wr_address *address);

#endif
