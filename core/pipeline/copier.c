/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/copier.h"

#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/event_copy.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/route_rules.h"
#include "core/pipeline/router.h"
#include "core/record/origin.h"

/* Of one run, of one step, and on their way. */
#define RUN_COPIES_MAX 64u
#define RUN_BYTES_MAX (256u << 10)
#define RUNS_A_STEP 8u
#define RUNS_ON_WAY_MAX 32u

/* Of why an event could not be transformed that its copy has. */
#define UNTRANSFORMED_TEXT_BYTES_MAX 96u

#define ROOM_RETRY_NS 1000000u   /* the lane is full */
#define FULL_RETRY_NS 100000000u /* the disk is, or what is to be read is damaged */

#define PROGRESS_STRIDE                                                                            \
	wr_record_stride(wr_control_bytes(0, (uint32_t)sizeof(struct wr_control_progress)))

/* ---- life ---- */

static struct wr_settle_row *settled_of(const struct wr_copier *copier)
{
	struct weir_pipeline *p = copier->live->pipeline;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[copier->live->id];
	return &p->tables.settle.rows[s->row_first];
}

static const char *name_of(const struct wr_copier *copier)
{
	return copier->live->pipeline->tables.catalog.subscriptions[copier->live->id].name;
}

/* Where the log stands: nothing is on its way. */
static void begin_again(struct wr_copier *copier)
{
	struct wr_settle_row *rows = settled_of(copier);
	copier->at_seq = UINT64_MAX;
	for (uint32_t r = 0; r < copier->rows; r++) {
		copier->positions[r] = wr_load_relaxed(&rows[r].position); /* A3: answered */
		copier->at_seq = wr_min_u64(copier->at_seq, copier->positions[r]);
	}
	/* Partitions in which nothing was to be copied have positions that are far behind. */
	copier->at_seq = wr_max_u64(copier->at_seq, copier->safe_seq);
	copier->safe_seq = copier->passed_seq = copier->at_seq;
	copier->refused = false;
}

int wr_copier_start(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	bool binds = wr_filters_bind(&p->tables.filters, live->id);
	if (live->copier != NULL || (!binds && !wr_filters_copy(&p->tables.filters, live->id)))
		return 0;
	uint32_t rows = p->tables.catalog.subscriptions[live->id].row_count;
	size_t bytes = sizeof(struct wr_copier) + rows * sizeof(uint64_t);
	struct wr_copier *copier = p->host.memory->ops->alloc(p->host.memory, bytes, 8);
	if (copier == NULL)
		return -ENOMEM;
	*copier = (struct wr_copier){
		.live = live, .rows = rows, .binds = binds, .block_bytes = bytes};
	begin_again(copier);
	live->copier = copier;
	return 0;
}

void wr_copier_free(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	if (live->copier != NULL)
		p->host.memory->ops->free(p->host.memory, live->copier, live->copier->block_bytes);
	live->copier = NULL;
}

/* ---- a run ---- */

struct copy {
	struct wr_record_view view; /* its chunk is pinned; a transformed payload is the rules' */
	struct wr_event_copy copy;
	struct wr_origin origin;
	struct wr_copy_cause cause;
	uint32_t target;
	/* Where it could not be transformed: the origin, and why. */
	uint8_t origin_text[sizeof(struct wr_origin) + UNTRANSFORMED_TEXT_BYTES_MAX];
};

/* A row that moves with it. */
struct move {
	uint32_t row;
	struct wr_control_progress progress;
};

struct run {
	uint32_t copy_count, move_count;
	uint32_t erased_count; /* events that are settled without a copy */
	uint32_t bytes;        /* of all their records */
	struct copy copies[RUN_COPIES_MAX];
	struct move moves[RUN_COPIES_MAX + 1]; /* and the first row */
	struct wr_copier_transform transform;  /* of the event in hand */
	bool waits;                            /* for one that cannot be transformed */
};

