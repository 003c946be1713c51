/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir trace` finds what hangs together, wherever in the chain it is asked from, and draws
 *         each event below its cause; `weir journal audit` says who appended what for a key; `weir
 *         replay` prints what is asked for, at its pace. All beside the owner, and within a bound.
 * Method: events with ids through a pipeline that stays open; the commands in a child process,
 *         judged by text and exit code. Sequences are taken from the text of a dump: they are not
 *         the test's to know.
 */
#include <criterion/criterion.h>

#include "tests/support/capture.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/unit/tools/journal_build.h"
#include "tools/weir/args.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct fixture f;
static struct capture c;
static uint32_t orders, other;
static struct weir_producer *producer;
static uint64_t number = 5;

#define TRACE(...) CAPTURE(&c, cmd_trace, "trace", f.dir, __VA_ARGS__)
#define REPLAY(...) CAPTURE(&c, cmd_replay, "replay", f.dir, "--json", __VA_ARGS__)
#define AUDIT(...) CAPTURE(&c, cmd_journal, "journal", "audit", f.dir, __VA_ARGS__)

static void begin(void)
{
	fixture_begin(&f, FIXTURE_DURABLE);
	orders = fixture_topic(&f, "orders", 1);
	other = fixture_topic(&f, "other", 1);
	producer = fixture_producer(&f, "shop");
}

static void teardown(void)
{
	fixture_end(&f);
}

static uint16_t length_of(const char *text)
{
	return (uint16_t)(text != NULL ? strlen(text) : 0);
}

static uint64_t publish(uint32_t topic, const char *key, const char *id, const char *flow,
			const char *cause, const char *parent)
{
	struct weir_ids ids = {.event_id = id,
			       .event_id_bytes = length_of(id),
			       .correlation_id = flow,
			       .correlation_id_bytes = length_of(flow),
			       .causation_id = cause,
			       .causation_id_bytes = length_of(cause),
			       .traceparent = parent,
			       .traceparent_bytes = length_of(parent)};
	struct weir_event event = fixture_event(topic, NULL, &number);
	uint64_t ticket = 0;
	event.key = key;
	event.key_bytes = length_of(key);
	event.ids = &ids;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

/* One flow of four, with strangers between them; a fifth of another flow, caused by the fourth. */
static void publish_orders(void)
{
	publish(orders, "c7", "order-1", NULL, NULL, PARENT);
	publish(orders, "c8", "order-2", NULL, NULL, NULL);
	publish(orders, "c7", "paid-1", "order-1", "order-1", PARENT);
	publish(orders, "c8", "paid-2", "order-2", "order-2", NULL);
	publish(other, "c7", "packed-1", "order-1", "order-1", PARENT);
	publish(orders, "c7", "billed-1", "order-1", "paid-1", NULL);
	publish(other, "c8", "orphan", NULL, "never-there", NULL);
	fixture_wait(producer, publish(other, "c7", "late", "elsewhere", "billed-1", NULL));
}

/* What stands before the time of a line, and its time, differ from run to run. */
static void drop_places(char *text)
{
	char *to = text;
	for (const char *line = text; *line != '\0';) {
		const char *end = strchr(line, '\n');
		const char *digits = line;
		while (*digits == ' ' || *digits == '|' || *digits == '-' || *digits == '`')
			*to++ = *digits++;
		const char *rest = strstr(digits, "Z ");
		cr_assert(end != NULL, "\"%s\"", line);
		if (rest == NULL || rest > end) { /* the last line: "5 events, 3 us ..." */
			*to = '\0';
			return;
		}
		rest += 2;
		memmove(to, rest, (size_t)(end + 1 - rest));
		to += end + 1 - rest;
		line = end + 1;
	}
	*to = '\0';
}

static const char *const whole = "orders[0] key=\"c7\" id=\"order-1\"\n"
				 "|- orders[0] key=\"c7\" id=\"paid-1\"\n"
				 "|  `- orders[0] key=\"c7\" id=\"billed-1\"\n"
				 "|     `- other[0] key=\"c7\" id=\"late\"\n"
				 "`- other[0] key=\"c7\" id=\"packed-1\"\n";

/* The whole tree with the mark behind the line that has `id`. */
static void expect_whole(const char *id)
{
	char expected[1024], quoted[64];
	size_t used = 0;
	snprintf(quoted, sizeof quoted, "id=\"%s\"", id);
	for (const char *line = whole; *line != '\0'; line = strchr(line, '\n') + 1) {
		int bytes = (int)(strchr(line, '\n') - line);
		const char *at = strstr(line, quoted);
		bool marked = at != NULL && at < line + bytes;
		used += (size_t)snprintf(expected + used, sizeof expected - used, "%.*s%s\n", bytes,
					 line, marked ? " <-" : "");
	}
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	drop_places(c.out);
	cr_expect_str_eq(c.out, expected);
}

