/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions: making them, where they start, and moving them. */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/sharing.h"
#include "core/pipeline/subscription_filter.h"
#include "core/pipeline/topic_ways.h"

#define OUTSTANDING_MAX_DEFAULT 4096u

void weir_subscription_options_init(struct weir_subscription_options *options)
{
	*options = (struct weir_subscription_options){
		.struct_bytes = sizeof *options,
		.session_timeout_ns = 45000000000u,
		.lease_ns = 30000000000u,
		.retry_delay_min_ns = 1000000000u,
		.retry_delay_max_ns = 60000000000u,
	};
}

/* ---- places ---- */

/* The first record in memory whose append time is >= time_us; visible + 1: none. */
static uint64_t find_time_in_memory(struct weir_pipeline *p, uint64_t time_us)
{
	struct wr_pin *pin = &p->chunks.pins[p->options.members_max + WR_PIN_CONTROL];
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	uint64_t head = wr_load_acquire(&p->chunks.head);                     /* C1 */
	for (uint64_t o = wr_load_acquire(&p->chunks.floor); o < head; o++) { /* the pin decides */
		struct wr_chunk *chunk = wr_chunks_pin(&p->chunks, pin, o);
		if (chunk == NULL)
			continue;
		uint64_t end = wr_chunk_end(chunk, visible);
		uint32_t batch_count = wr_load_acquire(&chunk->batch_count); /* C3 */
		uint32_t b = 0;
		for (uint64_t seq = chunk->first_seq; seq < end; seq++) {
			uint32_t index = (uint32_t)(seq - chunk->first_seq);
			while (b + 1 < batch_count && chunk->batches[b + 1].first_index <= index)
				b++;
			const struct wr_batch_header *header =
				(const struct wr_batch_header *)(chunk->readable +
								 chunk->batches[b].place_bytes);
			const struct wr_record *r =
				(const struct wr_record *)(chunk->readable +
							   wr_column_place(&p->chunks,
									   chunk->column[index]));
			if (header->time_base_us + r->time_delta_us >= time_us) {
				wr_chunks_unpin(pin);
				return seq;
			}
		}
		wr_chunks_unpin(pin);
	}
	return visible + 1;
}

/*
 * From here on the journal retires nothing, so that the place that is found is still there when it
 * becomes a position (D4, core/record/link.h).
 */
static void hold_places(struct weir_pipeline *p)
{
	(void)wr_add_seq(&p->link.asking, 1u); /* D4 */
}

/*
 * The answer is there. When there will be none, because the pipeline refuses everything, what was
 * asked for may still be ordered: then it stays as it is, and nothing is retired any more.
 */
static void release_places(struct weir_pipeline *p)
{
	if (wr_pipeline_refused(p) == 0)
		(void)wr_sub_seq(&p->link.asking, 1u); /* D4 */
}

/* The first sequence that is still to be had, while places are held. */
static uint64_t oldest_seq(struct weir_pipeline *p)
{
	if (p->journal == NULL)
		return find_time_in_memory(p, 0);
	uint64_t leaving = wr_load_seq(&p->link.leaving_seq); /* D4 */
	uint64_t oldest = wr_segment_oldest_seq(&p->segments);
	return wr_max_u64(wr_max_u64(oldest, leaving), 1);
}

/* `field`: what the caller calls the place. */
static int is_gone(const char *field, struct weir_problem *problem)
{
	return wr_problem_set(problem, WEIR_E_TRUNCATED, field,
			      "the place is retired, or beyond the end");
}

static int find_time(struct weir_pipeline *p, uint64_t time_us, uint64_t *ret_seq,
		     const char *field, struct weir_problem *problem)
{
	if (p->journal == NULL) {
		*ret_seq = find_time_in_memory(p, time_us);
		return 0;
	}
	struct wr_extent_view view = {
		.batches = p->control_batches,
		.batches_max = p->chunks.chunk_bytes / WR_BLOCK_BYTES,
	};
	uint64_t oldest = oldest_seq(p);
	int rc = wr_reader_find_time(&p->control_reader, time_us,
				     wr_load_acquire(&p->link.durable_seq), /* D1 */
				     p->control_buffer, &view, ret_seq, problem);
	*ret_seq = wr_max_u64(*ret_seq, oldest);
	return rc == WEIR_E_TRUNCATED ? is_gone(field, problem) : rc;
}

