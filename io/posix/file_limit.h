/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RLIMIT_FSIZE. A write beyond it is answered with SIGXFSZ, which ends a process that does not
 * block or ignore it; weir's own threads block it, but an open runs on the program's. So the limit
 * is looked at before a file is made that would be larger. Memory objects are files, too.
 */
#ifndef WR_POSIX_FILE_LIMIT_H
#define WR_POSIX_FILE_LIMIT_H

#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>

/* How large a file this process may write; 0: there is no limit. */
static inline uint64_t wr_file_limit_bytes(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return 0;
	return limit.rlim_cur > 0 ? limit.rlim_cur : 1;
}

/*
 * What a write that ends at `end_bytes` failed with, in its own words: of a direct one the kernel
 * cuts off what is beyond the limit, and then finds its length uneven: -EINVAL.
 */
static inline int wr_file_limit_code(int code, uint64_t end_bytes)
{
	if (code != -EINVAL)
		return code;
	uint64_t limit_bytes = wr_file_limit_bytes();
	return limit_bytes != 0 && end_bytes > limit_bytes ? -EFBIG : code;
}

#endif
