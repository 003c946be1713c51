/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   SIGKILL of a process that works a queue loses nothing of it: what was settled durably
 *         never comes back, what was not comes again, attempts that were durable stay counted, and
 *         a dead letter stands in one of the two places. An event that kills its process comes to
 *         its last attempt all the same, and none that died with it is counted (L33).
 * Method: lives of a child in one journal: it publishes, polls, acknowledges, rejects, lets leases
 *         run out, and reads the dead letters, and is killed at a drawn moment, while it opens or
 *         works. What was durable it writes into memory that it shares with its parent, and each
 *         life is held against that. The last one drains the queue and ends by itself. Then, in
 *         another journal, a handler that calls abort() for one event, life after life.
 *
 * --lives N: so many (tools/soak).
 *
 * Plain main(), TAP: it forks.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define NUMBERS 100000u
#define KEYS 8u
#define ATTEMPTS_MAX 3u
#define ITEMS 8u
#define MS 1000000ull
#define ACTS 64u

/* What is durable of a number, and what was seen of it. */
struct known {
	uint8_t durable, settled, seen;
	uint8_t attempts; /* that failed */
	uint64_t letter;  /* its dead letter's sequence; 0: none */
};

/* Shared by all lives. */
struct ledger {
	wr_atomic_u32 working;
	uint32_t given; /* numbers: a life may have published some of them and not know */
	uint64_t settles, rejects, letters, again;
	char fault[200];
	struct known known[NUMBERS];
};

struct act {
	uint32_t number, attempts;
	bool failed;
};

static struct ledger *ledger;
static struct fixture f;
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((seed >> 33) % below);
}

static void fault(const char *what, uint64_t number, uint64_t more)
{
	if (ledger->fault[0] == '\0')
		(void)snprintf(ledger->fault, sizeof ledger->fault, "%s: %llu, %llu", what,
			       (unsigned long long)number, (unsigned long long)more);
}

/* ---- a life ---- */

struct life {
	uint32_t topic, queue, undertaking;
	struct weir_producer *producer;
	struct weir_member *member, *undertaker;
	struct act acts[ACTS]; /* since the last commit */
	uint32_t act_count;
	uint32_t drained; /* that failed in the last life */
};

static uint32_t subscribe(const char *name, const char *const *topic, bool queue, uint64_t lease_ns)
{
	struct weir_subscription_options options;
	struct weir_problem problem;
	uint32_t id;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = topic;
	options.topic_count = 1;
	options.start = WEIR_START_OLDEST;
	options.gate = WEIR_LEVEL_DURABLE;
	if (queue) {
		options.order = WEIR_ORDER_KEY;
		options.outstanding_max = 64;
		options.lease_ns = lease_ns;
		options.retry_delay_min_ns = options.retry_delay_max_ns = 0;
		options.attempts_max = ATTEMPTS_MAX;
		options.dead_letters = "dead";
	}
	fixture_need(weir_subscription_create(f.pipeline, &options, &id, &problem) == 0,
		     problem.text);
	return id;
}

/* Leases run out only where nobody waits for what is settled under them. */
static void begin(struct life *l, bool drains)
{
	uint64_t lease_ns = drains || ledger->settles == 0 ? 10000 * MS : 10 * MS;
	static const char *const work[] = {"work"}, *const dead[] = {"dead"};
	struct weir_member_options options;
	struct weir_problem problem;
	fixture_open(&f);
	l->topic = fixture_topic(&f, "work", 4);
	(void)fixture_topic(&f, "dead", 1);
	l->queue = subscribe("queue", work, true, lease_ns);
	l->undertaking = subscribe("undertaker", dead, false, 0);
	l->producer = fixture_producer(&f, NULL);
	l->undertaker = fixture_member(&f, l->undertaking, NULL);
	weir_member_options_init(&options);
	options.in_flight_max = 16;
	fixture_need(weir_member_join(f.pipeline, l->queue, &options, &l->member, &problem) == 0,
		     problem.text);
}

