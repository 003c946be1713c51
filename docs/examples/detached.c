/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscription that may not be far behind: with WEIR_SLOW_DETACH nothing is kept for it above a
 * limit, each poll says so, and the program takes it up again where it stood, or where the log
 * begins by now.
 */
#include <stdbool.h>
#include <stdio.h>
#include <weir.h>

#define EVENTS 400u
#define LIMIT 100u

static int subscribe(struct weir_pipeline *pipeline, uint32_t *ret_id, struct weir_problem *why)
{
	const char *const topics[] = {"readings"};
	struct weir_subscription_options options;
	weir_subscription_options_init(&options);
	options.name = "display";
	options.topics = topics;
	options.topic_count = 1;
	options.when_slow = WEIR_SLOW_DETACH;
	options.lag_events_max = LIMIT;
	return weir_subscription_create(pipeline, &options, ret_id, why);
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

/* Too slow: nothing is kept for us any more. On where we stood, if that is still there. */
static int attach(struct weir_pipeline *pipeline, uint32_t subscription)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	int rc = weir_subscription_info(pipeline, subscription, &info);
	if (rc == 0)
		rc = weir_subscription_seek(pipeline, subscription, WEIR_SEEK_SEQUENCE,
					    info.position, WEIR_FOREVER, NULL);
	if (rc == WEIR_E_TRUNCATED) // some of it has left the log: from what is there on
		rc = weir_subscription_seek(pipeline, subscription, WEIR_SEEK_OLDEST, 0,
					    WEIR_FOREVER, NULL);
	return rc;
}

/* It takes what there is and finishes none of it, until it is cut off. */
static int stand_still(struct weir_member *member)
{
	struct weir_item item;
	int count;
	do
		count = weir_poll(member, &item, 1, 10000000);
	while (count >= 0);
	return count == WEIR_E_DETACHED ? 0 : count;
}

/* One poll; attached again, if it has to be. */
static int show_some(struct weir_pipeline *pipeline, uint32_t subscription,
		     struct weir_member *member, uint32_t *times)
{
	struct weir_item items[8];
	int count = weir_poll(member, items, 8, 10000000);
	if (count == WEIR_E_DETACHED) {
		*times += 1;
		return attach(pipeline, subscription);
	}
	for (int i = 0; i < count; i++) {
		int rc = weir_ack(member, &items[i]);
		if (rc != 0 && rc != WEIR_E_FENCED)
			return rc; // fenced: it was detached meanwhile, and the event comes again
	}
	return count < 0 ? count : 0;
}

static int show_all(struct weir_pipeline *pipeline, uint32_t subscription, uint32_t *times,
		    struct weir_problem *why)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_lag lag = {.events = 1};
	struct weir_member_options options;
	struct weir_member *member;
	weir_member_options_init(&options);
	int rc = weir_member_join(pipeline, subscription, &options, &member, why);
	if (rc != 0)
		return rc;
	rc = stand_still(member);
	while (rc == 0 && (lag.events > 0 || !lag.exact || info.detached)) {
		rc = show_some(pipeline, subscription, member, times);
		if (rc == 0)
			rc = weir_lag(pipeline, subscription, &lag);
		if (rc == 0)
			rc = weir_subscription_info(pipeline, subscription, &info);
	}
	int left = weir_member_leave(member, WEIR_FOREVER);
	return rc != 0 ? rc : left;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_topic_options topic_options;
	struct weir_pipeline *pipeline;
	struct weir_problem why = {.text = ""};
	uint32_t topic, subscription, times = 0;

	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "detached.journal";
	options.segment_bytes = 4 << 20;
	weir_topic_options_init(&topic_options);
	topic_options.name = "readings";
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = weir_topic_create(pipeline, &topic_options, &topic, &why);
		if (rc == 0)
			rc = subscribe(pipeline, &subscription, &why);
		if (rc == 0)
			rc = publish(pipeline, topic, &why);
		if (rc == 0)
			rc = show_all(pipeline, subscription, &times, &why);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	printf("%u events, and nothing is left to read; detached %u time(s)\n", EVENTS, times);
	return 0;
}
