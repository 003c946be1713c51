/* SPDX-License-Identifier: Apache-2.0 */
/* See deliver_thread.h. */
#include "tools/weir/run/deliver_thread.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/harness.h"

#define ITEMS_MAX 512u
#define JOIN_POLL_NS RUN_MILLISECOND_NS /* until it has partitions: sources wait for that */
#define POLL_NS (50 * RUN_MILLISECOND_NS)
#define COMMIT_NS (20 * RUN_MILLISECOND_NS)
#define COMMIT_BYTES (1u << 20)
#define LEAVE_NS (5 * RUN_SECOND_NS)
#define MADE_BYTES_FIRST 4096u
#define MADE_BYTES_MAX (64u << 20)
#define HELD_MAX (8 * ITEMS_MAX)
#define REJECTED 1          /* of deliver(): the item is not this member's any more */
#define NO_TOPIC UINT32_MAX /* of an item that was polled, and comes again */

struct delivering {
	struct run_deliverer *own;
	struct weir_member *member;
	struct weir_item *items; /* ITEMS_MAX: too many for a small stack */
	uint8_t *made;           /* of the item in hand, by its subscription's transformer */
	size_t made_bytes;
	/* Where an event of a partition may be rejected: what is not committed; else NULL. */
	struct weir_item *held;
	uint32_t held_count;
	bool has_uncommitted;
	uint64_t uncommitted_since_ns;
	/* Of what is not committed: until then it is not delivered. */
	uint64_t taken_events;
	uint64_t taken_again_events;
};

static void add(wr_atomic_u64 *counter, uint64_t n)
{
	wr_store_relaxed(counter, wr_load_relaxed(counter) + n);
}

/* By its subscription's transformer, or as it is; the buffer grows to what is needed. */
static int64_t make_payload(struct delivering *d, const struct weir_item *item,
			    const void **ret_payload, struct weir_problem *problem)
{
	for (;;) {
		int64_t bytes = weir_member_transform(d->member, item, d->made, d->made_bytes,
						      ret_payload, problem);
		if (bytes != WEIR_E_TOO_BIG || d->made_bytes >= MADE_BYTES_MAX)
			return bytes;
		size_t more = d->made_bytes == 0 ? MADE_BYTES_FIRST : d->made_bytes * 2;
		void *larger = realloc(d->made, more);
		if (larger == NULL)
			return -ENOMEM;
		d->made = larger;
		d->made_bytes = more;
	}
}

/* ---- into the sink, and back ---- */

/* What was written is in the sink for good. The log is still to be told. */
static int make_good(struct delivering *d)
{
	int rc = d->own->sink->ops->commit(d->own->sink, &d->own->fault);
	if (rc < 0)
		return rc;
	d->has_uncommitted = false;
	add(&d->own->delivered_events, d->taken_events);
	add(&d->own->redelivered_events, d->taken_again_events);
	d->taken_events = d->taken_again_events = 0;
	return 0;
}

/* All that was polled: acknowledged, and the log is told with the next poll. */
static int commit(struct delivering *d)
{
	if (!d->has_uncommitted)
		return 0;
	int rc = make_good(d);
	if (rc < 0)
		return rc;
	d->held_count = 0;
	return weir_ack_all(d->member);
}

/* The same of what the sink was given, and nothing of what was polled with it. */
static int commit_held(struct delivering *d)
{
	int rc = make_good(d);
	for (uint32_t i = 0; i < d->held_count && rc == 0; i++) {
		rc = weir_ack(d->member, &d->held[i]);
		rc = rc == WEIR_E_FENCED ? 0 : rc;
	}
	if (rc == 0)
		d->held_count = 0;
	return rc;
}

/* The member's lane is full: the log takes what is in it. */
static int make_room(struct delivering *d)
{
	if (run_signal_is_raised(&d->own->of.life->abort))
		return -EINTR;
	int rc = weir_member_commit(d->member, WEIR_LEVEL_MEMORY, POLL_NS);
	return rc == -ETIMEDOUT || rc == WEIR_E_AGAIN || rc == WEIR_E_FENCED ? 0 : rc;
}

static int tell(struct delivering *d, const struct weir_item *item,
		const struct weir_rejection *rejection)
{
	int rc, room = 0;
	do
		rc = weir_reject(d->member, item, rejection);
	while (rc == WEIR_E_AGAIN && (room = make_room(d)) == 0);
	return room != 0 ? room : rc == WEIR_E_FENCED ? 0 : rc;
}

