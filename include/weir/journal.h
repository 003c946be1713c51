/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Looking at a journal from outside: read-only, also while its owner runs, without its lock and
 * without write permission. For tools, audits and tests; an application reads its events with a
 * subscription.
 *
 * Everything that is handed out was verified: segment, place, checksums of header and body, chain.
 * What is damaged is reported with its range and never handed out as an event.
 */
#ifndef WEIR_JOURNAL_H
#define WEIR_JOURNAL_H

#include <weir/error.h>
#include <weir/event.h>
#include <weir/schema.h>

WEIR_DECLS_BEGIN

/** A file of the log. */
struct weir_journal_segment {
	char file[64];
	uint64_t segment_id; /**< rises along the log and never comes again */
	uint64_t first_sequence;
	uint64_t end_sequence;  /**< one beyond the last; first_sequence: it holds none */
	uint64_t first_time_us; /**< append time, µs since 1970; 0: none */
	uint64_t last_time_us;
	uint64_t used_bytes;
	uint64_t file_bytes;
	uint32_t batch_count;
	uint32_t epoch; /**< of its last batch */
	bool spare;     /**< prepared or recycled: holds no part of the log */
};

enum weir_journal_damage_kind {
	WEIR_JOURNAL_SUPERBLOCK_COPY = 1, /**< one of four: harmless, the next open mends it */
	WEIR_JOURNAL_CHECKPOINT,      /**< one of two: harmless, recovery reads more of the log */
	WEIR_JOURNAL_SEGMENT_HEADER,  /**< which segment it was is proven by the chain */
	WEIR_JOURNAL_BATCH,           /**< below the durable sequence: acknowledged events lost */
	WEIR_JOURNAL_MISSING_SEGMENT, /**< so are those of a whole file */
	WEIR_JOURNAL_TORN_TAIL,       /**< never acknowledged: the next open trims it */
	WEIR_JOURNAL_SPARE,           /**< in a file that holds no part of the log: harmless */
	WEIR_JOURNAL_RETIRED,         /**< weir_journal_follow(): recycled before it was read */
	WEIR_JOURNAL_SEGMENT_COPY,    /**< two files are one segment: move the copy away */
};

struct weir_journal_damage {
	enum weir_journal_damage_kind kind;
	bool corrupt; /**< acknowledged events cannot be served */
	char file[64];
	uint64_t segment_id;
	uint64_t offset; /**< in the file */
	uint64_t bytes;
	uint64_t first_sequence; /**< the range affected */
	uint64_t end_sequence;   /**< exclusive; UINT64_MAX: it has no known end */
	char text[160];
};

/** A record of the log. All pointers are good for the call only. */
struct weir_journal_event {
	/**
	 * As a poll would give it: sequence, epoch, append time, topic, key, payload; the accessors
	 * of event.h work on it. `partition` is UINT32_MAX when the topic is not known.
	 */
	struct weir_item item;
	const char *topic_name; /**< NULL: not known, or a control record */
	const char *kind;       /**< "event"; of control records "topic", "progress" ... */
	bool control;           /**< weir's own record: shown only if asked for */
	const char *detail;     /**< what a control record says, for people; "" for events */
	uint64_t segment_id;
	uint64_t batch_offset;      /**< of the batch that holds it, in the segment's file */
	const char *producer_name;  /**< of a named producer; "": not known; NULL: without a name */
	uint32_t producer_epoch;    /**< its opening of the name, from 1; 0: without a name */
	uint64_t producer_sequence; /**< of the name's events, from 1, over all its epochs */
	/* With `schemas` of the visitor. */
	const struct weir_schema *schema; /**< of the payload, for weir_schema_to_json() and the
	                                     like; good until the walk ends. NULL: it names none,
	                                     or `schema_problem` */
	const char *schema_problem;       /**< why the schema that it names is not known; or NULL */
	uint32_t schema_id;               /**< in the registry; 0: it names none */
	uint32_t schema_prefix_bytes;     /**< before the datum, in the payload */
};

/**
 * Some records of one batch of the log, in order: what `events` of a visitor is called with. All of
 * it is good for the call only. Nothing is copied: keys and payloads stand where the journal was
 * read to, and the array is filled anew for the next call.
 */
struct weir_journal_events {
	const struct weir_item *items; /**< each as weir_journal_event.item has it */
	size_t count;                  /**< 1 or more */
	uint64_t segment_id;
	uint64_t batch_offset; /**< of the batch that holds them, in the segment's file */
	void *walk;            /**< weir's own, for weir_journal_event_read() */
};

/**
 * What to show, and to whom. Each callback may be NULL, and returns 0 to go on; anything else stops
 * the walk, which returns it.
 */
