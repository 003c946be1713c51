/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See huge_pages.h.
 *
 * Why MADV_COLLAPSE and not only MADV_HUGEPAGE: for shared memory the kernel's own policy
 * (shmem_enabled) is "never" on most machines, and pages are allocated before they are mapped, so
 * that a shortage is an error code. Collapsing is asked for by name and done at once.
 */
#include "io/posix/huge_pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <weir/error.h>

#include "io/posix/text_file.h"

#define TRANSPARENT_DIR "/sys/kernel/mm/transparent_hugepage"
#define RETRIES_MAX 3

/* Newer than the reference distribution's C library. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

size_t wr_huge_transparent_bytes(void)
{
	char text[32];

	if (!wr_text_read(TRANSPARENT_DIR "/hpage_pmd_size", text, sizeof text))
		return 2u << 20;
	size_t bytes = strtoull(text, NULL, 10);
	return bytes > 0 ? bytes : 2u << 20;
}

static int collapse(void *at, size_t bytes)
{
	/* EAGAIN and EBUSY are of the moment: a page that somebody looks at, a full list. */
	for (int i = 0; i < RETRIES_MAX; i++) {
		if (madvise(at, bytes, MADV_COLLAPSE) == 0)
			return 0;
		if (errno != EAGAIN && errno != EBUSY)
			break;
	}
	return -errno;
}

size_t wr_huge_collapse(void *at, size_t bytes, int *ret_code)
{
	size_t page_bytes = wr_huge_transparent_bytes();
	size_t huge_bytes = 0;

	*ret_code = 0;
	if (madvise(at, bytes, MADV_HUGEPAGE) != 0) {
		*ret_code = -errno;
		return 0;
	}
	for (size_t offset = 0; offset + page_bytes <= bytes; offset += page_bytes) {
		int code = collapse((char *)at + offset, page_bytes);
		if (code == 0)
			huge_bytes += page_bytes;
		else
			*ret_code = code;
	}
	return huge_bytes;
}

void wr_huge_explain_transparent(size_t huge_bytes, size_t bytes, int code, char *ret_text,
				 size_t text_bytes)
{
	char policy[64] = "not there";

	(void)wr_text_read(TRANSPARENT_DIR "/shmem_enabled", policy, sizeof policy);
	policy[strcspn(policy, "\n")] = '\0';
	if (code == -EINVAL)
		(void)snprintf(ret_text, text_bytes,
			       "no transparent huge pages at open: Linux 6.1 makes them, but for "
			       "deny in " TRANSPARENT_DIR "/shmem_enabled (%s)",
			       policy);
	else
		(void)snprintf(ret_text, text_bytes,
			       "transparent huge pages for %zu of %zu MiB only (%s): memory is "
			       "short, or in pieces",
			       huge_bytes >> 20, bytes >> 20, weir_error_name(code));
}

/* A number of /sys/kernel/mm/hugepages/hugepages-NkB, or -1. */
static long long pages(size_t page_bytes, const char *name)
{
	char dir[96];
	char text[32];

	(void)snprintf(dir, sizeof dir, "/sys/kernel/mm/hugepages/hugepages-%zukB",
		       page_bytes / 1024);
	return wr_text_read_in(dir, name, text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

static const char *name_of(size_t page_bytes)
{
	return page_bytes >= 1u << 30 ? "1 GiB" : "2 MiB";
}

void wr_huge_explain_small(size_t page_bytes, char *ret_text, size_t text_bytes)
{
	(void)snprintf(ret_text, text_bytes,
		       "no huge pages: pool and lanes are each smaller than one of %s: raise "
		       "pool_bytes%s",
		       name_of(page_bytes),
		       page_bytes >= 1u << 30 ? ", or take those of 2 MiB" : "");
}

void wr_huge_explain(size_t page_bytes, uint64_t total_bytes, int code, char *ret_text,
		     size_t text_bytes)
{
	const char *size = name_of(page_bytes);
	unsigned long long needed = (total_bytes + page_bytes - 1) / page_bytes;
	long long all = pages(page_bytes, "nr_hugepages");
	long long unused = pages(page_bytes, "free_hugepages");

	if (all < 0)
		(void)snprintf(ret_text, text_bytes, "this kernel has no huge pages of %s (%s)",
			       size, weir_error_name(code));
	else
		(void)snprintf(ret_text, text_bytes,
			       "about %llu huge pages of %s are needed, %lld of %lld are free "
			       "(%s): echo N > "
			       "/sys/kernel/mm/hugepages/hugepages-%zukB/nr_hugepages",
			       needed, size, unused, all, weir_error_name(code), page_bytes / 1024);
}
