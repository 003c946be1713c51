/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a pipeline from options and ports: memory, recovery, journal, writer, groups, in this
 * order; and taking it apart in the other. Everything that will ever be used is allocated here.
 */
#include "core/pipeline/sharing.h"
#include "core/pipeline/span_notes.h"

#include <errno.h>
#include <stdio.h>

#include "core/pipeline/copier.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/member_transform.h"
#include "core/pipeline/metrics.h"
#include "core/pipeline/packing.h"
#include "core/pipeline/registry.h"
#include "core/pipeline/replay.h"
#include "core/pipeline/retry.h"
#include "core/pipeline/router.h"
#include "core/pipeline/topic_retention.h"
#include "core/record/epoch.h"

/* ---- parts ---- */

static int make_lanes(struct weir_pipeline *p)
{
	const struct weir_options *o = &p->options;
	struct wr_memory *memory = p->host.memory;
	p->lane_count = WR_LANES_RESERVED + o->producers_max + o->members_max;
	p->lanes = memory->ops->alloc(memory, p->lane_count * sizeof *p->lanes, WR_LINE_BYTES);
	if (p->lanes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->lane_count; i++) {
		bool producer = i >= WR_LANES_RESERVED && i < WR_LANES_RESERVED + o->producers_max;
		uint32_t bytes = producer             ? o->lane_bytes
				 : i == WR_GROUP_LANE ? wr_group_lane_bytes(o)
						      : o->member_lane_bytes;
		memory->writer = producer ? WR_WRITTEN_BY_PRODUCERS : WR_WRITTEN_BY_MEMBERS;
		int rc = wr_lane_init(&p->lanes[i], i, memory, bytes, wr_reply_count(bytes),
				      &p->log_parker, p->host.park_ops);
		if (rc != 0)
			return rc;
	}
	wr_lane_open(&p->lanes[WR_CONTROL_LANE], WR_LANE_CONTROL, true);
	wr_lane_open(&p->lanes[WR_GROUP_LANE], WR_LANE_SETTLE, true);
	wr_lane_open(&p->lanes[WR_SHARED_LANE], WR_LANE_DATA, true);
	int made = wr_shared_init(&p->shared, memory, &p->lanes[WR_SHARED_LANE], WR_SHARED_BUFFERS,
				  wr_shared_event_bytes(o));
	if (made != 0)
		return made;
	struct wr_lane *group = &p->lanes[WR_GROUP_LANE];
	p->raises = memory->ops->alloc(memory, group->reply_capacity * sizeof *p->raises, 64);
	return p->raises != NULL ? 0 : -ENOMEM;
}

static int make_slots(struct weir_pipeline *p)
{
	const struct weir_options *o = &p->options;
	struct wr_memory *m = p->host.memory;
	p->producers = m->ops->alloc(m, o->producers_max * sizeof *p->producers, 64);
	p->members = m->ops->alloc(m, o->members_max * sizeof *p->members, WR_LINE_BYTES);
	p->wanted = m->ops->alloc(m, o->members_max * sizeof *p->wanted, 64);
	p->events = m->ops->alloc(m, (o->producers_max + o->members_max) * sizeof *p->events, 64);
	/* First of all: a table of zeros would have its end close the host's descriptor 0. */
	for (uint32_t i = 0; p->events != NULL && i < o->producers_max + o->members_max; i++)
		p->events[i].fd = -1;
	if (p->producers == NULL || p->members == NULL || p->wanted == NULL || p->events == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < o->members_max; i++) {
		p->members[i].pipeline = p;
		p->members[i].slot = i;
		p->members[i].pin = &p->chunks.pins[i];
		p->members[i].event = &p->events[o->producers_max + i];
	}
	return 0;
}

