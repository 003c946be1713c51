/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   nobody gets a directory while the kernel may still write to it for the owner before
 *         (L27), and nobody is kept out of it any longer than that: not by a close, and not by a
 *         child that outlives its parent. Who is on its way out is waited for, who lives is not.
 * Method: the descriptor of the lock is taken away from an owner, as the end of its process does,
 *         while its ring is there and while it is not; and owners that are killed with writes under
 *         way, one of them with a child that lives on.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* What is open under the name LOCK is closed; its number is something else's from now on. */
static void lose_lock_descriptor(void)
{
	char path[64], target[512];
	uint32_t lost = 0;
	for (int fd = 3; fd < 256; fd++) {
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof target - 1);
		target[n > 0 ? n : 0] = '\0';
		const char *name = strrchr(target, '/');
		if (name == NULL || strcmp(name, "/LOCK") != 0)
			continue;
		int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
		cr_assert_eq(dup2(other, fd), fd);
		(void)close(other);
		lost++;
	}
	cr_assert_eq(lost, 1);
}

Test(lock, a_ring_keeps_the_directory_until_it_is_gone)
{
	const struct wr_storage_options options = {.dir = f.dir, .create_dir = true};
	struct wr_storage *storage;
	cr_assert_eq(wr_storage_uring_open(&options, &storage), 0);
	cr_assert_eq(storage->ops->lock(storage), 0);
	cr_assert_eq(storage->ops->enter(storage), 0);
	lose_lock_descriptor();
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
