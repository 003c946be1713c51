/* SPDX-License-Identifier: Apache-2.0 */
/* A producer, from inside (publish.c, producer.c): its thread's, but for what says otherwise. */
#ifndef WR_PIPELINE_PRODUCER_H
#define WR_PIPELINE_PRODUCER_H

#include <weir/producer.h>

#include "core/log/lane.h"
#include "core/record/record.h"

struct wr_event_fd;

struct weir_producer {
	struct weir_pipeline *pipeline;
	struct wr_lane *lane;
	bool in_use;
	enum weir_level level;
	enum weir_when_full when_full;
	uint64_t block_timeout_ns;
	bool want_sequences;
	bool no_cause;
	void (*ack_fn)(void *context, const struct weir_ack_range *range);
	void *ack_context;
	uint64_t acked;   /* tickets answered */
	bool telling;     /* inside ack_fn */
	uint32_t keyless; /* counter of keyless events: partitions in turn */
	/* A named producer. */
	bool named;
	bool fenced; /* and told so: it will not come back */
	/* Refusals that the callback was told: the first ticket and its code, the last ticket. */
	uint64_t refused_first, refused_last;
	int refused_code;
	struct wr_producer_stamp stamp; /* of the event handed over last */
	struct weir_producer_last last;
	/* An open claim or run. */
	enum { WR_OPEN_NOTHING = 0, WR_OPEN_CLAIM, WR_OPEN_RUN } open;
	uint8_t *claim;       /* where it begins in the lane */
	uint64_t claim_bytes; /* room */
	uint64_t claim_used;  /* CLAIM: bytes before the payload; RUN: bytes written */
	uint32_t run_records;
	uint64_t run_stamp; /* producer sequence before it: abort goes back there */
	struct wr_event_fd *event;
	int first_refusal_told;
	/* Under the registry lock, for metrics: the how-manieth that was opened; 1 + its name's
	 * row. */
	uint64_t number;
	uint32_t told_row;
};

#endif
