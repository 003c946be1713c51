/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   without memory, or a library that has none, there is no packer and nothing is left, and
 *         with it no more is taken than was planned; a segment whose batches do not follow each
 *         other, and a job that says of a packed file what is not so, are damage; what becomes no
 *         smaller is made only where it is asked for in any case; and rules leave alone what they
 *         know nothing of.
 * Method: the packer with all that it can do, and each allocation in turn refused; a codec that
 *         fails; the builder's segments with a batch in them that is good by itself; rules asked by
 *         hand.
 */
#include "core/journal/journal.h"
#include "core/journal/packer.h"
#include "tests/support/erase_nothing.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(packer, .init = setup, .fini = teardown);

#define KEYS 1024u
#define TOPICS 2u

static wr_atomic_u64 policies[TOPICS], defined, erase_end_seq;
static struct wr_retire_topic retires[TOPICS];

static int make_packer(struct wr_packer *packer, struct wr_memory *memory, uint32_t codec)
{
	const struct wr_compress_options compress = {.codec = codec};
	const struct wr_compact_options compact = {
		.keys_max = KEYS, .topics = policies, .topic_count = TOPICS};
	const struct wr_erase_options erase = {.end_seq = &erase_end_seq, .by = erased_by_none};
	const struct wr_retire_options retire = {
		.topics = retires, .topic_count = TOPICS, .defined = &defined};

	return wr_packer_init(packer, storage, memory, &disk->clock->base, &p.table, &compress,
			      &compact, &erase, &retire);
}

static void open_table(void)
{
	build(30);
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0, "%s", p.problem.text);
}

/* --- a codec that fails ----------------------------------------------------------------------- */

static int no_coder(uint32_t level, uint32_t bytes_max, void **ret_encoder)
{
	(void)level, (void)bytes_max, (void)ret_encoder;
	return -ENOMEM;
}

static int an_encoder(uint32_t level, uint32_t bytes_max, void **ret_encoder)
{
	(void)level, (void)bytes_max;
	*ret_encoder = NULL;
	return 0;
}

static int no_decoder(void **ret_decoder)
{
	(void)ret_decoder;
	return -ENOMEM;
}

static int a_decoder(void **ret_decoder)
{
	*ret_decoder = NULL;
	return 0;
}

static void destroy(void *coder)
{
	(void)coder;
}

static uint32_t encodes_nothing(void *encoder, const void *from, uint32_t from_bytes, void *to,
				uint32_t to_bytes)
{
	(void)encoder, (void)from, (void)from_bytes, (void)to, (void)to_bytes;
	return 0;
}

static struct wr_codec a_codec = {
	.encoder_create = an_encoder,
	.encoder_destroy = destroy,
	.encode = encodes_nothing,
	.decoder_create = a_decoder,
	.decoder_destroy = destroy,
};
static const struct wr_codec *const only_lz4[WR_CODEC_COUNT] = {[WR_CODEC_LZ4] = &a_codec};

Test(packer, without_memory_there_is_none_and_nothing_is_left)
{
	struct wr_packer packer;
	struct wr_memory_sim memory;
	int r = -ENOMEM;
	uint64_t k = 0;

	open_table();
	a_codec.encoder_create = an_encoder;
	storage->codecs = only_lz4;
	for (; r == -ENOMEM; k++) {
		wr_memory_sim_init(&memory, NULL);
		wr_memory_sim_fail(&memory, k + 1, false);
		r = make_packer(&packer, &memory.base, WR_CODEC_LZ4);
		cr_expect(r == 0 || memory.live_count == 0, "allocation %lu", k);
	}
	cr_expect_eq(r, 0);
	cr_expect_gt(k, 15u);
	wr_packer_end(&packer); /* which has begun nothing */
	wr_packer_fini(&packer);
	wr_packer_fini(&packer);
	cr_expect_eq(memory.live_count, 0);
	log_probe_close(&p);
}

