/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a config that are not in it: the content of a file, or a variable of the environment.
 * What is read is never part of a message.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BRIDGE_SECRET_H
#define WEIR_TOOLS_BRIDGE_SECRET_H

#include <weir/config.h>

#define BRIDGE_SECRET_BYTES_MAX (64u << 10)
#define BRIDGE_SECRET_WHY_BYTES 320

/* The value, without one line feed at its end, to be given back with bridge_secret_free(). NULL:
 * there is none, and `why` says what is missing. */
char *bridge_secret_read(const struct weir_config_secret *secret,
			 char why[BRIDGE_SECRET_WHY_BYTES]);

/* Overwrites it first. NULL is allowed. */
void bridge_secret_free(char *value);

#endif
