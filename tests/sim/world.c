/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives of a pipeline: open (the power may go in recovery), what its users do, and an end: power
 * cut, death of the process, a failure for good, a clean close. After the last one nothing goes
 * wrong any more, and everything has to come to its end.
 *
 * The close is that of io/close.c, in the same order, with the simulation's steps.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/oracle.h"

#define LIVES_MAX 5u
#define ACTS_MAX 160u
#define LONG_ONE_IN 12u
#define ATTACH_ONE_IN 24u
#define MEMORY_ONLY_ONE_IN 12u
#define LONG_ACTS 2000u /* long enough to come round the pool of chunks */
#define OPEN_TRIES 10u
#define RESTARTS_MANY 3u
#define CUT_OPS 200u
#define BRIEF_ROUNDS 16u

struct world world;
const uint32_t world_partitions[WORLD_TOPICS_MAX] = {3, 2, 2};

/* --- the steps -------------------------------------------------------------------------------- */

bool world_is_dead(void)
{
	return world.disk->power_cut_count > world.cuts;
}

bool world_has_failed(void)
{
	return world_is_dead() ||
	       (world.pipeline != NULL && wr_load_acquire(&world.pipeline->link.failed) != 0);
}

static void look_at_journal(void)
{
	uint64_t recycled = wr_load_relaxed(&world.pipeline->journal->cells.segments_recycled);

	oracle_look();
	oracle_check_retention();
	if (recycled != world.recycled)
		world_sometimes(SOMETIMES_RETIRED_LIVE);
	if (wr_load_relaxed(&world.pipeline->journal->cells.segments_packed) > 0)
		world_sometimes(SOMETIMES_PACKED);
	world.recycled = recycled;
	world_compaction_look();
	world_erasure_look();
	world_retention_look();
}

static int one_step(void)
{
	uint32_t which =
		world.memory_only ? 2 * (uint32_t)world_below(2) : (uint32_t)world_below(3);
	struct wr_step *step = &world.steps[which];

	world_erasure_nudge();
	world_retention_nudge();
	if (which == 1)
		world_compaction_nudge();
	world.inside_step = true;
	int work = step->run(step->self, world_one_in(2) ? 0 : (uint32_t)world_below(4096) + 1);
	world.inside_step = false;
	if (which == 0)
		oracle_tap();
	if (which == 0 && world.pipeline->chunks.lingering_count > 0)
		world_sometimes(SOMETIMES_LINGERED);
	if (which == 1)
		look_at_journal();
	return work;
}

bool world_round(void)
{
	uint64_t count = 1 + world_below(4);
	int work = 0;

	for (uint64_t i = 0; i < count && !world_is_dead(); i++)
		work += one_step();
	while (world.options.pack != WEIR_PACK_NO && !world.memory_only && !world_is_dead() &&
	       wr_prng_chance(&world.pack_prng, 600000)) {
		world.inside_step = true;
		(void)world.pack.run(world.pack.self, 0);
		world.inside_step = false;
	}
	if (!world_is_dead())
		work += world_handlers_round();
	if (world_is_dead())
		return false;
	world_trouble_round();
	world.quiet_rounds = work == 0 ? world.quiet_rounds + 1 : 0;
	if (work == 0 || world_one_in(4))
		world_let_time_pass(work == 0 && !world_one_in(4));
	return !world_is_dead();
}

/* --- opening ---------------------------------------------------------------------------------- */

static void set_options(void)
{
	struct weir_options *o = &world.options;

	weir_options_init(o);
	o->dir = world.memory_only ? NULL : "sim";
	o->manual = true;
	o->chunk_bytes = WORLD_CHUNK_BYTES;
	o->pool_bytes = 1;
	o->lane_bytes = 4096;
	o->member_lane_bytes = 4096;
	o->producers_max = WORLD_PRODUCERS + 2;
	o->members_max = WORLD_MEMBERS;
	o->topics_max = world_has_letters() ? WORLD_TOPICS_MAX : WORLD_TOPICS;
	o->idempotency_keys_max = WORLD_TOPICS * WORLD_KEYS;
	o->versioned_keys_max = WORLD_EVENT_KEYS;
	o->partitions_max = world.grows ? 16 : 8;
	o->subscriptions_max = WORLD_SUBSCRIPTIONS;
	o->named_producers_max = WORLD_NAMES;
	o->outstanding_max = world.has_queues ? WORLD_OUTSTANDING : 16;
	o->run_records_max = 16;
	o->segments_max = world.has_tries ? 8192 : world.grows ? 1024 : 256; // by their records
	world_replays_options(o);
	world_snapshots_options(o);
	world_filters_options(o);
	world_schemas_options(o);
	o->segment_bytes = (1 + world_below(2)) * o->chunk_bytes;
	o->checkpoint_bytes = 1;
}

