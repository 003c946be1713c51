/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir dlq` lists the letters that wait, shows one, redrives and purges those that are
 *         named, each once and a parked key in place; `weir group` says where subscriptions stand
 *         and moves them, and with `weir topic` what is copied where. A dry run changes nothing; a
 *         journal that is open elsewhere is refused.
 * Method: a queue with dead letters, closed; the commands in a child process, judged by text and
 *         exit code; then the journal opened again, and what comes is counted.
 */
#include <criterion/criterion.h>

#include <weir/binding.h>

#include "tests/support/capture.h"
#include "tests/support/queue_bed.h"
#include "tools/weir/args.h"

static struct capture c;
static uint32_t queue;
static uint64_t died_seq; /* of what died last */
static struct weir_member *worker;

#define DLQ(command, ...) CAPTURE(&c, cmd_dlq, "dlq", command, queue_bed.f.dir, __VA_ARGS__)
#define GROUP(command, ...) CAPTURE(&c, cmd_group, "group", command, queue_bed.f.dir, __VA_ARGS__)
#define GROUPS() CAPTURE(&c, cmd_group, "group", "ls", queue_bed.f.dir)

static void kill_next(uint64_t number)
{
	struct weir_item item = queue_next(worker);
	struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD,
				   .reason = (uint32_t)number,
				   .text = "no such product"};
	cr_assert_eq(fixture_number(&item), number);
	died_seq = item.sequence;
	cr_assert_eq(weir_reject(worker, &item, &r), 0);
	queue_commit(worker);
}

/* Keys "1" to "3" have 10, 20, 30, which died; of the first 11 waits behind it. Closed. */
static void begin(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.when_dead = WEIR_DEAD_PARK;
	queue = queue_make();
	worker = queue_join(queue, 4);
	queue_publish_keyed(1, 10);
	kill_next(10);
	queue_publish_keyed(1, 11);
	queue_bed.options.when_dead = WEIR_DEAD_PASS;
	cr_assert_eq(queue_make(), queue);
	for (uint64_t key = 2; key <= 3; key++) {
		queue_publish_keyed(key, 10 * key);
		kill_next(10 * key);
	}
	while (queue_lag(queue) > 2)
		;
	fixture_close(&queue_bed.f, NULL);
}

TestSuite(dlq_cli, .init = begin, .fini = queue_end, .timeout = 120);

static uint32_t lines(const char *text)
{
	uint32_t count = 0;
	for (; (text = strchr(text, '\n')) != NULL; text++)
		count++;
	return count;
}

/* What the worker gets, as a set; nothing else comes. */
static void expect_seen(const uint64_t *numbers, uint32_t count)
{
	uint32_t seen[EVENTS] = {0};
	fixture_open(&queue_bed.f);
	cr_assert_eq(queue_make(), queue);
	worker = queue_join(queue, 4);
	cr_expect_eq(queue_drain(worker, seen, count), count);
	for (uint32_t i = 0; i < count; i++)
		cr_expect_eq(seen[numbers[i]], 1, "%llu", (unsigned long long)numbers[i]);
	queue_commit(worker);
	cr_expect_eq(fixture_poll_rest(worker), 0);
}

Test(dlq_cli, letters_are_listed_and_one_is_shown)
{
	DLQ("ls", "dead");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_eq(lines(c.out), 4, "%s", c.out);
	cr_expect_not_null(
		strstr(c.out, "rejected attempts=1 reason=10 \"no such product\" parked"));
	cr_expect_not_null(strstr(c.out, "reason=20 \"no such product\" waits\n"), "%s", c.out);
	cr_expect_not_null(strstr(c.out, "queue work["));
	cr_expect_not_null(strstr(c.out, "3 letters\n"));
	DLQ("ls", "dead", "--reason", "20", "--json");
	cr_expect_eq(c.exit_code, 0);
	cr_expect_eq(lines(c.out), 1, "%s", c.out);
	const char *at = strstr(c.out, "\"sequence\":");
	cr_assert_not_null(at);
	char sequence[32];
	snprintf(sequence, sizeof sequence, "%llu", strtoull(strchr(at, ':') + 1, NULL, 10));
	DLQ("show", "dead", sequence);
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "payload \"\\x14\\x00"), "%s", c.out);
	DLQ("show", "dead", sequence, "--json", "--hex");
	cr_expect_not_null(strstr(c.out, "\"payload_hex\": \"1400000000000000\""), "%s", c.out);
	DLQ("show", "dead", "1");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	DLQ("ls", "dead", "--key", "0200000000000000", "--hex");
	cr_expect_not_null(strstr(c.out, "1 letters\n"), "%s", c.out);
	DLQ("ls", "dead", "--subscription", "queue", "--count", "2");
	cr_expect_not_null(strstr(c.out, "2 letters\n"), "%s", c.out);
	DLQ("ls", "dead", "--from", sequence, "--to", sequence);
	cr_expect_not_null(strstr(c.out, "1 letters\n"), "%s", c.out);
}

Test(dlq_cli, they_are_redriven_once_and_a_dry_run_does_nothing)
{
	DLQ("redrive", "dead", "--dry-run");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "3 matched: 1 redriven in place, 2 by a copy"), "%s",
			   c.out);
	DLQ("redrive", "dead", "--rate", "1000", "--json");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "\"in_place\": 1"), "%s", c.out);
	cr_expect_not_null(strstr(c.out, "\"copied\": 2"), "%s", c.out);
	DLQ("redrive", "dead");
	cr_expect_not_null(strstr(c.out, "0 matched"), "%s", c.out);
	DLQ("ls", "dead");
	cr_expect_str_eq(c.out, "0 letters\n");
	DLQ("ls", "dead", "--all");
	cr_expect_not_null(strstr(c.out, "3 letters\n"), "%s", c.out);
	cr_expect_null(strstr(c.out, "parked"), "none of them is: %s", c.out);
	cr_expect_not_null(strstr(c.out, "reason=10 \"no such product\" handled\n"), "%s", c.out);
	DLQ("ls", "dead", "--all", "--json");
	cr_expect_not_null(strstr(c.out, "\"parked\":false,\"state\":\"handled\""), "%s", c.out);
	/* A command that opens it with threads says that, and did not live to. */
	CAPTURE(&c, cmd_journal, "journal", "erase", queue_bed.f.dir);
	cr_expect_eq(c.exit_code, 0, "%d %s", c.exit_code, c.err);
	cr_expect_not_null(strstr(c.err, "room for 1 subscriptions of jobs over dead letters"),
			   "%s", c.err);
	expect_seen((const uint64_t[]){10, 11, 20, 30}, 4);
}

Test(dlq_cli, what_is_purged_is_gone_and_its_key_goes_on)
{
	DLQ("purge", "dead");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	DLQ("purge", "dead", "--all", "--dry-run");
	cr_expect_not_null(strstr(c.out, "3 matched"), "%s", c.out);
	DLQ("purge", "dead", "--reason", "10");
	cr_expect_not_null(strstr(c.out, "1 purged"), "%s", c.out);
	DLQ("purge", "dead", "--all", "--dry-run");
	cr_expect_not_null(strstr(c.out, "2 matched"), "of those that wait: %s", c.out);
	DLQ("redrive", "dead", "--into", "work", "--reason", "20");
	cr_expect_not_null(strstr(c.out, "1 by a copy"), "%s", c.out);
	expect_seen((const uint64_t[]){11, 20}, 2);
}

/* A seek of the queue gives up what is parked: a redrive of its letter makes a copy then. */
Test(dlq_cli, behind_a_seek_nothing_is_said_to_be_parked)
{
	GROUP("reset", "queue", "--to-end");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	DLQ("ls", "dead");
	cr_expect_not_null(strstr(c.out, "3 letters\n"), "%s", c.out);
	cr_expect_null(strstr(c.out, "parked"), "%s", c.out);
	DLQ("redrive", "dead", "--dry-run");
	cr_expect_not_null(strstr(c.out, "0 redriven in place, 3 by a copy"), "%s", c.out);
	DLQ("redrive", "dead");
	cr_expect_not_null(strstr(c.out, "0 redriven in place, 3 by a copy"), "%s", c.out);
}

/* A job's subscription lasts: over a topic of other events it would hold those for good. */
Test(dlq_cli, a_topic_of_other_events_is_refused_and_nothing_is_left_behind)
{
	fixture_open(&queue_bed.f);
	(void)fixture_topic(&queue_bed.f, "empty", 1);
	fixture_close(&queue_bed.f, NULL);
	DLQ("redrive", "work");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d %s", c.exit_code, c.err);
	cr_expect_not_null(strstr(c.err, "topic \"work\" holds events and no dead letter"), "%s",
			   c.err);
	DLQ("purge", "work", "--all");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d %s", c.exit_code, c.err);
	DLQ("ls", "work");
	cr_expect_eq(c.exit_code, 0, "%d %s", c.exit_code, c.err);
	cr_expect_str_eq(c.err, "weir: topic \"work\" holds events and no dead letter\n");
	DLQ("ls", "empty");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_str_eq(c.err, "");
	DLQ("redrive", "empty");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "0 letters looked at"), "%s", c.out);
	GROUPS();
	cr_expect_null(strstr(c.out, "dlq."), "%s", c.out);
	/* Letters that no job was over are told by themselves. */
	DLQ("redrive", "dead", "--reason", "20");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "1 by a copy"), "%s", c.out);
	DLQ("redrive", "work");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "a copy that came back is no letter");
	DLQ("redrive", "empty", "--force");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	GROUPS();
	cr_expect_not_null(strstr(c.out, "dlq.empty: order none, empty,"), "%s", c.out);
	/* And from then on without being told. */
	DLQ("redrive", "empty", "--json");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "\"done\": true"), "%s", c.out);
}

Test(dlq_cli, groups_are_listed_described_and_moved)
{
	fixture_open(&queue_bed.f);
	uint32_t id = fixture_subscription(&queue_bed.f, "readers", "work");
	struct weir_member *reader = fixture_member(&queue_bed.f, id, NULL);
	cr_assert_eq(fixture_poll(reader, NULL, 0, 4, true), 4);
	queue_commit(reader);
	fixture_close(&queue_bed.f, NULL);
	GROUPS();
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "queue: order key, work, next "), "%s", c.out);
	cr_expect_not_null(strstr(c.out, "2 of 4096 outstanding, lag 2 events"), "%s", c.out);
	cr_expect_not_null(strstr(c.out, ", 2 parked\n"), "%s", c.out);
	cr_expect_not_null(strstr(c.out, "readers: order partition, work, "), "%s", c.out);
	GROUP("lag", "readers", "--json");
	cr_expect_not_null(strstr(c.out, "\"lag_events\": 0"), "%s", c.out);
	cr_expect_null(strstr(c.out, "\"queue\""));
	GROUP("describe", "queue");
	cr_expect_not_null(strstr(c.out, "dead_keys  1\n"), "%s", c.out);
	cr_expect_not_null(strstr(c.out, "work[3] next "), "%s", c.out);
	GROUP("describe", "queue", "--json");
	cr_expect_not_null(strstr(c.out, "\"parked\": 2"), "%s", c.out);
	GROUP("reset", "readers", "--to-beginning", "--dry-run");
	cr_expect_not_null(strstr(c.out, "lag 0 events"), "%s", c.out);
	GROUP("reset", "readers", "--to-beginning");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "lag 4 events"), "%s", c.out);
	GROUP("lag", "readers");
	cr_expect_not_null(strstr(c.out, "lag 4 events"), "%s", c.out);
	GROUP("reset", "readers", "--to-end");
	cr_expect_not_null(strstr(c.out, "lag 0 events"), "%s", c.out);
	GROUP("reset", "readers", "--to-time", "-5m");
	cr_expect_not_null(strstr(c.out, "lag 4 events"), "%s", c.out);
	GROUP("reset", "queue", "--to-end");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, " 0 of 4096 outstanding, lag 0 events"), "%s", c.out);
	GROUP("reset", "readers", "--to-sequence", "999999");
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED, "%d: %s", c.exit_code, c.err);
}

Test(dlq_cli, a_letter_and_its_copy_hang_below_their_event_in_a_trace)
{
	char number[24];
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)died_seq);
	DLQ("redrive", "dead", "--key", "0300000000000000", "--hex");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	CAPTURE(&c, cmd_trace, "trace", queue_bed.f.dir, "--sequence", number);
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "<-\n|- "), "%s", c.out);
	cr_expect_not_null(strstr(c.out, " copy_of=\"weir:0:1:"), "%s", c.out);
	cr_expect_not_null(strstr(c.out, "\n`- "), "%s", c.out);
	cr_expect_eq(lines(c.out), 4, "%s", c.out);
	CAPTURE(&c, cmd_journal, "journal", "audit", queue_bed.f.dir, "0300000000000000", "--hex",
		"--json");
	cr_expect_eq(lines(c.out), 3, "%s", c.out);
	cr_expect_not_null(strstr(c.out, "\"copy_of\":\"weir:0:1:"), "%s", c.out);
}

