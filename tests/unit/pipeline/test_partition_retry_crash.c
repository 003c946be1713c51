/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an event of a partition that kills its process is a dead letter in the end, and its
 * neighbours are not, nor is what another partition's dies beside.
 *
 * Method: processes of their own that die in one event, on one journal.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/dead_letters.h>

#include "tests/support/queue_bed.h"

#define NUMBERS 40u
#define PAIR_NUMBERS 6u
/* Nothing comes for so long, in so many polls: nothing comes. */
#define EMPTY_POLLS 50u
#define EMPTY_NS (300 * MS)

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_PARTITION;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 3;
}

TestSuite(partition_retry_crash, .init = setup, .fini = queue_end, .timeout = 120);

/* Handles all that there is, and dies in one event: 0: it came to the end. */
static void child(uint32_t poison, const char *counts_path)
{
	fixture_open(&queue_bed.f);
	uint32_t id = queue_make();
	struct weir_member *member = fixture_member(&queue_bed.f, id, NULL);
	FILE *counts = fopen(counts_path, "a");
	struct weir_lag lag = {.events = 1};
	while (lag.events > 0 || !lag.exact) {
		struct weir_item items[16];
		int polled = weir_poll(member, items, 16, MS);
		for (int i = 0; i < polled; i++) {
			uint32_t number = (uint32_t)fixture_number(&items[i]);
			(void)fprintf(counts, "%u %u\n", number, items[i].attempts);
			(void)fflush(counts);
			if (number == poison)
				(void)raise(SIGKILL);
			if (weir_ack(member, &items[i]) != 0)
				_exit(2);
		}
		if (weir_lag(queue_bed.f.pipeline, id, &lag) != 0)
			_exit(4);
	}
	if (weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) != 0)
		_exit(3);
	fixture_close(&queue_bed.f, NULL);
	_exit(0);
}

/* A process that does that: whether it dies of it. */
static bool dies(void (*life)(uint32_t number, const char *path), uint32_t number, const char *path)
{
	int status = 0;
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0)
		life(number, path);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		cr_assert_eq(WEXITSTATUS(status), 0, "%d", WEXITSTATUS(status));
	return !WIFEXITED(status);
}

Test(partition_retry_crash, what_kills_its_process_ends_in_the_dead_letters_alone)
{
	const uint32_t poison = 19;
	char path[1024];
	uint32_t killed = 0;
	uint32_t come[NUMBERS] = {0};
	(void)snprintf(path, sizeof path, "%s.counts", queue_bed.f.dir);
	uint32_t id = queue_make();
	uint32_t letters = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	for (uint64_t i = 0; i < NUMBERS; i++)
		queue_publish_keyed(i % 8, i);
	fixture_close(&queue_bed.f, NULL);
	while (killed < 20 && dies(child, poison, path))
		killed++;
	/* Two say nothing of it, then each counts. */
	cr_assert_eq(killed, 5, "%u", killed);
	fixture_open(&queue_bed.f);
	id = queue_make();
	struct weir_member *undertaker = fixture_member(&queue_bed.f, letters, NULL);
	struct weir_member *member = fixture_member(&queue_bed.f, id, NULL);
	struct weir_item letter = queue_next(undertaker);
	struct weir_origin origin;
	cr_expect_eq(fixture_number(&letter), poison);
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect_eq(origin.attempts, 3);
	cr_assert_eq(weir_ack(undertaker, &letter), 0);
	cr_expect_eq(fixture_poll_rest(undertaker), 0);
	cr_expect_eq(fixture_poll_rest(member), 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(id), 0);
	FILE *counts = fopen(path, "r");
	unsigned number, attempts;
	cr_assert_not_null(counts);
	while (fscanf(counts, "%u %u", &number, &attempts) == 2) {
		come[number]++;
		cr_expect(number == poison || attempts == 1, "%u: attempt %u", number, attempts);
	}
	(void)fclose(counts);
	(void)unlink(path);
	cr_expect_eq(come[poison], killed);
	for (uint32_t i = 0; i < NUMBERS; i++)
		cr_expect_geq(come[i], 1, "%u never came", i);
}

