/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of writer and journal, and who is told when what they move has moved. */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/pipeline.h"

void wr_pipeline_visible_moved(void *context)
{
	struct weir_pipeline *p = context;
	uint64_t poisoned = wr_load_relaxed(&p->writer.stats.poisoned);

	wr_park_notify(&p->visible_parker);
	wr_gate_visible_moved(p);
	if (wr_load_relaxed(&p->sharing_count) != 0) /* X2 */
		wr_park_notify(&p->group_parker);
	/* Nothing of a lane that was shut out reaches a level any more: all are told. */
	if (poisoned != p->poisoned_told)
		wr_event_fds_signal_all(p);
	else
		wr_event_fds_signal(p, WR_EVENT_BY_WRITER);
	p->poisoned_told = poisoned;
}

static bool refuses(const struct weir_pipeline *p)
{
	return p->options.when_no_room == WEIR_NO_ROOM_REFUSE;
}

/* Whose position is the lowest: retention does not pass it. "": nobody's. */
static const char *furthest_behind(struct weir_pipeline *p, uint64_t *ret_seq)
{
	struct wr_catalog *catalog = &p->tables.catalog;
	uint32_t count = wr_catalog_subscription_count(catalog);
	const char *name = "";

	*ret_seq = UINT64_MAX;
	for (uint32_t id = 0; id < count; id++) {
		const struct wr_subscription *s = &catalog->subscriptions[id];
		for (uint32_t r = 0; r < s->row_count; r++) {
			/* A word for a person: whichever it has. */
			uint64_t seq =
				wr_load_relaxed(&p->tables.settle.rows[s->row_first + r].position);
			if (!wr_position_is_nowhere(seq) && seq < *ret_seq) {
				*ret_seq = seq;
				name = s->name;
			}
		}
	}
	return name;
}

/* What is to be done depends on what is lacking, and on who holds the log. */
static void say_no_room(struct weir_pipeline *p, int code)
{
	const char *who = refuses(p) ? "events are refused" : "producers wait";
	uint64_t seq;
	const char *name = furthest_behind(p, &seq);
	const struct weir_log_field fields[] = {
		wr_field_code(code), wr_field_bool("refuses", refuses(p)),
		wr_field_text("subscription", name), wr_field_u64("sequence", seq)};
	uint32_t count = name[0] != '\0' ? 4 : 2;
	char behind[320] = "";

	if (count == 4)
		(void)snprintf(behind, sizeof behind,
			       "; furthest behind is subscription %s, at sequence %llu", name,
			       (unsigned long long)seq);
	if (code == WEIR_E_FULL)
		wr_pipeline_say(p, WR_EVENT_JOURNAL_NO_ROOM, fields, count,
				"no further segment for data: segments_max allows %u, and what is "
				"left of them is kept for acknowledgements and what comes with "
				"them: %s, acknowledgements go on; open it with more, or let "
				"subscriptions move so that retention can%s",
				p->options.segments_max, who, behind);
	else if (code == -EMFILE || code == -ENFILE)
		wr_pipeline_say(p, WR_EVENT_JOURNAL_NO_ROOM, fields, count,
				"no descriptor for another segment (%s): %s, "
				"acknowledgements go on; close some, or raise ulimit -n",
				weir_strerror(code), who);
	else
		wr_pipeline_say(p, WR_EVENT_JOURNAL_NO_ROOM, fields, count,
				"no room for another segment (%s), or what is left is kept for "
				"acknowledgements and what comes with them: %s, "
				"acknowledgements go on; make room on the disk, or let "
				"subscriptions move so that retention can%s",
				weir_strerror(code), who, behind);
}

static void say_low_space(struct weir_pipeline *p, const struct wr_journal_stats *stats)
{
	const struct weir_log_field free_bytes = wr_field_u64("free_bytes", stats->free_bytes);
	const char *what = "producers wait when the segments that are ready are used up";

	if (p->options.when_no_room == WEIR_NO_ROOM_DROP_OLDEST)
		what = "the oldest segments are used again as soon as nobody needs them, whatever "
		       "retention_bytes says";
	else if (refuses(p))
		what = "events are refused when the segments that are ready are used up";

	p->said_low_space = stats->low_space;
	if (!stats->low_space)
		wr_pipeline_say(p, WR_EVENT_JOURNAL_SPACE_BACK, &free_bytes, 1,
				"the file system of the journal has room for segments again");
	else if (p->options.low_space_bytes != 0)
		wr_pipeline_say(p, WR_EVENT_JOURNAL_SPACE_LOW,
				WR_FIELDS(free_bytes, wr_field_u64("low_space_bytes",
								   p->options.low_space_bytes)),
				"room runs low: %llu bytes are free, and another segment would "
				"leave less than low_space_bytes (%llu): %s",
				(unsigned long long)stats->free_bytes,
				(unsigned long long)p->options.low_space_bytes, what);
	else
		wr_pipeline_say(p, WR_EVENT_JOURNAL_SPACE_LOW, &free_bytes, 1,
				"the disk is full, no further segment can be made: %s", what);
}

/* Once when it begins, once when its end has lasted; why may have changed in between. */
static void say_room(struct weir_pipeline *p)
{
	struct wr_journal_stats stats;

	wr_journal_stats(p->journal, &stats);
	if (refuses(p)) /* F2: the lanes' owners are woken behind this */
		wr_publish_round_u32(&p->no_room,
				     stats.no_room_code < 0 ? (uint32_t)-WEIR_E_NO_ROOM : 0u);
	if (stats.low_space != p->said_low_space)
		say_low_space(p, &stats);
	if ((stats.no_room_told < 0) == p->said_no_room)
		return;
	p->said_no_room = stats.no_room_told < 0;
	if (p->said_no_room)
		say_no_room(p, stats.no_room_told);
	else
		wr_pipeline_say(p, WR_EVENT_JOURNAL_ROOM_BACK, WR_NO_FIELDS,
				"there is room for another segment: producers go on");
}