/* A place as the user says it → a sequence. Under the control lock, while places are held. */
static int find_place(struct weir_pipeline *p, enum weir_seek_to to, uint64_t at, uint64_t *ret_seq,
		      const char *field, struct weir_problem *problem)
{
	uint64_t next = wr_writer_visible_seq(&p->writer) + 1;
	switch (to) {
	case WEIR_SEEK_OLDEST:
		*ret_seq = oldest_seq(p);
		return 0;
	case WEIR_SEEK_NEWEST:
		*ret_seq = next;
		return 0;
	case WEIR_SEEK_SEQUENCE:
		if (at < oldest_seq(p) || at > next)
			return is_gone(field, problem);
		*ret_seq = at;
		return 0;
	case WEIR_SEEK_TIME:
		return find_time(p, at, ret_seq, field, problem);
	}
	return wr_problem_set(problem, -EINVAL, "to", "not one of its values");
}

/* ---- making ---- */

/* What becomes of an event that fails. */
static int check_failures(const struct weir_subscription_options *o, struct weir_problem *problem)
{
	if (o->retry_delay_min_ns > o->retry_delay_max_ns ||
	    o->retry_delay_max_ns > WR_LEASE_NS_MAX ||
	    (o->retry_delay_min_ns == 0 && o->retry_delay_max_ns != 0))
		return wr_problem_set(problem, -EINVAL, "retry_delay_min_ns",
				      "at most retry_delay_max_ns, which is at most 12 h; 0 for "
				      "both: at once");
	if (o->attempts_max != 0 && o->dead_letters == NULL)
		return wr_problem_set(problem, -EINVAL, "attempts_max",
				      "needs dead_letters: nothing is given up in silence");
	if (o->time_to_live_ns > WEIR_TIME_TO_LIVE_NS_MAX)
		return wr_problem_set(problem, -EINVAL, "time_to_live_ns", "ten years at most");
	return 0;
}

static int check_not_shared(const struct weir_subscription_options *o, struct weir_problem *problem)
{
	if (o->single_active || o->when_dead != WEIR_DEAD_PASS)
		return wr_problem_set(problem, -EINVAL, "order",
				      "single_active and when_dead are for order KEY or NONE");
	if (o->delay_ns != 0 || o->priorities || o->length_max != 0 || o->length_bytes_max != 0 ||
	    o->when_long != WEIR_LONG_DROP)
		return wr_problem_set(
			problem, -EINVAL, "order",
			"delay_ns, length_max, length_bytes_max and when_long are for "
			"order KEY or NONE, priorities for NONE");
	if (o->time_to_live_ns != 0 && o->dead_letters == NULL)
		return wr_problem_set(
			problem, -EINVAL, "time_to_live_ns",
			"with order PARTITION it needs dead_letters: nothing is given "
			"up in silence");
	return check_failures(o, problem);
}

static int check_shared(struct weir_pipeline *p, const struct weir_subscription_options *o,
			struct weir_problem *problem)
{
	if (o->outstanding_max > p->options.outstanding_max)
		return wr_problem_set(problem, -EINVAL, "outstanding_max",
				      "up to the pipeline's own outstanding_max");
	if (o->lease_ns < 1000000 || o->lease_ns > WR_LEASE_NS_MAX)
		return wr_problem_set(problem, -EINVAL, "lease_ns", "1 ms to 12 h");
	int rc = check_failures(o, problem);
	if (rc != 0)
		return rc;
	if (o->when_dead == WEIR_DEAD_PARK &&
	    (o->order != WEIR_ORDER_KEY || o->dead_letters == NULL || p->journal == NULL))
		return wr_problem_set(problem, -EINVAL, "when_dead",
				      "PARK needs order KEY, dead_letters and a journal");
	if (o->when_long == WEIR_LONG_REFUSE && o->length_max == 0 && o->length_bytes_max == 0)
		return wr_problem_set(problem, -EINVAL, "when_long",
				      "REFUSE needs length_max or length_bytes_max");
	if (o->when_long == WEIR_LONG_REFUSE && o->filter != NULL)
		return wr_problem_set(problem, -EINVAL, "when_long", WR_REFUSES_WITHOUT);
	if (o->delay_ns > WEIR_DELAY_NS_MAX)
		return wr_problem_set(problem, -EINVAL, "delay_ns", "ten years at most");
	if (o->priorities && o->order != WEIR_ORDER_NONE)
		return wr_problem_set(problem, -EINVAL, "priorities",
				      "order NONE only: a key's events are in order");
	if (o->holds)
		return wr_problem_set(problem, -EINVAL, "holds",
				      "what has no members is order PARTITION");
	if (o->when_slow == WEIR_SLOW_GAP)
		return wr_problem_set(
			problem, -EINVAL, "when_slow",
			"a shared subscription leaves nothing out: CATCH_UP, BLOCK or DETACH");
	return 0;
}

