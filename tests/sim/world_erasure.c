/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that are erased, in one seed of thirteen, and what must hold then. From the record that
 * erases on no member is handed an event of the key that stands below it, and no dead letter is
 * made of one; segments are written anew without those events and without no other one; and when
 * the log says that all is done, no sector of the medium has a byte of them: of files that a name
 * leads to now or after a power cut, what reads see and what is durable. Whatever a crash took, it
 * goes on, and comes to its end.
 *
 * For that each payload says whose it is, again and again; also what a crash took out of the log
 * may not lie about. What is drawn here is of this file's own: other seeds stay as they are.
 */
#include <string.h>

#include "core/base/siphash.h"
#include "core/record/left_out.h"
#include "core/record/origin.h"
#include "tests/sim/medium_tags.h"
#include "tests/sim/oracle.h"

#include <weir/erase.h>

#define ERASURES_MAX 64u
#define ACT_ONE_IN 24u
#define LOOK_ONE_IN 4u
#define RETENTION_TIMES 24u
#define SEGMENTS_MAX 2048u
#define DRAIN_ROUNDS (8 * DRAIN_ROUNDS_MAX)
#define ALL WORLD_TOPICS_MAX /* in the place of a topic */

#define PAYLOAD_LEAST 16u

/* --- what is drawn ---------------------------------------------------------------------------- */

void world_erasure_begin(void)
{
	/* Some with queues, some with instances. */
	bool is_drawn = world.seed % 48 == 4 || world.seed % 48 == 7 || world.seed % 48 == 34;

	is_drawn = is_drawn || world.seed % 72 == 13; /* these compact, too */
	world.erases = is_drawn && !world.memory_only;
	wr_prng_init(&world.erase_prng, world.seed ^ 0xe4a5e);
}

void world_erasure_options(struct weir_options *o)
{
	if (!world.erases)
		return;
	o->erasures_max = ERASURES_MAX;
	world_segments_at_least(o, SEGMENTS_MAX);
	/* Else what is erased has mostly been retired. */
	if (world.seed / 48 % 2 == 0)
		o->retention_bytes *= RETENTION_TIMES;
}

static uint16_t sum_of(uint32_t source, uint32_t k)
{
	uint64_t x = (world.seed + 1) * 0x9e3779b97f4a7c15u ^ ((uint64_t)source << 32 | k);

	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
	return (uint16_t)(x >> 40);
}

void world_erasure_payload(uint32_t source, uint32_t k, uint8_t *payload, size_t *bytes)
{
	uint16_t sum = sum_of(source, k);
	const uint8_t tag[MEDIUM_TAG_BYTES] = {
		MEDIUM_TAG_FIRST, MEDIUM_TAG_SECOND, MEDIUM_TAG_THIRD, (uint8_t)source,
		(uint8_t)k,       (uint8_t)(k >> 8), (uint8_t)sum,     (uint8_t)(sum >> 8),
	};

	if (!world.erases)
		return;
	*bytes = *bytes < PAYLOAD_LEAST ? PAYLOAD_LEAST : *bytes;
	for (size_t at = MEDIUM_TAG_BYTES; at + MEDIUM_TAG_BYTES <= *bytes; at += MEDIUM_TAG_BYTES)
		memcpy(payload + at, tag, MEDIUM_TAG_BYTES);
}

/* --- which are erased ------------------------------------------------------------------------- */

void oracle_erasures_reset(void)
{
	oracle.erasure_count = 0;
	memset(oracle.erased_below, 0, sizeof oracle.erased_below);
}

void oracle_erasure_fold(uint64_t seq, const struct wr_record_view *view)
{
	uint32_t topic = view->head->topic, key = 0;
	struct wr_erase erase = {.is_mark = true};
	uint64_t hash[2];

	world_check(world.erases && wr_erase_read(view, &erase), "an erasure that nobody asked for",
		    seq, topic);
	if (erase.is_mark)
		return;
	for (; key < WORLD_EVENT_KEYS; key++) {
		const char *text = world_key_text(key);
		wr_siphash128(erase.secret, text, strlen(text), hash);
		if (hash[0] == erase.hash[0] && hash[1] == erase.hash[1])
			break;
	}
	topic = topic == WR_ERASE_ALL_TOPICS ? ALL : topic;
	world_check(key < WORLD_EVENT_KEYS && topic <= ALL && topic != WORLD_DEAD,
		    "an erasure of what nobody named", seq, topic);
	world_check(oracle.erasure_count < ORACLE_ERASURES_MAX, "more erasures than were asked for",
		    seq, topic);
	oracle.erasures[oracle.erasure_count++] =
		(struct oracle_erasure){.seq = seq, .topic = topic, .key = key};
	oracle.erased_below[topic][key] = seq;
}

