/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   through the public calls: a static member that restarts in time gets its partitions back
 *         and the others keep theirs under the same generation; one that does not loses them; a
 *         second one with its id fences it; and what the sticky assignor moves is only what a new
 *         member is to get.
 * Method: manual pipelines, polled by hand until the partitions are where they are to be;
 *         generations say what moved.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>

#include "core/base/atomic.h"
#include "tests/support/even_clock.h"
#include "tests/support/pipeline_fixture.h"

#define PARTITIONS 6u
#define MEMBERS_MAX 4u

static struct fixture f;
static uint32_t id;

static void begin(int kind, enum weir_assignor assignor, uint64_t session_timeout_ns)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options o;
	if ((kind & FIXTURE_MANUAL) != 0)
		even_clock_begin();
	fixture_begin(&f, kind);
	fixture_topic(&f, "work", PARTITIONS);
	weir_subscription_options_init(&o);
	o.name = "group";
	o.topics = topics;
	o.topic_count = 1;
	o.assignor = assignor;
	if (session_timeout_ns != 0)
		o.session_timeout_ns = session_timeout_ns;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
}

static void teardown(void)
{
	fixture_end(&f);
}

static struct weir_member *join(const char *name, const char *instance)
{
	struct weir_member_options o;
	struct weir_member *member = NULL;
	weir_member_options_init(&o);
	o.name = name;
	o.instance_id = instance;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	return member;
}

static int owned(struct weir_member *m)
{
	return weir_member_assignments(m, NULL, 0);
}

/* Polls all of them until each owns what it is to. */
static void settle(struct weir_member **members, const int *wanted, uint32_t count)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_item item;
	bool done = false;
	while (!done) {
		if (f.options.manual)
			cr_assert_geq(weir_step(f.pipeline, 1000), 0);
		done = true;
		for (uint32_t i = 0; i < count; i++) {
			cr_assert_geq(weir_poll(members[i], &item, 1, 0), 0);
			done = done && owned(members[i]) == wanted[i];
		}
		cr_assert(fixture_now_ns() < deadline, "it does not come to it");
	}
}

/* Generations of what a member owns, by partition; 0: not owned. */
static void generations(struct weir_member *m, uint32_t ret[PARTITIONS])
{
	struct weir_assignment a[PARTITIONS];
	memset(ret, 0, PARTITIONS * sizeof *ret);
	int count = weir_member_assignments(m, a, PARTITIONS);
	for (int i = 0; i < count; i++)
		ret[a[i].partition] = a[i].generation;
}

TestSuite(static_members, .fini = teardown, .timeout = 120);

Test(static_members, who_restarts_in_time_gets_his_partitions_back)
{
	uint32_t before[PARTITIONS], after[PARTITIONS], own[PARTITIONS], again[PARTITIONS];
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL, WEIR_ASSIGN_RANGE, 0);
	struct weir_member *m[2] = {join("x", "a"), join("x", "b")};
	settle(m, (const int[]){3, 3}, 2);
	generations(m[0], own);
	generations(m[1], before);
	cr_assert_eq(weir_member_leave(m[0], FIXTURE_LONG_NS), 0);
	/* Nobody gets them meanwhile. */
	for (int i = 0; i < 20; i++)
		settle(&m[1], (const int[]){3}, 1);
	m[0] = join("another name", "a");
	settle(m, (const int[]){3, 3}, 2);
	generations(m[0], again);
	generations(m[1], after);
	cr_expect_arr_eq(before, after, sizeof before);
	for (uint32_t p = 0; p < PARTITIONS; p++)
		cr_expect_eq(own[p] != 0, again[p] != 0, "partition %u", p);
}

Test(static_members, who_does_not_loses_them)
{
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL, WEIR_ASSIGN_RANGE, 50000000u);
	struct weir_member *m[2] = {join("x", "a"), join("x", "b")};
	settle(m, (const int[]){3, 3}, 2);
	cr_assert_eq(weir_member_leave(m[0], FIXTURE_LONG_NS), 0);
	settle(&m[1], (const int[]){PARTITIONS}, 1);
}

