/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   nobody gets a directory while the kernel may still write to it for the owner before
 *         (L27), and nobody is kept out of it any longer than that: not by a close, and not by a
 *         child that outlives its parent. Who is on its way out is waited for, who lives is not.
 * Method: the locked descriptors are taken away from an owner, as the end of its process does,
 *         while its ring is there and while it is not; owners that are killed with writes under
 *         way, one of them with a child that lives on; and an owner whose lock file is removed.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/posix/storage_posix.h"
#include "io/uring/storage_uring.h"
#include "tests/support/pipeline_fixture.h"

static struct fixture f;

static void setup(void)
{
	if (!fixture_has_uring())
		cr_skip_test("this machine has no io_uring for us");
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.io = WEIR_IO_URING;
}

static void teardown(void)
{
	if (f.dir[0] != '\0')
		fixture_end(&f);
}

TestSuite(lock, .init = setup, .fini = teardown, .timeout = 60);

static int try_lock(void)
{
	const struct wr_storage_options options = {.dir = f.dir, .create_dir = true};
	struct wr_storage *storage;
	cr_assert_eq(wr_storage_posix_open(&options, &storage), 0);
	int rc = storage->ops->lock(storage);
	storage->ops->fini(storage);
	return rc;
}

static bool is_locked(int fd)
{
	char text[1024];
	(void)snprintf(text, sizeof text, "/proc/self/fdinfo/%d", fd);
	int info = open(text, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return false;
	ssize_t n = read(info, text, sizeof text - 1);
	(void)close(info);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, "lock:") != NULL;
}

/* LOCK and the directory are closed; their numbers are something else's from now on. */
static void lose_locked_descriptors(void)
{
	uint32_t lost = 0;
	for (int fd = 3; fd < 256; fd++) {
		if (!is_locked(fd))
			continue;
		int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
		cr_assert_eq(dup2(other, fd), fd);
		(void)close(other);
		lost++;
	}
	cr_assert_eq(lost, 2);
}

Test(lock, a_ring_keeps_the_directory_until_it_is_gone)
{
	const struct wr_storage_options options = {.dir = f.dir, .create_dir = true};
	struct wr_storage *storage;
	cr_assert_eq(wr_storage_uring_open(&options, &storage), 0);
	cr_assert_eq(storage->ops->lock(storage), 0);
	cr_assert_eq(storage->ops->enter(storage), 0);
	lose_locked_descriptors();
	cr_expect_eq(try_lock(), WEIR_E_LOCKED, "its requests may still be under way");
	cr_assert_eq(storage->ops->leave(storage), 0);
	cr_expect_eq(try_lock(), 0, "nothing is under way any more");
	storage->ops->fini(storage);
}

Test(lock, a_close_gives_the_directory_back_at_once)
{
	for (int i = 0; i < 5; i++) {
		fixture_open(&f);
		fixture_close(&f, NULL);
		uint64_t before = fixture_now_ns();
		cr_expect_eq(try_lock(), 0);
		cr_expect_lt(fixture_now_ns() - before, 1000000000u);
	}
}

/* Publishes until it is killed; with `child`, another process that holds what it inherited. */
static _Noreturn void run_owner(int told, bool child)
{
	pid_t pid = 0;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	if (child) {
		pid = fork();
		if (pid == 0) {
			for (;;)
				(void)pause();
		}
	}
	fixture_wait(producer, fixture_publish(producer, topic, 0, 10));
	if (write(told, &pid, sizeof pid) != sizeof pid)
		_exit(1);
	for (uint64_t i = 10;; i++)
		(void)fixture_publish(producer, topic, i, i + 1);
}