int wr_pipeline_make_places(struct weir_pipeline *p)
{
	const struct weir_options *o = &p->options;
	struct wr_memory *m = p->host.memory;
	struct wr_tables_limits limits;
	wr_tables_limits_of(o, &limits);
	int rc = wr_tables_init(&p->tables, m, &limits);
	p->tables.may_lack_events =
		o->compaction_keys != 0 || o->erasures_max != 0 || o->topic_retention;
	if (rc != 0)
		return rc;
	p->subscriptions = m->ops->alloc(m, o->subscriptions_max * sizeof *p->subscriptions, 64);
	p->holds = m->ops->alloc(m, o->subscriptions_max * sizeof *p->holds, WR_LINE_BYTES);
	if (p->subscriptions == NULL || p->holds == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < o->subscriptions_max; i++) {
		wr_store_relaxed(&p->holds[i].seq, UINT64_MAX);
		wr_store_relaxed(&p->holds[i].count_seq, UINT64_MAX);
		wr_store_relaxed(&p->holds[i].copied_seq, 0u);
	}
	return 0;
}

static int make_tallies(struct weir_pipeline *p)
{
	struct wr_memory *memory = p->host.memory;

	if (p->host.metrics == NULL)
		return 0;
	p->tallies = memory->ops->alloc(memory, sizeof *p->tallies, 64);
	if (p->tallies == NULL)
		return -ENOMEM;
	wr_spsc_init(&p->link.samples_ring, WR_ACK_SAMPLES);
	p->link.samples = p->tallies->samples;
	return 0;
}

static int make_journal(struct weir_pipeline *p, struct weir_problem *problem)
{
	const struct weir_options *o = &p->options;
	struct wr_tables_limits limits;
	wr_tables_limits_of(o, &limits);
	struct wr_memory *memory = p->host.memory;
	struct wr_checkpoint_job *job = &p->link.checkpoint;
	job->buffer_bytes =
		(uint32_t)wr_round_up(wr_tables_save_bytes_max(&limits), WR_BLOCK_BYTES);
	job->buffer = memory->ops->alloc(memory, job->buffer_bytes, WR_BLOCK_BYTES);
	if (job->buffer == NULL)
		return -ENOMEM;
	if (o->compaction_keys != 0) {
		p->policies = memory->ops->alloc(memory, wr_pipeline_policies_bytes(o), 64);
		if (p->policies == NULL)
			return -ENOMEM;
	}
	if (o->erasures_max != 0) {
		p->erase_room = wr_memory_alloc_payload(memory, wr_erase_bytes(o));
		if (p->erase_room == NULL)
			return -ENOMEM;
	}
	job->more_bytes_max = wr_tables_keys_bytes_max(&limits);
	job->more = wr_tables_copy;
	job->more_context = &p->tables;
	struct wr_journal_options options = {
		.segments_ahead = o->segments_ahead,
		.retention_bytes = o->retention_bytes,
		.retention_time_ns = o->retention_time_ns,
		.low_space_bytes = o->low_space_bytes,
		.drop_oldest = o->when_no_room == WEIR_NO_ROOM_DROP_OLDEST,
		.pack = o->pack != WEIR_PACK_NO,
		.compress = {.codec = wr_pack_codec(o->pack), .level = o->pack_level},
		.compact = {.keys_max = o->compaction_keys,
			    .topics = p->policies,
			    .topic_count = o->topics_max,
			    .chunks_in_memory = p->plan.chunk_count},
		.batches_in_flight_max =
			(uint32_t)wr_min_u64(o->batches_in_flight_max, p->host.storage->depth_max),
		.seal_before_ack = o->seal_before_ack,
		.lanes_max = p->lane_count,
	};
	if (p->tallies != NULL) {
		struct wr_storage_report report = {0};
		p->host.storage->ops->report(p->host.storage, &report);
		options.tally = &p->tallies->journal;
		options.syncs_apart = !report.written_equals_durable;
		options.append_minus_boot_us = &p->writer.append_minus_boot_us;
	}
	wr_erase_options_of(p, &options.erase);
	if (wr_topic_retention_make(p, &options.retire) != 0)
		return -ENOMEM;
	memcpy(options.compact.secret, p->host.secret, sizeof options.compact.secret);
	int rc = wr_journal_create(p->host.storage, memory, p->host.clock, &options, &p->segments,
				   &p->recovered, &p->link, &p->journal);
	if (rc != 0)
		return rc;
	/* D3: a seek later than the newest checkpoint went further back than its gate says. */
	wr_store_relaxed(&p->link.needed_seq, wr_settle_needed_seq(&p->tables.settle));
	p->link.moved = wr_pipeline_durable_moved;
	p->link.moved_context = p;
	return wr_journal_start(p->journal, problem);
}

