/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a dead letter says what was said when its event failed last, also where the process ended
 *         between that and the letter: of queues and of partitions, behind a close and behind a
 *         kill, from the log and from a checkpoint. Who gives an event back untried says nothing.
 * Method: an event is rejected with a delay that nobody waits for; the open behind that gives up
 *         sooner. Kills are of processes of their own. Copies further on: test_carry.c.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/queue_bed.h"

#define HOUR_NS 3600000000000ull
#define SAID "the warehouse is closed"

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 5;
}

TestSuite(letter_text, .init = setup, .fini = queue_end, .timeout = 120);

/* The next one, which is `number`, fails. */
static void fail_with(struct weir_member *member, const char *text, uint32_t reason)
{
	struct weir_item item = queue_next(member);
	const struct weir_rejection r = {.delay_ns = HOUR_NS, .reason = reason, .text = text};
	fixture_need(weir_reject(member, &item, &r) == 0, "reject");
	fixture_need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0,
		     "commit");
}

/* An event fails in a process that is killed then. */
static void fail_and_die(void)
{
	int status = 0;
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		fixture_open(&queue_bed.f);
		fail_with(queue_join(queue_make(), 4), SAID, 7);
		(void)raise(SIGKILL);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void expect_letter(struct weir_member *undertaker, const char *text, uint32_t reason)
{
	struct weir_item letter;
	struct weir_origin origin;
	do {
		letter = queue_next(undertaker);
		cr_assert_eq(weir_ack(undertaker, &letter), 0);
	} while (!weir_item_origin(&letter, &origin));
	cr_expect(origin.attempts == 1 && origin.reason == reason);
	cr_expect(origin.text_bytes == strlen(text) &&
			  memcmp(origin.text, text, origin.text_bytes) == 0,
		  "%.*s", (int)origin.text_bytes, origin.text);
}

/* From now on one attempt is enough: who looks at the event then buries it. */
static void give_up(uint32_t id, const char *text, uint32_t reason)
{
	uint32_t letters = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	queue_bed.options.attempts_max = 1;
	cr_assert_eq(queue_make(), id);
	struct weir_member *member = queue_join(id, 4);
	for (uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	     queue_lag(id) > 0 && fixture_now_ns() < until;)
		cr_expect_eq(fixture_poll_rest(member), 0, "it is handed out");
	expect_letter(fixture_member(&queue_bed.f, letters, NULL), text, reason);
}

/* What was said is in memory no more then, and below a checkpoint. */
static void fill(void)
{
	fixture_fill(queue_bed.producer, queue_bed.dead_topic, 300);
}

enum end { CLOSE, CHECKPOINT, KILL };

static void live_through(enum weir_order order, enum end end)
{
	fixture_small_segments(&queue_bed.f);
	queue_bed.options.order = order;
	queue_reopen();
	uint32_t id = queue_make();
	queue_publish_keyed(1, 10);
	if (end == KILL) {
		fixture_close(&queue_bed.f, NULL);
		fail_and_die();
	} else {
		fail_with(queue_join(id, 4), SAID, 7);
		if (end == CHECKPOINT)
			fill();
		fixture_close(&queue_bed.f, NULL);
	}
	fixture_open(&queue_bed.f);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	/* With one of the two the open still reads the record itself. */
	if (end == CHECKPOINT) {
		fill();
		queue_reopen();
	}
	give_up(id, SAID, 7);
}

Test(letter_text, a_queues_is_there_behind_a_close)
{
	live_through(WEIR_ORDER_NONE, CLOSE);
}

Test(letter_text, a_queues_is_there_from_a_checkpoint)
{
	live_through(WEIR_ORDER_KEY, CHECKPOINT);
}

Test(letter_text, a_queues_is_there_behind_a_kill)
{
	live_through(WEIR_ORDER_KEY, KILL);
}

Test(letter_text, a_partitions_is_there_from_a_checkpoint)
{
	live_through(WEIR_ORDER_PARTITION, CHECKPOINT);
}

Test(letter_text, a_partitions_is_there_behind_a_kill)
{
	live_through(WEIR_ORDER_PARTITION, KILL);
}

Test(letter_text, who_gives_an_event_back_untried_says_nothing_of_it)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 4);
	queue_publish(1, 2);
	struct weir_item item = queue_next(member);
	struct weir_rejection r = {.reason = 7, .text = SAID};
	cr_assert_eq(weir_reject(member, &item, &r), 0);
	item = queue_next(member);
	r = (struct weir_rejection){.verdict = WEIR_VERDICT_RELEASE, .reason = 8, .text = "no"};
	cr_assert_eq(weir_reject(member, &item, &r), 0);
	queue_commit(member);
	queue_reopen();
	give_up(id, SAID, 7);
}
