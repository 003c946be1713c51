/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridges of a run: started before the sources, shown while they run, stopped in the drain:
 * those that events come in by with the sources, those that they go out by when they have caught
 * up.
 *
 *   start ─► (connecting ⇄ retrying ─► running, paused, failed) ─► stop_begin ─► stopped ─► end
 *
 * A bridge that fails or is paused does not end a run: `weir bridge resume` has it go on. A run
 * that has nothing else to do than to wait for one that failed ends. For one that is paused it
 * waits, and says so: who paused it wants the rest to go out later, and not to be left. A drain
 * waits for neither, nor for one that did not run, has tried once more, and still does not.
 *
 * Thread: main, but for what the bridges tell.
 */
#ifndef WEIR_TOOLS_RUN_BRIDGES_H
#define WEIR_TOOLS_RUN_BRIDGES_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/config.h>

struct run_bridge {
	const struct weir_config_bridge *config;
	struct weir_bridge *bridge; /* NULL: not started, or ended */
	bool is_asked;              /* to stop */
	bool was_failed;            /* when it was asked */
	bool is_said_to_wait;       /* the run is, for this one, which is paused */
	uint64_t tries; /* in a drain: had failed when it began; UINT64_MAX: it has run since */
	bool left_some; /* what was under way is not finished: it comes again */
	struct weir_bridge_status status; /* as main has seen it last */

	/* What it has told, by its own thread. */
	enum weir_bridge_state told_state;
	char told_why[256];
};

struct run_bridges {
	struct run_bridge *items;
	uint32_t count;
};

/* Room for those of the config. False: no memory. */
bool run_bridges_reserve(struct run_bridges *bridges, const struct weir_config *config);

/* Starts all of them; the exit code, or CLI_GO_ON. It returns before the other sides were reached.
 * Those that run when it fails are ended as usual. */
int run_bridges_start(struct run_bridges *bridges, const struct weir_config *config,
		      struct weir_pipeline *pipeline);

/* Has each sink been a member at least, or tried for a while? */
bool run_bridges_have_joined(struct run_bridges *bridges);

void run_bridges_look(struct run_bridges *bridges);

/* Asks those of one direction to stop. */
void run_bridges_stop_begin(struct run_bridges *bridges, enum weir_bridge_direction direction);

/* A drain begins: sources stop, and sinks that wait for their next attempt make it at once. */
void run_bridges_drain_begin(struct run_bridges *bridges);

/* In a drain: says of each sink that does not reach its other side that it is given up. True: there
 * is one that leaves events. */
bool run_bridges_give_up(struct run_bridges *bridges);

/* Sources: have all of them stopped? While none was asked to, one that is there never has. */
bool run_bridges_sources_have_ended(struct run_bridges *bridges);

/* Says once of each sink that is paused and has events to send that the run waits for it. */
void run_bridges_say_who_waits(struct run_bridges *bridges);

/* Sinks: is everything out that still can be? `is_draining`: what is paused, or cannot be reached,
 * is not waited for. */
bool run_bridges_have_caught_up(struct run_bridges *bridges, bool is_draining);

/* Did one fail, and left what it should have moved? */
bool run_bridges_have_failed(const struct run_bridges *bridges);

/* Stops what still runs and waits for it: before the pipeline is closed. */
/* A second signal: what is under way is left as it is. run_bridges_end() follows. */
void run_bridges_abort(struct run_bridges *bridges);
void run_bridges_end(struct run_bridges *bridges);
void run_bridges_free(struct run_bridges *bridges);

#endif
