/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks every io_uring of this process, as nothing that behaves does. For tests alone. */
#ifndef WR_TESTS_BREAK_URING_H
#define WR_TESTS_BREAK_URING_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Puts /dev/null in the place of each: the kernel refuses what is asked of them. How many. */
static inline int break_uring(void)
{
	int count = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	DIR *fds = opendir("/proc/self/fd");
	struct dirent *entry;
	while (null >= 0 && fds != NULL && (entry = readdir(fds)) != NULL) {
		char target[64] = "";
		if (readlinkat(dirfd(fds), entry->d_name, target, sizeof target - 1) > 0 &&
		    strcmp(target, "anon_inode:[io_uring]") == 0)
			count += dup2(null, atoi(entry->d_name)) >= 0;
	}
	if (fds != NULL)
		(void)closedir(fds);
	if (null >= 0)
		(void)close(null);
	return count;
}

#endif
