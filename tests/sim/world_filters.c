/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters of subscriptions, in one seed of eight: some are made with one, and whoever has one or
 * not gets another one, or none, while events flow and items are held. The filters are of up to
 * three terms of the table below; the oracle knows of each term by what it holds, without any
 * matcher.
 */
#include <string.h>

#include "tests/sim/oracle.h"

#define SEED_ONE_IN 8u
#define CHANGE_ONE_IN 32u
#define FILTER_BYTES_MAX 2048u

/* What an event has: the number of its key, and the value of its header `n`. */
#define NONE UINT8_MAX

static const struct {
	enum weir_filter_kind kind;
	const char *pattern;
	uint8_t key;       /* it has to have; NONE: it is not asked for */
	uint8_t values[2]; /* likewise, one of them */
	bool never;
} terms[] = {
	{WEIR_FILTER_DIRECT, "red", 0, {NONE, NONE}, false},
	{WEIR_FILTER_DIRECT, "black", 3, {NONE, NONE}, false},
	{WEIR_FILTER_DIRECT, "reddish", NONE, {NONE, NONE}, true},
	{WEIR_FILTER_TOPIC, "green", 1, {NONE, NONE}, false},
	{WEIR_FILTER_TOPIC, "blue.#", 2, {NONE, NONE}, false},
	{WEIR_FILTER_TOPIC, "#", NONE, {NONE, NONE}, false},
	{WEIR_FILTER_FANOUT, "", NONE, {NONE, NONE}, false},
	{WEIR_FILTER_HEADERS, "{\"n\":\"a\"}", NONE, {0, 0}, false},
	{WEIR_FILTER_SNS_ATTRIBUTES, "{\"n\":[\"b\",\"c\"]}", NONE, {1, 2}, false},
	{WEIR_FILTER_EVENTBRIDGE, "{\"n\":[\"a\"]}", NONE, {NONE, NONE}, true},
};

static uint64_t below(uint64_t bound)
{
	return wr_prng_below(&world.filters_prng, bound);
}

/* A sequence of its own: the other seeds are what they were without. */
void world_filters_begin(void)
{
	wr_prng_init(&world.filters_prng, world.seed ^ 0xf117e5);
	world.has_filters = below(SEED_ONE_IN) == 0;
}

uint32_t world_filter_bytes_max(void)
{
	return FILTER_BYTES_MAX;
}

void world_filters_options(struct weir_options *o)
{
	o->filter_bytes_max = world.has_filters ? FILTER_BYTES_MAX : 0;
	/* More settles, of which a log that is full to its end takes none. */
	if (world.has_filters)
		o->segments_max = 2 * o->segments_max;
}

/* ---- events ---- */

void world_filters_event(uint64_t hash, struct weir_header *header, struct weir_event *event)
{
	static const char *const values[] = {"a", "b", "c"};
	uint64_t which = hash >> 56 & 3;

	if (!world.has_filters || which == 3)
		return;
	*header = (struct weir_header){
		.name = "n", .name_bytes = 1, .value = values[which], .value_bytes = 1};
	event->headers = header;
	event->header_count = 1;
}

void world_filters_traits(const struct wr_record_view *view, uint8_t *ret_key, uint8_t *ret_value)
{
	struct wr_option option;

	*ret_key = view->head->key_bytes == 0
			   ? NONE
			   : (uint8_t)world_key_number(view->key, view->head->key_bytes);
	*ret_value = NONE;
	for (uint32_t at = 0; (at = wr_option_next(view, at, &option)) != 0;)
		if (option.tag == WR_OPTION_HEADER && option.value_bytes == 4 &&
		    option.value[2] == 'n')
			*ret_value = (uint8_t)(option.value[3] - 'a');
}

static bool holds(uint32_t term, uint8_t key, uint8_t value)
{
	bool has_key = terms[term].key == NONE || terms[term].key == key;
	bool has_value = terms[term].values[0] == NONE || terms[term].values[0] == value ||
			 terms[term].values[1] == value;

	return has_key && has_value && !terms[term].never;
}

bool world_filter_wants(const struct world_filter *filter, uint8_t key, uint8_t value)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < filter->term_count; i++)
		held += holds(filter->terms[i], key, value) != filter->negated[i];
	return filter->term_count == 0 || (filter->any ? held > 0 : held == filter->term_count);
}

/* ---- for a history ---- */

#define KEYS (WORLD_EVENT_KEYS + 1u) /* with none */
#define VALUES 4u                    /* likewise */

static uint8_t kind_of(uint32_t key, uint32_t value)
{
	return (uint8_t)(1 + (key < KEYS ? key : KEYS - 1) * VALUES +
			 (value < VALUES ? value : VALUES - 1));
}

uint8_t world_filters_kind(const struct weir_event *event)
{
	uint32_t key = NONE, value = NONE;

	if (!world.has_filters)
		return 0;
	if (event->key != NULL)
		key = world_key_number(event->key, (uint32_t)event->key_bytes);
	for (uint32_t i = 0; i < event->header_count; i++)
		if (event->headers[i].name_bytes == 1)
			value = (uint32_t)(*(const char *)event->headers[i].value - 'a');
	return kind_of(key, value);
}

uint64_t world_filters_unwanted(const struct world_filter *filter)
{
	uint64_t unwanted = 0;

	for (uint8_t key = 0; key < KEYS; key++)
		for (uint8_t value = 0; value < VALUES; value++)
			if (!world_filter_wants(filter, key < KEYS - 1 ? key : NONE,
						value < VALUES - 1 ? value : NONE))
				unwanted |= 1ull << kind_of(key, value);
	return unwanted;
}

