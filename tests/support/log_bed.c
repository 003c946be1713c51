/* SPDX-License-Identifier: Apache-2.0 */
/* See log_bed.h. */
#include "tests/support/log_bed.h"

#include <criterion/criterion.h>

#include <stdlib.h>

static const uint8_t uuid[WR_UUID_BYTES] = "log bed journal";
#define LOG_ID 3u
#define EPOCH 7u
#define RECORD_BYTES_MAX 512u
#define TABLES_BYTES_MAX (1u << 20)

static void apply_defaults(struct log_bed_options *o)
{
	o->chunk_bytes = o->chunk_bytes != 0 ? o->chunk_bytes : 16384;
	o->chunk_count = o->chunk_count != 0 ? o->chunk_count : 12;
	o->lane_bytes = o->lane_bytes != 0 ? o->lane_bytes : 65536;
	o->reply_count = o->reply_count != 0 ? o->reply_count : 1024;
	o->run_records_max = o->run_records_max != 0 ? o->run_records_max : 64;
	o->undurable_chunks_max = o->undurable_chunks_max != 0 ? o->undurable_chunks_max : 4;
	o->extents = o->extents != 0 ? o->extents : 32;
	o->next_seq = o->next_seq != 0 ? o->next_seq : 1;
}

void log_bed_hold(struct log_bed *bed, uint32_t holder, uint64_t seq)
{
	wr_store_release(&bed->holds[holder].seq, seq);
	wr_store_release(&bed->holds[holder].count_seq, UINT64_MAX);
}

static void init_link(struct log_bed *bed)
{
	struct wr_journal_link *link = &bed->link;
	uint64_t before = bed->o.next_seq - 1;
	wr_spsc_init(&link->extents_ring, LOG_BED_EXTENTS);
	wr_spsc_init(&link->commits_ring, LOG_BED_COMMITS);
	wr_spsc_init(&link->marks_ring, LOG_BED_MARKS);
	link->extents = bed->extents;
	link->commits = bed->commits;
	link->marks = bed->marks;
	link->lanes = bed->durable;
	link->lane_count = LOG_BED_LANES;
	wr_store_relaxed(&link->durable_seq, before);
	wr_store_relaxed(&link->written_seq, before);
	wr_store_relaxed(&link->medium_seq, before);
	wr_store_relaxed(&link->needed_seq, UINT64_MAX);
	size_t body = (size_t)wr_round_up(wr_tables_save_bytes_max(&bed->limits), WR_BLOCK_BYTES);
	link->checkpoint.buffer = calloc(1, body);
	link->checkpoint.buffer_bytes = (uint32_t)body;
	bed->chain = 0;
	log_bed_offer(bed, bed->o.extents, false);
}