static int make_cold_readers(struct weir_pipeline *p)
{
	struct wr_memory *m = p->host.memory;
	int rc = wr_reader_init(&p->reader, &p->segments, p->host.storage, m);
	if (rc == 0)
		rc = wr_reader_init(&p->control_reader, &p->segments, p->host.storage, m);
	if (rc != 0)
		return rc;
	uint32_t chunk_bytes = p->chunks.chunk_bytes;
	p->control_buffer = wr_memory_alloc_payload(m, chunk_bytes);
	p->control_batches =
		m->ops->alloc(m, chunk_bytes / WR_BLOCK_BYTES * sizeof *p->control_batches, 64);
	p->catchup = m->ops->alloc(m, sizeof *p->catchup, WR_LINE_BYTES);
	if (p->control_buffer == NULL || p->control_batches == NULL || p->catchup == NULL)
		return -ENOMEM;
	m->writer = WR_WRITTEN_BY_GROUP;
	return wr_catchup_init(p->catchup, m, &p->chunks, &p->segments,
			       p->options.members_max + WR_CATCHUP_SPARE);
}

/* The record that opens this epoch (L27). Returns its bytes. */
static uint32_t epoch_record(struct weir_pipeline *p, uint8_t *to)
{
	uint8_t payload[WR_EPOCH_START_BYTES];
	struct wr_epoch_start start = {
		.end_segment_id = p->recovered.end_segment_id,
		.end_offset = p->recovered.end_offset,
		.last_seq = p->recovered.next_seq - 1,
		.header_crc = p->recovered.chain,
		.epoch = p->recovery.last_epoch,
		.wall_us = wr_clock_wall_ns(p->host.clock) / 1000,
	};
	wr_epoch_start_encode(&start, payload);
	wr_control_write(to, WR_KIND_EPOCH_START, 0, 0, NULL, 0, payload, sizeof payload);
	return wr_control_bytes(0, sizeof payload);
}

/* What the log has already, for who measures what is still to be copied and settled. */
static void note_segments(struct weir_pipeline *p, uint32_t segment_chunks)
{
	uint32_t count = p->journal != NULL ? wr_segment_live_count(&p->segments) : 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct wr_segment *segment = wr_segment_live(&p->segments, i);
		bool goes_on =
			wr_load_relaxed(&segment->segment_id) == p->recovered.resume_segment_id;
		wr_room_opened(&p->writer.room, wr_load_relaxed(&segment->first_seq),
			       goes_on ? p->recovered.resume_extent : segment_chunks);
	}
}

