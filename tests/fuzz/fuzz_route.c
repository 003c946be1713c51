/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   hostile patterns and events never crash, hang or read out of bounds; and a matcher says
 *         of an event what the filter by itself says.
 * Method: the first byte is the kind; then the pattern, up to a byte 0, and the event. Each in a
 *         block of its own length. The matcher is asked as it is, and as a large one is. Where the
 *         filter takes the event for JSON, its answer and the matcher's have to be one; where it
 *         does not, the matcher must not want it, or be right that the damage is under a name that
 *         nobody asked for. Replayed by replay.c.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weir/route.h>

#include "core/base/assert.h"
#include "core/route/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

/* The event as everything that it may be. */
static struct weir_routed routed_of(const char *text, size_t bytes,
				    struct weir_typed_header headers[3])
{
	headers[0] = (struct weir_typed_header){.name = "a",
						.name_bytes = 1,
						.kind = WEIR_VALUE_JSON,
						.value = text,
						.value_bytes = bytes};
	headers[1] = (struct weir_typed_header){.name = "b",
						.name_bytes = 1,
						.kind = WEIR_VALUE_TEXT,
						.value = text,
						.value_bytes = bytes};
	headers[2] = (struct weir_typed_header){
		.name = text, .name_bytes = bytes, .kind = WEIR_VALUE_INTEGER, .integer = 5};
	return (struct weir_routed){.key = text,
				    .key_bytes = bytes,
				    .payload = text,
				    .payload_bytes = bytes,
				    .headers = headers,
				    .header_count = 3};
}

static void count_leaf(void *context, const struct weir_leaf *leaf)
{
	*(size_t *)context += leaf->path_bytes + leaf->condition_bytes + leaf->value_bytes;
	WR_ASSERT(leaf->verdict >= WEIR_LEAF_MATCHED && leaf->verdict <= WEIR_LEAF_APART);
}

static void match(const struct weir_filter *filter, const struct weir_routed *event)
{
	struct weir_problem problem = {0};
	struct weir_matcher *matcher = NULL;
	struct weir_match *one = NULL;
	uint32_t rules[2] = {9, 9};
	size_t told = 0;
	const struct weir_filter *const filters[] = {NULL, filter};
	int alone = weir_filter_match(filter, event, &problem);
	WR_ASSERT(weir_filter_explain(filter, event, count_leaf, &told, NULL) == alone);
	WR_ASSERT(alone >= 0 || problem.code == alone);
	if (weir_matcher_create(filters, 2, NULL, &matcher, &problem) != 0 ||
	    weir_match_create(matcher, event->payload_bytes + 64, NULL, &one, &problem) != 0)
		abort();
	int together = weir_match_run(one, event, rules, 2);
	WR_ASSERT(together <= 1 && (together <= 0 || rules[0] == 1));
	if (alone >= 0 && together >= 0 && weir_filter_kind_of(filter) != WEIR_FILTER_SNS_BODY)
		WR_ASSERT(alone == together);
	weir_match_destroy(one);
	weir_matcher_destroy(matcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	struct weir_filter *filter = NULL;
	struct weir_problem problem = {0};
	struct weir_typed_header headers[3];
	if (length_bytes < 1)
		return 0;
	enum weir_filter_kind kind = bytes[0] == 0xff   ? WEIR_FILTER_HASH
				     : bytes[0] == 0xfe ? WEIR_FILTER_EVENTBRIDGE_HEADERS
							: (enum weir_filter_kind)(1 + bytes[0] % 7);
	const uint8_t *end = memchr(bytes + 1, 0, length_bytes - 1);
	size_t pattern_bytes = end != NULL ? (size_t)(end - bytes - 1) : length_bytes - 1;
	size_t event_bytes = end != NULL ? length_bytes - pattern_bytes - 2 : 0;
	char *pattern = malloc(pattern_bytes + (pattern_bytes == 0));
	char *event = malloc(event_bytes + (event_bytes == 0));
	WR_ASSERT(pattern != NULL && event != NULL);
	memcpy(pattern, bytes + 1, pattern_bytes);
	if (event_bytes > 0)
		memcpy(event, end + 1, event_bytes);
	int rc = weir_filter_create(kind, pattern, pattern_bytes, NULL, &filter, &problem);
	free(pattern);
	WR_ASSERT(rc == 0 || (problem.code == rc && problem.text[0] != '\0'));
	if (rc == 0) {
		struct weir_routed routed = routed_of(event, event_bytes, headers);
		match(filter, &routed);
		weir_filter_destroy(filter);
	}
	free(event);
	return 0;
}
