/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   damage below the checkpoint, which no open looks at, is told to whom reads on to it, with
 *         its range, and never passed over (P3): by the poll, and where nobody polls, by log_fn,
 *         once. What lies before it is delivered, what lies behind it is not.
 * Method: a log of many segments is closed, one batch of an early segment is damaged, and two
 *         groups read from the oldest event on: one polls, one has a handler.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 60000u
#define DAMAGED 9000u /* the number of an event in the batch that is damaged */
#define WATCH_NS 2200000000u

static struct fixture f;
static uint64_t damaged_first, damaged_end; /* sequences of that batch's events */
static uint64_t damaged_segment, damaged_offset;
static char damaged_file[64];
static wr_atomic_u32 told_count;
static char told_text[256];

static void on_log(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (strstr(line->message, "damaged") == NULL)
		return;
	(void)snprintf(told_text, sizeof told_text, "%s", line->message);
	(void)wr_add_acq_rel(&told_count, 1u);
}

static int find_batch(void *context, const struct weir_journal_event *event)
{
	(void)context;
	if (!event->control && fixture_number(&event->item) == DAMAGED) {
		damaged_segment = event->segment_id;
		damaged_offset = event->batch_offset;
	}
	return 0;
}

static int bound_batch(void *context, const struct weir_journal_event *event)
{
	(void)context;
	if (event->segment_id != damaged_segment || event->batch_offset != damaged_offset)
		return 0;
	if (damaged_first == 0)
		damaged_first = event->item.sequence;
	damaged_end = event->item.sequence + 1;
	return 0;
}

static int find_file(void *context, const struct weir_journal_segment *segment)
{
	(void)context;
	if (segment->segment_id == damaged_segment)
		(void)snprintf(damaged_file, sizeof damaged_file, "%s", segment->file);
	return 0;
}

static void damage(void)
{
	struct weir_journal_visitor visitor;
	char path[TEST_PATH_BYTES + 80];
	uint8_t byte = 0;
	weir_journal_visitor_init(&visitor);
	visitor.event = find_batch;
	cr_assert_eq(weir_journal_inspect(f.dir, &visitor, NULL, NULL), 0);
	visitor.event = bound_batch;
	visitor.control = true;
	visitor.segment = find_file;
	cr_assert_eq(weir_journal_inspect(f.dir, &visitor, NULL, NULL), 0);
	cr_assert_gt(damaged_first, 1);
	(void)snprintf(path, sizeof path, "%s/%s", f.dir, damaged_file);
	int fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0, "%s", path);
	off_t at = (off_t)damaged_offset + 300;
	cr_assert_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

static uint32_t subscribe(const char *name)
{
	return fixture_subscription(&f, name, "orders");
}

static void setup(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.pool_bytes = 1;
	f.options.checkpoint_bytes = 1; /* as often as it may be */
	f.options.log_fn = on_log;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, EVENTS));
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
	fixture_close(&f, NULL);
	damage();
	fixture_open(&f);
}

static void teardown(void)
{
	fixture_end(&f);
}

/* That of the record before the damage: it is known, and not looked for for ever. */
static void expect_age(uint32_t id)
{
	struct weir_lag lag = {0};
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		fixture_sleep_ns(1000000);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	} while ((!lag.time_exact || lag.time_ns == 0) && fixture_now_ns() < until);
	cr_expect(lag.time_exact);
	cr_expect_gt(lag.events, 0);
	cr_expect_gt(lag.time_ns, 0);
}

TestSuite(damage, .init = setup, .fini = teardown, .timeout = 60);

Test(damage, who_polls_gets_all_before_it_then_the_error_each_time)
{
	struct weir_member *member = fixture_member(&f, subscribe("polled"), NULL);
	struct weir_item items[256];
	struct weir_problem problem;
	char range[80];
	uint64_t last = 0;
	int count, errors = 0;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (errors < 3 && fixture_now_ns() < until) {
		count = weir_poll(member, items, 256, 1000000000u);
		for (int i = 0; i < count; i++) {
			cr_assert_eq(items[i].kind, WEIR_ITEM_EVENT);
			last = items[i].sequence;
		}
		(void)weir_ack_all(member);
		cr_assert(count >= 0 || count == WEIR_E_CORRUPT, "%s", weir_error_name(count));
		errors += count == WEIR_E_CORRUPT;
	}
	cr_expect_eq(errors, 3);
	cr_expect_lt(last, damaged_first);
	cr_expect_geq(last + 2, damaged_first, "%lu, %lu", last, damaged_first);
	weir_member_problem(member, &problem);
	(void)snprintf(range, sizeof range, "%llu to %llu", (unsigned long long)damaged_first,
		       (unsigned long long)(damaged_end - 1));
	cr_expect_neq(strstr(problem.text, range), NULL, "%s, not: %s", range, problem.text);
	uint32_t id = subscribe("polled");
	expect_age(id);
	/* Behind it all is well. */
	cr_expect_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_SEQUENCE, damaged_end,
					    FIXTURE_LONG_NS, NULL),
		     0);
	uint32_t rest = 0;
	while (rest < EVENTS && (count = weir_poll(member, items, 256, 1000000000u)) > 0) {
		cr_assert_geq(items[0].sequence, damaged_end);
		rest += (uint32_t)count;
	}
	cr_expect_eq(count, 0, "%s", weir_error_name(count));
	cr_expect_gt(rest, EVENTS / 2);
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