static void draw_options(void)
{
	struct weir_options *o = &world.options;
	struct wr_fault_plan *plan = &world.disk->plan;

	o->undurable_bytes = (1 + world_below(3)) * o->chunk_bytes;
	o->segments_ahead = 1 + (uint32_t)world_below(2);
	o->batches_in_flight_max = 1 + (uint32_t)world_below(6);
	o->seal_before_ack = world_one_in(4);
	o->evidence_delay_ns = world_one_in(2) ? 200000 : 5000000;
	o->retention_bytes = world_below(3) * o->segment_bytes;
	o->pack = world.seed % 3 == 1 ? WEIR_PACK_PADDING : WEIR_PACK_NO;
	world_compaction_options(o);
	world_erasure_options(o);
	world_retention_options(o);
	/* From the seed alone: what other seeds do stays as it was. */
	o->when_no_room =
		(world.seed + world.life) % 8 == 5 ? WEIR_NO_ROOM_DROP_OLDEST : WEIR_NO_ROOM_WAIT;
	if ((world.seed + world.life) % 8 == 6)
		o->when_no_room = WEIR_NO_ROOM_REFUSE;
	plan->sync_apart = world_one_in(2);
	plan->latency_max_ns = world_one_in(3) ? 3000000 : 300000;
	wr_fault_plan_heal(plan);
	if (!world.healing && world_one_in(4))
		wr_fault_plan_swarm(plan, &world.prng,
				    1u << WR_FAULT_WRITE_ERROR | 1u << WR_FAULT_SYNC_ERROR |
					    1u << WR_FAULT_READ_ERROR | 1u << WR_FAULT_SLOW |
					    1u << WR_FAULT_PREPARE_FULL,
				    3);
	plan->chance_ppm[WR_FAULT_SHORT_READ] = world_one_in(2) ? 100000 : 0;
	world_trouble_begin();
}

static int open_once(void)
{
	const struct wr_storage_options so = {.sim_disk = world.disk};
	struct wr_host host;
	struct weir_options checked;

	world_host(&host);
	int rc = wr_pipeline_check(&world.options, &checked, &world.plan, &world.problem);
	world_check(rc == 0, "options", (uint64_t)-rc, 0);
	if (!world.memory_only) {
		rc = wr_storage_sim_open(&so, &world.storage);
		world_check(rc == 0, "storage", (uint64_t)-rc, 0);
		host.storage = world.storage;
		rc = world.storage->ops->lock(world.storage);
	}
	if (rc == 0)
		rc = wr_pipeline_create(&checked, &world.plan, &host, &world.pipeline,
					&world.problem);
	if (rc == 0 && !world.memory_only)
		rc = world.storage->ops->enter(world.storage);
	if (rc == 0) {
		wr_pipeline_writer_step(world.pipeline, &world.steps[0]);
		wr_pipeline_journal_step(world.pipeline, &world.steps[1]);
		wr_pipeline_group_step(world.pipeline, &world.steps[2]);
		wr_pipeline_pack_step(world.pipeline, &world.pack);
		world.requests = world_memory_requests();
		world.recycled = 0;
		world_compaction_opened();
		world.pipeline->carrying.wait_ns = 1000000;
		world_growth_opened();
		return 0;
	}
	if (world.pipeline != NULL)
		wr_pipeline_destroy(world.pipeline);
	world.pipeline = NULL;
	world.storage->ops->fini(world.storage);
	world.storage = NULL;
	return rc;
}

/* The power may go while the last cut is recovered from, again and again. */
static void draw_cut_in_open(uint32_t tries)
{
	bool cuts = world.swarm.is_on ? tries < 5 && swarm_strikes(&world.swarm, &world.prng,
								   SWARM_CUT_IN_OPEN)
				      : tries < 5 && world_one_in(4);

	if (!world.healing && cuts)
		wr_sim_disk_trip_at(world.disk, 1 + world_below(80), WEIR_E_FAILED);
}

