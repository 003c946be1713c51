/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the medium holds is what the oracle saw, byte for byte: by the library's own verify, which
 * goes through every file, and by a look at one packed segment that was just written, while its
 * owner is at work. Of those looks one in WHOLE_ONE_IN is a verify beside the owner.
 *
 * Who looks is nobody of this world: no fault strikes him, his reads bring no power cut nearer, and
 * a frozen medium stays frozen. Worlds that write histories are as they were before that was so:
 * the seeds in which their checker sees seeded bugs have reads that count, and every look a verify.
 */
#include "core/journal/unpack.h"
#include "core/journal/verify.h"
#include "tests/sim/oracle.h"

#define WHOLE_ONE_IN 8u

struct verified {
	uint64_t next_seq;
	uint64_t end_seq; /* what stands from here on is not looked at */
};

static int compare_batch(void *context, const struct wr_batch_header *h)
{
	struct verified *verified = context;
	uint64_t *next_seq = &verified->next_seq;
	const uint8_t *at = (const uint8_t *)h + WR_BATCH_HEADER_BYTES;

	if (h->first_seq >= verified->end_seq)
		return 1;
	world_check(*next_seq == 0 || h->first_seq == *next_seq, "a hole in the retained log",
		    h->first_seq, *next_seq);
	for (uint32_t i = 0; i < h->record_count; i++) {
		uint64_t seq = h->first_seq + i;
		const struct oracle_record *o = &oracle.records[seq];
		const struct wr_record *r = (const struct wr_record *)at;
		bool is_left_out = r->kind == WR_KIND_LEFT_OUT;
		world_check(seq <= oracle.end_seq && o->epoch == h->epoch,
			    "the medium holds another record", seq, h->epoch);
		if (is_left_out)
			oracle_left_out(seq, r);
		world_check(is_left_out || !o->left, "what had left the log is back", seq, 0);
		world_check(is_left_out || (o->bytes == r->bytes &&
					    memcmp(oracle.bytes + o->at, at, o->bytes) == 0),
			    "the medium holds another record", seq, h->epoch);
		at += wr_record_stride(r->bytes);
	}
	*next_seq = h->first_seq + h->record_count;
	return 0;
}

/* --- who looks -------------------------------------------------------------------------------- */

/* What a look leaves as it was. */
struct look {
	struct wr_storage *storage;
	struct wr_fault_plan plan;
	uint64_t trip_at, op_count, trace, frozen_until_ns;
};

static bool begin_look(struct look *look)
{
	const struct wr_storage_options options = {.sim_disk = world.disk, .read_only = true};

	look->plan = world.disk->plan;
	look->trip_at = world.disk->trip_at;
	look->op_count = world.disk->op_count;
	look->trace = world.disk->trace;
	look->frozen_until_ns = world.disk->frozen_until_ns;
	if (wr_storage_sim_open(&options, &look->storage) != 0)
		return false;
	wr_fault_plan_heal(&world.disk->plan);
	world.disk->trip_at = 0;
	if (world.history == NULL)
		world.disk->frozen_until_ns = 0;
	return true;
}

static void end_look(struct look *look)
{
	look->storage->ops->fini(look->storage);
	world.disk->plan = look->plan;
	world.disk->trip_at = look->trip_at;
	if (world.history != NULL)
		return;
	world.disk->op_count = look->op_count;
	world.disk->trace = look->trace;
	world.disk->frozen_until_ns = look->frozen_until_ns;
}

/* --- all of it -------------------------------------------------------------------------------- */

/*
 * All that is retained, also below the checkpoint where recovery does not look. `live`: while the
 * owner is at work, so what is durable has to be there, and may be followed by more (L36).
 */
