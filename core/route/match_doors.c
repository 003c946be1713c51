/* SPDX-License-Identifier: Apache-2.0 */
/* An event's values at the doors of a matcher: they are looked up when all of them are found. */
#include <math.h>

#include "core/route/case_fold.h"
#include "core/route/ends_hash.h"
#include "core/route/matcher.h"

void wr_match_open_list(struct weir_match *m, uint32_t list)
{
	if ((list & WR_LIST_IS_RULE) != 0) {
		wr_match_take_rule(m, list & ~WR_LIST_IS_RULE, false);
		return;
	}
	if (list == 0 || m->list_stamps[list - 1] == m->event)
		return;
	m->list_stamps[list - 1] = m->event;
	m->open[m->open_count++] = list - 1;
	__builtin_prefetch(&m->matcher->members[list - 1]);
}

static void open_entry(struct weir_match *m, uint32_t path, uint32_t kind, const void *bytes,
		       size_t count)
{
	const struct wr_entry *e = wr_table_find(&m->matcher->table, path, kind, bytes, count);
	if (e != NULL)
		wr_match_open_list(m, e->list);
}

/* The path's own filter says that it may be there. */
static __attribute__((noinline)) void open_equal_text(struct weir_match *m, uint32_t number,
						      const struct wr_value *v, uint64_t hash)
{
	const struct wr_equals *texts = &m->matcher->paths[number].equal_texts;
	wr_match_open_list(m, wr_equals_find_text(texts, v->text, v->text_bytes, hash));
}

static __attribute__((noinline)) void open_equal_number(struct weir_match *m, uint32_t number,
							uint64_t order, uint64_t hash)
{
	const struct wr_equals *numbers = &m->matcher->paths[number].equal_numbers;
	wr_match_open_list(m, wr_equals_find_number(numbers, order, hash));
}

static void open_address(struct weir_match *m, uint32_t number, const struct wr_value *v)
{
	const struct wr_path *path = &m->matcher->paths[number];
	struct wr_address address;
	if (!wr_address_parse((const char *)v->text, v->text_bytes, &address))
		return;
	if ((path->doors & 1u << WR_DOOR_ADDRESS) != 0)
		open_entry(m, number, WR_DOOR_ADDRESS, address.bytes, address.length_bytes);
	for (uint32_t i = 0; i < path->mask_count; i++) {
		uint16_t step = path->masks[i];
		struct wr_address first = address;
		uint8_t key[17];
		if ((step >= 256) != (address.length_bytes == 16))
			continue;
		key[0] = (uint8_t)step;
		wr_address_mask(&first, key[0]);
		memcpy(key + 1, first.bytes, first.length_bytes);
		open_entry(m, number, WR_DOOR_BLOCK, key, 1u + first.length_bytes);
	}
}

static void take_list(void *context, uint32_t list)
{
	wr_match_open_list(context, list);
}

/* Of the path's texts of this kind those that the text begins, or ends, with. */
static void open_ends(struct weir_match *m, uint32_t number, enum wr_door kind, const uint8_t *text,
		      size_t bytes)
{
	const struct wr_ends *ends = m->matcher->paths[number].ends[kind];
	if (ends == NULL)
		return;
	if (kind == WR_DOOR_PREFIX || kind == WR_DOOR_PREFIX_CASE)
		wr_ends_first(ends, text, bytes, take_list, m);
	else
		wr_ends_last(ends, text, bytes, take_list, m);
}

/* ASCII only: a letter beyond stands for itself and is in no key. */
static void open_case(struct weir_match *m, uint32_t number, const struct wr_value *v)
{
	const struct wr_path *path = &m->matcher->paths[number];
	uint8_t *lower = m->texts + m->texts_bytes;
	if (v->text_bytes > 2 * m->payload_bytes_max - m->texts_bytes) {
		m->failed = true; /* an attribute that is longer than payloads may be */
		return;
	}
	for (size_t i = 0; i < v->text_bytes; i++)
		lower[i] = wr_case_lower_ascii(v->text[i]);
	if ((path->case_lengths >> (v->text_bytes % 64) & 1) != 0)
		open_entry(m, number, WR_DOOR_EQUALS_CASE, lower, v->text_bytes);
	open_ends(m, number, WR_DOOR_PREFIX_CASE, lower, v->text_bytes);
	open_ends(m, number, WR_DOOR_SUFFIX_CASE, lower, v->text_bytes);
}

