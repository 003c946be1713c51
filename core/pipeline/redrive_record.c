/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run for one letter: the settle of the letter first, then a copy of it, and last what ends the
 * parked event (it cannot be taken back). Refused in any part, none of it happened.
 */
#include <errno.h>

#include "core/pipeline/event_copy.h"
#include "core/pipeline/redrive.h"

#define END_BYTES (WR_RECORD_HEAD_BYTES + sizeof(struct wr_reject))

enum wr_redrive_way wr_redrive_way(const struct weir_redrive *r, const struct weir_origin *origin)
{
	if (r->options.action == WEIR_REDRIVE_PURGE)
		return origin->parked ? WR_REDRIVE_PURGE_PARKED : WR_REDRIVE_SETTLE;
	if (!origin->parked)
		return WR_REDRIVE_COPY;
	return r->options.to_topic != UINT32_MAX ? WR_REDRIVE_COPY_ELSEWHERE : WR_REDRIVE_IN_PLACE;
}

enum wr_redrive_way wr_redrive_way_unparked(enum wr_redrive_way way)
{
	return way == WR_REDRIVE_PURGE_PARKED ? WR_REDRIVE_SETTLE : WR_REDRIVE_COPY;
}

static bool has_copy(enum wr_redrive_way way)
{
	return way == WR_REDRIVE_COPY || way == WR_REDRIVE_COPY_ELSEWHERE;
}

static uint32_t write_settle(const struct weir_redrive *r, const struct weir_item *item,
			     uint8_t *to)
{
	const struct wr_settled settled = {.seq = item->sequence, .generation = item->generation};
	uint32_t bytes = wr_settled_write(&settled, 1, r->member->subscription, to);
	((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY; /* of the run */
	return wr_record_stride(bytes);
}

/* Of the event that the letter is of: it begins anew, or is given up. */
static uint32_t write_end(const struct weir_origin *origin, enum wr_redrive_way way, uint8_t *to)
{
	struct wr_reject end = {
		.seq = origin->sequence,
		.verdict = way == WR_REDRIVE_IN_PLACE ? WR_VERDICT_REDRIVEN : WR_VERDICT_GIVEN_UP,
	};
	wr_control_write(to, WR_KIND_REJECT, origin->subscription, 0, NULL, 0, &end, sizeof end);
	return wr_record_stride(wr_control_bytes(0, sizeof end));
}

static void hand_over(struct weir_redrive *r, uint32_t item, enum wr_redrive_way way,
		      uint32_t bytes)
{
	struct wr_lane *lane = r->member->lane;
	r->sent[r->sent_count++] = (struct wr_redrive_sent){
		.ticket = wr_lane_append(lane, bytes), .item = item, .way = way};
	wr_lane_publish(lane);
}

int wr_redrive_send(struct weir_redrive *r, uint32_t index, enum wr_redrive_way way)
{
	const struct weir_item *item = &r->items[index];
	struct wr_lane *lane = r->member->lane;
	struct wr_record_view view;
	struct weir_origin origin;
	struct wr_in_hand *held = wr_hand_find(r->member->sharing, item->sequence);
	if (held == NULL || held->generation != item->generation)
		return WEIR_E_FENCED;
	if (!weir_item_origin(item, &origin) ||
	    !wr_record_view(item->record, item->record_bytes, &view))
		return WEIR_E_CORRUPT;
	struct wr_event_copy copy = {.view = &view};
	struct wr_recipients address = {.count = 1, .ids = {origin.subscription}};
	struct wr_replay_mark mark;
	/* What a replay had brought is for whom it was brought to. */
	if (r->options.to_topic == UINT32_MAX && wr_replay_mark_read(&view, &mark))
		copy.address = &address;
	wr_event_copy_measure(&copy);
	uint32_t most =
		WR_SETTLE_ONE_BYTES_MAX + (has_copy(way) ? copy.stride : 0) + (uint32_t)END_BYTES;
	if (most > r->pipeline->writer.options.run_bytes_max ||
	    WR_RECORD_HEAD_BYTES + most + WR_RECORD_ALIGN > lane->capacity_bytes ||
	    copy.option_area > UINT16_MAX)
		return WEIR_E_TOO_BIG;
	uint8_t *to = wr_lane_claim(lane, wr_record_stride(WR_RECORD_HEAD_BYTES + most));
	if (to == NULL)
		return -EAGAIN;
	struct wr_run_head run = {.record_count = 1};
	uint8_t *records = to + WR_RECORD_HEAD_BYTES;
	uint32_t bytes = write_settle(r, item, records);
	if (has_copy(way)) {
		wr_event_copy_write(&copy,
				    r->options.to_topic != UINT32_MAX ? r->options.to_topic
								      : origin.topic,
				    records + bytes);
		bytes += copy.stride;
		run.record_count++;
	}
	if (way != WR_REDRIVE_COPY && way != WR_REDRIVE_SETTLE) {
		bytes += write_end(&origin, way, records + bytes);
		run.record_count++;
	}
	run.record_bytes = bytes;
	hand_over(r, index, way, (uint32_t)wr_run_head_write(to, run));
	return 0;
}
