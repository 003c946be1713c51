/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of what weir counts: kinds of objects with their labels, and metrics with their
 * units and help texts. It goes into each pipeline's file as it is here; OpenMetrics, dashboards,
 * rules and docs/reference/metrics.md are made from it. Add a row here, and store its value where
 * the object is told of (core/pipeline/metrics.c); the file's layout follows.
 *
 * Thread: any; constant.
 */
#ifndef WR_METRICS_TABLE_H
#define WR_METRICS_TABLE_H

#include <weir/metrics.h>

/* The order of the file. */
enum wr_metrics_scope_id {
	WR_SCOPE_PIPELINE = 0,
	WR_SCOPE_ACK, /* a level of acknowledgement */
	WR_SCOPE_THREAD,
	WR_SCOPE_PRODUCER,
	WR_SCOPE_TOPIC,
	WR_SCOPE_PARTITION,
	WR_SCOPE_SUBSCRIPTION,
	WR_SCOPE_ROW, /* a partition of a subscription */
	WR_SCOPE_MEMBER,
	WR_SCOPE_ALERT,
	WR_SCOPE_ALERT_EVENTS, /* the number of an alert, by its unit: each has one of these */
	WR_SCOPE_ALERT_BYTES,
	WR_SCOPE_ALERT_AGE,
	WR_SCOPE_BRIDGE,
	WR_SCOPE_BRIDGE_ERROR, /* the last one of a bridge, by its text */
	WR_SCOPE_BRIDGE_FILES, /* of a bridge that is seen and steered by files: where */
	WR_SCOPE_STAGE,        /* of a pipeline of the program's own, as a config draws it */
	WR_SCOPES,
};

struct wr_label_info {
	const char *name; /* NULL: none */
	uint32_t bytes;   /* with the 0 at the end; a multiple of 8 */
};

struct wr_scope_info {
	const char *name;
	struct wr_label_info labels[WEIR_METRICS_LABELS_MAX];
};

struct wr_metric_info {
	enum wr_metrics_scope_id scope;
	enum weir_metric_kind kind;
	uint64_t per_unit;
	const char *name;
	const char *unit;
	const char *help;
};

#define WR_NS 1000000000u