void log_bed_init(struct log_bed *bed, const struct log_bed_options *options)
{
	memset(bed, 0, sizeof *bed);
	if (options != NULL)
		bed->o = *options;
	apply_defaults(&bed->o);
	bed->folded_seq = bed->o.next_seq;
	cr_assert_eq(wr_memory_posix_init(&bed->posix, NULL), 0);
	wr_memory_sim_init(&bed->memory, &bed->posix.memory);
	wr_clock_sim_init(&bed->clock);
	wr_parker_init(&bed->writer_parker, &wr_park_sim_ops, &bed->parks);
	struct wr_memory *memory = &bed->memory.base;
	bed->limits = (struct wr_tables_limits){
		.catalog = {.topics_max = 8,
			    .partitions_max = 64,
			    .subscriptions_max = 8,
			    .rows_max = 64},
		.named_producers_max = 8,
		.idempotency_keys_max = 500,
		.run_records_max = bed->o.run_records_max,
		.outstanding_max = 64,
	};
	cr_assert_eq(wr_tables_init(&bed->tables, memory, &bed->limits), 0);
	cr_assert_eq(wr_tables_init(&bed->shadow, memory, &bed->limits), 0);
	cr_assert_eq(
		wr_chunks_init(&bed->chunks, memory, bed->o.chunk_bytes, bed->o.chunk_count, 4), 0);
	for (uint32_t i = 0; i < LOG_BED_LANES; i++) {
		cr_assert_eq(wr_lane_init(&bed->lanes[i], i, memory, bed->o.lane_bytes,
					  bed->o.reply_count, &bed->writer_parker,
					  &wr_park_sim_ops),
			     0);
		bed->lanes[i].parker.context = &bed->parks;
		bed->lanes[i].level_parker.context = &bed->parks;
	}
	struct wr_writer_options o = {
		.log_id = LOG_ID,
		.epoch = EPOCH,
		.next_seq = bed->o.next_seq,
		.run_bytes_max = bed->o.chunk_bytes / 4,
		.run_records_max = bed->o.run_records_max,
		.undurable_chunks_max = bed->o.undurable_chunks_max,
		.batches_in_flight_max = 4,
		.evidence_delay_ns = 50000000,
		.checkpoint_bytes = bed->o.checkpoint_bytes,
		.seal_before_ack = bed->o.seal_before_ack,
		.first_record = bed->o.first_record,
		.first_record_bytes = bed->o.first_record_bytes,
	};
	memcpy(o.uuid, uuid, sizeof uuid);
	if (!bed->o.memory_only)
		init_link(bed);
	cr_assert_eq(wr_writer_init(&bed->writer, memory, &bed->chunks, &bed->tables, bed->lanes,
				    LOG_BED_LANES, bed->o.memory_only ? NULL : &bed->link,
				    &bed->clock.base, &o),
		     0);
	for (uint32_t i = 0; i < LOG_BED_HOLDS; i++)
		log_bed_hold(bed, i, UINT64_MAX);
	bed->writer.holds = bed->holds;
	bed->writer.hold_count = LOG_BED_HOLDS;
}

uint32_t log_bed_start(struct log_bed *bed, const struct log_bed_options *options)
{
	uint32_t topic;
	log_bed_init(bed, options);
	wr_lane_open(&bed->lanes[0], WR_LANE_SETTLE, true);
	for (uint32_t lane = 1; lane < 4; lane++)
		wr_lane_open(&bed->lanes[lane], WR_LANE_DATA, true);
	cr_assert_eq(log_bed_topic(bed, 0, "orders", 4, &topic), 0);
	return topic;
}

uint32_t log_bed_start_settled(struct log_bed *bed, const struct log_bed_options *options)
{
	uint32_t topic = log_bed_start(bed, options);
	log_bed_settle_down(bed);
	return topic;
}

uint32_t log_bed_restart(struct log_bed *bed, const struct log_bed_options *options)
{
	log_bed_end(bed);
	return log_bed_start_settled(bed, options);
}

void log_bed_end(struct log_bed *bed)
{
	log_bed_check_fold(bed);
	log_bed_fini(bed);
}

void log_bed_fini(struct log_bed *bed)
{
	struct wr_memory *memory = &bed->memory.base;
	wr_writer_fini(&bed->writer, memory);
	for (uint32_t i = 0; i < LOG_BED_LANES; i++)
		wr_lane_fini(&bed->lanes[i], memory);
	wr_chunks_fini(&bed->chunks, memory);
	wr_tables_fini(&bed->shadow, memory);
	wr_tables_fini(&bed->tables, memory);
	free(bed->link.checkpoint.buffer);
	cr_expect_eq(bed->memory.live_count, 0, "%llu pieces of memory were not given back",
		     (unsigned long long)bed->memory.live_count);
}

/* ---- owners ---- */

uint64_t log_bed_hand_over(struct log_bed *bed, uint32_t lane, const void *record, uint32_t bytes)
{
	void *to = wr_lane_claim(&bed->lanes[lane], bytes);
	if (to == NULL)
		return 0;
	memcpy(to, record, bytes);
	uint64_t ticket = wr_lane_append(&bed->lanes[lane], bytes);
	wr_lane_publish(&bed->lanes[lane]);
	return ticket;
}

uint32_t log_bed_write_event(void *to, uint32_t topic, uint32_t hash, uint32_t payload_bytes)
{
	struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + payload_bytes,
		.topic = topic,
		.key_hash = hash,
		.kind = WR_KIND_EVENT,
		.flags = WR_RECORD_KEYLESS,
	};
	uint8_t *p = to;
	uint32_t stride = wr_record_stride(head.bytes);
	memcpy(p, &head, sizeof head);
	for (uint32_t i = sizeof head; i < stride; i++)
		p[i] = i < head.bytes ? (uint8_t)(hash + i) : 0;
	return stride;
}

