/* SPDX-License-Identifier: Apache-2.0 */
/* Producers: opening and closing them, and what became of their tickets. */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/pipeline.h"

void weir_producer_options_init(struct weir_producer_options *options)
{
	*options = (struct weir_producer_options){
		.struct_bytes = sizeof *options,
		.when_full = WEIR_FULL_BLOCK,
		.block_timeout_ns = WEIR_FOREVER,
	};
}

static int check_options(struct weir_pipeline *p, const struct weir_producer_options *o,
			 struct weir_problem *problem)
{
	if (wr_init_check(o->struct_bytes, sizeof *o, "weir_producer_options_init", problem) != 0)
		return -EINVAL;
	if (o->name != NULL && !wr_name_valid(o->name, strlen(o->name)))
		return wr_problem_set(problem, -EINVAL, "name",
				      "a name is 1 to 200 of letters, digits, '.', '_' and '-', "
				      "and does not begin with '.'");
	if ((unsigned)o->level > WEIR_LEVEL_DURABLE)
		return wr_problem_set(problem, -EINVAL, "level", "not a level");
	if (o->level > WEIR_LEVEL_MEMORY && p->journal == NULL)
		return wr_problem_set(problem, -EINVAL, "level",
				      "a memory-only pipeline has no level above MEMORY");
	if ((unsigned)o->when_full > WEIR_FULL_FAIL)
		return wr_problem_set(problem, -EINVAL, "when_full", "not a policy");
	if (o->no_acks && (o->want_sequences || o->name != NULL))
		return wr_problem_set(
			problem, -EINVAL, "no_acks",
			"a producer that takes no answers has no name and no sequences");
	return 0;
}

/* A slot whose lane the writer has let go; under the registry lock. */
static struct weir_producer *take_slot(struct weir_pipeline *p)
{
	for (uint32_t i = 0; i < p->options.producers_max; i++) {
		struct weir_producer *pr = &p->producers[i];
		struct wr_lane *lane = &p->lanes[WR_LANES_RESERVED + i];
		if (pr->in_use || wr_load_acquire(&lane->state) != WR_LANE_FREE) /* S1 */
			continue;
		*pr = (struct weir_producer){
			.pipeline = p,
			.lane = lane,
			.event = &p->events[i],
			.in_use = true,
			.number = ++p->producers_opened,
		};
		return pr;
	}
	return NULL;
}

struct slot_wait {
	struct weir_pipeline *pipeline;
	bool replies_wanted;
	struct weir_producer *producer;
};

static bool has_slot(void *context)
{
	struct slot_wait *w = context;
	struct weir_pipeline *p = w->pipeline;
	if (w->producer != NULL)
		return true;
	wr_spinlock_lock(&p->registry);
	w->producer = take_slot(p);
	if (w->producer != NULL)
		wr_lane_open(w->producer->lane, WR_LANE_DATA, w->replies_wanted);
	wr_spinlock_unlock(&p->registry);
	return w->producer != NULL;
}

static void give_slot(struct weir_producer *pr)
{
	struct weir_pipeline *p = pr->pipeline;
	wr_event_fd_drop(pr->event);
	wr_spinlock_lock(&p->registry);
	pr->in_use = false;
	wr_spinlock_unlock(&p->registry);
}

