/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending runs. Two ways through, with the same result:
 *
 *   take_events  stretches of plain events: copied, walked and checksummed in pieces that stay in
 *                the first-level cache. Nothing in them can be refused.
 *   take_run     one run of anything else: copied behind the batch's end, where nobody looks yet,
 *                decided record by record, and kept or forgotten.
 *
 * A lane's bytes are read once, by the copy; all checks are made on the copy (L5). Bytes that
 * cannot be a record poison their lane and nothing else.
 */
#include "core/log/writer.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bug.h"
#include "core/base/crc32c.h"
#include "core/record/recipients.h"
#include "core/record/version.h"

#define PIECE_BYTES 16384u
#define EVENTS_AHEAD 16u
#define SLOW_FLAGS (WR_RECORD_DECIDE | WR_RECORD_WANTS_REPLY)

void wr_writer_poison(struct wr_writer *w, struct wr_lane *lane)
{
	wr_store_relaxed(&w->stats.poisoned, wr_load_relaxed(&w->stats.poisoned) + 1); /* own */
	wr_lane_poison(lane);
}

static uint32_t now_delta(const struct wr_writer *w)
{
	return (uint32_t)(w->now_us - w->batch_time_us);
}

static void put_column(struct wr_writer *w, uint32_t place_bytes, uint32_t tag)
{
	struct wr_chunk *chunk = w->chunk;
	chunk->column[chunk->record_count++] =
		(place_bytes / 8) << w->chunks->tag_bits | (tag & wr_chunks_tag_mask(w->chunks));
}

/* The walk over a copied piece: what it found. */
struct walk {
	uint32_t bytes; /* of whole, plain events */
	uint32_t records;
	bool malformed; /* what follows them cannot be a record */
	bool other;     /* what follows them needs a decision */
};

/*
 * The options of an event that has no decision in them: usually up to seven zeros that align the
 * payload. What replay would not take must not get into the log (L15).
 */
static bool options_are_whole(const struct wr_record *r)
{
	struct wr_record_view view;
	uint32_t count = r->option_bytes;
	if (WR_LIKELY(count < WR_RECORD_ALIGN && wr_get_u64(r + 1) << (64 - 8 * count) == 0))
		return true;
	return wr_record_view(r, r->bytes, &view) && wr_options_plain(&view);
}

static bool has_schema(struct wr_tables *tables, const struct wr_record *r)
{
	uint32_t word = wr_schemas_topic(&tables->schemas, r->topic);
	return wr_schemas_admit(&tables->schemas, word, r);
}

static struct walk walk_events(struct wr_writer *w, uint8_t *piece, uint32_t piece_bytes)
{
	struct walk found = {0};
	struct wr_tables *tables = w->tables;
	uint32_t topic_count = wr_catalog_topic_count(&tables->catalog);
	uint32_t place = w->chunk->used_bytes;
	uint32_t delta = now_delta(w);
	uint32_t at = 0;

	while (piece_bytes - at >= WR_RECORD_HEAD_BYTES) {
		struct wr_record *r = (struct wr_record *)(piece + at);
		uint32_t bytes = r->bytes;
		if (WR_UNLIKELY(bytes < WR_RECORD_HEAD_BYTES || bytes > w->options.run_bytes_max)) {
			found.malformed = true;
			break;
		}
		uint32_t stride = wr_record_stride(bytes);
		if (stride > piece_bytes - at)
			break;
		if (WR_UNLIKELY(r->kind != WR_KIND_EVENT || (r->flags & SLOW_FLAGS) != 0 ||
				r->topic >= topic_count)) {
			found.other = true;
			break;
		}
		if (WR_UNLIKELY((uint32_t)r->option_bytes + r->key_bytes >
					bytes - WR_RECORD_HEAD_BYTES ||
				(r->option_bytes != 0 && !options_are_whole(r)))) {
			found.malformed = true;
			break;
		}
		if (WR_UNLIKELY(tables->schemas.follows) && !has_schema(tables, r)) {
			found.other = true; /* refused, unless it is a copy of weir's own */
			break;
		}
		if (WR_UNLIKELY(tables->lengths.count > 0) &&
		    !wr_lengths_take_one(tables, r, w->next_seq + found.records)) {
			found.other = true; /* refused */
			break;
		}
		r->time_delta_us = delta;
		uint32_t tag = wr_tables_count_event(tables, &tables->catalog.topics[r->topic], r);
		put_column(w, place + at, tag);
		at += stride;
		found.records++;
	}
	found.bytes = at;
	return found;
}

