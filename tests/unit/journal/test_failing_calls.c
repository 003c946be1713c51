/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a call of the storage that fails while something else is being judged (a lost segment, a
 *         torn tail, a packed file, a damaged checkpoint) is what the open, the look or the copy
 *         says, and never turned into damage, into a shorter log or into a leak; and files that go
 *         while a live journal is looked at are no such failure.
 * Method: journals in all kinds of trouble. Of each, every blocking call in turn returns a code or
 *         reads too little, under recovery by an owner, recovery by who only looks, and verify.
 *         Then the medium is well again, and the answer has to be the one without a failure.
 */
#include "core/journal/verify.h"
#include "tests/support/failing_storage.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(failing_calls, .init = setup, .fini = teardown);

static void flip_in(uint32_t file_number, uint64_t offset)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, 0, file_number);
	cr_assert_eq(wr_sim_disk_corrupt(disk, name, offset, 3), 0);
}

static void remove_segment(uint32_t file_number)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, 0, file_number);
	cr_assert_eq(wr_sim_disk_remove(disk, name), 0);
}

/* --- journals in trouble ---------------------------------------------------------------------- */

/* Two checkpoints, the newer one behind most of the log. */
static void build_checkpointed(void)
{
	build(20);
	log_builder_checkpoint(&b, 0, 5, 100);
	for (uint32_t i = 0; i < 8; i++)
		log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 1, 5, 3000);
	log_builder_batch(&b, 3, 100);
}

static void build_damaged(void)
{
	build(14);
	damage(4, 200);
}

static void build_torn(void)
{
	build(5);
	log_builder_torn(&b);
	log_builder_epoch(&b);
	log_builder_batch(&b, 8, 1800); /* longer than what is read of each file first */
	log_builder_go_on(&b);
	log_builder_batch(&b, 3, 100);
}

/* An epoch starts with a batch of several blocks. */
static void build_long_start(void)
{
	build(11);
	log_builder_close(&b);
}

/* A segment below the checkpoint has lost its first batch. */
static void build_headless(void)
{
	build_checkpointed();
	uint32_t i = 0;
	while (b.batches[i].file_number != 1)
		i++;
	damage(i, 24);
}

/* So has the oldest, and what stood before it is retired. */
static void build_oldest_headless(void)
{
	uint32_t i = 0;

	build_checkpointed();
	while (b.batches[i].file_number != 1)
		i++;
	b.superblock.oldest_segment_id = b.batches[i].segment_id;
	b.superblock.oldest_seq = seq_of(i);
	log_builder_write_superblock(&b);
	remove_segment(0);
	damage(i, 24);
}

static void build_lost(void)
{
	build_checkpointed();
	remove_segment(1);
}

static void build_oldest_lost(void)
{
	build_checkpointed();
	remove_segment(0);
}

static void build_newest_lost(void)
{
	build(25);
	remove_segment(2);
}

/* No segment has its first batch any more. */
static void build_no_first_batches(void)
{
	build_checkpointed();
	for (uint32_t i = 0; i < b.batch_count; i++)
		if (b.batches[i].offset == WR_BLOCK_BYTES)
			damage(i, 24);
}

/* Nor anything else in front of the checkpoint that would say where it begins. */
static void build_no_beginning(void)
{
	build_checkpointed();
	for (uint32_t i = 0; i < b.batch_count; i++)
		if (b.batches[i].offset < WR_BLOCK_BYTES + CHUNK_BYTES)
			damage(i, 24);
}

/* The oldest segment is blank behind its header, and the next one has lost its first batch. */
static void build_blank_and_headless(void)
{
	uint32_t i = 0;

	build_checkpointed();
	for (; b.batches[i].file_number != 1; i++)
		zero_batch(i);
	damage(i, 24);
}

static void build_blank_and_no_checkpoint(void)
{
	build_blank_and_headless();
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-checkpoint.0", WR_BLOCK_BYTES + 8, 1), 0);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-checkpoint.1", WR_BLOCK_BYTES + 8, 1), 0);
}

/* The beginning is retired, and the files of the checkpoints are gone. */
static void build_without_checkpoints(void)
{
	build(20);
	remove_segment(0);
	b.superblock.oldest_segment_id = 2;
	for (uint32_t i = b.batch_count; i-- > 0 && b.batches[i].segment_id == 2;)
		b.superblock.oldest_seq = seq_of(i);
	log_builder_write_superblock(&b);
}

