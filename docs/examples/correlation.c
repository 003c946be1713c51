/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What brought an event about: an order is paid for by a handler, and shipped by a loop that polls.
 * The shipment knows the flow that it belongs to, the payment that caused it, and the trace of the
 * request that the order came with.
 */
#include <stdio.h>
#include <string.h>

#include <weir.h>

#define SECOND_NS 1000000000ull

struct shop {
	struct weir_pipeline *pipeline;
	uint32_t orders, payments, shipments;
	struct weir_producer *till; /* the handler's own */
	struct weir_member *payer;
};

/* What the handler publishes carries the ids of the order that it was called with, by itself. */
static enum weir_handled pay(void *context, struct weir_member *member,
			     const struct weir_item *order)
{
	struct shop *shop = context;
	struct weir_ids ids = {.event_id = "payment-1", .event_id_bytes = 9};
	struct weir_event payment = {.topic = shop->payments,
				     .key = order->key,
				     .key_bytes = order->key_bytes,
				     .payload = "12.50",
				     .payload_bytes = 5,
				     .ids = &ids};
	(void)member;
	return weir_publish(shop->till, &payment, NULL) == 0 ? WEIR_HANDLED_OK : WEIR_HANDLED_STOP;
}

/* Elsewhere the cause is named. */
static int ship(struct shop *shop, struct weir_producer *producer, const struct weir_item *payment)
{
	struct weir_event shipment = {.topic = shop->shipments,
				      .key = payment->key,
				      .key_bytes = payment->key_bytes,
				      .payload = "parcel",
				      .payload_bytes = 6,
				      .cause = payment};
	return weir_publish(producer, &shipment, NULL);
}

static int order(struct shop *shop, struct weir_producer *producer)
{
	static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	struct weir_ids ids = {.event_id = "order-1",
			       .event_id_bytes = 7,
			       .traceparent = parent,
			       .traceparent_bytes = sizeof parent - 1};
	struct weir_event event = {.topic = shop->orders,
				   .key = "customer-7",
				   .key_bytes = 10,
				   .payload = "book",
				   .payload_bytes = 4,
				   .ids = &ids};
	return weir_publish(producer, &event, NULL);
}

static int make_topic(struct shop *shop, const char *name, uint32_t *ret_topic)
{
	struct weir_topic_options options;
	weir_topic_options_init(&options);
	options.name = name;
	return weir_topic_create(shop->pipeline, &options, ret_topic, NULL);
}

static int join(struct shop *shop, const char *topic, bool handles, struct weir_member **ret_member)
{
	struct weir_subscription_options reading;
	struct weir_member_options options;
	uint32_t subscription;
	weir_subscription_options_init(&reading);
	reading.name = topic;
	reading.topics = &topic;
	reading.topic_count = 1;
	int rc = weir_subscription_create(shop->pipeline, &reading, &subscription, NULL);
	weir_member_options_init(&options);
	options.handler = handles ? pay : NULL;
	options.handler_context = shop;
	return rc != 0 ? rc
		       : weir_member_join(shop->pipeline, subscription, &options, ret_member, NULL);
}

/* The next event; lent until the next poll. */
static int next(struct weir_member *member, struct weir_item *item)
{
	int count = 0;
	while (count == 0)
		count = weir_poll(member, item, 1, SECOND_NS);
	return count < 0 ? count : weir_ack(member, item);
}

static int run(struct shop *shop)
{
	struct weir_producer *producer;
	struct weir_member *shipper, *reader;
	struct weir_item item;
	struct weir_ids ids;
	int rc = make_topic(shop, "orders", &shop->orders);
	rc = rc != 0 ? rc : make_topic(shop, "payments", &shop->payments);
	rc = rc != 0 ? rc : make_topic(shop, "shipments", &shop->shipments);
	rc = rc != 0 ? rc : weir_producer_open(shop->pipeline, NULL, &shop->till, NULL);
	rc = rc != 0 ? rc : weir_producer_open(shop->pipeline, NULL, &producer, NULL);
	rc = rc != 0 ? rc : join(shop, "orders", true, &shop->payer);
	rc = rc != 0 ? rc : join(shop, "payments", false, &shipper);
	rc = rc != 0 ? rc : join(shop, "shipments", false, &reader);
	rc = rc != 0 ? rc : order(shop, producer);
	rc = rc != 0 ? rc : next(shipper, &item);
	rc = rc != 0 ? rc : ship(shop, producer, &item);
	rc = rc != 0 ? rc : next(reader, &item);
	if (rc != 0)
		return rc;
	weir_item_ids(&item, &ids);
	printf("flow %.*s, caused by %.*s, trace %.32s\n", ids.correlation_id_bytes,
	       (const char *)ids.correlation_id, ids.causation_id_bytes,
	       (const char *)ids.causation_id, ids.traceparent + 3);
	bool as_said = ids.correlation_id_bytes == 7 &&
		       memcmp(ids.correlation_id, "order-1", 7) == 0 &&
		       ids.causation_id_bytes == 9 && memcmp(ids.causation_id, "payment-1", 9) == 0;
	rc = weir_member_leave(shop->payer, WEIR_FOREVER);
	return rc != 0 ? rc : as_said ? 0 : 1;
}

int main(void)
{
	struct weir_options options;
	struct shop shop = {0};
	weir_options_init(&options); // without a directory: in memory
	int rc = weir_open(&options, &shop.pipeline, NULL);
	if (rc == 0) {
		rc = run(&shop);
		int closed = weir_close(shop.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc < 0)
		fprintf(stderr, "%s\n", weir_error_name(rc));
	return rc != 0;
}
