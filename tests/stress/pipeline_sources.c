/* SPDX-License-Identifier: Apache-2.0 */
/* Who publishes in the stress of a pipeline: every form, every policy, and acknowledgements. */
#include "tests/stress/pipeline.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILLING_MAX 400u
#define RUN_MAX 6u

/* An event and what it points to. */
struct made {
	struct weir_event event;
	struct event_key key;
	struct {
		struct body body;
		uint8_t filling[FILLING_MAX];
	} payload;
};

struct source {
	uint32_t number;
	uint64_t seed;
	struct weir_producer *producer;
	uint64_t events;                    /* accepted in this round */
	uint64_t events_by_ticket[TICKETS]; /* of this producer: events up to that ticket */
	uint64_t events_before;             /* of the producers that this source had before */
	uint64_t told_ticket;
};

static uint64_t *counts_of(const struct source *s)
{
	return stress.published[stress.round][s->number];
}

static void make(struct source *s, struct made *m, uint32_t key)
{
	m->key = (struct event_key){stress.round, s->number, key};
	m->payload.body = (struct body){
		.source = s->number,
		.round = stress.round,
		.key = key,
		.filling_bytes = draw(&s->seed, FILLING_MAX),
		.count = ++counts_of(s)[key],
	};
	memset(m->payload.filling, (int)m->payload.body.count, m->payload.body.filling_bytes);
	m->event = (struct weir_event){
		.topic = stress.topic,
		.key = &m->key,
		.key_bytes = sizeof m->key,
		.payload = &m->payload,
		.payload_bytes = sizeof m->payload.body + m->payload.body.filling_bytes,
	};
}

/* It was not accepted: the count is given again. */
static void take_back(struct source *s, const struct made *m)
{
	counts_of(s)[m->key.key]--;
	count_one(&stress.full);
}

static void note_ticket(struct source *s, uint64_t ticket, uint64_t events)
{
	s->events += events;
	s->events_by_ticket[ticket % TICKETS] = s->events;
}

static bool is_refusal(int rc)
{
	return rc == WEIR_E_AGAIN || rc == WEIR_E_FULL || rc == -ETIMEDOUT;
}

/* --- the forms -------------------------------------------------------------------------------- */

static void publish_one(struct source *s)
{
	struct made m;
	uint64_t ticket;
	make(s, &m, draw(&s->seed, KEYS));
	int rc = weir_publish(s->producer, &m.event, &ticket);
	if (rc == 0)
		note_ticket(s, ticket, 1);
	else
		take_back(s, &m);
	if (rc != 0 && !is_refusal(rc))
		fault("a publish was refused", s->number, (uint64_t)-rc);
}

static void publish_batch(struct source *s)
{
	struct made made[RUN_MAX];
	struct weir_event events[RUN_MAX];
	uint64_t last_ticket = 0;
	for (uint32_t i = 0; i < RUN_MAX; i++) {
		make(s, &made[i], i % KEYS);
		events[i] = made[i].event;
	}
	int done = weir_publish_many(s->producer, events, RUN_MAX, &last_ticket);
	if (done < 0 && !is_refusal(done))
		fault("a batch was refused", s->number, (uint64_t)-done);
	uint32_t accepted = done > 0 ? (uint32_t)done : 0;
	/* Each has a ticket of its own; the counts of those that did not get in are the last. */
	for (uint32_t i = 0; i < accepted; i++)
		note_ticket(s, last_ticket - accepted + 1 + i, 1);
	for (uint32_t i = RUN_MAX; i > accepted; i--)
		take_back(s, &made[i - 1]);
	count_one(&stress.batches);
}

/* Built in place; one in four is given up. */
static void publish_claimed(struct source *s)
{
	struct made m;
	void *room;
	uint64_t ticket;
	make(s, &m, draw(&s->seed, KEYS));
	int rc = weir_claim(s->producer, &m.event, m.event.payload_bytes + 100, &room);
	if (rc != 0) {
		take_back(s, &m);
		return;
	}
	memcpy(room, &m.payload, m.event.payload_bytes);
	count_one(&stress.claims);
	if (draw(&s->seed, 4) == 0) {
		if (weir_abort(s->producer) != 0)
			fault("an abort failed", s->number, 0);
		take_back(s, &m);
		count_one(&stress.aborts);
		return;
	}
	rc = weir_commit(s->producer, m.event.payload_bytes, &ticket);
	if (rc == 0)
		note_ticket(s, ticket, 1);
	else
		fault("a commit was refused", s->number, (uint64_t)-rc);
}

/* Events of all keys that become visible together, or never. */
static void publish_run(struct source *s)
{
	struct made made[RUN_MAX];
	size_t bytes = 0;
	uint64_t ticket;
	for (uint32_t i = 0; i < RUN_MAX; i++) {
		make(s, &made[i], i % KEYS);
		bytes += weir_event_bytes(&made[i].event);
	}
	int rc = weir_run_begin(s->producer, bytes);
	if (rc != 0 && !is_refusal(rc))
		fault("a run was refused", s->number, (uint64_t)-rc);
	if (rc == 0) {
		for (uint32_t i = 0; i < RUN_MAX; i++)
			if (weir_run_add(s->producer, &made[i].event) != 0)
				fault("a run has no room for what was measured", bytes, i);
		bool commits = draw(&s->seed, 4) != 0;
		rc = commits ? weir_run_commit(s->producer, &ticket) : weir_abort(s->producer);
		if (rc != 0)
			fault("a run could not be ended", s->number, (uint64_t)-rc);
		if (rc == 0 && commits) {
			note_ticket(s, ticket, RUN_MAX);
			count_one(&stress.runs);
			return;
		}
	}
	for (uint32_t i = RUN_MAX; i > 0; i--)
		take_back(s, &made[i - 1]);
	count_one(&stress.aborts);
}

