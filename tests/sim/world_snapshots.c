/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of keys, in one history of three. Somebody folds events, those of each key and all of
 * them, and remembers what they came to, whatever becomes of the pipeline; and keeps snapshots. In
 * the history stands what he has, what a snapshot and the rest behind it come to, now or as of an
 * earlier place, and what a replay from the first event does. Snapshots are damaged: an older one
 * is taken then, or none.
 *
 * Where retention took what he had not read, all begins anew behind it, as another version of the
 * state. By a generator of its own, so that other seeds stay as they are.
 */
#include <errno.h>
#include <string.h>

#include <weir/replay.h>

#include "core/pipeline/snapshot.h"
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 3u
#define ACT_ONE_IN 16u
#define ALL WORLD_EVENT_KEYS /* the sum of all events */
#define EACH WORLD_SUMS
#define ITEMS 32u
#define IDLE_MAX 4u
#define NAME "sums"

enum reading {
	READ_WHOLE,
	READ_GAP,
	READ_NOT, /* not to its end: nothing is said of it */
};

static uint64_t below(uint64_t bound)
{
	return wr_prng_below(&world.snapshots_prng, bound);
}

void world_snapshots_begin(void)
{
	/* What has left is in no replay, but in the head of who read it. */
	world.has_snapshots = world.seed % SEED_ONE_IN == 1 && world.history != NULL &&
			      !world.memory_only && !world.erases && !world.compacts;
	wr_prng_init(&world.snapshots_prng, world.seed ^ 0x57a9);
	memset(&world.snapshots, 0, sizeof world.snapshots);
}

/* For what is read anew. */
void world_snapshots_options(struct weir_options *o)
{
	if (world.has_snapshots)
		o->members_max++;
}

static bool may_fail(int rc)
{
	return rc == WEIR_E_AGAIN || rc == WEIR_E_TRUNCATED ||
	       (rc == WEIR_E_FAILED && world_has_failed()) ||
	       (!world.healing && (rc == -EIO || rc == -ENOSPC || rc == WEIR_E_CORRUPT));
}

/* --- folding ---------------------------------------------------------------------------------- */

static void add(uint64_t *sum, const struct weir_item *item)
{
	uint64_t x = *sum + item->sequence;

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t part = wr_get_u32((const uint8_t *)item->payload + 4ull * i);
		x = (x ^ x >> 31 ^ part) * 0x9e3779b97f4a7c15u;
	}
	*sum = x ^ x >> 29;
}

static void take(struct world_sums *sums, uint32_t which, const struct weir_item *item)
{
	uint32_t key = world_key_number(item->key, item->key_bytes);

	if (which != EACH) {
		add(&sums->of[which], item);
		return;
	}
	if (key < WORLD_EVENT_KEYS)
		add(&sums->of[key], item);
	add(&sums->of[ALL], item);
}

static struct weir_replay *open_replay(uint32_t which, uint64_t from_seq, uint64_t end_seq)
{
	struct weir_replay_options o;
	struct weir_replay *replay = NULL;

	weir_replay_options_init(&o);
	o.from_sequence = from_seq;
	o.end_sequence = end_seq;
	o.topics = world.topics;
	o.topic_count = WORLD_TOPICS;
	o.gate = WEIR_LEVEL_DURABLE;
	if (which < WORLD_EVENT_KEYS) {
		o.key = world_key_text(which);
		o.key_bytes = strlen(o.key);
	}
	int rc = weir_replay_open(world.pipeline, &o, &replay, &world.problem);
	world_check(rc == 0 || may_fail(rc) || rc == WEIR_E_FULL, "replay_open", (uint64_t)-rc,
		    from_seq);
	return rc == 0 ? replay : NULL;
}

/* On to a place; behind a gap nothing of it counts, and it says where that ends. */
static enum reading fold(struct world_sums *sums, uint32_t which, uint64_t to_seq)
{
	struct weir_replay_progress at = {.done = true};
	struct weir_item items[ITEMS];
	uint32_t idle = 0;

	uint64_t from_seq = sums->seq + 1;
	sums->seq = to_seq;
	if (from_seq > to_seq)
		return READ_WHOLE; /* by what it was told it is there */
	struct weir_replay *replay = open_replay(which, from_seq, to_seq + 1);
	if (replay == NULL)
		return READ_NOT;
	while (idle < IDLE_MAX) {
		uint64_t before_seq = at.next_sequence;
		int count = weir_replay_next(replay, items, ITEMS, 0);
		for (int i = 0; i < count; i++) {
			if (items[i].kind == WEIR_ITEM_GAP) {
				sums->seq = items[i].end_sequence - 1;
				weir_replay_close(replay);
				return READ_GAP;
			}
			take(sums, which, &items[i]);
		}
		weir_replay_progress(replay, &at);
		if (count < 0 || (count == 0 && at.done))
			break;
		idle = count == 0 && at.next_sequence == before_seq ? idle + 1 : 0;
	}
	weir_replay_close(replay);
	return at.done ? READ_WHOLE : READ_NOT;
}

