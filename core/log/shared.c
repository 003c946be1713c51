/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/shared.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/assert.h"
#include "core/base/probe.h"

size_t wr_shared_bytes(uint32_t buffer_count, uint32_t buffer_bytes)
{
	size_t bytes = wr_round_up(buffer_count * sizeof(struct wr_shared_buffer), WR_LINE_BYTES) +
		       buffer_count * sizeof(uint32_t) + (size_t)buffer_count * buffer_bytes +
		       WR_LINE_BYTES;
	return wr_round_up(bytes, WR_PAYLOAD_ALIGN);
}

int wr_shared_init(struct wr_shared *s, struct wr_memory *memory, struct wr_lane *lane,
		   uint32_t buffer_count, uint32_t buffer_bytes)
{
	WR_ASSERT(wr_is_power_of_two(buffer_count) && buffer_bytes % WR_RECORD_ALIGN == 0);
	*s = (struct wr_shared){
		.buffer_count = buffer_count, .buffer_bytes = buffer_bytes, .lane = lane};
	s->block = wr_memory_alloc_payload(memory, wr_shared_bytes(buffer_count, buffer_bytes));
	if (s->block == NULL)
		return -ENOMEM;
	size_t head = (size_t)wr_round_up(buffer_count * sizeof *s->buffers, WR_LINE_BYTES);
	size_t table = (size_t)wr_round_up(buffer_count * sizeof *s->taken, WR_LINE_BYTES);
	s->buffers = (struct wr_shared_buffer *)s->block;
	s->taken = (uint32_t *)(s->block + head);
	for (uint32_t i = 0; i < buffer_count; i++) {
		s->buffers[i].bytes = s->block + head + table + (size_t)i * buffer_bytes;
		wr_store_relaxed(&s->buffers[i].next, i + 1 < buffer_count ? i + 2 : 0);
	}
	wr_store_relaxed(&s->free, 1u);
	return 0;
}

void wr_shared_fini(struct wr_shared *s, struct wr_memory *memory)
{
	wr_memory_free_payload(memory, s->block, wr_shared_bytes(s->buffer_count, s->buffer_bytes));
	s->block = NULL;
}

struct wr_shared_buffer *wr_shared_take(struct wr_shared *s)
{
	/* SH1; seq_cst: who announced that it sleeps for a buffer looks here once more */
	uint64_t head = wr_load_seq(&s->free);
	for (;;) {
		uint32_t index = (uint32_t)head;
		if (index == 0)
			return NULL;
		struct wr_shared_buffer *buffer = &s->buffers[index - 1];
		uint64_t next = ((head >> 32) + 1) << 32 | wr_load_relaxed(&buffer->next);
		if (wr_cas_weak_acq_rel(&s->free, &head, next)) /* SH1 */
			return buffer;
	}
}

void wr_shared_give(struct wr_shared *s, struct wr_shared_buffer *buffer)
{
	uint32_t index = (uint32_t)(buffer - s->buffers) + 1;
	uint64_t head = wr_load_acquire(&s->free); /* SH1 */
	wr_store_relaxed(&buffer->state, (uint32_t)WR_SHARED_FREE);
	do
		wr_store_relaxed(&buffer->next, (uint32_t)head);
	while (!wr_cas_seq(&s->free, &head, (head & ~0xffffffffull) | index)); /* SH1 */
	wr_park_notify(&s->lane->parker); /* who waits for a buffer */
}

void wr_shared_push(struct wr_shared *s, struct wr_shared_buffer *buffer, uint32_t stride)
{
	uint32_t index = (uint32_t)(buffer - s->buffers) + 1;
	buffer->stride = stride;
	wr_store_relaxed(&buffer->state, (uint32_t)WR_SHARED_FILLED);
	uint32_t head = wr_load_relaxed(&s->ready);
	/* SH2; seq_cst: a sleeping writer relies on it. */
	do
		wr_store_relaxed(&buffer->next, head);
	while (!wr_cas_seq(&s->ready, &head, index));
	wr_park_notify(s->lane->writer_parker);
}

void wr_shared_leave(struct wr_shared *s, struct wr_shared_buffer *buffer)
{
	uint32_t filled = WR_SHARED_FILLED;
	if (!wr_cas_acq_rel(&buffer->state, &filled, (uint32_t)WR_SHARED_ABANDONED)) /* SH3 */
		wr_shared_give(s, buffer);
}

/* The ready list comes newest first: turned around behind what was taken before. */
static void take_ready(struct wr_shared *s)
{
	if (wr_load_seq(&s->ready) == 0) /* SH2: the writer's look before it sleeps */
		return;
	uint32_t index = wr_exchange_acq_rel(&s->ready, 0u); /* SH2 */
	uint32_t count = 0;
	for (uint32_t i = index; i != 0; i = wr_load_relaxed(&s->buffers[i - 1].next))
		count++;
	uint32_t mask = s->buffer_count - 1;
	uint32_t at = s->taken_tail + count;
	for (; index != 0; index = wr_load_relaxed(&s->buffers[index - 1].next))
		s->taken[--at & mask] = index - 1;
	s->taken_tail += count;
}

void wr_shared_feed(struct wr_shared *s)
{
	bool any = false;
	take_ready(s);
	while (!s->lane->poisoned && s->taken_head + s->in_lane != s->taken_tail) {
		uint32_t at = (s->taken_head + s->in_lane) & (s->buffer_count - 1);
		struct wr_shared_buffer *buffer = &s->buffers[s->taken[at]];
		void *to = wr_lane_claim(s->lane, buffer->stride);
		if (to == NULL)
			break;
		memcpy(to, buffer->bytes, buffer->stride);
		((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
		uint64_t ticket = wr_lane_append(s->lane, buffer->stride);
		WR_PROBE3(publish, (uintptr_t)s->lane, ticket, buffer->stride);
		s->in_lane++;
		any = true;
	}
	if (any)
		wr_store_release(&s->lane->tail, s->lane->write_at); /* A1: to ourselves */
}

/* The outcome of the oldest buffer that was taken. */
static void finish_oldest(struct wr_shared *s, const struct wr_reply *reply)
{
	struct wr_shared_buffer *buffer =
		&s->buffers[s->taken[s->taken_head & (s->buffer_count - 1)]];
	uint32_t filled = WR_SHARED_FILLED;
	buffer->reply = *reply;
	s->taken_head++;
	if (!wr_cas_seq(&buffer->state, &filled, (uint32_t)WR_SHARED_DONE)) /* SH3 */
		wr_shared_give(s, buffer);                                  /* abandoned */
}

uint32_t wr_shared_answer(struct wr_shared *s)
{
	uint32_t count = 0;
	const struct wr_reply *reply;
	for (; s->in_lane > 0 && (reply = wr_lane_reply_peek(s->lane)) != NULL; count++) {
		finish_oldest(s, reply);
		wr_lane_reply_take(s->lane);
		s->in_lane--;
	}
	/* Bytes in the lane that nobody wrote (L5): all who wait, and all who come, are told. */
	const struct wr_reply poisoned = {.code = WEIR_E_POISONED};
	for (; s->lane->poisoned && s->taken_head != s->taken_tail; count++) {
		finish_oldest(s, &poisoned);
		s->in_lane = 0;
	}
	if (count > 0)
		wr_park_notify(&s->lane->parker);
	return count;
}
