/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal step's side of retention by topic (retire.h): which segment is next, and what becomes
 * of it. One at a time is asked of the packer, by turns with what else it does:
 *
 *   RETIRE  the oldest segment that some topic is past and has not left yet: it is written anew
 *           without the events of all topics that are past it, and that takes the place of the
 *           segment (journal_packing.c). It has to be what compaction asks of a segment: sealed,
 *           durable, below every gate and checkpoint, not in memory (journal_compaction.c). So
 *           nobody has still to read what goes
 *   COUNT   the next sealed segment whose events are not counted yet, for topics that keep so many
 *           bytes. The first time it is all of the log
 *
 * What every topic is past leaves the log as a whole, as by the log's own retention
 * (journal_segments.c): that is not written anew first.
 *
 * What topics are past is found once in a second at most, while the packer rests, and goes by what
 * they asked for then. A topic that asks for something else meanwhile ends that: no segment leaves
 * as a whole before the next look, and the packer gives up what it has made, up to the last write.
 * So whoever had a topic keep more has what was there when he was told so, but for what is just
 * being written.
 *
 * Where an event leaves nobody decides anything by it: no table knows of it, and what is missing
 * says so itself. An owner begins with the oldest segment, finds what the one before it has done,
 * and does the rest; what topics ask for is known when they have asked.
 *
 * A segment that is damaged stays as it is. What else fails is tried again in a while.
 *
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include <string.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

#define LOOK_NS 1000000000ull
/* What a look that is due waits for (the packer, a file that is being made) wakes nobody. */
#define SOON_NS 20000000ull
#define AFTER_FAILURE_NS (60 * LOOK_NS)

static bool is_on(const struct wr_journal *j)
{
	return j->packer != NULL && j->options.retire.topics != NULL;
}

static uint64_t oldest_at(const struct wr_journal *j)
{
	return wr_load_relaxed(&j->table->oldest); /* own */
}

static struct wr_segment *segment_at(struct wr_journal *j, uint64_t at)
{
	return wr_segment_live(j->table, (uint32_t)(at - oldest_at(j)));
}

/* --- what is past ----------------------------------------------------------------------------- */

/* The first segment that is not older than so, as a whole; times ascend with the log, and there is
 * one. */
static uint64_t time_floor(struct wr_journal *j, uint64_t keeps_us, uint64_t now_us)
{
	uint32_t low = 0, high = wr_segment_live_count(j->table) - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint64_t us = wr_segment_live(j->table, middle + 1)->first_time_us;
		if (us <= now_us && now_us - us >= keeps_us)
			low = middle + 1;
		else
			high = middle;
	}
	return oldest_at(j) + low;
}

/* What a topic is past by now; whether it keeps less than all. */
static bool look_at_topic(struct wr_journal *j, uint32_t topic, uint64_t now_us)
{
	const struct wr_retire_topic *asks = &j->options.retire.topics[topic];
	struct wr_retire_state *s = &j->packer->retire.states[topic];
	uint64_t keeps_us = wr_load_relaxed(&asks->time_us);
	uint64_t keeps_bytes = wr_load_relaxed(&asks->bytes);
	uint64_t oldest = oldest_at(j);

	if (keeps_bytes != 0 && !s->counts)
		wr_retire_count_anew(s, oldest);
	s->counts = keeps_bytes != 0;
	s->seen_us = keeps_us;
	s->seen_bytes = keeps_bytes;
	s->counted_at = wr_max_u64(s->counted_at, oldest);
	s->done_at = wr_max_u64(s->done_at, oldest);
	s->floor_at = keeps_us != 0 ? time_floor(j, keeps_us, now_us) : 0;
	if (keeps_bytes != 0)
		s->floor_at = wr_max_u64(s->floor_at, wr_retire_bytes_floor(s, keeps_bytes));
	return keeps_us != 0 || keeps_bytes != 0;
}

/* For who asks how far it is. */
static void tell(struct wr_journal *j, uint32_t topic)
{
	struct wr_retire_topic *told = &j->options.retire.topics[topic];
	const struct wr_retire_state *s = &j->packer->retire.states[topic];
	uint64_t oldest = oldest_at(j);
	uint64_t passed_at = wr_max_u64(s->floor_at, oldest);
	uint64_t left_at = wr_min_u64(s->done_at, passed_at);

	wr_store_relaxed(&told->passed_seq,
			 wr_load_relaxed(&segment_at(j, passed_at)->first_seq)); /* own, both */
	wr_store_relaxed(&told->left_seq, wr_load_relaxed(&segment_at(j, left_at)->first_seq));
}

