/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exactly once inside weir: for each order an invoice and a parcel are published, and the order is
 * acknowledged, in one transaction. Wherever the process ends, an order has both and is done, or
 * has neither and comes again. An order that cannot be invoiced goes to the dead letters, in a
 * transaction as well.
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>

#define ORDERS 5

enum { TOPIC_ORDERS, TOPIC_INVOICES, TOPIC_PARCELS, TOPIC_DEAD, TOPICS };

static uint32_t topics[TOPICS];
static int invoiced, dead;

static int make(struct weir_pipeline *pipeline, uint32_t *ret_subscription,
		struct weir_problem *why)
{
	static const char *const names[TOPICS] = {"orders", "invoices", "parcels", "orders.dead"};
	struct weir_topic_options topic;
	struct weir_subscription_options billing;
	for (int i = 0; i < TOPICS; i++) {
		weir_topic_options_init(&topic);
		topic.name = names[i];
		int rc = weir_topic_create(pipeline, &topic, &topics[i], why);
		if (rc != 0)
			return rc;
	}
	weir_subscription_options_init(&billing);
	billing.name = "billing";
	billing.topics = &names[TOPIC_ORDERS];
	billing.topic_count = 1;
	return weir_subscription_create(pipeline, &billing, ret_subscription, why);
}

static int send_orders(struct weir_pipeline *pipeline, struct weir_problem *why)
{
	struct weir_producer *producer;
	int rc = weir_producer_open(pipeline, NULL, &producer, why);
	if (rc != 0)
		return rc;
	for (int i = 0; i < ORDERS && rc == 0; i++) {
		char text[32];
		int bytes = snprintf(text, sizeof text, "%s %d", i == 2 ? "nonsense" : "order", i);
		struct weir_event order = {.topic = topics[TOPIC_ORDERS],
					   .payload = text,
					   .payload_bytes = (size_t)bytes};
		rc = weir_publish(producer, &order, NULL);
	}
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	return rc != 0 ? rc : closed;
}

/* What one order brings about. The payload of the order will do for the invoice's. */
static int publish(struct weir_member *member, uint32_t topic, const struct weir_item *order)
{
	struct weir_event event = {.topic = topic,
				   .payload = order->payload,
				   .payload_bytes = order->payload_bytes,
				   .cause = order};
	return weir_transaction_publish(member, &event);
}

static int handle(struct weir_member *member, const struct weir_item *order)
{
	bool good = order->payload_bytes > 5 && memcmp(order->payload, "order", 5) == 0;
	*(good ? &invoiced : &dead) += 1;
	if (!good)
		return publish(member, topics[TOPIC_DEAD], order);
	int rc = publish(member, topics[TOPIC_INVOICES], order);
	return rc != 0 ? rc : publish(member, topics[TOPIC_PARCELS], order);
}

/* One transaction for all that a poll gave. */
static int bill(struct weir_member *member, const struct weir_item *orders, int count)
{
	uint64_t ticket;
	int rc = weir_transaction_begin(member, 0, WEIR_FOREVER);
	for (int i = 0; i < count && rc == 0; i++) {
		rc = handle(member, &orders[i]);
		if (rc == 0)
			rc = weir_transaction_ack(member, &orders[i]);
	}
	if (rc == 0)
		rc = weir_transaction_commit(member, &ticket);
	if (rc == 0)
		return weir_transaction_wait(member, ticket, WEIR_LEVEL_DEFAULT, WEIR_FOREVER,
					     NULL);
	(void)weir_transaction_abort(member); // nothing of it was ever visible
	return rc;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem why = {.text = "the call's return code says why"};
	struct weir_member *member = NULL;
	struct weir_item orders[ORDERS];
	uint32_t billing;
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : NULL;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = make(pipeline, &billing, &why);
	if (rc == 0)
		rc = send_orders(pipeline, &why);
	if (rc == 0)
		rc = weir_member_join(pipeline, billing, NULL, &member, &why);
	for (int done = 0; done < ORDERS && rc == 0;) {
		int count = weir_poll(member, orders, ORDERS, WEIR_FOREVER);
		rc = count < 0 ? count : bill(member, orders, count);
		done += count;
	}
	if (rc == 0)
		printf("%d orders: %d invoiced, %d dead\n", ORDERS, invoiced, dead);
	else
		fprintf(stderr, "%s: %s\n", weir_strerror(rc), why.text);
	weir_member_leave(member, WEIR_FOREVER);
	weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 ? 0 : 1;
}
