/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an event that expects a version of its key is in the log exactly if the key had that one,
 * whoever publishes beside it and whatever restarts came between; who is refused learns what the
 * key has; a repeat is known; a run sees itself and leaves nothing when it is refused.
 * Rules: L7, L9, L15, L16.
 *
 * Method: single cases on a pipeline with a journal; two threads that race for every version of a
 * few keys; restarts by a clean end and by one that drops what was not told, with a checkpoint and
 * from the records alone.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define KEYS 16u

static struct fixture f;
static uint32_t topic;

static void create(const char *name, uint32_t keys, int wants)
{
	struct weir_topic_options o;
	weir_topic_options_init(&o);
	o.name = name;
	o.partitions = 4;
	o.versioned_keys = keys;
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &topic, NULL), wants);
}

static void begin(uint64_t checkpoint_bytes)
{
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.versioned_keys_max = 2 * KEYS;
	f.options.checkpoint_bytes = checkpoint_bytes;
	fixture_open(&f);
	create("accounts", KEYS, 0);
}

static void setup(void)
{
	begin(1u << 30);
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(expected_version, .init = setup, .fini = teardown, .timeout = 60);

static int once(uint64_t key, uint64_t expected, uint64_t number, struct weir_pos *pos)
{
	struct weir_ids ids = {.event_id = &number, .event_id_bytes = sizeof number};
	struct weir_event event = fixture_event(topic, &key, &number);
	event.expected_version = expected;
	event.ids = &ids;
	return weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, pos);
}

static uint32_t version_of(uint64_t key)
{
	uint32_t version = 99;
	cr_assert_eq(weir_key_version(f.pipeline, topic, &key, sizeof key, &version, NULL), 0);
	return version;
}

static void reopen(enum weir_close_mode mode)
{
	(void)weir_close(f.pipeline, mode, FIXTURE_LONG_NS, NULL);
	fixture_open(&f);
}

Test(expected_version, an_event_is_written_if_its_key_has_what_it_expects)
{
	struct weir_pos first = {0}, with = {0};
	struct weir_topic_versions versions;
	uint32_t version;
	uint64_t sequence, key = 1;
	cr_expect_eq(version_of(1), 0);
	cr_assert_eq(once(1, WEIR_VERSION_NONE, 10, &first), 0);
	cr_expect_eq(once(1, WEIR_VERSION_NONE, 11, &with), WEIR_E_CONFLICT);
	cr_expect_eq(with.sequence, first.sequence, "the key's last event");
	cr_expect_eq(with.epoch, 0);
	cr_assert_eq(once(1, 1, 12, &first), 0);
	cr_expect_eq(once(2, WEIR_VERSION_SOME, 13, &with), WEIR_E_CONFLICT);
	cr_expect_eq(with.sequence, 0, "it has none");
	cr_assert_eq(weir_key_version(f.pipeline, topic, &key, sizeof key, &version, &sequence), 0);
	cr_expect_eq(version, 2);
	cr_expect_eq(sequence, first.sequence);
	cr_assert_eq(weir_topic_versions(f.pipeline, topic, &versions), 0);
	cr_expect_eq(versions.keys_max, KEYS);
	cr_expect_eq(versions.keys, 1);
	cr_expect_eq(versions.conflicts, 2);
	struct weir_info info;
	fixture_info(&f, &info);
	cr_expect_eq(info.refused_events, 2, "a question is none: %lu", info.refused_events);
}

Test(expected_version, a_repeat_of_the_last_event_is_no_conflict)
{
	struct weir_pos first = {0}, again = {0};
	cr_assert_eq(once(1, WEIR_VERSION_NONE, 10, &first), 0);
	cr_expect_eq(once(1, WEIR_VERSION_NONE, 10, &again), WEIR_E_DUPLICATE);
	cr_expect_eq(again.sequence, first.sequence);
	reopen(WEIR_CLOSE_ABORT);
	cr_expect_eq(once(1, WEIR_VERSION_NONE, 10, &again), WEIR_E_DUPLICATE);
	cr_expect_eq(again.sequence, first.sequence, "also after a restart");
	cr_expect_eq(version_of(1), 1);
}

