/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pipeline with this config will take: memory, disk, descriptors, threads and where each of
 * them runs; and what the machine lacks for it, each with the exact way to mend it. Nothing is
 * opened and nothing is made.
 *
 * Thread: any; no state.
 */
#ifndef WR_CONFIG_PLAN_H
#define WR_CONFIG_PLAN_H

#include "io/config/place.h"
#include "io/config/rings.h"
#include "io/machine/machine.h"

#define WR_PLAN_LACKS_MAX 64u
/* Of these, of files, folders and programs of `weir run`, and as many of bridges; more are told in
 * one. */
#define WR_PLAN_PATHS_MAX 16u
/* Descriptors beside those of segments: directory, the two that are locked, superblock, two
 * checkpoints, the ring with its wake, and two that are held for a moment (a file being made, a
 * mapping). */
#define WR_PLAN_DESCRIPTORS 10u
/* Segments that stay open because they were used last, beside those that are ahead or written. */
#define WR_PLAN_DESCRIPTORS_IDLE 32u

struct wr_plan_input {
	const struct weir_options *options;
	const struct wr_topology *topology;
	const struct wr_affinity *affinity;
	const struct wr_place_policy *policy;
	const struct wr_place_request *requests;
	/* What is said of each beside its place. */
	const struct weir_thread_options *const *threads;
	uint32_t request_count;
	struct wr_config_rings_memory rings; /* of stages */
	/* NULL: none. Else its sources and sinks are planned, and lacks have places in it. */
	const struct weir_config *config;
	/* NULL: a machine from a file, of which only the topology is known. */
	const struct wr_machine *machine;
};

struct wr_plan_disk {
	bool is_needed; /* there is a journal */
	struct wr_machine_dir dir;
	uint64_t segment_bytes;     /* those of the journal that is there, or the options' */
	uint64_t file_bytes;        /* of a segment on disk */
	uint32_t segments_ahead;    /* that are ready before they are needed, reserve included */
	uint64_t first_bytes;       /* written before the first event */
	uint64_t retention_bytes;   /* 0: whatever its size */
	uint64_t retention_time_ns; /* 0: whatever its age */
	uint64_t most_bytes;        /* as far as retention can hold it; UINT64_MAX: no end */
	uint64_t checkpoint_bytes;  /* of log between two checkpoints */
};

/* Descriptors of `weir run`, of a file that has sources, sinks, bridges or a server; all 0: it has
 * none. */
struct wr_plan_run {
	uint32_t sources;     /* files that are read, two for one that is followed */
	uint32_t sinks;       /* outputs, side files, and of a command its input and itself */
	uint32_t bridges;     /* lock, status, sockets; to Kafka as many brokers as are usual */
	uint32_t serve;       /* the server's own */
	uint32_t connections; /* of its clients, which come later */
	uint32_t others;      /* standard streams, signals of threads, one held for a moment */
};

struct wr_plan_descriptors {
	uint32_t fixed;    /* WR_PLAN_DESCRIPTORS, or fewer without a journal */
	uint32_t segments; /* open at once at most */
	uint32_t events;   /* if every producer and member asks for its eventfd */
	struct wr_plan_run run;
	uint64_t total;      /* of weir; what the program has comes beside, but for `weir run` */
	uint64_t room_bytes; /* without retention: what the journal may grow to with segments_max;
	                       UINT64_MAX: no journal */
};

enum wr_lack_weight {
	WR_LACK_SLOWS, /* latency or throughput */
	WR_LACK_LATER, /* it will stop some day */
	WR_LACK_STOPS, /* it does not open */
};

struct wr_plan_lack {
	enum wr_lack_weight weight;
	const char *id; /* for programs: "io_uring", "governor" */
	uint32_t line;  /* of the config, where a key is at fault; 0: none is */
	uint32_t column;
	char text[240];
	char fix[320]; /* a command or a setting, to be taken as it is */
};

struct wr_plan {
	struct weir_memory_plan memory;
	struct wr_config_rings_memory rings; /* beside `memory` */
	/* Of address space: all of it, chunks and lanes once more, and stacks of threads. */
	uint64_t address_bytes;
	uint64_t locked_bytes; /* that memory.lock counts against the limit, at most; 0: nothing */
	struct wr_plan_disk disk;
	struct wr_plan_descriptors descriptors;
	struct wr_placement placement;
	bool knows_machine;
	struct wr_machine machine;
	uint32_t lack_count;
	struct wr_plan_lack lacks[WR_PLAN_LACKS_MAX];
};

/*
 * weir_memory_plan() without its look at threads: those of a file have no place yet when its sizes
 * are judged, and may be for another machine than this one.
 */
int wr_plan_memory(const struct weir_options *options, struct weir_memory_plan *ret_plan,
		   struct weir_problem *reterr_problem);

/*
 * @param ret_plan        filled in as far as it goes: the placement with its problems, too
 * @param reterr_problem  may be NULL; what wr_plan_memory() refused
 * @return 0; -EINVAL: options (the problem says it) or placement (its problems do); -ENOMEM
 */
int wr_plan_make(const struct wr_plan_input *input, struct wr_plan *ret_plan,
		 struct weir_problem *reterr_problem);

#endif
