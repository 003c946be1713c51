/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The schema registry: schemas as part of the log.
 *
 * A subject is a name with versions 1, 2, ... of a schema. What a new version has to go with the
 * old ones by is the subject's level (schema.h). Each distinct schema has one id, in whatever
 * subjects it is; ids, and versions of a subject, are never given again. All of it is records of
 * the log: it is durable when the call returns, and what a crash leaves is what the log says.
 *
 * A topic may follow a subject (weir_topic_options.schema_subject): from then on each of its events
 * carries a version of that subject, or is refused with WEIR_E_UNKNOWN_SCHEMA.
 *
 * As in Confluent's registry: the same schema again gets the id and version that it has; deleting
 * is first a mark, then for good; a version that others refer to is not deleted; the level is
 * BACKWARD until another one is set. Other than there: a version that was deleted for good is not
 * given again, and its text stays for those who read events that were written with it.
 *
 * A schema is Avro or JSON Schema (schema.h). The format is part of what it is: one text in both is
 * two schemas. Payloads of a JSON Schema are JSON, behind the same prefix if the topic has it. A
 * version of another format than the ones before it reads nothing that they wrote: only the level
 * NONE lets it follow.
 *
 * A schema's text and its references have to fit into a record: with weir's own numbers 256 KiB, a
 * quarter of the smallest of a chunk, a lane, and a member's lane. Blanks between the tokens of the
 * JSON are taken away before it is kept and compared.
 *
 * Thread: all of it any thread. Pointers that are handed out are good until the pipeline is closed.
 */
#ifndef WEIR_REGISTRY_H
#define WEIR_REGISTRY_H

#include <weir/event.h>
#include <weir/options.h>
#include <weir/resolver.h>
#include <weir/schema.h>

WEIR_DECLS_BEGIN

struct weir_pipeline;

/** A schema that another one uses types of: by the name that it uses, and where it is. Of Avro the
 *  name is for people and exports, since types have names of their own; in a JSON Schema it is what
 *  $ref says, up to the '#' if there is one: character by character, no URI is resolved. Both are
 *  of one format. */
struct weir_schema_reference {
	const char *name; /**< 1 .. 200 bytes; Avro: the full name of the type; JSON: as $ref
	                      has it */
	const char *subject;
	uint32_t version;
};

/** Of one schema; of all that they refer to, theirs included, twice as many. */
#define WEIR_SCHEMA_REFERENCES_MAX 32u

/** What to register. */
struct weir_registration {
	size_t struct_bytes; /**< set by weir_registration_init */

	const char *subject; /**< 1 .. 200 of letters, digits, '.', '_', '-' */
	const void *text;    /**< Avro as JSON, or JSON Schema: `format` */
	size_t text_bytes;
	const struct weir_schema_reference *references; /**< NULL: none */
	uint32_t reference_count;
	/* For imports of another registry; 0: weir's own choice. */
	uint32_t id;      /**< the id that it has to get, 1 .. 2^31 - 1 */
	uint32_t version; /**< its version, higher than the subject's last one; .. 2^31 - 1 */
	bool unchecked;   /**< whatever the level says: what was accepted elsewhere */
	enum weir_schema_format format; /**< AVRO, if nothing is said */
};

/**
 * Fills in an empty registration.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_registration_init(struct weir_registration *registration);

/**
 * How long calls of this thread that change the registry wait: weir_registry_register(),
 * weir_registry_level_set(), weir_registry_delete() and weir_topic_schema_set(), and those that
 * compare with a version which another thread is just registering. Beyond that they return
 * -ETIMEDOUT: the log has not answered, or what it answered is not durable yet. What was asked for
 * may still be done; who asks again gets the same answer as if it had not.
 *
 * Thread: any; it counts for the thread. Blocks: never. Allocates: never.
 * @param timeout_ns  0 (as every thread begins): for ever. They wait for each other for as long, so
 *                    that a call may take twice of it
 */
WEIR_API void weir_registry_timeout_set(uint64_t timeout_ns);

enum weir_schema_state {
	WEIR_SCHEMA_LIVE = 0,
	WEIR_SCHEMA_DELETED =
		1,            /**< marked: new versions need not go with it, events may have it */
	WEIR_SCHEMA_GONE = 2, /**< for good: new events may not have it */
};

/** A version of a subject. */
struct weir_schema_version {
	const char *subject;
	uint32_t version;
	uint32_t id;
	uint16_t type; /**< what events with it carry: weir_event.type, weir_item.type */
	enum weir_schema_state state;
	const char *text; /**< not terminated */
	size_t text_bytes;
	uint32_t reference_count;
	uint32_t place; /**< for weir_registry_at() */
	enum weir_schema_format format;
};

