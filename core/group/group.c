/* SPDX-License-Identifier: Apache-2.0 */
#include "core/group/group.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bug.h"

/* Members and seats, three times: what they are put in order in, counted, and dealt by. */
static size_t scratch_bytes(const struct wr_group *g)
{
	return 3 * 2 * g->member_count * sizeof *g->ordered;
}

int wr_group_init(struct wr_group *g, struct wr_memory *memory, const struct wr_group_ports *ports,
		  const uint32_t *topic_partitions, uint32_t topic_count, uint32_t member_count)
{
	*g = (struct wr_group){
		.ports = ports,
		.topic_partitions = topic_partitions,
		.topic_in_force = topic_partitions,
		.topic_count = topic_count,
		.member_count = member_count,
	};
	for (uint32_t t = 0; t < topic_count; t++)
		g->row_count += topic_partitions[t];
	g->rows = memory->ops->alloc(memory, g->row_count * sizeof *g->rows, 64);
	g->owners = memory->ops->alloc(memory, g->row_count * sizeof *g->owners, 64);
	g->members = memory->ops->alloc(memory, member_count * sizeof *g->members, 64);
	g->seats = memory->ops->alloc(memory, member_count * sizeof *g->seats, 64);
	g->ordered = memory->ops->alloc(memory, scratch_bytes(g), 64);
	if (g->rows == NULL || g->owners == NULL || g->members == NULL || g->seats == NULL ||
	    g->ordered == NULL) {
		wr_group_fini(g, memory);
		return -ENOMEM;
	}
	g->counts = g->ordered + 2 * member_count;
	g->quotas = g->counts + 2 * member_count;
	for (uint32_t r = 0; r < g->row_count; r++)
		g->rows[r] = (struct wr_row){
			.owner = WR_MEMBER_NONE,
			.target = WR_MEMBER_NONE,
			.holder = WR_MEMBER_NONE,
			.seek_position = WR_SEEK_NONE,
			.in_force = true,
		};
	return 0;
}

void wr_group_grow(struct wr_group *g, const uint32_t *topic_in_force,
		   const uint32_t *topic_made_with)
{
	struct wr_row *row = g->rows;
	g->topic_in_force = topic_in_force;
	for (uint32_t t = 0; t < g->topic_count; t++) {
		for (uint32_t p = 0; p < g->topic_partitions[t]; p++, row++) {
			row->in_force = p < topic_in_force[t];
			row->waits = p >= topic_made_with[t];
		}
	}
	g->changed = true;
}

void wr_group_fini(struct wr_group *g, struct wr_memory *memory)
{
	if (g->rows != NULL)
		memory->ops->free(memory, g->rows, g->row_count * sizeof *g->rows);
	if (g->owners != NULL)
		memory->ops->free(memory, g->owners, g->row_count * sizeof *g->owners);
	if (g->members != NULL)
		memory->ops->free(memory, g->members, g->member_count * sizeof *g->members);
	if (g->seats != NULL)
		memory->ops->free(memory, g->seats, g->member_count * sizeof *g->seats);
	if (g->ordered != NULL)
		memory->ops->free(memory, g->ordered, scratch_bytes(g));
	g->rows = NULL;
	g->owners = NULL;
	g->members = NULL;
	g->seats = NULL;
	g->ordered = NULL;
}

void wr_group_use(struct wr_group *g, enum wr_assignor assignor)
{
	if (g->assignor == assignor)
		return;
	g->assignor = assignor;
	g->changed = true;
}

void wr_group_set_generation(struct wr_group *g, uint32_t row, uint32_t generation)
{
	g->rows[row].generation = generation;
}

void wr_group_join(struct wr_group *g, uint32_t member, const char *name, const char *instance)
{
	struct wr_group_member *m = &g->members[member];
	WR_ASSERT(!m->present);
	*m = (struct wr_group_member){.present = true, .seat = WR_MEMBER_NONE};
	size_t bytes = strlen(name);
	if (bytes > sizeof m->name - 1)
		bytes = sizeof m->name - 1;
	memcpy(m->name, name, bytes);
	if (instance[0] != '\0')
		wr_seat_take(g, member, instance);
	else
		g->changed = true;
}