/* An event with an id, which the worker is handed: its sequence. */
static struct weir_item take_named(const char *id, uint64_t key, uint64_t number)
{
	const struct weir_ids ids = {.event_id = id, .event_id_bytes = (uint16_t)strlen(id)};
	struct weir_event event = fixture_event(queue_bed.topic, &key, &number);
	uint64_t ticket;
	event.ids = &ids;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
	return queue_next(worker);
}

/* What a handler makes of it. */
static void publish_because_of(const struct weir_item *cause, const char *id)
{
	const struct weir_ids ids = {.event_id = id, .event_id_bytes = (uint16_t)strlen(id)};
	const uint64_t number = 1;
	struct weir_event event = fixture_event(queue_bed.dead_topic, NULL, &number);
	uint64_t ticket;
	event.ids = &ids;
	event.cause = cause;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
}

/* The line of what `id` names hangs at depth 1 below the sequence. */
static void expect_below(const char *id, uint64_t sequence)
{
	char quoted[64], below[64];
	CAPTURE(&c, cmd_trace, "trace", queue_bed.f.dir, "order", "--json");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	(void)snprintf(quoted, sizeof quoted, "\"event_id\":\"%s\"", id);
	(void)snprintf(below, sizeof below, "\"cause_sequence\":%llu,",
		       (unsigned long long)sequence);
	char *at = strstr(c.out, quoted);
	cr_assert_not_null(at, "%s in %s", id, c.out);
	*at = '\0';
	char *line = strrchr(c.out, '\n');
	cr_expect_not_null(strstr(line != NULL ? line : c.out, below), "%s: not %s but %s", id,
			   below, line);
}

