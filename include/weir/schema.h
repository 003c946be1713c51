/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Schemas: what the payload of an event looks like, and whether that may change.
 *
 * Avro (specification 1.12): a schema is parsed, named by its fingerprint, and compared with
 * others. A new schema of a topic has to be able to read what the old ones wrote (BACKWARD), or
 * the old ones what it writes (FORWARD), or both, or what weir's own rule STRICT says. Each
 * thing that stands in the way is told: its kind as Avro calls it, where it is, and what to do
 * about it.
 *
 * Where the specification and Avro's Java library differ, this is what weir does:
 *
 *   names        of types, fields and symbols are [A-Za-z_][A-Za-z0-9_]*; of a namespace each part
 *                is anything but quotes, blanks, backslashes and control characters
 *   matching     two named types match if their names without namespace are equal, or if the full
 *                name of the writer's is an alias of the reader's, as in Java
 *   defaults     are checked when the schema is read; of a union the first branch that fits
 *                (specification 1.12; it was the first branch)
 *   logicalType  one that is not known or does not fit its type is left out of consideration; it
 *                plays no part in reading, only in STRICT
 *   a member     that comes twice in one JSON object is refused: readers differ on which counts
 *
 * JSON Schema (draft 7, which is also what is meant without $schema, and 2020-12): payloads are
 * JSON, and are looked at, not rewritten. Of its keywords weir has these, with the meaning that the
 * draft gives them:
 *
 *   any value    type (a name or a list), enum, const, $ref, allOf, anyOf, oneOf, not
 *   objects      properties, required, additionalProperties, minProperties, maxProperties
 *   arrays       items, prefixItems (2020-12), a list of items and additionalItems (draft 7),
 *                minItems, maxItems, uniqueItems
 *   numbers      minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf: compared as they
 *                are written, without rounding
 *   strings      minLength, maxLength: of characters
 *   places       $defs, definitions; $id, for a document as a whole
 *   no meaning   title, description, default, examples, format, $comment, deprecated, readOnly,
 *                writeOnly, contentEncoding, contentMediaType, and what begins with x-, connect. or
 *                confluent: (`default` plays a part when versions are compared)
 *
 * Whatever else stands in a schema might limit what is valid, and is refused with its place and
 * the reason: pattern and patternProperties (regular expressions), propertyNames, contains, if,
 * dependencies, unevaluatedProperties, $anchor, $dynamicRef and what no draft knows. $ref leads to
 * a schema in the same document, #/$defs/NAME, or, in a registry (registry.h), to another one by
 * the name of a reference: NAME, or NAME#/$defs/OTHER. An object has at most 1024 properties;
 * allOf, anyOf and oneOf have at most 64 branches.
 */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H

#include <weir/error.h>
#include <weir/options.h>

WEIR_DECLS_BEGIN

/** A longer text is refused; so are types that lie deeper inside one another, and longer names. */
#define WEIR_SCHEMA_TEXT_BYTES_MAX (1u << 20)
#define WEIR_SCHEMA_DEPTH_MAX 64u
#define WEIR_SCHEMA_NAME_BYTES_MAX 512u

enum weir_schema_type {
	WEIR_SCHEMA_NULL,
	WEIR_SCHEMA_BOOLEAN,
	WEIR_SCHEMA_INT,
	WEIR_SCHEMA_LONG,
	WEIR_SCHEMA_FLOAT,
	WEIR_SCHEMA_DOUBLE,
	WEIR_SCHEMA_BYTES,
	WEIR_SCHEMA_STRING,
	WEIR_SCHEMA_RECORD,
	WEIR_SCHEMA_ENUM,
	WEIR_SCHEMA_ARRAY,
	WEIR_SCHEMA_MAP,
	WEIR_SCHEMA_UNION,
	WEIR_SCHEMA_FIXED,
	WEIR_SCHEMA_JSON_VALUE, /**< of a JSON Schema: what it takes its keywords say */
};

/** Made by weir_schema_parse(). It never changes. */
struct weir_schema;

/** What a registry calls the type of a schema. */
enum weir_schema_format {
	WEIR_SCHEMA_FORMAT_AVRO = 0, /**< "AVRO": payloads are Avro binary */
	WEIR_SCHEMA_FORMAT_JSON = 1, /**< "JSON": JSON Schema; payloads are JSON */
};

/** For weir_schema_parse(): defaults that do not fit their type are no reason to refuse. Such a
 *  schema has a canonical form and a fingerprint; events are not to be read with it. */
#define WEIR_SCHEMA_ANY_DEFAULT 1u
/** The text is a JSON Schema. Not with WEIR_SCHEMA_ANY_DEFAULT: defaults are not checked. */
#define WEIR_SCHEMA_JSON 2u

