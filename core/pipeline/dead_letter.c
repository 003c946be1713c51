/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event's way to the dead letters: a copy with its origin, published to the subscription's
 * dead-letter topic, and the settle of the event itself, in one run of the group's lane. So it
 * stands in one of the two places whatever happens, and never in both. Where keys are parked, the
 * record that says so takes the place of the settle: nobody gets the event until its letter is
 * redriven (docs/design/parked-in-place.md). Of a partition it is progress over the event, under
 * its owner's generation.
 *
 * The copy has the event's key, headers, ids and payload, wherever that lies by now (carry.h). What
 * only the writer may accept once is left out: a producer's stamp, an idempotency key, an expected
 * version. So are its delay and its time to live, which are over.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/carry.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/event_copy.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/reason.h"
#include "core/pipeline/retry.h"
#include "core/pipeline/sharing.h"
#include "core/record/origin.h"
#include "core/record/recipients.h"

#define ROOM_RETRY_NS 1000000u
#define ORIGIN_BYTES_MAX (sizeof(struct wr_origin) + WR_REASON_TEXT_BYTES_MAX)

struct letter {
	struct wr_record_view view; /* of the event; its chunk is pinned */
	uint8_t origin[ORIGIN_BYTES_MAX];
	struct wr_event_copy copy;
};

static uint32_t write_settle(const struct wr_share_event *event, uint32_t subscription, uint8_t *to)
{
	const struct wr_settled settled = {.seq = event->seq, .generation = event->generation};
	return wr_record_stride(wr_settled_write(&settled, 1, subscription, to));
}

/* It stays, and its key with it. */
static uint32_t write_park(const struct wr_share_event *event, uint32_t subscription, uint8_t *to)
{
	struct wr_reject park = {
		.seq = event->seq,
		.generation = event->generation,
		.verdict = WR_VERDICT_PARKED,
	};
	wr_control_write(to, WR_KIND_REJECT, subscription, 0, NULL, 0, &park, sizeof park);
	return wr_record_stride(wr_control_bytes(0, sizeof park));
}

/* What is counted when it is answered. */
static uint32_t fate_of(struct wr_subscription_live *live, const struct wr_share_event *event)
{
	if (!event->expired && !event->overflowed)
		return 0;
	bool dropped = wr_load_relaxed(&live->failures.dead_letters) == UINT32_MAX;
	return (event->expired ? WR_FATE_EXPIRED : WR_FATE_OVERFLOWED) |
	       (dropped ? WR_FATE_DROPPED : 0);
}

/* Behind the copy: the event is done with. */
static uint32_t write_end(const struct wr_burial *b, uint32_t event_bytes, uint8_t *to)
{
	if (b->progress == NULL)
		return (b->event->parks ? write_park : write_settle)(b->event, b->live->id, to);
	struct wr_control_progress progress = *b->progress;
	progress.bytes = event_bytes;
	wr_control_write(to, WR_KIND_PROGRESS, b->live->id, b->raise.row, NULL, 0, &progress,
			 sizeof progress);
	return wr_record_stride(wr_control_bytes(0, sizeof progress));
}

/* What was written into the group's lane; its answer is known by the ticket. */
static void hand_over(const struct wr_burial *b, uint32_t bytes)
{
	struct weir_pipeline *p = b->live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	uint64_t ticket = wr_lane_append(lane, bytes);
	wr_group_remember(p, ticket, &b->raise);
	wr_lane_publish(lane);
}

/* 0; -EAGAIN: no room in the lane; WEIR_E_TOO_BIG: no run has room for it. */
static int write_run(const struct wr_burial *b, struct letter *letter, uint32_t topic)
{
	struct weir_pipeline *p = b->live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	uint32_t most_bytes = letter->copy.stride + WR_SETTLE_ONE_BYTES_MAX;
	if (most_bytes > p->writer.options.run_bytes_max || letter->copy.option_area > UINT16_MAX)
		return WEIR_E_TOO_BIG;
	uint8_t *to = wr_lane_claim(lane, WR_RECORD_HEAD_BYTES + most_bytes);
	if (to == NULL)
		return -EAGAIN;
	uint8_t *copy = to + WR_RECORD_HEAD_BYTES;
	wr_event_copy_write(&letter->copy, topic, copy);
	((struct wr_record *)copy)->flags |= WR_RECORD_WANTS_REPLY; /* of the run */
	uint32_t record_bytes = letter->copy.stride +
				write_end(b, letter->view.head->bytes, copy + letter->copy.stride);
	if (WR_BUG(LETTER_WITHOUT_SETTLE))
		record_bytes = letter->copy.stride;
	const struct wr_run_head run = {
		.record_count = WR_BUG(LETTER_WITHOUT_SETTLE) ? 1 : 2,
		.record_bytes = record_bytes,
	};
	hand_over(b, (uint32_t)wr_run_head_write(to, run));
	return 0;
}

