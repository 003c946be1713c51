/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing: events, batches, claims and runs into the producer's lane. Wait-free while there is
 * room; what to do when there is none is the producer's choice.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/base/probe.h"
#include "core/pipeline/measure.h"

struct room_wait {
	struct weir_producer *producer;
	uint64_t bytes;
	int code; /* there will be no room, for this reason */
};

static bool has_room(void *context)
{
	struct room_wait *w = context;
	struct wr_lane *lane = w->producer->lane;
	if (wr_load_acquire(&lane->state) == WR_LANE_POISONED) /* S1 */
		w->code = WEIR_E_POISONED;
	/* Refusals that nobody takes use up the room for answers: nothing would ever come free. */
	else if (wr_load_seq(&lane->first_refusal) == (uint32_t)-WEIR_E_FENCED) /* A3 */
		w->code = WEIR_E_FENCED;
	/* It was not when the call began: nobody knows for how long it would wait. */
	else if (wr_load_seq(&w->producer->pipeline->no_room) != 0) /* F2 */
		w->code = WEIR_E_NO_ROOM;
	if (w->code != 0 || wr_lane_claim(lane, w->bytes) != NULL)
		return true;
	/*
	 * Nor while answers that have come fill the room for answers: only the caller can take
	 * them, so that who waits for ever would.
	 */
	if (w->producer->block_timeout_ns == WEIR_FOREVER &&
	    w->producer->when_full == WEIR_FULL_BLOCK && wr_lane_credit_refresh(lane) == 0 &&
	    wr_producer_has_answers(w->producer))
		w->code = WEIR_E_AGAIN;
	return w->code != 0;
}

/*
 * There was no room: by the producer's policy. 0: there is now, and the caller stays until it has
 * used it (wr_pipeline_go); a close that came meanwhile takes no more.
 */
static int no_room(struct weir_producer *pr, uint64_t bytes)
{
	struct room_wait wait = {.producer = pr, .bytes = bytes};
	struct weir_pipeline *p = pr->pipeline;
	int rc = 0;
	wr_pipeline_stay(p);
	if (!has_room(&wait)) {
		if (pr->when_full == WEIR_FULL_TRY || p->host.inside_step(p->host.context)) {
			rc = WEIR_E_AGAIN;
		} else if (pr->when_full == WEIR_FULL_FAIL) {
			rc = WEIR_E_FULL;
		} else {
			rc = wr_pipeline_wait(p, &pr->lane->parker, has_room, &wait,
					      pr->block_timeout_ns);
			if (rc == 0)
				rc = wr_pipeline_refused(p);
		}
	}
	if (rc == 0)
		rc = wait.code;
	if (rc != 0)
		wr_pipeline_go(p);
	return rc;
}

/* Room for `bytes` in the lane, or the reason why not. *ret_stays: go when it is used. */
static int claim_room(struct weir_producer *pr, uint64_t bytes, uint8_t **ret_to, bool *ret_stays)
{
	uint8_t *to = wr_lane_claim(pr->lane, bytes);
	if (WR_UNLIKELY(to == NULL)) {
		int rc = no_room(pr, bytes);
		if (rc != 0)
			return rc;
		*ret_stays = true;
		to = wr_lane_claim(pr->lane, bytes);
	}
	*ret_to = to;
	return 0;
}

/* Of some hand-overs the time is taken, for metrics; before they are visible. */
static inline void hand_over(struct weir_producer *pr)
{
	uint32_t round = wr_load_relaxed(&pr->pipeline->round);
	if (WR_UNLIKELY(wr_sampler_is_due(&pr->lane->sampler, pr->lane->handed_over, round)))
		wr_lane_sample(pr->lane, wr_clock_mono_ns(pr->pipeline->host.clock), round);
	wr_lane_publish(pr->lane);
}

static inline void go_if(struct weir_producer *pr, bool stays)
{
	if (WR_UNLIKELY(stays))
		wr_pipeline_go(pr->pipeline);
}

