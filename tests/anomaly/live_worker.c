/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See live.h: a worker takes from a queue, settles in any order, fails, gives back, sleeps over its
 * leases, leaves and joins again. Some events nobody can process: they end in the dead letters,
 * which the parent finds in the journal.
 */
#include <string.h>
#include <time.h>

#include "core/base/bytes.h"
#include "core/pipeline/sharing.h"
#include "tests/anomaly/live.h"

#define SECOND_NS UINT64_C(1000000000)
#define ITEMS_MAX 8u
#define HELD_MAX 32u
#define ACKED_MAX 256u
#define POISON_EVERY 41u
#define LONG_NAP_NS 45000000

struct worker {
	struct live *live;
	struct weir_member *handle;
	struct wr_prng prng;
	uint32_t group, process, call;
	uint32_t held_count, acked_count;
	struct weir_item held[HELD_MAX];
	struct weir_item acked[ACKED_MAX]; /* since the last commit */
};

static struct history_op about(const struct worker *w, const struct weir_item *item,
			       enum history_type type, enum history_f f)
{
	return (struct history_op){.type = (uint8_t)type,
				   .f = (uint8_t)f,
				   .process = w->process,
				   .topic = item->topic,
				   .partition = item->partition,
				   .offset = item->sequence,
				   .group = w->group + 1,
				   .generation = item->generation};
}

static void drop(struct worker *w, uint32_t at)
{
	w->held_count--;
	memmove(&w->held[at], &w->held[at + 1], (w->held_count - at) * sizeof w->held[0]);
}

/* Until when it is nobody else's: as the library has it, whose clock is that of the history. */
static void take(struct worker *w, const struct weir_item *item)
{
	struct history_op op = about(w, item, HISTORY_OK, HISTORY_POLL);
	const struct wr_in_hand *held = wr_hand_find(w->handle->sharing, item->sequence);

	op.call = w->call;
	if (item->kind != WEIR_ITEM_EVENT) {
		live_fault(w->live->shared, "a queue has a gap");
		return;
	}
	op.value = item->payload_bytes >= 8 ? wr_get_u64(item->payload) : 0;
	op.key = live_key_of(op.value);
	op.flags = (item->flags & WEIR_ITEM_REDELIVERED) != 0 ? HISTORY_REDELIVERED : 0;
	op.end = held != NULL ? held->due_ns : 0;
	live_say(w->live->shared, op);
	w->held[w->held_count++] = *item;
}

static bool poll(struct worker *w)
{
	struct weir_item items[ITEMS_MAX];
	struct history_op op = {.f = HISTORY_POLL, .process = w->process, .group = w->group + 1};
	uint32_t room = HELD_MAX - w->held_count;

	w->call = op.call = 1 + wr_add_relaxed(&w->live->shared->call_last, 1);
	live_say(w->live->shared, op);
	int count = weir_poll(w->handle, items,
			      1 + wr_prng_below(&w->prng, room < ITEMS_MAX ? room : ITEMS_MAX),
			      SECOND_NS / 500);
	if (count < 0) {
		live_fault(w->live->shared, "weir_poll: %s", weir_error_name(count));
		return false;
	}
	for (int i = 0; i < count; i++)
		take(w, &items[i]);
	if (count == 0) {
		op.type = HISTORY_OK;
		live_say(w->live->shared, op);
	}
	return true;
}

/* Whether that counts the log says: a commit tells. */
static void ack(struct worker *w, uint32_t at)
{
	const struct weir_item item = w->held[at];

	live_say(w->live->shared, about(w, &item, HISTORY_INVOKE, HISTORY_ACK));
	int rc = weir_ack(w->handle, &item);
	if (rc == 0 && w->acked_count < ACKED_MAX)
		w->acked[w->acked_count++] = item;
	if (rc != 0)
		live_say(w->live->shared, about(w, &item, HISTORY_FAIL, HISTORY_ACK));
	if (rc != 0 && rc != WEIR_E_FENCED && rc != WEIR_E_AGAIN)
		live_fault(w->live->shared, "weir_ack: %s", weir_error_name(rc));
	if (rc != WEIR_E_AGAIN)
		drop(w, at);
}

