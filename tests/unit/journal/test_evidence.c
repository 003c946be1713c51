/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   one damaged batch is damage, and no torn tail, however far the writer was ahead of the
 *         medium when it sealed what follows: the block that attests the batch is found wherever it
 *         stands (R4, L29).
 * Method: a burst of many chunks that were all sealed before the first of them was durable, then
 *         the evidence that an idle writer adds, in the middle of an extent. The first batch of the
 *         burst is damaged; recovery has to refuse the log and name that batch.
 */
#include "tests/unit/journal/recovery_bed.h"

#define FAR_CHUNKS 40u /* more than the window that is looked through block by block */

TestSuite(evidence, .init = setup, .fini = teardown);

/* The index of the first batch of a burst that attests nothing of itself. */
static uint32_t build_burst(void)
{
	build(2);
	uint32_t first = b.batch_count;
	b.hold_durable = true;
	while (b.batch_count - first < FAR_CHUNKS * (CHUNK_BYTES / WR_BLOCK_BYTES))
		log_builder_batch(&b, 3, 100);
	/* Not the first block of its extent. */
	while ((b.offset - WR_BLOCK_BYTES) % CHUNK_BYTES == 0 || b.offset >= b.segment_bytes)
		log_builder_batch(&b, 3, 100);
	return first;
}

static void attest_all(void)
{
	b.durable_seq = b.next_seq - 1;
	log_builder_evidence(&b);
}

static void expect_first_of_burst_refused(void)
{
	uint32_t first = build_burst();
	attest_all();
	damage(first, 50);
	expect_corrupt(seq_of(first), seq_of(first) + 3);
	damage(first, 50);
	damage(first, 2000);
	expect_corrupt(seq_of(first), seq_of(first) + 3);
	damage(first, 2000);
	expect_whole();
	log_probe_close(&p);
}

Test(evidence, far_behind_a_burst_it_is_found_in_another_segment)
{
	expect_first_of_burst_refused();
	cr_expect_gt(b.segment_id, 2, "the burst has to cross segments");
}

Test(evidence, far_behind_a_burst_it_is_found_in_the_same_segment)
{
	log_builder_fini(&b);
	log_builder_init(&b, storage, CHUNK_BYTES, 2 * FAR_CHUNKS);
	expect_first_of_burst_refused();
	cr_expect_eq(b.segment_id, 1, "the burst has to stay in its segment");
}

Test(evidence, a_burst_that_nothing_attests_is_a_torn_tail_at_any_length)
{
	uint32_t first = build_burst();
	damage(first, 50);
	log_builder_rewind(&b, first);
	expect_whole();
	cr_expect_eq(p.report.trimmed_from_seq, b.next_seq);
	cr_expect(p.report.valid_batch_followed);
	log_probe_close(&p);
}