/* What few paths have: suffixes, case, addresses. */
static __attribute__((noinline)) void open_other_text(struct weir_match *m, uint32_t number,
						      const struct wr_value *v)
{
	uint32_t doors = m->matcher->paths[number].doors;
	open_ends(m, number, WR_DOOR_SUFFIX, v->text, v->text_bytes);
	if ((doors & (1u << WR_DOOR_EQUALS_CASE | 1u << WR_DOOR_PREFIX_CASE |
		      1u << WR_DOOR_SUFFIX_CASE)) != 0)
		open_case(m, number, v);
	if ((doors & (1u << WR_DOOR_ADDRESS | 1u << WR_DOOR_BLOCK)) != 0)
		open_address(m, number, v);
}

#define OTHER_TEXT_DOORS                                                                           \
	(1u << WR_DOOR_SUFFIX | 1u << WR_DOOR_EQUALS_CASE | 1u << WR_DOOR_PREFIX_CASE |            \
	 1u << WR_DOOR_SUFFIX_CASE | 1u << WR_DOOR_ADDRESS | 1u << WR_DOOR_BLOCK)

/* A value whose look-up is begun: the first line that it needs was sent for. */
struct asked {
	const struct wr_ends_cell *cell; /* of a text, where there are prefixes */
	uint64_t key;                    /* of a text its window's hash, of a number its order */
	size_t along;                    /* a text, with the trunk of prefixes */
};

static inline __attribute__((always_inline)) void ask_text(struct weir_match *m,
							   const struct wr_path *path,
							   const struct wr_match_value *v,
							   struct asked *asked)
{
	const struct wr_ends *beginnings = path->ends[WR_DOOR_PREFIX];
	const uint8_t *text = v->value.text;
	size_t bytes = v->value.text_bytes;
	uint64_t hash = wr_window_hash(wr_window_last(text, bytes), bytes);
	m->paths[v->path].seen |= wr_seen_hash(hash);
	asked->key = hash;
	if (beginnings != NULL && !beginnings->is_few) {
		asked->cell = wr_ends_ask(beginnings, text, bytes, false, &asked->along);
		__builtin_prefetch(asked->cell);
	} else if (path->texts.words != NULL) {
		__builtin_prefetch(&path->texts.words[hash >> 40 & path->texts.mask]);
	}
}

static inline __attribute__((always_inline)) void ask_number(struct weir_match *m,
							     const struct wr_path *path,
							     const struct wr_match_value *v,
							     struct asked *asked)
{
	uint64_t order = wr_number_order(v->value.number);
	m->paths[v->path].seen |= wr_seen_hash(wr_number_hash(order));
	asked->key = order;
	if (path->ranges.count > 0)
		__builtin_prefetch(wr_ranges_line(&path->ranges, order));
}

/* `may_be_there`: the text itself among the path's. */
static inline __attribute__((always_inline)) void open_text(struct weir_match *m,
							    const struct wr_path *path,
							    const struct wr_match_value *v,
							    const struct asked *asked)
{
	const struct wr_ends *beginnings = path->ends[WR_DOOR_PREFIX];
	bool may_be_there = path->texts.words != NULL;
	if (beginnings != NULL && !beginnings->is_few) {
		if (wr_ends_may_begin(beginnings, asked->cell, asked->along, v->value.text,
				      v->value.text_bytes))
			wr_ends_first_in(beginnings, asked->cell, asked->along, v->value.text,
					 v->value.text_bytes, take_list, m);
		may_be_there = wr_ends_may_be_noted(asked->cell, asked->key) != 0;
	} else {
		if (beginnings != NULL && wr_ends_ask_few(beginnings->front.cells, false,
							  v->value.text, v->value.text_bytes) != 0)
			wr_ends_first(beginnings, v->value.text, v->value.text_bytes, take_list, m);
	}
	if (may_be_there && wr_window_has(&path->texts, asked->key))
		open_equal_text(m, v->path, &v->value, asked->key);
	if ((path->doors & OTHER_TEXT_DOORS) != 0)
		open_other_text(m, v->path, &v->value);
}