void wr_pipeline_durable_moved(void *context)
{
	struct weir_pipeline *p = context;

	say_room(p);
	if (wr_load_acquire(&p->link.failed) != 0 && wr_load_relaxed(&p->refuse) == 0) { /* D1 */
		p->problem = *wr_journal_problem(p->journal);
		wr_pipeline_refuse(p, WEIR_E_FAILED);
		wr_pipeline_say(p, WR_EVENT_JOURNAL_FAILED,
				WR_FIELDS(wr_field_code(p->problem.code)), "%s", p->problem.text);
		return;
	}
	wr_park_notify(&p->durable_parker);
	wr_gate_durable_moved(p);
	if (wr_load_relaxed(&p->sharing_count) != 0) /* X2 */
		wr_park_notify(&p->group_parker);
	for (uint32_t i = 0; i < p->lane_count; i++) {
		wr_park_notify(&p->lanes[i].parker);
		wr_park_notify(&p->lanes[i].level_parker);
	}
	/* Completions let the writer seal, and give chunks back. */
	if (wr_pipeline_has_journal_thread(p)) {
		wr_publish_u64(&p->moved_bell, wr_load_relaxed(&p->moved_bell) + 1); /* J2 */
		wr_park_notify(&p->log_parker);
	}
	wr_event_fds_signal(p, WR_EVENT_BY_JOURNAL);
}

/*
 * J1, J2: with a thread each, writer and journal wake one another. What they hand over lies in
 * plain rings, whose stores say nothing to a sleeper (park.h): so whoever pushed rings a bell, and
 * whoever is about to sleep looks at it before it looks into the rings a last time.
 */
static int writer_step(void *self, uint32_t budget)
{
	struct weir_pipeline *p = self;
	uint64_t commits = p->writer.commits_pushed, told = p->writer.room_told;

	if (wr_pipeline_has_journal_thread(p))
		(void)wr_park_look_u64(&p->moved_bell); /* J2 */
	int work = wr_writer_step(&p->writer, budget);
	if (p->writer.lacks_room)
		wr_gates_lack_room(p);
	/* Not by the work alone: a round that is held up may have sealed a batch to make room. */
	if (wr_pipeline_has_journal_thread(p) &&
	    (work > 0 || p->writer.commits_pushed != commits || p->writer.room_told != told)) {
		wr_publish_round_u64(&p->commits_bell,
				     wr_load_relaxed(&p->commits_bell) + 1); /* J1 */
		wr_park_notify(&p->journal_parker);
	}
	return work;
}

static uint64_t writer_idle_ns(void *self)
{
	struct weir_pipeline *p = self;
	return wr_writer_idle_ns(&p->writer);
}

/* Lanes this small could fill up in a nap. */
#define NAP_LANE_BYTES (256u * 1024)

/* With a thread of the journal's the writer sleeps where no completion ends it. */
static uint64_t writer_nap_ns(void *self)
{
	struct weir_pipeline *p = self;
	if (wr_pipeline_has_journal_thread(p) || p->options.lane_bytes < NAP_LANE_BYTES ||
	    wr_load_relaxed(&p->order_watched) != 0)
		return 0;
	return wr_writer_nap_ns(&p->writer);
}

void wr_pipeline_writer_step(struct weir_pipeline *p, struct wr_step *ret_step)
{
	*ret_step = (struct wr_step){.name = "writer",
				     .run = writer_step,
				     .idle_ns = writer_idle_ns,
				     .nap_ns = writer_nap_ns,
				     .self = p};
}

static int enter_storage(void *self)
{
	struct weir_pipeline *p = self;
	return p->host.storage->ops->enter(p->host.storage);
}

static void leave_storage(void *self)
{
	struct weir_pipeline *p = self;
	(void)p->host.storage->ops->leave(p->host.storage);
}

static int journal_step(void *self, uint32_t budget)
{
	struct weir_pipeline *p = self;
	if (wr_pipeline_has_journal_thread(p))
		(void)wr_park_look_u64(&p->commits_bell); /* J1 */
	return wr_journal_step(p->journal, budget);
}

static uint64_t journal_idle_ns(void *self)
{
	struct weir_pipeline *p = self;
	return wr_journal_idle_ns(p->journal);
}

void wr_pipeline_journal_step(struct weir_pipeline *p, struct wr_step *ret_step)
{
	*ret_step = (struct wr_step){.name = "journal",
				     .run = journal_step,
				     .idle_ns = journal_idle_ns,
				     .enter = enter_storage,
				     .leave = leave_storage,
				     .self = p};
}

static int pack_step(void *self, uint32_t budget)
{
	struct weir_pipeline *p = self;
	return wr_journal_pack_step(p->journal, budget);
}

static uint64_t pack_idle_ns(void *self)
{
	struct weir_pipeline *p = self;
	return wr_journal_pack_idle_ns(p->journal);
}

void wr_pipeline_pack_step(struct weir_pipeline *p, struct wr_step *ret_step)
{
	*ret_step = (struct wr_step){
		.name = "pack", .run = pack_step, .idle_ns = pack_idle_ns, .self = p};
}
