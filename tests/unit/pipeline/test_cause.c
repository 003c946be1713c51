/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: ids are carried from an event to what it brings about: by an item that is named as the
 * cause at every door, and by itself in handlers; what the publisher sets wins; nothing is carried
 * from one event to what follows another.
 *
 * Method: chains of events through poll and through handlers; what arrives is compared id by id.
 * Manual pipelines: everything runs on the test's thread, where a leak would be seen.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct fixture f;
static uint32_t in, out;
static struct weir_producer *producer;
static struct weir_member *reader;
static uint64_t number = 5;

static void begin(int kind)
{
	fixture_begin(&f, kind);
	in = fixture_topic(&f, "in", 1);
	out = fixture_topic(&f, "out", 1);
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static struct weir_ids ids_of(const char *event, const char *correlation, const char *causation,
			      const char *parent, const char *state)
{
	return (struct weir_ids){.event_id = event,
				 .event_id_bytes = (uint16_t)strlen(event),
				 .correlation_id = correlation,
				 .correlation_id_bytes = (uint16_t)strlen(correlation),
				 .causation_id = causation,
				 .causation_id_bytes = (uint16_t)strlen(causation),
				 .traceparent = parent,
				 .traceparent_bytes = (uint16_t)strlen(parent),
				 .tracestate = state,
				 .tracestate_bytes = (uint16_t)strlen(state)};
}

static void expect_id(const char *what, const void *got, size_t got_bytes, const char *expected)
{
	cr_expect(got_bytes == strlen(expected) &&
			  (got_bytes == 0 || memcmp(got, expected, got_bytes) == 0),
		  "%s is \"%.*s\", not \"%s\"", what, (int)got_bytes,
		  got_bytes > 0 ? (const char *)got : "", expected);
}

static void expect_ids(const struct weir_item *item, const char *event, const char *correlation,
		       const char *causation, const char *parent, const char *state)
{
	struct weir_ids ids;
	weir_item_ids(item, &ids);
	expect_id("event id", ids.event_id, ids.event_id_bytes, event);
	expect_id("correlation id", ids.correlation_id, ids.correlation_id_bytes, correlation);
	expect_id("causation id", ids.causation_id, ids.causation_id_bytes, causation);
	expect_id("traceparent", ids.traceparent, ids.traceparent_bytes, parent);
	expect_id("tracestate", ids.tracestate, ids.tracestate_bytes, state);
}

static void publish(uint32_t topic, const struct weir_ids *ids, const struct weir_item *cause)
{
	struct weir_event event = fixture_event(topic, NULL, &number);
	event.ids = ids;
	event.cause = cause;
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
}

static void open_reader(const char *topic)
{
	reader = fixture_member(&f, fixture_subscription(&f, "reader", topic), "reader");
}

/* The next item, lent until the next call. */
static struct weir_item *next(void)
{
	static struct weir_item item;
	cr_assert_eq(fixture_poll(reader, &item, 1, 1, true), 1);
	return &item;
}

TestSuite(cause, .fini = teardown, .timeout = 60);

Test(cause, all_ids_are_carried_from_an_event_that_has_them)
{
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	open_reader("in");
	struct weir_ids ids = ids_of("e1", "flow", "e0", PARENT, "k=v");
	publish(in, &ids, NULL);
	struct weir_item *item = next();
	expect_ids(item, "e1", "flow", "e0", PARENT, "k=v");
	publish(in, NULL, item);
	expect_ids(next(), "", "flow", "e1", PARENT, "k=v");
}

Test(cause, without_ids_the_place_in_the_log_stands_for_the_event)
{
	char place[WEIR_POS_TEXT_BYTES];
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	open_reader("in");
	publish(in, NULL, NULL);
	struct weir_item *item = next();
	struct weir_pos pos = weir_item_pos(item);
	weir_pos_text(&pos, place);
	expect_ids(item, "", "", "", "", "");
	publish(in, NULL, item);
	item = next();
	expect_ids(item, "", place, place, "", "");
	/* One further: the flow stays the first event's, the cause is the second. */
	char second[WEIR_POS_TEXT_BYTES];
	struct weir_pos second_pos = weir_item_pos(item);
	weir_pos_text(&second_pos, second);
	cr_expect_str_neq(second, place);
	publish(in, NULL, item);
	expect_ids(next(), "", place, second, "", "");
}

Test(cause, an_event_id_stands_for_the_flow_that_it_begins)
{
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	open_reader("in");
	struct weir_ids ids = ids_of("order-7", "", "", "", "");
	publish(in, &ids, NULL);
	publish(in, NULL, next());
	expect_ids(next(), "", "order-7", "order-7", "", "");
}

Test(cause, what_the_publisher_sets_himself_wins)
{
	static const char own[] = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00";
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	open_reader("in");
	struct weir_ids ids = ids_of("e1", "flow", "", PARENT, "k=v");
	publish(in, &ids, NULL);
	struct weir_item first = *next();
	struct weir_ids a = ids_of("e2", "mine", "", "", "");
	struct weir_ids b = ids_of("e3", "", "why", own, "");
	struct weir_ids c = ids_of("e4", "", "", "", "x=y");
	publish(in, &a, &first);
	publish(in, &b, &first);
	publish(in, &c, &first);
	expect_ids(next(), "e2", "mine", "e1", PARENT, "k=v");
	expect_ids(next(), "e3", "flow", "why", own, ""); /* the two are one */
	expect_ids(next(), "e4", "flow", "e1", "", "x=y");
}

Test(cause, a_trace_that_is_not_valid_is_stored_and_ends_there)
{
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	open_reader("in");
	struct weir_ids bad_parent = ids_of("a", "", "", "00-nonsense", "k=v");
	struct weir_ids bad_state = ids_of("b", "", "", PARENT, "K=V");
	publish(in, &bad_parent, NULL);
	publish(in, &bad_state, NULL);
	struct weir_item a = *next();
	expect_ids(&a, "a", "", "", "00-nonsense", "k=v");
	publish(in, NULL, &a);
	struct weir_item b = *next();
	expect_ids(&b, "b", "", "", PARENT, "K=V");
	publish(in, NULL, &b);
	expect_ids(next(), "", "a", "a", "", "");
	expect_ids(next(), "", "b", "b", PARENT, "");
}

Test(cause, every_door_carries_them)
{
	void *payload;
	begin(FIXTURE_MEMORY);
	open_reader("in");
	struct weir_ids ids = ids_of("e1", "", "", "", "");
	publish(in, &ids, NULL);
	struct weir_item *item = next();
	struct weir_event events[2] = {fixture_event(in, NULL, &number),
				       fixture_event(in, NULL, &number)};
	events[0].cause = events[1].cause = item;
	cr_assert_eq(weir_publish_many(producer, events, 2, NULL), 2);
	cr_assert_eq(weir_claim(producer, &events[0], 8, &payload), 0);
	memset(payload, 'p', 8);
	cr_assert_eq(weir_commit(producer, 8, NULL), 0);
	size_t bytes = weir_event_bytes(&events[0]);
	cr_assert_eq(weir_run_begin(producer, bytes), 0);
	cr_assert_eq(weir_run_add(producer, &events[0]), 0, "its size has the ids in it");
	cr_assert_eq(weir_run_commit(producer, NULL), 0);
	cr_assert_eq(
		weir_publish_once(f.pipeline, &events[0], WEIR_LEVEL_MEMORY, WEIR_FOREVER, NULL),
		0);
	for (int i = 0; i < 5; i++)
		expect_ids(next(), "", "e1", "e1", "", "");
}

Test(cause, what_is_no_event_is_no_cause)
{
	static const struct weir_item nothing;
	struct weir_item gap = {.kind = WEIR_ITEM_GAP, .sequence = 3, .end_sequence = 9};
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	open_reader("in");
	publish(in, NULL, &nothing);
	publish(in, NULL, &gap);
	expect_ids(next(), "", "", "", "", "");
	expect_ids(next(), "", "", "", "", "");
}

Test(cause, ids_that_do_not_fit_are_refused_as_if_the_publisher_had_set_them)
{
	static char large[64950];
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	open_reader("in");
	struct weir_ids ids = ids_of("e1", "flow", "", PARENT, "");
	publish(in, &ids, NULL);
	struct weir_header header = {
		.name = "h", .name_bytes = 1, .value = large, .value_bytes = sizeof large};
	struct weir_event event = fixture_event(in, NULL, &number);
	event.headers = &header;
	event.header_count = 1;
	event.cause = next();
	cr_expect_eq(weir_publish(producer, &event, NULL), -EINVAL);
}

Test(cause, the_ids_can_be_had_without_publishing)
{
	struct weir_cause cause;
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	open_reader("in");
	struct weir_ids ids = ids_of("", "", "", PARENT, "k=v");
	publish(in, &ids, NULL);
	struct weir_item *item = next();
	weir_cause_ids(item, &cause);
	struct weir_pos pos;
	cr_assert_eq(weir_pos_parse(cause.ids.causation_id, cause.ids.causation_id_bytes, &pos), 0);
	cr_expect_eq(pos.sequence, item->sequence);
	cr_expect_eq(cause.ids.correlation_id, cause.ids.causation_id);
	expect_id("traceparent", cause.ids.traceparent, cause.ids.traceparent_bytes, PARENT);
	expect_id("event id", NULL, cause.ids.event_id_bytes, "");
}

/* ---- handlers ---- */

static struct weir_producer *of_handler, *silent;

static enum weir_handled republish(void *context, struct weir_member *member,
				   const struct weir_item *item)
{
	static const struct weir_item nothing;
	struct weir_event event = fixture_event(out, NULL, &number);
	int *wrong = context;
	(void)member;
	(void)item;
	*wrong += weir_publish(of_handler, &event, NULL) != 0;
	*wrong += weir_publish(silent, &event, NULL) != 0;
	event.cause = &nothing;
	*wrong += weir_publish(of_handler, &event, NULL) != 0;
	return WEIR_HANDLED_OK;
}

static void handle(int kind)
{
	struct weir_member_options o;
	struct weir_producer_options p;
	struct weir_member *member = NULL;
	int wrong = 0;
	begin(kind);
	open_reader("out");
	of_handler = fixture_producer(&f, NULL);
	weir_producer_options_init(&p);
	p.no_cause = true;
	cr_assert_eq(weir_producer_open(f.pipeline, &p, &silent, NULL), 0);
	uint32_t id = fixture_subscription(&f, "group", "in");
	weir_member_options_init(&o);
	o.handler = republish;
	o.handler_context = &wrong;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	struct weir_ids first = ids_of("e1", "flow", "", PARENT, "k=v");
	struct weir_ids second = ids_of("e2", "", "", "", "");
	publish(in, &first, NULL);
	publish(in, &second, NULL);
	/* From two producers: in either order, but each in its own. */
	uint32_t carried = 0, plain = 0;
	for (int i = 0; i < 6; i++) {
		struct weir_item *item = next();
		struct weir_ids ids;
		weir_item_ids(item, &ids);
		if (ids.causation_id_bytes == 0) {
			expect_ids(item, "", "", "", "", "");
			plain++;
		} else if (carried++ == 0) {
			expect_ids(item, "", "flow", "e1", PARENT, "k=v");
		} else {
			expect_ids(item, "", "e2", "e2", "", "");
		}
	}
	cr_expect_eq(carried, 2);
	cr_expect_eq(plain, 4);
	/* On a manual pipeline the handler ran on this thread: nothing of it is left behind. */
	publish(out, NULL, NULL);
	expect_ids(next(), "", "", "", "", "");
	cr_expect_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	cr_expect_eq(wrong, 0);
}

Test(cause, a_handler_carries_them_by_itself)
{
	handle(FIXTURE_DURABLE);
}

Test(cause, so_does_one_that_the_programs_own_steps_call)
{
	handle(FIXTURE_DURABLE | FIXTURE_MANUAL);
}
