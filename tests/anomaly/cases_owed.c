/* SPDX-License-Identifier: Apache-2.0 */
/* See cases.h: what a group need not be handed, by its filter, or since it was erased, or since a
 * compaction may have taken it. */
#include "tests/anomaly/cases.h"
#include "tests/anomaly/cases_words.h"

/* It wants nothing of kind 1, of which the second is. */
#define KINDS(filter)                                                                              \
	GROUP SENT("1", "11") "1 1 invoke send value=2 topic=1 kind=1\n"                           \
			      "2 1 ok send value=2 topic=1 offset=12 level=3 kind=1\n" filter      \
			      "4 0 ok assign topic=1 offset=11 group=1 generation=1\n" SENT(       \
				      "3", "14") POLLED("2", "1", "11", "1", "1")
#define WANTED_FROM(offset) "3 0 ok filter group=1 offset=" offset " unwanted=2\n"

/* Key 5 is erased below 13. */
#define TO_ERASE                                                                                   \
	GROUP SENT("1", "11") KEYED_SENT("2", "12", "5") SENT("3", "14") SCANNED("1", "11")        \
		SCANNED("2", "12") SCANNED("3", "14")
#define ERASED(key) "4 0 ok erase key=" key " topic=1 offset=13 level=3\n"
#define INVOKED "5 2 invoke poll group=1 call=1\n"
#define FROM_FIRST "4 0 ok assign topic=1 offset=11 group=1 generation=1\n"

/* Of key 5 two events, and what comes behind them is read. */
#define TO_COMPACT(second)                                                                         \
	GROUP SENT("1", "11") KEYED_SENT(                                                          \
		"2", "12", "5") "1 1 invoke send value=3 key=5 "                                   \
				"topic=1" second "\n"                                              \
				"2 1 ok send value=3 key=5 topic=1 "                               \
				"offset=13 level=3\n" SENT("4", "14")                              \
					FROM_FIRST SCANNED("2", "12") SCANNED("3", "13")           \
						POLLED("2", "1", "11", "1", "1")
#define COMPACTED(offset) "9 0 ok compact topic=1 offset=" offset "\n"