Test(static_members, a_second_one_fences_the_first)
{
	struct weir_item item;
	uint64_t number = 1;
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL, WEIR_ASSIGN_COOPERATIVE_STICKY, 0);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *first = join("x", "a"), *second;
	settle(&first, (const int[]){PARTITIONS}, 1);
	struct weir_event event = fixture_event(0, NULL, &number);
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	cr_assert_eq(fixture_poll(first, &item, 1, 1, false), 1);
	second = join("y", "a");
	struct weir_item mine = item;
	/* What it had in hand and did not acknowledge is handed out again. */
	cr_assert_eq(fixture_poll(second, &item, 1, 1, true), 1);
	cr_expect_eq(item.sequence, mine.sequence);
	cr_expect_eq(item.flags & WEIR_ITEM_REDELIVERED, WEIR_ITEM_REDELIVERED);
	settle(&second, (const int[]){PARTITIONS}, 1);
	cr_expect_eq(weir_poll(first, &item, 1, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_expect_eq(weir_poll(first, &item, 1, 0), WEIR_E_FENCED, "and stays so");
	cr_expect_eq(weir_ack(first, &mine), WEIR_E_FENCED);
	cr_expect_eq(owned(first), 0);
	cr_expect_eq(weir_member_leave(first, FIXTURE_LONG_NS), 0);
	settle(&second, (const int[]){PARTITIONS}, 1);
}

/* On a thread of its own, asleep in a poll without an end: it is woken. */
Test(static_members, a_sleeper_hears_of_it)
{
	struct weir_item item;
	begin(FIXTURE_DURABLE, WEIR_ASSIGN_RANGE, 0);
	struct weir_member *first = join("x", "a"), *second = join("y", "a");
	cr_expect_eq(weir_poll(first, &item, 1, WEIR_FOREVER), WEIR_E_FENCED);
	cr_expect(fixture_owns(second, PARTITIONS));
}

static wr_atomic_u64 handled[2];

static enum weir_handled note(void *context, struct weir_member *member,
			      const struct weir_item *item)
{
	(void)member;
	(void)item;
	(void)wr_add_seq(&handled[(uintptr_t)context], 1u);
	return WEIR_HANDLED_OK;
}

Test(static_members, a_fenced_handler_is_not_called_any_more)
{
	struct weir_member_options o;
	struct weir_member *first = NULL, *second = NULL;
	uint64_t number = 1;
	begin(FIXTURE_DURABLE, WEIR_ASSIGN_RANGE, 0);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_event event = fixture_event(0, NULL, &number);
	weir_member_options_init(&o);
	o.instance_id = "a";
	o.handler = note;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &first, NULL), 0);
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_seq(&handled[0]) == 0 && fixture_now_ns() < deadline)
		fixture_sleep_ns(1000000u);
	o.handler_context = (void *)(uintptr_t)1;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &second, NULL), 0);
	/* Partitions move one by one: until a round of all of them is the second one's alone. */
	bool alone = false;
	while (!alone && fixture_now_ns() < deadline) {
		uint64_t of_first = wr_load_seq(&handled[0]), of_second = wr_load_seq(&handled[1]);
		for (uint32_t p = 0; p < PARTITIONS; p++)
			cr_assert_eq(weir_publish(producer, &event, NULL), 0);
		while (wr_load_seq(&handled[0]) + wr_load_seq(&handled[1]) <
			       of_first + of_second + PARTITIONS &&
		       fixture_now_ns() < deadline)
			fixture_sleep_ns(1000000u);
		alone = wr_load_seq(&handled[0]) == of_first;
	}
	cr_expect(alone);
	cr_expect_eq(weir_member_leave(first, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_leave(second, FIXTURE_LONG_NS), 0);
}