/* ---- as the log has it ---- */

static bool is_term(uint32_t term, const struct wr_filter_term *t)
{
	return (uint32_t)terms[term].kind == t->kind &&
	       strlen(terms[term].pattern) == t->pattern_bytes &&
	       memcmp(terms[term].pattern, t->pattern, t->pattern_bytes) == 0;
}

bool world_filter_read(const uint8_t *bytes, uint32_t length_bytes, struct world_filter *ret)
{
	struct wr_filter_view view;

	*ret = (struct world_filter){0};
	if (!wr_filter_read(bytes, length_bytes, &view) || view.term_count > WORLD_FILTER_TERMS)
		return false;
	ret->any = view.join == WR_FILTER_JOIN_ANY;
	ret->term_count = view.term_count;
	for (uint32_t i = 0; i < view.term_count; i++) {
		uint32_t term = 0;
		while (term < WR_ARRAY_COUNT(terms) && !is_term(term, &view.terms[i]))
			term++;
		if (term == WR_ARRAY_COUNT(terms))
			return false;
		ret->terms[i] = (uint8_t)term;
		ret->negated[i] = view.terms[i].negated;
	}
	return true;
}

/* ---- as it is given ---- */

static void draw(struct world_filter *f)
{
	*f = (struct world_filter){.any = below(2) == 0};
	f->term_count = below(8) == 0 ? 0 : 1 + (uint32_t)below(WORLD_FILTER_TERMS);
	for (uint32_t i = 0; i < f->term_count; i++) {
		f->terms[i] = (uint8_t)below(WR_ARRAY_COUNT(terms));
		f->negated[i] = below(4) == 0;
	}
	f->any = f->any && f->term_count > 0;
}

/* In the words of a user; NULL: none. */
static const struct weir_subscription_filter *spell(const struct world_filter *f)
{
	static struct weir_filter_term spelt[WORLD_FILTER_TERMS];
	static struct weir_subscription_filter filter;

	for (uint32_t i = 0; i < f->term_count; i++)
		spelt[i] = (struct weir_filter_term){
			.kind = terms[f->terms[i]].kind,
			.pattern = terms[f->terms[i]].pattern,
			.pattern_bytes = strlen(terms[f->terms[i]].pattern),
			.negated = f->negated[i],
		};
	filter = (struct weir_subscription_filter){
		.join = f->any ? WEIR_FILTER_ANY : WEIR_FILTER_ALL,
		.term_count = f->term_count,
		.terms = spelt,
	};
	return f->term_count > 0 ? &filter : NULL;
}

const struct weir_subscription_filter *world_filter_of_new(void)
{
	struct world_filter f;

	if (!world.has_filters || below(2) == 0)
		return NULL;
	draw(&f);
	return spell(&f);
}

static bool is_same(const struct world_filter *a, const struct world_filter *b)
{
	if (a->any != b->any || a->term_count != b->term_count)
		return false;
	for (uint32_t i = 0; i < a->term_count; i++)
		if (a->terms[i] != b->terms[i] || a->negated[i] != b->negated[i])
			return false;
	return true;
}

/* What was given is in force, from its record on, and durable. */
static void check_given(uint32_t s, const struct world_filter *f, uint64_t sequence)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];
	const struct world_filter everything = {0};
	const struct oracle_filter *newest =
		sub->filter_count > 0 ? &sub->filters[sub->filter_count - 1] : NULL;

	world_check(is_same(newest != NULL ? &newest->filter : &everything, f),
		    "another filter is in force than was given", s, sequence);
	world_check(sequence == 0 || (newest != NULL && newest->from_seq == sequence),
		    "a filter counts from elsewhere than was told", s, sequence);
	world_check(world.memory_only ||
			    sequence <= wr_load_acquire(&world.pipeline->link.durable_seq),
		    "a filter was given before it was durable", s, sequence);
	if (sequence != 0)
		world_sometimes(SOMETIMES_FILTER_CHANGED);
}

static void change(uint32_t s)
{
	struct oracle_subscription *sub = &oracle.subscriptions[s];
	struct world_filter f;
	uint64_t sequence = 0;

	draw(&f);
	uint64_t requests = world_memory_requests() - world.requests;
	int rc = weir_subscription_set_filter(world.pipeline, s, spell(&f), &sequence,
					      &world.problem);
	world.requests = world_memory_requests() - requests; /* all are compiled anew */
	world_note("filter", s, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || rc == WEIR_E_FULL || world_has_failed() || rc == WEIR_E_UNKNOWN_NAME,
		    "set_filter", (uint64_t)-rc, s);
	if (rc == WEIR_E_FULL) {
		world_check(sub->filter_count - sub->filter_first >= ORACLE_FILTERS_KEPT,
			    "a filter was refused though there was room", s, sub->filter_count);
		world_sometimes(SOMETIMES_FILTER_FULL);
	}
	if (rc == 0)
		check_given(s, &f, sequence);
}

void world_filters_act(void)
{
	if (!world.has_filters || below(CHANGE_ONE_IN) != 0)
		return;
	uint32_t s = (uint32_t)below(WORLD_SUBSCRIPTIONS);
	if (oracle.subscriptions[s].exists &&
	    oracle.subscriptions[s].filter_count + 2 < ORACLE_FILTERS_MAX)
		change(s);
}
