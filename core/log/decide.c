/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/decide.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/log/addressed.h"
#include "core/log/carried.h"
#include "core/record/batch.h"

static int check_key(struct wr_tables *t, const struct wr_record_view *view, bool replay,
		     struct wr_keys_candidate *ret)
{
	struct wr_option option;
	if (!wr_option_find(view, WR_OPTION_IDEMPOTENCY_KEY, &option))
		return 0;
	return wr_keys_check(&t->keys, view->head->topic, option.value, option.value_bytes,
			     t->now_us, !replay, ret);
}

/*
 * What the topic follows, if it follows a subject. Copies of weir's own (dead letters, what is
 * redriven) were taken once, perhaps before the topic followed any.
 */
static bool has_its_schema(struct wr_tables *t, const struct wr_record_view *view)
{
	struct wr_option origin;
	uint32_t word = wr_schemas_topic(&t->schemas, view->head->topic);
	return wr_schemas_admit(&t->schemas, word, view->head) ||
	       wr_option_find(view, WR_OPTION_ORIGIN, &origin);
}

/* The last question: who is told that it is a duplicate need not come again. */
static int take_place(struct wr_tables *t, const struct wr_record *r, uint64_t seq, bool alone,
		      struct wr_decision *d)
{
	uint32_t full = wr_lengths_full(t, r, seq, alone);
	if (full == UINT32_MAX) {
		wr_lengths_take(t, r);
		return 0;
	}
	wr_atomic_u64 *refused = &t->lengths.of[full].refused;
	wr_store_relaxed(refused, wr_load_relaxed(refused) + 1); /* own */
	d->id = full;
	return WEIR_E_QUEUE_FULL;
}

static int decide_event(struct wr_tables *t, struct wr_undo *undo,
			const struct wr_record_view *view, uint64_t seq, bool replay,
			struct wr_decision *d)
{
	if (view->head->topic >= wr_catalog_topic_count(&t->catalog))
		return WEIR_E_UNKNOWN_NAME;
	struct wr_option other;
	if (!wr_options_valid(view) || wr_option_find(view, WR_OPTION_ADDRESS, &other) ||
	    wr_option_find(view, WR_OPTION_CARRIED, &other))
		return -EINVAL;
	/* Read before that was erased: who made it looks again. What stands in the log stands. */
	if (!replay && wr_erasures_has_copied(&t->erasures, view) && !WR_BUG(COPY_OF_ERASED_TAKEN))
		return -ENOENT;
	if (t->schemas.follows && !has_its_schema(t, view))
		return WEIR_E_UNKNOWN_SCHEMA;
	const struct wr_topic *topic = &t->catalog.topics[view->head->topic];
	struct wr_producer_stamp stamp;
	struct wr_keys_candidate key = {0};
	struct wr_version_candidate version;
	/* All questions first: a record that is alone has no undo list. */
	bool stamped = wr_stamp_find(view, &stamp);
	int rc = stamped ? wr_producers_check(&t->producers, &stamp) : 0;
	if (rc == 0)
		rc = check_key(t, view, replay, &key);
	d->first_seq = key.found_seq;
	/* A repeat by its key is none of a version: it has made that one already. */
	if (rc == 0) {
		rc = wr_versions_check(&t->versions, view, replay, &version);
		d->first_seq = version.now.last_seq;
		d->asked = version.asked;
		d->version = rc == 0 ? wr_version_given(&version) : version.now.version;
	}
	if (rc == 0 && !replay && t->lengths.count > 0)
		rc = take_place(t, view->head, seq, undo->entries == NULL, d);
	if (rc != 0)
		return rc;
	if (stamped)
		wr_producers_take(&t->producers, undo, &stamp, seq);
	if (key.window != NULL)
		wr_keys_take(&t->keys, &key, seq, undo->entries != NULL);
	wr_versions_take(&t->versions, &version, seq, undo->entries != NULL);
	/* The counts are part of the run: taken back with it. */
	uint32_t partition = wr_record_partition(view->head, wr_topic_in_force(topic));
	struct wr_partition_cells *cell = &t->catalog.cells[topic->first_cell + partition];
	wr_cell_set(undo, &cell->events, wr_load_relaxed(&cell->events) + 1);
	wr_cell_set(undo, &cell->bytes, wr_load_relaxed(&cell->bytes) + view->head->bytes);
	d->tag = topic->tag_base + partition;
	return 0;
}

