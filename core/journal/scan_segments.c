/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which segment files there are and what each of them is, from two blocks of each: the header and
 * the first batch. No more is read here, so that an open does not get slower with the log's size.
 *
 * What a file is:
 *   its header is good    a segment with that id. It is part of the log if a batch with that id
 *                         begins it; a batch of an older life there counts as nothing (R5)
 *   its header is not,    the header rotted, or a power cut tore it while the file was being
 *   the batch is          recycled. The batch names its segment and is proof of it: a segment
 *   neither               a spare
 *
 * A crash leaves whole segments behind that hold nothing but a trimmed tail. They are found by two
 * marks: an epoch start says that its predecessor ended in an earlier segment, and a sequence
 * number that the next segment begins below of was given again (L28). They are not part of the log
 * (R6), and nothing is ever read from them. The same holds for what the superblock says has left.
 * Thread: see scan.h.
 */
#include "core/journal/scan.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"

#define PROBE_BYTES (2 * WR_BLOCK_BYTES)
#define PROBE_ROOM_BYTES (PROBE_BYTES + WR_BLOCK_BYTES) /* scan_packed.c */
#define SEGMENTS_SLACK 16u /* files that may appear between two looks at a live directory */

/* --- the directory ---------------------------------------------------------------------------- */

struct listing {
	struct wr_scan *scan;
	uint32_t count;
	uint32_t *file_numbers; /* NULL: only count */
	uint32_t capacity;
};

static int list_name(void *context, const char *name)
{
	struct listing *l = context;
	uint32_t log_id, file_number;

	if (!wr_segment_name_parse(name, &log_id, &file_number) || log_id != l->scan->log_id)
		return 0;
	if (l->file_numbers != NULL) {
		if (l->count == l->capacity)
			return 0;
		l->file_numbers[l->count] = file_number;
	}
	l->count++;
	return 0;
}

static int open_files(struct wr_scan *scan, const uint32_t *file_numbers, uint32_t count)
{
	const struct wr_storage_ops *ops = scan->storage->ops;
	char name[WR_STORAGE_NAME_MAX + 1];

	for (uint32_t i = 0; i < count; i++) {
		struct wr_scan_segment *s = &scan->segments[scan->segment_count];
		wr_segment_name(name, scan->log_id, file_numbers[i]);
		int r = ops->file_open(scan->storage, name, scan->live ? WR_FILE_READ_ONLY : 0,
				       &s->file);
		if (r == -ENOENT && scan->live)
			continue;
		if (r < 0) {
			scan->failed_reading = "the directory";
			return r;
		}
		s->file_number = file_numbers[i];
		scan->segment_count++;
	}
	return 0;
}

static int find_files(struct wr_scan *scan)
{
	const struct wr_storage_ops *ops = scan->storage->ops;
	struct wr_memory *memory = scan->memory;
	struct listing l = {.scan = scan};
	int r = ops->file_each(scan->storage, list_name, &l);

	scan->failed_reading = "the directory";
	if (r < 0)
		return r;
	l.capacity = l.count + (scan->live ? SEGMENTS_SLACK : 0);
	scan->segment_capacity = l.capacity + 1;
	scan->segments = memory->ops->alloc(memory, scan->segment_capacity * sizeof *scan->segments,
					    WR_LINE_BYTES);
	size_t numbers_bytes = (l.capacity + 1) * sizeof *l.file_numbers;
	uint32_t *file_numbers = memory->ops->alloc(memory, numbers_bytes, sizeof(uint32_t));
	if (scan->segments != NULL && file_numbers != NULL) {
		l.file_numbers = file_numbers;
		l.count = 0;
		r = ops->file_each(scan->storage, list_name, &l);
		if (r >= 0)
			r = open_files(scan, file_numbers, l.count);
	} else {
		r = -ENOMEM;
	}
	if (file_numbers != NULL)
		memory->ops->free(memory, file_numbers, numbers_bytes);
	return r;
}

/* --- what a file is --------------------------------------------------------------------------- */

