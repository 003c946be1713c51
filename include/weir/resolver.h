/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Evolution at read: an event that was written with one Avro schema, read with another.
 *
 * A resolver is made once for a writer's and a reader's schema: which field goes where, what is
 * promoted, what is left out, which default stands in. Then each event is resolved by it, from Avro
 * binary of the writer's schema to Avro binary of the reader's, or to JSON.
 *
 * What Avro decides when it reads, is decided when it is read: two schemas that are not compatible
 * may have a resolver, and an event that has nothing in it that stands in the way is read. Of a
 * reader's union the branch of the writer's type and full name is taken, else of its type and name,
 * else the first one that it is promoted to.
 *
 * Bytes may be anything: what is no datum of the writer's schema is refused, with the byte.
 * Depth and work are bounded (a block of 2^60 items without a byte in them is refused, not
 * read).
 */
#ifndef WEIR_RESOLVER_H
#define WEIR_RESOLVER_H

#include <weir/schema.h>

WEIR_DECLS_BEGIN

/** Values inside one another, in data. */
#define WEIR_SCHEMA_DATA_DEPTH_MAX 128u

/** Made by weir_resolver_create(). It never changes. */
struct weir_resolver;

/**
 * How data of `writer` are read as `reader`. Both schemas are borrowed until the resolver is freed.
 * With a JSON Schema there is nothing to resolve: -EINVAL.
 *
 * Thread: any. Blocks: never. Allocates: yes, from the reader's allocator.
 * @param ret_resolver    set on success only
 * @param reterr_problem  may be NULL
 * @return 0; -EINVAL: no event of the writer's can be read, and why; WEIR_E_TOO_BIG: more to
 *         compare than the limits allow, a default of more than 1 MiB, or more than 256 fields that
 *         stand in another order; -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int weir_resolver_create(const struct weir_schema *writer,
						  const struct weir_schema *reader,
						  struct weir_resolver **ret_resolver,
						  struct weir_problem *reterr_problem);

/**
 * Gives the memory back. NULL does nothing.
 *
 * Thread: any, when no other uses it any more. Blocks: never.
 */
WEIR_API void weir_resolver_free(struct weir_resolver *resolver);

/**
 * Is what comes out the same bytes as what goes in, whatever they are? Then there is no need to
 * resolve, and the event can be read in place.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return whether it is
 */
WEIR_API bool weir_resolver_is_identity(const struct weir_resolver *resolver);

/**
 * Resolve one datum: all of `data`, nothing behind it.
 *
 * Thread: any, also several at once. Blocks: never. Allocates: never.
 * @param to              Avro binary of the reader's schema
 * @param ret_bytes       how many; also with -ENOBUFS, how many there would be
 * @param reterr_problem  may be NULL
 * @return 0; -ENOBUFS: it does not fit, and `to` holds nothing of use; -EINVAL: the bytes are no
 *         datum of the writer's schema, or this one cannot be read as the reader's; WEIR_E_TOO_BIG:
 *         too deep, or too much work for so few bytes
 */
WEIR_API WEIR_MUST_CHECK int weir_resolve(const struct weir_resolver *resolver, const void *data,
					  size_t data_bytes, void *to, size_t to_bytes,
					  size_t *ret_bytes, struct weir_problem *reterr_problem);

/** For weir_schema_to_json(): Avro's own JSON encoding. Values of unions stand in an object with
 *  the branch's name, decimals and uuids are strings of bytes. Without it JSON is as people write
 *  it: {"note": "x"}, not {"note": {"string": "x"}}, and decimals are numbers. */
#define WEIR_SCHEMA_JSON_AVRO 1u

/**
 * A datum as JSON: all of `data`, nothing behind it. Bytes and fixed are strings whose characters
 * U+0000 to U+00FF are bytes; floats that are no number are "NaN", "Infinity", "-Infinity".
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param flags      0, or WEIR_SCHEMA_JSON_AVRO
 * @param to         no 0 is put behind it
 * @param ret_bytes  how many; also with -ENOBUFS, how many there would be
 * @return as weir_resolve(); -EINVAL: also a string that is not UTF-8, an unknown flag
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_to_json(const struct weir_schema *schema, const void *data,
						 size_t data_bytes, uint32_t flags, char *to,
						 size_t to_bytes, size_t *ret_bytes,
						 struct weir_problem *reterr_problem);

/** A payload with the id of its schema before it, as Confluent's serializers write it: a byte 0,
 *  and the id, big endian. */
#define WEIR_SCHEMA_PREFIX_BYTES 5u

/**
 * Writes the prefix.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_schema_prefix_put(uint8_t to[WEIR_SCHEMA_PREFIX_BYTES], uint32_t schema_id);

/**
 * Reads the prefix of a payload: what comes behind its 5 bytes is the datum.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_schema_id  set on success only
 * @return 0, or -EINVAL: fewer bytes, or another first byte
 */
WEIR_API WEIR_MUST_CHECK int weir_schema_prefix_get(const void *payload, size_t payload_bytes,
						    uint32_t *ret_schema_id);

WEIR_DECLS_END
#endif
