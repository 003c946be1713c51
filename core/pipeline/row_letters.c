/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dead letters of partitions, by the group step: the letter and the progress over its event, under
 * its owner's generation, are one run of the group's lane, which has room for the largest event. So
 * who has lost the partition meanwhile buries nothing.
 *
 * And what an open after a crash says before anything is handed out (core/log/attempts.h): or who
 * dies each time at once would die for the first time, each time.
 */
#include <errno.h>

#include "core/pipeline/group_step.h"
#include "core/pipeline/retry.h"
#include "core/pipeline/sharing.h"

#define ROOM_RETRY_NS 1000000u

/* ---- letters ---- */

static uint32_t row_in_tables(const struct wr_subscription_live *live, uint32_t row)
{
	return live->pipeline->tables.catalog.subscriptions[live->id].row_first + row;
}

static void set_state(struct wr_subscription_live *live, struct wr_row_letter *letter,
		      enum wr_row_letter_state state)
{
	live->failures.wanted_count += state == WR_ROW_LETTER_WANTED ? 1 : 0;
	live->failures.wanted_count -= letter->state == WR_ROW_LETTER_WANTED ? 1 : 0;
	letter->state = state;
}

void wr_row_letter_asked(struct wr_subscription_live *live, uint32_t row, uint32_t generation,
			 uint64_t seq, uint32_t slot)
{
	struct wr_row_letter *letter = &live->failures.letters[row];
	if (letter->state == WR_ROW_LETTER_ON_WAY) {
		/* Of an owner before: it is fenced, or the event is not there to be buried. */
		letter->again = true;
	} else {
		set_state(live, letter, WR_ROW_LETTER_WANTED);
	}
	letter->seq = seq;
	letter->generation = generation;
	letter->slot = slot;
}

/* False: nothing more can be handed over now. */
static bool write_letter(struct wr_subscription_live *live, uint32_t row, uint64_t now_ns)
{
	struct weir_pipeline *p = live->pipeline;
	struct wr_row_letter *letter = &live->failures.letters[row];
	struct wr_settle_row *settle = &p->tables.settle.rows[row_in_tables(live, row)];
	struct wr_attempts_entry e;
	uint64_t position = wr_load_relaxed(&settle->position);
	wr_attempts_read(&p->tables.attempts, &p->tables.settle, row_in_tables(live, row), &e);
	if (wr_load_relaxed(&settle->generation) != letter->generation || position > letter->seq) {
		set_state(live, letter, WR_ROW_LETTER_NONE);
		return true;
	}
	uint32_t attempts_max = wr_load_relaxed(&live->failures.attempts_max);
	bool dead = e.dead || e.expired || (attempts_max != 0 && e.attempts >= attempts_max);
	/* Else what the member said last is not decided yet, and would be refused behind it. */
	if (e.seq != letter->seq || !dead)
		return true;
	const struct wr_share_event event = {
		.seq = e.seq,
		.reject_seq = e.said_seq,
		.first_failed_us = e.first_failed_us,
		.last_failed_us = e.last_failed_us,
		.attempts = e.attempts,
		.reason = e.reason,
		.dead = e.dead,
		.expired = e.expired,
	};
	const struct wr_control_progress progress = {
		.generation = letter->generation,
		.from = position,
		.to = e.seq + 1,
		.events = 1,
	};
	const struct wr_burial burial = {
		.live = live,
		.event = &event,
		.progress = &progress,
		.raise = {.kind = WR_RAISE_LETTER,
			  .subscription = live->id,
			  .row = row,
			  .seq = e.seq},
	};
	int rc = wr_burial_write(&burial, wr_load_relaxed(&live->failures.dead_letters));
	if (rc == 0)
		set_state(live, letter, WR_ROW_LETTER_ON_WAY);
	else
		live->failures.letters_after_ns =
			now_ns + (rc == -EAGAIN ? ROOM_RETRY_NS : WR_BURY_RETRY_NS);
	return rc == 0;
}

/* While there are no dead letters none is written: its event is tried again, and settled. */
static bool may_write(struct wr_subscription_live *live)
{
	return live->failures.wanted_count > 0 &&
	       wr_load_relaxed(&live->failures.dead_letters) != UINT32_MAX;
}

