/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in front of a run of several records in a lane (lane.h): a record's head of kind
 * WR_KIND_RUN, with other meanings. It never comes into the log.
 *
 *    0   4  `bytes`: WR_RECORD_HEAD_BYTES
 *    8   4  `topic`: how many records follow
 *   12   4  `key_hash`: their bytes, with strides
 *   20   1  `kind`: WR_KIND_RUN
 *   22   2  `type`: WR_RUN_*, or 0
 *
 * All else is 0.
 *
 * Where bytes of a lane may be anything (L5), what is read here is not yet believed.
 */
#ifndef WR_LOG_RUN_HEAD_H
#define WR_LOG_RUN_HEAD_H

#include <stdbool.h>
#include <string.h>

#include "core/record/record.h"

/* In a lane that settles: it has outputs, and takes none of what is reserved. */
#define WR_RUN_IS_DATA 1u
/* It has copies of what is in the log, for which room was kept (writer_room.c). */
#define WR_RUN_COPIES 2u

struct wr_run_head {
	uint32_t record_count;
	uint32_t record_bytes;
	uint16_t flags;
};

/* At `to`, in front of its records; the bytes of all of it. */
static inline uint64_t wr_run_head_write(void *to, struct wr_run_head run)
{
	const struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES,
		.topic = run.record_count,
		.key_hash = run.record_bytes,
		.kind = WR_KIND_RUN,
		.type = run.flags,
	};
	memcpy(to, &head, sizeof head);
	return (uint64_t)WR_RECORD_HEAD_BYTES + run.record_bytes;
}

/* Of a copy of a record's head; false: it is no run's. */
static inline bool wr_run_head_read(const struct wr_record *head, struct wr_run_head *ret)
{
	if (head->kind != WR_KIND_RUN)
		return false;
	*ret = (struct wr_run_head){
		.record_count = head->topic, .record_bytes = head->key_hash, .flags = head->type};
	return true;
}

#endif