Test(expected_version, items_say_which_version_they_made)
{
	struct weir_item item;
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "accounts"), NULL);
	cr_assert_eq(once(1, 0, 10, NULL), 0);
	cr_assert_eq(once(1, 1, 11, NULL), 0);
	struct weir_event keyless = fixture_event(topic, NULL, &(uint64_t){12});
	cr_assert_eq(
		weir_publish_once(f.pipeline, &keyless, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, NULL),
		0);
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		uint64_t number = fixture_number(&item);
		cr_expect_eq(weir_item_version(&item), number == 12 ? 0 : number - 9);
	}
}

/* ---- producers ---- */

static struct weir_ack_range conflicts[4];
static uint32_t conflict_count;

static void on_ack(void *context, const struct weir_ack_range *range)
{
	(void)context;
	if (range->code == WEIR_E_CONFLICT && conflict_count < 4)
		conflicts[conflict_count++] = *range;
	else
		cr_assert_eq(range->code, 0);
}

static uint64_t publish(struct weir_producer *producer, uint64_t key, uint64_t expected)
{
	uint64_t ticket = 0, number = key;
	struct weir_event event = fixture_event(topic, &key, &number);
	event.expected_version = expected;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

Test(expected_version, a_producer_hears_of_each_conflict_what_its_key_has)
{
	struct weir_producer_options o;
	struct weir_producer *producer;
	weir_producer_options_init(&o);
	o.ack_fn = on_ack;
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &producer, NULL), 0);
	for (uint64_t i = 0; i < 3; i++)
		(void)publish(producer, 1, 0);
	(void)publish(producer, 2, 0);
	uint64_t first = publish(producer, 1, 7);
	uint64_t second = publish(producer, 2, WEIR_VERSION_NONE);
	uint64_t last = publish(producer, 1, 3);
	cr_expect_eq(weir_wait(producer, last, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS), 0);
	while (weir_producer_poll_acks(producer) > 0)
		;
	cr_assert_eq(conflict_count, 2);
	cr_expect_eq(conflicts[0].first_ticket, first);
	cr_expect_eq(conflicts[0].version, 3);
	cr_expect_eq(conflicts[1].first_ticket, second);
	cr_expect_eq(conflicts[1].version, 1);
	cr_expect_eq(version_of(1), 4);
}

Test(expected_version, a_run_sees_itself_and_leaves_nothing_when_it_is_refused)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	for (uint32_t attempt = 0; attempt < 2; attempt++) {
		uint64_t ticket = 0, number = 5, key = 1, other = 2;
		struct weir_event event = fixture_event(topic, &key, &number);
		cr_assert_eq(weir_run_begin(producer, 4096), 0);
		event.expected_version = WEIR_VERSION_NONE;
		cr_assert_eq(weir_run_add(producer, &event), 0);
		event.expected_version = 1;
		cr_assert_eq(weir_run_add(producer, &event), 0);
		event = fixture_event(topic, &other, &number);
		event.expected_version = attempt == 0 ? 4 : 0;
		cr_assert_eq(weir_run_add(producer, &event), 0);
		cr_assert_eq(weir_run_commit(producer, &ticket), 0);
		int rc = weir_wait(producer, ticket, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS);
		cr_expect_eq(rc, attempt == 0 ? WEIR_E_CONFLICT : 0);
		cr_expect_eq(version_of(1), attempt == 0 ? 0 : 2);
		cr_expect_eq(version_of(2), attempt == 0 ? 0 : 1);
		(void)weir_producer_poll_acks(producer);
	}
}

/* ---- limits ---- */

