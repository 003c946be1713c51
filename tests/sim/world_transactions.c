/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions, in one seed of four: members of partitions publish, and acknowledge what they hold,
 * in one run; several are on their way; some have an output that must be refused, some are given
 * up, some come when the partition is another's. What is told of each has to be what the log says.
 */
#include <errno.h>
#include <string.h>

#include "core/pipeline/transaction.h"
#include "tests/sim/oracle.h"

#define OUTPUTS_MAX 4u
#define ACKS_MAX 6u
#define NO_TOPIC 77u
#define PROGRESS_BYTES 64u

/* A sequence of its own: the other seeds are what they were without. */
void world_transactions_begin(void)
{
	world.has_transactions = world.seed % 4 == 1;
	world.txn_sources = 0;
	wr_prng_init(&world.txn_prng, world.seed ^ 0x7a95);
}

static uint64_t below(uint64_t bound)
{
	return wr_prng_below(&world.txn_prng, bound);
}

/* --- what became of them ---------------------------------------------------------------------- */

/* L9, as of a producer. */
static void check_what_it_rests_on(const struct world_txn *t, enum weir_level level)
{
	struct wr_journal_link *link = &world.pipeline->link;
	uint64_t safe_seq = level == WEIR_LEVEL_DURABLE   ? wr_load_acquire(&link->durable_seq)
			    : level == WEIR_LEVEL_WRITTEN ? wr_load_acquire(&link->written_seq)
							  : UINT64_MAX;

	world_check(t->rests_on <= safe_seq, "a refusal before what it rests on is durable",
		    t->rests_on, safe_seq);
}

static void taken(struct world_member *m, const struct world_txn *t,
		  const struct weir_transaction_outcome *outcome)
{
	const struct oracle_source *s = &oracle.sources[m->txn_source];

	world_check(!t->is_bad, "a transaction that must be refused was taken", m->txn_source,
		    t->first_k);
	world_promised(m->txn_source, t->last_k, m->txn_level);
	world_check(outcome->sequence == s->seq_of[t->first_k],
		    "a transaction stands elsewhere than was told", outcome->sequence,
		    s->seq_of[t->first_k]);
	world_sometimes(SOMETIMES_TXN);
}

static void refused(struct world_member *m, const struct world_txn *t,
		    const struct weir_transaction_outcome *outcome)
{
	const struct oracle_source *s = &oracle.sources[m->txn_source];
	int code = outcome->code;

	if (code == WEIR_E_FAILED) {
		world_check(world_has_failed(), "unknown, and nothing had failed", t->ticket, 0);
		m->txn_refusals++; /* it may have been, for all that its member knows */
		return;
	}
	check_what_it_rests_on(t, m->txn_level);
	for (uint32_t k = t->first_k; k <= t->last_k; k++)
		world_check(s->seq_of[k] == 0, "an output of a refused transaction is in the log",
			    m->txn_source, k);
	if (code == WEIR_E_OUT_OF_SEQUENCE) {
		world_check(m->txn_refusals > 0, "refused behind one that was taken", t->ticket,
			    t->first_k);
		world_sometimes(SOMETIMES_TXN_BEHIND);
	} else if (code == WEIR_E_FENCED) {
		world_sometimes(SOMETIMES_TXN_FENCED);
	} else if (code != WEIR_E_FULL) {
		world_check(t->is_bad && (code == WEIR_E_CONFLICT || code == WEIR_E_UNKNOWN_NAME),
			    "a transaction was refused without a reason", t->ticket,
			    (uint64_t)-code);
		world_check(outcome->refused == t->last_k - t->first_k,
			    "another output is told to be refused", outcome->refused,
			    t->last_k - t->first_k);
		world_sometimes(SOMETIMES_TXN_REFUSED);
	}
	m->txn_refusals++;
}

static void take_outcomes(struct world_member *m)
{
	struct weir_transaction_outcome outcome;

	while (m->txn_first != m->txn_end) {
		const struct world_txn *t = &m->txns[m->txn_first % WORLD_TXNS];
		int rc = weir_transaction_next(m->handle, m->txn_level, &outcome);
		world_check(rc == 0 || rc == 1, "transaction_next", (uint64_t)-rc, 0);
		if (rc == 0)
			return;
		world_check(outcome.ticket == t->ticket, "outcomes out of order", outcome.ticket,
			    t->ticket);
		world_note("outcome", outcome.ticket, (uint64_t)(uint32_t)outcome.code);
		world_say_txn(m, t,
			      outcome.code == 0               ? HISTORY_OK
			      : outcome.code == WEIR_E_FAILED ? HISTORY_INFO
							      : HISTORY_FAIL);
		if (outcome.code == 0)
			taken(m, t, &outcome);
		else
			refused(m, t, &outcome);
		m->txn_first++;
	}
}

bool world_member_may_go_back(const struct world_member *m)
{
	return m->txn_refusals > 0 || m->txn_first != m->txn_end;
}

/* --- one more --------------------------------------------------------------------------------- */