/* A number is given before it is published: none twice. */
static void publish(struct life *l)
{
	uint64_t ticket = 0;
	uint32_t first = ledger->given, end = first + 1 + draw(20);
	while (ledger->given < end) {
		uint64_t number = ledger->given++, key = 1 + number % KEYS;
		struct weir_event event = fixture_event(l->topic, &key, &number);
		fixture_need(weir_publish(l->producer, &event, &ticket) == 0, "a publish");
	}
	fixture_wait(l->producer, ticket);
	for (uint32_t i = first; i < end; i++)
		ledger->known[i].durable = 1;
}

static void commit(struct life *l)
{
	int rc = weir_member_commit(l->member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS);
	fixture_need(rc == 0 || rc == WEIR_E_FENCED, "a commit");
	for (uint32_t i = 0; rc == 0 && i < l->act_count; i++) {
		const struct act *act = &l->acts[i];
		struct known *known = &ledger->known[act->number];
		if (act->failed) {
			known->attempts = (uint8_t)act->attempts;
			ledger->rejects++;
		} else {
			if (known->settled != 0 || known->letter != 0)
				fault("settled twice", act->number, known->letter);
			known->settled = 1;
			ledger->settles++;
		}
	}
	l->act_count = 0;
}

static void act_on(struct life *l, const struct weir_item *item, bool drains)
{
	fixture_need(item->kind == WEIR_ITEM_EVENT, "a gap");
	uint32_t number = (uint32_t)fixture_number(item);
	struct known *known = &ledger->known[number];
	ledger->again += (item->flags & WEIR_ITEM_REDELIVERED) != 0;
	if (known->settled != 0)
		fault("what was settled came again", number, item->sequence);
	if (known->letter != 0)
		fault("what was a dead letter came again", number, item->sequence);
	if (item->attempts <= known->attempts)
		fault("attempts went down", number, item->attempts);
	if (item->attempts > ATTEMPTS_MAX)
		fault("it was tried too often", number, item->attempts);
	known->seen = 1;
	/* The last life fails at one of each kind, so that some do whenever the others end. */
	uint32_t way = !drains ? draw(20) : l->drained < 2 ? 1 + l->drained++ : 99;
	struct weir_rejection rejection = {.delay_ns = draw(2) * MS, .text = "no"};
	if (way == 0)
		return; /* its lease runs out */
	if (way == 1)
		rejection.verdict = WEIR_VERDICT_DEAD;
	int rc = way < 6 ? weir_reject(l->member, item, &rejection) : weir_ack(l->member, item);
	fixture_need(rc == 0 || rc == WEIR_E_FENCED || rc == WEIR_E_AGAIN, "an answer");
	if (rc == 0)
		l->acts[l->act_count++] = (struct act){number, item->attempts, way < 6};
}

static void read_letters(struct life *l)
{
	struct weir_item items[ITEMS];
	int count = weir_poll(l->undertaker, items, ITEMS, 0);
	fixture_need(count >= 0, "a poll of the dead letters");
	for (int i = 0; i < count; i++) {
		struct weir_origin origin;
		uint32_t number = (uint32_t)fixture_number(&items[i]);
		struct known *known = &ledger->known[number];
		if (!weir_item_origin(&items[i], &origin) || origin.attempts < known->attempts ||
		    origin.attempts > ATTEMPTS_MAX)
			fault("a dead letter of no good origin", number, known->attempts);
		if (known->settled != 0)
			fault("a dead letter of what was settled", number, items[i].sequence);
		if (known->letter != 0 && known->letter != items[i].sequence)
			fault("two dead letters", number, items[i].sequence);
		known->letter = items[i].sequence;
		ledger->letters++;
		fixture_need(weir_ack(l->undertaker, &items[i]) == 0, "an ack of a dead letter");
	}
}

