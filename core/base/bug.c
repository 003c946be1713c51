/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bug.h"

enum wr_bug wr_bug_active = WR_BUG_NONE;
