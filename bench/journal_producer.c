/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A producer thread of the journal benchmark: see journal.h.
 *
 * Tickets are dense from 1, so with a rate the due time of an acknowledged ticket is computed, not
 * remembered; saturated, the time of each burst's hand-over is kept in a ring until its last ticket
 * is acknowledged.
 *
 * Failure modes: a full lane blocks for a millisecond at most, so that answers are taken in
 * between; events that are not published 20 s after the last was due are given up and counted; a
 * refused ticket, or one that was never given, ends the load.
 *
 * Thread: its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "bench/harness.h"
#include "bench/journal.h"
#include "bench/pipeline.h"
#include "core/base/bits.h"

#define BLOCK_NS 1000000u
#define ANSWER_NS 30000000000ull /* without any answer for so long: it hangs */
#define LATE_NS 20000000000ull

static bool is_saturated(const struct journal_producer *p)
{
	return p->load->rate == JOURNAL_SATURATED;
}

static uint64_t due_ns_of(const struct journal_producer *p, uint64_t ticket)
{
	return p->bench->start_ns + journal_due_ns(p->interval_ns, p->first_due_ns, ticket);
}

/* --- acknowledgements ------------------------------------------------------------------------ */

static void record_due(struct journal_producer *p, const struct weir_ack_range *range)
{
	for (uint64_t ticket = range->first_ticket; ticket <= range->last_ticket; ticket++) {
		uint64_t due_ns = due_ns_of(p, ticket);
		if (due_ns < p->measure_from_ns)
			continue;
		p->measured++;
		histogram_record(p->ack, p->ack_now_ns > due_ns ? p->ack_now_ns - due_ns : 0);
	}
}

static void record_bursts(struct journal_producer *p, const struct weir_ack_range *range)
{
	while (p->burst_head != p->burst_tail) {
		const struct journal_burst *burst = &p->bursts[p->burst_head % JOURNAL_BURSTS];
		if (burst->last_ticket > range->last_ticket)
			break;
		p->burst_head++;
		if (burst->at_ns >= p->measure_from_ns)
			histogram_record(p->ack, p->ack_now_ns - burst->at_ns);
	}
}

static void on_ack(void *context, const struct weir_ack_range *range)
{
	struct journal_producer *p = context;

	if (range->code != 0 || range->last_ticket > p->published ||
	    range->first_ticket != wr_load_relaxed(&p->acked) + 1) {
		p->code = range->code != 0 ? range->code : -EPROTO;
		return;
	}
	p->ack_now_ns = bench_now_ns();
	if (is_saturated(p))
		record_bursts(p, range);
	else
		record_due(p, range);
	wr_store_relaxed(&p->acked, range->last_ticket);
}

static bool has_all(const struct journal_producer *p)
{
	return wr_load_relaxed(&p->acked) == p->published;
}

static void collect_answers(struct journal_producer *p)
{
	uint64_t deadline_ns = bench_now_ns() + ANSWER_NS;

	while (p->code == 0 && !has_all(p)) {
		int code = weir_wait(p->producer, p->published, WEIR_LEVEL_DURABLE, BLOCK_NS);
		if (weir_producer_poll_acks(p->producer) > 0)
			deadline_ns = bench_now_ns() + ANSWER_NS;
		else if (code != 0 && code != -ETIMEDOUT)
			p->code = code;
		else if (bench_now_ns() > deadline_ns)
			p->code = -ETIMEDOUT;
	}
}

/* --- publishing ------------------------------------------------------------------------------ */

static void publish(struct journal_producer *p, uint32_t count, uint64_t now_ns)
{
	uint8_t *payload = p->payloads;
	uint64_t last_ticket = 0;

	for (uint32_t i = 0; i < count; i++, payload += p->payload_stride)
		pipeline_payload_set(payload, p->bench->settings.payload_bytes, p->tail_base,
				     p->published + 1 + i, now_ns);
	uint64_t before = p->published;
	int n = weir_publish_many(p->producer, p->events, count, &last_ticket);
	if (n == -ETIMEDOUT || n == WEIR_E_AGAIN)
		return;
	if (n < 0) {
		p->code = n;
		return;
	}
	p->published += (uint32_t)n;
	if (last_ticket != before + (uint32_t)n)
		p->code = -EPROTO;
}

static void saturate(struct journal_producer *p)
{
	while (p->code == 0 && wr_load_relaxed(&p->bench->stop) == 0) {
		uint64_t now_ns = bench_now_ns();
		uint64_t before = p->published;
		publish(p, JOURNAL_BURST_EVENTS, now_ns);
		if (p->published > before && p->burst_tail - p->burst_head < JOURNAL_BURSTS)
			p->bursts[p->burst_tail++ % JOURNAL_BURSTS] = (struct journal_burst){
				.last_ticket = p->published, .at_ns = now_ns};
		(void)weir_producer_poll_acks(p->producer);
	}
}

