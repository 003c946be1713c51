/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal benchmark, weir's own side: one pipeline with a journal and no readers, and loads
 * that run on it one after the other, every acknowledgement a durable one.
 *
 *     producers ──► weir_publish_many() ──► log, journal ──► device
 *         ▲                                                    │
 *         └────────── weir_producer_poll_acks() ◄── durable ───┘
 *
 * A load has a rate or is saturated.
 *
 * With a rate (open loop) event i is due at a fixed time, whatever happened before, is published
 * when it is due or as soon as can be after that, and its latency counts from the time it was due
 * until the producer has the acknowledgement; every event is measured. Faster than one in 50 us
 * they are due in groups, every 50 us as many as the rate has in that time, and between two groups
 * the producer sleeps: whoever spins, or sleeps for less, takes a small machine's CPU from the
 * kernel's own threads that finish the writes. When it wakes it takes the acknowledgements that
 * have come, so up to 50 us of the latency are its sleep.
 *
 * Saturated, producers publish as fast as there is room; what is counted is what became durable
 * between two moments in the middle of it, latency counts from the hand-over, once a burst.
 *
 * CPU time is that of each thread's own clock: of weir's log thread and of the journal's, where
 * that is another, as weir_pipeline_info() tells it; the producers'; and what is left of the
 * process: helper threads and the kernel's workers that belong to it.
 *
 * Thread: one calls; it starts and joins the producers.
 */
#ifndef WEIR_BENCH_JOURNAL_H
#define WEIR_BENCH_JOURNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir.h>

#include "bench/histogram.h"
#include "core/base/atomic.h"
#include "core/base/bits.h"

#define JOURNAL_SATURATED UINT64_MAX /* as a rate */
#define JOURNAL_PRODUCERS_MAX 16u
#define JOURNAL_PAYLOAD_BYTES_MIN 32u
#define JOURNAL_PAYLOAD_BYTES_MAX (64u << 10)

#define JOURNAL_TICK_NS 50000.0

/* When the n-th event (from 1) is due, since the start. */
static inline uint64_t journal_due_ns(double interval_ns, double first_ns, uint64_t n)
{
	double at_ns = first_ns + (double)(n - 1) * interval_ns;

	if (interval_ns < JOURNAL_TICK_NS)
		at_ns = (double)(uint64_t)(at_ns / JOURNAL_TICK_NS) * JOURNAL_TICK_NS;
	return (uint64_t)at_ns;
}

struct journal_settings {
	const char *dir; /* of the journal; made if it is not there */
	enum weir_io io;
	uint64_t payload_bytes;
	uint64_t segment_bytes;
	uint64_t retention_bytes;
	/* 0: weir's default */
	uint64_t undurable_bytes;
	uint64_t lane_bytes;
	uint64_t batches_in_flight;
	enum weir_wait wait; /* of weir's threads */
	/* Set by a signal handler: end now, properly. May be NULL. */
	wr_atomic_u32 *interrupted;
};

struct journal_load {
	uint64_t rate; /* events a second of all producers together, or JOURNAL_SATURATED */
	uint32_t producer_count;
	uint64_t warmup_ns;
	uint64_t length_ns;
};

struct journal_round {
	uint64_t elapsed_ns;   /* measured */
	uint64_t events;       /* acknowledged; with a rate: those due in the measured time */
	uint64_t late_count;   /* due, and not published until well after the end: given up */
	struct histogram *ack; /* ns; the caller's, added to */
	/* Over the measured time. CPU time of a rate's last answers, which come after it, is not in
	 * it, nor that of the answers to what was published before. */
	uint64_t cpu_events;     /* acknowledged in it */
	uint64_t log_cpu_ns;     /* the thread that orders, and writes where there is no other */
	uint64_t journal_cpu_ns; /* the one that writes; 0: it is the same */
	uint64_t producer_cpu_ns;
	uint64_t other_cpu_ns;        /* of the process */
	uint64_t batches;             /* made durable */
	uint64_t batch_bytes;         /* of them: heads, records, padding to blocks */
	uint64_t writes;              /* write requests that carried them */
	uint64_t syncs;               /* flushes asked of the medium, in a write or apart */
	uint64_t process_write_bytes; /* /proc/self/io: segments that were zero-written, too */
};

/* What is said of the open pipeline. */
struct journal_bench_info {
	char backend[16];
	char engine[48];
	char reason[160];
	bool journal_thread; /* has a thread of its own */
};

struct journal_bench;

/* 0 or a code with the problem. */
int journal_bench_open(const struct journal_settings *settings, struct journal_bench **ret_bench,
		       struct weir_problem *problem);
/* NULL does nothing. 0 or the code of weir_close(). */
int journal_bench_close(struct journal_bench *bench);
void journal_bench_info(struct journal_bench *bench, struct journal_bench_info *ret_info);

/*
 * Publishes until as many segments as are kept have been written once, so that what is measured
 * after it runs on files that are used again; then waits until nothing is written any more. 0, a
 * code, or -EINTR.
 */
int journal_bench_fill(struct journal_bench *bench, uint64_t time_max_ns);

/* 0, a code (-ETIMEDOUT: acknowledgements that do not come; -EPROTO: one that was refused, or for
 * what was never published), or -EINTR. ret_round->ack is the caller's. */
int journal_bench_run(struct journal_bench *bench, const struct journal_load *load,
		      struct journal_round *ret_round);

/* --- inside: bench/journal*.c ---------------------------------------------------------------- */

#define JOURNAL_BURST_EVENTS 64u
#define JOURNAL_BURSTS 32768u /* handed over and not acknowledged, at most, of a producer */

struct journal_burst {
	uint64_t last_ticket;
	uint64_t at_ns;
};

struct journal_producer {
	WR_LINE_ALIGNED struct journal_bench *bench;
	const struct journal_load *load;
	uint32_t index;
	bool started;
	pthread_t thread;
	struct weir_producer *producer;
	struct weir_event events[JOURNAL_BURST_EVENTS];
	uint8_t *payloads;
	uint64_t payload_stride;
	uint64_t tail_base;
	uint64_t published; /* as many tickets */
	uint64_t due_count; /* with a rate: events that are due up to the end */
	double interval_ns;
	double first_due_ns; /* since the start */
	uint64_t measure_from_ns;
	uint64_t ack_now_ns;
	struct histogram *ack;
	uint64_t measured;
	uint64_t late_count;
	uint32_t burst_head, burst_tail;
	struct journal_burst *bursts;
	int code; /* that ended it; after the join */
	WR_LINE_ALIGNED wr_atomic_u64 acked;
	wr_atomic_u64 cpu_ns; /* at its end; 0: it runs */
};

struct journal_bench {
	struct journal_settings settings;
	struct weir_pipeline *pipeline;
	uint32_t topic;
	uint64_t start_ns; /* of the load */
	uint64_t from_ns;  /* measured from here .. */
	uint64_t to_ns;    /* .. to here */
	struct journal_producer *producers;
	WR_LINE_ALIGNED wr_atomic_u32 stop; /* producers: no more events */
};

int journal_producer_init(struct journal_producer *p, struct journal_bench *bench,
			  const struct journal_load *load, uint32_t index);
void journal_producer_fini(struct journal_producer *p);
void *journal_producer_main(void *producer);

#endif