void log_bed_write_run_head(void *to, uint32_t records, uint32_t bytes)
{
	(void)wr_run_head_write(
		to, (struct wr_run_head){.record_count = records, .record_bytes = bytes});
}

uint64_t log_bed_event(struct log_bed *bed, uint32_t lane, uint32_t topic, uint32_t hash,
		       uint32_t payload_bytes)
{
	uint32_t bytes = wr_record_stride(WR_RECORD_HEAD_BYTES + payload_bytes);
	void *to = wr_lane_claim(&bed->lanes[lane], bytes);
	if (to == NULL)
		return 0;
	(void)log_bed_write_event(to, topic, hash, payload_bytes);
	uint64_t ticket = wr_lane_append(&bed->lanes[lane], bytes);
	wr_lane_publish(&bed->lanes[lane]);
	return ticket;
}

uint64_t log_bed_stamped(struct log_bed *bed, uint32_t lane, uint32_t topic,
			 const struct wr_producer_stamp *stamp)
{
	_Alignas(8) uint8_t record[64] = {0};
	struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + 24 + 8,
		.option_bytes = 24,
		.topic = topic,
		.kind = WR_KIND_EVENT,
		.flags = WR_RECORD_KEYLESS | WR_RECORD_DECIDE,
	};
	memcpy(record, &head, sizeof head);
	(void)wr_option_put(record + sizeof head, WR_OPTION_PRODUCER, stamp, sizeof *stamp);
	return log_bed_hand_over(bed, lane, record, head.bytes);
}

uint32_t log_bed_write_keyed(void *to, uint32_t topic, uint32_t key,
			     const struct wr_producer_stamp *stamp)
{
	uint8_t *record = to;
	uint32_t options = wr_option_size(4) + (stamp != NULL ? wr_option_size(sizeof *stamp) : 0);
	struct wr_record head = {
		.option_bytes = (uint16_t)wr_record_option_area(options, 0),
		.topic = topic,
		.kind = WR_KIND_EVENT,
		.flags = WR_RECORD_KEYLESS | WR_RECORD_DECIDE,
	};
	head.bytes = (uint32_t)sizeof head + head.option_bytes;
	memset(record, 0, wr_record_stride(head.bytes));
	memcpy(record, &head, sizeof head);
	uint32_t at = sizeof head;
	if (stamp != NULL)
		at += wr_option_put(record + at, WR_OPTION_PRODUCER, stamp, sizeof *stamp);
	(void)wr_option_put(record + at, WR_OPTION_IDEMPOTENCY_KEY, &key, sizeof key);
	return wr_record_stride(head.bytes);
}

uint64_t log_bed_keyed(struct log_bed *bed, uint32_t lane, uint32_t topic, uint32_t key,
		       const struct wr_producer_stamp *stamp)
{
	_Alignas(8) uint8_t record[96];
	uint32_t bytes = log_bed_write_keyed(record, topic, key, stamp);
	return log_bed_hand_over(bed, lane, record, bytes);
}

static uint64_t hand_over_control(struct log_bed *bed, uint32_t lane, uint8_t *record, bool reply)
{
	struct wr_record *head = (struct wr_record *)record;
	if (reply)
		head->flags |= WR_RECORD_WANTS_REPLY;
	return log_bed_hand_over(bed, lane, record, wr_record_stride(head->bytes));
}

uint64_t log_bed_progress(struct log_bed *bed, uint32_t lane, uint32_t subscription, uint32_t row,
			  const struct wr_control_progress *progress)
{
	_Alignas(8) uint8_t record[RECORD_BYTES_MAX];
	wr_control_write(record, WR_KIND_PROGRESS, subscription, row, NULL, 0, progress,
			 sizeof *progress);
	return hand_over_control(bed, lane, record, false);
}

uint64_t log_bed_generation(struct log_bed *bed, uint32_t lane, uint32_t subscription, uint32_t row,
			    uint32_t generation, uint64_t position)
{
	_Alignas(8) uint8_t record[RECORD_BYTES_MAX];
	struct wr_control_generation control = {
		.generation = generation, .owner = lane, .position = position};
	wr_control_write(record, WR_KIND_GENERATION, subscription, row, NULL, 0, &control,
			 sizeof control);
	return hand_over_control(bed, lane, record, true);
}

