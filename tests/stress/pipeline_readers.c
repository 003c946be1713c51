/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads in the stress of a pipeline: members that poll, handlers, and one that seeks. */
#include "tests/stress/pipeline.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ITEMS 64u
#define HANDLERS 2u

/* --- what is seen ----------------------------------------------------------------------------- */

/* The body of an event, or NULL when it is not what anybody published. */
static const struct body *body_of(const struct weir_item *item)
{
	const struct body *b = item->payload;
	const struct event_key *key = item->key;
	if (item->payload_bytes < sizeof *b || item->key_bytes != sizeof *key ||
	    item->topic != stress.topic || item->payload_bytes != sizeof *b + b->filling_bytes ||
	    (b->source >= SOURCES && b->source != WARM_UP) || b->round >= ROUNDS ||
	    b->key >= KEYS || key->round != b->round || key->source != b->source ||
	    key->key != b->key) {
		fault("an event that nobody published", item->sequence, item->payload_bytes);
		return NULL;
	}
	const uint8_t *filling = (const uint8_t *)(b + 1);
	for (uint32_t i = 0; i < b->filling_bytes; i++) {
		if (filling[i] != (uint8_t)b->count) {
			fault("a payload that was written over", item->sequence, i);
			return NULL;
		}
	}
	return b;
}

void see(struct sight *sight, const struct weir_item *item)
{
	if (item->kind != WEIR_ITEM_EVENT) {
		count_one(&sight->gaps);
		if (!sight->may_have_gaps)
			fault(sight == stress.sights ? "a gap, polled" : "a gap, handled",
			      item->sequence, item->end_sequence);
		return;
	}
	const struct body *b = body_of(item);
	if (b == NULL || b->source == WARM_UP)
		return;
	uint64_t *seen = &sight->seen[b->round][b->source][b->key];
	count_one(&sight->items);
	/* The next one, or one of those that were in hand when a member left. */
	if (b->count <= *seen)
		count_one(&sight->redelivered);
	else if (b->count == *seen + 1)
		*seen = b->count;
	else
		fault("events of a key were skipped", b->count, *seen);
}

/* --- members that poll ------------------------------------------------------------------------ */

/* In one generation a key's events come one after the other, whatever was seen before. */
struct order {
	uint64_t last[ROUNDS][SOURCES][KEYS];
	uint32_t generation[PARTITIONS];
};

static void check_order(struct order *o, const struct weir_item *item)
{
	const struct body *b = item->payload;
	if (item->kind != WEIR_ITEM_EVENT || item->partition >= PARTITIONS || b->source >= SOURCES)
		return;
	uint64_t *last = &o->last[b->round][b->source][b->key];
	if (o->generation[item->partition] != item->generation) {
		/* All keys of the partition begin anew. */
		o->generation[item->partition] = item->generation;
		*last = 0;
	}
	if (*last != 0 && b->count <= *last && item->flags == 0)
		fault("a repeat that does not say so", b->count, *last);
	*last = b->count;
}

static void acknowledge(struct weir_member *member, const struct weir_item *items, int count,
			uint64_t *seed)
{
	uint32_t way = draw(seed, 8);
	if (way == 0)
		return; /* with the next ones, or not at all */
	if (way < 3) {
		(void)weir_ack_all(member);
		return;
	}
	/* Backwards: what is out of order waits as a piece. */
	for (int i = 0; i < count; i++) {
		const struct weir_item *item = &items[way == 3 ? count - 1 - i : i];
		int rc = weir_ack(member, item);
		if (rc != 0 && rc != WEIR_E_FENCED && rc != WEIR_E_FULL)
			fault("an ack was refused", item->sequence, (uint64_t)-rc);
	}
}

static void sleep_on_descriptor(struct weir_member *member)
{
	int fd = weir_member_eventfd(member);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint64_t signals;
	if (fd < 0)
		fault("no event descriptor", (uint64_t)-fd, 0);
	else if (poll(&wait, 1, 2) == 1 && read(fd, &signals, sizeof signals) < 0 &&
		 errno != EAGAIN)
		fault("an event descriptor could not be read", (uint64_t)errno, 0);
}

