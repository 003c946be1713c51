/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room that is not data's. What stands in the log may ask for more of it: an event of a topic that
 * is bound will be copied, and a member may publish something for what it settles. Were the log
 * full of such events, with no room for that, nothing would ever end it. So of the room before the
 * reserve producers may not have all (docs/design/room-for-copies.md):
 *
 *   copies       may take all of it
 *   members      (what they publish with what they settle, dead letters, what is redriven) are
 *                refused while what is to be copied may need what there is
 *   data         waits while what is to be copied may need what there is, less what is left to
 *                members: a segment, or as much as there is to settle if that is less, and as much
 *                again as there is to settle; of that a quarter, if since the open members have
 *                settled something and published nothing with it
 *
 * What copies may need is known before an event is let in: at most twice its bytes and
 * COPY_MORE_BYTES, for each topic that it will come to (what a copy has more than its event, the
 * progress over it, and what its batch and its chunk are filled up with); of a transformer its text
 * more, and twice the event for each of its variables. How far there is nothing
 * to be copied any more the group says (H5).
 */
#include "core/log/writer.h"

#include <errno.h>

#include "core/base/bug.h"
#include "core/record/filter_record.h"

#define COPY_TIMES 2u
#define COPY_MORE_BYTES 512u
/* What is kept for an event of this size, which is the smallest there is with a payload. */
#define EVENT_BYTES_MIN 32u
/* Topics that one event comes to are counted up to here. */
#define WEIGHT_MAX 4096u
/* Without a journal: chunks for what members publish, whatever they have to settle. */
#define MEMBER_CHUNKS 2u
/* Part of what is to be settled that is left to members who are known to publish nothing for it. */
#define MEMBER_PART 4u
/* How far a memory-only log looks for room: more than a round of data can be worth. */
#define LOOK_BYTES (8ull << 20)

int wr_writer_copiers_init(struct wr_writer *w, struct wr_memory *memory)
{
	uint32_t most = w->tables->catalog.limits.subscriptions_max;
	w->copiers = memory->ops->alloc(memory, most * sizeof *w->copiers, 64);
	return w->copiers != NULL ? 0 : -ENOMEM;
}

void wr_writer_copiers_fini(struct wr_writer *w, struct wr_memory *memory)
{
	if (w->copiers == NULL)
		return; /* nor may there be tables: the open has failed before */
	uint32_t most = w->tables->catalog.limits.subscriptions_max;
	memory->ops->free(memory, w->copiers, most * sizeof *w->copiers);
	w->copiers = NULL;
}

/* How many topics a copy of each comes to: its own target, and what is copied from there. */
static void weigh(struct wr_writer *w)
{
	struct wr_copy_weight *c = w->copiers;
	bool more = true;
	/* There is no circle (core/pipeline/topic_ways.c), and were there one, this would end. */
	for (uint32_t round = 0; more && round < w->copier_count; round++) {
		more = false;
		for (uint32_t i = 0; i < w->copier_count; i++) {
			uint32_t weight = 1;
			for (uint32_t k = 0; k < w->copier_count; k++)
				if (c[k].source == c[i].target || c[k].source == c[i].aside)
					weight = (uint32_t)wr_min_u64(weight + c[k].weight,
								      WEIGHT_MAX);
			more = more || weight != c[i].weight;
			c[i].weight = weight;
		}
	}
	w->copies_max = w->times_max = w->more_max = 0;
	for (uint32_t i = 0; i < w->copier_count; i++) {
		uint64_t sum = 0;
		for (uint32_t k = 0; k < w->copier_count; k++)
			sum += c[k].source == c[i].source ? c[k].weight : 0;
		w->copies_max = wr_max_u64(w->copies_max, sum);
		w->times_max = wr_max_u64(w->times_max, c[i].times);
		w->more_max = wr_max_u64(w->more_max, c[i].more_bytes);
	}
}

/* What a transformer makes: its text, and the event's for each of its variables. */
static void count_transform(struct wr_writer *w, struct wr_copy_weight *c)
{
	struct wr_filter_transform transform;
	c->aside = WR_TARGET_NONE;
	c->times = COPY_TIMES;
	c->more_bytes = COPY_MORE_BYTES;
	if (!wr_filters_transform(&w->tables->filters, c->subscription, &transform))
		return;
	c->aside = transform.dead_letters;
	c->more_bytes += transform.text_bytes;
	for (uint32_t i = 0; i < transform.text_bytes; i++)
		c->times += transform.text[i] == '<' ? COPY_TIMES : 0;
}