struct wr_reply log_bed_reply(struct log_bed *bed, uint32_t lane)
{
	const struct wr_reply *reply = wr_lane_reply_peek(&bed->lanes[lane]);
	cr_assert_not_null(reply, "lane %u has no reply", lane);
	struct wr_reply copy = *reply;
	wr_lane_reply_take(&bed->lanes[lane]);
	return copy;
}

static int call(struct log_bed *bed, uint32_t lane, uint8_t *record, uint32_t *ret_id)
{
	uint64_t ticket = hand_over_control(bed, lane, record, true);
	cr_assert_neq(ticket, 0);
	(void)log_bed_step(bed);
	struct wr_reply reply = log_bed_reply(bed, lane);
	cr_assert_eq(reply.ticket, ticket);
	if (ret_id != NULL)
		*ret_id = reply.detail;
	return reply.code;
}

int log_bed_topic(struct log_bed *bed, uint32_t lane, const char *name, uint32_t partitions,
		  uint32_t *ret_id)
{
	_Alignas(8) uint8_t record[RECORD_BYTES_MAX];
	struct wr_control_topic topic = {.partitions = partitions};
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, name, (uint32_t)strlen(name), &topic,
			 sizeof topic.partitions);
	return call(bed, lane, record, ret_id);
}

int log_bed_window(struct log_bed *bed, uint32_t lane, const char *name, uint32_t keys,
		   uint64_t span_us, uint32_t *ret_id)
{
	_Alignas(8) uint8_t record[RECORD_BYTES_MAX];
	uint8_t payload[WR_TOPIC_BYTES_MAX];
	const struct wr_control_window window = {
		.keys = keys, .span_us = span_us, .secret = {1, 2, 3}};
	const struct wr_control_versions versions = {0};
	const struct wr_control_topic topic = {.partitions = 1};
	uint32_t bytes = wr_control_topic_write(&topic, &window, &versions, payload);
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, name, (uint32_t)strlen(name), payload, bytes);
	return call(bed, lane, record, ret_id);
}

int log_bed_subscription(struct log_bed *bed, uint32_t lane, const char *name,
			 const uint32_t *topics, uint32_t topic_count, uint32_t start,
			 uint64_t start_seq, uint32_t *ret_id)
{
	_Alignas(8) uint8_t record[RECORD_BYTES_MAX];
	struct wr_control_subscription control = {
		.topic_count = topic_count, .start = start, .start_seq = start_seq};
	memcpy(control.topics, topics, topic_count * sizeof *topics);
	wr_control_write(record, WR_KIND_SUBSCRIPTION, 0, 0, name, (uint32_t)strlen(name), &control,
			 wr_control_subscription_bytes(topic_count));
	return call(bed, lane, record, ret_id);
}

int log_bed_producer(struct log_bed *bed, uint32_t lane, const char *name, uint32_t *ret_id)
{
	_Alignas(8) uint8_t record[RECORD_BYTES_MAX];
	struct wr_control_producer control = {0};
	wr_control_write(record, WR_KIND_PRODUCER, 0, 0, name, (uint32_t)strlen(name), &control,
			 sizeof control);
	return call(bed, lane, record, ret_id);
}

/* ---- the writer and the journal ---- */

int log_bed_step(struct log_bed *bed)
{
	wr_clock_sim_advance(&bed->clock, 10000);
	return wr_writer_step(&bed->writer, 0);
}

void log_bed_offer(struct log_bed *bed, uint32_t count, bool reserve)
{
	struct wr_journal_link *link = &bed->link;
	for (uint32_t i = 0; i < count; i++) {
		cr_assert_gt(wr_spsc_room(&link->extents_ring), 0);
		uint64_t n = bed->extents_offered++;
		/* Four chunks a segment. */
		link->extents[wr_spsc_push_index(&link->extents_ring, 0)] = (struct wr_extent){
			.segment_id = n / 4 + 1,
			.segment_offset = WR_BLOCK_BYTES + n % 4 * bed->o.chunk_bytes,
			.file = (uint32_t)(n / 4),
			.reserve = reserve ? 1 : 0,
		};
		wr_spsc_push(&link->extents_ring, 1);
	}
}

