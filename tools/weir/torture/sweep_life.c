/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sweep.h: one life of the pipeline, in a process of its own.
 *
 * Threads: main opens, publishes single events, looks at the segments and checkpoints, closes; one
 * for each named stream and one for each member.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/weir/torture/sweep.h"

#define SECOND_NS UINT64_C(1000000000)
#define TICKETS 4096u /* outstanding at most: the window is far below */

struct stream {
	struct life *life;
	struct weir_producer *producer;
	pthread_t thread;
	struct wr_prng prng;
	uint32_t index;
	uint64_t next;  /* number of the next event */
	uint64_t first; /* of this life */
	uint64_t acked;
	uint64_t last_of[TICKETS]; /* the number of a ticket's last event */
};

struct life {
	const struct sweep_plan *plan;
	struct sweep_ledger *ledger;
	struct weir_pipeline *pipeline;
	uint32_t topic;
	struct stream streams[SWEEP_NAMED];
	struct sweep_member members[SWEEP_MEMBERS];
	pthread_t member_threads[SWEEP_MEMBERS];
	uint32_t groups[SWEEP_GROUPS];
	wr_atomic_u32 stop_members;
	wr_atomic_u32 stop_streams;
	wr_atomic_u32 streams_done;
	wr_atomic_u64 ack_count;
	uint64_t once_next;
	uint64_t seen_segments;
	uint64_t seen_packed;
	uint64_t packed; /* since it was opened */
	uint64_t seen_changes;
};

static bool failed(struct life *life, const char *what, int rc, const struct weir_problem *problem)
{
	if (rc >= 0)
		return false;
	if (wr_load_acquire(&life->ledger->is_breaking) != 0) {
		wr_store_release(&life->ledger->was_refused, 1u);
		return true;
	}
	sweep_fault(life->ledger, "%s: %s %s %s", what, weir_error_name(rc),
		    problem != NULL ? problem->field : "", problem != NULL ? problem->text : "");
	return true;
}

static uint64_t patience_ns(const struct life *life)
{
	return life->plan->patience_ns != 0 ? life->plan->patience_ns : SECOND_NS * 10;
}

static void die(void)
{
	(void)kill(getpid(), SIGKILL);
}

static void nap(long ns)
{
	const struct timespec length = {.tv_nsec = ns};
	nanosleep(&length, NULL);
}

/* What is refused from the first store on is no fault: it may be the disk's. */
static void break_disk(struct life *life)
{
	uint32_t none = 0;

	if (!wr_cas_seq(&life->ledger->is_breaking, &none, 1))
		return;
	int rc = sweep_break_disk(life->plan->break_how, life->plan->seed);
	wr_store_release(&life->ledger->is_broken, rc == 0 ? 1u : 2u);
}

/* --- publishing ----------------------------------------------------------------------------- */

static void take_answer(void *context, const struct weir_ack_range *range)
{
	struct stream *s = context;
	struct life *life = s->life;

	if (failed(life, "an event was refused", range->code, NULL))
		return;
	uint64_t number = s->last_of[range->last_ticket % TICKETS];
	wr_store_release(&life->ledger->acked[s->index], number);
	uint64_t count = number - s->acked;
	s->acked = number;
	uint64_t total = wr_add_relaxed(&life->ack_count, count) + count;
	if (life->plan->kill == SWEEP_KILL_ACKS && total >= life->plan->after)
		die();
	if (life->plan->kill == SWEEP_KILL_BREAK && total >= life->plan->after)
		break_disk(life);
}

struct made {
	char key[8];
	uint8_t payload[SWEEP_PAYLOAD_BYTES_MAX];
};

static struct weir_event make(struct life *life, struct made *made, uint32_t stream,
			      uint64_t number)
{
	int key_bytes = snprintf(made->key, sizeof made->key, "%u-%u", stream,
				 (unsigned)(number % SWEEP_CLASSES));
	uint32_t bytes = sweep_payload(made->payload, stream, number);
	return (struct weir_event){.topic = life->topic,
				   .key = made->key,
				   .key_bytes = (size_t)key_bytes,
				   .payload = made->payload,
				   .payload_bytes = bytes};
}

