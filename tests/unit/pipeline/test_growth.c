/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a topic grows, and every subscription still gets each key in order and each event once:
 * new partitions are handed to nobody before what came before them is settled; also for who joins,
 * is made, seeks or is opened later, over two growths in a row, and from disk. What cannot be is
 * refused, with the reason.
 *
 * Method: manual pipelines. Events carry a key and a number that counts within it; a reader checks
 * both for each item that it gets.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/capture.h"
#include "tests/support/pipeline_fixture.h"
#include "tools/weir/args.h"

#define KEYS 24u
#define MEMBERS 3u
#define ITEMS_MAX 4096u
#define MADE_WITH 2u
#define GROWS_TO 8u

static struct fixture f;
static uint32_t topic, id;
static struct weir_producer *producer;
static struct weir_problem problem;

static struct {
	struct weir_member *members[MEMBERS];
	uint64_t published[KEYS];
	uint64_t next[KEYS];              /* that is to come */
	uint64_t received, behind;        /* in all; in partitions that are new */
	struct weir_item held[ITEMS_MAX]; /* not acknowledged yet */
	uint32_t holder[ITEMS_MAX];
	uint32_t held_count;
} bed;

static uint32_t make_topic(uint32_t partitions, uint32_t partitions_max)
{
	struct weir_topic_options o;
	uint32_t made = UINT32_MAX;
	weir_topic_options_init(&o);
	o.name = "work";
	o.partitions = partitions;
	o.partitions_max = partitions_max;
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &made, &problem), 0, "%s", problem.text);
	return made;
}

static void begin(int kind)
{
	memset(&bed, 0, sizeof bed);
	fixture_begin(&f, kind | FIXTURE_MANUAL);
	topic = make_topic(MADE_WITH, GROWS_TO);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static void publish(uint32_t rounds)
{
	uint64_t ticket = 0;
	for (uint32_t i = 0; i < rounds; i++) {
		for (uint64_t key = 1; key <= KEYS; key++) {
			uint64_t number = bed.published[key - 1]++;
			struct weir_event event = fixture_event(topic, &key, &number);
			cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		}
	}
	fixture_wait(producer, ticket);
}

static void grow(uint32_t partitions)
{
	uint32_t now = 0;
	cr_assert_eq(weir_topic_grow(f.pipeline, topic, partitions, &problem), 0, "%s",
		     problem.text);
	cr_assert_eq(weir_topic_partitions(f.pipeline, topic, &now, NULL), 0);
	cr_assert_eq(now, partitions);
}

static void take(uint32_t m, const struct weir_item *item, bool ack)
{
	uint64_t key;
	cr_assert_eq(item->kind, WEIR_ITEM_EVENT);
	cr_assert_eq(item->key_bytes, sizeof key);
	memcpy(&key, item->key, sizeof key);
	cr_assert_eq(fixture_number(item), bed.next[key - 1], "key %llu in order, each once",
		     (unsigned long long)key);
	bed.next[key - 1]++;
	bed.received++;
	bed.behind += item->partition >= MADE_WITH;
	if (ack) {
		cr_assert_eq(weir_ack(bed.members[m], item), 0);
		return;
	}
	cr_assert_lt(bed.held_count, ITEMS_MAX);
	bed.holder[bed.held_count] = m;
	bed.held[bed.held_count++] = *item;
}

/* Until nobody is handed anything: how many came. */
static uint32_t poll_all(bool ack)
{
	struct weir_item items[64];
	uint32_t got = 0, idle = 0;
	while (idle < 30) {
		uint32_t before = got;
		for (uint32_t m = 0; m < MEMBERS; m++) {
			if (bed.members[m] == NULL)
				continue;
			int n = weir_poll(bed.members[m], items, 64, 1000000u);
			cr_assert_geq(n, 0);
			for (int i = 0; i < n; i++)
				take(m, &items[i], ack);
			got += (uint32_t)n;
		}
		idle = got == before ? idle + 1 : 0;
	}
	return got;
}

static void ack_held(void)
{
	for (uint32_t i = 0; i < bed.held_count; i++)
		cr_assert_eq(weir_ack(bed.members[bed.holder[i]], &bed.held[i]), 0);
	bed.held_count = 0;
}

static void expect_all(void)
{
	for (uint32_t k = 0; k < KEYS; k++)
		cr_expect_eq(bed.next[k], bed.published[k], "all of key %u", k + 1);
}

static void read_again(void)
{
	memset(bed.next, 0, sizeof bed.next);
}

static uint64_t lag_of(uint32_t subscription)
{
	struct weir_lag lag = {0};
	for (uint32_t i = 0; i < 1000 && !lag.exact; i++) {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		cr_assert_eq(weir_lag(f.pipeline, subscription, &lag), 0);
	}
	cr_expect(lag.exact);
	return lag.events;
}

TestSuite(growth, .fini = teardown, .timeout = 60);

/* ---- what cannot be ---- */

Test(growth, what_cannot_be_is_refused_with_the_reason)
{
	begin(FIXTURE_DURABLE);
	const struct {
		uint32_t topic, partitions;
		int code;
		const char *text;
	} refused[] = {
		{topic, 1, -EINVAL, "never fewer"},
		{topic, 0, -EINVAL, "never fewer"},
		{topic, 3, -EINVAL, "a multiple"},
		{topic, 16, WEIR_E_FULL, "to grow to 8 partitions, not to 16"},
		{topic + 1, 4, WEIR_E_UNKNOWN_NAME, ""},
	};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		problem = (struct weir_problem){0};
		cr_expect_eq(weir_topic_grow(f.pipeline, refused[i].topic, refused[i].partitions,
					     &problem),
			     refused[i].code, "case %zu", i);
		cr_expect_eq(problem.code, refused[i].code);
		cr_expect(strstr(problem.text, refused[i].text) != NULL, "%s", problem.text);
	}
	struct weir_info before, after;
	fixture_info(&f, &before);
	cr_expect_eq(weir_topic_grow(f.pipeline, topic, MADE_WITH, &problem), 0,
		     "as many as it has");
	fixture_info(&f, &after);
	cr_expect_eq(after.visible_sequence, before.visible_sequence, "and nothing is written");
	uint32_t fixed = fixture_topic(&f, "fixed", 2);
	cr_expect_eq(weir_topic_grow(f.pipeline, fixed, 4, &problem), WEIR_E_FULL);
	cr_expect(strstr(problem.text, "without partitions_max") != NULL, "%s", problem.text);
}