const struct case_of_rule cases_owed[] = {
	{RULE_UNWANTED, true, NULL, KINDS(WANTED_FROM("12")) POLLED("2", "2", "12", "1", "2")},
	{RULE_UNWANTED, true, "of a group that was made so",
	 "1 1 invoke send value=1 topic=1 kind=1\n"
	 "3 1 ok subscribe topic=1 group=1 level=1 unwanted=2\n" POLLED("2", "1", "11", "1", "1")},
	{RULE_UNWANTED, false, "from behind it on",
	 KINDS(WANTED_FROM("13")) POLLED("2", "2", "12", "1", "2")},
	{RULE_UNWANTED, false, "that it does not want it was cut away",
	 "1 1 invoke send value=1 topic=1 kind=1\n" WANTED_FROM("10") CUT("9")
		 POLLED("2", "1", "11", "1", "1")},
	{RULE_POLL_SKIP, true, "it wants what it passes over",
	 KINDS("") SCANNED("2", "12") POLLED("2", "3", "14", "1", "2")},
	{RULE_POLL_SKIP, false, "it does not want that",
	 KINDS(WANTED_FROM("12")) SCANNED("2", "12") POLLED("2", "3", "14", "1", "2")},
	{RULE_UNSEEN, false, "it does not want it",
	 KINDS(WANTED_FROM("12")) SCANNED("2", "12")
		 POLLED("2", "3", "14", "1", "2") "10 1 ok drain group=1\n"},
	{RULE_LOST_WRITE, false, "who passes over it does not want it",
	 KINDS(WANTED_FROM("12")) POLLED("2", "3", "14", "1", "2")},
	{RULE_UNACKED_PASSED, false, "it does not want it",
	 KINDS(WANTED_FROM("12"))
		 SCANNED("2", "12") "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"
				    "9 0 ok progress topic=1 offset=14 group=1 generation=1\n"},

	{RULE_ERASED_SEEN, true, NULL,
	 TO_ERASE ERASED("5") INVOKED POLLED("2", "2", "12", "1", "1")},
	{RULE_ERASED_SEEN, true, "it becomes a dead letter",
	 TO_ERASE ERASED("5") "6 2 ok dead value=2 topic=9 offset=15 group=1\n"},
	{RULE_ERASED_SEEN, false, "it was a dead letter before",
	 GROUP KEYED_SENT("2", "11",
			  "5") "4 2 ok dead value=2 topic=9 offset=12 group=1\n" ERASED("5")},
	{RULE_ERASED_SEEN, false, "another key",
	 TO_ERASE ERASED("6") INVOKED POLLED("2", "2", "12", "1", "1")},
	{RULE_ERASED_SEEN, false, "it was told when the call had begun",
	 TO_ERASE INVOKED ERASED("5") POLLED("2", "2", "12", "1", "1")},
	{RULE_ERASED_SEEN, false, "a handler had it in hand",
	 TO_ERASE ERASED("5") "5 2 invoke poll group=1\n"
			      "9 2 ok poll value=2 topic=1 offset=12 group=1 generation=1\n"},
	{RULE_ERASED_SEEN, false, "it stands behind it",
	 TO_ERASE ERASED("5") KEYED_SENT("4", "15", "5") INVOKED POLLED("2", "4", "15", "1", "1")},
	{RULE_POLL_SKIP, false, "it was erased",
	 TO_ERASE FROM_FIRST ERASED("5") POLLED("2", "1", "11", "1", "1")
		 POLLED("2", "3", "14", "1", "2")},
	{RULE_POLL_SKIP, true, "another key was erased",
	 TO_ERASE FROM_FIRST ERASED("6") POLLED("2", "1", "11", "1", "1")
		 POLLED("2", "3", "14", "1", "2")},
	{RULE_INT_POLL_SKIP, true, "the erasure was cut away",
	 TO_ERASE FROM_FIRST "4 0 ok erase key=5 topic=1 offset=20\n" CUT("19")
		 POLLED("2", "1", "11", "1", "1") POLLED("2", "3", "14", "1", "1")},
	{RULE_UNSEEN, false, "it was erased",
	 TO_ERASE ERASED("5") POLLED("2", "1", "11", "1", "1")
		 POLLED("2", "3", "14", "1", "1") "10 1 ok drain group=1\n"},
	{RULE_DEAD_AND_GONE, false, "it was erased",
	 TO_ERASE "3 1 ok subscribe topic=9 group=9 level=3\n"
		  "4 2 ok dead value=2 topic=9 offset=15 group=1\n"
		  "5 0 ok erase key=5 topic=1 offset=16\n9 3 ok drain group=9\n"},

	{RULE_POLL_SKIP, false, "a later one of its key stands there",
	 TO_COMPACT("") COMPACTED("14") POLLED("2", "3", "13", "1", "2")},
	{RULE_POLL_SKIP, true, "the later one of its key is not compacted yet",
	 TO_COMPACT("") COMPACTED("13") POLLED("2", "3", "13", "1", "2")},
	{RULE_POLL_SKIP, true, "it is the newest of its key",
	 TO_COMPACT("") COMPACTED("15") POLLED("2", "4", "14", "1", "2")},
	{RULE_POLL_SKIP, false, "it is a tombstone",
	 TO_COMPACT(" tombstone") COMPACTED("15") POLLED("2", "4", "14", "1", "2")},
	{RULE_POLL_SKIP, false, "there may be a later one that nobody has seen",
	 "1 1 invoke send value=7 key=5 topic=1 tombstone\n" TO_COMPACT("") COMPACTED("15")
		 POLLED("2", "4", "14", "1", "2")},
	{RULE_UNSEEN, false, "a later one of its key stands there",
	 TO_COMPACT("") COMPACTED("15") POLLED("2", "3", "13", "1", "2")
		 POLLED("2", "4", "14", "1", "2") "10 1 ok drain group=1\n"},
	{RULE_UNSEEN, true, "it is the newest of its key",
	 "1 1 ok subscribe topic=1 group=1 level=1\n" KEYED_SENT("2", "12", "5") SCANNED("2", "12")
		 COMPACTED("15") "10 1 ok drain group=1\n"},
	{RULE_UNACKED_PASSED, false, "a later one of its key stands there",
	 TO_COMPACT("") COMPACTED("14") "9 2 ok ack topic=1 offset=11 group=1 generation=1\n"
					"9 0 ok progress topic=1 offset=13 group=1 generation=1\n"},
};

const uint32_t cases_owed_count = sizeof cases_owed / sizeof cases_owed[0];