/* How many events are due and not published. */
static uint32_t due_now(const struct journal_producer *p, uint64_t now_ns)
{
	uint64_t most = wr_min_u64(JOURNAL_BURST_EVENTS, p->due_count - p->published);
	uint32_t n = 0;

	while (n < most && due_ns_of(p, p->published + 1 + n) <= now_ns)
		n++;
	return n;
}

/*
 * Until the next event is due, or an acknowledgement comes, which is taken at once: a service that
 * answers its clients when their events are durable waits so.
 */
static void wait_until_due(struct journal_producer *p, uint64_t wait_ns)
{
	uint64_t next = wr_load_relaxed(&p->acked) + 1;

	if (next > p->published) {
		bench_sleep_ns(wait_ns);
		return;
	}
	int code = weir_wait(p->producer, next, WEIR_LEVEL_DURABLE, wait_ns);
	if (code != 0 && code != -ETIMEDOUT)
		p->code = code;
}

static void keep_rate(struct journal_producer *p)
{
	uint64_t give_up_ns = p->bench->to_ns + LATE_NS;

	while (p->code == 0 && p->published < p->due_count &&
	       wr_load_relaxed(&p->bench->stop) == 0) {
		uint64_t now_ns = bench_now_ns();
		uint32_t count = due_now(p, now_ns);
		if (count > 0)
			publish(p, count, now_ns);
		(void)weir_producer_poll_acks(p->producer);
		if (now_ns > give_up_ns)
			break;
		if (count == 0) {
			uint64_t due_ns = due_ns_of(p, p->published + 1);
			wait_until_due(p, due_ns > now_ns ? due_ns - now_ns : 0);
		}
	}
	p->late_count = p->due_count - p->published;
}

void *journal_producer_main(void *producer)
{
	struct journal_producer *p = producer;

	/* The kernel may end a sleep 50 us late otherwise, to have fewer wake-ups. */
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	if (is_saturated(p))
		saturate(p);
	else
		keep_rate(p);
	collect_answers(p);
	if (p->code != 0)
		wr_store_relaxed(&p->bench->stop, 1u);
	wr_store_relaxed(&p->cpu_ns, bench_thread_cpu_ns());
	return NULL;
}

/* --- life ------------------------------------------------------------------------------------ */

static bool make_payloads(struct journal_producer *p)
{
	uint64_t payload_bytes = p->bench->settings.payload_bytes;

	p->payload_stride = wr_round_up(payload_bytes, 64);
	p->payloads = aligned_alloc(64, p->payload_stride * JOURNAL_BURST_EVENTS);
	p->bursts = calloc(JOURNAL_BURSTS, sizeof *p->bursts);
	p->ack = histogram_create();
	if (p->payloads == NULL || p->bursts == NULL || p->ack == NULL)
		return false;
	for (uint32_t i = 0; i < JOURNAL_BURST_EVENTS; i++) {
		uint8_t *payload = p->payloads + i * p->payload_stride;
		p->tail_base = pipeline_payload_init(payload, payload_bytes, p->index);
		p->events[i] = (struct weir_event){.topic = p->bench->topic,
						   .payload = payload,
						   .payload_bytes = payload_bytes};
	}
	return true;
}

int journal_producer_init(struct journal_producer *p, struct journal_bench *bench,
			  const struct journal_load *load, uint32_t index)
{
	struct weir_producer_options options;

	p->bench = bench;
	p->load = load;
	p->index = index;
	if (load->rate != JOURNAL_SATURATED) {
		p->interval_ns = 1e9 * load->producer_count / (double)load->rate;
		/* In turn, not all at the same moment. */
		p->first_due_ns = 1e9 * index / (double)load->rate;
		p->due_count =
			(uint64_t)((double)(load->warmup_ns + load->length_ns) / p->interval_ns);
	}
	if (!make_payloads(p))
		return -ENOMEM;
	weir_producer_options_init(&options);
	options.level = WEIR_LEVEL_DURABLE;
	options.when_full = WEIR_FULL_BLOCK;
	options.block_timeout_ns = BLOCK_NS;
	options.ack_fn = on_ack;
	options.ack_context = p;
	return weir_producer_open(bench->pipeline, &options, &p->producer, NULL);
}

void journal_producer_fini(struct journal_producer *p)
{
	if (p->producer != NULL)
		(void)weir_producer_close(p->producer, 1000000000);
	free(p->payloads);
	free(p->bursts);
	histogram_destroy(p->ack);
}
