/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a pipeline counts, read from outside: lag, rates, latencies, errors.
 *
 * Every pipeline keeps its counts in one file of memory (options.metrics_dir; Aeron's CnC file is
 * the model). Any process that may read that file reads it, without signals, locks or any work of
 * the owner's; and it is still there when the owner has died. The file describes itself: it carries
 * names, units, labels and help texts, so that an older reader shows a newer pipeline's metrics.
 * Of a file whose layout is newer than that it says so (WEIR_E_FORMAT).
 *
 *   metric     what is counted: a name, a unit, a kind, a help text: a row of the table
 *   object     what it is counted of: the pipeline, a thread, a topic, a subscription, a member ...
 *   value      a 64-bit number that one thread writes
 *
 * A reader has a copy: weir_metrics_update() takes one, in which each object is as it was at one
 * moment, and objects may be of moments that lie one round of the owner's (100 ms) apart. What is
 * asked for afterwards is of that copy. Values count from the open of the pipeline, but where the
 * help text says otherwise.
 *
 * A reader is one thread's at a time. Bytes of the file that make no sense are refused or left out,
 * and never followed.
 */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include <weir/error.h>
#include <weir/options.h>

WEIR_DECLS_BEGIN

/** A reader. */
struct weir_metrics;
struct weir_pipeline;

enum weir_metric_kind {
	WEIR_METRIC_COUNTER = 1,   /**< only rises, while the pipeline is open */
	WEIR_METRIC_GAUGE = 2,     /**< rises and falls */
	WEIR_METRIC_HISTOGRAM = 3, /**< how often which value: weir_metrics_histogram() */
};

/** A row of the table of what there is to know. Text is good as long as the reader. */
struct weir_metric {
	const char *name;   /**< "weir_subscription_lag_events": as in OpenMetrics, where a counter
	                         gets "_total" behind it; unlike any other's */
	const char *unit;   /**< "events", "bytes", "seconds" ...; "": a number, or 0 and 1 */
	const char *help;   /**< a sentence */
	const char *object; /**< kind of what it is counted of: "subscription" */
	enum weir_metric_kind kind;
	uint64_t per_unit; /**< values are in so many parts of the unit: 1000000000 with seconds */
};

#define WEIR_METRICS_LABELS_MAX 4
#define WEIR_METRICS_ERROR_TEXT_BYTES 208

/** Something that metrics are counted of. Text is good until the next update. */
struct weir_metrics_object {
	const char *kind; /**< "pipeline", "thread", "topic", "subscription" ... */
	uint32_t index;   /**< among its kind: with the generation, which one it is */
	uint64_t
		generation; /**< from 1: another object in the place of one that went has another */
	uint32_t label_count;
	const char *label_names[WEIR_METRICS_LABELS_MAX];
	const char *label_values[WEIR_METRICS_LABELS_MAX];
	uint32_t metric_first; /**< its metrics: weir_metrics_metric() of these */
	uint32_t metric_count;
	const void *values; /**< weir_metrics_value()'s */
};

enum weir_metrics_state {
	WEIR_METRICS_RUNNING = 1, /**< its process lives, and its group step was there lately */
	WEIR_METRICS_SILENT = 2,  /**< its process lives, or cannot be seen from here, and the file
	                               was not written to for two seconds: it is stopped, its group
	                               step is stuck, or nobody calls weir_step() */
	WEIR_METRICS_CLOSED = 3,  /**< it was closed */
	WEIR_METRICS_DEAD = 4,    /**< its process ended without a close */
};

/** Whose metrics they are. */
struct weir_metrics_about {
	char name[33];    /**< options.name */
	char dir[1024];   /**< of the journal, absolute where it could be said; "": in memory */
	char version[32]; /**< of the weir that writes them */
	uint32_t layout;  /**< version of the file's layout */
	uint64_t pid;     /**< as its own PID namespace has it */
	bool failed;      /**< the pipeline is FAILED */
	enum weir_metrics_state state;
	uint64_t opened_ns;   /**< wall clock, since 1970 */
	uint64_t told_ns;     /**< when it was written last: wall clock, since 1970 */
	uint64_t age_ns;      /**< how long ago that was; 0 for the calling process's own */
	uint64_t interval_ns; /**< how often it is written */
	uint64_t rounds;      /**< how often it was */
	uint64_t left_out;    /**< objects that are there now and have no place in the file: only
	                           the first 1024 of their kind have (partitions of
	                           subscriptions) */
	uint64_t errors_left; /**< times that an error or a note had no place: the first 64 texts
	                           have one */
};

