/* SPDX-License-Identifier: Apache-2.0 */
/* The group step's share of reading: chunks from disk, for members behind what is in memory. */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/catchup.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/router.h"

static int load_extent(struct weir_pipeline *p, uint64_t seq, struct weir_problem *problem)
{
	return wr_catchup_load(p->catchup, &p->reader, &p->tables.catalog, seq,
			       wr_load_acquire(&p->link.durable_seq), /* D1 */
			       p->wanted, p->wanted_count, problem);
}

/*
 * The extent that a member waits for: brought if it is not there, and the member told, once for
 * each request. It is there already when it was read ahead, or for somebody else, while the member
 * looked in vain. Work done.
 */
static int serve(struct weir_pipeline *p, struct weir_member *m)
{
	struct weir_problem problem = {0};
	/* M1: so it is nobody else's slot before the group says so. */
	if (wr_load_acquire(&m->state) != WR_MEMBER_JOINED)
		return 0;
	uint64_t requests = wr_park_look_u64(&m->requests); /* U1: then what was wanted by then */
	uint64_t seq = wr_load_acquire(&m->wanted_seq);     /* U1 */
	if (seq == 0 || wr_load_acquire(&m->catchup_failure) != 0) /* U1 */
		return 0;
	if (wr_catchup_holds(p->catchup, seq) == 0) {
		int rc = load_extent(p, seq, &problem);
		if (rc == -EAGAIN)
			return 0;
		if (rc != 0) {
			m->problem = problem;
			m->failure_seq = seq;
			wr_store_release(&m->catchup_failure, (uint32_t)-rc); /* U1 */
		}
	} else if (!wr_router_prepare(p, seq) &&
		   (requests == m->requests_told || WR_BUG(CATCHUP_UNTOLD))) {
		return 0;
	}
	(void)wr_router_prepare(p, seq);
	m->requests_told = requests;
	wr_member_tell(p, m);
	return 1;
}

/* The extent that follows the one that a member reads, unless it is in memory. Work done. */
static int load_ahead(struct weir_pipeline *p, uint64_t end_seq)
{
	struct wr_pin *pin = wr_group_pin(p);
	struct weir_problem problem;
	uint64_t ordinal;
	if (end_seq > wr_load_acquire(&p->link.durable_seq) || /* D1 */
	    wr_catchup_holds(p->catchup, end_seq) != 0 ||
	    wr_chunks_find(&p->chunks, pin, end_seq, &ordinal))
		return 0;
	/* What goes wrong here is told to who asks for it. */
	return load_extent(p, end_seq, &problem) == 0 ? 1 : 0;
}

/* Brings one extent from disk: one that a member waits for, or else one that it will. */
int wr_group_serve_catchup(struct weir_pipeline *p)
{
	if (p->catchup == NULL)
		return 0;
	p->wanted_count = 0;
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		uint64_t seq = wr_park_look_u64(&p->members[i].wanted_seq); /* U1 */
		if (seq != 0)
			p->wanted[p->wanted_count++] = seq;
	}
	for (uint32_t i = 0; i < p->options.members_max && p->wanted_count > 0; i++)
		if (serve(p, &p->members[i]) != 0)
			return 1;
	for (uint32_t i = 0; i < p->wanted_count; i++) {
		uint64_t end_seq = wr_catchup_holds(p->catchup, p->wanted[i]);
		if (end_seq != 0 && load_ahead(p, end_seq) != 0)
			return 1;
	}
	return 0;
}
