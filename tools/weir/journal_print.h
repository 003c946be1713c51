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

/* Kept from event to event: the second that was formatted last. */
struct journal_print {
	uint64_t second;
	char date[32];
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
void journal_json_event(FILE *to, const struct weir_journal_event *event, bool hex);

/*
 * Bytes as text: UTF-8 is kept, control characters, '"' and '\' are escaped as in C; what is not
 * UTF-8 becomes \xNN. Pure, for tests.
 */
void journal_print_escaped(FILE *to, const void *bytes, size_t length_bytes);

#endif
