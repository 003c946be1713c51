/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a replay hands out exactly the events of its range that are asked for, in order, marked,
 *         from memory and from disk; what retention or the writer took from it is told as a gap; it
 *         keeps its pace, ends where the log ended, and changes nothing. Rules: L21-L23, L25, L26.
 * Method: one log of events whose numbers say their key, topic and event time, so that what has to
 *         come is computed beside each question; then single cases.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 12000u
#define KEYS 16u
#define PARTITIONS 4u
#define EVENT_TIME 1000000u /* of event 0; each comes 10 µs after the one before */

static struct fixture f;
static struct weir_item seen[EVENTS]; /* of a replay of everything: by number */
static uint32_t topic;

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(replay, .fini = teardown, .timeout = 60);

static struct weir_replay *open_replay(const struct weir_replay_options *o)
{
	struct weir_replay *replay = NULL;
	struct weir_problem why = {0};
	cr_assert_eq(weir_replay_open(f.pipeline, o, &replay, &why), 0, "%s %s", why.field,
		     why.text);
	return replay;
}

static void publish_numbers(uint64_t first, uint64_t end)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end; n++) {
		uint64_t key = n % KEYS;
		struct weir_event event = fixture_event(topic, NULL, &n);
		event.key = &key;
		event.key_bytes = sizeof key;
		event.event_time_us = n % 3 == 0 ? 0 : EVENT_TIME + n * 10;
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	}
	fixture_wait(producer, ticket);
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
}

static void begin_log(void)
{
	struct weir_topic_options o;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.pool_bytes = 1; /* most of it is read from disk */
	f.options.versioned_keys_max = KEYS;
	fixture_open(&f);
	weir_topic_options_init(&o);
	o.name = "accounts";
	o.partitions = PARTITIONS;
	o.versioned_keys = KEYS;
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &topic, NULL), 0);
	publish_numbers(0, EVENTS);
}

/* Reads to the end of the range: how many events; `each` is told of all items. */
static uint64_t read_all(struct weir_replay *replay, size_t items_max,
			 void (*each)(const struct weir_item *item))
{
	struct weir_item items[256];
	struct weir_replay_progress progress;
	uint64_t events = 0;
	for (;;) {
		int count = weir_replay_next(replay, items, items_max, FIXTURE_LONG_NS);
		cr_assert_geq(count, 0, "%s", weir_error_name(count));
		for (int i = 0; i < count; i++) {
			events += items[i].kind == WEIR_ITEM_EVENT ? 1 : 0;
			each(&items[i]);
		}
		weir_replay_progress(replay, &progress);
		if (count == 0) {
			cr_assert(progress.done);
			cr_assert_eq(progress.events, events);
			return events;
		}
	}
}

static uint64_t next_number;

static void note_all(const struct weir_item *item)
{
	cr_assert_eq(item->kind, WEIR_ITEM_EVENT);
	cr_assert_eq(fixture_number(item), next_number);
	cr_assert_eq(item->flags, WEIR_ITEM_REPLAY);
	cr_assert_eq(weir_item_version(item), next_number / KEYS + 1);
	cr_assert(next_number == 0 || item->sequence > seen[next_number - 1].sequence);
	seen[next_number++] = *item;
}

/* What is asked for, as numbers say it. */
struct question {
	const char *name;
	uint64_t first, end; /* numbers; their sequences */
	uint64_t time_of;    /* append time from this number's on; UINT64_MAX: not asked */
	uint64_t time_end;
	uint64_t key;       /* UINT64_MAX: any */
	uint32_t partition; /* UINT32_MAX: any */
	uint64_t version;
	uint64_t event_from, event_end; /* 0, UINT64_MAX: not asked */
	size_t items_max;
};