static void poll_once(struct weir_member *member, struct sight *sight, struct order *order,
		      uint64_t *seed)
{
	struct weir_item items[ITEMS];
	uint32_t way = draw(seed, 16);
	if (way == 0)
		sleep_on_descriptor(member);
	int count = weir_poll(member, items, 1 + draw(seed, ITEMS), way < 4 ? 0 : way * 100000ull);
	if (count < 0) {
		fault("a poll failed", (uint64_t)-count, 0);
		return;
	}
	for (int i = 0; i < count; i++) {
		see(sight, &items[i]);
		check_order(order, &items[i]);
	}
	acknowledge(member, items, count, seed);
	if (way == 5)
		weir_release(member);
	if (way == 6) {
		int rc = weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS);
		if (rc != 0 && rc != WEIR_E_FENCED)
			fault("a commit failed", (uint64_t)-rc, 0);
		count_one(&stress.commits);
	}
}

static struct weir_member *join(uint32_t subscription,
				enum weir_handled (*handler)(void *, struct weir_member *,
							     const struct weir_item *),
				void *context)
{
	struct weir_member_options options;
	struct weir_member *member;
	struct weir_problem problem;
	int rc;
	weir_member_options_init(&options);
	options.handler = handler;
	options.handler_context = context;
	while ((rc = weir_member_join(stress.f.pipeline, subscription, &options, &member,
				      &problem)) == WEIR_E_FULL)
		fixture_sleep_ns(100000);
	fixture_need(rc == 0, "a member");
	count_one(&stress.joins);
	return member;
}

void *reader_polling(void *stays)
{
	uint64_t seed = stress.round * 1000 + (stays != NULL ? 1 : 2);
	while (wr_load_relaxed(&stress.stop_reading) == 0) {
		static _Thread_local struct order order;
		memset(&order, 0, sizeof order);
		struct weir_member *member = join(stress.polled, NULL, NULL);
		for (uint32_t polls = 50 + draw(&seed, 300);
		     (stays != NULL || polls > 0) && wr_load_relaxed(&stress.stop_reading) == 0;
		     polls--)
			poll_once(member, &stress.sights[0], &order, &seed);
		if (stays != NULL) /* whatever is left open is settled */
			(void)weir_ack_all(member);
		if (weir_member_leave(member, FIXTURE_LONG_NS) != 0)
			fault("a member did not leave", 0, 0);
		if (stays == NULL)
			fixture_sleep_ns(2000000);
	}
	return NULL;
}

/* --- handlers --------------------------------------------------------------------------------- */

struct handler {
	uint64_t seed;
	struct weir_item later; /* acknowledged by the handler itself, with the next item */
	bool has_later;
	bool stays; /* in memory nothing is held back for a group without members */
	wr_atomic_u32 stopped;
};

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	struct handler *h = context;
	see(&stress.sights[1], item);
	if (h->has_later) {
		int rc = weir_ack(member, &h->later);
		if (rc != 0 && rc != WEIR_E_FENCED)
			fault("a late ack was refused", h->later.sequence, (uint64_t)-rc);
		h->has_later = false;
	}
	uint32_t way = draw(&h->seed, 4096);
	if (h->stays)
		return WEIR_HANDLED_OK;
	if (way == 0 && wr_load_relaxed(&stress.stop_reading) == 0) {
		count_one(&stress.stops);
		wr_store_release(&h->stopped, 1u);
		return WEIR_HANDLED_STOP;
	}
	if (way < 64 && wr_load_acquire(&stress.stop_publishing) == 0) {
		h->later = *item;
		h->has_later = true;
		return WEIR_HANDLED_LATER;
	}
	return WEIR_HANDLED_OK;
}

/* Two members with handlers; they leave by themselves, or are sent away, and come again. */
void *reader_handlers(void *unused)
{
	struct handler handlers[HANDLERS] = {{.seed = stress.round + 5, .stays = !stress.durable},
					     {.seed = stress.round + 6}};
	struct weir_member *members[HANDLERS] = {NULL, NULL};
	uint64_t seed = stress.round + 50;
	bool renewed = false;
	(void)unused;
	while (wr_load_relaxed(&stress.stop_reading) == 0) {
		/* What a handler took over for later would stay open when nothing follows it. */
		bool all_go = !renewed && wr_load_acquire(&stress.stop_publishing) != 0;
		renewed = renewed || all_go;
		for (uint32_t i = 0; i < HANDLERS; i++) {
			bool goes = all_go || wr_load_acquire(&handlers[i].stopped) != 0 ||
				    (i == 1 && draw(&seed, 20) == 0);
			if (members[i] != NULL && goes && !handlers[i].stays) {
				if (weir_member_leave(members[i], FIXTURE_LONG_NS) != 0)
					fault("a handler's member did not leave", i, 0);
				members[i] = NULL;
			}
			if (members[i] == NULL) {
				wr_store_relaxed(&handlers[i].stopped, 0u);
				handlers[i].has_later = false;
				members[i] = join(stress.handled, handle, &handlers[i]);
			}
		}
		fixture_sleep_ns(5000000);
	}
	for (uint32_t i = 0; i < HANDLERS; i++)
		if (weir_member_leave(members[i], FIXTURE_LONG_NS) != 0)
			fault("a handler's member did not leave at the end", i, 0);
	return NULL;
}

