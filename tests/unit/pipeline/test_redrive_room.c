/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what a job over dead letters leaves in a journal keeps no program from opening and takes
 *         no place from it, however exactly that has planned; what a program has itself is refused
 *         as ever where it is too much. A job begins with nobody's dead letters only if it is told.
 * Method: letters of a program with just its own places; a job by a process with more, as a command
 *         of an operator is; the program again. And with a journal that was cut off behind the
 *         record of the job's subscription, before any checkpoint had it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/pipeline/redrive_bed.h"

#define LETTERS 20u
#define PLANNED 8u /* outstanding at once: fewer than the letters that a job leaves */

static void begin_passing(void)
{
	begin(WEIR_DEAD_PASS);
}

TestSuite(redrive_room, .init = begin_passing, .fini = queue_end, .timeout = 60);

static void plan(uint32_t subscriptions, uint32_t outstanding)
{
	queue_bed.f.options.subscriptions_max = subscriptions;
	queue_bed.f.options.outstanding_max = outstanding;
}

/* What an operator's command has: places for all, and nothing that names dead letters. */
static void open_as_command(void)
{
	fixture_close(&queue_bed.f, NULL);
	plan(16, 4096);
	fixture_open(&queue_bed.f);
	options.adopt = true;
}

static int open_pipeline(void)
{
	struct weir_problem *problem = &queue_bed.problem;
	*problem = (struct weir_problem){.code = 0};
	return weir_open(&queue_bed.f.options, &queue_bed.f.pipeline, problem);
}

/* Letters are there, and a job has looked at them all and left them. */
static void leave_letters(void)
{
	make_letters(1, 0, LETTERS);
	open_as_command();
	options.action = WEIR_REDRIVE_LOOK;
	cr_assert_eq(run_job().looked, LETTERS);
	fixture_close(&queue_bed.f, NULL);
}

Test(redrive_room, a_program_opens_with_just_its_own_places)
{
	uint32_t seen[EVENTS] = {0}, id;
	leave_letters();
	plan(2, PLANNED);
	cr_assert_eq(open_pipeline(), 0, "%s: %s", queue_bed.problem.field, queue_bed.problem.text);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	cr_assert_eq(queue_make(), queue);
	/* All of its places are its own: a second one, and no third. */
	(void)fixture_subscription(&queue_bed.f, "reports", "work");
	queue_bed.options.name = "third";
	cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id, NULL),
		     WEIR_E_FULL);
	queue_bed.options.name = "queue";
	/* And so many events at once, whatever the job has left. */
	queue_publish(100, 100 + PLANNED);
	worker = queue_join(queue, PLANNED);
	cr_assert_eq(fixture_poll(worker, NULL, 0, PLANNED, false), PLANNED);
	cr_assert_eq(weir_member_leave(worker, FIXTURE_LONG_NS), 0);
	/* A job in the program itself takes nothing but what is on record. */
	options.action = WEIR_REDRIVE;
	options.adopt = false;
	cr_expect_eq(run_job().copied, LETTERS);
	worker = queue_join(queue, PLANNED);
	cr_expect_eq(queue_drain(worker, seen, LETTERS + PLANNED), LETTERS + PLANNED);
	for (uint32_t i = 0; i < LETTERS; i++)
		cr_expect_eq(seen[i], 1, "%u came %u times", i, seen[i]);
}

Test(redrive_room, what_the_program_has_itself_is_refused_as_ever)
{
	(void)fixture_subscription(&queue_bed.f, "reports", "work");
	leave_letters();
	plan(1, 4096);
	cr_expect_eq(open_pipeline(), -EINVAL);
	cr_expect_str_eq(queue_bed.problem.field, "subscriptions_max");
	cr_expect_not_null(strstr(queue_bed.problem.text, "nothing was changed"));
	plan(2, 4096);
	cr_expect_eq(open_pipeline(), 0, "%s", queue_bed.problem.text);
	/* By what is kept, and not by what it costs: at the end of what an open may have. */
	fixture_close(&queue_bed.f, NULL);
	plan(4096, 4096);
	cr_expect_eq(open_pipeline(), 0, "%s", queue_bed.problem.text);
}

/* kill -9 behind the job's beginning: its subscription is a record, and in no checkpoint. */
Test(redrive_room, what_only_a_record_has_counts_as_well)
{
	char command[4 * TEST_PATH_BYTES], copy[TEST_PATH_BYTES + 8];
	make_letters(1, 0, LETTERS);
	open_as_command();
	options.action = WEIR_REDRIVE_LOOK;
	struct weir_redrive *job = open_job();
	(void)snprintf(copy, sizeof copy, "%s.cut", queue_bed.f.dir);
	(void)snprintf(command, sizeof command, "cp -r '%s' '%s'", queue_bed.f.dir, copy);
	cr_assert_eq(system(command), 0);
	cr_assert_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	fixture_close(&queue_bed.f, NULL);
	plan(1, PLANNED);
	queue_bed.f.options.dir = copy;
	cr_expect_eq(open_pipeline(), 0, "%s: %s", queue_bed.problem.field, queue_bed.problem.text);
	cr_expect_eq(queue_make(), queue);
	cr_expect_eq(run_job().looked, LETTERS);
	fixture_close(&queue_bed.f, NULL);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", copy);
	cr_assert_eq(system(command), 0);
}

Test(redrive_room, nobodys_dead_letters_are_refused_unless_they_are_adopted)
{
	struct weir_redrive *job;
	uint32_t id;
	options.dead_letters = queue_bed.topic;
	cr_expect_eq(weir_redrive_open(queue_bed.f.pipeline, &options, &job, &queue_bed.problem),
		     WEIR_E_UNKNOWN_NAME);
	cr_expect_str_eq(queue_bed.problem.field, "dead_letters");
	cr_expect_neq(weir_subscription_find(queue_bed.f.pipeline, "dlq.work", &id), 0);
	options.adopt = true;
	job = open_job();
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	options.adopt = false;
	options.dead_letters = queue_bed.dead_topic;
	job = open_job(); /* the queue has it */
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	fixture_close(&queue_bed.f, NULL);
	fixture_open(&queue_bed.f);
	job = open_job(); /* nobody has it, but there was a job */
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
}