/**
 * Read an Avro schema from its JSON, or a JSON Schema.
 *
 * Thread: any. Blocks: never. Allocates: some times as much as the text. Owns: the text is copied;
 * the schema is freed by weir_schema_free().
 * @param text            need not end with a 0
 * @param flags           0, WEIR_SCHEMA_ANY_DEFAULT or WEIR_SCHEMA_JSON
 * @param allocator       NULL, or all NULL: the C library's. It is copied
 * @param ret_schema      set on success only
 * @param reterr_problem  may be NULL. `field` is the place in the schema ("/fields/2/type"), the
 *                        text says line and column, what is wrong, and what would be right
 * @return 0; -EINVAL: it is no schema; WEIR_E_TOO_BIG: text, nesting or a name is over its limit;
 *         -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_parse(const void *text, size_t text_bytes, uint32_t flags,
					       const struct weir_allocator *allocator,
					       struct weir_schema **ret_schema,
					       struct weir_problem *reterr_problem);

/**
 * Gives the memory back. NULL does nothing.
 *
 * Thread: any, when no other uses it any more. Blocks: never.
 */
WEIR_API void weir_schema_free(struct weir_schema *schema);

/**
 * What the outermost type is.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a type
 */
WEIR_API enum weir_schema_type weir_schema_type_of(const struct weir_schema *schema);

/**
 * The parsing canonical form: equal for schemas that read alike (Avro specification, "Parsing
 * Canonical Form for Schemas"). Of a JSON Schema: members sorted, no blanks, numbers as digits and
 * a power of ten, without keywords that have no meaning and $schema, with `default`; lists keep
 * their order.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param to        may be NULL if to_bytes is 0. Written as far as there is room; no 0 behind it
 * @return how many bytes it has
 */
WEIR_API size_t weir_schema_canonical(const struct weir_schema *schema, char *to, size_t to_bytes);

/**
 * The CRC-64-AVRO fingerprint of the canonical form. As bytes it is little endian, in Avro's
 * single-object encoding too.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return the fingerprint
 */
WEIR_API uint64_t weir_schema_fingerprint(const struct weir_schema *schema);

/**
 * Is a payload what its schema says? All of `data`, nothing behind it: Avro binary, or JSON.
 *
 * Thread: any, also several at once. Blocks: never. Allocates: never.
 * @param reterr_problem  may be NULL. Of JSON `field` is the place in the payload ("/items/2"), the
 *                        text says what is wrong with it and which schema says so
 * @return 0; -EINVAL: it is not; WEIR_E_TOO_BIG: too deep, or too much work
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_validate(const struct weir_schema *schema,
						  const void *data, size_t data_bytes,
						  struct weir_problem *reterr_problem);

/** What weir_schema_validate() lets a payload cost, and one step more for each of its bytes. */
#define WEIR_SCHEMA_VALIDATE_WORK (UINT64_C(1) << 24)

/**
 * weir_schema_validate() with a limit of one's own, for payloads of strangers: that many steps take
 * up to a second. A step is a schema that a value is held against, a name or a value that is
 * compared, or 16 bytes that are passed over. Avro's data cost what they have bytes, whatever the
 * limit is.
 *
 * Thread: any, also several at once. Blocks: never. Allocates: never.
 * Stack: up to 200 KB, where 256 schemas lie inside one another on the way to a value, at which it
 * ends with WEIR_E_TOO_BIG.
 * @param work_max        steps; 0: as weir_schema_validate()
 * @param reterr_problem  may be NULL
 * @return as weir_schema_validate(); WEIR_E_TOO_BIG: also over the limit, and the text names it
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_validate_within(const struct weir_schema *schema,
							 const void *data, size_t data_bytes,
							 uint64_t work_max,
							 struct weir_problem *reterr_problem);

/** What must stay readable when a schema changes. TRANSITIVE: all earlier versions count, not just
 *  the last one. */
enum weir_schema_level {
	WEIR_SCHEMA_LEVEL_NONE,
	WEIR_SCHEMA_BACKWARD, /**< the new schema reads what the old one wrote */
	WEIR_SCHEMA_BACKWARD_TRANSITIVE,
	WEIR_SCHEMA_FORWARD, /**< the old schema reads what the new one writes */
	WEIR_SCHEMA_FORWARD_TRANSITIVE,
	WEIR_SCHEMA_FULL, /**< both */
	WEIR_SCHEMA_FULL_TRANSITIVE,
	/** FULL_TRANSITIVE, and no type changes at all, int to long included: a field that is added
	 *  or taken away has a default. Of JSON Schema FULL_TRANSITIVE is that already. */
	WEIR_SCHEMA_STRICT,
};