/* The service is there again, behind a command. */
static struct weir_member *work_again(void)
{
	fixture_open(&queue_bed.f);
	cr_assert_eq(queue_make(), queue);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	return queue_join(queue, 4);
}

/* All copies of an event have its id, and so has its letter, which nobody handled. */
Test(dlq_cli, an_effect_hangs_below_what_was_handled_and_not_below_the_letter)
{
	struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD, .reason = 40};
	struct weir_item item, again;
	uint64_t died;
	fixture_open(&queue_bed.f);
	queue_bed.options.when_dead = WEIR_DEAD_PARK;
	cr_assert_eq(queue_make(), queue);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	worker = queue_join(queue, 4);
	item = take_named("order", 9, 40);
	died = item.sequence;
	cr_assert_eq(weir_reject(worker, &item, &r), 0);
	queue_commit(worker);
	while (queue_counts(queue).parked < 2)
		;
	fixture_close(&queue_bed.f, NULL);
	DLQ("redrive", "dead", "--reason", "40");
	cr_expect_not_null(strstr(c.out, "1 redriven in place"), "%s", c.out);
	worker = work_again();
	again = queue_next(worker);
	cr_assert_eq(again.sequence, died);
	publish_because_of(&again, "effect");
	/* It dies once more; then a copy of it is handled. */
	r.reason = 41;
	cr_assert_eq(weir_reject(worker, &again, &r), 0);
	queue_commit(worker);
	while (queue_counts(queue).parked < 2)
		;
	fixture_close(&queue_bed.f, NULL);
	expect_below("effect", died);
	DLQ("redrive", "dead", "--reason", "41", "--into", "work");
	cr_expect_not_null(strstr(c.out, "1 by a copy"), "%s", c.out);
	worker = work_again();
	again = queue_next(worker);
	cr_assert_gt(again.sequence, died);
	publish_because_of(&again, "later");
	fixture_close(&queue_bed.f, NULL);
	expect_below("effect", died);
	expect_below("later", again.sequence);
}

