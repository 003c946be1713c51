/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a sink to RabbitMQ loses nothing and says what is wrong, whatever the broker does. Method:
 * a scripted peer (peer.h) that refuses, stalls, talks nonsense, returns, blocks, and closes the
 * socket after each number of bytes; the bridge is stepped by the test.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/rabbitmq/map.h"
#include "tests/unit/rabbitmq/bed.h"

/* Every offset with WEIR_TEST_SWEEP=1; else every seventh. */
static uint64_t stride(void)
{
	return getenv("WEIR_TEST_SWEEP") != NULL ? 1 : 7;
}

/* "weir:UUID:LOG:SEQUENCE:TIME": the time tells copies of a log apart. */
static bool is_id_with_a_time(const char *id)
{
	char uuid[33];
	unsigned log;
	unsigned long long sequence, time_us, now_us = (unsigned long long)time(NULL) * 1000000u;
	int used = 0;
	return sscanf(id, "weir:%32[0-9a-f]:%u:%llu:%llx%n", uuid, &log, &sequence, &time_us,
		      &used) == 4 &&
	       id[used] == '\0' && strlen(uuid) == 32 && sequence > 0 &&
	       time_us > now_us - 3600000000u && time_us <= now_us + 3600000000u;
}

Test(rabbitmq_sink, publishes_persistent_and_mandatory_and_acknowledges_what_is_confirmed)
{
	static struct bed b;
	bed_begin_sink(&b);
	bed_publish(&b, "one");
	bed_publish(&b, "two");
	bed_publish(&b, "one");
	bed_start(&b);
	cr_assert(bed_step_until(&b, 3), "%s", bed_status(&b).why);
	cr_expect_eq(bed_stop(&b), 0);
	cr_assert_eq(b.peer.message_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct peer_message *m = &b.peer.messages[i];
		cr_expect(m->mandatory && m->mode == 2, "persistent, and mandatory");
		cr_expect(is_id_with_a_time(m->id), "%s", m->id);
		cr_expect_str_eq(m->parent, BED_PARENT);
		cr_expect_str_eq(m->state, "vendor=7");
		for (uint32_t k = 0; k < i; k++)
			cr_expect_str_neq(m->id, b.peer.messages[k].id);
	}
	cr_expect_eq(bed_lag(&b, b.subscription), 0);
	bed_end(&b);
}

#define OTHER_VERSION "AMQP\0\0\x09\x02"
#define HTTP "HTTP/1.1 400 Bad Request\r\n\r\n"
#define HUGE_FRAME "\x01\0\0\xff\xff\xff\xff\0\x0a\0\x0a"
#define WRONG_END "\x01\0\0\0\0\0\x04\0\x0a\0\x32!!"

static const struct trouble {
	const char *name;
	struct peer_script script;
	const char *why;
} troubles[] = {
	{"another version", {.greeting = OTHER_VERSION, .greeting_bytes = 8}, "another version"},
	{"HTTP", {.greeting = HTTP, .greeting_bytes = sizeof HTTP - 1}, "reading from the broker"},
	{"a frame of 4 GiB", {.greeting = HUGE_FRAME, .greeting_bytes = 11}, "reading from"},
	{"no end of frame", {.greeting = WRONG_END, .greeting_bytes = 13}, "reading from"},
	{"nothing but its end", {.greeting = "", .greeting_bytes = 0}, "reading from the broker"},
	{"says nothing", {.mute = true}, "is it RabbitMQ?"},
	{"a wrong password",
	 {.refuse = AMQP_CONNECTION_START_OK_METHOD, .refuse_code = 403},
	 "closed the connection: 403 NO - ?[1m not you"},
	{"no such vhost",
	 {.refuse = AMQP_CONNECTION_OPEN_METHOD, .refuse_code = 530},
	 "closed the connection: 530"},
	{"no such exchange",
	 {.refuse = AMQP_EXCHANGE_DECLARE_METHOD, .refuse_code = 404},
	 "closed the channel: 404 NO - not here"},
	{"no confirms", {.refuse = AMQP_CONFIRM_SELECT_METHOD, .refuse_code = 540}, "540"},
	{"tiny frames", {.frame_max = 100}, "frames of 100 bytes"},
	{"no confirm", {.answer = PEER_SILENT}, "has confirmed nothing for 100 ms, 1 of 1"},
	{"a wrong confirm", {.answer = PEER_CONFUSED}, "confirms or returns what was not sent"},
	{"refuses the message", {.answer = PEER_REFUSE}, "refused 1 of 1 events"},
	{"no room in the exchange",
	 {.refuse = AMQP_BASIC_PUBLISH_METHOD, .refuse_code = 406},
	 "closed the channel: 406"},
};

