/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of an open. Look first: superblock, files, checkpoint, the walk to the end of the log
 * (scan.h), with records fed as they are accepted. Nothing is written until all of that is decided,
 * so a journal that is refused stays as it was, and a crash up to here changes nothing.
 *
 * Then, in this order: every segment from which batches were accepted is synced, and the directory
 * (what was read may only have been in a cache: a second power cut shall not take back what is
 * going to be served); only then the superblock says that a new epoch has begun; and then what a
 * crash left behind the end is zeroed (recovery_resume.c). A crash before the superblock repeats
 * the whole, a crash after it costs an epoch number.
 *
 * Thread: the one that opens. Blocks.
 */
#include "core/journal/recovery_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"

#define LIVE_TRIES_MAX 8u
#define SEGMENTS_MAX_DEFAULT 4096u

/* --- problems --------------------------------------------------------------------------------- */

int wr_recovery_fail(struct wr_recovery_run *run, int code, const char *field, const char *text)
{
	struct weir_problem *p = run->problem;

	if (p == NULL || p->code != 0)
		return code;
	p->code = code;
	(void)snprintf(p->field, sizeof p->field, "%.47s", field);
	(void)snprintf(p->text, sizeof p->text, "%s", text);
	return code;
}

static const char *what_is_damaged(const struct wr_scan_stop *stop)
{
	if (stop->missing_segment)
		return "a segment is missing";
	return stop->short_file ? "the file was cut" : "a batch does not validate";
}

static void name_damage(const struct wr_scan_stop *stop, char *to, size_t to_bytes)
{
	if (stop->lost_id != 0)
		(void)snprintf(to, to_bytes,
			       "segment %llu is lost (its file is gone, cut or written over)",
			       (unsigned long long)stop->lost_id);
	else
		(void)snprintf(to, to_bytes, "%s in segment %llu at offset %llu",
			       what_is_damaged(stop), (unsigned long long)stop->segment_id,
			       (unsigned long long)stop->offset);
}

static int fail_corrupt(struct wr_recovery_run *run)
{
	const struct wr_scan_stop *stop = &run->scan.stop;
	char field[WR_STORAGE_NAME_MAX + 1] = "segments";
	char text[sizeof run->problem->text];
	char range[52], what[90];

	run->report->corrupt_first_seq = stop->first_seq;
	run->report->corrupt_end_seq = stop->end_seq;
	run->report->corrupt_segment_id = stop->segment_id;
	run->report->corrupt_offset = stop->offset;
	if (stop->index != WR_SCAN_NONE && stop->lost_id == 0)
		wr_segment_name(field, run->options->log_id,
				run->scan.segments[stop->index].file_number);
	if (stop->end_seq == UINT64_MAX)
		(void)snprintf(range, sizeof range, "from %llu on (how far is not known)",
			       (unsigned long long)stop->first_seq);
	else
		(void)snprintf(range, sizeof range, "%llu to %llu",
			       (unsigned long long)stop->first_seq,
			       (unsigned long long)(stop->end_seq - 1));
	name_damage(stop, what, sizeof what);
	(void)snprintf(text, sizeof text,
		       "%s: acknowledged sequences %s cannot be served, nothing was changed", what,
		       range);
	return wr_recovery_fail(run, WEIR_E_CORRUPT, field, text);
}

static int fail_any(struct wr_recovery_run *run, int code)
{
	char text[sizeof run->problem->text];

	if (code == WEIR_E_CORRUPT)
		return fail_corrupt(run);
	if (code == WEIR_E_FORMAT && run->scan.lacks != WR_CODEC_NONE)
		return wr_recovery_fail(run, code, "journal",
					wr_codec_lack(run->scan.lacks, run->options->read_only));
	if (code == WEIR_E_FORMAT)
		return wr_recovery_fail(run, code, "journal",
					"written by a newer weir, or with a feature that this one "
					"does not know: nothing was changed");
	if (code == -ENOMEM)
		return wr_recovery_fail(run, code, "journal", "no memory to read the journal with");
	(void)snprintf(text, sizeof text, "the medium failed at %s: %.80s",
		       run->scan.failed_reading != NULL ? run->scan.failed_reading : "an open",
		       weir_strerror(code));
	return wr_recovery_fail(run, code, "journal", text);
}