#define ANY UINT64_MAX
static const struct question questions[] = {
	{"all, one by one", 0, EVENTS, ANY, ANY, ANY, UINT32_MAX, 0, 0, ANY, 1},
	{"a few in the middle", 5000, 5100, ANY, ANY, ANY, UINT32_MAX, 0, 0, ANY, 256},
	{"none", 5000, 5000, ANY, ANY, ANY, UINT32_MAX, 0, 0, ANY, 256},
	{"from a time", 0, EVENTS, 7001, ANY, ANY, UINT32_MAX, 0, 0, ANY, 256},
	{"to a time", 0, EVENTS, ANY, 3003, ANY, UINT32_MAX, 0, 0, ANY, 256},
	{"between two times", 0, EVENTS, 400, 11900, ANY, UINT32_MAX, 0, 0, ANY, 7},
	{"a key", 0, EVENTS, ANY, ANY, 3, UINT32_MAX, 0, 0, ANY, 256},
	{"a key that is in none of them", 0, EVENTS, ANY, ANY, KEYS, UINT32_MAX, 0, 0, ANY, 256},
	{"a partition", 0, EVENTS, ANY, ANY, ANY, 2, 0, 0, ANY, 100},
	{"a key from a version on", 0, EVENTS, ANY, ANY, 5, UINT32_MAX, 700, 0, ANY, 256},
	{"a key's versions that there are not", 0, EVENTS, ANY, ANY, 5, UINT32_MAX, 9999, 0, ANY,
	 256},
	{"event times", 0, EVENTS, ANY, ANY, ANY, UINT32_MAX, 0, EVENT_TIME + 800,
	 EVENT_TIME + 70000, 256},
	{"everything at once", 100, 11000, 300, 10900, 4, UINT32_MAX, 30, EVENT_TIME + 900,
	 EVENT_TIME + 100000, 3},
};

static const struct question *asked;
static uint64_t cursor; /* the next number to be looked at */

static bool is_wanted(const struct question *q, uint64_t n)
{
	uint64_t event_time = n % 3 == 0 ? 0 : EVENT_TIME + n * 10;
	bool by_event_time = q->event_from != 0 || q->event_end != ANY;
	return n >= q->first && n < q->end &&
	       (q->time_of == ANY || seen[n].append_time_us >= seen[q->time_of].append_time_us) &&
	       (q->time_end == ANY || seen[n].append_time_us < seen[q->time_end].append_time_us) &&
	       (q->key == ANY || q->key == n % KEYS) &&
	       (q->partition == UINT32_MAX || q->partition == seen[n].partition) &&
	       n / KEYS + 1 >= q->version &&
	       (!by_event_time ||
		(event_time != 0 && event_time >= q->event_from && event_time < q->event_end));
}

static void expect_next(const struct weir_item *item)
{
	while (cursor < EVENTS && !is_wanted(asked, cursor))
		cursor++;
	cr_assert_lt(cursor, EVENTS, "%s: one too many", asked->name);
	cr_assert_eq(fixture_number(item), cursor, "%s: %llu instead of %llu", asked->name,
		     (unsigned long long)fixture_number(item), (unsigned long long)cursor);
	cr_assert_eq(item->partition, seen[cursor].partition);
	cr_assert_eq(item->append_time_us, seen[cursor].append_time_us);
	cursor++;
}

static uint64_t sequence_of(uint64_t number)
{
	return number < EVENTS ? seen[number].sequence : seen[EVENTS - 1].sequence + 1;
}

static void ask(const struct question *q)
{
	struct weir_replay_options o;
	weir_replay_options_init(&o);
	o.topics = &topic;
	o.topic_count = 1;
	o.from_sequence = q->first == 0 ? 0 : sequence_of(q->first);
	o.end_sequence = q->end == EVENTS ? UINT64_MAX : sequence_of(q->end);
	o.from_time_us = q->time_of == ANY ? 0 : seen[q->time_of].append_time_us;
	o.end_time_us = q->time_end == ANY ? UINT64_MAX : seen[q->time_end].append_time_us;
	o.partition = q->partition;
	o.key = q->key == ANY ? NULL : &q->key;
	o.key_bytes = q->key == ANY ? 0 : sizeof q->key;
	o.from_version = q->version;
	o.event_from_us = q->event_from;
	o.event_end_us = q->event_end;
	struct weir_replay *replay = open_replay(&o);
	asked = q;
	cursor = 0;
	(void)read_all(replay, q->items_max, expect_next);
	while (cursor < EVENTS && !is_wanted(q, cursor))
		cursor++;
	cr_assert_eq(cursor, EVENTS, "%s: %llu is missing", q->name, (unsigned long long)cursor);
	weir_replay_close(replay);
}

Test(replay, hands_out_what_is_asked_for_and_nothing_else)
{
	struct weir_replay_options o;
	struct weir_lag before, after;
	begin_log();
	uint32_t books = fixture_subscription(&f, "books", "accounts");
	uint32_t other = fixture_topic(&f, "other", 1);
	cr_assert_eq(weir_lag(f.pipeline, books, &before), 0);
	weir_replay_options_init(&o);
	struct weir_replay *replay = open_replay(&o);
	cr_assert_eq(read_all(replay, 256, note_all), EVENTS);
	weir_replay_close(replay);
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		ask(&questions[i]);
	/* Of another topic there is nothing, and nobody's progress has moved. */
	o.topics = &other;
	o.topic_count = 1;
	replay = open_replay(&o);
	cr_assert_eq(read_all(replay, 256, note_all), 0);
	weir_replay_close(replay);
	cr_assert_eq(weir_lag(f.pipeline, books, &after), 0);
	cr_assert_eq(before.events, after.events);
}

