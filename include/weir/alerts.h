/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Alerts: rules of the options that say when somebody is to be told, and when it is over.
 *
 * A rule looks at one number. It is raised once that has been at `raise_at` or beyond for `hold_ns`
 * without a break, and is over once it has been at `clear_at` or back beyond that for as long; in
 * between nothing changes. So a number that swings around a mark does not flap, and what an open
 * finds (lag that nobody had a chance to work off) raises nothing before `hold_ns` have passed.
 * While lag is not exact (weir_lag) its rules wait; while its time is not, a rule of that is raised
 * by what is known, and not cleared.
 *
 * What happens is told five times: to options.alert_fn; to options.log_fn; as an event of
 * options.alert_topic; in the metrics (weir_alert_firing and its kin, of objects "alert"); and by
 * `weir status`, which shows those.
 *
 * The event: its key is RULE, RULE/SUBSCRIPTION or RULE/BRIDGE, its payload a JSON object with the
 * fields "alert", "kind", "subscription" (null: it is of none), "state" ("raised" or "cleared"),
 * "value", "raise_at", "clear_at", "time_ns" (wall clock, when it changed) and "bridge" (null: of
 * none). Each change is handed over once, in order; while there is no room up to 16 of a rule wait
 * for it, and where more come, the oldest raise and its end go, which the table of errors says.
 * Where there is no topic of the name they wait for it as well, for a minute. If none comes, or the
 * event cannot be one of it, the table of errors says so.
 * What the log's writer refuses (a full disk, a schema of the topic) is told nowhere: the callback
 * and the metrics are, all the same.
 *
 * A bridge that is stopped has no trouble any more: what was raised of it is over at once.
 *
 * Rules are looked at every 100 ms, by the group step, on the clock that never jumps. Those of
 * WEIR_ALERT_STUCK_AGE, which tell of the group step, too, have a thread of their own (NAME-watch)
 * where the pipeline is opened with one and is not `manual`; it goes on where the others stand. In
 * a pipeline that was opened without one, and got it later, the group step looks at it.
 */
#ifndef WEIR_ALERTS_H
#define WEIR_ALERTS_H

#include <weir/base.h>
#include <weir/error.h>

WEIR_DECLS_BEGIN

struct weir_pipeline;

#define WEIR_ALERTS_MAX 64
/** With the 0 at the end. */
#define WEIR_ALERT_NAME_BYTES 64

enum weir_alert_kind {
	/* of a subscription */
	WEIR_ALERT_LAG_EVENTS = 1,   /**< weir_lag.events */
	WEIR_ALERT_LAG_BYTES = 2,    /**< weir_lag.bytes */
	WEIR_ALERT_LAG_AGE = 3,      /**< weir_lag.time_ns */
	WEIR_ALERT_PARKED = 4,       /**< weir_lag.parked: events of parked keys (a queue's) */
	WEIR_ALERT_DEAD_LETTERS = 5, /**< events that it gave up in the last minute: since the open,
	                                  or since weir_pipeline_alerts_set() brought the rule */
	WEIR_ALERT_LEASE_AGE = 6,    /**< ns since the event that a member has had for longest was
	                                  given to it, extended leases included (a queue's) */
	/* of the pipeline */
	WEIR_ALERT_FREE_BYTES = 7, /**< free on the journal's file system, looked at every 5 s:
	                                raise_at is below clear_at */
	WEIR_ALERT_STUCK_AGE = 8,  /**< ns for which the writer took nothing though lanes held
	                                something and it was not held back, or nothing became
	                                durable though something waited for that, or the group's
	                                step did not go round, or a step of the packing thread did
	                                not come back. 8 rules at most */
	/* of a bridge (bridge.h) */
	WEIR_ALERT_BRIDGE_DOWN = 9,          /**< ns since it ran last, or was started; none while
	                                          it runs, is paused or stopped */
	WEIR_ALERT_BRIDGE_DEAD_LETTERS = 10, /**< events and messages that it gave up in the last
	                                          minute; the same */
	/* of a subscription */
	WEIR_ALERT_IDLE_AGE = 11, /**< ns since that of its members which has been away for longest
	                               polled last, or its handler took an item: a handler that does
	                               not come back. Not of one that waits in a poll */
	/* of a bridge */
	WEIR_ALERT_BRIDGE_STUCK_AGE = 12, /**< ns since its driver was called last: a call that does
	                                       not come back, or nobody calls weir_bridge_step() */
};

struct weir_alert_rule {
	const char *name; /**< 1..63 of [A-Za-z0-9._-], unlike any other rule's */
	enum weir_alert_kind kind;
	const char *subscription; /**< of this one, which may be made later; NULL: of each. Of the
	                               other kinds NULL */
	const char *bridge; /**< of this one, which may be started later; NULL: of each. Of the
	                               other kinds NULL */
	uint64_t raise_at;  /**< a number of events, bytes or ns */
	uint64_t clear_at;  /**< less than raise_at; with FREE_BYTES more */
	uint64_t hold_ns;   /**< 0 .. an hour */
};

/** A rule was raised, or it is over. */
struct weir_alert {
	const char *rule;
	enum weir_alert_kind kind;
	const char *subscription; /**< NULL: of the pipeline, or of a bridge */
	const char *bridge;       /**< NULL: of the pipeline, or of a subscription */
	bool raised;              /**< false: it is over */
	uint64_t value;
	uint64_t raise_at;
	uint64_t clear_at;
};

/**
 * Other rules in the place of those that are there: all of them, also those that stay. One that has
 * the same name, kind and subscription stays what it is, raised or not, and has the new marks and
 * hold time from now on. One that is gone, or is now of another kind or subscription, and was
 * raised, is told to be over, with the number that it had last.
 *
 * They are in force at the next look, within 100 ms while the pipeline's steps run; until then the
 * rules of a later call replace those of an earlier one.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param rules           copied; may be NULL if `count` is 0
 * @param reterr_problem  may be NULL
 * @return 0; -EINVAL: a rule cannot be, and the problem says which; WEIR_E_FULL: they look at more
 *         numbers than options.alert_instances_max; -ENOTSUP: the pipeline has no metrics
 *         (options.metrics_dir), which alerts look at. Nothing has changed then
 */
WEIR_API WEIR_MUST_CHECK int weir_pipeline_alerts_set(struct weir_pipeline *pipeline,
						      const struct weir_alert_rule *rules,
						      uint32_t count,
						      struct weir_problem *reterr_problem);

WEIR_DECLS_END
#endif