/*
 * What is settled from here on is counted from what was appended so far: exact when the position
 * is at the log's end or at its beginning. For a place between, the group counts what lies between
 * the position and this record, once (`moved` says that it has to).
 */
void wr_tables_count_from(struct wr_tables *t, struct wr_undo *undo,
			  const struct wr_subscription *s, uint32_t row, uint64_t position,
			  uint64_t seq)
{
	struct wr_settle_row *r = &t->settle.rows[s->row_first + row];
	struct wr_partition_cells *cell = wr_catalog_row_cells(&t->catalog, s, row);
	bool all = position <= 1 && !t->may_lack_events;
	uint64_t events = wr_load_relaxed(&cell->events) + wr_load_relaxed(&r->to_events);
	uint64_t bytes = wr_load_relaxed(&cell->bytes) + wr_load_relaxed(&r->to_bytes);
	wr_cell_set(undo, &r->events, all ? 0 : events); /* own */
	wr_cell_set(undo, &r->bytes, all ? 0 : bytes);
	wr_cell_set(undo, &r->moved, all || position == seq ? 0 : seq);
	wr_cell_set(undo, &r->base_events, wr_load_relaxed(&r->events));
	wr_cell_set(undo, &r->base_bytes, wr_load_relaxed(&r->bytes));
	wr_cell_set(undo, &r->anew_from, position);
	wr_cell_publish(undo, &r->anew_seq, seq); /* H3 */
}

/* What a topic remembers, besides its partitions. */
struct memory_of_topic {
	struct wr_control_window window;
	struct wr_control_versions versions;
};

static bool remembers_the_same(const struct wr_tables *t, uint32_t topic,
			       const struct memory_of_topic *asked)
{
	const struct wr_keys_window *w = wr_keys_window(&t->keys, topic);
	const struct wr_version_topic *v = wr_versions_topic(&t->versions, topic);
	bool same = w == NULL ? asked->window.keys == 0
			      : w->def.keys == asked->window.keys &&
					w->def.span_us == asked->window.span_us;
	return same && (v == NULL ? 0 : v->def.keys) == asked->versions.keys;
}

static int decide_topic(struct wr_tables *t, struct wr_undo *undo,
			const struct wr_record_view *view, struct wr_decision *d)
{
	struct wr_control_topic topic;
	struct memory_of_topic m;
	if (!wr_control_topic_read(view, &topic))
		return -EINVAL;
	d->features = topic.partitions_max != 0 ? WR_BATCH_MAPS : 0;
	wr_control_window_read(view, &m.window);
	wr_control_versions_read(view, &m.versions);
	uint32_t id = wr_catalog_topic_count(&t->catalog);
	bool remembers = m.window.keys > 0 || m.versions.keys > 0;
	bool is_new = remembers && !wr_catalog_find_topic(&t->catalog, (const char *)view->key,
							  view->head->key_bytes, &d->id);
	if (is_new && (id >= t->catalog.limits.topics_max ||
		       (m.window.keys > 0 && !wr_keys_fit(&t->keys, m.window.keys)) ||
		       (m.versions.keys > 0 && !wr_versions_fit(&t->versions, m.versions.keys))))
		return WEIR_E_FULL;
	/* What it remembers is there before the topic is seen (B1). */
	if (is_new && m.window.keys > 0)
		wr_keys_define(&t->keys, id, &m.window, t->now_us);
	if (is_new && m.versions.keys > 0)
		wr_versions_define(&t->versions, id, &m.versions);
	int rc = wr_catalog_topic(&t->catalog, undo, view, &d->id, &d->same);
	if (rc != 0 && is_new && m.window.keys > 0)
		wr_keys_undefine(&t->keys);
	if (rc != 0 && is_new && m.versions.keys > 0)
		wr_versions_undefine(&t->versions);
	if (rc == WEIR_E_EXISTS)
		d->same = d->same && remembers_the_same(t, d->id, &m);
	return rc;
}