TestSuite(trace_cli, .fini = teardown, .timeout = 60);

Test(trace_cli, the_same_tree_from_wherever_it_is_asked_for)
{
	static const char *const ids[] = {"order-1", "paid-1", "packed-1", "billed-1", "late"};
	begin();
	publish_orders();
	for (size_t i = 0; i < 5; i++) {
		TRACE(ids[i]);
		expect_whole(ids[i]);
	}
}

Test(trace_cli, a_correlation_id_and_a_trace_id_name_a_flow)
{
	begin();
	publish_orders();
	TRACE("elsewhere");
	expect_whole(""); /* no event has that id: its flow leads back to all of it */
	TRACE("0af7651916cd43dd8448eb211c80319c");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	drop_places(c.out);
	cr_expect(capture_has(c.out, "id=\"order-1\" <-\n"), "%s", c.out);
	cr_expect(capture_has(c.out, "id=\"packed-1\" <-\n"), "%s", c.out);
	cr_expect(capture_has(c.out, "id=\"billed-1\"\n"), "%s", c.out);
	cr_expect_not(capture_has(c.out, "order-2"), "%s", c.out);
}

Test(trace_cli, a_cause_that_is_not_there_is_named)
{
	begin();
	publish_orders();
	TRACE("orphan");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	drop_places(c.out);
	cr_expect_str_eq(c.out, "other[0] key=\"c8\" id=\"orphan\" caused by \"never-there\", "
				"which is not there <-\n");
	TRACE("nobody");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_expect_str_eq(c.out, "");
	cr_expect(capture_has(c.err, "is \"nobody\""), "%s", c.err);
}

Test(trace_cli, events_without_ids_hang_together_by_their_places)
{
	struct weir_item item;
	char place[WEIR_POS_TEXT_BYTES], sequence[24];
	begin();
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "orders"), "reader");
	publish(orders, NULL, NULL, NULL, NULL, NULL);
	for (int i = 0; i < 30; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		struct weir_event event = fixture_event(orders, NULL, &number);
		uint64_t ticket = 0;
		event.cause = &item;
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		fixture_wait(producer, ticket);
		if (i != 3)
			continue;
		struct weir_pos pos = weir_item_pos(&item);
		weir_pos_text(&pos, place);
		snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)pos.sequence);
	}
	TRACE(place);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.out, "31 events, "), "%s", c.out);
	cr_expect(capture_has(c.out, "`- (25 deep) "), "%s", c.out);
	cr_expect(capture_has(c.out, "`- (30 deep) "), "%s", c.out);
	TRACE("--sequence", sequence, "--json");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.out, "{\"depth\":3,\"asked\":true,"), "%s", c.out);
	cr_expect(capture_has(c.out, "{\"depth\":30,\"asked\":false,"), "%s", c.out);
}

Test(trace_cli, json_is_one_object_an_event_in_the_order_of_the_tree)
{
	char *line = c.out;
	static const char *const ids[] = {"order-1", "paid-1", "billed-1", "late", "packed-1"};
	static const char *const depths[] = {"{\"depth\":0,", "{\"depth\":1,", "{\"depth\":2,",
					     "{\"depth\":3,", "{\"depth\":1,"};
	begin();
	publish_orders();
	TRACE("billed-1", "--json");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	for (size_t i = 0; i < 5; i++) {
		char id[64];
		char *end = strchr(line, '\n');
		cr_assert_not_null(end, "%zu", i);
		*end = '\0';
		snprintf(id, sizeof id, "\"event_id\":\"%s\"", ids[i]);
		cr_expect(strncmp(line, depths[i], strlen(depths[i])) == 0, "%s", line);
		cr_expect(strstr(line, id) != NULL, "%s", line);
		cr_expect_eq(strstr(line, "\"asked\":true") != NULL, i == 2, "%s", line);
		cr_expect_eq(strstr(line, "\"cause_sequence\":null") != NULL, i == 0, "%s", line);
		line = end + 1;
	}
	cr_expect_str_eq(line, "");
}

Test(trace_cli, memory_is_bounded_and_what_fits_is_shown)
{
	uint64_t ticket = 0;
	begin();
	for (int i = 0; i < 2000; i++)
		ticket = publish(orders, "k", NULL, "flow", NULL, NULL);
	fixture_wait(producer, ticket);
	TRACE("flow", "--memory", "256K", "--json");
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_expect(capture_has(c.err, "--memory"), "%s", c.err);
	cr_expect(capture_has(c.out, "\"correlation_id\":\"flow\""), "%s", c.out);
}