/* Its outputs; the last one of a bad one is what the writer refuses. False: no room. */
static bool add_outputs(struct world_member *m, struct world_txn *t, uint32_t count)
{
	struct wr_transactions *own = m->handle->transactions;

	t->first_k = m->txn_next_k;
	for (uint32_t i = 0; i < count; i++) {
		struct weir_event event;
		bool bad = t->is_bad && i + 1 == count;
		t->last_k = t->first_k + i;
		world_event(m->txn_source, t->last_k, &event);
		bool conflicts =
			bad && event.key != NULL && event.topic == world.topics[WORLD_VERSIONED];
		if (conflicts)
			event.expected_version = ORACLE_RECORDS_MAX;
		uint8_t *at = own->to + WR_RECORD_HEAD_BYTES + PROGRESS_BYTES + own->used;
		int rc = weir_transaction_publish(m->handle, &event);
		world_check(rc == 0 || rc == WEIR_E_TOO_BIG, "transaction_publish", (uint64_t)-rc,
			    t->last_k);
		if (rc != 0)
			return false;
		if (bad && !conflicts)
			((struct wr_record *)at)->topic = NO_TOPIC;
	}
	return true;
}

/* Held ones of the first one's partition, in their order; which of them, in `acked`. */
static uint32_t add_acks(struct world_member *m, uint32_t *acked)
{
	uint32_t count = 0, most = 1 + (uint32_t)below(ACKS_MAX);

	for (uint32_t i = 0; i < m->held_count && count < most; i++) {
		const struct weir_item *item = &m->held[i];
		if (item->partition != m->held[0].partition || item->topic != m->held[0].topic ||
		    item->generation != m->held[0].generation)
			continue;
		int rc = weir_transaction_ack(m->handle, item);
		/* What it was handed again, or what is another's. */
		world_check(rc == 0 || rc == WEIR_E_FENCED || rc == WEIR_E_TOO_BIG ||
				    (rc == -EINVAL && world_member_may_go_back(m)),
			    "transaction_ack", (uint64_t)-rc, item->sequence);
		if (rc != 0)
			break;
		acked[count++] = i;
	}
	return count;
}

static void hand_over(struct world_member *m, struct world_txn *t, const uint32_t *acked,
		      uint32_t acked_count)
{
	struct oracle_source *s = &oracle.sources[m->txn_source];

	for (uint32_t i = 0; i < acked_count; i++) {
		world_say_ack(m, &m->held[acked[i]], 0);
		oracle_acked(m, &m->held[acked[i]]);
	}
	for (uint32_t i = acked_count; i-- > 0;)
		world_member_drop(m, acked[i]);
	for (uint32_t k = t->first_k; k <= t->last_k; k++) {
		s->run_first[k] = (uint16_t)t->first_k;
		s->run_last[k] = (uint16_t)t->last_k;
		s->run_settles[k] = m->handle->transactions->part_count > 0;
		s->run_of[k] = (uint8_t)m->subscription;
	}
	m->txn_next_k = t->last_k + 1;
	m->txns[m->txn_end++ % WORLD_TXNS] = *t;
	world_say_txn(m, t, HISTORY_INVOKE);
}

static void transact(struct world_member *m)
{
	uint32_t acked[ACKS_MAX], acked_count = 0;
	struct world_txn t = {
		.call = ++world.call_last,
		.rests_on = wr_writer_visible_seq(&world.pipeline->writer),
		.is_bad = below(5) == 0,
	};
	int rc = weir_transaction_begin(m->handle, 0, 0);
	world_check(rc == 0 || rc == WEIR_E_AGAIN || rc == WEIR_E_FULL || rc == WEIR_E_NO_ROOM ||
			    (rc == WEIR_E_FAILED && world_has_failed()) || rc == WEIR_E_CLOSED,
		    "transaction_begin", (uint64_t)-rc, 0);
	if (rc != 0)
		return;
	bool good = add_outputs(m, &t, 1 + (uint32_t)below(OUTPUTS_MAX));
	if (good && below(5) != 0)
		acked_count = add_acks(m, acked);
	rc = good && below(8) != 0 ? weir_transaction_commit(m->handle, &t.ticket) : -EINVAL;
	world_note("transaction", t.first_k, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || rc == -EINVAL || rc == WEIR_E_OUT_OF_SEQUENCE ||
			    (rc == WEIR_E_FAILED && world_has_failed()),
		    "transaction_commit", (uint64_t)-rc, 0);
	if (rc == 0) {
		hand_over(m, &t, acked, acked_count);
		return;
	}
	world_check(weir_transaction_abort(m->handle) == 0, "abort", 0, 0);
	world_sometimes(SOMETIMES_ABORTED);
}

static bool has_room(const struct world_member *m)
{
	return m->txn_end - m->txn_first < WORLD_TXNS &&
	       m->txn_next_k + OUTPUTS_MAX < ORACLE_KS_MAX;
}

bool world_transactions_act(struct world_member *m)
{
	if (!world.has_transactions || world.healing || below(3) != 0)
		return false;
	if (m->txn_level == WEIR_LEVEL_DEFAULT) {
		if (world.txn_sources == WORLD_TXN_SOURCES ||
		    oracle.source_count + WORLD_PRODUCERS >= ORACLE_SOURCES_MAX)
			return false;
		world.txn_sources++;
		m->txn_source = oracle_source_new(false);
		oracle.sources[m->txn_source].has_runs = true;
		m->txn_next_k = 1;
		m->txn_level =
			(enum weir_level)(WEIR_LEVEL_MEMORY + below(world.memory_only ? 1 : 3));
	}
	take_outcomes(m);
	for (bool again = true; again && has_room(m);) {
		transact(m);
		/* Behind one that will be refused, before anybody is told. */
		again = world_hurries() && m->txn_end != m->txn_first && below(2) == 0 &&
			m->txns[(m->txn_end - 1) % WORLD_TXNS].is_bad;
	}
	return true;
}
