/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench ring`: throughput of rings, weir's and others', cell by cell.
 *
 *     producers ──push(batch)──► ring ──pop(batch)──► consumers      shape × payload × batch × wait
 *
 * A run is one contender in one cell for some milliseconds: producers push until they are told to
 * stop, consumers check every item (each word of it, the order of each producer's) until the ring
 * has run dry; then counts and sums must agree. Rounds are interleaved: every contender runs once
 * before any runs again, so that what the machine does meanwhile meets all of them. The clock runs
 * from the start signal to the last item. Coordinated omission is no matter here: nothing is paced.
 *
 * C11 and C++17: adapters of peers in C++ include it (bench/peers/README.md).
 *
 * Thread: ring_run() is called by one; it starts and joins the others.
 */
#ifndef WEIR_BENCH_RING_H
#define WEIR_BENCH_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/ring.h>

#include "core/base/bits.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RING_ALWAYS_INLINE static inline __attribute__((always_inline))
#define RING_PEER_INLINE inline __attribute__((always_inline)) /* members, in C++ */
#define RING_SIDE_MAX 8u                                       /* threads at each end */
#define RING_PEERS_MAX 32u                                     /* contenders */
#define RING_BATCH_MAX 256u
#define RING_PAYLOAD_MAX 256u
#define RING_PRODUCER_SHIFT 48u /* an item's first word: its producer above, its number below */
#define RING_WHY_BYTES 200u

enum ring_shape {
	RING_SPSC,
	RING_MPSC,
	RING_SPMC,
	RING_MPMC,
	RING_MULTICAST,
	RING_SHAPES,
};

#define RING_SHAPE_BIT(shape) (1u << (shape))

extern const char *const ring_shape_names[RING_SHAPES + 1]; /* NULL ends */
extern const char *const ring_wait_names[];                 /* of enum weir_wait */

struct ring_cell {
	enum ring_shape shape;
	uint32_t payload_bytes; /* 8, 64, 256 */
	uint32_t batch;         /* 1, 32, 256 */
	enum weir_wait wait;
	uint32_t producers;
	uint32_t consumers;
	uint64_t capacity;
};

struct ring_run;

/* One thread of a run. */
struct ring_side {
	WEIR_RING_LINE_ALIGNED struct ring_run *run;
	void *handle;   /* the contender's */
	uint32_t index; /* among producers, or among consumers */
	uint64_t count; /* items */
	uint64_t sum;   /* of their first words */
	uint64_t faults;
	uint64_t end_ns; /* consumers: when the last item was there */
};

/* A contender: weir, or a peer. */
struct ring_peer {
	const char *name;
	const char *version; /* NULL: this build lacks it, and nothing below `package` is set */
	const char *package; /* what has to be installed for it */
	const char *flags;   /* that it was compiled with */
	const char *differs; /* what it has other than weir in the same cell; NULL: nothing */
	bool (*has)(const struct ring_cell *cell);
	/*
	 * A contender in a process of its own (bench/ring_child.h): a whole run, checks and all,
	 * which sets run->items and run->mops. 0, -EPROTO as of ring_run(), or a negative code and
	 * run->why. NULL: the calls below.
	 */
	int (*run)(struct ring_run *run);
	/* Makes the ring and every side's handle. 0 or a negative code. */
	int (*open)(struct ring_run *run);
	void (*close)(struct ring_run *run);
	/* A thread's whole run: until run->stop; until the ring is finished and empty. */
	void (*produce)(struct ring_side *side);
	void (*consume)(struct ring_side *side);
	/* Nothing more comes: by the last producer. */
	void (*finish)(struct ring_run *run);
	/* After the last run: ends the process of `run`. NULL: nothing to end. */
	void (*end)(void);
	/* Keeps the order of each producer and none among them: compared with weir's fan. */
	bool by_producer;
};

struct ring_run {
	const struct ring_peer *peer;
	struct ring_cell cell;
	uint64_t length_ns;
	bool pin;
	bool fifo;     /* SCHED_FIFO, where there are no more threads than CPUs */
	bool thwarted; /* a thread could not be had: nobody pushes */
	void *ring;
	struct ring_side producers[RING_SIDE_MAX];
	struct ring_side consumers[RING_SIDE_MAX];
	uint32_t cpus[RING_SIDE_MAX * 2]; /* of this process */
	uint32_t cpu_count;
	WEIR_RING_LINE_ALIGNED weir_ring_u32 ready;
	WEIR_RING_LINE_ALIGNED weir_ring_u32 go;
	WEIR_RING_LINE_ALIGNED weir_ring_u32 stop;
	WEIR_RING_LINE_ALIGNED weir_ring_u32 left; /* producers that still push */
	/* Set by finish() of peers that cannot be closed. */
	WEIR_RING_LINE_ALIGNED weir_ring_u32 finished;
	double mops; /* million items a second; multicast: at each consumer */
	uint64_t items;
	char why[RING_WHY_BYTES]; /* after a negative code: what went wrong, or "" */
};

/* Contenders that are built in, weir's the first; those that weir knows and this build lacks. */
extern const struct ring_peer *const ring_peers[];
extern const uint32_t ring_peer_count;
/* weir's fan: beside weir's ring in cells of many producers. */
extern const struct ring_peer ring_peer_weir_fan;
extern const struct ring_peer *const ring_peers_absent[]; /* NULL ends */

/* How many at each end: the shape's own where it is one, else `many`. */
void ring_cell_sides(struct ring_cell *cell, uint32_t many_producers, uint32_t many_consumers);

/* The sum of the first words of producer `index`'s first `count` items. */
static inline uint64_t ring_sum_of(uint32_t index, uint64_t count)
{
	uint64_t first = (uint64_t)index << RING_PRODUCER_SHIFT;
	uint64_t numbers = (count & 1) != 0 ? count * ((count - 1) / 2) : (count / 2) * (count - 1);
	return count * first + numbers;
}

/*
 * 0, or a negative code: the contender's, or -EPROTO when an item was lost, torn, doubled or out of
 * order; then run->mops means nothing.
 */
int ring_run(struct ring_run *run);

/* A distribution for a picture: the value at each of these parts, in ns. */
#define RING_RTT_POINTS 24u
extern const uint32_t ring_rtt_ppm[RING_RTT_POINTS]; /* ascending; the last is the greatest */

struct ring_trip_times {
	uint64_t p50, p99, p999; /* ns */
	uint64_t curve[RING_RTT_POINTS];
};

struct ring_rtt {
	struct ring_trip_times weir;
	struct ring_trip_times line; /* the floor */
	struct ring_trip_times pair; /* the floor of whatever has a line for each way */
};

/* Round trips of 8 bytes: one cache line between two threads, two lines, one for each way, and two
 * rings of one producer and one consumer; in turns. Each thread pinned to a CPU of its own,
 * spinning. 0 or a negative code. */
int ring_rtt_run(uint32_t round_count, bool fifo, struct ring_rtt *ret_rtt);

/*
 * Inside: what runs in this process and in others share. `thread` is the kernel's number, 0 the
 * caller's. ring_thread_place() is 0, or the first negative code; ring_judge() sets items and mops
 * from what the sides counted, and is 0 or -EPROTO.
 */
int ring_thread_place(pid_t thread, const uint32_t *cpus, uint32_t cpu_count, uint32_t nth,
		      bool pin, bool fifo);
uint32_t ring_cpus_allowed(uint32_t *cpus, uint32_t most);
bool ring_takes_fifo(const struct ring_run *run);
int ring_judge(struct ring_run *run, uint64_t start_ns);

/* For adapters: the pause of a spinning CPU, where the compiler has no word for it. */
void ring_pause(void);

#ifdef __cplusplus
}
#endif

#endif
