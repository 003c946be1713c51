/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of text as events. Two forms, told apart by their first character:
 *
 *   {"key": K, "type": T, "payload": {...}}   JSON lines. The key is a string or a number; without
 *                                             one the event has no key. "payload" holds the order;
 *                                             where it is missing, the line itself does.
 *   <ms> <kind> <json>                        the log of an exchange's feed. The key is the order's
 *                                             id; trades and snapshots have their kind as key, so
 *                                             that each of the two is one ordered stream.
 *
 * T or kind: order_created, order_changed, order_deleted, trade, order_book; anything else is an
 * event without a meaning for the books. Orders have "id", "price", "amount", "order_type" (0 bid,
 * 1 ask) and, in a market of several, "instrument" (a number below 1024).
 *
 * What is published is the whole line, byte for byte.
 *
 * Thread: any; there is no state.
 */
#ifndef WEIR_TOOLS_DEMO_LINE_H
#define WEIR_TOOLS_DEMO_LINE_H

#include "tools/weir/demo/event.h"

#define DEMO_KEY_BYTES_MAX 1024

/* ret_record borrows from the line; its index is 0. False: the line is neither form. */
bool demo_line_parse(struct demo_text line, struct demo_record *ret_record);

/* Takes the next line that is not blank off `rest`, without its end. False: there are no more. */
bool demo_line_next(struct demo_text *rest, struct demo_text *ret_line);

#endif
