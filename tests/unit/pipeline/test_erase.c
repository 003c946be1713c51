/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: of a key that was erased no reader sees anything from the answer on, and in a while not one
 * byte of it is in any file of the journal; all else is there as it was, in its place; what is
 * published under the key afterwards is as any other event. Also where nobody writes any more,
 * where a subscription lags, after a restart, and of dead letters, parked keys and snapshots.
 *
 * Method: a pipeline with a journal of small segments and its own threads. Key and payload hold a
 * text that is in nothing else; all files of the directory are searched for it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/erase_bed.h"

#define SECRET "private-to-nobody-else"
#define ROUNDS 16u
#define OTHERS 8u

static struct fixture f;
static uint32_t people, places;
static struct weir_producer *producer;

static void open_topics(void)
{
	fixture_open(&f);
	people = fixture_topic(&f, "people", 2);
	places = fixture_topic(&f, "places", 1);
	producer = fixture_producer(&f, NULL);
}

static void begin(void)
{
	erase_bed_init(&f);
	open_topics();
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(erase, .fini = teardown, .timeout = 150);

static uint64_t publish(uint32_t topic, const char *key, const char *text)
{
	struct weir_event event = {.topic = topic,
				   .key = key,
				   .key_bytes = (uint16_t)strlen(key),
				   .payload = text,
				   .payload_bytes = (uint32_t)strlen(text)};
	uint64_t ticket;

	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

/* In each round one event of the key in either topic, and some of others. */
static void publish_rounds(void)
{
	char key[32];

	for (uint32_t i = 0; i < ROUNDS; i++) {
		(void)publish(people, "key of " SECRET, "payload of " SECRET);
		uint64_t ticket = publish(places, "key of " SECRET, "payload of " SECRET);
		for (uint32_t k = 0; k < OTHERS; k++) {
			(void)snprintf(key, sizeof key, "other %u", k);
			/* The two kinds in one block, and in blocks of their own. */
			if (k == OTHERS / 2)
				fixture_wait(producer, ticket);
			ticket = publish(people, key, "public");
		}
		fixture_wait(producer, ticket);
	}
}

static uint64_t erase(uint32_t topic)
{
	return erase_bed_key(&f, topic, "key of " SECRET);
}

struct seen {
	uint32_t erased, others, gaps;
};

static void look_at(const struct weir_item *items, int n, struct seen *seen)
{
	for (int i = 0; i < n; i++) {
		bool is_erased = items[i].key != NULL && memmem(items[i].key, items[i].key_bytes,
								SECRET, strlen(SECRET)) != NULL;
		seen->gaps += items[i].kind != WEIR_ITEM_EVENT;
		seen->erased += items[i].kind == WEIR_ITEM_EVENT && is_erased;
		seen->others += items[i].kind == WEIR_ITEM_EVENT && !is_erased;
	}
}

static void look_at_one(void *context, const struct weir_item *item)
{
	look_at(item, 1, context);
}

/* What a replay of all that there is sees. */
static struct seen replay_all(void)
{
	struct seen seen = {0};

	fixture_replay(&f, look_at_one, &seen);
	return seen;
}

/* What a member of a subscription gets until its lag is 0. */
static struct seen poll_all(uint32_t subscription)
{
	struct weir_member *member = fixture_member(&f, subscription, "reader");
	struct weir_item items[16];
	struct seen seen = {0};
	struct weir_lag lag = {.events = 1};

	while (lag.events > 0 || !lag.exact) {
		int n = weir_poll(member, items, 16, 10000000);
		cr_assert_geq(n, 0);
		look_at(items, n, &seen);
		for (int i = 0; i < n; i++)
			cr_assert_eq(weir_ack(member, &items[i]), 0);
		cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
		cr_assert_eq(weir_lag(f.pipeline, subscription, &lag), 0);
	}
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	return seen;
}

static uint32_t queue(const char *name, const char *dead_letters, bool parks)
{
	struct weir_subscription_options o;
	const char *topic = "people";
	struct weir_problem why = {0};
	uint32_t id;

	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	o.order = WEIR_ORDER_KEY;
	o.dead_letters = dead_letters;
	o.when_dead = parks ? WEIR_DEAD_PARK : WEIR_DEAD_PASS;
	o.attempts_max = dead_letters != NULL ? 1 : 0;
	o.retry_delay_min_ns = o.retry_delay_max_ns = 0;
	int rc = weir_subscription_create(f.pipeline, &o, &id, &why);
	cr_assert_eq(rc, 0, "%s: %s", why.field, why.text);
	return id;
}

/* --- cases ------------------------------------------------------------------------------------ */

Test(erase, nobody_sees_it_from_the_answer_on_and_its_bytes_go)
{
	begin();
	publish_rounds();
	cr_expect_gt(erase_bed_files_with(&f, "key of " SECRET), 0u);
	uint64_t sequence = erase(WEIR_ALL_TOPICS);
	struct seen seen = replay_all();
	cr_expect_eq(seen.erased, 0u);
	cr_expect_eq(seen.others, ROUNDS * OTHERS);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(erase_bed_files_with(&f, SECRET), 0u);
	/* Its next life. */
	fixture_wait(producer, publish(people, "key of " SECRET, "payload of " SECRET));
	seen = replay_all();
	cr_expect_eq(seen.erased, 1u);
	cr_expect_eq(seen.others, ROUNDS * OTHERS);
	cr_expect_eq(seen.gaps, 0u);
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	open_topics();
	cr_expect_geq(erase_bed_status(&f).erased_sequence, sequence);
	seen = replay_all();
	cr_expect_eq(seen.erased, 1u);
	cr_expect_eq(seen.others, ROUNDS * OTHERS);
	struct weir_journal_report report;
	cr_assert_eq(weir_journal_inspect(f.dir, NULL, &report, NULL), 0);
	cr_expect_eq(report.corrupt_count, 0u);
	cr_expect_eq(report.left_out_count, 2 * ROUNDS, "%lu", report.left_out_count);
}

Test(erase, copies_that_a_replay_addressed_go_too)
{
	uint32_t id;

	begin();
	id = queue("chosen", NULL, false);
	publish_rounds();
	cr_expect_eq(fixture_replay_to(&f, "again", id, UINT32_MAX), ROUNDS * (OTHERS + 1));
	uint64_t sequence = erase(WEIR_ALL_TOPICS);
	struct seen seen = poll_all(id);
	cr_expect(seen.erased == 0 && seen.others == 2 * ROUNDS * OTHERS, "%u", seen.others);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(erase_bed_files_with(&f, SECRET), 0u);
	struct weir_journal_report report;
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	f.pipeline = NULL;
	cr_assert_eq(weir_journal_inspect(f.dir, NULL, &report, NULL), 0);
	cr_expect_eq(report.left_out_count, 3 * ROUNDS, "%lu", report.left_out_count);
}

Test(erase, a_subscription_that_lags_passes_it_over_and_is_waited_for)
{
	begin();
	uint32_t slow = fixture_subscription(&f, "slow", "people");
	uint32_t shared = queue("shared", NULL, false);
	publish_rounds();
	uint64_t sequence = erase(WEIR_ALL_TOPICS);
	fixture_sleep_ns(300000000);
	cr_expect(erase_bed_status(&f).bytes_left);
	cr_expect_gt(erase_bed_files_with(&f, SECRET), 0u);
	struct seen seen = poll_all(slow);
	cr_expect_eq(seen.erased, 0u);
	cr_expect_eq(seen.gaps, 0u);
	cr_expect_eq(seen.others, ROUNDS * OTHERS);
	seen = poll_all(shared);
	cr_expect_eq(seen.erased, 0u);
	cr_expect_eq(seen.gaps, 0u);
	cr_expect_eq(seen.others, ROUNDS * OTHERS);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(erase_bed_files_with(&f, SECRET), 0u);
}

static void poll_and_ack(struct weir_member *member, uint64_t timeout_ns)
{
	struct weir_item items[16];
	int n = weir_poll(member, items, 16, timeout_ns);

	cr_assert_geq(n, 0);
	for (int i = 0; i < n; i++)
		cr_assert_eq(weir_ack(member, &items[i]), 0);
}

/* A segment of what no subscription reads, and an event that one does. */
static void publish_far_from(uint32_t noise, uint32_t topic, const char *key)
{
	static char text[4096];

	memset(text, 'n', sizeof text - 1);
	for (uint32_t i = 0; i < f.options.segment_bytes / sizeof text; i++)
		(void)publish(noise, "noise", text);
	fixture_wait(producer, publish(topic, key, "payload"));
}

/* Its rows stand in segments of their own, one of which comes after the other. */
Test(erase, members_that_stay_let_go_what_they_have_read)
{
	const char *const names[] = {"places", "people"};
	struct weir_subscription_options o;
	struct weir_lag lag = {.events = 1};
	uint32_t id;

	begin();
	uint32_t noise = fixture_topic(&f, "noise", 1);
	weir_subscription_options_init(&o);
	o.name = "stays";
	o.topics = names;
	o.topic_count = 2;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	struct weir_member *member = fixture_member(&f, id, "stays");
	publish_far_from(noise, places, "key of " SECRET);
	publish_far_from(noise, people, "other 0");
	publish_far_from(noise, people, "other 1");
	publish_far_from(noise, people, "other 2");
	publish_far_from(noise, noise, "noise");
	while (lag.events > 0 || !lag.exact) {
		poll_and_ack(member, 10000000);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	}
	uint64_t sequence = erase(WEIR_ALL_TOPICS);
	uint64_t end_ns = fixture_now_ns() + 3 * FIXTURE_LONG_NS;
	while (erase_bed_status(&f).erased_sequence < sequence && fixture_now_ns() < end_ns)
		poll_and_ack(member, 10000000);
	cr_expect_geq(erase_bed_status(&f).erased_sequence, sequence, "waits for %d at %lu",
		      erase_bed_status(&f).waits_for, erase_bed_status(&f).at_sequence);
	cr_expect_eq(erase_bed_files_with(&f, SECRET), 0u);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

Test(erase, of_one_topic_another_keeps_its_events)
{
	begin();
	publish_rounds();
	uint64_t sequence = erase(places);
	struct seen seen = replay_all();
	cr_expect_eq(seen.erased, ROUNDS);
	erase_bed_wait(&f, sequence);
	seen = replay_all();
	cr_expect_eq(seen.erased, ROUNDS);
	cr_expect_eq(seen.others, ROUNDS * OTHERS);
	sequence = erase(people);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(erase_bed_files_with(&f, SECRET), 0u);
}

Test(erase, the_next_owner_goes_on_with_it)
{
	begin();
	uint32_t slow = fixture_subscription(&f, "slow", "people");
	publish_rounds();
	uint64_t sequence = erase(WEIR_ALL_TOPICS);
	for (uint32_t life = 0; life < 3; life++) {
		cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
		open_topics();
		cr_expect(erase_bed_status(&f).bytes_left);
		cr_expect_eq(replay_all().erased, 0u);
	}
	cr_expect_eq(poll_all(slow).erased, 0u);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(erase_bed_files_with(&f, SECRET), 0u);
}

/* An owner that erases nothing itself does not show it, either. */
Test(erase, it_is_known_to_an_owner_without_erasures_too)
{
	begin();
	uint32_t slow = fixture_subscription(&f, "slow", "people");
	publish_rounds();
	(void)erase(WEIR_ALL_TOPICS);
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	f.options.erasures_max = 0;
	open_topics();
	cr_expect_eq(replay_all().erased, 0u);
	cr_expect_eq(poll_all(slow).erased, 0u);
	struct weir_problem why;
	cr_expect_eq(weir_erase_key(f.pipeline, people, "a", 1, NULL, &why), -EINVAL);
	cr_expect_str_eq(why.field, "erasures_max");
}

static void put_snapshot(const char *key, uint64_t sequence, int expected)
{
	struct weir_snapshot_options o;

	weir_snapshot_options_init(&o);
	o.name = "view";
	o.key = key;
	o.key_bytes = strlen(key);
	o.sequence = sequence;
	o.state = "state of " SECRET;
	o.state_bytes = strlen(o.state);
	cr_expect_eq(weir_snapshot_put(f.pipeline, &o, NULL), expected);
}

static int load_snapshot(const char *key)
{
	struct weir_snapshot_query q;
	struct weir_snapshot s;

	weir_snapshot_query_init(&q);
	q.name = "view";
	q.key = key;
	q.key_bytes = strlen(key);
	int rc = weir_snapshot_load(f.pipeline, &q, &s, NULL);
	weir_snapshot_free(f.pipeline, &s);
	return rc;
}

Test(erase, snapshots_of_the_key_go)
{
	begin();
	publish_rounds();
	put_snapshot("key of " SECRET, 20, 0);
	put_snapshot("other 1", 20, 0);
	cr_expect_eq(load_snapshot("key of " SECRET), 0);
	uint64_t sequence = erase(people);
	cr_expect_eq(load_snapshot("key of " SECRET), -ENOENT);
	cr_expect_eq(load_snapshot("other 1"), 0);
	put_snapshot("key of " SECRET, 20, WEIR_E_TRUNCATED);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(load_snapshot("other 1"), 0);
	cr_expect_eq(erase_bed_files_with(&f, "state of " SECRET), 1u, "that of the other key");
	put_snapshot("key of " SECRET, sequence, 0);
	cr_expect_eq(load_snapshot("key of " SECRET), 0);
}

/* The first event of each key dies; of those that come behind it none is handed out. */
static void let_die(uint32_t subscription)
{
	struct weir_member *member = fixture_member(&f, subscription, "unlucky");
	const struct weir_rejection no = {.verdict = WEIR_VERDICT_DEAD, .reason = 7};
	struct weir_item item;
	uint32_t dead = 0;

	while (dead < OTHERS + 1) {
		int n = weir_poll(member, &item, 1, 100000000);
		cr_assert_geq(n, 0);
		if (n == 0)
			continue;
		cr_assert_eq(weir_reject(member, &item, &no), 0);
		dead++;
	}
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

static uint64_t parked(uint32_t subscription)
{
	struct weir_lag lag;

	cr_assert_eq(weir_lag(f.pipeline, subscription, &lag), 0);
	return lag.parked;
}

/* All letters that are left are purged, and with them what is parked. */
static void purge(uint32_t dead_letters)
{
	struct weir_redrive_options o;
	struct weir_redrive_progress progress = {0};
	struct weir_redrive *redrive;

	weir_redrive_options_init(&o);
	o.dead_letters = dead_letters;
	o.action = WEIR_REDRIVE_PURGE;
	cr_assert_eq(weir_redrive_open(f.pipeline, &o, &redrive, NULL), 0);
	while (!progress.done) {
		cr_assert_geq(weir_redrive_step(redrive, FIXTURE_LONG_NS), 0);
		weir_redrive_progress(redrive, &progress);
	}
	cr_expect_eq(progress.matched, OTHERS, "%lu", progress.matched);
	cr_expect_eq(weir_redrive_close(redrive, FIXTURE_LONG_NS), 0);
}

Test(erase, dead_letters_go_and_what_is_parked_is_given_up)
{
	begin();
	uint32_t dead = fixture_topic(&f, "dead", 1);
	uint32_t unlucky = queue("unlucky", "dead", true);
	uint32_t letters = fixture_subscription(&f, "letters", "dead");
	publish_rounds();
	let_die(unlucky);
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	uint64_t before = (uint64_t)ROUNDS * (OTHERS + 1);
	while (parked(unlucky) < before && fixture_now_ns() < end_ns)
		fixture_sleep_ns(1000000);
	cr_expect_eq(parked(unlucky), before);
	uint64_t sequence = erase(WEIR_ALL_TOPICS);
	/* Nobody redrives it, and still nothing waits behind it any more. */
	while (parked(unlucky) >= before && fixture_now_ns() < end_ns)
		fixture_sleep_ns(1000000);
	cr_expect_lt(parked(unlucky), before);
	struct seen seen = poll_all(letters);
	cr_expect_eq(seen.erased, 0u);
	cr_expect_eq(seen.others, OTHERS);
	purge(dead);
	seen = poll_all(unlucky);
	cr_expect_eq(seen.erased, 0u);
	cr_expect_eq(seen.gaps, 0u);
	cr_expect_eq(seen.others, (ROUNDS - 1) * OTHERS);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(erase_bed_files_with(&f, SECRET), 0u);
}

/* Of a queue that has nothing else; nothing is parked meanwhile. */
static struct weir_item poll_secret(struct weir_member *member, uint32_t subscription)
{
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_item item = {.key = NULL};

	while (weir_poll(member, &item, 1, 100000000) != 1 && fixture_now_ns() < end_ns)
		cr_assert_eq(parked(subscription), 0u);
	cr_assert(item.key != NULL && memcmp(item.key, "key of " SECRET, item.key_bytes) == 0);
	return item;
}

Test(erase, a_key_goes_on_when_what_is_in_hand_is_erased_and_then_dies)
{
	const struct weir_rejection no = {.verdict = WEIR_VERDICT_DEAD, .reason = 7};

	begin();
	(void)fixture_topic(&f, "dead", 1);
	uint32_t unlucky = queue("unlucky", "dead", true);
	struct weir_member *member = fixture_member(&f, unlucky, "unlucky");
	fixture_wait(producer, publish(people, "key of " SECRET, "payload of " SECRET));
	struct weir_item item = poll_secret(member, unlucky);
	(void)erase(people);
	cr_assert_eq(weir_reject(member, &item, &no), 0);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	fixture_wait(producer, publish(people, "key of " SECRET, "public"));
	item = poll_secret(member, unlucky);
	cr_expect(memcmp(item.payload, "public", 6) == 0);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

/* A life that is killed: it tells the sequence of its record, and erases until then. */
static uint64_t live_and_die(bool is_first, uint64_t after_ns)
{
	int told[2];
	uint64_t sequence = 0;

	cr_assert_eq(pipe(told), 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		open_topics();
		if (is_first) {
			publish_rounds();
			sequence = erase(WEIR_ALL_TOPICS);
		} else {
			sequence = erase_bed_status(&f).asked_sequence;
		}
		fixture_need(write(told[1], &sequence, sizeof sequence) == sizeof sequence, "told");
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(told[0], &sequence, sizeof sequence), (ssize_t)sizeof sequence);
	fixture_sleep_ns(after_ns);
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	(void)close(told[0]);
	(void)close(told[1]);
	return sequence;
}

Test(erase, owners_that_are_killed_in_the_middle_leave_it_to_the_next)
{
	erase_bed_init(&f);
	uint64_t sequence = live_and_die(true, 0);
	for (uint64_t life = 1; life <= 6; life++)
		cr_expect_eq(live_and_die(false, life * 25000000), sequence);
	open_topics();
	cr_expect_eq(replay_all().erased, 0u);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(erase_bed_files_with(&f, SECRET), 0u);
	struct seen seen = replay_all();
	cr_expect_eq(seen.erased, 0u);
	cr_expect_eq(seen.gaps, 0u);
	cr_expect_eq(seen.others, ROUNDS * OTHERS);
}
