/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letters of a dead-letter topic: which of them a command is for, and how one is printed.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_DLQ_LETTERS_H
#define WEIR_TOOLS_DLQ_LETTERS_H

#include <weir/dead_letters.h>

#include "tools/weir/journal_print.h"

/* All of it is to hold. Sequences are the letter's own. */
struct dlq_filter {
	uint32_t subscription; /* UINT32_MAX: any */
	uint64_t reason;       /* UINT64_MAX: any */
	const void *key;       /* NULL: any */
	size_t key_bytes;
	uint64_t first_sequence;
	uint64_t last_sequence;
};

bool dlq_matches(const struct dlq_filter *filter, const struct weir_item *letter,
		 const struct weir_origin *origin);

/* Why it died: "rejected", "expired", "maxlen", "untransformed", "unrouted" or "attempts". */
const char *dlq_cause(const struct weir_origin *origin);

struct dlq_print {
	struct weir_pipeline *pipeline; /* names of topics and subscriptions */
	struct journal_print state;
	bool hex;
	bool whole; /* ids, headers and the payload, too */
};

/* What is with it now: "parked", "waits", "handled"; or "left", which no job takes. */
const char *dlq_state(const struct weir_origin *origin, enum weir_letter_state state);

void dlq_print_letter(struct dlq_print *print, FILE *to, const struct weir_item *letter,
		      const struct weir_origin *origin, enum weir_letter_state state);
void dlq_json_letter(const struct dlq_print *print, struct json_out *j,
		     const struct weir_item *letter, const struct weir_origin *origin,
		     enum weir_letter_state state);

#endif