/* Readers learn of a batch with its first record: until then it may be taken back. */
static void register_batch(struct wr_writer *w)
{
	struct wr_chunk *chunk = w->chunk;
	uint32_t count = wr_load_relaxed(&chunk->batch_count); /* own */
	chunk->batches[count] = (struct wr_chunk_batch){
		.place_bytes = w->batch_place,
		.first_index = w->batch_first_index,
	};
	wr_store_relaxed(&chunk->durable_ns[count], 0u);
	wr_store_release(&chunk->batch_count, count + 1); /* C3: pairs with who looks one up */
}

/* The records stand in their place, with their entries in the column: now they belong to it. */
static void advance(struct wr_writer *w, uint32_t bytes, uint32_t records)
{
	if (records == 0)
		return;
	if (w->chunk->used_bytes == w->batch_place + WR_BATCH_HEADER_BYTES)
		register_batch(w);
	if (w->link != NULL)
		w->batch_crc =
			wr_crc32c(w->batch_crc, w->chunk->writable + w->chunk->used_bytes, bytes);
	w->chunk->used_bytes += bytes;
	w->next_seq += records;
	w->tables->keys.last_us = w->now_us;
}

/*
 * Plain events from the lane's head into the open batch. Returns bytes taken; 0 when the first run
 * is of another kind, needs more room, or is malformed (the lane is poisoned then).
 */
static uint32_t take_events(struct wr_writer *w, struct wr_lane *lane, uint32_t bytes_max)
{
	uint32_t taken = 0;
	while (taken < bytes_max) {
		uint64_t waiting = lane->tail_round - lane->head_own;
		uint32_t piece =
			(uint32_t)wr_min_u64(wr_min_u64(waiting, PIECE_BYTES),
					     wr_min_u64(bytes_max - taken, wr_writer_room(w)));
		uint8_t *to = w->chunk->writable + w->chunk->used_bytes;
		memcpy(to, wr_lane_at(lane, lane->head_own), piece);
		struct walk found = walk_events(w, to, piece);
		advance(w, found.bytes, found.records);
		lane->head_own += found.bytes;
		lane->ordered_own += found.records;
		taken += found.bytes;
		if (found.malformed)
			wr_writer_poison(w, lane);
		if (found.malformed || found.other || found.bytes == 0)
			break;
	}
	return taken;
}

/* A run as it stands at a lane's head. */
struct run {
	uint32_t lane_bytes;   /* with its head, if it has one */
	uint32_t record_bytes; /* of its records, with strides */
	uint32_t record_count;
	uint32_t head_bytes;
	uint32_t refused; /* which record was, once it is decided */
	bool is_data;
	bool has_copies;
	bool is_left_out; /* decided, and not appended */
};

/* Reads the lengths; false: malformed. The lane holds at least one record's head. */
static bool read_run(const struct wr_writer *w, const struct wr_lane *lane, struct run *ret)
{
	uint64_t waiting = lane->tail_round - lane->head_own;
	struct wr_record head;
	if (waiting < sizeof head)
		return false;
	memcpy(&head, wr_lane_at(lane, lane->head_own), sizeof head);
	struct wr_run_head several;
	if (wr_run_head_read(&head, &several)) {
		*ret = (struct run){
			.record_bytes = several.record_bytes,
			.record_count = several.record_count,
			.head_bytes = sizeof head,
			.is_data = (several.flags & WR_RUN_IS_DATA) != 0,
			.has_copies = (several.flags & WR_RUN_COPIES) != 0,
		};
	} else {
		if (head.bytes > w->options.run_bytes_max)
			return false;
		*ret = (struct run){.record_bytes = wr_record_stride(head.bytes),
				    .record_count = 1};
	}
	if (ret->record_bytes > w->options.run_bytes_max ||
	    ret->record_bytes % WR_RECORD_ALIGN != 0 || ret->record_count == 0 ||
	    ret->record_count > w->options.run_records_max ||
	    ret->record_bytes / WR_RECORD_HEAD_BYTES < ret->record_count)
		return false;
	ret->lane_bytes = ret->head_bytes + ret->record_bytes;
	return ret->lane_bytes <= waiting;
}