/* Without a copy: it has expired or was one too many and there are no dead letters, or there is
 * nothing to copy. */
static int settle_alone(const struct wr_burial *b, uint32_t event_bytes)
{
	struct weir_pipeline *p = b->live->pipeline;
	uint8_t *to =
		wr_lane_claim(&p->lanes[WR_GROUP_LANE], wr_record_stride(WR_SETTLE_ONE_BYTES_MAX));
	if (to == NULL)
		return -EAGAIN;
	uint32_t bytes = b->progress != NULL ? write_end(b, event_bytes, to)
					     : write_settle(b->event, b->live->id, to);
	((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	struct wr_burial alone = *b;
	if (b->progress == NULL)
		alone.raise.row |= WR_FATE_ALONE;
	hand_over(&alone, bytes);
	return 0;
}

/* In a memory-only log it was overtaken (weir/sharing.h). */
static int settle_overtaken(const struct wr_burial *b)
{
	int rc = settle_alone(b, 0);
	if (rc == 0)
		wr_pipeline_say(b->live->pipeline, WR_EVENT_DEAD_LETTER_OVERTAKEN,
				WR_FIELDS(wr_field_u64("sequence", b->event->seq)),
				"event %llu was overtaken before its dead letter was written",
				(unsigned long long)b->event->seq);
	return rc;
}

/* Reads the event where it lies and writes the run. */
static int bury(const struct wr_burial *b, uint32_t topic)
{
	struct weir_pipeline *p = b->live->pipeline;
	const struct wr_share_event *event = b->event;
	struct wr_portion portion;
	struct letter letter;
	struct wr_origin origin = {
		.seq = event->seq,
		.subscription = b->live->id,
		.attempts = event->attempts,
		.reason = event->reason,
		.flags = (event->expired      ? WR_ORIGIN_EXPIRED
			  : event->overflowed ? WR_ORIGIN_OVERFLOWED
			  : event->dead       ? WR_ORIGIN_BY_VERDICT
					      : 0) |
			 (event->parks ? WR_ORIGIN_PARKED : 0),
		.first_failed_us = event->first_failed_us,
		.last_failed_us = event->last_failed_us,
	};
	struct wr_reason reason;
	if (wr_reason_read(p, event, &reason) != 0)
		return -EAGAIN;
	uint64_t place = wr_share_place(event);
	if (!wr_portion_find(p, wr_group_pin(p), place, place, &portion)) {
		if (p->journal == NULL && wr_portion_oldest_seq(p, wr_group_pin(p)) > event->seq)
			return settle_overtaken(b);
		return portion.unreadable ? portion.code : -EAGAIN;
	}
	const struct wr_record *r = wr_portion_record(p, portion.chunk, place);
	struct wr_carried from = wr_carried_from(&portion, r, event->seq, b->live->id);
	int rc = WEIR_E_CORRUPT;
	bool is_erased = event->seq < wr_erased_end(p) && wr_record_has_event(r) &&
			 wr_is_erased(p, r, event->seq);
	if (is_erased || WR_BUG(LETTER_NOT_WRITTEN)) {
		rc = settle_alone(b, r->bytes);
	} else if (wr_record_view(r, r->bytes, &letter.view) && wr_record_has_event(r)) {
		wr_reason_put_copied(&reason, &from);
		if (reason.is_dead && !event->expired && !event->overflowed)
			origin.flags |= WR_ORIGIN_BY_VERDICT;
		origin.epoch = from.epoch;
		origin.log = from.log;
		origin.topic = r->topic;
		origin.partition =
			wr_topic_partition(&p->tables.catalog.topics[r->topic], r, event->seq);
		memcpy(letter.origin, &origin, sizeof origin);
		memcpy(letter.origin + sizeof origin, reason.text, reason.text_bytes);
		letter.copy = (struct wr_event_copy){
			.view = &letter.view,
			.origin = letter.origin,
			.origin_bytes = (uint16_t)(sizeof origin + reason.text_bytes),
		};
		wr_event_copy_measure(&letter.copy);
		rc = write_run(b, &letter, topic);
	}
	wr_chunks_unpin(wr_group_pin(p));
	return rc;
}

int wr_burial_write(const struct wr_burial *b, uint32_t topic)
{
	int rc = topic != UINT32_MAX ? bury(b, topic) : settle_alone(b, 0);
	if (rc != 0 && rc != -EAGAIN)
		wr_pipeline_say(
			b->live->pipeline, WR_EVENT_DEAD_LETTER_REFUSED,
			WR_FIELDS(wr_field_u64("sequence", b->event->seq), wr_field_code(rc)),
			"event %llu cannot be put to the dead letters (%s): it is kept, "
			"and tried again",
			(unsigned long long)b->event->seq, weir_strerror(rc));
	return rc;
}

void wr_burial_say_refused(struct weir_pipeline *p, int code)
{
	wr_pipeline_say(p, WR_EVENT_DEAD_LETTER_REFUSED, WR_FIELDS(wr_field_code(code)),
			"an event could not be put to the dead letters (%s)",
			code == WEIR_E_FULL ? "the disk has no room for it: it waits"
					    : weir_strerror(code));
}

int wr_sharing_bury(void *context, const struct wr_share_event *event)
{
	struct wr_sharing *sharing = context;
	struct weir_pipeline *p = sharing->live->pipeline;
	uint64_t now_ns = wr_clock_mono_ns(p->host.clock);
	bool is_set = wr_load_acquire(&sharing->is_set) != 0; /* DL1: whether there are any */
	uint32_t topic = wr_load_relaxed(&sharing->live->failures.dead_letters);
	if (!is_set || now_ns < sharing->bury_after_ns ||
	    (topic == UINT32_MAX && !event->expired && !event->overflowed))
		return -EAGAIN;
	const struct wr_burial burial = {
		.live = sharing->live,
		.event = event,
		.raise = {.kind = WR_RAISE_BURY,
			  .subscription = sharing->live->id,
			  .row = fate_of(sharing->live, event),
			  .generation = event->generation,
			  .seq = event->seq},
	};
	int rc = wr_burial_write(&burial, topic);
	if (rc != 0)
		sharing->bury_after_ns =
			now_ns + (rc == -EAGAIN ? ROOM_RETRY_NS : WR_BURY_RETRY_NS);
	return rc;
}

bool weir_item_origin(const struct weir_item *item, struct weir_origin *ret)
{
	struct wr_record_view view;
	struct wr_option option;
	struct wr_origin origin;
	if (item->record == NULL || !wr_record_view(item->record, item->record_bytes, &view) ||
	    !wr_option_find(&view, WR_OPTION_ORIGIN, &option) || option.value_bytes < sizeof origin)
		return false;
	memcpy(&origin, option.value, sizeof origin);
	*ret = (struct weir_origin){
		.sequence = origin.seq,
		.epoch = origin.epoch,
		.log = origin.log,
		.topic = origin.topic,
		.partition = origin.partition,
		.subscription = origin.subscription,
		.attempts = origin.attempts,
		.reason = origin.reason,
		.by_verdict = (origin.flags & WR_ORIGIN_BY_VERDICT) != 0,
		.expired = (origin.flags & WR_ORIGIN_EXPIRED) != 0,
		.overflowed = (origin.flags & WR_ORIGIN_OVERFLOWED) != 0,
		.parked = (origin.flags & WR_ORIGIN_PARKED) != 0,
		.unrouted = (origin.flags & WR_ORIGIN_UNROUTED) != 0,
		.bound = (origin.flags & WR_ORIGIN_BOUND) != 0,
		.untransformed = (origin.flags & WR_ORIGIN_UNTRANSFORMED) != 0,
		.first_failed_us = origin.first_failed_us,
		.last_failed_us = origin.last_failed_us,
		.text = (const char *)option.value + sizeof origin,
		.text_bytes = option.value_bytes - (uint32_t)sizeof origin,
	};
	return true;
}
