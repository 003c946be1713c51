/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the threads of the pipeline benchmark share, private to bench/pipeline*.c.
 *
 * Each struct of a thread is written by that thread only; counters that others look at while it
 * runs are relaxed atomics, everything else is read after the join. `last` is written by whoever
 * owns the partition; weir orders the hand-over of a partition, and relaxed atomics make a broken
 * hand-over a reported fault instead of a data race.
 */
#ifndef WEIR_BENCH_PIPELINE_THREADS_H
#define WEIR_BENCH_PIPELINE_THREADS_H

#include <pthread.h>

#include "bench/pipeline.h"
#include "core/base/bits.h"

#define BURST_EVENTS 64u
/* Of all producers together: at a million samples a second, a second without an answer. */
#define SAMPLES_TOTAL (1u << 20)
#define SAMPLES_MIN (1u << 14)
#define POLL_ITEMS 1024u

struct ack_sample {
	uint64_t ticket;
	uint64_t due_ns;
};

/* What the members of one subscription share. */
struct bench_reader {
	uint32_t subscription;
	uint32_t first_member; /* index */
	uint32_t member_count;
	uint64_t partition_count; /* of all its topics */
	wr_atomic_u64 target;     /* events to handle; UINT64_MAX until producers have ended */
	wr_atomic_u32 gaps;       /* some were missed: the target is out of reach */
	wr_atomic_u64 *last;      /* [producer * partitions_max + partition]: ordinal, from 1 */
};

struct bench_run {
	const struct pipeline_settings *settings;
	struct weir_pipeline *pipeline;
	uint32_t producer_count;
	uint32_t member_count;
	uint32_t partitions_max; /* of one topic */
	uint32_t *topics;        /* ids, by index of settings */
	const struct pipeline_stream *stream_of[PIPELINE_PRODUCERS_MAX];
	struct bench_reader readers[PIPELINE_READERS_MAX];
	uint32_t sample_every;
	uint64_t start_ns;             /* of the schedule; set before producers start */
	wr_atomic_u64 measure_from_ns; /* UINT64_MAX during the warm-up */
	wr_atomic_u32 stop;            /* producers: end */
	wr_atomic_u32 failed;          /* everybody: end, something broke */
	struct bench_producer *producers;
	struct bench_member *members;
	/* The conductor's own: what it is doing, and what weir said of it. */
	bool has_targets;
	char stage[64];
	struct weir_problem stage_problem;
	pthread_mutex_t problem_lock;
	int code; /* under problem_lock, as the two below: the first failure of a thread */
	struct weir_problem problem;
	char what[64];
};

struct bench_producer {
	WR_LINE_ALIGNED struct bench_run *run;
	uint32_t index;    /* of all producers */
	uint32_t of_group; /* of those of its stream */
	const struct pipeline_stream *stream;
	bool started;
	pthread_t thread;
	struct weir_producer *producer;
	struct weir_event events[BURST_EVENTS];
	uint64_t keys[BURST_EVENTS];
	uint64_t marks[BURST_EVENTS][PIPELINE_MARK_WORDS]; /* with an input */
	/* The mark, and what a line has. */
	struct weir_header headers[BURST_EVENTS][1 + PIPELINE_LINE_HEADERS_MAX];
	uint8_t *payloads;
	size_t payload_stride;
	uint64_t tail_base;
	uint64_t ordinal; /* of the last event published */
	uint64_t next_key;
	double interval_ns; /* between due times; 0: as fast as it goes */
	uint64_t first_due_ns;
	uint64_t acked;
	uint64_t refused;
	uint64_t last_ticket;
	struct ack_sample *samples; /* a ring of sample_count, a power of two */
	uint32_t sample_count;
	uint32_t sample_head;
	uint32_t sample_tail;
	uint64_t samples_dropped;
	uint64_t ack_now_ns;
	uint64_t measure_from_ns;
	struct histogram *publish;
	struct histogram *ack;
	WR_LINE_ALIGNED wr_atomic_u64 published;
};

struct bench_member {
	WR_LINE_ALIGNED struct bench_run *run;
	struct bench_reader *reader;
	uint32_t of_group; /* of those of its reader */
	bool started;
	pthread_t thread;
	struct weir_member *member;
	struct weir_item *items;
	uint64_t damaged;
	uint64_t disordered;
	uint64_t repeated;
	uint64_t missing;
	uint64_t redelivered;
	uint64_t *counts; /* by producer: events that were new */
	uint64_t *sums;   /* of their ordinals */
	struct histogram *handle;
	struct histogram *settle; /* NULL: progress is not waited for */
	uint64_t *due_ns;         /* of the samples of this poll, for `settle` */
	uint32_t due_count;
	WR_LINE_ALIGNED wr_atomic_u64 handled;
	wr_atomic_u32 assigned;     /* partitions owned, as of the last look */
	wr_atomic_u64 committed_ns; /* when its progress had the level; 0: not yet */
};

/* The first failure is kept; everybody is told to end. */
void bench_fail(struct bench_run *run, const char *what, int code,
		const struct weir_problem *problem);
int bench_failure(struct bench_run *run);
uint64_t bench_handled(const struct bench_run *run, const struct bench_reader *reader);
uint64_t bench_published(const struct bench_run *run);

/* Is the producer's topic one of the reader's? */
bool bench_reads(const struct bench_run *run, uint32_t reader, uint32_t producer);

bool bench_result_init(const struct pipeline_settings *settings, struct pipeline_result *result);
/* Adds up what threads saw that have ended. */
void bench_add_up(struct bench_run *run, struct pipeline_result *result);

/* Pins the calling thread to its CPU of the list, if there is one. 0 or a code. */
int bench_pin(const struct weir_cpu_list *list, uint32_t index);

int bench_producer_init(struct bench_producer *p, struct bench_run *run, uint32_t index,
			uint32_t of_group);
void bench_producer_fini(struct bench_producer *p);
void *bench_producer_main(void *argument);

int bench_member_init(struct bench_member *m, struct bench_run *run, struct bench_reader *reader,
		      uint32_t of_group);
void bench_member_fini(struct bench_member *m);
void *bench_member_main(void *argument);

#endif
