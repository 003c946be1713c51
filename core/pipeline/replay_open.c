/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a replay: its options, its range, its memory; and closing it. */
#include "core/pipeline/replay.h"

#include <errno.h>
#include <stdio.h>

#include "core/route/filter.h"

/*
 * Generations of a replay's own pool, by the slot that it has: never those of the groups' pool or
 * of another replay, whose pins are looked at, too. With 1024 members they stay below
 * WR_PIN_CATCHUP.
 */
#define OWN_GENERATIONS (1ull << 48)

void weir_replay_options_init(struct weir_replay_options *options)
{
	*options = (struct weir_replay_options){
		.struct_bytes = sizeof *options,
		.end_sequence = UINT64_MAX,
		.end_time_us = UINT64_MAX,
		.partition = UINT32_MAX,
		.event_end_us = UINT64_MAX,
	};
}

/* ---- options ---- */

static int refuse(struct weir_problem *problem, const char *field, const char *text)
{
	return wr_problem_set(problem, -EINVAL, field, text);
}

static int check(struct weir_pipeline *p, const struct weir_replay_options *o,
		 struct weir_problem *problem)
{
	if (o->from_sequence > o->end_sequence)
		return refuse(problem, "from_sequence", "behind the end of the range");
	if (o->from_time_us > o->end_time_us)
		return refuse(problem, "from_time_us", "behind the end of the range");
	if (o->event_from_us > o->event_end_us)
		return refuse(problem, "event_from_us", "behind the end of the range");
	if ((unsigned)o->gate > WEIR_LEVEL_DURABLE || o->gate == WEIR_LEVEL_WRITTEN)
		return refuse(problem, "gate", "MEMORY or DURABLE");
	if (o->gate == WEIR_LEVEL_DURABLE && p->journal == NULL)
		return refuse(problem, "gate", "a memory-only pipeline has no DURABLE gate");
	if (o->topic_count > WEIR_REPLAY_TOPICS_MAX || (o->topic_count > 0 && o->topics == NULL))
		return refuse(problem, "topics", "up to 64 ids, or none for all topics");
	if ((o->key == NULL) != (o->key_bytes == 0) || o->key_bytes > WR_KEY_BYTES_MAX)
		return refuse(problem, "key", "1 to 65535 bytes, or NULL");
	return 0;
}

/* ---- memory ---- */

struct layout {
	size_t tags, topics, key, headers, json, json_bytes, total;
};

/* Of a filter over payloads; a larger one cannot be tried. */
static size_t json_bytes(const struct weir_pipeline *p, const struct weir_replay_options *o)
{
	return o->filter != NULL && p->options.schemas_max > 0 && wr_filter_asks_payload(o->filter)
		       ? wr_run_bytes_max(&p->options)
		       : 0;
}

static struct layout layout_of(struct weir_pipeline *p, const struct weir_replay_options *o)
{
	struct layout l = {.total = sizeof(struct weir_replay)};
	size_t tag_words = (wr_chunks_tag_mask(&p->chunks) + 64) / 64;
	l.tags = wr_add_part(&l.total, tag_words * sizeof(uint64_t));
	l.topics = wr_add_part(&l.total, o->topic_count * sizeof *o->topics);
	l.key = wr_add_part(&l.total, o->key_bytes);
	l.headers = wr_add_part(
		&l.total,
		o->filter != NULL ? WR_REPLAY_HEADERS_MAX * sizeof(struct weir_typed_header) : 0);
	l.json_bytes = json_bytes(p, o);
	l.json = wr_add_part(&l.total, l.json_bytes);
	return l;
}