static int publish_claimed(struct stream *s, uint64_t *ret_ticket)
{
	struct made made;
	struct weir_event event = make(s->life, &made, s->index, s->next);
	void *to;

	event.payload = NULL;
	size_t bytes = event.payload_bytes;
	event.payload_bytes = 0;
	int rc = weir_claim(s->producer, &event, bytes, &to);
	if (rc == 0 && wr_prng_chance(&s->prng, 100000)) {
		memset(to, 0xee, bytes); /* given up: nothing of it may ever be seen */
		rc = weir_abort(s->producer);
		if (rc == 0)
			rc = weir_claim(s->producer, &event, bytes, &to);
	}
	if (rc < 0)
		return rc;
	memcpy(to, made.payload, bytes);
	return weir_commit(s->producer, bytes, ret_ticket);
}

/* As many as fit into 4 KiB, a quarter of a chunk. */
static int publish_run(struct stream *s, uint32_t most, uint64_t *ret_ticket, uint32_t *ret_count)
{
	struct made made;
	uint32_t count = 0;

	int rc = weir_run_begin(s->producer, 4000);
	while (rc == 0 && count < most) {
		struct weir_event event = make(s->life, &made, s->index, s->next + count);
		rc = weir_run_add(s->producer, &event);
		count += rc == 0;
	}
	if (rc == 0 || (rc == WEIR_E_TOO_BIG && count > 0))
		rc = weir_run_commit(s->producer, ret_ticket);
	*ret_count = count;
	return rc;
}

static int publish_many(struct stream *s, uint32_t most, uint64_t *ret_ticket, uint32_t *ret_count)
{
	struct made made[8];
	struct weir_event events[8];

	for (uint32_t i = 0; i < most; i++)
		events[i] = make(s->life, &made[i], s->index, s->next + i);
	int rc = weir_publish_many(s->producer, events, most, ret_ticket);
	*ret_count = rc > 0 ? (uint32_t)rc : 0;
	for (uint32_t i = 0; rc > 0 && i < *ret_count; i++)
		s->last_of[(*ret_ticket - i) % TICKETS] = s->next + *ret_count - 1 - i;
	return rc < 0 ? rc : 0;
}

static int publish_some(struct stream *s)
{
	uint32_t most = (uint32_t)wr_prng_between(&s->prng, 1, 8);
	uint32_t count = 1;
	uint64_t ticket = 0;
	struct made made;
	struct weir_event event;
	int rc;

	wr_store_release(&s->life->ledger->handed[s->index], s->next + most - 1);
	switch (wr_prng_below(&s->prng, 4)) {
	case 0:
		event = make(s->life, &made, s->index, s->next);
		rc = weir_publish(s->producer, &event, &ticket);
		break;
	case 1:
		rc = publish_claimed(s, &ticket);
		break;
	case 2:
		rc = publish_run(s, most, &ticket, &count);
		break;
	default:
		rc = publish_many(s, most, &ticket, &count);
		break;
	}
	if (rc < 0)
		return rc;
	s->next += count;
	s->last_of[ticket % TICKETS] = s->next - 1;
	return 0;
}

static void *run_stream(void *context)
{
	struct stream *s = context;
	struct life *life = s->life;
	uint64_t end = s->next + life->plan->events;

	while (wr_load_acquire(&life->stop_streams) == 0 &&
	       wr_load_relaxed(&life->ledger->has_fault) == 0) {
		if (s->next < end && s->next - 1 - s->acked < life->plan->window &&
		    failed(life, "publishing", publish_some(s), NULL))
			break;
		if (weir_producer_poll_acks(s->producer) > 0 || s->next < end)
			continue;
		if (s->acked == s->next - 1)
			break;
		nap(50000);
	}
	wr_add_seq(&life->streams_done, 1);
	return NULL;
}

/* A single event by the main thread; whether it came is in doubt when the life ends in between. */
static void publish_single(struct life *life)
{
	struct sweep_ledger *ledger = life->ledger;
	struct made made;

	if (life->once_next >= SWEEP_ONCE_MAX)
		return;
	struct weir_event event = make(life, &made, SWEEP_NAMED, life->once_next);
	wr_store_release(&ledger->handed[SWEEP_NAMED], life->once_next);
	int rc = weir_publish_once(life->pipeline, &event, WEIR_LEVEL_DURABLE, patience_ns(life),
				   NULL);
	if (failed(life, "weir_publish_once", rc, NULL))
		return;
	wr_store_release(&ledger->once_acked[life->once_next], 1);
	wr_store_release(&ledger->acked[SWEEP_NAMED], life->once_next);
	life->once_next++;
}

/* --- opening -------------------------------------------------------------------------------- */