/**
 * Register a schema as the next version of its subject, after the level was looked at. If that same
 * schema is a version already, that one is the answer and nothing is written. Compared and checked
 * on the calling thread: the log's writer only looks whether the subject is still what was checked,
 * else it is checked again.
 *
 * Thread: any but inside a step. Blocks: until it is durable. Allocates: yes, from the pipeline's
 * allocator: what was read of a schema stays until the close.
 * @param ret_version     set on success only
 * @param on_issue        gets each thing that stands in the way; version_index counts the live
 *                        versions of the subject from the oldest on. Or NULL
 * @param reterr_problem  may be NULL
 * @return 0; -EINVAL: no schema, no name, no such format, a reference of another format, or two
 *         schemas that are referred to by one name; WEIR_E_INCOMPATIBLE: on_issue was told why;
 *         WEIR_E_UNKNOWN_NAME: a reference leads nowhere; WEIR_E_EXISTS: the id or version asked
 *         for is taken; WEIR_E_TOO_BIG; WEIR_E_FULL: schemas_max, schema_bytes_max; WEIR_E_AGAIN:
 *         inside a step; -ETIMEDOUT (weir_registry_timeout_set()); -ENOMEM; WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_register(struct weir_pipeline *pipeline,
						    const struct weir_registration *registration,
						    struct weir_schema_version *ret_version,
						    weir_schema_issue_fn *on_issue, void *context,
						    struct weir_problem *reterr_problem);

/**
 * Whether weir_registry_register() would take it, as things stand.
 *
 * Thread: any. Blocks: never. Allocates: while it works.
 * @return 1: yes; 0: no, and on_issue was told why; negative as weir_registry_register()
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_check(struct weir_pipeline *pipeline,
						 const struct weir_registration *registration,
						 weir_schema_issue_fn *on_issue, void *context,
						 struct weir_problem *reterr_problem);

/**
 * Whether a schema may follow one version of its subject, by the subject's level: what registries
 * are asked for a single version. A transitive level has nothing more to look at then.
 *
 * Thread: any. Blocks: never. Allocates: while it works.
 * @param version  0: the newest one that is not deleted; without any everything may follow
 * @return 1: yes; 0: no, and on_issue was told why (version_index is 0); WEIR_E_UNKNOWN_NAME: no
 *         such version, or it is deleted; negative as weir_registry_register()
 */
WEIR_API WEIR_MUST_CHECK int
weir_registry_check_version(struct weir_pipeline *pipeline,
			    const struct weir_registration *registration, uint32_t version,
			    weir_schema_issue_fn *on_issue, void *context,
			    struct weir_problem *reterr_problem);

/**
 * The version of a subject that has this very schema: its text without blanks between the tokens,
 * and its references. The newest, if several have it.
 *
 * Thread: any. Blocks: never. Allocates: while it works.
 * @param deleted_too  also those with the mark, not those that are gone for good
 * @param ret_version  set on success only
 * @return 0; WEIR_E_UNKNOWN_SCHEMA: none has it; negative as weir_registry_register()
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_find(struct weir_pipeline *pipeline,
						const struct weir_registration *registration,
						bool deleted_too,
						struct weir_schema_version *ret_version,
						struct weir_problem *reterr_problem);

/**
 * A version of a subject.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param version      0: the newest one that is not deleted
 * @param ret_version  set on success only; also of a version that is deleted, by its number
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_version(struct weir_pipeline *pipeline,
						   const char *subject, uint32_t version,
						   struct weir_schema_version *ret_version);

/**
 * A schema by its id: the newest version, of whatever subject, that has it.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0 or WEIR_E_UNKNOWN_SCHEMA
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_id(struct weir_pipeline *pipeline, uint32_t id,
					      struct weir_schema_version *ret_version);

/**
 * All versions of all subjects, deleted ones too, in the order in which they were registered.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param place  0 for the first, and so on
 * @return 0, or WEIR_E_UNKNOWN_NAME behind the last
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_at(struct weir_pipeline *pipeline, uint32_t place,
					      struct weir_schema_version *ret_version);

/**
 * What a version refers to.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param version        as it was handed out
 * @param index          0 .. reference_count - 1
 * @param ret_reference  its name is not terminated
 * @param ret_name_bytes how long the name is
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_reference(struct weir_pipeline *pipeline,
						     const struct weir_schema_version *version,
						     uint32_t index,
						     struct weir_schema_reference *ret_reference,
						     size_t *ret_name_bytes);

/**
 * A type's schema, read, with what it refers to.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param type  of an item, or of a version
 * @return the schema, lent until the close; NULL: there is none
 */
WEIR_API const struct weir_schema *weir_registry_schema(struct weir_pipeline *pipeline,
							uint16_t type);

/**
 * The level of a subject.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param subject     NULL: of all subjects that have none of their own
 * @param ret_own     may be NULL; whether it is the subject's own
 * @return a level (0 or more) or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_level(struct weir_pipeline *pipeline,
						 const char *subject, bool *ret_own);

/** For weir_registry_level_set(): none of its own. */
#define WEIR_SCHEMA_LEVEL_OF_ALL (-1)

