/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Errors.
 *
 * Every function that can fail returns an int: 0 or a count when it worked, a negative code when
 * it did not. Where errno says it, the code is -errno (-EINVAL, -ENOMEM, -ENOSPC, -EIO, -EACCES,
 * -EROFS, -ETIMEDOUT ...). Where errno cannot, it is one of the codes below, numbered under -4095
 * so that the two sets never meet. `errno` itself is never set and never to be looked at.
 *
 * WEIR_E_AGAIN is the only "not now", and it means that nothing happened, with one exception:
 * weir_member_commit() in a handler has handed the acknowledgements over, and does not wait.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <weir/base.h>

WEIR_DECLS_BEGIN

/* X(name, number, text) */
#define WEIR_ERROR_MAP(X)                                                                          \
	X(AGAIN, -4096, "not now: nothing happened, wait and try again")                           \
	X(CLOSED, -4097, "the pipeline, producer or member is closed or closing")                  \
	X(FAILED, -4098, "the journal stopped after a failed write or sync: outcome unknown")      \
	X(CORRUPT, -4099, "the journal is damaged below its durable sequence")                     \
	X(FORMAT, -4100, "the journal was written by a newer or an unknown format")                \
	X(TOO_BIG, -4101, "the event or run exceeds the largest run of this pipeline")             \
	X(FULL, -4102, "a configured limit is reached")                                            \
	X(UNKNOWN_NAME, -4103, "no topic, subscription or producer has this name or id")           \
	X(EXISTS, -4104, "the name exists already, with other properties")                         \
	X(FENCED, -4105, "a newer owner took over: this handle's generation or epoch is past")     \
	X(OUT_OF_SEQUENCE, -4106, "the producer sequence is not the one expected next")            \
	X(TRUNCATED, -4107, "the position lies beyond the end of its epoch, or was retired")       \
	X(LOCKED, -4108, "another process, or another pipeline of this one, owns the directory")   \
	X(POISONED, -4109, "the lane held bytes that weir did not write: its owner is shut out")   \
	X(NO_ROOM, -4110, "the journal has no room for another segment")                           \
	X(DUPLICATE, -4111, "the event is in the log: by its idempotency key, or by its id")       \
	X(CONFLICT, -4112, "the key has another version than the event expects")                   \
	X(UNKNOWN_SCHEMA, -4113, "no schema has this id, or it is not of the topic's subject")     \
	X(INCOMPATIBLE, -4114, "the schema must not follow the versions that are there")           \
	X(NOT_A_DATUM, -4115, "the payload is not what its schema says")                           \
	X(DETACHED, -4116, "the subscription was too slow: it gets nothing before a seek")         \
	X(QUEUE_FULL, -4117, "a queue of the topic is as long as it may be, and refuses more")

enum weir_error {
#define WEIR_ERROR_ENUM(name, number, text) WEIR_E_##name = number,
	WEIR_ERROR_MAP(WEIR_ERROR_ENUM)
#undef WEIR_ERROR_ENUM
};

/** What went wrong, for a person: filled in by calls that take one, owned by the caller. Never with
 *  bytes of a payload, a key or a header in it. */
struct weir_problem {
	int code;       /**< the negative code that the call returned */
	char field[48]; /**< the option or argument at fault, or "" */
	char text[208]; /**< one sentence: what, where, and what to do about it */
};

/**
 * The text of a code: of weir's own, or of a negative errno.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param code  what a weir function returned; 0 and counts give "ok"
 * @return a static string, never NULL; "unknown error" for a number that is no code
 */
WEIR_API const char *weir_strerror(int code);

/**
 * The name of a code: "WEIR_E_AGAIN", "EINVAL".
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a static string, never NULL
 */
WEIR_API const char *weir_error_name(int code);

/**
 * The library's version, "0.1.0": compare with WEIR_VERSION_* of the header compiled against.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a static string
 */
WEIR_API const char *weir_version(void);

WEIR_DECLS_END
#endif
