/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_journal_inspect(): core/journal/verify.h walks and judges, this turns what it finds into
 * public structs: damages and segments into their public twins, batches into events
 * (journal_events.c).
 *
 * Names: the definition of a topic or a producer may have been retired with its segment, but then a
 * checkpoint holds it. So the checkpoints are read first, and definitions that pass are added. A
 * checkpoint that does not validate is no fault here: events are then shown without names.
 *
 * Read-only throughout: no lock, no write, no file is made. Thread: the caller's.
 */
#include "io/journal_inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal/read_ahead.h"
#include "io/journal_parts.h"
#include "io/posix/cpu_crc.h"
#include "io/posix/storage_posix.h"

static int problem(struct weir_problem *reterr_problem, int code, const char *text)
{
	if (reterr_problem != NULL) {
		*reterr_problem = (struct weir_problem){.code = code};
		snprintf(reterr_problem->field, sizeof reterr_problem->field, "dir");
		snprintf(reterr_problem->text, sizeof reterr_problem->text, "%s",
			 text[0] != '\0' ? text : weir_strerror(code));
	}
	return code;
}

void weir_journal_visitor_init(struct weir_journal_visitor *visitor)
{
	*visitor = (struct weir_journal_visitor){.struct_bytes = sizeof *visitor,
						 .end_sequence = UINT64_MAX,
						 .end_time_us = UINT64_MAX};
}

/* --- the walk --------------------------------------------------------------------------------- */

static enum weir_journal_damage_kind damage_kind(enum wr_damage_kind kind)
{
	switch (kind) {
	case WR_DAMAGE_SUPERBLOCK_COPY:
		return WEIR_JOURNAL_SUPERBLOCK_COPY;
	case WR_DAMAGE_CHECKPOINT:
		return WEIR_JOURNAL_CHECKPOINT;
	case WR_DAMAGE_SEGMENT_HEADER:
		return WEIR_JOURNAL_SEGMENT_HEADER;
	case WR_DAMAGE_BATCH:
		return WEIR_JOURNAL_BATCH;
	case WR_DAMAGE_MISSING_SEGMENT:
		return WEIR_JOURNAL_MISSING_SEGMENT;
	case WR_DAMAGE_TORN_TAIL:
		return WEIR_JOURNAL_TORN_TAIL;
	case WR_DAMAGE_SPARE:
		return WEIR_JOURNAL_SPARE;
	case WR_DAMAGE_SEGMENT_COPY:
		return WEIR_JOURNAL_SEGMENT_COPY;
	}
	return WEIR_JOURNAL_BATCH;
}

void wr_inspect_fill_damage(const struct wr_damage *damage, struct weir_journal_damage *ret_damage)
{
	*ret_damage = (struct weir_journal_damage){
		.kind = damage_kind(damage->kind),
		.corrupt = damage->corrupt,
		.segment_id = damage->segment_id,
		.offset = damage->offset,
		.bytes = damage->bytes,
		.first_sequence = damage->first_seq,
		.end_sequence = damage->end_seq,
	};
	snprintf(ret_damage->file, sizeof ret_damage->file, "%s", damage->file);
	snprintf(ret_damage->text, sizeof ret_damage->text, "%s", damage->text);
}

int wr_inspect_show_damage(const struct weir_journal_visitor *visitor,
			   const struct wr_damage *damage)
{
	struct weir_journal_damage public;

	if (visitor->damage == NULL)
		return 0;
	wr_inspect_fill_damage(damage, &public);
	return visitor->damage(visitor->context, &public);
}

int wr_inspect_damage(struct wr_inspect *in, const struct wr_damage *damage)
{
	return wr_inspect_show_damage(&in->visitor, damage);
}

int wr_inspect_show_segment(const struct weir_journal_visitor *visitor,
			    const struct wr_segment_summary *summary)
{
	struct weir_journal_segment public = {
		.segment_id = summary->segment_id,
		.first_sequence = summary->first_seq,
		.end_sequence = summary->end_seq,
		.first_time_us = summary->first_time_us,
		.last_time_us = summary->last_time_us,
		.used_bytes = summary->used_bytes,
		.file_bytes = summary->file_bytes,
		.batch_count = summary->batch_count,
		.epoch = summary->epoch,
		.spare = summary->spare,
	};

	if (visitor->segment == NULL)
		return 0;
	snprintf(public.file, sizeof public.file, "%s", summary->file);
	return visitor->segment(visitor->context, &public);
}

static int on_segment(void *context, const struct wr_segment_summary *summary)
{
	struct wr_inspect *in = context;

	return wr_inspect_show_segment(&in->visitor, summary);
}

static int on_damage(void *context, const struct wr_damage *damage)
{
	return wr_inspect_damage(context, damage);
}

static int on_batch(void *context, const struct wr_batch_header *batch)
{
	return wr_inspect_batch(context, batch);
}

int wr_inspect_read(struct wr_inspect *in, uint32_t file, void *buffer, uint32_t length_bytes,
		    uint64_t offset_bytes)
{
	int64_t n = in->storage->ops->read(in->storage, file, buffer, length_bytes, offset_bytes);

	if (n < 0)
		return (int)n;
	return n == (int64_t)length_bytes ? 0 : -EIO;
}

