/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that is killed: opens the pipeline, publishes as the named producer "exchange" at
 * level durable, runs the groups, and writes down what it is told (shared.h).
 *
 * Open loop: event i is due at a fixed time, whatever happened to the events before it, and its
 * latency counts from then until its acknowledgement is taken. A source that is late publishes what
 * is due at once. With no rate, the time of the hand-over is kept for each event in flight.
 *
 * After a restart the producer asks weir for its last durable event, passes that many in the
 * source, and goes on: nothing is lost and nothing comes twice, whatever was in doubt.
 *
 * Thread: the child's main thread. Of this program weir's own threads run the handlers only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "core/base/bytes.h"
#include "tools/weir/demo/groups.h"

#define SECOND_NS UINT64_C(1000000000)
#define BURST_MAX 256u        /* published between two looks at the answers */
#define FLIGHT_MAX (1u << 18) /* events without an answer at once, with no rate */
#define NAP_NS 20000u         /* between looks: what an acknowledgement may seem late by */
#define ANSWER_LIMIT_NS (30 * SECOND_NS)
#define CATCH_UP_LIMIT_NS (120 * SECOND_NS)
#define CLOSE_LIMIT_NS (30 * SECOND_NS)
#define LOOK_LIMIT_NS (30 * SECOND_NS)

struct child {
	const struct demo_plan *plan;
	struct demo_shared *shared;
	struct demo_life *life;
	bool again; /* not the first life */
	struct demo_source *source;
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct demo_groups groups;
	uint32_t topic;
	uint64_t base_index;   /* ticket t is event base_index + t */
	uint64_t ticket;       /* of the last event handed over */
	uint64_t acked_ticket; /* every ticket up to it is durable */
	uint64_t start_ns;     /* when ticket 1 was due */
	uint64_t *
		handed_ns; /* of tickets in flight, by ticket modulo FLIGHT_MAX; NULL with a rate */
	int ack_error;
	uint64_t limit;            /* the last index to publish; 0: none */
	struct demo_record record; /* the next one to publish */
	bool have_record;
};

uint64_t demo_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void demo_sleep_ns(uint64_t ns)
{
	struct timespec nap = {.tv_sec = (time_t)(ns / SECOND_NS),
			       .tv_nsec = (long)(ns % SECOND_NS)};
	nanosleep(&nap, NULL);
}

static int give_up(struct child *child, const char *what, int code)
{
	if (child->shared->failure == 0) {
		child->shared->failure = code;
		snprintf(child->shared->failure_what, sizeof child->shared->failure_what, "%s",
			 what);
	}
	return code;
}

/* --- opening ------------------------------------------------------------------------------- */

static uint64_t due_ns(const struct child *child, uint64_t ticket)
{
	if (child->handed_ns != NULL)
		return child->handed_ns[ticket % FLIGHT_MAX];
	return child->start_ns + (ticket - 1) * SECOND_NS / child->plan->rate_per_s;
}

static void take_answer(void *context, const struct weir_ack_range *range)
{
	struct child *child = context;
	struct demo_shared *shared = child->shared;
	uint64_t now = demo_now_ns();

	if (range->code < 0) {
		wr_add_relaxed(&shared->refused_count,
			       range->last_ticket - range->first_ticket + 1);
		if (child->ack_error == 0)
			child->ack_error = range->code;
		return;
	}
	if (range->first_ticket != child->acked_ticket + 1) {
		/* Answers come in order and leave none out; anything else is weir's fault. */
		child->ack_error = -EPROTO;
		return;
	}
	/* First of all what the verdict rests on. A refusal before would have left a hole. */
	if (child->ack_error == 0)
		wr_store_release(&shared->acked_index, child->base_index + range->last_ticket);
	wr_add_relaxed(&shared->acked_count, range->last_ticket - range->first_ticket + 1);
	if (wr_load_relaxed(&child->life->first_ack_ns) == 0)
		wr_store_relaxed(&child->life->first_ack_ns, now);
	wr_store_relaxed(&child->life->last_ack_ns, now);
	for (uint64_t ticket = range->first_ticket; ticket <= range->last_ticket; ticket++) {
		uint64_t due = due_ns(child, ticket);
		demo_histogram_add(&shared->ack, now > due ? now - due : 0, 1);
	}
	child->acked_ticket = range->last_ticket;
}

static int open_pipeline(struct child *child)
{
	struct demo_shared *shared = child->shared;

	int error = weir_open(&child->plan->options, &child->pipeline, &shared->problem);
	if (error < 0)
		return give_up(child, "opening the pipeline", error);
	child->life->opened_ns = demo_now_ns();
	wr_store_relaxed(&shared->phase, DEMO_OPENED);
	shared->info.struct_bytes = sizeof shared->info;
	if (weir_pipeline_info(child->pipeline, &shared->info) == 0)
		child->life->recovery = shared->info.recovery;

	struct weir_topic_options topic;
	weir_topic_options_init(&topic);
	topic.name = DEMO_TOPIC;
	topic.partitions = child->plan->partitions;
	error = weir_topic_create(child->pipeline, &topic, &child->topic, &shared->problem);
	return error < 0 ? give_up(child, "making the topic", error) : 0;
}

