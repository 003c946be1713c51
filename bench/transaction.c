/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions a second: one member takes events, publishes ten outputs of each and acknowledges
 * it, in one run. Durable: a transaction counts when its outcome was told at that level; the clock
 * runs from the first poll until the last outcome.
 *
 * Each event has to have its ten outputs once, side by side and in order, and nothing else may be
 * there: they are all read back by a second group, after the clock has stopped. It ends with a line
 * of JSON.
 *
 *   bench_transaction [EVENTS] [OUTPUTS] [DIR]      200,000, 10, a folder of its own
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

#include "bench/harness.h"

#define POLLED 256
#define PAYLOAD_BYTES 64u
#define TRANSACTIONS_MAX 8192u

struct bench {
	struct weir_pipeline *pipeline;
	uint32_t in, out, work, check;
	uint64_t events, outputs;
	uint64_t told;
};

static int fail(const char *what, int code, const struct weir_problem *why)
{
	fprintf(stderr, "bench_transaction: %s: %s %s\n", what, weir_error_name(code),
		why != NULL ? why->text : "");
	return 1;
}

static int subscribe(struct bench *b, const char *name, const char *topic, uint32_t *ret)
{
	struct weir_problem why = {0};
	struct weir_subscription_options o;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	int rc = weir_subscription_create(b->pipeline, &o, ret, &why);
	return rc != 0 ? fail("weir_subscription_create", rc, &why) : 0;
}

static int make(struct bench *b)
{
	struct weir_problem why = {0};
	struct weir_topic_options o;
	weir_topic_options_init(&o);
	o.name = "in";
	int rc = weir_topic_create(b->pipeline, &o, &b->in, &why);
	o.name = "out";
	if (rc == 0)
		rc = weir_topic_create(b->pipeline, &o, &b->out, &why);
	if (rc != 0)
		return fail("weir_topic_create", rc, &why);
	return subscribe(b, "work", "in", &b->work) | subscribe(b, "check", "out", &b->check);
}

static int fill(struct bench *b)
{
	struct weir_problem why = {0};
	struct weir_producer *producer;
	uint8_t payload[PAYLOAD_BYTES] = {0};
	int rc = weir_producer_open(b->pipeline, NULL, &producer, &why);
	if (rc != 0)
		return fail("weir_producer_open", rc, &why);
	const struct weir_event event = {
		.topic = b->in, .payload = payload, .payload_bytes = sizeof payload};
	for (uint64_t n = 0; n < b->events && rc == 0; n++) {
		memcpy(payload, &n, sizeof n);
		rc = weir_publish(producer, &event, NULL);
	}
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	rc = rc != 0 ? rc : closed;
	return rc != 0 ? fail("publish", rc, NULL) : 0;
}

/* What was told: 0, or the first refusal. */
static int take_outcomes(struct bench *b, struct weir_member *member)
{
	struct weir_transaction_outcome outcome;
	int rc;
	while ((rc = weir_transaction_next(member, WEIR_LEVEL_DURABLE, &outcome)) == 1) {
		if (outcome.code != 0)
			return outcome.code;
		b->told++;
	}
	return rc;
}

static int transact(struct bench *b, struct weir_member *member, const struct weir_item *item)
{
	uint8_t payload[PAYLOAD_BYTES] = {0};
	const struct weir_event event = {
		.topic = b->out, .payload = payload, .payload_bytes = sizeof payload};
	size_t bytes = b->outputs * weir_event_bytes(&event) + WEIR_TRANSACTION_ACK_BYTES;
	int rc = weir_transaction_begin(member, bytes, WEIR_FOREVER);
	while (rc == WEIR_E_FULL) { /* outcomes that nobody took */
		rc = take_outcomes(b, member);
		if (rc == 0)
			rc = weir_transaction_begin(member, bytes, WEIR_FOREVER);
	}
	memcpy(payload, item->payload, sizeof(uint64_t));
	for (uint64_t i = 0; i < b->outputs && rc == 0; i++) {
		memcpy(payload + sizeof(uint64_t), &i, sizeof i);
		rc = weir_transaction_publish(member, &event);
	}
	if (rc == 0)
		rc = weir_transaction_ack(member, item);
	return rc != 0 ? rc : weir_transaction_commit(member, NULL);
}

