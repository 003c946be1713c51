/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   JSON Schemas and payloads out of hostile text: nothing is read out of bounds or takes for
 *         ever; what is taken has a canonical form that is its own; whoever is told compatible has
 *         no issue; what a schema takes another one takes that reads it, where the rules promise it
 *         (a schema reads itself).
 * Method: the input is two schemas and a payload with a byte 0 between them. Replayed by replay.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weir/schema.h>

#include "core/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

/* Up to the next 0, in a block of its own size: nothing must read on. */
static char *take(const uint8_t **at, size_t *left, size_t *ret_bytes)
{
	const uint8_t *end = *left > 0 ? memchr(*at, 0, *left) : NULL;
	size_t bytes = end != NULL ? (size_t)(end - *at) : *left;
	char *text = malloc(bytes + (bytes == 0));
	WR_ASSERT(text != NULL);
	if (bytes > 0)
		memcpy(text, *at, bytes);
	*at += bytes + (end != NULL ? 1 : 0);
	*left -= bytes + (end != NULL ? 1 : 0);
	*ret_bytes = bytes;
	return text;
}

static struct weir_schema *take_schema(const uint8_t **at, size_t *left)
{
	struct weir_schema *schema = NULL;
	struct weir_problem problem = {0};
	size_t bytes;
	char *text = take(at, left, &bytes);
	int code = weir_schema_parse(text, bytes, WEIR_SCHEMA_JSON, NULL, &schema, &problem);
	WR_ASSERT(code == 0 ||
		  (problem.code == code && strlen(problem.text) > 10 && strlen(problem.field) > 0));
	free(text);
	return schema;
}

static void check_canonical(const struct weir_schema *schema)
{
	size_t bytes = weir_schema_canonical(schema, NULL, 0);
	struct weir_schema *again = NULL;
	char *text = malloc(2 * bytes);
	WR_ASSERT(text != NULL && weir_schema_canonical(schema, text, bytes) == bytes);
	/* Without $schema it is draft 7: what only 2020-12 has is then refused. */
	if (weir_schema_parse(text, bytes, WEIR_SCHEMA_JSON, NULL, &again, NULL) == 0) {
		WR_ASSERT(weir_schema_canonical(again, text + bytes, bytes) == bytes);
		WR_ASSERT(memcmp(text, text + bytes, bytes) == 0);
		WR_ASSERT(weir_schema_fingerprint(schema) == weir_schema_fingerprint(again));
		weir_schema_free(again);
	}
	free(text);
}

static void count(void *context, const struct weir_schema_issue *issue)
{
	WR_ASSERT(issue->path[0] == '/' || strncmp(issue->path, "...", 3) == 0);
	WR_ASSERT(weir_schema_issue_name(issue->kind)[0] != '\0' && issue->fix[0] != '\0');
	(*(uint32_t *)context)++;
}

static void look(void *context, const struct weir_schema_difference *difference)
{
	WR_ASSERT(difference->path[0] == '/');
	(*(int *)context)++;
}

static void check_pair(const struct weir_schema *old, const struct weir_schema *next)
{
	uint32_t issues = 0;
	int told = 0;
	int good = weir_schema_can_read(next, old, count, &issues);
	int full = weir_schema_may_follow(next, &old, 1, WEIR_SCHEMA_FULL, NULL, NULL);
	WR_ASSERT(good < 0 || (good == 1) == (issues == 0));
	WR_ASSERT(full != 1 || good == 1);
	int differences = weir_schema_diff(old, next, look, &told);
	WR_ASSERT(differences < 0 || differences == told);
}

static int check_payload(const struct weir_schema *schema, const char *data, size_t bytes)
{
	struct weir_problem problem = {0};
	int code = weir_schema_validate(schema, data, bytes, &problem);
	WR_ASSERT(code == 0 || code == -EINVAL || code == WEIR_E_TOO_BIG);
	WR_ASSERT(code == 0 ||
		  (problem.code == code && problem.field[0] == '/' && strlen(problem.text) > 10));
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	const uint8_t *at = bytes;
	size_t left = length_bytes, data_bytes;
	struct weir_schema *first = take_schema(&at, &left);
	struct weir_schema *second = take_schema(&at, &left);
	char *data = take(&at, &left, &data_bytes);
	if (first != NULL) {
		check_canonical(first);
		WR_ASSERT(weir_schema_can_read(first, first, NULL, NULL) != 0);
		(void)check_payload(first, data, data_bytes);
	}
	if (second != NULL)
		(void)check_payload(second, data, data_bytes);
	if (first != NULL && second != NULL) {
		check_pair(first, second);
		check_pair(second, first);
	}
	weir_schema_free(first);
	weir_schema_free(second);
	free(data);
	return 0;
}
