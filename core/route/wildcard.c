/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching goes back to the last star only: what stood before it was found as early as it can be.
 *
 * The cost is the largest state of the subset automaton: a place is (pattern, tokens passed), and a
 * set of places is reached from another by a byte. Quotes stand around text and patterns, as AWS
 * has them, so that a beginning or an end of its own is a place, too.
 */
#include "core/route/wildcard.h"

#include <string.h>

#define PLACES_MAX 4096u /* of all patterns together */
#define SETS_MAX 8192u   /* looked at before giving up */
#define SET_PLACES (WR_WILDCARD_COST_MAX + 2u)

const char *wr_wildcard_parse(struct wr_arena *arena, const char *text, size_t bytes,
			      struct wr_wildcard *ret_wildcard, size_t *ret_at)
{
	struct wr_wildcard w = {0};
	uint16_t *tokens = wr_arena_take(arena, bytes, sizeof *tokens);
	for (size_t i = 0; i < bytes; i++) {
		uint16_t token = (uint8_t)text[i];
		*ret_at = i;
		if (text[i] == '*') {
			if (i + 1 < bytes && text[i + 1] == '*')
				return "two stars stand side by side: write one";
			token = WR_WILDCARD_STAR;
			if (!w.has_star)
				w.head_count = w.count;
			w.has_star = true;
		} else if (text[i] == '\\') {
			if (i + 1 >= bytes || (text[i + 1] != '*' && text[i + 1] != '\\'))
				return "a backslash stands before neither '*' nor another "
				       "backslash: write \\\\ for itself";
			token = (uint8_t)text[++i];
		}
		if (tokens != NULL)
			tokens[w.count] = token;
		w.count++;
		w.tail_count = token == WR_WILDCARD_STAR ? 0 : w.tail_count + 1;
	}
	if (!w.has_star)
		w.head_count = w.tail_count = w.count;
	w.tokens = tokens;
	*ret_wildcard = w;
	return NULL;
}

bool wr_wildcard_matches(const struct wr_wildcard *wildcard, const uint8_t *text, size_t bytes)
{
	const uint16_t *tokens = wildcard->tokens;
	size_t token = 0, at = 0;
	size_t star = SIZE_MAX, star_at = 0;
	while (at < bytes) {
		if (token < wildcard->count && tokens[token] == WR_WILDCARD_STAR) {
			star = ++token;
			star_at = at;
			if (star == wildcard->count)
				return true;
		} else if (token < wildcard->count && tokens[token] == text[at]) {
			token++;
			at++;
		} else if (star != SIZE_MAX) {
			token = star;
			at = ++star_at;
		} else {
			return false;
		}
	}
	while (token < wildcard->count && tokens[token] == WR_WILDCARD_STAR)
		token++;
	return token == wildcard->count;
}

/* ---- cost ---- */

struct set {
	uint32_t count;
	uint16_t places[SET_PLACES]; /* in order */
};

struct automaton {
	const uint16_t *tokens; /* of all patterns, each with its quotes and a 0 behind it */
	uint16_t count;
	struct set *sets;
	uint16_t *slots; /* of a hash table over sets: index + 1 */
	size_t set_count;
};

#define SLOT_COUNT (SETS_MAX * 4u)

static uint32_t hash_of(const struct set *set)
{
	uint32_t h = 2166136261u;
	for (uint32_t i = 0; i < set->count; i++)
		h = (h ^ set->places[i]) * 16777619u;
	return h ^ h >> 15;
}

/* false: there are too many. */
static bool set_add(struct automaton *a, const struct set *set)
{
	uint32_t slot = hash_of(set) & (SLOT_COUNT - 1);
	for (; a->slots[slot] != 0; slot = (slot + 1) & (SLOT_COUNT - 1)) {
		const struct set *other = &a->sets[a->slots[slot] - 1];
		if (other->count == set->count &&
		    memcmp(other->places, set->places, set->count * sizeof set->places[0]) == 0)
			return true;
	}
	if (a->set_count == SETS_MAX)
		return false;
	a->sets[a->set_count] = *set;
	a->slots[slot] = (uint16_t)++a->set_count;
	return true;
}