static void work(struct life *l, bool drains)
{
	struct weir_item items[ITEMS];
	int count = weir_poll(l->member, items, 1 + draw(ITEMS), MS);
	fixture_need(count >= 0, "a poll");
	for (int i = 0; i < count; i++)
		act_on(l, &items[i], drains);
	if (draw(3) == 0 || l->act_count > ACTS - ITEMS)
		commit(l);
	read_letters(l);
}

static uint64_t left(uint32_t id)
{
	struct weir_lag lag;
	fixture_need(weir_lag(f.pipeline, id, &lag) == 0, "lag");
	return lag.events;
}

static int live(uint64_t of_seed, bool drains)
{
	static struct life l;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	seed = of_seed;
	begin(&l, drains);
	publish(&l);
	while (!drains) {
		if (ledger->given + 20 < NUMBERS)
			publish(&l);
		for (uint32_t i = draw(5); i > 0; i--)
			work(&l, false);
		if (ledger->settles > 0)
			wr_store_release(&ledger->working, 1u);
	}
	uint64_t until = fixture_now_ns() + 2 * FIXTURE_LONG_NS;
	while ((left(l.queue) > 0 || left(l.undertaking) > 0) && fixture_now_ns() < until)
		work(&l, true);
	if (left(l.queue) > 0)
		fault("events are left over", left(l.queue), 0);
	commit(&l);
	fixture_close(&f, NULL);
	return 0;
}

/* ---- a life with an event that kills ---- */

#define POISON_EVENTS 40u
#define POISON 17u
#define POISON_LIVES_MAX (POISON_EVENTS + 12)

struct poisoned {
	uint32_t lives;
	uint32_t met;                    /* times that the poison was handed to the handler */
	uint32_t handled[POISON_EVENTS]; /* of each */
	uint32_t letters, letter_attempts;
};

static struct poisoned *poisoned;

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	(void)context, (void)member;
	uint32_t number = (uint32_t)fixture_number(item);
	if (number == POISON) {
		poisoned->met++;
		abort();
	}
	if (item->attempts != 1)
		fault("an innocent was counted", number, item->attempts);
	poisoned->handled[number]++;
	return WEIR_HANDLED_OK;
}

static void read_letter(struct weir_member *undertaker)
{
	struct weir_item item;
	struct weir_origin origin;
	if (weir_poll(undertaker, &item, 1, MS) != 1)
		return;
	poisoned->letters++;
	if (fixture_number(&item) != POISON || !weir_item_origin(&item, &origin))
		fault("a dead letter of another", fixture_number(&item), 0);
	else
		poisoned->letter_attempts = origin.attempts;
	fixture_need(weir_ack(undertaker, &item) == 0, "an ack of a dead letter");
}

static int live_poisoned(void)
{
	struct life l = {0};
	struct weir_member_options options;
	struct weir_problem problem;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_DUMPABLE, 0); /* abort() leaves no core */
	begin(&l, true);
	if (poisoned->lives == 0) {
		uint64_t ticket = 0;
		for (uint64_t number = 0; number < POISON_EVENTS; number++) {
			struct weir_event event = fixture_event(l.topic, &number, &number);
			fixture_need(weir_publish(l.producer, &event, &ticket) == 0, "a publish");
		}
		fixture_wait(l.producer, ticket);
	}
	poisoned->lives++;
	weir_member_options_init(&options);
	options.handler = handle;
	options.in_flight_max = 16;
	struct weir_member *worker;
	fixture_need(weir_member_leave(l.member, FIXTURE_LONG_NS) == 0, "a leave");
	fixture_need(weir_member_join(f.pipeline, l.queue, &options, &worker, &problem) == 0,
		     problem.text);
	uint64_t until = fixture_now_ns() + 2 * FIXTURE_LONG_NS;
	while ((left(l.queue) > 0 || left(l.undertaking) > 0) && fixture_now_ns() < until)
		read_letter(l.undertaker);
	if (left(l.queue) > 0)
		fault("events are left over", left(l.queue), 0);
	fixture_close(&f, NULL);
	return 0;
}

