/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Copies of a journal: a backup of one that is in use, and the way back.
 *
 * A backup is a journal by itself, as if its owner had closed it at one commit, the cut:
 *
 *   events       everything that was acknowledged when the call began, or came until the cut, and
 *                that retention had not let go by then. No hole; sequences as they were
 *   groups       go on exactly where they were at the cut: what was acknowledged as done before it
 *                is done, what was not is handed out again
 *   producers    weir_producer_last() says what the log had of them at the cut
 *
 * It is verified as it is copied (segment, place, checksums of header and body, chain), and synced,
 * files and directories, before the call returns 0. The owner is neither stopped nor slowed down by
 * a lock; it does not know. What was published and not yet acknowledged may be in the copy or not.
 *
 * A copy is made in a directory beside its own, with ".weir-partial" behind the name, and renamed
 * when it is whole: whoever finds it under its name has all of it. What an interrupted call left is
 * cleared away by the next one for the same name; directories of such a name belong to weir.
 *
 * A restored journal and the one that it was copied from are the same journal in two states: the
 * same uuid, and from the cut on different events under the same sequences. Do not mix their files,
 * and let only one of them go on.
 */
#ifndef WEIR_BACKUP_H
#define WEIR_BACKUP_H

#include <weir/error.h>
#include <weir/journal.h>

WEIR_DECLS_BEGIN

/** How far it is. */
struct weir_backup_progress {
	uint64_t segments;       /**< copied whole */
	uint64_t segments_total; /**< as the copying began; a running owner makes more */
	uint64_t written_bytes;
	uint64_t last_sequence; /**< copied up to here */
	uint32_t tries;         /**< from 1; see weir_journal_backup() */
};

/** Zero is the default of every field but struct_bytes. */
struct weir_backup_options {
	size_t struct_bytes;
	/**
	 * A journal with damage: go on behind it and copy every batch that is whole. The copy then
	 * lacks what the source lacks: weir_journal_inspect() shows its events, weir_open() refuses
	 * it as it refuses the source.
	 */
	bool damaged;
	/** May be NULL. Damage by which acknowledged events are lost; once for each try. */
	void (*damage)(void *context, const struct weir_journal_damage *damage);
	/** May be NULL. Called every few MiB; all but 0 stops, clears away, and is returned. */
	int (*progress)(void *context, const struct weir_backup_progress *progress);
	void *context;
};

struct weir_backup_report {
	uint8_t uuid[16];
	uint32_t epoch;               /**< of the newest open before the cut */
	uint32_t tries;               /**< 1, or more: retention caught up with the copying */
	uint64_t first_sequence;      /**< 0: the log is empty */
	uint64_t last_sequence;       /**< the cut */
	uint64_t checkpoint_sequence; /**< an open reads from here on; 0: there is no checkpoint */
	uint64_t record_count;        /**< weir's own among them */
	uint64_t segment_count;
	uint64_t written_bytes;
	uint64_t corrupt_count;  /**< damages of the source with `corrupt`; 0 unless asked for */
	uint64_t harmless_count; /**< other damages of the source: the copy does not have them */
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_backup_options_init(struct weir_backup_options *options);

/**
 * Copy the journal in `dir`, also while another process has it open and writes, to the directory
 * `dest`, which must not exist; the one that it is in must.
 *
 * A running owner's retention goes on meanwhile. Where it uses a file again before that was copied,
 * all is begun anew with what is there then, and from the second time on a little further up: at
 * last with the oldest event that a group or a checkpoint needs. The copy begins with the oldest
 * event of the last try; `first_sequence` says which.
 *
 * Takes the room of the segments that hold the log, each in full, and of the checkpoints: it is
 * looked for before anything is written, and what an owner adds meanwhile comes on top. No files of
 * the journal are written, no lock of its is taken, no permission to write there is needed.
 *
 * Thread:    any. Blocks: for reading and writing all of it. Allocates: 4 MiB, two chunks and a few
 *            tables, through the C library, freed before it returns.
 * @param dir             the journal's directory
 * @param dest            to be made, mode 0700, with the files' mode 0600
 * @param options         may be NULL: the defaults
 * @param ret_report      may be NULL; as far as it came
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0; what `progress` returned; -EEXIST (dest is there, or there is something in
 *         dest.weir-partial that no interrupted call left); WEIR_E_LOCKED (another call is at work
 *         there); -ENOSPC, -EDQUOT, -EFBIG (dest); -ENOENT (no such directory, or no journal in it,
 *         or none yet), -EACCES, -EIO, -ENOMEM; WEIR_E_FORMAT (written by a newer format);
 *         -ESTALE (another journal has taken the place of the source meanwhile);
 *         WEIR_E_CORRUPT (the source is damaged, and a second look found the same: the problem
 *         says where, and which sequences);
 *         WEIR_E_AGAIN (64 tries, and retention was faster each time); -EINVAL. On failure nothing
 *         is left of the copy, but for what a power cut or a kill leaves in dest.weir-partial
 */
WEIR_API WEIR_MUST_CHECK int weir_journal_backup(const char *dir, const char *dest,
						 const struct weir_backup_options *options,
						 struct weir_backup_report *ret_report,
						 struct weir_problem *reterr_problem);

/**
 * Copy a backup (or any other journal) to the directory `dir`, for weir_open() to go on in: all of
 * weir_journal_backup(), but that `dir` may be there if it is empty. It is then replaced by a new
 * one, which belongs to who calls.
 *
 * Thread:    any. Blocks, allocates, parameters: as weir_journal_backup().
 * @return as weir_journal_backup(); -EEXIST also when `dir` holds anything; -EBUSY when it is a
 *         mount point: take a directory in it
 */
WEIR_API WEIR_MUST_CHECK int weir_journal_restore(const char *backup, const char *dir,
						  const struct weir_backup_options *options,
						  struct weir_backup_report *ret_report,
						  struct weir_problem *reterr_problem);

WEIR_DECLS_END
#endif
