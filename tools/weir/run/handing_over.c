/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing a source's events over (publishing.h). What the log refuses ends the source, but for a
 * queue that is full: nobody else has these events, and so it waits, as for room in the log. A
 * refused event of a named producer has all behind it refused, too; the lines are kept until they
 * are decided, and made into events again for another holder of the name.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "bench/harness.h"
#include "core/base/bits.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/publishing.h"

#define LOOK_EVERY 256u /* events between two looks at answers */
/* A source whose queue is full looks again, in between; tries as soon as half of what waits there
 * has gone, then as soon as any has, and at last whatever it sees: its limit may be another one. */
#define FULL_LOOK_MIN_NS RUN_MILLISECOND_NS
#define FULL_LOOK_MAX_NS (100 * RUN_MILLISECOND_NS)
#define FULL_TRY_NS (10 * RUN_SECOND_NS)
#define FULL_TOLD_NS (60 * RUN_SECOND_NS)

static void hear(void *context, const struct weir_ack_range *range)
{
	struct run_publishing *p = context;
	if (range->code == WEIR_E_QUEUE_FULL)
		p->full_queue = range->subscription;
}

int run_take_name(struct run_publishing *p, struct weir_producer_last *ret_last)
{
	struct run_publisher *own = p->own;
	struct weir_producer_options options;
	struct weir_problem problem = {0};
	weir_producer_options_init(&options);
	options.name = own->source->name;
	options.block_timeout_ns = LOOK_NS;
	options.ack_fn = hear;
	options.ack_context = p;
	int rc = weir_producer_open(own->pipeline, &options, &p->producer, &problem);
	if (rc < 0) {
		run_fault_set(&own->fault, rc, "%s",
			      problem.text[0] != '\0' ? problem.text : weir_strerror(rc));
		return rc;
	}
	rc = weir_producer_last(p->producer, ret_last);
	if (rc < 0)
		run_fault_set(&own->fault, rc, "%s", weir_strerror(rc));
	return rc;
}

/* ---- publishing ------------------------------------------------------------------------------ */

/*
 * A refusal is final: the numbers behind it are refused, too. But of a full queue's, which is told
 * by WEIR_E_QUEUE_FULL, all of them are kept, and handed over again: go_back().
 */
static int look(struct run_publishing *p)
{
	struct weir_producer_progress progress;
	struct run_publisher *own = p->own;
	/* Answers that nobody takes would fill the room for them. */
	(void)!weir_producer_poll_acks(p->producer);
	weir_producer_progress(p->producer, &progress);
	uint64_t done = own->options->dir != NULL ? progress.durable : progress.ordered;
	wr_store_relaxed(&own->durable_events,
			 p->in_log - p->in_log_first + done - progress.refused_count);
	bool is_refused = progress.refused_count != 0;
	run_kept_drop(&p->kept, p->in_log + (is_refused ? progress.first_refused_ticket
							: progress.ordered + 1));
	if (!is_refused || progress.first_refusal == WEIR_E_QUEUE_FULL)
		return is_refused ? WEIR_E_QUEUE_FULL : 0;
	run_fault_set(&own->fault, progress.first_refusal, "event %" PRIu64 " was refused: %s",
		      p->in_log + progress.first_refused_ticket,
		      weir_strerror(progress.first_refusal));
	return progress.first_refusal;
}

/* Does a next run see this line again? What was taken from a pipe is gone from there: it is
 * published even when a signal has come. */
static bool comes_again(const struct run_publishing *p)
{
	return p->reader->can_reread || p->reader->has_place;
}

/* As the rate says. RUN_SOURCE_LINE: now. */
static int wait_for_turn(struct run_publishing *p)
{
	uint64_t rate = wr_load_relaxed(&p->own->rate_per_s);
	uint64_t published = wr_load_relaxed(&p->own->published_events) - p->paced_from;
	if (rate == 0)
		return RUN_SOURCE_LINE;
	if (rate != p->rate) {
		/* A reload changed it: it counts from here. */
		p->rate = rate;
		p->paced_from += published;
		published = 0;
		p->begun_ns = bench_now_ns();
	}
	uint64_t due_ns = p->begun_ns + published / rate * RUN_SECOND_NS +
			  published % rate * RUN_SECOND_NS / rate;
	uint64_t now_ns = bench_now_ns();
	/* A source that came late does not make up for all of it. */
	if (now_ns > due_ns + RUN_SECOND_NS)
		p->begun_ns += now_ns - due_ns;
	if (now_ns >= due_ns || !run_signal_wait(&p->own->life->stop, due_ns - now_ns))
		return RUN_SOURCE_LINE;
	return comes_again(p) ? RUN_SOURCE_STOPPED : RUN_SOURCE_LINE;
}

/* What ends a wait of the source's. */
static const struct run_signal *end_of(const struct run_publishing *p)
{
	return comes_again(p) ? &p->own->life->stop : &p->own->life->abort;
}