uint32_t log_bed_in_flight(struct log_bed *bed)
{
	return (uint32_t)wr_spsc_ready_for(&bed->link.commits_ring, LOG_BED_COMMITS);
}

/* One record of the log, folded as recovery folds it. */
static void fold_record(struct log_bed *bed, const struct wr_record_view *view, uint64_t seq,
			uint64_t time_us)
{
	struct wr_undo none = {0};
	struct wr_decision decision;
	cr_assert_eq(seq, bed->folded_seq);
	cr_expect_eq(view->head->flags & WR_RECORD_WANTS_REPLY, 0);
	bed->shadow.now_us = time_us;
	int rc = wr_decide(&bed->shadow, &none, view, seq, true, &decision);
	cr_assert_eq(rc, 0, "record %llu of kind %u is in the log and refused on replay: %d",
		     (unsigned long long)seq, view->head->kind, rc);
	bed->folded_seq++;
}

static void fold_batch(struct log_bed *bed, const struct wr_commit *commit)
{
	const struct wr_batch_header *h = (const struct wr_batch_header *)commit->bytes;
	const struct wr_batch_place place = {
		.uuid = uuid,
		.log_id = LOG_ID,
		.segment_id = commit->segment_id,
		.segment_offset = commit->segment_offset,
	};
	/* What a filler skips lies in the chunk, and is not looked at. */
	cr_assert_eq(wr_batch_check(commit->bytes, commit->batch_bytes + h->skip_bytes, &place),
		     WR_BATCH_VALID);
	cr_assert_eq(h->chain, bed->chain, "a batch is missing, or out of order");
	cr_assert_eq(h->epoch, EPOCH);
	cr_assert_eq(h->first_seq, bed->folded_seq);
	cr_assert_eq(h->first_seq, commit->first_seq);
	cr_assert_eq(h->header_crc, commit->header_crc);
	cr_assert_leq(h->durable_seq, wr_load_relaxed(&bed->link.medium_seq));
	bed->chain = h->header_crc;
	bed->attested_seq = h->durable_seq;
	bed->data_batches += h->batch_kind == WR_BATCH_DATA;
	bed->filler_batches += h->batch_kind == WR_BATCH_FILLER;
	bed->evidence_batches += h->batch_kind == WR_BATCH_EVIDENCE;
	if (h->batch_kind != WR_BATCH_DATA)
		cr_assert_eq(h->record_count, 0);
	uint32_t at = 0;
	for (uint32_t i = 0; i < h->record_count; i++) {
		struct wr_record_view view;
		cr_assert(wr_record_view(commit->bytes + WR_BATCH_HEADER_BYTES + at,
					 h->body_bytes - at, &view));
		fold_record(bed, &view, h->first_seq + i,
			    h->time_base_us + view.head->time_delta_us);
		at += wr_record_stride(view.head->bytes);
	}
	cr_assert_eq(bed->folded_seq, commit->end_seq);
}

uint32_t log_bed_complete(struct log_bed *bed, uint32_t count)
{
	struct wr_journal_link *link = &bed->link;
	uint32_t done = 0;
	for (; done < count && log_bed_in_flight(bed) > 0; done++) {
		struct wr_commit commit = link->commits[wr_spsc_pop_index(&link->commits_ring, 0)];
		if (commit.batch_bytes == 0)
			bed->empty_commits++;
		else
			fold_batch(bed, &commit);
		wr_spsc_pop(&link->commits_ring, 1);
		wr_store_release(&link->medium_seq, commit.end_seq - 1);
		uint64_t acked = bed->o.seal_before_ack ? commit.durable_seq : commit.end_seq - 1;
		wr_store_release(&link->durable_seq, acked);
		wr_store_release(&link->written_seq, acked);
		cr_assert_geq(wr_spsc_ready_for(&link->marks_ring, commit.mark_count),
			      commit.mark_count);
		for (uint32_t i = 0; i < commit.mark_count; i++) {
			struct wr_lane_mark mark =
				link->marks[wr_spsc_pop_index(&link->marks_ring, i)];
			wr_store_release(&bed->durable[mark.lane].written_ticket, mark.ticket);
			wr_store_release(&bed->durable[mark.lane].durable_ticket, mark.ticket);
		}
		wr_spsc_pop(&link->marks_ring, commit.mark_count);
		wr_store_release(&link->commits_done, wr_load_relaxed(&link->commits_done) + 1);
	}
	return done;
}

