/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_root.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

char fake_root[TEST_PATH_BYTES];

void fake_root_make(void)
{
	test_dir_make(fake_root);
}

void fake_root_remove(void)
{
	test_dir_remove(fake_root);
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
