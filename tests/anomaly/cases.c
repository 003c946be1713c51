/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cases.h, and cases_words.h for who does what.
 */
#include "tests/anomaly/cases.h"
#include "tests/anomaly/cases_words.h"

#define VERSIONED(value, offset, version)                                                          \
	"9 8 ok poll value=" value " key=5 topic=1 offset=" offset " group=8 version=" version "\n"
/* A key's events before and behind a growth. */
#define GROWN                                                                                      \
	"1 1 ok send value=1 key=5 topic=1 offset=11 level=3\n"                                    \
	"2 0 ok grow topic=1 partition=4 offset=12\n"                                              \
	"3 1 ok send value=2 key=5 topic=1 partition=1 offset=13 level=3\n"
#define QUEUE "3 1 ok subscribe topic=1 group=2 level=1 shared\n"
/* Two events, the first one by call 7. */
#define TWO_TAKEN(call)                                                                            \
	SENT("1", "11")                                                                            \
	SENT("2", "12")                                                                            \
	"4 0 ok take value=1 topic=1 offset=11 group=2 call=7\n"                                   \
	"4 0 ok take value=2 topic=1 offset=12 group=2 call=" call "\n"
#define URGENT(value, offset, priority, until)                                                     \
	"9 2 ok poll value=" value " topic=1 offset=" offset " group=2 call=9 end=" until          \
	" priority=" priority "\n"
/* Two events of key 5, and the first one is dead. */
#define PARKED                                                                                     \
	KEYED KEYED_SENT("1", "11", "5") KEYED_SENT("2", "12", "5")                                \
		LEASED("3", "2", "1", "11", "5", "1",                                              \
		       "5") "6 2 ok dead value=1 topic=9 offset=14 group=2 parked\n"
/* Sent at 1, and known to be there at 2. */
#define TIMED(terms)                                                                               \
	"1 1 ok subscribe topic=1 group=2 level=1 keyed\n"                                         \
	"1 1 invoke send value=1 key=5 topic=1 " terms "\n"                                        \
	"2 1 ok send value=1 key=5 topic=1 offset=11 level=3\n"