/* ---- gaps ---- */

static uint64_t gap_first, gap_end, first_behind;

static void note_gap(const struct weir_item *item)
{
	if (item->kind == WEIR_ITEM_EVENT) {
		first_behind = first_behind == 0 ? item->sequence : first_behind;
		return;
	}
	cr_assert_eq(item->kind, WEIR_ITEM_GAP);
	cr_assert_eq(gap_end, 0, "told once");
	cr_assert_eq(first_behind, 0, "and in order");
	cr_assert_eq(item->topic, UINT32_MAX);
	gap_first = item->sequence;
	gap_end = item->end_sequence;
}

static void expect_one_gap(struct weir_replay *replay, uint64_t from)
{
	struct weir_replay_progress progress;
	struct weir_item items[64];
	int count;
	gap_first = gap_end = first_behind = 0;
	while ((count = weir_replay_next(replay, items, 64, 20000000)) > 0)
		for (int i = 0; i < count; i++)
			note_gap(&items[i]);
	cr_assert_eq(count, 0);
	weir_replay_progress(replay, &progress);
	cr_assert_eq(progress.gaps, 1);
	cr_assert_eq(gap_first, from);
	cr_assert_geq(first_behind, gap_end);
	/* Weir's own records may stand between: progress, evidence. */
	cr_assert_lt(first_behind, gap_end + 16);
	weir_replay_close(replay);
}

Test(replay, of_a_log_in_memory_is_told_what_it_was_overrun_by)
{
	struct weir_replay_options o;
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.pool_bytes = 1;
	fixture_open(&f);
	topic = fixture_topic(&f, "accounts", PARTITIONS);
	publish_numbers(0, 10);
	weir_replay_options_init(&o);
	o.follow = true;
	o.from_sequence = 3;
	struct weir_replay *replay = open_replay(&o);
	publish_numbers(10, 30000);
	expect_one_gap(replay, 3);
}

Test(replay, is_told_what_retention_took_before_it_came_there)
{
	struct weir_replay_options o;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.pool_bytes = 1;
	f.options.segment_bytes = FIXTURE_CHUNK_BYTES;
	f.options.retention_bytes = 4 * FIXTURE_CHUNK_BYTES;
	f.options.checkpoint_bytes = FIXTURE_CHUNK_BYTES;
	fixture_open(&f);
	topic = fixture_topic(&f, "accounts", PARTITIONS);
	publish_numbers(0, 1000);
	weir_replay_options_init(&o);
	o.follow = true;
	struct weir_replay *replay = open_replay(&o);
	struct weir_info info = {0};
	for (uint64_t at = 1000; at < 60000 && info.segments_recycled < 20; at += 1000) {
		publish_numbers(at, at + 1000);
		fixture_info(&f, &info);
	}
	while (wr_segment_oldest_seq(&f.pipeline->segments) < 1000)
		fixture_sleep_ns(1000000);
	expect_one_gap(replay, 1);
}

/* ---- pace ---- */

static void begin_small(int kind)
{
	fixture_begin(&f, kind);
	topic = fixture_topic(&f, "accounts", PARTITIONS);
}

static int next_now(struct weir_replay *replay)
{
	struct weir_item items[64];
	return weir_replay_next(replay, items, 64, 0);
}

Test(replay, hands_out_so_many_a_second)
{
	struct weir_replay_options o;
	begin_small(FIXTURE_DURABLE);
	publish_numbers(0, 40);
	weir_replay_options_init(&o);
	o.per_second = 1000;
	struct weir_replay *replay = open_replay(&o);
	uint64_t began = fixture_now_ns(), came = 0;
	next_number = 0;
	cr_assert_eq(next_now(replay), 1, "the first at once, and no other");
	for (came = 1; came < 40;) {
		int count = next_now(replay);
		cr_assert_geq(count, 0);
		came += (uint64_t)count;
		cr_assert_leq(came, 1 + (fixture_now_ns() - began) / 1000000);
	}
	weir_replay_close(replay);
}

