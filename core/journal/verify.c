/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same walk as recovery's, from the oldest segment and past every damage, with a visitor that
 * is told. Nothing is written and no lock is taken: the owner may be at work (L36), so what lies
 * above the newest evidence counts as "not there yet", and a hole is read twice (scan.h).
 *
 * Thread: the caller's. Blocks. Memory: a chunk and the table of files, given back at the end.
 */
#include "core/journal/verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/journal/scan.h"
#include "core/journal/verify_live.h"
#include "core/journal/verify_part.h"
#include "core/record/left_out.h"

static const char newer_text[] =
	"written by a newer weir, or with a feature that this one does not know";
static const char lost_text[] = "a segment is lost: its file is not there, cut, or written over";

struct verify {
	struct wr_storage *storage;
	struct wr_memory *memory;
	const struct wr_verify_visitor *visitor;
	struct wr_verify_report *report;
	struct wr_scan scan;
	struct wr_segment_summary summary; /* of the segment that the walk is in */
	bool has_summary;
	/* Where the last batch ended: to tell a healed place from a whole one. */
	uint64_t end_offset;
	uint32_t end_index;
	uint32_t header_crc;
	bool has_end;
	struct wr_verify_live live;
	bool is_quiet;     /* what another part tells */
	uint64_t first_id; /* of the range; 0: from the beginning */
	uint64_t end_id;   /* the first segment behind it; 0: to the end */
};

/* --- telling the visitor ---------------------------------------------------------------------- */

static void name_segment(const struct verify *v, uint32_t index, char *to)
{
	if (index == WR_SCAN_NONE)
		to[0] = '\0';
	else
		wr_segment_name(to, v->scan.log_id, v->scan.segments[index].file_number);
}

static int tell_damage(struct verify *v, struct wr_damage *damage)
{
	if (v->is_quiet)
		return 0;
	if (damage->corrupt)
		v->report->corrupt_count++;
	else
		v->report->harmless_count++;
	return v->visitor->damage != NULL ? v->visitor->damage(v->visitor->context, damage) : 0;
}

static int tell_file(struct verify *v, enum wr_damage_kind kind, const char *file, uint64_t offset,
		     uint64_t bytes, const char *text)
{
	struct wr_damage damage = {.kind = kind, .offset = offset, .bytes = bytes};

	(void)snprintf(damage.file, sizeof damage.file, "%s", file);
	(void)snprintf(damage.text, sizeof damage.text, "%s", text);
	return tell_damage(v, &damage);
}

static int tell_summary(struct verify *v)
{
	if (!v->has_summary)
		return 0;
	v->has_summary = false;
	v->report->segment_count++;
	return v->visitor->segment != NULL ? v->visitor->segment(v->visitor->context, &v->summary)
					   : 0;
}

/* --- superblock and checkpoints --------------------------------------------------------------- */

static int fail(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem == NULL)
		return code;
	*problem = (struct weir_problem){.code = code};
	(void)snprintf(problem->field, sizeof problem->field, "%s", field);
	(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	return code;
}

/*
 * Copies are written in two pairs: an owner that died while it made the journal has left the first
 * pair alone, and never another version. Nothing else leaves a copy unwritten.
 */
static bool was_never_written(const struct wr_superblock_found *found, uint32_t copy)
{
	return found->superblock.version == 1 && copy >= WR_SUPERBLOCK_COPIES / 2 &&
	       found->verdicts[copy] == WR_BLOCK_ZERO;
}

/* No good copy: the rule of the open (R13). */
static int judge_remains(struct wr_storage *storage, struct wr_memory *memory,
			 bool has_superblock_file, struct weir_problem *problem)
{
	char text[160];
	int r = wr_scan_remains(storage, memory, 0, has_superblock_file, text, sizeof text);

	if (r == 1)
		return fail(problem, WEIR_E_CORRUPT, WR_SUPERBLOCK_NAME, text);
	if (r == WEIR_E_FORMAT)
		return fail(problem, r, "segments", newer_text);
	if (r < 0)
		return fail(problem, r, "journal", "the directory cannot be read");
	return fail(problem, -ENOENT, WR_SUPERBLOCK_NAME,
		    has_superblock_file
			    ? "there is no journal in this directory yet: who began to make it "
			      "did not come to its end, and the next open goes on"
			    : "there is no journal in this directory");
}