static int judge_header(struct wr_scan *scan, struct wr_scan_segment *s)
{
	struct wr_segment_header header = {.segment_id = 0};
	enum wr_block_verdict verdict = wr_segment_header_decode(scan->probe, &header);

	s->header_zero = verdict == WR_BLOCK_ZERO;
	if (verdict == WR_BLOCK_UNKNOWN)
		return WEIR_E_FORMAT;
	if (verdict != WR_BLOCK_VALID)
		return 0;
	if (memcmp(header.uuid, scan->superblock->uuid, WR_UUID_BYTES) != 0 ||
	    header.log_id != scan->log_id) {
		const struct wr_batch_place place = {header.uuid, header.log_id, header.segment_id,
						     WR_BLOCK_BYTES};
		s->foreign = true;
		s->first_foreign =
			wr_batch_check_header(scan->probe + WR_BLOCK_BYTES, header.chunk_bytes,
					      &place) == WR_BATCH_VALID;
		return 0;
	}
	s->header_valid = header.chunk_bytes == scan->chunk_bytes &&
			  header.segment_bytes == scan->segment_bytes;
	if (s->header_valid) {
		s->segment_id = header.segment_id;
		s->previous_id = header.previous_segment_id;
	}
	return 0;
}

/* Does that batch start an epoch? A longer one is read whole later, in read_starts(). */
static void look_for_start(struct wr_scan *scan, struct wr_scan_segment *s)
{
	const uint8_t *batch = scan->probe + WR_BLOCK_BYTES;
	const struct wr_batch_place place = {scan->superblock->uuid, scan->log_id, s->segment_id,
					     WR_BLOCK_BYTES};
	struct wr_record head;

	memcpy(&head, batch + WR_BATCH_HEADER_BYTES, sizeof head);
	if (s->first.batch_kind != WR_BATCH_DATA || head.kind != WR_KIND_EPOCH_START)
		return;
	if (s->first.batch_bytes > WR_BLOCK_BYTES) {
		s->may_start = true;
		return;
	}
	s->has_start = wr_batch_check(batch, WR_BLOCK_BYTES, &place) == WR_BATCH_VALID &&
		       wr_epoch_start_of(batch, &s->start);
}

static int judge_first_batch(struct wr_scan *scan, struct wr_scan_segment *s)
{
	const uint8_t *block = scan->probe + WR_BLOCK_BYTES;
	struct wr_batch_header h;

	memcpy(&h, block, sizeof h);
	uint64_t id = s->header_valid ? s->segment_id : h.segment_id;
	enum wr_batch_verdict verdict = wr_scan_check_header(scan, block, id, WR_BLOCK_BYTES);
	s->first_zero = verdict == WR_BATCH_ZERO;
	if (s->foreign || s->first_zero || id == 0)
		return 0;
	switch (verdict) {
	case WR_BATCH_VALID:
		s->first_valid = true;
		s->first = h;
		s->segment_id = id;
		look_for_start(scan, s);
		return 0;
	case WR_BATCH_UNKNOWN:
		return WEIR_E_FORMAT;
	default:
		s->first_stale =
			wr_scan_stale_bytes(scan, block, s->segment_id, WR_BLOCK_BYTES) > 0;
		return 0;
	}
}

/* --- every file ------------------------------------------------------------------------------- */

static int judge_file(struct wr_scan *scan, struct wr_scan_segment *s, bool has_first)
{
	bool is_packed;
	int r = wr_scan_judge_packed(scan, s, &is_packed);

	if (r < 0 || is_packed)
		return r;
	r = judge_header(scan, s);
	return r == 0 && has_first ? judge_first_batch(scan, s) : r;
}

bool wr_scan_is_gone(const struct wr_scan *scan, int code)
{
	return scan->live && (code == -ENOENT || code == -ESTALE);
}

static int probe_segment(struct wr_scan *scan, uint32_t index)
{
	struct wr_scan_segment *s = &scan->segments[index];
	struct wr_scan_segment clean = {.file = s->file, .file_number = s->file_number};
	const struct wr_storage_ops *ops = scan->storage->ops;

	clean.accepted = s->accepted;
	*s = clean;
	scan->failed_reading = "the first blocks of a segment";
	int r = ops->file_bytes(scan->storage, s->file, &s->file_bytes);
	if (wr_scan_is_gone(scan, r))
		return 0; /* what is known of it is nothing, as of an empty file */
	if (r < 0)
		return r;
	int64_t n = ops->read(scan->storage, s->file, scan->probe, PROBE_BYTES, 0);
	if (n < 0)
		return wr_scan_is_gone(scan, (int)n) ? 0 : (int)n;
	memset(scan->probe + n, 0, PROBE_BYTES - (size_t)n);
	scan->read_bytes += (uint64_t)n;
	s->stored_bytes = s->file_bytes;
	r = judge_file(scan, s, n == PROBE_BYTES);
	if (wr_scan_is_gone(scan, r)) {
		*s = clean;
		return 0;
	}
	scan->highest_id = wr_max_u64(scan->highest_id, s->segment_id);
	return r;
}