/* --- acknowledgements ------------------------------------------------------------------------- */

static void on_ack(void *context, const struct weir_ack_range *range)
{
	struct source *s = context;
	if (range->code != 0 || range->first_ticket != s->told_ticket + 1 ||
	    range->last_ticket < range->first_ticket)
		fault("acknowledgements out of order", range->first_ticket, s->told_ticket);
	s->told_ticket = range->last_ticket;
	stress.acked[stress.round][s->number] = s->events_by_ticket[range->last_ticket % TICKETS];
}

static void look_at_acks(struct source *s, bool sleeps)
{
	struct weir_producer_progress progress;
	int fd = sleeps ? weir_producer_eventfd(s->producer) : -1;
	if (fd >= 0) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		uint64_t signals;
		if (poll(&wait, 1, 2) == 1 && read(fd, &signals, sizeof signals) < 0)
			fault("an event descriptor could not be read", s->number, 0);
	}
	(void)weir_producer_poll_acks(s->producer);
	weir_producer_progress(s->producer, &progress);
	if (progress.ordered > progress.handed_over || progress.refused_count != 0 ||
	    (stress.durable && progress.durable > progress.ordered))
		fault("progress that cannot be", progress.ordered, progress.durable);
}

/* All of it at the level; the next producer goes on where this one ends. */
static void change_producer(struct source *s, const struct weir_producer_options *options)
{
	struct weir_producer_progress progress;
	struct weir_problem problem;
	weir_producer_progress(s->producer, &progress);
	if (progress.handed_over > 0 && draw(&s->seed, 2) == 0) {
		int rc = weir_wait(s->producer, progress.handed_over, WEIR_LEVEL_DEFAULT,
				   FIXTURE_LONG_NS);
		if (rc != 0)
			fault("a wait ended", s->number, (uint64_t)-rc);
		(void)weir_producer_poll_acks(s->producer);
		if (s->told_ticket != progress.handed_over)
			fault("waited for, and not told", s->told_ticket, progress.handed_over);
	}
	if (weir_producer_close(s->producer, FIXTURE_LONG_NS) != 0)
		fault("a producer did not close", s->number, 0);
	s->told_ticket = 0;
	int rc;
	/* Its lane is free again when the writer has seen that it is drained. */
	while ((rc = weir_producer_open(stress.f.pipeline, options, &s->producer, &problem)) ==
	       WEIR_E_FULL)
		fixture_sleep_ns(100000);
	fixture_need(rc == 0, "a producer");
}

static void run_source(uint32_t number, const char *name)
{
	static struct source sources[SOURCES];
	struct source *s = &sources[number];
	struct weir_producer_options options;
	struct weir_problem problem;
	*s = (struct source){.number = number, .seed = stress.round * 100 + number + 1};
	weir_producer_options_init(&options);
	options.name = name;
	options.ack_fn = on_ack;
	options.ack_context = s;
	options.want_sequences = number == 0;
	options.block_timeout_ns = 20000000; /* its own answers may be what fills the room */
	options.when_full = number == 0 ? WEIR_FULL_BLOCK : WEIR_FULL_TRY;
	fixture_need(weir_producer_open(stress.f.pipeline, &options, &s->producer, &problem) == 0,
		     "a producer");
	while (wr_load_relaxed(&stress.stop_publishing) == 0) {
		uint32_t form = draw(&s->seed, 32);
		if (form == 0 && draw(&s->seed, 20) == 0)
			change_producer(s, &options);
		else if (form < 4)
			publish_batch(s);
		else if (form < 8)
			publish_claimed(s);
		else if (form < 12)
			publish_run(s);
		else
			publish_one(s);
		if (form % 4 == 0)
			look_at_acks(s, form == 8);
	}
	look_at_acks(s, false);
	if (weir_producer_close(s->producer, FIXTURE_LONG_NS) != 0)
		fault("a producer did not close at the end", s->number, 0);
}

void *source_unnamed(void *unused)
{
	(void)unused;
	run_source(0, NULL);
	return NULL;
}

void *source_named(void *unused)
{
	(void)unused;
	run_source(1, "named");
	return NULL;
}

void *source_once(void *unused)
{
	struct source s = {.number = 2, .seed = stress.round + 77};
	uint64_t last_sequence = 0;
	(void)unused;
	while (wr_load_relaxed(&stress.stop_publishing) == 0) {
		struct made m;
		struct weir_pos pos = {.sequence = 0};
		make(&s, &m, draw(&s.seed, KEYS));
		enum weir_level level =
			draw(&s.seed, 2) == 0 ? WEIR_LEVEL_DEFAULT : WEIR_LEVEL_MEMORY;
		int rc = weir_publish_once(stress.f.pipeline, &m.event, level, FIXTURE_LONG_NS,
					   &pos);
		if (rc != 0 || pos.sequence <= last_sequence)
			fault("publish_once", (uint64_t)-rc, pos.sequence);
		last_sequence = pos.sequence;
		s.events++;
		if (level == WEIR_LEVEL_DEFAULT)
			stress.acked[stress.round][2] = s.events;
	}
	return NULL;
}