int wr_subscription_check(struct weir_pipeline *p, const struct weir_subscription_options *o,
			  struct weir_problem *problem)
{
	if (wr_init_check(o->struct_bytes, sizeof *o, "weir_subscription_options_init", problem) !=
	    0)
		return -EINVAL;
	if (o->name == NULL || !wr_name_valid(o->name, strlen(o->name)))
		return wr_problem_set(problem, -EINVAL, "name",
				      "a name is 1 to 200 of letters, digits, '.', '_' and '-', "
				      "and does not begin with '.'");
	if (o->topic_count == 0 || o->topic_count > WR_SUBSCRIPTION_TOPICS_MAX)
		return wr_problem_set(problem, -EINVAL, "topics",
				      "a subscription reads 1 to 64 topics");
	if ((unsigned)o->start > WEIR_START_TIME || (unsigned)o->when_slow > WEIR_SLOW_DETACH ||
	    (unsigned)o->gate > WEIR_LEVEL_DURABLE || o->gate == WEIR_LEVEL_WRITTEN)
		return wr_problem_set(problem, -EINVAL, "start, when_slow or gate",
				      "not one of its values");
	if (o->when_slow == WEIR_SLOW_DETACH && o->lag_events_max == 0 && o->lag_time_max_ns == 0)
		return wr_problem_set(problem, -EINVAL, "when_slow",
				      "DETACH needs lag_events_max or lag_time_max_ns");
	if ((unsigned)o->when_dead > WEIR_DEAD_PARK)
		return wr_problem_set(problem, -EINVAL, "when_dead", "not PASS or PARK");
	if ((unsigned)o->when_long > WEIR_LONG_REFUSE)
		return wr_problem_set(problem, -EINVAL, "when_long", "not DROP or REFUSE");
	if ((unsigned)o->assignor > WEIR_ASSIGN_ROUND_ROBIN)
		return wr_problem_set(problem, -EINVAL, "assignor", "not one of its values");
	if (o->gate == WEIR_LEVEL_DURABLE && p->journal == NULL)
		return wr_problem_set(problem, -EINVAL, "gate",
				      "a memory-only pipeline has no DURABLE gate");
	if (o->session_timeout_ns == 0)
		return wr_problem_set(problem, -EINVAL, "session_timeout_ns", "must not be 0");
	if ((unsigned)o->order > WEIR_ORDER_NONE)
		return wr_problem_set(problem, -EINVAL, "order", "not PARTITION, KEY or NONE");
	return o->order == WEIR_ORDER_PARTITION ? check_not_shared(o, problem)
						: check_shared(p, o, problem);
}

/* The topic for dead letters, if there is to be one; it must not be one that is read. */
static int resolve_dead_letters(struct weir_pipeline *p, const struct weir_subscription_options *o,
				const struct wr_control_subscription *control, uint32_t *ret_topic,
				struct weir_problem *problem)
{
	char text[sizeof problem->text];
	*ret_topic = UINT32_MAX;
	if (o->dead_letters == NULL)
		return 0;
	if (weir_topic_find(p, o->dead_letters, ret_topic) != 0) {
		(void)snprintf(text, sizeof text, "there is no topic '%.100s'", o->dead_letters);
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "dead_letters", text);
	}
	for (uint32_t i = 0; i < control->topic_count; i++)
		if (control->topics[i] == *ret_topic)
			return wr_problem_set(problem, -EINVAL, "dead_letters",
					      "it reads this topic itself: what is dead would come "
					      "back");
	if (wr_ways_lead(p, *ret_topic, control->topics, control->topic_count))
		return wr_problem_set(problem, -EINVAL, "dead_letters",
				      "a subscription over this topic has dead letters, too, and "
				      "by these, or those of others, what is dead would come back");
	return 0;
}

static int resolve_topics(struct weir_pipeline *p, const struct weir_subscription_options *o,
			  struct wr_control_subscription *control, struct weir_problem *problem)
{
	char text[sizeof problem->text];
	control->topic_count = o->topic_count;
	for (uint32_t i = 0; i < o->topic_count; i++) {
		if (weir_topic_find(p, o->topics[i], &control->topics[i]) != 0) {
			(void)snprintf(text, sizeof text, "there is no topic '%.100s'",
				       o->topics[i]);
			return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "topics", text);
		}
		for (uint32_t k = 0; k < i; k++)
			if (control->topics[k] == control->topics[i])
				return wr_problem_set(problem, -EINVAL, "topics",
						      "a topic is named twice");
	}
	return 0;
}

