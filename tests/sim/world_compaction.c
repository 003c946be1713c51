/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics that are compacted, in one seed of twelve, and what compaction may take of them. Whenever
 * a pass begins the oracle looks at what it is about: all of it durable, below every position and
 * both checkpoints, and from the records alone which events that pass does not need: those that
 * have a later one of their key below its end, and tombstones that are as old as they have to be.
 * Whenever a segment was written anew, and at each open, what the medium says that it left out is
 * one of these; what had left stays away, whatever a crash took; and no tombstone goes before what
 * it hides.
 *
 * What is drawn for it is the packer's: other seeds stay as they are.
 */
#include <string.h>

#include "core/record/left_out.h"
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 12u
/* Of lags and times: not every second seed alone. */
#define WAYS 6u
#define TOMBSTONE_ONE_IN 6u
#define LOOK_ONE_IN 8u
#define KEEP_UP_ONE_IN 24u
#define KEEP_UP_ROUNDS 120u
#define RETENTION_TIMES 24u
#define KEYS_MAX 1024u
#define NONE UINT8_MAX
#define ID_NAME "id"

void world_compaction_begin(void)
{
	static const uint64_t lags_s[] = {0, 0, 1}, tombstones_s[] = {0, 1, 2};
	uint64_t which = world.seed / WAYS;

	world.compacts = world.seed % SEED_ONE_IN == 1 && !world.memory_only;
	for (uint32_t t = 0; t < WORLD_TOPICS_MAX; t++)
		world.compacted[t] =
			world.compacts && t < WORLD_TOPICS && (t == 1 || which % 10 == 4);
	world.compact_lag_s = lags_s[which / 2 % 3];
	world.tombstone_s = tombstones_s[which / 6 % 3];
}

void world_compaction_options(struct weir_options *o)
{
	if (!world.compacts)
		return;
	o->compaction_keys = KEYS_MAX;
	/* There has to be something left that is in no chunk in memory any more. */
	o->retention_bytes *= RETENTION_TIMES;
	world_segments_at_least(o, 2048);
}

void world_compaction_define(uint32_t topic, struct weir_topic_options *o)
{
	if (!world.compacted[topic])
		return;
	o->compact = true;
	o->compact_lag_ns = world.compact_lag_s * 1000000000;
	o->tombstone_ns = world.tombstone_s * 1000000000;
}

/* --- events without a payload ----------------------------------------------------------------- */

void world_compaction_event(uint64_t hash, struct weir_header *header, uint8_t id[8],
			    struct weir_event *event)
{
	uint64_t x = (hash ^ hash >> 29) * 0x9e3779b97f4a7c15u;

	if (!world.compacts || event->key == NULL || (x >> 32) % TOMBSTONE_ONE_IN != 0)
		return;
	*header = (struct weir_header){
		.name = ID_NAME, .name_bytes = 2, .value = id, .value_bytes = 8};
	event->headers = header;
	event->header_count = 1;
	event->payload = NULL;
	event->payload_bytes = 0;
}

bool oracle_identity(const struct wr_record_view *view, uint32_t *ret_source, uint32_t *ret_k)
{
	const uint8_t *id = view->payload_bytes >= 8 ? view->payload : NULL;
	struct wr_option option;

	for (uint32_t at = 0; id == NULL && (at = wr_option_next(view, at, &option)) != 0;)
		if (option.tag == WR_OPTION_HEADER && option.value_bytes == 12 &&
		    memcmp(option.value + 2, ID_NAME, 2) == 0)
			id = option.value + 4;
	if (id == NULL)
		return false;
	*ret_source = wr_get_u32(id);
	*ret_k = wr_get_u32(id + 4);
	return true;
}

/* --- what may leave --------------------------------------------------------------------------- */

static bool is_compacted(const struct oracle_record *o)
{
	return o->kind == WR_KIND_EVENT && world.compacted[o->topic] && o->key != NONE;
}

/* A copy for chosen subscriptions leaves like any event, and is no later one of its key. */
static bool is_compacted_copy(const struct oracle_record *o)
{
	return o->kind == WR_KIND_ADDRESSED && world.compacted[o->topic] && o->key != NONE;
}

static bool is_tombstone(const struct oracle_record *o)
{
	const struct wr_record *r = (const struct wr_record *)(oracle.bytes + o->at);

	return (r->flags & WR_RECORD_NULL_PAYLOAD) != 0;
}

