/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See live.h: a member's transactions: outputs, and some of what it holds, in one commit. What it
 * asks for is written down before it is handed over, since the log may have it from then on.
 */
#include <errno.h>
#include <string.h>

#include "core/base/bytes.h"
#include "tests/anomaly/live.h"

#define SECOND_NS UINT64_C(1000000000)
#define OUTPUTS_MAX 4u
#define ACKS_MAX 6u

struct transaction {
	uint64_t first, count; /* values */
	uint32_t call;
	enum weir_level level;
};

static void say_txn(const struct live_member *m, const struct transaction *t,
		    enum history_type type)
{
	live_say(m->live->shared,
		 (struct history_op){.type = (uint8_t)type,
				     .f = HISTORY_TXN,
				     .process = m->process,
				     .call = t->call,
				     .level = type == HISTORY_OK ? (uint8_t)t->level : 0});
}

/* Into the transaction, as far as that goes. */
static void say_sends(const struct live_member *m, const struct transaction *t,
		      enum history_type type)
{
	for (uint64_t i = 0; i < t->count; i++)
		live_say(m->live->shared,
			 (struct history_op){.type = (uint8_t)type,
					     .f = HISTORY_SEND,
					     .process = m->process,
					     .value = t->first + i,
					     .key = live_key_of(t->first + i),
					     .topic = LIVE_OUTPUTS,
					     .call = t->call,
					     .level = type == HISTORY_OK ? (uint8_t)t->level : 0,
					     .flags = t->count > 1 ? HISTORY_ATOMIC : 0});
}

static void say_rewind(const struct live_member *m)
{
	live_say(m->live->shared, (struct history_op){.type = HISTORY_OK,
						      .f = HISTORY_REWIND,
						      .process = m->process,
						      .group = m->group + 1});
}

static int add_outputs(struct live_member *m, const struct transaction *t)
{
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < t->count; i++) {
		uint8_t payload[64] = {0};
		char key[8];
		live_key_text(t->first + i, key);
		wr_put_u64(payload, t->first + i);
		const struct weir_event event = {.topic = m->live->topics[LIVE_OUTPUTS],
						 .key = key,
						 .key_bytes = strlen(key),
						 .payload = payload,
						 .payload_bytes = sizeof payload};
		rc = weir_transaction_publish(m->handle, &event);
	}
	return rc;
}

/* The first ones that it holds of the first one's partition: how many, put in front. */
static uint32_t add_acks(struct live_member *m)
{
	uint32_t count = 0, most = (uint32_t)wr_prng_below(&m->prng, ACKS_MAX + 1);

	for (uint32_t i = 0; i < m->held_count && count < most; i++) {
		const struct weir_item item = m->held[i];
		if (item.kind != WEIR_ITEM_EVENT || item.topic != m->held[0].topic ||
		    item.partition != m->held[0].partition ||
		    item.generation != m->held[0].generation)
			continue;
		if (weir_transaction_ack(m->handle, &item) != 0)
			break;
		memmove(&m->held[count + 1], &m->held[count], (i - count) * sizeof m->held[0]);
		m->held[count++] = item;
	}
	return count;
}

static void drop_first(struct live_member *m, uint32_t count)
{
	m->held_count -= count;
	memmove(m->held, m->held + count, m->held_count * sizeof m->held[0]);
}

/* What was refused has its items handed out again. */
static void await(struct live_member *m, const struct transaction *t, uint64_t ticket)
{
	struct weir_transaction_outcome outcome = {0};
	int rc = weir_transaction_wait(m->handle, ticket, t->level, 60 * SECOND_NS, &outcome);

	if (rc < 0 && outcome.code == 0) {
		live_fault(m->live->shared, "weir_transaction_wait: %s", weir_error_name(rc));
		return;
	}
	say_txn(m, t, outcome.code == 0 ? HISTORY_OK : HISTORY_FAIL);
	if (outcome.code == 0)
		return;
	if (outcome.code != WEIR_E_FENCED && outcome.code != WEIR_E_FULL)
		live_fault(m->live->shared, "a transaction: %s", weir_error_name(outcome.code));
	say_rewind(m);
	m->held_count = 0;
}

/* Given up: what it holds is as before, or comes again. */
static void abort_it(struct live_member *m)
{
	(void)weir_transaction_abort(m->handle);
	if (wr_prng_below(&m->prng, 2) == 0)
		return;
	say_rewind(m);
	int rc = weir_member_rewind(m->handle);
	if (rc != 0)
		live_fault(m->live->shared, "weir_member_rewind: %s", weir_error_name(rc));
	m->held_count = 0;
}

void live_transact(struct live_member *m)
{
	struct transaction t = {
		.count = 1 + wr_prng_below(&m->prng, OUTPUTS_MAX),
		.call = 1 + wr_add_relaxed(&m->live->shared->call_last, 1),
		.level = (enum weir_level)(WEIR_LEVEL_MEMORY + wr_prng_below(&m->prng, 3)),
	};
	uint64_t ticket;
	int rc = weir_transaction_begin(m->handle, 0, SECOND_NS);

	if (rc != 0) {
		if (rc != WEIR_E_FULL && rc != WEIR_E_NO_ROOM && rc != -ETIMEDOUT)
			live_fault(m->live->shared, "weir_transaction_begin: %s",
				   weir_error_name(rc));
		return;
	}
	t.first = LIVE_OUTPUT_VALUES + wr_add_relaxed(&m->live->shared->output_last, t.count);
	rc = add_outputs(m, &t);
	uint32_t acked = rc == 0 ? add_acks(m) : 0;
	if (rc != 0 || wr_prng_below(&m->prng, 6) == 0) {
		if (rc != 0)
			live_fault(m->live->shared, "weir_transaction_publish: %s",
				   weir_error_name(rc));
		abort_it(m);
		return;
	}
	for (uint32_t i = 0; i < acked; i++)
		live_say_ack(m, &m->held[i], HISTORY_INVOKE);
	say_txn(m, &t, HISTORY_INVOKE);
	say_sends(m, &t, HISTORY_INVOKE);
	say_sends(m, &t, HISTORY_OK);
	rc = weir_transaction_commit(m->handle, &ticket);
	if (rc != 0) {
		live_fault(m->live->shared, "weir_transaction_commit: %s", weir_error_name(rc));
		return;
	}
	drop_first(m, acked);
	await(m, &t, ticket);
}