static struct move *move_of(struct wr_copier *copier, struct run *run, uint32_t row)
{
	for (uint32_t i = 0; i < run->move_count; i++)
		if (run->moves[i].row == row)
			return &run->moves[i];
	struct move *move = &run->moves[run->move_count++];
	*move = (struct move){
		.row = row,
		.progress = {.generation = (uint32_t)wr_load_relaxed(
				     &settled_of(copier)[row].generation), /* nobody moves it */
			     .from = copier->positions[row]}};
	run->bytes += PROGRESS_STRIDE;
	return move;
}

/*
 * Each run moves the first row, too: else one that is refused would not stop those behind it that
 * have other rows, and a key that a growth has moved would be there out of order.
 */
static bool is_chained(const struct wr_copier *copier)
{
	return copier->rows > 1 && copier->live->pipeline->writer.options.run_records_max > 2;
}

/* Where there is no room for that, one is on its way at a time. */
static uint32_t on_way_max(const struct wr_copier *copier)
{
	return copier->rows > 1 && copier->live->pipeline->writer.options.run_records_max <= 2
		       ? 1
		       : RUNS_ON_WAY_MAX;
}

/* It will have what lies below `to` settled. */
static struct move *move_to(struct wr_copier *copier, struct run *run, uint32_t row, uint64_t to)
{
	struct move *move = move_of(copier, run, row);
	move->progress.to = wr_max_u64(move->progress.from, to);
	return move;
}

/* Why it is as it is behind its origin, where people look for that. */
static void tell_untransformed(struct copy *c, const char *why)
{
	size_t bytes = wr_min_u64(strlen(why), UNTRANSFORMED_TEXT_BYTES_MAX);
	if (bytes == 0)
		return;
	memcpy(c->origin_text, &c->origin, sizeof c->origin);
	memcpy(c->origin_text + sizeof c->origin, why, bytes);
	c->copy.origin = c->origin_text;
	c->copy.origin_bytes = (uint16_t)(sizeof c->origin + bytes);
}

/* What is copied, and where to. */
static enum wr_copier_made make_copy(struct wr_copier *copier, struct run *run,
				     struct wr_chunk *chunk, uint64_t seq,
				     const struct wr_record *r)
{
	struct weir_pipeline *p = copier->live->pipeline;
	struct copy *c = &run->copies[run->copy_count];
	const struct wr_batch_header *batch = wr_portion_batch(chunk, seq);
	const struct wr_program *program = wr_rules_program(p->router.rules, copier->live->id, seq);
	c->origin = (struct wr_origin){
		.seq = seq,
		.epoch = batch->epoch,
		.log = batch->log_id,
		.topic = r->topic,
		.partition = wr_topic_partition(&p->tables.catalog.topics[r->topic], r, seq),
		.subscription = copier->live->id,
		.flags = copier->binds ? WR_ORIGIN_BOUND : WR_ORIGIN_UNROUTED,
	};
	c->copy = (struct wr_event_copy){
		.view = &c->view, .origin = &c->origin, .origin_bytes = sizeof c->origin};
	if (copier->binds) {
		const struct weir_pos pos = {
			.sequence = seq, .epoch = batch->epoch, .log = batch->log_id};
		wr_copy_cause_of(&c->view, &pos, &c->cause);
		c->copy.cause = &c->cause;
	}
	c->target = program != NULL ? program->target : WR_TARGET_NONE;
	if (program == NULL || program->transform == NULL)
		return WR_COPIER_AS_IT_IS;
	struct wr_copier_transform *t = &run->transform;
	*t = (struct wr_copier_transform){.origin = &c->origin, .target = c->target};
	enum wr_copier_made made = wr_copier_transform(p, program, &c->view,
						       batch->time_base_us + r->time_delta_us, t);
	c->target = t->target;
	c->copy.is_transformed = made == WR_COPIER_TRANSFORMED;
	tell_untransformed(c, t->why);
	return made;
}

/* Its rows go on behind an event. */
static void settle(struct wr_copier *copier, struct run *run, uint64_t seq,
		   const struct wr_record *r, uint32_t row)
{
	if (is_chained(copier))
		(void)move_to(copier, run, 0, seq + 1);
	struct move *move = move_to(copier, run, row, seq + 1);
	move->progress.events++;
	move->progress.bytes += r->bytes;
}

