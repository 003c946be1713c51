/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what a queue of RabbitMQ's has is in the log once, and acknowledged only then; what is no
 * event goes where it is told to. Method: as test_rabbitmq_sink.c.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/rabbitmq/bed.h"

static uint64_t stride(void)
{
	return getenv("WEIR_TEST_SWEEP") != NULL ? 1 : 7;
}

static void add(struct bed *b, const char *id, const char *body)
{
	uint32_t at = b->peer.script.delivery_count++;
	b->peer.script.deliveries[at].body = amqp_cstring_bytes(body);
	b->peer.script.deliveries[at].properties = (amqp_basic_properties_t){
		._flags = id == NULL ? 0 : AMQP_BASIC_MESSAGE_ID_FLAG,
		.message_id = id == NULL ? amqp_empty_bytes : amqp_cstring_bytes(id)};
}

static const char *header_of(const struct weir_item *item, const char *name, size_t *ret_bytes)
{
	struct weir_header header;
	for (uint32_t at = weir_item_header(item, 0, &header); at != 0;
	     at = weir_item_header(item, at, &header)) {
		if (header.name_bytes == strlen(name) &&
		    memcmp(header.name, name, header.name_bytes) == 0) {
			*ret_bytes = header.value_bytes;
			return header.value;
		}
	}
	*ret_bytes = 0;
	return NULL;
}

static void expect_header(const struct weir_item *item, const char *name, const char *want)
{
	size_t bytes;
	const char *value = header_of(item, name, &bytes);
	cr_assert_not_null(value, "%s", name);
	cr_expect(bytes == strlen(want) && memcmp(value, want, bytes) == 0, "%s: %.*s", name,
		  (int)bytes, value);
}

/* The next event of a subscription. */
static struct weir_item next_of(struct weir_member *member)
{
	struct weir_item item;
	fixture_need(weir_poll(member, &item, 1, FIXTURE_LONG_NS) == 1, "an event");
	return item;
}

Test(rabbitmq_source, makes_events_of_messages_with_all_that_they_have)
{
	static struct bed b;
	amqp_table_entry_t death_of_one = {.key = amqp_cstring_bytes("count")};
	death_of_one.value.kind = AMQP_FIELD_KIND_I64;
	death_of_one.value.value.i64 = 2;
	amqp_field_value_t death = {.kind = AMQP_FIELD_KIND_TABLE};
	death.value.table = (amqp_table_t){.num_entries = 1, .entries = &death_of_one};
	amqp_table_entry_t entries[6] = {{.key = amqp_cstring_bytes("colour")},
					 {.key = amqp_cstring_bytes("size")},
					 {.key = amqp_cstring_bytes("x-death")},
					 {.key = amqp_cstring_bytes("traceparent")},
					 {.key = amqp_cstring_bytes("weir-event-time-us")},
					 {.key = amqp_cstring_bytes("tracestate")}};
	entries[0].value.kind = AMQP_FIELD_KIND_UTF8;
	entries[0].value.value.bytes = amqp_cstring_bytes("blue");
	entries[1].value.kind = AMQP_FIELD_KIND_I32;
	entries[1].value.value.i32 = -5;
	entries[2].value.kind = AMQP_FIELD_KIND_ARRAY;
	entries[2].value.value.array = (amqp_array_t){.num_entries = 1, .entries = &death};
	entries[3].value.kind = AMQP_FIELD_KIND_UTF8;
	entries[3].value.value.bytes = amqp_cstring_bytes("00-trace");
	entries[5].value.kind = AMQP_FIELD_KIND_UTF8;
	entries[5].value.value.bytes = amqp_cstring_bytes("vendor=7");
	entries[4].value.kind = AMQP_FIELD_KIND_I64;
	entries[4].value.value.i64 = 1700000000123456;
	bed_begin_source(&b);
	add(&b, "m-1", "hello");
	amqp_basic_properties_t *p = &b.peer.script.deliveries[0].properties;
	p->_flags |= AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG |
		     AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG |
		     AMQP_BASIC_EXPIRATION_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG;
	p->content_type = amqp_cstring_bytes("text/plain");
	p->headers = (amqp_table_t){.num_entries = 6, .entries = entries};
	p->priority = 200;
	p->correlation_id = amqp_cstring_bytes("flow");
	p->expiration = amqp_cstring_bytes("60000");
	p->timestamp = 1700000000;
	p->type = amqp_cstring_bytes("order.made");
	bed_start(&b);
	cr_assert(bed_step_until(&b, 1), "%s", bed_status(&b).why);
	cr_expect_eq(bed_stop(&b), 0);
	cr_expect(b.peer.acked[0]);

	struct weir_member *member = fixture_member(&b.f, b.subscription, NULL);
	struct weir_item item = next_of(member);
	struct weir_ids ids;
	struct weir_delivery delivery;
	weir_item_ids(&item, &ids);
	weir_item_delivery(&item, &delivery);
	cr_expect(item.payload_bytes == 5 && memcmp(item.payload, "hello", 5) == 0);
	cr_expect(item.key_bytes == 5 && memcmp(item.key, "route", 5) == 0);
	cr_expect(ids.event_id_bytes == 3 && memcmp(ids.event_id, "m-1", 3) == 0);
	cr_expect(ids.correlation_id_bytes == 4 && memcmp(ids.correlation_id, "flow", 4) == 0);
	cr_expect(ids.traceparent_bytes == 8 && memcmp(ids.traceparent, "00-trace", 8) == 0);
	cr_expect(ids.tracestate_bytes == 8 && memcmp(ids.tracestate, "vendor=7", 8) == 0);
	cr_expect_eq(delivery.priority, WEIR_PRIORITY_MAX);
	cr_expect_eq(delivery.time_to_live_ns, 60000000000u);
	cr_expect_eq(weir_item_event_time_us(&item), 1700000000123456u);
	expect_header(&item, "content-type", "text/plain");
	expect_header(&item, "colour", "blue");
	expect_header(&item, "size", "-5");
	expect_header(&item, "x-death", "[{\"count\":2}]");
	expect_header(&item, "amqp-type", "order.made");
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	bed_end(&b);
}