Test(growth, a_topic_is_found_again_by_what_it_has_now)
{
	begin(FIXTURE_DURABLE);
	struct weir_topic_options o;
	uint32_t found = UINT32_MAX;
	const char *name;
	uint32_t count, most;
	grow(4);
	weir_topic_options_init(&o);
	o.name = "work";
	const struct {
		uint32_t partitions, partitions_max;
		int code;
	} asked[] = {
		{4, GROWS_TO, 0},       {4, 0, 0},       {2, GROWS_TO, WEIR_E_EXISTS},
		{4, 16, WEIR_E_EXISTS}, {8, 4, -EINVAL},
	};
	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
		o.partitions = asked[i].partitions;
		o.partitions_max = asked[i].partitions_max;
		cr_expect_eq(weir_topic_create(f.pipeline, &o, &found, &problem), asked[i].code,
			     "case %zu: %s", i, problem.text);
	}
	cr_expect_eq(found, topic);
	cr_expect_eq(weir_topic_info(f.pipeline, topic, &name, &count), 0);
	cr_expect_eq(count, 4);
	cr_expect_eq(weir_topic_partitions(f.pipeline, topic, &count, &most), 0);
	cr_expect(count == 4 && most == GROWS_TO);
	cr_expect_eq(weir_topic_partitions(f.pipeline, topic + 1, &count, &most),
		     WEIR_E_UNKNOWN_NAME);
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_subscription_partition of;
	cr_assert_eq(weir_subscription_info(f.pipeline, id, &info), 0);
	cr_expect_eq(info.partition_count, 4);
	cr_expect_eq(weir_subscription_partition(f.pipeline, id, 3, &of), 0);
	cr_expect_eq(of.partition, 3);
	cr_expect_eq(weir_subscription_partition(f.pipeline, id, 4, &of), WEIR_E_UNKNOWN_NAME);
}

Test(growth, an_event_that_names_a_partition_can_name_a_new_one_once_it_is_there)
{
	begin(FIXTURE_DURABLE);
	uint64_t key = 1, number = 0, ticket;
	struct weir_event event = fixture_event(topic, &key, &number);
	event.partition_set = true;
	event.partition = 3;
	cr_expect_eq(weir_publish(producer, &event, &ticket), -EINVAL);
	grow(4);
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
	bed.members[0] = fixture_member(&f, id, NULL);
	bed.published[0] = 1;
	cr_expect_eq(poll_all(true), 1);
	cr_expect_eq(bed.behind, 1);
}

/* ---- the drain ---- */