static int find_superblock(struct wr_storage *storage, struct wr_memory *memory,
			   struct wr_superblock_found *ret_found, struct weir_problem *problem)
{
	uint32_t file;
	int r = storage->ops->file_open(storage, WR_SUPERBLOCK_NAME, WR_FILE_READ_ONLY, &file);

	if (r == -ENOENT)
		return judge_remains(storage, memory, false, problem);
	if (r < 0)
		return fail(problem, r, WR_SUPERBLOCK_NAME, "the superblock cannot be opened");
	r = wr_superblock_read(storage, memory, file, ret_found);
	(void)storage->ops->file_close(storage, file);
	if (r < 0)
		return fail(problem, r, WR_SUPERBLOCK_NAME, "the superblock cannot be read");
	if (ret_found->any_unknown)
		return fail(problem, WEIR_E_FORMAT, WR_SUPERBLOCK_NAME, newer_text);
	return ret_found->any_valid ? 0 : judge_remains(storage, memory, true, problem);
}

int wr_verify_superblock(struct wr_storage *storage, struct wr_memory *memory,
			 struct wr_superblock *ret_superblock, struct weir_problem *reterr_problem)
{
	struct wr_superblock_found found;
	int r = find_superblock(storage, memory, &found, reterr_problem);

	if (r == 0)
		*ret_superblock = found.superblock;
	return r;
}

static int read_superblock(struct verify *v, struct weir_problem *problem)
{
	struct wr_superblock_found found;
	int r = find_superblock(v->storage, v->memory, &found, problem);

	if (r < 0)
		return r;
	v->report->superblock = found.superblock;
	for (uint32_t copy = 0; r == 0 && copy < WR_SUPERBLOCK_COPIES; copy++)
		if (found.verdicts[copy] != WR_BLOCK_VALID && !was_never_written(&found, copy))
			r = tell_file(v, WR_DAMAGE_SUPERBLOCK_COPY, WR_SUPERBLOCK_NAME,
				      (uint64_t)copy * WR_BLOCK_BYTES, WR_BLOCK_BYTES,
				      "a copy of the superblock is bad, another is good");
	return r;
}

static int tell_checkpoint(struct verify *v, uint32_t copy, const char *text)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	wr_checkpoint_name(name, v->scan.log_id, copy);
	return tell_file(v, WR_DAMAGE_CHECKPOINT, name, 0, WR_BLOCK_BYTES, text);
}

static int check_checkpoints(struct verify *v,
			     struct wr_checkpoint_found found[WR_CHECKPOINT_COPIES])
{
	struct wr_scan *scan = &v->scan;
	int r = 0;

	for (uint32_t copy = 0; r == 0 && copy < WR_CHECKPOINT_COPIES; copy++) {
		struct wr_checkpoint_found *c = &found[copy];
		uint8_t *body;
		size_t bytes;
		if (c->verdict == WR_BLOCK_BAD)
			r = tell_checkpoint(v, copy, "the header of a checkpoint is bad");
		if (c->verdict != WR_BLOCK_VALID)
			continue;
		scan->durable_seq = wr_max_u64(scan->durable_seq, c->header.last_seq);
		r = wr_checkpoint_body(v->storage, v->memory, c, &body, &bytes);
		if (r == 0) {
			if (v->visitor->checkpoint != NULL)
				r = v->visitor->checkpoint(v->visitor->context, copy, &c->header,
							   body);
			v->memory->ops->free(v->memory, body, bytes);
		} else if (r == WEIR_E_CORRUPT) {
			r = tell_checkpoint(v, copy, "the body of a checkpoint is bad");
		}
	}
	return r;
}

/* --- damage in the log ------------------------------------------------------------------------ */

