/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SIGKILL sweep's parts. A life is one child process with a pipeline: it publishes two named
 * streams and one of single events, and reads them with two groups. The ledger is shared memory: it
 * is what survives of a life, and what the next life and the parent hold the journal against.
 *
 * An event is its stream and its number, and both say every byte of it. Keys are CLASSES a stream,
 * in turn, so the next event of a key is CLASSES numbers on: a gap shows at the first item behind
 * it, also across lives.
 */
#ifndef WEIR_TOOLS_TORTURE_SWEEP_H
#define WEIR_TOOLS_TORTURE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include <weir.h>

#include "core/base/atomic.h"
#include "io/sim/prng.h"

#define SWEEP_NAMED 2u   /* streams of named producers, a thread each */
#define SWEEP_STREAMS 3u /* the last one is published one by one, by weir_publish_once() */
#define SWEEP_GROUPS 2u
#define SWEEP_MEMBERS 3u /* one in the first group, two in the second */
#define SWEEP_CLASSES 7u
#define SWEEP_PARTITIONS 3u
#define SWEEP_ONCE_MAX 65536u
#define SWEEP_PAYLOAD_BYTES_MAX 2600u

enum sweep_phase { SWEEP_BORN, SWEEP_OPENING, SWEEP_RUNNING, SWEEP_CLOSING, SWEEP_DONE };
#define SWEEP_PHASES 5u

/* When a life is killed: by the parent the first three, the next four by the life itself. */
enum sweep_kill {
	SWEEP_KILL_TIME,    /* `after` ns from its birth */
	SWEEP_KILL_OPENING, /* `after` ns from the call of weir_open() */
	SWEEP_KILL_CLOSING, /* `after` ns from the call of weir_close() */
	SWEEP_KILL_ACKS,    /* inside the callback for the `after`-th acknowledged event */
	SWEEP_KILL_ROLL,    /* when the `after`-th change of the segments shows */
	SWEEP_KILL_CHECKPOINT,
	SWEEP_KILL_PACK,  /* when the `after`-th segment has been packed; the next is under way */
	SWEEP_KILL_BREAK, /* by the parent, some time after the disk has failed */
	SWEEP_KILL_NONE,  /* it ends in order */
};

/* How a disk fails, for good, inside the callback for the `after`-th acknowledged event. */
enum sweep_break {
	SWEEP_BREAK_WRITE, /* writes fail with EIO */
	SWEEP_BREAK_SYNC,  /* so do syncs that are calls of their own */
	SWEEP_BREAK_SPACE, /* no new file gets its blocks: ENOSPC */
	SWEEP_BREAK_SHORT, /* writes end at a limit in the middle of a file, and then fail */
};
#define SWEEP_BREAKS 4u

struct sweep_plan {
	enum sweep_kill kill;
	uint64_t after;
	enum sweep_break break_how;
	uint64_t linger_ns; /* after it */
	uint64_t seed;
	uint64_t events;      /* of each named stream in this life */
	uint32_t window;      /* not yet acknowledged at most */
	uint64_t patience_ns; /* of calls that wait for the disk; 0: 10 s */
	enum weir_close_mode close_mode;
	bool leave;                  /* members leave before the close */
	bool memory_gate;            /* of the second group */
	struct weir_options options; /* without the directory */
};

struct sweep_ledger {
	wr_atomic_u32 phase;
	wr_atomic_u64 handed[SWEEP_STREAMS]; /* stored before the call that publishes */
	wr_atomic_u64 acked[SWEEP_STREAMS];  /* durable, by the library's word */
	/* Of each group, key and named stream. */
	wr_atomic_u64 settled[SWEEP_GROUPS][SWEEP_CLASSES][SWEEP_NAMED]; /* before weir_ack_all() */
	wr_atomic_u64 committed[SWEEP_GROUPS][SWEEP_CLASSES][SWEEP_NAMED]; /* durable */
	wr_atomic_u32 once_acked[SWEEP_ONCE_MAX];
	wr_atomic_u32 once_handled[SWEEP_GROUPS][SWEEP_ONCE_MAX];
	/* The disk fails from here on: what is refused now is no fault. Then whether it does. */
	wr_atomic_u32 is_breaking;
	wr_atomic_u32 was_refused; /* something was, behind that */
	wr_atomic_u32 is_broken;   /* 1; 2: no way to break it was found */
	wr_atomic_u32 was_broken;  /* in one of the lives so far */
	wr_atomic_u32 has_fault;
	char fault[256];
	/* For the summary. */
	wr_atomic_u64 commits;
	wr_atomic_u64 checkpoints;
	wr_atomic_u64 recycled;
	wr_atomic_u64 packed; /* segments that were seen to become so, in any life */
	wr_atomic_u64 trimmed;
};