Test(expected_version, keys_are_bounded_and_end_when_somebody_says_so)
{
	uint64_t key = 3, number = 1;
	struct weir_event event = fixture_event(topic, &key, &number);
	for (uint64_t i = 0; i < KEYS; i++)
		cr_assert_eq(once(i, 0, i + 1, NULL), 0);
	cr_expect_eq(once(KEYS, 0, 50, NULL), WEIR_E_FULL);
	event.expected_version = 1;
	event.ends_key = true;
	cr_assert_eq(
		weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, NULL),
		0);
	cr_expect_eq(version_of(3), 0);
	cr_expect_eq(once(KEYS, WEIR_VERSION_NONE, 51, NULL), 0);
	reopen(WEIR_CLOSE_DRAIN);
	cr_expect_eq(version_of(3), 0);
	cr_expect_eq(version_of(KEYS), 1);
	cr_expect_eq(once(3, 0, 52, NULL), WEIR_E_FULL);
}

Test(expected_version, what_makes_no_sense_is_refused_at_once)
{
	uint64_t key = 3, number = 1;
	uint32_t version;
	struct weir_event event = fixture_event(topic, NULL, &number);
	event.expected_version = 1;
	cr_expect_eq(weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DEFAULT, 0, NULL), -EINVAL);
	cr_expect_eq(weir_key_version(f.pipeline, topic, &key, 0, &version, NULL), -EINVAL);
	cr_expect_eq(weir_key_version(f.pipeline, topic + 1, &key, 8, &version, NULL),
		     WEIR_E_UNKNOWN_NAME);
	create("accounts", KEYS + 1, WEIR_E_EXISTS);
	create("accounts", KEYS, 0);
	create("others", KEYS + 1, WEIR_E_FULL);
	topic = fixture_topic(&f, "plain", 1);
	event = fixture_event(topic, &key, &number);
	event.ends_key = true;
	cr_expect_eq(weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DEFAULT, 0, NULL), -EINVAL);
	cr_expect_eq(weir_key_version(f.pipeline, topic, &key, 8, &version, NULL), -EINVAL);
}

/* ---- two writers, and restarts ---- */

#define RACES 150u

/* Adds one to a key's version, as who reads, thinks and writes does. */
static void *race(void *ret_won)
{
	static wr_atomic_u64 last_id;
	uint32_t won = 0;
	for (uint64_t i = 0; i < RACES; i++) {
		uint64_t key = i % 3, id = wr_add_relaxed(&last_id, 1u);
		uint32_t version = version_of(key);
		int rc = once(key, version == 0 ? WEIR_VERSION_NONE : version, id, NULL);
		fixture_need(rc == 0 || rc == WEIR_E_CONFLICT, "won or lost");
		won += rc == 0;
	}
	*(uint32_t *)ret_won = won;
	return NULL;
}

static void live_through(uint64_t checkpoint_bytes)
{
	uint32_t won[2] = {0}, sum = 0;
	fixture_end(&f);
	begin(checkpoint_bytes);
	for (uint32_t round = 0; round < 3; round++) {
		pthread_t thread;
		cr_assert_eq(pthread_create(&thread, NULL, race, &won[0]), 0);
		race(&won[1]);
		cr_assert_eq(pthread_join(thread, NULL), 0);
		sum += won[0] + won[1];
		cr_expect_eq(version_of(0) + version_of(1) + version_of(2), sum);
		reopen(round % 2 == 0 ? WEIR_CLOSE_ABORT : WEIR_CLOSE_DRAIN);
		cr_expect_eq(version_of(0) + version_of(1) + version_of(2), sum);
	}
	cr_expect_geq(sum, 3 * RACES, "one of two wins at least");
}

Test(expected_version, two_that_race_win_each_version_once)
{
	live_through(1u << 30);
}

Test(expected_version, also_out_of_checkpoints)
{
	struct weir_info info;
	live_through(1);
	fixture_info(&f, &info);
	cr_expect_gt(info.recovery.checkpoint_sequence, 0);
}

Test(expected_version, smaller_limits_are_told_at_the_open)
{
	struct weir_problem problem = {0};
	cr_assert_eq(weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	f.options.versioned_keys_max = KEYS - 1;
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	cr_expect_eq(rc, -EINVAL, "%d %s", rc, problem.text);
	cr_expect_not_null(strstr(problem.text, "versioned_keys_max"), "%s", problem.text);
	f.options.versioned_keys_max = KEYS;
	fixture_open(&f);
}
