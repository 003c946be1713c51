/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a frame that is not what a packer writes is damage from the first batch on that is not as
 *         it should be, and of the others none is lost; a sparse body that lies about its runs is
 *         none; and runs of any length come back.
 * Method: the frame of one extent of the builder's, changed in a word, cut, or with a batch of
 *         elsewhere in it; bodies of hand-made heads.
 */
#include "core/journal/packed.h"
#include "core/journal/sparse.h"
#include "core/record/left_out.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(packed_frames, .init = setup, .fini = teardown);

#define FOLDED 4u                    /* batches of an extent, one block each */
#define RUN_COUNT (UINT16_MAX + 40u) /* more than one head can tell */

static uint8_t frame[2 * CHUNK_BYTES], to[CHUNK_BYTES];
static uint32_t frame_bytes, ends[FOLDED]; /* of each batch, in the frame */
static struct wr_batch_place place;

static uint8_t *file_bytes(void)
{
	uint64_t bytes;
	const uint8_t *content = wr_sim_disk_peek(disk, "0-00000000.seg", &bytes);
	uint8_t *copy = aligned_alloc(WR_BLOCK_BYTES, bytes);

	memcpy(copy, content, bytes);
	return copy;
}

/* The first extent's. */
static void fold_all(void)
{
	log_builder_epoch(&b);
	log_builder_batch(&b, 2, 100);
	log_builder_batch(&b, 3, 60);
	log_builder_filler(&b);
	log_builder_batch(&b, 1, 40);
	uint8_t *file = file_bytes();
	frame_bytes = 0;
	for (uint32_t i = 0; i < FOLDED; i++) {
		frame_bytes += wr_sparse_fold(file + b.batches[i].offset, frame + frame_bytes);
		ends[i] = frame_bytes;
	}
	free(file);
	place = (struct wr_batch_place){b.superblock.uuid, 0, 1, WR_BLOCK_BYTES};
}

static bool unfold(uint32_t bytes, bool is_all)
{
	memset(to, 0x77, sizeof to);
	return wr_packed_unfold(frame, bytes, is_all, WR_PACKED_WHOLE, CHUNK_BYTES, &place, to);
}

static bool has_batch(uint32_t i)
{
	const struct wr_batch_header *h = &b.batches[i].header;
	uint32_t at = (uint32_t)(h->segment_offset - WR_BLOCK_BYTES);

	return memcmp(to + at, h, sizeof *h) == 0;
}

static void put_header(uint32_t at, size_t field, uint64_t value, size_t bytes)
{
	memcpy(frame + at + field, &value, bytes);
}

Test(packed_frames, what_is_not_as_it_should_be_is_damage_and_the_others_are_there)
{
	static const struct {
		const char *what;
		size_t field, bytes;
		uint64_t value;
	} lies[] = {
		{"no header", offsetof(struct wr_batch_header, magic), 4, 7},
		{"of the extent before", offsetof(struct wr_batch_header, segment_offset), 8, 0},
		{"where the first one is", offsetof(struct wr_batch_header, segment_offset), 8,
		 WR_BLOCK_BYTES},
		{"of the extent behind", offsetof(struct wr_batch_header, segment_offset), 8,
		 WR_BLOCK_BYTES + CHUNK_BYTES},
		{"in a block", offsetof(struct wr_batch_header, segment_offset), 8,
		 2 * WR_BLOCK_BYTES + 8},
		{"another checksum", offsetof(struct wr_batch_header, header_crc), 4, 1},
	};

	fold_all();
	cr_assert(unfold(frame_bytes, true));
	cr_assert(has_batch(0) && has_batch(1) && has_batch(2) && has_batch(3));
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		static uint8_t kept[sizeof frame];
		memcpy(kept, frame, sizeof kept);
		put_header(ends[0], lies[i].field, lies[i].value, lies[i].bytes);
		cr_expect_not(unfold(frame_bytes, true), "%s", lies[i].what);
		cr_expect(has_batch(0) && !has_batch(1) && has_batch(2), "%s", lies[i].what);
		cr_expect_eq(to[WR_BLOCK_BYTES], WR_PACKED_DAMAGE, "%s", lies[i].what);
		memcpy(frame, kept, sizeof kept);
	}
}

Test(packed_frames, one_that_is_cut_has_what_is_whole_of_it)
{
	uint32_t whole = 0; /* batches in front of the cut */

	fold_all();
	for (uint32_t cut = 0; cut <= frame_bytes; cut += 8) {
		bool is_between = whole < FOLDED && cut == ends[whole];
		whole += is_between ? 1 : 0;
		cr_expect_eq(unfold(cut, true), cut == 0 || is_between, "%u", cut);
		cr_expect_not(unfold(cut, false), "%u: it says that it is not all", cut);
		for (uint32_t i = 0; i < FOLDED; i++)
			cr_expect_eq(has_batch(i), i < whole, "%u: %u", cut, i);
	}
	cr_expect_eq(whole, FOLDED);
}

/* --- sparse ----------------------------------------------------------------------------------- */

static struct wr_record left_out(uint32_t bytes)
{
	return (struct wr_record){
		.bytes = bytes, .topic = 1, .kind = WR_KIND_LEFT_OUT, .flags = WR_LEFT_OUT_ERASED};
}

