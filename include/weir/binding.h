/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bindings of topics: what a filter wants of one topic is copied to another one, as RabbitMQ's
 * exchange-to-exchange bindings and EventBridge's rules do it. Members need not know: they read the
 * target.
 *
 * A copy has the event's key, headers, type, payload, event id and trace context. Its causation id
 * is the place of the event that it is a copy of (weir_pos_text(); the event id is the same, and
 * so names both); its correlation id is the event's, or, where that has none, what effects of the
 * event would carry (weir_cause_ids()). weir_item_origin() of it says where it comes from: topic,
 * partition, sequence, and that it is `bound`. Idempotency keys, expected versions, delays and
 * times to live are not copied.
 *
 * A copy is there exactly once, over crashes, opens and changes of filters: copies are written in
 * one run with the progress over their events. Copies of events of one partition are in the order
 * of that partition, and those of one key, which lie in one partition of the target, too. A copy
 * stands behind its event in the same log, and is never there without it. Where copies cannot be
 * written (a full disk, or a target that refuses the event: one that follows another schema) they
 * wait, with all behind them of that binding; options.log_fn is told, and the events stay in the
 * log until then.
 *
 * Producers leave room for copies: they wait (or are refused, by their policy) while what is still
 * to be copied may need the room that there is, on a disk as in a memory-only log, where copies
 * take nothing of what `block` subscriptions hold. There acknowledgements of queues, and seeks, may
 * still take that room, and then events leave before they are copied (options.log_fn is told of
 * each range).
 *
 * A binding may have a transformer (weir/transform.h), as a target of EventBridge's rules: then a
 * copy's payload is what that makes of the event's. Its type is 0: it is another payload. A
 * tombstone (no payload) stays one. What cannot be transformed (a payload that is not JSON, nothing
 * at its InputPath, more bytes than an event of this pipeline may have) is never lost: as
 * `on_failure` says, it waits, with all behind it, or it is copied as it is, to the target or to
 * another topic, and then its origin says that it is `untransformed`, and why.
 *
 * An event comes to a topic by one way at most, so that it is there once, as RabbitMQ delivers a
 * message to a queue once. RabbitMQ lets bindings make circles, and finds out of each message
 * where it has been; here each copy is an event of its own, and so it is said beforehand: a binding
 * that closes a circle (with bindings, unrouted events or dead letters), or that makes a second way
 * from one topic to another, is refused. Two patterns for one target are two terms of one binding.
 *
 * It is a subscription of weir's own that copies, by the binding's name, and without members:
 * weir_lag() tells how many events wait to be copied, and retention keeps them. For events that
 * nobody wants (weir_topic_set_unrouted()) it counts as any subscription: what a binding wants is
 * wanted.
 */
#ifndef WEIR_BINDING_H
#define WEIR_BINDING_H

#include <weir/filtering.h>
#include <weir/subscription.h>

WEIR_DECLS_BEGIN

/** No topic: a binding that is removed. */
#define WEIR_BINDING_NONE UINT32_MAX

/** What becomes of an event that a binding cannot transform. */
enum weir_transform_failure {
	/** It waits, and all behind it of that binding; options.log_fn is told why. The rule of the
	 *  binding's newest transformer counts, for older events too: another one lets it go. */
	WEIR_TRANSFORM_WAIT = 0,
	WEIR_TRANSFORM_PASS = 1,        /**< it is copied as it is */
	WEIR_TRANSFORM_DEAD_LETTER = 2, /**< it is copied as it is, to `dead_letters` */
};

struct weir_binding_options {
	size_t struct_bytes; /**< set by weir_binding_options_init() */
	const char *name;    /**< of its subscription: as for weir_subscription_create() */
	uint32_t source;     /**< topic whose events are copied; fixed when it is made */
	uint32_t target;     /**< topic that gets the copies */
	const struct weir_subscription_filter *filter; /**< which; NULL (default): all of them */
	const void *transform; /**< JSON, as for weir_transform_create(); NULL (default): none */
	size_t transform_bytes;
	enum weir_transform_failure on_failure; /**< default WEIR_TRANSFORM_WAIT */
	uint32_t dead_letters; /**< topic; WEIR_BINDING_NONE but with WEIR_TRANSFORM_DEAD_LETTER */
	enum weir_start start; /**< when it is made, not when it is found; default NEWEST */
	uint64_t start_at;
};