static void look(struct wr_journal *j)
{
	struct wr_journal_retiring *r = &j->retiring;
	uint32_t defined = wr_retire_defined(&j->options.retire);
	uint64_t now_us = wr_journal_age_now_us(j);
	uint64_t all_at = UINT64_MAX;

	for (uint32_t topic = 0; topic < defined; topic++) {
		bool is_less = look_at_topic(j, topic, now_us);
		all_at = wr_min_u64(all_at, j->packer->retire.states[topic].floor_at);
		if (is_less)
			tell(j, topic);
	}
	r->all_at = defined > 0 ? all_at : 0;
	if (wr_journal_retire_is_past(j, 0))
		j->files.retention_changed = true;
}

bool wr_journal_retire_is_past(const struct wr_journal *j, uint32_t n)
{
	/* The oldest one is about to leave. What lies behind it is only told (journal_wanted.c). */
	return is_on(j) && oldest_at(j) + n < j->retiring.all_at &&
	       (n > 0 || wr_retire_all_ask_as_seen(&j->packer->retire));
}

/* --- what is next ----------------------------------------------------------------------------- */

/* Whether segments that all topics are past can leave as a whole. */
static bool goes_as_a_whole(const struct wr_journal *j, uint64_t at)
{
	return at < j->retiring.all_at && !j->files.recycle_stopped &&
	       j->checkpoint.file_bytes != 0;
}

/* The oldest segment that some topic is past and has not left; UINT64_MAX: none. */
static uint64_t next_to_leave(const struct wr_journal *j)
{
	uint32_t defined = wr_retire_defined(&j->options.retire);
	uint64_t from = oldest_at(j), next = UINT64_MAX;

	if (goes_as_a_whole(j, from))
		from = j->retiring.all_at;
	for (uint32_t topic = 0; topic < defined; topic++) {
		const struct wr_retire_state *s = &j->packer->retire.states[topic];
		uint64_t at = wr_max_u64(s->done_at, from);
		if (at < s->floor_at)
			next = wr_min_u64(next, at);
	}
	return next;
}

/* The oldest segment that is not counted for all that ask for it. */
static uint64_t next_to_count(const struct wr_journal *j)
{
	uint32_t defined = wr_retire_defined(&j->options.retire);
	uint64_t next = UINT64_MAX;

	for (uint32_t topic = 0; topic < defined; topic++) {
		const struct wr_retire_state *s = &j->packer->retire.states[topic];
		if (s->counts)
			next = wr_min_u64(next, s->counted_at);
	}
	return next;
}

static void ask(struct wr_journal *j, uint64_t at, enum wr_packer_task task)
{
	struct wr_journal_retiring *r = &j->retiring;
	struct wr_segment *s = segment_at(j, at);

	r->at = at;
	r->index = (uint32_t)(s - j->table->segments);
	wr_journal_packing_anew(j, s, wr_load_relaxed(&segment_at(j, at + 1)->first_seq)); /* own */
	wr_journal_packer_ask(j, task);
}

/* Whether it was asked for. */
static bool ask_to_leave(struct wr_journal *j, uint64_t now_ns)
{
	const uint32_t features = WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT;
	struct wr_retire *r = &j->packer->retire;
	uint64_t at = next_to_leave(j);

	uint64_t gate = WR_BUG(TOPIC_UNGATED) ? UINT64_MAX : wr_journal_gate(j);

	if (now_ns < j->retiring.retry_at_ns || at == UINT64_MAX ||
	    !wr_journal_may_write_anew(j, (uint32_t)(at - oldest_at(j)), gate))
		return false;
	if ((j->superblock.features_must & features) != features) {
		j->packing.announce |= features; /* the next write of the superblock says it */
		return false;
	}
	if (!wr_journal_packing_has_room(j))
		return false;
	for (uint32_t topic = 0; topic < r->options.topic_count; topic++)
		r->passed[topic] = r->states[topic].floor_at > at || WR_BUG(TOPIC_TAKES_OTHERS);
	ask(j, at, WR_PACKER_RETIRE);
	j->packer->job.is_certain = j->retiring.is_certain;
	return true;
}

static bool ask_to_count(struct wr_journal *j)
{
	struct wr_retire *r = &j->packer->retire;
	uint64_t at = next_to_count(j);

	if (at == UINT64_MAX || at + 1 >= wr_load_relaxed(&j->table->newest_end) || /* own, both */
	    wr_load_relaxed(&segment_at(j, at + 1)->first_seq) > j->durable_seq)
		return false;
	memset(r->counts, 0, r->options.topic_count * sizeof *r->counts);
	ask(j, at, WR_PACKER_COUNT);
	return true;
}