/* M(scope, its name here, kind, parts of the unit, name, unit, help) */
#define WR_METRICS_PIPELINE(M)                                                                     \
	M(PIPELINE, EPOCH, GAUGE, 1, "weir_epoch", "", "Opens of this journal.")                   \
	M(PIPELINE, FAILED, GAUGE, 1, "weir_failed", "",                                           \
	  "1: a write or sync failed, and nothing more is acknowledged.")                          \
	M(PIPELINE, VISIBLE, GAUGE, 1, "weir_visible_sequence", "",                                \
	  "Last sequence that is ordered.")                                                        \
	M(PIPELINE, WRITTEN, GAUGE, 1, "weir_written_sequence", "",                                \
	  "Last sequence that the kernel has; without a journal 0.")                               \
	M(PIPELINE, DURABLE, GAUGE, 1, "weir_durable_sequence", "",                                \
	  "Last sequence that survives power loss; without a journal 0.")                          \
	M(PIPELINE, BACKLOG, GAUGE, 1, "weir_durable_backlog_records", "records",                  \
	  "Records that are ordered and not yet durable; without a journal 0.")                    \
	M(PIPELINE, RECORDS, COUNTER, 1, "weir_records", "records",                                \
	  "Records ordered: events, acknowledgements, control.")                                   \
	M(PIPELINE, REFUSED, COUNTER, 1, "weir_refused", "requests",                               \
	  "Requests that the writer refused; a run counts once.")                                  \
	M(PIPELINE, ROUNDS, COUNTER, 1, "weir_writer_rounds", "rounds", "Rounds of the writer.")   \
	M(PIPELINE, HELD, COUNTER, 1, "weir_writer_held_rounds", "rounds",                         \
	  "Rounds in which producers were held back for want of room.")                            \
	M(PIPELINE, POISONED, COUNTER, 1, "weir_poisoned_lanes", "lanes",                          \
	  "Lanes that were shut out, since they held what no producer writes.")                    \
	M(PIPELINE, BATCHES, COUNTER, 1, "weir_batches", "batches", "Batches made durable.")       \
	M(PIPELINE, BATCH_BYTES, COUNTER, 1, "weir_batch_written_bytes", "bytes",                  \
	  "Bytes of the batches made durable.")                                                    \
	M(PIPELINE, WRITES, COUNTER, 1, "weir_journal_writes", "writes",                           \
	  "Write requests that carried batches.")                                                  \
	M(PIPELINE, SYNCS, COUNTER, 1, "weir_journal_syncs", "syncs",                              \
	  "Sync calls of the storage.")                                                            \
	M(PIPELINE, SUBMISSIONS, COUNTER, 1, "weir_journal_submissions", "submissions",            \
	  "Calls of io_uring_enter, or jobs for helper threads.")                                  \
	M(PIPELINE, LOG_BYTES, GAUGE, 1, "weir_log_bytes", "bytes", "Bytes of the log's files.")   \
	M(PIPELINE, PACKED_BYTES, GAUGE, 1, "weir_packed_bytes", "bytes",                          \
	  "Of the log's bytes: of packed files.")                                                  \
	M(PIPELINE, SEGMENTS_LIVE, GAUGE, 1, "weir_live_segments", "segments",                     \
	  "Files of the log.")                                                                     \
	M(PIPELINE, SEGMENTS_SPARE, GAUGE, 1, "weir_spare_segments", "segments",                   \
	  "Files prepared ahead.")                                                                 \
	M(PIPELINE, SEGMENTS_RECYCLED, COUNTER, 1, "weir_recycled_segments", "segments",           \
	  "Files that became spare again.")                                                        \
	M(PIPELINE, SEGMENTS_DROPPED, COUNTER, 1, "weir_dropped_segments", "segments",             \
	  "Of those recycled: what retention would have kept (when_no_room: drop_oldest).")        \
	M(PIPELINE, SEGMENTS_REMOVED, COUNTER, 1, "weir_removed_segments", "segments",             \
	  "Files that went from the disk.")                                                        \
	M(PIPELINE, CHECKPOINTS, COUNTER, 1, "weir_checkpoints", "checkpoints",                    \
	  "Checkpoints written.")                                                                  \
	M(PIPELINE, PACK_FAILURES, COUNTER, 1, "weir_pack_failures", "failures",                   \
	  "Segments that could not be packed, and tries that are made again.")                     \
	M(PIPELINE, COMPACTIONS, COUNTER, 1, "weir_compactions", "passes",                         \
	  "Passes of compaction that came to their end.")                                          \
	M(PIPELINE, LEFT_OUT, COUNTER, 1, "weir_compacted_events", "events",                       \
	  "Events that left the journal by compaction, by erasing, by retention of topics.")       \
	M(PIPELINE, STARVED, GAUGE, 1, "weir_no_room", "",                                         \
	  "1: the log has no room for another segment, and producers are held back.")              \
	M(PIPELINE, LOW_SPACE, GAUGE, 1, "weir_low_space", "",                                     \
	  "1: the last segment that was wanted could not be made, or would have left less than "   \
	  "low_space_bytes.")                                                                      \
	M(PIPELINE, FREE_BYTES, GAUGE, 1, "weir_free_bytes", "bytes",                              \
	  "Free on the journal's file system; 0: without a journal.")                              \
	M(PIPELINE, MEMORY_BYTES, GAUGE, 1, "weir_memory_bytes", "bytes",                          \
	  "Memory that the pipeline has reserved.")                                                \
	M(PIPELINE, UNROUTED, COUNTER, 1, "weir_unroutable_events", "events",                      \
	  "Events that no filter could look at.")                                                  \
	M(PIPELINE, RECOVERY, GAUGE, WR_NS, "weir_recovery_seconds", "seconds",                    \
	  "What the recovery at open took.")                                                       \
	M(PIPELINE, DURABLE_TIME, HISTOGRAM, WR_NS, "weir_durable_seconds", "seconds",             \
	  "From the ordering of the first record of a batch to its being durable.")                \
	M(PIPELINE, WRITE_TIME, HISTOGRAM, WR_NS, "weir_journal_write_seconds", "seconds",         \
	  "From handing a write over to its being durable.")                                       \
	M(PIPELINE, SYNC_TIME, HISTOGRAM, WR_NS, "weir_journal_sync_seconds", "seconds",           \
	  "Of it: from the kernel's having it to its being durable. Empty where one call does "    \
	  "both.")                                                                                 \
	M(PIPELINE, WRITE_BYTES, HISTOGRAM, 1, "weir_journal_write_bytes", "bytes",                \
	  "Bytes of a write.")                                                                     \
	M(PIPELINE, LANE_WAIT, HISTOGRAM, WR_NS, "weir_lane_wait_seconds", "seconds",              \
	  "From handing over to the writer's coming to the lane. Sampled, weighted: of "           \
	  "producers' tickets.")                                                                   \
	M(PIPELINE, TRIMMED_BYTES, GAUGE, 1, "weir_recovery_trimmed_bytes", "bytes",               \
	  "A tail that was never acknowledged, which the open trimmed.")

