/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/sparse.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/record/left_out.h"

/* One that the type of a head can count. */
#define RUN_MAX (UINT16_MAX + 1u)

static uint32_t run_of(const uint8_t *body, uint32_t at, uint32_t body_bytes, uint32_t *ret_count)
{
	const struct wr_record *first = (const void *)(body + at);
	uint32_t end = at + first->bytes;

	*ret_count = 1;
	/* As wr_left_out_settle() shapes them: who is not the last has no more than its head. */
	while (end < body_bytes && *ret_count < RUN_MAX &&
	       end - at == *ret_count * WR_RECORD_HEAD_BYTES) {
		const struct wr_record *next = (const void *)(body + end);
		if (!wr_left_out_goes_on(first, next) || next->key_hash != 0 ||
		    next->time_delta_us != first->time_delta_us)
			break;
		end += next->bytes;
		(*ret_count)++;
	}
	return end - at;
}

uint32_t wr_sparse_fold(const void *batch, uint8_t *to)
{
	const struct wr_batch_header *h = batch;
	const uint8_t *body = (const uint8_t *)batch + WR_BATCH_HEADER_BYTES;
	uint32_t used = WR_BATCH_HEADER_BYTES, count;

	memcpy(to, h, WR_BATCH_HEADER_BYTES);
	for (uint32_t at = 0; at < h->body_bytes;) {
		struct wr_record head;
		memcpy(&head, body + at, sizeof head);
		uint32_t stride = wr_record_stride(head.bytes);
		if (head.kind == WR_KIND_LEFT_OUT) {
			stride = run_of(body, at, h->body_bytes, &count);
			head.bytes = stride;
			head.type = (uint16_t)(count - 1);
			memcpy(to + used, &head, sizeof head);
			used += WR_RECORD_HEAD_BYTES;
		} else {
			memcpy(to + used, body + at, stride);
			used += stride;
		}
		at += stride;
	}
	return used;
}

static bool unfold_run(const struct wr_record *run, uint8_t *to, uint32_t room)
{
	uint32_t count = run->type + 1u;
	struct wr_record head = *run;

	head.type = 0;
	if (run->bytes > room || !wr_left_out_is_sound(&head) ||
	    run->bytes < count * WR_RECORD_HEAD_BYTES)
		return false;
	memset(to, 0, run->bytes);
	for (uint32_t i = 0; i < count; i++) {
		head.bytes = i + 1 < count ? WR_RECORD_HEAD_BYTES
					   : run->bytes - i * WR_RECORD_HEAD_BYTES;
		memcpy(to + i * WR_RECORD_HEAD_BYTES, &head, sizeof head);
		head.key_hash = 0;
	}
	return true;
}

uint32_t wr_sparse_unfold(const struct wr_batch_header *h, const uint8_t *from, uint32_t from_bytes,
			  uint8_t *body)
{
	uint32_t used = 0;

	for (uint32_t at = 0; at < h->body_bytes;) {
		struct wr_record head;
		uint32_t room = h->body_bytes - at;
		if (from_bytes - used < sizeof head)
			return 0;
		memcpy(&head, from + used, sizeof head);
		if (head.kind == WR_KIND_LEFT_OUT) {
			if (!unfold_run(&head, body + at, room))
				return 0;
			used += WR_RECORD_HEAD_BYTES;
			at += head.bytes;
			continue;
		}
		uint64_t stride = wr_round_up((uint64_t)head.bytes, WR_RECORD_ALIGN);
		if (head.bytes < WR_RECORD_HEAD_BYTES || stride > room ||
		    stride > from_bytes - used)
			return 0;
		memcpy(body + at, from + used, stride);
		used += (uint32_t)stride;
		at += (uint32_t)stride;
	}
	return used;
}
