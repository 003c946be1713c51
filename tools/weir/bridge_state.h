/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridges as their files in a state_dir show them (io/bridge/state_files.c has the format), beside
 * a process that lives, and after it has died; and what asks them to pause and to go on.
 *
 * A status is what its bridge has said last; whether it lives is known by its lock, which the
 * kernel takes back from the dead. What stands in a file is taken for no more than text: it is cut,
 * and characters that steer a terminal are no part of it.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BRIDGE_STATE_H
#define WEIR_TOOLS_BRIDGE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BRIDGE_STATES_MAX 1024u
#define BRIDGE_NAME_BYTES 101u

struct bridge_state {
	char name[BRIDGE_NAME_BYTES];
	int code; /* 0; negative: its status cannot be read, and why */
	bool is_alive;
	bool is_to_pause; /* somebody has asked for it, and it stays so over restarts */
	char system[16];
	char direction[16];
	char state[16]; /* as it says it: "running" */
	char why[256];
	uint64_t since_us;
	uint64_t events, bytes, repeats, dead_letters, attempts;
	uint64_t lag_events, lag_time_ns;
	uint64_t process;
};

/* The bridges of a state_dir, sorted by name. */
struct bridge_states {
	char dir[4096];
	struct bridge_state *items;
	uint32_t count;
};

/* 0, or what the file system said. `states->dir` is set. */
int bridge_states_read(struct bridge_states *states);
void bridge_states_free(struct bridge_states *states);

/* Looks at one again. */
void bridge_state_look(const char *dir, struct bridge_state *state);

/* "running"; "dead" of one that its process did not stop; "unreadable". */
const char *bridge_state_shown(const struct bridge_state *state);

/* Why its status is unreadable; NULL: it is not. */
const char *bridge_state_fault(const struct bridge_state *state);

/* Does it do what it is to: does it move, or rest because somebody wants it to? */
bool bridge_state_is_well(const struct bridge_state *state);

/* Asks it; one that does not live is paused when it starts. 0, or what the file system said. */
int bridge_state_pause(const char *dir, const struct bridge_state *state);
int bridge_state_resume(const char *dir, const struct bridge_state *state);

/* Into `to`, cut: one line of what can be seen, since some of it is the other side's, which shall
 * steer no terminal and begin no line. */
void bridge_text_take(const char *value, char *to, size_t room_bytes);

#endif