static bool is_older(const struct oracle_record *o, uint64_t now_us, uint64_t seconds)
{
	return o->time_us + seconds * 1000000 <= now_us;
}

static void check_pass(const struct wr_compact_pass *pass, uint64_t now_us)
{
	world_check(pass->now_us <= now_us, "a pass of compaction with another time", pass->now_us,
		    now_us);
	world_check(pass->end_seq <= oracle.kept_seq + 1, "compaction of what is not durable",
		    pass->end_seq, oracle.kept_seq);
	world_check(pass->end_seq <= world_checkpoints_need(),
		    "compaction of what a checkpoint needs", pass->end_seq,
		    world_checkpoints_need());
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_subscription *sub = &oracle.subscriptions[s];
		for (uint32_t r = 0; sub->exists && r < sub->row_count; r++)
			world_check(sub->rows[r].position >= pass->end_seq,
				    "compaction of what a subscription needs",
				    sub->rows[r].position, pass->end_seq);
	}
}

/* A pass begins. */
static void note_pass(const struct wr_compact_pass *pass)
{
	bool has_later[WORLD_TOPICS_MAX][WORLD_EVENT_KEYS] = {0};
	uint64_t now_us = world.disk->clock->wall_ns / 1000, end_seq = pass->from_seq;

	check_pass(pass, now_us);
	/* It ends in front of the first that is too young. */
	while (end_seq < pass->end_seq &&
	       (!is_compacted(&oracle.records[end_seq]) ||
		is_older(&oracle.records[end_seq], now_us, world.compact_lag_s)))
		end_seq++;
	for (uint32_t t = 0; t < WORLD_TOPICS; t++)
		if (world.compacted[t])
			world_say_compaction(t, end_seq);
	for (uint64_t seq = end_seq; seq-- > 1;) {
		struct oracle_record *o = &oracle.records[seq];
		if (!is_compacted(o) && !is_compacted_copy(o))
			continue;
		bool *has = &has_later[o->topic][o->key];
		if (*has || (is_tombstone(o) && is_older(o, now_us, world.tombstone_s)))
			o->may_leave = true;
		*has = *has || is_compacted(o);
	}
}

static bool is_of_key(const struct oracle_record *o, uint64_t seq)
{
	const struct oracle_record *other = &oracle.records[seq];

	return is_compacted(other) && other->topic == o->topic && other->key == o->key;
}

/* A tombstone that was the last of its key: all that it hides went before it. */
static void check_hidden(uint64_t seq)
{
	const struct oracle_record *o = &oracle.records[seq];

	for (uint64_t i = seq + 1; i <= oracle.end_seq; i++)
		if (is_of_key(o, i) && !oracle.records[i].left)
			return;
	for (uint64_t i = world_oldest(); i < seq; i++)
		world_check(!is_of_key(o, i) || oracle.records[i].left,
			    "a tombstone left before what it hides", seq, i);
}

/* Nothing of the event. */
static void check_rest(uint64_t seq, const struct wr_record *r)
{
	const uint8_t *bytes = (const uint8_t *)r;

	for (uint32_t i = WR_RECORD_HEAD_BYTES; i < r->bytes; i++)
		world_check(bytes[i] == 0, "bytes of an event that left are still there", seq, i);
}

/*
 * The file without the event is the segment on the medium, and not yet in its owner's log: it waits
 * as long as a subscription that went back needs what it has counted there (journal_compaction.c),
 * and until then who reads is handed the event, and settles it. A crash meanwhile ends that: the
 * next open goes by the medium, and looks at it first.
 */
static bool is_still_there(uint64_t seq)
{
	const struct wr_packer *p = world.pipeline->journal->packer;

	return p != NULL && wr_packer_leaves_out(p) &&
	       wr_load_relaxed(&p->state) != (uint32_t)WR_PACKER_IDLE && seq >= p->job.first_seq &&
	       seq < p->job.end_seq;
}

