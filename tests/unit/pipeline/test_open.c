/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: options are filled in as the header says, and each bad one is refused by name with a
 * reason; the memory plan is what is reserved; what the allocator gave comes back to it; threads
 * are named, pinned and degraded as asked, and it is reported.
 *
 * Method: a table with one bad value a row, through weir_memory_plan() and weir_open(), which have
 * to agree; an allocator that counts, and one that fails at its k-th call, for every k.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define KIB 1024u
#define MIB (1024u * 1024)

static struct fixture f;

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(open, .fini = teardown, .timeout = 60);

Test(open, defaults_are_those_of_the_header)
{
	struct weir_options o;
	memset(&o, 0xff, sizeof o);
	weir_options_init(&o);
	cr_expect_eq(o.struct_bytes, sizeof o);
	cr_expect_str_eq(o.name, "weir");
	cr_expect_null(o.dir);
	cr_expect_eq(o.io, WEIR_IO_AUTO);
	cr_expect(!o.manual && !o.seal_before_ack && !o.strict_threads &&
		  o.journal_thread == WEIR_JOURNAL_THREAD_AUTO);
	cr_expect_eq(o.chunk_bytes, MIB);
	cr_expect_eq(o.pool_bytes, 64 * MIB);
	cr_expect_eq(o.undurable_bytes, 8 * MIB);
	cr_expect_eq(o.lane_bytes, MIB);
	cr_expect_eq(o.member_lane_bytes, MIB);
	cr_expect_eq(o.producers_max, 16);
	cr_expect_eq(o.members_max, 16);
	cr_expect_eq(o.topics_max, 64);
	cr_expect_eq(o.partitions_max, 1024);
	cr_expect_eq(o.subscriptions_max, 16);
	cr_expect_eq(o.named_producers_max, 256);
	cr_expect_eq(o.run_records_max, 4096);
	cr_expect_eq(o.segment_bytes, 64 * MIB);
	cr_expect_eq(o.segments_ahead, 2);
	cr_expect_eq(o.retention_bytes, 0);
	cr_expect_eq(o.checkpoint_bytes, 0);
	cr_expect_eq(o.batches_in_flight_max, 4);
	cr_expect_eq(o.evidence_delay_ns, 50000000u);
	cr_expect_eq(o.huge_pages, WEIR_HUGE_PAGES_TRANSPARENT);
	cr_expect_eq(o.huge_page_bytes, 2 * MIB);
	cr_expect_eq(o.numa, WEIR_NUMA_AUTO);
	cr_expect(!o.lock_memory && !o.in_core_dumps);
	cr_expect(o.log.wait == WEIR_WAIT_DEFAULT && o.log.cpu_count == 0);
	cr_expect(o.log.scheduler == WEIR_SCHEDULER_OTHER && o.log.priority == 0);
	cr_expect(o.log.stack_bytes == 0 && o.housekeeping.cpu_count == 0);
	cr_expect(o.allocator.alloc == NULL && o.log_fn == NULL);
}

static void *alloc_nothing(void *context, size_t bytes, size_t align)
{
	(void)context;
	(void)bytes;
	(void)align;
	return NULL;
}

struct bad {
	const char *field;
	const char *word; /* in the text */
	void (*spoil)(struct weir_options *o);
};

#define SPOIL(id, statement)                                                                       \
	static void spoil_##id(struct weir_options *o)                                             \
	{                                                                                          \
		statement;                                                                         \
	}

