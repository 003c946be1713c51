/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues, in one seed of eight (of a swarm: of four): the second subscription, and sometimes the
 * third, are shared, with order KEY or NONE; the first one reads their dead letters. Their members
 * poll, acknowledge out of order, reject, extend leases or let them run out, come and go.
 */
#include <errno.h>

#include <weir/dead_letters.h>

#include "core/pipeline/control.h"
#include "core/record/share.h"
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 8u
#define SWARM_SEED_ONE_IN 4u
#define IN_FLIGHT_MAX 16u
#define MS_NS 1000000u
#define PARKED_ONE_IN 60u /* acts */
#define TERMS_ONE_IN 3u   /* have none */
#define DELAY_NS_MAX (8 * MS_NS)
#define LIVES_NS_MAX (60 * MS_NS)
#define LENGTH_MAX 40u
#define UNLIMITED_ONE_IN (2 * SWARM_SEED_ONE_IN) /* seeds: half of those with queues */
#define LENGTH_BYTES 500u
#define REFUSES_ONE_IN 4u /* seeds with queues */

static void draw_queue(struct world_queue *q, struct wr_prng *prng)
{
	static const uint64_t leases_ns[] = {2 * MS_NS, 20 * MS_NS, 200 * MS_NS, 3600000000000u};
	static const uint32_t attempts[] = {1, 2, 3, 0};

	q->order = wr_prng_below(prng, 3) == 0 ? WEIR_ORDER_NONE : WEIR_ORDER_KEY;
	q->outstanding_max = 4 + (uint32_t)wr_prng_below(prng, WORLD_OUTSTANDING - 4);
	q->single_active = wr_prng_below(prng, 4) == 0;
	q->lease_ns = leases_ns[wr_prng_below(prng, 4)];
	q->has_dead_letters = wr_prng_below(prng, 4) != 0;
	q->attempts_max = q->has_dead_letters ? attempts[wr_prng_below(prng, 4)] : 0;
	q->retry_delay_min_ns = wr_prng_below(prng, 3) * MS_NS;
	q->retry_delay_max_ns = q->retry_delay_min_ns * (1 + wr_prng_below(prng, 20));
}

static void draw_terms(struct world_queue *q, struct wr_prng *prng)
{
	if (wr_prng_below(prng, 3) == 0)
		q->delay_ns = wr_prng_below(prng, DELAY_NS_MAX);
	if (wr_prng_below(prng, 3) == 0)
		q->time_to_live_ns = MS_NS + wr_prng_below(prng, LIVES_NS_MAX);
}

static void draw_limits(struct world_queue *q, struct wr_prng *prng)
{
	q->priorities = q->order == WEIR_ORDER_NONE && wr_prng_below(prng, 3) != 0;
	if (wr_prng_below(prng, 2) == 0)
		q->length_max = 1 + wr_prng_below(prng, LENGTH_MAX);
	if (wr_prng_below(prng, 3) == 0)
		q->length_bytes_max = LENGTH_BYTES + wr_prng_below(prng, 20 * LENGTH_BYTES);
}

/* In histories only; a sequence of its own, too. */
static void draw_more(void)
{
	struct wr_prng prng;

	wr_prng_init(&prng, world.seed ^ 0x7e4a5);
	world.has_terms = world.history != NULL && wr_prng_below(&prng, TERMS_ONE_IN) != 0;
	for (uint32_t s = 0; world.history != NULL && s < WORLD_SUBSCRIPTIONS; s++) {
		struct world_queue *q = &world.queues[s];
		q->parks = q->order == WEIR_ORDER_KEY && q->has_dead_letters &&
			   wr_prng_below(&prng, 4) != 0;
		if (world.has_terms)
			draw_terms(q, &prng);
		if (!q->parks)
			continue;
		/* What is too old parks nothing. */
		q->time_to_live_ns = 0;
		q->attempts_max = 1 + (uint32_t)wr_prng_below(&prng, 2);
	}
	bool is_limited = world.history != NULL && world.seed % UNLIMITED_ONE_IN != 0;
	for (uint32_t s = 0; is_limited && s < WORLD_SUBSCRIPTIONS; s++) {
		if (world_is_queue(s))
			draw_limits(&world.queues[s], &prng);
		world.has_priorities = world.has_priorities || world.queues[s].priorities;
	}
}

/* Not in histories, nor with filters; and a sequence of its own again. One refuses for both. */
static void draw_refusal(void)
{
	struct wr_prng prng;
	struct world_queue *q = &world.queues[1];

	wr_prng_init(&prng, world.seed ^ 0x4ef05e);
	if (world.history != NULL || world.has_filters || wr_prng_below(&prng, REFUSES_ONE_IN) != 0)
		return;
	q->refuses = world.refuses = true;
	q->length_max = 1 + wr_prng_below(&prng, LENGTH_MAX);
}