/* Into the slot's block, which goes with the slot, or with the pipeline. */
static struct weir_replay *make(struct weir_member *m, const struct weir_replay_options *o)
{
	struct wr_memory *memory = m->pipeline->host.memory;
	struct layout l = layout_of(m->pipeline, o);
	uint8_t *block = memory->ops->alloc(memory, l.total, WR_LINE_BYTES);
	if (block == NULL)
		return NULL;
	m->block = block;
	m->block_bytes = l.total;
	struct weir_replay *r = (struct weir_replay *)block;
	*r = (struct weir_replay){
		.slot = m,
		.options = *o,
		.tags = (uint64_t *)(block + l.tags),
		.headers = (struct weir_typed_header *)(block + l.headers),
		.json = (char *)(block + l.json),
		.json_bytes = l.json_bytes,
		.with_event_time = o->event_from_us != 0 || o->event_end_us != UINT64_MAX,
	};
	r->options.topics = (const uint32_t *)(block + l.topics);
	if (o->topic_count > 0)
		memcpy(block + l.topics, o->topics, o->topic_count * sizeof *o->topics);
	if (o->key != NULL) {
		memcpy(block + l.key, o->key, o->key_bytes);
		r->options.key = block + l.key;
	}
	m->replay = r;
	return r;
}

static int make_readers(struct weir_replay *r)
{
	struct weir_pipeline *p = r->slot->pipeline;
	struct wr_memory *memory = p->host.memory;
	if (p->journal == NULL)
		return 0;
	int rc = wr_reader_init(&r->reader, &p->segments, p->host.storage, memory);
	if (rc == 0)
		rc = wr_catchup_init(&r->catchup, memory, &p->chunks, &p->segments, 1);
	uint64_t slot_index = (uint64_t)(r->slot - p->members);
	r->catchup.next_generation = (slot_index + 1) * OWN_GENERATIONS;
	return rc;
}

void wr_replay_fini(struct weir_replay *r)
{
	struct weir_pipeline *p = r->slot->pipeline;
	if (p->journal == NULL)
		return;
	wr_catchup_fini(&r->catchup, p->host.memory);
	wr_reader_fini(&r->reader, p->host.memory);
}

/* ---- the range ---- */

/* Where retention has left the log's beginning. */
static uint64_t oldest_of(struct weir_replay *r)
{
	struct weir_pipeline *p = r->slot->pipeline;
	uint64_t oldest = 0;
	if (p->journal != NULL)
		oldest = wr_segment_oldest_seq(&p->segments);
	else if (!wr_member_oldest_in_memory(r->slot, &oldest))
		oldest = 0;
	return wr_max_u64(oldest, 1);
}

/* The first event on disk that was appended then or later; behind all of them: none was. */
static int find_time(struct weir_replay *r, uint64_t time_us, const char *field, uint64_t *ret_seq,
		     struct weir_problem *problem)
{
	struct weir_pipeline *p = r->slot->pipeline;
	struct wr_extent_view view = {
		.batches = r->catchup.batches,
		.batches_max = r->catchup.batches_max,
	};
	int rc = wr_reader_find_time(&r->reader, time_us,
				     wr_load_acquire(&p->link.durable_seq), /* D1 */
				     r->catchup.mapping.writable, &view, ret_seq, problem);
	if (rc != 0 && problem != NULL && problem->code == 0)
		(void)wr_problem_set(problem, rc, field, weir_strerror(rc));
	return rc;
}

/* Not before from_time_us. What cannot be searched, because it is in memory, is looked through. */
static int skip_to_time(struct weir_replay *r, struct weir_problem *problem)
{
	uint64_t seq;
	if (r->options.from_time_us == 0 || r->slot->pipeline->journal == NULL)
		return 0;
	int rc = find_time(r, r->options.from_time_us, "from_time_us", &seq, problem);
	if (rc == WEIR_E_TRUNCATED) /* retired meanwhile: it is found by reading */
		return 0;
	if (rc == 0)
		r->slot->scan_seq = wr_max_u64(r->slot->scan_seq, seq);
	return rc;
}

int wr_replay_fix_end(struct weir_replay *r, uint64_t *ret_end_seq, struct weir_problem *problem)
{
	uint64_t seq;
	int rc = 0;
	if (r->options.end_time_us != UINT64_MAX && r->options.gate == WEIR_LEVEL_DURABLE) {
		rc = find_time(r, r->options.end_time_us, "end_time_us", &seq, problem);
		if (rc == 0)
			r->end_seq = wr_min_u64(r->end_seq, seq);
	}
	*ret_end_seq = r->end_seq;
	return rc;
}

