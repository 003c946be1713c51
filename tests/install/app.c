/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's program, by an installed weir's headers and libraries alone: publishes, reads, closes,
 * and opens again. With USE_JEMALLOC its tables come from an arena of libweir-jemalloc.
 *
 * usage: app DIR
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>
#ifdef USE_JEMALLOC
#include <weir/jemalloc.h>
#endif

#define EVENTS 100

static int fail(const char *what, int code, const struct weir_problem *why)
{
	fprintf(stderr, "%s: %s (%s)\n", what, weir_error_name(code), why->text);
	return 1;
}

static int publish(struct weir_pipeline *pipeline, uint32_t topic, struct weir_problem *why)
{
	struct weir_event event = {.topic = topic, .payload = "hello", .payload_bytes = 5};
	struct weir_producer *producer;
	uint64_t ticket = 0;
	int rc = weir_producer_open(pipeline, NULL, &producer, why);
	for (int i = 0; i < EVENTS && rc == 0; i++)
		rc = weir_publish(producer, &event, &ticket);
	return rc == 0 ? weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) : rc;
}

static int read_all(struct weir_pipeline *pipeline, uint32_t subscription, struct weir_problem *why)
{
	struct weir_item items[16];
	struct weir_member *member;
	int count = 0;
	int rc = weir_member_join(pipeline, subscription, NULL, &member, why);
	if (rc != 0)
		return rc;
	while (count < EVENTS && rc >= 0) {
		rc = weir_poll(member, items, 16, WEIR_FOREVER);
		for (int i = 0; i < rc; i++)
			if (items[i].payload_bytes != 5 ||
			    memcmp(items[i].payload, "hello", 5) != 0 ||
			    weir_ack(member, &items[i]) != 0)
				return WEIR_E_CORRUPT;
		count += rc > 0 ? rc : 0;
	}
	int left = weir_member_leave(member, WEIR_FOREVER);
	return rc < 0 ? rc : left;
}

/* One life of the pipeline. */
static int live(const struct weir_options *options, struct weir_problem *why)
{
	struct weir_pipeline *pipeline;
	struct weir_topic_options topic;
	struct weir_subscription_options readers;
	uint32_t topic_id, subscription;
	weir_topic_options_init(&topic);
	topic.name = "greetings";
	weir_subscription_options_init(&readers);
	readers.name = "readers";
	readers.topics = &topic.name;
	readers.topic_count = 1;
	int rc = weir_open(options, &pipeline, why);
	if (rc != 0)
		return rc;
	rc = weir_topic_create(pipeline, &topic, &topic_id, why);
	if (rc == 0)
		rc = weir_subscription_create(pipeline, &readers, &subscription, why);
	if (rc == 0)
		rc = publish(pipeline, topic_id, why);
	if (rc == 0)
		rc = read_all(pipeline, subscription, why);
	int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc != 0 ? rc : closed;
}

int main(int argc, char **argv)
{
	struct weir_problem why = {.text = ""};
	struct weir_options options;
	int rc = 0;
	if (argc != 2)
		return 2;
	weir_options_init(&options);
	options.dir = argv[1];
	options.segment_bytes = 4 << 20;
#ifdef USE_JEMALLOC
	struct weir_jemalloc *arena;
	rc = weir_jemalloc_create(&arena);
	if (rc != 0)
		return fail("arena", rc, &why);
	weir_jemalloc_allocator(arena, &options.allocator);
#endif
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = live(&options, &why);
#ifdef USE_JEMALLOC
	weir_jemalloc_destroy(arena);
#endif
	if (rc != 0)
		return fail("weir", rc, &why);
	printf("weir %s works\n", weir_version());
	return strcmp(weir_version(), WANTED_VERSION) == 0 ? 0 : 1;
}
