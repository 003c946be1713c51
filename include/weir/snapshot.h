/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Snapshots: what a fold of events has come to, kept beside the log, so that the next fold need not
 * begin at the first event.
 *
 * A snapshot belongs to a name (of a projection), or to one key of it, and to a version of its own
 * schema. It says at which sequence it stands: all events up to that one are in it, and none
 * behind. Each is a file in the journal's directory, with checksums over all of it; a pipeline
 * without a journal has none.
 *
 * To have a state again: weir_snapshot_load(), then a replay (replay.h) from the sequence behind
 * it. To have it as it was: the same, with an end for both. docs/guide/event-sourcing.md.
 *
 *   as of a sequence     up_to_sequence, and end_sequence of the replay
 *   as of append time    up_to_time_us, and end_time_us of the replay
 *   as of event time     up_to_event_time_us, and event_end_us of the replay; for this a snapshot
 *                        says the latest event time of the events that are in it
 *
 * A snapshot is written whole or not at all: one that a crash cut short, or that is damaged, is
 * passed over, and an older one is taken, or none. So is one that was made in another life of the
 * log: of a journal that was copied or restored, where the record at its sequence is another.
 *
 * Retention does not look at snapshots, nor do they at it: a replay tells what is missing behind
 * one as a gap. A backup of the journal leaves them out.
 */
#ifndef WEIR_SNAPSHOT_H
#define WEIR_SNAPSHOT_H

#include <weir/pipeline.h>

WEIR_DECLS_BEGIN

/** The largest state. */
#define WEIR_SNAPSHOT_BYTES_MAX (1ull << 30)

/** What to keep. */
struct weir_snapshot_options {
	size_t struct_bytes;
	const char *name;        /**< as of topics: 1..200 of letters, digits, '.', '_', '-' */
	const void *key;         /**< whose state it is; NULL (default): of all keys */
	size_t key_bytes;        /**< 1..65535, with a key */
	uint32_t schema_version; /**< of the state's own form; default 1 */
	uint64_t sequence;       /**< where it stands: the last one that is in it; durable */
	uint64_t event_time_us;  /**< latest event time of what is in it; 0 (default): not told */
	/** What it is made of was read to the end of the log: default true. A projection that is
	 *  being built anew says false until it has caught up. */
	bool complete;
	uint32_t keep; /**< so many of this name, key and schema version stay, this one included,
	                    older ones go; default 2, 1..1000 */
	const void *state;
	size_t state_bytes; /**< up to WEIR_SNAPSHOT_BYTES_MAX */
};

/** Which to have: the one with the highest sequence for which all of it holds. */
struct weir_snapshot_query {
	size_t struct_bytes;
	const char *name;
	const void *key; /**< NULL (default): that of all keys */
	size_t key_bytes;
	uint32_t schema_version;      /**< this one only; default 1 */
	uint64_t up_to_sequence;      /**< inclusive; UINT64_MAX (default): any */
	uint64_t up_to_time_us;       /**< append time, inclusive; UINT64_MAX (default): any */
	uint64_t up_to_event_time_us; /**< inclusive; UINT64_MAX (default): any, also not told */
	bool complete;                /**< only complete ones; default false */
};

/** What was found. */
struct weir_snapshot {
	struct weir_pos pos;     /**< where it stands */
	uint64_t append_time_us; /**< of the record there */
	uint64_t event_time_us;  /**< as it was told */
	uint64_t taken_us;       /**< µs since 1970, wall clock, for people */
	bool complete;
	const void *state;
	size_t state_bytes;
	/** Newer ones that were passed over, because they are damaged, cut short, of a newer weir
	 *  or of another life of the log; what was wrong with the last of them. */
	uint32_t ignored;
	struct weir_problem problem;
	void *block; /**< weir_snapshot_free() */
	size_t block_bytes;
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_snapshot_options_init(struct weir_snapshot_options *options);

/**
 * Fill with defaults: the newest.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_snapshot_query_init(struct weir_snapshot_query *query);

/**
 * Keep a snapshot: when this returns 0 it survives power loss. On failure there is none, and the
 * older ones are as they were. One that is there already, of the same name, key, schema version and
 * sequence, stays as it is.
 *
 * Thread:    any but weir's own; one at a time for each name. Blocks: for the disk; other calls
 *            that read the disk wait for a read of one extent. Allocates: the size of the key, and
 *            up to 4 MiB of the state's; freed before it returns.
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0, -EINVAL (also: the pipeline has no journal), WEIR_E_TOO_BIG, WEIR_E_TRUNCATED (what is
 *         at `sequence` was retired), WEIR_E_AGAIN (it is not durable yet: wait; or on one of
 *         weir's threads), -ENOSPC, -EFBIG, -EIO, -ENOMEM, WEIR_E_CORRUPT (the log is damaged at
 *         `sequence`), WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_snapshot_put(struct weir_pipeline *pipeline,
					       const struct weir_snapshot_options *options,
					       struct weir_problem *reterr_problem);

/**
 * Get the newest snapshot that a query holds for, whole and verified.
 *
 * Thread:    any but weir's own. Blocks: for the disk; other calls that read the disk wait for a
 *            read of one extent. Allocates: its size, until weir_snapshot_free().
 * @param ret_snapshot    overwritten; on -ENOENT `ignored` and `problem` say what there was
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0, -ENOENT (there is none: begin with the first event), -EINVAL (also: the pipeline has
 *         no journal), -ENOMEM, -EIO, -EMFILE ... (the directory, or a file, cannot be read),
 *         WEIR_E_AGAIN (on one of weir's threads), WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_snapshot_load(struct weir_pipeline *pipeline,
						const struct weir_snapshot_query *query,
						struct weir_snapshot *ret_snapshot,
						struct weir_problem *reterr_problem);

/**
 * Give back what weir_snapshot_load() allocated, before the pipeline is closed.
 *
 * Thread: any. Blocks: never.
 */
WEIR_API void weir_snapshot_free(struct weir_pipeline *pipeline, struct weir_snapshot *snapshot);

/**
 * Remove all snapshots of a name and a schema version: of all keys, too.
 *
 * Thread: any but weir's own; not beside a put of that name. Blocks: for the disk. Allocates:
 *         never.
 * @param ret_count  may be NULL; how many went, also on failure
 * @return 0, -EINVAL, -EIO, -EACCES ..., -ENOMEM, WEIR_E_AGAIN (on one of weir's threads),
 *         WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_snapshot_remove(struct weir_pipeline *pipeline, const char *name,
						  uint32_t schema_version, uint32_t *ret_count,
						  struct weir_problem *reterr_problem);

WEIR_DECLS_END
#endif
