/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Transformers: a payload of another form, made of an event by a template, as EventBridge's input
 * transformation makes it for a rule's target. A binding may have one (weir/binding.h): its copies
 * are transformed. A subscription may have one (weir/filtering.h): its members make of an event
 * what it says, by weir_member_transform(). And a program may ask one itself, for what it polled.
 *
 * A transformer is a JSON object as AWS's targets have it, with one of
 *
 *   "Input"          a text that is JSON: every event becomes it
 *   "InputPath"      the value at a path of the payload ("$.detail") is the new payload
 *   "InputTemplate"  a template; with "InputPathsMap", an object of variables and their paths; both
 *                    may also be in an object "InputTransformer"
 *
 *   {"InputPathsMap": {"who": "$.detail.instance", "now": "$.detail.state"},
 *    "InputTemplate": "{\"instance\": <who>, \"says\": \"<who> is <now>\"}"}
 *
 * A template is one JSON value in which <NAME> stands for a variable: outside of quotes for its
 * whole value, whatever that is; inside of quotes for its text. It cannot be (in) a member's name.
 * What comes out is JSON, without spaces between its parts. docs/guide/routing.md has the rules for
 * paths, missing values and reserved variables (<weir.key>, <weir.payload> and so on), and
 * docs/reference/semantics.md what differs from AWS.
 *
 * A transformer is immutable once made: any number of threads may run one.
 */
#ifndef WEIR_TRANSFORM_H
#define WEIR_TRANSFORM_H

#include <weir/event.h>
#include <weir/options.h>

WEIR_DECLS_BEGIN

/** Bytes of a transformer's text. */
#define WEIR_TRANSFORM_BYTES_MAX (48u << 10)
/** Variables of one, as AWS has it. */
#define WEIR_TRANSFORM_VARIABLES_MAX 100u
/** Characters of a template, as AWS has it. */
#define WEIR_TEMPLATE_CHARACTERS_MAX 8192u
/** Bytes of a variable's name, and of its path, as AWS has it. */
#define WEIR_TRANSFORM_NAME_BYTES_MAX 256u

struct weir_member;
struct weir_transform;

/**
 * Compile a transformer.
 *
 * Thread: any. Blocks: never. Allocates: yes, from `allocator`.
 * @param text           its JSON, as above. Copied
 * @param allocator      NULL: the C library's. Must outlive the transformer
 * @param ret_transform  set on success only
 * @param problem        may be NULL. `field` is the place ("InputPathsMap.who", "InputTemplate");
 *                       `text` says what is wrong, in a template at which character, and what would
 *                       be right
 * @return 0; -EINVAL: it is refused; WEIR_E_TOO_BIG: it, its template, a name or a path is too
 *         long, or it has too many variables; -ENOMEM
 */
WEIR_API int weir_transform_create(const void *text, size_t text_bytes,
				   const struct weir_allocator *allocator,
				   struct weir_transform **ret_transform,
				   struct weir_problem *problem);

/**
 * Give a transformer back. NULL is allowed.
 *
 * Thread: any, when no other uses it. Blocks: never.
 * @return nothing
 */
WEIR_API void weir_transform_destroy(struct weir_transform *transform);

/** What of an event is transformed. Everything is borrowed for the call; zeroes are "not there". */
struct weir_transform_event {
	const void *payload; /**< JSON, if the transformer looks at it */
	size_t payload_bytes;
	const void *key; /**< <weir.key>; it, the ids and the names are UTF-8 */
	size_t key_bytes;
	const void *event_id; /**< <weir.event-id> */
	size_t event_id_bytes;
	const void *correlation_id; /**< <weir.correlation-id> */
	size_t correlation_id_bytes;
	const char *topic;        /**< <weir.topic> */
	const char *subscription; /**< <weir.subscription>: who it is transformed for */
	uint64_t sequence;        /**< <weir.sequence> */
	uint32_t partition;       /**< <weir.partition> */
	uint64_t append_time_us;  /**< <weir.time>, in UTC: "2026-01-31T12:00:00.000000Z" */
};

/**
 * What of an item is transformed; the names of its topic and of a subscription are left to the
 * caller.
 *
 * Thread: the one that polled. Blocks: never. Allocates: never.
 * @param item       an event, still lent; so is the result
 * @param ret_event  overwritten
 */
WEIR_API void weir_item_to_transform(const struct weir_item *item,
				     struct weir_transform_event *ret_event);

/**
 * What the subscription of a member makes of an event: by the transformer that counts for it, that
 * of the filter that was in force at its sequence (weir/filtering.h). Where it has none, or the
 * event has no payload (a tombstone), the payload as it is.
 *
 * Thread: the member's, or its handler's. Blocks: never. Allocates: never.
 * @param item         an event that this member was handed, still lent
 * @param to           gets the payload, if one is made; what is in there after an error is
 *                     undefined
 * @param ret_payload  `to`, or the item's own payload; NULL where that has none
 * @param reterr_problem  may be NULL
 * @return its bytes; -EINVAL: the item is no event, the payload is not JSON, or a key or id that is
 *         asked for is not UTF-8; -ENOENT: there is nothing at its InputPath; WEIR_E_TOO_BIG: it
 *         has more than `to_bytes` bytes, or, of a payload that is Avro, it and that as JSON have;
 *         WEIR_E_UNKNOWN_SCHEMA: its schema cannot be read
 */
WEIR_API int64_t weir_member_transform(struct weir_member *member, const struct weir_item *item,
				       void *to, size_t to_bytes, const void **ret_payload,
				       struct weir_problem *reterr_problem);

/**
 * Transform an event: one pass over its payload, if any of it is asked for, and then the output is
 * written once.
 *
 * Thread: any; on its stack. Blocks: never. Allocates: never.
 * @param to       gets the new payload; what is in there after an error is undefined
 * @param problem  may be NULL
 * @return its bytes, at least 1; -EINVAL: the payload is not JSON, or a key, id or name that is
 *         asked for is not UTF-8; -ENOENT: there is nothing at its InputPath; WEIR_E_TOO_BIG: it
 *         has more than `to_bytes` bytes
 */
WEIR_API int64_t weir_transform_run(const struct weir_transform *transform,
				    const struct weir_transform_event *event, void *to,
				    size_t to_bytes, struct weir_problem *problem);

WEIR_DECLS_END
#endif
