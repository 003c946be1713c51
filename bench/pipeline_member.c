/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member thread of the pipeline benchmark: polls, checks every byte and the order, acknowledges.
 *
 * Order is kept by producer and partition. An event with an ordinal not above the last one of its
 * producer and partition was seen before: allowed when weir says so (WEIR_ITEM_REDELIVERED), a
 * fault when it does not; it is a disorder when its ordinal never came, which shows at the end as a
 * count and a sum of ordinals that are not those of 1 .. n.
 *
 * It ends when all members together have handled what was published, then waits until its progress
 * has the level.
 *
 * Thread: its own, one for each member.
 */
#include "bench/pipeline_threads.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/harness.h"

#define POLL_NS 5000000u
#define CLOCK_EVERY 64u

/* True when it is one of those that were published: what comes again is not counted again. */
static bool check_event(struct bench_member *m, const struct weir_item *item, uint64_t now_ns,
			uint64_t measure_from_ns)
{
	struct bench_run *run = m->run;
	const struct pipeline_settings *settings = run->settings;
	struct pipeline_payload parts;

	if (WR_UNLIKELY(item->payload == NULL || item->payload_bytes != settings->payload_bytes ||
			item->topic != run->topic || item->partition >= settings->partition_count ||
			!pipeline_payload_check(item->payload, item->payload_bytes, &parts) ||
			parts.producer >= settings->producer_count)) {
		m->damaged++;
		return true;
	}
	wr_atomic_u64 *last =
		&run->last[parts.producer * settings->partition_count + item->partition];
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
	if (parts.ordinal % run->sample_every == 0 && parts.due_ns >= measure_from_ns)
		histogram_record(m->handle, now_ns > parts.due_ns ? now_ns - parts.due_ns : 0);
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

void *bench_member_main(void *argument)
{
	struct bench_member *m = argument;
	struct bench_run *run = m->run;
	const char *what = "pinning a member's thread";
	int code = bench_pin(&run->settings->member_cpus, m->index);

	while (code >= 0 && wr_load_relaxed(&run->failed) == 0) {
		what = "polling";
		code = weir_poll(m->member, m->items, POLL_ITEMS, POLL_NS);
		if (code < 0)
			break;
		if (code == 0) {
			wr_store_relaxed(&m->assigned,
					 (uint32_t)weir_member_assignments(m->member, NULL, 0));
			if (bench_handled(run) >= wr_load_relaxed(&run->target))
				break;
			continue;
		}
		what = "acknowledging";
		code = handle(m, code);
		if (code < 0)
			break;
		if (run->settings->progress == PIPELINE_PROGRESS_COMMIT) {
			code = commit(m);
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

int bench_member_init(struct bench_member *m, struct bench_run *run, uint32_t index)
{
	struct weir_member_options options;

	m->run = run;
	m->index = index;
	m->items = calloc(POLL_ITEMS, sizeof *m->items);
	m->counts = calloc(run->settings->producer_count, sizeof *m->counts);
	m->sums = calloc(run->settings->producer_count, sizeof *m->sums);
	m->handle = histogram_create();
	if (m->items == NULL || m->counts == NULL || m->sums == NULL || m->handle == NULL)
		return -ENOMEM;
	weir_member_options_init(&options);
	return weir_member_join(run->pipeline, run->subscription, &options, &m->member,
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
	histogram_destroy(m->handle);
}
