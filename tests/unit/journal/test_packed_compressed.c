/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what is packed with a library that compresses is the same segment, whole or sparse, and
 *         smaller; damage of it is told with the range of its extent; hostile bytes behind good
 *         checksums stay within what the index said, and are damage; and a build without the
 *         library says which.
 * Method: each codec that this build has, on the builder's journals; bits of what is stored, one by
 *         one; frames that lie about themselves, sealed as if weir had written them.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/journal/reader.h"
#include "core/journal/unpack.h"
#include "core/journal/verify.h"
#include "io/sim/prng.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

#define BATCHES_MAX (CHUNK_BYTES / WR_BLOCK_BYTES)

static void setup_plain(void)
{
	setup();
	pack_bed_codec = WR_CODEC_NONE;
}

TestSuite(packed_compressed, .init = setup_plain, .fini = teardown);

static const char *name_of(uint32_t file_number)
{
	static char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, 0, file_number);
	return name;
}

/* Frames of several blocks, which have much in common. */
static void build_log(void)
{
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 12; i++)
		log_builder_batch(&b, 2 + i % 3, 1200 + 100 * (i % 4));
	log_builder_evidence(&b);
	log_builder_go_on(&b);
	log_builder_batch(&b, 4, 1500);
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_checkpoint(&b, 1, 1, 100);
	log_builder_epoch(&b);
	log_builder_batch(&b, 2, 1500);
	log_builder_epoch(&b);
	log_builder_batch(&b, 1, 40);
}

/* The next number of a codec that this build has, from `number` on; 0: none. */
static uint32_t codec_from(uint32_t number)
{
	while (number < WR_CODEC_COUNT && wr_codec_of(storage, number) == NULL)
		number++;
	return number < WR_CODEC_COUNT ? number : 0;
}

/* A journal on a medium of its own. */
static void begin_anew(uint32_t codec)
{
	teardown();
	setup();
	build_log();
	pack_bed_codec = codec;
}

static uint64_t bytes_on_medium(void)
{
	uint64_t bytes, sum = 0;

	for (uint32_t i = 0; i < disk->entry_count; i++)
		if (wr_sim_disk_peek(disk, disk->entries[i].name, &bytes) != NULL)
			sum += bytes;
	return sum;
}

static struct wr_packed_header header_of(const char *name)
{
	struct wr_packed_header h;
	uint64_t bytes;

	cr_assert_eq(wr_packed_header_decode(wr_sim_disk_peek(disk, name, &bytes), &h),
		     WR_BLOCK_VALID);
	return h;
}

Test(packed_compressed, each_codec_gives_the_log_back_in_fewer_bytes)
{
	for (uint32_t codec = codec_from(1); codec != 0; codec = codec_from(codec + 1)) {
		begin_anew(WR_CODEC_NONE);
		cr_assert_gt(pack_bed_all(disk, storage, true), 1);
		uint64_t padding_only = bytes_on_medium();
		begin_anew(codec);
		cr_assert_gt(pack_bed_all(disk, storage, true), 1);
		cr_expect_lt(bytes_on_medium(), padding_only, "codec %u", codec);
		cr_expect_eq(header_of(name_of(PACK_BED_FILES)).features_must, 1u << codec);
		expect_whole();
		log_probe_close(&p);
	}
}

/* --- sparse ones ------------------------------------------------------------------------------ */

static enum wr_left_out why(void *context, uint64_t seq, uint64_t time_us,
			    const struct wr_record_view *event)
{
	(void)context, (void)time_us, (void)event;
	return seq % 4 == 0 ? WR_LEFT_OUT_COMPACTED : WR_LEFT_OUT_NOT;
}

/* Behind the first segment nothing left. */
static uint64_t left_end_seq;

static bool is_left_out(uint64_t seq)
{
	return seq % 4 == 0 && seq < left_end_seq;
}

