/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A pipeline of your own: stages joined by rings, as a config file draws it. The file says which
 * stages there are, how many threads each has, on which CPUs they run and how they wait, and which
 * rings lead where; the program gives a function for each stage. weir makes the rings, starts the
 * threads, calls the functions with what has come, and lets everything run dry at the end.
 *
 *     stages:
 *       - {name: read, source: yes}
 *       - {name: price, workers: 2}
 *       - {name: book}
 *     rings:
 *       - {from: [read], to: price, slot: 32}
 *       - {from: [price], to: book, slot: 32}
 *
 *     int price(void *context, struct weir_stage_worker *worker,
 *               const struct weir_stage_batch *batch)
 *     {
 *             const struct order *orders = batch->items;
 *             for (uint32_t i = 0; i < batch->count; i++)
 *                     ... weir_stage_push(worker, 0, &priced, sizeof priced) ...
 *             return 0;
 *     }
 *
 * No topics and no journal are needed; a file may have those, too, and weir_config_open() opens
 * them.
 * This is of libweir-config; the rings are those of weir/ring.h.
 *
 * The graph: each stage has one ring into it, which any number of stages may feed, or is a source.
 * No stage feeds itself, directly or through others. So what flows can always flow off.
 *
 * Order: what one worker pushes into a ring arrives in that order. Workers of one stage share what
 * comes (each item goes to one of them), or, with a ring of shape broadcast, each sees everything.
 *
 * A function is called by one worker at a time for that worker, by several workers of its stage at
 * once. It runs on a thread with every signal blocked but those of faults. It may push, block (its
 * input then fills up, and whoever feeds it is held back, as the ring's `full` says), and call
 * whatever it likes but weir_stages_close(). What it was lent is its own until it returns.
 *
 * End: weir_stages_stop(), or sources that say WEIR_STAGE_DONE. A stage ends when all that feed it
 * have ended and its ring is empty; the last of it ends those behind it. Nothing that was pushed is
 * left behind then. A function that fails ends all of them at once: see weir_stages_wait().
 *
 * A child of fork() has none of the threads: it calls nothing of this.
 */
#ifndef WEIR_STAGES_H
#define WEIR_STAGES_H

#include <weir/config.h>
#include <weir/metrics.h>
#include <weir/pipeline.h>
#include <weir/ring.h>

WEIR_DECLS_BEGIN

struct weir_stages;
/** One thread of a stage; lent to its function. */
struct weir_stage_worker;

/** What a function is called with. */
struct weir_stage_batch {
	const void *items;   /**< side by side, where they lie in the ring; NULL: it is a source */
	uint32_t count;      /**< 1 .. the stage's `batch`; 0: it is a source */
	uint32_t item_bytes; /**< the ring's `slot` */
};

/** What a source returns when there is no more: this worker has ended. */
#define WEIR_STAGE_DONE 1

/**
 * A stage's function.
 *
 * @return 0: go on; WEIR_STAGE_DONE (of a source only); a negative number, the caller's own or an
 *         error of weir's: all stages end
 */
typedef int (*weir_stage_fn)(void *context, struct weir_stage_worker *worker,
			     const struct weir_stage_batch *batch);

struct weir_stage_function {
	const char *stage; /**< the name in the file */
	weir_stage_fn run;
	void *context; /**< its first argument, for all workers of the stage */
};

/**
 * Make the rings, start the threads. Huge pages are those of `memory.huge_pages`. A scheduling
 * class that is refused becomes OTHER, or, with `machine.strict`, an error.
 *
 * Thread:    any. Blocks: for the kernel. Allocates: yes, until weir_stages_close().
 * Owns:      nothing is kept of `functions` and the config but the contexts.
 * @param functions       exactly one for each stage of the file, in any order
 * @param ret_stages      set on success only
 * @param reterr_problem  may be NULL; what was wrong, with all names that are missing or too many
 * @return 0; -EINVAL (the config has errors or no stages; a stage without a function, a function
 *         without a stage, two for one; CPUs that are not to be had); -ENOMEM (also: too few huge
 *         pages are set aside); -EPERM (a class, strict); -EAGAIN (no more threads)
 */
WEIR_API WEIR_MUST_CHECK int weir_stages_open(const struct weir_config *config,
					      const struct weir_stage_function *functions,
					      uint32_t function_count,
					      struct weir_stages **ret_stages,
					      struct weir_problem *reterr_problem);

/**
 * Sources are not called again; what they have pushed flows off, and then everything has ended. A
 * source that waits in weir_stage_sleep() is woken.
 *
 * Thread: any, functions included. Blocks: never. Allocates: never.
 */
WEIR_API void weir_stages_stop(struct weir_stages *stages);

/**
 * Wait until all workers have ended.
 *
 * Thread: any but a worker's. Blocks: up to `timeout_ns`. Allocates: never.
 * @param reterr_problem  may be NULL; which stage failed, or has not ended yet
 * @return 0; -ETIMEDOUT; -EDEADLK (from a function); or the first negative number that a function
 *         returned: then items may be left behind
 */
WEIR_API WEIR_MUST_CHECK int weir_stages_wait(struct weir_stages *stages, uint64_t timeout_ns,
					      struct weir_problem *reterr_problem);

/**
 * Stop, drain or abort, join the threads, give everything back.
 *
 * Thread: any but a worker's; nobody else uses the handle any more. Blocks: up to `timeout_ns`, and
 * for functions that are running. Allocates: never.
 * Owns:   the stages are gone afterwards, whatever the result, except with -EDEADLK and -EINVAL.
 * @param stages          NULL is allowed and does nothing
 * @param mode            drain, or abort: what is in the rings is left behind
 * @param timeout_ns      how long to drain; then it aborts
 * @param reterr_problem  may be NULL; as in weir_stages_wait()
 * @return 0; -ETIMEDOUT when the drain did not end in time; what a function returned, as above;
 *         -EDEADLK from a function; -EINVAL when `mode` is none of its values
 */
WEIR_API int weir_stages_close(struct weir_stages *stages, enum weir_close_mode mode,
			       uint64_t timeout_ns, struct weir_problem *reterr_problem);

/* ---- inside a function: all of these are the worker's own thread's --------------------------- */

/**
 * The number of the ring from this stage to another, for the calls below: the n-th of the file's
 * rings that leave the stage, from 0.
 *
 * Thread: the worker's. Blocks: never. Allocates: never.
 * @return the number, or -ENOENT
 */
WEIR_API int weir_stage_output(const struct weir_stage_worker *worker, const char *to);

/**
 * Push an item. It is visible at the latest when the function returns. What happens when the ring
 * is full, its `full` says: wait for room, drop the item and count it, or refuse it.
 *
 * Thread: the worker's. Blocks: where `full` is wait, until there is room or all are ended.
 * Allocates: never.
 * @param output      0 for a stage with one ring behind it
 * @param item        copied
 * @param item_bytes  the ring's `slot`
 * @return 0 (also: dropped); WEIR_E_AGAIN (refused); WEIR_E_CLOSED (all are being ended: return);
 *         -EINVAL (another size); -ENOENT (there is no such ring)
 */
WEIR_API WEIR_MUST_CHECK int weir_stage_push(struct weir_stage_worker *worker, uint32_t output,
					     const void *item, size_t item_bytes);

/**
 * The worker's handle of a ring, for the calls of weir/ring.h that are inlined: claim and commit in
 * place, stage, push many. `full` does not hold for those. Not to be closed; what was staged is
 * flushed when the function returns.
 *
 * Thread: the worker's. Blocks: never. Allocates: never.
 * @return lent for the life of the worker; NULL: there is no such ring
 */
WEIR_API struct weir_ring_producer *weir_stage_producer(struct weir_stage_worker *worker,
							uint32_t output);

/**
 * Which worker of its stage this is, from 0.
 *
 * Thread: the worker's. Blocks: never. Allocates: never.
 * @return 0 .. workers - 1
 */
WEIR_API uint32_t weir_stage_index(const struct weir_stage_worker *worker);

/**
 * For a source that has nothing to push now: sleep, but not longer than until the stages stop. It
 * then returns, and is not called again. A look, with 0.
 *
 * Thread: the worker's. Blocks: up to `timeout_ns`. Allocates: never.
 * @return 0, or WEIR_E_CLOSED: they stop
 */
WEIR_API int weir_stage_sleep(struct weir_stage_worker *worker, uint64_t timeout_ns);

/* ---- looking --------------------------------------------------------------------------------- */

/**
 * What each stage has done so far (weir/metrics.h), in the order of the file.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_infos  room for `count`; as many as there are stages are filled in at most
 * @return how many stages there are
 */
WEIR_API uint32_t weir_stages_info(struct weir_stages *stages, struct weir_stage_info *ret_infos,
				   uint32_t count);

/**
 * Have a pipeline's metrics tell of the stages: each is an object of its own there, seen by
 * `weir status`, `weir top`, `weir serve` and any other reader. The pipeline looks ten times a
 * second; workers have no part in it.
 *
 * Thread: any but those that close the stages or the pipeline. Blocks: for microseconds.
 * Allocates: never.
 * @param pipeline  any that is open; it is closed after the stages, or they are taken off it
 *                  before. NULL: take them off, as weir_stages_close() does, too
 * @return 0 (also: the pipeline keeps no metrics); -EBUSY (the pipeline tells of other stages);
 *         -EALREADY (the stages are told of by another pipeline)
 */
WEIR_API WEIR_MUST_CHECK int weir_stages_show(struct weir_stages *stages,
					      struct weir_pipeline *pipeline);

WEIR_DECLS_END
#endif