static int make_writer(struct weir_pipeline *p)
{
	const struct weir_options *o = &p->options;
	struct wr_tables_limits limits;
	wr_tables_limits_of(o, &limits);
	p->run_bytes_max = wr_run_bytes_max(o);
	struct wr_writer_options options = {
		.epoch = 1,
		.next_seq = 1,
		.run_bytes_max = p->run_bytes_max + WR_RUN_MARGIN_BYTES,
		.run_records_max = o->run_records_max,
	};
	if (p->journal != NULL) {
		memcpy(options.uuid, p->recovered.superblock.uuid, sizeof options.uuid);
		options.epoch = p->recovered.epoch;
		options.next_seq = p->recovered.next_seq;
		options.chain = p->recovered.chain;
		options.chain_key = p->recovered.is_chained ? &p->recovered.chain_key : NULL;
		options.chain_link = p->recovered.has_link ? p->recovered.link : NULL;
		options.last_time_us = p->recovery.last_time_us;
		options.undurable_chunks_max =
			(uint32_t)((o->undurable_bytes + o->chunk_bytes - 1) / o->chunk_bytes);
		options.batches_in_flight_max =
			(uint32_t)wr_min_u64(o->batches_in_flight_max, p->host.storage->depth_max);
		options.evidence_delay_ns = o->evidence_delay_ns;
		options.seal_before_ack = o->seal_before_ack;
		limits.filter_bytes_max = 0; /* they count as what they are, as the rare do */
		uint64_t least = 4 * (wr_tables_save_bytes_max(&limits) -
				      wr_tables_save_rare_bytes_max(&limits));
		options.checkpoint_bytes = wr_max_u64(
			o->checkpoint_bytes != 0 ? o->checkpoint_bytes : 64ull << 20, least);
		options.checkpoint_bytes_ago = p->recovered.checkpoint_bytes_ago;
		options.retires = o->retention_bytes != 0 || o->retention_time_ns != 0 ||
				  o->compaction_keys != 0 || o->erasures_max != 0 ||
				  o->topic_retention || o->when_no_room == WEIR_NO_ROOM_DROP_OLDEST;
		options.segment_chunks =
			(uint32_t)wr_extent_count(p->segments.segment_bytes, o->chunk_bytes);
		options.first_record = p->epoch_record;
		options.first_record_bytes = epoch_record(p, p->epoch_record);
	}
	int rc = wr_writer_init(&p->writer, p->host.memory, &p->chunks, &p->tables, p->lanes,
				p->lane_count, p->journal != NULL ? &p->link : NULL, p->host.clock,
				&options);
	note_segments(p, options.segment_chunks);
	p->writer.tally = p->tallies != NULL ? &p->tallies->writer : NULL;
	p->writer.shared = &p->shared;
	p->writer.holds = p->holds;
	p->writer.hold_count = o->subscriptions_max;
	p->writer.moved = wr_pipeline_visible_moved;
	p->writer.moved_context = p;
	return rc;
}

static int start_subscriptions(struct weir_pipeline *p, struct weir_problem *problem)
{
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	for (uint32_t id = 0; id < count; id++) {
		int rc = wr_subscription_start(p, id, false);
		if (rc != 0)
			return rc;
		p->subscriptions[id].recovered_end = p->recovered.next_seq;
	}
	return wr_router_open(p, problem);
}

static void init_parkers(struct weir_pipeline *p)
{
	const struct wr_park_ops *ops = p->host.park_ops;
	/* Who steps the journal sleeps in the storage, where completions wake it too. */
	bool in_storage = p->host.storage != NULL && p->host.storage_park_ops != NULL;
	const struct wr_park_ops *storage_ops = in_storage ? p->host.storage_park_ops : ops;
	wr_parker_init(&p->log_parker, wr_pipeline_has_journal_thread(p) ? ops : storage_ops,
		       p->host.storage);
	wr_parker_init_symmetric(&p->journal_parker, storage_ops, p->host.storage);
	wr_parker_init(&p->group_parker, ops, NULL);
	wr_parker_init(&p->pack_parker, ops, NULL);
	wr_parker_init(&p->watch_parker, ops, NULL);
	wr_parker_init_symmetric(&p->visible_parker, ops, NULL);
	wr_parker_init_symmetric(&p->durable_parker, ops, NULL);
	wr_sleepers_init(&p->visible_sleepers.sleepers, ops, NULL);
	wr_sleepers_init(&p->durable_sleepers.sleepers, ops, NULL);
	wr_parker_init_symmetric(&p->control_parker, ops, NULL);
	wr_spinlock_init(&p->registry);
}