/* What only the writer knows goes into the record. */
static void fill_in(struct wr_record_view *view, const struct wr_decision *d, uint64_t seq)
{
	struct wr_record *r = (struct wr_record *)(uintptr_t)view->head;
	uint8_t *payload = (uint8_t *)(uintptr_t)view->payload;
	switch (r->kind) {
	case WR_KIND_EVENT:
		if (d->version != 0)
			wr_version_fill(view, d->version);
		break;
	case WR_KIND_TOPIC:
		r->topic = d->id;
		break;
	case WR_KIND_SUBSCRIPTION:
		r->topic = d->id;
		if (wr_get_u32(payload + offsetof(struct wr_control_subscription, start)) ==
		    WR_START_NEWEST) {
			wr_put_u32(payload + offsetof(struct wr_control_subscription, start),
				   WR_START_AT);
			wr_put_u64(payload + offsetof(struct wr_control_subscription, start_seq),
				   seq);
		}
		break;
	case WR_KIND_TYPE:
		if (d->schema.type == 0)
			break;
		r->topic = d->schema.type;
		wr_put_u32(payload + offsetof(struct wr_schema_record, version), d->schema.version);
		wr_put_u32(payload + offsetof(struct wr_schema_record, id), d->schema.id);
		break;
	case WR_KIND_PRODUCER:
		r->topic = d->id;
		wr_put_u32(payload, d->epoch);
		break;
	default:
		break;
	}
}

/* D3: a position was moved back. Now, before anybody learns of it (link.h). */
static void lower_needed(struct wr_writer *w, uint64_t moved_to)
{
	w->moved_needed_seq = wr_min_u64(w->moved_needed_seq, moved_to);
	if (w->link != NULL && moved_to < wr_load_relaxed(&w->link->needed_seq)) /* own */
		wr_store_release(&w->link->needed_seq, moved_to);                /* D3 */
}

/* Definitions stand alone: other threads see them at once, so that they cannot be taken back. */
static bool may_be_in_run(const struct wr_record *r, bool last)
{
	return wr_record_has_event(r) || r->kind == WR_KIND_PROGRESS || r->kind == WR_KIND_SETTLE ||
	       r->kind == WR_KIND_PRODUCER_SKIP ||
	       /* It cannot be taken back: nothing may be refused behind it. */
	       (r->kind == WR_KIND_REJECT && last);
}

/* Whether the records fill the run exactly: known before the first is decided. */
static bool run_is_whole(const uint8_t *records, const struct run *run)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < run->record_count; i++) {
		struct wr_record_view view;
		if (!wr_record_view(records + at, run->record_bytes - at, &view))
			return false;
		at += wr_record_stride(view.head->bytes);
	}
	return at == run->record_bytes;
}

/* Decides the records of a run in their place behind the batch's end. 0, or the first refusal. */
static int decide_run(struct wr_writer *w, uint8_t *records, struct run *run,
		      struct wr_decision *ret_last)
{
	struct wr_undo none = {0};
	struct wr_undo *undo = run->head_bytes > 0 ? &w->undo : &none;
	uint32_t at = 0;
	uint32_t first_record = w->chunk->record_count;
	int rc = 0;

	w->tables->now_us = w->now_us;
	wr_tables_run_begin(w->tables, &w->undo);
	for (uint32_t i = 0; i < run->record_count && rc == 0; i++) {
		struct wr_record_view view;
		uint64_t seq = w->next_seq + i;
		run->refused = i; /* unless it is not */
		(void)wr_record_view(records + at, run->record_bytes - at, &view);
		if (run->record_count > 1 &&
		    !may_be_in_run(view.head, i + 1 == run->record_count)) {
			rc = -EINVAL;
			break;
		}
		rc = wr_decide(w->tables, undo, &view, seq, false, ret_last);
		if (WR_BUG(OUTPUTS_WITHOUT_PROGRESS) && view.head->kind == WR_KIND_PROGRESS)
			rc = 0;
		if (rc != 0)
			break;
		fill_in(&view, ret_last, seq);
		struct wr_record *r = (struct wr_record *)(records + at);
		r->time_delta_us = now_delta(w);
		r->flags &= (uint8_t)~WR_RECORD_WANTS_REPLY;
		put_column(w, w->chunk->used_bytes + at, ret_last->tag);
		at += wr_record_stride(r->bytes);
	}
	if (rc == 0 || WR_BUG(REFUSED_RUN_HALF_KEPT))
		wr_tables_run_keep(w->tables, &w->undo);
	else
		wr_tables_run_undo(w->tables, &w->undo);
	if (rc != 0)
		w->chunk->record_count = first_record;
	return rc;
}