/* Also who joins behind it, and finds nothing to do. */
Test(damage, members_of_a_queue_are_told_each_time)
{
	static const char *const topics[] = {"orders"};
	struct weir_subscription_options o;
	struct weir_item items[256];
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = "queue";
	o.topics = topics;
	o.topic_count = 1;
	o.order = WEIR_ORDER_NONE;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	for (uint32_t m = 0; m < 2; m++) {
		struct weir_member *member = fixture_member(&f, id, NULL);
		struct weir_problem problem;
		uint64_t last = 0, until = fixture_now_ns() + FIXTURE_LONG_NS;
		int errors = 0;
		while (errors < 3 && fixture_now_ns() < until) {
			int count = weir_poll(member, items, 256, 1000000000u);
			cr_assert(count >= 0 || count == WEIR_E_CORRUPT, "%s",
				  weir_error_name(count));
			for (int i = 0; i < count; i++)
				last = items[i].sequence;
			(void)weir_ack_all(member);
			errors += count == WEIR_E_CORRUPT;
		}
		cr_expect_eq(errors, 3, "member %u", m);
		cr_expect_lt(last, damaged_first);
		weir_member_problem(member, &problem);
		cr_expect_eq(problem.code, WEIR_E_CORRUPT);
	}
}

static wr_atomic_u64 handled_last;

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	(void)context;
	(void)member;
	wr_store_release(&handled_last, item->sequence);
	return WEIR_HANDLED_OK;
}

Test(damage, with_a_handler_log_fn_is_told_once)
{
	struct weir_member_options o;
	struct weir_member *member = NULL;
	weir_member_options_init(&o);
	o.handler = handle;
	cr_assert_eq(weir_member_join(f.pipeline, subscribe("handled"), &o, &member, NULL), 0);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_acquire(&told_count) == 0 && fixture_now_ns() < until)
		fixture_sleep_ns(1000000u);
	cr_assert_eq(wr_load_acquire(&told_count), 1);
	cr_expect_neq(strstr(told_text, "damaged"), NULL);
	/* It is tried again now and then, says nothing new, and passes nothing over. */
	fixture_sleep_ns(WATCH_NS);
	cr_expect_eq(wr_load_acquire(&told_count), 1);
	cr_expect_lt(wr_load_acquire(&handled_last), damaged_first);
	uint32_t id = subscribe("handled");
	cr_expect_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_SEQUENCE, damaged_end,
					    FIXTURE_LONG_NS, NULL),
		     0);
	until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_acquire(&handled_last) < EVENTS && fixture_now_ns() < until)
		fixture_sleep_ns(1000000u);
	cr_expect_geq(wr_load_acquire(&handled_last), EVENTS, "a seek moves it over the damage");
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

Test(damage, a_replay_hands_out_all_before_it_then_the_error_each_time)
{
	struct weir_replay_options o;
	struct weir_replay *replay;
	struct weir_item items[256];
	struct weir_problem why = {0};
	uint64_t expected = 0;
	int count;
	weir_replay_options_init(&o);
	cr_assert_eq(weir_replay_open(f.pipeline, &o, &replay, NULL), 0);
	while ((count = weir_replay_next(replay, items, 256, FIXTURE_LONG_NS)) > 0)
		for (int i = 0; i < count; i++)
			cr_assert_eq(fixture_number(&items[i]), expected++);
	cr_assert_eq(count, WEIR_E_CORRUPT);
	cr_assert_eq(weir_replay_next(replay, items, 256, FIXTURE_LONG_NS), WEIR_E_CORRUPT);
	weir_replay_problem(replay, &why);
	cr_assert(strstr(why.text, "damaged") != NULL, "%s", why.text);
	weir_replay_close(replay);
	cr_assert_lt(expected, DAMAGED + 1);
	/* What lies behind it is there for who begins behind it. */
	o.from_sequence = damaged_end;
	cr_assert_eq(weir_replay_open(f.pipeline, &o, &replay, NULL), 0);
	cr_assert_gt(weir_replay_next(replay, items, 256, FIXTURE_LONG_NS), 0);
	cr_assert_gt(fixture_number(&items[0]), DAMAGED);
	weir_replay_close(replay);
}
