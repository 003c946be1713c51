/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A producer thread of the pipeline benchmark, and the payload that it writes.
 *
 * Happy path: fill a burst of up to 64 events in buffers made beforehand (three stores each) →
 * weir_publish_many → remember the due time of each k-th ticket → poll acks, which records the
 * latency of remembered tickets. The clock is read once a burst.
 *
 * Failure modes: a full lane blocks for a millisecond at most, so that answers are taken in
 * between (unread answers are what fills a lane in the end); any other error ends the run.
 *
 * Thread: its own, one for each producer.
 */
#include "bench/pipeline_threads.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness.h"

#define PAYLOAD_MARK 0x7765697200000000ull
#define PAYLOAD_SUM 0x9e3779b97f4a7c15ull
#define BLOCK_NS 1000000u
#define SLEEP_NS 50000u

static inline uint64_t get_word(const uint8_t *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof word);
	return word;
}

static inline void put_word(uint8_t *to, uint64_t word)
{
	memcpy(to, &word, sizeof word);
}

static inline uint64_t sum_words(const uint8_t *payload, size_t payload_bytes)
{
	uint64_t sum = 0;
	uint64_t rest = 0;
	size_t whole_bytes = payload_bytes & ~(size_t)7;

	for (size_t at = 0; at < whole_bytes; at += 8)
		sum += get_word(payload + at);
	memcpy(&rest, payload + whole_bytes, payload_bytes - whole_bytes);
	return sum + rest;
}

static inline uint8_t *tail_of(uint8_t *payload, size_t payload_bytes)
{
	return payload + (payload_bytes & ~(size_t)7) - 8;
}

uint64_t pipeline_payload_init(uint8_t *payload, size_t payload_bytes, uint64_t producer)
{
	for (size_t i = 0; i < payload_bytes; i++)
		payload[i] = (uint8_t)(i * 37 + producer + 1);
	put_word(payload, PAYLOAD_MARK | producer);
	put_word(payload + 8, 0);
	put_word(payload + 16, 0);
	put_word(tail_of(payload, payload_bytes), 0);
	return PAYLOAD_SUM - sum_words(payload, payload_bytes);
}

static inline void payload_set(uint8_t *payload, size_t payload_bytes, uint64_t tail_base,
			       uint64_t ordinal, uint64_t due_ns)
{
	put_word(payload + 8, ordinal);
	put_word(payload + 16, due_ns);
	put_word(tail_of(payload, payload_bytes), tail_base - ordinal - due_ns);
}

void pipeline_payload_set(uint8_t *payload, size_t payload_bytes, uint64_t tail_base,
			  uint64_t ordinal, uint64_t due_ns)
{
	payload_set(payload, payload_bytes, tail_base, ordinal, due_ns);
}

uint64_t pipeline_sum(const uint8_t *bytes, size_t count)
{
	return sum_words(bytes, count);
}

void pipeline_mark_set(uint64_t mark[PIPELINE_MARK_WORDS], uint64_t producer, uint64_t ordinal,
		       uint64_t due_ns, uint64_t payload_sum)
{
	mark[0] = PAYLOAD_MARK | producer;
	mark[1] = ordinal;
	mark[2] = due_ns;
	mark[3] = PAYLOAD_SUM - mark[0] - ordinal - due_ns - payload_sum;
}

bool pipeline_mark_check(const struct weir_item *item, struct pipeline_payload *ret_parts)
{
	struct weir_header header;
	const uint8_t *mark;

	if (weir_item_header(item, 0, &header) == 0 ||
	    header.value_bytes != PIPELINE_MARK_WORDS * sizeof(uint64_t))
		return false;
	mark = header.value;
	uint64_t head = get_word(mark);
	ret_parts->producer = head & UINT32_MAX;
	ret_parts->ordinal = get_word(mark + 8);
	ret_parts->due_ns = get_word(mark + 16);
	return (head & ~(uint64_t)UINT32_MAX) == PAYLOAD_MARK &&
	       sum_words(mark, header.value_bytes) +
			       sum_words(item->payload, item->payload_bytes) ==
		       PAYLOAD_SUM;
}