void log_bed_settle_down(struct log_bed *bed)
{
	for (uint32_t still = 0; still < 3;) {
		int work = log_bed_step(bed);
		work += bed->o.memory_only ? 0 : (int)log_bed_complete(bed, 1);
		still = work == 0 ? still + 1 : 0;
	}
}

/* By the last batch of its chunk that begins at or before it. */
static uint64_t time_of(struct log_bed *bed, uint64_t seq, const struct wr_record_view *view)
{
	uint64_t ordinal;
	cr_assert(wr_chunks_find(&bed->chunks, &bed->chunks.pins[0], seq, &ordinal));
	const struct wr_chunk *chunk = log_bed_chunk(bed, ordinal);
	wr_chunks_unpin(&bed->chunks.pins[0]);
	uint32_t i = wr_load_relaxed(&chunk->batch_count);
	while (i > 1 && chunk->batches[i - 1].first_index > seq - chunk->first_seq)
		i--;
	const uint8_t *batch = chunk->readable + chunk->batches[i - 1].place_bytes;
	return ((const struct wr_batch_header *)batch)->time_base_us + view->head->time_delta_us;
}

static void fold_chunks(struct log_bed *bed)
{
	uint64_t end = wr_writer_visible_seq(&bed->writer) + 1;
	cr_assert_eq(wr_load_relaxed(&bed->chunks.floor), 0u, "a chunk was recycled");
	while (bed->folded_seq < end) {
		struct wr_record_view view = log_bed_record(bed, bed->folded_seq);
		fold_record(bed, &view, bed->folded_seq, time_of(bed, bed->folded_seq, &view));
	}
}

void log_bed_check_fold(struct log_bed *bed)
{
	uint8_t *bytes[2];
	struct wr_sink sinks[2];
	log_bed_settle_down(bed);
	if (bed->o.memory_only)
		fold_chunks(bed);
	cr_expect_eq(bed->folded_seq, bed->writer.next_seq);
	struct wr_tables *tables[2] = {&bed->tables, &bed->shadow};
	for (uint32_t i = 0; i < 2; i++) {
		bytes[i] = calloc(1, TABLES_BYTES_MAX);
		sinks[i] = (struct wr_sink){.bytes = bytes[i], .capacity_bytes = TABLES_BYTES_MAX};
		wr_tables_save(tables[i], &sinks[i]);
		cr_assert_not(sinks[i].failed);
	}
	cr_expect_eq(sinks[0].used_bytes, sinks[1].used_bytes);
	cr_expect_arr_eq(bytes[0], bytes[1], sinks[0].used_bytes,
			 "the writer's tables are not the fold of the log");
	free(bytes[0]);
	free(bytes[1]);
}

struct wr_record_view log_bed_record(struct log_bed *bed, uint64_t seq)
{
	struct wr_pin *pin = &bed->chunks.pins[0];
	struct wr_record_view view;
	uint64_t ordinal;
	cr_assert(wr_chunks_find(&bed->chunks, pin, seq, &ordinal));
	struct wr_chunk *chunk = wr_chunks_pin(&bed->chunks, pin, ordinal);
	cr_assert_not_null(chunk);
	cr_assert_lt(seq - chunk->first_seq, chunk->record_count);
	uint32_t place = wr_column_place(&bed->chunks, chunk->column[seq - chunk->first_seq]);
	cr_assert(wr_record_view(chunk->readable + place, bed->o.chunk_bytes - place, &view));
	wr_chunks_unpin(pin);
	return view;
}

struct wr_chunk *log_bed_chunk(struct log_bed *bed, uint64_t ordinal)
{
	struct wr_chunk *chunk = wr_chunks_by_ordinal(&bed->chunks, ordinal);
	cr_assert_not_null(chunk, "chunk %lu", (unsigned long)ordinal);
	return chunk;
}