static int open_producer(struct child *child)
{
	struct weir_producer_last last;
	struct weir_producer_options options;

	weir_producer_options_init(&options);
	options.name = DEMO_PRODUCER;
	options.level = WEIR_LEVEL_DURABLE;
	options.when_full = WEIR_FULL_TRY;
	options.ack_fn = take_answer;
	options.ack_context = child;
	int error = weir_producer_open(child->pipeline, &options, &child->producer,
				       &child->shared->problem);
	if (error == 0)
		error = weir_producer_last(child->producer, &last);
	if (error < 0)
		return give_up(child, "opening the producer", error);
	child->base_index = last.producer_sequence;
	child->life->resumed_index = last.producer_sequence;
	if (!demo_source_skip_to(child->source, child->base_index))
		return give_up(child, "the journal holds more events than the source has", -EINVAL);
	child->life->ready_ns = demo_now_ns();
	return 0;
}

static int start_all(struct child *child)
{
	int error = open_pipeline(child);
	if (error == 0)
		error = open_producer(child);
	if (error < 0)
		return error;
	error = demo_groups_start(&child->groups, child->pipeline, child->shared, child->source,
				  child->plan->partitions, child->again, &child->shared->problem);
	return error < 0 ? give_up(child, "starting the groups", error) : 0;
}

/* --- publishing ---------------------------------------------------------------------------- */

/* Gets child->record, if there is one more to publish. */
static bool next_record(struct child *child)
{
	if (child->have_record)
		return true;
	if (child->limit != 0 && child->source->index >= child->limit)
		return false;
	child->have_record = demo_source_next(child->source, &child->record);
	return child->have_record;
}

/* 1: published. 0: no room now. */
static int publish_record(struct child *child)
{
	const struct demo_record *record = &child->record;
	uint8_t index_bytes[8];
	uint64_t ticket;

	wr_put_u64(index_bytes, record->index);
	struct weir_ids ids = {.event_id = index_bytes, .event_id_bytes = sizeof index_bytes};
	struct weir_event event = {
		.topic = child->topic,
		.key = record->key.bytes > 0 ? record->key.at : NULL,
		.key_bytes = record->key.bytes,
		.payload = record->payload.at,
		.payload_bytes = record->payload.bytes,
		.ids = &ids,
	};
	/* Before the call: killed inside it, the event may be in the log. */
	wr_store_relaxed(&child->shared->handed_index, record->index);
	int error = weir_publish(child->producer, &event, &ticket);
	if (error == WEIR_E_AGAIN)
		return 0;
	if (error < 0)
		return give_up(child, "publishing", error);
	if (child->base_index + ticket != record->index)
		return give_up(child, "a ticket out of order", -EPROTO);
	child->ticket = ticket;
	child->have_record = false;
	return 1;
}

/* How many tickets are due by `now`. */
static uint64_t due_tickets(const struct child *child, uint64_t now)
{
	if (child->handed_ns != NULL)
		return child->acked_ticket + FLIGHT_MAX - 1;
	/* A second's worth and the rest apart, so that long runs do not overflow. */
	uint64_t elapsed = now - child->start_ns;
	return elapsed / SECOND_NS * child->plan->rate_per_s +
	       elapsed % SECOND_NS * child->plan->rate_per_s / SECOND_NS + 1;
}

/* Publishes what is due, at most a burst. The number, 0 when nothing is due or there is no room. */
static int publish_due(struct child *child, uint64_t now)
{
	uint64_t due = due_tickets(child, now);
	int count = 0;

	while (child->ticket < due && count < (int)BURST_MAX && next_record(child)) {
		uint64_t next = child->ticket + 1;
		if (child->handed_ns != NULL)
			child->handed_ns[next % FLIGHT_MAX] = now;
		else if (now - due_ns(child, next) > child->life->late_publish_ns)
			child->life->late_publish_ns = now - due_ns(child, next);
		int published = publish_record(child);
		if (published < 0)
			return published;
		if (published == 0)
			break;
		count++;
	}
	return count;
}

static int poll_answers(struct child *child)
{
	(void)weir_producer_poll_acks(child->producer);
	if (child->ack_error == 0)
		return 0;
	int failed = weir_pipeline_problem(child->pipeline, &child->shared->problem);
	return give_up(child,
		       failed < 0 ? "publishing: the journal failed" : "an event was refused",
		       child->ack_error);
}

static int publish_all(struct child *child)
{
	const struct demo_plan *plan = child->plan;
	uint64_t now = demo_now_ns();

	child->start_ns = now;
	child->life->first_publish_ns = now;
	wr_store_relaxed(&child->shared->phase, DEMO_PUBLISHING);
	uint64_t life_ns = child->again && plan->life_ns != 0 ? plan->life_ns : UINT64_MAX;
	while (next_record(child) && now - child->start_ns < life_ns) {
		int count = publish_due(child, now);
		int error = count < 0 ? count : poll_answers(child);
		if (error < 0)
			return error;
		if (count == 0)
			demo_sleep_ns(NAP_NS);
		now = demo_now_ns();
	}
	return 0;
}

