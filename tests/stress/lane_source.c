/* SPDX-License-Identifier: Apache-2.0 */
/* Who publishes in the stress of lanes: producers with lanes of their own, and sharers. */
#include "tests/stress/lane.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#define BODY_MAX (sizeof(struct body) + 512u)
#define STRIDE_MAX (WR_RECORD_HEAD_BYTES + BODY_MAX)

struct lane_stress stress;

void fault(const char *what, uint64_t a, uint64_t b)
{
	if (wr_add_relaxed(&stress.faults, 1u) < 10)
		(void)printf("# %s: %llu %llu\n", what, (unsigned long long)a,
			     (unsigned long long)b);
}

void note_sequence(uint32_t source, uint64_t count, uint64_t sequence)
{
	uint64_t noted = 0;
	if (source >= PRODUCERS || count >= SEQUENCES_MAX)
		return;
	if (!wr_cas_acq_rel(&stress.sequences[source][count], &noted, sequence) &&
	    noted != sequence)
		fault("told another sequence than it has", sequence, noted);
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*seed >> 33) % below);
}

/* --- records ---------------------------------------------------------------------------------- */

static uint32_t put_record(void *to, uint32_t topic, uint8_t flags, const struct body *body)
{
	const struct wr_record head = {
		.bytes = (uint32_t)(WR_RECORD_HEAD_BYTES + sizeof *body + body->filling_bytes),
		.topic = topic,
		.key_hash = (uint32_t)body->count,
		.kind = WR_KIND_EVENT,
		.flags = (uint8_t)(WR_RECORD_KEYLESS | flags),
	};
	uint32_t stride = wr_record_stride(head.bytes);
	uint8_t *payload = (uint8_t *)to + WR_RECORD_HEAD_BYTES;
	memset(to, 0, stride);
	memcpy(to, &head, sizeof head);
	memcpy(payload, body, sizeof *body);
	memset(payload + sizeof *body, filling_of(body->count), body->filling_bytes);
	return stride;
}

/* --- producers -------------------------------------------------------------------------------- */

static void take_replies(struct producer *p)
{
	const struct wr_reply *reply;
	while ((reply = wr_lane_reply_peek(p->lane)) != NULL) {
		if (p->expected_first == p->expected_end) {
			fault("an answer to what asked for none", reply->ticket, 0);
			wr_lane_reply_take(p->lane);
			continue;
		}
		uint64_t at = p->expected_first++ % (4 * REPLIES);
		if (reply->ticket != p->expected[at].ticket || reply->code != p->expected[at].code)
			fault("an answer of another ticket", reply->ticket, p->expected[at].ticket);
		if (reply->code == 0) {
			if (reply->sequence <= p->last_sequence ||
			    reply->after_seq != reply->sequence - 1)
				fault("a sequence out of order", reply->sequence, reply->after_seq);
			p->last_sequence = reply->sequence;
			note_sequence((uint32_t)(p - stress.producers), p->expected[at].count,
				      reply->sequence);
		}
		wr_lane_reply_take(p->lane);
	}
}

static void expect(struct producer *p, uint64_t ticket, int code, uint64_t count)
{
	uint64_t at = p->expected_end++ % (4 * REPLIES);
	p->expected[at].ticket = ticket;
	p->expected[at].code = code;
	p->expected[at].count = count;
}

/* Room and credit, however long it takes. */
static void *claim(struct producer *p, uint64_t bytes)
{
	void *to;
	while ((to = wr_lane_claim(p->lane, bytes)) == NULL) {
		p->full++;
		wr_lane_publish(p->lane); /* who waits for room has to show what he has */
		take_replies(p);
		(void)sched_yield();
	}
	return to;
}

static struct body next_body(struct producer *p, bool appears)
{
	return (struct body){
		.source = (uint32_t)(p - stress.producers),
		.run_records = 1,
		.filling_bytes = draw(&p->seed, 512),
		.count = appears ? p->count++ : NEVER,
	};
}

static void publish_events(struct producer *p, uint32_t event_count)
{
	for (uint32_t i = 0; i < event_count; i++) {
		void *to = claim(p, STRIDE_MAX);
		const struct body body = next_body(p, true);
		(void)wr_lane_append(p->lane, put_record(to, 0, 0, &body));
	}
	wr_lane_publish(p->lane);
}

static void publish_asking(struct producer *p)
{
	void *to = claim(p, STRIDE_MAX);
	const struct body body = next_body(p, true);
	uint64_t ticket = wr_lane_append(p->lane, put_record(to, 0, WR_RECORD_WANTS_REPLY, &body));
	expect(p, ticket, 0, body.count);
	p->asked++;
	wr_lane_publish(p->lane);
}

static void publish_refused(struct producer *p)
{
	void *to = claim(p, STRIDE_MAX);
	const struct body body = next_body(p, false);
	uint64_t ticket = wr_lane_append(p->lane, put_record(to, NO_TOPIC, 0, &body));
	expect(p, ticket, WEIR_E_UNKNOWN_NAME, NEVER);
	p->refused++;
	wr_lane_publish(p->lane);
}