/* Of a key's versions: nothing that is wanted lies behind the key's last event. */
static int end_with_key(struct weir_replay *r, struct weir_problem *problem)
{
	const struct weir_replay_options *o = &r->options;
	struct weir_pipeline *p = r->slot->pipeline;
	uint32_t version;
	uint64_t last;
	if (o->from_version == 0 || o->key == NULL || o->topic_count != 1 || o->follow ||
	    wr_versions_topic(&p->tables.versions, o->topics[0]) == NULL)
		return 0;
	int rc = weir_key_version(p, o->topics[0], o->key, o->key_bytes, &version, &last);
	if (rc != 0)
		return wr_problem_set(problem, rc, "key", weir_strerror(rc));
	if (version != 0) /* an ended key's events may be anywhere */
		r->end_seq = wr_min_u64(r->end_seq, last + 1);
	return 0;
}

static int set_range(struct weir_replay *r, struct weir_problem *problem)
{
	struct weir_pipeline *p = r->slot->pipeline;
	const struct weir_replay_options *o = &r->options;
	uint64_t next_seq = wr_pipeline_gate_seq(p, o->gate) + 1;
	if (o->from_sequence > next_seq)
		return wr_problem_set(problem, WEIR_E_TRUNCATED, "from_sequence",
				      "the place is beyond the end");
	r->replay_end = next_seq;
	r->end_seq = o->follow ? o->end_sequence : wr_min_u64(o->end_sequence, next_seq);
	r->slot->scan_seq = o->from_sequence != 0 ? o->from_sequence : oldest_of(r);
	int rc = end_with_key(r, problem);
	return rc != 0 ? rc : skip_to_time(r, problem);
}

/* ---- the public doors ---- */

static int open_in(struct weir_member *m, const struct weir_replay_options *o,
		   struct weir_replay **ret_replay, struct weir_problem *problem)
{
	struct weir_pipeline *p = m->pipeline;
	struct weir_replay *r = make(m, o);
	int rc = r == NULL ? -ENOMEM : 0;
	if (rc == 0) {
		if (o->gate == WEIR_LEVEL_DEFAULT)
			r->options.gate =
				p->journal != NULL ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
		m->gate = r->options.gate;
		m->gate_parker =
			m->gate == WEIR_LEVEL_MEMORY ? &p->visible_parker : &p->durable_parker;
		rc = make_readers(r);
	}
	if (rc != 0)
		return wr_problem_in_words(problem, rc);
	rc = wr_replay_set_tags(r, problem);
	if (rc == 0)
		rc = set_range(r, problem);
	if (rc != 0)
		return rc;
	if (m->gate == WEIR_LEVEL_MEMORY)
		wr_store_relaxed(&p->order_watched, 1u);
	*ret_replay = r;
	return 0;
}

static void give_back(struct weir_member *m)
{
	if (m->replay != NULL)
		wr_replay_fini(m->replay);
	wr_member_give_slot(m);
}

int weir_replay_open(struct weir_pipeline *p, const struct weir_replay_options *o,
		     struct weir_replay **ret_replay, struct weir_problem *reterr_problem)
{
	int rc = wr_null_check(o, ret_replay, reterr_problem);
	if (rc == 0)
		rc = wr_init_check(o->struct_bytes, sizeof *o, "weir_replay_options_init",
				   reterr_problem);
	if (rc == 0)
		rc = check(p, o, reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	struct weir_member *m = wr_member_take_slot(p);
	if (m == NULL)
		return wr_problem_set(reterr_problem, WEIR_E_FULL, "members_max",
				      "members_max of the pipeline have joined already, and a "
				      "replay takes a member's place");
	rc = open_in(m, o, ret_replay, reterr_problem);
	if (rc != 0)
		give_back(m);
	return rc;
}

void weir_replay_close(struct weir_replay *r)
{
	if (r == NULL)
		return;
	struct weir_member *m = r->slot;
	if (!wr_member_begin_call(m))
		return; /* it goes with the pipeline, which may have gone with this */
	struct weir_pipeline *p = m->pipeline;
	wr_member_unpin(m);
	wr_pipeline_stay(p); /* the slot is the next one's before this has ended */
	wr_member_end_call(m);
	give_back(m);
	wr_pipeline_go(p);
}