/**
 * Set the level of a subject, which need not have versions yet; or of all that have none of their
 * own. What is there already is not checked again.
 *
 * Thread: any but inside a step. Blocks: until it is durable. Allocates: never.
 * @param subject  NULL: of all
 * @param level    enum weir_schema_level, or WEIR_SCHEMA_LEVEL_OF_ALL
 * @return 0; -EINVAL; WEIR_E_FULL; WEIR_E_AGAIN: inside a step; -ETIMEDOUT; WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_level_set(struct weir_pipeline *pipeline,
						     const char *subject, int level,
						     struct weir_problem *reterr_problem);

/**
 * Delete a version, or all of a subject: a mark; then, called again with for_good, for good.
 *
 * Thread: any but inside a step. Blocks: until it is durable. Allocates: never.
 * @param version   0: all of them
 * @param for_good  of what has the mark
 * @return 0; WEIR_E_UNKNOWN_NAME: nothing to delete; -EBUSY: a live version refers to it, or it
 *         has to be marked first; -EINVAL; WEIR_E_AGAIN: inside a step; -ETIMEDOUT; WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_registry_delete(struct weir_pipeline *pipeline,
						  const char *subject, uint32_t version,
						  bool for_good,
						  struct weir_problem *reterr_problem);

/** Which subject a topic follows, and how it is looked at. */
struct weir_topic_schema {
	const char *subject; /**< NULL: none (any more); it need not have versions yet */
	bool prefix;   /**< payloads begin with a byte 0 and the id, as Confluent's serializers
	                          write it, and the type follows from that. false: the payload is
	                          the datum, the publisher sets weir_event.type. Once it is said of
	                          a topic it stays, since events are read by it */
	bool validate; /**< each payload is read before it is taken, which allocates nothing: what
	                          is no datum of its schema, or takes too much work (schema.h), is
	                          refused with WEIR_E_NOT_A_DATUM */
};

/**
 * Let a topic follow a subject. Events behind this are those that have it; what was published
 * before stays.
 *
 * Thread: any but inside a step. Blocks: until it is durable. Allocates: never.
 * @return 0; WEIR_E_UNKNOWN_NAME: no such topic; WEIR_E_EXISTS: another `prefix` was said of it;
 *         WEIR_E_FULL; -EINVAL; WEIR_E_AGAIN: inside a step; -ETIMEDOUT; WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_schema_set(struct weir_pipeline *pipeline, uint32_t topic,
						   const struct weir_topic_schema *schema,
						   struct weir_problem *reterr_problem);

/**
 * What a topic follows.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_schema(struct weir_pipeline *pipeline, uint32_t topic,
					       struct weir_topic_schema *ret_schema);

/**
 * Why an event's schema or payload is refused by its topic: the same look as at publish, in words.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0: it is not; WEIR_E_UNKNOWN_NAME, WEIR_E_UNKNOWN_SCHEMA, WEIR_E_NOT_A_DATUM
 */
WEIR_API WEIR_MUST_CHECK int weir_event_schema_check(struct weir_pipeline *pipeline,
						     const struct weir_event *event,
						     struct weir_problem *reterr_problem);

/** Reads events of all versions as one schema. Made by weir_schema_reader_create(). */
struct weir_schema_reader;

/**
 * A reader with a schema of its own. How each version of the subject is read as it is found out
 * here; of one that is registered later, at its first event. Payloads of JSON are not rewritten:
 * with a JSON Schema as its own, those of versions that it can read (weir_schema_can_read()) are
 * lent where they lie.
 *
 * Thread: any. Blocks: never. Allocates: yes, from the pipeline's allocator.
 * @param schema   how events are to come; borrowed until the reader is freed. It need not be in
 *                 the registry
 * @param subject  whose versions to be ready for; NULL: of all subjects
 * @return 0; WEIR_E_UNKNOWN_NAME: no such subject; WEIR_E_FULL: the pipeline has no registry
 *         (schemas_max); -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_reader_create(struct weir_pipeline *pipeline,
						       const struct weir_schema *schema,
						       const char *subject,
						       struct weir_schema_reader **ret_reader,
						       struct weir_problem *reterr_problem);

/**
 * Gives the memory back; before the pipeline is closed. NULL does nothing.
 *
 * Thread: the reader's. Blocks: never.
 */
WEIR_API void weir_schema_reader_free(struct weir_schema_reader *reader);

/**
 * An item's payload as the reader's schema has it. That of a dead letter is read as its origin's
 * topic has it (sharing.h); one that died among the letters again needs the same `prefix` there.
 *
 * Thread: one at a time for each reader. Blocks: never. Allocates: at the first event of a version
 * that was registered after the reader was made.
 * @param to              room for the datum, if it has to be rewritten
 * @param ret_data        the datum: in `to`, or where it lies, lent like the item, if it is the
 *                        same either way. NULL: the event has no payload
 * @param ret_bytes       how many; also with -ENOBUFS, how many there would be
 * @param reterr_problem  may be NULL
 * @return 0; -ENOBUFS: it does not fit; WEIR_E_UNKNOWN_SCHEMA: the event carries none, or one that
 *         is not there; WEIR_E_INCOMPATIBLE: it cannot be read as the reader's;
 *         WEIR_E_NOT_A_DATUM: it is no datum of its schema, or this one cannot be read; -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_reader_read(struct weir_schema_reader *reader,
						     const struct weir_item *item, void *to,
						     size_t to_bytes, const void **ret_data,
						     size_t *ret_bytes,
						     struct weir_problem *reterr_problem);

WEIR_DECLS_END
#endif