static void apply_failures(struct wr_failures *failures, const struct weir_subscription_options *o,
			   uint32_t dead_letters)
{
	wr_store_relaxed(&failures->attempts_max, o->attempts_max);
	wr_store_relaxed(&failures->retry_delay_min_ns, o->retry_delay_min_ns);
	wr_store_relaxed(&failures->retry_delay_max_ns, o->retry_delay_max_ns);
	wr_store_relaxed(&failures->retry_age_max_ns, o->time_to_live_ns);
	wr_store_relaxed(&failures->dead_letters, dead_letters);
}

/* Behind what becomes of its events that fail (DL1). */
static void apply_sharing(struct wr_sharing *sharing, const struct weir_subscription_options *o)
{
	struct wr_subscription_live *live = sharing->live;
	bool refuses = o->when_long == WEIR_LONG_REFUSE;
	wr_lengths_set(&live->pipeline->tables.lengths, live->id, refuses ? o->length_max : 0,
		       refuses ? o->length_bytes_max : 0);
	wr_store_relaxed(&sharing->lease_ns, o->lease_ns);
	wr_store_relaxed(&sharing->single_active, o->single_active ? 1u : 0u);
	wr_store_relaxed(&sharing->parks, o->when_dead == WEIR_DEAD_PARK ? 1u : 0u);
	wr_store_release(&sharing->is_set, 1u); /* DL1 */
	wr_store_relaxed(&sharing->delay_ns, o->delay_ns);
	wr_store_relaxed(&sharing->time_to_live_ns, o->time_to_live_ns);
	wr_store_relaxed(&sharing->length_max, refuses ? 0 : o->length_max);
	wr_store_relaxed(&sharing->length_bytes_max, refuses ? 0 : o->length_bytes_max);
	wr_store_relaxed(&sharing->priorities, o->priorities ? 1u : 0u);
}

static void apply_options(struct weir_pipeline *p, uint32_t id,
			  const struct weir_subscription_options *o)
{
	struct wr_subscription_live *live = &p->subscriptions[id];
	enum weir_level gate = o->gate != WEIR_LEVEL_DEFAULT ? o->gate
			       : p->journal != NULL          ? WEIR_LEVEL_DURABLE
							     : WEIR_LEVEL_MEMORY;
	wr_store_relaxed(&live->gate, (uint32_t)gate);
	if (gate == WEIR_LEVEL_MEMORY)
		wr_store_relaxed(&p->order_watched, 1u);
	wr_store_relaxed(&live->when_slow, (uint32_t)o->when_slow);
	wr_store_relaxed(&live->holds, o->holds ? 1u : 0u);
	wr_store_relaxed(&live->assignor, (uint32_t)o->assignor);
	wr_store_relaxed(&live->session_timeout_ns, o->session_timeout_ns);
	wr_store_relaxed(&live->lag_events_max, o->lag_events_max);
	wr_store_relaxed(&live->lag_time_max_ns, o->lag_time_max_ns);
	wr_spinlock_lock(&p->registry);
	live->lag_fn = o->lag_fn;
	live->lag_context = o->lag_context;
	wr_spinlock_unlock(&p->registry);
}

static uint32_t outstanding_of(const struct weir_pipeline *p,
			       const struct weir_subscription_options *o)
{
	if (o->outstanding_max != 0)
		return o->outstanding_max;
	return p->options.outstanding_max < OUTSTANDING_MAX_DEFAULT ? p->options.outstanding_max
								    : OUTSTANDING_MAX_DEFAULT;
}

/* What the writer said when it refused. */
static int refusal(struct weir_problem *problem, int rc)
{
	if (rc == WEIR_E_EXISTS)
		return wr_problem_set(problem, rc, "topics",
				      "the subscription exists already, with other topics or "
				      "another order");
	if (rc == WEIR_E_FULL)
		return wr_problem_set(problem, rc, "subscriptions_max",
				      "subscriptions_max of the pipeline is reached, or with a "
				      "filter its filter_bytes_max");
	return wr_problem_in_words(problem, rc);
}

