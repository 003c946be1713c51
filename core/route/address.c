/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/address.h"

#include <string.h>

/* A decimal number at *at, up to `max`; false: there is none, or it is more. */
static bool take_number(const char *text, size_t bytes, size_t *at, unsigned max, unsigned *ret_n)
{
	size_t first = *at;
	unsigned n = 0;
	while (*at < bytes && text[*at] >= '0' && text[*at] <= '9') {
		n = n * 10 + (unsigned)(text[(*at)++] - '0');
		if (n > max)
			return false;
	}
	*ret_n = n;
	return *at > first;
}

static bool parse_v4(const char *text, size_t bytes, struct wr_address *ret_address)
{
	size_t at = 0;
	for (int i = 0; i < 4; i++) {
		unsigned n;
		if (i > 0 && (at >= bytes || text[at++] != '.'))
			return false;
		if (!take_number(text, bytes, &at, 255, &n))
			return false;
		ret_address->bytes[i] = (uint8_t)n;
	}
	ret_address->length_bytes = 4;
	return at == bytes;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four hexadecimal digits. */
static bool take_group(const char *text, size_t bytes, size_t *at, unsigned *ret_group)
{
	unsigned group = 0, digits = 0;
	for (; *at < bytes && hex_of(text[*at]) >= 0; (*at)++, digits++)
		group = group << 4 | (unsigned)hex_of(text[*at]);
	*ret_group = group;
	return digits >= 1 && digits <= 4;
}

static bool parse_v6(const char *text, size_t bytes, struct wr_address *ret_address)
{
	uint8_t groups[16];
	size_t at = 0, count = 0, gap = SIZE_MAX;
	if (bytes < 2 || (text[0] == ':' && text[1] != ':'))
		return false;
	while (at < bytes) {
		unsigned group;
		if (at + 1 < bytes && text[at] == ':' && text[at + 1] == ':') {
			if (gap != SIZE_MAX)
				return false;
			gap = count;
			at += 2;
			if (at == bytes)
				break;
		} else if (count > 0) {
			if (text[at++] != ':')
				return false;
		}
		if (count == 8 || !take_group(text, bytes, &at, &group))
			return false;
		groups[2 * count] = (uint8_t)(group >> 8);
		groups[2 * count + 1] = (uint8_t)group;
		count++;
	}
	if (gap == SIZE_MAX ? count != 8 : count > 7)
		return false;
	if (gap == SIZE_MAX)
		gap = count;
	memset(ret_address->bytes, 0, sizeof ret_address->bytes);
	memcpy(ret_address->bytes, groups, 2 * gap);
	memcpy(ret_address->bytes + 16 - 2 * (count - gap), groups + 2 * gap, 2 * (count - gap));
	ret_address->length_bytes = 16;
	return true;
}

bool wr_address_parse(const char *text, size_t bytes, struct wr_address *ret_address)
{
	*ret_address = (struct wr_address){0};
	if (bytes < 2 || bytes > 256)
		return false;
	if (memchr(text, ':', bytes) != NULL)
		return parse_v6(text, bytes, ret_address);
	return parse_v4(text, bytes, ret_address);
}

const char *wr_address_block_parse(const char *text, size_t bytes,
				   struct wr_address_block *ret_block)
{
	const char *slash = bytes > 0 ? memchr(text, '/', bytes) : NULL;
	size_t head = slash != NULL ? (size_t)(slash - text) : bytes;
	size_t at = head + 1;
	unsigned mask;
	if (slash == NULL || head + 1 == bytes || memchr(slash + 1, '/', bytes - head - 1) != NULL)
		return "a block is an address, one '/' and the number of bits that are fixed";
	if (slash[1] == '-')
		return "the number of bits behind the '/' is negative";
	if (slash[1] == '+')
		at++;
	if (!take_number(text, bytes, &at, 999999, &mask) || at != bytes)
		return "what stands behind the '/' is not a number of bits";
	if (!wr_address_parse(text, head, &ret_block->first))
		return "what stands before the '/' is no IPv4 or IPv6 address";
	if (ret_block->first.length_bytes == 4 && mask > 31)
		return "an IPv4 block has 0 to 31 fixed bits: for one address write it as a "
		       "plain string";
	if (mask > 127)
		return "an IPv6 block has 0 to 127 fixed bits: for one address write it as a "
		       "plain string";
	ret_block->mask_bits = (uint8_t)mask;
	wr_address_mask(&ret_block->first, mask);
	return NULL;
}

void wr_address_mask(struct wr_address *address, unsigned mask_bits)
{
	for (unsigned i = 0; i < address->length_bytes; i++) {
		unsigned kept = mask_bits > 8 * i ? mask_bits - 8 * i : 0;
		if (kept < 8)
			address->bytes[i] &= (uint8_t)(0xff00u >> kept);
	}
}

bool wr_address_block_has(const struct wr_address_block *block, const struct wr_address *address)
{
	struct wr_address masked = *address;
	wr_address_mask(&masked, block->mask_bits);
	return masked.length_bytes == block->first.length_bytes &&
	       memcmp(masked.bytes, block->first.bytes, masked.length_bytes) == 0;
}