Test(static_members, sticky_moves_only_what_the_new_one_gets)
{
	uint32_t before[2][PARTITIONS], after[PARTITIONS];
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL, WEIR_ASSIGN_COOPERATIVE_STICKY, 0);
	struct weir_member *m[3] = {join("a", NULL), join("b", NULL)};
	settle(m, (const int[]){3, 3}, 2);
	generations(m[0], before[0]);
	generations(m[1], before[1]);
	m[2] = join("c", NULL);
	settle(m, (const int[]){2, 2, 2}, 3);
	for (uint32_t i = 0; i < 2; i++) {
		generations(m[i], after);
		for (uint32_t p = 0; p < PARTITIONS; p++)
			cr_expect(after[p] == 0 || after[p] == before[i][p],
				  "partition %u of member %u moved", p, i);
	}
	/* One goes: what the others have they keep. */
	generations(m[2], before[0]);
	generations(m[1], before[1]);
	cr_assert_eq(weir_member_leave(m[0], FIXTURE_LONG_NS), 0);
	settle(&m[1], (const int[]){3, 3}, 2);
	generations(m[1], after);
	for (uint32_t p = 0; p < PARTITIONS; p++)
		cr_expect(before[1][p] == 0 || after[p] == before[1][p]);
	generations(m[2], after);
	for (uint32_t p = 0; p < PARTITIONS; p++)
		cr_expect(before[0][p] == 0 || after[p] == before[0][p]);
}

Test(static_members, what_is_no_id_and_no_assignor_is_refused)
{
	static const char *const topics[] = {"work"};
	struct weir_member_options o;
	struct weir_subscription_options s;
	struct weir_member *member = NULL;
	struct weir_problem problem = {0};
	uint32_t other;
	char text[65];
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL, WEIR_ASSIGN_ROUND_ROBIN, 0);
	memset(text, 'i', 64);
	text[64] = '\0';
	weir_member_options_init(&o);
	o.instance_id = text;
	cr_expect_eq(weir_member_join(f.pipeline, id, &o, &member, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "instance_id");
	o.instance_id = "";
	cr_expect_eq(weir_member_join(f.pipeline, id, &o, &member, &problem), -EINVAL);
	o.instance_id = text + 1;
	cr_expect_eq(weir_member_join(f.pipeline, id, &o, &member, &problem), 0);
	weir_subscription_options_init(&s);
	s.name = "other";
	s.topics = topics;
	s.topic_count = 1;
	s.assignor = (enum weir_assignor)3;
	cr_expect_eq(weir_subscription_create(f.pipeline, &s, &other, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "assignor");
}

/* A log in memory would lose what nobody reads: producers are held back for what is kept. */
Test(static_members, what_is_kept_holds_producers_back)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options s;
	struct weir_producer_options po;
	struct weir_producer *producer = NULL;
	struct weir_item item;
	uint64_t number = 0, published = 0;
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL, WEIR_ASSIGN_RANGE, 0);
	weir_subscription_options_init(&s);
	s.name = "all";
	s.topics = topics;
	s.topic_count = 1;
	s.when_slow = WEIR_SLOW_BLOCK;
	cr_assert_eq(weir_subscription_create(f.pipeline, &s, &id, NULL), 0);
	weir_producer_options_init(&po);
	po.when_full = WEIR_FULL_TRY;
	po.no_acks = true;
	cr_assert_eq(weir_producer_open(f.pipeline, &po, &producer, NULL), 0);
	struct weir_member *m = join("x", "a");
	settle(&m, (const int[]){PARTITIONS}, 1);
	cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
	/* Until nothing is taken for a while: lane and memory are full, and nobody reads. */
	for (uint32_t refused = 0; refused < 1000;) {
		struct weir_event event = fixture_event(0, NULL, &number);
		int rc = weir_publish(producer, &event, NULL);
		cr_assert(rc == 0 || rc == WEIR_E_AGAIN);
		published += rc == 0;
		refused = rc == 0 ? 0 : refused + 1;
		number += rc == 0;
		if (rc != 0)
			cr_assert_geq(weir_step(f.pipeline, 1000), 0);
		cr_assert_lt(published, 10000000, "nobody holds it back");
	}
	m = join("x", "a");
	cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1);
	cr_expect_eq(item.kind, WEIR_ITEM_EVENT);
	cr_expect_lt(fixture_number(&item), PARTITIONS, "the first of its partition");
}
