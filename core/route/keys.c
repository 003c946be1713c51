/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules over routing keys and headers, many at once.
 *
 * Binding keys are a tree of words. A key is matched by all nodes at once that its words so far may
 * have led to; a node is looked at once for each word, so that no number of '#' makes it cost more
 * than there are nodes.
 *
 * Of a headers binding one argument (of those with "any" each) says by its name for which events it
 * is looked at.
 */
#include <errno.h>

#include "core/route/matcher.h"
#include "core/route/topic_key.h"

/* ---- making ---- */

static uint32_t word_new(struct weir_matcher *m)
{
	void *words = m->words;
	if (!wr_arena_grow(&m->arena, &words, &m->word_room, m->word_count, sizeof *m->words))
		return 0;
	m->words = words;
	m->words[m->word_count] = (struct wr_word_node){0};
	return (uint32_t)m->word_count++;
}

static uint32_t word_child(struct weir_matcher *m, uint32_t node, const char *word, size_t bytes)
{
	bool is_star = bytes == 1 && word[0] == '*', is_hash = bytes == 1 && word[0] == '#';
	if (is_star || is_hash) {
		uint32_t there = is_star ? m->words[node].star : m->words[node].hash;
		if (is_hash && m->words[node].is_hash)
			return node; /* "#.#" is "#" */
		if (there != 0)
			return there;
		uint32_t made = word_new(m);
		m->words[made].is_hash = is_hash && made != 0;
		*(is_star ? &m->words[node].star : &m->words[node].hash) = made;
		return made;
	}
	const struct wr_entry *there = wr_table_find(&m->table, node, WR_DOOR_WORD, word, bytes);
	if (there != NULL)
		return there->node;
	char *copy = wr_arena_copy(&m->arena, word, bytes);
	uint32_t made = copy != NULL ? word_new(m) : 0;
	struct wr_entry *e =
		made != 0 ? wr_table_add(&m->table, node, WR_DOOR_WORD, copy, bytes) : NULL;
	if (e == NULL)
		return 0;
	e->node = made;
	return made;
}

static int add_topic(struct weir_matcher *m, const struct weir_filter *filter, uint32_t rule)
{
	struct wr_topic_words words = wr_topic_words_of(filter->pattern, filter->pattern_bytes);
	const char *word;
	size_t bytes;
	uint32_t node = 0;
	while (wr_topic_word_next(&words, &word, &bytes)) {
		node = word_child(m, node, word, bytes);
		if (node == 0)
			return -ENOMEM;
	}
	return wr_table_link(&m->table, &m->words[node].rules, rule) ? 0 : -ENOMEM;
}

static int add_direct(struct weir_matcher *m, const struct weir_filter *filter, uint32_t rule)
{
	char *copy = wr_arena_copy(&m->arena, filter->pattern, filter->pattern_bytes);
	struct wr_entry *e =
		copy != NULL ? wr_table_add(&m->table, 0, WR_DOOR_KEY, copy, filter->pattern_bytes)
			     : NULL;
	return e != NULL && wr_table_link(&m->table, &e->list, rule) ? 0 : -ENOMEM;
}

/* The arguments that count, copied; those that do not are left out. */
static bool copy_arguments(struct weir_matcher *m, const struct weir_filter *from,
			   struct weir_filter *to)
{
	struct wr_argument *list = wr_arena_take(&m->arena, from->argument_count, sizeof *list);
	*to = (struct weir_filter){
		.kind = WEIR_FILTER_HEADERS, .headers_match = from->headers_match, .with_x = true};
	for (size_t i = 0; list != NULL && i < from->argument_count; i++) {
		const struct weir_typed_header *h = &from->arguments[i].header;
		if (!from->with_x && h->name_bytes >= 2 && memcmp(h->name, "x-", 2) == 0)
			continue;
		struct wr_argument *a = &list[to->argument_count++];
		a->header = *h;
		a->header.name = wr_arena_copy(&m->arena, h->name, h->name_bytes);
		a->header.value = wr_arena_copy(&m->arena, h->value, h->value_bytes);
	}
	to->arguments = list;
	return !m->arena.failed;
}

static bool hang_on_name(struct weir_matcher *m, const struct weir_typed_header *h, uint32_t number)
{
	struct wr_entry *e = wr_table_add(&m->table, 0, WR_DOOR_HEADER, h->name, h->name_bytes);
	return e != NULL && wr_table_link(&m->table, &e->list, number);
}