Test(replay, a_sequence_says_what_stands_there)
{
	struct weir_replay_options o;
	struct weir_item item;
	struct weir_info info;
	begin_small(FIXTURE_DURABLE);
	publish_numbers(0, 3);
	weir_replay_options_init(&o);
	struct weir_replay *replay = open_replay(&o);
	cr_assert_eq(weir_replay_next(replay, &item, 1, FIXTURE_LONG_NS), 1);
	uint64_t first = item.sequence;
	weir_replay_close(replay);
	cr_assert_gt(first, 1, "the topic stands before it");
	cr_expect_eq(weir_sequence_look(f.pipeline, first, FIXTURE_LONG_NS), WEIR_SEQUENCE_EVENT);
	cr_expect_eq(weir_sequence_look(f.pipeline, first - 1, FIXTURE_LONG_NS),
		     WEIR_SEQUENCE_OTHER);
	cr_expect_eq(weir_sequence_look(f.pipeline, 0, FIXTURE_LONG_NS), -EINVAL);
	fixture_info(&f, &info);
	cr_expect_eq(weir_sequence_look(f.pipeline, info.visible_sequence + 100, FIXTURE_LONG_NS),
		     WEIR_E_TRUNCATED);
}

Test(replay, keeps_the_pace_at_which_events_came)
{
	struct weir_replay_options o;
	begin_small(FIXTURE_DURABLE);
	publish_numbers(0, 1);
	fixture_sleep_ns(60000000);
	publish_numbers(1, 2);
	weir_replay_options_init(&o);
	o.pace_percent = 300;
	struct weir_replay *replay = open_replay(&o);
	struct weir_item item;
	uint64_t began = fixture_now_ns();
	cr_assert_eq(weir_replay_next(replay, &item, 1, 0), 1);
	cr_assert_eq(weir_replay_next(replay, &item, 1, 0), 0);
	cr_assert_eq(weir_replay_next(replay, &item, 1, FIXTURE_LONG_NS), 1);
	cr_assert_geq(fixture_now_ns() - began, 19000000, "a third of the time between them");
	cr_assert_eq(fixture_number(&item), 1);
	weir_replay_close(replay);
}

/* ---- following ---- */

Test(replay, follows_what_comes_and_tells_it_from_what_was)
{
	struct weir_replay_options o;
	struct weir_item items[8];
	begin_small(FIXTURE_DURABLE | FIXTURE_MANUAL);
	publish_numbers(0, 3);
	weir_replay_options_init(&o);
	o.follow = true;
	struct weir_replay *replay = open_replay(&o);
	cr_assert_eq(weir_replay_next(replay, items, 8, FIXTURE_LONG_NS), 3);
	cr_assert_eq(items[2].flags, WEIR_ITEM_REPLAY);
	cr_assert_eq(weir_replay_next(replay, items, 8, 1000000), 0, "and does not end");
	publish_numbers(3, 5);
	cr_assert_eq(weir_replay_next(replay, items, 8, FIXTURE_LONG_NS), 2);
	cr_assert_eq(items[0].flags, 0);
	cr_assert_eq(fixture_number(&items[1]), 4);
	weir_replay_close(replay);
}

struct follower {
	wr_atomic_u32 taken;
	int code;
};

static void *follow_for_ever(void *context)
{
	struct weir_item item;
	struct follower *follower = context;
	struct weir_replay_options o;
	weir_replay_options_init(&o);
	o.follow = true;
	struct weir_replay *replay = open_replay(&o);
	while ((follower->code = weir_replay_next(replay, &item, 1, WEIR_FOREVER)) >= 0)
		wr_store_release(&follower->taken,
				 wr_load_relaxed(&follower->taken) + (uint32_t)follower->code);
	return NULL;
}

Test(replay, that_waits_is_ended_by_the_close)
{
	pthread_t thread;
	struct follower follower = {.code = 0};
	begin_small(FIXTURE_DURABLE);
	publish_numbers(0, 3);
	cr_assert_eq(pthread_create(&thread, NULL, follow_for_ever, &follower), 0);
	/* Until it is in the call that waits for a fourth. */
	while (wr_load_acquire(&follower.taken) < 3 || wr_load_seq(&f.pipeline->callers) == 0)
		fixture_sleep_ns(1000000);
	fixture_close(&f, NULL);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(follower.code, WEIR_E_CLOSED);
}

/* What one lends from its own chunk is no other's. */
Test(replay, goes_on_beside_one_that_stands_still)
{
	struct weir_replay_options o;
	struct weir_item items[8];
	begin_log();
	fixture_close(&f, NULL);
	fixture_open(&f); /* nothing of it is in memory */
	weir_replay_options_init(&o);
	struct weir_replay *still = open_replay(&o), *other = open_replay(&o);
	cr_assert_gt(weir_replay_next(still, items, 8, FIXTURE_LONG_NS), 0);
	next_number = 0;
	cr_expect_eq(read_all(other, 256, note_all), EVENTS);
	cr_expect_eq(fixture_number(&items[0]), 0, "still lent");
	weir_replay_close(still);
	weir_replay_close(other);
}