/* What every door checks first. */
static int check_open(struct weir_producer *pr, bool may_be_open)
{
	int rc = wr_pipeline_refused_event(pr->pipeline);
	if (WR_UNLIKELY(rc != 0 || pr->fenced))
		return rc != 0 ? rc : WEIR_E_FENCED;
	return WR_UNLIKELY(pr->open != WR_OPEN_NOTHING && !may_be_open) ? -EBUSY : 0;
}

static inline int measure_as(struct weir_producer *pr, const struct weir_event **of,
			     struct wr_caused *caused, struct wr_encoding *ret_encoding,
			     bool is_claim)
{
	const struct wr_measure by = {
		.no_cause = pr->no_cause,
		.named = pr->named,
		.keyless = pr->keyless,
		.bytes_max = pr->pipeline->run_bytes_max,
		.is_claim = is_claim,
	};
	return wr_measure(pr->pipeline, &by, of, caused, ret_encoding);
}

static inline int measure(struct weir_producer *pr, const struct weir_event **of,
			  struct wr_caused *caused, struct wr_encoding *ret_encoding)
{
	return measure_as(pr, of, caused, ret_encoding, false);
}

/* Encodes everything but the payload; the stamp of a named producer moves on. */
static uint8_t *encode(struct weir_producer *pr, const struct weir_event *event,
		       struct wr_encoding *encoding, uint8_t *to)
{
	if (event->key == NULL)
		pr->keyless++;
	if (pr->want_sequences)
		encoding->head.flags |= WR_RECORD_WANTS_REPLY;
	if (!pr->named)
		return wr_encode_head(event, encoding, NULL, to);
	pr->stamp.sequence++;
	return wr_encode_head(event, encoding, &pr->stamp, to);
}

static void encode_whole(struct weir_producer *pr, const struct weir_event *event,
			 struct wr_encoding *encoding, uint8_t *to)
{
	wr_encode_end(to, encoding->stride);
	uint8_t *payload = encode(pr, event, encoding, to);
	if (encoding->payload_bytes > 0)
		memcpy(payload, event->payload, encoding->payload_bytes);
}

int weir_publish(struct weir_producer *pr, const struct weir_event *event, uint64_t *ret_ticket)
{
	struct wr_encoding encoding;
	struct wr_caused caused;
	uint8_t *to;
	bool stays = false;
	int rc = check_open(pr, false);
	if (rc == 0)
		rc = measure(pr, &event, &caused, &encoding);
	if (rc == 0)
		rc = claim_room(pr, encoding.stride, &to, &stays);
	if (WR_UNLIKELY(rc != 0))
		return rc;
	encode_whole(pr, event, &encoding, to);
	uint64_t ticket = wr_lane_append(pr->lane, encoding.stride);
	WR_PROBE3(publish, (uintptr_t)pr->lane, ticket, encoding.stride);
	hand_over(pr);
	if (ret_ticket != NULL)
		*ret_ticket = ticket;
	go_if(pr, stays);
	return 0;
}

int weir_publish_many(struct weir_producer *pr, const struct weir_event *events, size_t event_count,
		      uint64_t *ret_last_ticket)
{
	int rc = check_open(pr, false);
	if (rc != 0)
		return rc;
	size_t done = 0;
	uint64_t ticket = 0;
	bool stays = false;
	event_count = wr_min_u64(event_count, INT32_MAX);
	for (; done < event_count; done++) {
		struct wr_encoding encoding;
		struct wr_caused caused;
		const struct weir_event *event = &events[done];
		rc = measure(pr, &event, &caused, &encoding);
		if (rc != 0)
			break;
		uint8_t *to = wr_lane_claim(pr->lane, encoding.stride);
		if (to == NULL) {
			/* Only the first may wait: what was encoded before is shown first. */
			rc = done == 0 ? claim_room(pr, encoding.stride, &to, &stays)
				       : WEIR_E_AGAIN;
			if (rc != 0)
				break;
		}
		encode_whole(pr, event, &encoding, to);
		ticket = wr_lane_append(pr->lane, encoding.stride);
		WR_PROBE3(publish, (uintptr_t)pr->lane, ticket, encoding.stride);
	}
	if (done == 0)
		return event_count == 0 ? 0 : rc;
	hand_over(pr);
	if (ret_last_ticket != NULL)
		*ret_last_ticket = ticket;
	go_if(pr, stays);
	return (int)done;
}

