/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   hostile events never crash a matcher of many rules, make it hang or read out of bounds;
 *         and it wants what each rule's filter by itself wants.
 * Method: rules of every kind and operator, some with beginnings and ends of one another, in one
 *         matcher that is made once. The input is the payload, the key and the text of headers, in
 *         a block of its own length. Where a filter does not take it for JSON, the matcher is
 *         asked for nothing but to come back. Replayed by replay.c.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weir/route.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

#define PAYLOAD_BYTES_MAX 8192u

static const char *const patterns[] = {
	"{\"a\":[\"x\"]}",
	"{\"a\":[\"https://a.test/users/1\"],\"b\":[1]}",
	"{\"a\":[{\"prefix\":\"\"}]}",
	"{\"a\":[{\"prefix\":\"h\"}]}",
	"{\"a\":[{\"prefix\":\"https://\"}]}",
	"{\"a\":[{\"prefix\":\"https://a.test/\"}]}",
	"{\"a\":[{\"prefix\":\"https://a.test/users/\"}],\"c\":[{\"exists\":false}]}",
	"{\"a\":[{\"prefix\":\"https://b\"},{\"suffix\":\"/1\"}]}",
	"{\"a\":[{\"suffix\":\"1\"}]}",
	"{\"a\":[{\"suffix\":\"users/1\"}]}",
	"{\"a\":[{\"suffix\":\"/users/1\"}]}",
	"{\"a\":[{\"suffix\":{\"equals-ignore-case\":\"/USERS/1\"}}]}",
	"{\"a\":[{\"prefix\":{\"equals-ignore-case\":\"HTTPS\"}}]}",
	"{\"a\":[{\"equals-ignore-case\":\"x\"}],\"b\":[{\"numeric\":[\">\",0]}]}",
	"{\"a\":[{\"wildcard\":\"h*/*1\"}]}",
	"{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}",
	"{\"b\":[0,1,1.5,-1]}",
	"{\"b\":[{\"numeric\":[\">=\",1,\"<\",100]}]}",
	"{\"b\":[{\"numeric\":[\"<=\",1]}]}",
	"{\"b\":[{\"numeric\":[\">\",-5,\"<\",1e9]}],\"a\":[\"x\",\"y\"]}",
	"{\"b\":[true,null]}",
	"{\"b\":[1e400]}",
	"{\"c\":{\"d\":[\"x\"],\"e\":[\"y\"]}}",
	"{\"c\":{\"d\":[\"x\"],\"e\":[{\"exists\":false}]}}",
	"{\"c\":{\"d\":[{\"prefix\":\"x\"}]},\"c.e\":[\"y\",2]}",
	"{\"$or\":[{\"a\":[\"x\"]},{\"c.d\":[\"x\"]}],\"b\":[1]}",
	"{\"a name of more than sixteen\":[1],\"a name of more than sixteem\":[2]}",
	"{\"a\":[{\"cidr\":\"10.0.0.0/8\"},{\"cidr\":\"::/64\"}]}",
	"{\"a\":[\"10.0.0.1\",\"::1\"]}",
	"{\"zz\":[{\"exists\":false}]}",
};

static struct weir_filter *filters[WR_ARRAY_COUNT(patterns) + 3];
static struct weir_match *match;

static void prepare(void)
{
	const size_t count = WR_ARRAY_COUNT(patterns);
	struct weir_matcher *matcher = NULL;
	if (match != NULL)
		return;
	for (size_t i = 0; i < count; i++)
		WR_ASSERT(weir_filter_create(WEIR_FILTER_EVENTBRIDGE, patterns[i],
					     strlen(patterns[i]), NULL, &filters[i], NULL) == 0);
	WR_ASSERT(weir_filter_create(WEIR_FILTER_TOPIC, "a.#.*.x", 7, NULL, &filters[count],
				     NULL) == 0);
	WR_ASSERT(weir_filter_create(WEIR_FILTER_SNS_ATTRIBUTES,
				     "{\"t\":[\"x\",{\"prefix\":\"https://\"}]}", 33, NULL,
				     &filters[count + 1], NULL) == 0);
	WR_ASSERT(weir_filter_create(WEIR_FILTER_HEADERS, "{\"t\":\"x\",\"x-match\":\"any\"}", 25,
				     NULL, &filters[count + 2], NULL) == 0);
	WR_ASSERT(weir_matcher_create((const struct weir_filter *const *)filters, count + 3, NULL,
				      &matcher, NULL) == 0);
	WR_ASSERT(weir_match_create(matcher, PAYLOAD_BYTES_MAX, NULL, &match, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	uint32_t rules[WR_ARRAY_COUNT(filters)];
	bool wanted[WR_ARRAY_COUNT(filters)] = {false};
	prepare();
	if (length_bytes > PAYLOAD_BYTES_MAX)
		return 0;
	char *text = malloc(length_bytes + (length_bytes == 0));
	WR_ASSERT(text != NULL);
	if (length_bytes > 0)
		memcpy(text, bytes, length_bytes);
	const struct weir_typed_header header = {.name = "t",
						 .name_bytes = 1,
						 .kind = WEIR_VALUE_TEXT,
						 .value = text,
						 .value_bytes = length_bytes};
	const struct weir_routed event = {.key = text,
					  .key_bytes = length_bytes,
					  .payload = text,
					  .payload_bytes = length_bytes,
					  .headers = &header,
					  .header_count = 1};
	int count = weir_match_run(match, &event, rules, WR_ARRAY_COUNT(rules));
	WR_ASSERT(count <= (int)WR_ARRAY_COUNT(rules));
	for (int i = 0; i < count; i++) {
		WR_ASSERT(rules[i] < WR_ARRAY_COUNT(filters) && !wanted[rules[i]]);
		wanted[rules[i]] = true;
	}
	for (size_t i = 0; i < WR_ARRAY_COUNT(filters) && count >= 0; i++) {
		int alone = weir_filter_match(filters[i], &event, NULL);
		WR_ASSERT(alone < 0 || (alone > 0) == wanted[i]);
	}
	free(text);
	return 0;
}
