/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what a topic does not keep leaves, by age and by bytes, and nothing else does: no event of
 * another topic, none that a subscription has still to read, none that is younger or within the
 * bytes; what stays has the sequence that it had; lag counts what there is; no byte of what has
 * left is in any file; a segment that all topics are past leaves as a whole; all of it also after a
 * restart, and after kills while segments are written anew.
 *
 * Method: a pipeline with a journal of small segments and its own threads. Each event's payload is
 * a number behind a text of its topic; what stays is read by a replay, by subscriptions, and in the
 * files. The counting of bytes is held against a plain array.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/journal/retire.h"
#include "io/sim/prng.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/support/raw_files.h"

#define SHORTS "short and gone "
#define LONGS "long and kept "
#define EVENTS 300u
#define NEVER 0ull

static struct fixture f;
static uint32_t shorts, longs, fillers;
static struct weir_producer *producer;
static uint64_t last_of_rounds;

static uint32_t create(const char *name, uint64_t time_ns, uint64_t bytes)
{
	struct weir_problem why = {0};
	struct weir_topic_options o;
	uint32_t topic;

	weir_topic_options_init(&o);
	o.name = name;
	o.retention_time_ns = time_ns;
	o.retention_bytes = bytes;
	int rc = weir_topic_create(f.pipeline, &o, &topic, &why);
	cr_assert_eq(rc, 0, "%s: %s", why.field, why.text);
	return topic;
}

static void open_topics(uint64_t short_ns, uint64_t short_bytes)
{
	fixture_open(&f);
	shorts = create("shorts", short_ns, short_bytes);
	longs = create("longs", NEVER, 0);
	fillers = create("fillers", NEVER, 0);
	producer = fixture_producer(&f, NULL);
}

