/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where io_uring is refused, the answer is a code and a reason, and never anything worse: that is
 * what lets the caller fall back. A seccomp filter refuses it here as a container's would.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/posix/storage_posix.h"
#include "io/uring/probe.h"
#include "io/uring/storage_uring.h"

/* io_uring_setup gives `error` from now on, in this process. */
static void refuse_io_uring(int error)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {
		.len = sizeof program / sizeof program[0],
		.filter = program,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		cr_skip_test("no seccomp filters here");
}

static void check_refusal(int error, const char *word)
{
	char reason[160] = "";
	char dir[] = P_tmpdir "/weir-probe-XXXXXX";
	struct wr_storage *s = NULL;

	refuse_io_uring(error);
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(wr_uring_probe(reason, sizeof reason), -error);
	cr_assert_not_null(strstr(reason, word), "the reason is: %s", reason);
	/* Without a place for the reason, too. */
	cr_assert_eq(wr_uring_probe(NULL, 0), -error);

	memset(reason, 0, sizeof reason);
	const struct wr_storage_options options = {
		.dir = dir, .ret_reason = reason, .reason_bytes = sizeof reason};
	cr_assert_eq(wr_storage_uring_open(&options, &s), -error);
	cr_assert_null(s);
	cr_assert_not_null(strstr(reason, word));
	cr_assert_eq(wr_storage_posix_open(&options, &s), 0, "the fallback works");
	s->ops->fini(s);
	cr_assert_eq(rmdir(dir), 0, "%s: %s", dir, strerror(errno));
}

Test(uring_probe, a_seccomp_filter_is_eperm_and_named)
{
	check_refusal(EPERM, "seccomp");
}

Test(uring_probe, a_kernel_without_io_uring_is_enosys)
{
	check_refusal(ENOSYS, "no io_uring");
}

Test(uring_probe, a_lack_of_locked_memory_is_enomem_and_says_what_to_raise)
{
	check_refusal(ENOMEM, "ulimit -l");
}

Test(uring_probe, an_unknown_error_is_given_by_number)
{
	check_refusal(ENOTNAM, "118");
}

Test(uring_probe, a_working_ring_names_its_mode)
{
	char reason[160] = "";

	if (wr_uring_probe(reason, sizeof reason) != 0)
		cr_skip_test("%s", reason);
	cr_assert_eq(strncmp(reason, "io_uring: ", 10), 0);
}