/* --- their order ------------------------------------------------------------------------------ */

static bool comes_before(const struct wr_scan_segment *a, const struct wr_scan_segment *b)
{
	if (a->segment_id != b->segment_id)
		return a->segment_id < b->segment_id;
	if (a->packed != b->packed)
		return a->packed;
	if (a->generation != b->generation)
		return a->generation > b->generation;
	return a->header_valid && !b->header_valid;
}

/* Heap sort: the count comes from a directory, and nothing may be quadratic in it. */
static void sift(struct wr_scan_segment *s, uint32_t root, uint32_t count)
{
	for (;;) {
		uint32_t child = 2 * root + 1;
		if (child >= count)
			return;
		if (child + 1 < count && comes_before(&s[child], &s[child + 1]))
			child++;
		if (!comes_before(&s[root], &s[child]))
			return;
		struct wr_scan_segment swapped = s[root];
		s[root] = s[child];
		s[child] = swapped;
		root = child;
	}
}

static void sort_segments(struct wr_scan_segment *s, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift(s, i, count);
	for (uint32_t end = count; end-- > 1;) {
		struct wr_scan_segment swapped = s[0];
		s[0] = s[end];
		s[end] = swapped;
		sift(s, 0, end);
	}
}

/*
 * Two files with one id: no journal gives one twice, so somebody copied a file. Nobody can say here
 * which of them went on, so a journal with a copy in it is not opened (R12). Who only looks is
 * told, and reads the one that stands first.
 */
static void mark_copies(struct wr_scan *scan)
{
	for (uint32_t i = 1; i < scan->segment_count; i++) {
		struct wr_scan_segment *s = &scan->segments[i];
		if (s->segment_id == 0 || s->segment_id != scan->segments[i - 1].segment_id)
			continue;
		s->first_valid = s->header_valid = false;
		s->has_start = s->may_start = false;
		/* The plain file that a packed one stands for is nothing but a file to be used. */
		s->is_twin = scan->segments[i - 1].packed && !s->packed;
		s->is_outdated = s->packed && s->generation < scan->segments[i - 1].generation;
		s->is_copy = !s->is_twin && !s->is_outdated;
	}
}

static int read_starts(struct wr_scan *scan)
{
	for (uint32_t i = 0; i < scan->segment_count; i++) {
		struct wr_scan_segment *s = &scan->segments[i];
		enum wr_batch_verdict verdict;
		struct wr_scan_batch batch;
		bool is_short;
		int r = 0;
		if (s->may_start)
			r = wr_scan_batch(scan, i, WR_BLOCK_BYTES, &verdict, &batch, &is_short);
		if (r < 0)
			return r;
		if (s->may_start)
			s->has_start = verdict == WR_BATCH_VALID &&
				       wr_epoch_start_of(batch.bytes, &s->start);
		if (s->has_start)
			scan->highest_id = wr_max_u64(scan->highest_id, s->start.end_segment_id);
	}
	return 0;
}

static void exclude_trimmed(struct wr_scan *scan)
{
	uint64_t above_id = UINT64_MAX, next_seq = UINT64_MAX;

	for (uint32_t i = scan->segment_count; i-- > 0;) {
		struct wr_scan_segment *s = &scan->segments[i];
		if (!s->first_valid)
			continue;
		s->excluded = s->segment_id > above_id || s->first.first_seq > next_seq ||
			      s->segment_id < scan->superblock->oldest_segment_id;
		if (s->excluded)
			continue;
		next_seq = s->first.first_seq;
		above_id = s->has_start ? s->start.end_segment_id : UINT64_MAX;
	}
}