/* Handed over, however long it takes; -EINTR: stopped before it was. */
static int publish(struct run_publishing *p)
{
	for (;;) {
		int rc = weir_publish(p->producer, &p->maker.event, &p->ticket);
		if (rc == 0) {
			run_add(&p->own->published_events, 1);
			p->sent++;
		}
		if (rc != -ETIMEDOUT && rc != WEIR_E_AGAIN && rc != WEIR_E_NO_ROOM)
			return rc;
		/* Where events are refused, a source waits: nobody else has this one. */
		if (rc == WEIR_E_NO_ROOM)
			(void)run_signal_wait(end_of(p), RUN_SECOND_NS / 100);
		if (run_signal_is_raised(end_of(p)))
			return -EINTR;
		rc = look(p);
		if (rc < 0)
			return rc;
	}
}

/* ---- a queue that is full -------------------------------------------------------------------- */

static void tell_full(struct run_publishing *p)
{
	struct run_publisher *own = p->own;
	uint64_t now_ns = bench_now_ns();
	run_add(&own->full_waits, 1);
	if (p->full_told_ns != 0 && now_ns < p->full_told_ns + FULL_TOLD_NS)
		return;
	p->full_told_ns = now_ns;
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	const char *name = weir_subscription_info(own->pipeline, p->full_queue, &info) == 0
				   ? info.name
				   : "a queue";
	lines_say(WR_EVENT_SOURCE_QUEUE_FULL,
		  WR_FIELDS(wr_field_text("source", own->source->name),
			    wr_field_text("subscription", name)),
		  "source %s: %s is as long as it may be: it waits for a place there",
		  own->source->name, name);
}

/* UINT64_MAX: nobody knows. */
static uint64_t events_waiting(const struct run_publishing *p)
{
	struct weir_lag lag;
	return weir_lag(p->own->pipeline, p->full_queue, &lag) == 0 ? lag.events : UINT64_MAX;
}

static int wait_for_place(struct run_publishing *p)
{
	uint64_t most = events_waiting(p), wait_ns = FULL_LOOK_MIN_NS;
	uint64_t begun_ns = bench_now_ns();
	for (;;) {
		p->is_held_back = run_signal_wait(end_of(p), wait_ns);
		if (p->is_held_back)
			return RUN_SOURCE_STOPPED;
		uint64_t waited_ns = bench_now_ns() - begun_ns, now = events_waiting(p);
		if (now <= most / 2 || waited_ns >= FULL_TRY_NS ||
		    ((now < most || now == UINT64_MAX) && waited_ns >= FULL_LOOK_MAX_NS))
			return RUN_SOURCE_LINE;
		wait_ns = wait_ns * 2 < FULL_LOOK_MAX_NS ? wait_ns * 2 : FULL_LOOK_MAX_NS;
	}
}

/*
 * A queue was full: what it refused is first among what is handed over next, by another holder of
 * the name, when there is a place. RUN_SOURCE_LINE: now.
 */
static int go_back(struct run_publishing *p)
{
	struct weir_producer_last last;
	struct weir_producer_progress progress;
	/* Its answer, which says which queue it was, comes when what it rests on is durable. */
	weir_producer_progress(p->producer, &progress);
	(void)!weir_wait(p->producer, progress.first_refused_ticket, WEIR_LEVEL_DEFAULT, LOOK_NS);
	(void)!weir_producer_poll_acks(p->producer);
	tell_full(p);
	(void)weir_producer_close(p->producer, LOOK_NS);
	p->producer = NULL;
	int rc = run_take_name(p, &last);
	if (rc < 0)
		return rc;
	p->in_log = last.producer_sequence;
	if (p->in_log + 1 < p->kept.first || p->in_log > p->sent) {
		run_fault_set(&p->own->fault, WEIR_E_FENCED,
			      "somebody else publishes under its name");
		return WEIR_E_FENCED;
	}
	run_kept_drop(&p->kept, p->in_log + 1);
	run_add(&p->own->published_events, p->in_log - p->sent); // less: they wrap around
	p->paced_from = wr_min_u64(p->paced_from, wr_load_relaxed(&p->own->published_events));
	p->sent = p->in_log;
	p->ticket = p->made = 0;
	return wait_for_place(p);
}

/* ---- what was read --------------------------------------------------------------------------- */

/* The event is the maker's, perhaps once more. */
static void make(struct run_publishing *p, uint64_t event)
{
	const struct run_kept_line *kept = run_kept_at(&p->kept, event);
	if (p->made != event)
		(void)run_event_of_line(&p->maker, &kept->line);
	if (p->reader->has_place)
		run_event_add_header(&p->maker, RUN_PLACE_HEADER, kept->place);
	p->made = 0;
}

static bool is_time_to_look(struct run_publishing *p)
{
	uint64_t now_ns = bench_now_ns();
	if (p->sent % LOOK_EVERY != 0 && now_ns < p->looked_ns + LOOK_NS)
		return false;
	p->looked_ns = now_ns;
	return true;
}