static bool is_by_partition(const struct delivering *d)
{
	return d->own->of.subscription->order == WEIR_ORDER_PARTITION;
}

/*
 * The item at `index` of `count` cannot be delivered. A partition's is rejected behind all that
 * lies before it; what lies behind it there comes again. Without dead letters what is dead is
 * tried again.
 */
static int reject(struct delivering *d, int index, int count, enum weir_verdict verdict,
		  const char *text)
{
	struct weir_item *item = &d->items[index];
	struct weir_rejection rejection = {
		.delay_ns = WEIR_DELAY_DEFAULT, .verdict = verdict, .text = text};
	int rc = is_by_partition(d) ? commit_held(d) : 0;
	if (rc == 0)
		rc = tell(d, item, &rejection);
	if (rc == -EINVAL && verdict == WEIR_VERDICT_DEAD) {
		rejection.verdict = WEIR_VERDICT_RETRY;
		rc = tell(d, item, &rejection);
	}
	for (int i = index + 1; is_by_partition(d) && i < count; i++)
		if (d->items[i].topic == item->topic && d->items[i].partition == item->partition)
			d->items[i].topic = NO_TOPIC;
	return rc < 0 ? rc : REJECTED;
}

/*
 * The item with the payload that its subscription makes of it; REJECTED where there is none. By
 * partition and without dead letters the run ends: it would stand at that event for ever.
 */
static int transform(struct delivering *d, int index, int count, struct weir_item *ret_item)
{
	char text[WEIR_REASON_TEXT_MAX];
	struct weir_problem problem = {0};
	const struct weir_item *item = &d->items[index];
	const void *payload = NULL;
	int64_t bytes = make_payload(d, item, &payload, &problem);
	*ret_item = *item;
	if (bytes >= 0) {
		ret_item->type = payload == item->payload ? item->type : 0;
		ret_item->payload = payload;
		ret_item->payload_bytes = (uint32_t)bytes;
		return 0;
	}
	int rc = (int)bytes;
	if (rc != -ENOMEM &&
	    (!is_by_partition(d) || d->own->of.subscription->dead_letters != NULL)) {
		(void)snprintf(text, sizeof text, "it cannot be transformed: %.120s", problem.text);
		rc = reject(d, index, count, WEIR_VERDICT_DEAD, text);
	}
	if (rc < 0 && rc != -EINTR)
		run_fault_set(&d->own->fault, rc,
			      "the event at %" PRIu64 " cannot be transformed: %s%s%s",
			      item->sequence, problem.field, problem.field[0] != '\0' ? ": " : "",
			      problem.text[0] != '\0' ? problem.text : weir_strerror(rc));
	return rc;
}

/* To the sink, which has it when it has committed. */
static int deliver(struct delivering *d, int index, int count)
{
	struct run_deliverer *own = d->own;
	const struct weir_item *item = &d->items[index];
	if (item->kind != WEIR_ITEM_EVENT) {
		add(&own->missed_events, item->end_sequence - item->sequence);
		return 0;
	}
	uint64_t skipped = own->sink->skipped_count;
	uint64_t failed = own->sink->failed_count;
	struct weir_item made;
	int rc = transform(d, index, count, &made);
	if (rc == 0)
		rc = own->sink->ops->write(own->sink, &made, &own->fault);
	else if (rc == REJECTED)
		return rc;
	if (rc == RUN_SINK_REFUSES)
		return reject(d, index, count, WEIR_VERDICT_RETRY, own->sink->why);
	if (rc < 0)
		return rc;
	if (own->sink->skipped_count != skipped || own->sink->failed_count != failed)
		return 0;
	d->taken_events++;
	d->taken_again_events += (item->flags & WEIR_ITEM_REDELIVERED) != 0 ? 1 : 0;
	return 0;
}

static bool is_due(const struct delivering *d, int item_count)
{
	const struct run_sink *sink = d->own->sink;
	return item_count == 0 || sink->one_by_one || d->held_count > HELD_MAX - ITEMS_MAX ||
	       sink->ops->pending_bytes(sink) >= COMMIT_BYTES ||
	       bench_now_ns() - d->uncommitted_since_ns >= COMMIT_NS;
}

