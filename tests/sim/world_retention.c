/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention by topic, in one seed of thirteen: what each topic keeps, by age and by bytes, drawn
 * anew in each life, and changed while it lasts. When a segment is to be written anew without the
 * events of some topics, those topics are past it by the records that stand behind it, and nobody
 * needs it; where the log keeps all that its topics do, segments leave as a whole by the same rule.
 */
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 13u
#define LOOK_ONE_IN 8u
#define CHANGE_ONE_IN 60u
#define RETENTION_TIMES 24u
#define MS_NS 1000000u

static uint64_t below(uint64_t bound)
{
	return wr_prng_below(&world.retention_prng, bound);
}

/* A sequence of its own: the other seeds are what they were without. A history says nothing of what
 * left. */
void world_retention_begin(void)
{
	world.retires =
		world.seed % SEED_ONE_IN == 4 && !world.memory_only && world.history == NULL;
	wr_prng_init(&world.retention_prng, world.seed ^ 0x4e7e1);
}

void world_retention_options(struct weir_options *o)
{
	if (!world.retires)
		return;
	o->topic_retention = true;
	o->pack = WEIR_PACK_PADDING;
	/* There has to be something left that is in no chunk in memory any more. */
	o->retention_bytes *= RETENTION_TIMES;
	world_segments_at_least(o, 2048);
}

static void draw(struct world_kept *k)
{
	k->time_ns = below(2) == 0 ? (1 + below(40)) * MS_NS : 0;
	k->bytes = k->time_ns == 0 || below(3) == 0 ? 512 + below(20000) : 0;
	if (below(5) == 0)
		*k = (struct world_kept){0};
}

void world_retention_define(uint32_t topic, struct weir_topic_options *o)
{
	if (!world.retires)
		return;
	draw(&world.kept[topic]);
	o->retention_time_ns = world.kept[topic].time_ns;
	o->retention_bytes = world.kept[topic].bytes;
}

void world_retention_act(void)
{
	if (!world.retires || world_is_dead() || below(CHANGE_ONE_IN) != 0)
		return;
	uint32_t topic = (uint32_t)below(WORLD_TOPICS);
	struct world_kept kept;
	draw(&kept);
	int rc = weir_topic_retention_set(world.pipeline, world.topics[topic], kept.time_ns,
					  kept.bytes, &world.problem);
	world_note("retention", topic, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || world_has_failed(), "retention_set", (uint64_t)-rc, topic);
	if (rc != 0)
		return;
	world.kept[topic] = kept;
}

/* Of what it had by a definition of this life. */
void world_retention_opened(void)
{
	world.retiring_seq = 0;
	world.retiring_seen = false;
	world.retention_now_us = 0;
	world.oldest_seen = world_oldest();
	for (uint32_t t = 0; t < WORLD_TOPICS_MAX; t++)
		world.kept[t] = (struct world_kept){0};
}

/*
 * It looks once in a second, which is most of a life here. A batch may set retention's clock back
 * to append time, which had run slower: what was decided before goes by the later time.
 */
void world_retention_nudge(void)
{
	if (!world.retires)
		return;
	world.retention_now_us =
		wr_max_u64(world.retention_now_us, wr_journal_age_now_us(world.pipeline->journal));
	if (below(LOOK_ONE_IN) == 0)
		world.pipeline->journal->retiring.look_at_ns = 0;
}

/*
 * Whether a topic keeps nothing of what stands below a sequence, at which a segment begins. What
 * that one's first batch was begun at, which decides, is no earlier than the last record before.
 */
static bool is_past(uint32_t topic, uint64_t end_seq)
{
	const struct world_kept *kept = &world.kept[topic];
	uint64_t now_us =
		wr_max_u64(world.retention_now_us, wr_journal_age_now_us(world.pipeline->journal));
	uint64_t bytes = 0;
	uint64_t us = oracle.records[end_seq - 1].time_us;

	if (kept->time_ns != 0 && us <= now_us && now_us - us >= kept->time_ns / 1000)
		return true;
	for (uint64_t seq = end_seq; kept->bytes != 0 && seq <= oracle.kept_seq; seq++) {
		const struct oracle_record *o = &oracle.records[seq];
		if (oracle_has_event(o) && o->topic == topic && !o->left)
			bytes += wr_record_stride(o->bytes);
	}
	return kept->bytes != 0 && bytes >= kept->bytes;
}

static void check_needed(uint64_t end_seq)
{
	world_check(end_seq <= oracle.kept_seq + 1, "retention of what is not durable", end_seq,
		    oracle.kept_seq);
	world_check(end_seq <= world_checkpoints_need(), "retention of what a checkpoint needs",
		    end_seq, world_checkpoints_need());
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_subscription *sub = &oracle.subscriptions[s];
		for (uint32_t r = 0; sub->exists && r < sub->row_count; r++)
			world_check(sub->rows[r].position >= end_seq,
				    "a topic's retention of what a subscription needs",
				    sub->rows[r].position, end_seq);
	}
}

/* A segment is about to be written anew. */
static void note_segment(const struct wr_packer *p)
{
	uint64_t end_seq = p->job.end_seq;
	bool passed[WORLD_TOPICS_MAX] = {0};

	check_needed(end_seq);
	for (uint32_t t = 0; t < world.options.topics_max; t++)
		passed[t] = is_past(t, end_seq);
	for (uint64_t seq = p->job.first_seq; seq < end_seq; seq++) {
		struct oracle_record *o = &oracle.records[seq];
		if (oracle_has_event(o) && passed[o->topic])
			o->may_retire = true;
	}
}

/*
 * Whether anything of a topic stood there until now. Of what has left already nothing more is to be
 * kept: a topic that kept fewer bytes before has them counted as they were, and has none below.
 */
static bool had_any(uint32_t topic, uint64_t end_seq)
{
	for (uint64_t seq = world.oldest_seen; seq < end_seq; seq++) {
		const struct oracle_record *o = &oracle.records[seq];
		if (oracle_has_event(o) && o->topic == topic && !o->left)
			return true;
	}
	return false;
}

/* Without a limit of its own the log lets go of what all of its topics are past, by what they were
 * told last. */
static void check_oldest(void)
{
	const struct weir_options *o = &world.options;
	uint64_t oldest = world_oldest();
	bool by_topics = o->retention_bytes == 0 && o->when_no_room != WEIR_NO_ROOM_DROP_OLDEST;

	if (oldest <= world.oldest_seen)
		return;
	for (uint32_t t = 0; by_topics && t < o->topics_max; t++)
		world_check(is_past(t, oldest) || !had_any(t, oldest),
			    "the log let go of what a topic keeps", oldest, t);
	if (by_topics)
		world_sometimes(SOMETIMES_RETIRED_BY_ALL);
	world.oldest_seen = oldest;
}

void world_retention_look(void)
{
	if (!world.retires || world_is_dead())
		return;
	const struct wr_packer *p = world.pipeline->journal->packer;
	bool is_under_way = p->task == WR_PACKER_RETIRE &&
			    wr_load_relaxed(&p->state) != (uint32_t)WR_PACKER_IDLE;
	if (is_under_way && (!world.retiring_seen || world.retiring_seq != p->job.first_seq)) {
		note_segment(p);
		world.retiring_seq = p->job.first_seq;
	}
	world.retiring_seen = is_under_way;
	check_oldest();
}
