/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an event of a partition that kills its process is a dead letter in the end, and its
 * neighbours are not.
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
	for (uint32_t i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status = 0;
		cr_assert_geq(pid, 0);
		if (pid == 0)
			child(poison, path);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			cr_assert_eq(WEXITSTATUS(status), 0, "%d of %u", WEXITSTATUS(status), i);
			break;
		}
		killed++;
	}
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
