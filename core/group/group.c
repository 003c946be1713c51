/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group/group.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bug.h"

int wr_group_init(struct wr_group *g, struct wr_memory *memory, const struct wr_group_ports *ports,
		  const uint32_t *topic_partitions, uint32_t topic_count, uint32_t member_count)
{
	*g = (struct wr_group){
		.ports = ports,
		.topic_partitions = topic_partitions,
		.topic_count = topic_count,
		.member_count = member_count,
	};
	for (uint32_t t = 0; t < topic_count; t++)
		g->row_count += topic_partitions[t];
	g->rows = memory->ops->alloc(memory, g->row_count * sizeof *g->rows, 64);
	g->owners = memory->ops->alloc(memory, g->row_count * sizeof *g->owners, 64);
	g->members = memory->ops->alloc(memory, member_count * sizeof *g->members, 64);
	g->ordered = memory->ops->alloc(memory, member_count * sizeof *g->ordered, 64);
	if (g->rows == NULL || g->owners == NULL || g->members == NULL || g->ordered == NULL) {
		wr_group_fini(g, memory);
		return -ENOMEM;
	}
	for (uint32_t r = 0; r < g->row_count; r++)
		g->rows[r] = (struct wr_row){
			.owner = WR_MEMBER_NONE,
			.target = WR_MEMBER_NONE,
			.holder = WR_MEMBER_NONE,
			.seek_position = WR_SEEK_NONE,
		};
	return 0;
}

void wr_group_fini(struct wr_group *g, struct wr_memory *memory)
{
	if (g->rows != NULL)
		memory->ops->free(memory, g->rows, g->row_count * sizeof *g->rows);
	if (g->owners != NULL)
		memory->ops->free(memory, g->owners, g->row_count * sizeof *g->owners);
	if (g->members != NULL)
		memory->ops->free(memory, g->members, g->member_count * sizeof *g->members);
	if (g->ordered != NULL)
		memory->ops->free(memory, g->ordered, g->member_count * sizeof *g->ordered);
	g->rows = NULL;
	g->owners = NULL;
	g->members = NULL;
	g->ordered = NULL;
}

void wr_group_set_generation(struct wr_group *g, uint32_t row, uint32_t generation)
{
	g->rows[row].generation = generation;
}

void wr_group_join(struct wr_group *g, uint32_t member, const char *name)
{
	struct wr_group_member *m = &g->members[member];
	WR_ASSERT(!m->present);
	*m = (struct wr_group_member){.present = true};
	size_t bytes = strlen(name);
	if (bytes > sizeof m->name - 1)
		bytes = sizeof m->name - 1;
	memcpy(m->name, name, bytes);
	g->changed = true;
}

void wr_group_leave(struct wr_group *g, uint32_t member)
{
	g->members[member].leaving = true;
	g->changed = true;
}

bool wr_group_has_left(const struct wr_group *g, uint32_t member)
{
	if (g->members[member].owned_count > 0)
		return false;
	for (uint32_t r = 0; r < g->row_count; r++) {
		const struct wr_row *row = &g->rows[r];
		if (row->state == WR_ROW_DRAINING && row->drain_member == member)
			return false;
		if (row->state == WR_ROW_RAISING && row->to == member)
			return false;
	}
	return true;
}

void wr_group_remove(struct wr_group *g, uint32_t member)
{
	WR_ASSERT(wr_group_has_left(g, member));
	for (uint32_t r = 0; r < g->row_count; r++)
		if (g->rows[r].holder == member)
			g->rows[r].holder = WR_MEMBER_NONE;
	g->members[member].present = false;
}

void wr_group_expire(struct wr_group *g, uint32_t member)
{
	g->members[member].expired = true;
	g->changed = true;
}

void wr_group_revive(struct wr_group *g, uint32_t member)
{
	g->members[member].expired = false;
	g->changed = true;
}

static bool may_own(const struct wr_group_member *m)
{
	return m->present && !m->leaving && !m->expired;
}

/* Members that may own something, sorted by name; equal names by slot. */
static uint32_t order_members(struct wr_group *g)
{
	uint32_t count = 0;
	for (uint32_t m = 0; m < g->member_count; m++) {
		if (!may_own(&g->members[m]))
			continue;
		uint32_t at = count++;
		while (at > 0 &&
		       strcmp(g->members[g->ordered[at - 1]].name, g->members[m].name) > 0) {
			g->ordered[at] = g->ordered[at - 1];
			at--;
		}
		g->ordered[at] = m;
	}
	return count;
}

static void assign_anew(struct wr_group *g)
{
	uint32_t count = order_members(g);
	wr_assign_range(g->topic_partitions, g->topic_count, g->ordered, count, g->owners);
	for (uint32_t r = 0; r < g->row_count; r++)
		g->rows[r].target = g->owners[r];
	g->changed = false;
}

/* The owner has nothing to do with the row any more, once its lane is decided up to a place. */
static void let_go(struct wr_group *g, struct wr_row *row, uint64_t place)
{
	row->state = WR_ROW_DRAINING;
	row->drain_member = row->owner;
	row->drain_place = place;
	g->members[row->owner].owned_count--;
	row->owner = WR_MEMBER_NONE;
}

