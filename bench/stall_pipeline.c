/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline of bench/stall.h: a log in memory, two producers, two members of one group that
 * divide the partitions, and a thread that calls weir_step(): log, group and all.
 */
#include <errno.h>
#include <string.h>

#include <weir.h>

#include "bench/harness.h"
#include "bench/stall.h"

#define POLL_NS 10000000u
#define POLL_MOST 16u
#define PARTITIONS 8u
#define LEAVE_NS 20000000000ull

static int subscribe(struct stall *s)
{
	static const char *const topics[] = {"stall"};
	struct weir_subscription_options o;
	struct weir_member_options m;
	uint32_t subscription;

	weir_subscription_options_init(&o);
	o.name = "stall";
	o.topics = topics;
	o.topic_count = 1;
	int code = weir_subscription_create(s->object, &o, &subscription, NULL);
	for (uint32_t i = 0; code == 0 && i < s->consumer_count; i++) {
		struct weir_member *member = NULL;
		weir_member_options_init(&m);
		code = weir_member_join(s->object, subscription, &m, &member, NULL);
		s->consumers[i].handle = member;
	}
	return code;
}

static int open_pipeline(struct stall *s)
{
	struct weir_options o;
	struct weir_topic_options t;
	struct weir_producer_options p;
	struct weir_pipeline *pipeline;

	weir_options_init(&o);
	o.name = "stall";
	o.manual = true;
	int code = weir_open(&o, &pipeline, NULL);
	if (code < 0)
		return code;
	s->object = pipeline;
	weir_topic_options_init(&t);
	t.name = "stall";
	t.partitions = PARTITIONS;
	code = weir_topic_create(pipeline, &t, &s->topic, NULL);
	if (code == 0)
		code = subscribe(s);
	for (uint32_t i = 0; code == 0 && i < s->producer_count; i++) {
		struct weir_producer *producer = NULL;
		weir_producer_options_init(&p);
		p.no_acks = true;
		code = weir_producer_open(pipeline, &p, &producer, NULL);
		s->producers[i].handle = producer;
	}
	return code;
}

static int publish(struct stall_thread *t, uint64_t due_ns)
{
	struct weir_event event = {.topic = t->stall->topic};
	void *payload;
	int code = weir_claim(t->handle, &event, sizeof(struct stall_item), &payload);

	if (code < 0)
		return code;
	const struct stall_item item = {.due_ns = due_ns, .producer = t->index, .number = t->count};
	memcpy(payload, &item, sizeof item);
	stall_hold(t);
	return weir_commit(t->handle, sizeof item, NULL);
}

static void *produce(void *argument)
{
	struct stall_thread *t = argument;
	struct stall *s = t->stall;
	uint64_t interval_ns = 1000000000u / s->settings->rate;

	stall_begin(t);
	uint64_t due_ns = s->start_ns + t->index * interval_ns / 2;
	while (stall_until(s, due_ns)) {
		int code = publish(t, due_ns);
		if (code < 0) {
			stall_fail(s, code);
			break;
		}
		t->sum += t->index * 1000003u + t->count;
		t->count++;
		if (!t->stopped)
			stall_record(t, STALL_PUSH, due_ns, bench_now_ns());
		due_ns += interval_ns;
	}
	return NULL;
}

static uint64_t count_all(const struct stall *s)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < s->producer_count; i++)
		count += s->producers[i].count;
	return count;
}

static int take(struct stall_thread *t, const struct weir_item *items, int count)
{
	uint64_t now_ns = bench_now_ns();
	uint32_t seen = 0;

	stall_hold(t);
	for (int i = 0; i < count; i++) {
		struct stall_item item;
		if (items[i].kind != WEIR_ITEM_EVENT || items[i].payload_bytes != sizeof item)
			return -EPROTO;
		memcpy(&item, items[i].payload, sizeof item);
		stall_consumed(t, &item, now_ns);
		seen++;
	}
	(void)wr_add_relaxed(&t->stall->seen_count, seen);
	return weir_ack_all(t->handle);
}

static void *consume(void *argument)
{
	struct stall_thread *t = argument;
	struct stall *s = t->stall;
	struct weir_item items[POLL_MOST];
	bool assigned = false;

	/* Not at the start: it gets its partitions before. */
	(void)ring_thread_place(0, s->cpus, s->cpu_count, t->place, s->settings->pin, false);
	while (wr_load_relaxed(&s->failed) == 0) {
		int n = weir_poll(t->handle, items, POLL_MOST, POLL_NS);
		if (n > 0)
			n = take(t, items, n);
		else if (n == 0 && wr_load_acquire(&s->drained) != 0 &&
			 wr_load_relaxed(&s->seen_count) >= count_all(s))
			break;
		if (n < 0) {
			stall_fail(s, n);
			break;
		}
		if (!assigned && weir_member_assignments(t->handle, NULL, 0) == PARTITIONS / 2) {
			assigned = true;
			(void)wr_add_relaxed(&s->assigned, 1u);
		}
	}
	return NULL;
}

static void *write_log(void *argument)
{
	struct stall_thread *t = argument;
	struct stall *s = t->stall;

	(void)ring_thread_place(0, s->cpus, s->cpu_count, t->place, s->settings->pin, false);
	while (wr_load_relaxed(&s->writer_stop) == 0) {
		int code = weir_step(s->object, 1000000u);
		if (code < 0 && code != WEIR_E_AGAIN) {
			stall_fail(s, code);
			break;
		}
	}
	return NULL;
}

static void finish(struct stall *s)
{
	/* Counts of producers are theirs no more: they were joined. */
	wr_store_release(&s->drained, 1u);
}

static void leave(struct stall *s)
{
	for (uint32_t i = 0; i < s->consumer_count; i++)
		(void)weir_member_leave(s->consumers[i].handle, LEAVE_NS);
	for (uint32_t i = 0; i < s->producer_count; i++)
		(void)weir_producer_close(s->producers[i].handle, LEAVE_NS);
}

static int close_pipeline(struct stall *s)
{
	return s->object != NULL ? weir_close(s->object, WEIR_CLOSE_DRAIN, LEAVE_NS, NULL) : 0;
}

const struct stall_kind stall_kind_pipeline = {
	.open = open_pipeline,
	.produce = produce,
	.consume = consume,
	.write = write_log,
	.finish = finish,
	.leave = leave,
	.close = close_pipeline,
};
