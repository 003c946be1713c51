/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir journal` prints: segments, damages, events and totals, as text and as JSON. Bytes that
 * come from a journal are escaped, so that no event can play tricks on a terminal.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_JOURNAL_PRINT_H
#define WEIR_TOOLS_JOURNAL_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include <weir/journal.h>

#include "tools/weir/json_out.h"
#include "tools/weir/payload_json.h"

/* Kept from event to event: the second that was formatted last, and the payload as JSON, if that is
 * asked for. */
struct journal_print {
	uint64_t second;
	char date[32];
	struct payload_json json;
};

void journal_print_segment(FILE *to, const struct weir_journal_segment *segment, bool heading);
void journal_print_totals(FILE *to, const struct weir_journal_report *report);
void journal_print_damage(FILE *to, const struct weir_journal_damage *damage);
void journal_print_verdict(FILE *to, const struct weir_journal_report *report);
void journal_print_event(struct journal_print *state, FILE *to,
			 const struct weir_journal_event *event, bool hex);

void journal_json_segment(struct json_out *j, const struct weir_journal_segment *segment);
void journal_json_damage(struct json_out *j, const struct weir_journal_damage *damage);
/* The fields of an open object. */
void journal_json_report(struct json_out *j, const struct weir_journal_report *report);
/* One line. */
void journal_json_event(struct journal_print *state, FILE *to,
			const struct weir_journal_event *event, bool hex);

/* Parts of an event, for other reports. A time, with a blank before it. */
void journal_print_time(struct journal_print *state, FILE *to, uint64_t time_us);
/* In quotes and escaped, or, where it is not UTF-8 or `hex`, as 0x and digits. */
void journal_print_bytes(FILE *to, const void *bytes, size_t length_bytes, bool hex);
/* null for 0. */
void journal_json_time(struct json_out *j, const char *key, uint64_t time_us);
/* KEY as text where it is UTF-8, else KEY_hex. Never both: a program looks for the one it gets. */
void journal_json_bytes(struct json_out *j, const char *key, const char *hex_key, const void *bytes,
			size_t length_bytes, bool hex);
/* Where that stands which this is in the stead of: a dead letter, what was redriven or replayed.
 * False: it is none. (Copies for bindings name theirs as their cause.) */
bool journal_copy_of(const struct weir_item *item, struct weir_pos *ret_pos);
/* Those that are set. */
void journal_json_ids(struct json_out *j, const struct weir_item *item);

/*
 * Bytes as text: UTF-8 is kept, control characters, '"' and '\' are escaped as in C; what is not
 * UTF-8 becomes \xNN. Pure, for tests.
 */
void journal_print_escaped(FILE *to, const void *bytes, size_t length_bytes);

#endif
