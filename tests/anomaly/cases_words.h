/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cases are put together from. Group 1 owns partitions, group 2 leases by keys, group 9
 * reads the dead letters, which topic 9 holds.
 */
#ifndef WR_ANOMALY_CASES_WORDS_H
#define WR_ANOMALY_CASES_WORDS_H

#define SENT(value, offset)                                                                        \
	"1 1 invoke send value=" value " topic=1\n"                                                \
	"2 1 ok send value=" value " topic=1 offset=" offset " level=3\n"
#define POLLED(process, value, offset, generation, call)                                           \
	"9 " process " ok poll value=" value " topic=1 offset=" offset                             \
	" group=1 generation=" generation " call=" call "\n"
#define AGAIN(process, value, offset, generation, call)                                            \
	"9 " process " ok poll value=" value " topic=1 offset=" offset                             \
	" group=1 generation=" generation " call=" call " redelivered\n"
#define SCANNED(value, offset) "9 8 ok scan value=" value " topic=1 offset=" offset "\n"
#define THREE SENT("1", "11") SENT("2", "12") SENT("3", "13")
#define GROUP "3 1 ok subscribe topic=1 group=1 level=3\n"
#define KEYED "3 1 ok subscribe topic=1 group=2 level=1 keyed\n"
#define LEASED(time, process, value, offset, key, call, until)                                     \
	time " " process " ok poll value=" value " key=" key " topic=1 offset=" offset             \
	     " group=2 generation=1 call=" call " end=" until "\n"
#define KEYED_SENT(value, offset, key)                                                             \
	"1 1 invoke send value=" value " key=" key " topic=1\n"                                    \
	"2 1 ok send value=" value " key=" key " topic=1 offset=" offset " level=3\n"
#define KILLED(cut) "20 0 info crash level=2\n21 0 ok recover offset=" cut "\n"
#define CUT(cut) "20 0 info crash level=3\n21 0 ok recover offset=" cut "\n"

#endif