SPOIL(struct_bytes, o->struct_bytes = 0)
SPOIL(name_null, o->name = NULL)
SPOIL(name_empty, o->name = "")
SPOIL(name_slash, o->name = "a/b")
SPOIL(name_long, o->name = "123456789012345678901234567890123")
SPOIL(io, o->io = (enum weir_io)3)
SPOIL(alloc_alone, o->allocator.alloc = alloc_nothing)
SPOIL(chunk_small, o->chunk_bytes = 8 * KIB)
SPOIL(chunk_large, o->chunk_bytes = 32 * MIB)
SPOIL(chunk_odd, o->chunk_bytes = 3 * 16 * KIB)
SPOIL(pool_zero, o->pool_bytes = 0)
SPOIL(undurable_zero, o->undurable_bytes = 0)
SPOIL(lane_small, o->lane_bytes = 2 * KIB)
SPOIL(lane_odd, o->lane_bytes = 5000)
SPOIL(member_lane_small, o->member_lane_bytes = 0)
SPOIL(member_lane_odd, o->member_lane_bytes = 4097)
SPOIL(producers, o->producers_max = 0)
SPOIL(producers_many, o->producers_max = 1025)
SPOIL(members, o->members_max = 0)
SPOIL(topics, o->topics_max = 0)
SPOIL(partitions, o->partitions_max = 0)
SPOIL(subscriptions, o->subscriptions_max = 0)
SPOIL(subscriptions_many, (o->subscriptions_max = 4096, o->partitions_max = 8192))
SPOIL(named, o->named_producers_max = 0)
SPOIL(run_records, o->run_records_max = 0)
SPOIL(segment_small, o->segment_bytes = o->chunk_bytes / 2)
SPOIL(segment_odd, o->segment_bytes = o->chunk_bytes * 2 + 4096)
SPOIL(ahead_none, o->segments_ahead = 0)
SPOIL(ahead_many, o->segments_ahead = 17)
SPOIL(segments_few, o->segments_max = 63)
SPOIL(segments_many, o->segments_max = (1u << 20) + 1)
SPOIL(flight_none, o->batches_in_flight_max = 0)
SPOIL(flight_many, o->batches_in_flight_max = 17)
SPOIL(log_wait, o->log.wait = (enum weir_wait)9)
SPOIL(group_cpus, o->group.cpu_count = WEIR_CPUS_MAX + 1)
SPOIL(journal_wait, o->journal.wait = (enum weir_wait)5)
SPOIL(handler_cpus, o->handler.cpu_count = 1000)
SPOIL(many_chunks, o->pool_bytes = 1ull << 40)
SPOIL(huge_pages, o->huge_pages = (enum weir_huge_pages)4)
SPOIL(huge_page_bytes, o->huge_page_bytes = 4 * MIB)
SPOIL(pool_small, (o->huge_pages = WEIR_HUGE_PAGES_REQUIRE, o->huge_page_bytes = 1024u * MIB))
SPOIL(numa, o->numa = (enum weir_numa)4)
SPOIL(log_class, o->log.scheduler = (enum weir_scheduler)4)
SPOIL(journal_no_priority, o->journal.scheduler = WEIR_SCHEDULER_FIFO)
SPOIL(group_priority, (o->group.scheduler = WEIR_SCHEDULER_RR, o->group.priority = 100))
SPOIL(handler_priority, (o->handler.scheduler = WEIR_SCHEDULER_BATCH, o->handler.priority = 1))
SPOIL(log_stack_small, o->log.stack_bytes = 64 * KIB - 1)
SPOIL(handler_stack_large, o->handler.stack_bytes = 1024u * MIB + 1)
SPOIL(log_name, memset(o->log.name, 'x', sizeof o->log.name))
SPOIL(housekeeping_cpus, o->housekeeping.cpu_count = WEIR_CPUS_MAX + 1)

SPOIL(no_such_cpu, (o->group.cpu_count = 1, o->group.cpus[0] = 65535))