#define WR_METRICS_ACK(M)                                                                          \
	M(ACK, ACK_TIME, HISTOGRAM, WR_NS, "weir_ack_seconds", "seconds",                          \
	  "From handing over to the level's being reached. Sampled, weighted: of producers' "      \
	  "tickets.")

#define WR_METRICS_THREAD(M)                                                                       \
	M(THREAD, THREAD_LOOPS, COUNTER, 1, "weir_thread_loops", "loops",                          \
	  "Rounds over its steps.")                                                                \
	M(THREAD, THREAD_PARKS, COUNTER, 1, "weir_thread_parks", "parks", "Times it slept.")       \
	M(THREAD, THREAD_CPU, COUNTER, WR_NS, "weir_thread_cpu_seconds", "seconds", "CPU time.")   \
	M(THREAD, THREAD_LAST_CPU, GAUGE, 1, "weir_thread_last_cpu", "",                           \
	  "The CPU on which it was seen last, from 1; 0: not known.")

#define WR_METRICS_PRODUCER(M)                                                                     \
	M(PRODUCER, HANDED_BYTES, COUNTER, 1, "weir_producer_lane_bytes", "bytes",                 \
	  "Bytes that it has handed over.")                                                        \
	M(PRODUCER, ORDERED, COUNTER, 1, "weir_producer_ordered", "tickets",                       \
	  "Of what it handed over: what the writer has decided.")                                  \
	M(PRODUCER, TICKETS_DURABLE, COUNTER, 1, "weir_producer_durable", "tickets",               \
	  "Of what it handed over: what is durable.")                                              \
	M(PRODUCER, PRODUCER_REFUSED, COUNTER, 1, "weir_producer_refused", "requests",             \
	  "Of what it handed over: what the writer refused.")                                      \
	M(PRODUCER, WAITING_BYTES, GAUGE, 1, "weir_producer_waiting_bytes", "bytes",               \
	  "Bytes in its lane that the writer has not taken.")

#define WR_METRICS_TOPIC(M)                                                                        \
	M(TOPIC, TOPIC_PARTITIONS, GAUGE, 1, "weir_topic_partitions", "partitions",                \
	  "Its partitions.")                                                                       \
	M(TOPIC, TOPIC_EVENTS, COUNTER, 1, "weir_topic_events", "events",                          \
	  "Events ordered in it, since it was made.")                                              \
	M(TOPIC, TOPIC_BYTES, COUNTER, 1, "weir_topic_bytes", "bytes",                             \
	  "Bytes of these events as they stand in the log.")                                       \
	M(TOPIC, TOPIC_KEYS, GAUGE, 1, "weir_topic_idempotency_keys", "keys",                      \
	  "Idempotency keys in its window.")                                                       \
	M(TOPIC, TOPIC_DUPLICATES, COUNTER, 1, "weir_topic_duplicates", "events",                  \
	  "Events refused since their idempotency key was there.")                                 \
	M(TOPIC, TOPIC_VERSIONED, GAUGE, 1, "weir_topic_versioned_keys", "keys",                   \
	  "Keys that have a version.")                                                             \
	M(TOPIC, TOPIC_CONFLICTS, COUNTER, 1, "weir_topic_version_conflicts", "events",            \
	  "Events refused since their key had another version.")

#define WR_METRICS_PARTITION(M)                                                                    \
	M(PARTITION, PARTITION_EVENTS, COUNTER, 1, "weir_partition_events", "events",              \
	  "Events ordered in it, since its topic was made.")                                       \
	M(PARTITION, PARTITION_BYTES, COUNTER, 1, "weir_partition_bytes", "bytes",                 \
	  "Bytes of these events as they stand in the log.")