Test(packer, a_library_without_memory_is_said_and_nothing_is_left)
{
	struct wr_packer packer;
	struct wr_memory_sim memory;

	open_table();
	storage->codecs = only_lz4;
	for (uint32_t which = 0; which < 2; which++) {
		a_codec.encoder_create = which == 0 ? no_coder : an_encoder;
		a_codec.decoder_create = which == 1 ? no_decoder : a_decoder;
		wr_memory_sim_init(&memory, NULL);
		cr_expect_eq(make_packer(&packer, &memory.base, WR_CODEC_LZ4), -ENOMEM);
		cr_expect_eq(memory.live_count, 0);
	}
	a_codec.encoder_create = an_encoder;
	a_codec.decoder_create = a_decoder;
	wr_memory_sim_init(&memory, NULL);
	cr_expect_eq(make_packer(&packer, &memory.base, WR_CODEC_ZSTD), -ENOTSUP);
	cr_expect_eq(memory.live_count, 0);
	log_probe_close(&p);
}

/* --- memory ----------------------------------------------------------------------------------- */

Test(packer, what_is_planned_for_it_is_what_it_takes)
{
	open_table();
	p.table.has_packed = true; /* as where there is a packer */
	storage->codecs = only_lz4;
	for (uint32_t codec = WR_CODEC_NONE; codec <= WR_CODEC_LZ4; codec++) {
		struct wr_packer packer;
		struct wr_memory_sim memory;
		wr_memory_sim_init(&memory, NULL);
		cr_assert_eq(make_packer(&packer, &memory.base, codec), 0);
		uint64_t taken = wr_load_relaxed(&memory.base.alloc_bytes);
		uint64_t planned = wr_journal_pack_bytes(CHUNK_BYTES, b.segment_bytes, KEYS, true,
							 TOPICS, codec);
		planned += sizeof policies; /* the plan has their copy beside them */
		cr_expect_eq(taken + sizeof packer, planned, "codec %u: %lu of %lu", codec, taken,
			     planned);
		wr_packer_fini(&packer);
		cr_expect_eq(memory.live_count, 0);
	}
	log_probe_close(&p);
}

/* --- segments --------------------------------------------------------------------------------- */

static const char *packed_name(uint32_t n)
{
	static char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, 0, PACK_BED_FILES + n);
	return name;
}

Test(packer, what_a_codec_cannot_make_smaller_stays_as_it_is)
{
	struct wr_packed_header h;
	uint64_t bytes;

	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 8; i++)
		log_builder_batch(&b, 3, 1500); /* of more than a block */
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0);
	a_codec.encoder_create = an_encoder;
	storage->codecs = only_lz4;
	pack_bed_codec = WR_CODEC_LZ4;
	int r = pack_bed_one(&p, storage, 0, true);
	pack_bed_codec = WR_CODEC_NONE;
	cr_assert_eq(r, 0);
	cr_assert_eq(wr_packed_header_decode(wr_sim_disk_peek(disk, packed_name(0), &bytes), &h),
		     WR_BLOCK_VALID);
	cr_expect_eq(h.features_must, 0u);
	log_probe_close(&p);
}

static int pack_first(void)
{
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0, "%s", p.problem.text);
	struct wr_segment *s = wr_segment_live(&p.table, 0);
	struct wr_pack_job job = {
		.segment_id = wr_load_relaxed(&s->segment_id),
		.first_seq = 1,
		.end_seq = b.next_seq, /* so that no batch lies behind it */
		.file_number = PACK_BED_FILES,
	};
	struct wr_pack pack;
	cr_assert_eq(
		storage->ops->file_open(storage, "0-00000000.seg", WR_FILE_READ_ONLY, &job.file),
		0);
	cr_assert_eq(wr_pack_init(&pack, storage, &p.memory.base, p.table.uuid, 0, CHUNK_BYTES,
				  b.segment_bytes, false),
		     0);
	int r = wr_pack_begin(&pack, &job);
	while (r == 0 && (r = wr_pack_step(&pack)) == 1)
		r = 0;
	uint64_t seq = pack.seq;
	wr_pack_abort(&pack);
	wr_pack_fini(&pack);
	storage->ops->file_close(storage, job.file);
	log_probe_close(&p);
	cr_expect_eq(r, WEIR_E_CORRUPT);
	return (int)seq;
}