static const struct bad bad[] = {
	{"struct_bytes", "weir_options_init", spoil_struct_bytes},
	{"name", "1 to 32", spoil_name_null},
	{"name", "1 to 32", spoil_name_empty},
	{"name", "letters", spoil_name_slash},
	{"name", "1 to 32", spoil_name_long},
	{"io", "backend", spoil_io},
	{"allocator", "together", spoil_alloc_alone},
	{"chunk_bytes", "16384 to 16777216", spoil_chunk_small},
	{"chunk_bytes", "out of range", spoil_chunk_large},
	{"chunk_bytes", "power of two", spoil_chunk_odd},
	{"pool_bytes", "out of range", spoil_pool_zero},
	{"undurable_bytes", "out of range", spoil_undurable_zero},
	{"lane_bytes", "out of range", spoil_lane_small},
	{"lane_bytes", "power of two", spoil_lane_odd},
	{"member_lane_bytes", "out of range", spoil_member_lane_small},
	{"member_lane_bytes", "power of two", spoil_member_lane_odd},
	{"producers_max", "out of range", spoil_producers},
	{"producers_max", "1025", spoil_producers_many},
	{"members_max", "out of range", spoil_members},
	{"topics_max", "out of range", spoil_topics},
	{"partitions_max", "out of range", spoil_partitions},
	{"subscriptions_max", "out of range", spoil_subscriptions},
	{"subscriptions_max", "times partitions_max", spoil_subscriptions_many},
	{"named_producers_max", "out of range", spoil_named},
	{"run_records_max", "out of range", spoil_run_records},
	{"segment_bytes", "out of range", spoil_segment_small},
	{"segment_bytes", "multiple of chunk_bytes", spoil_segment_odd},
	{"segments_ahead", "1 to 16", spoil_ahead_none},
	{"segments_ahead", "1 to 16", spoil_ahead_many},
	{"segments_max", "64 to 1048576", spoil_segments_few},
	{"segments_max", "out of range", spoil_segments_many},
	{"batches_in_flight_max", "1 to 16", spoil_flight_none},
	{"batches_in_flight_max", "1 to 16", spoil_flight_many},
	{"log.wait", "wait strategy", spoil_log_wait},
	{"group.cpu_count", "CPUs", spoil_group_cpus},
	{"journal.wait", "wait strategy", spoil_journal_wait},
	{"handler.cpu_count", "CPUs", spoil_handler_cpus},
	{"chunk_bytes", "at most 65534", spoil_many_chunks},
	{"huge_pages", "huge pages", spoil_huge_pages},
	{"huge_page_bytes", "1 GiB", spoil_huge_page_bytes},
	{"huge_page_bytes", "raise pool_bytes", spoil_pool_small},
	{"numa", "place memory", spoil_numa},
	{"log.scheduler", "scheduling class", spoil_log_class},
	{"journal.priority", "1 (lowest) to 99", spoil_journal_no_priority},
	{"group.priority", "1 (lowest) to 99", spoil_group_priority},
	{"handler.priority", "only FIFO and RR", spoil_handler_priority},
	{"log.stack_bytes", "65536", spoil_log_stack_small},
	{"handler.stack_bytes", "65536", spoil_handler_stack_large},
	{"log.name", "15 bytes", spoil_log_name},
	{"housekeeping.cpu_count", "CPUs", spoil_housekeeping_cpus},
	{"group.cpus", "65535", spoil_no_such_cpu},
};

Test(open, each_bad_option_is_refused_by_name_with_a_reason)
{
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const struct bad *b = &bad[i];
		struct weir_memory_plan plan = {.total_bytes = 77};
		struct weir_problem planned = {0}, opened = {0};
		fixture_init(&f, FIXTURE_MEMORY);
		b->spoil(&f.options);
		cr_expect_eq(weir_memory_plan(&f.options, &plan, &planned), -EINVAL, "%s %s",
			     b->field, b->word);
		cr_expect_eq(plan.total_bytes, 77, "the plan is set on success only");
		cr_expect_eq(weir_open(&f.options, &f.pipeline, &opened), -EINVAL, "%s %s",
			     b->field, b->word);
		cr_expect_null(f.pipeline);
		cr_expect_eq(planned.code, -EINVAL);
		cr_expect_str_eq(planned.field, b->field);
		cr_expect_str_eq(opened.field, b->field);
		cr_expect_str_eq(opened.text, planned.text);
		cr_expect_not_null(strstr(planned.text, b->word), "'%s' is not in '%s'", b->word,
				   planned.text);
		cr_expect_eq(weir_open(&f.options, &f.pipeline, NULL), -EINVAL,
			     "without a problem to fill in");
	}
}

