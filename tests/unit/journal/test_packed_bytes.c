/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   numbers that no packer writes are refused behind good checksums, in the header of a
 *         packed file and in its index; a file of another segment, log, journal or shape is damage
 *         and nothing else; a packer that is told what is not so packs nothing; and want of memory,
 *         or a medium that fails, is said.
 * Method: good ones, changed in one word.
 */
#include "core/journal/unpack.h"
#include "tests/support/failing_storage.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(packed_bytes, .init = setup, .fini = teardown);

static char packed_name[WR_STORAGE_NAME_MAX + 1];
static struct wr_packed_header good;

static void build_packed(void)
{
	uint64_t bytes;

	build(30);
	cr_assert_gt(pack_bed_all(disk, storage, false), 1);
	wr_segment_name(packed_name, 0, PACK_BED_FILES);
	cr_assert_eq(wr_packed_header_decode(wr_sim_disk_peek(disk, packed_name, &bytes), &good),
		     WR_BLOCK_VALID);
}

#define FIELD(name) offsetof(struct wr_packed_header, name), sizeof good.name

Test(packed_bytes, a_header_with_numbers_that_nobody_writes_is_bad)
{
	static const struct {
		size_t at, bytes;
		uint64_t value;
		enum wr_block_verdict verdict;
	} changes[] = {
		{FIELD(segment_id), 0, WR_BLOCK_BAD},
		{FIELD(segment_id), UINT64_MAX, WR_BLOCK_BAD},
		{FIELD(segment_id), 9, WR_BLOCK_VALID},
		{FIELD(state), 2, WR_BLOCK_BAD},
		{FIELD(state), WR_PACKED_DRAFT, WR_BLOCK_VALID},
		{FIELD(chunk_bytes), 5000, WR_BLOCK_BAD},
		{FIELD(frame_count), EXTENTS + 1, WR_BLOCK_BAD},
		{FIELD(first_seq), 0, WR_BLOCK_BAD},
		{FIELD(first_seq), 1ull << 40, WR_BLOCK_BAD},
		{FIELD(end_seq), UINT64_MAX, WR_BLOCK_BAD},
		{FIELD(left_out_count), 1ull << 40, WR_BLOCK_BAD},
		{FIELD(left_out_count), 1, WR_BLOCK_BAD},
		{FIELD(features_must), 1u << WR_PACKED_SPARSE, WR_BLOCK_BAD},
		{FIELD(features_must), 1u << 31, WR_BLOCK_UNKNOWN},
		{FIELD(file_bytes), 5 * WR_BLOCK_BYTES + 512, WR_BLOCK_BAD},
		{FIELD(file_bytes), WR_BLOCK_BYTES, WR_BLOCK_BAD},
		{FIELD(file_bytes), UINT64_MAX << 12, WR_BLOCK_BAD},
	};

	build_packed();
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct wr_packed_header changed = good, back;
		uint8_t block[WR_BLOCK_BYTES];
		memcpy((uint8_t *)&changed + changes[i].at, &changes[i].value, changes[i].bytes);
		wr_packed_header_encode(&changed, block);
		cr_expect_eq(wr_packed_header_decode(block, &back), changes[i].verdict, "%zu", i);
	}
}

