/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   everything that a thread hands over through its lane is taken once, whole and in its
 *         order, or refused with a reason that belongs to its ticket; nothing else gets in; and
 *         what becomes visible is complete (A1-A3, G1, H1-H4, S1, Q1; L7, L8, L12).
 * Method: producers with tiny lanes and reply rings draw what they do: events, several with one
 *         store, claims that they give up, runs, events and runs that must be refused, events that
 *         ask for their sequence. They close their lanes and open them again. Others hand copies
 *         to the shared lane and do not always wait. The writer's round runs in a thread of its
 *         own, parks when there is nothing, and has a small pool of chunks. One reader, whose hold
 *         keeps the writer from running away, looks at every record and checks order and runs.
 *
 * usage: lane [seconds]
 */
#include "tests/stress/lane.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/posix/clock_posix.h"
#include "io/posix/memory_posix.h"
#include "io/sim/memory_sim.h"
#include "io/thread/park_futex.h"

#define SHARED_LANE PRODUCERS
#define LANES (PRODUCERS + 1u)
#define LANE_BYTES 65536u
#define SHARED_BUFFERS 4u
#define CHUNK_BYTES 16384u
#define CHUNKS 8u
#define PARTITIONS 4u
#define SECONDS_MAX 40u

static struct wr_chunks chunks;
static struct wr_tables tables;
static struct wr_writer writer;
static struct wr_lane lanes[LANES];
static struct wr_hold hold;
static struct wr_parker parker;
static wr_atomic_u64 seen[PRODUCERS + SHARERS];
static wr_atomic_u32 stop;
static wr_atomic_u64 sleeps;

/* --- the writer, and who reads ---------------------------------------------------------------- */

static void *write_for_ever(void *unused)
{
	(void)unused;
	while (wr_load_relaxed(&stop) == 0) {
		if (wr_writer_step(&writer, 0) > 0)
			continue;
		uint32_t word = wr_park_announce(&parker);
		if (wr_writer_step(&writer, 0) > 0) {
			wr_park_cancel(&parker);
			continue;
		}
		(void)wr_add_relaxed(&sleeps, 1u);
		wr_park_sleep(&parker, word, 1000000);
	}
	return NULL;
}

struct reader {
	uint64_t seq;
	uint64_t counts[PRODUCERS + SHARERS];
	struct body last;
};

static void check_record(struct reader *r, const uint8_t *bytes, uint32_t available)
{
	struct wr_record_view view;
	struct body body;
	if (!wr_record_view(bytes, available, &view) || view.payload_bytes < sizeof body) {
		fault("no record stands there", r->seq, 0);
		return;
	}
	memcpy(&body, view.payload, sizeof body);
	if (view.head->flags != WR_RECORD_KEYLESS || view.head->topic != 0 ||
	    body.source >= PRODUCERS + SHARERS || body.count == NEVER) {
		fault("a record that nobody published", r->seq, body.source);
		return;
	}
	if (body.count != r->counts[body.source])
		fault("lost, repeated or out of order", body.count, r->counts[body.source]);
	r->counts[body.source] = body.count + 1;
	if (body.run_index > 0 &&
	    (r->last.source != body.source || r->last.run_index + 1 != body.run_index ||
	     r->last.run_records != body.run_records))
		fault("a run with something in it", r->seq, body.run_index);
	if (body.run_index == 0 && r->last.run_index + 1 < r->last.run_records)
		fault("a run without its end", r->seq, r->last.run_index);
	for (uint32_t i = 0; i < body.filling_bytes; i++) {
		if (view.payload[sizeof body + i] != filling_of(body.count)) {
			fault("the payload is another", r->seq, i);
			break;
		}
	}
	note_sequence(body.source, body.count, r->seq);
	r->last = body;
	wr_store_relaxed(&seen[body.source], body.count + 1);
}

