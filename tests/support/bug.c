/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switches a seeded bug on (core/base/bug.h), before main(): linked into every test program of a
 * build with -Dseeded_bugs=true, and into no other. The library itself reads no environment.
 *
 *   sim_journal --bug ACK_BEFORE_SYNC --seed 3
 *   WEIR_TEST_BUG=ACK_BEFORE_SYNC unit_journal     where a program's arguments are not ours
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bug.h"

static const char *wanted(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--bug") == 0)
			return argv[i + 1];
	return getenv("WEIR_TEST_BUG");
}

/* glibc hands constructors what it hands main(). */
__attribute__((constructor)) static void switch_bug_on(int argc, char **argv)
{
	static const char *const names[WR_BUG_COUNT] = {
#define BUG_NAME(name, file, breaks) [WR_BUG_##name] = #name,
		WR_BUG_MAP(BUG_NAME)
#undef BUG_NAME
	};
	const char *name = wanted(argc, argv);

	if (name == NULL)
		return;
	for (int bug = WR_BUG_NONE + 1; bug < WR_BUG_COUNT; bug++)
		if (strcmp(names[bug], name) == 0)
			wr_bug_active = (enum wr_bug)bug;
	if (wr_bug_active != WR_BUG_NONE)
		return;
	(void)fprintf(stderr, "there is no seeded bug %s\n", name);
	_Exit(2);
}