bool pipeline_payload_check(const uint8_t *payload, size_t payload_bytes,
			    struct pipeline_payload *ret_parts)
{
	if (payload_bytes < PIPELINE_PAYLOAD_BYTES_MIN ||
	    sum_words(payload, payload_bytes) != PAYLOAD_SUM)
		return false;
	uint64_t head = get_word(payload);
	ret_parts->producer = head & UINT32_MAX;
	ret_parts->ordinal = get_word(payload + 8);
	ret_parts->due_ns = get_word(payload + 16);
	return (head & ~(uint64_t)UINT32_MAX) == PAYLOAD_MARK;
}

/* --- acknowledgements ------------------------------------------------------------------------- */

static void on_ack(void *context, const struct weir_ack_range *range)
{
	struct bench_producer *p = context;
	uint64_t count = range->last_ticket - range->first_ticket + 1;

	if (range->code != 0)
		p->refused += count;
	else
		p->acked += count;
	while (p->sample_head != p->sample_tail) {
		const struct ack_sample *sample =
			&p->samples[p->sample_head & (p->sample_count - 1)];
		if (sample->ticket > range->last_ticket)
			break;
		p->sample_head++;
		if (range->code != 0 || sample->due_ns < p->measure_from_ns)
			continue;
		if (p->ack_now_ns == 0)
			p->ack_now_ns = bench_now_ns();
		uint64_t now_ns = p->ack_now_ns;
		histogram_record(p->ack, now_ns > sample->due_ns ? now_ns - sample->due_ns : 0);
	}
}

static void poll_acks(struct bench_producer *p)
{
	p->measure_from_ns = wr_load_relaxed(&p->run->measure_from_ns);
	p->ack_now_ns = 0;
	weir_producer_poll_acks(p->producer);
}

static void remember(struct bench_producer *p, uint64_t ticket, uint64_t due_ns)
{
	if (p->sample_tail - p->sample_head == p->sample_count) {
		p->samples_dropped++;
		return;
	}
	p->samples[p->sample_tail++ & (p->sample_count - 1)] =
		(struct ack_sample){.ticket = ticket, .due_ns = due_ns};
}

/* --- publishing ------------------------------------------------------------------------------- */

static uint64_t due_ns_of(const struct bench_producer *p, uint64_t ordinal)
{
	return p->first_due_ns + (uint64_t)((double)(ordinal - 1) * p->interval_ns);
}

/* How many events are due now: 0 .. BURST_EVENTS. */
static uint32_t due_count(const struct bench_producer *p, uint64_t now_ns)
{
	uint32_t n = 0;

	if (p->interval_ns <= 0)
		return BURST_EVENTS;
	while (n < BURST_EVENTS && due_ns_of(p, p->ordinal + 1 + n) <= now_ns)
		n++;
	return n;
}

/* Lines of an input are dealt out to all producers in turn. */
static void fill_line(struct bench_producer *p, uint32_t i, uint64_t ordinal, uint64_t due_ns)
{
	const struct pipeline_input *input = p->run->settings->input;
	uint64_t number = p->index + (ordinal - 1) * p->run->producer_count;
	const struct pipeline_line *line = &input->lines[number % input->line_count];

	struct weir_event *event = &p->events[i];

	event->payload = line->bytes;
	event->payload_bytes = line->count;
	event->header_count = 1 + line->header_count;
	if (line->header_count > 0)
		memcpy(&p->headers[i][1], line->headers,
		       line->header_count * sizeof *line->headers);
	if (input->key_field != NULL) {
		event->key = line->key;
		event->key_bytes = line->key_bytes;
	}
	pipeline_mark_set(p->marks[i], p->index, ordinal, due_ns, line->sum);
}