static void answer(struct wr_writer *w, struct wr_lane *lane, int code, bool wanted,
		   const struct wr_decision *d, uint64_t before_seq, const struct run *run)
{
	struct wr_reply reply = {
		.ticket = lane->ordered_own,
		.after_seq = before_seq,
		.code = code,
		.detail = code == WEIR_E_CONFLICT ? (uint32_t)wr_min_u64(d->version, UINT32_MAX)
						  : d->id,
		.sequence = code == 0 && !run->is_left_out ? before_seq + 1 : 0,
	};
	if (code == WEIR_E_EXISTS && d->same)
		reply.code = 0;
	/* Of a run no event is in the log, whichever is a duplicate: it has no first one. */
	if ((code == WEIR_E_DUPLICATE || code == WEIR_E_CONFLICT) && run->record_count == 1 &&
	    d->first_seq <= before_seq)
		reply.sequence = d->first_seq;
	if (code != 0 && lane->kind != WR_LANE_DATA && run->head_bytes > 0)
		reply.sequence = run->refused != UINT32_MAX ? run->refused : UINT64_MAX;
	if (reply.code != 0 && !d->asked)
		wr_store_relaxed(&w->stats.refused, wr_load_relaxed(&w->stats.refused) + 1);
	if (reply.code != 0 || wanted || d->tell)
		wr_lane_answer(lane, &reply);
}

/*
 * A named producer's event that is a duplicate is passed over by a record in its place: who has
 * sent it already goes on behind it (L10). Not so a run: its other events are in no log, and who is
 * told that they were passed over would not send them again.
 */
static void pass_over(struct wr_writer *w, uint8_t *records, const struct run *run)
{
	struct wr_record_view view;
	struct wr_producer_stamp stamp;
	struct wr_decision decision;
	struct wr_undo none = {0};
	(void)wr_record_view(records, run->record_bytes, &view);
	if (!wr_stamp_find(&view, &stamp))
		return;
	struct wr_control_skip skip = {.epoch = stamp.epoch, .sequence = stamp.sequence};
	wr_control_write(records, WR_KIND_PRODUCER_SKIP, stamp.id, 0, NULL, 0, &skip, sizeof skip);
	(void)wr_record_view(records, run->record_bytes, &view);
	if (wr_decide(w->tables, &none, &view, w->next_seq, false, &decision) != 0)
		return;
	((struct wr_record *)records)->time_delta_us = now_delta(w);
	put_column(w, w->chunk->used_bytes, WR_TAG_CONTROL);
	advance(w, wr_record_stride(view.head->bytes), 1);
}

/*
 * What has an event in it (a dead letter, what is redriven) is data: it takes none of what a full
 * disk leaves to those that end it, and, where it is no copy, none of what is kept for copies. It
 * is refused, since what stands behind it must not wait (L11). A question of what a key has takes
 * no room, though it looks like an event; what comes by the control lane makes some.
 */
static bool lacks_room(struct wr_writer *w, const struct wr_lane *lane, const uint8_t *records,
		       const struct run *run)
{
	bool has_event = false;
	uint32_t at = 0;
	bool is_short = w->chunk_is_kept && w->link != NULL && lane->kind != WR_LANE_CONTROL &&
			wr_load_acquire(&w->link->starved) != 0; /* D2 */
	bool leaves_room = lane->kind != WR_LANE_DATA && !run->has_copies && w->copier_count > 0;
	if (!is_short && !leaves_room)
		return false;
	for (uint32_t i = 0; i < run->record_count; i++) {
		struct wr_record_view view;
		if (!wr_record_view(records + at, run->record_bytes - at, &view))
			return false; /* decided: it is refused */
		has_event =
			has_event || (wr_record_has_event(view.head) && !wr_version_asks(&view));
		at += wr_record_stride(view.head->bytes);
	}
	if (!has_event)
		return false;
	return (is_short && !wr_writer_data_may_go(w)) ||
	       (leaves_room && !wr_writer_members_may_go(w, run->record_bytes, run->record_count));
}