/* Place p is in the set when the tokens up to p match; a star behind it then matches, too. */
static void place_add(const struct automaton *a, struct set *set, uint16_t place)
{
	for (;; place++) {
		uint32_t i = set->count;
		while (i > 0 && set->places[i - 1] > place)
			i--;
		if (i > 0 && set->places[i - 1] == place)
			return;
		if (set->count < SET_PLACES) {
			memmove(&set->places[i + 1], &set->places[i],
				(set->count - i) * sizeof set->places[0]);
			set->places[i] = place;
			set->count++;
		}
		if (a->tokens[place + 1] != WR_WILDCARD_STAR)
			return;
	}
}

/* The places after one more byte. `first`: from before all patterns. */
static void step(const struct automaton *a, const struct set *from, bool first, uint16_t byte,
		 struct set *ret_set)
{
	ret_set->count = 0;
	if (first) {
		for (uint16_t p = 0; p < a->count; p++)
			if ((p == 0 || a->tokens[p - 1] == 0) && a->tokens[p] == byte)
				place_add(a, ret_set, p);
		return;
	}
	for (uint32_t i = 0; i < from->count; i++) {
		uint16_t place = from->places[i];
		if (a->tokens[place] == WR_WILDCARD_STAR)
			place_add(a, ret_set, place);
		if (a->tokens[place + 1] == byte)
			place_add(a, ret_set, (uint16_t)(place + 1));
	}
}

/* Tokens are shifted: 0 is the end of a pattern, so a byte b is b + 512. */
static uint16_t shifted(uint16_t token)
{
	return token == WR_WILDCARD_STAR ? token : (uint16_t)(token + 512u);
}

static bool lay_out(struct automaton *a, struct wr_arena *arena,
		    const struct wr_wildcard *const *wildcards, size_t count)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += wildcards[i]->count + 3;
	if (total > PLACES_MAX)
		return false;
	uint16_t *tokens = wr_arena_take(arena, total + 1, sizeof *tokens);
	a->sets = wr_arena_take(arena, SETS_MAX, sizeof *a->sets);
	a->slots = wr_arena_take(arena, SLOT_COUNT, sizeof *a->slots);
	if (arena->failed)
		return false;
	for (size_t i = 0; i < count; i++) {
		tokens[a->count++] = shifted('"');
		for (size_t k = 0; k < wildcards[i]->count; k++)
			tokens[a->count++] = shifted(wildcards[i]->tokens[k]);
		tokens[a->count++] = shifted('"');
		tokens[a->count++] = 0;
	}
	a->tokens = tokens;
	return true;
}

unsigned wr_wildcard_cost(struct wr_arena *arena, const struct wr_wildcard *const *wildcards,
			  size_t count)
{
	struct automaton a = {0};
	struct wr_arena own;
	unsigned worst = 0;
	uint8_t is_used[256 + 512] = {0};

	wr_arena_init(&own, &arena->allocator);
	if (count > 0 && !lay_out(&a, &own, wildcards, count)) {
		arena->failed = arena->failed || own.failed;
		worst = WR_WILDCARD_COST_MAX + 1;
	}
	for (uint16_t i = 0; i < a.count; i++)
		is_used[a.tokens[i]] = 1;
	is_used[512] = 1; /* the byte 0 stands for all that no pattern has */
	for (size_t at = 0; worst <= WR_WILDCARD_COST_MAX && a.count > 0; at++) {
		bool first = at == 0;
		if (!first && at > a.set_count)
			break;
		for (uint16_t byte = 512; byte < 768 && worst <= WR_WILDCARD_COST_MAX; byte++) {
			struct set next;
			if (is_used[byte] == 0)
				continue;
			step(&a, first ? NULL : &a.sets[at - 1], first, byte, &next);
			if (next.count > worst)
				worst = next.count;
			if (next.count > 0 && !set_add(&a, &next))
				worst = WR_WILDCARD_COST_MAX + 1;
		}
	}
	wr_arena_fini(&own);
	return worst;
}