static int arrange(struct wr_scan *scan)
{
	sort_segments(scan->segments, scan->segment_count);
	mark_copies(scan);
	scan->buffer_index = WR_SCAN_NONE; /* indices changed their meaning */
	wr_unpack_forget(&scan->unpack);
	int r = read_starts(scan);
	if (r < 0)
		return r;
	exclude_trimmed(scan);
	for (uint32_t i = 0; i < scan->segment_count; i++)
		if (scan->segments[i].first_valid)
			scan->durable_seq =
				wr_max_u64(scan->durable_seq, scan->segments[i].first.durable_seq);
	return 0;
}

static int probe_all(struct wr_scan *scan)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < scan->segment_count; i++)
		r = probe_segment(scan, i);
	return r == 0 ? arrange(scan) : r;
}

/* --- open and close --------------------------------------------------------------------------- */

int wr_scan_open(struct wr_scan *scan, struct wr_storage *storage, struct wr_memory *memory,
		 const struct wr_superblock *superblock, uint32_t log_id, bool live)
{
	*scan = (struct wr_scan){
		.storage = storage,
		.memory = memory,
		.superblock = superblock,
		.log_id = log_id,
		.chunk_bytes = superblock->chunk_bytes,
		.segment_bytes = superblock->segment_bytes,
		.live = live,
		.at = WR_SCAN_NONE,
		.seq = 1,
		.jump_index = WR_SCAN_NONE,
		.buffer_index = WR_SCAN_NONE,
		.highest_id = wr_max_u64(
			superblock->given_segment_id,
			wr_max_u64(superblock->clean_segment_id, superblock->newest_segment_id)),
		.durable_seq = superblock->durable_seq,
	};
	scan->probe = wr_memory_alloc_payload(memory, PROBE_ROOM_BYTES);
	scan->buffer = wr_memory_alloc_payload(memory, scan->chunk_bytes);
	int r = scan->probe != NULL && scan->buffer != NULL ? 0 : -ENOMEM;
	if (r == 0)
		r = find_files(scan);
	if (r >= 0)
		r = probe_all(scan);
	if (r < 0)
		wr_scan_close(scan, false);
	return r;
}

void wr_scan_close(struct wr_scan *scan, bool keep_files)
{
	struct wr_memory *memory = scan->memory;

	for (uint32_t i = 0; !keep_files && i < scan->segment_count; i++)
		(void)scan->storage->ops->file_close(scan->storage, scan->segments[i].file);
	if (scan->segments != NULL)
		memory->ops->free(memory, scan->segments,
				  scan->segment_capacity * sizeof *scan->segments);
	wr_memory_free_payload(memory, scan->buffer, scan->chunk_bytes);
	wr_memory_free_payload(memory, scan->probe, PROBE_ROOM_BYTES);
	wr_unpack_fini(&scan->unpack);
	scan->segments = NULL;
	scan->buffer = scan->probe = NULL;
	scan->segment_count = 0;
}

int wr_scan_refresh(struct wr_scan *scan)
{
	uint64_t at_id = wr_scan_at_id(scan);
	int r = probe_all(scan);

	if (r < 0 || scan->at == WR_SCAN_NONE)
		return r;
	for (uint32_t i = 0; i < scan->segment_count; i++) {
		if (scan->segments[i].segment_id == at_id) {
			scan->at = i;
			return 0;
		}
	}
	return WEIR_E_AGAIN;
}

uint32_t wr_scan_oldest(const struct wr_scan *scan)
{
	for (uint32_t i = 0; i < scan->segment_count; i++)
		if (scan->segments[i].first_valid && !scan->segments[i].excluded)
			return i;
	return WR_SCAN_NONE;
}

/* --- segments without a first batch ----------------------------------------------------------- */

int wr_scan_first_seq_inside(struct wr_scan *scan, uint32_t index, uint64_t *ret_seq)
{
	const struct wr_scan_segment *s = &scan->segments[index];
	uint64_t end = WR_BLOCK_BYTES + (uint64_t)scan->chunk_bytes;

	*ret_seq = 0;
	for (uint64_t offset = WR_BLOCK_BYTES; offset < end; offset += WR_BLOCK_BYTES) {
		const uint8_t *bytes;
		uint32_t available;
		int r = wr_scan_bytes(scan, index, offset, WR_BLOCK_BYTES, true, &bytes,
				      &available);
		if (r < 0 || available < WR_BLOCK_BYTES)
			return r;
		if (wr_scan_check_header(scan, bytes, s->segment_id, offset) != WR_BATCH_VALID)
			continue;
		struct wr_batch_header h;
		memcpy(&h, bytes, sizeof h);
		*ret_seq = h.first_seq;
		return 0;
	}
	return 0;
}