static void build_packed(void)
{
	build(30);
	cr_assert_gt(pack_bed_all(disk, storage, true), 1);
	flip_in(PACK_BED_FILES, 50); /* the copy of its header is good */
}

static void build_packed_damaged(void)
{
	build(30);
	cr_assert_gt(pack_bed_all(disk, storage, true), 1);
	flip_in(PACK_BED_FILES + 1, 3 * WR_BLOCK_BYTES + 300);
}

static void build_without_superblock(void)
{
	build(3);
	cr_assert_eq(wr_sim_disk_remove(disk, WR_SUPERBLOCK_NAME), 0);
}

static void build_cut(void)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	build(6);
	log_builder_close(&b);
	wr_segment_name(name, 0, b.file_number);
	cr_assert_eq(wr_sim_disk_truncate(disk, name, b.batches[b.batch_count - 1].offset + 512),
		     0);
}

/* Chunks that take several reads, and a batch that does. */
static void build_large_chunks(void)
{
	log_builder_fini(&b);
	log_builder_init(&b, storage, 512 * WR_BLOCK_BYTES, 1);
	log_builder_epoch(&b);
	log_builder_batch(&b, 1, 1300000);
	log_builder_batch(&b, 3, 100);
}

/* The next epoch starts in the same segment, far beyond what could have been in flight, with a
 * batch of two blocks. */
static void build_later_far_behind(void)
{
	static uint8_t content[6000];
	const struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + sizeof content,
		.kind = WR_KIND_EPOCH_START,
		.flags = WR_RECORD_KEYLESS,
	};

	log_builder_fini(&b);
	log_builder_init(&b, storage, CHUNK_BYTES, 24);
	build(5);
	const struct wr_epoch_start start = log_builder_end(&b);
	wr_epoch_start_encode(&start, content);
	b.offset = wr_extent_offset(CHUNK_BYTES, 20);
	b.superblock.epoch = ++b.epoch;
	log_builder_write_superblock(&b);
	log_builder_record(&b, &head, content);
	log_builder_batch(&b, 3, 100);
}

static const struct {
	const char *name;
	void (*build)(void);
} troubles[] = {
	{"large chunks", build_large_chunks},
	{"later far behind", build_later_far_behind},
	{"checkpointed", build_checkpointed},
	{"damaged", build_damaged},
	{"torn", build_torn},
	{"long start", build_long_start},
	{"headless", build_headless},
	{"oldest headless", build_oldest_headless},
	{"lost", build_lost},
	{"oldest lost", build_oldest_lost},
	{"newest lost", build_newest_lost},
	{"no first batches", build_no_first_batches},
	{"no beginning", build_no_beginning},
	{"blank and headless", build_blank_and_headless},
	{"blank, no checkpoint", build_blank_and_no_checkpoint},
	{"no checkpoints", build_without_checkpoints},
	{"packed", build_packed},
	{"packed and damaged", build_packed_damaged},
	{"no superblock", build_without_superblock},
	{"cut", build_cut},
};

#define TROUBLES (sizeof troubles / sizeof troubles[0])

/* --- the questions ---------------------------------------------------------------------------- */

/* What an open or a look says. */
struct answer {
	int result;
	uint64_t next_seq;
	uint64_t corrupt_first_seq;
	uint64_t corrupt_count;
};

static struct wr_storage *open_storage(struct wr_sim_disk *medium, bool read_only)
{
	const struct wr_storage_options options = {.sim_disk = medium, .read_only = read_only};
	struct wr_storage *s;

	cr_assert_eq(wr_storage_sim_open(&options, &s), 0);
	return s;
}

