/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a scalar of a config file: where in its text, why, and what would be right.
 * The readers of scalars (value.h, cpus.h) fill it in; read.c adds the place of the scalar in the
 * file and makes a diagnostic of it.
 */
#ifndef WR_CONFIG_FAULT_H
#define WR_CONFIG_FAULT_H

#include <stddef.h>

struct wr_config_fault {
	size_t at;    /* first byte at fault, counted from the text's first */
	size_t bytes; /* how many are; 0: something is missing there */
	char why[160];
	char help[160]; /* or "" */
};

#endif