/* ---- claims ---- */

int weir_claim(struct weir_producer *pr, const struct weir_event *event, size_t payload_bytes,
	       void **ret_payload)
{
	static const uint8_t some_payload;
	struct weir_event whole = *event;
	const struct weir_event *given = &whole;
	struct wr_encoding encoding;
	struct wr_caused caused;
	uint8_t *to;
	bool stays = false;
	whole.payload = &some_payload; /* present, whatever its length turns out to be */
	whole.payload_bytes = payload_bytes;
	int rc = check_open(pr, false);
	if (rc == 0)
		rc = measure_as(pr, &given, &caused, &encoding, true); // its payload comes later
	if (rc == 0)
		rc = claim_room(pr, encoding.stride, &to, &stays);
	if (rc != 0)
		return rc;
	pr->run_stamp = pr->stamp.sequence;
	uint8_t *payload = encode(pr, given, &encoding, to);
	if (WR_BUG(CLAIM_IS_VISIBLE))
		wr_publish_u64(&pr->lane->tail, pr->lane->write_at + encoding.stride); /* A1 */
	pr->open = WR_OPEN_CLAIM;
	pr->claim = to;
	pr->claim_used = (uint64_t)(payload - to);
	pr->claim_bytes = pr->claim_used + payload_bytes;
	*ret_payload = payload;
	go_if(pr, stays);
	return 0;
}

static int admit_claim(struct weir_producer *pr, struct wr_record *head, size_t payload_bytes)
{
	uint32_t word = wr_schemas_topic(&pr->pipeline->tables.schemas, head->topic);
	uint32_t type = head->type;
	if (WR_LIKELY(word >> WR_SCHEMA_TOPIC_SHIFT == 0))
		return 0;
	int rc = wr_registry_admit(pr->pipeline, word, type, pr->claim + pr->claim_used,
				   payload_bytes, &type, NULL);
	head->type = (uint16_t)type;
	return rc;
}

int weir_commit(struct weir_producer *pr, size_t payload_bytes, uint64_t *ret_ticket)
{
	if (pr->open != WR_OPEN_CLAIM || payload_bytes > pr->claim_bytes - pr->claim_used)
		return -EINVAL;
	int rc = wr_pipeline_refused(pr->pipeline);
	if (rc != 0)
		return rc;
	struct wr_record *head = (struct wr_record *)pr->claim;
	rc = admit_claim(pr, head, payload_bytes);
	if (WR_UNLIKELY(rc != 0))
		return rc; // it can be made good, or aborted
	head->bytes = (uint32_t)(pr->claim_used + payload_bytes);
	wr_encode_tail(pr->claim, head->bytes);
	pr->open = WR_OPEN_NOTHING;
	uint32_t stride = wr_record_stride(head->bytes);
	uint64_t ticket = wr_lane_append(pr->lane, stride);
	WR_PROBE3(publish, (uintptr_t)pr->lane, ticket, stride);
	hand_over(pr);
	if (ret_ticket != NULL)
		*ret_ticket = ticket;
	return 0;
}

int weir_abort(struct weir_producer *pr)
{
	if (pr->open == WR_OPEN_NOTHING)
		return -EINVAL;
	/* Nothing was appended: the next claim begins at the same place. */
	pr->open = WR_OPEN_NOTHING;
	pr->stamp.sequence = pr->run_stamp;
	return 0;
}

/* ---- runs ---- */