Test(open, the_plan_is_the_sum_of_its_parts_and_bounds_what_is_reserved)
{
	struct weir_memory_plan plan;
	struct weir_info info;
	fixture_init(&f, FIXTURE_DURABLE);
	cr_assert_eq(weir_memory_plan(&f.options, &plan, NULL), 0);
	cr_expect_eq(plan.total_bytes, plan.chunks_bytes + plan.lanes_bytes + plan.catchup_bytes +
					       plan.tables_bytes + plan.metrics_bytes);
	cr_expect_geq((uint64_t)plan.chunk_count * f.options.chunk_bytes, f.options.pool_bytes);
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect_arr_eq(&info.plan, &plan, sizeof plan);
	cr_expect_gt(info.memory_bytes, f.options.pool_bytes);
	cr_expect_leq(info.memory_bytes, plan.total_bytes);
	/* Everybody joins: still within it. */
	(void)fixture_topic(&f, "work", f.options.partitions_max);
	for (uint32_t i = 0; i < f.options.members_max; i++) {
		char name[] = {'s', (char)('0' + i), '\0'};
		(void)fixture_member(&f, fixture_subscription(&f, name, "work"), NULL);
	}
	fixture_info(&f, &info);
	cr_expect_leq(info.memory_bytes, plan.total_bytes);
}

/* Small pages where it is smaller than one huge page, whole huge pages where it is not. */
Test(open, the_plan_counts_whole_huge_pages)
{
	struct weir_memory_plan small, huge;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.pool_bytes = 5 * MIB;
	f.options.chunk_bytes = MIB;
	f.options.segment_bytes = 2 * MIB;
	cr_assert_eq(weir_memory_plan(&f.options, &small, NULL), 0);
	f.options.huge_pages = WEIR_HUGE_PAGES_TRY;
	cr_assert_eq(weir_memory_plan(&f.options, &huge, NULL), 0);
	cr_expect_eq(huge.chunk_count % 2, 0, "the rest of a page is a chunk");
	cr_expect_eq(huge.chunk_count, small.chunk_count + small.chunk_count % 2);
	cr_expect_geq(huge.catchup_bytes, small.catchup_bytes);
	cr_expect_eq(huge.lanes_bytes, small.lanes_bytes, "their sizes are powers of two");
	/* 1 GiB is more than any of it: nothing is rounded up to that. */
	f.options.huge_page_bytes = 1024u * MIB;
	cr_assert_eq(weir_memory_plan(&f.options, &huge, NULL), 0);
	cr_expect_arr_eq(&huge, &small, sizeof small);
	f.options.pool_bytes = 1024ull * MIB + 1;
	cr_assert_eq(weir_memory_plan(&f.options, &huge, NULL), 0);
	cr_expect_eq(huge.chunk_count, 2048);
	/* Transparent ones are made of small ones. */
	f.options.huge_pages = WEIR_HUGE_PAGES_TRANSPARENT;
	cr_assert_eq(weir_memory_plan(&f.options, &huge, NULL), 0);
	cr_expect_eq(huge.chunk_count, 1025);
}

Test(open, a_plan_without_a_journal_has_nothing_for_catching_up)
{
	struct weir_memory_plan plan;
	fixture_init(&f, FIXTURE_MEMORY);
	cr_assert_eq(weir_memory_plan(&f.options, &plan, NULL), 0);
	cr_expect_eq(plan.catchup_bytes, 0);
}

/* ---- the allocator ---- */

