/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The futex parker, one step at a time: when it sleeps, when it does not, and what a refused
 * barrier does. Wake-ups between threads are in tests/stress/park.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/thread/park_futex.h"

#define MS 1000000ull

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static uint64_t slept_ns(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	uint64_t before = now_ns();
	wr_park_sleep(parker, word, timeout_ns);
	return now_ns() - before;
}

/* From here on the process's membarrier calls fail, as under a container's filter. */
static void refuse_membarrier(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = code};
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		cr_skip_test("no seccomp filters here (an emulator)");
}

Test(park, the_mode_is_chosen_once)
{
	int mode = wr_park_choose_mode();
	cr_assert(mode == WR_PARK_MEMBARRIER || mode == WR_PARK_SEQ_CST);
	cr_assert_eq(mode, (int)wr_park_mode);
	refuse_membarrier();
	cr_assert_eq(wr_park_choose_mode(), mode);
	cr_assert_eq(mode, (int)wr_park_mode);
}

Test(park, a_refused_membarrier_gives_seq_cst)
{
	refuse_membarrier();
	cr_assert_eq(wr_park_choose_mode(), WR_PARK_SEQ_CST);
	cr_assert_eq((int)wr_park_mode, WR_PARK_SEQ_CST);
}

static void *choose_in_thread(void *ret_mode)
{
	*(int *)ret_mode = wr_park_choose_mode();
	return NULL;
}

Test(park, threads_that_choose_at_once_agree)
{
	pthread_t threads[4];
	int modes[4];
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, choose_in_thread, &modes[i]), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(modes[i], (int)wr_park_mode);
}

Test(park, a_sleep_ends_at_its_time_out)
{
	struct wr_parker parker;
	wr_parker_init(&parker, wr_park_futex_ops(), NULL);
	(void)wr_park_choose_mode();
	uint32_t word = wr_park_announce(&parker);
	cr_assert(wr_park_has_sleeper(&parker));
	uint64_t ns = slept_ns(&parker, word, 20 * MS);
	cr_assert_geq(ns, 19 * MS);
	cr_assert_not(wr_park_has_sleeper(&parker));
}

Test(park, a_sleep_of_nothing_returns, .timeout = 10)
{
	struct wr_parker parker;
	wr_parker_init(&parker, wr_park_futex_ops(), NULL);
	cr_assert_lt(slept_ns(&parker, wr_park_announce(&parker), 0), 1000 * MS);
}

Test(park, a_wake_between_announcing_and_sleeping_is_not_lost, .timeout = 10)
{
	struct wr_parker parker;
	wr_parker_init(&parker, wr_park_futex_ops(), NULL);
	(void)wr_park_choose_mode();
	uint32_t word = wr_park_announce(&parker);
	wr_park_notify(&parker);
	wr_park_sleep(&parker, word, UINT64_MAX);
	cr_assert_not(wr_park_has_sleeper(&parker));
}

Test(park, a_notify_without_a_sleeper_changes_nothing)
{
	struct wr_parker parker;
	wr_parker_init(&parker, wr_park_futex_ops(), NULL);
	(void)wr_park_choose_mode();
	wr_park_notify(&parker);
	cr_assert_eq(wr_load_relaxed(&parker.word), 0);
	(void)wr_park_announce(&parker);
	wr_park_cancel(&parker);
	wr_park_notify(&parker);
	cr_assert_eq(wr_load_relaxed(&parker.word), 0);
}

Test(park, a_time_out_near_forever_does_not_return_at_once)
{
	struct wr_parker parker;
	wr_parker_init(&parker, wr_park_futex_ops(), NULL);
	(void)wr_park_choose_mode();
	/* The kernel takes seconds as a signed number: the largest must be one it accepts. */
	pid_t child = fork();
	if (child == 0) {
		wr_park_sleep(&parker, wr_park_announce(&parker), UINT64_MAX - 1);
		_exit(1);
	}
	(void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	cr_assert_eq(waitpid(child, NULL, WNOHANG), 0, "it is still asleep");
	kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, NULL, 0), child);
}

/* Nobody wakes these: only the bound ends them. */
Test(park, a_barrier_that_is_refused_later_bounds_every_sleep, .timeout = 10)
{
	struct wr_parker parker;
	wr_parker_init(&parker, wr_park_futex_ops(), NULL);
	if (wr_park_choose_mode() != WR_PARK_MEMBARRIER)
		cr_skip_test("no membarrier here, nothing to refuse");
	cr_assert_eq(wr_park_bounded_ns(UINT64_MAX), UINT64_MAX);
	refuse_membarrier();
	for (int i = 0; i < 3; i++)
		wr_park_sleep(&parker, wr_park_announce(&parker), UINT64_MAX);
	cr_assert_eq(wr_park_bounded_ns(UINT64_MAX), WR_PARK_REFUSED_NS);
	cr_assert_eq(wr_park_bounded_ns(10), 10);
}

Test(park, a_forked_child_can_raise_barriers)
{
	if (wr_park_choose_mode() != WR_PARK_MEMBARRIER)
		cr_skip_test("no membarrier here");
	pid_t child = fork();
	if (child == 0) {
		wr_park_futex_ops()->barrier();
		_exit(wr_park_bounded_ns(UINT64_MAX) == UINT64_MAX ? 0 : 1);
	}
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