static void new_partitions_wait(int kind, uint32_t members)
{
	begin(kind);
	for (uint32_t m = 0; m < members; m++)
		bed.members[m] = fixture_member(&f, id, NULL);
	publish(5);
	grow(4);
	publish(5);
	uint32_t got = poll_all(false);
	cr_expect_geq(got, 5 * KEYS, "what lies before");
	cr_expect_lt(got, 10 * KEYS);
	cr_expect_eq(bed.behind, 0, "nothing of the new partitions");
	ack_held();
	cr_expect_eq(got + poll_all(true), 10 * KEYS, "all of it");
	cr_expect_gt(bed.behind, 0);
	expect_all();
	cr_expect_eq(lag_of(id), 0);
}

Test(growth, new_partitions_wait_for_what_came_before)
{
	new_partitions_wait(FIXTURE_DURABLE, 1);
}

Test(growth, new_partitions_wait_in_a_log_in_memory)
{
	new_partitions_wait(FIXTURE_MEMORY, 1);
}

Test(growth, new_partitions_wait_whoever_has_the_old_ones)
{
	new_partitions_wait(FIXTURE_DURABLE, 3);
}

Test(growth, two_growths_before_the_first_is_drained)
{
	begin(FIXTURE_DURABLE);
	bed.members[0] = fixture_member(&f, id, NULL);
	bed.members[1] = fixture_member(&f, id, NULL);
	publish(3);
	grow(4);
	publish(3);
	grow(8);
	publish(3);
	(void)poll_all(false);
	cr_expect_eq(bed.behind, 0);
	bed.members[2] = fixture_member(&f, id, NULL);
	ack_held();
	(void)poll_all(true);
	expect_all();
	cr_expect_eq(lag_of(id), 0);
}

Test(growth, an_idle_partition_holds_no_new_one_up)
{
	begin(FIXTURE_DURABLE);
	bed.members[0] = fixture_member(&f, id, NULL);
	(void)poll_all(true);
	grow(8);
	publish(2);
	(void)poll_all(true);
	expect_all();
	cr_expect(fixture_owns(bed.members[0], 8));
}

/* ---- later ---- */

Test(growth, who_reads_from_the_beginning_later_waits_as_well)
{
	begin(FIXTURE_DURABLE);
	publish(3);
	grow(4);
	publish(3);
	grow(8);
	publish(3);
	id = fixture_subscription(&f, "late", "work");
	cr_expect_eq(lag_of(id), 9 * KEYS);
	bed.members[0] = fixture_member(&f, id, NULL);
	bed.members[1] = fixture_member(&f, id, NULL);
	(void)poll_all(false);
	cr_expect_eq(bed.behind, 0);
	ack_held();
	(void)poll_all(true);
	expect_all();
}

static void seek_to_the_oldest(uint32_t members)
{
	begin(FIXTURE_DURABLE);
	for (uint32_t m = 0; m < members; m++)
		bed.members[m] = fixture_member(&f, id, NULL);
	publish(3);
	grow(4);
	publish(3);
	(void)poll_all(true);
	expect_all();
	cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS,
					    &problem),
		     0, "%s", problem.text);
	read_again();
	bed.behind = 0;
	(void)poll_all(false);
	cr_expect_eq(bed.behind, 0, "the gate is shut again");
	ack_held();
	(void)poll_all(true);
	expect_all();
	cr_expect_eq(lag_of(id), 0);
}

Test(growth, a_seek_to_before_it_shuts_the_new_partitions)
{
	seek_to_the_oldest(1);
}

Test(growth, a_seek_of_a_group_of_three)
{
	seek_to_the_oldest(3);
}

static void reopen(void)
{
	memset(bed.members, 0, sizeof bed.members);
	fixture_close(&f, NULL);
	fixture_open(&f);
	cr_assert_eq(weir_topic_find(f.pipeline, "work", &topic), 0);
	cr_assert_eq(weir_subscription_find(f.pipeline, "reader", &id), 0);
	producer = fixture_producer(&f, NULL);
}

Test(growth, an_open_knows_where_the_topic_grew)
{
	begin(FIXTURE_DURABLE);
	publish(3);
	grow(4);
	publish(3);
	uint32_t count = 0;
	for (uint32_t i = 0; i < 3; i++) {
		reopen();
		cr_assert_eq(weir_topic_partitions(f.pipeline, topic, &count, NULL), 0);
		cr_assert_eq(count, 4);
	}
	grow(8);
	publish(3);
	reopen();
	bed.members[0] = fixture_member(&f, id, NULL);
	(void)poll_all(false);
	cr_expect_eq(bed.behind, 0);
	ack_held();
	(void)poll_all(true);
	expect_all();
	cr_expect_eq(lag_of(id), 0);
}