/* Compressed, then sparse and compressed, by the same codec and by each other. */
Test(packed_compressed, what_is_compressed_is_packed_anew_without_events)
{
	const struct wr_pack_rule rule = {.why = why};

	for (uint32_t codec = codec_from(1); codec != 0; codec = codec_from(codec + 1)) {
		for (uint32_t next = 0; next < WR_CODEC_COUNT; next++) {
			if (next != WR_CODEC_NONE && codec_from(next) != next)
				continue;
			begin_anew(codec);
			cr_assert_gt(pack_bed_all(disk, storage, true), 1);
			pack_bed_codec = next;
			cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0);
			cr_assert_eq(pack_bed_features(&p, storage, WR_SUPERBLOCK_LEFT_OUT), 0);
			cr_assert_eq(pack_bed_rule(&p, storage, 0, &rule, 900, true), 0);
			left_end_seq = wr_load_relaxed(&wr_segment_live(&p.table, 1)->first_seq);
			log_probe_close(&p);
			uint32_t features = 1u << WR_PACKED_SPARSE | (next != 0 ? 1u << next : 0);
			cr_expect_eq(header_of(name_of(900)).features_must, features);
			cr_assert_gt(left_end_seq, 8u);
			b.leaves_out = is_left_out;
			cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0, "%s", p.problem.text);
			p.expected = &b;
			cr_expect_eq(log_probe_read_all(&p), 0, "%s", p.problem.text);
			cr_expect(p.is_sound, "from codec %u to %u", codec, next);
			log_probe_close(&p);
		}
	}
}

/* --- damage ----------------------------------------------------------------------------------- */

static struct wr_packed_entry entry_of(const char *name, uint32_t extent)
{
	struct wr_packed_entry e;
	uint64_t bytes;

	memcpy(&e,
	       wr_sim_disk_peek(disk, name, &bytes) + WR_BLOCK_BYTES +
		       extent * sizeof(struct wr_packed_entry),
	       sizeof e);
	return e;
}

/* Whichever bit of a frame is wrong: all of its extent is damaged, and nothing else is. */
Test(packed_compressed, a_flipped_bit_costs_the_extent_that_it_is_in)
{
	for (uint32_t codec = codec_from(1); codec != 0; codec = codec_from(codec + 1)) {
		begin_anew(codec);
		cr_assert_gt(pack_bed_all(disk, storage, true), 1);
		const char *name = name_of(PACK_BED_FILES);
		struct wr_packed_entry e = entry_of(name, 1);
		cr_assert_eq(e.codec, codec);
		uint32_t each = 11 * log_probe_places_each();
		for (uint64_t bit = 0; bit < 8ull * e.stored_bytes; bit += each) {
			uint64_t at = e.offset + bit / 8;
			cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, (unsigned)bit % 8), 0);
			cr_assert_eq(log_probe_open(&p, disk, &b, true), 0, "%s", p.problem.text);
			cr_assert_eq(log_probe_read_all(&p), WEIR_E_CORRUPT, "byte %lu", at);
			cr_assert_eq(p.read_seq, e.first.first_seq, "byte %lu", at);
			log_probe_close(&p);
			cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, (unsigned)bit % 8), 0);
		}
	}
}

/* --- hostile bytes ---------------------------------------------------------------------------- */

#define PIECE_BYTES (3u * WR_BLOCK_BYTES)

struct lie {
	const char *what;
	uint32_t content_bytes; /* what is compressed really; 0: noise is stored */
	uint32_t frame_bytes;   /* what the index says of it */
	uint32_t cut_bytes;     /* of what is stored */
};

static const struct lie lies[] = {
	{"noise", 0, PIECE_BYTES, 0},
	{"more than it says", PIECE_BYTES, PIECE_BYTES - 8, 0},
	{"much more than it says", PIECE_BYTES, WR_BLOCK_BYTES, 0},
	{"less than it says", PIECE_BYTES - 8, PIECE_BYTES, 0},
	{"as much as a chunk, it says", PIECE_BYTES, CHUNK_BYTES, 0},
	{"cut", PIECE_BYTES, PIECE_BYTES, 9},
	{"no batches", PIECE_BYTES, PIECE_BYTES, 0},
};