static int may_be_made_with(struct wr_tables *t, const struct wr_control_subscription *control,
			    const struct wr_filter_view *filter, struct wr_decision *d)
{
	struct wr_subscription asked = {.topic_count = control->topic_count,
					.order = control->order};
	memcpy(asked.topics, control->topics, control->topic_count * sizeof asked.topics[0]);
	return wr_decide_filter_of(t, &asked, filter, d);
}

static int decide_subscription(struct wr_tables *t, struct wr_undo *undo,
			       const struct wr_record_view *view, uint64_t seq,
			       struct wr_decision *d)
{
	uint32_t filter_bytes = 0;
	struct wr_control_subscription control;
	const uint8_t *filter = wr_control_subscription_read(view, &control)
					? wr_control_subscription_filter(view, &filter_bytes)
					: NULL;
	uint32_t id = wr_catalog_subscription_count(&t->catalog);
	if (filter != NULL && id < t->catalog.limits.subscriptions_max &&
	    !wr_catalog_find_subscription(&t->catalog, (const char *)view->key,
					  view->head->key_bytes, &d->id) &&
	    wr_filters_fit(&t->filters, id, filter_bytes, 0) != 0)
		return WEIR_E_FULL;
	struct wr_filter_view wants = {0};
	if (filter != NULL && !wr_filter_read(filter, filter_bytes, &wants))
		return -EINVAL;
	int rc = filter != NULL ? may_be_made_with(t, &control, &wants, d) : 0;
	if (rc == 0)
		rc = wr_catalog_subscription(&t->catalog, undo, view, seq, &d->id, &d->same);
	if (rc != 0)
		return rc;
	if (filter != NULL) {
		wr_decide_filter_given(t, &wants);
		/* Who gets a share is a member of the ring from here on, wherever it starts. */
		rc = wr_filters_give(&t->filters, d->id, filter, filter_bytes,
				     wr_filter_shares(&wants) ? seq : 0, 0);
		WR_ASSERT(rc == 0); /* it fits */
		wr_filters_tell(&t->filters);
	}
	const struct wr_subscription *s = &t->catalog.subscriptions[d->id];
	wr_settle_start(&t->settle, s->row_first, s->row_count, s->start_seq);
	for (uint32_t row = 0; row < s->row_count; row++) {
		/* Rows of a shared one are counted as one. */
		if (s->order != WR_ORDER_PARTITION || wr_catalog_row_in_force(&t->catalog, s, row))
			wr_tables_count_from(t, undo, s, row, s->start_seq, seq);
		else
			wr_settle_no_position(&t->settle, s->row_first + row);
	}
	if (s->order != WR_ORDER_PARTITION)
		wr_outstanding_start(&t->outstanding, &t->settle, d->id, s);
	d->tag = s->tag;
	d->moved_to = s->start_seq;
	return 0;
}

/* The subscription of a control record, or NULL. Its row must be one of it that is in force. */
static const struct wr_subscription *subscription_of(struct wr_tables *t,
						     const struct wr_record *head)
{
	if (head->topic >= wr_catalog_subscription_count(&t->catalog))
		return NULL;
	const struct wr_subscription *s = &t->catalog.subscriptions[head->topic];
	return head->key_hash < s->row_count &&
			       wr_catalog_row_in_force(&t->catalog, s, head->key_hash)
		       ? s
		       : NULL;
}

/*
 * A seek of a shared subscription: a GENERATION of its first row. What is outstanding is settled as
 * far as lag goes, but for what stays: all of it is counted from here, as of any seek.
 */
