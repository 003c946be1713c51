/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives of weir on a real file system, on a disk that writes down what is done to it, and what is
 * left of them when the power goes at some moment: the file system recovers itself, weir opens what
 * it finds, and nothing that was acknowledged before that moment may be missing.
 *
 * A life begins with what a cut of the life before has left, so cuts fall into recovery too: the
 * file system's and weir's. Segments are small and are used again, so they fall into rolls and into
 * retention; some lives are copied meanwhile (weir_journal_backup), and on some the disk answers
 * EIO to a write, once or for good, or to flushes, until weir has been told.
 *
 * Thread: main. The lives are forks.
 */
#ifndef WEIR_TESTS_POWERCUT_CUTS_H
#define WEIR_TESTS_POWERCUT_CUTS_H

#include <weir.h>

#include "tests/powercut/disk.h"
#include "tests/powercut/mark.h"
#include "tests/powercut/mounts.h"

enum cuts_life {
	LIFE_PLAIN,
	LIFE_COPIED,       /* a backup is taken of it */
	LIFE_BAD_WRITE,    /* a write fails, while it runs */
	LIFE_BAD_FLUSH,    /* a flush fails */
	LIFE_BAD_OPEN,     /* either, while a pipeline is opened; it does nothing else */
	LIFE_LOST_FLUSHES, /* flushes are answered and not done: beyond what is promised */
};
#define CUTS_LIVES 6u

struct cuts_sum {
	unsigned chains, lives[CUTS_LIVES], states;
	unsigned faulted;  /* lives whose disk has failed something */
	unsigned by_io[2]; /* states: io_uring where it is there, posix */
	unsigned by_style[CUT_STYLES];
	unsigned in_phase[SWEEP_PHASES];
	unsigned torn; /* states with a block that is torn */
	unsigned in_segment_header;
	unsigned backups_whole, backups_absent;
	unsigned beyond, beyond_refused; /* states behind lost flushes; that something says so */
	uint64_t writes, flushes, pending, kept, acked;
};

struct cuts_run {
	const struct mounts_kind *kind;
	const char *folder; /* of mounts_run() */
	struct disk disk;   /* its log is there */
	struct life_shared *shared;
	struct sweep_ledger *probe; /* of a life in a state */
	enum weir_io io;
	int only_life; /* enum cuts_life, or -1: drawn */
	char copy[16]; /* the name of this life's backup */
	bool is_short; /* lives are */
	unsigned states_a_life;
	unsigned states_max;
	uint64_t end_ns;    /* of the monotonic clock; 0: none */
	const char *keep;   /* a folder for the image of a state that is wrong; NULL: none */
	struct image fresh; /* what mkfs makes */
	struct cuts_sum sum;
	char fault[900];
};

/* Makes the file system. False: run->fault. */
bool cuts_begin(struct cuts_run *run);
void cuts_end(struct cuts_run *run);

/* Some lives behind one another, and states of each. False: run->fault. */
bool cuts_chain(struct cuts_run *run, uint64_t seed);

/* states.c: what a cut left, looked at. `before`: as the backup began. False: run->fault. */
bool cuts_check_state(struct cuts_run *run, const struct image *image, const struct mark *mark,
		      const struct mark *before, enum cuts_life life,
		      const struct sweep_plan *plan);

/* The first fault stays. False. */
bool cuts_fault(struct cuts_run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Forks `dir`'s life. */
pid_t cuts_start_life(const char *dir, const struct sweep_plan *plan, struct sweep_ledger *ledger);

/* weir_open() and weir_close() in a process of their own: 0, 1 (refused with a code), -1 (died). */
int cuts_open_only(const char *dir, const struct weir_options *options);

#endif