/* A batch that is good by itself and does not go on from the one before: up to there, and no more.
 * The log is cut in front of it: so there is a table of it. */
Test(packer, batches_that_do_not_follow_are_damage)
{
	enum { CHAIN, EPOCH, SEQUENCE, ATTESTS, HEADER, WAYS };

	for (int way = 0; way < WAYS; way++) {
		teardown();
		setup();
		b.superblock.epoch = 5;
		build(4);
		uint64_t good_seq = b.next_seq;
		b.chain ^= way == CHAIN ? 1 : 0;
		b.epoch -= way == EPOCH ? 1 : 0;
		b.next_seq += way == SEQUENCE ? 1 : 0;
		b.hold_durable = true;
		b.durable_seq = way == ATTESTS ? b.next_seq + 50 : 1;
		log_builder_batch(&b, 3, 100);
		if (way == HEADER)
			cr_assert_eq(wr_sim_disk_corrupt(disk, "0-00000000.seg", 40, 1), 0);
		int seq = pack_first();
		cr_expect_eq(seq, way == HEADER ? 0 : (int)good_seq, "way %d: %d", way, seq);
	}
}

static enum wr_left_out keep(void *context, uint64_t seq, uint64_t time_us,
			     const struct wr_record_view *event)
{
	(void)context, (void)seq, (void)time_us, (void)event;
	return WR_LEFT_OUT_NOT;
}

static int begin_with(struct wr_pack_job *job, bool is_certain)
{
	const struct wr_pack_rule rule = {.why = keep};
	struct wr_pack pack;
	int r;

	wr_memory_sim_init(&p.memory, NULL);
	cr_assert_eq(wr_pack_init(&pack, storage, &p.memory.base, b.superblock.uuid, 0, CHUNK_BYTES,
				  b.segment_bytes, true),
		     0);
	job->rule = &rule;
	job->is_certain = is_certain;
	job->file_number = 900;
	r = wr_pack_begin(&pack, job);
	while (r == 0 && (r = wr_pack_step(&pack)) == 1)
		r = 0;
	wr_pack_abort(&pack);
	wr_pack_fini(&pack);
	cr_expect_eq(p.memory.live_count, 0);
	return r;
}

Test(packer, a_packed_file_of_another_range_or_without_a_next_generation_is_damage)
{
	struct wr_packed_header h;
	struct wr_pack_job job = {.is_packed = true, .segment_id = 1};
	uint64_t bytes;

	build(30);
	cr_assert_gt(pack_bed_all(disk, storage, true), 1);
	cr_assert_eq(wr_packed_header_decode(wr_sim_disk_peek(disk, packed_name(0), &bytes), &h),
		     WR_BLOCK_VALID);
	cr_assert_eq(storage->ops->file_open(storage, packed_name(0), 0, &job.file), 0);
	job.first_seq = h.first_seq;
	job.end_seq = h.end_seq;
	cr_expect_eq(begin_with(&job, false), WEIR_E_FULL, "nothing leaves");
	cr_expect_eq(begin_with(&job, true), 0, "and it is made even so");
	job.first_seq++;
	cr_expect_eq(begin_with(&job, false), WEIR_E_CORRUPT);
	job.first_seq--;
	job.end_seq++;
	cr_expect_eq(begin_with(&job, false), WEIR_E_CORRUPT);
	job.end_seq--;
	job.segment_id++;
	cr_expect_eq(begin_with(&job, false), WEIR_E_CORRUPT, "another segment");
	job.segment_id--;
	storage->ops->file_close(storage, job.file);
	change_block(packed_name(0), 0, offsetof(struct wr_packed_header, generation), UINT32_MAX,
		     4);
	cr_assert_eq(storage->ops->file_open(storage, packed_name(0), 0, &job.file), 0);
	cr_expect_eq(begin_with(&job, false), WEIR_E_CORRUPT, "the last generation");
	storage->ops->file_close(storage, job.file);
}

