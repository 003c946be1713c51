/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine has of huge pages, and why it has none: facts from /sys/kernel/mm, in words of
 * an operator. Thread: any; no state.
 */
#ifndef WR_POSIX_HUGE_PAGES_H
#define WR_POSIX_HUGE_PAGES_H

#include <stddef.h>
#include <stdint.h>

/* Of a transparent huge page: 2 MiB on x86-64 and on ARM64 with small pages of 4 KiB. */
size_t wr_huge_transparent_bytes(void);

/*
 * Makes [at, at + bytes) of a shared mapping transparent huge pages, as far as the kernel does:
 * now (Linux 6.1), or later by itself. `at` is a multiple of the page. The bytes that are huge now;
 * *ret_code is that of the last page that is not, or 0.
 */
size_t wr_huge_collapse(void *at, size_t bytes, int *ret_code);

/* Why wr_huge_collapse() did not do all, and what to do about it. */
void wr_huge_explain_transparent(size_t huge_bytes, size_t bytes, int code, char *ret_text,
				 size_t text_bytes);

/*
 * Why `code` came of asking for pages that are set aside, and what to do about it. total_bytes is
 * what the whole pipeline wants of them.
 */
void wr_huge_explain(size_t page_bytes, uint64_t total_bytes, int code, char *ret_text,
		     size_t text_bytes);

/* That nothing is as large as such a page, and what to do about it. */
void wr_huge_explain_small(size_t page_bytes, char *ret_text, size_t text_bytes);

#endif
