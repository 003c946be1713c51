/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages that run: the rings and threads of weir/stages.h. stages_make.c builds them, stages.c
 * starts, ends and takes them down, stage_worker.c is what a thread does, rings.c says what ring a
 * row of the file is.
 *
 *   one ring into each stage but sources; a ring has one or more stages that feed it
 *
 *   a worker ends ─► the last of its stage ─► the last stage that feeds a ring ─► the ring is
 *   closed ─► who reads it takes the rest, and ends
 *
 * Invariants:
 *   - handles are opened before any thread starts, and closed by their worker.
 *   - what `lock` guards is cold: ends, the first failure, sleeps of sources. Whoever closes a ring
 *     has seen under it that all who feed the ring have ended, so every push of theirs is before.
 *   - is_stopping and is_aborting are only ever set. Nothing hangs on their order: whoever must be
 *     woken is woken by the lock's condition, or by its ring being closed.
 */
#ifndef WR_CONFIG_STAGES_H
#define WR_CONFIG_STAGES_H

#include <pthread.h>
#include <time.h>

#include <weir/stages.h>

#include "core/base/atomic.h"
#include "io/config/config.h"
#include "io/config/rings.h"

struct wr_stage_ring {
	struct weir_ring *ring;
	const char *to;
	enum wr_config_full full;
	uint32_t slot_bytes;
	uint32_t feeders_left; /* stages; under the lock */
};

struct wr_stage_output {
	struct weir_ring_producer *producer;
	struct wr_stage_ring *ring;
};

struct weir_stage_worker {
	struct weir_stages *stages;
	struct wr_stage *stage;
	uint32_t index;
	pthread_t thread;
	struct weir_thread_options options;
	struct weir_ring_consumer *input; /* NULL: a source */
	uint32_t slot_bytes;              /* of the input */
	uint32_t batch;
	uint32_t output_count;
	struct wr_stage_output *outputs;

	/* Counters of this worker; relaxed, for anybody to look at. */
	wr_atomic_u64 calls;
	wr_atomic_u64 items;
	wr_atomic_u64 pushed;
	wr_atomic_u64 dropped;
	wr_atomic_u64 refused;
} __attribute__((aligned(128)));

struct wr_stage {
	const char *name;
	weir_stage_fn run;
	void *context;
	enum weir_scheduler scheduler; /* granted */
	struct wr_stage_ring *input;
	uint32_t worker_count;
	uint32_t started_count;
	wr_atomic_u32 ended_count; /* stored under the lock; relaxed, for anybody to look at */
	struct weir_stage_worker *workers;
};

struct weir_stages {
	struct wr_config_arena arena; /* everything but the rings */
	uint32_t stage_count;
	struct wr_stage *stages;
	uint32_t ring_count;
	struct wr_stage_ring *rings;

	pthread_mutex_t lock;
	pthread_cond_t changed;  /* monotonic: an end, a stop */
	uint32_t workers_left;   /* under the lock: that have started and not ended */
	int failure;             /* under the lock: the first */
	const char *failed_name; /* under the lock: of that stage */
	/* Whose metrics tell of them; NULL: nobody's. Under the lock. */
	struct weir_pipeline *shown_by;

	wr_atomic_u32 is_stopping; /* sources are not called again */
	wr_atomic_u32 is_aborting; /* nobody is */
};

/* ---- stage_worker.c ---- */

/* The thread of a worker; its context is the worker. */
void *wr_stage_worker_run(void *context);

/* That much later than now, by the monotonic clock. */
struct timespec wr_stage_deadline(uint64_t timeout_ns);

/* Whether the calling thread is a worker of these stages. */
bool wr_stage_is_inside(const struct weir_stages *stages);

/* ---- stages_make.c ---- */

/* Rings, handles and workers, everything but the threads. What was made by then is there to be
 * given back whatever the result. */
int wr_stages_make(struct weir_stages *s, const struct weir_config *config,
		   const struct weir_stage_function *functions, uint32_t function_count,
		   struct weir_problem *problem);

/* ---- stages_classes.c ---- */

/* Scheduling classes, as weir_open() decides them: refused where one would starve another stage,
 * OTHER, or with `machine.strict` refused, where it is not to be had. `placed`: of all requests of
 * the config. 0 or a code, with the stage as "NAME.scheduler" in the problem. */
int wr_stages_classes(const struct wr_config_values *values, const struct wr_placed *placed,
		      struct wr_thread_plan plans[WR_CONFIG_STAGES_MAX],
		      struct weir_problem *problem);

/* ---- stages.c ---- */

/* Fills the problem in, which may be NULL; the code. */
int wr_stages_refuse(struct weir_problem *problem, int code, const char *field, const char *text);

/* ", name" behind what is there, as far as it fits. */
void wr_stages_add_name(char *text, size_t text_bytes, const char *name);

/* Everything ends now: rings are closed, sleepers woken. `code` 0: nobody failed. */
void wr_stages_abort(struct weir_stages *stages, const struct wr_stage *stage, int code);

/* A worker has given its handles back. */
void wr_stages_worker_ended(struct weir_stage_worker *worker);

#endif
