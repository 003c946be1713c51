/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of shared subscriptions (core/record/share.h), in tests: the whole record at `to`,
 * which stands on eight; its bytes.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_SHARE_RECORDS_H
#define WR_TESTS_SHARE_RECORDS_H

#include "core/record/share.h"

/* head->count of `events`. */
static inline uint32_t share_write_mark(uint8_t *to, uint32_t subscription,
					const struct wr_mark_head *head,
					const struct wr_mark_event *events)
{
	uint8_t *at = to + WR_RECORD_HEAD_BYTES + sizeof *head;
	uint64_t next = head->from;
	for (uint32_t i = 0; i < head->count; i++) {
		at += wr_mark_put(at, next, &events[i], head);
		next = events[i].seq + 1;
	}
	memset(at, 0, 8);
	wr_control_write(to, WR_KIND_HANDOUT_MARK, subscription, 0, NULL, 0, head, sizeof *head);
	((struct wr_record *)to)->bytes = (uint32_t)(at - to);
	return (uint32_t)(at - to);
}

/* In the order of the log; the first run's first event is the base. */
static inline uint32_t share_write_settle(uint8_t *to, uint32_t subscription,
					  const struct wr_settle_run *runs, uint32_t count)
{
	struct wr_settle_head head = {.base = runs[0].first, .count = count};
	uint8_t *at = to + WR_RECORD_HEAD_BYTES + sizeof head;
	uint64_t next = head.base;
	for (uint32_t i = 0; i < count; i++) {
		at += wr_settle_put(at, next, &runs[i]);
		next = runs[i].last + 1;
	}
	memset(at, 0, 8);
	wr_control_write(to, WR_KIND_SETTLE, subscription, 0, NULL, 0, &head, sizeof head);
	((struct wr_record *)to)->bytes = (uint32_t)(at - to);
	return (uint32_t)(at - to);
}

static inline uint32_t share_write_reject(uint8_t *to, uint32_t subscription,
					  const struct wr_reject *reject)
{
	wr_control_write(to, WR_KIND_REJECT, subscription, 0, NULL, 0, reject, sizeof *reject);
	return ((struct wr_record *)to)->bytes;
}

#endif
