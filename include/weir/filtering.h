/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Filters of subscriptions: a subscription gets only what it wants of its topics.
 *
 * A filter is up to WEIR_FILTER_TERMS_MAX terms, each a pattern of weir/route.h that must hold,
 * or with `negated` must not; all of them, or any of them. The routing key of an event is its
 * key, the headers are its headers, each as text (of several of one name the first), the payload
 * its payload. Of an event that was published to a topic that follows a subject (registry.h) that
 * is its fields, whatever encodes them: Avro is looked at as JSON, as weir_schema_to_json() writes
 * it without flags, and an id before a payload is passed over; by transformers, too.
 *
 * A filter is part of the log, with the subscription. It is compiled when it is given, and
 * refused then if it is wrong or costs too much, with the place and the reason. weir looks at
 * each event once for all filters, when it becomes visible, and keeps the answer beside it in
 * memory; members touch only what is wanted. Progress goes over what is not, so that a
 * subscription that wants little holds nothing up, and its lag counts what it wants, as weir looks
 * at it. Only what left memory before that, and what lies behind an open or a seek back, is read
 * for it once more, and kept from retention until then.
 *
 * A term of kind WEIR_FILTER_HASH is a share of a ring: of all subscriptions and bindings with such
 * a term of one ring's name that read a topic, each event of the topic goes to one, and events of
 * one key to the same one, as RabbitMQ's consistent-hash exchange does it. Its pattern is a JSON
 * object:
 *
 *   {"ring": "workers", "weight": 2, "hash-header": "tenant"}
 *
 * `ring` is 1 to 200 bytes. `weight`, 1 (default) to 1000: its share is that of all weights. Hashed
 * is the event's key, or the value of the header `hash-header`, or "hash-property": "message_id"
 * (the event id) or "correlation_id"; what is not there is hashed as if it were empty, and so all
 * of that goes to one. All of a ring hash the same. When one joins or leaves, or its weight
 * changes, only its own share moves, from that record on: who is a member at an event is said by
 * the filters in force there, however late it is looked at. One that is made later has no share of
 * what was before, wherever it starts. Other terms beside it choose among its share (with
 * WEIR_FILTER_ALL alone): what it does not want goes to no other. It cannot be negated.
 *
 * A subscription may have a transformer, too (weir/transform.h), as a target of EventBridge's rules
 * has one: what its members make of an event that they were handed (weir_member_transform()). It
 * stands in the filter, counts as that does from a sequence on, and is refused as that is. Events
 * themselves stay as they are. A member is told what cannot be transformed; what becomes of it is
 * its own to say: a retry, a dead letter, or the event as it is.
 *
 * What cannot be looked at (more than 256 different headers, a payload of which more array
 * elements matter than weir keeps apart: weir_match_run(), Avro whose JSON is larger than an event
 * may be) is wanted by every filter: nothing is lost because of that. options.log_fn is told.
 */
#ifndef WEIR_FILTERING_H
#define WEIR_FILTERING_H

#include <weir/pipeline.h>
#include <weir/route.h>

WEIR_DECLS_BEGIN

/** Terms of one filter. */
#define WEIR_FILTER_TERMS_MAX 16u

/** One pattern. */
struct weir_filter_term {
	enum weir_filter_kind kind;
	const void *pattern; /**< as for weir_filter_create(); not looked at with FANOUT */
	size_t pattern_bytes;
	bool negated; /**< it must not hold */
};

enum weir_filter_join {
	WEIR_FILTER_ALL = 0, /**< every term has to hold */
	WEIR_FILTER_ANY = 1, /**< one of them */
};

/** What a subscription wants, and what is made of that. */
struct weir_subscription_filter {
	enum weir_filter_join join;
	uint32_t term_count; /**< 1..WEIR_FILTER_TERMS_MAX; with a transformer 0, too: everything */
	const struct weir_filter_term *terms;
	/** What members make of its events, by weir_member_transform(): JSON, as for
	 *  weir_transform_create(). NULL: nothing. Not in a binding, which has one of its own. */
	const void *transform;
	size_t transform_bytes;
};