Test(packed_bytes, an_index_with_numbers_that_nobody_writes_is_not_sound)
{
#define ENTRY(name)                                                                                \
	offsetof(struct wr_packed_entry, name), sizeof((struct wr_packed_entry *)NULL)->name
	static const struct {
		size_t at, bytes;
		uint64_t value;
	} changes[] = {
		{ENTRY(offset), 512},
		{ENTRY(offset), 0},
		{ENTRY(offset), 1ull << 40},
		{ENTRY(stored_bytes), 1u << 30},
		{ENTRY(stored_bytes), 0},
		{ENTRY(frame_bytes), 0},
		{ENTRY(frame_bytes), UINT32_MAX},
		{ENTRY(codec), 1},
		{ENTRY(codec), 32},
	};
	uint64_t bytes;

	build_packed();
	uint32_t index_bytes = wr_packed_index_bytes(good.segment_bytes, good.chunk_bytes);
	const uint8_t *index = wr_sim_disk_peek(disk, packed_name, &bytes) + WR_BLOCK_BYTES;
	uint8_t *changed = malloc(index_bytes);
	cr_expect(wr_packed_index_is_sound(&good, index));
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct wr_packed_header header = good;
		memcpy(changed, index, index_bytes);
		memcpy(changed + changes[i].at, &changes[i].value, changes[i].bytes);
		cr_expect_not(wr_packed_index_is_sound(&header, changed), "%zu: its checksum", i);
		header.index_crc = wr_crc32c(1, changed, index_bytes);
		cr_expect_not(wr_packed_index_is_sound(&header, changed), "%zu", i);
	}
	/* A whole extent, and more than one. */
	struct wr_packed_entry e;
	memcpy(changed, index, index_bytes);
	memcpy(&e, changed, sizeof e);
	e.stored_bytes = e.frame_bytes = CHUNK_BYTES + 8;
	memcpy(changed, &e, sizeof e);
	struct wr_packed_header header = good;
	header.file_bytes = 1u << 30;
	header.index_crc = wr_crc32c(1, changed, index_bytes);
	cr_expect_not(wr_packed_index_is_sound(&header, changed));
	free(changed);
}

/* Of a file that is not what the reader was told: nothing but damage. */
Test(packed_bytes, a_file_of_somebody_else_is_damage)
{
	static const uint8_t other_uuid[WR_UUID_BYTES] = {1};
	uint8_t *to = aligned_alloc(WR_BLOCK_BYTES, 2 * CHUNK_BYTES);
	const struct {
		const uint8_t *uuid;
		uint32_t log_id;
		uint32_t chunk_bytes;
		uint64_t segment_bytes;
		uint64_t segment_id;
		bool is_it;
	} cases[] = {
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, true},
		{other_uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, false},
		{b.superblock.uuid, 1, CHUNK_BYTES, b.segment_bytes, 1, false},
		{b.superblock.uuid, 0, CHUNK_BYTES / 2, b.segment_bytes, 1, false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes + CHUNK_BYTES, 1, false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 2, false},
	};

	build_packed();
	wr_memory_sim_init(&p.memory, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct wr_unpack u;
		struct wr_unpack_source from = {storage, 0, cases[i].segment_id};
		cr_assert_eq(wr_unpack_init(&u, storage, &p.memory.base, cases[i].uuid,
					    cases[i].log_id, cases[i].chunk_bytes,
					    cases[i].segment_bytes, true),
			     0);
		cr_assert_eq(storage->ops->file_open(storage, packed_name, 0, &from.file), 0);
		cr_assert_eq(wr_unpack_extent(&u, &from, 0, to), 0);
		cr_expect_eq(to[0] != WR_PACKED_DAMAGE, cases[i].is_it, "%zu", i);
		cr_assert_eq(wr_unpack_first(&u, &from, 0, to), 0);
		cr_expect_eq(to[0] != WR_PACKED_DAMAGE, cases[i].is_it, "%zu", i);
		cr_expect_eq(wr_unpack_read(&u, &from, to, WR_BLOCK_BYTES, 1ull << 40), 0);
		/* Each call that fails is said, also where the extent is fetched for a block. */
		for (uint64_t n = 1; cases[i].is_it && n < 5; n++) {
			wr_unpack_forget(&u);
			failing_put_on(storage, n, -EIO);
			const int64_t got =
				wr_unpack_read(&u, &from, to, WR_BLOCK_BYTES, WR_BLOCK_BYTES);
			const int64_t block_bytes = WR_BLOCK_BYTES;
			cr_expect_eq(got, failing_take_off(storage) ? -EIO : block_bytes,
				     "call %lu: %ld", n, (long)got);
		}
		storage->ops->file_close(storage, from.file);
		wr_unpack_fini(&u);
		wr_unpack_fini(&u);
	}
	cr_expect_eq(p.memory.live_count, 0);
	free(to);
}