#define WR_METRICS_SUBSCRIPTION(M)                                                                 \
	M(SUBSCRIPTION, LAG_EVENTS, GAUGE, 1, "weir_subscription_lag_events", "events",            \
	  "Events that it has still to handle; of a filtered one those that it wants.")            \
	M(SUBSCRIPTION, LAG_BYTES, GAUGE, 1, "weir_subscription_lag_bytes", "bytes",               \
	  "Bytes of these events as they stand in the log.")                                       \
	M(SUBSCRIPTION, LAG_AGE, GAUGE, WR_NS, "weir_subscription_lag_seconds", "seconds",         \
	  "Age of the oldest of these events, by append time.")                                    \
	M(SUBSCRIPTION, LAG_EXACT, GAUGE, 1, "weir_subscription_lag_exact", "",                    \
	  "0: events are counted again, after a seek; a part is still missing.")                   \
	M(SUBSCRIPTION, LAG_TIME_EXACT, GAUGE, 1, "weir_subscription_lag_time_exact", "",          \
	  "0: the oldest of these events is looked for; the age may be of another one.")           \
	M(SUBSCRIPTION, POSITION, GAUGE, 1, "weir_subscription_position", "",                      \
	  "Lowest sequence that it has still to look at.")                                         \
	M(SUBSCRIPTION, MEMBERS, GAUGE, 1, "weir_subscription_members", "members",                 \
	  "Members that have joined.")                                                             \
	M(SUBSCRIPTION, SETTLED_EVENTS, COUNTER, 1, "weir_subscription_settled_events", "events",  \
	  "Events acknowledged, or settled otherwise; not of a seek.")                             \
	M(SUBSCRIPTION, DETACHED, GAUGE, 1, "weir_subscription_detached", "",                      \
	  "1: it was too slow (when_slow: detach), and gets nothing before a seek.")               \
	M(SUBSCRIPTION, DETACHMENTS, COUNTER, 1, "weir_subscription_detachments", "times",         \
	  "Times that it was detached since the open.")                                            \
	M(SUBSCRIPTION, OUTSTANDING, GAUGE, 1, "weir_subscription_outstanding_events", "events",   \
	  "Queues: events taken and not settled.")                                                 \
	M(SUBSCRIPTION, LEASED, GAUGE, 1, "weir_subscription_leased_events", "events",             \
	  "Queues: of these, at a member.")                                                        \
	M(SUBSCRIPTION, DELAYED, GAUGE, 1, "weir_subscription_delayed_events", "events",           \
	  "Queues: of these, waiting for a delay or a retry.")                                     \
	M(SUBSCRIPTION, PARKED, GAUGE, 1, "weir_subscription_parked_events", "events",             \
	  "Queues: of these, dead ones whose keys wait, and those behind them.")                   \
	M(SUBSCRIPTION, DEAD_LETTERS, COUNTER, 1, "weir_subscription_dead_letters", "events",      \
	  "Events put to the dead letters.")                                                       \
	M(SUBSCRIPTION, REDELIVERIES, COUNTER, 1, "weir_subscription_redeliveries", "events",      \
	  "Events given to a member once more: of partitions, after a failure.")                   \
	M(SUBSCRIPTION, LEASE_AGE, GAUGE, WR_NS, "weir_subscription_lease_seconds", "seconds",     \
	  "Queues: since the event that a member has had for longest was given to it.")            \
	M(SUBSCRIPTION, EXPIRED, COUNTER, 1, "weir_subscription_expired_events", "events",         \
	  "Queues: events that outlived their time to live.")                                      \
	M(SUBSCRIPTION, OVERFLOWED, COUNTER, 1, "weir_subscription_overflowed_events", "events",   \
	  "Queues: events that went since more waited than may.")                                  \
	M(SUBSCRIPTION, DROPPED, COUNTER, 1, "weir_subscription_dropped_events", "events",         \
	  "Queues: of these two, those that went without dead letters.")                           \
	M(SUBSCRIPTION, QUEUE_REFUSED, COUNTER, 1, "weir_subscription_refused_publishes",          \
	  "publishes",                                                                             \
	  "Queues: what was refused since more would have been left unsettled than may.")          \
	M(SUBSCRIPTION, CARRIED, COUNTER, 1, "weir_subscription_carried_events", "events",         \
	  "Queues: events copied further on, so that their segment can go; each time.")            \
	M(SUBSCRIPTION, DELIVERY_TIME, HISTOGRAM, WR_NS, "weir_subscription_delivery_seconds",     \
	  "seconds",                                                                               \
	  "From being on the medium, or ordered (gate memory, or read from disk), to a poll. "     \
	  "Sampled, weighted.")                                                                    \
	M(SUBSCRIPTION, HANDLER_TIME, HISTOGRAM, WR_NS, "weir_subscription_handler_seconds",       \
	  "seconds",                                                                               \
	  "From a handler's item to its next: the call and its acknowledgement. Sampled, "         \
	  "weighted.")                                                                             \
	M(SUBSCRIPTION, SOJOURN_TIME, HISTOGRAM, WR_NS, "weir_subscription_sojourn_seconds",       \
	  "seconds",                                                                               \
	  "From an event's append time to its acknowledgement by the member. Sampled, weighted.")

