/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group of four rows whose ports write down what is asked of them: a list of calls, which a test
 * reads, and room, places and answers, which a test sets.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_GROUP_BED_H
#define WR_TESTS_GROUP_BED_H

#include <criterion/criterion.h>

#include <errno.h>

#include "core/group/group.h"
#include "io/sim/memory_sim.h"

#define MEMBERS 4u
#define CALLS_MAX 256u

enum call_kind { RAISE = 1, ASSIGN, REVOKE, LOST, FENCE };

struct call {
	enum call_kind kind;
	uint32_t member, row, generation;
	uint64_t position;
};

static struct wr_memory_sim memory;
static struct wr_group group;
static struct call calls[CALLS_MAX];
static uint32_t call_count;
static uint32_t room[MEMBERS];
static uint64_t place[MEMBERS], decided[MEMBERS];
static uint32_t raises_left; /* before the lane to the log is full */
static bool opens;           /* rows that wait */

static inline void record(struct call call)
{
	cr_assert_lt(call_count, CALLS_MAX);
	calls[call_count++] = call;
}

static int port_raise(void *context, uint32_t row, uint32_t generation, uint32_t owner,
		      uint64_t position)
{
	(void)context;
	if (raises_left == 0)
		return -EAGAIN;
	raises_left--;
	record((struct call){RAISE, owner, row, generation, position});
	return 0;
}

static uint32_t port_room(void *context, uint32_t member)
{
	(void)context;
	return room[member];
}

static inline void tell(enum call_kind kind, uint32_t member, uint32_t row, uint32_t generation)
{
	cr_assert_gt(room[member], 0, "member %u has no room for a message", member);
	room[member]--;
	record((struct call){kind, member, row, generation, 0});
}

static void port_assign(void *context, uint32_t member, uint32_t row, uint32_t generation)
{
	(void)context;
	tell(ASSIGN, member, row, generation);
}

static void port_revoke(void *context, uint32_t member, uint32_t row, uint32_t generation)
{
	(void)context;
	tell(REVOKE, member, row, generation);
}

/* Needs no room. */
static void port_lost(void *context, uint32_t member, uint32_t row, uint32_t generation)
{
	(void)context;
	record((struct call){LOST, member, row, generation, 0});
}

static void port_fence(void *context, uint32_t member)
{
	(void)context;
	record((struct call){FENCE, member, 0, 0, 0});
}

static uint64_t port_lane_place(void *context, uint32_t member)
{
	(void)context;
	return place[member];
}

static bool port_lane_decided(void *context, uint32_t member, uint64_t up_to)
{
	(void)context;
	return decided[member] >= up_to;
}

static bool port_opens(void *context, uint32_t row)
{
	(void)context;
	(void)row;
	return opens;
}

static const struct wr_group_ports ports = {
	.raise = port_raise,
	.room = port_room,
	.assign = port_assign,
	.revoke = port_revoke,
	.lost = port_lost,
	.fence = port_fence,
	.lane_place = port_lane_place,
	.lane_decided = port_lane_decided,
	.opens = port_opens,
};

static const uint32_t topics[] = {4};

static inline void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_group_init(&group, &memory.base, &ports, topics, 1, MEMBERS), 0);
	raises_left = 1000;
	opens = true;
	for (uint32_t m = 0; m < MEMBERS; m++)
		room[m] = 100;
}

static inline void tear_down(void)
{
	wr_group_fini(&group, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

/* Steps, and answers every raise with 0, until nothing moves. */
static inline void settle_down(void)
{
	uint32_t answered = call_count;
	for (;;) {
		int work = wr_group_step(&group);
		bool any = false;
		for (; answered < call_count; answered++) {
			if (calls[answered].kind != RAISE)
				continue;
			wr_group_raised(&group, calls[answered].row, 0);
			any = true;
		}
		if (work == 0 && !any)
			return;
	}
}

static inline void join(uint32_t member, const char *name)
{
	wr_group_join(&group, member, name, "");
	settle_down();
}

static inline void expect_owners(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	const uint32_t want[] = {a, b, c, d};
	for (uint32_t r = 0; r < 4; r++)
		cr_expect_eq(group.rows[r].owner, want[r], "row %u", r);
}

static inline uint32_t count(enum call_kind kind)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < call_count; i++)
		n += calls[i].kind == kind;
	return n;
}

/* The member gives back whatever it was asked for since `from`. */
static inline void release_all(uint32_t member, uint32_t from, uint64_t by_ticket)
{
	for (uint32_t i = from; i < call_count; i++)
		if (calls[i].kind == REVOKE && calls[i].member == member)
			wr_group_released(&group, member, calls[i].row, calls[i].generation,
					  by_ticket);
}

#endif