/* Writes a frame that lies over extent 0, with the sums that belong to it. */
static void put_lie(const char *name, uint32_t codec, const struct lie *lie)
{
	static uint8_t content[CHUNK_BYTES], stored[CHUNK_BYTES];
	struct wr_packed_header h = header_of(name);
	struct wr_packed_entry e = entry_of(name, 0);
	uint32_t index_bytes = wr_packed_index_bytes(h.segment_bytes, h.chunk_bytes);
	uint64_t bytes;
	const uint8_t *was = wr_sim_disk_peek(disk, name, &bytes);
	uint8_t *file = malloc(bytes + CHUNK_BYTES);
	struct wr_prng prng;
	void *encoder;

	wr_prng_init(&prng, codec);
	for (uint32_t i = 0; i < sizeof content; i++)
		content[i] = (uint8_t)(i / 16);
	cr_assert_eq(wr_codec_of(storage, codec)->encoder_create(0, CHUNK_BYTES, &encoder), 0);
	e.stored_bytes = WR_BLOCK_BYTES - 8;
	for (uint32_t i = 0; i < e.stored_bytes; i++)
		stored[i] = (uint8_t)wr_prng_next(&prng);
	if (lie->content_bytes != 0)
		e.stored_bytes = wr_codec_of(storage, codec)
					 ->encode(encoder, content, lie->content_bytes, stored,
						  sizeof stored) -
				 lie->cut_bytes;
	wr_codec_of(storage, codec)->encoder_destroy(encoder);
	cr_assert_lt(e.stored_bytes, lie->frame_bytes, "%s", lie->what);
	/* In front of the index at the end: the file is longer by that. */
	memcpy(file, was, bytes);
	e.offset = h.file_bytes - WR_BLOCK_BYTES - index_bytes;
	e.frame_bytes = lie->frame_bytes;
	e.codec = codec;
	e.crc = wr_crc32c(1, stored, e.stored_bytes);
	memset(file + e.offset, 0, CHUNK_BYTES);
	memcpy(file + e.offset, stored, e.stored_bytes);
	h.file_bytes += CHUNK_BYTES;
	memcpy(file + WR_BLOCK_BYTES, &e, sizeof e);
	h.index_crc = wr_crc32c(1, file + WR_BLOCK_BYTES, index_bytes);
	memcpy(file + h.file_bytes - WR_BLOCK_BYTES - index_bytes, file + WR_BLOCK_BYTES,
	       index_bytes);
	wr_packed_header_encode(&h, file);
	wr_packed_header_encode(&h, file + h.file_bytes - WR_BLOCK_BYTES);
	cr_assert_eq(wr_sim_disk_put(disk, name, file, h.file_bytes), 0);
	free(file);
}

Test(packed_compressed, a_frame_that_lies_is_damage_and_writes_no_byte_beyond)
{
	for (uint32_t codec = codec_from(1); codec != 0; codec = codec_from(codec + 1)) {
		for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
			uint8_t *to = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);
			struct wr_unpack u;
			struct wr_unpack_source from = {storage, 0, 1};
			begin_anew(codec);
			cr_assert_gt(pack_bed_all(disk, storage, true), 1);
			const char *name = name_of(PACK_BED_FILES);
			put_lie(name, codec, &lies[i]);
			from.storage = storage;
			wr_memory_sim_init(&p.memory, NULL);
			cr_assert_eq(wr_unpack_init(&u, storage, &p.memory.base, b.superblock.uuid,
						    0, CHUNK_BYTES, b.segment_bytes, false),
				     0);
			cr_assert_eq(storage->ops->file_open(storage, name, 0, &from.file), 0);
			cr_assert_eq(wr_unpack_extent(&u, &from, 0, to), 0);
			for (uint32_t at = 0; at < CHUNK_BYTES; at++)
				cr_assert_eq(to[at], WR_PACKED_DAMAGE, "%s: %u", lies[i].what, at);
			cr_assert_eq(wr_unpack_extent(&u, &from, 1, to), 0);
			cr_expect_eq(wr_get_u32(to), WR_BATCH_MAGIC, "%s: the next", lies[i].what);
			storage->ops->file_close(storage, from.file);
			wr_unpack_fini(&u);
			free(to);
		}
	}
}

/* One that got no smaller is none. */
static const char *first_packed(void)
{
	uint64_t bytes;
	uint32_t number = PACK_BED_FILES;

	while (wr_sim_disk_peek(disk, name_of(number), &bytes) == NULL && number < 600)
		number++;
	return name_of(number);
}

/* --- a build that lacks it -------------------------------------------------------------------- */

/* Who only reads says nothing of what was changed. */
static void recover_without(const char *library, bool read_only)
{
	const struct wr_recovery_options options = {.read_only = read_only};
	struct wr_recovery_sink sink = log_probe_sink(&p);
	struct weir_problem problem = {.text = ""};

	int r = wr_recovery_run(storage, &p.memory.base, NULL, &options, &sink, &p.table,
				&p.recovered, &p.report, &problem);
	cr_expect_eq(r, WEIR_E_FORMAT, "%d", r);
	cr_expect_not_null(strstr(problem.text, library), "%s", problem.text);
	cr_expect_eq(strstr(problem.text, "nothing was changed") == NULL, read_only, "%s",
		     problem.text);
	cr_expect_eq(p.memory.live_count, 0);
}