static int tell_stop(struct verify *v)
{
	const struct wr_scan_stop *stop = &v->scan.stop;
	struct wr_damage damage = {
		.kind = stop->missing_segment ? WR_DAMAGE_MISSING_SEGMENT : WR_DAMAGE_BATCH,
		.corrupt = true,
		.segment_id = stop->segment_id,
		.offset = stop->offset,
		.first_seq = stop->first_seq,
		.end_seq = stop->end_seq,
	};

	if (stop->lost_id != 0) {
		damage.segment_id = stop->lost_id; /* and no place: the walk stands before it */
		damage.offset = 0;
	} else {
		name_segment(v, stop->index, damage.file);
	}
	if (stop->follower_index == stop->index && stop->follower_offset > stop->offset)
		damage.bytes = stop->follower_offset - stop->offset;
	(void)snprintf(damage.text, sizeof damage.text, "%s",
		       stop->lost_id != 0      ? lost_text
		       : stop->missing_segment ? "a segment of the log is missing"
		       : stop->short_file      ? "the file was cut: acknowledged batches are gone"
					       : "an acknowledged batch does not validate");
	return tell_damage(v, &damage);
}

static int tell_torn_tail(struct verify *v)
{
	const struct wr_scan_stop *stop = &v->scan.stop;
	struct wr_damage damage = {
		.kind = WR_DAMAGE_TORN_TAIL,
		.segment_id = stop->segment_id,
		.offset = stop->offset,
		.bytes = stop->trimmed_bytes,
		.first_seq = stop->first_seq,
		.end_seq = stop->first_seq,
	};

	if (!stop->torn)
		return 0;
	name_segment(v, stop->index, damage.file);
	(void)snprintf(damage.text, sizeof damage.text,
		       "an unfinished write behind the last acknowledged record%s",
		       stop->valid_batch_followed ? ", with whole batches behind it" : "");
	return tell_damage(v, &damage);
}

/* Fillers and evidence hold no record: what they closed is whole. */
static int tell_healed(struct verify *v, const struct wr_batch_header *h)
{
	struct wr_damage damage = {
		.kind = WR_DAMAGE_BATCH,
		.segment_id = v->scan.segments[v->end_index].segment_id,
		.offset = v->end_offset,
		.first_seq = h->first_seq,
		.end_seq = h->first_seq,
	};

	name_segment(v, v->end_index, damage.file);
	(void)snprintf(damage.text, sizeof damage.text,
		       "a block without records is damaged: no event is affected");
	return tell_damage(v, &damage);
}

/* Retention never passes what a checkpoint says is needed (L30). */
static int check_oldest(struct verify *v, const struct wr_checkpoint_found *found, uint32_t oldest)
{
	uint64_t needed_seq = UINT64_MAX, first_seq = v->scan.segments[oldest].first.first_seq;
	struct wr_damage damage = {.kind = WR_DAMAGE_MISSING_SEGMENT, .corrupt = true};
	uint64_t oldest_id, oldest_seq;
	int r = wr_scan_oldest_recorded(&v->scan, &oldest_id, &oldest_seq);

	if (r < 0)
		return r;
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++)
		if (found[copy].verdict == WR_BLOCK_VALID)
			needed_seq = wr_min_u64(
				needed_seq, wr_min_u64(wr_max_u64(found[copy].header.needed_seq, 1),
						       found[copy].header.last_seq));
	if (first_seq <= wr_min_u64(needed_seq, oldest_seq))
		return 0;
	damage.first_seq = wr_min_u64(needed_seq, oldest_seq);
	damage.end_seq = first_seq;
	damage.segment_id = first_seq > oldest_seq ? oldest_id : 0;
	(void)snprintf(damage.text, sizeof damage.text, "%s",
		       first_seq > oldest_seq ? lost_text
					      : "the oldest segment begins behind what a "
						"checkpoint says is needed");
	return tell_damage(v, &damage);
}

/* --- the walk --------------------------------------------------------------------------------- */