/* From the event alone, however often it is published. */
void world_queues_event(uint64_t hash, struct weir_delivery *delivery, struct weir_event *event)
{
	struct wr_prng prng;

	wr_prng_init(&prng, hash);
	*delivery = (struct weir_delivery){0};
	if (world.has_terms && wr_prng_below(&prng, 6) == 0)
		delivery->delay_ns = wr_prng_below(&prng, DELAY_NS_MAX);
	if (world.has_terms && wr_prng_below(&prng, 6) == 0)
		delivery->time_to_live_ns = MS_NS + wr_prng_below(&prng, LIVES_NS_MAX);
	if (world.has_priorities && wr_prng_below(&prng, 2) == 0)
		delivery->priority = (uint8_t)(1 + wr_prng_below(&prng, WEIR_PRIORITY_MAX));
	if (delivery->delay_ns != 0 || delivery->time_to_live_ns != 0 || delivery->priority != 0)
		event->delivery = delivery;
}

/* A sequence of its own: the other seeds are what they were without. */
void world_queues_begin(void)
{
	struct wr_prng prng;

	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		world.queues[s] = (struct world_queue){.order = WEIR_ORDER_PARTITION};
	bool is_drawn = world.swarm.is_on ? world.seed % SWARM_SEED_ONE_IN == 0
					  : world.seed % SEED_ONE_IN == 4;
	world.has_queues = is_drawn && !world.memory_only;
	world.has_terms = world.has_priorities = world.refuses = false;
	if (!world.has_queues)
		return;
	wr_prng_init(&prng, world.seed ^ 0x40e0e);
	draw_queue(&world.queues[1], &prng);
	if (wr_prng_below(&prng, 2) == 0)
		draw_queue(&world.queues[WORLD_LATE], &prng);
	draw_more();
	draw_refusal();
}

void world_queue_options(uint32_t subscription, struct weir_subscription_options *o)
{
	const struct world_queue *q = &world.queues[subscription];

	if (!world_is_queue(subscription))
		return;
	o->order = q->order;
	o->outstanding_max = q->outstanding_max;
	o->single_active = q->single_active;
	o->lease_ns = q->lease_ns;
	o->attempts_max = q->attempts_max;
	o->retry_delay_min_ns = q->retry_delay_min_ns;
	o->retry_delay_max_ns = q->retry_delay_max_ns;
	o->dead_letters = q->has_dead_letters ? "dead" : NULL;
	o->delay_ns = q->delay_ns;
	o->time_to_live_ns = q->time_to_live_ns;
	o->priorities = q->priorities;
	o->length_max = q->length_max;
	o->length_bytes_max = q->length_bytes_max;
	o->when_long = q->refuses ? WEIR_LONG_REFUSE : WEIR_LONG_DROP;
	o->when_dead = q->parks ? WEIR_DEAD_PARK : WEIR_DEAD_PASS;
	o->when_slow = WEIR_SLOW_CATCH_UP;
	oracle.subscriptions[subscription].when_slow = WEIR_SLOW_CATCH_UP;
	oracle.subscriptions[subscription].may_gap = false;
}

uint32_t world_queues_draw(void)
{
	static const uint32_t subscriptions[] = {0, 1, 1, WORLD_LATE};

	uint32_t s = subscriptions[world_below(4)];
	/* Before it is asked for in this life a queue has no options of its own. */
	return world.queue_is_set[s] ? s : 0;
}

uint32_t world_queue_in_flight(void)
{
	/* At the end there may be thousands, and each round is a few microseconds. */
	return world.healing ? IN_FLIGHT_MAX : 1 + (uint32_t)world_below(IN_FLIGHT_MAX);
}

/* In place, as a job over the letters would have it (redrive_record.c): it begins anew. */
static int redrive_in_place(uint32_t s, uint64_t seq)
{
	_Alignas(8) uint8_t record[WR_RECORD_HEAD_BYTES + sizeof(struct wr_reject)];
	struct wr_reject redriven = {.seq = seq, .verdict = WR_VERDICT_REDRIVEN};
	struct wr_reply reply = {0};

	wr_control_write(record, WR_KIND_REJECT, s, 0, NULL, 0, &redriven, sizeof redriven);
	wr_control_lock(world.pipeline);
	int rc = wr_control_call(world.pipeline, record, ((struct wr_record *)record)->bytes,
				 &reply);
	wr_control_unlock(world.pipeline);
	return rc == WEIR_E_OUT_OF_SEQUENCE ? -ENOENT : rc;
}

