/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast records of ten fields are resolved on one core: as they are, to a newer version (an int
 * that became a long, a float that became a double, a field that nobody reads, one with a default),
 * and to the same fields in another order. Records differ, so that branches are not always the
 * same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/resolver.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/schema_decode.h"

#define RECORDS 1024u
#define RECORD_BYTES_MAX 160u

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define RECORD(fields) "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[" fields "]}"
#define ID FIELD("id", "\"long\"")
#define ACCOUNT FIELD("account", "\"string\"")
#define INSTRUMENT FIELD("instrument", "\"string\"")
#define SIDES "{\"type\":\"enum\",\"name\":\"Side\",\"symbols\":[\"BUY\",\"SELL\"]}"
#define SIDE FIELD("side", SIDES)
#define QUANTITY(type) FIELD("quantity", "\"" type "\"")
#define PRICE(type) FIELD("price", "\"" type "\"")
#define TIME FIELD("time", "\"long\"")
#define OPEN FIELD("open", "\"boolean\"")
#define NOTE FIELD("note", "[\"null\",\"string\"]")
#define VERSION FIELD("version", "\"int\"")
#define VENUE "{\"name\":\"venue\",\"type\":\"string\",\"default\":\"XETRA\"}"
/* What the three have in common at their beginning. */
#define HEAD ID "," ACCOUNT "," INSTRUMENT "," SIDE

static const char writer_text[] =
	RECORD(HEAD "," QUANTITY("int") "," PRICE("float") "," TIME "," OPEN "," NOTE "," VERSION);

static const char newer_text[] = RECORD(
	HEAD "," QUANTITY("long") "," PRICE("double") "," TIME "," NOTE "," VERSION "," VENUE);

#define TAIL SIDE "," INSTRUMENT "," ACCOUNT "," ID
static const char other_order_text[] =
	RECORD(VERSION "," NOTE "," OPEN "," TIME "," PRICE("float") "," QUANTITY("int") "," TAIL);

struct record {
	uint8_t bytes[RECORD_BYTES_MAX];
	size_t count;
};

static void put_long(struct record *r, int64_t n)
{
	uint64_t bits = (uint64_t)n << 1 ^ (0 - ((uint64_t)n >> 63));

	for (; bits > 0x7f; bits >>= 7)
		r->bytes[r->count++] = (uint8_t)(bits | 0x80);
	r->bytes[r->count++] = (uint8_t)bits;
}

static void put_text(struct record *r, const char *text)
{
	size_t count = strlen(text);

	put_long(r, (int64_t)count);
	memcpy(r->bytes + r->count, text, count);
	r->count += count;
}

static void draw(struct record *r, uint64_t *seed)
{
	char text[32];
	float price;

	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	uint64_t n = *seed >> 20;
	r->count = 0;
	put_long(r, (int64_t)(1000000000 + n % 1000000));
	snprintf(text, sizeof text, "account-%" PRIu64, n % 5000);
	put_text(r, text);
	snprintf(text, sizeof text, "DE%010" PRIu64, n % 10000000);
	put_text(r, text);
	put_long(r, (int64_t)(n & 1));
	put_long(r, (int64_t)(n % 3000));
	price = (float)(n % 100000) / 100;
	memcpy(r->bytes + r->count, &price, sizeof price);
	r->count += sizeof price;
	put_long(r, (int64_t)(1700000000000000 + n % 1000000000));
	r->bytes[r->count++] = (uint8_t)(n >> 1 & 1);
	put_long(r, (int64_t)(n >> 2 & 1));
	if ((n >> 2 & 1) != 0)
		put_text(r, "a note");
	put_long(r, 3);
}

/* Of this thread: what others do on its core is not counted. */
static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Records a second; 0: one was refused. */
static double measure(const struct weir_resolver *resolver, const struct record *records,
		      uint64_t length_ns)
{
	uint8_t out[2 * RECORD_BYTES_MAX];
	uint64_t begin = now_ns();
	uint64_t count = 0;
	uint64_t passed_ns;

	do {
		for (uint32_t i = 0; i < RECORDS; i++) {
			size_t bytes;
			if (weir_resolve(resolver, records[i].bytes, records[i].count, out,
					 sizeof out, &bytes, NULL) != 0)
				return 0;
		}
		count += RECORDS;
		passed_ns = now_ns() - begin;
	} while (passed_ns < length_ns);
	return (double)count * 1e9 / (double)passed_ns;
}

static int measure_one(const struct weir_schema *writer, const char *name, const char *reader_text,
		       const struct record *records, uint64_t length_ns, struct json_out *json)
{
	struct weir_schema *reader = NULL;
	struct weir_resolver *resolver = NULL;
	struct weir_problem problem = {0};
	char text[CLI_TEXT_BYTES];
	int code = weir_schema_parse(reader_text, strlen(reader_text), 0, NULL, &reader, &problem);

	if (code == 0)
		code = weir_resolver_create(writer, reader, &resolver, &problem);
	if (code != 0) {
		weir_schema_free(reader);
		return cli_fail("schema bench", code, &problem);
	}
	double rate = measure(resolver, records, length_ns);
	WR_ASSERT(rate > 0);
	if (json != NULL)
		json_f64(json, name, rate, 0);
	else
		printf("%-14s %10s records/s  %6.1f ns each\n", name, cli_text_rate(text, rate),
		       1e9 / rate);
	weir_resolver_free(resolver);
	weir_schema_free(reader);
	return CLI_EXIT_OK;
}

int schema_bench_print(uint64_t length_ns, bool json)
{
	static const struct {
		const char *name;
		const char *reader;
	} cases[] = {{"as_it_is", writer_text},
		     {"newer", newer_text},
		     {"other_order", other_order_text}};
	struct weir_schema *writer = NULL;
	struct weir_problem problem = {0};
	struct record *records = calloc(RECORDS, sizeof *records);
	struct json_out j;
	uint64_t seed = 1;
	int exit_code = CLI_EXIT_OK;
	int code = weir_schema_parse(writer_text, strlen(writer_text), 0, NULL, &writer, &problem);

	if (records == NULL || code != 0) {
		free(records);
		weir_schema_free(writer);
		return cli_fail("schema bench", code != 0 ? code : -ENOMEM, &problem);
	}
	for (uint32_t i = 0; i < RECORDS; i++)
		draw(&records[i], &seed);
	if (json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_object(&j, NULL);
		json_u64(&j, "fields", 10);
		json_object(&j, "records_a_second");
	}
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases) && exit_code == CLI_EXIT_OK; i++)
		exit_code = measure_one(writer, cases[i].name, cases[i].reader, records,
					length_ns / WR_ARRAY_COUNT(cases), json ? &j : NULL);
	if (json && json_end(&j) < 0)
		exit_code = CLI_EXIT_IO;
	weir_schema_free(writer);
	free(records);
	return exit_code;
}
