/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of events to another topic of the log: by a binding what its filter wants, and what no
 * subscription wanted to the topic that its topic names for that. Why this way:
 * docs/design/unrouted-is-a-subscription.md, docs/design/bindings-are-subscriptions.md.
 *
 * Each is a subscription of weir's own, in order of partitions; for what nobody wants its filter is
 * that. It has no members: the group step reads its bits (router.h) and hands runs to the log, in
 * its own lane, each of copies and of the progress over what they are copies of. So a copy is there
 * exactly if the progress over its event is, whatever happens in between. What is not answered yet
 * is handed over behind one another; when a run is refused those behind it are, too, since each
 * moves the first row, and so begins where the one before should have ended; and it is begun again
 * where the log stands.
 *
 *   copier.c          the group step's part
 *   copier_transform.c  payloads that a binding transforms
 *   topic_unrouted.c  the control call that says where copies go of what nobody wants
 *   binding.c         bindings: the control calls, and which are refused
 */
#ifndef WR_PIPELINE_COPIER_H
#define WR_PIPELINE_COPIER_H

#include "core/pipeline/pipeline.h"
#include "core/record/origin.h"

struct wr_copier {
	struct wr_subscription_live *live;
	uint64_t at_seq;     /* looked through up to here */
	uint64_t passed_seq; /* no row stands below it */
	uint64_t safe_seq;   /* nothing on its way, and nothing to come, is of an event below */
	uint64_t after_ns;   /* not before */
	uint32_t on_way;     /* runs that are not answered */
	uint32_t rows;
	bool binds;   /* a binding's; else of what nobody wants */
	bool refused; /* one of them was: all are waited for */
	bool told;    /* options.log_fn was told why it waits */
	size_t block_bytes;
	uint64_t positions[]; /* [rows]: by what was handed over */
};

/* Makes it, if the subscription is one that copies. */
int wr_copier_start(struct weir_pipeline *p, struct wr_subscription_live *live);
void wr_copier_free(struct weir_pipeline *p, struct wr_subscription_live *live);

/* ---- payloads ---- */

struct wr_program;

enum wr_copier_made {
	WR_COPIER_AS_IT_IS,    /* the payload is the event's */
	WR_COPIER_TRANSFORMED, /* the view has another one */
	WR_COPIER_NEXT_RUN,    /* this run has no room for it */
	WR_COPIER_WAITS,       /* it cannot be transformed, and is not copied: `why` */
};

/* An event that is to be transformed; changed where it cannot be. */
struct wr_copier_transform {
	struct wr_origin *origin;
	uint32_t target;
	char why[320]; /* it is not as it should be; "": it is */
};

enum wr_copier_made wr_copier_transform(struct weir_pipeline *p, const struct wr_program *program,
					struct wr_record_view *view, uint64_t append_time_us,
					struct wr_copier_transform *t);

/* ---- the group step's ---- */

int wr_copier_step(struct wr_copier *copier, uint64_t now_ns);
/* When it has something to do, if nothing comes; UINT64_MAX: never. */
uint64_t wr_copier_due_ns(const struct wr_copier *copier);
/* What it keeps in memory, in a log that has nothing else; UINT64_MAX: nothing. */
uint64_t wr_copier_held_seq(const struct wr_copier *copier);
void wr_copier_answered(struct weir_pipeline *p, const struct wr_raise *raise,
			const struct wr_reply *reply);

#endif
