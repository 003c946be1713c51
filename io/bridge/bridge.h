/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bridge from inside (weir/bridge.h). bridge.c makes and ends it, life.c goes through its states,
 * state_files.c shows it to others, position.c has the runs of a source, dead.c the dead letters.
 *
 * `lock` guards what others look at and what they ask for: all of `shown`, `is_trying`, `asked`.
 * Everything else is the thread's that runs the driver. What it shows it also tells the metrics, by
 * cells of its own that the group step copies (core/pipeline/bridge_cells.h): told.c. No atomics
 * but those: nothing here is on the path of an event but weir_bridge_count(), once for many.
 */
#ifndef WR_IO_BRIDGE_BRIDGE_H
#define WR_IO_BRIDGE_BRIDGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/bridge.h>
#include <weir/producer.h>

#include "core/pipeline/bridge_cells.h"

#define WR_BRIDGE_NAME_BYTES 101u
#define WR_BRIDGE_KEYS_MAX 65536u
/* Between two looks at files, and two writes of the status. */
#define WR_BRIDGE_LOOK_NS 200000000ull
#define WR_BRIDGE_STEP_NS 100000000ull

/* A part of the other side: how far its events are in the log. */
struct wr_bridge_key {
	uint8_t *key; /* its own, with room for a value behind it */
	size_t key_bytes;
	uint8_t *value;
	size_t value_bytes;
	uint32_t version;       /* that the next position expects */
	bool is_read;           /* version and value are the log's, and runs that are under way */
	uint64_t in_run;        /* the run that has it already, to refuse it twice */
	uint64_t last_seq;      /* its last position stands there, or later; 0: not known */
	uint64_t marked_ticket; /* whose answer moves last_seq; 0: none */
};

struct wr_bridge_positions {
	uint32_t topic; /* UINT32_MAX: this bridge has none */
	uint32_t gate;  /* subscription that keeps them from retention; UINT32_MAX: none */
	uint64_t gate_seq;
	struct weir_producer *producer; /* from open() to close() */
	struct wr_bridge_key *keys;
	uint32_t key_count, key_room;
	uint64_t runs; /* begun so far */
	bool run_is_open;
	uint64_t run_events, run_bytes;   /* of the open run */
	uint64_t sent_events, sent_bytes; /* handed over, and not yet counted */
	uint64_t last_ticket;             /* 0: nothing is under way */
	int refused;                      /* the first refusal since the open; 0: none */
	uint64_t next_care_ns;            /* when the gate is looked at again */
	uint64_t next_look_ns;            /* and whether retention waits for it */
};

struct weir_bridge {
	struct weir_pipeline *pipeline;
	struct weir_bridge_options options; /* name, ops and state_dir point into this struct */
	struct weir_bridge_ops ops;
	char name[WR_BRIDGE_NAME_BYTES];
	char *state_dir; /* or NULL */
	int lock_file;   /* -1: none */

	/* The driver's thread. */
	struct weir_member *member;
	bool is_open; /* open() was called, and not yet close() */
	bool was_drained;
	uint64_t opened_ns;
	uint64_t retry_at_ns, retry_delay_ns;
	uint64_t next_look_ns;
	uint64_t random;
	struct wr_bridge_positions positions;

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct {
		bool stop, pause, resume;
		bool abort; /* with stop: at once */
	} asked;
	struct weir_bridge_status shown;
	bool shown_changed;
	bool is_trying;                /* an attempt is under way */
	struct wr_bridge_place *place; /* NULL: it has none */
	struct wr_bridge_told told;    /* what the place has, or is about to */
};

uint64_t wr_bridge_now_ns(void);
uint64_t wr_bridge_wall_us(void);

/* life.c: one step; wait: at most so long. */
int wr_bridge_life_step(struct weir_bridge *b, uint64_t timeout_ns);
/* Drains and leaves both sides. */
void wr_bridge_life_end(struct weir_bridge *b);
bool wr_bridge_is_asked_to_rest(struct weir_bridge *b);

/* told.c: what the metrics know of it. Nothing happens without a place. */
void wr_bridge_told_begin(struct weir_bridge *b);
void wr_bridge_told_end(struct weir_bridge *b);
/* A step of it begins. */
void wr_bridge_told_step(struct weir_bridge *b);
/* `shown` has changed: files and metrics follow. The lock is held. */
void wr_bridge_shown_changed(struct weir_bridge *b);
/* It runs. */
void wr_bridge_told_connected(struct weir_bridge *b);
/* It has an error, with the text that is shown: it is lost, or (is_final) has failed. */
void wr_bridge_told_error(struct weir_bridge *b, bool is_final);

/* state_files.c. Nothing happens without a state_dir. */
int wr_bridge_files_take(struct weir_bridge *b, struct weir_problem *problem);
void wr_bridge_files_give(struct weir_bridge *b);
int wr_bridge_files_pause(struct weir_bridge *b, bool pause);
/* Looks whether somebody wants it paused or resumed, and writes the status where it has changed. */
void wr_bridge_files_look(struct weir_bridge *b, bool now);

/* position.c */
int wr_bridge_positions_init(struct weir_bridge *b, struct weir_problem *problem);
void wr_bridge_positions_fini(struct weir_bridge *b);
int wr_bridge_positions_open(struct weir_bridge *b);
void wr_bridge_positions_close(struct weir_bridge *b);
/* Moves the gate behind what is superseded, and writes old positions anew, in whatever state. */
int wr_bridge_positions_care(struct weir_bridge *b);

#endif