static int work(struct bench *b, uint64_t *ret_ns)
{
	struct weir_problem why = {0};
	struct weir_member *member;
	struct weir_member_options o;
	struct weir_item items[POLLED];
	weir_member_options_init(&o);
	o.transactions_max = TRANSACTIONS_MAX;
	int rc = weir_member_join(b->pipeline, b->work, &o, &member, &why);
	if (rc != 0)
		return fail("weir_member_join", rc, &why);
	uint64_t began_ns = bench_now_ns();
	for (uint64_t handed = 0; b->told < b->events && rc >= 0;) {
		rc = weir_poll(member, items, POLLED, handed < b->events ? 1000000 : 0);
		for (int i = 0; i < rc; i++) {
			int code = transact(b, member, &items[i]);
			if (code != 0)
				return fail("transaction", code, NULL);
			handed++;
		}
		if (rc >= 0)
			rc = take_outcomes(b, member);
	}
	*ret_ns = bench_now_ns() - began_ns;
	int left = weir_member_leave(member, WEIR_FOREVER);
	rc = rc < 0 ? rc : left;
	return rc != 0 ? fail("member", rc, NULL) : 0;
}

/* All outputs, each event's together; and no more. */
static int check(struct bench *b)
{
	struct weir_problem why = {0};
	struct weir_member *member;
	struct weir_item items[POLLED];
	uint64_t seen = 0, wanted = b->events * b->outputs, number, index;
	uint64_t open_number = 0;
	uint8_t *done = calloc(1, b->events);
	int rc = weir_member_join(b->pipeline, b->check, NULL, &member, &why);
	if (rc != 0 || done == NULL)
		return fail("weir_member_join", rc, &why);
	while ((rc = weir_poll(member, items, POLLED, seen < wanted ? 5000000000u : 20000000u)) > 0)
		for (int i = 0; i < rc; i++, seen++) {
			memcpy(&number, items[i].payload, sizeof number);
			memcpy(&index, (const uint8_t *)items[i].payload + 8, sizeof index);
			bool begins = seen % b->outputs == 0;
			open_number = begins ? number : open_number;
			if (index != seen % b->outputs || number != open_number ||
			    number >= b->events || (begins && done[number]++ != 0))
				return fail("an output out of its place", 0, NULL);
		}
	free(done);
	(void)weir_member_leave(member, WEIR_FOREVER);
	return rc != 0 || seen != wanted ? fail("outputs are missing, or too many", rc, NULL) : 0;
}

static int run(struct bench *b, const char *dir)
{
	struct weir_options options;
	struct weir_problem why = {0};
	uint64_t took_ns = 1;
	weir_options_init(&options);
	options.dir = dir;
	int rc = weir_open(&options, &b->pipeline, &why);
	if (rc != 0)
		return fail("weir_open", rc, &why);
	rc = make(b);
	if (rc == 0)
		rc = fill(b);
	uint64_t cpu_ns = bench_cpu_ns();
	if (rc == 0)
		rc = work(b, &took_ns);
	double cpu = (double)(bench_cpu_ns() - cpu_ns) / (double)b->events;
	if (rc == 0)
		rc = check(b);
	printf("{\"transactions\": %" PRIu64 ", \"outputs\": %" PRIu64
	       ", \"transactions_per_s\": %.0f, \"cpu_ns_per_transaction\": %.0f, "
	       "\"right\": %s}\n",
	       b->events, b->outputs, (double)b->events * 1e9 / (double)took_ns, cpu,
	       rc == 0 ? "true" : "false");
	int closed = weir_close(b->pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc != 0 || closed != 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	char made[] = "/var/tmp/bench-transaction-XXXXXX";
	struct bench b = {
		.events = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000,
		.outputs = argc > 2 ? strtoull(argv[2], NULL, 10) : 10,
	};
	if (b.events == 0 || b.outputs == 0 || b.outputs > 64)
		return fail("EVENTS, and OUTPUTS (1 to 64)", -EINVAL, NULL);
	const char *dir = argc > 3 ? argv[3] : mkdtemp(made);
	if (dir == NULL)
		return fail("no folder for the journal", -1, NULL);
	int rc = run(&b, dir);
	if (argc <= 3)
		(void)bench_tree_remove(dir);
	return rc;
}