/** Latencies and sizes: buckets as in HdrHistogram, 16 to each power of two. */
struct weir_metrics_histogram {
	uint64_t count;
	uint64_t sum;      /**< of all values, in parts of the unit, modulo 2^64 */
	uint64_t greatest; /**< since the open */
	uint32_t bucket_count;
	uint32_t sub_bits;       /**< weir_metrics_bucket_end() wants it */
	const uint64_t *buckets; /**< how many values fell in each; good until the next update */
};

/** An error that occurred, once or often. Errors with the same text are one. */
struct weir_metrics_error {
	int code;          /**< negative; 0: it is a note */
	uint64_t count;    /**< how often */
	uint64_t first_ns; /**< wall clock, since 1970 */
	uint64_t last_ns;
	char text[WEIR_METRICS_ERROR_TEXT_BYTES];
};

/**
 * The directory in which pipelines of this user put their file if options.metrics_dir is NULL:
 * /dev/shm/weir-UID.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param to        may be cut to to_bytes
 * @return its length
 */
WEIR_API int weir_metrics_default_dir(char *to, size_t to_bytes);

/**
 * The files of a directory, by their names. What is no such file is left out; what is of a newer
 * layout is not.
 *
 * Thread: any. Blocks: on the file system. Allocates: some, until it returns.
 * @param dir  NULL: the default one
 * @param fn   called for each with a path to open; another value than 0 ends the list
 * @return how many there were, what `fn` returned, -ENOENT (no such directory: nothing runs),
 *         -EPERM (the default one is not this user's own: somebody else made it), or another
 *         -errno
 */
WEIR_API int weir_metrics_list(const char *dir, int (*fn)(void *context, const char *path),
			       void *context);

/**
 * Open the file of a pipeline, and take the first copy.
 *
 * Thread:    any. Blocks: on the file system. Allocates: the reader, as large as the file.
 * @param path            as weir_metrics_list() or weir_info.metrics_path has it; symbolic links
 *                        are not followed
 * @param ret_metrics     set on success
 * @param reterr_problem  may be NULL
 * @return 0, -errno, WEIR_E_FORMAT (a newer layout: the problem says whose), WEIR_E_CORRUPT (no
 *         file of metrics, or not whole)
 */
WEIR_API WEIR_MUST_CHECK int weir_metrics_open(const char *path, struct weir_metrics **ret_metrics,
					       struct weir_problem *reterr_problem);

/**
 * The same of a pipeline of this process: with no file, too.
 *
 * Thread:    any. Blocks: never. Allocates: the reader.
 * @param pipeline  open until the reader is closed
 * @return 0, -ENOMEM, -EOPNOTSUPP (built without metrics)
 */
WEIR_API WEIR_MUST_CHECK int weir_metrics_open_own(struct weir_pipeline *pipeline,
						   struct weir_metrics **ret_metrics,
						   struct weir_problem *reterr_problem);

/**
 * Close a reader.
 *
 * Thread: one at a time. Blocks: never. Allocates: never.
 * @param metrics  NULL is allowed
 */
WEIR_API void weir_metrics_close(struct weir_metrics *metrics);

/**
 * Take another copy. An object that is just being written for long enough stays as it was.
 *
 * Thread: one at a time. Blocks: never, but for the reads of a file in memory. Allocates: never.
 * @return 0, -errno, WEIR_E_CORRUPT (what is in the file cannot be). After an error what was copied
 *         before it stays: some objects are of this look, others of the one before
 */
WEIR_API WEIR_MUST_CHECK int weir_metrics_update(struct weir_metrics *metrics);

/**
 * Whose they are, and whether he lives.
 *
 * Thread: one at a time. Blocks: for a look at /proc. Allocates: never.
 * @return 0
 */
WEIR_API int weir_metrics_about(struct weir_metrics *metrics, struct weir_metrics_about *ret_about);

/**
 * A row of the file's table, 0 on. Those of one kind of object stand together.
 *
 * Thread: one at a time. Blocks: never. Allocates: never.
 * @return 0, -ENOENT (there are no more)
 */
WEIR_API WEIR_MUST_CHECK int weir_metrics_metric(const struct weir_metrics *metrics, uint32_t index,
						 struct weir_metric *ret_metric);

/**
 * Find a row by its name.
 *
 * Thread: one at a time. Blocks: never. Allocates: never.
 * @return its index, or -ENOENT: the pipeline's weir does not count that
 */
WEIR_API WEIR_MUST_CHECK int weir_metrics_find(const struct weir_metrics *metrics,
					       const char *name);

/**
 * The next object, kind by kind: `for (uint32_t at = 0; weir_metrics_next(m, NULL, &at, &object);)`
 *
 * Thread: one at a time. Blocks: never. Allocates: never.
 * @param kind  of this kind only; NULL: of any
 * @param at    0 to begin with; moved on
 * @return true, or false at the end
 */