int wr_inspect_open(struct wr_inspect *in, const char *dir,
		    const struct weir_journal_visitor *visitor, struct weir_problem *reterr_problem)
{
	return wr_inspect_open_with(in, dir, visitor, false, reterr_problem);
}

int wr_inspect_open_with(struct wr_inspect *in, const char *dir,
			 const struct weir_journal_visitor *visitor, bool subscriptions,
			 struct weir_problem *reterr_problem)
{
	char reason[160] = "";
	struct wr_storage_options options = {.dir = dir,
					     .read_only = true,
					     .depth_max = WR_READ_AHEAD_DEPTH,
					     .ret_reason = reason,
					     .reason_bytes = sizeof reason};

	*in = (struct wr_inspect){.with_subscriptions = subscriptions};
	weir_journal_visitor_init(&in->visitor);
	if (dir == NULL || (visitor != NULL && visitor->struct_bytes != sizeof *visitor))
		return problem(reterr_problem, -EINVAL,
			       "a directory, and a visitor from weir_journal_visitor_init()");
	if (visitor != NULL)
		in->visitor = *visitor;
	wr_cpu_crc_use();
	int code = wr_memory_posix_init(&in->memory, NULL);
	in->memory.policy.huge_pages = WEIR_HUGE_PAGES_TRANSPARENT;
	if (visitor != NULL && visitor->threads > 1 && !wr_inspect_shows(visitor))
		options.depth_max = (uint32_t)wr_max_u64(WR_READ_AHEAD_DEPTH / visitor->threads, 2);
	if (visitor != NULL && visitor->cached)
		options.buffered = options.cached = true;
	if (code == 0)
		code = wr_storage_posix_open(&options, &in->storage);
	if (code == 0 && !options.cached)
		code = wr_read_ahead_open(in->storage, &in->memory.memory, &in->storage);
	if (code < 0)
		return problem(reterr_problem, code, reason);
	if ((code = wr_inspect_events_open(in)) != 0)
		return problem(reterr_problem, code,
			       code == -EINVAL ? "a visitor asks for `event` or for `events`" : "");
	if (in->visitor.schemas && (code = wr_inspect_schemas_open(in)) != 0)
		return problem(reterr_problem, code, "");
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++)
		wr_inspect_checkpoint(in, copy);
	return 0;
}

void wr_inspect_close(struct wr_inspect *in)
{
	if (in->storage != NULL)
		in->storage->ops->fini(in->storage);
	in->storage = NULL;
	free(in->topics);
	free(in->subscriptions);
	wr_inspect_forget_producers(in);
	wr_inspect_events_close(in);
	wr_inspect_schemas_close(in);
}

static void fill_report(const struct wr_verify_report *from, struct weir_journal_report *to)
{
	*to = (struct weir_journal_report){
		.format = from->superblock.format,
		.epoch = from->superblock.epoch,
		.clean = from->superblock.clean != 0,
		.chained = (from->superblock.features_must & WR_SUPERBLOCK_CHAINED) != 0,
		.chunk_bytes = from->superblock.chunk_bytes,
		.segment_bytes = from->superblock.segment_bytes,
		.created_us = from->superblock.created_us,
		.oldest_sequence = from->oldest_seq,
		.last_sequence = from->last_seq,
		.durable_sequence = from->durable_seq,
		.record_count = from->record_count,
		.event_count = from->event_count,
		.segment_count = from->segment_count,
		.spare_count = from->spare_count,
		.corrupt_count = from->corrupt_count,
		.harmless_count = from->harmless_count,
		.read_bytes = from->read_bytes,
		.left_out_count = from->left_out_count,
	};
	memcpy(to->uuid, from->superblock.uuid, sizeof to->uuid);
}

/* One walk through all of it. */
static int walk_all(struct wr_inspect *in, struct wr_verify_report *report,
		    struct weir_problem *reterr_problem)
{
	const struct wr_verify_visitor walk = {
		.segment = on_segment,
		.damage = on_damage,
		.batch = wr_inspect_shows(&in->visitor) ? on_batch : NULL,
		.context = in,
	};

	return wr_verify_run(in->storage, &in->memory.memory, 0, UINT64_MAX, &walk, report,
			     reterr_problem);
}

int weir_journal_inspect(const char *dir, const struct weir_journal_visitor *visitor,
			 struct weir_journal_report *ret_report,
			 struct weir_problem *reterr_problem)
{
	struct wr_verify_report report = {0};
	struct wr_inspect in;
	int stop = 0;

	int code = wr_inspect_open(&in, dir, visitor, reterr_problem);
	if (code == 0) {
		bool has_threads = in.visitor.threads > 1 && !wr_inspect_shows(&in.visitor);
		int done = has_threads ? wr_parts_verify(dir, &in.visitor, &report, &stop) : 0;
		if (done < 0)
			code = stop;
		else if (done == 0)
			code = walk_all(&in, &report, reterr_problem);
		if (ret_report != NULL)
			fill_report(&report, ret_report);
	}
	wr_inspect_close(&in);
	return code;
}
