/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: in a topic that is compacted the newest event of each key stays, and what has no key; what
 * is older goes, tombstones go in their time; nothing goes that a subscription has still to read,
 * or that is younger than the lag; other topics lose nothing; lag counts what there is; and all of
 * it is so after a restart, also where a pass cannot hold all keys. Rules: L30, L31, L34.
 *
 * Method: a pipeline with a journal of small segments and its own threads; what stays is read by a
 * subscription that begins at the oldest, and by a walk through the files.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define NUMBERS_MAX 20000u

static struct fixture f;
static uint32_t states, others, fillers;
static struct weir_producer *producer;
static uint64_t keys[NUMBERS_MAX], numbers[NUMBERS_MAX], published;

static uint32_t create(const char *name, bool compact, uint64_t lag_ns, uint64_t tombstone_ns)
{
	struct weir_topic_options o;
	uint32_t topic;

	weir_topic_options_init(&o);
	o.name = name;
	o.partitions = 2;
	o.compact = compact;
	o.compact_lag_ns = lag_ns;
	o.tombstone_ns = tombstone_ns;
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &topic, NULL), 0);
	return topic;
}

static void open_topics(uint64_t lag_ns, uint64_t tombstone_ns)
{
	fixture_open(&f);
	states = create("states", true, lag_ns, tombstone_ns);
	others = create("others", false, 0, 0);
	fillers = create("fillers", false, 0, 0);
	producer = fixture_producer(&f, NULL);
}