/* What an event of a stream holds: the parent and the groups expect exactly this. */
uint32_t sweep_payload(uint8_t to[SWEEP_PAYLOAD_BYTES_MAX], uint32_t stream, uint64_t number);
/* False: it is not what was published. */
bool sweep_read(const struct weir_item *item, uint32_t *ret_stream, uint64_t *ret_number);

/* The first fault of a journal's lives stays in the ledger. */
void sweep_fault(struct sweep_ledger *ledger, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The child's whole life; its exit code. */
int sweep_life(const char *dir, const struct sweep_plan *plan, struct sweep_ledger *ledger);

struct sweep_hand {
	uint64_t number;
	uint32_t partition;
	uint32_t generation;
};

/* The life's members: each runs sweep_member() on a thread of its own until `stop`. */
struct sweep_member {
	struct weir_member *member;
	struct sweep_ledger *ledger;
	wr_atomic_u32 *stop;
	uint32_t group;
	uint64_t seed;
	uint64_t patience_ns;
	bool is_alone; /* in its group: nothing comes twice */
	/* What this life has seen, and what of it is not committed yet. */
	uint64_t seen[SWEEP_CLASSES][SWEEP_NAMED];
	struct sweep_hand in_hand[SWEEP_CLASSES][SWEEP_NAMED];
};
void *sweep_member(void *context);

/*
 * Makes the disk of this process fail, for good: by a filter of system calls over all its threads,
 * or by the limit of file sizes. 0, or -errno where that is refused.
 */
int sweep_break_disk(enum sweep_break how, uint64_t seed);

/*
 * Reads the journal that a life left, without a pipeline. How many faults; the first is in the
 * ledger. `is_whole`: nothing was recycled, so the log has to begin with the first event.
 */
unsigned sweep_audit(const char *dir, struct sweep_ledger *ledger, bool is_whole,
		     uint64_t ret_last[SWEEP_STREAMS]);

/* At the end both groups have handled everything that is acknowledged: 0, or how many are not. */
unsigned sweep_unhandled(struct sweep_ledger *ledger);

/* What many journals came to. */
struct sweep_sum {
	unsigned journals;
	unsigned kills;
	unsigned missed; /* the life ended, or its target did not come, before the kill */
	unsigned in_phase[SWEEP_PHASES];
	unsigned breaks[SWEEP_BREAKS];
	unsigned unbroken; /* lives whose disk could not be made to fail */
	uint64_t events;   /* in the journals at the end, or recycled */
	uint64_t acked;
	uint64_t commits, checkpoints, recycled, packed, trimmed;
};

struct sweep_run {
	struct sweep_ledger *ledger; /* shared memory, of sweep_ledger_map() */
	unsigned kills_a_journal;
	uint64_t end_ns; /* of the monotonic clock: then a journal's last life begins; 0: never */
	bool breaks;     /* some lives have a disk that fails */
	bool has_io;     /* all lives use `io`; else each draws it */
	enum weir_io io;
	/* Called all the time; true: the run is to end at once. NULL: never. */
	bool (*is_stopped)(void *context);
	/* Called with each journal that was killed, before it is looked at. NULL: not. */
	void (*killed)(void *context, const char *journal);
	void *context;
	struct sweep_sum sum;
	char fault[512]; /* of the journal that had one */
};

/* The sizes of its journals, without a directory. */
void sweep_options(struct weir_options *ret_options);
/* The same, and the rest is drawn, but for retention: 0. */
void sweep_draw_options(struct weir_options *ret_options, struct wr_prng *prng);

/* NULL: no memory. */
struct sweep_ledger *sweep_ledger_map(void);

/*
 * The lives of one journal, in a directory that is not there yet; the last closes in order. False:
 * run->fault, and the journal stays as it is. True, too, when it was stopped.
 */
bool sweep_journal(struct sweep_run *run, const char *journal, uint64_t seed);

#endif
