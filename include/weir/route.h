/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Routing by content: which events does a pattern want?
 *
 * A filter is one compiled pattern, in the language of one of the systems that it comes from:
 *
 *   FANOUT          every event
 *   DIRECT          the routing key is the pattern
 *   TOPIC           RabbitMQ's binding keys: words between dots, '*' is one word, '#' any number
 *   HEADERS         RabbitMQ's binding arguments, as a JSON object: x-match all (the default), any,
 *                   all-with-x, any-with-x; a null argument asks for presence only
 *   EVENTBRIDGE     AWS EventBridge's event patterns over a JSON payload
 *   EVENTBRIDGE_HEADERS  the same over headers: each is a field of its name
 *   SNS_ATTRIBUTES  AWS SNS's filter policies over message attributes
 *   SNS_BODY        the same over a JSON payload
 *   HASH            in filters of subscriptions: a share of the keys, as RabbitMQ's
 *                   consistent-hash exchange gives it (weir/filtering.h). By itself, alone in its
 *                   ring, it gets every event; weir_filter_kind_of() then says FANOUT
 *
 * A pattern that such a system refuses is refused, with the place in the pattern, what is wrong and
 * what would be right. docs/guide/routing.md has the languages, docs/reference/semantics.md what
 * differs from the originals.
 *
 * weir_filter_match() looks at one filter at a time and is the reference of what a pattern means.
 * For many filters and many events there is struct weir_matcher: it reads a payload once, however
 * many rules there are, and allocates nothing while it does.
 *
 * Filters and matchers are immutable once made: any number of threads may match with one.
 */
#ifndef WEIR_ROUTE_H
#define WEIR_ROUTE_H

#include <weir/error.h>
#include <weir/options.h>

WEIR_DECLS_BEGIN

enum weir_filter_kind {
	WEIR_FILTER_FANOUT = 1,
	WEIR_FILTER_DIRECT,
	WEIR_FILTER_TOPIC,
	WEIR_FILTER_HEADERS,
	WEIR_FILTER_EVENTBRIDGE,
	WEIR_FILTER_SNS_ATTRIBUTES,
	WEIR_FILTER_SNS_BODY,
	WEIR_FILTER_HASH,
	WEIR_FILTER_EVENTBRIDGE_HEADERS,
};

/** Bytes of a pattern. */
#define WEIR_PATTERN_BYTES_MAX (256u << 10)
/** Fields that one alternative of a pattern may ask about ($or makes alternatives). */
#define WEIR_PATTERN_FIELDS_MAX 256u
/** Alternatives that $or may multiply to. */
#define WEIR_PATTERN_ALTERNATIVES_MAX 1000u

enum weir_value_kind {
	WEIR_VALUE_VOID = 1, /**< no value, or JSON's null */
	WEIR_VALUE_BOOLEAN,
	WEIR_VALUE_INTEGER,
	WEIR_VALUE_REAL,
	WEIR_VALUE_TEXT,   /**< UTF-8 */
	WEIR_VALUE_BINARY, /**< for SNS as if it were not there */
	WEIR_VALUE_JSON,   /**< an array or object, as JSON. For SNS an array is String.Array */
};

/** A header or message attribute with a type. Names are in `name`, and need not end with a 0. */
struct weir_typed_header {
	const char *name;
	size_t name_bytes;
	enum weir_value_kind kind;
	bool boolean;      /**< of BOOLEAN */
	int64_t integer;   /**< of INTEGER */
	double real;       /**< of REAL; finite */
	const void *value; /**< of TEXT, BINARY and JSON */
	size_t value_bytes;
};

/** What of an event is matched. Everything is borrowed for the call. */
struct weir_routed {
	const char *key; /**< routing key: DIRECT, TOPIC. NULL with 0 bytes is the empty key */
	size_t key_bytes;
	const void *payload; /**< JSON: EVENTBRIDGE, SNS_BODY. NULL with 0 bytes: none */
	size_t payload_bytes;
	const struct weir_typed_header *headers; /**< names once each */
	size_t header_count;
};

struct weir_item;

/**
 * What of an item is matched: its key as routing key, its payload as it is, its headers. A header
 * whose value is UTF-8 is a TEXT, any other BINARY; of several with one name the first counts.
 *
 * Thread: the one that polled. Blocks: never. Allocates: never.
 * @param item       an event, still lent; so is the result
 * @param headers    room for headers_max
 * @param ret_event  set on success only
 * @return 0; WEIR_E_TOO_BIG: it has more than headers_max headers
 */
