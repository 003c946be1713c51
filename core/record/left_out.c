/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/left_out.h"

#include <string.h>

#include "core/base/crc32c.h"
#include "core/base/crc32c_balance.h"

void wr_left_out_put(struct wr_record *r, enum wr_left_out why)
{
	uint32_t stride = wr_record_stride(r->bytes);
	struct wr_record stated = {
		.bytes = stride,
		.topic = r->topic,
		.time_delta_us = r->time_delta_us,
		.kind = WR_KIND_LEFT_OUT,
		.flags = (uint8_t)why,
	};

	memset(r, 0, stride);
	*r = stated;
}

/* The bytes of the run that begins here, and how many records it has. */
static uint32_t run_of(const uint8_t *body, uint32_t at, uint32_t body_bytes, uint32_t *ret_count)
{
	const struct wr_record *first = (const void *)(body + at);
	uint32_t end = at + wr_record_stride(first->bytes);

	*ret_count = 1;
	while (end < body_bytes) {
		const struct wr_record *next = (const void *)(body + end);
		if (!wr_left_out_goes_on(first, next))
			break;
		end += wr_record_stride(next->bytes);
		(*ret_count)++;
	}
	return end - at;
}

static void shape(uint8_t *run, uint32_t bytes, uint32_t count)
{
	struct wr_record head;

	memcpy(&head, run, sizeof head);
	head.key_hash = 0;
	head.bytes = WR_RECORD_HEAD_BYTES;
	memset(run, 0, bytes);
	for (uint32_t i = 0; i < count; i++) {
		if (i + 1 == count)
			head.bytes = bytes - i * WR_RECORD_HEAD_BYTES;
		memcpy(run + i * WR_RECORD_HEAD_BYTES, &head, sizeof head);
	}
}

bool wr_left_out_settle(void *batch, const uint8_t uuid[WR_UUID_BYTES])
{
	const struct wr_batch_header *h = batch;
	uint8_t *body = (uint8_t *)batch + WR_BATCH_HEADER_BYTES;
	uint32_t behind = h->batch_bytes - WR_BATCH_HEADER_BYTES;
	struct wr_record *first = NULL;
	uint32_t count;

	for (uint32_t at = 0; at < h->body_bytes;) {
		struct wr_record *r = (void *)(body + at);
		uint32_t bytes = wr_record_stride(r->bytes);
		if (r->kind == WR_KIND_LEFT_OUT) {
			bytes = run_of(body, at, h->body_bytes, &count);
			shape(body + at, bytes, count);
			first = first == NULL ? r : first;
		}
		at += bytes;
	}
	if (first == NULL)
		return false;
	uint32_t sum = wr_crc32c(wr_batch_seed(uuid, h->segment_id), body, behind);
	behind -= (uint32_t)((uint8_t *)&first->key_hash - body) + (uint32_t)sizeof first->key_hash;
	first->key_hash = wr_crc32c_balance(sum ^ h->body_crc, behind);
	return true;
}

uint32_t wr_left_out_count(const void *batch)
{
	const struct wr_batch_header *h = batch;
	const uint8_t *body = (const uint8_t *)batch + WR_BATCH_HEADER_BYTES;
	uint32_t count = 0;

	for (uint32_t at = 0; at < h->body_bytes;) {
		const struct wr_record *r = (const void *)(body + at);
		count += r->kind == WR_KIND_LEFT_OUT;
		at += wr_record_stride(r->bytes);
	}
	return count;
}
