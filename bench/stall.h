/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench stall`: one thread is stopped for some milliseconds, and what do the others see?
 *
 *     due times ──► producers ──► ring, or log ──► consumers     one stops, at its worst place
 *
 * Producers push at fixed times whatever happens (open loop), and a latency counts from the time at
 * which the item was due. A thread is stopped from outside: a signal to that thread alone, whose
 * handler sleeps, so nothing of weir's knows. (Only in this benchmark's own process and with its
 * own threads; weir's threads block signals.) Where it stops is where it harms most: a producer
 * with a claim open, a consumer with items taken, the log's writer (a thread that calls
 * weir_step()) wherever it is.
 *
 * Watched are all threads but the stopped one: producers, from due until the push is accepted;
 * consumers, from due until the item is seen, and items of the stopped producer apart, which are
 * late for no fault of the ring. Each has recovered at the end of its last window of 100 us, from
 * the end of the stop on, in which something took longer than twice its p99 before; what comes
 * after a good millisecond is not of the stop.
 *
 * Thread: stall_run() is called by one, one at a time in a process; it starts and joins the others.
 */
#ifndef WEIR_BENCH_STALL_H
#define WEIR_BENCH_STALL_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/histogram.h"
#include "bench/ring.h"
#include "core/base/atomic.h"

#define STALL_SIGNAL SIGUSR1
#define STALL_WINDOW_NS 100000u
#define STALL_WINDOWS 16384u
#define STALL_GOOD_WINDOWS 10u
#define STALL_NEVER UINT64_MAX
#define STALL_THREADS_MAX 5u
#define STALL_PIPELINE RING_SHAPES /* as a shape: a pipeline with a log in memory */

enum stall_who { STALL_PRODUCER, STALL_CONSUMER, STALL_WRITER, STALL_WHO };
enum stall_watcher { STALL_PUSH, STALL_POP, STALL_POP_OF_STOPPED, STALL_WATCHERS };

extern const char *const stall_who_names[STALL_WHO + 1]; /* NULL ends */
extern const char *const stall_watcher_names[STALL_WATCHERS];

struct stall_settings {
	uint32_t shape; /* enum ring_shape, or STALL_PIPELINE */
	enum stall_who who;
	uint64_t stop_ns;
	uint64_t before_ns;
	uint64_t after_ns;
	uint64_t rate; /* items a second of each producer */
	uint64_t capacity;
	bool pin;
};

/* What one kind of thread saw. */
struct stall_seen {
	uint64_t before_count;
	uint64_t before_p50, before_p99;
	uint64_t count; /* from the beginning of the stop on; 0: nobody watched */
	uint64_t p50, p99, p999, p9999, greatest;
	uint64_t recovery_ns;          /* from the end of the stop; STALL_NEVER: not in this run */
	uint64_t worst[STALL_WINDOWS]; /* of each window, since the start; 0: nothing came */
};

struct stall_result {
	uint64_t from_ns; /* the stop, since the start */
	uint64_t to_ns;
	uint32_t window_count;
	struct stall_seen seen[STALL_WATCHERS];
};

/* 0, -EPROTO when items were lost or doubled, -ENOMEM, or a code of weir's. */
int stall_run(const struct stall_settings *settings, struct stall_result *ret_result);

/* Is there such a thread? A ring has no writer. */
bool stall_has(uint32_t shape, enum stall_who who);

/* Pure: the recovery of one watcher, as above. Times since the start. */
uint64_t stall_recovery_ns(const uint64_t *worst, uint32_t window_count, uint64_t to_ns,
			   uint64_t limit_ns);

/* --- inside: bench/stall*.c ------------------------------------------------------------------ */

struct stall_watch {
	struct histogram *before;
	struct histogram *since;
	uint64_t worst[STALL_WINDOWS];
};

struct stall;

struct stall_thread {
	WR_LINE_ALIGNED struct stall *stall;
	pthread_t thread;
	uint32_t index; /* among those of its kind */
	uint32_t place; /* among all: its CPU */
	bool started;
	bool stopped; /* the one that is */
	bool held;
	void *handle;
	uint64_t count; /* items pushed, or seen */
	uint64_t sum;
	struct stall_watch *watches[STALL_WATCHERS];
};

struct stall_item {
	uint64_t due_ns;
	uint64_t producer;
	uint64_t number;
};

struct stall {
	const struct stall_settings *settings;
	uint32_t cpus[2 * RING_SIDE_MAX];
	uint32_t cpu_count;
	uint32_t producer_count;
	uint32_t consumer_count;
	struct stall_thread producers[2];
	struct stall_thread consumers[2];
	struct stall_thread writer;
	void *object; /* the ring, or the pipeline */
	uint32_t topic;
	uint64_t start_ns;
	WR_LINE_ALIGNED wr_atomic_u32 go;
	wr_atomic_u32 asked;   /* the thread that is to be stopped: go to your worst place */
	wr_atomic_u32 holding; /* it is there */
	wr_atomic_u64 from_ns; /* by the handler, of the clock; 0: not yet */
	wr_atomic_u64 to_ns;
	wr_atomic_u32 stop;        /* producers: end */
	wr_atomic_u32 drained;     /* consumers: end when nothing comes */
	wr_atomic_u32 writer_stop; /* after all others */
	wr_atomic_u32 assigned;    /* members that have partitions */
	wr_atomic_u64 seen_count;  /* events, by members */
	wr_atomic_u32 failed;      /* a negative code, as it lies in memory; 0: none */
};

/* By the producer or consumer itself, with its claim open: comes back after the stop. */
void stall_hold(struct stall_thread *t);
void stall_record(struct stall_thread *t, enum stall_watcher watcher, uint64_t due_ns,
		  uint64_t now_ns);
/* Places the thread, and waits for the start. */
void stall_begin(struct stall_thread *t);
/* Until the item is due. False: the run ends. */
bool stall_until(struct stall *s, uint64_t due_ns);
void stall_fail(struct stall *s, int code);
void stall_consumed(struct stall_thread *t, const struct stall_item *item, uint64_t now_ns);

/* What differs between a ring and a pipeline. open: handles of all; close: after the threads. */
struct stall_kind {
	int (*open)(struct stall *s);
	void *(*produce)(void *thread);
	void *(*consume)(void *thread);
	void *(*write)(void *thread);    /* NULL: has none */
	void (*finish)(struct stall *s); /* nothing more comes */
	void (*leave)(struct stall *s);  /* consumers have ended, the writer has not; may be NULL */
	int (*close)(struct stall *s);
};
extern const struct stall_kind stall_kind_ring;
extern const struct stall_kind stall_kind_pipeline;

#endif