static void fill(struct bench_producer *p, uint32_t count, uint64_t now_ns)
{
	size_t payload_bytes = p->stream->payload_bytes;
	bool paced = p->interval_ns > 0;
	bool is_replay = p->run->settings->input != NULL;
	uint8_t *payload = p->payloads;

	for (uint32_t i = 0; i < count; i++, payload += p->payload_stride) {
		uint64_t ordinal = p->ordinal + 1 + i;
		uint64_t due_ns = paced ? due_ns_of(p, ordinal) : now_ns;
		if (is_replay)
			fill_line(p, i, ordinal, due_ns);
		else
			payload_set(payload, payload_bytes, p->tail_base, ordinal, due_ns);
	}
	if (p->stream->key_count > 0)
		for (uint32_t i = 0; i < count; i++)
			p->keys[i] = (p->ordinal + i) % p->stream->key_count;
}

/* Every k-th of what was just published; tickets are dense, `last_ticket` is the last event's. */
static void sample_burst(struct bench_producer *p, uint32_t count, uint64_t last_ticket,
			 uint64_t now_ns)
{
	uint32_t every = p->run->sample_every;
	uint64_t first = p->ordinal - count + 1;
	uint64_t ordinal = (first + every - 1) / every * every;
	uint64_t then_ns = ordinal <= p->ordinal ? bench_now_ns() : 0;

	for (; ordinal <= p->ordinal; ordinal += every) {
		uint64_t due_ns = p->interval_ns > 0 ? due_ns_of(p, ordinal) : now_ns;
		remember(p, last_ticket - (p->ordinal - ordinal), due_ns);
		if (due_ns >= p->measure_from_ns)
			histogram_record(p->publish, then_ns - due_ns);
	}
}

static void pace(const struct bench_producer *p, uint64_t now_ns)
{
	uint64_t due_ns = due_ns_of(p, p->ordinal + 1);

	switch (p->run->settings->pace) {
	case PIPELINE_PACE_YIELD:
		sched_yield();
		break;
	case PIPELINE_PACE_SLEEP:
		if (due_ns > now_ns) {
			uint64_t wait_ns = due_ns - now_ns;
			/* No longer than this: answers are to be taken, too. */
			bench_sleep_ns(wait_ns < SLEEP_NS  ? SLEEP_NS
				       : wait_ns > 1000000 ? 1000000
							   : wait_ns);
		}
		break;
	case PIPELINE_PACE_SPIN:
		break;
	}
}

/* One burst. 0, or a code that ends the run. */
static int publish_due(struct bench_producer *p)
{
	uint64_t now_ns = bench_now_ns();
	uint64_t last_ticket = 0;
	uint32_t count = due_count(p, now_ns);

	if (count == 0) {
		poll_acks(p);
		pace(p, now_ns);
		return 0;
	}
	fill(p, count, now_ns);
	int n = weir_publish_many(p->producer, p->events, count, &last_ticket);
	if (n > 0) {
		p->ordinal += (uint32_t)n;
		p->last_ticket = last_ticket;
		sample_burst(p, (uint32_t)n, last_ticket, now_ns);
		wr_store_relaxed(&p->published, p->ordinal);
	}
	poll_acks(p);
	return n >= 0 || n == -ETIMEDOUT || n == WEIR_E_AGAIN ? 0 : n;
}

/* After the last event: wait for what is still unanswered. */
static void collect_answers(struct bench_producer *p)
{
	const struct pipeline_settings *settings = p->run->settings;
	uint64_t deadline_ns = bench_now_ns() + settings->stall_ns;
	uint64_t seen = p->acked + p->refused;

	while (seen < p->ordinal && wr_load_relaxed(&p->run->failed) == 0) {
		int code = weir_wait(p->producer, p->last_ticket, settings->level, 20000000);
		poll_acks(p);
		if (p->acked + p->refused != seen) {
			seen = p->acked + p->refused;
			deadline_ns = bench_now_ns() + settings->stall_ns;
		} else if (bench_now_ns() > deadline_ns) {
			break;
		} else if (code == WEIR_E_FAILED || code == WEIR_E_CLOSED) {
			break;
		}
	}
}