WEIR_API bool weir_metrics_next(const struct weir_metrics *metrics, const char *kind, uint32_t *at,
				struct weir_metrics_object *ret_object);

/**
 * What a counter or a gauge is at; of a histogram its count.
 *
 * Thread: one at a time. Blocks: never. Allocates: never.
 * @param object  of weir_metrics_next(), since the last update
 * @param metric  index of one of its metrics
 * @return the value, in parts of the unit (weir_metric.per_unit); 0 for what it does not have
 */
WEIR_API uint64_t weir_metrics_value(const struct weir_metrics *metrics,
				     const struct weir_metrics_object *object, uint32_t metric);

/**
 * A histogram.
 *
 * Thread: one at a time. Blocks: never. Allocates: never.
 * @return 0, -EINVAL: it is none
 */
WEIR_API WEIR_MUST_CHECK int weir_metrics_histogram(const struct weir_metrics *metrics,
						    const struct weir_metrics_object *object,
						    uint32_t metric,
						    struct weir_metrics_histogram *ret_histogram);

/**
 * The greatest value that falls into a bucket; of the last one UINT64_MAX.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return it, in parts of the unit
 */
WEIR_API uint64_t weir_metrics_bucket_end(const struct weir_metrics_histogram *histogram,
					  uint32_t bucket);

/**
 * The value that `ppm` millionths do not exceed (500000: the median): the end of its bucket, at
 * most 6.25 % too large.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param before  NULL, or of the same object and metric, earlier (its buckets copied by the
 *                caller): only what came since is looked at
 * @return it, in parts of the unit; 0: there is nothing
 */
WEIR_API uint64_t weir_metrics_quantile(const struct weir_metrics_histogram *histogram,
					const struct weir_metrics_histogram *before, uint32_t ppm);

/**
 * An error of the table of distinct errors, 0 on, in the order of their first time.
 *
 * Thread: one at a time. Blocks: never. Allocates: never.
 * @return 0, -ENOENT (there are no more)
 */
WEIR_API WEIR_MUST_CHECK int weir_metrics_error(const struct weir_metrics *metrics, uint32_t index,
						struct weir_metrics_error *ret_error);

/**
 * The table of this weir, without a pipeline: for documents, dashboards, rules.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param index        0 on
 * @param ret_labels   may be NULL; names of the labels of its objects, NULL behind the last
 * @return 0, -ENOENT (there are no more)
 */
WEIR_API WEIR_MUST_CHECK int weir_metric_known(uint32_t index, struct weir_metric *ret_metric,
					       const char *ret_labels[WEIR_METRICS_LABELS_MAX]);

/* ---- telling of stages --------------------------------------------------------------------- */

/** Stages that a pipeline tells of at most. */
#define WEIR_STAGES_SHOWN_MAX 32

/** A stage of a pipeline of your own, over all its workers since the start. */
struct weir_stage_info {
	const char *name; /**< of weir_stages_info(): lent until the close */
	uint32_t workers;
	uint32_t workers_ended;
	uint64_t calls;                /**< of its function */
	uint64_t items;                /**< it was called with */
	uint64_t pushed;               /**< by weir_stage_push() */
	uint64_t dropped;              /**< by it, with `full: drop` */
	uint64_t refused;              /**< by it, with `full: refuse` */
	enum weir_scheduler scheduler; /**< granted */
};

/**
 * Says what stages have done. Called by the pipeline's group step, ten times a second: it neither
 * blocks nor calls weir.
 *
 * @param ret_infos  as many as there are stages are filled in, at most `count`; no two of one name,
 *                   names of 200 bytes at most
 * @return how many stages there are
 */
typedef uint32_t (*weir_stages_look_fn)(void *context, struct weir_stage_info *ret_infos,
					uint32_t count);

/**
 * Tell of stages in the pipeline's metrics. For those of a config there is weir_stages_show() of
 * weir/stages.h; this is for a program that makes its stages itself.
 *
 * Thread: any. Blocks: for a look that is being taken. Allocates: never.
 * @param pipeline  open
 * @param look      NULL: no longer; when it returns, nobody looks
 * @param context   handed to `look`; it says whose stages they are
 * @return 0 (also: the pipeline keeps no metrics, or did not tell of these), -EBUSY (it tells of
 *         those of another context)
 */
WEIR_API WEIR_MUST_CHECK int weir_metrics_stages(struct weir_pipeline *pipeline,
						 weir_stages_look_fn look, void *context);

WEIR_DECLS_END
#endif
