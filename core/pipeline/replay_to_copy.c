/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a replayed event, under which topic, and the run of copies. */
#include "core/pipeline/replay_to.h"

#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/replay.h"

#define RUN_BYTES_MAX (256u << 10)
#define SKIP_STRIDE wr_record_stride(wr_control_bytes(0, (uint32_t)sizeof(struct wr_control_skip)))

/* Those of `from` that read the topic. */
static struct wr_recipients readers_of(struct weir_pipeline *p, const struct wr_recipients *from,
				       uint32_t topic)
{
	struct wr_catalog *catalog = &p->tables.catalog;
	struct wr_recipients readers = {0};
	for (uint32_t i = 0; i < from->count && topic < wr_catalog_topic_count(catalog); i++) {
		const struct wr_subscription *s = &catalog->subscriptions[from->ids[i]];
		if (wr_catalog_row(catalog, s, topic, 0) != UINT32_MAX)
			readers.ids[readers.count++] = from->ids[i];
	}
	return readers;
}

static struct wr_recipients without(const struct wr_recipients *all,
				    const struct wr_recipients *some)
{
	struct wr_recipients rest = {0};
	for (uint32_t i = 0, at = 0; i < all->count; i++) {
		if (at < some->count && some->ids[at] == all->ids[i])
			at++;
		else
			rest.ids[rest.count++] = all->ids[i];
	}
	return rest;
}

/* The copies of one event, from `at` on; how many. */
static uint32_t make_copies(struct weir_replay_to *job, const struct weir_item *item,
			    struct wr_replay_copy *at)
{
	struct weir_origin origin;
	uint32_t count = 0;
	struct wr_recipients here = readers_of(job->pipeline, &job->to, item->topic);
	struct wr_replay_copy made = {
		.mark = {.seq = item->sequence,
			 .epoch = item->epoch,
			 .log = item->log,
			 .topic = item->topic,
			 .partition = item->partition,
			 .name = job->name,
			 .name_bytes = (uint32_t)strlen(job->name)},
		.address = here,
		.topic = item->topic,
	};
	if (!wr_record_view(item->record, item->record_bytes, &made.view))
		return 0;
	if (here.count > 0)
		at[count++] = made;
	if (!weir_item_origin(item, &origin) || !origin.bound || here.count == job->to.count ||
	    wr_replay_reads(job->replay, origin.topic))
		return count;
	/* It came from there by a binding, and is not met there, too: as what it was there. */
	struct wr_recipients rest = without(&job->to, &here);
	made.address = readers_of(job->pipeline, &rest, origin.topic);
	made.topic = origin.topic;
	made.copy.leaves_origin = true;
	made.mark.seq = origin.sequence;
	made.mark.epoch = origin.epoch;
	made.mark.log = origin.log;
	made.mark.topic = origin.topic;
	made.mark.partition = origin.partition;
	if (made.address.count > 0)
		at[count++] = made;
	return count;
}

static uint32_t measure(struct wr_replay_copy *copies, uint32_t count)
{
	uint32_t bytes = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct wr_replay_copy *c = &copies[i];
		c->copy.view = &c->view;
		c->copy.address = &c->address;
		c->copy.mark = &c->mark;
		wr_event_copy_measure(&c->copy);
		if (c->copy.option_area > UINT16_MAX)
			return UINT32_MAX;
		bytes += c->copy.stride;
	}
	return bytes;
}

struct run {
	uint32_t copies, bytes;
};

/* Whether there is room for more copies in a run; in an empty one for as much as there ever is. */
static bool has_room(const struct weir_replay_to *job, const struct run *run, uint32_t copies,
		     uint32_t bytes)
{
	const struct wr_writer_options *o = &job->pipeline->writer.options;
	uint64_t most =
		run->copies > 0 ? wr_min_u64(RUN_BYTES_MAX, o->run_bytes_max) : o->run_bytes_max;
	uint64_t lane = job->producer->lane->capacity_bytes;
	uint64_t all = (uint64_t)run->bytes + bytes + SKIP_STRIDE;
	return run->copies + copies + 1 <= o->run_records_max && all <= most &&
	       all + WR_RECORD_HEAD_BYTES <= (run->copies > 0 ? lane / 4 : lane);
}

static void hand_over(struct weir_replay_to *job, const struct run *run, uint8_t *to)
{
	struct weir_producer *pr = job->producer;
	const struct wr_control_skip skip = {
		.epoch = pr->stamp.epoch,
		.sequence = WR_BUG(REPLAYS_AGAIN) ? job->items[job->item_next].sequence
						  : job->items[job->sent_end - 1].end_sequence,
	};
	const struct wr_run_head head = {
		.record_count = run->copies + 1,
		.record_bytes = run->bytes + SKIP_STRIDE,
	};
	uint8_t *at = to + WR_RECORD_HEAD_BYTES;
	for (uint32_t i = 0; i < run->copies; at += job->copies[i++].copy.stride)
		wr_event_copy_write(&job->copies[i].copy, job->copies[i].topic, at);
	wr_control_write(at, WR_KIND_PRODUCER_SKIP, pr->stamp.id, 0, NULL, 0, &skip, sizeof skip);
	job->ticket = wr_lane_append(pr->lane, wr_run_head_write(to, head));
	wr_lane_publish(pr->lane);
}

int wr_replay_to_send(struct weir_replay_to *job)
{
	struct run run = {0};
	uint32_t i = job->item_next, events = 0;
	uint32_t end = i < job->singly_end ? i + 1 : job->item_count;
	for (; i < end; i++) {
		struct wr_replay_copy *at = &job->copies[run.copies];
		uint32_t count = job->items[i].kind == WEIR_ITEM_EVENT
					 ? make_copies(job, &job->items[i], at)
					 : 0;
		uint32_t bytes = measure(at, count);
		if (count > 0 && (bytes == UINT32_MAX || !has_room(job, &run, count, bytes))) {
			if (run.copies == 0)
				return WEIR_E_TOO_BIG;
			break;
		}
		run.copies += count;
		run.bytes += bytes;
		events += count > 0 ? 1 : 0;
	}
	job->sent_end = i;
	job->sent_events = events;
	if (run.copies == 0)
		return 0;
	uint32_t bytes = WR_RECORD_HEAD_BYTES + run.bytes + SKIP_STRIDE;
	uint8_t *to = wr_lane_claim(job->producer->lane, bytes);
	if (to == NULL)
		return -EAGAIN;
	hand_over(job, &run, to);
	return 0;
}

bool weir_item_replayed(const struct weir_item *item, struct weir_replayed *ret)
{
	struct wr_record_view view;
	struct wr_replay_mark mark;
	if (item->record == NULL || !wr_record_view(item->record, item->record_bytes, &view) ||
	    !wr_replay_mark_read(&view, &mark))
		return false;
	*ret = (struct weir_replayed){
		.name = mark.name,
		.name_bytes = mark.name_bytes,
		.pos = {.sequence = mark.seq, .epoch = mark.epoch, .log = mark.log},
		.topic = mark.topic,
		.partition = mark.partition,
	};
	return true;
}
