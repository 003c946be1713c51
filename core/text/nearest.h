/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was probably meant: the nearest of the words that are known.
 *
 * Used by the command line (tools/weir) and by config files (io/config); not in libweir.
 *
 * Thread: any; pure functions.
 */
#ifndef WR_TEXT_NEAREST_H
#define WR_TEXT_NEAREST_H

/* The candidate (NULL ends) that `word` was probably meant to be, or NULL. */
const char *wr_nearest(const char *word, const char *const *candidates);

#endif