#define WR_METRICS_ROW(M)                                                                          \
	M(ROW, ROW_LAG_EVENTS, GAUGE, 1, "weir_subscription_partition_lag_events", "events",       \
	  "Events that the subscription has still to handle of the partition.")                    \
	M(ROW, ROW_LAG_BYTES, GAUGE, 1, "weir_subscription_partition_lag_bytes", "bytes",          \
	  "Bytes of these events as they stand in the log.")                                       \
	M(ROW, ROW_POSITION, GAUGE, 1, "weir_subscription_partition_position", "",                 \
	  "Lowest sequence that it has still to look at there.")                                   \
	M(ROW, ROW_GENERATION, GAUGE, 1, "weir_subscription_partition_generation", "",             \
	  "How often the partition was given to a member, over all opens.")

#define WR_METRICS_MEMBER(M)                                                                       \
	M(MEMBER, MEMBER_IDLE, GAUGE, WR_NS, "weir_member_idle_seconds", "seconds",                \
	  "Since its last poll, or the last item of its handler; 0: it waits in a poll.")          \
	M(MEMBER, MEMBER_DELIVERED, COUNTER, 1, "weir_member_delivered_events", "events",          \
	  "Events that its polls handed out since it joined, repeats and gaps among them.")        \
	M(MEMBER, MEMBER_SETTLED, COUNTER, 1, "weir_member_settled_events", "events",              \
	  "Events that it has acknowledged since it joined, as of its last poll or commit.")       \
	M(MEMBER, MEMBER_EXPIRED, GAUGE, 1, "weir_member_session_over", "",                        \
	  "1: it has not polled for its session's time, and its partitions are taken.")            \
	M(MEMBER, MEMBER_BEHIND, GAUGE, 1, "weir_member_reads_disk", "",                           \
	  "1: what it reads next is not in memory.")                                               \
	M(MEMBER, MEMBER_PINNED, GAUGE, 1, "weir_member_holds_chunk", "",                          \
	  "1: it holds a chunk of memory.")

#define WR_METRICS_ALERT(M)                                                                        \
	M(ALERT, ALERT_FIRING, GAUGE, 1, "weir_alert_firing", "", "1: the rule is raised.")        \
	M(ALERT, ALERT_RAISED, COUNTER, 1, "weir_alert_raised", "times",                           \
	  "Times that it was raised.")                                                             \
	M(ALERT, ALERT_CHANGED, GAUGE, WR_NS, "weir_alert_changed_seconds", "seconds",             \
	  "Since it was raised, or was over; 0: it never was.")

/* An alert's number has one unit in all of a metric: Prometheus adds up, and compares, by name. */
#define WR_METRICS_ALERT_EVENTS(M)                                                                 \
	M(ALERT_EVENTS, ALERT_EVENTS_VALUE, GAUGE, 1, "weir_alert_value_events", "events",         \
	  "The number that the rule looks at, of rules that look at events.")                      \
	M(ALERT_EVENTS, ALERT_EVENTS_RAISE_AT, GAUGE, 1, "weir_alert_raise_at_events", "events",   \
	  "Where it is raised.")                                                                   \
	M(ALERT_EVENTS, ALERT_EVENTS_CLEAR_AT, GAUGE, 1, "weir_alert_clear_at_events", "events",   \
	  "Where it is over.")