/* The n-th call fails; 0: none. *ret_failed: there was an n-th. */
static struct answer ask_open(struct wr_sim_disk *medium, bool read_only, uint64_t n, int code,
			      bool *ret_failed)
{
	const struct wr_recovery_options recovery = {
		.chunk_bytes = CHUNK_BYTES,
		.segment_bytes = CHUNK_BYTES * EXTENTS,
		.read_only = read_only,
		.new_uuid = {1},
	};
	struct wr_storage *s = open_storage(medium, read_only);
	struct wr_recovery_sink sink;

	memset(&p, 0, sizeof p);
	p.is_sound = true;
	p.expected = &b;
	sink = log_probe_sink(&p);
	wr_memory_sim_init(&p.memory, NULL);
	failing_put_on(s, n, code);
	struct answer a = {
		.result = wr_recovery_run(s, &p.memory.base, &medium->clock->base, &recovery, &sink,
					  &p.table, &p.recovered, &p.report, &p.problem),
	};
	*ret_failed = failing_take_off(s);
	a.next_seq = p.recovered.next_seq;
	a.corrupt_first_seq = p.report.corrupt_first_seq;
	cr_assert(p.is_sound, "sequence %lu is not what was written", p.unsound_seq);
	cr_assert(a.result == 0 || p.problem.text[0] != '\0', "%d without a word", a.result);
	if (a.result == 0)
		wr_segment_table_fini(&p.table, &p.memory.base);
	cr_assert_eq(p.memory.live_count, 0);
	s->ops->fini(s);
	return a;
}

static struct answer ask_verify(struct wr_sim_disk *medium, uint64_t n, int code, bool *ret_failed)
{
	static const struct wr_verify_visitor nobody = {.context = NULL};
	struct wr_storage *s = open_storage(medium, true);
	struct wr_verify_report report;
	struct weir_problem problem;

	wr_memory_sim_init(&p.memory, NULL);
	failing_put_on(s, n, code);
	struct answer a = {
		.result =
			wr_verify_run(s, &p.memory.base, 0, UINT64_MAX, &nobody, &report, &problem),
	};
	*ret_failed = failing_take_off(s);
	a.next_seq = report.last_seq + 1;
	a.corrupt_count = report.corrupt_count;
	cr_assert_eq(p.memory.live_count, 0);
	s->ops->fini(s);
	return a;
}

static bool is_same_answer(const struct answer *a, const struct answer *other)
{
	return a->result == other->result && a->next_seq == other->next_seq &&
	       a->corrupt_first_seq == other->corrupt_first_seq &&
	       a->corrupt_count == other->corrupt_count;
}

static void change_trouble(size_t i)
{
	teardown();
	setup();
	troubles[i].build();
}

/* --- cases ------------------------------------------------------------------------------------ */

/* Who opens to write: what failed is said, and the next open finds what this one would have. */
Test(failing_calls, an_owner_is_told_and_the_next_open_answers_as_ever)
{
	uint32_t count = 0;

	for (size_t i = 0; i < TROUBLES; i++) {
		bool none, owner_failed = true, look_failed = true;
		change_trouble(i);
		struct wr_sim_disk *medium = wr_sim_disk_clone(disk);
		const struct answer healthy = ask_open(medium, false, 0, 0, &none);
		const struct answer look = ask_open(disk, true, 0, 0, &none);
		for (uint64_t n = 1; owner_failed || look_failed; n++, count++) {
			cr_assert_eq(wr_sim_disk_copy_to(disk, medium), 0);
			struct answer a = ask_open(medium, false, n, -EIO, &owner_failed);
			cr_assert(a.result == -EIO || is_same_answer(&a, &healthy),
				  "%s: call %lu: %d", troubles[i].name, n, a.result);
			a = ask_open(medium, false, 0, 0, &none);
			cr_assert(is_same_answer(&a, &healthy), "%s: after call %lu: %d",
				  troubles[i].name, n, a.result);
			a = ask_open(disk, true, n, -EIO, &look_failed);
			cr_assert(a.result == -EIO || is_same_answer(&a, &look),
				  "%s: call %lu of a look: %d", troubles[i].name, n, a.result);
		}
		wr_sim_disk_destroy(medium);
	}
	cr_expect_gt(count, 200u, "%u", count);
}

Test(failing_calls, without_checkpoints_an_owner_is_refused_and_who_looks_reads_what_is_left)
{
	bool none;

	build_without_checkpoints();
	struct answer a = ask_open(disk, false, 0, 0, &none);
	cr_expect_eq(a.result, WEIR_E_CORRUPT);
	cr_expect_str_eq(p.problem.field, "checkpoint", "%s", p.problem.text);
	cr_expect_eq(p.report.corrupt_end_seq, b.superblock.oldest_seq);
	a = ask_open(disk, true, 0, 0, &none);
	cr_expect_eq(a.result, 0, "%d %s", a.result, p.problem.text);
	cr_expect_eq(a.next_seq, b.next_seq);
	cr_expect_eq(p.report.oldest_seq, b.superblock.oldest_seq);
	a = ask_verify(disk, 0, 0, &none);
	cr_expect_eq(a.result, 0);
	cr_expect_eq(a.corrupt_count, 0);
	cr_expect_eq(a.next_seq, b.next_seq);
}