/* --- the superblock --------------------------------------------------------------------------- */

static int new_superblock(struct wr_recovery_run *run, struct wr_clock *clock)
{
	const struct wr_recovery_options *o = run->options;
	uint8_t block[WR_BLOCK_BYTES];
	struct wr_superblock s = {
		.log_count = 1,
		.block_bytes = WR_BLOCK_BYTES,
		.chunk_bytes = o->chunk_bytes,
		.segment_bytes = WR_BLOCK_BYTES + o->segment_bytes,
		.created_us = wr_clock_wall_ns(clock) / 1000,
	};

	memcpy(s.uuid, o->new_uuid, sizeof s.uuid);
	wr_superblock_encode(&s, 0, block);
	if (wr_superblock_decode(block, 0, &run->superblock) != WR_BLOCK_VALID)
		return wr_recovery_fail(run, -EINVAL, "segment_bytes",
					"the sizes do not fit the format: chunk_bytes is a "
					"multiple of 4096, segment_bytes one of chunk_bytes");
	return 0;
}

/* R13: an interrupted creation, or has a journal lost it? */
static int check_nothing_is_lost(struct wr_recovery_run *run, bool has_superblock_file)
{
	char what[160], text[sizeof run->problem->text];
	int r = wr_scan_remains(run->storage, run->memory, run->options->log_id,
				has_superblock_file, what, sizeof what);

	if (r < 0)
		return fail_any(run, r);
	if (r == 0)
		return 0;
	run->report->corrupt_first_seq = 1;
	run->report->corrupt_end_seq = UINT64_MAX;
	(void)snprintf(text, sizeof text, "%s; nothing was changed", what);
	return wr_recovery_fail(run, WEIR_E_CORRUPT, WR_SUPERBLOCK_NAME, text);
}

/* Before anything is written. The journal's own size counts, whatever was asked for. */
static int check_file_size(struct wr_recovery_run *run, bool is_new)
{
	uint64_t limit = run->storage->file_bytes_max;
	char text[sizeof run->problem->text];

	if (run->options->read_only || limit == 0 || run->superblock.segment_bytes <= limit)
		return 0;
	(void)snprintf(text, sizeof text,
		       "segment files have %llu bytes, and this process may write %llu "
		       "(RLIMIT_FSIZE): ulimit -f unlimited, LimitFSIZE=infinity%s; nothing was "
		       "changed",
		       (unsigned long long)run->superblock.segment_bytes, (unsigned long long)limit,
		       is_new ? ", or smaller segments" : "");
	return wr_recovery_fail(run, -EFBIG, "segment_bytes", text);
}

static int read_superblock(struct wr_recovery_run *run, struct wr_clock *clock, uint32_t *ret_file,
			   bool *ret_open)
{
	const struct wr_storage_ops *ops = run->storage->ops;
	bool read_only = run->options->read_only;
	struct wr_superblock_found found = {.any_valid = false};
	int r = ops->file_open(run->storage, WR_SUPERBLOCK_NAME,
			       read_only ? WR_FILE_READ_ONLY : WR_FILE_KEEP, ret_file);

	*ret_open = r == 0;
	if (r == 0)
		r = wr_superblock_read(run->storage, run->memory, *ret_file, &found);
	if (r < 0 && r != -ENOENT)
		return fail_any(run, r);
	if (found.any_unknown)
		return fail_any(run, WEIR_E_FORMAT);
	if (found.any_valid) {
		run->superblock = found.superblock;
		run->older_pair = WR_BUG(SUPERBLOCK_PAIR_FIXED) ? 0 : found.older_pair;
		return check_file_size(run, false);
	}
	r = new_superblock(run, clock);
	if (r == 0)
		r = check_nothing_is_lost(run, *ret_open);
	if (r < 0)
		return r;
	if (read_only)
		return wr_recovery_fail(run, -ENOENT, WR_SUPERBLOCK_NAME,
					"there is no journal in this directory");
	r = check_file_size(run, true);
	if (r < 0)
		return r;
	run->report->created = true;
	if (*ret_open)
		return 0;
	r = ops->file_open(run->storage, WR_SUPERBLOCK_NAME, WR_FILE_CREATE | WR_FILE_KEEP,
			   ret_file);
	*ret_open = r == 0;
	return r < 0 ? fail_any(run, r) : 0;
}