int run_hand_over(struct run_publishing *p)
{
	while (p->sent < p->events) {
		int rc = wait_for_turn(p);
		if (rc != RUN_SOURCE_LINE)
			return rc;
		make(p, p->sent + 1);
		rc = publish(p);
		if (rc == 0 && is_time_to_look(p))
			rc = look(p);
		if (rc == WEIR_E_QUEUE_FULL)
			rc = go_back(p);
		if (rc == -EINTR || rc == RUN_SOURCE_STOPPED)
			return RUN_SOURCE_STOPPED;
		if (rc < 0) {
			run_fault_set(&p->own->fault, rc, "%s:%" PRIu64 ": %s", p->reader->name,
				      p->line.number, weir_strerror(rc));
			return rc;
		}
	}
	return RUN_SOURCE_LINE;
}

/* After a wait for the log: 0, or why it decides nothing more. */
static int check_log(struct run_publishing *p, int rc)
{
	if (rc != WEIR_E_FAILED && rc != WEIR_E_CLOSED && rc != WEIR_E_POISONED)
		return 0;
	run_fault_set(&p->own->fault, rc, "%s", weir_strerror(rc));
	return rc;
}

/* A look; where a queue was full, all goes over again. As run_hand_over(). */
static int look_and_go_back(struct run_publishing *p)
{
	int rc = look(p);
	if (rc == WEIR_E_QUEUE_FULL)
		rc = go_back(p);
	return rc < 0 || rc == RUN_SOURCE_STOPPED ? rc : run_hand_over(p);
}

int run_make_room(struct run_publishing *p)
{
	while (!run_kept_has_room(&p->kept)) {
		int rc = look_and_go_back(p);
		if (rc != RUN_SOURCE_LINE || run_kept_has_room(&p->kept))
			return rc;
		/* The middle one: while it waits for that, the log has the others. */
		uint64_t middle = (p->kept.first + p->kept.end) / 2;
		rc = check_log(
			p, weir_wait(p->producer, middle - p->in_log, WEIR_LEVEL_MEMORY, LOOK_NS));
		if (rc != 0 || run_signal_is_raised(end_of(p)))
			return rc != 0 ? rc : RUN_SOURCE_STOPPED;
	}
	return RUN_SOURCE_LINE;
}

int run_settle(struct run_publishing *p)
{
	for (;;) {
		int rc = look_and_go_back(p);
		if (rc != RUN_SOURCE_LINE || p->kept.first == p->kept.end)
			return rc;
		rc = check_log(p, weir_wait(p->producer, p->ticket, WEIR_LEVEL_MEMORY, LOOK_NS));
		if (rc != 0 || run_signal_is_raised(end_of(p)))
			return rc != 0 ? rc : RUN_SOURCE_STOPPED;
	}
}

/* What was taken from a pipe, or refused by a full queue, and is not handed over. */
static uint64_t in_hand(const struct run_publishing *p)
{
	return !comes_again(p) || p->is_held_back ? p->events - p->sent : 0;
}

/*
 * The run ends, and the log has not taken what was handed over last: it has no room, say. What is
 * read again is published by the next run, and so is no fault of the source's; what is gone from a
 * pipe is lost.
 */
static int leave_held_back(struct run_publishing *p)
{
	struct run_publisher *own = p->own;
	uint64_t left = wr_load_relaxed(&own->published_events) -
			wr_load_relaxed(&own->durable_events) + in_hand(p);
	if (!comes_again(p)) {
		run_fault_set(&own->fault, -ETIMEDOUT,
			      "%" PRIu64 " events of it are lost: the log did not take them before "
			      "the run ended",
			      left);
		return -ETIMEDOUT;
	}
	lines_say(
		WR_EVENT_SOURCE_HELD_BACK,
		WR_FIELDS(wr_field_text("source", own->source->name), wr_field_u64("events", left)),
		"source %s: %" PRIu64 " events of it are not in the log yet: the next run reads "
		"them again",
		own->source->name, left);
	return 0;
}

/* Until what was handed over is at its level, or the run ends all the same. */
static int wait_until_durable(struct run_publishing *p)
{
	enum weir_level level =
		p->own->options->dir != NULL ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
	int rc = 0;
	if (p->ticket != 0)
		do {
			rc = weir_wait(p->producer, p->ticket, level, LOOK_NS);
			int refused = look(p);
			rc = refused < 0 ? refused : rc;
		} while (rc == -ETIMEDOUT && !run_signal_is_raised(&p->own->life->abort));
	if (rc == -ETIMEDOUT || (rc == 0 && in_hand(p) > 0))
		return leave_held_back(p);
	if (rc < 0 && rc != WEIR_E_QUEUE_FULL)
		run_fault_set(&p->own->fault, rc, "what was published last did not get %s: %s",
			      level == WEIR_LEVEL_DURABLE ? "durable" : "ordered",
			      weir_strerror(rc));
	return rc;
}

void run_finish(struct run_publishing *p)
{
	int rc;
	while ((rc = wait_until_durable(p)) == WEIR_E_QUEUE_FULL) {
		rc = go_back(p);
		if (rc == RUN_SOURCE_LINE)
			rc = run_hand_over(p);
		if (rc < 0)
			return;
	}
}