/* --- one that seeks --------------------------------------------------------------------------- */

void on_lag(void *context, uint32_t subscription, const struct weir_lag *lag, bool above)
{
	struct lag_alert *alert = context;
	if (above == alert->above)
		fault("the same alert twice", subscription, above);
	if (above ? lag->events < alert->limit : lag->events > alert->limit)
		fault("an alert that the lag does not bear out", lag->events, alert->limit);
	alert->above = above;
	count_one(&stress.alerts);
}

static int seek_somewhere(uint64_t *seed, uint64_t timeout_ns)
{
	struct weir_info info;
	fixture_info(&stress.f, &info);
	uint64_t end = stress.durable ? info.durable_sequence : info.visible_sequence;
	enum weir_seek_to to = (enum weir_seek_to)draw(seed, 4);
	uint64_t at = 0;
	if (to == WEIR_SEEK_SEQUENCE)
		at = end > 3000 ? end - draw(seed, 3000) : 1;
	if (to == WEIR_SEEK_TIME) {
		struct timespec now;
		(void)clock_gettime(CLOCK_REALTIME, &now);
		at = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000 -
		     draw(seed, 200000);
	}
	int rc = weir_subscription_seek(stress.f.pipeline, stress.sought, to, at, timeout_ns, NULL);
	if (rc != (timeout_ns > 0 ? 0 : -ETIMEDOUT) && rc != WEIR_E_TRUNCATED)
		fault("a seek failed", to, (uint64_t)-rc);
	count_one(&stress.seeks);
	return rc;
}

/*
 * Some are only asked for, and overtaken by the next: that one is ordered before the next ack. Not
 * more than two, which is what a member has room for between its polls.
 */
static void seek(uint64_t *seed)
{
	if (draw(seed, 3) == 0)
		(void)seek_somewhere(seed, 0);
	if (seek_somewhere(seed, FIXTURE_LONG_NS) != 0 &&
	    weir_subscription_seek(stress.f.pipeline, stress.sought, WEIR_SEEK_NEWEST, 0,
				   FIXTURE_LONG_NS, NULL) != 0)
		fault("a seek to the newest failed", 0, 0);
}

/* Where each partition stands, under which generation. */
struct places {
	uint64_t sequence[PARTITIONS];
	uint32_t generation[PARTITIONS];
};

static void see_wherever(struct places *places, const struct weir_item *item)
{
	uint32_t p = item->partition;
	if (item->kind != WEIR_ITEM_EVENT || body_of(item) == NULL || p >= PARTITIONS)
		return;
	if (item->generation < places->generation[p])
		fault("an older generation came back", item->generation, places->generation[p]);
	if (item->generation == places->generation[p] && item->sequence <= places->sequence[p])
		fault("backwards in one generation", item->sequence, places->sequence[p]);
	places->sequence[p] = item->sequence;
	places->generation[p] = item->generation;
}

void *reader_seeking(void *unused)
{
	struct weir_member *member = join(stress.sought, NULL, NULL);
	uint64_t seed = stress.round + 9;
	struct places places = {{0}, {0}};
	(void)unused;
	while (wr_load_relaxed(&stress.stop_reading) == 0) {
		struct weir_item items[ITEMS];
		struct weir_lag lag;
		if (draw(&seed, 40) == 0)
			seek(&seed);
		int count = weir_poll(member, items, ITEMS, 1000000);
		if (count < 0)
			fault("a poll of the one that seeks failed", (uint64_t)-count, 0);
		for (int i = 0; i < count; i++)
			see_wherever(&places, &items[i]);
		if (count > 0 && draw(&seed, 3) != 0)
			(void)weir_ack_all(member);
		if (weir_lag(stress.f.pipeline, stress.sought, &lag) != 0)
			fault("no lag", 0, 0);
	}
	if (weir_member_leave(member, FIXTURE_LONG_NS) != 0)
		fault("the one that seeks did not leave", 0, 0);
	return NULL;
}
