/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what io_uring_enter() says in passing, EINTR, EAGAIN or EBUSY, is no failure: every
 *         request is done once, whatever the call says in between. Completions never overflow, with
 *         as many requests as may be under way and nobody looking; and a kernel that might drop
 *         completions is not used.
 * Method: the program is linked with its own liburing calls, which say such a thing every other
 *         time, before the kernel is asked or behind it, and look at the ring's overflow flag.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "io/uring/probe.h"
#include "tests/contract/contract.h"

#define DEPTH 8u
#define WRITES 64u

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **entry,
					    unsigned count, struct __kernel_timespec *limit,
					    sigset_t *mask);
int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **entry,
					    unsigned count, struct __kernel_timespec *limit,
					    sigset_t *mask);
int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
				      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
				      struct io_uring_params *params);

static int passing;        /* 0: none */
static unsigned asked;     /* calls since */
static unsigned said;      /* that were answered so */
static unsigned overflows; /* of completions, seen in any call */
static bool may_drop;      /* the kernel does not promise to keep completions */

static void look_for_overflow(struct io_uring *ring)
{
	overflows +=
		__atomic_load_n(ring->cq.koverflow, __ATOMIC_ACQUIRE) != 0 ||
		(__atomic_load_n(ring->sq.kflags, __ATOMIC_ACQUIRE) & IORING_SQ_CQ_OVERFLOW) != 0;
}

/* Every other call: before the kernel is asked, and, for EINTR in a wait, behind it. */
static bool says_so(void)
{
	return passing != 0 && asked++ % 2 == 0 && ++said > 0;
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
	if (says_so())
		return passing;
	int rc = __real_io_uring_submit(ring);
	look_for_overflow(ring);
	return rc;
}

int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **entry,
					    unsigned count, struct __kernel_timespec *limit,
					    sigset_t *mask)
{
	bool is_passing = says_so();

	if (is_passing && passing != -EINTR)
		return passing;
	int rc = __real_io_uring_submit_and_wait_timeout(ring, entry, count, limit, mask);
	look_for_overflow(ring);
	return is_passing && rc >= 0 ? passing : rc;
}

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
				      struct io_uring_params *params)
{
	int rc = __real_io_uring_queue_init_params(entries, ring, params);

	if (rc == 0 && may_drop)
		params->features &= ~IORING_FEAT_NODROP;
	return rc;
}

/* Many writes, as many at a time as may be: each done once, and on the medium. */
static void write_and_read(struct world *w)
{
	uint32_t file = world_prepare(w, "file", WRITES * (uint64_t)BLOCK);
	uint8_t *blocks = new_blocks(WRITES, 5);
	uint8_t *back = new_blocks(WRITES, 0);
	struct request writes[WRITES];
	uint32_t done = 0;
	uint32_t next = 0;

	while (done < WRITES) {
		for (; next < WRITES; next++) {
			writes[next] = request_of(WR_IO_WRITE, file, blocks + next * (size_t)BLOCK,
						  BLOCK, next * (uint64_t)BLOCK);
			writes[next].io.flags = WR_IO_DURABLE;
			if (w->ops->submit(w->s, &writes[next].io) == -EAGAIN)
				break;
		}
		cr_assert_geq(w->ops->poll(w->s, WAIT_LONG_NS), 0);
		done = 0;
		for (uint32_t i = 0; i < next; i++)
			done += (uint32_t)writes[i].done_count;
	}
	for (uint32_t i = 0; i < WRITES; i++) {
		cr_assert_eq(writes[i].done_count, 1, "%u is done %d times", i,
			     writes[i].done_count);
		cr_assert_eq(writes[i].io.result, 0);
	}
	struct request read = request_of(WR_IO_READ, file, back, WRITES * BLOCK, 0);
	cr_assert_eq(request_run(w, &read), 0);
	cr_assert_eq(memcmp(blocks, back, WRITES * (size_t)BLOCK), 0);
	free(blocks);
	free(back);
}

static void check_passing(enum backend backend, int code)
{
	struct world w;

	world_setup(&w, backend, DEPTH);
	passing = code;
	asked = said = 0;
	write_and_read(&w);
	cr_assert_gt(said, 0);
	passing = 0;
	world_teardown(&w);
}

Test(uring_passing, an_interrupted_call_is_made_again)
{
	check_passing(BACKEND_URING, -EINTR);
	check_passing(BACKEND_URING_APART, -EINTR);
}

Test(uring_passing, a_kernel_that_has_no_room_for_a_moment_is_asked_again)
{
	check_passing(BACKEND_URING, -EAGAIN);
	check_passing(BACKEND_URING_APART, -EAGAIN);
}

Test(uring_passing, a_kernel_that_is_busy_is_asked_again)
{
	check_passing(BACKEND_URING, -EBUSY);
	check_passing(BACKEND_URING_APART, -EBUSY);
}

Test(uring_passing, completions_of_a_full_depth_never_overflow)
{
	struct world w;

	world_setup(&w, BACKEND_URING, DEPTH);
	overflows = 0;
	write_and_read(&w);
	cr_assert_eq(overflows, 0);
	world_teardown(&w);
}

Test(uring_passing, a_kernel_that_may_drop_completions_is_not_used)
{
	char reason[160] = "";

	if (wr_uring_probe(reason, sizeof reason) != 0)
		cr_skip_test("%s", reason);
	may_drop = true;
	cr_assert_eq(wr_uring_probe(reason, sizeof reason), -ENOSYS);
	cr_assert_not_null(strstr(reason, "too old"), "%s", reason);
}
