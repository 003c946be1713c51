/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the checker. The first ones, in upper and lower case, are those of Jepsen's workload
 * for Kafka, by its names; the others are weir's.
 *
 * Words: an event is *committed* when its send was answered ok (or its transaction was), at a level
 * that every crash since then has spared; or when the answer is unknown and somebody read it. An
 * event *stands* at an offset of a partition from when it was first seen there until a recovery
 * cuts the log below it. It was *read* when a poll or a scan found it. A *gap* that a group was
 * told of, an `expire`, and what lies below the target of a seek are lawfully not handed out. A
 * group need not be handed what its filter does not want, what was erased, nor what a compaction
 * may have taken: that is never the newest event of a key, but for a tombstone, and where one of
 * the key was sent that nobody has seen, and may be newer.
 *
 * X(NAME, name, allowed, what it means and where it does not hold)
 *
 *   allowed: counted, and no anomaly. Two processes that send at once interleave, and Kafka's
 *   transactions isolate no writes.
 *   realtime-lag is measured; it is an anomaly where a limit is given (--lag-max).
 */
#ifndef WR_ANOMALY_RULES_H
#define WR_ANOMALY_RULES_H

#define RULE_MAP(X)                                                                                \
	/* Jepsen's */                                                                             \
	X(INCONSISTENT_OFFSETS, "inconsistent-offsets", false,                                     \
	  "two events at one offset of a partition. Not where a recovery cut the first away")      \
	X(G1A, "G1a", false,                                                                       \
	  "an event was read whose sends had all failed, or whose transaction was aborted. "       \
	  "Not where one of them is unknown, or a later one succeeded before it was read")         \
	X(PRECOMMITTED_READ, "precommitted-read", false,                                           \
	  "a transaction read what it had sent itself")                                            \
	X(LOST_WRITE, "lost-write", false,                                                         \
	  "a committed event that nobody read, though who should have read what lies above "       \
	  "it; or one acknowledged as safe that a recovery cut away. Not in gaps, not below "      \
	  "a seek")                                                                                \
	X(DUPLICATE, "duplicate", false,                                                           \
	  "one event at two offsets of a topic at the same time. A redrive allows one more; "      \
	  "dead letters are another topic, and each group has one of its own")                     \
	X(UNSEEN, "unseen", false,                                                                 \
	  "a committed event that a group did not get, though it was drained after the "           \
	  "answer. Not in gaps, not below a seek or its start, not dead letters; "                 \
	  "nor what it need not be handed; lost-write where nobody at all read it")                \
	X(POLL_SKIP, "poll-skip", false,                                                           \
	  "between two calls, or at its start, a member's reading passed over an event that "      \
	  "somebody else read there. Not over a gap, a dead letter of the group, what it "         \
	  "need not be handed, not with leases; another generation begins where `assign` says")    \
	X(NONMONOTONIC_POLL, "nonmonotonic-poll", false,                                           \
	  "between two calls, or at its start, a member's reading went back. Not with "            \
	  "leases, not where it has another generation: after a seek, a move, a restart; "         \
	  "nor where a refused transaction gave it back (`rewind`)")                               \
	X(INT_POLL_SKIP, "int-poll-skip", false, "poll-skip inside one call or transaction")       \
	X(INT_NONMONOTONIC_POLL, "int-nonmonotonic-poll", false,                                   \
	  "nonmonotonic-poll inside one call or transaction")                                      \
	X(NONMONOTONIC_SEND, "nonmonotonic-send", false,                                           \
	  "two calls of a process sent to one partition and landed in reverse order. Not if "      \
	  "one of them failed")                                                                    \
	X(INT_NONMONOTONIC_SEND, "int-nonmonotonic-send", false,                                   \
	  "the same inside one call or transaction")                                               \
	X(INT_SEND_SKIP, "int-send-skip", true, "others' events stand between those of one call")  \
	X(G0, "G0", true, "transactions whose writes are ordered in a circle")                     \
	X(G1C, "G1c", false, "transactions that read each other's writes in a circle")             \
	X(REALTIME_LAG, "realtime-lag", false,                                                     \
	  "a poll found nothing though an event of a partition that its member has was "           \
	  "acknowledged longer ago than the limit")                                                \
	/* weir's: the log */                                                                      \
	X(PHANTOM, "phantom", false, "an event was read that nobody had sent by then")             \
	X(TORN_BATCH, "torn-batch", false,                                                         \
	  "of one call whose events become visible together, or of one transaction, a part "       \
	  "is in the log, or something stands between; and a transaction that failed in "          \
	  "part")                                                                                  \
	X(KEY_MOVED, "key-moved", false,                                                           \
	  "events of one key in two partitions of a topic, and the topic has not grown between "   \
	  "them. Events that were sent to a partition by its number are written down without a "   \
	  "key")                                                                                   \
	X(VANISHED, "vanished", false,                                                             \
	  "who is handed only what is durable got an event that a recovery did not find any "      \
	  "more")                                                                                  \
	X(DEDUP_TWICE, "dedup-twice", false,                                                       \
	  "two events with one idempotency key stand in the log. Not where the window had "        \
	  "let go of the key (`forget`)")                                                          \
	X(VERSION_TAKEN, "version-taken", false,                                                   \
	  "an event has another version of its key than it was sent for, or one that is not "      \
	  "above those before it. Not where its key was ended in between, or by what "             \
	  "nobody has seen")                                                                       \
	X(SNAPSHOT_DIFFERS, "snapshot-differs", false,                                             \
	  "the state of all up to an offset is not the same by a snapshot and a tail as by "       \
	  "full replay. Not where a recovery cut in between")                                      \
	/* weir's: groups */                                                                       \
	X(KEY_ORDER, "key-order", false,                                                           \
	  "a group was first handed an event of a key after a later one of it, also where a "      \
	  "growth lies between them. Not after a seek, not with leases that keep no order; nor "   \
	  "where it had been given up, which a recovery took back")                                \
	X(UNWANTED, "unwanted", false,                                                             \
	  "a group was handed an event of a kind that its filter there does not want")             \
	X(ERASED_SEEN, "erased-seen", false,                                                       \
	  "a group was handed an event by a call that began when its key had been told to be "     \
	  "erased behind it; or it went into the dead letters behind that. Not where it belongs "  \
	  "to no call: a handler may have had it in hand")                                         \
	X(TWO_OWNERS, "two-owners", false,                                                         \
	  "two members got events of one partition in one generation. Not with leases")            \
	X(STALE_OWNER, "stale-owner", false,                                                       \
	  "a member's poll that began after another generation was handed out found events "       \
	  "under the old one")                                                                     \
	X(UNACKED_PASSED, "unacked-passed", false,                                                 \
	  "progress of a group moved over an event that nobody of it had acknowledged. Not "       \
	  "over gaps, what expired, dead letters, what it need not be handed, and not by a seek")  \
	X(FENCED_ACK, "fenced-ack", false,                                                         \
	  "progress moved by an acknowledgement of a generation that was over, or under one")      \
	X(COMMITTED_AGAIN, "committed-again", false,                                               \
	  "an event was handed out again though it lay below what a commit had told to be "        \
	  "safe from every crash since then, or told to be settled. Not after a seek, until "      \
	  "the next restart")                                                                      \
	X(UNMARKED_REDELIVERY, "unmarked-redelivery", false,                                       \
	  "an event was handed out again and the item did not say so")                             \
	X(LEASED_TWICE, "leased-twice", false,                                                     \
	  "an event was handed out while a lease of it ran: not acknowledged, given back, "        \
	  "over, dead, nor its member gone")                                                       \
	X(KEY_IN_FLIGHT, "key-in-flight", false,                                                   \
	  "keyed leases: an event of a key was handed out while another call's of it was "         \
	  "leased")                                                                                \
	X(TOO_EARLY, "too-early", false,                                                           \
	  "an event was leased before its delay was over, or its queue's, by a clock that is "     \
	  "at most a thousandth faster. Not where a recovery lies between")                        \
	X(TOO_LATE, "too-late", false,                                                             \
	  "an event was leased when its time to live was over, or its queue's, by a clock of "     \
	  "half the speed. Not where a recovery lies between, not after a redrive")                \
	X(PRIORITY_PASSED, "priority-passed", false,                                               \
	  "of what a call got that was leased at one moment, one event came before another that "  \
	  "is more urgent and could be had as soon. Not where that one was handed out before, "    \
	  "nor with a delay of its own")                                                           \
	X(TAKEN_AWAY, "taken-away", false,                                                         \
	  "an event expired, was dropped as one of too many, or became a dead letter while a "     \
	  "lease of it ran. Not where its member had rejected it, or given it back")               \
	X(PARKED_PASSED, "parked-passed", false,                                                   \
	  "an event of a key was leased that waits behind a dead one of it. Not where that was "   \
	  "redriven or given up, nor where a recovery took its letter back")                       \
	X(DEAD_AND_ALIVE, "dead-and-alive", false,                                                 \
	  "an event is in the dead letters of a group, and was acknowledged or handed out "        \
	  "by it afterwards. Not after a redrive; nor by an owner from before, who is still to "   \
	  "be told")                                                                               \
	X(DEAD_AND_GONE, "dead-and-gone", false,                                                   \
	  "an event was put into the dead letters, whose reader was drained, and is not "          \
	  "there. Not where a recovery took that back, not in gaps, not below a seek")

enum rule {
#define RULE_ENUM(name, word, allowed, text) RULE_##name,
	RULE_MAP(RULE_ENUM)
#undef RULE_ENUM
		RULE_COUNT
};

#endif
