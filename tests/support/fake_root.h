/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder with proc/ and sys/ in it, as functions with a `root` parameter read them.
 *
 *   fake_root_make();
 *   fake_root_put("proc/self/status", "...");
 *   ... fake_root ...
 *   fake_root_remove();
 */
#ifndef WR_TESTS_FAKE_ROOT_H
#define WR_TESTS_FAKE_ROOT_H

#include "tests/support/real_data.h"

extern char fake_root[TEST_PATH_BYTES];

void fake_root_make(void);
void fake_root_put(const char *path, const char *text);
void fake_root_remove(void);

#endif
