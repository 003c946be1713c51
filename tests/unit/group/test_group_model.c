/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever members do and in whatever order things are stepped, a row has one owner in the
 *         log's eyes, no ack is fenced that was sent in time, nobody who has polled goes on with
 *         what another may have, and in the end everybody has what the assignment says. Rules: L14,
 *         L19, L37.
 * Method: a seeded world around one group: members that join, poll, ack, sleep, leave; lanes that a
 *         log decides in order; a log that refuses now and then; seeks. The log of the model keeps
 *         generations as core/log does. Each failure prints its seed.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include <weir/error.h>

#include "core/group/group.h"
#include "io/sim/memory_sim.h"
#include "io/sim/prng.h"

#define MEMBERS 5u
#define ROWS 11u
#define MAIL_MAX 4u
#define LANE_MAX 4096u
#define ASKED_MAX 64u
#define KEPT_FOR 150u /* happenings */

struct mail {
	bool assign;
	bool lost; /* what it assigns was taken back before it was read */
	uint32_t row, generation;
};

struct ack {
	uint32_t row, generation;
	bool in_time; /* sent before its owner lost the row without being asked */
};

/* A member as it sees itself. */
struct member {
	bool joined, leaving, expired, fenced;
	uint32_t generation[ROWS]; /* that it holds; 0: none */
	bool lost[ROWS];           /* taken from it, and it does not know yet */
	uint32_t told_lost[ROWS];  /* no generation up to it is its */
	struct mail mail[MAIL_MAX];
	uint32_t mail_count;
	struct ack lane[LANE_MAX];
	uint64_t sent, decided;
};

struct asked {
	uint32_t row, generation;
};

static struct world {
	uint64_t seed;
	uint64_t now;
	bool is_static; /* some members are */
	enum wr_assignor assignor;
	struct wr_prng prng;
	struct member members[MEMBERS];
	uint32_t log_generation[ROWS];
	struct {
		uint32_t member, generation;
	} given[ROWS]; /* asked for last */
	struct asked asked[ASKED_MAX];
	uint32_t asked_count;
	uint64_t fenced, accepted, assigned, taken_back, replaced, came_back;
} w;

static struct wr_memory_sim memory;
static struct wr_group group;
static const uint32_t topics[] = {5, 0, 6};

#define CHECK(condition) cr_assert(condition, "seed %llu: " #condition, (unsigned long long)w.seed)

static int port_raise(void *context, uint32_t row, uint32_t generation, uint32_t owner,
		      uint64_t position)
{
	(void)context;
	(void)position;
	CHECK(owner == WR_MEMBER_NONE || w.members[owner].joined);
	if (w.asked_count == ASKED_MAX || wr_prng_chance(&w.prng, 50000))
		return -EAGAIN;
	w.asked[w.asked_count++] = (struct asked){row, generation};
	w.given[row].member = owner;
	w.given[row].generation = generation;
	return 0;
}

static uint32_t port_room(void *context, uint32_t member)
{
	(void)context;
	return MAIL_MAX - w.members[member].mail_count;
}

static void send(uint32_t member, bool assign, uint32_t row, uint32_t generation)
{
	struct member *m = &w.members[member];
	bool seek_comes = group.rows[row].seek_position != WR_SEEK_NONE;
	CHECK(m->mail_count < MAIL_MAX);
	m->mail[m->mail_count++] = (struct mail){assign, seek_comes, row, generation};
}

static void port_assign(void *context, uint32_t member, uint32_t row, uint32_t generation)
{
	(void)context;
	CHECK(w.members[member].joined && !w.members[member].leaving);
	CHECK(w.log_generation[row] == generation); /* the record is in the log */
	CHECK(!w.members[member].fenced);
	w.assigned++;
	send(member, true, row, generation);
}

static void port_revoke(void *context, uint32_t member, uint32_t row, uint32_t generation)
{
	(void)context;
	CHECK(w.log_generation[row] == generation);
	send(member, false, row, generation);
}

static void port_lost(void *context, uint32_t member, uint32_t row, uint32_t generation)
{
	(void)context;
	CHECK(w.members[member].joined && !w.members[member].leaving);
	CHECK(w.log_generation[row] == generation);
	w.members[member].told_lost[row] = generation;
}

static void loses_all(struct member *m);

static void port_fence(void *context, uint32_t member)
{
	(void)context;
	CHECK(w.members[member].joined && !w.members[member].leaving);
	CHECK(w.is_static);
	loses_all(&w.members[member]);
	w.members[member].fenced = true;
	w.replaced++;
}

static uint64_t port_lane_place(void *context, uint32_t member)
{
	(void)context;
	return w.members[member].sent;
}