struct weir_journal_visitor {
	size_t struct_bytes;
	uint64_t from_sequence; /**< events to show: from here */
	uint64_t end_sequence;  /**< to here, exclusive; UINT64_MAX: all */
	uint64_t from_time_us;  /**< and appended from then */
	uint64_t end_time_us;   /**< to then, exclusive */
	bool control;           /**< show control records too */
	/** Read what the kernel has in memory of the files where it has them, and do not ask the
	 * medium: several times as fast then, but what is verified is not what the medium holds.
	 * Without it the page cache is passed by, where the file system allows that. */
	bool cached;
	/** Verify with so many threads, each over a range of segments, for disks that one thread
	 * does not keep busy. 0 and 1: with the caller's; at most 64; with `event` and `events` it
	 * is not used, as these come in order. What is found is told at the end, on the caller's
	 * thread; where anything is damaged, or an owner writes meanwhile, one thread looks at all
	 * of it once more and says what. */
	uint32_t threads;
	/** With `threads`, ten times a second: segments that are done. */
	int (*progress)(void *context, uint64_t segments);
	/** weir_journal_follow(): begin with the segment that holds from_sequence, and not with
	 * the oldest: the time it takes is that of one segment. Topics that were made before it
	 * are not known then: their events have no topic_name. */
	bool begin_near;
	/** Say of each event what its schema is, by the registry in the same journal: from its
	 * newest checkpoint, and the records behind that as they pass. An event names one by the
	 * prefix of its payload or by its type, as its topic has it (registry.h); in a topic that
	 * follows no subject, by a prefix, if it begins as such. With `begin_near` schemas that
	 * were registered after the checkpoint and before the place are not known. */
	bool schemas;
	/** Of each topic once, as soon as it is known: before any event of it, and also if there is
	 * none. Those of checkpoints come first. Not called with `threads`. */
	void (*topic)(void *context, const char *name);
	int (*segment)(void *context, const struct weir_journal_segment *segment);
	int (*damage)(void *context, const struct weir_journal_damage *damage);
	int (*event)(void *context, const struct weir_journal_event *event);
	/** Instead of `event`, the same events, many in a call: quicker for who needs little more
	 * than their items. weir_journal_event_read() tells the rest of one. */
	int (*events)(void *context, const struct weir_journal_events *events);
	/** weir_journal_follow(): there is nothing new; wait a little and return. */
	int (*idle)(void *context);
	void *context;
};

struct weir_journal_report {
	uint8_t uuid[16];
	uint32_t format;
	uint32_t epoch; /**< of the newest open */
	bool clean;     /**< closed in order, and not open now */
	bool chained;   /**< its batches carry a chain: it opens with that key only */
	uint32_t chunk_bytes;
	uint64_t segment_bytes; /**< of a file */
	uint64_t created_us;
	uint64_t oldest_sequence;  /**< first retained; 0: the log is empty */
	uint64_t last_sequence;    /**< last valid */
	uint64_t durable_sequence; /**< highest that the journal itself attests as durable */
	uint64_t record_count;
	uint64_t event_count; /**< of them events, the rest is weir's own */
	uint64_t segment_count;
	uint64_t spare_count;
	uint64_t corrupt_count; /**< damages with `corrupt` */
	uint64_t harmless_count;
	uint64_t read_bytes;
	/** Of record_count: events that were left out of the journal after they were appended, and
	 * that it says so of (compaction). */
	uint64_t left_out_count;
};

/**
 * Fill with defaults: everything, no control records, no callbacks.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_journal_visitor_init(struct weir_journal_visitor *visitor);

/**
 * All that is known of one of the records that `events` was called with: what `event` would be
 * called with. Its pointers are good until `events` returns, and `detail` until the next such call.
 *
 * Thread: the one that `events` was called on, in that call. Blocks: never. Allocates: never.
 * @param events     as the call had them
 * @param index      of its item, 0 .. count - 1
 * @param ret_event  overwritten
 */
WEIR_API void weir_journal_event_read(const struct weir_journal_events *events, size_t index,
				      struct weir_journal_event *ret_event);

