/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens what a log_builder (or chance) left on a simulated medium, the way a pipeline does, and
 * compares everything that is fed or read with what the builder says the log holds.
 */
#ifndef WR_TESTS_LOG_PROBE_H
#define WR_TESTS_LOG_PROBE_H

#include "core/journal/reader.h"
#include "core/journal/recovery.h"
#include "io/sim/disk_sim.h"
#include "io/sim/memory_sim.h"
#include "tests/support/log_builder.h"

struct log_probe {
	const struct log_builder *expected; /* NULL: contents are not compared */
	struct wr_storage *storage;
	struct wr_memory_sim memory;
	struct wr_segment_table table;
	struct wr_recovered recovered;
	struct wr_recovery_report report;
	struct weir_problem problem;
	int result; /* of recovery */
	/* What was fed. */
	uint64_t fed_first_seq; /* 0: no record */
	uint64_t fed_next_seq;
	uint64_t section_seq; /* of the checkpoint that was fed, 0: none */
	uint32_t reset_count;
	bool is_sound; /* dense, in order, as expected */
	uint64_t unsound_seq;
	/* What was read. */
	uint64_t read_seq; /* the first that could not be read, or one beyond the last */
};

/* Recovers. The result is also in `result`; anything but 0 leaves nothing open but the storage. */
int log_probe_open(struct log_probe *p, struct wr_sim_disk *disk,
		   const struct log_builder *expected, bool read_only);
/* Reads every record from the oldest on through the reader: 0, or the code at read_seq. */
int log_probe_read_all(struct log_probe *p);
void log_probe_close(struct log_probe *p);
/* The sink alone, for a test that runs recovery itself. */
struct wr_recovery_sink log_probe_sink(struct log_probe *p);
/*
 * Of how many places of damage a sweep tries one: 1, all, in a native build; 7 under
 * AddressSanitizer, where memory is what is looked at, and the same code runs at each; 17 under an
 * emulated processor (WEIR_TEST_EMULATED). No divisor of a block: all offsets and bits come.
 */
uint32_t log_probe_places_each(void);

#endif