static void open_stream(struct life *life, uint32_t index)
{
	struct stream *s = &life->streams[index];
	struct weir_producer_options options;
	struct weir_producer_last last = {0};
	struct weir_problem problem = {0};
	const char *const names[SWEEP_NAMED] = {"left", "right"};

	weir_producer_options_init(&options);
	options.name = names[index];
	options.level = WEIR_LEVEL_DURABLE;
	options.block_timeout_ns = patience_ns(life);
	options.ack_fn = take_answer;
	options.ack_context = s;
	s->life = life;
	s->index = index;
	int rc = weir_producer_open(life->pipeline, &options, &s->producer, &problem);
	if (failed(life, "weir_producer_open", rc, &problem))
		return;
	(void)failed(life, "weir_producer_last", weir_producer_last(s->producer, &last), NULL);
	uint64_t acked = wr_load_acquire(&life->ledger->acked[index]);
	uint64_t handed = wr_load_acquire(&life->ledger->handed[index]);
	if (last.producer_sequence < acked || last.producer_sequence > handed)
		sweep_fault(life->ledger,
			    "stream %u resumes behind %llu; acknowledged up to %llu, "
			    "published up to %llu",
			    index, (unsigned long long)last.producer_sequence,
			    (unsigned long long)acked, (unsigned long long)handed);
	s->next = s->first = last.producer_sequence + 1;
	s->acked = last.producer_sequence;
	wr_prng_init(&s->prng, life->plan->seed + index);
}

static void open_group(struct life *life, uint32_t group)
{
	struct weir_subscription_options options;
	struct weir_problem problem = {0};
	const char *topic = "numbers";

	weir_subscription_options_init(&options);
	options.name = group == 0 ? "first" : "second";
	options.topics = &topic;
	options.topic_count = 1;
	if (group == 1 && life->plan->memory_gate)
		options.gate = WEIR_LEVEL_MEMORY;
	int rc = weir_subscription_create(life->pipeline, &options, &life->groups[group], &problem);
	(void)failed(life, "weir_subscription_create", rc, &problem);
}

static void join(struct life *life, uint32_t index)
{
	struct sweep_member *m = &life->members[index];
	struct weir_member_options options;
	struct weir_problem problem = {0};

	weir_member_options_init(&options);
	*m = (struct sweep_member){.ledger = life->ledger,
				   .stop = &life->stop_members,
				   .group = index == 0 ? 0 : 1,
				   .seed = life->plan->seed * 31 + index,
				   .patience_ns = patience_ns(life),
				   .is_alone = index == 0};
	int rc = weir_member_join(life->pipeline, life->groups[m->group], &options, &m->member,
				  &problem);
	(void)failed(life, "weir_member_join", rc, &problem);
}

static bool good(const struct life *life)
{
	return wr_load_relaxed(&life->ledger->has_fault) == 0;
}

static void open_all(struct life *life, const char *dir)
{
	struct weir_options options = life->plan->options;
	struct weir_topic_options topic;
	struct weir_info info = {.struct_bytes = sizeof info};
	struct weir_problem problem = {0};

	options.dir = dir;
	wr_store_release(&life->ledger->phase, SWEEP_OPENING);
	int rc = weir_open(&options, &life->pipeline, &problem);
	if (failed(life, "weir_open", rc, &problem))
		return;
	if (weir_pipeline_info(life->pipeline, &info) == 0 &&
	    info.recovery.trimmed_from_sequence != 0)
		wr_add_relaxed(&life->ledger->trimmed, 1);
	weir_topic_options_init(&topic);
	topic.name = "numbers";
	topic.partitions = SWEEP_PARTITIONS;
	rc = weir_topic_create(life->pipeline, &topic, &life->topic, &problem);
	(void)failed(life, "weir_topic_create", rc, &problem);
	for (uint32_t i = 0; i < SWEEP_NAMED && good(life); i++)
		open_stream(life, i);
	for (uint32_t i = 0; i < SWEEP_GROUPS && good(life); i++)
		open_group(life, i);
	for (uint32_t i = 0; i < SWEEP_MEMBERS && good(life); i++)
		join(life, i);
	life->once_next = wr_load_acquire(&life->ledger->handed[SWEEP_NAMED]) + 1;
}

/* --- the middle ----------------------------------------------------------------------------- */