Test(rabbitmq_source, has_a_message_once_that_comes_again)
{
	static struct bed b;
	bed_begin_source(&b);
	add(&b, "m-1", "first");
	add(&b, "m-1", "first");
	add(&b, "m-2", "");
	add(&b, NULL, "no id");
	bed_start(&b);
	cr_assert(bed_step_until(&b, 4), "%s", bed_status(&b).why);
	cr_expect_eq(bed_status(&b).events, 3);
	cr_expect_eq(bed_status(&b).repeats, 1);
	/* What the broker says of its queue: its answer comes beside the messages. */
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (bed_status(&b).lag_events != 7 && fixture_now_ns() < end_ns)
		(void)weir_bridge_step(b.bridge, 1000000);
	cr_expect_eq(bed_status(&b).lag_events, 7);
	cr_expect_eq(bed_stop(&b), 0);
	for (int i = 0; i < 4; i++)
		cr_expect(b.peer.acked[i], "%d", i);
	cr_expect_eq(bed_lag(&b, b.subscription), 3);
	bed_end(&b);
}

Test(rabbitmq_source, fails_where_the_topic_knows_no_repeats)
{
	static struct bed b;
	bed_begin_source(&b);
	b.source.topic = b.dead;
	bed_start(&b);
	cr_assert(bed_step_to(&b, WEIR_BRIDGE_FAILED));
	cr_expect_not_null(strstr(bed_status(&b).why, "idempotency keys"), "%s",
			   bed_status(&b).why);
	bed_end(&b);
}

static char large[2048];

static void begin_with_poison(struct bed *b)
{
	static amqp_table_entry_t count = {.key = {.len = 16, .bytes = "x-delivery-count"}};
	count.value.kind = AMQP_FIELD_KIND_I64;
	count.value.value.i64 = 9;
	memset(large, 'x', sizeof large - 1);
	bed_begin_source(b);
	b->source.deaths_max = 5;
	add(b, "m-1", "good");
	add(b, "m-2", large);
	add(b, "m-3", "poison");
	add(b, "m-4", "good");
	amqp_basic_properties_t *p = &b->peer.script.deliveries[2].properties;
	p->_flags |= AMQP_BASIC_HEADERS_FLAG;
	p->headers = (amqp_table_t){.num_entries = 1, .entries = &count};
}

