/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one world of test_share.c: its machine, the ports, and the log that decides what lanes say.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_SHARE_BED_H
#define WR_TESTS_SHARE_BED_H

#include <criterion/criterion.h>

#include <errno.h>

#include "core/group/share.h"
#include "io/sim/memory_sim.h"
#include "tests/unit/group/share_world.h"

static struct world w;

static struct wr_memory_sim memory;
static struct wr_share share;

#define CHECK(condition) cr_assert(condition, "seed %llu: " #condition, (unsigned long long)w.seed)

static uint32_t below(uint32_t bound)
{
	return (uint32_t)wr_prng_below(&w.prng, bound);
}

/* Some sequences are others' records. */
static bool is_event(uint64_t seq)
{
	return seq % 3 != 0;
}

static uint64_t key_of(uint64_t seq)
{
	return w.by_key ? (seq * 0x9e3779b97f4a7c15u >> 40) % KEYS : 0;
}

static uint64_t drawn(uint64_t seq, uint64_t salt, uint64_t bound)
{
	return ((seq + salt * 7919) * 0xbf58476d1ce4e5b9u >> 33) % bound;
}

/* Some have terms: the same ones whenever they are taken. */
static struct wr_share_event terms_of(uint64_t seq)
{
	struct wr_share_event e = {.seq = seq, .key = key_of(seq), .bytes = 1};
	uint64_t began_ns = seq * 20; /* they live for longer than it takes to get there, or not */
	if (drawn(seq, w.seed, 8) == 0)
		e.not_before_ns = began_ns + drawn(seq, 2, 20000);
	if (drawn(seq, w.seed + 1, 8) == 0)
		e.expires_ns = began_ns + 1 + drawn(seq, 3, 60000);
	if (!w.by_key)
		e.priority = (uint8_t)drawn(seq, 4, WR_SHARE_PRIORITIES);
	if (w.truth[seq].redriven)
		e.not_before_ns = e.expires_ns = 0;
	return e;
}

static bool has_room(const struct lane *lane)
{
	return lane->sent - lane->decided < LANE_MAX;
}

static void say(struct lane *lane, struct said said)
{
	CHECK(has_room(lane));
	lane->said[lane->sent++ % LANE_MAX] = said;
}

/* ---- ports ---- */

static int port_expire(void *unused, const struct wr_share_event *event)
{
	(void)unused;
	CHECK(event->due_ns <= w.now_ns && event->state == WR_SHARE_LEASED);
	if (!has_room(&w.group) || (!w.stops && below(10) == 0))
		return -EAGAIN;
	say(&w.group,
	    (struct said){EXPIRE, event->seq, .generation = event->generation, .counts = 1});
	return 0;
}

static int port_bury(void *context, const struct wr_share_event *event)
{
	const struct truth *t = &w.truth[event->seq];
	(void)context;
	CHECK(w.dead_letters || event->expired || event->overflowed);
	CHECK(!event->overflowed || !event->parks);
	CHECK(!event->expired || (event->expires_ns != 0 && event->expires_ns <= w.append_ns));
	CHECK(!event->expired || !event->parks);
	CHECK(w.overruns || (t->out && t->generation == event->generation));
	CHECK(w.overruns || event->expired || event->overflowed || t->dead ||
	      t->attempts >= share.attempts_max);
	if (!has_room(&w.group) || (!w.stops && below(4) == 0))
		return below(2) == 0 ? -EAGAIN : -EIO;
	w.expired += event->expired;
	w.overflowed += event->overflowed;
	say(&w.group, (struct said){.what = event->parks ? PARK : BURY,
				    .seq = event->seq,
				    .generation = event->generation});
	return 0;
}

static uint64_t port_lane_place(void *context, uint32_t member)
{
	(void)context;
	return w.members[member].lane.sent;
}

static bool port_lane_decided(void *context, uint32_t member, uint64_t place)
{
	(void)context;
	return w.members[member].lane.decided >= place;
}

static const struct wr_share_ports ports = {
	.expire = port_expire,
	.bury = port_bury,
	.lane_place = port_lane_place,
	.lane_decided = port_lane_decided,
};