static int begin_segment(struct verify *v, const struct wr_scan_batch *batch)
{
	const struct wr_scan_segment *s = &v->scan.segments[batch->index];
	const struct wr_batch_header *h = batch->header;
	int r = tell_summary(v);

	v->summary = (struct wr_segment_summary){
		.segment_id = s->segment_id,
		.first_seq = h->first_seq,
		.end_seq = h->first_seq,
		.first_time_us = h->time_base_us,
		.file_bytes = s->stored_bytes,
	};
	name_segment(v, batch->index, v->summary.file);
	v->has_summary = true;
	if (r == 0 && (!s->header_valid || s->header_copy))
		r = tell_file(v, WR_DAMAGE_SEGMENT_HEADER, v->summary.file, 0, WR_BLOCK_BYTES,
			      s->packed ? "the header of a packed segment is bad, its copy is good"
					: "the header of a segment is bad, its batches prove which "
					  "it is");
	return r;
}

/* Append time never goes back in a log (L17). */
static uint64_t last_time_us(const struct wr_scan_batch *batch)
{
	const struct wr_batch_header *h = batch->header;
	const uint8_t *body = batch->bytes + WR_BATCH_HEADER_BYTES;

	if (h->record_count == 0)
		return h->time_base_us;
	const struct wr_record *last = (const void *)(body + batch->records.last_bytes);
	return h->time_base_us + last->time_delta_us;
}

static int visit(struct verify *v, const struct wr_scan_batch *batch, uint64_t from_seq,
		 uint64_t to_seq)
{
	const struct wr_batch_header *h = batch->header;
	uint64_t end_seq = h->first_seq + h->record_count;
	int r = 0;

	if (v->has_end && h->chain != v->header_crc)
		r = tell_healed(v, h);
	if (r == 0 && (!v->has_summary || v->summary.segment_id != h->segment_id))
		r = begin_segment(v, batch);
	if (r != 0)
		return r;
	v->summary.end_seq = end_seq;
	v->summary.last_time_us = wr_max_u64(v->summary.last_time_us, last_time_us(batch));
	v->summary.used_bytes = batch->offset + h->batch_bytes + h->skip_bytes;
	v->summary.batch_count++;
	v->summary.epoch = h->epoch;
	v->report->record_count += h->record_count;
	v->report->event_count += batch->records.event_count;
	if (batch->records.event_count != h->record_count)
		v->report->left_out_count += wr_left_out_count(h);
	v->report->last_seq = end_seq - 1;
	if (v->report->oldest_seq == 0)
		v->report->oldest_seq = h->first_seq;
	v->has_end = true;
	v->end_index = batch->index;
	v->end_offset = v->summary.used_bytes;
	v->header_crc = h->header_crc;
	if (v->visitor->any_batch != NULL)
		r = v->visitor->any_batch(v->visitor->context, h);
	if (r != 0 || v->visitor->batch == NULL || h->batch_kind != WR_BATCH_DATA ||
	    end_seq <= from_seq || h->first_seq > to_seq)
		return r;
	return v->visitor->batch(v->visitor->context, h);
}

/* What is damaged is told, and passed over. What the visitor said of it, or a code. */
static int pass_damage(struct verify *v, bool *ret_goes_on)
{
	int is_so = wr_verify_live_damage(&v->live, &v->scan, &v->report->superblock);

	v->has_end = false;
	*ret_goes_on = is_so == 0;
	if (is_so <= 0)
		return is_so;
	int r = tell_stop(v);
	*ret_goes_on = r == 0 && wr_scan_skip(&v->scan);
	return r;
}

/* The file of a segment was used again that was being read. 0 or a code. */
static int pass_overtaken(struct verify *v, uint64_t last_id, bool *ret_goes_on)
{
	int r = wr_verify_live_overtaken(&v->live, &v->scan, &v->report->superblock, last_id);

	*ret_goes_on = r > WR_VERIFY_ENDS;
	if (r == WR_VERIFY_STANDS) {
		v->end_index = v->scan.at;
		v->summary.file_bytes = v->scan.segments[v->scan.at].stored_bytes;
		name_segment(v, v->scan.at, v->summary.file);
		return 0;
	}
	v->has_end = false;
	v->has_summary &= r == WR_VERIFY_LOOKS; /* else it is another file now */
	return r < 0 ? r : 0;
}