/* Who copies, as the log has it now. */
static void find_copiers(struct wr_writer *w)
{
	const struct wr_filters *f = &w->tables->filters;
	struct wr_catalog *catalog = &w->tables->catalog;
	uint32_t count = wr_catalog_subscription_count(catalog);
	if (w->filters_seen == f->given && w->subscriptions_seen == count)
		return;
	w->filters_seen = f->given;
	w->subscriptions_seen = count;
	w->copier_count = 0;
	for (uint32_t id = 0; id < count && f->copying + f->binding > 0; id++) {
		const struct wr_subscription *s = &catalog->subscriptions[id];
		if (!wr_filters_bind(f, id) && !wr_filters_copy(f, id))
			continue;
		struct wr_copy_weight *c = &w->copiers[w->copier_count++];
		*c = (struct wr_copy_weight){
			.subscription = id,
			.source = s->topics[0],
			.target = wr_filters_target(f, id),
		};
		count_transform(w, c);
	}
	weigh(w);
}

/* Below it nothing is to be copied by this one. */
static uint64_t copied_seq(const struct wr_writer *w, uint32_t id)
{
	const struct wr_subscription *s = &w->tables->catalog.subscriptions[id];
	uint64_t seq = id < w->hold_count ? wr_park_look_u64(&w->holds[id].copied_seq) : 0; /* H5 */
	if (seq != 0)
		return seq;
	/* Nobody has begun yet. */
	seq = UINT64_MAX;
	for (uint32_t r = 0; r < s->row_count; r++) {
		struct wr_settle_row *row = &w->tables->settle.rows[s->row_first + r];
		seq = wr_min_u64(seq, wr_load_relaxed(&row->position)); /* own */
	}
	return seq;
}

/* Bytes of the open chunk that data may have. */
static uint64_t rest_bytes(const struct wr_writer *w)
{
	return w->chunk != NULL && !w->chunk_is_kept ? wr_writer_room(w) : 0;
}

/* What may be taken for copies of what stands in the log from `seq` on. */
static uint64_t copies_bytes(const struct wr_writer *w, uint64_t seq, uint64_t times,
			     uint64_t more_bytes)
{
	if (seq >= w->next_seq)
		return 0;
	uint64_t bytes = wr_room_chunks_from(&w->room, seq) * w->chunks->chunk_bytes;
	uint64_t rest = w->chunk != NULL ? wr_writer_room(w) : 0;
	return (bytes - wr_min_u64(bytes, rest)) * times + (w->next_seq - seq) * more_bytes;
}

/* All that may be needed for copies of what is there. */
static uint64_t kept_for_copies(struct wr_writer *w)
{
	uint64_t each = 0, lowest = UINT64_MAX;
	find_copiers(w);
	for (uint32_t i = 0; i < w->copier_count; i++) {
		const struct wr_copy_weight *c = &w->copiers[i];
		uint64_t seq = copied_seq(w, c->subscription);
		/* What a copy of a copy is made of may be as large as the largest copy. */
		each += c->weight == 1
				? copies_bytes(w, seq, c->times, c->more_bytes)
				: c->weight * copies_bytes(w, seq, w->times_max, w->more_max);
		lowest = wr_min_u64(lowest, seq);
	}
	/* No event is of two topics. */
	return wr_min_u64(each, copies_bytes(w, lowest, w->times_max, w->more_max) * w->copies_max);
}

/* Room before the reserve, in bytes; without a journal no further than `most`. */
static uint64_t room_bytes(struct wr_writer *w, uint64_t most)
{
	uint64_t chunk_bytes = w->chunks->chunk_bytes;
	if (w->link != NULL) {
		uint64_t end = wr_load_acquire(&w->link->room_end); /* D5 */
		uint64_t taken = w->link->extents_ring.head_own;
		return rest_bytes(w) + (end > taken ? end - taken : 0) * chunk_bytes;
	}
	uint64_t wanted = most / chunk_bytes + 1 + WR_CONTROL_CHUNKS;
	uint64_t count = wr_writer_chunks_to_be_had(w, wanted);
	return rest_bytes(w) +
	       (count > WR_CONTROL_CHUNKS ? count - WR_CONTROL_CHUNKS : 0) * chunk_bytes;
}

