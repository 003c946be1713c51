/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared lane (L12): for threads that publish seldom and have no lane of their own. They hand
 * over finished copies: a buffer from a bounded pool is filled by one thread alone and then pushed
 * with one CAS, so that there is no half-made state for anybody to trip over. No claims, no runs.
 *
 *   free list    SH1: a stack; its head is {count of pops, index}, so that a pop that was overtaken
 *                fails (ABA)
 *   ready list   SH2: a stack that the writer takes whole by one exchange and turns around; the
 *                release of the push pairs with its acquire: the copy is complete
 *   state        SH3: FILLED → DONE by the writer (release: the outcome is there), or → ABANDONED
 *                by a caller that did not want to wait any longer; who comes second frees it
 *
 * The writer copies ready buffers into a lane of its own, from which they go the way of all runs.
 */
#ifndef WR_LOG_SHARED_H
#define WR_LOG_SHARED_H

#include "core/log/lane.h"

enum wr_shared_state {
	WR_SHARED_FREE = 0,
	WR_SHARED_FILLED = 1,
	WR_SHARED_DONE = 2,
	WR_SHARED_ABANDONED = 3,
};

struct wr_shared_buffer {
	WR_LINE_ALIGNED wr_atomic_u32 state; /* SH3 */
	wr_atomic_u32 next;                  /* index + 1 in the list that it is in; 0: the last */
	uint32_t stride;
	struct wr_reply reply; /* the outcome */
	uint8_t *bytes;
};

struct wr_shared {
	WR_LINE_ALIGNED wr_atomic_u64 free;  /* SH1: pops << 32 | index + 1 */
	WR_LINE_ALIGNED wr_atomic_u32 ready; /* SH2: index + 1 */
	WR_LINE_ALIGNED struct wr_shared_buffer *buffers;
	uint32_t buffer_count;
	uint32_t buffer_bytes;
	struct wr_lane *lane; /* the writer's; both its sides are the writer's */
	/* The writer's: what it took and has not copied yet, and what is in the lane, in order. */
	uint32_t *taken;
	uint32_t taken_head, taken_tail; /* free-running, buffer_count is a power of two */
	uint32_t in_lane;                /* of those before taken_head */
	uint8_t *block;
};

size_t wr_shared_bytes(uint32_t buffer_count, uint32_t buffer_bytes);
int wr_shared_init(struct wr_shared *s, struct wr_memory *memory, struct wr_lane *lane,
		   uint32_t buffer_count, uint32_t buffer_bytes);
void wr_shared_fini(struct wr_shared *s, struct wr_memory *memory);

/* ---- any thread ---- */

/* A buffer, or NULL when all are in use. */
struct wr_shared_buffer *wr_shared_take(struct wr_shared *s);
/* Never pushed after all. */
void wr_shared_give(struct wr_shared *s, struct wr_shared_buffer *buffer);
/* `stride` bytes of it are a record: hands it over, and wakes the writer. */
void wr_shared_push(struct wr_shared *s, struct wr_shared_buffer *buffer, uint32_t stride);
/* Whether the writer is done with it; the outcome then. */
static inline bool wr_shared_is_done(struct wr_shared_buffer *buffer)
{
	return wr_load_seq(&buffer->state) == WR_SHARED_DONE; /* SH3 */
}
/* The caller is done with it, before or after the writer. */
void wr_shared_leave(struct wr_shared *s, struct wr_shared_buffer *buffer);

/* ---- writer ---- */

/* Before a round: ready buffers into the lane, as far as there is room. */
void wr_shared_feed(struct wr_shared *s);
/* After it: outcomes to their buffers. How many. */
uint32_t wr_shared_answer(struct wr_shared *s);

#endif
