/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_leaves.h. */
#include "tests/sim/journal_leaves.h"

#include <string.h>

#include "core/journal/journal_internal.h"
#include "core/record/left_out.h"
#include "tests/sim/journal_situations.h"
#include "tests/sim/medium_tags.h"

#define SEEDS 16u
#define KEYS_MAX 1024u
#define TOPIC 1u /* the mini writer's */
#define ERASE_ONE_IN 60u
#define LOOK_PPM 100000u
#define WISH_PPM 400000u

void journal_leaves_init(struct journal_leaves *l, uint64_t seed)
{
	memset(l, 0, sizeof *l);
	wr_prng_init(&l->prng, seed ^ 0x1eaf);
	l->compacts = seed % SEEDS == 7 || seed % SEEDS == 15;
	l->erases = seed % SEEDS == 11 || seed % SEEDS == 15;
}

static bool is_on(const struct journal_leaves *l)
{
	return l->compacts || l->erases;
}

/* --- which leave ------------------------------------------------------------------------------ */

/* By a record that stands at `up_to_seq` or below. */
static bool is_erased(const struct journal_leaves *l, uint8_t key, uint64_t order,
		      uint64_t up_to_seq)
{
	for (uint32_t i = 0; i < l->erasure_count; i++) {
		const struct journal_erasure *e = &l->erasures[i];
		if (e->key == key && order < e->order && e->seq <= up_to_seq)
			return true;
	}
	return false;
}

static bool is_erased_at(const struct journal_leaves *l, uint64_t seq, uint64_t up_to_seq)
{
	for (uint32_t i = 0; l->key[seq] != 0 && i < l->erasure_count; i++) {
		const struct journal_erasure *e = &l->erasures[i];
		if (e->key == l->key[seq] && seq < e->seq && e->seq <= up_to_seq)
			return true;
	}
	return false;
}

static uint64_t by(void *context, uint64_t seq, const struct wr_record_view *event)
{
	const struct journal_leaves *l = context;

	for (uint32_t i = l->erasure_count; i > 0 && event->head->key_bytes == 1; i--)
		if (l->erasures[i - 1].key == *event->key && seq < l->erasures[i - 1].seq)
			return l->erasures[i - 1].seq;
	return 0;
}

static int beside(void *context)
{
	(void)context;
	return 0;
}

static bool is_hidden(const struct journal_leaves *l, uint64_t seq)
{
	for (uint64_t i = seq + 1; l->key[seq] != 0 && i <= l->kept_seq; i++)
		if (l->key[i] == l->key[seq])
			return true;
	return false;
}

void journal_leaves_options(struct journal_leaves *l, struct wr_journal_options *o)
{
	if (l->compacts) {
		wr_store_relaxed(&l->topics[TOPIC], wr_compact_policy(0, 0));
		o->compact = (struct wr_compact_options){
			.keys_max = KEYS_MAX,
			.topics = l->topics,
			.topic_count = 2,
			.chunks_in_memory = 1,
		};
	}
	if (l->erases)
		o->erase = (struct wr_erase_options){
			.end_seq = &l->end_seq,
			.by = by,
			.beside = beside,
			.context = l,
		};
}

/* --- what is appended ------------------------------------------------------------------------- */

uint64_t journal_leaves_id(struct journal_leaves *l, struct journal_rig *rig, uint64_t id)
{
	rig->writer.key = 0;
	if (!is_on(l))
		return id;
	rig->writer.key = (uint8_t)(1 + wr_prng_below(&l->prng, JOURNAL_LEAVES_KEYS));
	return (uint64_t)MEDIUM_TAG_FIRST | MEDIUM_TAG_SECOND << 8 | MEDIUM_TAG_THIRD << 16 |
	       (uint64_t)rig->writer.key << 24 | l->order << 32;
}

void journal_leaves_appended(struct journal_leaves *l, const struct journal_rig *rig, uint64_t seq,
			     bool is_event)
{
	if (!is_on(l))
		return;
	l->key[seq] = is_event ? rig->writer.key : 0;
	l->left[seq] = false;
	l->order++;
	if (!l->erases || !is_event || l->erasure_count == JOURNAL_LEAVES_ERASURES ||
	    wr_prng_below(&l->prng, ERASE_ONE_IN) != 0)
		return;
	l->erasures[l->erasure_count++] = (struct journal_erasure){
		.seq = seq,
		.order = l->order - 1,
		.key = (uint8_t)(1 + wr_prng_below(&l->prng, JOURNAL_LEAVES_KEYS)),
	};
	wr_store_release(&l->end_seq, seq); /* ER1 */
}

/* --- the medium ------------------------------------------------------------------------------- */

struct looking {
	struct journal_leaves *leaves;
	uint64_t done_seq;
};

