/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine as boxes: one cell a core, one box a level-3 cache, boxes side by side as the width
 * lets them, and on the cores the threads that a placement puts there.
 *
 *   package 0, node 0
 *    L3 0                            L3 1
 *   +------+------+------+------+   +------+------+------+------+
 *   | 0 16 | 1 17 | 2 18 | 3 19 |   | 4 20 | 5 21 | 6 22 | 7 23 |
 *   | keep | log! | jrnl |      |   |      |      |      |      |
 *   +------+------+------+------+   +------+------+------+------+
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TOPOLOGY_DRAW_H
#define WEIR_TOOLS_TOPOLOGY_DRAW_H

#include <stdbool.h>
#include <stdio.h>

#include "io/config/place.h"

struct topology_drawing {
	const struct wr_topology *topology;
	const struct wr_affinity *affinity;
	const struct wr_placement *placement; /* without problems */
	const struct wr_place_request *requests;
	int columns;
	bool color;
	bool utf8;
};

void topology_draw(FILE *to, const struct topology_drawing *drawing);

/* Can the terminal of this process show box-drawing characters? LC_ALL, LC_CTYPE, LANG. */
bool topology_utf8(void);

#endif