/** What stands in the way. The first six are Avro's own names. */
enum weir_schema_issue_kind {
	WEIR_SCHEMA_NAME_MISMATCH,
	WEIR_SCHEMA_FIXED_SIZE_MISMATCH,
	WEIR_SCHEMA_MISSING_ENUM_SYMBOLS,
	WEIR_SCHEMA_READER_FIELD_MISSING_DEFAULT_VALUE,
	WEIR_SCHEMA_TYPE_MISMATCH,
	WEIR_SCHEMA_MISSING_UNION_BRANCH,
	WEIR_SCHEMA_AMBIGUOUS_FIELD_ALIAS, /**< several fields of the writer would be the one */
	WEIR_SCHEMA_TYPE_CHANGED,          /**< STRICT, as the two below */
	WEIR_SCHEMA_REQUIRED_FIELD_ADDED,
	WEIR_SCHEMA_REQUIRED_FIELD_REMOVED,
	WEIR_SCHEMA_TYPE_NARROWED, /**< JSON Schema, as all below; Confluent's names */
	WEIR_SCHEMA_SCHEMA_ADDED,
	WEIR_SCHEMA_MAX_LENGTH_ADDED,
	WEIR_SCHEMA_MAX_LENGTH_DECREASED,
	WEIR_SCHEMA_MIN_LENGTH_ADDED,
	WEIR_SCHEMA_MIN_LENGTH_INCREASED,
	WEIR_SCHEMA_MAXIMUM_ADDED,
	WEIR_SCHEMA_MAXIMUM_DECREASED,
	WEIR_SCHEMA_MINIMUM_ADDED,
	WEIR_SCHEMA_MINIMUM_INCREASED,
	WEIR_SCHEMA_EXCLUSIVE_MAXIMUM_ADDED,
	WEIR_SCHEMA_EXCLUSIVE_MAXIMUM_DECREASED,
	WEIR_SCHEMA_EXCLUSIVE_MINIMUM_ADDED,
	WEIR_SCHEMA_EXCLUSIVE_MINIMUM_INCREASED,
	WEIR_SCHEMA_MULTIPLE_OF_ADDED,
	WEIR_SCHEMA_MULTIPLE_OF_EXPANDED,
	WEIR_SCHEMA_MULTIPLE_OF_CHANGED,
	WEIR_SCHEMA_REQUIRED_ATTRIBUTE_ADDED,
	WEIR_SCHEMA_MAX_PROPERTIES_ADDED,
	WEIR_SCHEMA_MAX_PROPERTIES_DECREASED,
	WEIR_SCHEMA_MIN_PROPERTIES_ADDED,
	WEIR_SCHEMA_MIN_PROPERTIES_INCREASED,
	WEIR_SCHEMA_ADDITIONAL_PROPERTIES_REMOVED,
	WEIR_SCHEMA_ADDITIONAL_PROPERTIES_NARROWED,
	WEIR_SCHEMA_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL,
	WEIR_SCHEMA_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL,
	WEIR_SCHEMA_PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
	WEIR_SCHEMA_PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
	WEIR_SCHEMA_REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL,
	WEIR_SCHEMA_MAX_ITEMS_ADDED,
	WEIR_SCHEMA_MAX_ITEMS_DECREASED,
	WEIR_SCHEMA_MIN_ITEMS_ADDED,
	WEIR_SCHEMA_MIN_ITEMS_INCREASED,
	WEIR_SCHEMA_UNIQUE_ITEMS_ADDED,
	WEIR_SCHEMA_ADDITIONAL_ITEMS_REMOVED,
	WEIR_SCHEMA_ADDITIONAL_ITEMS_NARROWED,
	WEIR_SCHEMA_ITEM_ADDED_TO_OPEN_CONTENT_MODEL,
	WEIR_SCHEMA_ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL,
	WEIR_SCHEMA_ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
	WEIR_SCHEMA_ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
	WEIR_SCHEMA_ENUM_ARRAY_NARROWED,
	WEIR_SCHEMA_ENUM_ARRAY_CHANGED,
	WEIR_SCHEMA_CONST_CHANGED,
	WEIR_SCHEMA_COMBINED_TYPE_CHANGED,
	WEIR_SCHEMA_COMBINED_TYPE_SUBSCHEMAS_CHANGED,
	WEIR_SCHEMA_PRODUCT_TYPE_EXTENDED,
	WEIR_SCHEMA_SUM_TYPE_NARROWED,
	WEIR_SCHEMA_NOT_TYPE_EXTENDED,
};