/* Dies at the change that the plan names. */
static void watch(struct life *life)
{
	struct weir_info info = {.struct_bytes = sizeof info};

	if (weir_pipeline_info(life->pipeline, &info) < 0)
		return;
	uint64_t segments = info.segments_live + info.segments_spare + info.segments_recycled +
			    info.segments_packed;
	if (info.segments_packed > life->seen_packed && life->seen_segments != 0) {
		life->packed += info.segments_packed - life->seen_packed;
		wr_add_relaxed(&life->ledger->packed, info.segments_packed - life->seen_packed);
	}
	life->seen_packed = info.segments_packed;
	if (life->seen_segments != 0 && segments != life->seen_segments)
		life->seen_changes++;
	life->seen_segments = segments;
	if (life->plan->kill == SWEEP_KILL_ROLL && life->seen_changes >= life->plan->after)
		die();
	if (life->plan->kill == SWEEP_KILL_CHECKPOINT && info.checkpoints >= life->plan->after)
		die();
	if (life->plan->kill == SWEEP_KILL_PACK && life->packed >= life->plan->after)
		die();
}

static bool caught_up(struct life *life)
{
	for (uint32_t i = 0; i < SWEEP_GROUPS; i++) {
		struct weir_lag lag;
		if (failed(life, "weir_lag", weir_lag(life->pipeline, life->groups[i], &lag), NULL))
			return true;
		if (lag.events > 0 || !lag.exact)
			return false;
	}
	return true;
}

/* Until the plan's events are acknowledged, and in a life that ends in order, also handled. */
static void run(struct life *life)
{
	bool to_the_end = life->plan->kill == SWEEP_KILL_NONE;
	uint64_t rounds = 0;

	wr_store_release(&life->ledger->phase, SWEEP_RUNNING);
	for (uint32_t i = 0; i < SWEEP_MEMBERS; i++)
		if (pthread_create(&life->member_threads[i], NULL, sweep_member,
				   &life->members[i]) != 0)
			_exit(99);
	for (uint32_t i = 0; i < SWEEP_NAMED; i++)
		if (pthread_create(&life->streams[i].thread, NULL, run_stream, &life->streams[i]) !=
		    0)
			_exit(99);
	while (good(life)) {
		bool done = wr_load_acquire(&life->streams_done) == SWEEP_NAMED;
		watch(life);
		if (!done && rounds++ % 16 == 0)
			publish_single(life);
		if (done &&
		    (life->plan->kill == SWEEP_KILL_CLOSING || (to_the_end && caught_up(life))))
			break;
		nap(100000);
	}
	wr_store_release(&life->stop_streams, 1);
	wr_store_release(&life->stop_members, 1);
	for (uint32_t i = 0; i < SWEEP_NAMED; i++)
		pthread_join(life->streams[i].thread, NULL);
	for (uint32_t i = 0; i < SWEEP_MEMBERS; i++)
		pthread_join(life->member_threads[i], NULL);
}

static void close_all(struct life *life)
{
	const struct sweep_plan *plan = life->plan;
	struct weir_close_report report = {0};
	struct weir_info info = {.struct_bytes = sizeof info};

	if (weir_pipeline_info(life->pipeline, &info) == 0) {
		wr_add_relaxed(&life->ledger->checkpoints, info.checkpoints);
		wr_add_relaxed(&life->ledger->recycled, info.segments_recycled);
	}
	for (uint32_t i = 0; i < SWEEP_MEMBERS && plan->leave; i++)
		(void)failed(life, "weir_member_leave",
			     weir_member_leave(life->members[i].member, patience_ns(life)), NULL);
	wr_store_release(&life->ledger->phase, SWEEP_CLOSING);
	int rc = weir_close(life->pipeline, plan->close_mode, 2 * patience_ns(life), &report);
	(void)failed(life, "weir_close", rc, NULL);
	if (rc == 0 && plan->kill == SWEEP_KILL_NONE && !report.clean)
		sweep_fault(life->ledger, "a close in order was not clean");
	wr_store_release(&life->ledger->phase, SWEEP_DONE);
}

int sweep_life(const char *dir, const struct sweep_plan *plan, struct sweep_ledger *ledger)
{
	static struct life life;

	life = (struct life){.plan = plan, .ledger = ledger};
	open_all(&life, dir);
	if (good(&life))
		run(&life);
	if (good(&life))
		close_all(&life);
	while (good(&life) && plan->kill != SWEEP_KILL_NONE)
		nap(1000000); /* the parent comes */
	return good(&life) ? 0 : 1;
}