/* Everything that is visible; false: nothing new was. */
static bool read_some(struct reader *r, struct wr_pin *pin)
{
	uint64_t visible = wr_writer_visible_seq(&writer), ordinal; /* G1 */
	if (visible < r->seq)
		return false;
	if (!wr_chunks_find(&chunks, pin, r->seq, &ordinal)) {
		fault("what the reader holds is gone", r->seq, visible);
		return false;
	}
	struct wr_chunk *chunk = wr_chunks_pin(&chunks, pin, ordinal);
	if (chunk == NULL) {
		fault("what the reader holds was overtaken", r->seq, ordinal);
		return false;
	}
	uint64_t end = wr_chunk_end(chunk, visible);
	for (; r->seq < end; r->seq++) {
		uint32_t place = wr_column_place(&chunks, chunk->column[r->seq - chunk->first_seq]);
		check_record(r, chunk->readable + place, CHUNK_BYTES - place);
	}
	wr_chunks_unpin(pin);
	wr_store_release(&hold.seq, r->seq); /* H1 */
	return true;
}

static void *read_for_ever(void *unused)
{
	struct reader reader = {.seq = 1};
	(void)unused;
	while (wr_load_relaxed(&stop) == 0 || read_some(&reader, &chunks.pins[0]))
		if (!read_some(&reader, &chunks.pins[0]))
			(void)sched_yield();
	return NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool define_topic(void)
{
	const struct wr_control_topic topic = {.partitions = PARTITIONS};
	uint8_t record[128];
	struct wr_record_view view;
	struct wr_decision decision;
	struct wr_undo none = {0};
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, "t", 1, &topic, sizeof topic.partitions);
	return wr_record_view(record, sizeof record, &view) &&
	       wr_decide(&tables, &none, &view, 1, false, &decision) == 0 && decision.id == 0;
}

static bool set_up(struct wr_memory_posix *posix, struct wr_memory_sim *plain)
{
	const struct wr_tables_limits limits = {
		.catalog = {.topics_max = 4,
			    .partitions_max = 16,
			    .subscriptions_max = 1,
			    .rows_max = 1},
		.named_producers_max = 1,
		.outstanding_max = 1,
	};
	const struct wr_writer_options options = {
		.epoch = 1,
		.next_seq = 1,
		.run_bytes_max = CHUNK_BYTES / 4,
		.run_records_max = RUN_RECORDS_MAX,
	};
	struct wr_memory *memory = &posix->memory;
	(void)wr_park_choose_mode();
	wr_parker_init(&parker, wr_park_futex_ops(), NULL);
	/* Chunks by one address only: ThreadSanitizer does not see that two are the same memory. */
	if (wr_memory_posix_init(posix, NULL) != 0 ||
	    wr_chunks_init(&chunks, &plain->base, CHUNK_BYTES, CHUNKS, 2) != 0 ||
	    wr_tables_init(&tables, memory, &limits) != 0 || !define_topic())
		return false;
	for (uint32_t i = 0; i < LANES; i++)
		if (wr_lane_init(&lanes[i], i, memory, LANE_BYTES, REPLIES, &parker,
				 wr_park_futex_ops()) != 0)
			return false;
	if (wr_shared_init(&stress.shared, memory, &lanes[SHARED_LANE], SHARED_BUFFERS, 1024) !=
		    0 ||
	    wr_writer_init(&writer, memory, &chunks, &tables, lanes, LANES, NULL, wr_clock_posix(),
			   &options) != 0)
		return false;
	wr_store_relaxed(&hold.seq, 1u);
	writer.holds = &hold;
	writer.hold_count = 1;
	writer.shared = &stress.shared;
	for (uint32_t i = 0; i < LANES; i++)
		wr_lane_open(&lanes[i], WR_LANE_DATA, true);
	for (uint32_t i = 0; i < PRODUCERS; i++)
		stress.producers[i].lane = &lanes[i];
	return true;
}

static bool saw_enough(void)
{
	for (uint32_t i = 0; i < PRODUCERS + SHARERS; i++)
		if (wr_load_relaxed(&seen[i]) < 300)
			return false;
	return wr_load_relaxed(&sleeps) > 0;
}

static bool shared_is_seen(void)
{
	for (uint32_t i = 0; i < SHARERS; i++)
		if (wr_load_relaxed(&seen[PRODUCERS + i]) <
		    wr_load_relaxed(&stress.shared_counts[i]))
			return false;
	return true;
}

static unsigned tests_run, tests_failed;