void *bench_producer_main(void *argument)
{
	struct bench_producer *p = argument;
	struct bench_run *run = p->run;
	const struct pipeline_stream *stream = p->stream;
	int code = bench_pin(&stream->cpus, p->of_group);

	p->measure_from_ns = UINT64_MAX;
	if (stream->rate != PIPELINE_RATE_MAX) {
		p->interval_ns = 1e9 * (double)stream->producer_count / (double)stream->rate;
		/* Producers are due in turn, not all at the same moment. */
		p->first_due_ns = run->start_ns + (uint64_t)(p->interval_ns * p->of_group /
							     (double)stream->producer_count);
	}
	while (code == 0 && wr_load_relaxed(&run->stop) == 0 && wr_load_relaxed(&run->failed) == 0)
		code = publish_due(p);
	if (code < 0)
		bench_fail(run, "publishing (pinned, if it was asked for)", code, NULL);
	else
		collect_answers(p);
	return NULL;
}

static void init_event(struct bench_producer *p, uint32_t i)
{
	const struct pipeline_stream *stream = p->stream;
	struct weir_event *event = &p->events[i];
	uint8_t *payload = p->payloads + i * p->payload_stride;

	*event = (struct weir_event){.topic = p->run->topics[stream->topic]};
	if (stream->key_count > 0) {
		event->key = &p->keys[i];
		event->key_bytes = sizeof p->keys[i];
	}
	if (p->run->settings->input != NULL) {
		p->headers[i][0] = (struct weir_header){.name = PIPELINE_MARK_NAME,
							.name_bytes = sizeof PIPELINE_MARK_NAME - 1,
							.value = p->marks[i],
							.value_bytes = sizeof p->marks[i]};
		event->headers = p->headers[i];
		event->header_count = 1;
		return;
	}
	p->tail_base = pipeline_payload_init(payload, stream->payload_bytes, p->index);
	event->payload = payload;
	event->payload_bytes = stream->payload_bytes;
}

int bench_producer_init(struct bench_producer *p, struct bench_run *run, uint32_t index,
			uint32_t of_group)
{
	const struct pipeline_settings *settings = run->settings;
	struct weir_producer_options options;

	p->run = run;
	p->index = index;
	p->of_group = of_group;
	p->stream = run->stream_of[index];
	p->payload_stride = wr_round_up(p->stream->payload_bytes, 64);
	p->payloads = aligned_alloc(64, p->payload_stride * BURST_EVENTS);
	p->sample_count = (uint32_t)wr_max_u64(
		wr_power_of_two_above(SAMPLES_TOTAL / run->producer_count), SAMPLES_MIN);
	p->samples = malloc(p->sample_count * sizeof *p->samples);
	p->publish = histogram_create();
	p->ack = histogram_create();
	if (p->payloads == NULL || p->samples == NULL || p->publish == NULL || p->ack == NULL)
		return -ENOMEM;
	/* Touched now, so that no page of it has to be found while the clock runs. */
	memset(p->samples, 0xff, p->sample_count * sizeof *p->samples);
	for (uint32_t i = 0; i < BURST_EVENTS; i++)
		init_event(p, i);
	weir_producer_options_init(&options);
	options.level = settings->level;
	options.when_full = WEIR_FULL_BLOCK;
	options.block_timeout_ns = BLOCK_NS;
	options.ack_fn = on_ack;
	options.ack_context = p;
	return weir_producer_open(run->pipeline, &options, &p->producer, &run->stage_problem);
}

void bench_producer_fini(struct bench_producer *p)
{
	if (p->producer != NULL)
		weir_producer_close(p->producer, 1000000000);
	p->producer = NULL;
	free(p->payloads);
	free(p->samples);
	histogram_destroy(p->publish);
	histogram_destroy(p->ack);
}
