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
#include "tools/weir/run/last_event.h"
#include "tools/weir/run/publishing.h"

#define BAD_LINES_TOLD 5u

/* ---- opening --------------------------------------------------------------------------------- */

static void look_at_place(void *context, const struct weir_item *item)
{
	run_event_header(item, RUN_PLACE_HEADER, context, RUN_PLACE_BYTES);
}

static int open_producer(struct run_publishing *p)
{
	struct run_publisher *own = p->own;
	struct weir_producer_last last;
	int rc = run_take_name(p, &last);
	if (rc < 0)
		return rc;
	p->in_log = p->in_log_first = last.producer_sequence;
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
static int take_line(struct run_publishing *p, const struct run_line *line)
{
	struct run_publisher *own = p->own;
	run_add(&own->read_lines, 1);
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
static int next_event(struct run_publishing *p)
{
	for (;;) {
		struct run_line line;
		int rc = p->reader->ops->next(p->reader, &line, &p->own->fault);
		/* What a queue refuses meanwhile does not wait for the next line. */
		if (rc == RUN_SOURCE_IDLE && (rc = run_settle(p)) == RUN_SOURCE_LINE)
			continue;
		if (rc != RUN_SOURCE_LINE)
			return rc;
		rc = take_line(p, &line);
		if (rc < 0)
			return rc;
		if (rc == 1) {
			p->made = ++p->events;
			p->line = line;
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
static int check_last(struct run_publishing *p)
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
		p->reader->name, p->line.number, p->in_log);
	return -ENODATA;
}

/* Events that are in the log: read again, and made again, so that their numbers are the same. */
static int pass_over(struct run_publishing *p)
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

static int publish_all(struct run_publishing *p)
{
	int rc = RUN_SOURCE_LINE;
	p->begun_ns = bench_now_ns();
	p->rate = wr_load_relaxed(&p->own->rate_per_s);
	p->sent = p->events;
	if (run_kept_init(&p->kept, p->events + 1) != 0)
		return -ENOMEM;
	p->reader->tells_idle = true;
	while (rc == RUN_SOURCE_LINE) {
		rc = run_make_room(p);
		if (rc == RUN_SOURCE_LINE)
			rc = next_event(p);
		if (rc == RUN_SOURCE_LINE &&
		    run_kept_add(&p->kept, &p->line, p->reader->place) != 0)
			rc = -ENOMEM;
		if (rc == RUN_SOURCE_LINE)
			rc = run_hand_over(p);
	}
	return rc;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void *run(void *context)
{
	struct run_publisher *own = context;
	struct run_publishing p = {.own = own,
				   .full_queue = UINT32_MAX,
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
	if (p.producer != NULL && p.kept.lines != NULL)
		run_finish(&p);
	if (rc < 0)
		run_fault_set(&own->fault, rc, "%s", weir_strerror(rc));
	run_event_done(&p.maker);
	run_kept_fini(&p.kept);
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
