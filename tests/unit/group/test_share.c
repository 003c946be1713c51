/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever members do and in whatever order things are stepped, an event of a shared
 *         subscription is had by one member at a time, under the generation and with the attempts
 *         that the log says; no sooner than its delay and the durability of its last attempt let
 *         it; not when its time is over; in the order of its key, or the most urgent first; what
 *         is said in time counts; and each event ends settled, once, by a member or at the dead
 *         letters; and what is parked there keeps its key until that is ended. Rules: L14, L15,
 *         L17, L19.
 * Method: a seeded world around one machine: a log that decides lanes in any order, is followed
 *         late and made durable later; append time that runs by half; members that join, leave,
 *         pause, extend, acknowledge, reject and sit on what they have; marks and letters that
 *         are refused; crashes, from which only the log comes back. Each failure prints its seed.
 */
#include "tests/unit/group/share_bed.h"

/* ---- the group's step, as the pipeline has it ---- */

static void reject_in(const struct said *said)
{
	struct wr_share_rejection r = {.seq = said->seq, .record_seq = w.followed};
	r.generation = said->generation;
	r.failed_us = w.followed;
	r.not_before_ns = said->not_before_ns;
	r.counts = said->counts;
	r.dead = said->dead;
	r.parked = said->what == PARK;
	r.redriven = said->what == REDRIVE;
	r.given_up = said->what == GIVE_UP;
	wr_share_rejected(&share, &r);
}

static void follow_one(void)
{
	if (w.followed == w.log_end)
		return;
	const struct said *said = &w.log[++w.followed];
	if (w.overruns && !w.stops && below(20) == 0) {
		w.missed += said->what != MARK;
		return;
	}
	if (said->what == SETTLE || said->what == BURY)
		wr_share_settled(&share, said->seq, said->seq, said->generation);
	else if (said->what != MARK && said->what != CARRY)
		reject_in(said);
}

static void take_answer(void)
{
	if (w.answers_taken == w.answers_made)
		return;
	const struct answer *a = &w.answers[w.answers_taken++ % LANE_MAX];
	if (a->to.what == EXPIRE) {
		wr_share_expired(&share, a->to.seq, a->generation, a->told_by, a->code == 0);
	} else if (a->to.what == CARRY) {
		wr_share_carried(&share, a->to.seq, a->code == 0 ? a->to.to : 0, true);
	} else if (a->to.what == BURY || a->to.what == PARK) {
		if (a->code != 0 && a->generation == 0)
			wr_share_gone(&share, a->to.seq, a->to.generation);
		else
			wr_share_buried(&share, a->to.seq, a->to.generation, a->code == 0);
	} else if (w.marks_on_way--, a->code == 0) {
		wr_share_marked(&share, a->to.count);
	} else {
		wr_share_unmarked(&share, a->to.count);
		w.mark_refused = true;
		if (a->to.seq < w.marked)
			w.marked = w.taken = a->to.seq;
	}
}

static void take(void)
{
	struct said mark = {.what = MARK, .seq = w.marked};
	w.mark_refused = w.mark_refused && w.marks_on_way > 0;
	uint32_t room = wr_share_room(&share), most = below(8);
	if (w.mark_refused || !has_room(&w.group))
		return;
	uint64_t from = w.marked;
	while (w.taken < SEQS && mark.count < room && mark.count < most) {
		uint64_t seq = w.taken++;
		if (!is_event(seq))
			continue;
		struct wr_share_event event = terms_of(seq);
		event.from = from;
		wr_share_take(&share, &event);
		from = seq + 1;
		mark.count++;
	}
	if (w.taken == w.marked)
		return;
	mark.to = w.marked = w.taken;
	w.marks_on_way++;
	say(&w.group, mark);
}