static int explain(struct delivering *d, int rc)
{
	struct weir_problem problem = {0};
	if (rc == WEIR_E_CORRUPT)
		weir_member_problem(d->member, &problem);
	run_fault_set(&d->own->fault, rc, "%s",
		      problem.text[0] != '\0' ? problem.text : weir_strerror(rc));
	return rc;
}

/* One poll and what comes of it. 0, or -code: it ends. */
static int turn(struct delivering *d)
{
	struct run_deliverer *own = d->own;
	size_t items_max = own->sink->one_by_one ? 1 : ITEMS_MAX;
	bool has_joined = wr_load_relaxed(&own->has_joined) != 0; /* own */
	uint64_t wait_ns = d->has_uncommitted ? 0 : has_joined ? POLL_NS : JOIN_POLL_NS;
	int n = weir_poll(d->member, d->items, items_max, wait_ns);
	if (n < 0)
		return explain(d, n);
	if (!has_joined && weir_member_assignments(d->member, NULL, 0) > 0)
		wr_store_relaxed(&own->has_joined, 1u);
	for (int i = 0; i < n; i++) {
		if (run_signal_is_raised(&own->of.life->abort))
			return -EINTR;
		int rc = d->items[i].topic != NO_TOPIC ? deliver(d, i, n) : REJECTED;
		if (rc < 0)
			return rc;
		if (rc == 0 && d->held != NULL)
			d->held[d->held_count++] = d->items[i];
	}
	if (n > 0 && !d->has_uncommitted) {
		d->has_uncommitted = true;
		d->uncommitted_since_ns = bench_now_ns();
	}
	return is_due(d, n) ? commit(d) : 0;
}

static bool may_reject_of_partition(const struct run_deliverer *own)
{
	const struct weir_subscription_options *o = own->of.subscription;
	return o->order == WEIR_ORDER_PARTITION &&
	       (o->dead_letters != NULL ||
		own->of.config->on_failure == WEIR_CONFIG_FAILURE_REJECT);
}

static void *run(void *context)
{
	struct run_deliverer *own = context;
	struct delivering d = {.own = own};
	struct weir_member_options options;
	struct weir_problem problem = {0};
	char member_name[16];
	(void)snprintf(member_name, sizeof member_name, "run-%04u", own->of.member);
	weir_member_options_init(&options);
	options.name = member_name;
	d.items = calloc(ITEMS_MAX, sizeof *d.items);
	bool has_memory = d.items != NULL;
	if (may_reject_of_partition(own)) {
		d.held = malloc(HELD_MAX * sizeof *d.held);
		has_memory = has_memory && d.held != NULL;
	}
	int rc = !has_memory ? -ENOMEM
			     : weir_member_join(own->of.pipeline, own->of.subscription_id, &options,
						&d.member, &problem);
	if (rc < 0)
		run_fault_set(&own->fault, rc, "%s",
			      problem.text[0] != '\0' ? problem.text : weir_strerror(rc));
	/* Members of a queue are never given partitions. */
	else if (own->of.subscription->order != WEIR_ORDER_PARTITION)
		wr_store_relaxed(&own->has_joined, 1u);
	while (rc == 0 && !run_signal_is_raised(&own->of.life->finish))
		rc = turn(&d);
	if (rc == 0 && !run_signal_is_raised(&own->of.life->abort))
		rc = commit(&d);
	if (rc < 0 && rc != -EINTR)
		run_fault_set(&own->fault, rc, "%s", weir_strerror(rc));
	/* After CLOSED there is no member to leave. */
	if (rc != WEIR_E_CLOSED)
		(void)weir_member_leave(d.member, LEAVE_NS);
	free(d.made);
	free(d.held);
	free(d.items);
	run_thread_note_cpu(&own->thread);
	/* Release: main reads the fault without having joined (run_deliverer_has_ended). */
	wr_store_release(&own->has_ended, 1);
	return NULL;
}

int run_deliverer_start(struct run_deliverer *deliverer)
{
	char name[16];
	(void)snprintf(name, sizeof name, "sink%u-%s", deliverer->of.member,
		       deliverer->of.subscription->name);
	return run_thread_start(&deliverer->thread, name, run, deliverer);
}

void run_deliverer_join(struct run_deliverer *deliverer)
{
	run_thread_join(&deliverer->thread);
}

bool run_deliverer_has_ended(const struct run_deliverer *deliverer)
{
	/* Acquire: pairs with the release at the end of run(). */
	return wr_load_acquire(&deliverer->has_ended) != 0;
}