Test(rabbitmq_source, makes_dead_letters_of_what_is_no_event)
{
	static struct bed b;
	begin_with_poison(&b);
	b.source.dead_letters = b.dead;
	uint32_t letters = fixture_subscription(&b.f, "letters", "dead");
	bed_start(&b);
	cr_assert(bed_step_until(&b, 4), "%s", bed_status(&b).why);
	cr_expect_eq(bed_status(&b).events, 2);
	cr_expect_eq(bed_status(&b).dead_letters, 2);
	cr_expect_eq(bed_stop(&b), 0);
	for (int i = 0; i < 4; i++)
		cr_expect(b.peer.acked[i], "%d", i);
	cr_expect_eq(bed_lag(&b, b.subscription), 2);
	cr_expect_eq(bed_lag(&b, letters), 2);
	struct weir_member *member = fixture_member(&b.f, letters, NULL);
	struct weir_item item = next_of(member);
	expect_header(&item, "weir-reason", "it has more than message_bytes_max bytes");
	item = next_of(member);
	expect_header(&item, "weir-reason", "it has died 9 times");
	expect_header(&item, "weir-position", "q/route");
	cr_expect(item.payload_bytes == 6 && memcmp(item.payload, "poison", 6) == 0);
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	bed_end(&b);
}

Test(rabbitmq_source, rejects_what_is_no_event_where_it_is_told_to)
{
	static struct bed b;
	begin_with_poison(&b);
	b.source.when_refused = WEIR_RABBITMQ_REFUSED_REJECT;
	bed_start(&b);
	cr_assert(bed_step_until(&b, 4), "%s", bed_status(&b).why);
	cr_expect_eq(bed_status(&b).dead_letters, 2);
	cr_expect_eq(bed_stop(&b), 0);
	cr_expect(b.peer.acked[0] && b.peer.rejected[1] && b.peer.rejected[2] && b.peer.acked[3]);
	bed_end(&b);
}

Test(rabbitmq_source, fails_at_what_is_no_event_and_leaves_it_in_its_queue)
{
	static struct bed b;
	begin_with_poison(&b);
	bed_start(&b);
	cr_assert(bed_step_to(&b, WEIR_BRIDGE_FAILED), "%s", bed_status(&b).why);
	cr_expect_not_null(strstr(bed_status(&b).why, "queue q is no event: it has more than"),
			   "%s", bed_status(&b).why);
	(void)bed_stop(&b);
	cr_expect(!b.peer.acked[1] && !b.peer.rejected[1] && !b.peer.acked[2]);
	bed_end(&b);
}

/* The log's writer refuses a message after it was handed over, when its bytes are gone from memory:
 * it is fetched again, and waits, and nothing behind it is taken before it. */
Test(rabbitmq_source, fetches_again_what_the_log_refuses_late)
{
	static struct bed b;
	static amqp_table_entry_t key = {.key = {.len = 8, .bytes = "weir-key"}};
	struct weir_topic_options topic;
	bed_begin_source(&b);
	weir_topic_options_init(&topic);
	topic.name = "versioned";
	topic.idempotency_keys = 64;
	topic.versioned_keys = 1; // one key has room, and the message of another one none
	fixture_need(weir_topic_create(b.f.pipeline, &topic, &b.source.topic, NULL) == 0,
		     "a topic");
	uint32_t all = fixture_subscription(&b.f, "all", "versioned");
	add(&b, "m-1", "one");
	add(&b, "m-2", "two");
	add(&b, "m-3", "three");
	key.value.kind = AMQP_FIELD_KIND_UTF8;
	key.value.value.bytes = amqp_cstring_bytes("other");
	for (int i = 1; i < 3; i++) {
		amqp_basic_properties_t *p = &b.peer.script.deliveries[i].properties;
		p->_flags |= AMQP_BASIC_HEADERS_FLAG;
		p->headers = (amqp_table_t){.num_entries = 1, .entries = &key};
	}
	bed_start(&b);
	cr_expect(bed_step_until_why(&b, "a message waits: a configured limit is reached"), "%s",
		  bed_status(&b).why);
	cr_expect_eq(bed_lag(&b, all), 1);
	cr_expect_eq(peer_acked_count(&b.peer), 1);
	/* Somebody makes room. */
	struct weir_event end = {.topic = b.source.topic, .key = "route", .key_bytes = 5};
	end.ends_key = true;
	fixture_need(weir_publish_once(b.f.pipeline, &end, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS,
				       NULL) == 0,
		     "the end of a key");
	cr_assert(bed_step_until(&b, 3), "%s", bed_status(&b).why);
	cr_expect_eq(bed_stop(&b), 0);
	cr_expect_geq(b.peer.connections, 2);
	cr_expect(b.peer.acked[0] && b.peer.acked[1] && b.peer.acked[2]);
	cr_expect_eq(bed_lag(&b, all), 4);
	bed_end(&b);
}