static void begin(uint64_t lag_ns, uint64_t tombstone_ns)
{
	fixture_init(&f, FIXTURE_DURABLE);
	fixture_small_segments(&f);
	f.options.compaction_keys = 1024;
	published = 0;
	open_topics(lag_ns, tombstone_ns);
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(compaction, .fini = teardown, .timeout = 150);

/* An event of a key, 0: of none; without a payload if `ends`. */
static uint64_t publish(uint32_t topic, uint64_t key, bool ends)
{
	uint64_t at = published++, ticket;

	keys[at] = key;
	numbers[at] = at;
	struct weir_event event = fixture_event(topic, key != 0 ? &keys[at] : NULL, &numbers[at]);
	if (ends) {
		event.payload = NULL;
		event.payload_bytes = 0;
	}
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

/* So many rounds over the keys 1 .. count, with events of the other topic, and without a key. */
static void publish_rounds(uint32_t rounds, uint64_t count)
{
	uint64_t ticket = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		for (uint64_t key = 1; key <= count; key++)
			ticket = publish(states, key, false);
		(void)publish(others, 100000 + i % 3, false);
		ticket = publish(states, 0, false);
	}
	fixture_wait(producer, ticket);
}

static struct weir_info info(void)
{
	struct weir_info i;

	fixture_info(&f, &i);
	return i;
}

/* Until so many events have left in all, or a while is over. */
static uint64_t wait_for(uint64_t count, uint64_t most_ns)
{
	uint64_t end_ns = fixture_now_ns() + most_ns;

	while (info().left_out_events < count && fixture_now_ns() < end_ns)
		fixture_sleep_ns(20000000);
	return info().left_out_events;
}

static uint64_t wait_for_left_out(uint64_t count)
{
	return wait_for(count, 3 * FIXTURE_LONG_NS); /* it rests between its turns */
}

/* --- what there is ---------------------------------------------------------------------------- */

struct found {
	uint64_t states, others, keyless, tombstones;
	uint64_t newest[NUMBERS_MAX]; /* of a key: number + 1 */
	bool is_there[NUMBERS_MAX];
};
static struct found found;

/* All that a new subscription gets, which has to be as many as its lag says. */
static void read_all(const char *name)
{
	const char *topics[] = {"states", "others"};
	struct weir_subscription_options o;
	struct weir_item items[64];
	struct weir_lag lag;
	uint64_t last[4] = {0}, count = 0;
	uint32_t id;

	memset(&found, 0, sizeof found);
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = topics;
	o.topic_count = 2;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	do
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	while (!lag.exact && (fixture_sleep_ns(1000000), true));
	struct weir_member *member = fixture_member(&f, id, "reader");
	while (count < lag.events) {
		int n = weir_poll(member, items, 64, FIXTURE_LONG_NS);
		cr_assert_gt(n, 0);
		for (int i = 0; i < n; i++, count++) {
			const struct weir_item *item = &items[i];
			bool is_state = item->topic == states;
			uint64_t row = 2 * is_state + item->partition;
			uint64_t key = 0, number = NUMBERS_MAX;
			cr_assert_eq(item->kind, WEIR_ITEM_EVENT);
			cr_assert_gt(item->sequence, last[row]);
			last[row] = item->sequence;
			if (item->key != NULL)
				memcpy(&key, item->key, sizeof key);
			if (item->payload != NULL) {
				number = fixture_number(item);
				cr_assert_lt(number, published);
				cr_assert_eq(keys[number], key);
				found.is_there[number] = true;
			}
			found.states += is_state;
			found.others += !is_state;
			found.keyless += is_state && key == 0;
			found.tombstones += item->payload == NULL;
			if (is_state)
				found.newest[key] = number + 1;
		}
		cr_assert_eq(weir_ack_all(member), 0);
	}
	cr_expect_eq(fixture_poll_rest(member), 0u);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	cr_expect_eq(lag.events, 0u);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

/* The superblock says that events may have been left out: its features, at offset 12. */
static void expect_told(void)
{
	char path[TEST_PATH_BYTES + 16];
	uint32_t features = 0;

	(void)snprintf(path, sizeof path, "%s/JOURNAL", f.dir);
	FILE *file = fopen(path, "rb");
	cr_assert_not_null(file);
	cr_assert_eq(fseek(file, 12, SEEK_SET), 0);
	cr_assert_eq(fread(&features, sizeof features, 1, file), 1u);
	(void)fclose(file);
	cr_expect_eq(features, 3u, "%u", features);
}

/* The files: whole, and as much left out as the pipeline says that it did, in all its lives. */
static void expect_left_out(uint64_t count)
{
	struct weir_journal_report report;

	cr_assert_eq(weir_journal_inspect(f.dir, NULL, &report, NULL), 0);
	cr_expect_eq(report.corrupt_count, 0u);
	cr_expect_eq(report.left_out_count, count, "%lu of %lu", report.left_out_count, count);
}

/* A snapshot that stands at an event of the first round. */
static int put_snapshot(void)
{
	struct weir_snapshot_options o;
	weir_snapshot_options_init(&o);
	o.name = "states";
	o.sequence = 20;
	return weir_snapshot_put(f.pipeline, &o, NULL);
}

/* It is good, although that event has left. */
static void expect_snapshot(void)
{
	struct weir_snapshot_query q;
	struct weir_snapshot s;
	weir_snapshot_query_init(&q);
	q.name = "states";
	cr_assert_eq(weir_snapshot_load(f.pipeline, &q, &s, NULL), 0, "%s", s.problem.text);
	cr_expect_eq(s.pos.sequence, 20u);
	weir_snapshot_free(f.pipeline, &s);
}

/* --- cases ------------------------------------------------------------------------------------ */

Test(compaction, the_newest_of_each_key_stays_and_all_else_too)
{
	begin(0, 3600ull * 1000000000);
	publish_rounds(50, 40);
	cr_expect_eq(put_snapshot(), 0);
	fixture_fill(producer, fillers, 1000);
	cr_expect_geq(wait_for_left_out(49 * 40), 49u * 40u);
	for (uint32_t life = 0; life < 2; life++) {
		read_all(life == 0 ? "first" : "second");
		cr_expect_eq(found.states, 40u + 50u, "%lu", found.states);
		cr_expect_eq(found.keyless, 50u);
		cr_expect_eq(found.others, 50u);
		for (uint64_t key = 1; key <= 40; key++) {
			uint64_t newest = found.newest[key] - 1;
			cr_assert_eq(keys[newest], key);
			for (uint64_t n = newest + 1; n < published; n++)
				cr_assert_neq(keys[n], key, "%lu", n);
		}
		expect_left_out(49 * 40);
		expect_told();
		expect_snapshot();
		if (life == 0) {
			cr_assert_eq(
				weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
			open_topics(0, 0);
		}
	}
}

Test(compaction, nothing_goes_that_a_subscription_has_still_to_read)
{
	begin(0, 3600ull * 1000000000);
	uint32_t slow = fixture_subscription(&f, "slow", "states");
	publish_rounds(50, 40);
	fixture_fill(producer, fillers, 1000);
	/* As long as it takes where nobody has still to read, and more. */
	cr_expect_eq(wait_for(1, 5000000000), 0u);
	/* It reads on, into another segment, and two checkpoints say so. */
	struct weir_member *member = fixture_member(&f, slow, "late");
	cr_assert_eq(fixture_poll(member, NULL, 0, 50 * 41, true), 50u * 41u);
	publish_rounds(1, 40);
	cr_assert_eq(fixture_poll(member, NULL, 0, 41, true), 41u);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	for (uint32_t i = 0; i < 3; i++)
		fixture_fill(producer, fillers, 1000);
	/* The last round may stand in the segment that it reads. */
	cr_expect_geq(wait_for_left_out(49 * 40), 49u * 40u);
}

Test(compaction, tombstones_go_and_what_they_hide_before_them)
{
	uint64_t ticket = 0;

	begin(0, 0);
	publish_rounds(10, 40);
	for (uint64_t key = 1; key <= 20; key++)
		ticket = publish(states, key, true);
	fixture_wait(producer, ticket);
	fixture_fill(producer, fillers, 1000);
	/* All of 1 .. 20, and their tombstones; of the others all but one each. */
	uint64_t wanted = 10 * 20 + 20 + 9 * 20;
	cr_expect_eq(wait_for_left_out(wanted), wanted);
	read_all("reader");
	cr_expect_eq(found.tombstones, 0u);
	cr_expect_eq(found.states, 20u + 10u);
	for (uint64_t key = 1; key <= 40; key++)
		cr_expect_eq(found.newest[key] != 0, key > 20, "key %lu", key);
}

/* Passes that saw the topic before noted none of its keys: its tombstones hide what is there. */
Test(compaction, a_topic_that_joins_late_loses_what_a_tombstone_hides_before_it)
{
	begin(0, 0);
	(void)publish(others, 7, false);
	(void)publish(others, 7, true);
	publish_rounds(10, 40);
	fixture_fill(producer, fillers, 1000);
	cr_expect_eq(wait_for_left_out(9 * 40), 9u * 40u);
	uint64_t end_ns = fixture_now_ns() + 3 * FIXTURE_LONG_NS;
	while (info().compactions == 0 && fixture_now_ns() < end_ns)
		fixture_sleep_ns(20000000);
	cr_assert_geq(info().compactions, 1u);
	cr_assert_eq(create("others", true, 0, 0), others);
	/* Of 7 both; of the three keys of the rounds all but the newest. */
	uint64_t wanted = 9 * 40 + 2 + 7;
	cr_expect_eq(wait_for_left_out(wanted), wanted);
	read_all("reader");
	cr_expect_eq(found.tombstones, 0u);
	cr_expect_eq(found.others, 3u);
	cr_expect_not(found.is_there[0]);
}

/* A segment's worth of `states`. */
#define SEGMENT_STATES 250u

/*
 * Until so many have left, or all but a segment's worth and no more come: one that would not become
 * smaller keeps what it has, and how batches lie there is luck.
 */
static uint64_t wait_for_most(uint64_t count)
{
	uint64_t now_ns = fixture_now_ns(), end_ns = now_ns + 3 * FIXTURE_LONG_NS;
	uint64_t left = 0, since_ns = now_ns;

	while (left < count && now_ns < end_ns &&
	       (left + SEGMENT_STATES < count || now_ns - since_ns < FIXTURE_LONG_NS / 3)) {
		fixture_sleep_ns(10000000);
		uint64_t before = left;
		left = info().left_out_events;
		now_ns = fixture_now_ns();
		since_ns = left != before ? now_ns : since_ns;
	}
	return left;
}

Test(compaction, more_keys_than_a_table_holds_take_more_passes)
{
	if (fixture_emulated()) /* its passes take minutes there */
		return;
	begin(0, 3600ull * 1000000000);
	publish_rounds(3, 2500);
	fixture_fill(producer, fillers, 1000);
	uint64_t left = wait_for_most(2 * 2500);
	cr_expect(left <= 2u * 2500u && left + SEGMENT_STATES >= 2u * 2500u, "%lu", left);
	cr_expect_gt(info().compactions, 2u);
	read_all("reader");
	cr_expect_eq(found.states, 2500u + 3u + (2u * 2500u - left), "%lu", found.states);
	for (uint64_t n = 2 * 2502; n < 2 * 2502 + 2500; n++)
		cr_assert(found.is_there[n], "%lu", n);
}

Test(compaction, what_is_younger_than_the_lag_stays)
{
	begin(3600ull * 1000000000, 0);
	publish_rounds(50, 40);
	fixture_fill(producer, fillers, 1000);
	fixture_sleep_ns(1500000000);
	cr_expect_eq(info().left_out_events, 0u);
}

Test(compaction, it_is_refused_where_it_cannot_be)
{
	struct weir_topic_options o;
	struct weir_problem problem = {0};
	struct weir_memory_plan plan;
	uint32_t topic;

	fixture_begin(&f, FIXTURE_DURABLE);
	weir_topic_options_init(&o);
	o.name = "states";
	o.compact = true;
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &topic, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "compact");
	cr_expect_eq(weir_topic_find(f.pipeline, "states", &topic), WEIR_E_UNKNOWN_NAME);
	fixture_close(&f, NULL);
	f.options.compaction_keys = 5000;
	cr_expect_eq(weir_memory_plan(&f.options, &plan, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "compaction_keys");
	f.options.pack = WEIR_PACK_PADDING;
	cr_expect_eq(weir_memory_plan(&f.options, &plan, &problem), 0);
	f.options.compaction_keys = 5;
	cr_expect_eq(weir_memory_plan(&f.options, &plan, &problem), -EINVAL);
	f.options.compaction_keys = 1024;
	fixture_open(&f);
	o.compact_lag_ns = UINT64_MAX;
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &topic, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "compact_lag_ns");
	o.compact_lag_ns = 0;
	o.tombstone_ns = UINT64_MAX;
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &topic, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "tombstone_ns");
	o.tombstone_ns = 1;
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &topic, &problem), 0);
}