/*
 * A member's outputs find no room, and waiting for it might be waiting for the acknowledgements
 * that stand behind them in this very lane (L11).
 */
static void refuse_for_room(struct wr_writer *w, struct wr_lane *lane, struct run *run)
{
	const struct wr_decision none = {0};
	run->refused = UINT32_MAX;
	lane->head_own += run->lane_bytes;
	lane->ordered_own++;
	answer(w, lane, WEIR_E_FULL, false, &none, w->next_seq - 1, run);
}

/*
 * Without a journal progress is kept by the tables, and nobody reads its record. Where only what is
 * kept back has room it is left out, or acknowledgements would use that up, and then what `block`
 * subscriptions hold. What makes lags be counted anew needs a sequence of its own, and is kept.
 */
static bool is_left_out(struct wr_writer *w, const uint8_t *records, const struct run *run)
{
	uint32_t at = 0;
	if (w->link != NULL || !w->chunk_is_kept || WR_BUG(PROGRESS_TAKES_THE_RESERVE))
		return false;
	for (uint32_t i = 0; i < run->record_count; i++) {
		struct wr_record_view view;
		struct wr_control_progress progress;
		(void)wr_record_view(records + at, run->record_bytes - at, &view);
		if (view.head->kind != WR_KIND_PROGRESS ||
		    !wr_control_progress_read(&view, &progress) || progress.missed != 0)
			return false;
		at += wr_record_stride(view.head->bytes);
	}
	return !wr_writer_data_may_go(w);
}

/* A member's acknowledgement alone: it publishes nothing with it. */
static bool is_settle(const uint8_t *records, const struct run *run)
{
	struct wr_record_view view;
	struct wr_control_progress progress;
	if (run->head_bytes != 0 || !wr_record_view(records, run->record_bytes, &view))
		return false;
	return view.head->kind == WR_KIND_SETTLE ||
	       (view.head->kind == WR_KIND_PROGRESS && wr_control_progress_read(&view, &progress) &&
		progress.events > 0);
}

/* One run of any kind. Bytes taken; 0: no room now (*ret_blocked), or the lane was poisoned. */
static uint32_t take_run(struct wr_writer *w, struct wr_lane *lane, bool control, bool *ret_blocked)
{
	struct run run;
	if (!read_run(w, lane, &run)) {
		wr_writer_poison(w, lane);
		return 0;
	}
	/* Without a journal what is kept back is all that `block` subscriptions have: L24. */
	bool overruns = run.has_copies && w->link == NULL && !WR_BUG(COPIES_OVERRUN_HOLDS);
	if (!wr_writer_make_room(w, run.record_bytes, control && !run.is_data && !overruns)) {
		if (!overruns && (!run.is_data || !control || !wr_writer_data_is_refused(w))) {
			*ret_blocked = true;
			return 0;
		}
		refuse_for_room(w, lane, &run);
		return run.lane_bytes;
	}
	uint8_t *records = w->chunk->writable + w->chunk->used_bytes;
	memcpy(records, wr_lane_at(lane, lane->head_own + run.head_bytes), run.record_bytes);
	if (!run_is_whole(records, &run)) {
		wr_writer_poison(w, lane);
		return 0;
	}
	bool wanted = (((struct wr_record *)records)->flags & WR_RECORD_WANTS_REPLY) != 0;
	uint64_t before_seq = w->next_seq - 1;
	struct wr_decision decision = {0};
	int rc = WEIR_E_FULL;
	run.refused = UINT32_MAX;
	run.is_left_out = is_left_out(w, records, &run);
	uint32_t first_record = w->chunk->record_count;
	if (!lacks_room(w, lane, records, &run))
		rc = decide_run(w, records, &run, &decision);
	if (rc == WEIR_E_AGAIN) {
		*ret_blocked = true; /* a checkpoint is in the way: it moves on by itself */
		return 0;
	}
	if (rc == WEIR_E_DUPLICATE && run.record_count == 1)
		pass_over(w, records, &run);
	if (rc == 0 && run.is_left_out) {
		w->chunk->record_count = first_record;
	} else if (rc == 0) {
		lower_needed(w, decision.moved_to);
		/* Nobody looks at this word of the header before it is sealed. */
		((struct wr_batch_header *)(w->chunk->writable + w->batch_place))->features_must |=
			decision.features;
		advance(w, run.record_bytes, run.record_count);
	}
	w->outputs_seen = w->outputs_seen || run.is_data;
	w->settles_seen = w->settles_seen || (rc == 0 && is_settle(records, &run));
	lane->head_own += run.lane_bytes;
	lane->ordered_own += WR_BUG(RUN_COUNTS_RECORDS) ? run.record_count : 1;
	answer(w, lane, rc, wanted, &decision, before_seq, &run);
	return run.lane_bytes;
}