Test(packed_compressed, without_the_library_the_answer_names_it)
{
	static const char *const names[WR_CODEC_COUNT] = {"", "liblz4", "libzstd"};
	const struct wr_codec *const none[WR_CODEC_COUNT] = {NULL};
	struct wr_verify_report report;
	struct wr_pack pack;

	wr_memory_sim_init(&p.memory, NULL);
	storage->codecs = none;
	cr_assert_eq(wr_pack_init(&pack, storage, &p.memory.base, b.superblock.uuid, 0, CHUNK_BYTES,
				  b.segment_bytes, false),
		     0);
	for (uint32_t codec = 1; codec < WR_CODEC_COUNT; codec++)
		cr_expect_eq(wr_pack_compress(&pack, codec, 0), -ENOTSUP);
	wr_pack_fini(&pack);
	cr_expect_eq(p.memory.live_count, 0);
	for (uint32_t codec = 1; codec < WR_CODEC_COUNT; codec++) {
		begin_anew(WR_CODEC_NONE);
		if (codec_from(codec) == codec)
			pack_bed_codec = codec;
		cr_assert_gt(pack_bed_all(disk, storage, true), 1);
		if (pack_bed_codec == WR_CODEC_NONE) {
			/* This build cannot make one: the header says that somebody has. */
			change_block(first_packed(), 0,
				     offsetof(struct wr_packed_header, features_must), 1u << codec,
				     4);
		}
		storage->codecs = none;
		struct weir_problem problem = {.text = ""};
		int r = wr_verify_run(storage, &p.memory.base, 0, UINT64_MAX,
				      &(struct wr_verify_visitor){.context = NULL}, &report,
				      &problem);
		cr_expect_eq(r, WEIR_E_FORMAT, "%d", r);
		cr_expect_not_null(strstr(problem.text, names[codec]), "%s", problem.text);
		cr_expect_null(strstr(problem.text, "nothing was changed"), "%s", problem.text);
		recover_without(names[codec], true);
		recover_without(names[codec], false);
	}
}

/* --- decoders --------------------------------------------------------------------------------- */

static int (*create_really)(void **ret_decoder);
static uint32_t made_count;
static bool is_without_memory;

static int create_counted(void **ret_decoder)
{
	made_count++;
	return is_without_memory ? -ENOMEM : create_really(ret_decoder);
}

static int load_first(struct wr_reader *reader, struct wr_extent_batch *batches, uint8_t *buffer)
{
	struct wr_extent_view view = {.batches = batches, .batches_max = BATCHES_MAX};

	return wr_reader_load(reader, 1, b.next_seq - 1, buffer, &view, &p.problem);
}

/* Of a journal whose segments are not compressed a reader makes none; else when it begins: from
 * then on it takes no memory. */
Test(packed_compressed, a_reader_has_the_decoders_that_the_journal_needs_before_it_reads)
{
	static struct wr_codec counted[WR_CODEC_COUNT];
	const struct wr_codec *codecs[WR_CODEC_COUNT] = {NULL};
	uint8_t *buffer = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);
	struct wr_extent_batch batches[BATCHES_MAX];
	struct wr_reader reader;

	for (uint32_t codec = 0; codec < WR_CODEC_COUNT; codec++) {
		if (codec_from(codec) != codec && codec != WR_CODEC_NONE)
			continue;
		begin_anew(codec);
		cr_assert_gt(pack_bed_all(disk, storage, true), 1);
		cr_assert_eq(log_probe_open(&p, disk, &b, true), 0, "%s", p.problem.text);
		for (uint32_t i = 1; i < WR_CODEC_COUNT; i++) {
			codecs[i] = wr_codec_of(p.storage, i);
			if (codecs[i] == NULL)
				continue;
			if (i == codec || codec == WR_CODEC_NONE)
				create_really = codecs[i]->decoder_create;
			counted[i] = *codecs[i];
			counted[i].decoder_create = create_counted;
			codecs[i] = &counted[i];
		}
		p.storage->codecs = codecs;
		made_count = 0;
		cr_assert_eq(wr_reader_init(&reader, &p.table, p.storage, &p.memory.base), 0);
		cr_expect_eq(made_count, codec != WR_CODEC_NONE, "codec %u: %u", codec, made_count);
		cr_expect_eq(load_first(&reader, batches, buffer), 0);
		if (codec != WR_CODEC_LZ4) /* it has no state: there is nothing to keep */
			cr_expect_eq(made_count, codec != WR_CODEC_NONE, "%u", made_count);
		wr_reader_fini(&reader, &p.memory.base);
		log_probe_close(&p);
	}
	free(buffer);
}

