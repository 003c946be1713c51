/* SPDX-License-Identifier: Apache-2.0 */
/* By the first byte: how long the character is, and what the second one may be. */
#include "core/json/utf8.h"

size_t wr_utf8_length(const uint8_t *at, size_t bytes)
{
	uint8_t first = at[0];
	uint8_t low = 0x80;
	uint8_t high = 0xbf;
	size_t length;

	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf) {
		length = 2;
	} else if ((first & 0xf0) == 0xe0) {
		length = 3;
		low = first == 0xe0 ? 0xa0 : 0x80;
		high = first == 0xed ? 0x9f : 0xbf;
	} else if (first >= 0xf0 && first <= 0xf4) {
		length = 4;
		low = first == 0xf0 ? 0x90 : 0x80;
		high = first == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (bytes < length || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

size_t wr_utf8_good_bytes(const void *text, size_t bytes)
{
	const uint8_t *at = text;
	size_t good_bytes = 0;

	while (good_bytes < bytes) {
		size_t length = wr_utf8_length(at + good_bytes, bytes - good_bytes);
		if (length == 0)
			break;
		good_bytes += length;
	}
	return good_bytes;
}