static int make_parts(struct weir_pipeline *p, struct weir_problem *problem)
{
	const struct weir_options *o = &p->options;
	int rc = wr_pipeline_make_places(p);
	p->host.memory->writer = WR_WRITTEN_BY_LOG;
	if (rc == 0)
		rc = wr_chunks_init(&p->chunks, p->host.memory, o->chunk_bytes, p->plan.chunk_count,
				    o->members_max + WR_PINS_RESERVED);
	if (rc == 0)
		rc = make_lanes(p);
	if (rc == 0)
		rc = make_slots(p);
	if (rc == 0)
		rc = make_tallies(p);
	if (rc == 0 && p->host.storage != NULL) {
		rc = wr_pipeline_recover(p, problem);
		if (rc == 0)
			rc = make_journal(p, problem);
		if (rc == 0)
			rc = make_cold_readers(p);
	}
	if (rc == 0)
		rc = make_writer(p);
	if (rc == 0)
		rc = wr_registry_open(p);
	return rc == 0 ? start_subscriptions(p, problem) : rc;
}

/* Of what no part explains itself. Of memory: how much there is to be. */
static void say_lack(const struct weir_pipeline *p, int code, struct weir_problem *problem)
{
	char text[sizeof problem->text];
	int used = snprintf(text, sizeof text, "%s", weir_strerror(code));
	if (code == -ENOMEM)
		(void)snprintf(text + used, sizeof text - (size_t)used,
			       ": this pipeline takes up to %llu KiB, %llu KiB of them in chunks "
			       "and %llu KiB in lanes",
			       (unsigned long long)p->plan.total_bytes / 1024,
			       (unsigned long long)p->plan.chunks_bytes / 1024,
			       (unsigned long long)p->plan.lanes_bytes / 1024);
	(void)wr_problem_set(problem, code, "", text);
}

/*
 * What nobody has in a partition keeps its segment until that is passed over: in a log that may not
 * become large that comes earlier, or its end would come before.
 */
static uint64_t pass_every(const struct weir_options *o)
{
	uint64_t part = (uint64_t)o->segments_max * o->segment_bytes / 1024;
	return wr_min_u64(WR_PASS_EVERY, wr_max_u64(part, 4ull * o->partitions_max));
}