struct counting {
	uint64_t calls;
	uint64_t fail_at; /* 0: never */
	int64_t live_bytes;
	int64_t live_count;
	bool wrong;
};

static void *counting_alloc(void *context, size_t bytes, size_t align)
{
	struct counting *c = context;
	void *p = NULL;
	c->wrong |= align == 0 || (align & (align - 1)) != 0 || align > 4096;
	if (++c->calls == c->fail_at)
		return NULL;
	if (posix_memalign(&p, align < sizeof p ? sizeof p : align, bytes) != 0)
		return NULL;
	memset(p, 0, bytes);
	c->live_bytes += (int64_t)bytes;
	c->live_count++;
	return p;
}

static void counting_free(void *context, void *p, size_t bytes)
{
	struct counting *c = context;
	if (p == NULL)
		return;
	free(p);
	c->live_bytes -= (int64_t)bytes;
	c->live_count--;
}

static void use_counting(struct counting *c)
{
	f.options.allocator = (struct weir_allocator){
		.alloc = counting_alloc, .free = counting_free, .context = c};
}

Test(open, what_the_allocator_gave_comes_back_at_the_close)
{
	static struct counting c; /* outlives the case: the pipeline is closed behind it */
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	use_counting(&c);
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "work", 2);
	uint32_t id = fixture_subscription(&f, "reader", "work");
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 100));
	cr_expect_eq(fixture_poll(member, NULL, 0, 100, true), 100);
	cr_expect_gt(c.live_bytes, 0);
	weir_release(member);
	fixture_close(&f, NULL);
	cr_expect_eq(c.live_count, 0);
	cr_expect_eq(c.live_bytes, 0, "freed with another size than it was allocated with");
	cr_expect(!c.wrong, "an alignment that the header does not allow");
}

static void fail_each_allocation(int kind)
{
	static struct counting c; /* outlives the case: the pipeline is closed behind it */
	fixture_init(&f, kind);
	use_counting(&c);
	fixture_open(&f);
	fixture_close(&f, NULL);
	uint64_t calls = c.calls;
	cr_assert_gt(calls, 10);
	for (uint64_t k = 1; k <= calls; k++) {
		struct weir_problem problem = {0};
		c.calls = 0;
		c.fail_at = k;
		int rc = weir_open(&f.options, &f.pipeline, &problem);
		if (rc == 0) {
			/* Recovery needs less of a journal that is there: k was not reached. */
			cr_expect_lt(c.calls, k, "allocation %llu failed unnoticed",
				     (unsigned long long)k);
			c.fail_at = 0;
			fixture_close(&f, NULL);
		} else {
			cr_expect_eq(rc, -ENOMEM, "allocation %llu: %s", (unsigned long long)k,
				     weir_error_name(rc));
			cr_expect_eq(problem.code, -ENOMEM);
			cr_expect_str_not_empty(problem.text);
			/* But for the pipeline itself: of what, or how much there is to be. */
			cr_expect(k == 1 || strcmp(problem.text, weir_strerror(-ENOMEM)) != 0,
				  "allocation %llu: %s", (unsigned long long)k, problem.text);
		}
		cr_assert_eq(c.live_count, 0, "allocation %llu left something behind",
			     (unsigned long long)k);
	}
	c.fail_at = 0;
	fixture_open(&f);
}