static int decide_move(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
		       const struct wr_subscription *s, uint64_t seq, struct wr_decision *d)
{
	struct wr_control_generation generation;
	if (!wr_control_generation_read(view, &generation) || view->head->key_hash != 0 ||
	    generation.position == WR_POSITION_KEEP || undo->entries != NULL)
		return -EINVAL; /* nor could it be taken back with a run */
	/* Detached: it goes on nowhere, and lag is what comes from here on. */
	bool detaches = generation.position == WR_POSITION_DETACHED;
	uint64_t position = wr_load_relaxed(&t->settle.rows[s->row_first].position); /* own */
	if (detaches && generation.owner == WR_OWNER_CARRIED_STAY)
		return -EINVAL;
	if (detaches)
		generation.position += wr_position_stood(position);
	else if (generation.position > seq)
		return WEIR_E_TRUNCATED;
	int rc = wr_settle_generation(&t->settle, undo, s->row_first, &generation);
	if (rc != 0)
		return rc;
	uint32_t id = view->head->topic;
	for (uint32_t row = 0; row < s->row_count; row++)
		wr_tables_count_from(t, undo, s, row, detaches ? seq : generation.position, seq);
	bool carried_stay = generation.owner == WR_OWNER_CARRIED_STAY;
	wr_outstanding_move(&t->outstanding, &t->settle, id, s, generation.position, carried_stay);
	wr_lengths_forget(&t->lengths);
	d->id = t->outstanding.lists[id].first_generation;
	d->features = carried_stay ? WR_BATCH_CARRIED_STAY : 0;
	if (detaches)
		d->features = WR_BATCH_DETACHED;
	else
		d->moved_to = wr_load_relaxed(&t->settle.rows[s->row_first].position); /* own */
	return 0;
}

/* What it has not read is nobody's any more: lag is what comes from here on. */
static int decide_detach(struct wr_tables *t, struct wr_undo *undo, const struct wr_subscription *s,
			 uint32_t row, struct wr_control_generation *generation, uint64_t seq,
			 struct wr_decision *d)
{
	uint32_t in_all = s->row_first + row;
	if (row >= s->row_count)
		return -EINVAL;
	uint64_t position = wr_load_relaxed(&t->settle.rows[in_all].position); /* own */
	if (position == WR_POSITION_NONE)
		return -EINVAL;
	generation->position = WR_POSITION_DETACHED + wr_position_stood(position);
	int rc = wr_settle_generation(&t->settle, undo, in_all, generation);
	if (rc != 0)
		return rc;
	wr_attempts_raised(&t->attempts, &t->settle, undo, in_all, true);
	wr_tables_count_from(t, undo, s, row, seq, seq);
	d->features = WR_BATCH_DETACHED;
	return 0;
}

static int decide_settle(struct wr_tables *t, struct wr_undo *undo,
			 const struct wr_record_view *view, uint64_t seq, struct wr_decision *d)
{
	const struct wr_subscription *s = subscription_of(t, view->head);
	if (s == NULL)
		return WEIR_E_UNKNOWN_NAME;
	d->tag = s->tag;
	if (s->order != WR_ORDER_PARTITION)
		return view->head->kind == WR_KIND_GENERATION
			       ? decide_move(t, undo, view, s, seq, d)
			       : -EINVAL;
	d->id = view->head->key_hash; /* the row: what the asker knows it by */
	uint32_t row = s->row_first + view->head->key_hash;
	if (view->head->kind == WR_KIND_PROGRESS) {
		struct wr_control_progress progress;
		if (!wr_control_progress_read(view, &progress) || progress.to > seq)
			return -EINVAL;
		int rc = wr_settle_progress(&t->settle, undo, row, &progress);
		/* How many events a gap held nobody knows: nobody is to process them any more. */
		if (rc == 0 && progress.missed != 0)
			wr_tables_count_from(t, undo, s, view->head->key_hash, progress.to, seq);
		return rc;
	}
	struct wr_control_generation generation;
	if (!wr_control_generation_read(view, &generation))
		return -EINVAL;
	if (generation.position == WR_POSITION_DETACHED)
		return decide_detach(t, undo, s, view->head->key_hash, &generation, seq, d);
	if (generation.position != WR_POSITION_KEEP && generation.position > seq)
		return WEIR_E_TRUNCATED;
	int rc = wr_settle_generation(&t->settle, undo, row, &generation);
	if (rc == 0)
		wr_attempts_raised(&t->attempts, &t->settle, undo, row,
				   generation.position != WR_POSITION_KEEP);
	if (rc == 0 && generation.position != WR_POSITION_KEEP) {
		wr_tables_count_from(t, undo, s, view->head->key_hash, generation.position, seq);
		d->moved_to = generation.position;
	}
	return rc;
}