/* The name's id, a new epoch, and what the log holds of it. */
static int take_name(struct weir_producer *pr, const char *name)
{
	struct weir_pipeline *p = pr->pipeline;
	_Alignas(8) uint8_t record[WR_RECORD_HEAD_BYTES + WR_NAME_BYTES_MAX + 64];
	struct wr_control_producer control = {0};
	wr_control_write(record, WR_KIND_PRODUCER, 0, 0, name, (uint32_t)strlen(name), &control,
			 sizeof control);
	struct wr_reply reply = {0};
	if (p->host.inside_step(p->host.context))
		return WEIR_E_AGAIN; /* before the lock: its holder may wait for this thread */
	wr_control_lock(p);
	int rc = wr_control_call(p, record, ((struct wr_record *)record)->bytes, &reply);
	if (rc == 0) {
		/* Nobody but this epoch's holder moves the row now; its record is durable. */
		struct wr_producer_row *row = &p->tables.producers.rows[reply.detail];
		pr->named = true;
		pr->stamp = (struct wr_producer_stamp){
			.id = reply.detail,
			.epoch = (uint32_t)wr_load_relaxed(&row->epoch),
			.sequence = wr_load_relaxed(&row->last_producer_seq),
		};
		pr->last = (struct weir_producer_last){
			.producer_sequence = pr->stamp.sequence,
			.sequence = wr_load_relaxed(&row->last_seq),
			.epoch = pr->stamp.epoch,
		};
	}
	wr_control_unlock(p);
	return rc;
}