static void verify(uint64_t from_seq, uint64_t end_seq, bool live)
{
	struct verified verified = {.end_seq = end_seq};
	const struct wr_verify_visitor visitor = {
		.batch = compare_batch, .context = &verified, .begin_seq = from_seq};
	struct wr_verify_report report;
	struct weir_problem problem = {0};
	struct look look;

	if (!begin_look(&look))
		return;
	int rc = wr_verify_run(look.storage, world_memory(), 0, UINT64_MAX, &visitor, &report,
			       &problem);
	end_look(&look);
	uint64_t next_seq = verified.next_seq;
	world_check(rc == 0 || (rc == 1 && end_seq != UINT64_MAX), "the log cannot be verified",
		    (uint64_t)-rc, 0);
	world_check(report.corrupt_count == 0, "the retained log has a hole", report.corrupt_count,
		    0);
	world_check(live || next_seq == 0 || next_seq == oracle.end_seq + 1,
		    "the medium ends elsewhere", next_seq, oracle.end_seq);
	world_check(!live || rc == 1 || next_seq > oracle.kept_seq || oracle.kept_seq == 0,
		    "a reader beside the owner misses what is durable", next_seq, oracle.kept_seq);
	world_sometimes(live ? SOMETIMES_VERIFIED_LIVE : SOMETIMES_VERIFIED);
}

void oracle_verify_medium(bool live)
{
	verify(0, UINT64_MAX, live);
}

/* --- one packed segment ----------------------------------------------------------------------- */

/* Batch after batch of one extent, as it stands in the buffer. */
static void compare_extent(const uint8_t *bytes, const struct wr_batch_place *first,
			   struct verified *verified)
{
	uint32_t chunk_bytes = world.pipeline->segments.chunk_bytes, at = 0;

	while (at < chunk_bytes) {
		struct wr_batch_place place = *first;
		const struct wr_batch_header *h = (const void *)(bytes + at);
		place.segment_offset += at;
		if (wr_batch_check(h, chunk_bytes - at, &place) != WR_BATCH_VALID)
			return;
		if (h->batch_kind == WR_BATCH_DATA)
			(void)compare_batch(verified, h);
		at += h->batch_bytes + h->skip_bytes;
	}
}

/* False: the file is none that is whole, or another segment's. */
static bool compare_packed(struct wr_unpack *u, const struct wr_unpack_source *from,
			   const struct wr_pack_job *job)
{
	static _Alignas(WR_BLOCK_BYTES) uint8_t buffer[WORLD_CHUNK_BYTES];
	const struct wr_segment_table *t = &world.pipeline->segments;
	struct verified verified = {.end_seq = UINT64_MAX};
	struct wr_packed_header header;

	if (wr_unpack_header(u, from, &header) < 0)
		return false;
	for (uint32_t i = 0; i < header.frame_count; i++) {
		const struct wr_batch_place place = {t->uuid, t->log_id, job->segment_id,
						     wr_extent_offset(t->chunk_bytes, i)};
		int rc = wr_unpack_extent(u, from, i, buffer);
		world_check(rc == 0, "a packed segment cannot be read", (uint64_t)-rc, i);
		compare_extent(buffer, &place, &verified);
	}
	world_check(verified.next_seq == job->end_seq && header.first_seq == job->first_seq,
		    "a packed segment is not all there", verified.next_seq, job->end_seq);
	return true;
}

static bool look_at_packed(const struct wr_pack_job *job)
{
	const struct wr_segment_table *t = &world.pipeline->segments;
	struct wr_unpack_source from = {.segment_id = job->segment_id};
	char name[WR_STORAGE_NAME_MAX + 1];
	struct wr_unpack u = {.memory = NULL};
	struct look look;
	bool is_whole = false;

	if (!begin_look(&look))
		return false;
	from.storage = look.storage;
	wr_segment_name(name, t->log_id, job->file_number);
	if (look.storage->ops->file_open(look.storage, name, WR_FILE_READ_ONLY, &from.file) == 0 &&
	    wr_unpack_init(&u, look.storage, world_memory(), t->uuid, t->log_id, t->chunk_bytes,
			   t->segment_bytes, false) == 0)
		is_whole = compare_packed(&u, &from, job);
	wr_unpack_fini(&u);
	end_look(&look);
	return is_whole;
}

void oracle_look_at_packed(const struct wr_pack_job *job)
{
	if (world.history != NULL || oracle.looks++ % WHOLE_ONE_IN == 0 || !look_at_packed(job))
		verify(job->first_seq, job->end_seq, true);
}