Test(open, each_allocation_that_fails_is_an_error_and_leaves_nothing)
{
	fail_each_allocation(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

Test(open, each_allocation_that_fails_is_an_error_in_a_log_in_memory_too)
{
	fail_each_allocation(FIXTURE_MEMORY | FIXTURE_MANUAL);
}

/* ---- threads ---- */

static bool has_thread(const struct weir_info *info, const char *name)
{
	for (uint32_t i = 0; i < info->thread_count; i++)
		if (strcmp(info->threads[i].name, name) == 0)
			return true;
	return false;
}

static uint16_t one_cpu(bool allowed)
{
	cpu_set_t mask;
	cr_assert_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
	for (uint16_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if ((CPU_ISSET(cpu, &mask) != 0) == allowed)
			return cpu;
	cr_skip_test("every CPU that a mask can name is allowed");
	return 0;
}

Test(open, threads_have_the_pipelines_name_or_the_one_that_is_given)
{
	struct weir_info info;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.name = "orders";
	f.options.journal_thread = WEIR_JOURNAL_THREAD_YES;
	memcpy(f.options.group.name, "my-group", sizeof "my-group");
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect_eq(info.thread_count, 3);
	cr_expect(has_thread(&info, "orders-log"));
	cr_expect(has_thread(&info, "orders-jrnl"));
	cr_expect(has_thread(&info, "my-group"));
	cr_expect_str_empty(info.thread_note);
	/* On however many CPUs. */
	fixture_close(&f, NULL);
	f.options.journal_thread = WEIR_JOURNAL_THREAD_NO;
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect_eq(info.thread_count, 2);
	cr_expect_not(has_thread(&info, "orders-jrnl"));
}

Test(open, of_a_long_name_as_much_is_taken_as_leaves_the_rest_whole)
{
	struct weir_info info;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.name = "averylongname";
	f.options.journal_thread = WEIR_JOURNAL_THREAD_YES;
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect(has_thread(&info, "averylongn-log"));
	cr_expect(has_thread(&info, "averylongn-jrnl"));
	cr_expect(has_thread(&info, "averylong-group"));
	fixture_close(&f, NULL);
}

Test(open, a_pinned_thread_runs_where_it_was_told)
{
	struct weir_info info;
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.log.cpus[0] = one_cpu(true);
	f.options.log.cpu_count = 1;
	f.options.log.wait = WEIR_WAIT_PARK;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "work", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 100));
	fixture_info(&f, &info);
	cr_expect(info.threads[0].pinned);
	cr_expect_eq(info.threads[0].wait, WEIR_WAIT_PARK);
	cr_expect_eq(info.threads[0].last_cpu, (int)f.options.log.cpus[0]);
	cr_expect_gt(info.threads[0].loops, 0);
	cr_expect(!info.threads[1].pinned);
}

Test(open, a_cpu_that_is_not_there_is_refused)
{
	struct weir_problem problem = {0};
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.group.cpus[0] = one_cpu(false);
	f.options.group.cpu_count = 1;
	cr_assert_eq(weir_open(&f.options, &f.pipeline, &problem), -EINVAL);
	cr_expect_not_null(strstr(problem.field, "group"), "%s", problem.field);
	cr_expect_not_null(strstr(problem.text, "CPU"), "%s", problem.text);
}

/* A pin of this thread is its own affair: it is the options that leave one CPU for two. */
static void ask_for_spinners(void)
{
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.log.wait = WEIR_WAIT_SPIN;
	f.options.log.cpus[0] = one_cpu(true);
	f.options.log.cpu_count = 1;
	f.options.group = f.options.log;
}

Test(open, more_spinners_than_cpus_are_degraded_and_it_says_so)
{
	struct weir_info info;
	ask_for_spinners();
	fixture_open(&f);
	fixture_info(&f, &info);
	uint32_t spinning = 0;
	for (uint32_t i = 0; i < info.thread_count; i++)
		spinning += info.threads[i].wait == WEIR_WAIT_SPIN;
	cr_expect_lt(spinning, 2);
	cr_expect_str_not_empty(info.thread_note);
}

Test(open, more_spinners_than_cpus_are_refused_if_threads_are_strict)
{
	struct weir_problem problem = {0};
	ask_for_spinners();
	f.options.strict_threads = true;
	cr_assert_eq(weir_open(&f.options, &f.pipeline, &problem), -EINVAL);
	cr_expect_str_not_empty(problem.field);
	cr_expect_str_not_empty(problem.text);
}

/* ---- info ---- */

Test(open, info_wants_to_know_how_large_it_is)
{
	struct weir_info info = {.struct_bytes = sizeof info - 8};
	struct weir_problem problem;
	fixture_begin(&f, FIXTURE_MEMORY);
	cr_expect_eq(weir_pipeline_info(f.pipeline, &info), -EINVAL);
	cr_expect_eq(weir_pipeline_problem(f.pipeline, &problem), 0);
}

Test(open, a_new_journal_says_that_it_was_created)
{
	struct weir_info info;
	fixture_begin(&f, FIXTURE_DURABLE);
	fixture_info(&f, &info);
	cr_expect(info.recovery.created);
	cr_expect_eq(info.epoch, 1);
	fixture_close(&f, NULL);
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_expect(!info.recovery.created);
	cr_expect(info.recovery.clean);
	cr_expect_eq(info.epoch, 2);
}

Test(open, a_struct_that_was_never_initialized_is_refused_and_no_struct_means_the_defaults)
{
	struct weir_topic_options topic = {.name = "t", .partitions = 1};
	struct weir_subscription_options subscription = {.name = "s", .session_timeout_ns = 1};
	struct weir_producer_options producer = {.name = "p"};
	struct weir_member_options member = {.name = "m"};
	struct weir_problem problem;
	struct weir_producer *p;
	struct weir_member *m;
	uint32_t id;

	fixture_begin(&f, FIXTURE_MEMORY);
	(void)fixture_topic(&f, "topic", 1);
	uint32_t s = fixture_subscription(&f, "sub", "topic");
#define REFUSED(call)                                                                              \
	do {                                                                                       \
		problem = (struct weir_problem){0};                                                \
		cr_expect_eq(call, -EINVAL);                                                       \
		cr_expect_str_eq(problem.field, "struct_bytes");                                   \
		cr_expect(strstr(problem.text, "_options_init()") != NULL, "%s", problem.text);    \
	} while (0)
	REFUSED(weir_topic_create(f.pipeline, &topic, &id, &problem));
	REFUSED(weir_subscription_create(f.pipeline, &subscription, &id, &problem));
	REFUSED(weir_producer_open(f.pipeline, &producer, &p, &problem));
	REFUSED(weir_member_join(f.pipeline, s, &member, &m, &problem));
	cr_assert_eq(weir_producer_open(f.pipeline, NULL, &p, &problem), 0);
	cr_assert_eq(weir_member_join(f.pipeline, s, NULL, &m, &problem), 0);
	cr_expect_eq(weir_member_leave(m, WEIR_FOREVER), 0);
	cr_expect_eq(weir_producer_close(p, WEIR_FOREVER), 0);
}

/* A slot is free again as soon as the call that gives it back has returned. */
static void come_and_go(int kind)
{
	fixture_init(&f, kind);
	f.options.producers_max = 1;
	f.options.members_max = 1;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "topic", 1);
	uint32_t s = fixture_subscription(&f, "sub", "topic");
	for (uint64_t i = 0; i < 200; i++) {
		struct weir_producer *p;
		struct weir_member *m;
		struct weir_event event = fixture_event(topic, NULL, &i);
		uint64_t ticket;
		cr_assert_eq(weir_producer_open(f.pipeline, NULL, &p, NULL), 0, "round %d", (int)i);
		cr_assert_eq(weir_publish(p, &event, &ticket), 0);
		cr_assert_eq(weir_member_join(f.pipeline, s, NULL, &m, NULL), 0, "round %d",
			     (int)i);
		cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
		cr_assert_eq(weir_producer_close(p, FIXTURE_LONG_NS), 0);
	}
}

Test(open, who_comes_right_after_one_who_left_gets_the_last_slot)
{
	come_and_go(FIXTURE_DURABLE);
}

Test(open, by_hand_too)
{
	come_and_go(FIXTURE_MEMORY | FIXTURE_MANUAL);
}