#define SUBSCRIPTIONS 70u /* more than the commands begin with, as are these keys and versions */

Test(dlq_cli, what_the_program_has_more_of_is_found)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options s;
	struct weir_topic_options o;
	uint32_t topic, id;
	weir_topic_options_init(&o);
	o.name = "accounts";
	o.versioned_keys = 3000;
	o.idempotency_keys = 1025;
	o.idempotency_span_ns = 3600 * 1000 * MS;
	queue_bed.f.options.versioned_keys_max = 3000;
	queue_bed.f.options.idempotency_keys_max = 1025;
	queue_bed.f.options.subscriptions_max = SUBSCRIPTIONS;
	fixture_open(&queue_bed.f);
	cr_assert_eq(weir_topic_create(queue_bed.f.pipeline, &o, &topic, NULL), 0);
	for (uint32_t i = 2; i < SUBSCRIPTIONS; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "s%u", i);
		weir_subscription_options_init(&s);
		s.name = name;
		s.topics = topics;
		s.topic_count = 1;
		cr_assert_eq(weir_subscription_create(queue_bed.f.pipeline, &s, &id, NULL), 0);
	}
	fixture_close(&queue_bed.f, NULL);
	DLQ("ls", "dead");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_eq(lines(c.out), 4, "%s", c.out);
	GROUPS();
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "s69: "), "%s", c.out);
	CAPTURE(&c, cmd_group, "group", "ls", queue_bed.f.dir, "--versions-max", "8");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
}