static struct world_sums at_start(void)
{
	const struct world_snapshots *w = &world.snapshots;
	return (struct world_sums){.start_seq = w->sums.start_seq, .seq = w->sums.start_seq};
}

/* What he has himself goes on to what is durable. */
static bool follow(void)
{
	struct world_snapshots *w = &world.snapshots;
	uint64_t durable = wr_load_acquire(&world.pipeline->link.durable_seq);
	struct world_sums sums = w->sums;

	enum reading reading = fold(&sums, EACH, durable);
	if (reading == READ_GAP) {
		*w = (struct world_snapshots){
			.sums = {.start_seq = sums.seq, .seq = sums.seq},
		};
		return false;
	}
	if (reading != READ_WHOLE)
		return false;
	w->sums = sums;
	w->past[w->past_count++ % WORLD_PAST] = sums;
	return true;
}

/* --- snapshots -------------------------------------------------------------------------------- */

static uint32_t version(void)
{
	return (uint32_t)world.snapshots.sums.start_seq + 1;
}

static const char *key_of(uint32_t which)
{
	return which < WORLD_EVENT_KEYS ? world_key_text(which) : NULL;
}

static size_t key_bytes_of(uint32_t which)
{
	return which < WORLD_EVENT_KEYS ? strlen(world_key_text(which)) : 0;
}

/* The newest that is whole is found, unless what lies above it could not be read. */
static void check_found(uint32_t which, uint64_t up_to_seq, const struct weir_snapshot *s)
{
	const struct world_snapshot *kept = world.snapshots.kept[which];
	uint64_t found_seq = s->block != NULL ? s->pos.sequence : 0, wanted_seq = 0;
	uint32_t damaged = 0;

	for (uint32_t i = 0; i < WORLD_SNAPSHOTS && wanted_seq == 0; i++) {
		if (kept[i].seq == 0 || kept[i].seq > up_to_seq || kept[i].is_lost)
			continue;
		if (kept[i].is_damaged)
			damaged++;
		else
			wanted_seq = kept[i].seq;
		world_check(!kept[i].is_damaged || found_seq != kept[i].seq,
			    "a damaged snapshot is loaded", found_seq, which);
	}
	world_check(found_seq <= up_to_seq, "a snapshot of later", found_seq, up_to_seq);
	world_check(found_seq >= wanted_seq || s->ignored > damaged,
		    "a snapshot that was kept is not found", found_seq, wanted_seq);
	if (found_seq != 0)
		world_sometimes(SOMETIMES_SNAPSHOT_LOADED);
	if (found_seq != 0 && damaged > 0)
		world_sometimes(SOMETIMES_SNAPSHOT_OLDER);
}

/* By a snapshot, and what lies behind it; false: not to be had now. */
static bool by_snapshot(uint32_t which, uint64_t up_to_seq, struct world_sums *ret_sums)
{
	struct weir_snapshot_query q;
	struct weir_snapshot s = {.block = NULL};

	weir_snapshot_query_init(&q);
	q.name = NAME;
	q.key = key_of(which);
	q.key_bytes = key_bytes_of(which);
	q.schema_version = version();
	q.up_to_sequence = up_to_seq;
	int rc = weir_snapshot_load(world.pipeline, &q, &s, &world.problem);
	world_note("snapshot load", up_to_seq, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || rc == -ENOENT || may_fail(rc), "snapshot_load", (uint64_t)-rc,
		    which);
	if (rc != 0 && rc != -ENOENT)
		return false;
	check_found(which, up_to_seq, &s);
	*ret_sums = at_start();
	if (rc == 0) {
		ret_sums->seq = s.pos.sequence;
		memcpy(&ret_sums->of[which], s.state,
		       wr_min_u64(s.state_bytes, sizeof ret_sums->of[which]));
		weir_snapshot_free(world.pipeline, &s);
	}
	return fold(ret_sums, which, up_to_seq) == READ_WHOLE;
}

