/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On which CPUs librdkafka's threads run. It makes some for each client and broker and pins none,
 * so that they are where the bridge's thread is: on the CPUs of housekeeping, or those of its own
 * `thread.cpus`, and never on those that the log's threads have to themselves. Method: a sink and
 * a source of their own threads on librdkafka's mock cluster, and what the kernel says of every
 * thread that is there since they were started. With one CPU nothing can be told apart.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/support/seen_threads.h"
#include "tests/unit/kafka/kafka_bed.h"

#define MILLISECOND_NS 1000000ull

struct bed {
	struct fixture f;
	struct kafka_bed kafka;
	struct seen_thread before[SEEN_THREADS_MAX];
	uint32_t before_count;
	uint16_t cpu; /* the last of those that this process may use */
};

static uint32_t usable_cpus(uint16_t *ret_last)
{
	cpu_set_t cpus;
	fixture_need(sched_getaffinity(0, sizeof cpus, &cpus) == 0, "its CPUs");
	for (uint16_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			*ret_last = cpu;
	return (uint32_t)CPU_COUNT(&cpus);
}

/* False: it is skipped. */
static bool begin(struct bed *b, bool is_housekeeping)
{
	memset(b, 0, sizeof *b);
	if (usable_cpus(&b->cpu) < 2)
		return false;
	fixture_init(&b->f, FIXTURE_DURABLE);
	b->f.options.versioned_keys_max = 64;
	if (is_housekeeping)
		b->f.options.housekeeping =
			(struct weir_cpu_list){.cpu_count = 1, .cpus = {b->cpu}};
	fixture_open(&b->f);
	kafka_bed_begin(&b->kafka, "t", 1);
	return true;
}

static void options_of(struct bed *b, const char *name, bool is_housekeeping,
		       struct weir_bridge_options *bridge)
{
	weir_bridge_options_init(bridge);
	bridge->name = name;
	bridge->retry_min_ns = bridge->retry_max_ns = MILLISECOND_NS;
	if (!is_housekeeping) {
		bridge->thread.cpu_count = 1;
		bridge->thread.cpus[0] = b->cpu;
	}
}

/* From here on a thread that is not in `before` is the bridge's, or of its librdkafka. */
static struct weir_bridge *start(struct bed *b, const struct weir_bridge_options *options)
{
	struct weir_bridge *bridge = NULL;
	struct weir_problem problem = {0};
	b->before_count = seen_threads(b->before);
	fixture_need(weir_bridge_start(b->f.pipeline, options, &bridge, &problem) == 0,
		     problem.text);
	return bridge;
}

static void wait_for_events(struct weir_bridge *bridge, uint64_t events)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		fixture_sleep_ns(MILLISECOND_NS);
		fixture_need(weir_bridge_status(bridge, &status) == 0, "a status");
	} while (status.events < events && fixture_now_ns() < end_ns);
	cr_assert_eq(status.events, events, "%s: %s", weir_bridge_state_name(status.state),
		     status.why);
}

static bool was_there(const struct bed *b, pid_t id)
{
	for (uint32_t i = 0; i < b->before_count; i++)
		if (b->before[i].id == id)
			return true;
	return false;
}

static void expect_places(const struct bed *b, const char *name)
{
	struct seen_thread now[SEEN_THREADS_MAX];
	uint32_t count = seen_threads(now), of_librdkafka = 0;
	bool is_seen = false;
	for (uint32_t i = 0; i < count; i++) {
		if (was_there(b, now[i].id))
			continue;
		cr_expect_eq(CPU_COUNT(&now[i].cpus), 1, "%s is on %d CPUs", now[i].name,
			     CPU_COUNT(&now[i].cpus));
		cr_expect(CPU_ISSET(b->cpu, &now[i].cpus), "%s", now[i].name);
		of_librdkafka += strncmp(now[i].name, "rdk:", 4) == 0;
		is_seen |= strcmp(now[i].name, name) == 0;
	}
	cr_expect(is_seen, "the bridge's own");
	/* The main one of its client, and one for the broker. */
	cr_expect_geq(of_librdkafka, 2);
}

static void try_sink(bool is_housekeeping)
{
	static struct bed b;
	struct weir_bridge_options bridge;
	struct weir_kafka_sink_options options;
	struct weir_problem problem = {0};
	if (!begin(&b, is_housekeeping))
		cr_skip_test("one CPU");
	options_of(&b, "sink", is_housekeeping, &bridge);
	weir_kafka_sink_options_init(&options);
	options.properties = b.kafka.properties;
	options.property_count = 1;
	uint32_t topic = fixture_topic(&b.f, "t", 1);
	bridge.subscription = fixture_subscription(&b.f, "s", "t");
	struct weir_producer *producer = fixture_producer(&b.f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 20));
	fixture_need(weir_kafka_sink_create(&options, &bridge, &problem) == 0, problem.text);
	struct weir_bridge *sink = start(&b, &bridge);
	wait_for_events(sink, 20);
	expect_places(&b, "sink");
	(void)weir_bridge_stop(sink);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&b.f);
	kafka_bed_end(&b.kafka);
}

Test(kafka_threads, of_a_sink_are_on_the_cpus_of_housekeeping)
{
	try_sink(true);
}

Test(kafka_threads, of_a_sink_are_on_the_cpus_of_its_thread)
{
	try_sink(false);
}

Test(kafka_threads, of_a_source_are_on_the_cpus_of_housekeeping)
{
	static struct bed b;
	struct weir_bridge_options bridge;
	struct weir_kafka_source_options options;
	struct weir_topic_options positions;
	struct weir_problem problem = {0};
	const char *const topics[] = {"t"};
	if (!begin(&b, true))
		cr_skip_test("one CPU");
	options_of(&b, "source", true, &bridge);
	weir_kafka_source_options_init(&options);
	options.topics = topics;
	options.topic_count = 1;
	options.topic = fixture_topic(&b.f, "t", 1);
	options.properties = b.kafka.properties;
	options.property_count = 1;
	weir_topic_options_init(&positions);
	positions.name = "positions";
	positions.versioned_keys = 32;
	fixture_need(weir_topic_create(b.f.pipeline, &positions, &bridge.positions, NULL) == 0,
		     "a topic");
	kafka_bed_write(&b.kafka, "t", 1, 0, 20);
	fixture_need(weir_kafka_source_create(&options, &bridge, &problem) == 0, problem.text);
	struct weir_bridge *source = start(&b, &bridge);
	wait_for_events(source, 20);
	expect_places(&b, "source");
	(void)weir_bridge_stop(source);
	fixture_end(&b.f);
	kafka_bed_end(&b.kafka);
}
