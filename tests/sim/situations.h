/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can happen in the simulated world (world.h), counted over all seeds: a check that looks at
 * a situation that never comes shows nothing.
 */
#ifndef WR_SIM_SITUATIONS_H
#define WR_SIM_SITUATIONS_H

/* Situations that a run of many seeds must have been in. */
#define SOMETIMES_MAP(X)                                                                           \
	X(POWER_CUT, "power cuts")                                                                 \
	X(POWER_CUT_IN_OPEN, "power cuts in recovery")                                             \
	X(KILL, "deaths of the process")                                                           \
	X(CLEAN, "clean closes")                                                                   \
	X(FAILED, "pipelines that failed for good")                                                \
	X(OPEN_FULL, "opens on a full disk")                                                       \
	X(OPEN_ERROR, "opens that an error ended")                                                 \
	X(TRIMMED, "torn tails")                                                                   \
	X(LOST_TAIL, "recoveries without the last visible records")                                \
	X(CHECKPOINT_USED, "recoveries from a checkpoint")                                         \
	X(RETIRED, "logs whose beginning was retired")                                             \
	X(VERIFIED, "logs that were read from end to end")                                         \
	X(REFUSED_RUN, "runs that were refused whole")                                             \
	X(FENCED_PRODUCER, "producers that lost their name")                                       \
	X(RESUMED_NAME, "names that went on where they were")                                      \
	X(ONCE, "events published without a producer")                                             \
	X(DETACHED, "subscriptions detached for being too slow")                                   \
	X(DUPLICATE, "events published again and refused")                                         \
	X(CONFLICT, "runs refused for the version that they expected")                             \
	X(REFUSED_FULL, "events refused because the disk had no room")                             \
	X(ABORTED, "claims and runs given up")                                                     \
	X(EXPIRED, "members that slept too long")                                                  \
	X(KEPT, "static members whose partitions were kept")                                       \
	X(REPLACED, "static members that another one replaced")                                    \
	X(REFUSED_PROGRESS, "acknowledgements that came too late")                                 \
	X(MOVED, "partitions that moved")                                                          \
	X(SEEK, "seeks")                                                                           \
	X(SEEK_TIME, "seeks to a time")                                                            \
	X(SEEK_BELOW, "seeks back behind what the checkpoints need")                               \
	X(LATE, "subscriptions that began in the middle of the log")                               \
	X(LATE_BELOW, "subscriptions that began behind what the checkpoints need")                 \
	X(RETIRED_LIVE, "segments retired while the log went on")                                  \
	X(PACKED, "looks at logs with segments that this owner packed")                            \
	X(LEFT_OUT, "events that compaction left out")                                             \
	X(TOMBSTONE_LEFT, "tombstones that left")                                                  \
	X(COMPACTION_CUT, "lives that ended in a pass of compaction")                              \
	X(LEFT_READ, "reads over events that had left")                                            \
	X(ERASED, "keys that were erased")                                                         \
	X(ERASED_LEFT, "events that left because they were erased")                                \
	X(ERASED_READ, "reads over events that were erased")                                       \
	X(ERASURES_DONE, "looks at media that have nothing more of what was erased")               \
	X(ERASURE_CUT, "lives that ended in a pass of erasing")                                    \
	X(PASSED, "idle partitions that were passed on")                                           \
	X(OLDEST_KNOWN, "looks at the age of an event that somebody has still to handle")          \
	X(VERIFIED_LIVE, "logs that were read while their owner was at work")                      \
	X(OUT_OF_ORDER, "acknowledgements out of order")                                           \
	X(GROWN, "topics that grew")                                                               \
	X(GROWN_READ, "new partitions that somebody got, with events before them")                 \
	X(REDELIVERED, "events handed out again")                                                  \
	X(CAUGHT_UP, "polls from the disk")                                                        \
	X(HANDLED, "items that handlers were called for")                                          \
	X(HANDLER_SLEPT, "handlers that slept too long in one item")                               \
	X(HANDLER_STOPPED, "handlers that said stop")                                              \
	X(LINGERED, "chunks whose turn came while somebody read them")                             \
	X(MEMORY_ONLY, "logs in memory only")                                                      \
	X(GAPS, "gaps that said what was missed")                                                  \
	X(DURABLE_ACKS, "durable acknowledgements")                                                \
	X(ROLLED, "segments begun")                                                                \
	X(CHECKPOINTED, "checkpoints written")                                                     \
	X(IN_FLIGHT, "moments with several batches in flight")                                     \
	X(RESTARTED, "recoveries interrupted three times or more in a row")                        \
	X(STALE, "recoveries over segments that were used again")                                  \
	X(SLOW_IO, "requests that took seconds")                                                   \
	X(SHARED, "events that a queue handed out")                                                \
	X(SHARED_AGAIN, "events that a queue handed out again")                                    \
	X(SETTLED, "events of a queue that were settled")                                          \
	X(RETRIED, "events that were tried again, and counted")                                    \
	X(LEASE_OVER, "leases that ran out")                                                       \
	X(LEASE_EXTENDED, "leases that were extended")                                             \
	X(LATE_ACK, "commits of members of queues that were told of leases that were over")        \
	X(DEAD_LETTER, "dead letters")                                                             \
	X(CARRIED, "events that were outstanding and copied further on")                           \
	X(STAYED, "events that were copied further on and found by a seek to the oldest")          \
	X(ALONE, "suspects that were handed out alone")                                            \
	X(TRIED, "events of partitions that were tried again")                                     \
	X(TRIED_CRASHED, "deaths with an event of a partition in hand alone")                      \
	X(TRIED_ALONE, "events of partitions that were handed out alone")                          \
	X(TRIED_LETTER, "dead letters of partitions")                                              \
	X(TXN, "transactions that were taken")                                                     \
	X(TXN_REFUSED, "transactions that were refused for an output")                             \
	X(TXN_BEHIND, "transactions that were refused behind another")                             \
	X(TXN_FENCED, "transactions of members that were fenced")                                  \
	X(WENT_BACK, "events that came again after a refused transaction")                         \
	X(DRAINED, "lives that ended with nothing left to do")

