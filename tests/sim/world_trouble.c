/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a swarm adds to a life: a medium that freezes for 0.1, 2 or 30 seconds, a disk that is full
 * for a while, a wall clock that jumps by days. And what must hold whatever happens: a call with a
 * deadline comes back at its deadline, and a pipeline is FAILED only if something did fail.
 */
#include <string.h>

#include "tests/sim/oracle.h"

#define SECOND_NS 1000000000ull
#define DEADLINE_SLACK_NS 100000000ull /* a round of steps, with whatever handlers do in it */
#define JUMP_NS_MAX (10 * 86400 * SECOND_NS)
#define WAIT_NS_MAX 2000000u
#define QUIET_ROUNDS 4u
#define QUIET_DOUBLINGS_MAX 9u /* a second */
#define FROZEN_SLICES 12u
#define FULL_ROUNDS_MAX 300u
#define FILES_PART 2u /* of the limit: with more files than that it is raised */
#define FILES_TIMES 4u
#define HEALING_SEGMENTS 1024u

static const enum sometimes counted[] = {
	SOMETIMES_WRITE_ERROR, SOMETIMES_SYNC_ERROR,  SOMETIMES_READ_ERROR, SOMETIMES_NO_ROOM,
	SOMETIMES_SHORT_READ,  SOMETIMES_SHORT_WRITE, SOMETIMES_SLOW_IO};
static const enum wr_fault counted_faults[] = {
	WR_FAULT_WRITE_ERROR, WR_FAULT_SYNC_ERROR,  WR_FAULT_READ_ERROR, WR_FAULT_PREPARE_FULL,
	WR_FAULT_SHORT_READ,  WR_FAULT_SHORT_WRITE, WR_FAULT_SLOW};

/*
 * An open while no file can be made: it has to find room of its own, if the last segment has any
 * (L31). Drawn from the seed alone, so that what other seeds do stays as it was.
 */
bool world_trouble_full_open(uint32_t tries)
{
	if (world.memory_only || world.life < 2 || tries > 0 || (world.seed + world.life) % 4 != 2)
		return false;
	wr_fault_plan_heal(&world.disk->plan);
	wr_sim_disk_trip_at(world.disk, 0, 0);
	world.disk->plan.capacity_bytes = 1;
	return true;
}

void world_trouble_check_room(bool is_full, bool had_none)
{
	world_check(!had_none || world.pipeline->recovered.resume_segment_id == 0,
		    "an open on a full disk did not use the room that the log had", world.life, 0);
	if (is_full)
		world_sometimes(SOMETIMES_OPEN_FULL);
}

/* Of those that may end in FAILED. */
static uint64_t faults_taken(void)
{
	const uint64_t *taken = world.disk->plan.taken;

	return taken[WR_FAULT_WRITE_ERROR] + taken[WR_FAULT_SYNC_ERROR] +
	       taken[WR_FAULT_READ_ERROR] + taken[WR_FAULT_PREPARE_FULL];
}

