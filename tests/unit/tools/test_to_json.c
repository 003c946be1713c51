/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   --to-json shows a payload as JSON, whichever way its schema is named and the registry
 *         found; what is no datum of its schema, or names one that is not there, is shown as it is
 *         with the reason; without it nothing is other than it was.
 * Method: a journal with one payload of each way, closed; the commands in a child process; once
 *         more with the registry in a checkpoint.
 */
#include <stdlib.h>

#include "core/journal/format.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/capture.h"
#include "tests/unit/pipeline/registry_bed.h"
#include "tools/weir/args.h"

static struct capture c;

#define JOURNAL(command, ...) CAPTURE(&c, cmd_journal, "journal", command, bed.dir, __VA_ARGS__)

static void has(const char *text)
{
	cr_expect_not_null(strstr(c.out, text), "%s is not in\n%s%s", text, c.out, c.err);
}

static void has_not(const char *text)
{
	cr_expect_null(strstr(c.out, text), "%s is in\n%s", text, c.out);
}

/* Rejected by who reads the topic of orders. */
static void kill_one(uint32_t queue)
{
	struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	struct weir_member *member = fixture_member(&bed, queue, NULL);
	struct weir_item item;
	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_assert_eq(weir_reject(member, &item, &dead), 0);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

static void publish(uint32_t topic, uint16_t type, const void *payload, size_t bytes)
{
	cr_assert_eq(bed_publish(topic, type, payload, bytes), 0);
}

/* Filled and closed. */
static void fill(bool with_checkpoint)
{
	uint8_t payload[128], *datum = payload + WEIR_SCHEMA_PREFIX_BYTES;
	struct weir_schema_version v = bed_register("orders", ORDER_1), facts;
	struct weir_registration asks = bed_asks_json("facts", "{\"required\": [\"a\"]}");
	cr_assert_eq(weir_registry_register(bed.pipeline, &asks, &facts, NULL, NULL, NULL), 0);
	uint32_t orders = bed_topic("orders", "orders", true, false);
	uint32_t fact_topic = bed_topic("facts", "facts", false, false);
	uint32_t plain = fixture_topic(&bed, "plain", 1), queue = bed_queue();
	if (with_checkpoint) {
		uint32_t filler;
		cr_assert_eq(weir_topic_find(bed.pipeline, "dead", &filler), 0);
		struct weir_producer *producer = fixture_producer(&bed, NULL);
		fixture_wait(producer, fixture_publish(producer, filler, 1, 20000));
	}
	weir_schema_prefix_put(payload, v.id);
	size_t bytes = WEIR_SCHEMA_PREFIX_BYTES + bed_order(datum, 7, "nut", false, NULL);
	publish(orders, 0, payload, bytes);
	kill_one(queue);
	publish(orders, 0, payload, bytes - 1);
	publish(plain, 0, payload, bytes);
	bytes = WEIR_SCHEMA_PREFIX_BYTES +
		bed_order(datum, 8, "\"\x7f\xc2\x9b\xc2\xa0", false, NULL);
	publish(orders, 0, payload, bytes);
	weir_schema_prefix_put(payload, 99);
	publish(plain, 0, payload, bytes);
	publish(plain, 0, "hello", 5);
	publish(fact_topic, facts.type, " { \"a\" :\n[1, \" \\\" \"] } ", 23);
	publish(fact_topic, facts.type, "{\"b\":1}", 7);
	cr_assert_eq(weir_close(bed.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	bed.pipeline = NULL;
}

static void all_ways(void)
{
	JOURNAL("dump", "--to-json", "--topic", "orders");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	has(" orders[0] {\"id\":7,\"item\":\"nut\"}\n");
	has(" \"\\x00\\x00\\x00\\x00\\x01\\x0e\\x06nu\" (no JSON: not of schema 1: ");
	has(" orders[0] {\"id\":8,\"item\":\"\\\"\\u007f\\u009b\xc2\xa0\"}\n");
	JOURNAL("dump", "--to-json", "--topic", "plain");
	has(" plain[0] {\"id\":7,\"item\":\"nut\"}\n");
	has("(no JSON: the registry has no schema with the id 99)\n");
	has(" plain[0] \"hello\"\n");
	JOURNAL("dump", "--to-json", "--topic", "facts");
	has(" facts[0] {\"a\":[1,\" \\\" \"]}\n");
	has(" facts[0] \"{\\\"b\\\":1}\" (no JSON: not of schema 2: /: ");
	JOURNAL("dump", "--to-json", "--json", "--topic", "orders");
	has("\"schema_id\":1,\"payload_json\":{\"id\":7,\"item\":\"nut\"}");
	has("\"payload_problem\":\"not of schema 1: ");
	has("\"payload\":\"\\u0000\\u0000\\u0000\\u0000\\u0001\\u000e\\u0006nu\"");
	JOURNAL("dump", "--topic", "orders");
	has_not("nut\"}");
	has_not("no JSON");
	JOURNAL("tail", "--to-json", "--count", "1", "--topic", "orders");
	has(" orders[0] {\"id\":8,");
	CAPTURE(&c, cmd_replay, "replay", bed.dir, "--to-json", "--topic", "plain");
	has(" plain[0] {\"id\":7,\"item\":\"nut\"}\n");
	/* A pattern is asked of the fields, and shows nothing of that. */
	CAPTURE(&c, cmd_replay, "replay", bed.dir, "--topic", "orders", "--filter",
		"{\"id\":[7,9],\"item\":[\"nut\"]}");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	has(" orders[0] \"\\x00\\x00\\x00\\x00\\x01\\x0e\\x06nut\"\n");
	has_not("\\x10");
	has_not("no JSON");
	CAPTURE(&c, cmd_replay, "replay", bed.dir, "--topic", "facts", "--filter", "{\"b\":[1]}");
	has(" facts[0] \"{\\\"b\\\":1}\"\n");
	has_not("[1,");
}

/* The letter is read as what it was, though its own topic follows nothing. */
static void the_letter(void)
{
	char sequence[32];
	CAPTURE(&c, cmd_dlq, "dlq", "ls", bed.dir, "dead", "--json");
	const char *at = strstr(c.out, "\"sequence\":");
	cr_assert_not_null(at, "%s%s", c.out, c.err);
	snprintf(sequence, sizeof sequence, "%llu", strtoull(strchr(at, ':') + 1, NULL, 10));
	CAPTURE(&c, cmd_dlq, "dlq", "show", bed.dir, "dead", sequence, "--to-json");
	has("  payload {\"id\":7,\"item\":\"nut\"}\n");
	CAPTURE(&c, cmd_dlq, "dlq", "show", bed.dir, "dead", sequence, "--to-json", "--json");
	has("\"payload_json\": {\"id\":7,\"item\":\"nut\"}");
	has_not("payload_hex");
}

TestSuite(to_json, .fini = bed_end, .timeout = 120);

Test(to_json, payloads_are_shown_by_the_records_of_the_registry)
{
	bed_begin(FIXTURE_DURABLE, 1u << 30);
	fill(false);
	all_ways();
	the_letter();
}

Test(to_json, payloads_are_shown_by_a_checkpoint)
{
	bed_begin(FIXTURE_DURABLE, 1);
	fill(true);
	fixture_open(&bed);
	cr_expect_gt(bed.pipeline->recovery.checkpoint_seq, 1000);
	fixture_close(&bed, NULL);
	all_ways();
}

/* One byte of a schema's text, where it stands in the log. */
static void damage_a_record(void)
{
	static const char text[] = "OrderPlaced";
	static char bytes[1 << 20];
	char path[4200], name[64];
	for (uint32_t number = 0; number < 4; number++) {
		wr_segment_name(name, 0, number);
		snprintf(path, sizeof path, "%s/%s", bed.dir, name);
		FILE *file = fopen(path, "r+b");
		size_t count = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
		char *at = memmem(bytes, count, text, strlen(text));
		if (at != NULL) {
			cr_assert_eq(fseek(file, at - bytes, SEEK_SET), 0);
			cr_assert_neq(fputc('o', file), EOF);
		}
		if (file != NULL)
			fclose(file);
		if (at != NULL)
			return;
	}
	cr_assert_fail("the record was not found");
}

Test(to_json, what_a_damaged_registry_does_not_say_is_told)
{
	bed_begin(FIXTURE_DURABLE, 1u << 30);
	fill(false);
	damage_a_record();
	JOURNAL("dump", "--to-json", "--topic", "orders");
	cr_expect_eq(c.exit_code, CLI_EXIT_DAMAGE);
	has(" \"\\x00\\x00\\x00\\x00\\x01\\x0e\\x06nut\" (no JSON: ");
	has("(a record of the registry before it is damaged))\n");
	JOURNAL("dump", "--to-json", "--topic", "facts");
	has(" facts[0] \"{\\\"b\\\":1}\" (no JSON: ");
}