Test(failing_calls, verify_says_so_and_tells_no_damage_that_is_not_there)
{
	for (size_t i = 0; i < TROUBLES; i++) {
		bool has_failed;
		change_trouble(i);
		const struct answer healthy = ask_verify(disk, 0, 0, &has_failed);
		has_failed = true;
		for (uint64_t n = 1; has_failed; n++) {
			struct answer a = ask_verify(disk, n, -EIO, &has_failed);
			cr_assert(a.result == -EIO || is_same_answer(&a, &healthy),
				  "%s: call %lu: %d", troubles[i].name, n, a.result);
		}
	}
}

/*
 * Of a file that goes just then, or ends sooner: what is so, the code, or that events are missing
 * there, since the superblock counts them, or to look again; the last one, that nothing attests,
 * may be missed. Never a record that was not written.
 */
static void sweep_gone(int code)
{
	for (size_t i = 0; i < TROUBLES; i++) {
		bool look_failed = true, walk_failed = true;
		change_trouble(i);
		const struct answer look = ask_open(disk, true, 0, 0, &look_failed);
		const struct answer walk = ask_verify(disk, 0, 0, &walk_failed);
		look_failed = walk_failed = true;
		for (uint64_t n = 1; look_failed || walk_failed; n++) {
			struct answer a = ask_open(disk, true, n, code, &look_failed);
			bool is_prefix = a.result == look.result && a.next_seq <= look.next_seq;
			cr_assert(is_prefix || a.result == WEIR_E_CORRUPT || a.result == code ||
					  (a.result == -ENOENT && look.next_seq == 0),
				  "%s: call %lu: %d", troubles[i].name, n, a.result);
			a = ask_verify(disk, n, code, &walk_failed);
			cr_assert(a.result == walk.result || a.result == code ||
					  a.result == WEIR_E_CORRUPT || a.result == WEIR_E_AGAIN ||
					  (a.result == -ENOENT && look.next_seq == 0),
				  "%s: call %lu of verify: %d", troubles[i].name, n, a.result);
			cr_assert_leq(a.next_seq, b.next_seq);
		}
	}
}

Test(failing_calls, a_file_that_goes_while_it_is_looked_at_is_not_made_up)
{
	sweep_gone(-ENOENT);
	sweep_gone(-ESTALE);
	sweep_gone(FAILING_SHORT);
}

/* --- a storage that answers oddly ------------------------------------------------------------- */

static struct wr_storage_ops odd_ops;
static const struct wr_storage_ops *plain_ops;
static uint32_t odd_count;

static struct wr_storage *odd_storage(bool read_only)
{
	struct wr_storage *s = open_storage(disk, read_only);

	plain_ops = s->ops;
	odd_ops = *plain_ops;
	s->ops = &odd_ops;
	odd_count = 0;
	return s;
}

static int recover(struct wr_storage *s, const struct wr_recovery_options *recovery,
		   struct weir_problem *problem)
{
	memset(&p, 0, sizeof p);
	p.is_sound = true;
	wr_memory_sim_init(&p.memory, NULL);
	const struct wr_recovery_sink sink = log_probe_sink(&p);
	int r = wr_recovery_run(s, &p.memory.base, &disk->clock->base, recovery, &sink, &p.table,
				&p.recovered, &p.report, problem);
	if (r == 0)
		wr_segment_table_fini(&p.table, &p.memory.base);
	cr_assert_eq(p.memory.live_count, 0);
	s->ops->fini(s);
	return r;
}

/* Every second look at the first blocks of a segment shows none. */
static int64_t blank_each_second(struct wr_storage *s, uint32_t file, void *buffer,
				 uint32_t length_bytes, uint64_t offset_bytes)
{
	int64_t n = plain_ops->read(s, file, buffer, length_bytes, offset_bytes);

	if (n > 0 && offset_bytes == 0 && length_bytes == 2 * WR_BLOCK_BYTES &&
	    odd_count++ % 2 == 1)
		memset(buffer, 0, (size_t)n);
	return n;
}

