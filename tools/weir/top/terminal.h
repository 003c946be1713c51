/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir top` on a terminal, by ncurses: the one file that knows it. Without ncurses
 * (WR_HAVE_NCURSES) it is not built.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TOP_TERMINAL_H
#define WEIR_TOOLS_TOP_TERMINAL_H

#include "tools/weir/top/screen.h"

/*
 * Shows, looks again each interval, and does what keys say, until one, or a signal, says the end.
 * The exit code: 0, 130 after a signal, CLI_EXIT_USAGE: no terminal that can do it.
 */
int terminal_run(struct find *f, const char *dir, const char *which, struct view *v,
		 uint64_t interval_ns);

#endif