/* One more event into the run. False: it is full, or has to be: the event waits. */
static bool add(struct wr_copier *copier, struct run *run, struct wr_chunk *chunk, uint64_t seq,
		const struct wr_record *r, uint32_t row)
{
	struct weir_pipeline *p = copier->live->pipeline;
	struct copy *c = &run->copies[run->copy_count];
	uint64_t most = wr_min_u64(RUN_BYTES_MAX, p->writer.options.run_bytes_max);
	uint32_t moves = is_chained(copier) ? 2 : 1; /* more than there are, at most */
	if (run->copy_count == RUN_COPIES_MAX ||
	    run->copy_count + run->move_count + 1 + moves > p->writer.options.run_records_max ||
	    !wr_record_view(r, r->bytes, &c->view))
		return false;
	enum wr_copier_made made = make_copy(copier, run, chunk, seq, r);
	run->waits = made == WR_COPIER_WAITS;
	if (made == WR_COPIER_WAITS || made == WR_COPIER_NEXT_RUN)
		return false;
	wr_event_copy_measure(&c->copy);
	if (run->copy_count + run->erased_count > 0 &&
	    run->bytes + c->copy.stride + moves * PROGRESS_STRIDE > most)
		return false;
	settle(copier, run, seq, r, row);
	run->bytes += c->copy.stride;
	run->copy_count++;
	return true;
}

/* One whose key was erased: settled, and not copied. False: the run is full. */
static bool leave(struct wr_copier *copier, struct run *run, uint64_t seq,
		  const struct wr_record *r, uint32_t row)
{
	uint32_t moves = is_chained(copier) ? 2 : 1;
	const struct wr_writer_options *o = &copier->live->pipeline->writer.options;
	if (run->copy_count + run->move_count + moves > o->run_records_max ||
	    run->move_count + moves > WR_ARRAY_COUNT(run->moves) ||
	    run->bytes + moves * PROGRESS_STRIDE > wr_min_u64(RUN_BYTES_MAX, o->run_bytes_max))
		return false;
	settle(copier, run, seq, r, row);
	run->erased_count++;
	return true;
}

/* Events of a portion, from where it is. */
static void gather(struct wr_copier *copier, const struct wr_portion *portion, struct run *run)
{
	struct weir_pipeline *p = copier->live->pipeline;
	uint64_t seq = wr_portion_next(portion, copier->at_seq);
	uint64_t erased_end = wr_erased_end(p);
	for (; seq < portion->end_seq; seq = wr_portion_next(portion, seq + 1)) {
		const struct wr_record *r = wr_portion_record(p, portion->chunk, seq);
		uint32_t row = wr_portion_row(p, copier->live, r, seq);
		if (row == UINT32_MAX || seq < copier->positions[row])
			continue;
		bool is_erased = seq < erased_end && wr_is_erased(p, r, seq);
		if (is_erased ? !leave(copier, run, seq, r, row)
			      : !add(copier, run, portion->chunk, seq, r, row))
			break;
	}
	copier->at_seq = wr_min_u64(seq, portion->end_seq);
}

static void write_moves(const struct wr_copier *copier, const struct run *run, uint8_t *to)
{
	for (uint32_t i = 0; i < run->move_count; i++, to += PROGRESS_STRIDE)
		wr_control_write(to, WR_KIND_PROGRESS, copier->live->id, run->moves[i].row, NULL, 0,
				 &run->moves[i].progress, sizeof run->moves[i].progress);
}

static void hand_over(struct wr_copier *copier, uint32_t bytes)
{
	struct weir_pipeline *p = copier->live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	wr_group_remember(p, wr_lane_append(lane, bytes),
			  &(struct wr_raise){.kind = WR_RAISE_COPIES,
					     .subscription = copier->live->id,
					     .seq = copier->at_seq});
	wr_lane_publish(lane);
	copier->on_way++;
}

