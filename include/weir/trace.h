/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where an event comes from: ids that are carried from an event to what it brought about, and the
 * W3C's trace context (Trace Context, level 1; its version 00 and what it says of later ones).
 *
 * What is published because of an event carries
 *
 *   causation id      the event id of that event; where it has none, its place in the log
 *   correlation id    its correlation id; where it has none, its event id, else its place
 *   traceparent, tracestate   as it has them, unchanged
 *
 * each as far as the publisher did not set it himself. A place is the text that weir_pos_text()
 * makes, "weir:LOG:EPOCH:SEQUENCE": it stays the same for as long as there is the event. That of a
 * dead letter, and of a copy that a redrive or a replay made, is the event's: it is that event.
 *
 * Which event is the cause: the one that weir_event.cause names; else, inside a handler of weir's
 * (weir_member_options.handler), the item that it was called with, for every producer that it uses
 * on its thread, unless the producer was opened with no_cause. Between two calls of a handler
 * there is none, so nothing is carried from one event to what follows the next. A cause that is no
 * event (all zero, or a gap) is none: that is how one event of a handler is published without.
 *
 * weir leaves the parent's id as it is, as the standard asks of who only passes on; the spans that
 * it makes of events (spans.h) are made beside the log, where causation ids tell the chain. Who
 * makes spans himself sets traceparent, and with it tracestate: the two are one, and of a cause
 * both are taken or neither.
 *
 * What an event says of its trace is never a reason to refuse it: traceparent and tracestate are
 * stored as they are given. A traceparent that is not valid ends with its event: it is not carried
 * on, nor is the tracestate beside it; one that is not valid is left out.
 */
#ifndef WEIR_TRACE_H
#define WEIR_TRACE_H

#include <weir/event.h>

WEIR_DECLS_BEGIN

/** With the 0 at the end. */
#define WEIR_POS_TEXT_BYTES 56
#define WEIR_TRACEPARENT_BYTES 56

/** What a traceparent says. */
struct weir_traceparent {
	uint8_t version;
	uint8_t flags; /**< WEIR_TRACE_*; of others, what they mean is not known */
	uint8_t trace_id[16];
	uint8_t parent_id[8]; /**< of the span that the sender was in */
};

#define WEIR_TRACE_SAMPLED 1u

/**
 * Take a traceparent apart: 00-<32 hex>-<16 hex>-<2 hex>, in lower case. Blanks and tabs around it
 * do not count. A version that is not known may have more behind it, after another '-'.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param text             need not end with a 0
 * @param ret_traceparent  may be NULL; set on success only
 * @return 0, or -EINVAL: it is none (version ff, an id of zeros, a letter in upper case, more or
 *         fewer characters)
 */
WEIR_API int weir_traceparent_parse(const char *text, size_t text_bytes,
				    struct weir_traceparent *ret_traceparent);

/**
 * A traceparent as text, of version 00 whatever `version` says: no other is known.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_text  55 characters and a 0, for weir_ids.traceparent; set on success only
 * @return 55, or -EINVAL: an id is all zero
 */
WEIR_API WEIR_MUST_CHECK int weir_traceparent_format(const struct weir_traceparent *traceparent,
						     char ret_text[WEIR_TRACEPARENT_BYTES]);

/**
 * Look at a tracestate: members KEY=VALUE between commas, which may be empty and have blanks
 * around them. A key is 1..256 of a-z, 0-9, '_', '-', '*' and '/', and begins with a letter; or
 * TENANT@SYSTEM, of 241 and 14, and the tenant may begin with a digit. A value is 1..256 printable
 * characters but ',' and '=', and does not end with a blank. No key comes twice.
 *
 * The standard has room for 32 members. One more is taken here, as its own cases take it; further
 * ones are refused.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param text  need not end with a 0
 * @return how many members it has, 0 for an empty one; or -EINVAL
 */
WEIR_API int weir_tracestate_check(const char *text, size_t text_bytes);

/**
 * A position as text: weir:LOG:EPOCH:SEQUENCE, in decimal.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return characters, without the 0
 */
WEIR_API uint32_t weir_pos_text(const struct weir_pos *pos, char ret_text[WEIR_POS_TEXT_BYTES]);

/**
 * The position that such a text names. Only what weir_pos_text() writes is one: no zeros in front.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_pos  set on success only
 * @return 0 or -EINVAL
 */
WEIR_API WEIR_MUST_CHECK int weir_pos_parse(const char *text, size_t text_bytes,
					    struct weir_pos *ret_pos);

/** What weir_cause_ids() needs of memory. */
struct weir_cause {
	struct weir_ids ids; /**< what is brought about carries these; its event id is not set */
	char place[WEIR_POS_TEXT_BYTES];
	char traceparent[WEIR_TRACEPARENT_BYTES]; /**< where it is the handler's own */
};

/**
 * The ids that an event carries whose cause is `item`: for who sends it on by other means than
 * weir, or publishes it later, when the item is not lent any more (and copies them for that).
 *
 * Thread: any that may look at the item. Blocks: never. Allocates: never.
 * @param item       an event, still lent. Of anything else nothing is carried
 * @param ret_cause  overwritten; its pointers are the item's, lent, or lead into ret_cause
 */
WEIR_API void weir_cause_ids(const struct weir_item *item, struct weir_cause *ret_cause);

WEIR_DECLS_END
#endif
