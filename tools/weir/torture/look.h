/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at a journal from outside: its events as (sequence, hash of all that a reader sees), and
 * the damage that was told. What somebody did to a journal is judged by comparing two looks.
 *
 * Thread: one for each look.
 */
#ifndef WEIR_TOOLS_TORTURE_LOOK_H
#define WEIR_TOOLS_TORTURE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include <weir.h>

#define LOOK_EVENTS_MAX 65536u

struct look_event {
	uint64_t sequence;
	uint64_t hash;
};

struct look {
	int code;
	struct weir_journal_report report;
	struct look_event events[LOOK_EVENTS_MAX];
	uint32_t event_count;
	uint32_t more_count;                /* events that found no room */
	struct weir_journal_damage corrupt; /* the first that counts as corruption */
	struct weir_journal_damage first;   /* the first of any kind */
	uint32_t damage_count;
	uint32_t torn_count;
};

/* weir_journal_inspect(). */
void look_at(const char *dir, struct look *ret_look);

/* One more event, as a member got it. */
void look_keep(struct look *look, const struct weir_item *item);

/* Are these all events of `whole`, but for those from `first` to `end` (exclusive)? */
bool look_has_all_but(const struct look_event *whole, uint32_t whole_count,
		      const struct look_event *events, uint32_t count, uint64_t first,
		      uint64_t end);

/* Is each of these events one of `whole`, in its order? The others are missing. */
bool look_has_only(const struct look_event *whole, uint32_t whole_count,
		   const struct look_event *events, uint32_t count);

#endif