int weir_producer_open(struct weir_pipeline *p, const struct weir_producer_options *o,
		       struct weir_producer **ret_producer, struct weir_problem *reterr_problem)
{
	struct weir_producer_options defaults;
	if (o == NULL) {
		weir_producer_options_init(&defaults);
		o = &defaults;
	}
	int rc = wr_null_check(o, ret_producer, reterr_problem);
	if (rc == 0)
		rc = check_options(p, o, reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	struct slot_wait wait = {.pipeline = p, .replies_wanted = !o->no_acks};
	wr_pipeline_wait_for_slot(p, WR_LANES_RESERVED, p->options.producers_max, has_slot, &wait);
	struct weir_producer *pr = wait.producer;
	if (pr == NULL)
		return wr_problem_set(reterr_problem, WEIR_E_FULL, "producers_max",
				      "producers_max of the pipeline are open already");
	pr->level = o->level != WEIR_LEVEL_DEFAULT ? o->level
		    : p->journal != NULL           ? WEIR_LEVEL_DURABLE
						   : WEIR_LEVEL_MEMORY;
	if (pr->level == WEIR_LEVEL_MEMORY)
		wr_store_relaxed(&p->order_watched, 1u);
	pr->when_full = o->when_full;
	pr->block_timeout_ns = o->block_timeout_ns;
	pr->want_sequences = o->want_sequences;
	pr->no_cause = o->no_cause;
	pr->ack_fn = o->ack_fn;
	pr->ack_context = o->ack_context;
	if (o->name != NULL) {
		rc = take_name(pr, o->name);
		if (rc != 0) {
			wr_lane_close(pr->lane);
			give_slot(pr);
			if (rc == WEIR_E_FULL)
				return wr_problem_set(reterr_problem, rc, "named_producers_max",
						      "named_producers_max of the pipeline have "
						      "been made already");
			return wr_problem_set(reterr_problem, rc, "name", weir_strerror(rc));
		}
		wr_spinlock_lock(&p->registry);
		pr->told_row = pr->stamp.id + 1;
		wr_spinlock_unlock(&p->registry);
	}
	*ret_producer = pr;
	return 0;
}

/* ---- progress ---- */

/* Tickets that have reached a level, refused ones included. */
static uint64_t reached(struct weir_producer *pr, enum weir_level level)
{
	struct weir_pipeline *p = pr->pipeline;
	if (level <= WEIR_LEVEL_MEMORY || p->journal == NULL)
		return wr_park_look_u64(&pr->lane->ordered); /* A3 */
	struct wr_lane_durable *lane = &p->link.lanes[pr->lane->index];
	return level == WEIR_LEVEL_WRITTEN ? wr_park_look_u64(&lane->written_ticket) /* D1 */
					   : wr_park_look_u64(&lane->durable_ticket);
}

bool wr_producer_has_answers(struct weir_producer *pr)
{
	const struct wr_reply *reply = wr_lane_reply_peek(pr->lane);
	return reply != NULL && reply->ticket <= reached(pr, pr->level);
}

void weir_producer_progress(struct weir_producer *pr, struct weir_producer_progress *ret)
{
	struct wr_lane *lane = pr->lane;
	/* The later first: what moves on between two looks keeps durable <= written <= ordered. */
	uint64_t durable = reached(pr, WEIR_LEVEL_DURABLE);
	uint64_t written = reached(pr, WEIR_LEVEL_WRITTEN);
	uint64_t ordered = reached(pr, WEIR_LEVEL_MEMORY);
	/* A batch that is full may be durable before its round says what it took. */
	written = wr_max_u64(written, durable);
	ordered = wr_max_u64(ordered, written);
	*ret = (struct weir_producer_progress){
		.handed_over = lane->handed_over,
		.durable = durable,
		.written = written,
		.ordered = ordered,
		.refused_count = wr_load_relaxed(&lane->refused),
		.first_refused_ticket = wr_load_relaxed(&lane->first_refused_ticket),
		.first_refusal = -(int)wr_load_relaxed(&lane->first_refusal),
	};
	if (pr->pipeline->journal == NULL)
		ret->durable = ret->written = 0;
}

static void tell(struct weir_producer *pr, const struct weir_ack_range *range)
{
	if (range->code != 0 && pr->first_refusal_told == 0)
		pr->first_refusal_told = range->code;
	/*
	 * A duplicate is in the log, and a named producer's next one is not refused for it. A run
	 * with one is not: it has no first event.
	 */
	bool is_there = range->code == WEIR_E_DUPLICATE && range->sequence != 0;
	if (range->code != 0 && range->code != WEIR_E_FAILED && !is_there) {
		if (pr->refused_first == 0) {
			pr->refused_first = range->first_ticket;
			pr->refused_code = range->code;
		}
		pr->refused_last = range->last_ticket;
	}
	if (range->code == WEIR_E_FENCED)
		pr->fenced = true;
	if (pr->ack_fn == NULL)
		return;
	pr->telling = true;
	pr->ack_fn(pr->ack_context, range);
	pr->telling = false;
}

/* Whether `next` goes on where `range` ends. */
static bool extends(const struct weir_ack_range *range, const struct weir_ack_range *next)
{
	/* Each conflict is with a version of its own. */
	if (range->code != next->code || next->code == WEIR_E_CONFLICT ||
	    range->subscription != next->subscription)
		return false;
	uint64_t count = range->last_ticket - range->first_ticket + 1;
	return range->sequence == 0 ? next->sequence == 0
				    : next->sequence == range->sequence + count;
}

struct telling {
	struct weir_producer *producer;
	struct weir_ack_range open; /* first_ticket 0: none */
};

static void add_range(struct telling *t, const struct weir_ack_range *next)
{
	if (t->open.first_ticket != 0 && extends(&t->open, next)) {
		t->open.last_ticket = next->last_ticket;
		return;
	}
	if (t->open.first_ticket != 0)
		tell(t->producer, &t->open);
	t->open = *next;
}

/* Tickets up to `last`, with what the reply ring says of some of them. */
static void tell_up_to(struct telling *t, uint64_t last)
{
	struct weir_producer *pr = t->producer;
	while (pr->acked < last) {
		const struct wr_reply *reply = wr_lane_reply_peek(pr->lane);
		uint64_t next = pr->acked + 1;
		bool has_reply = reply != NULL && reply->ticket <= last;
		uint64_t plain_end = has_reply ? reply->ticket - 1 : last;
		if (plain_end >= next) {
			add_range(t, &(struct weir_ack_range){.first_ticket = next,
							      .last_ticket = plain_end});
			pr->acked = plain_end;
		}
		if (has_reply) {
			bool conflicts = reply->code == WEIR_E_CONFLICT;
			bool is_full = reply->code == WEIR_E_QUEUE_FULL;
			add_range(t, &(struct weir_ack_range){
					     .first_ticket = reply->ticket,
					     .last_ticket = reply->ticket,
					     .code = reply->code,
					     .sequence = reply->sequence,
					     .version = conflicts ? reply->detail : 0,
					     .subscription = is_full ? reply->detail : 0});
			pr->acked = reply->ticket;
			wr_lane_reply_take(pr->lane);
		}
	}
}

/* Behind rubbish in the lane: never in the log. What came before it goes its way all the same. */
static bool is_lost(struct weir_producer *pr, uint64_t ticket)
{
	/* S1: the state first; `ordered` is final once it says so. */
	return WR_UNLIKELY(wr_load_acquire(&pr->lane->state) == WR_LANE_POISONED) &&
	       wr_load_acquire(&pr->lane->ordered) < ticket; /* A3 */
}

/* Who moves the level that its descriptor waits for. */
static enum wr_event_by event_by(const struct weir_producer *pr)
{
	return pr->level > WEIR_LEVEL_MEMORY ? WR_EVENT_BY_JOURNAL : WR_EVENT_BY_WRITER;
}

int weir_producer_poll_acks(struct weir_producer *pr)
{
	/* The answers are the parent's: it would miss what a child takes out of the ring. */
	if (wr_pipeline_is_copy(pr->pipeline))
		return WEIR_E_CLOSED;
	if (pr->telling)
		return WEIR_E_AGAIN; /* the range that is open is told again and again otherwise */
	struct telling telling = {.producer = pr};
	uint64_t before = pr->acked;
	wr_event_fd_arm(pr->event, event_by(pr));
	/* The refusal is looked at first: what is durable by then is told as such. */
	int refused = wr_pipeline_refused(pr->pipeline);
	uint64_t last = reached(pr, pr->level);
	const struct wr_reply *next =
		WR_BUG(REFUSAL_TOLD_EARLY) ? wr_lane_reply_peek(pr->lane) : NULL;
	if (next != NULL && next->code != 0 && next->ticket == last + 1)
		last++;
	tell_up_to(&telling, last);
	int rest = is_lost(pr, pr->acked + 1) ? WEIR_E_POISONED
		   : refused == WEIR_E_FAILED ? refused
					      : 0;
	if (rest != 0 && pr->acked < pr->lane->handed_over) {
		add_range(&telling, &(struct weir_ack_range){.first_ticket = pr->acked + 1,
							     .last_ticket = pr->lane->handed_over,
							     .code = rest});
		pr->acked = pr->lane->handed_over;
	}
	if (telling.open.first_ticket != 0)
		tell(pr, &telling.open);
	return (int)wr_min_u64(pr->acked - before, INT32_MAX);
}

struct ticket_wait {
	struct weir_producer *producer;
	uint64_t ticket;
	enum weir_level level;
};

static bool ticket_reached(void *context)
{
	struct ticket_wait *w = context;
	return reached(w->producer, w->level) >= w->ticket || is_lost(w->producer, w->ticket);
}

/*
 * A ticket without an answer in the ring: the callback may have taken it out. Of refusals the first
 * code is kept, and the first and the last ticket: a named producer that is refused once is refused
 * from then on, and what it is told of a ticket between two refusals had better be a refusal than a
 * lie.
 */
static int outcome_told(const struct weir_producer *pr, uint64_t ticket)
{
	bool refused =
		pr->refused_first != 0 && ticket >= pr->refused_first && ticket <= pr->refused_last;
	return refused ? pr->refused_code : 0;
}

/* What became of a ticket that ticket_reached() knows of: its reply, if any, stays in the ring. */
static int outcome_of(const struct ticket_wait *w)
{
	struct wr_lane *lane = w->producer->lane;
	if (reached(w->producer, w->level) < w->ticket)
		return WEIR_E_POISONED;
	/* All of the ring, anew: replies may lie in it that nobody has taken, in front of ours. */
	uint64_t ready = wr_spsc_ready_for(&lane->reply_ring, lane->reply_ring.mask + 1);
	for (uint64_t i = 0; i < ready; i++) {
		const struct wr_reply *reply =
			&lane->replies[wr_spsc_pop_index(&lane->reply_ring, i)];
		if (reply->ticket == w->ticket) {
			w->producer->fenced |= reply->code == WEIR_E_FENCED;
			return reply->code;
		}
		if (reply->ticket > w->ticket)
			break;
	}
	return outcome_told(w->producer, w->ticket);
}

int weir_wait(struct weir_producer *pr, uint64_t ticket, enum weir_level level, uint64_t timeout_ns)
{
	struct weir_pipeline *p = pr->pipeline;
	if (level == WEIR_LEVEL_DEFAULT)
		level = pr->level;
	if (ticket == 0 || ticket > pr->lane->handed_over || (unsigned)level > WEIR_LEVEL_DURABLE ||
	    (level > WEIR_LEVEL_MEMORY && p->journal == NULL))
		return -EINVAL;
	if (wr_pipeline_is_copy(p))
		return WEIR_E_CLOSED;
	struct ticket_wait wait = {.producer = pr, .ticket = ticket, .level = level};
	if (ticket_reached(&wait))
		return outcome_of(&wait);
	int rc = wr_pipeline_refused(p);
	if (rc != 0)
		return rc;
	wr_pipeline_stay(p);
	struct wr_parker *parker =
		level > WEIR_LEVEL_MEMORY ? &pr->lane->level_parker : &pr->lane->parker;
	rc = wr_pipeline_wait(p, parker, ticket_reached, &wait, timeout_ns);
	if (rc == 0)
		rc = outcome_of(&wait);
	wr_pipeline_go(p);
	return rc;
}

int weir_producer_eventfd(struct weir_producer *pr)
{
	return wr_event_fd_get(pr->pipeline, pr->event, event_by(pr));
}

int weir_producer_last(struct weir_producer *pr, struct weir_producer_last *ret_last)
{
	if (!pr->named)
		return -EINVAL;
	*ret_last = pr->last;
	return 0;
}

/* Of something that is not in the log for it. */
static bool has_told_refusal(const struct weir_producer *pr)
{
	return pr->refused_first != 0 ||
	       (pr->first_refusal_told != 0 && pr->first_refusal_told != WEIR_E_DUPLICATE);
}

/* 0, or the first refusal that nobody was told of. */
static int untold_refusal(const struct weir_producer *pr)
{
	int code =
		-(int)wr_load_relaxed(&pr->lane->first_refusal); /* after A3: of what is decided */
	/* Who was told of a duplicate was not told of what was refused otherwise. */
	if (code == WEIR_E_DUPLICATE)
		return pr->first_refusal_told != 0 ? 0 : code;
	return has_told_refusal(pr) ? 0 : code;
}

/* Everything is decided; a refusal that is still to be told has reached its level, too (L9). */
static bool close_may_end(void *context)
{
	struct ticket_wait *w = context;
	if (reached(w->producer, WEIR_LEVEL_MEMORY) < w->ticket)
		return wr_load_acquire(&w->producer->lane->state) == WR_LANE_POISONED; /* S1 */
	return untold_refusal(w->producer) == 0 || ticket_reached(w);
}

int weir_producer_close(struct weir_producer *pr, uint64_t timeout_ns)
{
	if (pr == NULL)
		return 0;
	if (wr_pipeline_is_copy(pr->pipeline))
		return WEIR_E_CLOSED;
	if (pr->telling)
		return -EDEADLK;
	int rc = 0;
	if (pr->open != WR_OPEN_NOTHING)
		(void)weir_abort(pr);
	struct ticket_wait wait = {
		.producer = pr, .ticket = pr->lane->handed_over, .level = pr->level};
	if (WR_BUG(CLOSE_TELLS_EARLY))
		wait.level = WEIR_LEVEL_MEMORY;
	if (!close_may_end(&wait))
		rc = wr_pipeline_wait(pr->pipeline, &pr->lane->parker, close_may_end, &wait,
				      timeout_ns);
	if (rc == 0)
		rc = is_lost(pr, pr->lane->handed_over) && !has_told_refusal(pr)
			     ? WEIR_E_POISONED
			     : untold_refusal(pr);
	wr_lane_close(pr->lane);
	give_slot(pr);
	return rc;
}