Test(trace_cli, what_is_asked_for_is_said_once_and_well)
{
	begin();
	publish_orders();
	TRACE("order-1", "--sequence", "3");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	CAPTURE(&c, cmd_trace, "trace", f.dir);
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	TRACE("--hex", "6f7");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	TRACE("--hex", "6f726465722d31");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.out, "key=0x6337 "), "%s", c.out);
	CAPTURE(&c, cmd_trace, "trace", "/no/such/journal", "x");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
}

Test(trace_cli, an_audit_says_who_appended_what_for_a_key)
{
	begin();
	publish_orders();
	/* The name's second epoch; and somebody without a name. */
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
	producer = fixture_producer(&f, "shop");
	fixture_wait(producer, publish(orders, "c7", "again", NULL, NULL, NULL));
	producer = fixture_producer(&f, NULL);
	fixture_wait(producer, publish(orders, "c7", "unnamed", NULL, NULL, NULL));
	AUDIT("c7");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	drop_places(c.out);
	cr_expect(capture_has(c.out, "orders[0] by shop (epoch 1, number 1) id=\"order-1\" "
				     "trace=\"" PARENT "\" "),
		  "%s", c.out);
	cr_expect(capture_has(c.out, "other[0] by shop (epoch 1, number 8) id=\"late\" "
				     "flow=\"elsewhere\" cause=\"billed-1\" "),
		  "%s", c.out);
	cr_expect(capture_has(c.out, "by shop (epoch 2, number 9) id=\"again\""), "%s", c.out);
	cr_expect(capture_has(c.out, "by no name id=\"unnamed\""), "%s", c.out);
	cr_expect_not(capture_has(c.out, "order-2"), "%s", c.out);
	AUDIT("c7", "--topic", "other", "--json");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.out, "\"producer\":\"shop\",\"producer_epoch\":1,"
				     "\"producer_sequence\":5,\"event_id\":\"packed-1\""),
		  "%s", c.out);
	cr_expect_not(capture_has(c.out, "\"event_id\":\"order-1\""), "%s", c.out);
	AUDIT("--hex", "6338");
	cr_expect(capture_has(c.out, "id=\"order-2\""), "%s", c.out);
	AUDIT("c9");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_expect(capture_has(c.err, "no event with that key"), "%s", c.err);
	AUDIT("c7", "--topic", "none");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
}

/* The record that gave the name is gone, and a checkpoint has it. */
Test(trace_cli, names_of_producers_survive_their_records)
{
	static struct build b;
	const struct wr_producer_stamp known = {.id = 0, .epoch = 1, .sequence = 7};
	const struct wr_producer_stamp unknown = {.id = 900, .epoch = 2, .sequence = 8};
	fixture_init(&f, FIXTURE_MEMORY);
	build_init(&b);
	build_stamped(&b, "c7", &known);
	build_stamped(&b, "c7", &unknown);
	build_seal(&b);
	build_evidence(&b);
	build_checkpoint(&b);
	CAPTURE(&c, cmd_journal, "journal", "audit", b.dir, "c7");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.out, "by shop (epoch 1, number 7)"), "%s", c.out);
	cr_expect(capture_has(c.out, "by an unknown name (epoch 2, number 8)"), "%s", c.out);
	build_fini(&b);
}

/* Lines, after those that say what is missing. */
static unsigned lines(const char *text)
{
	unsigned count = 0;
	for (; *text != '\0'; text++)
		count += *text == '\n' ? 1 : 0;
	return count;
}