static void opened(bool must_be_clean)
{
	const struct wr_recovery_report *report = &world.pipeline->recovery;

	if (world.memory_only)
		return;
	world_say_recovered(report->last_seq);
	world_check(!must_be_clean || (report->clean && report->trimmed_bytes == 0),
		    "a clean close was not found clean", report->clean, report->trimmed_bytes);
	oracle_recovered();
	world_schemas_recovered();
	world_erasure_opened();
	world_retention_opened();
	world_check(
		world_memory()->alloc_bytes + world_memory()->map_bytes <= world.plan.total_bytes,
		"more memory than planned", world_memory()->alloc_bytes + world_memory()->map_bytes,
		world.plan.total_bytes);
	if (world_one_in(world.swarm.is_on ? 8 : 3) || world.compacts || world.erases ||
	    world.retires) {
		oracle_verify_medium(false);
		world.requests = world_memory_requests();
	}
}

/* True: it is open. */
static bool open_life(bool was_clean)
{
	bool had_none = false;

	world.was_closed = was_clean;
	world.life++;
	world.cycles++;
	world.quiet_rounds = 0;
	for (uint32_t tries = 0; tries < OPEN_TRIES; tries++) {
		draw_options();
		if (tries > 4)
			wr_fault_plan_heal(&world.disk->plan);
		wr_sim_disk_trip_at(world.disk, 0, 0);
		draw_cut_in_open(tries);
		bool is_full = world_trouble_full_open(tries);
		world_drop_clean_pages();
		world.cuts = world.disk->power_cut_count;
		int rc = open_once();
		world.disk->plan.capacity_bytes = 0;
		world_note("open", (uint64_t)(uint32_t)rc, world.disk->trace);
		if (rc != 0 && world.tracing)
			printf("# problem: %s: %s\n", world.problem.field, world.problem.text);
		if (rc == 0) {
			wr_sim_disk_trip_at(world.disk, 0, 0);
			if (tries >= RESTARTS_MANY)
				world_sometimes(SOMETIMES_RESTARTED);
			world_trouble_check_room(is_full, had_none);
			opened(was_clean && tries == 0);
			return true;
		}
		world_check(rc != WEIR_E_CORRUPT && rc != WEIR_E_FORMAT, "a false alarm",
			    (uint64_t)-rc, 0);
		had_none = is_full;
		world_sometimes(world_is_dead() ? SOMETIMES_POWER_CUT_IN_OPEN
						: SOMETIMES_OPEN_ERROR);
		/* What follows is another recovery after a crash. */
		world.cycles += world_is_dead();
		if (world_is_dead())
			oracle.power_went = true;
		world_check(world_memory_reset(), "a failed open kept memory", 0, 0);
	}
	world_fail("it does not open any more", 0, 0);
}

static bool define_topics(void)
{
	static const char *const names[WORLD_TOPICS_MAX] = {"orders", "prices", "dead"};
	for (uint32_t t = 0; t < world.options.topics_max; t++) {
		struct weir_topic_options o;
		weir_topic_options_init(&o);
		o.name = names[t];
		world_growth_define(t, &o);
		world_compaction_define(t, &o);
		world_retention_define(t, &o);
		o.idempotency_keys = t == WORLD_DEAD ? 0 : WORLD_KEYS;
		/* Append time does not jump, whatever the wall clock does. */
		o.idempotency_span_ns = t != 1 ? 0 : 3600000000000u;
		o.versioned_keys = t == WORLD_VERSIONED ? WORLD_EVENT_KEYS : 0;
		int rc = weir_topic_create(world.pipeline, &o, &world.topics[t], &world.problem);
		world_check(rc == 0 || world_has_failed(), "topic_create", (uint64_t)-rc, t);
		if (rc != 0)
			return false;
	}
	return true;
}

static bool define_subscriptions(void)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		if ((s != WORLD_LATE || oracle.subscriptions[s].exists || world.healing) &&
		    !world_subscribe(s))
			return false;
	return true;
}

/* --- a life ----------------------------------------------------------------------------------- */

static void act_seldom(void)
{
	uint64_t requests = world_memory_requests();

	switch (world_below(10)) {
	case 0:
		if (!world.memory_only)
			oracle_verify_medium(true);
		world.requests += world_memory_requests() - requests;
		break;
	case 1:
		(void)world_subscribe(WORLD_LATE);
		break;
	case 2:
	case 3:
	case 4:
		world_publish_once();
		break;
	default:
		world_seek();
	}
}

