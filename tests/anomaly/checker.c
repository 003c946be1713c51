/* SPDX-License-Identifier: Apache-2.0 */
/* See checker.h: the frame, and what it says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/anomaly/checker_internal.h"

#define KEPT_OF_RULE 2u

static const struct {
	const char *name, *text;
	bool is_allowed;
} rules[RULE_COUNT] = {
#define RULE_ROW(name, word, allowed, text) {word, text, allowed},
	RULE_MAP(RULE_ROW)
#undef RULE_ROW
};

const char *rule_name(enum rule rule)
{
	return rules[rule].name;
}

const char *rule_text(enum rule rule)
{
	return rules[rule].text;
}

bool rule_is_allowed(enum rule rule)
{
	return rules[rule].is_allowed;
}

struct checker *checker_create(void)
{
	struct checker *c = calloc(1, sizeof *c);

	if (c == NULL)
		exit(2);
	return c;
}

#define LISTS(X)                                                                                   \
	X(lives, struct life)                                                                      \
	X(places, struct place)                                                                    \
	X(entries, struct entry)                                                                   \
	X(attempts, struct attempt)                                                                \
	X(values, struct value)                                                                    \
	X(calls, struct call)                                                                      \
	X(groups, struct group)                                                                    \
	X(rows, struct row)                                                                        \
	X(gaps, struct gap)                                                                        \
	X(gvs, struct gv)                                                                          \
	X(op_entry, uint32_t)                                                                      \
	X(order, uint32_t)                                                                         \
	X(cursors, struct cursor)                                                                  \
	X(versioned, struct versioned)                                                             \
	X(in_topic, uint32_t)                                                                      \
	X(keys, struct key)                                                                        \
	X(processes, struct process)                                                               \
	X(nodes, struct node)                                                                      \
	X(edges, struct edge)                                                                      \
	X(growths, struct growth)                                                                  \
	X(filters, struct filter)                                                                  \
	X(erasures, struct erasure)                                                                \
	X(compactions, struct compaction)                                                          \
	X(starts, uint64_t)                                                                        \
	X(numbers, uint32_t)

#define TABLES(X)                                                                                  \
	X(place_at)                                                                                \
	X(entry_at)                                                                                \
	X(value_at)                                                                                \
	X(call_at)                                                                                 \
	X(group_at)                                                                                \
	X(row_at)                                                                                  \
	X(gv_at)                                                                                   \
	X(start_at)                                                                                \
	X(owner_at)                                                                                \
	X(cursor_at)                                                                               \
	X(last_send_at)                                                                            \
	X(key_at)                                                                                  \
	X(topic_start_at)                                                                          \
	X(seen_at)                                                                                 \
	X(dedup_at)                                                                                \
	X(forget_at)                                                                               \
	X(state_at)                                                                                \
	X(process_at)                                                                              \
	X(home_at)                                                                                 \
	X(versioned_at)                                                                            \
	X(later_at)                                                                                \
	X(unplaced_at)

void checker_destroy(struct checker *c)
{
	if (c == NULL)
		return;
#define LIST_FINI(name, type) list_fini(&c->name);
	LISTS(LIST_FINI)
#undef LIST_FINI
#define TABLE_FINI(name) table_fini(&c->name);
	TABLES(TABLE_FINI)
#undef TABLE_FINI
	free(c);
}

void checker_run(struct checker *c, const struct history *history,
		 const struct checker_options *options, struct verdict *ret_verdict)
{
	memset(ret_verdict, 0, sizeof *ret_verdict);
	c->history = history;
	c->options = options;
	c->verdict = ret_verdict;
#define LIST_BEGIN(name, type) list_begin(&c->name, sizeof(type));
	LISTS(LIST_BEGIN)
#undef LIST_BEGIN
#define TABLE_BEGIN(name) table_begin(&c->name);
	TABLES(TABLE_BEGIN)
#undef TABLE_BEGIN
	checker_log(c);
	checker_homes(c);
	checker_leaves(c);
	checker_sends(c);
	checker_polls(c);
	checker_groups(c);
	checker_ends(c);
	checker_txns(c);
	checker_versions(c);
}

void checker_found(struct checker *c, enum rule rule, uint32_t line, uint32_t other)
{
	struct verdict *v = c->verdict;

	v->counts[rule]++;
	if (rules[rule].is_allowed)
		return;
	v->anomalies++;
	if (v->counts[rule] <= KEPT_OF_RULE && v->kept_count < ANOMALIES_KEPT)
		v->kept[v->kept_count++] = (struct anomaly){rule, line, other};
}

void *checker_at(struct table *table, struct list *list, uint64_t a, uint64_t b, bool *ret_made)
{
	uint32_t *index = table_at(table, a, b);

	*ret_made = *index == TABLE_NONE;
	if (*ret_made) {
		*index = list->count;
		return list_add(list);
	}
	return list_get(list, *index);
}

void *checker_find(const struct table *table, const struct list *list, uint64_t a, uint64_t b)
{
	uint32_t index = table_find(table, a, b);

	return index == TABLE_NONE ? NULL : list_get(list, index);
}

uint32_t checker_rank_from(const struct checker *c, const struct place *place, uint64_t offset)
{
	uint32_t low = place->first_rank, high = place->end_rank;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (checker_ranked(c, middle)->offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void say_line(const struct history *history, uint32_t line, FILE *to)
{
	char text[HISTORY_LINE_BYTES];

	if (line == TABLE_NONE)
		return;
	history_say(history_op(history, line), text);
	(void)fprintf(to, "#   line %u: %s\n", line + 1, text);
}

void verdict_say(const struct verdict *v, const struct history *history, FILE *to)
{
	for (uint32_t i = 0; i < v->kept_count; i++) {
		const struct anomaly *a = &v->kept[i];
		(void)fprintf(to, "# %s: %s\n", rules[a->rule].name, rules[a->rule].text);
		say_line(history, a->other, to);
		say_line(history, a->line, to);
	}
	for (uint32_t r = 0; r < RULE_COUNT; r++)
		if (v->counts[r] > 0)
			(void)fprintf(to, "# %s: %" PRIu64 "%s\n", rules[r].name, v->counts[r],
				      rules[r].is_allowed ? " (allowed)" : "");
}
