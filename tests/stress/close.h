/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the program `close` share. A waiter is a thread in one call of weir's (or in
 * poll(2) on a descriptor of weir's); it counts itself in `close_waiting` when it is about to wait.
 */
#ifndef WR_TESTS_STRESS_CLOSE_H
#define WR_TESTS_STRESS_CLOSE_H

#include <pthread.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

struct close_waiter {
	const char *name;
	int (*wait)(void);
	pthread_t thread;
	int result;
	uint32_t stays;   /* times that the pipeline counts it among its callers while it sleeps */
	uint32_t told;    /* rounds in which it was told WEIR_E_CLOSED */
	bool may_succeed; /* what it waits for may come yet, while the close drains */
};

extern struct fixture close_bed;
extern wr_atomic_u32 close_waiting;

void close_start(struct close_waiter *waiters, uint32_t count);
/* Waits until each that has not come to its end is inside its call, and will begin no other. */
void close_wait_until_inside(const struct close_waiter *waiters, uint32_t count);
/* Joins them. True: all were told of the close, or got what they waited for. */
bool close_join(struct close_waiter *waiters, uint32_t count, uint32_t round);

/* Wait in poll(2), as an event loop does, on a descriptor that is armed: 0, or -ETIMEDOUT. */
int close_wait_for_answers(struct weir_producer *producer);
int close_wait_for_items(struct weir_member *member);

/* ---- handlers (close_handlers.c) ---- */

/* Before anything is held back: two members whose handlers sit in an item until the close has
 * begun. */
void close_handlers_start(void);
/* The close begins now. */
void close_handlers_let_go(void);
/* How many items they have come to the end of: two. */
uint32_t close_handlers_ended(void);
/* Leaves with the second of them, which waits for its handler. */
int close_wait_to_leave(void);

/* ---- a disk that stands still (close_disk.c) ---- */

/* True: all came out as promised. */
bool close_disk_round(uint32_t round);

#endif