static void end_parked(uint32_t s, uint64_t seq, bool redrives)
{
	int rc = redrives ? redrive_in_place(s, seq) : weir_parked_give_up(world.pipeline, s, seq);

	world_note(redrives ? "redrive" : "give up", seq, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || rc == -ENOENT || (rc == WEIR_E_FAILED && world_has_failed()),
		    "the end of what is parked", (uint64_t)-rc, seq);
}

void world_queues_act(void)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS && !world_is_dead(); s++) {
		uint64_t seq = world.queues[s].parks ? oracle_queue_parked(s) : 0;
		if (seq != 0 && world_one_in(PARKED_ONE_IN))
			end_parked(s, seq, world_one_in(2));
	}
}

void world_queues_drain(void)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		uint64_t seq = world.queues[s].parks ? oracle_queue_parked(s) : 0;
		if (seq != 0)
			end_parked(s, seq, (seq & 1) != 0);
	}
}

static void ack_some(struct world_member *m)
{
	uint64_t count = 1 + world_below(6);

	for (uint64_t i = 0; i < count && m->held_count > 0; i++) {
		uint32_t at = (uint32_t)world_below(m->held_count);
		if (world_member_ack(m, at))
			world_member_drop(m, at);
	}
}

static void reject(struct world_member *m)
{
	static const enum weir_verdict verdicts[] = {
		WEIR_VERDICT_RETRY,   WEIR_VERDICT_RETRY, WEIR_VERDICT_RETRY,
		WEIR_VERDICT_RELEASE, WEIR_VERDICT_RETRY, WEIR_VERDICT_DEAD,
	};
	bool has_dead_letters = world.queues[m->subscription].has_dead_letters;

	if (m->held_count == 0)
		return;
	uint32_t at = (uint32_t)world_below(m->held_count);
	struct weir_item item = m->held[at];
	uint64_t delay_ns = world_one_in(2) ? WEIR_DELAY_DEFAULT : world_below(20 * MS_NS);
	struct weir_rejection r = {
		.verdict = verdicts[world_below(has_dead_letters ? 6 : 5)],
		.reason = (uint32_t)item.sequence,
		.delay_ns = delay_ns,
		.text = world_one_in(2) ? "no such product" : NULL,
	};
	int rc = weir_reject(m->handle, &item, &r);
	world_note("reject", item.sequence, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || rc == WEIR_E_FENCED || rc == WEIR_E_AGAIN, "reject", (uint64_t)-rc,
		    item.sequence);
	if (rc == WEIR_E_AGAIN)
		return;
	world_member_drop(m, at);
	if (rc == WEIR_E_FENCED) {
		oracle_queue_fenced(m, &item);
		return;
	}
	if (delay_ns == WEIR_DELAY_DEFAULT)
		delay_ns = world.queues[m->subscription].retry_delay_min_ns / 2; /* by chance */
	oracle_queue_rejected(m, &item, r.verdict == WEIR_VERDICT_RETRY ? delay_ns : 0);
}

static void extend(struct world_member *m)
{
	if (m->held_count == 0)
		return;
	struct weir_item item = m->held[world_below(m->held_count)];
	uint64_t most_ns = 3 * wr_min_u64(world.queues[m->subscription].lease_ns, 3600000000000u);
	uint64_t lease_ns = world_one_in(6) ? 0 : world_below(most_ns);
	int rc = weir_extend(m->handle, &item, lease_ns);
	world_note("extend", item.sequence, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || rc == WEIR_E_FENCED || rc == WEIR_E_AGAIN, "extend", (uint64_t)-rc,
		    item.sequence);
	if (rc == 0)
		oracle_queue_extended(m, &item);
	else if (rc == WEIR_E_FENCED)
		oracle_queue_fenced(m, &item);
}

/* Long enough for a lease, or for a session. */
static void sleep_a_while(struct world_member *m)
{
	uint64_t lease_ns = world.queues[m->subscription].lease_ns;

	if (lease_ns <= 200 * MS_NS)
		world_jump(lease_ns + 1);
	else if (world_one_in(3))
		world_member_sleep(m);
}

void world_queue_act(struct world_member *m, bool may_block)
{
	uint64_t what = world_below(100);

	if (what < 45) {
		world_member_poll(m);
	} else if (what < 64) {
		ack_some(m);
	} else if (what < 72) {
		reject(m);
	} else if (what < 80) {
		extend(m);
	} else if (what < 91) {
		world_member_commit(m, may_block);
	} else if (what < 93) {
		oracle_check_lent(m);
		m->lent_count = 0;
		weir_release(m->handle);
	} else if (what < 97) {
		if (may_block && world_one_in(2))
			world_member_leave(m);
	} else {
		sleep_a_while(m);
	}
}