#define WR_METRICS_ALERT_BYTES(M)                                                                  \
	M(ALERT_BYTES, ALERT_BYTES_VALUE, GAUGE, 1, "weir_alert_value_bytes", "bytes",             \
	  "The number that the rule looks at, of rules that look at bytes.")                       \
	M(ALERT_BYTES, ALERT_BYTES_RAISE_AT, GAUGE, 1, "weir_alert_raise_at_bytes", "bytes",       \
	  "Where it is raised.")                                                                   \
	M(ALERT_BYTES, ALERT_BYTES_CLEAR_AT, GAUGE, 1, "weir_alert_clear_at_bytes", "bytes",       \
	  "Where it is over.")

#define WR_METRICS_ALERT_AGE(M)                                                                    \
	M(ALERT_AGE, ALERT_AGE_VALUE, GAUGE, WR_NS, "weir_alert_value_seconds", "seconds",         \
	  "The number that the rule looks at, of rules that look at seconds.")                     \
	M(ALERT_AGE, ALERT_AGE_RAISE_AT, GAUGE, WR_NS, "weir_alert_raise_at_seconds", "seconds",   \
	  "Where it is raised.")                                                                   \
	M(ALERT_AGE, ALERT_AGE_CLEAR_AT, GAUGE, WR_NS, "weir_alert_clear_at_seconds", "seconds",   \
	  "Where it is over.")

#define WR_METRICS_BRIDGE(M)                                                                       \
	M(BRIDGE, BRIDGE_STATE, GAUGE, 1, "weir_bridge_state", "",                                 \
	  "1 connecting, 2 running, 3 paused, 4 retrying, 5 failed, 6 stopped.")                   \
	M(BRIDGE, BRIDGE_STATE_AGE, GAUGE, WR_NS, "weir_bridge_state_seconds", "seconds",          \
	  "Since it came into this state.")                                                        \
	M(BRIDGE, BRIDGE_DOWN, GAUGE, WR_NS, "weir_bridge_down_seconds", "seconds",                \
	  "Since it ran last, or was started; 0: it runs, or is paused or stopped.")               \
	M(BRIDGE, BRIDGE_IDLE, GAUGE, WR_NS, "weir_bridge_idle_seconds", "seconds",                \
	  "Since events moved last, or since it was started.")                                     \
	M(BRIDGE, BRIDGE_STUCK, GAUGE, WR_NS, "weir_bridge_stuck_seconds", "seconds",              \
	  "Since its driver was called last: a call that does not come back is this old.")         \
	M(BRIDGE, BRIDGE_EVENTS, COUNTER, 1, "weir_bridge_events", "events",                       \
	  "Events that the other side has confirmed, or that are in the log, since its start.")    \
	M(BRIDGE, BRIDGE_BYTES, COUNTER, 1, "weir_bridge_moved_bytes", "bytes",                    \
	  "Bytes of these events: keys and payloads.")                                             \
	M(BRIDGE, BRIDGE_REPEATS, COUNTER, 1, "weir_bridge_repeats", "events",                     \
	  "Events that were there already, and were passed over.")                                 \
	M(BRIDGE, BRIDGE_DEAD, COUNTER, 1, "weir_bridge_dead_letters", "events",                   \
	  "Events and messages given up: put to the dead letters, rejected, or passed over.")      \
	M(BRIDGE, BRIDGE_CONNECTIONS, COUNTER, 1, "weir_bridge_connections", "connections",        \
	  "Times that it came to run.")                                                            \
	M(BRIDGE, BRIDGE_RETRIES, COUNTER, 1, "weir_bridge_retries", "retries",                    \
	  "Times that the other side was lost, or not reached, so that it is tried again.")        \
	M(BRIDGE, BRIDGE_FAILURES, COUNTER, 1, "weir_bridge_failures", "failures",                 \
	  "Times that it stopped until a person has looked.")                                      \
	M(BRIDGE, BRIDGE_ATTEMPTS, GAUGE, 1, "weir_bridge_attempts", "attempts",                   \
	  "Attempts that failed since it ran last.")                                               \
	M(BRIDGE, BRIDGE_LAG_EVENTS, GAUGE, 1, "weir_bridge_lag_events", "events",                 \
	  "A sink: its subscription's lag; a source: what waits on the other side, if known.")     \
	M(BRIDGE, BRIDGE_LAG_AGE, GAUGE, WR_NS, "weir_bridge_lag_seconds", "seconds",              \
	  "A sink: age of the oldest event of its subscription's lag.")