/* A run; with `bad`, one of its records refuses all of it. */
static void publish_run(struct producer *p, bool bad)
{
	uint32_t records = 1 + draw(&p->seed, RUN_RECORDS_MAX);
	uint32_t bad_index = bad ? draw(&p->seed, records) : UINT32_MAX;
	uint8_t *to = claim(p, WR_RECORD_HEAD_BYTES + (uint64_t)records * STRIDE_MAX);
	uint32_t at = WR_RECORD_HEAD_BYTES;
	for (uint32_t i = 0; i < records; i++) {
		struct body body = next_body(p, !bad);
		body.filling_bytes %= 200;
		body.run_records = records;
		body.run_index = i;
		at += put_record(to + at, i == bad_index ? NO_TOPIC : 0, 0, &body);
	}
	(void)wr_run_head_write(to,
				(struct wr_run_head){.record_count = records,
						     .record_bytes = at - WR_RECORD_HEAD_BYTES});
	uint64_t ticket = wr_lane_append(p->lane, at);
	if (bad) {
		expect(p, ticket, WEIR_E_UNKNOWN_NAME, NEVER);
		p->refused++;
	}
	p->runs++;
	wr_lane_publish(p->lane);
}

/* Writes something into a claim and gives it up: nobody ever sees it. */
static void give_up(struct producer *p)
{
	const struct body body = next_body(p, false);
	(void)put_record(claim(p, STRIDE_MAX), 0, 0, &body);
	p->given_up++;
}

/* Waits until all is decided, gives the lane back and takes it anew. */
static void begin_another_life(struct producer *p)
{
	while (wr_lane_ordered(p->lane) < p->lane->handed_over) {
		take_replies(p);
		(void)sched_yield();
	}
	take_replies(p);
	if (p->expected_first != p->expected_end)
		fault("decided, and an answer is missing", p->expected_first, p->expected_end);
	p->tickets += p->lane->handed_over;
	wr_lane_close(p->lane);
	while (wr_load_acquire(&p->lane->state) != WR_LANE_FREE) /* S1 */
		(void)sched_yield();
	wr_lane_open(p->lane, WR_LANE_DATA, true);
	p->lives++;
}

void *lane_produce(void *argument)
{
	struct producer *p = argument;
	p->seed = (uint64_t)(p - stress.producers) + 1;
	while (wr_load_relaxed(&stress.stop_producing) == 0) {
		uint64_t ordered = wr_lane_ordered(p->lane);
		if (ordered > p->lane->handed_over)
			fault("more ordered than handed over", ordered, p->lane->handed_over);
		switch (draw(&p->seed, 16)) {
		case 0:
			give_up(p);
			break;
		case 1:
			publish_refused(p);
			break;
		case 2:
			publish_asking(p);
			break;
		case 3:
		case 4:
			publish_run(p, false);
			break;
		case 5:
			publish_run(p, true);
			break;
		case 6:
			publish_events(p, 1 + draw(&p->seed, 40));
			break;
		case 7:
			if (draw(&p->seed, 50) == 0)
				begin_another_life(p);
			break;
		default:
			publish_events(p, 1);
			break;
		}
	}
	begin_another_life(p);
	return NULL;
}

/* --- the shared lane -------------------------------------------------------------------------- */

void *lane_share(void *argument)
{
	uint32_t self = (uint32_t)(uintptr_t)argument;
	uint64_t seed = self + 100, last_sequence = 0;
	while (wr_load_relaxed(&stress.stop_producing) == 0) {
		struct wr_shared_buffer *buffer = wr_shared_take(&stress.shared);
		if (buffer == NULL || draw(&seed, 8) == 0) {
			if (buffer != NULL)
				wr_shared_give(&stress.shared, buffer);
			(void)sched_yield();
			continue;
		}
		const struct body body = {
			.source = PRODUCERS + self,
			.run_records = 1,
			.filling_bytes = draw(&seed, 256),
			.count = wr_load_relaxed(&stress.shared_counts[self]),
		};
		wr_shared_push(&stress.shared, buffer, put_record(buffer->bytes, 0, 0, &body));
		wr_store_relaxed(&stress.shared_counts[self], body.count + 1);
		bool waits = draw(&seed, 4) != 0;
		while (waits && !wr_shared_is_done(buffer))
			(void)sched_yield();
		if (waits) {
			if (buffer->reply.code != 0 || buffer->reply.sequence <= last_sequence)
				fault("the shared lane's answer is wrong", buffer->reply.sequence,
				      last_sequence);
			last_sequence = buffer->reply.sequence;
		} else {
			(void)wr_add_relaxed(&stress.shared_abandoned, 1u);
		}
		wr_shared_leave(&stress.shared, buffer);
	}
	return NULL;
}