/**
 * Give a subscription a filter, another one, or none, while events flow. The change is a record
 * in the log: events before it are wanted as they were by then, whenever they are read; those
 * behind it by the new filter. Nothing stops meanwhile, and nothing is missed. Returns when the
 * record is durable.
 *
 * The last four filters are kept, or more exactly those that something unsettled needs: a fifth is
 * refused as long as events from before the second are not settled (by this subscription; where
 * there are rings, by others with a share of one over its topics, too). After a seek back to before
 * the oldest that is kept, that one counts for what is read from disk, and lag is not exact until
 * the next seek or open.
 *
 * The same filter again is no change. A subscription that ever had a filter costs what one with a
 * filter costs, until all that is left is settled and the log is opened again.
 *
 * Thread:    any but weir's own (WEIR_E_AGAIN there). Blocks: for one commit. Allocates: all
 *            filters are compiled anew; of a subscription's first one a bit for each record that
 *            there is room for in memory.
 * @param filter        NULL: every event is wanted
 * @param ret_sequence  may be NULL. The record's: events from there on are wanted by the new
 *                      filter; 0: it had this filter already
 * @return 0; WEIR_E_UNKNOWN_NAME (no such subscription); -EINVAL: the filter is refused, `field` is
 *         the place in the pattern; WEIR_E_TOO_BIG: it, or one of its patterns, is too long;
 *         WEIR_E_FULL: no room in options.filter_bytes_max, or four of it are still needed;
 *         -ENOMEM, WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int
weir_subscription_set_filter(struct weir_pipeline *pipeline, uint32_t subscription,
			     const struct weir_subscription_filter *filter, uint64_t *ret_sequence,
			     struct weir_problem *reterr_problem);

/**
 * The filter that a subscription has now.
 *
 * Thread: any but weir's own (WEIR_E_AGAIN there). Blocks: for a control call under way. Allocates:
 *         never.
 * @param to          where its terms and patterns go, aligned as for a struct; NULL with 0
 *                    bytes: to ask how many it takes
 * @param ret_filter  points into `to`; without a filter it has no terms
 * @return bytes that it takes, also where that is more than to_bytes, and nothing is set; 0: it has
 *         none; WEIR_E_UNKNOWN_NAME, WEIR_E_AGAIN, WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API int weir_subscription_filter(struct weir_pipeline *pipeline, uint32_t subscription,
				      void *to, size_t to_bytes,
				      struct weir_subscription_filter *ret_filter);

/** No topic for what nobody wants. */
#define WEIR_UNROUTED_NONE UINT32_MAX

/**
 * Events of a topic that no subscription wants are copied to another topic of the log, as RabbitMQ
 * does it with an alternate exchange: never dropped in silence.
 *
 * Nobody wants an event if there was no subscription to its topic when it was appended that has no
 * filter, or whose filter, as it was then, wanted it. Members do not matter, nor how far they are;
 * a subscription that is made later may read such an event all the same.
 *
 * A copy has the event's key, headers, ids, type and payload, and an origin (weir_item_origin(),
 * with `unrouted`) that says where it comes from: topic, partition, sequence. It is there exactly
 * once, over crashes, restarts and changes of filters: copies are written in one run with the
 * progress over their events. Copies of one partition are in order. Where they cannot be written
 * (a full disk) they wait, options.log_fn is told, and the events stay in the log until then.
 *
 * It is a subscription of weir's own that does this, with the name "unrouted." and the topic's,
 * and without members: weir_lag() tells how many events wait to be copied, and retention keeps
 * them. It counts as one of options.subscriptions_max, and a few bytes of filter_bytes_max.
 *
 * Like a filter the target is part of the log, and counts from the change's record on. A target
 * from which the event could come back, by its own target or by dead letters, is refused.
 *
 * Thread:    any but weir's own (WEIR_E_AGAIN there). Blocks: for one commit. Allocates: as
 *            weir_subscription_set_filter().
 * @param target            WEIR_UNROUTED_NONE: nowhere from here on, as before the first call
 * @param ret_subscription  may be NULL. The id of that subscription; UINT32_MAX: none, since it
 *                          never had a target
 * @return 0; WEIR_E_UNKNOWN_NAME (a topic); -EINVAL: it would come back, the topic's name has more
 *         than 191 bytes, or options.run_records_max is 1; WEIR_E_EXISTS: a subscription of another
 *         kind has the name; WEIR_E_FULL, -ENOMEM, WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_set_unrouted(struct weir_pipeline *pipeline, uint32_t topic,
						     uint32_t target, uint32_t *ret_subscription,
						     struct weir_problem *reterr_problem);

/**
 * Where events of a topic go that nobody wants.
 *
 * Thread: any but weir's own (WEIR_E_AGAIN there). Blocks: for a control call under way. Allocates:
 *         never.
 * @param ret_target        WEIR_UNROUTED_NONE: nowhere
 * @param ret_subscription  may be NULL. As of weir_topic_set_unrouted()
 * @return 0, WEIR_E_UNKNOWN_NAME, WEIR_E_AGAIN, WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_unrouted(struct weir_pipeline *pipeline, uint32_t topic,
						 uint32_t *ret_target, uint32_t *ret_subscription);

WEIR_DECLS_END
#endif