/** What a subscription of weir's own copies, and where to. */
struct weir_binding {
	uint32_t source;
	uint32_t target;          /**< WEIR_BINDING_NONE: nowhere, from its last change on */
	bool unrouted;            /**< no binding: what nobody wants (weir_topic_set_unrouted()) */
	uint32_t transform_bytes; /**< of its transformer; 0: it has none */
	enum weir_transform_failure on_failure;
	uint32_t dead_letters; /**< for what it cannot transform; WEIR_BINDING_NONE: no topic */
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_binding_options_init(struct weir_binding_options *options);

/**
 * Make a binding, or find the one of this name and give it this filter, transformer and target:
 * that is a record in the log, and counts from there on, as weir_subscription_set_filter() does.
 *
 * Thread:    any but weir's own (WEIR_E_AGAIN there). Blocks: for one or two commits. Allocates: as
 *            weir_subscription_set_filter().
 * @param ret_subscription  may be NULL. The id of its subscription
 * @return 0; -EINVAL (an option, the filter, the transformer, a circle or a second way: `field`
 *         says which, or is the place in the pattern or transformer); WEIR_E_UNKNOWN_NAME (a
 *         topic); WEIR_E_EXISTS: the name is a subscription's, or that of a binding of another
 *         source; WEIR_E_TRUNCATED (start_at);
 *         WEIR_E_TOO_BIG, WEIR_E_FULL (as weir_subscription_set_filter(), or subscriptions_max is
 *         reached), -ENOMEM, WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_binding_create(struct weir_pipeline *pipeline,
						 const struct weir_binding_options *options,
						 uint32_t *ret_subscription,
						 struct weir_problem *reterr_problem);

/**
 * Make or find several bindings, in this order, each as weir_binding_create() does it; their
 * filters are compiled at once (weir_subscriptions_create() says why).
 *
 * Thread:    as weir_binding_create(). Blocks: for one or two commits of each. Allocates: as that,
 *            and a copy of each filter meanwhile.
 * @param list       `count` of them, each by weir_binding_options_init()
 * @param ret_ids    may be NULL. [count] the ids of their subscriptions, in this order
 * @param ret_index  may be NULL. After an error which of them it is about. One whose options are
 *                   wrong by themselves is found before any is made; else those in front of it
 *                   are made
 * @return as weir_binding_create(); with 0 of them 0
 */
WEIR_API WEIR_MUST_CHECK int weir_bindings_create(struct weir_pipeline *pipeline,
						  const struct weir_binding_options *list,
						  uint32_t count, uint32_t *ret_ids,
						  uint32_t *ret_index,
						  struct weir_problem *reterr_problem);

/**
 * From here on a binding copies nothing; what was appended before is still copied. Where it waits
 * for an event that it cannot transform it goes on waiting, until weir_binding_create() gives it
 * another rule for failures.
 * weir_binding_create() with its name binds anew, from that call on.
 *
 * Thread: as weir_binding_create().
 * @return 0, also where it is removed already; WEIR_E_UNKNOWN_NAME (no such binding); WEIR_E_FULL
 *         (as weir_subscription_set_filter()), -ENOMEM, WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_binding_remove(struct weir_pipeline *pipeline,
						 uint32_t subscription,
						 struct weir_problem *reterr_problem);

/**
 * What a subscription copies. weir_subscription_filter() tells its filter,
 * weir_binding_transform() its transformer.
 *
 * Thread: any but weir's own (WEIR_E_AGAIN there). Blocks: for a control call under way. Allocates:
 *         never.
 * @return 0; WEIR_E_UNKNOWN_NAME: there is no such subscription, or it copies nothing;
 *         WEIR_E_AGAIN, WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_binding_info(struct weir_pipeline *pipeline,
					       uint32_t subscription,
					       struct weir_binding *ret_binding);

/**
 * The transformer that a binding has now.
 *
 * Thread: any but weir's own (WEIR_E_AGAIN there). Blocks: for a control call under way. Allocates:
 *         never.
 * @param to  where its text goes; NULL with 0 bytes: to ask how many it has
 * @return bytes that it has, also where that is more than to_bytes, and nothing is written; 0: it
 *         has none; WEIR_E_UNKNOWN_NAME: no binding has this id; WEIR_E_AGAIN, WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API int weir_binding_transform(struct weir_pipeline *pipeline, uint32_t subscription, void *to,
				    size_t to_bytes);

WEIR_DECLS_END
#endif