/* --- the walk --------------------------------------------------------------------------------- */

static int feed(struct wr_recovery_run *run, const struct wr_scan_batch *batch)
{
	const struct wr_batch_header *h = batch->header;
	const uint8_t *body = batch->bytes + WR_BATCH_HEADER_BYTES;
	uint64_t last_time_us = wr_max_u64(run->report->last_time_us, h->time_base_us);
	uint64_t seq = h->first_seq;
	struct wr_record_view view;

	run->log_bytes += (uint64_t)h->batch_bytes + h->skip_bytes;
	for (uint32_t at = 0; at < h->body_bytes; at += wr_record_stride(view.head->bytes), seq++) {
		/* The walk has checked that the records fill the body. */
		if (!wr_record_view(body + at, h->body_bytes - at, &view))
			break;
		uint64_t time_us = h->time_base_us + view.head->time_delta_us;
		last_time_us = wr_max_u64(last_time_us, time_us);
		int r = wr_recovery_feed(run, seq, h->epoch, time_us, &view);
		if (r != 0)
			return r;
	}
	run->report->last_time_us = last_time_us;
	run->report->scanned_records += h->record_count;
	run->report->scanned_bytes += (uint64_t)h->batch_bytes + h->skip_bytes;
	return 0;
}

static int refuse_foreign(struct wr_recovery_run *run)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	for (uint32_t i = 0; i < run->scan.segment_count; i++) {
		const struct wr_scan_segment *s = &run->scan.segments[i];
		if (!s->first_foreign)
			continue;
		wr_segment_name(name, run->options->log_id, s->file_number);
		run->report->corrupt_end_seq = UINT64_MAX;
		return wr_recovery_fail(run, WEIR_E_CORRUPT, name,
					"this file belongs to another journal and holds events: "
					"move it away, nothing was changed");
	}
	return 0;
}

/* R12. */
static int refuse_copies(struct wr_recovery_run *run)
{
	char name[WR_STORAGE_NAME_MAX + 1], other[WR_STORAGE_NAME_MAX + 1], text[160];

	for (uint32_t i = 1; i < run->scan.segment_count; i++) {
		const struct wr_scan_segment *s = &run->scan.segments[i];
		if (!s->is_copy)
			continue;
		wr_segment_name(name, run->options->log_id, s->file_number);
		wr_segment_name(other, run->options->log_id, s[-1].file_number);
		(void)snprintf(text, sizeof text,
			       "this file and %s are both segment %llu: one is a copy; move that "
			       "away, nothing was changed",
			       other, (unsigned long long)s->segment_id);
		run->report->corrupt_end_seq = UINT64_MAX;
		return wr_recovery_fail(run, WEIR_E_CORRUPT, name, text);
	}
	return 0;
}

/*
 * What retention took is in the tables of a checkpoint, and nowhere else (L30). Who only looks may
 * read what is left; an owner would go on with tables that lack it.
 */
static int refuse_without_checkpoint(struct wr_recovery_run *run)
{
	const struct wr_scan *scan = &run->scan;
	char text[sizeof run->problem->text];
	uint32_t oldest = 0;

	while (oldest < scan->segment_count && !scan->segments[oldest].accepted)
		oldest++;
	if (run->options->read_only || run->used_copy != WR_CHECKPOINT_COPIES ||
	    oldest == scan->segment_count || scan->segments[oldest].first.first_seq <= 1 ||
	    WR_BUG(NO_CHECKPOINT_PASSED))
		return 0;
	run->report->corrupt_first_seq = 1;
	run->report->corrupt_end_seq = scan->segments[oldest].first.first_seq;
	(void)snprintf(
		text, sizeof text,
		"no checkpoint is whole, and the log begins at %llu: what stood before it is "
		"not known any more, nothing was changed",
		(unsigned long long)run->report->corrupt_end_seq);
	return wr_recovery_fail(run, WEIR_E_CORRUPT, "checkpoint", text);
}