static bool port_lane_decided(void *context, uint32_t member, uint64_t place)
{
	(void)context;
	return w.members[member].decided >= place;
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
};

/* ---- what happens ---- */

static void log_answers(void)
{
	if (w.asked_count == 0)
		return;
	struct asked first = w.asked[0];
	memmove(w.asked, w.asked + 1, --w.asked_count * sizeof w.asked[0]);
	CHECK(first.generation == w.log_generation[first.row] + 1);
	int code = wr_prng_chance(&w.prng, 100000) ? WEIR_E_FULL : 0;
	if (code == 0)
		w.log_generation[first.row]++;
	wr_group_raised(&group, first.row, code);
}

static void log_decides(struct member *m)
{
	if (m->decided == m->sent)
		return;
	const struct ack *ack = &m->lane[m->decided++ % LANE_MAX];
	bool accepted = ack->generation == w.log_generation[ack->row];
	CHECK(accepted || !ack->in_time);
	w.accepted += accepted;
	w.fenced += !accepted;
}

static void member_acks(struct member *m)
{
	uint32_t row = (uint32_t)wr_prng_below(&w.prng, ROWS);
	for (uint32_t i = 0; i < ROWS && m->generation[row] == 0; i++)
		row = (row + 1) % ROWS;
	if (!m->joined || m->leaving || m->generation[row] == 0 || m->sent - m->decided == LANE_MAX)
		return;
	m->lane[m->sent++ % LANE_MAX] =
		(struct ack){row, m->generation[row], !m->lost[row] && !m->expired};
}

static void member_polls(uint32_t slot)
{
	struct member *m = &w.members[slot];
	if (!m->joined || m->leaving)
		return;
	for (uint32_t r = 0; r < ROWS; r++)
		if (m->generation[r] <= m->told_lost[r])
			m->generation[r] = 0;
	for (uint32_t i = 0; i < m->mail_count; i++) {
		const struct mail *mail = &m->mail[i];
		if (mail->assign && mail->generation <= m->told_lost[mail->row]) {
			w.taken_back++;
		} else if (mail->assign) {
			m->generation[mail->row] = mail->generation;
			m->lost[mail->row] = mail->lost;
		} else if (m->generation[mail->row] == mail->generation) {
			m->generation[mail->row] = 0;
			wr_group_released(&group, slot, mail->row, mail->generation, m->sent);
		}
	}
	m->mail_count = 0;
	for (uint32_t r = 0; r < ROWS; r++)
		CHECK(m->generation[r] == 0 || w.given[r].generation == m->generation[r] ||
		      w.given[r].member == slot || w.given[r].member == WR_MEMBER_NONE);
	if (m->expired) {
		m->expired = false;
		wr_group_revive(&group, slot);
	}
}

/* Two slots have the same one. */
static const char *const instances[MEMBERS] = {"two", "", "one", "two", ""};

static void joins_or_leaves(uint32_t slot)
{
	static const char *const names[] = {"delta", "alpha", "echo", "bravo", "alpha"};
	struct member *m = &w.members[slot];
	if (!m->joined) {
		uint32_t kept = group.kept_count;
		*m = (struct member){.joined = true};
		wr_group_join(&group, slot, names[slot], w.is_static ? instances[slot] : "");
		w.came_back += group.kept_count < kept;
	} else if (!m->leaving) {
		m->leaving = true;
		m->mail_count = 0; /* it reads no more */
		wr_group_leave(&group, slot, w.now + KEPT_FOR);
	} else if (wr_group_has_left(&group, slot)) {
		wr_group_remove(&group, slot);
		m->joined = false;
	}
}

/* All that a member holds, or is about to learn that it holds, may be taken without asking it. */
static void loses_all(struct member *m)
{
	memset(m->lost, true, sizeof m->lost);
	for (uint32_t i = 0; i < m->mail_count; i++)
		m->mail[i].lost = true;
}

static void expires(uint32_t slot)
{
	struct member *m = &w.members[slot];
	if (!m->joined || m->leaving || m->expired)
		return;
	m->expired = true;
	loses_all(m);
	wr_group_expire(&group, slot);
}

static void seek(void)
{
	for (uint32_t i = 0; i < MEMBERS; i++)
		loses_all(&w.members[i]);
	wr_group_seek(&group, wr_prng_below(&w.prng, 1000));
}

static void something_happens(void)
{
	uint32_t slot = (uint32_t)wr_prng_below(&w.prng, MEMBERS);
	uint64_t what = wr_prng_below(&w.prng, 1000);
	w.now++;
	(void)wr_group_keep(&group, w.now);
	if (what < 300)
		(void)wr_group_step(&group);
	else if (what < 500)
		log_answers();
	else if (what < 650)
		log_decides(&w.members[slot]);
	else if (what < 800)
		member_acks(&w.members[slot]);
	else if (what < 970)
		member_polls(slot);
	else if (what < 985)
		joins_or_leaves(slot);
	else if (what < 997)
		expires(slot);
	else
		seek();
}