static void check_poisoned(void)
{
	int status = 0;
	bool ended = false;
	poisoned = mmap(NULL, sizeof *poisoned, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (poisoned == MAP_FAILED)
		return;
	ledger->fault[0] = '\0';
	fixture_init(&f, FIXTURE_DURABLE);
	for (uint32_t i = 0; i < POISON_LIVES_MAX && !ended && ledger->fault[0] == '\0'; i++) {
		(void)fflush(NULL);
		pid_t pid = fork();
		if (pid == 0)
			_exit(live_poisoned());
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			break;
		ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		if (!ended && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT))
			break;
	}
	fixture_end(&f);
	uint32_t unhandled = 0;
	for (uint32_t i = 0; i < POISON_EVENTS; i++)
		unhandled += i != POISON && poisoned->handled[i] == 0;
	tap_note("%u lives, of which it ended %u", poisoned->lives, poisoned->met);
	if (ledger->fault[0] != '\0')
		tap_note("%s", ledger->fault);
	tap_check(ended && poisoned->letters == 1 && poisoned->letter_attempts == ATTEMPTS_MAX,
		  "an event that kills its process ends in the dead letters after its attempts");
	tap_check(ledger->fault[0] == '\0' && unhandled == 0,
		  "and all others were handled, none of them counted");
}

/* ---- the parent ---- */

static bool run_life(uint64_t of_seed, bool drains)
{
	int status = 0;
	wr_store_relaxed(&ledger->working, 0u);
	seed = of_seed;
	bool early = draw(4) == 0 && ledger->settles > 0;
	uint64_t nap_ns = draw(early ? 5000 : 60000) * 1000ull;
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(live(of_seed, drains));
	if (pid < 0)
		return false;
	for (uint64_t until = fixture_now_ns() + 2 * FIXTURE_LONG_NS;
	     !drains && !early && wr_load_acquire(&ledger->working) == 0 &&
	     waitpid(pid, &status, WNOHANG) == 0 && fixture_now_ns() < until;)
		fixture_sleep_ns(MS / 4);
	if (!drains) {
		fixture_sleep_ns(nap_ns);
		(void)kill(pid, SIGKILL);
	}
	bool ended = waitpid(pid, &status, 0) == pid;
	bool good = ended && (drains ? WIFEXITED(status) && WEXITSTATUS(status) == 0
				     : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	if (!good)
		tap_note("a life ended with status %d", status);
	return good;
}

int main(int argc, char **argv)
{
	uint32_t lives = 6, missing = 0;
	if (argc == 3 && strcmp(argv[1], "--lives") == 0)
		lives = (uint32_t)strtoul(argv[2], NULL, 10);
	ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (ledger == MAP_FAILED)
		return 1;
	fixture_init(&f, FIXTURE_DURABLE);
	uint64_t first = test_seed();
	bool good = true;
	for (uint32_t i = 0; i <= lives && good && ledger->fault[0] == '\0'; i++)
		good = run_life(first + i, i == lives);
	if (ledger->fault[0] != '\0')
		tap_note("%s", ledger->fault);
	for (uint32_t i = 0; i < ledger->given; i++) {
		const struct known *known = &ledger->known[i];
		missing += known->durable != 0 && known->seen == 0 && known->letter == 0;
	}
	tap_note("%u published, %llu settled, %llu failed, %llu letters, %llu again; %u never seen",
		 ledger->given, (unsigned long long)ledger->settles,
		 (unsigned long long)ledger->rejects, (unsigned long long)ledger->letters,
		 (unsigned long long)ledger->again, missing);
	tap_check(good, "%u lives were killed, and the last one came to its end", lives);
	tap_check(ledger->fault[0] == '\0' && missing == 0,
		  "what was durable of the queue stayed as it was, and nothing is missing");
	tap_check(ledger->settles > 0 && ledger->rejects > 0 && ledger->letters > 0 &&
			  ledger->again > 0,
		  "there was something to lose");
	fixture_end(&f);
	check_poisoned();
	return tap_end();
}