/* False: no room in the lane. */
static bool send(struct wr_copier *copier, const struct run *run)
{
	struct wr_lane *lane = &copier->live->pipeline->lanes[WR_GROUP_LANE];
	uint8_t *to = wr_lane_claim(lane, WR_RECORD_HEAD_BYTES + run->bytes);
	struct wr_run_head head = {
		.record_count = run->copy_count + run->move_count,
		.record_bytes = run->bytes,
		.flags = WR_RUN_COPIES,
	};
	if (to == NULL)
		return false;
	uint8_t *at = to + WR_RECORD_HEAD_BYTES;
	for (uint32_t i = 0; i < run->copy_count; at += run->copies[i++].copy.stride)
		wr_event_copy_write(&run->copies[i].copy, run->copies[i].target, at);
	if (WR_BUG(COPY_WITHOUT_PROGRESS)) {
		head.record_count = run->copy_count;
		head.record_bytes = (uint32_t)(at - to) - WR_RECORD_HEAD_BYTES;
	} else {
		write_moves(copier, run, at);
	}
	((struct wr_record *)(to + WR_RECORD_HEAD_BYTES))->flags |= WR_RECORD_WANTS_REPLY;
	hand_over(copier, (uint32_t)wr_run_head_write(to, head));
	for (uint32_t i = 0; i < run->move_count; i++)
		copier->positions[run->moves[i].row] = run->moves[i].progress.to;
	return true;
}

/* ---- rows of which nothing is copied ---- */

/*
 * A row whose events somebody wanted is moved on as well, after a while, so that it holds nothing
 * back: all of it below at_seq was looked at.
 */