static void act(void)
{
	uint64_t what = world_below(100);

	world.waited = 0;
	world_filters_act();
	if (what < 55)
		(void)world_round();
	else if (what < 75)
		world_producer_act(&world.producers[world_below(WORLD_PRODUCERS)], true);
	else if (what < 97)
		world_member_act(&world.members[world_below(WORLD_MEMBERS)], true);
	else if (what < 98)
		oracle_check_lag((uint32_t)world_below(WORLD_SUBSCRIPTIONS));
	else if (world.swarm.is_on && what < 99)
		world_trouble_act();
	else if (what < 99)
		wr_clock_sim_jump_wall(world.disk->clock,
				       (int64_t)world_below(4000000000u) - 2000000000);
	else
		act_seldom();
	world_growth_act();
	world_repeats_act();
	world_attach_act(ATTACH_ONE_IN);
	world_compaction_act();
	world_erasure_act();
	world_retention_act();
	world_schemas_act();
	world_replays_act();
	world_queues_act();
	world_snapshots_act();
	world_seek_beyond();
}

static void forget_users(void)
{
	world_producers_forget();
	world_members_forget();
	world_handlers_forget();
	world.once_open = true; /* what was under way */
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		oracle.subscriptions[s].loose = world.queue_is_set[s] = false;
}

static void bury(void)
{
	world_check(world_memory_requests() == world.requests, "memory was taken after the open",
		    world_memory_requests(), world.requests);
	world_replays_forget();
	wr_pipeline_destroy(world.pipeline);
	world.pipeline = NULL;
	if (world.storage != NULL)
		world.storage->ops->fini(world.storage);
	world.storage = NULL;
	forget_users();
	world_check(world_memory_reset(), "memory was not given back", 0, 0);
}

static bool close_clean(void)
{
	struct weir_pipeline *p = world.pipeline;
	bool finished = false;
	world_replays_close(); /* others go on meanwhile */
	for (uint32_t i = 0; i < WORLD_MEMBERS; i++)
		if (world.members[i].handle != NULL)
			weir_release(world.members[i].handle);
	wr_pipeline_refuse(p, WEIR_E_CLOSED);
	for (uint32_t i = 0; i < DRAIN_ROUNDS_MAX && !wr_pipeline_drained(p); i++)
		if (!world_round())
			return false;
	for (uint32_t i = 0; i < DRAIN_ROUNDS_MAX && !finished && !world_is_dead(); i++) {
		finished = wr_pipeline_finish(p);
		oracle_tap();
		if (!finished && wr_journal_step(p->journal, 0) == 0)
			(void)world.storage->ops->poll(world.storage, 50000000);
		if (!world.memory_only)
			look_at_journal();
	}
	if (world_has_failed()) // or is dead
		return false;
	world_check(finished, "the close does not end", 0, 0);
	int rc = world.memory_only ? 0 : world.storage->ops->leave(world.storage);
	uint64_t requests = world_memory_requests() - world.requests;
	if (rc == 0)
		rc = wr_pipeline_close_clean(p);
	world.requests = world_memory_requests() - requests; /* a block for the superblock */
	if (rc != 0)
		return false;
	oracle.kept_seq = oracle.end_seq;
	world_check(wr_pipeline_keep_borrowed(p), "a pin is left", 0, 0);
	bury();
	world_sometimes(SOMETIMES_CLEAN);
	return true;
}

/* Below 3: closed, below 6: killed, else the power goes. */
static uint64_t draw_end(void)
{
	const struct swarm *s = &world.swarm;

	if (!s->is_on)
		return world_below(10);
	if (swarm_strikes(s, &world.prng, SWARM_CLEAN) && world_one_in(2))
		return 0;
	if (swarm_strikes(s, &world.prng, SWARM_KILL))
		return 3;
	return 9;
}

/* True: closed cleanly. */
static bool end_life(void)
{
	uint64_t how = draw_end();

	world_compaction_end();
	world_erasure_end();
	world_trouble_end();
	wr_sim_disk_trip_at(world.disk, 0, 0);
	if (!world_is_dead() && world_has_failed())
		world_sometimes(SOMETIMES_FAILED);
	else if (!world_is_dead() && how < 3 && close_clean())
		return true;
	if (!world_is_dead() && how < 6) {
		oracle.cached_seq = wr_load_acquire(&world.pipeline->link.written_seq);
		world_note("kill", oracle.cached_seq, 0);
		world_sometimes(SOMETIMES_KILL);
		wr_storage_sim_kill(world.storage);
	} else {
		world_note("power cut", oracle.kept_seq, 0);
		world_sometimes(SOMETIMES_POWER_CUT);
		wr_storage_sim_crash(world.storage);
		oracle.power_went = true;
		wr_clock_sim_reboot(world.disk->clock, world_below(1000000000));
	}
	bury();
	return false;
}