static int add_headers(struct weir_matcher *m, const struct weir_filter *filter, uint32_t rule)
{
	void *list = m->headers;
	uint32_t number = (uint32_t)m->header_count;
	if (!wr_arena_grow(&m->arena, &list, &m->header_room, number, sizeof *m->headers))
		return -ENOMEM;
	m->headers = list;
	struct wr_headers_rule *h = &m->headers[m->header_count++];
	h->rule = rule;
	if (!copy_arguments(m, filter, &h->filter))
		return -ENOMEM;
	bool all = h->filter.headers_match == WR_HEADERS_ALL;
	if (h->filter.argument_count == 0 && all)
		return wr_table_link(&m->table, &m->all_headers, number) ? 0 : -ENOMEM;
	for (size_t i = 0; i < h->filter.argument_count && (i == 0 || !all); i++)
		if (!hang_on_name(m, &h->filter.arguments[i].header, number))
			return -ENOMEM;
	return 0;
}

int wr_matcher_add_key(struct weir_matcher *m, const struct weir_filter *filter, uint32_t rule)
{
	switch (filter->kind) {
	case WEIR_FILTER_TOPIC:
		return add_topic(m, filter, rule);
	case WEIR_FILTER_DIRECT:
		return add_direct(m, filter, rule);
	case WEIR_FILTER_HEADERS:
		return add_headers(m, filter, rule);
	default:
		return wr_table_link(&m->table, &m->fanout, rule) ? 0 : -ENOMEM;
	}
}

/* ---- matching ---- */

static void take_rules(struct weir_match *m, uint32_t list)
{
	const struct wr_link *links = m->matcher->table.links;
	for (; list != 0; list = links[list - 1].next)
		wr_match_take_rule(m, links[list - 1].number, false);
}

/* The node, and what its '#' leads to without a word; each once for a word. */
static void stand_on(struct weir_match *m, uint32_t *list, size_t *count, uint32_t node)
{
	while (m->word_stamps[node] != m->word_step) {
		m->word_stamps[node] = m->word_step;
		list[(*count)++] = node;
		node = m->matcher->words[node].hash;
		if (node == 0)
			return;
	}
}

static void match_topics(struct weir_match *m, const char *key, size_t key_bytes)
{
	const struct weir_matcher *r = m->matcher;
	struct wr_topic_words words = wr_topic_words_of(key, key_bytes);
	const char *word;
	size_t bytes, count = 0;
	unsigned side = 0;
	m->word_step++;
	stand_on(m, m->word_lists[0], &count, 0);
	while (count > 0 && wr_topic_word_next(&words, &word, &bytes)) {
		const uint32_t *from = m->word_lists[side];
		size_t from_count = count;
		side ^= 1;
		count = 0;
		m->word_step++;
		for (size_t i = 0; i < from_count; i++) {
			const struct wr_word_node *node = &r->words[from[i]];
			const struct wr_entry *e =
				wr_table_find(&r->table, from[i], WR_DOOR_WORD, word, bytes);
			if (e != NULL)
				stand_on(m, m->word_lists[side], &count, e->node);
			if (node->star != 0)
				stand_on(m, m->word_lists[side], &count, node->star);
			if (node->is_hash)
				stand_on(m, m->word_lists[side], &count, from[i]);
		}
	}
	for (size_t i = 0; i < count; i++)
		take_rules(m, r->words[m->word_lists[side][i]].rules);
}

static void match_headers(struct weir_match *m, const struct weir_routed *event, uint32_t list)
{
	const struct wr_link *links = m->matcher->table.links;
	for (; list != 0; list = links[list - 1].next) {
		uint32_t number = links[list - 1].number;
		const struct wr_headers_rule *h = &m->matcher->headers[number];
		if (m->header_stamps[number] == m->event)
			continue;
		m->header_stamps[number] = m->event;
		if (wr_route_match_headers(&h->filter, event, NULL, NULL) > 0)
			wr_match_take_rule(m, h->rule, false);
	}
}

void wr_match_keys(struct weir_match *m, const struct weir_routed *event)
{
	const struct weir_matcher *r = m->matcher;
	const char *key = event->key != NULL ? event->key : "";
	take_rules(m, r->fanout);
	const struct wr_entry *e = wr_table_find(&r->table, 0, WR_DOOR_KEY, key, event->key_bytes);
	if (e != NULL)
		take_rules(m, e->list);
	if (r->word_count > 1 || r->words[0].rules != 0)
		match_topics(m, key, event->key_bytes);
	if (r->header_count == 0)
		return;
	match_headers(m, event, r->all_headers);
	for (size_t i = 0; i < event->header_count; i++) {
		e = wr_table_find(&r->table, 0, WR_DOOR_HEADER, event->headers[i].name,
				  event->headers[i].name_bytes);
		if (e != NULL)
			match_headers(m, event, e->list);
	}
}
