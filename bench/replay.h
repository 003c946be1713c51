/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replay benchmark: a journal is written once, closed, and read from its beginning to its end
 * in several ways, each counted by itself:
 *
 *   cached         weir_journal_inspect(), which verifies every batch and hands out every event
 *                  by itself (`event` of its visitor), with the files in the page cache
 *   cached_many    the same, many events in a call (`events`)
 *   cached_verify  the same without a callback for events
 *   cached_plain   read() of 256 KiB at a time, nothing looked at: what the kernel's copy takes
 *   cold           as the first, past the page cache
 *   cold_verify    as the second
 *   cold_plain     a loop of direct reads of 1 MiB, one at a time
 *   subscription   a pipeline opens the journal, and a new subscription polls it from the oldest
 *                  event to the last: catching up, what the journal's owner does meanwhile included
 *
 * What was read is compared with what was written: how many events, and a sum over them.
 *
 * Thread: one. Blocks. CPU time is the process's: helper threads and the kernel's work for them are
 * in it.
 */
#ifndef WEIR_BENCH_REPLAY_H
#define WEIR_BENCH_REPLAY_H

#include <stddef.h>

#include <weir.h>

#include "core/base/atomic.h"

#define REPLAY_PAYLOAD_BYTES_MIN 8u

enum replay_way {
	REPLAY_CACHED,
	REPLAY_CACHED_MANY,
	REPLAY_CACHED_VERIFY,
	REPLAY_CACHED_PLAIN,
	REPLAY_COLD,
	REPLAY_COLD_VERIFY,
	REPLAY_COLD_PLAIN,
	REPLAY_SUBSCRIPTION,
	REPLAY_WAYS,
};
extern const char *const replay_way_names[REPLAY_WAYS];

struct replay_settings {
	const char *dir; /* of the journal; made */
	uint64_t payload_bytes;
	uint64_t events;
	uint64_t segment_bytes;
	wr_atomic_u32 *interrupted; /* may be NULL */
};

struct replay_journal {
	uint64_t segments; /* files */
	uint64_t bytes;    /* of the log in them */
	bool direct;       /* cold reads pass the page cache by */
};

struct replay_round {
	uint64_t elapsed_ns;
	uint64_t cpu_ns;
	uint64_t events; /* 0: the way does not look at them */
	uint64_t bytes;  /* read */
};

/* Writes the journal. 0, a code with the problem, or -EINTR. */
int replay_make(const struct replay_settings *settings, struct replay_journal *ret_journal,
		struct weir_problem *problem);

/* Once from end to end. -EPROTO: what was read is not what was written. */
int replay_run(const struct replay_settings *settings, enum replay_way way,
	       struct replay_round *ret_round, struct weir_problem *problem);

/* The journal's segment files with ':' between them, as fio takes them; how many fitted. */
uint32_t replay_files(const char *dir, char *to, size_t to_bytes);

#endif