/* The definition's record, with the filter if it is new, and the answer to it. */
static int define(struct weir_pipeline *p, const struct weir_subscription_options *o,
		  const struct wr_control_subscription *control, const struct wr_filter_call *call,
		  bool filtered, struct wr_reply *ret_reply)
{
	uint8_t payload[WR_CONTROL_SUBSCRIPTION_BYTES_MAX];
	uint32_t name_bytes = (uint32_t)strlen(o->name);
	uint32_t bytes = wr_control_subscription_put(control, filtered, payload);
	wr_control_write(call->record, WR_KIND_SUBSCRIPTION, 0, 0, o->name, name_bytes, payload,
			 bytes);
	if (filtered) {
		/* Behind what was written, whose last bytes are zeros up to a multiple of 8. */
		struct wr_record *r = (struct wr_record *)call->record;
		memcpy(call->record + r->bytes, call->filter, call->filter_bytes);
		r->bytes += call->filter_bytes;
		memset(call->record + r->bytes, 0, wr_record_stride(r->bytes) - r->bytes);
	}
	return wr_control_call(p, call->record, ((struct wr_record *)call->record)->bytes,
			       ret_reply);
}

/* `wants`: with the filter of the call; else as it is, or without one. */
static int create(struct weir_pipeline *p, const struct weir_subscription_options *o,
		  const struct wr_filter_call *call, bool wants, uint32_t *ret_id,
		  struct weir_problem *problem)
{
	struct wr_control_subscription control = {
		.order = (uint32_t)o->order, /* the two enums have the same numbers */
		.outstanding_max = outstanding_of(p, o),
	};
	uint32_t dead_letters, found;
	int rc = resolve_topics(p, o, &control, problem);
	if (rc == 0)
		rc = resolve_dead_letters(p, o, &control, &dead_letters, problem);
	if (rc != 0)
		return rc;
	bool exists =
		wr_catalog_find_subscription(&p->tables.catalog, o->name, strlen(o->name), &found);
	if (o->start == WEIR_START_NEWEST) {
		control.start = WR_START_NEWEST;
	} else if (!exists) {
		/* The two enums name the same places in the same order. */
		rc = find_place(p, (enum weir_seek_to)o->start, o->start_at, &control.start_seq,
				"start_at", problem);
		if (rc != 0)
			return rc;
	}
	if (exists && wr_filters_copy(&p->tables.filters, found) != call->copies)
		return wr_problem_set(problem, WEIR_E_EXISTS, "name",
				      "a subscription that copies what nobody wants of a topic has "
				      "the name 'unrouted.' and the topic's: weir's own");
	if (exists && wr_filters_bind(&p->tables.filters, found) != call->binds)
		return wr_problem_set(problem, WEIR_E_EXISTS, "name",
				      call->binds ? "a subscription has the name already"
						  : "a binding has the name already");
	if (exists && o->when_long == WEIR_LONG_REFUSE &&
	    wr_filters_count(&p->tables.filters, found) > 0)
		return wr_problem_set(problem, -EINVAL, "when_long", WR_REFUSES_WITHOUT);
	bool filtered = wants && !exists;
	if (filtered)
		rc = wr_filter_call_compile(p, call,
					    wr_catalog_subscription_count(&p->tables.catalog),
					    control.topics, control.topic_count, problem);
	if (rc != 0)
		return rc;
	struct wr_reply reply = {0};
	rc = define(p, o, &control, call, filtered, &reply);
	/* Before it is looked at for: who has not seen its filter finds nothing wanted. */
	if (rc == 0 && filtered)
		rc = wr_router_wait_seen(p);
	if (rc == 0)
		rc = wr_subscription_start(p, reply.detail, true);
	if (rc != 0)
		return refusal(problem, rc);
	struct wr_subscription_live *live = &p->subscriptions[reply.detail];
	apply_options(p, reply.detail, o);
	apply_failures(&live->failures, o, dead_letters);
	if (live->sharing != NULL)
		apply_sharing(live->sharing, o);
	/* The first one finds the group's thread asleep for good: from now on it looks at lag. */
	wr_park_wake(&p->group_parker);
	uint64_t changed_seq;
	if (wants && !filtered)
		rc = wr_filter_call_change(p, call, reply.detail, &changed_seq, problem);
	if (rc != 0)
		return rc;
	*ret_id = reply.detail;
	return 0;
}

int wr_subscription_make(struct weir_pipeline *p, const struct weir_subscription_options *o,
			 const struct wr_filter_call *call, bool wants, uint32_t *ret_id,
			 struct weir_problem *problem)
{
	hold_places(p);
	int rc = create(p, o, call, wants, ret_id, problem);
	release_places(p);
	return rc;
}

