/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replay to one subscription: billing gets the day's orders once more, beside what it has, and
 * knows them by their mark; shipping, which reads the same topic, notices nothing.
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>

static int append(struct weir_pipeline *pipeline, uint32_t topic, const char *text)
{
	struct weir_event event = {.topic = topic, .payload = text, .payload_bytes = strlen(text)};
	return weir_publish_once(pipeline, &event, WEIR_LEVEL_DURABLE, WEIR_FOREVER, NULL);
}

static int subscribe(struct weir_pipeline *pipeline, const char *name, uint32_t *ret_id)
{
	static const char *const topics[] = {"orders"};
	struct weir_subscription_options options;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = topics;
	options.topic_count = 1;
	return weir_subscription_create(pipeline, &options, ret_id, NULL);
}

static int replay_to(struct weir_pipeline *pipeline, uint32_t orders, uint32_t billing)
{
	struct weir_replay_to_options options;
	struct weir_replay_to_progress progress = {0};
	struct weir_replay_to *job = NULL;
	weir_replay_to_options_init(&options);
	options.name = "after-the-fault";
	options.subscriptions = &billing;
	options.subscription_count = 1;
	options.from.topics = &orders;
	options.from.topic_count = 1;
	int rc = weir_replay_to_open(pipeline, &options, &job, NULL);
	while (rc >= 0 && progress.state == WEIR_REPLAY_RUNNING) {
		rc = weir_replay_to_step(job, 100000000);
		weir_replay_to_progress(job, &progress);
	}
	(void)weir_replay_to_close(job, WEIR_FOREVER);
	return rc < 0 ? rc : 0;
}

static bool has_more(struct weir_pipeline *pipeline, uint32_t id)
{
	struct weir_lag lag;
	return weir_lag(pipeline, id, &lag) == 0 && (!lag.exact || lag.events > 0);
}

/* What a subscription has waiting: events, and of those the replayed ones. */
static int take_all(struct weir_pipeline *pipeline, uint32_t id, int *ret_events, int *ret_replayed)
{
	struct weir_member *member = NULL;
	struct weir_item items[16];
	int rc = weir_member_join(pipeline, id, NULL, &member, NULL);
	*ret_events = *ret_replayed = 0;
	while (rc >= 0 && has_more(pipeline, id)) {
		rc = weir_poll(member, items, 16, 10000000);
		int failed = 0;
		for (int i = 0; i < rc && failed == 0; i++) {
			++*ret_events;
			*ret_replayed += (items[i].flags & WEIR_ITEM_REPLAY) != 0 ? 1 : 0;
			failed = weir_ack(member, &items[i]);
		}
		if (failed != 0)
			rc = failed;
		if (rc >= 0)
			rc = weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	}
	(void)weir_member_leave(member, WEIR_FOREVER);
	return rc;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_topic_options topics;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem why = {0};
	uint32_t orders = 0, billing = 0, shipping = 0;
	int billed = 0, billed_again = 0, shipped = 0, shipped_again = 0;
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "replay_to.journal";
	weir_topic_options_init(&topics);
	topics.name = "orders";
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = weir_topic_create(pipeline, &topics, &orders, &why);
	if (rc == 0)
		rc = subscribe(pipeline, "billing", &billing);
	if (rc == 0)
		rc = subscribe(pipeline, "shipping", &shipping);
	for (int i = 0; i < 3 && rc == 0; i++)
		rc = append(pipeline, orders, "one chair");
	if (rc == 0)
		rc = replay_to(pipeline, orders, billing);
	if (rc == 0)
		rc = take_all(pipeline, billing, &billed, &billed_again);
	if (rc == 0)
		rc = take_all(pipeline, shipping, &shipped, &shipped_again);
	if (rc == 0)
		printf("billing got %d events, %d of them replayed; shipping %d\n", billed,
		       billed_again, shipped);
	else
		fprintf(stderr, "%s: %s\n", weir_strerror(rc), why.text);
	bool as_expected = rc == 0 && billed_again <= 3 && shipped_again == 0 && shipped >= 3;
	rc = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && as_expected ? 0 : 1;
}
