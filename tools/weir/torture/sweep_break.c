/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sweep.h: a disk that fails. No part of weir is told: the kernel answers as it does for a
 * medium that is broken or full, from one moment on, until the process dies.
 *
 * Thread: any; all threads of the process are in it.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "tools/weir/torture/sweep.h"

#define CALLS_MAX 3u
#define SECTOR_BYTES 512u
#define SEGMENT_BYTES (64u << 10)

static const struct {
	unsigned calls[CALLS_MAX]; /* the first is there; 0 is read(), which nobody names */
	int answer;
} filters[] = {
	[SWEEP_BREAK_WRITE] = {{SYS_pwritev2, SYS_pwrite64, SYS_pwritev}, EIO},
	[SWEEP_BREAK_SYNC] = {{SYS_fdatasync, SYS_fsync}, EIO},
	[SWEEP_BREAK_SPACE] = {{SYS_fallocate, SYS_pwritev}, ENOSPC},
};

static int filter_calls(const unsigned calls[CALLS_MAX], int answer)
{
	struct sock_filter rules[2 * CALLS_MAX + 2];
	unsigned short count = 0;

	rules[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						      offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < CALLS_MAX && (i == 0 || calls[i] != 0); i++) {
		rules[count++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		rules[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							      SECCOMP_RET_ERRNO | (unsigned)answer);
	}
	rules[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = count, .filter = rules};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	long rc =
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	/* A positive number is the thread that could not be brought in. */
	return rc == 0 ? 0 : rc < 0 ? -errno : -EBUSY;
}

/* Somewhere in a segment, at the end of a sector: a write over it ends there. */
static int limit_files(uint64_t seed)
{
	uint64_t bytes = (1 + seed % (SEGMENT_BYTES / SECTOR_BYTES)) * SECTOR_BYTES;
	struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};

	return setrlimit(RLIMIT_FSIZE, &limit) == 0 ? 0 : -errno;
}

int sweep_break_disk(enum sweep_break how, uint64_t seed)
{
	if (how == SWEEP_BREAK_SHORT)
		return limit_files(seed);
	return filter_calls(filters[how].calls, filters[how].answer);
}
