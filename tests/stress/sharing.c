/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a shared subscription worked by many threads at once loses nothing, takes one
 *         acknowledgement of an event and no second, counts attempts upwards, keeps a key's order,
 *         and gives what is dead to the dead letters once.
 * Method: the public API alone, on memory-only logs and on journals, in both orders. Producers
 *         publish keyed numbers; members poll, acknowledge, reject, extend, sit on what they have
 *         beyond a short lease, leave and come again; two have handlers. What a member is told
 *         by a commit is held against what was known of the event before it acknowledged it. In
 *         the end all is drained, and the log's own account must say that nothing is left.
 *
 * usage: sharing [milliseconds of a round [that round alone]]
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define PRODUCERS 2u
#define MEMBERS 3u
#define HANDLERS 2u
#define KEYS 16u
#define NUMBERS 200000u
#define ATTEMPTS_MAX 4u
#define ITEMS 16u
#define MS 1000000ull

struct body {
	uint32_t number;
	uint32_t key;
	uint32_t count; /* of this key, from 1 */
	/* More than what is said of an event: in memory nothing holds acknowledgements back. */
	uint8_t filling[300];
};

/* What is known of a number, by anybody. */
struct known {
	wr_atomic_u32 polled;
	wr_atomic_u32 settled; /* a commit said so */
	wr_atomic_u32 letters;
	wr_atomic_u32 attempts; /* the most that an item said */
};

static struct known known[NUMBERS];
static struct {
	struct fixture f;
	uint32_t topic, dead_topic, queue, undertaking;
	bool durable, by_key, dead_letters;
	wr_atomic_u32 stop_publishing, stop_reading;
	wr_atomic_u32 published;    /* numbers given */
	wr_atomic_u32 newest[KEYS]; /* count that was handed out */
	wr_atomic_u64 faults, items, again, rejects, held, fenced, commits, letters, gaps, leaves;
	wr_atomic_u64 handled;
} s;

static unsigned tests_run, tests_failed;

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*seed >> 33) % below);
}

static void count_one(wr_atomic_u64 *counter)
{
	(void)wr_add_relaxed(counter, 1u);
}

static void fault(const char *what, uint64_t a, uint64_t b)
{
	if (wr_add_relaxed(&s.faults, 1u) < 10) {
		(void)printf("# %s: %llu %llu\n", what, (unsigned long long)a,
			     (unsigned long long)b);
		(void)fflush(stdout);
	}
}

/* ---- producers ---- */

static void *produce(void *argument)
{
	uint32_t me = *(const uint32_t *)argument, counts[KEYS] = {0};
	uint64_t seed = me + 77;
	struct weir_producer *producer = fixture_producer(&s.f, NULL);
	while (wr_load_relaxed(&s.stop_publishing) == 0) {
		uint32_t key = draw(&seed, KEYS / PRODUCERS) * PRODUCERS + me;
		struct body body = {wr_add_relaxed(&s.published, 1u), key, ++counts[key], {0}};
		struct weir_event event = {
			.topic = s.topic,
			.key = &body.key,
			.key_bytes = sizeof body.key,
			.payload = &body,
			.payload_bytes = sizeof body,
		};
		if (body.number >= NUMBERS)
			break;
		if (weir_publish(producer, &event, NULL) != 0)
			fault("an event was refused", body.number, 0);
		if (draw(&seed, 32) == 0)
			fixture_sleep_ns(MS / 4);
	}
	if (weir_producer_close(producer, FIXTURE_LONG_NS) != 0)
		fault("a producer did not close", me, 0);
	return NULL;
}

/* ---- what an item says ---- */

/* What was known of an event before its acknowledgement: were it accepted all the same, a fault. */
struct before {
	uint32_t number;
	const char *wrong;
};

static void raise_to(wr_atomic_u32 *most, uint32_t value)
{
	uint32_t now = wr_load_relaxed(most);
	while (now < value && !wr_cas_acq_rel(most, &now, value))
		;
}

static const struct body *see(const struct weir_item *item)
{
	const struct body *body = item->payload;
	if (item->kind != WEIR_ITEM_EVENT) {
		count_one(&s.gaps);
		if (s.durable)
			fault("a gap", item->sequence, 0);
		return NULL;
	}
	if (item->payload_bytes != sizeof *body || body->number >= NUMBERS || body->key >= KEYS) {
		fault("an event that nobody published", item->sequence, item->payload_bytes);
		return NULL;
	}
	count_one(&s.items);
	if ((item->flags & WEIR_ITEM_REDELIVERED) != 0)
		count_one(&s.again);
	if (item->attempts == 0 || (s.dead_letters && item->attempts > ATTEMPTS_MAX))
		fault("attempts that cannot be", item->attempts, body->number);
	(void)wr_add_relaxed(&known[body->number].polled, 1u);
	raise_to(&known[body->number].attempts, item->attempts);
	raise_to(&s.newest[body->key], body->count);
	return body;
}