/* What cannot be decoded for want of memory is not damaged: who asks again gets it. */
Test(packed_compressed, without_memory_for_a_decoder_nothing_is_damaged)
{
	for (uint32_t codec = codec_from(1); codec != 0; codec = codec_from(codec + 1)) {
		const struct wr_codec *codecs[WR_CODEC_COUNT] = {NULL};
		uint8_t *to = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);
		struct wr_unpack_source from = {storage, 0, 1};
		struct wr_unpack u;
		begin_anew(codec);
		cr_assert_gt(pack_bed_all(disk, storage, true), 1);
		struct wr_codec counted = *wr_codec_of(storage, codec);
		create_really = counted.decoder_create;
		counted.decoder_create = create_counted;
		codecs[codec] = &counted;
		const struct wr_codec *const *all = storage->codecs;
		storage->codecs = codecs;
		from.storage = storage;
		wr_memory_sim_init(&p.memory, NULL);
		cr_assert_eq(wr_unpack_init(&u, storage, &p.memory.base, b.superblock.uuid, 0,
					    CHUNK_BYTES, b.segment_bytes, false),
			     0);
		cr_assert_eq(
			storage->ops->file_open(storage, name_of(PACK_BED_FILES), 0, &from.file),
			0);
		is_without_memory = true;
		cr_expect_eq(wr_unpack_extent(&u, &from, 0, to), -ENOMEM);
		cr_expect_eq(wr_unpack_decoders(&u, 1u << codec), -ENOMEM);
		is_without_memory = false;
		cr_expect_eq(wr_unpack_extent(&u, &from, 0, to), 0);
		cr_expect_eq(wr_get_u32(to), WR_BATCH_MAGIC);
		storage->ops->file_close(storage, from.file);
		wr_unpack_fini(&u);
		storage->codecs = all;
		free(to);
	}
}

/* --- the libraries themselves ----------------------------------------------------------------- */

/* Every level, of what is alike and what is noise; and room that is one byte too little. */
Test(packed_compressed, what_a_codec_gives_back_is_what_it_took)
{
	static uint8_t content[CHUNK_BYTES], stored[2 * CHUNK_BYTES], back[CHUNK_BYTES + 1];
	struct wr_prng prng;

	wr_prng_init(&prng, 1);
	for (uint32_t codec = codec_from(1); codec != 0; codec = codec_from(codec + 1)) {
		const struct wr_codec *c = wr_codec_of(storage, codec);
		void *decoder, *encoder;
		cr_assert_eq(c->decoder_create(&decoder), 0);
		for (uint32_t level = 0; level <= wr_codec_level_max(codec); level++) {
			cr_assert_eq(c->encoder_create(level, CHUNK_BYTES, &encoder), 0);
			for (uint32_t noise = 0; noise < 2; noise++) {
				for (uint32_t i = 0; i < CHUNK_BYTES; i++)
					content[i] = (uint8_t)(noise ? wr_prng_next(&prng) : i / 9);
				uint32_t n = c->encode(encoder, content, CHUNK_BYTES, stored,
						       sizeof stored);
				cr_assert_gt(n, 0u);
				cr_expect_eq(n < CHUNK_BYTES, noise == 0);
				cr_assert(c->decode(decoder, stored, n, back, CHUNK_BYTES));
				cr_assert_eq(memcmp(back, content, CHUNK_BYTES), 0);
				cr_expect_not(c->decode(decoder, stored, n, back, CHUNK_BYTES - 1));
				cr_expect_not(c->decode(decoder, stored, n, back, CHUNK_BYTES + 1));
				cr_expect_not(c->decode(decoder, stored, n - 1, back, CHUNK_BYTES));
				uint32_t less =
					c->encode(encoder, content, CHUNK_BYTES, stored, 64);
				cr_expect_leq(less, 64u);
			}
			c->encoder_destroy(encoder);
		}
		c->decoder_destroy(decoder);
	}
}
