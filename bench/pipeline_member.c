/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member thread of the pipeline benchmark: polls, checks every byte and the order, acknowledges.
 *
 * Order is kept by producer and partition. An event with an ordinal not above the last one of its
 * producer and partition was seen before: allowed when weir says so (WEIR_ITEM_REDELIVERED), a
 * fault when it does not; it is a disorder when its ordinal never came, which shows at the end as a
 * count and a sum of ordinals that are not those of 1 .. n.
 *
 * It ends when all members together have handled what was published, or the rest of it where some
 * was missed, then waits until its progress has the level.
 *
 * Thread: its own, one for each member.
 */
#include "bench/pipeline_threads.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/harness.h"

#define POLL_NS 5000000u
#define CLOCK_EVERY 64u

/* What a producer wrote into an event; false when it is not that. */
static bool read_event(const struct bench_run *run, const struct weir_item *item,
		       struct pipeline_payload *ret_parts)
{
	bool is_whole =
		item->payload != NULL && item->partition < run->partitions_max &&
		(run->settings->input != NULL
			 ? pipeline_mark_check(item, ret_parts)
			 : pipeline_payload_check(item->payload, item->payload_bytes, ret_parts));

	if (!is_whole || ret_parts->producer >= run->producer_count)
		return false;
	const struct pipeline_stream *stream = run->stream_of[ret_parts->producer];
	return item->topic == run->topics[stream->topic] &&
	       (run->settings->input != NULL || item->payload_bytes == stream->payload_bytes);
}

/* True when it is one of those that were published: what comes again is not counted again. */
static bool check_event(struct bench_member *m, const struct weir_item *item, uint64_t now_ns,
			uint64_t measure_from_ns)
{
	struct bench_run *run = m->run;
	struct pipeline_payload parts;

	if (WR_UNLIKELY(!read_event(run, item, &parts))) {
		m->damaged++;
		return true;
	}
	wr_atomic_u64 *last =
		&m->reader->last[parts.producer * run->partitions_max + item->partition];
	uint64_t before = wr_load_relaxed(last);
	if (WR_UNLIKELY(parts.ordinal <= before)) {
		bool marked = (item->flags & WEIR_ITEM_REDELIVERED) != 0;
		bool same = parts.ordinal == before;
		m->redelivered += marked;
		m->repeated += !marked && same;
		m->disordered += !marked && !same;
		return !marked && !same;
	}
	wr_store_relaxed(last, parts.ordinal);
	m->counts[parts.producer]++;
	m->sums[parts.producer] += parts.ordinal;
	if (parts.ordinal % run->sample_every != 0 || parts.due_ns < measure_from_ns)
		return true;
	histogram_record(m->handle, now_ns > parts.due_ns ? now_ns - parts.due_ns : 0);
	if (m->settle != NULL)
		m->due_ns[m->due_count++] = parts.due_ns;
	return true;
}

static int handle(struct bench_member *m, int count)
{
	uint64_t measure_from_ns = wr_load_relaxed(&m->run->measure_from_ns);
	uint64_t now_ns = 0;
	uint64_t events = 0;

	for (int i = 0; i < count; i++) {
		const struct weir_item *item = &m->items[i];
		if (i % (int)CLOCK_EVERY == 0)
			now_ns = bench_now_ns();
		if (item->kind == WEIR_ITEM_EVENT) {
			events += check_event(m, item, now_ns, measure_from_ns);
		} else {
			m->missing += item->end_sequence - item->sequence;
			wr_store_relaxed(&m->reader->gaps, 1u);
		}
		if (m->run->settings->ack == PIPELINE_ACK_EACH) {
			int code = weir_ack(m->member, item);
			/* Fenced: its partition has moved, the next owner gets it again. */
			if (code < 0 && code != WEIR_E_FENCED)
				return code;
		}
	}
	if (m->run->settings->ack == PIPELINE_ACK_ALL)
		weir_ack_all(m->member);
	wr_store_relaxed(&m->handled, wr_load_relaxed(&m->handled) + events);
	return 0;
}