static int pass(struct wr_copier *copier)
{
	struct weir_pipeline *p = copier->live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	uint64_t lowest = copier->at_seq;
	int work = 0;
	if (!wr_pass_is_due(p, copier->passed_seq, copier->at_seq))
		return 0;
	for (uint32_t r = 0; r < copier->rows; r++) {
		struct wr_control_progress progress = {
			.generation = (uint32_t)wr_load_relaxed(&settled_of(copier)[r].generation),
			.from = copier->positions[r],
			.to = copier->at_seq,
		};
		if (!wr_pass_is_due(p, progress.from, progress.to)) {
			lowest = wr_min_u64(lowest, progress.from);
			continue;
		}
		uint8_t *to = copier->on_way < RUNS_ON_WAY_MAX
				      ? wr_lane_claim(lane, PROGRESS_STRIDE)
				      : NULL;
		if (to == NULL)
			return work; /* and the next time from the first on */
		wr_control_write(to, WR_KIND_PROGRESS, copier->live->id, r, NULL, 0, &progress,
				 sizeof progress);
		((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
		hand_over(copier, PROGRESS_STRIDE);
		copier->positions[r] = copier->at_seq;
		work++;
	}
	copier->passed_seq = lowest; /* what was not due may be, when files wait for it */
	return work;
}

/* ---- the step ---- */

/* Rows that a growth has put in force: the gate was looked at before, and so none is missed. */
static void follow_growth(struct wr_copier *copier)
{
	struct wr_settle_row *rows = settled_of(copier);
	for (uint32_t r = 0; copier->live->can_grow && r < copier->rows; r++)
		if (copier->positions[r] == WR_POSITION_NONE)
			copier->positions[r] = wr_load_relaxed(&rows[r].position);
}

static void wait_for(struct wr_copier *copier, uint64_t now_ns, const char *why)
{
	struct weir_pipeline *p = copier->live->pipeline;
	copier->after_ns = now_ns + FULL_RETRY_NS;
	if (!copier->told)
		wr_pipeline_say(
			p, WR_EVENT_COPY_WAITS,
			WR_FIELDS(wr_field_text("by", name_of(copier)), wr_field_text("why", why)),
			"events cannot be copied by '%s' (%s): they wait", name_of(copier), why);
	copier->told = true;
}

/* Nothing can be read at its place. True: it goes on behind what is gone. */
static bool is_stuck(struct wr_copier *copier, const struct wr_portion *portion, uint64_t now_ns)
{
	struct weir_pipeline *p = copier->live->pipeline;
	uint64_t oldest = wr_portion_oldest_seq(p, wr_group_pin(p));
	if (portion->unreadable) {
		wait_for(copier, now_ns, weir_strerror(portion->code));
		return false;
	}
	if (oldest == UINT64_MAX || copier->at_seq >= oldest)
		return false;
	wr_pipeline_say(p, WR_EVENT_COPY_OVERTAKEN,
			WR_FIELDS(wr_field_text("by", name_of(copier)),
				  wr_field_u64("first_sequence", copier->at_seq),
				  wr_field_u64("end_sequence", oldest)),
			"events from %llu to %llu have left before '%s' copied what of them is "
			"to be copied",
			(unsigned long long)copier->at_seq, (unsigned long long)oldest - 1,
			name_of(copier));
	copier->at_seq = oldest;
	return true;
}

/* A run of what lies at its place. Work done. */
static int copy_some(struct wr_copier *copier, uint64_t visible, uint64_t now_ns)
{
	struct weir_pipeline *p = copier->live->pipeline;
	struct wr_pin *pin = wr_group_pin(p);
	struct wr_portion portion;
	struct run run;
	uint64_t from = copier->at_seq;
	if (!wr_portion_find_for(p, copier->live, pin, from, visible, &portion))
		return is_stuck(copier, &portion, now_ns) ? 1 : 0;
	run.copy_count = run.move_count = run.bytes = run.erased_count = 0;
	run.waits = false;
	p->router.rules->transformed_bytes = 0;
	gather(copier, &portion, &run);
	if (run.waits && run.copy_count + run.erased_count == 0)
		wait_for(copier, now_ns, run.transform.why);
	bool sent = run.copy_count + run.erased_count == 0 || send(copier, &run);
	wr_chunks_unpin(pin);
	if (!sent) {
		copier->at_seq = from;
		copier->after_ns = now_ns + ROOM_RETRY_NS;
	}
	return sent && copier->at_seq > from ? 1 : 0;
}

int wr_copier_step(struct wr_copier *copier, uint64_t now_ns)
{
	struct weir_pipeline *p = copier->live->pipeline;
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	int work = 0;
	if (p->router.rules == NULL || now_ns < copier->after_ns ||
	    (copier->refused && copier->on_way > 0) || wr_pipeline_refused(p) != 0)
		return 0;
	copier->after_ns = 0;
	if (copier->refused)
		begin_again(copier);
	follow_growth(copier);
	if (copier->on_way == 0)
		copier->safe_seq = copier->at_seq;
	for (uint32_t i = 0; i < RUNS_A_STEP && copier->on_way < on_way_max(copier) &&
			     copier->after_ns == 0 && copier->at_seq <= visible;
	     i++) {
		int done = copy_some(copier, visible, now_ns);
		work += done;
		if (done == 0)
			break;
	}
	return work + pass(copier);
}

uint64_t wr_copier_due_ns(const struct wr_copier *copier)
{
	return copier->after_ns != 0 ? copier->after_ns : UINT64_MAX;
}

uint64_t wr_copier_held_seq(const struct wr_copier *copier)
{
	return copier->live->pipeline->journal == NULL ? copier->safe_seq : UINT64_MAX;
}

void wr_copier_answered(struct weir_pipeline *p, const struct wr_raise *raise,
			const struct wr_reply *reply)
{
	struct wr_copier *copier = p->subscriptions[raise->subscription].copier;
	copier->on_way--;
	if (reply->code == 0) {
		if (!copier->refused)
			copier->safe_seq = wr_max_u64(copier->safe_seq, raise->seq);
		copier->told = copier->told && copier->refused;
		return;
	}
	/* One of them was erased since it was read: looked at again, it is left out. */
	if (!copier->refused && reply->code != -ENOENT)
		wait_for(copier, wr_clock_mono_ns(p->host.clock),
			 reply->code == WEIR_E_FULL ? "there is no room for them"
						    : weir_strerror(reply->code));
	copier->refused = true;
}
