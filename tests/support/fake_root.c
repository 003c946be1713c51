/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_root.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char fake_root[2048];

void fake_root_make(void)
{
	const char *parent = getenv("TMPDIR");
	(void)snprintf(fake_root, sizeof fake_root, "%s/weir-root-XXXXXX",
		       parent != NULL ? parent : P_tmpdir);
	cr_assert_not_null(mkdtemp(fake_root));
}

void fake_root_remove(void)
{
	char command[PATH_MAX];
	(void)snprintf(command, sizeof command, "rm -r '%s'", fake_root);
	cr_assert_eq(system(command), 0);
}

void fake_root_put(const char *path, const char *text)
{
	char full[PATH_MAX];
	int length = snprintf(full, sizeof full, "%s/%s", fake_root, path);
	cr_assert(length > 0 && (size_t)length < sizeof full);
	for (char *p = full + strlen(fake_root) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		cr_assert(mkdir(full, 0700) == 0 || errno == EEXIST);
		*p = '/';
	}
	FILE *file = fopen(full, "we");
	cr_assert_not_null(file);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}
