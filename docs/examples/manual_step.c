/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No thread of weir's: with options.manual the program drives the pipeline from its own loop. This
 * is for programs that have one thread and an event loop, and for tests that want to say when
 * something happens.
 *
 * weir_step() runs each part once (writer, journal, group) and says how much was done. Calls that
 * wait (weir_topic_create, weir_wait) run the steps themselves while they do.
 */
#include <stdio.h>
#include <weir.h>

#define EVENTS 1000u

struct loop {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_member *member;
	uint32_t topic;
	uint64_t published;
	uint64_t handled;
};

/* A little of everything that the program has to do; none of it waits. */
static int turn(struct loop *loop)
{
	struct weir_item items[64];
	for (int i = 0; i < 16 && loop->published < EVENTS; i++) {
		struct weir_event event = {.topic = loop->topic,
					   .payload = &loop->published,
					   .payload_bytes = sizeof loop->published};
		int rc = weir_publish(loop->producer, &event, NULL);
		if (rc == WEIR_E_AGAIN)
			break; // the lane is full: another turn
		if (rc != 0)
			return rc;
		loop->published++;
	}
	int polled = weir_poll(loop->member, items, 64, 0);
	if (polled < 0)
		return polled;
	loop->handled += (uint64_t)polled;
	return weir_ack_all(loop->member);
}

static int run(struct loop *loop, struct weir_problem *why)
{
	static const char *const topics[] = {"ticks"};
	struct weir_topic_options topic;
	struct weir_subscription_options reading;
	struct weir_producer_options writing;
	struct weir_member_options membership;
	uint32_t subscription;

	weir_topic_options_init(&topic);
	topic.name = topics[0];
	weir_subscription_options_init(&reading);
	reading.name = "loop";
	reading.topics = topics;
	reading.topic_count = 1;
	weir_producer_options_init(&writing);
	writing.when_full = WEIR_FULL_TRY;
	weir_member_options_init(&membership);
	int rc = weir_topic_create(loop->pipeline, &topic, &loop->topic, why);
	if (rc == 0)
		rc = weir_subscription_create(loop->pipeline, &reading, &subscription, why);
	if (rc == 0)
		rc = weir_producer_open(loop->pipeline, &writing, &loop->producer, why);
	if (rc == 0)
		rc = weir_member_join(loop->pipeline, subscription, &membership, &loop->member,
				      why);
	/* The program's loop. When there is nothing to do it sleeps for up to 10 ms. */
	while (rc == 0 && loop->handled < EVENTS) {
		rc = turn(loop);
		int done = rc == 0 ? weir_step(loop->pipeline, 10000000) : 0;
		if (done < 0)
			rc = done;
	}
	if (rc == 0)
		rc = weir_member_commit(loop->member, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	/* What was polled last is lent until here: a close would keep the memory for it. */
	if (loop->member != NULL)
		weir_release(loop->member);
	return rc;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_problem why = {.text = ""};
	struct loop loop = {0};

	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "manual_step.journal";
	options.segment_bytes = 4 << 20;
	options.manual = true;
	int rc = weir_open(&options, &loop.pipeline, &why);
	if (rc == 0) {
		rc = run(&loop, &why);
		int closed = weir_close(loop.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	printf("%llu events published and handled on one thread\n",
	       (unsigned long long)loop.handled);
	return loop.handled == EVENTS && loop.published == EVENTS ? 0 : 1;
}
