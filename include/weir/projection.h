/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Projections: a state that is folded from the log and follows it, and is there again after a
 * restart without reading the log from its beginning.
 *
 * A projection has a name and a version. It reads its topics in the order of the log, once each
 * event, and keeps snapshots (snapshot.h). A snapshot is its state and its progress in one: both
 * are there after a crash, or neither, and what was applied behind it is applied again, to the
 * state that does not have it. So each event counts exactly once in the state, as long as `apply`
 * changes nothing else; for a state in a database of yours see docs/guide/databases.md.
 *
 * A subscription "projection.NAME" keeps the log from retention as far as the oldest of the
 * snapshots that are kept needs it; it has no members. weir_lag() of it is how far back that is.
 *
 * A new version is built beside the old one, from the first event, in the same process or another
 * run of it. Until it has seen all that was in the log when it was opened it is not complete, and
 * says so in its snapshots: weir_projection_newest() tells the highest version that is, so nobody
 * is shown one that is half built. Then weir_projection_drop() removes the old one.
 */
#ifndef WEIR_PROJECTION_H
#define WEIR_PROJECTION_H

#include <weir/replay.h>
#include <weir/snapshot.h>

WEIR_DECLS_BEGIN

struct weir_projection;

/** Versions of a projection: 1 to this. */
#define WEIR_PROJECTION_VERSIONS_MAX 64u

struct weir_projection_options {
	size_t struct_bytes;
	const char *name;           /**< 1..189 bytes, of a name's characters */
	uint32_t version;           /**< 1 (default) .. WEIR_PROJECTION_VERSIONS_MAX */
	const char *const *topics;  /**< by name; those of the first version hold the log */
	uint32_t topic_count;       /**< 1..64 */
	uint64_t events_a_snapshot; /**< a snapshot by itself after so many events; default 100,000;
	                                 0: only by weir_projection_snapshot() */
	uint32_t keep;              /**< snapshots; default 2, 1..1000 */

	/**
	 * The state is to be this one: what `save` gave once. NULL and 0 bytes: the state before
	 * the first event. Lent for the call. 0; anything else: it cannot be read, and an older one
	 * is tried; of the state before the first event it ends weir_projection_open().
	 */
	int (*load)(void *context, const void *state, size_t state_bytes);
	/**
	 * Fold an item into the state: an event, or a gap (what retention took before it was read).
	 * 0, or a negative code that ends the step: the item is then not in the state, and the next
	 * step begins with it.
	 */
	int (*apply)(void *context, const struct weir_item *item);
	/**
	 * The state as bytes, good until the next call of any of these. 0, or a negative code that
	 * ends the snapshot.
	 */
	int (*save)(void *context, const void **ret_state, size_t *ret_state_bytes);
	void *context;
};

struct weir_projection_progress {
	uint64_t sequence;          /**< all up to it is in the state; 0: none */
	uint64_t events;            /**< applied since the open */
	uint64_t snapshot_sequence; /**< where its newest snapshot stands; 0: it has none */
	bool complete;              /**< it has once seen all that there was at an open */
	uint32_t ignored;           /**< snapshots that were passed over when it was opened */
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_projection_options_init(struct weir_projection_options *options);

/**
 * Open a projection: load its newest snapshot that is good, or begin before the first event.
 *
 * One at a time for each name and version. It takes the place of a member (members_max) until it is
 * closed.
 *
 * Thread:    any but weir's own. Blocks: for the disk, and for a commit. Allocates: itself, as
 *            weir_replay_open(), and the snapshot while it is loaded.
 * @param ret_projection  set on success only; closed before its pipeline is
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0, -EINVAL (also: the pipeline has no journal), WEIR_E_UNKNOWN_NAME (a topic),
 *         WEIR_E_FULL (members_max or subscriptions_max), -ENOMEM, -EIO, what `load` returned of
 *         the state before the first event, WEIR_E_AGAIN (on one of weir's threads), WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_projection_open(struct weir_pipeline *pipeline,
						  const struct weir_projection_options *options,
						  struct weir_projection **ret_projection,
						  struct weir_problem *reterr_problem);

/**
 * Apply what has come, up to 64 items; and take a snapshot when it is time for one.
 *
 * Thread: one at a time per projection, none of weir's. Blocks: up to timeout_ns for something to
 *         come; for the disk, and for a commit, where a snapshot is taken. Allocates: for a
 *         snapshot.
 * @return items applied; 0: none came in that time; or negative: what `apply` returned (items
 *         before that one are applied: weir_projection_progress()); as weir_replay_next(); what
 *         `save` returned, or as weir_snapshot_put(): then the items are applied, and a later step
 *         tries the snapshot again
 */
WEIR_API WEIR_MUST_CHECK int weir_projection_step(struct weir_projection *projection,
						  uint64_t timeout_ns);

/**
 * Take a snapshot now. Nothing is done where one stands there already.
 *
 * Thread: the one that steps. Blocks: for the disk and a commit. Allocates: as weir_snapshot_put().
 * @return 0, what `save` returned, or as weir_snapshot_put()
 */
WEIR_API WEIR_MUST_CHECK int weir_projection_snapshot(struct weir_projection *projection);

/**
 * How far it is.
 *
 * Thread: the one that steps. Blocks: never. Allocates: never.
 */
WEIR_API void weir_projection_progress(const struct weir_projection *projection,
				       struct weir_projection_progress *ret_progress);

/**
 * Close it. What was applied since the last snapshot is applied again after the next open.
 *
 * Thread: the one that steps. Blocks: never.
 * @param projection  NULL is allowed
 */
WEIR_API void weir_projection_close(struct weir_projection *projection);

/**
 * The highest version of a projection that is complete: the one to serve.
 *
 * Thread: any but weir's own. Blocks: for the disk. Allocates: as weir_snapshot_load().
 * @return 0; -ENOENT (none has a complete snapshot that is good); or as weir_snapshot_load()
 */
WEIR_API WEIR_MUST_CHECK int weir_projection_newest(struct weir_pipeline *pipeline,
						    const char *name, uint32_t *ret_version,
						    struct weir_problem *reterr_problem);

/**
 * Remove a version that nobody has open. With the last one of a name the log is kept for it from
 * its end on, until another version is opened.
 *
 * Thread: any but weir's own. Blocks: for the disk and for a commit. Allocates: never.
 * @return 0, also where there is nothing; or as weir_snapshot_remove()
 */
WEIR_API WEIR_MUST_CHECK int weir_projection_drop(struct weir_pipeline *pipeline, const char *name,
						  uint32_t version,
						  struct weir_problem *reterr_problem);

WEIR_DECLS_END
#endif