/* Where a dead letter comes from; its own topic, where it is none. */
static uint32_t first_topic(const struct oracle_record *o)
{
	struct weir_item item = {.record = oracle.bytes + o->at, .record_bytes = o->bytes};
	struct weir_origin origin;

	if (!world_has_letters() || o->topic != WORLD_DEAD || !weir_item_origin(&item, &origin))
		return o->topic;
	return origin.topic;
}

bool oracle_is_erased(uint64_t seq)
{
	const struct oracle_record *o = &oracle.records[seq];

	if (oracle.erasure_count == 0 || !oracle_has_event(o) || o->key >= WORLD_EVENT_KEYS)
		return false;
	return seq < oracle.erased_below[ALL][o->key] ||
	       seq < oracle.erased_below[o->topic][o->key] ||
	       (o->topic == WORLD_DEAD && seq < oracle.erased_below[first_topic(o)][o->key]);
}

/* A handler, which may be called in the join, has in hand what was polled before. */
bool oracle_erased_item(const struct world_member *m, const struct weir_item *item)
{
	bool says_so = item->kind == WEIR_ITEM_GAP && (item->flags & WEIR_ITEM_ERASED) != 0;

	world_check(item->kind != WEIR_ITEM_EVENT || m->is_handled || m->busy ||
			    !oracle_is_erased(item->sequence),
		    "handed out, and erased", item->sequence, m->subscription);
	world_check(!says_so || (oracle_is_erased(item->sequence) &&
				 item->end_sequence == item->sequence + 1 && item->key == NULL &&
				 item->payload == NULL && item->record == NULL &&
				 item->record_bytes == oracle.records[item->sequence].bytes),
		    "a gap tells more of an erased event than its place", item->sequence,
		    item->end_sequence);
	if (says_so)
		world_sometimes(SOMETIMES_ERASED_GAP);
	return says_so;
}

/* By a record that stands at `up_to_seq` or below, of what stands, or stood, below that one. */
static bool is_erased_by(uint32_t topic, uint32_t key, uint64_t seq, uint64_t up_to_seq)
{
	for (uint32_t i = 0; i < oracle.erasure_count; i++) {
		const struct oracle_erasure *e = &oracle.erasures[i];
		if (e->key == key && (e->topic == topic || e->topic == ALL) && seq < e->seq &&
		    e->seq <= up_to_seq)
			return true;
	}
	return false;
}

bool oracle_may_be_erased(uint64_t seq)
{
	const struct oracle_record *o = &oracle.records[seq];

	return oracle_has_event(o) && o->key < WORLD_EVENT_KEYS &&
	       (is_erased_by(o->topic, o->key, seq, oracle.kept_seq) ||
		is_erased_by(first_topic(o), o->key, seq, oracle.kept_seq));
}

/* --- the medium ------------------------------------------------------------------------------- */

/* Of an event that the log does not have: when somebody handed it over last. */
static bool is_of_lost(uint32_t source, uint32_t k, uint64_t done_seq)
{
	struct weir_event event;

	world_event_of(source, k, &event);
	return event.key != NULL &&
	       is_erased_by(event.topic, world_key_number(event.key, (uint32_t)event.key_bytes),
			    oracle.sources[source].made_at[k], done_seq);
}

