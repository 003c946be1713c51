/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member of a group: events in place, acknowledged in any order, progress made durable, a look at
 * lag, and a seek back in time that hands them out again.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <weir.h>

#define EVENTS 200u
#define SECOND_NS 1000000000ull

/* On weir's group thread: once when lag rises above the threshold, once when it has fallen. */
static void on_lag(void *context, uint32_t subscription, const struct weir_lag *lag, bool above)
{
	atomic_uint *alerts = context;
	(void)subscription;
	(void)lag;
	if (above)
		atomic_fetch_add(alerts, 1);
}

static int subscribe(struct weir_pipeline *pipeline, atomic_uint *alerts, uint32_t *ret_id,
		     struct weir_problem *why)
{
	const char *const topics[] = {"readings"};
	struct weir_subscription_options options;
	weir_subscription_options_init(&options);
	options.name = "archive";
	options.topics = topics;
	options.topic_count = 1;
	options.start = WEIR_START_OLDEST;
	options.gate = WEIR_LEVEL_DURABLE;      // what the default is with a journal
	options.when_slow = WEIR_SLOW_CATCH_UP; // read from disk what left memory
	options.session_timeout_ns = 10 * SECOND_NS;
	options.lag_events_max = 100;
	options.lag_fn = on_lag;
	options.lag_context = alerts;
	return weir_subscription_create(pipeline, &options, ret_id, why);
}

/* One poll: the items are read where they lie, and acknowledged from the last to the first. */
static int handle_some(struct weir_member *member, uint64_t *handled)
{
	struct weir_item items[64];
	int count = weir_poll(member, items, 64, SECOND_NS);
	for (int i = count - 1; i >= 0; i--) {
		if (items[i].kind == WEIR_ITEM_EVENT)
			*handled += 1; // items[i].payload is weir's memory, until the next poll
		int rc = weir_ack(member, &items[i]);
		if (rc != 0 && rc != WEIR_E_FENCED)
			return rc; // fenced: the partition moved, another member gets the event
	}
	return count < 0 ? count : 0;
}

static int handle_all(struct weir_member *member, uint64_t count)
{
	uint64_t handled = 0;
	int rc = 0;
	while (rc == 0 && handled < count)
		rc = handle_some(member, &handled);
	/* What was acknowledged is in the log, and the log is durable. */
	return rc != 0 ? rc : weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
}

static int publish(struct weir_pipeline *pipeline, uint32_t topic, struct weir_problem *why)
{
	struct weir_producer_options options;
	struct weir_producer *producer;
	uint64_t ticket = 0;
	weir_producer_options_init(&options);
	int rc = weir_producer_open(pipeline, &options, &producer, why);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < EVENTS && rc == 0; i++) {
		struct weir_event event = {
			.topic = topic, .payload = &i, .payload_bytes = sizeof i};
		rc = weir_publish(producer, &event, &ticket);
	}
	if (rc == 0)
		rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	return rc != 0 ? rc : closed;
}

static int read_twice(struct weir_pipeline *pipeline, uint32_t subscription,
		      struct weir_problem *why)
{
	struct weir_member_options options;
	struct weir_member *member;
	struct weir_lag lag;
	weir_member_options_init(&options);
	options.name = "reader-1";
	int rc = weir_member_join(pipeline, subscription, &options, &member, why);
	if (rc != 0)
		return rc;
	rc = handle_all(member, EVENTS);
	if (rc == 0)
		rc = weir_lag(pipeline, subscription, &lag);
	if (rc == 0)
		printf("%llu events behind\n", (unsigned long long)lag.events);
	/* All over again: what was acknowledged comes with the flag WEIR_ITEM_REDELIVERED. */
	if (rc == 0)
		rc = weir_subscription_seek(pipeline, subscription, WEIR_SEEK_OLDEST, 0,
					    WEIR_FOREVER, why);
	if (rc == 0)
		rc = handle_all(member, EVENTS);
	int left = weir_member_leave(member, WEIR_FOREVER);
	return rc != 0 ? rc : left;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_topic_options topic_options;
	struct weir_pipeline *pipeline;
	struct weir_problem why = {.text = ""};
	atomic_uint alerts = 0;
	uint32_t topic, subscription;

	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "consuming.journal";
	options.segment_bytes = 4 << 20;
	weir_topic_options_init(&topic_options);
	topic_options.name = "readings";
	topic_options.partitions = 8;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = weir_topic_create(pipeline, &topic_options, &topic, &why);
		if (rc == 0)
			rc = subscribe(pipeline, &alerts, &subscription, &why);
		if (rc == 0)
			rc = publish(pipeline, topic, &why);
		if (rc == 0)
			rc = read_twice(pipeline, subscription, &why);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	printf("%u events, read twice; lag rose above 100 events %u time(s)\n", EVENTS,
	       atomic_load(&alerts));
	return 0;
}