/* A batch that the walk came to: visited, unless it is the next part's. */
static int come_to(struct verify *v, const struct wr_scan_batch *batch, uint64_t from_seq,
		   uint64_t to_seq, bool *ret_goes_on)
{
	const struct wr_batch_header *h = batch->header;
	const struct wr_verify_border here = {h->segment_id, batch->offset, h->header_crc};
	int is_new = wr_verify_live_batch(&v->live, batch);

	*ret_goes_on = is_new >= 0;
	if (is_new != 1)
		return 0;
	if (v->end_id != 0 && h->segment_id >= v->end_id) {
		v->report->next = here;
		*ret_goes_on = false;
		return 0;
	}
	if (v->report->first.segment_id == 0)
		v->report->first = here;
	return visit(v, batch, from_seq, to_seq);
}

static int walk(struct verify *v, uint64_t from_seq, uint64_t to_seq)
{
	bool goes_on = true;
	int r = 0;

	while (r == 0 && goes_on) {
		struct wr_scan_batch batch;
		uint64_t id = wr_scan_at_id(&v->scan);
		r = wr_scan_next(&v->scan, &batch);
		if (r == 1) {
			r = come_to(v, &batch, from_seq, to_seq, &goes_on);
		} else if (r == WEIR_E_CORRUPT) {
			r = pass_damage(v, &goes_on);
		} else if (r == WEIR_E_AGAIN) {
			r = pass_overtaken(v, id, &goes_on);
		} else {
			goes_on = false;
			r = r == 0 ? tell_torn_tail(v) : r;
		}
	}
	return r;
}

/* R12: what follows is told of the one that stands first. */
static int tell_copies(struct verify *v)
{
	char other[WR_STORAGE_NAME_MAX + 1];
	int r = 0;

	for (uint32_t i = 1; r == 0 && i < v->scan.segment_count; i++) {
		const struct wr_scan_segment *s = &v->scan.segments[i];
		struct wr_damage damage = {.kind = WR_DAMAGE_SEGMENT_COPY,
					   .corrupt = true,
					   .segment_id = s->segment_id,
					   .bytes = s->file_bytes,
					   .end_seq = UINT64_MAX};
		if (!s->is_copy)
			continue;
		name_segment(v, i, damage.file);
		name_segment(v, i - 1, other);
		(void)snprintf(damage.text, sizeof damage.text,
			       "this file and %s are both this segment: one is a copy; move that "
			       "away",
			       other);
		r = tell_damage(v, &damage);
	}
	return r;
}

/* Files that hold no part of the log. */
static int tell_spares(struct verify *v)
{
	int r = tell_summary(v);

	for (uint32_t i = 0; r == 0 && v->end_id == 0 && i < v->scan.segment_count; i++) {
		const struct wr_scan_segment *s = &v->scan.segments[i];
		struct wr_segment_summary summary = {.file_bytes = s->stored_bytes, .spare = true};
		bool is_of_others = s->first_valid && !s->excluded && s->segment_id < v->first_id;
		if (s->accepted || is_of_others || wr_verify_live_is_beyond(&v->live, s))
			continue;
		v->report->spare_count++;
		name_segment(v, i, summary.file);
		if (v->visitor->segment != NULL)
			r = v->visitor->segment(v->visitor->context, &summary);
		if (r == 0 && s->foreign)
			r = tell_file(v, WR_DAMAGE_SPARE, summary.file, 0, WR_BLOCK_BYTES,
				      "this file belongs to another journal");
		else if (r == 0 && !s->is_copy && !s->is_twin && !s->is_outdated && !s->draft &&
			 !s->header_valid && !s->header_zero)
			r = tell_file(v, WR_DAMAGE_SPARE, summary.file, 0, WR_BLOCK_BYTES,
				      "a spare file has a bad header");
	}
	return r;
}

