/* SPDX-License-Identifier: Apache-2.0 */
/* See everything.h: the members of the five groups, and the sums. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/everything_threads.h"
#include "bench/harness.h"
#include "core/base/bits.h"

#define POLLED 512
#define OUTPUT_BYTES 128u
#define WAIT_NS 2000000u
#define STALL_NS 20000000000ull

struct output {
	uint64_t number;
	uint8_t rest[OUTPUT_BYTES - 8];
};

/* ---- what a group does with what it was handed ---- */

static int plain(struct everything *e, struct everything_member *m, const struct weir_item *items,
		 uint32_t count)
{
	int rc = 0;

	(void)e;
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		m->sum += everything_number(&items[i]);
		rc = weir_ack(m->member, &items[i]);
	}
	m->handled += count;
	return rc;
}

static int take_outcomes(struct everything *e, struct weir_member *member)
{
	struct weir_transaction_outcome outcome;
	int rc;

	while ((rc = weir_transaction_next(member, WEIR_LEVEL_DURABLE, &outcome)) == 1) {
		if (outcome.code != 0)
			return outcome.code;
		e->told++;
	}
	return rc;
}

/* An output for each, and the acknowledgements, in one transaction. */
static int transact(struct everything *e, struct everything_member *m,
		    const struct weir_item *items, uint32_t count)
{
	struct output output = {.number = 0};
	struct weir_event event = {
		.topic = e->out, .payload = &output, .payload_bytes = sizeof output};
	int rc = take_outcomes(e, m->member);

	if (rc == 0)
		rc = weir_transaction_begin(m->member, 0, WEIR_FOREVER);
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		output.number = everything_number(&items[i]);
		event.key = items[i].key;
		event.key_bytes = items[i].key_bytes;
		rc = weir_transaction_publish(m->member, &event);
		if (rc == 0)
			rc = weir_transaction_ack(m->member, &items[i]);
		m->sum += output.number;
	}
	if (rc == 0)
		rc = weir_transaction_commit(m->member, NULL);
	e->begun += rc == 0 ? 1 : 0;
	m->handled += count;
	return rc;
}

/* A thousandth fails at its first attempt. */
static int queue(struct everything *e, struct everything_member *m, const struct weir_item *items,
		 uint32_t count)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		uint64_t number = everything_number(&items[i]);
		if (number % EVERYTHING_EACH == 7 && items[i].attempts == 1) {
			e->failures++;
			rc = weir_reject(m->member, &items[i], NULL);
			continue;
		}
		m->sum += number;
		m->handled++;
		rc = weir_ack(m->member, &items[i]);
	}
	return rc;
}

typedef int handle_fn(struct everything *e, struct everything_member *m,
		      const struct weir_item *items, uint32_t count);

static int poll_group(struct everything *e, uint32_t group, uint64_t timeout_ns)
{
	static handle_fn *const handle[EVERYTHING_GROUPS] = {plain, plain, plain, transact, queue};
	static struct weir_item items[POLLED]; /* one thread polls */
	struct everything_member *m = &e->members[group];

	int count = weir_poll(m->member, items, POLLED, timeout_ns);
	if (count <= 0)
		return count;
	int rc = handle[group](e, m, items, (uint32_t)count);
	return rc != 0 ? rc : count;
}

/* ---- the thread ---- */

static void tell_slowest(struct everything *e)
{
	uint64_t slowest = UINT64_MAX;

	for (uint32_t i = 0; i < EVERYTHING_GROUPS; i++)
		slowest = wr_min_u64(slowest, e->members[i].handled);
	wr_store_release(&e->slowest, slowest);
}

/* One poll of each; what they handed out, or a code. */
static int poll_all(struct everything *e)
{
	int any = 0;

	for (uint32_t i = 0; i < EVERYTHING_GROUPS; i++) {
		int count = poll_group(e, i, 0);
		if (count < 0)
			return count;
		any += count;
	}
	tell_slowest(e);
	return any;
}

static int handle_all(struct everything *e)
{
	uint64_t idle_ns = 0;

	while (wr_load_relaxed(&e->slowest) < e->settings->events) { /* own */
		int any = poll_all(e);
		if (any == 0) {
			/* Whoever is behind all the others is who waits. */
			uint32_t group = 0;
			for (uint32_t i = 1; i < EVERYTHING_GROUPS; i++)
				if (e->members[i].handled < e->members[group].handled)
					group = i;
			any = poll_group(e, group, WAIT_NS);
			idle_ns += WAIT_NS;
		}
		if (any < 0)
			return any;
		if (any > 0)
			idle_ns = 0;
		if (wr_load_acquire(&e->stop) != 0)
			return -ECANCELED;
		if (idle_ns > STALL_NS)
			return -ETIMEDOUT;
	}
	return 0;
}