Test(rabbitmq_sink, says_what_is_wrong_and_delivers_when_it_is_mended)
{
	for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
		static struct bed b;
		memset(&b, 0, sizeof b);
		b.peer.script = troubles[i].script;
		bed_begin_sink(&b);
		bed_publish(&b, "key");
		bed_start(&b);
		cr_expect(bed_step_until_why(&b, troubles[i].why), "%s: %s", troubles[i].name,
			  bed_status(&b).why);
		/* The same bridge, and a peer that has come to its senses. */
		cr_expect(bed_step_to(&b, WEIR_BRIDGE_RETRYING), "%s", troubles[i].name);
		b.peer.script = (struct peer_script){.answer = PEER_CONFIRM};
		cr_expect(bed_step_until(&b, 1), "%s: %s", troubles[i].name, bed_status(&b).why);
		cr_expect_eq(bed_stop(&b), 0);
		cr_expect_eq(bed_lag(&b, b.subscription), 0);
		bed_end(&b);
	}
}

Test(rabbitmq_sink, tries_again_where_nobody_listens)
{
	static struct bed b;
	bed_begin_sink(&b);
	bed_publish(&b, "key");
	uint16_t port = b.peer.port;
	b.sink.server.port = 1; // tcpmux: nobody has that
	bed_start(&b);
	cr_expect(bed_step_until_why(&b, "no connection to 127.0.0.1 port 1: "), "%s",
		  bed_status(&b).why);
	cr_expect_eq(bed_status(&b).state, WEIR_BRIDGE_RETRYING);
	cr_expect_eq(bed_lag(&b, b.subscription), 1, "nothing is lost");
	b.peer.port = port;
	bed_end(&b);
}

static uint32_t told_count;
static bool told_why;

static void hear(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (strcmp(line->event, "bridge.dead_letter") != 0)
		return;
	told_count++;
	if (strstr(line->message, "bridge b: event t/") != NULL)
		told_why |= strstr(line->message, "no queue is bound") != NULL;
}

Test(rabbitmq_sink, makes_a_dead_letter_of_what_no_queue_wants)
{
	static struct bed b;
	b.log_fn = hear;
	char long_key[300];
	memset(long_key, 'k', sizeof long_key - 1);
	long_key[sizeof long_key - 1] = 0;
	b.peer.script = (struct peer_script){.answer = PEER_RETURN, .answers = 1};
	bed_begin_sink(&b);
	b.options.dead_letters = b.dead;
	uint32_t letters = fixture_subscription(&b.f, "letters", "dead");
	bed_publish(&b, "no-route");
	bed_publish(&b, long_key);
	bed_publish(&b, "good");
	bed_start(&b);
	cr_assert(bed_step_until(&b, 3), "%s", bed_status(&b).why);
	cr_expect_eq(bed_status(&b).dead_letters, 2);
	cr_expect(told_count == 2 && told_why, "%u lines", told_count);
	cr_expect_eq(bed_stop(&b), 0);
	cr_expect_eq(b.peer.message_count, 2, "the one whose routing key is too long never went");
	cr_expect_eq(bed_lag(&b, b.subscription), 0);

	struct weir_member *member = fixture_member(&b.f, letters, NULL);
	struct weir_item item;
	bool returned = false, too_long = false;
	for (int i = 0; i < 2; i++) {
		struct weir_header header;
		cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
		for (uint32_t at = weir_item_header(&item, 0, &header); at != 0;
		     at = weir_item_header(&item, at, &header)) {
			if (header.name_bytes != 11 || memcmp(header.name, "weir-reason", 11) != 0)
				continue;
			returned |= memmem(header.value, header.value_bytes, "no queue is bound",
					   17) != NULL;
			too_long |= memmem(header.value, header.value_bytes, "more than 255 bytes",
					   19) != NULL;
		}
	}
	cr_expect(returned && too_long);
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	bed_end(&b);
}

Test(rabbitmq_sink, waits_while_the_broker_blocks_publishers)
{
	static struct bed b;
	b.peer.script = (struct peer_script){.answer = PEER_BLOCK};
	bed_begin_sink(&b);
	for (int i = 0; i < 20; i++)
		bed_publish(&b, "key");
	bed_start(&b);
	cr_assert(bed_step_until(&b, 20), "%s", bed_status(&b).why);
	cr_expect_eq(bed_stop(&b), 0);
	cr_expect_eq(b.peer.message_count, 20);
	bed_end(&b);
}

/* The first connection ends after so many of the peer's bytes, at each of them; the second one
 * stands. Nothing is lost, and what comes twice has the same message-id. */
