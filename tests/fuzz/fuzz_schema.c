/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: Avro schemas out of hostile text: nothing is read out of bounds or takes for ever; what
 * is
 *         taken has a canonical form that is its own; whoever is told compatible has no issue, and
 *         what STRICT lets pass FULL does.
 * Method: the input is one schema, or two with a byte 0 between them, then a datum behind another
 *         one. Replayed by replay.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weir/resolver.h>

#include "core/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

/* Up to the next 0, in a block of its own size: the parser must not read on. */
static struct weir_schema *take(const uint8_t **at, size_t *left, uint32_t flags)
{
	const uint8_t *end = *left > 0 ? memchr(*at, 0, *left) : NULL;
	size_t bytes = end != NULL ? (size_t)(end - *at) : *left;
	struct weir_schema *schema = NULL;
	struct weir_problem problem = {0};
	char *text = malloc(bytes + (bytes == 0));

	WR_ASSERT(text != NULL);
	if (bytes > 0)
		memcpy(text, *at, bytes);
	int code = weir_schema_parse(text, bytes, flags, NULL, &schema, &problem);
	WR_ASSERT(code == 0 || (problem.code == code && strlen(problem.text) > 10));
	free(text);
	*at += bytes + (end != NULL ? 1 : 0);
	*left -= bytes + (end != NULL ? 1 : 0);
	return schema;
}

static void check_canonical(const struct weir_schema *schema)
{
	size_t bytes = weir_schema_canonical(schema, NULL, 0);
	struct weir_schema *again = NULL;

	if (bytes > WEIR_SCHEMA_TEXT_BYTES_MAX)
		return;
	char *text = malloc(2 * bytes);
	WR_ASSERT(text != NULL && weir_schema_canonical(schema, text, bytes) == bytes);
	WR_ASSERT(weir_schema_parse(text, bytes, 0, NULL, &again, NULL) == 0);
	WR_ASSERT(weir_schema_canonical(again, text + bytes, bytes) == bytes);
	WR_ASSERT(memcmp(text, text + bytes, bytes) == 0);
	WR_ASSERT(weir_schema_fingerprint(schema) == weir_schema_fingerprint(again));
	WR_ASSERT(weir_schema_can_read(again, schema, NULL, NULL) != 0 ||
		  weir_schema_can_read(schema, schema, NULL, NULL) == 0);
	weir_schema_free(again);
	free(text);
}

static void count(void *context, const struct weir_schema_issue *issue)
{
	WR_ASSERT(issue->path[0] == '/' || strncmp(issue->path, "...", 3) == 0);
	WR_ASSERT(weir_schema_issue_name(issue->kind)[0] != '\0');
	(*(uint32_t *)context)++;
}

static void look(void *context, const struct weir_schema_difference *difference)
{
	WR_ASSERT(difference->path[0] == '/' || strncmp(difference->path, "...", 3) == 0);
	(*(int *)context)++;
}

static void check_pair(const struct weir_schema *old, const struct weir_schema *next)
{
	uint32_t issues = 0;
	int told = 0;
	int good = weir_schema_can_read(next, old, count, &issues);
	int strict = weir_schema_may_follow(next, &old, 1, WEIR_SCHEMA_STRICT, NULL, NULL);
	int full = weir_schema_may_follow(next, &old, 1, WEIR_SCHEMA_FULL, NULL, NULL);

	WR_ASSERT(good < 0 || (good == 1) == (issues == 0));
	WR_ASSERT(strict != 1 || full == 1);
	WR_ASSERT(full != 1 || good == 1);
	int differences = weir_schema_diff(old, next, look, &told);
	WR_ASSERT(differences < 0 || differences == told);
}

/* What comes out is a datum of the reader's, and stays the same when it is read again. */
static void check_data(const struct weir_schema *writer, const struct weir_schema *reader,
		       const uint8_t *data, size_t bytes)
{
	uint8_t out[512];
	char json[512];
	size_t n, json_bytes;
	struct weir_resolver *resolver = NULL;
	struct weir_problem problem = {0};

	if (weir_resolver_create(writer, reader, &resolver, &problem) != 0)
		return;
	uint8_t *copy = malloc(bytes + (bytes == 0));
	WR_ASSERT(copy != NULL);
	if (bytes > 0)
		memcpy(copy, data, bytes);
	int code = weir_resolve(resolver, copy, bytes, out, sizeof out, &n, &problem);
	if (code == 0) {
		WR_ASSERT(!weir_resolver_is_identity(resolver) ||
			  (n == bytes && memcmp(out, copy, n) == 0));
		code = weir_schema_to_json(reader, out, n, 0, json, sizeof json, &json_bytes,
					   &problem);
		WR_ASSERT(code == 0 || code == -ENOBUFS || code == WEIR_E_TOO_BIG ||
			  strstr(problem.text, "UTF-8") != NULL);
	}
	free(copy);
	weir_resolver_free(resolver);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	const uint8_t *at = bytes;
	size_t left = length_bytes;
	struct weir_schema *loose = take(&at, &left, WEIR_SCHEMA_ANY_DEFAULT);

	at = bytes;
	left = length_bytes;
	struct weir_schema *first = take(&at, &left, 0);
	struct weir_schema *second = take(&at, &left, 0);
	WR_ASSERT(first == NULL || loose != NULL);
	if (loose != NULL)
		check_canonical(loose);
	if (first != NULL && second != NULL) {
		check_pair(first, second);
		check_pair(second, first);
		check_data(first, second, at, left);
	}
	if (first != NULL)
		check_data(first, first, at, left);
	weir_schema_free(loose);
	weir_schema_free(first);
	weir_schema_free(second);
	return 0;
}