/* The same, where seeds are a swarm's. */
#define SOMETIMES_SWARM_MAP(X)                                                                     \
	X(FROZEN_SHORT, "freezes of 0.1 s")                                                        \
	X(FROZEN, "freezes of 2 s")                                                                \
	X(FROZEN_LONG, "freezes of 30 s")                                                          \
	X(DEADLINES, "calls with a deadline while the medium was frozen")                          \
	X(CLOCK_BACK, "wall clocks set back by up to ten days")                                    \
	X(CLOCK_AHEAD, "wall clocks set ahead by up to ten days")                                  \
	X(FULL, "disks that were full for a while")                                                \
	X(NO_ROOM, "files that could not be made")                                                 \
	X(WRITE_ERROR, "writes that failed")                                                       \
	X(SYNC_ERROR, "syncs that failed")                                                         \
	X(READ_ERROR, "reads that failed")                                                         \
	X(SHORT_READ, "short reads")                                                               \
	X(SHORT_WRITE, "short writes")                                                             \
	X(NAME_LOST, "power cuts that took names with them")                                       \
	X(SIZE_LOST, "power cuts that took sizes with them")                                       \
	X(TORN, "power cuts that tore sectors")

/* Not asked for: seeds with filters, replays, schemas, and with so many files are few. */
#define SOMETIMES_FILTERS_MAP(X)                                                                   \
	X(QUEUE_FULL, "publishes that a full queue refused")                                       \
	X(FILTER_CHANGED, "filters that were changed")                                             \
	X(FILTER_FULL, "filters that were refused because four are needed")                        \
	X(FILTER_FORGOTTEN, "filters that nothing needs any more")                                 \
	X(FILTERED, "events that a filter left out")                                               \
	X(ERASED_GAP, "gaps that were told to be erased events")                                   \
	X(RETIRED_LEFT, "events that left because their topic keeps no more")                      \
	X(RETIRED_BY_ALL, "segments that left because no topic keeps them")                        \
	X(REPLAY_OPENED, "replays to subscriptions that were opened, or gone on with")             \
	X(REPLAYED, "copies for chosen subscriptions")                                             \
	X(REPLAY_READ, "copies that were handed out")                                              \
	X(REPLAY_COMPLETED, "replays to subscriptions that came to their end")                     \
	X(SCHEMA_REGISTERED, "schemas that were registered")                                       \
	X(SCHEMA_REFUSED, "schemas that a level refused")                                          \
	X(SCHEMA_KEPT, "changes of the registry that were under way in a crash, and came back")    \
	X(SCHEMA_LOST, "changes of the registry that a crash took")                                \
	X(SNAPSHOT_PUT, "snapshots that were taken")                                               \
	X(SNAPSHOT_LOADED, "snapshots that were loaded")                                           \
	X(SNAPSHOT_OLDER, "snapshots that were loaded for a damaged one")                          \
	X(MORE_FILES, "logs whose limit of files was raised")

enum sometimes {
#define SOMETIMES_ENUM(name, text) SOMETIMES_##name,
	SOMETIMES_MAP(SOMETIMES_ENUM) SOMETIMES_SWARM_MAP(SOMETIMES_ENUM)
		SOMETIMES_FILTERS_MAP(SOMETIMES_ENUM)
#undef SOMETIMES_ENUM
			SOMETIMES_COUNT
};

#endif