int weir_run_begin(struct weir_producer *pr, size_t bytes_max)
{
	uint8_t *to;
	bool stays = false;
	int rc = check_open(pr, false);
	if (rc != 0)
		return rc;
	if (bytes_max == 0 || bytes_max > pr->pipeline->run_bytes_max)
		return bytes_max == 0 ? -EINVAL : WEIR_E_TOO_BIG;
	uint64_t room = WR_RECORD_HEAD_BYTES + wr_round_up(bytes_max, WR_RECORD_ALIGN);
	rc = claim_room(pr, room, &to, &stays);
	if (rc != 0)
		return rc;
	pr->open = WR_OPEN_RUN;
	pr->claim = to;
	pr->claim_bytes = room;
	pr->claim_used = WR_RECORD_HEAD_BYTES;
	pr->run_records = 0;
	pr->run_stamp = pr->stamp.sequence;
	go_if(pr, stays);
	return 0;
}

int weir_run_add(struct weir_producer *pr, const struct weir_event *event)
{
	struct wr_encoding encoding;
	struct wr_caused caused;
	if (pr->open != WR_OPEN_RUN)
		return -EINVAL;
	/* In a child the room is still the parent's. */
	int rc = wr_pipeline_is_copy(pr->pipeline) ? WEIR_E_CLOSED
						   : measure(pr, &event, &caused, &encoding);
	if (rc != 0)
		return rc;
	if (encoding.stride > pr->claim_bytes - pr->claim_used ||
	    pr->run_records == pr->pipeline->options.run_records_max)
		return WEIR_E_TOO_BIG;
	uint8_t *to = pr->claim + pr->claim_used;
	if (WR_BUG(RUN_TURNED_AROUND)) {
		to = pr->claim + WR_RECORD_HEAD_BYTES;
		memmove(to + encoding.stride, to, pr->claim_used - WR_RECORD_HEAD_BYTES);
	}
	encode_whole(pr, event, &encoding, to);
	pr->claim_used += encoding.stride;
	pr->run_records++;
	return 0;
}

int weir_run_commit(struct weir_producer *pr, uint64_t *ret_ticket)
{
	if (pr->open != WR_OPEN_RUN || pr->run_records == 0)
		return -EINVAL;
	int rc = wr_pipeline_refused(pr->pipeline);
	if (rc != 0)
		return rc;
	const struct wr_run_head head = {
		.record_count = pr->run_records,
		.record_bytes = (uint32_t)(pr->claim_used - WR_RECORD_HEAD_BYTES),
	};
	(void)wr_run_head_write(pr->claim, head);
	pr->open = WR_OPEN_NOTHING;
	uint64_t ticket = wr_lane_append(pr->lane, pr->claim_used);
	WR_PROBE3(publish, (uintptr_t)pr->lane, ticket, pr->claim_used);
	hand_over(pr);
	if (ret_ticket != NULL)
		*ret_ticket = ticket;
	return 0;
}

/* ---- what was refused ---- */

int weir_producer_skip(struct weir_producer *pr, uint64_t *ret_ticket)
{
	const struct wr_control_skip skip = {.epoch = pr->stamp.epoch,
					     .sequence = pr->stamp.sequence};
	const uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof skip));
	uint8_t *to;
	bool stays = false;
	int rc = pr->named ? check_open(pr, false) : -EINVAL;
	if (rc == 0)
		rc = claim_room(pr, bytes, &to, &stays);
	if (rc != 0)
		return rc;
	wr_control_write(to, WR_KIND_PRODUCER_SKIP, pr->stamp.id, 0, NULL, 0, &skip, sizeof skip);
	if (pr->want_sequences)
		((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	uint64_t ticket = wr_lane_append(pr->lane, bytes);
	hand_over(pr);
	if (ret_ticket != NULL)
		*ret_ticket = ticket;
	go_if(pr, stays);
	return 0;
}

size_t weir_event_bytes(const struct weir_event *event)
{
	struct wr_encoding encoding;
	struct wr_caused caused;
	event = wr_caused_event(event, false, &caused);
	/* With a stamp and a version: it holds for named producers, and for any topic. */
	const struct wr_encode_topic any = {.partition_count = UINT32_MAX, .versioned = true};
	if (wr_encode_measure(event, any, true, 0, &encoding) != 0)
		return 0;
	return encoding.stride;
}
