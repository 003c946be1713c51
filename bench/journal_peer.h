/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps events durably beside weir, in the same run: databases and logs, each as its own
 * documentation says that it is fastest, and every acknowledgement after a sync, but for those that
 * cannot do that, which say so (acks_early).
 *
 *     due events ──► append(group) ──► durable     one thread, which is producer and committer
 *
 * A peer makes a group of events durable in one call. Saturated, groups are as large as suits the
 * peer. With a rate a group is what has become due since the last one was durable (natural
 * batching), by the schedule of journal_due_ns(); latency counts from the time an event was due
 * until append() has come back, and no thread hands anything to another.
 *
 * Thread: one; blocks on the disk.
 */
#ifndef WEIR_BENCH_JOURNAL_PEER_H
#define WEIR_BENCH_JOURNAL_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/journal.h"

#define JOURNAL_PEERS_MAX 12u
#define JOURNAL_GROUP_MAX 65536u

/* Where a peer lives, for one load. */
struct journal_peer_place {
	const char *dir; /* empty, its own, removed afterwards */
	uint64_t payload_bytes;
	char why[160]; /* set when open() or append() fails and knows more than its code */
};

struct journal_peer {
	const char *name;
	const char *package;   /* that brings it */
	const char *settings;  /* as it is run */
	uint32_t group_events; /* a sync, when saturated; at most JOURNAL_GROUP_MAX */
	/* "0.9.24"; what it says itself, into `to`. False: it is not on this machine. */
	bool (*version)(char *to, size_t to_bytes);
	/*
	 * What its acknowledgements mean at this version, where that is less than a sync: text for
	 * a report. NULL, or no function: each comes after a sync.
	 */
	const char *(*acks_early)(const char *version);
	/* 0 or -errno. */
	int (*open)(struct journal_peer_place *place, void **ret_handle);
	/* `count` events of payload_bytes, side by side; acknowledged when it comes back. */
	int (*append)(void *handle, const uint8_t *events, uint32_t count);
	void (*close)(void *handle);
};

static inline const char *journal_peer_acks_early(const struct journal_peer *peer,
						  const char *version)
{
	return peer->acks_early != NULL ? peer->acks_early(version) : NULL;
}

/* The table (bench/journal_peers.c): those of this build, and names of those that it lacks. */
struct journal_peer_absent {
	const char *name;
	const char *package;
};
extern const struct journal_peer *const journal_peers[];
extern const uint32_t journal_peer_count;
extern const struct journal_peer_absent journal_peers_absent[]; /* a NULL name ends */

struct journal_peer_round {
	uint64_t elapsed_ns;
	uint64_t events;       /* durable in the measured time */
	uint64_t syncs;        /* groups */
	uint64_t late_count;   /* due in it, and not published by its end */
	struct histogram *ack; /* ns; the caller's, added to */
};

/*
 * One load, in a folder that is made in `dir` and removed. producer_count of the load is not looked
 * at. 0, -EINTR, or a code, with a reason in `why`.
 */
int journal_peer_run(const struct journal_peer *peer, const char *dir, uint64_t payload_bytes,
		     const struct journal_load *load, wr_atomic_u32 *interrupted,
		     struct journal_peer_round *ret_round, char *why, size_t why_bytes);

#endif