int wr_pipeline_create(const struct weir_options *checked, const struct weir_memory_plan *plan,
		       const struct wr_host *host, struct weir_pipeline **ret_pipeline,
		       struct weir_problem *reterr_problem)
{
	struct wr_memory *memory = host->memory;
	struct weir_pipeline *p = memory->ops->alloc(memory, sizeof *p, WR_LINE_BYTES);
	if (p == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	struct weir_problem problem = {0};
	p->options = *checked;
	p->plan = *plan;
	p->host = *host;
	(void)snprintf(p->name, sizeof p->name, "%s", checked->name);
	p->options.name = p->name;
	wr_speaker_init(&p->speaker, p->options.log_fn, p->options.log_context, p->name,
			&p->options.log_limits);
	p->pass_every = WR_PASS_EVERY;
	p->lag_walk_bytes = WR_LAG_WALK_BYTES;
	p->carrying.wait_ns = WR_CARRY_WAIT_NS;
	init_parkers(p);
	int rc = make_parts(p, &problem);
	if (p->journal != NULL)
		p->pass_every = pass_every(checked);
	if (rc == 0)
		rc = wr_metrics_open(p);
	if (rc != 0) {
		if (problem.code == 0)
			say_lack(p, rc, &problem);
		if (reterr_problem != NULL)
			*reterr_problem = problem;
		wr_pipeline_destroy(p);
		return rc;
	}
	*ret_pipeline = p;
	return 0;
}

static void free_array(struct wr_memory *m, void *p, size_t bytes)
{
	if (p != NULL)
		m->ops->free(m, p, bytes);
}

void wr_pipeline_free_places(struct weir_pipeline *p)
{
	const struct weir_options *o = &p->options;
	struct wr_memory *m = p->host.memory;
	free_array(m, p->holds, o->subscriptions_max * sizeof *p->holds);
	free_array(m, p->subscriptions, o->subscriptions_max * sizeof *p->subscriptions);
	p->holds = NULL;
	p->subscriptions = NULL;
	wr_tables_fini(&p->tables, m);
	memset(&p->tables, 0, sizeof p->tables);
}

static void free_subscriptions(struct weir_pipeline *p)
{
	struct wr_memory *m = p->host.memory;
	for (uint32_t id = 0; p->subscriptions != NULL && id < p->options.subscriptions_max; id++) {
		struct wr_subscription_live *live = &p->subscriptions[id];
		if (live->row_of_topic != NULL)
			m->ops->free(m, live->row_of_topic,
				     p->options.topics_max * sizeof(uint32_t));
		if (live->told_from != NULL)
			m->ops->free(m, live->told_from,
				     live->anew_bytes / sizeof *live->anew *
					     sizeof *live->told_from);
		wr_row_letters_free(p, live);
		if (live->anew != NULL)
			m->ops->free(m, live->anew, live->anew_bytes);
		wr_route_free(p, live);
		wr_member_transforms_free(p, live);
		wr_copier_free(p, live);
		wr_group_fini(&live->group, m);
		wr_sharing_free(p, live);
	}
}

/* Their own arrays; of replays that are still open, what they read with. */
static void free_members(struct weir_pipeline *p)
{
	struct wr_memory *m = p->host.memory;
	for (uint32_t i = 0; p->members != NULL && i < p->options.members_max; i++) {
		if (p->members[i].replay != NULL)
			wr_replay_fini(p->members[i].replay);
		free_array(m, p->members[i].block, p->members[i].block_bytes);
	}
}

void wr_pipeline_destroy(struct weir_pipeline *p)
{
	const struct weir_options *o = &p->options;
	struct wr_memory *m = p->host.memory;
	uint32_t chunk_bytes = p->chunks.chunk_bytes;
	wr_router_fini(p);
	free_subscriptions(p);
	wr_writer_fini(&p->writer, m);
	free_members(p);
	if (p->catchup != NULL) {
		wr_catchup_fini(p->catchup, m);
		free_array(m, p->catchup, sizeof *p->catchup);
	}
	free_array(m, p->control_batches,
		   chunk_bytes / WR_BLOCK_BYTES * sizeof *p->control_batches);
	wr_memory_free_payload(m, p->control_buffer, chunk_bytes);
	wr_reader_fini(&p->control_reader, m);
	wr_reader_fini(&p->reader, m);
	if (p->journal != NULL)
		wr_journal_destroy(p->journal, m);
	free_array(m, p->tallies, sizeof *p->tallies);
	free_array(m, wr_span_notes_of(p), wr_span_notes_bytes(o->members_max));
	free_array(m, p->link.checkpoint.buffer, p->link.checkpoint.buffer_bytes);
	free_array(m, p->policies, wr_pipeline_policies_bytes(o));
	free_array(m, p->retention, wr_topic_retention_bytes(o));
	if (p->erase_room != NULL)
		wr_memory_free_payload(m, p->erase_room, wr_erase_bytes(o));
	wr_segment_table_fini(&p->segments, m);
	for (uint32_t i = 0; p->events != NULL && i < o->producers_max + o->members_max; i++)
		if (p->events[i].fd >= 0)
			p->host.event_close(p->host.context, p->events[i].fd);
	free_array(m, p->events, (o->producers_max + o->members_max) * sizeof *p->events);
	free_array(m, p->wanted, o->members_max * sizeof *p->wanted);
	free_array(m, p->members, o->members_max * sizeof *p->members);
	free_array(m, p->producers, o->producers_max * sizeof *p->producers);
	if (p->raises != NULL)
		free_array(m, p->raises,
			   p->lanes[WR_GROUP_LANE].reply_capacity * sizeof *p->raises);
	wr_shared_fini(&p->shared, m);
	for (uint32_t i = 0; p->lanes != NULL && i < p->lane_count; i++)
		wr_lane_fini(&p->lanes[i], m);
	free_array(m, p->lanes, p->lane_count * sizeof *p->lanes);
	wr_registry_close(p);
	wr_metrics_free(p);
	wr_chunks_fini(&p->chunks, m);
	wr_pipeline_free_places(p);
	free_array(m, p, sizeof *p);
}