#define WR_METRICS_BRIDGE_ERROR(M)                                                                 \
	M(BRIDGE_ERROR, BRIDGE_ERROR_TIMES, GAUGE, 1, "weir_bridge_error_times", "times",          \
	  "How often the bridge's last error came, one after the other.")                          \
	M(BRIDGE_ERROR, BRIDGE_ERROR_FIRST, GAUGE, WR_NS,                                          \
	  "weir_bridge_error_first_timestamp_seconds", "seconds",                                  \
	  "When it came first of these times, since 1970.")                                        \
	M(BRIDGE_ERROR, BRIDGE_ERROR_LAST, GAUGE, WR_NS,                                           \
	  "weir_bridge_error_last_timestamp_seconds", "seconds", "When it came last, since 1970.")

#define WR_METRICS_BRIDGE_FILES(M)                                                                 \
	M(BRIDGE_FILES, BRIDGE_FILES, GAUGE, 1, "weir_bridge_files", "",                           \
	  "1: the bridge is seen and steered by files in this folder.")

#define WR_METRICS_STAGE(M)                                                                        \
	M(STAGE, STAGE_WORKERS, GAUGE, 1, "weir_stage_workers", "workers",                         \
	  "Its workers, each a thread.")                                                           \
	M(STAGE, STAGE_ENDED, GAUGE, 1, "weir_stage_ended_workers", "workers",                     \
	  "Of these: those that have ended.")                                                      \
	M(STAGE, STAGE_CALLS, COUNTER, 1, "weir_stage_calls", "calls", "Calls of its function.")   \
	M(STAGE, STAGE_ITEMS, COUNTER, 1, "weir_stage_items", "items",                             \
	  "Items that it was called with; of a source 0.")                                         \
	M(STAGE, STAGE_PUSHED, COUNTER, 1, "weir_stage_pushed_items", "items",                     \
	  "Items that it has handed on with weir_stage_push().")                                   \
	M(STAGE, STAGE_DROPPED, COUNTER, 1, "weir_stage_dropped_items", "items",                   \
	  "Items that it lost since the ring behind it was full (full: drop).")                    \
	M(STAGE, STAGE_REFUSED, COUNTER, 1, "weir_stage_refused_items", "items",                   \
	  "Items that it could not hand on since the ring behind it was full (full: refuse).")

#define WR_METRICS(M)                                                                              \
	WR_METRICS_PIPELINE(M)                                                                     \
	WR_METRICS_ACK(M)                                                                          \
	WR_METRICS_THREAD(M)                                                                       \
	WR_METRICS_PRODUCER(M)                                                                     \
	WR_METRICS_TOPIC(M)                                                                        \
	WR_METRICS_PARTITION(M)                                                                    \
	WR_METRICS_SUBSCRIPTION(M)                                                                 \
	WR_METRICS_ROW(M)                                                                          \
	WR_METRICS_MEMBER(M)                                                                       \
	WR_METRICS_ALERT(M)                                                                        \
	WR_METRICS_ALERT_EVENTS(M)                                                                 \
	WR_METRICS_ALERT_BYTES(M)                                                                  \
	WR_METRICS_ALERT_AGE(M)                                                                    \
	WR_METRICS_BRIDGE(M)                                                                       \
	WR_METRICS_BRIDGE_ERROR(M)                                                                 \
	WR_METRICS_BRIDGE_FILES(M)                                                                 \
	WR_METRICS_STAGE(M)

#define WR_METRIC_ENUM(scope, id, kind, per_unit, name, unit, help) WR_METRIC_##id,
enum wr_metric_id { WR_METRICS(WR_METRIC_ENUM) WR_METRIC_COUNT };
#undef WR_METRIC_ENUM

extern const struct wr_scope_info wr_metric_scopes[WR_SCOPES];
extern const struct wr_metric_info wr_metric_infos[WR_METRIC_COUNT];

#endif