void oracle_left_out(uint64_t seq, const struct wr_record *r)
{
	struct oracle_record *o = &oracle.records[seq];
	const struct wr_record *was = (const struct wr_record *)(oracle.bytes + o->at);

	bool is_erased = r->flags == WR_LEFT_OUT_ERASED;
	bool is_retired = r->flags == WR_LEFT_OUT_RETIRED;
	world_check(wr_left_out_is_sound(r) && r->topic == was->topic &&
			    (is_erased || is_retired || r->flags == WR_LEFT_OUT_COMPACTED),
		    "a record says something else of an event that left", seq, r->topic);
	check_rest(seq, r);
	if (o->left)
		return;
	if (o->kind == WR_KIND_CARRIED) {
		world_check(!oracle_queues_need(seq), "what lies further on left", seq, r->topic);
		o->left = !is_still_there(seq);
		return;
	}
	world_check(is_erased    ? oracle_may_be_erased(seq)
		    : is_retired ? o->may_retire
				 : o->may_leave,
		    "an event left that has to stay", seq, o->key);
	if (is_still_there(seq))
		return;
	o->left = true;
	if (is_erased || is_retired) {
		world_sometimes(is_erased ? SOMETIMES_ERASED_LEFT : SOMETIMES_RETIRED_LEFT);
		return;
	}
	if (is_tombstone(o) && is_compacted(o)) {
		check_hidden(seq);
		world_sometimes(SOMETIMES_TOMBSTONE_LEFT);
	}
	world_sometimes(SOMETIMES_LEFT_OUT);
}

bool oracle_same_place(uint64_t a_seq, uint64_t b_seq)
{
	uint64_t seq = wr_min_u64(a_seq, b_seq), end_seq = wr_max_u64(a_seq, b_seq);

	while (seq < end_seq && seq <= oracle.end_seq && oracle.records[seq].left)
		seq++;
	return seq == end_seq;
}

/* --- a life ----------------------------------------------------------------------------------- */

void world_compaction_opened(void)
{
	world.pass_seen = false;
	world.left_out_seen = world.leaving.end_seq = 0;
}

/* It looks once in a second, which is most of a life here. */
void world_compaction_nudge(void)
{
	if (world.compacts && wr_prng_below(&world.pack_prng, LOOK_ONE_IN) == 0)
		world.pipeline->journal->compaction.look_at_ns = 0;
}

/*
 * Everybody is there and keeps up for a while: what stands still holds compaction up, and
 * otherwise somebody nearly always does.
 */
void world_compaction_act(void)
{
	bool keeps_up =
		world.compacts || world.retires || (world.erases && world.seed / 48 % 2 == 0);

	if (!keeps_up || world.healing || oracle.end_seq > ORACLE_RECORDS_MAX / 4 ||
	    wr_prng_below(&world.pack_prng, KEEP_UP_ONE_IN) != 0)
		return;
	for (uint32_t i = 0; i < KEEP_UP_ROUNDS && !world_is_dead() && !world_has_failed(); i++) {
		struct world_member *m = &world.members[i % WORLD_MEMBERS];
		uint32_t wanted = i % WORLD_MEMBERS % WORLD_SUBSCRIPTIONS;
		world.waited = 0;
		world_producer_act(&world.producers[world_below(WORLD_PRODUCERS)], true);
		if (m->busy || world_is_dead())
			continue;
		if (m->handle == NULL && oracle.subscriptions[wanted].exists)
			world_member_join(m, wanted);
		else if (m->handle != NULL && (m->is_fenced || m->subscription != wanted))
			world_member_leave(m);
		else if (m->handle != NULL && !m->is_handled)
			world_member_drain(m);
		for (uint32_t k = 0; k < 3 && !world_is_dead(); k++)
			(void)world_round();
	}
}

/* The next one may be asked for in the step that has the last one's answer. */
static void look_at_packed(struct wr_journal *j)
{
	const struct wr_packer *p = j->packer;
	uint64_t left_out = wr_load_relaxed(&j->cells.left_out), requests = world_memory_requests();

	if (left_out != world.left_out_seen)
		oracle_look_at_packed(world.leaving.end_seq != 0 ? &world.leaving : &p->job);
	world.requests += world_memory_requests() - requests;
	world.left_out_seen = left_out;
	if (wr_packer_leaves_out(p) && wr_load_relaxed(&p->state) != (uint32_t)WR_PACKER_IDLE)
		world.leaving = p->job;
}

void world_compaction_look(void)
{
	struct wr_journal *j = world.pipeline->journal;

	if ((!world.compacts && !world.erases && !world.retires) || world_is_dead())
		return;
	bool is_under_way = j->compaction.phase != WR_JOURNAL_COMPACTS_NOT;
	if (is_under_way && !world.pass_seen)
		note_pass(&j->packer->pass);
	world.pass_seen = is_under_way;
	look_at_packed(j);
}

void world_compaction_end(void)
{
	if (world.pass_seen)
		world_sometimes(SOMETIMES_COMPACTION_CUT);
}
