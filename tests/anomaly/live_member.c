/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See live.h: a member, that acknowledges in order, out of order and all at once, commits, leaves
 * and joins again.
 */
#include <string.h>

#include "core/base/bytes.h"
#include "tests/anomaly/live.h"

#define SECOND_NS UINT64_C(1000000000)
#define ITEMS_MAX 32u

static struct history_op about(const struct live_member *m, enum history_f f, uint32_t topic,
			       uint32_t partition, uint64_t offset, uint32_t generation)
{
	return (struct history_op){.type = HISTORY_OK,
				   .f = (uint8_t)f,
				   .process = m->process,
				   .topic = topic,
				   .partition = partition,
				   .offset = offset,
				   .group = m->group + 1,
				   .generation = generation};
}

/* Where the generation begins: asked for before anything of it is acknowledged. */
static void say_start(struct live_member *m, const struct weir_item *item)
{
	struct live_row *row = &m->rows[item->topic][item->partition];
	struct weir_assignment a[LIVE_TOPICS * LIVE_PARTITIONS_MAX];

	if (row->generation == item->generation)
		return;
	*row = (struct live_row){.generation = item->generation};
	int count = weir_member_assignments(m->handle, a, LIVE_TOPICS * LIVE_PARTITIONS_MAX);
	for (int i = 0; i < count; i++) {
		if (a[i].topic != item->topic || a[i].partition != item->partition ||
		    a[i].generation != item->generation)
			continue;
		row->start = a[i].position;
		live_say(m->live->shared, about(m, HISTORY_ASSIGN, a[i].topic, a[i].partition,
						a[i].position, a[i].generation));
	}
}

static void take(struct live_member *m, const struct weir_item *item)
{
	struct history_op op = about(m, HISTORY_POLL, item->topic, item->partition, item->sequence,
				     item->generation);

	say_start(m, item);
	op.call = m->call;
	if (item->kind == WEIR_ITEM_GAP) {
		op.f = HISTORY_GAP;
		op.end = item->end_sequence;
	} else {
		op.value = item->payload_bytes >= 8 ? wr_get_u64(item->payload) : 0;
		op.key = item->key_bytes == 5 ? (uint64_t)(((const char *)item->key)[4] - '0') : 99;
		op.flags = (item->flags & WEIR_ITEM_REDELIVERED) != 0 ? HISTORY_REDELIVERED : 0;
	}
	live_say(m->live->shared, op);
	m->held[m->held_count++] = *item;
}

static bool poll(struct live_member *m)
{
	struct weir_item items[ITEMS_MAX];
	struct history_op op = {.f = HISTORY_POLL, .process = m->process, .group = m->group + 1};
	uint32_t room = LIVE_HELD_MAX - m->held_count;

	m->call = op.call = 1 + wr_add_relaxed(&m->live->shared->call_last, 1);
	live_say(m->live->shared, op);
	int count = weir_poll(m->handle, items,
			      1 + wr_prng_below(&m->prng, room < ITEMS_MAX ? room : ITEMS_MAX),
			      SECOND_NS / 500);
	if (count < 0) {
		live_fault(m->live->shared, "weir_poll: %s", weir_error_name(count));
		return false;
	}
	for (int i = 0; i < count; i++)
		take(m, &items[i]);
	if (count == 0) {
		op.type = HISTORY_OK;
		live_say(m->live->shared, op);
	}
	return true;
}

void live_say_ack(const struct live_member *m, const struct weir_item *item, enum history_type type)
{
	struct history_op op = about(m, HISTORY_ACK, item->topic, item->partition, item->sequence,
				     item->generation);

	op.type = (uint8_t)type;
	if (item->kind == WEIR_ITEM_EVENT)
		live_say(m->live->shared, op);
}