Test(failing_calls, an_owner_that_is_always_faster_is_given_up_after_a_while)
{
	const struct wr_recovery_options look = {.read_only = true};

	build(9);
	damage(4, 200);
	for (uint32_t told = 0; told < 2; told++) {
		struct wr_storage *s = odd_storage(true);
		odd_ops.read = blank_each_second;
		cr_expect_eq(recover(s, &look, told == 1 ? &p.problem : NULL), WEIR_E_AGAIN);
		cr_expect_eq(p.reset_count, 7, "%u: eight tries", p.reset_count);
		cr_expect_eq(p.problem.text[0] != '\0', told == 1);
	}
}

/* More names than there were a moment ago, and their files are gone again. */
static int more_names(struct wr_storage *s, int (*visit)(void *context, const char *name),
		      void *context)
{
	char name[WR_STORAGE_NAME_MAX + 1];

	for (uint32_t i = 0; odd_count > 0 && i < 40; i++) {
		wr_segment_name(name, 0, 700 + i);
		(void)visit(context, name);
	}
	odd_count++;
	return plain_ops->file_each(s, visit, context);
}

Test(failing_calls, files_that_appear_between_two_looks_are_left_for_the_next)
{
	const struct wr_recovery_options look = {.read_only = true};
	struct wr_storage *s;

	build(9);
	s = odd_storage(true);
	odd_ops.file_each = more_names;
	/* What was there is not seen for what came: it is missing, and not made up. */
	cr_expect_eq(recover(s, &look, &p.problem), WEIR_E_CORRUPT);
	cr_expect_eq(recover(open_storage(disk, true), &look, &p.problem), 0);
	cr_expect_eq(p.recovered.next_seq, b.next_seq);
}

/* An owner has its directory for itself: a name without a file is no file that went meanwhile. */
Test(failing_calls, a_name_of_which_there_is_no_file_stops_an_owner)
{
	const struct wr_recovery_options owner = {.new_uuid = {1}};
	struct wr_storage *s;

	build(9);
	s = odd_storage(false);
	odd_ops.file_each = more_names;
	odd_count = 1;
	cr_expect_eq(recover(s, &owner, &p.problem), -ENOENT);
	cr_expect_neq(p.problem.text[0], '\0');
}

Test(failing_calls, a_process_that_may_not_write_such_files_is_told_before_anything_is_written)
{
	const struct wr_recovery_options owner = {.chunk_bytes = CHUNK_BYTES,
						  .segment_bytes = CHUNK_BYTES * EXTENTS,
						  .new_uuid = {1}};
	const struct wr_recovery_options look = {.read_only = true};
	struct wr_storage *s;

	build(9);
	for (uint32_t is_new = 0; is_new < 2; is_new++) {
		s = open_storage(disk, false);
		s->file_bytes_max = b.segment_bytes - 1;
		cr_expect_eq(recover(s, &owner, &p.problem), -EFBIG);
		cr_expect_str_eq(p.problem.field, "segment_bytes");
		cr_expect_eq(strstr(p.problem.text, "smaller segments") != NULL, is_new == 1);
		if (is_new == 0) {
			s = open_storage(disk, true);
			s->file_bytes_max = b.segment_bytes - 1;
			cr_expect_eq(recover(s, &look, &p.problem), 0);
			teardown();
			setup();
			cr_assert_eq(wr_sim_disk_remove(disk, WR_SUPERBLOCK_NAME), 0);
			continue;
		}
		s = open_storage(disk, false);
		s->file_bytes_max = b.segment_bytes;
		cr_expect_eq(recover(s, &owner, &p.problem), 0);
	}
}

Test(failing_calls, sizes_that_no_journal_has_make_none)
{
	const struct wr_recovery_options odd = {.chunk_bytes = 5000, .segment_bytes = 10000};

	cr_assert_eq(wr_sim_disk_remove(disk, WR_SUPERBLOCK_NAME), 0);
	cr_expect_eq(recover(open_storage(disk, false), &odd, &p.problem), -EINVAL);
	cr_expect_eq(recover(open_storage(disk, false), &odd, NULL), -EINVAL);
	cr_expect_null(wr_sim_disk_peek(disk, WR_SUPERBLOCK_NAME, &(uint64_t){0}));
}
