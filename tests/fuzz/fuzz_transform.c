/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   hostile transformers and payloads never crash, hang or read out of bounds; and whatever
 *         comes out is JSON, never more than the room that there is.
 * Method: a transformer up to a byte 0, then the payload, which is the event's key, too. Each in a
 *         block of its own length. What comes out is read by the strict reader, and made again in
 *         just the room that it takes, and in one byte less. Replayed by replay.c.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weir/transform.h>

#include "core/base/assert.h"
#include "core/json/json_read.h"

#define ROOM (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

static void check_json(const uint8_t *text, size_t bytes)
{
	struct wr_json j;
	wr_json_init(&j, text, bytes, WR_JSON_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END)
		/* A value within values may lie deeper than either did. */
		if (j.token == WR_JSON_BAD && j.error == WR_JSON_E_DEPTH)
			return;
		else
			WR_ASSERT(j.token != WR_JSON_BAD);
}

static void run(const struct weir_transform *transform, const uint8_t *payload, size_t bytes)
{
	static uint8_t room[ROOM];
	struct weir_problem problem = {0};
	const struct weir_transform_event event = {
		.payload = payload,
		.payload_bytes = bytes,
		.key = payload,
		.key_bytes = bytes,
		.topic = "topic",
		.subscription = "subscription",
		.append_time_us = UINT64_MAX,
	};
	int64_t made = weir_transform_run(transform, &event, room, sizeof room, &problem);
	WR_ASSERT(made > 0 || (made == problem.code && problem.text[0] != '\0'));
	if (made <= 0)
		return;
	check_json(room, (size_t)made);
	uint8_t *exact = malloc((size_t)made);
	WR_ASSERT(exact != NULL);
	WR_ASSERT(weir_transform_run(transform, &event, exact, (size_t)made, NULL) == made);
	WR_ASSERT(memcmp(exact, room, (size_t)made) == 0);
	WR_ASSERT(weir_transform_run(transform, &event, exact, (size_t)made - 1, NULL) ==
		  WEIR_E_TOO_BIG);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	struct weir_transform *transform = NULL;
	struct weir_problem problem = {0};
	const uint8_t *end = length_bytes > 0 ? memchr(bytes, 0, length_bytes) : NULL;
	size_t text_bytes = end != NULL ? (size_t)(end - bytes) : length_bytes;
	size_t payload_bytes = end != NULL ? length_bytes - text_bytes - 1 : 0;
	uint8_t *text = malloc(text_bytes + (text_bytes == 0));
	uint8_t *payload = malloc(payload_bytes + (payload_bytes == 0));
	WR_ASSERT(text != NULL && payload != NULL);
	if (text_bytes > 0)
		memcpy(text, bytes, text_bytes);
	if (payload_bytes > 0)
		memcpy(payload, end + 1, payload_bytes);
	int rc = weir_transform_create(text, text_bytes, NULL, &transform, &problem);
	free(text);
	WR_ASSERT(rc == 0 || (problem.code == rc && problem.text[0] != '\0'));
	if (rc == 0)
		run(transform, payload, payload_bytes);
	weir_transform_destroy(transform);
	free(payload);
	return 0;
}
