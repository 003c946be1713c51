/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder of ring set-ups, best first. Kernels refuse flags that they do not know with EINVAL:
 * then the next is tried. Every other error is about io_uring itself and ends the search.
 *
 * The first two are for a ring that one thread uses: the kernel refuses another with EEXIST, or
 * leaves completions to the next system call of whoever submitted, which may be long in coming.
 *
 * No SQPOLL (it takes a whole CPU), no IOPOLL (it has no fsync). The completion queue has room for
 * everything that can be in flight, so it never overflows.
 */
#include "io/uring/probe.h"

#include <weir/error.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct rung {
	unsigned flags;
	bool any_thread;
	const char *name;
} ladder[] = {
	{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		 IORING_SETUP_R_DISABLED,
	 false, "single issuer, deferred task work"},
	{IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED, false,
	 "cooperative task work"},
	{IORING_SETUP_R_DISABLED, true, "plain"},
	{0, true, "plain, enabled from the start"},
};

/* Waits with a time-out in one call, and completions that are never dropped: Linux 5.11. */
#define FEATURES_NEEDED (IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_SINGLE_MMAP)

static const int operations_needed[] = {
	IORING_OP_READ,
	IORING_OP_WRITE,
	IORING_OP_FSYNC,
};

static void explain(int code, char *reason, size_t reason_bytes)
{
	const char *text;

	if (reason == NULL || reason_bytes == 0)
		return;
	switch (code) {
	case -ENOSYS:
		text = "the kernel has no io_uring (ENOSYS)";
		break;
	case -EPERM:
	case -EACCES:
		text = "io_uring is refused: seccomp (containers) or the sysctl "
		       "kernel.io_uring_disabled (EPERM)";
		break;
	case -ENOMEM:
		text = "no memory for an io_uring: raise the locked-memory limit, ulimit -l "
		       "(ENOMEM)";
		break;
	case -EMFILE:
	case -ENFILE:
		text = "no file descriptor left for an io_uring: raise ulimit -n";
		break;
	default:
		(void)snprintf(reason, reason_bytes, "io_uring cannot be set up: %s (errno %d)",
			       weir_strerror(code), -code);
		return;
	}
	(void)snprintf(reason, reason_bytes, "%s", text);
}

static int check_operations(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	int code = 0;

	if (probe == NULL)
		return -ENOSYS;
	for (size_t i = 0; i < sizeof operations_needed / sizeof operations_needed[0]; i++)
		if (!io_uring_opcode_supported(probe, operations_needed[i]))
			code = -ENOSYS;
	io_uring_free_probe(probe);
	return code;
}

int wr_uring_make(struct io_uring *ring, uint32_t entry_count, bool any_thread,
		  struct wr_uring_setup *ret_setup, char *reason, size_t reason_bytes)
{
	int code = -EINVAL;

	for (size_t i = 0; i < sizeof ladder / sizeof ladder[0] && code == -EINVAL; i++) {
		struct io_uring_params params;
		if (any_thread && !ladder[i].any_thread)
			continue;
		memset(&params, 0, sizeof params);
		params.flags = ladder[i].flags | IORING_SETUP_CQSIZE;
		params.cq_entries = entry_count * 2;
		code = io_uring_queue_init_params(entry_count, ring, &params);
		if (code < 0)
			continue;
		if ((params.features & FEATURES_NEEDED) == FEATURES_NEEDED)
			code = check_operations(ring);
		else
			code = -ENOSYS;
		if (code < 0) {
			io_uring_queue_exit(ring);
			if (reason != NULL && reason_bytes > 0)
				(void)snprintf(reason, reason_bytes,
					       "the kernel's io_uring is too old: weir needs "
					       "Linux 5.11");
			return code;
		}
		*ret_setup = (struct wr_uring_setup){
			.disabled = (ladder[i].flags & IORING_SETUP_R_DISABLED) != 0,
			.name = ladder[i].name,
		};
		return 0;
	}
	explain(code, reason, reason_bytes);
	return code;
}

/* By system call: Debian 12's liburing 2.3 declares io_uring_enable_rings() and does not export it
 * (axboe/liburing#773). */
int wr_uring_enable(struct io_uring *ring)
{
	long result = syscall(__NR_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS,
			      NULL, 0);
	return result < 0 ? -errno : 0;
}

int wr_uring_probe(char *reason, size_t reason_bytes)
{
	struct wr_uring_setup setup;
	struct io_uring ring;

	int code = wr_uring_make(&ring, 8, false, &setup, reason, reason_bytes);
	if (code < 0)
		return code;
	io_uring_queue_exit(&ring);
	if (reason != NULL && reason_bytes > 0)
		(void)snprintf(reason, reason_bytes, "io_uring: %s", setup.name);
	return 0;
}
