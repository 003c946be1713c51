/* SPDX-License-Identifier: Apache-2.0 */
/* What the world of test_share.c is made of: a log, lanes that are decided, members, the truth. */
#ifndef WR_TESTS_SHARE_WORLD_H
#define WR_TESTS_SHARE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "io/sim/prng.h"

#define MEMBERS 4u
#define EVENTS_MAX 24u
#define SEQS 3000u
#define KEYS 4u
#define LOG_MAX 60000u
#define LANE_MAX 256u
#define HAND_MAX 64u
#define LEASE_NS 1000u
#define ATTEMPTS 3u

enum what { SETTLE, REJECT, MARK, EXPIRE, BURY, PARK, REDRIVE, GIVE_UP, CARRY };

struct said {
	enum what what;
	uint64_t seq;           /* MARK: from */
	uint64_t to;            /* MARK */
	uint64_t not_before_ns; /* REJECT */
	uint32_t generation;
	uint32_t count; /* MARK */
	bool in_time, counts, dead;
};

struct lane {
	struct said said[LANE_MAX];
	uint64_t sent, decided;
};

struct answer {
	struct said to;
	int code;
	uint32_t generation;
	uint64_t told_by;
};

/* What the log says of an event. */
struct truth {
	bool out, settled, dead, parked;
	uint32_t generation, attempts;
	uint64_t not_before_ns, failed_at; /* place in the log */
	bool redriven;                     /* it has no terms any more */
	uint64_t place;                    /* of its copy further on; 0: where it was */
};

struct hand {
	uint64_t seq;
	uint32_t generation;
};

struct member {
	bool joined, paused, leaving;
	uint32_t out_max;
	uint64_t joined_as;
	struct hand hand[HAND_MAX];
	uint32_t hand_count;
	struct lane lane;
};

struct world {
	uint64_t seed;
	struct wr_prng prng;
	struct truth truth[SEQS];
	uint64_t frontier;
	struct said log[LOG_MAX]; /* from 1 */
	uint64_t log_end, followed, durable, now_ns, append_ns;
	struct member members[MEMBERS];
	struct lane group;
	struct answer answers[LANE_MAX];
	uint64_t answers_made, answers_taken;
	uint64_t taken, marked; /* as in core/pipeline/share_step.c */
	uint32_t marks_on_way;
	bool mark_refused, by_key, single, overruns, dead_letters, parks, stops;
	uint64_t joins;
	uint64_t granted, settled, buried, late, missed, parked, expired, overflowed, delayed,
		urgent, carried;
};

#endif