/* Chunks of what members may still publish something for. */
static uint64_t unsettled_chunks(struct wr_writer *w)
{
	uint64_t seq = wr_writer_held_seq(w);
	if (w->link != NULL)
		seq = wr_max_u64(wr_writer_needed_seq(w),
				 wr_park_look_u64(&w->unsettled_seq)); /* H5 */
	return seq < w->next_seq ? wr_room_chunks_from(&w->room, seq) : 0;
}

/* What data leaves to them. `room`: with more than it and `kept` nothing has to be counted. */
static uint64_t kept_for_members(struct wr_writer *w, uint64_t room, uint64_t kept)
{
	uint64_t chunk_bytes = w->chunks->chunk_bytes;
	uint64_t least = w->link != NULL ? w->options.segment_chunks : MEMBER_CHUNKS;
	uint64_t part = w->settles_seen && !w->outputs_seen ? MEMBER_PART : 1;
	uint64_t most = (least + w->room.opened / part) * chunk_bytes;
	if (least == 0 || w->subscriptions_seen == 0 || WR_BUG(NO_ROOM_FOR_MEMBERS) ||
	    (w->link != NULL && room > kept && room - kept > most))
		return 0;
	uint64_t chunks = unsettled_chunks(w);
	return (wr_min_u64(chunks, least) + chunks / part) * chunk_bytes;
}

/* What a run and its copies may take. */
static uint64_t worth(const struct wr_writer *w, uint64_t bytes, uint64_t records)
{
	return bytes + (bytes * w->times_max + records * w->more_max) * w->copies_max;
}

/* D6: what is to be ready for copies, in whole segments, and whether data waits. */
static void tell(struct wr_writer *w, uint64_t kept, bool held)
{
	w->is_held = held;
	if (w->link == NULL || w->options.segment_chunks == 0)
		return;
	uint64_t segment_bytes = (uint64_t)w->options.segment_chunks * w->chunks->chunk_bytes;
	uint64_t extents = (kept + segment_bytes - 1) / segment_bytes * w->options.segment_chunks;
	uint32_t count = (uint32_t)wr_min_u64(extents, UINT32_MAX);
	if (wr_load_relaxed(&w->link->kept_extents) != count) {  /* own */
		wr_store_release(&w->link->kept_extents, count); /* D6 */
		w->room_told++;
	}
	if (wr_load_relaxed(&w->link->held) != (held ? 1u : 0u)) { /* own */
		wr_store_release(&w->link->held, held ? 1u : 0u);  /* D6 */
		w->room_told++;
	}
}

static bool is_asked(const struct wr_writer *w)
{
	return w->link != NULL ? w->options.segment_chunks > 0 : w->hold_count > 0;
}

uint64_t wr_writer_data_bytes(struct wr_writer *w)
{
	if (!is_asked(w))
		return UINT64_MAX;
	if (wr_park_look_u64(&w->room_is_free) != 0) { /* H5 */
		tell(w, 0, false);
		return UINT64_MAX;
	}
	uint64_t copies = WR_BUG(NO_ROOM_FOR_COPIES) ? 0 : kept_for_copies(w);
	if (w->subscriptions_seen == 0)
		return UINT64_MAX;
	/* Nothing is held in memory: what is there may all be overrun. */
	if (w->link == NULL && w->copier_count == 0 && wr_writer_held_seq(w) == UINT64_MAX)
		return UINT64_MAX;
	/* The next run, and its copies, whatever it is. */
	uint64_t next = w->copies_max > 0 ? worth(w, w->options.run_bytes_max, 1) : 0;
	uint64_t room = w->link != NULL ? room_bytes(w, 0) : 0;
	uint64_t kept = copies + kept_for_members(w, room, copies);
	if (w->link == NULL)
		room = room_bytes(w, kept + next + LOOK_BYTES);
	/* Where nothing is to be worked off there is nothing to wait for. */
	bool held = kept > 0 && room <= kept + next;
	tell(w, copies, held);
	if (held)
		return 0;
	if (w->copies_max == 0)
		return UINT64_MAX;
	uint64_t left = room - wr_min_u64(room, kept + next);
	return left / worth(w, EVENT_BYTES_MIN, 1) * EVENT_BYTES_MIN + 1;
}

bool wr_writer_members_may_go(struct wr_writer *w, uint32_t bytes, uint32_t records)
{
	if (!is_asked(w) || w->copier_count == 0)
		return true;
	uint64_t copies = kept_for_copies(w), wanted = copies + worth(w, bytes, records);
	return copies == 0 || room_bytes(w, wanted) > wanted;
}