static int settle_all(struct everything *e)
{
	struct weir_member *member = e->members[EVERYTHING_TRANSACTIONS].member;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < EVERYTHING_GROUPS; i++)
		rc = weir_member_commit(e->members[i].member, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	if (rc == 0)
		rc = take_outcomes(e, member);
	return rc == 0 && e->told != e->begun ? -EPROTO : rc;
}

void *everything_consume(void *everything)
{
	struct everything *e = everything;
	int rc = handle_all(e);

	if (rc == 0)
		rc = settle_all(e);
	if (rc != 0 && rc != -ECANCELED)
		(void)everything_fail(e, rc, "handling");
	e->code = rc;
	return NULL;
}

/* ---- the sums ---- */

static int wrong(struct everything *e, const char *what, uint64_t is, uint64_t should)
{
	if (is == should)
		return 0;
	e->problem->code = -EPROTO;
	(void)snprintf(e->problem->field, sizeof e->problem->field, "sums");
	(void)snprintf(e->problem->text, sizeof e->problem->text,
		       "%s: %" PRIu64 ", and it should be %" PRIu64, what, is, should);
	return -EPROTO;
}

/* How many numbers below `events` are `rest` of a thousand. */
static uint64_t of_each(uint64_t events, uint64_t rest)
{
	return (events + EVERYTHING_EACH - 1 - rest) / EVERYTHING_EACH;
}

/* The group's thread counts what it has looked at: it may be a moment behind. */
static int check_lag(struct everything *e, uint32_t subscription, const char *what, uint64_t should)
{
	uint64_t until_ns = bench_now_ns() + STALL_NS;
	struct weir_lag lag = {.events = 0};
	int rc;

	while ((rc = weir_lag(e->pipeline, subscription, &lag)) == 0 &&
	       (lag.events != should || !lag.exact) && bench_now_ns() < until_ns)
		bench_sleep_ns(WAIT_NS);
	return rc != 0 ? rc : wrong(e, what, lag.events, should);
}

/* Every output once; read back from the log. */
static int check_outputs(struct everything *e)
{
	struct weir_item items[POLLED];
	struct weir_member *member = NULL;
	uint64_t events = e->settings->events, seen = 0, sum = 0;
	int count = weir_member_join(e->pipeline, e->check, NULL, &member, e->problem);

	while (count >= 0 && seen <= events) {
		count = weir_poll(member, items, POLLED, seen < events ? STALL_NS : 10000000u);
		if (count == 0)
			break;
		for (int i = 0; i < count; i++, seen++) {
			uint64_t number;
			memcpy(&number, items[i].payload, sizeof number);
			sum += number;
		}
	}
	(void)weir_member_leave(member, WEIR_FOREVER);
	if (count < 0)
		return count;
	int rc = wrong(e, "outputs", seen, events);
	return rc != 0 ? rc : wrong(e, "the sum of the outputs", sum, events * (events - 1) / 2);
}

int everything_check(struct everything *e, const struct everything_round *round)
{
	uint64_t events = e->settings->events, sum = events * (events - 1) / 2;
	int rc = wrong(e, "duplicates refused", round->duplicates, of_each(events, 500));

	if (rc == 0)
		rc = wrong(e, "failures", round->failures, of_each(events, 7));
	for (uint32_t i = 0; rc == 0 && i < EVERYTHING_GROUPS; i++) {
		rc = wrong(e, "events of a group", e->members[i].handled, events);
		if (rc == 0)
			rc = wrong(e, "the sum of a group", e->members[i].sum, sum);
		if (rc == 0)
			rc = check_lag(e, e->groups[i], "lag of a group", 0);
	}
	uint64_t turns = of_each(events, 3);
	for (uint32_t i = 0; rc == 0 && i < EVERYTHING_RARE; i++)
		rc = check_lag(e, e->rare[i], "events of a filter that wants few",
			       (turns + EVERYTHING_RARE - 1 - i) / EVERYTHING_RARE);
	return rc == 0 ? check_outputs(e) : rc;
}