/*
 * Is there a segment that was part of the log and has lost its first batch? One whose next batch
 * continues in front of the next segment's; that of a trimmed tail would lie behind it. A file
 * that was cut cannot be asked: it counts.
 */
int wr_scan_find_headless(struct wr_scan *scan, uint64_t last_id, uint32_t *ret_index)
{
	uint64_t next_seq = UINT64_MAX;

	*ret_index = WR_SCAN_NONE;
	for (uint32_t i = scan->segment_count; i-- > 0;) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (s->first_valid && !s->excluded)
			next_seq = s->first.first_seq;
		if (!s->header_valid || s->first_valid || s->first_stale ||
		    s->segment_id > last_id || s->segment_id < scan->superblock->oldest_segment_id)
			continue;
		uint64_t inside = 0;
		bool is_cut = s->file_bytes < WR_BLOCK_BYTES + (uint64_t)scan->chunk_bytes;
		int r = is_cut ? 0 : wr_scan_first_seq_inside(scan, i, &inside);
		if (r < 0)
			return r;
		if (is_cut || (inside != 0 && inside < next_seq))
			*ret_index = i;
	}
	return 0;
}

/*
 * In front it is bounded by the oldest on record, and by its own words, which may be the damage. No
 * bound below the record: what lies there was retired, and of that nothing is missing.
 */
int wr_scan_headless_range(struct wr_scan *scan, uint32_t index, uint64_t *ret_first_seq,
			   uint64_t *ret_end_seq)
{
	struct wr_batch_header h = {.first_seq = 0};
	uint32_t next = wr_scan_oldest(scan);
	uint64_t end_seq = next == WR_SCAN_NONE ? UINT64_MAX : scan->segments[next].first.first_seq;
	uint64_t inside_seq;
	uint32_t available = 0;
	const uint8_t *bytes;
	int r = wr_scan_first_seq_inside(scan, index, &inside_seq);

	if (r >= 0)
		r = wr_scan_bytes(scan, index, WR_BLOCK_BYTES, WR_BLOCK_BYTES, false, &bytes,
				  &available);
	if (r < 0)
		return r;
	if (available == WR_BLOCK_BYTES)
		memcpy(&h, bytes, sizeof h);
	if (inside_seq != 0 && inside_seq < end_seq)
		end_seq = inside_seq;
	uint64_t least_seq = wr_max_u64(scan->superblock->oldest_seq, 1);
	if (least_seq >= end_seq)
		least_seq = 1;
	bool is_likely =
		h.magic == WR_BATCH_MAGIC && h.first_seq >= least_seq && h.first_seq < end_seq;
	*ret_first_seq = is_likely ? h.first_seq : least_seq;
	*ret_end_seq = end_seq;
	return 0;
}

int wr_scan_begin(struct wr_scan *scan, bool may_have_retired)
{
	uint32_t oldest = wr_scan_oldest(scan), headless;
	uint64_t first_seq, end_seq;

	if (!may_have_retired ||
	    (oldest != WR_SCAN_NONE && scan->segments[oldest].first.first_seq == 1))
		return 0;
	int r = wr_scan_find_headless(scan, UINT64_MAX, &headless);
	if (r < 0)
		return r;
	if (headless < oldest) {
		r = wr_scan_headless_range(scan, headless, &first_seq, &end_seq);
		if (r < 0)
			return r;
		scan->at = headless;
		scan->offset = WR_BLOCK_BYTES;
		scan->seq = first_seq;
		scan->any_chain = true;
		scan->durable_seq = wr_max_u64(scan->durable_seq, first_seq);
	} else if (oldest != WR_SCAN_NONE) {
		wr_scan_from_segment(scan, oldest);
	} else if (scan->superblock->oldest_seq > 1) {
		/* No segment has its beginning: what is missing is all that was not retired. */
		scan->seq = scan->superblock->oldest_seq;
		scan->any_chain = true;
	}
	return 0;
}