WEIR_API int weir_item_routed(const struct weir_item *item, struct weir_typed_header *headers,
			      size_t headers_max, struct weir_routed *ret_event);

struct weir_filter;

/**
 * Compile a pattern.
 *
 * Thread: any. Blocks: never. Allocates: yes, from `allocator`.
 * @param kind        one of enum weir_filter_kind
 * @param pattern     DIRECT: the key; TOPIC: the binding key (at most 255 bytes); HEADERS: a JSON
 *                    object of arguments; HASH: a JSON object, as weir/filtering.h has it; the
 *                    others: the JSON text as AWS has it. FANOUT: not
 *                    looked at. Copied
 * @param allocator   NULL: the C library's. Must outlive the filter
 * @param ret_filter  set on success only
 * @param problem     may be NULL. `field` is the place in the pattern ("detail.state[1]"), its end
 *                    where it is long; `text` says what is wrong and what would be right
 * @return 0; -EINVAL: the pattern is refused; WEIR_E_TOO_BIG: it is longer than
 *         WEIR_PATTERN_BYTES_MAX, or has more fields or alternatives than there may be; -ENOMEM
 */
WEIR_API int weir_filter_create(enum weir_filter_kind kind, const void *pattern,
				size_t pattern_bytes, const struct weir_allocator *allocator,
				struct weir_filter **ret_filter, struct weir_problem *problem);

/**
 * Compile the arguments of a headers binding that have types of their own.
 *
 * `x-match` is the argument of that name, a TEXT; without it all others must match. Names once
 * each.
 *
 * Thread: any. Blocks: never. Allocates: yes, from `allocator`.
 * @return as weir_filter_create()
 */
WEIR_API int weir_filter_create_headers(const struct weir_typed_header *arguments,
					size_t argument_count,
					const struct weir_allocator *allocator,
					struct weir_filter **ret_filter,
					struct weir_problem *problem);

/**
 * Give a filter back. NULL is allowed. A matcher that was made of it does not need it any more.
 *
 * Thread: any, when no other uses it. Blocks: never.
 * @return nothing
 */
WEIR_API void weir_filter_destroy(struct weir_filter *filter);

/**
 * What a filter was compiled as.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return the kind
 */
WEIR_API enum weir_filter_kind weir_filter_kind_of(const struct weir_filter *filter);

/**
 * Does the filter want this event?
 *
 * It reads the payload as strict JSON to its end. What SNS_BODY finds no JSON object in is not
 * wanted; for EVENTBRIDGE that is an error. An event that has a field twice has both values.
 *
 * Thread: any. Blocks: never. Allocates: with EVENTBRIDGE and SNS, from the filter's allocator, and
 * gives it back.
 * @param problem  may be NULL
 * @return 1 yes, 0 no; -EINVAL: the payload is no JSON object; WEIR_E_TOO_BIG: it nests deeper than
 *         512, or more of its array elements matter than weir keeps apart; -ENOMEM
 */
WEIR_API int weir_filter_match(const struct weir_filter *filter, const struct weir_routed *event,
			       struct weir_problem *problem);

enum weir_leaf_verdict {
	WEIR_LEAF_MATCHED = 1,
	WEIR_LEAF_NO_VALUE,  /**< the event has no such field, and it had to */
	WEIR_LEAF_DIFFERENT, /**< it has, and no value is one that is wanted */
	WEIR_LEAF_PRESENT,   /**< it has, and must not */
	WEIR_LEAF_APART,     /**< it matches, but in another array element than other fields */
};

/** What became of one field of a pattern. Lent for the call. */
struct weir_leaf {
	uint32_t alternative; /**< from 0; without $or there is only this one */
	enum weir_leaf_verdict verdict;
	const char *path; /**< "detail.state"; a header's name; "routing key" */
	size_t path_bytes;
	const char *condition; /**< what is wanted of it, as the pattern has it */
	size_t condition_bytes;
	size_t condition_at; /**< where in the pattern that stands */
	/** The value that decided: the one that matched, else the first that did not. As the event
	 *  has it; NULL: there is none, or it is of a header that has no text. */
	const char *value;
	size_t value_bytes;
	size_t value_at; /**< where in the payload, or in the header's value, it stands */
};