/* Nobody comes or goes any more; everybody polls; the log answers. What was kept is given up. */
static void come_to_rest(void)
{
	w.now += KEPT_FOR;
	for (uint32_t i = 0; i < 5000; i++) {
		(void)wr_group_keep(&group, ++w.now + KEPT_FOR);
		(void)wr_group_step(&group);
		for (uint32_t slot = 0; slot < MEMBERS; slot++) {
			struct member *m = &w.members[slot];
			while (m->decided < m->sent)
				log_decides(m);
			member_polls(slot);
			if (m->joined && (m->leaving || m->fenced))
				joins_or_leaves(slot);
		}
		log_answers();
		if (wr_group_is_settled(&group) && w.asked_count == 0)
			break;
	}
	for (uint32_t slot = 0; slot < MEMBERS; slot++)
		member_polls(slot);
}

/* Who is to own what, by the assignor; the sticky one is only judged. */
static void expected_owners(uint32_t owners[ROWS])
{
	static const uint32_t by_name[] = {1, 4, 3, 0, 2}, by_instance[] = {2, 0, 3, 1, 4};
	const uint32_t *order = w.is_static ? by_instance : by_name;
	uint32_t alive[MEMBERS], count = 0;
	for (uint32_t i = 0; i < MEMBERS; i++)
		if (w.members[order[i]].joined)
			alive[count++] = order[i];
	if (w.assignor == WR_ASSIGNOR_RANGE) {
		wr_assign_range(topics, 3, alive, count, owners);
	} else if (w.assignor == WR_ASSIGNOR_ROUND_ROBIN) {
		wr_assign_round_robin(ROWS, alive, count, owners);
	} else {
		for (uint32_t r = 0; r < ROWS; r++)
			owners[r] = group.rows[r].owner;
		for (uint32_t i = 0; i < count; i++) {
			uint32_t owned = 0;
			for (uint32_t r = 0; r < ROWS; r++)
				owned += owners[r] == alive[i];
			CHECK(owned == ROWS / count || owned == ROWS / count + 1);
		}
	}
}

static void check_rest(void)
{
	uint32_t owners[ROWS];
	CHECK(wr_group_is_settled(&group));
	expected_owners(owners);
	for (uint32_t r = 0; r < ROWS; r++) {
		CHECK(group.rows[r].owner == owners[r]);
		CHECK(group.rows[r].generation == w.log_generation[r]);
		for (uint32_t i = 0; i < MEMBERS; i++) {
			const struct member *m = &w.members[i];
			bool holds = m->joined && m->generation[r] == w.log_generation[r] &&
				     m->generation[r] != 0;
			/* Of a row that is nobody's, one who slept may hold the last generation. */
			if (owners[r] != WR_MEMBER_NONE)
				CHECK(holds == (i == owners[r]));
		}
	}
	for (uint32_t i = 0; i < MEMBERS; i++) {
		uint32_t owned = 0;
		for (uint32_t r = 0; r < ROWS; r++)
			owned += owners[r] == i;
		CHECK(group.members[i].owned_count == owned);
		CHECK(group.members[i].raised_count == 0);
	}
}

static void live(uint64_t seed)
{
	memset(&w, 0, sizeof w);
	w.seed = seed;
	w.is_static = seed % 2 == 0;
	w.assignor = (enum wr_assignor)(seed % 3);
	wr_prng_init(&w.prng, seed);
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_group_init(&group, &memory.base, &ports, topics, 3, MEMBERS), 0);
	wr_group_use(&group, w.assignor);
	for (uint32_t part = 0; part < 5; part++) {
		for (uint32_t i = 0; i < 2000; i++)
			something_happens();
		come_to_rest();
		check_rest();
	}
	wr_group_fini(&group, &memory.base);
	CHECK(memory.live_count == 0);
}

Test(group_model, no_ack_in_time_is_fenced_and_all_comes_to_rest)
{
	uint64_t accepted = 0, fenced = 0, assigned = 0, taken_back = 0;
	uint64_t replaced = 0, came_back = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		live(seed);
		accepted += w.accepted;
		fenced += w.fenced;
		assigned += w.assigned;
		taken_back += w.taken_back;
		replaced += w.replaced;
		came_back += w.came_back;
	}
	/* The worlds were worth it. */
	cr_expect_gt(accepted, 10000);
	cr_expect_gt(fenced, 100);
	cr_expect_gt(assigned, 5000);
	cr_expect_gt(taken_back, 10);
	cr_expect_gt(replaced, 100);
	cr_expect_gt(came_back, 50);
}