/* So much that the beginning is on disk only, and checkpoints are written. */
Test(growth, from_disk_each_event_lies_where_it_was_put)
{
	begin(FIXTURE_DURABLE);
	publish(200);
	grow(4);
	publish(200);
	grow(8);
	publish(200);
	bed.members[0] = fixture_member(&f, id, NULL);
	(void)poll_all(true);
	expect_all();
	cr_expect_eq(bed.received, 600 * KEYS);
	cr_expect_eq(lag_of(id), 0);
}

Test(growth, a_replay_of_one_key_finds_it_in_all_its_partitions)
{
	begin(FIXTURE_DURABLE);
	publish(3);
	grow(4);
	publish(3);
	grow(8);
	publish(3);
	for (uint64_t key = 1; key <= KEYS; key++) {
		struct weir_replay_options o;
		struct weir_replay *replay;
		struct weir_item items[16];
		uint64_t number = 0;
		weir_replay_options_init(&o);
		o.key = &key;
		o.key_bytes = sizeof key;
		cr_assert_eq(weir_replay_open(f.pipeline, &o, &replay, &problem), 0, "%s",
			     problem.text);
		int n;
		while ((n = weir_replay_next(replay, items, 16, FIXTURE_LONG_NS)) > 0)
			for (int i = 0; i < n; i++)
				cr_expect_eq(fixture_number(&items[i]), number++);
		cr_expect_eq(number, 9, "all of key %llu: %d", (unsigned long long)key, n);
		weir_replay_close(replay);
	}
}

/* ---- the command ---- */

Test(growth, the_command_says_how_many_there_are_and_makes_more)
{
	static struct capture c;
	begin(FIXTURE_DURABLE);
	publish(2);
	fixture_close(&f, NULL);
	CAPTURE(&c, cmd_topic, "topic", "ls", f.dir);
	cr_expect_eq(c.exit_code, 0);
	cr_expect_str_eq(c.out, "work: 2 partitions, up to 8\n");
	CAPTURE(&c, cmd_topic, "topic", "grow", f.dir, "work", "4");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_str_eq(c.out, "work: 4 partitions, up to 8\n");
	CAPTURE(&c, cmd_topic, "topic", "grow", f.dir, "work", "8", "--json");
	cr_expect(capture_has(c.out, "\"partitions\": 8") &&
			  capture_has(c.out, "\"partitions_max\": 8"),
		  "%s", c.out);
	const struct {
		const char *topic, *partitions, *says;
		int exit_code;
	} refused[] = {{"work", "4", "never fewer", CLI_EXIT_USAGE},
		       {"work", "16", "to grow to 8", CLI_EXIT_FAILED},
		       {"none", "16", "no topic \"none\"", CLI_EXIT_NOT_FOUND},
		       {"work", "0", "PARTITIONS", CLI_EXIT_USAGE},
		       {"work", "many", "PARTITIONS", CLI_EXIT_USAGE}};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		CAPTURE(&c, cmd_topic, "topic", "grow", f.dir, refused[i].topic,
			refused[i].partitions);
		cr_expect_eq(c.exit_code, refused[i].exit_code, "%zu: %d", i, c.exit_code);
		cr_expect(capture_has(c.err, refused[i].says), "%zu: %s", i, c.err);
	}
	CAPTURE(&c, cmd_journal, "journal", "dump", f.dir, "--control");
	cr_expect(capture_has(c.out, "topic 0, 4 partitions") &&
			  capture_has(c.out, "topic 0, 8 partitions"),
		  "%s", c.out);
	fixture_open(&f);
	cr_assert_eq(weir_subscription_find(f.pipeline, "reader", &id), 0);
	bed.members[0] = fixture_member(&f, id, NULL);
	cr_expect_eq(poll_all(true), 2 * KEYS);
	expect_all();
}

/* ---- queues ---- */

Test(growth, a_queue_goes_on_in_the_order_of_keys)
{
	begin(FIXTURE_DURABLE);
	struct weir_subscription_options o;
	const char *name = "work";
	weir_subscription_options_init(&o);
	o.name = "queue";
	o.topics = &name;
	o.topic_count = 1;
	o.order = WEIR_ORDER_KEY;
	o.start = WEIR_START_OLDEST;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0, "%s",
		     problem.text);
	publish(3);
	grow(4);
	publish(3);
	cr_expect_eq(lag_of(id), 6 * KEYS);
	bed.members[0] = fixture_member(&f, id, NULL);
	bed.members[1] = fixture_member(&f, id, NULL);
	(void)poll_all(true);
	expect_all();
	cr_expect_eq(lag_of(id), 0);
}
