/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Upcasting: old events are read as if they had been published in today's form.
 *
 * An event has a type (weir_event.type), a number that its publisher gave. When the form of its
 * payload changes, new events get the next type, and a program registers a step: a function that
 * makes the payload of type k + 1 of one of type k. weir_upcast() takes an item through all steps
 * that begin with its type, so a handler knows the newest form alone. Nothing in the log changes.
 *
 * It is a call on an item, and so works wherever items come from: polls, queues, handlers, replays,
 * projections, weir_journal_inspect(). And dead letters: a letter, or a copy that was redriven,
 * counts as of the topic that it came from (weir_item_origin()), not of the one that it lies in.
 */
#ifndef WEIR_UPCAST_H
#define WEIR_UPCAST_H

#include <weir/error.h>
#include <weir/event.h>

WEIR_DECLS_BEGIN

/** Of any topic. */
#define WEIR_UPCAST_ANY_TOPIC UINT32_MAX

/** From one type to the next. */
struct weir_upcaster {
	uint32_t topic; /**< id, or WEIR_UPCAST_ANY_TOPIC; a step of its own topic goes before */
	uint16_t from_type;
	uint16_t to_type;
	/**
	 * Make the new payload. Thread: that of weir_upcast().
	 *
	 * @param item  as it is so far: its type is from_type, its payload that of the step before;
	 *              ids, headers and times are the event's
	 * @param to    room for to_bytes; does not overlap what the item points to
	 * @return bytes that the new payload has; more than to_bytes: it did not fit, and nothing
	 *         that was written counts; or a negative code, which weir_upcast() returns
	 */
	int64_t (*cast)(void *context, const struct weir_item *item, void *to, size_t to_bytes);
	void *context;
};

/**
 * Look whether steps make sense together: do it once, when the program starts.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param steps           in any order
 * @param reterr_problem  may be NULL; `text` says which step it is, from 0
 * @return 0, or -EINVAL: two begin with one type of one topic, one leads to itself, a circle of
 *         them leads nowhere, or one has no function
 */
WEIR_API WEIR_MUST_CHECK int weir_upcasters_check(const struct weir_upcaster *steps,
						  size_t step_count,
						  struct weir_problem *reterr_problem);

/**
 * Read an item in its newest form.
 *
 * Thread: any. Blocks: never. Allocates: never; but for what the steps do.
 * @param steps     that weir_upcasters_check() found good
 * @param item      an event; a gap, a tombstone (no payload), and what no step is for come out as
 *                  they are
 * @param buffer    for payloads: each step has half of it. Good for the newest one until the caller
 *                  uses it again
 * @param ret_item  may be `item` itself. Type, payload and payload_bytes are new, all else is the
 *                  item's, still lent. Set on success only
 * @return how many steps it took, 0: none; WEIR_E_TOO_BIG (half the buffer is too small for a
 *         payload), -ELOOP (a circle), or what a step returned
 */
WEIR_API WEIR_MUST_CHECK int weir_upcast(const struct weir_upcaster *steps, size_t step_count,
					 const struct weir_item *item, void *buffer,
					 size_t buffer_bytes, struct weir_item *ret_item);

WEIR_DECLS_END
#endif