/* The youngest whose first batch is not beyond the sequence: of epochs that overlap, the one that
 * counts. WR_SCAN_NONE: there is none. */
static uint32_t segment_of(const struct wr_scan *scan, uint64_t seq)
{
	uint32_t found = WR_SCAN_NONE;

	for (uint32_t i = 0; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->first_valid && !s->excluded && s->first.first_seq <= seq)
			found = i;
	}
	return found;
}

static int verify_log(struct verify *v, struct wr_checkpoint_found *found, uint64_t from_seq,
		      uint64_t to_seq)
{
	struct wr_scan *scan = &v->scan;
	bool may_have_retired = scan->superblock->oldest_seq > 1;
	int r = 0;

	if (v->visitor->begin != NULL)
		r = v->visitor->begin(v->visitor->context, wr_verify_part_count(scan));
	if (r == 0)
		r = check_checkpoints(v, found);
	if (r == 0)
		r = tell_copies(v);
	if (scan->superblock->clean)
		scan->durable_seq = wr_max_u64(scan->durable_seq, scan->superblock->clean_last_seq);
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++)
		may_have_retired |= found[copy].verdict != WR_BLOCK_ZERO;
	uint32_t oldest = wr_scan_oldest(scan);
	v->live.may_have_retired = may_have_retired;
	v->live.is_dense = v->visitor->is_dense;
	v->is_quiet = false;
	wr_verify_part(scan, v->visitor, v->report, &v->first_id, &v->end_id);
	if (v->report->is_empty)
		return r;
	if (r == 0)
		r = wr_scan_begin(scan, may_have_retired);
	uint32_t first =
		v->visitor->begin_seq == 0 ? WR_SCAN_NONE : segment_of(scan, v->visitor->begin_seq);
	if (r == 0 && first != WR_SCAN_NONE && first != oldest)
		wr_scan_from_segment(scan, first);
	else if (r == 0 && oldest != WR_SCAN_NONE && scan->at == oldest && v->first_id == 0)
		r = check_oldest(v, found, oldest);
	if (r == 0 && v->first_id != 0)
		wr_verify_part_begin(scan, v->first_id);
	if (r == 0)
		r = walk(v, from_seq, to_seq);
	if (r == 0)
		r = tell_spares(v);
	v->report->is_overtaken = v->live.is_overtaken;
	v->report->durable_seq = scan->durable_seq;
	v->report->read_bytes = scan->read_bytes;
	return r;
}

int wr_verify_run(struct wr_storage *storage, struct wr_memory *memory, uint64_t from_seq,
		  uint64_t to_seq, const struct wr_verify_visitor *visitor,
		  struct wr_verify_report *ret_report, struct weir_problem *reterr_problem)
{
	struct verify v = {
		.storage = storage,
		.memory = memory,
		.visitor = visitor,
		.report = ret_report,
		.is_quiet = visitor->part > 0,
	};
	struct wr_checkpoint_found found[WR_CHECKPOINT_COPIES];

	memset(ret_report, 0, sizeof *ret_report);
	int r = read_superblock(&v, reterr_problem);
	if (r != 0)
		return r;
	r = wr_scan_open(&v.scan, storage, memory, &ret_report->superblock, 0, true);
	if (r == 0) {
		r = wr_checkpoints_read(storage, &ret_report->superblock, 0, v.scan.probe, found);
		if (r == 0) {
			r = verify_log(&v, found, from_seq, to_seq);
			wr_checkpoints_close(storage, found);
		}
		wr_scan_close(&v.scan, false);
	}
	if (r == WEIR_E_FORMAT)
		return fail(reterr_problem, r, "segments",
			    v.scan.lacks != WR_CODEC_NONE ? wr_codec_lack(v.scan.lacks, true)
							  : newer_text);
	if (r < 0 && r != WEIR_E_CORRUPT && r != WEIR_E_AGAIN)
		return fail(reterr_problem, r, "journal", "the directory cannot be read");
	return r;
}