/* A copy of this process that no handler of fork() has seen: it holds all that is open. */
static pid_t copy_unseen(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

#define LINGERS_S 3u

/*
 * Owns the directory and waits to be killed. With `lingers` something that nobody sees holds its
 * lock for LINGERS_S after that, as the kernel does while it ends the writes of a dead process.
 */
static _Noreturn void own(int told, bool lingers)
{
	const struct wr_storage_options options = {.dir = f.dir, .create_dir = true};
	struct wr_storage *storage;
	const pid_t self = getpid();
	if (wr_storage_posix_open(&options, &storage) != 0 || storage->ops->lock(storage) != 0)
		_exit(1);
	if (lingers && copy_unseen() == 0) {
		while (getppid() == self)
			fixture_sleep_ns(1000000u);
		(void)sleep(LINGERS_S);
		_exit(0);
	}
	if (write(told, &lingers, 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static pid_t start_owner(bool lingers)
{
	int told[2];
	char byte;
	cr_assert_eq(pipe(told), 0);
	pid_t owner = fork();
	if (owner == 0)
		own(told[1], lingers);
	cr_assert_eq(read(told[0], &byte, 1), 1);
	(void)close(told[0]);
	(void)close(told[1]);
	return owner;
}

Test(lock, an_owner_that_lives_is_not_waited_for)
{
	pid_t owner = start_owner(false);
	uint64_t before = fixture_now_ns();
	cr_expect_eq(try_lock(), WEIR_E_LOCKED);
	cr_expect_lt(fixture_now_ns() - before, 900000000u);
	cr_assert_eq(kill(owner, SIGKILL), 0);
	cr_assert_eq(waitpid(owner, NULL, 0), owner);
	cr_expect_eq(try_lock(), 0);
}

Test(lock, an_owner_that_is_gone_is_waited_for_as_long_as_its_lock_is_not)
{
	pid_t owner = start_owner(true);
	cr_expect_eq(try_lock(), WEIR_E_LOCKED, "it lives");
	cr_assert_eq(kill(owner, SIGKILL), 0);
	uint64_t before = fixture_now_ns();
	cr_expect_eq(try_lock(), 0, "a process that nobody has waited for is dead as well");
	cr_expect_gt(fixture_now_ns() - before, (LINGERS_S - 1) * 1000000000ull);
	cr_assert_eq(waitpid(owner, NULL, 0), owner);
}

Test(lock, an_owner_that_is_gone_without_a_trace_too)
{
	pid_t owner = start_owner(true);
	cr_assert_eq(kill(owner, SIGKILL), 0);
	cr_assert_eq(waitpid(owner, NULL, 0), owner);
	cr_expect_eq(try_lock(), 0);
}

static void remove_lock_file(void)
{
	char path[sizeof f.dir + 8];
	(void)snprintf(path, sizeof path, "%s/LOCK", f.dir);
	cr_assert_eq(unlink(path), 0);
}

Test(lock, a_lock_file_that_is_removed_lets_nobody_in)
{
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 10));
	for (int i = 0; i < 2; i++) {
		struct weir_pipeline *second = NULL;
		struct weir_problem problem;
		remove_lock_file();
		cr_expect_eq(try_lock(), WEIR_E_LOCKED);
		cr_expect_eq(weir_open(&f.options, &second, &problem), WEIR_E_LOCKED);
		cr_expect_null(second);
	}
	fixture_wait(producer, fixture_publish(producer, topic, 10, 20));
	fixture_close(&f, NULL);
	cr_expect_eq(try_lock(), 0);
}

/* `flock DIR ...` of util-linux: no owner of weir's, and LOCK says that there is none. */
Test(lock, who_locks_the_directory_by_flock_keeps_weir_out_and_holds_nobody_up_for_long)
{
	fixture_open(&f);
	fixture_close(&f, NULL);
	int dir = open(f.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(dir, 0);
	cr_assert_eq(flock(dir, LOCK_EX | LOCK_NB), 0);
	uint64_t before = fixture_now_ns();
	cr_expect_eq(try_lock(), WEIR_E_LOCKED);
	cr_expect_lt(fixture_now_ns() - before, 20000000000u, "five seconds, and not thirty");
	(void)close(dir);
	cr_expect_eq(try_lock(), 0);
}

Test(lock, a_copy_that_no_handler_has_seen_keeps_nothing_after_a_close)
{
	for (int uring = 0; uring < 2; uring++) {
		f.options.io = uring ? WEIR_IO_URING : WEIR_IO_POSIX;
		fixture_open(&f);
		pid_t copy = copy_unseen();
		if (copy == 0) {
			for (;;)
				(void)pause();
		}
		cr_expect_eq(try_lock(), WEIR_E_LOCKED);
		fixture_close(&f, NULL);
		cr_expect_eq(try_lock(), 0);
		cr_assert_eq(kill(copy, SIGKILL), 0, "it lives as long as the test");
		cr_assert_eq(waitpid(copy, NULL, 0), copy);
	}
}

static void kill_owner_and_open(bool child)
{
	int told[2];
	pid_t left = 0;
	cr_assert_eq(pipe(told), 0);
	pid_t owner = fork();
	if (owner == 0)
		run_owner(told[1], child);
	cr_assert_eq(read(told[0], &left, sizeof left), (ssize_t)sizeof left);
	cr_assert_eq(kill(owner, SIGKILL), 0);
	cr_assert_eq(waitpid(owner, NULL, 0), owner);
	fixture_open(&f);
	cr_expect_not_null(f.pipeline);
	fixture_close(&f, NULL);
	if (left != 0)
		cr_expect_eq(kill(left, SIGKILL), 0, "the child lives as long as the test");
	(void)close(told[0]);
	(void)close(told[1]);
}

Test(lock, a_killed_owner_is_followed_by_the_next)
{
	kill_owner_and_open(false);
}

Test(lock, also_when_a_child_of_it_lives_on)
{
	kill_owner_and_open(true);
}