static void ack_some(struct live_member *m)
{
	uint64_t count = 1 + wr_prng_below(&m->prng, 8);

	while (count-- > 0 && m->held_count > 0) {
		uint32_t at = wr_prng_below(&m->prng, 10) < 7
				      ? 0
				      : (uint32_t)wr_prng_below(&m->prng, m->held_count);
		live_say_ack(m, &m->held[at], HISTORY_INVOKE);
		int rc = weir_ack(m->handle, &m->held[at]);
		if (rc != 0 && rc != WEIR_E_FENCED)
			live_fault(m->live->shared, "weir_ack: %s", weir_error_name(rc));
		live_say_ack(m, &m->held[at], rc == 0 ? HISTORY_OK : HISTORY_FAIL);
		m->held_count--;
		memmove(&m->held[at], &m->held[at + 1], (m->held_count - at) * sizeof m->held[0]);
	}
}

static void ack_all(struct live_member *m)
{
	/* After a rewind it would acknowledge what is about to come again. */
	if (m->held_count == 0)
		return;
	for (uint32_t i = 0; i < m->held_count; i++)
		live_say_ack(m, &m->held[i], HISTORY_INVOKE);
	(void)weir_ack_all(m->handle);
	m->held_count = 0;
}

static void commit(struct live_member *m)
{
	enum weir_level level =
		wr_prng_below(&m->prng, 2) == 0 ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_WRITTEN;
	struct weir_assignment a[LIVE_TOPICS * LIVE_PARTITIONS_MAX];
	int rc = weir_member_commit(m->handle, level, 60 * SECOND_NS);

	if (rc != 0 && rc != WEIR_E_FENCED)
		live_fault(m->live->shared, "weir_member_commit: %s", weir_error_name(rc));
	if (rc != 0)
		return;
	int count = weir_member_assignments(m->handle, a, LIVE_TOPICS * LIVE_PARTITIONS_MAX);
	for (int i = 0; i < count; i++) {
		const struct live_row *row = &m->rows[a[i].topic][a[i].partition];
		/* Where it began is promised by nobody. */
		if (row->generation != a[i].generation || row->start == a[i].position)
			continue;
		struct history_op op = about(m, HISTORY_COMMIT, a[i].topic, a[i].partition,
					     a[i].position, a[i].generation);
		op.level = (uint8_t)level;
		live_say(m->live->shared, op);
	}
}

static bool join(struct live_member *m)
{
	struct weir_problem problem = {0};

	m->process = 1 + wr_add_relaxed(&m->live->shared->process_last, 1);
	m->held_count = 0;
	memset(m->rows, 0, sizeof m->rows);
	int rc = weir_member_join(m->live->pipeline, m->live->groups[m->group], NULL, &m->handle,
				  &problem);
	if (rc != 0)
		live_fault(m->live->shared, "weir_member_join: %s %s", weir_error_name(rc),
			   problem.text);
	return rc == 0;
}

void *live_member(void *context)
{
	const struct live_thread *thread = context;
	struct live_member m = {.live = thread->live, .group = thread->index % LIVE_GROUPS};
	struct live_shared *shared = m.live->shared;

	wr_prng_init(&m.prng, m.live->plan->seed * 37 + thread->index);
	if (!join(&m))
		return NULL;
	while (wr_load_acquire(&m.live->stop_members) == 0 &&
	       wr_load_acquire(&shared->has_fault) == 0) {
		uint64_t what = wr_prng_below(&m.prng, 100);
		if (what < 55 && m.held_count < LIVE_HELD_MAX) {
			if (!poll(&m))
				break;
		} else if (what < 75) {
			ack_some(&m);
		} else if (what < 90) {
			ack_all(&m);
		} else if (what < 94) {
			commit(&m);
		} else if (what < 98) {
			live_transact(&m);
		} else if (thread->index >= LIVE_GROUPS) { /* a group always has one that stays */
			(void)weir_member_leave(m.handle, 60 * SECOND_NS);
			if (!join(&m))
				return NULL;
		}
	}
	ack_all(&m);
	(void)weir_member_leave(m.handle, 60 * SECOND_NS);
	return NULL;
}