void wr_group_leave(struct wr_group *g, uint32_t member, uint64_t keep_until_ns)
{
	if (g->members[member].seat != WR_MEMBER_NONE)
		wr_seat_leave(g, member, keep_until_ns);
	else
		g->changed = true;
	g->members[member].leaving = true;
	g->moving = g->row_count;
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

bool wr_group_may_own(const struct wr_group_member *m)
{
	return m->present && !m->leaving && !m->expired && !m->fenced;
}

bool wr_group_takes_part(const struct wr_group *g, uint32_t id)
{
	if (id < g->member_count)
		return wr_group_may_own(&g->members[id]);
	if (id == WR_MEMBER_NONE)
		return false;
	const struct wr_seat *seat = &g->seats[id - g->member_count];
	return seat->present && seat->member == WR_MEMBER_NONE;
}

/* NULL: it is a dynamic member. */
static const char *instance_of(const struct wr_group *g, uint32_t id)
{
	uint32_t seat = id < g->member_count ? g->members[id].seat : id - g->member_count;
	return seat != WR_MEMBER_NONE ? g->seats[seat].instance : NULL;
}

/* Static members by instance id, before the others by name; equal names by slot. */
static bool is_before(const struct wr_group *g, uint32_t a, uint32_t b)
{
	const char *of_a = instance_of(g, a), *of_b = instance_of(g, b);
	if (of_a != NULL && of_b != NULL)
		return strcmp(of_a, of_b) < 0;
	if (of_a != NULL || of_b != NULL)
		return of_a != NULL;
	int order = strcmp(g->members[a].name, g->members[b].name);
	return order < 0 || (order == 0 && a < b);
}

/* Those that rows are assigned to, in order. */
static uint32_t order_members(struct wr_group *g)
{
	uint32_t count = 0;
	for (uint32_t id = 0; id < 2 * g->member_count; id++) {
		if (!wr_group_takes_part(g, id))
			continue;
		uint32_t at = count++;
		for (; at > 0 && is_before(g, id, g->ordered[at - 1]); at--)
			g->ordered[at] = g->ordered[at - 1];
		g->ordered[at] = id;
	}
	return count;
}

/*
 * Who has a row, for an assignor that lets him keep it: whoever is on the way to it, once it is on
 * its way, as going back would be another move.
 */
static uint32_t keeper_of(const struct wr_group *g, const struct wr_row *row)
{
	uint32_t first = row->state == WR_ROW_SETTLED   ? row->owner
			 : row->state == WR_ROW_RAISING ? row->to
							: row->target;
	if (wr_group_takes_part(g, first))
		return first;
	return wr_group_takes_part(g, row->target) ? row->target : WR_MEMBER_NONE;
}

static void assign_anew(struct wr_group *g)
{
	uint32_t count = order_members(g);
	/* Rows that are in force, side by side: an assignor knows of no others. */
	uint32_t rows = 0;
	for (uint32_t r = 0; r < g->row_count; r++)
		if (g->rows[r].in_force)
			g->owners[rows++] = keeper_of(g, &g->rows[r]);
	switch (g->assignor) {
	case WR_ASSIGNOR_RANGE:
		wr_assign_range(g->topic_in_force, g->topic_count, g->ordered, count, g->owners);
		break;
	case WR_ASSIGNOR_STICKY:
		wr_assign_sticky(rows, g->ordered, count, g->counts, g->quotas, g->owners);
		break;
	case WR_ASSIGNOR_ROUND_ROBIN:
		wr_assign_round_robin(rows, g->ordered, count, g->owners);
		break;
	}
	rows = 0;
	for (uint32_t r = 0; r < g->row_count; r++)
		g->rows[r].target = g->rows[r].in_force ? g->owners[rows++] : WR_MEMBER_NONE;
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
	if (!wr_group_may_own(&g->members[row->to]))
		return;
	row->owner = row->holder = row->to;
	g->members[row->to].owned_count++;
	g->ports->assign(g->ports->context, row->to, row_index, row->generation);
}

void wr_group_seek(struct wr_group *g, uint64_t position)
{
	for (uint32_t r = 0; r < g->row_count; r++)
		if (g->rows[r].in_force)
			g->rows[r].seek_position = position;
	g->moving = g->row_count;
}

/* Whether one more message fits, beside those that are sure to come. */
static bool may_tell(struct wr_group *g, uint32_t member)
{
	return g->ports->room(g->ports->context, member) > g->members[member].raised_count;
}

/* Who gets the row now: nobody, while it is kept for somebody, or waits. */
static uint32_t next_owner(const struct wr_group *g, const struct wr_row *row)
{
	if (row->target >= g->member_count)
		return WR_MEMBER_NONE;
	if (row->waits && row->owner != row->target && !WR_BUG(GROWTH_NOT_DRAINED) &&
	    !g->ports->opens(g->ports->context, (uint32_t)(row - g->rows)))
		return WR_MEMBER_NONE;
	return row->target;
}

/*
 * Before anybody else can be handed anything of the row; also who is to have it again, but not now,
 * since it waits: what he has of it is of before.
 */
static void tell_holder(struct wr_group *g, uint32_t r)
{
	struct wr_row *row = &g->rows[r];
	if (row->holder == WR_MEMBER_NONE ||
	    (row->holder == row->target &&
	     (next_owner(g, row) == row->target || WR_BUG(WAITING_NOT_TOLD))))
		return;
	if (WR_BUG(GIVEN_TO_BOTH))
		g->ports->assign(g->ports->context, row->holder, r, row->generation + 1);
	else if (!g->members[row->holder].leaving && !WR_BUG(LOSS_NOT_TOLD))
		g->ports->lost(g->ports->context, row->holder, r, row->generation);
	row->holder = WR_MEMBER_NONE;
}

static int raise_generation(struct wr_group *g, uint32_t r)
{
	struct wr_row *row = &g->rows[r];
	uint32_t next = next_owner(g, row);
	if (next != WR_MEMBER_NONE && !may_tell(g, next))
		return 0; /* when it has polled, or its session is over */
	int rc = g->ports->raise(g->ports->context, r, row->generation + 1, next,
				 row->seek_position);
	if (rc != 0)
		return 0;
	row->to = next;
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
	if (row->owner == next_owner(g, row) && !seek)
		return 0;
	if (row->owner == WR_MEMBER_NONE) {
		tell_holder(g, r);
		return raise_generation(g, r);
	}
	const struct wr_group_member *owner = &g->members[row->owner];
	if (seek || !wr_group_may_own(owner) || WR_BUG(OWNER_NOT_ASKED)) {
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
		if (wr_group_may_own(owner))
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
		if (next_owner(g, row) == WR_MEMBER_NONE && row->seek_position == WR_SEEK_NONE) {
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