/**
 * Walk through a journal from end to end, verify every batch, and tell the visitor what stands
 * where. Does not stop at damage.
 *
 * Beside a running owner the end is where the log ended at some moment of the walk.
 *
 * Thread:    any. Blocks: for reading all of it. Allocates: two chunks and a few tables (with
 *            `schemas` the registry, and what was read of it), and, without `cached`, 8 MiB to
 *            read ahead with; freed before it returns. Without `cached` it starts eight
 *            threads that read ahead, where there is more than a little to read. With
 *            `threads` the same memory for each, and 8 / threads such threads, two at least.
 * @param dir             the journal's directory
 * @param visitor         may be NULL: just the report
 * @param ret_report      may be NULL; as far as the walk came
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0, also when damage was found: the report counts it; what a callback returned; -ENOENT
 *         (no such directory, or no journal in it, or none yet: who began to make it died),
 *         -EACCES, -EIO, -ENOMEM, WEIR_E_FORMAT (written by a newer format), WEIR_E_CORRUPT (no
 *         copy of the superblock is good, and segments or checkpoints say that there was one; the
 *         problem names them), -ESTALE (another journal has taken its place meanwhile), -EINVAL
 *         (`event` and `events` are both there, or another field is wrong)
 */
WEIR_API WEIR_MUST_CHECK int weir_journal_inspect(const char *dir,
						  const struct weir_journal_visitor *visitor,
						  struct weir_journal_report *ret_report,
						  struct weir_problem *reterr_problem);

/**
 * Show events from visitor->from_sequence on, and go on with those that come, until a callback says
 * to stop. Shows only what the journal attests as durable; an owner that has nothing to do attests
 * its last events after evidence_delay_ns.
 *
 * Calls `event` or `events`, `damage` (WEIR_JOURNAL_RETIRED for a range that was recycled before it
 * was read, and corruption met on the way, which is passed over), and `idle`, which must be there.
 *
 * Thread:    any. Blocks: until a callback stops it. Allocates: as weir_journal_inspect().
 * @return what a callback returned; else as weir_journal_inspect()
 */
WEIR_API WEIR_MUST_CHECK int weir_journal_follow(const char *dir,
						 const struct weir_journal_visitor *visitor,
						 struct weir_problem *reterr_problem);

/** What became of the head that was noted. */
enum weir_chain_head {
	WEIR_CHAIN_HEAD_NOT_ASKED = 0,
	WEIR_CHAIN_HEAD_FOUND,   /**< it is in the chain: nothing up to it was cut off */
	WEIR_CHAIN_HEAD_MISSING, /**< it is not: the end was cut off, or there is another history */
	WEIR_CHAIN_HEAD_RETIRED, /**< it has left the journal with its segment: nobody can say */
};

/** What to prove a chain with. */
struct weir_chain_check {
	size_t struct_bytes;
	const char *key_file; /**< that of weir_options.chain_key_file */
	bool expect;          /**< ask for a head that was noted: */
	uint64_t expect_sequence;
	uint8_t expect_link[16];
};

/** What the chain over the batches of a journal proves. */
struct weir_chain_report {
	size_t struct_bytes;
	uint64_t oldest_sequence; /**< of the journal */
	uint64_t last_sequence;
	uint64_t corrupt_count; /**< damages, which weir_journal_inspect() tells of */
	uint64_t batches;
	uint64_t linked_batches;
	uint64_t altered_batches; /**< that events have left since: their headers are proven only */
	uint64_t proven_records;  /**< of batches whose content is proven */
	uint64_t begins_sequence; /**< of the first batch that has a link; 0: none has */
	bool is_cut_at_front;     /**< it links to one that has left the journal, or was taken */
	uint64_t beginnings;      /**< batches that begin a chain: one, and one behind each damage
	                             that an open had to pass */
	uint64_t head_sequence;   /**< the last sequence at the last link, */
	uint8_t head_link[16];    /**< and that link: what is to be noted */
	enum weir_chain_head expected;
	bool broken; /**< somebody who has not the key was there. The first batch that shows it: */
	uint64_t broken_sequence;
	uint64_t broken_segment_id;
	uint64_t broken_offset; /**< in the plain file */
	char text[200];         /**< what is wrong with it */
};

/**
 * Fill with defaults: no head is asked for. The key's file is still to be named.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_chain_check_init(struct weir_chain_check *check);

/**
 * Prove the chain that a journal's batches carry (weir_options.chain_key_file), from the oldest
 * batch to the end: read-only, also while its owner runs. 0 says that it was looked at, not that it
 * is whole: that is in the report.
 *
 * Thread: any. Blocks: reads the whole journal. Allocates: as weir_journal_inspect().
 * @param ret_report set only on success
 * @return 0; -EINVAL: an argument, or a key that is too short or too long; -ENOENT and what else
 *         the key's file says; WEIR_E_AGAIN: the owner gave up segments faster than they were read,
 *         several times; else as weir_journal_inspect()
 */
WEIR_API WEIR_MUST_CHECK int weir_chain_verify(const char *dir,
					       const struct weir_chain_check *check,
					       struct weir_chain_report *ret_report,
					       struct weir_problem *reterr_problem);

WEIR_DECLS_END
#endif