/* A segment of batches without padding: with two headers and two indexes it would be larger. */
static void open_unpadded(struct wr_pack_job *job)
{
	log_builder_epoch(&b);
	log_builder_filler(&b);
	for (uint32_t i = 0; i < 3; i++) {
		log_builder_batch(&b, 8, 1850);
		log_builder_filler(&b);
	}
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0);
	job->end_seq = wr_load_relaxed(&wr_segment_live(&p.table, 1)->first_seq);
	log_probe_close(&p);
	cr_assert_eq(
		storage->ops->file_open(storage, "0-00000000.seg", WR_FILE_READ_ONLY, &job->file),
		0);
}

Test(packer, what_becomes_no_smaller_is_made_only_if_it_has_to_be)
{
	struct wr_pack_job job = {.segment_id = 1, .first_seq = 1};

	open_unpadded(&job);
	cr_expect_eq(begin_with(&job, true), 0);
	storage->ops->file_close(storage, job.file);
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0);
	cr_expect_eq(pack_bed_one(&p, storage, 0, false), WEIR_E_FULL);
	log_probe_close(&p);
}

static enum wr_left_out leave_first(void *context, uint64_t seq, uint64_t time_us,
				    const struct wr_record_view *event)
{
	(void)context, (void)time_us, (void)event;
	return seq == 2 ? WR_LEFT_OUT_RETIRED : WR_LEFT_OUT_NOT;
}

/* The same as a packed file, which is larger than a plain one: one without an event takes its
 * place, though that is no smaller than a plain one either. */
Test(packer, what_is_packed_already_is_made_anew_however_large)
{
	const struct wr_pack_rule rules[] = {{.why = keep}, {.why = leave_first}};
	struct wr_pack_job job = {.segment_id = 1, .first_seq = 1, .is_certain = true};
	struct wr_pack pack;

	open_unpadded(&job);
	wr_memory_sim_init(&p.memory, NULL);
	cr_assert_eq(wr_pack_init(&pack, storage, &p.memory.base, b.superblock.uuid, 0, CHUNK_BYTES,
				  b.segment_bytes, true),
		     0);
	for (uint32_t i = 0; i < 2; i++) {
		int r;
		job.rule = &rules[i];
		job.file_number = 900 + i;
		cr_assert_eq(wr_pack_begin(&pack, &job), 0);
		while ((r = wr_pack_step(&pack)) == 1) {
		}
		cr_expect_eq(r, 0);
		cr_expect_eq(pack.left_count, i);
		cr_expect_geq(pack.header.file_bytes, b.segment_bytes);
		cr_assert_eq(wr_pack_switch(&pack), 0);
		pack.is_open = false; /* it is the segment's file now */
		storage->ops->file_close(storage, job.file);
		job.file = pack.file;
		job.is_packed = true;
		job.is_certain = false;
	}
	storage->ops->file_close(storage, job.file);
	wr_pack_fini(&pack);
	cr_expect_eq(p.memory.live_count, 0);
}

/* --- rules ------------------------------------------------------------------------------------ */

