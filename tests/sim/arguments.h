/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of the simulators: --name NUMBER. */
#ifndef WR_SIM_ARGUMENTS_H
#define WR_SIM_ARGUMENTS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t sim_argument(int argc, char **argv, const char *name, uint64_t otherwise)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return strtoull(argv[i + 1], NULL, 0);
	return otherwise;
}

#endif
