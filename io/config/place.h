/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each thread of weir runs: from the machine, what the process may use of it, and what the
 * config asks for. A pure function: the same input gives the same plan, on any machine.
 *
 * Threads with a list of CPUs get it. Threads with `auto` are placed in the order of the requests
 * (log, journal, group, handlers, then those of `weir run`), each on a core of its own, the fast
 * kind first, neighbours within one level-3 cache, then one node. Before them one core is set aside
 * for housekeeping. A thread that spins has its core alone, whatever was asked; of a list it gets
 * one CPU, where it cannot meet another spinner.
 *
 * On a machine that is small (fewer than four cores) or shared (a CPU quota below its CPUs) nothing
 * is pinned by itself and nothing spins. Whatever is not granted as asked has a note that says why;
 * with `strict` the note is a problem.
 *
 * What cannot be is a problem, of the request or of the key of the policy that asks for it. All of
 * them are found in one go.
 *
 * Thread: any.
 */
#ifndef WR_CONFIG_PLACE_H
#define WR_CONFIG_PLACE_H

#include "io/config/cpus.h"
#include "io/config/topology.h"

/* Requests, threads of all of them together, and problems that are kept. */
#define WR_PLACE_REQUESTS_MAX 64u
#define WR_PLACE_THREADS_MAX 4096u
#define WR_PLACE_PROBLEMS_MAX 32u
/* A count that nobody knows: where the threads spin, as many as cores are in the list and free. */
#define WR_PLACE_BY_LIST UINT32_MAX
/* Cores that a machine has at least if threads are to be pinned without being asked. */
#define WR_PLACE_CORES_MIN 4u

enum wr_place_locality { WR_LOCALITY_L3 = 0, WR_LOCALITY_NODE, WR_LOCALITY_NONE };
enum wr_place_shared { WR_SHARED_AUTO = 0, WR_SHARED_YES, WR_SHARED_NO };

/* `machine` in the config; zeroed: every default. */
struct wr_place_policy {
	struct wr_cpu_request allow;        /* AUTO: all that the process may use */
	struct wr_cpu_request avoid;        /* AUTO, NONE: nothing */
	struct wr_cpu_request housekeeping; /* AUTO: weir's choice; NONE: anywhere */
	bool use_siblings;                  /* smt: all; otherwise one CPU of each core */
	enum wr_place_locality locality;
	enum wr_place_shared shared;
	bool strict;
};

/* One kind of thread in the config. */
struct wr_place_request {
	const char *name; /* for messages: "log", "handler" */
	struct wr_cpu_request cpus;
	enum weir_wait wait;
	uint32_t count; /* of threads that share the request; 0: none is started; or
	                   WR_PLACE_BY_LIST */
	bool if_room;   /* journal's own: auto: started where four CPUs or more are usable */
};

enum wr_placed_how {
	WR_PLACED_NOT = 0,  /* not started */
	WR_PLACED_ANYWHERE, /* cpu_count 0: wherever the process may run; else kept out of some */
	WR_PLACED_LIST,     /* on any of the CPUs that were asked for */
	WR_PLACED_CORE,     /* each thread has a core of its own: the n-th cpus[n] */
};

/* What became of a request. */
struct wr_placed {
	enum wr_placed_how how;
	uint32_t count;      /* threads */
	enum weir_wait wait; /* granted */
	uint32_t cpu_count;
	uint16_t cpus[WEIR_CPUS_MAX];
	bool degraded;  /* less than was asked for; the note says why */
	char note[240]; /* or "" */
};

/* Whose problem it is: the index of a request, or a key of the policy. */
enum wr_place_of {
	WR_PLACE_OF_ALLOW = WR_PLACE_REQUESTS_MAX,
	WR_PLACE_OF_AVOID,
	WR_PLACE_OF_HOUSEKEEPING,
	WR_PLACE_OF_REQUESTS, /* all of them together */
};

struct wr_place_problem {
	uint32_t of;     /* index or enum wr_place_of */
	bool has_number; /* one number of the list is at fault */
	uint32_t number; /* this one: of a CPU, node, core, cache, or a relative one */
	char text[240];  /* "CPU 64 does not exist" */
	char note[160];  /* what there is: "allowed here: 0-15"; or "" */
	char help[120];  /* what to do; or "" */
};

struct wr_placement {
	struct wr_cpu_set allowed; /* to weir: by mask, cgroup and policy */
	struct wr_cpu_set avoided;
	struct wr_cpu_set housekeeping; /* of helpers; empty: anywhere */
	uint32_t allowed_count;
	uint32_t core_count;      /* with an allowed CPU that is not avoided */
	uint64_t quota_millicpus; /* WR_QUOTA_NONE */
	bool is_shared;
	char shared_why[160]; /* or "" */

	uint32_t placed_count;
	struct wr_placed placed[WR_PLACE_REQUESTS_MAX]; /* by request */

	uint32_t problem_count;
	struct wr_place_problem problems[WR_PLACE_PROBLEMS_MAX];
};

/*
 * @param requests        in the order of importance
 * @param ret_placement   filled in whatever the result: problems when it is -EINVAL
 * @return 0, -EINVAL with problems, or -ENOMEM
 */
int wr_place(const struct wr_topology *topology, const struct wr_affinity *affinity,
	     const struct wr_place_policy *policy, const struct wr_place_request *requests,
	     uint32_t request_count, struct wr_placement *ret_placement);

/* CPUs and wait of what was placed into the options of weir_open(); the rest of them stays. */
void wr_placed_to_options(const struct wr_placed *placed, struct weir_thread_options *ret_options);

#endif