/* It may be another's before the call is back: so that is written down first. */
static void reject(struct worker *w, uint32_t at, enum weir_verdict verdict)
{
	const struct weir_item item = w->held[at];
	const struct weir_rejection rejection = {
		.verdict = verdict, .reason = 7, .delay_ns = WEIR_DELAY_DEFAULT};
	struct history_op op = about(w, &item, HISTORY_OK, HISTORY_RELEASE);

	op.generation = 0;
	live_say(w->live->shared, op);
	int rc = weir_reject(w->handle, &item, &rejection);
	if (rc != 0 && rc != WEIR_E_FENCED && rc != WEIR_E_AGAIN)
		live_fault(w->live->shared, "weir_reject: %s", weir_error_name(rc));
	if (rc != WEIR_E_AGAIN)
		drop(w, at);
}

static void work(struct worker *w)
{
	uint64_t count = 1 + wr_prng_below(&w->prng, 6);

	while (count-- > 0 && w->held_count > 0) {
		uint32_t at = (uint32_t)wr_prng_below(&w->prng, w->held_count);
		uint64_t what = wr_prng_below(&w->prng, 100);
		bool is_poison = w->group == LIVE_JOBS && w->held[at].sequence % POISON_EVERY == 0;
		if (is_poison || what < 6)
			reject(w, at, WEIR_VERDICT_RETRY);
		else if (what < 10)
			reject(w, at, WEIR_VERDICT_RELEASE);
		else if (what < 11 && w->group == LIVE_JOBS)
			reject(w, at, WEIR_VERDICT_DEAD);
		else
			ack(w, at);
	}
}

static void commit(struct worker *w)
{
	enum weir_level level =
		wr_prng_below(&w->prng, 2) == 0 ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_WRITTEN;
	int rc = weir_member_commit(w->handle, level, 60 * SECOND_NS);

	if (rc != 0 && rc != WEIR_E_FENCED)
		live_fault(w->live->shared, "weir_member_commit: %s", weir_error_name(rc));
	for (uint32_t i = 0; rc == 0 && i < w->acked_count; i++) {
		struct history_op op = about(w, &w->acked[i], HISTORY_OK, HISTORY_ACK);
		op.generation = 0;
		op.level = (uint8_t)level;
		live_say(w->live->shared, op);
	}
	w->acked_count = 0; /* fenced: some of them do not count, and nobody says which */
}

static bool join(struct worker *w)
{
	struct weir_problem problem = {0};

	w->process = 1 + wr_add_relaxed(&w->live->shared->process_last, 1);
	w->held_count = w->acked_count = 0;
	int rc = weir_member_join(w->live->pipeline, w->live->groups[w->group], NULL, &w->handle,
				  &problem);
	if (rc != 0)
		live_fault(w->live->shared, "weir_member_join: %s %s", weir_error_name(rc),
			   problem.text);
	return rc == 0;
}

static void leave(struct worker *w)
{
	live_say(w->live->shared, (struct history_op){.type = HISTORY_OK,
						      .f = HISTORY_LEAVE,
						      .process = w->process,
						      .group = w->group + 1});
	(void)weir_member_leave(w->handle, 60 * SECOND_NS);
}

static void sleep_over_leases(void)
{
	const struct timespec nap = {.tv_nsec = LONG_NAP_NS};
	(void)nanosleep(&nap, NULL);
}

void *live_worker(void *context)
{
	const struct live_thread *thread = context;
	struct worker w = {.live = thread->live,
			   .group = thread->index % 2 == 0 ? LIVE_JOBS : LIVE_TASKS};
	struct live_shared *shared = w.live->shared;

	wr_prng_init(&w.prng, w.live->plan->seed * 41 + thread->index);
	if (!join(&w))
		return NULL;
	while (wr_load_acquire(&w.live->stop_members) == 0 &&
	       wr_load_acquire(&shared->has_fault) == 0) {
		uint64_t what = wr_prng_below(&w.prng, 200);
		if (what < 100 && w.held_count < HELD_MAX) {
			if (!poll(&w))
				break;
		} else if (what < 170) {
			work(&w);
		} else if (what < 196) {
			commit(&w);
		} else if (what < 198) {
			sleep_over_leases();
		} else {
			leave(&w);
			if (!join(&w))
				return NULL;
		}
	}
	leave(&w);
	return NULL;
}