Test(rabbitmq_source, loses_nothing_when_the_connection_ends_at_any_byte, .timeout = 120)
{
	bool whole = false;
	for (uint64_t cut = 1; !whole; cut += stride()) {
		static struct bed b;
		memset(&b, 0, sizeof b);
		bed_begin_source(&b);
		add(&b, "m-1", "one");
		add(&b, "m-2", "two");
		add(&b, "m-3", "three");
		b.peer.script.cut_after = cut;
		bed_start(&b);
		while (peer_acked_count(&b.peer) < 3)
			(void)weir_bridge_step(b.bridge, 1000000);
		(void)bed_stop(&b);
		cr_expect_eq(bed_lag(&b, b.subscription), 3, "cut after %llu",
			     (unsigned long long)cut);
		cr_expect(b.peer.acked[0] && b.peer.acked[1] && b.peer.acked[2]);
		whole = b.peer.connections == 1;
		bed_end(&b);
	}
}

/* One bit of what the first connection brings is wrong, anywhere in it: whatever that makes of it,
 * the second connection brings everything. WEIR_TEST_SWEEP=1: each byte, else every 37th. */
Test(rabbitmq_source, survives_a_wrong_bit_anywhere, .timeout = 120)
{
	static amqp_table_entry_t header = {.key = {.len = 6, .bytes = "colour"}};
	header.value.kind = AMQP_FIELD_KIND_UTF8;
	header.value.value.bytes = amqp_cstring_bytes("blue");
	for (uint64_t at = 1; at < 400; at += stride() == 1 ? 1 : 37) {
		static struct bed b;
		memset(&b, 0, sizeof b);
		bed_begin_source(&b);
		b.source.dead_letters = b.dead;
		add(&b, "m-1", "one");
		add(&b, "m-2", "two");
		amqp_basic_properties_t *p = &b.peer.script.deliveries[0].properties;
		p->_flags |= AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG;
		p->headers = (amqp_table_t){.num_entries = 1, .entries = &header};
		p->correlation_id = amqp_cstring_bytes("flow");
		b.peer.script.flip_at = at;
		bed_start(&b);
		uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS / 6;
		while (peer_acked_count(&b.peer) < 2 && fixture_now_ns() < end_ns)
			(void)weir_bridge_step(b.bridge, 10000000);
		cr_expect_eq(peer_acked_count(&b.peer), 2, "bit of byte %llu: %s",
			     (unsigned long long)at, bed_status(&b).why);
		bed_end(&b);
	}
}

static size_t put_length(uint8_t *to, size_t length)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(length >> (24 - 8 * i));
	return 4;
}

/* A header whose table has values in values, as deep as there is room: arrays ('A'), or tables. */
static void nest(uint8_t *to, size_t bytes, uint8_t kind)
{
	static const uint8_t begin_bytes[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0};
	memcpy(to, begin_bytes, sizeof begin_bytes);
	size_t at = sizeof begin_bytes;
	at += put_length(to + at, bytes - at - 4);
	to[at++] = 0; // a name without bytes
	while (bytes - at > 6) {
		to[at++] = kind;
		at += put_length(to + at, bytes - at - 4);
		if (kind == 'F')
			to[at++] = 0;
	}
	memset(to + at, 'V', bytes - at);
}

Test(rabbitmq_source, survives_what_a_broker_would_never_send)
{
	static uint8_t nested[131000];
	static struct bed b;
	for (int i = 0; i < 2; i++) {
		memset(&b, 0, sizeof b);
		bed_begin_source(&b);
		nest(nested, sizeof nested, i == 0 ? 'A' : 'F');
		add(&b, NULL, "x");
		b.peer.script.raw_header = nested;
		b.peer.script.raw_header_bytes = sizeof nested;
		bed_start(&b);
		for (int k = 0; k < 30; k++)
			(void)weir_bridge_step(b.bridge, 1000000);
		bed_end(&b);
	}

	memset(&b, 0, sizeof b);
	/* A body that is longer than its header says. */
	bed_begin_source(&b);
	add(&b, "m-1", "longer than that");
	b.peer.script.deliveries[0].announced = 9;
	bed_start(&b);
	cr_expect(bed_step_until_why(&b, "a body that is longer"), "%s", bed_status(&b).why);
	bed_end(&b);
}
