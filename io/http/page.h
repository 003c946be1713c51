/* SPDX-License-Identifier: Apache-2.0 */
/* The page: page.html, as a build puts it into the library (embed.py). Thread: any; constant. */
#ifndef WR_HTTP_PAGE_H
#define WR_HTTP_PAGE_H

#include <stddef.h>

extern const unsigned char wr_http_page[];
extern const size_t wr_http_page_bytes;

#endif