static void look_at(void *context, const uint8_t *tag)
{
	struct looking *looking = context;

	if (tag[3] <= JOURNAL_LEAVES_KEYS &&
	    is_erased(looking->leaves, tag[3], wr_get_u32(tag + 4), looking->done_seq))
		looking->leaves->wrong = "what was erased is on the medium";
}

static void look(struct journal_leaves *l, const struct wr_sim_disk *disk, uint64_t done_seq)
{
	struct looking looking = {.leaves = l, .done_seq = done_seq};

	l->seen_seq = done_seq;
	l->done_count++;
	medium_tags_each(disk, look_at, &looking);
}

int journal_leaves_batch(void *context, const struct wr_batch_header *batch)
{
	struct journal_leaves *l = context;
	const uint8_t *at = (const uint8_t *)batch + WR_BATCH_HEADER_BYTES;

	for (uint32_t i = 0; i < batch->record_count; i++) {
		const struct wr_record *r = (const struct wr_record *)at;
		uint64_t seq = batch->first_seq + i;
		at += wr_record_stride(r->bytes);
		if (r->kind != WR_KIND_LEFT_OUT) {
			if (l->left[seq])
				l->wrong = "what had left the log is back";
			continue;
		}
		bool erased = r->flags == WR_LEFT_OUT_ERASED;
		if (!wr_left_out_is_sound(r) || (!erased && r->flags != WR_LEFT_OUT_COMPACTED))
			l->wrong = "a record says something else of an event that left";
		if (!l->left[seq] &&
		    !(erased ? is_erased_at(l, seq, l->kept_seq) : is_hidden(l, seq)))
			l->wrong = "an event left that has to stay";
		l->erased_count += erased && !l->left[seq];
		l->compacted_count += !erased && !l->left[seq];
		l->left[seq] = true;
	}
	return 0;
}

/* --- a life ----------------------------------------------------------------------------------- */

void journal_leaves_recovered(struct journal_leaves *l, const struct journal_rig *rig,
			      uint64_t last_seq)
{
	while (l->erasure_count > 0 && l->erasures[l->erasure_count - 1].seq > last_seq)
		l->erasure_count--;
	wr_store_release(&l->end_seq, l->erasure_count > 0 /* ER1 */
					      ? l->erasures[l->erasure_count - 1].seq
					      : 0);
	l->kept_seq = last_seq;
	l->seen_seq = 0;
	if (rig->recovered.superblock.erased_seq > last_seq)
		l->wrong = "what was erased is not in the log";
	if (rig->recovered.superblock.erased_seq > 0)
		look(l, rig->o.disk, rig->recovered.superblock.erased_seq);
}

void journal_leaves_pass(struct journal_leaves *l, struct journal_rig *rig)
{
	if (!is_on(l))
		return;
	l->kept_seq = wr_max_u64(l->kept_seq, journal_rig_durable(rig));
	/* It looks seldom, and lives are short. */
	if (wr_prng_chance(&l->prng, LOOK_PPM))
		rig->journal->compaction.look_at_ns = rig->journal->erasing.look_at_ns = 0;
	uint64_t done_seq = wr_load_acquire(&rig->link.erased_seq);
	if (done_seq > l->seen_seq)
		look(l, rig->o.disk, done_seq);
}

enum journal_wish journal_leaves_wish(struct journal_leaves *l, const struct journal_rig *rig)
{
	if (!l->erases || !wr_prng_chance(&l->prng, WISH_PPM))
		return JOURNAL_WISHES_NOTHING;
	if (wr_load_acquire(&rig->link.roll_past_id) != 0) /* ER2 */
		return JOURNAL_WISHES_A_SEGMENT;
	return wr_load_acquire(&rig->link.gate_seq) != 0 /* ER2 */ ? JOURNAL_WISHES_A_CHECKPOINT
								   : JOURNAL_WISHES_NOTHING;
}

bool journal_leaves_waits(const struct journal_leaves *l, const struct journal_rig *rig)
{
	return l->erases && l->erasure_count > 0 &&
	       wr_load_acquire(&rig->link.erased_seq) < l->erasures[l->erasure_count - 1].seq;
}

void journal_leaves_end(struct journal_leaves *l, const struct journal_rig *rig)
{
	l->cut_count += rig->journal->erasing.phase != WR_JOURNAL_ERASES_NOT ||
			rig->journal->compaction.phase != WR_JOURNAL_COMPACTS_NOT;
}

void journal_leaves_count(const struct journal_leaves *l, uint64_t *sometimes)
{
	sometimes[SOMETIMES_COMPACTED] += l->compacted_count;
	sometimes[SOMETIMES_ERASED] += l->erased_count;
	sometimes[SOMETIMES_ERASURES_DONE] += l->done_count;
	sometimes[SOMETIMES_LEAVING_CUT] += l->cut_count;
}