Test(rabbitmq_sink, loses_nothing_when_the_connection_ends_at_any_byte, .timeout = 120)
{
	bool whole = false;
	for (uint64_t cut = 1; !whole; cut += stride()) {
		static struct bed b;
		memset(&b, 0, sizeof b);
		b.peer.script = (struct peer_script){.cut_after = cut};
		bed_begin_sink(&b);
		bed_publish(&b, "a");
		bed_publish(&b, "b");
		bed_publish(&b, "c");
		bed_start(&b);
		cr_assert(bed_step_until(&b, 3), "cut after %llu: %s", (unsigned long long)cut,
			  bed_status(&b).why);
		(void)bed_stop(&b);
		cr_expect_eq(bed_lag(&b, b.subscription), 0);
		uint32_t distinct = 0;
		for (uint32_t i = 0; i < b.peer.message_count; i++) {
			bool is_new = true;
			for (uint32_t k = 0; k < i; k++)
				is_new = is_new &&
					 strcmp(b.peer.messages[i].id, b.peer.messages[k].id) != 0;
			distinct += is_new;
		}
		cr_expect_eq(distinct, 3, "cut after %llu", (unsigned long long)cut);
		whole = b.peer.connections == 1;
		bed_end(&b);
	}
}

Test(rabbitmq_sink, stops_soon_while_the_broker_says_nothing)
{
	static struct bed b;
	b.peer.script = (struct peer_script){.mute = true};
	bed_begin_sink(&b);
	b.sink.server.timeout_ns = FIXTURE_LONG_NS;
	b.options.manual = false;
	bed_publish(&b, "key");
	bed_start(&b);
	fixture_sleep_ns(20000000);
	uint64_t began_ns = fixture_now_ns();
	(void)bed_stop(&b);
	cr_expect_lt(fixture_now_ns() - began_ns, FIXTURE_LONG_NS / 3);
	cr_expect_eq(bed_lag(&b, b.subscription), 1, "nothing is lost");
	bed_end(&b);
}

Test(rabbitmq_sink, refuses_options_that_make_no_sense)
{
	struct weir_rabbitmq_sink_options good, o;
	struct weir_rabbitmq *rabbitmq = NULL;
	struct weir_problem why;
	weir_rabbitmq_sink_options_init(&good);
#define EXPECT_WRONG(field_name, assignment)                                                       \
	do {                                                                                       \
		o = good;                                                                          \
		assignment;                                                                        \
		memset(&why, 0, sizeof why);                                                       \
		cr_expect_eq(weir_rabbitmq_sink_create(&o, &rabbitmq, &why), -EINVAL);             \
		cr_expect_str_eq(why.field, field_name);                                           \
	} while (0)
	EXPECT_WRONG("struct_bytes", o.struct_bytes = 1);
	EXPECT_WRONG("server.host", o.server.host = "");
	EXPECT_WRONG("server.port", o.server.port = 70000);
	EXPECT_WRONG("server.ca_file", o.server.tls = true);
	EXPECT_WRONG("server.tls", o.server.ca_file = "ca.pem");
	EXPECT_WRONG("server.timeout_ns", o.server.timeout_ns = 1);
	EXPECT_WRONG("server.heartbeat_ns", o.server.heartbeat_ns = 5);
	EXPECT_WRONG("routing_key", o.routing_key = "a.{payload}");
	EXPECT_WRONG("routing_key", o.routing_key = "a.{");
	EXPECT_WRONG("declare", o.declare = "topic");
	EXPECT_WRONG("window", o.window = 0);
	EXPECT_WRONG("confirm_timeout_ns", o.confirm_timeout_ns = 0);
#undef EXPECT_WRONG
	cr_expect_eq(weir_rabbitmq_sink_create(&good, &rabbitmq, NULL), 0);
	weir_rabbitmq_destroy(rabbitmq);
}

Test(rabbitmq_sink, makes_routing_keys_from_templates)
{
	static const struct {
		const char *text, *key, *want;
	} rows[] = {
		{"{topic}", "k", "orders"}, {"a.{key}.{type}", "k.l", "a.k.l.7"},
		{"{{{key}}}", "k", "{k}"},  {"", "k", ""},
		{"{key}", NULL, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char room[WR_RABBIT_SHORT_BYTES];
		struct weir_item item = {.key = rows[i].key, .type = 7};
		item.key_bytes = rows[i].key == NULL ? 0 : (uint16_t)strlen(rows[i].key);
		cr_expect_null(wr_rabbit_template_check(rows[i].text));
		size_t bytes = wr_rabbit_template_fill(rows[i].text, &item, "orders", room);
		cr_expect_eq(bytes, strlen(rows[i].want), "%s", rows[i].text);
		cr_expect_eq(memcmp(room, rows[i].want, bytes), 0, "%s", rows[i].text);
	}
}
