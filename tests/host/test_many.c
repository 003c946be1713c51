/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a process may have several pipelines at once, on both backends, and open and close them a
 *         thousand times: nothing is mixed up and nothing is left.
 * Method: two journals and two logs in memory, written and read by turns. A thousand lives of a log
 *         in memory and many of a journal, with everything used that open reserves and more:
 *         descriptors, threads, mappings, what the allocator gave, and resident memory are the same
 *         at the end as after the first lives. Under AddressSanitizer LeakSanitizer looks, too.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/base/sanitizer.h"
#include "tests/host/look.h"
#include "tests/support/pipeline_fixture.h"

#define LIVES 1000u
#define FIRST_LIVES 100u
#define JOURNAL_LIVES 60u
#define GROWTH_BYTES_MAX (2u << 20)

static struct fixture f;
static struct fixture all[4];

static void teardown(void)
{
	fixture_end(&f);
}

static void end_all(void)
{
	for (int i = 0; i < 4; i++)
		fixture_end(&all[i]);
}

/* ---- several ---- */

TestSuite(several, .fini = end_all, .timeout = 60);

Test(several, pipelines_of_both_backends_and_in_memory_know_nothing_of_each_other)
{
	static const char *const backends[] = {"posix", "io_uring", "memory", "memory"};
	bool has_uring = fixture_has_uring();
	uint32_t topics[4], ids[4];
	struct weir_producer *producers[4];
	struct weir_member *members[4];
	struct weir_item item;
	for (int i = 0; i < 4; i++) {
		struct weir_info info;
		fixture_init(&all[i], i < 2 ? FIXTURE_DURABLE : FIXTURE_MEMORY);
		all[i].options.io = i == 1 && has_uring ? WEIR_IO_URING : WEIR_IO_POSIX;
		fixture_open(&all[i]);
		fixture_info(&all[i], &info);
		if (i != 1 || has_uring)
			cr_expect_str_eq(info.backend, backends[i]);
		topics[i] = fixture_topic(&all[i], "work", 1);
		ids[i] = fixture_subscription(&all[i], "reader", "work");
		producers[i] = fixture_producer(&all[i], "source");
		members[i] = fixture_member(&all[i], ids[i], NULL);
	}
	for (uint64_t n = 0; n < 200; n++)
		for (uint64_t i = 0; i < 4; i++) {
			uint64_t number = n * 10 + i;
			(void)fixture_publish(producers[i], topics[i], number, number + 1);
		}
	/* One ends; the others are not asked. */
	cr_assert_eq(weir_member_leave(members[2], FIXTURE_LONG_NS), 0);
	fixture_close(&all[2], NULL);
	for (uint64_t n = 0; n < 200; n++)
		for (uint64_t i = 0; i < 4; i++) {
			if (i == 2)
				continue;
			cr_assert_eq(fixture_poll(members[i], &item, 1, 1, true), 1);
			cr_assert_eq(fixture_number(&item), n * 10 + i);
		}
	struct weir_problem problem = {0};
	struct weir_pipeline *second = NULL;
	cr_expect_eq(weir_open(&all[0].options, &second, &problem), WEIR_E_LOCKED);
}

/* ---- a thousand times ---- */

TestSuite(thousand, .fini = teardown, .timeout = 900);

static uint64_t resident_bytes(void)
{
	uint64_t pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");
	if (statm == NULL || fscanf(statm, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	if (statm != NULL)
		(void)fclose(statm);
	return pages * 4096;
}

struct counted {
	int64_t live_count;
};

static void *counted_alloc(void *context, size_t bytes, size_t align)
{
	struct counted *c = context;
	void *p = NULL;
	if (posix_memalign(&p, align < sizeof p ? sizeof p : align, bytes) != 0)
		return NULL;
	c->live_count++;
	return p;
}

static void counted_free(void *context, void *p, size_t bytes)
{
	struct counted *c = context;
	(void)bytes;
	c->live_count -= p != NULL;
	free(p);
}

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	return WEIR_HANDLED_OK;
}

/* Opened, used by every door that takes something, and closed with much of it still open. */
static void one_life(uint32_t life)
{
	struct weir_member_options o;
	struct weir_member *handled;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "work", 1);
	uint32_t id = fixture_subscription(&f, "reader", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_producer *named = fixture_producer(&f, "source");
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert_geq(weir_member_eventfd(member), 0);
	cr_assert_geq(weir_producer_eventfd(producer), 0);
	weir_member_options_init(&o);
	o.handler = handle;
	if (life % 4 == 0) {
		uint32_t other = fixture_subscription(&f, "handled", "work");
		cr_assert_eq(weir_member_join(f.pipeline, other, &o, &handled, NULL), 0);
	}
	(void)fixture_publish(named, topic, 0, 2);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	if (life % 2 == 0)
		cr_assert_eq(fixture_poll(member, NULL, 0, 1, true), 1);
	struct weir_close_report report;
	int rc = weir_close(f.pipeline, life % 3 == 0 ? WEIR_CLOSE_ABORT : WEIR_CLOSE_DRAIN,
			    FIXTURE_LONG_NS, &report);
	f.pipeline = NULL;
	cr_assert_eq(rc, 0);
	cr_assert_eq(report.borrowed_members, 0, "life %u", life);
}

static void many_lives(int kind, uint32_t first, uint32_t lives)
{
	static struct counted counted;
	fixture_init(&f, kind);
	f.options.retention_bytes = 1u << 20;
	f.options.allocator = (struct weir_allocator){
		.alloc = counted_alloc, .free = counted_free, .context = &counted};
	uint32_t life = 0;
	while (life < first)
		one_life(life++);
	struct look before = look_now();
	uint64_t resident = resident_bytes();
	while (life < lives)
		one_life(life++);
	struct look after = look_now();
	cr_expect(look_same(&before, &after, "lives"));
	cr_expect_eq(counted.live_count, 0);
#if !WR_UNDER_ASAN && !WR_UNDER_TSAN
	uint64_t grown = resident_bytes() > resident ? resident_bytes() - resident : 0;
	/* An emulator keeps what it has translated. */
	cr_expect(grown < GROWTH_BYTES_MAX || fixture_emulated(),
		  "resident memory grew by %" PRIu64 " bytes", grown);
#else
	(void)resident; /* a quarantine grows as it likes; leaks are looked for at the end */
#endif
}

Test(thousand, lives_of_a_log_in_memory)
{
	many_lives(FIXTURE_MEMORY, FIRST_LIVES, fixture_emulated() ? LIVES / 4 : LIVES);
}

/* Each syncs some twenty times: a thousand take minutes, and are run with WEIR_TEST_LIVES=1000. */
Test(thousand, lives_of_a_journal)
{
	const char *wanted = getenv("WEIR_TEST_LIVES");
	uint32_t lives = wanted != NULL ? (uint32_t)strtoul(wanted, NULL, 10) : JOURNAL_LIVES;
	many_lives(FIXTURE_DURABLE, JOURNAL_LIVES / 3, lives);
}
