/* SPDX-License-Identifier: Apache-2.0 */
/* What a server's token may be (weir/serve.h): the server asks, and a plan before it runs. */
#ifndef WR_BASE_TOKEN_H
#define WR_BASE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/serve.h>

/* 16 to 512 printable characters, no blank. */
static inline bool wr_token_is_valid(const char *token, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return false;
	return bytes >= WEIR_SERVER_TOKEN_BYTES_MIN && bytes <= WEIR_SERVER_TOKEN_BYTES_MAX;
}

#endif
