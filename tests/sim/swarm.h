/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a seed is about. Each seed of a swarm has a part of the classes below, each of them
 * seldom or often, and lives of its own length: a fault drowned by ten others in one seed is
 * alone in the next. Drawn from the seed by a generator of its own, so that switching a class off
 * leaves the others as they are; swarm_say() prints it, and shrink.h takes it apart.
 *
 * Classes up to SWARM_PROMISED are faults that nothing acknowledged may be lost by. Those behind it
 * are worse than what weir promises to survive: there it has to notice, or to be unharmed.
 */
#ifndef WR_SIM_SWARM_H
#define WR_SIM_SWARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/sim/fault_plan.h"

/* X(NAME, word) */
#define SWARM_MAP(X)                                                                               \
	X(CUT, "cut")                                                                              \
	X(CUT_IN_OPEN, "cut-in-open")                                                              \
	X(KILL, "kill")                                                                            \
	X(CLEAN, "clean")                                                                          \
	X(WRITE_ERROR, "write-error")                                                              \
	X(SYNC_ERROR, "sync-error")                                                                \
	X(READ_ERROR, "read-error")                                                                \
	X(NO_ROOM, "no-room")                                                                      \
	X(FULL_DISK, "full-disk")                                                                  \
	X(SLOW, "slow")                                                                            \
	X(FREEZE, "freeze")                                                                        \
	X(SHORT_READ, "short-read")                                                                \
	X(SHORT_WRITE, "short-write")                                                              \
	X(CLOCK, "clock")                                                                          \
	X(LOST_WRITE, "lost-write")                                                                \
	X(MISDIRECTED, "misdirected")                                                              \
	X(DUPLICATED, "duplicated")                                                                \
	X(SYNC_LIE, "sync-lie")                                                                    \
	X(ROT, "rot")

enum swarm_class {
#define SWARM_ENUM(name, word) SWARM_##name,
	SWARM_MAP(SWARM_ENUM)
#undef SWARM_ENUM
		SWARM_COUNT
};

#define SWARM_PROMISED SWARM_CLOCK
#define SWARM_LEVELS 4u

struct swarm {
	bool is_on;
	uint32_t off;               /* classes that are switched off, by bits */
	uint8_t level[SWARM_COUNT]; /* 0: not in this seed; 1 seldom .. 4 often */
	uint32_t lives_max;
	uint32_t acts_max;
	uint32_t long_one_in;  /* lives that are much longer; 0: none */
	uint32_t brief_one_in; /* lives that end before anybody did much; 0: none */
	uint32_t cut_ops;      /* the power goes within so many operations of the medium */
	uint32_t lives_limit;  /* 0: as drawn; set to shorten a run */
	uint32_t acts_limit;
};

/* Draws levels and lengths for a seed; is_on, off and the limits stay. */
void swarm_draw(struct swarm *swarm, uint64_t seed);
/* One chance in 16, in 4, in 2, or certain, by the class's level; draws only where it is there. */
bool swarm_strikes(const struct swarm *swarm, struct wr_prng *prng, enum swarm_class which);
/* The storage's faults of the promised classes: at most `budget` that anybody can notice. */
void swarm_plan(const struct swarm *swarm, struct wr_fault_plan *plan, uint32_t budget);
/* The others, one at most: exactly one fault is what can be judged. */
void swarm_plan_beyond(const struct swarm *swarm, struct wr_fault_plan *plan);
/* "cut:3 kill:1 lives<8 acts<60", cut off where there is no more room. */
void swarm_say(const struct swarm *swarm, char *text, size_t text_bytes);
/* "cut,kill" into bits; false: a word that is no class. */
bool swarm_parse_off(const char *words, uint32_t *ret_off);
const char *swarm_word(enum swarm_class which);
/* What replays a seed as it is now: "--without a,b --lives 3 --acts 10", or nothing. */
void swarm_say_limits(const struct swarm *swarm, char *text, size_t text_bytes);

#endif