static void count_medium(void)
{
	struct wr_sim_lost *lost = &world.disk->lost;

	for (uint32_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
		world.sometimes[counted[i]] += world.disk->plan.taken[counted_faults[i]];
	memset(world.disk->plan.taken, 0, sizeof world.disk->plan.taken);
	world.sometimes[SOMETIMES_NAME_LOST] += lost->names;
	world.sometimes[SOMETIMES_SIZE_LOST] += lost->sizes;
	world.sometimes[SOMETIMES_TORN] += lost->torn;
	*lost = (struct wr_sim_lost){0};
}

/*
 * What every backend does at open (direct I/O, or POSIX_FADV_DONTNEED): clean pages are not
 * trusted. After a failed sync they hold what never reached the medium, and no later sync
 * would write it.
 */
void world_drop_clean_pages(void)
{
	for (uint32_t i = 0; i < world.disk->inode_count; i++) {
		struct wr_sim_inode *inode = &world.disk->inodes[i];
		if (!inode->used || !inode->differs)
			continue;
		oracle.power_went = true;
		for (uint64_t k = 0; k < inode->bytes / WR_SIM_SECTOR_BYTES; k++)
			if ((inode->dirty[k / 64] >> k % 64 & 1) == 0)
				memcpy(inode->cache + k * WR_SIM_SECTOR_BYTES,
				       inode->durable + k * WR_SIM_SECTOR_BYTES,
				       WR_SIM_SECTOR_BYTES);
		inode->differs = false;
	}
}

void world_trouble_begin(void)
{
	count_medium();
	world.full_rounds = 0;
	if (world.healing)
		world_segments_at_least(&world.options, HEALING_SEGMENTS); /* no other life can */
	if (world.swarm.is_on && !world.healing)
		swarm_plan(&world.swarm, &world.disk->plan, 3);
	else if (world.swarm.is_on)
		wr_fault_plan_heal(&world.disk->plan);
}

/* --- deadlines -------------------------------------------------------------------------------- */

static bool is_frozen(void)
{
	return world.disk->frozen_until_ns > world.disk->clock->mono_ns;
}

static uint64_t jumped_ns(void)
{
	return world.jumped_ns + world.disk->blocked_ns;
}

void world_jump(uint64_t ns)
{
	wr_clock_sim_advance(world.disk->clock, ns);
	world.jumped_ns += ns;
}

struct world_call world_call_begin(uint64_t timeout_ns)
{
	struct world_call call = {
		.due_ns = timeout_ns == WEIR_FOREVER ? 0 : world.disk->clock->mono_ns + timeout_ns,
		.began_ns = world.disk->clock->mono_ns,
		.jumped_ns = jumped_ns(),
		.outer_due_ns = world.due_ns,
		.was_frozen = is_frozen(),
	};
	world.due_ns = call.due_ns;
	return call;
}

void world_call_end(const struct world_call *call, const char *what)
{
	uint64_t now_ns = world.disk->clock->mono_ns - (jumped_ns() - call->jumped_ns);

	world.due_ns = call->outer_due_ns;
	/* One thread plays all: what another's call took is no time of the one around it. */
	if (world.depth > 0)
		world.jumped_ns += now_ns - call->began_ns;
	if (call->due_ns == 0 || world_is_dead())
		return;
	world_check(now_ns <= call->due_ns + DEADLINE_SLACK_NS, what, now_ns, call->due_ns);
	if (call->was_frozen)
		world_sometimes(SOMETIMES_DEADLINES);
}

bool world_hurries(void)
{
	return world.swarm.is_on && world.history == NULL;
}

bool world_is_quiet(void)
{
	return world_hurries() && world.quiet_rounds >= QUIET_ROUNDS;
}

/*
 * While no step has anything to do, all of them wait for a timer or for the medium, which may take
 * seconds, and longer while it is frozen: time goes by in steps that are twice as long each few
 * rounds, up to what completes next, but over nobody's deadline.
 */
static uint64_t draw_wait_ns(void)
{
	uint64_t now_ns = world.disk->clock->mono_ns;
	uint64_t doublings = wr_min_u64(world.quiet_rounds / QUIET_ROUNDS, QUIET_DOUBLINGS_MAX);
	uint64_t wait_ns = world_below((uint64_t)WAIT_NS_MAX << (world_hurries() ? doublings : 0));

	if (wait_ns == 0 || (!is_frozen() && !world_is_quiet()))
		return wait_ns;
	if (is_frozen())
		wait_ns = 1 + world_below((world.disk->frozen_until_ns - now_ns) / 8 + 1);
	if (world.due_ns != 0)
		wait_ns = wr_min_u64(wait_ns, world.due_ns > now_ns ? world.due_ns - now_ns : 1);
	return wait_ns;
}

void world_let_time_pass(bool waits)
{
	uint64_t wait_ns = waits ? draw_wait_ns() : 0;

	if (world.memory_only)
		wr_clock_sim_advance(world.disk->clock, wait_ns);
	else if (world.storage->ops->poll(world.storage, wait_ns) > 0)
		world.quiet_rounds = 0;
}

/* --- what happens ----------------------------------------------------------------------------- */

/* Everybody goes on meanwhile, in a few slices of it. */
static void freeze(void)
{
	static const uint64_t lengths_ns[] = {SECOND_NS / 10, 2 * SECOND_NS, 30 * SECOND_NS};
	static const enum sometimes names[] = {SOMETIMES_FROZEN_SHORT, SOMETIMES_FROZEN,
					       SOMETIMES_FROZEN_LONG};
	uint64_t which = world_below(3);

	if (world.memory_only || is_frozen())
		return;
	world_note("freeze", lengths_ns[which], 0);
	wr_sim_disk_freeze(world.disk, lengths_ns[which]);
	for (uint32_t i = 0; i < FROZEN_SLICES && !world_is_dead() && is_frozen(); i++) {
		world.waited = 0;
		world_producer_act(&world.producers[world_below(WORLD_PRODUCERS)], true);
		world_member_act(&world.members[world_below(WORLD_MEMBERS)], true);
		if (!world_is_dead())
			(void)world_round();
		world_jump(lengths_ns[which] / FROZEN_SLICES);
	}
	world_sometimes(names[which]);
}

static void jump_clock(void)
{
	uint64_t ns = world_below(JUMP_NS_MAX);
	bool back = world_one_in(2);

	world_note("clock", ns, back);
	wr_clock_sim_jump_wall(world.disk->clock, back ? -(int64_t)ns : (int64_t)ns);
	world_sometimes(back ? SOMETIMES_CLOCK_BACK : SOMETIMES_CLOCK_AHEAD);
}

static void fill_disk(void)
{
	if (world.memory_only)
		return;
	world.disk->plan.capacity_bytes = wr_sim_disk_used_bytes(world.disk) + 1;
	world.full_rounds = 1 + (uint32_t)world_below(FULL_ROUNDS_MAX);
	world_note("full", world.full_rounds, 0);
	world_sometimes(SOMETIMES_FULL);
}

void world_trouble_act(void)
{
	if (swarm_strikes(&world.swarm, &world.prng, SWARM_CLOCK))
		jump_clock();
	if (swarm_strikes(&world.swarm, &world.prng, SWARM_FULL_DISK))
		fill_disk();
	if (swarm_strikes(&world.swarm, &world.prng, SWARM_FREEZE))
		freeze();
}

void world_trouble_round(void)
{
	struct wr_journal *j = world.pipeline->journal;

	if (world.full_rounds > 0 && --world.full_rounds == 0)
		world.disk->plan.capacity_bytes = 0;
	if (j != NULL && j->writes_pushed - j->writes_done > 1)
		world_sometimes(SOMETIMES_IN_FLIGHT);
}

/*
 * The log has as many files as it may, and there is no room in them: who waits for some, waits
 * until somebody has raised the limit, which takes another life.
 */
bool world_trouble_needs_files(void)
{
	return !world.memory_only && !world.healing &&
	       wr_load_acquire(&world.pipeline->link.full) != 0 &&
	       wr_segment_file_count(&world.pipeline->segments) >= world.options.segments_max;
}

/* Somebody sees that there are not many left, and raises the limit in good time, or too late. */
static void raise_limit(void)
{
	uint32_t *most = &world.options.segments_max;

	if (world.memory_only ||
	    wr_segment_file_count(&world.pipeline->segments) <= *most / FILES_PART)
		return;
	*most *= FILES_TIMES;
	world_note("files", *most, 0);
	world_sometimes(SOMETIMES_MORE_FILES);
}

/* --- the end of a life ------------------------------------------------------------------------ */

void world_trouble_end(void)
{
	struct wr_journal_stats stats = {0};

	world.disk->plan.capacity_bytes = 0;
	world.full_rounds = 0;
	if (world.pipeline->journal != NULL) {
		wr_journal_stats(world.pipeline->journal, &stats);
		world.sometimes[SOMETIMES_ROLLED] += stats.segments_live > 1;
		world.sometimes[SOMETIMES_CHECKPOINTED] += stats.checkpoints;
		world.sometimes[SOMETIMES_STALE] += stats.segments_recycled > 0;
	}
	raise_limit();
	world_check(world_is_dead() || !world_has_failed() || faults_taken() > 0,
		    "failed, and nothing had gone wrong", 0, 0);
}