/** One thing that stands in the way; lent for the call that tells it. */
struct weir_schema_issue {
	enum weir_schema_issue_kind kind;
	uint32_t version_index;  /**< of the old schema that it is about, in `old` */
	bool is_forward;         /**< the old schema is the reader; of STRICT always false */
	const char *path;        /**< in the reader (STRICT: the new schema): "/fields/2/type" */
	const char *message;     /**< as Avro's Java library says it: "expected: 8, found: 4" */
	const char *explanation; /**< what it means for events, in a sentence */
	const char *fix;         /**< what to do about it, in a sentence */
};

/** Gets each issue. */
typedef void weir_schema_issue_fn(void *context, const struct weir_schema_issue *issue);

/**
 * May events written with `writer` be read with `reader`? Every event of the writer's counts, not
 * just those that were written. Two JSON Schemas are compared by the rules of Confluent's registry.
 *
 * Thread: any. Blocks: never. Allocates: while it works; freed when it returns.
 * @param on_issue  called for each issue, in the order of the reader's fields; or NULL
 * @return 1: yes; 0: no; WEIR_E_TOO_BIG: there is more to compare than the limits allow; -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_can_read(const struct weir_schema *reader,
						  const struct weir_schema *writer,
						  weir_schema_issue_fn *on_issue, void *context);

/**
 * May `next` follow the versions in `old`? The newest comes last in `old`, and is compared first.
 *
 * Thread: any. Blocks: never. Allocates: while it works; freed when it returns.
 * @param old        may be NULL if old_count is 0: then everything may follow
 * @param on_issue   called for each issue; or NULL
 * @return 1: yes; 0: no; -EINVAL: no such level; WEIR_E_TOO_BIG, -ENOMEM as above
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_may_follow(const struct weir_schema *next,
						    const struct weir_schema *const *old,
						    uint32_t old_count,
						    enum weir_schema_level level,
						    weir_schema_issue_fn *on_issue, void *context);

/** What weir_schema_diff() tells of. */
enum weir_schema_change {
	WEIR_SCHEMA_CHANGE_TYPE,
	WEIR_SCHEMA_CHANGE_NAME, /**< of a type, or a field found by its alias */
	WEIR_SCHEMA_CHANGE_DEFAULT,
	WEIR_SCHEMA_CHANGE_FIELD_ADDED,
	WEIR_SCHEMA_CHANGE_FIELD_REMOVED,
	WEIR_SCHEMA_CHANGE_BRANCH_ADDED,
	WEIR_SCHEMA_CHANGE_BRANCH_REMOVED,
	WEIR_SCHEMA_CHANGE_SYMBOL_ADDED,
	WEIR_SCHEMA_CHANGE_SYMBOL_REMOVED,
	WEIR_SCHEMA_CHANGE_KEYWORD, /**< of a JSON Schema: another value, or one of them has none */
};

/** One difference; lent for the call that tells it. */
struct weir_schema_difference {
	enum weir_schema_change change;
	const char *path;   /**< in the new schema; of what was removed, in what it was part of */
	const char *before; /**< what it was, for a person; "" for what was added */
	const char *after;  /**< what it is; "" for what was removed */
};

/** Gets each difference. */
typedef void weir_schema_difference_fn(void *context,
				       const struct weir_schema_difference *difference);

/**
 * What changed from one schema to another. Order of fields, documentation and attributes that Avro
 * does not know are no differences.
 *
 * Thread: any. Blocks: never. Allocates: while it works; freed when it returns.
 * @param on_difference  called for each; not NULL
 * @return how many there are; WEIR_E_TOO_BIG, -ENOMEM as above
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_diff(const struct weir_schema *old,
					      const struct weir_schema *next,
					      weir_schema_difference_fn *on_difference,
					      void *context);

/**
 * "BACKWARD_TRANSITIVE", as registries write it.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a static string, "" for a number that is no level
 */
WEIR_API const char *weir_schema_level_name(enum weir_schema_level level);

/**
 * The level that a name stands for, in capitals or not.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a level (0 or more), or -EINVAL
 */
WEIR_API int weir_schema_level_parse(const char *name);

/**
 * "AVRO" or "JSON", as registries write it.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a static string, "" for a number that is no format
 */
WEIR_API const char *weir_schema_format_name(enum weir_schema_format format);

/**
 * The format that a name stands for, in capitals or not.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a format (0 or more), or -EINVAL
 */
WEIR_API int weir_schema_format_parse(const char *name);

/**
 * "READER_FIELD_MISSING_DEFAULT_VALUE".
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a static string, "" for a number that is no kind
 */
WEIR_API const char *weir_schema_issue_name(enum weir_schema_issue_kind kind);

WEIR_DECLS_END
#endif