static void put(uint32_t which, const struct world_sums *sums)
{
	struct world_snapshot *kept = world.snapshots.kept[which];
	struct weir_snapshot_options o;

	if (sums->seq == sums->start_seq)
		return;
	weir_snapshot_options_init(&o);
	o.name = NAME;
	o.key = key_of(which);
	o.key_bytes = key_bytes_of(which);
	o.schema_version = version();
	o.sequence = sums->seq;
	o.keep = WORLD_SNAPSHOTS;
	o.state = &sums->of[which];
	o.state_bytes = sizeof sums->of[which];
	int rc = weir_snapshot_put(world.pipeline, &o, &world.problem);
	world_note("snapshot put", sums->seq, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || may_fail(rc), "snapshot_put", (uint64_t)-rc, which);
	/* One that could not be read was removed, and may not be there again. */
	if (rc != 0 && kept[0].seq == sums->seq)
		kept[0].is_lost = true;
	if (rc != 0)
		return;
	if (kept[0].seq != sums->seq)
		memmove(&kept[1], &kept[0], (WORLD_SNAPSHOTS - 1) * sizeof *kept);
	kept[0] = (struct world_snapshot){.seq = sums->seq};
	world_sometimes(SOMETIMES_SNAPSHOT_PUT);
}

/* A bit of the state or of the header, or the file ends in front of the state's end. */
static void damage(uint32_t which)
{
	struct world_snapshot *kept = &world.snapshots.kept[which][below(4) == 0 ? 1 : 0];
	char name[WR_STORAGE_NAME_MAX + 1];
	struct wr_snapshot_id id;
	uint64_t state_at = WR_SNAPSHOT_HEADER_BYTES + key_bytes_of(which);

	if (kept->seq == 0 || kept->is_damaged || kept->is_lost)
		return;
	world_check(wr_snapshot_id_of(NAME, key_of(which), key_bytes_of(which), version(), &id,
				      NULL) == 0,
		    "a name of a snapshot", which, 0);
	wr_snapshot_file_name(name, &id, kept->seq);
	uint64_t kind = below(6);
	if (kind == 0)
		(void)wr_sim_disk_truncate(world.disk, name, below(state_at + sizeof(uint64_t)));
	else
		(void)wr_sim_disk_corrupt(world.disk, name,
					  kind == 1 ? below(WR_SNAPSHOT_HEADER_BYTES)
						    : state_at + below(sizeof(uint64_t)),
					  (unsigned)below(8));
	kept->is_damaged = true;
}

/* --- what is done ----------------------------------------------------------------------------- */

static void say(uint32_t which, const struct world_sums *sums)
{
	world_say_state((uint32_t)sums->start_seq * (WORLD_SUMS + 1) + which + 1, sums->seq,
			sums->of[which]);
}

static void as_of(uint32_t which)
{
	const struct world_snapshots *w = &world.snapshots;
	const struct world_sums *past = &w->past[below(wr_min_u64(w->past_count, WORLD_PAST))];
	struct world_sums sums;

	say(which, past);
	if (by_snapshot(which, past->seq, &sums))
		say(which, &sums);
}

static void from_the_first(uint32_t which)
{
	struct world_sums sums = at_start();

	if (fold(&sums, which, world.snapshots.sums.seq) == READ_WHOLE)
		say(which, &sums);
}

static void act(uint32_t which)
{
	const struct world_sums *own = &world.snapshots.sums;
	struct world_sums sums;
	uint64_t what = below(8);

	say(which, own);
	if (what < 4) {
		if (!by_snapshot(which, own->seq, &sums)) {
			put(which, own);
			return;
		}
		say(which, &sums);
		put(which, &sums);
	} else if (what < 6) {
		as_of(which);
	} else if (what < 7) {
		damage(which);
	} else {
		from_the_first(which);
	}
}

void world_snapshots_act(void)
{
	uint64_t requests = world_memory_requests(), allowed = world.requests;

	if (!world.has_snapshots || world_has_failed() || below(ACT_ONE_IN) != 0)
		return;
	if (follow())
		act((uint32_t)below(WORLD_SUMS));
	world.requests = allowed + world_memory_requests() - requests;
}

/* Once more of each, when nothing goes wrong. */
void world_snapshots_drain(void)
{
	uint64_t requests = world_memory_requests(), allowed = world.requests;

	if (!world.has_snapshots)
		return;
	if (follow())
		for (uint32_t which = 0; which < WORLD_SUMS; which++) {
			struct world_sums sums;
			say(which, &world.snapshots.sums);
			if (by_snapshot(which, world.snapshots.sums.seq, &sums))
				say(which, &sums);
			from_the_first(which);
		}
	world.requests = allowed + world_memory_requests() - requests;
}