void wr_group_released(struct wr_group *g, uint32_t member, uint32_t row_index, uint32_t generation,
		       uint64_t place)
{
	struct wr_row *row = &g->rows[row_index];
	/* Of an earlier life: the session had timed out, or a seek took the row from it. */
	if (row->state != WR_ROW_REVOKING || row->owner != member || row->generation != generation)
		return;
	row->holder = WR_MEMBER_NONE;
	let_go(g, row, place);
}

void wr_group_raised(struct wr_group *g, uint32_t row_index, int code)
{
	struct wr_row *row = &g->rows[row_index];
	WR_ASSERT(row->state == WR_ROW_RAISING);
	row->state = WR_ROW_SETTLED;
	if (row->to != WR_MEMBER_NONE)
		g->members[row->to].raised_count--;
	if (code != 0)
		return; /* nothing was written; the next step asks again */
	row->generation++;
	/* A seek that was asked for meanwhile is still to come. */
	if (row->seek_position == row->raising_position)
		row->seek_position = WR_SEEK_NONE;
	if (row->to == WR_MEMBER_NONE)
		return;
	/* Somebody who went meanwhile is not told: the row is nobody's, and moves on. */
	if (!may_own(&g->members[row->to]))
		return;
	row->owner = row->holder = row->to;
	g->members[row->to].owned_count++;
	g->ports->assign(g->ports->context, row->to, row_index, row->generation);
}

void wr_group_seek(struct wr_group *g, uint64_t position)
{
	for (uint32_t r = 0; r < g->row_count; r++)
		g->rows[r].seek_position = position;
	g->moving = g->row_count;
}

/* Whether one more message fits, beside those that are sure to come. */
static bool may_tell(struct wr_group *g, uint32_t member)
{
	return g->ports->room(g->ports->context, member) > g->members[member].raised_count;
}

/* Before anybody else can be handed anything of the row. */
static void tell_holder(struct wr_group *g, uint32_t r)
{
	struct wr_row *row = &g->rows[r];
	if (row->holder == WR_MEMBER_NONE || row->holder == row->target)
		return;
	if (!g->members[row->holder].leaving && !WR_BUG(LOSS_NOT_TOLD))
		g->ports->lost(g->ports->context, row->holder, r, row->generation);
	row->holder = WR_MEMBER_NONE;
}

static int raise_generation(struct wr_group *g, uint32_t r)
{
	struct wr_row *row = &g->rows[r];
	if (row->target != WR_MEMBER_NONE && !may_tell(g, row->target))
		return 0; /* when it has polled, or its session is over */
	int rc = g->ports->raise(g->ports->context, r, row->generation + 1, row->target,
				 row->seek_position);
	if (rc != 0)
		return 0;
	row->to = row->target;
	row->raising_position = row->seek_position;
	row->state = WR_ROW_RAISING;
	if (row->to != WR_MEMBER_NONE)
		g->members[row->to].raised_count++;
	return 1;
}

/* A row at rest: is it where it is to be? */
static int start_move(struct wr_group *g, uint32_t r)
{
	struct wr_row *row = &g->rows[r];
	bool seek = row->seek_position != WR_SEEK_NONE;
	if (row->owner == row->target && !seek)
		return 0;
	if (row->owner == WR_MEMBER_NONE) {
		tell_holder(g, r);
		return raise_generation(g, r);
	}
	const struct wr_group_member *owner = &g->members[row->owner];
	if (seek || owner->leaving || owner->expired || WR_BUG(OWNER_NOT_ASKED)) {
		/* Not asked: what its lane holds is still decided under the old generation. */
		let_go(g, row, g->ports->lane_place(g->ports->context, row->owner));
		return 1;
	}
	if (!may_tell(g, row->owner))
		return 0;
	row->state = WR_ROW_REVOKING;
	g->ports->revoke(g->ports->context, row->owner, r, row->generation);
	return 1;
}

static int step_row(struct wr_group *g, uint32_t r)
{
	struct wr_row *row = &g->rows[r];
	switch (row->state) {
	case WR_ROW_SETTLED:
		return start_move(g, r);
	case WR_ROW_REVOKING: {
		const struct wr_group_member *owner = &g->members[row->owner];
		if (!owner->leaving && !owner->expired)
			return 0;
		let_go(g, row, g->ports->lane_place(g->ports->context, row->owner));
		return 1;
	}
	case WR_ROW_DRAINING:
		if (!g->ports->lane_decided(g->ports->context, row->drain_member,
					    row->drain_place) &&
		    !WR_BUG(OWNER_NOT_DRAINED))
			return 0;
		tell_holder(g, r);
		if (row->target == WR_MEMBER_NONE && row->seek_position == WR_SEEK_NONE) {
			row->state = WR_ROW_SETTLED;
			return 1;
		}
		return raise_generation(g, r);
	case WR_ROW_RAISING:
		return 0;
	}
	return 0;
}

bool wr_group_is_settled(const struct wr_group *g)
{
	return !g->changed && g->moving == 0;
}

int wr_group_step(struct wr_group *g)
{
	int work = 0;
	if (g->changed) {
		assign_anew(g);
		g->moving = g->row_count;
	}
	if (g->moving == 0)
		return work;
	uint32_t moving = 0;
	for (uint32_t r = 0; r < g->row_count; r++) {
		work += step_row(g, r);
		const struct wr_row *row = &g->rows[r];
		if (row->state != WR_ROW_SETTLED || row->owner != row->target ||
		    row->seek_position != WR_SEEK_NONE)
			moving++;
	}
	g->moving = moving;
	return work;
}