static void tap(bool ok, const char *what)
{
	tests_run++;
	tests_failed += ok ? 0 : 1;
	(void)printf("%sok %u - %s\n", ok ? "" : "not ", tests_run, what);
	(void)fflush(stdout);
}

static void report(void)
{
	bool all = true, exercised = true;
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		const struct producer *p = &stress.producers[i];
		(void)printf("# producer %u: %llu events, %llu tickets, %llu runs, %llu refused, "
			     "%llu asked, %llu given up, %llu times full, %llu lives\n",
			     i, (unsigned long long)p->count, (unsigned long long)p->tickets,
			     (unsigned long long)p->runs, (unsigned long long)p->refused,
			     (unsigned long long)p->asked, (unsigned long long)p->given_up,
			     (unsigned long long)p->full, (unsigned long long)p->lives);
		all = all && wr_load_relaxed(&seen[i]) == p->count;
		exercised = exercised && p->runs > 0 && p->refused > 0 && p->asked > 0 &&
			    p->given_up > 0 && p->full > 0 && p->lives > 0;
	}
	for (uint32_t i = 0; i < SHARERS; i++)
		all = all && wr_load_relaxed(&seen[PRODUCERS + i]) ==
				     wr_load_relaxed(&stress.shared_counts[i]);
	(void)printf("# shared lane: %llu and %llu, %llu not waited for; the writer slept %llu "
		     "times\n",
		     (unsigned long long)wr_load_relaxed(&stress.shared_counts[0]),
		     (unsigned long long)wr_load_relaxed(&stress.shared_counts[1]),
		     (unsigned long long)wr_load_relaxed(&stress.shared_abandoned),
		     (unsigned long long)wr_load_relaxed(&sleeps));
	tap(wr_load_relaxed(&stress.faults) == 0, "records, runs and answers are right");
	tap(all, "everything handed over is in the log once, and nothing else");
	tap(exercised && saw_enough(), "lanes were full, given back, refused and aborted");
	tap(wr_load_relaxed(&writer.stats.poisoned) == 0, "no lane was poisoned");
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2;
	static struct wr_memory_posix posix;
	struct wr_memory_sim plain;
	pthread_t writing, reading, sharing[SHARERS];
	bool started;

	wr_memory_sim_init(&plain, NULL);
	(void)printf("1..4\n");
	started = set_up(&posix, &plain) &&
		  pthread_create(&writing, NULL, write_for_ever, NULL) == 0 &&
		  pthread_create(&reading, NULL, read_for_ever, NULL) == 0;
	for (uint32_t i = 0; started && i < PRODUCERS; i++)
		started = pthread_create(&stress.producers[i].thread, NULL, lane_produce,
					 &stress.producers[i]) == 0;
	for (uint32_t i = 0; started && i < SHARERS; i++)
		started = pthread_create(&sharing[i], NULL, lane_share, (void *)(uintptr_t)i) == 0;
	if (!started) {
		(void)printf("Bail out! cannot start\n");
		return 1;
	}
	const struct timespec one_second = {.tv_sec = 1};
	unsigned passed = 0;
	do
		(void)nanosleep(&one_second, NULL);
	while (++passed < seconds || (!saw_enough() && passed < SECONDS_MAX));
	wr_store_relaxed(&stress.stop_producing, 1u);
	for (uint32_t i = 0; i < PRODUCERS; i++)
		(void)pthread_join(stress.producers[i].thread, NULL);
	for (uint32_t i = 0; i < SHARERS; i++)
		(void)pthread_join(sharing[i], NULL);
	/* What was not waited for is still the writer's to take, and the reader's to see. */
	for (uint32_t i = 0; i < 5000 && !shared_is_seen(); i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	wr_store_relaxed(&stop, 1u);
	(void)pthread_join(writing, NULL);
	(void)pthread_join(reading, NULL);
	report();
	wr_writer_fini(&writer, &posix.memory);
	wr_shared_fini(&stress.shared, &posix.memory);
	for (uint32_t i = 0; i < LANES; i++)
		wr_lane_fini(&lanes[i], &posix.memory);
	wr_tables_fini(&tables, &posix.memory);
	wr_chunks_fini(&chunks, &plain.base);
	return tests_failed == 0 ? 0 : 1;
}