/* It is not too early, nor too late, nor is there one that is more urgent. */
static void check_terms(const struct wr_share_event *e)
{
	struct wr_share_event terms = terms_of(e->seq);
	CHECK(e->priority == terms.priority && (w.overruns || e->expires_ns == terms.expires_ns));
	CHECK(w.overruns || terms.not_before_ns <= share.append_ns);
	CHECK(terms.expires_ns == 0 || terms.expires_ns > share.append_ns);
	for (uint32_t at = share.oldest; at != WR_SHARE_NONE; at = share.events[at].after)
		CHECK(share.events[at].state != WR_SHARE_READY ||
		      share.events[at].priority <= e->priority);
	w.delayed += terms.not_before_ns > 0;
	w.urgent += terms.priority > 0 && share.in_state[WR_SHARE_READY] > 0;
}

/* Nobody has it, and everything is as the log says; the order of keys is kept. */
static void check_grant(const struct wr_share_event *e, uint32_t slot)
{
	const struct truth *t = &w.truth[e->seq];
	CHECK(e->seq < w.frontier);
	check_terms(e);
	for (uint64_t seq = 1; w.by_key && key_of(e->seq) != 0 && seq < e->seq; seq++)
		CHECK(!is_event(seq) || key_of(seq) != key_of(e->seq) || w.truth[seq].settled);
	for (uint32_t i = 0; w.single && i < MEMBERS; i++)
		CHECK(!w.members[i].joined || w.members[i].paused ||
		      w.members[i].joined_as >= w.members[slot].joined_as);
	if (w.overruns)
		return;
	CHECK(t->out && !t->settled && !t->parked);
	CHECK(wr_share_place(e) == (t->place != 0 ? t->place : e->seq));
	CHECK(t->generation == e->generation && t->attempts == e->attempts);
	CHECK(t->failed_at <= w.durable);
	CHECK(t->not_before_ns <= share.append_ns);
	CHECK(!w.dead_letters || (!t->dead && t->attempts < share.attempts_max));
	for (uint32_t i = 0; i < MEMBERS; i++)
		for (uint32_t k = 0; w.members[i].joined && k < w.members[i].hand_count; k++)
			CHECK(w.members[i].hand[k].seq != e->seq ||
			      w.members[i].hand[k].generation < e->generation);
}

static void grant(void)
{
	uint32_t slot;
	while ((slot = wr_share_next_member(&share)) != WR_SHARE_NONE) {
		struct member *m = &w.members[slot];
		const struct wr_share_event *e = wr_share_grant(&share, slot, 0, w.now_ns);
		CHECK(e != NULL);
		CHECK(m->joined && !m->paused);
		check_grant(e, slot);
		if (m->hand_count == HAND_MAX) /* it forgets the oldest */
			memmove(m->hand, m->hand + 1, --m->hand_count * sizeof m->hand[0]);
		m->hand[m->hand_count++] = (struct hand){e->seq, e->generation};
		w.granted++;
	}
}

/* ---- members ---- */

static struct wr_share_event *event_of(uint64_t seq)
{
	for (uint32_t at = share.oldest; at != WR_SHARE_NONE; at = share.events[at].after)
		if (share.events[at].seq == seq)
			return &share.events[at];
	return NULL;
}

static void member_says(uint32_t slot, bool only_acks)
{
	struct member *m = &w.members[slot];
	if (!m->joined || m->leaving || m->hand_count == 0 || !has_room(&m->lane))
		return;
	uint32_t which = below(m->hand_count);
	struct hand hand = m->hand[which];
	const struct wr_share_event *e = event_of(hand.seq);
	struct said said = {
		.what = SETTLE,
		.seq = hand.seq,
		.generation = hand.generation,
		/* The group has not seen yet that it was late. */
		.in_time = e != NULL && e->state == WR_SHARE_LEASED && e->member == slot &&
			   e->generation == hand.generation && !e->is_over,
	};
	if (!only_acks && below(3) == 0) {
		uint32_t verdict = below(6);
		said.what = REJECT;
		said.counts = verdict > 0;
		said.dead = verdict == 5;
		said.not_before_ns = verdict > 2 ? w.append_ns + below(2000) : 0;
	}
	m->hand[which] = m->hand[--m->hand_count];
	say(&m->lane, said);
}

static void member_extends(uint32_t slot)
{
	struct member *m = &w.members[slot];
	if (!m->joined || m->hand_count == 0)
		return;
	struct hand hand = m->hand[below(m->hand_count)];
	wr_share_extend(&share, slot, hand.seq, hand.generation, w.now_ns + below(3000));
}