/* --- two partitions --------------------------------------------------------------------------- */

/* Number 0 is alone in its partition. */
static void publish_pair(void)
{
	for (uint64_t i = 0; i < PAIR_NUMBERS; i++) {
		struct weir_event event = fixture_event(queue_bed.topic, NULL, &i);
		uint64_t ticket;
		event.partition_set = true;
		event.partition = i == 0 ? 0 : 1;
		cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
		fixture_wait(queue_bed.producer, ticket);
	}
}

static void need(bool good, int code)
{
	if (!good)
		_exit(code);
}

/*
 * In the first two lives the other partition goes on by one event, and the process dies. From then
 * on it dies where events of both are in hand; what comes alone is handled.
 */
static void child_of_pair(uint32_t life, const char *attempts_path)
{
	fixture_open(&queue_bed.f);
	uint32_t id = queue_make(), held_count = 0, empty = 0;
	uint64_t came_ns = fixture_now_ns();
	struct weir_member *member = fixture_member(&queue_bed.f, id, NULL);
	FILE *attempts = fopen(attempts_path, "a");
	struct weir_item held[PAIR_NUMBERS];
	struct weir_lag lag = {.events = 1};
	bool has_first = false, has_other = false;
	while (lag.events > 0 || !lag.exact) {
		struct weir_item *item = &held[held_count];
		int polled = weir_poll(member, item, 1, MS);
		need(polled >= 0, 2);
		empty = polled > 0 ? 0 : empty + 1;
		came_ns = polled > 0 ? fixture_now_ns() : came_ns;
		bool is_quiet = empty >= EMPTY_POLLS && fixture_now_ns() - came_ns >= EMPTY_NS;
		held_count += (uint32_t)polled;
		has_first |= polled > 0 && fixture_number(item) == 0;
		has_other |= polled > 0 && fixture_number(item) != 0;
		if (polled > 0 && fixture_number(item) == 0)
			(void)fprintf(attempts, "%u\n", item->attempts);
		(void)fflush(attempts);
		if (life < 2 && has_other) {
			need(weir_ack(member, item) == 0, 3);
			need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0,
			     4);
			(void)raise(SIGKILL);
		}
		if (has_first && has_other)
			(void)raise(SIGKILL);
		for (uint32_t i = 0; is_quiet && i < held_count; i++)
			need(weir_ack(member, &held[i]) == 0, 5);
		if (is_quiet) {
			has_first = has_other = false;
			held_count = 0;
		}
		need(weir_lag(queue_bed.f.pipeline, id, &lag) == 0, 6);
	}
	need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0, 7);
	fixture_close(&queue_bed.f, NULL);
	_exit(0);
}

Test(partition_retry_crash, what_another_partition_dies_of_is_no_attempt)
{
	char path[1024];
	uint32_t lives = 0, come = 0;
	unsigned attempts;
	queue_bed.options.attempts_max = 2;
	(void)snprintf(path, sizeof path, "%s.attempts", queue_bed.f.dir);
	(void)queue_make();
	uint32_t letters = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	publish_pair();
	fixture_close(&queue_bed.f, NULL);
	while (lives < 20 && dies(child_of_pair, lives, path))
		lives++;
	/* Both were in hand once, when the other partition had not yet been at one place twice. */
	cr_expect_eq(lives, 3, "%u", lives);
	fixture_open(&queue_bed.f);
	struct weir_member *undertaker = fixture_member(&queue_bed.f, letters, NULL);
	cr_expect_eq(fixture_poll_rest(undertaker), 0, "a dead letter of an innocent");
	FILE *counts = fopen(path, "r");
	cr_assert_not_null(counts);
	for (; fscanf(counts, "%u", &attempts) == 1; come++)
		cr_expect_eq(attempts, 1, "%u", attempts);
	(void)fclose(counts);
	(void)unlink(path);
	cr_expect_geq(come, 2);
}
