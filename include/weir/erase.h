/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Erasing a key: of all that was ever published under it, nothing stays in the journal.
 *
 * weir_erase_key() decides it, by a record of the log: from its answer on no reader of this
 * pipeline sees an event of the key that stands below that record, and the same holds after a
 * crash. A poll acknowledges such an event by itself instead of handing it out; where it cannot
 * (a member's list of pieces is full, a row is in a transaction), the item is a gap of one event
 * with WEIR_ITEM_ERASED. Replays, snapshots of the key, dead letters and bindings pass it over.
 * What is published under the key afterwards is as any other event.
 *
 * Then the bytes go, by the thread that packs: each segment is written anew without those events,
 * the files from before are removed, and so are snapshots of the key. weir_erase_status() says how
 * far that is; a pipeline that is opened again goes on with it. docs/guide/erasing.md says what is
 * waited for, and what cannot be reached: backups, what bridges and handlers passed on, memory.
 *
 * It needs a journal, options.erasures_max and options.pack.
 */
#ifndef WEIR_ERASE_H
#define WEIR_ERASE_H

#include <weir/pipeline.h>

WEIR_DECLS_BEGIN

/** In the place of a topic: all of them, those that will be made left out. */
#define WEIR_ALL_TOPICS UINT32_MAX

/** What keeps the bytes where they are. */
enum weir_erase_waits {
	WEIR_ERASE_GOES_ON = 0, /**< nothing, or there is nothing to erase */
	/** A subscription has still to read, or to acknowledge, what stands from at_sequence on; or
	 *  a checkpoint that says that it has is not written yet. */
	WEIR_ERASE_READERS,
	/** The log goes on, so that what it has written to last is no more in use. */
	WEIR_ERASE_LOG,
	WEIR_ERASE_ROOM, /**< there is no room for another file */
	/** Something could not be erased: a segment is damaged, or a file cannot be removed. It is
	 *  tried again in a minute. */
	WEIR_ERASE_FAILED,
};

/** How far it is. */
struct weir_erase_status {
	/** Of the record that asked last; 0: none that is known. An owner that was opened later may
	 *  say 0 when all is done. */
	uint64_t asked_sequence;
	/** Of what was erased by records up to this one nothing is left in the journal's files. */
	uint64_t erased_sequence;
	bool bytes_left; /**< asked_sequence is not reached */
	enum weir_erase_waits waits_for;
	uint64_t at_sequence; /**< the first of the segment that is next; 0: none is */
};

/**
 * Erases everything of a key up to now. Answered when that is durable, not when the bytes have
 * gone.
 * Asking again for the same key is fine, and is another record.
 *
 * The record has a hash of the key, with a secret of this journal that stands in the journal, too:
 * who has the journal can find out whether a key that he guesses was erased.
 *
 * @param topic    whose events go: those, and the copies that weir made of them for other topics
 *                 (dead letters, bindings, unrouted events); or WEIR_ALL_TOPICS
 * @param ret_sequence may be NULL: the record's; wait for weir_erase_status() to reach it
 * @return 0; -EINVAL: no key, or the pipeline has no erasures_max; WEIR_E_UNKNOWN_NAME: the topic;
 *         WEIR_E_FULL: erasures_max keys were erased since the open, or are not done yet: open
 *         again when they are; WEIR_E_AGAIN: inside a step; WEIR_E_CLOSED, WEIR_E_FAILED.
 *
 * Thread: any but weir's own. Blocks until the record is durable. Allocates nothing.
 */
WEIR_API int weir_erase_key(struct weir_pipeline *pipeline, uint32_t topic, const void *key,
			    size_t key_bytes, uint64_t *ret_sequence,
			    struct weir_problem *reterr_problem);

/**
 * How far the erasing is.
 *
 * @return 0; -EINVAL: the pipeline has no journal.
 *
 * Thread: any. Never blocks, allocates nothing.
 */
WEIR_API int weir_erase_status(struct weir_pipeline *pipeline,
			       struct weir_erase_status *ret_status);

WEIR_DECLS_END

#endif