struct idle_row {
	struct wr_tables *t;
	const struct wr_subscription *s;
};

/* Everything of it that was ever appended is settled: known but where that is counted anew. */
static bool row_is_idle(void *context, uint32_t row)
{
	const struct idle_row *idle = context;
	struct wr_settle_row *r = &idle->t->settle.rows[idle->s->row_first + row];
	struct wr_partition_cells *cells = wr_catalog_row_cells(&idle->t->catalog, idle->s, row);
	uint64_t appended = wr_load_relaxed(&cells->events) + wr_load_relaxed(&r->to_events);
	return wr_load_relaxed(&r->moved) == 0 && wr_load_relaxed(&r->events) == appended; /* own */
}

/* A REJECT of a subscription with order PARTITION. */
static int decide_attempt(struct wr_tables *t, struct wr_undo *undo,
			  const struct wr_record_view *view, const struct wr_subscription *s,
			  uint64_t seq, struct wr_decision *d)
{
	struct wr_reject reject;
	const char *text;
	d->id = view->head->key_hash; /* the row */
	d->features = WR_BATCH_ATTEMPTS;
	if (!wr_reject_read(view, &reject, &text))
		return -EINVAL;
	if (reject.verdict != WR_VERDICT_CRASHED)
		return wr_attempts_decide(&t->attempts, &t->settle, undo, s, d->id, &reject, seq);
	if (undo->entries != NULL)
		return -EINVAL;
	wr_attempts_crashed(&t->attempts, &t->settle, s, &reject, seq, row_is_idle,
			    &(struct idle_row){.t = t, .s = s});
	return 0;
}

/* A record of a shared subscription. `undo`: a SETTLE in a run can be taken back. */
static int decide_shared(struct wr_tables *t, struct wr_undo *undo,
			 const struct wr_record_view *view, uint64_t seq, struct wr_decision *d)
{
	const struct wr_subscription *s = subscription_of(t, view->head);
	uint32_t id = view->head->topic;
	struct wr_mark_view mark;
	struct wr_settle_view settle;
	struct wr_reject reject;
	const char *text;
	int rc;
	if (s == NULL)
		return WEIR_E_UNKNOWN_NAME;
	d->tag = s->tag;
	if (s->order == WR_ORDER_PARTITION)
		return view->head->kind == WR_KIND_REJECT ? decide_attempt(t, undo, view, s, seq, d)
							  : -EINVAL;
	switch (view->head->kind) {
	case WR_KIND_HANDOUT_MARK:
		if (!wr_mark_read(view, &mark) || mark.head.to > seq)
			return -EINVAL;
		return wr_outstanding_mark(&t->outstanding, &t->settle, id, s, &mark);
	case WR_KIND_SETTLE:
		if (!wr_settle_read(view, &settle))
			return -EINVAL;
		rc = wr_outstanding_settle(&t->outstanding, &t->settle, id, s, &settle,
					   undo->entries != NULL, &d->id);
		d->tell = d->id > 0;
		/* In a run all that it names is the asker's, or the run is not. */
		return rc == 0 && d->tell && undo->entries != NULL && !WR_BUG(RUN_SETTLES_IN_PART)
			       ? WEIR_E_FENCED
			       : rc;
	default:
		if (!wr_reject_read(view, &reject, &text))
			return -EINVAL;
		return wr_outstanding_reject(&t->outstanding, &t->settle, id, s, &reject, seq,
					     undo->entries != NULL, &d->id);
	}
}

static int decide_schema(struct wr_tables *t, const struct wr_record_view *view,
			 struct wr_decision *d)
{
	int rc = wr_schemas_decide(&t->schemas, view, wr_catalog_topic_count(&t->catalog),
				   &d->schema);
	d->features = WR_BATCH_SCHEMAS | (d->schema.is_json ? WR_BATCH_JSON_SCHEMAS : 0);
	d->id = d->schema.entry;
	d->same = d->schema.same;
	return rc;
}

static int decide_producer(struct wr_tables *t, struct wr_undo *undo,
			   const struct wr_record_view *view, struct wr_decision *d)
{
	d->tag = WR_TAG_CONTROL;
	return wr_producers_open(&t->producers, undo, view, &d->id, &d->epoch);
}