Test(packed_frames, a_sparse_body_that_lies_is_none)
{
	const struct wr_batch_header h = {.body_bytes = 96};
	const struct {
		const char *what;
		struct wr_record head;
		uint32_t used; /* 0: none */
	} bodies[] = {
		{"one run", left_out(96), 24},
		{"a run of more than the body", left_out(104), 0},
		{"no head", left_out(0), 0},
		{"a run of no full words", left_out(92), 0},
		{"a run with a key", {.bytes = 96, .key_bytes = 1, .kind = 20, .flags = 1}, 0},
		{"with options", {.bytes = 96, .option_bytes = 8, .kind = 20, .flags = 1}, 0},
		{"for no reason", {.bytes = 96, .kind = 20}, 0},
		{"for a reason that there is none", {.bytes = 96, .kind = 20, .flags = 4}, 0},
		{"four of them", {.bytes = 96, .kind = 20, .flags = 1, .type = 3}, 24},
		{"five of them", {.bytes = 96, .kind = 20, .flags = 1, .type = 4}, 0},
		{"an event", {.bytes = 90, .kind = WR_KIND_EVENT}, 96},
		{"less than a head", {.bytes = 23, .kind = WR_KIND_EVENT}, 0},
		{"more than the body", {.bytes = 97, .kind = WR_KIND_EVENT}, 0},
	};
	uint8_t from[96] = {0}, body[96 + 8];

	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		memset(body, 0x77, sizeof body);
		memcpy(from, &bodies[i].head, sizeof bodies[i].head);
		uint32_t used = wr_sparse_unfold(&h, from, sizeof from, body);
		cr_expect_eq(used, bodies[i].used, "%s: %u", bodies[i].what, used);
		for (size_t at = h.body_bytes; at < sizeof body; at++)
			cr_expect_eq(body[at], 0x77, "%s", bodies[i].what);
	}
	/* Of an event a part; of a head a part; and of what comes behind nothing. */
	memcpy(from, &bodies[10].head, sizeof bodies[10].head);
	cr_expect_eq(wr_sparse_unfold(&h, from, 88, body), 0u);
	cr_expect_eq(wr_sparse_unfold(&h, from, 16, body), 0u);
	const struct wr_record less = left_out(48);
	memcpy(from, &less, sizeof less);
	cr_expect_eq(wr_sparse_unfold(&h, from, sizeof less, body), 0u);
	/* A batch without records. */
	const struct wr_batch_header none = {.body_bytes = 0};
	cr_expect_eq(wr_sparse_unfold(&none, from, 0, body), 0u);
}

/* So many, of one run; a head counts 65,536. */
static uint8_t *make_run(uint32_t count)
{
	uint32_t body_bytes = count * WR_RECORD_HEAD_BYTES;
	uint8_t *batch = calloc(1, WR_BATCH_HEADER_BYTES + body_bytes);
	const struct wr_batch_header h = {.body_bytes = body_bytes, .record_count = count};
	const struct wr_record one = left_out(WR_RECORD_HEAD_BYTES);

	memcpy(batch, &h, sizeof h);
	for (uint32_t i = 0; i < count; i++)
		memcpy(batch + WR_BATCH_HEADER_BYTES + (size_t)i * WR_RECORD_HEAD_BYTES, &one,
		       sizeof one);
	return batch;
}

static void expect_back(const uint8_t *batch, uint32_t folded_bytes)
{
	const struct wr_batch_header *h = (const void *)batch;
	uint8_t *folded = malloc(WR_BATCH_HEADER_BYTES + h->body_bytes);
	uint8_t *body = malloc(h->body_bytes);

	cr_expect_eq(wr_sparse_fold(batch, folded), WR_BATCH_HEADER_BYTES + folded_bytes);
	cr_assert_eq(wr_sparse_unfold(h, folded + WR_BATCH_HEADER_BYTES, folded_bytes, body),
		     folded_bytes);
	cr_expect_eq(memcmp(body, batch + WR_BATCH_HEADER_BYTES, h->body_bytes), 0);
	free(folded);
	free(body);
}

Test(packed_frames, a_run_is_a_head_and_what_is_no_run_is_several)
{
	static const struct {
		const char *what;
		size_t at, bytes;
		uint64_t value;
	} others[] = {
		{"another topic", offsetof(struct wr_record, topic), 4, 2},
		{"another reason", offsetof(struct wr_record, flags), 1, WR_LEFT_OUT_RETIRED},
		{"another time", offsetof(struct wr_record, time_delta_us), 4, 9},
		{"a balance", offsetof(struct wr_record, key_hash), 4, 9},
	};
	uint8_t *batch = make_run(RUN_COUNT);

	expect_back(batch, 2 * WR_RECORD_HEAD_BYTES);
	free(batch);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		batch = make_run(3);
		memcpy(batch + WR_BATCH_HEADER_BYTES + WR_RECORD_HEAD_BYTES + others[i].at,
		       &others[i].value, others[i].bytes);
		/* The third is of a run with the second where only a balance begins that. */
		bool is_run = others[i].at == offsetof(struct wr_record, key_hash);
		expect_back(batch, (is_run ? 2 : 3) * WR_RECORD_HEAD_BYTES);
		free(batch);
	}
	/* One that is longer ends its run. */
	batch = make_run(3);
	struct wr_record longer = left_out(2 * WR_RECORD_HEAD_BYTES);
	memcpy(batch + WR_BATCH_HEADER_BYTES, &longer, sizeof longer);
	memset(batch + WR_BATCH_HEADER_BYTES + sizeof longer, 0, sizeof longer);
	expect_back(batch, 2 * WR_RECORD_HEAD_BYTES);
	free(batch);
}
