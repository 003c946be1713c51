/* SPDX-License-Identifier: Apache-2.0 */
/* What the pipeline tells of itself: relaxed looks at single-writer cells. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/pipeline/pipeline.h"

static void tell_recovery(const struct weir_pipeline *p, struct weir_recovery_info *r)
{
	const struct wr_recovery_report *report = &p->recovery;
	*r = (struct weir_recovery_info){
		.created = report->created,
		.clean = report->clean,
		.oldest_sequence = report->oldest_seq,
		.last_sequence = report->last_seq,
		.checkpoint_sequence = report->checkpoint_seq,
		.scanned_bytes = report->scanned_bytes,
		.trimmed_from_sequence = report->trimmed_from_seq,
		.trimmed_bytes = report->trimmed_bytes,
		.valid_batch_followed = report->valid_batch_followed,
		.elapsed_ns = p->recovery_ns,
	};
}

static void tell_journal(struct weir_pipeline *p, struct weir_info *info)
{
	struct wr_storage_report report = {0};
	struct wr_storage_counts counts = {0};
	struct wr_journal_stats stats = {0};
	p->host.storage->ops->report(p->host.storage, &report);
	p->host.storage->ops->counts(p->host.storage, &counts);
	wr_journal_stats(p->journal, &stats);
	(void)snprintf(info->backend, sizeof info->backend, "%s", report.backend);
	(void)snprintf(info->engine, sizeof info->engine, "%s", report.engine);
	(void)snprintf(info->backend_reason, sizeof info->backend_reason, "%s", report.reason);
	info->written_equals_durable = report.written_equals_durable;
	info->written_sequence = wr_load_acquire(&p->link.written_seq); /* D1 */
	info->durable_sequence = wr_load_acquire(&p->link.durable_seq); /* D1 */
	info->batches = stats.batches;
	info->batch_bytes = stats.batch_bytes;
	info->journal_writes = stats.writes;
	info->syncs = counts.syncs;
	info->submissions = counts.submissions;
	info->segments_live = stats.segments_live;
	info->segments_spare = stats.segments_spare;
	info->segments_recycled = stats.segments_recycled;
	info->segments_dropped = stats.segments_dropped;
	info->segments_removed = stats.segments_removed;
	info->log_bytes = stats.log_bytes;
	info->held_sequence = wr_load_relaxed(&p->link.wanted_seq);
	info->segments_packed = stats.packed_live;
	info->packed_bytes = stats.packed_bytes;
	info->pack_failures = stats.pack_failures;
	info->compactions = stats.compactions;
	info->left_out_events = stats.left_out;
	info->low_space = stats.low_space;
	info->free_bytes = stats.free_bytes;
	info->starved = stats.no_room_code < 0;
	info->starved_code = stats.no_room_code;
	info->checkpoints = stats.checkpoints;
	tell_recovery(p, &info->recovery);
}

int wr_pipeline_info(struct weir_pipeline *p, struct weir_info *info)
{
	if (info->struct_bytes != sizeof *info)
		return -EINVAL;
	*info = (struct weir_info){.struct_bytes = sizeof *info};
	info->epoch = p->writer.options.epoch;
	info->topic_count = wr_catalog_topic_count(&p->tables.catalog);
	info->subscription_count = wr_catalog_subscription_count(&p->tables.catalog);
	info->append_time_us = wr_writer_append_now_us(&p->writer);
	info->visible_sequence = wr_writer_visible_seq(&p->writer);
	info->refused_events = wr_load_relaxed(&p->writer.stats.refused);
	info->plan = p->plan;
	info->memory_bytes = wr_load_relaxed(&p->host.memory->alloc_bytes) +
			     wr_load_relaxed(&p->host.memory->map_bytes);
	if (p->journal != NULL) {
		memcpy(info->log_id, p->recovered.superblock.uuid, sizeof info->log_id);
		tell_journal(p, info);
	}
	if (p->journal == NULL)
		(void)snprintf(info->backend, sizeof info->backend, "memory");
	return 0;
}

/* What another segment takes, what is there, and what is kept. */
static void tell_bytes(struct weir_pipeline *p, int code, struct weir_problem *ret_problem)
{
	uint64_t free_bytes = 0, low_bytes = p->options.low_space_bytes;
	unsigned long long segment_bytes = p->segments.segment_bytes;
	char kept[45] = "", free_text[21] = "an unknown number";

	if (p->host.storage->ops->free_bytes(p->host.storage, &free_bytes) == 0)
		(void)snprintf(free_text, sizeof free_text, "%llu", (unsigned long long)free_bytes);
	if (low_bytes != 0)
		(void)snprintf(kept, sizeof kept, ", low_space_bytes keeps %llu",
			       (unsigned long long)low_bytes);
	bool is_mark = free_bytes >= segment_bytes && free_bytes - segment_bytes < low_bytes;
	bool is_room = code == -ENOSPC || code == -EDQUOT;
	bool is_kept = is_room && !is_mark && free_bytes >= segment_bytes;
	(void)snprintf(ret_problem->field, sizeof ret_problem->field, "%s",
		       is_mark ? "low_space_bytes" : "");
	(void)snprintf(ret_problem->text, sizeof ret_problem->text,
		       "a segment takes %llu bytes, %.20s are free%.44s (%.36s): %.49s",
		       segment_bytes, free_text, kept,
		       is_kept ? "kept for what is acknowledged" : weir_strerror(code),
		       is_room ? "make room on the disk, or let subscriptions move"
			       : "none can be made: see to the file system");
}

int weir_pipeline_room(struct weir_pipeline *p, struct weir_problem *ret_problem)
{
	struct wr_journal_stats stats;

	if (p->journal == NULL)
		return 0;
	wr_journal_stats(p->journal, &stats);
	if (stats.no_room_code == 0)
		return 0;
	*ret_problem = (struct weir_problem){.code = WEIR_E_NO_ROOM};
	if (stats.no_room_code == WEIR_E_FULL) {
		(void)snprintf(ret_problem->field, sizeof ret_problem->field, "segments_max");
		(void)snprintf(ret_problem->text, sizeof ret_problem->text,
			       "segments_max allows %u segments, and what is left is kept for "
			       "acknowledgements: open it with more, or let subscriptions move so "
			       "that retention can",
			       p->options.segments_max);
	} else if (stats.no_room_code == -EMFILE || stats.no_room_code == -ENFILE) {
		(void)snprintf(ret_problem->text, sizeof ret_problem->text,
			       "no descriptor for another segment (%.80s): close some, or raise "
			       "ulimit -n",
			       weir_strerror(stats.no_room_code));
	} else {
		tell_bytes(p, stats.no_room_code, ret_problem);
	}
	return WEIR_E_NO_ROOM;
}

int weir_pipeline_problem(struct weir_pipeline *p, struct weir_problem *ret_problem)
{
	if (p->journal == NULL || wr_load_acquire(&p->link.failed) == 0) /* D1 */
		return 0;
	*ret_problem = *wr_journal_problem(p->journal);
	return WEIR_E_FAILED;
}
