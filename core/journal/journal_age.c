/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention's clock, and what is too old by it (L17). The oldest segment is, once the first batch
 * of the next one is: what stands before that is not younger.
 *
 * Append time does not jump while a log runs, but it does at an open: by the time that nobody ran
 * it, or by as much as the wall clock was wrong. Were that the age of what is kept, a clock that is
 * a year ahead at an open would take the whole log at once, before anybody could look. So retention
 * has a clock of its own:
 *
 *   it is never ahead of append time as it stood with the last batch, and what has run since then
 *   where it is behind, it runs at twice the speed of the boot clock until it has caught up
 *   an open goes on where the superblock says that it stood
 *
 * So an event stays while the log runs for half of retention_time, whatever clocks do; and who was
 * down for a week has caught up after a week. No more room is used than without the pause.
 *
 * The superblock has it as of its last write: once for each segment at least, and at a clean end.
 * What is lost of it by a crash only lets events stay longer. 0 there: nobody wanted a clock; it
 * begins at the last append time of the log.
 *
 * Thread: the step's, and the one that opens and closes.
 */
#include "core/journal/journal_internal.h"

#include "core/base/bits.h"
#include "core/base/bug.h"

/* Who asks for a place is done with it after some reads (D4), and wakes nobody. */
#define ASKED_IDLE_NS 100000000u

/* Where it cannot stand, in the seventies, while the log is of the year 2001 or later. */
#define NEVER_STOOD_US 350000000000000ull
#define NOW_STANDS_US 1000000000000000ull

static uint64_t limit_us(const struct wr_journal *j)
{
	uint64_t ns = j->options.retention_time_ns;
	return ns / 1000 + (ns % 1000 != 0 ? 1 : 0);
}

/* Topics may ask for it at any time, where they can. */
static bool is_wanted(const struct wr_journal *j)
{
	return j->options.retention_time_ns != 0 || j->options.retire.topics != NULL;
}

/* Up to now. */
static void go_on(struct wr_journal *j)
{
	struct wr_journal_age *a = &j->age;
	uint64_t boot_ns = wr_clock_boot_ns(j->clock);

	if (boot_ns <= a->boot_seen_ns)
		return;
	uint64_t elapsed_ns = boot_ns - a->boot_seen_ns + a->rest_ns;
	uint64_t elapsed_us = elapsed_ns / 1000;
	a->boot_seen_ns = boot_ns;
	if (a->now_us == 0)
		return; /* it begins with the first batch */
	a->rest_ns = elapsed_ns % 1000;
	a->append_us += elapsed_us;
	a->now_us += elapsed_us;
	if (a->now_us < a->append_us)
		a->now_us += wr_min_u64(elapsed_us, a->append_us - a->now_us);
	if (WR_BUG(RETENTION_JUMPS))
		a->now_us = wr_max_u64(a->now_us, a->append_us);
}

void wr_journal_age_start(struct wr_journal *j, const struct wr_recovered *recovered)
{
	struct wr_journal_age *a = &j->age;
	uint64_t stood_us = recovered->superblock.retention_us;

	/* In a log that was new it once began to run before it stood at the time of a batch. */
	if (stood_us < NEVER_STOOD_US && recovered->last_time_us >= NOW_STANDS_US)
		stood_us = 0;
	a->boot_seen_ns = wr_clock_boot_ns(j->clock);
	a->now_us = stood_us != 0 ? stood_us : recovered->last_time_us;
	a->append_us = wr_max_u64(a->now_us, recovered->last_time_us);
}

void wr_journal_age_batch(struct wr_journal *j, uint64_t time_us)
{
	struct wr_journal_age *a = &j->age;

	if (!is_wanted(j))
		return;
	go_on(j);
	a->append_us = time_us;
	/* Append time ran slower, since the wall clock was set back: no event is born old. */
	if (a->now_us == 0 || (a->now_us > time_us && !WR_BUG(RETENTION_AGES_AHEAD)))
		a->now_us = time_us;
}

/* When the n-th segment of the log is too old; UINT64_MAX: never, or none is newer. */
static uint64_t due_us(const struct wr_journal *j, uint32_t n)
{
	if (j->options.retention_time_ns == 0 || n + 1 >= wr_segment_live_count(j->table))
		return UINT64_MAX;
	uint64_t next_us =
		wr_segment_live(j->table, WR_BUG(RETENTION_BY_FIRST) ? n : n + 1)->first_time_us;
	return next_us > UINT64_MAX - limit_us(j) ? UINT64_MAX : next_us + limit_us(j);
}

bool wr_journal_age_is_past(struct wr_journal *j, uint32_t n)
{
	uint64_t due = due_us(j, n);

	return due != UINT64_MAX && wr_journal_age_now_us(j) >= due;
}

uint64_t wr_journal_age_idle_ns(struct wr_journal *j)
{
	uint64_t due = due_us(j, 0);

	if (due == UINT64_MAX)
		return UINT64_MAX;
	go_on(j);
	/* It is needed: what changes that says so, but for who asks for a place (D4). */
	if (j->age.now_us >= due)
		return wr_load_seq(&j->link->asking) != 0 ? ASKED_IDLE_NS : UINT64_MAX; /* D4 */
	uint64_t left_us = due - j->age.now_us;
	/* Twice as fast, while it catches up. */
	if (j->age.now_us < j->age.append_us)
		left_us = left_us / 2 + 1;
	return left_us > UINT64_MAX / 1000 ? UINT64_MAX : left_us * 1000;
}

uint64_t wr_journal_age_now_us(struct wr_journal *j)
{
	go_on(j);
	return j->age.now_us;
}

uint64_t wr_journal_age_recorded_us(struct wr_journal *j)
{
	return is_wanted(j) ? wr_journal_age_now_us(j) : 0;
}