static void act_for(uint64_t acts_max)
{
	uint64_t acts = 1 + world_below(acts_max);

	for (uint64_t i = 0; i < acts && !world_is_dead(); i++)
		act();
}

static bool live(bool was_clean)
{
	const struct swarm *s = &world.swarm;

	if (!open_life(was_clean))
		return false;
	world.waited = 0;
	if (s->is_on ? swarm_strikes(s, &world.prng, SWARM_CUT) : world_one_in(2))
		wr_sim_disk_trip_at(world.disk, 1 + world_below(s->is_on ? s->cut_ops : CUT_OPS),
				    WEIR_E_FAILED);
	if (s->brief_one_in != 0 && world_one_in(s->brief_one_in)) {
		for (uint64_t i = world_below(BRIEF_ROUNDS); i > 0 && world_round(); i--)
			;
		return end_life();
	}
	uint32_t long_one_in = s->is_on ? s->long_one_in : LONG_ONE_IN;
	if (define_topics() && define_subscriptions())
		act_for(long_one_in != 0 && world_one_in(long_one_in) ? LONG_ACTS
			: s->is_on                                    ? s->acts_max
								      : ACTS_MAX);
	return end_life();
}

/* --- the end ---------------------------------------------------------------------------------- */

static void run_on_disk(void)
{
	bool clean = false;
	uint64_t lives = 1 + world_below(world.swarm.is_on ? world.swarm.lives_max : LIVES_MAX);

	for (uint64_t i = 0; i < lives; i++)
		clean = live(clean);
	world.healing = true;
	(void)open_life(clean);
	world.waited = 0;
	world_check(define_topics() && define_subscriptions(), "definitions", 0, 0);
	world_drain();
	world_check(close_clean(), "the last close is not clean", 0, 0);
	(void)open_life(true);
	oracle_verify_medium(false);
	world.requests = world_memory_requests();
	world_check(close_clean(), "a close without work is not clean", 0, 0);
}

/* One life: nothing of it stays. */
static void run_in_memory(void)
{
	(void)open_life(false);
	world.waited = 0;
	world_check(define_topics() && define_subscriptions(), "definitions", 0, 0);
	act_for(LONG_ACTS);
	world.healing = true;
	world_check(define_subscriptions(), "definitions", 0, 0);
	world_drain();
	world_check(close_clean(), "the close is not clean", 0, 0);
	world_sometimes(SOMETIMES_MEMORY_ONLY);
}

void world_run_seed(void)
{
	struct wr_fault_plan plan;

	wr_fault_plan_init(&plan);
	wr_prng_init(&world.prng, world.seed);
	wr_prng_init(&world.pack_prng, world.seed ^ 0x9ac);
	world_handlers_begin();
	world_memory_begin();
	world.pipeline = NULL;
	world.healing = world.inside_step = false; /* a seed may have failed in one */
	world.life = world.depth = world.full_rounds = world.process_last = world.call_last = 0;
	world.trace_hash = world.seed;
	world.jumped_ns = world.due_ns = world.history_base_ns = world.history_last_ns = 0;
	if (world.history != NULL)
		history_begin(world.history);
	if (world.swarm.is_on)
		swarm_draw(&world.swarm, world.seed);
	world.memory_only = world_one_in(MEMORY_ONLY_ONE_IN);
	world_filters_begin();
	world_queues_begin();
	world_tries_begin();
	world_replays_begin();
	world_growth_begin();
	world_repeats_begin();
	world_schemas_begin();
	world_compaction_begin();
	world_erasure_begin();
	world_retention_begin();
	world_snapshots_begin();
	world_transactions_begin();
	forget_users();
	set_options();
	oracle_reset();
	world.once_source = 0; /* the first sources are the names' */
	wr_prng_init(&world.keys_prng, world.seed + 1);
	for (uint32_t i = 0; i < WORLD_NAMES; i++)
		(void)oracle_source_new(true);
	world.disk = world_disk_begin(world.seed ^ 0x5eed, &plan);
	world_check(world.disk != NULL, "no memory", 0, 0);
	if (world.memory_only)
		run_in_memory();
	else
		run_on_disk();
	world_note("end", world.disk->trace, oracle.end_seq);
	world_disk_end();
}