int wr_journal_retire_step(struct wr_journal *j, uint64_t now_ns)
{
	struct wr_journal_retiring *r = &j->retiring;

	/* PREPARE names its file by the number that is next. */
	if (!is_on(j) || j->closing || j->files.prepare.busy || j->files.prepare.done ||
	    now_ns < r->look_at_ns || wr_segment_live_count(j->table) == 0)
		return 0;
	r->look_at_ns = now_ns + LOOK_NS;
	if (!wr_retire_is_wanted(&j->options.retire) && r->all_at == 0)
		return 0;
	look(j);
	return ask_to_leave(j, now_ns) || ask_to_count(j) ? 1 : 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Of all topics that are past it the segment has nothing, or keeps it since it is damaged. */
static void is_done(struct wr_journal *j)
{
	const struct wr_journal_retiring *r = &j->retiring;
	struct wr_retire *retire = &j->packer->retire;

	j->retiring.is_certain = false;
	for (uint32_t topic = 0; topic < retire->options.topic_count; topic++)
		if (retire->passed[topic] && retire->states[topic].done_at <= r->at)
			retire->states[topic].done_at = r->at + 1;
}

static void retire_answer(struct wr_journal *j)
{
	struct wr_journal_retiring *r = &j->retiring;
	const struct wr_packer *p = j->packer;
	bool was_certain = r->is_certain;

	if (p->result == 0) {
		wr_journal_cell_add(&j->cells.left_out, p->left_out_count);
		wr_journal_packing_switch(j, r->index);
		uint64_t left_outs = wr_load_relaxed(&j->table->left_outs); /* own */
		wr_store_release(&j->table->left_outs, left_outs + 1);      /* T4 */
		is_done(j);
	} else if (p->result == WEIR_E_FULL && p->left_out_count > 0 && !was_certain) {
		r->is_certain = true; /* it would become no smaller: and is written anew even so */
	} else if (p->result == WEIR_E_FULL && p->left_out_count == 0) {
		is_done(j);
	} else if (p->result != WEIR_E_AGAIN && !wr_journal_job_has_left(j, r->index)) {
		wr_journal_cell_add(&j->cells.pack_failures, 1);
		if (p->result == WEIR_E_CORRUPT)
			is_done(j);
		else
			r->retry_at_ns = wr_clock_mono_ns(j->clock) + AFTER_FAILURE_NS;
	}
	if (p->result != WEIR_E_AGAIN)
		r->look_at_ns = 0;
}

void wr_journal_retire_left_out(struct wr_journal *j, uint64_t at)
{
	struct wr_retire *r = &j->packer->retire;

	for (uint32_t topic = 0; is_on(j) && topic < r->options.topic_count; topic++)
		if (r->states[topic].counts)
			wr_retire_count_again(&r->states[topic], at, oldest_at(j));
}

static void count_answer(struct wr_journal *j)
{
	const struct wr_journal_retiring *r = &j->retiring;
	struct wr_retire *retire = &j->packer->retire;
	/* What is damaged counts for nothing: then more stays. */
	bool is_whole = j->packer->result == WEIR_E_FULL;

	for (uint32_t topic = 0; topic < retire->options.topic_count; topic++) {
		struct wr_retire_state *s = &retire->states[topic];
		uint64_t keeps = wr_load_relaxed(&retire->options.topics[topic].bytes);
		if (s->counts && s->counted_at == r->at)
			wr_retire_count(s, r->at, is_whole ? retire->counts[topic] : 0, keeps);
	}
	j->retiring.look_at_ns = 0;
}

void wr_journal_retire_answer(struct wr_journal *j)
{
	if (j->packer->task == WR_PACKER_RETIRE)
		retire_answer(j);
	else
		count_answer(j);
	wr_store_relaxed(&j->packer->state, (uint32_t)WR_PACKER_IDLE); /* own */
}

uint64_t wr_journal_retire_idle_ns(struct wr_journal *j, uint64_t now_ns)
{
	uint64_t at_ns = j->retiring.look_at_ns;

	if (!is_on(j) || j->closing || !wr_retire_is_wanted(&j->options.retire))
		return UINT64_MAX;
	return at_ns > now_ns ? at_ns - now_ns : SOON_NS;
}
