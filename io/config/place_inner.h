/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the placement share: place.c decides, place_cpus.c finds out which CPUs a
 * request names, place_cores.c chooses cores, place_note.c has the sentences.
 */
#ifndef WR_CONFIG_PLACE_INNER_H
#define WR_CONFIG_PLACE_INNER_H

#include "io/config/place.h"

#define WR_PLACE_NOBODY UINT16_MAX

struct wr_place_home {
	bool is_chosen;
	uint16_t l3;
	uint16_t node;
	uint16_t package;
};

struct wr_place_work {
	const struct wr_topology *topology;
	const struct wr_affinity *affinity;
	const struct wr_place_policy *policy;
	const struct wr_place_request *requests;
	uint32_t request_count;
	struct wr_placement *out;

	/* What each request names, of the allowed; empty for auto and none. */
	struct wr_cpu_set named[WR_PLACE_REQUESTS_MAX];
	uint32_t counts[WR_PLACE_REQUESTS_MAX]; /* of threads, BY_LIST resolved */
	/* What of a list is not here, where lists are not kept to; "" */
	char absent[WR_PLACE_REQUESTS_MAX][160];
	/* The quota has room for its spinning. */
	bool may_spin[WR_PLACE_REQUESTS_MAX];

	struct wr_cpu_set usable;      /* allowed and not avoided */
	struct wr_cpu_set kept;        /* housekeeping's, while threads are placed by themselves */
	struct wr_cpu_set held;        /* by lists with no CPU to spare, and by threads alone */
	struct wr_cpu_set listed;      /* by longer lists: taken last */
	uint16_t at[WR_CPUS_MAX];      /* CPU: its index in the topology, if it is present */
	uint16_t spinner[WR_CPUS_MAX]; /* core: the request that spins there, or NOBODY */
	uint32_t pins_left;            /* threads that the quota has cores for, of auto */
	struct wr_place_home home;     /* where neighbours are sought */
	struct wr_place_problem spare; /* for one too many */
};

static inline const struct wr_topology_cpu *wr_place_cpu(const struct wr_place_work *w,
							 uint32_t cpu)
{
	return &w->topology->cpus[w->at[cpu]];
}

/* For the CPUs of a set in ascending order: from `cpu` on, or WR_CPUS_MAX. */
uint32_t wr_place_next(const struct wr_cpu_set *set, uint32_t cpu);
void wr_place_intersect(struct wr_cpu_set *set, const struct wr_cpu_set *with);
void wr_place_subtract(struct wr_cpu_set *set, const struct wr_cpu_set *what);
bool wr_place_is_empty(const struct wr_cpu_set *set);

/* ---- place_cpus.c ---- */

/* Of all requests and of the policy, what they name; problems are noted. */
void wr_place_resolve(struct wr_place_work *w);

/* ---- place_cores.c ---- */

/* The physical cores with a CPU of the set. */
uint32_t wr_place_core_count(const struct wr_place_work *w, const struct wr_cpu_set *set);

/* One core for housekeeping: the slowest kind, the first of them. */
void wr_place_choose_housekeeping(struct wr_place_work *w);

/* Where `count` threads are neighbours best. */
void wr_place_choose_home(struct wr_place_work *w, uint32_t count);

/*
 * A core for each thread of a request that asks for auto.
 * @return false when there are not enough; nothing is taken then
 */
bool wr_place_take_cores(struct wr_place_work *w, uint32_t index, bool spins);

/* ---- place_match.c ---- */

/* A CPU of its list for each thread that spins on one; the core is its alone. */
void wr_place_match_spinners(struct wr_place_work *w);

/* ---- place_note.c ---- */

/* A problem; the answer is room for it, or a place that is thrown away. */
struct wr_place_problem *wr_place_problem(struct wr_place_work *w, uint32_t of);

/* Less than asked for: a note, and a problem where the policy is strict. */
void wr_place_degrade(struct wr_place_work *w, uint32_t index, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "0-15 (cgroup /x)" */
char *wr_place_allowed_text(const struct wr_place_work *w, char *to, size_t to_bytes);

/* Why no core of its own is left for a request. */
void wr_place_degrade_for_cores(struct wr_place_work *w, uint32_t index);

#endif