static void prepare(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
	fixture_small_segments(&f);
	f.options.topic_retention = true;
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(topic_retention, .fini = teardown, .timeout = 150);

/* --- what is published ------------------------------------------------------------------------ */

static uint64_t publish(uint32_t topic, const char *text, uint32_t number)
{
	char payload[600];
	int n = snprintf(payload, sizeof payload, "%s%u", text, number);
	struct weir_event event = {.topic = topic, .payload = payload};
	uint64_t ticket;

	/* Some in blocks of their own, some beside others. */
	event.payload_bytes = (uint32_t)n + 1 + number % 7 * 64;
	memset(payload + n + 1, 0, sizeof payload - (size_t)n - 1);
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

/* Both topics by turns; the ticket of the last one is waited for now and then. */
static void publish_both(uint32_t from, uint32_t count)
{
	for (uint32_t i = from; i < from + count; i++) {
		(void)publish(shorts, SHORTS, i);
		uint64_t ticket = publish(longs, LONGS, i);
		if (i % 16 == 0 || i + 1 == from + count)
			fixture_wait(producer, ticket);
	}
	struct weir_info info;
	fixture_info(&f, &info);
	last_of_rounds = info.durable_sequence;
}

/* --- what there is ---------------------------------------------------------------------------- */

struct found {
	uint32_t shorts, longs, gaps;
	uint32_t first_short; /* the oldest that is there */
	uint64_t short_bytes; /* of all */
	uint64_t sequence[2][2 * EVENTS];
};
static struct found found, before;

static void take(void *context, const struct weir_item *item)
{
	(void)context;
	if (item->kind != WEIR_ITEM_EVENT) {
		found.gaps++;
		return;
	}
	if (item->topic != shorts && item->topic != longs)
		return;
	bool is_short = item->topic == shorts;
	const char *text = is_short ? SHORTS : LONGS;
	cr_assert_eq(memcmp(item->payload, text, strlen(text)), 0);
	uint32_t number = (uint32_t)strtoul((const char *)item->payload + strlen(text), NULL, 10);
	cr_assert_lt(number, 2 * EVENTS);
	if (is_short && found.shorts == 0)
		found.first_short = number;
	*(is_short ? &found.shorts : &found.longs) += 1;
	found.short_bytes += is_short ? (24 + item->payload_bytes + 7) / 8 * 8 : 0;
	found.sequence[is_short][number] = item->sequence;
}

static void replay_all(void)
{
	memset(&found, 0, sizeof found);
	fixture_replay(&f, take, NULL);
}

/* What a member gets until the lag is exact, and 0. */
static void poll_all(uint32_t subscription)
{
	struct weir_member *member = fixture_member(&f, subscription, "reader");
	struct weir_lag lag = {.events = 1};
	struct weir_item items[64];

	memset(&found, 0, sizeof found);
	while (lag.events > 0 || !lag.exact) {
		int n = weir_poll(member, items, 64, 10000000);
		cr_assert_geq(n, 0);
		for (int i = 0; i < n; i++)
			take(NULL, &items[i]);
		cr_assert_eq(weir_ack_all(member), 0);
		cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
		cr_assert_eq(weir_lag(f.pipeline, subscription, &lag), 0);
	}
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

static struct weir_topic_retention status(uint32_t topic)
{
	struct weir_topic_retention r;

	cr_assert_eq(weir_topic_retention(f.pipeline, topic, &r), 0);
	return r;
}

/* Until all of the topic below has left, or a while is over. */
static void wait_until_left(uint32_t topic, uint64_t sequence)
{
	uint64_t end_ns = fixture_now_ns() + 3 * FIXTURE_LONG_NS;

	while (status(topic).left_sequence <= sequence && fixture_now_ns() < end_ns)
		fixture_sleep_ns(20000000);
	cr_assert_gt(status(topic).left_sequence, sequence);
}

/* Of the journal's directory. */
static uint32_t files_with(const char *text)
{
	uint32_t count = raw_files_with(f.dir, text);

	cr_assert_neq(count, UINT32_MAX);
	return count;
}

static void expect_files(uint64_t left_out)
{
	struct weir_journal_report report;

	cr_assert_eq(weir_journal_inspect(f.dir, NULL, &report, NULL), 0);
	cr_expect_eq(report.corrupt_count, 0u);
	cr_expect_eq(report.left_out_count, left_out, "%lu of %lu", report.left_out_count,
		     left_out);
}

static void expect_all_longs(uint32_t count)
{
	cr_expect_eq(found.longs, count, "%u", found.longs);
	cr_expect_eq(found.gaps, 0u);
	for (uint32_t i = 0; i < count; i++)
		cr_assert(found.sequence[0][i] == before.sequence[0][i] || i >= before.longs, "%u",
			  i);
}

/* --- cases ------------------------------------------------------------------------------------ */

Test(topic_retention, what_is_too_old_leaves_and_no_byte_of_it_stays)
{
	prepare();
	f.options.erasures_max = 16; /* files that have left are removed, not used again */
	open_topics(1000000, 0);
	publish_both(0, EVENTS);
	replay_all();
	before = found;
	cr_assert_eq(before.shorts, EVENTS);
	cr_assert_gt(files_with(SHORTS "0"), 0u);
	fixture_fill(producer, fillers, 400);
	wait_until_left(shorts, last_of_rounds);
	for (uint32_t life = 0; life < 2; life++) {
		replay_all();
		cr_expect_eq(found.shorts, 0u);
		expect_all_longs(EVENTS);
		poll_all(fixture_subscription(&f, life == 0 ? "a" : "b", "shorts"));
		cr_expect_eq(found.shorts + found.gaps, 0u);
		poll_all(fixture_subscription(&f, life == 0 ? "c" : "d", "longs"));
		expect_all_longs(EVENTS);
		expect_files(EVENTS);
		if (life == 0) {
			fixture_close(&f, NULL);
			cr_expect_eq(files_with(SHORTS), 0u);
			cr_expect_gt(files_with(LONGS), 0u);
			open_topics(1000000, 0);
		}
	}
}

Test(topic_retention, of_its_bytes_the_newest_stay)
{
	const uint64_t keeps = 8 * 1024;
	uint64_t left = 0;

	prepare();
	open_topics(0, keeps);
	for (uint32_t life = 0; life < 2; life++) {
		publish_both(life * EVENTS, EVENTS);
		replay_all();
		before = found;
		fixture_fill(producer, fillers, 400);
		uint64_t first = found.sequence[1][life * EVENTS + 20];
		wait_until_left(shorts, first);
		replay_all();
		expect_all_longs((life + 1) * EVENTS);
		/* The others are those before, and what stays is in one piece. */
		cr_expect_eq(found.first_short + found.shorts, (life + 1) * EVENTS);
		cr_expect_geq(found.short_bytes, keeps, "%lu", found.short_bytes);
		cr_expect_leq(found.short_bytes, keeps + keeps / 16 + f.options.segment_bytes);
		cr_expect_gt(found.first_short, left);
		left = found.first_short;
		expect_files(left);
		fixture_close(&f, NULL);
		open_topics(0, keeps);
	}
}

Test(topic_retention, nothing_leaves_that_a_subscription_has_still_to_read)
{
	prepare();
	open_topics(1000000, 0);
	uint32_t slow = fixture_subscription(&f, "slow", "longs");
	uint32_t both = fixture_subscription(&f, "both", "shorts");
	publish_both(0, EVENTS);
	fixture_fill(producer, fillers, 400);
	replay_all();
	before = found;
	/* It is seen that they are past, and they stay. */
	uint64_t end_ns = fixture_now_ns() + 3 * FIXTURE_LONG_NS;
	while (status(shorts).passed_sequence <= last_of_rounds && fixture_now_ns() < end_ns)
		fixture_sleep_ns(20000000);
	cr_assert_gt(status(shorts).passed_sequence, last_of_rounds);
	fixture_sleep_ns(1200000000);
	cr_expect_lt(status(shorts).left_sequence, before.sequence[0][1]);
	poll_all(both);
	cr_expect_eq(found.shorts, EVENTS);
	fixture_sleep_ns(1200000000);
	replay_all();
	cr_expect_eq(found.shorts, EVENTS); /* the other one holds the log */
	poll_all(slow);
	expect_all_longs(EVENTS);
	/* They read on, in another segment, and two checkpoints say so. */
	uint64_t sequence = last_of_rounds;
	publish_both(EVENTS, 16);
	poll_all(slow);
	poll_all(both);
	fixture_fill(producer, fillers, 400);
	wait_until_left(shorts, sequence);
	replay_all();
	cr_expect_leq(found.shorts, 16u);
	cr_expect_eq(found.first_short + found.shorts, found.shorts > 0 ? EVENTS + 16 : 0);
	expect_all_longs(EVENTS + 16);
	uint32_t stays = found.shorts;
	/* Who goes back counts what there is, and gets that. */
	int rc = weir_subscription_seek(f.pipeline, both, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS,
					NULL);
	cr_assert_eq(rc, 0);
	poll_all(both);
	cr_expect_leq(found.shorts, stays);
	cr_expect_eq(found.gaps, 0u);
}

Test(topic_retention, a_segment_that_all_topics_are_past_leaves_as_a_whole)
{
	struct weir_info info;

	prepare();
	open_topics(1000000, 0);
	publish_both(0, EVENTS);
	fixture_fill(producer, fillers, 400);
	wait_until_left(shorts, last_of_rounds);
	fixture_info(&f, &info);
	cr_expect_eq(info.segments_recycled, 0u);
	uint64_t bytes = info.log_bytes;
	/* Only one of them may keep it. */
	cr_assert_eq(weir_topic_retention_set(f.pipeline, fillers, 1000000, 0, NULL), 0);
	wait_until_left(fillers, last_of_rounds);
	replay_all();
	cr_expect_eq(found.longs, EVENTS);
	cr_assert_eq(weir_topic_retention_set(f.pipeline, longs, 1000000, 0, NULL), 0);
	wait_until_left(longs, last_of_rounds);
	fixture_info(&f, &info);
	cr_expect_lt(info.log_bytes, bytes);
	cr_expect_gt(info.segments_recycled, 0u);
	replay_all();
	cr_expect_eq(found.longs + found.shorts + found.gaps, 0u);
}

/* Its clock begins with the first batch, and not with the first look at it. */
Test(topic_retention, a_new_log_is_as_old_as_its_events)
{
	struct weir_info info;

	prepare();
	f.options.topic_retention = false;
	f.options.retention_time_ns = 1000000;
	open_topics(0, 0);
	publish_both(0, EVENTS);
	fixture_fill(producer, fillers, 400);
	uint64_t end_ns = fixture_now_ns() + 3 * FIXTURE_LONG_NS;
	do {
		fixture_sleep_ns(20000000);
		fixture_info(&f, &info);
	} while (info.segments_recycled == 0 && fixture_now_ns() < end_ns);
	cr_expect_gt(info.segments_recycled, 0u);
}

/* A process that publishes while segments are written anew; it is killed. It tells how many of each
 * topic are durable, and whether events have left. */
struct told {
	uint32_t count, has_left;
};

static void be_killed(int to)
{
	struct told told = {0};
	uint64_t first_sequence = 0; /* behind the first of both */

	open_topics(1000000, 0);
	for (;;) {
		if (told.count + 4 < 2 * EVENTS) {
			publish_both(told.count, 4);
			fixture_fill(producer, fillers, 16);
			told.count += 4;
			first_sequence = first_sequence == 0 ? last_of_rounds : first_sequence;
		}
		told.has_left = status(shorts).left_sequence > first_sequence;
		if (write(to, &told, sizeof told) != (ssize_t)sizeof told)
			_exit(1);
		fixture_sleep_ns(5000000);
	}
}

/* How many were durable when it was killed, nap_ns after the first events had left. */
static uint32_t live_and_die(uint64_t nap_ns)
{
	uint64_t end_ns = fixture_now_ns() + 3 * FIXTURE_LONG_NS;
	struct told told = {0}, one;
	bool naps = false;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		(void)close(ends[0]);
		be_killed(ends[1]);
	}
	(void)close(ends[1]);
	while (fixture_now_ns() < end_ns &&
	       read(ends[0], &one, sizeof one) == (ssize_t)sizeof one) {
		told = one;
		if (told.has_left != 0 && !naps)
			end_ns = fixture_now_ns() + nap_ns;
		naps = told.has_left != 0;
	}
	cr_assert_eq(kill(child, SIGKILL), 0);
	while (read(ends[0], &one, sizeof one) == (ssize_t)sizeof one)
		told = one;
	(void)close(ends[0]);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	cr_assert_neq(told.has_left, 0u, "nothing left while it lived");
	return told.count;
}

Test(topic_retention, kills_while_it_goes_on_lose_nothing_else)
{
	prepare();
	for (uint32_t life = 0; life < 4; life++) {
		struct weir_journal_report report;
		uint32_t count = live_and_die(life * 57000000);

		open_topics(0, 0);
		replay_all();
		cr_expect_geq(found.longs, count);
		for (uint32_t i = 0; i < count; i++)
			cr_assert_gt(found.sequence[0][i], 0u, "%u of %u", i, count);
		cr_expect_eq(found.gaps, 0u);
		fixture_close(&f, NULL);
		cr_assert_eq(weir_journal_inspect(f.dir, NULL, &report, NULL), 0);
		cr_expect_eq(report.corrupt_count, 0u);
		cr_expect_gt(report.left_out_count, 0u);
		test_dir_remove(f.dir);
		prepare();
	}
}

Test(topic_retention, what_cannot_be_is_refused_and_says_why)
{
	static const struct {
		uint64_t log_ns, log_bytes, time_ns, bytes;
		const char *field; /* NULL: it may be */
	} cases[] = {
		{0, 0, 1, 0, NULL},
		{0, 0, 0, 1, NULL},
		{0, 0, UINT64_MAX, UINT64_MAX, NULL},
		{5000, 0, 5000, 0, NULL},
		{5000, 0, 5001, 0, "retention_time_ns"},
		{0, 1 << 20, 0, 1 << 20, NULL},
		{0, 1 << 20, 0, (1 << 20) + 1, "retention_bytes"},
		{0, 1 << 20, 5000, 0, NULL},
	};
	struct weir_problem why = {0};
	struct weir_memory_plan plan;
	struct weir_topic_options o;
	uint32_t topic;

	prepare();
	f.options.pack = WEIR_PACK_NO;
	cr_expect_eq(weir_memory_plan(&f.options, &plan, &why), -EINVAL);
	cr_expect_str_eq(why.field, "topic_retention");
	f.options.topic_retention = false;
	fixture_open(&f);
	weir_topic_options_init(&o);
	o.name = "shorts";
	o.retention_bytes = 1;
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &topic, &why), -EINVAL);
	cr_expect_str_eq(why.field, "retention_bytes");
	cr_expect_eq(weir_topic_find(f.pipeline, "shorts", &topic), WEIR_E_UNKNOWN_NAME);
	topic = create("shorts", 0, 0);
	cr_expect_eq(status(topic).time_ns + status(topic).passed_sequence, 0u);
	cr_expect_eq(weir_topic_retention_set(f.pipeline, topic, 1, 0, &why), -EINVAL);
	cr_expect_eq(weir_topic_retention_set(f.pipeline, topic, 0, 0, NULL), 0);
	cr_expect_eq(weir_topic_retention_set(f.pipeline, 7, 0, 0, &why), WEIR_E_UNKNOWN_NAME);
	f.options.topic_retention = true;
	f.options.pack = WEIR_PACK_PADDING;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_close(&f, NULL);
		f.options.retention_time_ns = cases[i].log_ns;
		f.options.retention_bytes = cases[i].log_bytes;
		fixture_open(&f);
		int rc = weir_topic_retention_set(f.pipeline, topic, cases[i].time_ns,
						  cases[i].bytes, &why);
		cr_expect_eq(rc, cases[i].field != NULL ? -EINVAL : 0, "case %zu", i);
		if (cases[i].field != NULL)
			cr_expect_str_eq(why.field, cases[i].field);
		struct weir_topic_retention now = status(topic);
		cr_expect_eq(now.bytes, rc == 0 ? cases[i].bytes : 0, "case %zu", i);
		cr_expect(rc != 0 || now.time_ns >= cases[i].time_ns, "case %zu", i);
	}
}

