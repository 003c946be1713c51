/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/assert.h"

#include <stdlib.h>

/* Where a debugger finds the failed assertion: the library itself prints nothing. */
extern const char *wr_assert_text;
const char *wr_assert_text;

_Noreturn void wr_assert_failed(const char *text)
{
	wr_assert_text = text;
	abort();
}