static void check_tag(void *context, const uint8_t *tag)
{
	const uint64_t done_seq = *(const uint64_t *)context;
	uint32_t source = tag[3], k = wr_get_u16(tag + 4);

	if (k == 0 || k >= ORACLE_KS_MAX || source >= oracle.source_count ||
	    wr_get_u16(tag + 6) != sum_of(source, k))
		return;
	const struct oracle_source *s = &oracle.sources[source];
	uint64_t seq = s->seq_of[k];
	const struct oracle_record *o = &oracle.records[seq];
	if (seq == 0 || seq > oracle.end_seq || k > s->last_k || o->source != source || o->k != k)
		world_check(!is_of_lost(source, k, done_seq),
			    "what was erased, and had been lost before, is on the medium", source,
			    k);
	else if (o->key < WORLD_EVENT_KEYS)
		world_check(!is_erased_by(o->topic, o->key, seq, done_seq),
			    "what was erased is on the medium", seq, done_seq);
}

static void check_medium(uint64_t done_seq)
{
	medium_tags_each(world.disk, check_tag, &done_seq);
	world.erased_seen = done_seq;
	world_sometimes(SOMETIMES_ERASURES_DONE);
}

/* --- a life ----------------------------------------------------------------------------------- */

void world_erasure_opened(void)
{
	uint64_t done_seq = world.pipeline->recovered.superblock.erased_seq;

	world.erased_seen = 0;
	world_check(done_seq == 0 || world.erases, "done, and nobody asked for it", done_seq, 0);
	world_check(done_seq <= oracle.end_seq, "done, of what is not in the log", done_seq,
		    oracle.end_seq);
	if (done_seq > 0)
		check_medium(done_seq);
}

/* It looks each 20 ms, which is a fifth of a life here. */
void world_erasure_nudge(void)
{
	if (world.erases && wr_prng_below(&world.erase_prng, LOOK_ONE_IN) == 0)
		world.pipeline->journal->erasing.look_at_ns = 0;
}

void world_erasure_act(void)
{
	struct weir_problem problem = {0};
	uint64_t sequence = 0;

	if (!world.erases || world_is_dead() || oracle.erasure_count >= ORACLE_ERASURES_MAX / 2 ||
	    wr_prng_below(&world.erase_prng, ACT_ONE_IN) != 0)
		return;
	uint32_t topic = (uint32_t)wr_prng_below(&world.erase_prng, WORLD_TOPICS + 1);
	uint32_t key = (uint32_t)wr_prng_below(&world.erase_prng, WORLD_EVENT_KEYS);
	const char *text = world_key_text(key);
	int rc = weir_erase_key(world.pipeline,
				topic < WORLD_TOPICS ? world.topics[topic] : WEIR_ALL_TOPICS, text,
				strlen(text), &sequence, &problem);
	world_note("erase", sequence, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || world_has_failed(), "erase_key", (uint64_t)-rc, key);
	if (rc != 0)
		return;
	world_check(sequence <= oracle.end_seq && oracle.records[sequence].kind == WR_KIND_ERASE,
		    "an erasure that the log does not have", sequence, key);
	world_check(sequence <= wr_load_acquire(&world.pipeline->link.durable_seq),
		    "an erasure was answered before it was durable", sequence, key);
	world_say_erasure(sequence, WEIR_LEVEL_DURABLE);
	world_sometimes(SOMETIMES_ERASED);
}

void world_erasure_look(void)
{
	if (!world.erases || world_is_dead())
		return;
	uint64_t done_seq = wr_load_acquire(&world.pipeline->link.erased_seq);
	world_check(done_seq >= world.erased_seen, "less is done than was", done_seq,
		    world.erased_seen);
	if (done_seq > world.erased_seen)
		check_medium(done_seq);
}

void world_erasure_end(void)
{
	if (world.erases && world.pipeline->journal->erasing.phase != WR_JOURNAL_ERASES_NOT)
		world_sometimes(SOMETIMES_ERASURE_CUT);
}

/* --- the end ---------------------------------------------------------------------------------- */

void world_erasure_drain(void)
{
	struct weir_erase_status status = {.bytes_left = true};

	if (!world.erases)
		return;
	for (uint32_t i = 0; i < DRAIN_ROUNDS && status.bytes_left; i++) {
		(void)world_round();
		world_member_drain(&world.members[world_below(WORLD_MEMBERS)]);
		world_check(weir_erase_status(world.pipeline, &status) == 0, "erase_status", 0, 0);
	}
	world_check(!status.bytes_left, "what is to be erased never goes (waits for, at)",
		    status.waits_for, status.at_sequence);
}