const struct case_of_rule cases[] = {
	{RULE_INCONSISTENT_OFFSETS, true, NULL,
	 SENT("1", "11") "3 2 invoke send value=2 "
			 "topic=1\n" SCANNED("1", "11") SCANNED("2", "11")},
	{RULE_INCONSISTENT_OFFSETS, false, "a recovery cut the first one away",
	 "1 1 invoke send value=1 topic=1\n" SCANNED("1", "11") CUT("10") SENT("2", "11")
		 SCANNED("2", "11")},

	{RULE_G1A, true, NULL,
	 "1 1 invoke send value=1 topic=1\n2 1 fail send value=1 topic=1\n" SCANNED("1", "11")},
	{RULE_G1A, false, "it was sent again before it was read",
	 "1 1 invoke send value=1 topic=1\n2 1 fail send value=1 topic=1\n" SENT("1", "11")
		 SCANNED("1", "11")},
	{RULE_G1A, true, "sent again only afterwards",
	 "1 1 invoke send value=1 topic=1\n2 1 fail send value=1 topic=1\n" SCANNED("1", "11")
		 SENT("1", "11")},
	{RULE_G1A, true, "of an aborted transaction",
	 "1 1 ok txn call=7\n1 1 invoke send value=1 topic=1 call=7\n"
	 "2 1 ok send value=1 topic=1 call=7\n3 1 fail txn call=7\n" SCANNED("1", "11")},

	{RULE_PRECOMMITTED_READ, true, NULL,
	 "1 1 invoke txn call=7\n1 1 invoke send value=1 topic=1 call=7\n"
	 "2 1 ok scan value=1 topic=1 offset=11 call=7\n3 1 ok txn call=7 level=3\n"},
	{RULE_PRECOMMITTED_READ, false, "it read behind its end",
	 "1 1 invoke txn call=7\n1 1 invoke send value=1 topic=1 call=7\n"
	 "3 1 ok txn call=7 level=3\n"
	 "4 1 ok scan value=1 topic=1 offset=11 call=8\n"},

	{RULE_LOST_WRITE, true, NULL,
	 GROUP THREE POLLED("2", "1", "11", "1", "1") POLLED("2", "3", "13", "1", "2")},
	{RULE_LOST_WRITE, false, "a gap says what is missing",
	 GROUP THREE POLLED("2", "1", "11", "1", "1") "9 2 ok gap topic=1 offset=12 "
						      "end=13 group=1 "
						      "generation=1\n" POLLED("2", "3", "13", "1",
									      "2")},
	{RULE_LOST_WRITE, true, "what was told durable is cut away", SENT("1", "11") CUT("10")},
	{RULE_LOST_WRITE, false, "only written, and the power went",
	 "1 1 invoke send value=1 topic=1\n2 1 ok send value=1 topic=1 offset=11 level=2\n" CUT(
		 "10")},
	{RULE_LOST_WRITE, true, "written, and the process died",
	 "1 1 invoke send value=1 topic=1\n"
	 "2 1 ok send value=1 topic=1 offset=11 level=2\n" KILLED("10")},

	{RULE_DUPLICATE, true, NULL, SENT("1", "11") SCANNED("1", "11") SCANNED("1", "12")},
	{RULE_DUPLICATE, false, "the first one was cut away",
	 "1 1 invoke send value=1 topic=1\n" SCANNED("1", "11") CUT("10") SCANNED("1", "12")},
	{RULE_DUPLICATE, false, "it was redriven",
	 SENT("1", "11") SCANNED("1", "11") "9 2 ok dead value=1 topic=9 offset=12 group=1\n"
					    "9 0 ok redrive value=1\n" SCANNED("1", "13")},

	{RULE_UNSEEN, true, NULL, GROUP SENT("1", "11") "9 1 ok drain group=1\n"},
	{RULE_UNSEEN, false, "acknowledged when the group was drained",
	 GROUP "1 1 invoke send value=1 topic=1\n9 1 ok drain group=1\n"
	       "9 1 ok send value=1 topic=1 offset=11 level=3\n"},
	{RULE_UNSEEN, false, "only in memory when the process died",
	 GROUP "1 1 invoke send value=1 topic=1\n2 1 ok send value=1 topic=1 level=1\n" KILLED(
		 "10") "9 1 ok drain group=1\n"},
	{RULE_UNSEEN, false, "below a seek",
	 GROUP SENT("1", "11") "3 1 ok seek group=1 offset=12\n9 1 ok drain group=1\n"},

	{RULE_POLL_SKIP, true, NULL,
	 GROUP THREE SCANNED("2", "12") POLLED("2", "1", "11", "1", "1")
		 POLLED("2", "3", "13", "1", "2")},
	{RULE_POLL_SKIP, false, "the generation is another, and begins there",
	 GROUP THREE SCANNED("2", "12")
		 POLLED("2", "1", "11", "1",
			"1") "9 2 ok seek group=1 offset=13\n"
			     "9 2 ok assign topic=1 offset=13 group=1 generation=2\n" POLLED(
				     "2", "3", "13", "2", "2")},
	{RULE_POLL_SKIP, false, "it is a dead letter of the group",
	 GROUP THREE SCANNED("2", "12")
		 POLLED("2", "1", "11", "1", "1") "9 2 ok dead value=2 topic=2 group=1\n" POLLED(
			 "2", "3", "13", "1", "2")},
	{RULE_POLL_SKIP, true, "it begins behind its place",
	 GROUP THREE SCANNED("1", "11")
		 SCANNED("2", "12") "9 2 ok assign topic=1 offset=11 group=1 "
				    "generation=2\n" POLLED("2", "3", "13", "2", "2")},

	{RULE_NONMONOTONIC_POLL, true, NULL,
	 THREE POLLED("2", "2", "12", "1", "1") AGAIN("2", "1", "11", "1", "2")},
	{RULE_NONMONOTONIC_POLL, false, "in another generation",
	 THREE POLLED("2", "2", "12", "1", "1") AGAIN("2", "1", "11", "2", "2")},

	{RULE_INT_POLL_SKIP, true, NULL,
	 THREE SCANNED("2", "12") POLLED("2", "1", "11", "1", "1")
		 POLLED("2", "3", "13", "1", "1")},
	{RULE_INT_POLL_SKIP, false, "over a gap",
	 THREE SCANNED("2", "12")
		 POLLED("2", "1", "11", "1", "1") "9 2 ok gap topic=1 offset=12 end=13 group=1 "
						  "generation=1 call=1\n" POLLED("2", "3", "13",
										 "1", "1")},

	{RULE_INT_NONMONOTONIC_POLL, true, NULL,
	 THREE POLLED("2", "2", "12", "1", "1") POLLED("2", "1", "11", "1", "1")},
	{RULE_INT_NONMONOTONIC_POLL, false, "another partition",
	 THREE POLLED("2", "2", "12", "1",
		      "1") "3 4 invoke send value=7 topic=1\n"
			   "9 2 ok poll value=7 topic=1 partition=1 offset=10 group=1 "
			   "generation=1 call=1\n"},

	{RULE_NONMONOTONIC_SEND, true, NULL, SENT("1", "12") SENT("2", "11")},
	{RULE_NONMONOTONIC_SEND, false, "the first one failed, and was sent again",
	 "1 1 invoke send value=1 topic=1\n2 1 fail send value=1 topic=1\n" SENT("2", "11")
		 SENT("1", "12")},

	{RULE_INT_NONMONOTONIC_SEND, true, NULL,
	 "1 1 invoke send value=1 topic=1 call=4\n1 1 invoke send value=2 topic=1 call=4\n"
	 "2 1 ok send value=1 topic=1 offset=12 call=4 level=3\n"
	 "2 1 ok send value=2 topic=1 offset=11 call=4 level=3\n"},
	{RULE_INT_NONMONOTONIC_SEND, false, "two processes",
	 "1 1 invoke send value=1 topic=1 call=4\n1 2 invoke send value=2 topic=1 call=5\n"
	 "2 1 ok send value=1 topic=1 offset=12 call=4 level=3\n"
	 "2 2 ok send value=2 topic=1 offset=11 call=5 level=3\n"},

	{RULE_INT_SEND_SKIP, true, NULL,
	 SENT("3", "12") "1 4 invoke send value=1 topic=1 call=4\n"
			 "1 4 invoke send value=2 topic=1 call=4\n"
			 "2 4 ok send value=1 topic=1 offset=11 call=4 level=3\n"
			 "2 4 ok send value=2 topic=1 offset=13 call=4 level=3\n"},
	{RULE_INT_SEND_SKIP, false, "what is between is no event",
	 "1 4 invoke send value=1 topic=1 call=4\n1 4 invoke send value=2 topic=1 call=4\n"
	 "2 4 ok send value=1 topic=1 offset=11 call=4 level=3\n"
	 "2 4 ok send value=2 topic=1 offset=13 call=4 level=3\n"},

	{RULE_G0, true, NULL,
	 "1 1 invoke txn call=4\n1 2 invoke txn call=5\n"
	 "1 1 invoke send value=1 topic=1 call=4\n1 1 invoke send value=2 topic=2 call=4\n"
	 "1 2 invoke send value=3 topic=1 call=5\n1 2 invoke send value=4 topic=2 call=5\n"
	 "2 1 ok txn call=4 level=3\n2 2 ok txn call=5 level=3\n"
	 "3 8 ok scan value=1 topic=1 offset=11\n3 8 ok scan value=3 topic=1 offset=13\n"
	 "3 8 ok scan value=4 topic=2 offset=12\n3 8 ok scan value=2 topic=2 offset=14\n"},
	{RULE_G0, false, "one of them is aborted",
	 "1 1 invoke txn call=4\n1 2 invoke txn call=5\n"
	 "1 1 invoke send value=1 topic=1 call=4\n1 1 invoke send value=2 topic=2 call=4\n"
	 "1 2 invoke send value=3 topic=1 call=5\n1 2 invoke send value=4 topic=2 call=5\n"
	 "2 1 ok txn call=4 level=3\n2 2 fail txn call=5\n"
	 "3 8 ok scan value=1 topic=1 offset=11\n3 8 ok scan value=2 topic=2 offset=14\n"},

	{RULE_G1C, true, NULL,
	 "1 1 invoke txn call=4\n1 2 invoke txn call=5\n"
	 "1 1 invoke send value=1 topic=1 call=4\n1 2 invoke send value=2 topic=2 call=5\n"
	 "2 1 ok scan value=2 topic=2 offset=12 call=4\n"
	 "2 2 ok scan value=1 topic=1 offset=11 call=5\n"
	 "3 1 ok txn call=4 level=3\n3 2 ok txn call=5 level=3\n"},
	{RULE_G1C, false, "one reads the other, and that is all",
	 "1 1 invoke txn call=4\n1 1 invoke send value=1 topic=1 call=4\n"
	 "3 1 ok txn call=4 level=3\n"
	 "4 2 invoke txn call=5\n4 2 invoke send value=2 topic=2 call=5\n"
	 "4 2 ok scan value=1 topic=1 offset=11 call=5\n5 2 ok txn call=5 level=3\n"},

	{RULE_REALTIME_LAG, true, NULL,
	 THREE POLLED("2", "1", "11", "1", "1") "5000 2 invoke poll group=1\n"
						"5100 2 ok poll group=1\n"},
	{RULE_REALTIME_LAG, false, "not so long ago",
	 THREE POLLED("2", "1", "11", "1",
		      "1") "900 2 invoke poll group=1\n900 2 ok poll group=1\n"},
	{RULE_REALTIME_LAG, false, "the partition is another's by now",
	 THREE POLLED("2", "1", "11", "1",
		      "1") "10 3 ok assign topic=1 offset=12 group=1 generation=2\n"
			   "5000 2 invoke poll group=1\n5100 2 ok poll group=1\n"},

	{RULE_PHANTOM, true, NULL, SCANNED("1", "11")},
	{RULE_PHANTOM, true, "it was sent only afterwards", SCANNED("1", "11") SENT("1", "11")},
	{RULE_PHANTOM, false, "nobody knows what became of its send",
	 "1 1 invoke send value=1 topic=1\n1 1 info send value=1 topic=1\n" SCANNED("1", "11")},

	{RULE_TORN_BATCH, true, "something stands between",
	 SENT("3", "12") "1 4 invoke send value=1 topic=1 call=4 atomic\n"
			 "1 4 invoke send value=2 topic=1 partition=1 call=4 atomic\n"
			 "2 4 ok send value=1 topic=1 offset=11 call=4 level=3\n"
			 "2 4 ok send value=2 topic=1 partition=1 offset=13 call=4 level=3\n"},
	{RULE_TORN_BATCH, true, "half of it is there",
	 GROUP "1 4 invoke send value=1 topic=1 call=4 atomic\n"
	       "1 4 invoke send value=2 topic=1 call=4 atomic\n" KILLED("11")
		       POLLED("2", "1", "11", "1", "1") "9 1 ok drain group=1\n"},
	{RULE_TORN_BATCH, false, "nothing of it is there",
	 GROUP
	 "1 4 invoke send value=1 topic=1 call=4 atomic\n"
	 "1 4 invoke send value=2 topic=1 call=4 atomic\n" KILLED("10") "9 1 ok drain group=1\n"},

	{RULE_KEY_MOVED, true, NULL,
	 KEYED_SENT("1", "11",
		    "5") "3 1 invoke send value=2 key=5 topic=1\n"
			 "4 1 ok send value=2 key=5 topic=1 partition=1 offset=12 level=3\n"},
	{RULE_KEY_MOVED, false, "another topic",
	 KEYED_SENT("1", "11",
		    "5") "3 1 invoke send value=2 key=5 topic=2\n"
			 "4 1 ok send value=2 key=5 topic=2 partition=1 offset=12 level=3\n"},
	{RULE_KEY_MOVED, false, "its topic has grown", GROWN},
	{RULE_KEY_MOVED, true, "into a partition that the topic has not",
	 GROWN "3 1 ok send value=3 key=6 topic=1 partition=4 offset=14 level=3\n"},
	{RULE_KEY_MOVED, true, "that it grew was cut away",
	 "1 1 ok send value=1 key=5 topic=1 offset=11 level=3\n"
	 "2 0 ok grow topic=1 partition=4 offset=12\n" CUT(
		 "11") "22 1 ok send value=2 key=5 topic=1 partition=1 offset=13 level=3\n"},

	{RULE_VANISHED, true, NULL,
	 GROUP "1 1 invoke send value=1 topic=1\n" POLLED("2", "1", "11", "1", "1") CUT("10")},
	{RULE_VANISHED, false, "a group that reads from memory",
	 "3 1 ok subscribe topic=1 group=1 level=1\n1 1 invoke send value=1 topic=1\n" POLLED(
		 "2", "1", "11", "1", "1") CUT("10")},

	{RULE_DEDUP_TWICE, true, NULL,
	 "1 1 invoke send value=1 dedup=8 topic=1\n2 1 ok send value=1 dedup=8 topic=1 offset=11 "
	 "level=3\n3 1 invoke send value=2 dedup=8 topic=1\n4 1 ok send value=2 dedup=8 topic=1 "
	 "offset=12 level=3\n"},
	{RULE_DEDUP_TWICE, false, "the second one was told that it is there",
	 "1 1 invoke send value=1 dedup=8 topic=1\n2 1 ok send value=1 dedup=8 topic=1 offset=11 "
	 "level=3\n3 1 invoke send value=2 dedup=8 topic=1\n4 1 ok send value=2 dedup=8 topic=1 "
	 "offset=11 level=3 present\n"},
	{RULE_DEDUP_TWICE, false, "the window had let go of the key",
	 "1 1 invoke send value=1 dedup=8 topic=1\n2 1 ok send value=1 dedup=8 topic=1 offset=11 "
	 "level=3\n3 0 ok forget dedup=8\n3 1 invoke send value=2 dedup=8 topic=1\n"
	 "4 1 ok send value=2 dedup=8 topic=1 offset=12 level=3\n"},
	{RULE_DEDUP_TWICE, false,
	 "nobody knows of the second one, which is there under another key",
	 "1 1 invoke send value=1 dedup=8 topic=1\n2 1 ok send value=1 dedup=8 topic=1 offset=11 "
	 "level=3\n3 1 invoke send value=2 dedup=8 topic=1\n4 1 info send value=2 dedup=8 topic=1\n"
	 "5 1 invoke send value=2 dedup=9 topic=1\n6 1 ok send value=2 dedup=9 topic=1 offset=12 "
	 "level=3\n"},

	{RULE_VERSION_TAKEN, true, NULL,
	 "1 1 invoke send value=1 key=5 topic=1 version=4\n" VERSIONED("1", "11", "5")},
	{RULE_VERSION_TAKEN, false, "it was sent again for another one",
	 "1 1 invoke send value=1 key=5 topic=1 version=4\n1 1 fail send value=1 key=5 topic=1\n"
	 "1 1 invoke send value=1 key=5 topic=1 version=5\n" VERSIONED("1", "11", "5")},
	{RULE_VERSION_TAKEN, true, "two have the same one",
	 "1 1 invoke send value=1 key=5 topic=1\n1 2 invoke send value=2 key=5 topic=1\n" VERSIONED(
		 "1", "11", "5") VERSIONED("2", "12", "5")},
	{RULE_VERSION_TAKEN, false, "the first one has ended its key",
	 "1 1 invoke send value=1 key=5 topic=1 ends\n1 2 invoke send value=2 key=5 "
	 "topic=1\n" VERSIONED("1", "11", "5") VERSIONED("2", "12", "1")},
	{RULE_VERSION_TAKEN, false, "what had ended its key was cut away before it was seen",
	 "1 1 invoke send value=1 key=5 topic=1\n1 2 invoke send value=2 key=5 topic=1\n"
	 "1 3 invoke send value=3 key=5 topic=1 ends\n"
	 "1 3 info send value=3 key=5 topic=1\n" VERSIONED("1", "11", "5") VERSIONED("2", "13", "1")
		 CUT("11") "22 3 invoke send value=3 key=5 topic=1 ends\n"
			   "23 7 ok poll value=3 key=5 topic=1 offset=14 group=8 version=6\n"},
	{RULE_VERSION_TAKEN, false, "the first one was cut away",
	 "1 1 invoke send value=1 key=5 topic=1\n1 2 invoke send value=2 key=5 topic=1\n" VERSIONED(
		 "1", "11", "5") CUT("10") "22 7 ok poll value=2 key=5 topic=1 offset=11 group=8 "
					   "version=5\n"},

	{RULE_SNAPSHOT_DIFFERS, true, NULL,
	 "1 1 ok state value=70 offset=11 group=1\n2 1 ok state value=71 offset=11 group=1\n"},
	{RULE_SNAPSHOT_DIFFERS, false, "a recovery cut in between",
	 "1 1 ok state value=70 offset=11 group=1\n" CUT(
		 "10") "30 1 ok state value=71 offset=11 group=1\n"},

	{RULE_KEY_ORDER, true, NULL,
	 GROUP KEYED_SENT("1", "11", "5") KEYED_SENT(
		 "2", "12",
		 "5") "9 2 ok poll value=2 key=5 topic=1 offset=12 group=1 generation=1 call=1\n"
		      "9 2 ok poll value=1 key=5 topic=1 offset=11 group=1 "
		      "generation=2 call=2\n"},
	{RULE_KEY_ORDER, true, "over a growth",
	 GROUP GROWN "9 2 ok poll value=2 key=5 topic=1 partition=1 offset=13 group=1 "
		     "generation=1 call=1\n"
		     "9 2 ok poll value=1 key=5 topic=1 offset=11 group=1 generation=1 "
		     "call=2\n"},
	{RULE_KEY_ORDER, false, "it had been handed out before",
	 GROUP KEYED_SENT("1", "11", "5") KEYED_SENT(
		 "2", "12",
		 "5") "9 2 ok poll value=1 key=5 topic=1 offset=11 group=1 generation=1 call=1\n"
		      "9 2 ok poll value=2 key=5 topic=1 offset=12 group=1 generation=1 call=1\n"
		      "9 2 ok poll value=1 key=5 topic=1 offset=11 group=1 generation=2 "
		      "call=2 redelivered\n"},

	{RULE_KEY_ORDER, false, "it had been one of too many, and a recovery took that back",
	 KEYED KEYED_SENT("1", "11", "5") KEYED_SENT(
		 "2", "12",
		 "5") "9 0 ok expire value=1 topic=1 offset=11 group=2\n" LEASED("10", "2", "2",
										 "12", "5", "1",
										 "50") CUT("13")
		 LEASED("22", "2", "1", "11", "5", "2", "90")},

	{RULE_TWO_OWNERS, true, NULL,
	 THREE POLLED("2", "1", "11", "1", "1") POLLED("3", "2", "12", "1", "2")},
	{RULE_TWO_OWNERS, false, "two generations",
	 THREE POLLED("2", "1", "11", "1", "1") POLLED("3", "2", "12", "2", "2")},

	{RULE_STALE_OWNER, true, NULL,
	 THREE POLLED("2", "1", "11", "1", "1")
		 POLLED("3", "2", "12", "2", "2") "9 2 invoke poll "
						  "group=1\n" AGAIN("2", "2", "12", "1", "3")},
	{RULE_STALE_OWNER, false, "it had begun before",
	 THREE POLLED("2", "1", "11", "1", "1") "9 2 invoke poll group=1\n" POLLED(
		 "3", "2", "12", "2", "2") AGAIN("2", "2", "12", "1", "3")},

	{RULE_UNACKED_PASSED, true, NULL,
	 GROUP THREE POLLED("2", "1", "11", "1", "1")
		 POLLED("2", "2", "12", "1",
			"1") "9 2 ok ack topic=1 offset=12 group=1 generation=1\n"
			     "9 0 ok progress topic=1 offset=13 group=1 generation=1\n"},
	{RULE_UNACKED_PASSED, false, "it went into the dead letters",
	 GROUP THREE POLLED("2", "1", "11", "1", "1")
		 POLLED("2", "2", "12", "1",
			"1") "9 2 ok dead value=1 topic=9 offset=14 group=1\n"
			     "9 2 ok ack topic=1 offset=12 group=1 generation=1\n"
			     "9 0 ok progress topic=1 offset=13 group=1 generation=1\n"},

	{RULE_UNACKED_PASSED, false, "a dead letter stands where what was cut away stood",
	 "1 1 invoke send value=1 topic=1\n2 1 ok send value=1 topic=1 level=3\n"
	 "3 1 ok subscribe topic=9 group=9 level=1\n"
	 "4 0 ok progress topic=9 offset=14 group=9 generation=1\n"
	 "5 0 ok progress topic=9 offset=20 group=9 generation=1\n" CUT(
		 "12") "22 0 ok dead value=1 topic=9 offset=15 group=1\n"
		       "23 3 ok poll value=1 topic=9 offset=15 group=9 generation=1 call=9\n"},

	{RULE_FENCED_ACK, true, NULL,
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"
				 "9 0 ok assign topic=1 offset=11 group=1 generation=2\n"
				 "9 0 ok progress topic=1 offset=12 group=1 generation=2\n"},
	{RULE_FENCED_ACK, true, "progress under an old generation",
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"
				 "9 0 ok assign topic=1 offset=11 group=1 generation=2\n"
				 "9 0 ok progress topic=1 offset=12 group=1 generation=1\n"},
	{RULE_FENCED_ACK, false, "it counted before the generation was over",
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"
				 "9 0 ok progress topic=1 offset=12 group=1 generation=1\n"
				 "9 0 ok assign topic=1 offset=12 group=1 generation=2\n"},

	{RULE_COMMITTED_AGAIN, true, NULL,
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"
				 "9 2 ok commit topic=1 offset=12 group=1 "
				 "generation=1 level=2\n" KILLED("13")
					 AGAIN("3", "1", "11", "2", "2")},
	{RULE_COMMITTED_AGAIN, false, "only written, and the power went",
	 GROUP THREE POLLED(
		 "2", "1", "11", "1",
		 "1") "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"
		      "9 2 ok commit topic=1 offset=12 group=1 generation=1 level=2\n" CUT("13")
			      AGAIN("3", "1", "11", "2", "2")},
	{RULE_COMMITTED_AGAIN, false, "a seek",
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"
				 "9 2 ok commit topic=1 offset=12 group=1 generation=1 level=3\n"
				 "9 2 invoke seek group=1 offset=11\n" AGAIN("3", "1", "11", "2",
									     "2")},

	{RULE_UNMARKED_REDELIVERY, true, NULL,
	 THREE POLLED("2", "1", "11", "1", "1") POLLED("3", "1", "11", "2", "2")},
	{RULE_UNMARKED_REDELIVERY, false, "another group",
	 THREE POLLED("2", "1", "11", "1",
		      "1") "9 4 ok poll value=1 topic=1 offset=11 group=4 generation=1 call=2\n"},

	{RULE_LEASED_TWICE, true, NULL,
	 KEYED KEYED_SENT("1", "11", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "40 3 ok poll value=1 key=5 topic=1 offset=11 group=2 "
			      "generation=1 call=2 end=90 "
			      "redelivered\n"},
	{RULE_LEASED_TWICE, false, "its time was up",
	 KEYED KEYED_SENT("1", "11", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "50 3 ok poll value=1 key=5 topic=1 offset=11 group=2 "
			      "generation=1 call=2 end=90 "
			      "redelivered\n"},
	{RULE_LEASED_TWICE, true, "its time was up, and had been made longer",
	 KEYED KEYED_SENT("1", "11", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "20 2 ok extend topic=1 offset=11 group=2 end=80\n"
			      "50 3 ok poll value=1 key=5 topic=1 offset=11 group=2 "
			      "generation=1 call=2 end=90 "
			      "redelivered\n"},
	{RULE_LEASED_TWICE, false, "its member had gone",
	 KEYED KEYED_SENT("1", "11", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "20 2 ok leave group=2\n"
			      "40 3 ok poll value=1 key=5 topic=1 offset=11 group=2 "
			      "generation=1 call=2 end=90 "
			      "redelivered\n"},

	{RULE_KEY_IN_FLIGHT, true, NULL,
	 KEYED KEYED_SENT("1", "11", "5") KEYED_SENT("2", "12", "5")
		 LEASED("10", "2", "1", "11", "5", "1", "50")
			 LEASED("20", "3", "2", "12", "5", "2", "60")},
	{RULE_KEY_IN_FLIGHT, false, "another key",
	 KEYED KEYED_SENT("1", "11", "5") KEYED_SENT("2", "12", "6")
		 LEASED("10", "2", "1", "11", "5", "1", "50")
			 LEASED("20", "3", "2", "12", "6", "2", "60")},
	{RULE_KEY_IN_FLIGHT, false, "the first one was acknowledged",
	 KEYED KEYED_SENT("1", "11", "5") KEYED_SENT("2", "12", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "15 2 ok ack topic=1 offset=11 "
			      "group=2\n" LEASED("20", "3", "2", "12", "5", "2", "60")},
	{RULE_KEY_IN_FLIGHT, false, "both in one call",
	 KEYED KEYED_SENT("1", "11", "5") KEYED_SENT("2", "12", "5")
		 LEASED("10", "2", "1", "11", "5", "1", "50")
			 LEASED("10", "2", "2", "12", "5", "1", "50")},

	{RULE_TOO_EARLY, true, NULL,
	 TIMED("delay=2000") LEASED("1998", "2", "1", "11", "5", "1", "90")},
	{RULE_TOO_EARLY, false, "by the log's clock it may be over",
	 TIMED("delay=2000") LEASED("1999", "2", "1", "11", "5", "1", "90")},
	{RULE_TOO_EARLY, false, "it was sent in the life before",
	 TIMED("delay=90") KILLED("11") LEASED("22", "2", "1", "11", "5", "1", "90")},
	{RULE_TOO_EARLY, true, "the queue has the longer one",
	 TIMED("delay=2") "3 1 ok subscribe topic=1 group=2 level=1 delay=50 keyed\n" LEASED(
		 "12", "2", "1", "11", "5", "1", "90")},

	{RULE_TOO_LATE, true, NULL, TIMED("lives=5") LEASED("13", "2", "1", "11", "5", "1", "90")},
	{RULE_TOO_LATE, false, "by the log's clock it may not be over",
	 TIMED("lives=5") LEASED("12", "2", "1", "11", "5", "1", "90")},
	{RULE_TOO_LATE, true, "the queue has the shorter one",
	 TIMED("lives=9") "3 1 ok subscribe topic=1 group=2 level=1 lives=4 keyed\n" LEASED(
		 "13", "2", "1", "11", "5", "1", "90")},
	{RULE_TOO_LATE, false, "it was redriven",
	 TIMED("lives=5") "9 2 ok dead value=1 topic=9 group=2\n9 0 ok redrive value=1\n" LEASED(
		 "13", "2", "1", "11", "5", "1", "90")},

	{RULE_PRIORITY_PASSED, true, NULL,
	 QUEUE TWO_TAKEN("7") URGENT("1", "11", "1", "50") URGENT("2", "12", "5", "50")},
	{RULE_PRIORITY_PASSED, false, "the first one is as urgent",
	 QUEUE TWO_TAKEN("7") URGENT("1", "11", "5", "50") URGENT("2", "12", "5", "50")},
	{RULE_PRIORITY_PASSED, false, "it was to be had only later",
	 QUEUE TWO_TAKEN("8") URGENT("1", "11", "1", "50") URGENT("2", "12", "5", "50")},
	{RULE_PRIORITY_PASSED, false, "it was leased at another moment",
	 QUEUE TWO_TAKEN("7") URGENT("1", "11", "1", "50") URGENT("2", "12", "5", "51")},

	{RULE_TAKEN_AWAY, true, NULL,
	 KEYED KEYED_SENT("1", "11", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "40 0 ok expire value=1 topic=1 offset=11 group=2\n"},
	{RULE_TAKEN_AWAY, true, "into the dead letters",
	 KEYED KEYED_SENT("1", "11", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "40 0 ok dead value=1 topic=9 offset=14 group=2\n"},
	{RULE_TAKEN_AWAY, false, "its time was up",
	 KEYED KEYED_SENT("1", "11", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "50 0 ok expire value=1 topic=1 offset=11 group=2\n"},
	{RULE_TAKEN_AWAY, false, "its member had rejected it",
	 KEYED KEYED_SENT("1", "11", "5")
		 LEASED("10", "2", "1", "11", "5", "1",
			"50") "30 2 ok release topic=1 offset=11 group=2\n"
			      "40 0 ok dead value=1 topic=9 offset=14 group=2\n"},

	{RULE_PARKED_PASSED, true, NULL, PARKED LEASED("9", "2", "2", "12", "5", "2", "90")},
	{RULE_PARKED_PASSED, false, "of another key",
	 PARKED KEYED_SENT("3", "13", "6") SCANNED("2", "12")
		 LEASED("9", "2", "3", "13", "6", "2", "90")},
	{RULE_PARKED_PASSED, false, "it was given up",
	 PARKED "8 0 ok giveup value=1 group=2\n" LEASED("9", "2", "2", "12", "5", "2", "90")},
	{RULE_PARKED_PASSED, false, "it was redriven",
	 PARKED "8 0 ok redrive value=1\n" LEASED("9", "2", "2", "12", "5", "2", "90")},
	{RULE_PARKED_PASSED, false, "its letter was cut away",
	 PARKED CUT("13") LEASED("22", "2", "2", "12", "5", "2", "90")},

	{RULE_DEAD_AND_ALIVE, true, NULL,
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok dead value=1 topic=9 offset=14 group=1\n"
				 "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"},
	{RULE_DEAD_AND_ALIVE, false, "it was redriven",
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok dead value=1 topic=9 offset=14 group=1\n"
				 "9 0 ok redrive value=1\n" AGAIN("2", "1", "11", "2", "2")},
	{RULE_DEAD_AND_ALIVE, false, "acknowledged by an owner from before, as nobody had told it",
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "8 0 ok assign topic=1 offset=11 group=1 generation=2\n"
				 "9 2 ok dead value=1 topic=9 offset=14 group=1\n"
				 "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"},
	{RULE_DEAD_AND_ALIVE, true, "acknowledged by the owner that it has since then",
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok dead value=1 topic=9 offset=14 group=1\n"
				 "9 0 ok assign topic=1 offset=11 group=1 generation=2\n"
				 "9 2 ok ack topic=1 offset=11 group=1 generation=2\n"},
	{RULE_DEAD_AND_ALIVE, false, "a recovery took it back",
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "9 2 ok dead value=1 topic=9 offset=14 group=1\n" CUT("13")
		 AGAIN("2", "1", "11", "2", "2")},

	{RULE_DEAD_AND_GONE, true, NULL,
	 GROUP THREE POLLED(
		 "2", "1", "11", "1",
		 "1") "3 1 ok subscribe topic=9 group=9 level=3\n"
		      "9 2 ok dead value=1 topic=9 offset=14 group=1\n9 3 ok drain group=9\n"},
	{RULE_DEAD_AND_GONE, false, "a recovery took it back",
	 GROUP THREE POLLED("2", "1", "11", "1",
			    "1") "3 1 ok subscribe topic=9 group=9 level=3\n"
				 "9 2 ok dead value=1 topic=9 offset=14 group=1\n" CUT(
					 "13") "9 3 ok drain group=9\n"},
};

const uint32_t case_count = sizeof cases / sizeof cases[0];