static int walk(struct wr_recovery_run *run)
{
	struct wr_scan_batch batch;
	int r = refuse_foreign(run);

	if (r == 0)
		r = refuse_copies(run);
	if (r < 0)
		return r;
	if (run->superblock.clean)
		run->scan.durable_seq =
			wr_max_u64(run->scan.durable_seq, run->superblock.clean_last_seq);
	r = wr_recovery_choose_start(run);
	if (r < 0)
		return fail_any(run, r);
	while ((r = wr_scan_next(&run->scan, &batch)) == 1) {
		r = feed(run, &batch);
		if (r != 0)
			return r;
	}
	return r < 0 ? fail_any(run, r) : refuse_without_checkpoint(run);
}

/* A live journal may recycle what is being read: then all over again. */
static int scan_log(struct wr_recovery_run *run)
{
	const struct wr_recovery_options *o = run->options;
	bool created = run->report->created;
	int r = WEIR_E_AGAIN;

	for (uint32_t i = 0; r == WEIR_E_AGAIN && i < LIVE_TRIES_MAX; i++) {
		if (i > 0) {
			wr_scan_close(&run->scan, false);
			memset(run->report, 0, sizeof *run->report);
			run->report->created = created;
			run->log_bytes = 0;
			if (run->problem != NULL)
				run->problem->code = 0;
		}
		if (run->fed)
			run->sink->reset(run->sink->context);
		run->fed = false;
		r = wr_scan_open(&run->scan, run->storage, run->memory, &run->superblock, o->log_id,
				 o->read_only);
		r = r < 0 ? fail_any(run, r) : walk(run);
	}
	return r;
}

/* --- what was found --------------------------------------------------------------------------- */

static bool is_live(const struct wr_recovery_run *run, const struct wr_scan_segment *s)
{
	return s->first_valid &&
	       (s->accepted || (!s->excluded && s->segment_id < run->start_segment_id));
}

static void fill_report(struct wr_recovery_run *run)
{
	struct wr_recovery_report *report = run->report;
	const struct wr_scan *scan = &run->scan;

	report->clean = !scan->stop.torn && wr_scan_is_at_clean_end(scan);
	report->last_epoch = scan->epoch;
	report->last_seq = scan->seq - 1;
	for (uint32_t i = 0; i < scan->segment_count && report->oldest_seq == 0; i++)
		if (is_live(run, &scan->segments[i]))
			report->oldest_seq = scan->segments[i].first.first_seq;
	if (!scan->stop.torn)
		return;
	report->trimmed_from_seq = scan->seq;
	report->trimmed_segment_id = scan->stop.segment_id;
	report->trimmed_offset = scan->stop.offset;
	report->trimmed_bytes = scan->stop.trimmed_bytes;
	report->valid_batch_followed = scan->stop.valid_batch_followed;
}

static void fill_recovered(struct wr_recovery_run *run, struct wr_recovered *rec)
{
	const struct wr_scan *scan = &run->scan;

	rec->next_seq = scan->seq;
	rec->last_time_us = run->report->last_time_us;
	rec->chain = scan->chain;
	rec->end_segment_id = wr_scan_at_id(scan);
	rec->end_offset = scan->at == WR_SCAN_NONE ? 0 : scan->offset;
	rec->end_epoch = scan->epoch;
	rec->checkpoint_bytes_ago = run->log_bytes;
	rec->checkpoint_copy = run->used_copy == 0 ? 1 : 0;
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++) {
		if (run->checkpoints[copy].verdict != WR_BLOCK_VALID)
			continue;
		rec->checkpoint_needed_seq[copy] = run->checkpoints[copy].header.needed_seq;
		rec->checkpoint_last_seq[copy] = run->checkpoints[copy].header.last_seq;
	}
	wr_recovery_find_place(run, rec);
}

static uint32_t segments_max(const struct wr_recovery_run *run)
{
	return run->options->segments_max != 0 ? run->options->segments_max : SEGMENTS_MAX_DEFAULT;
}

/* A writer keeps a table of them all; who only looks has none that could be too small. */
static int check_segment_count(struct wr_recovery_run *run)
{
	char text[sizeof run->problem->text];
	uint32_t count = run->scan.segment_count, most = segments_max(run);

	if (run->options->read_only || count <= most + WR_SEGMENTS_ROOM)
		return 0;
	(void)snprintf(text, sizeof text,
		       "this journal has %u segments, and %u are allowed: nothing was changed, "
		       "open it with a larger limit",
		       count, most);
	return wr_recovery_fail(run, -EINVAL, "segments_max", text);
}

