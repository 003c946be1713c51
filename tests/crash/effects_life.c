/* SPDX-License-Identifier: Apache-2.0 */
/* See effects_life.h. */
#include "tests/crash/effects_life.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#define MS 1000000ull
#define WORKERS 4u
#define KEYS 16u
#define SESSION_NS (40 * MS)
#define SLEEP_NS (70 * MS)

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*seed >> 33) % below);
}

/* ---- an item ---- */

static void stop_here(struct effects_worker *w, enum effects_place place)
{
	struct effects_ledger *l = w->ledger;
	if (l->place != place || wr_load_relaxed(&l->done) < l->place_after)
		return;
	wr_store_release(&l->stopped, 1u);
	for (;;)
		fixture_sleep_ns(1000 * MS);
}

/* The mark: whether the effect is this handler's to write. */
static enum effects_answer mark(struct effects_worker *w, const struct weir_item *item)
{
	struct weir_ids ids;
	uint64_t position;
	if (w->queue) {
		weir_item_ids(item, &ids);
		return effects_once(w->effects, w->subscription, ids.event_id, ids.event_id_bytes);
	}
	struct effects_owner owner = {w->subscription, item->topic, item->partition, w->epoch,
				      item->generation};
	enum effects_answer rc = EFFECTS_OK;
	if (w->claimed[item->partition] != item->generation)
		rc = effects_claim(w->effects, &owner, &position);
	if (rc == EFFECTS_OK)
		rc = effects_pass(w->effects, &owner, item->sequence);
	return rc;
}

static enum effects_answer transact(struct effects_worker *w, const struct weir_item *item)
{
	enum effects_answer rc = effects_begin(w->effects), marked = EFFECTS_OK;
	if (rc == EFFECTS_OK && w->ledger->marks)
		marked = mark(w, item);
	if (rc == EFFECTS_OK && marked == EFFECTS_OK)
		rc = effects_book(w->effects, w->subscription, fixture_number(item));
	else if (marked == EFFECTS_FAILED || marked == EFFECTS_BUSY)
		rc = marked;
	if (rc == EFFECTS_OK) {
		stop_here(w, EFFECTS_UNCOMMITTED);
		rc = effects_commit(w->effects);
	}
	if (rc != EFFECTS_OK)
		return rc;
	if (!w->queue)
		w->claimed[item->partition] = marked == EFFECTS_FENCED ? 0 : item->generation;
	return marked;
}

enum effects_answer effects_handle(struct effects_worker *w, const struct weir_item *item)
{
	enum effects_answer rc;
	while ((rc = transact(w, item)) == EFFECTS_BUSY)
		effects_rollback(w->effects);
	if (rc == EFFECTS_FAILED) {
		fprintf(stderr, "# the database: %s\n", effects_why(w->effects));
		effects_rollback(w->effects);
		(void)wr_add_relaxed(&w->ledger->faults, 1u);
	} else if (rc == EFFECTS_OK) {
		(void)wr_add_relaxed(&w->ledger->done, 1u);
		stop_here(w, EFFECTS_UNACKNOWLEDGED);
	} else {
		(void)wr_add_relaxed(
			rc == EFFECTS_REPEAT ? &w->ledger->repeats : &w->ledger->fenced, 1u);
	}
	return rc == EFFECTS_REPEAT ? EFFECTS_OK : rc;
}

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	struct effects_worker *w = context;
	(void)member;
	if (item->kind != WEIR_ITEM_EVENT)
		return WEIR_HANDLED_OK;
	if (w->sleepy && draw(&w->seed, 25) == 0)
		fixture_sleep_ns(SLEEP_NS);
	return effects_handle(w, item) == EFFECTS_OK ? WEIR_HANDLED_OK : WEIR_HANDLED_LATER;
}

/* ---- a life ---- */

struct life {
	struct fixture *f;
	struct effects_ledger *ledger;
	uint64_t seed;
	uint32_t topic, books, mails;
	struct weir_producer *producer;
	struct effects_worker workers[WORKERS];
};

static void join(struct life *l, struct effects_worker *w)
{
	struct weir_member_options options;
	struct weir_problem problem;
	weir_member_options_init(&options);
	options.handler = handle;
	options.handler_context = w;
	options.items_max = 16;
	options.in_flight_max = 16;
	memset(w->claimed, 0, sizeof w->claimed);
	fixture_need(weir_member_join(l->f->pipeline, w->queue ? l->mails : l->books, &options,
				      &w->member, &problem) == 0,
		     problem.text);
}