Test(dlq_cli, what_is_copied_where_is_told)
{
	struct weir_topic_options o;
	struct weir_binding_options b;
	uint32_t audit, id;
	weir_topic_options_init(&o);
	o.name = "audit";
	fixture_open(&queue_bed.f);
	struct weir_pipeline *p = queue_bed.f.pipeline;
	cr_assert_eq(weir_topic_create(p, &o, &audit, NULL), 0);
	weir_binding_options_init(&b);
	b.name = "way";
	b.source = queue_bed.topic;
	b.target = audit;
	cr_assert_eq(weir_binding_create(p, &b, &id, NULL), 0);
	fixture_close(&queue_bed.f, NULL);
	GROUPS();
	cr_expect_not_null(strstr(c.out, "way: order partition, work, copied to audit, next"), "%s",
			   c.out);
	GROUP("describe", "way", "--json");
	cr_expect_not_null(strstr(c.out, "\"what\": \"binding\",\n    \"target\": \"audit\""), "%s",
			   c.out);
	CAPTURE(&c, cmd_topic, "topic", "ls", queue_bed.f.dir);
	cr_expect_not_null(strstr(c.out, "  copied to audit (way)\n"), "%s", c.out);
	fixture_open(&queue_bed.f);
	cr_assert_eq(weir_binding_remove(queue_bed.f.pipeline, id, NULL), 0);
	fixture_close(&queue_bed.f, NULL);
	GROUPS();
	cr_expect_not_null(strstr(c.out, "way: order partition, work, copied to nowhere, next"),
			   "%s", c.out);
	CAPTURE(&c, cmd_topic, "topic", "ls", queue_bed.f.dir);
	cr_expect_null(strstr(c.out, "(way)"), "%s", c.out);
}

Test(dlq_cli, what_members_make_is_told)
{
	static const char *const topics[] = {"work"};
	static const char text[] = "{\"InputPath\":\"$.a\"}";
	const struct weir_subscription_filter filter = {.transform = text,
							.transform_bytes = sizeof text - 1};
	struct weir_subscription_options o;
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = "makers";
	o.topics = topics;
	o.topic_count = 1;
	o.filter = &filter;
	fixture_open(&queue_bed.f);
	cr_assert_eq(weir_subscription_create(queue_bed.f.pipeline, &o, &id, NULL), 0);
	fixture_close(&queue_bed.f, NULL);
	GROUP("describe", "makers");
	cr_expect_not_null(strstr(c.out, "  transform  {\"InputPath\":\"$.a\"}\n"), "%s", c.out);
	cr_expect_null(strstr(c.out, "filter"), "%s", c.out);
	GROUP("describe", "makers", "--json");
	cr_expect_not_null(strstr(c.out, "\"transform\": \"{\\\"InputPath\\\":\\\"$.a\\\"}\""),
			   "%s", c.out);
}

Test(dlq_cli, mistakes_are_told)
{
	DLQ("lss", "dead");
	cr_expect_not_null(strstr(c.err, "did you mean ls"), "%s", c.err);
	DLQ("ls", "nowhere");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	DLQ("ls", "dead", "--subscription", "nobody");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	DLQ("redrive", "dead", "--into", "nowhere");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	DLQ("show", "dead", "x");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	DLQ("ls", "dead", "--key", "xyz", "--hex");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	GROUP("describe", "nobody");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	GROUP("reset", "queue");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	GROUP("reset", "queue", "--to-end", "--to-beginning");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	CAPTURE(&c, cmd_group, "group", "ls", "/nowhere/at/all");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d %s", c.exit_code, c.err);
	fixture_open(&queue_bed.f);
	DLQ("ls", "dead");
	cr_expect_eq(c.exit_code, CLI_EXIT_IN_USE);
	cr_expect_not_null(strstr(c.err, "a process has it open"), "%s", c.err);
	GROUPS();
	cr_expect_eq(c.exit_code, CLI_EXIT_IN_USE);
}
