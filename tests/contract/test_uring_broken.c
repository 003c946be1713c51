/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   an io_uring that breaks is an error that ends (S10): whoever asked for something is told,
 *         once, and nobody waits for what cannot come. And a ring that no thread owns is used by
 *         one thread after the other.
 * Method: the ring's descriptor is put over with one of /dev/null, so that the kernel refuses every
 *         call; or a thread that does not own the ring uses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/contract/contract.h"
#include "tests/support/break_uring.h"

#define FILE_BYTES (16u * BLOCK)
#define WRITES 4

static struct world w;
static uint8_t *blocks;

static void setup(void)
{
	world_setup(&w, BACKEND_URING, 8);
	blocks = new_blocks(1, 3);
}

static void teardown(void)
{
	world_teardown(&w);
	free(blocks);
}

TestSuite(uring_broken, .init = setup, .fini = teardown, .timeout = 60);

static void submit_writes(struct request *requests, uint32_t file)
{
	for (uint32_t i = 0; i < WRITES; i++) {
		requests[i] = request_of(WR_IO_WRITE, file, blocks, BLOCK, (uint64_t)i * BLOCK);
		cr_assert_eq(w.ops->submit(w.s, &requests[i].io), 0);
	}
}

static void expect_told_once(const struct request *requests, int code)
{
	for (uint32_t i = 0; i < WRITES; i++) {
		cr_expect_eq(requests[i].done_count, 1, "request %u was told %d times", i,
			     requests[i].done_count);
		cr_expect_eq(requests[i].io.result, code);
	}
}

Test(uring_broken, what_is_in_flight_ends_with_the_code_that_broke_it)
{
	struct request requests[WRITES], prepare = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
	uint32_t file = world_prepare(&w, "a", FILE_BYTES);
	submit_writes(requests, file);
	prepare.io.name = "b";
	prepare.io.file_bytes = FILE_BYTES;
	cr_assert_eq(w.ops->submit(w.s, &prepare.io), 0);
	cr_assert_eq(break_uring(), 1);
	int code = w.ops->poll(w.s, 1000000);
	for (int i = 0; i < 100 && code >= 0; i++)
		code = w.ops->poll(w.s, 1000000);
	cr_assert_lt(code, 0, "the break was not seen");
	cr_expect_eq(w.ops->leave(w.s), code);
	expect_told_once(requests, code);
	cr_expect_eq(prepare.done_count, 1, "making a file needs no ring");
	cr_expect_eq(prepare.io.result, 0);
}

Test(uring_broken, it_stays_broken)
{
	struct request requests[WRITES], late;
	uint32_t file = world_prepare(&w, "a", FILE_BYTES);
	submit_writes(requests, file);
	cr_assert_eq(break_uring(), 1);
	int code = w.ops->leave(w.s);
	cr_assert_lt(code, 0);
	expect_told_once(requests, code);
	cr_expect_eq(w.ops->enter(w.s), code);
	cr_expect_eq(w.ops->poll(w.s, 0), code);
	late = request_of(WR_IO_WRITE, file, blocks, BLOCK, 0);
	cr_expect_lt(w.ops->submit(w.s, &late.io), 0);
	cr_expect_eq(late.done_count, 0);
}

/* ---- threads ---- */

static void *leave_elsewhere(void *ret_code)
{
	*(int *)ret_code = w.ops->leave(w.s);
	return NULL;
}

Test(uring_broken, another_thread_may_leave_with_writes_in_flight_and_comes_back)
{
	struct request requests[WRITES];
	pthread_t thread;
	int code = 1;
	uint32_t file = world_prepare(&w, "a", FILE_BYTES);
	submit_writes(requests, file);
	(void)w.ops->poll(w.s, 0);
	cr_assert_eq(pthread_create(&thread, NULL, leave_elsewhere, &code), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	/* A kernel that ties rings to threads refuses it; an older one does not. */
	if (code == 0) {
		expect_told_once(requests, 0);
		return;
	}
	for (uint32_t i = 0; i < WRITES; i++)
		cr_expect_eq(requests[i].done_count, 1);
	cr_expect_eq(w.ops->enter(w.s), code);
}

struct turn {
	struct request requests[WRITES];
	uint32_t file;
};

/* Asks and ends: what it asked for may be with the kernel, or not even that. */
static void *submit_and_end(void *argument)
{
	struct turn *turn = argument;
	submit_writes(turn->requests, turn->file);
	(void)w.ops->poll(w.s, 0);
	return NULL;
}

Test(uring_broken, a_ring_of_no_thread_serves_one_after_the_other)
{
	struct turn turn;
	w.options.any_thread = true;
	for (int apart = 0; apart < 2; apart++) {
		/* With syncs apart, requests wait for workers, which go with their thread. */
		w.options.buffered = apart == 1;
		world_reopen(&w);
		turn.file = world_prepare(&w, apart == 1 ? "b" : "a", FILE_BYTES);
		for (int round = 0; round < 100; round++) {
			pthread_t thread;
			cr_assert_eq(pthread_create(&thread, NULL, submit_and_end, &turn), 0);
			cr_assert_eq(pthread_join(thread, NULL), 0);
			for (uint32_t i = 0; i < WRITES; i++)
				cr_assert_eq(request_wait(&w, &turn.requests[i]), 0);
		}
	}
	cr_expect_eq(w.ops->leave(w.s), 0);
	cr_assert_eq(w.ops->enter(w.s), 0);
}