static int fill_table(struct wr_recovery_run *run, struct wr_segment_table *table,
		      const struct wr_recovered *rec)
{
	const struct wr_scan *scan = &run->scan;
	bool any_live = false;
	int r = wr_segment_table_init(
		table, run->memory, run->options->log_id, scan->chunk_bytes, scan->segment_bytes,
		rec->superblock.uuid,
		(uint32_t)wr_max_u64(segments_max(run) + WR_SEGMENTS_ROOM, scan->segment_count));

	if (r < 0)
		return fail_any(run, r);
	for (uint32_t i = 0; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		bool live = is_live(run, s);
		uint32_t index = wr_segment_add(
			table, s->packed ? s->file | WR_SEGMENT_PACKED : s->file, s->file_number);
		table->has_packed |= s->packed;
		if (s->packed)
			wr_store_relaxed(&table->segments[index].bytes, s->stored_bytes);
		any_live |= live;
		/* They ascend: a packed one below all that are live has left the log. */
		table->segments[index].is_rest =
			(s->draft && !s->foreign) || (s->packed && !any_live) || s->is_outdated;
		if (live) /* they are sorted by their ids */
			wr_segment_set_live(table, index, s->segment_id, s->first.first_seq,
					    s->first.time_base_us);
		/* What was retired before stays out by its id alone, and is nobody's tail. */
		table->segments[index].trimmed = !live && s->first_valid &&
						 s->segment_id >= run->superblock.oldest_segment_id;
	}
	table->next_segment_id = scan->highest_id + 1;
	table->codecs = scan->codecs;
	table->has_packed |= (run->superblock.features_must & WR_SUPERBLOCK_PACKED) != 0;
	return 0;
}

/* --- what is written -------------------------------------------------------------------------- */

/*
 * The last segment was cut where it held no record: a clean close may be all that says so, and its
 * mark is about to go. Zeros give the file its size again, so that the next open decides alike.
 */
static int restore_size(struct wr_recovery_run *run)
{
	struct wr_scan *scan = &run->scan;
	struct wr_scan_segment *s = scan->at != WR_SCAN_NONE ? &scan->segments[scan->at] : NULL;
	int r = 0;

	if (s == NULL || s->packed || !s->header_valid || s->file_bytes >= scan->segment_bytes)
		return 0;
	/* A block that was cut lies behind the log's end: batches that were taken are whole. */
	uint64_t at = wr_round_down(s->file_bytes, WR_BLOCK_BYTES);
	memset(scan->buffer, 0, scan->chunk_bytes);
	for (; r >= 0 && at < scan->segment_bytes; at += scan->chunk_bytes) {
		uint32_t length = (uint32_t)wr_min_u64(scan->segment_bytes - at, scan->chunk_bytes);
		r = run->storage->ops->write(run->storage, s->file, scan->buffer, length, at);
	}
	return r;
}

/*
 * What is served from now on. A packed file that nothing is read of is as good as its header, whose
 * write a kill can have parted from its sync: its twin, which holds the same, is about to be used.
 */
static bool is_to_be_synced(const struct wr_scan *scan, uint32_t i)
{
	bool has_twin = i + 1 < scan->segment_count &&
			(scan->segments[i + 1].is_twin || scan->segments[i + 1].is_outdated);

	return scan->segments[i].accepted || (has_twin && !WR_BUG(PACKED_UNSYNCED));
}

static int make_durable(struct wr_recovery_run *run)
{
	const struct wr_storage_ops *ops = run->storage->ops;
	int r = restore_size(run);

	for (uint32_t i = 0; r >= 0 && i < run->scan.segment_count; i++)
		if (is_to_be_synced(&run->scan, i))
			r = ops->sync_file(run->storage, run->scan.segments[i].file);
	if (r >= 0)
		r = ops->sync_dir(run->storage);
	run->scan.failed_reading = "a sync before the first event is served";
	return r < 0 ? fail_any(run, r) : 0;
}