/**
 * As weir_filter_match(), and says of each field of each alternative why.
 *
 * Thread: any. Blocks: never. Allocates: as weir_filter_match().
 * @param leaf  called for each field, in the pattern's order, before this returns; not if it fails
 * @return as weir_filter_match()
 */
WEIR_API int weir_filter_explain(const struct weir_filter *filter, const struct weir_routed *event,
				 void (*leaf)(void *context, const struct weir_leaf *leaf),
				 void *context, struct weir_problem *problem);

/* ---- many rules ---- */

/** Rules of a matcher. */
#define WEIR_MATCHER_RULES_MAX (1u << 22)
/** How large payloads may be that a match has room for. */
#define WEIR_MATCH_PAYLOAD_BYTES_MAX (64u << 20)

struct weir_matcher;
struct weir_match;

/**
 * Make one matcher of many filters, of any kinds.
 *
 * What it costs to match an event does not grow with the number of rules, but with the number of
 * those that the event nearly matches: for each value there is one look-up, and each rule is behind
 * its rarest one. Wildcards are found by what stands before their first star or behind their last
 * one; those that begin and end with one, and rules of which nothing is asked but anything-but or
 * exists, are looked at for each event that has the field.
 *
 * A matcher does not change. To add or remove a rule make another one beside it, and let the next
 * event have that: who is in the middle of an event goes on with the old one.
 *
 * Thread: any. Blocks: never. Allocates: yes, from `allocator`.
 * @param filters      rule i is filters[i]; NULL: there is none of this number. Nothing of them is
 *                     kept: they may be given back afterwards
 * @param allocator    NULL: the C library's. Must outlive the matcher
 * @param ret_matcher  set on success only
 * @param problem      may be NULL
 * @return 0; WEIR_E_TOO_BIG: more than WEIR_MATCHER_RULES_MAX; -EINVAL: half an allocator; -ENOMEM
 */
WEIR_API int weir_matcher_create(const struct weir_filter *const *filters, size_t filter_count,
				 const struct weir_allocator *allocator,
				 struct weir_matcher **ret_matcher, struct weir_problem *problem);

/**
 * Give a matcher back, when no match is left that was made for it. NULL is allowed.
 *
 * Thread: any. Blocks: never.
 * @return nothing
 */
WEIR_API void weir_matcher_destroy(struct weir_matcher *matcher);

/**
 * What a matcher takes of memory.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return bytes
 */
WEIR_API size_t weir_matcher_bytes(const struct weir_matcher *matcher);

/**
 * The memory that one thread needs to match events with a matcher: all of it, reserved here.
 *
 * Thread: any. Blocks: never. Allocates: yes, from `allocator`: some 45 bytes for each byte of
 * payload_bytes_max, one million, and 20 for each rule.
 * @param payload_bytes_max  the largest payload; 0: 256 KiB
 * @param allocator          NULL: the C library's. Must outlive the match
 * @param ret_match          set on success only
 * @param problem            may be NULL
 * @return 0; WEIR_E_TOO_BIG: payload_bytes_max is more than WEIR_MATCH_PAYLOAD_BYTES_MAX; -EINVAL:
 *         half an allocator; -ENOMEM
 */
WEIR_API int weir_match_create(const struct weir_matcher *matcher, size_t payload_bytes_max,
			       const struct weir_allocator *allocator,
			       struct weir_match **ret_match, struct weir_problem *problem);

/**
 * Give it back. NULL is allowed.
 *
 * Thread: any, when no other uses it. Blocks: never.
 * @return nothing
 */
WEIR_API void weir_match_destroy(struct weir_match *match);

/**
 * Which rules want this event? The same as weir_filter_match() says of each of them; but a payload
 * that is no JSON object is not an error, it is what no rule over payloads wants, and what is under
 * names that no rule has is only passed over: that brackets and quotes match is seen, other damage
 * in there is not. Nor is text held against UTF-8 and its ban of control characters anywhere.
 *
 * Thread: one at a time for each match. Blocks: never. Allocates: never.
 * @param ret_rules  the numbers of the rules, in no order, each once; up to rules_max of them
 * @return how many rules want it, also where that is more than rules_max; WEIR_E_TOO_BIG: the
 *         payload, or the attributes, are larger than there is room for, or more array elements of
 *         it matter than weir keeps apart
 */
WEIR_API int weir_match_run(struct weir_match *match, const struct weir_routed *event,
			    uint32_t *ret_rules, size_t rules_max);

WEIR_DECLS_END
#endif