/* Until every event handed over is acknowledged. */
static int await_answers(struct child *child)
{
	uint64_t last_ticket = child->acked_ticket;
	uint64_t limit_ns = demo_now_ns() + ANSWER_LIMIT_NS;

	while (child->acked_ticket < child->ticket) {
		int error = poll_answers(child);
		if (error < 0)
			return error;
		if (child->acked_ticket != last_ticket) {
			last_ticket = child->acked_ticket;
			limit_ns = demo_now_ns() + ANSWER_LIMIT_NS;
		} else if (demo_now_ns() > limit_ns) {
			return give_up(child, "waiting for acknowledgements", -ETIMEDOUT);
		}
		demo_sleep_ns(NAP_NS);
	}
	return 0;
}

/* --- ending -------------------------------------------------------------------------------- */

static int await_groups(struct child *child)
{
	uint64_t limit_ns = demo_now_ns() + CATCH_UP_LIMIT_NS;
	uint64_t events = 1;

	wr_store_relaxed(&child->shared->phase, DEMO_CATCHING_UP);
	for (;;) {
		int error = demo_groups_lag(&child->groups, &events);
		if (error < 0)
			return give_up(child, "asking for the groups' lag", error);
		if (events == 0)
			return 0;
		if (demo_now_ns() > limit_ns)
			return give_up(child, "waiting for the groups to catch up", -ETIMEDOUT);
		demo_sleep_ns(SECOND_NS / 1000);
	}
}

/* Until who looks at this life has seen it. */
static void await_look(struct demo_shared *shared)
{
	uint64_t limit_ns = demo_now_ns() + LOOK_LIMIT_NS;

	while (wr_load_relaxed(&shared->look) == DEMO_LOOK_WANTED && demo_now_ns() < limit_ns)
		demo_sleep_ns(SECOND_NS / 1000);
}

static int end_all(struct child *child)
{
	struct demo_shared *shared = child->shared;

	await_look(shared);

	/* While all threads are still there, to see where they ran. */
	int error = weir_pipeline_info(child->pipeline, &shared->info);
	if (error == 0)
		error = demo_groups_stop(&child->groups);
	if (error < 0)
		return give_up(child, "leaving the groups", error);
	error = demo_groups_digest(&child->groups, shared->digests);
	if (error < 0)
		return give_up(child, "adding up the books", error);
	error = weir_producer_close(child->producer, CLOSE_LIMIT_NS);
	child->producer = NULL;
	if (error < 0)
		return give_up(child, "closing the producer", error);
	error = weir_close(child->pipeline, WEIR_CLOSE_DRAIN, CLOSE_LIMIT_NS,
			   &shared->close_report);
	child->pipeline = NULL;
	if (error < 0)
		return give_up(child, "closing the pipeline", error);
	wr_store_release(&shared->phase, DEMO_CLOSED);
	return 0;
}

/* The first life ends by SIGKILL and in no other way. */
static _Noreturn void await_kill(void)
{
	for (;;)
		demo_sleep_ns(SECOND_NS);
}

static int run(struct child *child)
{
	int error = start_all(child);
	if (error == 0)
		error = publish_all(child);
	if (error == 0)
		error = await_answers(child);
	if (error == 0 && !child->again)
		await_kill();
	if (error == 0)
		error = await_groups(child);
	if (error == 0)
		error = end_all(child);
	return error;
}

int demo_child_run(const struct demo_plan *plan, struct demo_shared *shared, unsigned life)
{
	struct child child = {.plan = plan,
			      .shared = shared,
			      .life = &shared->lives[life],
			      .again = life > 0,
			      .limit = plan->event_limit};

	/* Something is left to publish after the kill, however late it comes. */
	if (life == 0 && child.limit > 1)
		child.limit -= (child.limit + 3) / 4;

	/* Naps of 20 µs are to be naps of 20 µs; the default slack is 50. */
	prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
	child.source = calloc(1, sizeof *child.source);
	if (plan->rate_per_s == 0)
		child.handed_ns = calloc(FLIGHT_MAX, sizeof *child.handed_ns);
	int error;
	if (child.source == NULL || (plan->rate_per_s == 0 && child.handed_ns == NULL)) {
		error = give_up(&child, "reserving memory", -ENOMEM);
	} else {
		demo_source_init(child.source, plan->input, plan->seed);
		error = run(&child);
	}
	/* After a failure its members' handlers may still run: the pipeline goes first. */
	if (child.pipeline != NULL)
		(void)weir_close(child.pipeline, WEIR_CLOSE_ABORT, CLOSE_LIMIT_NS, NULL);
	demo_groups_free(&child.groups);
	free(child.handed_ns);
	free(child.source);
	return error;
}