static struct before look(const struct weir_item *item, const struct body *body)
{
	struct known *k = &known[body->number];
	struct before before = {.number = body->number};
	if (wr_load_acquire(&k->settled) != 0)
		before.wrong = "it was settled by another";
	else if (wr_load_acquire(&k->letters) != 0)
		before.wrong = "it was a dead letter";
	else if (wr_load_acquire(&k->attempts) > item->attempts)
		before.wrong = "another had it after this one";
	else if (s.by_key && wr_load_acquire(&s.newest[body->key]) > body->count)
		before.wrong = "a later one of its key was handed out";
	return before;
}

/* ---- members that poll ---- */

struct reader {
	uint64_t seed;
	struct weir_member *member;
	struct before acked[256]; /* since the last commit */
	uint32_t acked_count;
};

static void commit(struct reader *r)
{
	enum weir_level level =
		s.durable && draw(&r->seed, 4) == 0 ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
	int rc = weir_member_commit(r->member, level, FIXTURE_LONG_NS);
	if (rc == WEIR_E_FENCED)
		count_one(&s.fenced);
	else if (rc != 0)
		fault("a commit failed", (uint64_t)-rc, 0);
	count_one(&s.commits);
	for (uint32_t i = 0; rc == 0 && i < r->acked_count; i++) {
		const struct before *before = &r->acked[i];
		if (before->wrong != NULL)
			fault(before->wrong, before->number, 0);
		if (wr_add_acq_rel(&known[before->number].settled, 1u) != 0)
			fault("an event was settled twice", before->number, 0);
	}
	r->acked_count = 0;
}

static void acknowledge(struct reader *r, const struct weir_item *item, const struct body *body)
{
	struct before before = {0};
	if (body != NULL)
		before = look(item, body);
	int rc = weir_ack(r->member, item);
	if (rc == 0 && body != NULL)
		r->acked[r->acked_count++] = before;
	else if (rc != 0 && rc != WEIR_E_FENCED)
		fault("an ack was refused", item->sequence, (uint64_t)-rc);
	if (r->acked_count == sizeof r->acked / sizeof r->acked[0])
		commit(r);
}

static void reject(struct reader *r, const struct weir_item *item)
{
	struct weir_rejection rejection = {
		.verdict = draw(&r->seed, 8) == 0 ? WEIR_VERDICT_RELEASE : WEIR_VERDICT_RETRY,
		.reason = draw(&r->seed, 100),
		.delay_ns = draw(&r->seed, 3) * MS / 2,
		.text = draw(&r->seed, 2) == 0 ? "no" : NULL,
	};
	if (s.dead_letters && draw(&r->seed, 8) == 0)
		rejection.verdict = WEIR_VERDICT_DEAD;
	int rc = weir_reject(r->member, item, &rejection);
	if (rc != 0 && rc != WEIR_E_FENCED && rc != WEIR_E_AGAIN)
		fault("a reject was refused", item->sequence, (uint64_t)-rc);
	count_one(&s.rejects);
}

static void act(struct reader *r, const struct weir_item *item, bool drains)
{
	const struct body *body = see(item);
	uint32_t way = drains || body == NULL ? 99 : draw(&r->seed, 100);
	if (way < 8) {
		reject(r, item);
	} else if (way < 9) {
		count_one(&s.held); /* its lease runs out */
	} else if (way < 11) {
		int rc = weir_extend(r->member, item, draw(&r->seed, 3) * 2 * MS);
		if (rc != 0 && rc != WEIR_E_FENCED && rc != WEIR_E_AGAIN)
			fault("a lease was not extended", item->sequence, (uint64_t)-rc);
	} else {
		acknowledge(r, item, body);
	}
}

static void join(struct reader *r)
{
	struct weir_member_options options;
	struct weir_problem problem;
	weir_member_options_init(&options);
	options.in_flight_max = 1 + draw(&r->seed, 64);
	fixture_need(weir_member_join(s.f.pipeline, s.queue, &options, &r->member, &problem) == 0,
		     "a member");
}

static void *read_queue(void *argument)
{
	static struct reader readers[MEMBERS];
	uint32_t me = *(const uint32_t *)argument;
	struct reader *r = &readers[me];
	*r = (struct reader){.seed = me + 5};
	while (wr_load_relaxed(&s.stop_reading) == 0) {
		join(r);
		for (uint32_t polls = 100 + draw(&r->seed, 400);
		     polls > 0 && wr_load_relaxed(&s.stop_reading) == 0; polls--) {
			struct weir_item items[ITEMS];
			bool drains = wr_load_relaxed(&s.stop_publishing) != 0;
			int count = weir_poll(r->member, items, 1 + draw(&r->seed, ITEMS), MS);
			if (count < 0)
				fault("a poll failed", (uint64_t)-count, 0);
			for (int i = 0; i < count; i++)
				act(r, &items[i], drains);
			if (draw(&r->seed, 200) == 0)
				fixture_sleep_ns(8 * MS); /* beyond the lease of what it has */
			if (draw(&r->seed, 8) == 0)
				commit(r);
		}
		commit(r);
		if (weir_member_leave(r->member, FIXTURE_LONG_NS) != 0)
			fault("a member did not leave", me, 0);
		count_one(&s.leaves);
	}
	return NULL;
}

