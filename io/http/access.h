/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask: the token, and what a browser says of the page that a request comes from.
 *
 * Without a token on this machine's own address any page in a browser here could ask, by a name of
 * its own that it lets point to 127.0.0.1: so the Host has to be a name of this machine. And a page
 * that sends something elsewhere says so (Origin).
 *
 * Thread: any; pure functions.
 */
#ifndef WR_HTTP_ACCESS_H
#define WR_HTTP_ACCESS_H

#include <stdbool.h>

/* 16 to 512 printable characters, no blank. */
bool wr_http_token_valid(const char *token);

/*
 * Does "Authorization" bring the token: "Bearer TOKEN", or "Basic" with any name and the token as
 * password? header may be NULL. The time it takes tells nothing of the token but its length.
 */
bool wr_http_token_good(const char *header, const char *token);

/* "localhost", "127.x.y.z", "[::1]", each with a port or not. NULL is good: browsers send one. */
bool wr_http_host_is_local(const char *host);

/* No page, or one that came from here: "SCHEME://HOST". */
bool wr_http_origin_good(const char *origin, const char *host);

#endif