int weir_subscription_create(struct weir_pipeline *p, const struct weir_subscription_options *o,
			     uint32_t *ret_subscription, struct weir_problem *reterr_problem)
{
	int rc = wr_null_check(o, ret_subscription, reterr_problem);
	if (rc == 0)
		rc = wr_subscription_check(p, o, reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	struct wr_filter_call call;
	rc = wr_filter_call_begin(p, o->filter, &call, reterr_problem);
	if (rc != 0)
		return rc;
	wr_control_lock(p);
	rc = wr_subscription_make(p, o, &call, o->filter != NULL, ret_subscription, reterr_problem);
	wr_filter_call_end(p, &call);
	wr_control_unlock(p);
	return rc;
}

/* ---- seeking ---- */

struct seek {
	struct wr_subscription_live *live;
	uint64_t number; /* of the request */
};

static bool seek_is_done(void *context)
{
	const struct seek *seek = context;
	return wr_park_look_u64(&seek->live->seek_done) >= seek->number; /* W1 */
}

/*
 * Under the control lock: the place is found and asked for. It is held until the group has ordered
 * it, also when nobody waits for that any more.
 */
static int ask_for(struct weir_pipeline *p, struct seek *seek, enum weir_seek_to to, uint64_t at,
		   struct weir_problem *problem)
{
	uint64_t seq;
	hold_places(p);
	int rc = find_place(p, to, at, &seq, "at", problem);
	if (rc != 0) {
		release_places(p);
		return rc;
	}
	/* Not "the sequence that is the oldest": who names one has passed over what lies below. */
	bool oldest = to == WEIR_SEEK_OLDEST || (to == WEIR_SEEK_TIME && seq <= oldest_seq(p));
	seek->number = wr_load_relaxed(&seek->live->seek_asked) + 1;
	wr_store_relaxed(&seek->live->seek_position, seq);
	wr_store_relaxed(&seek->live->seek_oldest, oldest ? 1u : 0u);
	wr_publish_u64(&seek->live->seek_asked, seek->number); /* W1 */
	wr_park_notify(&p->group_parker);
	return 0;
}

static int seek_started(struct weir_pipeline *p, struct wr_subscription_live *live,
			enum weir_seek_to to, uint64_t at, uint64_t timeout_ns,
			struct weir_problem *problem)
{
	struct seek seek = {.live = live};
	uint64_t began_ns = wr_clock_mono_ns(p->host.clock);
	/* Who has the lock may wait for a disk that is full. */
	int rc = wr_control_lock_for(p, timeout_ns);
	if (rc != 0)
		return wr_problem_set(problem, rc, rc == -ETIMEDOUT ? "timeout_ns" : "",
				      rc == -ETIMEDOUT ? "not asked for: a call that makes or "
							 "opens something waits for the log"
						       : weir_strerror(rc));
	if (timeout_ns != WEIR_FOREVER)
		timeout_ns -= wr_min_u64(timeout_ns, wr_clock_mono_ns(p->host.clock) - began_ns);
	wr_pipeline_stay(p); /* the wait is not under the lock: others need not wait for a member */
	rc = ask_for(p, &seek, to, at, problem);
	wr_control_unlock(p);
	if (rc == 0) {
		rc = wr_pipeline_wait(p, &p->lanes[WR_CONTROL_LANE].parker, seek_is_done, &seek,
				      timeout_ns);
		if (rc == -ETIMEDOUT)
			(void)wr_problem_set(problem, rc, "timeout_ns",
					     "asked for, and not yet ordered: a member has not "
					     "polled since the seeks before");
		else if (rc != 0)
			(void)wr_problem_in_words(problem, rc);
	}
	wr_pipeline_go(p);
	return rc;
}

int weir_subscription_seek(struct weir_pipeline *p, uint32_t subscription, enum weir_seek_to to,
			   uint64_t at, uint64_t timeout_ns, struct weir_problem *reterr_problem)
{
	/* X1: not started, it is being made just now. */
	if (subscription >= wr_catalog_subscription_count(&p->tables.catalog) ||
	    wr_load_acquire(&p->subscriptions[subscription].started) == 0)
		return wr_problem_set(reterr_problem, WEIR_E_UNKNOWN_NAME, "subscription",
				      "there is no subscription of this id");
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	if (p->subscriptions[subscription].copier != NULL)
		return wr_problem_set(reterr_problem, -EINVAL, "subscription",
				      "it copies events to another topic, each once");
	return seek_started(p, &p->subscriptions[subscription], to, at, timeout_ns, reterr_problem);
}
