/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service that may forget an order only once it is durable: it keeps each order until the
 * acknowledgement callback says that it survives a power cut.
 *
 * The callback runs inside weir_producer_poll_acks(), on this thread, once for a whole range of
 * tickets. No lock is needed between it and the code that publishes.
 */
#include <stdio.h>
#include <weir.h>

#define ORDERS 10000u

struct desk {
	uint64_t kept;    // handed over, not answered yet
	uint64_t durable; // may be forgotten
	uint64_t refused; // has to be told to whoever sent it
};

static void on_answer(void *context, const struct weir_ack_range *range)
{
	struct desk *desk = context;
	uint64_t count = range->last_ticket - range->first_ticket + 1;
	desk->kept -= count;
	if (range->code == 0)
		desk->durable += count;
	else
		desk->refused += count;
}

static int publish_order(struct weir_producer *producer, struct desk *desk, uint32_t topic,
			 uint32_t number)
{
	char customer[16], order[48];
	int customer_bytes = snprintf(customer, sizeof customer, "c%u", number % 97);
	int order_bytes = snprintf(order, sizeof order, "{\"order\":%u,\"lots\":%u}", number,
				   1 + number % 5);
	struct weir_event event = {
		.topic = topic,
		.key = customer, // orders of one customer stay in order
		.key_bytes = (size_t)customer_bytes,
		.payload = order,
		.payload_bytes = (size_t)order_bytes,
	};
	int rc = weir_publish(producer, &event, NULL);
	if (rc == 0)
		desk->kept++;
	return rc;
}

static int run(struct weir_pipeline *pipeline, struct desk *desk, struct weir_problem *why)
{
	struct weir_topic_options topic;
	struct weir_producer_options options;
	struct weir_producer *producer;
	uint32_t orders;

	weir_topic_options_init(&topic);
	topic.name = "orders";
	topic.partitions = 4;
	weir_producer_options_init(&options);
	options.level = WEIR_LEVEL_DURABLE;
	options.ack_fn = on_answer;
	options.ack_context = desk;

	int rc = weir_topic_create(pipeline, &topic, &orders, why);
	if (rc == 0)
		rc = weir_producer_open(pipeline, &options, &producer, why);
	if (rc != 0)
		return rc;
	for (uint32_t i = 1; i <= ORDERS && rc == 0; i++) {
		rc = publish_order(producer, desk, orders, i);
		if (i % 256 == 0)
			weir_producer_poll_acks(producer); // as often as it suits the program
	}
	/* Tickets are answered in order: when the last has reached the level, all have. */
	struct weir_producer_progress progress;
	weir_producer_progress(producer, &progress);
	if (rc == 0)
		rc = weir_wait(producer, progress.handed_over, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	weir_producer_poll_acks(producer);
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	return rc != 0 ? rc : closed;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_problem why = {.text = ""};
	struct desk desk = {0};

	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "durable_orders.journal";
	options.segment_bytes = 4 << 20;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = run(pipeline, &desk, &why);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	printf("%llu durable, %llu refused, %llu kept\n", (unsigned long long)desk.durable,
	       (unsigned long long)desk.refused, (unsigned long long)desk.kept);
	return desk.durable == ORDERS && desk.kept == 0 ? 0 : 1;
}