int wr_row_letters_step(struct wr_subscription_live *live, uint64_t now_ns)
{
	int work = 0;
	if (!may_write(live) || now_ns < live->failures.letters_after_ns)
		return 0;
	uint32_t rows = live->group.row_count, first = live->failures.letter_next;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t row = (first + i) % rows;
		struct wr_row_letter *letter = &live->failures.letters[row];
		if (letter->state != WR_ROW_LETTER_WANTED)
			continue;
		if (!write_letter(live, row, now_ns)) {
			/* Perhaps its event cannot be read: the others come first the next time. */
			live->failures.letter_next = (row + 1) % rows;
			break;
		}
		work += letter->state == WR_ROW_LETTER_ON_WAY;
	}
	return work;
}

uint64_t wr_row_letters_due_ns(struct wr_subscription_live *live)
{
	return may_write(live) ? live->failures.letters_after_ns : UINT64_MAX;
}

void wr_row_letter_answered(struct wr_subscription_live *live, uint32_t row,
			    const struct wr_reply *reply)
{
	struct weir_pipeline *p = live->pipeline;
	struct wr_row_letter *letter = &live->failures.letters[row];
	bool is_over = reply->code == 0 || reply->code == WEIR_E_FENCED ||
		       reply->code == WEIR_E_OUT_OF_SEQUENCE;
	if (reply->code == 0)
		(void)wr_add_relaxed(&live->failures.buried, 1u);
	set_state(live, letter,
		  is_over && !letter->again ? WR_ROW_LETTER_NONE : WR_ROW_LETTER_WANTED);
	letter->again = false;
	if (is_over) {
		/* The row may go on. Of a refusal nobody hears: the owner waits for the letter. */
		wr_member_tell(p, &p->members[letter->slot]);
		return;
	}
	/* Erased since it was read: looked at again, at once, it is settled without a letter. */
	if (reply->code == -ENOENT)
		return;
	live->failures.letters_after_ns = wr_clock_mono_ns(p->host.clock) + WR_BURY_RETRY_NS;
	wr_burial_say_refused(p, reply->code);
}

/* ---- at open ---- */

static bool has_members(const struct wr_subscription_live *live)
{
	for (uint32_t i = 0; i < live->group.member_count; i++)
		if (live->group.members[i].present)
			return true;
	return false;
}

bool wr_row_letters_may_go(struct wr_subscription_live *live, int *ret_work)
{
	struct wr_reopening *reopening = &live->failures.reopening;
	int work;
	/* Who joins has set the options before: without dead letters nothing is counted. */
	if (reopening->state == WR_REOPENED || !has_members(live) || WR_BUG(DEATH_NOT_TOLD))
		return true;
	if (reopening->state == WR_REOPEN_WANTED &&
	    wr_load_relaxed(&live->failures.dead_letters) == UINT32_MAX)
		reopening->state = WR_REOPENED;
	bool waits = wr_reopening_step(live, &work);
	*ret_work += work;
	return !waits;
}

static bool any_in_hand(struct wr_subscription_live *live)
{
	struct wr_tables *t = &live->pipeline->tables;
	const struct wr_subscription *s = &t->catalog.subscriptions[live->id];
	struct wr_attempts_entry e;
	for (uint32_t row = 0; row < s->row_count; row++) {
		wr_attempts_read(&t->attempts, &t->settle, s->row_first + row, &e);
		if (e.in_hand)
			return true;
	}
	return false;
}

int wr_row_letters_start(struct wr_subscription_live *live, bool made)
{
	struct weir_pipeline *p = live->pipeline;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	if (s->order != WR_ORDER_PARTITION)
		return 0;
	live->failures.letters = p->host.memory->ops->alloc(
		p->host.memory, s->row_count * sizeof *live->failures.letters, 8);
	if (live->failures.letters == NULL)
		return -ENOMEM;
	if (!made && p->journal != NULL && (!p->recovery.clean || any_in_hand(live)))
		live->failures.reopening.state = WR_REOPEN_WANTED;
	return 0;
}

void wr_row_letters_free(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	if (live->failures.letters != NULL)
		p->host.memory->ops->free(p->host.memory, live->failures.letters,
					  live->anew_bytes / sizeof *live->anew *
						  sizeof *live->failures.letters);
	live->failures.letters = NULL;
}
