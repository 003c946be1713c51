/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what packing, and what may leave out events, take of memory is what
 *         docs/reference/options.md says, in chunks.
 * Method: plans that differ in one option each, with chunks beside which tables are small.
 */
#include <criterion/criterion.h>

#include <weir.h>

#define CHUNK_BYTES (4u << 20)

static void compacts(struct weir_options *o)
{
	o->compaction_keys = 1024;
}

static void erases(struct weir_options *o)
{
	o->erasures_max = 1;
}

static void retires(struct weir_options *o)
{
	o->topic_retention = true;
}

static void does_all(struct weir_options *o)
{
	compacts(o);
	erases(o);
	retires(o);
}

static uint64_t tables_of(enum weir_pack pack, void (*more)(struct weir_options *o))
{
	struct weir_options o;
	struct weir_memory_plan plan;
	struct weir_problem problem = {0};

	weir_options_init(&o);
	o.dir = "nowhere";
	o.chunk_bytes = CHUNK_BYTES;
	o.segment_bytes = 16 * CHUNK_BYTES;
	o.topics_max = 16;
	o.pack = pack;
	if (more != NULL)
		more(&o);
	cr_assert_eq(weir_memory_plan(&o, &plan, &problem), 0, "%s: %s", problem.field,
		     problem.text);
	return plan.tables_bytes;
}

static uint64_t chunks_of(enum weir_pack pack, void (*more)(struct weir_options *o))
{
	uint64_t bytes = tables_of(pack, more) - tables_of(WEIR_PACK_NO, NULL);

	return (bytes + CHUNK_BYTES / 2) / CHUNK_BYTES;
}

Test(memory_plan, packing_takes_as_many_chunks_as_the_reference_says)
{
	cr_expect_eq(chunks_of(WEIR_PACK_PADDING, NULL), 6);
	cr_expect_eq(chunks_of(WEIR_PACK_LZ4, NULL), 7);
	cr_expect_eq(chunks_of(WEIR_PACK_ZSTD, NULL), 7);
	cr_expect_eq(chunks_of(WEIR_PACK_PADDING, erases), 6 + 2);
	cr_expect_eq(chunks_of(WEIR_PACK_PADDING, retires), 6 + 2);
	cr_expect_eq(chunks_of(WEIR_PACK_PADDING, compacts), 6 + 2 + 3);
	cr_expect_eq(chunks_of(WEIR_PACK_PADDING, does_all), 6 + 2 + 3);
}