/* ---- patterns ---- */

static void publish_text(const char *key, const char *payload, const char *header)
{
	struct weir_header headers = {.name = "kind",
				      .name_bytes = 4,
				      .value = header,
				      .value_bytes = (uint16_t)strlen(header)};
	struct weir_event event = {.topic = topic,
				   .key = key,
				   .key_bytes = strlen(key),
				   .payload = payload,
				   .payload_bytes = strlen(payload),
				   .headers = &headers,
				   .header_count = 1};
	struct weir_pos pos;
	cr_assert_eq(
		weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS, &pos),
		0);
}

static uint64_t count_matches(enum weir_filter_kind kind, const char *pattern)
{
	struct weir_replay_options o;
	struct weir_filter *filter = NULL;
	struct weir_item items[16];
	struct weir_problem why = {0};
	cr_assert_eq(weir_filter_create(kind, pattern, strlen(pattern), NULL, &filter, &why), 0,
		     "%s", why.text);
	weir_replay_options_init(&o);
	o.filter = filter;
	struct weir_replay *replay = open_replay(&o);
	int count = 0, more;
	while ((more = weir_replay_next(replay, items, 16, FIXTURE_LONG_NS)) > 0)
		count += more;
	cr_assert_eq(more, 0);
	weir_replay_close(replay);
	weir_filter_destroy(filter);
	return (uint64_t)count;
}

Test(replay, hands_out_what_a_pattern_matches)
{
	begin_small(FIXTURE_DURABLE);
	publish_text("a.b", "{\"n\":1}", "x");
	publish_text("a.c", "{\"n\":2}", "y");
	publish_text("b", "no json", "x");
	cr_expect_eq(count_matches(WEIR_FILTER_TOPIC, "a.*"), 2);
	cr_expect_eq(count_matches(WEIR_FILTER_DIRECT, "b"), 1);
	cr_expect_eq(count_matches(WEIR_FILTER_HEADERS, "{\"kind\":\"x\"}"), 2);
	cr_expect_eq(count_matches(WEIR_FILTER_EVENTBRIDGE, "{\"n\":[2]}"), 1);
	cr_expect_eq(count_matches(WEIR_FILTER_FANOUT, ""), 3);
}

/* ---- what is refused ---- */

static void expect_refusal(const struct weir_replay_options *o, int code, const char *field)
{
	struct weir_replay *replay = NULL;
	struct weir_problem why = {0};
	cr_expect_eq(weir_replay_open(f.pipeline, o, &replay, &why), code, "%s", field);
	cr_expect_str_eq(why.field, field);
	cr_expect_null(replay);
}

Test(replay, refuses_what_makes_no_sense)
{
	struct weir_replay_options o, good;
	const uint32_t no_topic = 3;
	begin_small(FIXTURE_DURABLE);
	weir_replay_options_init(&good);
#define REFUSED(code, field, change)                                                               \
	do {                                                                                       \
		o = good;                                                                          \
		change;                                                                            \
		expect_refusal(&o, code, field);                                                   \
	} while (0)
	REFUSED(-EINVAL, "struct_bytes", o.struct_bytes--);
	REFUSED(-EINVAL, "from_sequence", (o.from_sequence = 2, o.end_sequence = 1));
	REFUSED(-EINVAL, "from_time_us", (o.from_time_us = 2, o.end_time_us = 1));
	REFUSED(-EINVAL, "event_from_us", (o.event_from_us = 2, o.event_end_us = 1));
	REFUSED(-EINVAL, "gate", o.gate = WEIR_LEVEL_WRITTEN);
	REFUSED(-EINVAL, "topics", o.topic_count = 1);
	REFUSED(-EINVAL, "key", o.key = "");
	REFUSED(-EINVAL, "key", o.key_bytes = 4);
	REFUSED(WEIR_E_UNKNOWN_NAME, "topics", (o.topics = &no_topic, o.topic_count = 1));
	REFUSED(WEIR_E_UNKNOWN_NAME, "partition", o.partition = PARTITIONS);
	REFUSED(WEIR_E_TRUNCATED, "from_sequence", o.from_sequence = 1000);
	/* None of them has kept its place. */
	struct weir_replay *replays[4];
	for (size_t i = 0; i < 4; i++)
		replays[i] = open_replay(&good);
	expect_refusal(&good, WEIR_E_FULL, "members_max");
	weir_replay_close(replays[3]);
	replays[3] = open_replay(&good);
	struct weir_item item;
	cr_expect_eq(weir_replay_next(replays[3], &item, 0, 0), -EINVAL);
	weir_replay_close(NULL);
	/* The pipeline's end gives back those that are left. */
}
