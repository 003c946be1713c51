/* SPDX-License-Identifier: Apache-2.0 */
/* See swarm.h. Thread: the simulation's. */
#include "tests/sim/swarm.h"

#include <stdio.h>
#include <string.h>

static const char *const words[SWARM_COUNT] = {
#define SWARM_WORD(name, word) word,
	SWARM_MAP(SWARM_WORD)
#undef SWARM_WORD
};

/* Which fault of the storage a class is; WR_FAULT_COUNT: none. */
static enum wr_fault fault_of(enum swarm_class which)
{
	static const struct {
		enum swarm_class which;
		enum wr_fault fault;
	} of[] = {
		{SWARM_WRITE_ERROR, WR_FAULT_WRITE_ERROR},
		{SWARM_SYNC_ERROR, WR_FAULT_SYNC_ERROR},
		{SWARM_READ_ERROR, WR_FAULT_READ_ERROR},
		{SWARM_NO_ROOM, WR_FAULT_PREPARE_FULL},
		{SWARM_SLOW, WR_FAULT_SLOW},
		{SWARM_SHORT_READ, WR_FAULT_SHORT_READ},
		{SWARM_SHORT_WRITE, WR_FAULT_SHORT_WRITE},
		{SWARM_LOST_WRITE, WR_FAULT_LOST_WRITE},
		{SWARM_MISDIRECTED, WR_FAULT_MISDIRECTED_WRITE},
		{SWARM_DUPLICATED, WR_FAULT_DUPLICATED_WRITE},
		{SWARM_SYNC_LIE, WR_FAULT_SYNC_LIE},
		{SWARM_ROT, WR_FAULT_ROT},
	};

	for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
		if (of[i].which == which)
			return of[i].fault;
	return WR_FAULT_COUNT;
}

static bool is_there(const struct swarm *s, enum swarm_class which)
{
	return s->level[which] != 0 && (s->off >> which & 1u) == 0;
}

void swarm_draw(struct swarm *s, uint64_t seed)
{
	/* Short lives are most of them: opens and crashes are what a cycle is about. */
	static const uint32_t lives[] = {12, 24, 40, 60};
	static const uint32_t acts[] = {6, 12, 24, 120};
	static const uint32_t longs[] = {0, 0, 0, 24};
	static const uint32_t briefs[] = {0, 2, 2, 2};
	static const uint32_t cuts[] = {20, 40, 80, 200};
	struct wr_prng prng;

	wr_prng_init(&prng, seed ^ 0x5fa12);
	for (uint32_t i = 0; i < SWARM_COUNT; i++) {
		const uint64_t draw = wr_prng_next(&prng);
		s->level[i] = (draw & 1u) != 0 ? (uint8_t)(1 + (draw >> 1) % SWARM_LEVELS) : 0;
	}
	s->lives_max = lives[wr_prng_below(&prng, 4)];
	s->acts_max = acts[wr_prng_below(&prng, 4)];
	s->long_one_in = longs[wr_prng_below(&prng, 4)];
	s->brief_one_in = briefs[wr_prng_below(&prng, 4)];
	s->cut_ops = cuts[wr_prng_below(&prng, 4)];
	if (s->lives_limit != 0 && s->lives_max > s->lives_limit)
		s->lives_max = s->lives_limit;
	if (s->acts_limit != 0 && s->acts_max > s->acts_limit) {
		s->acts_max = s->acts_limit;
		s->long_one_in = 0;
	}
}

bool swarm_strikes(const struct swarm *s, struct wr_prng *prng, enum swarm_class which)
{
	static const uint32_t chance_ppm[SWARM_LEVELS + 1] = {0, 62500, 250000, 500000, 1000000};

	return is_there(s, which) && wr_prng_chance(prng, chance_ppm[s->level[which]]);
}

static void set_chance(const struct swarm *s, struct wr_fault_plan *plan, enum swarm_class which)
{
	/* From one in ten thousand to one in ten: rare faults need long lives to be reached. */
	static const uint32_t chance_ppm[SWARM_LEVELS + 1] = {0, 100, 1000, 10000, 100000};
	const enum wr_fault fault = fault_of(which);

	if (fault != WR_FAULT_COUNT && is_there(s, which))
		plan->chance_ppm[fault] = chance_ppm[s->level[which]];
}

void swarm_plan(const struct swarm *s, struct wr_fault_plan *plan, uint32_t budget)
{
	wr_fault_plan_heal(plan);
	for (uint32_t i = 0; i <= SWARM_PROMISED; i++)
		set_chance(s, plan, (enum swarm_class)i);
	plan->budget_all = budget;
}

void swarm_plan_beyond(const struct swarm *s, struct wr_fault_plan *plan)
{
	wr_fault_plan_heal(plan);
	for (uint32_t i = SWARM_PROMISED + 1; i < SWARM_COUNT; i++)
		set_chance(s, plan, (enum swarm_class)i);
	plan->budget_all = 1;
}

const char *swarm_word(enum swarm_class which)
{
	return words[which];
}

void swarm_say(const struct swarm *s, char *text, size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < SWARM_COUNT && used < text_bytes; i++)
		if (is_there(s, (enum swarm_class)i))
			used += (size_t)snprintf(text + used, text_bytes - used, "%s:%u ", words[i],
						 s->level[i]);
	if (used < text_bytes)
		(void)snprintf(text + used, text_bytes - used,
			       "lives<=%u acts<=%u long:%u brief:%u cut<=%u", s->lives_max,
			       s->acts_max, s->long_one_in, s->brief_one_in, s->cut_ops);
}

void swarm_say_limits(const struct swarm *s, char *text, size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < SWARM_COUNT && used < text_bytes; i++)
		if ((s->off >> i & 1u) != 0)
			used += (size_t)snprintf(text + used, text_bytes - used, "%s%s",
						 used == 0 ? " --without " : ",", words[i]);
	if (s->lives_limit != 0 && used < text_bytes)
		used += (size_t)snprintf(text + used, text_bytes - used, " --lives %u",
					 s->lives_limit);
	if (s->acts_limit != 0 && used < text_bytes)
		(void)snprintf(text + used, text_bytes - used, " --acts %u", s->acts_limit);
}

bool swarm_parse_off(const char *list, uint32_t *ret_off)
{
	*ret_off = 0;
	while (*list != '\0') {
		const size_t n = strcspn(list, ",");
		uint32_t i = 0;
		while (i < SWARM_COUNT && (strlen(words[i]) != n || memcmp(words[i], list, n) != 0))
			i++;
		if (i == SWARM_COUNT)
			return false;
		*ret_off |= 1u << i;
		list += n;
		if (*list == ',')
			list++;
	}
	return true;
}