static uint64_t publish_at(const char *key, uint64_t event_time_us, const char *payload)
{
	struct weir_header header = {
		.name = "kind", .name_bytes = 4, .value = "paid", .value_bytes = 4};
	struct weir_event event = {.topic = orders,
				   .key = key,
				   .key_bytes = strlen(key),
				   .payload = payload,
				   .payload_bytes = strlen(payload),
				   .event_time_us = event_time_us,
				   .headers = &header,
				   .header_count = 1};
	uint64_t ticket = 0;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

Test(trace_cli, a_replay_prints_what_is_asked_for)
{
	static const struct {
		const char *words[4];
		unsigned lines;
	} cases[] = {
		{{NULL}, 12},
		{{"--topic", "other"}, 3},
		{{"--key", "c7"}, 5},
		{{"--key", "6337", "--hex"}, 5},
		{{"--key", "c7", "--topic", "orders"}, 3},
		{{"--event-from", "2026-01-01T00:00:00Z"}, 2},
		{{"--event-to", "2025-12-31T23:59:59Z"}, 2},
		{{"--event-to", "2025-12-31T00:00:00Z"}, 1},
		{{"--filter", "{\"n\":[{\"numeric\":[\">\",1]}]}"}, 2},
		{{"--filter", "a.*", "--filter-kind", "topic"}, 3},
		{{"--filter", "{\"kind\":\"paid\"}", "--filter-kind", "headers"}, 4},
		{{"--count", "7"}, 7},
		{{"--rate", "100000", "-n", "5"}, 5},
		{{"--pace", "100", "-n", "8"}, 8},
		{{"--from", "100000"}, 0},
		{{"--from", "-1h"}, 12},
		{{"--to", "-1h"}, 0},
	};
	begin();
	publish_orders();
	publish_at("a.b", 1767139200000000u, "{\"n\":1}"); /* 2025-12-31T00:00:00Z */
	publish_at("a.c", 1767139200000001u, "{\"n\":2}");
	publish_at("a.c", 1798761600000000u, "{\"n\":3}"); /* a year later */
	fixture_wait(producer, publish_at("b", 1798761600000000u, "no json"));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const *w = cases[i].words;
		REPLAY(w[0], w[0] != NULL ? w[1] : NULL, w[1] != NULL ? w[2] : NULL,
		       w[2] != NULL ? w[3] : NULL);
		cr_expect_eq(c.exit_code, 0, "%zu: %s", i, c.err);
		cr_expect_eq(lines(c.out), cases[i].lines, "%zu: %s", i, c.out);
	}
	/* In order, and to the one that is named last. */
	REPLAY("--key", "a.c");
	char *second = strchr(c.out, '\n');
	cr_assert_not_null(second);
	cr_expect(capture_has(c.out, "\"payload\":\"{\\\"n\\\":2}\""), "%s", c.out);
	cr_expect(capture_has(second, "\"payload\":\"{\\\"n\\\":3}\""), "%s", c.out);
	/* At a tenth of a second each. */
	uint64_t began = fixture_now_ns();
	REPLAY("--key", "a.c", "--rate", "10");
	cr_expect_geq(fixture_now_ns() - began, 100000000);
	CAPTURE(&c, cmd_replay, "replay", f.dir, "--count", "1");
	cr_expect(capture_has(c.out, "key=\"c7\""), "%s", c.out);
}

Test(trace_cli, a_replay_says_what_it_cannot_do)
{
	begin();
	REPLAY("--rate", "0");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	REPLAY("--event-from", "7");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	REPLAY("--from", "9", "--to", "3");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_expect(capture_has(c.err, "ends before it begins"), "%s", c.err);
	REPLAY("--event-from", "-5m", "--event-to", "-1h");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	REPLAY("--from", "3", "--to", "3");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	CAPTURE(&c, cmd_journal, "journal", "dump", f.dir, "--from", "9", "--to", "3");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	REPLAY("--filter", "{}");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_expect(capture_has(c.err, "--filter: "), "%s", c.err);
	REPLAY("--key", "zz", "--hex");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	CAPTURE(&c, cmd_replay, "replay", "/no/such/journal");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
}

/* A typo is no topic in which nothing is; one that is empty is there, and so is one that only a
 * checkpoint knows. */
Test(trace_cli, a_topic_that_there_is_not_is_said)
{
	static struct build b;
	const struct wr_producer_stamp stamp = {.id = 0, .epoch = 1, .sequence = 7};
	begin();
	fixture_topic(&f, "empty", 1);
	publish_orders();
	REPLAY("--topic", "order");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_expect(capture_has(c.err, "there is no topic \"order\" in this journal\n"), "%s", c.err);
	REPLAY("--topic", "empty");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	REPLAY("--topic", "orders", "--key", "nobody");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	CAPTURE(&c, cmd_journal, "journal", "dump", f.dir, "--topic", "order");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	CAPTURE(&c, cmd_journal, "journal", "dump", f.dir, "--topic", "empty");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	CAPTURE(&c, cmd_journal, "journal", "tail", f.dir, "--topic", "order");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	CAPTURE(&c, cmd_journal, "journal", "tail", f.dir, "--topic", "empty", "-n", "0");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	build_init(&b);
	build_stamped(&b, "c7", &stamp);
	build_seal(&b);
	build_evidence(&b);
	build_checkpoint(&b);
	CAPTURE(&c, cmd_replay, "replay", b.dir, "--topic", "order");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	CAPTURE(&c, cmd_replay, "replay", b.dir, "--topic", "orders", "--key", "nobody");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	build_fini(&b);
}
