/* SPDX-License-Identifier: Apache-2.0 */
/* See live.h: a producer, of events one by one, several at once, and in runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/bytes.h"
#include "tests/anomaly/live.h"

#define SECOND_NS UINT64_C(1000000000)
#define TICKETS 4096u /* in flight at most: the window is smaller */
#define WINDOW 512u
#define AT_ONCE 4u
#define REPEATS_BACK 4u
#define PAYLOAD_BYTES 200u

struct ticket {
	uint64_t first, count; /* values */
	uint64_t dedup;        /* its idempotency key; 0: none */
	uint32_t call;
};

struct producer {
	struct live *live;
	struct weir_producer *handle;
	struct wr_prng prng;
	uint32_t process;
	enum weir_level level;
	bool is_named;
	uint64_t next; /* a name's */
	struct ticket tickets[TICKETS];
};

struct made {
	char key[8];
	uint8_t payload[PAYLOAD_BYTES];
};

static struct weir_event make(const struct producer *p, struct made *made, uint64_t value)
{
	live_key_text(value, made->key);
	memset(made->payload, (int)value, sizeof made->payload);
	wr_put_u64(made->payload, value);
	return (struct weir_event){.topic = p->live->topics[live_topic_of(value)],
				   .key = made->key,
				   .key_bytes = strlen(made->key),
				   .payload = made->payload,
				   .payload_bytes = 8 + value % (PAYLOAD_BYTES - 8)};
}

static void say(const struct producer *p, const struct ticket *t, enum history_type type,
		uint64_t sequence)
{
	for (uint64_t i = 0; i < t->count; i++) {
		uint64_t value = t->first + i;
		struct history_op op = {.type = (uint8_t)type,
					.f = HISTORY_SEND,
					.process = p->process,
					.value = value,
					.key = live_key_of(value),
					.dedup = t->dedup,
					.topic = live_topic_of(value),
					.call = t->call,
					.flags = t->count > 1 ? HISTORY_ATOMIC : 0};
		if (type == HISTORY_OK)
			op.level = (uint8_t)p->level;
		if (type == HISTORY_OK && sequence != 0) {
			op.offset = sequence + i;
			op.partition = live_partition_of(value);
		}
		live_say(p->live->shared, op);
	}
}

/* A repeat: it is told where the first event of its key stands. */
static void say_present(const struct producer *p, const struct ticket *t, uint64_t sequence)
{
	live_say(p->live->shared, (struct history_op){.type = HISTORY_OK,
						      .f = HISTORY_SEND,
						      .process = p->process,
						      .value = t->first,
						      .dedup = t->dedup,
						      .topic = live_topic_of(t->first),
						      .offset = sequence,
						      .call = t->call,
						      .level = (uint8_t)p->level,
						      .flags = HISTORY_PRESENT});
}

static void answer(void *context, const struct weir_ack_range *range)
{
	struct producer *p = context;

	if (range->code == WEIR_E_DUPLICATE) {
		for (uint64_t t = range->first_ticket; t <= range->last_ticket; t++)
			say_present(p, &p->tickets[t % TICKETS], range->sequence);
		return;
	}
	for (uint64_t t = range->first_ticket; t <= range->last_ticket; t++)
		say(p, &p->tickets[t % TICKETS],
		    range->code == 0               ? HISTORY_OK
		    : range->code == WEIR_E_FAILED ? HISTORY_INFO
						   : HISTORY_FAIL,
		    t == range->first_ticket ? range->sequence : 0);
}

/*
 * The key is the number of an event a little before it, of the same topic, or its own: two that are
 * near each other often have the same one, and one is a repeat.
 */
static uint64_t draw_dedup(struct producer *p, uint64_t value)
{
	uint64_t back = wr_prng_below(&p->prng, REPEATS_BACK);
	uint64_t number = value > back ? value - back : value;

	if (p->is_named || wr_prng_below(&p->prng, 2) == 0)
		return 0;
	return number * LIVE_TOPICS + live_topic_of(value);
}

static struct ticket take_values(struct producer *p, uint64_t count)
{
	struct ticket t = {.count = count,
			   .call = 1 + wr_add_relaxed(&p->live->shared->call_last, 1)};

	if (p->is_named) {
		t.first = LIVE_NAMED_VALUES + p->next;
		p->next += count;
	} else {
		t.first = 1 + wr_add_relaxed(&p->live->shared->value_last, count);
	}
	t.dedup = count == 1 ? draw_dedup(p, t.first) : 0;
	say(p, &t, HISTORY_INVOKE, 0);
	return t;
}