/* --- the counting of bytes -------------------------------------------------------------------- */

#define SEGMENTS 400u

/* Something else leaves a segment that was counted, as by compaction. */
static void shrink(struct wr_retire_state *s, uint64_t *sizes, uint64_t first, uint64_t at,
		   uint64_t keeps)
{
	uint64_t end = s->counted_at;

	sizes[at] /= 4;
	wr_retire_count_again(s, first + at, first);
	cr_assert_leq(s->counted_at, first + at);
	while (s->counted_at < end)
		wr_retire_count(s, s->counted_at, sizes[s->counted_at - first], keeps);
}

/*
 * What stands behind a floor is enough, also where segments become less; and where they do not, a
 * floor one sixteenth and a segment higher is not.
 */
Test(topic_retention, a_floor_by_bytes_is_neither_too_high_nor_far_too_low)
{
	struct wr_prng prng;

	wr_prng_init(&prng, 7);
	for (uint32_t round = 0; round < 60; round++) {
		struct wr_retire_state s = {.counts = false};
		uint64_t sizes[SEGMENTS], keeps = 1 + wr_prng_below(&prng, 1 << (4 + round % 16));
		uint64_t first = wr_prng_below(&prng, 1000), largest = 0;
		bool shrinks = round % 2 == 1;

		wr_retire_count_anew(&s, first);
		for (uint32_t i = 0; i < SEGMENTS; i++) {
			bool is_none = wr_prng_below(&prng, 3) == 0;
			sizes[i] = is_none ? 0 : wr_prng_below(&prng, 1 + (1u << round % 12));
			largest = sizes[i] > largest ? sizes[i] : largest;
			wr_retire_count(&s, first + i, sizes[i], keeps);
			cr_assert_eq(s.counted_at, first + i + 1);
			for (uint32_t k = 0; shrinks && k < 4; k++)
				shrink(&s, sizes, first, wr_prng_below(&prng, i + 1), keeps);
			uint64_t floor = wr_retire_bytes_floor(&s, keeps), behind = 0, all = 0;
			for (uint32_t k = 0; k <= i; k++)
				all += sizes[k];
			for (uint64_t k = floor > first ? floor - first : 0; k <= i; k++)
				behind += sizes[k];
			cr_assert(floor == 0 || behind >= keeps, "%u %u", round, i);
			cr_assert(shrinks || (floor == 0 ? all : behind) <
						     keeps + keeps / 16 + 2 * largest + 2,
				  "%u %u: %lu of %lu", round, i, behind, keeps);
		}
	}
}