static void member_comes_or_goes(uint32_t slot)
{
	struct member *m = &w.members[slot];
	if (!m->joined) {
		m->joined = true;
		m->leaving = m->paused = false;
		m->hand_count = 0;
		m->out_max = 1 + below(8);
		m->joined_as = w.joins++;
		wr_share_join(&share, slot, m->out_max);
		return;
	}
	m->leaving = true;
	if (m->lane.decided < m->lane.sent)
		return;
	while (w.followed < w.log_end)
		follow_one();
	wr_share_leave(&share, slot);
	m->joined = false;
}

/* ---- what holds at all times ---- */

static void check_shape(void)
{
	uint32_t count = 0, in_heap = 0, of_member[MEMBERS] = {0}, in_list[WR_SHARE_STATES] = {0};
	uint32_t parked = 0, ready = 0;
	uint64_t before = 0;
	for (uint32_t at = share.oldest; at != WR_SHARE_NONE; at = share.events[at].after) {
		const struct wr_share_event *e = &share.events[at];
		CHECK(e->seq > before);
		before = e->seq;
		count++;
		in_list[e->state]++;
		if (e->member != WR_SHARE_NONE)
			of_member[e->member]++;
		parked += w.by_key && e->key != 0 &&
			  share.events[wr_share_key_first(&share, at)].state == WR_SHARE_PARKED;
		bool watched = e->expires_ns != 0 &&
			       (e->state == WR_SHARE_BEHIND || e->state == WR_SHARE_READY ||
				e->state == WR_SHARE_CARRIED);
		CHECK((e->state == WR_SHARE_LEASED || e->state == WR_SHARE_DELAYED || watched) ==
		      (e->heap != WR_SHARE_NONE));
		CHECK(e->state != WR_SHARE_LEASED || e->member != WR_SHARE_NONE);
		if (e->heap == WR_SHARE_NONE)
			continue;
		in_heap++;
		CHECK(share.heap[e->heap].event == at && share.heap[e->heap].due_ns == e->due_ns);
		CHECK(e->heap == 0 || share.heap[(e->heap - 1) / 2].due_ns <= e->due_ns);
	}
	CHECK(count == share.event_count && in_heap == share.heap_count);
	CHECK(in_list[WR_SHARE_MARKED] == share.marked.count);
	for (uint32_t i = 0; i < WR_SHARE_PRIORITIES; i++) {
		CHECK((share.ready[i].count > 0) == (share.ready_set >> i & 1));
		ready += share.ready[i].count;
	}
	CHECK(in_list[WR_SHARE_READY] == ready);
	for (uint32_t i = WR_SHARE_MARKED; i < WR_SHARE_STATES; i++)
		CHECK(in_list[i] == share.in_state[i]);
	CHECK(in_list[WR_SHARE_ANSWERED] == share.answered.count);
	CHECK(in_list[WR_SHARE_UNDURABLE] == share.undurable.count);
	CHECK(in_list[WR_SHARE_DEAD] == share.dead.count);
	CHECK(parked == share.parked_count);
	for (uint32_t i = 0; i < MEMBERS; i++)
		CHECK(of_member[i] == share.members[i].out &&
		      (!w.members[i].joined || of_member[i] <= w.members[i].out_max));
	CHECK(wr_share_due_ns(&share) == (in_heap > 0 ? share.heap[0].due_ns : UINT64_MAX));
}

/* ---- lives ---- */

/* Only the log is left, and of that what was decided. */
static void open_again(void)
{
	const struct wr_share_options options = {w.by_key, w.single, EVENTS_MAX, MEMBERS};
	memset(w.members, 0, sizeof w.members);
	memset(&w.group, 0, sizeof w.group);
	w.answers_made = w.answers_taken = 0;
	w.marks_on_way = 0;
	w.mark_refused = false;
	w.followed = w.durable = w.log_end;
	w.taken = w.marked = w.frontier;
	cr_assert_eq(wr_share_init(&share, &memory.base, &ports, &options), 0);
	share.lease_ns = LEASE_NS;
	wr_share_clock(&share, w.now_ns, w.append_ns);
	for (uint64_t seq = 1; seq < w.frontier; seq++) {
		const struct truth *t = &w.truth[seq];
		struct wr_share_event e = terms_of(seq);
		e.from = seq;
		e.place = t->place;
		e.not_before_ns = t->not_before_ns;
		e.generation = t->generation;
		e.attempts = t->attempts;
		e.dead = t->dead;
		e.parks = t->parked;
		if (t->out)
			wr_share_restore(&share, &e);
	}
	wr_share_give_up(&share, w.dead_letters ? ATTEMPTS : 0, w.dead_letters);
	share.parks = w.parks;
}

