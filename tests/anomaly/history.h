/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A history: what the users of a log asked for and what they were told, in the order in which it
 * happened, written down outside the log. In memory it is an array; as a text it is one line an
 * operation, which can be kept, read by a person, and judged again (weir-anomaly --check FILE):
 *
 *   # a line of comment
 *   TIME PROCESS TYPE F [name=number]... [word]...
 *   1200 3 invoke send value=17 key=5 topic=1 call=9
 *   1900 3 ok send value=17 key=5 topic=1 partition=2 offset=40 call=9 level=3
 *   2000 7 ok poll value=17 key=5 topic=1 partition=2 offset=40 group=1 generation=4
 *
 * TIME is in ns of one clock. PROCESS is whoever does one thing after another: a producer, a
 * member, a reader; one that is opened anew is a new process. TYPE is Jepsen's: invoke (it was
 * asked for), ok (it happened), fail (it did not), info (nobody knows). What is 0 is not there.
 *
 *   value       what is sent, a number that no other event has; 0 at a poll: it found nothing.
 *               `state`: a digest
 *   offset      where it stands in its partition (in weir: the sequence)
 *   end         gap: one beyond the last that is missing; a poll that leases: until when
 *   call        what is done at once: the events of one call, or of one transaction (f = txn)
 *   delay       send, subscribe: who leases gets it not before so long after it was appended
 *   lives       likewise: not later; 0: however old
 *   priority    poll: how urgent the event is, plus 1
 *   partition   where it stands in; grow: how many there are from `offset` on
 *   version     poll: that the event has made of its key; send: it is to be that one, or nothing
 *               is sent
 *   kind        send: of up to 63, what filters tell apart
 *   unwanted    subscribe, filter: the kinds that its group does not want, bit 1 << kind of each
 *   level       send, commit: how safe, 1 memory, 2 written, 3 durable; subscribe: the gate;
 *               crash: what is left, 2 of a process that died, 3 of a power cut
 *   redelivered the poll said that it may have been handed out before
 *   atomic      the events of this call become visible together, side by side
 *   shared, keyed   subscribe: its members share partitions by leases; by key in order
 *   parked      dead: the events of its key wait behind it
 *   ends        send: its key has no version behind it
 *   tombstone   send: it says that what its key had is gone
 *   present     send: the answer says that its idempotency key is there already, at `offset`
 *
 * Which f there are, and which fields belong to each: HISTORY_F_MAP.
 */
#ifndef WR_ANOMALY_HISTORY_H
#define WR_ANOMALY_HISTORY_H

#include <stdio.h>

#include "tests/anomaly/table.h"

#define HISTORY_TYPE_MAP(X) X(INVOKE, "invoke") X(OK, "ok") X(FAIL, "fail") X(INFO, "info")

enum history_type {
#define HISTORY_TYPE_ENUM(name, word) HISTORY_##name,
	HISTORY_TYPE_MAP(HISTORY_TYPE_ENUM)
#undef HISTORY_TYPE_ENUM
		HISTORY_TYPE_COUNT
};