Test(packer, rules_leave_alone_what_they_know_nothing_of)
{
	static const struct wr_record heads[] = {
		{.bytes = 48, .topic = TOPICS, .key_bytes = 4, .kind = WR_KIND_EVENT},
		{.bytes = 48, .topic = 0, .key_bytes = 0, .kind = WR_KIND_EVENT},
		{.bytes = 48,
		 .topic = 0,
		 .key_bytes = 4,
		 .kind = WR_KIND_EVENT,
		 .flags = WR_RECORD_KEYLESS},
	};
	const struct wr_compact_pass pass = {.from_seq = 1, .end_seq = 10, .now_us = 5000000};
	struct wr_packer packer;
	struct wr_memory_sim memory;

	open_table();
	wr_memory_sim_init(&memory, NULL);
	wr_store_relaxed(&policies[0], wr_compact_policy(0, 0));
	wr_store_relaxed(&defined, (uint64_t)TOPICS);
	cr_assert_eq(make_packer(&packer, &memory.base, WR_CODEC_NONE), 0);
	cr_expect(wr_compact_look(&packer.compact), "the first topic asks for it");
	wr_compact_begin(&packer.compact, &pass);
	packer.compact.at_seq = 10;
	packer.retire.passed[0] = 1;
	packer.retire.passed[1] = 0;
	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		const struct wr_record_view view = {.head = &heads[i],
						    .key = (const uint8_t *)"abcd"};
		cr_expect_eq(packer.compact.rule.why(&packer.compact, 5, 0, &view), WR_LEFT_OUT_NOT,
			     "%zu", i);
		cr_expect_eq(packer.retire.rule.why(&packer.retire, 5, 0, &view),
			     heads[i].topic == 0 ? WR_LEFT_OUT_RETIRED : WR_LEFT_OUT_NOT, "%zu", i);
		memset(packer.retire.counts, 0, TOPICS * sizeof *packer.retire.counts);
		cr_expect_eq(packer.retire.count_rule.why(&packer.retire, 5, 0, &view),
			     WR_LEFT_OUT_NOT);
		cr_expect_eq(packer.retire.counts[0], heads[i].topic == 0 ? 48u : 0u);
		cr_expect_eq(packer.retire.counts[1], 0u);
	}
	const struct wr_record copy = {.bytes = 48, .key_bytes = 4, .kind = WR_KIND_CARRIED};
	const struct wr_record_view copied = {.head = &copy, .key = (const uint8_t *)"abcd"};
	packer.retire.counts[0] = 0;
	(void)packer.retire.count_rule.why(&packer.retire, 5, 0, &copied);
	cr_expect_eq(packer.retire.counts[0], 0u, "a copy of what is outstanding is not counted");
	/* A tombstone that is from the future is not old enough; nor is one that hides some. */
	const struct wr_record tombstone = {.bytes = 32,
					    .key_bytes = 4,
					    .kind = WR_KIND_EVENT,
					    .flags = WR_RECORD_NULL_PAYLOAD};
	const struct wr_record_view view = {.head = &tombstone, .key = (const uint8_t *)"abcd"};
	packer.compact.pass.from_seq = 7; /* it is of an earlier pass */
	cr_expect_eq(packer.compact.rule.why(&packer.compact, 5, 6000000, &view), WR_LEFT_OUT_NOT);
	cr_expect_eq(packer.compact.rule.why(&packer.compact, 5, 4000000, &view),
		     WR_LEFT_OUT_COMPACTED);
	packer.compact.keeps_tombstones = true;
	cr_expect_eq(packer.compact.rule.why(&packer.compact, 5, 4000000, &view), WR_LEFT_OUT_NOT);
	packer.compact.keeps_tombstones = false;
	cr_expect_eq(packer.compact.rule.why(&packer.compact, 7, 4000000, &view), WR_LEFT_OUT_NOT,
		     "nor one that the table does not have");
	cr_expect_eq(packer.compact.rule.why(&packer.compact, 10, 0, &view), WR_LEFT_OUT_NOT,
		     "nor what stands behind the pass");
	wr_packer_fini(&packer);
	cr_expect_eq(memory.live_count, 0);
	log_probe_close(&p);
}