static void step(void)
{
	wr_share_clock(&share, w.now_ns, w.append_ns);
	(void)wr_share_step(&share, w.durable, w.followed);
}

/* Append time goes by half where it is ahead. */
static void pass_time(uint32_t ns)
{
	w.now_ns += ns;
	w.append_ns += w.seed % 6 == 1 ? ns / 2 : ns;
}

/* What goes is the oldest that nobody has. */
static void drop_some(void)
{
	struct wr_share_excess excess = {.events = below(3), .bytes = below(3)};
	uint32_t most = (uint32_t)(excess.events > excess.bytes ? excess.events : excess.bytes);
	uint32_t dead = share.in_state[WR_SHARE_DEAD], waiting = 0;
	wr_share_overflow(&share, &excess);
	CHECK(share.in_state[WR_SHARE_DEAD] <= dead + most);
	bool rest = excess.events > 0 || excess.bytes > 0;
	for (uint32_t at = share.oldest; at != WR_SHARE_NONE; at = share.events[at].after)
		waiting += share.events[at].state == WR_SHARE_READY ||
			   share.events[at].state == WR_SHARE_CARRIED ||
			   share.events[at].state == WR_SHARE_DELAYED;
	CHECK(!rest || waiting == 0);
}

/* Some event is to be copied further on. */
static void carry_one(void)
{
	uint32_t at = share.oldest;
	for (uint32_t n = below(8); n > 0 && at != WR_SHARE_NONE; n--)
		at = share.events[at].after;
	if (at == WR_SHARE_NONE || !has_room(&w.group) ||
	    !wr_share_may_carry(&share, &share.events[at]))
		return;
	say(&w.group, (struct said){.what = CARRY, .seq = share.events[at].seq});
	wr_share_carry(&share, &share.events[at]);
}

static void something_happens(void)
{
	uint32_t slot = below(MEMBERS), what = below(1040);
	if (what < 150)
		step();
	else if (what < 250)
		grant();
	else if (what < 330)
		take();
	else if (what < 450)
		decide(&w.group);
	else if (what < 560)
		decide(&w.members[slot].lane);
	else if (what < 660)
		follow_one();
	else if (what < 720)
		take_answer();
	else if (what < 850)
		member_says(slot, false);
	else if (what < 870)
		member_extends(slot);
	else if (what < 900)
		member_comes_or_goes(slot);
	else if (what < 910 && w.members[slot].joined)
		wr_share_pause(&share, slot, w.members[slot].paused = !w.members[slot].paused);
	else if (what < 950)
		w.durable +=
			w.durable < w.log_end ? 1 + below((uint32_t)(w.log_end - w.durable)) : 0;
	else if (what < 970)
		(void)end_parked(below((uint32_t)w.frontier), below(2) == 0);
	else if (what < 972)
		drop_some();
	else if (what < 998)
		pass_time(below(300));
	else if (what >= 1000)
		carry_one();
	else {
		wr_share_fini(&share, &memory.base);
		open_again();
	}
}

