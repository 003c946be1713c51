/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A made-up run of `weir bench ring`: two cells and two peers, five rounds. In the first weir wins
 * against both (22 to 5 and to 10), in the second it loses to the one peer that has it (10 to 20).
 *
 * Thread: main of a test.
 */
#ifndef WEIR_TESTS_RING_BED_H
#define WEIR_TESTS_RING_BED_H

#include <string.h>

#include "tools/weir/ring_report.h"

#define RING_BED_ROUNDS 5u

struct ring_bed {
	struct ring_peer contenders[3];
	const struct ring_peer *peers[3];
	struct ring_cell_result cells[2];
	struct ring_report report;
};

static inline void ring_bed_cells(struct ring_bed *bed)
{
	bed->cells[0].cell = (struct ring_cell){.shape = RING_SPSC,
						.payload_bytes = 8,
						.batch = 1,
						.wait = WEIR_WAIT_SPIN,
						.producers = 1,
						.consumers = 1,
						.capacity = 1024};
	bed->cells[1].cell = (struct ring_cell){.shape = RING_MPMC,
						.payload_bytes = 64,
						.batch = 32,
						.wait = WEIR_WAIT_ADAPTIVE,
						.producers = 2,
						.consumers = 2,
						.capacity = 1024};
	bed->cells[0].ran[0] = bed->cells[0].ran[1] = bed->cells[0].ran[2] = true;
	bed->cells[1].ran[0] = bed->cells[1].ran[2] = true;
	for (unsigned r = 0; r < RING_BED_ROUNDS; r++) {
		bed->cells[0].mops[0][r] = 20 + r;
		bed->cells[0].mops[1][r] = 5;
		bed->cells[0].mops[2][r] = 10;
		bed->cells[1].mops[0][r] = 10;
		bed->cells[1].mops[2][r] = 20;
	}
}

static inline void ring_bed_init(struct ring_bed *bed)
{
	memset(bed, 0, sizeof *bed);
	bed->contenders[0] = (struct ring_peer){.name = "weir", .version = "0.1.0"};
	bed->contenders[1] = (struct ring_peer){.name = "slow", .version = "1.2", .flags = "-O9"};
	bed->contenders[2] = (struct ring_peer){.name = "a <quick> one", .version = "3 & more"};
	for (unsigned p = 0; p < 3; p++)
		bed->peers[p] = &bed->contenders[p];
	ring_bed_cells(bed);
	bed->report = (struct ring_report){
		.cells = bed->cells,
		.cell_count = 2,
		.rounds = RING_BED_ROUNDS,
		.peers = bed->peers,
		.peer_count = 3,
		.length_ns = 20000000,
		.pinned = true,
		.has_rtt = true,
		.rtt = {.weir = {.p50 = 230, .p99 = 300, .p999 = 900},
			.line = {.p50 = 200},
			.pair = {.p50 = 240}},
		.machine = {.cpu = "a CPU",
			    .kernel = "6.1 x86_64",
			    .governor = "performance",
			    .isolated = "2-3",
			    .cpus_allowed = 4,
			    .cpus_online = 8},
		.when_us = 1769860800000000ull,
	};
	for (unsigned i = 0; i < RING_RTT_POINTS; i++) {
		bed->report.rtt.weir.curve[i] = 220 + i * i;
		bed->report.rtt.line.curve[i] = 190 + i;
		bed->report.rtt.pair.curve[i] = 210 + i;
	}
}

#endif