Test(packed_bytes, without_memory_there_is_neither_packer_nor_reader)
{
	struct wr_unpack u;
	struct wr_pack pack;

	build(3);
	for (uint32_t kind = 0; kind < 4; kind++) {
		int r = -ENOMEM;
		uint64_t k = 0;
		while (r == -ENOMEM) {
			wr_memory_sim_init(&p.memory, NULL);
			wr_memory_sim_fail(&p.memory, ++k, false);
			r = kind < 2
				    ? wr_unpack_init(&u, storage, &p.memory.base, b.superblock.uuid,
						     0, CHUNK_BYTES, b.segment_bytes, kind == 1)
				    : wr_pack_init(&pack, storage, &p.memory.base,
						   b.superblock.uuid, 0, CHUNK_BYTES,
						   b.segment_bytes, kind == 3);
			cr_expect(r == 0 || p.memory.live_count == 0, "%u: %lu", kind, k);
		}
		cr_expect_eq(r, 0);
		cr_expect_gt(k, 2u);
		if (kind < 2) {
			wr_unpack_fini(&u);
		} else {
			wr_pack_abort(&pack); /* which has not begun */
			wr_pack_fini(&pack);
			wr_pack_fini(&pack);
		}
		cr_expect_eq(p.memory.live_count, 0);
	}
}

/* What the packer is told against what stands there: it packs that, or nothing. */
Test(packed_bytes, a_job_that_is_not_so_packs_nothing)
{
	static const uint8_t other_uuid[WR_UUID_BYTES] = {1};
	const struct {
		const uint8_t *uuid;
		uint32_t log_id;
		uint32_t chunk_bytes;
		uint64_t segment_bytes;
		uint64_t segment_id, first_seq, end_seq;
		uint64_t cut_bytes;
		bool is_so;
	} cases[] = {
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, 1, 35, 0, true},
		{other_uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, 1, 35, 0, false},
		{b.superblock.uuid, 1, CHUNK_BYTES, b.segment_bytes, 1, 1, 35, 0, false},
		{b.superblock.uuid, 0, CHUNK_BYTES / 2, b.segment_bytes, 1, 1, 35, 0, false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes + CHUNK_BYTES, 1, 1, 35, 0,
		 false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 2, 1, 35, 0, false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, 2, 35, 0, false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, 1, 33, 0, false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, 1, 36, 0, false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, 1, 35, 2048, false},
		{b.superblock.uuid, 0, CHUNK_BYTES, b.segment_bytes, 1, 1, 35, 9 * 4096, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct wr_pack_job job = {
			.segment_id = cases[i].segment_id,
			.first_seq = cases[i].first_seq,
			.end_seq = cases[i].end_seq,
			.file_number = PACK_BED_FILES,
		};
		struct wr_pack pack;
		teardown();
		setup();
		build(20);
		cr_assert_eq(seq_of(12), 35);
		if (cases[i].cut_bytes != 0)
			cr_assert_eq(
				wr_sim_disk_truncate(disk, "0-00000000.seg", cases[i].cut_bytes),
				0);
		wr_memory_sim_init(&p.memory, NULL);
		cr_assert_eq(storage->ops->file_open(storage, "0-00000000.seg", WR_FILE_READ_ONLY,
						     &job.file),
			     0);
		const uint8_t *uuid = cases[i].uuid != other_uuid ? b.superblock.uuid : other_uuid;
		cr_assert_eq(wr_pack_init(&pack, storage, &p.memory.base, uuid, cases[i].log_id,
					  cases[i].chunk_bytes, cases[i].segment_bytes, false),
			     0);
		int r = wr_pack_begin(&pack, &job);
		while (r == 0 && (r = wr_pack_step(&pack)) == 1)
			r = 0;
		/* It is as large as what it stands for: of so few bytes that may be so, too. */
		cr_expect(cases[i].is_so ? r != WEIR_E_CORRUPT : r == WEIR_E_CORRUPT, "%zu: %d", i,
			  r);
		wr_pack_abort(&pack);
		storage->ops->file_close(storage, job.file);
		wr_pack_fini(&pack);
		cr_expect_eq(p.memory.live_count, 0);
	}
}