/* Nothing new comes; everybody is there and acknowledges; nothing is refused any more. */
static void come_to_rest(void)
{
	w.stops = true;
	for (uint32_t slot = 0; slot < MEMBERS; slot++) {
		struct member *m = &w.members[slot];
		for (uint32_t i = 0; i <= LANE_MAX && m->leaving; i++) {
			decide(&m->lane);
			if (m->lane.decided == m->lane.sent)
				member_comes_or_goes(slot);
			m->leaving = m->leaving && m->joined;
		}
		if (!m->joined)
			member_comes_or_goes(slot);
		wr_share_pause(&share, slot, m->paused = false);
	}
	for (uint32_t i = 0; i < 20000 && (w.frontier < SEQS || share.event_count > 0); i++) {
		pass_time(100);
		take();
		for (uint32_t slot = 0; slot < MEMBERS; slot++) {
			member_says(slot, true);
			decide(&w.members[slot].lane);
		}
		while (end_parked(0, i % 2 == 0))
			;
		while (w.group.decided < w.group.sent)
			decide(&w.group);
		while (w.followed < w.log_end)
			follow_one();
		while (w.answers_taken < w.answers_made)
			take_answer();
		w.durable = w.log_end;
		step();
		grant();
	}
	check_shape();
	CHECK(w.frontier == SEQS && share.event_count == 0);
	for (uint64_t seq = 1; seq < SEQS; seq++)
		CHECK(!is_event(seq) || (w.truth[seq].settled && !w.truth[seq].out));
}

static void live(uint64_t seed)
{
	memset(&w, 0, sizeof w);
	w.seed = seed;
	wr_prng_init(&w.prng, seed);
	w.by_key = seed % 2 == 0;
	w.single = seed % 5 == 0;
	w.overruns = seed % 4 == 3;
	w.dead_letters = seed % 3 != 0;
	w.parks = w.by_key && seed % 8 != 4;
	w.frontier = 1;
	wr_memory_sim_init(&memory, NULL);
	open_again();
	for (uint32_t i = 0; i < 15000; i++) {
		something_happens();
		if (i % 4 == 0)
			check_shape();
	}
	come_to_rest();
	wr_share_fini(&share, &memory.base);
	CHECK(memory.live_count == 0);
}

Test(share, everything_is_had_by_one_and_settled_once, .timeout = 120)
{
	uint64_t granted = 0, settled = 0, buried = 0, late = 0, missed = 0, parked = 0;
	uint64_t overflowed = 0, expired = 0, delayed = 0, urgent = 0, carried = 0;
	for (uint64_t seed = 1; seed <= 24; seed++) {
		live(seed);
		granted += w.granted;
		settled += w.settled;
		buried += w.buried;
		late += w.late;
		missed += w.missed;
		parked += w.parked;
		expired += w.expired;
		overflowed += w.overflowed;
		delayed += w.delayed;
		urgent += w.urgent;
		carried += w.carried;
	}
	live(143); /* parked, redriven and too many, before it is answered that it is parked */
	/* The worlds were worth it. */
	cr_expect_gt(granted, 20000);
	cr_expect_gt(settled, 20000);
	cr_expect_gt(buried, 200);
	cr_expect_gt(late, 500);
	cr_expect_gt(missed, 50);
	cr_expect_gt(expired, 200);
	cr_expect_gt(overflowed, 100);
	cr_expect_gt(delayed, 200);
	cr_expect_gt(urgent, 2000);
	cr_expect_gt(carried, 2000);
	cr_expect_gt(parked, 40, "%llu", (unsigned long long)parked);
}

/* Its bytes are whole, and no group has written it. */
Test(share, a_log_that_parks_what_is_in_no_order_is_survived)
{
	const struct wr_share_event events[] = {
		{.seq = 1, .from = 1, .generation = 2, .parks = true},
		{.seq = 2, .from = 2, .generation = 2, .key = 7, .parks = true},
		{.seq = 4, .from = 4, .generation = 2, .key = 7, .parks = true},
	};
	memset(&w, 0, sizeof w);
	wr_memory_sim_init(&memory, NULL);
	for (uint32_t by_key = 0; by_key < 2; by_key++) {
		w.by_key = by_key == 1;
		open_again();
		for (uint32_t i = 0; i < 3; i++)
			wr_share_restore(&share, &events[i]);
		cr_expect_eq(share.parked_count, 2 * by_key);
		cr_expect_eq(share.in_state[WR_SHARE_PARKED], by_key);
		cr_expect_eq(share.in_state[WR_SHARE_READY], 3 - 2 * by_key);
		wr_share_fini(&share, &memory.base);
	}
}