static inline __attribute__((always_inline)) void open_number(struct weir_match *m,
							      const struct wr_path *path,
							      const struct wr_match_value *v,
							      const struct asked *asked)
{
	uint64_t order = asked->key, hash = wr_number_hash(order);
	uint64_t may =
		path->ranges.count > 0 ? wr_ranges_ask(&path->ranges, order) : WR_RANGES_HAS_NUMBER;
	if (WR_LIKELY(may == 0))
		return;
	if ((may & WR_RANGES_HAS_NUMBER) != 0 && path->numbers.words != NULL &&
	    wr_window_has(&path->numbers, hash))
		open_equal_number(m, v->path, order, hash);
	if ((may & WR_RANGES_HAS_RANGE) != 0)
		for (uint32_t node = wr_ranges_find(&path->ranges, order); node != 0;
		     node = path->ranges.nodes[node].up)
			wr_match_open_list(m, path->ranges.nodes[node].list);
}

#define AT_ONCE 32u

/*
 * In two steps, between which lines come: what is behind 100,000 rules is in no near cache, and
 * where all is near the steps cost nothing.
 */
static void open_some(struct weir_match *m, const struct wr_match_value *values, uint32_t count)
{
	const struct wr_path *paths = m->matcher->paths;
	struct asked asked[AT_ONCE];
	for (uint32_t i = 0; i < count; i++) {
		const struct wr_match_value *v = &values[i];
		if (v->value.kind == WR_VALUE_TEXT)
			ask_text(m, &paths[v->path], v, &asked[i]);
		else if (v->value.kind == WR_VALUE_NUMBER)
			ask_number(m, &paths[v->path], v, &asked[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct wr_match_value *v = &values[i];
		if (v->value.kind == WR_VALUE_TEXT)
			open_text(m, &paths[v->path], v, &asked[i]);
		else if (v->value.kind == WR_VALUE_NUMBER && isfinite(v->value.number))
			open_number(m, &paths[v->path], v, &asked[i]);
	}
}

void wr_match_open_doors(struct weir_match *m)
{
	while (m->opened_count < m->value_count) {
		uint32_t from = m->opened_count, count = m->value_count - from;
		count = count < AT_ONCE ? count : AT_ONCE;
		open_some(m, &m->values[from], count);
		m->opened_count += count;
	}
}

void wr_match_take(struct weir_match *m, uint32_t number, const struct wr_value *value,
		   uint32_t context)
{
	const struct wr_path *path = &m->matcher->paths[number];
	if (m->value_count == wr_match_value_max(m)) {
		m->failed = true; /* attributes with more values than a payload could have */
		return;
	}
	struct wr_match_value *v = &m->values[m->value_count++];
	struct wr_path_state *state = &m->paths[number];
	bool is_first = state->event != m->event;
	if (is_first)
		*state = (struct wr_path_state){.event = m->event};
	*v = (struct wr_match_value){*value, context, state->first, number};
	state->first = m->value_count;
	if (is_first && path->any != 0)
		wr_match_open_list(m, path->any);
	if (value->kind == WR_VALUE_TEXT)
		return;
	if (value->kind == WR_VALUE_NUMBER) {
		if (!isfinite(value->number))
			state->seen = UINT64_MAX; /* it is compared by its digits */
		return;
	}
	uint8_t literal = (uint8_t)value->kind;
	state->seen |= wr_seen_literal(value->kind);
	if ((path->doors & 1u << WR_DOOR_LITERAL) != 0)
		open_entry(m, number, WR_DOOR_LITERAL, &literal, 1);
}