/*
 * The idempotency keys of the next events: their slots are fetched together, and not one after the
 * other when each is decided. Bytes of the lane may be anything, and may change: of each head one
 * copy is believed, and what comes of it decides nothing (L5).
 */
static void look_ahead(struct wr_writer *w, struct wr_lane *lane)
{
	uint64_t at = lane->head_own;
	for (uint32_t i = 0; i < EVENTS_AHEAD; i++) {
		struct wr_record head;
		uint64_t left = lane->tail_round - at;
		if (left < sizeof head)
			break;
		memcpy(&head, wr_lane_at(lane, at), sizeof head);
		if (head.kind == WR_KIND_RUN) {
			at += sizeof head;
			continue;
		}
		if (!wr_record_fits(&head, left) || head.bytes > w->options.run_bytes_max)
			break;
		const struct wr_record_view view = {.head = &head,
						    .options = wr_lane_at(lane, at) + sizeof head};
		struct wr_option key;
		if ((head.flags & WR_RECORD_DECIDE) != 0 &&
		    wr_option_find(&view, WR_OPTION_IDEMPOTENCY_KEY, &key) &&
		    key.value_bytes <= WR_IDEMPOTENCY_KEY_BYTES_MAX)
			wr_keys_ahead(&w->tables->keys, head.topic, key.value, key.value_bytes);
		at += wr_record_stride(head.bytes);
	}
	wr_keys_ahead_end(&w->tables->keys);
	lane->ahead = wr_max_u64(at, lane->head_own + WR_RECORD_ALIGN);
}

/* A member's run with outputs is next, or one of copies. As look_ahead(): bytes are read again. */
static bool next_is_data(const struct wr_lane *lane)
{
	struct wr_record head;
	if (lane->kind == WR_LANE_DATA || lane->tail_round - lane->head_own < sizeof head)
		return false;
	memcpy(&head, wr_lane_at(lane, lane->head_own), sizeof head);
	struct wr_run_head run;
	return wr_run_head_read(&head, &run) && (run.flags & (WR_RUN_IS_DATA | WR_RUN_COPIES)) != 0;
}

uint32_t wr_writer_take(struct wr_writer *w, struct wr_lane *lane, uint32_t bytes_max,
			bool *ret_blocked)
{
	bool control = lane->kind != WR_LANE_DATA && !WR_BUG(SETTLES_ARE_DATA);
	uint32_t taken = 0;
	*ret_blocked = false;
	while (taken < bytes_max && lane->head_own < lane->tail_round) {
		/* The next run's first word: how much room it needs at least. */
		uint32_t first = wr_get_u32(wr_lane_at(lane, lane->head_own));
		uint32_t need = first <= w->options.run_bytes_max ? wr_record_stride(first) : 0;
		/* Of a run with outputs or copies take_run() asks, for all of it. */
		bool is_data = next_is_data(lane);
		if (!is_data && !wr_writer_make_room(w, need, control)) {
			*ret_blocked = true;
			break;
		}
		uint32_t bytes = is_data ? 0 : take_events(w, lane, bytes_max - taken);
		if (bytes == 0 && lane->head_own < lane->tail_round) {
			if (w->tables->keys.window_count > 0 && lane->ahead <= lane->head_own)
				look_ahead(w, lane);
			bytes = take_run(w, lane, control, ret_blocked);
		}
		if (bytes == 0)
			break;
		taken += bytes;
	}
	return taken;
}

void wr_writer_append_own(struct wr_writer *w, const void *record, uint32_t bytes)
{
	uint32_t stride = wr_record_stride(bytes);
	uint8_t *to = w->chunk->writable + w->chunk->used_bytes;
	memcpy(to, record, bytes);
	memset(to + bytes, 0, stride - bytes);
	((struct wr_record *)to)->time_delta_us = now_delta(w);
	put_column(w, w->chunk->used_bytes, WR_TAG_CONTROL);
	advance(w, stride, 1);
}