/* ---- the log ---- */

static void append(const struct said *said)
{
	CHECK(w.log_end + 1 < LOG_MAX);
	w.log[++w.log_end] = *said;
}

static void answer(const struct said *to, int code, uint32_t generation)
{
	CHECK(w.answers_made - w.answers_taken < LANE_MAX);
	w.answers[w.answers_made++ % LANE_MAX] = (struct answer){
		.to = *to, .code = code, .generation = generation, .told_by = w.log_end};
}

static void decide_mark(const struct said *mark)
{
	bool good = mark->seq == w.frontier && (w.stops || below(6) > 0);
	answer(mark, good ? 0 : -1, 0);
	if (!good)
		return;
	append(mark);
	for (uint64_t seq = mark->seq; seq < mark->to; seq++)
		if (is_event(seq))
			w.truth[seq] = (struct truth){.out = true,
						      .generation = 1,
						      .not_before_ns = terms_of(seq).not_before_ns};
	w.frontier = mark->to;
}

static void decide_failure(const struct said *said, struct truth *t)
{
	append(said);
	t->generation++;
	if (!said->counts)
		return;
	t->attempts++;
	t->dead = said->dead;
	t->not_before_ns = said->not_before_ns;
	t->failed_at = w.log_end;
}

/* Somebody redrives what is parked at or above a sequence, or gives it up; whether there was. */
static bool end_parked(uint64_t seq, bool redrives)
{
	while (seq < w.frontier && !w.truth[seq].parked)
		seq++;
	if (seq >= w.frontier)
		return false;
	struct truth *t = &w.truth[seq];
	append(&(struct said){.what = redrives ? REDRIVE : GIVE_UP, .seq = seq});
	t->parked = false;
	t->out = redrives;
	t->settled = !redrives;
	t->generation++;
	t->attempts = 0;
	t->dead = false;
	t->not_before_ns = t->failed_at = 0;
	t->redriven = true;
	return true;
}

/* A copy further on: of what is outstanding, and of nothing that somebody reads where it was. */
static void decide_carry(struct said *said)
{
	struct truth *t = &w.truth[said->seq];
	bool refused = !w.stops && below(4) == 0;
	for (uint32_t i = 0; i < MEMBERS; i++)
		for (uint32_t k = 0; w.members[i].joined && k < w.members[i].hand_count; k++)
			CHECK(w.overruns || w.members[i].hand[k].seq != said->seq ||
			      w.members[i].hand[k].generation < t->generation);
	if (t->out && !refused) {
		append(said);
		said->to = t->place = SEQS + w.log_end;
		w.carried++;
	}
	answer(said, t->out && !refused ? 0 : -1, 0);
}

/* One more of a lane is decided; the lane of nobody is the group's. */
static void decide(struct lane *lane)
{
	if (lane->decided == lane->sent)
		return;
	struct said *said = &lane->said[lane->decided++ % LANE_MAX];
	if (said->what == MARK) {
		decide_mark(said);
		return;
	}
	if (said->what == CARRY) {
		decide_carry(said);
		return;
	}
	struct truth *t = &w.truth[said->seq];
	bool fenced = !t->out || t->generation != said->generation;
	bool no_room = said->what >= BURY && !w.stops && below(4) == 0;
	CHECK(!fenced || !said->in_time || w.overruns);
	w.late += fenced && lane != &w.group;
	if (fenced || no_room) {
		if (lane == &w.group)
			answer(said, fenced ? -1 : -2, t->out ? t->generation : 0);
		return;
	}
	if (said->what == REJECT || said->what == EXPIRE) {
		decide_failure(said, t);
	} else if (said->what == PARK) {
		append(said);
		t->generation++;
		t->parked = true;
		w.parked++;
	} else {
		CHECK(!t->settled);
		append(said);
		t->out = false;
		t->settled = true;
	}
	if (lane == &w.group)
		answer(said, 0, t->generation);
	w.settled += said->what == SETTLE;
	w.buried += said->what == BURY;
}

#endif