/* X(NAME, word, fields) */
#define HISTORY_F_MAP(X)                                                                           \
	X(SEND, "send",                                                                            \
	  "value key dedup topic partition offset call level delay lives version kind; atomic "    \
	  "present ends tombstone")                                                                \
	X(POLL, "poll",                                                                            \
	  "value key topic partition offset group generation call end version priority; "          \
	  "redelivered")                                                                           \
	X(SCAN, "scan", "value key topic partition offset call: a reader of no group")             \
	X(GAP, "gap", "topic partition offset end group generation call")                          \
	X(ACK, "ack",                                                                              \
	  "topic partition offset group generation level: invoke: asked for; ok, with a "          \
	  "level: a commit told that it is settled")                                               \
	X(TAKE, "take",                                                                            \
	  "value key topic partition offset group call: it may be leased, and those of this call " \
	  "with it")                                                                               \
	X(RELEASE, "release", "topic partition offset group: a lease is given back")               \
	X(EXTEND, "extend", "topic partition offset group end: a lease is longer")                 \
	X(EXPIRE, "expire",                                                                        \
	  "value topic partition offset group: too old for it, or one of too many: lawfully "      \
	  "not handed out")                                                                        \
	X(DEAD, "dead",                                                                            \
	  "value topic partition offset group: into the dead letters that `topic` is; parked")     \
	X(GIVEUP, "giveup", "value group: of what is parked: its key goes on without it")          \
	X(REDRIVE, "redrive", "value: from the dead letters back")                                 \
	X(COMMIT, "commit", "topic partition offset group generation level: all below is settled") \
	X(PROGRESS, "progress", "topic partition offset group generation: the log says so")        \
	X(ASSIGN, "assign", "topic partition offset group generation: where it begins")            \
	X(SUBSCRIBE, "subscribe", "topic offset group level delay lives unwanted; shared keyed")   \
	X(FILTER, "filter", "group offset unwanted: from there on it has another one")             \
	X(ERASE, "erase",                                                                          \
	  "key topic offset level: what stands below; ok: the log says so; with a level: told")    \
	X(COMPACT, "compact",                                                                      \
	  "topic offset: of what stands below, what has a later one of its key there may be "      \
	  "gone, and tombstones")                                                                  \
	X(GROW, "grow", "topic partition offset: from there on it has so many partitions")         \
	X(LEAVE, "leave", "group: its leases are over")                                            \
	X(REWIND, "rewind", "group: what it was handed and has not settled comes again")           \
	X(SEEK, "seek", "group offset: where to")                                                  \
	X(TXN, "txn", "call: invoke: it begins; ok: it is in the log; fail: none of it")           \
	X(FORGET, "forget", "dedup: the window has let go of that key")                            \
	X(STATE, "state", "value group offset: of all up to it, by a snapshot or without")         \
	X(CRASH, "crash", "level")                                                                 \
	X(RECOVER, "recover", "offset: the last that is still there")                              \
	X(DRAIN, "drain", "group: it was handed everything that there is")

enum history_f {
#define HISTORY_F_ENUM(name, word, fields) HISTORY_##name,
	HISTORY_F_MAP(HISTORY_F_ENUM)
#undef HISTORY_F_ENUM
		HISTORY_F_COUNT
};

#define HISTORY_FLAG_MAP(X)                                                                        \
	X(REDELIVERED, 1u, "redelivered")                                                          \
	X(ATOMIC, 2u, "atomic")                                                                    \
	X(SHARED, 4u, "shared")                                                                    \
	X(KEYED, 8u, "keyed")                                                                      \
	X(PRESENT, 16u, "present")                                                                 \
	X(PARKED, 32u, "parked")                                                                   \
	X(ENDS, 64u, "ends")                                                                       \
	X(TOMBSTONE, 128u, "tombstone")

enum history_flag {
#define HISTORY_FLAG_ENUM(name, bit, word) HISTORY_##name = (bit),
	HISTORY_FLAG_MAP(HISTORY_FLAG_ENUM)
#undef HISTORY_FLAG_ENUM
};

#define HISTORY_MEMORY 1u
#define HISTORY_WRITTEN 2u
#define HISTORY_DURABLE 3u
#define HISTORY_LINE_BYTES 512u
#define HISTORY_NO_CUT UINT64_MAX /* recover: nothing is known to be gone */

struct history_op {
	uint64_t time;
	uint64_t value;
	uint64_t key;
	uint64_t dedup;
	uint64_t offset;
	uint64_t end;
	uint64_t version;
	uint64_t delay;
	uint64_t lives;
	uint64_t unwanted;
	uint32_t process;
	uint32_t topic;
	uint32_t partition;
	uint32_t group;
	uint32_t generation;
	uint32_t call;
	uint32_t priority;
	uint8_t type;
	uint8_t f;
	uint8_t level;
	uint8_t flags;
	uint8_t kind;
};

struct history {
	struct list ops;
};

static inline struct history_op *history_op(const struct history *history, uint32_t index)
{
	return list_get(&history->ops, index);
}

static inline uint32_t history_count(const struct history *history)
{
	return history->ops.count;
}

/* Empties it. */
void history_begin(struct history *history);
void history_fini(struct history *history);
void history_add(struct history *history, const struct history_op *op);
/* Puts it before the one at `index`. */
void history_insert(struct history *history, uint32_t index, const struct history_op *op);
void history_remove(struct history *history, uint32_t index);

/* One operation as its line, without the end of the line. */
void history_say(const struct history_op *op, char text[HISTORY_LINE_BYTES]);
void history_write(const struct history *history, FILE *to);
/* A line; an empty one and a comment are none and leave f at HISTORY_F_COUNT. False: malformed. */
bool history_parse(const char *line, struct history_op *ret_op);
/* Reads to the end. 0, or the number of the line that is malformed. */
uint32_t history_read(struct history *history, FILE *from);
/* The same of a text. */
uint32_t history_read_text(struct history *history, const char *text);

#endif