/* What may hold batches of the log from now on: what holds some (I6, I7 of journal_internal.h). */
static void record_range(const struct wr_recovery_run *run, struct wr_superblock *s)
{
	const struct wr_scan *scan = &run->scan;

	s->oldest_segment_id = s->oldest_seq = 0;
	s->newest_segment_id = wr_scan_at_id(scan);
	s->durable_seq = scan->seq - 1; /* make_durable() */
	/*
	 * Headers of segments above are about to be zeroed, and a medium that fails there may show
	 * them again later: their ids are theirs for good.
	 */
	s->given_segment_id = WR_BUG(ID_GIVEN_AGAIN) ? 0 : scan->highest_id;
	for (uint32_t i = 0; i < scan->segment_count && s->oldest_segment_id == 0; i++) {
		if (!is_live(run, &scan->segments[i]))
			continue;
		s->oldest_segment_id = scan->segments[i].segment_id;
		s->oldest_seq = scan->segments[i].first.first_seq;
	}
}

static int raise_epoch(struct wr_recovery_run *run, uint32_t file, struct wr_recovered *rec)
{
	struct wr_superblock *s = &rec->superblock;
	uint32_t epoch = run->superblock.epoch;

	for (uint32_t i = 0; i < run->scan.segment_count; i++)
		if (run->scan.segments[i].first_valid && run->scan.segments[i].first.epoch > epoch)
			epoch = run->scan.segments[i].first.epoch;
	if (run->scan.epoch > epoch)
		epoch = run->scan.epoch;
	if (epoch == UINT32_MAX)
		return fail_any(run, WEIR_E_FORMAT);
	s->epoch = WR_BUG(EPOCH_NOT_RAISED) && epoch > 0 ? epoch : epoch + 1;
	s->clean = 0;
	s->clean_segment_id = s->clean_offset = s->clean_last_seq = 0;
	s->clean_header_crc = 0;
	record_range(run, s);
	rec->epoch = s->epoch;
	if (run->options->read_only || (WR_BUG(EPOCH_NOT_WRITTEN) && !run->report->created))
		return 0;
	int r = wr_superblock_write(run->storage, run->memory, file, run->older_pair, s);
	if (r == 0 && run->report->created)
		r = run->storage->ops->sync_dir(run->storage);
	run->scan.failed_reading = "writing the superblock";
	return r < 0 ? fail_any(run, r) : 0;
}

int wr_recovery_run(struct wr_storage *storage, struct wr_memory *memory, struct wr_clock *clock,
		    const struct wr_recovery_options *options, const struct wr_recovery_sink *sink,
		    struct wr_segment_table *table, struct wr_recovered *ret_recovered,
		    struct wr_recovery_report *ret_report, struct weir_problem *reterr_problem)
{
	struct wr_recovery_run run = {
		.storage = storage,
		.memory = memory,
		.options = options,
		.sink = sink,
		.report = ret_report,
		.problem = reterr_problem,
	};
	struct wr_recovered *rec = ret_recovered;
	uint32_t file = 0;
	bool is_open = false;

	memset(ret_report, 0, sizeof *ret_report);
	memset(rec, 0, sizeof *rec);
	if (reterr_problem != NULL)
		memset(reterr_problem, 0, sizeof *reterr_problem);
	int r = read_superblock(&run, clock, &file, &is_open);
	if (r == 0)
		r = scan_log(&run);
	if (r == 0)
		r = check_segment_count(&run);
	if (r == 0) {
		rec->superblock = run.superblock;
		rec->superblock_file = file;
		fill_report(&run);
		fill_recovered(&run, rec);
		r = wr_recovery_chain(&run, rec);
	}
	if (r == 0)
		r = fill_table(&run, table, rec);
	bool has_table = r == 0;
	if (r == 0 && !options->read_only && !WR_BUG(RECOVERED_UNSYNCED))
		r = make_durable(&run);
	if (r == 0)
		r = raise_epoch(&run, file, rec);
	if (r == 0 && !options->read_only)
		wr_recovery_clear_behind(&run, table, rec);
	if (r != 0 && has_table)
		wr_segment_table_fini(table, memory);
	if (run.scan.memory != NULL)
		wr_scan_close(&run.scan, r == 0);
	if (r != 0 && is_open)
		(void)storage->ops->file_close(storage, file);
	return r;
}