/* ---- handlers, and the dead letters ---- */

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	uint64_t *seed = context;
	uint32_t way = draw(seed, 100);
	(void)member;
	count_one(&s.handled);
	if (see(item) == NULL || wr_load_relaxed(&s.stop_publishing) != 0)
		return WEIR_HANDLED_OK;
	if (way == 0)
		fixture_sleep_ns(7 * MS);
	return way < 6 ? WEIR_HANDLED_RETRY : way < 8 ? WEIR_HANDLED_DEAD : WEIR_HANDLED_OK;
}

static void *bury(void *member)
{
	while (wr_load_relaxed(&s.stop_reading) == 0) {
		struct weir_item item;
		struct weir_origin origin;
		int count = weir_poll(member, &item, 1, MS);
		if (count < 0)
			fault("a poll of the dead letters failed", (uint64_t)-count, 0);
		if (count <= 0)
			continue;
		const struct body *body = item.payload;
		if (item.kind != WEIR_ITEM_EVENT && !s.durable) {
			/* What went by of other topics before the group had looked at it. */
			count_one(&s.gaps);
			continue;
		}
		if (item.kind != WEIR_ITEM_EVENT || item.payload_bytes != sizeof *body ||
		    body->number >= NUMBERS) {
			fault("a dead letter that nobody published", item.sequence, item.kind);
			continue;
		}
		if (!weir_item_origin(&item, &origin) || origin.subscription != s.queue ||
		    origin.topic != s.topic || origin.sequence >= item.sequence ||
		    origin.attempts == 0 || origin.attempts > ATTEMPTS_MAX)
			fault("a dead letter of no good origin", body->number, origin.attempts);
		if (wr_add_acq_rel(&known[body->number].letters, 1u) != 0)
			fault("a dead letter came twice", body->number, 0);
		if (wr_load_acquire(&known[body->number].settled) != 0)
			fault("a dead letter of what was settled", body->number, 0);
		count_one(&s.letters);
		if (weir_ack(member, &item) != 0)
			fault("a dead letter could not be acknowledged", body->number, 0);
	}
	return NULL;
}

/* ---- rounds ---- */

/* Or find it, with another lease from now on. */
static void make_queue(uint64_t lease_ns)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options options;
	struct weir_problem problem;
	weir_subscription_options_init(&options);
	options.name = "queue";
	options.topics = topics;
	options.topic_count = 1;
	options.order = s.by_key ? WEIR_ORDER_KEY : WEIR_ORDER_NONE;
	options.outstanding_max = 100;
	options.lease_ns = lease_ns;
	options.retry_delay_min_ns = MS / 4;
	options.retry_delay_max_ns = MS;
	options.attempts_max = s.dead_letters ? ATTEMPTS_MAX : 0;
	options.dead_letters = s.dead_letters ? "dead" : NULL;
	fixture_need(weir_subscription_create(s.f.pipeline, &options, &s.queue, &problem) == 0,
		     problem.text);
}

static void open_queue(void)
{
	fixture_open(&s.f);
	s.topic = fixture_topic(&s.f, "work", 4);
	s.dead_topic = fixture_topic(&s.f, "dead", 1);
	s.undertaking = fixture_subscription(&s.f, "undertaker", "dead");
	make_queue(5 * MS);
}

static bool all_is_settled(void)
{
	for (uint64_t until = fixture_now_ns() + 2 * FIXTURE_LONG_NS; fixture_now_ns() < until;) {
		struct weir_lag queue, undertaking;
		fixture_need(weir_lag(s.f.pipeline, s.queue, &queue) == 0 &&
				     weir_lag(s.f.pipeline, s.undertaking, &undertaking) == 0,
			     "lag");
		if (queue.events == 0 && undertaking.events == 0)
			return true;
		fixture_sleep_ns(2 * MS);
	}
	return false;
}

