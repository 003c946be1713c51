/* SPDX-License-Identifier: Apache-2.0 */
/* Is it UTF-8? No overlong forms, no surrogates, nothing above U+10FFFF. Pure functions. */
#ifndef WR_JSON_UTF8_H
#define WR_JSON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of the character that begins here, 1 to 4; 0: none does. `bytes` is at least 1. */
size_t wr_utf8_length(const uint8_t *at, size_t bytes);

/* How many bytes of the text, from its beginning, are UTF-8. */
size_t wr_utf8_good_bytes(const void *text, size_t bytes);

#endif
