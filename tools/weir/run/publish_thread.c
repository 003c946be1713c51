/* SPDX-License-Identifier: Apache-2.0 */
/* See publish_thread.h. */
#include "tools/weir/run/publish_thread.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "bench/harness.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/event_of_line.h"
#include "tools/weir/run/last_event.h"
#include "tools/weir/run/source.h"

#define LOOK_NS (100 * RUN_MILLISECOND_NS)
#define LOOK_EVERY 256u /* events between two looks at answers */
#define BAD_LINES_TOLD 5u

struct publishing {
	struct run_publisher *own;
	struct weir_producer *producer;
	struct run_reader *reader;
	struct run_event_maker maker;
	uint64_t in_log;          /* events that were there when it was opened */
	uint64_t in_log_sequence; /* of the last of them; 0: none, or not known */
	uint64_t events;          /* seen so far: published or passed over */
	uint64_t ticket;          /* of the last one */
	uint64_t line;            /* its number in its file */
	uint64_t in_hand;         /* 1: the last one was taken from a pipe, and not handed over */
	uint64_t begun_ns;        /* the rate counts from here */
	uint64_t rate;            /* by which it counts */
	uint64_t paced_from;      /* events that were published before that */
};

static void add(wr_atomic_u64 *counter, uint64_t n)
{
	wr_store_relaxed(counter, wr_load_relaxed(counter) + n);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void look_at_place(void *context, const struct weir_item *item)
{
	run_event_header(item, RUN_PLACE_HEADER, context, RUN_PLACE_BYTES);
}

static int open_producer(struct publishing *p)
{
	struct run_publisher *own = p->own;
	struct weir_producer_options options;
	struct weir_producer_last last;
	struct weir_problem problem = {0};
	weir_producer_options_init(&options);
	options.name = own->source->name;
	options.block_timeout_ns = LOOK_NS;
	int rc = weir_producer_open(own->pipeline, &options, &p->producer, &problem);
	if (rc < 0) {
		run_fault_set(&own->fault, rc, "%s",
			      problem.text[0] != '\0' ? problem.text : weir_strerror(rc));
		return rc;
	}
	rc = weir_producer_last(p->producer, &last);
	if (rc < 0) {
		run_fault_set(&own->fault, rc, "%s", weir_strerror(rc));
		return rc;
	}
	p->in_log = last.producer_sequence;
	p->in_log_sequence = own->options->dir != NULL ? last.sequence : 0;
	wr_store_relaxed(&own->resumed_events, p->in_log);
	size_t line_bytes_max = p->maker.event_bytes_max;
	switch (own->source->from) {
	case WEIR_CONFIG_FROM_GENERATE:
		return run_generator_open(own->source, own->life, &p->reader, &own->fault);
	case WEIR_CONFIG_FROM_FOLLOW:
		break;
	default:
		return run_lines_open(own->source, own->life, line_bytes_max, &p->reader,
				      &own->fault);
	}
	char place[RUN_PLACE_BYTES] = "";
	if (p->in_log_sequence != 0)
		rc = run_event_look(own->options->dir, p->in_log_sequence, look_at_place, place,
				    own->life, &own->fault);
	if (rc == 0 && p->in_log > 0 && place[0] == '\0')
		lines_say(WR_EVENT_SOURCE_LOST,
			  WR_FIELDS(wr_field_text("source", own->source->name)),
			  "source %s: where it was read to is no longer in the log: read from the "
			  "start of %s",
			  own->source->name, own->source->files[0]);
	return rc < 0 ? rc
		      : run_follow_open(own->source, own->life, line_bytes_max, place, &p->reader,
					&own->fault);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* 1: an event; 0: none; -code: it ends here. */
static int take_line(struct publishing *p, const struct run_line *line)
{
	struct run_publisher *own = p->own;
	add(&own->read_lines, 1);
	enum run_made made = run_event_of_line(&p->maker, line);
	if (made != RUN_MADE_BAD)
		return made == RUN_MADE_EVENT;
	uint64_t bad = wr_load_relaxed(&own->bad_lines) + 1;
	wr_store_relaxed(&own->bad_lines, bad);
	if (own->source->skip_bad_lines) {
		if (bad <= BAD_LINES_TOLD)
			lines_say(WR_EVENT_SOURCE_LINE_SKIPPED,
				  WR_FIELDS(wr_field_text("source", own->source->name),
					    wr_field_text("file", p->reader->name),
					    wr_field_u64("line", line->number),
					    wr_field_text("why", p->maker.why)),
				  "source %s: %s:%" PRIu64 ": %s: skipped%s", own->source->name,
				  p->reader->name, line->number, p->maker.why,
				  bad == BAD_LINES_TOLD ? "; more of them are only counted" : "");
		return 0;
	}
	run_fault_set(&own->fault, -EBADMSG, "%s:%" PRIu64 ": %s", p->reader->name, line->number,
		      p->maker.why);
	return -EBADMSG;
}

/* The next line that is an event. RUN_SOURCE_*, or -code. */
static int next_event(struct publishing *p)
{
	struct run_line line;
	for (;;) {
		int rc = p->reader->ops->next(p->reader, &line, &p->own->fault);
		if (rc != RUN_SOURCE_LINE)
			return rc;
		rc = take_line(p, &line);
		if (rc < 0)
			return rc;
		if (rc == 1) {
			p->events++;
			p->line = line.number;
			return RUN_SOURCE_LINE;
		}
	}
}

struct comparison {
	const struct weir_event *event;
	bool differs;
};

static void compare(void *context, const struct weir_item *item)
{
	struct comparison *c = context;
	const struct weir_event *event = c->event;
	c->differs = item->payload_bytes != event->payload_bytes ||
		     (event->payload_bytes > 0 &&
		      memcmp(item->payload, event->payload, event->payload_bytes) != 0);
}

/* The last event that was passed over is the last one in the log: else others were, and what comes
 * next is not what came next. */
static int check_last(struct publishing *p)
{
	struct comparison c = {.event = &p->maker.event};
	struct run_publisher *own = p->own;
	if (p->in_log_sequence == 0 || p->reader->ops->skip != NULL)
		return RUN_SOURCE_LINE;
	int rc = run_event_look(own->options->dir, p->in_log_sequence, compare, &c, own->life,
				&own->fault);
	if (rc < 0)
		return rc;
	/* It may not have been found for that. */
	if (run_signal_is_raised(&own->life->stop))
		return RUN_SOURCE_STOPPED;
	if (!c.differs)
		return RUN_SOURCE_LINE;
	run_fault_set(
		&own->fault, -ENODATA,
		"%s:%" PRIu64 ": event %" PRIu64 " of it is another one in the log: the file "
		"was changed, or what the config takes of it. Put it back, or give the source "
		"a new name: then all of the file is published",
		p->reader->name, p->line, p->in_log);
	return -ENODATA;
}

/* Events that are in the log: read again, and made again, so that their numbers are the same. */
static int pass_over(struct publishing *p)
{
	if (!p->reader->can_reread) {
		p->events = p->in_log;
		return RUN_SOURCE_LINE;
	}
	if (p->reader->ops->skip != NULL) {
		p->reader->ops->skip(p->reader, p->in_log);
		p->events = p->in_log;
	}
	while (p->events < p->in_log) {
		int rc = next_event(p);
		if (rc == RUN_SOURCE_END) {
			run_fault_set(&p->own->fault, -ENODATA,
				      "it has %" PRIu64 " events, and %" PRIu64
				      " of it are in the log: it is not the file that it was, or "
				      "another source had this name",
				      p->events, p->in_log);
			return -ENODATA;
		}
		if (rc != RUN_SOURCE_LINE)
			return rc;
	}
	/* What was counted on the way was counted by an earlier run. */
	wr_store_relaxed(&p->own->read_lines, 0);
	wr_store_relaxed(&p->own->bad_lines, 0);
	return p->in_log > 0 ? check_last(p) : RUN_SOURCE_LINE;
}

/* ---- publishing ------------------------------------------------------------------------------ */

/* A refusal is final: the numbers behind it are refused, too. */
static int look(struct publishing *p)
{
	struct weir_producer_progress progress;
	struct run_publisher *own = p->own;
	/* Answers that nobody takes would fill the room for them. */
	(void)!weir_producer_poll_acks(p->producer);
	weir_producer_progress(p->producer, &progress);
	uint64_t done = own->options->dir != NULL ? progress.durable : progress.ordered;
	wr_store_relaxed(&own->durable_events, done - progress.refused_count);
	if (progress.refused_count == 0)
		return 0;
	run_fault_set(&own->fault, progress.first_refusal, "event %" PRIu64 " was refused: %s",
		      p->in_log + progress.first_refused_ticket,
		      weir_strerror(progress.first_refusal));
	return progress.first_refusal;
}

/* Does a next run see this line again? What was taken from a pipe is gone from there: it is
 * published even when a signal has come. */
static bool comes_again(const struct publishing *p)
{
	return p->reader->can_reread || p->reader->has_place;
}

/* As the rate says. RUN_SOURCE_LINE: now. */
static int wait_for_turn(struct publishing *p)
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

/* Handed over, however long it takes; -EINTR: stopped before it was. */
static int publish(struct publishing *p)
{
	for (;;) {
		int rc = weir_publish(p->producer, &p->maker.event, &p->ticket);
		if (rc == 0)
			add(&p->own->published_events, 1);
		if (rc != -ETIMEDOUT && rc != WEIR_E_AGAIN && rc != WEIR_E_NO_ROOM)
			return rc;
		const struct run_signal *end =
			comes_again(p) ? &p->own->life->stop : &p->own->life->abort;
		/* Where events are refused, a source waits: nobody else has this one. */
		if (rc == WEIR_E_NO_ROOM)
			(void)run_signal_wait(end, RUN_SECOND_NS / 100);
		if (run_signal_is_raised(end))
			return -EINTR;
		rc = look(p);
		if (rc < 0)
			return rc;
	}
}

static int publish_all(struct publishing *p)
{
	p->begun_ns = bench_now_ns();
	p->rate = wr_load_relaxed(&p->own->rate_per_s);
	for (;;) {
		int rc = next_event(p);
		if (rc == RUN_SOURCE_LINE)
			rc = wait_for_turn(p);
		if (rc != RUN_SOURCE_LINE)
			return rc;
		if (p->reader->has_place)
			run_event_add_header(&p->maker, RUN_PLACE_HEADER, p->reader->place);
		rc = publish(p);
		if (rc == -EINTR) {
			p->in_hand = comes_again(p) ? 0 : 1;
			return RUN_SOURCE_STOPPED;
		}
		if (rc == 0 && p->events % LOOK_EVERY == 0)
			rc = look(p);
		if (rc < 0) {
			run_fault_set(&p->own->fault, rc, "%s:%" PRIu64 ": %s", p->reader->name,
				      p->line, weir_strerror(rc));
			return rc;
		}
	}
}

/*
 * The run ends, and the log has not taken what was handed over last: it has no room, say. What is
 * read again is published by the next run, and so is no fault of the source's; what is gone from a
 * pipe is lost.
 */
static int leave_held_back(struct publishing *p)
{
	struct run_publisher *own = p->own;
	uint64_t left = wr_load_relaxed(&own->published_events) -
			wr_load_relaxed(&own->durable_events) + p->in_hand;
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
static int wait_until_durable(struct publishing *p)
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
	if (rc == -ETIMEDOUT || (rc == 0 && p->in_hand > 0))
		return leave_held_back(p);
	if (rc < 0)
		run_fault_set(&p->own->fault, rc, "what was published last did not get %s: %s",
			      level == WEIR_LEVEL_DURABLE ? "durable" : "ordered",
			      weir_strerror(rc));
	return rc;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void *run(void *context)
{
	struct run_publisher *own = context;
	struct publishing p = {.own = own,
			       .maker = {.source = own->source,
					 .event_bytes_max = run_event_bytes_max(own->options)}};
	int rc = weir_topic_find(own->pipeline, own->source->topic, &p.maker.topic);
	if (rc == 0)
		rc = open_producer(&p);
	if (rc == 0)
		rc = pass_over(&p);
	if (rc == RUN_SOURCE_LINE)
		rc = publish_all(&p);
	own->is_stopped = rc == RUN_SOURCE_STOPPED;
	/* Also behind a bad line: what was good before it is published. */
	if (p.producer != NULL)
		(void)wait_until_durable(&p);
	if (rc < 0)
		run_fault_set(&own->fault, rc, "%s", weir_strerror(rc));
	run_event_done(&p.maker);
	if (p.reader != NULL)
		p.reader->ops->close(p.reader);
	(void)weir_producer_close(p.producer, LOOK_NS);
	run_thread_note_cpu(&own->thread);
	/* Release: main reads the fault without having joined (run_publisher_has_ended). */
	wr_store_release(&own->has_ended, 1);
	return NULL;
}

int run_publisher_start(struct run_publisher *publisher)
{
	char name[16];
	(void)snprintf(name, sizeof name, "src-%s", publisher->source->name);
	return run_thread_start(&publisher->thread, name, run, publisher);
}

void run_publisher_join(struct run_publisher *publisher)
{
	run_thread_join(&publisher->thread);
}

bool run_publisher_has_ended(const struct run_publisher *publisher)
{
	/* Acquire: pairs with the release at the end of run(). */
	return wr_load_acquire(&publisher->has_ended) != 0;
}