static uint32_t subscribe(struct life *l, const char *name, bool queue, bool drains)
{
	static const char *const topics[] = {"orders"};
	struct weir_subscription_options options;
	struct weir_problem problem;
	uint32_t id;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = topics;
	options.topic_count = 1;
	options.gate = WEIR_LEVEL_DURABLE;
	options.session_timeout_ns = drains ? FIXTURE_LONG_NS : SESSION_NS;
	if (queue) {
		options.order = WEIR_ORDER_KEY;
		options.outstanding_max = 64;
		options.lease_ns = drains ? FIXTURE_LONG_NS : SESSION_NS;
		options.retry_delay_min_ns = options.retry_delay_max_ns = 0;
	}
	fixture_need(weir_subscription_create(l->f->pipeline, &options, &id, &problem) == 0,
		     problem.text);
	return id;
}

static void begin(struct life *l, const char *where, bool drains)
{
	struct weir_info info;
	fixture_open(l->f);
	l->topic = fixture_topic(l->f, "orders", EFFECTS_PARTITIONS);
	l->books = subscribe(l, "books", false, drains);
	l->mails = subscribe(l, "mails", true, drains);
	l->producer = fixture_producer(l->f, NULL);
	fixture_info(l->f, &info);
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct effects_worker *w = &l->workers[i];
		*w = (struct effects_worker){.ledger = l->ledger,
					     .subscription = i % 2 == 0 ? "books" : "mails",
					     .queue = i % 2 == 1,
					     .sleepy = !drains,
					     .epoch = info.epoch,
					     .seed = l->seed + i};
		if (effects_open(where, &w->effects) != EFFECTS_OK)
			fixture_need(false, effects_why(w->effects));
		join(l, w);
	}
}

/* A number is given before it is published: none twice. */
static void publish(struct life *l)
{
	uint64_t ticket = 0;
	struct effects_ledger *ledger = l->ledger;
	uint32_t first = ledger->given, end = first + 1 + draw(&l->seed, 16);
	for (uint64_t number = first; number < end; number++) {
		uint64_t key = 1 + number % KEYS;
		struct weir_event event = fixture_event(l->topic, &key, &number);
		struct weir_ids ids = {.event_id = &number, .event_id_bytes = sizeof number};
		event.ids = &ids;
		ledger->given = (uint32_t)number + 1;
		fixture_need(weir_publish(l->producer, &event, &ticket) == 0, "a publish");
	}
	fixture_wait(l->producer, ticket);
	memset(&ledger->durable[first], 1, end - first);
}

static uint64_t left(struct life *l)
{
	struct weir_lag books, mails;
	fixture_need(weir_lag(l->f->pipeline, l->books, &books) == 0 &&
			     weir_lag(l->f->pipeline, l->mails, &mails) == 0,
		     "lag");
	return books.events + mails.events + !books.exact + !mails.exact;
}

/* One of them leaves and comes back: partitions move, and move again. */
static void move(struct life *l)
{
	struct effects_worker *w = &l->workers[draw(&l->seed, WORKERS)];
	(void)weir_member_leave(w->member, FIXTURE_LONG_NS);
	join(l, w);
	(void)wr_add_relaxed(&l->ledger->moved, 1u);
}

int effects_live(struct fixture *f, struct effects_ledger *ledger, const char *where, uint64_t seed,
		 bool drains)
{
	static struct life l;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	l = (struct life){.f = f, .ledger = ledger, .seed = seed};
	begin(&l, where, drains);
	publish(&l);
	while (!drains) {
		if (left(&l) < 100 && ledger->given + 20 < EFFECTS_NUMBERS)
			publish(&l);
		if (draw(&l.seed, 10) == 0)
			move(&l);
		fixture_sleep_ns(MS);
	}
	for (uint64_t until = fixture_now_ns() + 2 * FIXTURE_LONG_NS;
	     left(&l) > 0 && fixture_now_ns() < until;)
		fixture_sleep_ns(MS);
	if (left(&l) > 0)
		(void)wr_add_relaxed(&ledger->faults, 1u);
	for (uint32_t i = 0; i < WORKERS; i++) {
		fixture_need(weir_member_leave(l.workers[i].member, FIXTURE_LONG_NS) == 0,
			     "a leave");
		effects_close(l.workers[i].effects);
	}
	fixture_close(f, NULL);
	return 0;
}