static int commit(struct bench_member *m)
{
	int code =
		weir_member_commit(m->member, m->run->settings->level, m->run->settings->stall_ns);

	return code == WEIR_E_FENCED ? 0 : code;
}

/* The progress of a poll, and when it had the level. */
static int settle(struct bench_member *m)
{
	int code = commit(m);
	uint64_t now_ns = bench_now_ns();

	for (uint32_t i = 0; i < m->due_count; i++)
		histogram_record(m->settle, now_ns > m->due_ns[i] ? now_ns - m->due_ns[i] : 0);
	m->due_count = 0;
	return code;
}

/* Asked when a poll found nothing. */
static bool is_done(const struct bench_member *m)
{
	uint64_t target = wr_load_relaxed(&m->reader->target);

	if (bench_handled(m->run, m->reader) >= target)
		return true;
	return target != UINT64_MAX && wr_load_relaxed(&m->reader->gaps) != 0;
}

void *bench_member_main(void *argument)
{
	struct bench_member *m = argument;
	struct bench_run *run = m->run;
	const char *what = "pinning a member's thread";
	uint32_t reader = (uint32_t)(m->reader - run->readers);
	int code = bench_pin(&run->settings->readers[reader].cpus, m->of_group);

	while (code >= 0 && wr_load_relaxed(&run->failed) == 0) {
		what = "polling";
		code = weir_poll(m->member, m->items, POLL_ITEMS, POLL_NS);
		if (code < 0)
			break;
		if (code == 0) {
			wr_store_relaxed(&m->assigned,
					 (uint32_t)weir_member_assignments(m->member, NULL, 0));
			if (is_done(m))
				break;
			continue;
		}
		what = "acknowledging";
		code = handle(m, code);
		if (code < 0)
			break;
		if (run->settings->progress == PIPELINE_PROGRESS_COMMIT) {
			code = settle(m);
			if (code < 0)
				break;
		}
	}
	if (code >= 0 && wr_load_relaxed(&run->failed) == 0) {
		what = "waiting for progress to be durable";
		code = commit(m);
		wr_store_relaxed(&m->committed_ns, bench_now_ns());
	}
	if (code < 0) {
		struct weir_problem problem = {0};
		weir_member_problem(m->member, &problem);
		bench_fail(run, what, code, &problem);
	}
	return NULL;
}

int bench_member_init(struct bench_member *m, struct bench_run *run, struct bench_reader *reader,
		      uint32_t of_group)
{
	struct weir_member_options options;
	bool waits = run->settings->progress == PIPELINE_PROGRESS_COMMIT;

	m->run = run;
	m->reader = reader;
	m->of_group = of_group;
	m->items = calloc(POLL_ITEMS, sizeof *m->items);
	m->counts = calloc(run->producer_count, sizeof *m->counts);
	m->sums = calloc(run->producer_count, sizeof *m->sums);
	m->due_ns = calloc(POLL_ITEMS, sizeof *m->due_ns);
	m->handle = histogram_create();
	m->settle = waits ? histogram_create() : NULL;
	if (m->items == NULL || m->counts == NULL || m->sums == NULL || m->due_ns == NULL ||
	    m->handle == NULL || (waits && m->settle == NULL))
		return -ENOMEM;
	weir_member_options_init(&options);
	return weir_member_join(run->pipeline, reader->subscription, &options, &m->member,
				&run->stage_problem);
}

void bench_member_fini(struct bench_member *m)
{
	if (m->member != NULL)
		weir_member_leave(m->member, 1000000000);
	m->member = NULL;
	free(m->items);
	free(m->counts);
	free(m->sums);
	free(m->due_ns);
	histogram_destroy(m->handle);
	histogram_destroy(m->settle);
}