/* Ids and epochs that the writer filled in must come out the same when the log is replayed. */
static bool replay_agrees(const struct wr_record_view *view, const struct wr_decision *d)
{
	switch (view->head->kind) {
	case WR_KIND_TOPIC:
	case WR_KIND_SUBSCRIPTION:
		return view->head->topic == d->id;
	case WR_KIND_TYPE: {
		struct wr_schema_record r;
		return wr_schema_record_read(view, &r) &&
		       (r.op != WR_SCHEMA_REGISTER ||
			(view->head->topic == d->schema.type && r.id == d->schema.id &&
			 r.version == d->schema.version));
	}
	case WR_KIND_PRODUCER: {
		struct wr_control_producer producer;
		return wr_control_producer_read(view, &producer) && view->head->topic == d->id &&
		       producer.epoch == d->epoch;
	}
	default:
		return true;
	}
}

int wr_decide(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
	      uint64_t seq, bool replay, struct wr_decision *ret_decision)
{
	int rc;
	*ret_decision = (struct wr_decision){.tag = WR_TAG_CONTROL, .moved_to = UINT64_MAX};
	switch (view->head->kind) {
	case WR_KIND_EVENT:
		rc = decide_event(t, undo, view, seq, replay, ret_decision);
		break;
	case WR_KIND_ADDRESSED:
		rc = wr_decide_addressed(t, undo, view, ret_decision);
		break;
	case WR_KIND_CARRIED:
		rc = wr_decide_carried(t, undo, view, seq, ret_decision);
		break;
	case WR_KIND_PROGRESS:
	case WR_KIND_GENERATION:
		rc = decide_settle(t, undo, view, seq, ret_decision);
		break;
	case WR_KIND_HANDOUT_MARK:
	case WR_KIND_SETTLE:
	case WR_KIND_REJECT:
		rc = decide_shared(t, undo, view, seq, ret_decision);
		break;
	case WR_KIND_TOPIC:
		rc = decide_topic(t, undo, view, ret_decision);
		break;
	case WR_KIND_SUBSCRIPTION:
		rc = decide_subscription(t, undo, view, seq, ret_decision);
		break;
	case WR_KIND_TYPE:
		rc = decide_schema(t, view, ret_decision);
		break;
	case WR_KIND_PARTITION_MAP:
		rc = wr_decide_growth(t, undo, view, seq, ret_decision);
		break;
	case WR_KIND_FILTER:
		rc = wr_decide_filter(t, undo, view, seq, ret_decision);
		break;
	case WR_KIND_PRODUCER:
		rc = decide_producer(t, undo, view, ret_decision);
		break;
	case WR_KIND_PRODUCER_SKIP:
		rc = wr_producers_skip(&t->producers, undo, view);
		break;
	case WR_KIND_ERASE:
		ret_decision->features = WR_BATCH_ERASURES;
		rc = wr_erasures_decide(&t->erasures, view, seq,
					wr_catalog_topic_count(&t->catalog));
		break;
	case WR_KIND_EPOCH_START:
		/* Written by the writer itself. */
		wr_keys_epoch(&t->keys, t->now_us);
		rc = 0;
		break;
	default:
		rc = -EINVAL;
	}
	/* What a replay finds no room for was written with larger tables: no damage. */
	if (!replay || rc == WEIR_E_FULL)
		return rc;
	t->keys.last_us = t->now_us;
	return rc == 0 && replay_agrees(view, ret_decision) ? 0 : WEIR_E_CORRUPT;
}

void wr_tables_run_undo(struct wr_tables *t, struct wr_undo *undo)
{
	wr_undo_all(undo);
	wr_lengths_forget(&t->lengths);
	wr_keys_undo(&t->keys);
	wr_versions_undo(&t->versions);
	wr_outstanding_undo(&t->outstanding, &t->settle, &t->catalog);
}

void wr_tables_run_keep(struct wr_tables *t, struct wr_undo *undo)
{
	wr_undo_keep(undo);
	wr_outstanding_keep(&t->outstanding);
	wr_versions_keep(&t->versions);
}
