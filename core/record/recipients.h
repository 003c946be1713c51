/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An addressed event: a copy of an event that was there before, for some subscriptions of its topic
 * only. It is a record of its own kind, so that whoever asks for events passes over it; in all else
 * it is an event of its topic, with the key, the headers and the payload of what it is a copy of.
 *
 *   option ADDRESS  u32 ids of subscriptions, ascending: 1 .. WR_RECIPIENTS_MAX. The first one
 *   option REPLAY   what it is a copy of, and by which replay:
 *                     0  u64 sequence     8 u32 epoch   12 u32 log
 *                    16  u32 topic       20 u32 partition
 *                    24  the replay's name, 1 .. WR_REPLAY_NAME_MAX bytes
 *
 * A copy of such a record in another topic (a dead letter) is an event, and keeps REPLAY.
 * Pure functions.
 */
#ifndef WR_RECORD_RECIPIENTS_H
#define WR_RECORD_RECIPIENTS_H

#include "core/record/record.h"

/* As many as a run can take back (core/log/undo.h). */
#define WR_RECIPIENTS_MAX 5u
#define WR_REPLAY_NAME_MAX 100u
#define WR_REPLAY_MARK_BYTES 24u

struct wr_recipients {
	uint32_t count;
	uint32_t ids[WR_RECIPIENTS_MAX];
};

struct wr_replay_mark {
	uint64_t seq;
	uint32_t epoch;
	uint32_t log;
	uint32_t topic;
	uint32_t partition;
	uint32_t name_bytes;
	const char *name; /* points into what was read */
};

static inline uint32_t wr_recipients_bytes(uint32_t count)
{
	return count * (uint32_t)sizeof(uint32_t);
}

/* The value, at `to`: wr_recipients_bytes(). */
void wr_recipients_put(const struct wr_recipients *address, uint8_t *to);
/* False: there is none, or it is malformed. */
bool wr_recipients_read(const struct wr_record_view *view, struct wr_recipients *ret_address);
/* The value, at `to`: WR_REPLAY_MARK_BYTES and the name. */
void wr_replay_mark_put(const struct wr_replay_mark *mark, uint8_t *to);
/* Of any record that has one. False: there is none, or it is malformed. */
bool wr_replay_mark_read(const struct wr_record_view *view, struct wr_replay_mark *ret_mark);

/* Whether a record of kind ADDRESSED names a subscription. */
bool wr_recipients_names(const struct wr_record *r, uint32_t subscription);

/* Whether a record of its topic is an event for a subscription. */
static inline bool wr_record_is_for(const struct wr_record *r, uint32_t subscription)
{
	return WR_LIKELY(r->kind == WR_KIND_EVENT) ||
	       (WR_UNLIKELY(r->kind == WR_KIND_ADDRESSED) && wr_recipients_names(r, subscription));
}

/* Whether it has an event's key and payload, whoever it is for, and if it is only carried. */
static inline bool wr_record_has_event(const struct wr_record *r)
{
	return r->kind == WR_KIND_EVENT || r->kind == WR_KIND_ADDRESSED ||
	       r->kind == WR_KIND_CARRIED;
}

#endif
