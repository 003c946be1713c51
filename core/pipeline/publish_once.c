/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing without a producer, through the shared lane (L12). */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/cause.h"
#include "core/pipeline/pipeline.h"
#include "core/record/encode.h"

struct once {
	struct weir_pipeline *pipeline;
	struct wr_shared_buffer *buffer;
	enum weir_level level;
	uint64_t deadline_ns; /* for all that it waits for together; UINT64_MAX: none */
	int code;             /* there will be no buffer, for this reason */
};

static bool has_buffer(void *context)
{
	struct once *o = context;
	o->buffer = wr_shared_take(&o->pipeline->shared);
	if (o->buffer == NULL && wr_load_seq(&o->pipeline->no_room) != 0) /* F2 */
		o->code = WEIR_E_NO_ROOM;
	return o->buffer != NULL || o->code != 0;
}

static bool is_decided(void *context)
{
	struct once *o = context;
	return wr_shared_is_done(o->buffer);
}

/* Accepted or refused, it is told once everything that it depends on is at the level (L9). */
static bool may_be_told(void *context)
{
	struct once *o = context;
	struct weir_pipeline *p = o->pipeline;
	const struct wr_reply *reply = &o->buffer->reply;
	uint64_t needs = wr_max_u64(reply->sequence, reply->after_seq);
	if (o->level == WEIR_LEVEL_MEMORY ||
	    (WR_BUG(DUPLICATE_TOLD_EARLY) && reply->code == WEIR_E_DUPLICATE))
		return true;
	return needs <= (o->level == WEIR_LEVEL_WRITTEN
				 ? wr_park_look_u64(&p->link.written_seq) /* D1 */
				 : wr_park_look_u64(&p->link.durable_seq));
}

static int encode(struct weir_pipeline *p, const struct weir_event *event,
		  struct wr_encoding *ret_encoding)
{
	struct wr_catalog *catalog = &p->tables.catalog;
	if (event->topic >= wr_catalog_topic_count(catalog))
		return WEIR_E_UNKNOWN_NAME;
	/* Keyless events go to partitions in turn, whoever publishes them. */
	uint32_t turn = event->key == NULL ? wr_add_relaxed(&p->keyless, 1u) : 0;
	int rc = wr_encode_measure(event, wr_pipeline_topic(p, event->topic), false, turn,
				   ret_encoding);
	if (rc != 0)
		return rc;
	if (!wr_pipeline_takes_key(p, event))
		return -EINVAL;
	if (ret_encoding->stride > p->shared.buffer_bytes)
		return WEIR_E_TOO_BIG;
	return wr_pipeline_admit(p, event, ret_encoding);
}

static int publish(struct once *o, const struct weir_event *event,
		   const struct wr_encoding *encoding, struct weir_pos *ret_pos)
{
	struct weir_pipeline *p = o->pipeline;
	struct wr_parker *parker = &p->lanes[WR_SHARED_LANE].parker;
	uint8_t *to = o->buffer->bytes;
	uint8_t *payload = wr_encode_head(event, encoding, NULL, to);
	bool is_half_made = WR_BUG(SHARED_HALF_MADE); /* when the writer takes it */
	if (encoding->payload_bytes > 0 && !is_half_made)
		memcpy(payload, event->payload, encoding->payload_bytes);
	wr_encode_tail(to, encoding->head.bytes);
	wr_shared_push(&p->shared, o->buffer, encoding->stride);
	int rc = wr_pipeline_wait(p, parker, is_decided, o, wr_pipeline_left_ns(p, o->deadline_ns));
	if (encoding->payload_bytes > 0 && is_half_made)
		memcpy(payload, event->payload, encoding->payload_bytes);
	if (rc == 0 && !may_be_told(o))
		rc = wr_pipeline_wait(p, parker, may_be_told, o,
				      wr_pipeline_left_ns(p, o->deadline_ns));
	if (rc == 0)
		rc = o->buffer->reply.code;
	/* Of a duplicate: where the first stands; of a conflict: the last; in whatever epoch. */
	if ((rc == 0 || rc == WEIR_E_DUPLICATE || rc == WEIR_E_CONFLICT) && ret_pos != NULL)
		*ret_pos = (struct weir_pos){.sequence = o->buffer->reply.sequence,
					     .epoch = rc == 0 ? p->writer.options.epoch : 0,
					     .log = p->writer.options.log_id};
	wr_shared_leave(&p->shared, o->buffer);
	return rc;
}

int weir_publish_once(struct weir_pipeline *p, const struct weir_event *event,
		      enum weir_level level, uint64_t timeout_ns, struct weir_pos *ret_pos)
{
	struct wr_encoding encoding;
	struct wr_caused caused;
	struct once once = {.pipeline = p, .level = level};
	int rc = wr_pipeline_refused_event(p);
	if (rc != 0)
		return rc;
	if (p->host.inside_step(p->host.context))
		return WEIR_E_AGAIN;
	if ((unsigned)level > WEIR_LEVEL_DURABLE ||
	    (level > WEIR_LEVEL_MEMORY && p->journal == NULL))
		return -EINVAL;
	if (level == WEIR_LEVEL_DEFAULT)
		once.level = p->journal != NULL ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
	event = wr_caused_event(event, false, &caused);
	rc = encode(p, event, &encoding);
	if (rc != 0)
		return rc;
	once.deadline_ns = wr_pipeline_deadline_ns(p, timeout_ns);
	wr_pipeline_stay(p);
	if (!has_buffer(&once)) {
		rc = wr_pipeline_wait(p, &p->lanes[WR_SHARED_LANE].parker, has_buffer, &once,
				      wr_pipeline_left_ns(p, once.deadline_ns));
		rc = rc == -ETIMEDOUT ? WEIR_E_AGAIN : rc; /* surely not in the log */
	}
	if (rc == 0)
		rc = once.code;
	if (rc == 0)
		rc = publish(&once, event, &encoding, ret_pos);
	wr_pipeline_go(p);
	return rc;
}