static void run_round(uint32_t milliseconds)
{
	static uint32_t numbers[MEMBERS] = {0, 1, 2};
	static uint64_t seeds[HANDLERS];
	pthread_t producers[PRODUCERS], members[MEMBERS], undertaker;
	struct weir_member *handlers[HANDLERS];
	struct weir_close_report report;
	open_queue();
	struct weir_member *buries = fixture_member(&s.f, s.undertaking, NULL);
	bool good = pthread_create(&undertaker, NULL, bury, buries) == 0;
	for (uint32_t i = 0; i < HANDLERS; i++) {
		struct weir_member_options options;
		weir_member_options_init(&options);
		seeds[i] = i;
		options.handler = handle;
		options.handler_context = &seeds[i];
		options.in_flight_max = 8;
		good &= weir_member_join(s.f.pipeline, s.queue, &options, &handlers[i], NULL) == 0;
	}
	for (uint32_t i = 0; i < MEMBERS; i++)
		good &= pthread_create(&members[i], NULL, read_queue, &numbers[i]) == 0;
	for (uint32_t i = 0; i < PRODUCERS; i++)
		good &= pthread_create(&producers[i], NULL, produce, &numbers[i]) == 0;
	fixture_need(good, "threads and members");
	fixture_sleep_ns(milliseconds * MS);
	wr_store_release(&s.stop_publishing, 1u);
	for (uint32_t i = 0; i < PRODUCERS; i++)
		(void)pthread_join(producers[i], NULL);
	make_queue(2000 * MS); /* a machine that is slow comes to an end, too */
	if (!all_is_settled())
		fault("what was published was not settled in time", 0, 0);
	wr_store_release(&s.stop_reading, 1u);
	for (uint32_t i = 0; i < MEMBERS; i++)
		(void)pthread_join(members[i], NULL);
	(void)pthread_join(undertaker, NULL);
	for (uint32_t i = 0; i < HANDLERS; i++)
		if (weir_member_leave(handlers[i], FIXTURE_LONG_NS) != 0)
			fault("a handler's member did not leave", i, 0);
	fixture_close(&s.f, &report);
	if (!report.clean || report.dropped_events != 0)
		fault("the close did not end well", report.dropped_events, 0);
}

/* Each was had by somebody, or died of leases that ran out before anybody polled it. */
static bool nothing_is_missing(void)
{
	uint32_t published = wr_load_relaxed(&s.published), missing = 0;
	for (uint32_t i = 0; i < published && i < NUMBERS; i++)
		missing += wr_load_relaxed(&known[i].polled) == 0 &&
			   wr_load_relaxed(&known[i].letters) == 0;
	if (missing > wr_load_relaxed(&s.gaps))
		(void)printf("# %u of %u were never seen\n", missing, published);
	return missing <= wr_load_relaxed(&s.gaps);
}

static void report_round(void)
{
	(void)printf("# %u published, %llu items, %llu again, %llu handled, %llu rejects, "
		     "%llu held, %llu commits, %llu fenced, %llu leaves, %llu letters, %llu gaps\n",
		     wr_load_relaxed(&s.published), (unsigned long long)wr_load_relaxed(&s.items),
		     (unsigned long long)wr_load_relaxed(&s.again),
		     (unsigned long long)wr_load_relaxed(&s.handled),
		     (unsigned long long)wr_load_relaxed(&s.rejects),
		     (unsigned long long)wr_load_relaxed(&s.held),
		     (unsigned long long)wr_load_relaxed(&s.commits),
		     (unsigned long long)wr_load_relaxed(&s.fenced),
		     (unsigned long long)wr_load_relaxed(&s.leaves),
		     (unsigned long long)wr_load_relaxed(&s.letters),
		     (unsigned long long)wr_load_relaxed(&s.gaps));
}

static void test_round(bool durable, bool by_key, bool dead_letters, uint32_t milliseconds)
{
	memset(&s, 0, sizeof s);
	memset(known, 0, sizeof known);
	fixture_init(&s.f, durable ? FIXTURE_DURABLE : FIXTURE_MEMORY);
	s.f.options.pool_bytes = 1u << 20;
	s.f.options.members_max = 8;
	s.durable = durable;
	s.by_key = by_key;
	s.dead_letters = dead_letters;
	run_round(milliseconds);
	report_round();
	bool good = nothing_is_missing() && wr_load_relaxed(&s.faults) == 0 &&
		    wr_load_relaxed(&s.items) > 20 && wr_load_relaxed(&s.commits) > 0;
	tests_run++;
	tests_failed += good ? 0 : 1;
	(void)printf("%sok %u - %s, order %s%s\n", good ? "" : "not ", tests_run,
		     durable ? "journal" : "memory only", by_key ? "by key" : "none",
		     dead_letters ? ", dead letters" : "");
	(void)fflush(stdout);
	fixture_end(&s.f);
}

int main(int argc, char **argv)
{
	uint32_t milliseconds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 80;
	(void)printf("1..4\n");
	uint32_t only = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	for (uint32_t i = 1; i <= 4; i++)
		if (only == 0 || only == i)
			test_round(i > 2, i == 2 || i == 3, i > 1, milliseconds);
	return tests_failed == 0 ? 0 : 1;
}
