/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue: two workers share the events of a topic one by one. While an order of a customer is in
 * somebody's hands, nobody gets the customer's next one. An order that fails is tried again, and
 * after three attempts it is a dead letter, with where it came from and why; the others go on.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <weir.h>

#define ORDERS 100u
#define CUSTOMERS 10u
#define POISONED 42u /* this one cannot be processed */
#define WORKERS 2u

struct worker {
	struct weir_member *member;
	unsigned done, failed;
};

/* On a thread of weir's own, one for each worker. */
static enum weir_handled work(void *context, struct weir_member *member,
			      const struct weir_item *item)
{
	struct worker *worker = context;
	uint32_t order;
	memcpy(&order, item->payload, sizeof order);
	if (order != POISONED) {
		worker->done++;
		return WEIR_HANDLED_OK;
	}
	const struct weir_rejection why = {
		.reason = 7, .text = "no such product", .delay_ns = WEIR_DELAY_DEFAULT};
	worker->failed++;
	/* Said here, since it says why; WEIR_HANDLED_RETRY would do without. */
	return weir_reject(member, item, &why) == 0 ? WEIR_HANDLED_LATER : WEIR_HANDLED_RETRY;
}

static int publish_all(struct weir_pipeline *pipeline, uint32_t topic, struct weir_problem *why)
{
	struct weir_producer *producer;
	uint64_t ticket = 0;
	int rc = weir_producer_open(pipeline, NULL, &producer, why);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < ORDERS && rc == 0; i++) {
		uint32_t customer = i % CUSTOMERS;
		struct weir_event event = {.topic = topic,
					   .key = &customer,
					   .key_bytes = sizeof customer,
					   .payload = &i,
					   .payload_bytes = sizeof i};
		rc = weir_publish(producer, &event, &ticket);
	}
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	return rc != 0 ? rc : closed;
}

/* Waits for one dead letter, and says what it is. */
static int read_dead_letter(struct weir_pipeline *pipeline, struct weir_problem *why)
{
	static const char *const topics[] = {"orders.dead"};
	struct weir_subscription_options options;
	struct weir_member *member;
	struct weir_item item;
	struct weir_origin origin;
	uint32_t subscription, order;
	weir_subscription_options_init(&options);
	options.name = "support";
	options.topics = topics;
	options.topic_count = 1;
	int rc = weir_subscription_create(pipeline, &options, &subscription, why);
	if (rc == 0)
		rc = weir_member_join(pipeline, subscription, NULL, &member, why);
	if (rc != 0)
		return rc;
	int count = weir_poll(member, &item, 1, WEIR_FOREVER);
	if (count == 1 && weir_item_origin(&item, &origin)) {
		memcpy(&order, item.payload, sizeof order);
		printf("order %u is dead after %u attempts, reason %u: %.*s\n", order,
		       origin.attempts, origin.reason, (int)origin.text_bytes, origin.text);
		rc = weir_ack(member, &item);
	}
	int left = weir_member_leave(member, WEIR_FOREVER);
	return count < 0 ? count : rc != 0 ? rc : left;
}

static int run(struct weir_pipeline *pipeline, struct worker *workers, struct weir_problem *why)
{
	static const char *const topics[] = {"orders"};
	struct weir_topic_options topic;
	struct weir_subscription_options queue;
	uint32_t orders, dead, subscription;

	weir_topic_options_init(&topic);
	topic.name = topics[0];
	int rc = weir_topic_create(pipeline, &topic, &orders, why);
	topic.name = "orders.dead";
	if (rc == 0)
		rc = weir_topic_create(pipeline, &topic, &dead, why);
	weir_subscription_options_init(&queue);
	queue.name = "billing";
	queue.topics = topics;
	queue.topic_count = 1;
	queue.order = WEIR_ORDER_KEY;        // one order of a customer at a time
	queue.lease_ns = 10000000000u;       // who dies with an order loses it after 10 s
	queue.attempts_max = 3;              // then it is dead
	queue.dead_letters = "orders.dead";  // and goes here
	queue.retry_delay_min_ns = 10000000; // 10 ms after the first failure, then 20
	queue.retry_delay_max_ns = 60000000000u;
	if (rc == 0)
		rc = weir_subscription_create(pipeline, &queue, &subscription, why);
	for (uint32_t i = 0; i < WORKERS && rc == 0; i++) {
		struct weir_member_options options;
		weir_member_options_init(&options);
		options.handler = work;
		options.handler_context = &workers[i];
		rc = weir_member_join(pipeline, subscription, &options, &workers[i].member, why);
	}
	if (rc == 0)
		rc = publish_all(pipeline, orders, why);
	if (rc == 0)
		rc = read_dead_letter(pipeline, why);
	const struct timespec a_moment = {.tv_nsec = 1000000};
	struct weir_lag lag = {.events = 1};
	while (rc == 0 && (rc = weir_lag(pipeline, subscription, &lag)) == 0 && lag.events > 0)
		nanosleep(&a_moment, NULL);
	for (uint32_t i = 0; i < WORKERS && rc == 0; i++)
		rc = weir_member_leave(workers[i].member, WEIR_FOREVER);
	return rc;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_problem why = {.text = ""};
	struct worker workers[WORKERS] = {{0}};

	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "queue.journal";
	options.segment_bytes = 4 << 20;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = run(pipeline, workers, &why);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	unsigned done = workers[0].done + workers[1].done;
	unsigned failed = workers[0].failed + workers[1].failed;
	printf("%u orders done, %u attempts failed\n", done, failed);
	return done == ORDERS - 1 && failed == 3 ? 0 : 1;
}
