/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   SIGKILL of a process in the middle of a redrive: each dead letter is redriven once, by
 *         whichever life, as a copy or in place; what is parked behind follows in order.
 * Method: a journal with letters of two queues, one of which parks; lives of a child that redrives
 *         at a pace and is killed at a drawn moment; the last one comes to the end. Then the copies
 *         are counted in the journal, and a worker gets what was parked.
 *
 * Plain main(), TAP: it forks.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/atomic.h"
#include "tests/crash/killed_life.h"
#include "tests/support/pipeline_fixture.h"

#define MS 1000000ull
#define LETTERS 120u /* of each queue; each parked one has another event behind it */
#define LIVES 6u

struct shared {
	wr_atomic_u32 working;
	wr_atomic_u64 redriven;
};

static struct shared *shared;
static struct fixture f;
static uint32_t seen[LETTERS];
static uint32_t foreign;

static uint32_t subscribe(const char *name, enum weir_when_dead when_dead)
{
	struct weir_subscription_options options;
	struct weir_problem problem;
	uint32_t id;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = &name;
	options.topic_count = 1;
	options.order = WEIR_ORDER_KEY;
	options.dead_letters = "dead";
	options.when_dead = when_dead;
	fixture_need(weir_subscription_create(f.pipeline, &options, &id, &problem) == 0,
		     problem.text);
	return id;
}

static struct weir_member *join(uint32_t id)
{
	struct weir_member *member;
	struct weir_problem problem;
	fixture_need(weir_member_join(f.pipeline, id, NULL, &member, &problem) == 0, problem.text);
	return member;
}

static uint64_t lag_of(uint32_t id, uint64_t *ret_parked)
{
	struct weir_lag lag;
	fixture_need(weir_step(f.pipeline, MS) >= 0 && weir_lag(f.pipeline, id, &lag) == 0, "lag");
	*ret_parked = lag.parked;
	return lag.events;
}

/* Each event of the topic has a key of its own, `more` times over; the first of each dies. */
static void make_letters(const char *name, enum weir_when_dead when_dead, uint32_t more)
{
	uint32_t topic = fixture_topic(&f, name, 2), id = subscribe(name, when_dead);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = join(id);
	struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	uint64_t ticket = 0, parked = 0;
	for (uint64_t number = 0; number < (1 + more) * LETTERS; number++) {
		uint64_t key = 1 + number % LETTERS;
		struct weir_event event = fixture_event(topic, &key, &number);
		fixture_need(weir_publish(producer, &event, &ticket) == 0, "a publish");
	}
	fixture_wait(producer, ticket);
	for (uint32_t i = 0; i < LETTERS; i++) {
		struct weir_item item;
		fixture_need(fixture_poll(member, &item, 1, 1, false) == 1, "a poll");
		fixture_need(weir_reject(member, &item, &dead) == 0, "a rejection");
	}
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (lag_of(id, &parked) > parked && fixture_now_ns() < until)
		;
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "leaving");
}

/* ---- a life ---- */

static int live(uint32_t dead, bool to_the_end)
{
	struct weir_redrive_options options;
	struct weir_redrive_progress progress;
	struct weir_redrive *job;
	struct weir_problem problem;
	fixture_open(&f);
	weir_redrive_options_init(&options);
	options.dead_letters = dead;
	options.adopt = true;
	options.per_second = to_the_end ? 0 : 4000;
	fixture_need(weir_redrive_open(f.pipeline, &options, &job, &problem) == 0, problem.text);
	do {
		fixture_need(weir_redrive_step(job, MS) >= 0, "a step");
		weir_redrive_progress(job, &progress);
		wr_store_release(&shared->working, progress.looked > 0 ? 1u : 0u);
	} while (!progress.done);
	(void)wr_add_relaxed(&shared->redriven, progress.in_place + progress.copied);
	fixture_need(weir_redrive_close(job, FIXTURE_LONG_NS) == 0, "a close");
	fixture_close(&f, NULL);
	return 0;
}

/* ---- what became of it ---- */

static int count_copy(void *context, const struct weir_journal_event *event)
{
	struct weir_origin origin;
	(void)context;
	if (event->control || event->topic_name == NULL || strcmp(event->topic_name, "dead") == 0 ||
	    !weir_item_origin(&event->item, &origin))
		return 0;
	uint64_t number = fixture_number(&event->item);
	if (strcmp(event->topic_name, "passing") == 0 && number < LETTERS)
		seen[number]++;
	else
		foreign++;
	return 0;
}

static uint32_t wrong_copies(void)
{
	struct weir_journal_visitor visitor;
	uint32_t wrong = 0;
	weir_journal_visitor_init(&visitor);
	visitor.event = count_copy;
	fixture_need(weir_journal_inspect(f.dir, &visitor, NULL, NULL) == 0, "reading it");
	for (uint32_t i = 0; i < LETTERS; i++)
		wrong += seen[i] != 1;
	return wrong + foreign;
}

/* The dead one of each key, then the one behind it, each once; and nothing else. */
static uint32_t wrong_parked(void)
{
	uint32_t id = subscribe("parking", WEIR_DEAD_PARK), wrong = 0;
	struct weir_member *member = join(id);
	static uint32_t times[2 * LETTERS];
	for (uint32_t i = 0; i < 2 * LETTERS; i++) {
		struct weir_item item;
		if (fixture_poll(member, &item, 1, 1, false) != 1)
			return 2 * LETTERS - i;
		uint64_t number = fixture_number(&item);
		wrong += times[number]++ != 0;
		wrong += number >= LETTERS && times[number - LETTERS] == 0;
		fixture_need(weir_ack(member, &item) == 0, "an ack");
	}
	return wrong + fixture_poll_rest(member);
}

int main(void)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	uint64_t seed = test_seed();
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	fixture_open(&f);
	uint32_t dead = fixture_topic(&f, "dead", 1);
	make_letters("passing", WEIR_DEAD_PASS, 0);
	make_letters("parking", WEIR_DEAD_PARK, 1);
	fixture_close(&f, NULL);
	bool good = true;
	uint32_t killed = 0;
	for (uint32_t i = 0; i <= LIVES && good; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		good = killed_life(live, dead, i == LIVES, &shared->working, (seed >> 33) % 12 * MS,
				   &killed);
	}
	tap_check(good, "of %u lives %u were killed at work, the others came to their end",
		  LIVES + 1, killed);
	uint64_t last = wr_load_relaxed(&shared->redriven);
	tap_note("%llu of %u were left to those that came to an end", (unsigned long long)last,
		 2 * LETTERS);
	uint32_t wrong = wrong_copies();
	tap_check(wrong == 0, "each letter has one copy where it came from: %u have not", wrong);
	/* As many as the program has, and none for the job's: its opens are no worse for that. */
	f.options.subscriptions_max = 2;
	fixture_open(&f);
	wrong = wrong_parked();
	tap_check(wrong == 0, "what was parked comes once, the dead one first: %u do not", wrong);
	fixture_end(&f);
	return tap_end();
}