static void give_back(struct producer *p, const struct ticket *t, const char *what, int rc)
{
	say(p, t, HISTORY_FAIL, 0);
	if (p->is_named)
		p->next -= t->count;
	if (rc != WEIR_E_AGAIN)
		live_fault(p->live->shared, "%s: %s", what, weir_error_name(rc));
}

static void publish(struct producer *p)
{
	struct ticket t = take_values(p, 1);
	struct made made;
	struct weir_event event = make(p, &made, t.first);
	struct weir_ids ids = {.idempotency_key = &t.dedup,
			       .idempotency_key_bytes = sizeof t.dedup};
	uint64_t number;

	event.ids = t.dedup != 0 ? &ids : NULL;
	int rc = weir_publish(p->handle, &event, &number);
	if (rc != 0)
		give_back(p, &t, "weir_publish", rc);
	else
		p->tickets[number % TICKETS] = t;
}

static void publish_run(struct producer *p)
{
	struct ticket t = take_values(p, 2 + wr_prng_below(&p->prng, AT_ONCE - 1));
	struct made made;
	uint64_t number;
	int rc = weir_run_begin(p->handle, AT_ONCE * (PAYLOAD_BYTES + 200));

	for (uint64_t i = 0; rc == 0 && i < t.count; i++) {
		struct weir_event event = make(p, &made, t.first + i);
		rc = weir_run_add(p->handle, &event);
	}
	if (rc == 0)
		rc = weir_run_commit(p->handle, &number);
	if (rc == 0)
		p->tickets[number % TICKETS] = t;
	else
		give_back(p, &t, "a run", rc);
}

static bool open_producer(struct producer *p, uint32_t index)
{
	static const enum weir_level levels[LIVE_PRODUCERS] = {
		WEIR_LEVEL_DURABLE, WEIR_LEVEL_WRITTEN, WEIR_LEVEL_MEMORY};
	struct weir_problem problem = {0};
	struct weir_producer_options o;

	weir_producer_options_init(&o);
	p->is_named = index == 0;
	p->level = levels[index];
	p->process = 1 + wr_add_relaxed(&p->live->shared->process_last, 1);
	o.name = p->is_named ? "ticks" : NULL;
	o.level = p->level;
	o.want_sequences = wr_prng_below(&p->prng, 2) == 0;
	o.ack_fn = answer;
	o.ack_context = p;
	o.block_timeout_ns = 60 * SECOND_NS;
	int rc = weir_producer_open(p->live->pipeline, &o, &p->handle, &problem);
	struct weir_producer_last last = {0};
	if (rc == 0 && p->is_named)
		rc = weir_producer_last(p->handle, &last);
	if (rc != 0)
		live_fault(p->live->shared, "a producer: %s %s", weir_error_name(rc), problem.text);
	p->next = last.producer_sequence + 1;
	return rc == 0;
}

/* Until at most so many are in flight. */
static void wait_for(struct producer *p, uint64_t in_flight)
{
	struct weir_producer_progress progress;

	for (uint32_t tries = 0; tries < 60; tries++) {
		weir_producer_progress(p->handle, &progress);
		if (progress.handed_over - progress.durable <= in_flight)
			break;
		int rc = weir_wait(p->handle, progress.handed_over - in_flight, WEIR_LEVEL_DURABLE,
				   SECOND_NS);
		/* That of a repeat is told here, too. */
		if (rc != 0 && rc != -ETIMEDOUT && rc != WEIR_E_DUPLICATE)
			live_fault(p->live->shared, "weir_wait: %s", weir_error_name(rc));
	}
	(void)weir_producer_poll_acks(p->handle);
}

void *live_producer(void *context)
{
	const struct live_thread *thread = context;
	struct producer *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->live = thread->live;
	struct live_shared *shared = p->live->shared;
	wr_prng_init(&p->prng, p->live->plan->seed * 31 + thread->index);
	bool is_open = open_producer(p, thread->index);
	while (is_open && wr_load_acquire(&p->live->stop_producers) == 0 && !live_is_full(shared) &&
	       wr_load_acquire(&shared->has_fault) == 0) {
		if (wr_prng_below(&p->prng, 4) == 0)
			publish_run(p);
		else
			publish(p);
		wait_for(p, WINDOW);
		/* Not so fast that a life is all one producer's. */
		const struct timespec nap = {.tv_nsec = 50000};
		(void)nanosleep(&nap, NULL);
	}
	if (is_open) {
		wait_for(p, 0);
		(void)weir_producer_close(p->handle, 60 * SECOND_NS);
	}
	(void)wr_add_acq_rel(&p->live->producers_done, 1);
	free(p);
	return NULL;
}
