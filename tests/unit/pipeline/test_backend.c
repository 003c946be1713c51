/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: where io_uring works, `auto` takes it, and the journal's bytes go through it; where it is
 * refused, `auto` takes posix and says why, and `uring` is an error that says why.
 *
 * Method: io_uring_setup is tried by hand, without weir. The program has its own pwrite, pwritev2
 * and fdatasync, which count while armed. Events are published and awaited one by one, so that each
 * is a batch, a write and a submission of its own, and weir_info has to have counted it. Refusal is
 * made by a seccomp filter.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define ALONE 40u /* events that are waited for one by one */

static struct fixture f;
static wr_atomic_u64 calls; /* blocking writes and syncs */

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
	(void)wr_add_relaxed(&calls, 1u);
	return syscall(SYS_pwrite64, fd, bytes, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int part_count, off_t offset, int flags)
{
	(void)wr_add_relaxed(&calls, 1u);
	return syscall(SYS_pwritev2, fd, parts, (long)part_count, offset, 0L, flags);
}

int fdatasync(int fd)
{
	(void)wr_add_relaxed(&calls, 1u);
	return (int)syscall(SYS_fdatasync, fd);
}

static bool kernel_has_uring(void)
{
	uint8_t parameters[512] = {0};
	long fd = syscall(SYS_io_uring_setup, 4, parameters);
	if (fd < 0)
		return false;
	(void)close((int)fd);
	return true;
}

static bool uring_is_built_in(void)
{
#ifdef WR_HAVE_URING
	const char *wanted = getenv("WEIR_TEST_IO");
	return wanted == NULL || strcmp(wanted, "posix") != 0;
#else
	return false;
#endif
}

static void setup(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
}

static void teardown(void)
{
	fixture_end(&f);
}

/* Who skips does not come to the end of the suite. */
static void skip(const char *reason)
{
	teardown();
	cr_skip_test("%s", reason);
}

static void refuse_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		skip("no seccomp filter can be set here");
}

/* What was counted between two looks, while each event was waited for alone. */
struct counted {
	uint64_t batches, writes, bytes, submissions, syncs, calls;
};

static void publish_alone(struct counted *ret)
{
	struct weir_info before, after;
	uint32_t topic = fixture_topic(&f, "work", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_info(&f, &before);
	uint64_t calls_before = wr_load_seq(&calls);
	for (uint64_t i = 0; i < ALONE; i++)
		fixture_wait(producer, fixture_publish(producer, topic, i, i + 1));
	uint64_t calls_after = wr_load_seq(&calls);
	fixture_info(&f, &after);
	*ret = (struct counted){
		.batches = after.batches - before.batches,
		.writes = after.journal_writes - before.journal_writes,
		.bytes = after.batch_bytes - before.batch_bytes,
		.submissions = after.submissions - before.submissions,
		.syncs = after.syncs - before.syncs,
		.calls = calls_after - calls_before,
	};
}

TestSuite(backend, .init = setup, .fini = teardown, .timeout = 60);

Test(backend, auto_is_io_uring_where_the_kernel_has_it)
{
	struct weir_info info;
	if (!uring_is_built_in())
		skip("io_uring is not built in, or left out by WEIR_TEST_IO");
	f.options.io = WEIR_IO_AUTO;
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect_str_eq(info.backend, kernel_has_uring() ? "io_uring" : "posix");
	cr_expect_str_not_empty(info.backend_reason);
	cr_expect_str_not_empty(info.engine);
}

Test(backend, journal_bytes_are_submitted_to_io_uring_and_counted)
{
	struct counted counted;
	if (!fixture_has_uring())
		skip("io_uring is refused here, or left out");
	f.options.io = WEIR_IO_URING;
	fixture_open(&f);
	publish_alone(&counted);
	cr_expect_geq(counted.batches, ALONE);
	cr_expect_geq(counted.writes, ALONE, "a write that nobody counted");
	cr_expect_geq(counted.bytes, ALONE * 4096u, "a batch is at least a block");
	cr_expect_geq(counted.submissions, ALONE, "each write was submitted on its own");
	cr_expect_geq(counted.syncs, ALONE);
	/* A segment may be prepared or a superblock be written by a helper meanwhile. */
	cr_expect_lt(counted.calls, ALONE / 2, "%llu blocking calls carried journal bytes",
		     (unsigned long long)counted.calls);
}

Test(backend, journal_bytes_go_through_blocking_calls_with_posix)
{
	struct counted counted;
	struct weir_info info;
	f.options.io = WEIR_IO_POSIX;
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect_str_eq(info.backend, "posix");
	cr_expect_str_eq(info.backend_reason, "asked for");
	publish_alone(&counted);
	cr_expect_geq(counted.batches, ALONE);
	cr_expect_geq(counted.writes, ALONE);
	cr_expect_geq(counted.submissions, ALONE, "jobs for the helper threads");
	cr_expect_geq(counted.syncs, ALONE);
	cr_expect_geq(counted.calls, ALONE, "the counting calls were bypassed");
}

Test(backend, auto_falls_back_to_posix_and_says_why)
{
	struct weir_info info;
	struct counted counted;
	if (fixture_emulated())
		skip("seccomp does not reach through the emulator");
	refuse_uring();
	f.options.io = WEIR_IO_AUTO;
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect_str_eq(info.backend, "posix");
	cr_expect_str_not_empty(info.backend_reason);
#ifdef WR_HAVE_URING
	cr_expect_not_null(strstr(info.backend_reason, "io_uring"), "%s", info.backend_reason);
#endif
	publish_alone(&counted);
	cr_expect_geq(counted.batches, ALONE);
}

Test(backend, uring_is_an_error_with_a_reason_where_it_is_refused)
{
	struct weir_problem problem = {0};
	if (fixture_emulated())
		skip("seccomp does not reach through the emulator");
	refuse_uring();
	f.options.io = WEIR_IO_URING;
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	cr_assert_lt(rc, 0);
	cr_expect_eq(problem.code, rc);
	cr_expect_not_null(strstr(problem.text, "io_uring"), "%s", problem.text);
}

Test(backend, a_log_in_memory_says_so)
{
	struct fixture memory;
	struct weir_info info;
	fixture_begin(&memory, FIXTURE_MEMORY);
	fixture_info(&memory, &info);
	cr_expect_str_eq(info.backend, "memory");
	cr_expect_eq(info.journal_writes + info.submissions + info.syncs, 0);
	fixture_end(&memory);
}
